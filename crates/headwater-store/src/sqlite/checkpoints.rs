//! The log's pages put into the database file, beside the writer instead of in its way.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use rusqlite::Connection;

use super::{lock, log_file, open_writing, readers::Readers};
use crate::StoreError;

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_millis(200);

/// How many pages the log has when the writer makes a checkpoint itself, and everybody who writes waits.
pub(super) const PAGES_OF_WRITER: i32 = if cfg!(test) { 100 } else { 32_000 };

/// A thread that checkpoints now and then. It never waits for readers or the writer, nor they for
/// it. What it can't do, because the writer is always ahead of it, the writer does itself behind a batch
/// once the log is long; little is left to do then, and most of it is on the disk.
pub(super) struct Checkpoints {
    stop: Mutex<Option<mpsc::Sender<()>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Checkpoints {
    /// `written` is set by the writer when there is something new in the log.
    pub(super) fn start(
        database: &Path,
        written: Arc<AtomicBool>,
        readers: Arc<Readers>,
    ) -> Result<Self, StoreError> {
        let connection = open_writing(database)?;
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if written.swap(false, Ordering::Relaxed)
                        && let Err(error) = checkpoint(&connection, &readers)
                    {
                        tracing::warn!(%error, "a checkpoint failed; it is tried again behind the next write");
                    }
                }
            })
            .expect("the operating system can start one thread");
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }
}

fn checkpoint(connection: &Connection, readers: &Readers) -> Result<(), StoreError> {
    readers.end_idle()?;
    let pages: i32 = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))?;
    // SQLite synchronises the file only when all of the log is in it: if the writer was ahead, that would be
    // left to the checkpoint that others wait for.
    if pages > PAGES_OF_WRITER / 2 {
        log_file::synchronise(connection)?;
    }
    Ok(())
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
