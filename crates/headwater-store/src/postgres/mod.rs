//! The store on PostgreSQL, for any number of replicas at once. None of them has a state of its own
//! that another would have to know.
//!
//! A write locks the row of its source in `source_sequence` and numbers its lines of the journal from
//! there. The lock is held until the end of the transaction: so numbers have no gaps and are in the
//! order of the commits, and whoever follows the journal by its numbers never misses one that comes
//! late. It also puts the writers of a source in line, so that what a transaction has read behind the
//! lock holds until it has written.

mod address;
mod backend;
mod batch;
mod credentials;
mod direct;
mod edits;
mod fault;
mod flush;
mod gather;
mod hosts;
pub(crate) mod keys;
mod large;
mod migrate;
mod notes;
mod overlay;
mod pool;
mod queue;
mod read;
mod reindex;
mod relations;
mod requests;
mod rows;
mod search;
mod selection;
mod server;
mod session;
mod source;
mod sql;
mod statement;
mod stretches;
mod tls;
mod walks;

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use headwater_scim::index;

pub use pool::PoolLimits;
pub use requests::PostgresRequestLog;

use self::{
    address::Address,
    credentials::Credentials,
    direct::Direct,
    pool::{Connection, Connections},
    queue::Queues,
    walks::Walks,
};
use crate::{
    Applied, ApplyError, Boundary, ChangeSet, Credential, Include, MemberId, Millis, Named, Page, Query,
    ReadPage, RelatedPage, ResourceId, SourceId, Store, StoreError, StoredResource, TokenUse,
    UnknownAttribute, WentOn, places::Places, transfer,
};

/// A store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Connections,
    queues: Queues,
    credentials: Credentials,
    walks: Walks,
    /// For searches that keep a connection for long.
    searches: Places,
}

impl PostgresStore {
    /// Connects to a database, and brings its schema and the form of its index up to date.
    ///
    /// The URL is that of libpq, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`; several hosts may be
    /// named, of which the one that takes writes is used. `sslmode` is `disable`, `prefer`, `require`
    /// or `verify-full`. Wherever TLS is used, the server's certificate is verified, against the file
    /// of certificates that `sslrootcert` names, or else against what the operating system trusts.
    /// Without an `sslmode` TLS is required, but of a database on this machine. `sslcert` and `sslkey`
    /// name the files of a certificate that is shown to the server.
    ///
    /// # Errors
    /// [`StoreError::Address`]; [`StoreError::NotLetIn`]; [`StoreError::Insecure`];
    /// [`StoreError::Unavailable`]; the data is newer than the program ([`StoreError::TooNew`],
    /// [`StoreError::OtherForm`]), or not all of it is there ([`StoreError::Incomplete`]).
    pub async fn connect(url: &str, limits: PoolLimits) -> Result<Self, StoreError> {
        let store = Self::connect_incomplete(url, limits).await?;
        store.origin().await?.map_or(Ok(store), |origin| Err(StoreError::Incomplete(origin)))
    }

    /// Like [`Self::connect`], to a database that has a directory already.
    ///
    /// # Errors
    /// As [`Self::connect`], and [`StoreError::NoData`] when there is none.
    pub async fn connect_existing(url: &str, limits: PoolLimits) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        if !migrate::has_tables(&address, limits).await.map_err(|error| at(&address, error))? {
            return Err(StoreError::NoData(address.location()));
        }
        Self::connect(url, limits).await
    }

    /// Like [`Self::connect`], also where a directory is being moved to: for who moves it there.
    ///
    /// # Errors
    /// As [`Self::connect`], but for [`StoreError::Incomplete`].
    pub async fn connect_incomplete(url: &str, limits: PoolLimits) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        migrate::migrate(&address, limits).await.map_err(|error| at(&address, error))?;
        let connections = Connections::new(address, limits)?;
        connections.close_unused();
        let queues = Queues::new(connections.clone());
        let credentials = Credentials::new(connections.clone());
        let walks = Walks::new(connections.clone());
        // The other connections are left for what takes no time.
        let searches = Places::new(limits.connections / 2, limits.answer);
        let store = Self { shared: Arc::new(Shared { connections, queues, credentials, walks, searches }) };
        match store.origin().await? {
            Some(_) => store.adopt_form().await?,
            None => store.bring_to_form().await?,
        }
        Ok(store)
    }

    /// Where the directory is being moved from that is not wholly here yet.
    async fn origin(&self) -> Result<Option<String>, StoreError> {
        self.read_without_snapshot(|sql| transfer::progress::origin(sql)).await
    }

    /// Which database on which host, without user and password.
    pub(crate) fn location(&self) -> String {
        self.shared.connections.location()
    }

    async fn read<T, F>(&self, read: impl Fn(Connection) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<(T, Connection), StoreError>>,
    {
        self.shared.connections.read(read).await
    }

    /// Notes something that may be noted twice.
    async fn note<F>(&self, note: impl FnOnce(Connection) -> F) -> Result<(), StoreError>
    where
        F: Future<Output = Result<Connection, StoreError>>,
    {
        let connections = &self.shared.connections;
        let noted = async {
            note(connections.get().await?).await?.release();
            Ok(())
        };
        connections.answered(connections.deadline(), noted).await
    }

    /// Forgets the credentials that are remembered when a change was planned with what its source was before.
    fn forget_if_old(&self, applied: &Result<Applied, ApplyError>) {
        if matches!(applied, Err(ApplyError::SourceChanged)) {
            self.shared.credentials.forget();
        }
    }
}

