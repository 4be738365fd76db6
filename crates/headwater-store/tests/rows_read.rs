//! How many rows PostgreSQL reads for what is asked most, in a directory in which a bad plan shows: each
//! statement goes through an index, whether the statistics are old, missing or good, and whether it is
//! planned for its values or, prepared, for any.

mod support;

use std::{
    cell::RefCell,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_scim::{
    filter::Filter, index, patch::RelationEdit, path::AttributePath, registry::Registry,
    resource_type::ResourceType,
};
use headwater_store::{
    ChangeQuery, ChangeSet, Include, Listing, MemberId, Query, Records, ResourceId, Selection, Sort,
    SourceId, Start, Store, Write, postgres::PostgresStore,
};
use serde_json::json;
use support::Postgres;
use tokio_postgres::Client;
use uuid::Uuid;

const USERS: u128 = 50_000;
/// Groups of the first users, and one of all users and groups.
const GROUPS: u128 = 60;
const MEMBERS: u128 = 1_000;
const LARGE: u128 = USERS + GROUPS;
const SEARCHED: &[&str] = &["userName", "externalId"];
const KEYS: [&str; 3] = ["userName", "externalId", "emails.value"];
/// What a page of 100 may take: rows, their keys, their groups, and the way to all of these.
const PAGE: i64 = 1_500;
const FEW: i64 = 300;

const ALL: Include = Include { members: true, groups: true };
const WITH_GROUPS: Include = Include { members: false, groups: true };

fn id(number: u128) -> ResourceId {
    ResourceId(Uuid::from_u128(number << 64 | 7))
}

/// Adds users and groups, of which the last one holds the others, by SQL.
async fn fill(client: &Client, source: SourceId, users: Range<u128>, groups: Range<u128>) {
    let source = source.0;
    let id = |number: &str| format!("int8send({number}) || int8send(7)");
    let rows = |kind: &str, range: &Range<u128>| {
        let (first, last, id) = (range.start, range.end - 1, id("n"));
        format!(
            "INSERT INTO resource (source_id, id, type, version, created, last_modified, display, has_references, \
               member_count, document) \
             SELECT {source}, {id}, '{kind}', 1, n, n, 'd' || n, 0, 0, \
               '{{\"active\":true,\"emails\":[{{\"value\":\"key' || n || '\"}}]}}' \
             FROM generate_series({first}, {last}) n;"
        )
    };
    let keys = KEYS.iter().map(|path| {
        let (code, id) = (index::code("User", path), id("n"));
        let (first, last) = (users.start, users.end - 1);
        let is_unique = u8::from(*path == "userName");
        format!(
            "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) \
             SELECT {source}, {code}, 'key' || n, {id}, {is_unique} FROM generate_series({first}, {last}) n;"
        )
    });
    let members = |groups: Range<u128>, members: Range<u128>| {
        format!(
            "INSERT INTO membership (source_id, group_id, member_id) SELECT {source}, {}, {} \
             FROM generate_series({}, {}) g, generate_series({}, {}) m;",
            id("g"),
            id("m"),
            groups.start,
            groups.end - 1,
            members.start,
            members.end - 1
        )
    };
    let mut script = vec![rows("User", &users), rows("Group", &groups)];
    script.extend(keys);
    script.push(members(groups.start..groups.end.min(LARGE), users.start..users.end.min(MEMBERS)));
    script.push(members(LARGE..LARGE + 1, users.clone()));
    script.push(members(LARGE..LARGE + 1, groups.start..groups.end.min(LARGE)));
    script.push(format!(
        "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, version) \
         SELECT {source}, n + 1, n, {0}, {0}, 'create', 'User', {0}, 1 FROM generate_series({1}, {2}) n;",
        id("n"),
        users.start,
        users.end - 1
    ));
    client.batch_execute(&script.concat()).await.expect("filled");
}

/// Sets right what [`fill`] leaves out.
async fn complete(client: &Client, source: SourceId) {
    let source = source.0;
    client
        .batch_execute(&format!(
            "INSERT INTO stretch (source_id, type, first_id, resources) \
             SELECT {source}, type, CASE WHEN place = 0 THEN ''::BYTEA ELSE id END, LEAST(500, all_of_them - place) \
             FROM (SELECT type, id, ROW_NUMBER() OVER (PARTITION BY type ORDER BY id) - 1 AS place, \
               COUNT(*) OVER (PARTITION BY type) AS all_of_them FROM resource WHERE source_id = {source}) r \
             WHERE place % 500 = 0;
             UPDATE source_sequence SET last = {USERS} WHERE source_id = {source};
             UPDATE resource SET member_count = (SELECT COUNT(*) FROM membership \
               WHERE source_id = {source} AND group_id = resource.id) \
             WHERE source_id = {source} AND type = 'Group';
             INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) \
             SELECT {source}, {}, '{}', id, 0 FROM resource WHERE source_id = {source} ORDER BY id LIMIT 20;",
            index::code("User", "manager"),
            id(4)
        ))
        .await
        .expect("completed");
}

