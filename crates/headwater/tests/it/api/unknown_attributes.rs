//! Attributes that clients send and no schema knows: counted, and added in one step.

use serde_json::{Value, json};

use crate::support::{Admin, Server, Source, consistency, definitions::schema_path, eventually, text};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CAR: &str = "urn:example:2.0:Car";

fn server() -> (Server, Admin, Source) {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    (server, ada, source)
}

/// Type, path, shape without its name, how often.
fn counted(ada: &Admin, slug: &str) -> Vec<(String, String, Value, u64)> {
    let row = |one: &Value| {
        let mut shape = one["shape"].clone();
        let name = shape.as_object_mut().expect("a shape").shift_remove("name");
        assert!(text(&one["path"]).ends_with(name.as_ref().and_then(Value::as_str).expect("a name")));
        let seen = one["seen"].as_u64().expect("a number");
        (text(&one["resource_type"]), text(&one["path"]), shape, seen)
    };
    let mut rows: Vec<_> =
        ada.items(&format!("/sources/{slug}/unknown-attributes")).iter().map(row).collect();
    rows.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    rows
}

#[track_caller]
fn adopt(ada: &Admin, resource_type: &str, path: &str) -> crate::support::Response {
    ada.post(
        "/sources/contoso/unknown-attributes/adopt",
        &json!({"resource_type": resource_type, "path": path}),
    )
}

#[test]
fn what_no_schema_knows_is_counted_by_every_method() {
    let (_server, ada, source) = server();
    let other = ada.source("Other");
    let user = source.post("/Users", &json!({
        "userName": "ada", "hat": 7, "emails": [{"value": "a@example.com", "verified": true}], CAR: {"plate": "B"}
    }));
    let path = format!("/Users/{}", text(&user.expect(201).json()["id"]));
    source.put(&path, &json!({"userName": "ada", "hat": 7.5, ENTERPRISE: {"badge": "x"}})).expect(200);
    source.patch(&path, json!([{"op": "add", "value": {"nickName": "A", "hat": 8}}])).expect(200);
    source
        .patch(&path, json!([{"op": "add", "path": format!("{ENTERPRISE}:badge"), "value": "y"}]))
        .expect_error(400, "invalidPath");
    source.post("/Groups", &json!({"displayName": "Sales", "colours": ["red"]})).expect(201);
    let user = |path: &str, shape: Value, seen| ("User".to_owned(), path.to_owned(), shape, seen);
    let expected = [
        ("Group".to_owned(), "colours".to_owned(), json!({"type": "string", "multiValued": true}), 1),
        user("emails.verified", json!({"type": "boolean"}), 1),
        user("hat", json!({"type": "decimal"}), 3),
        user(&format!("{CAR}:plate"), json!({"type": "string"}), 1),
        user(&format!("{ENTERPRISE}:badge"), json!({"type": "string"}), 2),
    ];
    assert_eq!(counted(&ada, "contoso"), expected);
    assert_eq!(ada.walk("/sources/contoso/unknown-attributes", 2).len(), 5);
    let most = &ada.items("/sources/contoso/unknown-attributes")[0];
    assert_eq!(
        (&most["path"], &most["adoptable"], &most["reason"]),
        (&json!("hat"), &json!(true), &Value::Null)
    );
    assert!(text(&most["first_seen"]) <= text(&most["last_seen"]));
    other.user("ada");
    assert_eq!(counted(&ada, "other"), []);
}

