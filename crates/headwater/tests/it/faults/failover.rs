//! The database fails over to its standby.

use headwater_testkit::postgres;

use super::site::{Site, database};

/// How often the database fails over in the long test.
const ROUNDS: usize = 10;

#[test]
fn a_primary_that_is_killed_is_followed_by_its_standby() {
    let primary = postgres::Server::new(&[]);
    let standby = primary.synchronous_standby();
    let site = Site::start(&database(&primary, &[primary.address(), standby.address()]), 2);
    let load = site.load(8);
    load.wait_for_done(100);
    primary.kill();
    load.wait_for_refused(8);
    standby.promote();
    load.wait_for_done(100);
    let writes = load.finish();
    site.judge(&writes);
}

/// The same again and again, each time with a standby that takes the place of the one that is gone.
#[test]
#[ignore = "takes a minute; `make test-faults` runs it"]
fn many_failovers_lose_nothing() {
    let mut primary = postgres::Server::new(&[]);
    let mut standby = primary.synchronous_standby();
    let site = Site::start(&database(&primary, &[primary.address(), standby.address()]), 2);
    let load = site.load(8);
    for _ in 0..ROUNDS {
        load.wait_for_done(50);
        primary.kill();
        standby.promote();
        load.wait_for_done(50);
        let next = standby.synchronous_standby_at(primary.address().port());
        primary = std::mem::replace(&mut standby, next);
    }
    load.wait_for_done(50);
    site.judge(&load.finish());
}
