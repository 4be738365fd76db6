//! A disk that fails to take what a program has written, or to be read: a library between the program and the
//! operating system's, which says so of the files that it is told of, of what is written once.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// What is called to put a file on the disk, and to read one. The name of the file that can't be put there is in
/// the file that `FAULTY_DISK` names, which is removed then; the name of one that can't be read is in that which
/// `FAULTY_READS` names.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_told_of(const char *place, int file) {
    char name[256] = "", link[64], path[4096] = "";
    FILE *told = place ? fopen(place, "r") : NULL;
    if (!told) return 0;
    char *read = fgets(name, sizeof name, told);
    fclose(told);
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (!read || readlink(link, path, sizeof path - 1) < 0) return 0;
    const char *last = strrchr(path, '/');
    return last && strcmp(last + 1, name) == 0;
}

static int fails(int file) {
    const char *place = getenv("FAULTY_DISK");
    if (!is_told_of(place, file) || unlink(place) != 0) return 0;
    errno = EIO;
    return 1;
}

static int fails_to_be_read(int file) {
    if (!is_told_of(getenv("FAULTY_READS"), file)) return 0;
    errno = EIO;
    return 1;
}

#define NEXT(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

int fsync(int file) { return fails(file) ? -1 : NEXT(fsync)(file); }
int fdatasync(int file) { return fails(file) ? -1 : NEXT(fdatasync)(file); }
int sync_file_range(int file, off64_t from, off64_t length, unsigned flags) {
    return fails(file) ? -1 : NEXT(sync_file_range)(file, from, length, flags);
}
ssize_t read(int file, void *bytes, size_t length) {
    return fails_to_be_read(file) ? -1 : NEXT(read)(file, bytes, length);
}
ssize_t pread(int file, void *bytes, size_t length, off_t from) {
    return fails_to_be_read(file) ? -1 : NEXT(pread)(file, bytes, length, from);
}
ssize_t pread64(int file, void *bytes, size_t length, off64_t from) {
    return fails_to_be_read(file) ? -1 : NEXT(pread64)(file, bytes, length, from);
}
"#;

/// The library, and what it is told.
pub struct FaultyDisk {
    folder: TempDir,
}

impl FaultyDisk {
    /// Builds the library.
    ///
    /// # Panics
    /// There is no C compiler.
    pub fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let source = disk.folder.path().join("disk.c");
        fs::write(&source, LIBRARY).expect("written");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-D_LARGEFILE64_SOURCE", "-o"])
            .arg(disk.library())
            .arg(&source)
            .arg("-ldl")
            .status();
        assert!(built.is_ok_and(|status| status.success()), "a C compiler builds the library");
        disk
    }

    /// Has a program write to this disk.
    pub fn put_below(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", self.library())
            .env("FAULTY_DISK", self.told())
            .env("FAULTY_READS", self.told_of_reads());
    }

    /// Lets the next attempt fail to put a file of this name on the disk.
    ///
    /// # Panics
    /// The disk is not there any more.
    pub fn fail(&self, file: &str) {
        self.tell(self.told(), file);
    }

    /// Lets all attempts fail to read a file of this name.
    ///
    /// # Panics
    /// The disk is not there any more.
    pub fn fail_reads(&self, file: &str) {
        self.tell(self.told_of_reads(), file);
    }

    /// Lets it be read again.
    ///
    /// # Panics
    /// It could be read.
    pub fn mend_reads(&self) {
        fs::remove_file(self.told_of_reads()).expect("it has failed");
    }

    /// Writes a name to a place, where it is whole or not.
    fn tell(&self, place: PathBuf, file: &str) {
        let prepared = self.folder.path().join("next");
        fs::write(&prepared, file).expect("written");
        fs::rename(prepared, place).expect("told");
    }

    /// Whether it has failed.
    pub fn has_failed(&self) -> bool {
        !self.told().exists()
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("disk.so")
    }

    fn told(&self) -> PathBuf {
        self.folder.path().join("fail")
    }

    fn told_of_reads(&self) -> PathBuf {
        self.folder.path().join("fail-reads")
    }
}

impl Default for FaultyDisk {
    fn default() -> Self {
        Self::new()
    }
}
