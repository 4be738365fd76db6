//! HTTP/1.1 as a load generator needs it: one request at a time, on a connection that is kept alive.

use std::{net::SocketAddr, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Failure;

/// An HTTP/1.1 connection that is kept alive, as far as the server lets it.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// What has come of the answer.
    buffer: Vec<u8>,
    /// Where the head of the last answer ends in the buffer.
    head: usize,
    /// The body of the last answer, if it came in chunks.
    body: Vec<u8>,
    first_byte: Instant,
}

/// How the end of a body is told.
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let buffer = Vec::with_capacity(1 << 16);
        let stream = Some(connect(address).await?);
        Ok(Self { address, stream, buffer, head: 0, body: Vec::new(), first_byte: Instant::now() })
    }

    /// Sends a request and returns the body of its answer, which has to be a success.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<&[u8], Failure> {
        self.send(request).await?;
        self.head = self.read_head().await?;
        let line = self.text().lines().next().unwrap_or_default();
        if line.split(' ').nth(1).is_none_or(|status| !status.starts_with('2')) {
            let request = String::from_utf8_lossy(&request[..request.len().min(300)]);
            return Err(format!("{line} answered to {request}").into());
        }
        let keep = !self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let framing = self.framing(keep)?;
        if self.buffer.len() == self.head && !matches!(framing, Framing::Length(0)) {
            self.more().await?;
        }
        self.first_byte = Instant::now();
        let length = match framing {
            Framing::Length(length) => {
                self.have(self.head + length).await?;
                Some(length)
            }
            Framing::Chunked => {
                self.read_chunks().await?;
                None
            }
            Framing::UntilClosed => {
                while self.read().await? > 0 {}
                Some(self.buffer.len() - self.head)
            }
        };
        if !keep {
            self.stream = None;
        }
        Ok(length.map_or(&self.body, |length| &self.buffer[self.head..self.head + length]))
    }

    /// When the first byte of the last answer's body was there.
    pub(crate) fn first_byte(&self) -> Instant {
        self.first_byte
    }

    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text().lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn framing(&self, keep: bool) -> Result<Framing, Failure> {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Ok(Framing::Chunked);
        }
        Ok(match self.header("content-length") {
            Some(length) => Framing::Length(length.parse()?),
            None if keep => Framing::Length(0),
            None => Framing::UntilClosed,
        })
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.buffer.clear();
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(connect(self.address).await?),
        };
        stream.write_all(request).await?;
        Ok(())
    }

    async fn read_head(&mut self) -> Result<usize, Failure> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(end + 4);
            }
            self.more().await?;
        }
    }

    async fn read_chunks(&mut self) -> Result<(), Failure> {
        self.body.clear();
        let mut position = self.head;
        loop {
            let line = loop {
                if let Some(end) = self.buffer[position..].windows(2).position(|window| window == b"\r\n") {
                    break position + end;
                }
                self.more().await?;
            };
            let length = usize::from_str_radix(std::str::from_utf8(&self.buffer[position..line])?, 16)?;
            let start = line + 2;
            position = start + length + 2;
            self.have(position).await?;
            self.body.extend_from_slice(&self.buffer[start..start + length]);
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.buffer[..self.head]).unwrap_or_default()
    }

    async fn have(&mut self, length: usize) -> Result<(), Failure> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.read().await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<usize, Failure> {
        let stream = self.stream.as_mut().ok_or("the connection is closed")?;
        Ok(stream.read_buf(&mut self.buffer).await?)
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
