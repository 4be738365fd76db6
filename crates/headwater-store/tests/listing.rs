//! Lists for people against plain sorting: every resource once, in order, page by page, whichever
//! way the list is made.

mod support;

use std::sync::Arc;

use headwater_scim::{Object, comparison, index, registry::Registry, resource, resource_type::ResourceType};
use headwater_store::{ChangeSet, ListPosition, Listing, ResourceId, Sort, Write};
use serde_json::{Value, json};
use support::{Kind, Under, on_postgres, runtime};
use uuid::Uuid;

const SEARCHED: &[&str] = &["userName", "displayName", "name.familyName", "emails.value", "externalId"];
/// More than a list sorts in memory.
const MANY: usize = 2_300;
/// How long a large resource is.
const LARGE: usize = 4 * 1024 * 1024;
/// How much a page may hold: what there is room for, and the one that goes beyond.
const MOST_BYTES: usize = 32 * 1024 * 1024 + 2 * LARGE;

struct Directory {
    under: Under,
    users: Vec<(ResourceId, Object)>,
}

fn user_type() -> Arc<ResourceType> {
    Arc::clone(Registry::built_in().resource_type("User").expect("built in"))
}

fn id(number: usize) -> ResourceId {
    ResourceId(uuid::Builder::from_unix_timestamp_millis(1_000 + number as u64, &[3; 10]).into_uuid())
}

/// Users some of whom share names, some have none, some have long ones, and some are not active.
fn user(number: usize) -> Object {
    let long = if number % 97 == 1 { "-x".repeat(600) } else { String::new() };
    let mut user = json!({
        "userName": format!("{}{number:05}", if number.is_multiple_of(3) { "Ada." } else { "Zoë." }),
        "externalId": format!("E{number}"),
        "name": {"familyName": format!("Family{}", number % 7)},
        "active": !number.is_multiple_of(10),
        "emails": [{"value": format!("z{number}{long}@example.com")}, {"value": format!("y{number}@example.com")}],
    });
    if !number.is_multiple_of(4) {
        user["displayName"] = format!("Person {}", number % 50).into();
    }
    user.as_object().expect("an object").clone()
}

impl Directory {
    async fn new(kind: &Kind) -> Self {
        Self::of(kind, (0..MANY).map(|number| (id(number), user(number))).collect()).await
    }

    async fn of(kind: &Kind, users: Vec<(ResourceId, Object)>) -> Self {
        let directory = Self { under: Under::new(kind).await, users };
        let creations = directory.users.iter().map(|(id, attributes)| {
            let resource_type = user_type();
            let document = resource::document(&resource_type, &id.to_string(), attributes);
            Write::Create {
                resource_type: "User".to_owned(),
                id: *id,
                document,
                keys: index::keys(&resource_type, attributes),
                display: resource_type.display(attributes).map(str::to_owned),
                has_references: false,
                members: Vec::new(),
                secrets: Vec::new(),
            }
        });
        directory.apply(creations.collect()).await;
        directory
    }

    async fn apply(&self, writes: Vec<Write>) {
        let change_set = ChangeSet {
            source: self.under.source,
            revision: 0,
            requires: Vec::new(),
            actor: Uuid::nil(),
            request_id: Uuid::nil(),
            at: 1,
            writes: writes.into_iter().map(Into::into).collect(),
        };
        self.under.store.apply(change_set).await.expect("applied");
    }

    /// A whole list, walked in pages of a size that fits nothing.
    async fn walk(&self, listing: &Listing) -> Vec<ResourceId> {
        let mut listing = listing.clone();
        let mut found = Vec::new();
        loop {
            let page = self.under.records.list(self.under.source, listing.clone()).await.expect("a page");
            assert!(page.resources.len() <= listing.limit);
            let bytes: usize = page.resources.iter().map(|resource| resource.document.len()).sum();
            assert!(bytes <= MOST_BYTES, "{bytes} bytes");
            found.extend(page.resources.into_iter().map(|resource| resource.id));
            match page.next {
                Some(next) => {
                    assert_ne!(listing.after.as_ref(), Some(&next), "a page gets somewhere");
                    listing.after = Some(next);
                }
                None => return found,
            }
        }
    }

