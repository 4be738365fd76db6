//! PATCH requests as clients send them (*Updating Resources*).

use headwater_scim::{
    error::{ScimError, ScimType},
    interop,
    registry::Registry,
};
use serde_json::{Value, json};

use crate::{ENTERPRISE, GROUP, PATCH_OP, USER, object, operation};

fn check_body(resource_type: &str, body: &Value) -> Result<(), ScimError> {
    let registry = Registry::built_in();
    interop::check_patch(&object(body), registry.resource_type(resource_type).expect("built in"))
}

fn check(resource_type: &str, operation: &Value) -> Result<(), ScimError> {
    check_body(resource_type, &json!({"schemas": [PATCH_OP], "Operations": [operation]}))
}

fn assert_refused(resource_type: &str, table: &[(Value, ScimType)]) {
    for (operation, scim_type) in table {
        let error = check(resource_type, operation).expect_err(&operation.to_string());
        assert_eq!((error.status, error.scim_type), (400, Some(*scim_type)), "{operation}: {error}");
        assert_eq!(error.operation, Some(0), "{operation}");
    }
}

fn assert_taken(resource_type: &str, table: &[Value]) {
    for operation in table {
        assert_eq!(check(resource_type, operation), Ok(()), "{operation}");
    }
}

/// *Mandatory Use of the 'path' Attribute*.
#[test]
fn every_operation_has_a_path() {
    let refused = |operation| (operation, ScimType::InvalidSyntax);
    assert_refused(
        "User",
        &[
            refused(json!({"op": "add", "value": {"title": "T"}})),
            refused(json!({"op": "replace", "value": {"title": "T"}})),
            refused(json!({"op": "replace", "path": "", "value": {"title": "T"}})),
            refused(json!({"op": "replace", "path": " ", "value": {"title": "T"}})),
            refused(json!({"op": "replace", "path": null, "value": {"title": "T"}})),
            refused(json!({"op": "replace", "path": 7, "value": {"title": "T"}})),
            refused(json!({"op": "remove"})),
        ],
    );
    let second = json!({"schemas": [PATCH_OP], "Operations": [operation("add", "title", json!("T")), {"op": "add", "value": {}}]});
    let error = check_body("User", &second).expect_err("the second has no path");
    assert_eq!(error.operation, Some(1));
    assert_taken("User", &[operation("add", "title", json!("T")), json!({"op": "remove", "path": "title"})]);
}

/// RFC 7644 §3.5.2, to the letter.
#[test]
fn the_message_is_as_the_rfc_writes_it() {
    let operations = json!([operation("add", "title", json!("T"))]);
    for body in [
        json!({"Operations": operations}),
        json!({"schemas": [], "Operations": operations}),
        json!({"schemas": PATCH_OP, "Operations": operations}),
        json!({"schemas": [USER], "Operations": operations}),
        json!({"schemas": [PATCH_OP, USER], "Operations": operations}),
        json!({"schemas": [PATCH_OP], "Operations": operations, "note": "x"}),
        json!({"schemas": [PATCH_OP], "Operations": operations[0]}),
        json!({"schemas": [PATCH_OP]}),
    ] {
        let error = check_body("User", &body).expect_err(&body.to_string());
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax), "{body}");
    }
    assert_eq!(check_body("User", &json!({"schemas": [PATCH_OP], "operations": operations})), Ok(()));
    let refused = |operation| (operation, ScimType::InvalidSyntax);
    assert_refused(
        "User",
        &[
            refused(operation("Add", "title", json!("T"))),
            refused(operation("REPLACE", "title", json!("T"))),
            refused(operation("move", "title", json!("T"))),
            refused(json!({"path": "title", "value": "T"})),
            refused(json!({"op": "add", "path": "title", "value": "T", "name": "addTitle"})),
            refused(json!("add")),
        ],
    );
}

/// *Attribute and Schema Handling* in paths and values.
#[test]
fn what_no_schema_defines_is_refused() {
    let refused = |path: &str, value| (operation("add", path, value), ScimType::InvalidSyntax);
    assert_refused(
        "User",
        &[
            refused("shoeSize", json!(7)),
            refused("name.nick", json!("A")),
            refused("emails[type eq \"work\"].verified", json!(true)),
            refused("urn:example:ext:1.0:a", json!(1)),
            refused("urn:scim:schemas:core:2.0:User:title", json!("T")),
            refused("urn:ietf:params:scim:schemas:core:2.0:title", json!("T")),
            refused("urn:scim:schemas:extension:enterprise:1.0:department", json!("D")),
            refused(&format!("{ENTERPRISE}:shoeSize"), json!(7)),
            refused("name", json!({"nick": "A"})),
            refused("emails", json!([{"value": "a@x"}, {"verified": true}])),
            refused("meta", json!({"colour": "red"})),
            refused("schemas", json!(["urn:example:ext:1.0"])),
            (json!({"op": "remove", "path": "shoeSize"}), ScimType::InvalidSyntax),
        ],
    );
    assert_taken(
        "User",
        &[
            operation("add", "TITLE", json!("T")),
            operation("add", &format!("{USER}:name.givenName"), json!("A")),
            operation("add", &format!("{ENTERPRISE}:department").to_uppercase(), json!("D")),
            // RFC 7644 §3.10: the URN SHOULD be there
            operation("add", "department", json!("D")),
            operation("add", "schemas", json!([ENTERPRISE])),
            operation("replace", "schemas", json!([USER, ENTERPRISE])),
        ],
    );
}

