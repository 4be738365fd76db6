//! HTTP as SCIM uses it: authentication first, then methods, media types, limits and conditions.

use std::thread;

use serde_json::{Value, json};

use crate::support::{Client, Request, Server, Source, consistency, percent};

fn with(
    source: &Source,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> crate::support::Response {
    let mut request = source.request(method, path, None);
    for (name, value) in headers {
        request.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        request.headers.push(((*name).to_owned(), (*value).to_owned()));
    }
    request.body = body.map(<[u8]>::to_vec);
    source.send(&request).expect("an answer")
}

/// Shows SEC-002, SEC-005, SEC-015, SEC-016, TEN-003, TEN-004, ERR-005.
#[test]
fn every_wrong_token_gets_the_same_answer_before_anything_else() {
    let server = Server::start();
    let (source, other) = (server.source("first"), server.source("second"));
    let mut bodies = Vec::new();
    let foreign = format!("Bearer {}", other.token);
    let truncated = format!("Bearer {}", &source.token[..20]);
    let cased = format!("bearer {}", source.token);
    assert_eq!(
        with(&source, "GET", "/Users", &[("Authorization", &cased)], None).status,
        200,
        "the scheme has no case"
    );
    for slug in ["first", "nobody"] {
        for authorization in [
            None,
            Some("non-token"),
            Some("Bearer"),
            Some("Bearer hw_x"),
            Some("Basic YTpi"),
            Some(&*foreign),
            Some(&*truncated),
        ] {
            for (method, path) in
                [("GET", "/Users"), ("POST", "/Nope"), ("PATCH", "/v9/x?filter=("), ("DELETE", "/Users/x")]
            {
                let request = Request {
                    method: method.to_owned(),
                    target: format!("/source/scim/{slug}/v2{path}"),
                    headers: authorization
                        .map(|value| ("Authorization".to_owned(), value.to_owned()))
                        .into_iter()
                        .collect(),
                    body: (method == "POST").then(|| b"not json".to_vec()),
                };
                let response = source.send(&request).expect("an answer");
                let challenge = response.header("www-authenticate").expect("a challenge").to_owned();
                assert!(challenge.starts_with("Bearer realm="), "{challenge}");
                let of_ours = authorization.is_some_and(|value| value.starts_with("Bearer"));
                assert_eq!(challenge.contains("invalid_token"), of_ours, "{challenge}");
                bodies.push(response.body.clone());
                response.expect_error(401, "");
            }
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one answer for all");
}

/// Shows TEN-003, TEN-005, TEN-007, SCH-039, GET-003.
#[test]
fn nothing_of_one_source_is_seen_through_another() {
    let server = Server::start();
    let (one, two) = (server.source("one"), server.source("two"));
    let id = one.user("ada");
    two.get(&format!("/Users/{id}")).expect_error(404, "");
    two.put(&format!("/Users/{id}"), &json!({"userName": "x"})).expect_error(404, "");
    two.patch(&format!("/Users/{id}"), json!([])).expect_error(404, "");
    two.delete(&format!("/Users/{id}")).expect_error(404, "");
    assert!(two.found("/Users", "userName eq \"ada\"").is_empty());
    assert!(two.found("/Users", &format!("id eq \"{id}\"")).is_empty());
    assert_eq!(two.get("/Users").expect(200).json()["totalResults"], 0);
    two.user("ada");
    let group =
        two.post("/Groups", &json!({"displayName": "G", "members": [{"value": id}]})).expect(201).json();
    assert_eq!(group["members"], json!([{"value": id}]), "the name of another source's user is not shown");
    assert!(one.get(&format!("/Users/{id}")).expect(200).json().get("groups").is_none());
    one.get(&format!("/Users/{id}")).expect(200);
}

/// Shows END-006, END-007, END-010, END-011, GET-005, DIS-012, ERR-012, ERR-018.
#[test]
fn methods_paths_and_versions() {
    let server = Server::start();
    let source = server.source("paths");
    let id = source.user("ada");
    for (method, path, allow) in [
        ("PUT", "/Users", "GET, HEAD, POST"),
        ("DELETE", "/Groups/", "GET, HEAD, POST"),
        ("POST", &*format!("/Users/{id}"), "GET, HEAD, PUT, PATCH, DELETE"),
        ("OPTIONS", &*format!("/Users/{id}"), "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", "/ServiceProviderConfig", "GET, HEAD"),
        ("PUT", "/Schemas", "GET, HEAD"),
        ("DELETE", "/ResourceTypes/User", "GET, HEAD"),
        ("GET", "/Users/.search", "POST"),
        ("POST", "", "GET, HEAD"),
    ] {
        let response = with(&source, method, path, &[], None);
        assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
        response.expect_error(405, "");
    }
    for path in [
        "/Nope",
        "/Users/x/y",
        "/users",
        "/ServiceProviderConfigs",
        "/Schemas/urn:nope",
        "/ResourceTypes/Nope",
        "/Users//x",
    ] {
        with(&source, "GET", path, &[], None).expect_error(404, "");
    }
    with(&source, "GET", "/Me", &[], None).expect_error(501, "");
    with(&source, "GET", "/Bulk", &[], None).expect_error(405, "");
    let mut request = source.request("GET", "", None);
    request.target = "/source/scim/paths/v1/Users".to_owned();
    source.send(&request).expect("an answer").expect_error(400, "invalidVers");
    request.target = "/source/scim/paths/Users".to_owned();
    source.send(&request).expect("an answer").expect_error(404, "");

    for path in [&*format!("//Users/{id}"), "//Users", "//Schemas", "//ServiceProviderConfig"] {
        with(&source, "GET", path, &[], None).expect(200);
    }
    for path in ["", "/", "//"] {
        let about = with(&source, "GET", path, &[], None).expect(200).json();
        assert!(about["detail"].as_str().is_some_and(|text| text.contains("SCIM 2.0 base URL")), "{about}");
    }
    let head = with(&source, "HEAD", &format!("/Users/{id}/"), &[], None);
    // A HEAD has the headers of the GET and no body.
    assert_eq!(head.status, 200);
    let get = source.get(&format!("/Users/{id}"));
    for name in ["etag", "location", "content-type", "content-length"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

/// Shows FMT-002, FMT-003, FMT-004, FMT-005, ERR-018, AMB-55.
#[test]
fn media_types() {
    let server = Server::start();
    let source = server.source("media");
    for (number, content_type) in [
        "application/scim+json",
        "application/json",
        "application/scim+json; charset=utf-8",
        "APPLICATION/JSON;charset=\"UTF-8\"",
    ]
    .iter()
    .enumerate()
    {
        let body = json!({"userName": format!("u{number}")}).to_string();
        let response =
            with(&source, "POST", "/Users", &[("Content-Type", content_type)], Some(body.as_bytes()))
                .expect(201);
        assert_eq!(response.header("content-type"), Some("application/scim+json"));
    }
    with(&source, "POST", "/Users", &[], Some(b"{\"userName\":\"untyped\"}")).expect(201);
    for content_type in [
        "text/plain",
        "application/xml",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
    ] {
        with(&source, "POST", "/Users", &[("Content-Type", content_type)], Some(b"{}")).expect_error(415, "");
    }
    for accept in [
        "*/*",
        "application/*",
        "application/json",
        "text/html, application/scim+json;q=0.5",
        "application/scim+json; charset=utf-8",
    ] {
        with(&source, "GET", "/Users", &[("Accept", accept)], None).expect(200);
    }
    for accept in ["text/html", "application/xml, text/*", "application/scim+json;q=0"] {
        with(&source, "GET", "/Users", &[("Accept", accept)], None).expect_error(406, "");
    }
}

/// Shows FLT-047, FMT-010, ERR-010.
#[test]
fn limits_have_clear_errors() {
    let server = Server::start();
    let source = server.source("limits");
    let long = json!({"userName": "long", "title": "x".repeat(1024 * 1024)}).to_string();
    let detail = with(&source, "POST", "/Users", &[], Some(long.as_bytes())).expect_error(413, "");
    assert!(detail.contains("1048576"), "{detail}");
    source.get(&format!("/Users?filter={}", "x".repeat(17 * 1024))).expect_error(414, "");
    with(&source, "GET", "/Users", &[("X-Long", &"x".repeat(33 * 1024))], None).expect_error(431, "");
    let nested = format!("{}userName eq \"x\"{}", "(".repeat(1_000), ")".repeat(1_000));
    source.get(&format!("/Users?filter={}", percent(&nested))).expect_error(400, "invalidFilter");
    source
        .get(&format!("/Users?filter={}", percent(&"userName pr and ".repeat(400))))
        .expect_error(400, "invalidFilter");
    let deep = format!("{{\"userName\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    with(&source, "POST", "/Users", &[], Some(deep.as_bytes())).expect_error(400, "invalidSyntax");
    assert_eq!(source.get("/Users").expect(200).json()["totalResults"], 0, "nothing of it was stored");

    let unannounced = format!(
        "POST {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        source.path,
        source.token,
        long.len(),
        long
    );
    let mut client = Client::connect(server.address()).expect("a connection");
    client.send_raw(unannounced.as_bytes(), false).expect("an answer").expect_error(413, "");
}

/// RFC 9110 §10.1.1: who asks whether it may send a body is told no before it has.
#[test]
fn a_body_that_is_too_long_need_not_be_sent() {
    let server = Server::start();
    let source = server.source("announced");
    let head = |path: &str, token: &str, length: usize, expect: &str| {
        format!(
            "POST {}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n{expect}\r\n",
            source.path
        )
    };
    let held_back = "Expect: 100-continue\r\n";
    for (path, token, length, expect, status) in [
        ("/Users", &*source.token, 1024 * 1024 + 1, held_back, 413),
        ("/Users", &*source.token, usize::MAX / 2, "", 413),
        ("/Bulk", &*source.token, 8 * 1024 * 1024 + 1, held_back, 413),
        ("/Users", "unknown", 100, held_back, 401),
    ] {
        let mut client = Client::connect(server.address()).expect("a connection");
        let answer = client.send_raw(head(path, token, length, expect).as_bytes(), false).expect("an answer");
        assert_eq!(answer.header("connection"), Some("close"), "{path} {length}");
        answer.expect_error(status, "");
    }
}

/// RFC 9112 §9.3: a connection carries the next request, or its end is announced; the answer arrives.
#[test]
fn an_answer_before_the_end_of_the_body_arrives() {
    let server = Server::start();
    let source = server.source("early");
    let scim = format!("{}/Users", source.path);
    for (path, length, stays) in [
        ("/api/v1/api-tokens", 2, true),
        ("/api/v1/api-tokens", 60_000, true),
        ("/api/v1/nosuch", 60_000, true),
        ("/api/v1/api-tokens", 3_000_000, true),
        ("/api/v1/api-tokens", 30_000_000, false),
        (&scim, 3_000_000, true),
        (&scim, 30_000_000, false),
    ] {
        let body = vec![b' '; length];
        let headers = vec![("Authorization".to_owned(), "Bearer hwa_bad".to_owned())];
        let request =
            Request { method: "POST".to_owned(), target: path.to_owned(), headers, body: Some(body) };
        let mut client = Client::connect(server.address()).expect("a connection");
        let sent = client.send(&request);
        if !stays {
            // It may be that its end comes before all is sent.
            let closes = sent.map(|answer| answer.header("connection") == Some("close"));
            assert!(closes.unwrap_or(true), "{path} {length}");
            continue;
        }
        let answer = sent.unwrap_or_else(|error| panic!("{path} {length}: {error}"));
        assert!(matches!(answer.status, 401 | 404), "{path} {length}: {}", answer.status);
        assert_eq!(answer.header("connection"), None, "{path} {length}");
        let next = Request { method: "GET".to_owned(), target: "/healthz".to_owned(), ..Request::default() };
        client.send(&next).expect("the connection carries another").expect(200);
    }
}

/// RFC 9112 §3.2.
#[test]
fn a_request_names_its_host_once() {
    let server = Server::start();
    let source = server.source("hosts");
    let scim = format!("{}/Users", source.path);
    let send = |target: &str, version: &str, hosts: &str| {
        let head =
            format!("GET {target} HTTP/{version}\r\n{hosts}Authorization: Bearer {}\r\n\r\n", source.token);
        Client::connect(server.address())
            .expect("a connection")
            .send_raw(head.as_bytes(), false)
            .expect("an answer")
    };
    for (version, hosts) in
        [("1.1", ""), ("1.1", "Host: a\r\nHost: b\r\n"), ("1.1", "Host: a b\r\n"), ("1.0", "Host: u@a\r\n")]
    {
        let refused = send(&scim, version, hosts);
        assert_eq!(refused.header("connection"), Some("close"));
        refused.expect_error(400, "");
        send("/api/v1/sources", version, hosts).expect_problem(400, "malformed");
    }
    for (version, hosts) in [("1.1", "Host:\r\n"), ("1.1", "Host: [::1]:8080\r\n"), ("1.0", "")] {
        send(&scim, version, hosts).expect(200);
        send("/healthz", version, hosts).expect(200);
    }
}

/// Those who send slowly, as many as may.
#[test]
fn slow_bulk_requests_hold_up_nobody() {
    let server = Server::start();
    let sources = [server.source("slow"), server.source("slower"), server.source("quick")];
    let begin = |source: &Source, length: usize| {
        let head = format!(
            "POST {}/Bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            source.path, source.token
        );
        let mut client = Client::connect(server.address()).expect("a connection");
        // It is being received then.
        assert_eq!(client.send_raw(head.as_bytes(), true).expect("an answer").status, 100);
        client
    };
    let slow: Vec<Client> =
        (0..10).flat_map(|_| [begin(&sources[0], 1_000_000), begin(&sources[1], 1_000)]).collect();
    let operations =
        json!([{"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}}]);
    let body =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    for source in &sources {
        let answer = source.post("/Bulk", &body).expect(200).json();
        assert_eq!(answer["Operations"][0]["status"], "201", "{answer}");
    }
    drop(slow);
}

#[test]
fn a_body_that_takes_too_long_is_given_up() {
    let server = Server::start_with(&["--read-timeout-seconds", "1"]);
    let source = server.source("slow");
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        source.path, source.token
    );
    let mut client = Client::connect(server.address()).expect("a connection");
    client.send_raw(head.as_bytes(), false).expect("an answer").expect_error(408, "");
    let mut client = Client::connect(server.address()).expect("a connection");
    let unfinished = client.send_raw(b"GET / HTTP/1.1\r\nHost:", false);
    assert!(
        unfinished.is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof),
        "the connection is closed"
    );
}

#[test]
fn an_answer_that_nobody_reads_is_given_up() {
    let server = Server::start_with(&["--write-timeout-seconds", "1"]);
    let source = server.source("unread");
    let group = source.post("/Groups", &json!({"displayName": "Large"})).expect(201).json();
    let path = format!("/Groups/{}", group["id"].as_str().expect("an id"));
    for batch in 0..20 {
        let members: Vec<serde_json::Value> = (0..10_000)
            .map(|number| json!({"value": format!("somebody-with-a-long-name-{batch}-{number}")}))
            .collect();
        source.patch(&path, json!([{"op": "add", "path": "members", "value": members}]));
    }
    let mut stream = std::net::TcpStream::connect(server.address()).expect("a connection");
    let head = format!(
        "GET {}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        source.path, source.token
    );
    std::io::Write::write_all(&mut stream, head.as_bytes()).expect("sent");
    // Longer than the server's patience; what the system has buffered is all that arrives then.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mut received = Vec::new();
    drop(std::io::Read::read_to_end(&mut stream, &mut received));
    assert!(!received.ends_with(b"0\r\n\r\n"), "{} bytes are the whole answer", received.len());
    let whole = source.get(&path).expect(200);
    assert!(received.len() < whole.body.len(), "{} of {} bytes", received.len(), whole.body.len());
}

/// Shows ERR-018.
#[test]
fn too_many_requests_at_once_are_told_to_come_back() {
    let server = Server::start_with(&["--max-concurrent-requests", "1"]);
    let source = server.source("busy");
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        source.path, source.token
    );
    let mut held = Client::connect(server.address()).expect("a connection");
    // The answer to Expect comes when the server begins to read the body: the place is taken then.
    assert_eq!(held.send_raw(head.as_bytes(), true).expect("an answer").status, 100);
    let refused = source.get("/Users");
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.expect_error(503, "");
}

/// Whoever has a connection and asks nothing makes room for others; whoever is being answered doesn't.
#[test]
fn connections_that_rest_make_room() {
    // They would end by themselves behind the time that this waits for an answer.
    let server = Server::start_with(&["--max-connections", "2", "--read-timeout-seconds", "300"]);
    let source = server.source("many");
    let connect = || Client::connect(server.address()).expect("a connection");
    let body = br#"{"userName": "ada"}"#;
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        source.path,
        source.token,
        body.len()
    );
    let alive = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut at_work = connect();
    assert_eq!(at_work.send_raw(head.as_bytes(), true).expect("an answer").status, 100);
    let mut resting = connect();
    for _ in 0..2 {
        resting.send_raw(alive, false).expect("an answer").expect(200);
    }
    let mut last = connect();
    last.send_raw(alive, false).expect("an answer").expect(200);
    assert!(resting.send_raw(alive, false).is_err(), "it has made room");
    for begun in [&b""[..], b"GET /healthz HTTP/1.1\r\nHos"] {
        let mut unused = std::net::TcpStream::connect(server.address()).expect("a connection");
        std::io::Write::write_all(&mut unused, begun).expect("sent");
        let mut last = connect();
        last.send_raw(alive, false).expect("an answer").expect(200);
    }
    at_work.send_raw(body, false).expect("an answer").expect(201);
    at_work.send_raw(alive, false).expect("an answer").expect(200);
}

/// A deletion of what many refer to is done in parts. Its precondition holds for the first: whoever changes the
/// resource behind that doesn't leave it half done.
#[test]
fn a_deletion_that_has_begun_is_ended_whatever_becomes_of_the_resource() {
    let server = Server::start();
    let source = server.source("many");
    // Whoever is too late with the change tries again with another boss.
    assert!((0..10).any(|round| was_changed_while_it_was_deleted(&source, round)), "no change came between");
}

fn was_changed_while_it_was_deleted(source: &Source, round: u32) -> bool {
    const TEAM: usize = 1_500;
    let boss = source.user(&format!("boss{round}"));
    let path = format!("/Users/{boss}");
    let schema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let team: Vec<Value> = (0..TEAM)
        .map(|number| {
            let user =
                json!({"userName": format!("u{number}-{round}"), schema: {"manager": {"value": boss}}});
            json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": user})
        })
        .collect();
    for team in team.chunks(1_000) {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        source.post("/Bulk", &json!({"schemas": schemas, "Operations": team})).expect(200);
    }
    let filter = percent(&format!("{schema}:manager.value eq \"{boss}\""));
    let referring = || {
        let page = source.get(&format!("/Users?count=0&filter={filter}")).expect(200).json();
        page["totalResults"].as_u64().expect("a number")
    };
    assert_eq!(referring(), TEAM as u64);

    let version = source.get(&path).header("etag").expect("an ETag").to_owned();
    let deleting = source.at(&source.address);
    let (ended, changed) = thread::scope(|scope| {
        let ended = scope.spawn(|| with(&deleting, "DELETE", &path, &[("If-Match", &version)], None));
        while referring() == TEAM as u64 {}
        let changed = source.patch(&path, json!([{"op": "replace", "path": "title", "value": "Boss"}]));
        (ended.join().expect("an answer"), changed)
    });
    ended.expect(204);
    assert_eq!(referring(), 0);
    source.get(&path).expect_error(404, "");
    changed.status == 200
}

/// Shows VER-004, VER-005, VER-006, VER-007, VER-008, PUT-011, DEL-005, ERR-009, AMB-50, AMB-51.
#[test]
fn conditional_requests() {
    let server = Server::start();
    let source = server.source("conditional");
    let id = source.user("ada");
    let path = format!("/Users/{id}");
    let first = source.get(&path).header("etag").expect("an ETag").to_owned();
    let unchanged = with(&source, "GET", &path, &[("If-None-Match", &first)], None);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let body =
        crate::support::patch(&json!([{"op": "replace", "path": "title", "value": "One"}])).to_string();
    with(&source, "PATCH", &path, &[("If-Match", &first)], Some(body.as_bytes())).expect(200);
    with(&source, "PATCH", &path, &[("If-Match", &first)], Some(body.as_bytes())).expect_error(412, "");
    with(&source, "PUT", &path, &[("If-Match", &first)], Some(b"{\"userName\":\"ada\"}"))
        .expect_error(412, "");
    with(&source, "DELETE", &path, &[("If-Match", "W/\"never\"")], None).expect_error(412, "");
    with(&source, "GET", &path, &[("If-None-Match", &first)], None).expect(200);

    let current = source.get(&path).header("etag").expect("an ETag").to_owned();
    for tag in ["*", &*current] {
        let body = Some(&b"{\"userName\":\"ada\"}"[..]);
        with(&source, "PUT", &path, &[("If-None-Match", tag)], body).expect_error(412, "");
        with(&source, "DELETE", &path, &[("If-None-Match", tag)], None).expect_error(412, "");
    }

    // A change of groups is a change of what a GET of the user shows.
    let second = source.get(&path).header("etag").expect("an ETag").to_owned();
    source.post("/Groups", &json!({"displayName": "G", "members": [{"value": id}]})).expect(201);
    let shown = with(&source, "GET", &path, &[("If-None-Match", &second)], None).expect(200);
    let third = shown.header("etag").expect("an ETag").to_owned();
    assert_eq!(shown.json()["meta"]["version"], third);
    with(&source, "PUT", &path, &[("If-Match", &third)], Some(b"{\"userName\":\"ada\"}")).expect(200);
    with(&source, "DELETE", &path, &[("If-Match", "*")], None).expect(204);
    with(&source, "PUT", &path, &[("If-Match", "*")], Some(b"{\"userName\":\"ada\"}")).expect_error(404, "");
}

/// Shows USR-008, USR-009, USR-011, SCH-034, FLT-043.
#[test]
fn secrets_are_kept_nowhere() {
    let server = Server::start();
    let source = server.source("secret");
    let secret = "correct horse battery staple";
    let created = source.post("/Users", &json!({"userName": "ada", "password": secret})).expect(201);
    assert!(!String::from_utf8_lossy(&created.body).contains("password"));
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/Users/{id}");
    source.patch(&path, json!([{"op": "replace", "path": "password", "value": secret}])).expect(200);
    source.put(&path, &json!({"userName": "ada", "password": secret})).expect(200);
    assert!(source.get(&format!("{path}?attributes=password")).expect(200).json().get("password").is_none());
    source.get(&format!("/Users?filter={}", percent("password sw \"c\""))).expect_error(400, "invalidFilter");
    assert!(!consistency::is_on_disk(server.data(), secret));
}

/// Shows PRV-001.
#[test]
fn the_log_for_operators_names_nobody() {
    let mut server = Server::start_with(&[
        "--log",
        "debug,tokio_postgres::query=trace,tokio_postgres::query[{message}]=trace",
    ]);
    let source = server.source("private");
    let marks = ["unverwechselbar", "Lovelace-Byron"];
    let body =
        json!({"userName": marks[0], "name": {"familyName": marks[1]}, "active": "True", "x": marks[0]});
    let created = source.post("/Users", &body).expect(201).json();
    let path = format!("/Users/{}", created["id"].as_str().expect("an id"));
    source.post("/Users", &body).expect_error(409, "uniqueness");
    source
        .post("/Users", &json!({"userName": [marks[0]], "active": marks[1]}))
        .expect_error(400, "invalidValue");
    source.patch(&path, json!([{"op": "replace", "path": "title", "value": marks[0]}])).expect(200);
    source
        .patch(&path, json!([{"op": "replace", "path": marks[0], "value": 1}]))
        .expect_error(400, "invalidPath");
    source.get(&format!("/Users?filter={}", percent(&format!("userName eq {}", marks[0])))).expect(400);
    assert_eq!(source.found("/Users", &format!("userName eq \"{}\"", marks[0])).len(), 1);
    source.delete(&path).expect(204);
    assert!(server.stop());
    let log = server.logged();
    assert!(log.contains("DELETE"), "each request is in the log: {log}");
    for mark in marks {
        assert!(!log.contains(mark), "{log}");
    }
}

/// Shows SRC-001, SRC-002, SRC-005, SRC-006, PRV-002, AMB-18.
#[test]
fn searches_by_post_answer_as_by_get() {
    let server = Server::start();
    let source = server.source("searched");
    source.user("ada");
    source.user("bob");
    source.post("/Groups", &json!({"displayName": "G"})).expect(201);
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
    let search =
        json!({"schemas": schemas, "filter": "userName sw \"A\"", "attributes": ["userName"], "count": 5});
    let by_post = source.post("/Users/.search", &search).expect(200).json();
    let by_get = source
        .get(&format!("/Users?filter={}&attributes=userName&count=5", percent("userName sw \"A\"")))
        .expect(200)
        .json();
    assert_eq!(by_post, by_get);
    assert_eq!(by_post["Resources"][0]["userName"], "ada");
    let all = source.post("/.search", &json!({"schemas": schemas})).expect(200).json();
    assert_eq!(all["totalResults"], 3, "users and groups");
    let users =
        source.post("/.search", &json!({"schemas": schemas, "filter": "userName pr"})).expect(200).json();
    assert_eq!(users["totalResults"], 2, "a group has no userName");
    let unknown = json!({"schemas": schemas, "filter": "nobodyHasThis pr"});
    source.post("/.search", &unknown).expect_error(400, "invalidFilter");
    source.post("/Users/.search", &json!({"filter": "userName pr"})).expect_error(400, "invalidSyntax");
    source
        .post("/Users/.search", &json!({"schemas": schemas, "count": "5"}))
        .expect_error(400, "invalidSyntax");
}
