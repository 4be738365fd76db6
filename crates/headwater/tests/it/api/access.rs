//! Who may do what: every endpoint of the OpenAPI document, asked by everybody.

use serde_json::{Value, json};

use crate::support::{ADA, Admin, PASSWORD, Response, Server};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// What those who may change nothing may do with their own account.
const OWN: [(&str, &str); 3] =
    [("DELETE", "/api/v1/session"), ("DELETE", "/api/v1/sessions"), ("PUT", "/api/v1/session/password")];

/// An operation of the document, with a path that names something there.
struct Operation {
    method: String,
    path: String,
    is_public: bool,
    takes_body: bool,
    statuses: Vec<u16>,
    other_methods: Vec<String>,
}

impl Operation {
    fn is_safe(&self) -> bool {
        self.method == "GET"
    }

    fn body(&self) -> Option<Value> {
        self.takes_body.then(|| json!({}))
    }

    #[track_caller]
    fn expect(&self, answer: Response, status: u16, code: &str) {
        assert_eq!(answer.status, status, "{} {}", self.method, self.path);
        assert!(self.statuses.contains(&status), "{} {} says nothing of {status}", self.method, self.path);
        answer.expect_problem(status, code);
    }
}

/// Everything that the document has, on a source `contoso`.
fn operations(admin: &Admin) -> Vec<Operation> {
    let document = admin.read("/api/openapi.json");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let filled = path
            .replace("{slug}", "contoso")
            .replace("{sequence}", "1")
            .replace("{id}", "0198c0de-7b1a-7c3d-8e5f-0123456789ab");
        let other_methods = METHODS.iter().filter(|method| item.get(**method).is_none());
        let other_methods: Vec<String> = other_methods.map(|method| method.to_uppercase()).collect();
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let statuses = operation["responses"].as_object().expect("responses").keys();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: filled.clone(),
                is_public: operation.get("security").is_none(),
                takes_body: operation.get("requestBody").is_some(),
                statuses: statuses.map(|status| status.parse().expect("a status")).collect(),
                other_methods: other_methods.clone(),
            });
        }
    }
    assert!(operations.len() >= 40, "{} operations", operations.len());
    operations
}

#[test]
fn whoever_is_not_signed_in_gets_nowhere() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    let public: Vec<(String, String)> = operations(&ada)
        .into_iter()
        .filter_map(|operation| {
            if operation.is_public {
                return Some((operation.method, operation.path));
            }
            for who in [Admin::nobody(&server), Admin::with_token(&server, "hwa_garbage")] {
                let body = operation.body();
                let answer = who.call(&operation.method, &operation.path, body.as_ref());
                assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"headwater\""));
                operation.expect(answer, 401, "unauthenticated");
            }
            None
        })
        .collect();
    let expected = ["/api/v1/links/check", "/api/v1/links/use", "/api/v1/session"];
    assert_eq!(public, expected.map(|path| ("POST".to_owned(), path.to_owned())));
}

#[test]
fn an_auditor_sees_everything_and_changes_nothing() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    let before = ada.items("/changes");
    let session = ada.invite(&server, "bob@example.com", "auditor");
    let token = ada.api_token(&server, "auditor");
    for who in [&session, &token] {
        for operation in operations(&ada).iter().filter(|operation| !operation.is_public) {
            let own = OWN.contains(&(&*operation.method, &*operation.path));
            // A stream doesn't end; it has tests of its own.
            if operation.path.ends_with("/stream") || own {
                continue;
            }
            let body = operation.body();
            let answer = who.call(&operation.method, &operation.path, body.as_ref());
            if operation.is_safe() {
                let is_session = operation.path.starts_with("/api/v1/session");
                let allowed = [200, 404].contains(&answer.status) || is_session && answer.status == 403;
                assert!(allowed, "{} {}", operation.path, answer.status);
                assert!(operation.statuses.contains(&answer.status), "{} {}", operation.path, answer.status);
            } else {
                operation.expect(answer, 403, "forbidden");
            }
        }
    }
    session.read("/session");
    let since = ada.items("/changes").len() - before.len();
    assert_eq!(since, 4, "made, password set, signed in, token made: nothing else has happened");
}

#[test]
fn a_session_changes_nothing_without_its_own_csrf_token() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    let other = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    let foreign = other.headers[1].1.clone();
    let own = ada.headers[1].1.clone();
    let origin = format!("http://{}", server.address());
    for operation in operations(&ada).iter().filter(|operation| !operation.is_public && !operation.is_safe())
    {
        for headers in [
            &[][..],
            &[("X-CSRF-Token", "")],
            &[("X-CSRF-Token", &*foreign)],
            &[("X-CSRF-Token", &own[..own.len() - 1])],
            &[("X-CSRF-Token", &*own), ("Origin", "https://evil.example")],
            &[("X-CSRF-Token", &*own), ("Origin", "null")],
            &[("X-CSRF-Token", &*own), ("Sec-Fetch-Site", "cross-site")],
            &[("X-CSRF-Token", &*own), ("Sec-Fetch-Site", "same-site"), ("Origin", &*origin)],
        ] {
            let mut request = ada.request(&operation.method, &operation.path, operation.body().as_ref());
            request.headers.retain(|(name, _)| name != "X-CSRF-Token");
            request
                .headers
                .extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            operation.expect(ada.send(&request), 403, "csrf");
        }
    }
    ada.read("/session");
    assert_eq!(ada.items("/sessions").len(), 2, "nobody was signed out");
    let mut request = ada.request("POST", "/sources", Some(&json!({"name": "Second"})));
    request
        .headers
        .extend([("Origin".to_owned(), origin), ("Sec-Fetch-Site".to_owned(), "same-origin".to_owned())]);
    ada.send(&request).expect(201);
}

