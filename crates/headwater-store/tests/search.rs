//! Searches in the database against the filter's own evaluation: whatever SQL makes of a filter,
//! the same resources come out, page by page, from both stores.

mod support;

use std::{collections::BTreeMap, sync::Arc};

use headwater_scim::{
    Object, filter::Filter, index, registry::Registry, resource, resource_type::ResourceType, sort,
};
use headwater_store::{ChangeSet, Include, Query, ResourceId, Selection, Start, Write};
use headwater_testkit::{Model, attributes, filter};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};
use support::{Kind, Under, on_postgres, runtime};
use uuid::Uuid;

const BASE: &str = "https://x.example/v2";

struct Directory {
    under: Under,
    /// What answers show, without meta, in the order of the ids.
    shown: BTreeMap<ResourceId, (String, Object)>,
}

fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::built_in().resource_type(name).expect("built in"))
}

fn id(number: usize) -> ResourceId {
    ResourceId(uuid::Builder::from_unix_timestamp_millis(1_000 + number as u64, &[3; 10]).into_uuid())
}

impl Directory {
    async fn new(kind: &Kind, users: Vec<Object>) -> Self {
        let mut directory = Self { under: Under::new(kind).await, shown: BTreeMap::new() };
        let count = users.len();
        for (number, mut user) in users.into_iter().enumerate() {
            user.insert("userName".to_owned(), format!("User{}-{number}", number % 3).into());
            directory.create("User", number, user, &[]).await;
        }
        for group in 0..4 {
            let attributes = json!({"displayName": format!("Group {group}")});
            let mut members: Vec<usize> =
                (0..count).filter(|user| user % (group + 1) == 0 && group < 3).collect();
            if group == 3 {
                members = vec![1_001, 1_002, 1_003]; // groups, and itself among them
            }
            directory
                .create("Group", 1_000 + group, attributes.as_object().expect("an object").clone(), &members)
                .await;
        }
        directory
    }

    async fn create(&mut self, type_name: &str, number: usize, attributes: Object, members: &[usize]) {
        let resource_type = resource_type(type_name);
        let id = id(number);
        let document = resource::document(&resource_type, &id.to_string(), &attributes);
        let mut member_texts: Vec<String> =
            members.iter().map(|member| self::id(*member).to_string()).collect();
        if type_name == "Group" && !members.is_empty() {
            member_texts.push("nobody".to_owned());
        }
        let write = Write::Create {
            resource_type: type_name.to_owned(),
            id,
            document: document.clone(),
            keys: index::keys(&resource_type, &attributes),
            display: resource_type.display(&attributes).map(str::to_owned),
            has_references: false,
            members: member_texts.clone(),
            secrets: Vec::new(),
        };
        self.apply(write).await;
        let mut shown: Object = serde_json::from_str(&document).expect("an object");
        let elements: Vec<Value> = member_texts.iter().map(|text| self.element(text)).collect();
        let users_of = |member: usize| match member {
            1_001 => (0..self.shown.len()).filter(|user| user % 2 == 0).collect(),
            1_002 => (0..self.shown.len()).filter(|user| user % 3 == 0).collect(),
            user => vec![user],
        };
        let mut users: Vec<usize> = members.iter().flat_map(|member| users_of(*member)).collect();
        users.sort_unstable();
        users.dedup();
        let kind = if members.first().is_some_and(|first| *first >= 1_000) { "indirect" } else { "direct" };
        for user in users {
            let group = group_element(id, type_name, &attributes, kind);
            let Some((name, user)) = self.shown.get_mut(&self::id(user)) else { continue };
            if name == "User" {
                let groups = user.entry("groups").or_insert_with(|| json!([]));
                groups.as_array_mut().expect("a list").push(group);
            }
        }
        if !elements.is_empty() {
            shown.insert("members".to_owned(), elements.into());
        }
        self.shown.insert(id, (type_name.to_owned(), shown));
    }

    /// A member as answers show it.
    fn element(&self, text: &str) -> Value {
        let known = ResourceId::parse(text).and_then(|id| self.shown.get(&id).map(|shown| (id, shown)));
        match known {
            None => json!({"value": text}),
            Some((id, (type_name, attributes))) => {
                let mut element =
                    json!({"value": text, "type": type_name, "$ref": format!("{BASE}/{type_name}s/{id}")});
                if let Some(display) =
                    attributes.get("displayName").filter(|display| display.as_str() != Some(""))
                {
                    element["display"] = display.clone();
                }
                element
            }
        }
    }

