//! A load generator: a number of connections, each of which sends the next request as soon as the
//! last one is answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Failure;

/// How a workload is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    pub(crate) runs: usize,
    pub(crate) only: Option<String>,
}

impl Plan {
    /// Whether a workload is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

/// What came out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Requests a second.
    pub(crate) rate: f64,
    /// The middle of the times that requests took.
    pub(crate) p50: Duration,
    /// 99 of 100 took less.
    pub(crate) p99: Duration,
}

/// Makes the request of a turn on a connection. Both count from 0; `turn` goes on over runs.
pub(crate) type MakeRequest = Arc<dyn Fn(usize, u64) -> Vec<u8> + Send + Sync>;

/// Measures a workload: the run with the median rate.
pub(crate) async fn measure(
    address: SocketAddr,
    plan: &Plan,
    make: MakeRequest,
) -> Result<Measured, Failure> {
    let turns: Arc<Vec<AtomicU64>> = Arc::new((0..plan.connections).map(|_| AtomicU64::new(0)).collect());
    let mut runs = Vec::new();
    for _ in 0..plan.runs {
        runs.push(run(address, plan, &make, &turns).await?);
    }
    runs.sort_by(|left, right| left.rate.total_cmp(&right.rate));
    Ok(runs[runs.len() / 2])
}

async fn run(
    address: SocketAddr,
    plan: &Plan,
    make: &MakeRequest,
    turns: &Arc<Vec<AtomicU64>>,
) -> Result<Measured, Failure> {
    let started = Instant::now();
    let deadline = started + plan.duration;
    let tasks: Vec<_> = (0..plan.connections)
        .map(|number| {
            let (make, turns) = (Arc::clone(make), Arc::clone(turns));
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut times = Vec::with_capacity(1 << 16);
                while Instant::now() < deadline {
                    let turn = turns[number].fetch_add(1, Ordering::Relaxed);
                    let request = make(number, turn);
                    let sent = Instant::now();
                    connection.exchange(&request).await?;
                    times.push(sent.elapsed());
                }
                Ok::<_, Failure>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let elapsed = started.elapsed();
    times.sort_unstable();
    let at = |part: usize| {
        times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    Ok(Measured { rate, p50: at(50), p99: at(99) })
}

/// An HTTP/1.1 connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where the head of the last answer ends in the buffer.
    head: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16), head: 0 })
    }

    /// Sends a request and returns the body of its answer, which has to be a success.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<&[u8], Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        if !text.starts_with("HTTP/1.1 2") {
            return Err(format!(
                "{} answered to {}",
                text.lines().next().unwrap_or_default(),
                String::from_utf8_lossy(&request[..request.len().min(300)])
            )
            .into());
        }
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(Ok(0), str::parse)?;
        while self.buffer.len() < head + length {
            self.more().await?;
        }
        self.head = head;
        Ok(&self.buffer[head..])
    }

    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.buffer[..self.head]).ok()?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }
}
