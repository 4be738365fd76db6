//! What waits to be written down.

use std::{
    collections::HashMap,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{NewRequest, keeping::HOUR};
use crate::{Millis, SourceId, lock};

/// How many requests wait at most.
const MAX_ENTRIES: usize = 8_192;
/// How many bytes wait at most.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How many requests are written at once without waiting for more.
pub(crate) const BATCH: usize = 1_000;
/// With so many waiting, successful reads are counted alone: the queue is emptied ten times a second,
/// and the time that writing them takes is better spent on answering.
const BUSY: usize = BATCH / 2;
/// The same, for as long as more than [`BUSY`] came the last time: enough are written down to show
/// what is going on.
const STILL_BUSY: usize = BUSY / 10;
/// How long a request waits for others to be written with.
const PATIENCE: Duration = Duration::from_millis(100);

/// Work for the thread that writes, beside writing down requests: done with all that the thread has.
pub(crate) type Work<W> = Box<dyn FnOnce(&mut W) + Send>;

/// What waits for the thread that writes; `W` is what the thread has.
pub(crate) struct Queue<W> {
    waiting: Mutex<Waiting<W>>,
    arrived: Condvar,
    busy: AtomicBool,
    /// How many requests were not written down.
    pub(crate) dropped: AtomicU64,
    /// How many reads were counted alone.
    pub(crate) counted: AtomicU64,
}

/// What the thread that writes has to do.
pub(crate) struct Taken<W> {
    pub(crate) entries: Vec<NewRequest>,
    pub(crate) reads: CountedReads,
    pub(crate) work: Vec<Work<W>>,
}

/// Successful reads that are not written down: of each source and hour how many, and when the last
/// one came.
pub(crate) type CountedReads = HashMap<(SourceId, Millis), (i64, Millis)>;

struct Waiting<W> {
    entries: Vec<NewRequest>,
    bytes: usize,
    reads: CountedReads,
    /// How many reads those are together.
    counted: usize,
    /// With how many entries reads are counted alone.
    busy_from: usize,
    work: Vec<Work<W>>,
    closed: bool,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        let waiting = Waiting {
            entries: Vec::new(),
            bytes: 0,
            reads: CountedReads::new(),
            counted: 0,
            busy_from: BUSY,
            work: Vec::new(),
            closed: false,
        };
        Self {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            busy: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            counted: AtomicU64::new(0),
        }
    }
}

impl<W> Waiting<W> {
    /// How full it is, in quarters.
    fn quarters(&self) -> usize {
        (self.entries.len() * 4 / MAX_ENTRIES).max(self.bytes * 4 / MAX_BYTES)
    }

    fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.reads.is_empty() && self.work.is_empty() && !self.closed
    }

    fn may_wait(&self) -> bool {
        self.entries.len() < BATCH && self.work.is_empty() && !self.closed
    }
}

impl<W> Queue<W> {
    pub(crate) fn push(&self, mut entry: NewRequest) {
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
        let busy = waiting.entries.len() >= waiting.busy_from || waiting.quarters() >= 2;
        if minor && busy {
            entry.leave_bodies_out();
        }
        waiting.bytes += entry.size();
        waiting.entries.push(entry);
        self.busy.store(busy, Ordering::Relaxed);
        let due = matches!(waiting.entries.len(), 1 | BATCH);
        drop(waiting);
        if due {
            self.arrived.notify_one();
        }
    }

