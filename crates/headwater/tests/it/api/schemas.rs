//! Schemas and resource types of a source, put and removed.

use serde_json::{Value, json};

use crate::support::{
    Admin, Server, consistency,
    definitions::{
        BADGE, DEVICE, badge, device, device_type, schema_path, user_with_badge, with_badges, with_devices,
    },
    headwater, text, texts,
};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn what_is_built_in_and_what_is_added_is_listed() {
    let (_server, ada, source) = with_devices();
    let schemas = ada.items("/sources/contoso/schemas");
    assert_eq!(ada.walk("/sources/contoso/schemas", 3), schemas);
    assert_eq!(schemas.len(), 8);
    let of = |urn: &str| schemas.iter().find(|one| one["schema"]["id"] == urn).expect("a schema").clone();
    let badge = of(BADGE);
    assert_eq!(
        (&badge["origin"], badge["added_attributes"].as_array().map(Vec::len)),
        (&json!("own"), Some(13))
    );
    let uses = json!([{"name": "User", "base": false, "required": false}, {"name": "Device", "base": false, "required": true}]);
    assert_eq!(badge["resource_types"], uses);
    assert_eq!(badge, ada.read(&schema_path(&source, &BADGE.to_uppercase())), "in any letter case");
    let user = of(USER);
    assert_eq!((&user["origin"], &user["added_attributes"]), (&json!("built_in"), &json!([])));

    let types = ada.items("/sources/contoso/resource-types");
    assert_eq!(texts(&types, "/resource_type/name"), ["Group", "User", "Device"]);
    assert_eq!(texts(&types, "/origin"), ["built_in", "extended", "own"]);
    assert_eq!(types[1]["added_extensions"], json!([BADGE]));
    assert_eq!(types[2]["resource_type"]["searchable"], json!(["ports.speed"]));
    let indexed = types[2]["indexed"].as_array().expect("paths");
    for path in ["displayName", "ports.value", "ports.speed", &format!("{BADGE}:holder.age")] {
        assert!(indexed.contains(&json!(path)), "{path}: {indexed:?}");
    }
    assert!(!indexed.contains(&json!(format!("{BADGE}:hint"))), "what is never answered can't be searched");
    ada.get("/sources/contoso/schemas/urn:example:none").expect_problem(404, "not_found");
    ada.get("/sources/contoso/resource-types/device").expect_problem(404, "not_found");
    ada.get("/sources/nobody/schemas").expect_problem(404, "not_found");
}

#[test]
fn what_is_read_can_be_put_and_changes_nothing() {
    let (_server, ada, source) = with_devices();
    let extra = json!({"attributes": [{"name": "shoeSize", "type": "integer"}]});
    ada.put(&schema_path(&source, USER), &extra).expect(200);
    let (schemas, types) =
        (ada.items("/sources/contoso/schemas"), ada.items("/sources/contoso/resource-types"));
    let acts = ada.items("/changes?source=contoso").len();
    for schema in schemas.iter().filter(|one| one["resource_types"] != json!([])) {
        let path = schema_path(&source, &text(&schema["schema"]["id"]));
        assert_eq!(ada.put(&path, &schema["schema"]).expect(200).json(), *schema);
    }
    for one in &types {
        let path = format!("/sources/contoso/resource-types/{}", text(&one["resource_type"]["name"]));
        assert_eq!(ada.put(&path, &one["resource_type"]).expect(200).json(), *one);
    }
    ada.put(&format!("{}?extends=User", schema_path(&source, BADGE)), &badge()).expect(200);
    assert_eq!(ada.items("/sources/contoso/schemas"), schemas);
    assert_eq!(ada.items("/changes?source=contoso").len(), acts, "nothing was done");
}

#[test]
fn attributes_are_added_to_a_schema_that_is_built_in_and_taken_away() {
    let (server, ada, source) = with_badges();
    let extra = json!({"attributes": [
        {"name": "shoeSize", "type": "integer"}, {"name": "nick", "uniqueness": "server"}]});
    let put = ada.put(&schema_path(&source, USER), &extra).expect(200).json();
    assert_eq!(
        (&put["origin"], &put["added_attributes"]),
        (&json!("extended"), &json!(["shoeSize", "nick"]))
    );
    let made =
        source.post("/Users", &json!({"userName": "ada", "shoesize": 42, "nick": "A"})).expect(201).json();
    assert_eq!((&made["shoeSize"], &made["schemas"]), (&json!(42), &json!([USER])));
    assert_eq!(source.found("/Users", "shoeSize gt 41 and nick eq \"a\"").len(), 1);
    source.post("/Users", &json!({"userName": "bob", "nick": "a"})).expect_error(409, "uniqueness");
    let manager = json!({"attributes": [{"name": "desk"}]});
    ada.put(&schema_path(&source, ENTERPRISE), &manager).expect(200);
    let made =
        source.post("/Users", &json!({"userName": "cyd", ENTERPRISE: {"desk": "7"}})).expect(201).json();
    assert_eq!(made[ENTERPRISE]["desk"], "7");
    ada.delete(&schema_path(&source, USER)).expect(204);
    source.get("/Users?filter=shoeSize%20pr").expect_error(400, "invalidFilter");
    ada.delete(&schema_path(&source, USER)).expect_problem(404, "not_found");
    consistency::check(&server.database());
}

