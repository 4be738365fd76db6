//! Resources as they lie in a database.

use headwater_scim::Object;

use crate::{StoreError, StoredResource, sql::Row};

/// The columns that a resource is read from, of a `resource r`.
pub(crate) const COLUMNS: &str =
    "r.type, r.id, r.version, r.created, r.last_modified, r.has_references, r.member_count, r.document";
/// How many these are.
pub(crate) const COLUMN_COUNT: usize = 8;

/// The resource of a row that begins with [`COLUMNS`].
pub(crate) fn stored(row: &Row) -> Result<StoredResource, StoreError> {
    Ok(StoredResource {
        resource_type: row.get(0)?,
        id: row.get(1)?,
        version: row.get(2)?,
        created: row.get(3)?,
        last_modified: row.get(4)?,
        has_references: row.get(5)?,
        member_count: row.get(6)?,
        document: row.get(7)?,
        members: None,
        groups: None,
    })
}

/// What a document says.
pub(crate) fn parsed(document: &str) -> Result<Object, StoreError> {
    serde_json::from_str(document)
        .map_err(|_| StoreError::Damaged("the document of a resource is not JSON".to_owned()))
}
