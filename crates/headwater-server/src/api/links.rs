//! `/api/v1/links/…`: one-time links, by which the first administrator is made and passwords are
//! set. The secret stands behind `#` in the link, which browsers send to nobody.

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    extract::Body,
    moment::Moment,
    server_url::SigningIn,
    session::{self, Session},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkCheck {
    /// What stands behind `#` in the link.
    #[schema(max_length = 100)]
    secret: String,
}

/// What a link is for.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkPurpose {
    purpose: Purpose,
    /// Whose password it sets.
    email: Option<String>,
    name: Option<String>,
    /// When it stops being valid.
    expires: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    FirstAdministrator,
    SetPassword,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkUse {
    /// What stands behind `#` in the link.
    #[schema(max_length = 100)]
    secret: String,
    #[schema(min_length = 12, max_length = 1024, format = Password)]
    password: String,
    /// For the first administrator: the e-mail address.
    #[schema(max_length = 254)]
    email: Option<String>,
    /// For the first administrator: the name.
    #[schema(max_length = 200)]
    name: Option<String>,
}

/// What a one-time link is for.
#[utoipa::path(
    post, path = "/links/check", tag = "Session", request_body = LinkCheck,
    responses(
        (status = 200, body = LinkPurpose),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "The link was used, has expired, or never was"),
    )
)]
pub(super) async fn check(
    State(context): State<App>,
    Body(body): Body<LinkCheck>,
) -> Result<Json<LinkPurpose>, Problem> {
    let link = context.administration.link(&body.secret).await?;
    let purpose =
        if link.administrator.is_some() { Purpose::SetPassword } else { Purpose::FirstAdministrator };
    let (email, name) =
        link.administrator.map(|administrator| (administrator.email, administrator.name)).unzip();
    Ok(Json(LinkPurpose { purpose, email, name, expires: Moment(link.expires) }))
}

/// Use a one-time link: set the password and be signed in.
#[utoipa::path(
    post, path = "/links/use", tag = "Session", request_body = LinkUse,
    responses(
        (status = 201, body = Session),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "The link was used, has expired, or never was"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Somebody has the e-mail address"),
    )
)]
pub(super) async fn follow(
    State(context): State<App>,
    signing_in: SigningIn,
    Body(body): Body<LinkUse>,
) -> Result<Response, Problem> {
    let LinkUse { secret, password, email, name } = body;
    let signed_in =
        context.administration.use_link(&secret, password, email, name, signing_in.visitor).await?;
    session::answer(&signing_in.url, &signed_in)
}
