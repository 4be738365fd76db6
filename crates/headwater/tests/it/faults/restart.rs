//! The database stops, refuses connections, or loses its standby; and a server that is killed beside another.

use std::{sync::atomic::Ordering, thread, time::Duration};

use headwater_testkit::postgres::{self, Stop, wait_until};

use super::site::{Site, database};
use crate::support::{Server, headwater};

fn site(servers: usize) -> (postgres::Server, Site) {
    let postgres = postgres::Server::new(&[]);
    let site = Site::start(&database(&postgres, &[postgres.address()]), servers);
    (postgres, site)
}

#[test]
fn a_database_that_restarts_is_found_again() {
    let (postgres, site) = site(2);
    let load = site.load(8);
    for how in [Stop::Fast, Stop::Immediate] {
        load.wait_for_done(50);
        postgres.stop(how);
        postgres.start();
    }
    load.wait_for_done(50);
    postgres.stop(Stop::Fast);
    load.wait_for_refused(load.counts().refused.load(Ordering::SeqCst) + 8);
    postgres.start();
    load.wait_for_done(50);
    site.judge(&load.finish());
}

#[test]
fn a_database_that_refuses_connections_is_waited_for() {
    let (postgres, site) = site(2);
    let load = site.load(8);
    load.wait_for_done(50);
    let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'directory'";
    postgres.run("postgres", "ALTER DATABASE directory ALLOW_CONNECTIONS false");
    postgres.run("postgres", end);
    load.wait_for_refused(8);
    postgres.run("postgres", "ALTER DATABASE directory ALLOW_CONNECTIONS true");
    load.wait_for_done(50);
    // As if others had taken all connections there are.
    postgres.run("postgres", "ALTER DATABASE directory CONNECTION LIMIT 0");
    postgres.run("postgres", end);
    load.wait_for_refused(load.counts().refused.load(Ordering::SeqCst) + 8);
    postgres.run("postgres", "ALTER DATABASE directory CONNECTION LIMIT -1");
    load.wait_for_done(50);
    site.judge(&load.finish());
}

#[test]
fn a_standby_that_is_lost_holds_up_writes_until_nobody_waits_for_it() {
    let primary = postgres::Server::new(&[]);
    let standby = primary.synchronous_standby();
    let site = Site::start(&database(&primary, &[primary.address()]), 2);
    let load = site.load(8);
    load.wait_for_done(50);
    standby.kill();
    // The write that waits for the standby holds the lock of its source: those behind it come to nothing.
    wait_until("a write is in doubt", || load.counts().in_doubt.load(Ordering::SeqCst) >= 1);
    load.wait_for_refused(8);
    primary.run("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    primary.run("postgres", "SELECT pg_reload_conf()");
    load.wait_for_done(50);
    site.judge(&load.finish());
}

#[test]
fn a_server_that_is_killed_is_not_missed_by_the_others() {
    let postgres = postgres::Server::new(&[]);
    let mut site = Site::start_patient(&database(&postgres, &[postgres.address()]), 2);
    let load = site.load(8);
    load.wait_for_done(50);
    site.servers[1].kill();
    wait_until("connections are cut", || load.counts().cut.load(Ordering::SeqCst) >= 1);
    load.wait_for_done(100);
    site.servers.pop();
    let counts = load.counts();
    assert_eq!(counts.refused.load(Ordering::SeqCst), 0, "the other one goes on");
    site.judge(&load.finish());
}

#[test]
fn a_server_that_starts_before_its_database_waits_for_it() {
    let postgres = postgres::Server::new(&[]);
    let url = database(&postgres, &[postgres.address()]);
    postgres.stop(Stop::Fast);
    let starting = thread::spawn(move || Server::start_on(&url, &[]));
    // A moment in which a server that doesn't wait would be gone.
    thread::sleep(Duration::from_millis(500));
    assert!(!starting.is_finished());
    postgres.start();
    let server = starting.join().expect("it has started");
    let logged = server.logged();
    assert!(logged.contains("waiting for the database"), "{logged}");
}

#[test]
fn what_no_wait_would_mend_is_said_at_once() {
    let postgres = postgres::Server::new(&[]);
    let address = postgres.address();
    for (url, reason) in [
        (format!("postgres://headwater@{address}/nowhere"), "database \"nowhere\" does not exist"),
        (format!("postgres://nobody@{address}/postgres"), "role \"nobody\" does not exist"),
    ] {
        let output = headwater(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.starts_with("error: ") && error.lines().count() == 1 && error.contains(reason),
            "{error}"
        );
    }
    for (url, reason) in [
        (format!("postgres://headwater@{address}/postgres?options=-c%20nosuch=1"), "nosuch"),
        ("postgres:///directory".to_owned(), "host"),
        (
            "mysql://host/directory".to_owned(),
            "a URL that begins with postgres://, or key=value pairs, are expected",
        ),
        ("directory".to_owned(), "a URL that begins with postgres://, or key=value pairs, are expected"),
    ] {
        let output = headwater(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.starts_with("error: ") && error.lines().count() == 1 && error.contains(reason),
            "{error}"
        );
    }
    // Commands are for people, who need not wait to hear it.
    let address = "postgres://headwater@127.0.0.1:1/postgres";
    let output = headwater(&["source", "list", "--database-url", address]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.starts_with("error: the database can't be reached") && error.lines().count() == 1,
        "{error}"
    );
}
