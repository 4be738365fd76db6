//! Where Headwater keeps its sources, their resources and the journal.
//!
//! [`Store`] is what clients' requests go to, and [`Records`] what administrators' do. A write is a [`ChangeSet`]: computed before, without I/O, and
//! applied whole or not at all, with its journal entries in the same transaction. An answer of
//! [`Store::apply`] means that it is durable.

mod account;
mod ancestry;
mod blocking;
mod change_set;
mod error;
mod evaluation;
mod form;
mod id;
mod journal;
mod listing;
mod pages;
pub mod places;
pub mod postgres;
mod query;
mod records;
mod related;
pub mod requests;
mod selection;
mod source;
mod sql;
pub mod sqlite;
mod stored;
pub mod transfer;
mod walks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

pub use account::{
    Act, Actor, Administrator, AdministratorEdit, ApiToken, FailedLogins, IdempotentAnswer, Link, LoginBegun,
    NewAdministrator, Role, Session,
};
pub use change_set::{Applied, ChangeSet, DocumentChange, IndexKeys, SecretHash, Write, Written};
pub use error::{ApplyError, StoreError};
pub use id::{MemberId, ResourceId, SourceId};
pub use journal::{
    Change, ChangePage, ChangeQuery, ChangedMember, ChangedMembers, ChangesOfRequest, MEMBERS_PER_CHANGE,
    NamedActor, SERVER,
};
pub use listing::{ListPage, ListPosition, Listing, Sort};
pub use query::{
    Include, Named, Page, Position, Query, Related, RelatedPage, Selection, Start, StoredResource,
};
pub use records::{Records, Storage};
pub use source::{
    Credential, InvalidSlug, NewSource, NewToken, Profile, Provider, ServiceAccount, Slug, Source,
    SourceCounts, SourceEdit, Token, TokenState, TokenUse, UnknownAttribute,
};
pub use walks::{Boundary, ReadPage, WentOn};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// The most members that are read with a resource; the rest is read by [`Store::members_after`].
pub const MEMBERS_PER_PAGE: usize = 1_000;

/// The storage of sources, resources and journal. Everything but the administration of sources is
/// scoped by a source: nothing of one source can be seen through another.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The credential that a source has under the first bytes of a token's hash. The caller
    /// compares the whole hash, and looks at expiry and revocation.
    async fn credential(&self, slug: &str, lookup: [u8; 8]) -> Result<Option<Arc<Credential>>, StoreError>;

    /// A resource by its id.
    async fn resource(
        &self,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
        include: Include,
    ) -> Result<Option<StoredResource>, StoreError>;

    /// A page of the resources that meet a filter, in an order, and how many do.
    async fn search(&self, source: SourceId, query: Query) -> Result<Page, StoreError>;

    /// The members of a resource that come after a member in the order of their ids, at most
    /// [`MEMBERS_PER_PAGE`].
    async fn members_after(
        &self,
        source: SourceId,
        id: ResourceId,
        after: &MemberId,
    ) -> Result<RelatedPage, StoreError>;

    /// Type and display name of resources, for those that exist.
    async fn names(&self, source: SourceId, ids: &[ResourceId]) -> Result<Vec<Named>, StoreError>;

    /// Resources of a type that refer to `id` in the searchable attribute at `path`, `most` at most.
    async fn referrers(
        &self,
        source: SourceId,
        resource_type: &str,
        path: &str,
        id: ResourceId,
        most: usize,
    ) -> Result<Vec<StoredResource>, StoreError>;

    /// Applies a change set whole or not at all, and returns once it is durable.
    ///
    /// # Errors
    /// What stood in its way; nothing of it is applied then.
    async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError>;

    /// Applies change sets one after the other, each whole or not at all, and returns once all are
    /// durable, in as few commits as can be. Behind so many failures the rest is not begun: then fewer
    /// outcomes come back than sets were given.
    ///
    /// # Errors
    /// The store failed; nothing of any is applied then.
    async fn apply_all(
        &self,
        change_sets: Vec<ChangeSet>,
        most_failures: usize,
    ) -> Result<Vec<Result<Applied, ApplyError>>, StoreError>;

    /// Counts attributes that clients sent and no schema knows.
    async fn note_unknown(&self, unknown: Vec<UnknownAttribute>) -> Result<(), StoreError>;

    /// Notes when tokens were last used.
    async fn note_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError>;

    /// What a page by index goes on from that begins at a place, as far as that is remembered.
    async fn go_on(&self, boundary: &Boundary, now: Millis) -> Result<Option<WentOn>, StoreError>;

    /// Remembers a page by index, before it is answered: the next goes on from it, whichever process is
    /// asked for that.
    async fn note_page(&self, page: ReadPage, now: Millis) -> Result<(), StoreError>;

    /// Forgets pages that are not remembered any more.
    async fn forget_pages(&self, now: Millis) -> Result<(), StoreError>;

    /// Whether the store can answer; for readiness.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Locks a mutex whose data no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
