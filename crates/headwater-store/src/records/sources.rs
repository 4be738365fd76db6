//! Sources, service accounts and tokens, for administrators and for authentication.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Records, Registries, index,
    journal::{self, Entry},
    schemas,
};
use crate::{
    Act, Actor, Credential, Millis, NewSource, NewToken, Profile, Provider, ServiceAccount, Slug, Source,
    SourceCounts, SourceEdit, SourceId, StoreError, Token, TokenUse,
    sql::{Row, Sql, values},
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
/// running server honours it at once: every change is announced to it.
impl Records {
    /// Makes a source with its service account and first token.
    ///
    /// # Errors
    /// [`StoreError::SlugTaken`].
    pub async fn create_source(&self, new: NewSource, act: Act) -> Result<Source, StoreError> {
        let create = move |sql: &dyn Sql| {
            let insert = "INSERT INTO source (slug, name, provider, enabled, unique_display_names, log_bodies, \
                          log_days, log_megabytes, created, profile, keep_passwords, hidden) \
                          VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
                          ON CONFLICT (slug) WHERE deleted = 0 DO NOTHING RETURNING id";
            let inserted = sql.value(
                insert,
                &values![
                    new.slug.as_str(),
                    &new.name,
                    new.provider.name(),
                    new.unique_display_names,
                    new.log_bodies,
                    new.log_days,
                    new.log_megabytes,
                    act.at,
                    new.profile.name(),
                    new.keep_passwords,
                    json!(new.hidden).to_string(),
                ],
            )?;
            let source: SourceId = inserted.ok_or_else(|| StoreError::SlugTaken(new.slug.to_string()))?;
            let insert = "INSERT INTO service_account (source_id, id, name, created) VALUES (?1, ?2, ?3, ?4)";
            let account_name = format!("{} provisioning", new.name);
            sql.execute(insert, &values![source, new.service_account, account_name, act.at])?;
            sql.lock(source)?;
            let created = source_of(sql, new.slug.as_str())?;
            let entry = Entry::new("create", "Source", source_uuid(source)).about(source);
            journal::append(sql, &act, &entry.after(described(&created)))?;
            insert_token(sql, &created, new.service_account, &new.token, &act)?;
            Ok(created)
        };
        self.introduce(create).await
    }

    /// Every source, by slug.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sources(&self) -> Result<Vec<Source>, StoreError> {
        self.read(|sql| {
            let select = format!("SELECT {SOURCE_COLUMNS} FROM source s WHERE s.deleted = 0 ORDER BY s.slug");
            sql.all(&select, &[], source)
        })
        .await
    }

    /// The source of a slug.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn source(&self, slug: &str) -> Result<Source, StoreError> {
        let slug = slug.to_owned();
        self.read(move |sql| source_of(sql, &slug)).await
    }

    /// Whether a source is there, under whatever slug.
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_source(&self, source: SourceId) -> Result<bool, StoreError> {
        let select = "SELECT 1 FROM source WHERE id = ?1 AND deleted = 0";
        self.read(move |sql| Ok(sql.first(select, &values![source])?.is_some())).await
    }

    /// How much a source holds.
    ///
    /// # Errors
    /// The database failed.
    pub async fn counts(&self, source: SourceId) -> Result<SourceCounts, StoreError> {
        self.read_long(move |sql| {
            let by_type =
                "SELECT type, CAST(SUM(resources) AS BIGINT) FROM stretch WHERE source_id = ?1 GROUP BY type";
            let parameters = values![source];
            Ok(SourceCounts {
                resources: sql
                    .all(by_type, &parameters, |row| Ok((row.get(0)?, row.get(1)?)))?
                    .into_iter()
                    .collect(),
                memberships: sql
                    .count("SELECT COUNT(*) FROM membership WHERE source_id = ?1", &parameters)?,
                changes: journal::last(sql, source)?.unsigned_abs(),
            })
        })
        .await
    }

    /// How many resources of each type all sources hold together.
    ///
    /// # Errors
    /// The database failed.
    pub async fn totals(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.read_long(|sql| {
            let by_type = "SELECT type, CAST(SUM(resources) AS BIGINT) FROM stretch \
                           WHERE source_id IN (SELECT id FROM source WHERE deleted = 0) GROUP BY type";
            let totals = sql.all(by_type, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(totals.into_iter().collect())
        })
        .await
    }

    /// Changes a source.
    ///
    /// # Errors
    /// [`StoreError::NoSource`]; [`StoreError::NotUnique`] when group display names are to be
    /// unique and two groups share one.
    pub async fn edit_source(&self, slug: String, edit: SourceEdit, act: Act) -> Result<Source, StoreError> {
        let change = move |sql: &dyn Sql| {
            let before = source_of(sql, &slug)?;
            sql.lock(before.id)?;
            let additions = schemas::additions(sql, &before)?;
            let mut changed = additions.clone();
            changed.unique_by_choice = edit.unique_display_names.unwrap_or(changed.unique_by_choice);
            changed.keeps_secrets = edit.keep_passwords.unwrap_or(changed.keeps_secrets);
            if changed != additions {
                index::rebuild(sql, before.id, &additions, &changed)?;
            }
            if changed != additions || edit.profile.is_some_and(|profile| profile != before.profile) {
                raise_revision(sql, before.id)?;
            }
            if additions.keeps_secrets && !changed.keeps_secrets {
                // What is no longer kept is gone.
                sql.execute("DELETE FROM secret WHERE source_id = ?1", &values![before.id])?;
            }
            let update = "UPDATE source SET name = COALESCE(?2, name), enabled = COALESCE(?3, enabled), \
                          unique_display_names = COALESCE(?4, unique_display_names), slug = COALESCE(?5, slug), \
                          provider = COALESCE(?6, provider), log_bodies = COALESCE(?7, log_bodies), \
                          log_days = COALESCE(?8, log_days), log_megabytes = COALESCE(?9, log_megabytes), \
                          profile = COALESCE(?10, profile), keep_passwords = COALESCE(?11, keep_passwords), \
                          hidden = COALESCE(?12, hidden) WHERE id = ?1";
            let new_slug = edit.slug.as_ref().unwrap_or(&before.slug);
            let taken = "SELECT id FROM source WHERE slug = ?1 AND deleted = 0 AND id <> ?2";
            if sql.first(taken, &values![new_slug.as_str(), before.id])?.is_some() {
                return Err(StoreError::SlugTaken(new_slug.to_string()));
            }
            sql.execute(
                update,
                &values![
                    before.id,
                    edit.name.as_ref(),
                    edit.enabled,
                    edit.unique_display_names,
                    edit.slug.as_ref().map(Slug::as_str),
                    edit.provider.map(Provider::name),
                    edit.log_bodies,
                    edit.log_days,
                    edit.log_megabytes,
                    edit.profile.map(Profile::name),
                    edit.keep_passwords,
                    edit.hidden.as_ref().map(|hidden| json!(hidden).to_string()),
                ],
            )?;
            let after = source_of(sql, new_slug.as_str())?;
            let entry = Entry::new("update", "Source", source_uuid(before.id)).about(before.id);
            journal::append_difference(sql, &act, entry, described(&before), described(&after))?;
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
        let mark = move |sql: &dyn Sql| {
            let source = source_of(sql, &slug)?;
            sql.lock(source.id)?;
            sql.execute("UPDATE source SET deleted = 1, enabled = 0 WHERE id = ?1", &values![source.id])?;
            let entry = Entry::new("delete", "Source", source_uuid(source.id)).about(source.id);
            journal::append(sql, &act, &entry.before(described(&source)))?;
            Ok(source)
        };
        self.administer(mark).await
    }

    /// Finishes the deletion of sources that a process left half done.
    ///
    /// # Errors
    /// The database failed.
    pub async fn purge_deleted(&self) -> Result<(), StoreError> {
        while self.write(purge_portion).await? {}
        Ok(())
    }

    /// Adds a token to a source's service account.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn create_token(&self, slug: String, token: NewToken, act: Act) -> Result<Token, StoreError> {
        let create = move |sql: &dyn Sql| {
            let source = source_of(sql, &slug)?;
            let account = "SELECT id FROM service_account WHERE source_id = ?1 ORDER BY created LIMIT 1";
            let account = sql.value(account, &values![source.id])?;
            let account = account.ok_or_else(|| StoreError::Damaged("a source has no account".to_owned()))?;
            insert_token(sql, &source, account, &token, &act)?;
            token_of(sql, source.id, token.id)
        };
        self.introduce(create).await
    }

    /// The service accounts of a source.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn service_accounts(&self, slug: &str) -> Result<Vec<ServiceAccount>, StoreError> {
        let slug = slug.to_owned();
        self.read(move |sql| {
            let source = source_of(sql, &slug)?;
            let select = "SELECT a.id, a.name, a.created, (SELECT COUNT(*) FROM token t WHERE t.source_id = a.source_id \
                          AND t.service_account_id = a.id AND t.revoked IS NULL) \
                          FROM service_account a WHERE a.source_id = ?1 ORDER BY a.created, a.id";
            sql.all(select, &values![source.id], |row| {
                Ok(ServiceAccount {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    created: row.get(2)?,
                    tokens: row.get(3)?,
                })
            })
        })
        .await
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
        open: impl Fn(&[u8]) -> Option<T> + Send + 'static,
        act: Act,
    ) -> Result<Option<T>, StoreError> {
        let copy = move |sql: &dyn Sql| {
            let source = source_of(sql, &slug)?;
            token_of(sql, source.id, id)?;
            let select = "SELECT sealed FROM token WHERE source_id = ?1 AND id = ?2 AND revoked IS NULL \
                          AND copyable_until > ?3 AND (expires IS NULL OR expires > ?3)";
            let sealed: Option<Option<Vec<u8>>> = sql.value(select, &values![source.id, id, act.at])?;
            let Some(opened) = sealed.flatten().and_then(|sealed| open(&sealed)) else { return Ok(None) };
            let entry = Entry::new("copy", "Token", id).about(source.id);
            journal::append(sql, &act, &entry.after(json!({ "source": source.slug.as_str() })))?;
            Ok(Some(opened))
        };
        self.write(copy).await
    }

    /// Forgets the secrets of tokens that may no longer be copied.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_secrets(&self, now: Millis) -> Result<(), StoreError> {
        let forget = move |sql: &dyn Sql| {
            let update = "UPDATE token SET sealed = NULL WHERE sealed IS NOT NULL AND \
                          (copyable_until <= ?1 OR revoked IS NOT NULL OR expires <= ?1)";
            sql.execute(update, &values![now]).map(drop)
        };
        self.write(forget).await
    }

    /// The tokens of a source, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn tokens(&self, slug: &str) -> Result<Vec<Token>, StoreError> {
        let slug = slug.to_owned();
        self.read(move |sql| {
            let source = source_of(sql, &slug)?;
            let select = format!(
                "SELECT {TOKEN_COLUMNS} FROM token t WHERE t.source_id = ?1 ORDER BY t.created, t.id"
            );
            sql.all(&select, &values![source.id], |row| token(row, 0))
        })
        .await
    }

    /// Revokes a token for good. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NoSource`], [`StoreError::NoToken`].
    pub async fn revoke_token(&self, slug: String, id: Uuid, act: Act) -> Result<(), StoreError> {
        let revoke = move |sql: &dyn Sql| {
            let source = source_of(sql, &slug)?;
            if token_of(sql, source.id, id)?.revoked.is_some() {
                return Ok(());
            }
            let update = "UPDATE token SET revoked = ?3, sealed = NULL WHERE source_id = ?1 AND id = ?2";
            sql.execute(update, &values![source.id, id, act.at])?;
            let entry = Entry::new("revoke", "Token", id).about(source.id);
            journal::append(sql, &act, &entry.before(json!({ "source": source.slug.as_str() })))
        };
        self.administer(revoke).await
    }
}

