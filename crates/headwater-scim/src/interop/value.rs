//! Values as RFC 7643 §2 writes them, with nothing mended.

use std::fmt;

use serde_json::Value;

use super::is_type;
use crate::{
    Object, comparison,
    error::ScimError,
    schema::{Attribute, AttributeType, Mutability},
    value,
};

/// Where a value stands in the body, for messages.
pub(super) struct BodyPath<'a> {
    above: Option<(&'a BodyPath<'a>, char)>,
    name: &'a str,
}

impl<'a> BodyPath<'a> {
    pub(super) fn top(name: &'a str) -> Self {
        Self { above: None, name }
    }

    /// An attribute in the container of this extension.
    pub(super) fn attribute(&'a self, name: &'a str) -> Self {
        Self { above: Some((self, ':')), name }
    }

    fn sub_attribute(&'a self, name: &'a str) -> Self {
        Self { above: Some((self, '.')), name }
    }

    /// *Attribute and Schema Handling*: invalidSyntax, at whatever depth.
    pub(super) fn undefined(&self) -> ScimError {
        ScimError::invalid_syntax(format!("{self}: no schema defines it"))
    }

    /// RFC 7644 table 9: "the value specified was not compatible with the operation or attribute
    /// type".
    pub(super) fn refused(&self, reason: &str) -> ScimError {
        ScimError::invalid_value(format!("{self}: {reason}"))
    }
}

impl fmt::Display for BodyPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((above, separator)) = self.above {
            write!(formatter, "{above}{separator}")?;
        }
        formatter.write_str(self.name)
    }
}

/// Checks the value of an attribute: a list where it is multi-valued, one value where it isn't.
pub(super) fn check_value(at: &BodyPath<'_>, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
    match value {
        // RFC 7644 §3.3: their values SHALL be ignored.
        _ if attribute.mutability == Mutability::ReadOnly => check_names(at, attribute, value),
        Value::Null => Ok(()), // RFC 7643 §2.5
        Value::Array(elements) if attribute.multi_valued => {
            elements.iter().try_for_each(|element| check_element(at, attribute, element))
        }
        _ if attribute.multi_valued => Err(at.refused("expected a list")),
        _ => check_element(at, attribute, value),
    }
}

/// Checks one element of a list, or the value of a single-valued attribute.
fn check_element(at: &BodyPath<'_>, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
    match (attribute.attribute_type, value) {
        (_, Value::Null) => Err(at.refused("null is no element of a list")),
        (AttributeType::Complex, Value::Object(members)) => check_complex(at, attribute, members),
        (AttributeType::Complex, _) => Err(at.refused("expected an object")),
        // By the letter base64 of nothing; clients mean no value by it, which is `null`.
        (AttributeType::Binary, Value::String(text)) if text.is_empty() => {
            Err(at.refused("the text is empty"))
        }
        _ => match value::check_one(attribute, value.clone(), &mut Vec::new()) {
            Ok(_) => Ok(()),
            Err(error) => Err(at.refused(&error.message)),
        },
    }
}

fn check_complex(at: &BodyPath<'_>, attribute: &Attribute, members: &Object) -> Result<(), ScimError> {
    for (name, value) in members {
        let Some(sub) = attribute.sub_attribute(name) else {
            return Err(at.sub_attribute(name).undefined());
        };
        check_sub_attribute(&at.sub_attribute(&sub.name), attribute, sub, value)?;
    }
    // IPSIE AL1, Add or Remove Group Members: "Each member MUST contain a value subattribute". What
    // has only a `$ref` or a name would be taken for another thing, or for nothing.
    let names_resource = attribute.refers_to_resources() && attribute.value_attribute().is_some();
    let has_value = members.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("value") && value.as_str().is_some_and(|id| !id.is_empty())
    });
    if names_resource && !has_value && !members.is_empty() {
        return Err(at.sub_attribute("value").refused("a value is required"));
    }
    Ok(())
}

/// Checks the value of a sub-attribute.
pub(super) fn check_sub_attribute(
    at: &BodyPath<'_>,
    attribute: &Attribute,
    sub: &Attribute,
    value: &Value,
) -> Result<(), ScimError> {
    check_value(at, sub, value)?;
    match value {
        Value::String(text) if is_type(attribute, sub) && sub.mutability != Mutability::ReadOnly => {
            check_type(at, sub, text)
        }
        _ => Ok(()),
    }
}

/// *Canonical Values for Typed Attributes*: clients MUST only use the values that are declared as
/// acceptable. What to answer to others is left to the RFC, which lets a service provider restrict
/// values to the canonical ones (RFC 7643 §2.3.1), with invalidValue (RFC 7644 table 9). They are
/// refused: to keep one would make the declaration, which has to be accurate (*Discovery
/// Endpoints*), wrong.
pub(super) fn check_type(at: &BodyPath<'_>, sub: &Attribute, text: &str) -> Result<(), ScimError> {
    let exact = sub.compares_exactly();
    let key = comparison::key(text, exact);
    if sub.canonical_values.iter().any(|declared| comparison::key(declared, exact) == key) {
        return Ok(());
    }
    Err(match sub.canonical_values.as_slice() {
        [] => at.refused("no values are declared for it"),
        declared => at.refused(&format!("expected one of {}", declared.join(", "))),
    })
}

/// Whether all names in a value are defined.
fn check_names(at: &BodyPath<'_>, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
    match value {
        Value::Array(elements) => elements.iter().try_for_each(|element| check_names(at, attribute, element)),
        Value::Object(members) if attribute.is_complex() => {
            let unknown = members.keys().find(|name| attribute.sub_attribute(name).is_none());
            unknown.map_or(Ok(()), |name| Err(at.sub_attribute(name).undefined()))
        }
        _ => Ok(()),
    }
}
