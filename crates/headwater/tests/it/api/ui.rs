//! What browsers get: the web UI, or where it was not built, a sentence.

use crate::support::{Admin, Response, Server};

/// A GET or HEAD of a path outside the API.
fn fetch(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let nobody = Admin::nobody(server);
    let mut request = nobody.request(method, "/api/", None);
    path.clone_into(&mut request.target);
    request.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    nobody.send(&request)
}

fn nonce(page: &Response) -> String {
    let policy = page.header("content-security-policy").expect("a policy");
    policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce").to_owned()
}

/// The page, unless the binary was built without it.
fn page(server: &Server) -> Option<Response> {
    let page = fetch(server, "GET", "/", &[]).expect(200);
    if page.header("content-type") == Some("text/html; charset=utf-8") {
        return Some(page);
    }
    assert_eq!(page.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(String::from_utf8_lossy(&page.body).contains("make build"));
    None
}

#[test]
fn every_place_of_the_ui_is_the_page_and_others_are_not_found() {
    let server = Server::start();
    let media_type = fetch(&server, "GET", "/", &[]).header("content-type").map(str::to_owned);
    for path in
        ["/welcome", "/sign-in", "/account", "/directory/federation/contoso", "/system/settings?tab=1"]
    {
        let place = fetch(&server, "GET", path, &[]).expect(200);
        assert_eq!(place.header("content-type").map(str::to_owned), media_type, "{path}");
    }
    for path in [
        "/nothing",
        "/index.html",
        "/assets/nothing.js",
        "/assets/../index.html",
        "/favicon.nothing",
        "/.env",
    ] {
        fetch(&server, "GET", path, &[]).expect_problem(404, "not_found");
    }
    // A person who is lost gets the page, which says so; a lost script doesn't.
    let lost = fetch(&server, "GET", "/nothing", &[("Accept", "text/html,*/*;q=0.8")]).expect(404);
    assert_eq!(lost.header("content-type").map(str::to_owned), media_type);
    let script = fetch(&server, "GET", "/assets/nothing.js", &[("Accept", "text/html")]);
    script.expect_problem(404, "not_found");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        fetch(&server, method, "/", &[]).expect_problem(405, "method_not_allowed");
    }
}

#[test]
fn the_page_runs_nothing_but_its_own_scripts_and_is_not_kept() {
    let server = Server::start();
    let Some(first) = page(&server) else { return };
    let policy = first.header("content-security-policy").expect("a policy");
    for directive in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe-") && !policy.contains("http"), "{policy}");
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let second = page(&server).expect("a page");
    assert_ne!(nonce(&first), nonce(&second), "a fresh one each time");
    let html = String::from_utf8_lossy(&first.body).into_owned();
    assert!(html.contains(&nonce(&first)) && !html.contains("__CSP_NONCE__"));
    let elsewhere = html.matches("src=\"http").count() + html.matches("href=\"http").count();
    assert_eq!(elsewhere, 0, "nothing comes from elsewhere");
}

#[test]
fn what_goes_with_the_page_is_kept_for_long() {
    let server = Server::start();
    let Some(page) = page(&server) else { return };
    let html = String::from_utf8_lossy(&page.body).into_owned();
    let assets: Vec<&str> = html.split(['"', '\'']).filter(|text| text.starts_with("/assets/")).collect();
    assert!(!assets.is_empty());
    for asset in assets {
        let plain = fetch(&server, "GET", asset, &[]).expect(200);
        assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"), "{asset}");
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        assert!(plain.header("content-encoding").is_none());
        let packed = fetch(&server, "GET", asset, &[("Accept-Encoding", "gzip, br")]).expect(200);
        if packed.header("content-encoding") == Some("br") {
            assert_eq!(packed.header("vary"), Some("accept-encoding"));
            assert_eq!(plain.header("vary"), Some("accept-encoding"));
            assert!(packed.body.len() < plain.body.len());
        }
        let head = fetch(&server, "HEAD", asset, &[]).expect(200);
        assert_eq!((head.header("content-type"), head.body.len()), (plain.header("content-type"), 0));
    }
}

#[test]
fn head_tells_what_get_would() {
    let server = Server::start();
    for path in ["/", "/sign-in"] {
        let (get, head) = (fetch(&server, "GET", path, &[]), fetch(&server, "HEAD", path, &[]));
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    assert_eq!(fetch(&server, "HEAD", "/nothing", &[]).status, 404);
}

#[test]
fn pages_are_guarded_against_other_sites() {
    let server = Server::start();
    for path in ["/", "/nothing", "/healthz"] {
        let answer = fetch(&server, "GET", path, &[]);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
    }
}
