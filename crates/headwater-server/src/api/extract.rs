//! What endpoints take: path, query and body, each refused with a problem.

use std::{fmt, marker::PhantomData, time::Duration};

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use headwater_scim::json;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{StatusCode, header};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

use super::{App, Problem, caller};
use crate::configuration::Configuration;

/// The longest body, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The longest definition of a schema or a resource type, in bytes.
const MAX_DEFINITION: usize = 1024 * 1024;
/// The longest text that can be searched for, in characters.
const MAX_SEARCH: usize = 200;

/// The parts of the path. What has the wrong form names nothing.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| Self(path))
            .map_err(|_| Problem::not_found("There is nothing at this path: an id in it has the wrong form."))
    }
}

/// The query of the URL.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        // A parameter without a value is one that was not chosen.
        let chosen: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|error| Problem::invalid("query", format!("The query can't be read: {error}.")))?;
        let chosen: Vec<_> = chosen.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let encoded = serde_urlencoded::to_string(&chosen)
            .map_err(|error| Problem::invalid("query", format!("The query can't be read: {error}.")))?;
        let parameters = serde_urlencoded::Deserializer::new(form_urlencoded::parse(encoded.as_bytes()));
        serde_path_to_error::deserialize(parameters).map(Self).map_err(|error| {
            Problem::invalid(&field(&error, "query"), format!("The query can't be used: {error}."))
        })
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &App) -> Result<Self, Problem> {
        let value = object_in(request, context, MAX_BODY).await?;
        serde_path_to_error::deserialize(whole_numbers(value)).map(Self).map_err(|error| {
            Problem::invalid(&field(&error, "body"), format!("The body can't be used: {}.", error.inner()))
        })
    }
}

/// A definition of RFC 7643 §6 or §7 as a JSON body, which may be longer than others.
pub(super) struct Definition(pub(super) Value);

impl FromRequest<App> for Definition {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &App) -> Result<Self, Problem> {
        object_in(request, context, MAX_DEFINITION).await.map(Self)
    }
}

/// The JSON object in a body.
async fn object_in(request: Request, context: &App, most: usize) -> Result<Value, Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    // A form of another site can't send this type: it is a part of what keeps requests from
    // being forged.
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as Content-Type: application/json.",
        ));
    }
    let (mut parts, body) = request.into_parts();
    let bytes = read_up_to(most, body, &context.configuration).await?;
    caller::check_still_let_in(context, &mut parts).await?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("The body is not JSON: {error}."))
    })?;
    if !value.is_object() {
        return Err(Problem::invalid("body", "The body has to be a JSON object."));
    }
    // Of a member that occurs twice, one would be dropped without a word.
    json::check_members(&bytes).map_err(|refused| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            format!("The body can't be used: {}.", refused.detail),
        )
    })?;
    Ok(value)
}

/// The input that an error is about: where it stands, or where one is missing, what it would be
/// called.
fn field<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>, whole: &str) -> String {
    let path = error.path().to_string();
    let said = error.inner().to_string();
    let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (missing, &*path) {
        (Some(missing), ".") => missing.to_owned(),
        (Some(missing), _) => format!("{path}.{missing}"),
        (None, ".") => whole.to_owned(),
        (None, _) => path,
    }
}

/// To JSON Schema, `12.0` is an integer.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok());
            Value::Number(whole.map_or(number, Into::into))
        }
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, whole_numbers(value))).collect()
        }
        value => value,
    }
}

/// An object inside a body; a list of its values, which would do for the derived code, is none.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Members<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = Option<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_none<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            deserializer.deserialize_map(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members)).map(Some)
        }
    }
    deserializer.deserialize_option(Members(PhantomData))
}

/// What is searched for.
pub(super) fn searched(q: Option<String>) -> Result<Option<String>, Problem> {
    match q {
        Some(q) if q.chars().count() > MAX_SEARCH => {
            Err(Problem::invalid("q", format!("A search has at most {MAX_SEARCH} characters.")))
        }
        q => Ok(q),
    }
}

/// Reads a body whole, in the time that a client has for it.
pub(super) async fn read(
    body: axum::body::Body,
    configuration: &Configuration,
) -> Result<bytes::Bytes, Problem> {
    read_up_to(MAX_BODY, body, configuration).await
}

async fn read_up_to(
    most: usize,
    body: axum::body::Body,
    configuration: &Configuration,
) -> Result<bytes::Bytes, Problem> {
    let patience = Duration::from_secs(configuration.read_timeout_seconds);
    match tokio::time::timeout(patience, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("The body is longer than {most} bytes."),
        )),
        Ok(Err(_)) => {
            let detail = "The body broke off, or is not framed as HTTP/1.1 has it.";
            Err(Problem::new(StatusCode::BAD_REQUEST, "malformed", detail))
        }
        Err(_) => {
            let detail = "The body took too long to arrive.";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail))
        }
    }
}
