//! A client of the admin API: a session of the web UI, an API token, or nobody.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Client, Request, Response, Server, Source};

/// The e-mail address of the first administrator.
pub(crate) const ADA: &str = "ada@example.com";
/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Admin {
    address: String,
    /// What shows who asks.
    pub(crate) headers: Vec<(String, String)>,
    client: Mutex<Option<Client>>,
}

impl Admin {
    fn new(server: &Server, headers: Vec<(String, String)>) -> Self {
        Self { address: server.address().to_owned(), headers, client: Mutex::default() }
    }

    pub(crate) fn nobody(server: &Server) -> Self {
        Self::new(server, Vec::new())
    }

    /// The same client of another server on the same data.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self::new(server, self.headers.clone())
    }

    pub(crate) fn with_token(server: &Server, secret: &str) -> Self {
        Self::new(server, vec![("Authorization".to_owned(), format!("Bearer {secret}"))])
    }

    /// Whoever is signed in by this answer.
    #[track_caller]
    pub(crate) fn signed_in(server: &Server, answer: Response) -> Self {
        let answer = answer.expect(201);
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.expect("a cookie").to_owned();
        let csrf = text(&answer.json()["csrf_token"]);
        Self::new(server, vec![("Cookie".to_owned(), cookie), ("X-CSRF-Token".to_owned(), csrf)])
    }

    /// Makes the first administrator with the link that the server has printed.
    #[track_caller]
    pub(crate) fn first(server: &Server) -> Self {
        let printed = server.printed();
        let body = json!({
            "secret": link_secret(&printed), "password": PASSWORD, "email": ADA, "name": "Ada Lovelace",
        });
        Self::signed_in(server, Self::nobody(server).post("/links/use", &body))
    }

    /// Another administrator with an account of their own, who has followed the link.
    #[track_caller]
    pub(crate) fn invite(&self, server: &Server, email: &str, role: &str) -> Self {
        let body = json!({"email": email, "name": email, "role": role});
        let made = self.post("/administrators", &body).expect(201).json();
        let body = json!({"secret": link_secret(&text(&made["link"])), "password": PASSWORD});
        Self::signed_in(server, Self::nobody(server).post("/links/use", &body))
    }

    /// A new API token as a client.
    #[track_caller]
    pub(crate) fn api_token(&self, server: &Server, role: &str) -> Self {
        let made = self.post("/api-tokens", &json!({"name": format!("{role} script"), "role": role}));
        Self::with_token(server, &text(&made.expect(201).json()["secret"]))
    }

    /// Another session of an administrator.
    pub(crate) fn sign_in(server: &Server, email: &str, password: &str) -> Response {
        Self::nobody(server).post("/session", &json!({"email": email, "password": password}))
    }

    /// Makes a source, and a SCIM client of it.
    #[track_caller]
    pub(crate) fn source(&self, name: &str) -> Source {
        let made = self.post("/sources", &json!({"name": name})).expect(201).json();
        Source::with_token(&self.address, &text(&made["source"]["slug"]), &text(&made["secret"]))
    }

    /// A request as this client would send it; `path` is below `/api/v1`.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request {
        let mut headers = self.headers.clone();
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        Request {
            method: method.to_owned(),
            target: if path.starts_with("/api/") { path.to_owned() } else { format!("/api/v1{path}") },
            headers,
            body: body.map(|body| body.to_string().into_bytes()),
        }
    }

    /// Sends a request as it is.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Response {
        let mut slot = self.client.lock().expect("no test panics while it sends");
        let mut client = slot.take().unwrap_or_else(|| Client::connect(&self.address).expect("connected"));
        let response = client.send(request).expect("an answer");
        if response.header("connection") != Some("close") {
            *slot = Some(client);
        }
        response
    }

    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.send(&self.request(method, path, body))
    }

    /// A call with one header more.
    #[track_caller]
    pub(crate) fn call_with(&self, header: (&str, &str), method: &str, path: &str, body: &Value) -> Response {
        let mut request = self.request(method, path, Some(body));
        request.headers.push((header.0.to_owned(), header.1.to_owned()));
        self.send(&request)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        self.call("GET", path, None)
    }

    /// What a GET answers with success.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.call("POST", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value) -> Response {
        self.call("PUT", path, Some(body))
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(…) in place")]
    pub(crate) fn patch(&self, path: &str, body: Value) -> Response {
        self.call("PATCH", path, Some(&body))
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Response {
        self.call("DELETE", path, None)
    }

    /// The items of a list, on one page.
    #[track_caller]
    pub(crate) fn items(&self, path: &str) -> Vec<Value> {
        let page = self.read(path);
        assert_eq!(page["next"], Value::Null, "all of it is on one page");
        page["items"].as_array().expect("items").clone()
    }

    /// The items of a list, gathered page by page, each as large as asked for at most.
    #[track_caller]
    pub(crate) fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..10_000 {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.read(&format!("{path}{separator}limit={limit}{cursor}"));
            let found = page["items"].as_array().expect("items");
            assert!(found.len() <= limit, "a page is no longer than asked for");
            items.extend(found.iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            cursor = format!("&cursor={next}");
        }
        panic!("{path} has no end");
    }
}

/// The secret of a one-time link, which stands behind `#` and is the last word of a text.
#[track_caller]
pub(crate) fn link_secret(text: &str) -> String {
    let found = text.trim().rsplit_once("/welcome#");
    let (_, secret) = found.unwrap_or_else(|| panic!("no link in {text:?}"));
    secret.to_owned()
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// One member of each, as texts.
#[track_caller]
pub(crate) fn texts(items: &[Value], pointer: &str) -> Vec<String> {
    items.iter().map(|item| text(item.pointer(pointer).unwrap_or(&Value::Null))).collect()
}
