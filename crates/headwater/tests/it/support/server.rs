//! The binary as a process.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use headwater_testkit::{
    faulty_disk::FaultyDisk,
    small_disk::{self, SmallDisk},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{Client, Request, Response};

const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// A port that is nobody else's as long as this is held. Between the moment in which a port is looked for and the
/// one in which a server takes it, another test's server would be taken for that.
struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// One of those that the system gives to nobody.
    fn take() -> Self {
        const FIRST: u32 = 10_000;
        const COUNT: u32 = 2_000;
        let folder = std::env::temp_dir().join("headwater-test-ports");
        std::fs::create_dir_all(&folder).expect("a folder");
        let start = std::process::id() % COUNT;
        let numbers = (0..COUNT).map(|number| FIRST + (start + number) % COUNT);
        let mut free = numbers.filter_map(|number| {
            let number = u16::try_from(number).expect("a port");
            let lock = File::create(folder.join(number.to_string())).expect("a file");
            lock.try_lock().ok()?;
            TcpListener::bind(("127.0.0.1", number)).ok()?;
            Some(Self { number, _lock: lock })
        });
        free.next().expect("a free port")
    }
}

/// The binary that is tested: the one that was built, or the one that `HEADWATER_BINARY` names.
fn program() -> OsString {
    let named = std::env::var_os("HEADWATER_BINARY");
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_headwater").into())
}

fn binary() -> Command {
    Command::new(program())
}

/// The databases of servers that keep nothing in their folder, by that folder. With `TEST_POSTGRES` in the
/// environment all tests run on databases of the cluster at that URL, each on one of its own.
static DATABASES: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// The URL of the database that stands for a folder.
pub(crate) fn database_of(folder: &Path) -> Option<String> {
    DATABASES.lock().expect("no test panics with it").get(folder).cloned()
}

/// Makes an empty database where the tests run on PostgreSQL.
fn make_database(folder: &Path) {
    let Ok(cluster) = std::env::var("TEST_POSTGRES") else { return };
    let made = headwater_testkit::postgres::Database::in_cluster(&cluster);
    DATABASES.lock().expect("no test panics with it").insert(folder.to_owned(), made);
}

/// Has a command work on the database that stands for its folder, if there is one.
fn direct(command: &mut Command) {
    let arguments: Vec<PathBuf> = command.get_args().map(PathBuf::from).collect();
    let folder = arguments.iter().position(|argument| argument == Path::new("--data"));
    let url = folder.and_then(|at| database_of(arguments.get(at + 1)?));
    match url {
        Some(url) => command.env("HEADWATER_DATABASE_URL", url),
        None => command.env_remove("HEADWATER_DATABASE_URL"),
    };
}

/// Runs a command to its end.
pub(crate) fn headwater(arguments: &[&str]) -> Output {
    run(binary(), arguments)
}

/// The same, with a data folder that it can't write to.
pub(crate) fn headwater_on_read_only(data: &Path, arguments: &[&str]) -> Output {
    let mut command = small_disk::read_only(data);
    command.arg(program());
    run(command, arguments)
}

