//! What a batch of changes needs to know, read in one round trip behind the lock of its source.

use std::collections::{BTreeSet, HashSet};

use headwater_scim::{index::IndexKey, patch::RelationEdit};
use tokio_postgres::Row;

use super::{
    keys,
    overlay::{Content, Fate, Overlay, Row as Resource, from_texts},
    reindex,
    session::Session,
    statement::{BEGIN, Typed, rows_if},
};
use crate::{ChangeSet, MemberId, Millis, ResourceId, SourceId, StoreError, Write};

/// The groups with more members than this are changed by statements where an edit is about all of
/// them; of others the members are read.
const MOST_MEMBERS: i64 = 1_000;

// Nothing here is left to the planner: see `relations`.
const LOCK: &str = "SELECT last FROM source_sequence WHERE source_id = $1 FOR UPDATE";
/// With it the form that the index is to have, and the moment of the last line of the journal.
const REVISION: &str = "SELECT s.revision, (SELECT f.wanted FROM index_form f WHERE f.id = 1), \
     (SELECT c.at FROM change c WHERE c.source_id = $1 AND c.sequence = \
       (SELECT q.last FROM source_sequence q WHERE q.source_id = $1)) \
     FROM source s WHERE s.id = $1 AND s.deleted = 0";
const ROWS: &str = "SELECT r.id, r.type, r.version, r.created, r.last_modified, r.member_count, \
     CASE WHEN r.id = ANY($3) THEN r.document END FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT * FROM resource WHERE source_id = $1 AND id = w.id LIMIT 1) r";
const TAKEN: &str = "SELECT w.path, w.key FROM unnest($2, $3) AS w (path, key) \
     CROSS JOIN LATERAL (SELECT 1 FROM resource_key \
       WHERE source_id = $1 AND path = w.path AND key = w.key AND is_unique = 1 LIMIT 1) k";
const MEMBERS: &str = "SELECT w.group_id, w.member_id FROM unnest($2, $3) AS w (group_id, member_id) \
     CROSS JOIN LATERAL (SELECT 1 FROM membership \
       WHERE source_id = $1 AND group_id = w.group_id AND member_id = w.member_id LIMIT 1) m";
const ALL_MEMBERS: &str = "SELECT m.group_id, m.member_id FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT id FROM resource \
       WHERE source_id = $1 AND id = w.id AND member_count <= $3 LIMIT 1) r \
     CROSS JOIN LATERAL (SELECT group_id, member_id FROM membership \
       WHERE source_id = $1 AND group_id = r.id ORDER BY member_id LIMIT $3) m";
const GROUPS: &str = "SELECT r.id, r.type, r.version, r.created, r.last_modified, r.member_count, w.id \
     FROM unnest($2) AS w (id) \
     CROSS JOIN LATERAL (SELECT group_id FROM membership WHERE source_id = $1 AND member_id = w.id OFFSET 0) m \
     CROSS JOIN LATERAL (SELECT * FROM resource WHERE source_id = $1 AND id = m.group_id LIMIT 1) r";

/// What change sets ask of the database.
#[derive(Default)]
pub(super) struct Needs {
    resources: HashSet<ResourceId>,
    deleted: HashSet<ResourceId>,
    keys: HashSet<(i64, String)>,
    members: BTreeSet<(ResourceId, MemberId)>,
    /// Groups of which all members are needed.
    whole: HashSet<ResourceId>,
}

impl Needs {
    pub(super) fn add(&mut self, change_set: &ChangeSet) {
        self.resources.extend(&change_set.requires);
        for write in &change_set.writes {
            self.add_write(write);
        }
    }

    fn add_write(&mut self, write: &Write) {
        match write {
            Write::Create { id, keys, .. } => {
                self.resources.insert(*id);
                self.add_keys(keys);
            }
            Write::Update { id, document, members, .. } => {
                self.resources.insert(*id);
                self.add_keys(document.as_ref().map_or(&[][..], |change| &change.keys.added));
                for edit in members {
                    match edit {
                        RelationEdit::Add(texts) | RelationEdit::Remove(texts) => {
                            // Such as can't be stored are refused later on.
                            let members = from_texts(texts).unwrap_or_default().into_iter();
                            self.members.extend(members.map(|member| (*id, member)));
                        }
                        RelationEdit::Replace(_) | RelationEdit::Clear => {
                            self.whole.insert(*id);
                        }
                        RelationEdit::RemoveMatching(_) => {}
                    }
                }
            }
            Write::Delete { id, .. } => {
                self.resources.insert(*id);
                self.deleted.insert(*id);
                self.whole.insert(*id);
            }
        }
    }

    fn add_keys(&mut self, keys: &[IndexKey]) {
        let unique = keys.iter().filter(|key| key.unique);
        self.keys.extend(unique.map(|key| (key.code, keys::stored(&key.key).into_owned())));
    }
}

