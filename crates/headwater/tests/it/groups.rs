//! Groups and their members: large ones, contended ones, and what ends with a user.

use std::{collections::BTreeSet, sync::Arc, thread};

use serde_json::{Value, json};

use crate::support::{Server, Source, consistency, database_of, percent};

fn group(source: &Source, name: &str, members: &[String]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let created =
        source.post("/Groups", &json!({"displayName": name, "members": members})).expect(201).json();
    created["id"].as_str().expect("an id").to_owned()
}

/// Shows PAT-016, PAT-017, PAT-018, ATR-003, ATR-010, ATR-011, AMB-39.
#[test]
fn a_group_of_any_size_is_answered_whole_and_once() {
    let server = Server::start();
    let source = server.source("large");
    let known: Vec<String> = (0..50).map(|number| source.user(&format!("user-{number}"))).collect();
    let id = group(&source, "Large", &known);
    let path = format!("/Groups/{id}");
    let mut wanted: BTreeSet<String> = known.iter().cloned().collect();
    for batch in 0..5 {
        let members: Vec<Value> =
            (0..700).map(|number| json!({"value": format!("outsider-{batch}-{number}")})).collect();
        wanted.extend(members.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)));
        let answer = source.patch(&path, json!([{"op": "add", "path": "members", "value": members}]));
        // 200 with the resource up to 1,000 members, 204 with the version above.
        let status = if wanted.len() <= 1_000 { 200 } else { 204 };
        let answer = answer.expect(status);
        assert!(answer.header("etag").is_some());
        assert_eq!(answer.header("location").is_none(), status == 204, "RFC 7644 erratum 5295");
        assert_eq!(answer.body.is_empty(), status == 204);
    }
    let whole = source.get(&path).expect(200);
    assert_eq!(whole.header("transfer-encoding"), Some("chunked"), "streamed");
    let whole = whole.json();
    assert_eq!(whole["members"].as_array().map(Vec::len), Some(wanted.len()));
    assert_eq!(consistency::ids(&whole["members"]), wanted);
    let listed = source.get("/Groups").expect(200).json();
    assert_eq!(consistency::ids(&listed["Resources"][0]["members"]), wanted, "in a list too");

    let without = source.get(&format!("{path}?excludedAttributes=members")).expect(200).json();
    assert!(without.get("members").is_none(), "the key is absent");
    let values = source.get(&format!("{path}?attributes=members.value")).expect(200).json();
    assert_eq!(consistency::ids(&values["members"]), wanted);
    assert!(
        values["members"]
            .as_array()
            .expect("members")
            .iter()
            .all(|member| member.as_object().map(serde_json::Map::len) == Some(1))
    );
    let asked = source.send(&source.request(
        "PATCH",
        &format!("{path}?attributes=displayName"),
        Some(&crate::support::patch(
            &json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", known[0])}]),
        )),
    ));
    assert_eq!(
        asked.expect("an answer").expect(200).json()["displayName"],
        "Large",
        "200 whenever attributes are asked for"
    );
    let few: Vec<Value> = known[1..3].iter().map(|id| json!({"value": id})).collect();
    let replaced =
        source.patch(&path, json!([{"op": "replace", "path": "members", "value": few}])).expect(200).json();
    assert_eq!(consistency::ids(&replaced["members"]), known[1..3].iter().cloned().collect());
    consistency::check(&server.database());
}

