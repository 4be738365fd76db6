//! Reading the request log.

use rusqlite::{Connection, OptionalExtension, Row, Statement, params};
use uuid::Uuid;

use super::writer::{BUCKET_BITS, HOUR};
use crate::{
    Millis, ResourceId, SourceId, StoreError,
    requests::{
        Hour, KeptBody, LogState, MAX_LOOKED_AT, Milestone, Milestones, Operation, RequestPage, RequestQuery,
        RequestRecord, RequestSummary, Target, Traffic, decoded_query, header_pairs,
    },
};

const COLUMNS: &str = "source_id, sequence, id, at, duration_us, address, user_agent, token_id, method, path, \
                       query, status, operation, error, scim_type, resource_type, resource_id, display, outcomes, \
                       changes, is_write";
/// A request is written down this long after it came, at most.
const SLACK: Millis = 10 * 60 * 1_000;
/// The most hours that are listed.
const MAX_HOURS: Millis = 10_000;

/// The numbers that a page is looked for between, both exclusive, and which way.
struct Span {
    above: i64,
    below: i64,
    newest_first: bool,
}

/// A page on its way.
struct Looking<'a> {
    query: &'a RequestQuery,
    limit: usize,
    looked_at: usize,
    page: RequestPage,
}

impl Looking<'_> {
    /// Takes a row in; false when the page is done.
    fn take(&mut self, row: &Row<'_>) -> Result<bool, StoreError> {
        let sequence: i64 = row.get(1)?;
        self.looked_at += 1;
        if meets(self.query, row)? {
            self.page.requests.push(summary(row)?);
        }
        let done = self.page.requests.len() >= self.limit || self.looked_at >= MAX_LOOKED_AT;
        if done {
            self.page.next = Some(sequence);
        }
        Ok(!done)
    }
}

