//! Other SCIM servers, which anyone can install from package registries, under the same load.

use std::{
    fmt::{self, Write},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command as Blocking,
    sync::Arc,
};

use tokio::{process::Command, task::JoinSet};

use crate::{
    Failure,
    connection::Connection,
    directory::Population,
    endpoint::{Endpoint, id_of},
    groups,
    lists::Lists,
    load::Plan,
    machine,
    report::{grouped, megabytes, rate, time},
    server::{self, Location, Server},
    singles, users,
    workload::{self, Workload},
};

/// How many users are made at once while a server is filled.
const FILLING: usize = 16;
/// How many members the group has.
const GROUP: usize = 1_000;

/// A server that is measured.
struct Peer {
    name: &'static str,
    version: String,
    /// How it runs and where it keeps everything.
    how: &'static str,
    path: &'static str,
    command: fn(&Path, SocketAddr) -> Command,
}

/// What was measured of a server.
struct Results {
    name: String,
    how: String,
    workloads: Vec<Workload>,
    /// The memory that it holds at the end, in MB.
    memory: Option<f64>,
}

/// Measures Headwater and its peers, which are installed in a folder; the result is Markdown.
pub(crate) async fn measure(
    binary: &Path,
    installed: &Path,
    users: usize,
    plan: &Plan,
) -> Result<String, Failure> {
    let mut all = vec![headwater(binary, users, plan).await?];
    for peer in peers(installed)? {
        eprintln!("measuring {}", peer.name);
        let address = server::free_address().await?;
        let process = server::start(&mut (peer.command)(installed, address), address).await?;
        let endpoint = Endpoint { address, path: peer.path.to_owned(), token: "bench".to_owned() };
        let workloads = workloads(&endpoint, users, plan).await?;
        let memory = process.id().and_then(memory_of_all);
        let name = format!("{} {}", peer.name, peer.version);
        all.push(Results { name, how: peer.how.to_owned(), workloads, memory });
    }
    let mut facts = machine::facts();
    facts.extend(machine::output(python(installed), "--version").map(|version| ("Python", version)));
    facts.extend(machine::output("node", "--version").map(|version| ("Node.js", version)));
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write(&mut text, &all, &facts, users, plan);
    Ok(text)
}

fn peers(installed: &Path) -> Result<[Peer; 2], Failure> {
    let version = Blocking::new(python(installed))
        .args(["-c", "from importlib.metadata import version; print(version('scim2-server'))"])
        .output()?;
    let package = fs::read(installed.join("node/node_modules/scimmy/package.json"))?;
    let package: serde_json::Value = serde_json::from_slice(&package)?;
    Ok([
        Peer {
            name: "scim2-server",
            version: String::from_utf8(version.stdout)?.trim().to_owned(),
            how: "Python; its own WSGI application and storage in memory, on gunicorn with one process (which \
                  storage in memory asks for) and 16 threads",
            path: "/v2",
            command: |installed, address| {
                let mut command = Command::new(python(installed));
                command
                    .args(["-m", "gunicorn", "--workers", "1", "--threads", "16", "--log-level", "error"])
                    .args(["--bind", &address.to_string(), "--chdir"])
                    .arg(installed.join("node"))
                    .arg("scim2_server_app:application");
                command
            },
        },
        Peer {
            name: "SCIMMY",
            version: package["version"].as_str().unwrap_or_default().to_owned(),
            how: "Node.js; `scimmy-routers` on Express, one process, with handlers of ours that keep resources in \
                  maps; filters and pages are SCIMMY's own",
            path: "/scim",
            command: |installed, address| {
                let mut command = Command::new("node");
                command
                    .env("NODE_ENV", "production")
                    .arg(installed.join("node/scimmy_app.mjs"))
                    .arg(address.port().to_string());
                command
            },
        },
    ])
}

fn python(installed: &Path) -> PathBuf {
    installed.join("venv/bin/python")
}

