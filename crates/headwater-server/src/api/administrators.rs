//! `/api/v1/administrators`: who may sign in.

use axum::{Json, extract::State};
use headwater_store::{Administrator as Stored, AdministratorEdit as StoredEdit};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App, Problem,
    caller::Caller,
    extract::{Body, Params, Segments},
    moment::Moment,
    name::Name,
    paging::{self, ByKey, Page, Paging},
    server_url::ServerUrl,
};
use crate::administration::NewAccount;

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Administrator {
    id: Uuid,
    email: String,
    name: String,
    role: Role,
    /// Whether they are kept out.
    disabled: bool,
    /// Whether they have set a password yet.
    has_password: bool,
    created: Moment,
    last_login: Option<Moment>,
}

/// What somebody may do: an administrator everything, an auditor see all and change nothing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Administrator,
    Auditor,
}

impl From<headwater_store::Role> for Role {
    fn from(role: headwater_store::Role) -> Self {
        match role {
            headwater_store::Role::Administrator => Self::Administrator,
            headwater_store::Role::Auditor => Self::Auditor,
        }
    }
}

impl From<Role> for headwater_store::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Administrator => Self::Administrator,
            Role::Auditor => Self::Auditor,
        }
    }
}

impl From<&Stored> for Administrator {
    fn from(stored: &Stored) -> Self {
        Self {
            id: stored.id,
            email: stored.email.clone(),
            name: stored.name.clone(),
            role: stored.role.into(),
            disabled: stored.disabled,
            has_password: stored.password_hash.is_some(),
            created: Moment(stored.created),
            last_login: Moment::maybe(stored.last_login),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAdministrator {
    #[schema(max_length = 254, format = Email)]
    email: String,
    name: Name,
    role: Role,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AdministratorWithLink {
    administrator: Administrator,
    /// A link that works once, by which they set their password; none when the answer is given
    /// again under an Idempotency-Key.
    link: Option<String>,
    link_expires: Moment,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdministratorEdit {
    name: Option<Name>,
    role: Option<Role>,
    disabled: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PasswordLink {
    /// A link that works once, by which they set a new password; none when the answer is given again
    /// under an Idempotency-Key.
    link: Option<String>,
    expires: Moment,
}

/// Everybody who may sign in.
#[utoipa::path(
    get, path = "/administrators", tag = "Administrators", params(Paging),
    responses((status = 200, body = Page<Administrator>))
)]
pub(super) async fn list(
    State(context): State<App>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<Administrator>>, Problem> {
    let all = context.administration.store().administrators().await?;
    let all = all.iter().map(Administrator::from).collect();
    let key = |one: &Administrator| headwater_scim::comparison::key(&one.email, false).into_owned();
    Ok(Json(paging::of_all(all, &paging, ByKey::Ascending, key)?))
}

/// Make an administrator. They set their password by the link in the answer.
#[utoipa::path(
    post, path = "/administrators", tag = "Administrators", request_body = NewAdministrator,
    responses((status = 201, body = AdministratorWithLink))
)]
pub(super) async fn create(
    State(context): State<App>,
    url: ServerUrl,
    caller: Caller,
    Body(body): Body<NewAdministrator>,
) -> Result<(StatusCode, Json<AdministratorWithLink>), Problem> {
    let account = NewAccount { email: body.email, name: body.name.0, role: body.role.into() };
    let (made, invitation) =
        context.administration.invite_administrator(account, caller.act(&context)).await?;
    let made = AdministratorWithLink {
        administrator: (&made).into(),
        link: Some(invitation.link(&url.url)),
        link_expires: Moment(invitation.expires),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// One administrator.
#[utoipa::path(
    get, path = "/administrators/{id}", tag = "Administrators", params(("id" = Uuid, Path)),
    responses((status = 200, body = Administrator))
)]
pub(super) async fn read(
    State(context): State<App>,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Administrator>, Problem> {
    Ok(Json((&context.administration.store().administrator(id).await?).into()))
}

/// Change name or role of an administrator, or keep them out.
#[utoipa::path(
    patch, path = "/administrators/{id}", tag = "Administrators", params(("id" = Uuid, Path)),
    request_body = AdministratorEdit,
    responses(
        (status = 200, body = Administrator),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Nobody would be left who may change anything"),
    )
)]
pub(super) async fn edit(
    State(context): State<App>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Body(body): Body<AdministratorEdit>,
) -> Result<Json<Administrator>, Problem> {
    let edit = StoredEdit {
        name: body.name.map(|Name(name)| name),
        role: body.role.map(Into::into),
        disabled: body.disabled,
    };
    let edited = context.administration.edit_administrator(id, edit, caller.act(&context)).await?;
    Ok(Json((&edited).into()))
}

/// Make a link by which an administrator sets a new password, and sign them out everywhere. The
/// old password works until the link is used.
#[utoipa::path(
    post, path = "/administrators/{id}/reset-password", tag = "Administrators", params(("id" = Uuid, Path)),
    responses((status = 201, body = PasswordLink))
)]
pub(super) async fn reset_password(
    State(context): State<App>,
    url: ServerUrl,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<(StatusCode, Json<PasswordLink>), Problem> {
    let invitation = context.administration.reset_password(id, caller.act(&context)).await?;
    let link = Some(invitation.link(&url.url));
    Ok((StatusCode::CREATED, Json(PasswordLink { link, expires: Moment(invitation.expires) })))
}

/// Sign an administrator out everywhere.
#[utoipa::path(
    delete, path = "/administrators/{id}/sessions", tag = "Administrators", params(("id" = Uuid, Path)),
    responses((status = 204))
)]
pub(super) async fn sign_out_everywhere(
    State(context): State<App>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<StatusCode, Problem> {
    context.administration.sign_out(id, None, caller.act(&context)).await?;
    Ok(StatusCode::NO_CONTENT)
}
