//! How many resources stand where. The ids of a type are cut into stretches of some hundreds, each
//! with its count, so that the n-th resource is found, and all are counted, in a few hundred rows
//! where there are a million.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{ResourceId, SourceId, StoreError};

/// How many resources a stretch has when it is cut in two.
const MOST: u64 = 1_024;

/// A resource has come.
pub(super) fn add(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
) -> rusqlite::Result<()> {
    let Some((first, resources)) = change(connection, source, resource_type, id, 1)? else {
        let insert = "INSERT INTO stretch (source_id, type, first_id, resources) VALUES (?1, ?2, x'', 1)";
        connection.prepare_cached(insert)?.execute(params![source.0, resource_type])?;
        return Ok(());
    };
    if resources > MOST { cut(connection, source, resource_type, &first, resources) } else { Ok(()) }
}

/// A resource has gone.
pub(super) fn remove(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
) -> rusqlite::Result<()> {
    let changed = change(connection, source, resource_type, id, -1)?;
    if let Some((first, 0)) = changed
        && !first.is_empty()
    {
        let delete = "DELETE FROM stretch WHERE source_id = ?1 AND type = ?2 AND first_id = ?3";
        connection.prepare_cached(delete)?.execute(params![source.0, resource_type, first])?;
    }
    Ok(())
}

/// Changes the count of the stretch that an id lies in; returns its beginning and its count.
fn change(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
    id: ResourceId,
    by: i64,
) -> rusqlite::Result<Option<(Vec<u8>, u64)>> {
    let update = "UPDATE stretch SET resources = resources + ?4 WHERE source_id = ?1 AND type = ?2 AND first_id = \
                  (SELECT MAX(first_id) FROM stretch WHERE source_id = ?1 AND type = ?2 AND first_id <= ?3) \
                  RETURNING first_id, resources";
    let parameters = params![source.0, resource_type, id.as_bytes(), by];
    connection.prepare_cached(update)?.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Cuts a stretch in the middle.
fn cut(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
    first: &[u8],
    resources: u64,
) -> rusqlite::Result<()> {
    let half = resources / 2;
    let middle = "SELECT id FROM resource WHERE source_id = ?1 AND type = ?2 AND id >= ?3 ORDER BY id LIMIT 1 OFFSET ?4";
    let middle: Option<Vec<u8>> = connection
        .prepare_cached(middle)?
        .query_row(params![source.0, resource_type, first, half], |row| row.get(0))
        .optional()?;
    let Some(middle) = middle else { return Ok(()) };
    let shorten = "UPDATE stretch SET resources = ?4 WHERE source_id = ?1 AND type = ?2 AND first_id = ?3";
    connection.prepare_cached(shorten)?.execute(params![source.0, resource_type, first, half])?;
    let insert = "INSERT INTO stretch (source_id, type, first_id, resources) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(insert)?.execute(params![source.0, resource_type, middle, resources - half])?;
    Ok(())
}

/// How many resources of a type there are.
pub(super) fn count(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
) -> Result<u64, StoreError> {
    let sum = "SELECT COALESCE(SUM(resources), 0) FROM stretch WHERE source_id = ?1 AND type = ?2";
    Ok(connection.prepare_cached(sum)?.query_row(params![source.0, resource_type], |row| row.get(0))?)
}

/// The beginning of the stretch in which the resource behind so many others stands, and how many of
/// these stand in it.
pub(super) fn find(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
    offset: u64,
) -> Result<(Vec<u8>, u64), StoreError> {
    let select =
        "SELECT first_id, resources FROM stretch WHERE source_id = ?1 AND type = ?2 ORDER BY first_id";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![source.0, resource_type])?;
    let mut before = 0;
    let mut found = (Vec::new(), offset);
    while let Some(row) = rows.next()? {
        let resources: u64 = row.get(1)?;
        found = (row.get(0)?, offset - before);
        if before + resources > offset {
            break;
        }
        before += resources;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use rusqlite::params;
    use uuid::Uuid;

    use super::{MOST, add, count, find, remove};
    use crate::{
        ResourceId, SourceId,
        sqlite::{SqliteStore, open_writing},
    };

    #[test]
    fn counts_and_places_are_those_of_the_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let connection = open_writing(&folder.path().join("headwater.db")).expect("a connection");
        let source = SourceId(1);
        let id = |number: u64| ResourceId(Uuid::from_u128(u128::from(number * 7_919 % 10_007) << 64));
        let insert = "INSERT INTO resource (source_id, id, type, version, created, last_modified, has_references, \
                      member_count, document) VALUES (1, ?1, 'User', 1, 0, 0, 0, 0, '{}')";
        connection.execute_batch("BEGIN").expect("a transaction");
        for number in 0..5_000 {
            connection.execute(insert, [id(number).as_bytes()]).expect("a row");
            add(&connection, source, "User", id(number)).expect("counted");
        }
        for number in (0..5_000).filter(|number| number % 3 == 0 || *number > 4_000) {
            connection.execute("DELETE FROM resource WHERE id = ?1", [id(number).as_bytes()]).expect("gone");
            remove(&connection, source, "User", id(number)).expect("counted");
        }
        let rows: u64 =
            connection.query_row("SELECT COUNT(*) FROM resource", [], |row| row.get(0)).expect("a count");
        assert_eq!(count(&connection, source, "User").expect("a count"), rows);
        let longest: u64 = connection
            .query_row("SELECT MAX(resources) FROM stretch", [], |row| row.get(0))
            .expect("a count");
        assert!(longest <= MOST, "{longest}");
        for offset in (0..rows).step_by(97) {
            let (first, rest) = find(&connection, source, "User", offset).expect("a place");
            let at = "SELECT id FROM resource WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2";
            let found: Vec<u8> =
                connection.query_row(at, params![first, rest], |row| row.get(0)).expect("a row");
            let counted = "SELECT id FROM resource ORDER BY id LIMIT 1 OFFSET ?1";
            let expected: Vec<u8> = connection.query_row(counted, [offset], |row| row.get(0)).expect("a row");
            assert_eq!(found, expected, "{offset}");
        }
    }
}
