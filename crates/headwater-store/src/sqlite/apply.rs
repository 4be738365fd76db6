//! Change sets carried out: resources, index, memberships and journal in one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use headwater_scim::{index::IndexKey, patch::RelationEdit};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::{read, readers::Changed, stretches::Counting};
use crate::{
    Applied, ApplyError, ChangeSet, DocumentChange, MemberId, ResourceId, SecretHash, SourceId, StoreError,
    Write, Written, journal::Line, related,
};

/// How many keys are inserted by one statement.
const KEYS_AT_ONCE: usize = 16;
/// The statements that insert one key, two, and so on. They may fail with some keys inserted: then
/// nothing of the batch is committed.
static INSERT_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let row = |first: usize| format!("(?1, ?{first}, ?{}, ?2, ?{})", first + 1, first + 2);
    let rows = (1..=KEYS_AT_ONCE).map(|keys| (0..keys).map(|key| row(3 + 3 * key)).collect::<Vec<_>>());
    let insert = "INSERT OR FAIL INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES";
    rows.map(|rows| format!("{insert} {}", rows.join(", "))).collect()
});

/// What a batch of changes shares.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    /// The last line in the journal of each source that the batch has written to.
    lines: HashMap<SourceId, Line>,
    /// The source that was looked at last, and its revision.
    source: Option<(SourceId, u64)>,
    counting: Counting,
    changed: Changed,
    /// A change failed after it had begun: nothing of the batch may be committed.
    spoiled: bool,
}

impl Batch {
    pub(super) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Lets nothing of the batch be committed.
    pub(super) fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// What the batch changes.
    pub(super) fn changed(&mut self) -> &mut Changed {
        &mut self.changed
    }

    /// Puts down what the batch remembers, before others look at the database, and at the end.
    pub(super) fn write_down(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.source = None;
        let written = self.counting.write_down(connection);
        self.spoiled |= written.is_err();
        written
    }

    /// The last line in the journal of a source.
    fn last_line(&mut self, connection: &Connection, source: SourceId) -> rusqlite::Result<Line> {
        if let Some(last) = self.lines.get(&source) {
            return Ok(*last);
        }
        let last = "SELECT sequence, at FROM change WHERE source_id = ?1 ORDER BY sequence DESC LIMIT 1";
        let line = |row: &rusqlite::Row<'_>| Ok(Line { sequence: row.get(0)?, at: row.get(1)? });
        let last = connection.prepare_cached(last)?.query_row([source.0], line).optional()?;
        Ok(*self.lines.entry(source).or_insert(last.unwrap_or_default()))
    }
}

/// Applies a change set. Of a single write, whatever may stand in its way is found before it
/// begins; a set of several has to be run in a savepoint.
pub(super) fn apply(
    connection: &Connection,
    batch: &mut Batch,
    change_set: &ChangeSet,
) -> Result<Applied, ApplyError> {
    check_source(connection, batch, change_set)?;
    check_required(connection, change_set)?;
    let mut applying = Applying { connection, batch, change_set };
    let writes = change_set.writes.iter().map(|write| applying.write(write)).collect::<Result<_, _>>();
    if matches!(writes, Err(ApplyError::Store(_))) {
        applying.batch.spoiled = true;
    }
    Ok(Applied { writes: writes? })
}

/// A request may have been let in before its source was deleted or changed.
fn check_source(
    connection: &Connection,
    batch: &mut Batch,
    change_set: &ChangeSet,
) -> Result<(), ApplyError> {
    let wanted = Some((change_set.source, change_set.revision));
    if batch.source == wanted {
        return Ok(());
    }
    let select = "SELECT revision FROM source WHERE id = ?1 AND deleted = 0";
    let revision: Option<u64> =
        connection.prepare_cached(select)?.query_row([change_set.source.0], |row| row.get(0)).optional()?;
    batch.source = revision.map(|revision| (change_set.source, revision));
    if batch.source == wanted { Ok(()) } else { Err(ApplyError::SourceChanged) }
}

/// Whether the resources are there that a change set needs.
fn check_required(connection: &Connection, change_set: &ChangeSet) -> Result<(), ApplyError> {
    let select = "SELECT EXISTS (SELECT 1 FROM resource WHERE source_id = ?1 AND id = ?2)";
    for id in &change_set.requires {
        let parameters = params![change_set.source.0, id.as_bytes()];
        if !connection.prepare_cached(select)?.query_row(parameters, |row| row.get::<_, bool>(0))? {
            return Err(ApplyError::Unmet);
        }
    }
    Ok(())
}

