//! What is recorded of a request, gathered while it is being answered.
//!
//! A recording begins when a request comes in and ends with its answer, whatever that is: also
//! one without a valid token, one that there is no room for, and one whose client goes away. On
//! the way, those who carry the request out note in [`Noted`] what became of it.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::FutureExt;
use headwater_scim::{
    Object,
    error::{ScimError, ScimType},
    patch::{self, RelationEdit},
    registry::Registry,
    resource::Draft,
    resource_type::ResourceType,
};
use headwater_store::{
    ApplyError, Credential, Millis, ResourceId, SourceId, StoreError, Written,
    requests::{
        self, Headers, MAX_BODY, MAX_OUTCOMES, MAX_READ_BODY, MAX_RESOURCES, Milestone, NewRequest,
        Operation, Outcome, OutcomeResult, RawRequest, Sender, Target,
    },
};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Request, header, http::HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Context, origin,
    scim::{self, PREFIX},
};

/// The status of a request whose client went away before it was answered, as other servers write
/// it.
const CLIENT_GONE: u16 = 499;

/// A refusal, beside the answer that says it.
#[derive(Clone)]
pub(crate) struct Refused(pub(crate) ScimError);

/// A request on its way to an answer, as far as the log is concerned. It is recorded in any case:
/// with its answer, or when it is dropped without one.
pub(crate) struct Recording {
    context: Arc<Context>,
    noted: Arc<Noted>,
    begun: Option<Begun>,
    request_id: Uuid,
    started: Instant,
}

/// What is known from the start.
struct Begun {
    at: Millis,
    address: IpAddr,
    method: Method,
    uri: String,
    headers: Headers,
    /// What the client says of the length of its body.
    sends_body: bool,
    /// Whether it is only counted, should it be a read that succeeds.
    only_counted: bool,
}

impl Recording {
    /// Begins with a request as it comes in.
    pub(crate) fn begin(context: &Arc<Context>, peer: IpAddr, request: &Request<Body>) -> Self {
        let uri = request.uri();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let only_counted = reads && context.requests.is_busy();
        let begun = Begun {
            at: context.clock.now(),
            address: origin::client_address(&context.configuration, request.headers(), peer),
            method: request.method().clone(),
            uri: uri.path_and_query().map_or_else(|| uri.path(), |target| target.as_str()).to_owned(),
            headers: if only_counted { Headers::default() } else { kept(request.headers()) },
            sends_body: sends_body(request.headers()),
            only_counted,
        };
        Self {
            request_id: context.new_uuid(),
            context: Arc::clone(context),
            noted: Arc::default(),
            begun: Some(begun),
            started: Instant::now(),
        }
    }

    /// The id of the request.
    pub(crate) fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// What is noted on the way.
    pub(crate) fn noted(&self) -> Arc<Noted> {
        Arc::clone(&self.noted)
    }

    /// Records the request with its answer, and hands the answer on.
    pub(crate) fn finish(mut self, mut response: Response) -> Response {
        let Some(begun) = self.begun.take() else { return response };
        let refused = response.extensions_mut().remove::<Refused>().map(|Refused(error)| error);
        let status = response.status().as_u16();
        if begun.only_counted && status < 400 && self.count(&begun, status) {
            self.say_which(&mut response);
            return response;
        }
        let registry = self.noted.registry();
        let operation = operation(&begun, &registry);
        let most = if operation.is_read() && status < 400 { MAX_READ_BODY } else { MAX_BODY };
        let (mut response, body) = if begun.method == Method::HEAD {
            (response, requests::Body::None) // hyper leaves it out
        } else if self.noted.lock().leaves_bodies_out {
            (response, requests::Body::Note("bodies of this source are not kept".to_owned()))
        } else {
            captured(response, most)
        };
        let answer = Answer { status, refused, headers: kept(response.headers()), body };
        self.say_which(&mut response);
        self.record(begun, operation, &registry, answer);
        response
    }

    /// Puts the id of the request into its answer.
    fn say_which(&self, response: &mut Response) {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = self.request_id.hyphenated().encode_lower(&mut text);
        if let Ok(id) = HeaderValue::from_str(text) {
            response.headers_mut().insert("x-request-id", id);
        }
    }

    /// Counts a read with a valid token; false of any other.
    fn count(&self, begun: &Begun, status: u16) -> bool {
        let gathered = self.noted.lock();
        let (true, Some((source, token))) = (gathered.authenticated, gathered.sender) else { return false };
        drop(gathered);
        let (request_id, method, duration) = (self.request_id, &begun.method, self.started.elapsed());
        tracing::debug!(%request_id, source = source.0, %method, status, ?duration, "request");
        self.context.token_uses.note(source, token, begun.at, true);
        self.context.requests.count_read(source, begun.at);
        true
    }

