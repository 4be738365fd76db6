//! How many resources stand where. The ids of a type are cut into stretches of some hundreds, each
//! with its count, so that the n-th resource is found, and all are counted, in a few hundred rows
//! where there are a million.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{ResourceId, SourceId, StoreError};

/// How many resources a stretch has when it is cut in two.
const MOST: u64 = 1_024;

/// Counts what comes and goes in a batch. Most batches change one stretch: its count is written down
/// when the turn of another one comes, and at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting(Option<Stretch>);

/// A stretch whose count is being changed.
#[derive(Debug, Clone)]
struct Stretch {
    source: SourceId,
    resource_type: String,
    first: Vec<u8>,
    /// Where the next one begins.
    end: Option<Vec<u8>>,
    resources: u64,
}

impl Counting {
    /// A resource has come.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
    ) -> rusqlite::Result<()> {
        let mut stretch = self.take(connection, source, resource_type, id)?;
        stretch.resources += 1;
        if stretch.resources > MOST {
            return cut(connection, source, resource_type, &stretch.first, stretch.resources);
        }
        self.0 = Some(stretch);
        Ok(())
    }

    /// A resource has gone.
    pub(super) fn remove(
        &mut self,
        connection: &Connection,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
    ) -> rusqlite::Result<()> {
        let mut stretch = self.take(connection, source, resource_type, id)?;
        stretch.resources = stretch.resources.saturating_sub(1);
        if stretch.resources == 0 && !stretch.first.is_empty() {
            let delete = "DELETE FROM stretch WHERE source_id = ?1 AND type = ?2 AND first_id = ?3";
            connection.prepare_cached(delete)?.execute(params![source.0, resource_type, stretch.first])?;
            return Ok(());
        }
        self.0 = Some(stretch);
        Ok(())
    }

    /// Writes down what was counted.
    pub(super) fn write_down(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(stretch) = self.0.take() else { return Ok(()) };
        let update = "UPDATE stretch SET resources = ?4 WHERE source_id = ?1 AND type = ?2 AND first_id = ?3";
        let Stretch { source, resource_type, first, resources, .. } = stretch;
        connection.prepare_cached(update)?.execute(params![source.0, resource_type, first, resources])?;
        Ok(())
    }

    /// The stretch that an id lies in.
    fn take(
        &mut self,
        connection: &Connection,
        source: SourceId,
        resource_type: &str,
        id: ResourceId,
    ) -> rusqlite::Result<Stretch> {
        if let Some(stretch) = self.0.take_if(|stretch| stretch.has(source, resource_type, id)) {
            return Ok(stretch);
        }
        self.write_down(connection)?;
        let select = "SELECT first_id, resources, (SELECT MIN(first_id) FROM stretch \
                      WHERE source_id = ?1 AND type = ?2 AND first_id > ?3) \
                      FROM stretch WHERE source_id = ?1 AND type = ?2 AND first_id <= ?3 \
                      ORDER BY first_id DESC LIMIT 1";
        let found = connection
            .prepare_cached(select)?
            .query_row(params![source.0, resource_type, id.as_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        if found.is_none() {
            let insert = "INSERT INTO stretch (source_id, type, first_id, resources) VALUES (?1, ?2, x'', 0)";
            connection.prepare_cached(insert)?.execute(params![source.0, resource_type])?;
        }
        let (first, resources, end) = found.unwrap_or_default();
        Ok(Stretch { source, resource_type: resource_type.to_owned(), first, end, resources })
    }
}

impl Stretch {
    fn has(&self, source: SourceId, resource_type: &str, id: ResourceId) -> bool {
        let id = id.as_bytes().as_slice();
        self.source == source
            && self.resource_type == resource_type
            && *self.first <= *id
            && self.end.as_deref().is_none_or(|end| id < end)
    }
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
/// these stand in it. `total` is how many there are of the type; it is looked from the nearer end.
pub(super) fn find(
    connection: &Connection,
    source: SourceId,
    resource_type: &str,
    offset: u64,
    total: u64,
) -> Result<(Vec<u8>, u64), StoreError> {
    let from_end = offset > total / 2;
    let order = if from_end { "DESC" } else { "ASC" };
    let select = format!(
        "SELECT first_id, resources FROM stretch WHERE source_id = ?1 AND type = ?2 ORDER BY first_id {order}"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params![source.0, resource_type])?;
    // How many stand before the stretch in hand, and before the one behind it.
    let (mut before, mut behind) = (0, total);
    while let Some(row) = rows.next()? {
        let resources: u64 = row.get(1)?;
        if from_end {
            before = behind.saturating_sub(resources);
        } else {
            behind = before + resources;
        }
        if (before..behind).contains(&offset) {
            return Ok((row.get(0)?, offset - before));
        }
        if from_end {
            behind = before;
        } else {
            before = behind;
        }
    }
    Ok((Vec::new(), offset))
}

#[cfg(test)]
mod tests {
    use rusqlite::params;
    use uuid::Uuid;

    use super::{Counting, MOST, count, find};
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
        let mut counting = Counting::default();
        for number in 0..5_000 {
            connection.execute(insert, [id(number).as_bytes()]).expect("a row");
            counting.add(&connection, source, "User", id(number)).expect("counted");
        }
        for number in (0..5_000).filter(|number| number % 3 == 0 || *number > 4_000) {
            connection.execute("DELETE FROM resource WHERE id = ?1", [id(number).as_bytes()]).expect("gone");
            counting.remove(&connection, source, "User", id(number)).expect("counted");
        }
        counting.write_down(&connection).expect("written down");
        let rows: u64 =
            connection.query_row("SELECT COUNT(*) FROM resource", [], |row| row.get(0)).expect("a count");
        assert_eq!(count(&connection, source, "User").expect("a count"), rows);
        let longest: u64 = connection
            .query_row("SELECT MAX(resources) FROM stretch", [], |row| row.get(0))
            .expect("a count");
        assert!(longest <= MOST, "{longest}");
        for offset in (0..rows).step_by(97) {
            let (first, rest) = find(&connection, source, "User", offset, rows).expect("a place");
            let at = "SELECT id FROM resource WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2";
            let found: Vec<u8> =
                connection.query_row(at, params![first, rest], |row| row.get(0)).expect("a row");
            let counted = "SELECT id FROM resource ORDER BY id LIMIT 1 OFFSET ?1";
            let expected: Vec<u8> = connection.query_row(counted, [offset], |row| row.get(0)).expect("a row");
            assert_eq!(found, expected, "{offset}");
        }
    }
}
