//! The store on SQLite: one writer thread that commits many change sets at once, and readers that
//! never wait for it.

mod apply;
mod checkpoints;
mod condition;
mod credentials;
mod disk;
mod functions;
mod log_file;
mod migrate;
mod read;
mod readers;
mod reindex;
mod requests;
mod room;
mod search;
mod selection;
mod sql;
mod stretches;
mod unreadable;
mod writer;

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use async_trait::async_trait;
use headwater_scim::index;
use rusqlite::{Connection, config::DbConfig};

pub use requests::{Resolve, SqliteRequestLog};

use self::{
    checkpoints::{Checkpoints, Log},
    condition::Condition,
    credentials::{Credentials, LOOK_EVERY},
    readers::{Commits, Readers, Snapshot},
    unreadable::told_apart,
    writer::Writer,
};
use crate::{
    Applied, ApplyError, Boundary, ChangeSet, Credential, Include, MemberId, Millis, Named, Page, Query,
    ReadPage, RelatedPage, ResourceId, SourceId, Store, StoreError, StoredResource, TokenUse,
    UnknownAttribute, WentOn,
    blocking::blocking,
    lock, pages,
    places::Places,
    records::{self, Registries},
    transfer,
    walks::Walks,
};

/// The name of the database in the data folder.
const FILE: &str = "headwater.db";
/// Of how many resources it is read what they are called where an async thread waits.
const QUICK_NAMES: usize = 100;
/// How long a statement waits for another process that is writing, such as the command line.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A store in one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    condition: Arc<Condition>,
    writer: Writer,
    log: Arc<Log>,
    commits: Arc<Commits>,
    readers: Arc<Readers>,
    credentials: Credentials,
    registries: Arc<Registries>,
    walks: Walks,
    searches: Places,
    _checkpoints: Checkpoints,
}

impl SqliteStore {
    /// Opens the store in a folder, which is made where it is missing, and brings its schema up
    /// to date.
    ///
    /// # Errors
    /// The folder can't be used, the data is newer than the program ([`StoreError::TooNew`]), or not
    /// all of it is there ([`StoreError::Incomplete`]).
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let store = Self::open_incomplete(folder)?;
        store.shared.readers.read_latest(|snapshot| {
            match transfer::progress::origin(snapshot.connection)? {
                Some(origin) => Err(StoreError::Incomplete(origin)),
                None => Ok(()),
            }
        })?;
        Ok(store)
    }

    /// Like [`Self::open`], also where a directory is being moved to: for who moves it there.
    ///
    /// # Errors
    /// As [`Self::open`], but for [`StoreError::Incomplete`].
    pub fn open_incomplete(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let unusable = |source| StoreError::Folder { path: folder.display().to_string(), source };
        make_private_folder(folder).map_err(unusable)?;
        let condition = Arc::new(Condition::new(&path));
        let connection = {
            // One process after the other: the second finds the schema as the first has left it.
            let _turn = Turn::take(folder).map_err(unusable)?;
            check_not_lost(folder, &path)?;
            open_private(&path).map_err(unusable)?;
            open_current(&path).map_err(|error| match condition.explained(error) {
                StoreError::Database(error) => unusable(room::cause(&path, error)),
                error => error,
            })?
        };
        let credentials = Credentials::open(folder)
            .map_err(|source| StoreError::Folder { path: folder.display().to_string(), source })?;
        let log = Arc::<Log>::default();
        let commits = Arc::new(Commits::default());
        let readers = Arc::new(Readers::new(&path, Arc::clone(&commits), Arc::clone(&condition)));
        let checkpoints =
            Checkpoints::start(&path, Arc::clone(&log), Arc::clone(&readers), Arc::clone(&condition))?;
        let (counted, read) = (Arc::clone(&commits), Arc::clone(&readers));
        let writer = Writer::start(connection, Arc::clone(&log), counted, read, Arc::clone(&condition));
        let shared = Shared {
            path,
            condition,
            writer,
            log,
            commits,
            readers,
            credentials,
            registries: Arc::default(),
            walks: Walks::default(),
            searches: Places::new(most_searches(), pages::MOST_TIME),
            _checkpoints: checkpoints,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Opens the store in a folder that has one already.
    ///
    /// # Errors
    /// As [`Self::open`], and [`StoreError::NoData`] when there is none.
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        if has_data(folder)? {
            Self::open(folder)
        } else {
            Err(StoreError::NoData(folder.display().to_string()))
        }
    }

    /// Where the database is, and how many bytes it takes with its log.
    pub(crate) fn size(&self) -> (PathBuf, u64) {
        let path = &self.shared.path;
        let wal = path.with_extension("db-wal");
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        (path.clone(), length(path) + length(&wal))
    }

    /// The registries of sources that are in memory.
    pub(crate) fn registries(&self) -> Arc<Registries> {
        Arc::clone(&self.shared.registries)
    }

    /// Runs a change, whole or not at all, and returns once it is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.condition.check()?;
        self.shared.writer.run(work).await.map_err(|error| self.shared.condition.noted(error))
    }

    /// Runs a change to sources or tokens, tells every process of it, and returns when each has looked.
    pub(crate) async fn administer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.condition.check()?;
        let announced = self.shared.credentials.announce_change();
        announced
            .map_err(|source| StoreError::Folder { path: self.shared.path.display().to_string(), source })?;
        let shared = Arc::clone(&self.shared);
        // By the writer, whoever waits for that: what was read in between is not to be kept.
        let behind = move || {
            if let Err(error) = shared.credentials.announce_change() {
                tracing::error!(%error, "a change of sources or tokens is known to this process alone for some seconds");
                shared.credentials.forget();
            }
        };
        let done = self.shared.writer.run_and_then(work, behind).await;
        let done = done.map_err(|error| self.shared.condition.noted(error))?;
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(done)
    }

    /// Drops the credentials that are kept when a change was planned with what its source was before.
    fn forget_if_old(&self, applied: &Result<Applied, ApplyError>) {
        if matches!(applied, Err(ApplyError::SourceChanged)) {
            self.shared.credentials.forget();
        }
    }

    /// Reads in one snapshot what may take longer than an async thread should be held.
    async fn read_long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.shared.readers);
        blocking(move |_| readers.read(read)).await
    }
}

