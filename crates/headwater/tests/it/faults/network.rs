//! The network between a server and its database is cut, forgets connections, is slow, or loses answers.

use std::{sync::atomic::Ordering, time::Duration};

use headwater_testkit::{
    postgres::{self, wait_until},
    proxy::{Conduct, Proxy},
};

use serde_json::{Value, json};

use super::site::{Site, database};
use crate::support::{Admin, Response, Server, texts};

/// A database behind a network, and servers on it.
fn site(servers: usize) -> (postgres::Server, Proxy, Site) {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    let site = Site::start(&database(&postgres, &[proxy.address()]), servers);
    (postgres, proxy, site)
}

#[test]
fn a_network_that_is_cut_leaves_nobody_waiting_and_heals() {
    let (_postgres, proxy, site) = site(2);
    let load = site.load(8);
    load.wait_for_done(100);
    proxy.set(Conduct::Stall);
    load.wait_for_refused(8);
    proxy.set(Conduct::Pass);
    load.wait_for_done(100);
    site.judge(&load.finish());
}

#[test]
fn connections_that_the_network_has_forgotten_are_made_anew() {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    // Longer than the database leaves a transaction alone whose client has vanished.
    let site = Site::start_with(&database(&postgres, &[proxy.address()]), 1, 7);
    let load = site.load(8);
    load.wait_for_done(100);
    proxy.forget();
    load.wait_for_done(100);
    // What was on its way comes to nothing, at most, and nothing that comes later.
    let refused = load.counts().refused.load(Ordering::SeqCst);
    assert!(refused <= 8, "{refused} writes were refused");
    site.judge(&load.finish());
}

#[test]
fn a_slow_network_is_only_slow() {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    let site = Site::start_patient(&database(&postgres, &[proxy.address()]), 1);
    let load = site.load(8);
    load.wait_for_done(50);
    proxy.set(Conduct::Delay(Duration::from_millis(100)));
    load.wait_for_done(50);
    let counts = load.counts();
    let unhappy = [&counts.refused, &counts.in_doubt].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(unhappy, [0, 0]);
    let writes = load.finish();
    proxy.set(Conduct::Pass);
    site.judge(&writes);
}

#[test]
fn a_commit_whose_answer_never_comes_is_done_once() {
    let (_postgres, proxy, site) = site(2);
    let load = site.load(8);
    load.wait_for_done(50);
    // One at a time: it is found in the journal.
    for _ in 0..3 {
        let before = proxy.swallowed();
        proxy.swallow_commits(1);
        wait_until("an answer is lost", || proxy.swallowed() > before);
        load.wait_for_done(20);
    }
    // With those of whoever looks for it: nobody can know.
    let before = proxy.swallowed();
    proxy.swallow_commits(usize::MAX);
    wait_until("answers are lost", || proxy.swallowed() >= before + 5);
    proxy.swallow_commits(0);
    load.wait_for_done(50);
    site.judge(&load.finish());
}

/// Has a change made of which nothing can be read behind its commit; returns the answer. Whatever the server
/// commits beside may be taken for that: then the change fails, and is tried again under another number.
fn answered_blindly(proxy: &Proxy, change: impl Fn(usize) -> Response) -> Response {
    for attempt in 0..10 {
        proxy.stall_behind_commits(1);
        let answer = change(attempt);
        proxy.set(Conduct::Pass);
        if answer.status != 503 {
            return answer;
        }
        let detail = answer.expect_error(503, "");
        let is_undone = detail.contains("nothing of this request has been done");
        assert!(is_undone || detail.contains("look, or try again"), "{detail}");
        // Such as when the token was last used: else that is tried again with the next change.
        let before = proxy.commits();
        wait_until("the server has committed what it does beside", || proxy.commits() > before);
    }
    panic!("no change was made");
}

/// Shows BLK-020.
#[test]
fn what_is_done_is_not_denied_because_it_cannot_be_read() {
    let (_postgres, proxy, site) = site(1);
    let source = &site.source;
    let members: Vec<String> = (0..2).map(|number| source.user(&format!("member-{number}"))).collect();
    let value = |number: usize| json!([{"value": members[number]}]);

    let made = answered_blindly(&proxy, |attempt| {
        source.post("/Groups", &json!({"displayName": format!("Group {attempt}"), "members": value(0)}))
    });
    let made = made.expect(201).json();
    assert_eq!(made.get("members"), None, "they could not be read");
    let group = format!("/Groups/{}", made["id"].as_str().expect("an id"));
    let ids = || -> Vec<String> {
        let found = source.get(&group).expect(200).json();
        let members = found["members"].as_array().expect("members").clone();
        members.iter().map(|member| member["value"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(), members[..1]);

    let added = answered_blindly(&proxy, |_| {
        source.patch(&group, json!([{"op": "add", "path": "members", "value": value(1)}]))
    });
    assert!(added.expect(204).header("ETag").is_some());
    assert_eq!(ids().len(), 2);

    let replaced = answered_blindly(&proxy, |attempt| {
        source.put(&group, &json!({"displayName": format!("Other {attempt}"), "members": value(1)}))
    });
    assert_eq!(replaced.expect(200).json()["id"], made["id"]);
    assert_eq!(ids(), members[1..]);

    let operation = |attempt: usize, number: usize| {
        let name = format!("bulk-{attempt}-{number}");
        json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}})
    };
    let bulk = answered_blindly(&proxy, |attempt| {
        let operations: Vec<_> = (0..600).map(|number| operation(attempt, number)).collect();
        source.post("/Bulk", &json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}))
    });
    let answered = bulk.expect(200).json()["Operations"].as_array().expect("operations").clone();
    assert_eq!(answered.len(), 600);
    let mut done = 0;
    for operation in &answered {
        let name = operation["bulkId"].as_str().expect("a bulkId");
        let found = source.get(&format!("/Users?filter=userName%20eq%20%22{name}%22")).expect(200).json();
        let is_there = found["totalResults"] == 1;
        match operation["status"].as_str().expect("a status") {
            "201" => assert!(is_there, "{name}"),
            "503" => {
                let detail = operation["response"]["detail"].as_str().expect("a detail");
                let is_in_doubt = detail.contains("look, or try again");
                assert!(is_in_doubt || detail.contains("this operation has not been done"), "{detail}");
                assert!(is_in_doubt || !is_there, "{name}");
            }
            other => panic!("{name}: {other}"),
        }
        done += usize::from(operation["status"] == "201");
    }
    assert_eq!(done, 250, "those that were committed before the network was gone");
}

