//! The requests that are counted: through everything between HTTP and the disk, without sockets, and
//! without the log of requests, which writes what has come within a time.

use std::{fs, net::IpAddr, ops::Range, path::Path, sync::Arc};

use axum::body::Body;
use headwater_server::{
    Context,
    administration::{Administration, Vault},
    clock::{SystemClock, SystemRandom},
    configuration::Configuration,
    provisioning::Room,
    scim,
    tokens::{Secret, TokenUses},
    unknown_attributes::UnknownAttributes,
};
use headwater_store::{Act, NewSource, NewToken, Records, Slug, requests::NoRequestLog, sqlite::SqliteStore};
use http_body_util::BodyExt;
use hyper::Request;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::counting;

/// How many users there are.
const USERS: usize = 1_000;
/// What was prepared: the token and the ids.
const PREPARED: &str = "prepared.json";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The tolerance of reads, which were seen to differ by 0.4 % from run to run.
const READ: f64 = 3.0;
/// The tolerance of writes, which go over threads and were seen to differ by 4 %. How many share a commit,
/// and how often checkpoints are made, goes by time.
const WRITE: f64 = 10.0;

/// A kind of request that is counted.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How often it is sent.
    pub(crate) times: u64,
    /// By how much the count may differ, in percent.
    pub(crate) tolerance: f64,
    /// Makes one from a number that is never the same twice.
    make: fn(&Prepared, usize) -> (&'static str, String, Value),
}

/// What is counted.
pub(crate) const KINDS: [Kind; 9] = [
    Kind {
        name: "GET user by id",
        times: 100,
        tolerance: READ,
        make: |prepared, number| ("GET", format!("/Users/{}", prepared.user(number)), Value::Null),
    },
    Kind {
        name: "GET users by userName eq",
        times: 50,
        tolerance: READ,
        make: |_, number| {
            let filter = format!("userName+eq+%22user{}@example.com%22", number % USERS);
            ("GET", format!("/Users?filter={filter}"), Value::Null)
        },
    },
    Kind {
        name: "GET users by emails[type eq and value eq]",
        times: 50,
        tolerance: READ,
        make: |_, number| {
            let value = format!("user{}@example.com", number % USERS);
            let filter = format!("emails%5Btype+eq+%22work%22+and+value+eq+%22{value}%22%5D");
            ("GET", format!("/Users?filter={filter}"), Value::Null)
        },
    },
    Kind {
        name: "GET page of 100 users",
        times: 3,
        tolerance: READ,
        make: |_, number| ("GET", format!("/Users?startIndex={}&count=100", number % 800 + 1), Value::Null),
    },
    Kind {
        name: "GET group of 1,000",
        times: 3,
        tolerance: READ,
        make: |prepared, _| ("GET", format!("/Groups/{}", prepared.group), Value::Null),
    },
    Kind {
        name: "POST user",
        times: 100,
        tolerance: WRITE,
        make: |_, number| ("POST", "/Users".to_owned(), user(&format!("new{number}"))),
    },
    Kind {
        name: "PATCH active",
        times: 100,
        tolerance: WRITE,
        make: |prepared, number| {
            // By turns, so that each changes something.
            let value = if number.is_multiple_of(2) { "False" } else { "True" };
            let operation = json!({"op": "Replace", "path": "active", "value": value});
            ("PATCH", format!("/Users/{}", prepared.user(number / 2)), patch(&operation))
        },
    },
    Kind {
        name: "PATCH one member, group of 1,000",
        times: 100,
        tolerance: WRITE,
        make: |prepared, number| {
            let member = json!([{"value": prepared.outsiders[number / 2 % prepared.outsiders.len()]}]);
            let op = if number.is_multiple_of(2) { "Add" } else { "Remove" };
            let operation = json!({"op": op, "path": "members", "value": member});
            let path = format!("/Groups/{}?attributes=displayName", prepared.group);
            ("PATCH", path, patch(&operation))
        },
    },
    Kind {
        name: "bulk of 50 POSTs",
        times: 2,
        tolerance: WRITE,
        make: |_, number| {
            ("POST", "/Bulk".to_owned(), bulk((0..50).map(|one| format!("bulk{number}x{one}"))))
        },
    },
];

/// What there is before anything is counted.
pub(crate) struct Prepared {
    token: String,
    group: String,
    users: Vec<String>,
    /// Users who are not in the group.
    outsiders: Vec<String>,
}

impl Prepared {
    fn user(&self, number: usize) -> &str {
        &self.users[number * 617 % self.users.len()]
    }
}

