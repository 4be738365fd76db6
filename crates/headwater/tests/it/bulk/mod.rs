//! Many operations in one request (RFC 7644 §3.7).

mod contents;
mod killed;
mod limits;
mod story;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Dice, Server, Source, consistency, text};
use contents::Names;
use story::{Act, NOBODY};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Sends operations in one request, and returns what became of each.
#[track_caller]
fn bulk(source: &Source, operations: &[Value]) -> Vec<Value> {
    let answer = source.post("/Bulk", &request(operations)).expect(200).json();
    assert_eq!(answer["schemas"], json!([RESPONSE]));
    let answered = answer["Operations"].as_array().expect("operations").clone();
    assert_eq!(answered.len(), operations.len(), "all were processed");
    answered
}

fn request(operations: &[Value]) -> Value {
    json!({"schemas": [REQUEST], "Operations": operations})
}

/// An answer, in a form that doesn't tell bulk from single requests.
type Answer = BTreeMap<&'static str, String>;
/// What became of an act; `None` for one that refers to what could not be made.
type Outcome = Option<Answer>;

/// A source in which a story is carried out.
struct Stage {
    source: Source,
    names: Names,
}

impl Stage {
    fn new(source: Source) -> Self {
        let mut names = Names::default();
        names.add("00000000-0000-4000-8000-000000000000", NOBODY);
        Self { source, names }
    }

    fn outcome(&self, status: &str, version: Option<&str>, location: Option<&str>, error: &Value) -> Answer {
        let mut outcome = BTreeMap::from([("status", status.to_owned())]);
        if status.starts_with('2') {
            // What stands behind the hyphen is about groups, which others change.
            let own = |version: &str| version.split('-').next().unwrap_or_default().replace('"', "");
            outcome.extend(version.map(|version| ("version", own(version))));
            outcome.extend(location.map(|location| ("location", self.names.tell_of(&self.source, location))));
        } else {
            outcome.insert("error", self.names.tell(&error.to_string()));
        }
        outcome
    }

    /// Carries out one act by a request of its own.
    fn single(&mut self, act: &Act) -> Outcome {
        let known = |name: &str| self.names.id_of(name);
        let mut path = act.endpoint.to_owned();
        if act.method != "POST" {
            path = format!("{path}/{}", known(&act.name)?);
        }
        if act.references().iter().any(|name| known(name).is_none()) {
            return None;
        }
        let mut request = self.source.request(act.method, &path, act.data_with(&known).as_ref());
        request.headers.extend(act.version.map(|version| ("If-Match".to_owned(), version.to_owned())));
        let answer = self.source.send(&request).expect("an answer");
        let body = answer.json();
        if answer.status == 201 {
            self.names.add(&text(&body["id"]), &act.name);
        }
        // What is gone has no location in an answer of its own.
        let location = match act.method {
            "DELETE" => Some(format!("{}{path}", self.source.base_url())),
            _ => body["meta"]["location"].as_str().map(str::to_owned),
        };
        let version = answer.header("etag").map(str::to_owned);
        Some(self.outcome(&answer.status.to_string(), version.as_deref(), location.as_deref(), &body))
    }

