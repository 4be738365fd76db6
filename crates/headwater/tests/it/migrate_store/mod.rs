//! A directory moved to another database and back, with the real binary.

mod ended;
mod refused;

use std::process::Output;

use headwater_testkit::postgres::Database;
use serde_json::{Value, json};

use crate::support::{
    Admin, Server, Source, consistency,
    definitions::{BADGE, DEVICE, badge, device, schema_path},
    headwater, text,
};

/// So that URLs are the same wherever it is served.
const PUBLIC: [&str; 2] = ["--public-url", "https://id.example.com"];

fn migrate(from: &str, to: &str) -> Output {
    headwater(&["migrate-store", "--from", from, "--to", to, "--json"])
}

/// Moves everything; returns rows and checksum of each table.
#[track_caller]
fn migrated(from: &Server, to: &Server) -> Value {
    let output = migrate(&from.place(), &to.place());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["key_moved"], true);
    told["tables"].clone()
}

#[track_caller]
fn rows(tables: &Value, name: &str) -> u64 {
    let table = tables.as_array().and_then(|tables| tables.iter().find(|table| table["name"] == name));
    table.and_then(|table| table["rows"].as_u64()).expect("a table with rows")
}

/// Those who use a directory, wherever it is served.
struct Clients {
    admin_token: String,
    /// Slug and token.
    sources: Vec<(String, String)>,
    /// The id of a token of the first source that nobody has used, and its secret.
    unused: (String, String),
}

impl Clients {
    fn admin(&self, server: &Server) -> Admin {
        Admin::with_token(server, &self.admin_token)
    }

    fn sources(&self, server: &Server) -> Vec<Source> {
        let client = |(slug, token): &(String, String)| Source::with_token(server.address(), slug, token);
        self.sources.iter().map(client).collect()
    }

    /// What they are answered, but for when they did so themselves.
    fn answers(&self, server: &Server) -> Vec<(String, Option<String>, Value)> {
        let mut answers = Vec::new();
        for source in self.sources(server) {
            let lists =
                ["/Users?count=200&sortBy=userName", "/Groups?count=200", "/Schemas", "/ResourceTypes"];
            let mut paths: Vec<String> = lists.map(str::to_owned).to_vec();
            for endpoint in ["/Users", "/Groups"] {
                let page = source.get(&format!("{endpoint}?count=200")).expect(200).json();
                let resources = page["Resources"].as_array().cloned().unwrap_or_default();
                paths.extend(resources.iter().map(|one| format!("{endpoint}/{}", text(&one["id"]))));
            }
            for path in paths {
                let answer = source.get(&path).expect(200);
                let version = answer.header("etag").map(str::to_owned);
                answers.push((format!("{} {path}", source.slug), version, answer.json()));
            }
        }
        let admin = self.admin(server);
        let of_first = |what: &str| format!("/sources/{}/{what}", self.sources[0].0);
        for path in [
            "/changes?limit=100".to_owned(),
            "/administrators".to_owned(),
            "/settings".to_owned(),
            of_first("changes?limit=100"),
            of_first("schemas"),
            of_first("resource-types"),
            of_first("unknown-attributes"),
        ] {
            answers.push((path.clone(), None, admin.read(&path)));
        }
        answers
    }
}

