//! Reading connections, and the snapshots that they keep.
//!
//! To begin a snapshot and to end it takes system calls, and what a reader has cached of the file is gone
//! with it. A reader that has been used therefore keeps its snapshot open: as long as nothing has been
//! committed, the next one to read sees in it what it would see in a new one. The same is true of a
//! resource that none of the latest commits has changed.

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    BUSY_TIMEOUT,
    condition::Condition,
    functions::{self, Slots},
    lock,
    unreadable::told_apart,
};
use crate::{ResourceId, SourceId, StoreError, ancestry::Ancestry};

/// How many reading connections are kept open when nobody uses them.
const IDLE_READERS: usize = 32;
/// How many readers have a large page cache. As long as no more read at once, these do.
const WITH_LARGE_CACHE: usize = 4;
/// How long whoever has to end all snapshots waits for those who read.
const MOST_WAIT: Duration = Duration::from_millis(5);
/// Room for the inner pages of the trees of a million users, in KiB.
const LARGE_CACHE: i64 = 8_192;
/// The cache of all other readers, in KiB: they are many when many read what takes long.
const SMALL_CACHE: i64 = 1_024;

/// How much is kept in mind of who is in which group: see [`Ancestry::size`].
const MOST_KNOWN: usize = 10_000;

/// How many memberships are looked at where an async thread waits: some milliseconds.
const QUICK_STEPS: usize = 2_000;

/// How many commits a snapshot may be behind that is read from.
const MOST_BEHIND: usize = 16;
/// Of how many resources that a commit changes it is known which they are.
const MOST_CHANGED: usize = 256;

/// What a commit changes, as far as it can be seen by reading one resource with its groups.
#[derive(Debug, Clone, Default)]
pub(super) struct Changed {
    /// Resources of which nobody else shows anything.
    alone: Vec<ResourceId>,
    /// It may change any other as well.
    others: bool,
}

impl Changed {
    /// A resource that is nobody's group is made or changed; who is in which group stays as it is.
    pub(super) fn add(&mut self, id: ResourceId) {
        if self.alone.len() == MOST_CHANGED {
            self.add_others();
        } else if !self.others {
            self.alone.push(id);
        }
    }

    /// Anything may be changed.
    pub(super) fn add_others(&mut self) {
        *self = Self { alone: Vec::new(), others: true };
    }

    fn has_any_of(&self, resources: &[ResourceId]) -> bool {
        self.others || self.alone.iter().any(|id| resources.contains(id))
    }
}

/// Counts commits, so that it can be told whether a snapshot is the latest. The count is odd while a
/// commit is under way: then some may see it already, and others not yet.
#[derive(Debug, Default)]
pub(super) struct Commits {
    count: AtomicU64,
    /// The last commit that a snapshot may have seen before its end.
    seen: AtomicU64,
    /// What the latest of those that were counted change, the last one behind. Its lock is held where the
    /// number of commits that have begun changes, so that the two are of one moment.
    latest: Mutex<VecDeque<Changed>>,
}

