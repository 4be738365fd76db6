//! The journal of a source: what its identity provider did, before and after.

use serde_json::{Value, json};

use crate::support::{Admin, Server, Source, eventually, text, texts};

fn started() -> (Server, Admin, Source) {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Contoso");
    (server, ada, source)
}

#[test]
fn each_change_says_what_was_before_and_after() {
    let (_server, ada, source) = started();
    let created = source.post("/Users", &json!({"userName": "ada", "title": "Miss"})).expect(201);
    let (id, request_id) = (text(&created.json()["id"]), created.header("x-request-id").map(str::to_owned));
    let edit = json!([{"op": "replace", "path": "title", "value": "Countess"}, {"op": "add", "path": "displayName", "value": "Ada"}]);
    source.patch(&format!("/Users/{id}"), edit).expect(200);
    source.delete(&format!("/Users/{id}")).expect(204);
    let changes = ada.items("/sources/contoso/changes");
    assert_eq!(texts(&changes, "/kind"), ["delete", "update", "create"], "newest first");
    let [deleted, updated, created] = &changes[..] else { panic!("three changes") };
    assert_eq!(created["request_id"].as_str(), request_id.as_deref());
    assert_eq!((&created["before"], &created["after"]["userName"]), (&Value::Null, &json!("ada")));
    assert_eq!(updated["before"], json!({"title": "Miss"}));
    assert_eq!(updated["after"], json!({"title": "Countess", "displayName": "Ada"}));
    assert_eq!((&deleted["after"], &deleted["before"]["title"]), (&Value::Null, &json!("Countess")));
    assert_eq!((&created["version"], &updated["version"]), (&json!(1), &json!(2)));
    for change in &changes {
        assert_eq!(
            (&change["actor"]["kind"], &change["actor"]["name"]),
            (&json!("service_account"), &json!("Contoso"))
        );
        assert_eq!(change["actor"]["id"], ada.items("/sources/contoso/service-accounts")[0]["id"]);
        assert_eq!(change["source"]["slug"], "contoso");
        let resource = &change["resource"];
        assert_eq!((&resource["type"], &resource["id"]), (&json!("User"), &json!(id)));
        assert_eq!((&resource["display"], &resource["deleted"]), (&json!("Ada"), &json!(true)));
    }
    let path = format!("/sources/contoso/requests/by-id/{}", request_id.expect("an id"));
    let request = eventually("the request of a change", || {
        let answer = ada.get(&path);
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!((&request["request"]["method"], &request["changes"][0]), (&json!("POST"), created));
}

#[test]
fn memberships_are_in_the_history_of_the_group_and_of_the_member() {
    let (_server, ada, source) = started();
    let (user, other) = (source.user("ada"), source.user("bob"));
    let group = text(&source.post("/Groups", &json!({"displayName": "Sales"})).expect(201).json()["id"]);
    let path = format!("/Groups/{group}");
    source.patch(
        &path,
        json!([{"op": "add", "path": "members", "value": [{"value": user}, {"value": other}]}]),
    );
    source.patch(&path, json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]));
    let history = ada.items(&format!("/sources/contoso/changes?resource={user}"));
    assert_eq!(texts(&history, "/resource/type"), ["Group", "Group", "User"]);
    assert_eq!(history[0]["members_removed"], json!([{"id": user, "type": "User", "display": "ada"}]));
    assert_eq!(history[0]["members_added"], json!([]));
    assert_eq!(
        (&history[1]["members_added_count"], &history[1]["resource"]["display"]),
        (&json!(2), &json!("Sales"))
    );
    assert_eq!(history[1]["members_added"][0]["id"], *user, "the one that is asked about comes first");
    let of_group = ada.items(&format!("/sources/contoso/changes?resource={group}"));
    assert_eq!(texts(&of_group, "/kind"), ["update", "update", "create"]);
}

