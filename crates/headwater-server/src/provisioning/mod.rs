//! What a client of a source can do with resources: plans made with the protocol core and carried
//! out by the store. HTTP ends where this begins.

mod bulk;
mod cursor;
mod operation;
mod pages;
mod plan;
mod representation;
mod room;

use std::{collections::BTreeSet, sync::Arc};

use headwater_scim::{
    Object,
    error::ScimError,
    path::AttributePath,
    projection::Projection,
    registry::Registry,
    resource_type::{COMMON, ResourceType},
    schema::Attribute,
};
use headwater_store::{
    ApplyError, Credential, Include, Millis, ResourceId, Source, Store, StoreError, StoredResource,
};
use uuid::Uuid;

pub use bulk::BulkRequest;
pub use pages::{ListRequest, SortOrder};
pub use representation::{Answer, Elements, Names, Segment, Shape};
pub use room::Room;

use crate::{Context, request_log::Noted, tokens};
use operation::{Change, Operation};

/// Groups with more members than this are not sent back after a PATCH (AMB-39).
pub const MEMBERS_IN_PATCH_ANSWER: u64 = 1_000;

/// Why a request is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request can't be carried out as it is.
    #[error(transparent)]
    Scim(#[from] ScimError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks, and for which source.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The source.
    pub source: Source,
    /// The types and schemas of the source.
    pub registry: Arc<Registry>,
    /// The service account: the actor in the journal.
    pub service_account: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// The base URL of the source as the client sees it.
    pub base_url: String,
    /// What is noted of the request, for the log.
    pub noted: Arc<Noted>,
    /// What it was let in with, and when; nothing for what the server asks itself.
    pub let_in: Option<(Arc<Credential>, Millis)>,
}

/// How long a request goes on before it is looked again whether its sender is still let in, in
/// milliseconds.
const TRUSTED_FOR: Millis = 100;
/// Of how many resources it is asked at once what they are called.
const NAMES_AT_ONCE: usize = 500;
/// What the log says where an answer leaves out what could not be read.
const WITHOUT_READING: &str = "a change is done, and answered without what is to be read for that";

impl Caller {
    /// Whether who sent the request may still do so, some time after it was let in: behind a body that was
    /// slow to arrive, and between the parts of what takes long.
    ///
    /// # Errors
    /// 401 or 403, as for a request that comes now.
    pub async fn check_let_in(&self, context: &Context) -> Result<(), Refusal> {
        let Some((before, at)) = &self.let_in else { return Ok(()) };
        let now = context.clock.now();
        // A clock that is set back tells nothing.
        if (0..TRUSTED_FOR).contains(&(now - at)) {
            return Ok(());
        }
        let slug = before.source.slug.as_str();
        let credential = context.store.credential(slug, tokens::lookup(&before.hash)).await?;
        let credential = credential
            .filter(|credential| credential.hash == before.hash && tokens::is_alive(credential, now));
        match credential {
            None => Err(ScimError::with_status(401, "the token is no longer valid").into()),
            Some(credential) if !credential.source.enabled => Err(source_disabled().into()),
            Some(_) => Ok(()),
        }
    }
}

/// The answer to clients of a source that is disabled.
pub(crate) fn source_disabled() -> ScimError {
    ScimError::with_status(403, "this source is disabled")
}

/// A precondition on the version of a resource (`If-Match`, `If-None-Match`, RFC 9110 §13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Any version will do, as long as there is one.
    Any,
    /// One of these versions.
    OneOf(Vec<u64>),
    /// None at all (`If-None-Match: *`, RFC 9110 §13.1.2): no resource that is there will do.
    Never,
    /// Any but these versions.
    NoneOf(Vec<u64>),
}

impl Precondition {
    /// What a list of tags allows, as If-Match and the `version` of bulk operations have it. Tags are
    /// compared by what is in their quotes (AMB-50); one that was never given out matches nothing.
    pub fn matching(tags: &str) -> Self {
        if tags.trim() == "*" {
            return Self::Any;
        }
        Self::OneOf(opaque_tags(tags).filter_map(own_version).collect())
    }

