//! Change sets of a source carried out in one transaction: two round trips, one that locks the source
//! and reads what is needed, one that writes what came of it and commits.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{
    fault,
    flush::{Counted, flush},
    gather::{Needs, gather},
    large,
    overlay::Overlay,
    pool::Connections,
    queue::Job,
    session::Session,
    statement::{BEGIN, Typed, rows_if},
    stretches,
};
use crate::{Applied, ApplyError, ChangeSet, SourceId, StoreError};

/// How long it is looked whether a transaction was committed whose connection was lost, unless the
/// database is to answer sooner.
const MOST_DOUBT: Duration = Duration::from_secs(10);
/// How long a single look may take.
const MOST_LOOK: Duration = Duration::from_secs(4);
/// How long it is waited between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What became of the change sets of a job.
pub(super) type Outcomes = Vec<Result<Applied, ApplyError>>;

/// A transaction that was committed.
pub(super) struct Attempt {
    pub(super) outcomes: Vec<Outcomes>,
    /// Stretches that should be cut or removed.
    pub(super) untidy: Vec<Counted>,
}

/// A transaction that was not committed, as far as is known.
pub(super) enum Failed {
    /// Nothing was done, and it may be done anew.
    Undone(StoreError),
    /// Nothing was done, and nothing would be another time.
    Refused(StoreError),
    /// The connection was lost when COMMIT had been sent.
    Unknown { outcomes: Vec<Outcomes>, evidence: Evidence, reason: String },
}

/// A line of the journal that is there exactly when its transaction was committed.
#[derive(Clone, Copy)]
pub(super) struct Evidence {
    sequence: i64,
    request_id: Uuid,
}

/// Carries out jobs in one transaction.
pub(super) async fn attempt(
    connections: &Connections,
    source: SourceId,
    jobs: &[Job],
    deadline: Instant,
) -> Result<Attempt, Failed> {
    let connection = connections.get().await.map_err(Failed::Refused)?;
    let mut batch = Batch::new(source, jobs);
    connections.answered(deadline, Box::pin(batch.prepare(&connection))).await.map_err(undone)?;
    let Batch { outcomes, overlay, evidence, mut counted, .. } = batch;
    let flushing = async { Ok(flush(&connection, source, &overlay, true).await?) };
    let reason = match connections.answered(deadline, flushing).await {
        Ok(last) => {
            connection.release();
            counted.extend(last);
            return Ok(Attempt { outcomes, untidy: stretches::untidy(counted) });
        }
        Err(StoreError::Unavailable(reason)) => reason,
        Err(error) => return Err(undone(error)),
    };
    connection.abandon();
    match evidence {
        Some(evidence) => Err(Failed::Unknown { outcomes, evidence, reason }),
        // Nothing was to be written.
        None => Err(Failed::Undone(StoreError::Unavailable(reason))),
    }
}

/// What an error says that came before COMMIT, or instead of it.
fn undone(error: StoreError) -> Failed {
    match &error {
        StoreError::Unavailable(_) => Failed::Undone(error),
        StoreError::Sql { code, .. } if fault::is_contention(code) => Failed::Undone(error),
        _ => Failed::Refused(error),
    }
}

/// Jobs on their way.
struct Batch<'a> {
    source: SourceId,
    /// The change sets with the number of their job.
    change_sets: Vec<(usize, &'a ChangeSet)>,
    jobs: &'a [Job],
    outcomes: Vec<Outcomes>,
    /// What the last segment makes of what it has read.
    overlay: Overlay,
    evidence: Option<Evidence>,
    counted: Vec<Counted>,
}

impl<'a> Batch<'a> {
    fn new(source: SourceId, jobs: &'a [Job]) -> Self {
        let numbered = |(number, job): (usize, &'a Job)| {
            job.change_sets.iter().map(move |change_set| (number, change_set))
        };
        Self {
            source,
            change_sets: jobs.iter().enumerate().flat_map(numbered).collect(),
            jobs,
            outcomes: jobs.iter().map(|_| Vec::new()).collect(),
            overlay: Overlay::default(),
            evidence: None,
            counted: Vec::new(),
        }
    }

