//! Settings, and how the server does.

use serde_json::{Value, json};

use crate::support::{ADA, Admin, PASSWORD, Server, eventually};

fn span(session: &Value) -> i64 {
    let moment =
        |value: &Value| value.as_str().expect("a moment").parse::<jiff::Timestamp>().expect("RFC 3339");
    (moment(&session["expires"]) - moment(&session["created"])).as_secs()
}

#[test]
fn settings_are_changed_one_by_one_and_have_bounds() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let mut expected = json!({
        "organization_name": "Headwater", "session_hours": 12,
        "default_request_log_days": 30, "default_request_log_megabytes": 256,
    });
    assert_eq!(ada.read("/settings"), expected);
    for (name, good, bad) in [
        (
            "organization_name",
            vec![json!("Example Ltd"), json!("Ü")],
            vec![json!(""), json!(" "), json!("x".repeat(201)), json!(1)],
        ),
        (
            "session_hours",
            vec![json!(1), json!(720)],
            vec![json!(0), json!(721), json!(-1), json!("1"), json!(1.5)],
        ),
        ("default_request_log_days", vec![json!(1), json!(3650)], vec![json!(0), json!(3651)]),
        (
            "default_request_log_megabytes",
            vec![json!(1), json!(1_000_000)],
            vec![json!(0), json!(1_000_001), json!(4_294_967_296_u64)],
        ),
    ] {
        for value in good {
            expected[name] = value.clone();
            assert_eq!(ada.patch("/settings", json!({name: value})).expect(200).json(), expected);
        }
        for value in bad {
            ada.patch("/settings", json!({name: value})).expect_invalid(name);
        }
        assert_eq!(ada.read("/settings"), expected, "{name}");
    }
    assert_eq!(ada.patch("/settings", json!({})).expect(200).json(), expected);
}

#[test]
fn settings_count_for_what_begins_after_them_and_last() {
    let mut server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Before");
    assert_eq!(span(&ada.items("/sessions")[0]), 12 * 3_600);
    let edit = json!({"session_hours": 2, "default_request_log_days": 7, "default_request_log_megabytes": 5});
    ada.patch("/settings", edit.clone()).expect(200);
    ada.source("After");
    assert_eq!(ada.read("/sources/before")["request_log"], json!({"days": 30, "megabytes": 256}));
    assert_eq!(ada.read("/sources/after")["request_log"], json!({"days": 7, "megabytes": 5}));
    let later = Admin::sign_in(&server, ADA, PASSWORD);
    assert!(later.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=7200")));
    assert!(server.stop());
    server.restart(&[]);
    let again = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    assert_eq!(again.read("/settings")["session_hours"], edit["session_hours"]);
}

#[test]
fn the_system_tells_how_it_does() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    source.user("ada");
    source.user("bob");
    source.post("/Groups", &json!({"displayName": "Sales"})).expect(201);
    let system = eventually("the log", || {
        let system = ada.read("/system");
        (system["request_log"]["entries"] == 3).then_some(system)
    });
    assert_eq!((&system["sources"], &system["users"], &system["groups"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!((&system["store"]["kind"], &system["listen"]), (&json!("sqlite"), &json!(server.address())));
    assert_eq!(system["store"]["location"], json!(server.database()));
    assert!(
        system["store"]["bytes"].as_u64() > Some(4_096) && system["request_log"]["bytes"].as_u64() > Some(0)
    );
    assert_eq!((&system["request_log"]["dropped"], &system["public_url"]), (&json!(0), &Value::Null));
    assert_eq!(system["version"], env!("CARGO_PKG_VERSION"));
    let started: jiff::Timestamp = system["started"].as_str().expect("a moment").parse().expect("RFC 3339");
    assert!(started <= jiff::Timestamp::now() && system["uptime_seconds"].as_i64() < Some(60));
    let health = |name: &str| {
        let all = system["health"].as_array().expect("a list");
        all.iter().find(|one| one["name"] == name).expect("looked at")["ok"].clone()
    };
    assert_eq!(
        (health("Database"), health("Request log"), health("Public URL")),
        (json!(true), json!(true), json!(false))
    );

    let server = Server::start_with(&["--public-url", "https://id.example.com"]);
    let ada = Admin::first(&server);
    let system = ada.read("/system");
    assert_eq!(system["public_url"], "https://id.example.com");
    assert!(system["health"].as_array().expect("a list").iter().all(|one| one["ok"] == true));
    ada.source("Contoso");
    assert_eq!(ada.read("/sources/contoso")["base_url"], "https://id.example.com/source/scim/contoso/v2");
}

#[test]
fn all_sources_are_counted_but_those_that_are_deleted() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let counted = || {
        let system = ada.read("/system");
        ["sources", "users", "groups"].map(|kind| system[kind].as_u64().expect("a number"))
    };
    assert_eq!(counted(), [0, 0, 0]);
    let (contoso, fabrikam) = (ada.source("Contoso"), ada.source("Fabrikam"));
    for name in ["ada", "bob"] {
        contoso.user(name);
    }
    fabrikam.user("ada");
    fabrikam.post("/Groups", &json!({"displayName": "Sales"})).expect(201);
    assert_eq!(counted(), [2, 3, 1]);
    ada.delete("/sources/fabrikam?confirm=Fabrikam").expect(204);
    assert_eq!(counted(), [1, 2, 0]);
}

#[test]
fn the_document_describes_what_the_server_serves() {
    let server = Server::start();
    let document = Admin::nobody(&server).read("/api/openapi.json");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let text = document.to_string();
    let used = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in used {
        assert!(schemas.contains_key(name), "{name}");
    }
    let mut ids: Vec<&str> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("an item").values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each operation has a name of its own");
}
