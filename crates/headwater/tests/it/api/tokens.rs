//! Tokens of sources: copied until they are used, two live at once, refused when their time is
//! over.

use serde_json::{Value, json};

use crate::support::{Admin, Server, Source, consistency, send_around, text};

/// Copies the only token of a source.
fn copy(admin: &Admin, source: &Source) -> crate::support::Response {
    let tokens = admin.items(&format!("/sources/{}/tokens", source.slug));
    let id = text(&tokens[0]["id"]);
    admin.call("POST", &format!("/sources/{}/tokens/{id}/copy", source.slug), None)
}

fn status_with(source: &Source, token: &str) -> u16 {
    Source::with_token(&source.address, &source.slug, token).get("/Users").status
}

#[test]
fn a_token_can_be_copied_until_a_request_with_it_succeeds() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let copied = |admin: &Admin| text(&copy(admin, &source).expect(200).json()["secret"]);
    assert_eq!(copied(&ada), source.token);
    // Refused with this token, or with another: it still has to be copied into the provider.
    source.get("/Users/unknown").expect(404);
    source.post("/Users", &json!({"nonsense": 1})).expect(400);
    assert_eq!(copied(&ada), source.token);
    assert_eq!(status_with(&source, &format!("hw_{}", "A".repeat(43))), 401);
    ada.patch("/sources/contoso", json!({"enabled": false})).expect(200);
    source.get("/Users").expect(403);
    ada.patch("/sources/contoso", json!({"enabled": true})).expect(200);
    let script = ada.api_token(&server, "administrator");
    assert_eq!(copied(&script), source.token);

    source.get("/Users").expect(200);
    copy(&ada, &source).expect_problem(410, "no_longer_copyable");
    let token = &ada.items("/sources/contoso/tokens")[0];
    assert_eq!((&token["copyable"], &token["copyable_until"]), (&json!(false), &Value::Null));
    assert!(token["last_used"].is_string());

    let copies = ada.items("/changes?source=contoso&kind=copy");
    let by: Vec<&Value> = copies.iter().map(|copy| &copy["actor"]["name"]).collect();
    assert_eq!(by, ["administrator script", "Ada Lovelace", "Ada Lovelace"], "each copy, newest first");
    assert!(copies.iter().all(|copy| copy["resource"]["id"] == token["id"]));
}

#[test]
fn an_auditor_copies_no_token() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let bob = ada.invite(&server, "bob@example.com", "auditor");
    copy(&bob, &source).expect_problem(403, "forbidden");
}

/// Shows SEC-009, AMB-56.
#[test]
fn a_token_that_is_revoked_or_expired_is_neither_copied_nor_let_in() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let short = ada.post("/sources/contoso/tokens", &json!({"expires": soon.to_string()})).expect(201).json();
    let (id, secret) = (text(&short["token"]["id"]), text(&short["secret"]));
    let path = format!("/sources/contoso/tokens/{id}");
    assert_eq!(ada.call("POST", &format!("{path}/copy"), None).expect(200).json()["secret"], *secret);
    while jiff::Timestamp::now() <= soon {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(status_with(&source, &secret), 401);
    ada.call("POST", &format!("{path}/copy"), None).expect_problem(410, "no_longer_copyable");
    assert_eq!(ada.items("/sources/contoso/tokens")[1]["state"], "expired");

    let made = ada.post("/sources/contoso/tokens", &json!({})).expect(201).json();
    let path = format!("/sources/contoso/tokens/{}", text(&made["token"]["id"]));
    ada.delete(&path).expect(204);
    ada.delete(&path).expect(204);
    ada.call("POST", &format!("{path}/copy"), None).expect_problem(410, "no_longer_copyable");
    assert_eq!(status_with(&source, &text(&made["secret"])), 401);
    let revoked = &ada.items("/sources/contoso/tokens")[2];
    assert_eq!((&revoked["state"], &revoked["copyable"]), (&json!("revoked"), &json!(false)));
    assert!(revoked["revoked"].is_string());
    assert_eq!(
        ada.items("/changes?source=contoso&kind=revoke").len(),
        1,
        "revoked once, however often asked"
    );
}