/// Shows SCH-001, SCH-005, SCH-018.
#[test]
fn a_definition_that_can_not_be_used_is_refused_with_the_place_of_the_fault() {
    let (_server, ada, source) = with_badges();
    let with = |attribute: Value| json!({"attributes": [{"name": "fine"}, attribute]});
    let own = schema_path(&source, "urn:example:2.0:New");
    for (path, body, field) in [
        (own.clone(), json!({}), "attributes"),
        (own.clone(), json!({"id": "urn:example:2.0:Other", "attributes": [{"name": "a"}]}), "id"),
        (own.clone(), with(json!({"name": "1x"})), "attributes[1].name"),
        (own.clone(), with(json!({"name": "a.b"})), "attributes[1].name"),
        (own.clone(), with(json!({"name": "FINE"})), "attributes[1].name"),
        (own.clone(), with(json!({"name": "a", "type": "date"})), "attributes[1]"),
        (own.clone(), with(json!({"name": "a", "multivalued": true})), "attributes[1].multivalued"),
        (own.clone(), with(json!({"name": "a", "mutability": "writeOnly"})), "attributes[1].mutability"),
        (
            own.clone(),
            with(
                json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b", "type": "complex"}]}),
            ),
            "attributes[1].subAttributes[0].type",
        ),
        (format!("{own}?extends=Nobody"), with(json!({"name": "a"})), "extends"),
        (format!("{own}?required=true"), with(json!({"name": "a"})), "required"),
        (schema_path(&source, "badge"), with(json!({"name": "a"})), "id"),
        (schema_path(&source, USER), with(json!({"name": "userName"})), "attributes"),
        (schema_path(&source, USER), json!({"name": "Person", "attributes": [{"name": "a"}]}), "name"),
        (
            schema_path(&source, "urn:ietf:params:scim:schemas:core:2.0:Schema"),
            with(json!({"name": "a"})),
            "id",
        ),
        (schema_path(&source, BADGE), json!({"attributes": [{"name": "NUMBER"}]}), "attributes[0].name"),
    ] {
        ada.put(&path, &body).expect_invalid(field);
    }
    let types = "/sources/contoso/resource-types";
    for (name, body, field) in [
        ("Device", json!({}), "endpoint"),
        ("Device", json!({"name": "Other"}), "name"),
        ("Device", json!({"endpoint": "/Users", "schema": BADGE}), "endpoint"),
        ("Device", json!({"endpoint": "/a/b", "schema": BADGE}), "endpoint"),
        ("Device", json!({"endpoint": "/Devices", "schema": "urn:example:none"}), "schema"),
        ("user", json!({"endpoint": "/People", "schema": BADGE}), "endpoint"),
        ("User", json!({"endpoint": "/People"}), "endpoint"),
        ("User", json!({"searchable": ["nothing"]}), "searchable"),
        ("User", json!({"searchable": ["photos"]}), "searchable"),
        ("User", json!({"schemaExtensions": [{"schema": "urn:example:none"}]}), "schemaExtensions"),
    ] {
        ada.put(&format!("{types}/{name}"), &body).expect_invalid(field);
    }
    assert_eq!(ada.items("/sources/contoso/schemas").len(), 7, "nothing of it was done");
    let long = json!({"attributes": [{"name": "a", "description": "x".repeat(1_100_000)}]});
    ada.put(&own, &long).expect_problem(413, "too_large");
}

/// Shows SCH-043.
#[test]
fn an_extension_that_defines_anew_what_the_standard_has_is_warned_of() {
    let (_server, ada, source) = with_badges();
    let again = json!({"attributes": [{"name": "TITLE"}, {"name": "department"}, {"name": "hat"}]});
    let path = format!("{}?extends=User", schema_path(&source, "urn:example:2.0:Again"));
    let put = ada.put(&path, &again).expect(201).json();
    let warnings = json!([
        format!("User has an attribute TITLE already, in {USER}"),
        format!("User has an attribute department already, in {ENTERPRISE}"),
    ]);
    assert_eq!(put["warnings"], warnings);
    assert_eq!(ada.read(&schema_path(&source, BADGE))["warnings"], json!([]));
}

