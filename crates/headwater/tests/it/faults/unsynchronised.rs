//! A disk that fails to take what was written: nothing goes on from there, and nothing that was acknowledged is
//! lost.

use std::fs;

use headwater_testkit::postgres::wait_until;
use serde_json::json;

use crate::support::{Server, Source, consistency};

/// A server on a faulty disk, and a source with a user.
fn started() -> (Server, Source) {
    let server = Server::start_on_faulty_disk();
    let source = server.source("contoso");
    source.user("before");
    (server, source)
}

/// Once it has failed nothing is written any more, reading goes on, and whoever asks is told. When the server
/// has been started again, all is there that was acknowledged.
fn is_out_of_service_until_restarted(mut server: Server, source: &Source, acknowledged: &[String]) {
    assert!(server.faulty_disk().has_failed());
    let refused = source.post("/Users", &json!({"userName": "late"}));
    assert!(refused.header("retry-after").is_some());
    refused.expect_error(503, "");
    assert_eq!(source.found("/Users", "userName eq \"before\"").len(), 1);
    assert_eq!(server.readiness(), 503);
    let logged = server.logged();
    assert!(logged.contains("has failed to put") && logged.contains("started again"), "{logged}");
    server.stop();
    let log = server.database().with_extension("db-wal");
    assert!(fs::metadata(log).is_ok_and(|log| log.len() > 0), "the log is kept");

    server.restart(&[]);
    let source = source.at(server.address());
    for name in acknowledged {
        assert_eq!(source.found("/Users", &format!("userName eq \"{name}\"")).len(), 1, "{name}");
    }
    source.user("after");
    assert!(server.stop());
    consistency::check(&server.database());
}

#[test]
fn a_log_that_is_not_on_the_disk_is_not_written_on() {
    let (server, source) = started();
    server.faulty_disk().fail("headwater.db-wal");
    let mut acknowledged = vec!["before".to_owned()];
    // What the server writes down by itself may meet it first.
    for number in 0.. {
        let name = format!("user-{number}");
        let answer = source.post("/Users", &json!({"userName": name}));
        if answer.status != 201 {
            answer.expect_error(503, "");
            break;
        }
        acknowledged.push(name);
    }
    is_out_of_service_until_restarted(server, &source, &acknowledged);
}

#[test]
fn a_database_that_is_not_on_the_disk_is_made_good_from_its_log() {
    let (server, source) = started();
    server.faulty_disk().fail("headwater.db");
    let mut acknowledged = vec!["before".to_owned()];
    wait_until("nothing is written any more", || {
        let name = format!("user-{}", acknowledged.len());
        let answer = source.post("/Users", &json!({"userName": name}));
        if answer.status == 201 {
            acknowledged.push(name);
        }
        answer.status == 503
    });
    is_out_of_service_until_restarted(server, &source, &acknowledged);
}
