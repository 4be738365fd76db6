//! A disk that fails to take what a program has written: a library between the program and the operating
//! system's, which says so once for each file that it is told of.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// What is called to put a file on the disk. The name of the file that can't be is in the file that
/// `FAULTY_DISK` names, which is removed then.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int file) {
    char name[256] = "", link[64], path[4096] = "";
    const char *place = getenv("FAULTY_DISK");
    FILE *told = place ? fopen(place, "r") : NULL;
    if (!told) return 0;
    char *read = fgets(name, sizeof name, told);
    fclose(told);
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (!read || readlink(link, path, sizeof path - 1) < 0) return 0;
    const char *last = strrchr(path, '/');
    if (!last || strcmp(last + 1, name) != 0 || unlink(place) != 0) return 0;
    errno = EIO;
    return 1;
}

#define NEXT(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

int fsync(int file) { return fails(file) ? -1 : NEXT(fsync)(file); }
int fdatasync(int file) { return fails(file) ? -1 : NEXT(fdatasync)(file); }
int sync_file_range(int file, off64_t from, off64_t length, unsigned flags) {
    return fails(file) ? -1 : NEXT(sync_file_range)(file, from, length, flags);
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
        command.env("LD_PRELOAD", self.library()).env("FAULTY_DISK", self.told());
    }

    /// Lets the next attempt fail to put a file of this name on the disk.
    ///
    /// # Panics
    /// The disk is not there any more.
    pub fn fail(&self, file: &str) {
        // It is there whole, or not.
        let prepared = self.folder.path().join("next");
        fs::write(&prepared, file).expect("written");
        fs::rename(prepared, self.told()).expect("told");
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
}

impl Default for FaultyDisk {
    fn default() -> Self {
        Self::new()
    }
}
