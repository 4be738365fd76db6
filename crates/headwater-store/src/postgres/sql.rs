//! The statements that all databases share, and the searches, on a connection to PostgreSQL: run on
//! threads that may wait.

use std::{
    borrow::Cow,
    cell::Cell,
    future::Future,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all, join3};
use tokio::runtime::Handle;
use tokio_postgres::{
    Error,
    error::SqlState,
    types::{ToSql, Type},
};

use super::{
    PostgresStore,
    credentials::LEASE,
    fault, keys,
    pool::{Connection, Connections, MOST_TRIES as MOST_READS},
    reindex,
    session::{Rows, Session},
    statement::{BEGIN, Parameter, Typed},
};
use crate::{
    SourceId, StoreError,
    blocking::{Wanted, blocking},
    sql::{FromValue, Kind, NewKey, Row, RowsRead, Sql, Value, values},
};

/// How often a change is tried that the database gives up in favour of another.
const MOST_TRIES: usize = 10;
/// How many statements are on their way at once.
const AT_ONCE: usize = 256;
/// One moment for all statements of a read.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Acts of administrators are carried out one after the other: each sees what those before it have
/// left. The lock is that of the server's own journal, which most of them write to.
const CHANGE: &str = "SELECT last FROM source_sequence WHERE source_id = 0 FOR UPDATE";

/// Adds keys that others may have too.
const ADD: &str = "ON CONFLICT (source_id, path, key, resource_id) DO NOTHING";
/// Adds keys that nobody else may have, unless somebody has them.
const ADD_UNIQUE: &str = "ON CONFLICT (source_id, path, key) WHERE is_unique = 1 DO NOTHING";

/// Where the numbers of sources come from: whatever name was free when the table was made.
const NUMBERS: &str = "SELECT pg_get_serial_sequence('source', 'id')";
const BEGIN_JOURNALS: &str = "INSERT INTO source_sequence (source_id, last) SELECT id, 0 FROM source \
                              ON CONFLICT (source_id) DO NOTHING";
const CONTINUE_JOURNALS: &str = "UPDATE source_sequence SET last = COALESCE(\
                                 (SELECT MAX(c.sequence) FROM change c WHERE c.source_id = source_sequence.source_id), 0)";

/// A connection for those who run on a thread that may block, within a transaction where one is begun.
pub(super) struct BlockingSession {
    connection: Connection,
    connections: Connections,
    runtime: Handle,
    /// Who waits for it; without anybody it ends. None where it is brought to its end in any case.
    wanted: Option<Wanted>,
    /// What begins the transaction, if there is to be one: sent with the first statement.
    begin: Cell<Option<String>>,
    /// Whether it is to go on only where keys are in the form that this program makes.
    in_form: bool,
    is_open: Cell<bool>,
    /// Whether a statement has failed: nothing may be committed then.
    failed: Cell<bool>,
}