struct Applying<'a> {
    connection: &'a Connection,
    batch: &'a mut Batch,
    change_set: &'a ChangeSet,
}

/// A resource whose row has been found.
struct Row {
    rowid: i64,
    version: u64,
    created: i64,
    last_modified: i64,
    display: Option<String>,
    member_count: u64,
}

/// A line of the journal.
struct Entry<'a> {
    kind: &'static str,
    resource_type: &'a str,
    id: ResourceId,
    version: u64,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl Applying<'_> {
    fn source(&self) -> i64 {
        self.change_set.source.0
    }

    fn write(&mut self, write: &Write) -> Result<Written, ApplyError> {
        match write {
            Write::Create {
                resource_type,
                id,
                document,
                keys,
                display,
                has_references,
                members,
                secrets,
            } => {
                self.check_unique(*id, keys)?;
                let line = self.next_line()?;
                let row = "INSERT INTO resource (rowid, source_id, id, type, version, created, last_modified, \
                           display, has_references, member_count, document) VALUES (\
                           CASE WHEN EXISTS (SELECT 1 FROM resource WHERE rowid = ?9) THEN NULL ELSE ?9 END, \
                           ?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, ?8)";
                let members: Vec<MemberId> = members.iter().map(|text| MemberId::from_text(text)).collect();
                self.note_changed(*id, members.is_empty());
                self.connection.prepare_cached(row)?.execute(params![
                    self.source(),
                    id.as_bytes(),
                    resource_type,
                    line.at,
                    display,
                    has_references,
                    members.len(),
                    document,
                    read::row_number(*id)
                ])?;
                self.insert_keys(*id, keys)?;
                self.batch.counting.add(self.connection, self.change_set.source, resource_type, *id)?;
                self.keep_secrets(*id, secrets)?;
                self.add_members(line.sequence, *id, &members)?;
                let entry = Entry {
                    kind: "create",
                    resource_type,
                    id: *id,
                    version: 1,
                    before: None,
                    after: Some(document),
                };
                self.journal(line, &entry)?;
                Ok(Written {
                    changed: true,
                    version: 1,
                    created: line.at,
                    last_modified: line.at,
                    member_count: members.len() as u64,
                    member_edits: Vec::new(),
                })
            }
            Write::Update { resource_type, id, expected, document, members, secrets } => {
                self.update(resource_type, *id, *expected, document.as_ref(), members, secrets)
            }
            Write::Delete { resource_type, id, expected, keys } => {
                self.delete(resource_type, *id, *expected, keys)
            }
        }
    }

    /// The line that is written next, should anything be.
    fn next_line(&mut self) -> rusqlite::Result<Line> {
        Ok(self.batch.last_line(self.connection, self.change_set.source)?.next(self.change_set.at))
    }

    /// Notes that a resource is changed. If it has members, they show it among their groups.
    fn note_changed(&mut self, id: ResourceId, has_no_members: bool) {
        let changed = self.batch.changed();
        if has_no_members {
            changed.add(id);
        } else {
            changed.add_others();
        }
    }

    fn update(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        expected: Option<u64>,
        document: Option<&DocumentChange>,
        members: &[RelationEdit],
        secrets: &[SecretHash],
    ) -> Result<Written, ApplyError> {
        let row = self.find(resource_type, id, expected)?;
        self.check_unique(id, document.map_or(&[][..], |change| &change.keys.added))?;
        self.note_changed(id, members.is_empty() && row.member_count == 0);
        let line = self.next_line()?;
        let mut member_edits = Vec::with_capacity(members.len());
        let mut member_count = row.member_count;
        for edit in members {
            let (added, removed) = self.edit_members(line.sequence, id, edit)?;
            member_edits.push(added + removed > 0);
            member_count = (member_count + added).saturating_sub(removed);
        }
        let members_changed = match member_edits.iter().filter(|changed| **changed).count() {
            0 => false,
            1 => true,
            // One edit may have undone what another did.
            _ => self.has_member_entries(line.sequence)?,
        };
        if document.is_none() && !members_changed && secrets.is_empty() {
            // RFC 7644 §3.5.2.1: nothing changed, so neither do version and lastModified.
            return Ok(Written {
                changed: false,
                version: row.version,
                created: row.created,
                last_modified: row.last_modified,
                member_count,
                member_edits,
            });
        }
        let last_modified = line.at.max(row.last_modified + 1);
        let version = row.version + 1;
        if let Some(change) = document {
            let update = "UPDATE resource SET version = ?2, last_modified = ?3, member_count = ?4, document = ?5, \
                          has_references = ?6 WHERE rowid = ?1";
            self.connection.prepare_cached(update)?.execute(params![
                row.rowid,
                version,
                last_modified,
                member_count,
                change.document,
                change.has_references
            ])?;
            // By itself, and only where it differs: the index that has it would be written anew.
            if change.display != row.display {
                let rename = "UPDATE resource SET display = ?2 WHERE rowid = ?1";
                self.connection.prepare_cached(rename)?.execute(params![row.rowid, change.display])?;
            }
            self.remove_keys(id, &change.keys.removed)?;
            self.insert_keys(id, &change.keys.added)?;
        } else {
            self.touch(row.rowid, version, last_modified, member_count)?;
        }
        self.keep_secrets(id, secrets)?;
        let entry = Entry {
            kind: "update",
            resource_type,
            id,
            version,
            before: document.map(|change| change.before.as_str()),
            after: document.map(|change| change.after.as_str()),
        };
        self.journal(line, &entry)?;
        Ok(Written {
            changed: true,
            version,
            created: row.created,
            last_modified,
            member_count,
            member_edits,
        })
    }

    fn delete(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        expected: u64,
        keys: &[IndexKey],
    ) -> Result<Written, ApplyError> {
        let row = self.find(resource_type, id, Some(expected))?;
        self.note_changed(id, false);
        self.leave_groups(id)?;
        let line = self.next_line()?;
        self.edit_members(line.sequence, id, &RelationEdit::Clear)?;
        self.remove_keys(id, keys)?;
        let secrets = "DELETE FROM secret WHERE source_id = ?1 AND resource_id = ?2";
        self.connection.prepare_cached(secrets)?.execute(params![self.source(), id.as_bytes()])?;
        self.batch.counting.remove(self.connection, self.change_set.source, resource_type, id)?;
        let document = "DELETE FROM resource WHERE rowid = ?1 RETURNING document";
        let document: String =
            self.connection.prepare_cached(document)?.query_row([row.rowid], |row| row.get(0))?;
        let version = row.version + 1;
        let entry =
            Entry { kind: "delete", resource_type, id, version, before: Some(&document), after: None };
        self.journal(line, &entry)?;
        Ok(Written {
            changed: true,
            version,
            created: row.created,
            last_modified: line.at,
            member_count: 0,
            member_edits: Vec::new(),
        })
    }

    /// AMB-47: what is deleted leaves its groups, whose versions change.
    fn leave_groups(&mut self, id: ResourceId) -> Result<(), ApplyError> {
        let groups = "SELECT m.group_id, r.type FROM membership m \
                      CROSS JOIN resource r ON r.source_id = m.source_id AND r.id = m.group_id \
                      WHERE m.source_id = ?1 AND m.member_id = ?2";
        let mut statement = self.connection.prepare_cached(groups)?;
        let rows = statement.query_map(params![self.source(), id.as_bytes()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))
        })?;
        let groups: Vec<(Vec<u8>, String)> = rows.collect::<Result<_, _>>()?;
        for (group, group_type) in groups {
            let group = ResourceId::from_slice(&group).ok_or_else(|| damaged("membership.group_id"))?;
            if group != id {
                let leave = [RelationEdit::Remove(vec![id.to_string()])];
                self.update(&group_type, group, None, None, &leave, &[])?;
            }
        }
        Ok(())
    }

    fn find(&self, resource_type: &str, id: ResourceId, expected: Option<u64>) -> Result<Row, ApplyError> {
        const FIND: [&str; 2] = [
            "SELECT rowid, version, created, last_modified, display, member_count FROM resource \
             WHERE rowid = ?4 AND +source_id = ?1 AND +type = ?2 AND +id = ?3",
            "SELECT rowid, version, created, last_modified, display, member_count FROM resource \
             WHERE source_id = ?1 AND type = ?2 AND id = ?3",
        ];
        let found = read::find(self.connection, FIND, self.change_set.source, resource_type, id, |row| {
            Ok(Row {
                rowid: row.get(0)?,
                version: row.get(1)?,
                created: row.get(2)?,
                last_modified: row.get(3)?,
                display: row.get(4)?,
                member_count: row.get(5)?,
            })
        })?;
        let row = found.ok_or(ApplyError::NotFound)?;
        if expected.is_some_and(|expected| expected != row.version) {
            return Err(ApplyError::Conflict);
        }
        Ok(row)
    }

    fn touch(
        &self,
        rowid: i64,
        version: u64,
        last_modified: i64,
        member_count: u64,
    ) -> Result<(), ApplyError> {
        let touch =
            "UPDATE resource SET version = ?2, last_modified = ?3, member_count = ?4 WHERE rowid = ?1";
        self.connection.prepare_cached(touch)?.execute(params![
            rowid,
            version,
            last_modified,
            member_count
        ])?;
        Ok(())
    }

    /// Whether unique values are free. The index sees to it all the same; asked before, the answer
    /// comes before anything has been written.
    fn check_unique(&self, id: ResourceId, keys: &[IndexKey]) -> Result<(), ApplyError> {
        let taken = "SELECT EXISTS (SELECT 1 FROM resource_key \
                     WHERE source_id = ?1 AND path = ?2 AND key = ?3 AND is_unique = 1)";
        for key in keys.iter().filter(|key| key.unique) {
            let parameters = params![self.source(), key.code, key.key];
            if self.connection.prepare_cached(taken)?.query_row(parameters, |row| row.get(0))? {
                return Err(ApplyError::Taken { path: key.path.to_string(), id });
            }
        }
        Ok(())
    }

    fn insert_keys(&self, id: ResourceId, keys: &[IndexKey]) -> Result<(), ApplyError> {
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let mut statement = self.connection.prepare_cached(&INSERT_KEYS[keys.len() - 1])?;
            statement.raw_bind_parameter(1, self.source())?;
            statement.raw_bind_parameter(2, id.as_bytes())?;
            for (key, first) in keys.iter().zip((3..).step_by(3)) {
                statement.raw_bind_parameter(first, key.code)?;
                statement.raw_bind_parameter(first + 1, &*key.key)?;
                statement.raw_bind_parameter(first + 2, key.unique)?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn remove_keys(&self, id: ResourceId, keys: &[IndexKey]) -> Result<(), ApplyError> {
        let remove =
            "DELETE FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key = ?3 AND resource_id = ?4";
        let mut statement = self.connection.prepare_cached(remove)?;
        for key in keys {
            statement.execute(params![self.source(), key.code, key.key, id.as_bytes()])?;
        }
        Ok(())
    }

    fn keep_secrets(&self, id: ResourceId, secrets: &[SecretHash]) -> Result<(), ApplyError> {
        let keep = "INSERT INTO secret (source_id, resource_id, attribute, hash, changed) VALUES (?1, ?2, ?3, ?4, ?5) \
                    ON CONFLICT DO UPDATE SET hash = excluded.hash, changed = excluded.changed";
        let forget = "DELETE FROM secret WHERE source_id = ?1 AND resource_id = ?2 AND attribute = ?3";
        for SecretHash { attribute, hash } in secrets {
            let (source, id) = (self.source(), id.as_bytes());
            match hash {
                Some(hash) => {
                    let parameters = params![source, id, attribute, hash, self.change_set.at];
                    self.connection.prepare_cached(keep)?.execute(parameters)?;
                }
                None => {
                    self.connection.prepare_cached(forget)?.execute(params![source, id, attribute])?;
                }
            }
        }
        Ok(())
    }

    /// Carries out one edit; returns how many members came and went.
    fn edit_members(
        &self,
        sequence: i64,
        group: ResourceId,
        edit: &RelationEdit,
    ) -> Result<(u64, u64), ApplyError> {
        let from_texts = |texts: &[String]| -> Vec<MemberId> {
            texts.iter().map(|text| MemberId::from_text(text)).collect()
        };
        match edit {
            RelationEdit::Add(texts) => Ok((self.add_members(sequence, group, &from_texts(texts))?, 0)),
            RelationEdit::Remove(texts) => Ok((0, self.remove_members(sequence, group, &from_texts(texts))?)),
            RelationEdit::RemoveMatching(filter) => {
                let mut matching = Vec::new();
                read::each_member(self.connection, self.change_set.source, group, |related| {
                    if filter.matches_element(&related::element(&related, false).into()) {
                        matching.push(related.id);
                    }
                })?;
                Ok((0, self.remove_members(sequence, group, &matching)?))
            }
            RelationEdit::Clear => Ok((0, self.clear_members(sequence, group)?)),
            RelationEdit::Replace(texts) => {
                let wanted: HashSet<MemberId> = from_texts(texts).into_iter().collect();
                let mut present = HashSet::new();
                let mut unwanted = Vec::new();
                read::each_member_id(self.connection, self.change_set.source, group, |id| {
                    if wanted.contains(&id) {
                        present.insert(id);
                    } else {
                        unwanted.push(id);
                    }
                })?;
                let missing: Vec<MemberId> = wanted.difference(&present).cloned().collect();
                let removed = self.remove_members(sequence, group, &unwanted)?;
                Ok((self.add_members(sequence, group, &missing)?, removed))
            }
        }
    }

    fn add_members(&self, sequence: i64, group: ResourceId, members: &[MemberId]) -> Result<u64, ApplyError> {
        if members.is_empty() {
            return Ok(0);
        }
        let add = "INSERT OR IGNORE INTO membership (source_id, group_id, member_id) VALUES (?1, ?2, ?3)";
        let mut statement = self.connection.prepare_cached(add)?;
        let mut added = 0;
        for member in members {
            if statement.execute(params![self.source(), group.as_bytes(), member.as_bytes()])? > 0 {
                self.journal_member(sequence, member, true)?;
                added += 1;
            }
        }
        Ok(added)
    }

    fn remove_members(
        &self,
        sequence: i64,
        group: ResourceId,
        members: &[MemberId],
    ) -> Result<u64, ApplyError> {
        let remove = "DELETE FROM membership WHERE source_id = ?1 AND group_id = ?2 AND member_id = ?3";
        let mut statement = self.connection.prepare_cached(remove)?;
        let mut removed = 0;
        for member in members {
            if statement.execute(params![self.source(), group.as_bytes(), member.as_bytes()])? > 0 {
                self.journal_member(sequence, member, false)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes all members without reading them into memory.
    fn clear_members(&self, sequence: i64, group: ResourceId) -> Result<u64, ApplyError> {
        let parameters =
            named_params! { ":source": self.source(), ":sequence": sequence, ":group": group.as_bytes() };
        let journal = "INSERT INTO change_member (source_id, sequence, member_id, added) \
                       SELECT source_id, :sequence, member_id, 0 FROM membership \
                       WHERE source_id = :source AND group_id = :group \
                       ON CONFLICT DO UPDATE SET added = -1";
        self.connection.prepare_cached(journal)?.execute(parameters)?;
        // What this change had added and now removes was never there.
        let unsaid = "DELETE FROM change_member WHERE source_id = ?1 AND sequence = ?2 AND added = -1";
        self.connection.prepare_cached(unsaid)?.execute(params![self.source(), sequence])?;
        let clear = "DELETE FROM membership WHERE source_id = ?1 AND group_id = ?2";
        let removed =
            self.connection.prepare_cached(clear)?.execute(params![self.source(), group.as_bytes()])?;
        Ok(removed as u64)
    }

    /// Notes that a member came or went. When the same change did the opposite before, it has
    /// done nothing to that member, and the journal says nothing.
    fn journal_member(&self, sequence: i64, member: &MemberId, added: bool) -> Result<(), ApplyError> {
        let unsay = "DELETE FROM change_member WHERE source_id = ?1 AND sequence = ?2 AND member_id = ?3";
        let parameters = params![self.source(), sequence, member.as_bytes()];
        if self.connection.prepare_cached(unsay)?.execute(parameters)? == 0 {
            let say =
                "INSERT INTO change_member (source_id, sequence, member_id, added) VALUES (?1, ?2, ?3, ?4)";
            let parameters = params![self.source(), sequence, member.as_bytes(), added];
            self.connection.prepare_cached(say)?.execute(parameters)?;
        }
        Ok(())
    }

    fn has_member_entries(&self, sequence: i64) -> Result<bool, ApplyError> {
        let select = "SELECT EXISTS (SELECT 1 FROM change_member WHERE source_id = ?1 AND sequence = ?2)";
        let parameters = params![self.source(), sequence];
        Ok(self.connection.prepare_cached(select)?.query_row(parameters, |row| row.get(0))?)
    }

    fn journal(&mut self, line: Line, entry: &Entry<'_>) -> Result<(), ApplyError> {
        let insert = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, \
                      resource_id, version, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.connection.prepare_cached(insert)?.execute(params![
            self.source(),
            line.sequence,
            line.at,
            self.change_set.actor.as_bytes(),
            self.change_set.request_id.as_bytes(),
            entry.kind,
            entry.resource_type,
            entry.id.as_bytes(),
            entry.version,
            entry.before,
            entry.after
        ])?;
        self.batch.lines.insert(self.change_set.source, line);
        Ok(())
    }
}

fn damaged(what: &str) -> ApplyError {
    ApplyError::Store(StoreError::Damaged(format!("{what} is not an id")))
}
