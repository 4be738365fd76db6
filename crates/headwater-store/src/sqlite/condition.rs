//! Why a database is not to be written to any more. Somebody meets it, and is refused; from then on
//! everybody is who writes, nothing is put from the log into the file, and the server says that it is not
//! ready.
//!
//! - The file is not what was written. Whatever is written to it would make that worse.
//! - The operating system has failed to put on the disk what was written. It may forget what that was, and
//!   says so once: what is tried again seems to succeed
//!   (<https://wiki.postgresql.org/wiki/Fsync_Errors>). All that has been acknowledged is in the log, from
//!   which the database is made good when it is opened anew, as long as nobody goes on from here.
//! - Somebody has removed the file, or put another in its place. What is written goes to the old one, which
//!   nobody will ever open again.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rusqlite::{Connection, ErrorCode, config::DbConfig, ffi::SQLITE_IOERR_FSYNC};

use crate::{ApplyError, StoreError};

/// What is known of the file.
pub(super) struct Condition {
    path: PathBuf,
    trouble: OnceLock<Trouble>,
}

#[derive(Clone, Copy)]
enum Trouble {
    Damaged,
    NotOnDisk,
    Replaced,
}

impl Condition {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), trouble: OnceLock::new() }
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses what should not be done to a file that is in trouble.
    ///
    /// # Errors
    /// [`StoreError::DamagedFile`], [`StoreError::NotOnDisk`], [`StoreError::Replaced`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.trouble.get() {
            None => Ok(()),
            Some(trouble) => Err(self.error(*trouble, "it was found to be so before".to_owned())),
        }
    }

    /// Refuses to open a file that is another one than before.
    ///
    /// # Errors
    /// [`StoreError::Replaced`].
    pub(super) fn check_place(&self) -> Result<(), StoreError> {
        match self.trouble.get() {
            Some(Trouble::Replaced) => self.check(),
            _ => Ok(()),
        }
    }

    /// Notes that the file has been removed or replaced.
    pub(super) fn note_replaced(&self) {
        self.noted(self.error(Trouble::Replaced, String::new()));
    }

    /// An error as it is to be told: of trouble, with what to do.
    pub(super) fn explained(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Database(reason) => match trouble(&reason) {
                Some(trouble) => self.error(trouble, reason.to_string()),
                None => StoreError::Database(reason),
            },
            other => other,
        }
    }

    /// The same, and trouble is remembered.
    pub(super) fn noted(&self, error: StoreError) -> StoreError {
        let error = self.explained(error);
        let trouble = match error {
            StoreError::DamagedFile { .. } => Trouble::Damaged,
            StoreError::NotOnDisk { .. } => Trouble::NotOnDisk,
            StoreError::Replaced { .. } => Trouble::Replaced,
            _ => return error,
        };
        if self.trouble.set(trouble).is_ok() {
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

    /// Before a connection is closed: if the file is in trouble the log stays as it is. Else the last one to
    /// close puts it into the file, and removes it.
    pub(super) fn leave(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.trouble.get().is_some() {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        Ok(())
    }

    fn error(&self, trouble: Trouble, reason: String) -> StoreError {
        let path = self.path.display().to_string();
        match trouble {
            Trouble::Damaged => StoreError::DamagedFile { path, reason },
            Trouble::NotOnDisk => StoreError::NotOnDisk { path, reason },
            Trouble::Replaced => StoreError::Replaced { path },
        }
    }
}

fn trouble(error: &rusqlite::Error) -> Option<Trouble> {
    match () {
        () if is_damage(error) => Some(Trouble::Damaged),
        () if is_not_on_disk(error) => Some(Trouble::NotOnDisk),
        () => None,
    }
}

/// Whether SQLite says that a file is none of its own, or not whole.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether something has been written, and may not be on the disk.
pub(super) fn is_not_on_disk(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_FSYNC)
}
