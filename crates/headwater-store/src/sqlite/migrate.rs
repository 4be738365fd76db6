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
    migrate_with(connection, &embedded::migrations::runner())
}

/// Like [`migrate`], with other migrations.
pub(super) fn migrate_with(connection: &mut Connection, runner: &refinery::Runner) -> Result<(), StoreError> {
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
