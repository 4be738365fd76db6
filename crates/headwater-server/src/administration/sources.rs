//! Sources and their tokens.

use std::sync::Arc;

use headwater_scim::{discovery::Hidden, registry::Registry};
use headwater_store::{Act, Millis, NewSource, NewToken, Profile, Provider, Slug, Source, SourceEdit, Token};
use uuid::Uuid;

use super::{
    Administration, AdministrationError, COPYABLE_FOR, checked_expiry, checked_name,
    settings::{check_days, check_megabytes},
};
use crate::tokens::Secret;

/// A source that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct SourceRequest {
    /// The name for people.
    pub name: String,
    /// The name in the URL; made from the name where it is not given.
    pub slug: Option<String>,
    /// The identity provider that it is for.
    pub provider: Option<Provider>,
    /// Whether two of its groups may not share a displayName.
    pub unique_display_names: Option<bool>,
    /// Whether the request log keeps bodies of its requests.
    pub log_bodies: Option<bool>,
    /// Which rules it obeys.
    pub profile: Option<Profile>,
    /// Whether secrets that clients set (`password`) are kept, as hashes.
    pub keep_passwords: Option<bool>,
    /// What is left out of `/Schemas`.
    pub hidden: Option<Vec<String>>,
}

/// A source that has been made.
#[derive(Debug)]
pub struct MadeSource {
    /// The source.
    pub source: Source,
    /// Its first token.
    pub token: Token,
    /// The secret of the token.
    pub secret: Secret,
}

/// A token that has been made.
#[derive(Debug)]
pub struct MadeToken {
    /// The token.
    pub token: Token,
    /// Its secret.
    pub secret: Secret,
}

impl Administration {
    /// Makes a source with its service account and first token.
    ///
    /// # Errors
    /// The name or the slug can't be used, or the slug is taken.
    pub async fn create_source(
        &self,
        request: SourceRequest,
        act: Act,
    ) -> Result<MadeSource, AdministrationError> {
        let name = checked_name(&request.name, "name")?;
        let slug = match &request.slug {
            Some(slug) => checked_slug(slug)?,
            None => Slug::from_name(&name).ok_or_else(|| {
                AdministrationError::invalid("slug", format!("no slug can be made from {name:?}; give one"))
            })?,
        };
        let settings = self.settings().await?;
        let secret = Secret::generate(&*self.random);
        let new_token = self.new_token(&secret, None, act.at);
        let service_account = self.new_uuid();
        // As it is read later on.
        let token = Token {
            id: new_token.id,
            service_account,
            created: act.at,
            created_by: Some(act.actor),
            expires: None,
            last_used: None,
            revoked: None,
            copyable_until: new_token.copyable_until,
        };
        let mut new = NewSource::new(slug, name, service_account, new_token);
        new.log_days = settings.default_request_log_days;
        new.log_megabytes = settings.default_request_log_megabytes;
        new.provider = request.provider.unwrap_or(new.provider);
        new.unique_display_names = request.unique_display_names.unwrap_or(new.unique_display_names);
        new.log_bodies = request.log_bodies.unwrap_or(new.log_bodies);
        new.profile = request.profile.unwrap_or(new.profile);
        new.keep_passwords = request.keep_passwords.unwrap_or(new.keep_passwords);
        new.hidden = request.hidden.unwrap_or_default();
        check_hidden(&new.hidden, &Registry::built_in())?;
        let source = self.store.create_source(new, act).await?;
        Ok(MadeSource { source, token, secret })
    }

    /// Changes a source.
    ///
    /// # Errors
    /// A value can't be used; there is no such source; the slug is taken; group display names are
    /// to be unique and are not.
    pub async fn edit_source(
        &self,
        slug: String,
        mut edit: SourceEdit,
        act: Act,
    ) -> Result<Source, AdministrationError> {
        edit.name = edit.name.map(|name| checked_name(&name, "name")).transpose()?;
        edit.log_days = edit.log_days.map(|days| check_days(days, "request_log.days")).transpose()?;
        edit.log_megabytes = edit
            .log_megabytes
            .map(|megabytes| check_megabytes(megabytes, "request_log.megabytes"))
            .transpose()?;
        if let Some(hidden) = &edit.hidden {
            let registry = self.store.registry(&self.store.source(&slug).await?).await?;
            check_hidden(hidden, &registry)?;
        }
        Ok(self.store.edit_source(slug, edit, act).await?)
    }