    /// What If-None-Match allows.
    pub fn not_matching(tags: &str) -> Self {
        if tags.trim() == "*" {
            return Self::Never;
        }
        Self::NoneOf(opaque_tags(tags).filter_map(own_version).collect())
    }

    fn check(&self, stored: &StoredResource) -> Result<(), ScimError> {
        let met = match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&stored.version),
            Self::Never => false,
            Self::NoneOf(versions) => !versions.contains(&stored.version),
        };
        if met {
            return Ok(());
        }
        let detail = "the resource is no longer, or still, of a version that If-Match or If-None-Match names; read it again";
        Err(ScimError::with_status(412, detail))
    }
}

/// What stands in the quotes of each tag of a list. Clients that leave the quotes out are
/// understood too.
pub(crate) fn opaque_tags(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(|tag| {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
    })
}

/// The resource's own number in a tag; what stands behind the hyphen is about its groups.
fn own_version(tag: &str) -> Option<u64> {
    tag.split('-').next()?.parse().ok()
}

/// The operations on the resources of one source, for one request.
pub struct Provisioning<'a> {
    context: &'a Context,
    caller: &'a Caller,
}

impl<'a> Provisioning<'a> {
    /// Operations for a caller.
    pub fn new(context: &'a Context, caller: &'a Caller) -> Self {
        Self { context, caller }
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.context.store
    }

    /// POST (RFC 7644 §3.3).
    ///
    /// # Errors
    /// 400 for a body that is no such resource, 409 for a unique value that is taken.
    pub async fn create(
        &self,
        resource_type: &Arc<ResourceType>,
        body: Object,
        projection: &Projection,
    ) -> Result<Answer, Refusal> {
        let projection = &projection.after_write(&body, resource_type);
        let operation = self.creation(resource_type, ResourceId(self.context.new_uuid()), body).await?;
        let stored = self.carry_out(&operation, None).await?;
        self.answer_to_change(resource_type, stored, projection).await
    }

    /// GET by id (RFC 7644 §3.4.1).
    ///
    /// # Errors
    /// 404.
    pub async fn read(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        projection: &Projection,
    ) -> Result<Answer, Refusal> {
        let id = parse_id(resource_type, id)?;
        let stored = self.find(resource_type, id, projection).await?;
        self.answer(resource_type, stored, projection).await
    }

    /// PUT (RFC 7644 §3.5.1).
    ///
    /// # Errors
    /// 404; 412; 400 for a body that is no such resource or changes an immutable value; 409.
    pub async fn replace(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: impl FnOnce() -> Result<Object, ScimError> + Send,
        precondition: Option<Precondition>,
        projection: &Projection,
    ) -> Result<Answer, Refusal> {
        let stored = self.existing(resource_type, parse_id(resource_type, id)?).await?;
        let body = body()?;
        let projection = &projection.after_write(&body, resource_type);
        let operation = self.replacement(resource_type, stored.id, body, precondition).await?;
        let stored = self.carry_out(&operation, Some(stored)).await?;
        self.answer_to_change(resource_type, stored, projection).await
    }

    /// PATCH (RFC 7644 §3.5.2). `None` when the answer would carry more members than
    /// [`MEMBERS_IN_PATCH_ANSWER`], or can't be read any more, and nothing but the default was asked for:
    /// then it is 204, with the version that comes beside it.
    ///
    /// # Errors
    /// 404; 412; 400 as [`headwater_scim::patch`] has it; 409.
    pub async fn patch(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: impl FnOnce() -> Result<Object, ScimError> + Send,
        precondition: Option<Precondition>,
        projection: &Projection,
    ) -> Result<(Option<Answer>, String), Refusal> {
        let stored = self.existing(resource_type, parse_id(resource_type, id)?).await?;
        let body = body()?;
        let shown = projection.after_patch(&body, resource_type);
        let operation = self.modification(resource_type, stored.id, body, precondition)?;
        let mut stored = self.carry_out(&operation, Some(stored)).await?;
        let by_default = *projection == Projection::Default;
        if by_default && stored.member_count > MEMBERS_IN_PATCH_ANSWER {
            return Ok((None, representation::version_tag(&stored)));
        }
        let names = self.read_for_answer(resource_type, &mut stored, &shown).await;
        if by_default && names.is_none() {
            return Ok((None, representation::version_tag(&stored)));
        }
        let answer = self.shown(resource_type, stored, &shown, &names.unwrap_or_default())?;
        let version = answer.version.clone();
        Ok((Some(answer), version))
    }

