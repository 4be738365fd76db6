//! The request log on both databases.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use headwater_store::{
    Act, NewSource, NewToken, Records, ResourceId, Slug, SourceId,
    postgres::{PoolLimits, PostgresStore},
    requests::{
        Body, Headers, Milestone, NewRequest, Operation, Outcome, OutcomeResult, RawRequest, RequestLog,
        RequestQuery, RequestSummary, RetentionLimits, Sender, StatusFilter, Target, UNMATCHED,
    },
    sqlite::SqliteRequestLog,
};
use headwater_testkit::postgres;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

const SOURCE: SourceId = SourceId(1);
const DAY: i64 = 86_400_000;
/// The beginning of an hour.
const START: i64 = 1_763_996_400_000;

type Log = Arc<dyn RequestLog>;

/// Where a log is.
enum Home {
    Folder(TempDir),
    Database(postgres::Database),
}

impl Home {
    fn folder() -> Self {
        Self::Folder(tempfile::tempdir().expect("a folder"))
    }

    fn database() -> Self {
        Self::Database(postgres::Database::new())
    }

    async fn open(&self) -> Log {
        match self {
            Self::Folder(folder) => open(folder.path()),
            Self::Database(database) => {
                let store = connect(database).await;
                let records = Records::from(store.clone());
                if records.source("contoso").await.is_err() {
                    let slug = Slug::parse("contoso").expect("a slug");
                    let token = NewToken::new(Uuid::nil(), [0; 32]);
                    let new = NewSource::new(slug, "Contoso".to_owned(), Uuid::nil(), token);
                    let source = records.create_source(new, Act::of_server(0)).await.expect("a source");
                    assert_eq!(source.id, SOURCE);
                }
                Arc::new(store.request_log().await.expect("a log"))
            }
        }
    }
}

fn open(folder: &Path) -> Log {
    let resolve = |slug: &str| (slug == "contoso").then_some(SOURCE);
    Arc::new(SqliteRequestLog::open(folder, Box::new(resolve)).expect("opened"))
}

async fn connect(database: &postgres::Database) -> PostgresStore {
    PostgresStore::connect(&database.url(), PoolLimits::default()).await.expect("a store")
}

/// Tests that hold wherever the log is.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Home::folder()).await;
            })*
        }

        mod postgresql {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Home::database()).await;
            })*
        }
    };
}

on_both!(
    requests_come_newest_first_page_by_page,
    requests_are_found_by_what_they_are,
    times_are_found_without_looking_at_everything,
    a_request_is_kept_with_all_that_belongs_to_it,
    hours_traffic_and_milestones,
    what_is_too_old_or_too_much_goes,
    numbers_grow_over_restarts_and_pruning,
    when_too_many_come_reads_go_first,
    who_has_no_token_is_counted_but_pushes_nobody_out,
    nothing_is_left_of_a_source_that_is_gone,
    texts_with_null_characters_are_kept,
);

fn id(number: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(START.unsigned_abs() + number * 1_000, &[3; 10]).into_uuid()
}

fn resource(number: u64) -> ResourceId {
    ResourceId(uuid::Builder::from_unix_timestamp_millis(number, &[5; 10]).into_uuid())
}

/// A GET of a user, a second after the one before it.
fn raw(number: u64) -> RawRequest {
    RawRequest {
        sender: Sender::Source(SOURCE),
        id: id(number),
        at: START + i64::try_from(number).expect("small") * 1_000,
        duration: Duration::from_micros(150),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        authenticated: true,
        token: Some(Uuid::nil()),
        method: "GET".into(),
        uri: format!("/source/scim/contoso/v2/Users/{number}"),
        status: 200,
        operation: Operation::Read,
        error: None,
        scim_type: None,
        target: None,
        resources: Vec::new(),
        outcomes: Vec::new(),
        changes: 0,
        milestones: Vec::new(),
        request_headers: Headers::default(),
        request_body: Body::None,
        response_headers: Headers::default(),
        response_body: Body::None,
        secret_names: Arc::default(),
    }
}

fn record(log: &Log, raw: RawRequest) {
    log.record(NewRequest::new(raw));
}

async fn list(log: &Log, query: RequestQuery) -> Vec<RequestSummary> {
    log.flush().await.expect("flushed");
    log.list(SOURCE, RequestQuery { limit: 1_000, ..query }).await.expect("listed").requests
}

fn numbers(requests: &[RequestSummary]) -> Vec<u64> {
    let number = |request: &RequestSummary| (request.at - START).unsigned_abs() / 1_000;
    requests.iter().map(number).collect()
}

