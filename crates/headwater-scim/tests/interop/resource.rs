//! Resources as clients send them.

use headwater_scim::{
    definition::{read_resource_type, read_schema},
    deviation,
    error::{ScimError, ScimType},
    interop,
    registry::{Additions, Registry},
    resource::{self, Draft},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{ENTERPRISE, GROUP, USER, object};

fn check(resource_type: &str, body: &Value) -> Result<(), ScimError> {
    let registry = Registry::built_in();
    interop::check_resource(&object(body), registry.resource_type(resource_type).expect("built in"))
}

/// A user of the base schema and the extension, with these attributes.
fn user(attributes: &Value) -> Value {
    let mut body = object(&json!({"schemas": [USER, ENTERPRISE], "userName": "ada"}));
    body.extend(object(attributes));
    body.into()
}

fn group(attributes: &Value) -> Value {
    let mut body = object(&json!({"schemas": [GROUP], "displayName": "g"}));
    body.extend(object(attributes));
    body.into()
}

/// Each body is refused with this scimType and a detail that begins so.
fn assert_refused(resource_type: &str, table: &[(Value, ScimType, &str)]) {
    for (body, scim_type, detail) in table {
        let error = check(resource_type, body).expect_err(&body.to_string());
        assert_eq!((error.status, error.scim_type), (400, Some(*scim_type)), "{body}: {error}");
        assert!(error.detail.starts_with(detail), "{body}: {error}");
    }
}

fn assert_taken(resource_type: &str, table: &[Value]) {
    for body in table {
        assert_eq!(check(resource_type, body), Ok(()), "{body}");
    }
}

/// *Attribute and Schema Handling*.
#[test]
fn what_no_schema_defines_is_refused() {
    let container = |members: Value| user(&json!({ENTERPRISE: members}));
    let undefined = |body, detail| (body, ScimType::InvalidSyntax, detail);
    assert_refused(
        "User",
        &[
            undefined(user(&json!({"shoeSize": 7})), "shoeSize"),
            undefined(user(&json!({"shoeSize": null})), "shoeSize"),
            undefined(user(&json!({"name": {"nick": "A"}})), "name.nick"),
            undefined(user(&json!({"emails": [{"value": "a@x"}, {"verified": true}]})), "emails.verified"),
            undefined(user(&json!({"meta": {"colour": "red"}})), "meta.colour"),
            undefined(user(&json!({"groups": [{"role": "x"}]})), "groups.role"),
            undefined(
                container(json!({"shoeSize": 7})),
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:shoeSize",
            ),
            undefined(
                container(json!({"manager": {"value": "1", "name": "x"}})),
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.name",
            ),
            // AMB-26: without the URN it is no attribute of the body
            undefined(user(&json!({"department": "D"})), "department"),
            // paths as keys
            undefined(user(&json!({"name.givenName": "A"})), "name.givenName"),
            undefined(user(&json!({format!("{ENTERPRISE}:department"): "D"})), ENTERPRISE),
            undefined(user(&json!({format!("{USER}:title"): "T"})), USER),
            undefined(user(&json!({USER: {"title": "T"}})), USER),
            // other extensions, and other spellings
            undefined(user(&json!({"urn:example:ext:1.0": {"a": 1}})), "urn:example:ext:1.0"),
            undefined(user(&json!({"urn:example:ext:1.0:a": 1})), "urn:example:ext:1.0:a"),
            undefined(user(&json!({"urn:scim:schemas:extension:enterprise:1.0": {}})), "urn:scim"),
            undefined(user(&json!({GROUP: {}})), GROUP),
        ],
    );
    assert_refused(
        "Group",
        &[
            undefined(group(&json!({"userName": "ada"})), "userName"),
            undefined(group(&json!({ENTERPRISE: {}})), ENTERPRISE),
            undefined(group(&json!({"members": [{"value": "1", "role": "owner"}]})), "members.role"),
        ],
    );
    assert_taken(
        "User",
        &[
            user(&json!({})),
            // RFC 7643 §2.1, RFC 7644 §3.10: letter case doesn't count
            user(
                &json!({"NICKNAME": "A", "Name": {"GivenName": "A"}, ENTERPRISE.to_uppercase(): {"Department": "D"}}),
            ),
            container(json!({"department": "D", "manager": {"value": "1", "$ref": "../Users/1"}})),
            container(Value::Null),
        ],
    );
    assert_taken("Group", &[group(&json!({"members": [{"value": "1", "type": "User", "display": "A"}]}))]);
}

/// *Attribute and Schema Handling*, schema URIs; RFC 7643 §3.
#[test]
fn schemas_are_those_of_the_type_each_once() {
    let with = |schemas: Value| json!({"userName": "ada", "schemas": schemas});
    let refused = |schemas| (with(schemas), ScimType::InvalidSyntax, "schemas: ");
    assert_refused(
        "User",
        &[
            (json!({"userName": "ada"}), ScimType::InvalidSyntax, "schemas: "),
            refused(Value::Null),
            refused(json!([])),
            refused(json!(USER)),
            refused(json!([7])),
            refused(json!([ENTERPRISE])),
            refused(json!([USER, USER])),
            refused(json!([USER, USER.to_uppercase()])),
            refused(json!([USER, GROUP])),
            refused(json!([USER, "urn:example:ext:1.0"])),
            refused(json!(["urn:scim:schemas:core:2.0:User"])),
            refused(json!([USER, "urn:scim:schemas:extension:enterprise:1.0"])),
        ],
    );
    assert_taken(
        "User",
        &[with(json!([USER])), with(json!([ENTERPRISE, USER])), with(json!([USER.to_uppercase()]))],
    );
}

/// RFC 7643 §2.3 and §2.4; RFC 7644 table 9.
#[test]
fn values_that_would_be_mended_are_refused() {
    let refused = |attributes: Value, detail| (user(&attributes), ScimType::InvalidValue, detail);
    let manager = |value: Value| refused(json!({ENTERPRISE: {"manager": value}}), ENTERPRISE);
    assert_refused(
        "User",
        &[
            refused(json!({"active": "true"}), "active: "),
            refused(json!({"active": ""}), "active: "),
            refused(json!({"emails": [{"value": "a@x", "primary": "True"}]}), "emails.primary: "),
            refused(json!({"emails": {"value": "a@x"}}), "emails: "),
            refused(json!({"emails": ""}), "emails: "),
            refused(json!({"emails": "a@x"}), "emails: "),
            refused(json!({"emails": ["a@x"]}), "emails: "),
            refused(json!({"emails": [null]}), "emails: "),
            refused(json!({"roles": ["admin"]}), "roles: "),
            refused(json!({"name": [{"givenName": "A"}]}), "name: "),
            refused(json!({"name": ""}), "name: "),
            refused(json!({"name": {"givenName": ["A"]}}), "name.givenName: "),
            refused(json!({"title": ["T"]}), "title: "),
            refused(json!({"title": 7}), "title: "),
            refused(json!({"x509Certificates": [{"value": ""}]}), "x509Certificates.value: "),
            refused(json!({ENTERPRISE: ""}), ENTERPRISE),
            refused(json!({ENTERPRISE: []}), ENTERPRISE),
            refused(json!({ENTERPRISE: [{"department": "D"}]}), ENTERPRISE),
            manager(json!("1")),
            manager(json!("")),
            manager(json!([{"value": "1"}])),
            manager(json!({"value": ""})),
            manager(json!({"value": null})),
            manager(json!({"$ref": "../Users/1"})),
            manager(json!({"displayName": "A"})),
        ],
    );
    let refused = |members| (group(&json!({"members": members})), ScimType::InvalidValue, "members");
    assert_refused(
        "Group",
        &[
            refused(json!({"value": "1"})),
            refused(json!(["1"])),
            refused(json!([{"$ref": "../Users/1"}])),
            refused(json!([{"value": ""}])),
        ],
    );
    assert_taken(
        "User",
        &[
            user(&json!({"active": false, "title": "", "emails": [], "name": {}, "nickName": null})),
            user(&json!({"emails": [{"value": "a@x", "type": "work", "primary": true}]})),
            user(&json!({"x509Certificates": [{"value": "aGk="}]})),
            // RFC 7644 §3.3: values of readOnly attributes are ignored
            user(&json!({"id": 7, "meta": "x", "groups": {"value": "1", "type": "other"}})),
        ],
    );
}

/// *Canonical Values for Typed Attributes*.
#[test]
fn types_are_those_that_are_declared() {
    let typed = |name: &str, of: Value| user(&json!({name: [{"type": of}]}));
    let refused = |name: &str, of: &str| (typed(name, json!(of)), ScimType::InvalidValue, "");
    assert_refused(
        "User",
        &[
            refused("emails", "office"),
            refused("emails", ""),
            refused("addresses", "holiday"),
            refused("ims", "icq2"),
            // nothing is declared for these
            refused("roles", "work"),
            refused("entitlements", "work"),
            refused("x509Certificates", "work"),
        ],
    );
    let error = check("User", &typed("emails", json!("office"))).expect_err("not declared");
    assert_eq!(error.detail, "emails.type: expected one of work, home, other");
    let of_member = |of: &str| group(&json!({"members": [{"value": "1", "type": of}]}));
    assert_refused("Group", &[(of_member("Device"), ScimType::InvalidValue, "members.type: ")]);
    assert_taken("Group", &[of_member("User"), of_member("Group")]);
    assert_taken(
        "User",
        &[
            typed("emails", json!("work")),
            typed("emails", json!("WORK")),
            typed("emails", Value::Null),
            typed("phoneNumbers", json!("pager")),
            user(&json!({"roles": [{"value": "admin"}]})),
        ],
    );
}

/// *Discovery Endpoints*, *Attribute and Schema Handling*: what is kept nowhere is not there.
#[test]
fn secrets_are_attributes_where_they_are_kept() {
    let secret = user(&json!({"password": "s3cret"}));
    let patch = |op: &str| {
        let operation = crate::operation(op, "password", "s3cret");
        object(&json!({"schemas": [crate::PATCH_OP], "Operations": [operation]}))
    };
    for keeps_secrets in [true, false] {
        let registry = Registry::with(&Additions { keeps_secrets, ..Additions::default() }).expect("it fits");
        let resource_type = registry.resource_type("User").expect("built in");
        let answers = [
            interop::check_resource(&object(&secret), resource_type),
            interop::check_patch(&patch("add"), resource_type),
            interop::check_patch(&patch("replace"), resource_type),
        ];
        for answer in answers {
            let expected = if keeps_secrets { Ok(()) } else { Err(Some(ScimType::InvalidSyntax)) };
            assert_eq!(answer.map_err(|error| error.scim_type), expected);
        }
        let mut schema = serde_json::to_value(&*resource_type.schema).expect("writes");
        interop::describe(&mut schema, keeps_secrets);
        let attributes = schema["attributes"].as_array().expect("a list");
        let listed = attributes.iter().any(|attribute| attribute["name"] == "password");
        assert_eq!(listed, keeps_secrets);
        let others = attributes.iter().filter(|attribute| attribute["name"] != "password").count();
        assert_eq!(others, resource_type.schema.attributes.len() - 1);
    }
}

/// The same for the schemas and types of a source.
#[test]
fn what_a_source_adds_is_defined_there_alone() {
    let badge = "urn:example:scim:schemas:2.0:Badge";
    let device = "urn:example:scim:schemas:2.0:Device";
    let schemas = [
        json!({"id": badge, "attributes": [
            {"name": "colour"},
            {"name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value"}, {"name": "type", "canonicalValues": ["Front"], "caseExact": true}
            ]}
        ]}),
        json!({"id": device, "attributes": [{"name": "serial", "type": "integer", "required": true}]}),
    ];
    let types = [
        json!({"name": "User", "schemaExtensions": [{"schema": badge}]}),
        json!({"name": "Device", "endpoint": "/Devices", "schema": device}),
    ];
    let additions = Additions {
        schemas: schemas.iter().map(|schema| read_schema(schema).expect("a schema")).collect(),
        resource_types: types.iter().map(|one| read_resource_type(one).expect("a type")).collect(),
        ..Additions::default()
    };
    let registry = Registry::with(&additions).expect("it fits");
    let check = |resource_type: &str, body: &Value| {
        let resource_type = registry.resource_type(resource_type).expect("it was added");
        interop::check_resource(&object(body), resource_type).map_err(|error| error.scim_type)
    };
    let with_badge = |members: Value| json!({"schemas": [USER, badge], "userName": "ada", badge: members});
    let door = |of: &str| with_badge(json!({"doors": [{"value": "1", "type": of}]}));
    assert_eq!(check("User", &with_badge(json!({"colour": "red"}))), Ok(()));
    assert_eq!(check("User", &door("Front")), Ok(()));
    assert_eq!(check("User", &door("front")), Err(Some(ScimType::InvalidValue)), "caseExact");
    assert_eq!(check("User", &with_badge(json!({"serial": 1}))), Err(Some(ScimType::InvalidSyntax)));
    let of_device = |body: Value| check("Device", &body);
    assert_eq!(of_device(json!({"schemas": [device], "serial": 1})), Ok(()));
    assert_eq!(of_device(json!({"schemas": [device], "serial": ""})), Err(Some(ScimType::InvalidValue)));
    assert_eq!(of_device(json!({"schemas": [device], "userName": "x"})), Err(Some(ScimType::InvalidSyntax)));
    assert_eq!(of_device(json!({"schemas": [USER], "serial": 1})), Err(Some(ScimType::InvalidSyntax)));
    let built_in = Registry::built_in();
    let plain_user = built_in.resource_type("User").expect("built in");
    assert!(interop::check_resource(&object(&with_badge(json!({}))), plain_user).is_err());
}

