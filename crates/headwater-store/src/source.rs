//! Sources, their service accounts and tokens.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::{Millis, SourceId};

/// The name of a source in its URL: 1 to 63 lower-case letters, digits and inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Slug(String);

/// A text that is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a slug: 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends"
)]
pub struct InvalidSlug(String);

impl Slug {
    /// Reads a slug.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidSlug> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=63).contains(&text.len())
            && text.bytes().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSlug(text.to_owned())) }
    }

    /// Makes a slug from a name: `Contoso (EU)` becomes `contoso-eu`. `None` when nothing of the
    /// name can be in a slug.
    pub fn from_name(name: &str) -> Option<Self> {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut joined = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
        joined.truncate(63);
        Self::parse(joined.trim_end_matches('-')).ok()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A place that an identity provider provisions into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name in URLs.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Whether its clients are let in.
    pub enabled: bool,
    /// Whether two of its groups may not share a displayName.
    pub unique_display_names: bool,
    /// When it was made.
    pub created: Millis,
}

/// How much a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCounts {
    /// Resources by the name of their type.
    pub resources: Vec<(String, u64)>,
    /// Memberships.
    pub memberships: u64,
    /// Changes in the journal.
    pub changes: u64,
}

/// A change to a source; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct SourceEdit {
    /// The name for people.
    pub name: Option<String>,
    /// Whether clients are let in.
    pub enabled: Option<bool>,
    /// Whether group display names are unique.
    pub unique_display_names: Option<bool>,
}

/// A token to be stored: its hash, never the secret.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it stops being valid.
    pub expires: Option<Millis>,
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// When it was made.
    pub created: Millis,
    /// When it stops being valid.
    pub expires: Option<Millis>,
    /// When it was last used, to about a second.
    pub last_used: Option<Millis>,
    /// When it was revoked.
    pub revoked: Option<Millis>,
}

/// What a request's token is checked against.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The source that was asked for.
    pub source: Source,
    /// The service account that the token belongs to: the actor in the journal.
    pub service_account: Uuid,
    /// The token.
    pub token: Token,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
}

/// That a token was used.
#[derive(Debug, Clone, Copy)]
pub struct TokenUse {
    /// The source.
    pub source: SourceId,
    /// The token.
    pub token: Uuid,
    /// When.
    pub at: Millis,
}

#[cfg(test)]
mod tests {
    use super::Slug;

    #[test]
    fn slugs() {
        for good in ["a", "contoso", "contoso-eu", "0", &"a".repeat(63)] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "ü", "a b", &"a".repeat(64)] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
        let made = |name: &str| Slug::from_name(name).map(|slug| slug.to_string());
        assert_eq!(made("Contoso (EU)").as_deref(), Some("contoso-eu"));
        assert_eq!(made("  Entra  ID ").as_deref(), Some("entra-id"));
        assert_eq!(made("日本"), None);
        assert_eq!(made(&"ab ".repeat(40)).map(|slug| slug.len()), Some(62));
    }
}
