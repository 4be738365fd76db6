//! The request log on SQLite: a file of its own beside the directory, written by one thread in
//! batches, so that no request waits for it and nothing of it is in the way of the directory.

mod list;
mod writer;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    thread,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use self::writer::Writing;
use super::{
    condition::is_damage, lock, log_file, make_private_folder, migrate, open_private, room,
    unreadable::told_apart,
};
use crate::{
    Millis, SourceId, StoreError,
    blocking::blocking,
    requests::{
        Hour, LogState, Milestones, NewRequest, RequestLog, RequestPage, RequestQuery, RequestRecord,
        RetentionLimits, Traffic, UNMATCHED,
        queue::Queue,
        read::{self, Tables},
    },
};

/// The name of the database in the data folder.
const FILE: &str = "requests.db";
/// What a file is called that could not be used.
const DAMAGED: &str = "requests.db.damaged";
/// How many reading connections are kept open when nobody uses them.
const IDLE_READERS: usize = 4;
/// How long a statement waits for another one that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many pages SQLite's own log has when it is ended. Each time that is synchronised with the disk, which the
/// directory's commits wait for too.
const MOST_PAGES: i32 = 8_000;

/// Numbers are given over all sources.
const TABLES: Tables =
    Tables { messages: "request_body WHERE sequence = ?2", last_heard: "source WHERE source_id = ?1" };

mod embedded {
    refinery::embed_migrations!("migrations/requests");
}

/// Finds the source of a slug. It is called by the thread that writes, for requests whose token
/// was not looked up.
pub type Resolve = Box<dyn Fn(&str) -> Option<SourceId> + Send>;

/// A request log in one SQLite file.
#[derive(Clone)]
pub struct SqliteRequestLog {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<Queue<Writing>>,
    readers: Arc<Readers>,
    written: watch::Receiver<u64>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// Reading connections.
struct Readers {
    path: PathBuf,
    idle: Mutex<Idle>,
}

/// Those that nobody uses.
#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    /// How often the log has been begun anew: a connection from before has the file that was moved aside.
    beginnings: u64,
}

impl Readers {
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, Unread> {
        let (pooled, beginnings) = {
            let mut idle = lock(&self.idle);
            (idle.connections.pop(), idle.beginnings)
        };
        let unread = |error| Unread { error, beginnings };
        let connection = match pooled {
            Some(connection) => connection,
            None => open_reading(&self.path).map_err(unread)?,
        };
        // On an error the connection is closed, and with it its transaction.
        let result =
            in_transaction(&connection, read).map_err(|error| unread(told_apart(&connection, error)))?;
        let mut idle = lock(&self.idle);
        if idle.beginnings == beginnings && idle.connections.len() < IDLE_READERS {
            idle.connections.push(connection);
        }
        Ok(result)
    }

    /// Notes that another file has taken the place of the one before.
    fn begin_anew(&self) {
        let mut idle = lock(&self.idle);
        idle.connections.clear();
        idle.beginnings += 1;
    }
}

/// Why the log could not be read.
struct Unread {
    error: StoreError,
    /// How often it had been begun anew.
    beginnings: u64,
}

fn in_transaction<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = read(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(result)
}

impl SqliteRequestLog {
    /// Opens the log in a folder. A file that can't be used is moved aside, and the log begun
    /// anew.
    ///
    /// # Errors
    /// The folder can't be used.
    pub fn open(folder: &Path, resolve: Resolve) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let unusable = |source| StoreError::Folder { path: folder.display().to_string(), source };
        make_private_folder(folder).map_err(unusable)?;
        let connection = open_or_begin_anew(&path)?;
        let queue = Arc::new(Queue::default());
        let readers = Arc::new(Readers { path, idle: Mutex::default() });
        let (sender, written) = watch::channel(0);
        let mut writing = Writing::new(connection, Arc::clone(&readers), sender, resolve)?;
        let taken_from = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || writing.run(&taken_from))
            .map_err(unusable)?;
        let shared = Shared { queue, readers, written, thread: Mutex::new(Some(thread)) };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move |_| shared.read(read)).await
    }

    /// Runs `work` on the thread that writes, behind what was recorded before.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, outcome) = oneshot::channel();
        self.shared.queue.work(Box::new(move |writing| drop(caller.send(work(writing)))));
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Shared {
    /// Reads. A file that is found to be damaged is moved aside by the thread that writes.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.readers.read(read).map_err(|unread| {
            if is_damaged(&unread.error) {
                let beginnings = unread.beginnings;
                self.queue.work(Box::new(move |writing| writing.leave_damaged(beginnings)));
            }
            unread.error
        })
    }
}

