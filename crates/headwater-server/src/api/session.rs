//! `/api/v1/session`: signing in and out, and one's own account.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use headwater_store::{Administrator as StoredAdministrator, Session as StoredSession};
use hyper::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    administrators::Administrator,
    caller::{self, Caller},
    extract::{Body, Params},
    moment::Moment,
    paging::{self, ByKey, Page, Paging},
    server_url::{ServerUrl, SigningIn},
};
use crate::administration::{AdministrationError, SignedIn};

/// Somebody who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    /// Who.
    administrator: Administrator,
    /// What everything but a GET has to carry in the header `X-CSRF-Token`.
    csrf_token: String,
    /// When one is signed out.
    expires: Moment,
}

impl Session {
    fn new(session: &StoredSession, administrator: &StoredAdministrator) -> Self {
        Self {
            administrator: administrator.into(),
            csrf_token: session.csrf_token.clone(),
            expires: Moment(session.expires),
        }
    }
}

/// One of one's own sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionSummary {
    id: uuid::Uuid,
    created: Moment,
    /// When it was last used, to about a minute.
    last_seen: Moment,
    expires: Moment,
    /// The address it began from.
    address: String,
    /// The browser it began in.
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[schema(max_length = 254)]
    email: String,
    #[schema(max_length = 1024, format = Password)]
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(max_length = 1024, format = Password)]
    current_password: String,
    #[schema(min_length = 12, max_length = 1024, format = Password)]
    new_password: String,
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/session", tag = "Session",
    responses(
        (status = 200, body = Session),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "An API token has no session"),
    )
)]
pub(super) async fn read(
    State(context): State<App>,
    url: ServerUrl,
    headers: HeaderMap,
) -> Result<Json<Session>, Problem> {
    let caller = caller::of_session(&context, &headers, &url).await?;
    let (session, administrator) = caller.session()?;
    Ok(Json(Session::new(session, administrator)))
}

/// Sign in. Whoever fails often has to wait longer and longer.
#[utoipa::path(
    post, path = "/session", tag = "Session", request_body = SignIn,
    responses(
        (status = 201, body = Session),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "E-mail address or password is wrong"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "Logins have failed too often"),
    )
)]
pub(super) async fn sign_in(
    State(context): State<App>,
    signing_in: SigningIn,
    Body(body): Body<SignIn>,
) -> Result<Response, Problem> {
    let signed_in = context.administration.sign_in(&body.email, body.password, signing_in.visitor).await?;
    answer(&signing_in.url, &signed_in)
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "Session", responses((status = 204)))]
pub(super) async fn sign_out(
    State(context): State<App>,
    url: ServerUrl,
    caller: Caller,
) -> Result<Response, Problem> {
    let (session, administrator) = caller.session()?;
    let act = caller.act(&context);
    context.administration.sign_out(administrator.id, Some(session.id), act).await?;
    signed_out(&url)
}

/// One's own sessions.
#[utoipa::path(
    get, path = "/sessions", tag = "Session", params(Paging),
    responses(
        (status = 200, body = Page<SessionSummary>),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "An API token has no sessions"),
    )
)]
pub(super) async fn list(
    State(context): State<App>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<SessionSummary>>, Problem> {
    let (current, administrator) = caller.session()?;
    let sessions =
        context.administration.store().sessions(administrator.id, context.administration.now()).await?;
    let summaries = sessions.into_iter().map(|session| SessionSummary {
        current: session.id == current.id,
        id: session.id,
        created: Moment(session.created),
        last_seen: Moment(session.last_seen),
        expires: Moment(session.expires),
        address: session.address,
        user_agent: session.user_agent,
    });
    let page =
        paging::of_all(summaries.collect(), &paging, ByKey::Descending, |session: &SessionSummary| {
            session.id
        })?;
    Ok(Json(page))
}

/// Sign out everywhere.
#[utoipa::path(delete, path = "/sessions", tag = "Session", responses((status = 204)))]
pub(super) async fn sign_out_everywhere(
    State(context): State<App>,
    url: ServerUrl,
    caller: Caller,
) -> Result<Response, Problem> {
    let (_, administrator) = caller.session()?;
    context.administration.sign_out(administrator.id, None, caller.act(&context)).await?;
    signed_out(&url)
}

/// Change one's own password, and end all of one's other sessions.
#[utoipa::path(
    put, path = "/session/password", tag = "Session", request_body = PasswordChange,
    responses(
        (status = 204),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "It was wrong too often"),
    )
)]
pub(super) async fn change_password(
    State(context): State<App>,
    caller: Caller,
    Body(body): Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let (session, _) = caller.session()?;
    let act = caller.act(&context);
    let administration = &context.administration;
    let changed =
        administration.change_password(session, body.current_password, body.new_password, act).await;
    changed.map_err(|error| match error {
        AdministrationError::WrongCredentials => {
            Problem::invalid("current_password", "This is not the current password.")
        }
        AdministrationError::Invalid { field: "password", detail } => {
            Problem::invalid("new_password", detail)
        }
        error => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// The answer to whoever has just signed in.
pub(super) fn answer(url: &ServerUrl, signed_in: &SignedIn) -> Result<Response, Problem> {
    let SignedIn { administrator, session, secret } = signed_in;
    let seconds = (session.expires - session.created) / 1_000;
    let cookie = caller::set_cookie(url, Some((secret.reveal(), seconds)))?;
    let body = Json(Session::new(session, administrator));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], body).into_response())
}

fn signed_out(url: &ServerUrl) -> Result<Response, Problem> {
    let cookie = caller::set_cookie(url, None)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
