//! Lists that an index has in the order in which they are asked for: all of a type, and those that have
//! a value; both by their ids. Each is a round trip, as a rule.

use headwater_scim::filter::Comparison;

use super::{
    gather::count,
    keys,
    read::{columns, plain, stored},
    relations::{self, Known, groups_of},
    session::{Rows, Session},
    sql::SNAPSHOT,
    statement::{Typed, rows_if},
};
use crate::{
    Page, Query, Selection, SourceId, StoreError,
    pages::{Filling, plain_key},
    stored::{COLUMN_COUNT, COLUMNS},
};

/// How many resources of a type there are.
const TOTAL: &str = "(SELECT COALESCE(SUM(s.resources), 0)::BIGINT FROM stretch s \
     WHERE s.source_id = $1 AND s.type = $2)";
/// The beginning of the stretch in which the resource behind so many others stands, and how many of
/// these stand before it.
const STRETCH: &str = "SELECT first_id, before FROM (\
       SELECT first_id, COALESCE(SUM(resources) OVER (ORDER BY first_id \
         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS before \
       FROM stretch WHERE source_id = $1 AND type = $2) s \
     WHERE before <= $3 ORDER BY first_id DESC LIMIT 1";

/// Of so many resources that have a value, the groups are read with them: most often it is one.
const WITH_GROUPS: u64 = 2;

