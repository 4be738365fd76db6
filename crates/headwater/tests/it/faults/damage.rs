//! Pages of the database that are not what was written: what needs them is refused, and nothing is made up.

use std::{fs::OpenOptions, os::unix::fs::FileExt, path::Path};

use headwater_testkit::postgres::wait_until;
use rusqlite::Connection;
use serde_json::json;

use crate::support::{Response, Server, Source, headwater, percent, text};

const USERS: usize = 400;

/// A server with users, by name and id.
fn started() -> (Server, Source, Vec<(String, String)>) {
    let server = Server::start();
    let source = server.source("contoso");
    let users = (0..USERS).map(|number| {
        let name = format!("user-{number}");
        let body = json!({"userName": name, "title": "T".repeat(200), "displayName": name});
        let made = source.post("/Users", &body).expect(201).json();
        (name, text(&made["id"]))
    });
    let users = users.collect();
    (server, source, users)
}

/// The leaves of a table or an index, and how long a page is.
fn leaves(database: &Path, name: &str) -> (Vec<u64>, u64) {
    let connection = Connection::open(database).expect("a database");
    // What is in the log goes into the file first.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
    let select = "SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf'";
    let mut statement = connection.prepare(select).expect("a statement");
    let pages = statement.query_map([name], |row| row.get(0)).expect("pages");
    let pages = pages.collect::<Result<_, _>>().expect("numbers");
    let size = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).expect("a number");
    (pages, size)
}

/// Overwrites every second leaf.
fn damage(database: &Path, name: &str) {
    let (pages, size) = leaves(database, name);
    assert!(pages.len() > 3, "{name} has {} leaves", pages.len());
    let file = OpenOptions::new().write(true).open(database).expect("the file");
    let garbage = vec![0xA5; usize::try_from(size).expect("small")];
    for page in pages.iter().step_by(2) {
        file.write_all_at(&garbage, (page - 1) * size).expect("written");
    }
}

/// Whether something is answered as it should be; a refusal is in the right form, and tells nothing of the
/// inside.
fn is_answered(response: Response, status: u16) -> bool {
    if response.status == status {
        return true;
    }
    let detail = response.expect_error(500, "");
    assert!(!detail.contains("malformed") && !detail.contains("SQL"), "{detail}");
    false
}

/// Looks for everybody, and returns how many lookups were refused. Whatever is answered is right.
fn refused(source: &Source, users: &[(String, String)]) -> usize {
    let mut refused = 0;
    for (name, id) in users {
        let found = source.get(&format!("/Users/{id}"));
        if is_answered(found.clone(), 200) {
            assert_eq!(found.json()["userName"], **name);
        } else {
            refused += 1;
        }
        let filter = percent(&format!("userName eq \"{name}\""));
        let found = source.get(&format!("/Users?filter={filter}"));
        if is_answered(found.clone(), 200) {
            assert_eq!(found.json()["Resources"][0]["id"], **id, "{name} is found");
        } else {
            refused += 1;
        }
    }
    let all = source.get(&format!("/Users?count={USERS}"));
    if is_answered(all.clone(), 200) {
        assert_eq!(all.json()["Resources"].as_array().map(Vec::len), Some(users.len()), "nobody is left out");
    }
    refused
}

/// Once damage has been met, nothing is written any more, and whoever asks is told.
fn is_out_of_service(server: &Server, source: &Source, users: &[(String, String)]) {
    source.post("/Users", &json!({"userName": "late"})).expect_error(500, "");
    source
        .patch(&format!("/Users/{}", users[0].1), json!([{"op": "remove", "path": "title"}]))
        .expect_error(500, "");
    assert_eq!(server.readiness(), 503);
    let logged = server.logged();
    assert!(logged.contains("headwater.db is damaged") && !logged.contains("panicked"), "{logged}");
}

#[test]
fn damage_of_the_resources_is_met_and_not_passed_over() {
    let (mut server, source, users) = started();
    assert!(server.stop());
    damage(&server.database(), "resource");
    server.restart(&[]);
    let source = source.at(server.address());
    assert!(refused(&source, &users) > 10);
    is_out_of_service(&server, &source, &users);
}

#[test]
fn damage_of_the_index_is_met_and_not_passed_over() {
    let (mut server, source, users) = started();
    assert!(server.stop());
    damage(&server.database(), "resource_key");
    server.restart(&[]);
    let source = source.at(server.address());
    assert!(refused(&source, &users) > 10);
    is_out_of_service(&server, &source, &users);
}

#[test]
fn damage_under_a_running_server_is_met_and_not_passed_over() {
    let (server, source, users) = started();
    for table in ["resource", "resource_key"] {
        damage(&server.database(), table);
    }
    assert!(refused(&source, &users) > 10);
    is_out_of_service(&server, &source, &users);
}

#[test]
fn a_database_that_is_damaged_at_its_root_is_not_served() {
    let (mut server, ..) = started();
    assert!(server.stop());
    let file = OpenOptions::new().write(true).open(server.database()).expect("the file");
    file.write_all_at(&[0xA5; 2_000], 100).expect("written");
    let before = std::fs::read(server.database()).expect("readable");
    let data = server.data().to_str().expect("UTF-8");
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0", "--data", data][..], &["source", "list", "--data", data]]
    {
        refuses(arguments, &["headwater.db is damaged", "restore a backup"]);
    }
    assert_eq!(std::fs::read(server.database()).expect("readable"), before, "it is left alone");
}

/// A command ends at once, with one line that says why.
fn refuses(arguments: &[&str], reasons: &[&str]) {
    let output = headwater(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
    for reason in reasons {
        assert!(error.contains(reason), "{error}");
    }
}

/// Commands and the server refuse a folder in one line, and leave it alone.
fn is_refused(server: &Server, expected: &str) {
    let data = server.data().to_str().expect("UTF-8");
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0", "--data", data][..], &["source", "list", "--data", data]]
    {
        let output = headwater(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("headwater.db") && error.contains(expected), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_folder_that_has_lost_its_database_is_not_begun_anew() {
    let mut server = Server::stopped(None);
    server.restart(&[]);
    server.source("contoso").user("ada");
    server.kill();
    let log = server.database().with_extension("db-wal");
    let logged = std::fs::read(&log).expect("a log");
    for emptied in [&b""[..], b"S"] {
        std::fs::write(server.database(), emptied).expect("emptied");
        is_refused(&server, "missing or empty");
        assert!(std::fs::read(&log).expect("a log") == logged, "the log is left alone");
    }
    std::fs::remove_file(server.database()).expect("removed");
    is_refused(&server, "missing or empty");
    std::fs::remove_file(&log).expect("removed");
    is_refused(&server, "missing or empty");
    assert!(!server.database().exists());
}

#[test]
fn a_database_that_is_replaced_under_a_running_server_is_not_used() {
    let mut server = Server::stopped(None);
    server.restart(&[]);
    let source = server.source("contoso");
    source.user("before");
    let copy = server.data().join("copy");
    std::fs::copy(server.database(), &copy).expect("copied");
    std::fs::rename(&copy, server.database()).expect("moved");
    wait_until("it is seen", || source.post("/Users", &json!({"userName": "late"})).status == 503);
    let refused = source.get("/Users?count=1");
    assert!(refused.header("retry-after").is_some());
    refused.expect_error(503, "");
    assert_eq!(server.readiness(), 503);
    assert!(server.logged().contains("was removed or replaced"), "{}", server.logged());
}