impl PostgresStore {
    /// Runs `read`, which takes one statement, or several that may each see a moment of its own.
    pub(super) async fn read_without_snapshot<T: Send + 'static>(
        &self,
        read: impl Fn(&BlockingSession) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_blocking(None, read).await
    }

    /// Runs `read` in one snapshot: all its statements see one moment.
    pub(super) async fn read_snapshot<T: Send + 'static>(
        &self,
        read: impl Fn(&BlockingSession) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let begin = snapshot(self.shared.connections.limits.answer);
        self.read_blocking(Some(begin), read).await
    }

    /// Runs `read` on a connection, once more on another when that is lost.
    async fn read_blocking<T: Send + 'static>(
        &self,
        begin: Option<String>,
        read: impl Fn(&BlockingSession) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let runtime = Handle::current();
        blocking(move |wanted| {
            let deadline = store.shared.connections.deadline();
            let mut tries = 1;
            loop {
                let session = store.blocking_session(&runtime, begin.clone(), true, Some(wanted.clone()))?;
                match read(&session) {
                    Err(StoreError::Unavailable(reason))
                        if tries < MOST_READS && Instant::now() < deadline =>
                    {
                        tracing::debug!(reason, tries, "a connection was lost; reading is tried on another");
                        tries += 1;
                    }
                    // The database is well; it is the statement that is too much for it.
                    Err(StoreError::Sql { code, .. }) if code == SqlState::QUERY_CANCELED.code() => {
                        return Err(StoreError::TookTooLong);
                    }
                    Ok(found) => {
                        session.end_reading();
                        return Ok(found);
                    }
                    Err(error) => return Err(error),
                }
            }
        })
        .await
    }

    /// Runs a change, whole or not at all, and returns once it is durable; again when the database
    /// gives it up.
    pub(crate) async fn write_records<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_blocking(true, work).await
    }

    /// Like [`Self::write_records`], whatever form keys are in.
    pub(super) async fn write_in_any_form<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_blocking(false, work).await
    }

    async fn write_blocking<T: Send + 'static>(
        &self,
        in_form: bool,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let runtime = Handle::current();
        // What is being written is brought to its end, also when nobody waits for it.
        blocking(move |_| {
            let deadline = store.shared.connections.deadline();
            let mut tries = 1;
            loop {
                let begin = Some(format!("{BEGIN}; {CHANGE}"));
                let session = store.blocking_session(&runtime, begin, in_form, None)?;
                let done = match work(&session) {
                    Ok(done) => session.finish().map(|()| done),
                    // Nothing of it was to be committed yet.
                    Err(StoreError::Unavailable(reason))
                        if tries < MOST_TRIES && Instant::now() < deadline =>
                    {
                        tracing::debug!(reason, tries, "a connection was lost; a change is begun on another");
                        tries += 1;
                        continue;
                    }
                    // The connection is closed, and with it the transaction.
                    Err(error) => Err(error),
                };
                match done {
                    Err(StoreError::Sql { code, .. })
                        if fault::is_contention(&code) && tries < MOST_TRIES =>
                    {
                        tries += 1;
                    }
                    done => return done,
                }
            }
        })
        .await
    }

    /// Runs `read` in one snapshot, as [`Records`](crate::Records) do.
    pub(crate) async fn read_records<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_snapshot(move |session| read(session)).await
    }

    /// Like [`Self::write_records`], for a change to sources or tokens. It returns when no replica goes on
    /// with what it remembers of before.
    pub(crate) async fn administer<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let raise = "UPDATE generation SET value = value + 1 WHERE id = 1";
        let done = self.write_records(move |sql| {
            let done = work(sql)?;
            sql.execute(raise, &[])?;
            Ok(done)
        });
        let done = done.await?;
        self.shared.credentials.forget();
        tokio::time::sleep(LEASE).await;
        Ok(done)
    }

    fn blocking_session(
        &self,
        runtime: &Handle,
        begin: Option<String>,
        in_form: bool,
        wanted: Option<Wanted>,
    ) -> Result<BlockingSession, StoreError> {
        let connections = &self.shared.connections;
        Ok(BlockingSession {
            connection: runtime.block_on(connections.get())?,
            connections: connections.clone(),
            runtime: runtime.clone(),
            wanted,
            begin: Cell::new(begin),
            in_form,
            is_open: Cell::new(false),
            failed: Cell::new(false),
        })
    }
}

/// Begins a read whose statements see one moment. The database ends one that takes too long before it is
/// given up here: so it is known from a database that doesn't answer at all.
fn snapshot(limit: Duration) -> String {
    let limit = limit.as_millis() * 9 / 10;
    format!("{SNAPSHOT}; SET LOCAL statement_timeout = {limit}")
}

impl BlockingSession {
    /// Waits for a statement.
    fn wait<T>(&self, statement: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        self.wait_for(async { Ok(statement.await?) })
    }

    /// Waits for what `read` does on the connection.
    pub(super) fn read<'a, T, F>(&'a self, read: impl FnOnce(&'a Session) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.wait_for(read(&self.connection))
    }

