//! PostgreSQL for tests: a private cluster of the installed PostgreSQL, and a fresh database for each
//! test.

use std::{
    fs, io,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Where distributions put the programs of PostgreSQL, a folder a version.
const INSTALLED: &str = "/usr/lib/postgresql";
/// The user that the server runs as when the tests run as root, which PostgreSQL refuses: `nobody`.
const UNPRIVILEGED: u32 = 65_534;
/// How long the server may take to start.
const MOST_START: Duration = Duration::from_mins(1);

/// A running server that ends when the last of its databases is dropped, or the tests' process is gone.
struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// A shell that stops the server as soon as its input ends.
    guard: Mutex<Child>,
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
            let cluster = Arc::new(Cluster::start().expect("PostgreSQL starts"));
            *shared = Arc::downgrade(&cluster);
            cluster
        });
        drop(shared);
        let name = format!("test_{}", cluster.databases.fetch_add(1, Ordering::Relaxed));
        let created = cluster
            .command("createdb")
            .args(["--host", &cluster.path(), "--username", "headwater", &name])
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
        let folder = self.cluster.path().replace('%', "%25").replace('/', "%2F");
        format!("postgres://headwater@{folder}/{}", self.name)
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        self.cluster.folder.path().join(".s.PGSQL.5432")
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    fn start() -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("headwater-pg-").tempdir()?;
        let is_root = fs::metadata(folder.path())?.uid() == 0;
        if is_root {
            std::os::unix::fs::chown(folder.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        }
        let data = folder.path().join("data");
        let made = command(&programs.join("initdb"), is_root)
            .args([
                "--username=headwater",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err(io::Error::other("initdb failed"));
        }
        // The input of the shell is held by this process: whatever becomes of it, the server ends.
        let script =
            "\"$0\" \"$@\" < /dev/null & server=$!; cat > /dev/null; kill -INT $server; wait $server";
        let guard = command(Path::new("/bin/sh"), is_root)
            .args(["-c", script])
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "full_page_writes=off",
                "-c",
                "max_connections=200",
            ])
            .args(["-c", "logging_collector=off", "-c", "log_min_messages=fatal"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", folder.path().display()))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let cluster = Self { programs, folder, guard: Mutex::new(guard), databases: AtomicU32::new(0) };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    fn wait_until_ready(&self) -> io::Result<()> {
        let began = Instant::now();
        while began.elapsed() < MOST_START {
            let ready = self.command("pg_isready").args(["--quiet", "--host", &self.path()]).status()?;
            if ready.success() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other("the server was not ready in time"))
    }

    fn command(&self, program: &str) -> Command {
        Command::new(self.programs.join(program))
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        drop(guard.stdin.take());
        // Its folder goes when it has ended.
        drop(guard.wait());
    }
}

/// A command that doesn't run as root.
fn command(program: &Path, is_root: bool) -> Command {
    let mut command = Command::new(program);
    if is_root {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    // Settings of whoever runs the tests are not for these servers.
    command.env_remove("PGDATA").env("LC_ALL", "C").current_dir("/");
    command
}

/// The folder of the newest PostgreSQL that is installed.
fn programs() -> io::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for version in fs::read_dir(INSTALLED)? {
        let version = version?;
        if let Some(number) = version.file_name().to_str().and_then(|name| name.parse().ok()) {
            versions.push((number, version.path().join("bin")));
        }
    }
    versions.sort();
    versions.pop().map(|(_, folder)| folder).ok_or_else(|| io::Error::other("PostgreSQL is not installed"))
}
