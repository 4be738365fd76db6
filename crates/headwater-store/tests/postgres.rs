//! What is particular to PostgreSQL: many replicas, large groups, connections that are lost.

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use headwater_scim::{Object, filter::Filter, index, patch::RelationEdit, registry::Registry, resource};
use headwater_store::{
    ApplyError, Boundary, ChangeSet, Include, MemberId, Position, Query, ReadPage, ResourceId, Selection,
    SourceId, Start, Store, StoreError, StoredResource, WentOn, Write, Written,
    postgres::{PoolLimits, PostgresStore},
};
use serde_json::{Value, json};
use support::Postgres;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};
use uuid::Uuid;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn id(number: u128) -> ResourceId {
    ResourceId(Uuid::from_u128(number << 64 | 7))
}

fn change_set(source: SourceId, writes: Vec<Write>) -> ChangeSet {
    ChangeSet {
        source,
        revision: 0,
        actor: Uuid::nil(),
        request_id: Uuid::from_u128(9),
        at: 5,
        requires: Vec::new(),
        writes: writes.into_iter().map(Into::into).collect(),
    }
}

fn create(type_name: &str, number: u128, attributes: &Value, members: Vec<String>) -> Write {
    let registry = Registry::built_in();
    let resource_type = registry.resource_type(type_name).expect("built in");
    let attributes: &Object = attributes.as_object().expect("an object");
    Write::Create {
        resource_type: type_name.to_owned(),
        id: id(number),
        document: resource::document(resource_type, &id(number).to_string(), attributes),
        keys: index::keys(resource_type, attributes),
        display: resource_type.display(attributes).map(str::to_owned),
        has_references: false,
        members,
        secrets: Vec::new(),
    }
}

fn user(number: u128) -> Write {
    create("User", number, &json!({"userName": format!("user{number}")}), Vec::new())
}

fn edit(group: u128, members: Vec<RelationEdit>) -> Write {
    Write::Update {
        resource_type: "Group".to_owned(),
        id: id(group),
        expected: None,
        document: None,
        members,
        secrets: Vec::new(),
    }
}

async fn apply(store: &impl Store, source: SourceId, write: Write) -> Result<Written, ApplyError> {
    let mut applied = store.apply(change_set(source, vec![write])).await?;
    Ok(applied.writes.remove(0))
}

fn query(filter: &str, offset: u64) -> Query {
    let registry = Registry::built_in();
    let resource_type = Arc::clone(registry.resource_type("User").expect("built in"));
    let filter = (!filter.is_empty()).then(|| Filter::parse(filter, &resource_type).expect("a filter"));
    Query {
        registry,
        selections: vec![Selection { resource_type, filter, sort_by: None }],
        sorted: false,
        descending: false,
        start: Start::Offset(offset),
        limit: 10,
        most_bytes: 32 << 20,
        counted: true,
        include: Include::default(),
        base_url: String::new(),
    }
}

async fn search(store: &impl Store, source: SourceId, filter: &str, offset: u64) -> (u64, Vec<ResourceId>) {
    let page = store.search(source, query(filter, offset)).await.expect("an answer");
    (page.total.expect("counted"), page.resources.iter().map(|resource| resource.id).collect())
}

/// A place in a client's list.
fn place(source: SourceId, offset: u64) -> Boundary {
    Boundary { source, client: Uuid::nil(), list: [0; 16], descending: false, offset }
}

/// A page that is not the last.
fn page(began: Boundary, went_on: Option<WentOn>, end: u64) -> ReadPage {
    let position = Position { key: None, id: id(end.into()) };
    ReadPage { began, went_on, end: Some((end, position)), is_last: false }
}

