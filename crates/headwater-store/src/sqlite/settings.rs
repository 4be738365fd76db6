//! Settings, answers that are given again, and how large the store is.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use uuid::Uuid;

use super::{
    SqliteStore,
    journal::{self, Entry},
};
use crate::{Act, IdempotentAnswer, Millis, StoreError};

/// How long an answer is given again.
const ANSWERS_KEPT_FOR: Millis = 24 * 3_600_000;

/// Fingerprint of the request, and status and body of the answer once there is one.
type Kept = ([u8; 32], Option<u16>, Option<Vec<u8>>);

impl SqliteStore {
    /// Every setting that has been set.
    ///
    /// # Errors
    /// The database failed.
    pub fn settings(&self) -> Result<serde_json::Map<String, Value>, StoreError> {
        self.read(|connection, _| settings(connection))
    }

    /// Sets some settings. What has never been set was as in `defaults`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn change_settings(
        &self,
        defaults: serde_json::Map<String, Value>,
        changes: serde_json::Map<String, Value>,
        act: Act,
    ) -> Result<(), StoreError> {
        let change = move |connection: &Connection| {
            let mut before = defaults;
            before.extend(settings(connection)?);
            let upsert =
                "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            for (key, value) in &changes {
                connection.execute(upsert, params![key, value.to_string()])?;
            }
            let entry = Entry::new("update", "Settings", Uuid::nil());
            journal::append_difference(connection, &act, entry, before.into(), changes.into())
        };
        self.shared.writer.run(change).await
    }

    /// Reserves an idempotency key for whoever asks first, and tells the others what became of it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reserve_answer(
        &self,
        actor: Uuid,
        key: String,
        fingerprint: [u8; 32],
        now: Millis,
    ) -> Result<IdempotentAnswer, StoreError> {
        let reserve = move |connection: &Connection| {
            let old = "DELETE FROM idempotent_answer WHERE created <= ?1";
            connection.execute(old, [now - ANSWERS_KEPT_FOR])?;
            let select =
                "SELECT fingerprint, status, body FROM idempotent_answer WHERE actor = ?1 AND key = ?2";
            let found: Option<Kept> = connection
                .query_row(select, params![actor.as_bytes(), key], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()?;
            Ok(match found {
                Some((found, ..)) if found != fingerprint => IdempotentAnswer::OtherRequest,
                Some((_, Some(status), Some(body))) => IdempotentAnswer::Answered { status, body },
                Some(_) => IdempotentAnswer::InProgress,
                None => {
                    let insert = "INSERT INTO idempotent_answer (actor, key, fingerprint, created) VALUES (?1, ?2, ?3, ?4)";
                    connection.execute(insert, params![actor.as_bytes(), key, fingerprint, now])?;
                    IdempotentAnswer::Fresh
                }
            })
        };
        self.shared.writer.run(reserve).await
    }

    /// Keeps the answer under a reserved key, or with `None` lets go of the key.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_answer(
        &self,
        actor: Uuid,
        key: String,
        answer: Option<(u16, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let keep = move |connection: &Connection| {
            match answer {
                Some((status, body)) => {
                    let update =
                        "UPDATE idempotent_answer SET status = ?3, body = ?4 WHERE actor = ?1 AND key = ?2";
                    connection.execute(update, params![actor.as_bytes(), key, status, body])?;
                }
                None => {
                    let delete = "DELETE FROM idempotent_answer WHERE actor = ?1 AND key = ?2";
                    connection.execute(delete, params![actor.as_bytes(), key])?;
                }
            }
            Ok(())
        };
        self.shared.writer.run(keep).await
    }

    /// Where the database is, and how many bytes it takes with its log.
    pub fn size(&self) -> (std::path::PathBuf, u64) {
        let path = &self.shared.path;
        let wal = path.with_extension("db-wal");
        let length = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        (path.clone(), length(path) + length(&wal))
    }
}

fn settings(connection: &Connection) -> Result<serde_json::Map<String, Value>, StoreError> {
    let mut statement = connection.prepare("SELECT key, value FROM setting")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut settings = serde_json::Map::new();
    for row in rows {
        let (key, value) = row?;
        let value = serde_json::from_str(&value)
            .map_err(|_| StoreError::Damaged(format!("the setting {key} is not JSON")))?;
        settings.insert(key, value);
    }
    Ok(settings)
}