/// *Filtering Constraints* and *Error Handling*; RFC 7644 figure 7.
#[test]
fn a_path_leads_to_something_definite() {
    let add = |path: &str, scim_type| (operation("add", path, json!("x")), scim_type);
    assert_refused(
        "User",
        &[
            // "Filter fails to target a specific sub-attribute"
            add("emails[type eq \"work\"]", ScimType::InvalidPath),
            (
                operation("replace", "emails[type eq \"work\"]", json!({"value": "a@x"})),
                ScimType::InvalidPath,
            ),
            // "use of prohibited operators"
            add("emails[value co \"@x\"].display", ScimType::InvalidSyntax),
            add("emails[type eq \"work\" or type eq \"home\"].value", ScimType::InvalidSyntax),
            add("emails[not (type eq \"work\")].value", ScimType::InvalidSyntax),
            add("emails[value pr].display", ScimType::InvalidSyntax),
            (json!({"op": "remove", "path": "emails[value ew \"@x\"]"}), ScimType::InvalidSyntax),
            // which of the values?
            add("emails.value", ScimType::InvalidPath),
            (json!({"op": "remove", "path": "emails.display"}), ScimType::InvalidPath),
            // no path of the RFC
            add("emails[0].value", ScimType::InvalidPath),
            add(" title", ScimType::InvalidPath),
            add("a..b", ScimType::InvalidPath),
            add(&format!("{ENTERPRISE}:manager[value eq \"1\"].value"), ScimType::InvalidPath),
            (operation("add", ENTERPRISE, json!({"department": "D"})), ScimType::InvalidPath),
            (json!({"op": "remove", "path": ENTERPRISE}), ScimType::InvalidPath),
            add("emails[colour eq \"red\"].value", ScimType::InvalidFilter),
            add("emails[primary eq \"True\"].value", ScimType::InvalidFilter),
            // it would create a value of a type that isn't declared
            add("emails[type eq \"office\"].value", ScimType::InvalidValue),
        ],
    );
    assert_taken(
        "User",
        &[
            operation("add", "emails[type eq \"work\"].value", json!("a@x")),
            operation("add", "emails[(type eq \"work\") and primary eq true].value", json!("a@x")),
            operation("add", "emails[value eq\"a\\\"b]@x\"].display", json!("D")),
            // there may be one from before
            operation("replace", "emails[type eq \"office\"].type", json!("work")),
            json!({"op": "remove", "path": "emails[type eq \"office\"]"}),
            json!({"op": "remove", "path": "emails[type eq \"work\"].display"}),
        ],
    );
    assert_refused(
        "Group",
        &[
            (json!({"op": "remove", "path": "members[type eq \"User\"]"}), ScimType::InvalidFilter),
            (
                json!({"op": "remove", "path": "members[value eq \"1\" or value eq \"2\"]"}),
                ScimType::InvalidSyntax,
            ),
        ],
    );
    // IPSIE AL1, Add or Remove Group Members
    assert_taken(
        "Group",
        &[
            json!({"op": "remove", "path": "members[value eq \"1\"]"}),
            json!({"op": "remove", "path": "members[value eq \"1\" and type eq \"User\"]"}),
            json!({"op": "remove", "path": "members"}),
            json!({"op": "remove", "path": "members", "value": null}),
        ],
    );
}

/// *Collection-Level Operations*, *Complex Attribute Operations*, and the values of resources.
#[test]
fn values_have_the_form_that_the_path_asks_for() {
    for op in ["add", "replace"] {
        let refused = |path: &str, value| (operation(op, path, value), ScimType::InvalidValue);
        assert_refused(
            "User",
            &[
                refused("emails", json!({"value": "a@x"})),
                refused("emails", json!("a@x")),
                refused("emails", Value::Null),
                refused("emails", json!([{"value": "a@x", "type": "office"}])),
                refused("emails[type eq \"work\"].type", json!("office")),
                refused("emails[type eq \"work\"].primary", json!("true")),
                refused("name", json!("Ada")),
                refused("name", json!([{"givenName": "A"}])),
                refused("name", Value::Null),
                refused("name.givenName", json!(["A"])),
                refused("active", json!("True")),
                refused("active", json!("")),
                refused("title", json!(["T"])),
                refused("manager", json!("1")),
                refused("manager", json!({"$ref": "../Users/1"})),
                refused("manager.value", json!("")),
                refused("manager.$ref", json!("../Users/1")),
            ],
        );
        assert_refused(
            "Group",
            &[refused("members", json!({"value": "1"})), refused("members", json!(["1"]))],
        );
        assert_taken("Group", &[operation(op, "members", json!([{"value": "1"}]))]);
        assert_taken(
            "User",
            &[
                operation(op, "emails", json!([{"value": "a@x", "type": "home"}])),
                operation(op, "emails", json!([])),
                operation(op, "name", json!({"givenName": "A"})),
                operation(op, "active", json!(false)),
                operation(op, "title", Value::Null),
                operation(op, "manager", json!({"value": "1"})),
                operation(op, "manager.value", json!("1")),
            ],
        );
    }
    let with_value = operation("remove", "members", json!([{"value": "1"}]));
    assert_refused("Group", &[(with_value, ScimType::InvalidSyntax)]);
}

#[test]
fn groups_are_named_by_their_own_schema() {
    let add = |urn: &str| operation("add", &format!("{urn}:displayName"), json!("g"));
    assert_taken("Group", &[add(GROUP)]);
    assert_refused("Group", &[(add(USER), ScimType::InvalidSyntax)]);
}
