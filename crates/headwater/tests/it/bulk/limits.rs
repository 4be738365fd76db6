//! What a bulk request may cost: commits, others' time, memory.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::{bulk, request};
use crate::support::{Request, Server, Source};

fn users(mark: &str, count: usize) -> Vec<Value> {
    let user = |number: usize| {
        let data = json!({
            "userName": format!("{mark}-{number}@example.com"), "displayName": format!("{mark} {number}"),
            "name": {"givenName": "Given", "familyName": format!("Family {number}")},
            "emails": [{"value": format!("{mark}-{number}@example.com"), "type": "work", "primary": true}],
        });
        json!({"method": "POST", "path": "/Users", "bulkId": format!("{number}"), "data": data})
    };
    (0..count).map(user).collect()
}

/// Holds what is in the log of the database there, and counts the commits in it.
struct Commits {
    reader: Connection,
    log: std::path::PathBuf,
}

impl Commits {
    fn hold(database: &Path) -> Self {
        let reader =
            Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
        // As long as somebody reads, the log only grows.
        reader.execute_batch("BEGIN; SELECT COUNT(*) FROM source").expect("a read transaction");
        let log = database.with_extension("db-wal");
        Self { reader, log }
    }

    /// The frames that end a transaction: those that say how large the database is.
    fn count(&self) -> usize {
        assert!(!self.reader.is_autocommit());
        let log = fs::read(&self.log).expect("the log");
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
        let (header, frames) = log.split_at_checked(32).unwrap_or_default();
        let page = header.get(8..12).map_or(4_096, number) as usize;
        // What an earlier round has left in the file has another salt.
        let is_current = |frame: &&[u8]| frame.get(8..16) == header.get(16..24);
        let frames = frames.chunks_exact(24 + page).take_while(is_current);
        frames.filter(|frame| number(&frame[4..8]) != 0).count()
    }
}

