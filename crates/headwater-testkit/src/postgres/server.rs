//! A PostgreSQL server of a test's own: it can be stopped, killed, started again, followed by a standby,
//! and short of room.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::small_disk::{SmallDisk, UNPRIVILEGED};

/// Where distributions put the programs of PostgreSQL, a folder a version.
const INSTALLED: &str = "/usr/lib/postgresql";
/// How long the server may take to start, or a standby to follow.
const MOST_START: Duration = Duration::from_mins(1);
/// Runs a server that ends as soon as the input of the shell does: whatever becomes of the tests.
const GUARD: &str = "\"$@\" < /dev/null & server=$!; cat > /dev/null; kill -INT $server; wait $server";
/// The same for a server that is started again whenever it ends, as a supervisor does. Its log of what was
/// written (`pg_wal` of the folder `$1`) goes to the disk at `$2` first.
const SUPERVISOR: &str = "[ -L \"$1/pg_wal\" ] || \
    { mv \"$1\"/pg_wal/* \"$2\" && rmdir \"$1/pg_wal\" && ln -s \"$2\" \"$1/pg_wal\" || exit 1; }; shift 2
    (trap 'kill -INT $server; wait $server; exit' TERM
    while :; do \"$@\" < /dev/null & server=$!; wait $server; sleep 0.2; done) &
    supervisor=$!; cat > /dev/null; kill -TERM $supervisor; wait $supervisor";
/// What all servers are started with. Tests survive no loss of power.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "full_page_writes=off",
    "max_connections=200",
    "logging_collector=off",
    "log_min_messages=fatal",
];

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Transactions are undone, and everything is written down.
    Fast,
    /// Nothing is written down: the next start recovers.
    Immediate,
}

/// What of a server is on a small disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Small {
    /// A tablespace of this name.
    Tablespace,
    /// The log of what was written, `pg_wal`.
    Log,
}

/// A running server. It ends when it is dropped, or when the tests' process is gone.
pub struct Server {
    programs: PathBuf,
    folder: TempDir,
    is_root: bool,
    port: u16,
    settings: Vec<String>,
    disk: Option<(SmallDisk, Small)>,
    guard: Mutex<Option<Child>>,
}

impl Server {
    /// Makes a cluster and starts it, on a port of this machine and a socket, with further settings
    /// (`name=value`).
    ///
    /// # Panics
    /// PostgreSQL is not installed, or doesn't start.
    pub fn new(settings: &[&str]) -> Self {
        Self::make(free_port(), "listen_addresses=127.0.0.1", settings, None).expect("PostgreSQL starts")
    }

    /// Like [`Self::new`], with a tablespace `small` on a disk with room for a few thousand users.
    ///
    /// # Panics
    /// PostgreSQL is not installed or doesn't start, or nobody may mount a disk.
    pub fn with_small_disk() -> Self {
        let server = Self::make(free_port(), "listen_addresses=127.0.0.1", &[], Some(Small::Tablespace));
        let server = server.expect("PostgreSQL starts");
        let place = server.small().display().to_string();
        server.run("postgres", &format!("CREATE TABLESPACE small LOCATION '{place}'"));
        server
    }

    /// Like [`Self::new`], with `pg_wal` on a small disk; and whenever the server ends it is started again.
    ///
    /// # Panics
    /// PostgreSQL is not installed or doesn't start, or nobody may mount a disk.
    pub fn with_small_log() -> Self {
        // So that little is kept for what is to come.
        let settings = ["min_wal_size=2MB", "max_wal_size=8MB"];
        let server = Self::make(free_port(), "listen_addresses=127.0.0.1", &settings, Some(Small::Log));
        server.expect("PostgreSQL starts")
    }

    /// Makes a cluster that listens on a socket alone.
    pub(super) fn on_socket() -> io::Result<Self> {
        Self::make(5_432, "listen_addresses=", &[], None)
    }