/// The credential that a source has under the first bytes of a token's hash.
pub(crate) fn credential(
    sql: &dyn Sql,
    registries: &Registries,
    slug: &str,
    lookup: [u8; 8],
) -> Result<Option<Credential>, StoreError> {
    let select = format!(
        "SELECT {SOURCE_COLUMNS}, {TOKEN_COLUMNS}, t.hash FROM source s JOIN token t ON t.source_id = s.id \
         WHERE s.slug = ?1 AND s.deleted = 0 AND t.lookup = ?2"
    );
    let Some(row) = sql.first(&select, &values![slug, lookup])? else { return Ok(None) };
    let (source, token) = (source(&row)?, token(&row, SOURCE_COLUMN_COUNT)?);
    Ok(Some(Credential {
        registry: registries.of(sql, &source)?,
        source,
        service_account: token.service_account,
        token,
        hash: row.get(SOURCE_COLUMN_COUNT + 8)?,
    }))
}

/// Notes when tokens were last used. Who has used one has its secret: it need not be kept.
pub(crate) fn note_uses(sql: &dyn Sql, uses: &[TokenUse]) -> Result<(), StoreError> {
    let update = "UPDATE token SET last_used = ?3, sealed = CASE WHEN ?4 = 1 THEN NULL ELSE sealed END \
                  WHERE source_id = ?1 AND id = ?2";
    let uses: Vec<_> =
        uses.iter().map(|used| values![used.source, used.token, used.at, used.succeeded].to_vec()).collect();
    sql.execute_each(update, &uses).map(drop)
}