#[test]
fn an_api_token_needs_no_csrf_token_and_lives_until_it_is_revoked() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let made =
        ada.post("/api-tokens", &json!({"name": "script", "role": "administrator"})).expect(201).json();
    let script = Admin::with_token(&server, made["secret"].as_str().expect("a secret"));
    script.post("/sources", &json!({"name": "Contoso"})).expect(201);
    let listed = ada.items("/api-tokens");
    assert!(listed[0]["last_used"].is_string());
    assert_eq!(listed[0]["created_by"]["name"], "Ada Lovelace");
    assert!(listed[0].get("secret").is_none() && listed[0]["revoked"].is_null());

    let path = format!("/api-tokens/{}", made["api_token"]["id"].as_str().expect("an id"));
    ada.delete(&path).expect(204);
    script.get("/sources").expect_problem(401, "unauthenticated");
    ada.delete(&path).expect(204);
    assert!(ada.items("/api-tokens")[0]["revoked"].is_string());
    ada.delete("/api-tokens/0198c0de-7b1a-7c3d-8e5f-0123456789ab").expect_problem(404, "not_found");
}

#[test]
fn an_api_token_that_is_none_or_no_longer_is_refused() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let body = json!({"name": "short", "role": "administrator", "expires": soon.to_string()});
    let made = ada.post("/api-tokens", &body).expect(201).json();
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let script = Admin::with_token(&server, &secret);
    script.read("/sources");
    let unknown = format!("hwa_{}", "A".repeat(43));
    for authorization in [
        "Bearer",
        "Bearer ",
        "Bearer hwa_",
        &format!("Bearer {unknown}"),
        &format!("Bearer {secret}x"),
        "Bearer \u{fc}",
    ] {
        // A token that is sent beside a session counts instead of it.
        let mut request = ada.request("GET", "/sources", None);
        request.headers.push(("Authorization".to_owned(), authorization.to_owned()));
        ada.send(&request).expect_problem(401, "unauthenticated");
    }
    for authorization in [&format!("Basic {secret}"), &secret] {
        let header = vec![("Authorization".to_owned(), authorization.clone())];
        let mut nobody = Admin::nobody(&server);
        nobody.headers = header;
        nobody.get("/sources").expect_problem(401, "unauthenticated");
    }
    while jiff::Timestamp::now() <= soon {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    script.get("/sources").expect_problem(401, "unauthenticated");
    let past = json!({"name": "x", "role": "auditor", "expires": "2001-01-01T00:00:00Z"});
    ada.post("/api-tokens", &past).expect_invalid("expires");
}

#[test]
fn a_path_that_does_not_take_a_method_says_which_it_takes() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    for operation in operations(&ada) {
        for method in operation.other_methods.iter().map(String::as_str).chain(["OPTIONS"]) {
            for who in [&ada, &Admin::nobody(&server)] {
                let answer = who.call(method, &operation.path, None);
                assert_eq!(answer.status, 405, "{method} {}", operation.path);
                let allowed = answer.header("allow").unwrap_or_default().to_owned();
                assert!(
                    allowed.contains(&operation.method),
                    "RFC 9110 §15.5.6: {allowed:?} {}",
                    operation.path
                );
                answer.expect_problem(405, "method_not_allowed");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.source("Contoso");
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/sources", "/api/v1/sources/"] {
        for who in [&ada, &Admin::nobody(&server)] {
            for method in ["GET", "POST", "DELETE"] {
                who.call(method, path, None).expect_problem(404, "not_found");
            }
        }
    }
    let id = "0198c0de-7b1a-7c3d-8e5f-0123456789ab";
    for path in [
        "/sources/nothing",
        "/sources/Not%20a%20slug",
        "/sources/nothing/overview",
        "/sources/nothing/users/x",
        "/sources/contoso/users/no-id",
        &format!("/sources/contoso/users/{id}"),
        &format!("/sources/contoso/groups/{id}"),
        &format!("/sources/contoso/groups/{id}/members"),
        &format!("/sources/contoso/users/{id}/groups"),
        "/sources/contoso/requests/999999",
        "/sources/contoso/requests/no-number",
        &format!("/sources/contoso/requests/by-id/{id}"),
        "/sources/contoso/requests/by-id/no-id",
        "/sources/nothing/stream",
        "/users?source=nothing",
        "/groups?source=nothing",
        "/changes?source=nothing",
        "/administrators/no-id",
        &format!("/administrators/{id}"),
    ] {
        ada.get(path).expect_problem(404, "not_found");
    }
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let server = Server::start();
    let ada = Admin::first(&server);
    for path in ["/sources", "/session", "/system", "/api/openapi.json"] {
        let answer = ada.call("HEAD", path, None);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    Admin::nobody(&server).call("HEAD", "/sources", None).expect(401);
}

#[test]
fn answers_are_kept_by_nobody_and_guarded_against_misuse() {
    let server = Server::start();
    let ada = Admin::first(&server);
    for path in ["/session", "/sources", "/nothing", "/api/openapi.json"] {
        let answer = ada.get(path);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}
