//! The statements that all databases share, on a connection of SQLite.

use std::{borrow::Cow, sync::Arc};

use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use uuid::Uuid;

use super::SqliteStore;
use crate::{
    SourceId, StoreError,
    blocking::blocking,
    sql::{Kind, NewKey, Row, RowsRead, Sql, Value, values},
};

/// Adds a key that others may have too.
const ADD: &str = "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES (?1, ?2, ?3, ?4, 0) \
                   ON CONFLICT (source_id, path, key, resource_id) DO NOTHING";
/// Adds a key that nobody else may have, unless somebody has it.
const ADD_UNIQUE: &str = "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES (?1, ?2, ?3, ?4, 1) \
                          ON CONFLICT (source_id, path, key) WHERE is_unique = 1 DO NOTHING";

/// Reading for `records`.
impl SqliteStore {
    /// Runs `read` where it is asked for, in one snapshot.
    pub(crate) fn read_records<T>(
        &self,
        read: impl FnOnce(&dyn Sql) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.shared.readers.read_latest(|snapshot| read(snapshot.connection))
    }

    /// Like [`Self::read_records`], for what may take longer than an async thread should be held.
    pub(crate) async fn read_records_long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.log.pass().await;
        let readers = Arc::clone(&self.shared.readers);
        blocking(move |_| readers.read_latest(|snapshot| read(snapshot.connection))).await
    }
}

impl Sql for Connection {
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        let changed = self.prepare_cached(statement)?.execute(params_from_iter(parameters))?;
        Ok(changed as u64)
    }

    fn execute_each(&self, statement: &str, rows: &[Vec<Value>]) -> Result<u64, StoreError> {
        let mut statement = self.prepare_cached(statement)?;
        let mut changed = 0;
        for parameters in rows {
            changed += statement.execute(params_from_iter(parameters))? as u64;
        }
        Ok(changed)
    }

    fn query_within(
        &self,
        bytes: usize,
        statement: &str,
        parameters: &[Value],
    ) -> Result<RowsRead, StoreError> {
        let mut statement = self.prepare_cached(statement)?;
        let columns = statement.column_count();
        let mut answered = statement.query(params_from_iter(parameters))?;
        let (mut rows, mut taken) = (Vec::new(), 0_usize);
        while let Some(row) = answered.next()? {
            if taken >= bytes {
                return Ok(RowsRead { rows, is_cut: true });
            }
            let row = self::row(row, columns)?;
            taken = taken.saturating_add(row.size());
            rows.push(row);
        }
        Ok(RowsRead { rows, is_cut: false })
    }

    /// There is one writer, and it is here.
    fn lock(&self, _: SourceId) -> Result<(), StoreError> {
        Ok(())
    }

    fn add_keys(&self, source: SourceId, keys: &[NewKey], unique: bool) -> Result<u64, StoreError> {
        let rows: Vec<Vec<Value>> =
            keys.iter().map(|key| values![source, key.code, key.key.as_str(), key.id].to_vec()).collect();
        self.execute_each(if unique { ADD_UNIQUE } else { ADD }, &rows)
    }

    fn add_rows(&self, insert: &str, kinds: &[Kind], rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let parameters: Vec<String> = (1..=kinds.len()).map(|number| format!("?{number}")).collect();
        self.execute_each(&format!("{insert} VALUES ({})", parameters.join(", ")), rows).map(drop)
    }

    fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.table_exists(None, name)?)
    }

    fn has_whole_keys(&self) -> bool {
        true
    }

    fn stored_key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        Cow::Borrowed(key)
    }

    fn last_source(&self) -> Result<i64, StoreError> {
        let select = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'source'";
        Ok(self.query_row(select, [], |row| row.get(0))?)
    }

    /// A journal goes on behind its last line by itself.
    fn continue_numbers(&self, last_source: i64) -> Result<(), StoreError> {
        Sql::execute(self, "DELETE FROM sqlite_sequence WHERE name = 'source'", &[])?;
        let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES ('source', ?1)";
        Sql::execute(self, insert, &[last_source.into()]).map(drop)
    }
}

/// The first columns of a row.
pub(super) fn row(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, StoreError> {
    let values = (0..columns).map(|column| value(row.get_ref(column)?));
    Ok(Row(values.collect::<Result<_, StoreError>>()?))
}

fn value(value: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => return Err(StoreError::Damaged("a text is not UTF-8".to_owned())),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Damaged("no column has fractions".to_owned())),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The UUID of a column.
pub(super) fn uuid(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}
