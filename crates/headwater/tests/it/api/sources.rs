//! Sources, from the wizard to the end.

use serde_json::{Value, json};

use crate::support::{Admin, Server, Source, eventually, text, texts};

fn server() -> (Server, Admin) {
    let server = Server::start();
    let ada = Admin::first(&server);
    (server, ada)
}

#[test]
fn a_source_is_made_with_a_token_that_works_at_once() {
    let (server, ada) = server();
    let body =
        json!({"name": "  Contoso (EU) ", "provider": "entra", "switches": {"unique_group_names": false}});
    let made = ada.post("/sources", &body).expect(201).json();
    let source = &made["source"];
    assert_eq!((&source["slug"], &source["name"]), (&json!("contoso-eu"), &json!("Contoso (EU)")));
    assert_eq!((&source["provider"], &source["enabled"]), (&json!("entra"), &json!(true)));
    assert_eq!(source["base_url"], format!("http://{}/source/scim/contoso-eu/v2", server.address()));
    let switches = json!({
        "unique_group_names": false, "log_bodies": true, "profile": "rfc", "keep_passwords": false,
        "hidden_from_schemas": []
    });
    assert_eq!(source["switches"], switches);
    assert_eq!(source["request_log"], json!({"days": 30, "megabytes": 256}));
    assert_eq!(source["status"]["light"], "waiting");
    assert_eq!(*source, ada.read("/sources/contoso-eu"));
    assert_eq!((&made["token"]["copyable"], &made["token"]["state"]), (&json!(true), &json!("active")));

    let client = Source::with_token(server.address(), "contoso-eu", &text(&made["secret"]));
    client.user("ada");
    client.get("/Users/unknown").expect(404);
    let status = eventually("a green light", || {
        let status = ada.read("/sources/contoso-eu")["status"].clone();
        (status["requests_last_day"] == 2).then_some(status)
    });
    assert_eq!((&status["light"], &status["users"], &status["groups"]), (&json!("ok"), &json!(1), &json!(0)));
    assert_eq!(status["errors_last_day"], 1);
    assert!(status["last_request"].is_string());

    let accounts = ada.items("/sources/contoso-eu/service-accounts");
    assert_eq!((accounts.len(), &accounts[0]["tokens"]), (1, &json!(1)));
    assert_eq!(accounts[0]["id"], made["token"]["service_account_id"]);
}

#[test]
fn each_provider_has_its_name() {
    let (_server, ada) = server();
    let providers = ["entra", "okta", "google", "onelogin", "jumpcloud", "ping", "other"];
    for provider in providers {
        let made = ada.post("/sources", &json!({"name": provider, "provider": provider})).expect(201).json();
        assert_eq!(made["source"]["provider"], provider);
    }
    let listed = ada.items("/sources");
    let mut sorted = providers;
    sorted.sort_unstable();
    assert_eq!(texts(&listed, "/slug"), sorted, "by slug");
    assert_eq!(ada.walk("/sources", 3), listed);
    assert_eq!(ada.read("/sources?limit=2")["total"], 7);
    assert_eq!(texts(&ada.items("/sources?q=ON"), "/slug"), ["onelogin"]);
    assert_eq!(ada.items("/sources?q=nothing").len(), 0);
}

#[test]
fn a_slug_is_looked_at_before_it_is_used() {
    let (server, ada) = server();
    ada.source("Contoso");
    for (path, slug, valid, available) in [
        ("/slugs/fresh", "fresh", true, true),
        ("/slugs/contoso", "contoso", true, false),
        ("/slugs/UPPER", "UPPER", false, false),
        ("/slugs/a%20b", "a b", false, false),
        ("/slugs?name=Contoso%20EU", "contoso-eu", true, true),
        ("/slugs?name=Contoso", "contoso", true, false),
        ("/slugs?name=M%C3%BCller%20%E6%97%A5%E6%9C%AC", "muller-ri-ben", true, true),
        ("/slugs?name=%28%E2%80%94%29", "", false, false),
        ("/slugs?name=", "", false, false),
    ] {
        let check = ada.read(path);
        assert_eq!(check["slug"], slug, "{path}");
        assert_eq!((&check["valid"], &check["available"]), (&json!(valid), &json!(available)), "{path}");
        assert_eq!(check["reason"].is_null(), available, "{path}: {check}");
        assert_eq!(check["base_url"], format!("http://{}/source/scim/{slug}/v2", server.address()));
    }
    for request in [
        ada.post("/sources", &json!({"name": "Contoso"})),
        ada.post("/sources", &json!({"name": "Other", "slug": "contoso"})),
    ] {
        assert_eq!(request.expect_problem(409, "taken")["field"], "slug");
    }
}

