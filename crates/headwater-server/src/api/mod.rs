//! The admin API: `/api/v1/…`, with its OpenAPI document at `/api/openapi.json`.
//!
//! A request walks like this: `caller` finds out who asks and whether they may, `idempotency`
//! gives an answer again that was given before, and the endpoint calls
//! [`crate::administration::Administration`]. Every refusal is a [`problem::Problem`].

mod administrators;
mod api_tokens;
mod caller;
mod changes;
mod definitions;
mod directory;
mod extract;
mod idempotency;
mod links;
mod moment;
mod name;
mod openapi;
mod paging;
mod problem;
mod query;
mod requests;
mod resource_types;
mod schemas;
mod server_url;
mod session;
mod settings;
mod sources;
mod stream;
mod system;
mod tokens;
mod unknown_attributes;

use std::sync::Arc;

use axum::{Json, Router, middleware, routing::get};
use hyper::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use problem::Problem;
pub use server_url::Peer;
pub use stream::Streams;

use crate::Context;

/// The path that the admin API is below.
pub const PREFIX: &str = "/api/";

type App = Arc<Context>;

/// Whether a request is one that anybody may make, before they are known, and has a body: to sign in, or to use a
/// link.
pub(crate) fn is_for_strangers<B>(request: &hyper::Request<B>) -> bool {
    request.method() == hyper::Method::POST
        && matches!(request.uri().path(), "/api/v1/session" | "/api/v1/links/check" | "/api/v1/links/use")
}

/// The routes of the admin API, and the document that describes them.
pub fn router(context: &Arc<Context>) -> (Router, utoipa::openapi::OpenApi) {
    let document = document();
    let queries = Arc::new(query::Queries::of(&document));
    let known = || middleware::from_fn_with_state(Arc::clone(&queries), query::refuse_unknown);
    let [public, own, all] = [public(), own(), all()].map(|routes| routes.route_layer(known()));
    let authenticate = || middleware::from_fn_with_state(Arc::clone(context), caller::authenticate);
    let own = own.route_layer(authenticate());
    // The last layer is the first that a request meets.
    let all = all
        .route_layer(middleware::from_fn_with_state(Arc::clone(context), idempotency::answer_once))
        .route_layer(middleware::from_fn(caller::may_change))
        .route_layer(authenticate());
    let (router, _) = OpenApiRouter::with_openapi(openapi::about())
        .nest("/api/v1", public.merge(own).merge(all))
        .with_state(Arc::clone(context))
        .split_for_parts();
    let served = document.clone();
    let router = router
        .route("/api/openapi.json", get(move || std::future::ready(Json(served.clone()))))
        .route("/api/{*rest}", axum::routing::any(no_such_path))
        .method_not_allowed_fallback(wrong_method);
    (router, document)
}

/// The document that describes the admin API, as it is served.
pub fn document() -> utoipa::openapi::OpenApi {
    let router =
        OpenApiRouter::with_openapi(openapi::about()).nest("/api/v1", public().merge(own()).merge(all()));
    openapi::completed(router.into_openapi())
}

/// For everybody.
fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(session::read, session::sign_in))
        .routes(routes!(links::check))
        .routes(routes!(links::follow))
}

/// What everybody who is signed in may do with their own account.
fn own() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(session::sign_out))
        .routes(routes!(session::list, session::sign_out_everywhere))
        .routes(routes!(session::change_password))
}

/// What an auditor may see and an administrator may change.
fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sources::list, sources::create))
        .routes(routes!(sources::read, sources::edit, sources::delete))
        .routes(routes!(sources::overview))
        .routes(routes!(sources::service_accounts))
        .routes(routes!(sources::slug_of_name))
        .routes(routes!(sources::check_slug))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::copy))
        .routes(routes!(schemas::list))
        .routes(routes!(schemas::read, schemas::put, schemas::remove))
        .routes(routes!(resource_types::list))
        .routes(routes!(resource_types::read, resource_types::put, resource_types::remove))
        .routes(routes!(unknown_attributes::list, unknown_attributes::forget))
        .routes(routes!(unknown_attributes::adopt))
        .routes(routes!(directory::users))
        .routes(routes!(directory::user))
        .routes(routes!(directory::groups_of_user))
        .routes(routes!(directory::groups))
        .routes(routes!(directory::group))
        .routes(routes!(directory::members))
        .routes(routes!(requests::of_source))
        .routes(routes!(requests::read))
        .routes(routes!(requests::read_by_id))
        .routes(routes!(requests::unmatched))
        .routes(routes!(stream::stream))
        .routes(routes!(changes::of_source))
        .routes(routes!(changes::of_server))
        .routes(routes!(administrators::list, administrators::create))
        .routes(routes!(administrators::read, administrators::edit))
        .routes(routes!(administrators::reset_password))
        .routes(routes!(administrators::sign_out_everywhere))
        .routes(routes!(api_tokens::list, api_tokens::create))
        .routes(routes!(api_tokens::revoke))
        .routes(routes!(settings::read, settings::edit))
        .routes(routes!(system::read))
}

async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path; see /api/openapi.json.")
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The path doesn't take this method.")
}
