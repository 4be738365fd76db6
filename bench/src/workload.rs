//! Workloads: a name, the requests, and what came out.

use std::net::SocketAddr;

use crate::{
    Failure,
    load::{self, Load, MakeRequest, Measured, Plan},
};

/// What kind of ceiling a workload is set beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

/// A workload that is to be measured.
pub(crate) struct Planned {
    name: String,
    kind: Kind,
    each: usize,
    most_connections: usize,
    make: MakeRequest,
}

impl Planned {
    pub(crate) fn read(name: impl Into<String>, make: MakeRequest) -> Self {
        Self { name: name.into(), kind: Kind::Read, each: 1, most_connections: usize::MAX, make }
    }

    pub(crate) fn write(name: impl Into<String>, make: MakeRequest) -> Self {
        Self { kind: Kind::Write, ..Self::read(name, make) }
    }

    /// Each request does so many things.
    pub(crate) fn each(self, each: usize) -> Self {
        Self { each, ..self }
    }

    /// It is sent on no more than so many connections.
    pub(crate) fn on_at_most(self, most_connections: usize) -> Self {
        Self { most_connections, ..self }
    }
}

/// A workload and what came out of it.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How many things each request does.
    pub(crate) each: usize,
    pub(crate) measured: Measured,
}

impl Workload {
    /// Things done a second.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
        let each = self.each as f64;
        self.measured.rate * each
    }
}

/// Measures one workload after the other.
pub(crate) async fn one_by_one(
    address: SocketAddr,
    plan: &Plan,
    planned: Vec<Planned>,
) -> Result<Vec<Workload>, Failure> {
    let mut workloads = Vec::new();
    for planned in planned {
        workloads.extend(in_turns(address, plan, vec![planned]).await?);
    }
    Ok(workloads)
}

/// Measures workloads that are compared with each other, in turns.
pub(crate) async fn in_turns(
    address: SocketAddr,
    plan: &Plan,
    mut planned: Vec<Planned>,
) -> Result<Vec<Workload>, Failure> {
    planned.retain(|planned| plan.wants(&planned.name));
    for Planned { name, .. } in &planned {
        eprintln!("measuring {name}");
    }
    let loads: Vec<Load> = planned
        .iter()
        .map(|planned| Load {
            address,
            connections: plan.connections.min(planned.most_connections),
            make: planned.make.clone(),
        })
        .collect();
    let measured = load::measure(plan, &loads).await?;
    let workloads = planned.into_iter().zip(measured).map(|(planned, measured)| {
        let Planned { name, kind, each, .. } = planned;
        Workload { name, kind, each, measured }
    });
    Ok(workloads.collect())
}
