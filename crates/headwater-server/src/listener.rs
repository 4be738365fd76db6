//! Listening, connections, and an end that finishes what has begun.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use headwater_scim::error::ScimError;
use hyper::{Request, header, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::ServiceExt;

use crate::{Context, scim, write_timeout::WriteTimeout};

/// How often it is written down when tokens were last used.
const NOTE_USES_EVERY: Duration = Duration::from_secs(1);
/// The longest request head that is read at all; the limits that are answered with a SCIM error
/// lie below.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// Why the server could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens and answers until `stop` is done; then finishes the requests in flight. Once it
/// listens, `ready` is told what URLs of this server start with. It has to run on tokio's
/// multi-threaded runtime.
///
/// # Errors
/// The address can't be listened on.
pub async fn serve(
    context: Arc<Context>,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address = context.configuration.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen { address, source })?;
    ready(
        &context.configuration.public_url.clone().unwrap_or_else(|| format!("http://{}", reachable(address))),
    );
    tracing::info!("ready: listening on http://{address}");
    let noting = tokio::spawn(note_uses(Arc::clone(&context)));
    accept(&context, listener, stop).await;
    noting.abort();
    write_uses(&context).await;
    tracing::info!("stopped");
    Ok(())
}

/// An address that a client on this machine can use: listening on all of them is not one.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(loopback, address.port())
}

async fn accept(context: &Arc<Context>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let configuration = &context.configuration;
    let connections = Arc::new(Semaphore::new(configuration.max_connections));
    let shared = Shared {
        context: Arc::clone(context),
        requests: Arc::new(Semaphore::new(configuration.max_concurrent_requests)),
    };
    let router = router(&shared);
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(configuration.read_timeout_seconds))
        .max_buf_size(MAX_HEAD_BYTES);
    let patience = Duration::from_secs(configuration.write_timeout_seconds);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&listener, &connections) => accepted,
            () = &mut stop => break,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: give it a moment rather than spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, shared) = (router.clone(), shared.clone());
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            answer(router.clone(), shared.clone(), peer, request.map(Body::new))
        });
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(WriteTimeout::new(stream, patience)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    // From here on nobody new is let in.
    drop(listener);
    let patience = Duration::from_secs(configuration.shutdown_timeout_seconds);
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that were still in flight were cut off");
    }
}

async fn accept_one(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

#[derive(Clone)]
struct Shared {
    context: Arc<Context>,
    requests: Arc<Semaphore>,
}

fn router(shared: &Shared) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async {
                "Headwater is a directory server that identity providers provision into by SCIM 2.0.\n"
            }),
        )
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "There is nothing at this path.") })
        .method_not_allowed_fallback(|| async {
            problem(StatusCode::METHOD_NOT_ALLOWED, "The path doesn't take this method.")
        })
        .with_state(shared.clone())
}

async fn answer(
    router: Router,
    shared: Shared,
    peer: SocketAddr,
    request: Request<Body>,
) -> Result<Response, std::convert::Infallible> {
    if !request.uri().path().starts_with(scim::PREFIX) {
        return router.oneshot(request).await;
    }
    let Ok(_permit) = shared.requests.try_acquire() else {
        return Ok(scim::overloaded(&ScimError::with_status(503, "the server is busy; try again")));
    };
    Ok(scim::handle(shared.context, peer.ip(), request).await)
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.context.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            problem(StatusCode::SERVICE_UNAVAILABLE, "The database can't be used at the moment.")
        }
    }
}

/// A refusal outside SCIM (RFC 7807).
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

async fn note_uses(context: Arc<Context>) {
    let mut interval = tokio::time::interval(NOTE_USES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        write_uses(&context).await;
    }
}

async fn write_uses(context: &Context) {
    let uses = context.token_uses.take();
    if uses.is_empty() {
        return;
    }
    if let Err(error) = context.store.note_uses(uses).await {
        tracing::warn!(%error, "it could not be written down when tokens were last used");
    }
}
