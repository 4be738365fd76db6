//! Sources, their service accounts and tokens.

use std::{fmt, sync::Arc};

use headwater_scim::registry::Registry;
use serde::Serialize;
use uuid::Uuid;

use crate::{Actor, Millis, SourceId};

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
    /// The most characters that a slug has.
    pub const LONGEST: usize = 63;

    /// Reads a slug.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidSlug> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=Self::LONGEST).contains(&text.len())
            && text.bytes().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSlug(text.to_owned())) }
    }

    /// Makes a slug from a name, with other letters as they are written in Latin: `Contoso (EU)` becomes
    /// `contoso-eu`, `Müller` becomes `muller`. `None` when nothing of the name can be in a slug.
    pub fn from_name(name: &str) -> Option<Self> {
        let latin = deunicode::deunicode(name);
        let words = latin.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut joined = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
        joined.truncate(Self::LONGEST);
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

/// Which identity provider a source is for. It decides nothing that the server does; the web UI
/// shows the steps for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Microsoft Entra ID.
    Entra,
    /// Okta.
    Okta,
    /// Google Workspace.
    Google,
    /// OneLogin.
    OneLogin,
    /// JumpCloud.
    JumpCloud,
    /// PingOne.
    Ping,
    /// Any other SCIM 2.0 client.
    Other,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Entra, Self::Okta, Self::Google, Self::OneLogin, Self::JumpCloud, Self::Ping, Self::Other];

    /// The provider of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// Its name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Okta => "okta",
            Self::Google => "google",
            Self::OneLogin => "onelogin",
            Self::JumpCloud => "jumpcloud",
            Self::Ping => "ping",
            Self::Other => "other",
        }
    }
}

/// Which rules a source obeys where several can be obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// RFC 7643 and 7644, lenient towards what real clients send.
    #[default]
    Rfc,
    /// The SCIM interoperability profile, where it is stricter than the RFC.
    Interop,
}

impl Profile {
    /// The profile of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Rfc, Self::Interop].into_iter().find(|profile| profile.name() == name)
    }

    /// Its name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::Interop => "interop",
        }
    }
}

/// A place that an identity provider provisions into.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name in URLs.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// The identity provider that it is for.
    pub provider: Provider,
    /// Whether its clients are let in.
    pub enabled: bool,
    /// Whether two of its groups may not share a displayName.
    pub unique_display_names: bool,
    /// Whether the request log keeps bodies of its requests.
    pub log_bodies: bool,
    /// How many days its requests are kept.
    pub log_days: u32,
    /// How much room its requests may take, in megabytes.
    pub log_megabytes: u32,
    /// When it was made.
    pub created: Millis,
    /// Which rules it obeys.
    pub profile: Profile,
    /// Whether secrets that clients set (`password`) are kept, as hashes.
    pub keep_passwords: bool,
    /// What is left out of `/Schemas`: paths of attributes and URNs of schemas.
    pub hidden: Vec<String>,
    /// Raised with each change that plans depend on.
    pub revision: u64,
}

/// An attribute that clients sent and no schema knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAttribute {
    /// The source.
    pub source: SourceId,
    /// The type of the resource that it was sent for.
    pub resource_type: String,
    /// Its path: a name, a sub-attribute's behind a dot, or a name behind the URN of its extension.
    pub path: String,
    /// What its values look like: an attribute definition of RFC 7643 §7 as JSON.
    pub shape: String,
    /// How often it was sent.
    pub seen: u64,
    /// When first.
    pub first_seen: Millis,
    /// When last.
    pub last_seen: Millis,
}

/// A source to be made, with its service account and first token.
#[derive(Debug, Clone)]
pub struct NewSource {
    /// Its name in URLs.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// The identity provider that it is for.
    pub provider: Provider,
    /// Whether two of its groups may not share a displayName.
    pub unique_display_names: bool,
    /// Whether the request log keeps bodies of its requests.
    pub log_bodies: bool,
    /// How many days its requests are kept.
    pub log_days: u32,
    /// How much room its requests may take, in megabytes.
    pub log_megabytes: u32,
    /// Which rules it obeys.
    pub profile: Profile,
    /// Whether secrets that clients set are kept, as hashes.
    pub keep_passwords: bool,
    /// What is left out of `/Schemas`.
    pub hidden: Vec<String>,
    /// The id of its service account.
    pub service_account: Uuid,
    /// Its first token.
    pub token: NewToken,
}

