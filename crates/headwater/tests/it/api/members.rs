//! One user, one group, and who is a member of what.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Admin, Server, Source, percent, text, texts};

fn group(source: &Source, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|member| json!({"value": member})).collect();
    text(&source.post("/Groups", &json!({"displayName": name, "members": members})).expect(201).json()["id"])
}

#[test]
fn a_user_is_shown_as_their_provider_has_them() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "auditor");
    let source = server.source("contoso");
    let body = json!({
        "userName": "ada", "displayName": "Ada Lovelace", "externalId": "e-1", "title": "Countess",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"value": "a@example.org"}, {"value": "ada@example.com", "primary": true}],
    });
    let id = text(&source.post("/Users", &body).expect(201).json()["id"]);
    let (sales, board) = (group(&source, "Sales", &[&id]), group(&source, "Board", &[&id]));
    group(&source, "Others", &[]);
    let detail = script.read(&format!("/sources/contoso/users/{id}"));
    assert_eq!(detail["resource"], source.get(&format!("/Users/{id}")).expect(200).json());
    let user = &detail["user"];
    for (name, value) in [
        ("id", &*id),
        ("user_name", "ada"),
        ("display_name", "Ada Lovelace"),
        ("given_name", "Ada"),
        ("family_name", "Lovelace"),
        ("email", "ada@example.com"),
        ("external_id", "e-1"),
    ] {
        assert_eq!(user[name], value, "{name}");
    }
    let expected = BTreeSet::from([sales.clone(), board.clone()]);
    let of = |items: &[Value]| texts(items, "/id").into_iter().collect::<BTreeSet<_>>();
    assert_eq!(of(detail["groups"].as_array().expect("groups")), expected);
    let path = format!("/sources/contoso/users/{id}/groups");
    assert_eq!(of(&script.items(&path)), expected);
    assert_eq!(script.walk(&path, 1), script.items(&path));
    // It is a user, of this source.
    script.get(&format!("/sources/contoso/groups/{id}")).expect_problem(404, "not_found");
    server.source("other");
    script.get(&format!("/sources/other/users/{id}")).expect_problem(404, "not_found");
    source.delete(&format!("/Users/{id}")).expect(204);
    script.get(&format!("/sources/contoso/users/{id}")).expect_problem(404, "not_found");
    assert_eq!(script.items(&format!("/sources/contoso/groups/{sales}/members")).len(), 0);
}

#[test]
fn groups_by_way_of_other_groups_are_walked_behind_those_of_ones_own() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "auditor");
    let source = server.source("contoso");
    let user = source.user("ada");
    // The later a group is made, the nearer it is to the user.
    let outer: Vec<String> = (0..3).map(|number| group(&source, &format!("Outer {number}"), &[])).collect();
    let inner: Vec<String> =
        (0..2).map(|number| group(&source, &format!("Inner {number}"), &[&user])).collect();
    for (number, outer) in outer.iter().enumerate() {
        let member = json!([{"op": "add", "path": "members", "value": [{"value": inner[number % 2]}]}]);
        source.patch(&format!("/Groups/{outer}"), member).expect(200);
    }
    let path = format!("/sources/contoso/users/{user}/groups");
    let expected = [inner, outer].concat();
    assert_eq!(texts(&script.items(&path), "/id"), expected);
    for limit in 1..6 {
        assert_eq!(texts(&script.walk(&path, limit), "/id"), expected, "{limit} at a time");
    }
}

#[test]
fn a_group_is_shown_without_its_members() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "auditor");
    let source = server.source("contoso");
    let id = group(&source, "Sales", &[&source.user("ada")]);
    let detail = script.read(&format!("/sources/contoso/groups/{id}"));
    let mut expected = source.get(&format!("/Groups/{id}")).expect(200).json();
    expected.as_object_mut().expect("an object").remove("members");
    assert_eq!(detail["resource"], expected);
    assert_eq!(
        (&detail["group"]["display_name"], &detail["group"]["member_count"]),
        (&json!("Sales"), &json!(1))
    );
}

#[test]
fn members_are_searched_and_walked() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "auditor");
    let source = server.source("contoso");
    let mut members: Vec<String> = (0..9).map(|number| source.user(&format!("user{number}"))).collect();
    for (user_name, display, active) in
        [("ada", "Ada Lovelace", true), ("çelik", "Öztürk, Çelik", false), ("lovell", "Jim", true)]
    {
        let body = json!({"userName": user_name, "displayName": display, "active": active});
        members.push(text(&source.post("/Users", &body).expect(201).json()["id"]));
    }
    let nested = group(&source, "Board of lovers", &[]);
    members.push(nested.clone());
    let all: Vec<&str> = members.iter().map(String::as_str).collect();
    let path = format!("/sources/contoso/groups/{}/members", group(&source, "All", &all));

    let listed = script.items(&path);
    assert_eq!(texts(&listed, "/id").into_iter().collect::<BTreeSet<_>>(), members.iter().cloned().collect());
    assert_eq!((listed.len(), &script.read(&path)["total"]), (13, &json!(13)));
    for limit in [1, 4, 13] {
        assert_eq!(script.walk(&path, limit), listed, "by {limit}");
    }
    let found = |q: &str| {
        let path = format!("{path}?q={}", percent(q));
        let found = script.items(&path);
        assert_eq!(script.walk(&path, 1), found, "{q}");
        let name = |member: &Value| {
            text(if member["type"] == "User" { &member["user_name"] } else { &member["display_name"] })
        };
        found.iter().map(name).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(found("LOVE"), ["Board of lovers", "ada", "lovell"]);
    assert_eq!(found("öztürk"), ["çelik"]);
    assert_eq!(found("user3"), ["user3"]);
    assert_eq!(found("nobody"), [""; 0]);
    let celik = &script.items(&format!("{path}?q={}", percent("Çelik")))[0];
    assert_eq!((&celik["type"], &celik["active"]), (&json!("User"), &json!(false)));
    let board = &script.items(&format!("{path}?q=board"))[0];
    assert_eq!((&board["type"], &board["id"]), (&json!("Group"), &json!(nested)));
}

#[test]
fn a_member_that_is_nobody_is_listed_by_its_id() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "auditor");
    let source = server.source("contoso");
    let unknown = "0198c0de-7b1a-7c3d-8e5f-0123456789ab";
    let body =
        json!({"displayName": "Sales", "members": [{"value": unknown}, {"value": source.user("ada")}]});
    let id = text(&source.post("/Groups", &body).expect(201).json()["id"]);
    let members = script.items(&format!("/sources/contoso/groups/{id}/members"));
    assert_eq!(members.len(), 2);
    let nobody = members.iter().find(|member| member["type"].is_null()).expect("nobody");
    assert_eq!((&nobody["id"], &nobody["user_name"]), (&json!(unknown), &Value::Null));
}
