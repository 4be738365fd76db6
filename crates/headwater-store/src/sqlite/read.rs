//! Rows read: resources with their relations.

use crate::{
    Include, MEMBERS_PER_PAGE, MemberId, Named, Related, RelatedPage, ResourceId, SourceId, StoreError,
    StoredResource, ancestry::Groups, related, sqlite::readers::Snapshot, stored::COLUMNS,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The resource of a row that begins with [`COLUMNS`].
pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredResource> {
    Ok(StoredResource {
        resource_type: row.get(0)?,
        id: resource_id(row, 1)?,
        version: row.get(2)?,
        created: row.get(3)?,
        last_modified: row.get(4)?,
        has_references: row.get(5)?,
        member_count: row.get(6)?,
        document: row.get(7)?,
        members: None,
        groups: None,
    })
}

/// The number of the row of a resource, unless another has it: that of the moment and the count in its
/// id (UUID version 7, RFC 9562 §5.7). So a row is found by its id without an index.
pub(super) fn row_number(id: ResourceId) -> i64 {
    let (high, _) = id.0.as_u64_pair();
    let (moment, count) = (high >> 16, high & 0xfff);
    i64::try_from(moment << 12 | count).unwrap_or(0) // 60 bits
}

/// Finds the row of a resource with the first statement, by its number, or else with the second, by
/// its id: `?1` is the source, `?2` the type, `?3` the id, and `?4` of the first the number.
pub(super) fn find<T>(
    connection: &Connection,
    [by_number, by_id]: [&str; 2],
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let number = row_number(id);
    let by_number = connection
        .prepare_cached(by_number)?
        .query_row(params![source.0, resource_type, id.as_bytes(), number], &read)
        .optional()?;
    if by_number.is_some() {
        return Ok(by_number);
    }
    connection
        .prepare_cached(by_id)?
        .query_row(params![source.0, resource_type, id.as_bytes()], read)
        .optional()
}

pub(super) fn resource(
    snapshot: &Snapshot<'_>,
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
    include: Include,
) -> Result<Option<StoredResource>, StoreError> {
    const FIND: [&str; 2] = [
        "SELECT r.type, r.id, r.version, r.created, r.last_modified, r.has_references, r.member_count, r.document \
         FROM resource r WHERE r.rowid = ?4 AND +r.source_id = ?1 AND +r.type = ?2 AND +r.id = ?3",
        "SELECT r.type, r.id, r.version, r.created, r.last_modified, r.has_references, r.member_count, r.document \
         FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id = ?3",
    ];
    let found = find(snapshot.connection, FIND, source, resource_type, id, stored)?;
    let Some(mut found) = found else { return Ok(None) };
    relate(snapshot, source, &mut found, include)?;
    Ok(Some(found))
}

/// Reads the relations that are asked for.
pub(super) fn relate(
    snapshot: &Snapshot<'_>,
    source: SourceId,
    resource: &mut StoredResource,
    include: Include,
) -> Result<(), StoreError> {
    if include.members {
        resource.members = Some(match resource.member_count {
            0 => RelatedPage::default(),
            _ => members(snapshot.connection, source, resource.id, &MemberId::lowest())?,
        });
    }
    if include.groups {
        let mut groups = InSource { snapshot, source };
        resource.groups = Some(snapshot.ancestry(source).groups(&resource.id.into(), &mut groups)?);
    }
    Ok(())
}

pub(super) fn members(
    connection: &Connection,
    source: SourceId,
    group: ResourceId,
    after: &MemberId,
) -> Result<RelatedPage, StoreError> {
    let select = "SELECT m.member_id, r.type, r.display FROM membership m \
                  LEFT JOIN resource r ON r.source_id = m.source_id AND r.id = m.member_id \
                  WHERE m.source_id = ?1 AND m.group_id = ?2 AND m.member_id > ?3 \
                  ORDER BY m.member_id LIMIT ?4";
    let mut statement = connection.prepare_cached(select)?;
    let wanted = MEMBERS_PER_PAGE + 1;
    let rows =
        statement.query_map(params![source.0, group.as_bytes(), after.as_bytes(), wanted], related_row)?;
    let mut members: Vec<Related> = rows.collect::<Result<_, _>>()?;
    let more = members.len() == wanted;
    members.truncate(MEMBERS_PER_PAGE);
    Ok(RelatedPage { members, more })
}

/// The groups of a source.
struct InSource<'a> {
    snapshot: &'a Snapshot<'a>,
    source: SourceId,
}