async fn requests_come_newest_first_page_by_page(home: Home) {
    let log = home.open().await;
    (0..10).for_each(|number| record(&log, raw(number)));
    log.flush().await.expect("flushed");
    let mut query = RequestQuery { limit: 4, ..RequestQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = log.list(SOURCE, query.clone()).await.expect("listed");
        seen.extend(numbers(&page.requests));
        let Some(next) = page.next else { break };
        query.before = Some(next);
    }
    assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    // A stream goes on behind the last one that it has seen, oldest first.
    let newest_first = list(&log, RequestQuery::default()).await;
    let query = RequestQuery { after: Some(newest_first[3].sequence), ..RequestQuery::default() };
    assert_eq!(numbers(&list(&log, query).await), [7, 8, 9]);
    assert_eq!(log.list(SourceId(8), RequestQuery::default()).await.expect("listed").requests, []);
}

async fn requests_are_found_by_what_they_are(home: Home) {
    let log = home.open().await;
    let (ada, group) = (resource(1), resource(2));
    let target = |resource_type: &str, id, display: &str| {
        Some(Target { resource_type: resource_type.to_owned(), id, display: Some(display.to_owned()) })
    };
    record(&log, raw(0));
    record(
        &log,
        RawRequest {
            status: 201,
            method: "POST".into(),
            operation: Operation::Create,
            target: target("User", ada, "Ada"),
            changes: 1,
            ..raw(1)
        },
    );
    record(
        &log,
        RawRequest {
            method: "PATCH".into(),
            operation: Operation::Update,
            target: target("Group", group, "Engineering"),
            resources: vec![ada],
            changes: 1,
            ..raw(2)
        },
    );
    record(
        &log,
        RawRequest {
            status: 409,
            operation: Operation::Create,
            error: Some("userName: taken".to_owned()),
            scim_type: Some("uniqueness"),
            ..raw(3)
        },
    );
    record(
        &log,
        RawRequest {
            uri: "/source/scim/contoso/v2/Users?filter=userName+eq+%22Ada%40example.com%22".to_owned(),
            operation: Operation::Search,
            ..raw(4)
        },
    );
    record(&log, RawRequest { status: 503, sender: Sender::Slug("contoso".to_owned()), ..raw(5) });

    let query = RequestQuery::default;
    let status = |text| RequestQuery { status: StatusFilter::parse(text), ..query() };
    let table = [
        (query(), vec![5, 4, 3, 2, 1, 0]),
        (RequestQuery { resources: vec![ada], ..query() }, vec![2, 1]),
        (RequestQuery { resources: vec![ada], after: Some(0), ..query() }, vec![1, 2]),
        (RequestQuery { resources: vec![ada, group], ..query() }, vec![2]),
        (RequestQuery { resources: vec![resource(3)], ..query() }, vec![]),
        (status("error"), vec![5, 3]),
        (status("2xx"), vec![4, 2, 1, 0]),
        (status("5xx"), vec![5]),
        (status("409"), vec![3]),
        (RequestQuery { operation: Some(Operation::Create), ..query() }, vec![3, 1]),
        (RequestQuery { writes: true, ..query() }, vec![3, 2, 1]),
        (RequestQuery { writes: true, ..status("error") }, vec![3]),
        (RequestQuery { from: Some(START + 2_000), to: Some(START + 4_000), ..query() }, vec![3, 2]),
        (RequestQuery { text: Some("ada@EXAMPLE".to_owned()), ..query() }, vec![4]),
        (RequestQuery { text: Some("users/1".to_owned()), ..query() }, vec![1]),
    ];
    for (query, expected) in table {
        assert_eq!(numbers(&list(&log, query.clone()).await), expected, "{query:?}");
    }
    let found = log.by_request_id(SOURCE, id(3)).await.expect("read").expect("there");
    assert_eq!(found.summary.error.as_deref(), Some("userName: taken"));
    assert_eq!(found.summary.scim_type.as_deref(), Some("uniqueness"));
    assert_eq!(log.request(SOURCE, found.summary.sequence).await.expect("read"), Some(found.clone()));
    assert_eq!(log.request(SourceId(8), found.summary.sequence).await.expect("read"), None);
    assert_eq!(log.by_request_id(SOURCE, id(99)).await.expect("read"), None);
}

