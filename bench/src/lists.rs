//! Lists and bulk requests: filters of eight shapes, the first page and the last, a thousand users at
//! once.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    Failure,
    load::{self, Connection, Plan},
    report,
    server::Server,
    users,
    workloads::{Kind, Workload, request, spread},
};

/// How many users a bulk request has.
const BULK: usize = 1_000;
/// How many resources a page has.
const PAGE: usize = 100;

/// Makes the query of a list, from a number that jumps about.
type MakeQuery = Box<dyn Fn(usize) -> String + Send + Sync>;

/// Measures a directory of so many users that were filled in.
pub(crate) async fn measure(
    server: &Arc<Server>,
    users: usize,
    plan: &Plan,
) -> Result<Vec<Workload>, Failure> {
    let mut workloads = Vec::new();
    for (name, make) in queries(users).into_iter().filter(|(name, _)| plan.wants(name)) {
        eprintln!("measuring {name}");
        let on = Arc::clone(server);
        let make = Arc::new(move |connection, turn| {
            request(&on, "GET", &format!("/Users?{}", make(spread(connection, turn))), None)
        });
        let measured = load::measure(server.address, plan, make).await?;
        workloads.push(Workload { name, kind: Kind::Read, each: 1, measured });
    }
    let name = format!("bulk of {} POSTs", report::grouped(BULK));
    if plan.wants(&name) {
        workloads.push(bulk(server, users, plan, name).await?);
    }
    Ok(workloads)
}

fn queries(users: usize) -> Vec<(String, MakeQuery)> {
    let name = move |number: usize| users::user_name(number % users, "fill");
    let filter = |shape: &str, make: Box<dyn Fn(usize) -> String + Send + Sync>| -> (String, MakeQuery) {
        let query = move |number| format!("filter={}", encoded(&make(number)));
        (format!("filter: {shape}"), Box::new(query))
    };
    let last = users.saturating_sub(PAGE) + 1;
    let mut queries: Vec<(String, MakeQuery)> = vec![
        filter("`externalId eq`", Box::new(move |n| format!("externalId eq \"ext-fill-{}\"", n % users))),
        filter("`emails.value eq`", Box::new(move |n| format!("emails.value eq \"{}\"", name(n)))),
        filter(
            "`emails[type eq … and value eq …]`",
            Box::new(move |n| format!("emails[type eq \"work\" and value eq \"{}\"]", name(n))),
        ),
        filter(
            "`displayName sw`, up to 11 found",
            Box::new(move |n| format!("displayName sw \"Given{} \"", n % users)),
        ),
        filter(
            "`userName ge … and userName lt …`",
            Box::new(move |n| format!("userName ge \"{0}\" and userName lt \"{0}~\"", name(n))),
        ),
        filter(
            "`userName eq … or externalId eq …`",
            Box::new(move |n| {
                format!("userName eq \"{}\" or externalId eq \"ext-fill-{}\"", name(n), (n + 1) % users)
            }),
        ),
        filter(
            "`employeeNumber eq … and not (active eq false)`",
            Box::new(move |n| format!("employeeNumber eq \"{}\" and not (active eq false)", n % users)),
        ),
        filter(
            "`addresses.locality eq`, no index, nobody",
            Box::new(|_| "addresses.locality eq \"Nowhere\"".to_owned()),
        ),
    ];
    queries.push((format!("first page of {PAGE}"), Box::new(|_| format!("count={PAGE}"))));
    queries
        .push((format!("last page of {PAGE}"), Box::new(move |_| format!("startIndex={last}&count={PAGE}"))));
    queries.push((format!("first page of {PAGE} by cursor"), Box::new(|_| format!("cursor&count={PAGE}"))));
    queries.push((
        format!("first page of {PAGE}, sorted by userName"),
        Box::new(|_| format!("sortBy=userName&count={PAGE}")),
    ));
    queries
}

async fn bulk(server: &Arc<Server>, users: usize, plan: &Plan, name: String) -> Result<Workload, Failure> {
    eprintln!("measuring {name}");
    let body = move |unique: &str| {
        let operations: Vec<Value> = (0..BULK)
            .map(|number| {
                let data: Value = serde_json::from_str(&users::body(number, unique)).unwrap_or_default();
                json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data})
            })
            .collect();
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
            .to_string()
    };
    let mut connection = Connection::open(server.address).await?;
    let answer: Value = serde_json::from_slice(
        connection.exchange(&request(server, "POST", "/Bulk", Some(&body(&format!("check{users}"))))).await?,
    )?;
    let created = answer["Operations"].as_array().into_iter().flatten().filter(|one| one["status"] == "201");
    if created.count() != BULK {
        return Err("not every operation of a bulk request was done".into());
    }
    let on = Arc::clone(server);
    let make = Arc::new(move |connection, turn| {
        request(&on, "POST", "/Bulk", Some(&body(&format!("bulk{users}x{connection}x{turn}"))))
    });
    let measured =
        load::measure(server.address, &Plan { connections: plan.connections.min(4), ..plan.clone() }, make)
            .await?;
    Ok(Workload { name, kind: Kind::Write, each: BULK, measured })
}

/// A filter as it stands in a URL.
fn encoded(filter: &str) -> String {
    percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC).to_string()
}