/// Makes users and a group of all of them, at full speed.
pub(crate) fn prepare(folder: &Path) {
    runtime().block_on(async {
        let data = folder.join("data");
        fs::create_dir(&data).expect("a folder");
        let secret = Secret::generate(&SystemRandom);
        let token = NewToken::new(Uuid::from_u128(42), secret.hash());
        let slug = Slug::parse("contoso").expect("a slug");
        let new = NewSource::new(slug, "Contoso".to_owned(), Uuid::from_u128(1), token);
        let server = Server::open(&data, secret.reveal().to_owned());
        server.records.create_source(new, Act::of_server(0)).await.expect("a source");
        let users = server.create_users("user", USERS).await;
        let outsiders = server.create_users("outsider", 100).await;
        let members: Vec<Value> = users.iter().map(|id| json!({"value": id})).collect();
        let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Everybody", "members": members});
        let group = server.send("POST", "/Groups", &group).await;
        let prepared =
            json!({"token": server.token, "group": group["id"], "users": users, "outsiders": outsiders});
        fs::write(folder.join(PREPARED), prepared.to_string()).expect("written");
    });
}

/// Sends all kinds of requests, each in a stretch of its own.
pub(crate) fn send_all(folder: &Path) {
    let prepared: Value =
        serde_json::from_slice(&fs::read(folder.join(PREPARED)).expect("read")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let texts = |value: &Value| value.as_array().expect("a list").iter().map(text).collect();
    let prepared = Prepared {
        token: text(&prepared["token"]),
        group: text(&prepared["group"]),
        users: texts(&prepared["users"]),
        outsiders: texts(&prepared["outsiders"]),
    };
    runtime().block_on(async {
        let server = Server::open(&folder.join("data"), prepared.token.clone());
        for kind in &KINDS {
            let times = usize::try_from(kind.times).expect("a few");
            server.send_some(kind, &prepared, 0..2).await;
            counting::mark_of_callgrind();
            server.send_some(kind, &prepared, 2..2 + times).await;
            counting::mark_of_callgrind();
        }
    });
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// Everything between HTTP and the disk.
struct Server {
    context: Arc<Context>,
    records: Records,
    token: String,
}

impl Server {
    fn open(data: &Path, token: String) -> Self {
        let store = SqliteStore::open(data).expect("a store");
        let records = Records::from(store.clone());
        let vault = Vault::open(data, None, Arc::new(SystemRandom)).expect("a vault");
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let administration =
            Administration::new(records.clone(), clock.clone(), random.clone(), Arc::default(), vault);
        let context = Arc::new(Context {
            store: Arc::new(store),
            requests: Arc::new(NoRequestLog::default()),
            clock,
            random,
            uuids: Arc::default(),
            administration,
            configuration: Configuration::default(),
            token_uses: TokenUses::default(),
            unknown_attributes: UnknownAttributes::default(),
            room: Room::default(),
            started: 0,
            streams: headwater_server::api::Streams::default(),
            stopping: tokio::sync::watch::Sender::new(false),
        });
        Self { context, records, token }
    }

    async fn send_some(&self, kind: &Kind, prepared: &Prepared, numbers: Range<usize>) {
        for number in numbers {
            let (method, path, body) = (kind.make)(prepared, number);
            self.send(method, &path, &body).await;
        }
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/source/scim/contoso/v2{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .expect("a request");
        let response =
            scim::handle(Arc::clone(&self.context), IpAddr::from([192, 0, 2, 7]), request, None).await;
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        if method == "POST" { serde_json::from_slice(&body).expect("JSON") } else { Value::Null }
    }

    async fn create_users(&self, name: &str, users: usize) -> Vec<String> {
        let answer =
            self.send("POST", "/Bulk", &bulk((0..users).map(|number| format!("{name}{number}")))).await;
        let operations = answer["Operations"].as_array().expect("operations");
        let id = |operation: &Value| operation["location"].as_str()?.rsplit('/').next().map(str::to_owned);
        operations.iter().map(|operation| id(operation).expect("created")).collect()
    }
}

fn user(name: &str) -> Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": format!("ext-{name}"),
        "userName": format!("{name}@example.com"),
        "name": {"givenName": name, "familyName": "Example", "formatted": format!("{name} Example")},
        "displayName": format!("{name} Example"),
        "title": "Engineer",
        "active": true,
        "emails": [
            {"value": format!("{name}@example.com"), "type": "work", "primary": true},
            {"value": format!("{name}@home.example"), "type": "home"}
        ],
        "phoneNumbers": [{"value": "+1 555 0100", "type": "work"}],
        "addresses": [{"type": "work", "streetAddress": "1 Main Street", "locality": "Springfield", "country": "US"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": name, "department": "Research", "costCenter": "4711"
        }
    })
}

fn bulk(names: impl Iterator<Item = String>) -> Value {
    let operation =
        |name: String| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": user(&name)});
    json!({"schemas": [BULK], "Operations": names.map(operation).collect::<Vec<_>>()})
}

fn patch(operation: &Value) -> Value {
    json!({"schemas": [PATCH], "Operations": [operation]})
}
