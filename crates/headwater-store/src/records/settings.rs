//! Settings, and answers that are given again.

use serde_json::Value;
use uuid::Uuid;

use super::{
    Records,
    journal::{self, Entry},
};
use crate::{
    Act, IdempotentAnswer, Millis, SERVER, StoreError,
    sql::{Sql, values},
};

/// How long an answer is given again.
const ANSWERS_KEPT_FOR: Millis = 24 * 3_600_000;

impl Records {
    /// Every setting that has been set.
    ///
    /// # Errors
    /// The database failed.
    pub async fn settings(&self) -> Result<serde_json::Map<String, Value>, StoreError> {
        self.read(settings).await
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
        let change = move |sql: &dyn Sql| {
            let mut before = defaults.clone();
            before.extend(settings(sql)?);
            let upsert =
                "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            for (key, value) in &changes {
                sql.execute(upsert, &values![key, value.to_string()])?;
            }
            let entry = Entry::new("update", "Settings", Uuid::nil());
            journal::append_difference(sql, &act, entry, before.into(), changes.clone().into())
        };
        self.write(change).await
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
        let reserve = move |sql: &dyn Sql| {
            sql.lock(SERVER)?;
            let old = "DELETE FROM idempotent_answer WHERE created <= ?1";
            sql.execute(old, &values![now - ANSWERS_KEPT_FOR])?;
            let select =
                "SELECT fingerprint, status, body FROM idempotent_answer WHERE actor = ?1 AND key = ?2";
            let Some(kept) = sql.first(select, &values![actor, &key])? else {
                let insert = "INSERT INTO idempotent_answer (actor, key, fingerprint, created) VALUES (?1, ?2, ?3, ?4)";
                sql.execute(insert, &values![actor, &key, fingerprint, now])?;
                return Ok(IdempotentAnswer::Fresh);
            };
            if kept.get::<[u8; 32]>(0)? != fingerprint {
                return Ok(IdempotentAnswer::OtherRequest);
            }
            Ok(match (kept.get(1)?, kept.get(2)?) {
                (Some(status), Some(body)) => IdempotentAnswer::Answered { status, body },
                _ => IdempotentAnswer::InProgress,
            })
        };
        self.write(reserve).await
    }

    /// Keeps the answer under a key that was reserved for a request at a moment, or with `None` lets go of the key.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_answer(
        &self,
        actor: Uuid,
        key: String,
        (fingerprint, reserved): ([u8; 32], Millis),
        answer: Option<(u16, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let keep = move |sql: &dyn Sql| {
            // Behind a reservation that is still being committed.
            sql.lock(SERVER)?;
            match &answer {
                Some((status, body)) => {
                    let update = "UPDATE idempotent_answer SET status = ?5, body = ?6 WHERE actor = ?1 AND key = ?2 \
                                  AND fingerprint = ?3 AND created = ?4 AND status IS NULL";
                    let values = values![actor, &key, fingerprint, reserved, *status, body.as_slice()];
                    sql.execute(update, &values)?;
                }
                None => {
                    let delete = "DELETE FROM idempotent_answer WHERE actor = ?1 AND key = ?2 \
                                  AND fingerprint = ?3 AND created = ?4 AND status IS NULL";
                    sql.execute(delete, &values![actor, &key, fingerprint, reserved])?;
                }
            }
            Ok(())
        };
        self.write(keep).await
    }
}

fn settings(sql: &dyn Sql) -> Result<serde_json::Map<String, Value>, StoreError> {
    let mut settings = serde_json::Map::new();
    for row in sql.query("SELECT key, value FROM setting ORDER BY key", &[])? {
        let (key, value): (String, &str) = (row.get(0)?, row.get(1)?);
        let value = serde_json::from_str(value)
            .map_err(|_| StoreError::Damaged(format!("the setting {key} is not JSON")))?;
        settings.insert(key, value);
    }
    Ok(settings)
}