async fn times_are_found_without_looking_at_everything(home: Home) {
    let log = home.open().await;
    (0..3_000).for_each(|number| record(&log, raw(number)));
    let (from, to) = (START + 1_500_000, START + 1_503_000);
    let query = RequestQuery { from: Some(from), to: Some(to), ..RequestQuery::default() };
    assert_eq!(numbers(&list(&log, query.clone()).await), [1_502, 1_501, 1_500]);
    assert_eq!(numbers(&list(&log, RequestQuery { after: Some(0), ..query }).await), [1_500, 1_501, 1_502]);
}

async fn a_request_is_kept_with_all_that_belongs_to_it(home: Home) {
    let log = home.open().await;
    let mut headers = Headers::default();
    headers.add("user-agent", b"Okta SCIM Client 1.0.0");
    headers.add("authorization", b"Bearer hw_geheim");
    let outcome = Outcome {
        operation: Some(0),
        action: "replace".to_owned(),
        path: Some("active".to_owned()),
        result: OutcomeResult::Applied,
        detail: None,
    };
    record(
        &log,
        RawRequest {
            request_headers: headers,
            request_body: Body::Bytes("{\"active\":false}".into()),
            response_body: Body::Bytes(vec![b'x'; 20_000].into()),
            outcomes: vec![outcome.clone()],
            operation: Operation::Update,
            ..raw(1)
        },
    );
    log.flush().await.expect("flushed");
    let found = log.by_request_id(SOURCE, id(1)).await.expect("read").expect("there");
    assert_eq!(found.summary.user_agent.as_deref(), Some("Okta SCIM Client 1.0.0"));
    assert_eq!(found.summary.address, "127.0.0.1");
    assert_eq!(found.summary.duration_us, 150);
    assert_eq!(found.summary.outcomes, [outcome]);
    assert_eq!(found.request_body.text.as_deref(), Some("{\"active\":false}"));
    assert_eq!(found.request_headers[1], ("authorization".to_owned(), "Bearer •••".to_owned()));
    assert_eq!(found.response_body.text, None);
    assert_eq!(found.response_body.note.as_deref(), Some("20000 bytes; up to 16384 are kept"));
}

async fn hours_traffic_and_milestones(home: Home) {
    let log = home.open().await;
    assert_eq!(log.milestones(SOURCE).await.expect("read").token_seen, None);
    record(&log, RawRequest { authenticated: false, token: None, status: 401, ..raw(0) });
    record(&log, RawRequest { status: 404, ..raw(1) });
    record(&log, raw(2));
    record(
        &log,
        RawRequest {
            changes: 2,
            operation: Operation::Create,
            milestones: vec![Milestone::FirstUser],
            ..raw(3_600)
        },
    );
    record(&log, RawRequest { milestones: vec![Milestone::FirstUser], ..raw(3_601) });
    log.flush().await.expect("flushed");
    let hours = log.hours(SOURCE, START, START + 3 * 3_600_000).await.expect("read");
    let counts: Vec<_> = hours.iter().map(|hour| (hour.requests, hour.errors, hour.changes)).collect();
    assert_eq!(counts, [(3, 2, 0), (2, 0, 2), (0, 0, 0)]);
    let traffic = log.traffic(SOURCE, START + 3_600_000).await.expect("read");
    assert_eq!((traffic.requests, traffic.errors), (2, 0));
    assert_eq!(traffic.last_request, Some(START + 3_601_000));
    let milestones = log.milestones(SOURCE).await.expect("read");
    assert_eq!(milestones.token_seen, Some(START + 1_000));
    assert_eq!(milestones.first_probe, Some(START + 2_000));
    assert_eq!(milestones.first_user, Some(START + 3_600_000));
    assert_eq!(milestones.first_deactivation, None);
}

async fn what_is_too_old_or_too_much_goes(home: Home) {
    let log = home.open().await;
    for number in 0..2_000 {
        record(&log, RawRequest { resources: vec![resource(1)], ..raw(number) });
    }
    log.flush().await.expect("flushed");
    let limits = |days, bytes| [(SOURCE, RetentionLimits { days, bytes })];
    // A day after the 500th came.
    let now = START + 500_000 + DAY;
    log.prune(&limits(1, u64::MAX >> 1), now).await.expect("pruned");
    let left = list(&log, RequestQuery { after: Some(0), ..RequestQuery::default() }).await;
    assert_eq!(left.first().map(|request| request.at), Some(START + 500_000));
    let kept = log.state().await.expect("read").entries;
    assert_eq!(kept, 1_500);
    let found = list(&log, RequestQuery { resources: vec![resource(1)], ..RequestQuery::default() }).await;
    assert_eq!(found.len(), 1_000, "a page");

    log.prune(&limits(1, 50_000), now).await.expect("pruned");
    let kept = log.state().await.expect("read").entries;
    assert!((100..300).contains(&kept), "{kept}");
    // From then on it stays so without being told.
    (2_000..4_000).for_each(|number| record(&log, raw(number)));
    log.flush().await.expect("flushed");
    let kept = log.state().await.expect("read").entries;
    assert!((100..300).contains(&kept), "{kept}");
    let newest = list(&log, RequestQuery::default()).await;
    assert_eq!(newest.first().map(|request| request.at), Some(START + 3_999_000));
}

