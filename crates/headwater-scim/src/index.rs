//! The values that a store keeps in an index, so that it finds resources by them.

use serde_json::Value;

use crate::{
    Object, comparison,
    path::AttributePath,
    resource_type::ResourceType,
    schema::{Attribute, AttributeType, Uniqueness},
};

/// A value in comparable form, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    /// The path of the attribute, as [`AttributePath`] prints it.
    pub path: String,
    /// The value in comparable form; see [`key`].
    pub key: String,
    /// Whether no other resource of the source may have it.
    pub unique: bool,
}

/// The index keys of a resource, sorted and each once. Several resources may have the same key
/// where it is not unique, as `externalId` is not (AMB-16). `choose_unique` is the source's choice
/// for attributes that leave it open (`displayName` of groups).
pub fn keys(resource_type: &ResourceType, attributes: &Object, choose_unique: bool) -> Vec<IndexKey> {
    let mut keys: Vec<IndexKey> = Vec::new();
    for path in &resource_type.searchable {
        let uniqueness = resource_type.uniqueness(path.leaf(), choose_unique);
        for value in path.values(attributes) {
            if let Some(key) = key(path.leaf(), value) {
                keys.push(IndexKey { path: path.to_string(), key, unique: uniqueness != Uniqueness::None });
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A value in the form in which indexes hold it. `None` for what has no place in an index:
/// numbers, dates and objects.
pub fn key(attribute: &Attribute, value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::String(text)
            if matches!(attribute.attribute_type, AttributeType::String | AttributeType::Reference) =>
        {
            Some(comparison::key(text, attribute.compares_exactly()).into_owned())
        }
        _ => None,
    }
}

/// Whether every value at this path is in the index.
pub fn is_indexed(resource_type: &ResourceType, path: &AttributePath) -> bool {
    resource_type.searchable.contains(path)
}

/// Whether the resource refers to another one, such as a manager.
pub fn has_references(resource_type: &ResourceType, attributes: &Object) -> bool {
    resource_type.references().any(|path| path.values(attributes).next().is_some())
}
