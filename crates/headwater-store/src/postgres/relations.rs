//! What resources have to do with each other, read for several of them at once.
//!
//! These statements leave the planner no choice, whatever its statistics say: a LATERAL subquery with a
//! LIMIT or an OFFSET is carried out for each row, by an index. A join, an EXISTS or an IN may be made by
//! reading all memberships of a source, where old statistics have it that there are few, or that each
//! member is in many groups.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;

use super::{gather::id, session::Session, statement::Typed};
use crate::{
    Include, MEMBERS_PER_PAGE, MemberId, Named, Related, RelatedPage, ResourceId, SourceId, StoreError,
    StoredResource,
    ancestry::{Ancestry, Groups},
    related,
};

/// How many members of groups are read at once.
const MEMBERS_AT_ONCE: u64 = 50_000;

/// A column beside a `resource r`: the groups that hold it, one id behind the other.
pub(super) const HOLDERS: &str = "(SELECT string_agg(m.group_id, ''::BYTEA) FROM membership m \
     WHERE m.source_id = r.source_id AND m.member_id = r.id)";
const HOLDERS_OF: &str = "SELECT w.id, m.group_id FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT group_id FROM membership WHERE source_id = $1 AND member_id = w.id OFFSET 0) m";
/// The same of all of them together, each once.
const HOLDERS_OF_ALL: &str = "SELECT DISTINCT m.group_id FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT group_id FROM membership WHERE source_id = $1 AND member_id = w.id OFFSET 0) m";
/// The members of each group behind one of them: one more than a page has.
const MEMBERS: &str = "SELECT w.id, m.member_id, o.type, o.display FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT member_id FROM membership \
       WHERE source_id = $1 AND group_id = w.id AND member_id > $3 ORDER BY member_id LIMIT $4) m \
     LEFT JOIN LATERAL (SELECT type, display FROM resource \
       WHERE source_id = $1 AND id = m.member_id LIMIT 1) o ON TRUE";
const NAMES: &str = "SELECT r.id, r.type, r.display FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT id, type, display FROM resource \
       WHERE source_id = $1 AND id = w.id LIMIT 1) r";

/// Asks for the groups that hold some members, what each is and is called, and those that hold that one: a row for
/// each of these, and one at least for each member. `members` are a subquery of ids; of few, as a group is read for
/// each that it holds.
pub(super) fn groups_of(members: &str) -> String {
    format!(
        "SELECT w.id, m.group_id, o.type, o.display, a.group_id FROM ({members}) AS w (id) \
         LEFT JOIN LATERAL (SELECT group_id FROM membership \
           WHERE source_id = $1 AND member_id = w.id OFFSET 0) m ON TRUE \
         LEFT JOIN LATERAL (SELECT type, display FROM resource \
           WHERE source_id = $1 AND id = m.group_id LIMIT 1) o ON TRUE \
         LEFT JOIN LATERAL (SELECT group_id FROM membership \
           WHERE source_id = $1 AND member_id = m.group_id OFFSET 0) a ON TRUE"
    )
}

/// The groups in the column [`HOLDERS`], which have no names yet.
pub(super) fn holders(column: Option<&[u8]>) -> Vec<Related> {
    let ids = column.unwrap_or_default().chunks_exact(16);
    ids.map(|id| related::of(id, None, None, true)).collect()
}

/// Reads the relations of resources that are asked for. The groups that hold a resource itself may be
/// in it already, without their names, and others `known`.
pub(super) async fn relate(
    session: &Session,
    source: SourceId,
    resources: &mut [StoredResource],
    include: Include,
    known: Known,
) -> Result<(), StoreError> {
    if include.members {
        let unread = resources.iter_mut().filter(|one| one.members.is_none());
        read_members(session, source, &mut unread.collect::<Vec<_>>()).await?;
    }
    if include.groups {
        read_groups(session, source, resources, known).await?;
    }
    Ok(())
}

