//! SCIM over HTTP (RFC 7644): `/source/scim/<slug>/v2/…`.
//!
//! A request is authenticated before anything else of it is looked at; every answer with a body is
//! `application/scim+json`, every refusal a SCIM error.

mod authentication;
mod body;
mod conditions;
mod discovery;
mod query;
mod resources;
mod respond;

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{body::Body, response::Response};
use futures_util::FutureExt;
use headwater_scim::error::{ScimError, ScimType};
use headwater_store::{Profile, Slug};
use hyper::{Method, Request, header, http::request::Parts};
use percent_encoding::percent_decode_str;
use tokio::sync::SemaphorePermit;

use self::body::Sent;
use crate::{
    Context, origin,
    provisioning::{Caller, Refusal},
    request_log::Recording,
    unread,
};

/// The path that all SCIM sources are below.
pub const PREFIX: &str = "/source/scim/";
/// The longest request target that is looked at, in bytes.
const MAX_TARGET: usize = 16 * 1024;
/// The most header bytes that are looked at.
const MAX_HEADERS: usize = 32 * 1024;

/// One request on its way to an answer.
pub(crate) struct Exchange<'a> {
    context: &'a Arc<Context>,
    caller: Caller,
    head: &'a Parts,
    body: &'a mut Sent,
}

/// Answers a SCIM request. Never fails: whatever goes wrong is answered, a panic as 500. The permit, if there is
/// one, is the request's place among those that are worked on.
pub async fn handle(
    context: Arc<Context>,
    peer: IpAddr,
    request: Request<Body>,
    permit: Option<SemaphorePermit<'_>>,
) -> Response {
    let recording = Recording::begin(&context, peer, &request);
    let request_id = recording.request_id();
    let slug = slug_of(request.uri().path()).unwrap_or_default();
    let answered =
        AssertUnwindSafe(answer(&context, peer, &recording, &slug, request, permit)).catch_unwind().await;
    let response = answered.unwrap_or_else(|_| {
        tracing::error!(%request_id, source = for_log(&slug), "a request handler panicked");
        let detail = format!("the server failed; its log has more under the request id {request_id}");
        respond::refusal(&ScimError::with_status(500, detail))
    });
    recording.finish(response)
}

/// The answer to a request that is not looked at any further.
pub(crate) fn turned_away(
    context: &Arc<Context>,
    peer: IpAddr,
    request: &Request<Body>,
    error: &ScimError,
) -> Response {
    Recording::begin(context, peer, request).finish(respond::refusal(error))
}

