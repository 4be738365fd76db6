//! Callgrind: the same program once more, counted in stretches.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::{
    COUNTED,
    requests::{KINDS, Kind},
};

/// Instructions a request, by what is requested.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Ends a stretch: Callgrind writes down what it has counted, of all threads, and begins anew.
#[inline(never)]
pub(crate) fn mark_of_callgrind() {
    // So that the compiler has something to call.
    std::hint::black_box(());
}

/// Runs the requests under Callgrind.
pub(crate) fn count(folder: &Path) -> Counts {
    let out = folder.join("callgrind");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--dump-before=*mark_of_callgrind*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "counted", "--ignored", "--nocapture", "--test-threads=1"])
        .env(COUNTED, folder)
        .status()
        .expect("valgrind runs; make test-instructions installs it");
    assert!(status.success(), "the counted process failed");
    let count = |(number, kind): (usize, &Kind)| {
        // A stretch of getting warm comes before each.
        let dump = out.with_extension((2 * number + 2).to_string());
        (kind.name.to_owned(), total(&dump) / kind.times)
    };
    KINDS.iter().enumerate().map(count).collect()
}

/// All instructions of a stretch.
fn total(dump: &Path) -> u64 {
    let text = fs::read_to_string(dump).expect("what Callgrind has written");
    let line = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a line with the total");
    line.trim().parse().expect("a number")
}