fn run(mut command: Command, arguments: &[&str]) -> Output {
    command.args(arguments);
    direct(&mut command);
    command.env_remove("HEADWATER_DATA").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

/// Runs a command with some of its options in the environment.
pub(crate) fn headwater_with(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = binary();
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().expect("the binary runs")
}

/// Starts a command whose output is read while it runs.
pub(crate) fn headwater_started(arguments: &[&str]) -> Child {
    let mut command = binary();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

/// Runs a command that reads this from its standard input.
pub(crate) fn headwater_reading(arguments: &[&str], input: &str) -> Output {
    let mut command = binary();
    command.args(arguments).env_remove("HEADWATER_DATA");
    direct(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the binary runs");
    // One that is refused at once may have gone before it has read anything.
    let _gone = process.stdin.take().expect("a pipe").write_all(input.as_bytes());
    process.wait_with_output().expect("the command ends")
}

/// A running server with a data folder that goes with it.
pub(crate) struct Server {
    _folder: TempDir,
    /// What the last process has printed and logged. It lies outside the data, which is searched
    /// for secrets.
    output: TempDir,
    data: PathBuf,
    /// The disk that the data is on, which the process alone sees.
    disk: Option<SmallDisk>,
    /// The disk that the data is on, which fails when it is told to.
    faulty_disk: Option<FaultyDisk>,
    /// Where its log goes to instead of a file that is read.
    log: Option<&'static str>,
    /// How many files it may have open.
    most_files: Option<usize>,
    address: String,
    port: Option<Port>,
    process: Option<Child>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::new("");
        server.restart(arguments);
        server
    }

    /// Starts it on a folder that it has to make first.
    pub(crate) fn start_in(folder: &str) -> Self {
        let mut server = Self::new(folder);
        server.restart(&[]);
        server
    }

    /// Starts it with its data on a small disk, which goes with the process.
    pub(crate) fn start_on_small_disk() -> Self {
        let mut server = Self::new("");
        server.disk = Some(SmallDisk::new(&server.data));
        server.restart(&[]);
        server
    }

    /// Starts it with its data, in a folder whatever the other tests run on, on a disk that fails when it is
    /// told to.
    pub(crate) fn start_on_faulty_disk() -> Self {
        let mut server = Self::stopped(None);
        server.faulty_disk = Some(FaultyDisk::new());
        server.restart(&[]);
        server
    }

    /// Starts it with its log going to where it can't be written, and all of it.
    pub(crate) fn start_without_log() -> Self {
        let mut server = Self::new("");
        server.log = Some("/dev/full");
        server.restart(&["--log", "debug"]);
        server
    }

    /// Starts it with no more than so many open files.
    pub(crate) fn start_with_few_files(most: usize) -> Self {
        let mut server = Self::new("");
        server.most_files = Some(most);
        server.restart(&[]);
        server
    }

    pub(crate) fn faulty_disk(&self) -> &FaultyDisk {
        self.faulty_disk.as_ref().expect("it was started on one")
    }

    /// The data folder as it is on the small disk.
    pub(crate) fn small_disk(&self) -> PathBuf {
        self.disk.as_ref().expect("it was started on one").seen_by(self.pid())
    }

    /// Stops the process in its tracks, and copies its data from the small disk, which goes with it.
    pub(crate) fn copy_of_small_disk(&self) -> TempDir {
        let stopped = Command::new("kill").args(["-STOP", &self.pid().to_string()]).status();
        assert!(stopped.is_ok_and(|status| status.success()), "the process can be stopped");
        let copy = tempfile::tempdir().expect("a temporary folder");
        for file in ["headwater.db", "headwater.db-wal"] {
            std::fs::copy(self.small_disk().join(file), copy.path().join(file)).expect("copied");
        }
        copy
    }

    /// Starts it on a PostgreSQL database.
    pub(crate) fn start_on(database_url: &str, arguments: &[&str]) -> Self {
        let mut server = Self::of_database(database_url);
        server.restart(arguments);
        server
    }

    /// One on a PostgreSQL database that is still to be started.
    pub(crate) fn of_database(url: &str) -> Self {
        let server = Self::new("");
        DATABASES.lock().expect("no test panics with it").insert(server.data.clone(), url.to_owned());
        server
    }

    fn new(folder: &str) -> Self {
        let server = Self::in_folder(folder);
        make_database(&server.data);
        server
    }

    fn in_folder(folder: &str) -> Self {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let output = tempfile::tempdir().expect("a temporary folder");
        let data = parent.path().join(folder);
        Self {
            data,
            _folder: parent,
            output,
            disk: None,
            faulty_disk: None,
            log: None,
            most_files: None,
            address: String::new(),
            port: None,
            process: None,
        }
    }

    /// One that is not started yet, on a database, or else on an empty folder, whatever the other tests
    /// run on.
    pub(crate) fn stopped(database: Option<String>) -> Self {
        let server = Self::in_folder("");
        if let Some(url) = database {
            DATABASES.lock().expect("no test panics with it").insert(server.data.clone(), url);
        }
        server
    }

    /// Its database or its folder, as `migrate-store` takes it.
    pub(crate) fn place(&self) -> String {
        database_of(&self.data).unwrap_or_else(|| self.data.display().to_string())
    }

    /// Starts a process on the same data, at another port.
    pub(crate) fn restart(&mut self, arguments: &[&str]) {
        for _ in 0..5 {
            let port = self.port.insert(Port::take());
            self.address = format!("127.0.0.1:{}", port.number);
            let mut command = self.program();
            command.args(["serve", "--listen", &self.address, "--data"]).arg(&self.data);
            if !arguments.contains(&"--log") {
                command.args(["--log", "warn"]);
            }
            direct(&mut command);
            if let Some(disk) = &self.faulty_disk {
                disk.put_below(&mut command);
            }
            let file = |name: &str| File::create(self.output.path().join(name)).expect("a file");
            let log = self.log.map(|path| OpenOptions::new().write(true).open(path).expect("it is there"));
            command.stdin(Stdio::null()).stdout(file(STDOUT));
            command.stderr(log.unwrap_or_else(|| file(STDERR)));
            self.process = Some(command.args(arguments).spawn().expect("the binary runs"));
            if self.wait_until_ready() {
                return;
            }
        }
        panic!("the server did not start");
    }

    fn program(&self) -> Command {
        let mut command = match (&self.disk, self.most_files) {
            (Some(disk), _) => disk.command(),
            (None, Some(most)) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("ulimit -n {most} && exec \"$@\""), "sh"]);
                command
            }
            (None, None) => return binary(),
        };
        command.arg(program());
        command
    }

    fn wait_until_ready(&mut self) -> bool {
        let request =
            Request { method: "GET".to_owned(), target: "/readyz".to_owned(), ..Request::default() };
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Ok(mut client) = Client::connect(&self.address)
                && client.send(&request).is_ok_and(|response| response.status == 200)
            {
                return true;
            }
            let process = self.process.as_mut().expect("started");
            if process.try_wait().expect("the process can be asked").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// What it answers to who asks whether it can be used.
    pub(crate) fn readiness(&self) -> u16 {
        let request =
            Request { method: "GET".to_owned(), target: "/readyz".to_owned(), ..Request::default() };
        let mut client = Client::connect(&self.address).expect("it listens");
        client.send(&request).expect("an answer").status
    }

    /// What the process has printed to standard output.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.output.path().join(STDOUT)).expect("text")
    }

    /// What the process has logged, which goes to standard error.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.output.path().join(STDERR)).expect("text")
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("headwater.db")
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("running").id()
    }

    /// Runs a command on the data of this server and returns its JSON.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> Value {
        let data = self.data.to_str().expect("a path in UTF-8");
        let output = headwater(&[arguments, &["--data", data, "--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Runs a command on the data of this server, with this on its standard input.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let data = self.data.to_str().expect("a path in UTF-8");
        headwater_reading(&[arguments, &["--data", data]].concat(), input)
    }

    /// Runs a command on the data of this server that prints to a file.
    pub(crate) fn printing_to(&self, file: File, arguments: &[&str]) -> Output {
        let mut command = binary();
        command.args(arguments).arg("--data").arg(&self.data).stdin(Stdio::null()).stderr(Stdio::piped());
        direct(&mut command);
        let process = command.stdout(file).spawn().expect("the binary runs");
        process.wait_with_output().expect("the command ends")
    }

    #[track_caller]
    pub(crate) fn source(&self, slug: &str) -> Source {
        Source::of(&self.command(&["source", "create", "Test source", "--slug", slug]), &self.address)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the process can be killed");
            process.wait().expect("the process ends");
        }
    }

    /// SIGTERM; returns whether the process ended with success.
    pub(crate) fn stop(&mut self) -> bool {
        let mut process = self.process.take().expect("running");
        let pid = process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("a signal can be sent");
        process.wait().expect("the process ends").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let logged = std::fs::read_to_string(self.output.path().join(STDERR)).unwrap_or_default();
            eprintln!("the server's log:\n{logged}");
        }
    }
}

