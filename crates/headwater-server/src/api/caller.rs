//! Who asks: a session of the web UI, or an API token.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};
use headwater_store::{Act, Actor, Administrator, Role, Session, StoreError};
use hyper::{HeaderMap, Method, StatusCode, header};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{App, Problem, server_url::ServerUrl};
use crate::Context;

/// After how long a use is noted again.
const NOTE_EVERY: i64 = 60_000;
/// How many uses are noted at once.
const MOST_NOTING: usize = 2;
const COOKIE: &str = "headwater_session";
/// A browser takes a cookie of this prefix from HTTPS alone, for this host alone and for all paths
/// (RFC 6265bis §4.1.3.2).
const SECURE_COOKIE: &str = "__Host-headwater_session";

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    pub(super) role: Role,
    /// The session and whose it is, for those who are signed in.
    pub(super) session: Option<(Session, Administrator)>,
    pub(super) request_id: Uuid,
}

impl Caller {
    pub(super) fn act(&self, context: &Context) -> Act {
        context.administration.act(self.actor, Some(self.request_id))
    }

    /// The session, for what only somebody who is signed in can do.
    pub(super) fn session(&self) -> Result<&(Session, Administrator), Problem> {
        self.session.as_ref().ok_or_else(|| {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "An API token has no session; sign in for this.")
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::unauthenticated(false))
    }
}

