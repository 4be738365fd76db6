//! What the same machine gives at most, measured beside each directory.

use std::sync::Arc;

use crate::{
    Failure,
    load::{self, Load, Measured, Plan},
    marks::{self, Marks},
    server,
    workload::{Kind, Workload},
};

/// Ceilings and marks.
#[derive(Debug)]
pub(crate) struct Ceilings {
    /// A bare route of the same HTTP stack.
    pub(crate) bare: Measured,
    pub(crate) marks: Marks,
}

impl Ceilings {
    /// What a workload is set beside.
    pub(crate) fn ratio(&self, workload: &Workload) -> String {
        let rate = workload.rate();
        match workload.kind {
            Kind::Read => format!("{:.2} of the bare route", rate / self.bare.rate),
            Kind::Write => {
                let Marks { single, grouped } = self.marks;
                format!("{:.2} × single commits, {:.2} of group commits", rate / single, rate / grouped)
            }
        }
    }
}

pub(crate) async fn of_sqlite(plan: &Plan) -> Result<Ceilings, Failure> {
    Ok(Ceilings { bare: bare_route(plan).await?, marks: marks::measure()? })
}

async fn bare_route(plan: &Plan) -> Result<Measured, Failure> {
    eprintln!("measuring the bare route");
    let (address, process) = server::start_bare().await?;
    let make = Arc::new(|_, _| b"GET /user HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec());
    let measured = load::measure(plan, &[Load { address, connections: plan.connections, make }]).await?;
    drop(process);
    Ok(measured[0])
}
