//! Both stores for the same tests.
#![allow(dead_code, reason = "each of the tests uses a part")]

use std::sync::Arc;

use headwater_store::{
    Act, NewSource, NewToken, Records, Slug, SourceId, Store,
    postgres::{PoolLimits, PostgresStore},
    sqlite::SqliteStore,
};
use headwater_testkit::postgres::Database;
use tempfile::TempDir;
use uuid::Uuid;

/// A store of one kind, in which sources can be made.
pub(crate) enum Kind {
    /// A new file for each source.
    Sqlite,
    /// One database for all sources.
    Postgres(Postgres),
}

pub(crate) struct Postgres {
    pub(crate) store: PostgresStore,
    pub(crate) database: Database,
}

/// A source in a store.
pub(crate) struct Under {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) source: SourceId,
    pub(crate) records: Records,
    _folder: Option<TempDir>,
}

impl Postgres {
    pub(crate) async fn new() -> Self {
        let database = Database::new();
        let store = PostgresStore::connect(&database.url(), PoolLimits::default()).await.expect("connected");
        Self { store, database }
    }

    /// A connection beside the store's.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.database.url(), tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        client
    }

    /// Makes a source.
    pub(crate) async fn source(client: &tokio_postgres::Client, slug: &str) -> SourceId {
        let insert = "INSERT INTO source (slug, name, enabled, unique_display_names, created) \
                      VALUES ($1, 'S', 1, 1, 0) RETURNING id";
        let source: i64 = client.query_one(insert, &[&slug]).await.expect("a source").get(0);
        let number = "INSERT INTO source_sequence (source_id, last) VALUES ($1, 0)";
        client.execute(number, &[&source]).await.expect("numbered");
        SourceId(source)
    }
}

impl Under {
    /// A new source in a store of a kind.
    pub(crate) async fn new(kind: &Kind) -> Self {
        let (store, records, folder): (Arc<dyn Store>, Records, _) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                let store = SqliteStore::open(folder.path()).expect("a store");
                (Arc::new(store.clone()), store.into(), Some(folder))
            }
            Kind::Postgres(Postgres { store, .. }) => (Arc::new(store.clone()), store.clone().into(), None),
        };
        let sources = records.sources().await.expect("the sources").len();
        let slug = Slug::parse(&format!("s{sources}")).expect("a slug");
        let new = NewSource::new(slug, "S".to_owned(), Uuid::nil(), NewToken::new(Uuid::nil(), [0; 32]));
        let source = records.create_source(new, Act::of_server(0)).await.expect("a source").id;
        Self { store, source, records, _folder: folder }
    }

    /// How many lines the journal has.
    pub(crate) async fn changes(&self) -> u64 {
        self.records.counts(self.source).await.expect("counted").changes
    }
}

/// Runs a test on one kind of store.
pub(crate) fn on_postgres<T>(test: impl AsyncFnOnce(&Kind) -> T) -> T {
    let runtime = runtime();
    runtime.block_on(async { test(&Kind::Postgres(Postgres::new().await)).await })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
