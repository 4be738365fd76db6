//! What the server says of itself (RFC 7644 §4).

use headwater_scim::{discovery, error::ScimError, message, resource_type::Registry};
use serde_json::{Value, json};

use super::{Answered, Exchange, query::Parameters, respond};

impl Exchange<'_> {
    /// Paging, sorting and projection are passed over here (RFC 7644 §4); a filter is refused, so
    /// that nobody takes the answer for filtered (AMB-54).
    pub(super) fn discovery(&self, segments: &[&str]) -> Answered {
        if Parameters::read(self.head.uri.query())?.filter.is_some() {
            return Err(ScimError::with_status(403, "this endpoint takes no filter").into());
        }
        let registry = Registry::built_in();
        let base_url = &self.caller.base_url;
        let found = match segments {
            ["ServiceProviderConfig"] => Some(discovery::service_provider_config(base_url)),
            ["ResourceTypes"] => Some(list(&discovery::resource_types(&registry, base_url))),
            ["ResourceTypes", name] => {
                registry.resource_type(name).map(|found| discovery::resource_type(found, base_url))
            }
            ["Schemas"] => Some(list(&discovery::schemas(&registry, base_url))),
            ["Schemas", urn] => registry.schema(urn).map(|found| discovery::schema(found, base_url)),
            _ => None,
        };
        let found = found
            .ok_or_else(|| ScimError::with_status(404, format!("there is no /{}", segments.join("/"))))?;
        Ok(respond::json(200, &found))
    }
}

fn list(resources: &[Value]) -> Value {
    json!({
        "schemas": [message::LIST_RESPONSE],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}
