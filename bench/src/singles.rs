//! The requests that identity providers send most: of one user each.

use std::sync::Arc;

use serde_json::json;

use crate::{
    Failure,
    directory::Population,
    endpoint::Endpoint,
    load::{Plan, spread},
    users,
    workload::{self, Planned, Workload},
};

pub(crate) const GET_BY_ID: &str = "GET user by id";
pub(crate) const BY_USER_NAME: &str = "GET users by `userName eq`";
pub(crate) const POST: &str = "POST user";
pub(crate) const PATCH_ACTIVE: &str = "PATCH active";
/// How many users the bulk request has.
const BULK: usize = 1_000;

/// The workload of bulk requests.
pub(crate) fn bulk_name() -> String {
    format!("bulk of {} POSTs", crate::report::grouped(BULK))
}

pub(crate) async fn read(
    endpoint: &Endpoint,
    population: &Population,
    plan: &Plan,
) -> Result<Vec<Workload>, Failure> {
    workload::one_by_one(endpoint.address, plan, reads(endpoint, population)).await
}

pub(crate) async fn write(
    endpoint: &Endpoint,
    population: &Population,
    plan: &Plan,
) -> Result<Vec<Workload>, Failure> {
    let address = endpoint.address;
    let mut workloads = workload::in_turns(address, plan, creations(endpoint, population)).await?;
    workloads.extend(workload::in_turns(address, plan, vec![patch_active(endpoint, population)]).await?);
    Ok(workloads)
}

pub(crate) fn reads(endpoint: &Endpoint, population: &Population) -> Vec<Planned> {
    let (on, ids) = (endpoint.clone(), Arc::clone(&population.ids));
    let by_id = move |connection, turn| on.get(&format!("/Users/{}", pick(&ids, connection, turn)));
    let (on, users) = (endpoint.clone(), population.users);
    let by_user_name = move |connection, turn| {
        let name = users::user_name(spread(connection, turn) % users, "fill");
        on.get(&format!("/Users?filter=userName+eq+%22{name}%22"))
    };
    vec![Planned::read(GET_BY_ID, Arc::new(by_id)), Planned::read(BY_USER_NAME, Arc::new(by_user_name))]
}

/// Users one by one and a thousand at once; how many users there are goes into their names, so that
/// nobody is made twice.
fn creations(endpoint: &Endpoint, population: &Population) -> Vec<Planned> {
    let (on, users) = (endpoint.clone(), population.users);
    let bulk = move |connection: usize, turn: u64| {
        on.post("/Bulk", &users::bulk(0..BULK, &format!("bulk{users}x{connection}x{turn}")))
    };
    vec![post(endpoint, population), Planned::write(bulk_name(), Arc::new(bulk)).each(BULK).on_at_most(4)]
}

pub(crate) fn post(endpoint: &Endpoint, population: &Population) -> Planned {
    let (on, users) = (endpoint.clone(), population.users);
    let make = move |connection: usize, turn: u64| {
        let unique = format!("new{users}x{connection}");
        on.post("/Users", &users::body(usize::try_from(turn).unwrap_or(0), &unique))
    };
    Planned::write(POST, Arc::new(make))
}

pub(crate) fn patch_active(endpoint: &Endpoint, population: &Population) -> Planned {
    let (on, ids) = (endpoint.clone(), Arc::clone(&population.ids));
    let make = move |connection: usize, turn: u64| {
        let operation = json!({"op": "replace", "path": "active", "value": !turn.is_multiple_of(2)});
        on.patch(&format!("/Users/{}", pick(&ids, connection, turn / 2)), &operation)
    };
    Planned::write(PATCH_ACTIVE, Arc::new(make))
}

fn pick(ids: &[String], connection: usize, turn: u64) -> &str {
    &ids[spread(connection, turn) % ids.len()]
}
