//! What administrators do is journalled like everything else: who, what, before and after.

use serde_json::{Value, json};

use crate::support::{ADA, Admin, PASSWORD, Server, link_secret, text};

/// Kind, type, name of the actor and name of the thing, newest first.
fn acts(admin: &Admin, query: &str) -> Vec<[String; 4]> {
    let changes = admin.items(&format!("/changes?limit=1000{query}"));
    let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let act = |change: &Value| {
        [
            said(&change["kind"]),
            said(&change["resource"]["type"]),
            said(&change["actor"]["name"]),
            said(&change["resource"]["display"]),
        ]
    };
    changes.iter().map(act).collect()
}

#[test]
fn every_act_has_its_line() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let body = json!({"name": "Contoso", "provider": "okta"});
    let token = text(&ada.post("/sources", &body).expect(201).json()["token"]["id"]);
    ada.patch("/sources/contoso", json!({"name": "Contoso EU", "slug": "contoso-eu"})).expect(200);
    ada.call("POST", &format!("/sources/contoso-eu/tokens/{token}/copy"), None).expect(200);
    ada.post("/sources/contoso-eu/tokens", &json!({})).expect(201);
    ada.delete(&format!("/sources/contoso-eu/tokens/{token}")).expect(204);
    ada.patch("/settings", json!({"organization_name": "Example Ltd"})).expect(200);
    let bob = json!({"email": "bob@example.com", "name": "Bob", "role": "auditor"});
    let bob = text(&ada.post("/administrators", &bob).expect(201).json()["administrator"]["id"]);
    ada.patch(&format!("/administrators/{bob}"), json!({"role": "administrator"})).expect(200);
    ada.call("POST", &format!("/administrators/{bob}/reset-password"), None).expect(201);
    let made =
        ada.post("/api-tokens", &json!({"name": "script", "role": "administrator"})).expect(201).json();
    let script = Admin::with_token(&server, &text(&made["secret"]));
    script.patch("/sources/contoso-eu", json!({"enabled": false})).expect(200);
    ada.delete(&format!("/api-tokens/{}", text(&made["api_token"]["id"]))).expect(204);
    let new = json!({"current_password": PASSWORD, "new_password": "a different long phrase"});
    ada.call("PUT", "/session/password", Some(&new)).expect(204);
    ada.delete("/sources/contoso-eu?confirm=Contoso%20EU").expect(204);
    let by = "Ada Lovelace";
    let expected = [
        ["delete", "Source", by, "Contoso EU"],
        ["set_password", "Administrator", by, by],
        ["revoke", "ApiToken", by, "script"],
        ["update", "Source", "script", "Contoso EU"],
        ["create", "ApiToken", by, "script"],
        ["reset_password", "Administrator", by, "Bob"],
        ["update", "Administrator", by, "Bob"],
        ["create", "Administrator", by, "Bob"],
        ["update", "Settings", by, ""],
        ["revoke", "Token", by, ""],
        ["create", "Token", by, ""],
        ["copy", "Token", by, ""],
        ["update", "Source", by, "Contoso EU"],
        ["create", "Token", by, ""],
        ["create", "Source", by, "Contoso"],
        ["sign_in", "Administrator", by, by],
        ["create", "Administrator", "One-time link", by],
    ];
    assert_eq!(acts(&ada, ""), expected.map(|line| line.map(str::to_owned)));
    assert_eq!(ada.walk("/changes", 3), ada.items("/changes?limit=1000"));
    assert_eq!(acts(&ada, "&kind=update").len(), 4);
    assert_eq!(acts(&ada, "&type=Token&kind=create").len(), 2);
    assert_eq!(acts(&ada, "&from=2999-01-01T00:00:00Z").len(), 0);
}