#[test]
fn a_new_slug_counts_at_once() {
    let (server, ada) = server();
    let old = ada.source("Contoso");
    let other = ada.source("Other");
    old.user("ada");
    let taken = ada.patch("/sources/contoso", json!({"slug": "other"})).expect_problem(409, "taken");
    assert_eq!(taken["field"], "slug");
    old.get("/Users").expect(200);
    let edited = ada.patch("/sources/contoso", json!({"slug": "contoso-eu", "name": "Contoso EU"}));
    let edited = edited.expect(200).json();
    assert_eq!((&edited["slug"], &edited["name"]), (&json!("contoso-eu"), &json!("Contoso EU")));
    old.get("/Users").expect_error(401, "");
    let new = Source::with_token(server.address(), "contoso-eu", &old.token);
    assert_eq!(new.get("/Users").expect(200).json()["totalResults"], 1);
    ada.get("/sources/contoso").expect_problem(404, "not_found");
    other.get("/Users").expect(200);
    // The slug is free for another, whose clients get nothing of the old one.
    let again = ada.source("Contoso");
    assert_eq!(again.get("/Users").expect(200).json()["totalResults"], 0);
    old.get("/Users").expect_error(401, "");
}

/// Shows SEC-004, ERR-006.
#[test]
fn a_disabled_source_refuses_its_clients_at_once_and_keeps_everything() {
    let (_server, ada) = server();
    let source = ada.source("Contoso");
    source.user("ada");
    let edited = ada.patch("/sources/contoso", json!({"enabled": false})).expect(200).json();
    assert_eq!((&edited["enabled"], &edited["status"]["light"]), (&json!(false), &json!("disabled")));
    source.get("/Users").expect_error(403, "");
    assert_eq!(ada.items("/users?source=contoso").len(), 1);
    ada.patch("/sources/contoso", json!({"enabled": true})).expect(200);
    assert_eq!(source.get("/Users").expect(200).json()["totalResults"], 1);
}

#[test]
fn what_is_left_out_of_an_edit_stays_as_it_is() {
    let (_server, ada) = server();
    ada.source("Contoso");
    let settings = |source: &Value| {
        ["slug", "name", "provider", "enabled", "switches", "request_log"].map(|name| source[name].clone())
    };
    let mut expected = ada.read("/sources/contoso");
    for (body, pointer, value) in [
        (json!({"provider": "okta"}), "/provider", json!("okta")),
        (json!({"switches": {"log_bodies": false}}), "/switches/log_bodies", json!(false)),
        (json!({"switches": {"unique_group_names": false}}), "/switches/unique_group_names", json!(false)),
        (json!({"request_log": {"days": 3650}}), "/request_log/days", json!(3650)),
        (json!({"request_log": {"megabytes": 1}}), "/request_log/megabytes", json!(1)),
        (json!({"enabled": null, "name": "New"}), "/name", json!("New")),
        (json!({}), "/name", json!("New")),
    ] {
        let edited = ada.patch("/sources/contoso", body).expect(200).json();
        *expected.pointer_mut(pointer).expect("a member") = value;
        assert_eq!(settings(&edited), settings(&expected));
        assert_eq!(settings(&ada.read("/sources/contoso")), settings(&expected));
    }
}

#[test]
fn group_names_become_unique_only_where_they_are() {
    let (_server, ada) = server();
    let source = ada.source("Contoso");
    ada.patch("/sources/contoso", json!({"switches": {"unique_group_names": false}})).expect(200);
    for name in ["Sales", "SALES"] {
        source.post("/Groups", &json!({"displayName": name})).expect(201);
    }
    let unique = json!({"switches": {"unique_group_names": true}, "name": "Not taken either"});
    let refused = ada.patch("/sources/contoso", unique).expect_problem(409, "conflict");
    assert_eq!(refused["field"], "switches.unique_group_names");
    assert_eq!(ada.read("/sources/contoso")["name"], "Contoso", "all of it or nothing");
}

