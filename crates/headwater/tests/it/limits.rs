//! What is kept for how long, and what isn't kept at all: cursors and secrets.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::{Admin, Server, Source, consistency, eventually, patch, percent, text, texts};

fn list(source: &Source, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|number| source.user(&format!("user-{number:03}"))).collect();
    assert_eq!(ids.len(), count);
    ids
}

fn names(page: &Value) -> Vec<String> {
    texts(page["Resources"].as_array().expect("resources"), "/userName")
}

fn page(source: &Source, cursor: &str) -> Value {
    source.get(&format!("/Users?count=2&cursor={cursor}")).expect(200).json()
}

/// Shows CUR-013, CUR-019, ERR-016.
#[test]
fn a_cursor_is_good_for_as_long_as_is_announced() {
    let mut server = Server::start();
    let source = server.source("expiring");
    list(&source, 5);
    let first = page(&source, "");
    let given = Instant::now();
    let cursor = text(&first["nextCursor"]);
    let config = source.get("/ServiceProviderConfig").expect(200).json();
    assert_eq!(config["pagination"]["cursorTimeout"], 3_600);
    // Another process on the same data knows it.
    assert!(server.stop());
    server.restart(&["--cursor-timeout-seconds", "600"]);
    let source = source.at(server.address());
    let config = source.get("/ServiceProviderConfig").expect(200).json();
    assert_eq!(config["pagination"]["cursorTimeout"], 600);
    let second = page(&source, &cursor);
    assert_eq!(names(&second), ["user-002", "user-003"]);
    assert_eq!(names(&page(&source, &cursor)), names(&second), "as often as it is asked for");
    server.kill();
    server.restart(&["--cursor-timeout-seconds", "3"]);
    let source = source.at(server.address());
    thread::sleep(Duration::from_millis(3_050).saturating_sub(given.elapsed()));
    let path = format!("/Users?count=2&cursor={cursor}");
    let detail = source.get(&path).expect_error(400, "expiredCursor");
    assert!(detail.contains("cursor"), "{detail}");
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 2, "cursor": cursor,
    });
    source.post("/Users/.search", &search).expect_error(400, "expiredCursor");
    // A new one is good.
    let again = page(&source, &text(&page(&source, "")["nextCursor"]));
    assert_eq!(names(&again), names(&second));
}

/// Shows CUR-010, CUR-012, CUR-020, CUR-021, CUR-022, CUR-023, CUR-024, SEC-017.
#[test]
fn a_cursor_shows_nothing_to_whoever_may_not_see_it() {
    let server = Server::start();
    let (source, other) = (server.source("first"), server.source("second"));
    let ids = list(&source, 5);
    list(&other, 5);
    let cursor = text(&page(&source, "")["nextCursor"]);
    let clear = [ids[1].replace('-', ""), ids[1].clone(), "user-001".to_owned()];
    assert!(clear.iter().all(|text| !cursor.contains(text)), "{cursor}");
    let mut details = BTreeSet::new();
    let mut refused = |source: &Source, path: &str| {
        details.insert(source.get(path).expect_error(400, "invalidCursor"));
    };
    refused(&other, &format!("/Users?count=2&cursor={cursor}"));
    for query in ["filter=userName%20pr&", "sortBy=userName&", "sortBy=id&sortOrder=descending&"] {
        refused(&source, &format!("/Users?{query}count=2&cursor={cursor}"));
    }
    refused(&source, &format!("/Groups?count=2&cursor={cursor}"));
    refused(&source, &format!("/Users?count=2&cursor={}", &cursor[..cursor.len() - 1]));
    refused(&source, &format!("/Users?count=2&cursor={cursor}A"));
    refused(&source, "/Users?count=2&cursor=x");
    for position in 0..cursor.len() {
        let mut forged = cursor.clone().into_bytes();
        forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("ASCII");
        refused(&source, &format!("/Users?count=2&cursor={forged}"));
    }
    assert_eq!(details.len(), 1, "one answer for all: {details:?}");
    page(&source, &cursor);

    // The token that has walked so far is let in no longer; another one of the source goes on.
    let listed = server.command(&["token", "list", "first"]);
    let id = text(&listed["tokens"].as_array().or_else(|| listed.as_array()).expect("tokens")[0]["id"]);
    let made = server.command(&["token", "create", "first"]);
    let next = Source::with_token(server.address(), "first", &text(&made["token"]));
    server.command(&["token", "revoke", "first", &id]);
    source.get(&format!("/Users?count=2&cursor={cursor}")).expect_error(401, "");
    page(&next, &cursor);
}

