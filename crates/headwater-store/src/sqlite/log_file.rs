//! The write-ahead log, written in few calls.
//!
//! SQLite writes a commit to its log frame by frame, and each frame in two calls: 24 bytes that say which
//! page it is, and the page. A call costs more than to copy what it writes. So the writer's connection
//! opens its files through a VFS (<https://www.sqlite.org/vfs.html>) of its own. That is the operating
//! system's, but for the file of the log: what is written to it in one piece is gathered, and goes to the
//! file with the frame that ends a commit. Whatever else is done to the file comes behind what has been
//! gathered, so that nobody can tell the difference; other connections don't read beyond the last commit.
//!
//! Bytes in the middle of a transaction that could not be written, as when the disk is full, are kept and
//! tried again before anything else: SQLite was told that they were written. When the transaction comes to
//! nothing they are forgotten, since another process may write to their place.

#![expect(unsafe_code, reason = "SQLite calls a VFS through pointers to functions")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::Path,
    ptr, slice,
    sync::OnceLock,
};

use rusqlite::{
    Connection, OpenFlags,
    ffi::{
        SQLITE_CANTOPEN, SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_IOERR_WRITE, SQLITE_OK, SQLITE_OPEN_WAL,
        sqlite3, sqlite3_file, sqlite3_file_control, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
        sqlite3_vfs_find, sqlite3_vfs_register,
    },
};

/// The most that is gathered: 31 frames of pages of 4 KiB, as SQLite's files take less than 128 KiB in one
/// call. Longer commits are written in several pieces.
const MOST: usize = 31 * (HEADER + 4_096);
/// How many bytes the header of a frame has (<https://www.sqlite.org/fileformat2.html#walformat>).
const HEADER: usize = 24;

/// Opens a database to write to it, and makes it where it is missing.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    const NAME: &CStr = c"headwater";
    static IS_REGISTERED: OnceLock<bool> = OnceLock::new();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if !IS_REGISTERED.get_or_init(|| register(NAME)) {
        return Connection::open_with_flags(path, flags); // as well, if slower
    }
    let connection = Connection::open_with_flags_and_vfs(path, flags, NAME)?;
    // SAFETY: the handle is used by the hook alone, which goes with the connection.
    let handle = Handle(unsafe { connection.handle() });
    connection.rollback_hook(Some(move || handle.forget_gathered()))?;
    Ok(connection)
}

/// A connection, for its hook.
struct Handle(*mut sqlite3);

// SAFETY: SQLite calls a hook in the thread that uses the connection.
unsafe impl Send for Handle {}

impl Handle {
    /// Forgets what has been gathered for the log.
    fn forget_gathered(&self) {
        let mut file: *mut sqlite3_file = ptr::null_mut();
        // SAFETY: the connection is open, as it calls its hook. SQLite answers with the file of its log, or
        // another; only those of ours have these methods, and nobody else uses them now.
        unsafe {
            let answer = (&raw mut file).cast();
            let answered =
                sqlite3_file_control(self.0, c"main".as_ptr(), SQLITE_FCNTL_JOURNAL_POINTER, answer);
            if answered == SQLITE_OK && !file.is_null() && (*file).pMethods == &raw const METHODS {
                (*(*file.cast::<LogFile>()).gathered).bytes.clear();
            }
        }
    }
}

/// The operating system's VFS with another way to open files.
#[repr(C)]
struct Vfs {
    /// First, as SQLite knows no more than this of it.
    methods: sqlite3_vfs,
    of_the_system: *mut sqlite3_vfs,
}

/// The log's file as SQLite sees it. The operating system's own is in the same memory, behind it.
#[repr(C)]
struct LogFile {
    /// First, as SQLite knows no more than this of it.
    methods: sqlite3_file,
    gathered: *mut Gathered,
}

/// Bytes for the log that have not been written yet.
#[derive(Debug, Default)]
struct Gathered {
    /// Where in the file they begin.
    offset: i64,
    bytes: Vec<u8>,
    /// The last header was that of a frame that ends a commit.
    ends_commit: bool,
    /// A commit has been written whole, and no page behind it. SQLite may write headers anew now; there is
    /// nothing behind the last of these that could be waited for.
    is_whole: bool,
}

