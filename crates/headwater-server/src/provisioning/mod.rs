//! What a client of a source can do with resources: plans made with the protocol core and carried
//! out by the store. HTTP ends where this begins.

mod plan;
mod representation;

use std::{collections::HashMap, sync::Arc};

use headwater_scim::{
    Object, deviation,
    discovery::MAX_RESULTS,
    error::{ScimError, ScimType},
    filter::Filter,
    patch::{self, PatchRequest},
    path::AttributePath,
    projection::Projection,
    resource,
    resource_type::{Registry, ResourceType},
};
use headwater_store::{
    ApplyError, ChangeSet, Include, Named, Query, ResourceId, Selection, Source, Store, StoreError,
    StoredResource, Write, Written,
};
use uuid::Uuid;

pub use representation::{Answer, Elements, Segment, Shape};

use crate::{
    Context,
    request_log::{Changed, Noted},
};

/// How many resources a page has when the client doesn't say.
pub const DEFAULT_PAGE: usize = 100;
/// Groups with more members than this are not sent back after a PATCH (AMB-39).
pub const MEMBERS_IN_PATCH_ANSWER: u64 = 1_000;
/// Up to how many operations a PATCH is planned where it came in.
const FEW_OPERATIONS: usize = 20;
/// How often a change is planned anew because somebody else was quicker. Each time at least one of
/// those who race gets through.
const ATTEMPTS: usize = 1_000;

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
    /// The service account: the actor in the journal.
    pub service_account: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// The base URL of the source as the client sees it.
    pub base_url: String,
    /// What is noted of the request, for the log.
    pub noted: Arc<Noted>,
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

/// What of a list is wanted.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// The filter, as text.
    pub filter: Option<String>,
    /// The position of the first resource, from 1; less counts as 1.
    pub start_index: Option<i64>,
    /// How many; less than 0 counts as 0, more than the maximum as the maximum.
    pub count: Option<i64>,
}