/// Whoever follows the journal by its numbers misses nothing, however many write at once.
#[test]
fn the_journal_is_followed_by_its_numbers_without_a_gap() {
    const WRITERS: u128 = 16;
    const EACH: u128 = 40;
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let client = postgres.client().await;
        let source = Postgres::source(&client, "s").await;
        let other =
            PostgresStore::connect(&postgres.database.url(), PoolLimits::default()).await.expect("connected");
        let is_over = Arc::new(AtomicBool::new(false));
        let follower = tokio::spawn({
            let is_over = Arc::clone(&is_over);
            async move {
                let mut followed: Vec<(i64, Vec<u8>)> = Vec::new();
                loop {
                    let was_over = is_over.load(Ordering::SeqCst);
                    let last = followed.last().map_or(0, |(sequence, _)| *sequence);
                    let select = "SELECT sequence, resource_id FROM change \
                                  WHERE source_id = $1 AND sequence > $2 ORDER BY sequence LIMIT 7";
                    let rows = client.query(select, &[&source.0, &last]).await.expect("followed");
                    followed.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
                    if rows.is_empty() && was_over {
                        return followed;
                    }
                }
            }
        });
        let writers = (0..WRITERS).map(|writer| {
            let store = if writer % 2 == 0 { postgres.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0..EACH {
                    let number = writer * EACH + number;
                    // Some fail, and take no number.
                    let write = user(if number % 10 == 9 { number - 1 } else { number });
                    match apply(&store, source, write).await {
                        Ok(_) => acknowledged.push(id(number)),
                        Err(error) => assert!(matches!(error, ApplyError::Taken { .. }), "{error}"),
                    }
                }
                acknowledged
            })
        });
        let mut acknowledged = BTreeSet::new();
        for writer in writers.collect::<Vec<_>>() {
            acknowledged.extend(writer.await.expect("written"));
        }
        is_over.store(true, Ordering::SeqCst);
        let followed = follower.await.expect("followed");
        let numbers: Vec<i64> = followed.iter().map(|(sequence, _)| *sequence).collect();
        let expected: Vec<i64> = (1..).take(acknowledged.len()).collect();
        assert_eq!(numbers, expected, "each number once, in order, without a gap");
        let found: BTreeSet<ResourceId> =
            followed.iter().map(|(_, id)| ResourceId(Uuid::from_slice(id).expect("an id"))).collect();
        assert_eq!(found, acknowledged, "everything acknowledged is there, and nothing else");
        assert_eq!(acknowledged.len() as u128, WRITERS * EACH * 9 / 10);
    });
}

/// The members of a group, of which there may be more than a page.
async fn members(store: &impl Store, source: SourceId, group: u128) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut after = MemberId::lowest();
    loop {
        let page = store.members_after(source, id(group), &after).await.expect("read");
        found.extend(page.members.iter().map(|member| member.id.to_text()));
        match page.members.last() {
            Some(last) if page.more => after = last.id.clone(),
            _ => return found,
        }
    }
}