    /// The same list by plain sorting.
    fn expected(&self, listing: &Listing) -> Vec<ResourceId> {
        let mut meant: Vec<&(ResourceId, Object)> = self
            .users
            .iter()
            .filter(|(_, user)| listing.active.is_none_or(|active| user["active"] == json!(active)))
            .filter(|(_, user)| listing.search.as_ref().is_none_or(|search| begins(user, search)))
            .collect();
        let value = |user: &Object| match listing.sort {
            Sort::Attribute(name) => user.get(name).and_then(Value::as_str).map(folded),
            _ => Some(String::new()),
        };
        meant.sort_by(|(left_id, left), (right_id, right)| {
            let (left, right) = (value(left), value(right));
            let by_value = (&left, left_id).cmp(&(&right, right_id));
            let turned = listing.descending && left.is_some();
            left.is_none().cmp(&right.is_none()).then(if turned { by_value.reverse() } else { by_value })
        });
        meant.into_iter().map(|(id, _)| *id).collect()
    }
}

fn folded(text: &str) -> String {
    comparison::key(text, false).into_owned()
}

fn begins(user: &Object, search: &str) -> bool {
    let keys = index::keys(&user_type(), user);
    keys.iter().any(|key| {
        let prefix = comparison::key(search, &*key.path == "externalId").into_owned();
        SEARCHED.contains(&&*key.path) && key.key.starts_with(&prefix)
    })
}

fn listing(sort: Sort) -> Listing {
    Listing {
        resource_type: "User",
        search: None,
        searched: SEARCHED,
        active: None,
        sort,
        descending: false,
        after: None,
        limit: 97,
    }
}

async fn check_every_list_has_everybody_once_in_its_order(kind: &Kind) {
    let directory = Directory::new(kind).await;
    for sort in
        [Sort::Attribute("userName"), Sort::Attribute("displayName"), Sort::Created, Sort::LastModified]
    {
        for descending in [false, true] {
            for active in [None, Some(true), Some(false)] {
                let listing = Listing { descending, active, ..listing(sort) };
                assert_eq!(directory.walk(&listing).await, directory.expected(&listing), "{listing:?}");
            }
        }
    }
}

#[test]
fn every_list_has_everybody_once_in_its_order() {
    runtime().block_on(check_every_list_has_everybody_once_in_its_order(&Kind::Sqlite));
}

#[test]
fn every_list_has_everybody_once_in_its_order_in_postgres() {
    on_postgres(async |kind| check_every_list_has_everybody_once_in_its_order(kind).await);
}

async fn check_a_search_that_few_meet_is_sorted(kind: &Kind) {
    let directory = Directory::new(kind).await;
    for search in [
        "family3",
        "FAMILY3",
        "Person 7",
        "y12",
        "E17",
        "e17",
        "zoë.0000",
        "ada.00000",
        "nobody",
        "\u{10ffff}",
    ] {
        for sort in [Sort::Attribute("userName"), Sort::Attribute("displayName"), Sort::Created] {
            for descending in [false, true] {
                let listing = Listing { search: Some(search.to_owned()), descending, ..listing(sort) };
                assert_eq!(directory.walk(&listing).await, directory.expected(&listing), "{listing:?}");
            }
        }
    }
}

#[test]
fn a_search_that_few_meet_is_sorted() {
    runtime().block_on(check_a_search_that_few_meet_is_sorted(&Kind::Sqlite));
}

#[test]
fn a_search_that_few_meet_is_sorted_in_postgres() {
    on_postgres(async |kind| check_a_search_that_few_meet_is_sorted(kind).await);
}

async fn check_a_search_that_many_meet_finds_everybody_once(kind: &Kind) {
    let directory = Directory::new(kind).await;
    for (search, active) in [("family", None), ("z", None), ("z", Some(false)), ("", None)] {
        let listing =
            Listing { search: Some(search.to_owned()), active, ..listing(Sort::Attribute("userName")) };
        let mut found = directory.walk(&listing).await;
        let mut expected = directory.expected(&listing);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{listing:?}");
    }
}

#[test]
fn a_search_that_many_meet_finds_everybody_once() {
    runtime().block_on(check_a_search_that_many_meet_finds_everybody_once(&Kind::Sqlite));
}

#[test]
fn a_search_that_many_meet_finds_everybody_once_in_postgres() {
    on_postgres(async |kind| check_a_search_that_many_meet_finds_everybody_once(kind).await);
}

