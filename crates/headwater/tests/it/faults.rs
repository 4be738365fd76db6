//! Data that can't be used, and the ends of a server. Below: what fails around it, and what becomes of those
//! who are at work then. Nothing that was acknowledged is lost, nothing is done twice, and nobody has to
//! lend a hand.

mod damage;
mod failover;
mod load;
mod network;
mod pooler;
mod reindex;
mod restart;
mod room;
mod site;
mod tls;
#[cfg(target_os = "linux")]
mod unreadable;
#[cfg(target_os = "linux")]
mod unsynchronised;

use std::{net::TcpStream, time::Duration};

use rusqlite::Connection;
use serde_json::json;

use crate::support::{Client, Server, eventually, headwater};

#[test]
fn data_of_a_newer_program_is_refused_and_left_alone() {
    let mut server = Server::start();
    server.source("kept");
    assert!(server.stop());
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES (9999, 'future', '2030-01-01T00:00:00Z', '0')";
    Connection::open(server.database())
        .and_then(|connection| connection.execute(newer, []))
        .expect("written");
    let data = server.data().to_str().expect("UTF-8");
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0", "--data", data][..], &["source", "list", "--data", data]]
    {
        let output = headwater(arguments);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("newer version of headwater") && error.contains("9999"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("headwater.db"), "not a database, whatever it is called ".repeat(100))
        .expect("written");
    let output = headwater(&["source", "list", "--data", folder.path().to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
}

#[test]
fn a_command_on_a_folder_without_data_says_so_and_makes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("typo");
    let output = headwater(&["source", "list", "--data", missing.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no data in"));
    assert!(!missing.exists());
}

#[test]
fn a_stop_finishes_what_is_in_flight() {
    let mut server = Server::start();
    let source = server.source("stopping");
    let body = json!({"userName": "late"}).to_string();
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        source.path,
        server.address(),
        source.token,
        body.len()
    );
    let mut client = Client::connect(server.address()).expect("a connection");
    // The server asks for the body: the request is in flight.
    assert_eq!(client.send_raw(head.as_bytes(), true).expect("an answer").status, 100);
    let pid = server.pid().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("a signal");
    eventually("nobody new is let in", || TcpStream::connect(server.address()).is_err().then_some(()));
    client.send_raw(body.as_bytes(), false).expect("an answer").expect(201);
    assert!(server.stop());
    server.restart(&[]);
    assert_eq!(source.at(server.address()).found("/Users", "userName eq \"late\"").len(), 1);
}

/// Shows ERR-001, ERR-011.
#[test]
fn a_fault_of_the_server_is_500_and_tells_nothing_of_its_inside() {
    let server = Server::start();
    let source = server.source("broken");
    let path = format!("/Users/{}", source.user("ada"));
    source.get(&path).expect(200);
    let connection = Connection::open(server.database()).expect("a database");
    connection.busy_timeout(Duration::from_secs(10)).expect("set");
    connection.execute("ALTER TABLE resource RENAME TO elsewhere", []).expect("renamed");
    server.source("another"); // from here on, no snapshot of before is read
    for answer in
        [source.get(&path), source.get("/Users"), source.post("/Users", &json!({"userName": "bob"}))]
    {
        assert_eq!(answer.header("content-type"), Some("application/scim+json"));
        let detail = answer.expect_error(500, "");
        for inside in ["resource", "table", "SQL", "sql", ".rs"] {
            assert!(!detail.contains(inside), "{detail}");
        }
    }
    connection.execute("ALTER TABLE elsewhere RENAME TO resource", []).expect("renamed back");
    assert_eq!(source.get("/Users").expect(200).json()["totalResults"], 1, "nobody was made");
}

/// Shows PRV-006.
#[cfg(unix)]
#[test]
fn what_serve_makes_is_open_to_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let mut server = Server::start_in("new/folder");
    server.source("private");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(server.data()), 0o700);
    for entry in std::fs::read_dir(server.data()).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(server.stop());
}