    /// Deletes a source with everything in it: at once for its clients, and as soon as it can be
    /// for the rows, by [`Self::purge_deleted`].
    ///
    /// # Errors
    /// There is no such source.
    pub async fn delete_source(&self, slug: String, act: Act) -> Result<Source, AdministrationError> {
        Ok(self.store.delete_source(slug, act).await?)
    }

    /// Removes what is left of deleted sources.
    ///
    /// # Errors
    /// The store failed.
    pub async fn purge_deleted(&self) -> Result<(), AdministrationError> {
        Ok(self.store.purge_deleted().await?)
    }

    /// Adds a token to a source's service account.
    ///
    /// # Errors
    /// There is no such source; the moment of expiry lies in the past.
    pub async fn create_token(
        &self,
        slug: String,
        expires: Option<Millis>,
        act: Act,
    ) -> Result<MadeToken, AdministrationError> {
        let expires = checked_expiry(expires, act.at)?;
        let secret = Secret::generate(&*self.random);
        let token = self.new_token(&secret, expires, act.at);
        let token = self.store.create_token(slug, token, act).await?;
        Ok(MadeToken { token, secret })
    }

    /// The secret of a token, while it may still be copied.
    ///
    /// # Errors
    /// There is no such source or token; it was used or its time is over.
    pub async fn copy_token(&self, slug: String, id: Uuid, act: Act) -> Result<String, AdministrationError> {
        let vault = Arc::clone(&self.vault);
        let open = move |sealed: &[u8]| match vault.open_sealed(sealed, &purpose(id)) {
            Ok(secret) => String::from_utf8(secret).ok(),
            Err(error) => {
                tracing::error!(%error, token = %id, "a token that was kept can't be copied");
                None
            }
        };
        let secret = self.store.copy_token(slug, id, open, act).await?;
        secret.ok_or(AdministrationError::NoLongerCopyable)
    }

    /// Revokes a token for good.
    ///
    /// # Errors
    /// There is no such source or token.
    pub async fn revoke_token(&self, slug: String, id: Uuid, act: Act) -> Result<(), AdministrationError> {
        Ok(self.store.revoke_token(slug, id, act).await?)
    }

    fn new_token(&self, secret: &Secret, expires: Option<Millis>, now: Millis) -> NewToken {
        let id = self.new_uuid();
        NewToken {
            id,
            hash: secret.hash(),
            expires,
            sealed: Some(self.vault.seal(secret.reveal().as_bytes(), &purpose(id))),
            copyable_until: Some(now + COPYABLE_FOR),
        }
    }
}

/// The most paths and URNs that a source may leave out of `/Schemas`.
const MOST_HIDDEN: usize = 100;

/// What is to be left out of `/Schemas` has to be in there.
fn check_hidden(hidden: &[String], registry: &Registry) -> Result<(), AdministrationError> {
    let field = "switches.hidden_from_schemas";
    if hidden.len() > MOST_HIDDEN {
        let detail = format!("at most {MOST_HIDDEN} attributes and schemas can be left out");
        return Err(AdministrationError::invalid(field, detail));
    }
    Hidden::check(hidden, registry).map_err(|detail| AdministrationError::invalid(field, detail))
}

/// A sealed token opens for its own id alone.
fn purpose(id: Uuid) -> Vec<u8> {
    [b"source token ".as_slice(), id.as_bytes()].concat()
}

/// Reads a slug.
///
/// # Errors
/// The text has another form.
pub fn checked_slug(slug: &str) -> Result<Slug, AdministrationError> {
    Slug::parse(slug).map_err(|error| AdministrationError::invalid("slug", error.to_string()))
}