impl Groups for InSource<'_> {
    fn holders(&mut self, member: &MemberId) -> Result<Vec<MemberId>, StoreError> {
        let select = "SELECT group_id FROM membership WHERE source_id = ?1 AND member_id = ?2";
        let mut statement = self.snapshot.connection.prepare_cached(select)?;
        let mut rows = statement.query(params![self.source.0, member.as_bytes()])?;
        let mut holders = Vec::new();
        while let Some(row) = rows.next()? {
            self.snapshot.step()?;
            holders.push(MemberId::from_bytes(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?));
        }
        Ok(holders)
    }

    fn group(&mut self, id: &MemberId) -> Result<Option<Related>, StoreError> {
        let select = "SELECT id, type, display FROM resource WHERE source_id = ?1 AND id = ?2";
        let mut statement = self.snapshot.connection.prepare_cached(select)?;
        Ok(statement.query_row(params![self.source.0, id.as_bytes()], related_row).optional()?)
    }
}

/// Calls `visit` for each member of a group, one at a time.
pub(super) fn each_member(
    connection: &Connection,
    source: SourceId,
    group: ResourceId,
    mut visit: impl FnMut(Related),
) -> rusqlite::Result<()> {
    let select = "SELECT m.member_id, r.type, r.display FROM membership m \
                  LEFT JOIN resource r ON r.source_id = m.source_id AND r.id = m.member_id \
                  WHERE m.source_id = ?1 AND m.group_id = ?2";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![source.0, group.as_bytes()])?;
    while let Some(row) = rows.next()? {
        visit(related_row(row)?);
    }
    Ok(())
}

/// Calls `visit` for the id of each member of a group, one at a time.
pub(super) fn each_member_id(
    connection: &Connection,
    source: SourceId,
    group: ResourceId,
    mut visit: impl FnMut(MemberId),
) -> rusqlite::Result<()> {
    let select = "SELECT member_id FROM membership WHERE source_id = ?1 AND group_id = ?2";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![source.0, group.as_bytes()])?;
    while let Some(row) = rows.next()? {
        visit(MemberId::from_bytes(row.get_ref(0)?.as_blob()?));
    }
    Ok(())
}

pub(super) fn names(
    connection: &Connection,
    source: SourceId,
    ids: &[ResourceId],
) -> Result<Vec<Named>, StoreError> {
    let select = "SELECT type, display FROM resource WHERE source_id = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(select)?;
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        let found = statement
            .query_row(params![source.0, id.as_bytes()], |row| {
                Ok(Named { id: *id, resource_type: row.get(0)?, display: row.get(1)? })
            })
            .optional()?;
        names.extend(found);
    }
    Ok(names)
}

pub(super) fn referrers(
    connection: &Connection,
    source: SourceId,
    code: i64,
    id: ResourceId,
    most: usize,
) -> Result<Vec<StoredResource>, StoreError> {
    let select = format!(
        "SELECT {COLUMNS} FROM resource_key k \
         CROSS JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
         WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let rows = statement.query_map(params![source.0, code, id.to_string()], stored)?.take(most);
    Ok(rows.collect::<Result<_, _>>()?)
}

fn related_row(row: &Row<'_>) -> rusqlite::Result<Related> {
    Ok(related::of(row.get_ref(0)?.as_blob()?, row.get(1)?, row.get(2)?, true))
}

fn resource_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ResourceId> {
    let bytes = row.get_ref(column)?.as_blob()?;
    ResourceId::from_slice(bytes).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Blob,
            "an id has 16 bytes".into(),
        )
    })
}