async fn numbers_grow_over_restarts_and_pruning(home: Home) {
    let log = home.open().await;
    (0..5).for_each(|number| record(&log, raw(number)));
    let last = list(&log, RequestQuery::default()).await[0].sequence;
    let none = [(SOURCE, RetentionLimits { days: 1, bytes: 1_000_000 })];
    log.prune(&none, START + 2 * DAY).await.expect("pruned");
    assert_eq!(list(&log, RequestQuery::default()).await, []);
    log.forget(SourceId(99)).await.expect("forgotten");
    record(&log, raw(5));
    // What was recorded is written down when the log ends.
    drop(log);
    let log = home.open().await;
    record(&log, raw(6));
    let after = list(&log, RequestQuery::default()).await;
    assert_eq!(numbers(&after), [6, 5]);
    assert!(after[1].sequence > last && after[0].sequence > after[1].sequence);
    assert_eq!(log.milestones(SOURCE).await.expect("read").token_seen, Some(START));
    let watched = log.watch();
    record(&log, raw(7));
    let newest = list(&log, RequestQuery::default()).await[0].sequence;
    assert_eq!(*watched.borrow(), newest.unsigned_abs());
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    record(&log, raw(0));
    let before = list(&log, RequestQuery::default()).await[0].sequence;
    drop(log);
    let file = folder.path().join("requests.db");
    std::fs::write(&file, vec![b'?'; 50_000]).expect("damaged");
    let log = open(folder.path());
    record(&log, raw(1));
    let after = list(&log, RequestQuery::default()).await;
    assert_eq!(numbers(&after), [1]);
    assert!(after[0].sequence > before);
    let aside = folder.path().join("requests.db.damaged");
    assert_eq!(std::fs::read(&aside).expect("it is there"), vec![b'?'; 50_000]);
    drop(log);
    std::fs::write(&file, "and once more").expect("damaged");
    drop(open(folder.path()));
    assert_eq!(std::fs::read(&aside).expect("it is there"), vec![b'?'; 50_000], "the first one stays");
    let aside = folder.path().join("requests.db.damaged.2");
    assert_eq!(std::fs::read(aside).expect("it is there"), b"and once more");
}

/// Overwrites the first page of tables in a file that nobody uses.
fn damage(file: &Path, tables: &[&str]) {
    let connection = rusqlite::Connection::open(file).expect("a connection");
    let first = |table: &&str| -> usize {
        let select = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        connection.query_row(select, [table], |row| row.get(0)).expect("a table")
    };
    let pages: Vec<usize> = tables.iter().map(first).collect();
    drop(connection);
    let mut bytes = std::fs::read(file).expect("readable");
    for page in pages {
        bytes[(page - 1) * 4_096..page * 4_096].fill(b'?');
    }
    std::fs::write(file, bytes).expect("damaged");
}

