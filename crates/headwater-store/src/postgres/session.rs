//! A session of the database: a connection, and the statements that are prepared on it.
//!
//! To plan a statement costs the database more than to carry it out, as a rule. A prepared one is planned a
//! few times, and then no more. It belongs to the process at the other end, though, and a pooler between
//! them gives each transaction another one: so statements are prepared only where there is none (see
//! [`backend`]), and elsewhere go without a name, in the same round trips.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, join};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Error, Row, Statement,
    types::{ToSql, Type},
};

use super::{backend, hosts::Connected, statement::Parameter};
use crate::{StoreError, lock};

/// How often and for how long a statement is used before it is prepared anew. Its plan is as good as what was
/// known when it was made: a table that was empty is read from end to end, however much is in it by now, until
/// the database has counted again, which takes a minute.
const MOST_USES: u32 = 500;
const MOST_AGE: Duration = Duration::from_secs(1);
/// How many statements are prepared on a connection at most; there are fewer that are sent again and again.
const MOST_PREPARED: usize = 200;

/// A connection, and the statements that are prepared on it.
pub(super) struct Session {
    client: Client,
    carrying: JoinHandle<()>,
    /// By their text. None where a pooler stands between.
    prepared: Option<Mutex<HashMap<String, Prepared>>>,
    clock: fn() -> Instant,
}

struct Prepared {
    statement: Statement,
    uses: u32,
    since: Instant,
}

impl Session {
    /// The session of a connection that was made just now, and of the task that carries what it sends. `clock` tells
    /// the time.
    pub(super) async fn new((client, carrying): Connected, clock: fn() -> Instant) -> Result<Self, Error> {
        let mut session = Self { client, carrying, prepared: None, clock };
        if backend::is_at_the_end(&session.client).await? {
            session.prepared = Some(Mutex::default());
        }
        tracing::debug!(is_direct = session.prepared.is_some(), "a connection to the database was made");
        Ok(session)
    }