    /// Carries out acts by one bulk request.
    fn bulk(&mut self, acts: &[Act]) -> Vec<Outcome> {
        let made_here = |name: &str| acts.iter().any(|act| act.method == "POST" && act.name == name);
        let known = |name: &str| self.names.id_of(name);
        let is_possible = |act: &Act| {
            let mut needed = act.references();
            needed.extend((act.method != "POST").then(|| act.name.clone()));
            needed.iter().all(|name| made_here(name) || known(name).is_some())
        };
        let operation = |act: &&Act| {
            let mut operation = json!({"method": act.method, "path": act.endpoint});
            if act.method == "POST" {
                operation["bulkId"] = act.name.as_str().into();
            } else {
                let id = known(&act.name).unwrap_or_else(|| format!("bulkId:{}", act.name));
                operation["path"] = format!("{}/{id}", act.endpoint).into();
            }
            let members = [("data", act.data_with(&known)), ("version", act.version.map(Value::from))];
            for (member, value) in members.into_iter().filter_map(|(member, value)| Some((member, value?))) {
                operation[member] = value;
            }
            operation
        };
        let possible: Vec<bool> = acts.iter().map(is_possible).collect();
        let sent: Vec<&Act> =
            acts.iter().zip(&possible).filter_map(|(act, possible)| possible.then_some(act)).collect();
        let answered = bulk(&self.source, &sent.iter().map(operation).collect::<Vec<_>>());
        for (act, answer) in sent.iter().zip(&answered) {
            assert_eq!(answer["method"], act.method);
            assert_eq!(answer["bulkId"].as_str(), (act.method == "POST").then_some(&*act.name));
            if act.method == "POST" && answer["status"] == "201" {
                let (_, id) =
                    answer["location"].as_str().and_then(|url| url.rsplit_once('/')).expect("a URL");
                self.names.add(id, &act.name);
            }
        }
        let mut answered = sent.iter().zip(&answered).map(|(act, answer)| self.bulk_outcome(act, answer));
        possible.into_iter().map(|possible| if possible { answered.next().flatten() } else { None }).collect()
    }

    fn bulk_outcome(&self, act: &Act, answer: &Value) -> Outcome {
        let status = text(&answer["status"]);
        assert_eq!(answer.get("response").is_some(), !status.starts_with('2'), "{answer}");
        assert!(answer["location"].is_string() || act.method == "POST" || status == "409", "{answer}");
        let mut needed = act.references();
        needed.extend((act.method != "POST").then(|| act.name.clone()));
        if needed.iter().any(|name| self.names.id_of(name).is_none()) {
            assert_eq!((&*status, &answer["response"]["scimType"]), ("409", &Value::Null), "{answer}");
            return None;
        }
        Some(self.outcome(
            &status,
            answer["version"].as_str(),
            answer["location"].as_str(),
            &answer["response"],
        ))
    }
}

/// Carries out a story twice, by single requests and by bulk requests of at most so many operations
/// in another order, and compares.
fn compare(server: &Server, seed: u64, length: usize, most: usize) {
    let mut dice = Dice::new(seed);
    let mut acts = story::story(seed, length);
    let (mut single, mut many) = (
        Stage::new(server.source(&format!("single-{seed}"))),
        Stage::new(server.source(&format!("bulk-{seed}"))),
    );
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    let mut rest = acts.as_mut_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at_mut((1 + dice.below(most)).min(rest.len()));
        rest = later;
        let mut wanted: BTreeMap<(String, String), Vec<Outcome>> = BTreeMap::new();
        for act in now.iter() {
            let outcome = single.single(act);
            *tally
                .entry(outcome.as_ref().map_or("none".to_owned(), |one| one["status"].clone()))
                .or_default() += 1;
            wanted.entry(key(act)).or_default().push(outcome);
        }
        story::shuffle(now, &mut dice);
        let mut found: BTreeMap<(String, String), Vec<Outcome>> = BTreeMap::new();
        for (act, outcome) in now.iter().zip(many.bulk(now)) {
            found.entry(key(act)).or_default().push(outcome);
        }
        for (key, wanted) in &wanted {
            assert_eq!(found.get(key), Some(wanted), "seed {seed}, acts on {key:?}");
        }
    }
    for status in ["200", "201", "204", "400", "404", "409", "412"] {
        assert!(length < 500 || tally.contains_key(status), "the story has no {status}: {tally:?}");
    }
    let every = 1 + length / 200;
    let (by_one, by_many) = (
        contents::answers(&single.source, &single.names, every),
        contents::answers(&many.source, &many.names, every),
    );
    assert!(by_one.len() > length / 4, "there is something to compare");
    for (read, answer) in &by_one {
        assert_eq!(by_many.get(read), Some(answer), "seed {seed}: {read}");
    }
    assert_eq!(by_one.len(), by_many.len());
    let rows = |stage: &Stage| contents::rows(&server.database(), &stage.source.slug, &stage.names);
    let (by_one, by_many) = (rows(&single), rows(&many));
    for (table, rows) in &by_one {
        assert_eq!(&by_many[table], rows, "seed {seed}: table {table}");
    }
}