async fn check_a_list_goes_on_when_the_place_where_it_was_is_gone(kind: &Kind) {
    let directory = Directory::new(kind).await;
    let listing = listing(Sort::Attribute("userName"));
    let page = directory.under.records.list(directory.under.source, listing.clone()).await.expect("a page");
    let last = page.resources.last().expect("somebody").id;
    let (_, user) = directory.users.iter().find(|(id, _)| *id == last).expect("one of ours");
    let keys = index::keys(&user_type(), user);
    directory
        .apply(vec![Write::Delete { resource_type: "User".to_owned(), id: last, expected: 1, keys }])
        .await;
    let rest = directory.walk(&Listing { after: page.next, ..listing.clone() }).await;
    assert_eq!(rest, directory.expected(&listing)[97..]);
}

#[test]
fn a_list_goes_on_when_the_place_where_it_was_is_gone() {
    runtime().block_on(check_a_list_goes_on_when_the_place_where_it_was_is_gone(&Kind::Sqlite));
}

#[test]
fn a_list_goes_on_when_the_place_where_it_was_is_gone_in_postgres() {
    on_postgres(async |kind| check_a_list_goes_on_when_the_place_where_it_was_is_gone(kind).await);
}

async fn check_counts_follow_what_comes_and_goes(kind: &Kind) {
    let directory = Directory::new(kind).await;
    let count = || directory.under.records.count(directory.under.source, "User");
    assert_eq!(count().await.expect("a count"), MANY as u64);
    let (first, user) = &directory.users[0];
    let keys = index::keys(&user_type(), user);
    directory
        .apply(vec![Write::Delete { resource_type: "User".to_owned(), id: *first, expected: 1, keys }])
        .await;
    assert_eq!(count().await.expect("a count"), MANY as u64 - 1);
    assert_eq!(directory.under.records.count(directory.under.source, "Group").await.expect("a count"), 0);
    let place = Some(ListPosition::Id(id(MANY)));
    let behind = Listing { after: place, ..listing(Sort::Created) };
    assert!(directory.walk(&behind).await.is_empty());
}

#[test]
fn counts_follow_what_comes_and_goes() {
    runtime().block_on(check_counts_follow_what_comes_and_goes(&Kind::Sqlite));
}

#[test]
fn counts_follow_what_comes_and_goes_in_postgres() {
    on_postgres(async |kind| check_counts_follow_what_comes_and_goes(kind).await);
}

async fn check_a_page_of_large_resources_ends_early(kind: &Kind) {
    let large = |number: usize| {
        let mut user = user(number);
        user.insert("addresses".to_owned(), json!([{"formatted": "x".repeat(LARGE)}]));
        (id(number), user)
    };
    let directory = Directory::of(kind, (0..11).map(large).collect()).await;
    for (sort, search) in
        [(Sort::Attribute("displayName"), None), (Sort::Created, Some("y")), (Sort::LastModified, None)]
    {
        let listing = Listing { search: search.map(str::to_owned), limit: 100, ..listing(sort) };
        assert_eq!(directory.walk(&listing).await, directory.expected(&listing), "{listing:?}");
    }
}

#[test]
fn a_page_of_large_resources_ends_early() {
    runtime().block_on(check_a_page_of_large_resources_ends_early(&Kind::Sqlite));
}

#[test]
fn a_page_of_large_resources_ends_early_in_postgres() {
    on_postgres(check_a_page_of_large_resources_ends_early);
}

/// Somebody who has several values that are searched for is one of those who are found.
async fn check_a_search_for_what_somebody_has_several_of_misses_nobody(kind: &Kind) {
    let twice = |number: usize| {
        let user = json!({"userName": format!("u{number:05}"), "emails": [
            {"value": format!("mail-{number:05}-a@example.com")}, {"value": format!("mail-{number:05}-b@example.com")},
        ]});
        (id(number), user.as_object().expect("an object").clone())
    };
    // More addresses than a list sorts in memory, of fewer people.
    let directory = Directory::of(kind, (0..1_500).map(twice).collect()).await;
    let listing =
        Listing { search: Some("mail-".to_owned()), limit: 1_000, ..listing(Sort::Attribute("userName")) };
    let mut found = directory.walk(&listing).await;
    found.sort_unstable();
    assert_eq!(found, directory.users.iter().map(|(id, _)| *id).collect::<Vec<_>>());
}

#[test]
fn a_search_for_what_somebody_has_several_of_misses_nobody() {
    runtime().block_on(check_a_search_for_what_somebody_has_several_of_misses_nobody(&Kind::Sqlite));
}

#[test]
fn a_search_for_what_somebody_has_several_of_misses_nobody_in_postgres() {
    on_postgres(check_a_search_for_what_somebody_has_several_of_misses_nobody);
}
