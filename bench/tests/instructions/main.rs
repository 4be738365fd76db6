//! What requests cost, in instructions: counted by Callgrind (valgrind) and held against
//! `bench/instructions.json`, so that a change that makes the hot path dearer is seen where times would
//! be too noisy. `make test-instructions` checks, `make instructions` writes the file anew.
//!
//! Counts differ a little from run to run: hash tables have random seeds, ids hold the time and random
//! bits, and threads wait for each other in ways that are never quite the same. They are those of the dev
//! profile, whose code is there when tests are run; what an algorithm costs more shows there too.
//! `make instructions-release` tells what the release build does.

mod counting;
mod requests;

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use counting::Counts;
use requests::{KINDS, Kind};

/// Set for the process that Callgrind counts: the folder to work in.
const COUNTED: &str = "HEADWATER_COUNTED";
/// Set to write the file anew.
const UPDATE: &str = "HEADWATER_UPDATE";

/// How often all is counted; of each kind the least counts, since what threads do while they wait for each
/// other only adds.
const RUNS: usize = 2;

/// How the code was compiled; counts are of one profile.
const PROFILE: &str = if cfg!(debug_assertions) { "dev" } else { "release" };

#[test]
#[ignore = "needs valgrind: make test-instructions"]
fn requests_cost_what_they_did() {
    let counted = (0..RUNS).map(|_| count()).reduce(least).unwrap_or_default();
    let mut all = read();
    let (table, has_changed) = compare(all.get(PROFILE).unwrap_or(&Counts::new()), &counted);
    println!("{table}");
    if std::env::var_os(UPDATE).is_some() {
        all.insert(PROFILE.to_owned(), counted);
        let text = serde_json::to_string_pretty(&all).expect("JSON");
        std::fs::write(path(), text + "\n").expect("the file is written");
        return;
    }
    assert!(
        !has_changed,
        "requests cost more or less than they did:\n{table}\n\
         If that is what was wanted, run `make instructions` and commit bench/instructions.json."
    );
}

fn count() -> Counts {
    let folder = tempfile::tempdir().expect("a folder");
    requests::prepare(folder.path());
    counting::count(folder.path())
}

/// The lesser count of each.
fn least(mut one: Counts, other: Counts) -> Counts {
    for (name, count) in other {
        one.entry(name).and_modify(|least| *least = count.min(*least)).or_insert(count);
    }
    one
}

/// The process that Callgrind counts.
#[test]
#[ignore = "a part of the other test"]
fn counted() {
    if let Some(folder) = std::env::var_os(COUNTED) {
        requests::send_all(&PathBuf::from(folder));
    }
}

/// A table of both, and whether anything differs too much.
fn compare(expected: &Counts, counted: &Counts) -> (String, bool) {
    let (mut table, mut has_changed) = (String::new(), expected.len() != counted.len());
    for Kind { name, tolerance, .. } in &KINDS {
        let Some(now) = counted.get(*name) else { continue };
        let change = expected.get(*name).map(|before| percent(*before, *now));
        let is_fine = change.is_some_and(|change| change.abs() <= *tolerance);
        has_changed |= !is_fine;
        let change = change.map_or_else(|| "new".to_owned(), |change| format!("{change:+.2} %"));
        let mark = if is_fine { "" } else { "  <-" };
        writeln!(table, "{now:>12}  {change:>9}  {name}{mark}").expect("a String takes all");
    }
    (table, has_changed)
}

#[expect(clippy::cast_precision_loss, reason = "counts have fewer than 52 bits")]
fn percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

/// What is committed, by profile.
fn read() -> BTreeMap<String, Counts> {
    let text = std::fs::read_to_string(path()).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("counts by profile")
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

#[test]
fn a_count_within_the_tolerance_is_no_change() {
    let Kind { name, tolerance, .. } = KINDS[0];
    let counts = |number: u64| Counts::from([(name.to_owned(), number)]);
    assert!(tolerance < 3.5);
    assert!(!compare(&counts(1_000), &counts(1_025)).1);
    assert!(compare(&counts(1_000), &counts(1_035)).1);
    assert!(compare(&counts(1_000), &counts(965)).1);
    assert!(compare(&Counts::new(), &counts(1)).1);
    assert!(compare(&counts(1), &Counts::new()).1);
}
