//! Clients that write and remember what they were told, and a judge who compares that with the journal.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use headwater_testkit::postgres::wait_until;
use serde_json::{Value, json};

use crate::support::{Admin, Response, Source, patch, text};

/// How often a client changes a user before it makes another.
const CHANGES: usize = 3;
/// How long a client waits that was refused. `Retry-After` says a second; a test has less time.
const PAUSE: Duration = Duration::from_millis(50);
/// What a refusal says that nothing has come of.
const UNDONE: &str = "nothing of this request has been done";

/// What a client was told of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is done, and this is the version.
    Done(u64),
    /// It was refused, and nothing of it is done.
    Undone,
    /// It may be done or not.
    InDoubt,
}

/// A write: the text that it alone has put somewhere, and what the client was told.
#[derive(Debug)]
pub(super) struct Write {
    mark: String,
    outcome: Outcome,
}

/// What clients have seen so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) done: AtomicUsize,
    pub(super) refused: AtomicUsize,
    pub(super) in_doubt: AtomicUsize,
    /// Connections to a server that ended without an answer.
    pub(super) cut: AtomicUsize,
}

/// Clients at work.
pub(super) struct Load {
    clients: Vec<JoinHandle<Vec<Write>>>,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

impl Load {
    /// Lets clients write to a source through servers. Nobody may wait longer than `patience` for an
    /// answer.
    pub(super) fn start(source: &Source, addresses: &[&str], clients: usize, patience: Duration) -> Self {
        let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
        let clients = (0..clients).map(|number| {
            let client = Client {
                number,
                servers: addresses.iter().map(|address| source.at(address)).collect(),
                turn: number,
                patience,
                counts: Arc::clone(&counts),
                writes: Vec::new(),
            };
            let stop = Arc::clone(&stop);
            thread::spawn(move || client.work(&stop))
        });
        Self { clients: clients.collect(), stop, counts }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Waits until so many more writes are acknowledged.
    #[track_caller]
    pub(super) fn wait_for_done(&self, more: usize) {
        let before = self.counts.done.load(Ordering::SeqCst);
        self.wait_for("writes are acknowledged", |counts| &counts.done, before + more);
    }

    /// Waits until so many writes were refused all in all.
    #[track_caller]
    pub(super) fn wait_for_refused(&self, all: usize) {
        self.wait_for("writes are refused", |counts| &counts.refused, all);
    }

    #[track_caller]
    fn wait_for(&self, what: &str, count: impl Fn(&Counts) -> &AtomicUsize, enough: usize) {
        wait_until(what, || {
            // A client ends early only by a panic, which has said what is wrong.
            assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client has given up");
            count(&self.counts).load(Ordering::SeqCst) >= enough
        });
    }

    /// Ends the load and returns all that was written.
    #[track_caller]
    pub(super) fn finish(self) -> Vec<Write> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
    }
}

/// One client. It writes to one server at a time.
struct Client {
    number: usize,
    servers: Vec<Source>,
    /// Which of the servers it writes to.
    turn: usize,
    patience: Duration,
    counts: Arc<Counts>,
    writes: Vec<Write>,
}

impl Client {
    fn work(mut self, stop: &AtomicBool) -> Vec<Write> {
        while !stop.load(Ordering::SeqCst) {
            self.tell_of_a_user();
        }
        self.writes
    }

    /// Makes a user and changes it a few times, until something is refused.
    fn tell_of_a_user(&mut self) {
        let mark = self.mark();
        let body = json!({"userName": mark, "externalId": mark, "title": mark});
        let Some(user) = self.write("POST", "/Users", &[], &body, mark) else { return };
        let path = format!("/Users/{}", text(&user["id"]));
        let mut version = text(&user["meta"]["version"]);
        for _ in 0..CHANGES {
            let mark = self.mark();
            let body = patch(&json!([{"op": "replace", "path": "title", "value": mark}]));
            let Some(user) = self.write("PATCH", &path, &[("If-Match", &version)], &body, mark.clone())
            else {
                return;
            };
            version = text(&user["meta"]["version"]);
            self.read(&path, &mark);
        }
    }

    /// A text that nobody else writes.
    fn mark(&self) -> String {
        format!("mark-{}-{}", self.number, self.writes.len())
    }