#[tokio::test]
async fn a_file_of_which_only_some_is_damaged_is_moved_aside_when_that_is_met() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("requests.db");
    // What is read at the start, and what is met when old requests are removed.
    for (table, aside) in [("source", "requests.db.damaged"), ("request_hour", "requests.db.damaged.2")] {
        let log = open(folder.path());
        record(&log, raw(0));
        log.flush().await.expect("flushed");
        drop(log);
        damage(&file, &[table]);
        let log = open(folder.path());
        // Whoever meets it may be told.
        let limits = [(SOURCE, RetentionLimits { days: 1, bytes: 1_000_000 })];
        drop(log.prune(&limits, START).await);
        assert!(folder.path().join(aside).exists(), "{table}");
        record(&log, raw(1));
        assert_eq!(numbers(&list(&log, RequestQuery::default()).await), [1], "{table}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_stays_where_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    record(&log, raw(0));
    drop(log);
    let file = folder.path().join("requests.db");
    let connection = rusqlite::Connection::open(&file).expect("a connection");
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')";
    connection.execute_batch(newer).expect("a newer version");
    drop(connection);
    let refused = SqliteRequestLog::open(folder.path(), Box::new(|_| None)).err().expect("it is too new");
    assert!(matches!(refused, headwater_store::StoreError::TooNew { found: 999, .. }), "{refused}");
    assert!(!folder.path().join("requests.db.damaged").exists());
    let rows = |connection: &rusqlite::Connection| {
        connection.query_row("SELECT COUNT(*) FROM request", [], |row| row.get::<_, i64>(0))
    };
    assert_eq!(rows(&rusqlite::Connection::open(&file).expect("a connection")), Ok(1));
}

#[tokio::test]
async fn a_file_that_is_damaged_while_it_is_used_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    (0..3_000).for_each(|number| record(&log, raw(number)));
    drop(log);
    let file = folder.path().join("requests.db");
    let mut bytes = std::fs::read(&file).expect("readable");
    // Everything but the schema and what is read at the start.
    let pages = bytes.len() / 4_096;
    bytes[20 * 4_096..(pages - 1) * 4_096].fill(b'?');
    std::fs::write(&file, bytes).expect("damaged");
    let log = open(folder.path());
    for number in 3_000..3_100 {
        record(&log, raw(number));
        log.flush().await.expect("flushed");
    }
    let page = log.list(SOURCE, RequestQuery { limit: 10, ..RequestQuery::default() }).await;
    assert_eq!(numbers(&page.expect("readable").requests)[0], 3_099);
}

#[tokio::test]
async fn a_file_that_whoever_reads_it_finds_damaged_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    (0..100).for_each(|number| record(&log, raw(number)));
    drop(log);
    damage(&folder.path().join("requests.db"), &["request"]);
    let log = open(folder.path());
    // Whoever meets it may be told.
    for _ in 0..3 {
        drop(log.list(SOURCE, RequestQuery { limit: 10, ..RequestQuery::default() }).await);
    }
    record(&log, raw(100));
    assert_eq!(numbers(&list(&log, RequestQuery::default()).await), [100]);
    assert!(folder.path().join("requests.db.damaged").exists());
    assert!(!folder.path().join("requests.db.damaged.2").exists(), "once");
}

#[tokio::test]
async fn a_file_that_is_cut_off_while_it_is_used_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("requests.db");
    for (length, aside) in [(0, "requests.db.damaged"), (3 * 4_096 + 7, "requests.db.damaged.2")] {
        let log = open(folder.path());
        (0..100).for_each(|number| record(&log, raw(number)));
        drop(log);
        let log = open(folder.path());
        std::fs::OpenOptions::new()
            .write(true)
            .open(&file)
            .and_then(|file| file.set_len(length))
            .expect("cut off");
        for number in 100..120 {
            record(&log, raw(number));
            log.flush().await.expect("flushed");
            drop(log.list(SOURCE, RequestQuery { limit: 10, ..RequestQuery::default() }).await);
        }
        assert!(folder.path().join(aside).exists(), "{length}");
        record(&log, raw(200));
        assert_eq!(numbers(&list(&log, RequestQuery::default()).await)[0], 200, "{length}");
    }
}

async fn when_too_many_come_reads_go_first(home: Home) {
    let log = home.open().await;
    for number in 0..30_000 {
        record(&log, RawRequest { response_body: Body::Bytes("{}".into()), ..raw(number) });
        if number % 20 == 0 {
            let write = RawRequest { operation: Operation::Delete, method: "DELETE".into(), ..raw(number) };
            record(&log, write);
        }
    }
    log.flush().await.expect("flushed");
    let state = log.state().await.expect("read");
    assert_eq!(state.entries + state.dropped, 31_500);
    let writes = RequestQuery { writes: true, limit: 10_000, ..RequestQuery::default() };
    assert_eq!(log.list(SOURCE, writes).await.expect("listed").requests.len(), 1_500);
}

async fn who_has_no_token_is_counted_but_pushes_nobody_out(home: Home) {
    let log = home.open().await;
    for number in 0..2_000 {
        let sender = Sender::Slug(if number % 2 == 0 { "contoso" } else { "nobody" }.to_owned());
        record(
            &log,
            RawRequest { sender, status: 401, token: None, authenticated: false, at: START, ..raw(number) },
        );
    }
    assert_eq!(list(&log, RequestQuery::default()).await.len(), 300);
    assert_eq!(log.traffic(SOURCE, START).await.expect("read").errors, 1_000);
    let unmatched = log.list(UNMATCHED, RequestQuery { limit: 1_000, ..RequestQuery::default() }).await;
    assert_eq!(unmatched.expect("listed").requests.len(), 300);
}

