//! What the clients of a source do with schemas and resource types of its own.

use serde_json::{Value, json};

use crate::support::{
    Admin, Server, Source, consistency,
    definitions::{BADGE, DEVICE, schema_path, user_with_badge, with_badges, with_devices},
    percent, text, texts,
};

/// Sends a badge as it is written, and returns the answer.
#[track_caller]
fn post_raw(source: &Source, name: &str, badge: &str) -> crate::support::Response {
    let mut request = source.request("POST", "/Users", Some(&Value::Null));
    request.body = Some(format!(r#"{{"userName": "{name}", "{BADGE}": {badge}}}"#).into_bytes());
    source.send(&request).expect("an answer")
}

/// Shows SCH-004, SCH-022, SCH-044, END-002, DIS-007.
#[test]
fn discovery_shows_the_schemas_and_types_of_the_source() {
    let (_server, ada, source) = with_devices();
    let schemas = source.get("/Schemas").expect(200).json();
    let ids = texts(schemas["Resources"].as_array().expect("schemas"), "/id");
    assert_eq!(schemas["totalResults"], 8);
    assert!(ids.contains(&BADGE.to_owned()) && ids.contains(&DEVICE.to_owned()), "{ids:?}");
    let badge = source.get(&format!("/Schemas/{BADGE}")).expect(200).json();
    let attribute = |name: &str| -> Value {
        let all = badge["attributes"].as_array().expect("attributes");
        all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let serial = json!({
        "name": "serial", "type": "string", "multiValued": false, "description": "", "required": false,
        "caseExact": false, "mutability": "immutable", "returned": "default", "uniqueness": "none"
    });
    assert_eq!(attribute("serial"), serial, "what is left out has its default");
    let subs = texts(attribute("places")["subAttributes"].as_array().expect("a list"), "/name");
    assert_eq!(subs, ["value", "display", "type", "primary", "$ref"]);

    let device = source.get("/ResourceTypes/Device").expect(200).json();
    assert_eq!((&device["endpoint"], &device["schema"]), (&json!("/Devices"), &json!(DEVICE)));
    assert_eq!(device["schemaExtensions"], json!([{"schema": BADGE, "required": true}]));
    assert_eq!(source.get("/ResourceTypes").expect(200).json()["totalResults"], 3);
    assert_eq!(source.get("/Devices").expect(200).json()["totalResults"], 0);

    let other = ada.source("Other");
    assert_eq!(
        other.get("/Schemas").expect(200).json()["totalResults"],
        6,
        "another source sees nothing of it"
    );
    other.get("/Devices").expect_error(404, "");
    other.get(&format!("/Schemas/{BADGE}")).expect_error(404, "");
}

/// Shows END-002, SCH-044.
#[test]
fn a_resource_type_of_the_source_has_all_methods() {
    let (server, _ada, source) = with_devices();
    let device = json!({
        "schemas": [DEVICE, BADGE], "displayName": "Laptop 7", "serialNumber": "S-7",
        "ports": [{"value": "lan", "speed": 1000}], BADGE: {"number": "D-7"},
    });
    for lacking in [json!({}), json!({BADGE: {"level": 1}})] {
        let mut body = json!({"displayName": "Laptop 8"});
        body.as_object_mut().expect("an object").extend(lacking.as_object().expect("an object").clone());
        let detail = source.post("/Devices", &body).expect_error(400, "invalidValue");
        assert!(detail.contains(BADGE), "{detail}");
    }
    let made = source.post("/Devices", &device).expect(201);
    let path = format!("/Devices/{}", text(&made.json()["id"]));
    assert_eq!(made.header("location"), Some(&*format!("{}{path}", source.base_url())));
    let made = made.json();
    assert_eq!(
        (&made["meta"]["resourceType"], &made["schemas"]),
        (&json!("Device"), &json!([DEVICE, BADGE]))
    );
    source.post("/Devices", &device).expect_error(409, "uniqueness");
    for filter in [
        "displayName eq \"laptop 7\"".to_owned(),
        "ports.speed gt 999".to_owned(),
        "ports[speed gt 999 and value eq \"lan\"]".to_owned(),
        format!("{BADGE}:number eq \"D-7\""),
        format!("{DEVICE}:serialNumber sw \"s-\""),
    ] {
        assert_eq!(source.found("/Devices", &filter).len(), 1, "{filter}");
    }
    let patched =
        source.patch(&path, json!([{"op": "add", "path": "ports", "value": {"value": "usb", "speed": 5}}]));
    assert_eq!(patched.expect(200).json()["ports"].as_array().map(Vec::len), Some(2));
    let replaced = json!({"displayName": "Laptop 9", BADGE: {"number": "D-9"}});
    let replaced = source.put(&path, &replaced).expect(200).json();
    assert_eq!((&replaced["displayName"], &replaced["ports"]), (&json!("Laptop 9"), &Value::Null));
    source.post("/Devices", &device).expect(201);
    assert_eq!(source.get("/Devices?sortBy=displayName").expect(200).json()["totalResults"], 2);
    source.delete(&path).expect(204);
    source.get(&path).expect_error(404, "");
    consistency::check(&server.database());
}

/// Shows FLT-010, FLT-022.
#[test]
fn filters_and_sorting_work_on_every_attribute_that_is_added() {
    let (server, _ada, source) = with_badges();
    user_with_badge(
        &source,
        "ada",
        &json!({
            "number": "B-1", "level": 9, "weight": 1.5, "issued": "2026-01-01T00:00:00Z", "lost": true,
            "photo": "https://example.com/ada.png", "doors": ["north", "south"],
            "places": [{"value": "Berlin", "type": "work"}, {"value": "Bonn", "type": "home"}],
            "holder": {"first": "Ada", "age": 36}, "hint": "mother"
        }),
    );
    user_with_badge(
        &source,
        "bob",
        &json!({
            "number": "B-2", "level": 10, "weight": -0.1, "issued": "2026-01-01T00:30:00+01:00", "lost": false,
            "photo": "https://example.com/bob.png", "doors": ["north"], "places": [{"value": "Basel", "type": "home"}],
            "holder": {"first": "Bob", "age": 8}
        }),
    );
    user_with_badge(&source, "cyd", &json!({"number": "c-3", "level": 100, "weight": 2}));
    source.user("dan");
    let table: &[(&str, &[&str])] = &[
        (":number eq \"B-1\"", &["ada"]),
        (":number eq \"b-1\"", &[]),
        (":number ne \"B-1\"", &["bob", "cyd", "dan"]),
        (":number sw \"B-\"", &["ada", "bob"]),
        (":number co \"-\"", &["ada", "bob", "cyd"]),
        (":number ew \"3\"", &["cyd"]),
        (":number gt \"B-1\"", &["bob", "cyd"]),
        (":number le \"B-2\"", &["ada", "bob"]),
        (":number pr", &["ada", "bob", "cyd"]),
        (":level eq 10", &["bob"]),
        (":level eq 10.0", &["bob"]),
        (":level lt 10", &["ada"]),
        (":level ge 10", &["bob", "cyd"]),
        (":level ne 9", &["bob", "cyd", "dan"]),
        (":weight eq 1.50", &["ada"]),
        (":weight lt 0", &["bob"]),
        (":weight gt -1", &["ada", "bob", "cyd"]),
        (":weight le 1.5", &["ada", "bob"]),
        (":issued eq \"2026-01-01T01:00:00+01:00\"", &["ada"]),
        (":issued lt \"2026-01-01T00:00:00Z\"", &["bob"]),
        (":lost eq true", &["ada"]),
        (":lost eq false", &["bob"]),
        (":photo sw \"https://example.com/b\"", &["bob"]),
        (":photo eq \"HTTPS://example.com/ada.png\"", &[]),
        (":doors eq \"NORTH\"", &["ada", "bob"]),
        (":doors co \"out\"", &["ada"]),
        (":places[type eq \"home\" and value sw \"bo\"]", &["ada"]),
        (":places.type eq \"work\"", &["ada"]),
        (":places.value eq \"basel\"", &["bob"]),
        (":places eq \"basel\"", &["bob"]),
        (":holder.age ge 36", &["ada"]),
        (":holder.first eq \"BOB\"", &["bob"]),
        (":holder pr", &["ada", "bob"]),
    ];
    for (filter, expected) in table {
        let found = texts(&source.found("/Users", &format!("{BADGE}{filter}")), "/userName");
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, *expected, "{filter}");
    }
    let both = format!("{BADGE}:level gt 9 and not ({BADGE}:lost eq false) or userName eq \"ada\"");
    assert_eq!(source.found("/Users", &both).len(), 2);
    for filter in [":hint eq \"mother\"", ":nothing eq 1", ":holder.nothing pr"] {
        let path = format!("/Users?filter={}", percent(&format!("{BADGE}{filter}")));
        source.get(&path).expect_error(400, "invalidFilter");
    }
    for (by, expected) in [
        ("level", ["ada", "bob", "cyd", "dan"]),
        ("weight", ["bob", "ada", "cyd", "dan"]),
        ("holder.age", ["bob", "ada", "cyd", "dan"]),
    ] {
        let page = source.get(&format!("/Users?sortBy={}", percent(&format!("{BADGE}:{by}")))).expect(200);
        assert_eq!(texts(page.json()["Resources"].as_array().expect("users"), "/userName"), expected, "{by}");
    }
    consistency::check(&server.database());
}

/// Shows SCH-009, SCH-010, SCH-011.
#[test]
fn values_are_those_of_the_type() {
    let (_server, _ada, source) = with_badges();
    for (position, (attribute, value)) in [
        ("weight", "\"1.5\""),
        ("level", "1.0"),
        ("level", "1.5"),
        ("level", "1e3"),
        ("level", "\"ten\""),
        ("issued", "\"2011-05-13\""),
        ("issued", "\"13/05/2011\""),
        ("lost", "\"maybe\""),
        ("doors", "[1]"),
        ("holder", "\"Ada\""),
        ("places", "[{\"value\": 1}]"),
        ("number", "7"),
    ]
    .into_iter()
    .enumerate()
    {
        let badge = if attribute == "number" {
            format!(r#"{{"number": {value}}}"#)
        } else {
            format!(r#"{{"number": "B", "{attribute}": {value}}}"#)
        };
        let detail = post_raw(&source, &format!("u{position}"), &badge).expect_error(400, "invalidValue");
        assert!(detail.contains(attribute), "{detail}");
    }
    assert_eq!(source.get("/Users").expect(200).json()["totalResults"], 0);
    for (position, (attribute, value)) in [
        ("weight", "1.50"),
        ("weight", "-0.1"),
        ("level", "-12"),
        ("issued", "\"2011-05-13T04:42:34Z\""),
        ("issued", "\"2011-05-13T04:42:34+02:00\""),
        ("issued", "\"2011-05-13T04:42:34.123\""),
    ]
    .into_iter()
    .enumerate()
    {
        let badge = format!(r#"{{"number": "B-{position}", "{attribute}": {value}}}"#);
        let made = post_raw(&source, &format!("u{position}"), &badge).expect(201).json();
        let sent: Value = serde_json::from_str(value).expect("JSON");
        assert_eq!(made[BADGE][attribute], sent);
    }
}

/// Shows SCH-031, PUT-005, PAT-009.
#[test]
fn an_immutable_attribute_is_set_once() {
    let (server, _ada, source) = with_badges();
    let user = source.user("ada");
    let path = format!("/Users/{user}");
    let serial = format!("{BADGE}:serial");
    source
        .patch(&path, json!([{"op": "add", "path": format!("{BADGE}:number"), "value": "B-1"}]))
        .expect(200);
    let set = source.patch(&path, json!([{"op": "add", "path": serial, "value": "S-1"}])).expect(200).json();
    assert_eq!(set[BADGE]["serial"], "S-1", "by PATCH while it has none");
    source.patch(&path, json!([{"op": "add", "path": serial, "value": "S-1"}])).expect(200);
    for operation in [
        json!({"op": "add", "path": serial, "value": "S-2"}),
        json!({"op": "replace", "path": serial, "value": "S-2"}),
        json!({"op": "remove", "path": serial}),
        json!({"op": "replace", "value": {BADGE: {"serial": "S-2"}}}),
    ] {
        let detail = source.patch(&path, json!([operation])).expect_error(400, "mutability");
        assert!(detail.contains("serial"), "{detail}");
    }
    let body = |serial: &Value| json!({"userName": "ada", BADGE: {"number": "B-1", "serial": serial}});
    source.put(&path, &body(&json!("S-2"))).expect_error(400, "mutability");
    assert_eq!(source.put(&path, &body(&json!("S-1"))).expect(200).json()[BADGE]["serial"], "S-1");
    let left_out = json!({"userName": "ada", BADGE: {"number": "B-1"}});
    assert_eq!(source.put(&path, &left_out).expect(200).json()[BADGE]["serial"], "S-1");
    let other = user_with_badge(&source, "bob", &json!({"number": "B-2"}));
    let body = json!({"userName": "bob", BADGE: {"number": "B-2", "serial": "S-9"}});
    let put = source.put(&format!("/Users/{other}"), &body).expect(200).json();
    assert_eq!(put[BADGE]["serial"], "S-9", "by PUT while it has none");
    let made = user_with_badge(&source, "cyd", &json!({"number": "B-3", "serial": "S-3"}));
    let read = source.get(&format!("/Users/{made}")).expect(200).json();
    assert_eq!(read[BADGE]["serial"], "S-3", "by POST");
    consistency::check(&server.database());
}

/// A source whose users may have what is hard to change.
fn with_parts() -> (crate::support::Server, Source) {
    let server = crate::support::Server::start();
    let ada = crate::support::Admin::first(&server);
    let source = ada.source("Contoso");
    let lock = json!({"name": "lock", "mutability": "immutable"});
    let schema = json!({"id": BADGE, "name": "Badge", "attributes": [
        {"name": "fixed", "mutability": "immutable"},
        {"name": "seal", "type": "complex", "mutability": "immutable", "subAttributes": [{"name": "a"}, {"name": "b"}]},
        {"name": "seals", "type": "complex", "multiValued": true, "mutability": "immutable",
         "subAttributes": [{"name": "value"}, {"name": "type"}]},
        {"name": "box", "type": "complex", "subAttributes": [{"name": "w"}, lock, {"name": "by", "mutability": "readOnly"}]},
        {"name": "boxes", "type": "complex", "multiValued": true, "subAttributes": [{"name": "value"}, {"name": "type"}, lock]},
        {"name": "places", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type"}, {"name": "floor", "type": "integer"}, {"name": "needed", "required": true}]},
        {"name": "plain"},
    ]});
    ada.put(&format!("{}?extends=User", schema_path(&source, BADGE)), &schema).expect(201);
    (server, source)
}

/// Sends operations whose paths are those of the badge, and returns the answer.
fn patch_badge(source: &Source, user: &str, operations: &[(&str, &str, Value)]) -> crate::support::Response {
    let operation = |(op, path, value): &(&str, &str, Value)| {
        let path = if path.is_empty() { BADGE.to_owned() } else { format!("{BADGE}:{path}") };
        json!({"op": op, "path": path, "value": value})
    };
    source.patch(&format!("/Users/{user}"), operations.iter().map(operation).collect())
}

/// Shows SCH-031, PUT-005, PAT-009.
#[test]
fn what_is_immutable_is_so_by_every_way() {
    let (server, source) = with_parts();
    let sealed = json!({
        "fixed": "F", "seal": {"a": "1"}, "seals": [{"value": "q"}], "plain": "P",
        "box": {"w": "1", "lock": "L"}, "boxes": [{"value": "1", "lock": "L"}, {"value": "2"}],
    });
    let user = user_with_badge(&source, "ada", &sealed);
    let path = format!("/Users/{user}");
    let shown = || source.get(&path).expect(200).json()[BADGE].clone();
    let null = Value::Null;
    for (op, at, value) in [
        ("replace", "seal.a", json!("2")),
        ("add", "seal.b", json!("2")),
        ("remove", "seal.a", null.clone()),
        ("remove", "seal", null.clone()),
        ("replace", "seals[value eq \"q\"].value", json!("z")),
        ("remove", "seals[value eq \"q\"].value", null.clone()),
        ("add", "seals[value eq \"new\"].type", json!("t")),
        ("remove", "seals[value eq \"q\"]", null.clone()),
        ("remove", "", null.clone()),
        ("replace", "", null.clone()),
        ("add", "box", json!({"lock": "N"})),
        ("replace", "box", json!({"lock": "N"})),
        ("replace", "box", json!({"lock": null})),
        ("replace", "", json!({"box": {"lock": "N"}})),
        ("replace", "box.lock", json!("N")),
        ("remove", "box.lock", null.clone()),
        ("remove", "box", null.clone()),
        ("add", "boxes", json!({"value": "1", "lock": "N"})),
        ("replace", "boxes", json!([{"value": "1", "lock": "N"}])),
        ("replace", "boxes[value eq \"1\"].lock", json!("N")),
        ("remove", "boxes[value eq \"1\"].lock", null.clone()),
        ("add", "boxes[value eq \"1\"]", json!({"lock": "N"})),
        ("add", "boxes[value eq \"1\"]", json!({"lock": null})),
        ("replace", "boxes[value eq \"1\"]", json!({"value": "1", "lock": "N"})),
    ] {
        patch_badge(&source, &user, &[(op, at, value.clone())]).expect_error(400, "mutability");
        let detour = [(op, at, value.clone()), ("add", "fixed", json!("other"))];
        patch_badge(&source, &user, &detour).expect_error(400, "mutability");
        assert_eq!(shown(), sealed, "{op} {at} {value}");
    }
    for badge in [
        json!({"box": {"lock": "N"}}),
        json!({"boxes": [{"value": "1", "lock": "N"}]}),
        json!({"seal": {"a": "2"}}),
    ] {
        source.put(&path, &json!({"userName": "ada", BADGE: badge})).expect_error(400, "mutability");
        assert_eq!(shown(), sealed, "PUT {badge}");
    }
    for (op, at, value) in [
        ("replace", "box", json!({"w": "2", "lock": "L"})),
        ("add", "boxes[value eq \"2\"].lock", json!("M")),
        ("replace", "boxes", json!([{"value": "1"}, {"value": "3", "lock": "O"}])),
        ("add", "seal", json!({"a": "1"})),
    ] {
        patch_badge(&source, &user, &[(op, at, value)]).expect(200);
    }
    let changed = json!({
        "fixed": "F", "seal": {"a": "1"}, "seals": [{"value": "q"}], "plain": "P",
        "box": {"w": "2", "lock": "L"}, "boxes": [{"value": "1", "lock": "L"}, {"value": "3", "lock": "O"}],
    });
    assert_eq!(shown(), changed);
    source.put(&path, &json!({"userName": "ada"})).expect(200);
    let kept = json!({"fixed": "F", "seal": {"a": "1"}, "seals": [{"value": "q"}], "box": {"lock": "L"}});
    assert_eq!(shown(), kept, "elements of a list may go, and a part of one value may not");
    consistency::check(&server.database());
}

/// Shows PAT-026, PAT-034, SCH-028, SCH-040.
#[test]
fn what_is_required_of_an_element_is_there_in_the_end() {
    let (server, source) = with_parts();
    let user = user_with_badge(
        &source,
        "ada",
        &json!({"places": [{"value": "v", "type": "work", "floor": 1, "needed": "n"}]}),
    );
    let shown = || source.get(&format!("/Users/{user}")).expect(200).json()[BADGE]["places"].clone();
    for (op, at, value, floor) in [
        ("add", "places[type eq \"work\"]", json!({"floor": 2}), 2),
        ("add", "places", json!({"value": "v", "type": "work", "floor": 3}), 3),
        ("replace", "places[type eq \"work\"].floor", json!(4), 4),
    ] {
        patch_badge(&source, &user, &[(op, at, value)]).expect(200);
        assert_eq!(
            shown(),
            json!([{"value": "v", "type": "work", "floor": floor, "needed": "n"}]),
            "{op} {at}"
        );
    }
    let before = shown();
    for (op, at, value, scim_type) in [
        ("add", "places", json!({"value": "w", "floor": 3}), "invalidValue"),
        ("replace", "places[type eq \"work\"]", json!({"floor": 3}), "invalidValue"),
        ("replace", "places[type eq \"work\"].needed", json!(""), "invalidValue"),
        ("replace", "places[type eq \"work\"].needed", Value::Null, "invalidValue"),
        ("add", "places[type eq \"work\"]", json!({"needed": null}), "invalidValue"),
        ("remove", "places[type eq \"work\"].needed", Value::Null, "mutability"),
    ] {
        patch_badge(&source, &user, &[(op, at, value)]).expect_error(400, scim_type);
        assert_eq!(shown(), before, "{op} {at}");
    }
    // Where nothing else is left of an element, it goes.
    patch_badge(&source, &user, &[("add", "places", json!([{"needed": "alone"}]))]).expect(200);
    let alone = "places[needed eq \"alone\"].needed";
    patch_badge(&source, &user, &[("remove", alone, Value::Null)]).expect(200);
    assert_eq!(shown(), before);
    let blank = json!({"userName": "bob", BADGE: {"places": [{"value": "v", "needed": " "}]}});
    source.post("/Users", &blank).expect_error(400, "invalidValue");
    patch_badge(&source, &user, &[("add", "places[type eq \"work\"]", json!({"floor": null}))]).expect(200);
    assert_eq!(shown(), json!([{"value": "v", "type": "work", "needed": "n"}]), "null unassigns");
    let path = format!("/Users/{user}");
    source.patch(&path, json!([{"op": "add", "path": "emails", "value": [{"value": "a@x"}]}])).expect(200);
    let nothing = json!([{"op": "add", "path": "emails[value eq \"a@x\"]", "value": {"value": null}}]);
    let left = source.patch(&path, nothing).expect(200).json();
    assert_eq!(left.get("emails"), None, "nothing is left of it");
    consistency::check(&server.database());
}

/// Shows PAT-042.
#[test]
fn nothing_is_no_success() {
    let (_server, source) = with_parts();
    let user = user_with_badge(&source, "ada", &json!({"plain": "P", "box": {"w": "1"}}));
    let path = format!("/Users/{user}");
    for (at, value, scim_type) in [
        ("roles[primary ne false].type", Value::Null, "noTarget"),
        ("schemas", json!("vv"), "invalidSyntax"),
        ("schemas", json!(["urn:nope"]), "invalidSyntax"),
        ("schemas", json!([]), "invalidValue"),
    ] {
        let replace = json!([{"op": "replace", "path": at, "value": value}]);
        source.patch(&path, replace).expect_error(400, scim_type);
    }
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User", BADGE]);
    source.patch(&path, json!([{"op": "replace", "path": "schemas", "value": schemas}])).expect(200);
    let beside = json!({"schemas": ["urn:nope"], "title": "T"});
    assert_eq!(
        source.patch(&path, json!([{"op": "replace", "value": beside}])).expect(200).json()["title"],
        "T"
    );
}

/// Shows SCH-036, ATR-008.
#[test]
fn an_attribute_is_answered_when_its_definition_says_so() {
    let (_server, _ada, source) = with_badges();
    let badge = json!({"number": "B-1", "colour": "red", "pin": "12", "hint": "mother"});
    let user = user_with_badge(&source, "ada", &badge);
    let read = |query: &str| source.get(&format!("/Users/{user}{query}")).expect(200).json()[BADGE].clone();
    assert_eq!(read(""), json!({"number": "B-1", "colour": "red"}));
    assert_eq!(read("?attributes=userName"), json!({"colour": "red"}), "always");
    assert_eq!(read(&format!("?attributes={BADGE}:pin")), json!({"colour": "red", "pin": "12"}));
    assert_eq!(read(&format!("?attributes={BADGE}:hint")), json!({"colour": "red"}), "never");
    assert_eq!(read(&format!("?excludedAttributes={BADGE}:number,{BADGE}:colour")), json!({"colour": "red"}));
    let patch = json!([{"op": "replace", "path": format!("{BADGE}:pin"), "value": "34"}]);
    let patched = source.patch(&format!("/Users/{user}"), patch).expect(200).json();
    assert_eq!(patched[BADGE]["pin"], "34", "a write that names it has it in the answer");
    assert_eq!(patched[BADGE]["hint"], Value::Null);
    assert_eq!(read(""), json!({"number": "B-1", "colour": "red"}));
    let put =
        json!({"userName": "ada", BADGE: {"number": "B-1", "colour": "red", "pin": "56", "hint": "mother"}});
    let put = source.put(&format!("/Users/{user}"), &put).expect(200).json();
    assert_eq!(put[BADGE], json!({"number": "B-1", "colour": "red", "pin": "56"}));
    let unnamed = json!([{"op": "replace", "value": {BADGE: {"number": "B-2"}}}]);
    let patched = source.patch(&format!("/Users/{user}"), unnamed).expect(200).json();
    assert_eq!(patched[BADGE], json!({"number": "B-2", "colour": "red"}));
    let made = json!({"userName": "bob", BADGE: {"number": "B-3", "pin": "7"}});
    let made = |query: &str| source.post(&format!("/Users{query}"), &made);
    let only = made("?attributes=userName").expect(201).json();
    assert_eq!(only[BADGE], Value::Null, "whoever asks for something gets that");
    source.delete(&format!("/Users/{}", text(&only["id"]))).expect(204);
    assert_eq!(made("").expect(201).json()[BADGE]["pin"], "7");
}

#[test]
fn patch_paths_reach_into_an_extension() {
    let (server, _ada, source) = with_badges();
    let user = user_with_badge(&source, "ada", &json!({"number": "B-1", "doors": ["north"]}));
    let path = format!("/Users/{user}");
    let at = |name: &str| format!("{BADGE}:{name}");
    let patched = source.patch(&path, json!([
        {"op": "add", "path": at("doors"), "value": ["south"]},
        {"op": "add", "path": at("places"), "value": [{"value": "Bonn", "type": "home"}, {"value": "Ulm", "type": "work"}]},
        {"op": "replace", "path": at("places[type eq \"work\"].value"), "value": "Kiel"},
        {"op": "replace", "path": at("HOLDER.Age"), "value": 36},
        {"op": "add", "path": at("level"), "value": 3},
    ]));
    let badge = patched.expect(200).json()[BADGE].clone();
    assert_eq!(badge["doors"], json!(["north", "south"]));
    assert_eq!(badge["places"][1], json!({"value": "Kiel", "type": "work"}));
    assert_eq!((&badge["holder"], &badge["level"]), (&json!({"age": 36}), &json!(3)));
    let patched = source.patch(
        &path,
        json!([
            {"op": "remove", "path": at("places[value eq \"Bonn\"]")},
            {"op": "remove", "path": at("level")},
        ]),
    );
    let badge = patched.expect(200).json()[BADGE].clone();
    assert_eq!((badge["places"].as_array().map(Vec::len), &badge["level"]), (Some(1), &Value::Null));
    source
        .patch(&path, json!([{"op": "add", "path": at("nothing"), "value": 1}]))
        .expect_error(400, "invalidPath");
    source.patch(&path, json!([{"op": "remove", "path": at("number")}])).expect_error(400, "mutability");
    consistency::check(&server.database());
}

#[test]
fn a_value_that_is_to_be_unique_is_taken_once() {
    let (_server, ada, source) = with_badges();
    user_with_badge(&source, "ada", &json!({"number": "B-1"}));
    let taken = json!({"userName": "bob", BADGE: {"number": "B-1"}});
    let detail = source.post("/Users", &taken).expect_error(409, "uniqueness");
    assert!(detail.contains("number"), "{detail}");
    user_with_badge(&source, "bob", &json!({"number": "b-1"}));
    let other = ada.source("Other");
    ada.put(&format!("/sources/other/schemas/{BADGE}?extends=User"), &crate::support::definitions::badge())
        .expect(201);
    user_with_badge(&other, "ada", &json!({"number": "B-1"}));
}

/// Shows SCH-039.
#[test]
fn a_part_of_a_list_that_is_to_be_unique_is_taken_once() {
    let server = crate::support::Server::start();
    let ada = crate::support::Admin::first(&server);
    let source = ada.source("Contoso");
    let mac = json!({"name": "mac", "uniqueness": "server"});
    let ports = json!({"name": "ports", "type": "complex", "multiValued": true, "subAttributes": [{"name": "speed"}, mac]});
    let schema = json!({"id": BADGE, "name": "Badge", "attributes": [ports]});
    ada.put(&format!("{}?extends=User", schema_path(&source, BADGE)), &schema).expect(201);
    let first = user_with_badge(&source, "ada", &json!({"ports": [{"mac": "A"}, {"mac": "B"}]}));
    let taken = json!({"userName": "bob", BADGE: {"ports": [{"speed": "1", "mac": "b"}]}});
    source.post("/Users", &taken).expect_error(409, "uniqueness");
    let second = user_with_badge(&source, "bob", &json!({"ports": [{"mac": "C"}]}));
    let add = json!([{"op": "add", "path": format!("{BADGE}:ports"), "value": [{"mac": "A"}]}]);
    source.patch(&format!("/Users/{second}"), add.clone()).expect_error(409, "uniqueness");
    let found = source.found("/Users", &format!("{BADGE}:ports.mac eq \"a\""));
    assert_eq!(texts(&found, "/id"), std::slice::from_ref(&first));
    source.delete(&format!("/Users/{first}")).expect(204);
    source.patch(&format!("/Users/{second}"), add).expect(200);
    consistency::check(&server.database());
}

/// Shows SCH-039, FLT-010, FLT-022, SRT-007.
#[test]
fn whole_numbers_beyond_floating_point_are_told_apart() {
    let (_server, ada, source) = with_badges();
    let urn = "urn:example:params:scim:schemas:2.0:Serial";
    let schema = json!({"id": urn, "name": "Serial", "attributes": [
        {"name": "number", "type": "integer", "uniqueness": "server"},
        {"name": "tag", "type": "complex", "subAttributes": [{"name": "code", "uniqueness": "server"}]}]});
    ada.put(&format!("{}?extends=User", schema_path(&source, urn)), &schema).expect(201);
    let numbers: [u64; 4] = [9_007_199_254_740_993, 9_007_199_254_740_992, 18_446_744_073_709_551_615, 7];
    for (position, number) in numbers.iter().enumerate() {
        let body = json!({"userName": format!("user{position}"), urn: {"number": number}});
        source.post("/Users", &body).expect(201);
    }
    let again = json!({"userName": "again", urn: {"number": numbers[0]}});
    let detail = source.post("/Users", &again).expect_error(409, "uniqueness");
    assert!(detail.contains("9007199254740993"), "{detail}");
    let tagged = |name: &str| json!({"userName": name, urn: {"tag": {"code": "T-1"}}});
    source.post("/Users", &tagged("first")).expect(201);
    let detail = source.post("/Users", &tagged("second")).expect_error(409, "uniqueness");
    assert!(detail.contains("T-1"), "{detail}");
    for (filter, expected) in [
        ("eq 9007199254740993", &["user0"][..]),
        ("eq 9007199254740992", &["user1"]),
        ("gt 9007199254740992", &["user0", "user2"]),
        ("le 9007199254740992", &["user1", "user3"]),
        ("eq 7", &["user3"]),
        ("lt 7.5", &["user3"]),
    ] {
        let found = source.found("/Users", &format!("{urn}:number {filter}"));
        assert_eq!(texts(&found, "/userName"), expected, "{filter}");
    }
    let sorted = format!(
        "/Users?sortBy={}&filter={}",
        percent(&format!("{urn}:number")),
        percent(&format!("{urn}:number pr"))
    );
    let page = source.get(&sorted).expect(200).json();
    let names = texts(page["Resources"].as_array().expect("resources"), "/userName");
    assert_eq!(names, ["user3", "user1", "user0", "user2"]);
}

/// Shows SCH-034.
#[test]
fn a_part_that_is_never_returned_is_not_returned_by_name() {
    let server = crate::support::Server::start();
    let ada = crate::support::Admin::first(&server);
    let source = ada.source("Contoso");
    let schema = json!({"id": BADGE, "name": "Badge", "attributes": [
        {"name": "card", "type": "complex", "subAttributes": [
            {"name": "number"}, {"name": "code", "returned": "never"}]},
        {"name": "pins", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value", "returned": "never"}, {"name": "type"}]}
    ]});
    ada.put(&format!("{}?extends=User", schema_path(&source, BADGE)), &schema).expect(201);
    let card =
        json!({"card": {"number": "7", "code": "Rosebud"}, "pins": [{"value": "Rosebud", "type": "x"}]});
    let user = user_with_badge(&source, "ada", &card);
    for names in ["card.code", "card.number,card.code", "card", "pins.value", "pins", "pins.value,pins.type"]
    {
        let names: Vec<String> = names.split(',').map(|name| format!("{BADGE}:{name}")).collect();
        for path in [format!("/Users/{user}"), "/Users".to_owned()] {
            let answer = source.get(&format!("{path}?attributes={}", percent(&names.join(",")))).expect(200);
            assert!(!answer.json().to_string().contains("Rosebud"), "{names:?}: {}", answer.json());
        }
    }
    let shown = source.get(&format!("/Users/{user}")).expect(200).json();
    assert_eq!(shown[BADGE], json!({"card": {"number": "7"}, "pins": [{"type": "x"}]}));
    source.post("/Users", &json!({"userName": "bob", "emails": [{"value": "bob@example.com"}]})).expect(201);
    let logged = crate::support::eventually("the log", || {
        let items = ada.items("/sources/contoso/requests?writes=true");
        (items.len() == 2).then_some(items)
    });
    let body = |request: &Value| -> Value {
        let detail = ada.read(&format!("/sources/contoso/requests/{}", request["sequence"]));
        serde_json::from_str(&text(&detail["request_body"])).expect("JSON")
    };
    assert_eq!(body(&logged[1])[BADGE], json!({"card": "•••", "pins": "•••"}));
    assert_eq!(body(&logged[0])["emails"], json!([{"value": "bob@example.com"}]), "other values are shown");
}

/// A plain value has no parts that a filter could describe.
#[test]
fn a_filter_makes_no_element_of_a_list_of_plain_values() {
    let (_server, _ada, source) = with_badges();
    let user = user_with_badge(&source, "ada", &json!({"number": "1"}));
    let add = json!([{"op": "add", "path": format!("{BADGE}:doors[value eq null]"), "value": "north"}]);
    source.patch(&format!("/Users/{user}"), add).expect_error(400, "noTarget");
    let shown = source.get(&format!("/Users/{user}")).expect(200).json();
    assert_eq!(shown[BADGE], json!({"number": "1"}));
}

/// Shows FLT-002.
#[test]
fn a_missing_primary_is_false_with_an_index_as_well() {
    let server = Server::start();
    let admin = Admin::first(&server);
    let source = admin.source("Contoso");
    for (name, email) in [
        ("ada", json!({"value": "a@x", "primary": true})),
        ("bob", json!({"value": "b@x", "primary": false})),
        ("cyd", json!({"value": "c@x"})),
    ] {
        source.post("/Users", &json!({"userName": name, "emails": [email]})).expect(201);
    }
    source.user("dan");
    let check = || {
        for (filter, expected) in [
            ("emails.primary eq false", &["bob", "cyd"][..]),
            ("emails.primary eq true", &["ada"]),
            ("not (emails.primary eq false)", &["ada", "dan"]),
            ("emails[primary eq false]", &["bob", "cyd"]),
            ("emails.primary eq false and userName gt \"bob\"", &["cyd"]),
        ] {
            assert_eq!(texts(&source.found("/Users", filter), "/userName"), expected, "{filter}");
        }
    };
    check();
    let indexed = json!({"searchable": ["emails.primary"]});
    admin.put("/sources/contoso/resource-types/User", &indexed).expect(200);
    check();
}
