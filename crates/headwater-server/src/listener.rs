//! Listening, connections, and an end that finishes what has begun.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::State,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::FutureExt;
use headwater_scim::error::ScimError;
use http_body_util::BodyExt;
use hyper::{Request, header, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, SemaphorePermit},
};
use tower::ServiceExt;

use crate::{
    Context,
    api::{self, Peer, Problem},
    connections::{AtWork, Connection, Connections},
    maintenance, origin, scim, ui, unread,
    write_timeout::WriteTimeout,
};

/// How often it is written down when tokens were last used.
const NOTE_USES_EVERY: Duration = Duration::from_secs(1);
/// Where it is answered whether the process lives, and whether it can serve.
const ALIVE: &str = "/healthz";
const READY: &str = "/readyz";
/// How many are told at once whether it can serve: the store is asked for each.
const MOST_WATCHERS: usize = 32;
/// How long it may take to tell whether it can serve: load balancers don't wait long.
const MOST_TIME_TO_TELL: Duration = Duration::from_secs(3);
/// How many requests of the admin API and the web UI are worked on at once, so that they can't take
/// the place of identity providers.
const MOST_OF_PEOPLE: usize = 256;
/// How many of those that may come from anybody, and have a body to wait for.
const MOST_OF_STRANGERS: usize = 64;
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
    let maintaining = tokio::spawn(maintenance::run(Arc::clone(&context)));
    accept(&context, listener, stop).await;
    noting.abort();
    maintaining.abort();
    context.token_uses.write_down(&*context.store).await;
    context.unknown_attributes.write_down(&context.store).await;
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
    let connections = Connections::new(configuration.max_connections);
    let shared = Shared {
        context: Arc::clone(context),
        requests: Arc::new(Semaphore::new(configuration.max_concurrent_requests)),
        people: Arc::new(Semaphore::new(MOST_OF_PEOPLE)),
        strangers: Arc::new(Semaphore::new(MOST_OF_STRANGERS)),
        watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
    };
    let router = router(&shared);
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
        let (stream, peer, held) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: give it a moment rather than spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let held = Arc::new(held);
        let (router, shared, holder) = (router.clone(), shared.clone(), Arc::clone(&held));
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let at_work = holder.begin();
            let answered = answer(router.clone(), shared.clone(), peer, request.map(Body::new));
            async move { answered.await.map(|response| until_sent(response, at_work)) }
        });
        let connection = http.serve_connection(TokioIo::new(WriteTimeout::new(stream, patience)), service);
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                biased;
                ended = &mut connection => ended,
                () = held.is_to_end() => {
                    if !held.has_worked() {
                        return; // the head of a request may have begun; nobody waits for its end
                    }
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    // From here on nobody new is let in.
    drop(listener);
    context.stopping.send_replace(true);
    let patience = Duration::from_secs(configuration.shutdown_timeout_seconds);
    if tokio::time::timeout(patience, connections.end()).await.is_err() {
        tracing::warn!("requests that were still in flight were cut off");
    }
}

async fn accept_one(
    listener: &TcpListener,
    connections: &Arc<Connections>,
) -> io::Result<(TcpStream, SocketAddr, Connection)> {
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    // Room is made for somebody who is there, and not before.
    Ok((stream, peer, connections.hold().await))
}

#[derive(Clone)]
struct Shared {
    context: Arc<Context>,
    requests: Arc<Semaphore>,
    people: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
}

fn router(shared: &Shared) -> Router {
    let (api, _) = api::router(&shared.context);
    let context = Arc::clone(&shared.context);
    Router::new()
        .route(ALIVE, get(|| async { "alive\n" }))
        .route(READY, get(ready))
        .with_state(shared.clone())
        .merge(api)
        .fallback(move |request: Request<Body>| std::future::ready(ui::answer(&context, &request)))
}

async fn answer(
    router: Router,
    shared: Shared,
    peer: SocketAddr,
    mut request: Request<Body>,
) -> Result<Response, std::convert::Infallible> {
    if !origin::names_host(&request) {
        return Ok(without_host(&shared.context, peer, &request));
    }
    if !request.uri().path().starts_with(scim::PREFIX) {
        request.extensions_mut().insert(Peer(peer.ip()));
        let is_api = request.uri().path().starts_with(api::PREFIX);
        // Whoever watches over the process is answered however many others wait.
        let permit = match request.uri().path() {
            ALIVE => Ok(None),
            READY => shared.watchers.try_acquire().map(Some),
            // Else whoever sends nothing could keep out all who are signed in.
            _ if api::is_for_strangers(&request) => shared.strangers.try_acquire().map(Some),
            _ => shared.people.try_acquire().map(Some),
        };
        let Ok(permit) = permit else {
            let detail = "The server is busy; try again.";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).into_response();
            return Ok(without_body(&request, busy));
        };
        return Ok(answer_people(router, request, is_api, permit).await);
    }
    let Ok(permit) = shared.requests.try_acquire() else {
        let busy = ScimError::with_status(503, "the server is busy; try again");
        return Ok(without_body(&request, scim::turned_away(&shared.context, peer.ip(), &request, &busy)));
    };
    Ok(scim::handle(Arc::clone(&shared.context), peer.ip(), request, Some(permit)).await)
}

/// A response that is streamed keeps its connection at work until its end.
fn until_sent(response: Response, at_work: AtWork) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _at_work = &at_work;
            frame
        }))
    })
}

/// The answer to a request whose body nobody reads: nothing can follow it.
fn without_body(request: &Request<Body>, mut response: Response) -> Response {
    if !request.body().is_end_stream() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer to a request that doesn't name one host. Nothing that follows on its connection is read.
fn without_host(context: &Arc<Context>, peer: SocketAddr, request: &Request<Body>) -> Response {
    let detail = "The header Host has to be there once, and name the server.";
    let mut response = if request.uri().path().starts_with(scim::PREFIX) {
        scim::turned_away(context, peer.ip(), request, &ScimError::with_status(400, detail))
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail).into_response()
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn ready(State(shared): State<Shared>) -> Response {
    let ping = tokio::time::timeout(MOST_TIME_TO_TELL, shared.context.store.ping());
    let told = ping.await.map_err(|_| "the database doesn't answer".to_owned());
    match told.and_then(|told| told.map_err(|error| error.to_string())) {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(error, "not ready");
            let detail = "The database can't be used at the moment.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).into_response()
        }
    }
}

/// Answers what is not SCIM: the admin API, the web UI, and whether the server is well. A panic is
/// answered with 500.
async fn answer_people(
    router: Router,
    request: Request<Body>,
    is_api: bool,
    permit: Option<SemaphorePermit<'_>>,
) -> Response {
    let is_held_back = unread::is_held_back(request.headers());
    let (head, sent) = request.into_parts();
    let (sent, left) = unread::Lent::new(sent);
    let request = Request::from_parts(head, Body::new(sent));
    let answered = AssertUnwindSafe(router.oneshot(request)).catch_unwind().await;
    let mut response = match answered {
        Ok(Ok(response)) => response,
        Err(_) => {
            tracing::error!("a request handler panicked");
            let detail = "The server failed; its log has more.";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail).into_response()
        }
    };
    drop(permit); // whoever still sends holds up nobody
    let rest = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    let headers = response.headers_mut();
    if let Some(rest) = rest
        && (is_held_back || !unread::discard(rest).await)
    {
        // Nothing can follow what is not read.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    if is_api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn note_uses(context: Arc<Context>) {
    let mut interval = tokio::time::interval(NOTE_USES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        context.token_uses.write_down(&*context.store).await;
        context.unknown_attributes.write_down(&context.store).await;
    }
}
