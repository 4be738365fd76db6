//! Change sets computed from what is there and what is wanted. No I/O.

use headwater_scim::{
    Object,
    error::ScimError,
    index,
    patch::{Outcome, Patched, RelationEdit},
    path::AttributePath,
    resource::{self, Draft, Secret},
    resource_type::ResourceType,
};
use headwater_store::{
    DocumentChange, IndexKeys, ResourceId, SecretHash, StoreError, StoredResource, Write, Written,
};
use serde_json::Value;

/// What a resource is to become.
pub(super) struct Planned {
    pub(super) attributes: Object,
    pub(super) members: Vec<RelationEdit>,
    pub(super) ignored: Vec<String>,
    /// Secrets that a PATCH sets.
    pub(super) secrets: Vec<Secret>,
    outcomes: Vec<Outcome>,
    /// The operation that each edit of the members belongs to.
    operations: Vec<usize>,
}

impl Planned {
    fn new(attributes: Object, members: Vec<RelationEdit>, ignored: Vec<String>) -> Self {
        Self {
            attributes,
            members,
            ignored,
            secrets: Vec::new(),
            outcomes: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// What became of each operation of a PATCH, now that the store has done its part.
    pub(super) fn outcomes(mut self, written: &Written) -> Vec<Outcome> {
        for (operation, changed) in self.operations.iter().zip(&written.member_edits) {
            if *changed {
                self.outcomes[*operation] = Outcome::Applied;
            }
        }
        for outcome in &mut self.outcomes {
            if *outcome == Outcome::Pending {
                *outcome = Outcome::NothingToDo;
            }
        }
        self.outcomes
    }
}

impl From<Patched> for Planned {
    fn from(patched: Patched) -> Self {
        let (operations, members) =
            patched.relation.into_iter().map(|change| (change.operation, change.edit)).unzip();
        Self {
            attributes: patched.attributes,
            members,
            ignored: patched.ignored,
            secrets: patched.secrets,
            outcomes: patched.outcomes,
            operations,
        }
    }
}

pub(super) fn creation(
    resource_type: &ResourceType,
    id: ResourceId,
    draft: &Draft,
    secrets: Vec<SecretHash>,
) -> Write {
    Write::Create {
        resource_type: resource_type.name.to_string(),
        id,
        document: document(resource_type, id, &draft.attributes),
        keys: index::keys(resource_type, &draft.attributes),
        display: resource_type.display(&draft.attributes).map(str::to_owned),
        has_references: index::has_references(resource_type, &draft.attributes),
        members: draft.related.clone().unwrap_or_default(),
        secrets,
    }
}

/// The resource that a creation has made.
pub(super) fn created(write: &Write, written: &Written) -> Option<StoredResource> {
    let Write::Create { resource_type, id, document, has_references, .. } = write else { return None };
    Some(StoredResource {
        resource_type: resource_type.clone(),
        id: *id,
        version: written.version,
        created: written.created,
        last_modified: written.last_modified,
        document: document.clone(),
        has_references: *has_references,
        member_count: written.member_count,
        members: None,
        groups: None,
    })
}

/// RFC 7644 §3.5.1: what the body leaves out is cleared, members included (AMB-33).
pub(super) fn replacement(
    resource_type: &ResourceType,
    current: &Object,
    mut draft: Draft,
) -> Result<Planned, ScimError> {
    resource::keep_immutable(resource_type, current, &mut draft)?;
    let members = match resource_type.relation() {
        Some(_) => vec![RelationEdit::to_become(draft.related.unwrap_or_default())],
        None => Vec::new(),
    };
    Ok(Planned::new(draft.attributes, members, draft.ignored))
}

/// The write that brings a resource from `current` to what is planned; `None` when nothing is to
/// be done. Without a change to the document it holds for any version, unless `versioned`.
pub(super) fn update(
    resource_type: &ResourceType,
    stored: &StoredResource,
    current: &Object,
    planned: &Planned,
    versioned: bool,
    secrets: &[SecretHash],
) -> Option<Write> {
    let changed = *current != planned.attributes;
    if !changed && planned.members.is_empty() && secrets.is_empty() {
        return None;
    }
    let document = changed.then(|| {
        let mut before = differing(current, &planned.attributes);
        let mut after = differing(&planned.attributes, current);
        // Each key comes from one attribute: those that stay as they are keep theirs.
        let keys =
            IndexKeys::between(&index::keys(resource_type, &before), index::keys(resource_type, &after));
        note_schemas(resource_type, current, &planned.attributes, &mut before, &mut after);
        DocumentChange {
            document: document(resource_type, stored.id, &planned.attributes),
            keys,
            display: resource_type.display(&planned.attributes).map(str::to_owned),
            has_references: index::has_references(resource_type, &planned.attributes),
            before: Value::Object(before).to_string(),
            after: Value::Object(after).to_string(),
        }
    });
    Some(Write::Update {
        resource_type: resource_type.name.to_string(),
        id: stored.id,
        expected: (changed || versioned).then_some(stored.version),
        document,
        members: planned.members.clone(),
        secrets: secrets.to_vec(),
    })
}

/// A resource without its references to another one that goes.
pub(super) fn without_references(
    resource_type: &ResourceType,
    referrer: &StoredResource,
    id: ResourceId,
) -> Result<Write, StoreError> {
    let current = attributes(referrer)?;
    let mut planned = current.clone();
    let key = id.to_string();
    for path in resource_type.references() {
        // As the index has it, by which the resource was found.
        let mut keys = path.values(&current).filter_map(|value| index::key(path.leaf(), value));
        if keys.any(|named| named == key) {
            remove(&mut planned, path);
        }
    }
    let planned = Planned::new(planned, Vec::new(), Vec::new());
    update(resource_type, referrer, &current, &planned, true, &[]).ok_or_else(|| {
        StoreError::Damaged(format!("the index says that {} refers to another resource", referrer.id))
    })
}

/// Takes an attribute out of a resource, and with the last one of an extension that, too.
fn remove(attributes: &mut Object, path: &AttributePath) {
    match &path.extension {
        None => {
            attributes.shift_remove(&path.attribute.name);
        }
        Some(schema) => {
            if let Some(Value::Object(members)) = attributes.get_mut(&schema.id) {
                members.shift_remove(&path.attribute.name);
                if members.is_empty() {
                    attributes.shift_remove(&schema.id);
                }
            }
        }
    }
}

pub(super) fn deletion(resource_type: &ResourceType, stored: &StoredResource, attributes: &Object) -> Write {
    Write::Delete {
        resource_type: resource_type.name.to_string(),
        id: stored.id,
        expected: stored.version,
        keys: index::keys(resource_type, attributes),
    }
}

/// The document that an update writes, and whether it refers to other resources.
pub(super) fn document_of(write: &Write) -> Option<(String, bool)> {
    match write {
        Write::Update { document: Some(change), .. } => {
            Some((change.document.clone(), change.has_references))
        }
        _ => None,
    }
}

/// Brings a resource to the state in which a write has left it.
pub(super) fn leave(stored: &mut StoredResource, written: &Written, new: Option<(String, bool)>) {
    stored.version = written.version;
    stored.last_modified = written.last_modified;
    stored.member_count = written.member_count;
    if let Some((document, has_references)) = new {
        stored.document = document;
        stored.has_references = has_references;
    }
}

/// Takes the `$ref` out of references where it is the one that the server adds to every answer:
/// a client that sends back what it got changes nothing.
pub(super) fn leave_own_urls(resource_type: &ResourceType, attributes: &mut Object, base_url: &str) {
    for path in resource_type.references() {
        let container = match &path.extension {
            None => Some(&mut *attributes),
            Some(schema) => attributes.get_mut(&schema.id).and_then(Value::as_object_mut),
        };
        let reference = container.and_then(|object| object.get_mut(&path.attribute.name));
        let Some(Value::Object(reference)) = reference else { continue };
        let id = reference.get("value").and_then(Value::as_str);
        let url = reference.get("$ref").and_then(Value::as_str).and_then(|url| url.strip_prefix(base_url));
        let own = id.is_some() && url.and_then(|url| url.rsplit_once('/')).map(|(_, id)| id) == id;
        if own {
            reference.shift_remove("$ref");
        }
    }
}

/// What became of a resource to which nothing was to be done.
pub(super) fn unchanged(stored: &StoredResource) -> Written {
    Written {
        changed: false,
        version: stored.version,
        created: stored.created,
        last_modified: stored.last_modified,
        member_count: stored.member_count,
        member_edits: Vec::new(),
    }
}

/// The attributes of a stored resource.
pub(super) fn attributes(stored: &StoredResource) -> Result<Object, StoreError> {
    parsed(stored).map(resource::attributes)
}

/// The document of a stored resource.
pub(super) fn parsed(stored: &StoredResource) -> Result<Object, StoreError> {
    serde_json::from_str(&stored.document)
        .map_err(|error| StoreError::Damaged(format!("the document of {} is not JSON: {error}", stored.id)))
}

/// The ids in the references of a resource that can be ids of resources.
pub(super) fn referenced_ids(
    resource_type: &ResourceType,
    stored: &StoredResource,
) -> Result<Vec<ResourceId>, StoreError> {
    let document = parsed(stored)?;
    let ids = resource_type
        .references()
        .flat_map(|path| path.values(&document).filter_map(Value::as_str).filter_map(ResourceId::parse));
    Ok(ids.collect())
}

fn document(resource_type: &ResourceType, id: ResourceId, attributes: &Object) -> String {
    resource::document(resource_type, &id.to_string(), attributes)
}

/// Says of `schemas` too how it differs, where an extension has come or gone.
fn note_schemas(
    resource_type: &ResourceType,
    current: &Object,
    planned: &Object,
    before: &mut Object,
    after: &mut Object,
) {
    if before.len() == after.len() && before.keys().all(|name| after.contains_key(name)) {
        return; // nothing has come or gone
    }
    let [was, is] = [current, planned].map(|all| resource::schemas(resource_type, all));
    if was != is {
        before.insert("schemas".to_owned(), was.into());
        after.insert("schemas".to_owned(), is.into());
    }
}

/// The attributes of one that another doesn't have, or has with another value.
fn differing(one: &Object, other: &Object) -> Object {
    let members = one.iter().filter(|(name, value)| other.get(*name) != Some(value));
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}