    async fn apply(&self, write: Write) {
        let change_set = ChangeSet {
            source: self.under.source,
            revision: 0,
            requires: Vec::new(),
            actor: Uuid::nil(),
            request_id: Uuid::nil(),
            at: 1_000,
            writes: vec![write.into()],
        };
        self.under.store.apply(change_set).await.expect("applied");
    }

    async fn found(
        &self,
        type_name: &str,
        filter: &Filter,
        offset: u64,
        limit: usize,
    ) -> (u64, Vec<ResourceId>) {
        let mut query = query(type_name, Some(filter.clone()), None);
        query.start = Start::Offset(offset);
        query.limit = limit;
        let page = self.under.store.search(self.under.source, query).await.expect("an answer");
        let total = page.total.expect("counted");
        (total, page.resources.into_iter().map(|resource| resource.id).collect())
    }

    /// Reads a list by cursors to its end and back, and by offsets; all give the same.
    async fn walk(&self, query: &Query) -> Vec<ResourceId> {
        let mut found = Vec::new();
        let mut pages = Vec::new();
        let mut start = Start::Offset(0);
        loop {
            let query = Query { start: start.clone(), counted: found.is_empty(), ..query.clone() };
            let page = self.under.store.search(self.under.source, query).await.expect("an answer");
            let ids: Vec<ResourceId> = page.resources.iter().map(|resource| resource.id).collect();
            found.extend(&ids);
            pages.push((ids, page.ends.clone()));
            match page.ends {
                Some((_, last)) if page.more_after => start = Start::After(last),
                _ => break,
            }
        }
        for position in (1..pages.len()).rev() {
            let (first, _) = pages[position].1.clone().expect("a page in the middle has resources");
            let query = Query { start: Start::Before(first), counted: false, ..query.clone() };
            let page = self.under.store.search(self.under.source, query).await.expect("an answer");
            let ids: Vec<ResourceId> = page.resources.iter().map(|resource| resource.id).collect();
            assert_eq!(ids, pages[position - 1].0, "backwards");
            assert_eq!(page.more_before, position > 1, "whether there are more before");
        }
        let mut by_offset = Vec::new();
        while by_offset.len() < found.len() {
            let query = Query { start: Start::Offset(by_offset.len() as u64), ..query.clone() };
            let page = self.under.store.search(self.under.source, query).await.expect("an answer");
            assert_eq!(page.total, Some(found.len() as u64));
            assert!(!page.resources.is_empty(), "a page behind {} has nothing", by_offset.len());
            by_offset.extend(page.resources.iter().map(|resource| resource.id));
        }
        assert_eq!(by_offset, found, "by offsets");
        found
    }

    fn expected(&self, type_name: &str, filter: &Filter) -> Vec<ResourceId> {
        let meeting =
            self.shown.iter().filter(|(_, (name, shown))| name == type_name && filter.matches(shown));
        meeting.map(|(id, _)| *id).collect()
    }

    async fn check(&self, type_name: &str, text: &str) -> Result<(), TestCaseError> {
        let filter = Filter::parse(text, &resource_type(type_name))
            .map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let expected = self.expected(type_name, &filter);
        let (total, found) = self.found(type_name, &filter, 0, 1_000).await;
        prop_assert_eq!(&found, &expected, "{}", text);
        prop_assert_eq!(total, expected.len() as u64, "{}", text);
        let (total, page) = self.found(type_name, &filter, 1, 2).await;
        prop_assert_eq!(total, expected.len() as u64);
        let second: Vec<ResourceId> = expected.into_iter().skip(1).take(2).collect();
        prop_assert_eq!(page, second, "{}", text);
        Ok(())
    }
}

/// A group as answers show it in its members.
fn group_element(id: ResourceId, type_name: &str, attributes: &Object, kind: &str) -> Value {
    json!({"value": id.to_string(), "type": kind, "$ref": format!("{BASE}/{type_name}s/{id}"), "display": attributes["displayName"]})
}

fn query(type_name: &str, filter: Option<Filter>, sort_by: Option<&str>) -> Query {
    let resource_type = resource_type(type_name);
    let sort_by = sort_by.map(|path| sort::parse(path, &resource_type).expect(path));
    Query {
        registry: Registry::built_in(),
        sorted: sort_by.is_some(),
        selections: vec![Selection { resource_type, filter, sort_by }],
        descending: false,
        start: Start::Offset(0),
        limit: 1_000,
        most_bytes: 32 << 20,
        counted: true,
        include: Include::default(),
        base_url: BASE.to_owned(),
    }
}