/// A list of this kind.
pub(super) enum Direct<'a> {
    /// Every resource of a type.
    All(&'a str),
    /// Those that have a value.
    WithKey(i64, &'a Comparison),
}

impl<'a> Direct<'a> {
    /// What a query is, if it is one of these.
    pub(super) fn of(query: &'a Query) -> Option<Self> {
        match query.selections.as_slice() {
            _ if query.sorted => None,
            [Selection { resource_type, filter: None, .. }] => Some(Self::All(&resource_type.name)),
            [selection] => plain_key(selection).map(|(code, comparison)| Self::WithKey(code, comparison)),
            _ => None,
        }
    }

    pub(super) async fn search(
        &self,
        session: &Session,
        source: SourceId,
        query: &Query,
    ) -> Result<Page, StoreError> {
        match self {
            Self::All(name) => all(session, source, query, name).await,
            Self::WithKey(code, comparison) => with_key(session, source, query, *code, comparison).await,
        }
    }
}

async fn all(session: &Session, source: SourceId, query: &Query, name: &str) -> Result<Page, StoreError> {
    let (position, offset) = query.beginning();
    let of_type = [source.0.bound(), name.bound()];
    let total = async {
        let row = session.row(&format!("SELECT {TOTAL}"), &of_type).await?;
        count(&row, 0).map(Some)
    };
    if query.limit == 0 {
        return Ok(Page { total: total.await?, ..Page::default() });
    }
    let (mut first, mut rest) = (Vec::new(), 0);
    // The stretches and what stands in them are of one moment.
    let is_in_two = offset > 0;
    if is_in_two {
        let number = signed(offset);
        let of_stretch = [source.0.bound(), name.bound(), number.bound()];
        let (begun, stretch) = tokio::join!(
            biased;
            session.batch_execute(SNAPSHOT),
            session.first(STRETCH, &of_stretch),
        );
        begun?;
        rest = offset;
        if let Some(row) = stretch? {
            first = row.try_get(0)?;
            rest = offset.saturating_sub(count(&row, 1)?);
        }
    }
    let (beyond, order) = match position {
        Some(position) => {
            first = position.id.as_bytes().to_vec();
            (query.direction().beyond(), query.direction().order())
        }
        None => (">=", query.direction().order()),
    };
    let select = format!(
        "SELECT {}, {TOTAL} FROM (SELECT * FROM resource WHERE source_id = $1 AND type = $2 AND id {beyond} $3 \
           ORDER BY id {order} LIMIT $4 OFFSET $5) r ORDER BY r.id {order}",
        columns(query.include)
    );
    let (limit, rest) = (query.limit_and_one(), signed(rest));
    let parameters = [source.0.bound(), name.bound(), first.bound(), limit.bound(), rest.bound()];
    let end = async { if is_in_two { session.batch_execute("COMMIT").await } else { Ok(()) } };
    let (read, ended) = tokio::join!(biased; session.first_of(query.most_bytes, &select, &parameters), end);
    let Rows { rows, is_cut } = read?;
    ended?;
    let total = match rows.first() {
        Some(row) => Some(count(row, COLUMN_COUNT + 1)?),
        None => total.await?,
    };
    if rows.is_empty() && position.is_none() {
        return Ok(Page { total, ..Page::default() });
    }
    let mut filling = Filling::new(query);
    for row in &rows {
        filling.add(None, || stored(row, query.include))?;
    }
    if is_cut {
        filling.cut();
    }
    filled(session, source, query, filling, Known::default(), total).await
}

async fn with_key(
    session: &Session,
    source: SourceId,
    query: &Query,
    code: i64,
    comparison: &Comparison,
) -> Result<Page, StoreError> {
    let Some(key) = comparison.literal.key() else { return Ok(Page::default()) };
    let key = keys::stored(&key).into_owned();
    let (position, offset) = query.beginning();
    let (beyond, from) = match position {
        Some(position) => (query.direction().beyond(), position.id.as_bytes().to_vec()),
        None => (">=", Vec::new()),
    };
    let (mut rows, mut is_cut, mut groups) = (Vec::new(), false, Vec::new());
    if query.limit > 0 {
        let order = query.direction().order();
        let ids = |limit: &str| {
            format!(
                "SELECT resource_id FROM resource_key \
                 WHERE source_id = $1 AND path = $2 AND key = $3 AND resource_id {beyond} $4 \
                 ORDER BY resource_id {order} LIMIT {limit} OFFSET $6"
            )
        };
        let select = format!(
            "SELECT {COLUMNS} FROM ({}) k \
             CROSS JOIN LATERAL (SELECT * FROM resource WHERE source_id = $1 AND id = k.resource_id LIMIT 1) r \
             ORDER BY k.resource_id {order}",
            ids("$5")
        );
        let of_groups = groups_of(&ids(&format!("LEAST($5, {WITH_GROUPS})")));
        let (limit, offset) = (query.limit_and_one(), signed(offset));
        let parameters =
            [source.0.bound(), code.bound(), key.bound(), from.bound(), limit.bound(), offset.bound()];
        let (found, held) = tokio::join!(
            biased;
            session.first_of(query.most_bytes, &select, &parameters),
            rows_if(query.include.groups, session, &of_groups, &parameters),
        );
        (Rows { rows, is_cut }, groups) = (found?, held?);
    }
    // Most often all of them are on the page, and need not be counted once more.
    let is_all = query.limit > 0 && position.is_none() && offset == 0 && rows.len() <= query.limit && !is_cut;
    let total = if is_all {
        rows.len() as u64
    } else {
        let select = "SELECT COUNT(*) FROM resource_key WHERE source_id = $1 AND path = $2 AND key = $3";
        let parameters = [source.0.bound(), code.bound(), key.bound()];
        count(&session.row(select, &parameters).await?, 0)?
    };
    if query.limit == 0 || position.is_none() && offset >= total {
        return Ok(Page { total: Some(total), ..Page::default() });
    }
    let mut filling = Filling::new(query);
    for row in &rows {
        filling.add(None, || plain(row))?;
    }
    if is_cut {
        filling.cut();
    }
    filled(session, source, query, filling, Known::of(&groups)?, Some(total)).await
}

/// The page that resources make when their relations are read. Groups that hold them may be `known`.
pub(super) async fn filled(
    session: &Session,
    source: SourceId,
    query: &Query,
    mut filling: Filling<'_>,
    known: Known,
    total: Option<u64>,
) -> Result<Page, StoreError> {
    relations::relate(session, source, &mut filling.resources, query.include, known).await?;
    filling.shorten();
    Ok(filling.page(total))
}

/// A number as the database has it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
