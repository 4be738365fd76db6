//! SIGKILL at random moments during bulk requests: what was acknowledged is there, and nothing is
//! done by half.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use super::request;
use crate::support::{Dice, Server, Source, consistency, eventually, patch, text};

const CLIENTS: usize = 4;
const KILLS: usize = 10;
/// The users that a bulk request makes, besides two groups.
const USERS: usize = 30;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A bulk request and what its client knows of it. It makes users, a group of them, two groups that
/// are members of each other, and changes and deletes users that an earlier one made.
struct Sent {
    /// What is in all names.
    mark: String,
    operations: Vec<Value>,
    /// The answers, if they came.
    answers: Option<Vec<Value>>,
    /// Users of an earlier request by id: the title afterwards, none of those that are deleted.
    earlier: BTreeMap<String, Option<String>>,
}

impl Sent {
    fn new(mark: String, earlier: &[String]) -> Self {
        let user = |number: usize| {
            let data = json!({
                "userName": format!("u{number}-{mark}"), "title": mark, "nickName": format!("{number}"),
                ENTERPRISE: {"manager": {"value": format!("bulkId:u{}", number / 2)}},
            });
            let data =
                if number == 0 { json!({"userName": format!("u0-{mark}"), "title": mark}) } else { data };
            json!({"method": "POST", "path": "/Users", "bulkId": format!("u{number}"), "data": data})
        };
        let group = |name: &str, members: Vec<Value>| {
            let data = json!({"displayName": format!("{name}-{mark}"), "members": members});
            json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": data})
        };
        let refer = |name: &str| json!({"value": format!("bulkId:{name}")});
        let mut operations =
            vec![group("all", (0..USERS).map(|number| refer(&format!("u{number}"))).collect())];
        operations.extend((0..USERS).rev().map(user));
        operations.extend([group("left", vec![refer("right")]), group("right", vec![refer("left")])]);
        let mut after = BTreeMap::new();
        for (number, id) in earlier.iter().enumerate() {
            let path = format!("/Users/{id}");
            if number % 3 == 0 {
                operations.push(json!({"method": "DELETE", "path": path}));
                after.insert(id.clone(), None);
            } else {
                let changes = json!([
                    {"op": "replace", "path": "title", "value": mark},
                    {"op": "replace", "path": "nickName", "value": mark},
                ]);
                operations.push(json!({"method": "PATCH", "path": path, "data": patch(&changes)}));
                after.insert(id.clone(), Some(mark.clone()));
            }
        }
        Self { mark, operations, answers: None, earlier: after }
    }

    /// The ids of the users that it has made.
    fn users(&self) -> Vec<String> {
        let made = self
            .answers
            .iter()
            .flatten()
            .filter(|answer| answer["bulkId"].as_str().is_some_and(|name| name.starts_with('u')));
        made.map(id).collect()
    }

