//! PATCH requests carried out (*Updating Resources*).

use headwater_scim::{
    Object,
    error::{ScimError, ScimType},
    interop,
    patch::{self, Outcome, PatchRequest, Patched, RelationEdit},
    registry::Registry,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{ENTERPRISE, PATCH_OP, USER, object, operation};

/// The road of a request: checked, read, applied. Notes of leniency come back beside it.
fn apply(
    resource_type: &str,
    before: &Value,
    operations: &Value,
) -> Result<(Patched, Vec<String>), ScimError> {
    let registry = Registry::built_in();
    let resource_type = registry.resource_type(resource_type).expect("built in");
    let body = object(&json!({"schemas": [PATCH_OP], "Operations": operations}));
    interop::check_patch(&body, resource_type)?;
    let mut notes = Vec::new();
    let mut request = PatchRequest::read(body, resource_type, &mut notes)?;
    request.interop = true;
    let patched = patch::apply(request, object(before), &Object::new(), resource_type, &mut notes)?;
    Ok((patched, notes))
}

/// *Singular Attributes*, *Collection-Level Operations*: what becomes of the resource.
#[test]
fn operations_do_what_the_profile_says() {
    let name = json!({"userName": "ada", "name": {"familyName": "L", "givenName": "A"}});
    let emails = json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work"}]});
    let manager = |members: Value| json!({"userName": "ada", ENTERPRISE: {"manager": members}});
    let table = [
        // "MUST treat `add` and `replace` as functionally equivalent"
        (&name, operation("add", "userName", json!("bob")), json!({"userName": "bob", "name": name["name"]})),
        (
            &name,
            operation("replace", "userName", json!("bob")),
            json!({"userName": "bob", "name": name["name"]}),
        ),
        // "MUST replace the entire complex attribute with the provided object"
        (
            &name,
            operation("replace", "name", json!({"familyName": "M"})),
            json!({"userName": "ada", "name": {"familyName": "M"}}),
        ),
        (&name, operation("replace", "name", json!({})), json!({"userName": "ada"})),
        (
            &manager(json!({"value": "1"})),
            operation("replace", "manager", json!({"value": "2", "displayName": "B"})),
            manager(json!({"value": "2"})),
        ),
        // "MUST perform a partial merge"
        (
            &name,
            operation("add", "name", json!({"familyName": "M"})),
            json!({"userName": "ada", "name": {"familyName": "M", "givenName": "A"}}),
        ),
        (
            &name,
            operation("replace", "name.familyName", json!("M")),
            json!({"userName": "ada", "name": {"familyName": "M", "givenName": "A"}}),
        ),
        // "MUST replace the entire collection", "MUST append"
        (
            &emails,
            operation("replace", "emails", json!([{"value": "h@x", "type": "home"}])),
            json!({"userName": "ada", "emails": [{"value": "h@x", "type": "home"}]}),
        ),
        (
            &emails,
            operation("add", "emails", json!([{"value": "h@x"}])),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work"}, {"value": "h@x"}]}),
        ),
        (
            &emails,
            operation("replace", "emails[type eq \"work\"].value", json!("n@x")),
            json!({"userName": "ada", "emails": [{"value": "n@x", "type": "work"}]}),
        ),
        (
            &emails,
            operation("add", "emails[type eq \"home\"].value", json!("h@x")),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work"}, {"type": "home", "value": "h@x"}]}),
        ),
        (&emails, json!({"op": "remove", "path": "emails[type eq \"work\"]"}), json!({"userName": "ada"})),
    ];
    for (before, operation, after) in table {
        let (patched, notes) = apply("User", before, &json!([operation])).expect("it is carried out");
        assert_eq!(Value::Object(patched.attributes), after, "{operation}");
        assert_eq!(patched.outcomes, [Outcome::Applied], "{operation}");
        assert!(notes.is_empty() && patched.ignored.is_empty(), "{operation}: {notes:?}");
    }
    let (patched, _) = apply(
        "Group",
        &json!({"displayName": "g"}),
        &json!([{"op": "remove", "path": "members[value eq \"1\"]"}]),
    )
    .expect("it is carried out");
    assert_eq!(patched.relation[0].edit, RelationEdit::Remove(vec!["1".to_owned()]));
}

/// *Error Handling*: "Filter matches more than one element"; RFC 7644 §3.5.2.3: no target.
#[test]
fn a_filter_selects_one_element() {
    let before = json!({"userName": "ada", "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "work"}, {"value": "c@x", "type": "home"}]});
    let one = |op: &str, filter: &str| json!([{"op": op, "path": format!("emails[{filter}].display"), "value": "D"}]);
    let refused =
        |operations: Value| apply("User", &before, &operations).expect_err(&operations.to_string()).scim_type;
    for operations in [
        one("add", "type eq \"work\""),
        one("replace", "type eq \"work\""),
        json!([{"op": "remove", "path": "emails[type eq \"work\"].display"}]),
        json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]),
        // the second is met by what the first has left
        json!([
            operation("add", "emails", json!([{"value": "d@x", "type": "home"}])),
            one("add", "type eq \"home\"")[0]
        ]),
    ] {
        assert_eq!(refused(operations), Some(ScimType::InvalidFilter));
    }
    assert_eq!(refused(one("replace", "type eq \"other\"")), Some(ScimType::NoTarget));
    for operations in [
        one("add", "type eq \"work\" and value eq \"a@x\""),
        one("replace", "type eq \"home\""),
        json!([{"op": "remove", "path": "emails[type eq \"other\"]"}]),
    ] {
        assert!(apply("User", &before, &operations).is_ok(), "{operations}");
    }
}

/// Without the switch the RFC holds: §3.5.2.3 merges, and several values may be selected (AMB-46).
#[test]
fn without_the_switch_nothing_of_it_holds() {
    let registry = Registry::built_in();
    let user = registry.resource_type("User").expect("built in");
    let before = json!({"userName": "ada", "name": {"givenName": "A"}, "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "work"}]});
    let operations = json!([
        operation("Replace", "name", json!({"familyName": "L"})),
        operation("replace", "emails[type eq \"work\"].display", json!("D")),
    ]);
    let body = object(&json!({"Operations": operations}));
    let request = PatchRequest::read(body, user, &mut Vec::new()).expect("it is lenient");
    let patched = patch::apply(request, object(&before), &Object::new(), user, &mut Vec::new());
    let attributes = patched.expect("it is lenient").attributes;
    assert_eq!(attributes["name"], json!({"givenName": "A", "familyName": "L"}));
    assert_eq!(attributes["emails"][1]["display"], "D");
}

fn any_operation() -> impl Strategy<Value = Value> {
    let paths = [
        "title",
        "active",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[type eq \"x\"].primary",
        "roles",
        "manager",
        "manager.value",
        "manager.$ref",
        "department",
        "colour",
        "urn:example:ext:1.0:a",
        "schemas",
        ENTERPRISE,
    ];
    let values = [
        json!("a"),
        json!(""),
        json!(true),
        json!("True"),
        json!([]),
        json!({}),
        Value::Null,
        json!(["a"]),
        json!({"value": "1"}),
        json!([{"value": "1"}]),
        json!([{"value": "1", "type": "work"}]),
        json!({"givenName": "A"}),
        json!({"$ref": "x/1"}),
        json!([{"primary": "true"}]),
        json!([USER]),
        json!({"value": ""}),
        json!({"nick": "A"}),
    ];
    let op = proptest::sample::select(vec!["add", "replace", "remove", "Add"]);
    let value = prop::option::of(proptest::sample::select(values.to_vec()));
    (op, proptest::sample::select(paths.to_vec()), value).prop_map(|(op, path, value)| {
        let mut operation = object(&json!({"op": op, "path": path}));
        operation.extend(value.map(|value| ("value".to_owned(), value)));
        operation.into()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Strict is never lenient: in a request that is carried out nothing is mended or left out.
    #[test]
    fn nothing_is_mended_and_nothing_ignored_in_what_is_carried_out(operation in any_operation()) {
        let before = json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work"}]});
        if let Ok((patched, notes)) = apply("User", &before, &json!([operation])) {
            prop_assert_eq!(notes, Vec::<String>::new());
            prop_assert_eq!(patched.ignored, Vec::<String>::new());
        }
    }
}
