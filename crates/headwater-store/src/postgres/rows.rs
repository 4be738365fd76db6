//! Resources as the searches read them, and what is read beside them.

use std::collections::HashMap;

use headwater_scim::Object;

use crate::{
    Include, MEMBERS_PER_PAGE, MemberId, Named, Related, RelatedPage, ResourceId, SourceId, StoreError,
    StoredResource,
    ancestry::Ancestry,
    related,
    sql::{Row, Sql, Value, values},
};

/// The columns that [`stored`] reads, of a `resource r`.
pub(super) const COLUMNS: &str = "r.type, r.id, r.version, r.created, r.last_modified, r.has_references, r.member_count, r.document, \
     EXISTS (SELECT 1 FROM membership h WHERE h.source_id = r.source_id AND h.member_id = r.id)";
/// How many these are.
pub(super) const COLUMN_COUNT: usize = 9;
/// How many members of groups are read at once.
const MEMBERS_AT_ONCE: u64 = 50_000;
/// How many ids stand in one statement.
const IDS_AT_ONCE: usize = 1_000;

/// A resource, with its members and groups where the row tells that there are none.
pub(super) fn stored(row: &Row) -> Result<StoredResource, StoreError> {
    let member_count = row.get(6)?;
    let is_member: bool = row.get(8)?;
    Ok(StoredResource {
        resource_type: row.get(0)?,
        id: row.get(1)?,
        version: row.get(2)?,
        created: row.get(3)?,
        last_modified: row.get(4)?,
        has_references: row.get(5)?,
        member_count,
        document: row.get(7)?,
        members: (member_count == 0).then(RelatedPage::default),
        groups: (!is_member).then(Vec::new),
    })
}

/// The document of a resource.
pub(super) fn document(resource: &StoredResource) -> Result<Object, StoreError> {
    serde_json::from_str(&resource.document)
        .map_err(|_| StoreError::Damaged(format!("the document of {} is not JSON", resource.id)))
}

/// How many resources of a type there are.
pub(super) fn count(sql: &dyn Sql, source: SourceId, resource_type: &str) -> Result<u64, StoreError> {
    let sum =
        "SELECT CAST(COALESCE(SUM(resources), 0) AS BIGINT) FROM stretch WHERE source_id = ?1 AND type = ?2";
    sql.count(sum, &values![source, resource_type])
}

/// The beginning of the stretch in which the resource behind so many others stands, and how many of
/// these stand in it.
pub(super) fn stretch_of(
    sql: &dyn Sql,
    source: SourceId,
    resource_type: &str,
    offset: u64,
) -> Result<(Vec<u8>, u64), StoreError> {
    if offset == 0 {
        return Ok((Vec::new(), 0));
    }
    let select = "SELECT first_id, CAST(before AS BIGINT) FROM (\
                    SELECT first_id, COALESCE(SUM(resources) OVER (ORDER BY first_id \
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before \
                    FROM stretch WHERE source_id = ?1 AND type = ?2) s \
                  WHERE before <= ?3 ORDER BY first_id DESC LIMIT 1";
    match sql.first(select, &values![source, resource_type, offset])? {
        Some(row) => Ok((row.get(0)?, offset.saturating_sub(row.get(1)?))),
        None => Ok((Vec::new(), offset)),
    }
}

/// What resources are called, of those that are there.
pub(super) fn names(sql: &dyn Sql, source: SourceId, ids: &[ResourceId]) -> Result<Vec<Named>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_AT_ONCE) {
        let (places, parameters) = listed(source, ids.iter().map(|id| Value::from(*id)));
        let select =
            format!("SELECT id, type, display FROM resource WHERE source_id = ?1 AND id IN ({places})");
        let named =
            |row: &Row| Ok(Named { id: row.get(0)?, resource_type: row.get(1)?, display: row.get(2)? });
        found.extend(sql.all(&select, &parameters, named)?);
    }
    Ok(found)
}

