//! The writer: one thread that owns the writing connection. Whatever has queued up while the last
//! batch was on its way goes into the next one, so that many requests share the cost of a commit. What
//! comes later waits for the one behind it: while that is answered, and its clients ask for more, this one
//! is written.

use std::{
    cell::Cell,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{
    apply::{self, Batch},
    checkpoints::Log,
    condition::{self, Condition},
    lock,
    readers::{Commits, Readers},
    unreadable::{told_apart, told_apart_of_change},
};
use crate::{Applied, ApplyError, ChangeSet, StoreError};

/// The most jobs that share a commit: a bound on how long the first of them waits.
const MOST_JOBS: usize = 256;
/// About the most bytes of what they write, but for what a single job has.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The most time that a job waits until it begins: one before it may have a million users to go through.
const MOST_WAIT: Duration = Duration::from_secs(30);
/// The page with this number (1 GiB from the beginning) has no place in a database. SQLite uses the number
/// for a moment when it puts the pages of a tree in order, and then looks through its whole cache for it
/// at the end of the transaction, unless the database has that many pages.
const PAGE_OF_LOCKS: i64 = 262_145;
/// The writer's page cache in KiB, in a database of fewer pages than that, and in a larger one.
const CACHES: [i64; 2] = [4_096, 16_384];
/// After how many batches it is looked how large the database is.
const BATCHES_BETWEEN_LOOKS: u32 = 4_096;

thread_local! {
    /// How many pages the log had behind the last commit of the thread.
    static PAGES_IN_LOG: Cell<i32> = const { Cell::new(0) };
}

/// A handle to the writer thread. The thread ends, with everything written that was accepted,
/// when the handle is dropped.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// Work for the writer, and somebody who waits for its outcome.
trait Job: Send {
    /// About how many bytes it writes.
    fn size(&self) -> usize;

    /// Does the work in the transaction of a batch. What it returns is told the fate of the batch; nothing where
    /// whoever waited for it to begin has given up.
    fn run(self: Box<Self>, transaction: &Transaction<'_>, state: &mut Batch) -> Option<Answer>;

    /// The work can't be done.
    fn fail(self: Box<Self>, failure: &Failure);
}

/// Called with `Ok` once the batch is durable.
type Answer = Box<dyn FnOnce(Result<(), &Failure>) + Send>;

/// Why a batch has not become durable.
#[derive(Debug)]
enum Failure {
    /// It came to nothing.
    NotCommitted(String),
    /// It is in the log, which could not be put on the disk: it may be found there or not.
    InDoubt(String),
}

impl From<&Failure> for StoreError {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::NotCommitted(reason) => Self::NotCommitted(reason.clone()),
            Failure::InDoubt(reason) => Self::InDoubt(reason.clone()),
        }
    }
}

struct Task<W, T, E> {
    work: Shared<W>,
    size: usize,
    behind: Option<Behind>,
    caller: oneshot::Sender<Result<T, E>>,
}

/// Work that the first of two takes: the writer, which does it, or the caller, who has waited long enough.
type Shared<W> = Arc<Mutex<Option<W>>>;

/// What is done behind a job that was begun, once its batch has ended, before the caller is told.
type Behind = Box<dyn FnOnce() + Send>;

impl<W, T, E> Job for Task<W, T, E>
where
    W: FnOnce(&Transaction<'_>, &mut Batch) -> Result<T, E> + Send,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    fn size(&self) -> usize {
        self.size
    }

    fn run(self: Box<Self>, transaction: &Transaction<'_>, state: &mut Batch) -> Option<Answer> {
        let Self { work, behind, caller, .. } = *self;
        let work = lock(&work).take()?;
        let result = work(transaction, state);
        Some(Box::new(move |batch| {
            if let Some(behind) = behind {
                behind();
            }
            // A success is one only when the batch is durable.
            let answer = match (result, batch) {
                (Ok(_), Err(failure)) => Err(StoreError::from(failure).into()),
                (result, _) => result,
            };
            // Nobody may be waiting any more: the client has gone. What is done is done.
            drop(caller.send(answer));
        }))
    }

    fn fail(self: Box<Self>, failure: &Failure) {
        drop(self.caller.send(Err(StoreError::from(failure).into())));
    }
}

