//! Request bodies: type, size, time.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use headwater_scim::error::ScimError;
use headwater_store::Profile;
use http_body_util::BodyExt;
use hyper::{HeaderMap, header};

use super::media_type;
use crate::{configuration::Configuration, unread};

/// How much of a body that is too long is read and thrown away, so that its client gets to read
/// the answer instead of a broken connection: this many times what is allowed.
const PATIENCE: usize = 16;

/// The body of a request.
pub(super) enum Sent {
    /// It is still to be received, or doesn't matter.
    Unread(Body),
    /// It has been received, and can be looked at once more.
    Read(Bytes),
    /// It has broken off, was too long, or is not kept.
    Gone,
}

/// Reads a body whole, of at most `longest` bytes. One that is announced to be longer, and either held back or far
/// too long to be thrown away, is not begun, and stays unread.
///
/// # Errors
/// 413 for one that is too long, 408 for one that takes too long.
pub(super) async fn read(
    sent: &mut Sent,
    headers: &HeaderMap,
    longest: usize,
    configuration: &Configuration,
) -> Result<Bytes, ScimError> {
    let announced = match sent {
        Sent::Unread(body) => body.size_hint().lower(),
        Sent::Read(bytes) => return Ok(bytes.clone()),
        Sent::Gone => 0,
    };
    let most = if unread::is_held_back(headers) { longest } else { longest.saturating_mul(PATIENCE) };
    if announced > most as u64 {
        return Err(too_long(longest));
    }
    let timeout = Duration::from_secs(configuration.read_timeout_seconds);
    let Sent::Unread(body) = std::mem::replace(sent, Sent::Gone) else {
        return Err(ScimError::with_status(400, "the body broke off"));
    };
    let read = tokio::time::timeout(timeout, collect(body, longest)).await;
    let read =
        read.unwrap_or_else(|_| Err(ScimError::with_status(408, "the body took too long to arrive")))?;
    *sent = Sent::Read(read.clone());
    Ok(read)
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, ScimError> {
    let mut collected = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ScimError::with_status(400, "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= limit {
            collected.extend_from_slice(&data);
        } else if length > limit.saturating_mul(PATIENCE) {
            break;
        }
    }
    if length > limit {
        return Err(too_long(limit));
    }
    Ok(collected.freeze())
}

fn too_long(limit: usize) -> ScimError {
    ScimError::with_status(413, format!("the body is longer than {limit} bytes"))
}

/// AMB-55: `application/scim+json` and `application/json`, in UTF-8, as they are; a missing type is
/// taken for one of them. The interoperability profile takes the first alone (*Data Format and HTTP
/// Headers*).
///
/// # Errors
/// 415 for anything else.
pub(super) fn check_headers(headers: &HeaderMap, profile: Profile) -> Result<(), ScimError> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let encoding = encoding.to_str().unwrap_or("this content encoding");
        return Err(ScimError::with_status(
            415,
            format!("{encoding} is not supported; send the body as it is"),
        ));
    }
    let strict = profile == Profile::Interop;
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        if strict {
            return Err(ScimError::with_status(
                415,
                "the Content-Type is missing; send application/scim+json",
            ));
        }
        return Ok(());
    };
    let text = value.to_str().unwrap_or("?");
    let charset = text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    let is_json = match media_type(text).as_str() {
        "application/scim+json" => true,
        "" | "application/json" => !strict,
        _ => false,
    };
    let is_utf8 = charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
    if is_json && is_utf8 {
        return Ok(());
    }
    Err(ScimError::with_status(415, format!("{text} is not supported; send application/scim+json in UTF-8")))
}
