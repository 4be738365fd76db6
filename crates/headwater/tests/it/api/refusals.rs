//! What can't be used: bodies, queries and values, each refused with what is wrong.

use serde_json::{Value, json};

use crate::support::{Admin, Server, text};

/// A POST with a body and a content type that are sent as they are.
fn raw(admin: &Admin, path: &str, content_type: Option<&str>, body: &[u8]) -> crate::support::Response {
    let mut request = admin.request("POST", path, None);
    request.headers.extend(content_type.map(|value| ("Content-Type".to_owned(), value.to_owned())));
    request.body = Some(body.to_vec());
    admin.send(&request)
}

#[test]
fn a_body_has_to_be_json_and_called_so() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "administrator");
    let good = br#"{"name": "Contoso"}"#;
    let json = Some("application/json");
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")]
    {
        raw(&script, "/sources", content_type, good).expect_problem(415, "unsupported_media_type");
    }
    for body in [
        &b""[..],
        b"{",
        b"name=Contoso",
        br#"{"name": "x",}"#,
        b"\xff\xfe",
        br#"{"name": "x"} {}"#,
        br#"{"name": "x", "name": "y"}"#,
        br#"{"name": "x", "switches": {"log_bodies": true, "log_bodies": false}}"#,
    ] {
        raw(&script, "/sources", json, body).expect_problem(400, "malformed");
    }
    let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(64 * 1024));
    raw(&script, "/sources", json, long.as_bytes()).expect_problem(413, "too_large");
    assert_eq!(script.items("/sources").len(), 0);
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        raw(&script, "/api-tokens", Some(content_type), br#"{"name": "x", "role": "auditor"}"#).expect(201);
    }
}

#[test]
fn the_field_that_is_wrong_is_named() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "administrator");
    script.source("Contoso");
    let long = "x".repeat(201);
    for (method, path, body, field) in [
        ("POST", "/sources", json!({}), "name"),
        ("POST", "/sources", json!({"name": ""}), "name"),
        ("POST", "/sources", json!({"name": long}), "name"),
        ("POST", "/sources", json!({"name": "a\u{7}b"}), "name"),
        ("POST", "/sources", json!({"name": 5}), "name"),
        ("POST", "/sources", json!({"name": "X", "nonsense": true}), "nonsense"),
        ("POST", "/sources", json!({"name": "X", "slug": "Not a slug"}), "slug"),
        ("POST", "/sources", json!({"name": "X", "slug": "-x"}), "slug"),
        ("POST", "/sources", json!({"name": "X", "slug": "x".repeat(64)}), "slug"),
        ("POST", "/sources", json!({"name": "(—)"}), "slug"),
        ("POST", "/sources", json!({"name": "X", "provider": "aol"}), "provider"),
        ("POST", "/sources", json!({"name": "X", "switches": {"log_bodies": "yes"}}), "switches.log_bodies"),
        ("POST", "/sources", json!({"name": "X", "switches": [true]}), "switches"),
        ("POST", "/sources", json!({"name": "X", "switches": {"nonsense": 1}}), "switches.nonsense"),
        ("PATCH", "/sources/contoso", json!({"slug": "UPPER"}), "slug"),
        ("PATCH", "/sources/contoso", json!({"name": " "}), "name"),
        ("PATCH", "/sources/contoso", json!({"request_log": {"days": 0}}), "request_log.days"),
        ("PATCH", "/sources/contoso", json!({"request_log": {"days": 3651}}), "request_log.days"),
        ("PATCH", "/sources/contoso", json!({"request_log": {"days": -1}}), "request_log.days"),
        (
            "PATCH",
            "/sources/contoso",
            json!({"request_log": {"megabytes": 1_000_001}}),
            "request_log.megabytes",
        ),
        ("POST", "/sources/contoso/tokens", json!({"expires": "tomorrow"}), "expires"),
        ("POST", "/sources/contoso/tokens", json!({"expires": "2001-01-01T00:00:00Z"}), "expires"),
        ("POST", "/administrators", json!({"name": "X", "role": "auditor"}), "email"),
        ("POST", "/administrators", json!({"email": "x", "name": "X", "role": "auditor"}), "email"),
        ("POST", "/administrators", json!({"email": "x@example.com", "name": "X", "role": "king"}), "role"),
        ("POST", "/api-tokens", json!({"name": "", "role": "auditor"}), "name"),
        ("PATCH", "/settings", json!({"session_hours": 0}), "session_hours"),
        ("PATCH", "/settings", json!({"nonsense": 1}), "nonsense"),
    ] {
        let problem = script.call(method, path, Some(&body)).expect_problem(422, "invalid");
        assert_eq!(problem["field"], field, "{method} {path} {body}: {problem}");
    }
    assert_eq!(script.items("/sources").len(), 1);
    script.call("POST", "/sources", Some(&json!([]))).expect_problem(422, "invalid");
    script.call("POST", "/sources", Some(&Value::Null)).expect_problem(422, "invalid");
}

