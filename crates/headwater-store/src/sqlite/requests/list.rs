//! Looking through the requests of a source.

use rusqlite::{Connection, Statement, params};

use super::{super::sql, writer::BUCKET_BITS};
use crate::{
    ResourceId, SourceId, StoreError,
    requests::{
        LogState, MAX_LOOKED_AT, RequestPage, RequestQuery,
        read::{self, COLUMN_COUNT, COLUMNS, Fewer, Span},
    },
    sql::Row,
};

/// A page on its way.
struct Looking<'a> {
    query: &'a RequestQuery,
    limit: usize,
    looked_at: usize,
    page: RequestPage,
}

impl Looking<'_> {
    /// Takes a row in; false when the page is done.
    fn take(&mut self, row: &Row) -> Result<bool, StoreError> {
        self.looked_at += 1;
        if read::meets(self.query, row)? {
            self.page.requests.push(read::summary(row)?);
        }
        let done = self.page.requests.len() >= self.limit || self.looked_at >= MAX_LOOKED_AT;
        if done {
            self.page.next = Some(row.get(0)?);
        }
        Ok(!done)
    }
}

/// A page of the requests of a source.
pub(super) fn list(
    connection: &Connection,
    source: SourceId,
    query: &RequestQuery,
) -> Result<RequestPage, StoreError> {
    let span = read::span(connection, source, query)?;
    let mut looking =
        Looking { query, limit: query.limit.max(1), looked_at: 0, page: RequestPage::default() };
    if span.is_empty() {
        return Ok(looking.page);
    }
    if query.resources.is_empty() {
        through_all(connection, source, &span, &mut looking)?;
    } else {
        through_resources(connection, source, &span, &mut looking)?;
    }
    Ok(looking.page)
}

fn through_all(
    connection: &Connection,
    source: SourceId,
    span: &Span,
    looking: &mut Looking<'_>,
) -> Result<(), StoreError> {
    let (index, condition) = match Fewer::of(looking.query) {
        Fewer::Errors => (" INDEXED BY request_error", " AND status >= 400"),
        Fewer::Writes => (" INDEXED BY request_write", " AND is_write = 1"),
        Fewer::All => ("", ""),
    };
    let order = span.order();
    let select = format!(
        "SELECT {COLUMNS} FROM request{index} WHERE source_id = ?1 AND sequence > ?2 AND sequence < ?3{condition} \
         ORDER BY sequence {order}"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params![source.0, span.above, span.below])?;
    while let Some(row) = rows.next()? {
        if !looking.take(&sql::row(row, COLUMN_COUNT)?)? {
            break;
        }
    }
    Ok(())
}

/// Goes through the buckets; in each, the requests that name the first of the resources are looked
/// at, and whether they name the others too.
fn through_resources(
    connection: &Connection,
    source: SourceId,
    span: &Span,
    looking: &mut Looking<'_>,
) -> Result<(), StoreError> {
    let Some((first, others)) = looking.query.resources.split_first() else { return Ok(()) };
    let (order, next_bucket) = if span.newest_first {
        ("DESC", "SELECT MAX(bucket) FROM request_resource WHERE source_id = ?1 AND bucket <= ?2")
    } else {
        ("ASC", "SELECT MIN(bucket) FROM request_resource WHERE source_id = ?1 AND bucket >= ?2")
    };
    let mut next_bucket = connection.prepare_cached(next_bucket)?;
    let in_bucket = format!(
        "SELECT sequence FROM request_resource WHERE source_id = ?1 AND bucket = ?2 AND resource_id = ?3 \
         AND sequence > ?4 AND sequence < ?5 ORDER BY sequence {order}"
    );
    let mut in_bucket = connection.prepare_cached(&in_bucket)?;
    let mut names = connection.prepare_cached(
        "SELECT 1 FROM request_resource WHERE source_id = ?1 AND bucket = ?2 AND resource_id = ?3 AND sequence = ?4",
    )?;
    let select = format!("SELECT {COLUMNS} FROM request WHERE source_id = ?1 AND sequence = ?2");
    let mut request = connection.prepare_cached(&select)?;
    let start = if span.newest_first { span.below - 1 } else { span.above + 1 };
    let mut from = start >> BUCKET_BITS;
    while let Some(bucket) =
        next_bucket.query_row(params![source.0, from], |row| row.get::<_, Option<i64>>(0))?
    {
        let mut found =
            in_bucket.query(params![source.0, bucket, first.as_bytes(), span.above, span.below])?;
        while let Some(row) = found.next()? {
            let sequence: i64 = row.get(0)?;
            if !names_all(&mut names, source, bucket, others, sequence)? {
                continue;
            }
            let mut rows = request.query(params![source.0, sequence])?;
            if let Some(row) = rows.next()?
                && !looking.take(&sql::row(row, COLUMN_COUNT)?)?
            {
                return Ok(());
            }
        }
        looking.looked_at += 1;
        if looking.looked_at >= MAX_LOOKED_AT {
            let (lowest, highest) = (bucket << BUCKET_BITS, ((bucket + 1) << BUCKET_BITS) - 1);
            looking.page.next = Some(if span.newest_first { lowest } else { highest });
            return Ok(());
        }
        from = if span.newest_first { bucket - 1 } else { bucket + 1 };
    }
    Ok(())
}

fn names_all(
    names: &mut Statement<'_>,
    source: SourceId,
    bucket: i64,
    resources: &[ResourceId],
    sequence: i64,
) -> Result<bool, StoreError> {
    for resource in resources {
        if !names.exists(params![source.0, bucket, resource.as_bytes(), sequence])? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn state(connection: &Connection) -> Result<LogState, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
    let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
    Ok(LogState {
        bytes: pages * number("PRAGMA page_size")?,
        entries: number("SELECT COALESCE(SUM(entries), 0) FROM source")?,
        dropped: 0,
        counted: 0,
    })
}
