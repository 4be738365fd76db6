//! The administrator's side of a server: signing in, and making sources.

use serde_json::{Value, json};

use crate::{Failure, connection::Connection, endpoint::Endpoint, server::Server};

/// A session of the administrator that the server was prepared with.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    host: String,
    cookie: String,
    csrf_token: String,
}

impl Session {
    pub(crate) async fn sign_in(server: &Server, connection: &mut Connection) -> Result<Self, Failure> {
        let body = json!({"email": Server::EMAIL, "password": Server::PASSWORD}).to_string();
        let host = server.endpoint.address.to_string();
        let request = format!(
            "POST /api/v1/session HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let session: Value = serde_json::from_slice(connection.exchange(request.as_bytes()).await?)?;
        let csrf_token = session["csrf_token"].as_str().ok_or("signing in gave no token")?.to_owned();
        let cookie = connection.header("set-cookie").ok_or("signing in gave no cookie")?;
        Ok(Self { host, cookie: cookie.split(';').next().unwrap_or_default().to_owned(), csrf_token })
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET /api/v1{path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", self.host, self.cookie)
            .into_bytes()
    }

    /// Makes a source, and returns where its client is to go.
    pub(crate) async fn create_source(
        &self,
        connection: &mut Connection,
        slug: &str,
    ) -> Result<Endpoint, Failure> {
        let body = json!({"name": slug, "slug": slug}).to_string();
        let request = format!(
            "POST /api/v1/sources HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            self.cookie,
            self.csrf_token,
            body.len()
        );
        let source: Value = serde_json::from_slice(connection.exchange(request.as_bytes()).await?)?;
        let token = source["secret"].as_str().ok_or("a source came without its token")?.to_owned();
        Ok(Endpoint { address: self.host.parse()?, path: path_of(slug), token })
    }
}

/// The path of a source's base URL.
pub(crate) fn path_of(slug: &str) -> String {
    format!("/source/scim/{slug}/v2")
}
