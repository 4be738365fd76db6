//! Resource types (RFC 7643 §6): which schemas a resource uses, and what the server does with it.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Object,
    path::AttributePath,
    schema::{Attribute, Mutability, Schema, Uniqueness},
};

/// The attributes that every resource has and no schema lists (RFC 7643 §3.1). `schemas` is
/// returned always (AMB-12).
pub static COMMON: LazyLock<Arc<Schema>> =
    LazyLock::new(|| built_in_schema(include_str!("../schemas/common.json")));

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
    pub searchable: Vec<AttributePath>,
    /// Attributes whose uniqueness a source can switch on and off.
    pub unique_by_choice: Vec<String>,
    display: Vec<String>,
    relation: Option<Arc<Attribute>>,
    inverse: Option<Arc<Attribute>>,
}

/// An extension of a resource type.
#[derive(Debug)]
pub struct Extension {
    /// The schema of the extension.
    pub schema: Arc<Schema>,
    /// Whether a resource without it is refused.
    pub required: bool,
}

/// What the definition file says; schemas and paths are still names there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Definition {
    name: Arc<str>,
    description: String,
    endpoint: String,
    schema: String,
    schema_extensions: Vec<ExtensionDefinition>,
    defaults: Object,
    searchable: Vec<String>,
    display: Vec<String>,
    unique_by_choice: Vec<String>,
}

#[derive(Deserialize)]
struct ExtensionDefinition {
    schema: String,
    required: bool,
}

impl ResourceType {
    /// The attribute that is stored as a relation between resources, one row a value, such as
    /// `members`: multi-valued references to resources that clients may write.
    pub fn relation(&self) -> Option<&Arc<Attribute>> {
        self.relation.as_ref()
    }

    /// The attribute that shows the relation from the other side, such as `groups`: multi-valued
    /// references to resources that only the server writes.
    pub fn inverse(&self) -> Option<&Arc<Attribute>> {
        self.inverse.as_ref()
    }

    /// The single-valued references of this type, such as `manager`.
    pub fn references(&self) -> impl Iterator<Item = &AttributePath> {
        self.searchable
            .iter()
            .filter(|path| !path.attribute.multi_valued && path.attribute.refers_to_resources())
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

    /// How far an attribute is unique, with a source's choice taken in.
    pub fn uniqueness(&self, attribute: &Attribute, choose_unique: bool) -> Uniqueness {
        if choose_unique && self.unique_by_choice.contains(&attribute.name) {
            return Uniqueness::Server;
        }
        attribute.uniqueness
    }

    fn build(definition: Definition, schemas: &[Arc<Schema>]) -> Self {
        let schema_of = |urn: &str| {
            let found = schemas.iter().find(|schema| schema.id == urn).cloned();
            found.expect("a built-in resource type names a built-in schema")
        };
        let schema = schema_of(&definition.schema);
        let reference_lists = |mutability: Mutability| {
            let mut attributes = schema.attributes.iter();
            attributes
                .find(|attribute| {
                    attribute.multi_valued
                        && attribute.refers_to_resources()
                        && attribute.mutability == mutability
                })
                .cloned()
        };
        let mut resource_type = Self {
            relation: reference_lists(Mutability::ReadWrite),
            inverse: reference_lists(Mutability::ReadOnly),
            name: definition.name,
            description: definition.description,
            endpoint: definition.endpoint,
            extensions: definition
                .schema_extensions
                .into_iter()
                .map(|extension| Extension {
                    schema: schema_of(&extension.schema),
                    required: extension.required,
                })
                .collect(),
            schema,
            defaults: definition.defaults,
            searchable: Vec::new(),
            unique_by_choice: definition.unique_by_choice,
            display: definition.display,
        };
        resource_type.searchable = definition
            .searchable
            .iter()
            .map(|text| {
                AttributePath::parse(text, &resource_type)
                    .expect("a built-in resource type names its own attributes")
            })
            .collect();
        resource_type
    }
}

/// The resource types of a source and their schemas.
#[derive(Debug)]
pub struct Registry {
    /// The types, in the order in which they are listed.
    pub resource_types: Vec<Arc<ResourceType>>,
    /// Every schema that a type uses, and those of what discovery answers.
    pub schemas: Vec<Arc<Schema>>,
}

impl Registry {
    /// User with the enterprise extension, and Group (RFC 7643 §4).
    pub fn built_in() -> Arc<Self> {
        static BUILT_IN: LazyLock<Arc<Registry>> = LazyLock::new(|| {
            let schemas = vec![
                built_in_schema(include_str!("../schemas/user.json")),
                built_in_schema(include_str!("../schemas/enterprise_user.json")),
                built_in_schema(include_str!("../schemas/group.json")),
                built_in_schema(include_str!("../schemas/service_provider_config.json")),
                built_in_schema(include_str!("../schemas/resource_type.json")),
                built_in_schema(include_str!("../schemas/schema.json")),
            ];
            let definitions: Vec<Definition> =
                serde_json::from_str(include_str!("../schemas/resource_types.json"))
                    .expect("the built-in resource types are valid JSON");
            let resource_types = definitions
                .into_iter()
                .map(|definition| Arc::new(ResourceType::build(definition, &schemas)))
                .collect();
            Arc::new(Registry { resource_types, schemas })
        });
        Arc::clone(&BUILT_IN)
    }

    /// The type of this name; names are case-exact (erratum 8475).
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|found| &*found.name == name)
    }

    /// The type served at `/{segment}`.
    pub fn at_endpoint(&self, segment: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|found| &found.endpoint[1..] == segment)
    }

    /// The schema of this URN, in any letter case (AMB-53).
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }
}

fn built_in_schema(text: &str) -> Arc<Schema> {
    Arc::new(Schema::read(text).expect("the built-in schemas are valid JSON"))
}

/// The default of an attribute as a value.
pub(crate) fn default_of<'a>(resource_type: &'a ResourceType, name: &str) -> Option<&'a Value> {
    resource_type.defaults.get(name)
}