#[test]
fn large_groups_are_changed_as_small_ones_are() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let (store, client) = (&postgres.store, postgres.client().await);
        let source = Postgres::source(&client, "s").await;
        let texts = |range: std::ops::Range<u128>| -> Vec<String> { range.map(|number| id(number).to_string()).collect() };
        let named = create("User", 5, &json!({"userName": "five", "displayName": "user5"}), Vec::new());
        apply(store, source, named).await.expect("made");
        apply(store, source, create("Group", 100_000, &json!({"displayName": "above"}), Vec::new())).await.expect("made");
        let group = create("Group", 90_000, &json!({"displayName": "large"}), texts(0..3_000));
        assert_eq!(apply(store, source, group).await.expect("made").member_count, 3_000);
        apply(store, source, edit(100_000, vec![RelationEdit::Add(texts(90_000..90_001))])).await.expect("added");

        // What comes and goes in one change is nothing to the journal.
        let edits = vec![
            RelationEdit::Add(texts(4_000..4_002)),
            RelationEdit::Replace(texts(2..2_500).into_iter().chain(texts(4_001..4_003)).collect()),
            RelationEdit::Remove(texts(7_000..7_001)),
        ];
        let written = apply(store, source, edit(90_000, edits)).await.expect("edited");
        assert_eq!((written.member_count, written.version), (2_500, 2));
        assert_eq!(written.member_edits, [true, true, false]);
        let expected: BTreeSet<String> = texts(2..2_500).into_iter().chain(texts(4_001..4_003)).collect();
        assert_eq!(members(store, source, 90_000).await, expected);
        let noted = "SELECT added, COUNT(*) FROM change_member WHERE source_id = $1 AND sequence = \
                     (SELECT MAX(sequence) FROM change WHERE source_id = $1) GROUP BY added ORDER BY added";
        let rows = client.query(noted, &[&source.0]).await.expect("noted");
        let rows: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(rows, [(0, 502), (1, 2)]);

        let group_type = Arc::clone(Registry::built_in().resource_type("Group").expect("built in"));
        let Filter::Element { filter, .. } =
            Filter::parse("members[display eq \"user5\"]", &group_type).expect("a filter")
        else {
            panic!("another filter");
        };
        let matching = RelationEdit::RemoveMatching(*filter);
        let written = apply(store, source, edit(90_000, vec![matching.clone()])).await.expect("edited");
        assert_eq!((written.member_count, written.version), (2_499, 3));
        let written = apply(store, source, edit(90_000, vec![matching])).await.expect("nothing to do");
        assert!(!written.changed);

        // A set that fails half way leaves nothing.
        let half = vec![edit(90_000, vec![RelationEdit::Clear]), edit(1, vec![RelationEdit::Clear])];
        let failed = store.apply(change_set(source, half)).await;
        assert!(matches!(failed, Err(ApplyError::NotFound)), "{failed:?}");
        assert_eq!(members(store, source, 90_000).await.len(), 2_499);

        // Among others in one transaction, in order.
        let sets = vec![
            change_set(source, vec![user(9_001)]),
            change_set(source, vec![edit(90_000, vec![RelationEdit::Clear])]),
            change_set(source, vec![edit(90_000, vec![RelationEdit::Add(texts(0..2_000))])]),
            change_set(source, vec![user(9_002)]),
        ];
        let outcomes = store.apply_all(sets, 1).await.expect("applied");
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
        let delete = Write::Delete { resource_type: "Group".to_owned(), id: id(90_000), expected: 5, keys: Vec::new() };
        apply(store, source, delete).await.expect("deleted");
        assert!(members(store, source, 90_000).await.is_empty());
        assert!(members(store, source, 100_000).await.is_empty(), "it left its group");
        let lines = "SELECT kind, resource_id, sequence FROM change WHERE source_id = $1 ORDER BY sequence DESC LIMIT 2";
        let rows = client.query(lines, &[&source.0]).await.expect("lines");
        let lines: Vec<(&str, &[u8])> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(lines, [("delete", &id(90_000).0.as_bytes()[..]), ("update", &id(100_000).0.as_bytes()[..])]);
        let gone = "SELECT COUNT(*) FROM change_member WHERE source_id = $1 AND sequence = $2 AND added = 0";
        let gone: i64 = client.query_one(gone, &[&source.0, &rows[0].get::<_, i64>(2)]).await.expect("noted").get(0);
        assert_eq!(gone, 2_000);
    });
}

#[test]
fn sets_that_fail_leave_nothing_and_end_a_batch_where_asked() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let (store, client) = (&postgres.store, postgres.client().await);
        let source = Postgres::source(&client, "s").await;
        let sets = vec![
            change_set(source, vec![user(1), user(2)]),
            change_set(source, vec![user(3), user(1)]),
            change_set(source, vec![user(4)]),
        ];
        let outcomes = store.apply_all(sets, 1).await.expect("applied");
        assert_eq!(outcomes.len(), 2);
        assert!(matches!(outcomes[1], Err(ApplyError::Taken { .. })), "{outcomes:?}");
        assert_eq!(search(store, source, "", 0).await, (2, vec![id(1), id(2)]));
        let mut unmet = change_set(source, vec![user(5)]);
        unmet.requires = vec![id(77)];
        assert!(matches!(store.apply(unmet).await, Err(ApplyError::Unmet)));
        let mut old = change_set(source, vec![user(5)]);
        old.revision = 3;
        assert!(matches!(store.apply(old).await, Err(ApplyError::SourceChanged)));
        let gone = change_set(SourceId(999), vec![user(5)]);
        assert!(matches!(store.apply(gone).await, Err(ApplyError::SourceChanged)));
    });
}

