//! A large list, which some walk while another one writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use super::{Way, check, load, walk};
use crate::support::{Server, Source, percent, text};

const USERS: usize = 20_000;
const COUNT: usize = 1_000;
/// One in so many is deleted meanwhile.
const DOOMED: usize = 20;

/// Deletes users and makes others, a few in each request, until it is told to stop.
fn write(source: &Source, doomed: &[String], stop: &AtomicBool, written: &AtomicUsize) {
    let mut doomed = doomed.chunks(5);
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut operations: Vec<Value> = doomed
            .next()
            .into_iter()
            .flatten()
            .map(|id| json!({"method": "DELETE", "path": format!("/Users/{id}")}))
            .collect();
        for number in 0..6 {
            let place = ["a", "u03", "u08x", "u12", "u17y", "z"][number];
            let data =
                json!({"userName": format!("{place}-{turn}"), "title": format!("T{number}"), "active": true});
            operations.push(json!({"method": "POST", "path": "/Users", "bulkId": place, "data": data}));
        }
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        let body = json!({"schemas": schemas, "Operations": operations});
        let answer = source.post("/Bulk", &body).expect(200).json();
        for answer in answer["Operations"].as_array().expect("operations") {
            assert!(matches!(answer["status"].as_str(), Some("201" | "204")), "{answer}");
        }
        written.fetch_add(operations.len(), Ordering::Relaxed);
    }
}

/// Shows PAG-007, PAG-009, CUR-005, CUR-007, CUR-015.
#[test]
fn walks_through_20_000_users_miss_nobody_and_see_nobody_twice() {
    let server = Server::start();
    let source = server.source("large");
    let all: Vec<String> = (0..USERS).map(|number| format!("u{number:05}")).collect();
    load(&source, &all);
    let pages = source.get("/Users?count=0").expect(200).json();
    assert_eq!(pages["totalResults"], USERS);
    let (doomed, stood): (BTreeSet<String>, BTreeSet<String>) =
        all.into_iter().partition(|name| name[1..].parse::<usize>().is_ok_and(|number| number % DOOMED == 3));
    let ids = ids(&source);
    let doomed: Vec<String> = doomed.iter().map(|name| ids[name].clone()).collect();
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writer = {
        let (source, stop, written) = (source.at(server.address()), Arc::clone(&stop), Arc::clone(&written));
        thread::spawn(move || write(&source, &doomed, &stop, &written))
    };
    let filter = format!("filter={}", percent("title pr and userName sw \"u\""));
    let filtered = format!("{filter}&sortBy=userName&sortOrder=descending");
    let walks = [
        [(Way::Cursor, ""), (Way::Back, "sortBy=userName"), (Way::Index, "sortBy=userName")],
        [(Way::Index, ""), (Way::Cursor, &*filtered), (Way::Cursor, "sortBy=title")],
    ];
    let walk_all = |walks: &[(Way, &str)]| {
        let source = source.at(server.address());
        for (way, query) in walks {
            let before = written.load(Ordering::Relaxed);
            let pages = walk(&source, *way, query, COUNT, &mut |_| {});
            assert!(written.load(Ordering::Relaxed) > before, "something was written meanwhile");
            check(&pages, &stood, &format!("{way:?} {query}"));
        }
    };
    thread::scope(|scope| {
        for walks in &walks {
            scope.spawn(|| walk_all(walks));
        }
    });
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("the writer");
}

/// The ids of users by name.
fn ids(source: &Source) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page =
            source.get(&format!("/Users?attributes=userName&count=1000&cursor={cursor}")).expect(200).json();
        let users = page["Resources"].as_array().into_iter().flatten();
        found.extend(users.map(|user| (text(&user["userName"]), text(&user["id"]))));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return found,
        }
    }
}
