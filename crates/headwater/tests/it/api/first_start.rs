//! From the first start to the first administrator.

use std::thread;

use headwater_testkit::postgres::Database;
use serde_json::json;

use crate::support::{ADA, Admin, PASSWORD, Server, headwater_reading, link_secret, text};

fn use_link(server: &Server, secret: &str, email: &str) -> crate::support::Response {
    let body = json!({"secret": secret, "password": PASSWORD, "email": email, "name": "Ada Lovelace"});
    Admin::nobody(server).post("/links/use", &body)
}

fn check_link(server: &Server, secret: &str) -> crate::support::Response {
    Admin::nobody(server).post("/links/check", &json!({"secret": secret}))
}

#[test]
fn the_first_start_prints_a_link_and_does_not_log_it() {
    let server = Server::start_with(&["--log", "debug"]);
    let printed = server.printed();
    let secret = link_secret(&printed);
    assert!(printed.contains(&format!("http://{}/welcome#hwl_", server.address())), "{printed}");
    assert!(!server.logged().is_empty() && !server.logged().contains(&secret));

    let refused = Admin::nobody(&server).get("/session").expect_problem(401, "unauthenticated");
    assert_eq!(refused["setup_needed"], true);
    let purpose = check_link(&server, &secret).expect(200).json();
    assert_eq!(purpose["purpose"], "first_administrator");
    assert_eq!((&purpose["email"], &purpose["name"]), (&json!(null), &json!(null)));
}

#[test]
fn the_link_makes_the_first_administrator_and_works_once() {
    let server = Server::start();
    let secret = link_secret(&server.printed());
    check_link(&server, &secret).expect(200);
    check_link(&server, &secret).expect(200);
    let answer = use_link(&server, &secret, ADA).expect(201);
    let session = answer.json();
    assert_eq!(session["administrator"]["email"], ADA);
    assert_eq!(session["administrator"]["name"], "Ada Lovelace");
    assert_eq!(session["administrator"]["role"], "administrator");
    assert_eq!(session["administrator"]["has_password"], true);
    let ada = Admin::signed_in(&server, answer);
    assert_eq!(ada.read("/session")["administrator"], session["administrator"]);

    use_link(&server, &secret, "eve@example.com").expect_problem(404, "link_invalid");
    check_link(&server, &secret).expect_problem(404, "link_invalid");
    let refused = Admin::nobody(&server).get("/session").expect_problem(401, "unauthenticated");
    assert!(refused.get("setup_needed").is_none(), "{refused}");
}

#[test]
fn of_many_who_use_the_link_at_once_one_gets_through() {
    let server = Server::start();
    let secret = link_secret(&server.printed());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let used: Vec<_> = (0..4)
            .map(|number| {
                let (server, secret) = (&server, &secret);
                scope.spawn(move || use_link(server, secret, &format!("eve{number}@example.com")).status)
            })
            .collect();
        used.into_iter().map(|used| used.join().expect("answered")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(server.command(&["admin", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn of_the_links_of_replicas_that_start_at_once_any_works_and_only_one() {
    let database = Database::new();
    let starting: Vec<_> = (0..3)
        .map(|_| {
            let url = database.url();
            thread::spawn(move || Server::start_on(&url, &[]))
        })
        .collect();
    let servers: Vec<Server> =
        starting.into_iter().map(|starting| starting.join().expect("started")).collect();
    let secrets: Vec<String> = servers.iter().map(|server| link_secret(&server.printed())).collect();
    for (server, secret) in servers.iter().cycle().skip(1).zip(&secrets) {
        check_link(server, secret).expect(200);
    }
    let mut statuses: Vec<u16> = thread::scope(|scope| {
        let using = servers.iter().zip(&secrets).enumerate().map(|(number, (server, secret))| {
            scope.spawn(move || use_link(server, secret, &format!("ada{number}@example.com")).status)
        });
        let using: Vec<_> = using.collect();
        using.into_iter().map(|using| using.join().expect("answered")).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404, 404]);
    for (server, secret) in servers.iter().zip(&secrets) {
        check_link(server, secret).expect_problem(404, "link_invalid");
        assert_eq!(server.command(&["admin", "list"]).as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn what_the_first_administrator_cannot_be_leaves_the_link_as_it_is() {
    let server = Server::start();
    let secret = link_secret(&server.printed());
    let whole = json!({"secret": secret, "password": PASSWORD, "email": ADA, "name": "Ada"});
    for (name, value, field) in [
        ("password", json!("short"), "password"),
        ("password", json!("password1234"), "password"),
        ("password", json!("aaaaaaaaaaaaaaaa"), "password"),
        ("password", json!(ADA), "password"),
        ("password", json!("x".repeat(1025)), "password"),
        ("email", json!("nobody"), "email"),
        ("email", json!(null), "email"),
        ("name", json!("  "), "name"),
        ("name", json!(null), "name"),
        ("name", json!("x".repeat(201)), "name"),
    ] {
        let mut body = whole.clone();
        body[name] = value;
        Admin::nobody(&server).post("/links/use", &body).expect_invalid(field);
    }
    for secret in ["", "hwl_", "nonsense", &format!("hwl_{}", "A".repeat(43))] {
        check_link(&server, secret).expect_problem(404, "link_invalid");
        use_link(&server, secret, ADA).expect_problem(404, "link_invalid");
    }
    Admin::signed_in(&server, Admin::nobody(&server).post("/links/use", &whole));
}

#[test]
fn each_start_prints_a_fresh_link_as_long_as_there_is_nobody() {
    let mut server = Server::start();
    let first = link_secret(&server.printed());
    assert!(server.stop());
    server.restart(&[]);
    let second = link_secret(&server.printed());
    assert_ne!(first, second);
    // It may have been another replica that started.
    check_link(&server, &first).expect(200);
    let ada = Admin::first(&server);
    ada.read("/session");
    check_link(&server, &first).expect_problem(404, "link_invalid");

    assert!(server.stop());
    server.restart(&[]);
    assert_eq!(server.printed(), "", "where there is somebody, no link is printed");
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
}

#[test]
fn an_administrator_made_by_command_makes_the_link_void() {
    let mut server = Server::start();
    let secret = link_secret(&server.printed());
    let data = text(&json!(server.data()));
    let arguments = ["admin", "create", ADA, "--password-stdin", "--data", &data];
    let output = headwater_reading(&arguments, PASSWORD);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    use_link(&server, &secret, "eve@example.com").expect_problem(404, "link_invalid");
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    assert!(server.stop());
    server.restart(&[]);
    assert_eq!(server.printed(), "");
}

#[test]
fn the_printed_link_begins_with_the_public_url() {
    let server = Server::start_with(&["--public-url", "https://id.example.com/dir/"]);
    assert!(server.printed().contains("  https://id.example.com/dir/welcome#hwl_"), "{}", server.printed());
}

#[test]
fn no_secret_of_an_account_is_in_a_file_or_in_the_log() {
    let server = Server::start_with(&["--log", "debug"]);
    let secret = link_secret(&server.printed());
    let ada = Admin::first(&server);
    let (_, cookie) = ada.headers[0].1.split_once('=').expect("a cookie");
    let made = ada.post("/api-tokens", &json!({"name": "script", "role": "auditor"})).expect(201).json();
    for secret in [&*secret, cookie, PASSWORD, &text(&made["secret"])] {
        assert!(!crate::support::consistency::is_on_disk(server.data(), secret), "{secret}");
        assert!(!server.logged().contains(secret), "{secret}");
    }
}