impl Commits {
    /// Before a commit.
    pub(super) fn begin(&self, changed: Changed) {
        let mut latest = lock(&self.latest);
        if latest.len() == MOST_BEHIND {
            latest.pop_front();
        }
        latest.push_back(changed);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Behind a commit, and before anybody hears of it; also behind one that failed.
    pub(super) fn end(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets no snapshot that has been kept be used any more: what another process committed has been
    /// seen.
    pub(super) fn outdate(&self) {
        let mut latest = lock(&self.latest);
        latest.clear();
        self.count.fetch_add(2, Ordering::SeqCst);
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether a snapshot has all that anybody can have heard of. While a commit is under way that is what
    /// was there before it, until somebody sees what it does: nobody is to see less than was seen before.
    fn is_latest(&self, snapshot: Option<u64>) -> bool {
        let count = self.count();
        let settled = count & !1;
        snapshot == Some(settled) && (count == settled || self.seen.load(Ordering::SeqCst) != count)
    }

    /// Whether a snapshot shows resources as the latest would: whatever has been committed since, or is
    /// about to be, changes others alone.
    fn is_latest_of(&self, resources: &[ResourceId], snapshot: Option<u64>) -> bool {
        let Some(snapshot) = snapshot else { return false };
        let latest = lock(&self.latest);
        let behind = (self.count().next_multiple_of(2) - snapshot) / 2;
        let behind = usize::try_from(behind).unwrap_or(usize::MAX);
        behind <= latest.len()
            && !latest.iter().rev().take(behind).any(|changed| changed.has_any_of(resources))
    }

    /// Notes that a new snapshot has been read from: it may have the commit that is under way.
    fn see(&self) {
        let count = self.count();
        if !count.is_multiple_of(2) {
            self.seen.fetch_max(count, Ordering::SeqCst);
        }
    }
}

/// The reading connections of a store.
pub(super) struct Readers {
    path: PathBuf,
    commits: Arc<Commits>,
    condition: Arc<Condition>,
    idle: Mutex<Idle>,
    /// Told when the last of those is done that have read since before all snapshots were ended.
    returned: Condvar,
    large_caches: Arc<Semaphore>,
}

/// The readers that nobody uses.
#[derive(Default)]
struct Idle {
    readers: Vec<Reader>,
    /// They keep no snapshot for now.
    without_snapshots: bool,
    /// How often all have ended theirs for the log's sake. Whoever was reading then ends it afterwards.
    ends: u64,
    /// How many read right now, and how many of them have done so since before the last of these ends.
    reading: usize,
    reading_since_before: usize,
}

impl Idle {
    /// Has everybody who reads end their snapshot afterwards, and those who begin too, or not.
    fn end(&mut self, without_snapshots: bool) {
        self.without_snapshots = without_snapshots;
        self.ends += 1;
        self.reading_since_before = self.reading;
    }
}

/// What is read in one snapshot of the database.
pub(super) struct Snapshot<'a> {
    pub(super) connection: &'a Connection,
    /// The filters that SQL functions evaluate.
    pub(super) slots: &'a Slots,
    above: &'a RefCell<Above>,
    /// How many memberships may still be looked at.
    steps: Cell<usize>,
}

impl Snapshot<'_> {
    /// Lets what is read look at few memberships: more are [`StoreError::NotQuick`].
    pub(super) fn be_quick(&self) {
        self.steps.set(QUICK_STEPS);
    }

    /// Counts a membership that is looked at.
    ///
    /// # Errors
    /// [`StoreError::NotQuick`].
    pub(super) fn step(&self) -> Result<(), StoreError> {
        let left = self.steps.get().checked_sub(1).ok_or(StoreError::NotQuick)?;
        self.steps.set(left);
        Ok(())
    }

    /// What is known in this snapshot of the groups of a source.
    pub(super) fn ancestry(&self, source: SourceId) -> RefMut<'_, Ancestry> {
        let mut above = self.above.borrow_mut();
        if above.source != source {
            *above = Above { source, ancestry: Ancestry::default() };
        }
        RefMut::map(above, |above| &mut above.ancestry)
    }
}

/// Which groups of a source are in which.
struct Above {
    source: SourceId,
    ancestry: Ancestry,
}

impl Default for Above {
    fn default() -> Self {
        Self { source: SourceId(0), ancestry: Ancestry::default() }
    }
}

/// A reading connection and the filters that its SQL functions evaluate.
struct Reader {
    connection: Connection,
    slots: Slots,
    /// The permit for its large cache, if it has one.
    large_cache: Option<OwnedSemaphorePermit>,
    /// The count of commits that are in the snapshot that is open, at least.
    snapshot: Option<u64>,
    /// What was found out in it of the groups of one source.
    above: RefCell<Above>,
}

impl Readers {
    pub(super) fn new(path: &Path, commits: Arc<Commits>, condition: Arc<Condition>) -> Self {
        let large_caches = Arc::new(Semaphore::new(WITH_LARGE_CACHE));
        let (idle, returned) = (Mutex::default(), Condvar::new());
        Self { path: path.to_owned(), commits, condition, idle, returned, large_caches }
    }

