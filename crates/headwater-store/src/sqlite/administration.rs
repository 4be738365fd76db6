//! Sources, service accounts and tokens, for the command line and for authentication.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use serde_json::{Value, json};

use super::{
    SqliteStore,
    journal::{self, Entry},
    schemas,
};
use crate::{
    Act, Actor, Credential, Millis, NewSource, NewToken, Profile, Provider, ServiceAccount, Slug, Source,
    SourceCounts, SourceEdit, SourceId, StoreError, Token, TokenUse,
};

/// How many rows of a deleted source go in one transaction, so that writers in other processes
/// are let in between.
const PORTION: usize = 5_000;

const SOURCE_COLUMNS: &str = "s.id, s.slug, s.name, s.enabled, s.unique_display_names, s.created, \
                              s.provider, s.log_bodies, s.log_days, s.log_megabytes, s.profile, \
                              s.keep_passwords, s.hidden, s.revision";
const SOURCE_COLUMN_COUNT: usize = 14;
const TOKEN_COLUMNS: &str = "t.id, t.service_account_id, t.created, t.created_by, t.expires, t.last_used, \
                             t.revoked, CASE WHEN t.sealed IS NULL THEN NULL ELSE t.copyable_until END";

/// Administration. Each of these works whether or not a server runs on the same data, and a
/// running server honours it at once: every change is announced to it (see `credentials`).
impl SqliteStore {
    /// Makes a source with its service account and first token.
    ///
    /// # Errors
    /// [`StoreError::SlugTaken`].
    pub async fn create_source(&self, new: NewSource, act: Act) -> Result<Source, StoreError> {
        let create = move |connection: &Connection| {
            let insert = "INSERT INTO source (slug, name, provider, enabled, unique_display_names, log_bodies, \
                          log_days, log_megabytes, created, profile, keep_passwords, hidden) \
                          VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
            let inserted = connection.execute(
                insert,
                params![
                    new.slug.as_str(),
                    new.name,
                    new.provider.name(),
                    new.unique_display_names,
                    new.log_bodies,
                    new.log_days,
                    new.log_megabytes,
                    act.at,
                    new.profile.name(),
                    new.keep_passwords,
                    json!(new.hidden).to_string()
                ],
            );
            inserted.map_err(|error| taken(error, &new.slug))?;
            let source = SourceId(connection.last_insert_rowid());
            let insert = "INSERT INTO service_account (source_id, id, name, created) VALUES (?1, ?2, ?3, ?4)";
            let account_name = format!("{} provisioning", new.name);
            connection
                .execute(insert, params![source.0, new.service_account.as_bytes(), account_name, act.at])?;
            let created = source_of(connection, new.slug.as_str())?;
            let entry = Entry::new("create", "Source", source_uuid(source)).about(source);
            journal::append(connection, &act, &entry.after(described(&created)))?;
            insert_token(connection, &created, new.service_account, &new.token, &act)?;
            Ok(created)
        };
        self.administer(create).await
    }

