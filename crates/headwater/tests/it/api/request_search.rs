//! The requests of a source, found again.

use serde_json::json;

use crate::support::{Admin, Server, eventually, percent, text};

#[test]
fn requests_are_found_by_what_they_were_about() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let (first, second) = (source.user("ada"), source.user("bob"));
    let body = json!({"displayName": "Sales", "members": [{"value": first}]});
    let group = text(&source.post("/Groups", &body).expect(201).json()["id"]);
    source.get(&format!("/Users?filter={}", percent("userName eq \"Müller\""))).expect(200);
    source.get(&format!("/Users/{first}")).expect(200);
    source
        .patch(&format!("/Users/{first}"), json!([{"op": "add", "path": "title", "value": "Dr"}]))
        .expect(200);
    source.put(&format!("/Users/{second}"), &json!({"userName": "robert"})).expect(200);
    source.patch(
        &format!("/Groups/{group}"),
        json!([{"op": "add", "path": "members", "value": [{"value": second}]}]),
    );
    source.get("/ServiceProviderConfig").expect(200);
    source.get("/Users/unknown").expect(404);
    source.post("/Users", &json!({"userName": "robert"})).expect(409);
    source.delete(&format!("/Users/{second}")).expect(204);
    source.get("/Nothing").expect(404);
    let path = "/sources/contoso/requests";
    let all = eventually("the log", || {
        let items = ada.items(path);
        (items.len() == 13).then_some(items)
    });
    let sixth = text(&all[5]["at"]);
    let since = all.iter().filter(|request| text(&request["at"]) >= sixth).count();
    for (query, expected) in [
        (format!("user={first}"), 4),
        (format!("user={second}"), 4),
        (format!("group={group}"), 2),
        (format!("group={group}&user={second}"), 1),
        (format!("group={group}&user={first}"), 1),
        (format!("user={first}&writes=true"), 3),
        ("user=0198c0de-7b1a-7c3d-8e5f-0123456789ab".to_owned(), 0),
        ("status=2xx".to_owned(), 10),
        ("status=4xx".to_owned(), 3),
        ("status=5xx".to_owned(), 0),
        ("status=error".to_owned(), 3),
        ("status=404".to_owned(), 2),
        ("status=409".to_owned(), 1),
        ("operation=create".to_owned(), 4),
        ("operation=replace".to_owned(), 1),
        ("operation=update".to_owned(), 2),
        ("operation=delete".to_owned(), 1),
        ("operation=read".to_owned(), 2),
        ("operation=search".to_owned(), 1),
        ("operation=discovery".to_owned(), 1),
        ("operation=other".to_owned(), 1),
        ("operation=create&status=error".to_owned(), 1),
        ("writes=true".to_owned(), 8),
        ("writes=false".to_owned(), 13),
        ("q=%2Fgroups".to_owned(), 2),
        (format!("q={}", percent("müller")), 1),
        (format!("q={}", percent("eq \"M")), 1),
        ("q=nothing-like-it".to_owned(), 0),
        (format!("from={sixth}"), since),
        (format!("to={sixth}"), 13 - since),
        ("from=2999-01-01T00:00:00Z".to_owned(), 0),
    ] {
        let path = format!("{path}?{query}");
        let found = ada.items(&path);
        assert_eq!(found.len(), expected, "{query}");
        for limit in [1, 5] {
            assert_eq!(ada.walk(&path, limit), found, "{query} by {limit}");
        }
    }
    // Somebody deleted keeps their name in what was asked about them.
    let about: Vec<_> = all.iter().filter(|request| request["target"]["id"] == *second).collect();
    assert!(about.iter().all(|request| request["target"]["display"] == "robert"), "{about:?}");
}

#[test]
fn a_walk_through_unmatched_requests_sees_each_once() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    for number in 0..5 {
        let wrong =
            crate::support::Source::with_token(server.address(), &format!("no-{number}"), &source.token);
        wrong.get("/Users").expect(401);
    }
    let all = eventually("the log", || {
        let items = ada.items("/unmatched-requests");
        (items.len() == 5).then_some(items)
    });
    assert_eq!(ada.walk("/unmatched-requests", 2), all);
    assert!(!json!(all).to_string().contains("hw_"));
}
