//! PATCH: every kind of operation on every kind of target, and sequences of them against a model.

use headwater_scim::{
    Object,
    error::{ScimError, ScimType},
    patch::{self, Outcome, PatchRequest, Patched, RelationEdit},
    registry::{Additions, Registry},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn apply(resource_type: &str, before: &Value, operations: &Value) -> Result<Patched, ScimError> {
    apply_in(&Registry::built_in(), resource_type, before, operations)
}

fn apply_in(
    registry: &Registry,
    resource_type: &str,
    before: &Value,
    operations: &Value,
) -> Result<Patched, ScimError> {
    let resource_type = registry.resource_type(resource_type).expect("built in");
    let body =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
    let Value::Object(body) = body else { unreachable!("it was written as an object") };
    let mut notes = Vec::new();
    let request = PatchRequest::read(body, resource_type, &mut notes)?;
    let server_side = json!({"id": "the-id", "meta": {"resourceType": resource_type.name.to_string(), "version": "W/\"1\""}});
    patch::apply(request, object(before), &object(&server_side), resource_type, &mut notes)
}

fn object(value: &Value) -> Object {
    value.as_object().expect("an object").clone()
}

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Before, operations, after.
#[expect(clippy::too_many_lines, reason = "a table")]
fn changes() -> Vec<(Value, Value, Value)> {
    let user = || json!({"userName": "ada"});
    let emails = || json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home"}]});
    vec![
        // add, RFC 7644 §3.5.2.1
        (
            user(),
            json!([{"op": "add", "path": "title", "value": "T"}]),
            json!({"userName": "ada", "title": "T"}),
        ),
        (
            json!({"userName": "ada", "title": "S"}),
            json!([{"op": "add", "path": "title", "value": "T"}]),
            json!({"userName": "ada", "title": "T"}),
        ),
        (
            json!({"userName": "ada", "name": {"familyName": "L"}}),
            json!([{"op": "add", "path": "name", "value": {"givenName": "A"}}]),
            json!({"userName": "ada", "name": {"familyName": "L", "givenName": "A"}}),
        ),
        (
            user(),
            json!([{"op": "add", "path": "name.givenName", "value": "A"}]),
            json!({"userName": "ada", "name": {"givenName": "A"}}),
        ),
        (
            user(),
            json!([{"op": "add", "path": "emails", "value": {"value": "n@x"}}]),
            json!({"userName": "ada", "emails": [{"value": "n@x"}]}),
        ),
        (
            user(),
            json!([{"op": "add", "path": "emails.value", "value": "n@x"}]),
            json!({"userName": "ada", "emails": [{"value": "n@x"}]}),
        ),
        (
            user(),
            json!([{"op": "add", "path": "emails", "value": [{"value": "n@x"}, {"value": "n@x"}]}]),
            json!({"userName": "ada", "emails": [{"value": "n@x"}]}),
        ),
        (
            emails(),
            json!([{"op": "add", "path": "emails", "value": [{"value": "h@x", "type": "home", "primary": true}]}]),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work", "primary": false}, {"value": "h@x", "type": "home", "primary": true}]}),
        ),
        (
            emails(),
            json!([{"op": "add", "path": "emails[type eq \"home\"]", "value": {"display": "D"}}]),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home", "display": "D"}]}),
        ),
        (
            user(),
            json!([{"op": "Add", "path": "emails[type eq \"work\"].value", "value": "n@x"}]),
            json!({"userName": "ada", "emails": [{"type": "work", "value": "n@x"}]}),
        ),
        (
            user(),
            json!([{"op": "add", "value": {"title": "T", "emails": [{"value": "n@x"}], "nonsense": 1}}]),
            json!({"userName": "ada", "title": "T", "emails": [{"value": "n@x"}]}),
        ),
        (
            user(),
            json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "D"}]),
            json!({"userName": "ada", ENTERPRISE: {"department": "D"}}),
        ),
        (
            user(),
            json!([{"op": "add", "path": ENTERPRISE, "value": {"department": "D"}}]),
            json!({"userName": "ada", ENTERPRISE: {"department": "D"}}),
        ),
        // remove, §3.5.2.2
        (json!({"userName": "ada", "title": "T"}), json!([{"op": "remove", "path": "title"}]), user()),
        (
            json!({"userName": "ada", "name": {"givenName": "A"}}),
            json!([{"op": "remove", "path": "name.givenName"}]),
            user(),
        ),
        (emails(), json!([{"op": "remove", "path": "emails"}]), user()),
        (
            emails(),
            json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]),
            json!({"userName": "ada", "emails": [{"value": "h@x", "type": "home"}]}),
        ),
        (
            emails(),
            json!([{"op": "remove", "path": "emails", "value": [{"value": "w@x"}]}]),
            json!({"userName": "ada", "emails": [{"value": "h@x", "type": "home"}]}),
        ),
        (
            emails(),
            json!([{"op": "remove", "path": "emails", "value": [{"value": "w@x", "type": "home"}]}]),
            emails(),
        ),
        (
            emails(),
            json!([{"op": "remove", "path": "emails[type eq \"work\"].primary"}]),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work"}, {"value": "h@x", "type": "home"}]}),
        ),
        (
            emails(),
            json!([{"op": "remove", "path": "emails[type eq \"work\"]", "value": "ignored"}]),
            json!({"userName": "ada", "emails": [{"value": "h@x", "type": "home"}]}),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"department": "D"}}),
            json!([{"op": "remove", "path": ENTERPRISE}]),
            user(),
        ),
        // replace, §3.5.2.3
        (
            json!({"userName": "ada", "name": {"givenName": "A", "familyName": "L"}}),
            json!([{"op": "replace", "path": "name", "value": {"familyName": "M"}}]),
            json!({"userName": "ada", "name": {"givenName": "A", "familyName": "M"}}),
        ),
        (
            emails(),
            json!([{"op": "replace", "path": "emails", "value": [{"value": "n@x"}]}]),
            json!({"userName": "ada", "emails": [{"value": "n@x"}]}),
        ),
        (
            emails(),
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "n@x"}}]),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "n@x"}]}),
        ),
        (
            emails(),
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": "n@x"}]),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "n@x", "type": "home"}]}),
        ),
        (
            emails(),
            json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}]),
            json!({"userName": "ada", "emails": [{"value": "w@x", "type": "work", "primary": false}, {"value": "h@x", "type": "home", "primary": true}]}),
        ),
        (
            user(),
            json!([{"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "admin"}]),
            json!({"userName": "ada", "roles": [{"primary": true, "value": "admin"}]}),
        ),
        (
            json!({"userName": "ada", "title": "T"}),
            json!([{"op": "replace", "path": "title", "value": null}]),
            user(),
        ),
        (emails(), json!([{"op": "replace", "path": "emails", "value": []}]), user()),
        (
            json!({"userName": "ada", "active": true}),
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
            json!({"userName": "ada", "active": false}),
        ),
        (
            json!({"userName": "ada", "active": true}),
            json!([{"op": "replace", "value": {"active": false, "id": "the-id"}}]),
            json!({"userName": "ada", "active": false}),
        ),
        (
            user(),
            json!([{"op": "replace", "value": {"name.familyName": "L", format!("{ENTERPRISE}:employeeNumber"): "7"}}]),
            json!({"userName": "ada", "name": {"familyName": "L"}, ENTERPRISE: {"employeeNumber": "7"}}),
        ),
        (
            user(),
            json!([{"op": "replace", "value": {ENTERPRISE: {"department": "D"}}}]),
            json!({"userName": "ada", ENTERPRISE: {"department": "D"}}),
        ),
        // managers, as Entra ID sends them
        (
            user(),
            json!([{"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "m"}]),
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
        ),
        (
            user(),
            json!([{"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": [{"value": "m"}]}]),
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m", "$ref": "../Users/m"}}}),
            json!([{"op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": {"$ref": "../Users/n", "value": "n"}}]),
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "n", "$ref": "../Users/n"}}}),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m", "$ref": "../Users/m"}}}),
            json!([{"op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": "n"}]),
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "n"}}}),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
            json!([{"op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": ""}]),
            user(),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
            json!([{"op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": {"value": ""}}]),
            user(),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
            json!([{"op": "Replace", "path": format!("{ENTERPRISE}:manager.value"), "value": ""}]),
            user(),
        ),
        (
            user(),
            json!([{"op": "add", "path": format!("{ENTERPRISE}:manager.$ref"), "value": "../Users/n"}]),
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "n", "$ref": "../Users/n"}}}),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
            json!([{"op": "Remove", "path": format!("{ENTERPRISE}:manager"), "value": [{"value": "another"}]}]),
            user(),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
            json!([{"op": "Remove", "path": format!("{ENTERPRISE}:manager"), "value": ""}]),
            user(),
        ),
        (
            json!({"userName": "ada", "title": "New"}),
            json!([{"op": "Remove", "path": "title", "value": "Old"}]),
            user(),
        ),
        (
            json!({"userName": "ada", "title": "New"}),
            json!([{"op": "Remove", "path": "title", "value": 5}]),
            user(),
        ),
        (
            json!({"userName": "ada", "name": {"givenName": "G", "familyName": "F"}}),
            json!([{"op": "Remove", "path": "name", "value": {"givenName": "ZZ"}}]),
            user(),
        ),
        (
            json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "m"}}}),
            json!([{"op": "Remove", "path": format!("{ENTERPRISE}:manager"), "value": "m"}]),
            user(),
        ),
        (
            emails(),
            json!([{"op": "remove", "path": "emails", "value": [{"value": "W@X", "type": "WORK"}]}]),
            json!({"userName": "ada", "emails": [{"value": "h@x", "type": "home"}]}),
        ),
        (
            user(),
            json!([{"op": "add", "path": "title", "value": ["T"]}]),
            json!({"userName": "ada", "title": "T"}),
        ),
        // extensions that no schema describes
        (
            user(),
            json!([{"op": "add", "path": "urn:example:ext:2.0:User:Custom", "value": "c"}]),
            json!({"userName": "ada", "urn:example:ext:2.0:User": {"Custom": "c"}}),
        ),
        (
            json!({"userName": "ada", "urn:example:ext:2.0:User": {"Custom": "c"}}),
            json!([{"op": "replace", "path": "urn:example:ext:2.0:user:custom", "value": {"a": 1}}]),
            json!({"userName": "ada", "urn:example:ext:2.0:User": {"Custom": {"a": 1}}}),
        ),
        (
            json!({"userName": "ada", "urn:xx:1": {"a": 1}, "urn:xx:1:User": {"b": 1}}),
            json!([{"op": "replace", "path": "urn:xx:1:User:b", "value": 2}]),
            json!({"userName": "ada", "urn:xx:1": {"a": 1}, "urn:xx:1:User": {"b": 2}}),
        ),
        (
            json!({"userName": "ada", "urn:example:ext:2.0:User": {"Custom": "c"}}),
            json!([{"op": "remove", "path": "urn:example:ext:2.0:User:Custom"}]),
            user(),
        ),
        (
            json!({"userName": "ada", "urn:example:ext:2.0:User": {"List": [1, 2]}}),
            json!([{"op": "add", "path": "urn:example:ext:2.0:User:list", "value": [2, 3]}]),
            json!({"userName": "ada", "urn:example:ext:2.0:User": {"List": [1, 2, 3]}}),
        ),
        // in order, each on the outcome of the one before
        (
            user(),
            json!([{"op": "add", "path": "title", "value": "A"}, {"op": "replace", "path": "title", "value": "B"}, {"op": "remove", "path": "title"}, {"op": "add", "path": "title", "value": "C"}]),
            json!({"userName": "ada", "title": "C"}),
        ),
        (
            emails(),
            json!([{"op": "remove", "path": "emails"}, {"op": "add", "path": "emails", "value": [{"value": "n@x"}]}]),
            json!({"userName": "ada", "emails": [{"value": "n@x"}]}),
        ),
    ]
}

