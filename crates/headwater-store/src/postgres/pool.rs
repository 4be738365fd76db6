//! Connections to PostgreSQL: how many, how long anybody waits for one, and what becomes of one that
//! was left in the middle of something.

use std::{
    future::Future,
    ops::Deref,
    time::{Duration, Instant},
};

use deadpool::{
    Runtime,
    managed::{self, QueueMode},
};
use tokio_postgres::SimpleQueryMessage;

use super::{address::Address, hosts::Hosts, session::Session, tls::Tls};
use crate::StoreError;

type Pool = managed::Pool<Hosts>;
type WeakPool = managed::WeakPool<Hosts>;
type Object = managed::Object<Hosts>;

/// How often a read is tried whose connection is lost: the pool may have had several that the database
/// had closed without anybody noticing.
pub(super) const MOST_TRIES: usize = 3;

/// How long a statement may go on that nobody waits for.
const MOST_LEFT: Duration = Duration::from_secs(1);
/// How long the server may take to be told to end one.
const MOST_CANCELLING: Duration = Duration::from_secs(5);

/// Undoes what was not committed, and asks whether anything could be.
const CLEAR: &str = "ROLLBACK; SHOW transaction_read_only";

/// How long a connection is kept that nobody uses.
const MOST_UNUSED: Duration = Duration::from_mins(10);
/// How many are kept all the same: one for those who look for changes, one for who comes next.
const LEAST: usize = 2;
/// How often it is looked for those.
const BETWEEN_CLOSING: Duration = Duration::from_mins(1);

/// Bounds of the connections to the database.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// How many connections there are at most.
    pub connections: usize,
    /// How long a request waits for one of them.
    pub wait: Duration,
    /// How long an address of a host may take to let anybody connect.
    pub connect: Duration,
    /// How long the database may leave a read or a transaction without an answer.
    pub answer: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 32,
            wait: Duration::from_secs(5),
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(30),
        }
    }
}

/// The connections of a store.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool,
    address: Address,
    pub(super) limits: PoolLimits,
}

impl Connections {
    /// Makes the pool; the first connection is made when somebody asks for it.
    pub(super) fn new(address: Address, limits: PoolLimits) -> Result<Self, StoreError> {
        let pool = Pool::builder(Hosts::new(&address, limits.connect))
            .max_size(limits.connections.max(1))
            // Those that are not needed are left alone, instead of taking turns.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { pool, address, limits })
    }

    /// Other connections to the same database, for somebody who is not to wait for anybody else.
    pub(super) fn apart(&self, limits: PoolLimits) -> Result<Self, StoreError> {
        Self::new(self.address.clone(), limits)
    }

    /// Closes what is not used any more, for as long as the connections are there.
    pub(super) fn close_unused(&self) {
        tokio::spawn(closing_unused(self.pool.weak(), BETWEEN_CLOSING, Instant::now));
    }

    /// See [`Address::location`].
    pub(super) fn location(&self) -> String {
        self.address.location()
    }

    /// A connection that nobody else uses.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: none was free or could be made in time.
    pub(super) async fn get(&self) -> Result<Connection, StoreError> {
        let Ok(object) = tokio::time::timeout(self.limits.wait, self.pool.get()).await else {
            let reason = "no connection was free or could be made in time";
            return Err(StoreError::Unavailable(reason.to_owned()));
        };
        Ok(Connection { object: Some(object?), address: self.address.clone() })
    }