/// A server behind a network, with an administrator.
fn administered() -> (postgres::Server, Proxy, Server, Admin) {
    let postgres = postgres::Server::new(&[]);
    let proxy = Proxy::new(postgres.address());
    let url = database(&postgres, &[proxy.address()]);
    let server = Server::start_on(&url, &["--database-timeout-seconds", "2"]);
    let ada = Admin::first(&server);
    (postgres, proxy, server, ada)
}

#[test]
fn an_act_that_is_done_is_not_denied_because_what_comes_behind_it_fails() {
    let (_postgres, proxy, _server, ada) = administered();
    let slugs = |path: &str, member: &str| texts(&ada.items(path), member);
    // What is made, how it is named, and where it is found.
    for (path, what, member) in [("/sources", "slug", "/slug"), ("/administrators", "email", "/email")] {
        let mut done = 0;
        // What finds out who asks is committed too, and now and then what the server does beside: the act is one of
        // these commits.
        for attempt in 0..30 {
            let named = if what == "slug" { format!("s{attempt}") } else { format!("{attempt}@example.com") };
            let body = json!({"name": "Name", "role": "auditor", what: named});
            let body = match body {
                Value::Object(mut body) if what == "slug" => {
                    body.remove("role");
                    Value::Object(body)
                }
                body => body,
            };
            proxy.stall_behind_commits(1 + attempt % 6);
            let answer = ada.post(path, &body);
            proxy.stall_behind_commits(0);
            proxy.set(Conduct::Pass);
            let problem = answer.json();
            let mut there = Vec::new();
            wait_until("the directory is back", || {
                let back = ada.get(path).status == 200;
                if back {
                    there = slugs(path, member);
                }
                back
            });
            match (answer.status, problem["code"].as_str()) {
                (503, Some("unavailable")) => assert!(!there.contains(&named), "{problem}"),
                (503, Some("in_doubt")) => done += usize::from(there.contains(&named)),
                (201, None) => {} // nothing was in the way of the answer
                other => panic!("{other:?}: {problem}"),
            }
            if done > 0 {
                break;
            }
        }
        assert_eq!(done, 1, "{path}");
    }
}

#[test]
fn a_key_lets_nothing_be_made_twice_and_is_let_go_of() {
    let (_postgres, proxy, _server, ada) = administered();
    for lost in [1, 2, 3, usize::MAX] {
        let name = format!("lost {lost}");
        let body = json!({"name": name, "role": "auditor"});
        let send = || ada.call_with(("Idempotency-Key", &name), "POST", "/api-tokens", &body);
        let made = || {
            let tokens = ada.get("/api-tokens");
            let items = if tokens.status == 200 { tokens.json()["items"].clone() } else { json!([]) };
            items.as_array().into_iter().flatten().filter(|token| token["name"] == *name).count()
        };
        proxy.swallow_commits(lost);
        let first = send().status;
        proxy.swallow_commits(0);
        assert!([201, 503].contains(&first), "{first}");
        // The answer comes again, or it is not known whether there was one and there was, or it is made now.
        wait_until("it is made once", || match send().status {
            201 => true,
            409 => made() == 1,
            _ => false,
        });
        assert_eq!(made(), 1, "{name}");
    }
}

#[test]
fn a_primary_that_vanishes_without_a_word_is_followed_by_its_standby() {
    let primary = postgres::Server::new(&[]);
    let standby = primary.synchronous_standby();
    let proxy = Proxy::new(primary.address());
    let site = Site::start(&database(&primary, &[proxy.address(), standby.address()]), 2);
    let load = site.load(8);
    load.wait_for_done(100);
    proxy.set(Conduct::Stall);
    primary.kill();
    load.wait_for_refused(8);
    standby.promote();
    load.wait_for_done(100);
    site.judge(&load.finish());
}
