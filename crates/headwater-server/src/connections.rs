//! The connections of the server: how many there are, and which of them make room for others.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// How long a connection has to have rested before it makes room: whoever has just been answered may be about
/// to ask again.
const LEAST_REST: Duration = Duration::from_secs(1);
/// How long one that is to make room may take before another one is asked to.
const PATIENCE: Duration = Duration::from_millis(100);
/// The moment since which a connection rests that doesn't.
const NEVER: u64 = u64::MAX;

/// The connections that are held, as many as may be at once.
///
/// When there are that many, whoever comes takes the place of the connection that has rested longest, of one that
/// has never brought a request before all others: clients that keep connections without asking anything keep nobody
/// out.
pub(crate) struct Connections {
    most: u32,
    places: Arc<Semaphore>,
    held: Mutex<HashMap<u64, Arc<State>>>,
    /// The number of the next connection.
    next: AtomicU64,
    started: Instant,
}

/// What one of them is doing, and what it is to do.
struct State {
    /// Since when it rests, in milliseconds since the start of the server.
    rests_since: AtomicU64,
    has_worked: AtomicBool,
    is_to_end: AtomicBool,
    end: Notify,
}

/// A connection that is held until this is dropped.
pub(crate) struct Connection {
    all: Arc<Connections>,
    number: u64,
    state: Arc<State>,
    _place: Option<OwnedSemaphorePermit>,
}

/// A request that a connection has brought, until it is answered.
pub(crate) struct AtWork(Arc<Connection>);

impl Connections {
    /// Room for so many.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Arc::new(Self {
            most,
            places: Arc::new(Semaphore::new(most as usize)),
            held: Mutex::default(),
            next: AtomicU64::new(0),
            started: Instant::now(),
        })
    }

    /// Holds one more, as soon as there is room for it.
    pub(crate) async fn hold(self: &Arc<Self>) -> Connection {
        let mut place = Arc::clone(&self.places).try_acquire_owned().ok();
        while place.is_none() {
            self.make_room();
            let freed = Arc::clone(&self.places).acquire_owned();
            place = tokio::time::timeout(PATIENCE, freed).await.ok().and_then(Result::ok);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            rests_since: AtomicU64::new(self.now()),
            has_worked: AtomicBool::new(false),
            is_to_end: AtomicBool::new(false),
            end: Notify::new(),
        });
        self.held().insert(number, Arc::clone(&state));
        Connection { all: Arc::clone(self), number, state, _place: place }
    }

    /// Has the connection end that is the first to make room, if it has rested for a while.
    fn make_room(&self) {
        let latest = self.now().saturating_sub(milliseconds(LEAST_REST));
        let held = self.held();
        let others = held.values().filter(|state| !state.is_to_end.load(Ordering::Relaxed));
        let rested = others.filter(|state| state.rests_since() <= latest);
        if let Some(first) = rested.min_by_key(|state| (state.has_worked(), state.rests_since())) {
            first.end();
        }
    }

    /// Has all connections end, each when it has answered what it was asked, and waits until they have.
    pub(crate) async fn end(&self) {
        self.held().values().for_each(|state| state.end());
        drop(self.places.acquire_many(self.most).await);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        milliseconds(self.started.elapsed())
    }
}

impl Connection {
    /// Until it is to end: at once while it rests, else when it has answered.
    pub(crate) async fn is_to_end(&self) {
        self.state.end.notified().await;
    }

    /// Whether it has brought a request; without any it owes its client nothing.
    pub(crate) fn has_worked(&self) -> bool {
        self.state.has_worked()
    }

    /// It has brought a request, and doesn't rest until that is answered.
    pub(crate) fn begin(self: &Arc<Self>) -> AtWork {
        self.state.has_worked.store(true, Ordering::Relaxed);
        self.state.rests_since.store(NEVER, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }
}

impl State {
    fn has_worked(&self) -> bool {
        self.has_worked.load(Ordering::Relaxed)
    }

    fn rests_since(&self) -> u64 {
        self.rests_since.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.is_to_end.store(true, Ordering::Relaxed);
        self.end.notify_one();
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let Connection { all, state, .. } = &*self.0;
        state.rests_since.store(all.now(), Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.held().remove(&self.number);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::time::{Instant, advance};

    use super::Connections;

    #[tokio::test(start_paused = true)]
    async fn who_has_just_come_is_not_in_the_way_of_those_that_can_make_room() {
        let all = Connections::new(2);
        let rested = Arc::new(all.hold().await);
        drop(rested.begin());
        advance(Duration::from_secs(2)).await;
        let _new = all.hold().await;
        let asked = Instant::now();
        let leaving = async move {
            rested.is_to_end().await;
            drop(rested);
        };
        let ((), _newer) = tokio::join!(leaving, all.hold());
        assert_eq!(asked.elapsed(), Duration::ZERO);
    }
}
