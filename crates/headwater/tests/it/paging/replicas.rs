//! Lists by index behind a load balancer: each page is answered by another server.

use std::collections::{BTreeMap, BTreeSet};

use headwater_testkit::postgres::Database;

use super::{check, load, names};
use crate::support::{Dice, Server, Source, percent, text};

const COUNT: usize = 7;
const SIZE: usize = 150;

/// Several servers on one database.
struct Site {
    servers: Vec<Server>,
    database: Database,
}

impl Site {
    fn start() -> Self {
        let database = Database::new();
        let servers = (0..2).map(|_| Server::start_on(&database.url(), &[])).collect();
        Self { servers, database }
    }

    /// A source with users, as a client of each server, and the ids of the users by name.
    fn filled(&self, slug: &str) -> (Vec<Source>, BTreeMap<String, String>) {
        let source = self.servers[0].source(slug);
        load(&source, &(0..SIZE).map(|number| format!("m{number:03}")).collect::<Vec<_>>());
        let all = source.get("/Users?count=1000&attributes=userName").expect(200).json();
        let ids = all["Resources"].as_array().expect("resources").iter();
        let ids = ids.map(|user| (text(&user["userName"]), text(&user["id"]))).collect();
        (self.servers.iter().map(|server| source.at(server.address())).collect(), ids)
    }
}

/// After each page, some of it and some before it are deleted, and others come.
///
/// Shows PAG-007.
#[test]
fn a_walk_over_several_servers_misses_nobody_who_stood() {
    let site = Site::start();
    let orders = ["", "sortBy=userName&sortOrder=descending", "filter=userName%20pr&sortBy=title"];
    for (number, order) in orders.iter().enumerate() {
        let (clients, mut ids) = site.filled(&format!("spread-{number}"));
        let (mut pages, mut next) = (Vec::new(), 1);
        for turn in 0.. {
            let path = format!("/Users?attributes=userName&count={COUNT}&startIndex={next}&{order}");
            let ask = |turn: usize| names(&clients[turn % 2].get(&path).expect(200).json());
            let page = ask(turn);
            for name in [page.first(), page.last()].into_iter().flatten() {
                if let Some(id) = ids.remove(name) {
                    clients[(turn + 1) % 2].delete(&format!("/Users/{id}")).expect(204);
                }
            }
            if turn > 0 && !page.is_empty() {
                // As if the answer had been lost: the other one is asked for the same.
                let again: BTreeSet<String> = ask(turn + 1).into_iter().collect();
                let stayed = page.iter().filter(|name| ids.contains_key(*name));
                assert!(stayed.clone().all(|name| again.contains(name)), "{page:?} {again:?}");
            }
            if turn < 15 {
                load(&clients[turn % 2], &[format!("a{turn}"), format!("m{turn}x"), format!("z{turn}")]);
            }
            if page.is_empty() {
                break;
            }
            next += page.len();
            pages.push(page);
        }
        assert!(pages.len() > SIZE / COUNT);
        check(&pages, &ids.into_keys().collect(), order);
    }
}

/// Two walks of one client through one list, each page at a server that chance picks.
///
/// Shows PAG-007.
#[test]
fn of_two_walks_over_several_servers_neither_misses_anybody() {
    let site = Site::start();
    for seed in 1..4 {
        let (clients, mut ids) = site.filled(&format!("two-{seed}"));
        let mut dice = Dice::new(seed * 7_919);
        let mut seen: [BTreeSet<String>; 2] = Default::default();
        let (mut next, mut going) = ([1, 1], vec![0, 1]);
        while !going.is_empty() {
            let which = *dice.pick(&going);
            let filter = percent("active pr");
            let path =
                format!("/Users?count={COUNT}&startIndex={}&filter={filter}&sortBy=userName", next[which]);
            let page = names(&dice.pick(&clients).get(&path).expect(200).json());
            if page.is_empty() {
                going.retain(|walk| *walk != which);
            }
            next[which] += page.len();
            seen[which].extend(page);
            let name = ids.keys().nth(dice.below(ids.len())).cloned().expect("somebody");
            dice.pick(&clients).delete(&format!("/Users/{}", ids[&name])).expect(204);
            ids.remove(&name);
        }
        for seen in seen {
            let missed: Vec<&String> = ids.keys().filter(|name| !seen.contains(*name)).collect();
            assert!(missed.is_empty(), "seed {seed}: missed {missed:?}");
        }
    }
}

/// Most searches are: they are not to cost a write.
#[test]
fn a_list_that_is_on_one_page_leaves_nothing() {
    let site = Site::start();
    let (clients, _) = site.filled("short");
    let short = ["filter=userName%20eq%20%22m007%22", "count=1000", "count=0", "count=7&startIndex=145"];
    for query in short {
        clients[0].get(&format!("/Users?{query}")).expect(200);
    }
    let ends = || site.database.run("SELECT COUNT(*) FROM walk");
    assert_eq!(ends(), "0");
    clients[0].get("/Users?count=7").expect(200);
    assert_eq!(ends(), "1");
}
