//! Attributes that clients send and no schema knows, and how they come into the schemas.

use std::sync::Arc;

use headwater_scim::{
    definition,
    path::Name,
    registry::{Additions, Registry},
    resource_type::ResourceType,
    schema::{Attribute, Schema},
};
use headwater_store::{Act, Source, StoreError, UnknownAttribute};
use serde_json::{Value, json};

use super::{
    Administration, AdministrationError, Extends,
    schemas::{attach, error},
};

/// An attribute that no schema knows.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// What has been counted.
    pub counted: UnknownAttribute,
    /// What its values look like: an attribute definition of RFC 7643 §7.
    pub shape: Value,
    /// Why it can't become an attribute by itself; `None` where it can.
    pub hindrance: Option<String>,
}

/// An attribute that has come into a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The path that it was counted under.
    pub path: String,
    /// The URN of the schema that has it now.
    pub schema: String,
    /// Its name there.
    pub attribute: String,
}

impl Administration {
    /// The attributes that clients of a source sent and no schema knows, the most frequent first.
    ///
    /// # Errors
    /// There is no such source.
    pub async fn unknown_attributes(&self, slug: &str) -> Result<Vec<Unknown>, AdministrationError> {
        let source = self.store.source(slug).await?;
        let registry = self.store.registry(&source).await?;
        let additions = self.store.additions(slug).await?;
        let unknown = self.store.unknown_attributes(source.id).await?.into_iter().map(|counted| {
            let shape: Value = serde_json::from_str(&counted.shape).unwrap_or_default();
            let hindrance = match registry.resource_type(&counted.resource_type) {
                Some(resource_type) => {
                    home(&counted.path, &shape, resource_type, &registry, &additions).err()
                }
                None => Some(format!("there is no resource type {} any more", counted.resource_type)),
            };
            Unknown { counted, shape, hindrance }
        });
        Ok(unknown.collect())
    }

    /// Makes an attribute that clients sent, or with the URN of an unknown extension all of its, part of
    /// the schemas of a source: with the type that what was sent has, and the defaults of RFC 7643 §2.2.
    /// It is counted as unknown no longer.
    ///
    /// # Errors
    /// It was not sent, or can't be added.
    pub async fn adopt(
        &self,
        slug: String,
        resource_type: String,
        path: String,
        act: Act,
    ) -> Result<Vec<Adopted>, AdministrationError> {
        let all = self.unknown_attributes(&slug).await?;
        let wanted: Vec<Unknown> = all
            .into_iter()
            .filter(|one| one.counted.resource_type == resource_type && is_wanted(&one.counted.path, &path))
            .collect();
        if wanted.is_empty() {
            return Err(StoreError::NoUnknownAttribute { resource_type, path }.into());
        }
        if let Some(hindrance) = wanted.iter().find_map(|one| one.hindrance.clone()) {
            return Err(AdministrationError::invalid("path", hindrance));
        }
        let adopt = move |additions: &mut Additions| {
            let (mut paths, mut adopted) = (Vec::new(), Vec::new());
            for Unknown { counted, shape, .. } in &wanted {
                adopted.push(add(additions, &resource_type, &counted.path, shape)?);
                paths.push(counted.path.clone());
            }
            Ok((json!({"resource_type": resource_type, "adopted": paths}), adopted))
        };
        let (source, adopted) = self.store.change_additions(slug, adopt, act).await?;
        self.forget_known(&source).await;
        Ok(adopted)
    }

    /// Forgets what was counted: one attribute, or with `None` all of a source.
    ///
    /// # Errors
    /// There is no such source.
    pub async fn forget_unknown(
        &self,
        slug: &str,
        one: Option<(String, String)>,
    ) -> Result<(), AdministrationError> {
        let source = self.store.source(slug).await?;
        Ok(self.store.forget_unknown(source.id, one).await?)
    }

    /// Forgets the attributes that the schemas know by now, if it can be done: they are shown as known else.
    pub(super) async fn forget_known(&self, source: &Source) {
        if let Err(error) = self.try_to_forget_known(source).await {
            tracing::warn!(%error, "attributes that the schemas know by now are still counted as unknown");
        }
    }

    async fn try_to_forget_known(&self, source: &Source) -> Result<(), StoreError> {
        let registry = self.store.registry(source).await?;
        for UnknownAttribute { resource_type, path, .. } in self.store.unknown_attributes(source.id).await? {
            let known = registry.resource_type(&resource_type).is_some_and(|one| is_known(&path, one));
            if known {
                self.store.forget_unknown(source.id, Some((resource_type, path))).await?;
            }
        }
        Ok(())
    }
}

