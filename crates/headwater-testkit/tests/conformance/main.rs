//! Every requirement of the RFCs, and every point that they leave open, has a test that shows it or a
//! reason why it has none; `docs/conformance.md` says which.
//!
//! A test says what it shows: a step of a scenario with `"shows": ["FLT-001"]`, a test in Rust with
//! `/// Shows FLT-001, FLT-002.` in its documentation, one in Python or TypeScript with a comment above
//! it that says the same. The ids, and the reasons, are in `docs/conformance/*.json`.

mod annotations;
mod matrix;
mod page;
mod scenarios;

use std::{
    fs,
    path::{Path, PathBuf},
};

use annotations::Annotations;
use matrix::Matrix;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder that are called `*.ending`, those of its folders too if it is to go deep; in
/// order, as paths from the repository.
fn files(folder: &str, ending: &str, deep: bool) -> Vec<String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(repository().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().into_string().expect("UTF-8");
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            if deep && name != "node_modules" && name != "target" {
                found.extend(files(&path, ending, deep));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_requirement_has_a_test_or_a_reason_and_the_page_says_which() {
    let (mut matrix, annotations) = (Matrix::read(), Annotations::read());
    if std::env::var_os("HEADWATER_UPDATE").is_some() {
        matrix.strike_what_is_shown(&annotations.shown);
        fs::write(repository().join(page::PATH), page::write(&matrix, &annotations.shown)).expect("written");
    }
    let mut mistakes = annotations.mistakes.clone();
    mistakes.extend(matrix.mistakes(&annotations.shown));
    assert!(mistakes.is_empty(), "{} mistakes:\n  {}", mistakes.len(), mistakes.join("\n  "));
    let committed = fs::read_to_string(repository().join(page::PATH)).unwrap_or_default();
    let page = page::write(&matrix, &annotations.shown);
    assert!(committed == page, "{} is out of date; run `make conformance`", page::PATH);
}

#[test]
fn every_step_that_shows_a_requirement_asserts_something() {
    let mistakes = scenarios::mistakes();
    assert!(mistakes.is_empty(), "{} mistakes:\n  {}", mistakes.len(), mistakes.join("\n  "));
}
