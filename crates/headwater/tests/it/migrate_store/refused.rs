//! Moves that make no sense.

use std::process::Output;

use headwater_testkit::postgres::Database;

use super::migrate;
use crate::support::{Server, headwater, headwater_with};

#[track_caller]
fn refused(output: &Output, code: i32, says: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(output.stdout.is_empty());
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
    assert!(error.contains(says), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn what_makes_no_sense_is_one_line_and_an_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, missing, empty) = (path("data"), path("missing"), path("empty"));
    let created = headwater(&["source", "create", "Test", "--data", &data]);
    assert!(created.status.success());
    refused(&migrate(&data, &data), 2, "are the same");
    refused(&migrate(&data, &format!("{data}/../data")), 2, "are the same");
    refused(&headwater(&["migrate-store", "--from", &data]), 2, "--to");
    for missing in [&missing, &path("noon:12@home")] {
        refused(&migrate(missing, &empty), 1, "--from: there is no data in");
    }
    for nowhere in [
        "",
        " ",
        "mysql://u:secret@host/x",
        "http://host",
        "postgres:/u:secret@host/x",
        "u:secret@host/x",
        "//u:secret@host/x",
    ] {
        refused(
            &migrate(&data, nowhere),
            2,
            "--to: a data folder or a URL that begins with postgres:// is expected",
        );
        refused(&migrate(nowhere, &empty), 2, "--from: a data folder or a URL");
    }
    assert!(!folder.path().join("missing").exists() && !folder.path().join("empty").exists());
    let full = path("full");
    assert!(headwater(&["source", "create", "Test", "--data", &full]).status.success());
    refused(&migrate(&data, &full), 1, "has been used already");
    for unreadable in [
        "postgres://u:secret@host:port/x",
        "postgres://u:secret@host/x?sslmode=x",
        "host=a nonsense=secret",
        "host=a password=secret bogus",
    ] {
        refused(&migrate(&data, unreadable), 2, "--to: the address of the database can't be used");
        refused(&migrate(unreadable, &empty), 2, "--from: the address of the database can't be used");
    }
    refused(&migrate(&data, "postgres://u:secret@127.0.0.1:1/x"), 1, "--to: the database can't be reached");
    for unreachable in [
        "host=127.0.0.1 port=1 user=u password=secret",
        "user=u password='secret 2x' host=127.0.0.1 port=1 dbname=x",
        "host = 127.0.0.1 port = 1 user = u password = secret",
    ] {
        refused(&migrate(unreachable, &empty), 1, "--from: the database can't be reached");
        refused(&migrate(&data, unreachable), 1, "--to: the database can't be reached");
    }
}

#[test]
fn databases_that_are_one_or_have_something_are_no_target() {
    let database = Database::new();
    let url = database.url();
    let server = Server::stopped(Some(url.clone()));
    server.command(&["source", "create", "Test"]);
    refused(&migrate(&url, &url), 2, "are the same");
    refused(&migrate(&url, &format!("{url}?connect_timeout=3")), 2, "both are the PostgreSQL database");
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    assert!(headwater(&["source", "create", "Test", "--data", &data]).status.success());
    refused(&migrate(&data, &url), 1, "has been used already");
    server.command(&["source", "delete", "test", "--yes"]);
    refused(&migrate(&data, &url), 1, "has been used already");
    let nothing = Database::new();
    refused(&migrate(&nothing.url(), &data), 1, "--from: there is no data in");
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()";
    assert_eq!(nothing.run(tables), "0", "nothing is made there");
}

#[test]
fn places_come_from_the_environment_and_no_password_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    assert!(headwater(&["source", "create", "Test", "--data", &data]).status.success());
    let database = Database::new();
    let url = database.url().replace("headwater@", "headwater:hunter2@");
    let environment = [("HEADWATER_MIGRATE_FROM", &*data), ("HEADWATER_MIGRATE_TO", &*url)];
    let help = headwater_with(&["migrate-store", "--help"], &environment);
    let output = headwater_with(&["migrate-store"], &environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let is_row = |line: &&str| line.split_whitespace().collect::<Vec<_>>()[..2] == ["token", "1"];
    assert!(said.lines().filter(|line| line.len() > 64).any(|line| is_row(&line)), "{said}");
    assert!(
        said.contains(&format!("Everything is in the PostgreSQL database {}", database.name())),
        "{said}"
    );
    for shown in [said, String::from_utf8(help.stdout).expect("UTF-8")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// An address that can't be read is wrong usage, for every command.
#[test]
fn an_unreadable_database_url_is_wrong_usage() {
    for command in [&["serve"][..], &["source", "list"], &["token", "list", "x"]] {
        let url = ["--database-url", "postgres://u:secret@host:port/x"];
        let output = headwater(&[command, &url].concat());
        refused(&output, 2, "the address of the database can't be used");
    }
}
