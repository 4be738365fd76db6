//! The schemas of a source: what is built in, and what the source adds.

use std::sync::Arc;

use headwater_scim::{
    definition::{self, DefinitionError, ResourceTypeDefinition},
    registry::{Additions, Registry},
    resource_type::ResourceType,
    schema::Schema,
};
use headwater_store::{Act, StoreError};
use serde_json::{Value, json};

use super::{Administration, AdministrationError};

/// Where a schema or a resource type comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is as the RFC has it.
    BuiltIn,
    /// It is built in, and the source adds to it.
    Extended,
    /// It is the source's own.
    Own,
}

impl Origin {
    /// Its name in the API and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built_in",
            Self::Extended => "extended",
            Self::Own => "own",
        }
    }
}

/// A schema of a source.
#[derive(Debug, Clone)]
pub struct DescribedSchema {
    /// The schema, with what the source adds to it.
    pub schema: Arc<Schema>,
    /// Where it comes from.
    pub origin: Origin,
    /// The names of the attributes that the source adds to it; of one of its own, all.
    pub added: Vec<String>,
    /// The resource types that use it.
    pub uses: Vec<Use>,
    /// What had better be otherwise.
    pub warnings: Vec<String>,
}

/// How a resource type uses a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The name of the type.
    pub resource_type: String,
    /// Whether it is the type's base schema rather than an extension.
    pub base: bool,
    /// Whether a resource without it is refused.
    pub required: bool,
}

/// A resource type that a schema is to extend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extends {
    /// The name of the type.
    pub resource_type: String,
    /// Whether a resource without the extension is refused; `None` leaves it as it is, which is "no" for
    /// one that is new.
    pub required: Option<bool>,
}

/// A schema as JSON (RFC 7643 §7), without what only discovery says.
pub fn schema_json(schema: &Schema) -> Value {
    json!({
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
    })
}

impl Administration {
    /// Every schema of a source, those that are built in first.
    ///
    /// # Errors
    /// There is no such source.
    pub async fn schemas(&self, slug: &str) -> Result<Vec<DescribedSchema>, AdministrationError> {
        let registry = self.store.registry(&self.store.source(slug).await?).await?;
        let additions = self.store.additions(slug).await?;
        let described = registry.schemas.iter().map(|schema| {
            let added = additions.schemas.iter().find(|added| added.id.eq_ignore_ascii_case(&schema.id));
            let is_own = Registry::built_in().schema(&schema.id).is_none();
            DescribedSchema {
                schema: Arc::clone(schema),
                origin: match added {
                    None => Origin::BuiltIn,
                    Some(_) if is_own => Origin::Own,
                    Some(_) => Origin::Extended,
                },
                added: added.map(names).unwrap_or_default(),
                uses: uses(&registry, schema),
                warnings: if is_own { redefined(&registry, schema) } else { Vec::new() },
            }
        });
        Ok(described.collect())
    }

    /// One schema of a source, by its URN in any letter case.
    ///
    /// # Errors
    /// There is no such source, or it has no such schema.
    pub async fn schema(&self, slug: &str, urn: &str) -> Result<DescribedSchema, AdministrationError> {
        let found = self.schemas(slug).await?.into_iter().find(|one| one.schema.id.eq_ignore_ascii_case(urn));
        found.ok_or_else(|| StoreError::NoDefinition(urn.to_owned()).into())
    }

