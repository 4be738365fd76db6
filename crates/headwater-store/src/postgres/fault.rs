//! What the database's errors mean to those who asked.

use deadpool::managed::PoolError;
use tokio_postgres::{
    Error,
    error::{Severity, SqlState},
};

use crate::{ApplyError, StoreError};

/// What the driver says of a server without TLS.
const NO_TLS: &str = "server does not support TLS";

/// What the driver says of an address that lacks something, such as a host or the password.
const INCOMPLETE: &str = "invalid configuration";

/// What the database was doing when it found that a plan no longer fits.
const REVALIDATING: &str = "RevalidateCachedQuery";

/// Whether the connection is of no use any more, or what was prepared on it: what was asked last may have been
/// done or not, and is to be asked on another, or anew.
pub(super) fn is_lost(error: &Error) -> bool {
    let Some(database) = error.as_db_error() else { return true };
    let code = database.code();
    // The process ends with it: it is told to, or one of its time-outs has passed.
    matches!(database.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
        // 08: connection exceptions.
        || code.code().starts_with("08")
        || [
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::CANNOT_CONNECT_NOW,
            // A primary that takes no more writes, on a connection from before.
            &SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(&code)
        || is_of_another_session(error)
        // The tables have changed since it was prepared.
        || *code == SqlState::FEATURE_NOT_SUPPORTED && database.routine() == Some(REVALIDATING)
}

/// Whether a prepared statement isn't there, or another by its name is.
pub(super) fn is_of_another_session(error: &Error) -> bool {
    let codes = [&SqlState::INVALID_SQL_STATEMENT_NAME, &SqlState::DUPLICATE_PSTATEMENT];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// Whether, by an error of this kind, the database asks for the transaction to be done anew.
pub(super) fn is_contention(code: &str) -> bool {
    code == SqlState::T_R_SERIALIZATION_FAILURE.code() || code == SqlState::T_R_DEADLOCK_DETECTED.code()
}

/// Whether the database has no room or memory for what is to be written (class 53).
pub(super) fn is_without_room(error: &StoreError) -> bool {
    matches!(error, StoreError::Sql { code, .. } if code.starts_with("53"))
}

impl From<Error> for StoreError {
    /// Only the message is kept: details name values, which may be personal.
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(database) if is_lost(&error) => Self::Unavailable(database.message().to_owned()),
            Some(database) => {
                Self::Sql { code: database.code().code().to_owned(), message: database.message().to_owned() }
            }
            None => Self::Unavailable(reason(&error)),
        }
    }
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<PoolError<Error>> for StoreError {
    fn from(error: PoolError<Error>) -> Self {
        match error {
            PoolError::Backend(error) => Self::Unavailable(reason(&error)),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// What it means that no connection could be made.
pub(super) fn of_connecting(error: &Error) -> StoreError {
    let code = error.code().map(SqlState::code).unwrap_or_default();
    // 28 and 42501: who may not; 3D: there is no such database.
    if code.starts_with("28") || code.starts_with("3D") || code == SqlState::INSUFFICIENT_PRIVILEGE.code() {
        return StoreError::NotLetIn(reason(error));
    }
    if let Some(distrust) = distrust(error) {
        return StoreError::Insecure(distrust);
    }
    // 42, 22: a setting that the address asks for isn't known, or doesn't take the value.
    if error.to_string() == INCOMPLETE || code.starts_with("42") || code.starts_with("22") {
        return StoreError::Address(reason(error));
    }
    StoreError::Unavailable(reason(error))
}

/// Why the two ends don't trust each other, if it is that: no wait would mend it. A handshake that is cut
/// off is none of it.
fn distrust(error: &Error) -> Option<String> {
    let source = std::error::Error::source(error)?;
    if let Some(io) = source.downcast_ref::<std::io::Error>() {
        let tls = io.get_ref()?.downcast_ref::<rustls::Error>()?;
        return Some(tls.to_string());
    }
    let has_none = "the server has no TLS, which it needs unless sslmode says otherwise";
    (source.to_string() == NO_TLS).then(|| has_none.to_owned())
}

/// The innermost reason of an error that is not the database's answer to a statement.
fn reason(error: &Error) -> String {
    if let Some(database) = error.as_db_error() {
        return database.message().to_owned();
    }
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
