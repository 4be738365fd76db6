//! Reading a resource from a body (RFC 7644 §3.3, §3.5.1), and its stored form.

use std::{collections::HashSet, sync::Arc};

use serde::Serialize;
use serde_json::Value;

use crate::{
    Object, comparison, deviation,
    error::ScimError,
    path::{AttributePath, Name, PathError, is_urn, starts_like_urn},
    resource_type::{ResourceType, default_of},
    schema::{Attribute, Mutability, Schema},
    value,
};

/// What a client wants a resource to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The attributes in canonical letter case: without `schemas`, `id`, `meta`, without readOnly
    /// ones and without the relation.
    pub attributes: Object,
    /// The ids in the relation (`members`), each once; `None` when the body doesn't have it.
    pub related: Option<Vec<String>>,
    /// Paths of attributes that were not taken: unknown ones, and values that are not kept.
    pub ignored: Vec<String>,
    /// Secrets that are to be kept as hashes, or no longer kept.
    pub secrets: Vec<Secret>,
}

/// A secret that a client sets (`password`): an attribute that is only written (RFC 7643 §4.1.1). It
/// is never part of a resource.
#[derive(Clone, PartialEq)]
pub struct Secret {
    /// The name of the attribute.
    pub attribute: String,
    /// The secret; `None` takes it away.
    pub value: Option<String>,
}

impl Secret {
    /// The secret, where the source keeps secrets and it is text.
    pub(crate) fn kept(
        attribute: &Attribute,
        value: Option<Value>,
        resource_type: &ResourceType,
    ) -> Option<Self> {
        if !resource_type.keeps_secrets {
            return None;
        }
        let value = match value {
            Some(Value::String(text)) => Some(text),
            Some(_) => return None,
            None => None,
        };
        Some(Self { attribute: attribute.name.clone(), value })
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secret({})", self.attribute)
    }
}

/// Reads a resource from a body that [`deviation::mend_resource`] has gone over.
///
/// readOnly attributes are left out (RFC 7644 §3.3); unknown attributes are left out and listed in
/// [`Draft::ignored`] (AMB-06); objects under the URN of an unknown extension are kept as sent;
/// absent attributes get their defaults.
///
/// # Errors
/// 400 invalidSyntax when `schemas` doesn't have the base schema; 400 invalidValue when a value
/// has the wrong type or a required one is missing.
pub fn read(body: Object, resource_type: &ResourceType) -> Result<Draft, ScimError> {
    let mut draft = Draft { attributes: Object::with_capacity(body.len()), ..Draft::default() };
    let mut unassigned = Vec::new();
    for (name, value) in body {
        if let Some(attribute) = resource_type.core_attribute(&name) {
            let taken = take(attribute, name, value, resource_type, &mut draft)?;
            if !taken {
                unassigned.push(attribute.name.clone());
            }
        } else if let Some(schema) = resource_type.extension(&name) {
            if let Some(object) = read_extension(schema, value, &mut draft.ignored)? {
                draft.attributes.insert(schema.id.clone(), Value::Object(object));
            }
        } else if is_foreign_extension(&name, &value, resource_type) {
            draft.attributes.insert(name, value);
        } else {
            draft.ignored.push(name);
        }
    }
    for name in resource_type.defaults.keys() {
        // RFC 7644 §3.3: null asks for no value, default included.
        if !draft.attributes.contains_key(name) && !unassigned.contains(name) {
            draft
                .attributes
                .extend(default_of(resource_type, name).map(|value| (name.clone(), value.clone())));
        }
    }
    require(resource_type, &draft.attributes)?;
    Ok(draft)
}

/// An extension that no schema describes is kept and returned as sent.
fn is_foreign_extension(name: &str, value: &Value, resource_type: &ResourceType) -> bool {
    is_foreign_urn(name, resource_type)
        // Behind the URN of a schema that is known, an object is rather an extension of its own than an
        // attribute that the schema lacks.
        && matches!(Name::resolve(name, resource_type), Ok(Name::Foreign(_)) | Err(PathError::Unknown { .. }))
        && value.as_object().is_some_and(|members| !members.is_empty())
}

/// Whether a URN can be an extension's of which we know nothing: none of a schema that we know, in
/// any spelling, and none of a message.
pub(crate) fn is_foreign_urn(urn: &str, resource_type: &ResourceType) -> bool {
    let known = resource_type.known_urns.iter().any(|known| deviation::spells(known, urn));
    let message = urn.get(..MESSAGES.len()).is_some_and(|start| start.eq_ignore_ascii_case(MESSAGES));
    is_urn(urn) && !known && !message
}

