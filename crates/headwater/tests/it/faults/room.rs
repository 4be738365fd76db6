//! The disk is full: of the database's machine, or of the one with the data folder.

use headwater_testkit::{
    postgres::{self, wait_until},
    small_disk::{self, SmallDisk},
};

use serde_json::json;

use super::{
    load::{Load, judge},
    site::{Site, database},
};
use crate::support::{Admin, Server, consistency, headwater_on_read_only};

/// What is left of the disk before the load begins.
const SPARE: u64 = 1 << 20;

#[test]
fn a_data_folder_that_is_read_only_is_not_served() {
    if !is_possible() {
        return;
    }
    let mut server = Server::start();
    server.source("kept");
    assert!(server.stop());
    let data = server.data().to_str().expect("UTF-8");
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0", "--data", data][..], &["source", "list", "--data", data]]
    {
        let output = headwater_on_read_only(server.data(), arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with("error: the data folder") && error.contains("Read-only"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    server.restart(&[]);
    assert_eq!(server.command(&["source", "list"])[0]["slug"], "kept");
}

/// Whether a test that needs a disk of its own can run.
fn is_possible() -> bool {
    let possible = SmallDisk::is_possible();
    if !possible {
        eprintln!("skipped: nobody may mount a small disk here");
    }
    possible
}

#[test]
fn a_database_without_room_takes_no_writes_until_there_is_some() {
    if !is_possible() {
        return;
    }
    let postgres = postgres::Server::with_small_disk();
    postgres.run("postgres", "CREATE ROLE scim LOGIN");
    postgres.run("postgres", "CREATE DATABASE directory OWNER scim TABLESPACE small");
    let site = Site::start(&format!("postgres://scim@{}/directory", postgres.address()), 2);
    let load = site.load(8);
    load.wait_for_done(50);
    small_disk::fill(&postgres.small_disk(), SPARE);
    load.wait_for_refused(50);
    assert_eq!(site.source.get("/Users?count=1").status, 200, "reading goes on");
    small_disk::make_room(&postgres.small_disk());
    load.wait_for_done(50);
    site.judge(&load.finish());
}

/// PostgreSQL stops then, and can't start again before there is room.
#[test]
fn a_database_whose_log_has_no_room_is_back_once_there_is_some() {
    if !is_possible() {
        return;
    }
    let postgres = postgres::Server::with_small_log();
    let site = Site::start(&database(&postgres, &[postgres.address()]), 2);
    let load = site.load(8);
    load.wait_for_done(50);
    small_disk::fill(&postgres.small_disk(), 0);
    wait_until("the database has stopped", || {
        let read = site.source.get("/Users?count=1");
        read.status == 503 && read.header("retry-after").is_some()
    });
    load.wait_for_refused(50);
    small_disk::make_room(&postgres.small_disk());
    load.wait_for_done(50);
    site.judge(&load.finish());
}

#[test]
fn a_data_folder_without_room_takes_no_writes_until_there_is_some() {
    if !is_possible() {
        return;
    }
    let server = Server::start_on_small_disk();
    let ada = Admin::first(&server);
    let (admin, source) = (ada.api_token(&server, "auditor"), ada.source("Contoso"));
    let load = Load::start(&source, &[server.address()], 8, std::time::Duration::from_secs(10));
    load.wait_for_done(50);
    small_disk::fill(&server.small_disk(), SPARE);
    load.wait_for_refused(50);
    assert_eq!(source.get("/Users?count=1").status, 200, "reading goes on");
    small_disk::make_room(&server.small_disk());
    load.wait_for_done(50);
    judge(&load.finish(), &admin, &source);
    let copy = server.copy_of_small_disk();
    consistency::check(&copy.path().join("headwater.db"));
}

/// More is written than there is room for, most of it over and over.
#[test]
fn a_small_disk_is_not_filled_by_what_is_written_over() {
    if !is_possible() {
        return;
    }
    let server = Server::start_on_small_disk();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    let path = format!("/Users/{}", source.user("ann"));
    small_disk::fill(&server.small_disk(), 16 << 20);
    for number in 0..1_000 {
        let change = json!({"active": number % 2 == 1, "displayName": format!("Ann {number}")});
        source.patch(&path, json!([{"op": "replace", "value": change}])).expect(200);
    }
    for log in ["headwater.db-wal", "requests.db-wal"] {
        let length = server.small_disk().join(log).metadata().expect("a log").len();
        assert!(length <= 8 << 20, "{log} has {length} bytes");
    }
}
