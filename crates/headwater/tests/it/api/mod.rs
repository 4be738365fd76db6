//! The admin API as scripts and the web UI use it, and what the server serves to browsers.

mod access;
mod accounts_command;
mod acts;
mod administrators;
mod changes;
mod first_start;
mod idempotency;
mod lists;
mod members;
mod refusals;
mod request_log;
mod request_search;
mod schemas;
mod sessions;
mod signing_in;
mod sources;
mod stream;
mod system;
mod tokens;
mod ui;
mod unknown_attributes;