/// Shows PAT-011, PAT-013, PAT-015, PAT-020, PAT-021, PAT-022, PAT-023, PAT-024, PAT-025, PAT-026,
/// PAT-028, PAT-029, PAT-031, PAT-032, PAT-035, PAT-036, PAT-037, PAT-038, PAT-039, PAT-043, PAT-049,
/// SCH-027, AMB-03, AMB-05, AMB-35, AMB-40, AMB-41, AMB-42, AMB-46.
#[test]
fn operations_do_what_the_rfc_says_and_once_more_change_nothing() {
    for (before, operations, after) in changes() {
        let patched =
            apply("User", &before, &operations).unwrap_or_else(|error| panic!("{operations}: {error}"));
        assert_eq!(Value::Object(patched.attributes), after, "{operations} on {before}");
        let applied = patched.outcomes.contains(&Outcome::Applied);
        let expected =
            before != after || operations.as_array().is_some_and(|operations| operations.len() > 1);
        assert_eq!(applied, expected, "{operations}: {:?}", patched.outcomes);
        if operations.as_array().is_some_and(|operations| operations.len() == 1)
            && !operations.to_string().contains("home\\\"]\",\"value\":{")
        {
            let again = apply("User", &after, &operations)
                .unwrap_or_else(|error| panic!("again {operations}: {error}"));
            assert_eq!(Value::Object(again.attributes), after, "again {operations}");
            assert_eq!(again.outcomes, [Outcome::NothingToDo], "again {operations}");
        }
    }
}

