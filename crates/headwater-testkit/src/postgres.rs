//! PostgreSQL for tests: a private cluster of the installed PostgreSQL, and a fresh database for each
//! test; or a server of a test's own that it may do anything to.

mod pooler;
mod server;

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

pub use pooler::Pooler;
pub use server::{Server, Stop, wait_until};

/// A running server that ends when the last of its databases is dropped, or the tests' process is gone.
struct Cluster {
    server: Server,
    databases: AtomicU32,
}

/// A database of its own. All of a process are in one cluster.
pub struct Database {
    cluster: Arc<Cluster>,
    name: String,
}

impl Database {
    /// Makes an empty database, and starts the cluster when there is none.
    ///
    /// # Panics
    /// PostgreSQL is not installed, or doesn't start.
    pub fn new() -> Self {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = shared.upgrade().unwrap_or_else(|| {
            let server = Server::on_socket().expect("PostgreSQL starts");
            let cluster = Arc::new(Cluster { server, databases: AtomicU32::new(0) });
            *shared = Arc::downgrade(&cluster);
            cluster
        });
        drop(shared);
        let name = format!("test_{}", cluster.databases.fetch_add(1, Ordering::Relaxed));
        let created = cluster
            .server
            .command("createdb")
            .args(["--host", &cluster.server.path(), "--username", "headwater", &name])
            .status()
            .expect("createdb runs");
        assert!(created.success(), "a database could not be made");
        Self { cluster, name }
    }

    /// Makes an empty database in a cluster that runs already, `postgres://USER@HOST:PORT/…`, and returns
    /// its URL.
    ///
    /// # Panics
    /// The cluster can't be reached.
    pub fn in_cluster(cluster: &str) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        // Nobody is connected to this template, which would be in the way.
        let make = format!("CREATE DATABASE {name} TEMPLATE template0");
        let made =
            Command::new("psql").args(["--quiet", "--no-psqlrc", "--command", &make, cluster]).status();
        assert!(made.is_ok_and(|status| status.success()), "a database could not be made");
        let (server, _) = cluster.rsplit_once('/').expect("the URL of a database");
        format!("{server}/{name}")
    }

    /// The URL of the database: over a socket of this machine, without a password.
    pub fn url(&self) -> String {
        let folder = self.cluster.server.path().replace('%', "%25").replace('/', "%2F");
        format!("postgres://headwater@{folder}/{}", self.name)
    }

    /// Runs statements, and returns the rows of the last as text.
    ///
    /// # Panics
    /// A statement fails.
    pub fn run(&self, statements: &str) -> String {
        let ran = self.psql().args(["--command", statements]).output().expect("psql runs");
        assert!(ran.status.success(), "{statements}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    /// Holds what a statement locks, until that is dropped.
    ///
    /// # Panics
    /// The statement fails.
    pub fn hold(&self, statement: &str) -> Held {
        let mut psql = self.psql().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql runs");
        let mut input = psql.stdin.take().expect("a pipe");
        writeln!(input, "BEGIN; {statement}; \\echo held").expect("written");
        let mut lines = BufReader::new(psql.stdout.take().expect("a pipe")).lines();
        let is_held = lines.any(|line| line.is_ok_and(|line| line == "held"));
        assert!(is_held, "{statement}");
        Held { psql, _input: input }
    }

    fn psql(&self) -> Command {
        let mut psql = self.cluster.server.command("psql");
        psql.args(["--quiet", "--no-psqlrc", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--host", &self.cluster.server.path(), "--username", "headwater", "--dbname", &self.name]);
        psql
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        Path::new(&self.cluster.server.path()).join(".s.PGSQL.5432")
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A transaction that is open.
pub struct Held {
    psql: Child,
    _input: ChildStdin,
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have gone by itself.
        let _gone = self.psql.kill();
        let _ended = self.psql.wait();
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}