#[test]
fn every_list_has_pages_of_one_to_a_thousand_and_cursors_of_its_own() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let user = source.user("ada");
    let group = source.post("/Groups", &json!({"displayName": "Engineering"})).expect(201).json();
    let group = text(&group["id"]);
    let document = ada.read("/api/openapi.json");
    let mut lists = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parameters = item["get"]["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !parameters.iter().any(|parameter| parameter["name"] == "limit") {
            continue;
        }
        lists += 1;
        let id = if path.contains("/groups/{id}") { &group } else { &user };
        let path = path.replace("{slug}", "contoso").replace("{id}", id);
        ada.get(&path).expect(200);
        for limit in [1, 1000] {
            ada.get(&format!("{path}?limit={limit}")).expect(200);
        }
        for limit in ["0", "1001", "-1", "1e3", "many", "99999999999999999999"] {
            let problem = ada.get(&format!("{path}?limit={limit}")).expect_problem(422, "invalid");
            let field = text(&problem["field"]);
            assert_eq!(field, "limit", "{path} {limit}");
        }
        let null = "bnVsbA";
        for cursor in ["x", "%21", "e30x", "ew", &"A".repeat(5_000), null] {
            let answer = ada.get(&format!("{path}?cursor={cursor}"));
            if cursor == null {
                assert!(matches!(answer.status, 200 | 400), "{path} {}", answer.status);
            } else {
                assert_eq!(answer.status, 400, "{path} {cursor}");
                answer.expect_problem(400, "bad_cursor");
            }
        }
        let problem = ada.get(&format!("{path}?nonsense=1")).expect_problem(422, "invalid");
        assert_eq!(problem["field"], "nonsense", "{path}");
        // A parameter without a value is one that was not chosen.
        ada.get(&format!("{path}?limit=&cursor=")).expect(200);
    }
    assert!(lists >= 14, "{lists} lists");
}

#[test]
fn a_query_value_that_cannot_be_used_is_named() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    for (path, field) in [
        ("/users?sort=age", "sort"),
        ("/users?order=sideways", "order"),
        ("/users?active=perhaps", "active"),
        ("/groups?sort=user_name", "sort"),
        ("/changes?from=yesterday", "from"),
        ("/sources/contoso/changes?resource=no-id", "resource"),
        ("/sources/contoso/requests?user=no-id", "user"),
        ("/sources/contoso/requests?group=no-id", "group"),
        ("/sources/contoso/requests?status=6xx", "status"),
        ("/sources/contoso/requests?status=abc", "status"),
        ("/sources/contoso/requests?operation=dance", "operation"),
        ("/sources/contoso/requests?writes=perhaps", "writes"),
        ("/sources/contoso/requests?to=2026-13-01T00:00:00Z", "to"),
    ] {
        let problem = ada.get(path).expect_problem(422, "invalid");
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }
}

#[test]
fn a_proxy_may_have_a_password_of_its_own() {
    let server = Server::start();
    let mut ada = Admin::first(&server);
    ada.headers.push(("Authorization".to_owned(), "Basic cHJveHk6cHJveHk=".to_owned()));
    ada.get("/session").expect(200);
    ada.post("/sources", &json!({"name": "Contoso"})).expect(201);
    Admin::nobody(&server)
        .call_with(("Authorization", "Basic x"), "POST", "/sources", &json!({}))
        .expect(401);
}

#[test]
fn a_body_that_does_not_arrive_is_not_waited_for() {
    let server = Server::start_with(&["--read-timeout-seconds", "1"]);
    let mut client = crate::support::Client::connect(server.address()).expect("a connection");
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        server.address()
    );
    let response = client.send_raw(head.as_bytes(), false).expect("an answer");
    assert_eq!(response.header("connection"), Some("close"));
    response.expect_problem(408, "too_slow");
}

/// Also where the path takes none.
#[test]
fn a_parameter_that_the_path_does_not_take_is_refused() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    for path in [
        "/sources/contoso",
        "/sources/contoso/overview",
        "/settings",
        "/system",
        "/slugs/x",
        "/sources",
        "/session",
    ] {
        ada.get(path).expect(200);
        for (query, name) in [("foo=bar", "foo"), ("foo", "foo"), ("foo=", "foo"), ("limit%20=1", "limit ")] {
            ada.get(&format!("{path}?{query}")).expect_invalid(name);
        }
    }
    Admin::nobody(&server).get("/system?foo=bar").expect_problem(401, "unauthenticated");
    ada.delete("/sources/contoso/unknown-attributes?foo=bar").expect_problem(422, "invalid");
    ada.get("/sources?limit=1").expect(200);
}
