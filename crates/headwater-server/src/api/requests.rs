//! `/api/v1/…/requests`: what clients have sent and got.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State};
use headwater_store::{
    ChangesOfRequest, ResourceId, Source,
    requests::{
        Operation, RequestPage, RequestQuery, RequestRecord, RequestSummary as Logged, StatusFilter,
        UNMATCHED,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    App, Problem,
    changes::{self, Change},
    extract::{Params, Segments, searched},
    moment::Moment,
    paging::{self, Page, Paging},
};
use crate::{Context, scim};

/// How many lines of the journal are shown with the request that made them.
const MOST_CHANGES: usize = 1_000;

/// A request, in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RequestSummary {
    /// Its number in the log.
    pub(super) sequence: i64,
    /// Its id, as it was answered in `x-request-id` and stands in the journal.
    id: Uuid,
    at: Moment,
    duration_ms: f64,
    /// Where it came from.
    address: String,
    /// What its client calls itself.
    user_agent: Option<String>,
    /// The token of the source that came with it, valid or not.
    token_id: Option<Uuid>,
    method: String,
    path: String,
    /// The query, with secrets masked.
    query: Option<String>,
    /// The status of the answer.
    status: u16,
    /// `create`, `replace`, `update`, `delete`, `read`, `search`, `bulk`, `discovery` or `other`.
    operation: &'static str,
    /// Why it was refused.
    error: Option<String>,
    /// The `scimType` of the refusal.
    scim_type: Option<String>,
    target: Option<Target>,
    /// What became of each thing that it asked for.
    outcomes: Vec<Outcome>,
    /// How many users and groups it changed.
    changes: u32,
}

/// The user or group that a request is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Target {
    #[serde(rename = "type")]
    resource_type: String,
    id: String,
    /// What it is called, or was when it was deleted.
    display: Option<String>,
}

/// What became of one thing that a request asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Outcome {
    /// The position of the operation in a PATCH or in a bulk request, from 0.
    operation: Option<u32>,
    /// What was asked for, such as `add`.
    action: String,
    /// The attribute that it is about.
    path: Option<String>,
    /// `applied`, `nothing_to_do`, `refused`, `ignored` or `mended`.
    #[schema(value_type = String)]
    result: headwater_store::requests::OutcomeResult,
    /// Why, or how.
    detail: Option<String>,
}

/// A request as it came in and was answered. Passwords and other secrets are masked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RequestDetail {
    request: RequestSummary,
    /// Name and value of each header that is kept.
    #[schema(value_type = Vec<Vec<String>>)]
    request_headers: Vec<(String, String)>,
    request_body: Option<String>,
    /// Why there is no body.
    request_body_note: Option<String>,
    #[schema(value_type = Vec<Vec<String>>)]
    response_headers: Vec<(String, String)>,
    response_body: Option<String>,
    response_body_note: Option<String>,
    /// What it changed, oldest first: the first 1,000 lines, or fewer where they are very long.
    changes: Vec<Change>,
    /// Whether it changed more than that.
    more_changes: bool,
}

/// Which requests are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestParams {
    /// Requests that name this user.
    #[param(value_type = Option<Uuid>)]
    user: Option<String>,
    /// Requests that name this group.
    #[param(value_type = Option<Uuid>)]
    group: Option<String>,
    /// Those answered so: `error`, a class such as `4xx`, or a status such as `404`.
    #[param(pattern = "^(error|[1-5]xx|[1-5][0-9][0-9])$")]
    status: Option<String>,
    /// `create`, `replace`, `update`, `delete`, `read`, `search`, `bulk`, `discovery` or `other`.
    #[param(pattern = "^(create|replace|update|delete|read|search|bulk|discovery|other)$")]
    operation: Option<String>,
    /// Only those that ask for a change.
    writes: Option<bool>,
    /// The earliest moment.
    from: Option<Moment>,
    /// The first moment that is too late.
    to: Option<Moment>,
    /// A part of path or query, in any letter case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

/// What the clients of a source have sent, newest first.
#[utoipa::path(
    get, path = "/sources/{slug}/requests", tag = "Requests", params(("slug" = String, Path), RequestParams),
    responses((status = 200, body = Page<RequestSummary>))
)]
pub(super) async fn of_source(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(params): Params<RequestParams>,
) -> Result<Json<Page<RequestSummary>>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let page = context.requests.list(source.id, params.query()?).await?;
    Ok(Json(summaries(&context, Some(&source), page).await))
}

/// Requests to sources that don't exist, newest first.
#[utoipa::path(
    get, path = "/unmatched-requests", tag = "Requests", params(Paging),
    responses((status = 200, body = Page<RequestSummary>))
)]
pub(super) async fn unmatched(
    State(context): State<App>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<RequestSummary>>, Problem> {
    let query = RequestQuery {
        before: paging::place(paging.cursor.as_deref())?,
        limit: paging::limit(paging.limit)?,
        ..RequestQuery::default()
    };
    let page = context.requests.list(UNMATCHED, query).await?;
    let mut page = summaries(&context, None, page).await;
    for request in page.items.iter_mut().filter(|request| request.status == 401) {
        // Its client is told no more than with a wrong token; an administrator may know.
        let slug = request.path.strip_prefix(scim::PREFIX).and_then(|path| path.split('/').next());
        request.error = Some(format!("No source has the slug {:?}.", slug.unwrap_or_default()));
    }
    Ok(Json(page))
}

/// One request, as it came in and was answered.
#[utoipa::path(
    get, path = "/sources/{slug}/requests/{sequence}", tag = "Requests",
    params(("slug" = String, Path), ("sequence" = i64, Path)), responses((status = 200, body = RequestDetail))
)]
pub(super) async fn read(
    State(context): State<App>,
    Segments((slug, sequence)): Segments<(String, i64)>,
) -> Result<Json<RequestDetail>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let record = context.requests.request(source.id, sequence).await?;
    detail(&context, &source, record).await
}

