//! One operation on one resource: read, planned from what is there, applied, and told of.

use std::{collections::BTreeMap, sync::Arc};

use headwater_scim::{
    Object, deviation,
    error::ScimError,
    interop,
    patch::{self, PatchRequest},
    reference,
    resource::{self, Draft, Secret},
    resource_type::ResourceType,
    unknown::{self, Unknown},
};
use headwater_store::{
    Applied, ApplyError, ChangeSet, Profile, ResourceId, SecretHash, StoreError, StoredResource, Write,
    Written,
};

use super::{Precondition, Provisioning, Refusal, plan, refusal, representation, too_contended};
use crate::request_log::Changed;

/// Up to how many operations a PATCH is planned where it came in.
const FEW_OPERATIONS: usize = 20;
/// How often a change is planned anew because somebody else was quicker. Each time at least one of
/// those who race gets through.
const ATTEMPTS: usize = 1_000;
/// From how many resources the references to one that goes are taken in one change set.
const REFERRERS_AT_ONCE: usize = 250;
/// The longest secret, in bytes.
const LONGEST_SECRET: usize = 1_024;

/// What a client wants to be done to a resource, as far as its body tells.
pub(super) struct Operation {
    pub(super) resource_type: Arc<ResourceType>,
    /// The resource, or the one to be made.
    pub(super) id: ResourceId,
    pub(super) change: Change,
    /// Resources that have to be there as well.
    pub(super) requires: Vec<ResourceId>,
    precondition: Option<Precondition>,
    secrets: Vec<SecretHash>,
    /// What was mended when it was read.
    notes: Vec<String>,
}

/// The kinds of operations.
pub(super) enum Change {
    Create(Draft),
    Replace(Draft),
    Patch(PatchRequest),
    Delete,
}

/// The writes that carry out an operation, and what they were computed from.
pub(super) struct Step {
    pub(super) writes: Vec<Arc<Write>>,
    basis: Basis,
}

/// What the writes of an operation were computed from.
enum Basis {
    /// Nothing was there.
    Nothing,
    /// A resource that is to become another.
    Modified(Box<Modified>),
    /// A resource that is to go.
    Deleted { stored: Box<StoredResource>, attributes: Object },
    /// Some of those that refer to a resource that is to go. There are more: it is planned anew behind these.
    SomeReferrers,
}

struct Modified {
    stored: StoredResource,
    current: Object,
    planned: plan::Planned,
    notes: Vec<String>,
}