/// Shows BLK-001.
#[test]
fn a_thousand_operations_share_a_few_commits() {
    let server = Server::start();
    let source = server.source("few");
    source.user("first");
    let commits = Commits::hold(&server.database());
    let before = commits.count();
    for number in 0..5 {
        source.user(&format!("single-{number}"));
    }
    let singles = commits.count() - before;
    assert!(singles >= 5, "a commit each: the count works");

    let before = commits.count();
    let answered = bulk(&source, &users("user", 1_000));
    assert!(answered.iter().all(|answer| answer["status"] == "201"));
    let creations = commits.count() - before;
    assert!((1..=12).contains(&creations), "{creations} commits for 1,000 users");

    let before = commits.count();
    let members: Vec<Value> = (0..500).map(|number| json!({"value": format!("bulkId:{number}")})).collect();
    let mut operations = users("member", 500);
    let data = json!({"displayName": "Members", "members": members});
    operations.insert(0, json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": data}));
    let changes = answered.iter().take(400).map(|answer| {
        let (_, id) = answer["location"].as_str().and_then(|url| url.rsplit_once('/')).expect("a URL");
        let title = crate::support::patch(&json!([{"op": "add", "path": "title", "value": "T"}]));
        json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": title})
    });
    operations.extend(changes);
    let answered = bulk(&source, &operations);
    assert!(answered.iter().all(|answer| answer["status"].as_str().is_some_and(|status| status < "300")));
    let mixed = commits.count() - before;
    assert!((1..=12).contains(&mixed), "{mixed} commits for 901 operations of several kinds");
}

/// Nobody waits for all of them, and they need not be in memory together.
#[test]
fn large_operations_of_one_request_share_a_few_commits() {
    let server = Server::start();
    let source = server.source("large");
    let large = |number: usize| {
        let user = json!({"userName": format!("user-{number}"), "title": "x".repeat(900_000)});
        let created = source.post("/Users", &user).expect(201).json();
        format!("/Users/{}", created["id"].as_str().expect("an id"))
    };
    let paths: Vec<String> = (0..12).map(large).collect();
    let data = crate::support::patch(&json!([{"op": "add", "path": "displayName", "value": "D"}]));
    let change = |path: &String| json!({"method": "PATCH", "path": path, "data": data});
    let changes: Vec<Value> = paths.iter().map(change).collect();
    let commits = Commits::hold(&server.database());
    let before = commits.count();
    let answered = bulk(&source, &changes);
    assert!(answered.iter().all(|answer| answer["status"] == "200"));
    let together = commits.count() - before;
    assert!((3..=6).contains(&together), "{together} commits for 11 MB");
}

/// Shows BLK-021, BLK-022.
#[test]
fn a_body_may_be_as_long_as_is_announced_and_not_a_byte_longer() {
    for arguments in [&[][..], &["--max-bulk-bytes", "100000"]] {
        let server = Server::start_with(arguments);
        let source = server.source("long");
        let config = source.get("/ServiceProviderConfig").expect(200).json();
        let most = config["bulk"]["maxPayloadSize"].as_u64().expect("a number");
        assert_eq!(most, if arguments.is_empty() { 8_388_608 } else { 100_000 });
        let most = usize::try_from(most).expect("a size");
        for (number, length, status) in [(0, most - 1, 200), (1, most, 200), (2, most + 1, 413)] {
            let mut body = request(&users(&format!("long-{number}"), 3)).to_string();
            body.extend(std::iter::repeat_n(' ', length - body.len()));
            let mut sent = source.request("POST", "/Bulk", None);
            sent.body = Some(body.into_bytes());
            let answer = source.send(&sent).expect("an answer");
            let found = source.found("/Users", &format!("userName sw \"long-{number}-\"")).len();
            if status == 413 {
                let detail = answer.expect_error(413, "");
                assert!(detail.contains("maxPayloadSize") && detail.contains(&most.to_string()), "{detail}");
                assert_eq!(found, 0, "nothing of it was done");
            } else {
                answer.expect(200);
                assert_eq!(found, 3, "{length} of {most} bytes");
            }
        }
        // The limit of other requests is their own.
        let long = json!({"userName": "long", "title": "x".repeat(1_100_000)});
        source.post("/Users", &long).expect_error(413, "");
    }
}

/// Shows BLK-021.
#[test]
fn others_are_answered_while_a_bulk_request_runs() {
    let server = Server::start();
    let source = server.source("busy");
    let known = source.user("known");
    let other = server.source("other");
    let running = Arc::new(AtomicBool::new(true));
    let long = {
        let (source, running) = (source.at(server.address()), Arc::clone(&running));
        thread::spawn(move || {
            let began = Instant::now();
            for round in 0..3 {
                let answered = bulk(&source, &users(&format!("round-{round}"), 1_000));
                assert!(answered.iter().all(|answer| answer["status"] == "201"));
            }
            running.store(false, Ordering::Relaxed);
            began.elapsed() / 3
        })
    };
    let clients = [source.at(server.address()), other.at(server.address())].map(|client| {
        let (running, known) = (Arc::clone(&running), known.clone());
        thread::spawn(move || {
            let mut waits: Vec<Duration> = Vec::new();
            while running.load(Ordering::Relaxed) {
                let began = Instant::now();
                if waits.len().is_multiple_of(2) {
                    client.user(&format!("single-{}", waits.len()));
                } else {
                    let answer = client.get(&format!("/Users/{known}"));
                    assert!(matches!(answer.status, 200 | 404));
                }
                waits.push(began.elapsed());
            }
            waits
        })
    });
    let waits: Vec<Duration> =
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
    let each = long.join().expect("the bulk requests");
    let slowest = waits.iter().max().expect("requests");
    assert!(waits.len() > 60, "only {} requests were answered meanwhile", waits.len());
    assert!(*slowest < each, "one waited for {slowest:?}; a bulk request takes {each:?}");
}

/// The memory of a process, and the most that it ever was, in MiB.
fn memory(server: &Server) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the process");
    let size = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") / 1_024
    };
    (size("VmRSS:"), size("VmHWM:"))
}

fn send(source: &Source, body: &[u8], status: u16) {
    let request = Request { body: Some(body.to_vec()), ..source.request("POST", "/Bulk", None) };
    source.send(&request).expect("an answer").expect(status);
}

/// Shows BLK-021, BLK-022.
#[cfg(target_os = "linux")]
#[test]
fn large_requests_leave_no_memory_behind() {
    let server = Server::start();
    let source = server.source("large");
    // As long as it may be, and nothing of it can be done: what is left is left by the request alone.
    let title = "x".repeat(8_000);
    let failing: Vec<Value> = (0..1_000)
        .map(|number| json!({"method": "PUT", "path": format!("/Users/{number}"), "data": {"userName": "x", "title": title}}))
        .collect();
    let failing = request(&failing).to_string().into_bytes();
    let mut tiny = b"{\"Operations\":[{}".to_vec();
    tiny.extend(b",{}".repeat(2_700_000));
    tiny.extend(b"]}");
    // If each left its 8 MiB behind, ten would be more than the allocator may keep for itself.
    for (body, status, rounds) in [(&failing, 200, 10), (&tiny, 400, 2)] {
        (0..3).for_each(|_| send(&source, body, status));
        let (before, _) = memory(&server);
        (0..rounds).for_each(|_| send(&source, body, status));
        let (after, most) = memory(&server);
        assert!(after < before + 60, "{before} MiB have become {after} MiB");
        assert!(most < 400, "the process had {most} MiB");
    }
}
