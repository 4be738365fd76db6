//! Parameters with their types, and statements in a pipeline. With the types of its parameters a statement
//! takes one round trip also where it is not prepared.

use std::{borrow::Cow, future::poll_fn, pin::Pin, task::Poll};

use futures_util::future::{BoxFuture, maybe_done};
use tokio_postgres::{
    Error, Row,
    types::{ToSql, Type},
};

use super::session::Session;

/// What is bound to a parameter, and as what.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Begins a transaction that changes something. One that the network has lost sight of is ended by the
/// database, so that the locks that it holds are in nobody's way for long.
pub(super) const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 5000";

/// What has one type in the database.
pub(super) trait Typed: ToSql + Sync + Sized {
    const TYPE: Type;

    /// As a parameter.
    fn bound(&self) -> Parameter<'_> {
        (self, Self::TYPE)
    }
}

impl Typed for i64 {
    const TYPE: Type = Type::INT8;
}
impl Typed for Option<i64> {
    const TYPE: Type = Type::INT8;
}
impl Typed for String {
    const TYPE: Type = Type::TEXT;
}
impl Typed for Option<String> {
    const TYPE: Type = Type::TEXT;
}
impl Typed for &str {
    const TYPE: Type = Type::TEXT;
}
impl Typed for Vec<u8> {
    const TYPE: Type = Type::BYTEA;
}
impl Typed for &[u8] {
    const TYPE: Type = Type::BYTEA;
}
impl Typed for Vec<i64> {
    const TYPE: Type = Type::INT8_ARRAY;
}
impl Typed for Vec<Option<i64>> {
    const TYPE: Type = Type::INT8_ARRAY;
}
impl Typed for Vec<&str> {
    const TYPE: Type = Type::TEXT_ARRAY;
}
impl Typed for Vec<String> {
    const TYPE: Type = Type::TEXT_ARRAY;
}
impl Typed for Vec<Option<&str>> {
    const TYPE: Type = Type::TEXT_ARRAY;
}
impl Typed for Vec<Option<String>> {
    const TYPE: Type = Type::TEXT_ARRAY;
}
impl Typed for Vec<Cow<'_, str>> {
    const TYPE: Type = Type::TEXT_ARRAY;
}
impl Typed for Vec<Option<Cow<'_, str>>> {
    const TYPE: Type = Type::TEXT_ARRAY;
}
impl Typed for Vec<&[u8]> {
    const TYPE: Type = Type::BYTEA_ARRAY;
}
impl Typed for Vec<Option<&[u8]>> {
    const TYPE: Type = Type::BYTEA_ARRAY;
}
impl Typed for Vec<Vec<u8>> {
    const TYPE: Type = Type::BYTEA_ARRAY;
}

/// Statements that are sent one behind the other without waiting, and whose outcomes come together.
/// Each is sent when it is first polled: in the order in which they were added.
pub(super) struct Pipeline<'a> {
    session: &'a Session,
    statements: Vec<BoxFuture<'a, Result<u64, Error>>>,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self { session, statements: Vec::new() }
    }

    /// Adds a statement that is sent again and again, and whose rows don't matter.
    pub(super) fn add(&mut self, statement: &'a str, parameters: &'a [Parameter<'a>]) {
        self.statements.push(self.session.execute(statement, parameters));
    }

    /// Adds a statement that is planned for what it is about this time.
    pub(super) fn add_once(&mut self, statement: &'a str, parameters: &'a [Parameter<'a>]) {
        self.statements.push(Box::pin(self.session.execute_typed(statement, parameters)));
    }

    /// Sends all; answers how many rows each was about, or the first error. Every outcome is waited
    /// for, so that nothing is left to come.
    pub(super) async fn run(self) -> Result<Vec<u64>, Error> {
        all_at_once(self.statements).await.into_iter().collect()
    }
}

/// Waits for futures that are all polled, in order, when this is polled first: what they send is sent before what
/// comes behind it. (`join_all` leaves some for later when there are many.)
async fn all_at_once<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut all: Vec<_> = futures.into_iter().map(maybe_done).collect();
    let (mut is_sent, mut done) = (false, 0);
    poll_fn(|context| {
        if !is_sent {
            is_sent = true;
            let waiting =
                all.iter_mut().filter_map(|one| Pin::new(one).poll(context).is_pending().then_some(()));
            return if waiting.count() == 0 { Poll::Ready(()) } else { Poll::Pending };
        }
        // They are answered in order.
        while let Some(one) = all.get_mut(done) {
            std::task::ready!(Pin::new(one).poll(context));
            done += 1;
        }
        Poll::Ready(())
    })
    .await;
    all.iter_mut().map(|one| Pin::new(one).take_output().expect("it is done")).collect()
}

/// The rows of a statement that is sent again and again, unless there is nothing to ask for.
pub(super) async fn rows_if(
    wanted: bool,
    session: &Session,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Error> {
    if wanted { session.rows(statement, parameters).await } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::Mutex,
        task::{Context, Poll},
    };

    use futures_util::{FutureExt, future::BoxFuture};

    use super::all_at_once;
    use crate::lock;

    #[test]
    fn whatever_is_answered_meanwhile_all_is_sent_before_what_comes_behind_it() {
        const MANY: usize = 200;
        let sent = Mutex::new(Vec::new());
        // Each is answered while it is being sent.
        let answered = |number: usize| -> BoxFuture<'_, usize> {
            let mut polls = 0;
            let sent = &sent;
            Box::pin(poll_fn(move |context: &mut Context<'_>| {
                polls += 1;
                if polls > 1 {
                    return Poll::Ready(number);
                }
                lock(sent).push(number);
                context.waker().wake_by_ref();
                Poll::Pending
            }))
        };
        let mut all = Box::pin(all_at_once((0..MANY).map(answered).collect()));
        assert!(all.as_mut().now_or_never().is_none());
        assert_eq!(*lock(&sent), (0..MANY).collect::<Vec<_>>());
        assert_eq!(all.now_or_never(), Some((0..MANY).collect()));
    }
}
