//! Small lists, in which something changes between one page and the next.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Pages, Way, check, load, names, walk};
use crate::support::{Dice, Server, Source, percent, text};

const COUNT: usize = 7;
const SIZE: usize = 150;
const WAYS: [Way; 3] = [Way::IndexToTheEnd, Way::Cursor, Way::Back];
const ORDERS: [&str; 4] =
    ["", "sortBy=userName", "sortBy=userName&sortOrder=descending", "sortBy=title&sortOrder=descending"];

/// A source with users, and their ids by name.
fn filled(server: &Server, slug: &str) -> (Source, BTreeMap<String, String>) {
    let source = server.source(slug);
    let all: Vec<String> = (0..SIZE).map(|number| format!("m{number:03}")).collect();
    load(&source, &all);
    let ids = source.get("/Users?count=1000&attributes=userName").expect(200).json();
    let ids = ids["Resources"].as_array().expect("resources").iter();
    let ids: BTreeMap<String, String> =
        ids.map(|user| (text(&user["userName"]), text(&user["id"]))).collect();
    assert_eq!(ids.len(), SIZE);
    (source, ids)
}

fn queries(filter: &str) -> Vec<String> {
    let filters = [String::new(), format!("filter={}", percent(filter))];
    filters.iter().flat_map(|filter| ORDERS.map(|order| format!("{filter}&{order}"))).collect()
}

/// Shows PAG-003, PAG-005, PAG-007, PAG-009, CUR-001, CUR-002, CUR-004, CUR-005, CUR-006, CUR-007,
/// CUR-008, CUR-015, CUR-018.
#[test]
fn a_list_that_stands_still_is_seen_once_in_its_order() {
    let server = Server::start();
    let (source, ids) = filled(&server, "still");
    for query in queries("userName sw \"m\"") {
        let whole = walk(&source, Way::Index, &query, 1_000, &mut |_| {}).concat();
        assert_eq!(whole.len(), SIZE);
        assert_eq!(whole.iter().collect::<BTreeSet<_>>(), ids.keys().collect::<BTreeSet<_>>());
        let by_name: Vec<String> = ids.keys().cloned().collect();
        match query.split_once("sortBy=userName") {
            Some((_, "")) => assert_eq!(whole, by_name),
            Some(_) => assert_eq!(whole, by_name.into_iter().rev().collect::<Vec<_>>()),
            None => {}
        }
        // An exact multiple of the count, and none.
        for count in [COUNT, 50] {
            let mut pages: Pages = whole.chunks(count).map(<[String]>::to_vec).collect();
            for way in [Way::Index, Way::IndexToTheEnd, Way::Cursor] {
                assert_eq!(walk(&source, way, &query, count, &mut |_| {}), pages, "{way:?} {query}");
            }
            pages.reverse();
            assert_eq!(walk(&source, Way::Back, &query, count, &mut |_| {}), pages, "back {query}");
        }
    }
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"];
    let mut body = json!({"schemas": schemas, "count": COUNT, "cursor": "", "sortBy": "userName"});
    let mut found = Vec::new();
    while !body["cursor"].is_null() {
        let page = source.post("/Users/.search", &body).expect(200).json();
        found.extend(names(&page));
        body["cursor"] = page["nextCursor"].clone();
    }
    assert_eq!(found, ids.into_keys().collect::<Vec<_>>(), "by POST");
}

/// After each page the first and the last of it are deleted, others come before and behind it.
///
/// Shows PAG-007, PAG-009, CUR-005, CUR-007, CUR-015.
#[test]
fn nothing_that_stood_throughout_is_missed_or_seen_twice() {
    let server = Server::start();
    for (number, query) in queries("userName pr").iter().enumerate() {
        for way in WAYS {
            let (source, mut ids) = filled(&server, &format!("steps-{number}-{}", way as u8));
            let mut turn = 0;
            let pages = walk(&source, way, query, COUNT, &mut |page| {
                for name in [page.first(), page.last()].into_iter().flatten() {
                    if let Some(id) = ids.remove(name) {
                        source.delete(&format!("/Users/{id}")).expect(204);
                    }
                }
                if turn < 15 {
                    load(&source, &[format!("a{turn}"), format!("m{turn}x"), format!("z{turn}")]);
                }
                turn += 1;
            });
            assert!(turn > SIZE / COUNT);
            // The first page was read before anything was deleted: what it showed was deleted later.
            check(&pages, &ids.into_keys().collect(), &format!("{way:?} {query}"));
        }
    }
}