impl Drop for Shared {
    /// Writes down what was recorded.
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the thread has been reported where it happened.
            drop(thread.join());
        }
    }
}

#[async_trait]
impl RequestLog for SqliteRequestLog {
    fn record(&self, entry: NewRequest) {
        self.shared.queue.push(entry);
    }

    fn is_busy(&self) -> bool {
        self.shared.queue.is_busy()
    }

    fn count_read(&self, source: SourceId, at: Millis) {
        self.shared.queue.count_read(source, at);
    }

    async fn list(&self, source: SourceId, query: RequestQuery) -> Result<RequestPage, StoreError> {
        self.read(move |connection| list::list(connection, source, &query)).await
    }

    async fn request(&self, source: SourceId, sequence: i64) -> Result<Option<RequestRecord>, StoreError> {
        self.read(move |connection| read::request(connection, &TABLES, source, sequence)).await
    }

    async fn by_request_id(&self, source: SourceId, id: Uuid) -> Result<Option<RequestRecord>, StoreError> {
        self.read(move |connection| read::by_id(connection, &TABLES, source, id)).await
    }

    async fn hours(&self, source: SourceId, from: Millis, to: Millis) -> Result<Vec<Hour>, StoreError> {
        self.read(move |connection| read::hours(connection, source, from, to)).await
    }

    async fn traffic(&self, source: SourceId, since: Millis) -> Result<Traffic, StoreError> {
        // A few steps in small tables: quicker done than handed to another thread.
        self.shared.read(|connection| read::traffic(connection, &TABLES, source, since))
    }

    async fn milestones(&self, source: SourceId) -> Result<Milestones, StoreError> {
        self.shared.read(|connection| read::milestones(connection, source))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.shared.written.clone()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.work(|_| Ok(())).await
    }

    async fn sources(&self) -> Result<Vec<SourceId>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT source_id FROM source")?;
            let rows = statement.query_map([], |row| row.get(0).map(SourceId))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn forget(&self, source: SourceId) -> Result<(), StoreError> {
        while self.work(move |writing| writing.forget_portion(source)).await? {}
        Ok(())
    }

    async fn prune(&self, limits: &[(SourceId, RetentionLimits)], now: Millis) -> Result<(), StoreError> {
        let known: HashMap<SourceId, RetentionLimits> = limits.iter().copied().collect();
        let mut sources: Vec<SourceId> = known.keys().copied().collect();
        sources.push(UNMATCHED);
        self.work(move |writing| {
            writing.set_limits(&known);
            Ok(())
        })
        .await?;
        for source in sources {
            while self.work(move |writing| writing.prune(source, now)).await? {}
        }
        self.work(Writing::tidy).await
    }

    async fn state(&self) -> Result<LogState, StoreError> {
        let dropped = self.shared.queue.dropped.load(Ordering::Relaxed);
        let counted = self.shared.queue.counted.load(Ordering::Relaxed);
        let state = self.read(list::state).await?;
        Ok(LogState { dropped, counted, ..state })
    }
}

/// Opens the file; if it is damaged, it is moved aside, and a new one is begun.
fn open_or_begin_anew(path: &Path) -> Result<Connection, StoreError> {
    let opened = open_writing(path).and_then(|connection| match Writing::check(&connection) {
        Ok(()) => Ok(connection),
        Err(error) => Err(told_apart(&connection, error)),
    });
    match opened {
        Err(error) if !is_kept_from(&error) => {
            tracing::warn!(%error, "the request log is damaged; it is moved aside, and a new one is begun");
            begin_anew(path)
        }
        opened => opened,
    }
}

