//! `/api/v1/settings`.

use axum::{Json, extract::State};

use super::{App, Problem, caller::Caller, extract::Body};
use crate::administration::{Settings, SettingsEdit};

/// The settings of the server.
#[utoipa::path(get, path = "/settings", tag = "System", responses((status = 200, body = Settings)))]
pub(super) async fn read(State(context): State<App>) -> Result<Json<Settings>, Problem> {
    Ok(Json(context.administration.settings().await?))
}

/// Change settings; what is left out stays as it is.
#[utoipa::path(
    patch, path = "/settings", tag = "System", request_body = SettingsEdit,
    responses((status = 200, body = Settings))
)]
pub(super) async fn edit(
    State(context): State<App>,
    caller: Caller,
    Body(body): Body<SettingsEdit>,
) -> Result<Json<Settings>, Problem> {
    Ok(Json(context.administration.change_settings(body, caller.act(&context)).await?))
}