/// How many searches are made at once that take longer than an async thread should be held.
fn most_searches() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).saturating_mul(2).max(8)
}

#[async_trait]
impl Store for SqliteStore {
    async fn credential(&self, slug: &str, lookup: [u8; 8]) -> Result<Option<Arc<Credential>>, StoreError> {
        let registries = &self.shared.registries;
        let load = || {
            let latest =
                |snapshot: &Snapshot<'_>| records::credential(snapshot.connection, registries, slug, lookup);
            let found = self.shared.readers.read_latest(latest)?;
            if found.is_some() {
                // What is read with this registry has to be as new as it is.
                self.shared.commits.outdate();
            }
            Ok(found)
        };
        self.shared.credentials.get(slug, lookup, load)
    }

    async fn resource(
        &self,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
        include: Include,
    ) -> Result<Option<StoredResource>, StoreError> {
        if !include.members {
            let quickly = |snapshot: &Snapshot<'_>| {
                snapshot.be_quick();
                read::resource(snapshot, source, resource_type, id, include)
            };
            match self.shared.readers.read_of(&[id], quickly) {
                Err(StoreError::NotQuick) => {}
                found => return found,
            }
        }
        let resource_type = resource_type.to_owned();
        self.read_long(move |snapshot| read::resource(snapshot, source, &resource_type, id, include)).await
    }

    async fn search(&self, source: SourceId, query: Query) -> Result<Page, StoreError> {
        if pages::is_quick(&query) {
            let quickly = |snapshot: &Snapshot<'_>| {
                snapshot.be_quick();
                search::search(snapshot, source, &query, None)
            };
            match self.shared.readers.read(quickly) {
                Err(StoreError::NotQuick) => {}
                found => return found,
            }
        }
        self.shared.log.pass().await;
        let is_scan = !query.is_by_index();
        let place = if is_scan { Some(self.shared.searches.take(source).await?) } else { None };
        let readers = Arc::clone(&self.shared.readers);
        blocking(move |wanted| {
            let found = readers.read(|snapshot| search::search(snapshot, source, &query, Some(wanted)));
            drop(place);
            found
        })
        .await
    }

    async fn members_after(
        &self,
        source: SourceId,
        id: ResourceId,
        after: &MemberId,
    ) -> Result<RelatedPage, StoreError> {
        let after = after.clone();
        self.read_long(move |snapshot| read::members(snapshot.connection, source, id, &after)).await
    }

    async fn names(&self, source: SourceId, ids: &[ResourceId]) -> Result<Vec<Named>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new()); // with no statement, no snapshot would begin
        }
        if ids.len() > QUICK_NAMES {
            let ids = ids.to_owned();
            return self.read_long(move |snapshot| read::names(snapshot.connection, source, &ids)).await;
        }
        self.shared.readers.read_of(ids, |snapshot| read::names(snapshot.connection, source, ids))
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
        self.read_long(move |snapshot| read::referrers(snapshot.connection, source, code, id, most)).await
    }

    async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        self.shared.condition.check()?;
        let applied = self.shared.writer.apply(change_set).await;
        self.forget_if_old(&applied);
        applied.map_err(|error| self.shared.condition.noted_of_change(error))
    }

    async fn apply_all(
        &self,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Vec<Result<Applied, ApplyError>>, StoreError> {
        self.shared.condition.check()?;
        let applied = self.shared.writer.apply_all(change_sets, most_failures).await;
        applied.iter().flatten().for_each(|applied| self.forget_if_old(applied));
        applied.map_err(|error| self.shared.condition.noted(error))
    }

    async fn note_unknown(&self, unknown: Vec<UnknownAttribute>) -> Result<(), StoreError> {
        self.write(move |connection| records::note_unknown(connection, &unknown)).await
    }

    async fn note_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.write(move |connection| records::note_uses(connection, &uses)).await
    }

    async fn go_on(&self, boundary: &Boundary, now: Millis) -> Result<Option<WentOn>, StoreError> {
        Ok(self.shared.walks.go_on(boundary, now))
    }

    async fn note_page(&self, page: ReadPage, now: Millis) -> Result<(), StoreError> {
        self.shared.walks.note(&page, now);
        Ok(())
    }

    async fn forget_pages(&self, now: Millis) -> Result<(), StoreError> {
        self.shared.walks.forget(now);
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.shared.condition.check()?;
        if !self.shared.writer.is_running() {
            return Err(StoreError::Closed);
        }
        let one = |connection: &Connection| connection.query_row("SELECT 1", [], |_| Ok(()));
        self.shared.readers.read_latest(|snapshot| Ok(one(snapshot.connection)?))
    }
}

