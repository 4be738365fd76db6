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
    for (name, value) in body {
        if let Some(attribute) = resource_type.core_attribute(&name) {
            mended.insert(name, mend_value(value, attribute, notes));
            continue;
        }
        let Some(schema) = known_urn(&name, resource_type).and_then(|urn| resource_type.extension(urn))
        else {
            match place_of(&name, &value, resource_type) {
                Some(place) => elsewhere.push((name, place, value)),
                None => {
                    mended.insert(name, value);
                }
            }
            continue;
        };
        if !name.eq_ignore_ascii_case(&schema.id) {
            notes.push(format!("{name} is an old spelling of {}", schema.id));
        }
        let value = mend_extension(value, &schema.attributes, notes);
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
    for (name, place, value) in elsewhere {
        notes.push(format!("{name} stands for the attribute in its place"));
        let value = match &place.leaf {
            Some(leaf) => mend_value(value, leaf, notes),
            None => value,
        };
        if let Err(value) = place.put(&mut mended, value, &mut known) {
            mended.insert(name, value);
        }
    }
    mended
}

/// Where a value belongs whose key is a whole URN path, as clients send it in PATCH.
struct Place {
    extension: Option<String>,
    attribute: String,
    sub_attribute: Option<String>,
    /// What the value is a value of; `None` in an extension that no schema describes.
    leaf: Option<std::sync::Arc<Attribute>>,
}

/// `None` for a value that belongs where it stands.
fn place_of(name: &str, value: &Value, resource_type: &ResourceType) -> Option<Place> {
    if !starts_like_urn(name) {
        return None;
    }
    match Name::resolve(name, resource_type).ok()? {
        Name::Attribute(path) if path.sub_attribute.is_none() || !path.attribute.multi_valued => {
            Some(Place {
                extension: path.extension.as_ref().map(|schema| schema.id.clone()),
                attribute: path.attribute.name.clone(),
                sub_attribute: path.sub_attribute.as_ref().map(|sub| sub.name.clone()),
                leaf: Some(std::sync::Arc::clone(path.leaf())),
            })
        }
        Name::Foreign(_) if !value.is_object() => {
            let (urn, attribute) = foreign_parts(name, resource_type)?;
            let (extension, attribute) = (Some(urn.to_owned()), attribute.to_owned());
            Some(Place { extension, attribute, sub_attribute: None, leaf: None })
        }
        _ => None,
    }
}

/// The names that the members of an object have, by their lower-case form, for each extension that
/// was looked into: looking through the members each time would take time with their square.
type Names = HashMap<Option<String>, HashMap<String, String>>;

impl Place {
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
pub fn mend_extension(value: Value, attributes: &[std::sync::Arc<Attribute>], notes: &mut Notes) -> Value {
    let members = match value {
        Value::Object(members) => members,
        Value::String(text) if text.is_empty() => return Value::Null,
        Value::Array(mut values) if values.len() <= 1 => {
            return values.pop().map_or(Value::Null, |value| mend_extension(value, attributes, notes));
        }
        other => return other,
    };
    let mended = members.into_iter().map(|(name, value)| {
        let attribute = attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(&name));
        let value = match attribute {
            Some(attribute) => mend_value(value, attribute, notes),
            None => value,
        };
        (name, value)
    });
    Value::Object(mended.collect())
}

/// Mends the value of one attribute.
pub fn mend_value(value: Value, attribute: &Attribute, notes: &mut Notes) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Array(values) if attribute.multi_valued => {
            Value::Array(values.into_iter().map(|value| mend_element(value, attribute, notes)).collect())
        }
        Value::String(text) if attribute.multi_valued && text.is_empty() => {
            notes.push(format!("{}: an empty text stands for no value", attribute.name));
            Value::Null
        }
        // AMB-05: a bare object stands for a list of one.
        other if attribute.multi_valued => {
            notes.push(format!("{}: a single value stands for a list of one", attribute.name));
            Value::Array(vec![mend_element(other, attribute, notes)])
        }
        // Entra ID sends `[{"value": "…"}]` for manager.
        Value::Array(mut values) if values.len() <= 1 => {
            notes.push(format!("{}: a list of one stands for a single value", attribute.name));
            values.pop().map_or(Value::Null, |value| mend_element(value, attribute, notes))
        }
        other => mend_element(other, attribute, notes),
    }
}

/// Mends one element of a multi-valued attribute, or the value of a single-valued one.
pub fn mend_element(value: Value, attribute: &Attribute, notes: &mut Notes) -> Value {
    match (attribute.attribute_type, value) {
        (AttributeType::Complex, Value::Object(members)) => mend_complex(members, attribute, notes),
        // Entra ID sends a manager as a plain text, and an empty one to remove it.
        (AttributeType::Complex, Value::String(text))
            if attribute.value_attribute().is_some() || text.is_empty() =>
        {
            notes.push(format!("{}: a text stands for its value", attribute.name));
            if text.is_empty() {
                return Value::Null;
            }
            Value::Object(Object::from_iter([("value".to_owned(), Value::String(text))]))
        }
        // Entra ID sends booleans as strings, in any letter case (AMB-03).
        (AttributeType::Boolean, Value::String(text))
            if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") =>
        {
            notes.push(format!("{}: a text stands for a boolean", attribute.name));
            Value::Bool(text.eq_ignore_ascii_case("true"))
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
            Value::Null
        }
        (_, value) => value,
    }
}

fn mend_complex(members: Object, attribute: &Attribute, notes: &mut Notes) -> Value {
    let mut mended: Object = members
        .into_iter()
        .map(|(name, value)| match attribute.sub_attribute(&name) {
            Some(sub) => {
                let value = mend_value(value, sub, notes);
                (name, value)
            }
            None => (name, value),
        })
        .collect();
    let has =
        |name: &str| mended.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    if attribute.refers_to_resources()
        && has("value").is_none()
        && let Some(id) = has("$ref").and_then(Value::as_str).and_then(|url| url.rsplit('/').next())
        && !id.is_empty()
    {
        notes.push(format!("{}: the value is taken from $ref", attribute.name));
        mended.insert("value".to_owned(), id.into());
    }
    // Entra ID removes a manager with `{"value": ""}`.
    let names_nothing = attribute.refers_to_resources()
        && mended.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("value") && (value.is_null() || value.as_str() == Some(""))
        });
    if names_nothing && !attribute.multi_valued {
        notes.push(format!("{}: an empty value stands for no value", attribute.name));
        return Value::Null;
    }
    Value::Object(mended)
}