/// Fills a directory with some of everything that there can be.
fn fill(server: &Server) -> Clients {
    let ada = Admin::first(server);
    let made = ada.post("/api-tokens", &json!({"name": "script", "role": "administrator"})).expect(201);
    ada.invite(server, "aud@example.com", "auditor");
    ada.patch("/settings", json!({"session_days": 3}));
    let (first, second, gone) = (ada.source("First"), ada.source("Second"), ada.source("Gone"));
    gone.user("gone");
    server.command(&["source", "delete", "gone", "--yes"]);
    server.command(&["source", "set", "first", "--keep-passwords", "on", "--hide", "password"]);
    ada.put(&format!("{}?extends=User", schema_path(&first, BADGE)), &badge()).expect(201);
    ada.put(&schema_path(&first, DEVICE), &device()).expect(201);
    for source in [&first, &second] {
        let user = |number: usize| {
            let body = json!({
                "userName": format!("user{number}"), "password": "correct horse", "title": "ü".repeat(number * 80),
                "emails": [{"value": format!("u{number}@example.com"), "type": "work"}], "shoeSize": number,
            });
            text(&source.post("/Users", &body).expect(201).json()["id"])
        };
        let users: Vec<String> = (0..20).map(user).collect();
        let members: Vec<Value> = users.iter().map(|id| json!({"value": id})).collect();
        let group = |name: &str, members: &[Value]| {
            let body = json!({"displayName": name, "members": members});
            text(&source.post("/Groups", &body).expect(201).json()["id"])
        };
        let inner = group("Inner", &members[..10]);
        let outer = group("Outer", &[json!({"value": inner}), json!({"value": "nobody's id"})]);
        source.patch(
            &format!("/Groups/{inner}"),
            json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[2])}]),
        );
        source
            .patch(
                &format!("/Users/{}", users[3]),
                json!([{"op": "replace", "path": "active", "value": false}]),
            )
            .expect(200);
        source.delete(&format!("/Users/{}", users[4])).expect(204);
        source.delete(&format!("/Groups/{}", group("Short", &members[..3]))).expect(204);
        assert_eq!(source.get(&format!("/Groups/{outer}")).expect(200).json()["displayName"], "Outer");
    }
    let unused = ada.post("/sources/first/tokens", &json!({})).expect(201).json();
    Clients {
        admin_token: text(&made.json()["secret"]),
        sources: [&first, &second].map(|source| (source.slug.clone(), source.token.clone())).to_vec(),
        unused: (text(&unused["token"]["id"]), text(&unused["secret"])),
    }
}

fn assert_same(before: &[(String, Option<String>, Value)], after: &[(String, Option<String>, Value)]) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
}

/// Changes a user, and returns the number of that in the journal.
#[track_caller]
fn next_number(clients: &Clients, server: &Server) -> u64 {
    let source = &clients.sources(server)[0];
    let user = source.found("/Users", "userName eq \"user7\"").remove(0);
    let path = format!("/Users/{}", text(&user["id"]));
    source
        .patch(&path, json!([{"op": "replace", "path": "nickName", "value": server.address()}]))
        .expect(200);
    let changes = clients.admin(server).read("/sources/first/changes?limit=1");
    changes["items"][0]["sequence"].as_u64().expect("a number")
}

#[test]
fn a_directory_goes_to_postgresql_and_back_as_it_is() {
    let database = Database::new();
    let mut here = Server::stopped(None);
    let (mut there, mut back) = (Server::stopped(Some(database.url())), Server::stopped(None));
    here.restart(&PUBLIC);
    let clients = fill(&here);
    let number = next_number(&clients, &here);
    let before = clients.answers(&here);
    assert!(before.len() > 50, "there is something to compare");
    assert!(here.stop());

    let tables = migrated(&here, &there);
    for table in
        ["resource", "membership", "secret", "change", "unknown_attribute", "source_schema", "api_token"]
    {
        assert!(rows(&tables, table) > 0, "{table}");
    }
    there.restart(&PUBLIC);
    assert_same(&before, &clients.answers(&there));
    let path = format!("/sources/first/tokens/{}/copy", clients.unused.0);
    let copied = clients.admin(&there).call("POST", &path, None).expect(200).json();
    assert_eq!(copied["secret"], *clients.unused.1, "what was sealed opens");
    assert_eq!(next_number(&clients, &there), number + 1);
    there.command(&["source", "create", "Another"]);
    let before = clients.answers(&there);
    consistency::check(&there.database());
    assert!(there.stop());
    // So it is called where another table was just being undone when this one was made.
    database.run("ALTER SEQUENCE source_id_seq RENAME TO source_id_seq1");

    migrated(&there, &back);
    back.restart(&PUBLIC);
    assert_same(&before, &clients.answers(&back));
    assert_eq!(next_number(&clients, &back), number + 2);
    consistency::check(&back.database());
    let text = "in use by another server or by";
    let output = migrate(&back.place(), &Server::stopped(None).place());
    assert!(String::from_utf8_lossy(&output.stderr).contains(text), "it is served");
}
