//! The network between a server and its database is cut, forgets connections, is slow, or loses answers.

use std::{sync::atomic::Ordering, time::Duration};

use headwater_testkit::{
    postgres::{self, wait_until},
    proxy::{Conduct, Proxy},
};

use super::site::{Site, database};

/// A database behind a network, and servers on it.
fn site(servers: usize) -> (postgres::Server, Proxy, Site) {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    let site = Site::start(&database(&postgres, &[proxy.address()]), servers);
    (postgres, proxy, site)
}

#[test]
fn a_network_that_is_cut_leaves_nobody_waiting_and_heals() {
    let (_postgres, proxy, site) = site(2);
    let load = site.load(8);
    load.wait_for_done(100);
    proxy.set(Conduct::Stall);
    load.wait_for_refused(8);
    proxy.set(Conduct::Pass);
    load.wait_for_done(100);
    site.judge(&load.finish());
}

#[test]
fn connections_that_the_network_has_forgotten_are_made_anew() {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    // Longer than the database leaves a transaction alone whose client has vanished.
    let site = Site::start_with(&database(&postgres, &[proxy.address()]), 1, 7);
    let load = site.load(8);
    load.wait_for_done(100);
    proxy.forget();
    load.wait_for_done(100);
    // What was on its way comes to nothing, at most, and nothing that comes later.
    let refused = load.counts().refused.load(Ordering::SeqCst);
    assert!(refused <= 8, "{refused} writes were refused");
    site.judge(&load.finish());
}

#[test]
fn a_slow_network_is_only_slow() {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    let site = Site::start_patient(&database(&postgres, &[proxy.address()]), 1);
    let load = site.load(8);
    load.wait_for_done(50);
    proxy.set(Conduct::Delay(Duration::from_millis(100)));
    load.wait_for_done(50);
    let counts = load.counts();
    let unhappy = [&counts.refused, &counts.in_doubt].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(unhappy, [0, 0]);
    let writes = load.finish();
    proxy.set(Conduct::Pass);
    site.judge(&writes);
}

#[test]
fn a_commit_whose_answer_never_comes_is_done_once() {
    let (_postgres, proxy, site) = site(2);
    let load = site.load(8);
    load.wait_for_done(50);
    // One at a time: it is found in the journal.
    for _ in 0..3 {
        let before = proxy.swallowed();
        proxy.swallow_commits(1);
        wait_until("an answer is lost", || proxy.swallowed() > before);
        load.wait_for_done(20);
    }
    // With those of whoever looks for it: nobody can know.
    let before = proxy.swallowed();
    proxy.swallow_commits(usize::MAX);
    wait_until("answers are lost", || proxy.swallowed() >= before + 5);
    proxy.swallow_commits(0);
    load.wait_for_done(50);
    site.judge(&load.finish());
}

#[test]
fn a_primary_that_vanishes_without_a_word_is_followed_by_its_standby() {
    let primary = postgres::Server::new(&[]);
    let standby = primary.synchronous_standby();
    let proxy = Proxy::new(primary.address());
    let site = Site::start(&database(&primary, &[proxy.address(), standby.address()]), 2);
    let load = site.load(8);
    load.wait_for_done(100);
    proxy.set(Conduct::Stall);
    primary.kill();
    load.wait_for_refused(8);
    standby.promote();
    load.wait_for_done(100);
    site.judge(&load.finish());
}
