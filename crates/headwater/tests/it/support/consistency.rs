//! Whether a database is whole: the journal has no gap, replaying it gives the resources and
//! memberships that are there, and the index says what the documents say.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use headwater_scim::{Object, index, registry::Registry, resource};
use headwater_store::{Records, sqlite::SqliteStore};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

type Id = Vec<u8>;
/// Type, version, attributes.
type Resource = (String, i64, Object);

/// Panics with what is wrong. A database of PostgreSQL is looked at as what `migrate-store` makes of it.
#[track_caller]
pub(crate) fn check(database: &Path) {
    let moved = tempfile::tempdir().expect("a folder");
    let database = match database.parent().and_then(super::database_of) {
        Some(url) => {
            let folder = moved.path().to_str().expect("UTF-8");
            let output = super::headwater(&["migrate-store", "--from", &url, "--to", folder, "--json"]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            &moved.path().join("headwater.db")
        }
        None => database,
    };
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let whole: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(whole, "ok");
    let store = SqliteStore::open_existing(database.parent().expect("a folder")).expect("a store");
    let records = Records::from(store);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for source in runtime.block_on(records.sources()).expect("the sources") {
        let registry = runtime.block_on(records.registry(&source)).expect("the schemas");
        check_source(&connection, source.id.0, &registry);
        check_stretches(&connection, source.id.0);
    }
}

/// Each stretch has as many resources as it says.
fn check_stretches(connection: &Connection, source: i64) {
    let select = format!(
        "SELECT type, first_id, resources FROM stretch WHERE source_id = {source} ORDER BY type, first_id"
    );
    let stretches: Vec<(String, Id, usize)> =
        rows(connection, &select, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let select = format!("SELECT type, id FROM resource WHERE source_id = {source}");
    let resources: Vec<(String, Id)> = rows(connection, &select, |row| Ok((row.get(0)?, row.get(1)?)));
    let mut counted: BTreeMap<(String, Id), usize> =
        stretches.iter().map(|(name, first, _)| ((name.clone(), first.clone()), 0)).collect();
    for (name, id) in resources {
        let (_, count) = counted
            .range_mut((name.clone(), Id::new())..=(name, id))
            .next_back()
            .expect("each resource lies in a stretch");
        *count += 1;
    }
    for (name, first, resources) in stretches {
        assert_eq!(counted[&(name, first)], resources, "the stretches of source {source}");
    }
}

fn check_source(connection: &Connection, source: i64, registry: &Registry) {
    let (replayed, memberships) = replay(connection, source);
    let select =
        format!("SELECT id, type, version, document, member_count FROM resource WHERE source_id = {source}");
    let mut stored = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for (id, name, version, document, member_count) in rows(connection, &select, |row| {
        Ok((
            row.get::<_, Id>(0)?,
            row.get::<_, String>(1)?,
            row.get(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, usize>(4)?,
        ))
    }) {
        let resource_type = registry.resource_type(&name).expect("a known type");
        let document: Object = serde_json::from_str(&document).expect("JSON");
        let attributes = resource::attributes(document.clone());
        for key in index::keys(resource_type, &attributes) {
            keys.insert((key.code, key.key, id.clone(), key.unique));
        }
        let members = memberships.iter().filter(|(group, _)| *group == id).count();
        assert_eq!(members, member_count, "the number of members of {id:02x?}");
        stored.insert(id, (name, version, document));
    }
    assert_eq!(replayed, stored, "the journal and the resources of source {source}");
    let select =
        format!("SELECT path, key, resource_id, is_unique FROM resource_key WHERE source_id = {source}");
    let indexed: BTreeSet<(i64, String, Id, bool)> =
        rows(connection, &select, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .into_iter()
            .collect();
    assert_eq!(keys, indexed, "the documents and the index of source {source}");
    let mut taken = BTreeSet::new();
    for (path, key, id, _) in indexed.iter().filter(|(_, _, _, is_unique)| *is_unique) {
        assert!(taken.insert((path, key)), "{key:?} of {id:02x?} in source {source} is somebody else's too");
    }
    let select = format!("SELECT group_id, member_id FROM membership WHERE source_id = {source}");
    let stored: BTreeSet<(Id, Id)> =
        rows(connection, &select, |row| Ok((row.get(0)?, row.get(1)?))).into_iter().collect();
    assert_eq!(memberships, stored, "the journal and the memberships of source {source}");
}

fn replay(connection: &Connection, source: i64) -> (BTreeMap<Id, Resource>, BTreeSet<(Id, Id)>) {
    let select = format!(
        "SELECT sequence, kind, resource_type, resource_id, version, before, after FROM change \
         WHERE source_id = {source} ORDER BY sequence"
    );
    let changes = rows(connection, &select, |row| {
        let text = |column| row.get::<_, Option<String>>(column);
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, Id>(3)?,
            row.get(4)?,
            text(5)?,
            text(6)?,
        ))
    });
    let (mut resources, mut memberships): (BTreeMap<Id, Resource>, _) = (BTreeMap::new(), BTreeSet::new());
    for (position, (sequence, kind, name, id, version, before, after)) in changes.into_iter().enumerate() {
        assert_eq!(
            usize::try_from(sequence).expect("positive"),
            position + 1,
            "a gap in the journal of source {source}"
        );
        let object = |text: Option<String>| -> Object {
            text.map(|text| serde_json::from_str(&text).expect("JSON")).unwrap_or_default()
        };
        let select = format!(
            "SELECT member_id, added FROM change_member WHERE source_id = {source} AND sequence = {sequence}"
        );
        for (member, added) in
            rows(connection, &select, |row| Ok((row.get::<_, Id>(0)?, row.get::<_, bool>(1)?)))
        {
            let membership = (id.clone(), member);
            let effective =
                if added { memberships.insert(membership) } else { memberships.remove(&membership) };
            assert!(effective, "change {sequence} of source {source} has an effect on each member it names");
        }
        match kind.as_str() {
            "create" => {
                assert_eq!(version, 1);
                assert!(
                    resources.insert(id, (name, version, object(after))).is_none(),
                    "change {sequence} creates anew"
                );
            }
            "update" => {
                let (_, last, document) = resources.get_mut(&id).expect("an update is of something");
                assert_eq!(version, *last + 1, "change {sequence} skips a version");
                *last = version;
                for (attribute, value) in object(before) {
                    assert_eq!(
                        document.shift_remove(&attribute),
                        Some(value),
                        "change {sequence} knows what was before"
                    );
                }
                document.extend(object(after));
            }
            "delete" => {
                let (_, _, document) = resources.remove(&id).expect("a delete is of something");
                assert_eq!(object(before), document, "change {sequence} knows what was before");
                assert!(after.is_none());
                assert!(
                    !memberships.iter().any(|(group, member)| *group == id || *member == id),
                    "{id:02x?} left memberships"
                );
            }
            other => panic!("a change of kind {other}"),
        }
    }
    (resources, memberships)
}

fn rows<T>(
    connection: &Connection,
    select: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut statement = connection.prepare(select).expect("a statement");
    let rows = statement.query_map([], read).expect("rows");
    rows.collect::<Result<_, _>>().expect("readable rows")
}

/// How many changes of a kind the journal of the only source has.
pub(crate) fn changes(database: &Path) -> i64 {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    connection.query_row("SELECT COUNT(*) FROM change", [], |row| row.get(0)).expect("a number")
}

/// Whether a text stands anywhere in the files of a folder.
pub(crate) fn is_on_disk(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let bytes = std::fs::read(entry.expect("an entry").path()).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// The members of an object in an answer, for comparison without regard to order.
pub(crate) fn ids(values: &Value) -> BTreeSet<String> {
    let values = values.as_array().into_iter().flatten();
    values.filter_map(|value| value["value"].as_str().map(str::to_owned)).collect()
}
