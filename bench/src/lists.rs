//! Lists: filters of eight shapes, the first page and the last.

use std::sync::Arc;

use crate::{
    Failure,
    directory::Population,
    endpoint::Endpoint,
    load::{Plan, spread},
    users,
    workload::{self, Planned, Workload},
};

pub(crate) const BY_EXTERNAL_ID: &str = "filter: `externalId eq`";
pub(crate) const BY_EMAIL: &str = "filter: `emails.value eq`";
pub(crate) const FIRST_PAGE: &str = "first page of 100";
pub(crate) const LAST_PAGE: &str = "last page of 100";
/// How many resources a page has.
const PAGE: usize = 100;

pub(crate) async fn measure(
    endpoint: &Endpoint,
    population: &Population,
    plan: &Plan,
) -> Result<Vec<Workload>, Failure> {
    let address = endpoint.address;
    let lists = Lists { endpoint, users: population.users };
    let mut workloads = workload::one_by_one(address, plan, lists.filters()).await?;
    workloads.extend(workload::in_turns(address, plan, lists.first_and_last()).await?);
    workloads.extend(workload::one_by_one(address, plan, lists.other_pages()).await?);
    Ok(workloads)
}

/// Lists of the users of a directory.
pub(crate) struct Lists<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) users: usize,
}

impl Lists<'_> {
    fn filters(&self) -> Vec<Planned> {
        let users = self.users;
        let name = move |number: usize| users::user_name(number % users, "fill");
        vec![
            self.filter(BY_EXTERNAL_ID, move |n| format!("externalId eq \"ext-fill-{}\"", n % users)),
            self.filter(BY_EMAIL, move |n| format!("emails.value eq \"{}\"", name(n))),
            self.filter("filter: `emails[type eq … and value eq …]`", move |n| {
                format!("emails[type eq \"work\" and value eq \"{}\"]", name(n))
            }),
            self.filter("filter: `displayName sw`, up to 11 found", move |n| {
                format!("displayName sw \"Given{} \"", n % users)
            }),
            self.filter("filter: `userName ge … and userName lt …`", move |n| {
                format!("userName ge \"{0}\" and userName lt \"{0}~\"", name(n))
            }),
            self.filter("filter: `userName eq … or externalId eq …`", move |n| {
                format!("userName eq \"{}\" or externalId eq \"ext-fill-{}\"", name(n), (n + 1) % users)
            }),
            self.filter("filter: `employeeNumber eq … and not (active eq false)`", move |n| {
                format!("employeeNumber eq \"{}\" and not (active eq false)", n % users)
            }),
            self.filter("filter: `addresses.locality eq`, no index, nobody, on one connection", |_| {
                "addresses.locality eq \"Nowhere\"".to_owned()
            })
            .on_at_most(1),
        ]
    }

    fn first_and_last(&self) -> Vec<Planned> {
        vec![self.list(FIRST_PAGE, |_| format!("count={PAGE}")), self.last_page()]
    }

    pub(crate) fn last_page(&self) -> Planned {
        let last = self.users.saturating_sub(PAGE) + 1;
        self.list(LAST_PAGE, move |_| format!("startIndex={last}&count={PAGE}"))
    }

    fn other_pages(&self) -> Vec<Planned> {
        vec![
            self.list("first page of 100 by cursor", |_| format!("cursor&count={PAGE}")),
            self.list("first page of 100, sorted by userName", |_| format!("sortBy=userName&count={PAGE}")),
        ]
    }

    /// Makes the filter from a number that jumps about.
    fn filter(&self, name: &str, make: impl Fn(usize) -> String + Send + Sync + 'static) -> Planned {
        self.list(name, move |number| format!("filter={}", encoded(&make(number))))
    }

    /// Makes the query from a number that jumps about.
    fn list(&self, name: &str, make: impl Fn(usize) -> String + Send + Sync + 'static) -> Planned {
        let on = self.endpoint.clone();
        let make = move |connection, turn| on.get(&format!("/Users?{}", make(spread(connection, turn))));
        Planned::read(name, Arc::new(make))
    }
}

/// A filter as it stands in a URL.
fn encoded(filter: &str) -> String {
    percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC).to_string()
}