/// Shows DEL-006.
#[test]
fn the_history_of_somebody_deleted_stays_readable() {
    let (_server, ada, source) = started();
    let user = source.user("ada");
    let body = json!({"displayName": "Sales", "members": [{"value": user}]});
    let group = text(&source.post("/Groups", &body).expect(201).json()["id"]);
    source.delete(&format!("/Users/{user}")).expect(204);
    ada.get(&format!("/sources/contoso/users/{user}")).expect_problem(404, "not_found");
    let history = ada.items(&format!("/sources/contoso/changes?resource={user}"));
    assert_eq!(history.len(), 4, "made, added, removed, deleted");
    for change in &history {
        let is_own = change["resource"]["type"] == "User";
        let name = if is_own { &change["resource"]["display"] } else { &json!("ada") };
        assert_eq!(*name, "ada", "{change}");
        assert_eq!(change["resource"]["deleted"], is_own, "{change}");
    }
    let removed = history.iter().find(|change| change["members_removed_count"] == 1).expect("left the group");
    assert_eq!(removed["members_removed"], json!([{"id": user, "type": "User", "display": "ada"}]));
    source.delete(&format!("/Groups/{group}")).expect(204);
    let of_group = ada.items(&format!("/sources/contoso/changes?resource={group}"));
    assert!(of_group.iter().all(|change| change["resource"]["display"] == "Sales"));
    let never = "0198c0de-7b1a-7c3d-8e5f-0123456789ab";
    assert_eq!(ada.items(&format!("/sources/contoso/changes?resource={never}")).len(), 0);
}

#[test]
fn of_many_members_the_first_are_named_and_all_are_counted() {
    let (_server, ada, source) = started();
    let members: Vec<Value> =
        (0..25).map(|number| json!({"value": source.user(&format!("user{number}"))})).collect();
    source.post("/Groups", &json!({"displayName": "All", "members": members})).expect(201);
    let change = &ada.items("/sources/contoso/changes?type=Group")[0];
    assert_eq!((&change["members_added_count"], &change["members_removed_count"]), (&json!(25), &json!(0)));
    assert_eq!(change["members_added"].as_array().map(Vec::len), Some(20));
    // Whoever is asked about is named, however many there are.
    for member in [&members[0], &members[24]] {
        let id = text(&member["value"]);
        let history = ada.items(&format!("/sources/contoso/changes?resource={id}&type=Group"));
        assert_eq!(history[0]["members_added"][0]["id"], *id);
    }
}

#[test]
fn the_journal_is_filtered_and_walked() {
    let (_server, ada, source) = started();
    let users: Vec<String> = (0..6).map(|number| source.user(&format!("user{number}"))).collect();
    source.post("/Groups", &json!({"displayName": "Sales"})).expect(201);
    source.patch(&format!("/Users/{}", users[0]), json!([{"op": "add", "path": "title", "value": "Dr"}]));
    source.delete(&format!("/Users/{}", users[1])).expect(204);
    let path = "/sources/contoso/changes";
    let all = ada.items(path);
    assert_eq!(all.len(), 9);
    assert!(all.windows(2).all(|two| two[0]["sequence"].as_i64() > two[1]["sequence"].as_i64()));
    let sixth = text(&all[3]["at"]);
    let later = all.iter().filter(|change| text(&change["at"]) >= sixth).count();
    for (query, expected) in [
        ("type=User", 8),
        ("type=Group", 1),
        ("type=Nothing", 0),
        ("kind=create", 7),
        ("kind=update", 1),
        ("kind=create&type=User", 6),
        ("from=2001-01-01T00:00:00Z", 9),
        ("from=2999-01-01T00:00:00Z", 0),
        ("to=2001-01-01T00:00:00Z", 0),
        ("to=2999-01-01T00:00:00%2B01:00", 9),
        (&*format!("from={sixth}"), later),
        (&*format!("to={sixth}"), 9 - later),
    ] {
        let path = format!("{path}?{query}");
        let found = ada.items(&path);
        assert_eq!(found.len(), expected, "{query}");
        for limit in [1, 4] {
            assert_eq!(ada.walk(&path, limit), found, "{query} by {limit}");
        }
    }
    // A request that changes nothing is none.
    source.patch(&format!("/Users/{}", users[0]), json!([{"op": "add", "path": "title", "value": "Dr"}]));
    assert_eq!(ada.items(path).len(), 9);
}

#[test]
fn an_extension_that_comes_or_goes_changes_schemas_too() {
    let (_server, ada, source) = started();
    let id = source.user("ada");
    let (user, enterprise) = (
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    );
    let path = format!("/Users/{id}");
    source.patch(&path, json!([{"op": "add", "path": format!("{enterprise}:department"), "value": "D"}]));
    source.patch(&path, json!([{"op": "remove", "path": format!("{enterprise}:department")}]));
    let changes = ada.items("/sources/contoso/changes");
    let (gone, came) = (&changes[0], &changes[1]);
    let with = json!({"schemas": [user, enterprise], enterprise: {"department": "D"}});
    let without = json!({"schemas": [user]});
    assert_eq!((&came["before"], &came["after"]), (&without, &with));
    assert_eq!((&gone["before"], &gone["after"]), (&with, &without));
}
