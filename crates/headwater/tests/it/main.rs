//! The real binary, over a real socket, with a real database.

mod api;
mod command_line;
mod faults;
mod groups;
mod http;
mod kill;
mod regressions;
mod scenarios;
mod support;
