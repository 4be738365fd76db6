//! What SQLite does for the statements that meet a million rows: each goes through an index.

use std::{borrow::Cow, cell::RefCell};

use rusqlite::Connection;
use uuid::Uuid;

use super::{index, journal, listing, sources};
use crate::{
    ChangeQuery, ListPosition, Listing, ResourceId, Sort, SourceId, StoreError,
    sql::{Kind, NewKey, RowsRead, Sql, Value},
    sqlite::SqliteStore,
    transfer::tables::TABLES,
};

const SOURCE: SourceId = SourceId(1);
const ID: ResourceId = ResourceId(Uuid::from_u128(1));

/// A connection that notes the plan of each statement.
struct Explaining<'a> {
    connection: &'a Connection,
    /// Each statement with the steps of its plan.
    plans: RefCell<Vec<(String, Vec<String>)>>,
}

impl Explaining<'_> {
    fn explain(&self, statement: &str) {
        let mut explained =
            self.connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).expect(statement);
        let steps = explained.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
        self.plans.borrow_mut().push((statement.to_owned(), steps.expect("a plan")));
    }
}

impl Sql for Explaining<'_> {
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.explain(statement);
        Sql::execute(self.connection, statement, parameters)
    }

    fn execute_each(&self, statement: &str, rows: &[Vec<Value>]) -> Result<u64, StoreError> {
        self.explain(statement);
        Sql::execute_each(self.connection, statement, rows)
    }

    fn query_within(
        &self,
        bytes: usize,
        statement: &str,
        parameters: &[Value],
    ) -> Result<RowsRead, StoreError> {
        self.explain(statement);
        self.connection.query_within(bytes, statement, parameters)
    }

    fn lock(&self, source: SourceId) -> Result<(), StoreError> {
        Sql::lock(self.connection, source)
    }

    fn add_keys(&self, source: SourceId, keys: &[NewKey], unique: bool) -> Result<u64, StoreError> {
        Sql::add_keys(self.connection, source, keys, unique)
    }

    fn add_rows(&self, insert: &str, kinds: &[Kind], rows: &[Vec<Value>]) -> Result<(), StoreError> {
        self.connection.add_rows(insert, kinds, rows)
    }

    fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        self.connection.has_table(name)
    }

    fn has_whole_keys(&self) -> bool {
        self.connection.has_whole_keys()
    }

    fn stored_key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        self.connection.stored_key(key)
    }

    fn last_source(&self) -> Result<i64, StoreError> {
        self.connection.last_source()
    }

    fn continue_numbers(&self, last_source: i64) -> Result<(), StoreError> {
        self.connection.continue_numbers(last_source)
    }
}

/// The plans of what `work` does in a database with one user, who has been changed.
fn plans(work: impl FnOnce(&dyn Sql)) -> Vec<(String, Vec<String>)> {
    let folder = tempfile::tempdir().expect("a folder");
    drop(SqliteStore::open(folder.path()).expect("a store"));
    let connection = Connection::open(folder.path().join("headwater.db")).expect("a connection");
    let id = format!("x'{}'", ID.0.simple());
    let code = headwater_scim::index::code("User", "userName");
    let rows = format!(
        "INSERT INTO source (id, slug, name, enabled, unique_display_names, created, deleted) VALUES (1, 's', 'S', 1, 1, 0, 1);
         INSERT INTO resource (source_id, id, type, version, created, last_modified, has_references, member_count, document)
         VALUES (1, {id}, 'User', 1, 0, 0, 0, 0, '{{\"userName\":\"ada\"}}');
         INSERT INTO stretch (source_id, type, first_id, resources) VALUES (1, 'User', x'', 1);
         INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES (1, {code}, 'ada', {id}, 1);
         INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, version)
         VALUES (1, 1, 5, {id}, {id}, 'create', 'User', {id}, 1);
         INSERT INTO change_member (source_id, sequence, member_id, added) VALUES (1, 1, {id}, 1);"
    );
    connection.execute_batch(&rows).expect("rows");
    let explaining = Explaining { connection: &connection, plans: RefCell::default() };
    work(&explaining);
    explaining.plans.into_inner()
}

/// Each step is a search in an index, but for those that begin with one of these.
fn assert_searches(plans: &[(String, Vec<String>)], but: &[&str]) {
    for (statement, plan) in plans {
        let searches =
            |step: &&String| step.starts_with("SEARCH") || but.iter().any(|but| step.starts_with(but));
        assert_eq!(plan.iter().find(|step| !searches(step)), None, "{statement}: {plan:?}");
    }
}

