use std::collections::BTreeSet;

use headwater_testkit::postgres::Database;

use super::{
    Transfer, TransferError, progress,
    tables::{TABLES, Table},
};
use crate::{
    Records, StoreError,
    postgres::{PoolLimits, PostgresStore},
    sql::{Kind, Row, Sql, Value},
    sqlite::SqliteStore,
};

/// Tables that are not moved, and why they need not be.
const LEFT: [&str; 19] = [
    // Who is signed in signs in again; what is remembered for minutes or hours is forgotten.
    "session",
    "failed_login",
    "idempotent_answer",
    "walk",
    // They follow from what is moved, or are there in every database.
    "source_sequence",
    "sqlite_sequence",
    "generation",
    "server",
    "refinery_schema_history",
    "migration_lock",
    "index_form",
    "index_to_make",
    progress::TABLE,
    // The log of requests.
    "request_source",
    "request",
    "request_body",
    "request_resource",
    "request_hour",
    "milestone",
];

fn sqlite() -> (tempfile::TempDir, Records) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open_incomplete(folder.path()).expect("a store");
    (folder, store.into())
}

async fn postgres(database: &Database) -> Records {
    let connected = PostgresStore::connect_incomplete(&database.url(), PoolLimits::default()).await;
    connected.expect("a database").into()
}

async fn run<T: Send + 'static>(
    records: &Records,
    work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
) -> T {
    records.write(work).await.expect("done")
}

/// Table, column and type of everything that there is, by a statement.
async fn columns(records: &Records, select: &'static str) -> BTreeSet<(String, String, String)> {
    let read = |Row(row): &Row| match &row[..] {
        [Value::Text(table), Value::Text(column), Value::Text(kind)] => {
            Ok((table.clone(), column.clone(), kind.to_lowercase()))
        }
        other => panic!("{other:?}"),
    };
    let all = run(records, move |sql| sql.all(select, &[], read)).await;
    all.into_iter().filter(|(table, ..)| !LEFT.contains(&table.as_str())).collect()
}