    /// Compares all that it was to do with what is there. `is_untouched` when no later request was to
    /// change what it has made.
    fn check(&self, source: &Source, is_untouched: bool) {
        let mark = &self.mark;
        let is_acknowledged = self.answers.is_some();
        let group = |name: &str| source.found("/Groups", &format!("displayName eq \"{name}-{mark}\"")).pop();
        let members = |group: &Value| consistency::ids(&group["members"]);
        if is_untouched {
            let found = source.found("/Users", &format!("userName ew \"-{mark}\""));
            let ids: BTreeMap<String, String> =
                found.iter().map(|user| (text(&user["userName"]), text(&user["id"]))).collect();
            assert!(ids.len() == USERS || !is_acknowledged, "acknowledged users are gone: {mark}");
            for user in &found {
                assert_eq!(user["title"], json!(mark), "whole or not there");
                if let Some(number) = user["nickName"].as_str() {
                    let number: usize = number.parse().expect("a number");
                    let manager = text(&user[ENTERPRISE]["manager"]["value"]);
                    assert_eq!(ids.get(&format!("u{}-{mark}", number / 2)), Some(&manager), "{user}");
                }
            }
            match group("all") {
                Some(all) => assert_eq!(members(&all), ids.into_values().collect(), "{mark}"),
                None => assert!(!is_acknowledged, "an acknowledged group is gone: {mark}"),
            }
        }
        match (group("left"), group("right")) {
            (Some(left), Some(right)) => {
                assert_eq!(members(&left), [text(&right["id"])].into());
                assert_eq!(members(&right), [text(&left["id"])].into());
            }
            (None, None) => assert!(!is_acknowledged, "acknowledged groups are gone: {mark}"),
            _ => panic!("only one of two groups that need each other was made: {mark}"),
        }
        for (id, title) in &self.earlier {
            let answer = source.get(&format!("/Users/{id}"));
            if answer.status == 404 {
                assert_eq!(*title, None, "{id} was deleted by nobody");
                continue;
            }
            let user = answer.expect(200).json();
            // Both attributes of a PATCH, or none.
            assert_eq!(user["title"] == json!(mark), user["nickName"] == json!(mark), "{user}");
            if is_acknowledged {
                assert_eq!(user["title"].as_str(), title.as_deref(), "{user}");
            }
        }
    }
}

/// Shows BLK-011, BLK-018.
#[test]
fn no_acknowledged_operation_is_lost_when_the_server_is_killed() {
    let mut server = Server::start();
    let source = server.source("killed");
    let mut dice = Dice::new(0x51ed_270b);
    let (mut acknowledged, mut unanswered) = (0, 0);
    for round in 0..KILLS {
        let answered = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (source, answered) = (source.at(server.address()), Arc::clone(&answered));
                thread::spawn(move || send_until_killed(&source, &format!("{round}-{client}"), &answered))
            })
            .collect();
        // In the middle of whatever comes behind so many requests.
        let enough = 3 + dice.roll(8);
        eventually("enough requests", || (answered.load(Ordering::Relaxed) >= enough).then_some(()));
        server.kill();
        let sent: Vec<Vec<Sent>> =
            threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
        server.restart(&[]);
        let source = source.at(server.address());
        for requests in &sent {
            acknowledged += requests.iter().filter(|sent| sent.answers.is_some()).count();
            unanswered += requests.iter().filter(|sent| sent.answers.is_none()).count();
            for (number, sent) in requests.iter().enumerate() {
                let is_untouched = requests.get(number + 1).is_none_or(|later| later.earlier.is_empty());
                sent.check(&source, is_untouched);
            }
        }
        consistency::check(&server.database());
    }
    assert!(acknowledged > 20, "only {acknowledged} requests were acknowledged: the test shows little");
    assert!(unanswered > KILLS, "only {unanswered} requests were interrupted: the test shows little");
}

/// Sends one bulk request after the other. Each second one changes what the one before has made.
fn send_until_killed(source: &Source, client: &str, answered: &AtomicU64) -> Vec<Sent> {
    let mut requests: Vec<Sent> = Vec::new();
    for turn in 0.. {
        let earlier = match requests.last() {
            Some(last) if turn % 2 == 1 => last.users(),
            _ => Vec::new(),
        };
        let mut sent = Sent::new(format!("{client}-{turn}"), &earlier);
        let body = request(&sent.operations);
        let answer = source.send(&source.request("POST", "/Bulk", Some(&body)));
        let Ok(answer) = answer else {
            requests.push(sent);
            break;
        };
        let answers = answer.expect(200).json()["Operations"].as_array().expect("operations").clone();
        for answer in &answers {
            assert!(answer["status"].as_str().is_some_and(|status| status.starts_with('2')), "{answer}");
        }
        sent.answers = Some(answers);
        answered.fetch_add(1, Ordering::Relaxed);
        requests.push(sent);
    }
    requests
}

/// The id in the location of an answer.
fn id(answer: &Value) -> String {
    let (_, id) = answer["location"].as_str().and_then(|url| url.rsplit_once('/')).expect("a URL");
    id.to_owned()
}
