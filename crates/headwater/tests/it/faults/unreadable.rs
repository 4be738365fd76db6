//! A disk that fails to be read for a while. Whatever is on it is still there: nothing is taken for damaged.

use headwater_testkit::postgres::wait_until;
use serde_json::json;

use crate::support::{Admin, Server, consistency, text};

#[test]
fn a_database_that_cant_be_read_for_a_while_is_not_damaged() {
    let mut server = Server::start_on_faulty_disk();
    let source = server.source("contoso");
    for number in 0..300 {
        source
            .post("/Users", &json!({"userName": format!("user-{number}"), "title": "T".repeat(2_000)}))
            .expect(201);
    }
    // What has been written is in memory, and after a start it is not.
    assert!(server.stop());
    server.restart(&[]);
    let source = source.at(server.address());

    server.faulty_disk().fail_reads("headwater.db");
    let refused = source.post("/Users", &json!({"userName": "late"}));
    assert!(refused.header("retry-after").is_some());
    let detail = refused.expect_error(503, "");
    assert!(!detail.contains("damaged"), "{detail}");
    for number in 0..300 {
        let patch = json!([{"op": "replace", "path": "active", "value": false}]);
        let found = source.get(&format!("/Users?filter=userName%20eq%20%22user-{number}%22"));
        assert!(matches!(found.status, 200 | 503), "{found:?}");
        if found.status == 200 {
            let id = text(&found.json()["Resources"][0]["id"]);
            let changed = source.patch(&format!("/Users/{id}"), patch);
            assert!(matches!(changed.status, 200 | 204 | 503), "{changed:?}");
        }
    }

    server.faulty_disk().mend_reads();
    source.user("after");
    assert_eq!(source.found("/Users", "userName eq \"late\"").len(), 0);
    wait_until("it is ready", || server.readiness() == 200);
    let logged = server.logged();
    assert!(logged.contains("failed to be read") && !logged.contains("is damaged"), "{logged}");
    assert!(server.stop());
    consistency::check(&server.database());
}

#[test]
fn a_request_log_that_cant_be_read_for_a_while_stays_where_it_is() {
    let mut server = Server::start_on_faulty_disk();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    source.user("ann");
    assert!(server.stop());
    server.restart(&[]);
    let source = source.at(server.address());

    server.faulty_disk().fail_reads("requests.db");
    wait_until("it is met", || {
        source.get("/Users?filter=userName%20eq%20%22ann%22");
        server.logged().contains("failed to be read")
    });
    server.faulty_disk().mend_reads();
    let ada = ada.at(&server);
    let written = || ada.items("/sources/contoso/requests?writes=true").len();
    assert_eq!(written(), 1, "it is the one from before");
    source.user("bob");
    wait_until("it goes on", || written() == 2);
    assert!(!server.data().join("requests.db.damaged").exists());
}