/// Shows AMB-56.
#[test]
fn two_tokens_live_side_by_side_while_one_replaces_the_other() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    source.get("/Users").expect(200);
    let second = text(&ada.post("/sources/contoso/tokens", &json!({})).expect(201).json()["secret"]);
    assert_eq!((status_with(&source, &source.token), status_with(&source, &second)), (200, 200));
    let tokens = ada.items("/sources/contoso/tokens");
    assert_eq!(ada.walk("/sources/contoso/tokens", 1), tokens);
    assert!(!json!(tokens).to_string().contains("hw_"), "no secret in the list");
    ada.delete(&format!("/sources/contoso/tokens/{}", text(&tokens[0]["id"]))).expect(204);
    assert_eq!((status_with(&source, &source.token), status_with(&source, &second)), (401, 200));
    assert_eq!(ada.items("/sources/contoso/service-accounts")[0]["tokens"], 1);
}

/// What a request is answered whose body is not all there before something has been done.
fn sent_around(source: &Source, path: &str, body: &Value, meanwhile: impl FnOnce()) -> u16 {
    let request = source.request("POST", path, Some(body));
    send_around(&source.address, &request, meanwhile)
}

#[test]
fn a_request_that_is_slow_to_arrive_does_nothing_with_a_token_that_was_revoked_meanwhile() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let user = |name: &str| json!({"userName": name});
    assert_eq!(sent_around(&source, "/Users", &user("slow"), || ()), 201);
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "1", "data": user("late")}]});
    let enable = |enabled: bool| drop(ada.patch("/sources/contoso", json!({"enabled": enabled})).expect(200));
    for (path, body) in [("/Users", &user("late")), ("/Bulk", &bulk)] {
        assert_eq!(sent_around(&source, path, body, || enable(false)), 403, "{path}");
        enable(true);
    }
    for (path, body) in [("/Users", &user("late")), ("/Bulk", &bulk)] {
        let made = ada.post("/sources/contoso/tokens", &json!({})).expect(201).json();
        let source = Source::with_token(server.address(), "contoso", &text(&made["secret"]));
        let token = format!("/sources/contoso/tokens/{}", text(&made["token"]["id"]));
        assert_eq!(sent_around(&source, path, body, || drop(ada.delete(&token).expect(204))), 401, "{path}");
    }
    assert_eq!(source.found("/Users", "userName eq \"late\"").len(), 0);
}

/// Shows SEC-005, TEN-003.
#[test]
fn a_token_is_one_of_its_source_alone() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let (first, second) = (ada.source("First"), ada.source("Second"));
    let id = text(&ada.items("/sources/first/tokens")[0]["id"]);
    ada.call("POST", &format!("/sources/second/tokens/{id}/copy"), None).expect_problem(404, "not_found");
    ada.delete(&format!("/sources/second/tokens/{id}")).expect_problem(404, "not_found");
    ada.delete("/sources/first/tokens/no-id").expect_problem(404, "not_found");
    assert_eq!(Source::with_token(server.address(), "second", &first.token).get("/Users").status, 401);
    assert_eq!((first.get("/Users").status, second.get("/Users").status), (200, 200));
}

/// Shows SEC-012.
#[test]
fn no_file_has_a_token_in_plain() {
    let mut server = Server::start_with(&["--log", "debug"]);
    let ada = Admin::first(&server);
    let key = ("Idempotency-Key", "once");
    let made = ada.call_with(key, "POST", "/sources", &json!({"name": "Contoso"})).expect(201).json();
    let source = Source::with_token(server.address(), "contoso", &text(&made["secret"]));
    copy(&ada, &source).expect(200);
    // A token where none belongs: in the query, in the path, in a body, with the wrong source.
    source.get(&format!("/Users?access_token={}", source.token));
    source.get(&format!("/Users/{}", source.token));
    source.post("/Users", &json!({"userName": "ada", "token": source.token}));
    Source::with_token(server.address(), "other", &source.token).get("/Users").expect(401);
    assert!(!consistency::is_on_disk(server.data(), &source.token));
    assert!(server.stop());
    assert!(!consistency::is_on_disk(server.data(), &source.token));
    assert!(!server.logged().contains(&source.token));
}