    /// Makes a schema, or replaces what there is of it, from the JSON of RFC 7643 §7. Under the URN of
    /// one that is built in, its attributes are added to it; those that it has anyway may be among them.
    /// Returns the schema, and whether it is new.
    ///
    /// # Errors
    /// The definition is none, or doesn't fit the others; what is there contradicts it.
    pub async fn put_schema(
        &self,
        slug: String,
        urn: Option<String>,
        json: Value,
        extends: Option<Extends>,
        act: Act,
    ) -> Result<(DescribedSchema, bool), AdministrationError> {
        let json = named(json, "id", urn.as_deref(), str::eq_ignore_ascii_case)?;
        let urn = json["id"].as_str().unwrap_or_default().to_owned();
        let put = {
            let urn = urn.clone();
            move |additions: &mut Additions| {
                let is_new = Registry::with(additions)?.schema(&urn).is_none();
                let schema = added_schema(json.clone(), additions)?;
                let said = schema.as_ref().map(names).unwrap_or_default();
                let urn = schema.as_ref().map_or_else(|| urn.clone(), |schema| schema.id.clone());
                additions.schemas.retain(|known| !known.id.eq_ignore_ascii_case(&urn));
                additions.schemas.extend(schema);
                additions.schemas.sort_by_key(|schema| schema.id.to_ascii_lowercase());
                let mut said = json!({"schema": urn, "attributes": said});
                if let Some(extends) = &extends {
                    attach(additions, &urn, extends)?;
                    said["extends"] = extends.resource_type.as_str().into();
                }
                Ok((said, is_new))
            }
        };
        let (source, is_new) = self.store.change_additions(slug, put, act).await?;
        self.forget_known(&source).await;
        let described = self.schema(source.slug.as_str(), &urn).await;
        Ok((described.map_err(AdministrationError::behind_change)?, is_new))
    }

    /// Removes a schema of a source's own, or what it adds to one that is built in. What resources hold
    /// of it stays with them.
    ///
    /// # Errors
    /// There is none, or a resource type uses it.
    pub async fn remove_schema(
        &self,
        slug: String,
        urn: String,
        act: Act,
    ) -> Result<(), AdministrationError> {
        let remove = move |additions: &mut Additions| {
            let position = additions.schemas.iter().position(|schema| schema.id.eq_ignore_ascii_case(&urn));
            let Some(position) = position else { return Err(StoreError::NoDefinition(urn.clone())) };
            let removed = additions.schemas.remove(position);
            let is_own = Registry::built_in().schema(&removed.id).is_none();
            let refers = |one: &&ResourceTypeDefinition| {
                one.schema.eq_ignore_ascii_case(&urn)
                    || one.extensions.iter().any(|(extension, _)| extension.eq_ignore_ascii_case(&urn))
            };
            if let Some(referring) = additions.resource_types.iter().find(refers).filter(|_| is_own) {
                let resource_type = referring.name.clone();
                return Err(StoreError::Referred { schema: removed.id, resource_type });
            }
            Ok((json!({"removed_schema": removed.id}), ()))
        };
        self.store.change_additions(slug, remove, act).await?;
        Ok(())
    }
}

/// The definition with the name that it is put under; one that it has itself has to be the same.
pub(super) fn named(
    mut json: Value,
    member: &str,
    name: Option<&str>,
    is_same: impl Fn(&str, &str) -> bool,
) -> Result<Value, StoreError> {
    let (Some(name), Some(object)) = (name, json.as_object_mut()) else { return Ok(json) };
    let given = object.entry(member).or_insert(Value::Null);
    match given {
        Value::Null => *given = name.into(),
        Value::String(given) if is_same(given, name) => {}
        _ => return Err(error(member, format!("it is put under {name:?}")).into()),
    }
    Ok(json)
}

