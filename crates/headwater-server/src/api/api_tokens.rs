//! `/api/v1/api-tokens`: tokens for scripts.

use axum::{Json, extract::State};
use headwater_store::ApiToken as Stored;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App, Problem,
    administrators::Role,
    caller::Caller,
    changes::{Actor, Actors},
    extract::{Body, Params, Segments},
    moment::Moment,
    name::Name,
    paging::{self, ByKey, Page, Paging},
};

/// A token for scripts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiToken {
    id: Uuid,
    /// What it is for.
    name: String,
    role: Role,
    created: Moment,
    created_by: Actor,
    expires: Option<Moment>,
    /// When it was last used, to about a minute.
    last_used: Option<Moment>,
    revoked: Option<Moment>,
}

impl ApiToken {
    fn new(stored: Stored, actors: &Actors) -> Self {
        Self {
            id: stored.id,
            name: stored.name,
            role: stored.role.into(),
            created: Moment(stored.created),
            created_by: actors.of(stored.created_by.uuid()),
            expires: Moment::maybe(stored.expires),
            last_used: Moment::maybe(stored.last_used),
            revoked: Moment::maybe(stored.revoked),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiTokenRequest {
    /// What it is for.
    name: Name,
    role: Role,
    /// When it stops being valid; without one it is valid until it is revoked.
    expires: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NewApiToken {
    api_token: ApiToken,
    /// The token itself. It is shown once: there is none when the answer is given again under an
    /// Idempotency-Key.
    secret: Option<String>,
}

/// Every token for scripts, the newest first.
#[utoipa::path(
    get, path = "/api-tokens", tag = "API tokens", params(Paging),
    responses((status = 200, body = Page<ApiToken>))
)]
pub(super) async fn list(
    State(context): State<App>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<ApiToken>>, Problem> {
    let store = context.administration.store();
    let all = store.api_tokens().await?;
    let actors = Actors::look_up(store, all.iter().map(|token| token.created_by.uuid())).await?;
    let all = all.into_iter().map(|token| ApiToken::new(token, &actors)).collect();
    Ok(Json(paging::of_all(all, &paging, ByKey::Descending, |token: &ApiToken| token.id)?))
}

/// Make a token for a script; it is shown this once.
#[utoipa::path(
    post, path = "/api-tokens", tag = "API tokens", request_body = ApiTokenRequest,
    responses((status = 201, body = NewApiToken))
)]
pub(super) async fn create(
    State(context): State<App>,
    caller: Caller,
    Body(body): Body<ApiTokenRequest>,
) -> Result<(StatusCode, Json<NewApiToken>), Problem> {
    let expires = body.expires.map(|Moment(expires)| expires);
    let act = caller.act(&context);
    let made = context.administration.create_api_token(&body.name.0, body.role.into(), expires, act).await?;
    let store = context.administration.store();
    let actors = Actors::look_up_behind_change(store, made.token.created_by.uuid()).await;
    let secret = Some(made.secret.reveal().to_owned());
    Ok((StatusCode::CREATED, Json(NewApiToken { api_token: ApiToken::new(made.token, &actors), secret })))
}

/// Revoke a token for good.
#[utoipa::path(
    delete, path = "/api-tokens/{id}", tag = "API tokens", params(("id" = Uuid, Path)),
    responses((status = 204))
)]
pub(super) async fn revoke(
    State(context): State<App>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<StatusCode, Problem> {
    context.administration.revoke_api_token(id, caller.act(&context)).await?;
    Ok(StatusCode::NO_CONTENT)
}
