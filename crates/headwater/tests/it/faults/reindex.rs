//! A program that makes the keys of the index in another form than those before it.

use std::process::Child;

use headwater_testkit::postgres::{Database, wait_until};
use serde_json::json;

use crate::support::{Request, Server, eventually, headwater_started, headwater_with};

/// More than are made anew in one transaction.
const USERS: usize = 700;

/// Makes the keys such as an earlier program could have made them.
fn damage(database: &Database) {
    database.run(
        "UPDATE resource_key SET key = upper(key); UPDATE index_form SET wanted = wanted - 1, made = made - 1",
    );
}

fn start(database: &Database) -> Child {
    headwater_started(&["serve", "--listen", "127.0.0.1:0", "--database-url", &database.url()])
}

#[test]
fn servers_that_are_killed_while_they_make_the_index_are_started_again() {
    let database = Database::new();
    let mut server = Server::start_on(&database.url(), &[]);
    let (large, small) = (server.source("large"), server.source("small"));
    let operations: Vec<_> = (0..USERS)
        .map(|number| {
            let data = json!({"userName": format!("user{number}")});
            json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data})
        })
        .collect();
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    large.post("/Bulk", &json!({"schemas": schemas, "Operations": operations})).expect(200);
    small.user("ada");
    assert!(server.stop());
    damage(&database);
    let lock = "SELECT last FROM source_sequence WHERE source_id = (SELECT id FROM source WHERE slug = 'small') FOR UPDATE";
    let held = database.hold(lock);
    let mut starting = [start(&database), start(&database)];
    wait_until("one source is made", || database.run("SELECT COUNT(*) FROM index_to_make") == "1");
    for process in &mut starting {
        assert!(process.try_wait().expect("asked").is_none(), "it waits");
        process.kill().expect("killed");
        process.wait().expect("ended");
    }
    assert_eq!(database.run("SELECT wanted - made FROM index_form"), "1");
    drop(held);
    server.restart(&[]);
    assert_eq!(database.run("SELECT wanted - made FROM index_form"), "0");
    let last = format!("userName eq \"user{}\"", USERS - 1);
    assert_eq!(large.at(server.address()).found("/Users", &last).len(), 1);
    assert_eq!(small.at(server.address()).found("/Users", "userName eq \"ada\"").len(), 1);
    assert_eq!(database.run("SELECT COUNT(*) FROM resource_key WHERE key <> lower(key)"), "0");
}

/// Nobody waits for keys that aren't there.
#[test]
fn a_new_database_has_no_index_to_be_made_anew() {
    let database = Database::new();
    let server = Server::start_on(&database.url(), &["--log", "info"]);
    assert_eq!(database.run("SELECT made = wanted, made > 3 FROM index_form"), "t|t");
    server.source("contoso").user("ada");
    let logged = server.logged();
    assert!(logged.contains("listening") && !logged.contains("making the index"), "{logged}");
}

/// A server that still runs when one of a newer version has come.
#[test]
fn a_server_of_an_earlier_form_answers_503_and_is_not_ready() {
    let database = Database::new();
    let server = Server::start_on(&database.url(), &[]);
    let source = server.source("contoso");
    source.user("ada");
    let come = |by: &str| {
        database.run(&format!(
            "BEGIN; UPDATE index_form SET wanted = wanted + {by}, made = made + {by}; \
             UPDATE generation SET value = value + 1; COMMIT"
        ));
    };
    come("1");
    let refused = eventually("it has been noticed", || {
        let answer = source.get("/Users?filter=userName%20eq%20%22ada%22");
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    source.post("/Users", &json!({"userName": "bob"})).expect(503);
    let ready = Request { method: "GET".to_owned(), target: "/readyz".to_owned(), ..Request::default() };
    assert_eq!(source.send(&ready).expect("an answer").status, 503);
    let list = headwater_with(&["source", "list"], &[("HEADWATER_DATABASE_URL", &database.url())]);
    let error = String::from_utf8_lossy(&list.stderr);
    assert_eq!(list.status.code(), Some(1));
    assert!(
        error.contains("form 5 and this version of headwater makes form 4") && error.lines().count() == 1,
        "{error}"
    );
    come("-1");
    eventually("it goes on", || (source.get("/Users").status == 200).then_some(()));
    assert_eq!(source.found("/Users", "userName eq \"bob\"").len(), 0);
}
