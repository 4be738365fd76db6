//! `Idempotency-Key`: a creation that is sent again under the same key is answered again and not
//! done again (draft-ietf-httpapi-idempotency-key-header). Secrets are not given again: what had one
//! has `null` in its place.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use headwater_store::{IdempotentAnswer, Millis, StoreError};
use http_body_util::BodyExt;
use hyper::{Method, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    App, Problem,
    caller::{self, Caller},
    extract,
    problem::InDoubt,
};

const HEADER: &str = "idempotency-key";
const MAX_KEY: usize = 255;
/// How often it is tried to keep an answer, when the first time failed, and how long is waited between.
const TRIES: usize = 300;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// Tells an answer that is given again from the first one.
const REPLAYED: &str = "idempotency-replayed";

pub(super) async fn answer_once(
    State(context): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = request.headers().get(HEADER).filter(|_| request.method() == Method::POST).cloned();
    // To copy a token is no creation, and is not to be had a second time from here.
    let Some(key) = key.filter(|_| !request.uri().path().ends_with("/copy")) else {
        return Ok(next.run(request).await);
    };
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY).map(str::to_owned);
    let Some(key) = key else {
        let detail = format!("The header Idempotency-Key has 1 to {MAX_KEY} visible characters.");
        return Err(Problem::invalid("Idempotency-Key", detail));
    };
    let (mut parts, body) = request.into_parts();
    let caller: Caller = parts.extensions.get().cloned().ok_or_else(|| Problem::unauthenticated(false))?;
    let actor = caller.actor.uuid();
    let body = extract::read(body, &context.configuration).await?;
    caller::check_still_let_in(&context, &mut parts).await?;
    let mut fingerprint = Sha256::new();
    fingerprint.update(parts.uri.path());
    fingerprint.update([0]);
    fingerprint.update(&body);
    let once = Once { context, actor, key, fingerprint: fingerprint.finalize().into() };
    let request = Request::from_parts(parts, Body::from(body));
    // It goes on when its client goes away, from the key that is reserved to the answer that is kept:
    // that is when the client comes again under the same key.
    let answered = tokio::spawn(once.answer(request, next)).await;
    answered.unwrap_or_else(|_| {
        Err(Problem::in_doubt("The server is stopping; look whether it was done before you send it again."))
    })
}

/// A request under a key.
struct Once {
    context: App,
    actor: Uuid,
    key: String,
    fingerprint: [u8; 32],
}

impl Once {
    async fn answer(self, request: Request, next: Next) -> Result<Response, Problem> {
        let administration = &self.context.administration;
        let now = administration.now();
        let store = administration.store();
        let reserved = store.reserve_answer(self.actor, self.key.clone(), self.fingerprint, now).await;
        let reserved = match reserved {
            Ok(reserved) => reserved,
            // Nothing else has been done, and the key is let go of, should it be reserved.
            Err(StoreError::InDoubt(reason)) => {
                self.keep(now, None).await;
                return Err(StoreError::Unavailable(reason).into());
            }
            Err(error) => return Err(error.into()),
        };
        match reserved {
            IdempotentAnswer::Fresh => {}
            IdempotentAnswer::InProgress => {
                let detail = "A request with this Idempotency-Key is being worked on, or was cut off when the server \
                              stopped: look whether it was done before you send it under another key.";
                return Err(Problem::new(StatusCode::CONFLICT, "in_progress", detail));
            }
            IdempotentAnswer::OtherRequest => {
                let detail = "This Idempotency-Key was used for another request.";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail));
            }
            IdempotentAnswer::Answered { status, body } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let headers = [(header::CONTENT_TYPE.as_str(), "application/json"), (REPLAYED, "true")];
                return Ok((status, headers, body).into_response());
            }
        }
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let answer = answer.unwrap_or_else(|_| {
            tracing::error!("a request handler panicked");
            let detail = "The server failed; its log has more.";
            let mut answer =
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail).into_response();
            answer.extensions_mut().insert(InDoubt);
            answer
        });
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        // What may have been done stays reserved. What was refused may be tried again.
        if head.extensions.get::<InDoubt>().is_none() {
            let kept = head.status.is_success().then(|| (head.status.as_u16(), without_secrets(&body)));
            self.keep(now, kept).await;
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }

    /// Keeps an answer under the key that was reserved at a moment, or with `None` lets go of it. If that
    /// fails, it is tried again while nobody waits for it.
    async fn keep(self, reserved: Millis, kept: Option<(u16, Vec<u8>)>) {
        let Err(error) = self.try_to_keep(reserved, kept.clone()).await else { return };
        tracing::warn!(%error, "the answer to a creation could not be kept; it is tried again");
        tokio::spawn(async move {
            for _ in 0..TRIES {
                tokio::time::sleep(BETWEEN_TRIES).await;
                if self.try_to_keep(reserved, kept.clone()).await.is_ok() {
                    return;
                }
            }
            tracing::warn!("the answer to a creation is not kept");
        });
    }

    async fn try_to_keep(&self, reserved: Millis, kept: Option<(u16, Vec<u8>)>) -> Result<(), StoreError> {
        let store = self.context.administration.store();
        store.keep_answer(self.actor, self.key.clone(), (self.fingerprint, reserved), kept).await
    }
}

/// An answer as it is kept: secrets are shown once, and are kept nowhere but as their rules say.
fn without_secrets(body: &[u8]) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<serde_json::Map<String, Value>>(body) else {
        return Vec::new();
    };
    for name in ["secret", "link"] {
        if let Some(secret) = answer.get_mut(name) {
            *secret = Value::Null;
        }
    }
    serde_json::to_vec(&answer).unwrap_or_default()
}