impl Gathered {
    /// Takes bytes for a place in the file, and writes what there is with `write` where that can't wait.
    /// Answers SQLite's result code.
    fn take(&mut self, bytes: &[u8], offset: i64, write: impl Fn(&[u8], i64) -> c_int) -> c_int {
        let is_header = bytes.len() == HEADER;
        if is_header {
            // The size of the database behind the commit, or 0 in frames that end none.
            self.ends_commit = bytes[4..8] != [0; 4];
        }
        if self.is_whole {
            self.is_whole = is_header || self.ends_commit;
            return write(bytes, offset);
        }
        let goes_on = i64::try_from(self.bytes.len()).is_ok_and(|length| self.offset + length == offset);
        if !goes_on || self.bytes.len() + bytes.len() > MOST {
            let flushed = self.flush(&write);
            if flushed != SQLITE_OK {
                return flushed;
            }
        }
        if self.bytes.is_empty() {
            self.offset = offset;
        }
        self.bytes.extend_from_slice(bytes);
        if is_header || !self.ends_commit {
            return SQLITE_OK;
        }
        let flushed = self.flush(&write);
        // If that failed, SQLite undoes the transaction, and needs nothing of it any more.
        self.bytes.clear();
        self.is_whole = true;
        flushed
    }

    /// Writes what there is. What can't be written stays.
    fn flush(&mut self, write: impl Fn(&[u8], i64) -> c_int) -> c_int {
        if self.bytes.is_empty() {
            return SQLITE_OK;
        }
        let written = write(&self.bytes, self.offset);
        if written == SQLITE_OK {
            self.bytes.clear();
        }
        written
    }
}

fn register(name: &'static CStr) -> bool {
    // SAFETY: SQLite's function may be called at any time.
    let of_the_system = unsafe { sqlite3_vfs_find(ptr::null()) };
    if of_the_system.is_null() {
        return false;
    }
    // SAFETY: a VFS that SQLite has found stays where it is.
    let theirs = unsafe { *of_the_system };
    let Ok(own) = c_int::try_from(size_of::<LogFile>()) else { return false };
    let methods = sqlite3_vfs {
        szOsFile: own + theirs.szOsFile,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        xOpen: Some(open_file),
        ..theirs
    };
    let vfs: *mut Vfs = Box::leak(Box::new(Vfs { methods, of_the_system }));
    // SAFETY: the VFS is never freed, and begins with what SQLite knows of it.
    unsafe { sqlite3_vfs_register(vfs.cast(), 0) == SQLITE_OK }
}

/// Opens a file: the log as a [`LogFile`], any other as the operating system's.
///
/// # Safety
/// `vfs` is a [`Vfs`]; `file` has room for what `szOsFile` of it says.
unsafe extern "C" fn open_file(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: as the caller says; the functions of the operating system's VFS are called with itself, and
    // with memory of the size that it asks for.
    unsafe {
        let of_the_system = (*vfs.cast::<Vfs>()).of_the_system;
        let Some(open) = (*of_the_system).xOpen else { return SQLITE_CANTOPEN };
        if flags & SQLITE_OPEN_WAL == 0 {
            return open(of_the_system, name, file, flags, flags_out);
        }
        let log = file.cast::<LogFile>();
        // Without methods, SQLite doesn't close what could not be opened.
        (*log).methods.pMethods = ptr::null();
        let opened = open(of_the_system, name, below(file), flags, flags_out);
        if opened == SQLITE_OK {
            (*log).gathered = Box::into_raw(Box::default());
            (*log).methods.pMethods = &raw const METHODS;
        }
        opened
    }
}

/// The operating system's file of a [`LogFile`].
///
/// # Safety
/// `file` is in the memory that [`open_file`] was given.
unsafe fn below(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the memory has room for both.
    unsafe { file.cast::<LogFile>().add(1).cast() }
}

/// Calls a method of the operating system's file of a [`LogFile`].
macro_rules! call_below {
    ($method:ident($file:expr $(, $argument:expr)*)) => {{
        let file = below($file);
        // Whatever SQLite's own files lack, it would not call here either.
        (*(*file).pMethods).$method.map_or(SQLITE_OK, |method| method(file $(, $argument)*))
    }};
}

/// Writes what has been gathered.
///
/// # Safety
/// `file` is an open [`LogFile`].
unsafe fn flush(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite uses a file in one thread at a time.
    unsafe { (*(*file.cast::<LogFile>()).gathered).flush(|bytes, offset| write_below(file, bytes, offset)) }
}

