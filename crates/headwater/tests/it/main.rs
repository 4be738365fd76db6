//! The real binary, over a real socket, with a real database.

mod api;
mod bulk;
mod command_line;
mod custom_schemas;
mod faults;
mod groups;
mod http;
mod kill;
mod limits;
mod migrate_store;
mod paging;
mod regressions;
mod scenarios;
mod support;
