//! A SCIM base URL and who asks there.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::Failure;

/// A SCIM base URL and a token for it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The path of the base URL.
    pub(crate) path: String,
    pub(crate) token: String,
}

impl Endpoint {
    /// A request as it goes over the wire.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
        let mut request = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n",
            self.path, self.token
        );
        if let Some(body) = body {
            request.push_str("Content-Type: application/scim+json\r\nContent-Length: ");
            request.push_str(&body.len().to_string());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        request.into_bytes()
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.request("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Vec<u8> {
        self.request("POST", path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, operation: &Value) -> Vec<u8> {
        let body =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        self.request("PATCH", path, Some(&body.to_string()))
    }
}

/// The id of a resource that was answered.
pub(crate) fn id_of(body: &[u8]) -> Result<String, Failure> {
    let resource: Value = serde_json::from_slice(body)?;
    Ok(resource["id"].as_str().ok_or("the answer has no id")?.to_owned())
}
