//! Groups of all sizes: a member in and out, the group without its members, and all of a large one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Failure,
    connection::Connection,
    directory::Population,
    endpoint::{Endpoint, id_of},
    load::Plan,
    report::grouped,
    server::Server,
    workload::{self, Planned, Workload},
};

/// How many members fit into one request.
const MEMBERS_A_REQUEST: usize = 10_000;
/// The first users are in no group: they are those that come and go.
const OUTSIDERS: usize = 500;
/// Groups up to this size are in all directories.
const LARGE_ENOUGH: usize = 100_000;
/// The least that a member takes in an answer, in bytes.
const LEAST: usize = 20;
/// How often a large group is read.
const READS: usize = 3;

/// What the reading of a large group took.
#[derive(Debug)]
pub(crate) struct LargeGroup {
    pub(crate) members: usize,
    /// Until the first byte of the answer's body.
    pub(crate) first_byte: Duration,
    /// Until its last.
    pub(crate) whole: Duration,
    /// The server's memory before, in MB.
    pub(crate) before: Option<f64>,
    /// The most during it.
    pub(crate) highest: Option<f64>,
}

/// The workload that has a member go into a group and out.
pub(crate) fn patch_name(size: usize) -> String {
    format!("PATCH one member, group of {}", grouped(size))
}

/// The workload that reads a group without its members.
pub(crate) fn excluded_name(size: usize) -> String {
    format!("GET group, `excludedAttributes=members`, group of {}", grouped(size))
}

/// The reading of a whole group.
pub(crate) fn whole_name(size: usize) -> String {
    format!("GET group of {}", grouped(size))
}

/// The sizes of the groups of a directory: none that is larger than it and than 100,000. A directory
/// that is kept has all of them, others those that something is to be measured in.
pub(crate) fn sizes(asked: &[usize], users: usize, kept: bool, plan: &Plan) -> Vec<usize> {
    let names = |size| [patch_name(size), excluded_name(size), whole_name(size)];
    let wanted = |size: &usize| kept || names(*size).iter().any(|name| plan.wants(name));
    let fits = |size: &usize| *size <= users.max(LARGE_ENOUGH);
    asked.iter().copied().filter(fits).filter(wanted).collect()
}

/// Makes a group of a size: of users as far as there are any, then of ids that are nobody's.
pub(crate) async fn make(endpoint: &Endpoint, size: usize, ids: &[String]) -> Result<String, Failure> {
    let mut connection = Connection::open(endpoint.address).await?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": format!("Group of {size}")
    });
    let group = id_of(connection.exchange(&endpoint.post("/Groups", &body.to_string())).await?)?;
    let insiders = ids.get(outsiders(ids)..).unwrap_or_default();
    let member = |number: usize| json!({"value": insiders.get(number).cloned().unwrap_or_else(|| format!("nobody-{number}"))});
    let members: Vec<Value> = (0..size).map(member).collect();
    for members in members.chunks(MEMBERS_A_REQUEST) {
        let operation = json!({"op": "add", "path": "members", "value": members});
        connection.exchange(&endpoint.patch(&format!("/Groups/{group}"), &operation)).await?;
    }
    Ok(group)
}

fn outsiders(ids: &[String]) -> usize {
    OUTSIDERS.min(ids.len() / 2)
}

pub(crate) async fn measure(
    endpoint: &Endpoint,
    population: &Population,
    plan: &Plan,
) -> Result<Vec<Workload>, Failure> {
    let patches =
        population.groups.iter().map(|(size, group)| come_and_go(endpoint, population, plan, *size, group));
    let mut workloads = workload::in_turns(endpoint.address, plan, patches.collect()).await?;
    let (first, last) = (population.groups.first_key_value(), population.groups.last_key_value());
    let reads = [first, last].into_iter().flatten().map(|(size, group)| {
        let (on, path) = (endpoint.clone(), format!("/Groups/{group}?excludedAttributes=members"));
        Planned::read(excluded_name(*size), Arc::new(move |_, _| on.get(&path)))
    });
    workloads.extend(workload::in_turns(endpoint.address, plan, reads.collect()).await?);
    Ok(workloads)
}

/// By turns in and out, so that the group keeps its size.
pub(crate) fn come_and_go(
    endpoint: &Endpoint,
    population: &Population,
    plan: &Plan,
    size: usize,
    group: &str,
) -> Planned {
    let (on, ids, path) = (endpoint.clone(), Arc::clone(&population.ids), format!("/Groups/{group}"));
    // Each connection has users of its own.
    let each = (outsiders(&ids) / plan.connections).max(1);
    let make = move |connection: usize, turn: u64| {
        let number = connection * each + usize::try_from(turn / 2).unwrap_or(0) % each;
        let member = &ids[number % ids.len()];
        let operation = match turn % 2 {
            0 => json!({"op": "add", "path": "members", "value": [{"value": member}]}),
            _ => json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")}),
        };
        on.patch(&path, &operation)
    };
    Planned::write(patch_name(size), Arc::new(make))
}

/// Reads the whole of the largest group, alone: the middle of the times, and the most memory.
pub(crate) async fn read_largest(
    server: &Server,
    population: &Population,
    plan: &Plan,
) -> Result<Option<LargeGroup>, Failure> {
    let Some((&members, group)) = population.groups.last_key_value() else { return Ok(None) };
    if !plan.wants(&whole_name(members)) {
        return Ok(None);
    }
    eprintln!("measuring {}", whole_name(members));
    let mut connection = Connection::open(server.endpoint.address).await?;
    let request = server.endpoint.get(&format!("/Groups/{group}"));
    let before = server.mark_memory();
    let (mut first_bytes, mut wholes) = (Vec::new(), Vec::new());
    for _ in 0..READS {
        let sent = Instant::now();
        let length = connection.exchange(&request).await?.len();
        wholes.push(sent.elapsed());
        first_bytes.push(connection.first_byte() - sent);
        if length < members * LEAST {
            return Err(format!("the answer has {length} bytes, too few for {members} members").into());
        }
    }
    let highest = server.highest_since_mark();
    first_bytes.sort_unstable();
    wholes.sort_unstable();
    let (first_byte, whole) = (first_bytes[READS / 2], wholes[READS / 2]);
    Ok(Some(LargeGroup { members, first_byte, whole, before, highest }))
}
