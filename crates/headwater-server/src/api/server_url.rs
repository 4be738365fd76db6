//! How whoever asks sees the server, and where they ask from.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, http::request::Parts};
use hyper::{StatusCode, header};

use super::{App, Problem, caller};
use crate::{administration::Visitor, origin, scim};

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What the server's URL is for whoever asks.
pub(super) struct ServerUrl {
    /// Such as `https://id.example.com`.
    pub(super) url: String,
    /// Whether nobody on the way reads along: by HTTPS, or on this machine.
    pub(super) is_private: bool,
}

impl ServerUrl {
    /// `may_be_here` says whether who asks may be on this machine: not somebody who has come over the network to
    /// a proxy that stands beside us.
    pub(super) fn new(url: String, may_be_here: bool) -> Self {
        let is_here = may_be_here && is_loopback(&url);
        Self { is_private: url.starts_with("https://") || is_here, url }
    }

    /// The SCIM base URL of the source of a slug.
    pub(super) fn of_source(&self, slug: &str) -> String {
        format!("{}{}{slug}/v2", self.url, scim::PREFIX)
    }
}

fn is_loopback(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<hyper::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl FromRequestParts<App> for ServerUrl {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &App) -> Result<Self, Problem> {
        let (configuration, headers, peer) = (&context.configuration, &parts.headers, peer(parts)?);
        let may_be_here = origin::may_be_here(configuration, headers, peer);
        Ok(Self::new(origin::origin(configuration, headers, peer), may_be_here))
    }
}

/// Somebody who signs in: not by a page of another site, and not where others read along.
pub(super) struct SigningIn {
    pub(super) url: ServerUrl,
    pub(super) visitor: Visitor,
}

impl FromRequestParts<App> for SigningIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &App) -> Result<Self, Problem> {
        let url = ServerUrl::from_request_parts(parts, context).await?;
        caller::check_not_forged(&parts.headers, &url.url)?;
        caller::set_cookie(&url, None)?;
        let address = origin::client_address(&context.configuration, &parts.headers, peer(parts)?);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let visitor = Visitor {
            address: address.to_string(),
            user_agent: user_agent.map(|text| text.chars().take(300).collect()),
        };
        Ok(Self { url, visitor })
    }
}

/// The address that the listener has put beside the request.
pub(super) fn peer(parts: &Parts) -> Result<IpAddr, Problem> {
    let peer = parts.extensions.get().map(|Peer(address)| *address);
    peer.ok_or_else(|| {
        tracing::error!("a request has come in without the address of its peer");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The server failed; its log has more.")
    })
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[test]
    fn plain_http_is_private_on_this_machine_alone() {
        let is_private = |url: &str, may_be_here| ServerUrl::new(url.to_owned(), may_be_here).is_private;
        for url in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80", "http://a.localhost:1"] {
            assert!(is_private(url, true) && !is_private(url, false), "{url}");
        }
        for url in ["http://10.0.0.1:8080", "http://example.com", "http://localhost.example.com"] {
            assert!(!is_private(url, true), "{url}");
        }
        assert!(is_private("https://id.example.com", false));
    }
}