impl Writer {
    /// `log` is told of what is written to it; commits are counted.
    pub(super) fn start(
        connection: Connection,
        log: Arc<Log>,
        commits: Arc<Commits>,
        readers: Arc<Readers>,
        condition: Arc<Condition>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        let writing = Writing { connection, log, commits, readers, condition };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writing.run(&receiver))
            .expect("the operating system can start one thread");
        Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) }
    }

    /// Whether it can be asked for anything.
    pub(super) fn is_running(&self) -> bool {
        lock(&self.thread).as_ref().is_some_and(|thread| !thread.is_finished())
    }

    pub(super) async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        let size = change_set.size();
        self.submit(size, move |transaction, state| {
            apply_whole(transaction, state, &change_set)
                .map_err(|error| told_apart_of_change(transaction, error))
        })
        .await
    }

    /// Applies change sets one after the other; see [`crate::Store::apply_all`].
    pub(super) async fn apply_all(
        &self,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Vec<Result<Applied, ApplyError>>, StoreError> {
        let size = change_sets.iter().map(ChangeSet::size).sum();
        self.submit(size, move |transaction, state| {
            let mut outcomes = Vec::with_capacity(change_sets.len());
            let mut failures = 0;
            for change_set in &change_sets {
                let outcome = apply_whole(transaction, state, change_set);
                if let Err(ApplyError::Store(error)) = outcome {
                    // Those before it are said not to be done either.
                    state.spoil();
                    return Err(told_apart(transaction, error));
                }
                failures += usize::from(outcome.is_err());
                outcomes.push(outcome);
                if failures >= most_failures {
                    break;
                }
            }
            Ok(outcomes)
        })
        .await
    }

    /// Runs `work` in a transaction and waits until it is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit_with(0, None, whole(work)).await
    }

    /// The same; `behind` is called when the transaction has ended that it was begun in, whether or not somebody
    /// still waits for it.
    pub(super) async fn run_and_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        behind: impl FnOnce() + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit_with(0, Some(Box::new(behind)), whole(work)).await
    }

    async fn submit<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        size: usize,
        work: impl FnOnce(&Transaction<'_>, &mut Batch) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.submit_with(size, None, work).await
    }

    async fn submit_with<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        size: usize,
        behind: Option<Behind>,
        work: impl FnOnce(&Transaction<'_>, &mut Batch) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (caller, mut outcome) = oneshot::channel();
        let work = Arc::new(Mutex::new(Some(work)));
        let task = Box::new(Task { work: Arc::clone(&work), size, behind, caller });
        let sent = lock(&self.jobs).as_ref().is_some_and(|jobs| jobs.send(task).is_ok());
        if !sent {
            return Err(StoreError::Closed.into());
        }
        let outcome = match tokio::time::timeout(MOST_WAIT, &mut outcome).await {
            Ok(outcome) => outcome,
            // With all that is to be written, for which the queue may still be long.
            Err(_) if lock(&work).take().is_some() => return Err(StoreError::Busy.into()),
            // What has begun is waited for, as long as it takes.
            Err(_) => outcome.await,
        };
        outcome.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        lock(&self.jobs).take();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the thread has been reported where it happened.
            drop(thread.join());
        }
    }
}

/// What the thread has.
struct Writing {
    connection: Connection,
    log: Arc<Log>,
    commits: Arc<Commits>,
    readers: Arc<Readers>,
    condition: Arc<Condition>,
}