#[test]
fn resources_are_counted_in_short_stretches() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let (store, client) = (&postgres.store, postgres.client().await);
        let source = Postgres::source(&client, "s").await;
        for part in 0..5_u128 {
            let sets = (0..700).map(|number| change_set(source, vec![user(part * 700 + number)])).collect();
            let outcomes = store.apply_all(sets, 1).await.expect("applied");
            assert!(outcomes.iter().all(Result::is_ok));
        }
        for number in 0..600_u128 {
            let delete = Write::Delete {
                resource_type: "User".to_owned(),
                id: id(number),
                expected: 1,
                keys: Vec::new(),
            };
            apply(store, source, delete).await.expect("deleted");
        }
        assert_eq!(search(store, source, "", 1_234).await, (2_900, (1_834..1_844).map(id).collect()));
        // Cutting them comes behind; nobody waits for it.
        let longest =
            "SELECT MAX(resources), COUNT(*), SUM(resources)::BIGINT FROM stretch WHERE source_id = $1";
        let began = Instant::now();
        loop {
            let row = client.query_one(longest, &[&source.0]).await.expect("stretches");
            let (longest, stretches, all): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
            assert_eq!(all, 2_900);
            if longest <= 1_024 && stretches >= 4 {
                break;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{longest} {stretches}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(search(store, source, "", 2_895).await.1, (3_495..3_500).map(id).collect::<Vec<_>>());
    });
}

#[test]
fn values_that_are_too_long_for_an_index_are_found_all_the_same() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let (store, client) = (&postgres.store, postgres.client().await);
        let source = Postgres::source(&client, "s").await;
        // Random enough not to be compressed.
        let long = |seed: u128| -> String {
            (0..150)
                .map(|n| {
                    Uuid::from_u128(seed.wrapping_mul(n * n + 12_345_678_901_234_567_891))
                        .simple()
                        .to_string()
                })
                .collect()
        };
        for number in 1..=3_u128 {
            let title = if number == 3 { long(1) + "x" } else { long(number) };
            let attributes = json!({"userName": format!("{number}{}", long(7)), "title": title});
            apply(store, source, create("User", number, &attributes, Vec::new())).await.expect("made");
        }
        let found = async |filter: String| search(store, source, &filter, 0).await.1;
        assert_eq!(found(format!("title eq \"{}\"", long(1))).await, [id(1)]);
        assert_eq!(found(format!("title eq \"{}x\"", long(1))).await, [id(3)]);
        assert_eq!(found(format!("title sw \"{}\"", long(1))).await, [id(1), id(3)]);
        assert_eq!(found(format!("title ew \"{}\"", &long(2)[4_000..])).await, [id(2)]);
        assert_eq!(found(format!("title co \"{}\"", &long(1)[2_000..3_000])).await, [id(1), id(3)]);
        assert!(found(format!("title gt \"{}\"", long(1))).await.contains(&id(3)));
        assert!(found("userName eq \"a\\u0000b\"".to_owned()).await.is_empty());
        assert!(found("title co \"\\u0000\"".to_owned()).await.is_empty());
        let twice = create("User", 9, &json!({"userName": format!("1{}", long(7))}), Vec::new());
        assert!(matches!(apply(store, source, twice).await, Err(ApplyError::Taken { .. })));
        let group = create("Group", 10, &json!({"displayName": "g"}), vec![long(1)]);
        assert!(matches!(apply(store, source, group).await, Err(ApplyError::Store(StoreError::TooLong(_)))));
    });
}

