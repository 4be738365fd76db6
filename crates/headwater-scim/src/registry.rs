//! The resource types and schemas of a source: those of RFC 7643, and what the source adds.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use serde::Deserialize;

use crate::{
    Object,
    definition::{DefinitionError, MAX_ATTRIBUTES, MAX_RESOURCE_TYPES, MAX_SCHEMAS, ResourceTypeDefinition},
    deviation,
    path::AttributePath,
    resource_type::{COMMON, Extension, ResourceType},
    schema::{Attribute, Schema, Uniqueness},
};

/// The resource types of a source and their schemas.
#[derive(Debug)]
pub struct Registry {
    /// The types, in the order in which they are listed.
    pub resource_types: Vec<Arc<ResourceType>>,
    /// Every schema that a type uses, and those of what discovery answers.
    pub schemas: Vec<Arc<Schema>>,
    /// Whether secrets that clients set (`password`) are kept, as hashes.
    pub keeps_secrets: bool,
    /// The names of attributes that nobody is to see (`returned: never`, `mutability: writeOnly`), or a part of
    /// them, in lower case.
    pub secret_names: Arc<[String]>,
}

/// What a source adds to the types and schemas of RFC 7643, and what it chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Additions {
    /// Schemas of its own, and attributes for schemas that are there.
    pub schemas: Vec<Schema>,
    /// Resource types of its own, and extensions for types that are there.
    pub resource_types: Vec<ResourceTypeDefinition>,
    /// Whether attributes whose uniqueness is left open are unique: `displayName` of groups.
    pub unique_by_choice: bool,
    /// Whether secrets that clients set (`password`) are kept, as hashes.
    pub keeps_secrets: bool,
}

impl Default for Additions {
    fn default() -> Self {
        Self { schemas: Vec::new(), resource_types: Vec::new(), unique_by_choice: true, keeps_secrets: false }
    }
}

/// A built-in type as its file says it; schemas and attributes are still names there.
#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Definition {
    name: Arc<str>,
    description: String,
    endpoint: String,
    schema: String,
    schema_extensions: Vec<ExtensionDefinition>,
    defaults: Object,
    display: Vec<String>,
    #[serde(default)]
    relation: Option<String>,
    #[serde(default)]
    inverse: Option<String>,
    unique_by_choice: Vec<String>,
    #[serde(skip)]
    searchable: Vec<String>,
}

#[derive(Deserialize, Clone)]
struct ExtensionDefinition {
    schema: String,
    required: bool,
}

impl Registry {
    /// User with the enterprise extension, and Group, whose names are unique (RFC 7643 §4).
    pub fn built_in() -> Arc<Self> {
        static BUILT_IN: LazyLock<Arc<Registry>> = LazyLock::new(|| {
            Registry::with(&Additions::default()).expect("the built-in schemas fit together")
        });
        Arc::clone(&BUILT_IN)
    }