/// Shows PAT-002, PAT-003, PAT-006, PAT-008, PAT-019, PAT-027, PAT-034, PAT-042, PAT-044, PAT-045,
/// PAT-046, PAT-048, USR-028, AMB-37, AMB-38, AMB-40, AMB-41, AMB-42, AMB-44.
#[test]
fn refusals_have_their_scim_type() {
    use ScimType::{InvalidFilter, InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget};
    let one = |operation: Value| json!([operation]);
    let before = json!({"userName": "ada", "name": {"givenName": "Ada"}, "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "home"}]});
    let table = [
        (json!([]), InvalidSyntax),
        (json!({"op": "add"}), InvalidSyntax),
        (one(json!("add")), InvalidSyntax),
        (one(json!({"path": "title", "value": "x"})), InvalidSyntax),
        (one(json!({"op": "move", "path": "title", "value": "x"})), InvalidSyntax),
        (one(json!({"op": "add", "path": 5, "value": "x"})), InvalidSyntax),
        (one(json!({"op": "add", "path": "title"})), InvalidValue),
        (one(json!({"op": "replace"})), InvalidValue),
        (one(json!({"op": "add", "value": "x"})), InvalidValue),
        (one(json!({"op": "add", "path": "title", "value": 5})), InvalidValue),
        (one(json!({"op": "add", "path": "active", "value": "maybe"})), InvalidValue),
        (one(json!({"op": "add", "path": "name", "value": "x"})), InvalidValue),
        (one(json!({"op": "replace", "path": "emails", "value": 5})), InvalidValue),
        (
            one(
                json!({"op": "add", "path": "emails", "value": [{"value": "x", "primary": true}, {"value": "y", "primary": true}]}),
            ),
            InvalidValue,
        ),
        (one(json!({"op": "replace", "path": "emails[value pr].primary", "value": true})), InvalidValue),
        (one(json!({"op": "replace", "path": "userName", "value": null})), InvalidValue),
        (one(json!({"op": "replace", "path": "userName", "value": ""})), InvalidValue),
        (one(json!({"op": "remove", "path": "emails", "value": ""})), InvalidValue),
        (one(json!({"op": "replace", "path": "urn:example:ext:2.0", "value": 1})), InvalidValue),
        (one(json!({"op": "remove", "path": "userName"})), Mutability),
        (one(json!({"op": "remove", "path": "schemas"})), Mutability),
        (one(json!({"op": "replace", "path": "id", "value": "another"})), Mutability),
        (one(json!({"op": "replace", "value": {"id": "another"}})), Mutability),
        (one(json!({"op": "add", "path": "groups", "value": [{"value": "g"}]})), Mutability),
        (one(json!({"op": "replace", "path": "meta.created", "value": "2026-01-01T00:00:00Z"})), Mutability),
        (
            one(json!({"op": "replace", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "x"})),
            Mutability,
        ),
        (one(json!({"op": "remove"})), NoTarget),
        (one(json!({"op": "remove", "path": ""})), NoTarget),
        (
            one(json!({"op": "replace", "path": "emails[type eq \"other\"]", "value": {"value": "x"}})),
            NoTarget,
        ),
        (
            one(
                json!({"op": "replace", "path": "emails[type ne \"work\" and value sw \"z\"].value", "value": "x"}),
            ),
            NoTarget,
        ),
        (one(json!({"op": "add", "path": "emails.value", "value": "x"})), NoTarget),
        (one(json!({"op": "remove", "path": "emails.type"})), NoTarget),
        (
            one(json!({"op": "replace", "path": "name[givenName eq \"Bob\"].familyName", "value": "x"})),
            NoTarget,
        ),
        (one(json!({"op": "add", "path": "nope", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "name.nope", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "userName.x", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "1x", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "a..b", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "emails[", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "emails[0]", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "emails/0", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "emails[type eq \"x\"].nope", "value": "x"})), InvalidPath),
        (one(json!({"op": "add", "path": "nope[type eq \"x\"]", "value": "x"})), InvalidPath),
        (one(json!({"op": "replace", "value": {"nope": 1, "neither": 2}})), InvalidPath),
        (one(json!({"op": "replace", "path": "emails", "value": [{"zzz": 1}]})), InvalidPath),
        (one(json!({"op": "replace", "path": "name", "value": {"zzz": 1}})), InvalidPath),
        (one(json!({"op": "replace", "value": {"name": {"zzz": 1}}})), InvalidPath),
        (one(json!({"op": "remove", "path": "emails", "value": [{}]})), InvalidValue),
        (one(json!({"op": "remove", "path": "emails", "value": []})), InvalidValue),
        (one(json!({"op": "add", "path": "emails[type zz \"a\"]", "value": "x"})), InvalidFilter),
        (one(json!({"op": "add", "path": "emails[nope eq \"a\"].value", "value": "x"})), InvalidFilter),
        (
            one(json!({"op": "replace", "value": {"title": "T", "emails[type zz \"a\"].value": "x"}})),
            InvalidFilter,
        ),
        // what a filter describes is created only when it may be
        (
            one(
                json!({"op": "add", "path": "x509Certificates[value eq \"no base64\"].display", "value": "x"}),
            ),
            InvalidValue,
        ),
        // all or nothing: a good operation before changes nothing
        (
            json!([{"op": "add", "path": "title", "value": "x"}, {"op": "remove", "path": "userName"}]),
            Mutability,
        ),
    ];
    for (operations, scim_type) in table {
        let error = apply("User", &before, &operations).expect_err(&operations.to_string());
        assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{operations}: {error}");
    }
    let error = apply(
        "User",
        &before,
        &json!([{"op": "add", "path": "title", "value": "x"}, {"op": "replace", "path": "active", "value": "maybe"}]),
    );
    let detail = error.expect_err("no boolean").detail;
    assert_eq!(detail, "operation 2 (replace active): active: expected true or false, found text");
}

/// Shows PAT-001, AMB-01.
#[test]
fn what_is_created_for_a_filter_meets_it() {
    let before = json!({"userName": "ada", "emails": [{"value": "a@x", "type": "work"}]});
    for operation in [
        json!({"op": "replace", "path": "emails[value eq \"c@x\"].value", "value": "d@x"}),
        json!({"op": "add", "path": "emails[type eq \"other\"]", "value": {"value": "c@x", "type": "work"}}),
    ] {
        let error = apply("User", &before, &json!([operation])).expect_err(&operation.to_string());
        assert_eq!(error.scim_type, Some(ScimType::NoTarget), "{operation}: {error}");
    }
}

#[test]
fn other_schemas_and_too_many_operations_are_refused() {
    let registry = Registry::built_in();
    let user = registry.resource_type("User").expect("built in");
    let read = |body: Value| PatchRequest::read(object(&body), user, &mut Vec::new());
    let operations = json!([{"op": "add", "path": "title", "value": "x"}]);
    assert!(read(json!({"operations": operations})).is_ok(), "schemas may be missing, names have no case");
    let error = read(json!({"schemas": ["urn:other"], "Operations": operations})).expect_err("other schemas");
    assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    let many = vec![operations[0].clone(); patch::MAX_OPERATIONS + 1];
    assert_eq!(read(json!({"Operations": many})).expect_err("too many").status, 413);
}

/// Shows USR-023, AMB-05, AMB-13, AMB-42.
#[test]
fn members_become_edits_of_the_relation() {
    let before = json!({"displayName": "G"});
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let table = [
        (
            json!({"op": "Add", "path": "members", "value": [{"$ref": null, "value": "a"}, {"value": "b"}, {"value": "a"}]}),
            RelationEdit::Add(ids(&["a", "b"])),
        ),
        (json!({"op": "add", "path": "members", "value": {"value": "a"}}), RelationEdit::Add(ids(&["a"]))),
        (json!({"op": "add", "path": "members", "value": "a"}), RelationEdit::Add(ids(&["a"]))),
        (json!({"op": "add", "value": {"members": [{"value": "a"}]}}), RelationEdit::Add(ids(&["a"]))),
        (
            json!({"op": "add", "path": "members", "value": [{"$ref": "https://x/v2/Users/a"}]}),
            RelationEdit::Add(ids(&["a"])),
        ),
        (
            json!({"op": "add", "path": "members[value eq \"a\"]", "value": {"type": "User"}}),
            RelationEdit::Add(ids(&["a"])),
        ),
        (
            json!({"op": "Remove", "path": "members", "value": [{"value": "a"}]}),
            RelationEdit::Remove(ids(&["a"])),
        ),
        (json!({"op": "remove", "path": "members[value eq \"a\"]"}), RelationEdit::Remove(ids(&["a"]))),
        (
            json!({"op": "remove", "path": "members[value eq \"a\"]", "value": "a"}),
            RelationEdit::Remove(ids(&["a"])),
        ),
        (
            json!({"op": "remove", "path": "members[value eq \"a\" or value eq \"b\"]"}),
            RelationEdit::Remove(ids(&["a", "b"])),
        ),
        (json!({"op": "remove", "path": "members"}), RelationEdit::Clear),
        (json!({"op": "remove", "path": "members", "value": null}), RelationEdit::Clear),
        (
            json!({"op": "replace", "path": "members", "value": [{"value": "a"}]}),
            RelationEdit::Replace(ids(&["a"])),
        ),
        (json!({"op": "replace", "path": "members", "value": []}), RelationEdit::Clear),
    ];
    for (operation, expected) in table {
        let patched = apply("Group", &before, &json!([operation]))
            .unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_eq!(patched.outcomes, [Outcome::Pending], "{operation}");
        assert_eq!(patched.relation.len(), 1, "{operation}");
        assert_eq!(patched.relation[0].edit, expected, "{operation}");
    }
    let by_type = apply("Group", &before, &json!([{"op": "remove", "path": "members[type eq \"Group\"]"}]))
        .expect("a filter");
    assert!(matches!(by_type.relation[0].edit, RelationEdit::RemoveMatching(_)));
    for value in [
        json!([null]),
        json!([{}]),
        json!([{"value": null}]),
        json!([""]),
        json!([{"display": "D"}]),
        json!(""),
        json!([5]),
        json!([]),
    ] {
        for op in ["remove", "replace", "add"] {
            if op != "remove" && (value == json!("") || value == json!([])) {
                continue;
            }
            let error = apply("Group", &before, &json!([{"op": op, "path": "members", "value": value}]))
                .expect_err("names nobody");
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue), "{op} {value}");
        }
    }
    for path in ["members[value eq \"a\"].value", "members.type", "members[value eq \"a\"]"] {
        let error = apply("Group", &before, &json!([{"op": "replace", "path": path, "value": "b"}]))
            .expect_err("immutable");
        assert_eq!(error.scim_type, Some(ScimType::Mutability), "{path}");
    }
    let error = apply("Group", &before, &json!([{"op": "remove", "path": "members[$ref ew \"a\"]"}]))
        .expect_err("no $ref here");
    assert_eq!(error.scim_type, Some(ScimType::InvalidFilter));
}

