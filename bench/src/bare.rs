//! The ceiling for reads: a route that answers a user's JSON and does nothing else.

use std::net::SocketAddr;

use axum::{Router, body::Body, http::header, routing::get};
use hyper::{Request, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{Failure, users};

pub(crate) async fn serve(listen: SocketAddr) -> Result<(), Failure> {
    let body = users::body(1, "0198c0de-7b1a-7c3d-8e5f-0123456789ab");
    let answer = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/scim+json")], body) }
    };
    let router = Router::new().route("/user", get(answer));
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let router = router.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                router.clone().oneshot(request.map(Body::new))
            });
            // A client that goes away is no concern of a ceiling.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}
