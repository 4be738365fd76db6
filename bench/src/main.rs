//! `headwater-bench`: measures a server process over real sockets, and beside it what the same
//! machine gives at most: a bare route of the same HTTP stack, and raw commits of the same rows.

mod bare;
mod lists;
mod load;
mod marks;
mod pages;
mod report;
mod server;
mod users;
mod workloads;

use std::{error::Error, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};

/// Measures Headwater beside the ceilings of the machine.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The server's binary
    #[arg(long, value_name = "FILE", default_value = "target/release/headwater")]
    server: PathBuf,
    /// Where to write the table as Markdown, beside printing it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// How many users the directory has, each in its turn
    #[arg(long, value_delimiter = ',', default_value = "1000,100000")]
    users: Vec<usize>,
    /// How many connections send requests at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long each workload is measured, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often each workload is measured; the median is shown
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measure only workloads whose names have this in them, and no pages
    #[arg(long, value_name = "TEXT", conflicts_with = "write")]
    only: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a fixed answer: the ceiling for reads (used by the benchmark itself)
    #[command(hide = true)]
    Bare {
        /// The address to listen on
        #[arg(long)]
        listen: SocketAddr,
    },
}

/// What a measurement may fail with; it is printed and ends the run.
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if let Some(Command::Bare { listen }) = arguments.command {
        return bare::serve(listen).await;
    }
    let plan = load::Plan {
        connections: arguments.connections,
        duration: Duration::from_secs(arguments.seconds),
        runs: arguments.runs,
        only: arguments.only,
    };
    let mut report = report::Report::new(&plan);
    report.ceiling(workloads::bare_route(&plan).await?);
    report.marks(marks::measure()?);
    for users in arguments.users {
        let measured = workloads::measure(&arguments.server, users, &plan).await?;
        report.directory(users, measured);
    }
    let text = report.to_markdown();
    println!("{text}");
    if let Some(path) = arguments.write {
        std::fs::write(path, text)?;
    }
    Ok(())
}
