//! A private PostgreSQL with its durability on, and what its own pgbench makes of the same rows.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Failure, load::Plan};

/// Where distributions put the programs of PostgreSQL, a folder a version.
const INSTALLED: &str = "/usr/lib/postgresql";
/// The user that the server runs as when the benchmark runs as root, which PostgreSQL refuses: `nobody`.
const UNPRIVILEGED: u32 = 65_534;
/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);
/// What differs from the defaults, or matters.
pub(crate) const SETTINGS: [&str; 8] = [
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=1GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=15min",
    "max_connections=200",
    "jit=off",
];

/// A running server that ends with this value.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    process: Child,
}

/// Transactions a second, as pgbench tells them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pgbench {
    /// A row by its primary key.
    pub(crate) select: f64,
    /// The rows of a POST.
    pub(crate) insert: f64,
}

impl Cluster {
    pub(crate) fn start() -> Result<Self, Failure> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("headwater-pg-").tempdir()?;
        let is_root = fs::metadata(folder.path())?.uid() == 0;
        if is_root {
            chown(folder.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        }
        let data = folder.path().join("data");
        let made = command(&programs.join("initdb"), is_root)
            .args(["--username=headwater", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
        let process = command(&programs.join("postgres"), is_root)
            .arg("-D")
            .arg(&data)
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .args(["-c", "listen_addresses=", "-c", "log_min_messages=fatal", "-c"])
            .arg(format!("unix_socket_directories={}", folder.path().display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let cluster = Self { programs, folder, process };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if cluster.program("pg_isready").arg("--quiet").status()?.success() {
                return Ok(cluster);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("PostgreSQL was not ready in time".into())
    }

    /// Makes an empty database and returns its URL.
    pub(crate) fn database(&self, name: &str) -> Result<String, Failure> {
        if !self.program("createdb").arg(name).status()?.success() {
            return Err("a database could not be made".into());
        }
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        Ok(format!("postgres://headwater@{folder}/{name}"))
    }

    /// What the server is.
    pub(crate) fn version(&self) -> String {
        let output = self.program("psql").arg("--version").output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default().replace("psql (PostgreSQL)", "PostgreSQL")
    }

    /// Runs pgbench on copies of the tables of a directory.
    pub(crate) fn pgbench(&self, database: &str, users: usize, plan: &Plan) -> Result<Pgbench, Failure> {
        eprintln!("measuring pgbench");
        let prepare = self.script(include_str!("../pgbench/prepare.sql"))?;
        let prepared = self
            .program("psql")
            .args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file"])
            .args([prepare.as_os_str(), database.as_ref()])
            .status()?;
        if !prepared.success() {
            return Err("the tables of pgbench could not be made".into());
        }
        Ok(Pgbench {
            select: self.transactions(database, include_str!("../pgbench/select.sql"), users, plan)?,
            insert: self.transactions(database, include_str!("../pgbench/insert.sql"), users, plan)?,
        })
    }

    /// The median of several runs.
    fn transactions(&self, database: &str, script: &str, users: usize, plan: &Plan) -> Result<f64, Failure> {
        let file = self.script(script)?;
        let mut rates = Vec::new();
        for _ in 0..plan.runs {
            let output = self
                .program("pgbench")
                .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
                .arg(format!("--client={}", plan.connections))
                .arg(format!("--define=users={users}"))
                .arg(format!("--time={}", plan.duration.as_secs()))
                .arg("--file")
                .arg(&file)
                .arg(database)
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
            rates.push(rate.ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?.parse()?);
        }
        rates.sort_by(f64::total_cmp);
        Ok(rates[rates.len() / 2])
    }

    fn script(&self, text: &str) -> Result<PathBuf, Failure> {
        let file = self.folder.path().join("script.sql");
        fs::write(&file, text)?;
        Ok(file)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env("PGHOST", self.folder.path()).env("PGUSER", "headwater").stdin(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A fast shutdown; the folder goes when it has ended.
        let id = self.process.id().to_string();
        drop(Command::new("kill").args(["-INT", &id]).status());
        drop(self.process.wait());
    }
}

/// A command that doesn't run as root.
fn command(program: &Path, is_root: bool) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    if is_root {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    command.env_remove("PGDATA").env("LC_ALL", "C").current_dir("/");
    command
}

/// The folder of the newest PostgreSQL that is installed.
fn programs() -> Result<PathBuf, Failure> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(INSTALLED)?
        .filter_map(|version| {
            let version = version.ok()?;
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder).ok_or_else(|| "PostgreSQL is not installed".into())
}
