//! What the server says of itself (RFC 7644 §4).

use headwater_scim::{
    discovery::{self, Announced, Hidden},
    error::ScimError,
    interop, message,
};
use headwater_store::Profile;
use serde_json::{Value, json};

use super::{Answered, Exchange, query::Parameters, respond};

impl Exchange<'_> {
    /// Paging, sorting and projection are passed over here (RFC 7644 §4); a filter is refused, so
    /// that nobody takes the answer for filtered (AMB-54).
    pub(super) fn discovery(&self, segments: &[&str]) -> Answered {
        if Parameters::read(self.head.uri.query())?.filter.is_some() {
            return Err(ScimError::with_status(403, "this endpoint takes no filter").into());
        }
        let registry = &self.caller.registry;
        let source = &self.caller.source;
        let base_url = &self.caller.base_url;
        let hidden = Hidden::new(&source.hidden);
        let found = match segments {
            ["ServiceProviderConfig"] => {
                Some(discovery::service_provider_config(&self.announced(), base_url))
            }
            ["ResourceTypes"] => Some(list(&discovery::resource_types(registry, base_url))),
            ["ResourceTypes", name] => {
                registry.resource_type(name).map(|found| discovery::resource_type(found, base_url))
            }
            ["Schemas"] => {
                let mut schemas = discovery::schemas(registry, &hidden, base_url);
                for schema in &mut schemas {
                    self.describe(schema);
                }
                Some(list(&schemas))
            }
            ["Schemas", urn] => {
                let found =
                    registry.schema(urn).and_then(|found| discovery::schema(found, &hidden, base_url));
                found.map(|mut schema| {
                    self.describe(&mut schema);
                    schema
                })
            }
            _ => None,
        };
        let found = found
            .ok_or_else(|| ScimError::with_status(404, format!("there is no /{}", segments.join("/"))))?;
        Ok(respond::json(200, &found))
    }

    /// Has a schema say what is done, where the interoperability profile is obeyed.
    fn describe(&self, schema: &mut Value) {
        let source = &self.caller.source;
        if source.profile == Profile::Interop {
            interop::describe(schema, source.keep_passwords);
        }
    }

    fn announced(&self) -> Announced {
        let source = &self.caller.source;
        Announced {
            max_bulk_bytes: self.context.configuration.max_bulk_bytes,
            cursor_timeout: self.context.configuration.cursor_timeout_seconds,
            keeps_secrets: source.keep_passwords,
            // What is left out of /Schemas makes it inaccurate (*Discovery Endpoints*).
            interop: source.profile == Profile::Interop && source.hidden.is_empty(),
        }
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