impl Writing {
    fn run(mut self, jobs: &mpsc::Receiver<Box<dyn Job>>) {
        // Instead of SQLite's own, which makes a checkpoint before the commit is answered.
        self.connection.wal_hook(Some(|_, pages| {
            PAGES_IN_LOG.set(pages);
            Ok(())
        }));
        let mut waiting = VecDeque::new();
        for batches in (0..BATCHES_BETWEEN_LOOKS).cycle() {
            if batches == 0
                && let Err(error) = fit_cache(&self.connection)
            {
                tracing::warn!(%error, "the writer's page cache stays as it is");
            }
            if waiting.is_empty() {
                let Ok(job) = jobs.recv() else { break };
                waiting.push_back(job);
            }
            waiting.extend(jobs.try_iter().take(MOST_JOBS - waiting.len()));
            let mut answers = Vec::new();
            let batch = self.batch(&mut waiting, &mut answers);
            if let Err(failure) = &batch {
                tracing::error!(?failure, "a batch of changes came to nothing");
            }
            for answer in answers {
                answer(batch.as_ref().copied());
            }
            // Nothing if the batch has written nothing.
            let pages = PAGES_IN_LOG.take();
            if pages > 0
                && self.log.note_commit(pages)
                && let Some(Err(error)) = self.log.complete(|| self.checkpoint())
            {
                let error = self.condition.noted(error);
                tracing::error!(%error, "a checkpoint failed, and the log becomes longer");
            }
        }
        if let Err(error) = self.condition.leave(&self.connection) {
            tracing::error!(%error, "the log may not be kept");
        }
    }

    /// Puts all that is left of the log into the database, so that the next commit begins it anew. If somebody
    /// is reading what is in it, it is tried again when the log is somewhat longer.
    fn checkpoint(&self) -> Result<(), StoreError> {
        let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
        self.connection.pragma_update(None, "journal_size_limit", self.log.bytes_kept())?;
        let (all, settled): (i32, i32) = self.readers.without_snapshots(|| {
            self.condition.check()?;
            Ok(self.connection.query_row(checkpoint, [], |row| Ok((row.get(1)?, row.get(2)?)))?)
        })?;
        if all == settled {
            self.log.let_pass();
        }
        Ok(())
    }

    /// Runs the jobs that wait in one transaction and commits it. On an error nothing of it is in the
    /// database, but for [`Failure::InDoubt`], and those that have not been run still wait.
    fn batch(
        &mut self,
        waiting: &mut VecDeque<Box<dyn Job>>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let begun = self.condition.check().and_then(|()| begin(&self.connection));
        let transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => {
                let failure = Failure::NotCommitted(self.condition.noted(error).to_string());
                // Those behind it would each wait as long for the same answer.
                waiting.drain(..).for_each(|job| job.fail(&failure));
                return Err(failure);
            }
        };
        let failed = |reason: &str| Failure::NotCommitted(reason.to_owned());
        let mut state = Batch::default();
        let mut bytes = 0;
        while let Some(job) = waiting.pop_front_if(|job| bytes == 0 || bytes + job.size() <= MOST_BYTES) {
            bytes += job.size();
            let answer = catch_unwind(AssertUnwindSafe(|| job.run(&transaction, &mut state)));
            answers.extend(answer.map_err(|_| failed("a change made the writer panic"))?);
            if transaction.is_autocommit() {
                // SQLite ends the transaction by itself when, say, the disk is full: what was done
                // before is undone, and what came after would commit one by one.
                return Err(failed("the database gave up the transaction; is the disk full?"));
            }
            if state.is_spoiled() {
                return Err(failed("a change failed half way"));
            }
        }
        let written = state.write_down(&transaction);
        written.map_err(|error| {
            let error = told_apart(&transaction, error.into());
            failed(&self.condition.noted(error).to_string())
        })?;
        self.commits.begin(std::mem::take(state.changed()));
        let committed = transaction.commit();
        self.commits.end();
        committed.map_err(|error| {
            let in_log = condition::is_not_on_disk(&error);
            let reason = self.condition.noted(error.into()).to_string();
            if in_log { Failure::InDoubt(reason) } else { Failure::NotCommitted(reason) }
        })
    }
}

fn begin(connection: &Connection) -> Result<Transaction<'_>, StoreError> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        .map_err(|error| told_apart(connection, error.into()))
}