async fn answer(
    context: &Arc<Context>,
    peer: IpAddr,
    recording: &Recording,
    slug: &str,
    request: Request<Body>,
    permit: Option<SemaphorePermit<'_>>,
) -> Response {
    let (head, body) = request.into_parts();
    let is_held_back = unread::is_held_back(&head.headers);
    let mut body = Sent::Unread(body);
    let mut response = judge(context, peer, recording, slug, &head, &mut body).await;
    drop(permit); // whoever still sends holds up nobody
    if let Sent::Unread(rest) = body
        && (is_held_back || !unread::discard(rest).await)
    {
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    response
}

async fn judge(
    context: &Arc<Context>,
    peer: IpAddr,
    recording: &Recording,
    slug: &str,
    head: &Parts,
    body: &mut Sent,
) -> Response {
    let request_id = recording.request_id();
    let origin = origin::origin(&context.configuration, &head.headers, peer);
    let mut put_off: Option<(u64, Failure)> = None;
    loop {
        let credential = match authentication::authenticate(context, slug, &head.headers, recording).await {
            Ok(credential) => credential,
            Err(refused) => return refused,
        };
        let revision = credential.source.revision;
        if let Some((_, failure)) = put_off.take_if(|(before, _)| *before == revision) {
            return respond::failure(&failure, request_id);
        }
        let caller = Caller {
            base_url: format!("{origin}{PREFIX}{}/v2", credential.source.slug),
            source: credential.source.clone(),
            registry: Arc::clone(&credential.registry),
            service_account: credential.service_account,
            request_id,
            noted: recording.noted(),
            let_in: Some((credential, context.clock.now())),
        };
        match (Exchange { context, caller, head, body: &mut *body }).route().await {
            Ok(response) => return response,
            // If the source has become another meanwhile, it was planned with what no longer holds: nothing of it
            // is done, and it is begun anew.
            Err(failure) if failure.is_put_off() && put_off.is_none() => put_off = Some((revision, failure)),
            Err(failure) => return respond::failure(&failure, request_id),
        }
    }
}

/// Why a request gets no answer of its own kind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It is refused, or the store failed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The path doesn't take the method; these it takes.
    #[error("the path takes {0}")]
    Method(&'static str),
}

impl Failure {
    /// Whether nothing is done, and it may be tried again.
    fn is_put_off(&self) -> bool {
        matches!(self, Self::Refused(Refusal::Scim(error)) if error.status == 503)
    }
}

impl From<ScimError> for Failure {
    fn from(error: ScimError) -> Self {
        Self::Refused(error.into())
    }
}

type Answered = Result<Response, Failure>;

impl Exchange<'_> {
    async fn route(self) -> Answered {
        self.check_limits()?;
        let path = self.head.uri.path();
        let segments = segments(path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.split_first() {
            Some((&"v2", rest)) => {
                respond::check_acceptable(&self.head.headers)?;
                // Some clients put a path behind a base URL that ends in a slash.
                let first = rest.iter().position(|segment| !segment.is_empty()).unwrap_or(rest.len());
                self.endpoint(&rest[first..]).await
            }
            Some((version, _))
                if version.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok()) =>
            {
                let detail = format!("the protocol version {version} is not supported; use v2");
                Err(ScimError::bad_request(ScimType::InvalidVersion, detail).into())
            }
            _ => Err(no_endpoint()),
        }
    }

    async fn endpoint(self, segments: &[&str]) -> Answered {
        let registry = Arc::clone(&self.caller.registry);
        self.check_query()?;
        let method = self.head.method.clone();
        let read = method == Method::GET || method == Method::HEAD;
        match segments {
            [] if read && !self.asks_for_a_list()? => Ok(self.base()),
            [] if read => self.list_all().await,
            [] => Err(Failure::Method("GET, HEAD")),
            ["ServiceProviderConfig" | "ResourceTypes" | "Schemas"] | ["ResourceTypes" | "Schemas", _] => {
                if read {
                    self.discovery(segments)
                } else {
                    Err(Failure::Method("GET, HEAD"))
                }
            }
            [".search"] if method == Method::POST => self.search(&registry.resource_types).await,
            [".search"] => Err(Failure::Method("POST")),
            ["Bulk"] if method == Method::POST => self.bulk().await,
            ["Bulk"] => Err(Failure::Method("POST")),
            // RFC 7644 §3.11: the service account that sends requests is no resource of its source.
            ["Me", ..] => Err(ScimError::with_status(501, "/Me is not supported").into()),
            [endpoint] => {
                let resource_type = registry.at_endpoint(endpoint).ok_or_else(no_endpoint)?;
                match method {
                    Method::GET | Method::HEAD => self.list(resource_type).await,
                    Method::POST => self.create(resource_type).await,
                    _ => Err(Failure::Method("GET, HEAD, POST")),
                }
            }
            [endpoint, ".search"] => {
                let resource_type = registry.at_endpoint(endpoint).ok_or_else(no_endpoint)?;
                if method == Method::POST {
                    self.search(std::slice::from_ref(resource_type)).await
                } else {
                    Err(Failure::Method("POST"))
                }
            }
            [endpoint, id] => {
                let resource_type = registry.at_endpoint(endpoint).ok_or_else(no_endpoint)?;
                match method {
                    Method::GET | Method::HEAD => self.read(resource_type, id).await,
                    Method::PUT => self.replace(resource_type, id).await,
                    Method::PATCH => self.patch(resource_type, id).await,
                    Method::DELETE => self.delete(resource_type, id).await,
                    _ => Err(Failure::Method("GET, HEAD, PUT, PATCH, DELETE")),
                }
            }
            _ => Err(no_endpoint()),
        }
    }

    /// Whether a request for the base URL is a query (AMB-18), and not somebody who opens it to see
    /// whether it is right.
    fn asks_for_a_list(&self) -> Result<bool, ScimError> {
        Ok(!query::Parameters::read(self.head.uri.query())?.is_empty())
    }

    /// "The use of filters in the URI for any HTTP method other than GET MUST NOT be used": a client of
    /// the interoperability profile (*Filtering*) that does so would think that it had an effect.
    fn check_query(&self) -> Result<(), ScimError> {
        let strict = self.caller.source.profile == Profile::Interop;
        let reads = matches!(self.head.method, Method::GET | Method::HEAD);
        if strict && !reads && query::Parameters::read(self.head.uri.query())?.filter.is_some() {
            let detail = "filter: it can be used with GET alone";
            return Err(ScimError::bad_request(ScimType::InvalidFilter, detail));
        }
        Ok(())
    }

    fn base(&self) -> Response {
        let about = serde_json::json!({
            "detail": format!(
                "This is the SCIM 2.0 base URL of the source \"{}\": give it, with a token, to the identity provider that \
                 creates, updates and deletes users and groups here.",
                self.caller.source.name
            ),
        });
        respond::json(200, &about)
    }

    fn check_limits(&self) -> Result<(), ScimError> {
        let target = self.head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > MAX_TARGET {
            return Err(ScimError::with_status(414, format!("the URL is longer than {MAX_TARGET} bytes")));
        }
        let headers: usize =
            self.head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers > MAX_HEADERS {
            return Err(ScimError::with_status(
                431,
                format!("the headers are longer than {MAX_HEADERS} bytes"),
            ));
        }
        Ok(())
    }
}

/// The path's segments behind the slug, decoded; a trailing slash adds none.
fn segments(path: &str) -> Result<Vec<String>, ScimError> {
    let rest = path.strip_prefix(PREFIX).unwrap_or_default();
    let behind_slug = rest.split_once('/').map_or("", |(_, behind)| behind);
    let trimmed = behind_slug.trim_end_matches('/');
    if trimmed.is_empty() {
        return Ok(Vec::new());
    }
    trimmed
        .split('/')
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8();
            decoded
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| ScimError::with_status(404, "the URL is not UTF-8"))
        })
        .collect()
}

fn slug_of(path: &str) -> Option<String> {
    let slug = path.strip_prefix(PREFIX)?.split('/').next()?;
    percent_decode_str(slug).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// A slug as the process's log has it: somebody may have put a token in its place.
pub(crate) fn for_log(slug: &str) -> &str {
    if Slug::parse(slug).is_ok() { slug } else { "(no slug)" }
}

fn no_endpoint() -> Failure {
    ScimError::with_status(404, "there is no such endpoint; the source's base URL ends in /v2 and has /Users, /Groups, /ServiceProviderConfig, /ResourceTypes and /Schemas").into()
}

/// A media type without its parameters, in lower case.
fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The values of a header as one list; values that are no text are left out.
fn header_list(headers: &hyper::HeaderMap, name: header::HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
