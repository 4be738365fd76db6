//! Resources read with their relations, each by one statement.

use tokio_postgres::{Client, Row};

use super::{
    gather::{count, id},
    statement::Typed,
};
use crate::{
    Include, MEMBERS_PER_PAGE, MemberId, Named, Related, RelatedPage, ResourceId, SourceId, StoreError,
    StoredResource, related,
};

/// The columns that [`stored`] reads first, of a `resource r`.
pub(super) const COLUMNS: &str =
    "r.type, r.id, r.version, r.created, r.last_modified, r.has_references, r.member_count, r.document";
/// How many these are.
const COLUMN_COUNT: usize = 8;

/// The members of `r`: one more than a page has.
const MEMBERS: &str = "LEFT JOIN LATERAL (\
       SELECT array_agg(x.id ORDER BY x.id) AS ids, array_agg(x.type ORDER BY x.id) AS types, \
         array_agg(x.display ORDER BY x.id) AS displays \
       FROM (SELECT m.member_id AS id, o.type, o.display FROM membership m \
         LEFT JOIN resource o ON o.source_id = m.source_id AND o.id = m.member_id \
         WHERE m.source_id = r.source_id AND m.group_id = r.id ORDER BY m.member_id LIMIT 1001) x\
     ) members ON TRUE";
/// The groups that hold `r`, and those that hold one of these, and so on; each once, however they hold
/// each other (RFC 7643 §4.1.2: indirect). Those that hold it themselves come first.
const GROUPS: &str = "LEFT JOIN LATERAL (\
       WITH RECURSIVE above (id) AS (\
         SELECT m.group_id FROM membership m WHERE m.source_id = r.source_id AND m.member_id = r.id \
         UNION SELECT m.group_id FROM above a JOIN membership m ON m.source_id = r.source_id AND m.member_id = a.id) \
       SELECT array_agg(x.id ORDER BY x.indirect, x.id) AS ids, array_agg(x.type ORDER BY x.indirect, x.id) AS types, \
         array_agg(x.display ORDER BY x.indirect, x.id) AS displays, array_agg(x.indirect ORDER BY x.indirect, x.id) AS indirect \
       FROM (SELECT a.id, o.type, o.display, (CASE WHEN EXISTS (SELECT 1 FROM membership d \
           WHERE d.source_id = r.source_id AND d.group_id = a.id AND d.member_id = r.id) THEN 0 ELSE 1 END)::BIGINT AS indirect \
         FROM above a JOIN resource o ON o.source_id = r.source_id AND o.id = a.id) x\
     ) above ON TRUE";

/// What is selected of a `resource r`, and what is joined to it, for what is to be included.
pub(super) fn parts(include: Include) -> (String, String) {
    let mut columns = COLUMNS.to_owned();
    let mut joins = String::new();
    if include.members {
        columns += ", members.ids, members.types, members.displays";
        joins += MEMBERS;
    }
    if include.groups {
        columns += ", above.ids, above.types, above.displays, above.indirect";
        joins += " ";
        joins += GROUPS;
    }
    (columns, joins)
}

/// The resource of a row that begins, at a column, with what [`parts`] selects.
pub(super) fn stored(row: &Row, first: usize, include: Include) -> Result<StoredResource, StoreError> {
    let mut stored = StoredResource {
        resource_type: row.try_get(first)?,
        id: id(row, first + 1)?,
        version: count(row, first + 2)?,
        created: row.try_get(first + 3)?,
        last_modified: row.try_get(first + 4)?,
        has_references: row.try_get::<_, i64>(first + 5)? != 0,
        member_count: count(row, first + 6)?,
        document: row.try_get(first + 7)?,
        members: None,
        groups: None,
    };
    let mut next = first + COLUMN_COUNT;
    if include.members {
        let mut members = related_of(row, next, |_| true)?;
        let more = members.len() > MEMBERS_PER_PAGE;
        members.truncate(MEMBERS_PER_PAGE);
        stored.members = Some(RelatedPage { members, more });
        next += 3;
    }
    if include.groups {
        let indirect: Option<Vec<i64>> = row.try_get(next + 3)?;
        let indirect = indirect.unwrap_or_default();
        let is_direct = |position: usize| indirect.get(position) == Some(&0);
        stored.groups = Some(related_of(row, next, is_direct)?);
    }
    Ok(stored)
}

