//! What a batch of changes finds in the database and makes of it, in memory: change set after change
//! set is carried out on it, and what differs in the end is written in a few statements.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use headwater_scim::{index::IndexKey, patch::RelationEdit};
use uuid::Uuid;

use super::{
    edits::{MemberEdits, Outcome},
    keys,
};
use crate::{
    Applied, ApplyError, ChangeSet, DocumentChange, MemberId, Millis, ResourceId, SecretHash, StoreError,
    Write, Written, journal::Line,
};

/// A key in the index, and whose it is.
pub(super) type KeyOf = (i64, String, ResourceId);

/// What is known of a part of a source, and what is to become of it.
#[derive(Clone, Default)]
pub(super) struct Overlay {
    /// The revision of the source; `None` when it is gone.
    pub(super) revision: Option<u64>,
    /// The last line of the journal.
    pub(super) last: Line,
    /// The resources that are asked for and there; those that go stay in here.
    pub(super) rows: HashMap<ResourceId, Row>,
    /// The unique keys that are taken.
    pub(super) taken: HashSet<(i64, String)>,
    /// The memberships that are asked for and there.
    pub(super) members: HashMap<ResourceId, BTreeSet<MemberId>>,
    /// The groups of which all members are known.
    pub(super) complete: HashSet<ResourceId>,
    /// The groups of those that are to go.
    pub(super) groups: HashMap<MemberId, BTreeSet<ResourceId>>,
    pub(super) writes: Writes,
}

/// What is to be written.
#[derive(Clone, Default)]
pub(super) struct Writes {
    /// Keys that come, with whether they are unique, or go (`None`).
    pub(super) keys: BTreeMap<KeyOf, Option<bool>>,
    /// Memberships that come or go.
    pub(super) members: BTreeMap<(ResourceId, MemberId), bool>,
    /// Secrets that come or go.
    pub(super) secrets: BTreeMap<(ResourceId, String), Option<(String, Millis)>>,
    /// Lines of the journal.
    pub(super) changes: Vec<Entry>,
    /// The members that these added or removed.
    pub(super) changed_members: Vec<(i64, MemberId, bool)>,
    /// Resources that came or went, by type.
    pub(super) counts: Vec<(String, ResourceId, i64)>,
}

/// A resource.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) resource_type: String,
    pub(super) version: u64,
    pub(super) created: Millis,
    pub(super) last_modified: Millis,
    pub(super) member_count: u64,
    /// The document, where it is needed or new.
    pub(super) content: Option<Content>,
    /// Whether the database has it.
    pub(super) stored: bool,
    pub(super) fate: Fate,
}

/// What is to become of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Stays,
    /// A new version; the document is the same.
    Touched,
    /// A new document.
    Rewritten,
    /// It goes.
    Goes,
}

#[derive(Clone)]
pub(super) struct Content {
    /// Shared, as a set of several writes begins with a copy of what there is.
    pub(super) document: Arc<str>,
    pub(super) display: Option<String>,
    pub(super) has_references: bool,
}

/// A line of the journal.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) sequence: i64,
    pub(super) at: Millis,
    pub(super) actor: Uuid,
    pub(super) request_id: Uuid,
    pub(super) kind: &'static str,
    pub(super) resource_type: String,
    pub(super) id: ResourceId,
    pub(super) version: u64,
    pub(super) before: Option<Arc<str>>,
    pub(super) after: Option<Arc<str>>,
}

impl Overlay {
    /// Carries out a change set, or finds why it can't be; nothing of it is left then.
    pub(super) fn apply(&mut self, change_set: &ChangeSet) -> Result<Applied, ApplyError> {
        self.check(change_set)?;
        match change_set.writes.as_slice() {
            // Of a single write, whatever may stand in its way is found before it begins.
            [write] => Ok(Applied { writes: vec![self.write(change_set, write, None)?] }),
            writes => {
                let before = self.clone();
                let written: Result<Vec<Written>, _> =
                    writes.iter().map(|write| self.write(change_set, write, None)).collect();
                if written.is_err() {
                    *self = before;
                }
                Ok(Applied { writes: written? })
            }
        }
    }

    /// A request may have been let in before its source was deleted or changed.
    pub(super) fn check(&self, change_set: &ChangeSet) -> Result<(), ApplyError> {
        if self.revision != Some(change_set.revision) {
            return Err(ApplyError::SourceChanged);
        }
        let is_there = |id: &ResourceId| self.rows.get(id).is_some_and(|row| row.fate != Fate::Goes);
        if change_set.requires.iter().all(is_there) { Ok(()) } else { Err(ApplyError::Unmet) }
    }

