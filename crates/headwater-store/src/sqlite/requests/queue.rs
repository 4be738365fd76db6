//! What waits to be written down.

use std::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{super::lock, writer::Writing};
use crate::requests::NewRequest;

/// How many requests wait at most.
const MAX_ENTRIES: usize = 8_192;
/// How many bytes wait at most.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How many requests are written at once without waiting for more.
pub(super) const BATCH: usize = 1_000;
/// With so many waiting, the bodies of reads are left out: the queue is emptied ten times a second,
/// and the time that writing takes is better spent on answering.
const BUSY: usize = BATCH / 2;
/// How long a request waits for others to be written with.
const PATIENCE: Duration = Duration::from_millis(100);

/// Work for the thread that writes, beside writing down requests.
pub(super) type Work = Box<dyn FnOnce(&mut Writing) + Send>;

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// How many requests were not written down.
    pub(super) dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<NewRequest>,
    bytes: usize,
    work: Vec<Work>,
    closed: bool,
}

impl Waiting {
    /// How full it is, in quarters.
    fn quarters(&self) -> usize {
        (self.entries.len() * 4 / MAX_ENTRIES).max(self.bytes * 4 / MAX_BYTES)
    }

    fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.work.is_empty() && !self.closed
    }

    fn may_wait(&self) -> bool {
        self.entries.len() < BATCH && self.work.is_empty() && !self.closed
    }
}

impl Queue {
    pub(super) fn push(&self, mut entry: NewRequest) {
        // Rather this than a change, or a refusal that its client has to hear of.
        let minor = entry.is_successful_read() || entry.is_strange();
        let mut waiting = lock(&self.waiting);
        let full = match waiting.quarters() {
            0 | 1 => false,
            quarters if minor => quarters >= 3,
            quarters => quarters >= 4,
        };
        if full || waiting.closed {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if minor && (waiting.entries.len() >= BUSY || waiting.quarters() >= 2) {
            entry.leave_bodies_out();
        }
        waiting.bytes += entry.size();
        waiting.entries.push(entry);
        let due = matches!(waiting.entries.len(), 1 | BATCH);
        drop(waiting);
        if due {
            self.arrived.notify_one();
        }
    }

    pub(super) fn work(&self, work: Work) {
        let mut waiting = lock(&self.waiting);
        if !waiting.closed {
            waiting.work.push(work);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.arrived.notify_one();
    }

    /// Waits for something to do; `None` when there is nothing left and the log is closed.
    pub(super) fn take(&self) -> Option<(Vec<NewRequest>, Vec<Work>)> {
        let waiting = lock(&self.waiting);
        let idle = self.arrived.wait_while(waiting, |waiting| waiting.is_idle());
        let waiting = idle.unwrap_or_else(std::sync::PoisonError::into_inner);
        let some = self.arrived.wait_timeout_while(waiting, PATIENCE, |waiting| waiting.may_wait());
        let (mut waiting, _) = some.unwrap_or_else(std::sync::PoisonError::into_inner);
        if waiting.entries.is_empty() && waiting.work.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        let capacity = waiting.entries.len().min(BATCH);
        let entries = std::mem::replace(&mut waiting.entries, Vec::with_capacity(capacity));
        Some((entries, std::mem::take(&mut waiting.work)))
    }
}
