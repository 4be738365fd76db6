//! Numbered migrations, applied when the store opens.

use rusqlite::Connection;

use crate::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::TooNew`] when a newer program has written the data; nothing is touched then.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_with(connection, embedded::migrations::runner())
}

/// Like [`migrate`], with other migrations.
pub(super) fn migrate_with(connection: &mut Connection, runner: refinery::Runner) -> Result<(), StoreError> {
    // All of them in one transaction, with what is noted of them: whoever ends in between has done nothing.
    let runner = runner.set_grouped(true);
    let known =
        runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0);
    let found = applied(connection)?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    if found < known {
        runner.run(connection)?;
    }
    Ok(())
}

fn applied(connection: &Connection) -> Result<i64, StoreError> {
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(0);
    }
    let version = "SELECT COALESCE(MAX(version), 0) FROM refinery_schema_history";
    Ok(connection.query_row(version, [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use refinery::{Migration, Runner, Target};

    use super::{embedded, migrate_with};
    use crate::{
        SourceId,
        sqlite::{SqliteStore, open_writing, stretches},
    };

    #[test]
    fn migrations_that_fail_half_way_have_done_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut connection = open_writing(&folder.path().join("t.db")).expect("a connection");
        let runner = |second: &str| {
            let migration = |name, sql| Migration::unapplied(name, sql).expect("a migration");
            Runner::new(&[
                migration("V1__first", "CREATE TABLE one (id INTEGER)"),
                migration("V2__second", second),
            ])
        };
        migrate_with(&mut connection, runner("CREATE TABLE two (id INTEGER); DROP TABLE three"))
            .expect_err("no table");
        assert!(!connection.table_exists(None, "one").expect("a look"));
        migrate_with(&mut connection, runner("CREATE TABLE two (id INTEGER)")).expect("migrated");
        assert!(connection.table_exists(None, "two").expect("a look"));
    }

    #[test]
    fn those_who_open_a_new_folder_at_once_wait_for_each_other() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().expect("a folder");
            let open = || SqliteStore::open(folder.path()).map(drop);
            let opened: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            assert!(opened.iter().all(Result::is_ok), "{opened:?}");
        }
    }

    /// Data of before there were stretches and numbers for paths: it is counted, and found, as it was.
    #[test]
    fn what_an_earlier_program_wrote_is_counted_and_indexed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut connection = open_writing(&folder.path().join("headwater.db")).expect("a connection");
        let earlier = embedded::migrations::runner().set_target(Target::Version(2));
        migrate_with(&mut connection, earlier).expect("migrated");
        let rows = "INSERT INTO source (id, slug, name, enabled, unique_display_names, created) VALUES (1, 's', 'S', 1, 1, 0);
            WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1500)
            INSERT INTO resource (source_id, id, type, version, created, last_modified, has_references, member_count, document)
            SELECT 1, unhex(printf('%032x', n)), 'User', 1, 0, 0, 0, 0, json_object('userName', 'User' || n, 'title', 'T') FROM number;
            INSERT INTO resource_key SELECT 1, 'User:userName', 'user1', unhex(printf('%032x', 1)), 1;
            PRAGMA user_version = 7";
        connection.execute_batch(rows).expect("rows of an earlier program");
        drop(connection);
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let connection = open_writing(&folder.path().join("headwater.db")).expect("a connection");
        assert_eq!(stretches::count(&connection, SourceId(1), "User").expect("counted"), 1_500);
        let (first, rest) = stretches::find(&connection, SourceId(1), "User", 1_234, 1_500).expect("a place");
        assert!(rest < 512, "{first:?} {rest}");
        let keys: i64 =
            connection.query_row("SELECT COUNT(*) FROM resource_key", [], |row| row.get(0)).expect("a count");
        assert_eq!(keys, 3_000, "userName and title of each");
    }
}