    /// When whatever begins now has to be answered.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.limits.answer
    }

    /// Waits for the database to answer until a moment.
    ///
    /// # Errors
    /// What `work` answers; [`StoreError::Unavailable`] when it doesn't.
    pub(super) async fn answered<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        match tokio::time::timeout_at(deadline.into(), work).await {
            Ok(answered) => answered,
            Err(_) => {
                self.close_unused_since(began);
                Err(StoreError::Unavailable("the database doesn't answer".to_owned()))
            }
        }
    }

    /// Closes those that nobody has used since a moment: where one is silent, the network may have
    /// forgotten all of them.
    fn close_unused_since(&self, moment: Instant) {
        let unused = moment.elapsed();
        let closed = self.pool.retain(|_, metrics| metrics.last_used() < unused).removed.len();
        tracing::debug!(closed, "the database doesn't answer; connections of before are closed");
    }

    /// Reads on a connection, and on others when it is lost: reading changes nothing.
    ///
    /// # Errors
    /// What `read` answers, and [`StoreError::Unavailable`].
    pub(super) async fn read<T, F>(&self, read: impl Fn(Connection) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<(T, Connection), StoreError>>,
    {
        let deadline = self.deadline();
        let mut tries = 1;
        loop {
            let connection = self.get().await?;
            match self.answered(deadline, read(connection)).await {
                Ok((found, connection)) => {
                    connection.release();
                    return Ok(found);
                }
                Err(StoreError::Unavailable(reason)) if tries < MOST_TRIES && Instant::now() < deadline => {
                    tracing::debug!(reason, tries, "a connection was lost; reading is tried on another");
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Closes connections that have not been used for long, and looks again, until the pool is gone. `clock` tells
/// the time.
async fn closing_unused(pool: WeakPool, every: Duration, clock: impl Fn() -> Instant) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut spare = pool.status().size.saturating_sub(LEAST);
        let closed = pool.retain(|_, metrics| {
            let used = metrics.recycled.unwrap_or(metrics.created);
            let is_closed = spare > 0 && clock().saturating_duration_since(used) >= MOST_UNUSED;
            spare -= usize::from(is_closed);
            !is_closed
        });
        let closed = closed.removed.len();
        if closed > 0 {
            tracing::debug!(closed, "connections to the database were closed that nobody has used");
        }
    }
}

/// A connection out of the pool. It goes back with [`Connection::release`], or, where somebody gave up half
/// way, once what was left is undone.
pub(super) struct Connection {
    object: Option<Object>,
    address: Address,
}

impl Connection {
    /// Gives the connection back; nothing runs on it and no transaction is open. Where rows may still come
    /// that nobody wants, it is cleared first, so that nobody waits for them.
    pub(super) fn release(mut self) {
        if !self.has_rows_left() {
            drop(self.object.take());
        }
    }

    /// Closes the connection and lets the server end what it is doing. A COMMIT must not be cancelled:
    /// one that waits for a standby would count as done without it.
    pub(super) fn abandon(mut self) {
        drop(self.object.take().map(Object::take));
    }
}

impl Deref for Connection {
    type Target = Session;

    fn deref(&self) -> &Session {
        // It is taken out by `release` and `drop` alone, which end the connection's life.
        self.object.as_deref().expect("a connection is there until it is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        // Without a runtime the program is about to end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(clear(object, self.address.tls.clone()));
        }
    }
}

/// Gives a connection back once nothing is left on it; a statement that takes long is cancelled, which the
/// server wouldn't do by itself: it doesn't notice that nobody waits. One on which a statement was just being
/// prepared, or whose server takes no writes any more, is closed.
///
/// Cancelling is not the first choice, since it closes the connection, and since it is what PgBouncer
/// before 1.19.1 may die of (pgbouncer/pgbouncer#801).
async fn clear(object: Object, tls: Tls) {
    match tokio::time::timeout(MOST_LEFT, object.simple_query(CLEAR)).await {
        Ok(Ok(answers)) if takes_writes(&answers) && !object.is_left_with_statements() => {
            object.no_rows_are_left();
        }
        Ok(_) => drop(Object::take(object)),
        Err(_) => {
            let client = Object::take(object);
            let cancel = client.cancel_token();
            // It may have ended by itself.
            drop(tokio::time::timeout(MOST_CANCELLING, cancel.cancel_query(tls)).await);
        }
    }
}

/// Whether this is what a server that takes writes answers to [`CLEAR`].
fn takes_writes(answers: &[SimpleQueryMessage]) -> bool {
    answers.iter().any(|answer| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("off")))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::{Duration, Instant},
    };

    use headwater_testkit::postgres::Database;

    use super::{Address, Connections, LEAST, MOST_UNUSED, PoolLimits, closing_unused};

    const MANY: usize = 8;

    async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(10), "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn connections_that_nobody_uses_are_closed_but_for_a_few() {
        let database = Database::new();
        let address = Address::parse(&database.url()).expect("a URL");
        let connections = Connections::new(address, PoolLimits::default()).expect("a pool");
        let mut busy = Vec::new();
        for _ in 0..MANY {
            busy.push(connections.get().await.expect("a connection"));
        }
        let last = busy.pop().expect("the last one");
        busy.into_iter().for_each(super::Connection::release);

        let (looks, later) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let now = {
            let (looks, later) = (Arc::clone(&looks), Arc::clone(&later));
            move || {
                looks.fetch_add(1, Ordering::SeqCst);
                Instant::now() + Duration::from_millis(later.load(Ordering::SeqCst))
            }
        };
        let closing = tokio::spawn(closing_unused(connections.pool.weak(), Duration::from_millis(1), now));
        let size = || connections.pool.status().size;
        wait_until("it is looked", || looks.load(Ordering::SeqCst) > MANY as u64).await;
        assert_eq!(size(), MANY, "too early");
        later.store(u64::try_from(MOST_UNUSED.as_millis()).expect("small"), Ordering::SeqCst);
        wait_until("they are closed", || size() == LEAST).await;
        last.query_typed_one("SELECT 1", &[]).await.expect("one that is used is left alone");
        last.release();

        // One after the other, all use the same.
        for _ in 0..MANY {
            connections.get().await.expect("a connection").release();
        }
        assert_eq!(size(), LEAST);
        drop(connections);
        closing.await.expect("it ends with the pool");
    }

    #[tokio::test]
    async fn one_on_which_somebody_gave_up_comes_back_if_the_server_still_takes_writes() {
        let database = Database::new();
        let address = Address::parse(&database.url()).expect("a URL");
        let limits = PoolLimits { connections: 1, ..PoolLimits::default() };
        let connections = Connections::new(address, limits).expect("a pool");
        let process = async || -> i32 {
            let connection = connections.get().await.expect("a connection");
            connection.batch_execute("BEGIN").await.expect("begun");
            // It is dropped, not given back.
            connection.query_typed_one("SELECT pg_backend_pid()", &[]).await.expect("a row").get(0)
        };
        let first = process().await;
        assert_eq!(process().await, first, "it is undone, and used again");
        let connection = connections.get().await.expect("a connection");
        connection.batch_execute("SET default_transaction_read_only = on").await.expect("set");
        drop(connection);
        let second = process().await;
        assert_ne!(second, first, "it is closed");
    }

    #[tokio::test]
    async fn those_that_are_not_needed_are_left_alone() {
        let database = Database::new();
        let address = Address::parse(&database.url()).expect("a URL");
        let connections = Connections::new(address, PoolLimits::default()).expect("a pool");
        let (one, other) = (connections.get().await, connections.get().await);
        one.expect("a connection").release();
        other.expect("a connection").release();
        let moment = Instant::now();
        for _ in 0..MANY {
            connections.get().await.expect("a connection").release();
        }
        let used = std::cell::Cell::new(0);
        connections.pool.retain(|_, metrics| {
            used.set(used.get() + usize::from(metrics.recycled.is_some_and(|recycled| recycled >= moment)));
            true
        });
        assert_eq!(used.get(), 1);
    }
}
