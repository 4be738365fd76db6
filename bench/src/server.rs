//! Processes that are measured.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

use crate::{Failure, connection::Connection, endpoint::Endpoint};

/// The longest that a process may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a server keeps everything.
#[derive(Debug, Clone)]
pub(crate) enum Location {
    Folder(PathBuf),
    Database(String),
}

impl Location {
    fn arguments(&self) -> [&std::ffi::OsStr; 2] {
        match self {
            Self::Folder(folder) => ["--data".as_ref(), folder.as_ref()],
            Self::Database(url) => ["--database-url".as_ref(), url.as_ref()],
        }
    }
}

/// A running server; it ends with this value.
pub(crate) struct Server {
    /// Its first source.
    pub(crate) endpoint: Endpoint,
    process: Child,
    /// The highest memory before the kernel's mark was taken back, in KiB.
    highest: AtomicU64,
}

impl Server {
    /// The administrator that there is.
    pub(crate) const EMAIL: &str = "bench@example.com";
    /// Their password.
    pub(crate) const PASSWORD: &str = "how quick is it today";

    /// Makes a source and an administrator where there is nothing yet; returns the source's token.
    pub(crate) async fn prepare(binary: &Path, place: &Location) -> Result<String, Failure> {
        let created = Command::new(binary)
            .args(["source", "create", "Bench", "--slug", "bench", "--json"])
            .args(place.arguments())
            .output()
            .await?;
        let created: Value = serde_json::from_slice(&created.stdout)?;
        let token = created["token"].as_str().ok_or("the server's command line printed no token")?;
        let mut administrator = Command::new(binary)
            .args(["admin", "create", Self::EMAIL, "--password-stdin"])
            .args(place.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut input = administrator.stdin.take().ok_or("the command line has no input")?;
        input.write_all(Self::PASSWORD.as_bytes()).await?;
        drop(input);
        administrator.wait().await?;
        Ok(token.to_owned())
    }

    /// Starts the binary on what was prepared.
    pub(crate) async fn start(binary: &Path, place: &Location, token: &str) -> Result<Self, Failure> {
        let address = free_address().await?;
        let mut command = Command::new(binary);
        command.args(["serve", "--log", "warn", "--listen", &address.to_string()]).args(place.arguments());
        let process = start(&mut command, address).await?;
        let endpoint =
            Endpoint { address, path: "/source/scim/bench/v2".to_owned(), token: token.to_owned() };
        Ok(Self { endpoint, process, highest: AtomicU64::new(0) })
    }

    /// Kills the server, starts it again, and returns how long it took until it answered a GET.
    pub(crate) async fn kill_and_start(
        self,
        binary: &Path,
        place: &Location,
        get: &str,
    ) -> Result<(Self, Duration), Failure> {
        let mut process = self.process;
        process.kill().await?;
        let began = Instant::now();
        let server = Self::start(binary, place, &self.endpoint.token).await?;
        let mut connection = Connection::open(server.endpoint.address).await?;
        connection.exchange(&server.endpoint.get(get)).await?;
        Ok((server, began.elapsed()))
    }

    /// Has the server end by itself.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let id = self.process.id().ok_or("the server is gone")?.to_string();
        Command::new("kill").args(["-TERM", &id]).status().await?;
        timeout(PATIENCE, self.process.wait()).await??;
        Ok(())
    }

    /// The memory that the process holds, in MB.
    pub(crate) fn memory(&self) -> Option<f64> {
        self.status("VmRSS:").map(megabytes)
    }

    /// The most that the process has held, in MB.
    pub(crate) fn highest_memory(&self) -> Option<f64> {
        Some(megabytes(self.status("VmHWM:")?.max(self.highest.load(Ordering::Relaxed))))
    }

    /// What the process holds now; from here on [`Self::highest_since_mark`] is the most that it held.
    pub(crate) fn mark_memory(&self) -> Option<f64> {
        self.highest.fetch_max(self.status("VmHWM:")?, Ordering::Relaxed);
        // 5 takes the kernel's mark back: proc_pid_clear_refs(5).
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()?), "5").ok()?;
        self.memory()
    }

    pub(crate) fn highest_since_mark(&self) -> Option<f64> {
        self.status("VmHWM:").map(megabytes)
    }

    /// A number of the process's status, in KiB.
    fn status(&self, name: &str) -> Option<u64> {
        status_of(self.process.id()?, name)
    }
}

/// A number of a process's status, in KiB.
pub(crate) fn status_of(process: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

pub(crate) fn megabytes(kibibytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "memory has fewer than 52 bits of KiB")]
    let kibibytes = kibibytes as f64;
    kibibytes * 1024.0 / 1_000_000.0
}

/// The bare route as a process of its own, as the server is one.
pub(crate) async fn start_bare() -> Result<(SocketAddr, Child), Failure> {
    let address = free_address().await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", "--listen", &address.to_string()]);
    let process = start(&mut command, address).await?;
    Ok((address, process))
}

/// Starts a process and waits until it listens.
pub(crate) async fn start(command: &mut Command, address: SocketAddr) -> Result<Child, Failure> {
    let mut process = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(process);
        }
        if let Some(status) = process.try_wait()? {
            return Err(format!("a process that was to be measured ended: {status}").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err("a process that was to be measured did not start".into())
}

/// An address that nobody listens on.
pub(crate) async fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}
