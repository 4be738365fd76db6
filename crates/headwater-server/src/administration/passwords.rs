//! Passwords: Argon2id (RFC 9106), off the threads that answer requests, on two of their own, so that a
//! flood of them takes neither all memory nor all processors. Always the same two: what a hash needs of
//! memory stays with the thread that it was made on.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::AdministrationError;
use crate::clock::Random;

/// 19 MiB and two passes: what OWASP's "Password Storage Cheat Sheet" gives as the least for
/// Argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const AT_ONCE: usize = 2;
/// How many logins may wait for their password to be checked; others are told to come again.
const WAITING: usize = 32;
/// The fewest characters of a password (NIST SP 800-63B §3.1.1.2 asks for 15 where nothing else
/// protects the account, and 8 otherwise; logins are slowed down here).
pub(super) const FEWEST: usize = 12;
/// The most: a bound on what is hashed.
pub(super) const MOST: usize = 1_024;

/// A hash that no password has, compared with when there is no account: an answer then takes as
/// long as with one.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody's password", [7; 16]));

/// Hashes and checks passwords.
#[derive(Debug)]
pub struct Passwords {
    /// What the threads do, which begin with the first password.
    work: OnceLock<Lines>,
    waiting: Arc<Semaphore>,
}

type Work = Box<dyn FnOnce() + Send>;

/// Two lines for the threads. They end when this is dropped.
struct Lines(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    lines: Mutex<InLine>,
    has_come: Condvar,
}

#[derive(Default)]
struct InLine {
    /// Passwords that are checked: people wait for them, and not behind the many that are hashed when a directory
    /// is filled.
    checks: VecDeque<Work>,
    hashes: VecDeque<Work>,
    /// Whether a check came last: they take turns, so that neither line holds up the other without end.
    is_turn_of_hashes: bool,
    is_over: bool,
}

/// Which line something waits in.
#[derive(Clone, Copy)]
enum Line {
    Checks,
    Hashes,
}

/// A turn among those who wait for a password to be checked.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "it is held, not looked at")] OwnedSemaphorePermit);