#[test]
fn an_attribute_is_adopted_and_then_taken() {
    let (server, ada, source) = server();
    let body = json!({
        "userName": "ada", "hat": 7, "emails": [{"value": "a@example.com", "verified": true}],
        ENTERPRISE: {"badge": "x"}, CAR: {"plate": "B", "doors": 4, "owner": {"since": "2026-01-01T00:00:00Z"}}
    });
    source.post("/Users", &body).expect(201);
    let of_user = "urn:ietf:params:scim:schemas:core:2.0:User";
    let hat = adopt(&ada, "User", "hat").expect(201).json();
    assert_eq!(hat, json!({"attributes": [{"path": "hat", "schema": of_user, "attribute": "hat"}]}));
    adopt(&ada, "User", &format!("{ENTERPRISE}:badge")).expect(201);
    let car = adopt(&ada, "User", CAR).expect(201).json();
    assert_eq!(car["attributes"].as_array().map(Vec::len), Some(3));
    adopt(&ada, "User", "emails.verified").expect_invalid("path");
    adopt(&ada, "User", "hat").expect_problem(404, "not_found");
    adopt(&ada, "Group", "emails.verified").expect_problem(404, "not_found");
    let left = ada.items("/sources/contoso/unknown-attributes");
    assert_eq!((left.len(), &left[0]["adoptable"]), (1, &json!(false)));
    assert!(text(&left[0]["reason"]).contains("inside of an attribute"), "{left:?}");

    let car = ada.read(&schema_path(&source, CAR));
    assert_eq!((&car["origin"], &car["schema"]["name"]), (&json!("own"), &json!("Car")));
    assert_eq!(car["resource_types"], json!([{"name": "User", "base": false, "required": false}]));
    let second = source.post(
        "/Users",
        &json!({
            "userName": "bob", "HAT": 8, ENTERPRISE: {"badge": "y"}, CAR: {"doors": 2}
        }),
    );
    let second = second.expect(201).json();
    assert_eq!((&second["hat"], &second[ENTERPRISE]["badge"]), (&json!(8), &json!("y")));
    assert_eq!(source.found("/Users", "hat ge 8").len(), 1);
    // What was kept of the extension before is found as well.
    assert_eq!(source.found("/Users", &format!("{CAR}:doors gt 1")).len(), 2);
    assert_eq!(source.found("/Users", &format!("{CAR}:owner.since gt \"2025-01-01T00:00:00Z\"")).len(), 1);
    source
        .post("/Users", &json!({"userName": "cyd", CAR: {"doors": "two"}}))
        .expect_error(400, "invalidValue");
    assert_eq!(ada.items("/sources/contoso/unknown-attributes").len(), 1, "they are known now");
    let acts = ada.items("/changes?source=contoso&kind=update");
    assert_eq!(acts[2]["after"]["adopted"], json!(["hat"]));
    consistency::check(&server.database());
}

#[test]
fn what_a_schema_knows_by_now_is_counted_no_longer() {
    let (_server, ada, source) = server();
    source
        .post("/Users", &json!({"userName": "ada", CAR: {"plate": "B", "doors": 4}, "hat": 7, "cap": 1}))
        .expect(201);
    assert_eq!(counted(&ada, "contoso").len(), 4);
    let plate = json!({"attributes": [{"name": "plate"}]});
    ada.put(&schema_path(&source, CAR), &plate).expect(201);
    assert_eq!(counted(&ada, "contoso").len(), 4, "no user can have it yet");
    adopt(&ada, "User", &format!("{CAR}:doors")).expect(201);
    let paths: Vec<String> = counted(&ada, "contoso").into_iter().map(|row| row.1).collect();
    assert_eq!(paths, ["cap", "hat"], "the schema was made an extension of users");
    let forget = "/sources/contoso/unknown-attributes";
    ada.delete(&format!("{forget}?path=hat")).expect_invalid("resource_type");
    ada.delete(&format!("{forget}?resource_type=User&path=hat")).expect(204);
    assert_eq!(counted(&ada, "contoso").len(), 1);
    ada.delete(forget).expect(204);
    assert_eq!(counted(&ada, "contoso"), []);
}

#[test]
fn the_command_line_lists_and_adopts() {
    let (server, ada, source) = server();
    source.post("/Users", &json!({"userName": "ada", "hat": 7, "name": {"nick": "A"}})).expect(201);
    let listed = eventually("written down", || {
        let listed = server.command(&["attribute", "unknown", "contoso"]);
        (listed.as_array().map(Vec::len) == Some(2)).then_some(listed)
    });
    assert_eq!((&listed[0]["path"], &listed[0]["shape"]["type"]), (&json!("hat"), &json!("integer")));
    assert_eq!((&listed[1]["path"], &listed[1]["adoptable"]), (&json!("name.nick"), &json!(false)));
    let adopted = server.command(&["attribute", "adopt", "contoso", "User", "hat"]);
    assert_eq!(adopted[0]["attribute"], "hat");
    source.post("/Users", &json!({"userName": "bob", "hat": 8})).expect(201);
    assert_eq!(source.found("/Users", "hat eq 8").len(), 1);
    let refused = server.run(&["attribute", "adopt", "contoso", "User", "name.nick"], "");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(ada.items("/sources/contoso/unknown-attributes").len(), 1);
}