/// Shows PAT-052.
#[test]
fn concurrent_changes_of_one_group_are_all_kept() {
    let server = Server::start();
    let source = Arc::new(server.source("contended"));
    let users: Vec<String> = (0..100).map(|number| source.user(&format!("user-{number}"))).collect();
    let id = group(&source, "Contended", &users[..50]);
    let threads: Vec<_> = users
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, user)| {
            let (source, id) = (source.at(server.address()), id.clone());
            thread::spawn(move || {
                let operation = if number < 50 {
                    json!({"op": "remove", "path": format!("members[value eq \"{user}\"]")})
                } else {
                    json!({"op": "add", "path": "members", "value": [{"value": user}]})
                };
                source.patch(&format!("/Groups/{id}"), json!([operation])).expect(200);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a client");
    }
    let found = source.get(&format!("/Groups/{id}")).expect(200).json();
    assert_eq!(consistency::ids(&found["members"]), users[50..].iter().cloned().collect());
    assert_eq!(found["meta"]["version"], "W/\"101\"", "each of them changed it");
    consistency::check(&server.database());
}

#[test]
fn concurrent_changes_of_one_user_are_all_kept() {
    let server = Server::start();
    let source = server.source("contended");
    let id = source.user("ada");
    let threads: Vec<_> = (0..50)
        .map(|number| {
            let (source, id) = (source.at(server.address()), id.clone());
            thread::spawn(move || {
                let email = json!([{"value": format!("{number}@example.com"), "type": "work"}]);
                source
                    .patch(&format!("/Users/{id}"), json!([{"op": "add", "path": "emails", "value": email}]))
                    .expect(200);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a client");
    }
    let found = source.get(&format!("/Users/{id}")).expect(200).json();
    assert_eq!(consistency::ids(&found["emails"]).len(), 50);
    consistency::check(&server.database());
}

/// Shows CRE-007, USR-002.
#[test]
fn only_one_of_many_takes_a_name() {
    let server = Server::start();
    let source = server.source("contended");
    let threads: Vec<_> = (0..50)
        .map(|number| {
            let source = source.at(server.address());
            let name = if number % 2 == 0 { "Ada" } else { "ADA" };
            thread::spawn(move || source.post("/Users", &json!({"userName": name})).status)
        })
        .collect();
    let mut statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    consistency::check(&server.database());
}

/// Shows DEL-001, DEL-003, DEL-007, USR-018, USR-027, AMB-14, AMB-47.
#[test]
fn a_deleted_user_leaves_groups_and_reports() {
    let server = Server::start();
    let source = server.source("leaving");
    let (manager, report) = (source.user("manager"), source.user("report"));
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let set = source.patch(
        &format!("/Users/{report}"),
        json!([{"op": "add", "path": format!("{enterprise}:manager"), "value": manager}]),
    );
    assert_eq!(
        set.expect(200).json()[enterprise]["manager"]["$ref"],
        format!("{}/Users/{manager}", source.base_url())
    );
    let id = group(&source, "Staff", &[manager.clone(), report.clone()]);
    let before = source.get(&format!("/Groups/{id}")).expect(200).json();
    let shown = source.get(&format!("/Users/{manager}")).expect(200).json();
    assert_eq!(
        shown["groups"],
        json!([{"value": id, "$ref": format!("{}/Groups/{id}", source.base_url()), "type": "direct", "display": "Staff"}])
    );

    source.delete(&format!("/Users/{manager}")).expect(204);
    let after = source.get(&format!("/Groups/{id}")).expect(200).json();
    assert_eq!(consistency::ids(&after["members"]), BTreeSet::from([report.clone()]));
    assert_ne!(after["meta"]["version"], before["meta"]["version"]);
    let orphan = source.get(&format!("/Users/{report}")).expect(200).json();
    assert!(orphan.get(enterprise).is_none(), "{orphan}");
    assert_eq!(orphan["schemas"].as_array().map(Vec::len), Some(1));
    source.delete(&format!("/Users/{manager}")).expect_error(404, "");
    assert_eq!(source.found("/Users", &format!("id eq \"{manager}\"")), Vec::<Value>::new());
    source.delete(&format!("/Groups/{id}")).expect(204);
    assert!(source.get(&format!("/Users/{report}")).expect(200).json().get("groups").is_none());
    consistency::check(&server.database());
}

/// Shows USR-018.
#[test]
fn groups_that_all_hold_each_other_are_shown_once() {
    const GROUPS: usize = 60;
    let server = Server::start();
    let source = server.source("dense");
    let user = source.user("ada");
    let ids: Vec<String> = (0..GROUPS).map(|number| group(&source, &format!("G{number}"), &[])).collect();
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    for id in &ids {
        let path = format!("/Groups/{id}");
        source.patch(&path, json!([{"op": "add", "path": "members", "value": members}])).expect(200);
    }
    let first = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
    source.patch(&format!("/Groups/{}", ids[0]), first).expect(200);
    let read = || source.get(&format!("/Users/{user}")).expect(200).json();
    for shown in [read(), source.found("/Users", "userName eq \"ada\"")[0].clone(), read()] {
        let types: Vec<_> =
            shown["groups"].as_array().expect("groups").iter().map(|one| &one["type"]).collect();
        assert_eq!(types.len(), GROUPS);
        assert_eq!(types.iter().filter(|one| **one == "direct").count(), 1);
    }
    let title = json!([{"op": "add", "path": "title", "value": "T"}]);
    let changed = source.patch(&format!("/Users/{user}"), title).expect(200).json();
    assert_eq!(changed["groups"].as_array().map(Vec::len), Some(GROUPS));
}

fn total(source: &Source, filter: &str) -> Value {
    let path = format!("/Users?count=0&filter={}", percent(filter));
    source.get(&path).expect(200).json()["totalResults"].clone()
}

/// Shows DEL-007, AMB-47.
#[test]
fn somebody_to_whom_very_many_refer_can_be_deleted() {
    const REPORTS: usize = 600;
    let server = Server::start();
    let source = server.source("large");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let manager = source.user("manager");
    // She is her own manager, too.
    let path = format!("{enterprise}:manager");
    let own = json!([{"op": "add", "path": path, "value": manager}]);
    source.patch(&format!("/Users/{manager}"), own).expect(200);
    let report = |number| {
        json!({"method": "POST", "path": "/Users", "bulkId": format!("{number}"), "data":
        {"userName": format!("report-{number}"), enterprise: {"manager": {"value": manager}}}})
    };
    let reports: Vec<Value> = (0..REPORTS).map(report).collect();
    let bulk =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": reports});
    source.post("/Bulk", &bulk).expect(200);
    let by_manager = format!("{enterprise}:manager.value eq \"{manager}\"");
    assert_eq!(total(&source, &by_manager), REPORTS + 1);
    // It is not begun before what comes first has been settled.
    let operations = |name: &str| {
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": 1, "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": name}},
            {"method": "DELETE", "path": format!("/Users/{manager}")}]})
    };
    let answer = source.post("/Bulk", &operations("report-1")).expect(200).json();
    assert_eq!((&answer["Operations"][0]["status"], &answer["Operations"][1]), (&json!("409"), &Value::Null));
    assert_eq!(total(&source, &by_manager), REPORTS + 1);
    let answer = source.post("/Bulk", &operations("new")).expect(200).json();
    assert_eq!(
        (&answer["Operations"][0]["status"], &answer["Operations"][1]["status"]),
        (&json!("201"), &json!("204"))
    );
    assert_eq!(total(&source, &by_manager), 0);
    assert_eq!(total(&source, "userName sw \"report\""), REPORTS);
    consistency::check(&server.database());
}

/// Shows PAT-013, PAT-033, PUT-012, COM-014, AMB-43.
#[test]
fn changes_to_members_that_change_nothing_leave_the_group_alone() {
    let server = Server::start();
    let source = server.source("idle");
    let user = source.user("ada");
    let id = group(&source, "Idle", std::slice::from_ref(&user));
    let path = format!("/Groups/{id}");
    let before = source.get(&path).expect(200).json();
    let changes = consistency::changes(&server.database());
    for operations in [
        json!([{"op": "add", "path": "members", "value": [{"value": user}]}]),
        json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": user}, {"value": user}]}]),
        json!([{"op": "remove", "path": "members[value eq \"nobody\"]"}]),
        json!([{"op": "remove", "path": "members", "value": [{"value": "nobody"}]}]),
        json!([{"op": "replace", "path": "members", "value": [{"value": user}]}]),
        json!([{"op": "add", "path": "members", "value": []}]),
        json!([{"op": "replace", "value": {"id": id, "displayName": "Idle"}}]),
    ] {
        assert_eq!(source.patch(&path, operations.clone()).expect(200).json(), before, "{operations}");
    }
    let mut whole = before.clone();
    whole["meta"] = json!({"version": "nonsense"});
    assert_eq!(source.put(&path, &whole).expect(200).json(), before, "PUT of what is there");
    assert_eq!(consistency::changes(&server.database()), changes, "the journal says nothing");
}

/// Shows VER-007.
#[test]
fn an_answer_never_joins_an_old_name_to_a_new_version() {
    let server = Server::start();
    let source = server.source("joined");
    let id = group(&source, "Name", &[]);
    let path = format!("/Groups/{id}");
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (source, path) = (source.at(server.address()), path.clone());
            thread::spawn(move || {
                let mut seen = Vec::new();
                for turn in 0..60 {
                    let operation = if thread == 0 {
                        json!({"op": "replace", "path": "displayName", "value": format!("Name {turn}")})
                    } else {
                        json!({"op": "add", "path": "members", "value": [{"value": format!("m-{thread}-{turn}")}]})
                    };
                    let answer = source.patch(&path, json!([operation])).expect(200).json();
                    let version = answer["meta"]["version"].as_str().expect("a version");
                    let version: u64 = version.trim_matches(['W', '/', '"']).parse().expect("a number");
                    seen.push((version, answer["displayName"].to_string()));
                }
                (thread, seen)
            })
        })
        .collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
    let mut names = std::collections::BTreeMap::from([(1, "\"Name\"".to_owned())]);
    let renames = answers.iter().filter(|(thread, _)| *thread == 0).flat_map(|(_, seen)| seen.clone());
    names.extend(renames);
    for (version, name) in answers.iter().flat_map(|(_, seen)| seen) {
        let (_, current) = names.range(..=version).next_back().expect("the first name");
        assert_eq!(name, current, "at version {version}");
    }
}

