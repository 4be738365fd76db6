//! The thread that writes the request log.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;

use super::{
    super::{lock, room, unreadable::told_apart},
    MOST_PAGES, Readers, Resolve, begin_anew, fit_log, is_damaged,
};
use crate::{
    Millis, SourceId, StoreError,
    requests::{
        Masked, Milestone, NewRequest, RetentionLimits, Sender, UNMATCHED,
        keeping::{self, Counted, DAY, HOUR, HOURS_KEPT, PORTION, Strangers},
        queue::{BATCH, CountedReads, Queue, Taken},
    },
};

/// How many numbers share a bucket of the index of resources: 2 to this power.
pub(super) const BUCKET_BITS: u32 = 12;
/// How often it is said that the log can't be written.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// Everything that the thread has.
pub(super) struct Writing {
    connection: Connection,
    readers: Arc<Readers>,
    written: watch::Sender<u64>,
    resolve: Resolve,
    state: State,
    limits: HashMap<SourceId, RetentionLimits>,
    forgotten: HashSet<SourceId>,
    complained: Option<Instant>,
    /// After how many pages SQLite ends its own log.
    pages: i32,
}

/// What is known of what is written; as it is in the file.
#[derive(Clone, Default)]
struct State {
    last: i64,
    sources: HashMap<SourceId, Kept>,
    milestones: HashSet<(SourceId, &'static str)>,
    strangers: Strangers,
}

/// What is kept of a source.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    entries: i64,
    bytes: i64,
    last_request: Millis,
    last_success: Option<Millis>,
}

impl Writing {
    pub(super) fn new(
        connection: Connection,
        readers: Arc<Readers>,
        written: watch::Sender<u64>,
        resolve: Resolve,
    ) -> Result<Self, StoreError> {
        let state = State::load(&connection)?;
        written.send_replace(u64::try_from(state.last).unwrap_or(0));
        Ok(Self {
            connection,
            readers,
            written,
            resolve,
            state,
            limits: HashMap::new(),
            forgotten: HashSet::new(),
            complained: None,
            pages: 0,
        })
    }

