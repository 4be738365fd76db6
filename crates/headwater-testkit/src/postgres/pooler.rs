//! PgBouncer before a server, which gives each transaction another of few connections.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use tempfile::TempDir;

use super::{
    Server,
    server::{command, free_port, give_away, wait_until},
};

/// Where distributions put it.
const INSTALLED: &str = "/usr/sbin/pgbouncer";

/// Runs it until the input of the shell ends. It has nothing to lose, and would wait for its clients.
const GUARD: &str = "\"$@\" < /dev/null & pooler=$!; cat > /dev/null; kill -KILL $pooler; wait $pooler";

/// A running PgBouncer in transaction mode. It ends when it is dropped, or when the tests' process is gone.
pub struct Pooler {
    folder: TempDir,
    port: u16,
    guard: Child,
}

impl Pooler {
    /// Starts one that has so many connections to each database of a server, and trusts a role.
    ///
    /// # Panics
    /// PgBouncer is not installed, or doesn't start.
    pub fn new(server: &Server, connections: usize, role: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("headwater-pgb-").tempdir().expect("a folder");
        let is_root = give_away(folder.path()).expect("given away");
        let port = free_port();
        let (users, log) = (folder.path().join("users"), folder.path().join("log"));
        fs::write(&users, format!("\"{role}\" \"\"\n")).expect("written");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 1000\nlogfile = {}\n",
            server.address().port(),
            users.display(),
            log.display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("written");
        let mut command = command(Path::new("/bin/sh"), is_root);
        command.args(["-c", GUARD, "guard", INSTALLED, "--quiet"]).arg(file);
        let guard = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell runs");
        let pooler = Self { folder, port, guard };
        wait_until("PgBouncer listens", || TcpStream::connect(pooler.address()).is_ok());
        pooler
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What it has written down of itself.
    ///
    /// # Panics
    /// It can't be read.
    pub fn logged(&self) -> String {
        fs::read_to_string(self.log()).expect("text")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // It has ended, or will: there is nobody left to wait for.
        drop(self.guard.wait());
    }
}