/// Lets nobody by who is not known, and no request that another site may have forged.
pub(super) async fn authenticate(
    State(context): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let url = ServerUrl::from_request_parts(&mut parts, &context).await?;
    let caller = find(&context, &parts.method, &parts.headers, &url).await?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Auditors see all and change nothing.
pub(super) async fn may_change(request: Request, next: Next) -> Result<Response, Problem> {
    let role = request.extensions().get().map(|caller: &Caller| caller.role);
    if is_safe(request.method()) || role == Some(Role::Administrator) {
        return Ok(next.run(request).await);
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Auditors see everything and change nothing."))
}

/// Refuses whoever may no longer do what they were let in for: the body may have taken its time.
pub(super) async fn check_still_let_in(context: &Arc<Context>, parts: &mut Parts) -> Result<(), Problem> {
    let Some(Caller { actor, role, .. }) = parts.extensions.get().cloned() else { return Ok(()) };
    let url = ServerUrl::from_request_parts(parts, context).await?;
    let now = find(context, &parts.method, &parts.headers, &url).await?;
    if (now.actor, now.role) == (actor, role) { Ok(()) } else { Err(Problem::unauthenticated(false)) }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whoever has a session; API tokens have none.
pub(super) async fn of_session(
    context: &Arc<Context>,
    headers: &HeaderMap,
    url: &ServerUrl,
) -> Result<Caller, Problem> {
    find(context, &Method::GET, headers, url).await
}

async fn find(
    context: &Arc<Context>,
    method: &Method,
    headers: &HeaderMap,
    url: &ServerUrl,
) -> Result<Caller, Problem> {
    // What a proxy in front asks for, such as Basic, is none of our business.
    let authorization =
        headers.get(header::AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(authorization) = authorization {
        let (scheme, token) = authorization.split_once(' ').unwrap_or((&authorization, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            return by_token(context, token.trim()).await;
        }
    }
    let administration = &context.administration;
    let found = match cookie(headers, cookie_name(&url.url)) {
        // A cookie that anybody on the way could have read or set shows nothing.
        Some(secret) if url.is_private => administration.session(secret).await?,
        _ => None,
    };
    let Some((session, administrator)) = found else {
        return Err(Problem::unauthenticated(administration.needs_setup().await?));
    };
    if !is_safe(method) {
        check_not_forged(headers, &url.url)?;
        let sent = headers.get("x-csrf-token").map(header::HeaderValue::as_bytes).unwrap_or_default();
        if !bool::from(sent.ct_eq(session.csrf_token.as_bytes())) {
            return Err(forged("The header X-CSRF-Token is missing or not this session's."));
        }
    }
    let now = administration.now();
    if now - session.last_seen >= NOTE_EVERY {
        let (store, id) = (administration.store().clone(), session.id);
        note(async move { store.note_session(id, now).await });
    }
    Ok(Caller {
        actor: Actor::Id(administrator.id),
        role: administrator.role,
        session: Some((session, administrator)),
        request_id: context.new_uuid(),
    })
}

/// Notes that somebody was there, beside the request: who only reads doesn't wait for what is written. Where
/// too much of that is waiting already, the next request does it.
fn note(noted: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
    static PLACES: Semaphore = Semaphore::const_new(MOST_NOTING);
    let Ok(place) = PLACES.try_acquire() else { return };
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = noted.await {
            tracing::warn!(%error, "it could not be noted when a session or an API token was last used");
        }
    });
}

async fn by_token(context: &Arc<Context>, secret: &str) -> Result<Caller, Problem> {
    let administration = &context.administration;
    let Some(token) = administration.api_token(secret).await? else {
        return Err(Problem::unauthenticated(false));
    };
    let now = administration.now();
    if token.last_used.is_none_or(|last_used| now - last_used >= NOTE_EVERY) {
        let (store, id) = (administration.store().clone(), token.id);
        note(async move { store.note_api_token(id, now).await });
    }
    let request_id = context.new_uuid();
    Ok(Caller { actor: Actor::Id(token.id), role: token.role, session: None, request_id })
}

/// Refuses what a page of another site has sent: browsers say so in `Sec-Fetch-Site` or `Origin`.
pub(super) fn check_not_forged(headers: &HeaderMap, origin: &str) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site_is_own = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    // A proxy that changes the host must not lock people out where the browser itself vouches.
    let vouched = text("sec-fetch-site") == Some("same-origin");
    let origin_is_own = text("origin").is_none_or(|sent| same_origin(sent, origin));
    if site_is_own && (vouched || origin_is_own) {
        Ok(())
    } else {
        Err(forged("The request comes from a page of another site."))
    }
}

fn same_origin(sent: &str, own: &str) -> bool {
    // Ours may have a path behind it.
    own.strip_prefix(sent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn forged(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "csrf", detail)
}

fn cookie_name(origin: &str) -> &'static str {
    if origin.starts_with("https://") { SECURE_COOKIE } else { COOKIE }
}

/// The `Set-Cookie` of a session; with no secret, of its end.
///
/// # Errors
/// Over plain HTTP a session is given to this machine alone: anywhere else others could read it.
pub(super) fn set_cookie(url: &ServerUrl, secret: Option<(&str, i64)>) -> Result<String, Problem> {
    if !url.is_private {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "insecure_transport",
            "Signing in over plain HTTP works on this machine alone (http://localhost). Open Headwater over HTTPS: \
             put a proxy with TLS before it, and name it with --public-url or --trusted-proxies.",
        ));
    }
    let (value, age) = secret.unwrap_or(("", 0));
    let name = cookie_name(&url.url);
    let also = if url.url.starts_with("https://") { "; Secure" } else { "" };
    Ok(format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{also}"))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|cookies| {
        cookies.split(';').find_map(|cookie| {
            let (found, value) = cookie.trim().split_once('=')?;
            (found == name).then_some(value)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{same_origin, set_cookie};
    use crate::api::server_url::ServerUrl;

    #[test]
    fn a_cookie_goes_where_nobody_reads_along() {
        let url = |url: &str, is_private| ServerUrl { url: url.to_owned(), is_private };
        assert!(set_cookie(&url("http://127.0.0.1:8080", false), None).is_err());
        let plain = set_cookie(&url("http://127.0.0.1:8080", true), Some(("x", 60))).unwrap_or_default();
        assert!(plain.starts_with("headwater_session=x; Path=/; HttpOnly") && !plain.contains("Secure"));
        let secure = set_cookie(&url("https://id.example.com", true), Some(("x", 60))).unwrap_or_default();
        assert!(
            secure.starts_with("__Host-headwater_session=x; Path=/; HttpOnly")
                && secure.ends_with("; Secure")
        );
    }

    #[test]
    fn origins_are_compared_whole() {
        assert!(same_origin("https://a.example", "https://a.example"));
        assert!(same_origin("https://a.example", "https://a.example/headwater"));
        assert!(!same_origin("https://a.example", "https://a.example.evil"));
        assert!(!same_origin("null", "https://a.example"));
    }
}