/// Reads the relations of resources that are asked for, where there are any.
pub(super) fn relate(
    sql: &dyn Sql,
    source: SourceId,
    resources: &mut [StoredResource],
    include: Include,
) -> Result<(), StoreError> {
    if include.members {
        let mut groups: Vec<&mut StoredResource> =
            resources.iter_mut().filter(|one| one.members.is_none()).collect();
        read_members(sql, source, &mut groups)?;
    }
    if include.groups {
        let mut members: Vec<&mut StoredResource> =
            resources.iter_mut().filter(|one| one.groups.is_none()).collect();
        for members in members.chunks_mut(IDS_AT_ONCE) {
            read_groups(sql, source, members)?;
        }
    }
    for resource in resources {
        resource.members.take_if(|_| !include.members);
        resource.groups.take_if(|_| !include.groups);
    }
    Ok(())
}

/// Reads the first members of each group, of several groups at once as far as these have few.
fn read_members(
    sql: &dyn Sql,
    source: SourceId,
    resources: &mut [&mut StoredResource],
) -> Result<(), StoreError> {
    let mut rest = resources;
    while !rest.is_empty() {
        let mut members = 0;
        let fits = |resource: &&&mut StoredResource| {
            members += resource.member_count.min(MEMBERS_PER_PAGE as u64);
            members <= MEMBERS_AT_ONCE
        };
        let together = rest.iter().take(IDS_AT_ONCE).take_while(fits).count().max(1);
        let (some, others) = rest.split_at_mut(together);
        rest = others;
        let (places, mut parameters) = listed(source, some.iter().map(|one| Value::from(one.id)));
        let mut found: HashMap<ResourceId, Vec<Related>> = HashMap::new();
        parameters.push((MEMBERS_PER_PAGE + 1).into());
        let select = format!(
            "SELECT g.id, m.member_id, o.type, o.display FROM resource g \
             CROSS JOIN LATERAL (SELECT member_id FROM membership \
               WHERE source_id = ?1 AND group_id = g.id ORDER BY member_id LIMIT ?{}) m \
             LEFT JOIN resource o ON o.source_id = ?1 AND o.id = m.member_id \
             WHERE g.source_id = ?1 AND g.id IN ({places}) ORDER BY g.id, m.member_id",
            parameters.len()
        );
        for row in sql.query(&select, &parameters)? {
            let member = related::of(row.get(1)?, row.get(2)?, row.get(3)?, true);
            found.entry(row.get(0)?).or_default().push(member);
        }
        for resource in some {
            let mut members = found.remove(&resource.id).unwrap_or_default();
            let more = members.len() > MEMBERS_PER_PAGE;
            members.truncate(MEMBERS_PER_PAGE);
            resource.members = Some(RelatedPage { members, more });
        }
    }
    Ok(())
}

/// Reads the groups of resources: with one statement who holds whom among all that are above them.
fn read_groups(
    sql: &dyn Sql,
    source: SourceId,
    resources: &mut [&mut StoredResource],
) -> Result<(), StoreError> {
    let (places, parameters) = listed(source, resources.iter().map(|one| Value::from(one.id)));
    let select = format!(
        "WITH RECURSIVE above (id) AS (\
           SELECT group_id FROM membership WHERE source_id = ?1 AND member_id IN ({places}) \
           UNION SELECT m.group_id FROM above a JOIN membership m ON m.source_id = ?1 AND m.member_id = a.id) \
         SELECT m.member_id, m.group_id, o.type, o.display FROM membership m \
         JOIN resource o ON o.source_id = m.source_id AND o.id = m.group_id \
         WHERE m.source_id = ?1 AND (m.member_id IN ({places}) OR m.member_id IN (SELECT id FROM above))"
    );
    let mut holders: HashMap<MemberId, Vec<Related>> = HashMap::new();
    for row in sql.query(&select, &parameters)? {
        let group = related::of(row.get(1)?, row.get(2)?, row.get(3)?, true);
        holders.entry(row.get(0)?).or_default().push(group);
    }
    let mut ancestry = Ancestry::default();
    for resource in resources {
        let holders = |member: &MemberId| Ok(holders.get(member).cloned().unwrap_or_default());
        resource.groups = Some(ancestry.groups(&resource.id.into(), holders)?);
    }
    Ok(())
}

/// Parameters behind the source, and how a statement lists them.
pub(super) fn listed(source: SourceId, listed: impl Iterator<Item = Value>) -> (String, Vec<Value>) {
    let mut parameters = vec![Value::from(source)];
    parameters.extend(listed);
    let places: Vec<String> = (2..=parameters.len()).map(|number| format!("?{number}")).collect();
    (places.join(", "), parameters)
}
