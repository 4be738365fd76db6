//! The log's pages put into the database file, beside the writer instead of in its way.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::watch;

use super::{condition::Condition, disk::DatabaseFile, lock, open_writing, readers::Readers, room};
use crate::StoreError;

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_millis(200);

/// How often in a row the database is not found in its place before that is believed.
const LOOKS_IN_VAIN: u32 = 5;

/// From how many pages of the log on the writer completes a checkpoint, while everybody who writes waits. On a
/// disk with little room it does so from fewer on ([`Log::note_room`]).
pub(super) const PAGES_OF_WRITER: i32 = if cfg!(test) { 100 } else { 32_000 };
/// From how many pages of it on nobody begins to read what may take long. As long as such readers follow each
/// other without a gap, the log can't be begun anew.
const PAGES_TO_HOLD_BACK: i32 = 8 * PAGES_OF_WRITER;
/// How long they are held back at most: longer than a search may take that has begun before.
const MOST_HELD_BACK: Duration = Duration::from_secs(35);
/// How long it takes until a checkpoint that has failed is tried again, without a write in between.
const PAUSE_BEHIND_FAILURE: Duration = Duration::from_secs(5);

/// What the writer and the thread that checkpoints tell each other of the log.
#[derive(Debug, Default)]
pub(super) struct Log {
    state: Mutex<State>,
    /// Held by who has SQLite checkpoint: the other would be told that it is busy.
    turn: Mutex<()>,
    /// Whether those are held back who read what may take long.
    holds_back: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    /// From how many pages on the writer completes a checkpoint.
    complete_from: i32,
    /// How often the log has been begun anew.
    beginnings: u64,
    /// How many pages it has.
    pages: i32,
    /// How many of them, from its beginning, are in the database, and on the disk there.
    settled: i32,
    /// From how many pages on it tries so again, after somebody who reads was in the way.
    try_from: i32,
    /// The thread has something to do: something has been written since it last looked, or it has failed.
    is_written: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            complete_from: PAGES_OF_WRITER,
            beginnings: 0,
            pages: 0,
            settled: 0,
            try_from: 0,
            is_written: false,
        }
    }
}

impl State {
    /// Whether so many pages may be left to the writer. If there are more, it puts the checkpoint off until the
    /// thread has done most of it, or the log is twice as long.
    fn is_little(&self, left: i32) -> bool {
        left <= self.complete_from / 8
    }
}

impl Log {
    /// Notes that the log has so many pages behind a commit. Answers whether the writer is to complete a
    /// checkpoint: the log is long, and little is left to do or it would become too long.
    pub(super) fn note_commit(&self, pages: i32) -> bool {
        let mut state = lock(&self.state);
        if pages < state.pages {
            (state.settled, state.try_from) = (0, 0);
            state.beginnings += 1;
        }
        (state.pages, state.is_written) = (pages, true);
        let holds_back = pages >= PAGES_TO_HOLD_BACK;
        self.holds_back.send_if_modified(|before| std::mem::replace(before, holds_back) != holds_back);
        pages >= state.try_from.max(state.complete_from)
            && (state.is_little(pages - state.settled) || pages >= 2 * state.complete_from)
    }

    /// Notes how many pages the log may have for the room on its disk, of those it would have on a large one.
    fn note_room(&self, pages: i32) {
        lock(&self.state).complete_from = pages;
    }

    /// How many bytes the log's file may keep when it is begun anew.
    pub(super) fn bytes_kept(&self) -> i64 {
        room::bytes_kept(lock(&self.state).complete_from)
    }

    /// Waits until somebody may begin to read what may take long: until the log has been begun anew, if it is
    /// far too long.
    pub(super) async fn pass(&self) {
        let mut holds_back = self.holds_back.subscribe();
        // Whoever was there before goes on no longer than that, as a rule.
        drop(tokio::time::timeout(MOST_HELD_BACK, holds_back.wait_for(|holds_back| !holds_back)).await);
    }

    /// Lets those go on who are held back: all of the log is in the database, so that nobody who begins to read
    /// now needs it.
    pub(super) fn let_pass(&self) {
        self.holds_back.send_if_modified(std::mem::take);
    }

    /// Runs the writer's checkpoint, unless the thread is at one: then it is the writer's turn behind its next
    /// commit.
    pub(super) fn complete<T>(&self, checkpoint: impl FnOnce() -> T) -> Option<T> {
        let _turn = self.turn.try_lock().ok()?;
        {
            let mut state = lock(&self.state);
            state.try_from = state.pages + (state.complete_from / 32).max(room::LEAST_PAGES);
        }
        Some(checkpoint())
    }

    /// How often the log has been begun anew, if something has been written to it since the last time.
    fn look(&self) -> Option<u64> {
        let mut state = lock(&self.state);
        std::mem::take(&mut state.is_written).then_some(state.beginnings)
    }

