//! Refusals: problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use headwater_store::StoreError;
use hyper::{StatusCode, header};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::administration::AdministrationError;

/// Why a request is refused. In a box, as it is the rare outcome of every function here.
#[derive(Debug)]
pub struct Problem(Box<Details>);

/// Why a request is refused.
#[derive(Debug, Serialize, ToSchema)]
struct Details {
    /// Always `about:blank`: the code tells what happened.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The phrase of the status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, for people.
    detail: String,
    /// What happened, for programs.
    code: &'static str,
    /// The input that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Whether the server still waits for its first administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_needed: Option<bool>,
    #[serde(skip)]
    #[schema(ignore)]
    http_status: StatusCode,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<u64>,
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Details::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> std::borrow::Cow<'static, str> {
        "Problem".into()
    }
}

/// The code of what may have been done.
const IN_DOUBT: &str = "in_doubt";

/// Marks an answer to what may have been done, so that it is not done a second time.
#[derive(Debug, Clone, Copy)]
pub(super) struct InDoubt;

impl Problem {
    /// A refusal.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            field: None,
            setup_needed: None,
            http_status: status,
            retry_after: None,
        }))
    }

    /// It may have been done.
    pub(super) fn in_doubt(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, IN_DOUBT, detail)
    }

    /// What an error means that comes behind a change which has been made.
    pub(super) fn behind_change(error: impl Into<AdministrationError>) -> Self {
        AdministrationError::behind_change(error).into()
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    pub(super) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).of_field(field)
    }

    pub(super) fn unauthenticated(setup_needed: bool) -> Self {
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Sign in, or send an API token in the header Authorization: Bearer <token>.",
        );
        problem.0.setup_needed = setup_needed.then_some(true);
        problem
    }

    pub(super) fn of_field(mut self, field: &str) -> Self {
        self.0.field = Some(field.to_owned());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = &*self.0;
        let status = details.http_status;
        let unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
        let retry_after = details.retry_after.or(unavailable.then_some(1));
        let body = serde_json::to_string(details).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(Ok(seconds)) = retry_after.map(|seconds| seconds.to_string().parse()) {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer realm=\"headwater\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE) {
            // The rest of the request is not read: nothing can follow it.
            headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if details.code == IN_DOUBT {
            response.extensions_mut().insert(InDoubt);
        }
        response
    }
}

impl From<AdministrationError> for Problem {
    fn from(error: AdministrationError) -> Self {
        let detail = sentence(&error.to_string());
        match error {
            AdministrationError::Invalid { field, .. } => Self::invalid(field, detail),
            AdministrationError::WrongCredentials => {
                Self::new(StatusCode::UNAUTHORIZED, "wrong_credentials", detail)
            }
            AdministrationError::SlowDown { seconds } => {
                let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "slow_down", detail);
                problem.0.retry_after = Some(seconds);
                problem
            }
            AdministrationError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail),
            AdministrationError::Disabled => Self::new(StatusCode::CONFLICT, "conflict", detail),
            AdministrationError::NoLongerCopyable => {
                Self::new(StatusCode::GONE, "no_longer_copyable", detail)
            }
            AdministrationError::DoneInPart(error) => {
                tracing::error!(%error, "the store failed behind a change");
                Self::in_doubt(
                    "This has been done, but what comes behind it failed; look before you send it again.",
                )
            }
            AdministrationError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = sentence(&error.to_string());
        match error {
            StoreError::NoSource(_)
            | StoreError::NoToken(_)
            | StoreError::NoAdministrator(_)
            | StoreError::NoApiToken(_) => Self::not_found(detail),
            StoreError::LinkInvalid => Self::new(StatusCode::NOT_FOUND, "link_invalid", detail),
            StoreError::SlugTaken(_) => Self::new(StatusCode::CONFLICT, "taken", detail).of_field("slug"),
            StoreError::EmailTaken(_) => Self::new(StatusCode::CONFLICT, "taken", detail).of_field("email"),
            // It begins with the path of an attribute, whose letters mean something.
            error @ StoreError::NotUnique { .. } => {
                let detail = format!("{error}.");
                Self::new(StatusCode::CONFLICT, "conflict", detail).of_field("switches.unique_group_names")
            }
            StoreError::Misfit { .. } => Self::new(StatusCode::CONFLICT, "conflict", detail),
            // It begins with the path of a member, whose letters mean something.
            StoreError::Definition(error) => Self::invalid(&error.at, format!("{error}.")),
            StoreError::NoDefinition(_) | StoreError::NoUnknownAttribute { .. } => Self::not_found(detail),
            StoreError::InUse(_) | StoreError::Referred { .. } => {
                Self::new(StatusCode::CONFLICT, "in_use", detail)
            }
            StoreError::LastAdministrator => Self::new(StatusCode::CONFLICT, "last_administrator", detail),
            StoreError::InDoubt(_) => {
                tracing::error!(%error, "the store failed");
                Self::in_doubt(
                    "The directory was lost before it could be seen whether this was done; look, or try again.",
                )
            }
            StoreError::Busy => {
                tracing::warn!(%error, "a request was put off");
                let detail = "Too much is under way for this to begin; nothing of it has been done.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
            }
            error if error.is_passing() => {
                tracing::error!(%error, "the store failed");
                let detail = "The directory can't be reached at the moment; nothing of this has been done.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            error => {
                tracing::error!(%error, "the store failed");
                let detail = "The server failed; its log has more.";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail)
            }
        }
    }
}

/// What a program says, as people write it.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}
