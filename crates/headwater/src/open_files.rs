//! How many files the process may have open, of which connections are the most.

use headwater_server::configuration::Configuration;

/// What the process needs besides connections, those with PostgreSQL included.
const OTHERS: usize = 256;

/// Raises the limit of open files as far as it goes, and lowers the number of connections where they would
/// leave none for the store.
pub(crate) fn leave_some(configuration: &mut Configuration) {
    let Some(files) = raised() else { return };
    let others = OTHERS + configuration.database_connections;
    let most = files.saturating_sub(others).max(files / 2).max(1);
    if configuration.max_connections > most {
        tracing::warn!(
            "the operating system allows {files} open files: too few for max_connections = {}, of which {most} are let in",
            configuration.max_connections
        );
        configuration.max_connections = most;
    }
}

/// The number of files that may be open, once it is raised to what the process may ask for; `None` if there
/// is no limit.
#[cfg(unix)]
fn raised() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    limit.and_then(|limit| usize::try_from(limit).ok())
}

#[cfg(not(unix))]
fn raised() -> Option<usize> {
    None
}