    fn record(&self, begun: Begun, operation: Operation, registry: &Registry, answer: Answer) {
        let gathered = std::mem::take(&mut *self.noted.lock());
        let duration = self.started.elapsed();
        let Answer { status, refused, headers: response_headers, body: response_body } = answer;
        let segments = segments(&begun.uri);
        let (request_id, source, method) = (self.request_id, scim::for_log(&segments.slug), &begun.method);
        tracing::debug!(%request_id, source, %method, status, ?duration, "request");
        if let (true, Some((source, token))) = (gathered.authenticated, gathered.sender) {
            self.context.token_uses.note(source, token, begun.at, status < 400);
        }
        let sender = match gathered.sender {
            Some((source, _)) => Sender::Source(source),
            None => Sender::Slug(segments.slug.to_string()),
        };
        let target = gathered.target.or_else(|| segments.target(registry));
        let request_body = match gathered.body {
            Some(body) => body,
            None if begun.sends_body => requests::Body::Note("not read".to_owned()),
            None => requests::Body::None,
        };
        let mut outcomes = gathered.outcomes;
        let is_undone = gathered.changes == 0 && !gathered.is_in_doubt;
        if let Some(error) = &refused
            && operation.is_write()
            && gathered.sender.is_some()
            && is_undone
        {
            outcomes.extend(refusals(operation, error, &gathered.asked));
        }
        self.context.requests.record(NewRequest::new(RawRequest {
            sender,
            id: self.request_id,
            at: begun.at,
            duration,
            address: begun.address,
            authenticated: gathered.authenticated,
            token: gathered.sender.map(|(_, token)| token),
            target,
            uri: begun.uri,
            method: name(&begun.method),
            status,
            operation,
            scim_type: refused.as_ref().and_then(|error| error.scim_type).map(ScimType::as_str),
            error: refused.map(|error| error.detail),
            resources: gathered.resources,
            outcomes,
            changes: gathered.changes,
            milestones: gathered.milestones,
            request_headers: begun.headers,
            request_body,
            response_headers,
            response_body,
            secret_names: Arc::clone(&registry.secret_names),
        }));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(begun) = self.begun.take() else { return };
        let registry = self.noted.registry();
        let operation = operation(&begun, &registry);
        let is_in_doubt = self.noted.lock().is_in_doubt;
        let detail = if is_in_doubt {
            "its client went away before it was known whether it was done"
        } else {
            "its client went away before it was answered"
        };
        let gone = ScimError::with_status(CLIENT_GONE, detail);
        let answer = Answer {
            status: CLIENT_GONE,
            refused: Some(gone),
            headers: Headers::default(),
            body: requests::Body::None,
        };
        self.record(begun, operation, &registry, answer);
    }
}

/// How a request was answered.
struct Answer {
    status: u16,
    refused: Option<ScimError>,
    headers: Headers,
    body: requests::Body,
}

/// What those note who carry a request out.
#[derive(Default)]
pub struct Noted(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    /// The source and the token.
    sender: Option<(SourceId, Uuid)>,
    /// The resource types of the source.
    registry: Option<Arc<Registry>>,
    authenticated: bool,
    leaves_bodies_out: bool,
    body: Option<requests::Body>,
    /// The operation of a bulk request that is being carried out.
    bulk_operation: Option<u32>,
    /// The operations of a PATCH: what, and where.
    asked: Vec<(&'static str, Option<String>)>,
    outcomes: Vec<Outcome>,
    target: Option<Target>,
    resources: Vec<ResourceId>,
    changes: u32,
    milestones: Vec<Milestone>,
    /// Whether the store has been given changes of which it is not known what has become.
    is_in_doubt: bool,
}

/// Why the store has not done something, unless it has.
pub(crate) trait MayBeDone {
    /// Whether it may be done all the same.
    fn may_be_done(&self) -> bool;
}

impl MayBeDone for StoreError {
    fn may_be_done(&self) -> bool {
        matches!(self, Self::InDoubt(_))
    }
}

impl MayBeDone for ApplyError {
    fn may_be_done(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_be_done())
    }
}

/// A resource that was changed.
pub(crate) struct Changed<'a> {
    pub(crate) resource_type: &'a ResourceType,
    pub(crate) id: ResourceId,
    pub(crate) before: &'a Object,
    pub(crate) after: &'a Object,
    pub(crate) members: &'a [RelationEdit],
    pub(crate) written: &'a Written,
}