#[test]
fn a_token_that_is_revoked_is_known_as_such_by_every_replica_in_time() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let client = postgres.client().await;
        let source = Postgres::source(&client, "s").await;
        let (token, account) = ([1_u8; 16], [2_u8; 16]);
        let insert = "INSERT INTO token (source_id, id, service_account_id, lookup, hash, created) VALUES ($1, $2, $3, $4, $5, 0)";
        let (lookup, hash) = ([3_u8; 8], [3_u8; 32]);
        client.execute(insert, &[&source.0, &&token[..], &&account[..], &&lookup[..], &&hash[..]]).await.expect("a token");
        let store = &postgres.store;
        let is_revoked = async || {
            store.credential("s", lookup).await.expect("read").expect("there").token.revoked.is_some()
        };
        let until = Instant::now() + Duration::from_millis(700);
        while Instant::now() < until {
            assert!(!is_revoked().await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(store.credential("s", [4; 8]).await.expect("read").is_none());
        assert!(store.credential("nobody", lookup).await.expect("read").is_none());
        assert!(store.credential("No slug\0", lookup).await.expect("read").is_none());
        client
            .batch_execute("BEGIN; UPDATE token SET revoked = 1; UPDATE generation SET value = value + 1 WHERE id = 1; COMMIT")
            .await
            .expect("revoked");
        let revoked = Instant::now();
        loop {
            let asked = revoked.elapsed();
            if is_revoked().await {
                break;
            }
            assert!(asked < Duration::from_millis(300), "trusted for too long");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn lost_connections_are_made_anew_without_anybody_noticing() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let (store, client) = (&postgres.store, postgres.client().await);
        let source = Postgres::source(&client, "s").await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()";
        for number in 0..40_u128 {
            if number % 4 == 0 {
                client.query(end, &[]).await.expect("ended");
            }
            apply(store, source, user(number)).await.unwrap_or_else(|error| panic!("{number}: {error}"));
            let found = store.resource(source, "User", id(number), Include::default()).await.expect("read");
            assert_eq!(found.map(|found| found.version), Some(1));
            if number % 4 == 1 {
                client.query(end, &[]).await.expect("ended");
            }
            let end = place(source, u64::try_from(number).expect("small") + 1);
            store.note_page(page(place(source, 0), None, end.offset), 5).await.expect("noted");
            assert!(store.go_on(&end, 6).await.expect("read").is_some());
        }
        let lines = "SELECT COUNT(*), MAX(sequence) FROM change WHERE source_id = $1";
        let row = client.query_one(lines, &[&source.0]).await.expect("counted");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (40, 40), "nothing was done twice");
    });
}

#[test]
fn a_database_that_is_not_there_is_said_to_be_unavailable() {
    runtime().block_on(async {
        let limits = PoolLimits { connect: Duration::from_millis(500), ..PoolLimits::default() };
        let refused = PostgresStore::connect("postgres://u:secret@127.0.0.1:1/d", limits).await;
        let error = refused.err().expect("nobody listens there");
        assert!(matches!(error, StoreError::Unavailable(_)) && error.is_passing(), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        let postgres = Postgres::new().await;
        let limits = PoolLimits { connections: 1, wait: Duration::from_millis(100), ..PoolLimits::default() };
        let store = PostgresStore::connect(&postgres.database.url(), limits).await.expect("connected");
        let client = postgres.client().await;
        let source = Postgres::source(&client, "s").await;
        client.batch_execute("BEGIN; SELECT last FROM source_sequence FOR UPDATE").await.expect("locked");
        let writing = tokio::spawn({
            let store = store.clone();
            async move { apply(&store, source, user(1)).await }
        });
        let waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
        while client.query_one(waiting, &[]).await.expect("counted").get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let error = store.ping().await.expect_err("its one connection waits for the lock");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        client.batch_execute("COMMIT").await.expect("unlocked");
        writing.await.expect("no panic").expect("written");
        store.ping().await.expect("free again");
    });
}

#[test]
fn many_replicas_may_start_at_once() {
    runtime().block_on(async {
        let database = headwater_testkit::postgres::Database::new();
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let url = database.url();
                tokio::spawn(
                    async move { PostgresStore::connect(&url, PoolLimits::default()).await.map(drop) },
                )
            })
            .collect();
        for start in starts {
            start.await.expect("no panic").expect("started");
        }
    });
}

/// A proxy before the database that counts how often the client waits for an answer.
fn counting_proxy(postgres: &Postgres) -> (String, Arc<AtomicUsize>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
    let trips = Arc::new(AtomicUsize::new(0));
    let (database, counted) = (postgres.database.socket(), Arc::clone(&trips));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&database).await.expect("connected");
            tokio::spawn(forward(client, server, Arc::clone(&counted)));
        }
    });
    let path = folder.path().display().to_string().replace('/', "%2F");
    (format!("postgres://headwater@{path}/{}", postgres.database.name()), trips, folder)
}