/// What the description says, with the types of a database.
async fn described(records: &Records, types: fn(Kind) -> &'static str) -> BTreeSet<(String, String, String)> {
    let of = move |sql: &dyn Sql, table: &Table| -> Vec<(String, String, String)> {
        let of = |(name, kind): &(&str, Kind)| {
            (table.name.to_owned(), (*name).to_owned(), types(*kind).to_owned())
        };
        table.columns(sql).iter().map(of).collect()
    };
    run(records, move |sql| Ok(TABLES.iter().flat_map(|table| of(sql, table)).collect())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_is_moved_or_left_behind_on_purpose() {
    let (_folder, records) = sqlite();
    let select = "SELECT t.name, c.name, c.type FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                  WHERE t.type = 'table'";
    let types = |kind| match kind {
        Kind::Integer => "integer",
        Kind::Text => "text",
        Kind::Bytes => "blob",
    };
    assert_eq!(described(&records, types).await, columns(&records, select).await);
    let database = Database::new();
    let records = postgres(&database).await;
    let select = "SELECT table_name::TEXT, column_name::TEXT, data_type::TEXT FROM information_schema.columns \
                  WHERE table_schema = 'public'";
    let types = |kind| match kind {
        Kind::Integer => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    };
    assert_eq!(described(&records, types).await, columns(&records, select).await);
}

/// Rows that the databases don't hold alike, or that nobody sees: keys too long for an index, with and
/// without the character NUL, and what is left of a source that is being deleted.
const ROWS: &str = "
    INSERT INTO source (id, slug, name, enabled, unique_display_names, created) VALUES (7, 's', 'S', 1, 1, 0);
    INSERT INTO source (id, slug, name, enabled, unique_display_names, created, deleted) VALUES (8, 's', 'S', 0, 1, 0, 1);
    INSERT INTO source (id, slug, name, enabled, unique_display_names, created) VALUES (9, 't', 'T', 1, 1, 0);
    DELETE FROM source WHERE id = 9;
    WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < 1500)
    INSERT INTO resource (source_id, id, type, version, created, last_modified, display, has_references, member_count, document)
    SELECT 7, unhex(printf('%032x', value)), 'User', 1, 0, 0, CASE value % 100 WHEN 7 THEN 'a' || char(0) END, 0, 0,
        '{\"userName\":\"User' || value || '\",\"title\":\"' || CASE value % 100
            WHEN 7 THEN 'a\\u0000b' || value WHEN 8 THEN printf('%.*c', 5000, 'x') ELSE 'T' END || '\"}'
    FROM numbers;
    INSERT INTO resource SELECT 8, id, type, version, created, last_modified, display, has_references, member_count, document
    FROM resource WHERE id = unhex(printf('%032x', 1));
    INSERT INTO membership VALUES (7, x'01', x'0000000000000000000000000000000001ff00');
    INSERT INTO change VALUES (0, 1, 5, x'', x'', 'create', 'Source', x'', 0, NULL, '{}', 7), (7, 1, 5, x'', x'', 'create', 'User', x'01', 1, NULL, '{}', NULL);
    PRAGMA user_version = 7";

async fn moved(from: &Records, to: &Records) -> Vec<super::MovedTable> {
    let transfer = Transfer::begin(from.clone(), to.clone(), |_| ()).await.expect("begun");
    let tables = transfer.run().await.expect("the same on both sides");
    transfer.finish().await.expect("finished");
    tables
}

async fn keys(records: &Records) -> Vec<Row> {
    run(records, |sql| sql.query("SELECT * FROM resource_key ORDER BY path, key, resource_id", &[])).await
}

fn equal(one: &[Row], other: &[Row]) -> bool {
    one.iter().map(|row| &row.0).eq(other.iter().map(|row| &row.0))
}

/// A folder with [`ROWS`].
fn filled() -> (tempfile::TempDir, Records) {
    let (folder, records) = sqlite();
    drop(records);
    let connection = rusqlite::Connection::open(folder.path().join("headwater.db")).expect("a connection");
    connection.execute_batch(ROWS).expect("rows");
    let records = SqliteStore::open(folder.path()).expect("a store with its index").into();
    (folder, records)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_database_holds_otherwise_comes_back_as_it_was() {
    let (_one, first) = filled();
    let database = Database::new();
    let middle = postgres(&database).await;
    let there = moved(&first, &middle).await;
    let (_two, last) = sqlite();
    assert_eq!(moved(&middle, &last).await, there);
    let resources = there.iter().find(|table| table.name == "resource").expect("a table");
    assert_eq!(resources.rows, 1_501);
    assert!(equal(&keys(&first).await, &keys(&last).await), "the index");
    for records in [&first, &middle, &last] {
        assert_eq!(run(records, |sql| sql.last_source()).await, 9, "no number is given twice");
    }
    let sequences = "SELECT source_id, last FROM source_sequence ORDER BY source_id";
    let sequences =
        run(&middle, move |sql| sql.all(sequences, &[], |row| Ok((row.get(0)?, row.get(1)?)))).await;
    assert_eq!(sequences, [(0_i64, 1_i64), (7, 1), (8, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_at_the_target_is_found_and_what_changed_at_the_source_is_copied_anew() {
    let (_one, from) = filled();
    let (_two, to) = sqlite();
    let begin = || Transfer::begin(from.clone(), to.clone(), |_| ());
    begin().await.expect("begun").run().await.expect("the same");
    run(&from, |sql| sql.execute("UPDATE resource SET version = 2 WHERE source_id = 8", &[])).await;
    run(&from, |sql| sql.execute("DELETE FROM membership", &[])).await;
    begin().await.expect("gone on with").run().await.expect("the same again");
    let version = "SELECT version FROM resource WHERE source_id = 8";
    assert_eq!(run(&to, move |sql| sql.value::<i64>(version, &[])).await, Some(2));
    run(&to, |sql| sql.execute("UPDATE token SET revoked = 1", &[])).await;
    run(&to, |sql| sql.execute("UPDATE resource SET version = 3 WHERE source_id = 8", &[])).await;
    let error = begin().await.expect("gone on with").run().await.expect_err("not what was written");
    assert!(matches!(error, TransferError::Differs { table: "resource", written: 1_501, found: 1_501 }));
    let (_three, other) = sqlite();
    let error = Transfer::begin(other.clone(), to, |_| ()).await.err();
    assert!(matches!(error, Some(TransferError::OtherOrigin { .. })), "{error:?}");
    let error = Transfer::begin(other, from, |_| ()).await.err();
    assert!(matches!(error, Some(TransferError::Used(_))), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_move_to_the_same_place_copy_nothing_twice() {
    let (_folder, from) = filled();
    let database = Database::new();
    let (one, other) = (postgres(&database).await, postgres(&database).await);
    let begin = |to: &Records| Transfer::begin(from.clone(), to.clone(), |_| ());
    let (first, second) = (begin(&one).await.expect("begun"), begin(&other).await.expect("gone on with"));
    let (done, outdone) = tokio::join!(first.run(), second.run());
    for outcome in [done, outdone] {
        assert!(matches!(outcome, Ok(_) | Err(TransferError::Raced)), "{outcome:?}");
    }
    moved(&from, &one).await;
}

/// A move that was begun by a program which made keys in another form: what it has copied is not made
/// anew in the target, where it would no longer be what was copied, but copied anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_an_earlier_program_began_ends_with_the_keys_of_this_one() {
    let (_from, from) = filled();
    // What has the character NUL is made anew on the way, by this program.
    run(&from, |sql| sql.execute("DELETE FROM resource_key WHERE instr(key, char(0)) > 0", &[])).await;
    run(&from, |sql| sql.execute("UPDATE resource_key SET key = upper(key)", &[])).await;
    let database = Database::new();
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = || -> Records { SqliteStore::open_incomplete(folder.path()).expect("a store").into() };
    let (in_postgres, in_sqlite) = (postgres(&database).await, sqlite());
    let begin = |to: &Records| Transfer::begin(from.clone(), to.clone(), |_| ());
    for to in [&in_postgres, &in_sqlite] {
        begin(to).await.expect("begun").run().await.expect("the same");
    }
    run(&in_postgres, |sql| sql.execute("UPDATE index_form SET wanted = wanted - 1, made = made - 1", &[]))
        .await;
    run(&in_sqlite, |sql| sql.query("PRAGMA user_version = 7", &[])).await;
    drop((in_postgres, in_sqlite));
    run(&from, |sql| crate::records::make_anew(sql)).await;
    let (in_postgres, in_sqlite) = (postgres(&database).await, sqlite());
    assert_eq!(moved(&from, &in_postgres).await, moved(&from, &in_sqlite).await);
    drop(in_sqlite);
    let whole: Records = SqliteStore::open(folder.path()).expect("a store").into();
    assert!(equal(&keys(&from).await, &keys(&whole).await));
    let opened = PostgresStore::connect(&database.url(), PoolLimits::default()).await.map(drop);
    opened.expect("the target has the form of this program");
    let forms = "SELECT COUNT(*) FROM index_form WHERE wanted = made AND made = ?1";
    let form = crate::form::FORM;
    assert_eq!(run(&in_postgres, move |sql| sql.count(forms, &[form.into()])).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_too_long_for_postgresql_is_named_as_such() {
    let (_folder, from) = sqlite();
    let insert = "INSERT INTO membership VALUES (1, ?1, ?2)";
    run(&from, move |sql| sql.execute(insert, &[vec![1_u8; 16].into(), vec![1_u8; 2_018].into()])).await;
    let database = Database::new();
    let transfer = Transfer::begin(from, postgres(&database).await, |_| ()).await.expect("begun");
    let error = transfer.run().await.expect_err("too long").to_string();
    assert_eq!(error, "membership: the value of a member is too long to be stored");
}
