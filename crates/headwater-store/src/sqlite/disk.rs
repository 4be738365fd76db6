//! The database put on the disk in portions.
//!
//! Who synchronises a file gives the disk all at once that is left of it to write. Whoever else waits for
//! the disk then waits behind that, and with each commit somebody does: some thousand pages all over a
//! database take a hundred milliseconds. Given to the disk in portions, and while other work goes on, they
//! leave little to be synchronised. What has to be on the disk is synchronised all the same.

#![expect(unsafe_code, reason = "the standard library has no way to write back a part of a file")]

use std::{
    fs::{File, OpenOptions},
    io,
    mem::ManuallyDrop,
    path::Path,
};

use rusqlite::ffi::{self, SQLITE_IOERR_FSYNC};

use crate::StoreError;

/// How many bytes of a file are given to the disk at a time, or rather what has been changed of these.
const PORTION: u32 = 16 << 20;

/// The file of a database that is open otherwise.
pub(super) struct DatabaseFile {
    /// Never closed: a process that closes a file gives up all its locks on it, those of SQLite too
    /// (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).
    file: ManuallyDrop<File>,
}

impl DatabaseFile {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let unusable = |source| StoreError::Folder { path: path.display().to_string(), source };
        Ok(Self { file: ManuallyDrop::new(opened.map_err(unusable)?) })
    }

    /// Whether it is still what one gets who opens the database.
    pub(super) fn is_in_place(&self, path: &Path) -> bool {
        match (std::fs::metadata(path), self.file.metadata()) {
            (Ok(there), Ok(opened)) => is_same(&there, &opened),
            (Err(error), _) => error.kind() != io::ErrorKind::NotFound,
            (Ok(_), Err(_)) => true,
        }
    }

    /// Writes back what the operating system has not written yet of the file, one portion behind the
    /// other, where it can do that. It takes a call for each portion, changed or not.
    pub(super) fn write_back(&self) -> Result<(), StoreError> {
        let length = self.file.metadata().map_err(|error| not_on_disk(&error))?.len();
        portions(length)
            .try_for_each(|offset| range::write_back(&self.file, offset, PORTION))
            .map_err(|error| not_on_disk(&error))
    }

    /// Puts all that is in the file on the disk.
    pub(super) fn synchronise(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| not_on_disk(&error))
    }
}

/// Where the portions of a file of a length begin.
fn portions(length: u64) -> impl Iterator<Item = u64> {
    (0..length).step_by(PORTION as usize)
}

#[cfg(unix)]
fn is_same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Files that are open can't be replaced there.
#[cfg(not(unix))]
fn is_same(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
}

fn not_on_disk(error: &io::Error) -> StoreError {
    rusqlite::Error::SqliteFailure(ffi::Error::new(SQLITE_IOERR_FSYNC), Some(error.to_string())).into()
}

#[cfg(target_os = "linux")]
mod range {
    use std::{
        fs::File,
        io::{self, ErrorKind},
        os::fd::AsRawFd,
    };

    use libc::{
        SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE, off64_t,
        sync_file_range,
    };

    /// Writes back a part of a file, and waits for it.
    pub(super) fn write_back(file: &File, offset: u64, length: u32) -> io::Result<()> {
        const WAITING: u32 = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        let offset = off64_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: the file is open.
        match unsafe { sync_file_range(file.as_raw_fd(), offset, length.into(), WAITING) } {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                // Some sandboxes lack it, others forbid what they don't know.
                error if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                    Ok(())
                }
                error => Err(error),
            },
        }
    }
}

/// Nothing but Linux can do it.
#[cfg(not(target_os = "linux"))]
mod range {
    use std::{fs::File, io};

    pub(super) fn write_back(_: &File, _: u64, _: u32) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{DatabaseFile, PORTION, portions};

    #[test]
    fn portions_cover_a_file() {
        let portion = u64::from(PORTION);
        for (length, expected) in [
            (0, vec![]),
            (1, vec![0]),
            (portion, vec![0]),
            (portion + 1, vec![0, portion]),
            (3 * portion, vec![0, portion, 2 * portion]),
        ] {
            assert_eq!(portions(length).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_file_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        fs::write(&path, []).expect("written");
        let file = DatabaseFile::open(&path).expect("a file");
        file.write_back().expect("nothing to write back");
        let bytes = vec![7; PORTION as usize + 1];
        fs::write(&path, &bytes).expect("written");
        file.write_back().expect("written back");
        file.synchronise().expect("on the disk");
        assert!(fs::read(&path).expect("a file") == bytes);
    }

    #[test]
    fn a_file_that_is_removed_or_replaced_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        fs::write(&path, b"one").expect("written");
        let file = DatabaseFile::open(&path).expect("a file");
        assert!(file.is_in_place(&path));
        fs::write(&path, b"other").expect("written");
        assert!(file.is_in_place(&path), "it is the same file");
        let copy = folder.path().join("copy");
        fs::copy(&path, &copy).expect("copied");
        fs::rename(copy, &path).expect("moved");
        assert!(!file.is_in_place(&path));
        fs::remove_file(&path).expect("removed");
        assert!(!file.is_in_place(&path));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = DatabaseFile::open(&folder.path().join("t.db")).err().expect("no file");
        assert!(error.to_string().contains("t.db"), "{error}");
    }
}