/// Whether something else than the file is in the way: its rights, the disk, another process, or a newer
/// version of the program that it is for.
fn is_kept_from(error: &StoreError) -> bool {
    if matches!(error, StoreError::TooNew { .. } | StoreError::Folder { .. }) {
        return true;
    }
    let mut errors = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    errors.find_map(|error| error.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()).is_some_and(
        |code| {
            matches!(
                code,
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::ReadOnly
                    | ErrorCode::CannotOpen
                    | ErrorCode::PermissionDenied
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory
                    | ErrorCode::FileLockingProtocolFailed
            )
        },
    )
}

fn is_damaged(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error) if is_damage(error))
}

fn begin_anew(path: &Path) -> Result<Connection, StoreError> {
    let unusable = |source| StoreError::Folder { path: path.display().to_string(), source };
    let with_suffix = |path: &Path, suffix| {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        PathBuf::from(beside)
    };
    let aside = (1..).map(|number| match number {
        1 => path.with_file_name(DAMAGED),
        number => path.with_file_name(format!("{DAMAGED}.{number}")),
    });
    // What was moved aside before stays.
    let aside = aside.into_iter().find(|aside| !aside.exists()).unwrap_or_default();
    for suffix in ["-wal", ""] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&aside, suffix));
        std::fs::rename(from, to).or_else(absent).map_err(unusable)?;
    }
    let remove = |suffix| std::fs::remove_file(with_suffix(path, suffix)).or_else(absent).map_err(unusable);
    remove("-shm")?;
    let connection = open_writing(path).inspect_err(|_| {
        // What has been begun would be moved aside with the next try, and the one behind that, …
        let _left = ["-shm", "-wal", ""].map(remove);
    })?;
    // Numbers have to be greater than any that were given: more than a request a second, every
    // second since 1970, there can't have been.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    connection.execute("UPDATE numbering SET last = MAX(last, ?1)", [i64::try_from(now).unwrap_or(0)])?;
    Ok(connection)
}

fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn open_writing(path: &Path) -> Result<Connection, StoreError> {
    open_private(path).map_err(|source| StoreError::Folder { path: path.display().to_string(), source })?;
    let mut connection = log_file::open(path)?;
    match prepare_for_writing(&mut connection, path) {
        Ok(()) => Ok(connection),
        Err(error) => Err(told_apart(&connection, error)),
    }
}

fn prepare_for_writing(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Pages that become free are given back now and then; it has to be said before the first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A log: its last moment may be lost when the machine loses power, but nothing before.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    fit_log(connection, room::pages_of_log(path, MOST_PAGES))?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate::migrate_with(connection, embedded::migrations::runner())?;
    connection.query_row("SELECT last FROM numbering", [], |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Has SQLite end its own log after so many pages.
fn fit_log(connection: &Connection, pages: i32) -> Result<(), StoreError> {
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    connection.pragma_update(None, "journal_size_limit", room::bytes_kept(pages))?;
    Ok(())
}

fn open_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::{FILE, begin_anew};

    #[test]
    fn a_log_that_cant_be_begun_anew_is_moved_aside_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        std::fs::write(&path, "damaged").expect("written");
        // SQLite takes it for what is left of a transaction, and can't open it.
        let in_the_way = folder.path().join(format!("{FILE}-journal"));
        std::fs::create_dir(&in_the_way).expect("a folder");
        for _ in 0..3 {
            assert!(begin_anew(&path).is_err());
        }
        let mut left: Vec<String> = std::fs::read_dir(folder.path())
            .expect("a folder")
            .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, ["requests.db-journal", "requests.db.damaged"]);
        std::fs::remove_dir(&in_the_way).expect("removed");
        begin_anew(&path).expect("a new log");
    }
}
