//! Many operations in one request (RFC 7644 §3.7). Each is planned as it would be alone, and done
//! whole or not at all; what doesn't depend on one another's outcome shares a commit.

use std::collections::{HashMap, HashSet};

use headwater_scim::{
    bulk::{BulkOperation, Task, TaskKind},
    error::ScimError,
    message,
    resource_type::ResourceType,
};
use headwater_store::{Applied, ApplyError, ChangeSet, ResourceId, StoreError, StoredResource, Write};
use serde_json::{Value, json};

pub use headwater_scim::bulk::BulkRequest;

use super::{
    Change, Operation, Precondition, Provisioning, Refusal, failure, operation::Step, parse_id, refusal,
    representation,
};

/// The most operations that are committed together: a bound on how long others wait.
const MOST_TOGETHER: usize = 250;
/// About how many bytes they may write before they are committed: a bound on that, and on memory.
const MOST_BYTES_TOGETHER: usize = 4 * 1024 * 1024;

/// What is said of each operation of a bulk request that the store has not done.
const UNDONE: &str = "this operation has not been done";

/// What became of an operation, by its place in the request.
type Outcomes = Vec<Option<Result<Done, ScimError>>>;

/// An operation that was done.
struct Done {
    id: ResourceId,
    /// The version afterwards, as a number and as a tag; none of what is gone.
    version: Option<(u64, String)>,
}

/// Operations that are planned and wait to be applied: most alone, those that need each other together.
struct Planned {
    parts: Vec<(usize, Operation, Step)>,
}

/// What is planned and waits for a commit.
#[derive(Default)]
struct Batch {
    planned: Vec<Planned>,
    /// About how many bytes it writes.
    bytes: usize,
    /// The resources that it touches.
    touched: HashSet<ResourceId>,
    /// Whether it writes references to others.
    has_references: bool,
    /// Whether it changes who is in which group, or what groups are called.
    moves_members: bool,
}

struct Bulk<'a> {
    provisioning: &'a Provisioning<'a>,
    request: BulkRequest,
    /// How long the request is, in bytes.
    length: usize,
    /// What is created under each bulkId.
    created: HashMap<String, ResourceId>,
    /// The bulkIds under which nothing was created after all.
    failed: HashSet<String>,
    outcomes: Outcomes,
    batch: Batch,
    /// Groups of operations that are tried once more at the end: those that want a name which an earlier
    /// operation, put off until what it needs is there, may yet set free.
    again: Vec<Vec<usize>>,
    is_last_try: bool,
    /// Whether anything was done to a group.
    moved_members: bool,
    errors: usize,
    /// The store has failed: what has no outcome yet is not done.
    lost: Option<StoreError>,
    /// Who sent the request is no longer let in: what has no outcome yet is not done.
    shut_out: Option<ScimError>,
}

impl Provisioning<'_> {
    /// POST to `/Bulk` (RFC 7644 §3.7): the BulkResponse. `length` is that of the request, in bytes. If the
    /// store fails when some of it is done, the response tells of each operation whether it was.
    ///
    /// # Errors
    /// The store failed before anything was done.
    pub async fn bulk(&self, request: BulkRequest, length: usize) -> Result<Value, Refusal> {
        let order = request.order();
        let creations = request
            .operations
            .iter()
            .filter(|operation| operation.task.as_ref().is_ok_and(|task| task.kind == TaskKind::Create));
        let created: HashMap<String, ResourceId> = creations
            .filter_map(|operation| Some((operation.bulk_id.clone()?, ResourceId(self.context.new_uuid()))))
            .collect();
        // A creation that can't even be read creates nothing, unless another has its bulkId.
        let unread =
            request.operations.iter().filter(|operation| operation.is_creation() && operation.task.is_err());
        let failed = unread
            .filter_map(|operation| operation.bulk_id.clone())
            .filter(|bulk_id| !HashMap::contains_key(&created, bulk_id))
            .collect();
        let outcomes = request.operations.iter().map(|_| None).collect();
        let mut bulk = Bulk {
            provisioning: self,
            request,
            length,
            created,
            failed,
            outcomes,
            batch: Batch::default(),
            again: Vec::new(),
            is_last_try: false,
            moved_members: false,
            errors: 0,
            lost: None,
            shut_out: None,
        };
        bulk.groups(order).await;
        bulk.is_last_try = true;
        let again = std::mem::take(&mut bulk.again);
        bulk.groups(again).await;
        if let Some(lost) = bulk.lost.take() {
            bulk.end_with(lost)?;
        } else if let Some(error) = bulk.shut_out.take() {
            bulk.end_shut_out(error)?;
        } else {
            bulk.read_versions().await;
        }
        Ok(bulk.response())
    }
}