async fn nothing_is_left_of_a_source_that_is_gone(home: Home) {
    let log = home.open().await;
    for number in 0..1_200 {
        record(&log, RawRequest { resources: vec![resource(1)], ..raw(number) });
    }
    record(&log, RawRequest { sender: Sender::Source(SourceId(8)), ..raw(2_000) });
    log.forget(SOURCE).await.expect("forgotten");
    record(&log, raw(3_000));
    assert_eq!(list(&log, RequestQuery::default()).await, []);
    let query = RequestQuery { resources: vec![resource(1)], ..RequestQuery::default() };
    assert_eq!(list(&log, query).await, []);
    assert_eq!(log.traffic(SOURCE, 0).await.expect("read").requests, 0);
    assert_eq!(log.milestones(SOURCE).await.expect("read"), headwater_store::requests::Milestones::default());
    assert_eq!(log.state().await.expect("read").entries, 1);
}

/// A follower that goes on behind the last number that it has seen sees every request once, whoever
/// writes it and however late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_misses_nothing_that_several_replicas_write() {
    const EACH: u64 = 1_500;
    let database = postgres::Database::new();
    let replicas = [connect(&database).await, connect(&database).await, connect(&database).await];
    let mut writers = Vec::new();
    for (replica, store) in (0..).zip(&replicas) {
        let log: Log = Arc::new(store.request_log().await.expect("a log"));
        writers.push(tokio::spawn(async move {
            for number in 0..EACH {
                record(&log, raw(replica * EACH + number));
                // Of another source in the same transaction, so that several are locked at once.
                record(&log, RawRequest { sender: Sender::Source(SourceId(2)), ..raw(number) });
                if number % 50 == 0 {
                    log.flush().await.expect("flushed");
                }
            }
            log.flush().await.expect("flushed");
            assert_eq!(log.state().await.expect("read").dropped, 0);
        }));
    }
    let follower: Log = Arc::new(replicas[0].request_log().await.expect("a log"));
    let (mut place, mut seen) = (0, Vec::new());
    while seen.len() < replicas.len() * usize::try_from(EACH).expect("small") {
        let all_is_written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let query = RequestQuery { after: Some(place), limit: 1_000, ..RequestQuery::default() };
        let page = follower.list(SOURCE, query).await.expect("listed").requests;
        assert!(!(all_is_written && page.is_empty()), "{} were seen", seen.len());
        place = page.last().map_or(place, |request| request.sequence);
        seen.extend(numbers(&page));
    }
    for writer in writers {
        writer.await.expect("written");
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..3 * EACH).collect::<Vec<_>>());
    assert_eq!(follower.state().await.expect("read").entries, 6 * EACH);
    assert_eq!(follower.traffic(SourceId(2), START).await.expect("read").requests, 3 * EACH);
}

#[tokio::test]
async fn who_watches_hears_of_what_another_replica_writes() {
    let database = postgres::Database::new();
    let here: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    let there: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    let mut watching = here.watch();
    record(&there, raw(0));
    there.flush().await.expect("flushed");
    let heard = tokio::time::timeout(Duration::from_secs(10), watching.changed()).await;
    heard.expect("soon enough").expect("the log is there");
    let before = *watching.borrow_and_update();
    // It is never less than before, also when sources go.
    there.forget(SOURCE).await.expect("forgotten");
    record(&here, RawRequest { sender: Sender::Source(SourceId(2)), ..raw(1) });
    here.flush().await.expect("flushed");
    assert!(*watching.borrow() > before);
}

/// Who follows has seen what a database loses that crashes.
#[tokio::test]
async fn numbers_are_not_given_again_when_the_database_has_lost_some() {
    let database = postgres::Database::new();
    let log: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    (0..5).for_each(|number| record(&log, raw(number)));
    let last = list(&log, RequestQuery::default()).await[0].sequence;
    let (client, connection) =
        tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    let lose = "DELETE FROM request WHERE sequence > 2; UPDATE request_source SET last = 2";
    client.batch_execute(lose).await.expect("lost");
    record(&log, raw(5));
    let after = list(&log, RequestQuery::default()).await;
    assert_eq!(numbers(&after)[0], 5);
    assert_eq!(after[0].sequence, last + 1);
}

