//! What the database's errors mean to those who asked.

use deadpool_postgres::PoolError;
use tokio_postgres::{Error, error::SqlState};

use crate::{ApplyError, StoreError};

/// Whether the connection is of no use any more; what was asked last may have been done or not.
pub(super) fn is_lost(error: &Error) -> bool {
    match error.code() {
        None => true,
        Some(code) => {
            // 08: connection exceptions.
            code.code().starts_with("08")
                || [
                    &SqlState::ADMIN_SHUTDOWN,
                    &SqlState::CRASH_SHUTDOWN,
                    &SqlState::CANNOT_CONNECT_NOW,
                    // A primary that has become a standby, on a connection from before.
                    &SqlState::READ_ONLY_SQL_TRANSACTION,
                ]
                .contains(&code)
        }
    }
}

/// Whether, by an error of this kind, the database asks for the transaction to be done anew.
pub(super) fn is_contention(code: &str) -> bool {
    code == SqlState::T_R_SERIALIZATION_FAILURE.code() || code == SqlState::T_R_DEADLOCK_DETECTED.code()
}

impl From<Error> for StoreError {
    /// Only the message is kept: details name values, which may be personal.
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(_) if is_lost(&error) => Self::Unavailable("the connection was ended".to_owned()),
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

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Unavailable(reason(&error)),
            PoolError::Timeout(_) => {
                Self::Unavailable("no connection was free or could be made in time".to_owned())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// The innermost reason of an error that is not the database's answer to a statement.
fn reason(error: &Error) -> String {
    if let Some(database) = error.as_db_error() {
        return database.message().to_owned();
    }
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
