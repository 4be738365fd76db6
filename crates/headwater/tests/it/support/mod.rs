//! A server to test, and a client that sends exactly what it is told.

mod client;
pub(crate) mod consistency;
mod server;

pub(crate) use client::{Client, Request, Response};
pub(crate) use server::{Server, Source, headwater};

use serde_json::{Value, json};

/// A PATCH body of these operations.
pub(crate) fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