    /// Waits for statements, with what begins the transaction sent before them.
    fn wait_for<T>(&self, statements: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let begin = self.begin.take();
        self.is_open.set(self.is_open.get() || begin.is_some());
        let sent = async {
            match begin {
                Some(begin) if self.in_form => {
                    let begun = self.connection.batch_execute(&begin);
                    let (begun, wanted, done) =
                        join3(begun, reindex::wanted(&self.connection), statements).await;
                    begun?;
                    reindex::check(wanted?)?;
                    done
                }
                Some(begin) => {
                    let (begun, done) = join(self.connection.batch_execute(&begin), statements).await;
                    begun?;
                    done
                }
                None => statements.await,
            }
        };
        let connections = &self.connections;
        let answered = connections.answered(connections.deadline(), sent);
        let done = match self.wanted.clone() {
            None => self.runtime.block_on(answered),
            Some(wanted) => self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    done = answered => done,
                    () = wanted.by_nobody() => Err(StoreError::TookTooLong),
                }
            }),
        };
        self.failed.set(self.failed.get() || done.is_err());
        done
    }

    /// Commits, and gives the connection back. A COMMIT that is not answered is not cancelled either: it
    /// may be waiting for a standby.
    fn finish(self) -> Result<(), StoreError> {
        if self.failed.get() {
            // A COMMIT would be answered, and undo everything.
            return Err(StoreError::NotCommitted("a statement failed before".to_owned()));
        }
        let committed =
            if self.is_open.get() { self.wait(self.connection.batch_execute("COMMIT")) } else { Ok(()) };
        match committed {
            Ok(()) => {
                self.connection.release();
                Ok(())
            }
            Err(error) => {
                self.connection.abandon();
                Err(match error {
                    StoreError::Unavailable(reason) => StoreError::InDoubt(reason),
                    other => other,
                })
            }
        }
    }

    /// Ends the transaction and gives the connection back, without anybody waiting for that.
    fn end_reading(self) {
        let Self { connection, runtime, is_open, failed, .. } = self;
        match (failed.get(), is_open.get()) {
            (true, _) => {}
            (false, false) => connection.release(),
            (false, true) => drop(runtime.spawn(async move {
                if connection.batch_execute("COMMIT").await.is_ok() {
                    connection.release();
                }
            })),
        }
    }
}

impl Sql for BlockingSession {
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        let statement = numbered(statement);
        let parameters = storable(parameters);
        let bound: Vec<(&(dyn ToSql + Sync), Type)> = parameters.iter().map(bound).collect();
        self.wait(self.connection.execute_typed(&statement, &bound))
    }

    fn execute_each(&self, statement: &str, rows: &[Vec<Value>]) -> Result<u64, StoreError> {
        let statement = numbered(statement);
        let mut changed = 0;
        for rows in rows.chunks(AT_ONCE) {
            let rows: Vec<Cow<'_, [Value]>> = rows.iter().map(|row| storable(row)).collect();
            let bound: Vec<Vec<(&(dyn ToSql + Sync), Type)>> =
                rows.iter().map(|row| row.iter().map(bound).collect()).collect();
            let all = join_all(bound.iter().map(|row| self.connection.execute_typed(&statement, row)));
            let counts: Vec<u64> = self.wait(async { all.await.into_iter().collect() })?;
            changed += counts.into_iter().sum::<u64>();
        }
        Ok(changed)
    }

    fn query_within(
        &self,
        bytes: usize,
        statement: &str,
        parameters: &[Value],
    ) -> Result<RowsRead, StoreError> {
        let statement = numbered(statement);
        let parameters = storable(parameters);
        let bound: Vec<Parameter<'_>> = parameters.iter().map(bound).collect();
        let Rows { rows, is_cut } = self.wait(self.connection.once(bytes, &statement, &bound))?;
        Ok(RowsRead { rows: rows.iter().map(row).collect::<Result<_, _>>()?, is_cut })
    }

    fn lock(&self, source: SourceId) -> Result<(), StoreError> {
        let there =
            "INSERT INTO source_sequence (source_id, last) VALUES (?1, 0) ON CONFLICT (source_id) DO NOTHING";
        self.execute(there, &[source.into()])?;
        let lock = "SELECT last FROM source_sequence WHERE source_id = ?1 FOR UPDATE";
        self.query(lock, &[source.into()]).map(drop)
    }

    fn add_keys(&self, source: SourceId, keys: &[NewKey], unique: bool) -> Result<u64, StoreError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let unless = if unique { ADD_UNIQUE } else { ADD };
        let add = format!(
            "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique, whole) \
             SELECT $1, w.path, w.key, w.resource_id, $2, w.whole \
             FROM unnest($3, $4, $5, $6) AS w (path, key, resource_id, whole) {unless}"
        );
        let (is_unique, codes) = (i64::from(unique), keys.iter().map(|key| key.code).collect::<Vec<i64>>());
        let stored: Vec<Cow<'_, str>> = keys.iter().map(|key| keys::stored(&key.key)).collect();
        let ids: Vec<&[u8]> = keys.iter().map(|key| &key.id.as_bytes()[..]).collect();
        let whole: Vec<Option<Cow<'_, str>>> = keys.iter().map(|key| keys::whole(&key.key)).collect();
        let bound =
            [source.0.bound(), is_unique.bound(), codes.bound(), stored.bound(), ids.bound(), whole.bound()];
        self.wait(self.connection.execute_typed(&add, &bound))
    }

    fn add_rows(&self, insert: &str, kinds: &[Kind], rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let parameters: Vec<String> = (1..=kinds.len()).map(|number| format!("${number}")).collect();
        let statement = format!("{insert} SELECT * FROM unnest({})", parameters.join(", "));
        let columns: Vec<List<'_>> =
            kinds.iter().enumerate().map(|(at, kind)| List::of(*kind, rows, at)).collect::<Result<_, _>>()?;
        let bound: Vec<Parameter<'_>> = columns.iter().map(List::bound).collect();
        self.wait(self.connection.execute_typed(&statement, &bound)).map(drop)
    }

    fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let exists = "SELECT to_regclass(?1) IS NOT NULL";
        Ok((self as &dyn Sql).value(exists, &values![name])?.unwrap_or_default())
    }

    fn has_whole_keys(&self) -> bool {
        false
    }

    fn stored_key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        keys::stored(key)
    }

    fn last_source(&self) -> Result<i64, StoreError> {
        let sql: &dyn Sql = self;
        let Some(numbers) = sql.value::<String>(NUMBERS, &[])? else {
            return Err(StoreError::Damaged("sources have no numbers".to_owned()));
        };
        let last = "CASE WHEN is_called THEN last_value ELSE last_value - 1 END";
        Ok(sql.value(&format!("SELECT {last} FROM {numbers}"), &[])?.unwrap_or_default())
    }

    fn continue_numbers(&self, last_source: i64) -> Result<(), StoreError> {
        self.execute(&format!("ALTER TABLE source ALTER COLUMN id RESTART WITH {}", last_source + 1), &[])?;
        self.execute(BEGIN_JOURNALS, &[])?;
        self.execute(CONTINUE_JOURNALS, &[]).map(drop)
    }
}