#[test]
fn a_source_is_deleted_by_whoever_types_its_name() {
    let (server, ada) = server();
    let source = ada.source("Contoso EU");
    let other = ada.source("Other");
    let member = source.user("ada");
    source.post("/Groups", &json!({"displayName": "Sales", "members": [{"value": member}]})).expect(201);
    other.user("bob");
    eventually("the log", || (ada.items("/sources/contoso-eu/requests").len() == 2).then_some(()));
    for wrong in ["", "?confirm=", "?confirm=contoso-eu", "?confirm=contoso%20eu", "?confirm=Other"] {
        ada.delete(&format!("/sources/contoso-eu{wrong}")).expect_invalid("confirm");
    }
    source.get("/Users").expect(200);
    ada.delete("/sources/contoso-eu?confirm=Contoso%20EU").expect(204);
    source.get("/Users").expect_error(401, "");
    ada.get("/sources/contoso-eu").expect_problem(404, "not_found");
    ada.delete("/sources/contoso-eu?confirm=Contoso%20EU").expect_problem(404, "not_found");
    assert_eq!(texts(&ada.items("/users"), "/user_name"), ["bob"]);

    let rows = |file: &str, tables: &[&str]| -> i64 {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = server.data().join(file);
        let connection = rusqlite::Connection::open_with_flags(path, flags).expect("a database");
        let count = |table: &&str| {
            let select = format!("SELECT COUNT(*) FROM {table} WHERE source_id = 1");
            connection.query_row(&select, [], |row| row.get::<_, i64>(0)).expect("a number")
        };
        tables.iter().map(count).sum()
    };
    let tables =
        ["resource", "resource_key", "membership", "change", "change_member", "token", "service_account"];
    eventually("nothing is left", || (rows("headwater.db", &tables) == 0).then_some(()));
    eventually("no request is left", || {
        (rows("requests.db", &["request", "request_resource"]) == 0).then_some(())
    });
    let deleted = &ada.items("/changes?kind=delete&type=Source")[0];
    assert_eq!(deleted["before"]["name"], "Contoso EU");
    assert_eq!(deleted["resource"]["id"], "contoso-eu");
}

#[test]
fn what_was_made_by_command_is_there_at_once_and_the_other_way_round() {
    let (server, ada) = server();
    server.source("by-command");
    assert_eq!(texts(&ada.items("/sources"), "/slug"), ["by-command"]);
    ada.patch("/sources/by-command", json!({"name": "Renamed", "provider": "google"})).expect(200);
    assert_eq!(server.command(&["source", "show", "by-command"])["name"], "Renamed");
    server.command(&["source", "delete", "by-command", "--yes"]);
    ada.get("/sources/by-command").expect_problem(404, "not_found");
}

#[test]
fn the_overview_ticks_off_what_has_been_reached() {
    let (_server, ada) = server();
    let source = ada.source("Contoso");
    let overview = ada.read("/sources/contoso/overview");
    assert_eq!(overview["hours"].as_array().map(Vec::len), Some(24));
    let steps = ["token_seen", "first_probe", "first_user", "first_group_with_members", "first_deactivation"];
    let ticked = || {
        let checklist = ada.read("/sources/contoso/overview")["checklist"].clone();
        steps.iter().filter(|step| checklist[**step].is_string()).count()
    };
    assert_eq!(ticked(), 0);
    assert_eq!(overview["attention"][0]["kind"], "never_connected");
    assert_eq!(overview["attention"][0]["tab"], "connect");

    let mut wrong = source.request("GET", "/Users", None);
    wrong.headers[0].1.push('x');
    assert_eq!(source.send(&wrong).expect("an answer").status, 401);
    eventually("a warning", || {
        let attention = ada.read("/sources/contoso/overview")["attention"].clone();
        let found = attention.as_array().expect("a list").iter().any(|one| one["kind"] == "wrong_token");
        found.then_some(())
    });
    assert_eq!(ticked(), 0);
    source.get("/Users?filter=userName%20eq%20%22x%22").expect(200);
    eventually("token and probe", || (ticked() == 2).then_some(()));
    let user = source.user("ada");
    eventually("a user", || (ticked() == 3).then_some(()));
    source.post("/Groups", &json!({"displayName": "Sales", "members": [{"value": user}]})).expect(201);
    eventually("a group", || (ticked() == 4).then_some(()));
    source
        .patch(&format!("/Users/{user}"), json!([{"op": "replace", "path": "active", "value": false}]))
        .expect(200);
    eventually("a deactivation", || (ticked() == 5).then_some(()));
    let overview = ada.read("/sources/contoso/overview");
    assert_eq!(overview["inactive_users"], 1);
    let last = &overview["hours"].as_array().expect("hours")[22..];
    let sum = |name: &str| last.iter().filter_map(|hour| hour[name].as_u64()).sum::<u64>();
    assert_eq!((sum("requests"), sum("errors"), sum("changes")), (5, 1, 3));
    assert_eq!(overview["attention"], json!([]), "once it works, an old slip is no news");
}

#[test]
fn a_source_without_a_valid_token_needs_attention() {
    let (_server, ada) = server();
    ada.source("Contoso");
    let kinds = || {
        let overview = ada.read("/sources/contoso/overview");
        texts(overview["attention"].as_array().expect("a list"), "/kind")
    };
    let token = text(&ada.items("/sources/contoso/tokens")[0]["id"]);
    ada.delete(&format!("/sources/contoso/tokens/{token}")).expect(204);
    assert_eq!(kinds(), ["no_token", "never_connected"]);
    let week = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24);
    ada.post("/sources/contoso/tokens", &json!({"expires": week.to_string()})).expect(201);
    assert_eq!(kinds(), ["token_expires", "never_connected"]);
    ada.patch("/sources/contoso", json!({"enabled": false})).expect(200);
    assert_eq!(kinds()[0], "disabled");
}
