//! What is measured: the requests that identity providers send most.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use crate::{
    Failure, lists,
    load::{self, Connection, MakeRequest, Measured, Plan},
    pages, report,
    server::{self, Server},
    users,
};

/// The sizes of the groups into which a member is added.
const GROUPS: [usize; 3] = [100, 10_000, 100_000];
/// How many users are made at once while a directory is filled.
const FILLING: usize = 64;
/// How many members fit into one request.
const MEMBERS_A_REQUEST: usize = 10_000;

/// What kind of ceiling a workload is set beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
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

/// A directory of some size and what was measured in it.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) workloads: Vec<Workload>,
    /// What an administrator waits for.
    pub(crate) pages: Vec<pages::Page>,
    /// The server's memory at the start and at the end, in MiB.
    pub(crate) memory: (Option<f64>, Option<f64>),
}

pub(crate) async fn bare_route(plan: &Plan) -> Result<Measured, Failure> {
    let (address, process) = server::start_bare().await?;
    let measured =
        load::measure(address, plan, Arc::new(|_, _| b"GET /user HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec()))
            .await?;
    drop(process);
    Ok(measured)
}

pub(crate) async fn measure(binary: &Path, users: usize, plan: &Plan) -> Result<Directory, Failure> {
    eprintln!("filling a directory of {users} users");
    let server = Arc::new(Server::start(binary).await?);
    let idle = server.memory();
    let ids = Arc::new(fill(&server, users).await?);
    let mut workloads = Vec::new();
    let mut add = async |name: String, kind: Kind, make: MakeRequest| -> Result<(), Failure> {
        if !plan.wants(&name) {
            return Ok(());
        }
        eprintln!("measuring {name}");
        let measured = load::measure(server.address, plan, make).await?;
        workloads.push(Workload { name, kind, each: 1, measured });
        Ok(())
    };
    let (on, known) = (Arc::clone(&server), Arc::clone(&ids));
    add(
        "GET user by id".to_owned(),
        Kind::Read,
        Arc::new(move |connection, turn| {
            request(&on, "GET", &format!("/Users/{}", pick(&known, connection, turn)), None)
        }),
    )
    .await?;
    let on = Arc::clone(&server);
    add(
        "GET users by `userName eq`".to_owned(),
        Kind::Read,
        Arc::new(move |connection, turn| {
            let number = spread(connection, turn) % users;
            request(
                &on,
                "GET",
                &format!("/Users?filter=userName+eq+%22{}%22", users::user_name(number, "fill")),
                None,
            )
        }),
    )
    .await?;
    let on = Arc::clone(&server);
    let size = users;
    add(
        "POST user".to_owned(),
        Kind::Write,
        Arc::new(move |connection, turn| {
            let unique = format!("new{size}x{connection}");
            request(&on, "POST", "/Users", Some(&users::body(usize::try_from(turn).unwrap_or(0), &unique)))
        }),
    )
    .await?;
    let (on, known) = (Arc::clone(&server), Arc::clone(&ids));
    add("PATCH active".to_owned(), Kind::Write, Arc::new(move |connection, turn| {
        let operation = json!({"op": "Replace", "path": "active", "value": if turn % 2 == 0 { "False" } else { "True" }});
        request(&on, "PATCH", &format!("/Users/{}", pick(&known, connection, turn / 2)), Some(&patch(&operation)))
    }))
    .await?;
    let mut largest = String::new();
    for size in GROUPS {
        if plan.only.is_some()
            && !plan.wants(&format!("PATCH one member, group of {}", report::grouped(size)))
        {
            continue;
        }
        let group = make_group(&server, size, &ids).await?;
        largest.clone_from(&group);
        let on = Arc::clone(&server);
        add(
            format!("PATCH one member, group of {}", report::grouped(size)),
            Kind::Write,
            Arc::new(move |connection, turn| {
                // By turns in and out, so that the group keeps its size.
                let member = format!("bench-{connection}-{}", turn / 2);
                let operation = if turn % 2 == 0 {
                    json!({"op": "Add", "path": "members", "value": [{"value": member}]})
                } else {
                    json!({"op": "Remove", "path": "members", "value": [{"value": member}]})
                };
                request(&on, "PATCH", &format!("/Groups/{group}"), Some(&patch(&operation)))
            }),
        )
        .await?;
    }
    workloads.extend(lists::measure(&server, users, plan).await?);
    let pages = if plan.only.is_none() {
        eprintln!("measuring the pages of the web UI");
        pages::measure(&server, users, &ids, &largest).await?
    } else {
        Vec::new()
    };
    Ok(Directory { workloads, pages, memory: (idle, server.memory()) })
}

/// Makes the users, and returns their ids.
async fn fill(server: &Arc<Server>, users: usize) -> Result<Vec<String>, Failure> {
    let tasks: Vec<_> = (0..FILLING)
        .map(|start| {
            let server = Arc::clone(server);
            tokio::spawn(async move {
                let mut connection = Connection::open(server.address).await?;
                let mut ids = Vec::new();
                for number in (start..users).step_by(FILLING) {
                    let body = users::body(number, "fill");
                    ids.push(id_of(
                        connection.exchange(&request(&server, "POST", "/Users", Some(&body))).await?,
                    )?);
                }
                Ok::<_, Failure>(ids)
            })
        })
        .collect();
    let mut ids = Vec::with_capacity(users);
    for task in tasks {
        ids.extend(task.await??);
    }
    Ok(ids)
}

/// Makes a group of a size: of users as far as there are any, then of ids that are nobody's.
async fn make_group(server: &Server, size: usize, ids: &[String]) -> Result<String, Failure> {
    let mut connection = Connection::open(server.address).await?;
    let body = json!({"displayName": format!("Group of {size}")}).to_string();
    let group = id_of(connection.exchange(&request(server, "POST", "/Groups", Some(&body))).await?)?;
    let members: Vec<Value> = (0..size)
        .map(
            |number| json!({"value": ids.get(number).cloned().unwrap_or_else(|| format!("nobody-{number}"))}),
        )
        .collect();
    for members in members.chunks(MEMBERS_A_REQUEST) {
        let operation = json!({"op": "add", "path": "members", "value": members});
        connection
            .exchange(&request(server, "PATCH", &format!("/Groups/{group}"), Some(&patch(&operation))))
            .await?;
    }
    Ok(group)
}

pub(crate) fn request(server: &Server, method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
    let mut request = format!(
        "{method} {}{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n",
        server.path, server.token
    );
    if let Some(body) = body {
        request.push_str("Content-Type: application/scim+json\r\nContent-Length: ");
        request.push_str(&body.len().to_string());
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.push_str(body.unwrap_or_default());
    request.into_bytes()
}

fn patch(operation: &Value) -> String {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]})
        .to_string()
}

fn id_of(body: &[u8]) -> Result<String, Failure> {
    let resource: Value = serde_json::from_slice(body)?;
    Ok(resource["id"].as_str().ok_or("the answer has no id")?.to_owned())
}

fn pick(ids: &[String], connection: usize, turn: u64) -> &str {
    &ids[spread(connection, turn) % ids.len()]
}

/// Numbers that jump about, the same ones in every run.
pub(crate) fn spread(connection: usize, turn: u64) -> usize {
    let mixed = (turn + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(connection as u64)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from(mixed >> 33).unwrap_or(0)
}
