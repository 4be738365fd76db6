//! The request log in PostgreSQL, beside the directory; any number of replicas write to one.
//!
//! Each has a thread that writes what has gathered, on a connection and a runtime of its own: so the
//! log takes nothing from those who answer requests, and what was recorded can be waited for at the
//! end, wherever that comes. Reading goes over the store's connections.

mod batch;
mod list;
mod retention;
mod rows;
mod writer;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use uuid::Uuid;

use self::writer::Writing;
use super::PostgresStore;
use crate::{
    Millis, SourceId, StoreError, lock,
    requests::{
        Hour, LogState, Milestones, NewRequest, RequestLog, RequestPage, RequestQuery, RequestRecord,
        RetentionLimits, Traffic,
        queue::Queue,
        read::{self, Tables},
    },
    sql::{Sql, values},
};

/// How often it is looked for what others have written, while somebody watches.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many sources are read at once.
const SOURCES_AT_ONCE: usize = 1_000;
/// A number that grows with every request that is written down, by whomever.
const WRITTEN: &str = "SELECT CAST(COALESCE(SUM(last), 0) AS BIGINT) FROM request_source";

/// Numbers are given per source.
const TABLES: Tables = Tables {
    messages: "request_body WHERE source_id = ?1 AND sequence = ?2",
    last_heard: "request_source WHERE source_id = ?1",
};

/// The request log in the database of a store.
#[derive(Clone)]
pub struct PostgresRequestLog {
    shared: Arc<Shared>,
}

struct Shared {
    store: PostgresStore,
    queue: Arc<Queue<Writing>>,
    written: Arc<watch::Sender<u64>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    looking: JoinHandle<()>,
}

impl PostgresStore {
    /// The log of requests in the same database. What is recorded is written down when the last of its
    /// clones is dropped, as far as the database can be reached.
    ///
    /// # Errors
    /// No thread could be started.
    pub async fn request_log(&self) -> Result<PostgresRequestLog, StoreError> {
        // Should the database be away just now, the number comes when somebody watches.
        let written = Arc::new(watch::Sender::new(self.written().await.unwrap_or_default()));
        let queue = Arc::new(Queue::default());
        let unusable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let mut writing = Writing::new(&self.shared.connections, Arc::clone(&written)).map_err(unusable)?;
        let taken_from = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || writing.run(&taken_from))
            .map_err(unusable)?;
        let looking = tokio::spawn(look_for_others(self.clone(), Arc::clone(&written)));
        let thread = Mutex::new(Some(thread));
        let shared = Shared { store: self.clone(), queue, written, thread, looking };
        Ok(PostgresRequestLog { shared: Arc::new(shared) })
    }

    async fn written(&self) -> Result<u64, StoreError> {
        self.read_without_snapshot(|sql| (sql as &dyn Sql).count(WRITTEN, &[])).await
    }
}

/// Tells those who watch of what other replicas have written.
async fn look_for_others(store: PostgresStore, written: Arc<watch::Sender<u64>>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if written.receiver_count() == 0 {
            continue;
        }
        match store.written().await {
            Ok(number) => announce(&written, number),
            Err(error) => tracing::debug!(%error, "it can't be seen what others write to the request log"),
        }
    }
}

/// Holds up a number, unless a greater one was seen before.
fn announce(written: &watch::Sender<u64>, number: u64) {
    written.send_if_modified(|last| {
        let is_greater = number > *last;
        *last = number.max(*last);
        is_greater
    });
}

impl PostgresRequestLog {
    /// Reads what takes several statements, in one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.store.read_records(read).await
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

impl Drop for Shared {
    /// Writes down what was recorded.
    fn drop(&mut self) {
        self.looking.abort();
        self.queue.close();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the thread has been reported where it happened.
            drop(thread.join());
        }
    }
}

#[async_trait]
impl RequestLog for PostgresRequestLog {
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
        self.read(move |sql| list::list(sql, source, &query)).await
    }

    async fn request(&self, source: SourceId, sequence: i64) -> Result<Option<RequestRecord>, StoreError> {
        self.read(move |sql| read::request(sql, &TABLES, source, sequence)).await
    }

    async fn by_request_id(&self, source: SourceId, id: Uuid) -> Result<Option<RequestRecord>, StoreError> {
        self.read(move |sql| read::by_id(sql, &TABLES, source, id)).await
    }

    async fn hours(&self, source: SourceId, from: Millis, to: Millis) -> Result<Vec<Hour>, StoreError> {
        self.read(move |sql| read::hours(sql, source, from, to)).await
    }

    async fn traffic(&self, source: SourceId, since: Millis) -> Result<Traffic, StoreError> {
        self.read(move |sql| read::traffic(sql, &TABLES, source, since)).await
    }

    async fn milestones(&self, source: SourceId) -> Result<Milestones, StoreError> {
        self.read(move |sql| read::milestones(sql, source)).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.shared.written.subscribe()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.work(|_| Ok(())).await
    }

    async fn sources(&self) -> Result<Vec<SourceId>, StoreError> {
        self.read(|sql| {
            let page = "SELECT source_id FROM request_source WHERE forgotten = 0 AND source_id > ?1 \
                        ORDER BY source_id LIMIT ?2";
            let mut sources: Vec<SourceId> = Vec::new();
            loop {
                let last = sources.last().map_or(i64::MIN, |source| source.0);
                let more: Vec<SourceId> = sql.all(page, &values![last, SOURCES_AT_ONCE], |row| row.get(0))?;
                let is_all = more.len() < SOURCES_AT_ONCE;
                sources.extend(more);
                if is_all {
                    return Ok(sources);
                }
            }
        })
        .await
    }

    async fn forget(&self, source: SourceId) -> Result<(), StoreError> {
        self.work(move |writing| writing.begin_to_forget(source)).await?;
        while self.work(move |writing| writing.forget_portion(source)).await? {}
        Ok(())
    }

    async fn prune(&self, limits: &[(SourceId, RetentionLimits)], now: Millis) -> Result<(), StoreError> {
        let known = limits.to_vec();
        self.work(move |writing| writing.set_limits(&known)).await?;
        let said: HashMap<SourceId, RetentionLimits> = limits.iter().copied().collect();
        // They are looked for beside the writing: of very many sources few have anything to delete.
        for (source, limits) in self.read(move |sql| retention::due(sql, &said, now)).await? {
            while self.work(move |writing| writing.prune_portion(source, limits, now)).await? {}
        }
        Ok(())
    }

    async fn state(&self) -> Result<LogState, StoreError> {
        let dropped = self.shared.queue.dropped.load(Ordering::Relaxed);
        let counted = self.shared.queue.counted.load(Ordering::Relaxed);
        let state = self.read(list::state).await?;
        Ok(LogState { dropped, counted, ..state })
    }
}