    /// Begins the transaction and carries out all change sets; those behind the last large one are in
    /// the overlay then, and still to be written.
    async fn prepare(&mut self, session: &Session) -> Result<(), StoreError> {
        let mut position = 0;
        let mut begun = None;
        loop {
            let mut needs = Needs::default();
            for (_, change_set) in &self.change_sets[position..] {
                needs.add(change_set);
            }
            self.overlay = gather(session, self.source, &needs, begun).await?;
            while let Some((job, change_set)) = self.change_sets.get(position).copied() {
                if self.has_failed(job) {
                    position += 1;
                    continue;
                }
                if large::is_large(change_set, &self.overlay) {
                    break;
                }
                let before = self.overlay.last.sequence;
                let outcome = self.overlay.apply(change_set);
                self.take(job, change_set, before, self.overlay.last.sequence, outcome);
                position += 1;
            }
            let Some((job, change_set)) = self.change_sets.get(position).copied() else { return Ok(()) };
            self.counted.extend(flush(session, self.source, &self.overlay, false).await?);
            let before = self.overlay.last.sequence;
            let mut sequence = before;
            let outcome =
                large::apply(session, self.source, &mut sequence, change_set, &mut self.counted).await?;
            self.take(job, change_set, before, sequence, outcome);
            position += 1;
            begun = Some(sequence);
        }
    }

    /// Whether so many change sets of a job have failed that the rest is not begun.
    fn has_failed(&self, job: usize) -> bool {
        let failures = self.outcomes[job].iter().filter(|outcome| outcome.is_err()).count();
        failures >= self.jobs[job].most_failures
    }

    fn take(
        &mut self,
        job: usize,
        change_set: &ChangeSet,
        before: i64,
        after: i64,
        outcome: Result<Applied, ApplyError>,
    ) {
        if after > before && self.evidence.is_none() {
            self.evidence = Some(Evidence { sequence: before + 1, request_id: change_set.request_id });
        }
        self.outcomes[job].push(outcome);
    }
}

/// Whether a transaction was committed; `None` when that can't be found out in time.
pub(super) async fn was_committed(
    connections: &Connections,
    source: SourceId,
    evidence: Evidence,
) -> Option<bool> {
    let deadline = Instant::now() + MOST_DOUBT.min(connections.limits.answer);
    loop {
        let left = deadline.checked_duration_since(Instant::now())?;
        let until = Instant::now() + left.min(MOST_LOOK);
        match connections.answered(until, look(connections, source, evidence)).await {
            Ok(found) => return Some(found),
            Err(error) => {
                tracing::warn!(%error, "it is not known yet whether a batch of changes was committed");
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        }
    }
}

/// Looks for a line of the journal. The lock is given when the transaction in question has ended. And
/// because this one writes something too, its COMMIT waits for standbys that the other one's may not
/// have waited for.
async fn look(connections: &Connections, source: SourceId, evidence: Evidence) -> Result<bool, StoreError> {
    let connection = connections.get().await?;
    let touch = "UPDATE source_sequence SET last = last WHERE source_id = $1";
    let select = "SELECT 1 FROM change WHERE source_id = $1 AND sequence = $2 AND request_id = $3";
    let of_source = [source.0.bound()];
    let request_id = &evidence.request_id.as_bytes()[..];
    let of_change = [source.0.bound(), evidence.sequence.bound(), request_id.bound()];
    let (begun, touched, found, committed) = tokio::join!(
        biased;
        connection.batch_execute(BEGIN),
        connection.execute(touch, &of_source),
        rows_if(true, &connection, select, &of_change),
        connection.batch_execute("COMMIT"),
    );
    begun?;
    touched?;
    let found = !found?.is_empty();
    committed?;
    connection.release();
    Ok(found)
}