/// Writes to the operating system's file.
///
/// # Safety
/// `file` is an open [`LogFile`].
unsafe fn write_below(file: *mut sqlite3_file, bytes: &[u8], offset: i64) -> c_int {
    let Ok(length) = c_int::try_from(bytes.len()) else { return SQLITE_IOERR_WRITE };
    // SAFETY: the bytes are there until the call ends.
    unsafe { call_below!(xWrite(file, bytes.as_ptr().cast(), length, offset)) }
}

/// Methods that come behind whatever has been gathered.
macro_rules! behind_what_was_gathered {
    ($($name:ident => $method:ident($($argument:ident: $type:ty),*);)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $type)*) -> c_int {
            // SAFETY: SQLite calls methods with the file that has them.
            unsafe {
                match flush(file) {
                    SQLITE_OK => call_below!($method(file $(, $argument)*)),
                    failed => failed,
                }
            }
        }
    )*};
}

behind_what_was_gathered! {
    read => xRead(buffer: *mut c_void, length: c_int, offset: sqlite3_int64);
    truncate => xTruncate(size: sqlite3_int64);
    sync => xSync(flags: c_int);
    file_size => xFileSize(size: *mut sqlite3_int64);
    lock => xLock(level: c_int);
    unlock => xUnlock(level: c_int);
    check_reserved_lock => xCheckReservedLock(is_reserved: *mut c_int);
    file_control => xFileControl(operation: c_int, argument: *mut c_void);
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    buffer: *const c_void,
    length: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls methods with the file that has them, and with a buffer of the length.
    unsafe {
        let bytes = slice::from_raw_parts(buffer.cast::<u8>(), usize::try_from(length).unwrap_or(0));
        let gathered = &mut *(*file.cast::<LogFile>()).gathered;
        gathered.take(bytes, offset, |bytes, offset| write_below(file, bytes, offset))
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls methods with the file that has them, and none behind this one.
    unsafe {
        // What is left belongs to no commit.
        drop(Box::from_raw((*file.cast::<LogFile>()).gathered));
        call_below!(xClose(file))
    }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls methods with the file that has them.
    unsafe { call_below!(xSectorSize(file)) }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls methods with the file that has them.
    unsafe { call_below!(xDeviceCharacteristics(file)) }
}

/// Those that a log needs: what is missing is for files of databases.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeMap, fs, path::Path};

    use proptest::prelude::*;
    use rusqlite::{
        Connection,
        ffi::{SQLITE_FULL, SQLITE_OK},
        params,
    };

    use super::{Gathered, HEADER, MOST, open};

    /// A file that counts the calls that write to it, and may be full.
    #[derive(Default)]
    struct File {
        writes: RefCell<Vec<(i64, usize)>>,
        is_full: bool,
    }

    impl File {
        fn write(&self, bytes: &[u8], offset: i64) -> i32 {
            if self.is_full {
                return SQLITE_FULL;
            }
            self.writes.borrow_mut().push((offset, bytes.len()));
            SQLITE_OK
        }

        /// Where it was written to since the last time, and how many bytes.
        fn take(&self) -> Vec<(i64, usize)> {
            self.writes.take()
        }
    }

    fn header(ends_commit: bool) -> [u8; HEADER] {
        let mut header = [9; HEADER];
        header[4..8].copy_from_slice(&u32::from(ends_commit).to_be_bytes());
        header
    }

    /// Gives a frame to take, the first of which is at 32.
    fn take(gathered: &mut Gathered, file: &File, number: i64, ends_commit: bool) -> i32 {
        let at = 32 + number * (24 + 4_096);
        let write = |bytes: &[u8], offset| file.write(bytes, offset);
        match gathered.take(&header(ends_commit), at, write) {
            SQLITE_OK => gathered.take(&[1; 4_096], at + 24, write),
            failed => failed,
        }
    }

    #[test]
    fn a_commit_is_written_in_one_piece() {
        let (mut gathered, file) = (Gathered::default(), File::default());
        for number in 0..3 {
            assert_eq!(take(&mut gathered, &file, number, number == 2), SQLITE_OK);
            let written = file.writes.borrow().len();
            assert_eq!(written, usize::from(number == 2), "only the end of a commit is written");
        }
        assert_eq!(file.take(), [(32, 3 * 4_120)]);
        // The next one: its first frame could be one that is written anew.
        (3..9).for_each(|number| assert_eq!(take(&mut gathered, &file, number, number == 8), SQLITE_OK));
        assert_eq!(file.take(), [(12_392, 24), (12_416, 4_096), (16_512, 5 * 4_120)]);
        // A commit of one frame.
        take(&mut gathered, &file, 9, true);
        assert_eq!(file.take(), [(37_112, 24), (37_136, 4_096)]);
        // Frames that are written anew, as the transaction has not fit into the cache, and their headers
        // behind the commit.
        for number in [9, 10, 11, 10, 12] {
            assert_eq!(take(&mut gathered, &file, number, false), SQLITE_OK);
        }
        take(&mut gathered, &file, 13, true);
        assert_eq!(file.take()[2..], [(41_232, 8_240), (41_232, 4_120), (49_472, 8_240)]);
        let write = |bytes: &[u8], offset| file.write(bytes, offset);
        for (offset, ends_commit) in [(41_232, false), (45_352, false), (53_592, true)] {
            gathered.take(&header(ends_commit), offset, write);
        }
        assert_eq!(file.take(), [(41_232, 24), (45_352, 24), (53_592, 24)]);
        assert!(gathered.bytes.is_empty());
    }

    #[test]
    fn no_more_is_gathered_than_there_is_room_for() {
        let (mut gathered, file) = (Gathered::default(), File::default());
        for number in 0..1_000 {
            take(&mut gathered, &file, number, false);
            assert!(gathered.bytes.len() <= MOST);
        }
        assert_eq!(file.take().len(), 32);
    }

    #[test]
    fn what_could_not_be_written_is_written_before_anything_else() {
        let (mut gathered, mut file) = (Gathered::default(), File { is_full: true, ..File::default() });
        for number in 0..31 {
            assert_eq!(take(&mut gathered, &file, number, false), SQLITE_OK);
        }
        assert_eq!(take(&mut gathered, &file, 31, false), SQLITE_FULL);
        assert_eq!(take(&mut gathered, &file, 0, false), SQLITE_FULL);
        file.is_full = false;
        assert_eq!(take(&mut gathered, &file, 31, true), SQLITE_OK);
        assert_eq!(file.take(), [(32, 31 * 4_120), (32 + 31 * 4_120, 4_120)]);
    }

    #[test]
    fn nothing_is_left_of_a_commit_that_could_not_be_written() {
        let (mut gathered, mut file) = (Gathered::default(), File { is_full: true, ..File::default() });
        assert_eq!(take(&mut gathered, &file, 0, false), SQLITE_OK);
        assert_eq!(take(&mut gathered, &file, 1, true), SQLITE_FULL);
        file.is_full = false;
        assert_eq!(take(&mut gathered, &file, 0, true), SQLITE_OK);
        assert_eq!(file.take(), [(32, 24), (56, 4_096)]);
    }

    /// What a transaction does, on which of two connections, and whether it is committed.
    #[derive(Debug, Clone)]
    struct Work {
        connection: usize,
        steps: Vec<Step>,
        commits: bool,
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// Writes rows from a number on, of so many bytes.
        Put(u8, u8, u16),
        Remove(u8),
        /// Undoes the steps in it.
        Undone(Vec<(u8, u16)>),
        Checkpoint,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (any::<u8>(), 1..40_u8, 0..6_000_u16).prop_map(|(first, count, size)| Step::Put(first, count, size)),
            2 => any::<u8>().prop_map(Step::Remove),
            1 => proptest::collection::vec((any::<u8>(), 0..6_000_u16), 0..20).prop_map(Step::Undone),
        ]
    }

    fn work() -> impl Strategy<Value = Work> {
        let in_transaction = (0..2_usize, proptest::collection::vec(step(), 0..6), any::<bool>())
            .prop_map(|(connection, steps, commits)| Work { connection, steps, commits });
        let checkpoint = (0..2_usize).prop_map(|connection| Work {
            connection,
            steps: vec![Step::Checkpoint],
            commits: true,
        });
        prop_oneof![6 => in_transaction, 1 => checkpoint]
    }

    fn put(connection: &Connection, number: u8, size: u16) {
        let statement =
            "INSERT INTO t VALUES (?1, zeroblob(?2)) ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
        connection.execute(statement, params![number, size]).expect("written");
    }

    fn run(connection: &Connection, model: &mut BTreeMap<u8, u16>, step: &Step) {
        match step {
            Step::Put(first, count, size) => {
                for number in *first..first.saturating_add(*count) {
                    put(connection, number, *size);
                    model.insert(number, *size);
                }
            }
            Step::Remove(number) => {
                connection.execute("DELETE FROM t WHERE number = ?1", [number]).expect("removed");
                model.remove(number);
            }
            Step::Undone(rows) => {
                connection.execute_batch("SAVEPOINT undone").expect("begun");
                for (number, size) in rows {
                    put(connection, *number, *size);
                }
                connection.execute_batch("ROLLBACK TO undone; RELEASE undone").expect("undone");
            }
            Step::Checkpoint => {
                let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
                connection.query_row(checkpoint, [], |_| Ok(())).expect("a checkpoint");
            }
        }
    }

    fn writing(path: &Path, synchronous: &str) -> Connection {
        let connection = open(path).expect("a connection");
        connection.pragma_update(None, "journal_mode", "WAL").expect("set");
        connection.pragma_update(None, "synchronous", synchronous).expect("set");
        connection.pragma_update(None, "cache_size", 3).expect("set");
        connection
    }

    #[test]
    fn what_was_undone_is_not_written_over_what_another_has_committed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let (one, other) = (writing(&path, "FULL"), writing(&path, "FULL"));
        one.execute_batch("CREATE TABLE t (number INTEGER PRIMARY KEY, bytes BLOB)").expect("a table");
        (0..40).for_each(|number| put(&one, number, 2_000));
        run(&one, &mut BTreeMap::new(), &Step::Checkpoint);
        one.execute_batch("BEGIN; UPDATE t SET bytes = zeroblob(1999); ROLLBACK").expect("undone");
        put(&other, 100, 3_000);
        assert_eq!(rows(&one).len(), 41);
        one.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).expect("a checkpoint");
        drop(one);
        assert_eq!(other.query_row("PRAGMA integrity_check", [], |row| row.get(0)), Ok("ok".to_owned()));
        assert_eq!(rows(&Connection::open(&path).expect("a connection")).get(&100), Some(&3_000));
    }

    fn rows(connection: &Connection) -> BTreeMap<u8, u16> {
        let mut statement = connection.prepare("SELECT number, length(bytes) FROM t").expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("a row")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Other connections read what was committed, and so does who opens copies of the files, as they
        /// would be left by a process that was killed. The cache is so small that most transactions write
        /// to the log before they end.
        #[test]
        fn what_is_committed_is_in_the_files(works in proptest::collection::vec(work(), 1..12), is_synchronous: bool) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("t.db");
            let both = [(), ()].map(|()| writing(&path, if is_synchronous { "FULL" } else { "OFF" }));
            both[0].execute_batch("CREATE TABLE t (number INTEGER PRIMARY KEY, bytes BLOB)").expect("a table");
            let reading = Connection::open(&path).expect("a connection");
            let mut committed = BTreeMap::new();
            for Work { connection, steps, commits } in works {
                let writing = &both[connection];
                let mut model = committed.clone();
                let in_transaction = !matches!(steps[..], [Step::Checkpoint]);
                if in_transaction {
                    writing.execute_batch("BEGIN").expect("begun");
                }
                for step in &steps {
                    run(writing, &mut model, step);
                }
                prop_assert_eq!(&rows(writing), &model);
                prop_assert_eq!(&rows(&reading), &committed);
                if in_transaction {
                    writing.execute_batch(if commits { "COMMIT" } else { "ROLLBACK" }).expect("ended");
                }
                if commits {
                    committed = model;
                }
                prop_assert_eq!(&rows(writing), &committed);
                prop_assert_eq!(&rows(&reading), &committed);
                let left = tempfile::tempdir().expect("a folder");
                for file in ["t.db", "t.db-wal"] {
                    fs::copy(folder.path().join(file), left.path().join(file)).expect("copied");
                }
                prop_assert_eq!(&rows(&Connection::open(left.path().join("t.db")).expect("opened")), &committed);
            }
        }
    }
}
