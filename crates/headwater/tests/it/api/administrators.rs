//! Administrators: invited, changed, kept out.

use serde_json::json;

use crate::support::{ADA, Admin, PASSWORD, Server, link_secret, send_around, text, texts};

const BOB: &str = "bob@example.com";

fn id(admin: &Admin, email: &str) -> String {
    let all = admin.items("/administrators");
    text(&all.iter().find(|one| one["email"] == email).expect("an account")["id"])
}

#[test]
fn somebody_new_sets_their_password_by_a_link() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let body = json!({"email": BOB, "name": "Bob", "role": "auditor"});
    let made = ada.post("/administrators", &body).expect(201).json();
    let bob = &made["administrator"];
    assert_eq!(
        (&bob["has_password"], &bob["role"], &bob["disabled"]),
        (&json!(false), &json!("auditor"), &json!(false))
    );
    let link = text(&made["link"]);
    assert!(link.starts_with(&format!("http://{}/welcome#hwl_", server.address())), "{link}");
    assert!(made["link_expires"].is_string());
    assert_eq!(ada.read(&format!("/administrators/{}", text(&bob["id"]))), *bob);
    assert_eq!(texts(&ada.items("/administrators"), "/email"), [ADA, BOB]);
    assert_eq!(ada.walk("/administrators", 1), ada.items("/administrators"));

    let secret = link_secret(&link);
    let purpose = Admin::nobody(&server).post("/links/check", &json!({"secret": secret})).expect(200).json();
    assert_eq!(
        (&purpose["purpose"], &purpose["email"], &purpose["name"]),
        (&json!("set_password"), &json!(BOB), &json!("Bob"))
    );
    let weak = json!({"secret": secret, "password": BOB});
    Admin::nobody(&server).post("/links/use", &weak).expect_invalid("password");
    // Whose link it is can't be changed by whoever uses it.
    let good = json!({"secret": secret, "password": PASSWORD, "email": "eve@example.com", "name": "Eve"});
    let bob = Admin::signed_in(&server, Admin::nobody(&server).post("/links/use", &good));
    assert_eq!(bob.read("/session")["administrator"]["email"], BOB);
    Admin::nobody(&server).post("/links/use", &good).expect_problem(404, "link_invalid");
}

#[test]
fn whoever_is_kept_out_does_nothing_with_a_request_that_is_slow_to_arrive() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let (bob, script) = (ada.invite(&server, BOB, "administrator"), ada.api_token(&server, "administrator"));
    let bobs = format!("/administrators/{}", id(&ada, BOB));
    let scripts = format!("/api-tokens/{}", text(&ada.items("/api-tokens")[0]["id"]));
    let body = json!({"name": "lasting", "role": "administrator"});
    let slow = |admin: &Admin, meanwhile: &dyn Fn()| {
        let request = admin.request("POST", "/api-tokens", Some(&body));
        send_around(server.address(), &request, meanwhile)
    };
    let change = |edit: serde_json::Value| drop(ada.patch(&bobs, edit).expect(200));
    assert_eq!(slow(&bob, &|| ()), 201);
    assert_eq!(slow(&bob, &|| change(json!({"role": "auditor"}))), 401);
    change(json!({"role": "administrator"}));
    assert_eq!(slow(&bob, &|| change(json!({"disabled": true}))), 401);
    assert_eq!(slow(&script, &|| drop(ada.delete(&scripts).expect(204))), 401);
    // So it is where the body says nothing, and is kept for a key.
    change(json!({"disabled": false}));
    let again = Admin::sign_in(&server, BOB, PASSWORD);
    let bob = Admin::signed_in(&server, again);
    let mut reset =
        bob.request("POST", &format!("/administrators/{}/reset-password", id(&ada, ADA)), Some(&json!({})));
    reset.headers.push(("Idempotency-Key".to_owned(), "once".to_owned()));
    let reset = send_around(server.address(), &reset, || change(json!({"disabled": true})));
    assert_eq!((reset, ada.get("/session").status), (401, 200));
    let lasting = ada.items("/api-tokens").into_iter().filter(|token| token["name"] == "lasting");
    assert_eq!(lasting.filter(|token| token["state"] == "active").count(), 0);
}

