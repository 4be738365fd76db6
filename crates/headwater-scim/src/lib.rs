//! The SCIM 2.0 protocol core: plain functions over plain data, without I/O, clocks or async.
//!
//! A request walks through it like this: [`json::parse`] turns bytes into a value,
//! [`deviation`] maps what real clients send to what RFC 7643 and 7644 say, and then
//! [`resource::read`] (POST, PUT), [`patch::apply`] (PATCH) or [`filter::Filter::parse`] (queries)
//! turn it into typed results. Where a source obeys the interoperability profile, [`interop`] refuses
//! what `deviation` would mend. [`projection`] shapes the answer, [`error::ScimError`] the refusal.
//!
//! Every rule follows from an attribute's characteristics (RFC 7643 §7), which are data in
//! [`schema`] and [`resource_type`]; no code here knows what a user or a group is.

pub mod bulk;
pub mod comparison;
pub mod date_time;
pub mod definition;
pub mod deviation;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod index;
pub mod interop;
pub mod json;
pub mod message;
pub mod patch;
pub mod path;
pub mod projection;
pub mod reference;
pub mod registry;
pub mod resource;
pub mod resource_type;
pub mod schema;
pub mod sort;
pub mod unknown;
pub mod value;

/// A JSON object with its members in the order they were written.
pub type Object = serde_json::Map<String, serde_json::Value>;
