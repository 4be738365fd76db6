//! The index that follows from what a source adds, made anew where that changes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use headwater_scim::{
    Object, index,
    path::AttributePath,
    registry::{Additions, Registry},
    resource_type::{ResourceType, Searchable},
    schema::Attribute,
    value::{self, ValueError},
};

use super::{
    PAGE, listing, lowest,
    schemas::{self, registry},
    sources,
};
use crate::{
    ResourceId, SourceId, StoreError,
    pages::PAGE_BYTES,
    sql::{NewKey, Row, RowsRead, Sql, Value, values},
    stored::parsed,
};

/// Makes anew what of the index of a source differs between what it added and what it adds.
pub(super) fn rebuild(
    sql: &dyn Sql,
    source: SourceId,
    before: &Additions,
    after: &Additions,
) -> Result<(), StoreError> {
    let (before, after) = (registry(before)?, registry(after)?);
    for known in &before.resource_types {
        // Under another base schema, nothing of what its resources hold would mean anything.
        let stays = after.resource_type(&known.name).is_some_and(|one| one.schema.id == known.schema.id);
        if !stays && listing::count(sql, source, &known.name)? > 0 {
            return Err(StoreError::InUse(known.name.to_string()));
        }
    }
    let (old, new) = (by_code(&before), by_code(&after));
    let has_same_keys = |searchable: &Searchable| {
        old.get(&searchable.code).is_some_and(|known| same_keys(known.path.leaf(), searchable.path.leaf()))
    };
    let is_gone = |known: &&&Searchable| !new.get(&known.code).is_some_and(|one| has_same_keys(one));
    for searchable in old.values().filter(is_gone) {
        let delete = "DELETE FROM resource_key WHERE source_id = ?1 AND path = ?2";
        sql.execute(delete, &values![source, searchable.code])?;
    }
    for resource_type in &after.resource_types {
        let added: Vec<&Searchable> =
            resource_type.searchable.iter().filter(|one| !has_same_keys(one)).collect();
        let changed = before.resource_type(&resource_type.name).map(|known| changed(known, resource_type));
        fill(sql, source, resource_type, &added, &changed.unwrap_or_default())?;
        for searchable in &resource_type.searchable {
            let known = old.get(&searchable.code).filter(|_| has_same_keys(searchable));
            if known.is_some_and(|known| known.is_unique()) != searchable.is_unique() {
                set_unique(sql, source, searchable)?;
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
    sql: &dyn Sql,
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
    let refer = "UPDATE resource SET has_references = 1 WHERE source_id = ?1 AND id = ?2";
    each_page(sql, source, Some(&resource_type.name), |page| {
        let (mut keys, mut referring) = (Vec::new(), Vec::new());
        for &Stored { id, document, .. } in page {
            // Most have none of what was added: they need not be parsed.
            if !names.iter().any(|name| document.contains(name)) {
                continue;
            }
            let document = parsed(document)?;
            for path in changed {
                check(path, &document)?;
            }
            for key in index::keys(resource_type, &document) {
                if added.iter().any(|one| one.code == key.code) {
                    keys.push(NewKey { code: key.code, key: key.key, id });
                }
            }
            if index::has_references(resource_type, &document) {
                referring.push(values![source, id].to_vec());
            }
        }
        sql.add_keys(source, &keys, false)?;
        sql.execute_each(refer, &referring).map(drop)
    })
}

/// What a resource holds of an attribute fits it.
fn check(path: &AttributePath, document: &Object) -> Result<(), StoreError> {
    let value = path.container(document).and_then(|object| object.get(&path.attribute.name));
    let Some(value) = value else { return Ok(()) };
    let checked = value::check(&path.attribute, value.clone(), &mut Vec::new());
    let misfit = |error: ValueError| StoreError::Misfit { path: path.to_string(), message: error.message };
    checked.map(drop).map_err(misfit)
}

/// Brings the index to what is said of the uniqueness of a path.
fn set_unique(sql: &dyn Sql, source: SourceId, searchable: &Searchable) -> Result<(), StoreError> {
    let unique = searchable.is_unique();
    if unique {
        let twice = "SELECT key FROM resource_key WHERE source_id = ?1 AND path = ?2 GROUP BY key HAVING COUNT(*) > 1 LIMIT 1";
        if let Some(key) = sql.value::<String>(twice, &values![source, searchable.code])? {
            let value = shown(sql, source, searchable, key)?;
            return Err(StoreError::NotUnique { path: searchable.name.to_string(), value });
        }
    }
    let update = "UPDATE resource_key SET is_unique = ?3 WHERE source_id = ?1 AND path = ?2";
    sql.execute(update, &values![source, searchable.code, unique]).map(drop)
}

/// The most characters of a value that are shown.
const MOST_SHOWN: usize = 100;

/// The value of a key for people, as one of the resources has it that share it.
fn shown(
    sql: &dyn Sql,
    source: SourceId,
    searchable: &Searchable,
    key: String,
) -> Result<String, StoreError> {
    let select = "SELECT r.document FROM resource_key k \
                  LEFT JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
                  WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3 LIMIT 1";
    let document: Option<String> = sql.value(select, &values![source, searchable.code, &key])?.flatten();
    let document: Option<Object> = document.and_then(|document| serde_json::from_str(&document).ok());
    let leaf = searchable.path.leaf();
    let value = document.and_then(|document| {
        let mut values = searchable.path.values(&document);
        // A long key is not whole in every database.
        let value = if searchable.is_single() {
            values.next()
        } else {
            values.find(|value| index::key(leaf, value).as_ref() == Some(&key))
        };
        value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    let value = value.unwrap_or(key);
    Ok(match value.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    })
}

/// Makes the whole index anew, of all sources.
pub(crate) fn make_anew(sql: &dyn Sql) -> Result<(), StoreError> {
    sql.execute("DELETE FROM resource_key", &[])?;
    for source in sources::all_sources(sql)? {
        let registry = registry(&schemas::additions(sql, &source)?)?;
        each_page(sql, source.id, None, |page| add_all(sql, source.id, &registry, page))?;
    }
    Ok(())
}

/// Makes the keys of some resources of a source, in whose index they are missing, behind an id; answers
/// the last of these resources, or none when there are no more.
pub(crate) fn make_some_anew(
    sql: &dyn Sql,
    source: SourceId,
    after: &[u8],
) -> Result<Option<ResourceId>, StoreError> {
    let Some(source) = sources::source_by_id(sql, source)? else { return Ok(None) };
    let registry = registry(&schemas::additions(sql, &source)?)?;
    let RowsRead { rows, is_cut } = rows_behind(sql, source.id, None, after.to_vec().into())?;
    let page = stored(&rows)?;
    add_all(sql, source.id, &registry, &page)?;
    Ok(page.last().map(|last| last.id).filter(|_| is_cut || page.len() == PAGE))
}

/// Adds all keys of some resources.
fn add_all(
    sql: &dyn Sql,
    source: SourceId,
    registry: &Registry,
    page: &[Stored<'_>],
) -> Result<(), StoreError> {
    let (mut unique, mut others) = (Vec::new(), Vec::new());
    for &Stored { id, resource_type, document } in page {
        let resource_type = registry.resource_type(resource_type).ok_or_else(|| {
            StoreError::Damaged(format!("there are resources of the unknown type {resource_type}"))
        })?;
        for key in index::keys(resource_type, &parsed(document)?) {
            let keys = if key.unique { &mut unique } else { &mut others };
            keys.push(NewKey { code: key.code, key: key.key, id });
        }
    }
    let added = sql.add_keys(source, &unique, true)?;
    if added < unique.len() as u64 {
        // Some that were different are the same by the new rule: they stay, to be told apart by
        // whoever writes them. What has been added is passed over here.
        let shared = unique.len() as u64 - added;
        tracing::warn!(shared, "resources now share values that should be unique");
        sql.add_keys(source, &unique, false)?;
    }
    sql.add_keys(source, &others, false).map(drop)
}

/// A resource as the index is made of it.
struct Stored<'a> {
    id: ResourceId,
    resource_type: &'a str,
    document: &'a str,
}

/// Calls `visit` with all resources of a source, or of one type, some at a time.
fn each_page(
    sql: &dyn Sql,
    source: SourceId,
    resource_type: Option<&str>,
    mut visit: impl FnMut(&[Stored<'_>]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = lowest();
    loop {
        let RowsRead { rows, is_cut } = rows_behind(sql, source, resource_type, after)?;
        let page = stored(&rows)?;
        visit(&page)?;
        match page.last() {
            Some(last) if is_cut || page.len() == PAGE => after = last.id.into(),
            _ => return Ok(()),
        }
    }
}

/// The rows of the resources behind an id, as many as there is room for.
fn rows_behind(
    sql: &dyn Sql,
    source: SourceId,
    resource_type: Option<&str>,
    after: Value,
) -> Result<RowsRead, StoreError> {
    let of_type = if resource_type.is_some() { "AND type = ?4" } else { "" };
    let select = format!(
        "SELECT id, type, document FROM resource WHERE source_id = ?1 {of_type} AND id > ?2 ORDER BY id LIMIT ?3"
    );
    let mut parameters = values![source, after, PAGE].to_vec();
    parameters.extend(resource_type.map(Value::from));
    sql.query_within(PAGE_BYTES, &select, &parameters)
}

fn stored(rows: &[Row]) -> Result<Vec<Stored<'_>>, StoreError> {
    rows.iter()
        .map(|row| Ok(Stored { id: row.get(0)?, resource_type: row.get(1)?, document: row.get(2)? }))
        .collect()
}