/// Shows VER-007, PUT-001.
#[test]
fn changes_that_meet_come_one_after_the_other() {
    let server = Server::start();
    let source = server.source("meeting");
    let (path, other) =
        (format!("/Groups/{}", group(&source, "A", &["x".into()])), source.at(server.address()));
    let member = |name: &str| json!([{"value": name}]);
    // At the same time, from A with x and y: the answer of the first, and what is left behind both.
    let meet = |first: &(dyn Fn() -> Value + Sync)| {
        source
            .put(&path, &json!({"displayName": "A", "members": [{"value": "x"}, {"value": "y"}]}))
            .expect(200);
        let second = json!([
            {"op": "replace", "path": "displayName", "value": "B"},
            {"op": "add", "path": "members", "value": member("z")},
        ]);
        let first = thread::scope(|scope| {
            let first = scope.spawn(first);
            other.patch(&path, second).expect(200);
            first.join().expect("an answer")
        });
        let left = source.get(&path).expect(200).json();
        let members: BTreeSet<String> = consistency::ids(&left["members"]);
        (first, left["displayName"].clone(), members, left["meta"]["version"].clone())
    };
    for _ in 0..150 {
        let put =
            || source.put(&path, &json!({"displayName": "A", "members": member("x")})).expect(200).json();
        let (answer, name, members, _) = meet(&put);
        assert_eq!(answer["displayName"], "A", "as it was put");
        let either = if name == "A" { vec!["x"] } else { vec!["x", "z"] };
        assert_eq!(members.iter().map(String::as_str).collect::<Vec<_>>(), either, "{name}");

        // Nothing changes by that.
        let add = json!([{"op": "add", "path": "members", "value": member("x")}]);
        let (answer, name, _, version) = meet(&|| source.patch(&path, add.clone()).expect(200).json());
        assert!(answer["meta"]["version"] != version || answer["displayName"] == name, "{answer}");
    }
}

#[test]
fn a_member_that_is_too_long_for_the_database_is_refused() {
    let server = Server::start();
    let source = server.source("long");
    let group = json!({"displayName": "G", "members": [{"value": "x".repeat(2_500)}]});
    let answer = source.post("/Groups", &group);
    if database_of(server.data()).is_none() {
        answer.expect(201); // SQLite takes it
    } else {
        answer.expect_error(400, "invalidValue");
        assert_eq!(source.get("/Groups").expect(200).json()["totalResults"], 0);
    }
}
