//! Tokens: made, hashed, compared, and their use noted.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use headwater_store::{Credential, Millis, SourceId, Store, TokenState, TokenUse};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::clock::Random;

/// What a secret is for. Each kind has a prefix of its own, so that one that leaks is told from
/// others by people and by scanners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A token of a source's service account.
    Source,
    /// A token for the admin API.
    Api,
    /// A one-time link.
    Link,
    /// A session of the web UI.
    Session,
    /// What unsafe requests of a session carry beside its cookie.
    Csrf,
}

impl Kind {
    /// What its secrets begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Source => "hw_",
            Self::Api => "hwa_",
            Self::Link => "hwl_",
            Self::Session => "hws_",
            Self::Csrf => "hwc_",
        }
    }
}

/// A secret that somebody sends to show who they are: a prefix such as `hw_` and 256 random bits.
pub struct Secret(String);

impl Secret {
    /// Makes a new one for a source's client.
    pub fn generate(random: &dyn Random) -> Self {
        Self::generate_for(Kind::Source, random)
    }

    /// Makes a new one.
    pub fn generate_for(kind: Kind, random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text, to be shown to the one who asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// SHA-256 of a token. With 256 random bits in it, a slow hash would add nothing.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The part of a hash by which a store finds a token.
pub fn lookup(hash: &[u8; 32]) -> [u8; 8] {
    let mut lookup = [0; 8];
    lookup.copy_from_slice(&hash[..8]);
    lookup
}

/// Whether a token has the form of ours; one that hasn't is not looked up.
pub fn is_well_formed(token: &str, kind: Kind) -> bool {
    token.strip_prefix(kind.prefix()).is_some_and(|rest| {
        rest.len() == 43
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Whether a credential is the one of this hash. The hashes are compared in constant time.
pub fn is_same(credential: &Credential, hash: &[u8; 32]) -> bool {
    credential.hash.ct_eq(hash).into()
}

/// Whether a credential is valid: a token lives until it expires, where it was made so (AMB-56), or
/// is revoked.
pub fn is_alive(credential: &Credential, now: Millis) -> bool {
    credential.token.state(now) == TokenState::Active
}

/// When tokens were last used. It is written down now and then, not with every request.
#[derive(Debug, Default)]
pub struct TokenUses {
    noted: Mutex<HashMap<(SourceId, Uuid), (Millis, bool)>>,
    /// Held by who writes.
    writing: tokio::sync::Mutex<()>,
}

impl TokenUses {
    /// Notes a use, and whether it was answered with success.
    pub fn note(&self, source: SourceId, token: Uuid, at: Millis, succeeded: bool) {
        let mut uses = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = uses.entry((source, token)).or_default();
        *noted = (noted.0.max(at), noted.1 || succeeded);
    }

    /// Writes down what has been noted, behind what others are writing just now. It stays noted until it is
    /// written, also when nobody waits for that any more: a token that has been used is no longer to be copied.
    pub async fn write_down(&self, store: &dyn Store) {
        let _writing = self.writing.lock().await;
        let uses = self.noted();
        if uses.is_empty() {
            return;
        }
        match store.note_uses(uses.clone()).await {
            Ok(()) => self.forget(&uses),
            Err(error) => {
                tracing::warn!(%error, "it could not be written down when tokens were last used; it is tried again");
            }
        }
    }

    /// What has been noted and is not written yet.
    pub fn noted(&self) -> Vec<TokenUse> {
        let uses = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = uses.iter();
        noted.map(|(&(source, token), &(at, succeeded))| TokenUse { source, token, at, succeeded }).collect()
    }

    /// Forgets what is written, but for tokens that have been used again since.
    fn forget(&self, written: &[TokenUse]) {
        let mut uses = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for TokenUse { source, token, at, succeeded } in written {
            if uses.get(&(*source, *token)) == Some(&(*at, *succeeded)) {
                uses.remove(&(*source, *token));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::{Kind, Secret, is_well_formed};
    use crate::clock::SystemRandom;

    /// Shows SEC-008.
    #[test]
    fn a_secret_has_256_random_bits() {
        let made: BTreeSet<String> =
            (0..1_000).map(|_| Secret::generate(&SystemRandom).reveal().to_owned()).collect();
        assert_eq!(made.len(), 1_000, "none comes twice");
        let mut ones = [0_u32; 256];
        for secret in &made {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&secret[3..]).expect("base64");
            assert_eq!(bytes.len(), 32);
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
            }
        }
        // Twelve standard deviations around the middle.
        assert!(ones.iter().all(|ones| (310..690).contains(ones)), "{ones:?}");
    }

    #[test]
    fn a_secret_has_its_form_and_is_not_printed() {
        let secret = Secret::generate(&SystemRandom);
        assert!(is_well_formed(secret.reveal(), Kind::Source));
        assert!(!is_well_formed(secret.reveal(), Kind::Api));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        for other in ["", "hw_", "non-token", &secret.reveal()[1..], &format!("{}x", secret.reveal())] {
            assert!(!is_well_formed(other, Kind::Source));
        }
    }
}
