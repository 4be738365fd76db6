//! `headwater-bench`: measures a server process over real sockets, and beside it what the same
//! machine gives at most: a bare route of the same HTTP stack, and raw commits of the same rows.

mod administrator;
mod bare;
mod ceilings;
mod connection;
mod directory;
mod endpoint;
mod groups;
mod kept;
mod lists;
mod load;
mod machine;
mod marks;
mod pages;
mod peers;
mod postgres;
mod report;
mod server;
mod singles;
mod sources;
mod targets;
mod users;
mod workload;

use std::{error::Error, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use directory::Subject;

/// Measures Headwater beside the ceilings of the machine.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The server's binary
    #[arg(long, global = true, value_name = "FILE", default_value = "target/release/headwater")]
    server: PathBuf,
    /// Where to write the report as Markdown, beside printing it
    #[arg(long, global = true, value_name = "FILE")]
    write: Option<PathBuf>,
    /// How many users the directory has, each in its turn
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    users: Vec<usize>,
    /// Where the directories are
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
    /// How many members the groups of a directory have
    #[arg(long, value_delimiter = ',', default_value = "10,100,10000,100000,1000000")]
    groups: Vec<usize>,
    /// On how many sources requests are spread, for the comparison with one source; 0 to leave it out
    #[arg(long, default_value_t = 10_000)]
    sources: usize,
    /// How many connections send requests at once
    #[arg(long, global = true, default_value_t = 16)]
    connections: usize,
    /// How long each workload is measured, in seconds
    #[arg(long, global = true, default_value_t = 2)]
    seconds: u64,
    /// How often each workload is measured; the median is shown
    #[arg(long, global = true, default_value_t = 3)]
    runs: usize,
    /// Measure only workloads whose names have this in them, and no pages
    #[arg(long, value_name = "TEXT", conflicts_with = "write")]
    only: Option<String>,
    /// Keep filled directories in this folder, and work on copies of those that are there
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// What a directory is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    /// A folder
    Sqlite,
    /// A PostgreSQL of its own
    Postgres,
    /// The one after the other
    Both,
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
    /// Measure other SCIM servers under the same load; `make bench-peers` installs them
    Peers {
        /// Where they are installed
        #[arg(long, value_name = "FOLDER")]
        installed: PathBuf,
        /// How many users each server has
        #[arg(long, default_value_t = 2_000)]
        users: usize,
    },
}

/// What a measurement may fail with; it is printed and ends the run.
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let plan = load::Plan {
        connections: arguments.connections,
        duration: Duration::from_secs(arguments.seconds),
        runs: arguments.runs,
        only: arguments.only.clone(),
    };
    let text = match &arguments.command {
        Some(Command::Bare { listen }) => return bare::serve(*listen).await,
        Some(Command::Peers { installed, users }) => {
            peers::measure(&arguments.server, installed, *users, &plan).await?
        }
        None => measure(&arguments, &plan).await?,
    };
    println!("{text}");
    if let Some(path) = &arguments.write {
        std::fs::write(path, text)?;
    }
    Ok(())
}

async fn measure(arguments: &Arguments, plan: &load::Plan) -> Result<String, Failure> {
    let subject = |users: usize| Subject {
        binary: &arguments.server,
        users,
        groups: groups::sizes(&arguments.groups, users, arguments.keep.is_some(), plan),
        keep: arguments.keep.as_deref(),
    };
    let mut report = report::Report::new(plan);
    let on_sqlite = arguments.database != Database::Postgres;
    for users in arguments.users.iter().filter(|_| on_sqlite) {
        report.directory(directory::measure(&subject(*users), plan).await?);
    }
    if arguments.database != Database::Sqlite {
        let cluster = postgres::Cluster::start()?;
        let mut directories = Vec::new();
        for users in &arguments.users {
            directories.push(directory::measure_on_postgres(&subject(*users), &cluster, plan).await?);
        }
        report.on_postgres(cluster.version(), directories);
    }
    if on_sqlite && arguments.sources > 0 && plan.wants(&sources::name(arguments.sources)) {
        report.sources(sources::measure(&subject(0), arguments.sources, plan).await?);
    }
    Ok(report.to_markdown())
}
