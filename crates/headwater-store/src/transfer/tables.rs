//! What a directory consists of: each table, once for all databases.

use std::borrow::Cow;

use crate::{
    StoreError,
    postgres::keys,
    sql::{FromValue, Kind, RowsRead, Sql, Value, values},
};

use Kind::{Bytes, Integer, Text};

/// How many bytes a page has at most, but for its last row.
const MOST_BYTES: usize = 8 << 20;

/// A column with what it holds.
type Column = (&'static str, Kind);

/// A table that is moved.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    columns: &'static [Column],
    /// How many of the columns, from the first on, tell its rows apart. There is an index of them.
    pub(crate) key: usize,
}

/// What is moved, in this order.
pub(crate) static TABLES: [Table; 17] = [
    table("setting", 1, &[("key", Text), ("value", Text)]),
    table(
        "administrator",
        1,
        &[
            ("id", Bytes),
            ("email", Text),
            ("email_key", Text),
            ("name", Text),
            ("role", Text),
            ("password_hash", Text),
            ("disabled", Integer),
            ("created", Integer),
            ("last_login", Integer),
        ],
    ),
    table(
        "link",
        1,
        &[("hash", Bytes), ("administrator_id", Bytes), ("created", Integer), ("expires", Integer)],
    ),
    table(
        "api_token",
        1,
        &[
            ("id", Bytes),
            ("name", Text),
            ("role", Text),
            ("hash", Bytes),
            ("created", Integer),
            ("created_by", Bytes),
            ("expires", Integer),
            ("last_used", Integer),
            ("revoked", Integer),
        ],
    ),
    table(
        "source",
        1,
        &[
            ("id", Integer),
            ("slug", Text),
            ("name", Text),
            ("enabled", Integer),
            ("unique_display_names", Integer),
            ("created", Integer),
            ("deleted", Integer),
            ("provider", Text),
            ("log_bodies", Integer),
            ("log_days", Integer),
            ("log_megabytes", Integer),
            ("revision", Integer),
            ("keep_passwords", Integer),
            ("profile", Text),
            ("hidden", Text),
        ],
    ),
    table(
        "service_account",
        2,
        &[("source_id", Integer), ("id", Bytes), ("name", Text), ("created", Integer)],
    ),
    table(
        "token",
        2,
        &[
            ("source_id", Integer),
            ("id", Bytes),
            ("service_account_id", Bytes),
            ("lookup", Bytes),
            ("hash", Bytes),
            ("created", Integer),
            ("expires", Integer),
            ("last_used", Integer),
            ("revoked", Integer),
            ("created_by", Bytes),
            ("sealed", Bytes),
            ("copyable_until", Integer),
        ],
    ),
    table("source_schema", 2, &[("source_id", Integer), ("urn", Text), ("definition", Text)]),
    table("source_resource_type", 2, &[("source_id", Integer), ("name", Text), ("definition", Text)]),
    table(
        "unknown_attribute",
        3,
        &[
            ("source_id", Integer),
            ("resource_type", Text),
            ("path", Text),
            ("shape", Text),
            ("seen", Integer),
            ("first_seen", Integer),
            ("last_seen", Integer),
        ],
    ),
    table(
        "resource",
        3,
        &[
            ("source_id", Integer),
            ("type", Text),
            ("id", Bytes),
            ("version", Integer),
            ("created", Integer),
            ("last_modified", Integer),
            ("display", Text),
            ("has_references", Integer),
            ("member_count", Integer),
            ("document", Text),
        ],
    ),
    table(
        "resource_key",
        4,
        &[
            ("source_id", Integer),
            ("path", Integer),
            ("key", Text),
            ("resource_id", Bytes),
            ("is_unique", Integer),
            WHOLE,
        ],
    ),
    table("membership", 3, &[("source_id", Integer), ("group_id", Bytes), MEMBER]),
    table(
        "stretch",
        3,
        &[("source_id", Integer), ("type", Text), ("first_id", Bytes), ("resources", Integer)],
    ),
    table(
        "secret",
        3,
        &[
            ("source_id", Integer),
            ("resource_id", Bytes),
            ("attribute", Text),
            ("hash", Text),
            ("changed", Integer),
        ],
    ),
    table(
        "change",
        2,
        &[
            ("source_id", Integer),
            ("sequence", Integer),
            ("at", Integer),
            ("actor", Bytes),
            ("request_id", Bytes),
            ("kind", Text),
            ("resource_type", Text),
            ("resource_id", Bytes),
            ("version", Integer),
            ("before", Text),
            ("after", Text),
            ("about", Integer),
        ],
    ),
    table("change_member", 3, &[("source_id", Integer), ("sequence", Integer), MEMBER, ("added", Integer)]),
];