impl Operation {
    fn new(resource_type: &Arc<ResourceType>, id: ResourceId, change: Change) -> Self {
        Self {
            resource_type: Arc::clone(resource_type),
            id,
            change,
            requires: Vec::new(),
            precondition: None,
            secrets: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn deletion(
        resource_type: &Arc<ResourceType>,
        id: ResourceId,
        precondition: Option<Precondition>,
    ) -> Self {
        Self { precondition, ..Self::new(resource_type, id, Change::Delete) }
    }
}

/// Reading: what bodies say.
impl Provisioning<'_> {
    /// POST, as the resource of this id.
    pub(super) async fn creation(
        &self,
        resource_type: &Arc<ResourceType>,
        id: ResourceId,
        body: Object,
    ) -> Result<Operation, Refusal> {
        let mut notes = Vec::new();
        let draft = self.draft(resource_type, body, &mut notes)?;
        let secrets = self.hashed(&draft.secrets).await?;
        Ok(Operation { secrets, notes, ..Operation::new(resource_type, id, Change::Create(draft)) })
    }

    /// PUT.
    pub(super) async fn replacement(
        &self,
        resource_type: &Arc<ResourceType>,
        id: ResourceId,
        body: Object,
        precondition: Option<Precondition>,
    ) -> Result<Operation, Refusal> {
        let mut notes = Vec::new();
        let draft = self.draft(resource_type, body, &mut notes)?;
        let secrets = self.hashed(&draft.secrets).await?;
        let operation = Operation::new(resource_type, id, Change::Replace(draft));
        Ok(Operation { precondition, secrets, notes, ..operation })
    }

    /// PATCH. The secrets that it sets are hashed when it is planned.
    pub(super) fn modification(
        &self,
        resource_type: &Arc<ResourceType>,
        id: ResourceId,
        body: Object,
        precondition: Option<Precondition>,
    ) -> Result<Operation, Refusal> {
        let mut notes = Vec::new();
        self.note_unknown(resource_type, unknown::of_patch(&body, resource_type));
        let interop = self.is_strict();
        if interop {
            interop::check_patch(&body, resource_type)?;
        }
        reference::check_patch(&body, resource_type, &self.caller.base_url)?;
        let request = PatchRequest::read(body, resource_type, &mut notes)?;
        let request = PatchRequest { interop, ..request };
        self.caller.noted.asked(&request.operations);
        let operation = Operation::new(resource_type, id, Change::Patch(request));
        Ok(Operation { precondition, notes, ..operation })
    }

    fn draft(
        &self,
        resource_type: &Arc<ResourceType>,
        body: Object,
        notes: &mut Vec<String>,
    ) -> Result<Draft, ScimError> {
        self.note_unknown(resource_type, unknown::of_resource(&body, resource_type));
        if self.is_strict() {
            interop::check_resource(&body, resource_type)?;
        }
        reference::check_resource(&body, resource_type, &self.caller.base_url)?;
        let body = deviation::mend_resource(body, resource_type, notes);
        let mut draft = resource::read(body, resource_type)?;
        plan::leave_own_urls(resource_type, &mut draft.attributes, &self.caller.base_url);
        Ok(draft)
    }

    /// Whether the source obeys the interoperability profile where it is stricter than the RFC.
    fn is_strict(&self) -> bool {
        self.caller.source.profile == Profile::Interop
    }

    /// Secrets as they are kept (RFC 7643 §4.1.1: never in clear).
    async fn hashed(&self, secrets: &[Secret]) -> Result<Vec<SecretHash>, ScimError> {
        let mut hashed = Vec::with_capacity(secrets.len());
        for Secret { attribute, value } in secrets {
            let hash = match value {
                None => None,
                Some(secret) if secret.is_empty() || secret.len() > LONGEST_SECRET => {
                    let detail = format!("{attribute}: it has to have from 1 to {LONGEST_SECRET} bytes");
                    return Err(ScimError::invalid_value(detail));
                }
                Some(secret) => Some(self.context.administration.hash_secret(secret).await),
            };
            hashed.push(SecretHash { attribute: attribute.clone(), hash });
        }
        Ok(hashed)
    }

    fn note_unknown(&self, resource_type: &ResourceType, found: Vec<Unknown>) {
        if !found.is_empty() {
            let now = self.context.clock.now();
            self.context.unknown_attributes.note(self.caller.source.id, &resource_type.name, found, now);
        }
    }
}

/// Planning and applying.
impl Provisioning<'_> {
    /// Plans an operation and applies it, again and again while others are quicker. Returns the
    /// resource as it has left it, whatever others make of it since (or, where that can't be told, as
    /// it is afterwards); its groups are those that the change was planned with. `stored` is what is
    /// known of the resource.
    pub(super) async fn carry_out(
        &self,
        operation: &Operation,
        mut stored: Option<StoredResource>,
    ) -> Result<StoredResource, Refusal> {
        let mut done = 0;
        loop {
            match self.try_to_carry_out(operation, stored.take(), &mut done).await {
                Ok(Some(stored)) => return Ok(stored),
                // It has begun: what became of the resource meanwhile is no longer a condition.
                Ok(None) => {}
                Err(refusal) => return Err(behind_changes(done, refusal)),
            }
        }
    }

    /// The same, up to where it is planned anew because a part of it is done; `done` counts the resources that
    /// have been changed for it.
    async fn try_to_carry_out(
        &self,
        operation: &Operation,
        mut stored: Option<StoredResource>,
        done: &mut usize,
    ) -> Result<Option<StoredResource>, Refusal> {
        for _ in 0..ATTEMPTS {
            let step = self.plan_behind(operation, stored.take(), *done > 0).await?;
            if step.writes.is_empty() {
                return self.settle(operation, step, &[]).await.map(Some);
            }
            if *done > 0 {
                self.caller.check_let_in(self.context).await?;
            }
            match self.apply(self.change_set(step.writes.clone(), operation.requires.clone())).await {
                Ok(Applied { writes }) if step.is_partial() => {
                    *done += writes.len();
                    self.caller.noted.changed_before(writes.len());
                    return Ok(None);
                }
                Ok(Applied { writes }) => return self.settle(operation, step, &writes).await.map(Some),
                Err(ApplyError::Conflict) => {}
                // Something that it takes along has gone; if it is the resource itself, that is found next.
                Err(ApplyError::NotFound) if matches!(operation.change, Change::Delete) => {}
                Err(error) => {
                    return Err(refusal(&operation.resource_type, error, step.attributes(operation)));
                }
            }
        }
        Err(too_contended())
    }

    /// Has the store apply a change set, and notes what may become of it if nobody waits for that.
    async fn apply(&self, change_set: ChangeSet) -> Result<Applied, ApplyError> {
        self.caller.noted.given_to_store();
        let applied = self.store().apply(change_set).await;
        self.caller.noted.told_by_store(&applied);
        applied
    }

    /// The writes that carry out an operation on what is there; none when nothing is to be done.
    pub(super) async fn plan(
        &self,
        operation: &Operation,
        stored: Option<StoredResource>,
    ) -> Result<Step, Refusal> {
        self.plan_behind(operation, stored, false).await
    }

