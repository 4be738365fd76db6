//! The resource types of a source: what is built in, and what the source adds.

use std::sync::Arc;

use headwater_scim::{
    definition::{self, DefinitionError, ResourceTypeDefinition},
    registry::{Additions, Registry},
    resource_type::ResourceType,
};
use headwater_store::{Act, StoreError};
use serde_json::{Value, json};

use super::{
    Administration, AdministrationError, Origin,
    schemas::{error, named},
};

/// A resource type of a source.
#[derive(Debug, Clone)]
pub struct DescribedType {
    /// The type, with what the source adds to it.
    pub resource_type: Arc<ResourceType>,
    /// Where it comes from.
    pub origin: Origin,
    /// The URNs of the extensions that the source adds to it, or changes.
    pub added_extensions: Vec<String>,
    /// The paths that the source wants to be found by an index, beside those that always are.
    pub searchable: Vec<String>,
    /// How many resources of the type there are.
    pub resources: u64,
}

impl DescribedType {
    /// The type as JSON (RFC 7643 §6) with `searchable`: what it can be put as.
    pub fn to_json(&self) -> Value {
        let one = &self.resource_type;
        let extensions = one
            .extensions
            .iter()
            .map(|extension| (extension.schema.id.clone(), extension.required))
            .collect();
        ResourceTypeDefinition {
            name: one.name.to_string(),
            description: one.description.clone(),
            endpoint: one.endpoint.clone(),
            schema: one.schema.id.clone(),
            extensions,
            searchable: self.searchable.clone(),
        }
        .to_json()
    }
}

impl Administration {
    /// Every resource type of a source, those that are built in first.
    ///
    /// # Errors
    /// There is no such source.
    pub async fn resource_types(&self, slug: &str) -> Result<Vec<DescribedType>, AdministrationError> {
        let source = self.store.source(slug).await?;
        let registry = self.store.registry(&source).await?;
        let additions = self.store.additions(slug).await?;
        let counts = self.store.counts(source.id).await?;
        let described = registry.resource_types.iter().map(|one| {
            let added = additions.resource_types.iter().find(|added| *added.name == *one.name);
            let is_own = Registry::built_in().resource_type(&one.name).is_none();
            let extensions = added.map(|added| &*added.extensions).unwrap_or_default();
            DescribedType {
                resource_type: Arc::clone(one),
                origin: match added {
                    None => Origin::BuiltIn,
                    Some(_) if is_own => Origin::Own,
                    Some(_) => Origin::Extended,
                },
                added_extensions: extensions.iter().map(|(urn, _)| urn.clone()).collect(),
                searchable: added.map(|added| added.searchable.clone()).unwrap_or_default(),
                resources: counts
                    .resources
                    .iter()
                    .find(|(name, _)| **name == *one.name)
                    .map_or(0, |(_, n)| *n),
            }
        });
        Ok(described.collect())
    }

    /// One resource type of a source, by its name.
    ///
    /// # Errors
    /// There is no such source, or it has no such type.
    pub async fn resource_type(&self, slug: &str, name: &str) -> Result<DescribedType, AdministrationError> {
        let found = self.resource_types(slug).await?.into_iter().find(|one| *one.resource_type.name == *name);
        found.ok_or_else(|| StoreError::NoDefinition(name.to_owned()).into())
    }

    /// Makes a resource type, or replaces what there is of it, from the JSON of RFC 7643 §6 with
    /// `searchable`. Under the name of one that is built in, its extensions and searchable paths are
    /// added to it. Returns the type, and whether it is new.
    ///
    /// # Errors
    /// The definition is none, or doesn't fit the others; what is there contradicts it.
    pub async fn put_resource_type(
        &self,
        slug: String,
        name: Option<String>,
        json: Value,
        act: Act,
    ) -> Result<(DescribedType, bool), AdministrationError> {
        let json = named(json, "name", name.as_deref(), |one, other| one == other)?;
        let read = definition::read_resource_type(&json).map_err(StoreError::from)?;
        let name = read.name.clone();
        let put = move |additions: &mut Additions| {
            let is_new = Registry::with(additions)?.resource_type(&read.name).is_none();
            let said = json!({"resource_type": read.name, "extensions": extensions_json(&read)});
            additions.resource_types.retain(|known| known.name != read.name);
            additions.resource_types.extend(added_type(read.clone())?);
            additions.resource_types.sort_by(|one, other| one.name.cmp(&other.name));
            Ok((said, is_new))
        };
        let (source, is_new) = self.store.change_additions(slug, put, act).await?;
        self.forget_known(&source).await;
        let described = self.resource_type(source.slug.as_str(), &name).await;
        Ok((described.map_err(AdministrationError::behind_change)?, is_new))
    }

    /// Removes a resource type of a source's own, or what it adds to one that is built in.
    ///
    /// # Errors
    /// There is none, or it has resources.
    pub async fn remove_resource_type(
        &self,
        slug: String,
        name: String,
        act: Act,
    ) -> Result<(), AdministrationError> {
        let remove = move |additions: &mut Additions| {
            let position = additions.resource_types.iter().position(|one| one.name == name);
            let Some(position) = position else { return Err(StoreError::NoDefinition(name.clone())) };
            additions.resource_types.remove(position);
            Ok((json!({"removed_resource_type": name}), ()))
        };
        self.store.change_additions(slug, remove, act).await?;
        Ok(())
    }
}

/// What a definition adds to the type of its name; `None` when that has all of it already.
fn added_type(mut read: ResourceTypeDefinition) -> Result<Option<ResourceTypeDefinition>, DefinitionError> {
    let built_in = Registry::built_in();
    let Some(known) = built_in.resource_type(&read.name) else { return Ok(Some(read)) };
    let same = [
        ("description", &read.description, &known.description),
        ("endpoint", &read.endpoint, &known.endpoint),
        ("schema", &read.schema, &known.schema.id),
    ];
    for (member, given, kept) in same {
        if !given.is_empty() && given != kept {
            return Err(error(member, format!("{} is built in; it keeps its own", known.name)));
        }
    }
    for text in [&mut read.description, &mut read.endpoint, &mut read.schema] {
        text.clear();
    }
    read.extensions.retain(|(urn, required)| {
        !known
            .extensions
            .iter()
            .any(|one| one.schema.id.eq_ignore_ascii_case(urn) && one.required == *required)
    });
    Ok((!read.extensions.is_empty() || !read.searchable.is_empty()).then_some(read))
}

fn extensions_json(read: &ResourceTypeDefinition) -> Vec<&str> {
    read.extensions.iter().map(|(urn, _)| urn.as_str()).collect()
}
