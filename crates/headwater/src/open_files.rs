//! How many files the process may have open, of which connections are the most.

/// What the store and the rest of the process need besides connections.
const OTHERS: usize = 256;

/// Raises the limit of open files as far as it goes, and lowers the number of connections where they would
/// leave none for the store.
pub(crate) fn leave_some(max_connections: &mut usize) {
    let Some(most) = raised() else { return };
    let left = most.saturating_sub(OTHERS).max(most / 2).max(1);
    if *max_connections > left {
        let (wanted, left) = (*max_connections, &left);
        tracing::warn!(
            wanted,
            left,
            "the operating system allows {most} open files, which is too few for max_connections"
        );
        *max_connections = *left;
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