#[test]
fn an_act_says_what_was_before_and_after() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    ada.patch("/sources/contoso", json!({"provider": "okta", "request_log": {"days": 7}, "enabled": true}))
        .expect(200);
    let change = &ada.items("/changes?kind=update&source=contoso")[0];
    assert_eq!(change["before"], json!({"name": "Contoso", "provider": "other", "log_days": 30}));
    assert_eq!(change["after"], json!({"name": "Contoso", "provider": "okta", "log_days": 7}));
    assert_eq!(
        (&change["source"]["slug"], &change["resource"]["id"]),
        (&json!("contoso"), &json!("contoso"))
    );
    let actor = &change["actor"];
    assert_eq!(
        (&actor["kind"], &actor["id"]),
        (&json!("administrator"), &ada.read("/session")["administrator"]["id"])
    );
    // What changes nothing is no act.
    ada.patch("/sources/contoso", json!({"provider": "okta", "name": "Contoso"})).expect(200);
    ada.patch("/sources/contoso", json!({})).expect(200);
    assert_eq!(ada.items("/changes?kind=update&source=contoso").len(), 1);

    ada.patch("/settings", json!({"session_hours": 24})).expect(200);
    ada.patch("/settings", json!({"session_hours": 1, "organization_name": "Headwater"})).expect(200);
    let settings = ada.items("/changes?type=Settings");
    assert_eq!((settings.len(), &settings[0]["before"]), (2, &json!({"session_hours": 24})));
    assert_eq!(settings[0]["after"], json!({"session_hours": 1}));
    let first = &settings[1];
    assert_eq!(
        first["after"],
        json!({"session_hours": 24}),
        "what stays at its default has not been changed"
    );
}

#[test]
fn acts_are_by_whoever_did_them() {
    let server = Server::start();
    let made = server.command(&["admin", "create", ADA, "--name", "Ada"]);
    let body = json!({"secret": link_secret(&text(&made["link"])), "password": PASSWORD});
    let ada = Admin::signed_in(&server, Admin::nobody(&server).post("/links/use", &body));
    server.source("contoso");
    server.command(&["source", "disable", "contoso"]);
    let script = ada.api_token(&server, "administrator");
    script.patch("/sources/contoso", json!({"enabled": true})).expect(200);
    let changes = ada.items("/changes");
    let by = |kind: &str, resource_type: &str| {
        let found =
            changes.iter().find(|one| one["kind"] == kind && one["resource"]["type"] == resource_type);
        found.expect("a change")["actor"].clone()
    };
    let command_line = json!({"kind": "command_line", "id": null, "name": "Command line"});
    assert_eq!(by("create", "Administrator"), command_line);
    assert_eq!(by("create", "Source"), command_line);
    assert_eq!(
        by("set_password", "Administrator"),
        json!({"kind": "link", "id": null, "name": "One-time link"})
    );
    let enabled = by("update", "Source");
    assert_eq!((&enabled["kind"], &enabled["name"]), (&json!("api_token"), &json!("administrator script")));
    assert_eq!(ada.items("/sources/contoso/tokens")[0]["created_by"], command_line);
}

#[test]
fn the_journal_has_no_secret_in_it() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.invite(&server, "bob@example.com", "auditor");
    ada.api_token(&server, "auditor");
    ada.source("Contoso");
    let journal = json!(ada.items("/changes")).to_string();
    for secret in ["hw_", "hwa_", "hwl_", "hws_", "hwc_", "argon2", PASSWORD] {
        assert!(!journal.contains(secret), "{secret}");
    }
}

#[test]
fn what_was_refused_is_no_act() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    let before = ada.items("/changes");
    ada.post("/sources", &json!({"name": "Contoso"})).expect(409);
    ada.delete("/sources/contoso?confirm=x").expect(422);
    ada.patch("/settings", json!({"session_hours": 0})).expect(422);
    let own = text(&ada.read("/session")["administrator"]["id"]);
    ada.patch(&format!("/administrators/{own}"), json!({"disabled": true, "name": "X"})).expect(409);
    ada.post("/administrators", &json!({"email": ADA, "name": "X", "role": "auditor"})).expect(409);
    assert_eq!(ada.items("/changes"), before);
}
