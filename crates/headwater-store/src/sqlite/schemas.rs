//! The schemas and resource types that sources add, and the index that follows from them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock},
};

use headwater_scim::{
    Object, definition, index,
    path::AttributePath,
    registry::{Additions, Registry},
    resource_type::{ResourceType, Searchable},
    schema::{Attribute, Schema},
    value,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::{
    SqliteStore,
    administration::{self, described, source_of, source_uuid},
    journal::{self, Entry},
    lock,
};
use crate::{Act, Source, SourceId, StoreError, UnknownAttribute};

/// How many attributes that no schema knows are counted for a source.
const MOST_UNKNOWN: u64 = 1_000;

/// Registries by source, each as of a revision.
pub(super) type Registries = Mutex<HashMap<SourceId, (u64, Arc<Registry>)>>;

impl SqliteStore {
    /// The types and schemas of a source.
    ///
    /// # Errors
    /// The database failed.
    pub fn registry(&self, source: &Source) -> Result<Arc<Registry>, StoreError> {
        self.read(|connection, _| self.registry_of(connection, source))
    }

    pub(super) fn registry_of(
        &self,
        connection: &Connection,
        source: &Source,
    ) -> Result<Arc<Registry>, StoreError> {
        if let Some((revision, registry)) = lock(&self.shared.registries).get(&source.id)
            && *revision == source.revision
        {
            return Ok(Arc::clone(registry));
        }
        let registry = registry(&additions(connection, source)?)?;
        lock(&self.shared.registries).insert(source.id, (source.revision, Arc::clone(&registry)));
        Ok(registry)
    }

    /// What a source adds to the schemas and resource types.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub fn additions(&self, slug: &str) -> Result<Additions, StoreError> {
        self.read(|connection, _| additions(connection, &source_of(connection, slug)?))
    }

    /// Changes what a source adds, and makes anew what of its index depends on it. `change` says what
    /// is done, for the journal.
    ///
    /// # Errors
    /// [`StoreError::NoSource`]; what `change` answers; [`StoreError::Definition`] when it doesn't fit
    /// together; [`StoreError::NotUnique`]; [`StoreError::InUse`] when a type with resources would go.
    pub async fn change_additions(
        &self,
        slug: String,
        change: impl FnOnce(&mut Additions) -> Result<Value, StoreError> + Send + 'static,
        act: Act,
    ) -> Result<Source, StoreError> {
        let work = move |connection: &Connection| {
            let source = source_of(connection, &slug)?;
            let before = additions(connection, &source)?;
            let mut after = before.clone();
            let said = change(&mut after)?;
            if after == before {
                return Ok(source);
            }
            rebuild(connection, source.id, &before, &after)?;
            write(connection, source.id, &after)?;
            administration::raise_revision(connection, source.id)?;
            let entry = Entry::new("update", "Source", source_uuid(source.id)).about(source.id);
            let Value::Object(said) = said else {
                return Err(StoreError::Damaged("a change has no name".to_owned()));
            };
            let name: Object = described(&source).as_object().cloned().unwrap_or_default();
            let name = name.into_iter().filter(|(key, _)| key == "name");
            journal::append(connection, &act, &entry.after(Value::Object(name.chain(said).collect())))?;
            source_of(connection, &slug)
        };
        self.administer(work).await
    }

    /// The attributes that clients of a source sent and no schema knows, the most frequent first.
    ///
    /// # Errors
    /// The database failed.
    pub fn unknown_attributes(&self, source: SourceId) -> Result<Vec<UnknownAttribute>, StoreError> {
        self.read(|connection, _| {
            let select = "SELECT resource_type, path, shape, seen, first_seen, last_seen FROM unknown_attribute \
                          WHERE source_id = ?1 ORDER BY seen DESC, resource_type, path";
            let mut statement = connection.prepare(select)?;
            let rows = statement.query_map([source.0], |row| {
                Ok(UnknownAttribute {
                    source,
                    resource_type: row.get(0)?,
                    path: row.get(1)?,
                    shape: row.get(2)?,
                    seen: row.get(3)?,
                    first_seen: row.get(4)?,
                    last_seen: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets attributes that were unknown: one, or with `None` all of a source.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_unknown(
        &self,
        source: SourceId,
        one: Option<(String, String)>,
    ) -> Result<(), StoreError> {
        let forget = move |connection: &Connection| {
            match one {
                Some((resource_type, path)) => {
                    let delete = "DELETE FROM unknown_attribute WHERE source_id = ?1 AND resource_type = ?2 AND path = ?3";
                    connection.execute(delete, params![source.0, resource_type, path])?;
                }
                None => {
                    connection.execute("DELETE FROM unknown_attribute WHERE source_id = ?1", [source.0])?;
                }
            }
            Ok(())
        };
        self.shared.writer.run(forget).await
    }
}

/// Adds to what is known of attributes that no schema knows.
pub(super) fn note_unknown(connection: &Connection, unknown: &[UnknownAttribute]) -> Result<(), StoreError> {
    let known =
        "SELECT shape FROM unknown_attribute WHERE source_id = ?1 AND resource_type = ?2 AND path = ?3";
    let update = "UPDATE unknown_attribute SET seen = seen + ?4, shape = ?5, last_seen = MAX(last_seen, ?6) \
                  WHERE source_id = ?1 AND resource_type = ?2 AND path = ?3";
    // A source that has been deleted in the meantime stays without.
    let insert = "INSERT INTO unknown_attribute (source_id, resource_type, path, shape, seen, first_seen, last_seen) \
                  SELECT ?1, ?2, ?3, ?5, ?4, ?7, ?6 FROM source WHERE id = ?1 AND deleted = 0 \
                  AND (SELECT COUNT(*) FROM unknown_attribute WHERE source_id = ?1) < ?8";
    for one in unknown {
        let parameters = params![one.source.0, one.resource_type, one.path];
        let shape: Option<String> =
            connection.prepare_cached(known)?.query_row(parameters, |row| row.get(0)).optional()?;
        match shape {
            Some(shape) => {
                let shape = headwater_scim::unknown::widened(&shape, &one.shape);
                connection.prepare_cached(update)?.execute(params![
                    one.source.0,
                    one.resource_type,
                    one.path,
                    one.seen,
                    shape,
                    one.last_seen
                ])?;
            }
            None => {
                connection.prepare_cached(insert)?.execute(params![
                    one.source.0,
                    one.resource_type,
                    one.path,
                    one.seen,
                    one.shape,
                    one.last_seen,
                    one.first_seen,
                    MOST_UNKNOWN
                ])?;
            }
        }
    }
    Ok(())
}

/// The registry of what a source adds. Sources that add nothing share theirs.
pub(super) fn registry(additions: &Additions) -> Result<Arc<Registry>, StoreError> {
    static PLAIN: [OnceLock<Arc<Registry>>; 4] = [const { OnceLock::new() }; 4];
    let built = || Registry::with(additions).map_err(StoreError::from);
    if additions.schemas.is_empty() && additions.resource_types.is_empty() {
        let number = usize::from(additions.unique_by_choice) + 2 * usize::from(additions.keeps_secrets);
        if let Some(known) = PLAIN[number].get() {
            return Ok(Arc::clone(known));
        }
        let registry = built()?;
        return Ok(Arc::clone(PLAIN[number].get_or_init(|| registry)));
    }
    built()
}

/// What a source adds.
pub(super) fn additions(connection: &Connection, source: &Source) -> Result<Additions, StoreError> {
    let read = |select: &str| -> Result<Vec<Value>, StoreError> {
        let mut statement = connection.prepare_cached(select)?;
        let rows = statement.query_map([source.id.0], |row| row.get::<_, String>(0))?;
        rows.map(|definition| {
            let definition = definition?;
            serde_json::from_str(&definition)
                .map_err(|_| StoreError::Damaged("a definition of a source is not JSON".to_owned()))
        })
        .collect()
    };
    let schemas = read("SELECT definition FROM source_schema WHERE source_id = ?1 ORDER BY urn")?;
    let types = read("SELECT definition FROM source_resource_type WHERE source_id = ?1 ORDER BY name")?;
    Ok(Additions {
        schemas: schemas.iter().map(definition::read_schema).collect::<Result<_, _>>()?,
        resource_types: types.iter().map(definition::read_resource_type).collect::<Result<_, _>>()?,
        unique_by_choice: source.unique_display_names,
        keeps_secrets: source.keep_passwords,
    })
}

fn write(connection: &Connection, source: SourceId, additions: &Additions) -> Result<(), StoreError> {
    connection.execute("DELETE FROM source_schema WHERE source_id = ?1", [source.0])?;
    connection.execute("DELETE FROM source_resource_type WHERE source_id = ?1", [source.0])?;
    for schema in &additions.schemas {
        let insert = "INSERT INTO source_schema (source_id, urn, definition) VALUES (?1, ?2, ?3)";
        connection.execute(
            insert,
            params![source.0, schema.id.to_ascii_lowercase(), schema_json(schema).to_string()],
        )?;
    }
    for one in &additions.resource_types {
        let insert = "INSERT INTO source_resource_type (source_id, name, definition) VALUES (?1, ?2, ?3)";
        connection.execute(insert, params![source.0, one.name, one.to_json().to_string()])?;
    }
    Ok(())
}

fn schema_json(schema: &Schema) -> Value {
    json!({
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
    })
}

/// Makes anew what of the index of a source differs between what it added and what it adds.
pub(super) fn rebuild(
    connection: &Connection,
    source: SourceId,
    before: &Additions,
    after: &Additions,
) -> Result<(), StoreError> {
    let (before, after) = (registry(before)?, registry(after)?);
    for known in &before.resource_types {
        // Under another base schema, nothing of what its resources hold would mean anything.
        let stays = after.resource_type(&known.name).is_some_and(|one| one.schema.id == known.schema.id);
        if !stays && super::stretches::count(connection, source, &known.name)? > 0 {
            return Err(StoreError::InUse(known.name.to_string()));
        }
    }
    let (old, new) = (by_code(&before), by_code(&after));
    let has_same_keys = |searchable: &Searchable| {
        old.get(&searchable.code).is_some_and(|known| same_keys(known.path.leaf(), searchable.path.leaf()))
    };
    for searchable in old.values().filter(|known| !new.get(&known.code).is_some_and(|one| has_same_keys(one)))
    {
        connection.execute(
            "DELETE FROM resource_key WHERE source_id = ?1 AND path = ?2",
            params![source.0, searchable.code],
        )?;
    }
    for resource_type in &after.resource_types {
        let added: Vec<&Searchable> =
            resource_type.searchable.iter().filter(|one| !has_same_keys(one)).collect();
        let changed = before.resource_type(&resource_type.name).map(|known| changed(known, resource_type));
        fill(connection, source, resource_type, &added, &changed.unwrap_or_default())?;
        for searchable in &resource_type.searchable {
            let known = old.get(&searchable.code).filter(|_| has_same_keys(searchable));
            if known.is_some_and(|known| known.is_unique()) != searchable.is_unique() {
                set_unique(connection, source, searchable)?;
            }
        }
    }
    Ok(())
}

fn by_code(registry: &Registry) -> HashMap<i64, &Searchable> {
    let all = registry.resource_types.iter().flat_map(|one| &one.searchable);
    all.map(|searchable| (searchable.code, searchable)).collect()
}

/// Whether the same values have the same keys under both.
fn same_keys(one: &Attribute, other: &Attribute) -> bool {
    one.attribute_type == other.attribute_type && one.compares_exactly() == other.compares_exactly()
}

/// The attributes of a resource type that are new, or take other values than they did.
fn changed(before: &ResourceType, after: &ResourceType) -> Vec<AttributePath> {
    let of_schemas = after.schemas().flat_map(|(extension, schema)| {
        let known = before.schemas().find(|(_, known)| known.id == schema.id).map(|(_, known)| known);
        let is_changed = move |attribute: &&Arc<Attribute>| {
            let known = known.and_then(|known| known.attribute(&attribute.name));
            !known.is_some_and(|known| takes_the_same(known, attribute))
        };
        let path = move |attribute: &Arc<Attribute>| AttributePath {
            extension: extension.cloned(),
            ..AttributePath::core(Arc::clone(attribute))
        };
        schema.attributes.iter().filter(is_changed).map(path)
    });
    of_schemas.collect()
}

fn takes_the_same(one: &Attribute, other: &Attribute) -> bool {
    one.attribute_type == other.attribute_type
        && one.multi_valued == other.multi_valued
        && one.sub_attributes.iter().all(|sub| {
            // What is gone from the inside of an attribute is passed over.
            other.sub_attribute(&sub.name).is_none_or(|found| takes_the_same(sub, found))
        })
        && other.sub_attributes.iter().all(|sub| one.sub_attribute(&sub.name).is_some())
}

/// Puts the values at paths that have become searchable into the index, not yet as unique. What
/// resources hold already of attributes that are `changed` has to fit them: it was sent while no
/// schema knew it, or under another definition.
fn fill(
    connection: &Connection,
    source: SourceId,
    resource_type: &ResourceType,
    added: &[&Searchable],
    changed: &[AttributePath],
) -> Result<(), StoreError> {
    if added.is_empty() && changed.is_empty() {
        return Ok(());
    }
    let paths = added.iter().map(|one| &one.path).chain(changed);
    let names: HashSet<&str> = paths.map(|path| path.attribute.name.as_str()).collect();
    let insert = "INSERT OR IGNORE INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES (?1, ?2, ?3, ?4, 0)";
    let mut insert = connection.prepare(insert)?;
    let mut select =
        connection.prepare("SELECT id, document FROM resource WHERE source_id = ?1 AND type = ?2")?;
    let mut referring: Vec<Vec<u8>> = Vec::new();
    let mut rows = select.query(params![source.0, &*resource_type.name])?;
    while let Some(row) = rows.next()? {
        let document = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        // Most have none of what was added: they need not be parsed.
        if !names.iter().any(|name| document.contains(name)) {
            continue;
        }
        let document: Object = serde_json::from_str(document)
            .map_err(|_| StoreError::Damaged("resource.document is not JSON".to_owned()))?;
        for path in changed {
            let value = path.container(&document).and_then(|object| object.get(&path.attribute.name));
            if let Some(value) = value
                && let Err(error) = value::check(&path.attribute, value.clone(), &mut Vec::new())
            {
                return Err(StoreError::Misfit { path: path.to_string(), message: error.message });
            }
        }
        let id: Vec<u8> = row.get(0)?;
        for key in index::keys(resource_type, &document) {
            if added.iter().any(|one| one.code == key.code) {
                insert.execute(params![source.0, key.code, key.key, id])?;
            }
        }
        if index::has_references(resource_type, &document) {
            referring.push(id);
        }
    }
    let mut update =
        connection.prepare("UPDATE resource SET has_references = 1 WHERE source_id = ?1 AND id = ?2")?;
    for id in referring {
        update.execute(params![source.0, id])?;
    }
    Ok(())
}

/// Brings the index to what is said of the uniqueness of a path.
fn set_unique(connection: &Connection, source: SourceId, searchable: &Searchable) -> Result<(), StoreError> {
    let unique = searchable.is_unique();
    if unique {
        let twice = "SELECT key FROM resource_key WHERE source_id = ?1 AND path = ?2 GROUP BY key HAVING COUNT(*) > 1 LIMIT 1";
        let twice: Option<String> =
            connection.query_row(twice, params![source.0, searchable.code], |row| row.get(0)).optional()?;
        if let Some(value) = twice {
            return Err(StoreError::NotUnique { path: searchable.name.to_string(), value });
        }
    }
    let update = "UPDATE resource_key SET is_unique = ?3 WHERE source_id = ?1 AND path = ?2";
    connection.execute(update, params![source.0, searchable.code, unique])?;
    Ok(())
}