#[test]
fn an_email_address_is_of_one_administrator_whatever_its_letter_case() {
    let server = Server::start();
    let ada = Admin::first(&server);
    for email in [ADA, "ADA@EXAMPLE.COM", " ada@example.com "] {
        let body = json!({"email": email, "name": "X", "role": "auditor"});
        assert_eq!(ada.post("/administrators", &body).expect_problem(409, "taken")["field"], "email");
    }
    for email in ["", "ada", "@example.com", "a b@example.com", &format!("{}@example.com", "x".repeat(250))] {
        let body = json!({"email": email, "name": "X", "role": "auditor"});
        ada.post("/administrators", &body).expect_invalid("email");
    }
}

#[test]
fn a_new_role_counts_at_once() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "auditor");
    bob.post("/sources", &json!({"name": "X"})).expect_problem(403, "forbidden");
    let path = format!("/administrators/{}", id(&ada, BOB));
    let edited = ada.patch(&path, json!({"role": "administrator", "name": "Robert"})).expect(200).json();
    assert_eq!((&edited["role"], &edited["name"]), (&json!("administrator"), &json!("Robert")));
    bob.post("/sources", &json!({"name": "X"})).expect(201);
    ada.patch(&path, json!({"role": "auditor"})).expect(200);
    bob.post("/sources", &json!({"name": "Y"})).expect_problem(403, "forbidden");
    ada.patch(&path, json!({"email": "x@example.com"})).expect_invalid("email");
}

#[test]
fn whoever_is_disabled_is_signed_out_and_kept_out() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "administrator");
    let path = format!("/administrators/{}", id(&ada, BOB));
    let reset = ada.call("POST", &format!("{path}/reset-password"), None).expect(201).json();
    ada.patch(&path, json!({"disabled": true})).expect(200);
    bob.get("/session").expect_problem(401, "unauthenticated");
    Admin::sign_in(&server, BOB, PASSWORD).expect_problem(401, "wrong_credentials");
    let body = json!({"secret": link_secret(&text(&reset["link"])), "password": PASSWORD});
    Admin::nobody(&server).post("/links/use", &body).expect_problem(404, "link_invalid");
    ada.call("POST", &format!("{path}/reset-password"), None).expect_problem(409, "conflict");
    ada.patch(&path, json!({"disabled": false})).expect(200);
    Admin::nobody(&server).post("/links/use", &body).expect_problem(404, "link_invalid");
    bob.get("/session").expect_problem(401, "unauthenticated");
    Admin::signed_in(&server, Admin::sign_in(&server, BOB, PASSWORD));
}

#[test]
fn somebody_who_may_change_things_is_always_left() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "administrator");
    ada.invite(&server, "carl@example.com", "auditor");
    let (own, other) =
        (format!("/administrators/{}", id(&ada, ADA)), format!("/administrators/{}", id(&ada, BOB)));
    bob.patch(&own, json!({"disabled": true})).expect(200);
    for body in [json!({"disabled": true}), json!({"role": "auditor"})] {
        bob.patch(&other, body).expect_problem(409, "last_administrator");
    }
    bob.patch(&own, json!({"disabled": false})).expect(200);
    bob.patch(&other, json!({"role": "auditor"})).expect(200);
    bob.patch(&own, json!({"role": "auditor"})).expect_problem(403, "forbidden");
}

#[test]
fn a_reset_signs_out_everywhere_and_keeps_the_old_password_for_now() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "auditor");
    let path = format!("/administrators/{}/reset-password", id(&ada, BOB));
    let first = ada.call("POST", &path, None).expect(201).json();
    let second = ada.call("POST", &path, None).expect(201).json();
    bob.get("/session").expect_problem(401, "unauthenticated");
    let bob = Admin::signed_in(&server, Admin::sign_in(&server, BOB, PASSWORD));
    let new = "a different long phrase";
    let follow = |link: &serde_json::Value| {
        let body = json!({"secret": link_secret(&text(link)), "password": new});
        Admin::nobody(&server).post("/links/use", &body)
    };
    follow(&first["link"]).expect_problem(404, "link_invalid");
    Admin::signed_in(&server, follow(&second["link"]));
    bob.get("/session").expect_problem(401, "unauthenticated");
    Admin::sign_in(&server, BOB, PASSWORD).expect_problem(401, "wrong_credentials");
    Admin::signed_in(&server, Admin::sign_in(&server, BOB, new));
}

#[test]
fn an_administrator_signs_somebody_else_out() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "auditor");
    ada.delete(&format!("/administrators/{}/sessions", id(&ada, BOB))).expect(204);
    bob.get("/session").expect_problem(401, "unauthenticated");
    ada.read("/session");
    let nobody = "/administrators/0198c0de-7b1a-7c3d-8e5f-0123456789ab";
    ada.delete(&format!("{nobody}/sessions")).expect_problem(404, "not_found");
    ada.patch(nobody, json!({"name": "X"})).expect_problem(404, "not_found");
    ada.call("POST", &format!("{nobody}/reset-password"), None).expect_problem(404, "not_found");
}