/// The memory of a process in KiB.
#[cfg(target_os = "linux")]
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// Shows CUR-025.
#[cfg(target_os = "linux")]
#[test]
fn cursors_take_no_memory() {
    let server = Server::start();
    let source = server.source("many");
    // As long as a cursor can carry it: 4,000 of them would be 16 MiB.
    for name in ["first", "last"] {
        let title = format!("{name}{}", "x".repeat(3_900));
        source.post("/Users", &json!({"userName": name, "title": title})).expect(201);
    }
    let open = |count: usize| {
        let mut last = String::new();
        for _ in 0..count {
            let answer = source.get("/Users?count=1&cursor=&attributes=id&sortBy=title").expect(200).json();
            let cursor = text(&answer["nextCursor"]);
            assert!(cursor.len() > 3_900 && cursor != last, "each is another one");
            last = cursor;
        }
    };
    // What the process needs to answer at all, the log of requests included.
    open(2_000);
    let before = memory(&server);
    open(4_000);
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 8 * 1_024, "4,000 cursors have taken {grown} KiB");
}

/// Pages of 27 MB, which many ask for and nobody reads.
#[cfg(target_os = "linux")]
#[test]
fn large_answers_that_nobody_reads_are_few() {
    let server = Server::start();
    let (source, other) = (server.source("unread"), server.source("other"));
    for source in [&source, &other] {
        for number in 0..30 {
            let user = json!({"userName": format!("user-{number}"), "title": "x".repeat(900_000)});
            source.post("/Users", &user).expect(201);
        }
    }
    let ask = |_| {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        let request = format!(
            "GET {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            source.path, source.token
        );
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    };
    let before = memory(&server);
    let unread: Vec<TcpStream> = (0..16).map(ask).collect();
    // What is small needs no place, and another source has its own.
    source.get("/Users?count=1&attributes=userName").expect(200);
    for _ in 0..2 {
        assert!(other.get("/Users").expect(200).body.len() > 27_000_000);
    }
    let grown = memory(&server).saturating_sub(before) / 1_024;
    assert!(grown < 500, "16 answers of 27 MB take {grown} MiB");
    // Whoever has read its answer leaves its place to the next.
    let read = |mut stream: TcpStream| {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() > 27_000_000);
    };
    let reading: Vec<_> = unread.into_iter().map(|stream| thread::spawn(move || read(stream))).collect();
    for reader in reading {
        reader.join().expect("an answer");
    }
}

/// The hashes that are kept of the resources of a source, by attribute.
fn secrets(database: &Path) -> Vec<(String, String)> {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let mut statement =
        connection.prepare("SELECT attribute, hash FROM secret ORDER BY changed").expect("a statement");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("readable rows")
}

