//! What somebody should look at, and how a source does in one light and one sentence: the light
//! follows from what there is to look at.

use headwater_store::{
    Millis, Source as Stored, StoreError, TokenState,
    requests::{RequestQuery, StatusFilter, Traffic},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Context, api::moment::Moment};

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// How long before it expires a token is pointed out.
const EXPIRES_SOON: Millis = 14 * DAY;
/// After how long a source that has been heard of is called silent: Entra comes every 40 minutes,
/// others when something changes.
const SILENT_AFTER: Millis = 3 * DAY;

/// How a source does.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Status {
    light: Light,
    /// Why, in one sentence.
    reason: String,
    users: u64,
    groups: u64,
    last_request: Option<Moment>,
    requests_last_day: u64,
    errors_last_day: u64,
}

/// The state of a source at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Light {
    /// Its client has not been heard of yet.
    Waiting,
    /// All is well.
    Ok,
    /// Somebody should look.
    Attention,
    /// Its clients are refused.
    Disabled,
}

/// Something that somebody should look at.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attention {
    kind: AttentionKind,
    severity: Severity,
    /// What it is and what to do, in a sentence or two.
    message: String,
    since: Option<Moment>,
    count: Option<u64>,
    /// The place in the web UI where something can be done: `activity`, `credentials`, `settings`
    /// or `connect`.
    tab: Option<&'static str>,
    /// Parameters for that place.
    #[schema(value_type = Option<Object>)]
    query: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AttentionKind {
    Disabled,
    NoToken,
    TokenExpired,
    TokenExpires,
    WrongToken,
    Errors,
    NeverConnected,
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Info,
    Warning,
    Error,
}

/// How a source does, and why.
pub(super) async fn of(context: &Context, source: &Stored) -> Result<(Status, Vec<Attention>), StoreError> {
    let store = context.administration.store();
    let now = context.administration.now();
    let traffic = context.requests.traffic(source.id, now - DAY).await?;
    let attention = attention(context, source, &traffic, now).await?;
    let pressing = attention.iter().find(|attention| attention.severity != Severity::Info);
    let (light, reason) = match pressing {
        _ if !source.enabled => {
            (Light::Disabled, "It is disabled: its identity provider is refused.".to_owned())
        }
        Some(attention) => (Light::Attention, attention.message.clone()),
        None if traffic.last_request.is_none() => (Light::Waiting, "No request has arrived yet.".to_owned()),
        None if traffic.last_success.is_none() => {
            (Light::Attention, "Requests have arrived, but none has succeeded yet.".to_owned())
        }
        None => (Light::Ok, "Requests arrive and are answered.".to_owned()),
    };
    let status = Status {
        light,
        reason,
        users: store.count(source.id, "User").await?,
        groups: store.count(source.id, "Group").await?,
        last_request: Moment::maybe(traffic.last_request),
        requests_last_day: traffic.requests,
        errors_last_day: traffic.errors,
    };
    Ok((status, attention))
}

async fn attention(
    context: &Context,
    source: &Stored,
    traffic: &Traffic,
    now: Millis,
) -> Result<Vec<Attention>, StoreError> {
    let mut found = Vec::new();
    if !source.enabled {
        found.push(Attention::new(
            AttentionKind::Disabled,
            Severity::Warning,
            "This source is disabled: its identity provider is refused with 403. Enable it in Settings.",
            "settings",
        ));
    }
    found.extend(of_tokens(context, source, now).await?);
    match of_wrong_tokens(context, source, traffic, now).await? {
        // What is behind the refusals has been said.
        Some(wrong_tokens) => found.push(wrong_tokens),
        None => found.extend(of_traffic(source, traffic, now)),
    }
    Ok(found)
}

