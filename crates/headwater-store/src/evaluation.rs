//! Filters evaluated on what is stored, as every database does it that can't evaluate them itself.

use std::sync::Arc;

use headwater_scim::{
    Object, date_time, filter::Filter, path::AttributePath, registry::Registry, resource::complete_reference,
    resource_type::ResourceType,
};
use serde_json::json;

use crate::{Millis, Named, Related, ResourceId, related};

/// What values that are computed for an answer are made from.
#[derive(Clone)]
pub(crate) struct Basis {
    pub(crate) registry: Arc<Registry>,
    pub(crate) base_url: String,
}

/// What the server says of a resource in `meta`.
pub(crate) struct About {
    pub(crate) id: ResourceId,
    pub(crate) version: i64,
    pub(crate) created: Millis,
    pub(crate) last_modified: Millis,
}

impl Basis {
    /// The URI of a resource of a type.
    fn location(&self, resource_type: &str, id: &str) -> Option<String> {
        let resource_type = self.registry.resource_type(resource_type)?;
        Some(format!("{}{}/{id}", self.base_url, resource_type.endpoint))
    }

    /// Puts `meta` into a resource of a type, as answers have it.
    pub(crate) fn add_meta(&self, resource: &mut Object, resource_type: &str, endpoint: &str, about: &About) {
        let About { id, version, created, last_modified } = about;
        let meta = json!({
            "resourceType": resource_type,
            "created": date_time::format_millis(*created),
            "lastModified": date_time::format_millis(*last_modified),
            "location": format!("{}{endpoint}/{id}", self.base_url),
            "version": format!("W/\"{version}\""),
        });
        resource.insert("meta".to_owned(), meta);
    }

    /// Completes the reference at a path of a resource, as answers have it.
    pub(crate) fn complete(&self, resource: &mut Object, path: &AttributePath, named: &Named) {
        let url = self.location(&named.resource_type, &named.id.to_string());
        complete_reference(resource, path, url, named.display.as_deref());
    }

    /// Whether the other side of a membership meets a filter; see [`related::element`].
    pub(crate) fn matches_related(&self, filter: &Filter, related: &Related, inverse: bool) -> bool {
        let mut element = related::element(related, inverse);
        let named = related.named.as_ref();
        if let Some(url) = named.and_then(|named| self.location(&named.resource_type, &related.id.to_text()))
        {
            element.insert("$ref".to_owned(), url.into());
        }
        filter.matches_element(&element.into())
    }
}

/// Whether a filter is about what stands in `meta`.
pub(crate) fn names_meta(filter: &Filter) -> bool {
    filter.mentions(&|path| path.extension.is_none() && path.attribute.name == "meta")
}

/// The name of the endpoint and of the type, which go into `meta`.
pub(crate) fn names_of(resource_type: &ResourceType) -> (String, String) {
    (resource_type.endpoint.clone(), resource_type.name.to_string())
}