/// Counts what is read.
struct Counting {
    client: Client,
    /// What has read too many.
    excesses: RefCell<Vec<String>>,
}

impl Counting {
    /// The rows and index entries of the large tables that were read until now. Connections tell when
    /// they end: so all others are ended.
    async fn read(&self) -> i64 {
        let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let began = Instant::now();
        while self.client.query_one(end, &[]).await.expect("ended").get::<_, i64>(0) > 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "the connections end");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let read = "SELECT ((SELECT SUM(seq_tup_read) FROM pg_stat_user_tables WHERE relname = ANY($1)) \
                    + (SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = ANY($1)))::BIGINT";
        let tables: &[&str] = &["resource", "resource_key", "membership", "change", "change_member"];
        self.client.query_one(read, &[&tables]).await.expect("counted").get(0)
    }

    /// Notes when what is done reads more rows than this.
    async fn at_most<T>(&self, most: i64, what: &str, work: impl Future<Output = T>) -> T {
        let before = self.read().await;
        let done = work.await;
        let read = self.read().await - before;
        if read > most {
            self.excesses.borrow_mut().push(format!("{what}: {read} rows, and not up to {most}"));
        }
        done
    }
}

fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::built_in().resource_type(name).expect("built in"))
}

fn query(type_name: &str, filter: Option<&str>, offset: u64, include: Include) -> Query {
    let resource_type = resource_type(type_name);
    let filter = filter.map(|filter| Filter::parse(filter, &resource_type).expect("a filter"));
    Query {
        registry: Registry::built_in(),
        selections: vec![Selection { resource_type, filter, sort_by: None }],
        sorted: false,
        descending: false,
        start: Start::Offset(offset),
        limit: 100,
        most_bytes: 32 << 20,
        counted: true,
        include,
        base_url: String::new(),
    }
}

fn sorted(path: &str) -> Query {
    let mut query = query("User", None, 0, WITH_GROUPS);
    let resource_type = resource_type("User");
    query.selections[0].sort_by = Some(AttributePath::parse(path, &resource_type).expect("a path"));
    query.sorted = true;
    query
}

async fn apply(store: &PostgresStore, source: SourceId, write: Write) {
    let change_set = ChangeSet {
        source,
        revision: 0,
        actor: Uuid::nil(),
        request_id: Uuid::nil(),
        at: 5,
        requires: Vec::new(),
        writes: vec![write.into()],
    };
    store.apply(change_set).await.expect("applied");
}

fn edit(group: u128, edit: RelationEdit) -> Write {
    Write::Update {
        resource_type: "Group".to_owned(),
        id: id(group),
        expected: None,
        document: None,
        members: vec![edit],
        secrets: Vec::new(),
    }
}

/// What identity providers read of resources.
async fn resources(store: &PostgresStore, source: SourceId, counting: &Counting) {
    let get = async |what, most, type_name, number, include| {
        let get = store.resource(source, type_name, id(number), include);
        counting.at_most(most, what, get).await.expect("read").expect("there")
    };
    let user = get("a user in one group", 50, "User", USERS - 1, WITH_GROUPS).await;
    assert_eq!(user.groups.map(|groups| groups.len()), Some(1));
    let user = get("a user in most groups", 500, "User", 500, WITH_GROUPS).await;
    assert_eq!(user.groups.map(|groups| groups.len()), Some(58));
    let group = get("a group", 2_500, "Group", LARGE - 1, ALL).await;
    assert_eq!(group.members.map(|page| (page.members.len(), page.more)), Some((980, false)));
    let group = get("a large group", 2_500, "Group", LARGE, ALL).await;
    assert_eq!(group.members.map(|page| (page.members.len(), page.more)), Some((1_000, true)));
    let after = MemberId::from(id(20_000));
    let members = store.members_after(source, id(LARGE), &after);
    let members = counting.at_most(2_500, "members of a large group", members).await.expect("read").members;
    assert_eq!(members[0].id, id(20_001).into());
    let ids = [id(4), id(LARGE), id(1 << 40)];
    let names = counting.at_most(FEW, "names", store.names(source, &ids)).await.expect("read");
    assert_eq!(names.len(), 2);
    let referrers = store.referrers(source, "User", "manager", id(4), 100);
    assert_eq!(counting.at_most(FEW, "referrers", referrers).await.expect("read").len(), 20);
}