/// What a definition adds to the schema of its URN; `None` when that has all of it already.
fn added_schema(mut json: Value, additions: &Additions) -> Result<Option<Schema>, DefinitionError> {
    let plain = Additions { schemas: Vec::new(), resource_types: Vec::new(), ..additions.clone() };
    let built_in = Registry::with(&plain)?;
    let urn = json["id"].as_str().unwrap_or_default().to_owned();
    let known = built_in.schema(&urn);
    if let (Some(known), Some(list)) = (known, json.get_mut("attributes").and_then(Value::as_array_mut)) {
        let before = list.len();
        list.retain(|given| !known.attributes.iter().any(|attribute| json!(attribute) == *given));
        if list.is_empty() && before > 0 {
            return Ok(None);
        }
        for member in ["name", "description"] {
            let kept = if member == "name" { &known.name } else { &known.description };
            if json.get(member).is_some_and(|given| !given.is_null() && *given != **kept) {
                return Err(error(member, format!("{} is built in; it keeps its own", known.id)));
            }
        }
    }
    let mut schema = definition::read_schema(&json)?;
    if let Some(known) = known {
        // Only its attributes are added.
        let (name, description) = (known.name.clone(), known.description.clone());
        schema = Schema { id: known.id.clone(), name, description, ..schema };
    }
    let Some(before) = additions.schemas.iter().find(|one| one.id.eq_ignore_ascii_case(&urn)) else {
        return Ok(Some(schema));
    };
    // Resources have their values under the names as they were spelt when the schema was made.
    schema.id.clone_from(&before.id);
    for (position, attribute) in schema.attributes.iter().enumerate() {
        if let Some(known) = before.attribute(&attribute.name).filter(|known| known.name != attribute.name) {
            let message = format!("{:?} is the spelling that it has; remove it to spell it anew", known.name);
            return Err(error(&format!("attributes[{position}].name"), message));
        }
    }
    Ok(Some(schema))
}

/// Makes a schema an extension of a resource type.
pub(super) fn attach(additions: &mut Additions, urn: &str, extends: &Extends) -> Result<(), StoreError> {
    let name = &extends.resource_type;
    let registry = Registry::with(additions)?;
    let Some(resource_type) = registry.resource_type(name) else {
        return Err(error("extends", format!("there is no resource type {name:?}")).into());
    };
    let known = resource_type.extensions.iter().find(|one| one.schema.id.eq_ignore_ascii_case(urn));
    let required = extends.required.unwrap_or_else(|| known.is_some_and(|known| known.required));
    if known.is_some_and(|known| known.required == required) {
        return Ok(());
    }
    let position = additions.resource_types.iter().position(|one| one.name == *name).unwrap_or_else(|| {
        additions.resource_types.push(ResourceTypeDefinition {
            name: name.clone(),
            description: String::new(),
            endpoint: String::new(),
            schema: String::new(),
            extensions: Vec::new(),
            searchable: Vec::new(),
        });
        additions.resource_types.len() - 1
    });
    let definition = &mut additions.resource_types[position];
    definition.extensions.retain(|(known, _)| !known.eq_ignore_ascii_case(urn));
    definition.extensions.push((urn.to_owned(), required));
    additions.resource_types.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(())
}

fn names(schema: &Schema) -> Vec<String> {
    schema.attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

fn uses(registry: &Registry, schema: &Arc<Schema>) -> Vec<Use> {
    let of_type = |one: &Arc<ResourceType>| {
        let used = |base, required| Use { resource_type: one.name.to_string(), base, required };
        if Arc::ptr_eq(&one.schema, schema) {
            return Some(used(true, true));
        }
        let extension = one.extensions.iter().find(|extension| Arc::ptr_eq(&extension.schema, schema));
        extension.map(|extension| used(false, extension.required))
    };
    registry.resource_types.iter().filter_map(of_type).collect()
}

/// RFC 7643 §3.3: extensions should not define anew what the standard's schemas have.
fn redefined(registry: &Registry, schema: &Arc<Schema>) -> Vec<String> {
    let extended = registry.resource_types.iter().filter(|one| {
        Registry::built_in().resource_type(&one.name).is_some()
            && one.extensions.iter().any(|extension| Arc::ptr_eq(&extension.schema, schema))
    });
    let warnings = extended.flat_map(|one| {
        let standard = one.schemas().map(|(_, known)| known);
        let standard: Vec<_> =
            standard.filter(|known| Registry::built_in().schema(&known.id).is_some()).collect();
        let twice = schema.attributes.iter().filter_map(move |attribute| {
            let known = standard.iter().find(|known| known.attribute(&attribute.name).is_some())?;
            Some(format!("{} has an attribute {} already, in {}", one.name, attribute.name, known.id))
        });
        twice.collect::<Vec<_>>()
    });
    warnings.collect()
}

pub(super) fn error(at: &str, message: impl Into<String>) -> DefinitionError {
    DefinitionError { at: at.to_owned(), message: message.into() }
}
