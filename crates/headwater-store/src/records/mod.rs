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
    postgres::PostgresStore,
    sql::{Sql, Value},
    sqlite::SqliteStore,
};

pub(crate) use index::{make_anew, make_some_anew};
pub(crate) use listing::count;
pub(crate) use schemas::{Registries, note_unknown, registry};
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
    Postgres(PostgresStore),
}

/// Where records are, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The kind of database, as a word for programs.
    pub kind: &'static str,
    /// The path of a file, or which database on which host.
    pub location: String,
    /// How many bytes it takes.
    pub bytes: u64,
}

impl From<SqliteStore> for Records {
    fn from(store: SqliteStore) -> Self {
        Self { registries: store.registries(), database: Database::Sqlite(store) }
    }
}

impl From<PostgresStore> for Records {
    fn from(store: PostgresStore) -> Self {
        Self { registries: Arc::default(), database: Database::Postgres(store) }
    }
}

impl Records {
    /// Runs what takes a few steps in an index, in one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.read_records(read),
            Database::Postgres(store) => store.read_records(read).await,
        }
    }

    /// Like [`Self::read`], for what may take longer than an async thread should be held.
    pub(crate) async fn read_long<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.read_records_long(read).await,
            Database::Postgres(store) => store.read_records(read).await,
        }
    }

    /// Runs a change, whole or not at all, and returns once it is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.write(move |connection| work(connection)).await,
            Database::Postgres(store) => store.write_records(work).await,
        }
    }

    /// Like [`Self::write`], for a change to sources or tokens: every process is told of it, so that
    /// none goes on with credentials that it remembers.
    pub(crate) async fn administer<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(store) => store.administer(move |connection| work(connection)).await,
            Database::Postgres(store) => store.administer(work).await,
        }
    }

    /// Like [`Self::administer`], for a source or a token that is new: nobody remembers anything of it, so that none
    /// has to be waited for on PostgreSQL. On SQLite other processes are told that there is something to read.
    pub(crate) async fn introduce<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.database {
            Database::Sqlite(_) => self.administer(work).await,
            Database::Postgres(_) => self.write(work).await,
        }
    }

    /// Where the records are, in words that are the same however it was said.
    pub fn place(&self) -> String {
        match &self.database {
            Database::Sqlite(store) => {
                let (path, _) = store.size();
                let folder = path.parent().unwrap_or(&path);
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                format!("the data folder {}", folder.display())
            }
            Database::Postgres(store) => format!("the PostgreSQL database {}", store.location()),
        }
    }

    /// Where the records are, and how many bytes they take.
    ///
    /// # Errors
    /// The database failed.
    pub async fn storage(&self) -> Result<Storage, StoreError> {
        match &self.database {
            Database::Sqlite(store) => {
                let (path, bytes) = store.size();
                Ok(Storage { kind: "sqlite", location: path.display().to_string(), bytes })
            }
            Database::Postgres(store) => {
                let size = "SELECT pg_database_size(current_database())";
                let bytes = store.read_records(move |sql| sql.count(size, &[])).await?;
                Ok(Storage { kind: "postgresql", location: store.location(), bytes })
            }
        }
    }
}

/// A place below every key that is bytes.
fn lowest() -> Value {
    Value::Bytes(Vec::new())
}
