//! The SQL for PostgreSQL stays such that its distributed relatives could take it: everything leads with
//! the source, and nothing relies on what only a single machine has.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Tables that every machine may have in full, and the one that gives sources their numbers.
const SMALL: [&str; 13] = [
    "source",
    "source_sequence",
    "generation",
    "server",
    "administrator",
    "link",
    "session",
    "failed_login",
    "api_token",
    "setting",
    "idempotent_answer",
    "migration_lock",
    "index_form",
];

/// What is refused somewhere, or is no longer right when the rows of a table lie on several machines.
const FORBIDDEN: [&str; 20] = [
    "create trigger",
    "create extension",
    "create sequence",
    "create temp",
    "serial primary",
    "bigserial",
    "nextval(",
    "listen ",
    "notify ",
    "pg_notify",
    "pg_advisory",
    "skip locked",
    "deferrable",
    "clock_timestamp(",
    "gen_random_uuid(",
    "random()",
    "now()",
    "current_timestamp",
    "ctid",
    "xmin",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![crate_folder.join("src/selection.rs")];
    for folder in ["migrations/postgres", "src/postgres", "src/records", "src/transfer"] {
        files(&crate_folder.join(folder), &mut found);
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("text");
        (path, text)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn nothing_is_used_that_a_distributed_database_refuses() {
    let sources = sources();
    assert!(sources.len() > 20, "the files are where they were");
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") || line.starts_with("--") {
                continue;
            }
            // The program's own clock is asked before, and its time is bound.
            let lower = line.to_lowercase().replace("::now()", "");
            for forbidden in FORBIDDEN {
                assert!(!lower.contains(forbidden), "{}:{}: {forbidden}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn every_key_leads_with_the_source() {
    let mut tables = 0;
    let migrations =
        sources().into_iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "sql"));
    for (path, text) in migrations {
        let plain: String =
            text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join(" ");
        for statement in plain.split(';').map(str::trim) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let place = format!("{}: {statement}", path.display());
            match words.as_slice() {
                ["CREATE", "TABLE", name, ..] => {
                    tables += 1;
                    let keys: Vec<&str> =
                        statement.match_indices("PRIMARY KEY").map(|(at, _)| &statement[at..]).collect();
                    assert_eq!(keys.len(), 1, "{place}");
                    if !SMALL.contains(name) {
                        assert!(keys[0].starts_with("PRIMARY KEY (source_id"), "{place}");
                    }
                    let identity = statement.matches("IDENTITY").count();
                    assert_eq!(identity, usize::from(*name == "source"), "{place}");
                }
                ["CREATE", "UNIQUE", "INDEX", _, "ON", name, ..] if !SMALL.contains(name) => {
                    assert!(statement.contains(&format!("ON {name} (source_id")), "{place}");
                }
                _ => {}
            }
        }
    }
    assert!(tables > 15, "{tables} tables");
}