#[tokio::test]
async fn what_one_replica_knows_holds_for_all() {
    let database = postgres::Database::new();
    let here: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    let there: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    let limits = [(SOURCE, RetentionLimits { days: 1, bytes: 50_000 })];
    here.prune(&limits, START).await.expect("pruned");
    (0..2_000).for_each(|number| record(&there, raw(number)));
    there.flush().await.expect("flushed");
    let kept = here.state().await.expect("read").entries;
    assert!((100..300).contains(&kept), "{kept}");

    here.forget(SOURCE).await.expect("forgotten");
    record(&there, raw(2_000));
    assert_eq!(list(&there, RequestQuery::default()).await, []);
    assert_eq!(there.sources().await.expect("read"), [UNMATCHED; 0]);
    assert_eq!(there.traffic(SOURCE, 0).await.expect("read").last_request, None);
}

/// The log goes on without the database, and with it again.
#[tokio::test]
async fn while_the_database_is_away_requests_are_dropped_and_counted() {
    let database = postgres::Database::new();
    let log: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    // The log writes on a connection of its own, which it hasn't made yet.
    let (socket, aside) = (database.socket(), database.socket().with_extension("aside"));
    std::fs::rename(&socket, &aside).expect("renamed");
    (0..5).for_each(|number| record(&log, raw(number)));
    log.flush().await.expect("flushed");
    std::fs::rename(&aside, &socket).expect("renamed");
    assert_eq!(log.state().await.expect("read").dropped, 5);
    record(&log, raw(5));
    assert_eq!(numbers(&list(&log, RequestQuery::default()).await), [5]);
    assert_eq!(log.state().await.expect("read").dropped, 5);
}

#[tokio::test]
async fn a_connection_that_is_lost_meanwhile_costs_nothing() {
    let database = postgres::Database::new();
    let log: Log = Arc::new(connect(&database).await.request_log().await.expect("a log"));
    record(&log, raw(0));
    log.flush().await.expect("flushed");
    let (client, connection) =
        tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    let others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.query(others, &[]).await.expect("ended");
    record(&log, raw(1));
    assert_eq!(numbers(&list(&log, RequestQuery::default()).await), [1, 0]);
    assert_eq!(log.state().await.expect("read").dropped, 0);
}

async fn texts_with_null_characters_are_kept(home: Home) {
    let log = home.open().await;
    record(&log, raw(0));
    let target =
        Target { resource_type: "User".to_owned(), id: resource(1), display: Some("a\0b".to_owned()) };
    let request_body = Body::Bytes("{\"userName\":\"a\\u0000b\"}".into());
    let odd = RawRequest {
        uri: "/source/scim/contoso/v2/Users?filter=a%00b".to_owned(),
        status: 400,
        error: Some("userName: a\0b".to_owned()),
        target: Some(target),
        request_body,
        ..raw(1)
    };
    record(&log, odd);
    let nobody = RawRequest { sender: Sender::Slug("a\0b".to_owned()), token: None, ..raw(2) };
    record(&log, nobody);
    let kept = list(&log, RequestQuery::default()).await;
    assert_eq!(numbers(&kept), [1, 0]);
    assert!(kept[0].error.as_ref().is_some_and(|error| error.starts_with("userName: a")));
    assert_eq!(log.state().await.expect("read").dropped, 0);
}

/// Where a secret stands in a request.
#[derive(Debug, Clone, Copy)]
enum Place {
    Member,
    Nested,
    Patch,
    PatchKey,
    Filter,
    SearchBody,
    Parameter,
    Authorization,
    PathFilter,
    Escaped,
    Broken,
    TooLong,
}