impl Default for Passwords {
    fn default() -> Self {
        Self { work: OnceLock::new(), waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Passwords {
    /// The hash of a password in PHC form.
    pub async fn hash(&self, password: String, random: &dyn Random) -> String {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        self.run(Line::Hashes, move || hash_now(&password, salt)).await
    }

    /// A turn to have a password checked.
    ///
    /// # Errors
    /// Too many are waiting.
    pub fn turn(&self) -> Result<Turn, AdministrationError> {
        let turn = Arc::clone(&self.waiting).try_acquire_owned();
        turn.map(Turn).map_err(|_| AdministrationError::Busy)
    }

    /// Whether a password is the one of this hash; without a hash it never is, after as long.
    pub async fn verify(&self, password: String, hash: Option<String>, turn: Turn) -> bool {
        self.run(Line::Checks, move || {
            let _until_checked = turn;
            let (hash, known) = match hash {
                Some(hash) => (hash, true),
                None => (NOBODY.clone(), false),
            };
            let Ok(parsed) = PasswordHash::new(&hash) else { return false };
            let verified = hasher().verify_password(password.as_bytes(), &parsed).is_ok();
            verified && known
        })
        .await
    }

    /// Has work done by the threads, unless nobody waits for it any more when it is its turn.
    async fn run<T: Send + 'static>(&self, line: Line, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (caller, outcome) = oneshot::channel();
        let task = move || {
            if !caller.is_closed() {
                drop(caller.send(catch_unwind(AssertUnwindSafe(work))));
            }
        };
        self.work.get_or_init(Lines::with_threads).add(line, Box::new(task));
        match outcome.await.expect("whatever becomes of the work is sent") {
            Ok(done) => done,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Lines {
    fn with_threads() -> Self {
        let waiting = Arc::<Waiting>::default();
        for _ in 0..AT_ONCE {
            let waiting = Arc::clone(&waiting);
            let run = move || {
                while let Some(work) = waiting.next() {
                    work();
                }
            };
            let started = thread::Builder::new().name("passwords".to_owned()).spawn(run);
            started.expect("the operating system can start two threads");
        }
        Self(waiting)
    }

    fn add(&self, line: Line, work: Work) {
        let mut lines = self.0.lock();
        match line {
            Line::Checks => lines.checks.push_back(work),
            Line::Hashes => lines.hashes.push_back(work),
        }
        self.0.has_come.notify_one();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.has_come.notify_all();
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Lines(…)")
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, InLine> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is next, when there is something; `None` when nothing comes any more.
    fn next(&self) -> Option<Work> {
        let has_none =
            |lines: &mut InLine| lines.checks.is_empty() && lines.hashes.is_empty() && !lines.is_over;
        let lines = self.has_come.wait_while(self.lock(), has_none);
        let mut lines = lines.unwrap_or_else(PoisonError::into_inner);
        let hash_first = lines.is_turn_of_hashes && !lines.hashes.is_empty() || lines.checks.is_empty();
        lines.is_turn_of_hashes = !hash_first;
        if hash_first { lines.hashes.pop_front() } else { lines.checks.pop_front() }
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str, salt: [u8; 16]) -> String {
    let hash = hasher().hash_password_with_salt(password.as_bytes(), &salt);
    hash.expect("a salt of 16 bytes is within Argon2's bounds").to_string()
}

/// Refuses what is easily guessed. There are no rules about kinds of characters: length is what
/// counts (NIST SP 800-63B).
pub(super) fn check(password: &str, email: &str) -> Result<(), AdministrationError> {
    let refuse = |detail: String| Err(AdministrationError::Invalid { field: "password", detail });
    let length = password.chars().count();
    if length < FEWEST {
        return refuse(format!("a password has at least {FEWEST} characters; this one has {length}"));
    }
    if length > MOST {
        return refuse(format!("a password has at most {MOST} characters"));
    }
    let lower = password.to_lowercase();
    let account = email.to_lowercase();
    let local = account.split('@').next().unwrap_or_default();
    let distinct = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    let is_account = lower == account || (local.len() > 3 && lower.replace(local, "").chars().count() < 5);
    let is_common =
        ["password", "headwater", "administrator", "qwertyuiop", "1234567890", "letmein", "welcome"]
            .iter()
            .any(|common| lower.replace(common, "").chars().count() < 5);
    if distinct < 5 || is_account || is_common {
        return refuse("this password is easily guessed; a few unrelated words make a good one".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use futures_util::FutureExt;
    use tokio::task::unconstrained;

    use super::{Line, Passwords, check};
    use crate::clock::SystemRandom;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery".to_owned(), &SystemRandom).await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            passwords
                .verify(
                    "correct horse battery".to_owned(),
                    Some(hash.clone()),
                    passwords.turn().expect("a turn")
                )
                .await
        );
        assert!(
            !passwords
                .verify("correct horse batterY".to_owned(), Some(hash), passwords.turn().expect("a turn"))
                .await
        );
        assert!(
            !passwords.verify("nobody's password".to_owned(), None, passwords.turn().expect("a turn")).await
        );
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_done_and_the_lines_take_turns() {
        let passwords = Passwords::default();
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |line, what: &'static str| {
            let order = Arc::clone(&order);
            Box::pin(passwords.run(line, move || order.lock().expect("unharmed").push(what)))
        };
        let hold = || {
            let held = Arc::clone(&held);
            Box::pin(passwords.run(Line::Checks, move || held.lock().expect("unharmed").recv()))
        };
        // Both threads have something to do, while the others come.
        let mut holding = [hold(), hold()];
        assert!(holding.iter_mut().all(|one| unconstrained(one).now_or_never().is_none()));
        let mut waiting = [
            note(Line::Hashes, "abandoned"),
            note(Line::Hashes, "hash"),
            note(Line::Checks, "check"),
            note(Line::Checks, "another check"),
        ];
        assert!(waiting.iter_mut().all(|one| unconstrained(one).now_or_never().is_none()));
        let [abandoned, hash, check, another] = waiting;
        drop(abandoned);
        // One of them goes on: what is done is done in order.
        release.send(()).expect("heard");
        hash.await;
        check.await;
        another.await;
        assert_eq!(*order.lock().expect("unharmed"), ["hash", "check", "another check"]);
        release.send(()).expect("heard");
        for one in holding {
            one.await.expect("released");
        }
    }

    #[test]
    fn what_is_easily_guessed_is_refused() {
        for bad in ["short", "aaaaaaaaaaaaaaaa", "password1234", "ada.lovelace@example.com", "Ada.Lovelace1"]
        {
            assert!(check(bad, "ada.lovelace@example.com").is_err(), "{bad}");
        }
        for good in ["correct horse battery", "Nq7!mmPz0-xk", "ünïcödé ist länger"] {
            assert!(check(good, "ada.lovelace@example.com").is_ok(), "{good}");
        }
    }
}
