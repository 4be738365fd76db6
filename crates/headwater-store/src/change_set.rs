//! What a request would do, computed without I/O.

use std::sync::Arc;

use headwater_scim::{index::IndexKey, patch::RelationEdit};
use uuid::Uuid;

use crate::{Millis, ResourceId, SourceId};

/// Writes that are applied whole or not at all, by one actor at one moment.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Whose resources.
    pub source: SourceId,
    /// The revision of the source that it was computed with: schemas and switches.
    pub revision: u64,
    /// The service account that does it.
    pub actor: Uuid,
    /// The request that asked for it.
    pub request_id: Uuid,
    /// When.
    pub at: Millis,
    /// Resources that have to be there, beside those that are written.
    pub requires: Vec<ResourceId>,
    /// What, in order.
    pub writes: Vec<Arc<Write>>,
}

/// The hash of a secret that a client has set (`password`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHash {
    /// The name of the attribute.
    pub attribute: String,
    /// The hash, in the form of PHC strings; `None` takes it away.
    pub hash: Option<String>,
}

/// One write.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new resource.
    Create {
        /// The name of its type.
        resource_type: String,
        /// Its id.
        id: ResourceId,
        /// Its stored form.
        document: String,
        /// Its values in the index.
        keys: Vec<IndexKey>,
        /// What people call it.
        display: Option<String>,
        /// Whether it refers to other resources.
        has_references: bool,
        /// The texts that name its members.
        members: Vec<String>,
        /// Its secrets.
        secrets: Vec<SecretHash>,
    },
    /// A change to a resource.
    Update {
        /// The name of its type.
        resource_type: String,
        /// Its id.
        id: ResourceId,
        /// The version that the change was computed from; `None` where it holds for any, as
        /// changes to members do.
        expected: Option<u64>,
        /// The new document, where it differs.
        document: Option<DocumentChange>,
        /// What is done to the members, in order.
        members: Vec<RelationEdit>,
        /// What is done to its secrets.
        secrets: Vec<SecretHash>,
    },
    /// The end of a resource. Its memberships go on both sides.
    Delete {
        /// The name of its type.
        resource_type: String,
        /// Its id.
        id: ResourceId,
        /// The version that `keys` were computed from.
        expected: u64,
        /// Its values in the index.
        keys: Vec<IndexKey>,
    },
}

impl ChangeSet {
    /// About how many bytes its writes take.
    pub fn size(&self) -> usize {
        self.writes.iter().map(|write| write.size()).sum()
    }
}

impl Write {
    /// About how many bytes it takes: its documents and members. Keys are parts of documents.
    pub fn size(&self) -> usize {
        let of_edit = |edit: &RelationEdit| match edit {
            RelationEdit::Add(ids) | RelationEdit::Remove(ids) | RelationEdit::Replace(ids) => size_of(ids),
            RelationEdit::RemoveMatching(_) | RelationEdit::Clear => 0,
        };
        match self {
            Self::Create { document, members, .. } => document.len() + size_of(members),
            Self::Update { document, members, .. } => {
                let changed = document.as_ref();
                changed.map_or(0, DocumentChange::size) + members.iter().map(of_edit).sum::<usize>()
            }
            Self::Delete { .. } => 0,
        }
    }
}

fn size_of(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}

/// A document that replaces another.
#[derive(Debug, Clone)]
pub struct DocumentChange {
    /// The new document.
    pub document: String,
    /// How its values in the index differ.
    pub keys: IndexKeys,
    /// What people call it now.
    pub display: Option<String>,
    /// Whether it refers to other resources now.
    pub has_references: bool,
    /// The attributes that differ, as they were, for the journal.
    pub before: String,
    /// The attributes that differ, as they are.
    pub after: String,
}

/// The difference of two sets of index keys.
#[derive(Debug, Clone, Default)]
pub struct IndexKeys {
    /// Keys that go.
    pub removed: Vec<IndexKey>,
    /// Keys that come.
    pub added: Vec<IndexKey>,
}

impl DocumentChange {
    fn size(&self) -> usize {
        self.document.len() + self.before.len() + self.after.len()
    }
}

impl IndexKeys {
    /// The difference between two sorted sets.
    pub fn between(before: &[IndexKey], after: Vec<IndexKey>) -> Self {
        let removed = before.iter().filter(|key| after.binary_search(key).is_err()).cloned().collect();
        let added = after.into_iter().filter(|key| before.binary_search(key).is_err()).collect();
        Self { removed, added }
    }
}

/// What became of a change set.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What became of each write.
    pub writes: Vec<Written>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Whether anything changed.
    pub changed: bool,
    /// The version afterwards.
    pub version: u64,
    /// When the resource was created.
    pub created: Millis,
    /// When it last changed.
    pub last_modified: Millis,
    /// How many members it has.
    pub member_count: u64,
    /// Whether each edit of the members changed anything.
    pub member_edits: Vec<bool>,
}
