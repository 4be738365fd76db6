//! Tokens: made, hashed, compared, and their use noted.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use headwater_store::{Credential, Millis, SourceId, TokenUse};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::clock::Random;

const PREFIX: &str = "hw_";

/// The secret that a client sends: `hw_` and 256 random bits. It is shown once and kept nowhere.
pub struct Secret(String);

impl Secret {
    /// Makes a new one.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
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
pub fn is_well_formed(token: &str) -> bool {
    token.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == 43
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Whether a credential is the one of this hash, and valid: a token lives until it expires, where it
/// was made so (AMB-56), or is revoked. The hashes are compared in constant
/// time.
pub fn is_valid(credential: &Credential, hash: &[u8; 32], now: Millis) -> bool {
    let same: bool = credential.hash.ct_eq(hash).into();
    same && credential.token.revoked.is_none() && credential.token.expires.is_none_or(|expires| now < expires)
}

/// When tokens were last used. It is written down now and then, not with every request.
#[derive(Debug, Default)]
pub struct TokenUses(Mutex<HashMap<(SourceId, Uuid), Millis>>);

impl TokenUses {
    /// Notes a use.
    pub fn note(&self, credential: &Credential, at: Millis) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.insert((credential.source.id, credential.token.id), at);
    }

    /// Takes what has been noted.
    pub fn take(&self) -> Vec<TokenUse> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.drain().map(|((source, token), at)| TokenUse { source, token, at }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, is_well_formed};
    use crate::clock::SystemRandom;

    #[test]
    fn a_secret_has_its_form_and_is_not_printed() {
        let secret = Secret::generate(&SystemRandom);
        assert!(is_well_formed(secret.reveal()));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        for other in ["", "hw_", "non-token", &secret.reveal()[1..], &format!("{}x", secret.reveal())] {
            assert!(!is_well_formed(other));
        }
    }
}
