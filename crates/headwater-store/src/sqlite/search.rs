//! Pages of resources that meet a filter.

use std::time::{Duration, Instant};

use headwater_scim::{
    filter::{Comparison, Filter, Literal, Operator},
    index,
};
use rusqlite::{Connection, ErrorCode, Row, params_from_iter, types::Value};

use super::{
    functions::Slots,
    lock,
    read::{self, COLUMNS, key_path},
    selection::Conditions,
};
use crate::{Page, Query, Selection, SourceId, StoreError, StoredResource};

/// About how much memory a page may take; what is beyond is left to the next page (RFC 7644
/// §3.4.2.4 allows fewer results than asked for).
const PAGE_BYTES: usize = 32 * 1024 * 1024;
/// How long a filter may be evaluated. Identity providers wait for a minute.
const MOST_TIME: Duration = Duration::from_secs(30);
/// After how many steps of SQLite it is looked at the time.
const STEPS_BETWEEN_LOOKS: i32 = 200;
/// About what a membership takes.
const RELATED_BYTES: usize = 160;

/// Whether a query is answered by a few steps in an index, so that it need not leave the thread
/// it comes on.
pub(super) fn is_quick(query: &Query) -> bool {
    let by_text = match query.selections.as_slice() {
        [Selection { resource_type, filter: Some(Filter::Compare(comparison)) }] => {
            matches!(comparison.literal, Literal::Text { .. })
                && is_plain_key(comparison)
                && index::is_indexed(resource_type, &comparison.path)
        }
        _ => false,
    };
    by_text && query.limit <= 100 && !query.include.members
}

pub(super) fn search(
    connection: &Connection,
    slots: &Slots,
    source: SourceId,
    query: &Query,
) -> Result<Page, StoreError> {
    match query.selections.as_slice() {
        [Selection { filter: None, .. }] => all(connection, source, query),
        [Selection { resource_type, filter: Some(Filter::Compare(comparison)) }]
            if is_plain_key(comparison) && index::is_indexed(resource_type, &comparison.path) =>
        {
            by_key(connection, source, query, comparison)
        }
        _ => filtered(connection, slots, source, query),
    }
}

/// A page that is being filled, as far as it fits.
struct Filling<'a> {
    connection: &'a Connection,
    source: SourceId,
    query: &'a Query,
    bytes: usize,
    resources: Vec<StoredResource>,
}

impl<'a> Filling<'a> {
    fn new(connection: &'a Connection, source: SourceId, query: &'a Query) -> Self {
        Self { connection, source, query, bytes: 0, resources: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.resources.len() >= self.query.limit || self.bytes > PAGE_BYTES
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let mut resource = read::stored(row)?;
        read::relate(self.connection, self.source, &mut resource, self.query.include)?;
        let members = resource.members.as_ref().map_or(0, |page| page.members.len());
        let groups = resource.groups.as_ref().map_or(0, Vec::len);
        self.bytes += resource.document.len() + (members + groups) * RELATED_BYTES;
        self.resources.push(resource);
        Ok(())
    }
}

fn is_plain_key(comparison: &Comparison) -> bool {
    comparison.operator == Operator::Eq
        && matches!(comparison.literal, Literal::Text { .. } | Literal::Boolean(_))
}

/// A count and a page, each answered by an index that has the order.
struct Ordered {
    count: &'static str,
    from: &'static str,
    order: &'static str,
}

/// Every resource of a type.
const ALL: Ordered = Ordered {
    count: "SELECT COUNT(*) FROM resource r WHERE r.source_id = ?1 AND r.type = ?2",
    from: "resource r WHERE r.source_id = ?1 AND r.type = ?2",
    order: "r.id",
};

/// The resources that have a value, in the order in which the index holds them: that of their ids.
/// Every key has its resource, so that they need not be looked up to be counted. CROSS JOIN is
/// SQLite's way to say that the index comes first.
const BY_KEY: Ordered = Ordered {
    count: "SELECT COUNT(*) FROM resource_key k WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3",
    from: "resource_key k CROSS JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
           WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3",
    order: "k.resource_id",
};

impl Ordered {
    /// The statement of a page, whose limit and offset come behind `parameters` others.
    fn page(&self, parameters: usize) -> String {
        let Self { from, order, .. } = self;
        let (limit, offset) = (parameters + 1, parameters + 2);
        format!("SELECT {COLUMNS} FROM {from} ORDER BY {order} LIMIT ?{limit} OFFSET ?{offset}")
    }