/// What is done to one resource has an order; acts on nobody are told apart by what they are.
fn key(act: &Act) -> (String, String) {
    (
        act.name.clone(),
        if act.name == NOBODY { format!("{} {}", act.method, act.endpoint) } else { String::new() },
    )
}

/// Shows BLK-006, BLK-007, BLK-010, BLK-012, BLK-014, BLK-015, BLK-016, BLK-017, BLK-019, BLK-020,
/// BLK-023, VER-010.
#[test]
fn bulk_does_what_single_requests_do() {
    let server = Server::start();
    for seed in 1..=12 {
        compare(&server, seed * 7_919, 150, 60);
    }
    consistency::check(&server.database());
}

/// Shows BLK-011, BLK-012, BLK-015, BLK-016.
#[test]
fn a_large_directory_is_the_same_by_bulk() {
    let server = Server::start();
    compare(&server, 0x5eed, 2_000, 300);
    consistency::check(&server.database());
}

/// Shows BLK-010.
#[test]
fn what_is_gone_is_said_before_what_is_wrong() {
    let server = Server::start();
    let source = server.source("gone");
    let path = format!("/Users/{}", source.user("gone"));
    source.delete(&path).expect(204);
    let wrong = crate::support::patch(&json!([{"op": "replace", "path": "nothing", "value": "x"}]));
    source.patch(&path, wrong["Operations"].clone()).expect_error(404, "");
    for (method, data) in [("PATCH", wrong), ("PUT", json!({"userName": 1}))] {
        let answered = bulk(&source, &[json!({"method": method, "path": path, "data": data})]);
        assert_eq!(answered[0]["status"], "404", "{}", answered[0]);
    }
}

/// Shows BLK-010, VER-010.
#[test]
fn the_version_of_an_operation_is_the_one_that_is_read_afterwards() {
    let server = Server::start();
    let source = server.source("versions");
    let (user, other) = (source.user("user"), source.user("other"));
    let title = json!([{"op": "replace", "path": "title", "value": "T"}]);
    let data = json!({"displayName": "G", "members": [{"value": user}, {"value": "bulkId:new"}]});
    let answered = bulk(
        &source,
        &[
            json!({"method": "POST", "path": "/Groups", "bulkId": "group", "data": data}),
            json!({"method": "PATCH", "path": format!("/Users/{user}"), "data": crate::support::patch(&title)}),
            json!({"method": "PUT", "path": format!("/Users/{other}"), "data": {"userName": "other", "title": "T"}}),
            json!({"method": "PATCH", "path": "/Users/bulkId:new", "data": crate::support::patch(&title)}),
            json!({"method": "POST", "path": "/Users", "bulkId": "new", "data": {"userName": "new"}}),
        ],
    );
    for answer in answered.iter().take(4) {
        let path = text(&answer["location"]).replace(&source.base_url(), "");
        let read = source.get(&path).expect(200);
        assert_eq!(answer["version"].as_str(), read.header("etag"), "{answer}");
    }
}