    /// Runs `read` in one snapshot, which has all that this process has committed.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read_if(|snapshot| self.commits.is_latest(snapshot), read)
    }

    /// Like [`Self::read`], for what looks at these resources alone, and at the groups that they are in.
    pub(super) fn read_of<T>(
        &self,
        resources: &[ResourceId],
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let is_latest =
            |snapshot| self.commits.is_latest(snapshot) || self.commits.is_latest_of(resources, snapshot);
        self.read_if(is_latest, read)
    }

    /// Runs `read` in the snapshot that a reader has kept, if that is the latest, or else in a new one.
    fn read_if<T>(
        &self,
        is_latest: impl FnOnce(Option<u64>) -> bool,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            // Looked at before the snapshot is begun: it may have more than that, but not less.
            let before = self.commits.count();
            let is_latest = is_latest(reader.snapshot);
            if !is_latest {
                reader.end()?;
                reader.begin()?;
            }
            let result = match reader.read(read) {
                // Nothing is wrong with what has been read.
                Err(StoreError::NotQuick) => Err(StoreError::NotQuick),
                result => Ok(result?),
            };
            if !is_latest {
                self.commits.see();
                reader.snapshot = Some(before & !1);
            }
            Ok(result)
        })?
    }

    /// Like [`Self::read`], with what other processes have committed too.
    pub(super) fn read_latest<T>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            reader.end()?;
            reader.begin()?;
            let result = reader.read(read)?;
            self.commits.see();
            reader.commit()?;
            Ok(result)
        })
    }

    /// Runs `work` on a connection. On an error the connection is closed, and with it its transaction.
    fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.condition.check_place()?;
        let (pooled, reading) = self.take();
        let mut reader = pooled.map_or_else(|| self.open(), Ok)?;
        let result =
            work(&mut reader).map_err(|error| self.condition.noted(told_apart(&reader.connection, error)))?;
        self.give_back(reader, reading.ends)?;
        Ok(result)
    }

    /// A reader that nobody uses, if there is one, and what counts whoever uses it or another.
    fn take(&self) -> (Option<Reader>, Reading<'_>) {
        let mut idle = lock(&self.idle);
        idle.reading += 1;
        let ends = idle.ends;
        (idle.readers.pop(), Reading { readers: self, ends })
    }

    /// Ends the snapshots that nobody uses: behind them the log could not be begun anew.
    pub(super) fn end_idle(&self) -> Result<(), StoreError> {
        let (readers, ends) = {
            let mut idle = lock(&self.idle);
            (std::mem::take(&mut idle.readers), idle.ends)
        };
        for mut reader in readers {
            reader.end()?;
            self.give_back(reader, ends)?;
        }
        Ok(())
    }

    /// Does `work` while there are no snapshots but those that somebody reads from right now, which end when that
    /// is done. One thread at a time may ask for it.
    pub(super) fn without_snapshots<T>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        lock(&self.idle).end(true);
        let result = self.end_idle().and_then(|()| {
            self.wait_for_readers();
            work()
        });
        // Whoever has begun meanwhile is in the way as well.
        lock(&self.idle).end(false);
        result
    }

    /// Waits a moment for those who have begun to read before, as most are done at once.
    fn wait_for_readers(&self) {
        let idle = lock(&self.idle);
        let read = self.returned.wait_timeout_while(idle, MOST_WAIT, |idle| idle.reading_since_before > 0);
        drop(read);
    }

    fn open(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path, Arc::clone(&self.large_caches).try_acquire_owned().ok())
    }

    /// Those with a large cache are put where the next one is taken from. `ends` is what [`Idle`] had when it was
    /// taken.
    fn give_back(&self, mut reader: Reader, ends: u64) -> Result<(), StoreError> {
        if reader.above.get_mut().ancestry.size() > MOST_KNOWN {
            reader.above.take();
        }
        let mut idle = lock(&self.idle);
        let is_in_the_way = idle.without_snapshots || idle.ends != ends;
        if is_in_the_way && reader.snapshot.is_some() {
            drop(idle);
            reader.end()?;
            idle = lock(&self.idle);
        }
        let readers = &mut idle.readers;
        if reader.large_cache.is_some() {
            readers.push(reader);
        } else if readers.len() < IDLE_READERS {
            let behind = readers.partition_point(|other| other.large_cache.is_none());
            readers.insert(behind, reader);
        }
        Ok(())
    }
}

/// Somebody who reads, until it is dropped.
struct Reading<'a> {
    readers: &'a Readers,
    /// What [`Idle`] had when it began.
    ends: u64,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut idle = lock(&self.readers.idle);
        idle.reading -= 1;
        if idle.ends != self.ends {
            idle.reading_since_before -= 1;
            if idle.reading_since_before == 0 {
                self.readers.returned.notify_one();
            }
        }
    }
}