/// Whether there is a store in a folder.
///
/// # Errors
/// It can't be seen, or the store that was there is lost ([`StoreError::Lost`]).
pub fn has_data(folder: &Path) -> Result<bool, StoreError> {
    let path = folder.join(FILE);
    let unusable = |source| StoreError::Folder { path: folder.display().to_string(), source };
    if path.try_exists().map_err(unusable)? {
        return Ok(true);
    }
    check_not_lost(folder, &path)?;
    Ok(false)
}

/// Refuses to begin anew in a folder that was used, and has lost its database: a log without it, or a note of
/// changes to sources, which are made in a database alone.
fn check_not_lost(folder: &Path, path: &Path) -> Result<(), StoreError> {
    // SQLite takes a file of one byte for an empty one, too.
    let is_empty = |path: &Path| std::fs::metadata(path).map_or(true, |metadata| metadata.len() <= 1);
    let left = [path.with_extension("db-wal"), folder.join(credentials::FILE)];
    match left.iter().find(|left| !is_empty(left)) {
        Some(left) if is_empty(path) => {
            Err(StoreError::Lost { path: path.display().to_string(), left: left.display().to_string() })
        }
        _ => Ok(()),
    }
}

/// Makes a folder where it is missing, open to nobody else: everything in it is personal.
///
/// # Errors
/// It can't be made.
pub fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Opens a file for appending, and makes it where it is missing, readable by nobody else. SQLite
/// gives its other files the rights of the database.
///
/// # Errors
/// It can't be opened.
pub fn open_private(file: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).append(true).open(file)
}

/// The turn of a process to open the database and to bring it up to date, given up when it is dropped.
struct Turn {
    _locked: std::fs::File,
}

impl Turn {
    /// Waits for the turn.
    fn take(folder: &Path) -> std::io::Result<Self> {
        let file = open_private(&folder.join(credentials::FILE))?;
        match file.lock() {
            // Some file systems have no such locks.
            Err(error) if error.kind() != std::io::ErrorKind::Unsupported => Err(error),
            _ => Ok(Self { _locked: file }),
        }
    }
}

/// Opens the database for writing, and brings its schema and its index up to date.
fn open_current(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = open_writing(path)?;
    match migrate::migrate(&mut connection).and_then(|()| reindex::reindex(&mut connection)) {
        Ok(()) => Ok(connection),
        Err(error) => Err(told_apart(&connection, error)),
    }
}

fn open_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = log_file::open(path)?;
    match prepare_for_writing(&connection, path) {
        Ok(()) => Ok(connection),
        Err(error) => Err(told_apart(&connection, error)),
    }
}

fn prepare_for_writing(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Durable before answered: the log is synchronised at every commit.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // What is deleted, such as a secret that was kept for a while, is overwritten where it costs nothing.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    // Checkpoints are made beside, and by the writer's thread; this is for what is written before it starts.
    let pages = room::pages_of_log(path, checkpoints::PAGES_OF_WRITER);
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(192);
    Ok(())
}
