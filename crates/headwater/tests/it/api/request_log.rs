//! What the log says of the requests of a source.

use serde_json::{Value, json};

use crate::support::{
    Admin, Server, Source, consistency,
    definitions::{BADGE, with_devices},
    eventually, text, texts,
};

fn started() -> (Server, Admin, Source) {
    // With all that the log for operators can say, which is searched for secrets too.
    let server = Server::start_with(&["--log", "debug"]);
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    (server, ada, source)
}

/// The requests of a source, newest first, once there are so many.
#[track_caller]
fn logged(admin: &Admin, path: &str, count: usize) -> Vec<Value> {
    eventually("the log", || {
        let items = admin.items(path);
        (items.len() == count).then_some(items)
    })
}

fn results(request: &Value) -> Vec<(Option<u64>, String, String)> {
    let outcomes = request["outcomes"].as_array().expect("outcomes").iter();
    outcomes
        .map(|outcome| (outcome["operation"].as_u64(), text(&outcome["action"]), text(&outcome["result"])))
        .collect()
}

#[test]
fn a_request_is_kept_with_what_it_asked_and_got() {
    let (_server, ada, source) = started();
    let mut request = source.request("POST", "/Users?attributes=userName", Some(&json!({"userName": "ada"})));
    request.headers.push(("User-Agent".to_owned(), "Okta SCIM Client 1.0.0".to_owned()));
    let answer = source.send(&request).expect("an answer");
    let id = answer.header("x-request-id").expect("an id").to_owned();
    let summary = logged(&ada, "/sources/contoso/requests", 1).remove(0);
    for (name, value) in [
        ("id", json!(id)),
        ("method", json!("POST")),
        ("path", json!("/source/scim/contoso/v2/Users")),
        ("query", json!("attributes=userName")),
        ("status", json!(201)),
        ("operation", json!("create")),
        ("address", json!("127.0.0.1")),
        ("user_agent", json!("Okta SCIM Client 1.0.0")),
        ("error", Value::Null),
        ("changes", json!(1)),
        ("token_id", ada.items("/sources/contoso/tokens")[0]["id"].clone()),
        ("target", json!({"type": "User", "id": answer.json()["id"], "display": "ada"})),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    assert!(summary["duration_ms"].as_f64() > Some(0.0));
    let by_number = ada.read(&format!("/sources/contoso/requests/{}", summary["sequence"]));
    assert_eq!(by_number, ada.read(&format!("/sources/contoso/requests/by-id/{id}")));
    assert_eq!(by_number["request"], summary);
    let body = |name: &str| -> Value { serde_json::from_str(&text(&by_number[name])).expect("JSON") };
    assert_eq!(body("request_body"), json!({"userName": "ada"}));
    assert_eq!(body("response_body"), answer.json());
    let headers = by_number["request_headers"].as_array().expect("headers");
    assert!(headers.contains(&json!(["authorization", "Bearer •••"])), "{headers:?}");
    assert_eq!(by_number["changes"][0]["after"]["userName"], "ada");
    ada.source("Other");
    ada.get(&format!("/sources/other/requests/by-id/{id}")).expect_problem(404, "not_found");
}

#[test]
fn a_request_that_changed_very_much_says_that_there_is_more() {
    let (_server, ada, source) = started();
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let bulk = |operations: Vec<Value>| {
        let answer = source.post("/Bulk", &json!({"schemas": schemas, "Operations": operations})).expect(200);
        (text(&json!(answer.header("x-request-id"))), answer.json())
    };
    let user = |number: u32| json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": {"userName": number.to_string()}});
    let (made, answer) = bulk((0..600).map(user).collect());
    let locations = texts(answer["Operations"].as_array().expect("operations"), "/location");
    let paths: Vec<&str> = locations.iter().map(|location| &location[source.base_url().len()..]).collect();
    let members: Vec<Value> = paths.iter().map(|path| json!({"value": &path["/Users/".len()..]})).collect();
    source.post("/Groups", &json!({"displayName": "All", "members": members})).expect(201);
    // Each leaves the group before it goes.
    let (deleted, _) = bulk(paths.iter().map(|path| json!({"method": "DELETE", "path": path})).collect());
    for (request, lines, more) in [(made, 600, false), (deleted, 1_000, true)] {
        let detail = eventually("the request", || {
            let answer = ada.get(&format!("/sources/contoso/requests/by-id/{request}"));
            (answer.status == 200).then(|| answer.json())
        });
        assert_eq!(detail["changes"].as_array().map(Vec::len), Some(lines));
        assert_eq!(detail["more_changes"], more);
    }
}

#[test]
fn what_was_refused_is_kept_with_the_reason() {
    let (server, ada, source) = started();
    source.post("/Users", &json!({"userName": "ada"})).expect(201);
    source.post("/Users", &json!({"userName": "ADA"})).expect_error(409, "uniqueness");
    let wrong = Source::with_token(server.address(), "contoso", &format!("hw_{}", "A".repeat(43)));
    wrong.get("/Users").expect(401);
    let [refused, doubled, _] = &logged(&ada, "/sources/contoso/requests", 3)[..] else { panic!("three") };
    assert_eq!((&refused["status"], &refused["token_id"]), (&json!(401), &Value::Null));
    assert!(refused["error"].is_string());
    assert_eq!((&doubled["status"], &doubled["scim_type"]), (&json!(409), &json!("uniqueness")));
    assert!(text(&doubled["error"]).contains("userName"), "{doubled}");
    assert_eq!(results(doubled), [(None, "create".to_owned(), "refused".to_owned())]);

    Source::with_token(server.address(), "kontoso", &source.token).get("/Users?filter=x").expect(401);
    let unmatched = logged(&ada, "/unmatched-requests", 1).remove(0);
    assert_eq!(unmatched["path"], "/source/scim/kontoso/v2/Users");
    assert_eq!((&unmatched["status"], &unmatched["token_id"]), (&json!(401), &Value::Null));
    assert_eq!(ada.items("/sources/contoso/requests").len(), 3, "it is nobody's");
    // A token that is revoked is still known for whose it was.
    let token = text(&ada.items("/sources/contoso/tokens")[0]["id"]);
    ada.delete(&format!("/sources/contoso/tokens/{token}")).expect(204);
    source.get("/Users").expect(401);
    assert_eq!(logged(&ada, "/sources/contoso/requests", 4)[0]["token_id"], *token);
}

#[test]
fn each_operation_of_a_patch_says_what_became_of_it() {
    let (_server, ada, source) = started();
    let user = source.user("ada");
    let path = format!("/Users/{user}");
    let add = |name: &str, value: Value| json!({"op": "add", "path": name, "value": value});
    source.patch(&path, json!([add("title", json!("Dr")), add("nickName", json!("A"))])).expect(200);
    source.patch(&path, json!([add("title", json!("Dr")), add("nickName", json!("B"))])).expect(200);
    source.patch(&path, json!([add("title", json!("Dr"))])).expect(200);
    source.patch(&path, json!([add("nickName", json!("C")), add("id", json!("x"))])).expect(400);
    let requests = logged(&ada, "/sources/contoso/requests?operation=update", 4);
    let done = |request: &Value| -> Vec<String> {
        results(request).into_iter().map(|(_, _, result)| result).collect()
    };
    assert_eq!(done(&requests[3]), ["applied", "applied"]);
    assert_eq!(done(&requests[2]), ["nothing_to_do", "applied"]);
    assert_eq!((done(&requests[1]), &requests[1]["changes"]), (vec!["nothing_to_do".to_owned()], &json!(0)));
    assert_eq!(done(&requests[0]), ["refused", "refused"]);
    let outcomes = &requests[0]["outcomes"];
    assert!(text(&outcomes[0]["detail"]).contains("operation 2"), "{outcomes}");
    assert_eq!((&outcomes[1]["operation"], &outcomes[1]["path"]), (&json!(1), &json!("id")));
    assert_eq!(outcomes[1]["detail"], requests[0]["error"]);
    assert_eq!(source.get(&path).expect(200).json()["nickName"], "B");
}

#[test]
fn each_operation_of_a_bulk_request_says_what_was_done() {
    let (_server, ada, source) = started();
    let path = format!("/Users/{}", source.user("ada"));
    let title = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "title", "value": "Dr"}]});
    let operations = json!([
        {"method": "PATCH", "path": path, "data": title},
        {"method": "PATCH", "path": path, "data": title},
        {"method": "PUT", "path": path, "data": {"userName": "ada"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob"}},
        {"method": "DELETE", "path": path},
    ]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    source.post("/Bulk", &json!({"schemas": schemas, "Operations": operations})).expect(200);
    let request = logged(&ada, "/sources/contoso/requests", 2).remove(0);
    let mut results = results(&request);
    results.sort();
    let expected = [
        (0, "update", "applied"),
        (1, "update", "nothing_to_do"),
        (2, "replace", "applied"),
        (3, "create", "applied"),
        (4, "delete", "applied"),
    ];
    let expected = expected.map(|(at, action, result)| (Some(at), action.to_owned(), result.to_owned()));
    assert_eq!(results, expected);
}

/// Shows SCH-034.
#[test]
fn types_and_secrets_of_the_sources_own_are_known() {
    let (_server, ada, source) = with_devices();
    let secret = "Rosebud";
    let device = json!({"displayName": "Laptop", BADGE: {"number": "1", "hint": secret}});
    let made = text(&source.post("/Devices", &device).expect(201).json()["id"]);
    let path = format!("/Devices/{made}");
    let hint = json!({"op": "replace", "path": format!("{BADGE}:hint"), "value": format!("{secret} 2")});
    source.patch(&path, json!([hint])).expect(200);
    source.post("/Devices", &device).expect_error(409, "uniqueness");
    source.get(&path).expect(200);
    source.get("/Devices").expect(200);
    source.delete(&path).expect(204);
    let requests = logged(&ada, "/sources/contoso/requests", 6);
    let told = |name: &str| -> Vec<Value> { requests.iter().rev().map(|one| one[name].clone()).collect() };
    assert_eq!(told("operation"), ["create", "update", "create", "read", "search", "delete"]);
    assert_eq!(results(&requests[3]), [(None, "create".to_owned(), "refused".to_owned())]);
    assert_eq!(requests[2]["target"]["type"], "Device");
    assert_eq!(ada.items("/sources/contoso/requests?writes=true").len(), 4);
    for request in &requests {
        let detail = ada.read(&format!("/sources/contoso/requests/{}", request["sequence"]));
        assert!(!detail.to_string().contains(secret), "{detail}");
    }
    let changes = ada.read("/sources/contoso/changes");
    assert_eq!(changes["items"][2]["after"][BADGE], json!({"number": "1", "hint": "•••"}), "{changes}");
    assert!(!changes.to_string().contains(secret), "{changes}");
}

/// Shows USR-008, USR-009, USR-011.
#[test]
fn a_password_is_kept_nowhere() {
    let (mut server, ada, source) = started();
    let secret = "Geheim-4711-Geheim";
    let body = json!({"userName": "ada", "password": secret});
    let user = text(&source.post("/Users", &body).expect(201).json()["id"]);
    source.patch(&format!("/Users/{user}"), json!([{"op": "replace", "path": "password", "value": secret}]));
    source.patch(&format!("/Users/{user}"), json!([{"op": "replace", "value": {"password": secret}}]));
    source.post("/Users", &json!({"userName": "ada", "password": secret})).expect(409);
    source.get(&format!("/Users?filter=password%20eq%20%22{secret}%22"));
    source.post("/Users", &json!({"userName": 5, "password": secret}));
    let requests = logged(&ada, "/sources/contoso/requests", 6);
    for request in &requests {
        let detail = ada.read(&format!("/sources/contoso/requests/{}", request["sequence"])).to_string();
        assert!(!detail.contains(secret), "{detail}");
        assert!(request["method"] == "GET" || detail.contains("•••"), "{detail}");
    }
    for path in ["/sources/contoso/changes", "/users", &format!("/sources/contoso/users/{user}")] {
        assert!(!ada.read(path).to_string().contains(secret), "{path}");
    }
    assert!(!consistency::is_on_disk(server.data(), secret));
    assert!(server.stop());
    assert!(!consistency::is_on_disk(server.data(), secret));
    assert!(!server.logged().contains(secret));
}

#[test]
fn a_source_may_keep_no_bodies() {
    let (server, ada, source) = started();
    ada.patch("/sources/contoso", json!({"switches": {"log_bodies": false}})).expect(200);
    source.post("/Users", &json!({"userName": "ada", "title": "Unverwechselbar"})).expect(201);
    let request = logged(&ada, "/sources/contoso/requests", 1).remove(0);
    let detail = ada.read(&format!("/sources/contoso/requests/{}", request["sequence"]));
    for (body, note) in [("request_body", "request_body_note"), ("response_body", "response_body_note")] {
        assert_eq!(detail[body], Value::Null);
        assert!(detail[note].as_str().is_some_and(|note| note.contains("not kept")), "{detail}");
    }
    assert_eq!(detail["request"]["target"]["display"], "ada");
    let log = std::fs::read(server.data().join("requests.db-wal")).expect("a file");
    assert!(!log.windows(15).any(|window| window == b"Unverwechselbar"));
}

#[test]
fn the_log_outlives_a_stop() {
    let (mut server, ada, source) = started();
    for number in 0..20 {
        source.user(&format!("user{number}"));
    }
    let headers = ada.headers.clone();
    assert!(server.stop());
    server.restart(&[]);
    let mut again = Admin::nobody(&server);
    again.headers = headers;
    assert_eq!(again.items("/sources/contoso/requests").len(), 20, "what was answered is written");
    source.at(server.address()).user("one-more");
    let requests = logged(&again, "/sources/contoso/requests", 21);
    let numbers: Vec<i64> = requests.iter().filter_map(|request| request["sequence"].as_i64()).collect();
    assert!(numbers.windows(2).all(|two| two[0] > two[1]), "{numbers:?}");
}
