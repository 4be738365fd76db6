//! Signing in, over the wire. Waiting and expiry are tested where the clock is injected, in
//! `headwater-server/tests/administration.rs`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ADA, Admin, Client, PASSWORD, Request, Response, Server};

/// Sends a sign-in with headers of its own, under this Host.
fn sign_in_as(server: &Server, host: &str, headers: &[(&str, &str)]) -> Response {
    let stream = std::net::TcpStream::connect(server.address()).expect("connected");
    let mut sent = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    sent.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let body = json!({"email": ADA, "password": PASSWORD}).to_string().into_bytes();
    let target = "/api/v1/session".to_owned();
    let request = Request { method: "POST".to_owned(), target, headers: sent, body: Some(body) };
    Client::over(stream, host).send(&request).expect("an answer")
}

#[test]
fn the_right_password_signs_in_and_whatever_else_is_wrong_gets_one_answer() {
    let server = Server::start();
    let ada = Admin::first(&server);
    ada.invite(&server, "bob@example.com", "auditor");
    ada.post("/administrators", &json!({"email": "new@example.com", "name": "New", "role": "auditor"}));
    server.command(&["admin", "disable", "bob@example.com"]);
    let wrong: Vec<Value> = [
        (ADA, "correct horse batterY"),
        (ADA, ""),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("bob@example.com", PASSWORD),
        ("new@example.com", PASSWORD),
        (ADA, &*"x".repeat(20_000)),
    ]
    .into_iter()
    .map(|(email, password)| {
        let answer = Admin::sign_in(&server, email, password);
        assert!(answer.header("set-cookie").is_none());
        answer.expect_problem(401, "wrong_credentials")
    })
    .collect();
    assert!(wrong.iter().all(|problem| *problem == wrong[0]), "which part is wrong is not told");

    let answer = Admin::sign_in(&server, "ADA@example.COM", PASSWORD).expect(201);
    let session = answer.json();
    assert_eq!(session["administrator"]["email"], ADA);
    assert!(session["administrator"]["last_login"].is_string());
    Admin::signed_in(&server, answer).read("/sources");
}

/// Shows SEC-012.
#[test]
fn whoever_fails_five_times_has_to_wait_and_then_may_try_again() {
    let server = Server::start();
    Admin::first(&server);
    for _ in 0..5 {
        Admin::sign_in(&server, ADA, "wrong").expect_problem(401, "wrong_credentials");
    }
    let failed = Instant::now();
    let slowed = Admin::sign_in(&server, ADA, PASSWORD);
    assert_eq!(slowed.header("retry-after"), Some("1"));
    slowed.expect_problem(429, "slow_down");
    Admin::sign_in(&server, "Ada@Example.com", PASSWORD).expect_problem(429, "slow_down");
    std::thread::sleep(Duration::from_millis(1_050).saturating_sub(failed.elapsed()));
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
    // A success ends the counting.
    Admin::sign_in(&server, ADA, "wrong").expect_problem(401, "wrong_credentials");
    Admin::signed_in(&server, Admin::sign_in(&server, ADA, PASSWORD));
}

#[test]
fn many_guesses_at_once_are_no_way_round_the_waiting() {
    let server = Server::start();
    Admin::first(&server);
    let body = json!({"email": ADA, "password": "wrong"}).to_string().into_bytes();
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let target = "/api/v1/session".to_owned();
    let request = Request { method: "POST".to_owned(), target, headers, body: Some(body) };
    let together = std::sync::Barrier::new(40);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..40)
            .map(|_| {
                let mut client = Client::connect(server.address()).expect("connected");
                let (together, request) = (&together, &request);
                scope.spawn(move || {
                    together.wait();
                    client.send(request).expect("an answer").status
                })
            })
            .collect();
        guesses.into_iter().map(|guess| guess.join().expect("answered")).collect()
    });
    let checked = statuses.iter().filter(|status| **status == 401).count();
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429 | 503)), "{statuses:?}");
    assert!(checked <= 6, "{checked} of 40 guesses were checked");
}

