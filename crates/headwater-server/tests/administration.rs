//! What depends on the time: waiting after failed logins, and the ends of sessions, links, tokens
//! and what can be copied. The clock is the test's.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use futures_util::FutureExt;
use headwater_server::{
    administration::{
        Administration, AdministrationError, COPYABLE_FOR, LINK_LIVES_FOR, NewAccount, SettingsEdit,
        SourceRequest, Vault, Visitor,
    },
    clock::{Clock, SystemRandom},
};
use headwater_store::{
    Act, Actor, Administrator, AdministratorEdit, Millis, Role, StoreError, sqlite::SqliteStore,
};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

/// A clock that stands still until it is told to go on.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Clock for Hand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

impl Hand {
    fn go_on(&self, by: Millis) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

struct Place {
    administration: Administration,
    clock: Hand,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Hand(Arc::new(AtomicI64::new(1_764_000_000_000)));
        let administration = open(&folder, &clock);
        Self { administration, clock, folder }
    }

    /// A place with one administrator.
    async fn with_ada() -> Self {
        let place = Self::new();
        place.account(ADA, Some(PASSWORD)).await;
        place
    }

    fn act(&self) -> Act {
        self.administration.act(Actor::CommandLine, None)
    }

    async fn account(&self, email: &str, password: Option<&str>) -> (Administrator, Option<String>) {
        let account =
            NewAccount { email: email.to_owned(), name: email.to_owned(), role: Role::Administrator };
        if let Some(password) = password {
            let made =
                self.administration.create_administrator(account, password.to_owned(), self.act()).await;
            return (made.expect("an administrator"), None);
        }
        let made = self.administration.invite_administrator(account, self.act()).await;
        let (administrator, invitation) = made.expect("an administrator");
        (administrator, Some(invitation.secret.reveal().to_owned()))
    }

    /// What comes of a login: the secret of the session, or why there is none.
    async fn sign_in_from(&self, address: &str, email: &str, password: &str) -> Result<String, String> {
        let from = Visitor { address: address.to_owned(), user_agent: None };
        match self.administration.sign_in(email, password.to_owned(), from).await {
            Ok(signed_in) => Ok(signed_in.secret.reveal().to_owned()),
            Err(AdministrationError::WrongCredentials) => Err("wrong".to_owned()),
            Err(AdministrationError::SlowDown { seconds }) => Err(format!("wait {seconds} s")),
            Err(AdministrationError::Busy) => Err("busy".to_owned()),
            Err(other) => panic!("{other}"),
        }
    }

    async fn sign_in(&self, email: &str, password: &str) -> Result<String, String> {
        self.sign_in_from("192.0.2.7", email, password).await
    }

    async fn is_signed_in(&self, secret: &str) -> bool {
        self.administration.session(secret).await.expect("asked").is_some()
    }
}

fn open(folder: &tempfile::TempDir, clock: &Hand) -> Administration {
    let random = Arc::new(SystemRandom);
    let vault = Vault::open(folder.path(), None, random.clone()).expect("a vault");
    let store = SqliteStore::open(folder.path()).expect("a store");
    Administration::new(store.into(), Arc::new(clock.clone()), random, Arc::default(), vault)
}