    /// Whether so many pages are worth being settled by the thread.
    fn is_long(&self, pages: i32) -> bool {
        pages > lock(&self.state).complete_from / 2
    }

    /// Notes that so many pages are settled of the log that had begun anew so often. Answers whether more are left
    /// than the writer is to do.
    fn settle(&self, beginnings: u64, pages: i32) -> bool {
        let mut state = lock(&self.state);
        if state.beginnings == beginnings {
            state.settled = pages;
        }
        !state.is_little(state.pages - state.settled)
    }

    /// Notes that the thread has not done what it was to do.
    fn note_failure(&self) {
        lock(&self.state).is_written = true;
    }
}

/// A thread that checkpoints now and then. It never waits for readers or the writer, nor they for
/// it. What it can't do, because the writer is always ahead of it, the writer does itself behind a batch
/// once the log is long ([`Log::note_commit`]).
pub(super) struct Checkpoints {
    stop: Mutex<Option<mpsc::Sender<()>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Checkpoints {
    pub(super) fn start(
        database: &Path,
        log: Arc<Log>,
        readers: Arc<Readers>,
        condition: Arc<Condition>,
    ) -> Result<Self, StoreError> {
        let connection = open_writing(database)?;
        let file = DatabaseFile::open(database)?;
        let checkpointing = Checkpointing { readers, connection, file, log, condition };
        checkpointing.look_for_room();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || checkpointing.run(&stopped))
            .expect("the operating system can start one thread");
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }
}

/// What the thread has.
struct Checkpointing {
    /// Closed before the connection, which is the last one, as a rule, and takes the log with it.
    readers: Arc<Readers>,
    connection: Connection,
    file: DatabaseFile,
    log: Arc<Log>,
    condition: Arc<Condition>,
}

