//! How long a database's log may become for the room on its disk.
//!
//! A page that is changed is in the log first, and new ones make the database grow by as much when they are put
//! there. A log that has taken all the room is there to stay: what would end it needs room. And it keeps the
//! length it once had, as it is overwritten from its beginning.

use std::{io, path::Path};

use rusqlite::ErrorCode;

/// Into how many parts what room there is is divided, of which the log gets one: the database gets another, and
/// the rest is for whoever else writes there, such as the other of the two databases.
const PARTS: u64 = 4;
/// How many bytes a page takes in the log, with its header.
const PAGE: u64 = 4_096 + 24;
/// How many pages a log may have at least, even if there is no room for them: each time it is ended, everybody who
/// writes waits for the disk.
pub(super) const LEAST_PAGES: i32 = if cfg!(test) { 3 } else { 64 };

/// How many bytes SQLite needs at least to open a database: its index of the log.
const NEEDED: u64 = 64 << 10;

/// How many pages the log of a database may have: `most`, or fewer where there is little room.
pub(super) fn pages_of_log(database: &Path, most: i32) -> i32 {
    let Some(free) = free_bytes(database) else { return most };
    let taken = database.with_extension("db-wal").metadata().map_or(0, |log| log.len());
    let pages = free.saturating_add(taken) / PARTS / PAGE;
    i32::try_from(pages).unwrap_or(i32::MAX).clamp(LEAST_PAGES, most)
}

/// How many bytes a log of that many pages may keep when it is begun anew. It may become somewhat longer before it
/// is ended, and should not be made shorter and longer in turn.
pub(super) fn bytes_kept(pages: i32) -> i64 {
    2 * i64::from(pages) * PAGE.cast_signed()
}

/// Why a database can't be opened. Where there is no room for what SQLite needs beside it, it speaks of an error of
/// the disk.
pub(super) fn cause(database: &Path, error: rusqlite::Error) -> io::Error {
    let is_of_disk =
        matches!(error.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull));
    match free_bytes(database) {
        Some(free) if is_of_disk && free < NEEDED => {
            io::Error::new(io::ErrorKind::StorageFull, format!("the disk is full ({error})"))
        }
        _ => io::Error::other(error),
    }
}

/// How many bytes are free for us on the disk of a file.
#[cfg(unix)]
fn free_bytes(file: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(file).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Not asked for elsewhere.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LEAST_PAGES, free_bytes, pages_of_log};

    #[test]
    fn the_log_has_a_part_of_what_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("t.db");
        std::fs::write(&database, []).expect("written");
        assert!(free_bytes(&database).expect("a number") > 0);
        assert_eq!(pages_of_log(&database, LEAST_PAGES + 1), LEAST_PAGES + 1);
        // Its own length counts as free.
        let log = std::fs::File::create(database.with_extension("db-wal")).expect("a file");
        log.set_len(1 << 43).expect("a length");
        assert_eq!(pages_of_log(&database, 500_000_000), 500_000_000);
    }

    #[test]
    fn a_disk_that_cant_be_asked_sets_no_bound() {
        assert_eq!(pages_of_log(Path::new("/nowhere/t.db"), 7), 7);
    }
}
