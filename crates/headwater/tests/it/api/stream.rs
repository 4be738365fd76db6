//! Requests as they come, as Server-Sent Events.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{ADA, Admin, Events, PASSWORD, Server, eventually, text};

const SOON: Duration = Duration::from_secs(20);
/// How long it may take until a stream ends that nobody may see any more.
const PATIENCE: Duration = Duration::from_secs(8);

fn open(server: &Server, admin: &Admin, last: Option<&str>) -> Events {
    let mut request = admin.request("GET", "/sources/contoso/stream", None);
    request.headers.extend(last.map(|id| ("Last-Event-ID".to_owned(), id.to_owned())));
    let events = Events::open(server, &request);
    assert_eq!((events.status, &*events.media_type), (200, "text/event-stream"));
    events
}

#[test]
fn a_request_is_told_of_within_a_moment() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let other = ada.source("Other");
    source.user("before");
    eventually("the log", || (ada.items("/sources/contoso/requests").len() == 1).then_some(()));
    let mut events = open(&server, &ada, None);
    other.user("elsewhere");
    for name in ["ada", "bob"] {
        source.user(name);
        let event = events.next(SOON).expect("an event");
        assert_eq!((&*event.name, &event.data["target"]["display"]), ("request", &Value::from(name)));
        assert_eq!(event.id, event.data["sequence"].to_string());
        assert_eq!(event.data, ada.items("/sources/contoso/requests")[0]);
    }
}

#[test]
fn a_stream_goes_on_where_it_was() {
    let mut server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    for name in ["one", "two", "three"] {
        source.user(name);
    }
    let all = eventually("the log", || {
        let items = ada.items("/sources/contoso/requests");
        (items.len() == 3).then_some(items)
    });
    let first = all[2]["sequence"].to_string();
    let names = |events: &mut Events, count: usize| -> Vec<String> {
        let next = |_| text(&events.next(SOON).expect("an event").data["target"]["display"]);
        (0..count).map(next).collect()
    };
    assert_eq!(names(&mut open(&server, &ada, Some(&first)), 2), ["two", "three"]);
    assert_eq!(names(&mut open(&server, &ada, Some("0")), 3), ["one", "two", "three"]);
    // The server may have been another one meanwhile.
    let headers = ada.headers.clone();
    assert!(server.stop());
    server.restart(&[]);
    let mut again = Admin::nobody(&server);
    again.headers = headers;
    source.at(server.address()).user("four");
    assert_eq!(names(&mut open(&server, &again, Some(&first)), 3), ["two", "three", "four"]);
    let mut afresh = open(&server, &again, Some("nonsense"));
    source.at(server.address()).user("five");
    let mut seen = names(&mut afresh, 1);
    if seen == ["four"] {
        seen = names(&mut afresh, 1);
    }
    assert_eq!(seen, ["five"]);
}

#[test]
fn a_stream_ends_with_what_let_it_begin() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let phone = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    let made =
        ada.post("/api-tokens", &serde_json::json!({"name": "script", "role": "auditor"})).expect(201).json();
    let script = Admin::with_token(&server, &text(&made["secret"]));
    let (mut of_session, mut of_token) = (open(&server, &phone, None), open(&server, &script, None));
    let mut lasting = open(&server, &ada, None);
    phone.delete("/session").expect(204);
    ada.delete(&format!("/api-tokens/{}", text(&made["api_token"]["id"]))).expect(204);
    // What happens from now on is not theirs to see.
    source.user("ada");
    assert!(of_session.next(PATIENCE).is_none());
    assert!(of_token.next(PATIENCE).is_none());
    assert!(lasting.next(PATIENCE).is_some());
}

#[test]
fn a_quiet_stream_ends_when_its_session_does() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    let phone = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    let mut events = open(&server, &phone, None);
    phone.delete("/session").expect(204);
    assert!(events.next(PATIENCE).is_none());
}

#[test]
fn an_open_stream_does_not_keep_the_server_from_stopping() {
    let mut server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let mut events = open(&server, &ada, None);
    source.user("ada");
    assert!(events.next(SOON).is_some());
    let told = Instant::now();
    assert!(server.stop());
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
    assert!(events.next(SOON).is_none());
}

#[test]
fn a_log_that_was_begun_anew_is_told_of_from_its_beginning() {
    let mut server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    for number in 0..5 {
        source.user(&format!("before-{number}"));
    }
    eventually("the log", || (ada.items("/sources/contoso/requests").len() == 5).then_some(()));
    assert!(server.stop());
    for name in ["requests.db", "requests.db-wal", "requests.db-shm"] {
        drop(std::fs::remove_file(server.data().join(name)));
    }
    server.restart(&[]);
    let (ada, source) = (ada.at(&server), source.at(server.address()));
    source.user("behind");
    eventually("the log", || (ada.items("/sources/contoso/requests").len() == 1).then_some(()));
    let mut events = open(&server, &ada, Some("5"));
    assert_eq!(events.next(SOON).expect("an event").data["target"]["display"], "behind");
}
