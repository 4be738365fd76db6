//! The index in PostgreSQL, made anew when a program comes that makes its keys in another form.

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_scim::{Object, filter::Filter, index, registry::Registry, resource};
use headwater_store::{
    Act, ApplyError, ChangeSet, Include, Query, Records, ResourceId, Selection, SourceEdit, SourceId, Start,
    Store, StoreError, Write,
    postgres::{PoolLimits, PostgresStore},
};
use serde_json::{Value, json};
use support::Postgres;
use tokio_postgres::Client;
use uuid::Uuid;

/// More than are made anew in one transaction.
const USERS: u128 = 1_200;

fn id(number: u128) -> ResourceId {
    ResourceId(Uuid::from_u128(number << 64 | 7))
}

fn user(source: SourceId, number: u128) -> ChangeSet {
    let registry = Registry::built_in();
    let resource_type = registry.resource_type("User").expect("built in");
    let title = if number == 7 { "x".repeat(5_000) } else { "Title".to_owned() };
    let attributes: Value = json!({"userName": format!("User{number}"), "title": title});
    let attributes: &Object = attributes.as_object().expect("an object");
    let write = Write::Create {
        resource_type: "User".to_owned(),
        id: id(number),
        document: resource::document(resource_type, &id(number).to_string(), attributes),
        keys: index::keys(resource_type, attributes),
        display: None,
        has_references: false,
        members: Vec::new(),
        secrets: Vec::new(),
    };
    ChangeSet {
        source,
        revision: 0,
        actor: Uuid::nil(),
        request_id: Uuid::nil(),
        at: 5,
        requires: Vec::new(),
        writes: vec![write.into()],
    }
}

async fn connect(postgres: &Postgres) -> Result<PostgresStore, StoreError> {
    PostgresStore::connect(&postgres.database.url(), PoolLimits::default()).await
}

async fn found(store: &PostgresStore, source: SourceId, filter: &str) -> Result<u64, StoreError> {
    let registry = Registry::built_in();
    let resource_type = Arc::clone(registry.resource_type("User").expect("built in"));
    let filter = Some(Filter::parse(filter, &resource_type).expect("a filter"));
    let query = Query {
        registry,
        selections: vec![Selection { resource_type, filter, sort_by: None }],
        sorted: false,
        descending: false,
        start: Start::Offset(0),
        limit: 10,
        most_bytes: 32 << 20,
        counted: true,
        include: Include::default(),
        base_url: String::new(),
    };
    Ok(store.search(source, query).await?.total.expect("counted"))
}

/// Two sources with users, and a connection.
async fn filled() -> (Postgres, Client, [SourceId; 2]) {
    let postgres = Postgres::new().await;
    let client = postgres.client().await;
    let sources = [Postgres::source(&client, "large").await, Postgres::source(&client, "small").await];
    let all = (0..USERS).map(|number| user(sources[0], number)).collect();
    let outcomes = postgres.store.apply_all(all, 1).await.expect("applied");
    assert!(outcomes.iter().all(Result::is_ok));
    postgres.store.apply(user(sources[1], 5)).await.expect("applied");
    (postgres, client, sources)
}

type Key = (i64, i64, String, Vec<u8>, i64, Option<String>);

async fn keys(client: &Client) -> Vec<Key> {
    let select =
        "SELECT source_id, path, key, resource_id, is_unique, whole FROM resource_key ORDER BY 1, 2, 3, 4";
    let rows = client.query(select, &[]).await.expect("keys");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5))).collect()
}

/// Makes the keys such as an earlier program could have made them.
async fn damage(client: &Client) {
    let damage = "UPDATE resource_key SET key = upper(key); DELETE FROM resource_key WHERE key LIKE '%99'; \
                  INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) \
                  SELECT source_id, 77, 'gone', id, 0 FROM resource; \
                  UPDATE index_form SET wanted = wanted - 1, made = made - 1";
    client.batch_execute(damage).await.expect("damaged");
}

async fn left(client: &Client) -> i64 {
    client.query_one("SELECT COUNT(*) FROM index_to_make", &[]).await.expect("counted").get(0)
}