impl std::fmt::Debug for Noted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Noted(…)")
    }
}

impl Noted {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose token came with the request, be it valid or not.
    pub(crate) fn sender(&self, credential: &Credential) {
        let mut gathered = self.lock();
        gathered.sender = Some((credential.source.id, credential.token.id));
        gathered.registry = Some(Arc::clone(&credential.registry));
        gathered.leaves_bodies_out = !credential.source.log_bodies;
    }

    /// The resource types of whose source it is; the built-in ones as long as nobody knows.
    fn registry(&self) -> Arc<Registry> {
        self.lock().registry.clone().unwrap_or_else(Registry::built_in)
    }

    /// The token is valid.
    pub(crate) fn authenticated(&self) {
        self.lock().authenticated = true;
    }

    /// The body of the request.
    pub(crate) fn body(&self, body: &Bytes) {
        let mut gathered = self.lock();
        gathered.body = Some(if gathered.leaves_bodies_out {
            requests::Body::Note(format!("{} bytes; bodies of this source are not kept", body.len()))
        } else {
            requests::Body::limited(body, MAX_BODY)
        });
    }

    /// What a PATCH asks for.
    pub(crate) fn asked(&self, operations: &[patch::Operation]) {
        let asked = operations
            .iter()
            .map(|operation| (operation.op.as_str(), operation.path.as_ref().map(|(path, _)| path.clone())));
        self.lock().asked = asked.collect();
    }

    /// What is noted from here on is about this operation of a bulk request.
    pub(crate) fn begin_operation(&self, position: usize) {
        let mut gathered = self.lock();
        gathered.bulk_operation = u32::try_from(position).ok();
        gathered.asked.clear();
    }

    /// An operation of a bulk request was refused.
    pub(crate) fn refused_operation(&self, position: usize, method: &str, error: &ScimError) {
        let action = match method {
            "POST" => "create",
            "PUT" => "replace",
            "PATCH" => "update",
            "DELETE" => "delete",
            _ => "other",
        };
        self.lock().outcomes.push(Outcome {
            operation: u32::try_from(position).ok(),
            action: action.to_owned(),
            path: None,
            result: OutcomeResult::Refused,
            detail: Some(error.detail.clone()),
        });
    }

    /// The store is given changes: until it is told of their end, they may be done whatever becomes of the request.
    pub(crate) fn given_to_store(&self) {
        self.lock().is_in_doubt = true;
    }

    /// The store has told what became of them.
    pub(crate) fn told_by_store<T, E: MayBeDone>(&self, outcome: &Result<T, E>) {
        self.lock().is_in_doubt = outcome.as_ref().is_err_and(MayBeDone::may_be_done);
    }

    /// Resources were changed for what is still to be done.
    pub(crate) fn changed_before(&self, changes: usize) {
        self.lock().changes += u32::try_from(changes).unwrap_or(u32::MAX);
    }

    /// A resource was created.
    pub(crate) fn created(&self, resource_type: &ResourceType, id: ResourceId, draft: &Draft) {
        let mut gathered = self.lock();
        gathered.is_about(resource_type, id, &draft.attributes);
        gathered.changes += 1;
        gathered.push("create", OutcomeResult::Applied);
        if resource_type.inverse().is_some() {
            gathered.milestones.push(Milestone::FirstUser);
        }
        if let Some(members) = &draft.related
            && !members.is_empty()
        {
            gathered.name_all(members);
            gathered.milestones.push(Milestone::FirstGroupWithMembers);
        }
    }

    /// A resource was deleted; `changes` counts those that referred to it as well.
    pub(crate) fn deleted(
        &self,
        resource_type: &ResourceType,
        id: ResourceId,
        attributes: &Object,
        changes: usize,
    ) {
        let mut gathered = self.lock();
        gathered.is_about(resource_type, id, attributes);
        gathered.changes += u32::try_from(changes).unwrap_or(u32::MAX);
        gathered.push("delete", OutcomeResult::Applied);
    }

    /// A resource was changed, or would have been.
    pub(crate) fn changed(&self, changed: &Changed<'_>) {
        let Changed { resource_type, id, before, after, members, written } = changed;
        let mut gathered = self.lock();
        gathered.is_about(resource_type, *id, after);
        for edit in *members {
            if let RelationEdit::Add(ids) | RelationEdit::Remove(ids) | RelationEdit::Replace(ids) = edit {
                gathered.name_all(ids);
            }
        }
        if !written.changed {
            return;
        }
        gathered.changes += 1;
        let is_inactive =
            |attributes: &Object| attributes.get("active").and_then(Value::as_bool) == Some(false);
        if resource_type.inverse().is_some() && is_inactive(after) && !is_inactive(before) {
            gathered.milestones.push(Milestone::FirstDeactivation);
        }
        if resource_type.relation().is_some() && written.member_count > 0 {
            gathered.milestones.push(Milestone::FirstGroupWithMembers);
        }
    }

