//! Request bodies: type, size, time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use headwater_scim::error::ScimError;
use http_body_util::BodyExt;
use hyper::{HeaderMap, header};

use super::media_type;
use crate::configuration::Configuration;

/// How much of a body that is too long is read and thrown away, so that its client gets to read
/// the answer instead of a broken connection: this many times what is allowed.
const PATIENCE: usize = 16;

/// Reads a body whole.
///
/// # Errors
/// 415 for another media type than JSON, 413 for one that is too long, 408 for one that takes too
/// long.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    configuration: &Configuration,
) -> Result<Bytes, ScimError> {
    check_media_type(headers)?;
    let timeout = Duration::from_secs(configuration.read_timeout_seconds);
    let read = tokio::time::timeout(timeout, collect(body, configuration.max_body_bytes)).await;
    read.unwrap_or_else(|_| Err(ScimError::with_status(408, "the body took too long to arrive")))
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
        return Err(ScimError::with_status(413, format!("the body is longer than {limit} bytes")));
    }
    Ok(collected.freeze())
}

/// AMB-55: `application/scim+json` and `application/json`, in UTF-8; a missing type is taken for
/// one of them.
fn check_media_type(headers: &HeaderMap) -> Result<(), ScimError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or("?");
    let charset = text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    let is_json = matches!(media_type(text).as_str(), "" | "application/scim+json" | "application/json");
    let is_utf8 = charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
    if is_json && is_utf8 {
        return Ok(());
    }
    Err(ScimError::with_status(415, format!("{text} is not supported; send application/scim+json in UTF-8")))
}