/// Says of a database that can't be reached, or doesn't let us in, which one it is.
fn at(address: &Address, error: StoreError) -> StoreError {
    let located = |reason: String| format!("{}: {reason}", address.location());
    match error {
        StoreError::Unavailable(reason) => StoreError::Unavailable(located(reason)),
        StoreError::NotLetIn(reason) => StoreError::NotLetIn(located(reason)),
        StoreError::Insecure(reason) => StoreError::Insecure(located(reason)),
        error => error,
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn credential(&self, slug: &str, lookup: [u8; 8]) -> Result<Option<Arc<Credential>>, StoreError> {
        self.shared.credentials.get(slug, lookup).await
    }

    async fn resource(
        &self,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
        include: Include,
    ) -> Result<Option<StoredResource>, StoreError> {
        let read = async |connection: Connection| {
            Ok((read::resource(&connection, source, resource_type, id, include).await?, connection))
        };
        self.read(read).await
    }

    async fn search(&self, source: SourceId, query: Query) -> Result<Page, StoreError> {
        if let Some(direct) = Direct::of(&query) {
            return self
                .read(async |connection| Ok((direct.search(&connection, source, &query).await?, connection)))
                .await;
        }
        let is_scan = !query.is_by_index();
        let place = if is_scan { Some(self.shared.searches.take(source).await?) } else { None };
        self.read_snapshot(move |session| {
            let _held = &place;
            search::search(session, source, &query)
        })
        .await
    }

    async fn members_after(
        &self,
        source: SourceId,
        id: ResourceId,
        after: &MemberId,
    ) -> Result<RelatedPage, StoreError> {
        self.read(async |connection| {
            Ok((read::members_after(&connection, source, id, after.as_bytes()).await?, connection))
        })
        .await
    }

    async fn names(&self, source: SourceId, ids: &[ResourceId]) -> Result<Vec<Named>, StoreError> {
        self.read(async |connection| Ok((read::names(&connection, source, ids).await?, connection))).await
    }

    async fn referrers(
        &self,
        source: SourceId,
        resource_type: &str,
        path: &str,
        id: ResourceId,
        most: usize,
    ) -> Result<Vec<StoredResource>, StoreError> {
        let code = index::code(resource_type, path);
        self.read(async |connection| {
            Ok((read::referrers(&connection, source, code, id, most).await?, connection))
        })
        .await
    }

    async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        let applied = self.shared.queues.apply(change_set).await;
        self.forget_if_old(&applied);
        applied
    }

    async fn apply_all(
        &self,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Vec<Result<Applied, ApplyError>>, StoreError> {
        let applied = self.shared.queues.apply_all(change_sets, most_failures).await;
        applied.iter().flatten().for_each(|applied| self.forget_if_old(applied));
        applied
    }

    async fn note_unknown(&self, unknown: Vec<UnknownAttribute>) -> Result<(), StoreError> {
        self.note(async |connection| notes::note_unknown(&connection, &unknown).await.map(|()| connection))
            .await
    }

    async fn note_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.note(async |connection| notes::note_uses(&connection, &uses).await.map(|()| connection)).await
    }

    async fn go_on(&self, boundary: &Boundary, now: Millis) -> Result<Option<WentOn>, StoreError> {
        self.shared.walks.go_on(boundary, now).await
    }

    async fn note_page(&self, page: ReadPage, now: Millis) -> Result<(), StoreError> {
        self.shared.walks.note(&page, now).await
    }

    async fn forget_pages(&self, now: Millis) -> Result<(), StoreError> {
        self.shared.walks.forget(now).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(async |connection| {
            reindex::check(reindex::wanted(&connection).await?)?;
            Ok(((), connection))
        })
        .await
    }
}