    /// A PUT was done.
    pub(crate) fn replaced(&self, changed: bool) {
        self.lock().push("replace", result(changed));
    }

    /// A PATCH was done: what became of its operations. One in a bulk request is an operation itself.
    pub(crate) fn patched(&self, outcomes: &[patch::Outcome], changed: bool) {
        let mut gathered = self.lock();
        if gathered.bulk_operation.is_some() {
            gathered.push("update", result(changed));
            return;
        }
        let asked = std::mem::take(&mut gathered.asked);
        for (position, ((action, path), outcome)) in asked.into_iter().zip(outcomes).enumerate() {
            gathered.outcomes.push(Outcome {
                operation: u32::try_from(position).ok(),
                action: action.to_owned(),
                path,
                result: result(*outcome == patch::Outcome::Applied),
                detail: None,
            });
        }
    }

    /// What was taken for what its client means, and what was left out.
    pub(crate) fn leniency(&self, deviations: &[String], ignored: &[String]) {
        let mut gathered = self.lock();
        for note in deviations.iter().take(MAX_OUTCOMES) {
            let mended = whole("mend", OutcomeResult::Mended, Some(note.clone()));
            let mended = Outcome { operation: gathered.bulk_operation, ..mended };
            gathered.outcomes.push(mended);
        }
        for path in ignored.iter().take(MAX_OUTCOMES) {
            let ignored = whole("ignore", OutcomeResult::Ignored, None);
            let operation = gathered.bulk_operation;
            gathered.outcomes.push(Outcome { operation, path: Some(path.clone()), ..ignored });
        }
    }
}

impl Gathered {
    /// Notes which resource the request is about; one with many operations names them all instead.
    fn is_about(&mut self, resource_type: &ResourceType, id: ResourceId, attributes: &Object) {
        if self.bulk_operation.is_none() {
            self.target = Some(target(resource_type, id, called(resource_type, attributes)));
        } else if self.resources.len() < MAX_RESOURCES {
            self.resources.push(id);
        }
    }

    /// An outcome of the request, or of the operation of a bulk request.
    fn push(&mut self, action: &str, result: OutcomeResult) {
        let outcome = Outcome { operation: self.bulk_operation, ..whole(action, result, None) };
        self.outcomes.push(outcome);
    }

    fn name_all(&mut self, ids: &[String]) {
        let room = MAX_RESOURCES.saturating_sub(self.resources.len());
        self.resources.extend(ids.iter().filter_map(|id| ResourceId::parse(id)).take(room));
    }
}

fn result(changed: bool) -> OutcomeResult {
    if changed { OutcomeResult::Applied } else { OutcomeResult::NothingToDo }
}

/// An outcome of the request as a whole.
fn whole(action: &str, result: OutcomeResult, detail: Option<String>) -> Outcome {
    Outcome { operation: None, action: action.to_owned(), path: None, result, detail }
}

fn target(resource_type: &ResourceType, id: ResourceId, display: Option<&str>) -> Target {
    Target { resource_type: resource_type.name.to_string(), id, display: display.map(str::to_owned) }
}

/// What people call a resource, or else its first required text: `userName`.
fn called<'a>(resource_type: &ResourceType, attributes: &'a Object) -> Option<&'a str> {
    resource_type.display(attributes).or_else(|| {
        let mut required = resource_type.schema.attributes.iter().filter(|attribute| attribute.required);
        required.find_map(|attribute| attributes.get(&attribute.name)?.as_str())
    })
}