async fn forward(mut client: UnixStream, mut server: UnixStream, trips: Arc<AtomicUsize>) {
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    let mut has_answered = true;
    loop {
        let done = tokio::select! {
            read = client.read(&mut request) => match read {
                Ok(length) if length > 0 => {
                    if std::mem::take(&mut has_answered) {
                        trips.fetch_add(1, Ordering::SeqCst);
                    }
                    // What follows at once belongs to it.
                    let mut all = request[..length].to_vec();
                    while let Ok(Ok(more)) =
                        tokio::time::timeout(Duration::from_millis(50), client.read(&mut request)).await
                        && more > 0
                    {
                        all.extend(&request[..more]);
                    }
                    server.write_all(&all).await
                }
                _ => return,
            },
            read = server.read(&mut answer) => match read {
                Ok(length) if length > 0 => {
                    has_answered = true;
                    // Answers come one by one; the client is to see them all at once.
                    let mut all = answer[..length].to_vec();
                    while let Ok(Ok(more)) =
                        tokio::time::timeout(Duration::from_millis(50), server.read(&mut answer)).await
                        && more > 0
                    {
                        all.extend(&answer[..more]);
                    }
                    client.write_all(&all).await
                }
                _ => return,
            },
        };
        if done.is_err() {
            return;
        }
    }
}

/// A store that has one connection, and the number of its round trips.
async fn counted_store(postgres: &Postgres) -> (PostgresStore, Arc<AtomicUsize>, tempfile::TempDir) {
    let (url, trips, folder) = counting_proxy(postgres);
    let limits = PoolLimits { connections: 1, ..PoolLimits::default() };
    let store = PostgresStore::connect(&url, limits).await.expect("connected");
    store.ping().await.expect("connected");
    (store, trips, folder)
}

#[test]
fn a_user_is_read_with_its_groups_in_one_round_trip_and_in_one_more_for_each_level_above() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let client = postgres.client().await;
        let source = Postgres::source(&client, "s").await;
        let (store, trips, _folder) = counted_store(&postgres).await;
        apply(&store, source, user(1)).await.expect("written");
        let include = Include { members: false, groups: true };
        // Each group holds the one before, the first the user.
        for (levels, expected) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
            if levels > 0 {
                let group = json!({"displayName": format!("g{levels}")});
                let group = create("Group", 1 + levels, &group, vec![id(levels).to_string()]);
                apply(&store, source, group).await.expect("written");
            }
            let names = |found: &StoredResource| {
                let groups = found.groups.as_ref().expect("asked for").iter();
                groups
                    .map(|group| group.named.as_ref().and_then(|named| named.display.clone()))
                    .collect::<Vec<_>>()
            };
            let all: Vec<_> = (1..=levels).map(|level| Some(format!("g{level}"))).collect();
            let before = trips.load(Ordering::SeqCst);
            let found = store.resource(source, "User", id(1), include).await.expect("read").expect("there");
            assert_eq!((names(&found), trips.load(Ordering::SeqCst) - before), (all.clone(), expected));
            let before = trips.load(Ordering::SeqCst);
            let by_name = Query { include, ..query("userName eq \"user1\"", 0) };
            let page = store.search(source, by_name).await.expect("read");
            assert_eq!((names(&page.resources[0]), trips.load(Ordering::SeqCst) - before), (all, expected));
        }
    });
}