    /// The built-in types and schemas with what a source adds.
    ///
    /// # Errors
    /// Something that is added doesn't fit: an attribute that is there already, a schema that is
    /// named and isn't there, a taken endpoint, a bound of [`crate::definition`].
    pub fn with(additions: &Additions) -> Result<Arc<Self>, DefinitionError> {
        let mut definitions = built_in_types();
        let mut schemas = merged_schemas(additions)?;
        if additions.unique_by_choice {
            for definition in &definitions {
                choose_unique(&mut schemas, definition);
            }
        }
        merge_types(&mut definitions, additions)?;
        let schemas: Vec<Arc<Schema>> = schemas.into_iter().map(Arc::new).collect();
        let known_urns: Arc<[String]> = schemas.iter().map(|schema| schema.id.clone()).collect();
        let resource_types = definitions
            .into_iter()
            .map(|definition| build(definition, &schemas, &known_urns, additions.keeps_secrets).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        check_codes(&resource_types)?;
        let secret_names = secret_names(&schemas);
        Ok(Arc::new(Self { resource_types, schemas, keeps_secrets: additions.keeps_secrets, secret_names }))
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

fn secret_names(schemas: &[Arc<Schema>]) -> Arc<[String]> {
    // Of one with a secret part it is the whole: the parts of many have the same names, such as `value`.
    let is_secret = |attribute: &Attribute| {
        attribute.is_never_returned() || attribute.sub_attributes.iter().any(|sub| sub.is_never_returned())
    };
    let secret = schemas.iter().flat_map(|schema| &schema.attributes).filter(|one| is_secret(one));
    let names: BTreeSet<String> = secret.map(|one| one.name.to_ascii_lowercase()).collect();
    names.into_iter().collect()
}

fn built_in_schemas() -> Vec<Schema> {
    static READ: LazyLock<Vec<Schema>> = LazyLock::new(|| {
        [
            include_str!("../schemas/user.json"),
            include_str!("../schemas/enterprise_user.json"),
            include_str!("../schemas/group.json"),
            include_str!("../schemas/service_provider_config.json"),
            include_str!("../schemas/resource_type.json"),
            include_str!("../schemas/schema.json"),
        ]
        .into_iter()
        .map(|text| Schema::read(text).expect("the built-in schemas are valid JSON"))
        .collect()
    });
    READ.clone()
}

fn built_in_types() -> Vec<Definition> {
    static READ: LazyLock<Vec<Definition>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../schemas/resource_types.json"))
            .expect("the built-in resource types are valid JSON")
    });
    READ.clone()
}

/// The built-in schemas with the attributes that are added to them, then the added schemas.
fn merged_schemas(additions: &Additions) -> Result<Vec<Schema>, DefinitionError> {
    if additions.schemas.len() > MAX_SCHEMAS {
        return Err(DefinitionError::new("schemas", format!("at most {MAX_SCHEMAS} may be added to")));
    }
    let mut schemas = built_in_schemas();
    let built_in = schemas.len();
    for added in &additions.schemas {
        let position = schemas.iter().position(|schema| schema.id.eq_ignore_ascii_case(&added.id));
        let Some(position) = position else {
            if let Some(known) =
                schemas[..built_in].iter().find(|known| deviation::spells(&known.id, &added.id))
            {
                let message = format!("{} is an old spelling of {}", added.id, known.id);
                return Err(DefinitionError::new("id", message));
            }
            schemas.push(added.clone());
            continue;
        };
        let schema = &mut schemas[position];
        let is_served = built_in_types().iter().any(|one| {
            one.schema == schema.id
                || one.schema_extensions.iter().any(|extension| extension.schema == schema.id)
        });
        if position >= built_in || !is_served {
            return Err(DefinitionError::new("id", format!("the schema {} can't be added to", schema.id)));
        }
        for attribute in &added.attributes {
            if schema.attribute(&attribute.name).is_some() {
                let message = format!("{} has an attribute {} already", schema.id, attribute.name);
                return Err(DefinitionError::new("attributes", message));
            }
            schema.attributes.push(Arc::clone(attribute));
        }
        if schema.attributes.len() > MAX_ATTRIBUTES {
            return Err(DefinitionError::new(
                "attributes",
                format!("{} would have more than {MAX_ATTRIBUTES}", schema.id),
            ));
        }
    }
    Ok(schemas)
}

fn choose_unique(schemas: &mut [Schema], definition: &Definition) {
    let Some(schema) = schemas.iter_mut().find(|schema| schema.id == definition.schema) else { return };
    for attribute in &mut schema.attributes {
        if definition.unique_by_choice.contains(&attribute.name) {
            Arc::make_mut(attribute).uniqueness = Uniqueness::Server;
        }
    }
}

/// Adds the types of a source to the built-in ones, or what they add to these.
fn merge_types(definitions: &mut Vec<Definition>, additions: &Additions) -> Result<(), DefinitionError> {
    if additions.resource_types.len() > MAX_RESOURCE_TYPES {
        return Err(DefinitionError::new(
            "resourceTypes",
            format!("at most {MAX_RESOURCE_TYPES} may be added to"),
        ));
    }
    let built_in = definitions.len();
    for added in &additions.resource_types {
        let extensions = added
            .extensions
            .iter()
            .map(|(schema, required)| ExtensionDefinition { schema: schema.clone(), required: *required });
        if let Some(position) = definitions.iter().position(|known| *known.name == *added.name) {
            let known = &mut definitions[position];
            if position >= built_in {
                return Err(DefinitionError::new("name", format!("there are two types {}", added.name)));
            }
            for extension in extensions {
                match known
                    .schema_extensions
                    .iter_mut()
                    .find(|one| one.schema.eq_ignore_ascii_case(&extension.schema))
                {
                    Some(known) => known.required = extension.required,
                    None => known.schema_extensions.push(extension),
                }
            }
            known.searchable.extend(added.searchable.iter().cloned());
            continue;
        }
        added.check_endpoint()?;
        let taken = definitions.iter().find(|known| {
            known.endpoint.eq_ignore_ascii_case(&added.endpoint)
                || known.name.eq_ignore_ascii_case(&added.name)
        });
        if let Some(known) = taken {
            let message = format!("the type {} has the name or the endpoint of {}", added.name, known.name);
            return Err(DefinitionError::new("endpoint", message));
        }
        definitions.push(Definition {
            name: added.name.as_str().into(),
            description: added.description.clone(),
            endpoint: added.endpoint.clone(),
            schema: added.schema.clone(),
            schema_extensions: extensions.collect(),
            defaults: Object::new(),
            display: vec!["displayName".to_owned()],
            relation: None,
            inverse: None,
            unique_by_choice: Vec::new(),
            searchable: added.searchable.clone(),
        });
    }
    Ok(())
}

fn build(
    definition: Definition,
    schemas: &[Arc<Schema>],
    known_urns: &Arc<[String]>,
    keeps_secrets: bool,
) -> Result<ResourceType, DefinitionError> {
    let schema_of = |urn: &str, at: &str| {
        let found = schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).cloned();
        found.ok_or_else(|| DefinitionError::new(at, format!("there is no schema {urn:?}")))
    };
    let schema = schema_of(&definition.schema, "schema")?;
    let mut extensions: Vec<Extension> = Vec::new();
    for extension in definition.schema_extensions {
        let found = schema_of(&extension.schema, "schemaExtensions")?;
        if Arc::ptr_eq(&found, &schema) || extensions.iter().any(|known| Arc::ptr_eq(&known.schema, &found)) {
            let message = format!("{} is named twice", found.id);
            return Err(DefinitionError::new("schemaExtensions", message));
        }
        extensions.push(Extension { schema: found, required: extension.required });
    }
    let named = |name: &Option<String>| name.as_deref().and_then(|name| schema.attribute(name)).cloned();
    let mut display = definition.display;
    // What a type of a source is called by: its displayName, or else its first required text.
    display.extend(schema.attributes.iter().filter(|one| is_name_like(one)).map(|one| one.name.clone()));
    display.dedup();
    let mut resource_type = ResourceType {
        relation: named(&definition.relation),
        inverse: named(&definition.inverse),
        name: definition.name,
        description: definition.description,
        endpoint: definition.endpoint,
        schema,
        extensions,
        defaults: definition.defaults,
        searchable: Vec::new(),
        display,
        keeps_secrets,
        known_urns: Arc::clone(known_urns),
    };
    let more = definition
        .searchable
        .iter()
        .map(|text| {
            AttributePath::parse(text, &resource_type)
                .map_err(|error| DefinitionError::new("searchable", error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    for path in &more {
        let of_relation = [&resource_type.relation, &resource_type.inverse]
            .into_iter()
            .flatten()
            .any(|one| Arc::ptr_eq(one, &path.attribute));
        if of_relation
            || COMMON.attribute(&path.attribute.name).is_some()
            || !crate::index::has_keys(path.leaf())
        {
            return Err(DefinitionError::new(
                "searchable",
                format!("{path} has no values that an index could hold"),
            ));
        }
    }
    resource_type.collect_searchable(more);
    Ok(resource_type)
}

fn is_name_like(attribute: &Attribute) -> bool {
    use crate::schema::AttributeType;
    attribute.required
        && !attribute.multi_valued
        && attribute.attribute_type == AttributeType::String
        && attribute.name != "userName"
}

/// Two paths of one number would be taken for one another by an index.
fn check_codes(resource_types: &[Arc<ResourceType>]) -> Result<(), DefinitionError> {
    let mut codes = HashMap::new();
    for resource_type in resource_types {
        for searchable in &resource_type.searchable {
            if let Some(other) = codes.insert(searchable.code, &searchable.name) {
                let message = format!("{} can't stand beside {other}; rename it", searchable.name);
                return Err(DefinitionError::new("attributes", message));
            }
        }
    }
    Ok(())
}
