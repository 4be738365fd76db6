//! What real clients send, mapped to what RFC 7643 and 7644 say. Nothing behind this module knows
//! of deviations.
//!
//! Each one found is noted as a sentence, for the log of the request.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    Object,
    path::{Name, is_name, starts_like_urn},
    resource::is_foreign_urn,
    resource_type::ResourceType,
    schema::{Attribute, AttributeType},
};

/// The deviations of one request, as sentences.
pub type Notes = Vec<String>;

const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Other spellings of a schema's URN that clients use, the longer before the shorter.
///
/// OneLogin sends `urn:scim:schemas:core:2.0`; others come from drafts of SCIM 2.0 and from 1.1.
pub fn old_spellings(urn: &str) -> impl Iterator<Item = &'static str> + use<> {
    const OF_USER: &[&str] = &[
        "urn:scim:schemas:core:2.0:User",
        "urn:scim:schemas:core:2.0",
        "urn:scim:schemas:core:1.0",
        "urn:ietf:params:scim:schemas:core:2.0",
    ];
    const OF_GROUP: &[&str] = &[
        "urn:scim:schemas:core:2.0:Group",
        "urn:scim:schemas:core:2.0",
        "urn:scim:schemas:core:1.0",
        "urn:ietf:params:scim:schemas:core:2.0",
    ];
    const OF_ENTERPRISE_USER: &[&str] = &[
        "urn:scim:schemas:extension:enterprise:2.0:User",
        "urn:scim:schemas:extension:enterprise:2.0",
        "urn:scim:schemas:extension:enterprise:1.0",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
    ];
    let spellings: &[&str] = match urn {
        CORE_USER => OF_USER,
        CORE_GROUP => OF_GROUP,
        ENTERPRISE_USER => OF_ENTERPRISE_USER,
        _ => &[],
    };
    spellings.iter().copied()
}

/// The URN of `resource_type`'s schema that `text` spells, in any letter case and spelling.
pub fn known_urn<'a>(text: &str, resource_type: &'a ResourceType) -> Option<&'a str> {
    let schemas = std::iter::once(&resource_type.schema)
        .chain(resource_type.extensions.iter().map(|extension| &extension.schema));
    schemas.map(|schema| schema.id.as_str()).find(|id| spells(id, text))
}

/// Whether `text` is the URN of a schema, in any letter case and spelling.
pub fn spells(urn: &str, text: &str) -> bool {
    urn.eq_ignore_ascii_case(text) || old_spellings(urn).any(|old| old.eq_ignore_ascii_case(text))
}

/// Mends a resource as clients send it in POST and PUT.
pub fn mend_resource(body: Object, resource_type: &ResourceType, notes: &mut Notes) -> Object {
    let mut mended = Object::with_capacity(body.len());
    let mut elsewhere = Vec::new();
    for (name, mut value) in body {
        if let Some(attribute) = resource_type.core_attribute(&name) {
            mend_value(&mut value, attribute, notes);
            mended.insert(name, value);
            continue;
        }
        let Some(schema) = known_urn(&name, resource_type).and_then(|urn| resource_type.extension(urn))
        else {
            match destination_of(&name, &value, resource_type) {
                Some(destination) => elsewhere.push((name, destination, value)),
                None => {
                    mended.insert(name, value);
                }
            }
            continue;
        };
        if !name.eq_ignore_ascii_case(&schema.id) {
            notes.push(format!("{name} is an old spelling of {}", schema.id));
        }
        mend_extension(&mut value, &schema.attributes, notes);
        match (mended.get_mut(&schema.id), value) {
            // In both spellings: each says a part.
            (Some(Value::Object(members)), Value::Object(more)) => members.extend(more),
            (_, value) => {
                mended.insert(schema.id.clone(), value);
            }
        }
    }
    // Last, so that the objects in which they are put are there, in any order of the body.
    let mut known = Names::default();
    for (name, destination, mut value) in elsewhere {
        notes.push(format!("{name} stands for the attribute in its place"));
        if let Some(leaf) = &destination.leaf {
            mend_value(&mut value, leaf, notes);
        }
        if let Err(value) = destination.put(&mut mended, value, &mut known) {
            mended.insert(name, value);
        }
    }
    mended
}

