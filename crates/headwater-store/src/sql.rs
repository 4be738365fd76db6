//! Statements that every database understands, what goes into them, and what comes back.
//!
//! They are in the part of SQL that SQLite and PostgreSQL share: parameters are written `?1`, `?2` and
//! so on, and no literal has a question mark; truths are the integers 0 and 1; `ON CONFLICT` names its
//! columns; nothing relies on row ids, or on functions that only one of them has. A result is held in
//! memory whole: what may be long is read in pages, each from the key at which the last one ended, and what
//! may be large no further than there is room for it.

use std::borrow::Cow;

use uuid::Uuid;

use crate::{MemberId, ResourceId, SourceId, StoreError};

/// A connection, within a transaction.
pub(crate) trait Sql {
    /// Runs a statement that answers no rows; returns how many it changed.
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64, StoreError>;

    /// Runs one statement with many rows of parameters; returns how many rows they changed together.
    fn execute_each(&self, statement: &str, rows: &[Vec<Value>]) -> Result<u64, StoreError>;

    /// The rows that a statement answers.
    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        Ok(self.query_within(usize::MAX, statement, parameters)?.rows)
    }

    /// The first of the rows that a statement answers, until they take so many bytes together: none is left
    /// out before that.
    fn query_within(
        &self,
        bytes: usize,
        statement: &str,
        parameters: &[Value],
    ) -> Result<RowsRead, StoreError>;

    /// Waits until nobody else writes to a source, and keeps others from it until the transaction ends.
    fn lock(&self, source: SourceId) -> Result<(), StoreError>;

    /// Adds keys to the index but for those that are there, or, where nobody else may have them
    /// (`unique`), that anybody has; returns how many came.
    fn add_keys(&self, source: SourceId, keys: &[NewKey], unique: bool) -> Result<u64, StoreError>;

    /// Adds many rows to a table: `insert` is the statement up to the columns, `kinds` is what these hold.
    fn add_rows(&self, insert: &str, kinds: &[Kind], rows: &[Vec<Value>]) -> Result<(), StoreError>;

    /// Whether there is a table of this name.
    fn has_table(&self, name: &str) -> Result<bool, StoreError>;

    /// Whether the keys of the index are kept as they are, however long.
    fn has_whole_keys(&self) -> bool;

    /// A key as the index has it.
    fn stored_key<'k>(&self, key: &'k str) -> Cow<'k, str>;

    /// The number that a source was given last, whether or not it is still there.
    fn last_source(&self) -> Result<i64, StoreError>;

    /// Goes on behind this number with the next source, and in each journal behind its last line.
    fn continue_numbers(&self, last_source: i64) -> Result<(), StoreError>;
}

/// Rows that a statement answered.
pub(crate) struct RowsRead {
    pub(crate) rows: Vec<Row>,
    /// Whether more were left out, for which there was no room.
    pub(crate) is_cut: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Numbers, moments and truths.
    Integer,
    /// Texts.
    Text,
    /// Ids, hashes, and what is sealed.
    Bytes,
}

/// A key of a resource for the index.
pub(crate) struct NewKey {
    /// The path; see [`headwater_scim::index::code`].
    pub(crate) code: i64,
    /// The value in comparable form.
    pub(crate) key: String,
    /// Whose.
    pub(crate) id: ResourceId,
}

impl dyn Sql + '_ {
    /// What `read` makes of each row that a statement answers.
    pub(crate) fn all<T>(
        &self,
        statement: &str,
        parameters: &[Value],
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.query(statement, parameters)?.iter().map(read).collect()
    }

    /// The first row of a statement that answers few.
    pub(crate) fn first(&self, statement: &str, parameters: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(statement, parameters)?.into_iter().next())
    }

    /// The first column of the first row of a statement that answers few.
    pub(crate) fn value<T: for<'a> FromValue<'a>>(
        &self,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Option<T>, StoreError> {
        self.first(statement, parameters)?.map(|row| row.get(0)).transpose()
    }

    /// What a statement counts.
    pub(crate) fn count(&self, statement: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        Ok(self.value(statement, parameters)?.unwrap_or_default())
    }
}

/// A value, as all databases have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// None.
    Null,
    /// A number, a moment or a truth.
    Integer(i64),
    /// A text.
    Text(String),
    /// An id, a hash, or something sealed.
    Bytes(Vec<u8>),
}

impl Value {
    fn size(&self) -> usize {
        let beside = match self {
            Self::Null | Self::Integer(_) => 0,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        };
        size_of::<Self>() + beside
    }
}

