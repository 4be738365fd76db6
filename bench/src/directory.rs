//! Directories of some size: how they are filled, and all that is measured in one.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    Failure,
    ceilings::{self, Ceilings},
    connection::Connection,
    groups::{self, LargeGroup},
    kept, lists,
    load::Plan,
    pages,
    postgres::Cluster,
    server::{Location, Server},
    singles, users,
    workload::Workload,
};

/// How many users are made with a request while a directory is filled, and how many requests are sent
/// at once.
const FILLING: (usize, usize) = (1_000, 4);
/// How often the server is killed and started.
const STARTS: usize = 3;

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) users: usize,
    /// The sizes of the groups that there are.
    pub(crate) groups: Vec<usize>,
    /// Where filled folders are kept.
    pub(crate) keep: Option<&'a Path>,
}

/// Who is in a directory.
pub(crate) struct Population {
    pub(crate) users: usize,
    pub(crate) ids: Arc<Vec<String>>,
    /// The ids of groups, by size.
    pub(crate) groups: BTreeMap<usize, String>,
}

/// A filled directory.
pub(crate) struct Directory {
    pub(crate) place: Location,
    pub(crate) token: String,
    pub(crate) population: Population,
    _folder: Option<kept::Folder>,
}

/// A directory and what was measured in it.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) users: usize,
    pub(crate) ceilings: Ceilings,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) largest_group: Option<usize>,
    pub(crate) large_group: Option<LargeGroup>,
    /// What an administrator waits for.
    pub(crate) pages: Vec<pages::Page>,
    pub(crate) memory: Memory,
    /// From the start of a server that was killed to its first answer.
    pub(crate) start_up: Duration,
}

/// The server's memory, in MB.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) idle: Option<f64>,
    /// The highest while workloads ran.
    pub(crate) under_load: Option<f64>,
}

impl Results {
    /// A workload that was measured.
    pub(crate) fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.name == name)
    }
}

impl Directory {
    /// Fills a folder, or takes one that is kept.
    pub(crate) async fn in_folder(subject: &Subject<'_>) -> Result<Self, Failure> {
        let name = format!("users-{}", subject.users);
        let mut folder = kept::folder(subject.keep, &name, async |folder: &Path| {
            fill(subject, &Location::Folder(folder.to_owned())).await
        })
        .await?;
        let (place, filled) = (Location::Folder(folder.data()), folder.filled.take());
        Self::of(subject.users, place, &filled, Some(folder))
    }

    /// Fills a database.
    async fn in_database(subject: &Subject<'_>, url: String) -> Result<Self, Failure> {
        let place = Location::Database(url);
        let filled = fill(subject, &place).await?;
        Self::of(subject.users, place, &filled, None)
    }

    fn of(
        users: usize,
        place: Location,
        filled: &Value,
        folder: Option<kept::Folder>,
    ) -> Result<Self, Failure> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let groups = filled["groups"].as_object().ok_or("no groups")?;
        let groups: Result<_, Failure> =
            groups.iter().map(|(size, id)| Ok((size.parse()?, text(id)))).collect();
        let ids = filled["ids"].as_array().ok_or("no ids")?.iter().map(text).collect();
        let population = Population { users, ids: Arc::new(ids), groups: groups? };
        Ok(Self { place, token: text(&filled["token"]), population, _folder: folder })
    }
}

/// Makes the users and the groups, and tells what was made.
async fn fill(subject: &Subject<'_>, place: &Location) -> Result<Value, Failure> {
    let Subject { binary, users, groups: sizes, .. } = subject;
    eprintln!("filling a directory of {users} users");
    let began = Instant::now();
    let token = Server::prepare(binary, place).await?;
    let server = Server::start(binary, place, &token).await?;
    let ids = fill_users(&server, *users).await?;
    let mut groups = serde_json::Map::new();
    for size in sizes {
        groups.insert(size.to_string(), groups::make(&server.endpoint, *size, &ids).await?.into());
    }
    server.stop().await?;
    eprintln!("filled within {} s", began.elapsed().as_secs());
    Ok(json!({"token": token, "ids": ids, "groups": groups}))
}

async fn fill_users(server: &Server, users: usize) -> Result<Vec<String>, Failure> {
    let (size, at_once) = FILLING;
    let mut tasks = JoinSet::new();
    for start in 0..at_once {
        let endpoint = server.endpoint.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open(endpoint.address).await?;
            let mut ids = Vec::new();
            for first in (start * size..users).step_by(size * at_once) {
                let body = users::bulk(first..users.min(first + size), "fill");
                ids.extend(users::made(connection.exchange(&endpoint.post("/Bulk", &body)).await?)?);
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

/// Fills a directory, and measures everything in it.
pub(crate) async fn measure(subject: &Subject<'_>, plan: &Plan) -> Result<Results, Failure> {
    let ceilings = ceilings::of_sqlite(plan).await?;
    let directory = Directory::in_folder(subject).await?;
    workloads(subject.binary, &directory, plan, ceilings).await
}

/// The same in PostgreSQL.
pub(crate) async fn measure_on_postgres(
    subject: &Subject<'_>,
    cluster: &Cluster,
    plan: &Plan,
) -> Result<Results, Failure> {
    let name = format!("users_{}", subject.users);
    let directory = Directory::in_database(subject, cluster.database(&name)?).await?;
    let ceilings = ceilings::of_postgres(cluster, &name, subject.users, plan).await?;
    workloads(subject.binary, &directory, plan, ceilings).await
}

async fn workloads(
    binary: &Path,
    directory: &Directory,
    plan: &Plan,
    ceilings: Ceilings,
) -> Result<Results, Failure> {
    let mut server = Server::start(binary, &directory.place, &directory.token).await?;
    let idle = server.memory();
    let (endpoint, population) = (&server.endpoint, &directory.population);
    let mut workloads = singles::read(endpoint, population, plan).await?;
    // Before anybody joins: the last page is to be the last.
    workloads.extend(lists::measure(endpoint, population, plan).await?);
    workloads.extend(singles::write(endpoint, population, plan).await?);
    workloads.extend(groups::measure(endpoint, population, plan).await?);
    let large_group = groups::read_largest(&server, population, plan).await?;
    let memory = Memory { idle, under_load: server.highest_memory() };
    let pages = match plan.only {
        None => pages::measure(&server, population).await?,
        Some(_) => Vec::new(),
    };
    let get = format!("/Users/{}", population.ids[0]);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let (started, took) = server.kill_and_start(binary, &directory.place, &get).await?;
        server = started;
        starts.push(took);
    }
    starts.sort_unstable();
    let start_up = starts[STARTS / 2];
    let largest_group = population.groups.last_key_value().map(|(size, _)| *size);
    let users = population.users;
    Ok(Results { users, ceilings, workloads, largest_group, large_group, pages, memory, start_up })
}