/// Where an attribute would come to stand.
enum Home {
    /// In a schema of the resource type.
    Schema(Arc<Schema>),
    /// In a schema of the source that is to become an extension of the type.
    Unattached(Arc<Schema>),
    /// In a new schema of this URN.
    New(String),
}

fn is_known(path: &str, resource_type: &ResourceType) -> bool {
    matches!(Name::resolve(path, resource_type), Ok(Name::Attribute(_)))
}

/// Whether a path is the one that is named, or an attribute of the extension that is.
fn is_wanted(path: &str, named: &str) -> bool {
    let of_extension = || path.rsplit_once(':').is_some_and(|(urn, _)| urn.eq_ignore_ascii_case(named));
    path.eq_ignore_ascii_case(named) || of_extension()
}

/// Where the attribute of a path belongs, and its definition; or why it can't be added.
fn home(
    path: &str,
    shape: &Value,
    resource_type: &ResourceType,
    registry: &Registry,
    additions: &Additions,
) -> Result<(Home, Arc<Attribute>), String> {
    if is_known(path, resource_type) {
        return Err(format!("{} has the attribute by now", resource_type.name));
    }
    let (urn, name) = match path.rsplit_once(':') {
        Some((urn, name)) => (Some(urn), name),
        None => (None, path),
    };
    if name.contains('.') {
        return Err(format!("nothing can be added to the inside of an attribute, as {name} would be"));
    }
    // Read as it would be put, so that what is wrong with it is known before.
    let own = json!({"id": "urn:headwater:unknown", "attributes": [shape]});
    let read = definition::read_schema(&own).map_err(|error| error.message)?;
    let attribute = read.attributes.first().cloned().ok_or("nothing is known of its values")?;
    let Some(urn) = urn else { return Ok((Home::Schema(Arc::clone(&resource_type.schema)), attribute)) };
    if let Some(extension) = resource_type.extension(urn) {
        return Ok((Home::Schema(Arc::clone(extension)), attribute));
    }
    let Some(schema) = registry.schema(urn) else {
        let new = json!({"id": urn, "attributes": [shape]});
        definition::read_schema(&new).map_err(|error| error.message)?;
        return Ok((Home::New(urn.to_owned()), attribute));
    };
    let is_own =
        additions.schemas.iter().any(|one| one.id == schema.id) && Registry::built_in().schema(urn).is_none();
    let is_base = registry.resource_types.iter().any(|one| Arc::ptr_eq(&one.schema, schema));
    if !is_own || is_base {
        return Err(format!("{} is a schema of its own, no extension of {}", schema.id, resource_type.name));
    }
    Ok((Home::Unattached(Arc::clone(schema)), attribute))
}

fn add(
    additions: &mut Additions,
    resource_type: &str,
    path: &str,
    shape: &Value,
) -> Result<Adopted, StoreError> {
    let registry = Registry::with(additions)?;
    let known = registry.resource_type(resource_type);
    let known = known.ok_or_else(|| error("resource_type", format!("there is no type {resource_type:?}")))?;
    let (home, attribute) =
        home(path, shape, known, &registry, additions).map_err(|hindrance| error("path", hindrance))?;
    let (schema, attached) = match home {
        Home::Schema(schema) => ((*schema).clone(), true),
        Home::Unattached(schema) => ((*schema).clone(), false),
        Home::New(urn) => {
            let name = urn.rsplit(':').next().unwrap_or(&urn).to_owned();
            (Schema { id: urn, name, description: String::new(), attributes: Vec::new() }, false)
        }
    };
    let adopted =
        Adopted { path: path.to_owned(), schema: schema.id.clone(), attribute: attribute.name.clone() };
    // A schema that is to become an extension may have it already.
    if schema.attribute(&attribute.name).is_none() {
        match additions.schemas.iter_mut().find(|one| one.id == schema.id) {
            Some(added) => added.attributes.push(attribute),
            None => additions.schemas.push(Schema { attributes: vec![attribute], ..schema }),
        }
        additions.schemas.sort_by_key(|schema| schema.id.to_ascii_lowercase());
    }
    if !attached {
        let extends = Extends { resource_type: resource_type.to_owned(), required: None };
        attach(additions, &adopted.schema, &extends)?;
    }
    Ok(adopted)
}
