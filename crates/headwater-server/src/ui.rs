//! The web UI: a single-page app, embedded when the binary is built.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::HeaderValue,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use hyper::{HeaderMap, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{Context, api::Problem};

/// What `npm run build` has made, and beside each file one compressed with Brotli.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";
/// What stands in the page for the nonce, which is another one each time.
const NONCE: &str = "__CSP_NONCE__";
/// Vite puts a hash of the content in the name of each asset: under one name it never changes.
const ASSETS: &str = "assets/";
/// What the paths of the app begin with. The page says of every other that there is nothing.
const PLACES: [&str; 6] = ["", "welcome", "sign-in", "account", "directory", "system"];
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_BUILT: &str = "Headwater runs, but this binary was built without its web UI.\n\n\
    Build it with `make build`, which needs Node.js 20 or later with npm; SCIM, the admin API under /api/v1 and the \
    command line work without it.\n";

/// A file of the UI, or the page itself, which finds its way by the path.
pub(crate) fn answer(context: &Arc<Context>, request: &Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let detail = "The path doesn't take this method.";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        return ([(header::ALLOW, "GET, HEAD")], problem).into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if path != INDEX && Files::get(path).is_some() {
        return file(path, request.headers());
    }
    if PLACES.contains(&path.split('/').next().unwrap_or_default()) {
        return page(context);
    }
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/html")) && !path.starts_with(ASSETS) {
        let mut response = page(context);
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path.").into_response()
}

fn file(path: &str, headers: &HeaderMap) -> Response {
    let accepts_brotli = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("br"));
    let compressed = Files::get(&format!("{path}.br"));
    let varies = compressed.is_some();
    let (found, encoding) = match compressed {
        Some(compressed) if accepts_brotli => (compressed, Some("br")),
        _ => match Files::get(path) {
            Some(plain) => (plain, None),
            None => return StatusCode::NOT_FOUND.into_response(),
        },
    };
    let mut response = Response::new(body(found));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::CACHE_CONTROL, if path.starts_with(ASSETS) { FOREVER } else { ASK_AGAIN });
    if varies {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn page(context: &Arc<Context>) -> Response {
    let Some(found) = Files::get(INDEX) else {
        return (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], NOT_BUILT)
            .into_response();
    };
    let mut bytes = [0; 16];
    context.random.fill(&mut bytes);
    let nonce = STANDARD_NO_PAD.encode(bytes);
    let html = String::from_utf8_lossy(&found.data).replace(NONCE, &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = policy.parse() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn body(file: EmbeddedFile) -> Body {
    match file.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes::Bytes::from_static(bytes)),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