/// What of a request was refused: one operation and with it the others, or all of it.
fn refusals(
    operation: Operation,
    error: &ScimError,
    asked: &[(&'static str, Option<String>)],
) -> Vec<Outcome> {
    let Some(refused) = error.operation else {
        return vec![whole(operation.as_str(), OutcomeResult::Refused, Some(error.detail.clone()))];
    };
    let refusal = |position: usize, action: &str, path: Option<String>, detail: String| Outcome {
        operation: u32::try_from(position).ok(),
        action: action.to_owned(),
        path,
        result: OutcomeResult::Refused,
        detail: Some(detail),
    };
    if refused >= asked.len() {
        // It could not even be read.
        return vec![refusal(refused, operation.as_str(), None, error.detail.clone())];
    }
    let outcomes = asked.iter().enumerate().map(|(position, (action, path))| {
        let detail = if position == refused {
            error.detail.clone()
        } else {
            format!("not done, because operation {} was refused", refused + 1)
        };
        refusal(position, action, path.clone(), detail)
    });
    outcomes.collect()
}

fn kept(headers: &HeaderMap) -> Headers {
    let mut kept = Headers::default();
    for (name, value) in headers {
        kept.add(name.as_str(), value.as_bytes());
    }
    kept
}

fn sends_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// The body of an answer, if it is there in one piece; the answer stays as it is.
fn captured(response: Response, most: usize) -> (Response, requests::Body) {
    use hyper::body::Body as _;
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    match length {
        Some(0) => (response, requests::Body::None),
        Some(length) if length > most => {
            (response, requests::Body::Note(format!("{length} bytes; up to {most} are kept")))
        }
        Some(_) => {
            let (parts, mut body) = response.into_parts();
            let whole = body.frame().now_or_never().flatten().and_then(Result::ok);
            match whole.and_then(|frame| frame.into_data().ok()) {
                Some(bytes) if body.is_end_stream() => {
                    let kept = requests::Body::limited(&bytes, most);
                    (Response::from_parts(parts, Body::from(bytes)), kept)
                }
                Some(bytes) => {
                    // In pieces after all: the first one goes back to its place.
                    let first = futures_util::stream::iter([Ok::<_, axum::Error>(bytes)]);
                    let rest = futures_util::StreamExt::chain(first, body.into_data_stream());
                    let body = Body::from_stream(rest);
                    (Response::from_parts(parts, body), requests::Body::Note("streamed".to_owned()))
                }
                None => (Response::from_parts(parts, body), requests::Body::None),
            }
        }
        None => (response, requests::Body::Note("streamed".to_owned())),
    }
}

fn name(method: &Method) -> Cow<'static, str> {
    let known = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let names = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];
    match known.iter().position(|known| known == method) {
        Some(position) => Cow::Borrowed(names[position]),
        None => Cow::Owned(method.as_str().chars().take(16).collect()),
    }
}

/// A path taken apart, as far as the log needs it.
struct Segments<'a> {
    slug: Cow<'a, str>,
    endpoint: Option<&'a str>,
    /// What is below the endpoint, at most one segment.
    below: Option<&'a str>,
}

fn segments(uri: &str) -> Segments<'_> {
    let path = uri.split('?').next().unwrap_or_default();
    let mut segments = path.strip_prefix(PREFIX).unwrap_or_default().trim_end_matches('/').split('/');
    let slug = percent_decode_str(segments.next().unwrap_or_default()).decode_utf8_lossy();
    let is_v2 = segments.next() == Some("v2");
    let mut segments = segments.skip_while(|segment| segment.is_empty());
    let (endpoint, below, more) = (segments.next(), segments.next(), segments.next());
    if is_v2 && more.is_none() {
        Segments { slug, endpoint, below }
    } else {
        Segments { slug, endpoint: Some(""), below: None }
    }
}

impl Segments<'_> {
    fn target(&self, registry: &Registry) -> Option<Target> {
        let resource_type = registry.at_endpoint(self.endpoint?)?;
        Some(target(resource_type, ResourceId::parse(self.below?)?, None))
    }
}

fn operation(begun: &Begun, registry: &Registry) -> Operation {
    let segments = segments(&begun.uri);
    let read = matches!(begun.method, Method::GET | Method::HEAD);
    match (segments.endpoint, segments.below) {
        (None | Some("ServiceProviderConfig" | "ResourceTypes" | "Schemas"), _) if read => {
            Operation::Discovery
        }
        (Some(".search"), None) if begun.method == Method::POST => Operation::Search,
        (Some("Bulk"), None) if begun.method == Method::POST => Operation::Bulk,
        (Some(endpoint), below) if registry.at_endpoint(endpoint).is_some() => match (&begun.method, below) {
            (&Method::POST, Some(".search")) => Operation::Search,
            (&Method::POST, None) => Operation::Create,
            (&Method::GET | &Method::HEAD, None) => Operation::Search,
            (&Method::GET | &Method::HEAD, Some(_)) => Operation::Read,
            (&Method::PUT, Some(_)) => Operation::Replace,
            (&Method::PATCH, Some(_)) => Operation::Update,
            (&Method::DELETE, Some(_)) => Operation::Delete,
            _ => Operation::Other,
        },
        _ => Operation::Other,
    }
}
