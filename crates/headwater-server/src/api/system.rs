//! `/api/v1/system`: version, storage, health.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, Problem, moment::Moment};

/// What runs, and how it does.
#[derive(Serialize, ToSchema)]
pub(super) struct System {
    version: &'static str,
    /// When the server was started.
    started: Moment,
    uptime_seconds: i64,
    /// What URLs are made from, where that is set.
    public_url: Option<String>,
    /// Where it listens.
    listen: String,
    store: Storage,
    request_log: RequestLogState,
    health: Vec<Health>,
    sources: u64,
    users: u64,
    groups: u64,
}

/// Where the directory is kept.
#[derive(Serialize, ToSchema)]
struct Storage {
    kind: &'static str,
    location: String,
    bytes: u64,
}

/// How the request log does.
#[derive(Serialize, ToSchema)]
struct RequestLogState {
    bytes: u64,
    entries: u64,
    /// How many requests could not be written down since the server started, because too many came
    /// at once.
    dropped: u64,
    /// How many successful reads were counted alone since the server started, because very many came
    /// at once: they stand in the numbers of each hour, and not in the list.
    counted: u64,
}

/// One thing that is looked at.
#[derive(Serialize, ToSchema)]
struct Health {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// Version, storage and health.
#[utoipa::path(get, path = "/system", tag = "System", responses((status = 200, body = System)))]
pub(super) async fn read(State(context): State<App>) -> Result<Json<System>, Problem> {
    let administration = &context.administration;
    let store = administration.store();
    let sources = store.sources().await?;
    let totals = store.totals().await?;
    let total = |resource_type| totals.get(resource_type).copied().unwrap_or_default();
    let stored = store.storage().await?;
    let log = context.requests.state().await?;
    let now = administration.now();
    let ping = context.store.ping().await;
    let secure = context.configuration.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    let health = vec![
        Health {
            name: "Database",
            ok: ping.is_ok(),
            detail: match ping {
                Ok(()) => "It can be read and written.".to_owned(),
                Err(error) => format!("It can't be used: {error}."),
            },
        },
        Health {
            name: "Request log",
            ok: log.dropped == 0,
            detail: match log.dropped {
                0 => "Every request has been written down.".to_owned(),
                dropped => format!(
                    "{dropped} requests could not be written down since the start: they came too quickly, or the \
                     log could not be written. The server's log says why."
                ),
            },
        },
        Health {
            name: "Public URL",
            ok: secure,
            detail: match &context.configuration.public_url {
                Some(url) if secure => format!("Base URLs begin with {url}."),
                Some(url) => format!("Base URLs begin with {url}; identity providers in the cloud need HTTPS."),
                None => "It is not set: base URLs are made from what the browser asks for. Set --public-url to what \
                         identity providers are to use."
                    .to_owned(),
            },
        },
    ];
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION"),
        started: Moment(context.started),
        // The clock may have been set back.
        uptime_seconds: (now - context.started).max(0) / 1_000,
        public_url: context.configuration.public_url.clone(),
        listen: context.configuration.listen.to_string(),
        store: Storage { kind: stored.kind, location: stored.location, bytes: stored.bytes },
        request_log: RequestLogState {
            bytes: log.bytes,
            entries: log.entries,
            dropped: log.dropped,
            counted: log.counted,
        },
        health,
        sources: sources.len() as u64,
        users: total("User"),
        groups: total("Group"),
    }))
}
