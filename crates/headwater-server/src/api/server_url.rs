//! How whoever asks sees the server, and where they ask from.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, http::request::Parts};
use hyper::{StatusCode, header};

use super::{App, Problem, caller};
use crate::{administration::Visitor, origin, scim};

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What the server's URL is for whoever asks, such as `https://id.example.com`.
pub(super) struct ServerUrl(pub(super) String);

impl ServerUrl {
    /// The SCIM base URL of the source of a slug.
    pub(super) fn of_source(&self, slug: &str) -> String {
        format!("{}{}{slug}/v2", self.0, scim::PREFIX)
    }
}

impl FromRequestParts<App> for ServerUrl {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &App) -> Result<Self, Problem> {
        Ok(Self(origin::origin(&context.configuration, &parts.headers, peer(parts)?)))
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
        caller::check_not_forged(&parts.headers, &url.0)?;
        caller::set_cookie(&url.0, None)?;
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
