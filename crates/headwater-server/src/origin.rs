//! What absolute URLs start with.

use std::net::IpAddr;

use axum::body::Body;
use hyper::{HeaderMap, Request, Version, header, http::uri::Authority};
use ipnet::IpNet;

use crate::configuration::Configuration;

/// Scheme, host and path prefix of the server as its client sees it, such as
/// `https://id.example.com`: the configured one, else from the request. `Forwarded` (RFC 7239) and
/// `X-Forwarded-*` count only when a trusted proxy sent them.
pub(crate) fn origin(configuration: &Configuration, headers: &HeaderMap, peer: IpAddr) -> String {
    if let Some(url) = &configuration.public_url {
        return url.clone();
    }
    let host = text(headers, header::HOST.as_str()).filter(|host| is_authority(host));
    let host = host.map_or_else(|| configuration.listen.to_string(), str::to_owned);
    if !is_trusted(&configuration.trusted_proxies, peer) {
        return format!("http://{host}");
    }
    let way = way(configuration, headers);
    let said = |name: &str| way.of_outermost(&listed(headers, name)).filter(|said| !said.is_empty());
    let forwarded = said(header::FORWARDED.as_str()).map(forwarded).unwrap_or_default();
    // As with the client's address: most proxies set `X-Forwarded-*`, and pass a `Forwarded` of their
    // client on as it is.
    let scheme = said("x-forwarded-proto").or(forwarded.scheme);
    let scheme = match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    let outer = said("x-forwarded-host").or(forwarded.host).filter(|host| is_authority(host));
    let prefix = said("x-forwarded-prefix").filter(|prefix| is_prefix(prefix)).unwrap_or_default();
    format!("{scheme}://{}{}", outer.unwrap_or(&host), prefix.trim_end_matches('/'))
}

/// Whether a request names the host that it is for as it has to (RFC 9112 §3.2): once, unless it is of a version
/// of HTTP before 1.1.
pub(crate) fn names_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// Where a request comes from: the peer, or what trusted proxies say of it. The rightmost address
/// that is no trusted proxy's counts: what stands left of it, its client may have made up.
///
/// `X-Forwarded-For` comes first: most proxies add to it, and pass a `Forwarded` of their client on
/// as it is.
pub(crate) fn client_address(configuration: &Configuration, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    let peer = peer.to_canonical();
    if configuration.trusted_proxies.is_empty() || !is_trusted(&configuration.trusted_proxies, peer) {
        return peer;
    }
    way(configuration, headers).client.unwrap_or(peer)
}

/// The way of a request over trusted proxies.
struct Way {
    /// Whom the outermost of them had before it, where that is told.
    client: Option<IpAddr>,
    /// How many hops are told of.
    hops: usize,
    /// How many of these proxies are behind the outermost one.
    inner: usize,
}

fn way(configuration: &Configuration, headers: &HeaderMap) -> Way {
    let mut hops: Vec<Option<IpAddr>> = listed(headers, "x-forwarded-for").into_iter().map(address).collect();
    if hops.is_empty() {
        hops = listed(headers, header::FORWARDED.as_str()).into_iter().map(forwarded_for).collect();
    }
    let mut way = Way { client: None, hops: hops.len(), inner: 0 };
    for (inner, hop) in hops.into_iter().rev().enumerate() {
        way.inner = inner;
        // `unknown`, or a name that hides it: what is behind can't be told.
        let Some(hop) = hop else { break };
        way.client = Some(hop);
        if !is_trusted(&configuration.trusted_proxies, hop) {
            break;
        }
    }
    way
}

impl Way {
    /// What the outermost trusted proxy has put into a list that each proxy adds to: what stands left of it, its
    /// client may have made up. Where not all of them add to it, it is the last that is there.
    fn of_outermost<'a>(&self, list: &[&'a str]) -> Option<&'a str> {
        let inner = if list.len() == self.hops { self.inner } else { 0 };
        list.iter().rev().nth(inner).copied()
    }
}

/// Whether somebody who has connected by way of trusted proxies may be on this machine: the client is told, and
/// is, or nobody tells of any other than the peer.
pub(crate) fn may_be_here(configuration: &Configuration, headers: &HeaderMap, peer: IpAddr) -> bool {
    if !is_trusted(&configuration.trusted_proxies, peer) {
        return true;
    }
    let way = way(configuration, headers);
    way.hops == 0 || way.client.is_some_and(|client| client.is_loopback())
}

/// The elements of a list that may be spread over lines.
fn listed<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

/// The `for` of an element of `Forwarded` (RFC 7239 §5.2).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    address(values.next()?.1.trim().trim_matches('"'))
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let socket = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: Option<IpAddr> = text.parse().ok().or_else(socket).or_else(bracketed);
    address.map(|address| address.to_canonical())
}

fn is_trusted(proxies: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    proxies.iter().any(|network| network.contains(&peer))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[derive(Default)]
struct Forwarded<'a> {
    scheme: Option<&'a str>,
    host: Option<&'a str>,
}

/// What an element of `Forwarded` says.
fn forwarded(element: &str) -> Forwarded<'_> {
    let mut forwarded = Forwarded::default();
    for pair in element.split(';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "proto" => forwarded.scheme = Some(value),
            "host" => forwarded.host = Some(value),
            _ => {}
        }
    }
    forwarded
}

/// Whether a header says `Host` as it may be said: empty, or a host, maybe with a port.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || Authority::try_from(host).is_ok_and(|host| !host.as_str().contains('@'))
}

fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        })
}

fn is_prefix(prefix: &str) -> bool {
    prefix.starts_with('/')
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~'))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::{HeaderMap, header::HeaderName};

    use super::{client_address, may_be_here, origin};
    use crate::configuration::Configuration;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header value")));
        pairs.collect()
    }

    #[test]
    fn forwarding_headers_count_only_from_trusted_proxies() {
        let mut configuration = Configuration::default();
        let direct = headers(&[
            ("host", "inner:8080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ]);
        let peer: IpAddr = "10.0.0.7".parse().expect("an address");
        assert_eq!(origin(&configuration, &direct, peer), "http://inner:8080");

        configuration.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let table = [
            (
                headers(&[
                    ("host", "inner"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "id.example.com"),
                ]),
                "https://id.example.com",
            ),
            (
                headers(&[
                    ("host", "inner"),
                    ("forwarded", "for=1.2.3.4;proto=https;host=\"id.example.com:8443\""),
                ]),
                "https://id.example.com:8443",
            ),
            // What stands left of what the outermost has added, its client has made up.
            (
                headers(&[
                    ("host", "inner"),
                    ("x-forwarded-for", "1.1.1.1, 203.0.113.9"),
                    ("x-forwarded-host", "evil.example, id.example.com"),
                    ("x-forwarded-proto", "http, https"),
                ]),
                "https://id.example.com",
            ),
            (
                headers(&[
                    ("host", "inner"),
                    (
                        "forwarded",
                        "for=e;host=evil.example;proto=https, for=203.0.113.9;host=a.example;proto=https, for=10.0.0.8;host=b",
                    ),
                ]),
                "https://a.example",
            ),
            (
                headers(&[
                    ("host", "inner"),
                    ("x-forwarded-for", "203.0.113.9, 10.0.0.8"),
                    ("x-forwarded-host", "id.example.com, lb.example"),
                    ("x-forwarded-proto", "https"),
                ]),
                "https://id.example.com",
            ),
            // The inner one passes on what the outer one has added to.
            (
                headers(&[
                    ("host", "inner"),
                    ("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.8"),
                    ("x-forwarded-host", "evil.example, id.example.com"),
                ]),
                "http://id.example.com",
            ),
            (
                headers(&[
                    ("host", "inner"),
                    ("x-forwarded-for", "unknown, 10.0.0.8"),
                    ("x-forwarded-host", "id.example.com, lb.example"),
                ]),
                "http://id.example.com",
            ),
            (headers(&[("host", "inner"), ("x-forwarded-prefix", "/scim/")]), "http://inner/scim"),
            (headers(&[("host", "inner"), ("x-forwarded-host", "a b\"")]), "http://inner"),
            (headers(&[]), "http://127.0.0.1:8080"),
        ];
        for (headers, expected) in table {
            assert_eq!(origin(&configuration, &headers, peer), expected);
        }
        configuration.public_url = Some("https://fixed.example".to_owned());
        assert_eq!(origin(&configuration, &direct, peer), "https://fixed.example");
    }

    #[test]
    fn whoever_comes_by_way_of_a_proxy_is_here_only_where_that_is_said() {
        let mut configuration = Configuration::default();
        let peer: IpAddr = [127, 0, 0, 1].into();
        let is_here = |configuration: &Configuration, sent: &[(&'static str, &str)]| {
            may_be_here(configuration, &headers(sent), peer)
        };
        assert!(is_here(&configuration, &[("x-forwarded-for", "203.0.113.9")]), "nobody is believed");
        configuration.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        assert!(is_here(&configuration, &[]));
        assert!(is_here(&configuration, &[("x-forwarded-for", "127.0.0.1")]));
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "127.0.0.1, 203.0.113.9"),
            ("x-forwarded-for", "unknown"),
            ("forwarded", "for=_hidden"),
            ("forwarded", "for=203.0.113.9;proto=http"),
        ] {
            assert!(!is_here(&configuration, &[(name, value)]), "{name}: {value}");
        }
    }

    #[test]
    fn the_client_is_the_last_one_that_no_trusted_proxy_is() {
        let mut configuration = Configuration::default();
        let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let forged = headers(&[("x-forwarded-for", "1.1.1.1")]);
        assert_eq!(client_address(&configuration, &forged, address("10.0.0.7")), address("10.0.0.7"));

        configuration.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let table = [
            (vec![("x-forwarded-for", "1.1.1.1, 203.0.113.9")], "203.0.113.9"),
            (vec![("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.8")], "203.0.113.9"),
            (vec![("x-forwarded-for", "10.0.0.9, 10.0.0.8")], "10.0.0.9"),
            (vec![("x-forwarded-for", "203.0.113.9:4711")], "203.0.113.9"),
            (vec![("x-forwarded-for", "1.1.1.1, unknown")], "10.0.0.7"),
            (vec![("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            (vec![("forwarded", "for=1.1.1.1, for=\"[2001:db8::1]:4711\";proto=https")], "2001:db8::1"),
            (vec![("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "203.0.113.9")], "203.0.113.9"),
            (vec![], "10.0.0.7"),
        ];
        for (sent, expected) in table {
            let found = client_address(&configuration, &headers(&sent), address("10.0.0.7"));
            assert_eq!(found, address(expected), "{sent:?}");
        }
        let direct = client_address(&configuration, &forged, address("198.51.100.1"));
        assert_eq!(direct, address("198.51.100.1"));
    }
}