    /// Writes something, and returns the resource when it is acknowledged.
    fn write(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
        mark: String,
    ) -> Option<Value> {
        let (outcome, resource) = match self.send(method, path, headers, Some(body)) {
            Some(response) if response.status == 503 => (refusal(response), None),
            Some(response) => {
                assert!(matches!(response.status, 200 | 201), "{method} {path}: {}", shown(&response));
                let resource = response.json();
                let version = text(&resource["meta"]["version"]);
                let version = version.trim_matches(|letter: char| !letter.is_ascii_digit());
                (Outcome::Done(version.parse().expect("a number")), Some(resource))
            }
            None => (Outcome::InDoubt, None),
        };
        self.writes.push(Write { mark, outcome });
        let count = match outcome {
            Outcome::Done(_) => &self.counts.done,
            Outcome::Undone => &self.counts.refused,
            Outcome::InDoubt => &self.counts.in_doubt,
        };
        count.fetch_add(1, Ordering::SeqCst);
        if resource.is_none() {
            thread::sleep(PAUSE);
        }
        resource
    }

    /// Reads what it has written last, from another server if there is one.
    fn read(&mut self, path: &str, title: &str) {
        self.turn += 1;
        let Some(response) = self.send("GET", path, &[], None) else { return };
        if response.status == 503 {
            refusal(response);
        } else {
            assert_eq!(response.status, 200, "GET {path}: {}", shown(&response));
            assert_eq!(response.json()["title"], title, "an acknowledged write is read everywhere");
        }
    }

    /// Sends a request; `None` when the connection ends before there is an answer.
    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Option<Response> {
        let server = &self.servers[self.turn % self.servers.len()];
        let mut request = server.request(method, path, body);
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        request.headers.extend(headers);
        let began = Instant::now();
        let answer = server.send(&request);
        let took = began.elapsed();
        assert!(took < self.patience, "{method} {path} took {took:?}: {answer:?}");
        if answer.is_err() {
            self.counts.cut.fetch_add(1, Ordering::SeqCst);
            self.turn += 1;
        }
        answer.ok()
    }
}

/// What a refusal in the right form says.
fn refusal(response: Response) -> Outcome {
    assert!(response.header("retry-after").is_some(), "{}", shown(&response));
    assert_eq!(response.header("content-type"), Some("application/scim+json"));
    let detail = response.expect_error(503, "");
    if detail.contains(UNDONE) { Outcome::Undone } else { Outcome::InDoubt }
}

fn shown(response: &Response) -> String {
    format!("{} {}", response.status, String::from_utf8_lossy(&response.body))
}

/// Compares what clients were told with the journal, and the journal with what is there.
#[track_caller]
pub(super) fn judge(writes: &[Write], admin: &Admin, source: &Source) {
    let mut changes = admin.walk(&format!("/sources/{}/changes", source.slug), 1_000);
    changes.reverse();
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut resources: HashMap<String, (u64, String)> = HashMap::new();
    for (change, number) in changes.iter().zip(1_u64..) {
        assert_eq!(change["sequence"], number, "a gap in the journal");
        let mark = text(&change["after"]["title"]);
        let version = change["version"].as_u64().expect("a number");
        let resource = resources.entry(text(&change["resource"]["id"])).or_default();
        assert_eq!(version, resource.0 + 1, "a version is missing, or is there twice: {change}");
        *resource = (version, mark.clone());
        let before = lines.insert(mark, version);
        assert_eq!(before, None, "something was done twice: {change}");
    }
    for Write { mark, outcome } in writes {
        let found = lines.remove(mark);
        match outcome {
            Outcome::Done(version) => {
                assert_eq!(found, Some(*version), "{mark} was acknowledged");
            }
            Outcome::Undone => assert_eq!(found, None, "{mark} was refused"),
            Outcome::InDoubt => {}
        }
    }
    assert!(lines.is_empty(), "nobody wrote {lines:?}");
    let users = source.found_all();
    assert_eq!(users.len(), resources.len(), "the journal has all users");
    for user in users {
        let (version, title) = &resources[&text(&user["id"])];
        assert_eq!(
            (&user["title"], text(&user["meta"]["version"])),
            (&json!(title), format!("W/\"{version}\""))
        );
    }
}
