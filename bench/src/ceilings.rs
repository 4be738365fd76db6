//! What the same machine gives at most, measured beside each directory.

use std::sync::Arc;

use crate::{
    Failure,
    load::{self, Load, Measured, Plan},
    marks::{self, Commits},
    postgres::{Cluster, Pgbench},
    server,
    workload::{Kind, Workload},
};

/// What the database gives by itself.
#[derive(Debug)]
pub(crate) enum Marks {
    Sqlite(Commits),
    Postgres(Pgbench),
}

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
            Kind::Read => {
                let of_bare = format!("{:.2} of the bare route", rate / self.bare.rate);
                match self.marks {
                    Marks::Sqlite(_) => of_bare,
                    Marks::Postgres(Pgbench { select, .. }) => {
                        format!("{of_bare}, {:.2} of pgbench", rate / select)
                    }
                }
            }
            Kind::Write => match self.marks {
                Marks::Sqlite(Commits { single, grouped }) => {
                    format!("{:.2} × single commits, {:.2} of group commits", rate / single, rate / grouped)
                }
                Marks::Postgres(Pgbench { insert, .. }) => format!("{:.2} × pgbench", rate / insert),
            },
        }
    }
}

pub(crate) async fn of_sqlite(plan: &Plan) -> Result<Ceilings, Failure> {
    Ok(Ceilings { bare: bare_route(plan).await?, marks: Marks::Sqlite(marks::measure()?) })
}

/// On the tables of a database that is filled.
pub(crate) async fn of_postgres(
    cluster: &Cluster,
    database: &str,
    users: usize,
    plan: &Plan,
) -> Result<Ceilings, Failure> {
    let bare = bare_route(plan).await?;
    Ok(Ceilings { bare, marks: Marks::Postgres(cluster.pgbench(database, users, plan)?) })
}

async fn bare_route(plan: &Plan) -> Result<Measured, Failure> {
    eprintln!("measuring the bare route");
    let (address, process) = server::start_bare().await?;
    let make = Arc::new(|_, _| b"GET /user HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec());
    let measured = load::measure(plan, &[Load { address, connections: plan.connections, make }]).await?;
    drop(process);
    Ok(measured[0])
}