    /// Whether what is known of what is written can be read.
    ///
    /// # Errors
    /// It can't, as the file is damaged.
    pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
        State::load(connection).map(drop)
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(&mut self, queue: &Queue<Self>) {
        while let Some(Taken { entries, mut reads, work }) = queue.take() {
            if let Err(error) = self.look_for_room() {
                self.recover(Some(error));
            }
            let mut entries = entries.into_iter();
            loop {
                let batch: Vec<NewRequest> = entries.by_ref().take(BATCH).collect();
                if batch.is_empty() && reads.is_empty() {
                    break;
                }
                let lost = self.write_batch(batch, &std::mem::take(&mut reads));
                queue.dropped.fetch_add(lost, Ordering::Relaxed);
            }
            for work in work {
                if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
                    self.recover(None);
                }
            }
        }
    }

    /// Has SQLite's own log be as long as there is room for.
    fn look_for_room(&mut self) -> Result<(), StoreError> {
        let pages = room::pages_of_log(&self.readers.path, MOST_PAGES);
        if pages != self.pages {
            fit_log(&self.connection, pages)?;
            self.pages = pages;
        }
        Ok(())
    }

    /// Writes down a batch; returns how many of it are lost.
    fn write_batch(&mut self, batch: Vec<NewRequest>, reads: &CountedReads) -> u64 {
        let count = batch.len() as u64;
        let written = catch_unwind(AssertUnwindSafe(|| self.batch(batch, reads)));
        let error = match written {
            Ok(Ok(uncounted)) => {
                self.written.send_replace(u64::try_from(self.state.last).unwrap_or(0));
                return uncounted;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        self.recover(error);
        count
    }

    /// Writes down a batch and what was counted, in one transaction; returns how many of the batch
    /// are only counted.
    fn batch(&mut self, batch: Vec<NewRequest>, reads: &CountedReads) -> Result<u64, StoreError> {
        let mut slugs: HashMap<String, SourceId> = HashMap::new();
        let mut state = self.state.clone();
        let mut touched: HashSet<SourceId> = HashSet::new();
        let mut hours: HashMap<(SourceId, Millis), Counted> = HashMap::new();
        let mut only_counted = 0;
        let transaction = self.connection.unchecked_transaction()?;
        for entry in batch {
            let masked = entry.masked();
            let raw = &masked.raw;
            let source = match &raw.sender {
                Sender::Source(source) => *source,
                Sender::Slug(slug) => *slugs
                    .entry(slug.clone())
                    .or_insert_with_key(|slug| (self.resolve)(slug).unwrap_or(UNMATCHED)),
            };
            if self.forgotten.contains(&source) {
                continue;
            }
            touched.insert(source);
            hours.entry((source, raw.at.div_euclid(HOUR) * HOUR)).or_default().count(raw);
            state.heard_of(source, raw.at, raw.status);
            if raw.token.is_none() && !state.strangers.may_be_kept(source, raw.at) {
                only_counted += 1;
                continue;
            }
            state.reach(&transaction, source, raw.at, keeping::milestones(raw))?;
            state.last += 1;
            let bytes = insert(&transaction, source, state.last, &masked)?;
            let kept = state.sources.entry(source).or_default();
            kept.entries += 1;
            kept.bytes += bytes;
        }
        for ((source, hour), (count, last)) in reads {
            if self.forgotten.contains(source) {
                continue;
            }
            touched.insert(*source);
            hours.entry((*source, *hour)).or_default().requests += count;
            state.heard_of(*source, *last, 200);
            state.reach(&transaction, *source, *last, [Milestone::TokenSeen, Milestone::FirstProbe])?;
        }
        for ((source, hour), counted) in hours {
            add_to_hour(&transaction, source, hour, &counted)?;
        }
        for source in &touched {
            state.store_kept(&transaction, *source)?;
        }
        transaction.execute("UPDATE numbering SET last = ?1", [state.last])?;
        transaction.commit()?;
        self.state = state;
        for source in touched {
            // The batch is written down, whatever becomes of this.
            if let Err(error) = self.keep_to_size(source) {
                self.recover(Some(error));
            }
        }
        Ok(only_counted)
    }

    /// What is in the file counts, after something has failed. A file that is damaged is moved
    /// aside.
    fn recover(&mut self, error: Option<StoreError>) {
        let error = error.map(|error| told_apart(&self.connection, error));
        let complains = self.may_complain();
        if complains {
            let error = error.as_ref().map_or("a panic".to_owned(), ToString::to_string);
            tracing::error!(error, "requests could not be written to the request log");
        }
        if error.as_ref().is_some_and(is_damaged) {
            self.move_aside(complains);
        }
        self.load_state();
    }

    /// Moves a file aside that whoever reads it has found to be damaged, if it is the one that is still written
    /// to: the log had been begun anew so often.
    pub(super) fn leave_damaged(&mut self, beginnings: u64) {
        if lock(&self.readers.idle).beginnings == beginnings {
            let complains = self.may_complain();
            self.move_aside(complains);
            self.load_state();
        }
    }

    fn may_complain(&mut self) -> bool {
        let may = self.complained.is_none_or(|at| at.elapsed() > COMPLAIN_EVERY);
        if may {
            self.complained = Some(Instant::now());
        }
        may
    }

    fn move_aside(&mut self, complains: bool) {
        match begin_anew(&self.readers.path) {
            Ok(connection) => {
                tracing::warn!("the request log is damaged; it is moved aside, and a new one is begun");
                self.connection = connection;
                self.pages = 0;
                self.readers.begin_anew();
            }
            Err(error) if complains => tracing::error!(%error, "no new request log could be begun"),
            Err(_) => {}
        }
    }

    fn load_state(&mut self) {
        if let Ok(state) = State::load(&self.connection) {
            let last = state.last.max(self.state.last);
            self.state = State { last, ..state };
        }
    }

    fn limits(&self, source: SourceId) -> RetentionLimits {
        keeping::limits(source, self.limits.get(&source).copied())
    }

    pub(super) fn set_limits(&mut self, limits: &HashMap<SourceId, RetentionLimits>) {
        self.limits.extend(limits);
    }

    /// Keeps a source to its size, with some room so that it need not be done with each request.
    fn keep_to_size(&mut self, source: SourceId) -> Result<(), StoreError> {
        let most = i64::try_from(self.limits(source).bytes).unwrap_or(i64::MAX);
        let kept = |state: &State| state.sources.get(&source).copied().unwrap_or_default();
        if kept(&self.state).bytes <= most {
            return Ok(());
        }
        while self.delete_portion(source, most - most / 16, Millis::MIN)? {}
        Ok(())
    }

    /// Deletes some of what is too old or too much; false when nothing is left to do.
    pub(super) fn prune(&mut self, source: SourceId, now: Millis) -> Result<bool, StoreError> {
        let pruned = self.prune_portion(source, now).map_err(|error| told_apart(&self.connection, error));
        if pruned.as_ref().is_err_and(is_damaged) {
            let beginnings = lock(&self.readers.idle).beginnings;
            self.leave_damaged(beginnings);
        }
        pruned
    }

    fn prune_portion(&mut self, source: SourceId, now: Millis) -> Result<bool, StoreError> {
        let limits = self.limits(source);
        let most = i64::try_from(limits.bytes).unwrap_or(i64::MAX);
        let more = self.delete_portion(source, most, now - Millis::from(limits.days) * DAY)?;
        if !more {
            let delete = "DELETE FROM request_hour WHERE source_id = ?1 AND hour < ?2";
            self.connection.execute(delete, params![source.0, now - HOURS_KEPT])?;
        }
        Ok(more)
    }

    /// Deletes some of a source that is gone; false when nothing is left of it.
    pub(super) fn forget_portion(&mut self, source: SourceId) -> Result<bool, StoreError> {
        self.forgotten.insert(source);
        if self.delete_portion(source, -1, Millis::MAX)? {
            return Ok(true);
        }
        for table in ["request_resource", "request_hour", "milestone", "source"] {
            self.connection.execute(&format!("DELETE FROM {table} WHERE source_id = ?1"), [source.0])?;
        }
        self.state.sources.remove(&source);
        self.state.milestones.retain(|(of, _)| *of != source);
        self.limits.remove(&source);
        Ok(false)
    }

    /// Gives free pages back.
    pub(super) fn tidy(&mut self) -> Result<(), StoreError> {
        const MOST: u32 = 10_000;
        let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({MOST})"))?;
        // Each page that goes is a row.
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Deletes the oldest requests of a source while they are older than `horizon`, or the source
    /// has more than `most` bytes; at most a portion. False when it stopped before.
    fn delete_portion(&mut self, source: SourceId, most: i64, horizon: Millis) -> Result<bool, StoreError> {
        let mut kept = self.state.sources.get(&source).copied().unwrap_or_default();
        let transaction = self.connection.unchecked_transaction()?;
        let mut gone = Vec::new();
        {
            let mut oldest = transaction.prepare_cached(
                "SELECT sequence, at, bytes FROM request WHERE source_id = ?1 ORDER BY sequence LIMIT ?2",
            )?;
            let mut rows = oldest.query(params![source.0, PORTION])?;
            while let Some(row) = rows.next()? {
                let (sequence, at, bytes): (i64, Millis, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if kept.bytes <= most && at >= horizon {
                    break;
                }
                kept.bytes -= bytes;
                kept.entries -= 1;
                gone.push(sequence);
            }
        }
        let Some(last) = gone.last().copied() else { return Ok(false) };
        transaction
            .prepare_cached("DELETE FROM request WHERE source_id = ?1 AND sequence <= ?2")?
            .execute(params![source.0, last])?;
        let mut body = transaction.prepare_cached("DELETE FROM request_body WHERE sequence = ?1")?;
        for sequence in &gone {
            body.execute([sequence])?;
        }
        drop(body);
        // What is left in the bucket of the last one leads nowhere, until its turn comes.
        transaction
            .prepare_cached("DELETE FROM request_resource WHERE source_id = ?1 AND bucket < ?2")?
            .execute(params![source.0, last >> BUCKET_BITS])?;
        let mut state = self.state.clone();
        state.sources.insert(source, kept);
        state.store_kept(&transaction, source)?;
        transaction.commit()?;
        self.state = state;
        Ok(gone.len() == PORTION)
    }
}

/// Writes down a request; returns about how many bytes it takes.
fn insert(
    connection: &Connection,
    source: SourceId,
    sequence: i64,
    masked: &Masked,
) -> Result<i64, StoreError> {
    const REQUEST: &str = "INSERT INTO request (source_id, sequence, id, at, duration_us, status, operation, \
         is_write, changes, bytes, method, path, query, address, user_agent, token_id, scim_type, error, \
         resource_type, resource_id, display, outcomes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
         ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
    const BODY: &str = "INSERT INTO request_body (sequence, request_headers, request_body, request_note, \
         response_headers, response_body, response_note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    const RESOURCE: &str = "INSERT OR IGNORE INTO request_resource (source_id, bucket, resource_id, sequence) \
         VALUES (?1, ?2, ?3, ?4)";
    let Masked { raw, path, query, user_agent, request, response, hurried } = masked;
    let outcomes = masked.outcomes();
    let bytes = masked.size(outcomes.as_ref());
    let target = raw.target.as_ref();
    connection.prepare_cached(REQUEST)?.execute(params![
        source.0,
        sequence,
        raw.id.as_bytes(),
        raw.at,
        i64::try_from(raw.duration.as_micros()).unwrap_or(i64::MAX),
        raw.status,
        raw.operation as u8,
        raw.operation.is_write(),
        raw.changes,
        bytes,
        &*raw.method,
        path,
        query,
        raw.address.to_string(),
        user_agent,
        raw.token.as_ref().map(uuid::Uuid::as_bytes),
        raw.scim_type,
        raw.error,
        target.map(|target| &target.resource_type),
        target.map(|target| target.id.as_bytes()),
        target.map(|target| &target.display),
        outcomes,
    ])?;
    if !hurried {
        connection.prepare_cached(BODY)?.execute(params![
            sequence,
            request.headers,
            request.body,
            request.note,
            response.headers,
            response.body,
            response.note,
        ])?;
    }
    let mut name = connection.prepare_cached(RESOURCE)?;
    for resource in raw.resources.iter().chain(target.map(|target| &target.id)) {
        name.execute(params![source.0, sequence >> BUCKET_BITS, resource.as_bytes(), sequence])?;
    }
    Ok(bytes)
}

/// Adds what was counted to the numbers of an hour.
fn add_to_hour(
    connection: &Connection,
    source: SourceId,
    hour: Millis,
    counted: &Counted,
) -> Result<(), StoreError> {
    const ADD: &str = "INSERT INTO request_hour (source_id, hour, requests, errors, changes) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, \
         errors = errors + excluded.errors, changes = changes + excluded.changes";
    let values = params![source.0, hour, counted.requests, counted.errors, counted.changes];
    connection.prepare_cached(ADD)?.execute(values)?;
    Ok(())
}

impl State {
    /// Notes when a source was last heard of.
    fn heard_of(&mut self, source: SourceId, at: Millis, status: u16) {
        let kept = self.sources.entry(source).or_default();
        kept.last_request = kept.last_request.max(at);
        if status < 400 {
            kept.last_success = kept.last_success.max(Some(at));
        }
    }

    /// Writes down the milestones that a request is the first to reach.
    fn reach(
        &mut self,
        connection: &Connection,
        source: SourceId,
        at: Millis,
        reached: impl IntoIterator<Item = Milestone>,
    ) -> Result<(), StoreError> {
        const REACH: &str = "INSERT OR IGNORE INTO milestone (source_id, name, at) VALUES (?1, ?2, ?3)";
        for milestone in reached {
            let name = milestone.as_str();
            if self.milestones.insert((source, name)) {
                connection.prepare_cached(REACH)?.execute(params![source.0, name, at])?;
            }
        }
        Ok(())
    }

    fn load(connection: &Connection) -> Result<Self, StoreError> {
        let last = connection.query_row("SELECT last FROM numbering", [], |row| row.get(0)).optional()?;
        let mut state = Self { last: last.unwrap_or(0), ..Self::default() };
        let mut statement =
            connection.prepare("SELECT source_id, entries, bytes, last_request, last_success FROM source")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kept = Kept {
                entries: row.get(1)?,
                bytes: row.get(2)?,
                last_request: row.get(3)?,
                last_success: row.get(4)?,
            };
            state.sources.insert(SourceId(row.get(0)?), kept);
        }
        let mut statement = connection.prepare("SELECT source_id, name FROM milestone")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(1)?;
            if let Some(milestone) = Milestone::ALL.into_iter().find(|known| known.as_str() == name) {
                state.milestones.insert((SourceId(row.get(0)?), milestone.as_str()));
            }
        }
        Ok(state)
    }

    fn store_kept(&self, connection: &Connection, source: SourceId) -> Result<(), StoreError> {
        let Some(kept) = self.sources.get(&source) else { return Ok(()) };
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO source (source_id, entries, bytes, last_request, last_success) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![source.0, kept.entries, kept.bytes, kept.last_request, kept.last_success])?;
        Ok(())
    }
}
