//! The store on SQLite: one writer thread that commits many change sets at once, and readers that
//! never wait for it.

mod apply;
mod checkpoints;
mod credentials;
mod damage;
mod functions;
mod migrate;
mod read;
mod reindex;
mod requests;
mod search;
mod selection;
mod sql;
mod stretches;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use headwater_scim::index;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

pub use requests::{Resolve, SqliteRequestLog};

use self::{
    checkpoints::Checkpoints, credentials::Credentials, damage::Condition, functions::Slots, writer::Writer,
};
use crate::{
    Applied, ApplyError, ChangeSet, Credential, Include, MemberId, Named, Page, Query, RelatedPage,
    ResourceId, SourceId, Store, StoreError, StoredResource, TokenUse, UnknownAttribute, lock, pages,
    records::{self, Registries},
};

/// The name of the database in the data folder.
const FILE: &str = "headwater.db";
/// How long a statement waits for another process that is writing, such as the command line.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many reading connections are kept open when nobody uses them.
const IDLE_READERS: usize = 32;

/// A store in one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    condition: Condition,
    writer: Writer,
    idle: Mutex<Vec<Reader>>,
    credentials: Credentials,
    registries: Arc<Registries>,
    _checkpoints: Checkpoints,
}

/// A reading connection and the filters that its SQL functions evaluate.
struct Reader {
    connection: Connection,
    slots: Slots,
}

impl SqliteStore {
    /// Opens the store in a folder, which is made where it is missing, and brings its schema up
    /// to date.
    ///
    /// # Errors
    /// The folder can't be used, or the data is newer than the program ([`StoreError::TooNew`]).
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        make_private_folder(folder)
            .and_then(|()| open_private(&path))
            .map_err(|source| StoreError::Folder { path: folder.display().to_string(), source })?;
        let condition = Condition::new(&path);
        let connection = open_current(&path).map_err(|error| condition.explained(error))?;
        let credentials = Credentials::open(folder)
            .map_err(|source| StoreError::Folder { path: folder.display().to_string(), source })?;
        let written = Arc::new(AtomicBool::new(false));
        let checkpoints = Checkpoints::start(&path, Arc::clone(&written))?;
        let writer = Writer::start(connection, written);
        let shared = Shared {
            path,
            condition,
            writer,
            idle: Mutex::default(),
            credentials,
            registries: Arc::default(),
            _checkpoints: checkpoints,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Opens the store in a folder that has one already.
    ///
    /// # Errors
    /// As [`Self::open`], and [`StoreError::NoData`] when there is none.
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        if folder.join(FILE).exists() {
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

    /// Runs `read` on a reading connection, in one snapshot.
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection, &Slots) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.reading(|reader| {
            reader.connection.prepare_cached("BEGIN")?.execute([])?;
            let result = read(&reader.connection, &reader.slots)?;
            reader.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(result)
        })
    }