/// One request by its id, as the journal has it.
#[utoipa::path(
    get, path = "/sources/{slug}/requests/by-id/{id}", tag = "Requests",
    params(("slug" = String, Path), ("id" = Uuid, Path)), responses((status = 200, body = RequestDetail))
)]
pub(super) async fn read_by_id(
    State(context): State<App>,
    Segments((slug, id)): Segments<(String, Uuid)>,
) -> Result<Json<RequestDetail>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let record = context.requests.by_request_id(source.id, id).await?;
    detail(&context, &source, record).await
}

impl RequestParams {
    fn query(&self) -> Result<RequestQuery, Problem> {
        let mut resources = Vec::new();
        for (field, id) in [("user", &self.user), ("group", &self.group)] {
            if let Some(id) = id {
                let parsed = ResourceId::parse(id);
                resources
                    .push(parsed.ok_or_else(|| Problem::invalid(field, format!("{id:?} is not an id.")))?);
            }
        }
        let status = self.status.as_deref().map(|status| {
            let detail = "A status is `error`, a class such as `4xx`, or a number such as `404`.";
            StatusFilter::parse(status).ok_or_else(|| Problem::invalid("status", detail))
        });
        let operation = self.operation.as_deref().map(|operation| {
            let detail = format!("{operation:?} is not an operation.");
            Operation::parse(operation).ok_or_else(|| Problem::invalid("operation", detail))
        });
        Ok(RequestQuery {
            resources,
            status: status.transpose()?,
            operation: operation.transpose()?,
            writes: self.writes.unwrap_or(false),
            from: self.from.map(|Moment(from)| from),
            to: self.to.map(|Moment(to)| to),
            text: searched(self.q.clone())?,
            before: paging::place(self.cursor.as_deref())?,
            after: None,
            limit: paging::limit(self.limit)?,
        })
    }
}

async fn summaries(context: &Context, source: Option<&Source>, page: RequestPage) -> Page<RequestSummary> {
    let next = page.next.map(|next| paging::cursor(&next));
    let names = names(context, source, &page.requests).await;
    let items = page.requests.into_iter().map(|request| summary(request, &names));
    Page::new(items.collect(), next)
}

/// What the targets of requests are called. It is told by the directory: the log may not know.
pub(super) async fn names(
    context: &Context,
    source: Option<&Source>,
    requests: &[Logged],
) -> HashMap<ResourceId, String> {
    let targets: HashSet<ResourceId> =
        requests.iter().filter_map(|request| Some(request.target.as_ref()?.id)).collect();
    let Some(source) = source.filter(|_| !targets.is_empty()) else { return HashMap::new() };
    let store = context.administration.store();
    // A list without names is better than none.
    store.remembered(source.id, targets.into_iter().collect()).await.unwrap_or_default()
}

/// A request in short.
pub(super) fn summary(request: Logged, names: &HashMap<ResourceId, String>) -> RequestSummary {
    let target = request.target.map(|target| Target {
        display: names.get(&target.id).cloned().or(target.display),
        resource_type: target.resource_type,
        id: target.id.to_string(),
    });
    RequestSummary {
        sequence: request.sequence,
        id: request.id,
        at: Moment(request.at),
        duration_ms: milliseconds(request.duration_us),
        address: request.address,
        user_agent: request.user_agent,
        token_id: request.token,
        method: request.method,
        path: request.path,
        query: request.query,
        status: request.status,
        operation: request.operation.as_str(),
        error: request.error,
        scim_type: request.scim_type,
        target,
        outcomes: request
            .outcomes
            .into_iter()
            .map(|outcome| Outcome {
                operation: outcome.operation,
                action: outcome.action,
                path: outcome.path,
                result: outcome.result,
                detail: outcome.detail,
            })
            .collect(),
        changes: request.changes,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a duration in microseconds has far fewer than 52 bits")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000.0
}

async fn detail(
    context: &Context,
    source: &Source,
    record: Option<RequestRecord>,
) -> Result<Json<RequestDetail>, Problem> {
    let Some(record) = record else {
        return Err(Problem::not_found("The request is not, or no longer, in the log."));
    };
    let store = context.administration.store();
    // It may not have been known any more what was done.
    let may_be_more = matches!(record.summary.status, 499 | 503);
    let changed = if record.summary.changes > 0 || may_be_more {
        store.changes_of_request(source.id, record.summary.id, MOST_CHANGES).await?
    } else {
        ChangesOfRequest::default()
    };
    let names = names(context, Some(source), std::slice::from_ref(&record.summary)).await;
    Ok(Json(RequestDetail {
        request: summary(record.summary, &names),
        request_headers: record.request_headers,
        request_body: record.request_body.text,
        request_body_note: record.request_body.note,
        response_headers: record.response_headers,
        response_body: record.response_body.text,
        response_body_note: record.response_body.note,
        changes: changes::shown(store, source, changed.changes).await?,
        more_changes: changed.more,
    }))
}
