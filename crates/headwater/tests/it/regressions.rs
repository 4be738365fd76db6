//! What once went wrong, each named for what should happen.

use std::{io::Write, net::TcpStream, thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{Admin, Client, Server, definitions::schema_path, percent, text, texts};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Shows FLT-002.
#[test]
fn filters_that_mix_indexed_and_other_terms_are_answered() {
    let server = Server::start();
    let source = server.source("mixed");
    let body = json!({"userName": "ada", "title": "x", "emails": [{"value": "a@x", "type": "work"}]});
    source.post("/Users", &body).expect(201);
    for filter in [
        "emails[value eq \"a@x\"] or title eq \"nothing\"",
        "emails[type eq \"work\" and value eq \"nothing\"] or title eq \"x\"",
        "emails[type eq \"work\"].value eq \"nothing\" or title pr",
        "emails[value eq \"nothing\" or type eq \"work\"]",
        "emails[value sw \"z\"] or active pr",
    ] {
        assert_eq!(source.found("/Users", filter).len(), 1, "{filter}");
    }
    let many = vec!["id eq \"\""; 600].join(" or ");
    assert!(source.found("/Users", &many).is_empty());
}

/// Shows PUT-012.
#[test]
fn a_resource_sent_back_as_it_was_got_changes_nothing() {
    let server = Server::start();
    let source = server.source("same");
    let boss =
        source.post("/Users", &json!({"userName": "boss", "displayName": "The Boss"})).expect(201).json();
    let manager = json!({"value": boss["id"]});
    let created = source
        .post("/Users", &json!({"userName": "ada", ENTERPRISE: {"manager": manager}}))
        .expect(201)
        .json();
    let path = format!("/Users/{}", created["id"].as_str().expect("an id"));
    assert_eq!(created[ENTERPRISE]["manager"]["displayName"], "The Boss");
    let got = source.get(&path).expect(200).json();
    assert_eq!(source.put(&path, &got).expect(200).json(), got);
    let reference = format!("{}/Users/{}", source.base_url(), boss["id"].as_str().expect("an id"));
    for (filter, found) in [
        (format!("{ENTERPRISE}:manager.displayName eq \"the boss\""), 1),
        (format!("{ENTERPRISE}:manager.displayName ne \"the boss\""), 1),
        (format!("not ({ENTERPRISE}:manager.displayName co \"boss\")"), 1),
        (format!("{ENTERPRISE}:manager.$ref eq \"{reference}\""), 1),
        (format!("{ENTERPRISE}:manager[displayName sw \"The\" and $ref ew \"x\"]"), 0),
        (format!("{ENTERPRISE}:manager.$ref pr or userName eq \"boss\""), 2),
    ] {
        let list = source.get(&format!("/Users?filter={}", percent(&filter))).expect(200).json();
        assert_eq!(list["totalResults"], found, "{filter}: what answers show can be searched");
    }
}

/// What one type has no attribute for is not forgotten when an id is asked for beside it.
#[test]
fn a_search_over_all_types_holds_to_all_conditions() {
    let server = Server::start();
    let source = server.source("contoso");
    let user =
        text(&source.post("/Users", &json!({"userName": "ada", "title": "Dr"})).expect(201).json()["id"]);
    let group = json!({"displayName": "All", "members": [{"value": user}]});
    let group = text(&source.post("/Groups", &group).expect(201).json()["id"]);
    for (filter, expected) in [
        (format!("userName eq \"zzz\" and id eq \"{user}\""), 0),
        (format!("userName eq \"ada\" and id eq \"{user}\""), 1),
        (format!("id eq \"{user}\" and title gt \"E\""), 0),
        (format!("title eq \"x\" and (id eq \"{user}\" or id eq \"{group}\")"), 0),
        (format!("members.value eq \"x\" and id eq \"{group}\""), 0),
        (format!("groups.value eq \"{group}\" and id eq \"{user}\""), 1),
        (format!("id eq \"{user}\" or id eq \"{group}\""), 2),
    ] {
        let search =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        let page = source.post("/.search", &search).expect(200).json();
        assert_eq!(page["totalResults"], expected, "{filter}: {page}");
        let resources = page["Resources"].as_array().map_or(0, Vec::len);
        assert_eq!(resources, expected, "{filter}: {page}");
    }
}

/// The character U+0000 comes in nowhere, and is answered everywhere.
#[test]
fn a_null_character_does_no_harm() {
    let server = Server::start();
    let admin = Admin::first(&server);
    let source = admin.source("Contoso");
    let user = text(&source.post("/Users", &json!({"userName": "ada"})).expect(201).json()["id"]);
    let inside = json!({"userName": "b", "urn:example:a": {"b\0": 1}});
    source.post("/Users", &inside).expect_error(400, "invalidSyntax");
    let outside = json!({"userName": "b", "urn:example:a\0b:c": {"k": 1}});
    source.post("/Users", &outside).expect_error(400, "invalidSyntax");
    for path in ["emails[type eq \"\\u0000\"].value", "emails[value eq \"a\\\\\\u0000\"].type"] {
        let add = json!([{"op": "add", "path": path, "value": "x"}]);
        source.patch(&format!("/Users/{user}"), add).expect_error(400, "invalidPath");
    }
    let kept = json!([{"op": "add", "path": "emails[type eq \"\\\\u0000\"].value", "value": "x"}]);
    source.patch(&format!("/Users/{user}"), kept).expect(200);
    assert_eq!(source.found("/Users", "title eq \"\\u0000\"").len(), 0);
    for path in ["/users?q=%00", "/groups?q=a%00"] {
        assert!(admin.items(path).is_empty(), "{path}");
    }
    for path in ["/users?source=%00", "/changes?source=%00", "/sources/a%00", "/sources/%00/users/x"] {
        admin.get(path).expect_problem(404, "not_found");
    }
    admin.post("/sources", &json!({"name": "a\0b"})).expect_problem(422, "invalid");
    Admin::sign_in(&server, "a\0@b.c", "correct horse").expect_problem(401, "wrong_credentials");
}

/// A reference by its URI alone names a resource of this source, however it is sent.
#[test]
fn a_reference_that_is_set_by_its_uri_is_one_of_this_source() {
    let server = Server::start();
    let source = server.source("contoso");
    let boss = source.post("/Users", &json!({"userName": "boss"})).expect(201).json();
    let user = format!(
        "/Users/{}",
        text(&source.post("/Users", &json!({"userName": "ada"})).expect(201).json()["id"])
    );
    let replace = |path: &str, value: &str| json!([{"op": "replace", "path": path, "value": value}]);
    let path = format!("{ENTERPRISE}:manager.$ref");
    for url in ["http://elsewhere.example/Users/1", "x", "https://x/source/scim/other/v2/Users/1"] {
        source.patch(&user, replace(&path, url)).expect_error(400, "invalidValue");
        source
            .patch(&user, json!([{"op": "replace", "value": {path.as_str(): url}}]))
            .expect_error(400, "invalidValue");
    }
    let own = text(&boss["meta"]["location"]);
    let answer = source.patch(&user, replace(&path, &own)).expect(200).json();
    assert_eq!(answer[ENTERPRISE]["manager"]["value"], boss["id"]);
}

/// Walks that have come to their end, on a page that is full, are in nobody's way.
#[test]
fn a_walk_is_not_led_astray_by_those_that_ended_before_it() {
    let server = Server::start();
    let source = server.source("contoso");
    let user = |number: usize| {
        text(&source.post("/Users", &json!({"userName": format!("u{number}")})).expect(201).json()["id"])
    };
    let mut there: Vec<String> = (0..4).map(user).collect();
    for turn in 0..8 {
        let mut seen = Vec::new();
        loop {
            let page =
                source.get(&format!("/Users?count=2&startIndex={}", seen.len() + 1)).expect(200).json();
            assert_eq!(page["totalResults"], there.len(), "turn {turn}: {page}");
            seen.extend(texts(page["Resources"].as_array().expect("users"), "/id"));
            if seen.len() >= there.len() {
                break;
            }
        }
        assert_eq!(seen, there, "turn {turn}");
        if turn > 0 {
            source.delete(&format!("/Users/{}", there.remove(0))).expect(204);
        }
        there.push(user(10 + turn));
    }
}

/// A page asks for what all its users refer to at once.
#[test]
fn a_page_names_the_manager_of_each() {
    let server = Server::start();
    let source = server.source("contoso");
    let mut above: Vec<String> = Vec::new();
    for number in 0..130_usize {
        let mut user = json!({"userName": format!("u{number:03}"), "displayName": format!("User {number}")});
        // Some have the same one, some nobody, some one who is not there.
        match number % 5 {
            0 => {}
            1 => user[ENTERPRISE] = json!({"manager": {"value": "00000000-0000-7000-8000-000000000000"}}),
            _ => user[ENTERPRISE] = json!({"manager": {"value": above[number / 2]}}),
        }
        above.push(text(&source.post("/Users", &user).expect(201).json()["id"]));
    }
    let page = source.get("/Users?count=1000").expect(200).json();
    let users = page["Resources"].as_array().expect("users");
    assert_eq!(users.len(), above.len());
    for (number, user) in users.iter().enumerate() {
        let named = (number % 5 > 1).then(|| format!("User {}", number / 2));
        assert_eq!(user[ENTERPRISE]["manager"]["displayName"].as_str(), named.as_deref(), "{user}");
    }
}

/// Shows PAT-015.
#[test]
fn adding_a_new_primary_beside_the_old_one_moves_it() {
    let server = Server::start();
    let source = server.source("primary");
    let body = json!({"userName": "ada", "emails": [{"value": "b@x", "type": "work", "primary": true}]});
    let created = source.post("/Users", &body).expect(201).json();
    let path = format!("/Users/{}", created["id"].as_str().expect("an id"));
    let emails = json!([{"value": "b@x", "type": "work"}, {"value": "a@x", "type": "home", "primary": true}]);
    let changed =
        source.patch(&path, json!([{"op": "add", "path": "emails", "value": emails}])).expect(200).json();
    assert_eq!(
        changed["emails"],
        json!([{"value": "b@x", "type": "work", "primary": false}, {"value": "a@x", "type": "home", "primary": true}])
    );
}

/// Shows AMB-42.
#[test]
fn removing_members_that_name_nobody_removes_nobody() {
    let server = Server::start();
    let source = server.source("nobody");
    let user = source.user("ada");
    let group =
        source.post("/Groups", &json!({"displayName": "G", "members": [{"value": user}]})).expect(201).json();
    let path = format!("/Groups/{}", group["id"].as_str().expect("an id"));
    for value in [
        json!([{"display": "x"}]),
        json!([null]),
        json!([{}]),
        json!([""]),
        json!({}),
        json!(""),
        json!({"display": "x"}),
    ] {
        let operation = json!([{"op": "remove", "path": "members", "value": value}]);
        source.patch(&path, operation).expect_error(400, "invalidValue");
    }
    assert_eq!(source.get(&path).expect(200).json()["members"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_refusal_leaves_the_connection_usable() {
    let server = Server::start();
    let source = server.source("kept");
    for (method, path, token, content_type, status) in [
        ("POST", "/Users", "wrong", "application/json", 401),
        ("POST", "/Users/x", &*source.token, "application/json", 405),
        ("POST", "/Users", &*source.token, "text/plain", 415),
        ("POST", "/Nope", &*source.token, "application/json", 404),
        ("POST", "/Bulk", &*source.token, "application/json", 400),
    ] {
        let stream = TcpStream::connect(server.address()).expect("a connection");
        let mut client = Client::over(stream.try_clone().expect("the same connection"), server.address());
        let mut stream = stream;
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {content_type}\r\nContent-Length: 2\r\n\r\n",
            source.path
        );
        stream.write_all(head.as_bytes()).expect("sent");
        thread::sleep(Duration::from_millis(20)); // the body comes in a packet of its own
        assert_eq!(client.send_raw(b"{}", false).expect("an answer").status, status);
        let next = client.send(&source.request("GET", "/Users", None)).expect("the connection goes on");
        assert_eq!(next.status, 200, "after {status}");
    }
}

/// Shows SCH-042, AMB-06.
#[test]
fn what_is_known_is_not_stored_as_a_foreign_extension() {
    let server = Server::start();
    let source = server.source("foreign");
    let body = json!({
        "userName": "ada",
        format!("{ENTERPRISE}:department"): "D",
        format!("{ENTERPRISE}:manager"): {"value": "m"},
        "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName": "G",
        "urn:example:other:1.0:User:custom": "c",
        "urn:ietf:params:scim:schemas:core:2.0:User:title": "T",
        "urn:ietf:params:scim:schemas:core:2.0:User": {"nickName": "N"},
        "urn:ietf:params:scim:schemas:core:2.0:Group": {"displayName": "G"},
        "urn:ietf:params:scim:api:messages:2.0:PatchOp": {"a": 1},
        "urn:x": {"a": 1},
        "urn:example:ext:1.0": {"a": [1.5, null, {"b": "c"}]},
    });
    let created = source.post("/Users", &body).expect(201).json();
    assert_eq!(
        created["schemas"],
        json!([
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:example:ext:1.0",
            ENTERPRISE,
            "urn:example:other:1.0:User"
        ])
    );
    assert_eq!(created[ENTERPRISE], json!({"department": "D", "manager": {"value": "m"}}));
    assert_eq!((&created["title"], &created["name"]), (&json!("T"), &json!({"givenName": "G"})));
    assert_eq!(created["urn:example:other:1.0:User"], json!({"custom": "c"}));
    assert_eq!(created["urn:example:ext:1.0"], body["urn:example:ext:1.0"]);
    let path = format!("/Users/{}", created["id"].as_str().expect("an id"));
    for bad in
        ["urn:x", "urn:", "urn::a", "urn:a b:c", "urn:ietf:params:scim:schemas:core:2.0:Group:displayName"]
    {
        source
            .patch(&path, json!([{"op": "add", "path": bad, "value": "v"}]))
            .expect_error(400, "invalidPath");
    }
    let only_unknown = json!([{"op": "replace", "path": ENTERPRISE, "value": {"nonsense": 1}}]);
    source.patch(&path, only_unknown).expect_error(400, "invalidPath");
}

/// Shows VER-007.
#[test]
fn answers_to_concurrent_patches_show_their_own_change() {
    let server = Server::start();
    let source = server.source("own");
    let path = format!("/Users/{}", source.user("ada"));
    let threads: Vec<_> = (0..40)
        .map(|number| {
            let (source, path) = (source.at(server.address()), path.clone());
            thread::spawn(move || {
                let title = format!("title {number}");
                let answer = source
                    .patch(&path, json!([{"op": "replace", "path": "title", "value": title}]))
                    .expect(200);
                assert_eq!(answer.json()["title"], title);
                answer.header("etag").expect("an ETag").to_owned()
            })
        })
        .collect();
    let mut versions: Vec<String> =
        threads.into_iter().map(|thread| thread.join().expect("a client")).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 40, "each has a version of its own");
}

#[test]
fn hostile_requests_stay_small() {
    let server = Server::start();
    let source = server.source("hostile");
    let emails: Vec<Value> = (0..1_001).map(|number| json!({"value": format!("{number}@x")})).collect();
    source.post("/Users", &json!({"userName": "many", "emails": emails})).expect_error(400, "invalidValue");
    let path = format!("/Users/{}", source.user("ada"));
    let many: Vec<Value> = (0..1_001).map(|_| json!({"op": "add", "path": "title", "value": "x"})).collect();
    source.patch(&path, many.into()).expect_error(413, "");
    let long = json!([{"op": "add", "path": "x".repeat(500_000), "value": "x"}]);
    assert!(
        source.patch(&path, long).expect_error(400, "invalidPath").len() < 5_000,
        "the path is not sent back whole"
    );
    source.post("/Users", &json!({"userName": "nul\u{0}"})).expect_error(400, "invalidSyntax");
    let names = vec!["userName"; 600].join(",");
    source.get(&format!("/Users?attributes={names}")).expect_error(400, "invalidValue");
    let roles: Vec<Value> =
        (0..1_000).map(|number| json!({"value": format!("r{number}"), "display": "d"})).collect();
    let busy = source.post("/Users", &json!({"userName": "busy", "roles": roles})).expect(201).json();
    let operation = |number| json!({"op": "replace", "path": "roles[display pr and value pr and value sw \"r\" and display co \"d\" and value co \"r\"].type", "value": format!("t{number}")});
    let many: Vec<Value> = (0..1_000).map(operation).collect();
    source
        .patch(&format!("/Users/{}", busy["id"].as_str().expect("an id")), many.into())
        .expect_error(413, "");
    let group = source.post("/Groups", &json!({"displayName": "G"})).expect(201).json();
    let scans: Vec<Value> =
        (0..50).map(|_| json!({"op": "remove", "path": "members[display co \"x\"]"})).collect();
    source
        .patch(&format!("/Groups/{}", group["id"].as_str().expect("an id")), scans.into())
        .expect_error(413, "");
}

#[test]
fn a_resource_does_not_grow_without_end() {
    let server = Server::start();
    let source = server.source("growing");
    let path = format!("/Users/{}", source.user("ada"));
    let add = |number: usize| {
        let value = json!({"value": format!("{number}{}", "x".repeat(700_000))});
        source.patch(&path, json!([{"op": "add", "path": "roles", "value": [value]}]))
    };
    add(1).expect(200);
    add(2).expect(200);
    assert!(add(3).expect_error(400, "invalidValue").contains("2097152"));
    assert_eq!(source.get(&path).expect(200).json()["roles"].as_array().map(Vec::len), Some(2));
}

#[test]
fn names_of_later_members_are_shown_when_the_first_have_none() {
    let server = Server::start();
    let source = server.source("later");
    // Ids that are nobody's come before those of users in order.
    let ghosts: Vec<Value> = (0..2_500).map(|number| json!({"value": format!("ghost-{number}")})).collect();
    let ada = source.post("/Users", &json!({"userName": "ada", "displayName": "Ada"})).expect(201).json();
    let bob = source.post("/Users", &json!({"userName": "bob", "displayName": "Bob"})).expect(201).json();
    let members: Vec<Value> =
        ghosts.into_iter().chain([json!({"value": ada["id"]}), json!({"value": bob["id"]})]).collect();
    let group = source.post("/Groups", &json!({"displayName": "G", "members": members})).expect(201).json();
    let path = format!("/Groups/{}?attributes=members.display", group["id"].as_str().expect("an id"));
    let names = source.get(&path).expect(200).json();
    assert_eq!(names["members"], json!([{"display": "Ada"}, {"display": "Bob"}]));
}

#[test]
fn a_value_whose_place_is_taken_is_not_taken_for_another() {
    let server = Server::start();
    let source = server.source("taken");
    let body =
        json!({"userName": "ada", "title": "A", "urn:ietf:params:scim:schemas:core:2.0:User:title": "B"});
    assert_eq!(source.post("/Users", &body).expect(201).json()["title"], "A");
}

/// Shows FLT-019, AMB-07.
#[test]
fn a_text_that_cannot_be_seen_is_present_all_the_same() {
    let server = Server::start();
    let source = server.source("unseen");
    for (name, title) in [("soft", "\u{ad}"), ("none", ""), ("some", "x")] {
        source.post("/Users", &json!({"userName": name, "title": title})).expect(201);
    }
    let names = |filter: &str| texts(&source.found("/Users", filter), "/userName");
    for filter in ["title pr", "title pr and active pr or title pr", "not (not (title pr))", "title ne null"]
    {
        assert_eq!(names(filter), ["soft", "some"], "{filter}");
    }
    assert_eq!(names("not (title pr)"), ["none"]);
    source.post("/Users", &json!({"userName": "\u{ad}\u{200b} "})).expect_error(400, "invalidValue");
}

/// Shows COM-010.
#[test]
fn an_id_in_capitals_is_nobodys() {
    let server = Server::start();
    let source = server.source("capitals");
    let boss = source.post("/Users", &json!({"userName": "boss", "displayName": "B"})).expect(201).json();
    let capitals = boss["id"].as_str().expect("an id").to_uppercase();
    let body = json!({"userName": "ada", ENTERPRISE: {"manager": {"value": capitals}}});
    let ada = source.post("/Users", &body).expect(201).json();
    assert_eq!(ada[ENTERPRISE]["manager"], json!({"value": capitals}));
    for filter in ["manager.displayName pr", "manager.$ref pr"] {
        assert!(source.found("/Users", &format!("{ENTERPRISE}:{filter}")).is_empty(), "{filter}");
    }
}

/// Shows SRT-002, SRT-007.
#[test]
fn lists_of_all_types_are_sorted_by_where_they_are() {
    let server = Server::start();
    let source = server.source("places");
    for number in 0..3 {
        source.user(&format!("user{number}"));
        source.post("/Groups", &json!({"displayName": format!("group{number}")})).expect(201);
    }
    let page = source.get("/?sortBy=meta.location").expect(200).json();
    let found = texts(page["Resources"].as_array().expect("resources"), "/meta/location");
    assert!(found.is_sorted() && found.len() == 6, "{found:?}");
    let group = source.found("/Groups", "displayName eq \"group1\"")[0]["id"].clone();
    let path = format!("/Groups/{}", group.as_str().expect("an id"));
    for number in 0..11 {
        source
            .patch(&path, json!([{"op": "replace", "path": "externalId", "value": number.to_string()}]))
            .expect(200);
    }
    let page = source.get("/Groups?sortBy=meta.version").expect(200).json();
    let versions = texts(page["Resources"].as_array().expect("resources"), "/meta/version");
    assert!(versions.is_sorted() && versions.len() == 3, "{versions:?}");
}

/// Shows FLT-047.
#[test]
fn alternatives_of_alternatives_are_found() {
    let server = Server::start();
    let source = server.source("alternatives");
    let id = source.user("ada");
    let many = |count: usize| vec!["id eq \"x\""; count].join(" or ");
    let group = source.post("/Groups", &json!({"displayName": "G", "members": [{"value": id}]})).expect(201);
    let group = group.json()["id"].as_str().expect("an id").to_owned();
    let pair = |count: usize| format!("(({}) and active pr)", many(count));
    let filters = [
        format!("{} or userName eq \"ada\"", vec![pair(92); 6].join(" or ")),
        format!("{} or userName eq \"ada\"", vec![pair(8); 12].join(" or ")),
        format!("groups.value eq \"{group}\" or id eq \"x\""),
        format!("id eq \"x\" or groups.value eq \"{group}\""),
    ];
    for filter in filters {
        let search =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        let page = source.post("/Users/.search", &search).expect(200).json();
        assert_eq!(page["totalResults"], 1, "{filter}");
    }
}

/// Shows PAT-026, PAT-040, PAT-041.
#[test]
fn what_an_operation_gives_stays_when_two_values_become_one() {
    let server = Server::start();
    let source = server.source("merged");
    let table = [
        (
            json!({"op": "replace", "path": "emails[value eq \"b@x\"]",
                   "value": {"value": "a@x", "type": "work", "display": "new"}}),
            json!([{"value": "a@x", "type": "work", "display": "new", "primary": true}]),
        ),
        (
            json!({"op": "add", "path": "emails[value eq \"b@x\"]",
                   "value": {"value": "a@x", "display": "new", "primary": true}}),
            json!([{"value": "a@x", "type": "work", "display": "new", "primary": true}]),
        ),
        (
            json!({"op": "replace", "path": "emails[value eq \"b@x\"].value", "value": "a@x"}),
            json!([{"value": "a@x", "type": "work", "display": "old", "primary": true}]),
        ),
    ];
    for (number, (operation, expected)) in table.into_iter().enumerate() {
        let emails = json!([{"value": "a@x", "type": "work", "display": "old", "primary": true},
            {"value": "b@x", "type": "work", "display": "other"}]);
        let body = json!({"userName": format!("user{number}"), "emails": emails});
        let user = source.post("/Users", &body).expect(201).json();
        let path = format!("/Users/{}", user["id"].as_str().expect("an id"));
        let changed = source.patch(&path, json!([operation])).expect(200).json();
        assert_eq!(changed["emails"], expected, "{operation}");
    }
}

/// Shows PAT-007, AMB-06.
#[test]
fn a_schema_whose_urn_goes_on_from_another_is_one_of_its_own() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let source = ada.source("Prefix");
    let longer = format!("{ENTERPRISE}:custom");
    // Without the schema: kept as it was sent, like any extension that nobody knows.
    let user = source.post("/Users", &json!({"userName": "kept", &longer: {"foo": "1"}})).expect(201).json();
    assert_eq!(user[&longer], json!({"foo": "1"}));
    let path = format!("/Users/{}", user["id"].as_str().expect("an id"));
    assert_eq!(source.get(&format!("{path}?attributes={longer}")).expect(200).json()[&longer]["foo"], "1");
    let changed =
        source.patch(&path, json!([{"op": "replace", "path": format!("{longer}:foo"), "value": "2"}]));
    assert_eq!(changed.expect(200).json()[&longer]["foo"], "2");

    let schema = json!({"id": longer, "name": "Custom", "attributes": [{"name": "foo"}]});
    ada.put(&format!("{}?extends=User", schema_path(&source, &longer)), &schema).expect(201);
    let user = json!({"userName": "ada", format!("{longer}:foo"): "3", ENTERPRISE: {"department": "D"}});
    let user = source.post("/Users", &user).expect(201).json();
    assert_eq!((&user[&longer]["foo"], &user[ENTERPRISE]["department"]), (&json!("3"), &json!("D")));
    let path = format!("/Users/{}", user["id"].as_str().expect("an id"));
    for filter in [format!("{longer}:foo eq \"3\""), format!("{ENTERPRISE}:department eq \"d\"")] {
        assert_eq!(source.found("/Users", &filter).len(), 1, "{filter}");
    }
    let sorted = source.get(&format!("/Users?sortBy={longer}:foo&sortOrder=descending")).expect(200).json();
    assert_eq!(sorted["Resources"][0]["userName"], "ada");
    for path_of in [format!("{longer}:foo"), "foo".to_owned()] {
        let changed = source.patch(&path, json!([{"op": "replace", "path": path_of, "value": path_of}]));
        assert_eq!(changed.expect(200).json()[&longer]["foo"], *path_of);
    }
    let gone = source.patch(&path, json!([{"op": "remove", "path": longer}])).expect(200).json();
    assert_eq!(gone.get(&longer), None);
}

/// Shows FLT-002, FLT-048.
#[test]
fn a_qualified_name_is_that_of_its_type_alone() {
    let server = Server::start();
    let source = server.source("qualified");
    source.post("/Users", &json!({"userName": "u", "displayName": "UD"})).expect(201);
    source.post("/Groups", &json!({"displayName": "GD"})).expect(201);
    let core = |name: &str| format!("urn:ietf:params:scim:schemas:core:2.0:{name}:displayName");
    for (filter, found) in [
        (format!("{} eq \"UD\"", core("Group")), ""),
        (format!("{} eq \"GD\"", core("User")), ""),
        (format!("{} eq \"gd\"", core("Group")), "GD"),
        (format!("not ({} pr)", core("Group")), "UD"),
        (format!("{} eq \"ud\" and not ({} pr)", core("User"), core("Group")), "UD"),
    ] {
        let list = source.get(&format!("/?filter={}", percent(&filter))).expect(200).json();
        let names: Vec<&str> = list["Resources"]
            .as_array()
            .expect("resources")
            .iter()
            .filter_map(|one| one["displayName"].as_str())
            .collect();
        assert_eq!(names.join(" "), found, "{filter}");
    }
    let sorted = source.get(&format!("/?sortBy={}", core("Group"))).expect(200).json();
    assert_eq!(sorted["Resources"][0]["displayName"], "GD", "what has no such name is behind");
}

/// Shows AMB-50.
#[test]
fn reads_keep_to_if_match_too() {
    let server = Server::start();
    let source = server.source("matched");
    let path = format!("/Users/{}", source.user("ada"));
    for (tag, status) in [("W/\"999\"", 412), ("W/\"1\"", 200), ("\"7\", \"1\"", 200), ("*", 200)] {
        let mut request = source.request("GET", &path, None);
        request.headers.push(("If-Match".to_owned(), tag.to_owned()));
        assert_eq!(source.send(&request).expect("answered").status, status, "{tag}");
    }
}

/// Shows BLK-016, AMB-49.
#[test]
fn any_bulk_id_can_stand_in_a_path() {
    let server = Server::start();
    let source = server.source("bulk-ids");
    for bulk_id in ["a/b", "a b", "ü:é", "bulkId:x"] {
        let request = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {"userName": bulk_id}},
            {"method": "PATCH", "path": format!("/Users/bulkId:{bulk_id}"), "data": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "add", "path": "title", "value": "T"}]}}]});
        let answer = source.post("/Bulk", &request).expect(200).json();
        assert_eq!(answer["Operations"][1]["status"], "200", "{bulk_id}: {answer}");
    }
}

