//! The journal as it is read: what happened, newest first.

use uuid::Uuid;

use crate::{Actor, MemberId, Millis, ResourceId, SourceId};

/// The source under which the journal has the acts of administrators: the server itself.
pub const SERVER: SourceId = SourceId(0);

/// How many of the members that a change added or removed are read with it.
pub const MEMBERS_PER_CHANGE: usize = 20;

/// By how much the moment of a line may be behind that of the line before it, to which it is raised: requests
/// take theirs before they queue to be written, and clocks of servers differ. What is farther behind stays.
pub(crate) const DISORDER: Millis = 120_000;

/// The number and the moment of a line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Line {
    pub(crate) sequence: i64,
    pub(crate) at: Millis,
}

impl Line {
    /// The next line, for what has happened at a moment: it stands no earlier than this one. But nobody is
    /// kept at the moment of a clock that was far ahead.
    pub(crate) fn next(self, at: Millis) -> Self {
        let is_near = (at..=at.saturating_add(DISORDER)).contains(&self.at);
        Self { sequence: self.sequence + 1, at: if is_near { self.at } else { at } }
    }
}

/// Which changes are asked for. All conditions have to be met.
#[derive(Debug, Clone, Default)]
pub struct ChangeQuery {
    /// Changes of this resource, and of the memberships that it has.
    pub resource: Option<ResourceId>,
    /// Changes of resources of this type.
    pub resource_type: Option<String>,
    /// Changes of this kind.
    pub kind: Option<String>,
    /// Acts about this source; for the journal of the server.
    pub about: Option<SourceId>,
    /// The earliest moment.
    pub from: Option<Millis>,
    /// The first moment that is too late.
    pub to: Option<Millis>,
    /// Only changes with a lower number.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: usize,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its number in the journal of its source.
    pub sequence: i64,
    /// When.
    pub at: Millis,
    /// Who: a service account, or for the server's journal an [`Actor`].
    pub actor: Uuid,
    /// By which request.
    pub request_id: Uuid,
    /// `create`, `update`, `delete`; for the server's journal also `copy`, `revoke` and the like.
    pub kind: String,
    /// The name of the resource's type.
    pub resource_type: String,
    /// The resource.
    pub resource_id: ResourceId,
    /// What it is called: now, or when it was deleted.
    pub display: Option<String>,
    /// Whether it is gone.
    pub deleted: bool,
    /// Its version afterwards.
    pub version: u64,
    /// The source that an act is about.
    pub about: Option<SourceId>,
    /// Attributes before, as JSON: all for a deletion, else those that differ.
    pub before: Option<String>,
    /// Attributes after, as JSON.
    pub after: Option<String>,
    /// Members that came: the first [`MEMBERS_PER_CHANGE`], and how many.
    pub added: ChangedMembers,
    /// Members that went.
    pub removed: ChangedMembers,
}

/// Members that a change added or removed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangedMembers {
    /// The first of them.
    pub members: Vec<ChangedMember>,
    /// How many there are.
    pub count: u64,
}

/// A member that a change added or removed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedMember {
    /// What the membership names.
    pub id: MemberId,
    /// The type, where it is a resource or was one.
    pub resource_type: Option<String>,
    /// What it is called, or was.
    pub display: Option<String>,
}

/// Some changes, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangePage {
    /// The changes.
    pub changes: Vec<Change>,
    /// Where to go on, unless that was all.
    pub next: Option<i64>,
}

/// What a request changed, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangesOfRequest {
    /// The first changes.
    pub changes: Vec<Change>,
    /// Whether there are more.
    pub more: bool,
}

/// Somebody in the journal, with a name for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedActor {
    /// One of those without an account, or one that is unknown.
    Nameless(Actor),
    /// An administrator.
    Administrator {
        /// The id.
        id: Uuid,
        /// The name.
        name: String,
    },
    /// An API token.
    ApiToken {
        /// The id.
        id: Uuid,
        /// What it is for.
        name: String,
    },
}
