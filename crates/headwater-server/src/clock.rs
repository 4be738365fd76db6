//! Time and randomness, passed in so that tests decide them.

use std::{
    cell::RefCell,
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

/// What a thread has fetched of random bytes and not given away yet.
struct Fetched {
    bytes: [u8; 512],
    given: usize,
}

thread_local! {
    static FETCHED: RefCell<Fetched> = const { RefCell::new(Fetched { bytes: [0; 512], given: 512 }) };
}

impl Random for SystemRandom {
    /// Every request has an id: asking the operating system for the bytes of each would cost more
    /// than making it. What is given away is forgotten here.
    fn fill(&self, bytes: &mut [u8]) {
        const REASON: &str = "the operating system gives random bytes";
        FETCHED.with_borrow_mut(|fetched| {
            if bytes.len() > fetched.bytes.len() {
                return getrandom::fill(bytes).expect(REASON);
            }
            if fetched.given + bytes.len() > fetched.bytes.len() {
                getrandom::fill(&mut fetched.bytes).expect(REASON);
                fetched.given = 0;
            }
            let taken = &mut fetched.bytes[fetched.given..][..bytes.len()];
            bytes.copy_from_slice(taken);
            taken.fill(0);
            fetched.given += bytes.len();
        });
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
    use super::{Clock, Random, SystemRandom, Uuids};

    #[test]
    fn no_random_byte_is_given_twice() {
        // 128 bits that are equal by chance are out of the question; lengths cross what is fetched at once.
        let mut seen = std::collections::HashSet::new();
        for length in [16, 17, 31, 200, 512, 513, 16].into_iter().cycle().take(500) {
            let mut bytes = vec![0; length];
            SystemRandom.fill(&mut bytes);
            assert!(bytes.chunks_exact(16).all(|chunk| seen.insert(chunk.to_vec())), "{length}");
        }
    }

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