/// What needs a resource that is made later is done later, but not behind the deletion that follows it.
///
/// Shows BLK-015.
#[test]
fn nothing_is_put_off_until_what_it_names_is_gone() {
    let server = Server::start();
    let source = server.source("order");
    let (stays, goes) = (source.user("stays"), source.user("goes"));
    let group = source.post("/Groups", &json!({"displayName": "G"})).expect(201).json();
    let path = format!("/Groups/{}", text(&group["id"]));
    let members = json!([{"value": stays}, {"value": goes}, {"value": "bulkId:late"}]);
    let add = crate::support::patch(&json!([{"op": "add", "path": "members", "value": members}]));
    let answered = bulk(
        &source,
        &[
            json!({"method": "PATCH", "path": path, "data": add}),
            json!({"method": "DELETE", "path": format!("/Users/{goes}")}),
            json!({"method": "POST", "path": "/Users", "bulkId": "late", "data": {"userName": "late"}}),
        ],
    );
    assert!(answered.iter().all(|answer| answer["status"].as_str().is_some_and(|status| status < "300")));
    let members = consistency::ids(&source.get(&path).expect(200).json()["members"]);
    assert!(members.contains(&stays) && !members.contains(&goes), "{members:?}");
    assert_eq!(members.len(), 2);
}

/// Shows BLK-015, CRE-007.
#[test]
fn a_name_is_taken_as_long_as_the_order_of_operations_says() {
    let server = Server::start();
    let source = server.source("order");
    let user = |name: &str| json!({"userName": name});
    let post = |bulk_id: &str, name: &str| json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(name)});
    let rename = |id: &str, name: &str| {
        let data = crate::support::patch(&json!([{"op": "replace", "path": "userName", "value": name}]));
        json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": data})
    };
    let statuses = |operations: &[Value]| -> Vec<String> {
        bulk(&source, operations).iter().map(|operation| text(&operation["status"])).collect()
    };
    let (ada, eve) = (source.user("ada"), source.user("eve"));
    let delete = json!({"method": "DELETE", "path": format!("/Users/{ada}")});
    let story = [
        post("a", "ada"),
        rename(&eve, "ada"),
        delete,
        post("b", "ada"),
        rename("bulkId:b", "bob"),
        rename(&eve, "ada"),
        post("c", "bob"),
    ];
    assert_eq!(statuses(&story), ["409", "409", "204", "201", "200", "200", "409"]);
    let names = |filter: &str| source.found("/Users", filter).len();
    assert_eq!(
        (names("userName eq \"ada\""), names("userName eq \"bob\""), names("userName eq \"eve\"")),
        (1, 1, 0)
    );
    // One that refers to a later one waits for it; what follows it and takes its name is refused, or it is.
    let waiting = json!({"method": "POST", "path": "/Users", "bulkId": "w", "data": {"userName": "zoe",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "bulkId:m"}}}});
    let outcome = statuses(&[waiting, post("z", "ZOE"), post("m", "max")]);
    assert_eq!(outcome.iter().filter(|status| *status == "201").count(), 2, "{outcome:?}");
    assert_eq!((outcome[2].as_str(), names("userName eq \"zoe\"")), ("201", 1));
    consistency::check(&server.database());
}

/// A name is set free by what waits for another creation: whoever wants it waits too, and so does what refers to them.
#[test]
fn what_refers_to_a_creation_that_waits_waits_with_it() {
    let server = Server::start();
    let source = server.source("waits");
    let old = source.user("old");
    let group = text(&source.post("/Groups", &json!({"displayName": "Team"})).expect(201).json()["id"]);
    let post = |bulk_id: &str, name: &str| json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {"userName": name}});
    let add =
        crate::support::patch(&json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:a"}]}]));
    let rename = json!({"userName": "new",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "bulkId:m"}}});
    let operations = [
        json!({"method": "PUT", "path": format!("/Users/{old}"), "data": rename}),
        post("a", "old"),
        post("m", "max"),
        json!({"method": "PATCH", "path": format!("/Groups/{group}"), "data": add}),
    ];
    let statuses: Vec<String> =
        bulk(&source, &operations).iter().map(|operation| text(&operation["status"])).collect();
    assert_eq!(statuses[..3], ["200", "201", "201"]);
    assert!(statuses[3].starts_with("20"), "{statuses:?}");
    let members = source.get(&format!("/Groups/{group}")).expect(200).json()["members"].clone();
    assert_eq!(members.as_array().map(Vec::len), Some(1), "{members}");
    consistency::check(&server.database());
}
