//! Sessions: one's own, ended one by one or all together.

use serde_json::{Value, json};

use crate::support::{ADA, Admin, PASSWORD, Server};

const NEW: &str = "a different long phrase";

fn change_password(admin: &Admin, current: &str, new: &str) -> crate::support::Response {
    admin.call("PUT", "/session/password", Some(&json!({"current_password": current, "new_password": new})))
}

#[test]
fn signing_out_ends_this_session_and_no_other() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let phone = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    ada.delete("/session").expect(204);
    ada.get("/session").expect_problem(401, "unauthenticated");
    ada.delete("/session").expect_problem(401, "unauthenticated");
    phone.read("/session");
}

#[test]
fn signing_out_everywhere_ends_ones_own_sessions_and_nobody_elses() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, "bob@example.com", "auditor");
    let phone = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    phone.delete("/sessions").expect(204);
    for ended in [&ada, &phone] {
        ended.get("/session").expect_problem(401, "unauthenticated");
    }
    bob.read("/session");
    bob.delete("/sessions").expect(204);
    bob.get("/session").expect_problem(401, "unauthenticated");
}

#[test]
fn one_sees_ones_own_sessions_and_which_one_asks() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.invite(&server, "bob@example.com", "auditor");
    let body = json!({"email": ADA, "password": PASSWORD});
    let phone = Admin::nobody(&server).call_with(("User-Agent", "Phone/1"), "POST", "/session", &body);
    let phone = Admin::signed_in(&server, phone);
    let sessions = phone.items("/sessions");
    assert_eq!(sessions.len(), 2, "Bob's is not among them");
    let current: Vec<&Value> = sessions.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!((&current[0]["user_agent"], &current[0]["address"]), (&json!("Phone/1"), &json!("127.0.0.1")));
    let other = sessions.iter().find(|session| session["current"] == false).expect("the other");
    assert_eq!(other["user_agent"], Value::Null);
    assert_eq!(ada.walk("/sessions", 1).len(), 2);
    assert!(!json!(sessions).to_string().contains("hws_"), "no secret");
}

#[test]
fn a_new_password_ends_all_other_sessions() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let phone = Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    change_password(&ada, "not the password", NEW).expect_invalid("current_password");
    change_password(&ada, PASSWORD, "short").expect_invalid("new_password");
    change_password(&ada, PASSWORD, ADA).expect_invalid("new_password");
    phone.read("/session");
    change_password(&ada, PASSWORD, NEW).expect(204);
    ada.read("/session");
    phone.get("/session").expect_problem(401, "unauthenticated");
    Admin::sign_in(&server, ADA, PASSWORD).expect_problem(401, "wrong_credentials");
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, NEW));
}

#[test]
fn whoever_has_a_session_cannot_guess_the_password_at_leisure() {
    let server = Server::start();
    let ada = Admin::first(&server);
    for _ in 0..5 {
        change_password(&ada, "not the password", NEW).expect_invalid("current_password");
    }
    let slowed = change_password(&ada, PASSWORD, NEW);
    assert!(slowed.header("retry-after").is_some());
    slowed.expect_problem(429, "slow_down");
}

#[test]
fn an_auditor_may_do_everything_with_their_own_account() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, "bob@example.com", "auditor");
    change_password(&bob, PASSWORD, NEW).expect(204);
    assert_eq!(bob.items("/sessions").len(), 1);
    bob.delete("/session").expect(204);
}

#[test]
fn an_api_token_has_no_session() {
    let server = Server::start();
    let script = Admin::first(&server).api_token(&server, "administrator");
    for (method, path) in
        [("GET", "/session"), ("GET", "/sessions"), ("DELETE", "/session"), ("DELETE", "/sessions")]
    {
        script.call(method, path, None).expect_problem(403, "forbidden");
    }
    change_password(&script, PASSWORD, NEW).expect_problem(403, "forbidden");
}

#[test]
fn a_session_is_no_api_token_and_no_token_is_a_session() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let cookie = ada.headers[0].1.clone();
    let (name, secret) = cookie.split_once('=').expect("a cookie");
    Admin::with_token(&server, secret).get("/sources").expect_problem(401, "unauthenticated");
    let script = ada.api_token(&server, "administrator");
    let token = script.headers[0].1.trim_start_matches("Bearer ").to_owned();
    let mut request = ada.request("GET", "/sources", None);
    request.headers[0].1 = format!("{name}={token}");
    ada.send(&request).expect_problem(401, "unauthenticated");
    // Among other cookies ours is found.
    request.headers[0].1 = format!("theme=dark; {cookie}; last=1");
    ada.send(&request).expect(200);
    let source = ada.source("Contoso");
    Admin::with_token(&server, &source.token).get("/sources").expect_problem(401, "unauthenticated");
    assert_eq!(source.at(server.address()).get("/Users").status, 200);
    let mut scim = source.request("GET", "/Users", None);
    scim.headers[0].1 = format!("Bearer {token}");
    assert_eq!(source.send(&scim).expect("an answer").status, 401, "an API token is no source's");
}