/// Shows USR-019, AMB-11.
#[test]
fn lists_of_those_in_groups_that_all_hold_each_other_come_quickly() {
    let server = Server::start();
    let source = server.source("dense");
    let members: Vec<String> = (0..40).map(|number| source.user(&format!("user{number}"))).collect();
    let names: Vec<String> = (0..40).map(|number| format!("bulkId:g{number}")).collect();
    let all: Vec<Value> = members.iter().chain(&names).map(|value| json!({"value": value})).collect();
    let groups: Vec<Value> = (0..40)
        .map(|number| {
            json!({"method": "POST", "path": "/Groups", "bulkId": format!("g{number}"),
                   "data": {"displayName": format!("G{number}"), "members": all}})
        })
        .collect();
    let request =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": groups});
    source.post("/Bulk", &request).expect(200);
    let list = source.get("/Users?count=40").expect(200).json();
    let listed = list["Resources"].as_array().expect("resources");
    assert!(listed.iter().all(|user| user["groups"].as_array().map(Vec::len) == Some(40)));
    let alone = source.get(&format!("/Users/{}", members[7])).expect(200).json();
    assert_eq!(listed[7], alone, "a list says of each what it says alone, version included");
    let names = source.get("/Users?attributes=userName").expect(200).json();
    assert_eq!(names["Resources"][0].as_object().map(serde_json::Map::len), Some(3), "id, schemas, userName");
}

/// A group in groups too: it shows none of them, and its version says nothing of them.
#[test]
fn a_search_over_all_types_says_of_each_resource_what_it_says_alone() {
    let server = Server::start();
    let source = server.source("nested");
    let user = source.user("ada");
    let group = |name: &str, member: &str| {
        let made = source.post("/Groups", &json!({"displayName": name, "members": [{"value": member}]}));
        text(&made.expect(201).json()["id"])
    };
    let inner = group("Inner", &user);
    group("Second", &inner);
    group("Outer", &group("Between", &inner));
    for query in ["?count=100", "?sortBy=meta.created", "?filter=id+pr", "?filter=id+pr&count=1&startIndex=2"]
    {
        let list = source.get(query).expect(200).json();
        for listed in list["Resources"].as_array().expect("resources") {
            let kind = text(&listed["meta"]["resourceType"]);
            let alone = source.get(&format!("/{kind}s/{}", text(&listed["id"]))).expect(200);
            assert_eq!(alone.header("etag"), listed["meta"]["version"].as_str(), "{query}");
            assert_eq!(*listed, alone.json(), "{query}");
        }
    }
}