    fn make(port: u16, listen: &str, settings: &[&str], small: Option<Small>) -> io::Result<Self> {
        let mut server = Self::prepare(port, listen, settings)?;
        let made = server
            .command("initdb")
            .args(["--username=headwater", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--no-instructions")
            // Pieces of a megabyte.
            .args((small == Some(Small::Log)).then_some("--wal-segsize=1"))
            .arg(server.data())
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err(io::Error::other("initdb failed"));
        }
        server.disk = small.map(|small| (SmallDisk::new(&server.small()), small));
        server.try_start()?;
        Ok(server)
    }

    /// A folder for a server that isn't there yet.
    fn prepare(port: u16, listen: &str, settings: &[&str]) -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("headwater-pg-").tempdir()?;
        let is_root = give_away(folder.path())?;
        let settings = SETTINGS.iter().chain(settings).chain([&listen]).map(|&setting| setting.to_owned());
        let settings = settings.collect();
        Ok(Self { programs, folder, is_root, port, settings, disk: None, guard: Mutex::default() })
    }

    /// Writes a file into the cluster's folder, which nobody else may read, for the next start.
    ///
    /// # Panics
    /// It can't be written.
    pub fn put(&self, name: &str, text: &str) {
        let file = self.data().join(name);
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("made private");
        give_away(&file).expect("given away");
    }

    /// Makes a standby, and has this server wait for it with every commit from now on.
    ///
    /// # Panics
    /// It can't be made, or doesn't follow.
    pub fn synchronous_standby(&self) -> Self {
        self.synchronous_standby_at(free_port())
    }

    /// Like [`Self::synchronous_standby`], on the port of a server that is gone.
    ///
    /// # Panics
    /// It can't be made, or doesn't follow.
    pub fn synchronous_standby_at(&self, port: u16) -> Self {
        let settings: Vec<&str> = self.settings[SETTINGS.len()..].iter().map(String::as_str).collect();
        let standby = Self::prepare(port, "listen_addresses=127.0.0.1", &settings).expect("a folder");
        let copied = standby
            .command("pg_basebackup")
            .args(["--host=127.0.0.1", "--username=headwater", "--checkpoint=fast", "--no-sync"])
            .args(["--write-recovery-conf", "--wal-method=stream", &format!("--port={}", self.port)])
            .arg(format!("--pgdata={}", standby.data().display()))
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "the cluster could not be copied");
        standby.try_start().expect("the standby starts");
        // After the copy was made, which is not to wait for anybody once it is promoted.
        self.run("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.run("postgres", "SELECT pg_reload_conf()");
        let state = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        wait_until("the standby follows", || self.run("postgres", state) == "1");
        standby
    }

    /// Makes the standby the primary, as whoever watches over a database does when the primary is gone.
    ///
    /// # Panics
    /// It is none.
    pub fn promote(&self) {
        self.control(&["promote", "--wait"]);
    }

    /// Kills all of its processes at once, as a machine does that loses its power.
    ///
    /// # Panics
    /// It doesn't run.
    pub fn kill(&self) {
        let main = self.of_process(0);
        let shared_memory = self.of_process(6);
        let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap_or_default();
        let killed = Command::new("kill").args(["-KILL", &main]).args(children.split_whitespace()).status();
        assert!(killed.is_ok(), "kill runs");
        self.end_guard();
        // A key and an id, of what outlives them.
        let id = shared_memory.split_whitespace().nth(1).unwrap_or_default().to_owned();
        drop(Command::new("ipcrm").args(["--shmem-id", &id]).stderr(Stdio::null()).status());
    }