    /// The same, where a part of it may have been done already: its precondition was met then.
    async fn plan_behind(
        &self,
        operation: &Operation,
        stored: Option<StoredResource>,
        has_begun: bool,
    ) -> Result<Step, Refusal> {
        let Operation { resource_type, id, change, precondition, secrets, .. } = operation;
        if let Change::Create(draft) = change {
            let write = plan::creation(resource_type, *id, draft, secrets.clone());
            self.check_size(&write)?;
            return Ok(Step { writes: vec![Arc::new(write)], basis: Basis::Nothing });
        }
        let stored = match (stored, change) {
            (Some(stored), _) => stored,
            (None, Change::Delete) => self.stored(resource_type, *id).await?,
            (None, _) => self.existing(resource_type, *id).await?,
        };
        if let Some(precondition) = precondition.as_ref().filter(|_| !has_begun) {
            precondition.check(&stored)?;
        }
        let current = plan::attributes(&stored)?;
        let mut notes = operation.notes.clone();
        let planned = match change {
            Change::Delete => return self.plan_deletion(resource_type, stored, current).await,
            Change::Patch(request) => self.patched(resource_type, &stored, &current, request, &mut notes)?,
            Change::Create(draft) | Change::Replace(draft) => {
                plan::replacement(resource_type, &current, draft.clone())?
            }
        };
        self.plan_update(operation, Modified { stored, current, planned, notes }).await
    }

    /// The references to what is deleted go with it (AMB-47). Where very many refer to it, most of them are rid of
    /// that before, in change sets of their own, so that nobody else waits long.
    async fn plan_deletion(
        &self,
        resource_type: &ResourceType,
        stored: StoredResource,
        attributes: Object,
    ) -> Result<Step, Refusal> {
        let (mut writes, all) = self.writes_of_referrers(stored.id).await?;
        if !all {
            return Ok(Step { writes, basis: Basis::SomeReferrers });
        }
        writes.push(Arc::new(plan::deletion(resource_type, &stored, &attributes)));
        Ok(Step { writes, basis: Basis::Deleted { stored: Box::new(stored), attributes } })
    }

    /// The write that makes a resource what it is planned to be, if it isn't that already.
    async fn plan_update(&self, operation: &Operation, mut modified: Modified) -> Result<Step, Refusal> {
        let Operation { resource_type, change, precondition, secrets, .. } = operation;
        let Modified { stored, current, planned, .. } = &mut modified;
        plan::leave_own_urls(resource_type, &mut planned.attributes, &self.caller.base_url);
        // A PUT says all of what there is to be: what others have changed meanwhile it hasn't seen.
        let versioned = precondition.is_some() || !matches!(change, Change::Patch(_));
        let set = self.hashed(&planned.secrets).await?;
        let secrets = if set.is_empty() { secrets } else { &set };
        let write = plan::update(resource_type, stored, current, planned, versioned, secrets);
        if let Some(write) = &write {
            self.check_size(write)?;
        }
        Ok(Step {
            writes: write.into_iter().map(Arc::new).collect(),
            basis: Basis::Modified(Box::new(modified)),
        })
    }

    /// The attributes and members that a PATCH makes of those that are there.
    fn patched(
        &self,
        resource_type: &ResourceType,
        stored: &StoredResource,
        current: &Object,
        request: &PatchRequest,
        notes: &mut Vec<String>,
    ) -> Result<plan::Planned, Refusal> {
        let server_side = representation::server_side(resource_type, stored, &self.caller.base_url);
        let mut apply = || patch::apply(request.clone(), current.clone(), &server_side, resource_type, notes);
        // Many operations on many values take their time, and others should not wait for it.
        let many = request.operations.len() > FEW_OPERATIONS;
        let patched = if many { tokio::task::block_in_place(apply)? } else { apply()? };
        Ok(plan::Planned::from(patched))
    }