#[test]
fn what_is_in_use_stays() {
    let (_server, ada, source) = with_devices();
    let device_at = "/sources/contoso/resource-types/Device";
    for (urn, by) in [(BADGE, "Device"), (DEVICE, "Device")] {
        let problem = ada.delete(&schema_path(&source, urn)).expect_problem(409, "in_use");
        assert!(
            text(&problem["detail"]).contains(&format!("{urn} is used by the resource type {by}")),
            "{problem}"
        );
    }
    let made = source.post("/Devices", &json!({"displayName": "Laptop", BADGE: {"number": "D"}})).expect(201);
    let made = format!("/Devices/{}", text(&made.json()["id"]));
    ada.delete(device_at).expect_problem(409, "in_use");
    let mut other = device_type();
    other["schema"] = BADGE.into();
    other["schemaExtensions"] = json!([]);
    other["searchable"] = json!([]);
    ada.put(device_at, &other).expect_problem(409, "in_use");
    assert_eq!(ada.read(device_at)["resources"], 1);
    source.get(&made).expect(200);

    source.delete(&made).expect(204);
    ada.delete(device_at).expect(204);
    source.get("/Devices").expect_error(404, "");
    ada.delete(device_at).expect_problem(404, "not_found");
    ada.delete(&schema_path(&source, DEVICE)).expect(204);
    let problem = ada.delete(&schema_path(&source, BADGE)).expect_problem(409, "in_use");
    assert!(text(&problem["detail"]).contains("User"), "{problem}");
    ada.delete("/sources/contoso/resource-types/User").expect(204);
    ada.delete(&schema_path(&source, BADGE)).expect(204);
    assert_eq!(source.get("/Schemas").expect(200).json()["totalResults"], 6);
}

#[test]
fn what_resources_hold_is_not_contradicted() {
    let (server, ada, source) = with_badges();
    user_with_badge(
        &source,
        "ada",
        &json!({"number": "B-1", "level": 1, "colour": "red", "doors": ["north"]}),
    );
    user_with_badge(&source, "bob", &json!({"number": "B-2", "level": 1, "colour": "RED"}));
    let path = schema_path(&source, BADGE);
    let with = |name: &str, member: &str, value: Value| {
        let mut schema = badge();
        let attributes = schema["attributes"].as_array_mut().expect("attributes");
        let attribute = attributes.iter_mut().find(|one| one["name"] == name).expect("an attribute");
        attribute[member] = value;
        schema
    };
    for (name, member, value) in [
        ("level", "uniqueness", json!("server")),
        ("colour", "uniqueness", json!("server")),
        ("level", "type", json!("string")),
        ("doors", "multiValued", json!(false)),
    ] {
        let problem = ada.put(&path, &with(name, member, value)).expect_problem(409, "conflict");
        assert!(text(&problem["detail"]).contains(name), "{problem}");
    }
    assert_eq!(source.found("/Users", &format!("{BADGE}:level eq 1")).len(), 2);
    // The index follows what can be changed.
    let by_colour = format!("{BADGE}:colour eq \"red\"");
    assert_eq!(source.found("/Users", &by_colour).len(), 2);
    ada.put(&path, &with("colour", "caseExact", json!(true))).expect(200);
    assert_eq!(source.found("/Users", &by_colour).len(), 1);
    let mut schema = with("colour", "caseExact", json!(true));
    schema["attributes"][10]["uniqueness"] = "server".into();
    ada.put(&path, &schema).expect(200);
    let taken = json!({"userName": "cyd", BADGE: {"number": "B-3", "colour": "red"}});
    source.post("/Users", &taken).expect_error(409, "uniqueness");
    ada.put(&path, &with("level", "type", json!("decimal"))).expect(200);
    assert_eq!(source.found("/Users", &format!("{BADGE}:level lt 1.5")).len(), 2);
    consistency::check(&server.database());
}