/// Those that come before the place that a walk has reached make the list longer, and the walk ends
/// all the same.
///
/// Shows PAG-007.
#[test]
fn a_walk_by_index_up_to_the_total_sees_nobody_twice() {
    let server = Server::start();
    for (number, order) in ["sortBy=userName", "sortBy=userName&sortOrder=descending"].iter().enumerate() {
        let (source, ids) = filled(&server, &format!("longer-{number}"));
        let mut turn = 0;
        let pages = walk(&source, Way::Index, order, COUNT, &mut |_| {
            if turn < 30 {
                load(&source, &[format!("{}{turn}", if number == 0 { 'a' } else { 'z' })]);
            }
            turn += 1;
        });
        check(&pages, &ids.into_keys().collect(), order);
    }
}

/// What an earlier walk has left at a place is not taken for the end of this one.
///
/// Shows PAG-007.
#[test]
fn a_walk_is_not_led_into_an_earlier_one() {
    let server = Server::start();
    let source = server.source("led");
    let page = |start: usize| {
        let page =
            source.get(&format!("/Users?sortBy=userName&count=2&startIndex={start}")).expect(200).json();
        (names(&page), page["totalResults"].as_u64().expect("a number"))
    };
    let add = |all: &[&str]| all.iter().map(|name| source.user(name)).collect::<Vec<_>>();
    let ids = add(&["a1", "a2", "a3", "a4", "m1", "m2", "m3", "m4"]);
    let walked: Vec<_> = [1, 3, 5, 7].into_iter().flat_map(|start| page(start).0).collect();
    assert_eq!(walked, ["a1", "a2", "a3", "a4", "m1", "m2", "m3", "m4"]);
    for id in &ids[..4] {
        source.delete(&format!("/Users/{id}")).expect(204);
    }
    assert_eq!(page(1).0, ["m1", "m2"]);
    add(&["a9"]);
    // There are more than were walked through, and the walk is at its end.
    assert_eq!(page(3), (vec!["m3".to_owned(), "m4".to_owned()], 5));
    assert_eq!(page(5), (Vec::new(), 5));

    // A value too long to be remembered is counted from the beginning.
    let long = "b".repeat(2_100);
    add(&[&long, "c1", "c2"]);
    assert_eq!(page(1).0, ["a9", &*long]);
    assert_eq!(page(3).0, ["c1", "c2"]);
}

/// Shows PAG-006, PAG-007.
#[test]
fn a_page_out_of_the_blue_is_counted_from_the_beginning() {
    let server = Server::start();
    let (source, ids) = filled(&server, "blue");
    let page = |start: usize, filter: &str| {
        let filter = percent(filter);
        let path = format!("/Users?sortBy=userName&count=5&startIndex={start}&filter={filter}");
        names(&source.get(&path).expect(200).json())
    };
    let mut all: Vec<String> = ids.keys().cloned().collect();
    assert_eq!(page(1, "userName pr"), all[..5]);
    for name in all.drain(..3) {
        source.delete(&format!("/Users/{}", ids[&name])).expect(204);
    }
    assert_eq!(page(6, "userName pr"), all[2..7], "it goes on where the page before ended");
    assert_eq!(page(6, "userName pr"), all[2..7], "once more: the answer may have been lost");
    assert_eq!(page(6, "title pr"), all[5..10], "another list");
    assert_eq!(page(101, "userName pr"), all[100..105]);
    assert_eq!(page(1, "userName pr"), all[..5], "a walk begins at the beginning");
    assert!(page(148, "userName pr").is_empty(), "behind the end");
}

/// Two walks of one client through one list, by turns as chance has it, while users go and come.
/// Neither misses anybody; one may see somebody twice, when they are at the same place.
///
/// Shows PAG-007.
#[test]
fn of_two_walks_at_once_neither_misses_anybody() {
    let server = Server::start();
    for (number, order) in ORDERS.iter().enumerate() {
        for seed in 1..4 {
            let (source, mut ids) = filled(&server, &format!("two-{number}-{seed}"));
            let mut dice = Dice::new(seed * 104_729);
            let mut seen: [BTreeSet<String>; 2] = Default::default();
            let mut next = [1, 1];
            let mut going = vec![0, 1];
            for turn in 0.. {
                let Some(which) = (!going.is_empty()).then(|| *dice.pick(&going)) else { break };
                let path = format!("/Users?count={COUNT}&startIndex={}&{order}", next[which]);
                let page = names(&source.get(&path).expect(200).json());
                if page.is_empty() {
                    going.retain(|walk| *walk != which);
                }
                next[which] += page.len();
                seen[which].extend(page);
                if turn % 2 == 0 {
                    let name = ids.keys().nth(dice.below(ids.len())).cloned().expect("somebody");
                    source.delete(&format!("/Users/{}", ids[&name])).expect(204);
                    ids.remove(&name);
                } else if turn < 30 {
                    load(&source, &[format!("{}{turn}", ["a", "m070x", "z"][dice.below(3)])]);
                }
            }
            for seen in seen {
                let missed: Vec<&String> = ids.keys().filter(|name| !seen.contains(*name)).collect();
                assert!(missed.is_empty(), "{order}, seed {seed}: missed {missed:?}");
            }
        }
    }
}