/// Reads the first members of each group, of several groups at once as far as these have few.
async fn read_members(
    session: &Session,
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
        let together = rest.iter().take_while(fits).count().max(1);
        let (some, others) = rest.split_at_mut(together);
        rest = others;
        let groups: Vec<ResourceId> =
            some.iter().filter(|one| one.member_count > 0).map(|one| one.id).collect();
        let mut found = if groups.is_empty() {
            HashMap::new()
        } else {
            members_of(session, source, &groups, &[]).await?
        };
        for resource in some {
            resource.members = Some(found.remove(&resource.id).unwrap_or_default());
        }
    }
    Ok(())
}

/// The members of groups behind one of them, of each group a page.
pub(super) async fn members_of(
    session: &Session,
    source: SourceId,
    groups: &[ResourceId],
    after: &[u8],
) -> Result<HashMap<ResourceId, RelatedPage>, StoreError> {
    let groups = bytes_of(groups);
    let limit = i64::try_from(MEMBERS_PER_PAGE + 1).unwrap_or(i64::MAX);
    let rows =
        session.rows(MEMBERS, &[source.0.bound(), groups.bound(), after.bound(), limit.bound()]).await?;
    let mut found: HashMap<ResourceId, RelatedPage> = HashMap::new();
    for row in &rows {
        let member = related::of(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, true);
        found.entry(id(row, 0)?).or_default().members.push(member);
    }
    for page in found.values_mut() {
        page.members.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        page.more = page.members.len() > MEMBERS_PER_PAGE;
        page.members.truncate(MEMBERS_PER_PAGE);
    }
    Ok(found)
}

/// Reads the groups of resources, and what is above these a level at a time. What they are called comes
/// in the same round trip as what holds them.
async fn read_groups(
    session: &Session,
    source: SourceId,
    resources: &mut [StoredResource],
    mut known: Known,
) -> Result<(), StoreError> {
    let unread: Vec<ResourceId> =
        resources.iter().filter(|one| one.groups.is_none() && !known.has(one.id)).map(|one| one.id).collect();
    if !unread.is_empty() {
        known.above.extend(holders_of(session, source, &unread).await?);
    }
    for resource in resources.iter_mut() {
        if let Some(groups) = resource.groups.take() {
            known.above.insert(resource.id.into(), groups.into_iter().map(|group| group.id).collect());
        }
    }
    loop {
        let all = known.above.values().flatten().filter(|group| !known.named.contains_key(group));
        let next: BTreeSet<ResourceId> = all.filter_map(MemberId::resource_id).collect();
        if next.is_empty() {
            break;
        }
        let next: Vec<ResourceId> = next.into_iter().collect();
        // What is above one resource is above it by way of any of its groups: it need not be known of which.
        let alone = resources.len() == 1;
        let holders = async {
            if alone {
                holders_of_all(session, source, &next).await
            } else {
                holders_of(session, source, &next).await
            }
        };
        let (names, holders) = tokio::join!(biased; names(session, source, &next), holders);
        known.named.extend(next.iter().map(|group| ((*group).into(), None)));
        for group in names? {
            known.name(group);
        }
        for (member, groups) in holders? {
            // Of one that has gone meanwhile nothing is looked at that is above it.
            let there = next.iter().find(|group| known.is_there(**group)).filter(|_| alone);
            let member = there.map_or(member, |group| (*group).into());
            known.above.entry(member).or_default().extend(groups);
        }
    }
    let mut ancestry = Ancestry::default();
    for resource in resources {
        resource.groups = Some(ancestry.groups(&resource.id.into(), &mut known)?);
    }
    Ok(())
}

/// Groups that have been read.
#[derive(Default)]
pub(super) struct Known {
    /// Those that hold a member.
    above: HashMap<MemberId, BTreeSet<MemberId>>,
    /// What each is called; `None` for one that isn't there.
    named: HashMap<MemberId, Option<Related>>,
}

