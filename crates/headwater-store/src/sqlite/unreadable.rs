//! A disk that fails to be read, told from a database that is damaged.
//!
//! SQLite gives the same code for both: where the operating system says EIO or the like, it takes the file system
//! for damaged. But nothing is known then of what is on the disk, and most often all of it is there: another try
//! may have it, or one on a mended disk. What the operating system has said last is kept with each file.

#![expect(unsafe_code, reason = "SQLite tells what the operating system has said through a pointer alone")]

use rusqlite::Connection;

use super::condition::is_damage;
use crate::{ApplyError, StoreError};

/// An error that a connection has just met: damage is one of the disk if that has failed to be read.
pub(super) fn told_apart(connection: &Connection, error: StoreError) -> StoreError {
    match error {
        StoreError::Database(error) if is_damage(&error) => {
            StoreError::Database(system::reading_error(connection).unwrap_or(error))
        }
        error => error,
    }
}

/// The same of a change.
pub(super) fn told_apart_of_change(connection: &Connection, error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Store(error) => ApplyError::Store(told_apart(connection, error)),
        error => error,
    }
}

#[cfg(unix)]
mod system {
    use std::{ffi::c_int, io, ptr};

    use rusqlite::{
        Connection,
        ffi::{
            self, SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_LAST_ERRNO,
            SQLITE_IOERR_CORRUPTFS, SQLITE_OK, sqlite3_file, sqlite3_file_control,
        },
    };

    /// What the operating system has said when the database or its log was read, if it has failed to.
    pub(super) fn reading_error(connection: &Connection) -> Option<rusqlite::Error> {
        let files = [SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER];
        let code = files.into_iter().find_map(|file| take_error(connection, file))?;
        let text = format!("the disk failed to be read: {}", io::Error::from_raw_os_error(code));
        Some(rusqlite::Error::SqliteFailure(ffi::Error::new(SQLITE_IOERR_CORRUPTFS), Some(text)))
    }

    /// The last error of the operating system with one of the two files, if it is one that SQLite takes for damage.
    /// It is forgotten: the next damage may be one.
    fn take_error(connection: &Connection, file: c_int) -> Option<c_int> {
        let mut found: *mut sqlite3_file = ptr::null_mut();
        let mut code: c_int = 0;
        // SAFETY: the connection is open and nobody else uses it, as it is borrowed here. SQLite answers with a
        // file of its own, which has no methods while it is not open; they are called with what they take.
        unsafe {
            let answer = (&raw mut found).cast();
            let answered = sqlite3_file_control(connection.handle(), c"main".as_ptr(), file, answer);
            if answered != SQLITE_OK || found.is_null() || (*found).pMethods.is_null() {
                return None;
            }
            let methods = *(*found).pMethods;
            let (control, read) = (methods.xFileControl?, methods.xRead?);
            let answered = control(found, SQLITE_FCNTL_LAST_ERRNO, (&raw mut code).cast());
            if answered != SQLITE_OK || !matches!(code, libc::EIO | libc::ENXIO | libc::ERANGE) {
                return None;
            }
            // Reading behind the end of a file sets another one.
            let mut byte = 0_u8;
            read(found, (&raw mut byte).cast(), 1, i64::MAX - 1);
        }
        Some(code)
    }
}

/// The same is not known to happen elsewhere.
#[cfg(not(unix))]
mod system {
    use rusqlite::Connection;

    pub(super) fn reading_error(_: &Connection) -> Option<rusqlite::Error> {
        None
    }
}
