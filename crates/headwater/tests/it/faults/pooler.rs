//! PgBouncer in transaction mode between servers and their database.

use std::{sync::atomic::Ordering, time::Duration};

use headwater_testkit::postgres::{self, Pooler};
use serde_json::json;

use super::{
    load::Load,
    site::{Site, database},
};
use crate::support::{ADA, Admin, Events, PASSWORD, Source};

/// How many connections to the database all servers share.
const CONNECTIONS: usize = 3;
/// Who works on the database.
const ROLE: &str = "scim";

/// A database behind a pooler, and servers on it.
fn site(servers: usize) -> (postgres::Server, Pooler, Site) {
    let postgres = postgres::Server::new(&[]);
    let pooler = Pooler::new(&postgres, CONNECTIONS, ROLE);
    let site = Site::start_patient(&database(&postgres, &[pooler.address()]), servers);
    (postgres, pooler, site)
}

/// Reads and writes in all the other ways that there are.
fn use_everything(source: &Source, round: usize) {
    let ids: Vec<String> = (0..5).map(|number| source.user(&format!("user-{round}-{number}"))).collect();
    let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
    let group = source.post("/Groups", &json!({"displayName": format!("group-{round}"), "members": members}));
    let group = group.expect(201).json();
    let group = group["id"].as_str().expect("an id");
    let filters = [
        (format!("groups.value eq \"{group}\""), ids.len()),
        (format!("userName sw \"user-{round}-\" and not (title pr)"), ids.len()),
        (format!("userName eq \"user-{round}-1\" or id eq \"{}\"", ids[2]), 2),
    ];
    for (filter, count) in filters {
        assert_eq!(source.found("/Users", &filter).len(), count, "{filter}");
    }
    source.get("/Users?sortBy=userName&startIndex=2&count=3").expect(200);
    let gone = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[0])}]);
    source.patch(&format!("/Groups/{group}"), gone).expect(200);
    source.delete(&format!("/Users/{}", ids[1])).expect(204);
    let found = source.get(&format!("/Groups/{group}")).expect(200).json();
    assert_eq!(found["members"].as_array().map(Vec::len), Some(ids.len() - 2));
}

/// Nobody has noticed anything.
#[track_caller]
fn is_unnoticed(load: &Load) {
    let counts = load.counts();
    let unhappy = [&counts.refused, &counts.in_doubt, &counts.cut].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(unhappy, [0, 0, 0]);
}

#[test]
fn servers_share_few_connections_and_nobody_notices() {
    let (postgres, pooler, site) = site(3);
    let other = site.servers[1].source("other");
    let load = site.load(8);
    let stream = site.admin.request("GET", "/sources/contoso/stream", None);
    let mut events = Events::open(&site.servers[2], &stream);
    for round in 0..5 {
        use_everything(&other.at(site.servers[round % 3].address()), round);
        assert_eq!(events.next(Duration::from_secs(20)).expect("an event").name, "request");
    }
    load.wait_for_done(100);
    let count = format!("SELECT COUNT(*) <= {CONNECTIONS} FROM pg_stat_activity WHERE usename = '{ROLE}'");
    assert_eq!(postgres.run("postgres", &count), "t");
    is_unnoticed(&load);
    site.judge(&load.finish());
    assert!(!pooler.logged().contains("FATAL"), "{}", pooler.logged());
}

/// A transaction that comes to nothing is undone, and not cancelled: PgBouncer before 1.19.1 may die of that.
#[test]
fn what_is_refused_leaves_the_pooler_alone() {
    let (_postgres, pooler, site) = site(1);
    let load = site.load(4);
    let server = &site.servers[0];
    let ada = Admin::signed_in(server, Admin::sign_in(server, ADA, PASSWORD));
    for _ in 0..50 {
        ada.post("/sources", &json!({"name": "Taken", "slug": "contoso"})).expect(409);
    }
    load.wait_for_done(50);
    is_unnoticed(&load);
    site.judge(&load.finish());
    assert!(!pooler.logged().contains("cancel"), "{}", pooler.logged());
}
