//! What an administrator waits for: the requests behind the pages of the web UI, one after the
//! other on one connection, as a person sends them.

use std::time::{Duration, Instant};

use crate::{
    Failure, administrator::Session, connection::Connection, directory::Population, server::Server, users,
};

/// How often each is asked for.
const TIMES: usize = 20;
/// The size of the group that is looked at.
const GROUP: usize = 100_000;

/// A page and how long it took.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) name: &'static str,
    /// The middle of the times.
    pub(crate) p50: Duration,
    /// The longest.
    pub(crate) longest: Duration,
}

/// Measures the pages of a directory.
pub(crate) async fn measure(server: &Server, population: &Population) -> Result<Vec<Page>, Failure> {
    eprintln!("measuring the pages of the web UI");
    let Population { users, ids, groups } = population;
    let Some(group) = groups.get(&GROUP) else { return Ok(Vec::new()) };
    let mut connection = Connection::open(server.endpoint.address).await?;
    let session = Session::sign_in(server, &mut connection).await?;
    let user = &ids[ids.len() / 2];
    let name = users::user_name(users / 2, "fill");
    let pages = [
        ("sources", "/sources".to_owned()),
        ("a source's overview", "/sources/bench/overview".to_owned()),
        ("users by user name", "/users?source=bench".to_owned()),
        ("users by display name, backwards", "/users?source=bench&sort=display_name&order=desc".to_owned()),
        (
            "users by last change, the latest first",
            "/users?source=bench&sort=last_modified&order=desc".to_owned(),
        ),
        ("inactive users", "/users?source=bench&active=false".to_owned()),
        ("search for one user", format!("/users?source=bench&q={name}")),
        ("search that all users meet", "/users?q=given".to_owned()),
        ("search that nobody meets", "/users?q=nobody-at-all".to_owned()),
        ("a user", format!("/sources/bench/users/{user}")),
        ("a user's history", format!("/sources/bench/changes?resource={user}")),
        ("a user's requests", format!("/sources/bench/requests?user={user}")),
        ("groups", "/groups?source=bench".to_owned()),
        ("members of a group of 100,000", format!("/sources/bench/groups/{group}/members")),
        ("search in a group of 100,000", format!("/sources/bench/groups/{group}/members?q=Given9")),
        ("a group's history", format!("/sources/bench/changes?resource={group}")),
        ("what happened last", "/sources/bench/changes".to_owned()),
        ("requests, the latest first", "/sources/bench/requests".to_owned()),
        ("refused requests", "/sources/bench/requests?status=error".to_owned()),
        ("requests with a text", "/sources/bench/requests?q=nowhere".to_owned()),
        ("health", "/system".to_owned()),
    ];
    let mut measured = Vec::new();
    for (name, path) in pages {
        let request = session.get(&path);
        let mut times = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let sent = Instant::now();
            connection.exchange(&request).await?;
            times.push(sent.elapsed());
        }
        times.sort_unstable();
        measured.push(Page { name, p50: times[TIMES / 2], longest: times[TIMES - 1] });
    }
    Ok(measured)
}