/// Shows SEC-012.
#[tokio::test(flavor = "multi_thread")]
async fn each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() {
    let place = Place::with_ada().await;
    for _ in 0..5 {
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()));
    }
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let told = Err(format!("wait {wait} s"));
        assert_eq!(place.sign_in(ADA, PASSWORD).await, told);
        place.clock.go_on(wait * SECOND - 1);
        // Whoever asks too early waits no longer for it.
        assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
        place.clock.go_on(1);
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()));
    }
    place.clock.go_on(15 * MINUTE);
    place.sign_in(ADA, PASSWORD).await.expect("signed in");
    for _ in 0..5 {
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()), "counted anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_forgotten_after_a_day() {
    let place = Place::with_ada().await;
    for _ in 0..4 {
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()));
    }
    place.clock.go_on(DAY);
    for _ in 0..5 {
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()));
    }
    assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_does_not_make_others_wait() {
    let place = Place::with_ada().await;
    place.account("bob@example.com", Some(PASSWORD)).await;
    for _ in 0..5 {
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()));
    }
    place.sign_in("bob@example.com", PASSWORD).await.expect("signed in from the same address");
    assert_eq!(place.sign_in("ADA@EXAMPLE.COM", PASSWORD).await, Err("wait 1 s".to_owned()));
    place.sign_in_from("198.51.100.1", ADA, PASSWORD).await.expect("a stranger keeps nobody out");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_tried_from_everywhere_has_to_wait_too() {
    let place = Place::with_ada().await;
    for number in 0..100 {
        let address = format!("198.51.100.{number}");
        assert_eq!(place.sign_in_from(&address, ADA, "wrong").await, Err("wrong".to_owned()));
    }
    assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ipv6_a_network_counts_as_an_address_and_this_machine_as_none() {
    let place = Place::with_ada().await;
    for number in 0..5 {
        let address = format!("2001:db8:1:2::{number:x}");
        assert_eq!(place.sign_in_from(&address, ADA, "wrong").await, Err("wrong".to_owned()));
    }
    let elsewhere = "2001:db8:1:3::1";
    assert_eq!(place.sign_in_from("2001:db8:1:2:3::", ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
    place.sign_in_from(elsewhere, ADA, PASSWORD).await.expect("another network");
    for number in 0..60 {
        let email = format!("nobody{number}@example.com");
        assert_eq!(place.sign_in_from("127.0.0.1", &email, PASSWORD).await, Err("wrong".to_owned()));
    }
    place.sign_in_from("127.0.0.1", ADA, PASSWORD).await.expect("a proxy on this machine may be before many");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_tries_many_accounts_has_to_wait_too() {
    let place = Place::with_ada().await;
    for number in 0..50 {
        let email = format!("nobody{number}@example.com");
        assert_eq!(place.sign_in(&email, PASSWORD).await, Err("wrong".to_owned()));
    }
    assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
    place.sign_in_from("198.51.100.1", ADA, PASSWORD).await.expect("signed in from elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_has_not_failed_from_its_address() {
    let place = Place::with_ada().await;
    assert_eq!(place.sign_in("nobody@example.com", PASSWORD).await, Err("wrong".to_owned()));
    for _ in 0..60 {
        place.sign_in(ADA, PASSWORD).await.expect("signed in");
    }
    // What has failed there before stays counted, as long as it would have.
    for number in 1..50 {
        let email = format!("nobody{number}@example.com");
        assert_eq!(place.sign_in(&email, PASSWORD).await, Err("wrong".to_owned()));
    }
    assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
    for _ in 0..25 {
        place.clock.go_on(HOUR);
        place.sign_in(ADA, PASSWORD).await.expect("signed in");
    }
    for number in 0..50 {
        let email = format!("another{number}@example.com");
        assert_eq!(place.sign_in(&email, PASSWORD).await, Err("wrong".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_no_more_are_checked_than_one_after_the_other() {
    let place = Place::with_ada().await;
    // Nobody can write until all have come.
    let other = rusqlite::Connection::open(place.folder.path().join("headwater.db")).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let guesses = (0..50).map(|_| place.sign_in(ADA, "wrong"));
    let mut answers = Box::pin(futures_util::future::join_all(guesses));
    assert!((&mut answers).now_or_never().is_none(), "none is checked before it is counted");
    other.execute_batch("COMMIT").expect("let go");
    let answers = answers.await;
    let checked = answers.iter().filter(|answer| **answer == Err("wrong".to_owned())).count();
    assert_eq!(checked, 5);
    assert!(answers.iter().any(|answer| *answer == Err("busy".to_owned())), "more than can wait do not");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_outlives_a_restart() {
    let place = Place::with_ada().await;
    for _ in 0..5 {
        assert_eq!(place.sign_in(ADA, "wrong").await, Err("wrong".to_owned()));
    }
    let Place { administration, clock, folder } = place;
    drop(administration);
    let place = Place { administration: open(&folder, &clock), clock, folder };
    assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wait 1 s".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_its_hours_are_over_however_often_it_is_used() {
    let place = Place::with_ada().await;
    let session = place.sign_in(ADA, PASSWORD).await.expect("signed in");
    for _ in 0..11 {
        place.clock.go_on(HOUR);
        assert!(place.is_signed_in(&session).await);
    }
    place.clock.go_on(HOUR - 1);
    assert!(place.is_signed_in(&session).await);
    place.clock.go_on(1);
    assert!(!place.is_signed_in(&session).await);

    let edit = SettingsEdit { session_hours: Some(1), ..SettingsEdit::default() };
    place.administration.change_settings(edit, place.act()).await.expect("set");
    let session = place.sign_in(ADA, PASSWORD).await.expect("signed in");
    place.clock.go_on(HOUR - 1);
    assert!(place.is_signed_in(&session).await);
    place.clock.go_on(1);
    assert!(!place.is_signed_in(&session).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_link_ends_after_three_days() {
    let place = Place::new();
    let first = place.administration.invite_first(place.act()).await.expect("asked").expect("a link");
    place.clock.go_on(LINK_LIVES_FOR - 1);
    place.administration.link(first.secret.reveal()).await.expect("valid");
    place.clock.go_on(1);
    let expired = place.administration.link(first.secret.reveal()).await;
    assert!(matches!(expired, Err(AdministrationError::Store(StoreError::LinkInvalid))));

    let (_, secret) = place.account(ADA, None).await;
    let secret = secret.expect("a link");
    place.clock.go_on(LINK_LIVES_FOR);
    let from = Visitor { address: "192.0.2.7".to_owned(), user_agent: None };
    let used = place.administration.use_link(&secret, PASSWORD.to_owned(), None, None, from).await;
    assert!(matches!(used, Err(AdministrationError::Store(StoreError::LinkInvalid))));
    assert_eq!(place.sign_in(ADA, PASSWORD).await, Err("wrong".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_an_administrator_no_link_makes_a_first_one() {
    let place = Place::new();
    let invite = async || place.administration.invite_first(place.act()).await.expect("asked");
    let first = invite().await.expect("a link");
    let somebody = NewAccount { email: ADA.to_owned(), name: ADA.to_owned(), role: Role::Auditor };
    let ada = place.administration.create_administrator(somebody, PASSWORD.to_owned(), place.act()).await;
    assert!(invite().await.is_some(), "an auditor may change nothing");
    let edit = AdministratorEdit { role: Some(Role::Administrator), ..AdministratorEdit::default() };
    place.administration.edit_administrator(ada.expect("made").id, edit, place.act()).await.expect("changed");
    assert!(invite().await.is_none());
    let late = place.administration.link(first.secret.reveal()).await;
    assert!(matches!(late, Err(AdministrationError::Store(StoreError::LinkInvalid))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_ends_when_it_was_made_to() {
    let place = Place::with_ada().await;
    let expires = place.clock.now() + DAY;
    let made = |expires| place.administration.create_api_token("script", Role::Auditor, expires, place.act());
    let (short, lasting) = (made(Some(expires)).await.expect("a token"), made(None).await.expect("a token"));
    let is_valid = async |token: &headwater_server::administration::MadeApiToken| {
        place.administration.api_token(token.secret.reveal()).await.expect("asked").is_some()
    };
    place.clock.go_on(DAY - 1);
    assert!(is_valid(&short).await);
    place.clock.go_on(1);
    assert!(!is_valid(&short).await && is_valid(&lasting).await);
    assert!(made(Some(place.clock.now())).await.is_err(), "now is too early");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_source_can_be_copied_for_seven_days() {
    let place = Place::with_ada().await;
    let request = SourceRequest { name: "Contoso".to_owned(), ..SourceRequest::default() };
    let made = place.administration.create_source(request, place.act()).await.expect("a source");
    let copy = || place.administration.copy_token("contoso".to_owned(), made.token.id, place.act());
    place.clock.go_on(COPYABLE_FOR - 1);
    assert_eq!(copy().await.expect("a secret"), made.secret.reveal());
    place.clock.go_on(1);
    assert!(matches!(copy().await, Err(AdministrationError::NoLongerCopyable)));
    // What is over is forgotten for good, should the clock be put back.
    let store = place.administration.store();
    store.forget_secrets(place.clock.now()).await.expect("forgotten");
    place.clock.go_on(-DAY);
    assert!(matches!(copy().await, Err(AdministrationError::NoLongerCopyable)));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_changed_at_the_same_time_are_all_kept() {
    let place = Place::new();
    let hours = SettingsEdit { session_hours: Some(24), ..SettingsEdit::default() };
    let days = SettingsEdit { default_request_log_days: Some(7), ..SettingsEdit::default() };
    let change = |edit| place.administration.change_settings(edit, place.act());
    let (first, second) = tokio::join!(change(hours), change(days));
    assert!(first.is_ok() && second.is_ok());
    let settings = place.administration.settings().await.expect("settings");
    assert_eq!((settings.session_hours, settings.default_request_log_days), (24, 7));
}