#[test]
fn lists_are_read_from_an_index_in_their_order() {
    let listing = |sort, after, descending| Listing {
        resource_type: "User",
        search: None,
        searched: &["userName"],
        active: None,
        sort,
        descending,
        after,
        limit: 10,
    };
    let (key, moment) = (ListPosition::Key("ad".to_owned(), ID), ListPosition::Moment(0, ID));
    let matched = ListPosition::Match { attribute: 0, key: "ad".to_owned(), id: ID };
    let plans = plans(|sql| {
        for descending in [false, true] {
            for (sort, after) in [
                (Sort::Attribute("userName"), None),
                (Sort::Attribute("userName"), Some(key.clone())),
                (Sort::Attribute("title"), None),
                (Sort::Attribute("title"), Some(ListPosition::Id(ID))),
                (Sort::Created, None),
                (Sort::LastModified, None),
                (Sort::LastModified, Some(moment.clone())),
            ] {
                listing::list(sql, SOURCE, &listing(sort, after, descending)).expect("a page");
            }
        }
        for (search, active, after) in
            [(Some("ad"), None, None), (Some("ad"), None, Some(matched)), (None, Some(true), None)]
        {
            let search = search.map(str::to_owned);
            let listing = Listing { search, active, ..listing(Sort::Created, after, false) };
            listing::list(sql, SOURCE, &listing).expect("a page");
        }
    });
    let read_by_id = plans.iter().filter(|(statement, _)| statement.contains(" IN (")).count();
    assert!(read_by_id > 0, "the search found somebody");
    assert_searches(&plans, &[]);
    // The keys come first: of the resources each is looked up.
    let joined: Vec<_> = plans.iter().filter(|(statement, _)| statement.contains(" JOIN ")).collect();
    assert!(!joined.is_empty());
    for (statement, plan) in joined {
        assert!(plan[0].starts_with("SEARCH k "), "{statement}: {plan:?}");
        assert!(plan[1].contains("source_id=? AND id=?"), "{statement}: {plan:?}");
    }
}

#[test]
fn the_journal_is_read_from_an_index() {
    let all = ChangeQuery { limit: 10, ..ChangeQuery::default() };
    let plans = plans(|sql| {
        for query in [
            ChangeQuery { resource: Some(ID), ..all.clone() },
            ChangeQuery { about: Some(SOURCE), ..all.clone() },
            ChangeQuery { to: Some(10), ..all },
        ] {
            journal::changes(sql, SOURCE, &query).expect("a page");
        }
        journal::changes_of_request(sql, SOURCE, ID.0, 10).expect("changes");
    });
    // Scanned and sorted are numbers of a page, and the members of one change.
    let small = [
        "LIST SUBQUERY",
        "MERGE (UNION)",
        "LEFT",
        "RIGHT",
        "CO-ROUTINE",
        "SCAN of_change",
        "SCAN c",
        "USE TEMP",
    ];
    assert_searches(&plans, &small);
    let lines = plans.iter().filter(|(statement, _)| statement.contains("c.sequence"));
    for (statement, plan) in lines {
        let by_number = |step: &String| step.starts_with("SEARCH c") && step.contains("sequence");
        let by_request = statement.contains("request_id = ");
        assert!(plan.iter().any(by_number) || by_request, "{statement}: {plan:?}");
    }
}

#[test]
fn a_move_reads_each_table_in_the_order_of_an_index() {
    let plans = plans(|sql| {
        for table in &TABLES {
            let key = vec![Value::Integer(0); table.key];
            table.page(sql, &[], 10).expect("the first page");
            table.page(sql, &key, 10).expect("another page");
        }
    });
    assert_eq!(plans.len(), 2 * TABLES.len());
    assert_searches(&plans, &["SCAN"]);
    for (statement, plan) in plans.iter().filter(|(statement, _)| statement.contains("WHERE")) {
        assert!(plan[0].starts_with("SEARCH"), "{statement}: {plan:?}");
    }
}

#[test]
fn a_source_goes_and_is_indexed_by_its_keys() {
    let plans = plans(|sql| {
        index::make_anew(sql).expect("an index");
        while sources::purge_portion(sql).expect("deleted") {}
    });
    let of_source: Vec<_> = plans
        .into_iter()
        .filter(|(statement, _)| statement.contains("source_id = ?1") && !statement.starts_with("INSERT"))
        .collect();
    assert_searches(&of_source, &["LIST SUBQUERY"]);
    let portions: Vec<_> = of_source.iter().filter(|(statement, _)| statement.contains(" IN ")).collect();
    assert!(!portions.is_empty());
    for (statement, plan) in portions {
        // By the whole key, and not by the source alone.
        assert!(plan[0].contains("source_id=? AND "), "{statement}: {plan:?}");
    }
}