async fn headwater(binary: &Path, users: usize, plan: &Plan) -> Result<Results, Failure> {
    eprintln!("measuring Headwater");
    let folder = tempfile::tempdir()?;
    let place = Location::Folder(folder.path().to_owned());
    let token = Server::prepare(binary, &place).await?;
    let server = Server::start(binary, &place, &token).await?;
    let workloads = workloads(&server.endpoint, users, plan).await?;
    let how = "one process with SQLite; every write is on disk before it is answered, with a journal and a log of requests";
    let memory = server.memory();
    Ok(Results { name: "Headwater".to_owned(), how: how.to_owned(), workloads, memory })
}

/// Fills a server, and measures what all of them can do.
async fn workloads(endpoint: &Endpoint, users: usize, plan: &Plan) -> Result<Vec<Workload>, Failure> {
    let ids = fill(endpoint, users).await?;
    let size = GROUP.min(users / 2);
    let group = groups::make(endpoint, size, &ids).await?;
    let population = Population { users, ids: Arc::new(ids), groups: [(size, group)].into() };
    let mut planned = singles::reads(endpoint, &population);
    planned.push(Lists { endpoint, users }.last_page());
    planned.push(singles::patch_active(endpoint, &population));
    for (size, group) in &population.groups {
        planned.push(groups::come_and_go(endpoint, &population, plan, *size, group));
    }
    planned.push(singles::post(endpoint, &population));
    workload::one_by_one(endpoint.address, plan, planned).await
}

async fn fill(endpoint: &Endpoint, users: usize) -> Result<Vec<String>, Failure> {
    let mut tasks = JoinSet::new();
    for start in 0..FILLING {
        let endpoint = endpoint.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open(endpoint.address).await?;
            let mut ids = Vec::new();
            for number in (start..users).step_by(FILLING) {
                let body = users::body(number, "fill");
                ids.push(id_of(connection.exchange(&endpoint.post("/Users", &body)).await?)?);
            }
            Ok::<_, Failure>(ids)
        });
    }
    let mut ids = Vec::with_capacity(users);
    while let Some(made) = tasks.join_next().await {
        ids.extend(made??);
    }
    Ok(ids)
}

/// The memory of a process and those that it has started, in MB.
fn memory_of_all(process: u32) -> Option<f64> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let of_children =
        children.split_whitespace().filter_map(|id| memory_of_all(id.parse().ok()?)).sum::<f64>();
    Some(server::megabytes(server::status_of(process, "VmRSS:")?) + of_children)
}

fn write(
    text: &mut String,
    all: &[Results],
    facts: &[(&str, String)],
    users: usize,
    plan: &Plan,
) -> fmt::Result {
    writeln!(text, "# Peers\n")?;
    writeln!(
        text,
        "Made by `make bench-peers`: the same load on other SCIM servers that can be installed from package registries, each \
         alone on the machine beside the client. {} users, a group of {}, {} connections over loopback; each workload {} times \
         for {} s, the median run. The peers keep everything in memory, and lose it when they end; what Headwater has answered \
         is on disk. They are libraries in the first place: what an application keeps behind them decides about much of this.\n",
        grouped(users),
        grouped(GROUP.min(users / 2)),
        plan.connections,
        plan.runs,
        plan.duration.as_secs()
    )?;
    for (name, fact) in facts {
        writeln!(text, "- {name}: {fact}")?;
    }
    writeln!(text)?;
    for results in all {
        writeln!(text, "- **{}**: {}", results.name, results.how)?;
    }
    write!(text, "\nRequests a second, and the time that half of them took at most:\n\n| |")?;
    for results in all {
        write!(text, " {} |", results.name)?;
    }
    writeln!(text, "\n| --- |{}", " ---: |".repeat(all.len()))?;
    for (number, workload) in all[0].workloads.iter().enumerate() {
        write!(text, "| {} |", workload.name)?;
        for results in all {
            let measured = results.workloads[number].measured;
            write!(text, " {}, {} |", rate(measured.rate), time(measured.p50))?;
        }
        writeln!(text)?;
    }
    write!(text, "| memory at the end |")?;
    for results in all {
        write!(text, " {} |", megabytes(results.memory))?;
    }
    writeln!(text)
}