    /// DELETE (RFC 7644 §3.6). The resource leaves its groups, and what refers to it does so no
    /// longer (AMB-47).
    ///
    /// # Errors
    /// 404; 412.
    pub async fn delete(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        precondition: Option<Precondition>,
    ) -> Result<(), Refusal> {
        let operation = Operation::deletion(resource_type, parse_id(resource_type, id)?, precondition);
        self.carry_out(&operation, None).await.map(drop)
    }

    /// Whether a resource is there.
    ///
    /// # Errors
    /// 404.
    pub async fn exists(&self, resource_type: &ResourceType, id: &str) -> Result<(), Refusal> {
        self.stored(resource_type, parse_id(resource_type, id)?).await.map(drop)
    }

    /// A resource that is to be changed, with its groups: what the server says of it, version
    /// included, follows from them.
    async fn existing(
        &self,
        resource_type: &ResourceType,
        id: ResourceId,
    ) -> Result<StoredResource, Refusal> {
        let include = Include { members: false, groups: resource_type.inverse().is_some() };
        let stored = self.store().resource(self.caller.source.id, &resource_type.name, id, include).await?;
        stored.ok_or_else(|| not_found(resource_type, id))
    }

    /// The answer with a resource that has been changed. What can't be read any more is left out.
    async fn answer_to_change(
        &self,
        resource_type: &Arc<ResourceType>,
        mut stored: StoredResource,
        projection: &Projection,
    ) -> Result<Answer, Refusal> {
        let names = self.read_for_answer(resource_type, &mut stored, projection).await;
        self.shown(resource_type, stored, projection, &names.unwrap_or_default())
    }

    /// Reads what the answer with a resource that has been changed shows of others: its members as they are
    /// now, and what those are called that it refers to. `None` when the store fails, or the resource has been
    /// deleted since: the change is done all the same, and who hears otherwise does it twice.
    async fn read_for_answer(
        &self,
        resource_type: &ResourceType,
        stored: &mut StoredResource,
        projection: &Projection,
    ) -> Option<Names> {
        if stored.member_count > 0 && include(resource_type, projection).members {
            let found = self.find(resource_type, stored.id, projection).await;
            stored.members = found.map_err(|refused| self.without_reading(&refused)).ok()?.members;
        }
        let names = self.referenced([(resource_type, &*stored)]).await;
        names.map_err(|error| self.without_reading(&error.into())).ok()
    }

    fn without_reading(&self, refused: &Refusal) {
        let request_id = self.caller.request_id;
        match refused {
            Refusal::Scim(refused) => tracing::debug!(%request_id, %refused, "{WITHOUT_READING}"),
            Refusal::Store(error) => tracing::warn!(%request_id, %error, "{WITHOUT_READING}"),
        }
    }

    async fn stored(&self, resource_type: &ResourceType, id: ResourceId) -> Result<StoredResource, Refusal> {
        let stored =
            self.store().resource(self.caller.source.id, &resource_type.name, id, Include::default()).await?;
        stored.ok_or_else(|| not_found(resource_type, id))
    }

    async fn find(
        &self,
        resource_type: &ResourceType,
        id: ResourceId,
        projection: &Projection,
    ) -> Result<StoredResource, Refusal> {
        let include = include(resource_type, projection);
        let stored = self.store().resource(self.caller.source.id, &resource_type.name, id, include).await?;
        stored.ok_or_else(|| not_found(resource_type, id))
    }

    async fn answer(
        &self,
        resource_type: &Arc<ResourceType>,
        stored: StoredResource,
        projection: &Projection,
    ) -> Result<Answer, Refusal> {
        let names = self.referenced([(&**resource_type, &stored)]).await?;
        self.shown(resource_type, stored, projection, &names)
    }

    fn shown(
        &self,
        resource_type: &Arc<ResourceType>,
        stored: StoredResource,
        projection: &Projection,
        names: &Names,
    ) -> Result<Answer, Refusal> {
        let (registry, base_url) = (&self.caller.registry, &*self.caller.base_url);
        let shape = Shape { resource_type, stored, projection, names, registry, base_url };
        Ok(representation::single(&shape)?)
    }

