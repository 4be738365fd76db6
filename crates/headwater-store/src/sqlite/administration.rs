//! Sources, service accounts and tokens, for the command line and for authentication.

use headwater_scim::resource_type::Registry;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{SqliteStore, read::key_path};
use crate::{
    Credential, Millis, NewToken, Slug, Source, SourceCounts, SourceEdit, SourceId, StoreError, Token,
    TokenUse,
};

/// How many rows of a deleted source go in one transaction, so that writers in other processes
/// are let in between.
const PORTION: usize = 5_000;

const SOURCE_COLUMNS: &str = "s.id, s.slug, s.name, s.enabled, s.unique_display_names, s.created";
const TOKEN_COLUMNS: &str = "t.id, t.created, t.expires, t.last_used, t.revoked";

/// Administration. Each of these works whether or not a server runs on the same data, and a
/// running server honours it at once: every change is announced to it (see `credentials`).
impl SqliteStore {
    /// Makes a source with its service account and first token.
    ///
    /// # Errors
    /// [`StoreError::SlugTaken`].
    pub async fn create_source(
        &self,
        slug: Slug,
        name: String,
        unique_display_names: bool,
        service_account: Uuid,
        token: NewToken,
        at: Millis,
    ) -> Result<Source, StoreError> {
        let create = move |connection: &Connection| {
            let insert = "INSERT INTO source (slug, name, enabled, unique_display_names, created) VALUES (?1, ?2, 1, ?3, ?4)";
            match connection.execute(insert, params![slug.as_str(), name, unique_display_names, at]) {
                Ok(_) => {}
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    return Err(StoreError::SlugTaken(slug.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
            let source = SourceId(connection.last_insert_rowid());
            let insert = "INSERT INTO service_account (source_id, id, name, created) VALUES (?1, ?2, ?3, ?4)";
            connection.execute(
                insert,
                params![source.0, service_account.as_bytes(), format!("{name} provisioning"), at],
            )?;
            insert_token(connection, source, service_account, &token, at)?;
            source_of(connection, slug.as_str())
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
            let of_type = "SELECT COUNT(*) FROM resource WHERE source_id = ?1 AND type = ?2";
            let resources = Registry::built_in()
                .resource_types
                .iter()
                .map(|resource_type| {
                    let name = resource_type.name.to_string();
                    let count = connection.query_row(of_type, params![source.0, name], |row| row.get(0))?;
                    Ok((name, count))
                })
                .collect::<rusqlite::Result<_>>()?;
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
    pub async fn edit_source(&self, slug: String, edit: SourceEdit) -> Result<Source, StoreError> {
        let change = move |connection: &Connection| {
            let before = source_of(connection, &slug)?;
            if let Some(unique) =
                edit.unique_display_names.filter(|unique| *unique != before.unique_display_names)
            {
                set_unique(connection, before.id, unique)?;
            }
            let update = "UPDATE source SET name = COALESCE(?2, name), enabled = COALESCE(?3, enabled), \
                          unique_display_names = COALESCE(?4, unique_display_names) WHERE id = ?1";
            connection
                .execute(update, params![before.id.0, edit.name, edit.enabled, edit.unique_display_names])?;
            source_of(connection, &slug)
        };
        self.administer(change).await
    }

    /// Deletes a source with everything in it. Its slug is free and its tokens are refused at
    /// once; its rows go in portions.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn delete_source(&self, slug: String) -> Result<Source, StoreError> {
        let mark = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            connection.execute("UPDATE source SET deleted = 1, enabled = 0 WHERE id = ?1", [source.id.0])?;
            Ok(source)
        };
        let source = self.administer(mark).await?;
        self.purge_deleted().await?;
        Ok(source)
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
    pub async fn create_token(&self, slug: String, token: NewToken, at: Millis) -> Result<(), StoreError> {
        let create = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            let account = "SELECT id FROM service_account WHERE source_id = ?1 ORDER BY created LIMIT 1";
            let account = connection.query_row(account, [source.id.0], |row| uuid(row, 0))?;
            insert_token(connection, source.id, account, &token, at)
        };
        self.administer(create).await
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
    pub async fn revoke_token(&self, slug: String, id: Uuid, at: Millis) -> Result<(), StoreError> {
        let revoke = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            let update = "UPDATE token SET revoked = COALESCE(revoked, ?3) WHERE source_id = ?1 AND id = ?2";
            match connection.execute(update, params![source.id.0, id.as_bytes(), at])? {
                0 => Err(StoreError::NoToken(id.to_string())),
                _ => Ok(()),
            }
        };
        self.administer(revoke).await
    }
}

pub(super) fn credential(
    connection: &Connection,
    slug: &str,
    lookup: [u8; 8],
) -> Result<Option<Credential>, StoreError> {
    const SELECT: &str = "SELECT s.id, s.slug, s.name, s.enabled, s.unique_display_names, s.created, \
                          t.id, t.created, t.expires, t.last_used, t.revoked, t.service_account_id, t.hash \
                          FROM source s JOIN token t ON t.source_id = s.id \
                          WHERE s.slug = ?1 AND s.deleted = 0 AND t.lookup = ?2";
    let found = connection
        .prepare_cached(SELECT)?
        .query_row(params![slug, lookup], |row| {
            Ok(Credential {
                source: source(row)?,
                token: token(row, 6)?,
                service_account: uuid(row, 11)?,
                hash: row.get(12)?,
            })
        })
        .optional()?;
    Ok(found)
}

pub(super) fn note_uses(connection: &Connection, uses: &[TokenUse]) -> Result<(), StoreError> {
    let update = "UPDATE token SET last_used = ?3 WHERE source_id = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(update)?;
    for used in uses {
        statement.execute(params![used.source.0, used.token.as_bytes(), used.at])?;
    }
    Ok(())
}

fn source_of(connection: &Connection, slug: &str) -> Result<Source, StoreError> {
    let select = format!("SELECT {SOURCE_COLUMNS} FROM source s WHERE s.slug = ?1 AND s.deleted = 0");
    let found = connection.query_row(&select, [slug], source).optional()?;
    found.ok_or_else(|| StoreError::NoSource(slug.to_owned()))
}

fn insert_token(
    connection: &Connection,
    source: SourceId,
    service_account: Uuid,
    token: &NewToken,
    at: Millis,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO token (source_id, id, service_account_id, lookup, hash, created, expires) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (id, account) = (token.id.as_bytes(), service_account.as_bytes());
    let (lookup, hash) = (&token.hash[..8], &token.hash[..]);
    connection.execute(insert, params![source.0, id, account, lookup, hash, at, token.expires])?;
    Ok(())
}

/// Turns the uniqueness of what a source may choose (group display names) on or off.
fn set_unique(connection: &Connection, source: SourceId, unique: bool) -> Result<(), StoreError> {
    let registry = Registry::built_in();
    for resource_type in &registry.resource_types {
        for attribute in &resource_type.unique_by_choice {
            let path = key_path(&resource_type.name, attribute);
            if unique {
                let twice = "SELECT key FROM resource_key WHERE source_id = ?1 AND path = ?2 GROUP BY key HAVING COUNT(*) > 1 LIMIT 1";
                let twice: Option<String> =
                    connection.query_row(twice, params![source.0, path], |row| row.get(0)).optional()?;
                if let Some(key) = twice {
                    return Err(StoreError::NotUnique(key));
                }
            }
            let update = "UPDATE resource_key SET is_unique = ?3 WHERE source_id = ?1 AND path = ?2";
            connection.execute(update, params![source.0, path, unique])?;
        }
    }
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
    connection.execute("DELETE FROM token WHERE source_id = ?1", [source])?;
    connection.execute("DELETE FROM service_account WHERE source_id = ?1", [source])?;
    connection.execute("DELETE FROM source WHERE id = ?1", [source])?;
    Ok(true)
}

fn source(row: &Row<'_>) -> rusqlite::Result<Source> {
    let slug: String = row.get(1)?;
    let slug = Slug::parse(&slug).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
    })?;
    Ok(Source {
        id: SourceId(row.get(0)?),
        slug,
        name: row.get(2)?,
        enabled: row.get(3)?,
        unique_display_names: row.get(4)?,
        created: row.get(5)?,
    })
}

fn token(row: &Row<'_>, first: usize) -> rusqlite::Result<Token> {
    Ok(Token {
        id: uuid(row, first)?,
        created: row.get(first + 1)?,
        expires: row.get(first + 2)?,
        last_used: row.get(first + 3)?,
        revoked: row.get(first + 4)?,
    })
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}
