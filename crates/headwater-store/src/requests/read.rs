//! Reading the request log: what all databases have in common.

use uuid::Uuid;

use super::{
    Hour, KeptBody, Milestone, Milestones, Operation, RequestQuery, RequestRecord, RequestSummary,
    StatusFilter, Target, Traffic, headers, keeping::HOUR, masking,
};
use crate::{
    Millis, SourceId, StoreError,
    sql::{Row, Sql, Value, values},
};

/// What [`meets`] looks at, of `request`.
macro_rules! looked_at {
    () => {
        "sequence, at, status, operation, is_write, path, query"
    };
}

/// The columns that [`meets`] reads.
pub(crate) const LOOKED_AT: &str = looked_at!();
/// The columns that [`summary`] reads, those of [`LOOKED_AT`] first.
pub(crate) const COLUMNS: &str = concat!(
    looked_at!(),
    ", source_id, id, duration_us, address, user_agent, token_id, method, error, scim_type, resource_type, \
     resource_id, display, outcomes, changes"
);
/// How many these are.
pub(crate) const COLUMN_COUNT: usize = 21;
/// A request is written down this long after it came, at most.
const SLACK: Millis = 10 * 60 * 1_000;
/// The most hours that are listed.
const MAX_HOURS: Millis = 10_000;

/// The numbers that a page is looked for between, both exclusive, and which way.
pub(crate) struct Span {
    pub(crate) above: i64,
    pub(crate) below: i64,
    pub(crate) newest_first: bool,
}

impl Span {
    pub(crate) fn is_empty(&self) -> bool {
        self.above.saturating_add(1) >= self.below
    }

    /// The order in which it is gone through.
    pub(crate) fn order(&self) -> &'static str {
        if self.newest_first { "DESC" } else { "ASC" }
    }
}

/// Of which requests there is an index that leaves the others out.
pub(crate) enum Fewer {
    /// Those that were refused.
    Errors,
    /// Those that ask for a change.
    Writes,
    /// No such.
    All,
}

impl Fewer {
    /// What is enough for a query.
    pub(crate) fn of(query: &RequestQuery) -> Self {
        if query.status.is_some_and(StatusFilter::is_error) {
            Self::Errors
        } else if query.writes || query.operation.is_some_and(Operation::is_write) {
            Self::Writes
        } else {
            Self::All
        }
    }
}

/// Numbers are given in the order in which requests were answered, ids in that in which they came.
/// What came after `to` and a while was written down after all that came before `to`; so it is
/// with `from`.
pub(crate) fn span(sql: &dyn Sql, source: SourceId, query: &RequestQuery) -> Result<Span, StoreError> {
    let newest_first = query.after.is_none();
    let mut above = query.after.unwrap_or(i64::MIN);
    let mut below = query.before.unwrap_or(i64::MAX);
    if let Some(to) = query.to {
        let first_after =
            "SELECT sequence FROM request WHERE source_id = ?1 AND id >= ?2 ORDER BY id LIMIT 1";
        let found = sql.value(first_after, &values![source, lowest_id(to.saturating_add(SLACK))])?;
        below = below.min(found.unwrap_or(i64::MAX));
    }
    if let Some(from) = query.from {
        let last_before =
            "SELECT sequence FROM request WHERE source_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";
        let found = sql.value(last_before, &values![source, lowest_id(from.saturating_sub(SLACK))])?;
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

/// Whether a row meets everything that is asked of it alone.
pub(crate) fn meets(query: &RequestQuery, row: &Row) -> Result<bool, StoreError> {
    let at: Millis = row.get(1)?;
    if query.from.is_some_and(|from| at < from) || query.to.is_some_and(|to| at >= to) {
        return Ok(false);
    }
    if let Some(status) = query.status
        && !status.takes(row.get(2)?)
    {
        return Ok(false);
    }
    if let Some(operation) = query.operation
        && row.get::<u16>(3)? != operation as u16
    {
        return Ok(false);
    }
    if query.writes && !row.get::<bool>(4)? {
        return Ok(false);
    }
    let Some(text) = &query.text else { return Ok(true) };
    let text = text.to_lowercase();
    let has = |column: usize| -> Result<bool, StoreError> {
        let Some(value) = row.get::<Option<&str>>(column)? else { return Ok(false) };
        let decoded = masking::decoded(value).unwrap_or_default();
        Ok(value.to_lowercase().contains(&text) || decoded.to_lowercase().contains(&text))
    };
    Ok(has(5)? || has(6)?)
}

/// The request of a row.
pub(crate) fn summary(row: &Row) -> Result<RequestSummary, StoreError> {
    let target = match (row.get(16)?, row.get(17)?) {
        (Some(resource_type), Some(id)) => Some(Target { resource_type, id, display: row.get(18)? }),
        _ => None,
    };
    let outcomes: Option<&str> = row.get(19)?;
    let operation: u16 = row.get(3)?;
    Ok(RequestSummary {
        source: row.get(7)?,
        sequence: row.get(0)?,
        id: row.get(8)?,
        at: row.get(1)?,
        duration_us: row.get(9)?,
        address: row.get(10)?,
        user_agent: row.get(11)?,
        token: row.get(12)?,
        method: row.get(13)?,
        path: row.get(5)?,
        query: row.get(6)?,
        status: row.get(2)?,
        operation: Operation::ALL
            .into_iter()
            .find(|known| *known as u16 == operation)
            .unwrap_or(Operation::Other),
        error: row.get(14)?,
        scim_type: row.get(15)?,
        target,
        outcomes: outcomes.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        changes: row.get(20)?,
    })
}

/// What differs from one database to the other.
pub(crate) struct Tables {
    /// Where the messages of the request `?2` of the source `?1` are.
    pub(crate) messages: &'static str,
    /// Where it stands when the source `?1` was last heard of.
    pub(crate) last_heard: &'static str,
}

/// A request by its number.
pub(crate) fn request(
    sql: &dyn Sql,
    tables: &Tables,
    source: SourceId,
    sequence: i64,
) -> Result<Option<RequestRecord>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM request WHERE source_id = ?1 AND sequence = ?2");
    one(sql, tables, &select, &values![source, sequence])
}

/// A request by its id.
pub(crate) fn by_id(
    sql: &dyn Sql,
    tables: &Tables,
    source: SourceId,
    id: Uuid,
) -> Result<Option<RequestRecord>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM request WHERE source_id = ?1 AND id = ?2 LIMIT 1");
    one(sql, tables, &select, &values![source, id])
}