/// Shows USR-008, USR-009, USR-010, USR-011, USR-012.
#[test]
fn passwords_are_kept_as_hashes_where_that_is_wanted() {
    let mut server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Kept");
    let keep = |keep: bool| {
        let body = json!({"switches": {"keep_passwords": keep}});
        let changed = ada.patch("/sources/kept", body).expect(200).json();
        assert_eq!(changed["switches"]["keep_passwords"], keep);
        let config = source.get("/ServiceProviderConfig").expect(200).json();
        assert_eq!(config["changePassword"]["supported"], keep, "what is announced follows");
    };
    let words = ["first horse battery", "second horse battery", "third horse battery", "bulk horse battery"];
    let mut answers = Vec::new();
    let database = server.database();
    let config = source.get("/ServiceProviderConfig").expect(200).json();
    assert_eq!(config["changePassword"]["supported"], false);
    let created = source.post("/Users", &json!({"userName": "before", "password": words[0]})).expect(201);
    answers.push(created);
    assert!(secrets(&database).is_empty(), "nothing is kept before it is wanted");

    keep(true);
    let created = source.post("/Users", &json!({"userName": "ada", "password": words[0]})).expect(201);
    let path = format!("/Users/{}", text(&created.json()["id"]));
    let version = created.header("etag").expect("a version").to_owned();
    answers.push(created);
    let first = secrets(&database);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].0, "password");
    assert!(first[0].1.starts_with("$argon2id$v=19$m="), "a PHC string: {}", first[0].1);

    answers.push(source.put(&path, &json!({"userName": "ada", "title": "T"})).expect(200));
    assert_eq!(secrets(&database), first, "a PUT without one keeps it");
    let set = json!([{"op": "replace", "path": "password", "value": words[1]}]);
    answers.push(source.patch(&path, set.clone()).expect(200));
    let second = secrets(&database);
    assert_ne!(second, first);
    assert_ne!(answers.last().and_then(|answer| answer.header("etag")), Some(&*version), "it is a change");
    answers.push(source.put(&path, &json!({"userName": "ada", "password": words[2]})).expect(200));
    assert_ne!(secrets(&database), second);

    for filter in
        ["password eq \"third horse battery\"", "password pr", "not (password eq \"x\")", "password sw \"t\""]
    {
        answers.push(source.get(&format!("/Users?filter={}", percent(filter))));
        answers.last().expect("an answer").clone().expect_error(400, "invalidFilter");
    }
    for query in ["attributes=password", "attributes=userName,password", "excludedAttributes=userName"] {
        answers.push(source.get(&format!("{path}?{query}")).expect(200));
        answers.push(source.get(&format!("/Users?{query}")).expect(200));
    }
    source.get("/Users?sortBy=password").expect_error(400, "invalidValue");

    let operations = json!([
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bulk", "password": words[3]}},
        {"method": "PATCH", "path": path, "data": patch(&set)},
    ]);
    let body =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let answer = source.post("/Bulk", &body).expect(200);
    let bulk = text(&answer.json()["Operations"][0]["location"]).replace(&source.base_url(), "");
    answers.push(answer);
    assert_eq!(secrets(&database).len(), 2);
    for word in ["", &*"x".repeat(2_000)] {
        let wrong = json!([{"op": "replace", "path": "password", "value": word}]);
        source.patch(&path, wrong).expect_error(400, "invalidValue");
    }

    let removed = json!([{"op": "remove", "path": "password"}]);
    answers.push(source.patch(&path, removed).expect(200));
    assert_eq!(secrets(&database).len(), 1, "a PATCH takes it away");
    source.delete(&bulk).expect(204);
    assert!(secrets(&database).is_empty(), "it goes with the user");
    answers.push(source.patch(&path, set).expect(200));
    assert_eq!(secrets(&database).len(), 1);
    keep(false);
    assert!(secrets(&database).is_empty(), "all go with the switch");
    source.patch(&path, json!([{"op": "add", "path": "password", "value": words[1]}])).expect(200);
    assert!(secrets(&database).is_empty());

    let requests = eventually("the log", || {
        let requests = ada.walk("/sources/kept/requests", 100);
        (requests.len() > answers.len()).then_some(requests)
    });
    let whole = |request: &Value| ada.read(&format!("/sources/kept/requests/{}", request["sequence"]));
    let requests: Vec<Value> = requests.iter().map(whole).collect();
    let journal = Value::from(ada.walk("/changes?source=kept", 100)).to_string();
    let found = answers.iter().map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    let texts: Vec<String> =
        found.chain([journal, Value::from(requests).to_string(), server.logged()]).collect();
    let is_told = |word: &str| texts.iter().any(|text| text.contains(word));
    assert!(is_told("ada"), "there is something to be found");
    for word in words.into_iter().chain(["argon2id"]) {
        assert!(!is_told(word), "{word:?} is told");
    }
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status < 300)
            .all(|answer| { !String::from_utf8_lossy(&answer.body).to_lowercase().contains("\"password\"") })
    );
    // The log of requests is written a moment later, at the latest when the server ends.
    assert!(server.stop());
    for word in words {
        assert!(!consistency::is_on_disk(server.data(), word), "{word:?} is in clear on the disk");
    }
}