impl Checkpointing {
    fn run(&self, stopped: &mpsc::Receiver<()>) {
        let mut pause = EVERY;
        // Where files have no lasting numbers, nothing can be seen by them.
        let watches = self.file.is_in_place(self.condition.path());
        let mut missed = 0;
        while stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
            pause = EVERY;
            missed = if self.file.is_in_place(self.condition.path()) { 0 } else { missed + 1 };
            if watches && missed == LOOKS_IN_VAIN {
                self.condition.note_replaced();
            }
            if self.condition.check().is_err() {
                break;
            }
            let Some(beginnings) = self.log.look() else { continue };
            self.look_for_room();
            match self.checkpoint(beginnings) {
                // As much has been written meanwhile: the next one has less to do.
                Ok(true) => pause = Duration::ZERO,
                Ok(false) => {}
                Err(error) => {
                    self.log.note_failure();
                    pause = PAUSE_BEHIND_FAILURE;
                    let error = self.condition.noted(error);
                    if self.condition.check().is_err() {
                        break;
                    }
                    tracing::warn!(%error, "a checkpoint failed; it is tried again");
                }
            }
        }
        // Until everybody else has closed the database.
        let _disconnected = stopped.recv();
        if let Err(error) = self.condition.leave(&self.connection) {
            tracing::error!(%error, "the log may not be kept");
        }
    }

    fn look_for_room(&self) {
        self.log.note_room(room::pages_of_log(self.condition.path(), PAGES_OF_WRITER));
    }

    /// Puts what there is of the log into the database, and if it is much, on the disk there. Answers whether much
    /// has come behind it.
    fn checkpoint(&self, beginnings: u64) -> Result<bool, StoreError> {
        self.readers.end_idle()?;
        let (all, pages): (i32, i32) = {
            let _turn = lock(&self.log.turn);
            self.condition.check()?;
            self.connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?
        };
        if pages == all {
            self.log.let_pass();
        }
        self.file.write_back()?;
        if !self.log.is_long(pages) {
            return Ok(false);
        }
        // SQLite synchronises the file only when all of the log is in it: if the writer was ahead, that
        // would be left to the checkpoint that others wait for.
        self.file.synchronise()?;
        Ok(self.log.settle(beginnings, pages))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        lock(&self.stop).take();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the thread has been reported where it happened.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Checkpointing, Log, PAGES_OF_WRITER, PAGES_TO_HOLD_BACK};
    use crate::sqlite::{
        condition::Condition, disk::DatabaseFile, open_writing, readers::Readers, room::LEAST_PAGES,
    };

    const LEFT_TO_WRITER: i32 = PAGES_OF_WRITER / 8;

    #[test]
    fn the_writer_completes_what_is_almost_done_or_too_long() {
        let most_is_settled = PAGES_OF_WRITER - LEFT_TO_WRITER;
        // How much of the log is settled, its length, and whether the writer does the rest.
        for (settled, pages, expected) in [
            (0, PAGES_OF_WRITER, false),
            (0, 2 * PAGES_OF_WRITER - 1, false),
            (0, 2 * PAGES_OF_WRITER, true),
            (most_is_settled, PAGES_OF_WRITER - 1, false),
            (most_is_settled, PAGES_OF_WRITER, true),
            (most_is_settled, PAGES_OF_WRITER + 1, false),
            (PAGES_OF_WRITER, PAGES_OF_WRITER, true),
        ] {
            let log = Log::default();
            log.note_commit(settled);
            assert!(!log.settle(0, settled), "nothing is left");
            assert_eq!(log.note_commit(pages), expected, "{settled} of {pages} pages");
        }
    }

    #[test]
    fn what_was_settled_of_an_earlier_log_does_not_count() {
        let log = Log::default();
        assert_eq!(log.look(), None);
        log.note_commit(PAGES_OF_WRITER - 1);
        let beginnings = log.look().expect("something is written");
        assert_eq!(log.look(), None);
        // The log is begun anew while the thread is at work.
        log.note_commit(LEFT_TO_WRITER + 1);
        assert!(log.settle(beginnings, PAGES_OF_WRITER - 1), "all of it is left");
        assert!(!log.note_commit(PAGES_OF_WRITER));
        let beginnings = log.look().expect("something is written");
        assert!(!log.settle(beginnings, PAGES_OF_WRITER - 1), "a page is left");
        assert!(log.note_commit(PAGES_OF_WRITER));
        // And what was settled counts no more than who settled it.
        assert!(!log.note_commit(4) && !log.note_commit(PAGES_OF_WRITER));
    }

    #[test]
    fn the_writer_tries_again_somewhat_later_or_when_it_is_its_turn() {
        let log = Log::default();
        let most = 2 * PAGES_OF_WRITER;
        assert!(log.note_commit(most));
        let turn = log.turn.lock().expect("nobody has panicked");
        assert_eq!(log.complete(|| "done"), None, "the thread is at one");
        assert!(log.note_commit(most + 1));
        drop(turn);
        assert_eq!(log.complete(|| "done"), Some("done"));
        assert!(!log.note_commit(most + LEAST_PAGES));
        assert!(log.note_commit(most + 1 + LEAST_PAGES));
    }

    #[test]
    fn the_log_stays_shorter_where_there_is_little_room() {
        let log = Log::default();
        let kept = log.bytes_kept();
        log.note_room(PAGES_OF_WRITER / 2);
        assert!(log.note_commit(PAGES_OF_WRITER));
        assert_eq!(log.bytes_kept(), kept / 2);
        // That is no matter of how often it has been begun.
        assert!(!log.note_commit(1) && !log.note_commit(PAGES_OF_WRITER - 1));
        assert!(log.note_commit(PAGES_OF_WRITER));
        log.note_room(PAGES_OF_WRITER);
        assert!(!log.note_commit(PAGES_OF_WRITER));
    }

    #[test]
    fn what_has_failed_is_tried_again_without_a_write() {
        let log = Log::default();
        log.note_commit(1);
        assert_eq!(log.look(), Some(0));
        log.note_failure();
        assert_eq!(log.look(), Some(0));
        assert_eq!(log.look(), None);
    }

    #[tokio::test]
    async fn long_reads_wait_for_a_log_that_is_far_too_long() {
        let log = Arc::new(Log::default());
        log.pass().await;
        log.note_commit(PAGES_TO_HOLD_BACK - 1);
        log.pass().await;
        log.note_commit(PAGES_TO_HOLD_BACK);
        let waiting = tokio::spawn({
            let log = Arc::clone(&log);
            async move { log.pass().await }
        });
        tokio::task::yield_now().await;
        log.note_commit(PAGES_TO_HOLD_BACK + 1);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        log.note_commit(1);
        waiting.await.expect("it goes on");
    }

    #[test]
    fn what_is_settled_of_a_long_log_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let writing = open_writing(&path).expect("a connection");
        let condition = Arc::new(Condition::new(&path));
        let checkpointing = Checkpointing {
            readers: Arc::new(Readers::new(&path, Arc::default(), Arc::clone(&condition))),
            connection: open_writing(&path).expect("a connection"),
            file: DatabaseFile::open(&path).expect("a file"),
            log: Arc::default(),
            condition,
        };
        writing.execute_batch("CREATE TABLE t (bytes BLOB)").expect("a table");
        checkpointing.log.note_commit(PAGES_OF_WRITER);
        assert!(!checkpointing.checkpoint(0).expect("a checkpoint"), "few pages are in the database");
        writing
            .execute("INSERT INTO t VALUES (zeroblob(4096 * ?1))", [PAGES_OF_WRITER * 3 / 4])
            .expect("written");
        assert!(
            checkpointing.checkpoint(0).expect("a checkpoint"),
            "a quarter is said to have come behind it"
        );
        checkpointing.log.note_commit(PAGES_OF_WRITER * 3 / 4);
        assert!(!checkpointing.checkpoint(1).expect("a checkpoint"), "all is in the database");
    }
}