/// The column that PostgreSQL has beside a key: the whole of it, where the key is too long for an index.
const WHOLE: Column = ("whole", Text);
/// The column of members, which PostgreSQL doesn't take at any length.
const MEMBER: Column = ("member_id", Bytes);
/// Where the key stands in its table.
const KEY: usize = 2;

const fn table(name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table { name, columns, key }
}

/// Some rows of a table.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The rows, in the form that is the same for all databases.
    pub(crate) rows: Vec<Vec<Value>>,
    /// The key of the last of them, as the database has it that it comes from.
    pub(crate) end: Vec<Value>,
    /// About how many bytes they take.
    pub(crate) bytes: usize,
    /// Whether nothing is behind them.
    pub(crate) is_last: bool,
}

impl Table {
    /// The columns that a database has.
    pub(crate) fn columns(&self, sql: &dyn Sql) -> &'static [Column] {
        match self.columns {
            [columns @ .., WHOLE] if sql.has_whole_keys() => columns,
            columns => columns,
        }
    }

    /// The rows behind a key, in the order of their keys.
    pub(crate) fn page(&self, sql: &dyn Sql, after: &[Value], limit: usize) -> Result<Page, StoreError> {
        let columns = names(self.columns(sql));
        let key = names(&self.columns[..self.key]);
        let behind = match after.len() {
            0 => String::new(),
            count => format!("WHERE ({key}) > ({}) ", numbers(count)),
        };
        let select =
            format!("SELECT {columns} FROM {} {behind}ORDER BY {key} LIMIT ?{}", self.name, after.len() + 1);
        let RowsRead { rows, is_cut } =
            sql.query_within(MOST_BYTES, &select, &[after, &values![limit]].concat())?;
        let mut page = Page { is_last: !is_cut && rows.len() < limit, ..Page::default() };
        for row in rows {
            page.end = row.0[..self.key].to_vec();
            page.bytes += row.size();
            page.rows.push(self.shared(row.0, sql.has_whole_keys()));
        }
        Ok(page)
    }

    /// Adds rows in the form that is the same for all databases.
    pub(crate) fn add(&self, sql: &dyn Sql, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let columns = self.columns(sql);
        let insert = format!("INSERT INTO {} ({})", self.name, names(columns));
        let kinds: Vec<Kind> = columns.iter().map(|(_, kind)| *kind).collect();
        let member = self.columns.iter().position(|column| *column == MEMBER);
        if let Some(member) = member
            && !sql.has_whole_keys()
            && !rows.iter().all(|row| is_storable(&row[member]))
        {
            return Err(StoreError::TooLong("the value of a member"));
        }
        if self.columns.len() == columns.len() {
            return sql.add_rows(&insert, &kinds, rows);
        }
        let rows: Vec<Vec<Value>> = rows.iter().map(|row| with_whole_key(row)).collect();
        sql.add_rows(&insert, &kinds, &rows)
    }

    /// Deletes some rows; answers whether there may be more.
    pub(crate) fn clear_some(&self, sql: &dyn Sql) -> Result<bool, StoreError> {
        let (name, key) = (self.name, names(&self.columns[..self.key]));
        let delete =
            format!("DELETE FROM {name} WHERE ({key}) IN (SELECT {key} FROM {name} LIMIT {MOST_CLEARED})");
        Ok(sql.execute(&delete, &[])? > 0)
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self, sql: &dyn Sql) -> Result<bool, StoreError> {
        let any = format!("SELECT 1 FROM {} LIMIT 1", self.name);
        Ok(sql.query(&any, &[])?.is_empty())
    }

    /// A row in the form that is the same for all databases: as PostgreSQL can hold it.
    fn shared(&self, mut row: Vec<Value>, has_whole_keys: bool) -> Vec<Value> {
        if has_whole_keys
            && self.columns.last() == Some(&WHOLE)
            && let Some(Value::Text(key)) = row.get(KEY)
        {
            let whole = keys::whole(key).map(Cow::into_owned);
            row[KEY] = keys::stored(key).into_owned().into();
            row.push(whole.into());
            return row;
        }
        for value in &mut row {
            if let Value::Text(text) = value
                && let Cow::Owned(storable) = keys::storable(text)
            {
                *text = storable;
            }
        }
        row
    }
}

/// How many rows go in one statement.
const MOST_CLEARED: usize = 5_000;

fn is_storable(member: &Value) -> bool {
    <&[u8]>::from_value(member).is_some_and(keys::is_storable_member)
}

/// The row of a key as it is where keys are whole.
fn with_whole_key(row: &[Value]) -> Vec<Value> {
    let mut row = row.to_vec();
    if let Some(whole @ Value::Text(_)) = row.pop() {
        row[KEY] = whole;
    }
    row
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// As many parameters.
fn numbers(count: usize) -> String {
    (1..=count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}