    /// Stops it.
    ///
    /// # Panics
    /// It doesn't run.
    pub fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "--mode=fast",
            Stop::Immediate => "--mode=immediate",
        };
        self.control(&["stop", "--wait", mode]);
        self.end_guard();
    }

    /// Starts it again.
    ///
    /// # Panics
    /// It doesn't start.
    pub fn start(&self) {
        self.try_start().expect("PostgreSQL starts");
    }

    /// Runs a statement and returns what `psql` prints of its rows.
    ///
    /// # Panics
    /// The statement fails.
    pub fn run(&self, database: &str, statement: &str) -> String {
        let output = self
            .command("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=headwater"])
            .args(["--host", &self.path(), &format!("--port={}", self.port)])
            .args(["--dbname", database, "--command", statement])
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The folder with its socket.
    pub fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The small disk.
    ///
    /// # Panics
    /// It has none, or doesn't run.
    pub fn small_disk(&self) -> PathBuf {
        let guard = self.guard();
        let process = guard.as_ref().expect("it runs").id();
        self.disk.as_ref().expect("it was made with one").0.seen_by(process)
    }

    /// Where the small disk is mounted, for the server alone.
    fn small(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    fn try_start(&self) -> io::Result<()> {
        let mut arguments = vec![self.programs.join("postgres").into_os_string()];
        arguments.extend(["-D".into(), self.data().into_os_string()]);
        let own = [
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.path().display()),
        ];
        for setting in self.settings.iter().chain(&own) {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let mut command = self.unprivileged_guard();
        let guard = command.args(arguments).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        *self.guard() = Some(guard);
        let began = Instant::now();
        while began.elapsed() < MOST_START {
            if self.is_ready() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other("the server was not ready in time"))
    }

    /// A shell that runs what it is given further on, as somebody who is not root.
    fn unprivileged_guard(&self) -> Command {
        let Some((disk, small)) = &self.disk else {
            let mut command = command(Path::new("/bin/sh"), self.is_root);
            command.args(["-c", GUARD, "guard"]);
            return command;
        };
        let mut command = disk.command();
        clean(&mut command);
        if self.is_root {
            let user = [format!("--reuid={UNPRIVILEGED}"), format!("--regid={UNPRIVILEGED}")];
            command.arg("setpriv").args(user).arg("--clear-groups");
        }
        match small {
            Small::Tablespace => command.args(["/bin/sh", "-c", GUARD, "guard"]),
            Small::Log => {
                command.args(["/bin/sh", "-c", SUPERVISOR, "supervisor"]).args([self.data(), self.small()])
            }
        };
        command
    }

    fn is_ready(&self) -> bool {
        let port = format!("--port={}", self.port);
        let asked = self.command("pg_isready").args(["--quiet", "--host", &self.path(), &port]).status();
        asked.is_ok_and(|status| status.success())
    }

    fn control(&self, arguments: &[&str]) {
        let done =
            self.command("pg_ctl").arg("--silent").arg("--pgdata").arg(self.data()).args(arguments).status();
        assert!(done.is_ok_and(|status| status.success()), "pg_ctl {arguments:?}");
    }

    /// A line of what the server has written down of itself: the process that all others are children of
    /// (0), its shared memory (6).
    fn of_process(&self, line: usize) -> String {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        file.lines().nth(line).unwrap_or_default().to_owned()
    }

    fn end_guard(&self) {
        if let Some(mut guard) = self.guard().take() {
            drop(guard.stdin.take());
            // It has ended, or will: there is nobody left to wait for.
            drop(guard.wait());
        }
    }

    fn guard(&self) -> MutexGuard<'_, Option<Child>> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL's.
    pub(super) fn command(&self, program: &str) -> Command {
        command(&self.programs.join(program), self.is_root)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end_guard();
    }
}

/// Asks again and again.
///
/// # Panics
/// In vain for a minute.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < MOST_START, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Gives what root has made to who is not root; says whether that was so.
pub(super) fn give_away(path: &Path) -> io::Result<bool> {
    let is_root = fs::metadata(path)?.uid() == 0;
    if is_root {
        std::os::unix::fs::chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
    }
    Ok(is_root)
}

/// A port that nobody listens on at the moment.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A program that runs as somebody who is not root.
pub(super) fn command(program: &Path, is_root: bool) -> Command {
    let mut command = Command::new(program);
    if is_root {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    clean(&mut command);
    command
}

/// Settings of whoever runs the tests are not for these servers.
fn clean(command: &mut Command) {
    command.env_remove("PGDATA").env("LC_ALL", "C").current_dir("/");
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