/// The other sides of memberships, from arrays of ids, types and names.
fn related_of(
    row: &Row,
    first: usize,
    is_direct: impl Fn(usize) -> bool,
) -> Result<Vec<Related>, StoreError> {
    // Of nothing, there are no arrays.
    let ids: Vec<&[u8]> = row.try_get::<_, Option<_>>(first)?.unwrap_or_default();
    let types: Vec<Option<String>> = row.try_get::<_, Option<_>>(first + 1)?.unwrap_or_default();
    let displays: Vec<Option<String>> = row.try_get::<_, Option<_>>(first + 2)?.unwrap_or_default();
    let named = types.into_iter().zip(displays);
    let all = ids.into_iter().zip(named).enumerate();
    Ok(all
        .map(|(position, (id, (resource_type, display)))| {
            related::of(id, resource_type, display, is_direct(position))
        })
        .collect())
}

pub(super) async fn resource(
    client: &Client,
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
    include: Include,
) -> Result<Option<StoredResource>, StoreError> {
    let (columns, joins) = parts(include);
    let select = format!(
        "SELECT {columns} FROM resource r {joins} WHERE r.source_id = $1 AND r.type = $2 AND r.id = $3"
    );
    let bytes = &id.as_bytes()[..];
    let parameters = [source.0.bound(), resource_type.bound(), bytes.bound()];
    let found = client.query_typed_opt(&select, &parameters).await?;
    found.map(|row| stored(&row, 0, include)).transpose()
}

pub(super) async fn members_after(
    client: &Client,
    source: SourceId,
    group: ResourceId,
    after: &MemberId,
) -> Result<RelatedPage, StoreError> {
    let select = "SELECT m.member_id, r.type, r.display FROM membership m \
                  LEFT JOIN resource r ON r.source_id = m.source_id AND r.id = m.member_id \
                  WHERE m.source_id = $1 AND m.group_id = $2 AND m.member_id > $3 \
                  ORDER BY m.member_id LIMIT 1001";
    let group = &group.as_bytes()[..];
    let after = after.as_bytes();
    let parameters = [source.0.bound(), group.bound(), after.bound()];
    let rows = client.query_typed(select, &parameters).await?;
    let more = rows.len() > MEMBERS_PER_PAGE;
    let members = rows
        .iter()
        .take(MEMBERS_PER_PAGE)
        .map(|row| Ok::<_, StoreError>(related::of(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, true)));
    Ok(RelatedPage { members: members.collect::<Result<_, _>>()?, more })
}

/// Type and display name of resources, in the order in which they are asked for.
pub(super) async fn names(
    client: &Client,
    source: SourceId,
    ids: &[ResourceId],
) -> Result<Vec<Named>, StoreError> {
    let select = "SELECT r.id, r.type, r.display FROM unnest($2) WITH ORDINALITY AS w (id, place) \
                  JOIN resource r ON r.source_id = $1 AND r.id = w.id ORDER BY w.place";
    let ids: Vec<&[u8]> = ids.iter().map(|id| &id.as_bytes()[..]).collect();
    let rows = client.query_typed(select, &[source.0.bound(), ids.bound()]).await?;
    let named = rows
        .iter()
        .map(|row| Ok(Named { id: id(row, 0)?, resource_type: row.try_get(1)?, display: row.try_get(2)? }));
    named.collect()
}

pub(super) async fn referrers(
    client: &Client,
    source: SourceId,
    code: i64,
    id: ResourceId,
) -> Result<Vec<StoredResource>, StoreError> {
    let select = format!(
        "SELECT {COLUMNS} FROM resource_key k JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
         WHERE k.source_id = $1 AND k.path = $2 AND k.key = $3"
    );
    let id = id.to_string();
    let parameters = [source.0.bound(), code.bound(), id.bound()];
    let rows = client.query_typed(&select, &parameters).await?;
    rows.iter().map(|row| stored(row, 0, Include::default())).collect()
}
