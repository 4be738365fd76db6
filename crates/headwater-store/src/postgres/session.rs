//! A session of the database: a connection, and the statements that are prepared on it.
//!
//! To plan a statement costs the database more than to carry it out, as a rule. A prepared one is planned a
//! few times, and then no more. It belongs to the process at the other end, though, and a pooler between
//! them gives each transaction another one: so statements are prepared only where there is none (see
//! [`backend`]), and elsewhere go without a name, in the same round trips.

use std::{
    collections::HashMap,
    ops::Deref,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{
    TryStreamExt,
    future::{BoxFuture, join},
};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Error, Row, RowStream, Statement,
    types::{ToSql, Type},
};

use super::{backend, fault, hosts::Connected, statement::Parameter};
use crate::{StoreError, lock};

/// How often and for how long a statement is used before it is prepared anew. Its plan is as good as what was
/// known when it was made: a table that was empty is read from end to end, however much is in it by now, until
/// the database has counted again, which takes a minute.
const MOST_USES: u32 = 500;
const MOST_AGE: Duration = Duration::from_secs(1);
/// How many statements are remembered on a connection at most; there are fewer that are sent again and again.
const MOST_STATEMENTS: usize = 200;

/// A connection, and the statements that are prepared on it.
pub(super) struct Session {
    client: Client,
    carrying: JoinHandle<()>,
    /// What was sent lately, by its text. None where nothing may be prepared.
    sent: Mutex<Option<HashMap<String, Sent>>>,
    /// How many statements are being prepared; where somebody gave up meanwhile, they stay.
    preparing: AtomicUsize,
    /// Whether rows may still come that nobody wants.
    has_rows_left: AtomicBool,
    clock: fn() -> Instant,
}

/// A statement that was sent.
struct Sent {
    uses: u32,
    since: Instant,
    /// There when it is prepared.
    statement: Option<Statement>,
}

/// Rows that were read.
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Whether there are more, for which there was no room.
    pub(super) is_cut: bool,
}

impl Rows {
    /// Reads rows until they take so many bytes. What comes behind is thrown away as it comes.
    async fn of(bytes: usize, stream: RowStream) -> Result<Self, Error> {
        let mut stream = pin!(stream);
        let (mut rows, mut taken) = (Vec::new(), 0_usize);
        while let Some(row) = stream.try_next().await? {
            if taken >= bytes {
                return Ok(Self { rows, is_cut: true });
            }
            taken = taken.saturating_add(row.raw_size_bytes());
            rows.push(row);
        }
        Ok(Self { rows, is_cut: false })
    }
}

/// How a statement is sent.
enum Way {
    /// Without a name.
    Plain,
    /// Without a name, and prepared behind that for the next time.
    Preparing,
    Prepared(Statement),
}

impl Session {
    /// The session of a connection and of the task that carries what it sends. The connection was begun at a
    /// moment of `clock`, which tells the time.
    ///
    /// # Errors
    /// The connection is lost again.
    pub(super) async fn new(
        (client, carrying): Connected,
        began: Instant,
        clock: fn() -> Instant,
    ) -> Result<Self, Error> {
        // From here on it is closed wherever it is dropped, also by who doesn't wait for the answer.
        let session = Self {
            client,
            carrying,
            sent: Mutex::default(),
            preparing: AtomicUsize::default(),
            has_rows_left: AtomicBool::default(),
            clock,
        };
        let is_direct = backend::is_at_the_end(&session.client, || clock() - began).await?;
        tracing::debug!(is_direct, "a connection to the database was made");
        *lock(&session.sent) = is_direct.then(HashMap::new);
        Ok(session)
    }

    /// The rows of a statement that is sent again and again, in one round trip: it is sent when the future is
    /// polled first.
    pub(super) async fn rows(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        Ok(self.first_of(usize::MAX, text, parameters).await?.rows)
    }

