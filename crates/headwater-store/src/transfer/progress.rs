//! How far a target has come, kept in the target itself: a row for each table, changed in the
//! transactions of the rows. As long as the table is there, the directory is not whole.

use serde_json::json;

use super::{checksum::Checksum, tables::TABLES};
use crate::{
    StoreError,
    sql::{Sql, Value, values},
};

/// The name of the table.
pub(crate) const TABLE: &str = "transfer";
/// `origin` is where the rows come from, `position` the key of the last one that is here.
const MAKE: &str = "CREATE TABLE transfer (name TEXT NOT NULL PRIMARY KEY, origin TEXT NOT NULL, position TEXT, \
                    copied BIGINT NOT NULL, checksum TEXT NOT NULL, complete BIGINT NOT NULL)";

/// How far a table has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// The key of the last row that is here.
    pub(super) position: Vec<Value>,
    /// What has been copied.
    pub(super) copied: Checksum,
    /// Whether that is all.
    pub(super) complete: bool,
}

/// Where the beginning of a directory comes from, if there is one.
pub(crate) fn origin(sql: &dyn Sql) -> Result<Option<String>, StoreError> {
    if !sql.has_table(TABLE)? {
        return Ok(None);
    }
    let origin = sql.value("SELECT origin FROM transfer LIMIT 1", &[])?;
    Ok(Some(origin.unwrap_or_default()))
}

/// Begins: nothing has come yet.
pub(super) fn make(sql: &dyn Sql, origin: &str) -> Result<(), StoreError> {
    sql.execute(MAKE, &[])?;
    let insert = "INSERT INTO transfer (name, origin, copied, checksum, complete) VALUES (?1, ?2, 0, ?3, 0)";
    let none = Checksum::default().digits();
    for table in &TABLES {
        sql.execute(insert, &values![table.name, origin, &none])?;
    }
    Ok(())
}

/// Ends: the directory is whole.
pub(super) fn drop_table(sql: &dyn Sql) -> Result<(), StoreError> {
    sql.execute("DROP TABLE transfer", &[]).map(drop)
}

/// How far a table has come.
pub(super) fn of(sql: &dyn Sql, table: &str) -> Result<Progress, StoreError> {
    let select = "SELECT position, copied, checksum, complete FROM transfer WHERE name = ?1";
    let damaged = || StoreError::Damaged(format!("it is not known how much of {table} has been moved"));
    let row = sql.first(select, &values![table])?.ok_or_else(damaged)?;
    let position: Option<&str> = row.get(0)?;
    Ok(Progress {
        position: position.map_or(Some(Vec::new()), read).ok_or_else(damaged)?,
        copied: Checksum::read(row.get(1)?, row.get(2)?).ok_or_else(damaged)?,
        complete: row.get(3)?,
    })
}

/// Writes down how far a table has come, unless it is no longer where it was `before`.
pub(super) fn advance(
    sql: &dyn Sql,
    table: &str,
    before: &Progress,
    now: &Progress,
) -> Result<bool, StoreError> {
    if of(sql, table)? != *before {
        return Ok(false);
    }
    let update =
        "UPDATE transfer SET position = ?2, copied = ?3, checksum = ?4, complete = ?5 WHERE name = ?1";
    let position = if now.position.is_empty() { None } else { Some(written(&now.position)) };
    sql.execute(update, &values![table, position, now.copied.rows, now.copied.digits(), now.complete])?;
    Ok(true)
}

/// A key as JSON: bytes are lists of numbers.
fn written(key: &[Value]) -> String {
    let values = key.iter().map(|value| match value {
        Value::Null => json!(null),
        Value::Integer(integer) => json!(integer),
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json!(bytes),
    });
    serde_json::Value::Array(values.collect()).to_string()
}

fn read(text: &str) -> Option<Vec<Value>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    values
        .into_iter()
        .map(|value| match value {
            serde_json::Value::String(text) => Some(Value::Text(text)),
            serde_json::Value::Array(_) => serde_json::from_value(value).ok().map(Value::Bytes),
            value => value.as_i64().map(Value::Integer),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{read, written};
    use crate::sql::values;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = values![i64::MIN, "a\0\"ü", vec![0_u8, 255], Vec::<u8>::new(), i64::MAX];
        assert_eq!(read(&written(&key)), Some(key.to_vec()));
        assert_eq!(read("[1.5]"), None);
    }
}
