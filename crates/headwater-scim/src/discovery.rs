//! What the server says of itself (RFC 7643 §5 to §7, RFC 7644 §4).

use serde_json::{Value, json};

use crate::{
    resource_type::{Registry, ResourceType},
    schema::Schema,
};

/// The most resources in one answer, as `filter.maxResults` announces.
pub const MAX_RESULTS: usize = 1_000;

/// ServiceProviderConfig (RFC 7643 §5): each flag says what is done.
pub fn service_provider_config(base_url: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
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
    })
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

/// A schema as a resource (RFC 7643 §7).
pub fn schema(schema: &Schema, base_url: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
        "meta": {
            "resourceType": "Schema",
            "location": format!("{base_url}/Schemas/{}", schema.id)
        }
    })
}

/// All resource types of a registry.
pub fn resource_types(registry: &Registry, base_url: &str) -> Vec<Value> {
    registry.resource_types.iter().map(|found| resource_type(found, base_url)).collect()
}

/// All schemas of a registry.
pub fn schemas(registry: &Registry, base_url: &str) -> Vec<Value> {
    registry.schemas.iter().map(|found| schema(found, base_url)).collect()
}