#[test]
fn a_read_is_one_round_trip_and_a_write_is_two() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let client = postgres.client().await;
        let source = Postgres::source(&client, "s").await;
        let (store, trips, _folder) = counted_store(&postgres).await;
        let counted =
            async |work: &str,
                   expected: usize,
                   done: &dyn Fn() -> futures_util::future::BoxFuture<'static, ()>| {
                let before = trips.load(Ordering::SeqCst);
                done().await;
                assert_eq!(trips.load(Ordering::SeqCst) - before, expected, "{work}");
            };
        let write = |write: fn() -> Write| {
            let store = store.clone();
            move || -> futures_util::future::BoxFuture<'static, ()> {
                let store = store.clone();
                Box::pin(async move { apply(&store, source, write()).await.map(drop).expect("written") })
            }
        };
        counted("POST of a user", 2, &write(|| user(1))).await;
        counted(
            "POST of a group",
            2,
            &write(|| create("Group", 2, &json!({"displayName": "g"}), vec![id(1).to_string()])),
        )
        .await;
        counted("PATCH of a member", 2, &write(|| edit(2, vec![RelationEdit::Add(vec!["x".to_owned()])])))
            .await;
        counted(
            "PUT of members",
            2,
            &write(|| edit(2, vec![RelationEdit::Replace(vec![id(1).to_string()])])),
        )
        .await;
        let read = {
            let store = store.clone();
            move || -> futures_util::future::BoxFuture<'static, ()> {
                let store = store.clone();
                Box::pin(async move {
                    let include = Include { members: true, groups: true };
                    let found =
                        store.resource(source, "Group", id(2), include).await.expect("read").expect("there");
                    assert_eq!(found.members.expect("asked for").members.len(), 1);
                })
            }
        };
        counted("GET of a group", 1, &read).await;
        for filter in ["", "userName eq \"user1\"", "userName sw \"u\" and meta.created pr"] {
            let store = store.clone();
            let read = move || -> futures_util::future::BoxFuture<'static, ()> {
                let store = store.clone();
                Box::pin(async move {
                    assert_eq!(search(&store, source, filter, 0).await.0, 1, "{filter}");
                    if filter.contains("pr") {
                        // Nobody waits for the end of the transaction: but who needs the connection does.
                        store.ping().await.expect("reached");
                    }
                })
            };
            // What can't be said in SQL is read in a transaction, portion by portion: it begins with the
            // first statement, and nobody waits for its end.
            counted(filter, if filter.contains("pr") { 4 } else { 1 }, &read).await;
        }
        // A page by index costs one more for where it goes on, and one for where the next one does.
        let went_on = Arc::new(Mutex::new(None));
        let note = |began: u64| {
            let (store, went_on) = (store.clone(), Arc::clone(&went_on));
            move || -> futures_util::future::BoxFuture<'static, ()> {
                let (store, went_on) = (store.clone(), went_on.lock().expect("not poisoned").take());
                Box::pin(async move {
                    let page = page(place(source, began), went_on, began + 100);
                    store.note_page(page, 5).await.expect("noted");
                })
            }
        };
        let go_on = {
            let (store, went_on) = (store.clone(), Arc::clone(&went_on));
            move || -> futures_util::future::BoxFuture<'static, ()> {
                let (store, went_on) = (store.clone(), Arc::clone(&went_on));
                Box::pin(async move {
                    let found = store.go_on(&place(source, 100), 5).await.expect("read");
                    *went_on.lock().expect("not poisoned") = Some(found.expect("remembered"));
                })
            }
        };
        counted("the first page", 1, &note(0)).await;
        counted("where the second begins", 1, &go_on).await;
        counted("the second page", 1, &note(100)).await;
        counted(
            "DELETE of a member",
            2,
            &write(|| Write::Delete {
                resource_type: "User".to_owned(),
                id: id(1),
                expected: 1,
                keys: Vec::new(),
            }),
        )
        .await;
    });
}

/// A proxy that cuts the connection at the next COMMIT, before the database has it or when it is done.
fn cutting_proxy(postgres: &Postgres, is_delivered: bool) -> (String, Arc<AtomicBool>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
    let armed = Arc::new(AtomicBool::new(false));
    let (database, trap) = (postgres.database.socket(), Arc::clone(&armed));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = UnixStream::connect(&database).await.expect("connected");
            let trap = Arc::clone(&trap);
            tokio::spawn(async move {
                let (mut request, mut answer) = (vec![0; 1 << 20], vec![0; 1 << 20]);
                loop {
                    tokio::select! {
                        read = client.read(&mut request) => {
                            let Ok(length @ 1..) = read else { return };
                            let is_commit = request[..length].windows(7).any(|text| text == b"COMMIT\0");
                            if is_commit && trap.swap(false, Ordering::SeqCst) {
                                if is_delivered && server.write_all(&request[..length]).await.is_ok() {
                                    // Answered, so it is done; the client never hears of it.
                                    drop(server.read(&mut answer).await);
                                    tokio::time::sleep(Duration::from_millis(100)).await;
                                }
                                return;
                            }
                            if server.write_all(&request[..length]).await.is_err() { return }
                        }
                        read = server.read(&mut answer) => {
                            let Ok(length @ 1..) = read else { return };
                            if client.write_all(&answer[..length]).await.is_err() { return }
                        }
                    }
                }
            });
        }
    });
    let path = folder.path().display().to_string().replace('/', "%2F");
    (format!("postgres://headwater@{path}/{}", postgres.database.name()), armed, folder)
}

