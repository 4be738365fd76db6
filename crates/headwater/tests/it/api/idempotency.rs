//! `Idempotency-Key`: a creation that is sent again is answered again and not done again.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Admin, Response, Server, text};

fn keyed(admin: &Admin, key: &str, path: &str, body: &Value) -> Response {
    admin.call_with(("Idempotency-Key", key), "POST", path, body)
}

#[test]
fn the_same_request_under_the_same_key_gets_the_same_answer() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    for (path, body, list) in [
        ("/sources", json!({"name": "Second"}), "/sources"),
        ("/sources/contoso/tokens", json!({}), "/sources/contoso/tokens"),
        ("/api-tokens", json!({"name": "script", "role": "auditor"}), "/api-tokens"),
        (
            "/administrators",
            json!({"email": "b@example.com", "name": "B", "role": "auditor"}),
            "/administrators",
        ),
    ] {
        let before = ada.items(list).len();
        let key = format!("make {path}");
        let first = keyed(&ada, &key, path, &body).expect(201);
        let again = keyed(&ada, &key, path, &body).expect(201);
        assert_eq!(first.header("content-type"), again.header("content-type"));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let (mut made, again) = (first.json(), again.json());
        let secret = if made["secret"].is_string() { "secret" } else { "link" };
        assert!(made[secret].is_string(), "the first answer has the secret");
        made[secret] = Value::Null;
        assert_eq!(made, again, "{path}: the same answer, but secrets are given once");
        assert_eq!(ada.items(list).len(), before + 1, "{path}");
    }
    let id = text(&ada.items("/administrators")[1]["id"]);
    let path = format!("/administrators/{id}/reset-password");
    let first = keyed(&ada, "reset", &path, &json!({})).expect(201);
    let again = keyed(&ada, "reset", &path, &json!({})).expect(201).json();
    assert_eq!((&again["expires"], &again["link"]), (&first.json()["expires"], &Value::Null));
}

#[test]
fn another_request_under_the_same_key_is_refused() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    keyed(&ada, "key", "/sources", &json!({"name": "Second"})).expect(201);
    keyed(&ada, "key", "/sources", &json!({"name": "Third"})).expect_problem(422, "idempotency_key_reused");
    keyed(&ada, "key", "/api-tokens", &json!({"name": "Second"}))
        .expect_problem(422, "idempotency_key_reused");
    keyed(&ada, "other", "/sources", &json!({"name": "Third"})).expect(201);
    assert_eq!(ada.items("/sources").len(), 3);
}

#[test]
fn keys_of_different_people_have_nothing_to_do_with_each_other() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let script = ada.api_token(&server, "administrator");
    let first = keyed(&ada, "key", "/sources", &json!({"name": "First"})).expect(201).json();
    let second = keyed(&script, "key", "/sources", &json!({"name": "Second"})).expect(201).json();
    assert_eq!((&first["source"]["slug"], &second["source"]["slug"]), (&json!("first"), &json!("second")));
    keyed(&script, "key", "/sources", &json!({"name": "First"}))
        .expect_problem(422, "idempotency_key_reused");
}

#[test]
fn what_was_refused_may_be_tried_again_under_its_key() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    let body = json!({"name": "Contoso"});
    keyed(&ada, "key", "/sources", &body).expect_problem(409, "taken");
    keyed(&ada, "key", "/sources", &body).expect_problem(409, "taken");
    keyed(&ada, "other", "/sources", &json!({"name": ""})).expect_invalid("name");
    keyed(&ada, "other", "/sources", &json!({"name": "Corrected"})).expect(201);
    ada.delete("/sources/contoso?confirm=Contoso").expect(204);
    keyed(&ada, "key", "/sources", &body).expect(201);
}

#[test]
fn a_key_lasts_over_a_restart_and_is_no_way_in() {
    let mut server = Server::start();
    let ada = Admin::first(&server);
    let body = json!({"name": "Contoso"});
    let first = keyed(&ada, "key", "/sources", &body).expect(201);
    keyed(&Admin::nobody(&server), "key", "/sources", &body).expect_problem(401, "unauthenticated");
    let headers = ada.headers.clone();
    assert!(server.stop());
    server.restart(&[]);
    let mut again = Admin::nobody(&server);
    again.headers = headers;
    let again = keyed(&again, "key", "/sources", &body).expect(201).json();
    assert_eq!((&again["source"], &again["secret"]), (&first.json()["source"], &Value::Null));
}

#[test]
fn of_many_at_once_under_one_key_one_is_done() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let script = ada.api_token(&server, "administrator").headers;
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..8)
            .map(|_| {
                let mut one = Admin::nobody(&server);
                one.headers.clone_from(&script);
                scope.spawn(move || {
                    keyed(&one, "key", "/api-tokens", &json!({"name": "x", "role": "auditor"}))
                })
            })
            .collect();
        sent.into_iter().map(|sent| sent.join().expect("answered")).collect()
    });
    let mut made = Vec::new();
    for answer in answers {
        if answer.status == 201 {
            made.push(answer.json()["api_token"].clone());
        } else {
            answer.expect_problem(409, "in_progress");
        }
    }
    assert!(made.windows(2).all(|two| two[0] == two[1]) && !made.is_empty());
    assert_eq!(ada.items("/api-tokens").iter().filter(|token| token["name"] == "x").count(), 1);
}

#[test]
fn a_key_has_a_length_and_a_copy_takes_none() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let body = json!({"name": "Contoso"});
    for key in ["", "\u{fc}", &"x".repeat(256)] {
        keyed(&ada, key, "/sources", &body).expect_invalid("Idempotency-Key");
    }
    let made = keyed(&ada, &"x".repeat(255), "/sources", &body).expect(201).json();
    let path = format!("/sources/contoso/tokens/{}/copy", text(&made["token"]["id"]));
    keyed(&ada, "copy", &path, &json!({})).expect(200);
    keyed(&ada, "copy", &path, &json!({})).expect(200);
    assert_eq!(ada.items("/changes?kind=copy").len(), 2, "each copy is done and journalled");
    keyed(&ada, "long", "/sources", &json!({"name": "x".repeat(70_000)})).expect_problem(413, "too_large");
}

#[test]
fn a_creation_is_finished_without_its_client() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let script = ada.api_token(&server, "administrator");
    let token = script.headers.iter().find(|(name, _)| name == "Authorization").expect("a token").1.clone();
    for number in 0..20 {
        let body = json!({"name": format!("Source {number}")}).to_string();
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        let head = format!(
            "POST /api/v1/sources HTTP/1.1\r\nHost: {}\r\nAuthorization: {token}\r\nIdempotency-Key: key {number}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            server.address(),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // Gone before there can be an answer, now and then.
        drop(stream);
    }
    for number in 0..20 {
        let body = json!({"name": format!("Source {number}")});
        let deadline = Instant::now() + Duration::from_secs(30);
        while keyed(&script, &format!("key {number}"), "/sources", &body).status != 201 {
            assert!(Instant::now() < deadline, "the first one ends");
            std::thread::yield_now();
        }
    }
    assert_eq!(ada.items("/sources?limit=1000").len(), 20, "each was made once");
}
