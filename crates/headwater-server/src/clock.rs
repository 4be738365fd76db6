//! Time and randomness, passed in so that tests decide them.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use headwater_store::Millis;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Millis;
}

/// Gives bytes that nobody can guess.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }
}

/// The random source of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// Makes version 7 UUIDs: unique, and each greater than the one before, so that what is made later
/// comes later in order. The first part is the time to the millisecond, the next twelve bits count
/// within it.
#[derive(Debug, Default)]
pub struct Uuids {
    last: Mutex<(u64, u16)>,
}

impl Uuids {
    /// The next one.
    pub fn next(&self, clock: &dyn Clock, random: &dyn Random) -> Uuid {
        let mut bytes = [0; 10];
        random.fill(&mut bytes);
        let now = u64::try_from(clock.now()).unwrap_or(0);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            (time, _) if time < now => (now, 0),
            // The clock stands still or has gone back: go on counting, into the next millisecond
            // when this one is full.
            (time, COUNT_MAX) => (time + 1, 0),
            (time, count) => (time, count + 1),
        };
        let (time, count) = *last;
        bytes[..2].copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(time, &bytes).into_uuid()
    }
}

/// The greatest number that twelve bits hold.
const COUNT_MAX: u16 = 0x0fff;

#[cfg(test)]
mod tests {
    use super::{Clock, SystemRandom, Uuids};

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> headwater_store::Millis {
            1_764_000_000_000
        }
    }

    /// Shows COM-006, COM-009.
    #[test]
    fn each_uuid_is_greater_than_the_one_before() {
        let uuids = Uuids::default();
        let made: Vec<_> = (0..10_000).map(|_| uuids.next(&Stopped, &SystemRandom)).collect();
        assert!(made.is_sorted_by(|left, right| left < right));
        assert!(made.iter().all(|uuid| uuid.get_version_num() == 7));
        // RFC 7643 §3.1: "bulkId" is in no identifier.
        let is_of_an_id = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        assert!(made.iter().all(|uuid| uuid.to_string().bytes().all(is_of_an_id)));
    }
}