    /// Whether successful reads are to be counted alone; see [`Self::count_read`].
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    pub(crate) fn count_read(&self, source: SourceId, at: Millis) {
        let mut waiting = lock(&self.waiting);
        let (count, last) = waiting.reads.entry((source, at.div_euclid(HOUR) * HOUR)).or_default();
        *count += 1;
        *last = at.max(*last);
        waiting.counted += 1;
        drop(waiting);
        self.counted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn work(&self, work: Work<W>) {
        let mut waiting = lock(&self.waiting);
        if !waiting.closed {
            waiting.work.push(work);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    pub(crate) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.arrived.notify_one();
    }

    /// Waits for something to do; `None` when there is nothing left and the log is closed.
    pub(crate) fn take(&self) -> Option<Taken<W>> {
        let waiting = lock(&self.waiting);
        let idle = self.arrived.wait_while(waiting, |waiting| waiting.is_idle());
        let waiting = idle.unwrap_or_else(std::sync::PoisonError::into_inner);
        let some = self.arrived.wait_timeout_while(waiting, PATIENCE, |waiting| waiting.may_wait());
        let (mut waiting, _) = some.unwrap_or_else(std::sync::PoisonError::into_inner);
        if waiting.entries.is_empty() && waiting.reads.is_empty() && waiting.work.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        let came = waiting.entries.len() + std::mem::take(&mut waiting.counted);
        waiting.busy_from = if came > BUSY { STILL_BUSY } else { BUSY };
        self.busy.store(false, Ordering::Relaxed);
        let capacity = waiting.entries.len().min(BATCH);
        Some(Taken {
            entries: std::mem::replace(&mut waiting.entries, Vec::with_capacity(capacity)),
            reads: std::mem::take(&mut waiting.reads),
            work: std::mem::take(&mut waiting.work),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc, time::Duration};

    use uuid::Uuid;

    use super::{BUSY, HOUR, Queue, STILL_BUSY, Taken};
    use crate::{
        SourceId,
        requests::{Body, Headers, NewRequest, Operation, RawRequest, Sender},
    };

    fn read(at: i64) -> NewRequest {
        NewRequest::new(RawRequest {
            sender: Sender::Source(SourceId(1)),
            id: Uuid::nil(),
            at,
            duration: Duration::from_micros(1),
            address: Ipv4Addr::LOCALHOST.into(),
            authenticated: true,
            token: Some(Uuid::nil()),
            method: "GET".into(),
            uri: "/source/scim/one/v2/Users".to_owned(),
            status: 200,
            operation: Operation::Search,
            error: None,
            scim_type: None,
            target: None,
            resources: Vec::new(),
            outcomes: Vec::new(),
            changes: 0,
            milestones: Vec::new(),
            request_headers: Headers::default(),
            request_body: Body::None,
            response_headers: Headers::default(),
            response_body: Body::None,
            secret_names: Arc::default(),
        })
    }

    #[test]
    fn with_many_waiting_reads_are_counted_until_they_are_taken() {
        let queue = Queue::<()>::default();
        for at in 0..BUSY {
            assert!(!queue.is_busy(), "{at}");
            queue.push(read(0));
        }
        queue.push(read(0));
        assert!(queue.is_busy());
        for at in [5, 7, 6, HOUR] {
            queue.count_read(SourceId(1), at);
        }
        let Taken { entries, reads, work } = queue.take().expect("something to do");
        assert!(!queue.is_busy() && work.is_empty());
        assert_eq!(entries.len(), BUSY + 1);
        assert_eq!(reads.get(&(SourceId(1), 0)), Some(&(3, 7)));
        assert_eq!(reads.get(&(SourceId(1), HOUR)), Some(&(1, HOUR)));
        // As many as the last time: fewer of them are written down.
        for at in 0..STILL_BUSY {
            assert!(!queue.is_busy(), "{at}");
            queue.push(read(0));
        }
        queue.push(read(0));
        assert!(queue.is_busy());
        queue.take().expect("something to do");
        // Fewer than that came: it is as at first.
        for _ in 0..=STILL_BUSY {
            queue.push(read(0));
        }
        assert!(!queue.is_busy());
        queue.take().expect("something to do");
        queue.count_read(SourceId(2), 1);
        assert_eq!(queue.take().expect("something to do").reads.len(), 1);
        queue.close();
        assert!(queue.take().is_none());
    }
}
