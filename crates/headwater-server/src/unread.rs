//! Bodies that nobody has read when the answer is there. A connection whose client still sends can carry no
//! other request, and if it is closed, the client may not get to read the answer.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Frame, SizeHint},
    header,
};

/// How much of a body that nobody reads is thrown away, and for how long, so that the connection
/// can carry the next request.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;
const MAX_DISCARDING: Duration = Duration::from_secs(2);

/// A body that whoever takes it and doesn't read it to its end leaves behind.
pub(crate) struct Lent {
    body: Option<Body>,
    left: Arc<Mutex<Option<Body>>>,
}

impl Lent {
    /// Lends a body; what is left of it will be there.
    pub(crate) fn new(body: Body) -> (Self, Arc<Mutex<Option<Body>>>) {
        let left = Arc::default();
        (Self { body: Some(body), left: Arc::clone(&left) }, left)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None) = frame {
            self.body = None; // it is read: of chunks that can't be seen otherwise
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

/// Whether the client waits to be told that it may send the body (RFC 9110 §10.1.1), as it is when somebody
/// begins to read it.
pub(crate) fn is_held_back(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Reads a body to its end without looking at it; false when it is too long or too slow for that.
pub(crate) async fn discard(mut body: Body) -> bool {
    let read = async {
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.ok().and_then(|frame| frame.into_data().ok()).map_or(0, |data| data.len());
            if length > MAX_DISCARDED {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(MAX_DISCARDING, read).await.unwrap_or(false)
}
