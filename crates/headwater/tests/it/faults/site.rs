//! Servers on one database, with a source and somebody who may read the journal.

use std::time::Duration;

use headwater_testkit::postgres;

use super::load::{Load, Write, judge};
use crate::support::{Admin, Server, Source};

/// How long servers wait for the database to answer, in seconds, where a test waits for that too.
const HASTY: u64 = 2;
/// The same where everything is to be answered in the end.
const PATIENT: u64 = 30;
/// For how long a connection is waited for, and for how long it is looked what became of a write.
const CONNECTION: u64 = 5;
const DOUBT: u64 = 10;
/// What a busy machine may take beyond that.
const SLACK: u64 = 3;
/// The name of the database.
const DATABASE: &str = "directory";
/// Who works on it: nobody who may do anything else.
const ROLE: &str = "scim";

pub(super) struct Site {
    pub(super) servers: Vec<Server>,
    pub(super) admin: Admin,
    pub(super) source: Source,
    /// How long they wait for the database, in seconds.
    timeout: u64,
}

impl Site {
    /// Starts so many servers on a database.
    pub(super) fn start(database_url: &str, servers: usize) -> Self {
        Self::start_with(database_url, servers, HASTY)
    }

    /// Starts servers that wait for the database if need be.
    pub(super) fn start_patient(database_url: &str, servers: usize) -> Self {
        Self::start_with(database_url, servers, PATIENT)
    }

    /// Starts servers that wait so many seconds for the database.
    pub(super) fn start_with(database_url: &str, servers: usize, timeout: u64) -> Self {
        let serve = |database_url| {
            Server::start_on(database_url, &["--database-timeout-seconds", &timeout.to_string()])
        };
        let first = serve(database_url);
        let admin = Admin::first(&first).api_token(&first, "auditor");
        let source = first.source("contoso");
        let others = (1..servers).map(|_| serve(database_url));
        Self { servers: std::iter::once(first).chain(others).collect(), admin, source, timeout }
    }

    /// Lets clients write, spread over the servers. None of them may wait longer than docs/scaling.md
    /// says.
    pub(super) fn load(&self, clients: usize) -> Load {
        let addresses: Vec<&str> = self.servers.iter().map(Server::address).collect();
        let patience = CONNECTION + self.timeout + DOUBT.min(self.timeout) + SLACK;
        Load::start(&self.source, &addresses, clients, Duration::from_secs(patience))
    }

    /// Asks each server whether all is as clients were told.
    #[track_caller]
    pub(super) fn judge(&self, writes: &[Write]) {
        for server in &self.servers {
            judge(writes, &self.admin.at(server), &self.source.at(server.address()));
        }
    }
}

/// Makes the database and returns its URL, with a host for each of the addresses.
pub(super) fn database(server: &postgres::Server, addresses: &[std::net::SocketAddr]) -> String {
    server.run("postgres", &format!("CREATE ROLE {ROLE} LOGIN"));
    server.run("postgres", &format!("CREATE DATABASE {DATABASE} OWNER {ROLE}"));
    let hosts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    format!("postgres://{ROLE}@{}/{DATABASE}", hosts.join(","))
}
