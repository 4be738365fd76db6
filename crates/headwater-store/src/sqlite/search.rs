//! Pages of resources that meet a filter.

use headwater_scim::{
    filter::{Comparison, Filter, Literal, Operator},
    index,
};
use rusqlite::{Connection, Row, params_from_iter, types::Value};

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
/// About what a membership takes.
const RELATED_BYTES: usize = 160;

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

/// Every resource of a type.
fn all(connection: &Connection, source: SourceId, query: &Query) -> Result<Page, StoreError> {
    let from = "resource r WHERE r.source_id = ?1 AND r.type = ?2";
    let parameters = vec![source.0.into(), Value::from(query.selections[0].resource_type.name.to_string())];
    counted(connection, source, query, from, "r.id", parameters)
}

/// The resources that have a value, in the order in which the index holds them: that of their ids.
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
    let from = "resource_key k JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
                WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3";
    counted(connection, source, query, from, "k.resource_id", vec![source.0.into(), path.into(), key.into()])
}

/// A count and a page, each from an index that has the order.
fn counted(
    connection: &Connection,
    source: SourceId,
    query: &Query,
    from: &str,
    order: &str,
    mut parameters: Vec<Value>,
) -> Result<Page, StoreError> {
    let count = match from.split_once(" JOIN ") {
        // Every key has its resource: they need not be looked up to be counted.
        Some((keys, rest)) => format!("{keys} {}", &rest[rest.find("WHERE").unwrap_or(rest.len())..]),
        None => from.to_owned(),
    };
    let mut statement = connection.prepare_cached(&format!("SELECT COUNT(*) FROM {count}"))?;
    let total: u64 = statement.query_row(params_from_iter(&parameters), |row| row.get(0))?;
    if query.limit == 0 || query.offset >= total {
        return Ok(Page { total, resources: Vec::new() });
    }
    parameters.push(i64::try_from(query.limit).unwrap_or(i64::MAX).into());
    parameters.push(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
    let (limit, offset) = (parameters.len() - 1, parameters.len());
    let select = format!("SELECT {COLUMNS} FROM {from} ORDER BY {order} LIMIT ?{limit} OFFSET ?{offset}");
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params_from_iter(&parameters))?;
    let mut filling = Filling::new(connection, source, query);
    while let Some(row) = rows.next()?
        && !filling.is_full()
    {
        filling.add(row)?;
    }
    Ok(Page { total, resources: filling.resources })
}

/// Any filter: one pass over the rows that an index narrows it down to, or over all of the type.
fn filtered(
    connection: &Connection,
    slots: &Slots,
    source: SourceId,
    query: &Query,
) -> Result<Page, StoreError> {
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
    let select = format!(
        "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND ({}) ORDER BY r.id",
        alternatives.join(" OR ")
    );
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
