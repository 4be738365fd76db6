//! The thread that writes the request log.

use std::{
    collections::HashMap,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, sync::watch};

use super::{
    super::{
        fault,
        pool::{Connection, Connections, PoolLimits},
        statement::{Pipeline, Typed},
    },
    WRITTEN, announce,
    batch::Batch,
    rows::{self, Statement},
};
use crate::{
    SourceId, StoreError, lock,
    requests::{
        Masked, NewRequest, Sender,
        keeping::Strangers,
        queue::{BATCH, CountedReads, Queue, Taken},
    },
};

/// How long a transaction may take: behind it others wait, and what comes meanwhile is dropped.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a transaction is begun whose connection turns out to be lost, or that the database gives
/// up.
const MOST_TRIES: usize = 3;
/// How often it is said that the log can't be written.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// Begins a transaction. A COMMIT doesn't wait for the disk: the log may lose its last moment.
pub(super) const BEGIN: &str =
    "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL idle_in_transaction_session_timeout = 5000";
const RESOLVE: &str = "SELECT slug, id FROM source WHERE deleted = 0 AND slug = ANY($1)";
/// Gives numbers to what comes of each source, and locks its row; of one that is gone no row comes back. They go on
/// behind those that were given before (`given`), though the database may have lost these.
const NUMBER: &str = "INSERT INTO request_source AS s (source_id, last, entries, bytes, last_request, last_success) \
     SELECT w.source_id, w.given + w.entries, w.entries, w.bytes, w.last_request, w.last_success \
     FROM unnest($1, $2, $3, $4, $5, $6) AS w (source_id, entries, bytes, last_request, last_success, given) \
     ORDER BY w.source_id ON CONFLICT (source_id) DO UPDATE SET \
     last = GREATEST(s.last + excluded.entries, excluded.last), \
     entries = s.entries + excluded.entries, bytes = s.bytes + excluded.bytes, \
     last_request = GREATEST(s.last_request, excluded.last_request), \
     last_success = GREATEST(s.last_success, excluded.last_success) \
     WHERE s.forgotten = 0 RETURNING s.source_id, s.last, s.bytes, s.most_bytes";

/// Everything that the thread has.
pub(super) struct Writing {
    /// Drives the connection while the thread waits for it.
    runtime: Runtime,
    log: Log,
    strangers: Strangers,
    complained: Option<Instant>,
}

/// The log in the database.
pub(super) struct Log {
    connections: Connections,
    written: Arc<watch::Sender<u64>>,
    /// The last number that was given here for each source: whoever follows it has seen it, be it lost.
    given: Mutex<HashMap<SourceId, i64>>,
}

/// Of how many sources it is kept in mind which number was given last.
const MOST_GIVEN: usize = 10_000;

/// A source as the database has it once a batch is numbered.
struct Numbered {
    last: i64,
    bytes: i64,
    most_bytes: Option<i64>,
}

impl Writing {
    pub(super) fn new(connections: &Connections, written: Arc<watch::Sender<u64>>) -> io::Result<Self> {
        let limits = PoolLimits { connections: 1, ..connections.limits };
        let connections = connections.apart(limits).map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let log = Log { connections, written, given: Mutex::default() };
        Ok(Self { runtime, log, strangers: Strangers::default(), complained: None })
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(&mut self, queue: &Queue<Self>) {
        while let Some(Taken { entries, mut reads, work }) = queue.take() {
            let mut entries = entries.into_iter();
            loop {
                let batch: Vec<NewRequest> = entries.by_ref().take(BATCH).collect();
                if batch.is_empty() && reads.is_empty() {
                    break;
                }
                let count = batch.len() as u64;
                let reads = std::mem::take(&mut reads);
                let lost = match catch_unwind(AssertUnwindSafe(|| self.write_batch(batch, &reads))) {
                    Ok(Ok(only_counted)) => only_counted,
                    Ok(Err(error)) => {
                        self.complain(&error.to_string());
                        // While nothing can be written, trying with all that has gathered would take
                        // longer than more takes to gather.
                        let rest = if error.is_passing() { entries.by_ref().count() } else { 0 };
                        count + rest as u64
                    }
                    Err(_) => {
                        self.complain("a panic");
                        count
                    }
                };
                queue.dropped.fetch_add(lost, Ordering::Relaxed);
            }
            for work in work {
                if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
                    self.complain("a panic");
                }
            }
        }
    }

    /// Does something in the database, and waits until it is done.
    pub(super) fn wait<T>(
        &self,
        work: impl AsyncFnOnce(&Log) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.runtime.block_on(work(&self.log))
    }

    /// Writes down a batch and what was counted, in one transaction; returns how many of the batch
    /// are only counted.
    fn write_batch(&mut self, batch: Vec<NewRequest>, reads: &CountedReads) -> Result<u64, StoreError> {
        let masked: Vec<Masked> = batch.into_iter().map(NewRequest::masked).collect();
        let slugs = self.runtime.block_on(self.log.resolve(&masked))?;
        let batch = Batch::new(masked, reads, &slugs, &mut self.strangers);
        let only_counted = batch.only_counted;
        let sources = self.runtime.block_on(self.log.write(batch))?;
        for (source, Numbered { bytes, most_bytes, .. }) in sources {
            // The batch is written down, whatever becomes of this.
            if let Err(error) = self.keep_to_size(source, bytes, most_bytes) {
                self.complain(&error.to_string());
            }
        }
        Ok(only_counted)
    }