    /// Like [`Self::read`], for a single statement: that is one snapshot by itself.
    fn peek<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.reading(|reader| read(&reader.connection))
    }

    fn reading<T>(&self, read: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let reader = self.reader()?;
        // On an error the connection is closed, and with it its transaction.
        let result = read(&reader).map_err(|error| self.shared.condition.noted(error))?;
        self.give_back(reader);
        Ok(result)
    }

    fn reader(&self) -> Result<Reader, StoreError> {
        let pooled = lock(&self.shared.idle).pop();
        pooled.map_or_else(|| open_reading(&self.shared.path), Ok)
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = lock(&self.shared.idle);
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
    }

    /// Runs a change, whole or not at all, and returns once it is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.condition.check()?;
        self.shared.writer.run(work).await.map_err(|error| self.shared.condition.noted(error))
    }

    /// Runs a change to sources or tokens, and tells every process of it.
    pub(crate) async fn administer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let announce = || {
            let announced = self.shared.credentials.announce_change();
            announced
                .map_err(|source| StoreError::Folder { path: self.shared.path.display().to_string(), source })
        };
        announce()?;
        let done = self.write(work).await?;
        announce()?;
        Ok(done)
    }

    /// Like [`Self::read`], for what may take longer than an async thread should be held.
    async fn read_long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Slots) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        match tokio::task::spawn_blocking(move || store.read(read)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Closed),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn credential(&self, slug: &str, lookup: [u8; 8]) -> Result<Option<Arc<Credential>>, StoreError> {
        let registries = &self.shared.registries;
        let load = || self.read(|connection, _| records::credential(connection, registries, slug, lookup));
        self.shared.credentials.get(slug, lookup, load)
    }

    async fn resource(
        &self,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
        include: Include,
    ) -> Result<Option<StoredResource>, StoreError> {
        if include.members {
            let resource_type = resource_type.to_owned();
            return self
                .read_long(move |connection, _| {
                    read::resource(connection, source, &resource_type, id, include)
                })
                .await;
        }
        // Most users are in no group: then all there is to know comes with one statement.
        let alone = self.peek(|connection| read::resource_alone(connection, source, resource_type, id))?;
        match alone {
            None => Ok(None),
            Some((_, true)) if include.groups => {
                self.read(|connection, _| read::resource(connection, source, resource_type, id, include))
            }
            Some((resource, _)) => {
                Ok(Some(StoredResource { groups: include.groups.then(Vec::new), ..resource }))
            }
        }
    }

    async fn search(&self, source: SourceId, query: Query) -> Result<Page, StoreError> {
        if pages::is_quick(&query) {
            return self.read(|connection, slots| search::search(connection, slots, source, &query));
        }
        self.read_long(move |connection, slots| search::search(connection, slots, source, &query)).await
    }

    async fn members_after(
        &self,
        source: SourceId,
        id: ResourceId,
        after: &MemberId,
    ) -> Result<RelatedPage, StoreError> {
        let after = after.clone();
        self.read_long(move |connection, _| read::members(connection, source, id, &after)).await
    }

    async fn names(&self, source: SourceId, ids: &[ResourceId]) -> Result<Vec<Named>, StoreError> {
        self.read(|connection, _| read::names(connection, source, ids))
    }

    async fn referrers(
        &self,
        source: SourceId,
        resource_type: &str,
        path: &str,
        id: ResourceId,
    ) -> Result<Vec<StoredResource>, StoreError> {
        let code = index::code(resource_type, path);
        self.read_long(move |connection, _| read::referrers(connection, source, code, id)).await
    }

    async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        self.shared.condition.check()?;
        let applied = self.shared.writer.apply(change_set).await;
        applied.map_err(|error| self.shared.condition.noted_of_change(error))
    }

    async fn apply_all(
        &self,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Vec<Result<Applied, ApplyError>>, StoreError> {
        self.shared.condition.check()?;
        let applied = self.shared.writer.apply_all(change_sets, most_failures).await;
        applied.map_err(|error| self.shared.condition.noted(error))
    }

    async fn note_unknown(&self, unknown: Vec<UnknownAttribute>) -> Result<(), StoreError> {
        self.write(move |connection| records::note_unknown(connection, &unknown)).await
    }

    async fn note_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        self.write(move |connection| records::note_uses(connection, &uses)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.shared.condition.check()?;
        self.peek(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?))
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

/// Opens the database for writing, and brings its schema and its index up to date.
fn open_current(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = open_writing(path)?;
    migrate::migrate(&mut connection)?;
    reindex::reindex(&mut connection)?;
    Ok(connection)
}

fn open_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Durable before answered: the log is synchronised at every commit.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // What is deleted, such as a secret that was kept for a while, is overwritten where it costs nothing.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    // Checkpoints are made beside; the writer makes one when the log is as long as this.
    connection.pragma_update(None, "wal_autocheckpoint", 32_000)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(192);
    Ok(connection)
}

fn open_reading(path: &Path) -> Result<Reader, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    // Plans don't depend on parameters: a statement that is kept need not be planned anew with each.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    let slots = Slots::default();
    functions::register(&connection, &slots)?;
    Ok(Reader { connection, slots })
}