/// A change to a resource: its kind and what it needs.
enum Change {
    Replace(Object),
    Patch(Object),
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
        let mut notes = Vec::new();
        let body = deviation::mend_resource(body, resource_type, &mut notes);
        let mut draft = resource::read(body, resource_type)?;
        plan::leave_own_urls(resource_type, &mut draft.attributes, &self.caller.base_url);
        let id = ResourceId(self.context.new_uuid());
        let write = plan::creation(resource_type, id, &draft, self.caller.source.unique_display_names);
        self.check_size(&write)?;
        let has_members = draft.related.as_ref().is_some_and(|members| !members.is_empty());
        let written = self.apply(resource_type, vec![write.clone()], &draft.attributes).await?;
        self.caller.noted.created(resource_type, id, &draft);
        self.note_leniency(&notes, &draft.ignored);
        let stored = match (has_members, plan::created(write, &written[0])) {
            (false, Some(stored)) => stored,
            _ => self.find(resource_type, id, projection).await?,
        };
        self.answer(resource_type, stored, projection).await
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
        let stored = self.change(resource_type, stored, Change::Replace(body()?), precondition).await?;
        let stored = self.with_members(resource_type, stored, projection).await?;
        self.answer(resource_type, stored, projection).await
    }

    /// PATCH (RFC 7644 §3.5.2). `None` when the answer would carry more members than
    /// [`MEMBERS_IN_PATCH_ANSWER`] and nothing but the default was asked for: then it is 204, with
    /// the version that comes beside it.
    ///
    /// # Errors
    /// 404; 412; 400 as [`patch`] has it; 409.
    pub async fn patch(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: impl FnOnce() -> Result<Object, ScimError> + Send,
        precondition: Option<Precondition>,
        projection: &Projection,
    ) -> Result<(Option<Answer>, String), Refusal> {
        let stored = self.existing(resource_type, parse_id(resource_type, id)?).await?;
        let stored = self.change(resource_type, stored, Change::Patch(body()?), precondition).await?;
        let too_many = *projection == Projection::Default && stored.member_count > MEMBERS_IN_PATCH_ANSWER;
        if too_many {
            return Ok((None, representation::version_tag(&stored)));
        }
        let stored = self.with_members(resource_type, stored, projection).await?;
        let answer = self.answer(resource_type, stored, projection).await?;
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
        let id = parse_id(resource_type, id)?;
        for _ in 0..ATTEMPTS {
            let stored = self.stored(resource_type, id).await?;
            if let Some(precondition) = &precondition {
                precondition.check(&stored)?;
            }
            let mut writes = Vec::new();
            for referring in &Registry::built_in().resource_types {
                for path in referring.references() {
                    let referrers = self
                        .store()
                        .referrers(self.caller.source.id, &referring.name, &path.to_string(), id)
                        .await?;
                    for referrer in referrers.iter().filter(|referrer| referrer.id != id) {
                        writes.push(plan::without_reference(
                            referring,
                            referrer,
                            path,
                            self.caller.source.unique_display_names,
                        )?);
                    }
                }
            }
            writes.push(plan::deletion(resource_type, &stored, self.caller.source.unique_display_names)?);
            match self.store().apply(self.change_set(writes)).await {
                Ok(applied) => {
                    let attributes = plan::attributes(&stored)?;
                    self.caller.noted.deleted(resource_type, id, &attributes, applied.writes.len());
                    return Ok(());
                }
                Err(ApplyError::Conflict | ApplyError::NotFound) => {}
                Err(error) => return Err(refusal(resource_type, error, &Object::new())),
            }
        }
        Err(too_contended())
    }

    /// GET on an endpoint, or on several at once (RFC 7644 §3.4.2).
    ///
    /// # Errors
    /// 400 invalidFilter.
    pub async fn list(
        &self,
        resource_types: &[Arc<ResourceType>],
        request: &ListRequest,
        projections: &[Projection],
    ) -> Result<Answer, Refusal> {
        let filter = request.filter.as_deref();
        let mut selections = Vec::with_capacity(resource_types.len());
        for resource_type in resource_types {
            let filter = filter.map(|text| Filter::parse(text, resource_type)).transpose();
            let filter = filter.map_err(|error| {
                if resource_types.len() > 1 {
                    ScimError::with_status(
                        501,
                        format!(
                            "a filter over several resource types may only use what all of them have: {error}"
                        ),
                    )
                } else {
                    error.into()
                }
            })?;
            if filter
                .as_ref()
                .is_some_and(|filter| resource_type.inverse().is_some() && filter.mentions(&is_version))
            {
                let detail = format!(
                    "filter: meta.version of a {} follows its groups and can't be used",
                    resource_type.name
                );
                return Err(ScimError::bad_request(ScimType::InvalidFilter, detail).into());
            }
            selections.push(Selection { resource_type: Arc::clone(resource_type), filter });
        }
        // More than can be had is not refused but cut (AMB-19, AMB-30).
        let start_index = u64::try_from(request.start_index.unwrap_or(1)).unwrap_or(1).max(1);
        let count =
            request.count.map_or(DEFAULT_PAGE, |count| usize::try_from(count).unwrap_or(0)).min(MAX_RESULTS);
        let includes = resource_types
            .iter()
            .zip(projections)
            .map(|(resource_type, projection)| include(resource_type, projection));
        let include = includes.fold(Include::default(), |all, one| Include {
            members: all.members || one.members,
            groups: all.groups || one.groups,
        });
        let query = Query {
            selections,
            offset: start_index - 1,
            limit: count,
            include,
            base_url: self.caller.base_url.clone(),
        };
        let page = match self.store().search(self.caller.source.id, query).await {
            Err(StoreError::TookTooLong) => {
                let detail = "filter: it takes too long to evaluate over this directory; narrow it down";
                return Err(ScimError::bad_request(ScimType::TooMany, detail).into());
            }
            page => page?,
        };
        let by_name: HashMap<&str, (&Arc<ResourceType>, &Projection)> = resource_types
            .iter()
            .zip(projections)
            .map(|(resource_type, projection)| (&*resource_type.name, (resource_type, projection)))
            .collect();
        let mut shaped = Vec::with_capacity(page.resources.len());
        for stored in page.resources {
            let Some(&(resource_type, projection)) = by_name.get(stored.resource_type.as_str()) else {
                continue;
            };
            let names = self.referenced(resource_type, &stored).await?;
            shaped.push(Shape { resource_type, stored, projection, names, base_url: &self.caller.base_url });
        }
        Ok(representation::list(page.total, start_index, &shaped)?)
    }

    /// Plans a change to a resource and applies it, again and again while others are quicker.
    /// Returns the resource as this change has left it, whatever others make of it since (or, where
    /// that can't be told, as it is afterwards); its groups are those that the change was planned
    /// with.
    async fn change(
        &self,
        resource_type: &Arc<ResourceType>,
        mut stored: StoredResource,
        change: Change,
        precondition: Option<Precondition>,
    ) -> Result<StoredResource, Refusal> {
        let mut notes = Vec::new();
        let unique = self.caller.source.unique_display_names;
        let change = match change {
            Change::Replace(body) => plan::Change::Replace(resource::read(
                deviation::mend_resource(body, resource_type, &mut notes),
                resource_type,
            )?),
            Change::Patch(body) => plan::Change::Patch(PatchRequest::read(body, resource_type, &mut notes)?),
        };
        if let plan::Change::Patch(request) = &change {
            self.caller.noted.asked(&request.operations);
        }
        for _ in 0..ATTEMPTS {
            if let Some(precondition) = &precondition {
                precondition.check(&stored)?;
            }
            let current = plan::attributes(&stored)?;
            let mut planned = match &change {
                plan::Change::Replace(draft) => plan::replacement(resource_type, &current, draft.clone())?,
                plan::Change::Patch(request) => {
                    let server_side =
                        representation::server_side(resource_type, &stored, &self.caller.base_url);
                    // Many operations on many values take their time, and others should not wait for it.
                    let mut apply = || {
                        patch::apply(
                            request.clone(),
                            current.clone(),
                            &server_side,
                            resource_type,
                            &mut notes,
                        )
                    };
                    let patched = if request.operations.len() > FEW_OPERATIONS {
                        tokio::task::block_in_place(apply)?
                    } else {
                        apply()?
                    };
                    plan::Planned::from(patched)
                }
            };
            plan::leave_own_urls(resource_type, &mut planned.attributes, &self.caller.base_url);
            let Some(write) =
                plan::update(resource_type, &stored, &current, &planned, precondition.is_some(), unique)
            else {
                let unchanged = plan::unchanged(&stored);
                self.note_outcome(resource_type, stored.id, &current, &notes, planned, &unchanged);
                return Ok(stored);
            };
            self.check_size(&write)?;
            let new = plan::document_of(&write);
            match self.store().apply(self.change_set(vec![write])).await {
                Ok(applied) => {
                    let written = applied.writes.into_iter().next();
                    let written =
                        written.ok_or_else(|| StoreError::Damaged("a write had no outcome".to_owned()))?;
                    self.note_outcome(resource_type, stored.id, &current, &notes, planned, &written);
                    // A change to members alone holds for any version: others may have changed the
                    // document since it was read.
                    let overtaken = new.is_none() && written.changed && written.version != stored.version + 1;
                    if overtaken {
                        return self.existing(resource_type, stored.id).await;
                    }
                    plan::leave(&mut stored, &written, new);
                    return Ok(stored);
                }
                Err(ApplyError::Conflict) => {
                    notes.clear();
                    stored = self.existing(resource_type, stored.id).await?;
                }
                Err(error) => return Err(refusal(resource_type, error, &planned.attributes)),
            }
        }
        Err(too_contended())
    }

    /// A resource may be somewhat larger than a body, but not grow without end by one PATCH after
    /// the other.
    fn check_size(&self, write: &Write) -> Result<(), ScimError> {
        let most = self.context.configuration.max_body_bytes.saturating_mul(2);
        let length = match write {
            Write::Create { document, .. } => document.len(),
            Write::Update { document: Some(change), .. } => change.document.len(),
            _ => 0,
        };
        if length > most {
            let detail = format!("the resource would have {length} bytes; at most {most} are kept");
            return Err(ScimError::invalid_value(detail));
        }
        Ok(())
    }

    async fn apply(
        &self,
        resource_type: &ResourceType,
        writes: Vec<Write>,
        attributes: &Object,
    ) -> Result<Vec<Written>, Refusal> {
        let applied = self.store().apply(self.change_set(writes)).await;
        applied.map(|applied| applied.writes).map_err(|error| refusal(resource_type, error, attributes))
    }

    fn change_set(&self, writes: Vec<Write>) -> ChangeSet {
        ChangeSet {
            source: self.caller.source.id,
            unique_display_names: self.caller.source.unique_display_names,
            actor: self.caller.service_account,
            request_id: self.caller.request_id,
            at: self.context.clock.now(),
            writes,
        }
    }

    /// What was done, what was mended, what was left out; names of attributes, never values.
    fn note_outcome(
        &self,
        resource_type: &ResourceType,
        id: ResourceId,
        before: &Object,
        deviations: &[String],
        planned: plan::Planned,
        written: &Written,
    ) {
        self.note_leniency(deviations, &planned.ignored);
        let changed = Changed {
            resource_type,
            id,
            before,
            after: &planned.attributes,
            members: &planned.members,
            written,
        };
        self.caller.noted.changed(&changed);
        let outcomes = planned.outcomes(written);
        tracing::debug!(
            request_id = %self.caller.request_id,
            changed = written.changed,
            version = written.version,
            ?outcomes,
            "changed"
        );
        self.caller.noted.outcomes(&outcomes, written.changed);
    }

    fn note_leniency(&self, deviations: &[String], ignored: &[String]) {
        if !deviations.is_empty() || !ignored.is_empty() {
            tracing::debug!(request_id = %self.caller.request_id, ?deviations, ?ignored, "taken with leniency");
            self.caller.noted.leniency(deviations, ignored);
        }
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

    /// A resource that has been changed, with its members as they are now, where they are shown.
    async fn with_members(
        &self,
        resource_type: &ResourceType,
        mut stored: StoredResource,
        projection: &Projection,
    ) -> Result<StoredResource, Refusal> {
        if include(resource_type, projection).members {
            stored.members = self.find(resource_type, stored.id, projection).await?.members;
        }
        Ok(stored)
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
        let names = self.referenced(resource_type, &stored).await?;
        let shape = Shape { resource_type, stored, projection, names, base_url: &self.caller.base_url };
        Ok(representation::single(&shape)?)
    }

    /// What the resources are called that this one refers to.
    async fn referenced(
        &self,
        resource_type: &ResourceType,
        stored: &StoredResource,
    ) -> Result<Vec<Named>, StoreError> {
        if !stored.has_references {
            return Ok(Vec::new());
        }
        let ids = plan::referenced_ids(resource_type, stored)?;
        self.store().names(self.caller.source.id, &ids).await
    }
}

fn is_version(path: &AttributePath) -> bool {
    path.extension.is_none() && path.attribute.name == "meta" && path.leaf().name == "version"
}

/// What a client hears when its change was not applied.
fn refusal(resource_type: &ResourceType, error: ApplyError, attributes: &Object) -> Refusal {
    match error {
        ApplyError::NotFound => {
            ScimError::with_status(404, format!("the {} is gone", resource_type.name)).into()
        }
        ApplyError::Conflict => too_contended(),
        ApplyError::SourceChanged => {
            ScimError::with_status(503, "the source has changed while the request was on its way; try again")
                .into()
        }
        ApplyError::Taken { path } => {
            let value = attributes.get(&path).map(ToString::to_string).unwrap_or_default();
            let detail =
                format!("{path}: another {} of this source has the value {value}", resource_type.name);
            ScimError::uniqueness(detail).into()
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
