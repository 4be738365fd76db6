//! TLS to the database: who is trusted, and what is said when somebody is not.

use std::{fs, path::Path};

use headwater_testkit::{
    certificates::{Authority, Certified},
    postgres::{self, Stop, wait_until},
};
use tempfile::TempDir;

use super::site::{Site, database};
use crate::support::{Server, headwater};

const PASSWORD: &str = "no-such-word-in-any-message";

/// A database that lets nobody in without TLS and a password, but for the role `certified`, of which it
/// wants a certificate; and files for its clients.
struct Place {
    postgres: postgres::Server,
    files: TempDir,
}

impl Place {
    fn new(authority: &Authority) -> Self {
        let postgres = postgres::Server::new(&["ssl_ca_file=root.crt"]);
        database(&postgres, &[]);
        postgres.run("postgres", &format!("ALTER ROLE scim PASSWORD '{PASSWORD}'"));
        postgres.run("postgres", "CREATE ROLE certified LOGIN IN ROLE scim");
        postgres.put("root.crt", &authority.certificate());
        postgres.put(
            "pg_hba.conf",
            "local all all trust\n\
             hostssl all certified all cert\n\
             hostssl all all all scram-sha-256\n",
        );
        let place = Self { postgres, files: tempfile::tempdir().expect("a folder") };
        place.file("root.crt", &authority.certificate());
        place
    }

    fn with_tls(authority: &Authority) -> Self {
        let place = Self::new(authority);
        place.postgres.run("postgres", "ALTER SYSTEM SET ssl = on");
        place.show(authority);
        place
    }

    /// Gives the server a new certificate, and starts it anew.
    fn show(&self, authority: &Authority) {
        let Certified { certificate, key } = authority.certify("A database", &["localhost"]);
        self.postgres.put("server.crt", &certificate);
        self.postgres.put("server.key", &key);
        self.postgres.stop(Stop::Fast);
        self.postgres.start();
    }

    /// Writes a file for clients.
    fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }

    /// Shown to the server by `sslcert` and `sslkey`.
    fn identity(&self, Certified { certificate, key }: &Certified) -> String {
        self.file("client.crt", certificate);
        self.file("client.key", key);
        format!("&sslcert={}&sslkey={}", shown(&self.path("client.crt")), shown(&self.path("client.key")))
    }

    fn url(&self, user: &str, host: &str, options: &str) -> String {
        let port = self.postgres.address().port();
        format!("postgres://{user}@{host}:{port}/directory?{options}")
    }

    /// The URL of whoever trusts what a file has.
    fn trusting(&self, user: &str, host: &str, roots: &str) -> String {
        self.url(user, host, &format!("sslmode=verify-full&sslrootcert={}", shown(&self.path(roots))))
    }
}

fn trusted() -> Authority {
    Authority::new("An authority")
}

fn stranger() -> Authority {
    Authority::new("Another authority")
}

/// A path within a URL.
fn shown(path: &Path) -> String {
    crate::support::percent(path.to_str().expect("UTF-8"))
}

/// Somebody with a password.
fn known() -> String {
    format!("scim:{PASSWORD}")
}

/// A server and a command end at once with one line that says why, and nothing of the password.
#[track_caller]
fn refuses(url: &str, code: i32, reason: &str) {
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["source", "list"]] {
        let output = headwater(&[arguments, &["--database-url", url]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(error.contains(reason) && !error.contains(PASSWORD), "{error}");
        let names_place = [" on localhost:", " on 127.0.0.1:"].iter().any(|place| error.contains(place));
        assert!(names_place || code == 2, "{error}");
    }
}

/// Whether the sessions of a role are encrypted.
fn encrypted(postgres: &postgres::Server, role: &str) -> String {
    let select = format!(
        "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = '{role}'"
    );
    postgres.run("postgres", &select)
}

#[test]
fn a_database_is_used_as_long_as_it_shows_who_it_is() {
    let authority = trusted();
    let place = Place::with_tls(&authority);
    let site = Site::start_patient(&place.trusting(&known(), "localhost", "root.crt"), 1);
    let load = site.load(4);
    load.wait_for_done(20);
    assert_eq!(encrypted(&place.postgres, "scim"), "t");
    place.show(&stranger());
    let reason = "invalid peer certificate: UnknownIssuer";
    wait_until("the server is not trusted", || site.servers[0].logged().contains(reason));
    place.show(&authority);
    load.wait_for_done(20);
    site.judge(&load.finish());
    assert!(!site.servers[0].logged().contains(PASSWORD));
}

#[test]
fn whoever_is_not_trusted_is_not_spoken_to() {
    let place = Place::with_tls(&trusted());
    place.file("other.crt", &stranger().certificate());
    let other = place.trusting(&known(), "localhost", "other.crt");
    refuses(&other, 1, "invalid peer certificate: UnknownIssuer");
    let elsewhere = place.trusting(&known(), "127.0.0.1", "root.crt");
    refuses(&elsewhere, 1, "certificate not valid for name \"127.0.0.1\"");
    // Nobody of whom the operating system has heard.
    refuses(&place.url(&known(), "localhost", "sslmode=require"), 1, "UnknownIssuer");
    refuses(&place.url(&known(), "localhost", "sslmode=prefer"), 1, "UnknownIssuer");
}

#[test]
fn a_database_that_wants_tls_says_so_to_who_has_none() {
    let place = Place::with_tls(&trusted());
    refuses(&place.url(&known(), "localhost", "sslmode=disable"), 1, "no encryption");
    let wrong = place.trusting(&format!("scim:not-{PASSWORD}"), "localhost", "root.crt");
    refuses(&wrong, 1, "password authentication failed for user \"scim\"");
}

#[test]
fn a_database_without_tls_is_not_spoken_to_where_it_is_asked_for() {
    let place = Place::new(&trusted());
    let url = place.trusting(&known(), "localhost", "root.crt");
    refuses(&url, 1, "the server has no TLS");
}

#[test]
fn a_certificate_is_shown_to_a_database_that_wants_one() {
    let authority = trusted();
    let place = Place::with_tls(&authority);
    let url = place.trusting("certified", "localhost", "root.crt");
    let identity = place.identity(&authority.certify("certified", &[]));
    let server = Server::start_on(&format!("{url}{identity}"), &[]);
    server.source("contoso").user("ada");
    assert_eq!(encrypted(&place.postgres, "certified"), "t");
    drop(server);
    refuses(&url, 1, "connection requires a valid client certificate");
    place.identity(&authority.certify("somebody else", &[]));
    refuses(&format!("{url}{identity}"), 1, "certificate authentication failed for user \"certified\"");
    place.identity(&stranger().certify("certified", &[]));
    refuses(&format!("{url}{identity}"), 1, "received fatal alert");
    place.file("client.key", "");
    refuses(&format!("{url}{identity}"), 2, "the address of the database can't be used: sslkey");
}
