//! Numbered migrations, applied when the store opens. Many replicas may start at once: one of them
//! migrates, the others wait for it.

use tokio_postgres::{Client, error::SqlState};

use super::{address::Address, fault, hosts::Hosts, pool::PoolLimits};
use crate::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// How often the lock's table is tried to be made, should another replica make it at the same moment.
const TRIES: usize = 10;

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::TooNew`] when a newer program has written the data; nothing is touched then.
pub(super) async fn migrate(address: &Address, limits: PoolLimits) -> Result<(), StoreError> {
    let mut client = connect(address, limits).await?;
    check_encoding(&client).await?;
    if applied(&client).await? == known() {
        return Ok(());
    }
    let lock = connect(address, limits).await?;
    prepare_lock(&lock).await?;
    // It waits for others as long as they take, and idles while all is done beside it.
    let patient = "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                   SET LOCAL idle_in_transaction_session_timeout = 0";
    lock.batch_execute(patient).await?;
    lock.execute_typed("SELECT id FROM migration_lock WHERE id = 1 FOR UPDATE", &[]).await?;
    let migrated = run(&mut client).await;
    lock.batch_execute("COMMIT").await?;
    migrated
}

/// A database that makes something else of texts may not know all their characters. One without an encoding
/// (`SQL_ASCII`) takes them as they come.
async fn check_encoding(client: &Client) -> Result<(), StoreError> {
    let row = client.query_typed_one("SELECT pg_catalog.current_setting('server_encoding')", &[]).await?;
    match row.try_get::<_, String>(0)?.as_str() {
        "UTF8" | "SQL_ASCII" => Ok(()),
        other => Err(StoreError::Encoding(other.to_owned())),
    }
}

/// Whether there is a directory, of whatever version.
pub(super) async fn has_tables(address: &Address, limits: PoolLimits) -> Result<bool, StoreError> {
    Ok(applied(&connect(address, limits).await?).await? > 0)
}

/// Migrates; the lock is held.
async fn run(client: &mut Client) -> Result<(), StoreError> {
    let found = applied(client).await?;
    if found > known() {
        return Err(StoreError::TooNew { found, known: known() });
    }
    if found < known() {
        // All of them in one transaction, with what is noted of them: whoever ends in between has done nothing.
        embedded::migrations::runner().set_grouped(true).run_async(client).await?;
    }
    Ok(())
}

fn known() -> i64 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

async fn applied(client: &Client) -> Result<i64, StoreError> {
    let exists = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    if !client.query_typed_one(exists, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let version = "SELECT COALESCE(MAX(version), 0)::BIGINT FROM refinery_schema_history";
    Ok(client.query_typed_one(version, &[]).await?.try_get(0)?)
}

/// Makes the row that is locked by whoever migrates.
async fn prepare_lock(client: &Client) -> Result<(), StoreError> {
    let prepare = "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                   CREATE TABLE IF NOT EXISTS migration_lock (id BIGINT NOT NULL PRIMARY KEY); \
                   INSERT INTO migration_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING; COMMIT";
    for _ in 1..TRIES {
        match client.batch_execute(prepare).await {
            // Two that make a table at once: one of them is told that it, or its type, is there already.
            Err(error)
                if matches!(
                    error.code(),
                    Some(
                        &SqlState::UNIQUE_VIOLATION
                            | &SqlState::DUPLICATE_TABLE
                            | &SqlState::DUPLICATE_OBJECT
                    )
                ) =>
            {
                client.batch_execute("ROLLBACK").await?;
            }
            other => return Ok(other?),
        }
    }
    Ok(client.batch_execute(prepare).await?)
}

/// A connection of its own, which ends when the client is dropped.
async fn connect(address: &Address, limits: PoolLimits) -> Result<Client, StoreError> {
    let hosts = Hosts::new(address, limits.connect);
    match tokio::time::timeout(limits.wait, hosts.connect()).await {
        Ok(Ok((client, _))) => Ok(client),
        Ok(Err(error)) => Err(fault::of_connecting(&error)),
        Err(_) => Err(StoreError::Unavailable("no connection could be made in time".to_owned())),
    }
}