/// A source with its token, and a connection to it.
pub(crate) struct Source {
    pub(crate) slug: String,
    pub(crate) token: String,
    pub(crate) path: String,
    pub(crate) address: String,
    client: Mutex<Option<Client>>,
}

impl Source {
    fn of(created: &Value, address: &str) -> Self {
        let text = |name: &str| created[name].as_str().expect("a text");
        Self::with_token(address, text("slug"), text("token"))
    }

    /// The client of a source that shows this token.
    pub(crate) fn with_token(address: &str, slug: &str, token: &str) -> Self {
        Self {
            path: format!("/source/scim/{slug}/v2"),
            slug: slug.to_owned(),
            token: token.to_owned(),
            address: address.to_owned(),
            client: Mutex::default(),
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// The same source as another client, possibly at another address.
    pub(crate) fn at(&self, address: &str) -> Self {
        Self {
            slug: self.slug.clone(),
            token: self.token.clone(),
            path: self.path.clone(),
            address: address.to_owned(),
            client: Mutex::default(),
        }
    }

    /// Sends a request as it is, on a connection that is opened when there is none.
    pub(crate) fn send(&self, request: &Request) -> std::io::Result<Response> {
        let mut slot = self.client.lock().expect("no test panics while it sends");
        let mut client = match slot.take() {
            Some(client) => client,
            None => Client::connect(&self.address)?,
        };
        let response = client.send(request)?;
        if response.header("connection") != Some("close") {
            *slot = Some(client);
        }
        Ok(response)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request {
        let mut headers = vec![("Authorization".to_owned(), format!("Bearer {}", self.token))];
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/scim+json".to_owned()));
        }
        Request {
            method: method.to_owned(),
            target: format!("{}{path}", self.path),
            headers,
            body: body.map(|body| body.to_string().into_bytes()),
        }
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.send(&self.request(method, path, body)).expect("an answer")
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        self.call("GET", path, None)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.call("POST", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value) -> Response {
        self.call("PUT", path, Some(body))
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(…) in place")]
    pub(crate) fn patch(&self, path: &str, operations: Value) -> Response {
        self.call("PATCH", path, Some(&super::patch(&operations)))
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Response {
        self.call("DELETE", path, None)
    }

    /// Makes a user and returns the id.
    #[track_caller]
    pub(crate) fn user(&self, user_name: &str) -> String {
        let created = self.post("/Users", &serde_json::json!({"userName": user_name})).expect(201).json();
        created["id"].as_str().expect("an id").to_owned()
    }

    /// All users, page by page.
    #[track_caller]
    pub(crate) fn found_all(&self) -> Vec<Value> {
        let mut users = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/Users?count=500&cursor={cursor}")).expect(200).json();
            users.extend(page["Resources"].as_array().into_iter().flatten().cloned());
            let Some(next) = page["nextCursor"].as_str() else { return users };
            next.clone_into(&mut cursor);
        }
    }

    /// The resources that a filter finds, by `/Users` or `/Groups`.
    #[track_caller]
    pub(crate) fn found(&self, endpoint: &str, filter: &str) -> Vec<Value> {
        let page = self.get(&format!("{endpoint}?filter={}", super::percent(filter))).expect(200).json();
        page["Resources"].as_array().expect("resources").clone()
    }
}
