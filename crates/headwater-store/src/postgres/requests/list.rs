//! Looking through the requests of a source, some at a time.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    ResourceId, SourceId, StoreError,
    requests::{
        LogState, MAX_LOOKED_AT, RequestPage, RequestQuery, RequestSummary,
        read::{self, COLUMNS, Fewer, LOOKED_AT, Span},
    },
    sql::{Row, Sql, Value, values},
};

/// How many requests are looked at with one statement, at least and at most.
const LEAST_AT_ONCE: usize = 50;
const MOST_AT_ONCE: usize = 1_000;
/// How many are read whole with one statement.
const WHOLE_AT_ONCE: usize = 200;
/// The column behind those of [`LOOKED_AT`].
const NAMES_ALL: usize = 7;

/// A page of the requests of a source.
pub(super) fn list(sql: &dyn Sql, source: SourceId, query: &RequestQuery) -> Result<RequestPage, StoreError> {
    let limit = query.limit.max(1);
    let mut span = read::span(sql, source, query)?;
    let mut at_once = limit.clamp(LEAST_AT_ONCE, MOST_AT_ONCE);
    let mut found: Vec<i64> = Vec::new();
    let mut looked_at = 0;
    let mut next = None;
    'pages: while !span.is_empty() {
        let rows = some(sql, source, query, &span, at_once)?;
        for row in &rows {
            let sequence = row.get(0)?;
            looked_at += 1;
            if row.get(NAMES_ALL)? && read::meets(query, row)? {
                found.push(sequence);
            }
            if found.len() >= limit || looked_at >= MAX_LOOKED_AT {
                next = Some(sequence);
                break 'pages;
            }
            *(if span.newest_first { &mut span.below } else { &mut span.above }) = sequence;
        }
        if rows.len() < at_once {
            break;
        }
        // Few of them meet the query: it takes many to fill the page.
        at_once = MOST_AT_ONCE;
    }
    let mut requests = whole(sql, source, &found)?;
    if span.newest_first {
        // Each server writes down what has gathered: the numbers of those that came in turns don't take turns.
        requests.sort_by_key(|request| Reverse((request.at, request.sequence)));
    }
    Ok(RequestPage { requests, next })
}

/// What is looked at of the next requests of a span, and whether they name all resources.
fn some(
    sql: &dyn Sql,
    source: SourceId,
    query: &RequestQuery,
    span: &Span,
    at_once: usize,
) -> Result<Vec<Row>, StoreError> {
    let order = span.order();
    let mut parameters = values![source, span.above, span.below, at_once].to_vec();
    let select = match query.resources.split_first() {
        None => {
            let condition = match Fewer::of(query) {
                Fewer::Errors => " AND status >= 400",
                Fewer::Writes => " AND is_write = 1",
                Fewer::All => "",
            };
            format!(
                "SELECT {LOOKED_AT}, 1 FROM request \
                 WHERE source_id = ?1 AND sequence > ?2 AND sequence < ?3{condition} ORDER BY sequence {order} LIMIT ?4"
            )
        }
        Some((first, others)) => {
            parameters.push((*first).into());
            let names_all = names(others, &mut parameters);
            format!(
                "SELECT {LOOKED_AT}, {names_all} FROM (\
                   SELECT source_id, sequence FROM request_resource \
                   WHERE source_id = ?1 AND resource_id = ?5 AND sequence > ?2 AND sequence < ?3 \
                   ORDER BY sequence {order} LIMIT ?4) n \
                 JOIN request USING (source_id, sequence) ORDER BY sequence {order}"
            )
        }
    };
    sql.query(&select, &parameters)
}

/// An expression that says whether the request `n` names each of some resources.
fn names(resources: &[ResourceId], parameters: &mut Vec<Value>) -> String {
    let mut conditions = vec!["1 = 1".to_owned()];
    for resource in resources {
        parameters.push((*resource).into());
        conditions.push(format!(
            "EXISTS (SELECT 1 FROM request_resource o \
             WHERE o.source_id = ?1 AND o.resource_id = ?{} AND o.sequence = n.sequence)",
            parameters.len()
        ));
    }
    conditions.join(" AND ")
}

/// The requests with these numbers, in this order.
fn whole(sql: &dyn Sql, source: SourceId, numbers: &[i64]) -> Result<Vec<RequestSummary>, StoreError> {
    let mut requests = Vec::with_capacity(numbers.len());
    for numbers in numbers.chunks(WHOLE_AT_ONCE) {
        let mut parameters = values![source].to_vec();
        parameters.extend(numbers.iter().map(|number| Value::from(*number)));
        let places: Vec<String> = (2..=parameters.len()).map(|place| format!("?{place}")).collect();
        let select = format!(
            "SELECT {COLUMNS} FROM request WHERE source_id = ?1 AND sequence IN ({})",
            places.join(", ")
        );
        let mut read: HashMap<i64, RequestSummary> = HashMap::with_capacity(numbers.len());
        for request in sql.all(&select, &parameters, read::summary)? {
            read.insert(request.sequence, request);
        }
        requests.extend(numbers.iter().filter_map(|number| read.remove(number)));
    }
    Ok(requests)
}

/// How much there is.
pub(super) fn state(sql: &dyn Sql) -> Result<LogState, StoreError> {
    let bytes = "SELECT pg_total_relation_size('request') + pg_total_relation_size('request_body') \
                 + pg_total_relation_size('request_resource') + pg_total_relation_size('request_hour') \
                 + pg_total_relation_size('milestone') + pg_total_relation_size('request_source')";
    let entries = "SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) FROM request_source";
    Ok(LogState { bytes: sql.count(bytes, &[])?, entries: sql.count(entries, &[])?, dropped: 0, counted: 0 })
}
