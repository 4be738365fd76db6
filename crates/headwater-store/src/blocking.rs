//! Reads on threads that may wait, which end when nobody waits for them any more.

use tokio::sync::watch;

use crate::StoreError;

/// Tells a read whether somebody still waits for what it finds.
#[derive(Debug, Clone)]
pub(crate) struct Wanted(watch::Receiver<()>);

impl Wanted {
    pub(crate) fn by_somebody(&self) -> bool {
        self.0.has_changed().is_ok()
    }

    /// Waits until nobody waits any more.
    pub(crate) async fn by_nobody(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Runs `read` on a thread that may wait, and waits for it. Who gives up waiting does not end the thread:
/// `read` is told of it.
///
/// # Errors
/// What `read` answers; [`StoreError::Closed`] when the program ends.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce(&Wanted) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    // It is dropped with the future.
    let (_waiting, wanted) = watch::channel(());
    match tokio::task::spawn_blocking(move || read(&Wanted(wanted))).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Closed),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::blocking;

    #[tokio::test]
    async fn a_read_is_told_when_nobody_waits_any_more() {
        let (began, has_begun) = mpsc::channel();
        let (ended, has_ended) = mpsc::channel();
        let runtime = tokio::runtime::Handle::current();
        let mut reading = Box::pin(blocking(move |wanted| {
            began.send(wanted.by_somebody()).expect("heard");
            runtime.block_on(wanted.clone().by_nobody());
            ended.send(wanted.by_somebody()).expect("heard");
            Ok(())
        }));
        assert!((&mut reading).now_or_never().is_none(), "it has to be waited for");
        assert!(has_begun.recv().expect("it begins"));
        drop(reading);
        assert!(!has_ended.recv().expect("it ends"));
        assert!(blocking(|wanted| Ok(wanted.by_somebody())).await.expect("read"));
    }
}