#[test]
fn an_extension_that_was_unknown_has_to_fit_what_was_kept_of_it() {
    let (server, ada, source) = with_badges();
    let car = "urn:example:2.0:Car";
    source.post("/Users", &json!({"userName": "ada", car: {"doors": 4, "plate": "B"}})).expect(201);
    source.post("/Users", &json!({"userName": "bob", car: {"doors": "four"}})).expect(201);
    let path = format!("{}?extends=User", schema_path(&source, car));
    let with = |kind: &str| json!({"attributes": [{"name": "doors", "type": kind}, {"name": "plate"}]});
    let problem = ada.put(&path, &with("integer")).expect_problem(409, "conflict");
    assert!(text(&problem["detail"]).contains(&format!("{car}:doors")), "{problem}");
    assert!(!problem.to_string().contains("four"), "no value is told");
    let bob = text(&source.found("/Users", "userName eq \"bob\"")[0]["id"]);
    source.put(&format!("/Users/{bob}"), &json!({"userName": "bob"})).expect(200);
    ada.put(&path, &with("integer")).expect(201);
    assert_eq!(source.found("/Users", &format!("{car}:doors eq 4 and {car}:plate eq \"b\"")).len(), 1);
    consistency::check(&server.database());
}

#[test]
fn what_is_used_more_than_once_is_named_as_people_know_it() {
    let (_server, ada, source) = with_badges();
    let schema = |unique: &str| {
        let attribute = |name: &str, kind: &str| {
            let uniqueness = if name == unique { "server" } else { "none" };
            json!({"name": name, "type": kind, "uniqueness": uniqueness})
        };
        json!({"attributes": [attribute("price", "decimal"), attribute("since", "dateTime"), attribute("note", "string")]})
    };
    let car = "urn:example:2.0:Car";
    let path = format!("{}?extends=User", schema_path(&source, car));
    ada.put(&path, &schema("")).expect(201);
    let note = "Long ".repeat(500);
    for name in ["bob", "cyd"] {
        let car_of = json!({"price": 1.5, "since": "2026-01-31T12:00:00Z", "note": note});
        source.post("/Users", &json!({"userName": name, car: car_of})).expect(201);
    }
    for (name, shown) in [("price", "\"1.5\""), ("since", "\"2026-01-31T12:00:00Z\""), ("note", "Long …\"")]
    {
        let problem = ada.put(&path, &schema(name)).expect_problem(409, "conflict");
        let detail = text(&problem["detail"]);
        assert!(detail.contains(&format!("{car}:{name} can't be made unique")), "{detail}");
        assert!(detail.contains(shown) && detail.len() < 300, "{detail}");
    }
}