/// Where a value belongs whose key is a whole URN path, as clients send it in PATCH.
struct Destination {
    extension: Option<String>,
    attribute: String,
    sub_attribute: Option<String>,
    /// What the value is a value of; `None` in an extension that no schema describes.
    leaf: Option<std::sync::Arc<Attribute>>,
}

/// `None` for a value that belongs where it stands.
fn destination_of(name: &str, value: &Value, resource_type: &ResourceType) -> Option<Destination> {
    if !starts_like_urn(name) {
        return None;
    }
    match Name::resolve(name, resource_type).ok()? {
        Name::Attribute(path) if path.sub_attribute.is_none() || !path.attribute.multi_valued => {
            Some(Destination {
                extension: path.extension.as_ref().map(|schema| schema.id.clone()),
                attribute: path.attribute.name.clone(),
                sub_attribute: path.sub_attribute.as_ref().map(|sub| sub.name.clone()),
                leaf: Some(std::sync::Arc::clone(path.leaf())),
            })
        }
        Name::Foreign(_) if !value.is_object() => {
            let (urn, attribute) = foreign_parts(name, resource_type)?;
            let (extension, attribute) = (Some(urn.to_owned()), attribute.to_owned());
            Some(Destination { extension, attribute, sub_attribute: None, leaf: None })
        }
        _ => None,
    }
}

/// The names that the members of an object have, by their lower-case form, for each extension that
/// was looked into: looking through the members each time would take time with their square.
type Names = HashMap<Option<String>, HashMap<String, String>>;

impl Destination {
    /// Puts a value there; sub-attributes join those that are there. A value whose place is taken
    /// comes back: it stays under its own key, and is listed as ignored.
    fn put(self, resource: &mut Object, value: Value, known: &mut Names) -> Result<(), Value> {
        let value = match self.sub_attribute {
            None => value,
            Some(sub) => Value::Object(Object::from_iter([(sub, value)])),
        };
        let container = match &self.extension {
            None => Some(resource),
            Some(urn) => {
                resource.entry(urn.clone()).or_insert_with(|| Value::Object(Object::new())).as_object_mut()
            }
        };
        let Some(container) = container else { return Err(value) };
        let names = known.entry(self.extension).or_insert_with(|| {
            container.keys().map(|name| (name.to_ascii_lowercase(), name.clone())).collect()
        });
        let Some(name) = names.get(&self.attribute.to_ascii_lowercase()) else {
            names.insert(self.attribute.to_ascii_lowercase(), self.attribute.clone());
            container.insert(self.attribute, value);
            return Ok(());
        };
        match (container.get_mut(name), value) {
            (Some(Value::Object(members)), Value::Object(more)) => {
                members.extend(more);
                Ok(())
            }
            (_, value) => Err(value),
        }
    }
}

/// The URN of an extension that no schema describes, and the attribute behind it.
fn foreign_parts<'a>(name: &'a str, resource_type: &ResourceType) -> Option<(&'a str, &'a str)> {
    name.rsplit_once(':').filter(|(urn, attribute)| is_foreign_urn(urn, resource_type) && is_name(attribute))
}

/// Mends the object of an extension.
pub fn mend_extension(value: &mut Value, attributes: &[std::sync::Arc<Attribute>], notes: &mut Notes) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(attribute) = attributes.iter().find(|one| one.name.eq_ignore_ascii_case(name)) {
                    mend_value(value, attribute, notes);
                }
            }
        }
        Value::String(text) if text.is_empty() => *value = Value::Null,
        Value::Array(values) if values.len() <= 1 => {
            *value = values.pop().unwrap_or_default();
            mend_extension(value, attributes, notes);
        }
        _ => {}
    }
}