    /// Carries out a write. What it does to members may have been done in the database already.
    pub(super) fn write(
        &mut self,
        change_set: &ChangeSet,
        write: &Write,
        done: Option<&Outcome>,
    ) -> Result<Written, ApplyError> {
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
                let content = Content {
                    document: document.as_str().into(),
                    display: display.clone(),
                    has_references: *has_references,
                };
                let members = from_texts(members)?;
                self.check_unique(*id, keys)?;
                self.create(change_set, resource_type, *id, content, members, secrets, keys)
            }
            Write::Update { resource_type, id, expected, document, members, secrets } => {
                self.find(resource_type, *id, *expected)?;
                self.check_unique(*id, document.as_ref().map_or(&[][..], |change| &change.keys.added))?;
                let outcome = match done {
                    Some(done) => done.clone(),
                    None => self.edit(*id, members)?,
                };
                self.update(change_set, *id, document.as_ref(), &outcome, secrets)
            }
            Write::Delete { resource_type, id, expected, keys } => {
                self.find(resource_type, *id, Some(*expected))?;
                self.delete(change_set, *id, keys, done)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a creation")]
    fn create(
        &mut self,
        change_set: &ChangeSet,
        resource_type: &str,
        id: ResourceId,
        content: Content,
        members: Vec<MemberId>,
        secrets: &[SecretHash],
        keys: &[IndexKey],
    ) -> Result<Written, ApplyError> {
        if self.rows.contains_key(&id) {
            return Err(StoreError::Internal("an id was given twice").into());
        }
        self.complete.insert(id);
        let mut edits = MemberEdits::default();
        for member in members {
            edits.add(self, id, member);
        }
        let outcome = edits.outcome(Vec::new());
        let member_count = outcome.added;
        let line = self.next_line(change_set);
        self.note_net_members(line.sequence, &outcome);
        self.add_keys(id, keys);
        self.keep_secrets(change_set, id, secrets);
        self.writes.counts.push((resource_type.to_owned(), id, 1));
        let at = line.at;
        let after = Some(content.document.clone());
        self.rows.insert(
            id,
            Row {
                resource_type: resource_type.to_owned(),
                version: 1,
                created: at,
                last_modified: at,
                member_count,
                content: Some(content),
                stored: false,
                fate: Fate::Rewritten,
            },
        );
        self.journal(change_set, line, "create", id, None, after)?;
        Ok(Written {
            changed: true,
            version: 1,
            created: at,
            last_modified: at,
            member_count,
            member_edits: Vec::new(),
        })
    }

    fn update(
        &mut self,
        change_set: &ChangeSet,
        id: ResourceId,
        document: Option<&DocumentChange>,
        outcome: &Outcome,
        secrets: &[SecretHash],
    ) -> Result<Written, ApplyError> {
        let line = self.last.next(change_set.at);
        let row = self.rows.get_mut(&id).ok_or(ApplyError::NotFound)?;
        row.member_count = (row.member_count + outcome.added).saturating_sub(outcome.removed);
        let mut written = Written {
            changed: document.is_some() || outcome.changed || !secrets.is_empty(),
            version: row.version,
            created: row.created,
            last_modified: row.last_modified,
            member_count: row.member_count,
            member_edits: outcome.edits.clone(),
        };
        if !written.changed {
            // RFC 7644 §3.5.2.1: nothing changed, so neither do version and lastModified.
            return Ok(written);
        }
        row.version += 1;
        row.last_modified = line.at.max(row.last_modified + 1);
        (written.version, written.last_modified) = (row.version, row.last_modified);
        if let Some(change) = document {
            row.content = Some(Content {
                document: change.document.as_str().into(),
                display: change.display.clone(),
                has_references: change.has_references,
            });
            row.fate = Fate::Rewritten;
            self.remove_keys(id, &change.keys.removed);
            self.add_keys(id, &change.keys.added);
        } else if row.fate == Fate::Stays {
            row.fate = Fate::Touched;
        }
        self.keep_secrets(change_set, id, secrets);
        self.last = line;
        self.note_net_members(line.sequence, outcome);
        let before = document.map(|change| change.before.as_str().into());
        let after = document.map(|change| change.after.as_str().into());
        self.journal(change_set, line, "update", id, before, after)?;
        Ok(written)
    }

    fn delete(
        &mut self,
        change_set: &ChangeSet,
        id: ResourceId,
        keys: &[IndexKey],
        done: Option<&Outcome>,
    ) -> Result<Written, ApplyError> {
        self.leave_groups(change_set, id)?;
        let outcome = match done {
            Some(done) => done.clone(),
            None => self.edit(id, &[RelationEdit::Clear])?,
        };
        let line = self.next_line(change_set);
        self.note_net_members(line.sequence, &outcome);
        self.remove_keys(id, keys);
        self.writes.secrets.retain(|(owner, _), _| *owner != id);
        let row = self.rows.get_mut(&id).ok_or(ApplyError::NotFound)?;
        row.fate = Fate::Goes;
        row.version += 1;
        let (version, created) = (row.version, row.created);
        let content =
            row.content.take().ok_or_else(|| unread("the document of what is deleted was not read"))?;
        self.writes.counts.push((row.resource_type.clone(), id, -1));
        self.journal(change_set, line, "delete", id, Some(content.document), None)?;
        Ok(Written {
            changed: true,
            version,
            created,
            last_modified: line.at,
            member_count: 0,
            member_edits: Vec::new(),
        })
    }

    /// AMB-47: what is deleted leaves its groups, whose versions change.
    fn leave_groups(&mut self, change_set: &ChangeSet, id: ResourceId) -> Result<(), ApplyError> {
        for group in self.groups_left(id) {
            let mut edits = MemberEdits::default();
            edits.remove(self, group, MemberId::from(id));
            let outcome = edits.outcome(vec![true]);
            self.update(change_set, group, None, &outcome, &[])?;
        }
        Ok(())
    }

    /// The groups that a resource leaves when it goes.
    pub(super) fn groups_left(&self, id: ResourceId) -> Vec<ResourceId> {
        let groups = self.groups.get(&MemberId::from(id)).into_iter().flatten();
        groups.copied().filter(|group| *group != id).collect()
    }

    fn find(&self, resource_type: &str, id: ResourceId, expected: Option<u64>) -> Result<&Row, ApplyError> {
        let row = self
            .rows
            .get(&id)
            .filter(|row| row.fate != Fate::Goes && row.resource_type == resource_type)
            .ok_or(ApplyError::NotFound)?;
        if expected.is_some_and(|expected| expected != row.version) {
            return Err(ApplyError::Conflict);
        }
        Ok(row)
    }

    fn check_unique(&self, id: ResourceId, keys: &[IndexKey]) -> Result<(), ApplyError> {
        let taken = |key: &&IndexKey| {
            key.unique && self.taken.contains(&(key.code, keys::stored(&key.key).into_owned()))
        };
        match keys.iter().find(taken) {
            Some(key) => Err(ApplyError::Taken { path: key.path.to_string(), id }),
            None => Ok(()),
        }
    }

    fn add_keys(&mut self, id: ResourceId, keys: &[IndexKey]) {
        for key in keys {
            if key.unique {
                self.taken.insert((key.code, keys::stored(&key.key).into_owned()));
            }
            let place = (key.code, key.key.clone(), id);
            if self.writes.keys.get(&place) == Some(&None) {
                self.writes.keys.remove(&place);
            } else {
                self.writes.keys.insert(place, Some(key.unique));
            }
        }
    }

    fn remove_keys(&mut self, id: ResourceId, keys: &[IndexKey]) {
        for key in keys {
            if key.unique {
                self.taken.remove(&(key.code, keys::stored(&key.key).into_owned()));
            }
            let place = (key.code, key.key.clone(), id);
            if matches!(self.writes.keys.get(&place), Some(Some(_))) {
                self.writes.keys.remove(&place);
            } else {
                self.writes.keys.insert(place, None);
            }
        }
    }

    fn keep_secrets(&mut self, change_set: &ChangeSet, id: ResourceId, secrets: &[SecretHash]) {
        for SecretHash { attribute, hash } in secrets {
            let hash = hash.clone().map(|hash| (hash, change_set.at));
            self.writes.secrets.insert((id, attribute.clone()), hash);
        }
    }

    fn next_line(&mut self, change_set: &ChangeSet) -> Line {
        self.last = self.last.next(change_set.at);
        self.last
    }

    fn note_net_members(&mut self, sequence: i64, outcome: &Outcome) {
        let net = outcome.net.iter().map(|(member, added)| (sequence, member.clone(), *added));
        self.writes.changed_members.extend(net);
    }

    fn journal(
        &mut self,
        change_set: &ChangeSet,
        line: Line,
        kind: &'static str,
        id: ResourceId,
        before: Option<Arc<str>>,
        after: Option<Arc<str>>,
    ) -> Result<(), ApplyError> {
        let row = self.rows.get(&id).ok_or(ApplyError::NotFound)?;
        self.writes.changes.push(Entry {
            sequence: line.sequence,
            at: line.at,
            actor: change_set.actor,
            request_id: change_set.request_id,
            kind,
            resource_type: row.resource_type.clone(),
            id,
            version: row.version,
            before,
            after,
        });
        Ok(())
    }
}

/// The members that clients name.
///
/// # Errors
/// One of them is too long to be stored.
pub(super) fn from_texts(texts: &[String]) -> Result<Vec<MemberId>, ApplyError> {
    let members: Vec<MemberId> = texts.iter().map(|text| MemberId::from_text(text)).collect();
    if !members.iter().all(|member| keys::is_storable_member(member.as_bytes())) {
        return Err(StoreError::TooLong("the value of a member").into());
    }
    Ok(members)
}

/// Something that a write needs was not read before.
fn unread(what: &'static str) -> ApplyError {
    StoreError::Internal(what).into()
}