/// Whether or not the COMMIT had arrived, the change is done once and acknowledged.
#[test]
fn a_commit_whose_answer_is_lost_is_found_out_about() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let client = postgres.client().await;
        for (slug, is_delivered) in [("delivered", true), ("lost", false)] {
            let source = Postgres::source(&client, slug).await;
            let (url, armed, _folder) = cutting_proxy(&postgres, is_delivered);
            let store = PostgresStore::connect(&url, PoolLimits::default()).await.expect("connected");
            for number in 1..=3 {
                armed.store(true, Ordering::SeqCst);
                let written = apply(&store, source, user(number)).await;
                assert!(written.is_ok(), "{slug} {number}: {written:?}");
                assert!(!armed.load(Ordering::SeqCst), "the connection was cut");
            }
            let lines = "SELECT COUNT(*), MAX(sequence) FROM change WHERE source_id = $1";
            let row = client.query_one(lines, &[&source.0]).await.expect("counted");
            assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (3, 3), "{slug}");
            assert_eq!(search(&store, source, "", 0).await.0, 3);
        }
    });
}

/// A note that may have been committed is made once more, but for what would close an end twice.
#[test]
fn a_page_whose_note_is_lost_is_noted_and_closes_nothing_twice() {
    runtime().block_on(async {
        let postgres = Postgres::new().await;
        let client = postgres.client().await;
        for (slug, is_delivered) in [("delivered", true), ("lost", false)] {
            let source = Postgres::source(&client, slug).await;
            let (url, armed, _folder) = cutting_proxy(&postgres, is_delivered);
            let store = PostgresStore::connect(&url, PoolLimits::default()).await.expect("connected");
            for _ in 0..2 {
                armed.store(true, Ordering::SeqCst);
                store.note_page(page(place(source, 0), None, 100), 5).await.expect("noted");
                assert!(!armed.load(Ordering::SeqCst), "the connection was cut");
            }
            let open = async || -> i64 {
                let open = "SELECT open FROM walk WHERE source_id = $1 AND place = 100";
                client.query_one(open, &[&source.0]).await.expect("there").get(0)
            };
            let before = open().await;
            assert!(before >= 2, "two walks are there");
            let began = place(source, 100);
            let went_on = store.go_on(&began, 6).await.expect("read");
            armed.store(true, Ordering::SeqCst);
            let last = ReadPage { began, went_on, end: None, is_last: true };
            store.note_page(last, 6).await.expect("noted");
            assert_eq!(open().await, before - i64::from(is_delivered), "{slug}");
        }
    });
}

/// What can't hold every text is refused, and not found out about with the first name.
#[test]
fn a_database_of_another_encoding_is_refused() {
    runtime().block_on(async {
        let server = headwater_testkit::postgres::Server::new(&[]);
        for (encoding, is_taken) in [("LATIN1", false), ("SQL_ASCII", true), ("UTF8", true)] {
            let name = encoding.to_lowercase();
            server.run(
                "postgres",
                &format!("CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"),
            );
            let url = format!("postgres://headwater@{}/{name}", server.address());
            let connected = PostgresStore::connect(&url, PoolLimits::default()).await;
            match connected {
                Ok(_) => assert!(is_taken, "{encoding}"),
                Err(StoreError::Encoding(told)) => assert!(!is_taken && told == encoding, "{told}"),
                Err(error) => panic!("{encoding}: {error}"),
            }
        }
    });
}
