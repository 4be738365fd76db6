//! The index made anew when a program comes that makes its keys in another form.

use rusqlite::{Connection, TransactionBehavior};

use crate::{StoreError, form::fingerprint, records, transfer};

/// Makes the index anew, unless it was made by a program that makes it as this one does.
pub(super) fn reindex(connection: &mut Connection) -> Result<(), StoreError> {
    let wanted = fingerprint();
    if made_by(connection)? == wanted {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    if made_by(&transaction)? != wanted {
        let resources: u64 = transaction.query_row("SELECT COUNT(*) FROM resource", [], |row| row.get(0))?;
        // Where a directory is being moved to, keys have the form of where they come from.
        let is_whole = transfer::progress::origin(&*transaction)?.is_none();
        if resources > 0 && is_whole {
            tracing::info!(resources, "making the index of users and groups anew; this is done once");
            records::make_anew(&*transaction)?;
        }
        transaction.pragma_update(None, "user_version", wanted)?;
    }
    Ok(transaction.commit()?)
}

fn made_by(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use headwater_scim::index;
    use rusqlite::Connection;

    use super::{made_by, reindex};
    use crate::sqlite::{SqliteStore, open_writing};

    fn keys(connection: &Connection) -> Vec<(i64, String, bool)> {
        let mut statement = connection
            .prepare("SELECT path, key, is_unique FROM resource_key ORDER BY path, key")
            .expect("SQL");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("keys")
    }

    #[test]
    fn an_index_of_an_earlier_program_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let mut connection = open_writing(&folder.path().join("headwater.db")).expect("a connection");
        let made = made_by(&connection).expect("a version");
        assert_ne!(made, 0);
        let rows = "INSERT INTO source (id, slug, name, enabled, unique_display_names, created) VALUES (1, 's', 'S', 1, 1, 0); \
                    INSERT INTO resource (source_id, id, type, version, created, last_modified, has_references, member_count, document) \
                    VALUES (1, x'00000000000000000000000000000001', 'User', 1, 0, 0, 0, 0, \
                    '{\"userName\":\"Ada\",\"name\":{\"familyName\":\"Lovelace\"}}'), \
                    (1, x'00000000000000000000000000000002', 'User', 1, 0, 0, 0, 0, '{\"userName\":\"ADA\"}'); \
                    PRAGMA user_version = 7";
        connection.execute_batch(rows).expect("rows");
        reindex(&mut connection).expect("made anew");
        assert_eq!(made_by(&connection).expect("a version"), made);
        let expected = [
            (index::code("User", "userName"), "ada", true),
            (index::code("User", "userName"), "ada", false),
            (index::code("User", "name.familyName"), "lovelace", false),
        ];
        let mut found = keys(&connection);
        found.sort_by_key(|(_, key, unique)| (key.clone(), !unique));
        let found: Vec<_> = found.iter().map(|(path, key, unique)| (*path, key.as_str(), *unique)).collect();
        assert_eq!(found, expected);
    }
}
