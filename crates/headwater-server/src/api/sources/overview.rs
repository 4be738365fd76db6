//! `/api/v1/sources/{slug}/overview`: what somebody sees first.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Source,
    status::{self, Attention, HOUR},
};
use crate::api::{App, Problem, extract::Segments, moment::Moment, server_url::ServerUrl};

/// What somebody sees first of a source.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    source: Source,
    /// The last 24 hours, oldest first.
    hours: Vec<HourOfRequests>,
    checklist: Checklist,
    /// What somebody should look at, the most urgent first.
    attention: Vec<Attention>,
    inactive_users: u64,
}

/// The requests of an hour.
#[derive(Serialize, ToSchema)]
struct HourOfRequests {
    start: Moment,
    requests: u64,
    /// How many of them were refused.
    errors: u64,
    /// How many users and groups they changed.
    changes: u64,
}

/// What has happened while the source is being set up, and when.
#[derive(Serialize, ToSchema)]
struct Checklist {
    /// A request came with a valid token.
    token_seen: Option<Moment>,
    /// A request was answered with success.
    first_probe: Option<Moment>,
    first_user: Option<Moment>,
    first_group_with_members: Option<Moment>,
    first_deactivation: Option<Moment>,
}

/// Status, traffic of the last day, what has been reached, and what needs attention.
#[utoipa::path(
    get, path = "/sources/{slug}/overview", tag = "Sources", params(("slug" = String, Path)),
    responses((status = 200, body = Overview))
)]
pub(crate) async fn read(
    State(context): State<App>,
    url: ServerUrl,
    Segments(slug): Segments<String>,
) -> Result<Json<Overview>, Problem> {
    let store = context.administration.store();
    let stored = store.source(&slug).await?;
    let now = context.administration.now();
    let this_hour = now - now.rem_euclid(HOUR);
    let hours = context.requests.hours(stored.id, this_hour - 23 * HOUR, this_hour + 1).await?;
    let reached = context.requests.milestones(stored.id).await?;
    let (status, attention) = status::of(&context, &stored).await?;
    Ok(Json(Overview {
        source: Source::with_status(&stored, &url, status),
        hours: hours
            .into_iter()
            .map(|hour| HourOfRequests {
                start: Moment(hour.start),
                requests: hour.requests,
                errors: hour.errors,
                changes: hour.changes,
            })
            .collect(),
        checklist: Checklist {
            token_seen: Moment::maybe(reached.token_seen),
            first_probe: Moment::maybe(reached.first_probe),
            first_user: Moment::maybe(reached.first_user),
            first_group_with_members: Moment::maybe(reached.first_group_with_members),
            first_deactivation: Moment::maybe(reached.first_deactivation),
        },
        attention,
        inactive_users: store.count_with(stored.id, "User", "active", "false").await?,
    }))
}
