//! Why a directory was not moved.

use crate::StoreError;

/// Why a directory was not moved, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Source and target are one.
    #[error("both are {0}")]
    Same(String),
    /// The target has, or has had, a directory of its own.
    #[error("{0} has been used already; an empty folder or database is needed")]
    Used(String),
    /// The target has the beginning of another move.
    #[error(
        "{target} has a part of what is in {origin}; go on with that, or take an empty folder or database"
    )]
    OtherOrigin {
        /// Where to.
        target: String,
        /// Where from it was begun.
        origin: String,
    },
    /// Another process moves to the same target.
    #[error("another process is moving to the same place")]
    Raced,
    /// The source has changed each time that it was looked at.
    #[error("what is to be moved changes all the time ({0}); stop its servers and run this again")]
    Changing(String),
    /// The target doesn't have what was put there.
    #[error(
        "the table {table} is not as it was written: {written} rows were, {found} are there, and checksums differ; begin anew with an empty folder or database"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// How many rows were written.
        written: u64,
        /// How many there are.
        found: u64,
    },
    /// The rows of a table can't be read or written.
    #[error("{table}: {error}")]
    Table {
        /// The table.
        table: &'static str,
        /// Why.
        error: StoreError,
    },
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