/// Mends the value of one attribute.
pub fn mend_value(value: &mut Value, attribute: &Attribute, notes: &mut Notes) {
    match value {
        Value::Null => {}
        Value::Array(values) if attribute.multi_valued => {
            for value in values {
                mend_element(value, attribute, notes);
            }
        }
        Value::String(text) if attribute.multi_valued && text.is_empty() => {
            notes.push(format!("{}: an empty text stands for no value", attribute.name));
            *value = Value::Null;
        }
        // AMB-05: a bare object stands for a list of one.
        _ if attribute.multi_valued => {
            notes.push(format!("{}: a single value stands for a list of one", attribute.name));
            mend_element(value, attribute, notes);
            *value = Value::Array(vec![value.take()]);
        }
        // Entra ID sends `[{"value": "…"}]` for manager.
        Value::Array(values) if values.len() <= 1 => {
            notes.push(format!("{}: a list of one stands for a single value", attribute.name));
            *value = values.pop().unwrap_or_default();
            mend_element(value, attribute, notes);
        }
        _ => mend_element(value, attribute, notes),
    }
}

/// Mends one element of a multi-valued attribute, or the value of a single-valued one.
pub fn mend_element(value: &mut Value, attribute: &Attribute, notes: &mut Notes) {
    match (attribute.attribute_type, &mut *value) {
        (AttributeType::Complex, Value::Object(members)) => {
            let stands_for_one = mend_complex(members, attribute, notes);
            if !stands_for_one {
                *value = Value::Null;
            }
        }
        // Entra ID sends a manager as a plain text, and an empty one to remove it.
        (AttributeType::Complex, Value::String(text))
            if attribute.value_attribute().is_some() || text.is_empty() =>
        {
            notes.push(format!("{}: a text stands for its value", attribute.name));
            *value = match std::mem::take(text) {
                text if text.is_empty() => Value::Null,
                text => Value::Object(Object::from_iter([("value".to_owned(), Value::String(text))])),
            };
        }
        // Entra ID sends booleans as strings, in any letter case (AMB-03).
        (AttributeType::Boolean, Value::String(text))
            if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") =>
        {
            notes.push(format!("{}: a text stands for a boolean", attribute.name));
            *value = Value::Bool(text.eq_ignore_ascii_case("true"));
        }
        // OneLogin sends `""` for what is unassigned. Texts keep it; no other type can.
        (
            AttributeType::Boolean
            | AttributeType::Integer
            | AttributeType::Decimal
            | AttributeType::DateTime
            | AttributeType::Binary,
            Value::String(text),
        ) if text.is_empty() => {
            notes.push(format!("{}: an empty text stands for no value", attribute.name));
            *value = Value::Null;
        }
        _ => {}
    }
}

/// Mends the sub-attributes of a value; false for one that stands for no value.
fn mend_complex(members: &mut Object, attribute: &Attribute, notes: &mut Notes) -> bool {
    for (name, value) in &mut *members {
        if let Some(sub) = attribute.sub_attribute(name) {
            mend_value(value, sub, notes);
        }
    }
    if !attribute.refers_to_resources() {
        return true;
    }
    let has =
        |name: &str| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    if has("value").is_none()
        && let Some(id) = has("$ref").and_then(Value::as_str).and_then(|url| url.rsplit('/').next())
        && !id.is_empty()
    {
        let id = Value::from(id);
        notes.push(format!("{}: the value is taken from $ref", attribute.name));
        members.insert("value".to_owned(), id);
    }
    // Entra ID removes a manager with `{"value": ""}`.
    let names_nothing = members.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("value") && (value.is_null() || value.as_str() == Some(""))
    });
    if names_nothing && !attribute.multi_valued {
        notes.push(format!("{}: an empty value stands for no value", attribute.name));
        return false;
    }
    true
}