impl NewSource {
    /// A source with the defaults: for any provider, group names unique, requests kept with their
    /// bodies for 30 days in at most 256 megabytes.
    pub fn new(slug: Slug, name: String, service_account: Uuid, token: NewToken) -> Self {
        Self {
            slug,
            name,
            provider: Provider::Other,
            unique_display_names: true,
            log_bodies: true,
            log_days: 30,
            log_megabytes: 256,
            profile: Profile::Rfc,
            keep_passwords: false,
            hidden: Vec::new(),
            service_account,
            token,
        }
    }
}

/// The identity that a source's clients act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The id: the actor in the journal.
    pub id: Uuid,
    /// The name for people.
    pub name: String,
    /// When it was made.
    pub created: Millis,
    /// How many tokens it has that are not revoked.
    pub tokens: u64,
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
    /// The name in URLs.
    pub slug: Option<Slug>,
    /// The name for people.
    pub name: Option<String>,
    /// The identity provider that it is for.
    pub provider: Option<Provider>,
    /// Whether clients are let in.
    pub enabled: Option<bool>,
    /// Whether group display names are unique.
    pub unique_display_names: Option<bool>,
    /// Whether the request log keeps bodies of its requests.
    pub log_bodies: Option<bool>,
    /// How many days its requests are kept.
    pub log_days: Option<u32>,
    /// How much room its requests may take, in megabytes.
    pub log_megabytes: Option<u32>,
    /// Which rules it obeys.
    pub profile: Option<Profile>,
    /// Whether secrets that clients set are kept, as hashes.
    pub keep_passwords: Option<bool>,
    /// What is left out of `/Schemas`.
    pub hidden: Option<Vec<String>>,
}

/// A token to be stored: its hash, and the secret only under the server's key and for a while.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it stops being valid.
    pub expires: Option<Millis>,
    /// The secret under the server's key, for as long as it may be copied.
    pub sealed: Option<Vec<u8>>,
    /// Until when it may be copied.
    pub copyable_until: Option<Millis>,
}

impl NewToken {
    /// A token that lives until it is revoked and whose secret is not kept.
    pub fn new(id: Uuid, hash: [u8; 32]) -> Self {
        Self { id, hash, expires: None, sealed: None, copyable_until: None }
    }
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// The service account that it belongs to.
    pub service_account: Uuid,
    /// When it was made.
    pub created: Millis,
    /// By whom, where that is known.
    pub created_by: Option<Actor>,
    /// When it stops being valid.
    pub expires: Option<Millis>,
    /// When it was last used, to about a second.
    pub last_used: Option<Millis>,
    /// When it was revoked.
    pub revoked: Option<Millis>,
    /// Until when its secret may be copied; `None` once it was used or its time is over.
    pub copyable_until: Option<Millis>,
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// The state of a token that was revoked at one moment, or expires at another.
    pub fn of(revoked: Option<Millis>, expires: Option<Millis>, now: Millis) -> Self {
        match (revoked, expires) {
            (Some(_), _) => Self::Revoked,
            (None, Some(expires)) if expires <= now => Self::Expired,
            (None, _) => Self::Active,
        }
    }
}

impl Token {
    /// Whether it is valid.
    pub fn state(&self, now: Millis) -> TokenState {
        TokenState::of(self.revoked, self.expires, now)
    }
}

/// What a request's token is checked against.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The source that was asked for.
    pub source: Source,
    /// Its types and schemas.
    pub registry: Arc<Registry>,
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
    /// Whether it was answered with success: then the secret can be copied no longer.
    pub succeeded: bool,
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
        assert_eq!(made("Müller & Søn, Łódź GmbH – Straße").as_deref(), Some("muller-son-lodz-gmbh-strasse"));
        assert_eq!(made("日本").as_deref(), Some("ri-ben"));
        assert_eq!(made("(—)"), None);
        assert_eq!(made(&"ab ".repeat(40)).map(|slug| slug.len()), Some(62));
    }
}