#[test]
fn what_was_kept_of_an_unknown_extension_becomes_a_reference() {
    let (server, ada, source) = with_badges();
    let desk = "urn:example:2.0:Desk";
    let boss = source.post("/Users", &json!({"userName": "ada", "displayName": "Ada"})).expect(201).json();
    let body = json!({"userName": "bob", desk: {"neighbour": {"value": boss["id"]}},
        ENTERPRISE: {"department": "Sales", "manager": {"value": boss["id"]}}});
    let bob = format!("/Users/{}", text(&source.post("/Users", &body).expect(201).json()["id"]));
    let schema = json!({"attributes": [{"name": "neighbour", "type": "complex", "subAttributes": [
        {"name": "value"},
        {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
        {"name": "displayName", "mutability": "readOnly"}]}]});
    ada.put(&format!("{}?extends=User", schema_path(&source, desk)), &schema).expect(201);
    let neighbour = source.get(&bob).expect(200).json()[desk]["neighbour"].clone();
    assert_eq!((&neighbour["$ref"], &neighbour["displayName"]), (&boss["meta"]["location"], &json!("Ada")));
    assert_eq!(source.found("/Users", &format!("{desk}:neighbour.displayName eq \"ada\"")).len(), 1);
    source.delete(&format!("/Users/{}", text(&boss["id"]))).expect(204);
    // Both of his references to her go with her.
    let bob = source.get(&bob).expect(200).json();
    assert_eq!((&bob[desk], &bob[ENTERPRISE]), (&Value::Null, &json!({"department": "Sales"})));
    consistency::check(&server.database());
}

#[test]
fn auditors_read_and_administrators_change() {
    let (server, ada, source) = with_badges();
    let auditor = ada.invite(&server, "bob@example.com", "auditor");
    for path in ["schemas", "resource-types", "unknown-attributes"] {
        auditor.read(&format!("/sources/contoso/{path}"));
        Admin::nobody(&server)
            .get(&format!("/sources/contoso/{path}"))
            .expect_problem(401, "unauthenticated");
    }
    auditor.put(&schema_path(&source, DEVICE), &device()).expect_problem(403, "forbidden");
    auditor.delete(&schema_path(&source, BADGE)).expect_problem(403, "forbidden");
    auditor.put("/sources/contoso/resource-types/Device", &device_type()).expect_problem(403, "forbidden");
    auditor.delete("/sources/contoso/resource-types/User").expect_problem(403, "forbidden");
    let adopt = json!({"resource_type": "User", "path": "hat"});
    auditor.post("/sources/contoso/unknown-attributes/adopt", &adopt).expect_problem(403, "forbidden");
    auditor.delete("/sources/contoso/unknown-attributes").expect_problem(403, "forbidden");
    let act = &ada.items("/changes?source=contoso&kind=update")[0];
    assert_eq!((&act["actor"]["name"], &act["after"]["schema"]), (&json!("Ada Lovelace"), &json!(BADGE)));
    assert_eq!((&act["after"]["extends"], &act["resource"]["id"]), (&json!("User"), &json!("contoso")));
}

#[test]
fn the_command_line_does_the_same_and_the_server_goes_by_it_at_once() {
    let server = Server::start();
    let source = server.source("contoso");
    let data = server.data().to_str().expect("UTF-8");
    source.post("/Users", &json!({"userName": "ada", BADGE: {"number": "B-1"}})).expect(201);
    let put =
        server.run(&["schema", "put", "contoso", "-", "--extends", "User", "--json"], &badge().to_string());
    assert!(put.status.success(), "{put:?}");
    assert_eq!(source.found("/Users", &format!("{BADGE}:number eq \"B-1\"")).len(), 1, "at once");
    source.post("/Users", &json!({"userName": "bob", BADGE: {"level": 1}})).expect_error(400, "invalidValue");
    let shown = server.command(&["schema", "show", "contoso", BADGE]);
    assert_eq!(shown["resource_types"], json!([{"name": "User", "base": false, "required": false}]));
    let again = headwater(&["schema", "show", "contoso", BADGE, "--data", data]);
    let again = String::from_utf8(again.stdout).expect("UTF-8");
    assert!(server.run(&["schema", "put", "contoso", "-"], &again).status.success(), "as it was printed");
    let file = server.data().join("device.json");
    std::fs::write(&file, device().to_string()).expect("written");
    assert!(server.command(&["schema", "put", "contoso", file.to_str().expect("UTF-8")])["origin"] == "own");
    let put = server.run(&["resource-type", "put", "contoso", "-"], &device_type().to_string());
    assert_eq!(
        String::from_utf8_lossy(&put.stdout),
        "The resource type Device of contoso is made; it is served at /Devices.\n"
    );
    source.post("/Devices", &json!({"displayName": "x", BADGE: {"number": "D"}})).expect(201);
    assert_eq!(server.command(&["schema", "list", "contoso"]).as_array().map(Vec::len), Some(8));
    assert_eq!(server.command(&["resource-type", "list", "contoso"])[2]["resources"], 1);

    let at = |arguments: &[&str], input: &str| server.run(arguments, input);
    for (arguments, input, code, says) in [
        (&["schema", "put", "contoso", "/nowhere/x.json"][..], "", 2, "can't be read"),
        (&["schema", "put", "contoso", "-"], "{", 2, "not JSON"),
        (&["schema", "put", "contoso", "-"], "[]", 2, "expected an object"),
        (
            &["schema", "put", "contoso", "-"],
            "{\"id\": \"urn:x-y:z\", \"attributes\": [{\"name\": \"1\"}]}",
            2,
            "attributes[0].name",
        ),
        (&["schema", "put", "contoso", "-", "--required"], "{}", 2, "--extends"),
        (
            &["schema", "put", "nobody", "-"],
            "{\"id\": \"urn:x-y:z\", \"attributes\": [{\"name\": \"a\"}]}",
            3,
            "nobody",
        ),
        (&["schema", "show", "contoso", "urn:x-y:z"], "", 3, "urn:x-y:z"),
        (&["schema", "remove", "contoso", "urn:x-y:z"], "", 3, "urn:x-y:z"),
        (&["schema", "remove", "contoso", BADGE], "", 4, "used by the resource type Device"),
        (&["resource-type", "remove", "contoso", "Device"], "", 4, "delete them first"),
        (
            &["resource-type", "put", "contoso", "-"],
            "{\"name\": \"X\", \"endpoint\": \"/Users\"}",
            2,
            "endpoint",
        ),
        (&["attribute", "adopt", "contoso", "User", "nothing"], "", 3, "nothing"),
    ] {
        let output = at(arguments, input);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
    let device = text(&source.found("/Devices", "displayName eq \"x\"")[0]["id"]);
    source.delete(&format!("/Devices/{device}")).expect(204);
    server.command(&["resource-type", "remove", "contoso", "Device"]);
    source.get("/Devices").expect_error(404, "");
    server.command(&["schema", "remove", "contoso", DEVICE]);
    consistency::check(&server.database());
}