impl Bulk<'_> {
    /// Whether so many errors have come that the rest is not done, the store has failed, or its sender is no
    /// longer let in.
    fn is_over(&self) -> bool {
        self.lost.is_some()
            || self.shut_out.is_some()
            || self.request.fail_on_errors.is_some_and(|most| self.errors >= most)
    }

    /// Carries out groups of operations, each of which is to be done together.
    async fn groups(&mut self, groups: Vec<Vec<usize>>) {
        for group in groups {
            if self.is_over() {
                break;
            }
            self.group(&group).await;
        }
        self.flush().await;
    }

    /// Plans operations that are to be done together.
    async fn group(&mut self, group: &[usize]) {
        let mut parts = Vec::with_capacity(group.len());
        let mut refused = None;
        for position in group {
            match self.prepare(*position, group).await {
                Ok((operation, step)) if step.is_partial() => {
                    // It takes several commits: what comes before it has to be settled.
                    self.flush().await;
                    if !self.is_over() {
                        self.carry_out(&[*position], *position, &operation).await;
                    }
                    return;
                }
                Ok((operation, step)) => parts.push((*position, operation, step)),
                Err(Refusal::Scim(_)) if self.shut_out.is_some() => return,
                Err(Refusal::Scim(error)) => {
                    refused = Some((*position, error));
                    break;
                }
                Err(Refusal::Store(error)) => return self.fail(&[], error),
            }
        }
        if let Some((position, error)) = refused {
            // What came before may have failed as well: the count of errors has to be right.
            if self.request.fail_on_errors.is_some() {
                self.flush().await;
                if self.is_over() {
                    return;
                }
            }
            self.refuse_all(group, position, &error);
            return;
        }
        for (_, operation, step) in &parts {
            self.batch.touched.extend(step.touches());
            self.batch.bytes += step.writes.iter().map(|write| write.size()).sum::<usize>();
            self.batch.has_references |= step.writes.iter().any(|write| refers(write));
            self.batch.moves_members |= operation.resource_type.relation().is_some();
        }
        self.batch.planned.push(Planned { parts });
        if self.batch.planned.len() >= MOST_TOGETHER || self.batch.bytes >= MOST_BYTES_TOGETHER {
            self.flush().await;
        }
    }

    /// Reads and plans one operation.
    async fn prepare(&mut self, position: usize, group: &[usize]) -> Result<(Operation, Step), Refusal> {
        let provisioning = self.provisioning;
        provisioning.caller.noted.begin_operation(position);
        let task = self.task(position)?;
        self.check_size(task)?;
        let found = provisioning.caller.registry.at_endpoint(&task.endpoint).cloned();
        let resource_type = found.ok_or_else(|| {
            ScimError::with_status(404, format!("path: there is no endpoint /{}", task.endpoint))
        })?;
        let mut resolved = self.resolve(task)?;
        // A plan is made from what is there: what it is about has to be settled.
        if self.depends_on_batch(position, &resource_type, &resolved) {
            self.flush().await;
            provisioning.caller.noted.begin_operation(position);
            if self.lost.is_some() {
                return Err(StoreError::Closed.into()); // the first failure is the one that is told
            }
            if let Some(error) = &self.shut_out {
                return Err(error.clone().into());
            }
            // What it refers to may have failed just now.
            resolved = self.resolve(self.task(position)?)?;
        }
        let beside: HashSet<&str> =
            group.iter().filter_map(|other| self.request.operations[*other].bulk_id.as_deref()).collect();
        let requires = resolved
            .references
            .iter()
            .filter(|bulk_id| !beside.contains(bulk_id.as_str()))
            .filter_map(|bulk_id| self.created.get(bulk_id).copied())
            .collect();
        let Task { kind, id, data, version, .. } = resolved;
        let data = data.unwrap_or_default();
        let precondition = version.map(|version| Precondition::matching(&version));
        let id = match (&id, kind) {
            (_, TaskKind::Create) => self.own_id(position)?,
            (Some(id), _) => parse_id(&resource_type, id)?,
            (None, _) => return Err(ScimError::invalid_syntax("path: an id is missing").into()),
        };
        // That a resource isn't there is said before what is wrong with the body.
        let stored = match kind {
            TaskKind::Replace | TaskKind::Modify => Some(provisioning.existing(&resource_type, id).await?),
            TaskKind::Create | TaskKind::Delete => None,
        };
        let mut operation = match kind {
            TaskKind::Create => provisioning.creation(&resource_type, id, data).await?,
            TaskKind::Replace => provisioning.replacement(&resource_type, id, data, precondition).await?,
            TaskKind::Modify => provisioning.modification(&resource_type, id, data, precondition)?,
            TaskKind::Delete => Operation::deletion(&resource_type, id, precondition),
        };
        operation.requires = requires;
        let step = provisioning.plan(&operation, stored).await?;
        Ok((operation, step))
    }

    fn task(&self, position: usize) -> Result<&Task, ScimError> {
        self.request.operations[position].task.as_ref().map_err(Clone::clone)
    }

    /// What is wanted, with ids in the place of references.
    fn resolve(&self, task: &Task) -> Result<Task, ScimError> {
        let mut task = task.clone();
        task.resolve(&|bulk_id| self.resolved(bulk_id))?;
        Ok(task)
    }

    /// Whether what waits to be applied has a say in the plan of an operation.
    fn depends_on_batch(&self, position: usize, resource_type: &ResourceType, task: &Task) -> bool {
        let id = match task.kind {
            TaskKind::Create => self.own_id(position).ok(),
            _ => task.id.as_deref().and_then(ResourceId::parse),
        };
        let is_touched = id.is_some_and(|id| self.batch.touched.contains(&id));
        match task.kind {
            TaskKind::Create => is_touched,
            TaskKind::Delete => is_touched || self.batch.has_references,
            // The groups of a user are a part of its version.
            TaskKind::Replace | TaskKind::Modify => {
                is_touched || self.batch.moves_members && resource_type.inverse().is_some()
            }
        }
    }

    /// What an operation carries is held to what a request alone may carry (RFC 7644 §3.7.3).
    fn check_size(&self, task: &Task) -> Result<(), ScimError> {
        let most = self.provisioning.context.configuration.max_body_bytes;
        let Some(data) = task.data.as_ref().filter(|_| self.length > most) else { return Ok(()) };
        let length = serde_json::to_vec(data).map_or(usize::MAX, |text| text.len());
        if length > most {
            return Err(ScimError::with_status(413, format!("data: it is longer than {most} bytes")));
        }
        Ok(())
    }

    fn own_id(&self, position: usize) -> Result<ResourceId, ScimError> {
        let bulk_id = self.request.operations[position].bulk_id.as_deref().unwrap_or_default();
        let known = self.created.get(bulk_id).copied();
        known.ok_or_else(|| ScimError::invalid_syntax("bulkId: a POST needs one"))
    }

    /// The id of what is created under a bulkId, or why there is none.
    fn resolved(&self, bulk_id: &str) -> Option<Result<String, ScimError>> {
        if self.failed.contains(bulk_id) {
            return Some(Err(reference_failed(bulk_id)));
        }
        self.created.get(bulk_id).map(|id| Ok(id.to_string()))
    }

    /// Why an operation can't be done that refers to one which failed.
    fn failed_reference(&self, position: usize) -> Option<ScimError> {
        let task = self.request.operations[position].task.as_ref().ok()?;
        task.references.iter().find(|id| self.failed.contains(*id)).map(|id| reference_failed(id))
    }

    /// Applies what is planned, and notes what became of it.
    async fn flush(&mut self) {
        let provisioning = self.provisioning;
        let mut waiting = std::mem::take(&mut self.batch).planned.into_iter();
        loop {
            let left: Vec<Planned> = waiting.collect();
            if left.is_empty() || self.is_over() {
                return;
            }
            match provisioning.caller.check_let_in(provisioning.context).await {
                Ok(()) => {}
                Err(Refusal::Scim(error)) => {
                    self.shut_out = Some(error);
                    return;
                }
                Err(Refusal::Store(error)) => return self.fail(&[], error),
            }
            let most = self.request.fail_on_errors.map_or(usize::MAX, |most| most - self.errors);
            let sets = left.iter().map(|planned| planned.change_set(provisioning)).collect();
            provisioning.caller.noted.given_to_store();
            let applied = provisioning.store().apply_all(sets, most).await;
            provisioning.caller.noted.told_by_store(&applied);
            let applied = match applied {
                Ok(applied) => applied,
                Err(error) => {
                    let parts = left.iter().flat_map(|planned| &planned.parts);
                    let positions: Vec<usize> = parts.map(|(position, _, _)| *position).collect();
                    return self.fail(&positions, error);
                }
            };
            let mut left = left.into_iter();
            for (applied, planned) in applied.into_iter().zip(left.by_ref()) {
                // What was applied is told of whatever fails; nothing else is tried then.
                if applied.is_ok() || self.lost.is_none() {
                    self.settle(planned, applied).await;
                }
            }
            waiting = left.collect::<Vec<_>>().into_iter();
        }
    }

    async fn settle(&mut self, planned: Planned, applied: Result<Applied, ApplyError>) {
        let provisioning = self.provisioning;
        let noted = &provisioning.caller.noted;
        let error = match applied {
            Ok(Applied { writes }) => {
                let mut written = writes.as_slice();
                for (position, operation, step) in planned.parts {
                    noted.begin_operation(position);
                    let (own, rest) = written.split_at(step.writes.len().min(written.len()));
                    written = rest;
                    match provisioning.settle(&operation, step, own).await {
                        Ok(stored) => self.done(position, &operation, &stored),
                        Err(Refusal::Scim(error)) => self.refuse_all(&[position], position, &error),
                        Err(Refusal::Store(error)) => self.fail(&[position], error),
                    }
                }
                return;
            }
            Err(error) => error,
        };
        let positions: Vec<usize> = planned.parts.iter().map(|(position, _, _)| *position).collect();
        if self.may_succeed_later(&positions, &error) {
            self.again.push(positions);
            return;
        }
        let culprit = match &error {
            ApplyError::Taken { id, .. } => {
                planned.parts.iter().position(|(_, operation, _)| operation.id == *id)
            }
            _ => None,
        };
        let culprit = planned.parts.into_iter().nth(culprit.unwrap_or(0));
        let Some((position, operation, step)) = culprit else { return };
        let overtaken = matches!(error, ApplyError::Conflict)
            || matches!((&error, &operation.change), (ApplyError::NotFound, Change::Delete));
        if overtaken && positions.len() == 1 {
            self.carry_out(&positions, position, &operation).await;
            return;
        }
        if matches!(error, ApplyError::Unmet)
            && let Some(error) = self.failed_reference(position)
        {
            self.refuse_all(&positions, position, &error);
            return;
        }
        match refusal(&operation.resource_type, error, step.attributes(&operation)) {
            Refusal::Scim(error) => self.refuse_all(&positions, position, &error),
            Refusal::Store(error) => self.fail(&positions, error),
        }
    }

    /// Carries out an operation by itself, and notes what became of it.
    async fn carry_out(&mut self, positions: &[usize], position: usize, operation: &Operation) {
        let provisioning = self.provisioning;
        provisioning.caller.noted.begin_operation(position);
        match provisioning.carry_out(operation, None).await {
            Ok(stored) => self.done(position, operation, &stored),
            Err(Refusal::Scim(error)) => self.refuse_all(positions, position, &error),
            Err(Refusal::Store(error)) => self.fail(positions, error),
        }
    }

    /// The store has failed, with what it was to do at these positions. The rest is not tried.
    fn fail(&mut self, positions: &[usize], error: StoreError) {
        for position in positions {
            self.refuse_all(&[*position], *position, &failure(&error, UNDONE));
        }
        self.lost.get_or_insert(error);
    }

    /// Tells of a failure of the store: of the request as a whole if nothing of it is done, or else of each
    /// operation that is not.
    fn end_with(&mut self, lost: StoreError) -> Result<(), Refusal> {
        if !self.outcomes.iter().any(|outcome| matches!(outcome, Some(Ok(_)))) {
            return Err(lost.into());
        }
        tracing::error!(request_id = %self.provisioning.caller.request_id, error = %lost, "the store failed in a bulk request");
        // Whatever the store may have done of others, these it was not given.
        let not_done = match lost {
            StoreError::InDoubt(reason) => failure(&StoreError::Unavailable(reason), UNDONE),
            lost => failure(&lost, UNDONE),
        };
        self.refuse_rest(&not_done);
        Ok(())
    }

    /// The same for a sender who is no longer let in.
    fn end_shut_out(&mut self, error: ScimError) -> Result<(), Refusal> {
        if !self.outcomes.iter().any(|outcome| matches!(outcome, Some(Ok(_)))) {
            return Err(error.into());
        }
        self.refuse_rest(&error);
        Ok(())
    }

    /// Refuses what has no outcome.
    fn refuse_rest(&mut self, error: &ScimError) {
        let left = self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none());
        for position in left.map(|(position, _)| position).collect::<Vec<_>>() {
            self.refuse_all(&[position], position, error);
        }
    }

    /// Whether operations that could not be done may be done at the end: a name is taken, and an earlier
    /// operation waits; or one that they refer to is tried again itself.
    fn may_succeed_later(&self, positions: &[usize], error: &ApplyError) -> bool {
        // What is done to a resource that is there stays in order with what else is done to it, and names are
        // given in the order of the request.
        let is_creation = |position: &usize| self.request.operations[*position].is_creation();
        let may_wait = match error {
            ApplyError::Unmet => {
                positions.iter().all(|position| is_creation(position) || !self.is_followed(*position))
            }
            _ => positions.iter().all(is_creation),
        };
        if self.is_last_try || !may_wait {
            return false;
        }
        match error {
            ApplyError::Taken { .. } => {
                let last = positions.iter().max().copied().unwrap_or_default();
                self.outcomes[..last].iter().enumerate().any(|(earlier, outcome)| {
                    outcome.is_none() && !positions.contains(&earlier) && !self.is_tried_again(earlier)
                })
            }
            ApplyError::Unmet => positions.iter().any(|position| {
                let task = self.request.operations[*position].task.as_ref();
                let references = task.map(|task| task.references.as_slice()).unwrap_or_default();
                references.iter().any(|bulk_id| {
                    self.again
                        .iter()
                        .flatten()
                        .any(|other| self.request.operations[*other].bulk_id.as_ref() == Some(bulk_id))
                })
            }),
            _ => false,
        }
    }

    /// Whether a later operation is about the same resource.
    fn is_followed(&self, position: usize) -> bool {
        let target = |operation: &BulkOperation| -> Option<(String, String)> {
            let task = operation.task.as_ref().ok()?;
            Some((task.endpoint.to_ascii_lowercase(), task.id.as_deref()?.to_ascii_lowercase()))
        };
        let operations = &self.request.operations;
        let own = target(&operations[position]);
        own.is_none() || operations[position + 1..].iter().any(|later| target(later) == own)
    }

    fn is_tried_again(&self, position: usize) -> bool {
        self.again.iter().flatten().any(|one| *one == position)
    }

    fn done(&mut self, position: usize, operation: &Operation, stored: &StoredResource) {
        let gone = matches!(operation.change, Change::Delete);
        let version = (!gone).then(|| (stored.version, representation::version_tag(stored)));
        self.moved_members |= operation.resource_type.relation().is_some();
        self.outcomes[position] = Some(Ok(Done { id: stored.id, version }));
    }

    /// The groups of a user are a part of its version: what operations on groups have made of it is read
    /// at the end.
    async fn read_versions(&mut self) {
        if !self.moved_members {
            return;
        }
        let provisioning = self.provisioning;
        for (operation, outcome) in self.request.operations.iter().zip(&mut self.outcomes) {
            let Some(Ok(Done { id, version: Some((number, tag)) })) = outcome else { continue };
            let endpoint = operation.place.as_ref().map(|(endpoint, _)| endpoint.as_str());
            let resource_type =
                endpoint.and_then(|endpoint| provisioning.caller.registry.at_endpoint(endpoint));
            let Some(resource_type) = resource_type.filter(|found| found.inverse().is_some()) else {
                continue;
            };
            match provisioning.existing(resource_type, *id).await {
                Ok(stored) if stored.version == *number => *tag = representation::version_tag(&stored),
                // It has been changed since, or is gone.
                Ok(_) | Err(Refusal::Scim(_)) => {}
                Err(Refusal::Store(error)) => {
                    let request_id = provisioning.caller.request_id;
                    tracing::warn!(%request_id, %error, "a bulk request is done, and answered without reading versions");
                    return;
                }
            }
        }
    }

    /// None of a group is done, because of what is wrong with one of them.
    fn refuse_all(&mut self, group: &[usize], culprit: usize, error: &ScimError) {
        for position in group {
            let error = if *position == culprit {
                error.clone()
            } else {
                let detail = format!(
                    "it refers to operation {}, which refers to it in turn and failed: {}",
                    culprit + 1,
                    error.detail
                );
                ScimError::with_status(409, detail)
            };
            let operation = &self.request.operations[*position];
            let is_creation = operation.task.as_ref().is_ok_and(|task| task.kind == TaskKind::Create);
            self.failed.extend(operation.bulk_id.clone().filter(|_| is_creation));
            self.provisioning.caller.noted.refused_operation(*position, &operation.method, &error);
            self.outcomes[*position] = Some(Err(error));
            self.errors += 1;
        }
    }

    /// The BulkResponse, with every operation that was processed (RFC 7644 §3.7.3).
    fn response(&self) -> Value {
        let answered =
            self.request.operations.iter().zip(&self.outcomes).filter_map(|(operation, outcome)| {
                let outcome = outcome.as_ref()?;
                Some(self.answered(operation, outcome))
            });
        let operations: Vec<Value> = answered.collect();
        json!({"schemas": [message::BULK_RESPONSE], "Operations": operations})
    }

    fn answered(&self, operation: &BulkOperation, outcome: &Result<Done, ScimError>) -> Value {
        let mut answer = json!({"method": operation.method});
        if let Some(bulk_id) = &operation.bulk_id {
            answer["bulkId"] = bulk_id.as_str().into();
        }
        let place = operation.place.as_ref();
        let id = match (outcome, place) {
            (Ok(done), _) => Some(done.id.to_string()),
            // What was not changed is where it was.
            (Err(_), Some((_, Some(id)))) if !operation.is_creation() => match id.strip_prefix("bulkId:") {
                Some(bulk_id) if self.failed.contains(bulk_id) => None,
                Some(bulk_id) => self.created.get(bulk_id).map(ToString::to_string),
                None => Some(id.clone()),
            },
            (Err(_), _) => None,
        };
        if let (Some((endpoint, _)), Some(id)) = (place, id) {
            let base_url = &self.provisioning.caller.base_url;
            answer["location"] = format!("{base_url}/{endpoint}/{id}").into();
        }
        match outcome {
            Ok(done) => {
                if let Some((_, version)) = &done.version {
                    answer["version"] = version.as_str().into();
                }
                let status = match operation.task.as_ref().map(|task| task.kind) {
                    Ok(TaskKind::Create) => "201",
                    Ok(TaskKind::Delete) => "204",
                    _ => "200",
                };
                answer["status"] = status.into();
            }
            Err(error) => {
                answer["status"] = error.status.to_string().into();
                answer["response"] = error.to_json();
            }
        }
        answer
    }
}

impl Planned {
    fn change_set(&self, provisioning: &Provisioning<'_>) -> ChangeSet {
        let writes = self.parts.iter().flat_map(|(_, _, step)| step.writes.iter().cloned()).collect();
        let requires = self.parts.iter().flat_map(|(_, operation, _)| operation.requires.iter().copied());
        provisioning.change_set(writes, requires.collect())
    }
}

fn reference_failed(bulk_id: &str) -> ScimError {
    ScimError::with_status(
        409,
        format!("the operation with the bulkId {bulk_id:?}, which it refers to, failed"),
    )
}

/// Whether a write leaves a resource that refers to others.
fn refers(write: &Write) -> bool {
    match write {
        Write::Create { has_references, members, .. } => *has_references || !members.is_empty(),
        Write::Update { document, members, .. } => {
            document.as_ref().is_some_and(|change| change.has_references) || !members.is_empty()
        }
        Write::Delete { .. } => true,
    }
}
