//! Whether a connection ends at the process that carries out its statements, or at a pooler that hands each
//! transaction to another one.
//!
//! When a connection begins, its other end says which process it is (`BackendKeyData` in the protocol), so
//! that a statement may be cancelled. A pooler keeps the numbers of its servers' processes to itself, since
//! these change, and makes up one of its own: by chance, or by counting, so that now and then it is that of a
//! process. So the process that answers has to be the one that was named, and no older than the connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Client, Error,
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

use super::fault;

/// The process that answers, and its age in seconds, if that may be known: not where the role is another than that
/// which has logged in.
const PROCESS: &str = "SELECT a.pid, EXTRACT(EPOCH FROM statement_timestamp() - a.backend_start)::FLOAT8 \
     FROM pg_stat_get_activity(pg_backend_pid()) a";
/// How long it may take to answer. Behind a pooler it may have to wait for its turn.
const MOST_ASKING: Duration = Duration::from_secs(1);
/// How much older than the connection its process may seem to be.
const INEXACT: Duration = Duration::from_millis(100);
/// Says that there is TLS.
const YES: u8 = b'S';
/// What a request to cancel begins with: its length, and the number that says what it is.
const CANCEL: [u8; 8] = [0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e];

/// Whether statements are carried out by the process that the connection was made to. `age` tells how long ago it
/// was begun; it is asked when there is an answer. Where none is understood, they are not.
///
/// # Errors
/// The connection is lost.
pub(super) async fn is_at_the_end(client: &Client, age: impl Fn() -> Duration) -> Result<bool, Error> {
    let asked = tokio::time::timeout(MOST_ASKING, client.query_typed(PROCESS, &[]));
    let rows = match asked.await {
        Ok(Err(error)) if fault::is_lost(&error) => return Err(error),
        Ok(Ok(rows)) => rows,
        Ok(Err(_)) | Err(_) => return Ok(false),
    };
    let Some(row) = rows.first() else { return Ok(false) };
    let (Ok(answers), Ok(seconds)) = (row.try_get::<_, i32>(0), row.try_get::<_, Option<f64>>(1)) else {
        return Ok(false);
    };
    let is_young = seconds.is_none_or(|seconds| seconds <= (age() + INEXACT).as_secs_f64());
    Ok(is_young && named_at_the_start(client).await == Some(answers))
}

/// The process that the other end named when the connection began. The driver keeps it for requests to
/// cancel alone: it is read out of one that goes nowhere.
async fn named_at_the_start(client: &Client) -> Option<i32> {
    let mut request = Vec::new();
    client.cancel_token().cancel_query_raw(Nowhere(&mut request), AsItIs).await.ok()?;
    // With TLS, what asks for it stands before.
    let (begins, rest) = request.last_chunk::<16>()?.split_first_chunk()?;
    let number = rest.first_chunk().filter(|_| *begins == CANCEL)?;
    Some(i32::from_be_bytes(*number))
}

/// A connection to nobody, who has TLS: what is sent is kept.
struct Nowhere<'a>(&'a mut Vec<u8>);

/// TLS that changes nothing.
struct AsItIs;

impl AsyncRead for Nowhere<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        into.put_slice(&[YES]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Nowhere<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl TlsStream for Nowhere<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<'a> TlsConnect<Nowhere<'a>> for AsItIs {
    type Stream = Nowhere<'a>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Nowhere<'a>>>;

    fn connect(self, stream: Nowhere<'a>) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}