impl Reader {
    fn open(path: &Path, large_cache: Option<OwnedSemaphorePermit>) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        // Who only reads does nothing to the log, be it the last one to close.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // Nothing is mapped into memory: a page that the disk fails to read would end the process.
        connection.pragma_update(None, "mmap_size", 0)?;
        let cache = if large_cache.is_some() { LARGE_CACHE } else { SMALL_CACHE };
        connection.pragma_update(None, "cache_size", -cache)?;
        // Plans don't depend on parameters: a statement that is kept need not be planned anew with each.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(128);
        let slots = Slots::default();
        functions::register(&connection, &slots)?;
        Ok(Self { connection, slots, large_cache, snapshot: None, above: RefCell::default() })
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.above.take(); // nothing of another snapshot
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(())
    }

    fn read<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (connection, slots, above) = (&self.connection, &self.slots, &self.above);
        read(&Snapshot { connection, slots, above, steps: Cell::new(usize::MAX) })
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Ends the snapshot that was kept, if there is one.
    fn end(&mut self) -> Result<(), StoreError> {
        self.above.take();
        if self.snapshot.take().is_some() { self.commit() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::{
        Changed, Commits, LARGE_CACHE, MOST_BEHIND, MOST_CHANGED, Readers, Snapshot, WITH_LARGE_CACHE,
    };
    use crate::{
        MemberId, Related, ResourceId, SourceId, StoreError,
        ancestry::Groups,
        sqlite::{condition::Condition, open_writing},
    };

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
            self.readers.read(|snapshot| Ok(rows(snapshot.connection)?)).expect("a count")
        }
    }

    fn anything() -> Changed {
        Changed { others: true, ..Changed::default() }
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
        assert_eq!(
            setting.readers.read_latest(|snapshot| Ok(rows(snapshot.connection)?)).expect("a count"),
            1
        );
        setting.commits.begin(anything());
        assert_eq!(setting.rows(), 1);
        // What is begun while a commit is under way may have it or not.
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
    fn nobody_sees_less_of_a_commit_than_was_seen_before() {
        let setting = Setting::new();
        let two = || {
            let both = setting.readers.read(|snapshot| Ok((rows(snapshot.connection)?, setting.rows())));
            both.expect("two counts")
        };
        assert_eq!(two(), (0, 0));
        setting.commits.begin(anything());
        setting.insert();
        assert_eq!(two(), (0, 0), "both are as before the commit");
        // A third reader has no snapshot of before.
        assert_eq!(setting.readers.read(|_| Ok(two())).expect("two counts"), (0, 1));
        assert_eq!(two(), (1, 1), "the commit has been seen");
        setting.commits.end();
        assert_eq!(two(), (1, 1));
        setting.commits.begin(anything());
        setting.insert();
        assert_eq!(
            setting.readers.read_latest(|snapshot| Ok(rows(snapshot.connection)?)).expect("a count"),
            2
        );
        assert_eq!(two(), (2, 2), "this one too");
    }

    #[test]
    fn a_snapshot_holds_for_what_nobody_has_changed_since() {
        let setting = Setting::new();
        let [ada, grace, alan] = [1, 2, 3].map(|number| ResourceId(uuid::Uuid::from_u128(number)));
        let of = |resources: &[ResourceId]| {
            setting.readers.read_of(resources, |snapshot| Ok(rows(snapshot.connection)?)).expect("a count")
        };
        let commit = |ids: &[ResourceId]| {
            let mut changed = Changed::default();
            for id in ids {
                changed.add(*id);
            }
            setting.commits.begin(changed);
            setting.insert();
        };
        assert_eq!(setting.rows(), 0);
        commit(&[ada, grace]);
        assert_eq!(of(&[alan]), 0, "while it is under way");
        setting.commits.end();
        assert_eq!(of(&[alan]), 0, "and afterwards");
        assert_eq!(of(&[alan, grace]), 1, "one of them was changed");
        commit(&[alan]);
        setting.commits.end();
        commit(&[ada]);
        setting.commits.end();
        assert_eq!(of(&[grace]), 1);
        assert_eq!(of(&[alan]), 3, "by the one before the last");
        setting.commits.begin(anything());
        setting.insert();
        setting.commits.end();
        assert_eq!(of(&[grace]), 4, "who knows");
        commit(&[ada]);
        setting.commits.end();
        setting.commits.outdate();
        assert_eq!(of(&[grace]), 5, "another process may have changed anything");
        for number in 1..=MOST_BEHIND {
            commit(&[ada]);
            setting.commits.end();
            assert_eq!(of(&[grace]), 5, "{number} behind");
        }
        commit(&[ada]);
        setting.commits.end();
        assert_eq!(of(&[grace]), 22, "too far behind");
        commit(&[ada; MOST_CHANGED]);
        setting.commits.end();
        assert_eq!(of(&[grace]), 22);
        commit(&[ada; MOST_CHANGED + 1]);
        setting.commits.end();
        assert_eq!(of(&[grace]), 24, "too many to be told");
        commit(&[ada]);
        setting.commits.end();
        assert_eq!(setting.rows(), 25, "all that there is");
    }

    #[test]
    fn what_is_known_of_groups_is_that_of_one_snapshot_and_one_source() {
        struct Holders(&'static [u128]);
        impl Groups for Holders {
            fn holders(&mut self, member: &MemberId) -> Result<Vec<MemberId>, StoreError> {
                let of_the_user = *member == id(1);
                Ok(self.0.iter().filter(|_| of_the_user).map(|group| id(*group)).collect())
            }

            fn group(&mut self, id: &MemberId) -> Result<Option<Related>, StoreError> {
                Ok(Some(Related { id: id.clone(), direct: true, named: None }))
            }
        }
        fn id(number: u128) -> MemberId {
            ResourceId(uuid::Uuid::from_u128(number)).into()
        }
        let setting = Setting::new();
        let known = |source, holders: &'static [u128]| {
            let read = |snapshot: &Snapshot<'_>| {
                let before = snapshot.ancestry(SourceId(source)).size();
                let groups = snapshot.ancestry(SourceId(source)).groups(&id(1), &mut Holders(holders))?;
                Ok((before, groups.len()))
            };
            setting.readers.read(read).expect("groups")
        };
        assert_eq!(known(1, &[2, 3]), (0, 2));
        assert_eq!(known(1, &[2, 3, 4]), (2, 3), "whom a member is held by is always read");
        assert_eq!(known(2, &[5]), (0, 1), "another source");
        assert_eq!(known(2, &[5]), (1, 1));
        setting.commits.begin(anything());
        setting.commits.end();
        assert_eq!(known(2, &[5]), (0, 1), "another snapshot");
    }

    fn cache(connection: &Connection) -> Result<i64, StoreError> {
        Ok(connection.query_row("PRAGMA cache_size", [], |row| row.get(0))?)
    }

    /// The caches of so many readers, each of which reads while all before it still do.
    fn caches(readers: &Readers, count: usize) -> Vec<i64> {
        let read = readers.read(|snapshot| {
            let mut caches = if count > 1 { caches(readers, count - 1) } else { Vec::new() };
            caches.push(cache(snapshot.connection)?);
            Ok(caches)
        });
        read.expect("readable")
    }

    #[test]
    fn who_reads_alone_has_a_large_cache() {
        let setting = Setting::new();
        for _ in 0..2 {
            let caches = caches(&setting.readers, 2 * WITH_LARGE_CACHE);
            let large = caches.iter().filter(|cache| **cache == -LARGE_CACHE).count();
            assert_eq!(large, WITH_LARGE_CACHE, "{caches:?}");
            for _ in 0..2 {
                let alone = setting.readers.read(|snapshot| cache(snapshot.connection));
                assert_eq!(alone.expect("readable"), -LARGE_CACHE);
            }
        }
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
        setting.insert();
        let checkpoint = || {
            assert_eq!(setting.rows(), 2, "what was kept has ended");
            Ok(truncate())
        };
        assert!(!setting.readers.without_snapshots(checkpoint).expect("ended"), "nor is what was read then");
        setting.insert();
        assert_eq!(setting.rows(), 3);
        assert!(truncate(), "snapshots are kept again");
    }

    #[test]
    fn no_lock_is_shared_by_all_connections() {
        let connection = Connection::open_in_memory().expect("memory");
        let mut options = connection.prepare("PRAGMA compile_options").expect("a statement");
        let options = options.query_map([], |row| row.get(0)).expect("options");
        let options: Vec<String> = options.collect::<Result<_, _>>().expect("options");
        let has = |option: &str| options.iter().any(|has| has == option);
        assert!(has("DEFAULT_MEMSTATUS=0") && !has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
    }
}
