//! The schemas and resource types that sources add, and what clients send that none of them has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use headwater_scim::{
    Object, definition,
    registry::{Additions, Registry},
    schema::Schema,
};
use serde_json::{Value, json};

use super::{
    Records, index,
    journal::{self, Entry},
    sources::{described, raise_revision, source_of, source_uuid},
};
use crate::{
    Act, Source, SourceId, StoreError, UnknownAttribute,
    sql::{Sql, values},
};

/// How many attributes that no schema knows are counted for a source.
const MOST_UNKNOWN: u64 = 1_000;

/// Registries by source, each as of a revision.
#[derive(Default)]
pub(crate) struct Registries(Mutex<HashMap<SourceId, (u64, Arc<Registry>)>>);

impl Registries {
    /// The registry of a source, made if it isn't there for this revision.
    pub(super) fn of(&self, sql: &dyn Sql, source: &Source) -> Result<Arc<Registry>, StoreError> {
        // No panic can leave the map half changed.
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, registry)) = known().get(&source.id)
            && *revision == source.revision
        {
            return Ok(Arc::clone(registry));
        }
        let registry = registry(&additions(sql, source)?)?;
        known().insert(source.id, (source.revision, Arc::clone(&registry)));
        Ok(registry)
    }
}

impl Records {
    /// The types and schemas of a source.
    ///
    /// # Errors
    /// The database failed.
    pub async fn registry(&self, source: &Source) -> Result<Arc<Registry>, StoreError> {
        let (registries, source) = (Arc::clone(&self.registries), source.clone());
        self.read(move |sql| registries.of(sql, &source)).await
    }

    /// What a source adds to the schemas and resource types.
    ///
    /// # Errors
    /// [`StoreError::NoSource`].
    pub async fn additions(&self, slug: &str) -> Result<Additions, StoreError> {
        let slug = slug.to_owned();
        self.read(move |sql| additions(sql, &source_of(sql, &slug)?)).await
    }

    /// Changes what a source adds, and makes anew what of its index depends on it. `change` says what
    /// is done, for the journal, and what is answered with the source.
    ///
    /// # Errors
    /// [`StoreError::NoSource`]; what `change` answers; [`StoreError::Definition`] when it doesn't fit
    /// together; [`StoreError::NotUnique`]; [`StoreError::InUse`] when a type with resources would go.
    pub async fn change_additions<T: Send + 'static>(
        &self,
        slug: String,
        change: impl Fn(&mut Additions) -> Result<(Value, T), StoreError> + Send + 'static,
        act: Act,
    ) -> Result<(Source, T), StoreError> {
        let work = move |sql: &dyn Sql| {
            let source = source_of(sql, &slug)?;
            sql.lock(source.id)?;
            let before = additions(sql, &source)?;
            let mut after = before.clone();
            let (said, answer) = change(&mut after)?;
            if after == before {
                return Ok((source, answer));
            }
            index::rebuild(sql, source.id, &before, &after)?;
            write(sql, source.id, &after)?;
            raise_revision(sql, source.id)?;
            let entry = Entry::new("update", "Source", source_uuid(source.id)).about(source.id);
            let Value::Object(said) = said else {
                return Err(StoreError::Damaged("a change has no name".to_owned()));
            };
            let name: Object = described(&source).as_object().cloned().unwrap_or_default();
            let name = name.into_iter().filter(|(key, _)| key == "name");
            journal::append(sql, &act, &entry.after(Value::Object(name.chain(said).collect())))?;
            Ok((source_of(sql, &slug)?, answer))
        };
        self.administer(work).await
    }

    /// The attributes that clients of a source sent and no schema knows, the most frequent first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unknown_attributes(&self, source: SourceId) -> Result<Vec<UnknownAttribute>, StoreError> {
        let select = "SELECT resource_type, path, shape, seen, first_seen, last_seen FROM unknown_attribute \
                      WHERE source_id = ?1 ORDER BY seen DESC, resource_type, path";
        self.read(move |sql| {
            sql.all(select, &values![source], |row| {
                Ok(UnknownAttribute {
                    source,
                    resource_type: row.get(0)?,
                    path: row.get(1)?,
                    shape: row.get(2)?,
                    seen: row.get(3)?,
                    first_seen: row.get(4)?,
                    last_seen: row.get(5)?,
                })
            })
        })
        .await
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
        let forget = move |sql: &dyn Sql| {
            let all = "DELETE FROM unknown_attribute WHERE source_id = ?1";
            let forgotten = match &one {
                Some((resource_type, path)) => {
                    let one = format!("{all} AND resource_type = ?2 AND path = ?3");
                    sql.execute(&one, &values![source, resource_type, path])
                }
                None => sql.execute(all, &values![source]),
            };
            forgotten.map(drop)
        };
        self.write(forget).await
    }
}