#[test]
fn the_tokens_that_somebody_made_go_with_what_they_may_do() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "administrator");
    let carol = ada.invite(&server, "carol@example.com", "administrator");
    let (strong, weak) = (bob.api_token(&server, "administrator"), bob.api_token(&server, "auditor"));
    let made_by_script = strong.api_token(&server, "administrator");
    let of_carol = carol.api_token(&server, "administrator");

    let path = format!("/administrators/{}", id(&ada, BOB));
    ada.patch(&path, json!({"role": "auditor"})).expect(200);
    strong.get("/sources").expect_problem(401, "unauthenticated");
    made_by_script.get("/sources").expect_problem(401, "unauthenticated");
    weak.get("/sources").expect(200);
    ada.patch(&path, json!({"role": "administrator"})).expect(200);
    strong.get("/sources").expect_problem(401, "unauthenticated");
    ada.patch(&path, json!({"disabled": true})).expect(200);
    weak.get("/sources").expect_problem(401, "unauthenticated");
    of_carol.get("/sources").expect(200);
    assert_eq!(ada.items("/changes?type=ApiToken&kind=revoke").len(), 3, "each is journalled");
}

#[test]
fn somebody_who_has_no_password_is_not_the_one_who_is_left() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let body = json!({"email": BOB, "name": "Bob", "role": "administrator"});
    let invited = ada.post("/administrators", &body).expect(201).json();
    let own = format!("/administrators/{}", id(&ada, ADA));
    for edit in [json!({"role": "auditor"}), json!({"disabled": true})] {
        ada.patch(&own, edit).expect_problem(409, "last_administrator");
    }
    let path = format!("/administrators/{}", text(&invited["administrator"]["id"]));
    ada.patch(&path, json!({"name": "Robert"})).expect(200);
    let use_link = json!({"secret": link_secret(&text(&invited["link"])), "password": PASSWORD});
    Admin::nobody(&server).post("/links/use", &use_link).expect(201);
    ada.patch(&own, json!({"role": "auditor"})).expect(200);
}

#[test]
fn an_auditor_alone_leaves_the_way_to_the_first_administrator_open() {
    let server = Server::start();
    server.command(&["admin", "create", BOB, "--role", "auditor"]);
    let ada = Admin::first(&server);
    assert_eq!(ada.read("/session")["administrator"]["role"], "administrator");
}

#[test]
fn a_link_is_void_once_the_password_was_set_otherwise() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "administrator");
    let path = format!("/administrators/{}/reset-password", id(&ada, BOB));
    let link = text(&ada.post(&path, &json!({})).expect(201).json()["link"]);
    bob.get("/session").expect_problem(401, "unauthenticated");
    let bob = Admin::signed_in(&server, Admin::sign_in(&server, BOB, PASSWORD));
    let change = json!({"current_password": PASSWORD, "new_password": "another good password"});
    bob.call("PUT", "/session/password", Some(&change)).expect(204);
    let use_link = json!({"secret": link_secret(&link), "password": PASSWORD});
    Admin::nobody(&server).post("/links/use", &use_link).expect_problem(404, "link_invalid");
}

#[test]
fn who_signs_in_and_out_is_journalled() {
    let server = Server::start();
    let ada = Admin::first(&server);
    let bob = ada.invite(&server, BOB, "auditor");
    bob.delete("/session").expect(204);
    Admin::signed_in(&server, Admin::sign_in(&server, BOB, PASSWORD));
    ada.delete(&format!("/administrators/{}/sessions", id(&ada, BOB))).expect(204);
    ada.delete(&format!("/administrators/{}/sessions", id(&ada, BOB))).expect(204);
    let signed_out = ada.items("/changes?kind=sign_out");
    let who =
        |change: &serde_json::Value| (text(&change["actor"]["name"]), text(&change["resource"]["display"]));
    let who: Vec<_> = signed_out.iter().map(who).collect();
    let named = |actor: &str| (actor.to_owned(), BOB.to_owned());
    assert_eq!(who, [named("Ada Lovelace"), named(BOB)], "the second time there was nobody to sign out");
    let signed_in = ada.items("/changes?kind=sign_in");
    assert_eq!(signed_in.len(), 3);
    assert_eq!(signed_in[0]["after"]["address"], "127.0.0.1");
}