/// What the URNs of messages start with (RFC 7644 §8.2).
pub(crate) const MESSAGES: &str = "urn:ietf:params:scim:api:";

/// Puts one attribute of the body into the draft; false when the body unassigns it.
fn take(
    attribute: &Arc<Attribute>,
    name: String,
    value: Value,
    resource_type: &ResourceType,
    draft: &mut Draft,
) -> Result<bool, ScimError> {
    if attribute.name == "schemas" {
        check_body_schemas(&value, resource_type)?;
        return Ok(true);
    }
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(true); // `id` too, whatever it is (AMB-15)
    }
    if resource_type.relation().is_some_and(|relation| Arc::ptr_eq(relation, attribute)) {
        draft.related = Some(related_ids(attribute, value, &mut draft.ignored)?);
        return Ok(true);
    }
    let value = value::check(attribute, value, &mut draft.ignored)?;
    if attribute.mutability == Mutability::WriteOnly {
        // Kept as a hash or not at all; ServiceProviderConfig.changePassword says which.
        match Secret::kept(attribute, value, resource_type) {
            Some(secret) => draft.secrets.push(secret),
            None => draft.ignored.push(attribute.name.clone()),
        }
        return Ok(true);
    }
    let Some(value) = value else { return Ok(false) };
    draft.attributes.insert(attribute.named(name), value);
    Ok(true)
}

fn read_extension(
    schema: &Schema,
    value: Value,
    ignored: &mut Vec<String>,
) -> Result<Option<Object>, ScimError> {
    let members = match value {
        Value::Null => return Ok(None),
        Value::Object(members) => members,
        _ => return Err(ScimError::invalid_value(format!("{}: expected an object", schema.id))),
    };
    let mut object = Object::with_capacity(members.len());
    for (name, value) in members {
        let Some(attribute) = schema.attribute(&name) else {
            ignored.push(format!("{}:{name}", schema.id));
            continue;
        };
        if attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        let checked = value::check(attribute, value, ignored)
            .map_err(|error| ScimError::from(error).in_context(&schema.id))?;
        if let Some(value) = checked {
            object.insert(attribute.named(name), value);
        }
    }
    Ok((!object.is_empty()).then_some(object))
}

/// `schemas` may be missing (AMB-01) and may name more than the type has (Entra ID's ADSCIM
/// Group), but when it says something it has to name the base schema (RFC 7643 §3.3).
fn check_body_schemas(value: &Value, resource_type: &ResourceType) -> Result<(), ScimError> {
    let urns: Vec<&str> = match value {
        Value::Null => return Ok(()),
        Value::Array(values) => values
            .iter()
            .map(|value| {
                value.as_str().ok_or_else(|| ScimError::invalid_syntax("schemas: expected a list of URIs"))
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(ScimError::invalid_syntax("schemas: expected a list of URIs")),
    };
    if urns.is_empty() { Ok(()) } else { check_schemas(&urns, resource_type) }
}

/// Whether the URNs of schemas have that of the type.
///
/// # Errors
/// 400 invalidSyntax: they don't (AMB-01).
pub(crate) fn check_schemas(urns: &[&str], resource_type: &ResourceType) -> Result<(), ScimError> {
    let base = resource_type.schema.id.as_str();
    if urns.iter().any(|urn| deviation::known_urn(urn, resource_type) == Some(base)) {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "schemas: a {} has the schema {base}, which is not in the list",
        resource_type.name
    )))
}

