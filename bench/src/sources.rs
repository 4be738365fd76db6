//! Many sources on one server, each with a token and a few users, beside one source that has as many
//! users as all of them.

use std::{path::Path, sync::Arc, time::Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    Failure,
    administrator::{self, Session},
    connection::Connection,
    directory::{Directory, Subject},
    endpoint::Endpoint,
    kept,
    load::{self, Load, MakeRequest, Measured, Plan, spread},
    report::grouped,
    server::{Location, Server},
    users,
};

/// How many users each source has.
const USERS_EACH: usize = 10;
/// How many sources are made at once.
const FILLING: usize = 16;

/// A kind of request, sent to one source and spread over many.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) one: Measured,
    pub(crate) many: Measured,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) sources: usize,
    pub(crate) comparisons: Vec<Comparison>,
}

/// A source and the ids of its users.
struct Source {
    endpoint: Endpoint,
    ids: Vec<String>,
}

/// Makes the requests that are spread over sources.
type MakeForSources = fn(Arc<Vec<Source>>) -> MakeRequest;

/// The name of what is measured.
pub(crate) fn name(sources: usize) -> String {
    format!("{} sources", grouped(sources))
}

pub(crate) async fn measure(subject: &Subject<'_>, sources: usize, plan: &Plan) -> Result<Results, Failure> {
    let one = Directory::in_folder(&Subject { users: sources * USERS_EACH, ..subject.clone() }).await?;
    let folder = kept::folder(subject.keep, &format!("sources-{sources}"), async |folder: &Path| {
        fill(subject.binary, &Location::Folder(folder.to_owned()), sources).await
    })
    .await?;
    let token = folder.filled["token"].as_str().unwrap_or_default();
    let server_of_one = Server::start(subject.binary, &one.place, &one.token).await?;
    let server_of_many = Server::start(subject.binary, &Location::Folder(folder.data()), token).await?;
    let of_one =
        Arc::new(vec![Source { endpoint: server_of_one.endpoint.clone(), ids: one.population.ids.to_vec() }]);
    let of_many = Arc::new(read(&folder.filled, &server_of_many));
    let mut comparisons = Vec::new();
    let kinds: [(_, MakeForSources); 2] = [("GET user by id", get), ("POST user", post)];
    for (name, make) in kinds {
        eprintln!("measuring {name} in {sources} sources");
        let load = |server: &Server, sources: &Arc<Vec<Source>>| Load {
            address: server.endpoint.address,
            connections: plan.connections,
            make: make(Arc::clone(sources)),
        };
        let loads = [load(&server_of_one, &of_one), load(&server_of_many, &of_many)];
        let measured = load::measure(plan, &loads).await?;
        comparisons.push(Comparison { name, one: measured[0], many: measured[1] });
    }
    Ok(Results { sources, comparisons })
}

fn get(sources: Arc<Vec<Source>>) -> MakeRequest {
    Arc::new(move |connection, turn| {
        let number = spread(connection, turn);
        let Source { endpoint, ids } = &sources[number % sources.len()];
        endpoint.get(&format!("/Users/{}", ids[number / sources.len() % ids.len()]))
    })
}

fn post(sources: Arc<Vec<Source>>) -> MakeRequest {
    Arc::new(move |connection, turn| {
        let body = users::body(usize::try_from(turn).unwrap_or(0), &format!("source{connection}"));
        sources[spread(connection, turn) % sources.len()].endpoint.post("/Users", &body)
    })
}

/// Makes the sources and their users, and tells what was made.
async fn fill(binary: &Path, place: &Location, sources: usize) -> Result<Value, Failure> {
    eprintln!("making {sources} sources");
    let began = Instant::now();
    let token = Server::prepare(binary, place).await?;
    let server = Server::start(binary, place, &token).await?;
    let address = server.endpoint.address;
    let session = Session::sign_in(&server, &mut Connection::open(address).await?).await?;
    let mut tasks = JoinSet::new();
    for start in 0..FILLING {
        let session = session.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut made = Vec::new();
            for number in (start..sources).step_by(FILLING) {
                let slug = format!("source-{number}");
                let endpoint = session.create_source(&mut connection, &slug).await?;
                let body = users::bulk(0..USERS_EACH, "fill");
                let ids = users::made(connection.exchange(&endpoint.post("/Bulk", &body)).await?)?;
                made.push(json!({"slug": slug, "token": endpoint.token, "ids": ids}));
            }
            Ok::<_, Failure>(made)
        });
    }
    let mut made = Vec::with_capacity(sources);
    while let Some(some) = tasks.join_next().await {
        made.extend(some??);
    }
    server.stop().await?;
    eprintln!("made within {} s", began.elapsed().as_secs());
    Ok(json!({"token": token, "sources": made}))
}

fn read(filled: &Value, server: &Server) -> Vec<Source> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let source = |source: &Value| Source {
        endpoint: Endpoint {
            address: server.endpoint.address,
            path: administrator::path_of(source["slug"].as_str().unwrap_or_default()),
            token: text(&source["token"]),
        },
        ids: source["ids"].as_array().into_iter().flatten().map(text).collect(),
    };
    filled["sources"].as_array().into_iter().flatten().map(source).collect()
}