/// A column of many rows.
enum List<'a> {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Bytes(Vec<Option<&'a [u8]>>),
}

impl<'a> List<'a> {
    fn of(kind: Kind, rows: &'a [Vec<Value>], at: usize) -> Result<Self, StoreError> {
        Ok(match kind {
            Kind::Integer => Self::Integers(column(rows, at)?),
            Kind::Text => Self::Texts(column(rows, at)?),
            Kind::Bytes => Self::Bytes(column(rows, at)?),
        })
    }

    fn bound(&self) -> Parameter<'_> {
        match self {
            Self::Integers(values) => values.bound(),
            Self::Texts(values) => values.bound(),
            Self::Bytes(values) => values.bound(),
        }
    }
}

/// What all rows have at a place.
fn column<'a, T: FromValue<'a>>(rows: &'a [Vec<Value>], at: usize) -> Result<Vec<Option<T>>, StoreError> {
    let value = |row: &'a Vec<Value>| row.get(at).and_then(<Option<T>>::from_value);
    let column: Option<_> = rows.iter().map(value).collect();
    column.ok_or_else(|| StoreError::Damaged(format!("column {at} has a value of another type")))
}

/// `?1` as `$1`.
fn numbered(statement: &str) -> String {
    statement.replace('?', "$")
}

/// Values as the database takes them: no text of its has the character U+0000, and none is found by it.
fn storable(values: &[Value]) -> Cow<'_, [Value]> {
    let is_storable = |value: &Value| !matches!(value, Value::Text(text) if text.contains('\0'));
    if values.iter().all(is_storable) {
        return Cow::Borrowed(values);
    }
    let replaced = values.iter().map(|value| match value {
        Value::Text(text) => Value::Text(text.replace('\0', "\u{fffd}")),
        value => value.clone(),
    });
    Cow::Owned(replaced.collect())
}

/// A value as a parameter. What is none has no type either: the database takes it for what it should be.
fn bound(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    match value {
        Value::Null => (&None::<&str>, Type::UNKNOWN),
        Value::Integer(integer) => (integer, Type::INT8),
        Value::Text(text) => (text, Type::TEXT),
        Value::Bytes(bytes) => (bytes, Type::BYTEA),
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let value = |(number, column): (usize, &tokio_postgres::Column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(number)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(number)?.map(i64::from).into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(number)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(number)?.into(),
            Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<String>>(number)?.into(),
            ref other => return Err(StoreError::Damaged(format!("a column has the type {other}"))),
        })
    };
    Ok(Row(row.columns().iter().enumerate().map(value).collect::<Result<_, StoreError>>()?))
}
