//! Resources read by themselves, in one round trip unless a group that holds them is held by another.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::{
    gather::{count, id},
    relations::{self, HOLDERS, Known, groups_of, holders, members_of},
    session::Session,
    statement::{Typed, rows_if},
};
use crate::{
    Include, Named, Related, RelatedPage, ResourceId, SourceId, StoreError, StoredResource,
    stored::{COLUMN_COUNT, COLUMNS},
};

/// [`COLUMNS`], and behind them the groups that hold the resource, where those are to be included.
pub(super) fn columns(include: Include) -> String {
    let holders = if include.groups { HOLDERS } else { "NULL::BYTEA" };
    format!("{COLUMNS}, {holders}")
}

/// The resource of a row that begins with [`columns`]; its groups have no names yet.
pub(super) fn stored(row: &Row, include: Include) -> Result<StoredResource, StoreError> {
    let held_by = row.try_get(COLUMN_COUNT)?;
    resource_of(row, include.groups.then(|| holders(held_by)))
}

/// The resource of a row that begins with [`COLUMNS`].
pub(super) fn plain(row: &Row) -> Result<StoredResource, StoreError> {
    resource_of(row, None)
}

fn resource_of(row: &Row, groups: Option<Vec<Related>>) -> Result<StoredResource, StoreError> {
    Ok(StoredResource {
        resource_type: row.try_get(0)?,
        id: id(row, 1)?,
        version: count(row, 2)?,
        created: row.try_get(3)?,
        last_modified: row.try_get(4)?,
        has_references: row.try_get::<_, i64>(5)? != 0,
        member_count: count(row, 6)?,
        document: row.try_get(7)?,
        members: None,
        groups,
    })
}

pub(super) async fn resource(
    session: &Session,
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
    include: Include,
) -> Result<Option<StoredResource>, StoreError> {
    let select =
        format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = $1 AND r.type = $2 AND r.id = $3");
    let bytes = &id.as_bytes()[..];
    let of_row = [source.0.bound(), resource_type.bound(), bytes.bound()];
    let (groups, of_groups) = (groups_of("SELECT $2"), [source.0.bound(), bytes.bound()]);
    let members = async {
        if include.members { members_after(session, source, id, &[]).await.map(Some) } else { Ok(None) }
    };
    // Sent in this order: groups and members are never older than the version that is shown with them.
    let (row, groups, members) = tokio::join!(
        biased;
        session.first(&select, &of_row),
        rows_if(include.groups, session, &groups, &of_groups),
        members,
    );
    let Some(row) = row? else { return Ok(None) };
    let mut found = plain(&row)?;
    found.members = members?;
    let known = Known::of(&groups?)?;
    relations::relate(session, source, std::slice::from_mut(&mut found), include, known).await?;
    Ok(Some(found))
}

pub(super) async fn members_after(
    session: &Session,
    source: SourceId,
    group: ResourceId,
    after: &[u8],
) -> Result<RelatedPage, StoreError> {
    let mut found = members_of(session, source, &[group], after).await?;
    Ok(found.remove(&group).unwrap_or_default())
}

/// Type and display name of resources, in the order in which they are asked for.
pub(super) async fn names(
    session: &Session,
    source: SourceId,
    ids: &[ResourceId],
) -> Result<Vec<Named>, StoreError> {
    let named = relations::names(session, source, ids).await?;
    let named: HashMap<ResourceId, Named> = named.into_iter().map(|one| (one.id, one)).collect();
    Ok(ids.iter().filter_map(|id| named.get(id).cloned()).collect())
}

pub(super) async fn referrers(
    session: &Session,
    source: SourceId,
    code: i64,
    id: ResourceId,
    most: usize,
) -> Result<Vec<StoredResource>, StoreError> {
    let include = Include::default();
    let select = format!(
        "SELECT {} FROM resource_key k \
         CROSS JOIN LATERAL (SELECT * FROM resource WHERE source_id = $1 AND id = k.resource_id LIMIT 1) r \
         WHERE k.source_id = $1 AND k.path = $2 AND k.key = $3 LIMIT $4",
        columns(include)
    );
    let id = id.to_string();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let parameters = [source.0.bound(), code.bound(), id.bound(), most.bound()];
    let rows = session.rows(&select, &parameters).await?;
    rows.iter().map(|row| stored(row, include)).collect()
}