    fn answer(
        &self,
        connection: &Connection,
        source: SourceId,
        query: &Query,
        mut parameters: Vec<Value>,
    ) -> Result<Page, StoreError> {
        let mut statement = connection.prepare_cached(self.count)?;
        let total: u64 = statement.query_row(params_from_iter(&parameters), |row| row.get(0))?;
        if query.limit == 0 || query.offset >= total {
            return Ok(Page { total, resources: Vec::new() });
        }
        let mut statement = connection.prepare_cached(&self.page(parameters.len()))?;
        parameters.push(i64::try_from(query.limit).unwrap_or(i64::MAX).into());
        parameters.push(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
        let mut rows = statement.query(params_from_iter(&parameters))?;
        let mut filling = Filling::new(connection, source, query);
        while let Some(row) = rows.next()?
            && !filling.is_full()
        {
            filling.add(row)?;
        }
        Ok(Page { total, resources: filling.resources })
    }
}

fn all(connection: &Connection, source: SourceId, query: &Query) -> Result<Page, StoreError> {
    let resource_type = query.selections[0].resource_type.name.to_string();
    ALL.answer(connection, source, query, vec![source.0.into(), resource_type.into()])
}

fn by_key(
    connection: &Connection,
    source: SourceId,
    query: &Query,
    comparison: &Comparison,
) -> Result<Page, StoreError> {
    let key = match &comparison.literal {
        Literal::Text { key, .. } => key.clone(),
        Literal::Boolean(value) => value.to_string(),
        _ => return Ok(Page::default()),
    };
    let path = key_path(&query.selections[0].resource_type.name, &comparison.path.to_string());
    BY_KEY.answer(connection, source, query, vec![source.0.into(), path.into(), key.into()])
}

/// The statement for any filter, with its parameters and the filters that its functions evaluate.
fn statement(source: SourceId, query: &Query) -> (String, Conditions) {
    let mut conditions = Conditions::new(vec![source.0.into()], &query.base_url);
    let mut alternatives = Vec::new();
    for Selection { resource_type, filter } in &query.selections {
        let mut condition = format!("r.type = {}", conditions.bind(resource_type.name.to_string()));
        if let Some(filter) = filter {
            if let Some(ids) = conditions.candidates(filter, resource_type) {
                condition = format!("{condition} AND r.id IN ({ids})");
            }
            condition = format!("{condition} AND {}", conditions.of(filter, resource_type));
        }
        alternatives.push(format!("({condition})"));
    }
    let condition = alternatives.join(" OR ");
    (
        format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND ({condition}) ORDER BY r.id"),
        conditions,
    )
}

/// Any filter, for no longer than [`MOST_TIME`].
fn filtered(
    connection: &Connection,
    slots: &Slots,
    source: SourceId,
    query: &Query,
) -> Result<Page, StoreError> {
    let deadline = Instant::now() + MOST_TIME;
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() > deadline))?;
    let page = evaluated(connection, slots, source, query);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match page {
        Err(StoreError::Database(error))
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
        {
            Err(StoreError::TookTooLong)
        }
        page => page,
    }
}

/// One pass over the rows that an index narrows it down to, or over all of the type.
fn evaluated(
    connection: &Connection,
    slots: &Slots,
    source: SourceId,
    query: &Query,
) -> Result<Page, StoreError> {
    let (select, conditions) = statement(source, query);
    *lock(slots) = conditions.slots;
    // Filters differ without end: a statement of theirs is not worth keeping.
    let mut statement = connection.prepare(&select)?;
    let mut rows = statement.query(params_from_iter(&conditions.parameters))?;
    let mut filling = Filling::new(connection, source, query);
    let mut total = 0;
    while let Some(row) = rows.next()? {
        if total >= query.offset && !filling.is_full() {
            filling.add(row)?;
        }
        total += 1;
    }
    Ok(Page { total, resources: filling.resources })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headwater_scim::{filter::Filter, resource_type::Registry};
    use rusqlite::Connection;

    use super::{ALL, BY_KEY, statement};
    use crate::{
        Include, Query, Selection, SourceId,
        sqlite::{SqliteStore, open_reading},
    };

    /// What SQLite says it will do, a line each.
    fn plan(connection: &Connection, select: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {select}")).expect(select);
        let rows = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
        rows.expect("a plan")
    }

    fn with_store(test: impl FnOnce(&Connection)) {
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let reader = open_reading(&folder.path().join("headwater.db")).expect("a reader");
        test(&reader.connection);
    }

    #[test]
    fn pages_come_from_an_index_in_its_order() {
        with_store(|connection| {
            for ordered in [ALL, BY_KEY] {
                let (count, page) = (plan(connection, ordered.count), plan(connection, &ordered.page(3)));
                assert!(count.iter().all(|step| step.starts_with("SEARCH")), "{count:?}");
                assert!(page.iter().all(|step| step.starts_with("SEARCH")), "{page:?}");
                assert!(!page[0].contains("last_modified"), "{page:?}");
            }
        });
    }

    #[test]
    fn searchable_attributes_are_answered_from_an_index() {
        let registry = Registry::built_in();
        let table = [
            ("User", "userName eq \"x\" and title pr"),
            ("User", "externalId eq \"x\" and active eq true"),
            ("User", "id eq \"x\" and manager eq \"y\""),
            ("User", "displayName sw \"x\""),
            ("User", "emails[type eq \"work\"].value eq \"x\""),
            ("User", "emails.value eq \"x\" or userName eq \"x\""),
            ("User", "groups.value eq \"x\""),
            ("Group", "members.value eq \"x\""),
            ("Group", "id eq \"x\" and members eq \"y\""),
            ("Group", "displayName eq \"x\" and externalId eq \"y\""),
            ("User", "title pr and active eq false"),
            ("User", "meta.lastModified gt \"2026-01-01T00:00:00Z\""),
        ];
        with_store(|connection| {
            for (name, text) in table {
                let resource_type = Arc::clone(registry.resource_type(name).expect("built in"));
                let filter = Filter::parse(text, &resource_type).expect(text);
                let query = Query {
                    selections: vec![Selection { resource_type, filter: Some(filter) }],
                    offset: 0,
                    limit: 1,
                    include: Include::default(),
                    base_url: String::new(),
                };
                let plan = plan(connection, &statement(SourceId(1), &query).0);
                let of_resources = plan.iter().find(|step| step.starts_with("SEARCH r ")).expect(text);
                let narrowed = of_resources.contains("id=?") && of_resources.contains(" AND id=?")
                    || of_resources.contains("last_modified>?");
                assert!(narrowed, "{text}: {plan:?}");
                assert!(
                    !plan.iter().any(|step| step.starts_with("SCAN") && !step.contains("CONSTANT ROW")),
                    "{text}: {plan:?}"
                );
            }
        });
    }
}
