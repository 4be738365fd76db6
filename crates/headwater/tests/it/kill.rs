//! SIGKILL at random moments, while clients write: what was acknowledged is there afterwards.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::support::{Dice, Server, Source, consistency, eventually, patch};

const CLIENTS: usize = 8;
const KILLS: usize = 20;

/// What a client knows of one user: the acknowledged state, and that of a write whose answer never
/// came.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The title, or `None` once it is deleted.
    acknowledged: Option<String>,
    /// What a write without an answer may have made of it.
    possible: Possible,
    member: bool,
    possibly_member: Option<bool>,
}

/// What a user may be, when the answer to a write never came.
#[derive(Debug, Clone, Default)]
enum Possible {
    #[default]
    Unchanged,
    Title(String),
    Deleted,
}

impl Possible {
    fn is(&self, found: Option<&str>) -> bool {
        match self {
            Self::Unchanged => false,
            Self::Title(title) => found == Some(title.as_str()),
            Self::Deleted => found.is_none(),
        }
    }
}

#[test]
fn no_acknowledged_write_is_lost_when_the_server_is_killed() {
    let mut server = Server::start();
    let source = server.source("killed");
    let group = source.post("/Groups", &json!({"displayName": "Everybody"})).expect(201).json();
    let group = group["id"].as_str().expect("an id").to_owned();
    let mut known: Vec<BTreeMap<String, Known>> = vec![BTreeMap::new(); CLIENTS];
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    let mut acknowledged = 0;
    for round in 0..KILLS {
        let stop = Arc::new(AtomicBool::new(false));
        let writes = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = known
            .into_iter()
            .enumerate()
            .map(|(client, known)| {
                let (source, group, stop) = (source.at(server.address()), group.clone(), Arc::clone(&stop));
                let writes = Arc::clone(&writes);
                let seed = Dice::new(0x1234_5678 + (round * CLIENTS + client) as u64);
                thread::spawn(move || {
                    write_until_killed(&source, &group, (client, round), known, seed, &stop, &writes)
                })
            })
            .collect();
        // In the middle of whatever comes behind so many writes.
        let enough = 10 + dice.roll(60);
        eventually("enough writes", || (writes.load(Ordering::Relaxed) >= enough).then_some(()));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        known = threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
        acknowledged += writes.load(Ordering::Relaxed);
        server.restart(&[]);
        check(&source.at(server.address()), &group, &mut known);
        consistency::check(&server.database());
    }
    assert!(acknowledged > 500, "only {acknowledged} writes were acknowledged: the test shows little");
}

fn write_until_killed(
    source: &Source,
    group: &str,
    (client, round): (usize, usize),
    mut known: BTreeMap<String, Known>,
    mut dice: Dice,
    stop: &AtomicBool,
    writes: &AtomicU64,
) -> BTreeMap<String, Known> {
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let live: Vec<String> = known
            .iter()
            .filter(|(_, known)| known.acknowledged.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        let chosen = if live.is_empty() {
            None
        } else {
            live.get(usize::try_from(dice.roll(live.len() as u64)).expect("small"))
        };
        let title = format!("{client}-{round}-{turn}");
        let (method, path, body, next) = match (dice.roll(10), chosen) {
            (0..=3, _) | (_, None) => {
                let body = json!({"userName": format!("u-{title}"), "title": title});
                ("POST", "/Users".to_owned(), Some(body), None)
            }
            (4..=6, Some(id)) => {
                let body = patch(&json!([{"op": "replace", "path": "title", "value": title}]));
                let next = Known { possible: Possible::Title(title.clone()), ..known[id].clone() };
                ("PATCH", format!("/Users/{id}"), Some(body), Some((id.clone(), next)))
            }
            (7 | 8, Some(id)) => {
                let (op, member) = if known[id].member { ("remove", false) } else { ("add", true) };
                let body = patch(&json!([{"op": op, "path": "members", "value": [{"value": id}]}]));
                let next = Known { possibly_member: Some(member), ..known[id].clone() };
                ("PATCH", format!("/Groups/{group}"), Some(body), Some((id.clone(), next)))
            }
            (_, Some(id)) => {
                let next =
                    Known { possible: Possible::Deleted, possibly_member: Some(false), ..known[id].clone() };
                ("DELETE", format!("/Users/{id}"), None, Some((id.clone(), next)))
            }
        };
        if let Some((id, next)) = &next {
            known.insert(id.clone(), next.clone());
        }
        let Ok(response) = source.send(&source.request(method, &path, body.as_ref())) else { break };
        assert!(
            response.status < 300,
            "{method} {path}: {} {}",
            response.status,
            String::from_utf8_lossy(&response.body)
        );
        writes.fetch_add(1, Ordering::Relaxed);
        match next {
            Some((id, next)) => {
                known.insert(id, next.settled());
            }
            None => {
                let id = response.json()["id"].as_str().expect("an id").to_owned();
                known.insert(id, Known { acknowledged: Some(title), ..Known::default() });
            }
        }
    }
    known
}

impl Known {
    /// What was possible has been acknowledged.
    fn settled(self) -> Self {
        Self {
            acknowledged: match self.possible {
                Possible::Unchanged => self.acknowledged,
                Possible::Title(title) => Some(title),
                Possible::Deleted => None,
            },
            member: self.possibly_member.unwrap_or(self.member),
            ..Self::default()
        }
    }
}

/// Compares every user and every membership with what the clients know, and settles what they
/// could not know.
fn check(source: &Source, group: &str, known: &mut [BTreeMap<String, Known>]) {
    let group = source.get(&format!("/Groups/{group}")).expect(200).json();
    let members = consistency::ids(&group["members"]);
    for (id, known) in known.iter_mut().flatten() {
        let response = source.get(&format!("/Users/{id}"));
        let found = match response.status {
            404 => None,
            _ => Some(response.expect(200).json()["title"].as_str().expect("a title").to_owned()),
        };
        assert!(
            found == known.acknowledged || known.possible.is(found.as_deref()),
            "user {id}: found {found:?}, known {known:?}"
        );
        let member = members.contains(id);
        assert!(
            member == known.member || known.possibly_member == Some(member),
            "user {id}: member {member}, known {known:?}"
        );
        if found.is_none() {
            assert!(!member, "user {id} is gone and still a member");
        }
        *known = Known { acknowledged: found, member, ..Known::default() };
    }
    let total: Value = source.get("/Users?count=0").expect(200).json();
    assert!(total["totalResults"].is_number());
}