    /// Every source, by slug.
    ///
    /// # Errors
    /// The database failed.
    pub fn sources(&self) -> Result<Vec<Source>, StoreError> {
        self.read(|connection, _| {
            let select = format!("SELECT {SOURCE_COLUMNS} FROM source s WHERE s.deleted = 0 ORDER BY s.slug");
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map([], source)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The source of a slug.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub fn source(&self, slug: &str) -> Result<Source, StoreError> {
        self.read(|connection, _| source_of(connection, slug))
    }

    /// How much a source holds.
    ///
    /// # Errors
    /// The database failed.
    pub fn counts(&self, source: SourceId) -> Result<SourceCounts, StoreError> {
        self.read(|connection, _| {
            let by_type = "SELECT type, SUM(resources) FROM stretch WHERE source_id = ?1 GROUP BY type";
            let mut by_type = connection.prepare_cached(by_type)?;
            let resources = by_type.query_map([source.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let resources = resources.collect::<rusqlite::Result<_>>()?;
            let count = |sql: &str| connection.query_row(sql, [source.0], |row| row.get(0));
            Ok(SourceCounts {
                resources,
                memberships: count("SELECT COUNT(*) FROM membership WHERE source_id = ?1")?,
                changes: count("SELECT COALESCE(MAX(sequence), 0) FROM change WHERE source_id = ?1")?,
            })
        })
    }

    /// Changes a source.
    ///
    /// # Errors
    /// [`StoreError::NoSource`]; [`StoreError::NotUnique`] when group display names are to be
    /// unique and two groups share one.
    pub async fn edit_source(&self, slug: String, edit: SourceEdit, act: Act) -> Result<Source, StoreError> {
        let change = move |connection: &Connection| {
            let before = source_of(connection, &slug)?;
            let additions = schemas::additions(connection, &before)?;
            let mut changed = additions.clone();
            changed.unique_by_choice = edit.unique_display_names.unwrap_or(changed.unique_by_choice);
            changed.keeps_secrets = edit.keep_passwords.unwrap_or(changed.keeps_secrets);
            if changed != additions {
                schemas::rebuild(connection, before.id, &additions, &changed)?;
            }
            if changed != additions || edit.profile.is_some_and(|profile| profile != before.profile) {
                raise_revision(connection, before.id)?;
            }
            if additions.keeps_secrets && !changed.keeps_secrets {
                // What is no longer kept is gone.
                connection.execute("DELETE FROM secret WHERE source_id = ?1", [before.id.0])?;
            }
            let update = "UPDATE source SET name = COALESCE(?2, name), enabled = COALESCE(?3, enabled), \
                          unique_display_names = COALESCE(?4, unique_display_names), slug = COALESCE(?5, slug), \
                          provider = COALESCE(?6, provider), log_bodies = COALESCE(?7, log_bodies), \
                          log_days = COALESCE(?8, log_days), log_megabytes = COALESCE(?9, log_megabytes), \
                          profile = COALESCE(?10, profile), keep_passwords = COALESCE(?11, keep_passwords), \
                          hidden = COALESCE(?12, hidden) WHERE id = ?1";
            let new_slug = edit.slug.as_ref().unwrap_or(&before.slug);
            let updated = connection.execute(
                update,
                params![
                    before.id.0,
                    edit.name,
                    edit.enabled,
                    edit.unique_display_names,
                    edit.slug.as_ref().map(Slug::as_str),
                    edit.provider.map(Provider::name),
                    edit.log_bodies,
                    edit.log_days,
                    edit.log_megabytes,
                    edit.profile.map(Profile::name),
                    edit.keep_passwords,
                    edit.hidden.as_ref().map(|hidden| json!(hidden).to_string())
                ],
            );
            updated.map_err(|error| taken(error, new_slug))?;
            let after = source_of(connection, new_slug.as_str())?;
            let entry = Entry::new("update", "Source", source_uuid(before.id)).about(before.id);
            journal::append_difference(connection, &act, entry, described(&before), described(&after))?;
            Ok(after)
        };
        self.administer(change).await
    }

    /// Deletes a source with everything in it. Its slug is free and its tokens are refused at
    /// once; its rows go in portions, by [`Self::purge_deleted`].
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn delete_source(&self, slug: String, act: Act) -> Result<Source, StoreError> {
        let mark = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            connection.execute("UPDATE source SET deleted = 1, enabled = 0 WHERE id = ?1", [source.id.0])?;
            let entry = Entry::new("delete", "Source", source_uuid(source.id)).about(source.id);
            journal::append(connection, &act, &entry.before(described(&source)))?;
            Ok(source)
        };
        self.administer(mark).await
    }

    /// Finishes the deletion of sources that a process left half done.
    ///
    /// # Errors
    /// The database failed.
    pub async fn purge_deleted(&self) -> Result<(), StoreError> {
        while self.shared.writer.run(purge_portion).await? {}
        Ok(())
    }

    /// Adds a token to a source's service account.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn create_token(&self, slug: String, token: NewToken, act: Act) -> Result<Token, StoreError> {
        let create = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            let account = "SELECT id FROM service_account WHERE source_id = ?1 ORDER BY created LIMIT 1";
            let account = connection.query_row(account, [source.id.0], |row| uuid(row, 0))?;
            insert_token(connection, &source, account, &token, &act)?;
            token_of(connection, source.id, token.id)
        };
        self.administer(create).await
    }

    /// The service accounts of a source.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub fn service_accounts(&self, slug: &str) -> Result<Vec<ServiceAccount>, StoreError> {
        self.read(|connection, _| {
            let source = source_of(connection, slug)?;
            let select = "SELECT a.id, a.name, a.created, (SELECT COUNT(*) FROM token t WHERE t.source_id = a.source_id \
                          AND t.service_account_id = a.id AND t.revoked IS NULL) \
                          FROM service_account a WHERE a.source_id = ?1 ORDER BY a.created, a.id";
            let mut statement = connection.prepare(select)?;
            let rows = statement.query_map([source.id.0], |row| {
                Ok(ServiceAccount {
                    id: uuid(row, 0)?,
                    name: row.get(1)?,
                    created: row.get(2)?,
                    tokens: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What `open` makes of the secret of a token under the server's key, while it may be copied;
    /// the copy is journalled once it has been opened.
    ///
    /// # Errors
    /// [`StoreError::NoSource`], [`StoreError::NoToken`].
    pub async fn copy_token<T: Send + 'static>(
        &self,
        slug: String,
        id: Uuid,
        open: impl FnOnce(&[u8]) -> Option<T> + Send + 'static,
        act: Act,
    ) -> Result<Option<T>, StoreError> {
        let copy = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            token_of(connection, source.id, id)?;
            let select = "SELECT sealed FROM token WHERE source_id = ?1 AND id = ?2 AND revoked IS NULL \
                          AND copyable_until > ?3 AND (expires IS NULL OR expires > ?3)";
            let sealed: Option<Option<Vec<u8>>> = connection
                .query_row(select, params![source.id.0, id.as_bytes(), act.at], |row| row.get(0))
                .optional()?;
            let Some(opened) = sealed.flatten().and_then(|sealed| open(&sealed)) else { return Ok(None) };
            let entry = Entry::new("copy", "Token", id).about(source.id);
            journal::append(connection, &act, &entry.after(json!({ "source": source.slug.as_str() })))?;
            Ok(Some(opened))
        };
        self.shared.writer.run(copy).await
    }

    /// Forgets the secrets of tokens that may no longer be copied.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_secrets(&self, now: Millis) -> Result<(), StoreError> {
        let forget = move |connection: &Connection| {
            let update = "UPDATE token SET sealed = NULL WHERE sealed IS NOT NULL AND \
                          (copyable_until <= ?1 OR revoked IS NOT NULL OR expires <= ?1)";
            Ok(connection.execute(update, [now]).map(drop)?)
        };
        self.shared.writer.run(forget).await
    }

    /// The tokens of a source, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub fn tokens(&self, slug: &str) -> Result<Vec<Token>, StoreError> {
        self.read(|connection, _| {
            let source = source_of(connection, slug)?;
            let select = format!(
                "SELECT {TOKEN_COLUMNS} FROM token t WHERE t.source_id = ?1 ORDER BY t.created, t.id"
            );
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map([source.id.0], |row| token(row, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Revokes a token for good. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NoSource`], [`StoreError::NoToken`].
    pub async fn revoke_token(&self, slug: String, id: Uuid, act: Act) -> Result<(), StoreError> {
        let revoke = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            if token_of(connection, source.id, id)?.revoked.is_some() {
                return Ok(());
            }
            let update = "UPDATE token SET revoked = ?3, sealed = NULL WHERE source_id = ?1 AND id = ?2";
            connection.execute(update, params![source.id.0, id.as_bytes(), act.at])?;
            let entry = Entry::new("revoke", "Token", id).about(source.id);
            journal::append(connection, &act, &entry.before(json!({ "source": source.slug.as_str() })))
        };
        self.administer(revoke).await
    }
}

pub(super) fn credential(
    store: &SqliteStore,
    connection: &Connection,
    slug: &str,
    lookup: [u8; 8],
) -> Result<Option<Credential>, StoreError> {
    let select = format!(
        "SELECT {SOURCE_COLUMNS}, {TOKEN_COLUMNS}, t.hash FROM source s JOIN token t ON t.source_id = s.id \
         WHERE s.slug = ?1 AND s.deleted = 0 AND t.lookup = ?2"
    );
    let found = connection
        .prepare_cached(&select)?
        .query_row(params![slug, lookup], |row| {
            let token = token(row, SOURCE_COLUMN_COUNT)?;
            Ok((source(row)?, token.service_account, token, row.get(SOURCE_COLUMN_COUNT + 8)?))
        })
        .optional()?;
    let Some((source, service_account, token, hash)) = found else { return Ok(None) };
    let registry = store.registry_of(connection, &source)?;
    Ok(Some(Credential { source, registry, service_account, token, hash }))
}

pub(super) fn note_uses(connection: &Connection, uses: &[TokenUse]) -> Result<(), StoreError> {
    let update = "UPDATE token SET last_used = ?3, sealed = CASE WHEN ?4 THEN NULL ELSE sealed END \
                  WHERE source_id = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(update)?;
    for used in uses {
        statement.execute(params![used.source.0, used.token.as_bytes(), used.at, used.succeeded])?;
    }
    Ok(())
}

/// Every source, those that are being deleted as well.
pub(super) fn all_sources(connection: &Connection) -> Result<Vec<Source>, StoreError> {
    let select = format!("SELECT {SOURCE_COLUMNS} FROM source s ORDER BY s.id");
    let mut statement = connection.prepare(&select)?;
    let rows = statement.query_map([], source)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn source_of(connection: &Connection, slug: &str) -> Result<Source, StoreError> {
    let select = format!("SELECT {SOURCE_COLUMNS} FROM source s WHERE s.slug = ?1 AND s.deleted = 0");
    let found = connection.query_row(&select, [slug], source).optional()?;
    found.ok_or_else(|| StoreError::NoSource(slug.to_owned()))
}

fn token_of(connection: &Connection, source: SourceId, id: Uuid) -> Result<Token, StoreError> {
    let select = format!("SELECT {TOKEN_COLUMNS} FROM token t WHERE t.source_id = ?1 AND t.id = ?2");
    let found =
        connection.query_row(&select, params![source.0, id.as_bytes()], |row| token(row, 0)).optional()?;
    found.ok_or_else(|| StoreError::NoToken(id.to_string()))
}

fn insert_token(
    connection: &Connection,
    source: &Source,
    service_account: Uuid,
    token: &NewToken,
    act: &Act,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO token (source_id, id, service_account_id, lookup, hash, created, created_by, expires, \
                  sealed, copyable_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.execute(
        insert,
        params![
            source.id.0,
            token.id.as_bytes(),
            service_account.as_bytes(),
            &token.hash[..8],
            &token.hash[..],
            act.at,
            act.actor.uuid().as_bytes(),
            token.expires,
            token.sealed,
            token.copyable_until
        ],
    )?;
    let after = json!({ "source": source.slug.as_str(), "expires": token.expires });
    journal::append(connection, act, &Entry::new("create", "Token", token.id).about(source.id).after(after))
}

fn taken(error: rusqlite::Error, slug: &Slug) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::SlugTaken(slug.to_string()),
        _ => error.into(),
    }
}

/// What the journal calls a source by.
pub(super) fn source_uuid(source: SourceId) -> Uuid {
    Uuid::from_u128(u128::try_from(source.0).unwrap_or_default())
}

/// A source as the journal has it.
pub(super) fn described(source: &Source) -> Value {
    json!({
        "slug": source.slug.as_str(),
        "name": source.name,
        "provider": source.provider.name(),
        "enabled": source.enabled,
        "unique_group_names": source.unique_display_names,
        "log_bodies": source.log_bodies,
        "log_days": source.log_days,
        "log_megabytes": source.log_megabytes,
        "profile": source.profile.name(),
        "keep_passwords": source.keep_passwords,
        "hidden": source.hidden,
    })
}

/// Lets plans that were computed before be computed anew.
pub(super) fn raise_revision(connection: &Connection, source: SourceId) -> Result<(), StoreError> {
    connection.execute("UPDATE source SET revision = revision + 1 WHERE id = ?1", [source.0])?;
    Ok(())
}

/// Deletes some rows of a deleted source; false when there is none left.
fn purge_portion(connection: &Connection) -> Result<bool, StoreError> {
    let source: Option<i64> = connection
        .query_row("SELECT id FROM source WHERE deleted = 1 LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let Some(source) = source else { return Ok(false) };
    let by_rowid = |table: &str| {
        format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE source_id = ?1 LIMIT {PORTION})"
        )
    };
    let by_key = |table: &str, key: &str| {
        format!(
            "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE source_id = ?1 LIMIT {PORTION})"
        )
    };
    let portions = [
        by_key("resource_key", "source_id, path, key, resource_id"),
        by_key("secret", "source_id, resource_id, attribute"),
        by_key("membership", "source_id, group_id, member_id"),
        by_key("change_member", "source_id, sequence, member_id"),
        by_rowid("resource"),
        by_rowid("change"),
    ];
    for portion in portions {
        if connection.execute(&portion, [source])? > 0 {
            return Ok(true);
        }
    }
    for table in ["token", "source_schema", "source_resource_type", "unknown_attribute", "stretch"] {
        connection.execute(&format!("DELETE FROM {table} WHERE source_id = ?1"), [source])?;
    }
    connection.execute("DELETE FROM service_account WHERE source_id = ?1", [source])?;
    connection.execute("DELETE FROM source WHERE id = ?1", [source])?;
    Ok(true)
}

fn source(row: &Row<'_>) -> rusqlite::Result<Source> {
    let slug: String = row.get(1)?;
    let slug = Slug::parse(&slug).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
    })?;
    let provider: String = row.get(6)?;
    Ok(Source {
        id: SourceId(row.get(0)?),
        slug,
        name: row.get(2)?,
        enabled: row.get(3)?,
        unique_display_names: row.get(4)?,
        created: row.get(5)?,
        provider: Provider::parse(&provider).unwrap_or(Provider::Other),
        log_bodies: row.get(7)?,
        log_days: row.get(8)?,
        log_megabytes: row.get(9)?,
        profile: Profile::parse(&row.get::<_, String>(10)?).unwrap_or_default(),
        keep_passwords: row.get(11)?,
        hidden: serde_json::from_str(&row.get::<_, String>(12)?).unwrap_or_default(),
        revision: row.get(13)?,
    })
}

fn token(row: &Row<'_>, first: usize) -> rusqlite::Result<Token> {
    let created_by: Option<[u8; 16]> = row.get(first + 3)?;
    Ok(Token {
        id: uuid(row, first)?,
        service_account: uuid(row, first + 1)?,
        created: row.get(first + 2)?,
        created_by: created_by.map(|bytes| Actor::from_uuid(Uuid::from_bytes(bytes))),
        expires: row.get(first + 4)?,
        last_used: row.get(first + 5)?,
        revoked: row.get(first + 6)?,
        copyable_until: row.get(first + 7)?,
    })
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}
