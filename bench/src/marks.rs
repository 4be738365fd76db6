//! The marks for writes: the rows of a POST, written to SQLite with the same settings and the same
//! schema, one commit each and 64 a commit.

use std::time::{Duration, Instant};

use headwater_scim::{index, json, registry::Registry, resource};
use headwater_store::sqlite::SqliteStore;
use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::{Failure, users};

/// Users a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commits {
    /// With a commit for each.
    pub(crate) single: f64,
    /// With a commit for 64.
    pub(crate) grouped: f64,
}

pub(crate) fn measure() -> Result<Commits, Failure> {
    eprintln!("measuring raw commits");
    Ok(Commits { single: rate(1)?, grouped: rate(64)? })
}

fn rate(rows: usize) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    drop(SqliteStore::open(folder.path())?);
    let mut connection = Connection::open(folder.path().join("headwater.db"))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    let prepared: Vec<User> = (0..40_000).map(User::new).collect::<Result<_, _>>()?;
    let started = Instant::now();
    let mut written = 0;
    for batch in prepared.chunks(rows) {
        let transaction = connection.transaction()?;
        for user in batch {
            written += 1;
            user.write(&transaction, written)?;
        }
        transaction.commit()?;
        if started.elapsed() > Duration::from_secs(3) {
            break;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    Ok(written as f64 / started.elapsed().as_secs_f64())
}

/// The rows of one user.
struct User {
    id: Uuid,
    document: String,
    keys: Vec<index::IndexKey>,
}

impl User {
    fn new(number: usize) -> Result<Self, Failure> {
        let registry = Registry::built_in();
        let resource_type = registry.resource_type("User").ok_or("User is built in")?;
        let draft = resource::read(json::parse(users::body(number, "mark").as_bytes())?, resource_type)?;
        let id = uuid::Builder::from_unix_timestamp_millis(1_764_000_000_000 + number as u64, &[7; 10])
            .into_uuid();
        let document = resource::document(resource_type, &id.to_string(), &draft.attributes);
        Ok(Self { id, document, keys: index::keys(resource_type, &draft.attributes) })
    }

    fn write(&self, connection: &Connection, sequence: i64) -> Result<(), Failure> {
        let resource = "INSERT INTO resource (source_id, id, type, version, created, last_modified, display, has_references, \
                        member_count, document) VALUES (1, ?1, 'User', 1, ?2, ?2, 'A Name', 0, 0, ?3)";
        connection.prepare_cached(resource)?.execute(params![self.id.as_bytes(), sequence, self.document])?;
        let key = "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES (1, ?1, ?2, ?3, ?4)";
        for index::IndexKey { code, key: value, unique, .. } in &self.keys {
            connection.prepare_cached(key)?.execute(params![code, value, self.id.as_bytes(), unique])?;
        }
        let change = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, version, after) \
                      VALUES (1, ?1, ?1, ?2, ?2, 'create', 'User', ?2, 1, ?3)";
        connection.prepare_cached(change)?.execute(params![sequence, self.id.as_bytes(), self.document])?;
        Ok(())
    }
}
