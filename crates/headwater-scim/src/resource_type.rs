//! Resource types (RFC 7643 §6): which schemas a resource uses, and what the server does with it.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::{
    Object, index,
    path::AttributePath,
    schema::{Attribute, AttributeType, Mutability, Schema, Uniqueness},
};

/// The attributes that every resource has and no schema lists (RFC 7643 §3.1). `schemas` is
/// returned always (AMB-12).
pub static COMMON: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    Arc::new(
        Schema::read(include_str!("../schemas/common.json")).expect("the common attributes are valid JSON"),
    )
});

/// A type of resource, such as User, with its schemas resolved.
#[derive(Debug)]
pub struct ResourceType {
    /// The name, as in `meta.resourceType`; case-exact.
    pub name: Arc<str>,
    /// What it is for.
    pub description: String,
    /// The path below the base URL, with its leading slash.
    pub endpoint: String,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// The extensions that a resource may carry.
    pub extensions: Vec<Extension>,
    /// Values that an absent attribute gets at create and replace, by attribute name: `active` is
    /// true (AMB-09).
    pub defaults: Object,
    /// The paths whose values a store keeps in an index.
    pub searchable: Vec<Searchable>,
    /// The attributes that name a resource for people, the most telling first.
    pub(crate) display: Vec<String>,
    pub(crate) relation: Option<Arc<Attribute>>,
    pub(crate) inverse: Option<Arc<Attribute>>,
    /// Whether secrets that clients set are kept, as hashes.
    pub(crate) keeps_secrets: bool,
    /// The URNs of all schemas that are known beside it.
    pub(crate) known_urns: Arc<[String]>,
}

/// An extension of a resource type.
#[derive(Debug)]
pub struct Extension {
    /// The schema of the extension.
    pub schema: Arc<Schema>,
    /// Whether a resource without it is refused.
    pub required: bool,
}

/// A path whose values a store keeps in an index.
#[derive(Debug, Clone)]
pub struct Searchable {
    /// The path.
    pub path: AttributePath,
    /// The path as it is printed.
    pub name: Arc<str>,
    /// What stores call it by; see [`index::code`].
    pub code: i64,
}

impl ResourceType {
    /// The attribute that is stored as a relation between resources, one row a value: `members`.
    pub fn relation(&self) -> Option<&Arc<Attribute>> {
        self.relation.as_ref()
    }

    /// The attribute that shows the relation from the other side: `groups`.
    pub fn inverse(&self) -> Option<&Arc<Attribute>> {
        self.inverse.as_ref()
    }

    /// The single-valued references of this type, such as `manager`.
    pub fn references(&self) -> impl Iterator<Item = &AttributePath> {
        self.searchable
            .iter()
            .map(|searchable| &searchable.path)
            .filter(|path| !path.attribute.multi_valued && path.attribute.refers_to_resources())
    }

    /// How stores know the values at a path, where they keep them in an index.
    pub fn searchable(&self, path: &AttributePath) -> Option<&Searchable> {
        self.searchable.iter().find(|searchable| searchable.path == *path)
    }

    /// Finds an attribute of the common or the base schema by name, in any letter case.
    pub fn core_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        COMMON.attribute(name).or_else(|| self.schema.attribute(name))
    }

    /// The extension of this URN, in any letter case.
    pub fn extension(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.extensions
            .iter()
            .map(|extension| &extension.schema)
            .find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// What people call the resource: the first of its display attributes that has a value.
    pub fn display<'a>(&self, attributes: &'a Object) -> Option<&'a str> {
        self.display.iter().filter_map(|name| attributes.get(name)?.as_str()).find(|text| !text.is_empty())
    }

    /// Its schemas, the base first, each with the extension that it is.
    pub fn schemas(&self) -> impl Iterator<Item = (Option<&Arc<Schema>>, &Arc<Schema>)> {
        let extensions = self.extensions.iter().map(|extension| (Some(&extension.schema), &extension.schema));
        std::iter::once((None, &self.schema)).chain(extensions)
    }

    /// Collects the paths whose values are kept in an index: every single value that can be compared,
    /// on its own or as a part of one value, the `value` of each list, what is unique, and what `more` names.
    pub(crate) fn collect_searchable(&mut self, more: Vec<AttributePath>) {
        let mut paths = Vec::new();
        let external_id = COMMON.attribute("externalId").map(|attribute| (None, attribute));
        let of_schemas = self.schemas().flat_map(|(extension, schema)| {
            schema.attributes.iter().map(move |attribute| (extension, attribute))
        });
        for (extension, attribute) in external_id.into_iter().chain(of_schemas) {
            let is_relation =
                [&self.relation, &self.inverse].into_iter().flatten().any(|one| Arc::ptr_eq(one, attribute));
            if is_relation || attribute.is_never_returned() {
                continue;
            }
            let path = AttributePath {
                extension: extension.cloned(),
                attribute: Arc::clone(attribute),
                sub_attribute: None,
            };
            if !attribute.is_complex() {
                paths.push(path);
                continue;
            }
            let subs = attribute.sub_attributes.iter().filter(|sub| {
                !sub.is_never_returned()
                    && if attribute.multi_valued {
                        sub.name == "value" && sub.attribute_type == AttributeType::String
                            || sub.uniqueness != Uniqueness::None
                    } else {
                        // What is computed for each answer has no place in an index.
                        !(attribute.refers_to_resources()
                            && (sub.name == "$ref" || sub.mutability == Mutability::ReadOnly))
                    }
            });
            paths.extend(subs.map(|sub| path.child(sub)));
        }
        for path in more {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths.retain(|path| index::has_keys(path.leaf()));
        let searchable = paths.into_iter().map(|path| {
            let name: Arc<str> = path.to_string().into();
            Searchable { code: index::code(&self.name, &name), name, path }
        });
        self.searchable = searchable.collect();
    }
}

impl Searchable {
    /// Whether no other resource of the source may have the same value.
    pub fn is_unique(&self) -> bool {
        self.path.leaf().uniqueness != Uniqueness::None
    }

    /// Whether a resource has at most one value here, so that the index has it in order.
    pub fn is_single(&self) -> bool {
        !self.path.attribute.multi_valued && !self.path.leaf().multi_valued
    }
}

/// The default of an attribute as a value.
pub(crate) fn default_of<'a>(resource_type: &'a ResourceType, name: &str) -> Option<&'a Value> {
    resource_type.defaults.get(name)
}
