//! What administrators do: the one set of functions behind the admin API, the web UI and the
//! command line. Each act is checked here, carried out by the store, and journalled in the same
//! transaction.

mod accounts;
mod adoption;
mod passwords;
mod resource_types;
mod schemas;
mod settings;
mod sources;
mod vault;

use std::sync::Arc;

use headwater_store::{Act, Actor, Millis, Records, StoreError};
use uuid::Uuid;

pub use accounts::{Invitation, MadeApiToken, NewAccount, SignedIn, Visitor};
pub use adoption::{Adopted, Unknown};
pub use passwords::Passwords;
pub use resource_types::DescribedType;
pub use schemas::{DescribedSchema, Extends, Origin, Use, schema_json};
pub use settings::{Settings, SettingsEdit};
pub use sources::{MadeSource, MadeToken, SourceRequest, checked_slug};
pub use vault::{KeyOfFolder, Vault, VaultError};

use crate::clock::{Clock, Random, Uuids};

/// For how long a token can be copied, if it is not used before.
pub const COPYABLE_FOR: Millis = 7 * 24 * 3_600_000;
/// For how long a one-time link can be used.
pub const LINK_LIVES_FOR: Millis = 3 * 24 * 3_600_000;

/// Why an act is refused.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// An input is wrong.
    #[error("{detail}")]
    Invalid {
        /// The name of the input.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The e-mail address or the password is wrong; which one is not said.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// Logins have failed too often.
    #[error("too many logins have failed; try again in {seconds} s")]
    SlowDown {
        /// How long to wait.
        seconds: u64,
    },
    /// Too many passwords are being checked already.
    #[error("too many people are signing in at once; try again")]
    Busy,
    /// The administrator is kept out.
    #[error("the administrator is disabled; enable them first")]
    Disabled,
    /// The token has been used, or its time is over.
    #[error("the token can no longer be copied; make a new one")]
    NoLongerCopyable,
    /// It is done, or its first part; what comes behind that failed.
    #[error("this has been done, but not all that comes behind it: {0}")]
    DoneInPart(#[source] StoreError),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdministrationError {
    /// What an error means that comes behind a change which has been made.
    pub fn behind_change(error: impl Into<Self>) -> Self {
        match error.into() {
            Self::Store(error) => Self::DoneInPart(error),
            other => other,
        }
    }

    fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { field, detail: detail.into() }
    }
}

/// Sources, accounts, settings, and what is needed to change them.
pub struct Administration {
    store: Records,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    uuids: Arc<Uuids>,
    vault: Arc<Vault>,
    passwords: Passwords,
}

impl Administration {
    /// The administration of a store.
    pub fn new(
        store: Records,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        uuids: Arc<Uuids>,
        vault: Vault,
    ) -> Self {
        Self { store, clock, random, uuids, vault: Arc::new(vault), passwords: Passwords::default() }
    }

    /// The store, for what only reads.
    pub fn store(&self) -> &Records {
        &self.store
    }

    /// The hash of a secret that a client of a source has set, in PHC form (Argon2id). Its Unicode is
    /// brought to one form before, and its blanks to one kind (RFC 8265 §4.2, OpaqueString).
    pub async fn hash_secret(&self, secret: &str) -> String {
        let blanks: String = secret.chars().map(|c| if is_blank(c) { ' ' } else { c }).collect();
        let secret = headwater_scim::comparison::key(&blanks, true).into_owned();
        self.passwords.hash(secret, &*self.random).await
    }

    /// Seals what a client is to bring back: nobody but this server can read or make it.
    pub(crate) fn seal(&self, content: &[u8], purpose: &[u8]) -> Vec<u8> {
        self.vault.seal(content, purpose)
    }

    /// Opens what was sealed for the same purpose; `None` for anything else.
    pub(crate) fn open_sealed(&self, sealed: &[u8], purpose: &[u8]) -> Option<Vec<u8>> {
        self.vault.open_sealed(sealed, purpose).ok()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// An act of somebody, now.
    pub fn act(&self, actor: Actor, request_id: Option<Uuid>) -> Act {
        Act { actor, at: self.clock.now(), request_id: request_id.unwrap_or_else(|| self.new_uuid()) }
    }

    fn new_uuid(&self) -> Uuid {
        self.uuids.next(&*self.clock, &*self.random)
    }
}

/// A space separator (Unicode category Zs) other than the plain one.
fn is_blank(c: char) -> bool {
    c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// A name for people: 1 to 200 characters.
fn checked_name(name: &str, field: &'static str) -> Result<String, AdministrationError> {
    let trimmed = name.trim();
    let usable = !trimmed.is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if usable {
        Ok(trimmed.to_owned())
    } else {
        Err(AdministrationError::invalid(
            field,
            "a name has 1 to 200 characters, none of them a control character",
        ))
    }
}

/// A moment at which something stops being valid lies in the future.
fn checked_expiry(expires: Option<Millis>, now: Millis) -> Result<Option<Millis>, AdministrationError> {
    match expires {
        Some(expires) if expires <= now => {
            Err(AdministrationError::invalid("expires", "the moment of expiry lies in the past"))
        }
        expires => Ok(expires),
    }
}