/// Reads the ids in the relation, each once and in order.
///
/// # Errors
/// 400 invalidValue when an element is malformed or names nobody.
pub fn related_ids(
    attribute: &Attribute,
    value: Value,
    ignored: &mut Vec<String>,
) -> Result<Vec<String>, ScimError> {
    let values = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(values) => values,
        _ => return Err(ScimError::invalid_value(format!("{}: expected a list", attribute.name))),
    };
    let mut seen = HashSet::with_capacity(values.len());
    let mut ids = Vec::with_capacity(values.len());
    for element in values {
        let element = value::check_one(attribute, element, ignored)?;
        let id = element.as_ref().and_then(related_id).ok_or_else(|| {
            ScimError::invalid_value(format!("{}.value: a value is required", attribute.name))
        })?;
        if seen.insert(id.to_owned()) {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// The id that an element names, by its `value` or else by the last segment of its `$ref`.
fn related_id(element: &Value) -> Option<&str> {
    let text = |name: &str| element.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("value").or_else(|| text("$ref")?.rsplit('/').next().filter(|segment| !segment.is_empty()))
}

/// Whether every required attribute has a value (RFC 7643 §7; RFC 7644 §3.12).
///
/// # Errors
/// 400 invalidValue naming the attribute.
pub fn require(resource_type: &ResourceType, attributes: &Object) -> Result<(), ScimError> {
    let missing = |attribute: &Attribute, object: &Object| {
        attribute.required
            && attribute.mutability != Mutability::ReadOnly
            && object.get(&attribute.name).is_none_or(|value| value.as_str().is_some_and(is_blank))
    };
    for attribute in &resource_type.schema.attributes {
        if missing(attribute, attributes) {
            return Err(ScimError::invalid_value(format!("{}: a value is required", attribute.name)));
        }
        require_inside(attribute, attributes)?;
    }
    for extension in &resource_type.extensions {
        let schema = &extension.schema;
        let Some(object) = attributes.get(&schema.id).and_then(Value::as_object) else {
            if extension.required {
                return Err(ScimError::invalid_value(format!("{}: the extension is required", schema.id)));
            }
            continue;
        };
        if let Some(attribute) = schema.attributes.iter().find(|attribute| missing(attribute, object)) {
            return Err(ScimError::invalid_value(format!(
                "{}:{}: a value is required",
                schema.id, attribute.name
            )));
        }
        for attribute in &schema.attributes {
            require_inside(attribute, object).map_err(|error| error.in_context(&schema.id))?;
        }
    }
    Ok(())
}

/// Whether a text has nothing in it that can be seen.
fn is_blank(text: &str) -> bool {
    comparison::key(text, false).trim().is_empty()
}

/// Whether each value of a complex attribute has the sub-attributes that are required of it.
fn require_inside(attribute: &Attribute, object: &Object) -> Result<(), ScimError> {
    let required = |sub: &&std::sync::Arc<Attribute>| sub.required && sub.mutability != Mutability::ReadOnly;
    if !attribute.sub_attributes.iter().any(|sub| required(&sub)) {
        return Ok(());
    }
    let elements = match object.get(&attribute.name) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    for sub in attribute.sub_attributes.iter().filter(required) {
        let is_missing =
            |value: Option<&Value>| value.is_none_or(|value| value.as_str().is_some_and(is_blank));
        if elements.iter().any(|element| is_missing(element.get(&sub.name))) {
            let detail = format!("{}.{}: a value is required", attribute.name, sub.name);
            return Err(ScimError::invalid_value(detail));
        }
    }
    Ok(())
}

/// Puts a replacement (PUT) in relation to what is there: immutable attributes that have a value
/// keep it, and the body may not say otherwise (RFC 7644 §3.5.1).
///
/// # Errors
/// 400 mutability naming the attribute.
pub fn keep_immutable(
    resource_type: &ResourceType,
    existing: &Object,
    draft: &mut Draft,
) -> Result<(), ScimError> {
    for (extension, schema) in resource_type.schemas() {
        for attribute in &schema.attributes {
            let is_immutable = attribute.mutability == Mutability::Immutable;
            if !is_immutable && attribute.immutable_parts().next().is_none() {
                continue;
            }
            let path =
                AttributePath { extension: extension.cloned(), ..AttributePath::core(attribute.clone()) };
            let kept = path.container(existing).and_then(|object| object.get(&attribute.name));
            let Some(kept) = kept else { continue };
            let container = match extension {
                None => Some(&mut draft.attributes),
                Some(schema) => draft
                    .attributes
                    .entry(schema.id.clone())
                    .or_insert_with(|| Value::Object(Object::new()))
                    .as_object_mut(),
            };
            let Some(container) = container else { continue };
            match container.get_mut(&attribute.name) {
                Some(value) if is_immutable && value != kept => {
                    return Err(ScimError::mutability(format!("{path}: the value is immutable")));
                }
                Some(_) if is_immutable => {}
                Some(value) => value::keep_immutable(attribute, kept, value).map_err(|error| {
                    extension.map_or(error.clone(), |schema| error.in_context(&schema.id))
                })?,
                None if is_immutable => {
                    container.insert(attribute.name.clone(), kept.clone());
                }
                None => {
                    if let Some(parts) = immutable_parts_of(attribute, kept) {
                        container.insert(attribute.name.clone(), parts);
                    }
                }
            }
            if let Some(schema) = extension
                && draft.attributes.get(&schema.id).and_then(Value::as_object).is_some_and(Object::is_empty)
            {
                draft.attributes.shift_remove(&schema.id);
            }
        }
    }
    Ok(())
}

/// What stays of one complex value when it is to go: its immutable sub-attributes. Elements of lists go whole.
fn immutable_parts_of(attribute: &Attribute, kept: &Value) -> Option<Value> {
    let kept = kept.as_object()?;
    let parts = attribute.immutable_parts().filter_map(|sub| {
        let value = kept.get(&sub.name)?;
        Some((sub.name.clone(), value.clone()))
    });
    let parts: Object = parts.collect();
    (!parts.is_empty()).then_some(Value::Object(parts))
}

/// Whether an extension may go: it has nothing that is immutable.
///
/// # Errors
/// 400 mutability naming what is.
pub(crate) fn check_immutable(schema: &Schema, members: &Object) -> Result<(), ScimError> {
    for attribute in &schema.attributes {
        let Some(value) = members.get(&attribute.name) else { continue };
        let is_immutable = attribute.mutability == Mutability::Immutable;
        if is_immutable || immutable_parts_of(attribute, value).is_some() {
            let detail = format!("{}:{}: the value is immutable", schema.id, attribute.name);
            return Err(ScimError::mutability(detail));
        }
    }
    Ok(())
}

/// Adds to a reference what answers say of the resource that it names: its URI and what people call it
/// (RFC 7643 §4.3).
pub fn complete_reference(
    resource: &mut Object,
    path: &AttributePath,
    url: Option<String>,
    display: Option<&str>,
) {
    let container = match &path.extension {
        None => Some(resource),
        Some(schema) => resource.get_mut(&schema.id).and_then(Value::as_object_mut),
    };
    let reference = container.and_then(|object| object.get_mut(&path.attribute.name));
    let Some(Value::Object(reference)) = reference else { return };
    reference.extend(url.map(|url| ("$ref".to_owned(), url.into())));
    let attribute = &path.attribute;
    let name = attribute.sub_attribute("displayName").or_else(|| attribute.sub_attribute("display"));
    if let (Some(name), Some(display)) = (name, display) {
        reference.insert(name.name.clone(), display.into());
    }
}

/// The stored form of a resource, a JSON object: `schemas` derived from the content (AMB-14), `id`, then the
/// attributes. What the server adds when it answers (`meta`, relations) is not in it.
#[expect(clippy::missing_panics_doc, reason = "names are text, and values are JSON")]
pub fn document(resource_type: &ResourceType, id: &str, attributes: &Object) -> String {
    let document = Document { schemas: schemas(resource_type, attributes), id, attributes };
    serde_json::to_string(&document).expect("it can be written")
}

/// What `schemas` is of a resource with these attributes: its base schema, and the extensions that it has
/// values of (AMB-14).
pub fn schemas<'a>(resource_type: &'a ResourceType, attributes: &'a Object) -> Vec<&'a str> {
    let extensions = attributes.keys().filter(|name| starts_like_urn(name)).map(String::as_str);
    std::iter::once(resource_type.schema.id.as_str()).chain(extensions).collect()
}

#[derive(Serialize)]
struct Document<'a> {
    schemas: Vec<&'a str>,
    id: &'a str,
    #[serde(flatten)]
    attributes: &'a Object,
}

/// The attributes in a stored document: the opposite of [`document`].
pub fn attributes(mut document: Object) -> Object {
    document.shift_remove("schemas");
    document.shift_remove("id");
    document
}

/// Puts a mask in the place of what is never returned (RFC 7643 §2.4, §7), in all attributes of a resource or
/// some of them.
pub fn mask_never_returned(attributes: &mut Object, resource_type: &ResourceType, mask: &str) {
    for (extension, schema) in resource_type.schemas() {
        let members = match extension {
            None => Some(&mut *attributes),
            Some(extension) => attributes.get_mut(&extension.id).and_then(Value::as_object_mut),
        };
        if let Some(members) = members {
            mask_members(members, &schema.attributes, mask);
        }
    }
}

fn mask_members(members: &mut Object, attributes: &[Arc<Attribute>], mask: &str) {
    for attribute in attributes {
        let Some(value) = members.get_mut(&attribute.name) else { continue };
        if attribute.is_never_returned() {
            *value = mask.into();
            continue;
        }
        match value {
            Value::Object(members) => mask_members(members, &attribute.sub_attributes, mask),
            Value::Array(values) => values
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|members| mask_members(members, &attribute.sub_attributes, mask)),
            _ => {}
        }
    }
}
