//! Writers of a source in line: what has gathered while the last transaction was under way goes into
//! the next one, so that many requests share its cost, and wait for each other here instead of for
//! the source's lock in the database.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    batch::{self, Attempt, Failed, Outcomes},
    pool::Connections,
    stretches,
};
use crate::{Applied, ApplyError, ChangeSet, SourceId, StoreError, lock};

/// The most jobs that share a transaction.
const MOST_JOBS: usize = 256;
/// The most writes of them, but for what a single job has.
const MOST_WRITES: usize = 1_024;
/// About the most bytes of them, but for what a single job has.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// How often a transaction is begun anew that the database gave up, or whose connection was lost
/// before it was to be committed.
const MOST_TRIES: u32 = 5;
/// How long it is waited before the second try; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Change sets of one caller.
pub(super) struct Job {
    pub(super) change_sets: Vec<ChangeSet>,
    /// Behind so many failures the rest is not begun.
    pub(super) most_failures: usize,
    caller: oneshot::Sender<Result<Outcomes, StoreError>>,
}

/// The lines of all sources.
#[derive(Clone)]
pub(super) struct Queues {
    connections: Connections,
    waiting: Arc<Mutex<HashMap<SourceId, VecDeque<Job>>>>,
}

impl Queues {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, waiting: Arc::default() }
    }

    pub(super) async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        let source = change_set.source;
        let outcomes = self.submit(source, vec![change_set], usize::MAX).await?;
        outcomes.into_iter().next().unwrap_or(Err(ApplyError::Store(StoreError::Closed)))
    }

    /// Applies change sets one after the other; see [`crate::Store::apply_all`].
    pub(super) async fn apply_all(
        &self,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Outcomes, StoreError> {
        let Some(source) = change_sets.first().map(|change_set| change_set.source) else {
            return Ok(Vec::new());
        };
        if change_sets.iter().any(|change_set| change_set.source != source) {
            return Err(StoreError::Internal("change sets of several sources came together"));
        }
        self.submit(source, change_sets, most_failures).await
    }

    async fn submit(
        &self,
        source: SourceId,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Outcomes, StoreError> {
        let (caller, outcome) = oneshot::channel();
        let job = Job { change_sets, most_failures, caller };
        let is_first = {
            let mut waiting = lock(&self.waiting);
            let is_first = !waiting.contains_key(&source);
            waiting.entry(source).or_default().push_back(job);
            is_first
        };
        if is_first {
            let mut turn = Turn { queues: self.clone(), source, is_over: false };
            tokio::spawn(async move {
                while let Some(jobs) = turn.next() {
                    turn.queues.carry_out(source, jobs).await;
                }
            });
        }
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Carries out jobs and answers them.
    async fn carry_out(&self, source: SourceId, jobs: Vec<Job>) {
        match self.commit(source, &jobs).await {
            Ok(outcomes) => {
                for (job, outcomes) in jobs.into_iter().zip(outcomes) {
                    // Nobody may be waiting any more: the client has gone. What is done is done.
                    drop(job.caller.send(Ok(outcomes)));
                }
            }
            // One of them may be what the database doesn't take: the others are not to suffer for it.
            Err(StoreError::Sql { code, message }) if jobs.len() > 1 => {
                tracing::warn!(code, message, "a batch of changes came to nothing; each is tried by itself");
                for job in jobs {
                    let outcome = self.commit(source, std::slice::from_ref(&job)).await;
                    let outcome = outcome.map(|mut outcomes| outcomes.pop().unwrap_or_default());
                    drop(job.caller.send(outcome));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a batch of changes came to nothing");
                if matches!(error, StoreError::Unavailable(_) | StoreError::InDoubt(_)) {
                    self.refuse_waiting(source);
                }
                for job in jobs {
                    drop(job.caller.send(Err(same(&error))));
                }
            }
        }
    }

    /// Refuses those behind a batch that the database has left without an answer: each would wait as long
    /// for the same.
    fn refuse_waiting(&self, source: SourceId) {
        let refused = lock(&self.waiting).get_mut(&source).map(std::mem::take).unwrap_or_default();
        for job in refused {
            let reason = "the database doesn't answer those who came before".to_owned();
            drop(job.caller.send(Err(StoreError::Unavailable(reason))));
        }
    }

    /// Has jobs committed in one transaction, which is begun anew where that is safe.
    async fn commit(&self, source: SourceId, jobs: &[Job]) -> Result<Vec<Outcomes>, StoreError> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        let deadline = self.connections.deadline();
        loop {
            tries += 1;
            match batch::attempt(&self.connections, source, jobs, deadline).await {
                Ok(Attempt { outcomes, untidy }) => {
                    if !untidy.is_empty() {
                        let connections = self.connections.clone();
                        // The next batch need not wait for it; the source's lock keeps them apart.
                        tokio::spawn(async move { stretches::tidy(&connections, source, &untidy).await });
                    }
                    return Ok(outcomes);
                }
                Err(Failed::Undone(error)) if tries < MOST_TRIES && Instant::now() < deadline => {
                    tracing::debug!(%error, tries, "a batch of changes is begun anew");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(Failed::Undone(error) | Failed::Refused(error)) => return Err(error),
                Err(Failed::Unknown { outcomes, evidence, reason }) => {
                    match batch::was_committed(&self.connections, source, evidence).await {
                        Some(true) => return Ok(outcomes),
                        Some(false) if tries < MOST_TRIES && Instant::now() < deadline => {
                            tries = MOST_TRIES - 1; // once more
                        }
                        Some(false) => return Err(StoreError::NotCommitted(reason)),
                        None => return Err(StoreError::InDoubt(reason)),
                    }
                }
            }
        }
    }
}

/// The turn of the one task that works for a source.
struct Turn {
    queues: Queues,
    source: SourceId,
    is_over: bool,
}

impl Turn {
    /// What has gathered; `None` when there is nothing, and the task ends.
    fn next(&mut self) -> Option<Vec<Job>> {
        let mut waiting = lock(&self.queues.waiting);
        let line = waiting.get_mut(&self.source)?;
        let (mut writes, mut bytes) = (0, 0);
        let mut jobs = Vec::new();
        while let Some(job) = line.front() {
            writes += job.change_sets.iter().map(|change_set| change_set.writes.len()).sum::<usize>();
            bytes += job.change_sets.iter().map(ChangeSet::size).sum::<usize>();
            let is_too_much = writes > MOST_WRITES || bytes > MOST_BYTES;
            if jobs.len() == MOST_JOBS || !jobs.is_empty() && is_too_much {
                break;
            }
            jobs.extend(line.pop_front());
        }
        if jobs.is_empty() {
            waiting.remove(&self.source);
            self.is_over = true;
            return None;
        }
        Some(jobs)
    }
}

impl Drop for Turn {
    /// When the task ends otherwise than by [`Turn::next`], those who wait are told so, and the next
    /// who comes begins another.
    fn drop(&mut self) {
        if !self.is_over {
            lock(&self.queues.waiting).remove(&self.source);
        }
    }
}

/// The error of a batch for each of those who were part of it.
fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(reason) => StoreError::Unavailable(reason.clone()),
        StoreError::InDoubt(reason) => StoreError::InDoubt(reason.clone()),
        StoreError::NotCommitted(reason) => StoreError::NotCommitted(reason.clone()),
        StoreError::Sql { code, message } => StoreError::Sql { code: code.clone(), message: message.clone() },
        StoreError::OtherForm { found, known } => StoreError::OtherForm { found: *found, known: *known },
        other => StoreError::NotCommitted(other.to_string()),
    }
}
