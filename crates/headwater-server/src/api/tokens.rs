//! `/api/v1/sources/{slug}/tokens`: what the clients of a source show.

use axum::{Json, extract::State};
use headwater_store::{Millis, Token as Stored};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App, Problem,
    caller::Caller,
    changes::{Actor, Actors},
    extract::{Body, Params, Segments},
    moment::Moment,
    paging::{self, ByKey, Page, Paging},
};

/// A token of a source's service account, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Token {
    id: Uuid,
    service_account_id: Uuid,
    created: Moment,
    created_by: Option<Actor>,
    expires: Option<Moment>,
    /// When it was last used, to about a second.
    last_used: Option<Moment>,
    revoked: Option<Moment>,
    /// Whether its secret can be copied: until it is first used with success, for seven days at
    /// most.
    copyable: bool,
    copyable_until: Option<Moment>,
    state: TokenState,
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenState {
    Active,
    Expired,
    Revoked,
}

impl Token {
    pub(super) fn new(stored: &Stored, now: Millis, actors: &Actors) -> Self {
        let state = TokenState::from(stored.state(now));
        let copyable_until =
            stored.copyable_until.filter(|until| state == TokenState::Active && now < *until);
        Self {
            id: stored.id,
            service_account_id: stored.service_account,
            created: Moment(stored.created),
            created_by: stored.created_by.map(|actor| actors.of(actor.uuid())),
            expires: Moment::maybe(stored.expires),
            last_used: Moment::maybe(stored.last_used),
            revoked: Moment::maybe(stored.revoked),
            copyable: copyable_until.is_some(),
            copyable_until: Moment::maybe(copyable_until),
            state,
        }
    }
}

impl From<headwater_store::TokenState> for TokenState {
    fn from(state: headwater_store::TokenState) -> Self {
        match state {
            headwater_store::TokenState::Active => Self::Active,
            headwater_store::TokenState::Expired => Self::Expired,
            headwater_store::TokenState::Revoked => Self::Revoked,
        }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// When it stops being valid; without one it is valid until it is revoked.
    expires: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NewToken {
    token: Token,
    /// The token itself; none when the answer is given again under an Idempotency-Key.
    secret: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenSecret {
    /// The token itself.
    secret: String,
}

/// The tokens of a source, oldest first.
#[utoipa::path(
    get, path = "/sources/{slug}/tokens", tag = "Tokens", params(("slug" = String, Path), Paging),
    responses((status = 200, body = Page<Token>))
)]
pub(super) async fn list(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<Token>>, Problem> {
    let store = context.administration.store();
    let tokens = store.tokens(&slug).await?;
    let creators = tokens.iter().filter_map(|token| token.created_by).map(headwater_store::Actor::uuid);
    let actors = Actors::look_up(store, creators).await?;
    let now = context.administration.now();
    let tokens = tokens.iter().map(|token| Token::new(token, now, &actors)).collect();
    let key = |token: &Token| (token.created.0, token.id);
    Ok(Json(paging::of_all(tokens, &paging, ByKey::Ascending, key)?))
}

/// Make a token; those that are there stay valid.
#[utoipa::path(
    post, path = "/sources/{slug}/tokens", tag = "Tokens", params(("slug" = String, Path)),
    request_body = TokenRequest, responses((status = 201, body = NewToken))
)]
pub(super) async fn create(
    State(context): State<App>,
    caller: Caller,
    Segments(slug): Segments<String>,
    Body(body): Body<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let expires = body.expires.map(|Moment(expires)| expires);
    let act = caller.act(&context);
    let made = context.administration.create_token(slug, expires, act).await?;
    let store = context.administration.store();
    let actors = Actors::look_up_behind_change(store, act.actor.uuid()).await;
    let token = Token::new(&made.token, act.at, &actors);
    Ok((StatusCode::CREATED, Json(NewToken { token, secret: Some(made.secret.reveal().to_owned()) })))
}

/// The secret of a token, until it is first used with success and for seven days at most. Each copy
/// is journalled.
#[utoipa::path(
    post, path = "/sources/{slug}/tokens/{id}/copy", tag = "Tokens",
    params(("slug" = String, Path), ("id" = Uuid, Path)),
    responses(
        (status = 200, body = TokenSecret),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "It was used, or seven days are over"),
    )
)]
pub(super) async fn copy(
    State(context): State<App>,
    caller: Caller,
    Segments((slug, id)): Segments<(String, Uuid)>,
) -> Result<Json<TokenSecret>, Problem> {
    // What was used a moment ago may not be written down yet.
    context.token_uses.write_down(&*context.store).await;
    let secret = context.administration.copy_token(slug, id, caller.act(&context)).await?;
    Ok(Json(TokenSecret { secret }))
}

/// Revoke a token for good. Whoever uses it is refused at once.
#[utoipa::path(
    delete, path = "/sources/{slug}/tokens/{id}", tag = "Tokens",
    params(("slug" = String, Path), ("id" = Uuid, Path)), responses((status = 204))
)]
pub(super) async fn revoke(
    State(context): State<App>,
    caller: Caller,
    Segments((slug, id)): Segments<(String, Uuid)>,
) -> Result<StatusCode, Problem> {
    context.administration.revoke_token(slug, id, caller.act(&context)).await?;
    Ok(StatusCode::NO_CONTENT)
}
