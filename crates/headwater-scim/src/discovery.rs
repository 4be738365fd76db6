//! What the server says of itself (RFC 7643 §5 to §7, RFC 7644 §4).

use serde_json::{Value, json};

use crate::{registry::Registry, resource_type::ResourceType, schema::Schema};

/// The most resources in one answer, as `filter.maxResults` announces.
pub const MAX_RESULTS: usize = 1_000;

/// How many resources a page has when the client doesn't say, as `pagination.defaultPageSize`
/// announces.
pub const DEFAULT_PAGE: usize = 100;
/// The most operations of one bulk request, as `bulk.maxOperations` announces.
pub const MAX_BULK_OPERATIONS: usize = 1_000;

/// What ServiceProviderConfig announces beside what is always done.
#[derive(Debug, Clone, Copy)]
pub struct Announced {
    /// The longest bulk request, in bytes.
    pub max_bulk_bytes: usize,
    /// For how many seconds a cursor is good (RFC 9865 §4).
    pub cursor_timeout: u64,
    /// Whether secrets that clients set are kept.
    pub keeps_secrets: bool,
    /// Whether the interoperability profile is obeyed where it is stricter than the RFC.
    pub interop: bool,
}

/// ServiceProviderConfig (RFC 7643 §5, RFC 9865 §4): each flag says what is done.
pub fn service_provider_config(announced: &Announced, base_url: &str) -> Value {
    let mut config = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": MAX_BULK_OPERATIONS,
            "maxPayloadSize": announced.max_bulk_bytes
        },
        "filter": {"supported": true, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": announced.keeps_secrets},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_PAGE,
            "maxPageSize": MAX_RESULTS,
            "cursorTimeout": announced.cursor_timeout
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A token of the source, sent in the Authorization header as Bearer",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base_url}/ServiceProviderConfig")
        }
    });
    if announced.interop {
        config["interopProfileConformant"] = true.into();
    }
    config
}

/// A resource type as a resource (RFC 7643 §6).
pub fn resource_type(resource_type: &ResourceType, base_url: &str) -> Value {
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|extension| json!({"schema": extension.schema.id, "required": extension.required}))
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": *resource_type.name,
        "name": *resource_type.name,
        "description": resource_type.description,
        "endpoint": resource_type.endpoint,
        "schema": resource_type.schema.id,
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base_url}/ResourceTypes/{}", resource_type.name)
        }
    })
}

/// What a source leaves out of `/Schemas`, for clients that refuse what they find there: paths of
/// attributes (`password`, `emails.display`, or behind the URN of their schema) and whole schemas, by
/// their URN. It changes nothing of what is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden(Vec<String>);

impl Hidden {
    /// Whether each of these paths and URNs is there to be left out.
    ///
    /// # Errors
    /// The first that isn't.
    pub fn check(entries: &[String], registry: &Registry) -> Result<(), String> {
        for entry in entries {
            let shown = |schema: &&std::sync::Arc<Schema>| {
                schema.id.eq_ignore_ascii_case(entry)
                    || schema.attributes.iter().any(|attribute| {
                        matches(entry, schema, &attribute.name)
                            || attribute.sub_attributes.iter().any(|sub| {
                                matches(entry, schema, &format!("{}.{}", attribute.name, sub.name))
                            })
                    })
            };
            if !registry.schemas.iter().any(|schema| shown(&schema)) {
                return Err(format!("{entry:?} is neither an attribute of a schema nor the URN of one"));
            }
        }
        Ok(())
    }

    /// What was checked before.
    pub fn new(entries: &[String]) -> Self {
        Self(entries.to_vec())
    }

    fn hides_schema(&self, schema: &Schema) -> bool {
        self.0.iter().any(|entry| entry.eq_ignore_ascii_case(&schema.id))
    }

    fn hides(&self, schema: &Schema, path: &str) -> bool {
        self.0.iter().any(|entry| matches(entry, schema, path))
    }
}

/// Whether an entry is the path, as it is or behind the schema's URN.
fn matches(entry: &str, schema: &Schema, path: &str) -> bool {
    let behind_urn = entry
        .get(..schema.id.len())
        .filter(|start| start.eq_ignore_ascii_case(&schema.id))
        .and_then(|_| entry[schema.id.len()..].strip_prefix(':'));
    behind_urn.unwrap_or(entry).eq_ignore_ascii_case(path)
}

/// A schema as a resource (RFC 7643 §7); `None` for one that is left out.
pub fn schema(schema: &Schema, hidden: &Hidden, base_url: &str) -> Option<Value> {
    if hidden.hides_schema(schema) {
        return None;
    }
    let attributes: Vec<_> = schema
        .attributes
        .iter()
        .filter(|attribute| !hidden.hides(schema, &attribute.name))
        .map(|attribute| {
            let mut attribute = (**attribute).clone();
            let name = attribute.name.clone();
            attribute.sub_attributes.retain(|sub| !hidden.hides(schema, &format!("{name}.{}", sub.name)));
            attribute
        })
        .collect();
    Some(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes,
        "meta": {
            "resourceType": "Schema",
            "location": format!("{base_url}/Schemas/{}", schema.id)
        }
    }))
}

/// All resource types of a registry.
pub fn resource_types(registry: &Registry, base_url: &str) -> Vec<Value> {
    registry.resource_types.iter().map(|found| resource_type(found, base_url)).collect()
}

/// All schemas of a registry but those that are left out.
pub fn schemas(registry: &Registry, hidden: &Hidden, base_url: &str) -> Vec<Value> {
    registry.schemas.iter().filter_map(|found| schema(found, hidden, base_url)).collect()
}
