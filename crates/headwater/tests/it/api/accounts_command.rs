//! `headwater admin …`, as scripts use it.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{ADA, Admin, PASSWORD, Server, headwater, headwater_reading, link_secret, text};

/// Runs a command on the data of a server, with a password on standard input.
fn reading(server: &Server, arguments: &[&str], input: &str) -> Output {
    let data = server.data().to_str().expect("UTF-8");
    headwater_reading(&[arguments, &["--data", data, "--json"]].concat(), input)
}

#[track_caller]
fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn an_administrator_lives_from_create_to_enable() {
    let server = Server::start();
    let made = server.command(&["admin", "create", ADA, "--name", "Ada Lovelace"]);
    let about = |made: &Value| {
        ["email", "name", "role", "disabled", "has_password", "last_login"].map(|name| made[name].clone())
    };
    let expected = [json!(ADA), json!("Ada Lovelace"), json!("administrator"), json!(false)];
    assert_eq!(about(&made)[..4], expected);
    assert_eq!(made["has_password"], false);
    let link = text(&made["link"]);
    assert!(link.starts_with(&format!("http://{}/welcome#hwl_", server.address())), "{link}");
    assert!(made["link_expires"].is_string());
    let check = Admin::nobody(&server).post("/links/check", &json!({"secret": link_secret(&link)}));
    let check = check.expect(200).json();
    assert_eq!((&check["purpose"], &check["email"]), (&json!("set_password"), &json!(ADA)));
    let body = json!({"secret": link_secret(&link), "password": PASSWORD});
    Admin::signed_in(&server, Admin::nobody(&server).post("/links/use", &body)).read("/sources");

    let second = server.command(&["admin", "create", "bob@example.com", "--role", "auditor"]);
    assert_eq!((&second["name"], &second["role"]), (&json!("bob@example.com"), &json!("auditor")));
    let listed = server.command(&["admin", "list"]);
    let emails: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|one| one["email"].as_str()).collect();
    assert_eq!(emails, [ADA, "bob@example.com"]);
    assert_eq!((&listed[0]["has_password"], &listed[1]["has_password"]), (&json!(true), &json!(false)));
    assert!(listed[0]["last_login"].is_string());
    assert!(!listed.to_string().contains("argon2"), "no hash");

    assert_eq!(server.command(&["admin", "disable", "BOB@example.com"])["disabled"], true);
    assert_eq!(server.command(&["admin", "enable", "bob@example.com"])["disabled"], false);
}

#[test]
fn a_password_is_read_from_standard_input() {
    let server = Server::start();
    let made =
        done(&reading(&server, &["admin", "create", ADA, "--password-stdin"], "correct horse battery\n"));
    assert_eq!((&made["has_password"], &made["link"]), (&json!(true), &Value::Null));
    let session = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));

    let new = "a different long phrase";
    done(&reading(&server, &["admin", "reset-password", ADA, "--password-stdin"], new));
    session.get("/session").expect_problem(401, "unauthenticated");
    Admin::sign_in(&server, ADA, PASSWORD).expect_problem(401, "wrong_credentials");
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, new));
    assert!(!crate::support::consistency::is_on_disk(server.data(), new));
}

#[test]
fn a_reset_signs_out_and_leaves_the_old_password_until_the_link_is_used() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let reset = server.command(&["admin", "reset-password", "ADA@EXAMPLE.COM"]);
    ada.get("/session").expect_problem(401, "unauthenticated");
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    let new = "a different long phrase";
    let body = json!({"secret": link_secret(&text(&reset["link"])), "password": new});
    Admin::signed_in(&server, Admin::nobody(&server).post("/links/use", &body));
    Admin::sign_in(&server, ADA, PASSWORD).expect_problem(401, "wrong_credentials");
    // Of two resets the later one counts.
    let first = server.command(&["admin", "reset-password", ADA]);
    server.command(&["admin", "reset-password", ADA]);
    let check = json!({"secret": link_secret(&text(&first["link"]))});
    Admin::nobody(&server).post("/links/check", &check).expect_problem(404, "link_invalid");
}

#[test]
fn whoever_is_disabled_by_command_is_out_at_once() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, "bob@example.com", "administrator");
    bob.read("/sources");
    server.command(&["admin", "disable", "bob@example.com"]);
    bob.get("/sources").expect_problem(401, "unauthenticated");
    Admin::sign_in(&server, "bob@example.com", PASSWORD).expect_problem(401, "wrong_credentials");
    server.command(&["admin", "enable", "bob@example.com"]);
    bob.get("/sources").expect_problem(401, "unauthenticated");
    Admin::signed_in(&server, Admin::sign_in(&server, "bob@example.com", PASSWORD)).read("/sources");
}

#[test]
fn what_a_command_cannot_do_is_one_line_and_an_exit_code() {
    let server = Server::start();
    let data = server.data().to_str().expect("UTF-8");
    Admin::first(&server);
    let refused = |output: &Output, code: i32, says: &str| {
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(output.stdout.is_empty());
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(error.contains(says), "{says:?}: {error}");
    };
    for (arguments, code, says) in [
        (&["admin", "create"][..], 2, "EMAIL"),
        (&["admin", "create", "nobody"], 2, "e-mail"),
        (&["admin", "create", "c@example.com", "--role", "king"], 2, "king"),
        (&["admin", "create", "c@example.com", "--name", " "], 2, "name"),
        (&["admin", "create", "c@example.com", "--public-url", "x"], 2, "public URL"),
        (&["admin", "create", "c@example.com", "--password-stdin"], 2, "standard input"),
        (&["admin", "create", "Ada@Example.com"], 4, "Ada@Example.com"),
        (&["admin", "reset-password", "nobody@example.com"], 3, "nobody@example.com"),
        (&["admin", "disable", "nobody@example.com"], 3, "nobody@example.com"),
        (&["admin", "enable", "nobody@example.com"], 3, "nobody@example.com"),
        (&["admin", "disable", ADA], 1, "administrator"),
    ] {
        refused(&headwater(&[arguments, &["--data", data]].concat()), code, says);
    }
    for (password, says) in [("short", "12"), ("password1234", "easily guessed"), ("\n", "standard input")] {
        let create = ["admin", "create", "c@example.com", "--password-stdin"];
        refused(&reading(&server, &create, password), 2, says);
        refused(&reading(&server, &["admin", "reset-password", ADA, "--password-stdin"], password), 2, says);
    }
    assert_eq!(server.command(&["admin", "list"]).as_array().map(Vec::len), Some(1));
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    let nowhere = tempfile::tempdir().expect("a folder");
    let nowhere = nowhere.path().join("missing");
    refused(&headwater(&["admin", "list", "--data", nowhere.to_str().expect("UTF-8")]), 1, "missing");
    assert!(!nowhere.exists(), "a look makes nothing");
}

#[test]
fn people_are_told_in_words() {
    let server = Server::start();
    let data = server.data().to_str().expect("UTF-8");
    let said = |arguments: &[&str]| {
        let output = headwater(&[arguments, &["--data", data]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert!(said(&["admin", "list"]).contains("headwater admin create"));
    assert!(said(&["admin", "create", ADA]).contains("/welcome#hwl_"));
    let listed = said(&["admin", "list"]);
    assert!(listed.starts_with("EMAIL") && listed.contains("invited"), "{listed}");
}
