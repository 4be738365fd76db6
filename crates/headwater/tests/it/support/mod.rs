//! A server to test, and a client that sends exactly what it is told.

mod admin;
mod client;
pub(crate) mod consistency;
pub(crate) mod definitions;
mod dice;
mod events;
mod server;

pub(crate) use admin::{ADA, Admin, PASSWORD, link_secret, text, texts};
pub(crate) use client::{Client, Request, Response, send_around};
pub(crate) use dice::Dice;
pub(crate) use events::Events;
pub(crate) use server::{
    Server, Source, database_of, headwater, headwater_on_read_only, headwater_reading, headwater_started,
    headwater_with,
};

use std::time::{Duration, Instant};

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

/// Asks again and again until there is an answer; the request log is written a moment later.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