/// What an operation of the model does.
#[derive(Debug, Clone)]
enum Step {
    Set(&'static str, &'static str),
    Unset(&'static str),
    AddEmail(&'static str, &'static str, bool),
    RemoveByType(&'static str),
    RemoveByValue(&'static str),
    SetByType(&'static str, &'static str),
    ReplaceEmails(Vec<(&'static str, &'static str)>),
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::select;
    let field = select(vec!["title", "displayName", "nickName"]);
    let value = select(vec!["a@x", "b@x", "c@x"]);
    let kind = select(vec!["work", "home", "other"]);
    prop_oneof![
        (field.clone(), value.clone()).prop_map(|(field, value)| Step::Set(field, value)),
        field.prop_map(Step::Unset),
        (value.clone(), kind.clone(), any::<bool>())
            .prop_map(|(value, kind, primary)| Step::AddEmail(value, kind, primary)),
        kind.clone().prop_map(Step::RemoveByType),
        value.clone().prop_map(Step::RemoveByValue),
        (kind.clone(), value.clone()).prop_map(|(kind, value)| Step::SetByType(kind, value)),
        prop::collection::vec((value, kind), 0..3).prop_map(Step::ReplaceEmails),
    ]
}

/// Fields, and e-mails as (value, type, primary).
#[derive(Debug, Clone, Default)]
struct Model {
    fields: std::collections::BTreeMap<&'static str, &'static str>,
    emails: Vec<(&'static str, &'static str, Option<bool>)>,
}

impl Model {
    fn step(&mut self, step: &Step) -> Value {
        match step {
            Step::Set(field, value) => {
                self.fields.insert(field, value);
                json!({"op": "replace", "path": field, "value": value})
            }
            Step::Unset(field) => {
                self.fields.remove(field);
                json!({"op": "remove", "path": field})
            }
            Step::AddEmail(value, kind, primary) => {
                if *primary {
                    for (_, _, other) in &mut self.emails {
                        *other = other.map(|_| false);
                    }
                }
                match self
                    .emails
                    .iter_mut()
                    .find(|(found, found_kind, _)| found == value && found_kind == kind)
                {
                    Some((_, _, known)) => *known = Some(*primary),
                    None => self.emails.push((value, kind, Some(*primary))),
                }
                json!({"op": "add", "path": "emails", "value": [{"value": value, "type": kind, "primary": primary}]})
            }
            Step::RemoveByType(kind) => {
                self.emails.retain(|(_, found, _)| found != kind);
                json!({"op": "remove", "path": format!("emails[type eq \"{kind}\"]")})
            }
            Step::RemoveByValue(value) => {
                self.emails.retain(|(found, _, _)| found != value);
                json!({"op": "remove", "path": "emails", "value": [{"value": value}]})
            }
            Step::SetByType(kind, value) => {
                let mut found = false;
                for (known, _, _) in self.emails.iter_mut().filter(|(_, found, _)| found == kind) {
                    *known = value;
                    found = true;
                }
                if !found {
                    self.emails.push((value, kind, None));
                }
                self.join_equal();
                json!({"op": "replace", "path": format!("emails[type eq \"{kind}\"].value"), "value": value})
            }
            Step::ReplaceEmails(emails) => {
                self.emails.clear();
                for (value, kind) in emails {
                    if !self.emails.contains(&(value, kind, None)) {
                        self.emails.push((value, kind, None));
                    }
                }
                let emails: Vec<Value> =
                    emails.iter().map(|(value, kind)| json!({"value": value, "type": kind})).collect();
                json!({"op": "replace", "path": "emails", "value": emails})
            }
        }
    }

    /// Those that have come to share value and type are one.
    fn join_equal(&mut self) {
        let mut joined: Vec<(&'static str, &'static str, Option<bool>)> = Vec::new();
        for (value, kind, primary) in self.emails.drain(..) {
            match joined.iter_mut().find(|(known, known_kind, _)| *known == value && *known_kind == kind) {
                Some((_, _, known)) if primary == Some(true) => *known = primary,
                Some((_, _, known)) => *known = known.or(primary),
                None => joined.push((value, kind, primary)),
            }
        }
        self.emails = joined;
    }

    fn resource(&self) -> Value {
        let mut resource = json!({"userName": "ada"});
        for (field, value) in &self.fields {
            resource[*field] = json!(value);
        }
        if !self.emails.is_empty() {
            let emails = self.emails.iter().map(|(value, kind, primary)| match primary {
                Some(primary) => json!({"value": value, "type": kind, "primary": primary}),
                None => json!({"value": value, "type": kind}),
            });
            resource["emails"] = emails.collect();
        }
        resource
    }
}

/// Sorted: which of two elements that became equal is kept is not the model's business.
fn emails_of(resource: &Value) -> Vec<String> {
    let mut emails: Vec<String> = resource["emails"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|email| format!("{} {} {}", email["value"], email["type"], email["primary"]))
        .collect();
    emails.sort_unstable();
    emails.dedup();
    emails
}

proptest! {
    /// Shows PAT-011, PAT-013, PAT-015, PAT-024.
    #[test]
    fn sequences_of_operations_do_what_the_model_says(steps in prop::collection::vec(step(), 1..12)) {
        let mut model = Model::default();
        let operations: Vec<Value> = steps.iter().map(|step| model.step(step)).collect();
        let together = apply("User", &json!({"userName": "ada"}), &json!(operations)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut one_by_one = json!({"userName": "ada"});
        for operation in &operations {
            let patched = apply("User", &one_by_one, &json!([operation])).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let unchanged = patched.outcomes == [Outcome::NothingToDo];
            let after = Value::Object(patched.attributes);
            prop_assert_eq!(unchanged, after == one_by_one, "{}", operation);
            one_by_one = after;
        }
        let together = Value::Object(together.attributes);
        prop_assert_eq!(&together, &one_by_one);
        let expected = model.resource();
        for field in ["title", "displayName", "nickName"] {
            prop_assert_eq!(&together[field], &expected[field]);
        }
        prop_assert_eq!(emails_of(&together), emails_of(&expected), "{:?}", operations);
    }
}

/// Each takes long to be hashed.
#[test]
fn of_several_passwords_the_last_is_set() {
    let additions = Additions { keeps_secrets: true, ..Additions::default() };
    let registry = Registry::with(&additions).expect("a registry");
    let set = |password: &str| json!({"op": "replace", "path": "password", "value": password});
    let patched = apply_in(
        &registry,
        "User",
        &json!({"userName": "ada"}),
        &json!([set("one"), set("two"), set("three")]),
    );
    let secrets = patched.expect("patched").secrets;
    let values: Vec<_> = secrets.iter().map(|secret| (&*secret.attribute, secret.value.as_deref())).collect();
    assert_eq!(values, [("password", Some("three"))]);
}