#[test]
fn the_cookie_of_a_session_is_for_this_host_and_for_no_script() {
    let server = Server::start();
    let cookie_of = |answer: &Response| answer.header("set-cookie").expect("a cookie").to_owned();
    let ada = Admin::first(&server);
    let plain = cookie_of(&Admin::sign_in(&server, ADA, PASSWORD).expect(201));
    assert!(plain.starts_with("headwater_session=hws_"), "{plain}");
    assert!(plain.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{plain}");
    let ended = cookie_of(&ada.delete("/session").expect(204));
    assert_eq!(ended, "headwater_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");

    let server = Server::start_with(&["--public-url", "https://id.example.com"]);
    let ada = Admin::first(&server);
    assert!(ada.headers[0].1.starts_with("__Host-headwater_session=hws_"));
    ada.read("/sources");
    let secure = cookie_of(&Admin::sign_in(&server, ADA, PASSWORD).expect(201));
    assert!(secure.starts_with("__Host-headwater_session=hws_"), "{secure}");
    assert!(secure.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure"), "{secure}");
    // The name without the prefix is nobody's: any page of the domain could have set it.
    let mut tossed = ada.request("GET", "/sources", None);
    tossed.headers[0].1 = tossed.headers[0].1.replace("__Host-", "");
    ada.send(&tossed).expect_problem(401, "unauthenticated");
}

#[test]
fn nobody_signs_in_over_plain_http_but_on_this_machine() {
    let server = Server::start();
    Admin::first(&server);
    for host in ["headwater.example.com", "192.0.2.1:8080", "localhost.example.com"] {
        let answer = sign_in_as(&server, host, &[]);
        assert!(answer.header("set-cookie").is_none());
        answer.expect_problem(403, "insecure_transport");
    }
    for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "headwater.localhost"] {
        assert!(sign_in_as(&server, host, &[]).expect(201).header("set-cookie").is_some(), "{host}");
    }
    // What a proxy adds counts only from one that is trusted.
    let forwarded = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "id.example.com")];
    sign_in_as(&server, "inner.example.com", &forwarded).expect_problem(403, "insecure_transport");
    let server = Server::start_with(&["--trusted-proxies", "127.0.0.0/8"]);
    Admin::first(&server);
    // Somebody from elsewhere, who has come to the proxy over plain HTTP, is not on this machine.
    let plain = [("X-Forwarded-For", "203.0.113.9")];
    sign_in_as(&server, "127.0.0.1", &plain).expect_problem(403, "insecure_transport");
    let answer = sign_in_as(&server, "inner.example.com", &forwarded).expect(201);
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.starts_with("__Host-")));
}

#[test]
fn a_session_began_where_its_client_is_and_not_where_it_says() {
    let from = [("X-Forwarded-For", "198.51.100.1, 203.0.113.9"), ("X-Forwarded-Proto", "https")];
    for (arguments, address) in
        [(&[][..], "127.0.0.1"), (&["--trusted-proxies", "127.0.0.0/8"], "203.0.113.9")]
    {
        let server = Server::start_with(arguments);
        let ada = Admin::first(&server);
        sign_in_as(&server, server.address(), &from).expect(201);
        let newest = &ada.items("/sessions")[0];
        assert_eq!((&newest["address"], &newest["current"]), (&json!(address), &json!(false)));
    }
}

#[test]
fn a_page_of_another_site_signs_nobody_in() {
    let server = Server::start();
    Admin::first(&server);
    let own = format!("http://{}", server.address());
    for (headers, allowed) in [
        (&[("Origin", "https://evil.example")][..], false),
        (&[("Origin", "null")], false),
        (&[("Sec-Fetch-Site", "cross-site")], false),
        (&[("Sec-Fetch-Site", "same-site")], false),
        (&[("Sec-Fetch-Site", "cross-site"), ("Origin", &*own)], false),
        (&[("Sec-Fetch-Site", "none")], true),
        (&[("Sec-Fetch-Site", "same-origin")], true),
        (&[("Origin", &*own)], true),
    ] {
        let answer = sign_in_as(&server, server.address(), headers);
        if allowed {
            answer.expect(201);
        } else {
            assert!(answer.header("set-cookie").is_none());
            answer.expect_problem(403, "csrf");
        }
    }
}