impl Known {
    /// What the rows of [`groups_of`] say.
    pub(super) fn of(rows: &[Row]) -> Result<Self, StoreError> {
        let mut known = Self::default();
        for row in rows {
            let id = |column| row.try_get::<_, Option<&[u8]>>(column).map(|id| id.map(MemberId::from_bytes));
            let (member, group, above) = (MemberId::from_bytes(row.try_get(0)?), id(1)?, id(4)?);
            known.above.entry(member).or_default().extend(group.clone());
            let Some(group) = group else { continue };
            known.above.entry(group.clone()).or_default().extend(above);
            if !known.named.contains_key(&group) {
                known.named.insert(group.clone(), None);
                if let (Some(id), Some(of_type)) = (group.resource_id(), row.try_get(2)?) {
                    known.name(Named { id, resource_type: of_type, display: row.try_get(3)? });
                }
            }
        }
        Ok(known)
    }

    /// Whether it is known which groups hold a resource.
    fn has(&self, resource: ResourceId) -> bool {
        self.above.contains_key(&resource.into())
    }

    fn is_there(&self, group: ResourceId) -> bool {
        self.named.get(&group.into()).is_some_and(Option::is_some)
    }

    fn name(&mut self, group: Named) {
        let related = Related { id: group.id.into(), direct: true, named: Some(group) };
        self.named.insert(related.id.clone(), Some(related));
    }
}

impl Groups for Known {
    fn holders(&mut self, member: &MemberId) -> Result<Vec<MemberId>, StoreError> {
        Ok(self.above.get(member).into_iter().flatten().cloned().collect())
    }

    fn group(&mut self, id: &MemberId) -> Result<Option<Related>, StoreError> {
        Ok(self.named.get(id).cloned().flatten())
    }
}

/// The groups that hold any of some groups themselves, as if they held the first. Where groups hold each other,
/// these are far fewer than the memberships that make it so.
async fn holders_of_all(
    session: &Session,
    source: SourceId,
    groups: &[ResourceId],
) -> Result<HashMap<MemberId, BTreeSet<MemberId>>, StoreError> {
    let ids = bytes_of(groups);
    let rows = session.rows(HOLDERS_OF_ALL, &[source.0.bound(), ids.bound()]).await?;
    let holders = rows.iter().map(|row| Ok(MemberId::from_bytes(row.try_get(0)?)));
    let holders: BTreeSet<MemberId> = holders.collect::<Result<_, tokio_postgres::Error>>()?;
    Ok(groups.first().map(|first| ((*first).into(), holders)).into_iter().collect())
}

/// The groups that hold each of some resources themselves.
async fn holders_of(
    session: &Session,
    source: SourceId,
    ids: &[ResourceId],
) -> Result<HashMap<MemberId, BTreeSet<MemberId>>, StoreError> {
    let ids = bytes_of(ids);
    let mut found: HashMap<MemberId, BTreeSet<MemberId>> = HashMap::new();
    for row in session.rows(HOLDERS_OF, &[source.0.bound(), ids.bound()]).await? {
        let member = MemberId::from_bytes(row.try_get(0)?);
        found.entry(member).or_default().insert(MemberId::from_bytes(row.try_get(1)?));
    }
    Ok(found)
}

/// Type and display name of resources, of those that are there.
pub(super) async fn names(
    session: &Session,
    source: SourceId,
    ids: &[ResourceId],
) -> Result<Vec<Named>, StoreError> {
    let ids = bytes_of(ids);
    let rows = session.rows(NAMES, &[source.0.bound(), ids.bound()]).await?;
    let named =
        |row: &Row| Ok(Named { id: id(row, 0)?, resource_type: row.try_get(1)?, display: row.try_get(2)? });
    rows.iter().map(named).collect()
}

fn bytes_of(ids: &[ResourceId]) -> Vec<&[u8]> {
    ids.iter().map(|id| &id.as_bytes()[..]).collect()
}