async fn of_tokens(context: &Context, source: &Stored, now: Millis) -> Result<Vec<Attention>, StoreError> {
    let tokens = context.administration.store().tokens(source.slug.as_str()).await?;
    let active: Vec<_> = tokens.iter().filter(|token| token.state(now) == TokenState::Active).collect();
    let mut found = Vec::new();
    if active.is_empty() {
        let expired = tokens.iter().filter(|token| token.state(now) == TokenState::Expired);
        let since = expired.filter_map(|token| token.expires).max();
        let (kind, message) = match since {
            Some(_) => (
                AttentionKind::TokenExpired,
                "The last token has expired: every request is refused. Make a new one and give it to the identity provider.",
            ),
            None => (
                AttentionKind::NoToken,
                "There is no valid token: every request is refused. Make one and give it to the identity provider.",
            ),
        };
        let attention = Attention::new(kind, Severity::Error, message, "credentials");
        found.push(Attention { since: Moment::maybe(since), ..attention });
    }
    // As long as one in use lives on, the end of another is no news.
    let lasting = active.iter().any(|token| token.expires.is_none_or(|expires| expires > now + EXPIRES_SOON));
    let last = active.iter().filter_map(|token| token.expires).max();
    if let Some(expires) = last.filter(|_| !lasting) {
        let days = (expires - now).div_euclid(DAY);
        let when = match days {
            0 => "within a day".to_owned(),
            1 => "in one day".to_owned(),
            days => format!("in {days} days"),
        };
        let message = format!(
            "The token expires {when}. Make a second one now, give it to the identity provider, then revoke the first."
        );
        let attention =
            Attention::new(AttentionKind::TokenExpires, Severity::Warning, message, "credentials");
        found.push(Attention { since: Some(Moment(expires)), ..attention });
    }
    Ok(found)
}

/// Requests with a token that is not one of the source's: the usual slip while setting up.
async fn of_wrong_tokens(
    context: &Context,
    source: &Stored,
    traffic: &Traffic,
    now: Millis,
) -> Result<Option<Attention>, StoreError> {
    if traffic.errors == 0 {
        return Ok(None);
    }
    let query = RequestQuery {
        status: Some(StatusFilter::Exact(401)),
        from: Some(now - DAY),
        limit: 100,
        ..RequestQuery::default()
    };
    let refused = context.requests.list(source.id, query).await?.requests;
    let Some(last) = refused.first() else { return Ok(None) };
    if traffic.last_success.is_some_and(|success| success > last.at) {
        return Ok(None);
    }
    let attention = Attention::new(
        AttentionKind::WrongToken,
        Severity::Error,
        "Requests arrive with a wrong token or none. Copy the token again into the identity provider, whole and without spaces.",
        "activity",
    );
    Ok(Some(Attention {
        since: refused.last().map(|first| Moment(first.at)),
        count: Some(refused.len() as u64),
        query: Some(serde_json::json!({ "view": "requests", "status": "401" })),
        ..attention
    }))
}

fn of_traffic(source: &Stored, traffic: &Traffic, now: Millis) -> Option<Attention> {
    if traffic.last_request.is_none() && source.enabled {
        return Some(Attention::new(
            AttentionKind::NeverConnected,
            Severity::Info,
            "No request has arrived yet. Give base URL and token to the identity provider; the steps are under Connect.",
            "connect",
        ));
    }
    if is_serious(traffic.requests, traffic.errors) {
        let message = format!(
            "{} of {} requests of the last day were refused. Each says why.",
            traffic.errors, traffic.requests
        );
        let attention = Attention::new(AttentionKind::Errors, Severity::Warning, message, "activity");
        return Some(Attention {
            count: Some(traffic.errors),
            query: Some(serde_json::json!({ "view": "requests", "status": "error" })),
            ..attention
        });
    }
    let silent_since = traffic.last_request.filter(|last| source.enabled && now - last > SILENT_AFTER)?;
    let days = (now - silent_since).div_euclid(DAY);
    let message = format!(
        "Nothing has arrived for {days} days. If that is a surprise, see whether provisioning is on at the identity provider."
    );
    let attention = Attention::new(AttentionKind::Silent, Severity::Info, message, "activity");
    Some(Attention { since: Some(Moment(silent_since)), ..attention })
}

impl Attention {
    fn new(kind: AttentionKind, severity: Severity, message: impl Into<String>, tab: &'static str) -> Self {
        Self {
            kind,
            severity,
            message: message.into(),
            since: None,
            count: None,
            tab: Some(tab),
            query: None,
        }
    }
}

/// A refusal now and then is daily life: clients look for what isn't there. Many are not.
fn is_serious(requests: u64, errors: u64) -> bool {
    errors >= 3 && errors * 20 > requests
}
