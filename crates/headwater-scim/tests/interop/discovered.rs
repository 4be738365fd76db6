//! What discovery says.

use headwater_scim::{discovery, interop, registry::Registry};
use serde_json::{Value, json};

use crate::USER;

/// *Scope and Conformance*: "This attribute is defined as follows".
#[test]
fn the_mark_of_conformance_is_defined() {
    let registry = Registry::built_in();
    let urn = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    let schema = registry.schema(urn).expect("built in");
    let mark = schema.attribute("interopProfileConformant").expect("it is defined");
    let answered = serde_json::to_value(&**mark).expect("writes");
    for (name, value) in [
        ("name", json!("interopProfileConformant")),
        ("type", json!("boolean")),
        ("multiValued", json!(false)),
        ("required", json!(false)),
        ("mutability", json!("readOnly")),
        ("returned", json!("default")),
    ] {
        assert_eq!(answered[name], value, "{name}");
    }
}

/// *Canonical Values for Typed Attributes*: "MUST declare the acceptable `type` values".
#[test]
fn every_type_has_its_values_declared() {
    let undeclared = |schema: &Value| -> Vec<String> {
        let mut names = Vec::new();
        for attribute in schema["attributes"].as_array().expect("a list") {
            let subs = attribute["subAttributes"].as_array().into_iter().flatten();
            let mut types = subs.filter(|sub| attribute["multiValued"] == true && sub["name"] == "type");
            if types.any(|sub| !sub["canonicalValues"].is_array()) {
                names.push(attribute["name"].as_str().expect("text").to_owned());
            }
        }
        names
    };
    let registry = Registry::built_in();
    for schema in &registry.schemas {
        let mut answered = serde_json::to_value(&**schema).expect("writes");
        let missing: &[&str] =
            if schema.id == USER { &["entitlements", "roles", "x509Certificates"] } else { &[] };
        assert_eq!(undeclared(&answered), missing, "{}", schema.id);
        interop::describe(&mut answered, false);
        assert_eq!(undeclared(&answered), Vec::<String>::new(), "{}", schema.id);
    }
    let mut custom = json!({"attributes": [
        {"name": "kind", "multiValued": false, "subAttributes": [{"name": "type"}]},
        {"name": "kinds", "multiValued": true, "subAttributes": [{"name": "Type"}, {"name": "value"}]},
        {"name": "sorts", "multiValued": true, "subAttributes": [{"name": "type", "canonicalValues": ["a"]}]}
    ]});
    interop::describe(&mut custom, false);
    let subs = |position: usize| custom["attributes"][position]["subAttributes"].clone();
    assert_eq!(subs(0), json!([{"name": "type"}]));
    assert_eq!(subs(1), json!([{"name": "Type", "canonicalValues": []}, {"name": "value"}]));
    assert_eq!(subs(2), json!([{"name": "type", "canonicalValues": ["a"]}]));
}

/// *Discovery Endpoints*, *Case Sensitivity*: what holds without the switch.
#[test]
fn discovery_and_letter_case_are_as_the_profile_wants_them() {
    let registry = Registry::built_in();
    for resource_type in &registry.resource_types {
        let answered = discovery::resource_type(resource_type, "https://example.com/v2");
        assert_eq!(answered["id"], answered["name"]);
        let extensions = answered["schemaExtensions"].as_array().expect("a list");
        let urns = extensions.iter().map(|extension| &extension["schema"]).chain([&answered["schema"]]);
        for urn in urns {
            assert!(registry.schema(urn.as_str().expect("text")).is_some(), "{urn}");
        }
        for (name, exact) in [("id", true), ("externalId", true)] {
            assert_eq!(resource_type.core_attribute(name).expect("common").case_exact, exact, "{name}");
        }
    }
    let user = registry.resource_type("User").expect("built in");
    assert!(!user.core_attribute("userName").expect("core").case_exact);
}