/// Begins a transaction, locks the source and reads what is needed. With `begun`, the transaction is
/// there already and has given numbers up to this one.
///
/// Everything behind the lock sees what was committed before it was given: each statement has its own
/// snapshot (READ COMMITTED), and nobody else writes to the source while the lock is held.
pub(super) async fn gather(
    session: &Session,
    source: SourceId,
    needs: &Needs,
    begun: Option<i64>,
) -> Result<Overlay, StoreError> {
    let bytes = |id: &ResourceId| id.as_bytes().to_vec();
    let resources: Vec<Vec<u8>> = needs.resources.iter().map(bytes).collect();
    let deleted: Vec<Vec<u8>> = needs.deleted.iter().map(bytes).collect();
    let whole: Vec<Vec<u8>> = needs.whole.iter().map(bytes).collect();
    let (paths, keys): (Vec<i64>, Vec<&str>) =
        needs.keys.iter().map(|(path, key)| (*path, key.as_str())).unzip();
    let (groups, members): (Vec<&[u8]>, Vec<&[u8]>) =
        needs.members.iter().map(|(group, member)| (&group.as_bytes()[..], member.as_bytes())).unzip();
    let of_source = [source.0.bound()];
    let of_rows = [source.0.bound(), resources.bound(), deleted.bound()];
    let of_keys = [source.0.bound(), paths.bound(), keys.bound()];
    let of_members = [source.0.bound(), groups.bound(), members.bound()];
    let of_whole = [source.0.bound(), whole.bound(), MOST_MEMBERS.bound()];
    let of_deleted = [source.0.bound(), deleted.bound()];
    let begin = async { if begun.is_some() { Ok(()) } else { session.batch_execute(BEGIN).await } };
    // Sent in this order, without waiting in between.
    let (begin, lock, revision, rows, taken, members, all_members, groups) = tokio::join!(
        biased;
        begin,
        rows_if(begun.is_none(), session, LOCK, &of_source),
        rows_if(true, session, REVISION, &of_source),
        rows_if(!resources.is_empty(), session, ROWS, &of_rows),
        rows_if(!paths.is_empty(), session, TAKEN, &of_keys),
        rows_if(!groups.is_empty(), session, MEMBERS, &of_members),
        rows_if(!whole.is_empty(), session, ALL_MEMBERS, &of_whole),
        rows_if(!deleted.is_empty(), session, GROUPS, &of_deleted),
    );
    begin?;
    let mut overlay = Overlay::default();
    let lock = lock?;
    let sequence = match begun {
        Some(sequence) => Some(sequence),
        None => lock.first().map(|row| row.try_get(0)).transpose()?,
    };
    // Without a row the source is gone, and so is what there was to number.
    overlay.last.sequence = sequence.unwrap_or_default();
    if let (Some(row), Some(_)) = (revision?.first(), sequence) {
        overlay.revision = Some(count(row, 0)?);
        reindex::check(row.try_get(1)?)?;
        overlay.last.at = row.try_get::<_, Option<Millis>>(2)?.unwrap_or_default();
    }
    for row in rows? {
        let (id, mut resource) = resource_of(&row)?;
        resource.content = row.try_get::<_, Option<&str>>(6)?.map(|document| Content {
            document: document.into(),
            display: None,
            has_references: false,
        });
        overlay.rows.insert(id, resource);
    }
    for row in taken? {
        overlay.taken.insert((row.try_get(0)?, row.try_get(1)?));
    }
    for row in members?.into_iter().chain(all_members?) {
        overlay.members.entry(id(&row, 0)?).or_default().insert(MemberId::from_bytes(row.try_get(1)?));
    }
    let is_small = |id: &&ResourceId| {
        let most = MOST_MEMBERS.unsigned_abs();
        overlay.rows.get(id).is_none_or(|row| row.member_count <= most)
    };
    overlay.complete = needs.whole.iter().filter(is_small).copied().collect();
    overlay.groups = needs.deleted.iter().map(|id| (MemberId::from(*id), BTreeSet::new())).collect();
    for row in groups? {
        let (group, resource) = resource_of(&row)?;
        let member = MemberId::from_bytes(row.try_get(6)?);
        overlay.rows.entry(group).or_insert(resource);
        overlay.members.entry(group).or_default().insert(member.clone());
        overlay.groups.entry(member).or_default().insert(group);
    }
    Ok(overlay)
}

fn resource_of(row: &Row) -> Result<(ResourceId, Resource), StoreError> {
    let resource = Resource {
        resource_type: row.try_get(1)?,
        version: count(row, 2)?,
        created: row.try_get(3)?,
        last_modified: row.try_get(4)?,
        member_count: count(row, 5)?,
        content: None,
        stored: true,
        fate: Fate::Stays,
    };
    Ok((id(row, 0)?, resource))
}

/// The id in a column.
pub(super) fn id(row: &Row, column: usize) -> Result<ResourceId, StoreError> {
    ResourceId::from_slice(row.try_get(column)?)
        .ok_or_else(|| StoreError::Damaged("an id has other than 16 bytes".to_owned()))
}

/// The number in a column, which is never below 0.
pub(super) fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| StoreError::Damaged("a count is below 0".to_owned()))
}