    /// What the resources are called that these refer to.
    async fn referenced<'b>(
        &self,
        resources: impl IntoIterator<Item = (&'b ResourceType, &'b StoredResource)>,
    ) -> Result<Names, StoreError> {
        let mut ids = BTreeSet::new();
        for (resource_type, stored) in resources {
            if stored.has_references {
                ids.extend(plan::referenced_ids(resource_type, stored)?);
            }
        }
        let ids: Vec<ResourceId> = ids.into_iter().collect();
        let mut names = Names::with_capacity(ids.len());
        for ids in ids.chunks(NAMES_AT_ONCE) {
            let named = self.store().names(self.caller.source.id, ids).await?;
            names.extend(named.into_iter().map(|named| (named.id, named)));
        }
        Ok(names)
    }
}

/// What a client hears when the store has failed: 503 when trying again may help, 500 otherwise, with nothing
/// of the inside. `undone` says what has not been done.
pub(crate) fn failure(error: &StoreError, undone: &str) -> ScimError {
    match error {
        StoreError::InDoubt(_) => {
            let detail =
                "the directory was lost before it could be seen whether this was done; look, or try again";
            ScimError::with_status(503, detail)
        }
        StoreError::Busy => ScimError::with_status(503, format!("too much is under way; {undone}")),
        error if error.is_passing() => {
            ScimError::with_status(503, format!("the directory can't be reached at the moment; {undone}"))
        }
        _ => ScimError::with_status(500, "the server failed; its log has more"),
    }
}

/// What a client hears when its change was not applied.
fn refusal(resource_type: &ResourceType, error: ApplyError, attributes: &Object) -> Refusal {
    match error {
        ApplyError::NotFound => {
            ScimError::with_status(404, format!("the {} is gone", resource_type.name)).into()
        }
        ApplyError::Conflict => too_contended(),
        ApplyError::Unmet => ScimError::with_status(409, "a resource that it refers to doesn't exist").into(),
        ApplyError::SourceChanged => {
            ScimError::with_status(503, "the source has changed while the request was on its way; try again")
                .into()
        }
        ApplyError::Taken { path, .. } => {
            let parsed = AttributePath::parse(&path, resource_type).ok();
            let values: Vec<_> = parsed.iter().flat_map(|path| path.values(attributes)).collect();
            let value = match values.as_slice() {
                [value] => format!("the value {value}"),
                _ => "one of its values".to_owned(),
            };
            let detail = format!("{path}: another {} of this source has {value}", resource_type.name);
            ScimError::uniqueness(detail).into()
        }
        ApplyError::Store(error @ StoreError::TooLong(_)) => {
            ScimError::invalid_value(error.to_string()).into()
        }
        ApplyError::Store(error) => error.into(),
    }
}

/// Which relations an answer needs. The groups are always read: the version shows them too.
fn include(resource_type: &ResourceType, projection: &Projection) -> Include {
    Include {
        members: resource_type.relation().is_some_and(|relation| projection.includes(relation)),
        groups: resource_type.inverse().is_some(),
    }
}

/// Which relations a list needs: there the version is shown in `meta` alone.
fn include_in_list(resource_type: &ResourceType, projection: &Projection) -> Include {
    let shows = |attribute: Option<&Arc<Attribute>>| attribute.is_some_and(|one| projection.includes(one));
    let of_answer = include(resource_type, projection);
    let groups = shows(resource_type.inverse()) || shows(COMMON.attribute("meta"));
    Include { groups: of_answer.groups && groups, ..of_answer }
}

fn parse_id(resource_type: &ResourceType, text: &str) -> Result<ResourceId, ScimError> {
    ResourceId::parse(text).ok_or_else(|| {
        ScimError::with_status(404, format!("there is no {} with the id {text:?}", resource_type.name))
    })
}

fn not_found(resource_type: &ResourceType, id: ResourceId) -> Refusal {
    ScimError::with_status(404, format!("there is no {} with the id \"{id}\"", resource_type.name)).into()
}

fn too_contended() -> Refusal {
    ScimError::with_status(503, "too many clients change the same resource; try again").into()
}