/// Adds to what is known of attributes that no schema knows.
pub(crate) fn note_unknown(sql: &dyn Sql, unknown: &[UnknownAttribute]) -> Result<(), StoreError> {
    let known =
        "SELECT shape FROM unknown_attribute WHERE source_id = ?1 AND resource_type = ?2 AND path = ?3";
    let update = "UPDATE unknown_attribute SET seen = seen + ?4, shape = ?5, \
                  last_seen = CASE WHEN last_seen < ?6 THEN ?6 ELSE last_seen END \
                  WHERE source_id = ?1 AND resource_type = ?2 AND path = ?3";
    // A source that has been deleted in the meantime stays without.
    let insert = "INSERT INTO unknown_attribute (source_id, resource_type, path, seen, shape, last_seen, first_seen) \
                  SELECT id, CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS BIGINT), CAST(?5 AS TEXT), \
                  CAST(?6 AS BIGINT), CAST(?7 AS BIGINT) FROM source WHERE id = ?1 AND deleted = 0 \
                  AND (SELECT COUNT(*) FROM unknown_attribute WHERE source_id = ?1) < ?8";
    for one in unknown {
        let (source, resource_type, path) = (one.source, &one.resource_type, &one.path);
        let shape: Option<String> = sql.value(known, &values![source, resource_type, path])?;
        match shape {
            Some(shape) => {
                let shape = headwater_scim::unknown::widened(&shape, &one.shape);
                sql.execute(update, &values![source, resource_type, path, one.seen, shape, one.last_seen])?;
            }
            None => {
                let (seen, shape, last, first) = (one.seen, &one.shape, one.last_seen, one.first_seen);
                let new = values![source, resource_type, path, seen, shape, last, first, MOST_UNKNOWN];
                sql.execute(insert, &new)?;
            }
        }
    }
    Ok(())
}

/// The registry of what a source adds. Sources that add nothing share theirs.
pub(crate) fn registry(additions: &Additions) -> Result<Arc<Registry>, StoreError> {
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
pub(super) fn additions(sql: &dyn Sql, source: &Source) -> Result<Additions, StoreError> {
    let read = |select: &str| {
        sql.all(select, &values![source.id], |row| {
            serde_json::from_str::<Value>(row.get(0)?)
                .map_err(|_| StoreError::Damaged("a definition of a source is not JSON".to_owned()))
        })
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

fn write(sql: &dyn Sql, source: SourceId, additions: &Additions) -> Result<(), StoreError> {
    sql.execute("DELETE FROM source_schema WHERE source_id = ?1", &values![source])?;
    sql.execute("DELETE FROM source_resource_type WHERE source_id = ?1", &values![source])?;
    let insert = "INSERT INTO source_schema (source_id, urn, definition) VALUES (?1, ?2, ?3)";
    for schema in &additions.schemas {
        let urn = schema.id.to_ascii_lowercase();
        sql.execute(insert, &values![source, urn, schema_json(schema).to_string()])?;
    }
    let insert = "INSERT INTO source_resource_type (source_id, name, definition) VALUES (?1, ?2, ?3)";
    for one in &additions.resource_types {
        sql.execute(insert, &values![source, &one.name, one.to_json().to_string()])?;
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