async fn check_filters(kind: &Kind, users: Vec<Object>, filters: Vec<Model>) -> Result<(), TestCaseError> {
    let directory = Directory::new(kind, users).await;
    for model in filters {
        directory.check("User", &model.text()).await?;
    }
    Ok(())
}

fn users_and_filters() -> impl Strategy<Value = (Vec<Object>, Vec<Model>)> {
    (prop::collection::vec(attributes(), 25), prop::collection::vec(filter(), 60))
}

/// Shows FLT-002, GET-007.
#[test]
fn any_filter_finds_in_the_database_what_it_means() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 12, ..ProptestConfig::default() });
    runner
        .run(&users_and_filters(), |(users, filters)| {
            runtime().block_on(check_filters(&Kind::Sqlite, users, filters))
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_filter_finds_in_postgres_what_it_means() {
    on_postgres(async |kind| {
        for (users, filters) in some(&users_and_filters(), 12) {
            check_filters(kind, users, filters).await.unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

/// Some random values.
fn some<T: Strategy>(strategy: &T, count: usize) -> Vec<T::Value> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect()
}

/// Pairs of bounds, on what has one value and on what has several, and their inside and outside.
fn bounds() -> Vec<String> {
    let texts = ["", "c", "m", "user1", "user2", "zz"];
    let mut filters = Vec::new();
    for path in ["userName", "title", "externalId", "name.familyName", "emails.value", "emails.type"] {
        for (low, high) in [("gt", "lt"), ("ge", "le")] {
            let pairs = texts.iter().flat_map(|from| texts.iter().map(move |to| (from, to)));
            filters.extend(
                pairs.map(|(from, to)| format!("{path} {low} \"{from}\" and {path} {high} \"{to}\"")),
            );
        }
    }
    let pair = "emails.value gt \"m\" and emails.value lt \"d\"";
    filters.extend([
        pair.to_owned(),
        format!("emails[{}]", pair.replace("emails.", "")),
        format!("not ({pair})"),
        "userName lt \"user2\" and title ge \"c\" and userName gt \"user0\" and title le \"m\"".to_owned(),
        "userName gt \"user0\" and userName gt \"user1\" and userName lt \"user2\"".to_owned(),
        "userName gt \"user1\" and userName lt \"user2\" and userName ne \"user1-1\"".to_owned(),
        "userName gt \"user1\" and userName lt \"user2\" or title gt \"m\" and title lt \"n\"".to_owned(),
        "externalId ge null and externalId lt \"z\"".to_owned(),
        format!("title ge \"a\" and title lt \"{}\"", "z".repeat(2_000)),
    ]);
    filters
}

fn users_with_several_values() -> Vec<Object> {
    let mut users = some(&attributes(), 25);
    let several =
        json!({"title": "dean", "emails": [{"value": "Alan@x", "type": "work"}, {"value": "zoe@x"}]});
    let one = json!({"title": "x".repeat(2_000), "emails": [{"value": "eve@x", "type": "home"}]});
    users.extend([several, one].map(|user| user.as_object().expect("an object").clone()));
    users
}

async fn check_bounds(kind: &Kind) {
    let directory = Directory::new(kind, users_with_several_values()).await;
    for text in bounds() {
        // What the grammar doesn't have isn't asked for.
        if Filter::parse(&text, &resource_type("User")).is_ok() {
            directory.check("User", &text).await.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn a_pair_of_bounds_finds_what_it_means() {
    runtime().block_on(check_bounds(&Kind::Sqlite));
}

#[test]
fn a_pair_of_bounds_finds_in_postgres_what_it_means() {
    on_postgres(async |kind| check_bounds(kind).await);
}

type Walk = (Option<Model>, Option<&'static str>, bool, usize);

fn users_and_walks() -> impl Strategy<Value = (Vec<Object>, Vec<Walk>)> {
    let paths = [
        "userName",
        "title",
        "name.familyName",
        "emails",
        "emails.type",
        "active",
        "externalId",
        "id",
        "meta.created",
    ];
    let walks = (
        prop::option::of(filter()),
        prop::option::of(prop::sample::select(paths.to_vec())),
        any::<bool>(),
        1..9_usize,
    );
    (prop::collection::vec(attributes(), 30), prop::collection::vec(walks, 25))
}

async fn check_walks(kind: &Kind, users: Vec<Object>, walks: Vec<Walk>) -> Result<(), TestCaseError> {
    let directory = Directory::new(kind, users).await;
    for (model, sort_by, descending, limit) in walks {
        let filter =
            model.map(|model| Filter::parse(&model.text(), &resource_type("User")).expect("a filter"));
        let query = Query { descending, limit, ..query("User", filter.clone(), sort_by) };
        let found = directory.walk(&query).await;
        let path = query.selections[0].sort_by.as_ref();
        let mut expected: Vec<_> = directory
            .shown
            .iter()
            .filter(|(_, (name, shown))| {
                name == "User" && filter.as_ref().is_none_or(|filter| filter.matches(shown))
            })
            .map(|(id, (_, shown))| {
                let key = path.and_then(|path| match path.to_string().as_str() {
                    "meta.created" => Some(String::new()), // the same for all
                    _ => sort::key(path, shown),
                });
                (key.is_none(), key, *id)
            })
            .collect();
        expected.sort();
        if descending && sort_by.is_some() {
            expected.reverse();
        }
        let expected: Vec<ResourceId> = expected.into_iter().map(|(_, _, id)| id).collect();
        prop_assert_eq!(found, expected, "{:?} by {:?} descending {}", filter, sort_by, descending);
    }
    Ok(())
}

/// Shows SRT-002, SRT-005, SRT-008, PAG-007, PAG-009, CUR-005, CUR-006, CUR-007, CUR-008, CUR-015.
#[test]
fn any_order_is_read_page_by_page_without_a_gap() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 8, ..ProptestConfig::default() });
    runner
        .run(&users_and_walks(), |(users, walks)| {
            runtime().block_on(check_walks(&Kind::Sqlite, users, walks))
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_order_is_read_from_postgres_page_by_page_without_a_gap() {
    on_postgres(async |kind| {
        for (users, walks) in some(&users_and_walks(), 8) {
            check_walks(kind, users, walks).await.unwrap_or_else(|error| panic!("{error}"));
        }
    });
}
async fn check_several_types(kind: &Kind) {
    let users =
        (0..5).map(|n| json!({"displayName": format!("n{n}")}).as_object().expect("an object").clone());
    let directory = Directory::new(kind, users.collect()).await;
    for (sort_by, descending) in [(None, false), (Some("displayName"), false), (Some("displayName"), true)] {
        let mut both = Query { descending, limit: 2, ..query("User", None, sort_by) };
        both.selections.extend(query("Group", None, sort_by).selections);
        let mut found = directory.walk(&both).await;
        assert_eq!(found.len(), 9);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 9);
    }
}

/// A query over several types has each resource once, sorted across the types.
#[test]
fn several_types_are_read_in_one_order() {
    runtime().block_on(check_several_types(&Kind::Sqlite));
}

#[test]
fn several_types_are_read_from_postgres_in_one_order() {
    on_postgres(async |kind| check_several_types(kind).await);
}
async fn check_known_filters(kind: &Kind) {
    let users: Vec<Object> = (0..12)
        .map(|number| {
            let user = json!({
                "displayName": format!("Name {}", number % 4),
                "active": number % 2 == 0,
                "emails": [{"value": format!("u{number}@x"), "type": if number % 3 == 0 { "work" } else { "home" }}],
            });
            user.as_object().expect("an object").clone()
        })
        .collect();
    let (user, group) = (id(4).to_string(), id(1_001).to_string());
    let many_ids = vec!["id eq \"\""; 600].join(" or ");
    let many_names = (0..500).map(|n| format!("id eq \"{n}\"")).collect::<Vec<_>>().join(" or ");
    let of_users = [
        format!("id eq \"{user}\""),
        format!("id eq \"{}\"", user.to_uppercase()),
        format!("id ne \"{user}\""),
        format!("id eq \"{user}\" and userName pr"),
        format!("not (id eq \"{user}\") and active eq true"),
        "id sw \"0\"".to_owned(),
        format!("groups eq \"{group}\""),
        format!("groups.value ne \"{group}\""),
        format!("groups[value eq \"{group}\" and display eq \"group 1\"]"),
        format!("groups[value eq \"{group}\" or display eq \"Group 2\"]"),
        format!("not (groups[value eq \"{group}\"]) and displayName eq \"name 1\""),
        format!("groups.$ref eq \"{BASE}/Groups/{group}\""),
        "groups pr".to_owned(),
        "not (groups pr)".to_owned(),
        "groups.display co \"2\"".to_owned(),
        "groups.type eq \"DIRECT\"".to_owned(),
        "groups.type eq \"indirect\"".to_owned(),
        "groups[type eq \"indirect\" and display sw \"group\"]".to_owned(),
        format!("groups.value eq \"{}\"", id(1_003)),
        format!("groups.value ne \"{}\"", id(1_003)),
        "title pr".to_owned(),
        "displayName pr and not (title pr)".to_owned(),
        "groups eq null".to_owned(),
        "groups ne null".to_owned(),
        "active eq true".to_owned(),
        "active eq false and userName sw \"USER1\"".to_owned(),
        "userName eq \"user0-3\"".to_owned(),
        "userName sw \"user0\" or userName sw \"user2\"".to_owned(),
        "userName gt \"user1\" and userName lt \"user2\"".to_owned(),
        "emails.value eq \"U3@X\"".to_owned(),
        "emails[value eq \"u3@x\" or type eq \"work\"]".to_owned(),
        "emails[type eq \"work\" and value co \"u\"] or displayName eq \"Name 2\"".to_owned(),
        "emails[type eq \"work\"].value eq \"u3@x\"".to_owned(),
        "emails[type eq \"work\"].value ne \"u3@x\"".to_owned(),
        "emails.value ew \"5@x\" or emails.value co \"u1\"".to_owned(),
        "schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"".to_owned(),
        many_ids,
        many_names,
    ];
    let of_groups = [
        format!("members eq \"{user}\""),
        format!("members.value eq \"{user}\" and id eq \"{group}\""),
        format!("members[value eq \"{user}\"]"),
        format!("members[value eq \"{user}\" and type eq \"User\"]"),
        format!("members.value eq \"{}\"", user.to_uppercase()),
        format!("members.value ne \"{user}\""),
        format!("members.$ref eq \"{BASE}/Users/{user}\""),
        "members eq \"nobody\"".to_owned(),
        "members eq \"NOBODY\"".to_owned(),
        "members.value eq \"\"".to_owned(),
        "members pr".to_owned(),
        "not (members pr)".to_owned(),
        "members eq null".to_owned(),
        "members.type pr".to_owned(),
        "members[not (type pr)]".to_owned(),
        "members.display eq \"name 3\"".to_owned(),
        "members.display co \"nothing\"".to_owned(),
        "displayName eq \"GROUP 2\"".to_owned(),
        "displayName ge \"group 1\" and not (displayName eq \"group 2\")".to_owned(),
        "externalId pr".to_owned(),
    ];
    let directory = Directory::new(kind, users).await;
    for text in of_users {
        directory.check("User", &text).await.unwrap_or_else(|error| panic!("{error}"));
    }
    for text in of_groups {
        directory.check("Group", &text).await.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Filters about memberships, ids and moments, and shapes that once went wrong.
///
/// Shows FLT-002, FLT-044.
#[test]
fn filters_about_what_the_server_knows() {
    runtime().block_on(check_known_filters(&Kind::Sqlite));
}

#[test]
fn filters_about_what_the_server_knows_on_postgres() {
    on_postgres(async |kind| check_known_filters(kind).await);
}
async fn check_moments(kind: &Kind) {
    let directory = Directory::new(kind, vec![Object::new(); 3]).await;
    // All were created at 1.000 s after 1970.
    for (text, total) in [
        ("meta.created eq \"1970-01-01T00:00:01Z\"", 3),
        ("meta.created eq \"1970-01-01T01:00:01.000+01:00\"", 3),
        ("meta.created eq \"1970-01-01T00:00:01.0001Z\"", 0),
        ("meta.lastModified gt \"1970-01-01T00:00:01Z\"", 0),
        ("meta.lastModified ge \"1970-01-01T00:00:01Z\"", 3),
        ("meta.lastModified ge \"1970-01-01T00:00:01.0001Z\"", 0),
        ("meta.lastModified gt \"1970-01-01T00:00:00.9999Z\"", 3),
        ("meta.lastModified lt \"1970-01-01T00:00:01.0001Z\"", 3),
        ("meta.lastModified le \"1970-01-01T00:00:00.9999Z\"", 0),
        ("meta.lastModified lt \"9999-12-31T23:59:59Z\" and meta.resourceType eq \"User\"", 3),
        ("not (meta.lastModified pr)", 0),
        ("meta.location ew \"x\"", 0),
    ] {
        let filter = Filter::parse(text, &resource_type("User")).expect("a filter");
        assert_eq!(directory.found("User", &filter, 0, 10).await.0, total, "{text}");
    }
}

/// Shows FLT-011, FLT-021.
#[test]
fn moments_are_compared_to_the_millisecond() {
    runtime().block_on(check_moments(&Kind::Sqlite));
}

#[test]
fn moments_are_compared_to_the_millisecond_on_postgres() {
    on_postgres(async |kind| check_moments(kind).await);
}

/// What many have comes page by page, be it too much for the thread on which it is asked for.
async fn check_common_values(kind: &Kind) {
    const USERS: usize = 2_500;
    let users = (0..USERS).map(|_| json!({"title": "Engineer"}).as_object().expect("an object").clone());
    let directory = Directory::new(kind, users.collect()).await;
    let filter = Filter::parse("title eq \"engineer\"", &resource_type("User")).expect("a filter");
    for offset in [0, 1_000, USERS - 10] {
        let (total, found) = directory.found("User", &filter, offset as u64, 100).await;
        assert_eq!(total, USERS as u64);
        let expected: Vec<ResourceId> = (offset..USERS).take(100).map(id).collect();
        assert_eq!(found, expected, "from {offset}");
    }
}

#[test]
fn what_many_have_is_found_page_by_page() {
    runtime().block_on(check_common_values(&Kind::Sqlite));
}

/// The memory of this process, in bytes, where it can be told: now, when it is marked, and the most since then.
struct Memory;

#[cfg(not(target_os = "linux"))]
impl Memory {
    fn mark() -> u64 {
        0
    }

    fn most() -> u64 {
        0
    }
}

#[cfg(target_os = "linux")]
impl Memory {
    fn mark() -> u64 {
        std::fs::write("/proc/self/clear_refs", "5").expect("the mark can be set back");
        Self::of("VmRSS:")
    }

    fn most() -> u64 {
        Self::of("VmHWM:")
    }

    fn of(name: &str) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("readable");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    }
}

async fn check_large_resources(kind: &Kind) {
    const LENGTH: usize = 4 << 20;
    const USERS: usize = 24;
    const PAGE: usize = 32 << 20;
    let users = (0..USERS).map(|number| {
        let mut user = json!({"addresses": [{"formatted": "x".repeat(LENGTH)}], "title": "Engineer"});
        if number % 2 == 0 {
            user["displayName"] = format!("Large {}", USERS - number).into();
        }
        user.as_object().expect("an object").clone()
    });
    let directory = Directory::new(kind, users.collect()).await;
    for (filter, sort_by) in [
        (None, None),
        (Some("title eq \"engineer\""), None),
        (Some("title sw \"engineer\""), None),
        (Some("title eq \"engineer\" and addresses.formatted sw \"x\""), None),
        (Some("addresses.formatted sw \"x\""), None),
        (Some("meta.created pr"), None),
        (None, Some("displayName")),
        (None, Some("addresses.region")),
        (Some("title eq \"engineer\""), Some("displayName")),
    ] {
        for descending in [false, true].into_iter().take(if sort_by.is_some() { 2 } else { 1 }) {
            let parsed = filter.map(|text| Filter::parse(text, &resource_type("User")).expect(text));
            let query = Query { descending, ..query("User", parsed, sort_by) };
            let label = format!("{filter:?} by {sort_by:?}, {descending}");
            let before = Memory::mark();
            let page = directory.under.store.search(directory.under.source, query.clone()).await;
            let page = page.expect("an answer");
            assert_eq!(page.total, Some(USERS as u64), "{label}");
            assert_eq!(page.resources.len(), PAGE / LENGTH, "{label}");
            drop(page);
            let grown = Memory::most().saturating_sub(before);
            assert!(grown < 4 * PAGE as u64, "{grown} bytes for {label}");
            if filter.is_none() {
                assert_eq!(directory.walk(&query).await.len(), USERS, "{label}");
            }
        }
    }
}

/// Shows PAG-003, PAG-007.
#[test]
fn large_resources_come_in_pages_that_there_is_room_for() {
    runtime().block_on(check_large_resources(&Kind::Sqlite));
}

#[test]
fn large_resources_come_from_postgres_in_pages_that_there_is_room_for() {
    on_postgres(async |kind| check_large_resources(kind).await);
}