/// Work that is no change set, as it stands in a batch with others: done whole or not at all.
fn whole<T>(
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> impl FnOnce(&Transaction<'_>, &mut Batch) -> Result<T, StoreError> {
    move |transaction, state| {
        let whole = state.write_down(transaction).map_err(StoreError::from).and_then(|()| {
            state.changed().add_others();
            in_savepoint(transaction, state, |_| work(transaction))
        });
        whole.map_err(|error| told_apart(transaction, error))
    }
}

/// Gives the writer as large a page cache as the database needs.
fn fit_cache(connection: &Connection) -> rusqlite::Result<()> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    connection.pragma_update(None, "cache_size", -CACHES[usize::from(pages >= PAGE_OF_LOCKS)])
}

/// Applies a change set, whole or not at all.
fn apply_whole(
    transaction: &Transaction<'_>,
    state: &mut Batch,
    change_set: &ChangeSet,
) -> Result<Applied, ApplyError> {
    match change_set.writes.len() {
        // A single write is checked before it begins: it is done whole or not begun.
        1 => apply::apply(transaction, state, change_set),
        _ => in_savepoint(transaction, state, |state| apply::apply(transaction, state, change_set)),
    }
}

/// Undoes what `work` did when it fails, and leaves the rest of the batch alone.
fn in_savepoint<T, E: From<rusqlite::Error>>(
    transaction: &Transaction<'_>,
    state: &mut Batch,
    work: impl FnOnce(&mut Batch) -> Result<T, E>,
) -> Result<T, E> {
    transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
    let before = state.clone();
    let result = work(state);
    if result.is_err() {
        // Until what was done is undone.
        state.spoil();
        if transaction.is_autocommit() {
            return result; // there is no savepoint any more
        }
        transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
        *state = before;
    }
    transaction.prepare_cached("RELEASE job")?.execute([])?;
    result
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::{MOST_BYTES, Writer};
    use crate::{
        ResourceId, StoreError,
        sqlite::{
            checkpoints::PAGES_OF_WRITER,
            condition::Condition,
            open_writing,
            readers::{Commits, Readers},
        },
    };
    use rusqlite::Connection;
    use uuid::Uuid;

    fn insert(number: i64) -> impl FnOnce(&Connection) -> Result<(), StoreError> + Send {
        move |connection| Ok(connection.execute("INSERT INTO t VALUES (?1)", [number]).map(drop)?)
    }

    async fn numbers(writer: &Writer) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("SELECT number FROM t ORDER BY number")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        writer.run(read).await.expect("readable")
    }

    fn start(path: &Path, connection: Connection) -> (Writer, Arc<Readers>) {
        let (commits, condition) = (Arc::<Commits>::default(), Arc::new(Condition::new(path)));
        let readers = Arc::new(Readers::new(path, Arc::clone(&commits), Arc::clone(&condition)));
        (Writer::start(connection, Arc::default(), commits, Arc::clone(&readers), condition), readers)
    }

    async fn writer() -> Writer {
        let memory = Connection::open_in_memory().expect("memory");
        let (writer, _) = start(Path::new(":memory:"), memory);
        let create = |connection: &Connection| {
            Ok(connection.execute("CREATE TABLE t (number INTEGER)", []).map(drop)?)
        };
        writer.run(create).await.expect("created");
        writer
    }

    #[tokio::test]
    async fn a_failed_job_leaves_its_batch_alone() {
        let writer = writer().await;
        let failing = writer.run(|connection| {
            connection.execute("INSERT INTO t VALUES (7)", [])?;
            Err::<(), _>(StoreError::Damaged("on purpose".to_owned()))
        });
        let (first, failed, second) = tokio::join!(writer.run(insert(1)), failing, writer.run(insert(2)));
        assert!(first.is_ok() && second.is_ok() && failed.is_err());
        assert_eq!(numbers(&writer).await, [1, 2]);
    }

    #[tokio::test]
    async fn nothing_is_done_when_the_database_gives_up_the_transaction() {
        let writer = writer().await;
        let giving_up = writer.run(|connection| {
            connection.execute("INSERT INTO t VALUES (7)", [])?;
            Ok(connection.execute("ROLLBACK", []).map(drop)?)
        });
        let (first, gave_up) = tokio::join!(writer.run(insert(1)), giving_up);
        assert!(gave_up.is_err());
        // The one before may have been in the same batch or in an earlier one.
        assert_eq!(numbers(&writer).await.contains(&1), first.is_ok());
        writer.run(insert(3)).await.expect("the writer goes on");
        assert!(numbers(&writer).await.contains(&3));
    }

    #[tokio::test]
    async fn a_panic_undoes_its_batch_and_the_writer_goes_on() {
        let writer = writer().await;
        let panicking = writer.run::<()>(|connection| {
            connection.execute("INSERT INTO t VALUES (7)", [])?;
            panic!("on purpose")
        });
        assert!(panicking.await.is_err());
        writer.run(insert(1)).await.expect("the writer goes on");
        assert_eq!(numbers(&writer).await, [1]);
    }

    #[tokio::test]
    async fn what_is_large_is_committed_by_itself() {
        let writer = writer().await;
        let (release, held) = std::sync::mpsc::channel();
        // What comes meanwhile would be one batch, if it were small.
        let holding = writer.run(move |_| held.recv().map_err(|_| StoreError::Closed));
        let large = |number: i64| {
            writer.submit(MOST_BYTES / 2 + 1, move |transaction, _| {
                assert!(number > 0, "on purpose");
                insert(number)(transaction)
            })
        };
        let releasing = async { release.send(()).expect("heard") };
        let (held, first, second, panicked, ()) =
            tokio::join!(holding, large(1), large(2), large(0), releasing);
        assert!(held.is_ok() && first.is_ok() && second.is_ok() && panicked.is_err());
        assert_eq!(numbers(&writer).await, [1, 2]);
    }

    #[tokio::test]
    async fn what_has_waited_for_long_is_not_begun() {
        let writer = writer().await;
        let (release, held) = std::sync::mpsc::channel();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let holding = writer.run(move |connection| {
            begun.send(()).expect("heard");
            held.recv().map_err(|_| StoreError::Closed)?;
            insert(1)(connection)
        });
        let given_up = async {
            begins.await.expect("begun");
            // The clock goes on by itself where nothing else is to be done.
            tokio::time::pause();
            let outcome = writer.run(insert(2)).await;
            tokio::time::resume();
            release.send(()).expect("heard");
            outcome
        };
        let (held, given_up) = tokio::join!(holding, given_up);
        assert!(held.is_ok() && matches!(given_up, Err(StoreError::Busy)), "{held:?}, {given_up:?}");
        assert_eq!(numbers(&writer).await, [1]);
    }

    #[tokio::test]
    async fn the_log_is_begun_anew_however_much_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let connection = open_writing(&path).expect("a connection");
        connection.execute_batch("CREATE TABLE t (bytes BLOB)").expect("a table");
        let (writer, readers) = start(&path, connection);
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT COUNT(*) FROM t", [], |row| row.get::<_, i32>(0))?)
        };
        let nobody = [ResourceId(Uuid::nil())];
        let mut longest = 0;
        for _ in 0..10 * PAGES_OF_WRITER {
            let add = |connection: &Connection| {
                Ok(connection.execute("INSERT INTO t VALUES (zeroblob(3000))", []).map(drop)?)
            };
            writer.run(add).await.expect("written");
            readers.read_of(&nobody, |snapshot| count(snapshot.connection)).expect("read");
            longest = longest.max(path.with_extension("db-wal").metadata().expect("a log").len());
        }
        assert_eq!(writer.run(count).await.expect("counted"), 10 * PAGES_OF_WRITER);
        // There is no thread that checkpoints beside the writer, which waits for that as long.
        let most = u64::try_from(2 * PAGES_OF_WRITER + 50).expect("pages") * 4_120;
        assert!(longest < most, "{longest} bytes");
    }
}
