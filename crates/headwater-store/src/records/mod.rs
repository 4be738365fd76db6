//! Everything but the requests of clients: sources, accounts, tokens, settings, the journal, lists.
//!
//! Written once, as functions over [`Sql`], for every database that there is. What they need of a
//! database beside its SQL stands here: where a read runs, and where a write does. Work is `Fn`,
//! because a database may give up a transaction and have it run again.

mod accounts;
mod index;
mod journal;
mod listing;
#[cfg(test)]
mod plans;
mod schemas;
mod settings;
mod sources;

use std::sync::Arc;

use crate::{
    StoreError,
    sql::{Sql, Value},
    sqlite::SqliteStore,
};

pub(crate) use index::make_anew;
pub(crate) use schemas::{Registries, note_unknown};
pub(crate) use sources::{credential, note_uses};

/// How many rows are in memory at once where all are gone through.
const PAGE: usize = 500;

/// The records of a store, read and changed.
#[derive(Clone)]
pub struct Records {
    database: Database,
    registries: Arc<Registries>,
}

/// Where the records are.
#[derive(Clone)]
enum Database {
    Sqlite(SqliteStore),
}

/// Where records are, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The kind of database, as a word for programs.
    pub kind: &'static str,
    /// The path of a file.
    pub location: String,
    /// How many bytes it takes.
    pub bytes: u64,
}

impl From<SqliteStore> for Records {
    fn from(store: SqliteStore) -> Self {
        Self { registries: store.registries(), database: Database::Sqlite(store) }
    }
}

impl Records {
    /// Runs what takes a few steps in an index, in one snapshot.
    #[expect(clippy::unused_async, reason = "what is in a file is read at once; elsewhere one waits")]
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.read_records(read),
        }
    }

    /// Like [`Self::read`], for what may take longer than an async thread should be held.
    async fn read_long<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.read_records_long(read).await,
        }
    }

    /// Runs a change, whole or not at all, and returns once it is durable.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.write(move |connection| work(connection)).await,
        }
    }

    /// Like [`Self::write`], for a change to sources or tokens: every process is told of it, so that
    /// none goes on with credentials that it remembers.
    async fn administer<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.administer(move |connection| work(connection)).await,
        }
    }

    /// Where the records are, and how many bytes they take.
    ///
    /// # Errors
    /// The database failed.
    #[expect(clippy::unused_async, reason = "what is in a file is read at once; elsewhere one waits")]
    pub async fn storage(&self) -> Result<Storage, StoreError> {
        match &self.database {
            Database::Sqlite(store) => {
                let (path, bytes) = store.size();
                Ok(Storage { kind: "sqlite", location: path.display().to_string(), bytes })
            }
        }
    }
}

/// A place below every key that is bytes.
fn lowest() -> Value {
    Value::Bytes(Vec::new())
}