    /// The rows of a statement that is sent again and again, in one round trip: it is sent when the future is
    /// polled first.
    pub(super) fn rows<'a>(
        &'a self,
        text: &'a str,
        parameters: &'a [Parameter<'a>],
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        // In a box, as it is a part of many others.
        Box::pin(async move {
            let Some(statement) = self.prepared(text) else {
                let sent = self.client.query_typed(text, parameters);
                return self.prepare_behind(text, parameters, sent).await;
            };
            let sent = self.client.query(&statement, &values(parameters)).await;
            self.or_forget(text, sent)
        })
    }

    /// The first row, if there is one.
    pub(super) async fn first(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<Option<Row>, Error> {
        Ok(self.rows(text, parameters).await?.into_iter().next())
    }

    /// The first row of a statement that always has one.
    pub(super) async fn row(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<Row, StoreError> {
        let row = self.first(text, parameters).await?;
        row.ok_or_else(|| StoreError::Damaged(format!("there is no row of {text}")))
    }

    /// How many rows a statement was about that is sent again and again; as [`Self::rows`].
    pub(super) fn execute<'a>(
        &'a self,
        text: &'a str,
        parameters: &'a [Parameter<'a>],
    ) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let Some(statement) = self.prepared(text) else {
                let sent = self.client.execute_typed(text, parameters);
                return self.prepare_behind(text, parameters, sent).await;
            };
            let sent = self.client.execute(&statement, &values(parameters)).await;
            self.or_forget(text, sent)
        })
    }

    /// The statement, if it is prepared; behind its last use it is closed.
    fn prepared(&self, text: &str) -> Option<Statement> {
        let mut all = lock(self.prepared.as_ref()?);
        let prepared = all.get_mut(text)?;
        prepared.uses += 1;
        let is_old = (self.clock)().saturating_duration_since(prepared.since) >= MOST_AGE;
        if is_old || prepared.uses >= MOST_USES {
            return all.remove(text).map(|last| last.statement);
        }
        Some(prepared.statement.clone())
    }

    /// Has a statement prepared for the next time, where that is possible, behind what sends it this time.
    async fn prepare_behind<T>(
        &self,
        text: &str,
        parameters: &[Parameter<'_>],
        sent: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(all) = &self.prepared else { return sent.await };
        let prepare = async {
            if lock(all).len() >= MOST_PREPARED {
                return;
            }
            let types: Vec<Type> = parameters.iter().map(|(_, of)| of.clone()).collect();
            match self.client.prepare_typed(text, &types).await {
                Ok(statement) => {
                    let prepared = Prepared { statement, uses: 0, since: (self.clock)() };
                    lock(all).insert(text.to_owned(), prepared);
                }
                // Such as in a transaction that has failed.
                Err(error) => tracing::debug!(%error, "a statement could not be prepared"),
            }
        };
        join(sent, prepare).await.0
    }

    /// Forgets a statement that has failed: what was prepared may no longer be there, or no longer fit.
    fn or_forget<T>(&self, text: &str, outcome: Result<T, Error>) -> Result<T, Error> {
        if let (Err(_), Some(prepared)) = (&outcome, &self.prepared) {
            lock(prepared).remove(text);
        }
        outcome
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Session {
    /// Closes the connection, also one that waits for an answer.
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

/// The values of parameters; the types were given when the statement was prepared.
fn values<'a>(parameters: &'a [Parameter<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    parameters.iter().map(|(value, _)| *value).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
        time::{Duration, Instant},
    };

    use headwater_testkit::{
        certificates::{Authority, Certified},
        postgres::{Pooler, Server, Stop},
    };

    use super::{MOST_AGE, MOST_USES, Session};
    use crate::{
        StoreError,
        postgres::{address::Address, hosts::Hosts, statement::Typed},
    };

    const SELECT: &str = "SELECT $1 + 1";
    const PREPARED: &str =
        "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement = $1";

    /// A time that stands still.
    fn still() -> Instant {
        static STILL: OnceLock<Instant> = OnceLock::new();
        *STILL.get_or_init(Instant::now)
    }

    async fn session_by(url: &str, clock: fn() -> Instant) -> Session {
        let hosts = Hosts::new(&Address::parse(url).expect("a URL"), Duration::from_secs(10));
        Session::new(hosts.connect().await.expect("connected"), clock).await.expect("a session")
    }

    async fn session(url: &str) -> Session {
        session_by(url, still).await
    }

    /// How often the statements with this text were carried out that are prepared, of each.
    async fn uses(session: &Session, text: &str) -> Vec<i64> {
        let rows = session.query_typed(PREPARED, &[text.bound()]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn add_one(session: &Session, number: i64) {
        let row = session.row(SELECT, &[number.bound()]).await.expect("a row");
        assert_eq!(row.get::<_, i64>(0), number + 1);
    }

    #[tokio::test]
    async fn a_statement_is_prepared_when_it_is_sent_and_anew_after_many_uses() {
        let server = Server::new(&[]);
        let session = session(&format!("postgres://headwater@{}/postgres", server.address())).await;
        add_one(&session, 1).await;
        assert_eq!(uses(&session, SELECT).await, [0]);
        for number in 1..i64::from(MOST_USES) {
            add_one(&session, number).await;
            assert_eq!(uses(&session, SELECT).await, [number]);
        }
        // The last use is behind which it is closed.
        add_one(&session, 1).await;
        assert_eq!(uses(&session, SELECT).await, [0; 0]);
        assert_eq!(session.execute(SELECT, &[1_i64.bound()]).await.expect("done"), 1);
        assert_eq!(session.execute(SELECT, &[1_i64.bound()]).await.expect("done"), 1);
        assert_eq!(uses(&session, SELECT).await, [1]);
    }

    #[tokio::test]
    async fn an_old_plan_is_given_up() {
        static AGE: AtomicU64 = AtomicU64::new(0);
        let now = || still() + Duration::from_millis(AGE.load(Ordering::SeqCst));
        let server = Server::new(&[]);
        let session = session_by(&format!("postgres://headwater@{}/postgres", server.address()), now).await;
        let most = u64::try_from(MOST_AGE.as_millis()).expect("small");
        for (age, used) in [(0, vec![0]), (most - 1, vec![1]), (most, vec![]), (most, vec![0])] {
            AGE.store(age, Ordering::SeqCst);
            add_one(&session, 1).await;
            assert_eq!(uses(&session, SELECT).await, used);
        }
    }

    #[tokio::test]
    async fn a_statement_that_is_gone_or_no_longer_fits_counts_as_lost_and_is_prepared_anew() {
        let server = Server::new(&[]);
        let session = session(&format!("postgres://headwater@{}/postgres", server.address())).await;
        session.batch_execute("CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('1')").await.expect("made");
        for breaks in ["DEALLOCATE ALL", "ALTER TABLE t ALTER c TYPE VARCHAR(9)"] {
            session.rows("SELECT c FROM t", &[]).await.expect("rows");
            session.rows("SELECT c FROM t", &[]).await.expect("rows");
            session.batch_execute(breaks).await.expect(breaks);
            let error = session.rows("SELECT c FROM t", &[]).await.expect_err(breaks).into();
            assert!(matches!(error, StoreError::Unavailable(_)), "{breaks}: {error}");
            session.rows("SELECT c FROM t", &[]).await.expect(breaks);
        }
    }

    #[tokio::test]
    async fn what_fails_in_a_transaction_leaves_the_next_one_alone() {
        let server = Server::new(&[]);
        let session = session(&format!("postgres://headwater@{}/postgres", server.address())).await;
        session.batch_execute("BEGIN").await.expect("begun");
        session.rows("SELECT 1 / 0", &[]).await.expect_err("divided by 0");
        session.row(SELECT, &[1_i64.bound()]).await.expect_err("the transaction has failed");
        session.batch_execute("ROLLBACK").await.expect("undone");
        add_one(&session, 1).await;
        add_one(&session, 2).await;
        assert_eq!(uses(&session, SELECT).await, [1]);
    }

    #[tokio::test]
    async fn nothing_is_prepared_behind_a_pooler() {
        let server = Server::new(&[]);
        let pooler = Pooler::new(&server, 2, "headwater");
        let session = session(&format!("postgres://headwater@{}/postgres", pooler.address())).await;
        for number in 0..3 {
            add_one(&session, number).await;
        }
        assert_eq!(uses(&session, SELECT).await, [0; 0]);
    }

    #[tokio::test]
    async fn with_tls_it_is_seen_as_well_that_there_is_no_pooler() {
        let authority = Authority::new("An authority");
        let Certified { certificate, key } = authority.certify("A database", &["localhost"]);
        let server = Server::new(&[]);
        server.run("postgres", "ALTER SYSTEM SET ssl = on");
        server.put("server.crt", &certificate);
        server.put("server.key", &key);
        server.stop(Stop::Fast);
        server.start();
        let roots = tempfile::NamedTempFile::new().expect("a file");
        fs::write(roots.path(), authority.certificate()).expect("written");
        let trusted = format!("sslmode=verify-full&sslrootcert={}", roots.path().display());
        let port = server.address().port();
        let session = session(&format!("postgres://headwater@localhost:{port}/postgres?{trusted}")).await;
        add_one(&session, 1).await;
        assert_eq!(uses(&session, SELECT).await, [0]);
    }
}