/// Lists and filters.
async fn lists(store: &PostgresStore, source: SourceId, counting: &Counting) {
    let list = async |what: &str, most, query| {
        let page = counting.at_most(most, what, store.search(source, query)).await.expect("read");
        page.resources.iter().map(|resource| resource.id).collect::<Vec<_>>()
    };
    let users = |offset| query("User", None, offset, WITH_GROUPS);
    assert_eq!(list("the first page", 10_000, users(0)).await[0], id(0));
    assert_eq!(list("a page far behind", PAGE, users(40_300)).await[0], id(40_300));
    let groups = Query { limit: 5, ..query("Group", None, 0, ALL) };
    assert_eq!(list("groups with their members", 15_000, groups).await[0], id(USERS + 1));
    for (filter, most, first) in [
        ("userName eq \"key700\"", FEW, 700),
        ("externalId eq \"key70\"", FEW, 70),
        ("emails.value eq \"key40000\"", FEW, 40_000),
        ("userName eq \"key700\" or emails.value eq \"key40000\"", FEW, 700),
        ("userName eq \"key4000\" and active eq true", FEW, 4_000),
        ("userName sw \"key4567\"", FEW, 4_567),
        ("emails[value eq \"key4567\"]", FEW, 4_567),
        ("userName ge \"key4567\" and userName lt \"key4568\"", FEW, 4_567),
        ("id eq \"00000000-0000-1000-0000-000000000007\"", FEW, 4_096),
    ] {
        let found = list(filter, most, query("User", Some(filter), 0, WITH_GROUPS)).await;
        assert_eq!(found.first(), Some(&id(first)), "{filter}");
    }
    let member = format!("members.value eq \"{}\"", id(30_000));
    assert_eq!(list(&member, FEW, query("Group", Some(&member), 0, WITH_GROUPS)).await, [id(LARGE)]);
}

/// Changes, of which each round has its own.
async fn changes(store: &PostgresStore, source: SourceId, counting: &Counting, round: u128) {
    let change = async |what: &str, write| counting.at_most(FEW, what, apply(store, source, write)).await;
    let new = USERS * 2 + round;
    let attributes = json!({"userName": format!("new{round}")});
    let attributes = attributes.as_object().expect("an object");
    let keys = index::keys(&resource_type("User"), attributes);
    let create = Write::Create {
        resource_type: "User".to_owned(),
        id: id(new),
        document: "{}".to_owned(),
        keys: keys.clone(),
        display: None,
        has_references: false,
        members: Vec::new(),
        secrets: Vec::new(),
    };
    change("a user comes", create).await;
    let member = vec![id(new).to_string()];
    for group in [LARGE - 1, LARGE] {
        change("a member comes", edit(group, RelationEdit::Add(member.clone()))).await;
        change("a member goes", edit(group, RelationEdit::Remove(member.clone()))).await;
    }
    change("a member comes", edit(LARGE, RelationEdit::Add(member.clone()))).await;
    let delete = Write::Delete { resource_type: "User".to_owned(), id: id(new), expected: 1, keys };
    change("a user goes", delete).await;
}

/// Many members at once, in each round others.
async fn many_members(store: &PostgresStore, source: SourceId, counting: &Counting, round: u128) {
    let first = USERS * 3 + round * MEMBERS;
    let members: Vec<String> = (first..first + MEMBERS).map(|number| id(number).to_string()).collect();
    let add = edit(LARGE, RelationEdit::Add(members.clone()));
    counting.at_most(5_000, "members come", apply(store, source, add)).await;
    let remove = edit(LARGE, RelationEdit::Remove(members));
    counting.at_most(7_000, "members go", apply(store, source, remove)).await;
    // From all over the group, and back again.
    let members: Vec<String> = (0..USERS).step_by(50).map(|number| id(number).to_string()).collect();
    let remove = edit(LARGE, RelationEdit::Remove(members.clone()));
    counting.at_most(7_000, "members of all ages go", apply(store, source, remove)).await;
    counting
        .at_most(7_000, "they come again", apply(store, source, edit(LARGE, RelationEdit::Add(members))))
        .await;
}

/// What is read in an order, for people as a rule.
async fn in_order(store: &PostgresStore, source: SourceId, counting: &Counting) {
    let page = counting.at_most(PAGE, "a sorted page", store.search(source, sorted("userName"))).await;
    assert_eq!(page.expect("a page").resources[0].id, id(0));
    let records = Records::from(store.clone());
    for (search, sort) in
        [(None, Sort::Created), (None, Sort::LastModified), (Some("key4321"), Sort::Created)]
    {
        let what = format!("a list for people: {search:?}, {sort:?}");
        let listing = Listing {
            resource_type: "User",
            search: search.map(str::to_owned),
            searched: SEARCHED,
            active: None,
            sort,
            descending: false,
            after: None,
            limit: 50,
        };
        counting.at_most(PAGE, &what, records.list(source, listing)).await.expect("a page");
    }
    for resource in [None, Some(id(5))] {
        let query = ChangeQuery { resource, limit: 50, ..ChangeQuery::default() };
        // What came and went with each change is counted.
        counting.at_most(20_000, "the journal", records.changes(source, query)).await.expect("lines");
    }
}