fn planted(place: Place, secret: &str) -> RawRequest {
    let mut raw = raw(1);
    raw.operation = Operation::Update;
    raw.status = 400;
    raw.error = Some(format!("password: {secret:?} is no good"));
    raw.outcomes = vec![Outcome {
        operation: Some(0),
        action: "replace".to_owned(),
        path: Some(format!("password[value eq {}]", json!(secret))),
        result: OutcomeResult::Refused,
        detail: raw.error.clone(),
    }];
    raw.response_body = Body::Bytes(json!({"detail": raw.error, "password": secret}).to_string().into());
    let body = |text: String| Body::Bytes(text.into());
    match place {
        Place::Member => raw.request_body = body(json!({"userName": "a", "password": secret}).to_string()),
        Place::Nested => {
            raw.request_body = body(json!({"urn:x:Ext": {"a": [{"apiToken": {"b": [secret]}}]}}).to_string());
        }
        Place::Patch => {
            raw.request_body = body(
                json!({"Operations": [{"op": "Replace", "path": "password", "value": secret}]}).to_string(),
            );
        }
        Place::PatchKey => {
            raw.request_body = body(
                json!({"Operations": [{"op": "add", "value": {"urn:x:User:password": secret}}]}).to_string(),
            );
        }
        Place::Filter => {
            let encoded = secret.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            raw.uri = format!("/source/scim/contoso/v2/Users?filter=password+eq+%22{encoded}%22");
        }
        Place::SearchBody => {
            raw.request_body = body(json!({"filter": format!("password eq {}", json!(secret))}).to_string());
        }
        Place::Parameter => {
            let encoded = secret.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            raw.uri = format!("/source/scim/contoso/v2/Users?access_token={encoded}");
        }
        Place::Authorization => {
            raw.request_headers.add("authorization", format!("Bearer {secret}").as_bytes());
            raw.request_headers.add("x-api-key", secret.as_bytes());
            raw.error = None;
            raw.outcomes.clear();
            raw.response_body = Body::None;
        }
        Place::PathFilter => {
            let path = format!("credentials[value eq {}].x", json!(secret));
            raw.request_body = body(json!({"Operations": [{"op": "remove", "path": path}]}).to_string());
        }
        Place::Escaped => {
            raw.request_body = body(format!("{{\"p\\u0061ssword\":{}}}", json!(secret)));
        }
        Place::Broken => raw.request_body = body(format!("{{\"password\":{}", json!(secret))),
        Place::TooLong => {
            raw.request_body = body(json!({"password": secret, "x": "x".repeat(20_000)}).to_string());
        }
    }
    raw
}

const PLACES: [Place; 12] = [
    Place::Member,
    Place::Nested,
    Place::Patch,
    Place::PatchKey,
    Place::Filter,
    Place::SearchBody,
    Place::Parameter,
    Place::Authorization,
    Place::PathFilter,
    Place::Escaped,
    Place::Broken,
    Place::TooLong,
];

/// Secrets with a core that can be looked for in any bytes, whatever was escaped around it.
fn secrets() -> impl Strategy<Value = (String, String)> {
    let secret = ("[ -~äé\"\\\\]{0,4}", "[a-z0-9]{3}", "[ -~äé\"\\\\]{0,4}");
    secret.prop_map(|(before, core, after)| (format!("{before}Xq7{core}Zk9{after}"), format!("Xq7{core}Zk9")))
}

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })
}

/// Shows USR-008.
#[test]
fn no_secret_gets_into_the_files() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runner()
        .run(&secrets(), |(secret, core)| {
            let folder = tempfile::tempdir().expect("a folder");
            let log = open(folder.path());
            for place in PLACES {
                record(&log, planted(place, &secret));
            }
            runtime.block_on(log.flush()).expect("flushed");
            let state = runtime.block_on(log.state()).expect("read");
            prop_assert_eq!(state.entries, PLACES.len() as u64);
            for file in std::fs::read_dir(folder.path()).expect("readable") {
                let file = file.expect("readable").path();
                let bytes = std::fs::read(&file).expect("readable");
                let found = bytes.windows(core.len()).position(|window| window == core.as_bytes());
                let context = found.map(|at| {
                    String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 50).min(bytes.len())])
                        .into_owned()
                });
                prop_assert_eq!(context, None, "in {}", file.display());
            }
            Ok(())
        })
        .expect("no secret anywhere");
}

/// Shows USR-008.
#[test]
fn no_secret_gets_into_the_database() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let database = postgres::Database::new();
    let log: Log =
        Arc::new(runtime.block_on(async { connect(&database).await.request_log().await.expect("a log") }));
    let client = runtime.block_on(async {
        let connected = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("connected");
        tokio::spawn(connection);
        client
    });
    runner()
        .run(&secrets(), |(secret, core)| {
            for place in PLACES {
                record(&log, planted(place, &secret));
            }
            runtime.block_on(log.flush()).expect("flushed");
            let newest = "SELECT r::TEXT, b::TEXT FROM request r LEFT JOIN request_body b USING (source_id, sequence) \
                          ORDER BY sequence DESC LIMIT 12";
            let rows = runtime.block_on(client.query(newest, &[])).expect("read");
            prop_assert_eq!(rows.len(), PLACES.len());
            for row in rows {
                let texts: [Option<String>; 2] = [row.get(0), row.get(1)];
                let found = texts.into_iter().flatten().find(|text| text.contains(&core));
                prop_assert_eq!(found, None);
            }
            Ok(())
        })
        .expect("no secret anywhere");
}