/// One member of a body: about as many as clients should send as they do send.
fn member() -> impl Strategy<Value = (String, Value)> {
    let values = |values: Value| {
        let values: Vec<Value> = values.as_array().expect("a list").clone();
        proptest::sample::select(values)
    };
    let named =
        move |name: &'static str, of: Value| values(of).prop_map(move |value| (name.to_owned(), value));
    prop_oneof![
        named("active", json!([true, false, "True", "", null])),
        named("title", json!(["T", "", null, ["T"], []])),
        named("name", json!([{"givenName": "A"}, {}, null, "", [{"givenName": "A"}], {"nick": 1}])),
        named(
            "emails",
            json!([[{"value": "a@x", "type": "work"}], [], null, "", {"value": "a@x"}, ["a@x"], [{"primary": "true"}], [{"type": "x"}]])
        ),
        named("roles", json!([[{"value": "r"}], ["r"], "r", [{"primary": ""}], [null]])),
        named("x509Certificates", json!([[{"value": "aGk="}], [{"value": ""}]])),
        named(
            ENTERPRISE,
            json!([{"manager": {"value": "1"}}, {"manager": "1"}, {"manager": ""}, {"manager": {"$ref": "x/1"}}, {"manager": {"value": ""}}, {"manager": null}, {"department": "D"}, "", [], [{}], {"x": 1}])
        ),
        named("urn:scim:schemas:extension:enterprise:1.0", json!([{"department": "D"}, null])),
        named("urn:ietf:params:scim:schemas:core:2.0:User:nickName", json!(["N"])),
        named("urn:example:ext:1.0", json!([{"a": 1}, 7])),
        named("urn:example:ext:1.0:a", json!([7])),
        named("colour", json!(["red"])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Strict is never lenient: of a body that is let through nothing is mended and nothing left out.
    #[test]
    fn nothing_is_mended_and_nothing_ignored_in_what_is_taken(members in prop::collection::vec(member(), 0..3)) {
        let body = user(&Value::Object(members.into_iter().collect()));
        let registry = Registry::built_in();
        let resource_type = registry.resource_type("User").expect("built in");
        let taken = interop::check_resource(&object(&body), resource_type).is_ok();
        let mut notes = Vec::new();
        let mended = deviation::mend_resource(object(&body), resource_type, &mut notes);
        if taken {
            prop_assert_eq!(&notes, &Vec::<String>::new());
            prop_assert_eq!(Value::Object(mended.clone()), body);
            let Draft { ignored, .. } = resource::read(mended, resource_type).expect("it was checked");
            prop_assert_eq!(ignored, Vec::<String>::new());
        }
    }
}
