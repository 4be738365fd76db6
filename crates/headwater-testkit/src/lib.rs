//! Random users and filters for property tests, what a filter means in the plainest words there
//! are (written from RFC 7644 §3.4.2.2 alone, sharing no code with what it tests), and a small
//! fuzzer. And what tests of faults need: a PostgreSQL of their own, a network that fails, a disk
//! that is full or faulty.

pub mod certificates;
#[cfg(target_os = "linux")]
pub mod faulty_disk;
mod filters;
pub mod fuzz;
#[cfg(unix)]
pub mod postgres;
#[cfg(unix)]
pub mod proxy;
#[cfg(unix)]
pub mod small_disk;
mod spelling;
mod users;

pub use filters::{Model, Operand, filter, path};
pub use spelling::Spelling;
pub use users::attributes;

/// The schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