/// The parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::sql::Value::from($value)),*] };
}

pub(crate) use values;

/// A row that a statement answers.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(Value::size).sum()
    }

    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is of another type.
    pub(crate) fn get<'a, T: FromValue<'a>>(&'a self, column: usize) -> Result<T, StoreError> {
        self.0.get(column).and_then(T::from_value).ok_or_else(|| {
            StoreError::Damaged(format!("column {column} of a row is no {}", std::any::type_name::<T>()))
        })
    }
}

/// What can be read from a [`Value`].
pub(crate) trait FromValue<'a>: Sized {
    /// `None` for a value of another type.
    fn from_value(value: &'a Value) -> Option<Self>;
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => { $(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                // A number that no database has is above all that it has.
                Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
            }
        }

        impl FromValue<'_> for $integer {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Integer(integer) => Self::try_from(*integer).ok(),
                    _ => None,
                }
            }
        }
    )* };
}

integers!(u16, u32, u64, usize);

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl FromValue<'_> for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|integer| integer != 0)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<'a> FromValue<'a> for &'a str {
    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl FromValue<'_> for String {
    fn from_value(value: &Value) -> Option<Self> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const LENGTH: usize> From<[u8; LENGTH]> for Value {
    fn from(value: [u8; LENGTH]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<'a> FromValue<'a> for &'a [u8] {
    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl FromValue<'_> for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        <&[u8]>::from_value(value).map(<[u8]>::to_vec)
    }
}

impl<const LENGTH: usize> FromValue<'_> for [u8; LENGTH] {
    fn from_value(value: &Value) -> Option<Self> {
        <&[u8]>::from_value(value)?.try_into().ok()
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        value.into_bytes().into()
    }
}

impl FromValue<'_> for Uuid {
    fn from_value(value: &Value) -> Option<Self> {
        <[u8; 16]>::from_value(value).map(Self::from_bytes)
    }
}

impl From<ResourceId> for Value {
    fn from(value: ResourceId) -> Self {
        value.0.into()
    }
}

impl FromValue<'_> for ResourceId {
    fn from_value(value: &Value) -> Option<Self> {
        Uuid::from_value(value).map(Self)
    }
}

impl FromValue<'_> for MemberId {
    fn from_value(value: &Value) -> Option<Self> {
        <&[u8]>::from_value(value).map(Self::from_bytes)
    }
}

impl From<SourceId> for Value {
    fn from(value: SourceId) -> Self {
        value.0.into()
    }
}

impl FromValue<'_> for SourceId {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{FromValue, Row, Value};
    use crate::{ResourceId, SourceId, StoreError};

    /// A value that comes back as it went in.
    fn stays<T>(value: T)
    where
        T: Clone + PartialEq + std::fmt::Debug + Into<Value> + for<'a> FromValue<'a>,
    {
        let row = Row(vec![value.clone().into()]);
        assert_eq!(row.get::<T>(0).expect("of this type"), value);
        assert_eq!(row.get::<Option<T>>(0).expect("of this type"), Some(value));
    }

    #[test]
    fn what_goes_in_comes_out() {
        stays(-7_i64);
        stays(u64::from(u32::MAX));
        stays(404_u16);
        stays(true);
        stays(false);
        stays("ü?".to_owned());
        stays(vec![0_u8, 255]);
        stays([7_u8; 32]);
        stays(Uuid::from_u128(9));
        stays(ResourceId(Uuid::from_u128(u128::MAX)));
        stays(SourceId(3));
        assert_eq!(Value::from(None::<String>), Value::Null);
        assert_eq!(Row(vec![Value::Null]).get::<Option<String>>(0).expect("none"), None);
    }

    #[test]
    fn a_value_of_another_type_is_damage() {
        let row = Row(vec![Value::Null, (-1_i64).into(), "a".into(), vec![1_u8; 15].into()]);
        let damaged = [
            row.get::<i64>(0).map(drop),
            row.get::<u64>(1).map(drop),
            row.get::<String>(1).map(drop),
            row.get::<bool>(2).map(drop),
            row.get::<Option<i64>>(2).map(drop),
            row.get::<Uuid>(3).map(drop),
            row.get::<&str>(4).map(drop),
        ];
        for (number, result) in damaged.into_iter().enumerate() {
            assert!(matches!(result, Err(StoreError::Damaged(_))), "{number}");
        }
    }
}