/// Waits until there is something that so many sources are left of.
async fn wait_for_left(client: &Client, expected: i64) {
    let began = Instant::now();
    while left(client).await != expected {
        assert!(began.elapsed() < Duration::from_mins(1), "{} are left", left(client).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

#[test]
fn an_index_of_another_form_is_made_anew_by_all_who_come_at_once() {
    runtime().block_on(async {
        let (postgres, client, [large, small]) = filled().await;
        let before = keys(&client).await;
        damage(&client).await;
        assert_ne!(keys(&client).await, before);
        let (one, other, third) = tokio::join!(connect(&postgres), connect(&postgres), connect(&postgres));
        assert_eq!(keys(&client).await, before, "all as a fresh index has it");
        for store in [one, other, third] {
            let store = store.expect("connected");
            assert_eq!(found(&store, large, "userName eq \"user1199\"").await.expect("found"), 1);
            assert_eq!(found(&store, small, "userName eq \"user5\"").await.expect("found"), 1);
        }
        // Nothing is made anew that is as it should be.
        client.batch_execute("UPDATE resource_key SET key = upper(key)").await.expect("damaged");
        let store = connect(&postgres).await.expect("connected");
        assert_eq!(found(&store, large, "userName eq \"user1199\"").await.expect("found"), 0);
    });
}

#[test]
fn who_makes_the_index_anew_may_be_ended_at_any_moment() {
    runtime().block_on(async {
        let (postgres, client, [large, small]) = filled().await;
        let before = keys(&client).await;
        damage(&client).await;
        let blocker = postgres.client().await;
        let lock = format!("BEGIN; SELECT last FROM source_sequence WHERE source_id = {} FOR UPDATE", small.0);
        blocker.batch_execute(&lock).await.expect("locked");
        let url = postgres.database.url();
        let making = tokio::spawn(async move { PostgresStore::connect(&url, PoolLimits::default()).await });
        wait_for_left(&client, 1).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let began = Instant::now();
        // It begins anew what is lost before it is committed, but not without an end.
        while !making.is_finished() {
            client.query(end, &[]).await.expect("asked");
            assert!(began.elapsed() < Duration::from_mins(1), "it goes on without an end");
        }
        let error = making.await.expect("no panic").err().expect("it was ended");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        // What is done already is not done once more: this stays as it is.
        let mark = "UPDATE resource_key SET key = 'mark' WHERE source_id = $1 AND resource_id = $2 AND is_unique = 0";
        client.execute(mark, &[&large.0, &&id(3).0.as_bytes()[..]]).await.expect("marked");
        blocker.batch_execute("COMMIT").await.expect("unlocked");
        let store = connect(&postgres).await.expect("it goes on");
        assert_eq!(found(&store, small, "userName eq \"user5\"").await.expect("found"), 1);
        assert_eq!(found(&store, large, "title eq \"title\"").await.expect("found"), u64::try_from(USERS).expect("small") - 2);
        assert_eq!(keys(&client).await.len(), before.len());
        assert_eq!(left(&client).await, 0);
    });
}

/// A program of before, which still runs when a newer one has come.
#[test]
fn who_makes_keys_in_another_form_neither_reads_nor_writes() {
    runtime().block_on(async {
        let (postgres, client, [large, _]) = filled().await;
        let store = &postgres.store;
        let (token, account, lookup, hash) = ([1_u8; 16], [2_u8; 16], [3_u8; 8], [3_u8; 32]);
        let insert = "INSERT INTO token (source_id, id, service_account_id, lookup, hash, created) VALUES ($1, $2, $3, $4, $5, 0)";
        client
            .execute(insert, &[&large.0, &&token[..], &&account[..], &&lookup[..], &&hash[..]])
            .await
            .expect("a token");
        assert!(store.credential("large", lookup).await.expect("read").is_some());
        let newer = "BEGIN; UPDATE index_form SET wanted = wanted + 1; \
                     UPDATE generation SET value = value + 1 WHERE id = 1; COMMIT";
        client.batch_execute(newer).await.expect("a newer program has come");
        let came = Instant::now();
        let applied = store.apply(user(large, 77_777)).await;
        assert!(matches!(applied, Err(ApplyError::Store(StoreError::OtherForm { .. }))), "{applied:?}");
        let searched = found(store, large, "userName sw \"user\" and meta.created pr").await;
        assert!(matches!(searched, Err(StoreError::OtherForm { .. })), "{searched:?}");
        assert!(matches!(store.ping().await, Err(StoreError::OtherForm { .. })));
        let edit = SourceEdit { name: Some("other".to_owned()), ..SourceEdit::default() };
        let edited = Records::from(store.clone()).edit_source("large".to_owned(), edit, Act::of_server(0)).await;
        assert!(matches!(edited, Err(StoreError::OtherForm { .. })), "{edited:?}");
        loop {
            let asked = came.elapsed();
            match store.credential("large", lookup).await {
                Ok(_) => assert!(asked < Duration::from_millis(300), "trusted for too long"),
                Err(error) => break assert!(matches!(error, StoreError::OtherForm { .. }), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let error = connect(&postgres).await.err().expect("it can't be started either");
        assert!(matches!(error, StoreError::OtherForm { .. }) && error.is_passing(), "{error}");
        let rows = "SELECT COUNT(*) FROM resource WHERE source_id = $1";
        let rows: i64 = client.query_one(rows, &[&large.0]).await.expect("counted").get(0);
        assert_eq!(rows.unsigned_abs(), u64::try_from(USERS).expect("small"));
    });
}
