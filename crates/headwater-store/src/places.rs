//! Places for what takes much, so that there is never too much of it at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{SourceId, StoreError, lock};

/// How many sources are remembered that have had places.
const MOST_REMEMBERED: usize = 1_000;
/// How many of a source may wait for a place: each keeps one of the server's requests open.
const MOST_WAITING: usize = 100;

/// So many places, and of these so many for each source: what one asks for leaves some to the others. Who finds
/// none free waits, in the order of coming, unless too many of its source do.
#[derive(Debug, Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    of_sources: Arc<Mutex<HashMap<SourceId, Arc<OfSource>>>>,
    most_of_one: usize,
    wait: Duration,
}

/// What a source may have of the places.
#[derive(Debug)]
struct OfSource {
    places: Arc<Semaphore>,
    line: Semaphore,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _of_source: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Places {
    /// So many places, one at least, of which a source may have half, and for which one waits so long.
    pub fn new(most: usize, wait: Duration) -> Self {
        let most = most.max(1);
        Self {
            all: Arc::new(Semaphore::new(most)),
            of_sources: Arc::default(),
            most_of_one: most.div_ceil(2),
            wait,
        }
    }

    /// Waits for a place for a source.
    ///
    /// # Errors
    /// [`StoreError::Busy`]: none was free in time, or too many of the source wait already.
    pub async fn take(&self, source: SourceId) -> Result<Place, StoreError> {
        let (of_source, all) = (self.of_source(source), Arc::clone(&self.all));
        let _in_line = of_source.line.try_acquire().map_err(|_| StoreError::Busy)?;
        let both = async {
            let of_source = Arc::clone(&of_source.places).acquire_owned().await.ok()?;
            Some(Place { _of_source: of_source, _of_all: all.acquire_owned().await.ok()? })
        };
        // They are never closed.
        let taken = tokio::time::timeout(self.wait, both).await.ok().flatten();
        taken.ok_or(StoreError::Busy)
    }

    fn of_source(&self, source: SourceId) -> Arc<OfSource> {
        let mut all = lock(&self.of_sources);
        if all.len() >= MOST_REMEMBERED && !all.contains_key(&source) {
            all.retain(|_, one| {
                one.places.available_permits() < self.most_of_one || Arc::strong_count(one) > 1
            });
        }
        let of_source = all.entry(source).or_insert_with(|| {
            let places = Arc::new(Semaphore::new(self.most_of_one));
            Arc::new(OfSource { places, line: Semaphore::new(MOST_WAITING) })
        });
        Arc::clone(of_source)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::task::unconstrained;

    use super::{MOST_REMEMBERED, MOST_WAITING, Places};
    use crate::{SourceId, StoreError};

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_source_leaves_places_to_others() {
        let places = Places::new(5, LONG);
        let take = |source: i64| unconstrained(places.take(SourceId(source))).now_or_never()?.ok();
        let mut of_one: Vec<_> = (0..3).map(|_| take(1).expect("a place")).collect();
        assert!(take(1).is_none(), "it has half of them");
        let of_two: Vec<_> = (0..2).map(|_| take(2).expect("a place")).collect();
        assert!(take(3).is_none(), "all are taken");
        of_one.pop();
        assert!(take(3).is_some());
        assert!(take(1).is_some());
        drop((of_one, of_two));
        for source in 0..2 * MOST_REMEMBERED {
            take(i64::try_from(source).expect("small")).expect("a place");
        }
        assert!(places.of_sources.lock().expect("unharmed").len() <= MOST_REMEMBERED);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let places = Places::new(1, Duration::ZERO);
        let first = places.take(SourceId(1)).await.expect("a place");
        assert!(matches!(places.take(SourceId(2)).await, Err(StoreError::Busy)));
        drop(first);
        assert!(places.take(SourceId(1)).await.is_ok());
    }

    #[tokio::test]
    async fn no_more_of_a_source_wait_than_may() {
        let places = Places::new(1, LONG);
        let first = places.take(SourceId(1)).await.expect("a place");
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(places.take(SourceId(1)))).collect();
        assert!(waiting.iter_mut().all(|one| unconstrained(one).now_or_never().is_none()));
        assert!(matches!(places.take(SourceId(1)).await, Err(StoreError::Busy)));
        let mut other = Box::pin(places.take(SourceId(2)));
        assert!(unconstrained(&mut other).now_or_never().is_none(), "it has a line of its own");
        waiting.truncate(1);
        drop(first);
        drop(other.await.expect("a place"));
        assert!(waiting.remove(0).await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_is_next() {
        let places = Places::new(1, LONG);
        let first = places.take(SourceId(1)).await.expect("a place");
        let mut second = Box::pin(places.take(SourceId(1)));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert!(second.await.is_ok());
    }
}
