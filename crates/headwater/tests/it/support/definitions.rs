//! Schemas and a resource type that a source adds.

use serde_json::{Value, json};

use super::{Admin, Server, Source};

/// The URN of an extension of the source's own.
pub(crate) const BADGE: &str = "urn:example:params:scim:schemas:2.0:Badge";
/// The URN of the schema of a resource type of the source's own.
pub(crate) const DEVICE: &str = "urn:example:params:scim:schemas:2.0:Device";

/// An extension with an attribute of each kind.
pub(crate) fn badge() -> Value {
    json!({
        "id": BADGE,
        "name": "Badge",
        "description": "What opens the doors",
        "attributes": [
            {"name": "number", "required": true, "uniqueness": "server", "caseExact": true},
            {"name": "level", "type": "integer"},
            {"name": "weight", "type": "decimal"},
            {"name": "issued", "type": "dateTime"},
            {"name": "lost", "type": "boolean"},
            {"name": "photo", "type": "reference", "referenceTypes": ["external"]},
            {"name": "doors", "multiValued": true},
            {"name": "places", "type": "complex", "multiValued": true},
            {"name": "holder", "type": "complex", "subAttributes": [
                {"name": "first"}, {"name": "age", "type": "integer"}]},
            {"name": "serial", "mutability": "immutable"},
            {"name": "colour", "returned": "always"},
            {"name": "pin", "returned": "request"},
            {"name": "hint", "returned": "never"}
        ]
    })
}

/// The base schema of devices.
pub(crate) fn device() -> Value {
    json!({"id": DEVICE, "name": "Device", "attributes": [
        {"name": "displayName", "required": true},
        {"name": "serialNumber", "uniqueness": "server"},
        {"name": "ports", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "speed", "type": "integer"}]}
    ]})
}

/// A resource type whose resources have to have a badge.
pub(crate) fn device_type() -> Value {
    json!({
        "name": "Device",
        "description": "What people work with",
        "endpoint": "/Devices",
        "schema": DEVICE,
        "schemaExtensions": [{"schema": BADGE, "required": true}],
        "searchable": ["ports.speed"]
    })
}

/// The path of a schema of a source in the admin API.
pub(crate) fn schema_path(source: &Source, urn: &str) -> String {
    format!("/sources/{}/schemas/{urn}", source.slug)
}

/// A source whose users may have a badge.
#[track_caller]
pub(crate) fn with_badges() -> (Server, Admin, Source) {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    ada.put(&format!("{}?extends=User", schema_path(&source, BADGE)), &badge()).expect(201);
    (server, ada, source)
}

/// A source that has devices too.
#[track_caller]
pub(crate) fn with_devices() -> (Server, Admin, Source) {
    let (server, ada, source) = with_badges();
    ada.put(&schema_path(&source, DEVICE), &device()).expect(201);
    ada.put(&format!("/sources/{}/resource-types/Device", source.slug), &device_type()).expect(201);
    (server, ada, source)
}

/// Makes a user with this in their badge, and returns the id.
#[track_caller]
pub(crate) fn user_with_badge(source: &Source, name: &str, badge: &Value) -> String {
    let made = source.post("/Users", &json!({"userName": name, BADGE: badge})).expect(201).json();
    made["id"].as_str().expect("an id").to_owned()
}