    /// The same, of the rows that come first, until they take so many bytes together.
    pub(super) fn first_of<'a>(
        &'a self,
        bytes: usize,
        text: &'a str,
        parameters: &'a [Parameter<'a>],
    ) -> BoxFuture<'a, Result<Rows, Error>> {
        // In a box, as it is a part of many others.
        Box::pin(async move {
            let plain = || self.once(bytes, text, parameters);
            match self.way(text) {
                Way::Plain => plain().await,
                Way::Preparing => self.prepare_behind(text, parameters, plain()).await,
                Way::Prepared(statement) => {
                    let sent = async {
                        let rows = self.client.query_raw(&statement, values(parameters)).await?;
                        self.read(bytes, rows).await
                    };
                    self.or_forget(text, sent.await)
                }
            }
        })
    }

    /// The rows of a statement that is planned for what it is about this time, until they take so many bytes
    /// together.
    pub(super) async fn once(
        &self,
        bytes: usize,
        text: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Rows, Error> {
        let parameters = parameters.iter().map(|(value, of)| (*value, of.clone()));
        self.read(bytes, self.client.query_typed_raw(text, parameters).await?).await
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
            let plain = || self.client.execute_typed(text, parameters);
            match self.way(text) {
                Way::Plain => plain().await,
                Way::Preparing => self.prepare_behind(text, parameters, plain()).await,
                Way::Prepared(statement) => {
                    self.or_forget(text, self.client.execute(&statement, &values(parameters)).await)
                }
            }
        })
    }

    /// Whether rows may still come that nobody wants: what is sent next is answered behind them.
    pub(super) fn has_rows_left(&self) -> bool {
        self.has_rows_left.load(Ordering::Relaxed)
    }

    /// Something that was sent behind them has been answered.
    pub(super) fn no_rows_are_left(&self) {
        self.has_rows_left.store(false, Ordering::Relaxed);
    }

    /// Reads rows until they take so many bytes.
    async fn read(&self, bytes: usize, rows: RowStream) -> Result<Rows, Error> {
        let read = Rows::of(bytes, rows).await?;
        self.has_rows_left.fetch_or(read.is_cut, Ordering::Relaxed);
        Ok(read)
    }

    /// Whether somebody gave up while a statement was being prepared, which nobody will close then.
    pub(super) fn is_left_with_statements(&self) -> bool {
        self.preparing.load(Ordering::Relaxed) > 0
    }

    /// How a statement is to be sent this time. It is prepared when it comes a second time within [`MOST_AGE`], and
    /// given up when it has been used enough.
    fn way(&self, text: &str) -> Way {
        let mut all = lock(&self.sent);
        let Some(all) = all.as_mut() else { return Way::Plain };
        let now = (self.clock)();
        let Some(sent) = all.get_mut(text) else {
            if all.len() >= MOST_STATEMENTS {
                all.retain(|_, sent| now.saturating_duration_since(sent.since) < MOST_AGE);
            }
            if all.len() < MOST_STATEMENTS {
                all.insert(text.to_owned(), Sent { uses: 1, since: now, statement: None });
            }
            return Way::Plain;
        };
        if now.saturating_duration_since(sent.since) >= MOST_AGE {
            *sent = Sent { uses: 1, since: now, statement: None };
            return Way::Plain;
        }
        sent.uses += 1;
        match &sent.statement {
            None if sent.uses == 2 => Way::Preparing,
            // Another of the same pipeline has it prepared.
            None => Way::Plain,
            Some(statement) => {
                let statement = statement.clone();
                if sent.uses >= MOST_USES {
                    all.remove(text);
                }
                Way::Prepared(statement)
            }
        }
    }

    /// Has a statement prepared behind what sends it this time. Should that fail it counts as if the statement
    /// had, which is so in a transaction: it is given up then, and its COMMIT, sent already, undoes it without
    /// saying so.
    async fn prepare_behind<T>(
        &self,
        text: &str,
        parameters: &[Parameter<'_>],
        sent: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let types: Vec<Type> = parameters.iter().map(|(_, of)| of.clone()).collect();
        self.preparing.fetch_add(1, Ordering::Relaxed);
        let (sent, prepared) = join(sent, self.client.prepare_typed(text, &types)).await;
        self.preparing.fetch_sub(1, Ordering::Relaxed);
        let sent = self.or_forget(text, sent)?;
        let statement = self.or_forget(text, prepared)?;
        if let Some(one) = lock(&self.sent).as_mut().and_then(|all| all.get_mut(text)) {
            one.statement = Some(statement);
        }
        Ok(sent)
    }

    /// Forgets a statement that has failed: what was prepared may no longer fit. Where it isn't there, somebody
    /// stands between after all, or takes away what is prepared: nothing is prepared any more.
    fn or_forget<T>(&self, text: &str, outcome: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &outcome {
            let mut all = lock(&self.sent);
            if fault::is_of_another_session(error) {
                *all = None;
            } else if let Some(all) = all.as_mut() {
                all.remove(text);
            }
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

    use futures_util::FutureExt;
    use headwater_testkit::{
        certificates::{Authority, Certified},
        postgres::{Pooler, Server, Stop},
    };

    use super::{MOST_AGE, MOST_USES, Session};
    use crate::{
        StoreError,
        postgres::{
            address::Address,
            hosts::Hosts,
            statement::{Pipeline, Typed},
        },
    };

    const SELECT: &str = "SELECT $1 + 1";
    const PREPARED: &str =
        "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement = $1";

    /// When everything begins.
    fn beginning() -> Instant {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        *BEGINNING.get_or_init(Instant::now)
    }

    /// A time that stands still, long after that.
    fn later() -> Instant {
        beginning() + Duration::from_mins(1)
    }

    async fn session_by(url: &str, clock: fn() -> Instant) -> Session {
        let hosts = Hosts::new(&Address::parse(url).expect("a URL"), Duration::from_secs(10));
        Session::new(hosts.connect().await.expect("connected"), beginning(), clock).await.expect("a session")
    }

    async fn session(url: &str) -> Session {
        session_by(url, later).await
    }

    /// A server, and a session without anybody between.
    async fn direct() -> (Server, Session) {
        let server = Server::new(&[]);
        let session = session(&format!("postgres://headwater@{}/postgres", server.address())).await;
        (server, session)
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
    async fn a_statement_is_prepared_when_it_comes_again_and_anew_after_many_uses() {
        let (_server, session) = direct().await;
        add_one(&session, 1).await;
        assert_eq!(uses(&session, SELECT).await, [0; 0]);
        for number in 2..i64::from(MOST_USES) {
            add_one(&session, number).await;
            assert_eq!(uses(&session, SELECT).await, [number - 2]);
        }
        // The last use, behind which it is closed.
        add_one(&session, 1).await;
        assert_eq!(uses(&session, SELECT).await, [0; 0]);
        for _ in 0..3 {
            assert_eq!(session.execute(SELECT, &[1_i64.bound()]).await.expect("done"), 1);
        }
        assert_eq!(uses(&session, SELECT).await, [1]);
        // In a pipeline, it is prepared once.
        let parameters = [1_i64.bound()];
        let mut pipeline = Pipeline::new(&session);
        for _ in 0..100 {
            pipeline.add("SELECT 2 + $1", &parameters);
        }
        assert_eq!(pipeline.run().await.expect("done"), [1; 100]);
        assert_eq!(uses(&session, "SELECT 2 + $1").await, [0]);
    }

    #[tokio::test]
    async fn an_old_plan_is_given_up() {
        static AGE: AtomicU64 = AtomicU64::new(0);
        let now = || later() + Duration::from_millis(AGE.load(Ordering::SeqCst));
        let server = Server::new(&[]);
        let session = session_by(&format!("postgres://headwater@{}/postgres", server.address()), now).await;
        let most = u64::try_from(MOST_AGE.as_millis()).expect("small");
        for (age, used) in [(0, vec![]), (0, vec![0]), (most - 1, vec![1]), (most, vec![]), (most, vec![0])] {
            AGE.store(age, Ordering::SeqCst);
            add_one(&session, 1).await;
            assert_eq!(uses(&session, SELECT).await, used, "after {age} ms");
        }
    }

    #[tokio::test]
    async fn a_statement_that_no_longer_fits_counts_as_lost_and_is_prepared_anew() {
        let (_server, session) = direct().await;
        session.batch_execute("CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('1')").await.expect("made");
        let select = "SELECT c FROM t";
        for _ in 0..3 {
            session.rows(select, &[]).await.expect("rows");
        }
        session.batch_execute("ALTER TABLE t ALTER c TYPE VARCHAR(9)").await.expect("altered");
        let error = session.rows(select, &[]).await.expect_err("its result is another").into();
        assert!(matches!(&error, StoreError::Unavailable(reason) if reason.contains("plan")), "{error}");
        for _ in 0..3 {
            session.rows(select, &[]).await.expect("rows");
        }
        assert_eq!(uses(&session, select).await, [1]);
        // Whatever else the database doesn't have is no reason to try again.
        let unknown = session.rows("SELECT 1 FOR UPDATE OF t UNION SELECT 2", &[]).await;
        assert!(matches!(unknown.expect_err("refused").into(), StoreError::Sql { .. }));
    }

    #[tokio::test]
    async fn where_a_statement_is_gone_nothing_is_prepared_any_more() {
        let (_server, session) = direct().await;
        for number in 1..3 {
            add_one(&session, number).await;
        }
        session.batch_execute("DEALLOCATE ALL").await.expect("gone");
        let error = session.rows(SELECT, &[1_i64.bound()]).await.expect_err("it is gone").into();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        for number in 1..4 {
            add_one(&session, number).await;
        }
        assert_eq!(uses(&session, SELECT).await, [0; 0]);
    }

    /// Otherwise a COMMIT behind it would undo everything, and be answered.
    #[tokio::test]
    async fn where_preparing_fails_the_statement_has_failed() {
        let (_server, session) = direct().await;
        // The names that the driver gives to what it prepares next.
        let _taken = session.prepare("SELECT 1").await.expect("prepared");
        let name = session.query_typed_one("SELECT name FROM pg_prepared_statements", &[]).await;
        let last: u32 = name.expect("a name").get::<_, &str>(0)[1..].parse().expect("a number");
        let take = |number| format!("PREPARE s{number} AS SELECT 1;");
        let taken: String = (last + 1..last + 1_000).map(take).collect();
        session.batch_execute(&format!("{taken} BEGIN")).await.expect("taken");
        add_one(&session, 1).await;
        session.rows(SELECT, &[1_i64.bound()]).await.expect_err("the transaction has failed");
    }

    #[tokio::test]
    async fn who_gives_up_while_a_statement_is_prepared_leaves_something() {
        let (_server, session) = direct().await;
        add_one(&session, 1).await;
        assert!(!session.is_left_with_statements());
        let number = [1_i64.bound()];
        assert!(session.rows(SELECT, &number).now_or_never().is_none());
        assert!(session.is_left_with_statements());
    }

    #[tokio::test]
    async fn what_fails_in_a_transaction_leaves_the_next_one_alone() {
        let (_server, session) = direct().await;
        add_one(&session, 0).await;
        session.batch_execute("BEGIN").await.expect("begun");
        session.rows("SELECT 1 / 0", &[]).await.expect_err("divided by 0");
        session.row(SELECT, &[1_i64.bound()]).await.expect_err("the transaction has failed");
        session.batch_execute("ROLLBACK").await.expect("undone");
        for number in 0..3 {
            add_one(&session, number).await;
        }
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
    async fn a_process_that_is_older_than_the_connection_is_behind_a_pooler() {
        let server = Server::new(&[]);
        let url = format!("postgres://headwater@{}/postgres", server.address());
        let hosts = Hosts::new(&Address::parse(&url).expect("a URL"), Duration::from_secs(10));
        let (client, carrying) = hosts.connect().await.expect("connected");
        client.batch_execute("SELECT pg_sleep(0.2)").await.expect("older now");
        let session = Session::new((client, carrying), beginning(), beginning).await.expect("a session");
        for number in 0..3 {
            add_one(&session, number).await;
        }
        assert_eq!(uses(&session, SELECT).await, [0; 0]);
    }

    #[tokio::test]
    async fn who_gives_up_before_it_is_known_leaves_no_connection() {
        let server = Server::new(&[]);
        let url = format!("postgres://headwater@{}/postgres", server.address());
        let hosts = Hosts::new(&Address::parse(&url).expect("a URL"), Duration::from_secs(10));
        let (client, carrying) = hosts.connect().await.expect("connected");
        let carried = carrying.abort_handle();
        // It is busy, so that there is no answer yet.
        assert!(Box::pin(client.batch_execute("SELECT pg_sleep(60)")).now_or_never().is_none());
        assert!(Session::new((client, carrying), beginning(), later).now_or_never().is_none());
        let ended = async {
            while !carried.is_finished() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended)
            .await
            .expect("it ends before there is an answer");
    }

    #[tokio::test]
    async fn a_role_that_may_not_see_its_age_is_as_good_as_any() {
        let server = Server::new(&[]);
        server.run(
            "postgres",
            "CREATE ROLE owner; CREATE ROLE login LOGIN IN ROLE owner; ALTER ROLE login SET role = owner",
        );
        let session = session(&format!("postgres://login@{}/postgres", server.address())).await;
        for number in 0..2 {
            add_one(&session, number).await;
        }
        assert_eq!(uses(&session, SELECT).await, [0]);
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
        add_one(&session, 2).await;
        assert_eq!(uses(&session, SELECT).await, [0]);
    }
}
