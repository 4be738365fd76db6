//! A file that is not what was written. Whoever meets damage is refused; from then on nothing is written,
//! since that would make it worse, and the server says that it is not ready.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rusqlite::ErrorCode;

use crate::{ApplyError, StoreError};

/// What is known of the file.
pub(super) struct Condition {
    path: PathBuf,
    is_damaged: AtomicBool,
}

impl Condition {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), is_damaged: AtomicBool::new(false) }
    }

    /// Refuses what should not be done to a damaged file.
    ///
    /// # Errors
    /// [`StoreError::DamagedFile`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.is_damaged.load(Ordering::Relaxed) {
            return Err(self.damaged("it was found to be so before".to_owned()));
        }
        Ok(())
    }

    /// An error as it is to be told: of damage, with what to do.
    pub(super) fn explained(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Database(reason) if is_damage(&reason) => self.damaged(reason.to_string()),
            other => other,
        }
    }

    /// The same, and damage is remembered.
    pub(super) fn noted(&self, error: StoreError) -> StoreError {
        let error = self.explained(error);
        if matches!(error, StoreError::DamagedFile { .. }) && !self.is_damaged.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "nothing is written from now on");
        }
        error
    }

    /// The same of a change.
    pub(super) fn noted_of_change(&self, error: ApplyError) -> ApplyError {
        match error {
            ApplyError::Store(error) => ApplyError::Store(self.noted(error)),
            other => other,
        }
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::DamagedFile { path: self.path.display().to_string(), reason }
    }
}

/// Whether SQLite says that a file is none of its own, or not whole.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
