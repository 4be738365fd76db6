//! What all replicas have in common beside the directory: a key, and the URL that they are known by.

use super::PostgresStore;
use crate::{
    StoreError,
    sql::{Sql, values},
};

impl PostgresStore {
    /// The key that all replicas share: `fresh`, unless there is one already.
    ///
    /// # Errors
    /// The database failed.
    pub async fn server_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.write_records(move |sql| {
            sql.execute("UPDATE server SET key = ?1 WHERE id = 1 AND key IS NULL", &values![fresh])?;
            let key = sql.value("SELECT key FROM server WHERE id = 1", &[])?;
            key.ok_or_else(|| StoreError::Damaged("the server's row is missing".to_owned()))
        })
        .await
    }

    /// The key that is kept for all replicas, if there is one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn kept_key(&self) -> Result<Option<[u8; 32]>, StoreError> {
        let select = "SELECT key FROM server WHERE id = 1";
        self.read_without_snapshot(move |sql| {
            Ok((sql as &dyn Sql).value::<Option<[u8; 32]>>(select, &[])?.flatten())
        })
        .await
    }

    /// Keeps a key for all replicas in the place of any other.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_key(&self, key: [u8; 32]) -> Result<(), StoreError> {
        let update = "UPDATE server SET key = ?1 WHERE id = 1";
        self.write_records(move |sql| sql.execute(update, &values![key]).map(drop)).await
    }

    /// Notes what URLs of the server start with, for commands that print them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn announce(&self, origin: String) -> Result<(), StoreError> {
        let update = "UPDATE server SET origin = ?1 WHERE id = 1";
        self.write_records(move |sql| sql.execute(update, &values![origin.as_str()]).map(drop)).await
    }

    /// What was announced last.
    ///
    /// # Errors
    /// The database failed.
    pub async fn announced(&self) -> Result<Option<String>, StoreError> {
        let select = "SELECT origin FROM server WHERE id = 1";
        self.read_without_snapshot(move |sql| {
            Ok((sql as &dyn Sql).value::<Option<String>>(select, &[])?.flatten())
        })
        .await
    }
}