    fn complain(&mut self, error: &str) {
        if self.complained.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!(error, "requests could not be written to the request log");
        }
    }
}

impl Log {
    /// Begins something on a connection, which may turn out to be lost, or in a transaction that the
    /// database gives up: then it is begun anew.
    pub(super) async fn begin<T>(
        &self,
        begin: impl AsyncFn(&Connection) -> Result<T, tokio_postgres::Error>,
    ) -> Result<(T, Connection), StoreError> {
        let mut tries = 1;
        loop {
            let connection = self.connections.get().await?;
            let begun = within_patience(begin(&connection)).await;
            match begun {
                Ok(begun) => return Ok((begun, connection)),
                Err(StoreError::Unavailable(_)) if tries < MOST_TRIES => tries += 1,
                Err(StoreError::Sql { code, .. }) if fault::is_contention(&code) && tries < MOST_TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends statements and what ends the transaction; whole or not at all.
    pub(super) async fn commit(
        &self,
        connection: Connection,
        statements: &[Statement<'_>],
    ) -> Result<(), StoreError> {
        let bound: Vec<_> = statements.iter().map(Statement::bound).collect();
        let mut before = Pipeline::new(&connection);
        for (statement, parameters) in statements.iter().zip(&bound) {
            before.add(statement.text, parameters);
        }
        let all = async {
            let (done, committed) = tokio::join!(biased; before.run(), connection.batch_execute("COMMIT"));
            // A COMMIT behind a statement that failed is a ROLLBACK, and no error.
            done.and(committed)
        };
        within_patience(all).await?;
        connection.release();
        Ok(())
    }

    /// The sources of those requests that came with a slug alone.
    async fn resolve(&self, requests: &[Masked]) -> Result<HashMap<String, SourceId>, StoreError> {
        let slug = |masked: &Masked| match &masked.raw.sender {
            Sender::Slug(slug) if !slug.contains('\0') => Some(slug.clone()),
            _ => None,
        };
        let mut slugs: Vec<String> = requests.iter().filter_map(slug).collect();
        if slugs.is_empty() {
            return Ok(HashMap::new());
        }
        slugs.sort_unstable();
        slugs.dedup();
        let (rows, connection) =
            self.begin(async |connection| connection.rows(RESOLVE, &[slugs.bound()]).await).await?;
        connection.release();
        rows.iter().map(|row| Ok((row.try_get(0)?, SourceId(row.try_get(1)?)))).collect()
    }

    /// Writes a batch; answers the sources that it added to.
    async fn write(&self, mut batch: Batch) -> Result<HashMap<SourceId, Numbered>, StoreError> {
        let (rows, connection) = {
            let shares = || batch.sources.values();
            let number = Statement::new(NUMBER)
                .column(batch.sources.keys().map(|source| source.0))
                .column(shares().map(|share| share.entries))
                .column(shares().map(|share| share.bytes))
                .column(shares().map(|share| share.last_request))
                .column(shares().map(|share| share.last_success))
                .column(batch.sources.keys().map(|source| self.given(*source)));
            self.begin(async |connection| {
                let bound = number.bound();
                let (begun, rows) = tokio::join!(
                    biased;
                    connection.batch_execute(BEGIN),
                    connection.rows(number.text, &bound),
                );
                begun.and(rows)
            })
            .await?
        };
        let numbered = |row: &tokio_postgres::Row| -> Result<(SourceId, Numbered), StoreError> {
            let numbered =
                Numbered { last: row.try_get(1)?, bytes: row.try_get(2)?, most_bytes: row.try_get(3)? };
            Ok((SourceId(row.try_get(0)?), numbered))
        };
        let sources: HashMap<SourceId, Numbered> = rows.iter().map(numbered).collect::<Result<_, _>>()?;
        batch.keep_only(|source| sources.contains_key(&source));
        let last = sources.iter().map(|(source, numbered)| (*source, numbered.last)).collect();
        self.commit(connection, &rows::statements(&batch, &last)).await?;
        self.note_given(last);
        self.announce().await;
        Ok(sources)
    }

    fn note_given(&self, last: HashMap<SourceId, i64>) {
        let mut given = lock(&self.given);
        if given.len() > MOST_GIVEN {
            given.clear();
        }
        given.extend(last);
    }

    fn given(&self, source: SourceId) -> i64 {
        lock(&self.given).get(&source).copied().unwrap_or_default()
    }

    /// Tells those who watch that something was written.
    async fn announce(&self) {
        if self.written.receiver_count() == 0 {
            return;
        }
        let asked = self.begin(async |connection| connection.rows(WRITTEN, &[]).await).await;
        // Should it fail, it is seen when it is looked for what others have written.
        if let Ok((rows, connection)) = asked {
            connection.release();
            let number = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok());
            announce(&self.written, number.unwrap_or_default().unsigned_abs());
        }
    }
}

async fn within_patience<T>(
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    let silent = |_| StoreError::Unavailable("the database doesn't answer".to_owned());
    Ok(tokio::time::timeout(PATIENCE, work).await.map_err(silent)??)
}