pub(super) fn list(
    connection: &Connection,
    source: SourceId,
    query: &RequestQuery,
) -> Result<RequestPage, StoreError> {
    let span = span(connection, source, query)?;
    let mut looking =
        Looking { query, limit: query.limit.max(1), looked_at: 0, page: RequestPage::default() };
    if span.above.saturating_add(1) >= span.below {
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
    let errors = looking.query.status.is_some_and(crate::requests::StatusFilter::is_error);
    let writes = looking.query.writes || looking.query.operation.is_some_and(Operation::is_write);
    let (index, condition) = match (errors, writes) {
        (true, _) => (" INDEXED BY request_error", " AND status >= 400"),
        (_, true) => (" INDEXED BY request_write", " AND is_write = 1"),
        _ => ("", ""),
    };
    let order = if span.newest_first { "DESC" } else { "ASC" };
    let select = format!(
        "SELECT {COLUMNS} FROM request{index} WHERE source_id = ?1 AND sequence > ?2 AND sequence < ?3{condition} \
         ORDER BY sequence {order}"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params![source.0, span.above, span.below])?;
    while let Some(row) = rows.next()? {
        if !looking.take(row)? {
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
                && !looking.take(row)?
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

/// Numbers are given in the order in which requests were answered, ids in that in which they came.
/// What came after `to` and a while was written down after all that came before `to`; so it is
/// with `from`.
fn span(connection: &Connection, source: SourceId, query: &RequestQuery) -> Result<Span, StoreError> {
    let newest_first = query.after.is_none();
    let mut above = query.after.unwrap_or(i64::MIN);
    let mut below = query.before.unwrap_or(i64::MAX);
    if let Some(to) = query.to {
        let first_after =
            "SELECT sequence FROM request WHERE source_id = ?1 AND id >= ?2 ORDER BY id LIMIT 1";
        let found: Option<i64> = connection
            .prepare_cached(first_after)?
            .query_row(params![source.0, lowest_id(to.saturating_add(SLACK))], |row| row.get(0))
            .optional()?;
        below = below.min(found.unwrap_or(i64::MAX));
    }
    if let Some(from) = query.from {
        let last_before =
            "SELECT sequence FROM request WHERE source_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";
        let found: Option<i64> = connection
            .prepare_cached(last_before)?
            .query_row(params![source.0, lowest_id(from.saturating_sub(SLACK))], |row| row.get(0))
            .optional()?;
        above = above.max(found.unwrap_or(i64::MIN));
    }
    Ok(Span { above, below, newest_first })
}

/// Below every id of a moment.
fn lowest_id(at: Millis) -> [u8; 16] {
    let mut id = [0; 16];
    let at = at.clamp(0, (1 << 48) - 1).to_be_bytes();
    id[..6].copy_from_slice(&at[2..]);
    id
}

fn meets(query: &RequestQuery, row: &Row<'_>) -> Result<bool, StoreError> {
    let at: Millis = row.get(3)?;
    if query.from.is_some_and(|from| at < from) || query.to.is_some_and(|to| at >= to) {
        return Ok(false);
    }
    if let Some(status) = query.status
        && !status.takes(row.get(11)?)
    {
        return Ok(false);
    }
    if let Some(operation) = query.operation
        && row.get::<_, u8>(12)? != operation as u8
    {
        return Ok(false);
    }
    if query.writes && !row.get::<_, bool>(20)? {
        return Ok(false);
    }
    let Some(text) = &query.text else { return Ok(true) };
    let text = text.to_lowercase();
    let has = |column: usize| -> Result<bool, StoreError> {
        let Some(value) = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)? else {
            return Ok(false);
        };
        let decoded = decoded_query(value).unwrap_or_default();
        Ok(value.to_lowercase().contains(&text) || decoded.to_lowercase().contains(&text))
    };
    Ok(has(9)? || has(10)?)
}

fn summary(row: &Row<'_>) -> Result<RequestSummary, StoreError> {
    let resource: Option<[u8; 16]> = row.get(16)?;
    let target = match (row.get::<_, Option<String>>(15)?, resource) {
        (Some(resource_type), Some(id)) => {
            Some(Target { resource_type, id: ResourceId(Uuid::from_bytes(id)), display: row.get(17)? })
        }
        _ => None,
    };
    let outcomes: Option<String> = row.get(18)?;
    let operation: u8 = row.get(12)?;
    Ok(RequestSummary {
        source: SourceId(row.get(0)?),
        sequence: row.get(1)?,
        id: Uuid::from_bytes(row.get(2)?),
        at: row.get(3)?,
        duration_us: row.get(4)?,
        address: row.get(5)?,
        user_agent: row.get(6)?,
        token: row.get::<_, Option<[u8; 16]>>(7)?.map(Uuid::from_bytes),
        method: row.get(8)?,
        path: row.get(9)?,
        query: row.get(10)?,
        status: row.get(11)?,
        operation: Operation::ALL
            .into_iter()
            .find(|known| *known as u8 == operation)
            .unwrap_or(Operation::Other),
        error: row.get(13)?,
        scim_type: row.get(14)?,
        target,
        outcomes: outcomes.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        changes: row.get(19)?,
    })
}

pub(super) fn request(
    connection: &Connection,
    source: SourceId,
    sequence: i64,
) -> Result<Option<RequestRecord>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM request WHERE source_id = ?1 AND sequence = ?2");
    one(connection, &select, params![source.0, sequence])
}

pub(super) fn by_id(
    connection: &Connection,
    source: SourceId,
    id: Uuid,
) -> Result<Option<RequestRecord>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM request WHERE source_id = ?1 AND id = ?2");
    one(connection, &select, params![source.0, id.as_bytes()])
}

fn one(
    connection: &Connection,
    select: &str,
    parameters: impl rusqlite::Params,
) -> Result<Option<RequestRecord>, StoreError> {
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(parameters)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let summary = summary(row)?;
    let messages = "SELECT request_headers, request_body, request_note, response_headers, response_body, \
                    response_note FROM request_body WHERE sequence = ?1";
    let messages = connection
        .prepare_cached(messages)?
        .query_row([summary.sequence], |row| {
            Ok((
                row.get::<_, String>(0)?,
                KeptBody { text: row.get(1)?, note: row.get(2)? },
                row.get::<_, String>(3)?,
                KeptBody { text: row.get(4)?, note: row.get(5)? },
            ))
        })
        .optional()?;
    let (request_headers, request_body, response_headers, response_body) = messages.unwrap_or_else(|| {
        let left_out = KeptBody {
            text: None,
            note: Some("left out: more requests came than could be written down".to_owned()),
        };
        (String::new(), left_out.clone(), String::new(), left_out)
    });
    Ok(Some(RequestRecord {
        summary,
        request_headers: header_pairs(&request_headers),
        request_body,
        response_headers: header_pairs(&response_headers),
        response_body,
    }))
}

pub(super) fn hours(
    connection: &Connection,
    source: SourceId,
    from: Millis,
    to: Millis,
) -> Result<Vec<Hour>, StoreError> {
    let first = from.saturating_add(HOUR - 1).div_euclid(HOUR);
    let end = to.saturating_add(HOUR - 1).div_euclid(HOUR).min(first + MAX_HOURS);
    let mut hours: Vec<Hour> =
        (first..end).map(|hour| Hour { start: hour * HOUR, ..Hour::default() }).collect();
    let select = "SELECT hour, requests, errors, changes FROM request_hour \
                  WHERE source_id = ?1 AND hour >= ?2 AND hour < ?3";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![source.0, first * HOUR, end * HOUR])?;
    while let Some(row) = rows.next()? {
        let start: Millis = row.get(0)?;
        let position = usize::try_from(start.div_euclid(HOUR) - first).unwrap_or(usize::MAX);
        if let Some(hour) = hours.get_mut(position) {
            *hour = Hour { start, requests: row.get(1)?, errors: row.get(2)?, changes: row.get(3)? };
        }
    }
    Ok(hours)
}

pub(super) fn traffic(
    connection: &Connection,
    source: SourceId,
    since: Millis,
) -> Result<Traffic, StoreError> {
    let last = connection
        .prepare_cached("SELECT last_request, last_success FROM source WHERE source_id = ?1")?
        .query_row([source.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last_request, last_success) = last.unwrap_or_default();
    let sums = "SELECT COALESCE(SUM(requests), 0), COALESCE(SUM(errors), 0) FROM request_hour \
                WHERE source_id = ?1 AND hour >= ?2";
    let since = since.div_euclid(HOUR) * HOUR;
    let (requests, errors) = connection
        .prepare_cached(sums)?
        .query_row(params![source.0, since], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Traffic { last_request, last_success, requests, errors })
}

pub(super) fn milestones(connection: &Connection, source: SourceId) -> Result<Milestones, StoreError> {
    let mut statement = connection.prepare_cached("SELECT name, at FROM milestone WHERE source_id = ?1")?;
    let mut rows = statement.query([source.0])?;
    let mut milestones = Milestones::default();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let at: Option<Millis> = row.get(1)?;
        match Milestone::ALL.into_iter().find(|known| known.as_str() == name) {
            Some(Milestone::TokenSeen) => milestones.token_seen = at,
            Some(Milestone::FirstProbe) => milestones.first_probe = at,
            Some(Milestone::FirstUser) => milestones.first_user = at,
            Some(Milestone::FirstGroupWithMembers) => milestones.first_group_with_members = at,
            Some(Milestone::FirstDeactivation) => milestones.first_deactivation = at,
            None => {}
        }
    }
    Ok(milestones)
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