/// Every source, those that are being deleted as well.
pub(super) fn all_sources(sql: &dyn Sql) -> Result<Vec<Source>, StoreError> {
    let select = format!("SELECT {SOURCE_COLUMNS} FROM source s ORDER BY s.id");
    sql.all(&select, &[], source)
}

pub(super) fn source_by_id(sql: &dyn Sql, id: SourceId) -> Result<Option<Source>, StoreError> {
    let select = format!("SELECT {SOURCE_COLUMNS} FROM source s WHERE s.id = ?1");
    sql.first(&select, &values![id])?.as_ref().map(source).transpose()
}

pub(super) fn source_of(sql: &dyn Sql, slug: &str) -> Result<Source, StoreError> {
    let select = format!("SELECT {SOURCE_COLUMNS} FROM source s WHERE s.slug = ?1 AND s.deleted = 0");
    let found = sql.first(&select, &values![slug])?;
    source(&found.ok_or_else(|| StoreError::NoSource(slug.to_owned()))?)
}

fn token_of(sql: &dyn Sql, source: SourceId, id: Uuid) -> Result<Token, StoreError> {
    let select = format!("SELECT {TOKEN_COLUMNS} FROM token t WHERE t.source_id = ?1 AND t.id = ?2");
    let found = sql.first(&select, &values![source, id])?;
    token(&found.ok_or_else(|| StoreError::NoToken(id.to_string()))?, 0)
}

