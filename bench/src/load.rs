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

use crate::{Failure, connection::Connection};

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

/// Requests to one address.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) make: MakeRequest,
}

/// Measures loads in turns, so that what else the machine does meets all of them: of each the run with
/// the median rate.
pub(crate) async fn measure(plan: &Plan, loads: &[Load]) -> Result<Vec<Measured>, Failure> {
    let turns: Vec<Arc<Vec<AtomicU64>>> = loads
        .iter()
        .map(|load| Arc::new((0..load.connections).map(|_| AtomicU64::new(0)).collect()))
        .collect();
    let mut runs = vec![Vec::new(); loads.len()];
    for _ in 0..plan.runs {
        for ((load, turns), runs) in loads.iter().zip(&turns).zip(&mut runs) {
            runs.push(run(load, plan.duration, turns).await?);
        }
    }
    Ok(runs.into_iter().map(median).collect())
}

fn median(mut runs: Vec<Measured>) -> Measured {
    runs.sort_by(|left, right| left.rate.total_cmp(&right.rate));
    runs[runs.len() / 2]
}

async fn run(load: &Load, duration: Duration, turns: &Arc<Vec<AtomicU64>>) -> Result<Measured, Failure> {
    let started = Instant::now();
    let deadline = started + duration;
    let address = load.address;
    let tasks: Vec<_> = (0..load.connections)
        .map(|number| {
            let (make, turns) = (Arc::clone(&load.make), Arc::clone(turns));
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

/// Numbers that jump about, the same ones in every run.
pub(crate) fn spread(connection: usize, turn: u64) -> usize {
    let mixed = (turn + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(connection as u64)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from(mixed >> 33).unwrap_or(0)
}
