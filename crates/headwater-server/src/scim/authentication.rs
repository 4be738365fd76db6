//! Bearer tokens (RFC 6750), for discovery too (AMB-52). Whatever is wrong with one gets the same answer, and so does a slug
//! that doesn't exist.

use std::sync::Arc;

use axum::response::Response;
use headwater_scim::error::ScimError;
use headwater_store::Credential;
use hyper::{HeaderMap, header, http::HeaderValue};

use super::respond;
use crate::{
    Context,
    provisioning::{Refusal, source_disabled},
    request_log::Recording,
    tokens,
};

pub(super) async fn authenticate(
    context: &Arc<Context>,
    slug: &str,
    headers: &HeaderMap,
    recording: &Recording,
) -> Result<Arc<Credential>, Response> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let Some(authorization) = authorizations.next() else { return Err(no_token()) };
    if !is_bearer(authorization) {
        return Err(no_token()); // another scheme than ours: no error code either (RFC 6750 §3.1)
    }
    // Of two it would be anybody's guess which one counts.
    let only = authorizations.next().is_none();
    let token =
        bearer(authorization).filter(|token| only && tokens::is_well_formed(token, tokens::Kind::Source));
    let Some(token) = token else { return Err(wrong_token()) };
    let hash = tokens::hash(token);
    let credential = match context.store.credential(slug, tokens::lookup(&hash)).await {
        Ok(found) => found,
        Err(error) => return Err(respond::refused(&Refusal::Store(error), recording.request_id())),
    };
    let now = context.clock.now();
    // One that has expired or is revoked is still known for whose it was.
    let credential =
        credential.filter(|credential| tokens::is_same(credential, &hash)).ok_or_else(wrong_token)?;
    recording.noted().sender(&credential);
    if !tokens::is_alive(&credential, now) {
        return Err(wrong_token());
    }
    if !credential.source.enabled {
        return Err(respond::refusal(&source_disabled()));
    }
    recording.noted().authenticated();
    Ok(credential)
}

fn is_bearer(authorization: &HeaderValue) -> bool {
    let scheme = authorization.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"bearer")
}

/// The token behind `Bearer`; the scheme is case-insensitive (RFC 9110 §11.1).
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// RFC 6750 §3.1: a request without credentials gets no error code.
fn no_token() -> Response {
    refuse("Bearer realm=\"headwater\"")
}

fn wrong_token() -> Response {
    refuse(respond::INVALID_TOKEN)
}

fn refuse(challenge: &'static str) -> Response {
    let detail = "this is a SCIM 2.0 endpoint for an identity provider; send a valid token of the source in the header \
                  Authorization: Bearer <token>";
    let mut response = respond::refusal(&ScimError::with_status(401, detail));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}