fn insert_token(
    sql: &dyn Sql,
    source: &Source,
    service_account: Uuid,
    token: &NewToken,
    act: &Act,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO token (source_id, id, service_account_id, lookup, hash, created, created_by, expires, \
                  sealed, copyable_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    sql.execute(
        insert,
        &values![
            source.id,
            token.id,
            service_account,
            &token.hash[..8],
            token.hash,
            act.at,
            act.actor.uuid(),
            token.expires,
            token.sealed.as_deref(),
            token.copyable_until,
        ],
    )?;
    let after = json!({ "source": source.slug.as_str(), "expires": token.expires });
    journal::append(sql, act, &Entry::new("create", "Token", token.id).about(source.id).after(after))
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
pub(super) fn raise_revision(sql: &dyn Sql, source: SourceId) -> Result<(), StoreError> {
    sql.execute("UPDATE source SET revision = revision + 1 WHERE id = ?1", &values![source]).map(drop)
}

/// Deletes some rows of a deleted source; false when there is none left.
pub(super) fn purge_portion(sql: &dyn Sql) -> Result<bool, StoreError> {
    let source: Option<SourceId> = sql.value("SELECT id FROM source WHERE deleted = 1 LIMIT 1", &[])?;
    let Some(source) = source else { return Ok(false) };
    sql.lock(source)?;
    let parameters = values![source];
    let portions = [
        ("resource_key", "path, key, resource_id"),
        ("secret", "resource_id, attribute"),
        ("membership", "group_id, member_id"),
        ("change_member", "sequence, member_id"),
        ("resource", "id"),
        ("change", "sequence"),
    ];
    for (table, key) in portions {
        let some = format!(
            "DELETE FROM {table} WHERE source_id = ?1 AND ({key}) IN \
             (SELECT {key} FROM {table} WHERE source_id = ?1 LIMIT {PORTION})"
        );
        if sql.execute(&some, &parameters)? > 0 {
            return Ok(true);
        }
    }
    let rest =
        ["token", "source_schema", "source_resource_type", "unknown_attribute", "stretch", "service_account"];
    for table in rest {
        sql.execute(&format!("DELETE FROM {table} WHERE source_id = ?1"), &parameters)?;
    }
    sql.execute("DELETE FROM source WHERE id = ?1", &parameters)?;
    Ok(true)
}

fn source(row: &Row) -> Result<Source, StoreError> {
    let slug = Slug::parse(row.get(1)?);
    Ok(Source {
        id: row.get(0)?,
        slug: slug.map_err(|error| StoreError::Damaged(format!("the slug of a source: {error}")))?,
        name: row.get(2)?,
        enabled: row.get(3)?,
        unique_display_names: row.get(4)?,
        created: row.get(5)?,
        provider: Provider::parse(row.get(6)?).unwrap_or(Provider::Other),
        log_bodies: row.get(7)?,
        log_days: row.get(8)?,
        log_megabytes: row.get(9)?,
        profile: Profile::parse(row.get(10)?).unwrap_or_default(),
        keep_passwords: row.get(11)?,
        hidden: serde_json::from_str(row.get(12)?).unwrap_or_default(),
        revision: row.get(13)?,
    })
}

fn token(row: &Row, first: usize) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.get(first)?,
        service_account: row.get(first + 1)?,
        created: row.get(first + 2)?,
        created_by: row.get::<Option<Uuid>>(first + 3)?.map(Actor::from_uuid),
        expires: row.get(first + 4)?,
        last_used: row.get(first + 5)?,
        revoked: row.get(first + 6)?,
        copyable_until: row.get(first + 7)?,
    })
}
