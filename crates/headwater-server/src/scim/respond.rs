//! Answers put into HTTP.

use std::{future, sync::Arc};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use headwater_scim::error::ScimError;
use headwater_store::{MemberId, ResourceId, SourceId, StoreError, places::Place};
use hyper::{HeaderMap, header, http::HeaderValue};
use serde_json::Value;
use uuid::Uuid;

use super::{Failure, header_list, media_type};
use crate::{
    Context,
    provisioning::{self, Answer, Elements, Refusal, Segment},
    request_log::Refused,
};

const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
/// Answers are personal data, and change: caches may keep them for their own client, and ask.
const CACHING: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Refuses a client that takes neither of the types that we speak (AMB-55).
pub(super) fn check_acceptable(headers: &HeaderMap) -> Result<(), ScimError> {
    let Some(accept) = header_list(headers, header::ACCEPT) else { return Ok(()) };
    let takes = |range: &str| {
        let refused = range
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        let media_type = media_type(range);
        !refused
            && matches!(
                media_type.as_str(),
                "" | "*/*" | "application/*" | "application/json" | "application/scim+json"
            )
    };
    if accept.split(',').any(takes) {
        return Ok(());
    }
    Err(ScimError::with_status(406, "answers are application/scim+json, which the header Accept leaves out"))
}

/// A JSON body.
pub(super) fn json(status: u16, value: &Value) -> Response {
    with_body(status, Body::from(value.to_string()))
}

/// What a token that is not valid is answered with (RFC 6750 §3.1).
pub(super) const INVALID_TOKEN: &str = "Bearer realm=\"headwater\", error=\"invalid_token\"";

/// A refusal in the form of RFC 7644 §3.12.
pub(super) fn refusal(error: &ScimError) -> Response {
    let mut response = json(error.status, &error.to_json());
    response.extensions_mut().insert(Refused(error.clone()));
    if matches!(error.status, 429 | 503) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if error.status == 401 {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(INVALID_TOKEN));
    }
    if matches!(error.status, 408 | 413) {
        // The rest of the request is not read: nothing can follow it.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer to a request that was refused, or that the store has failed.
pub(super) fn refused(refused: &Refusal, request_id: Uuid) -> Response {
    match refused {
        Refusal::Scim(error) => refusal(error),
        Refusal::Store(error) => {
            match error {
                StoreError::Busy => tracing::warn!(%request_id, %error, "a request was put off"),
                _ => tracing::error!(%request_id, %error, "the store failed"),
            }
            refusal(&provisioning::failure(error, "nothing of this request has been done"))
        }
    }
}

/// The answer to a request that failed.
pub(super) fn failure(failure: &Failure, request_id: Uuid) -> Response {
    match failure {
        Failure::Refused(refusal) => refused(refusal, request_id),
        Failure::Method(allowed) => {
            let mut response = refusal(&ScimError::with_status(405, format!("this path takes {allowed}")));
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
            response
        }
    }
}

/// An answer that carries resources, with the headers of one (RFC 7644 §3.1, §3.14).
pub(super) fn resource(status: u16, answer: Answer, context: &Arc<Context>, source: SourceId) -> Response {
    let (version, location) = (header_value(&answer.version), header_value(&answer.location));
    let mut response = with_body(status, body(answer.segments, answer.place, context, source));
    if let Some(version) = version {
        response.headers_mut().insert(header::ETAG, version);
    }
    if let Some(location) = location {
        // RFC 7643 §3.1: meta.location is the same.
        response.headers_mut().insert(header::CONTENT_LOCATION, location.clone());
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// An answer without a body.
pub(super) fn empty(status: u16, version: Option<&str>) -> Response {
    let mut response = with_body(status, Body::empty());
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Some(version) = version.and_then(header_value) {
        response.headers_mut().insert(header::ETAG, version);
    }
    response
}

fn with_body(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHING);
    response
}

fn header_value(text: &str) -> Option<HeaderValue> {
    if text.is_empty() { None } else { text.parse().ok() }
}

/// One piece of text is sent with its length; one with members that are still to be read is
/// streamed, so that a group of any size takes the memory of a page. It keeps its place until it is written.
fn body(mut segments: Vec<Segment>, place: Option<Place>, context: &Arc<Context>, source: SourceId) -> Body {
    let place = place.map(Arc::new);
    match segments.as_mut_slice() {
        [Segment::Text(text)] => Body::from(held(std::mem::take(text), place.as_ref())),
        _ => {
            let context = Arc::clone(context);
            let parts = stream::iter(segments)
                .flat_map(move |segment| part(segment, place.as_ref(), Arc::clone(&context), source));
            Body::from_stream(parts)
        }
    }
}

/// A text that keeps a place until its last byte is written.
struct Held {
    text: String,
    _place: Arc<Place>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

fn held(text: String, place: Option<&Arc<Place>>) -> Bytes {
    match place {
        Some(place) => Bytes::from_owner(Held { text, _place: Arc::clone(place) }),
        None => Bytes::from(text),
    }
}

type Part = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

fn part(segment: Segment, place: Option<&Arc<Place>>, context: Arc<Context>, source: SourceId) -> Part {
    match segment {
        Segment::Text(text) => Box::pin(stream::once(future::ready(Ok(held(text, place))))),
        Segment::Members { continued, group, after, elements } => {
            Box::pin(members(continued, group, after, elements, context, source))
        }
    }
}

/// The members of a group behind one, page by page. Each page is read in a snapshot of its own:
/// who is a member throughout is in it exactly once.
fn members(
    continued: bool,
    group: ResourceId,
    after: MemberId,
    elements: Elements,
    context: Arc<Context>,
    source: SourceId,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    stream::try_unfold((Some(after), continued), move |(after, continued)| {
        let (context, elements) = (Arc::clone(&context), elements.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = context.store.members_after(source, group, &after).await?;
            let Some(last) = page.members.last() else { return Ok(None) };
            let next = page.more.then(|| last.id.clone());
            let mut text = String::new();
            elements.write(&mut text, &page.members);
            let begins = !continued && !text.is_empty();
            let text = Bytes::from(text).slice(usize::from(begins)..); // no comma before the first
            Ok(Some((text, (next, continued || begins))))
        }
    })
}
