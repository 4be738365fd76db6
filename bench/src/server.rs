//! Processes that are measured.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::Failure;

/// A running server; it ends with this value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) token: String,
    process: Child,
    _folder: TempDir,
}

impl Server {
    /// The administrator that there is.
    pub(crate) const EMAIL: &str = "bench@example.com";
    /// Their password.
    pub(crate) const PASSWORD: &str = "how quick is it today";

    /// Starts the binary on an empty folder, with one source.
    pub(crate) async fn start(binary: &Path) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let created = Command::new(binary)
            .args(["source", "create", "Bench", "--slug", "bench", "--json", "--data"])
            .arg(folder.path())
            .output()
            .await?;
        let created: Value = serde_json::from_slice(&created.stdout)?;
        let token = created["token"].as_str().ok_or("the server's command line printed no token")?.to_owned();
        let mut administrator = Command::new(binary)
            .args(["admin", "create", Self::EMAIL, "--password-stdin", "--data"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut input = administrator.stdin.take().ok_or("the command line has no input")?;
        input.write_all(Self::PASSWORD.as_bytes()).await?;
        drop(input);
        administrator.wait().await?;
        let address = free_address().await?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--log", "warn", "--listen", &address.to_string(), "--data"])
            .arg(folder.path());
        let process = start(&mut command, address).await?;
        Ok(Self { address, path: "/source/scim/bench/v2".to_owned(), token, process, _folder: folder })
    }

    /// The memory that the process holds, in MiB.
    pub(crate) fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes / 1024.0)
    }
}

/// The bare route as a process of its own, as the server is one.
pub(crate) async fn start_bare() -> Result<(SocketAddr, Child), Failure> {
    let address = free_address().await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", "--listen", &address.to_string()]);
    let process = start(&mut command, address).await?;
    Ok((address, process))
}

async fn start(command: &mut Command, address: SocketAddr) -> Result<Child, Failure> {
    let process = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
    for _ in 0..1_000 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(process);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the server did not start".into())
}

async fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}