    /// The writes that take the references to a resource out of others, of [`REFERRERS_AT_ONCE`] at most, and
    /// whether that is all of them.
    async fn writes_of_referrers(&self, id: ResourceId) -> Result<(Vec<Arc<Write>>, bool), StoreError> {
        let source = self.caller.source.id;
        let mut referrers = BTreeMap::new();
        let mut left = REFERRERS_AT_ONCE;
        for referring in &self.caller.registry.resource_types {
            for path in referring.references() {
                let path = path.to_string();
                let found = self.store().referrers(source, &referring.name, &path, id, left).await?;
                left -= found.len().min(left);
                // One may refer to it in several attributes.
                referrers.extend(found.into_iter().map(|referrer| (referrer.id, (referring, referrer))));
            }
        }
        referrers.remove(&id);
        let writes = referrers
            .into_values()
            .map(|(referring, referrer)| plan::without_references(referring, &referrer, id).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok((writes, left > 0))
    }

    /// Notes what became of an operation, and returns the resource as it has left it: of one that is
    /// gone, as it was.
    pub(super) async fn settle(
        &self,
        operation: &Operation,
        step: Step,
        written: &[Written],
    ) -> Result<StoredResource, Refusal> {
        let Operation { resource_type, id, change, .. } = operation;
        let noted = &self.caller.noted;
        match step.basis {
            Basis::Nothing => {
                if let Change::Create(draft) = change {
                    noted.created(resource_type, *id, draft);
                    self.note_leniency(&operation.notes, &draft.ignored);
                }
                let write = step.writes.first();
                let created =
                    write.zip(written.first()).and_then(|(write, written)| plan::created(write, written));
                created.ok_or_else(|| StoreError::Internal("a creation made nothing").into())
            }
            Basis::Deleted { stored, attributes } => {
                noted.deleted(resource_type, *id, &attributes, written.len());
                Ok(*stored)
            }
            Basis::SomeReferrers => {
                Err(StoreError::Internal("a deletion was taken for done before its end").into())
            }
            Basis::Modified(modified) => {
                let Modified { mut stored, current, planned, notes } = *modified;
                let Some(written) = written.first() else {
                    let unchanged = plan::unchanged(&stored);
                    self.note_outcome(operation, &current, &notes, planned, &unchanged);
                    return Ok(stored);
                };
                let new = step.writes.first().and_then(|write| plan::document_of(write));
                self.note_outcome(operation, &current, &notes, planned, written);
                // A change to members alone holds for any version: others may have changed the
                // document since it was read.
                let expected = stored.version + u64::from(written.changed);
                if new.is_none() && written.version != expected {
                    match self.existing(resource_type, stored.id).await {
                        Ok(found) => return Ok(found),
                        Err(refused) => self.without_reading(&refused),
                    }
                }
                plan::leave(&mut stored, written, new);
                Ok(stored)
            }
        }
    }

    pub(super) fn change_set(&self, writes: Vec<Arc<Write>>, requires: Vec<ResourceId>) -> ChangeSet {
        ChangeSet {
            source: self.caller.source.id,
            revision: self.caller.source.revision,
            actor: self.caller.service_account,
            request_id: self.caller.request_id,
            at: self.context.clock.now(),
            requires,
            writes,
        }
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

    /// What was done, what was mended, what was left out; names of attributes, never values.
    fn note_outcome(
        &self,
        operation: &Operation,
        before: &Object,
        deviations: &[String],
        planned: plan::Planned,
        written: &Written,
    ) {
        self.note_leniency(deviations, &planned.ignored);
        let changed = Changed {
            resource_type: &operation.resource_type,
            id: operation.id,
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
        match operation.change {
            Change::Patch(_) => self.caller.noted.patched(&outcomes, written.changed),
            _ => self.caller.noted.replaced(written.changed),
        }
    }

    fn note_leniency(&self, deviations: &[String], ignored: &[String]) {
        if !deviations.is_empty() || !ignored.is_empty() {
            tracing::debug!(request_id = %self.caller.request_id, ?deviations, ?ignored, "taken with leniency");
            self.caller.noted.leniency(deviations, ignored);
        }
    }
}

/// Why an operation was not carried out of which a part had been done before, if anything had.
fn behind_changes(done: usize, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Store(error) if done > 0 => StoreError::InDoubt(error.to_string()).into(),
        refusal => refusal,
    }
}

impl Step {
    /// Whether there is more to do than can be done together: then it is planned anew behind it.
    pub(super) fn is_partial(&self) -> bool {
        matches!(self.basis, Basis::SomeReferrers)
    }

    /// The attributes that were to be written, for what a refusal says of them.
    pub(super) fn attributes<'a>(&'a self, operation: &'a Operation) -> &'a Object {
        match (&self.basis, &operation.change) {
            (Basis::Modified(modified), _) => &modified.planned.attributes,
            (_, Change::Create(draft) | Change::Replace(draft)) => &draft.attributes,
            (Basis::Deleted { attributes, .. }, _) => attributes,
            (Basis::Nothing | Basis::SomeReferrers, Change::Patch(_) | Change::Delete) => &EMPTY,
        }
    }

    /// The resources that it touches.
    pub(super) fn touches(&self) -> impl Iterator<Item = ResourceId> {
        self.writes.iter().map(|write| match **write {
            Write::Create { id, .. } | Write::Update { id, .. } | Write::Delete { id, .. } => id,
        })
    }
}

static EMPTY: std::sync::LazyLock<Object> = std::sync::LazyLock::new(Object::new);
