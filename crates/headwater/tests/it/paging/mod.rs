//! Lists page by page, by index (RFC 7644 §3.4.2.4) and by cursor (RFC 9865), while others write.

mod large;
mod replicas;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Source, text};

/// How a walk goes on from page to page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `startIndex += itemsPerPage`, up to totalResults.
    Index,
    /// `startIndex += itemsPerPage`, up to an empty page.
    IndexToTheEnd,
    /// nextCursor, up to the page without one.
    Cursor,
    /// previousCursor from the last page, which nextCursor led to.
    Back,
}

/// The names of users, page by page.
type Pages = Vec<Vec<String>>;

fn names(page: &Value) -> Vec<String> {
    page["Resources"].as_array().into_iter().flatten().map(|user| text(&user["userName"])).collect()
}

/// Walks through a list of users; `between` is called with what was read after each page.
fn walk(source: &Source, way: Way, query: &str, count: usize, between: &mut dyn FnMut(&[String])) -> Pages {
    let ask = |where_: &str| {
        let path = format!("/Users?attributes=userName&count={count}&{query}&{where_}");
        source.get(&path).expect(200).json()
    };
    match way {
        Way::Index | Way::IndexToTheEnd => {
            let mut pages = Pages::new();
            let mut next = 1;
            loop {
                let page = ask(&format!("startIndex={next}"));
                let found = names(&page);
                assert_eq!((&page["startIndex"], &page["itemsPerPage"]), (&json!(next), &json!(found.len())));
                assert!(page.get("nextCursor").is_none() && found.len() <= count);
                between(&found);
                next += found.len();
                let total = page["totalResults"].as_u64().expect("a number");
                let is_empty = found.is_empty();
                pages.extend((!is_empty).then_some(found));
                if is_empty || way == Way::Index && next as u64 > total {
                    return pages;
                }
                assert!(pages.len() < 2_000, "the walk has no end");
            }
        }
        Way::Cursor => along(ask("cursor="), "nextCursor", &ask, count, between),
        Way::Back => {
            let mut last = ask("cursor=");
            assert!(last.get("previousCursor").is_none(), "RFC 9865 §2: none on the first page");
            while let Some(next) = last["nextCursor"].as_str() {
                last = ask(&format!("cursor={next}"));
            }
            along(last, "previousCursor", &ask, count, between)
        }
    }
}

fn along(
    first: Value,
    link: &str,
    ask: &dyn Fn(&str) -> Value,
    count: usize,
    between: &mut dyn FnMut(&[String]),
) -> Pages {
    let mut pages = Pages::new();
    let mut page = first;
    loop {
        let found = names(&page);
        assert!(found.len() <= count);
        between(&found);
        pages.push(found);
        assert!(pages.len() < 2_000, "the walk has no end");
        let Some(cursor) = page[link].as_str() else { return pages };
        // RFC 9865 §2: unreserved characters of URIs alone.
        assert!(
            cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
            "{cursor}"
        );
        page = ask(&format!("cursor={cursor}"));
    }
}

/// Each of those that stood throughout was seen once, and nobody twice.
#[track_caller]
fn check(pages: &Pages, stood: &BTreeSet<String>, what: &str) {
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for name in pages.iter().flatten() {
        *times.entry(name).or_default() += 1;
    }
    let missed: Vec<&String> = stood.iter().filter(|name| !times.contains_key(name)).collect();
    assert!(missed.is_empty(), "{what}: {} missed, {:?}…", missed.len(), &missed[..missed.len().min(5)]);
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).take(5).collect();
    assert!(twice.is_empty(), "{what}: seen twice {twice:?}");
}

/// Makes users by bulk.
fn load(source: &Source, names: &[String]) {
    for names in names.chunks(1_000) {
        let user = |name: &String| {
            let number = name.bytes().map(usize::from).sum::<usize>();
            let data =
                json!({"userName": name, "title": format!("T{}", number % 7), "active": number % 5 != 0});
            json!({"method": "POST", "path": "/Users", "bulkId": name, "data": data})
        };
        let operations: Vec<Value> = names.iter().map(user).collect();
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        let body = json!({"schemas": schemas, "Operations": operations});
        let answer = source.post("/Bulk", &body).expect(200).json();
        let answers = answer["Operations"].as_array().expect("operations");
        assert!(answers.iter().all(|answer| answer["status"] == "201"));
    }
}