fn one(
    sql: &dyn Sql,
    tables: &Tables,
    select: &str,
    parameters: &[Value],
) -> Result<Option<RequestRecord>, StoreError> {
    let Some(row) = sql.first(select, parameters)? else { return Ok(None) };
    let summary = summary(&row)?;
    let messages = format!(
        "SELECT request_headers, request_body, request_note, response_headers, response_body, response_note \
         FROM {}",
        tables.messages
    );
    let Some(row) = sql.first(&messages, &values![summary.source, summary.sequence])? else {
        let left_out = KeptBody {
            text: None,
            note: Some("left out: more requests came than could be written down".to_owned()),
        };
        return Ok(Some(RequestRecord {
            summary,
            request_headers: Vec::new(),
            request_body: left_out.clone(),
            response_headers: Vec::new(),
            response_body: left_out,
        }));
    };
    Ok(Some(RequestRecord {
        summary,
        request_headers: headers::pairs(row.get(0)?),
        request_body: KeptBody { text: row.get(1)?, note: row.get(2)? },
        response_headers: headers::pairs(row.get(3)?),
        response_body: KeptBody { text: row.get(4)?, note: row.get(5)? },
    }))
}

/// Every hour that begins in a span of time.
pub(crate) fn hours(
    sql: &dyn Sql,
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
    for row in sql.query(select, &values![source, first * HOUR, end * HOUR])? {
        let start: Millis = row.get(0)?;
        let position = usize::try_from(start.div_euclid(HOUR) - first).unwrap_or(usize::MAX);
        if let Some(hour) = hours.get_mut(position) {
            *hour = Hour { start, requests: row.get(1)?, errors: row.get(2)?, changes: row.get(3)? };
        }
    }
    Ok(hours)
}

/// What is going on at a source.
pub(crate) fn traffic(
    sql: &dyn Sql,
    tables: &Tables,
    source: SourceId,
    since: Millis,
) -> Result<Traffic, StoreError> {
    let last = format!("SELECT last_request, last_success FROM {}", tables.last_heard);
    let (last_request, last_success) = match sql.first(&last, &values![source])? {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (None, None),
    };
    let sums = "SELECT CAST(COALESCE(SUM(requests), 0) AS BIGINT), CAST(COALESCE(SUM(errors), 0) AS BIGINT) \
                FROM request_hour WHERE source_id = ?1 AND hour >= ?2";
    let since = since.div_euclid(HOUR) * HOUR;
    let (requests, errors) = match sql.first(sums, &values![source, since])? {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (0, 0),
    };
    Ok(Traffic { last_request, last_success, requests, errors })
}

/// When a source reached its milestones.
pub(crate) fn milestones(sql: &dyn Sql, source: SourceId) -> Result<Milestones, StoreError> {
    let mut milestones = Milestones::default();
    for row in sql.query("SELECT name, at FROM milestone WHERE source_id = ?1", &values![source])? {
        let (name, at): (&str, _) = (row.get(0)?, row.get(1)?);
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