#[test]
fn what_is_asked_most_reads_few_rows_whatever_the_statistics_and_plans() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let postgres = Postgres::new().await;
        let counting = Counting { client: postgres.client().await, excesses: RefCell::default() };
        let source = Postgres::source(&counting.client, "s").await;
        // In this database alone: other tests are on others of the same cluster.
        let any_values = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', \
                          current_database()); END $$";
        let sets_right = [
            // A directory that was small a moment ago, so that nobody has counted since.
            ("old statistics", ""),
            ("no statistics", "DELETE FROM pg_statistic"),
            ("good statistics", "ANALYZE"),
            // What is prepared is carried out like this in the end.
            ("plans for any values", any_values),
            ("plans for any values and no statistics", "DELETE FROM pg_statistic"),
        ];
        // What fills is not counted, as its connections end before.
        let client = postgres.client().await;
        fill(&client, source, 0..20, USERS + 1..USERS + 3).await;
        client.batch_execute("ANALYZE").await.expect("analyzed");
        fill(&client, source, 20..USERS, USERS + 3..LARGE + 1).await;
        complete(&client, source).await;
        for (round, (state, sets)) in (0..).zip(sets_right) {
            postgres.client().await.batch_execute(sets).await.expect("set");
            resources(&postgres.store, source, &counting).await;
            lists(&postgres.store, source, &counting).await;
            changes(&postgres.store, source, &counting, round).await;
            // Without statistics, all of a source is taken for a few rows. They come within a minute.
            if !state.ends_with("no statistics") {
                many_members(&postgres.store, source, &counting, round).await;
            }
            // What people look at is planned each time.
            if !state.starts_with("plans") && !state.ends_with("no statistics") {
                in_order(&postgres.store, source, &counting).await;
            }
            assert_eq!(counting.excesses.take(), Vec::<String>::new(), "with {state}");
        }
    });
}

/// A directory that is filled beside a larger one, so that the statistics tell of that alone: any condition on its
/// source is taken to leave one row.
#[test]
fn a_source_that_the_statistics_do_not_know_is_read_by_its_indexes() {
    const MANY: u128 = 4_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let postgres = Postgres::new().await;
        let counting = Counting { client: postgres.client().await, excesses: RefCell::default() };
        let client = postgres.client().await;
        for table in ["resource", "resource_key", "membership", "change", "change_member", "stretch"] {
            let by_itself = format!("ALTER TABLE {table} SET (autovacuum_enabled = false)");
            client.batch_execute(&by_itself).await.expect("set");
        }
        let other = Postgres::source(&counting.client, "other").await;
        fill(&client, other, 0..USERS, LARGE - 1..LARGE + 1).await;
        client.batch_execute("ANALYZE").await.expect("analyzed");
        let source = Postgres::source(&counting.client, "new").await;
        fill(&client, source, 0..MANY, LARGE - 2..LARGE + 1).await;
        complete(&client, source).await;
        let store = &postgres.store;
        let large = id(LARGE);
        // All that is found, with its groups, twice: to be counted, and as a page.
        let most = 10 * i64::try_from(MANY).expect("a number");
        for (filter, found) in [
            (format!("groups.value eq \"{large}\""), MANY),
            ("groups.display eq \"D50060\"".to_owned(), MANY),
            ("groups[display eq \"d50059\" and type eq \"direct\"]".to_owned(), MEMBERS),
            ("groups pr".to_owned(), MANY),
            ("not (groups pr)".to_owned(), 0),
            ("not (groups.display eq \"d50059\")".to_owned(), MANY - MEMBERS),
            ("userName eq \"key7\" and groups.display eq \"d50060\"".to_owned(), 1),
            ("userName co \"y77\"".to_owned(), 11),
            ("not (title pr)".to_owned(), MANY),
            ("userName sw \"key\" and not (title pr)".to_owned(), MANY),
            ("userName ew \"77\" and not (groups.type eq \"indirect\")".to_owned(), 40),
        ] {
            let search = store.search(source, query("User", Some(&filter), 0, WITH_GROUPS));
            let page = counting.at_most(most, &filter, search).await.expect("read");
            assert_eq!(page.total.map(u128::from), Some(found), "{filter}");
        }
        let nobody = "groups.display eq \"nobody\"";
        let search = store.search(source, query("User", Some(nobody), 0, WITH_GROUPS));
        assert_eq!(counting.at_most(FEW, nobody, search).await.expect("read").total, Some(0));
        changes(store, source, &counting, 0).await;
        in_order(store, source, &counting).await;
        assert_eq!(counting.excesses.take(), Vec::<String>::new());
    });
}
