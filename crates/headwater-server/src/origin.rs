//! What absolute URLs start with.

use std::net::IpAddr;

use hyper::{HeaderMap, header};
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
    let forwarded = text(headers, header::FORWARDED.as_str()).map(first_forwarded).unwrap_or_default();
    let scheme = forwarded.scheme.or_else(|| first(headers, "x-forwarded-proto"));
    let scheme = match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    let outer =
        forwarded.host.or_else(|| first(headers, "x-forwarded-host")).filter(|host| is_authority(host));
    let prefix = first(headers, "x-forwarded-prefix").filter(|prefix| is_prefix(prefix)).unwrap_or_default();
    format!("{scheme}://{}{}", outer.unwrap_or(&host), prefix.trim_end_matches('/'))
}

fn is_trusted(proxies: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    proxies.iter().any(|network| network.contains(&peer))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first of a comma-separated list: what the outermost proxy saw.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = text(headers, name)?.split(',').next()?.trim();
    (!value.is_empty()).then_some(value)
}

#[derive(Default)]
struct Forwarded<'a> {
    scheme: Option<&'a str>,
    host: Option<&'a str>,
}

fn first_forwarded(value: &str) -> Forwarded<'_> {
    let mut forwarded = Forwarded::default();
    for pair in value.split(',').next().unwrap_or_default().split(';') {
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

    use super::origin;
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
                    ("forwarded", "for=1.2.3.4;proto=https;host=\"id.example.com:8443\", for=x"),
                ]),
                "https://id.example.com:8443",
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
}
