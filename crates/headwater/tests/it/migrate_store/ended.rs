//! Moves that end half way, or whose target is changed behind their back.

use std::{
    io::{BufRead, BufReader},
    process::Output,
};

use headwater_testkit::postgres::Database;
use rusqlite::Connection;
use serde_json::json;

use super::{migrate, migrated};
use crate::support::{Server, consistency, headwater, headwater_started, patch};

/// A folder with enough for several pages of each large table.
fn filled() -> Server {
    let mut server = Server::stopped(None);
    server.restart(&[]);
    let source = server.source("large");
    for part in 0..4 {
        let user = |number: usize| {
            let name = format!("user-{part}-{number}");
            json!({"method": "POST", "path": "/Users", "bulkId": name,
                "data": {"userName": name, "title": "T", "displayName": name}})
        };
        let mut operations: Vec<_> = (0..400).map(user).collect();
        let members: Vec<_> =
            (0..400).map(|number| json!({"value": format!("bulkId:user-{part}-{number}")})).collect();
        let group = json!({"displayName": format!("Group {part}"), "members": members});
        operations.push(json!({"method": "POST", "path": "/Groups", "bulkId": "group", "data": group}));
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
        source.post("/Bulk", &body).expect(200);
    }
    assert!(server.stop());
    server
}

/// Begins a move, and kills it as soon as it says something that begins like this.
fn killed(from: &str, to: &str, at: &str) {
    let mut process = headwater_started(&["migrate-store", "--from", from, "--to", to]);
    let said = BufReader::new(process.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let last = said.into_iter().find(|line| line.starts_with(at));
    process.kill().expect("the process can be killed");
    let output = process.wait_with_output().expect("the process ends");
    assert!(last.is_some(), "{at}: {}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn failed(output: &Output, code: i32) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
    error.into_owned()
}

#[test]
fn a_move_that_is_killed_goes_on_where_it_ended() {
    let from = filled();
    let database = Database::new();
    let mut to = Server::stopped(Some(database.url()));
    let data = to.data().to_str().expect("UTF-8").to_owned();
    for at in ["source: ", "resource: ", "resource_key: ", "change: ", "comparing "] {
        killed(&from.place(), &to.place(), at);
        for command in [&["source", "list"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let error = failed(&headwater(&[command, &["--data", &data]].concat()), 1);
            assert!(error.contains("not wholly moved yet from the data folder"), "{error}");
        }
    }
    let other = Server::stopped(None);
    let done = migrated(&from, &other);
    assert_eq!(migrated(&from, &to), done, "as if nothing had happened");
    // Whoever was stopped behind the end finds that it is done.
    assert_eq!((migrated(&from, &to), migrated(&from, &other)), (done.clone(), done));
    consistency::check(&other.database());
    consistency::check(&to.database());
    to.restart(&[]);
    to.source("another");
    let output = migrate(&from.place(), &to.place());
    assert!(failed(&output, 1).contains("has been used already"));
}

#[test]
fn what_changes_behind_a_moves_back_is_found() {
    let mut from = filled();
    let to = Server::stopped(None);
    killed(&from.place(), &to.place(), "resource: ");
    from.restart(&[]);
    let source = from.source("later");
    source.user("ada");
    let patched = json!([{"op": "replace", "path": "title", "value": "Countess"}]);
    let ada = source.found("/Users", "userName eq \"ada\"").remove(0);
    let path = format!("/Users/{}", ada["id"].as_str().expect("an id"));
    source.send(&source.request("PATCH", &path, Some(&patch(&patched)))).expect("an answer");
    let output = migrate(&from.place(), &to.place());
    assert!(failed(&output, 1).starts_with("error: --from: the data folder"), "it is served");
    assert!(from.stop());
    killed(&from.place(), &to.place(), "comparing ");
    let connection = Connection::open(to.database()).expect("a connection");
    let change = "UPDATE resource SET display = 'Eve' WHERE rowid = (SELECT MAX(rowid) FROM resource)";
    assert_eq!(connection.execute(change, []).expect("changed"), 1);
    let error = failed(&migrate(&from.place(), &to.place()), 1);
    assert!(error.contains("the table resource is not as it was written"), "{error}");
}
