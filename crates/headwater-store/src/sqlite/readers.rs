//! Reading connections, and the snapshots that they keep.
//!
//! To begin a snapshot and to end it takes system calls. A reader that has been used therefore keeps
//! its snapshot open: as long as nothing has been committed, the next one to read sees in it what it
//! would see in a new one.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    BUSY_TIMEOUT,
    damage::Condition,
    functions::{self, Slots},
    lock,
};
use crate::StoreError;

/// How many reading connections are kept open when nobody uses them.
const IDLE_READERS: usize = 32;

/// Counts commits, so that it can be told whether a snapshot is the latest. The count is odd while a
/// commit is under way: then some may see it already, and others not yet.
#[derive(Debug, Default)]
pub(super) struct Commits(AtomicU64);

impl Commits {
    /// Before a commit.
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Behind a commit, and before anybody hears of it; also behind one that failed.
    pub(super) fn end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets no snapshot that has been kept be used any more: what another process committed has been
    /// seen.
    pub(super) fn outdate(&self) {
        self.0.fetch_add(2, Ordering::SeqCst);
    }

    /// The count, unless a commit is under way.
    fn settled(&self) -> Option<u64> {
        let count = self.0.load(Ordering::SeqCst);
        count.is_multiple_of(2).then_some(count)
    }
}

/// The reading connections of a store.
pub(super) struct Readers {
    path: PathBuf,
    commits: Arc<Commits>,
    condition: Arc<Condition>,
    idle: Mutex<Vec<Reader>>,
}

/// A reading connection and the filters that its SQL functions evaluate.
struct Reader {
    connection: Connection,
    slots: Slots,
    /// The count of commits at which the snapshot was begun that is open.
    snapshot: Option<u64>,
}

impl Readers {
    pub(super) fn new(path: &Path, commits: Arc<Commits>, condition: Arc<Condition>) -> Self {
        Self { path: path.to_owned(), commits, condition, idle: Mutex::default() }
    }

    /// Runs `read` in one snapshot, which has all that this process has committed.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection, &Slots) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Looked at before the snapshot is begun: it may have more than that, but not less.
        let settled = self.commits.settled();
        self.with_reader(|reader| {
            if settled.is_none() || reader.snapshot != settled {
                reader.end()?;
                reader.begin()?;
            }
            let result = read(&reader.connection, &reader.slots)?;
            match settled {
                Some(_) => reader.snapshot = settled,
                None => reader.commit()?,
            }
            Ok(result)
        })
    }

    /// Like [`Self::read`], with what other processes have committed too.
    pub(super) fn read_latest<T>(
        &self,
        read: impl FnOnce(&Connection, &Slots) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            reader.end()?;
            reader.begin()?;
            let result = read(&reader.connection, &reader.slots)?;
            reader.commit()?;
            Ok(result)
        })
    }

    /// Runs `work` on a connection. On an error the connection is closed, and with it its transaction.
    fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let pooled = lock(&self.idle).pop();
        let mut reader = pooled.map_or_else(|| Reader::open(&self.path), Ok)?;
        let result = work(&mut reader).map_err(|error| self.condition.noted(error))?;
        self.give_back(reader);
        Ok(result)
    }

    /// Ends the snapshots that nobody uses: behind them the log could not be begun anew.
    pub(super) fn end_idle(&self) -> Result<(), StoreError> {
        let idle = std::mem::take(&mut *lock(&self.idle));
        for mut reader in idle {
            reader.end()?;
            self.give_back(reader);
        }
        Ok(())
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
    }
}

impl Reader {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        // Of a small directory all is mapped into memory. What is mapped counts as memory of the process,
        // and a large file is read no faster for it.
        connection.pragma_update(None, "mmap_size", 64 << 20)?;
        connection.pragma_update(None, "cache_size", -4_096)?;
        // Plans don't depend on parameters: a statement that is kept need not be planned anew with each.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(128);
        let slots = Slots::default();
        functions::register(&connection, &slots)?;
        Ok(Self { connection, slots, snapshot: None })
    }

    fn begin(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(())
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Ends the snapshot that was kept, if there is one.
    fn end(&mut self) -> Result<(), StoreError> {
        if self.snapshot.take().is_some() { self.commit() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::{Commits, Readers};
    use crate::sqlite::{damage::Condition, open_writing};

    struct Setting {
        writing: Connection,
        commits: Arc<Commits>,
        readers: Readers,
        _folder: TempDir,
    }

    impl Setting {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("headwater.db");
            let writing = open_writing(&path).expect("a connection");
            writing.execute_batch("CREATE TABLE t (number INTEGER)").expect("a table");
            let commits = Arc::new(Commits::default());
            let condition = Arc::new(Condition::new(&path));
            let readers = Readers::new(&path, Arc::clone(&commits), condition);
            Self { writing, commits, readers, _folder: folder }
        }

        fn insert(&self) {
            self.writing.execute_batch("INSERT INTO t VALUES (1)").expect("a row");
        }

        fn rows(&self) -> i64 {
            self.readers.read(|connection, _| Ok(rows(connection)?)).expect("a count")
        }
    }

    fn rows(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0))
    }

    #[test]
    fn a_snapshot_is_kept_until_something_is_committed() {
        let setting = Setting::new();
        assert_eq!(setting.rows(), 0);
        setting.insert();
        assert_eq!(setting.rows(), 0, "nobody has said that there is more");
        assert_eq!(setting.readers.read_latest(|connection, _| Ok(rows(connection)?)).expect("a count"), 1);
        setting.commits.begin();
        assert_eq!(setting.rows(), 1);
        // While a commit is under way, nothing is kept.
        setting.insert();
        assert_eq!(setting.rows(), 2);
        setting.commits.end();
        setting.insert();
        assert_eq!(setting.rows(), 3);
        setting.insert();
        setting.commits.outdate();
        assert_eq!(setting.rows(), 4);
    }

    #[test]
    fn snapshots_that_nobody_uses_end_so_that_the_log_can_be_begun_anew() {
        let setting = Setting::new();
        let truncate = || {
            setting.writing.busy_timeout(std::time::Duration::ZERO).expect("set");
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            setting.writing.query_row(checkpoint, [], |row| row.get::<_, bool>(0)).expect("a checkpoint")
        };
        setting.rows();
        setting.insert();
        assert!(truncate(), "the snapshot is in the way");
        setting.readers.end_idle().expect("ended");
        assert!(!truncate(), "nothing is in the way");
        assert_eq!(setting.rows(), 1);
    }
}
