//! The command line as scripts use it.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Request, Server, consistency, headwater};

fn failed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty(), "nothing on stdout");
    let error = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert!(error.starts_with("error: "), "{error}");
    error
}

/// Shows SEC-004.
#[test]
fn a_source_lives_from_create_to_delete() {
    let server = Server::start();
    let created = server.command(&["source", "create", "Contoso (EU)"]);
    assert_eq!(created["slug"], "contoso-eu");
    assert_eq!(created["name"], "Contoso (EU)");
    let base_url = created["base_url"].as_str().expect("a URL");
    assert_eq!(
        base_url,
        format!("http://{}/source/scim/contoso-eu/v2", server.address()),
        "as the running server has it"
    );
    assert_eq!(created.as_object().map(serde_json::Map::len), Some(4));

    let source = server.source("second");
    source.user("ada");
    let listed = server.command(&["source", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert_eq!(listed[1]["users"], 1);

    assert_eq!(server.command(&["source", "disable", "second"])["enabled"], false);
    let detail = source.get("/Users").expect_error(403, "");
    assert!(detail.contains("disabled"), "{detail}");
    server.command(&["source", "enable", "second"]);
    source.get("/Users").expect(200);
    let shown =
        server.command(&["source", "set", "second", "--name", "Renamed", "--unique-group-names", "off"]);
    assert_eq!(
        (shown["name"].as_str(), shown["unique_group_names"].as_bool()),
        (Some("Renamed"), Some(false))
    );

    server.command(&["source", "delete", "second", "--yes"]);
    source.get("/Users").expect_error(401, "");
    let again = server.source("second");
    assert_eq!(
        again.get("/Users").expect(200).json()["totalResults"],
        0,
        "nothing of the old source is left"
    );
    again.user("ada");
    consistency::check(&server.database());
}

/// Shows SEC-012, AMB-56.
#[test]
fn tokens_rotate_expire_and_end() {
    let server = Server::start();
    let source = server.source("rotating");
    source.get("/Users").expect(200);
    let second = server.command(&["token", "create", "rotating", "--expires", "90d"]);
    assert!(second["expires"].is_string());
    let mut request = source.request("GET", "/Users", None);
    request.headers[0].1 = format!("Bearer {}", second["token"].as_str().expect("a token"));
    assert_eq!(source.send(&request).expect("an answer").status, 200, "two live side by side");

    let id = second["id"].as_str().expect("an id");
    server.command(&["token", "revoke", "rotating", id]);
    assert_eq!(source.send(&request).expect("an answer").status, 401, "at once");
    source.get("/Users").expect(200);

    let listed = server.command(&["token", "list", "rotating"]);
    let statuses: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|token| token["status"].as_str()).collect();
    assert_eq!(statuses, ["valid", "revoked"]);
    assert!(!listed.to_string().contains("hw_"), "no secret");
    for secret in [source.token.as_str(), second["token"].as_str().expect("a token")] {
        assert!(!consistency::is_on_disk(server.data(), secret), "a token's text is in a file");
    }
}

/// Shows SEC-009, SEC-016, AMB-56.
#[test]
fn an_expired_token_is_refused_as_any_other() {
    let mut server = Server::start();
    let source = server.source("expiring");
    let soon = server.command(&["token", "create", "expiring", "--expires", "1s"]);
    let expires: jiff::Timestamp = soon["expires"].as_str().expect("a moment").parse().expect("RFC 3339");
    let mut request = source.request("GET", "/Users", None);
    request.headers[0].1 = format!("Bearer {}", soon["token"].as_str().expect("a token"));
    // The command prints whole seconds: the token ends within the one that follows.
    while jiff::Timestamp::now() <= expires + jiff::SignedDuration::from_secs(1) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let expired = source.send(&request).expect("an answer");
    assert_eq!(expired.status, 401);
    request.headers[0].1 = format!("Bearer hw_{}", "A".repeat(43));
    let unknown = source.send(&request).expect("an answer");
    assert_eq!((expired.status, expired.body), (unknown.status, unknown.body), "that it was one is not told");
    let listed = server.command(&["token", "list", "expiring"]);
    assert_eq!(listed[1]["status"], "expired");
    assert!(server.stop());
}

#[test]
fn the_last_use_of_a_token_is_known_after_a_stop() {
    let mut server = Server::start();
    let source = server.source("used");
    assert_eq!(server.command(&["token", "list", "used"])[0]["last_used"], Value::Null);
    source.get("/Users").expect(200);
    assert!(server.stop(), "SIGTERM ends it with success");
    assert!(server.command(&["token", "list", "used"])[0]["last_used"].is_string());
}

#[test]
fn wrong_use_is_one_line_and_an_exit_code() {
    let server = Server::start();
    let data = server.data().to_str().expect("UTF-8");
    server.source("taken");
    let at = |arguments: &[&str]| headwater(&[arguments, &["--data", data]].concat());
    for (arguments, code, says) in [
        (&["source", "create", "X", "--slug", "taken"][..], 4, "taken"),
        (&["source", "create", "X", "--slug", "Not a slug"], 2, "slug"),
        (&["source", "create", "  "], 2, "name"),
        (&["source", "create", "(—)"], 2, "--slug"),
        (&["source", "create", "X", "--public-url", "example.com"], 2, "public URL"),
        (&["source", "set", "taken"], 2, "nothing to set"),
        (&["source", "show", "nobody"], 3, "nobody"),
        (&["source", "delete", "nobody", "--yes"], 3, "nobody"),
        (&["token", "create", "nobody"], 3, "nobody"),
        (&["token", "create", "taken", "--expires", "soon"], 2, "--expires"),
        (&["token", "create", "taken", "--expires", "2001-01-01T00:00:00Z"], 2, "past"),
        (&["token", "revoke", "taken", "0198c0de-7b1a-7c3d-8e5f-0123456789ab"], 3, "no token"),
    ] {
        let error = failed(&at(arguments), code);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
    for arguments in [
        &["nonsense"][..],
        &["source", "create"],
        &["token", "revoke", "taken", "no-uuid"],
        &["serve", "--listen", "nowhere"],
    ] {
        let error = failed(&headwater(arguments), 2);
        assert!(error.lines().count() == 1 && error.contains("--help"), "{error}");
    }
    assert!(headwater(&["--help"]).status.success());
    let error = failed(&headwater(&["serve", "--listen", "127.0.0.1:0", "--data", data]), 1);
    assert!(error.contains("another server"), "{error}");
}

#[test]
fn a_source_keeps_to_the_protocol_as_it_is_told() {
    let server = Server::start();
    let source = server.source("plain");
    let shown = |slug: &str| {
        let shown = server.command(&["source", "show", slug]);
        ["profile", "keep_passwords", "hidden_from_schemas"].map(|name| shown[name].clone())
    };
    assert_eq!(shown("plain"), [json!("rfc"), json!(false), json!([])]);
    server.command(&[
        "source",
        "create",
        "Strict",
        "--profile",
        "interop",
        "--keep-passwords",
        "on",
        "--hide",
        "password",
    ]);
    assert_eq!(shown("strict"), [json!("interop"), json!(true), json!(["password"])]);

    let announced = |name: &str| source.get("/ServiceProviderConfig").expect(200).json()[name].clone();
    server.command(&["source", "set", "plain", "--profile", "interop"]);
    assert_eq!(announced("interopProfileConformant"), true, "at once");
    server.command(&["source", "set", "plain", "--profile", "rfc", "--keep-passwords", "on"]);
    assert_eq!(announced("interopProfileConformant"), Value::Null);
    assert_eq!(announced("changePassword")["supported"], true);
    let has_display = || {
        let user = source.get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User").expect(200).json();
        let emails =
            user["attributes"].as_array().expect("attributes").iter().find(|one| one["name"] == "emails");
        emails.expect("emails").to_string().contains("display")
    };
    assert!(has_display());
    server.command(&["source", "set", "plain", "--hide", "password, emails.display"]);
    assert_eq!(shown("plain"), [json!("rfc"), json!(true), json!(["password", "emails.display"])]);
    assert!(!has_display());
    let refused = server.run(&["source", "set", "plain", "--hide", "emails.nothing"], "");
    assert!(failed(&refused, 2).contains("emails.nothing"));
    let text = server.run(&["source", "set", "plain", "--hide", "", "--keep-passwords", "off"], "");
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(text.contains("Hidden from /Schemas  nothing\n"), "{text}");
    assert_eq!(shown("plain"), [json!("rfc"), json!(false), json!([])]);
    assert!(has_display());
}

#[test]
fn group_names_can_be_unique_or_not() {
    let server = Server::start();
    let source = server.source("named");
    let group = serde_json::json!({"displayName": "Sales"});
    source.post("/Groups", &group).expect(201);
    source.post("/Groups", &serde_json::json!({"displayName": "SALES"})).expect_error(409, "uniqueness");
    server.command(&["source", "set", "named", "--unique-group-names", "off"]);
    source.post("/Groups", &group).expect(201);
    let data = server.data().to_str().expect("UTF-8");
    let refused = headwater(&["source", "set", "named", "--unique-group-names", "on", "--data", data]);
    assert!(failed(&refused, 4).contains("more than once"));
    let doubled = source.found("/Groups", "displayName eq \"sales\"");
    assert_eq!(doubled.len(), 2);
    source.delete(&format!("/Groups/{}", doubled[1]["id"].as_str().expect("an id"))).expect(204);
    server.command(&["source", "set", "named", "--unique-group-names", "on"]);
    source.post("/Groups", &group).expect_error(409, "uniqueness");
    consistency::check(&server.database());
}

/// Shows FMT-009, ERR-010.
#[test]
fn the_configuration_comes_from_file_environment_and_flags() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headwater.toml");
    let file = file.to_str().expect("UTF-8");
    std::fs::write(file, "public_url = \"https://id.example.com/dir/\"\nmax_body_bytes = 2000\n")
        .expect("written");
    let server = Server::start_with(&["--config", file]);
    let source = server.source("configured");
    let created = source.post("/Users", &serde_json::json!({"userName": "ada"})).expect(201).json();
    let location = created["meta"]["location"].as_str().expect("a URL");
    assert!(
        location.starts_with("https://id.example.com/dir/source/scim/configured/v2/Users/"),
        "{location}"
    );
    let long = serde_json::json!({"userName": "x".repeat(3000)});
    source.post("/Users", &long).expect_error(413, "");
    for (text, says) in [
        ("listen = 5", "line 1"),
        ("max_connections = 0", "max_connections = 0"),
        ("max_concurrent_requests = 9000000000000000000", "max_concurrent_requests"),
        ("read_timeout_seconds = 100000", "from 1 to 86400"),
        ("\nnonsense = 1", "line 2"),
        ("public_url = \"x\"", "public URL"),
    ] {
        std::fs::write(file, text).expect("written");
        let error = failed(
            &headwater(&["serve", "--config", file, "--data", folder.path().to_str().expect("UTF-8")]),
            2,
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn health_and_readiness_are_answered() {
    let server = Server::start();
    let mut client = crate::support::Client::connect(server.address()).expect("a connection");
    for (target, status) in [("/healthz", 200), ("/readyz", 200), ("/", 200), ("/nope", 404)] {
        let request = Request { method: "GET".to_owned(), target: target.to_owned(), ..Request::default() };
        assert_eq!(client.send(&request).expect("an answer").status, status, "{target}");
    }
}

#[test]
fn a_log_that_cant_be_written_stops_nothing() {
    let mut server = Server::start_without_log();
    let source = server.source("contoso");
    let ada = source.user("ada");
    source.get("/Users/nobody").expect_error(404, "");
    source.get(&format!("/Users/{ada}")).expect(200);
    assert_eq!(server.readiness(), 200);
    assert!(server.stop(), "it ends well");
}

#[test]
fn an_outcome_that_cant_be_printed_is_told() {
    let server = Server::start();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there");
    let output = server.printing_to(full, &["source", "create", "Contoso"]);
    assert_eq!(
        failed(&output, 1),
        "error: the outcome can't be printed: No space left on device (os error 28)\n"
    );
    assert_eq!(server.command(&["source", "list"])[0]["slug"], "contoso", "it is made all the same");
}

#[test]
fn connections_leave_files_for_the_directory() {
    const FILES: usize = 300;
    let server = Server::start_with_few_files(FILES);
    let source = server.source("contoso");
    source.user("ada");
    // More than are let in; the others wait.
    let idle = (0..FILES / 2 + 50).map(|_| crate::support::Client::connect(server.address()));
    let _idle: Vec<_> = idle.collect();
    for _ in 0..20 {
        assert_eq!(source.found("/Users", "userName sw \"a\" and title pr or displayName co \"x\"").len(), 0);
        assert_eq!(source.found("/Users", "userName eq \"ada\"").len(), 1);
    }
    assert!(server.logged().contains("too few for max_connections = 4096"), "{}", server.logged());
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let data = data.path().to_str().expect("a path");
    for log in ["wran", "loud", "", ",", "nonsense=", "info,headwater_server=", "warn,loud"] {
        let output = headwater(&["serve", "--data", data, "--listen", "127.0.0.1:0", "--log", log]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{log:?}: {error}");
        assert!(error.contains("log"), "{error}");
    }
}
