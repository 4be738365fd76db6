//! What the log says of requests, from the request to the log.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::FutureExt;
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
use headwater_store::{
    Act, NewSource, NewToken, Records, ResourceId, Slug, Source, SourceEdit, SourceId,
    requests::{Operation, OutcomeResult, RequestQuery, RequestRecord, UNMATCHED},
    sqlite::{SqliteRequestLog, SqliteStore},
};
use http_body_util::BodyExt;
use hyper::Request;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PEER: [u8; 4] = [192, 0, 2, 7];

struct Server {
    context: Arc<Context>,
    records: Records,
    source: Source,
    token: String,
    token_id: Uuid,
    folder: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path()).expect("a store");
        let records = Records::from(store.clone());
        let secret = Secret::generate(&SystemRandom);
        let token_id = Uuid::from_u128(42);
        let token = NewToken::new(token_id, secret.hash());
        let slug = Slug::parse("contoso").expect("a slug");
        let account = Uuid::from_u128(1);
        let mut new = NewSource::new(slug, "Contoso".to_owned(), account, token);
        new.unique_display_names = false;
        let source = records.create_source(new, Act::of_server(0)).await;
        let (slugs, runtime) = (records.clone(), Handle::current());
        let resolve = move |slug: &str| Some(runtime.block_on(slugs.source(slug)).ok()?.id);
        let log = SqliteRequestLog::open(folder.path(), Box::new(resolve)).expect("a log");
        let context = Arc::new(Context {
            store: Arc::new(store),
            requests: Arc::new(log),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            uuids: Arc::default(),
            administration: Administration::new(
                records.clone(),
                Arc::new(SystemClock),
                Arc::new(SystemRandom),
                Arc::default(),
                Vault::open(folder.path(), None, Arc::new(SystemRandom)).expect("a vault"),
            ),
            configuration: Configuration::default(),
            token_uses: TokenUses::default(),
            unknown_attributes: UnknownAttributes::default(),
            room: Room::default(),
            started: 0,
            streams: headwater_server::api::Streams::default(),
            stopping: tokio::sync::watch::Sender::new(false),
        });
        let (source, token) = (source.expect("a source"), secret.reveal().to_owned());
        Self { context, records, source, token, token_id, folder }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.send_with(&self.token, method, &format!("/source/scim/contoso/v2{path}"), body).await
    }

    async fn send_with(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("user-agent", "test/1")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .expect("a request");
        let response = scim::handle(Arc::clone(&self.context), IpAddr::from(PEER), request, None).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn create(&self, endpoint: &str, body: Value) -> String {
        let (status, created) = self.send("POST", endpoint, Some(body)).await;
        assert_eq!(status, 201, "{created}");
        created["id"].as_str().expect("an id").to_owned()
    }

    /// A connection that keeps everybody else from writing until it commits.
    fn held_by_another(&self) -> rusqlite::Connection {
        let path = self.folder.path().join("headwater.db");
        let other = rusqlite::Connection::open(path).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        other
    }

    /// The request that was recorded last.
    async fn last(&self, source: SourceId) -> RequestRecord {
        let log = &self.context.requests;
        log.flush().await.expect("flushed");
        let query = RequestQuery { limit: 1, ..RequestQuery::default() };
        let newest = log.list(source, query).await.expect("listed").requests;
        let newest = newest.first().expect("a request");
        log.request(source, newest.sequence).await.expect("read").expect("there")
    }
}

fn outcomes(record: &RequestRecord) -> Vec<(Option<u32>, &str, Option<&str>, OutcomeResult)> {
    let outcomes = record.summary.outcomes.iter();
    outcomes
        .map(|outcome| (outcome.operation, &*outcome.action, outcome.path.as_deref(), outcome.result))
        .collect()
}

fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// Shows USR-008.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_created_and_nothing_secret_is_kept() {
    let server = Server::start().await;
    let body = json!({"schemas": [USER], "userName": "ada", "password": "geheim7", "active": "True"});
    let ada = server.create("/Users", body).await;
    let record = server.last(server.source.id).await;
    assert_eq!(record.summary.operation, Operation::Create);
    assert_eq!((record.summary.status, record.summary.changes), (201, 1));
    assert_eq!(record.summary.token, Some(server.token_id));
    assert_eq!(record.summary.address, "192.0.2.7");
    assert_eq!(record.summary.user_agent.as_deref(), Some("test/1"));
    let target = record.summary.target.clone().expect("a target");
    assert_eq!((&*target.resource_type, target.display.as_deref()), ("User", Some("ada")));
    assert_eq!(target.id.to_string(), ada);
    assert!(outcomes(&record).contains(&(None, "create", None, OutcomeResult::Applied)));
    assert!(outcomes(&record).contains(&(None, "ignore", Some("password"), OutcomeResult::Ignored)));
    assert!(outcomes(&record).contains(&(None, "mend", None, OutcomeResult::Mended)));
    let kept = record.request_body.text.expect("a body");
    assert!(kept.contains("\"password\":\"•••\"") && !kept.contains("geheim7"), "{kept}");
    assert!(record.response_body.text.expect("a body").contains("\"userName\":\"ada\""));
    assert!(record.request_headers.contains(&("authorization".to_owned(), "Bearer •••".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_has_its_outcome_and_each_resource_its_requests() {
    let server = Server::start().await;
    let source = server.source.id;
    let ada = server.create("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    let group = server.create("/Groups", json!({"schemas": [GROUP], "displayName": "Engineering"})).await;
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": ada}]},
        {"op": "replace", "path": "displayName", "value": "Engineering"},
    ]);
    server.send("PATCH", &format!("/Groups/{group}"), Some(patch(&operations))).await;
    let record = server.last(source).await;
    let expected = [
        (Some(0), "add", Some("members"), OutcomeResult::Applied),
        (Some(1), "replace", Some("displayName"), OutcomeResult::NothingToDo),
    ];
    assert_eq!(outcomes(&record), expected);
    assert_eq!(record.summary.target.expect("a target").display.as_deref(), Some("Engineering"));

    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    server.send("PATCH", &format!("/Users/{ada}"), Some(patch(&operations))).await;
    server.send("DELETE", &format!("/Users/{ada}"), None).await;
    let record = server.last(source).await;
    assert_eq!(outcomes(&record), [(None, "delete", None, OutcomeResult::Applied)]);
    assert_eq!(record.summary.target.expect("a target").display.as_deref(), Some("ada"));

    let log = &server.context.requests;
    let ada = ResourceId::parse(&ada).expect("an id");
    let of_ada = RequestQuery { resources: vec![ada], limit: 10, ..RequestQuery::default() };
    let found = log.list(source, of_ada).await.expect("listed").requests;
    // Her deletion, her deactivation, her group, her creation.
    let expected = [Operation::Delete, Operation::Update, Operation::Update, Operation::Create];
    assert_eq!(found.iter().map(|one| one.operation).collect::<Vec<_>>(), expected);
    let milestones = log.milestones(source).await.expect("read");
    assert!(milestones.token_seen.is_some() && milestones.first_probe.is_some());
    assert!(milestones.first_user.is_some() && milestones.first_group_with_members.is_some());
    assert!(milestones.first_deactivation.is_some());
}

/// Shows USR-008, AMB-34.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_was_refused_and_why() {
    let server = Server::start().await;
    let source = server.source.id;
    let ada = server.create("/Users", json!({"schemas": [USER], "userName": "ada"})).await;
    server.create("/Users", json!({"schemas": [USER], "userName": "bob"})).await;
    let title = json!({"op": "replace", "path": "title", "value": "Countess"});
    let unknown = json!([title, {"op": "replace", "path": "nickNam", "value": "x"}]);
    let (status, answer) = server.send("PATCH", &format!("/Users/{ada}"), Some(patch(&unknown))).await;
    assert_eq!(status, 400);
    let record = server.last(source).await;
    assert_eq!(record.summary.error.as_deref(), answer["detail"].as_str());
    assert_eq!(record.summary.scim_type.as_deref(), Some("invalidPath"));
    assert_eq!(record.summary.outcomes.last().expect("an outcome").operation, Some(1));

    let read_only = json!([title, {"op": "replace", "path": "id", "value": "x"}]);
    server.send("PATCH", &format!("/Users/{ada}"), Some(patch(&read_only))).await;
    let record = server.last(source).await;
    let expected = [
        (Some(0), "replace", Some("title"), OutcomeResult::Refused),
        (Some(1), "replace", Some("id"), OutcomeResult::Refused),
    ];
    assert_eq!(outcomes(&record), expected);
    assert_eq!(record.summary.changes, 0);

    let taken = json!({"schemas": [USER], "userName": "bob"});
    server.send("PUT", &format!("/Users/{ada}"), Some(taken)).await;
    let record = server.last(source).await;
    assert_eq!((record.summary.status, record.summary.scim_type.as_deref()), (409, Some("uniqueness")));
    assert_eq!(outcomes(&record), [(None, "replace", None, OutcomeResult::Refused)]);

    let secret = json!([{"op": "replace", "path": "password[value eq \"geheim7\"]", "value": "geheim8"}]);
    server.send("PATCH", &format!("/Users/{ada}"), Some(patch(&secret))).await;
    let record = format!("{:?}", server.last(source).await);
    assert!(!record.contains("geheim"), "{record}");

    server.send("POST", "/Users/x/y", None).await;
    assert_eq!(server.last(source).await.summary.operation, Operation::Other);
    server.send("GET", "/ServiceProviderConfig", None).await;
    assert_eq!(server.last(source).await.summary.operation, Operation::Discovery);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_recorded_too() {
    let server = Server::start().await;
    let source = server.source.id;
    let other = Secret::generate(&SystemRandom);
    let path = "/source/scim/contoso/v2/Users";
    server.send_with(other.reveal(), "POST", path, Some(json!({"userName": "eve"}))).await;
    let record = server.last(source).await;
    assert_eq!((record.summary.status, record.summary.token), (401, None));
    assert_eq!(record.request_body.text, None);
    assert_eq!(record.summary.outcomes, []);

    let pasted = format!("/source/scim/{}/v2/Users", other.reveal());
    server.send_with(&server.token, "GET", &pasted, None).await;
    let record = server.last(UNMATCHED).await;
    assert_eq!((record.summary.status, &*record.summary.path), (401, "/source/scim/•••/v2/Users"));

    server.send_with(&server.token, "GET", "/source/scim/nobody/v2/Users?x=1", None).await;
    let record = server.last(UNMATCHED).await;
    assert_eq!(record.summary.path, "/source/scim/nobody/v2/Users");
    assert_eq!(record.summary.query.as_deref(), Some("x=•••"));

    let disabled = SourceEdit { enabled: Some(false), ..SourceEdit::default() };
    server.records.edit_source("contoso".to_owned(), disabled, Act::of_server(1)).await.expect("disabled");
    server.send("GET", "/Users", None).await;
    let record = server.last(source).await;
    assert_eq!((record.summary.status, record.summary.token), (403, Some(server.token_id)));
    assert_eq!(server.context.requests.milestones(source).await.expect("read").token_seen, None);

    server
        .records
        .revoke_token("contoso".to_owned(), server.token_id, Act::of_server(1))
        .await
        .expect("revoked");
    server.send("GET", "/Users", None).await;
    let record = server.last(source).await;
    assert_eq!((record.summary.status, record.summary.token), (401, Some(server.token_id)));
    assert!(record.response_body.text.expect("a body").contains("401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_recorded() {
    let server = Server::start().await;
    let never = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let request = Request::builder()
        .method("POST")
        .uri("/source/scim/contoso/v2/Users")
        .header("authorization", format!("Bearer {}", server.token))
        .header("transfer-encoding", "chunked")
        .body(never)
        .expect("a request");
    let handling = scim::handle(Arc::clone(&server.context), IpAddr::from(PEER), request, None);
    assert!(tokio::time::timeout(Duration::from_millis(50), handling).await.is_err());
    let record = server.last(server.source.id).await;
    assert_eq!(record.summary.status, 499);
    assert_eq!(record.request_body.note.as_deref(), Some("not read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_behind_a_client_that_goes_away_is_not_called_refused() {
    let server = Server::start().await;
    let ada = server.create("/Users", json!({"userName": "ada"})).await;
    let other = server.held_by_another();
    let body = patch(&json!([{"op": "add", "path": "title", "value": "T"}]));
    let path = format!("/Users/{ada}");
    let sending = server.send("PATCH", &path, Some(body));
    assert!(tokio::time::timeout(Duration::from_secs(2), sending).await.is_err(), "it waits for the store");
    other.execute_batch("COMMIT").expect("let go");
    let record = server.last(server.source.id).await;
    assert_eq!((record.summary.status, outcomes(&record)), (499, Vec::new()));
    assert_eq!(
        record.summary.error.as_deref(),
        Some("its client went away before it was known whether it was done")
    );
    // The store ends what it has been given before it takes anything else.
    server.create("/Users", json!({"userName": "bob"})).await;
    assert_eq!(server.send("GET", &path, None).await.1["title"], "T");
    let found =
        server.records.changes_of_request(server.source.id, record.summary.id, 10).await.expect("read");
    assert_eq!((found.changes.len(), found.more), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_source_meanwhile_is_no_matter_of_its_clients() {
    let server = Server::start().await;
    let ada = server.create("/Users", json!({"userName": "ada"})).await;
    let other = server.held_by_another();
    let edit = SourceEdit { unique_display_names: Some(true), ..SourceEdit::default() };
    let mut editing = Box::pin(server.records.edit_source("contoso".to_owned(), edit, Act::of_server(0)));
    assert!((&mut editing).now_or_never().is_none(), "it is in line");
    let body = patch(&json!([{"op": "add", "path": "title", "value": "T"}]));
    let path = format!("/Users/{ada}");
    let mut sending = Box::pin(server.send("PATCH", &path, Some(body)));
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut sending).await.is_err(), "it is behind");
    other.execute_batch("COMMIT").expect("let go");
    editing.await.expect("edited");
    let (status, patched) = sending.await;
    assert_eq!((status, &patched["title"]), (200, &json!("T")), "{patched}");
}
