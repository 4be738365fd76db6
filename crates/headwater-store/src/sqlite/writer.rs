//! The writer: one thread that owns the writing connection. Whatever has queued up while the last
//! commit was being synchronised goes into the next one, so that many requests share its cost.

use std::{
    sync::{Mutex, mpsc},
    thread,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{apply, lock};
use crate::{Applied, ApplyError, ChangeSet, StoreError};

/// The most jobs that share a commit: a bound on how long the first of them waits.
const BATCH: usize = 256;

/// A handle to the writer thread. The thread ends, with everything written that was accepted,
/// when the handle is dropped.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// Work for the writer. It is run in the transaction of a batch, inside a savepoint of its own;
/// the returned closure is called once the batch is durable, or has failed.
type Work = Box<dyn FnOnce(&Transaction<'_>, &mut apply::Sequences) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Job(Work);

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write(connection, &receiver))
            .expect("the operating system can start one thread");
        Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) }
    }

    pub(super) async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        self.submit(move |transaction, sequences| {
            in_savepoint(transaction, sequences, |sequences| {
                apply::apply(transaction, sequences, &change_set)
            })
        })
        .await
    }

    /// Runs `work` in a transaction and waits until it is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(move |transaction, sequences| in_savepoint(transaction, sequences, |_| work(transaction)))
            .await
    }

    async fn submit<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut apply::Sequences) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (sender, receiver) = oneshot::channel();
        let job = Job(Box::new(move |transaction, sequences| {
            let result = work(transaction, sequences);
            Box::new(move |committed| {
                // A refusal stands whatever becomes of the batch; a success is one only when the
                // batch is durable.
                let answer = result.and_then(|done| committed.map(|()| done).map_err(E::from));
                // Nobody may be waiting any more: the client has gone. What is done is done.
                drop(sender.send(answer));
            })
        }));
        let sent = lock(&self.jobs).as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(StoreError::Closed.into());
        }
        receiver.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
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

fn write(mut connection: Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut answers = Vec::new();
        let committed = batch(&mut connection, first, jobs, &mut answers);
        if let Err(error) = &committed {
            tracing::error!(%error, "a batch of changes could not be committed");
        }
        let failure = committed.err().map(|error| error.to_string());
        for answer in answers {
            answer(match &failure {
                None => Ok(()),
                Some(reason) => Err(StoreError::NotCommitted(reason.clone())),
            });
        }
    }
}

fn batch(
    connection: &mut Connection,
    first: Job,
    jobs: &mpsc::Receiver<Job>,
    answers: &mut Vec<Answer>,
) -> Result<(), rusqlite::Error> {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            // The job is dropped, and with it its sender: its caller learns that it was not done.
            drop(first);
            return Err(error);
        }
    };
    let mut sequences = apply::Sequences::default();
    answers.push(first.0(&transaction, &mut sequences));
    while answers.len() < BATCH
        && let Ok(job) = jobs.try_recv()
    {
        answers.push(job.0(&transaction, &mut sequences));
    }
    transaction.commit()
}

/// Undoes what `work` did when it fails, and leaves the rest of the batch alone.
fn in_savepoint<T, E: From<rusqlite::Error>>(
    transaction: &Transaction<'_>,
    sequences: &mut apply::Sequences,
    work: impl FnOnce(&mut apply::Sequences) -> Result<T, E>,
) -> Result<T, E> {
    transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
    let before = sequences.clone();
    let result = work(sequences);
    if result.is_err() {
        *sequences = before;
        transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    transaction.prepare_cached("RELEASE job")?.execute([])?;
    result
}
