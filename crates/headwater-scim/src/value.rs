//! Values checked against an attribute's characteristics (RFC 7643 §2).
//!
//! Everything here is strict: what clients get wrong has been mended by [`crate::deviation`].

use std::collections::{HashMap, hash_map::Entry};

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use crate::{
    Object, date_time,
    error::ScimError,
    schema::{Attribute, AttributeType, Mutability, Uniqueness},
};

/// The most values that a multi-valued attribute may have. Relations (`members`) have no bound:
/// they are not kept in the resource.
pub const MAX_VALUES: usize = 1_000;

/// A value that doesn't fit its attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ValueError {
    /// The attribute, dotted.
    pub path: String,
    /// What is wrong with the value. The value itself is left out: it may be personal.
    pub message: String,
}

impl ValueError {
    fn new(attribute: &Attribute, message: impl Into<String>) -> Self {
        Self { path: attribute.name.clone(), message: message.into() }
    }

    fn below(self, attribute: &Attribute) -> Self {
        Self { path: format!("{}.{}", attribute.name, self.path), ..self }
    }
}

impl From<ValueError> for ScimError {
    fn from(error: ValueError) -> Self {
        Self::invalid_value(error.to_string())
    }
}

/// Checks a whole attribute value. `None` means unassigned: null and the empty list are the same
/// as no value (RFC 7643 §2.5). Names of sub-attributes come out in their canonical letter case;
/// sub-attributes that no schema knows are left out and added to `ignored`, readOnly ones are
/// left out.
///
/// # Errors
/// The value is not of the attribute's type, or has two primaries.
pub fn check(
    attribute: &Attribute,
    value: Value,
    ignored: &mut Vec<String>,
) -> Result<Option<Value>, ValueError> {
    checked(attribute, value, ignored, Extent::Whole)
}

/// How much of a complex value is given.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    /// All of it: it has what is required.
    Whole,
    /// What is put into a value that is there, or may be.
    Part,
}

/// Like [`check`], of values of which a part may be given.
///
/// # Errors
/// Those of [`check`].
pub(crate) fn checked(
    attribute: &Attribute,
    value: Value,
    ignored: &mut Vec<String>,
    extent: Extent,
) -> Result<Option<Value>, ValueError> {
    if !attribute.multi_valued {
        return checked_one(attribute, value, ignored, extent);
    }
    match value {
        Value::Null => Ok(None),
        Value::Array(values) => {
            check_length(attribute, values.len())?;
            let mut checked = Vec::with_capacity(values.len());
            for value in values {
                checked.extend(checked_one(attribute, value, ignored, extent)?);
            }
            let checked = distinct(checked);
            check_primary(attribute, &checked)?;
            Ok((!checked.is_empty()).then_some(Value::Array(checked)))
        }
        other => Err(ValueError::new(attribute, format!("expected a list, found {}", kind(&other)))),
    }
}

/// Checks one element of a multi-valued attribute, or the value of a single-valued one.
///
/// # Errors
/// The value is not of the attribute's type.
pub fn check_one(
    attribute: &Attribute,
    value: Value,
    ignored: &mut Vec<String>,
) -> Result<Option<Value>, ValueError> {
    checked_one(attribute, value, ignored, Extent::Whole)
}

/// Like [`check_one`], of an element of which a part may be given.
///
/// # Errors
/// Those of [`check_one`].
pub(crate) fn checked_one(
    attribute: &Attribute,
    value: Value,
    ignored: &mut Vec<String>,
    extent: Extent,
) -> Result<Option<Value>, ValueError> {
    let expected = |what: &str, found: &Value| {
        Err(ValueError::new(attribute, format!("expected {what}, found {}", kind(found))))
    };
    match (attribute.attribute_type, value) {
        (_, Value::Null) => Ok(None),
        (AttributeType::Complex, Value::Object(members)) => {
            check_complex(attribute, members, ignored, extent)
        }
        (AttributeType::Complex, other) => expected("an object", &other),
        (AttributeType::Boolean, value @ Value::Bool(_)) => Ok(Some(value)),
        (AttributeType::Boolean, other) => expected("true or false", &other),
        // RFC 7643 §2.3.4: no fraction and no exponent
        (AttributeType::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(Some(number.into()))
        }
        (AttributeType::Integer, Value::Number(_)) => {
            Err(ValueError::new(attribute, "expected a whole number"))
        }
        (AttributeType::Integer, other) => expected("a whole number", &other),
        (AttributeType::Decimal, value @ Value::Number(_)) => Ok(Some(value)),
        (AttributeType::Decimal, other) => expected("a number", &other),
        // A name that nobody else may have is one that people can read (RFC 8264 §9.8).
        (AttributeType::String, Value::String(text))
            if attribute.uniqueness != Uniqueness::None && text.chars().any(char::is_control) =>
        {
            Err(ValueError::new(attribute, "the text has a control character"))
        }
        (text_type, Value::String(text)) => match malformed(text_type, &text) {
            None => Ok(Some(text.into())),
            Some(what) => Err(ValueError::new(attribute, format!("the text is not {what}"))),
        },
        (_, other) => expected("text", &other),
    }
}

fn check_complex(
    attribute: &Attribute,
    members: Object,
    ignored: &mut Vec<String>,
    extent: Extent,
) -> Result<Option<Value>, ValueError> {
    let mut checked = Object::with_capacity(members.len());
    for (name, value) in members {
        let Some(sub) = attribute.sub_attribute(&name) else {
            ignored.push(format!("{}.{name}", attribute.name));
            continue;
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(value) = check(sub, value, ignored).map_err(|error| error.below(attribute))? {
            checked.insert(sub.named(name), value);
        }
    }
    if checked.is_empty() {
        return Ok(None);
    }
    if extent == Extent::Part {
        return Ok(Some(Value::Object(checked)));
    }
    let missing = attribute.sub_attributes.iter().find(|sub| {
        sub.required && sub.mutability != Mutability::ReadOnly && !checked.contains_key(&sub.name)
    });
    match missing {
        Some(sub) => Err(ValueError::new(sub, "a value is required").below(attribute)),
        None => Ok(Some(Value::Object(checked))),
    }
}

/// Keeps in a value what it has to keep of the one that it takes the place of: immutable sub-attributes, of lists
/// those of the elements that stay (RFC 7643 §7).
///
/// # Errors
/// 400 mutability: it says another value for one of them.
pub(crate) fn keep_immutable(
    attribute: &Attribute,
    kept: &Value,
    given: &mut Value,
) -> Result<(), ScimError> {
    if attribute.immutable_parts().next().is_none() {
        return Ok(());
    }
    match (kept, given) {
        (Value::Array(kept), Value::Array(given)) => given.iter_mut().try_for_each(|given| {
            let same = kept.iter().find(|kept| is_same(kept, given));
            same.map_or(Ok(()), |same| keep_immutable(attribute, same, given))
        }),
        (Value::Object(kept), Value::Object(given)) => {
            for sub in attribute.immutable_parts() {
                let Some(kept) = kept.get(&sub.name) else { continue };
                if given.get(&sub.name).is_some_and(|given| given != kept) {
                    return Err(is_immutable(attribute, sub));
                }
                given.insert(sub.name.clone(), kept.clone());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a value has all that it had of immutable sub-attributes.
///
/// # Errors
/// 400 mutability: one of them has another value, or none.
pub(crate) fn check_immutable(
    attribute: &Attribute,
    before: &Value,
    after: Option<&Value>,
) -> Result<(), ScimError> {
    for sub in attribute.immutable_parts() {
        let kept = before.get(&sub.name);
        if kept.is_some() && after.and_then(|after| after.get(&sub.name)) != kept {
            return Err(is_immutable(attribute, sub));
        }
    }
    Ok(())
}

fn is_immutable(attribute: &Attribute, sub: &Attribute) -> ScimError {
    ScimError::mutability(format!("{}.{}: the value is immutable", attribute.name, sub.name))
}

/// Whether a list is of a length that every operation on it stays quick with.
///
/// # Errors
/// It has more than [`MAX_VALUES`].
pub fn check_length(attribute: &Attribute, length: usize) -> Result<(), ValueError> {
    if length > MAX_VALUES {
        return Err(ValueError::new(
            attribute,
            format!("{length} values are too many; at most {MAX_VALUES} may be"),
        ));
    }
    Ok(())
}

/// RFC 7643 §2.4: `primary` is true at most once; two in one value of a PATCH are refused (AMB-38).
///
/// # Errors
/// Two elements have `primary: true`.
pub fn check_primary(attribute: &Attribute, values: &[Value]) -> Result<(), ValueError> {
    let primaries = values.iter().filter(|value| is_primary(value)).count();
    if primaries > 1 {
        return Err(ValueError::new(
            attribute,
            format!("{primaries} values have primary true; at most one may"),
        ));
    }
    Ok(())
}

/// Whether an element has `primary: true`.
pub fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// What a text of this type has to be and isn't. Plain texts may be anything: languages, time zones,
/// countries and phone numbers are kept as sent (AMB-08, AMB-10).
fn malformed(attribute_type: AttributeType, text: &str) -> Option<&'static str> {
    match attribute_type {
        AttributeType::DateTime => {
            date_time::parse(text).is_none().then_some("a dateTime such as 2026-01-31T12:00:00Z")
        }
        AttributeType::Binary => (!is_base64(text)).then_some("base64"),
        // RFC 7643 §2.3.7: absolute or relative; letters beyond ASCII are let through (RFC 3987)
        AttributeType::Reference => fluent_uri::IriRef::parse(text).is_err().then_some("a URI reference"),
        _ => None,
    }
}

/// RFC 7643 §2.3.6: base64 of RFC 4648 §4, padding may be left out.
fn is_base64(text: &str) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text).is_ok()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Puts the members of `from` into `into`; says whether that changed anything.
pub(crate) fn merge_members(into: &mut Value, from: Value) -> bool {
    let mut changed = false;
    if let (Value::Object(kept), Value::Object(given)) = (into, from) {
        for (name, value) in given {
            if kept.get(&name) != Some(&value) {
                kept.insert(name, value);
                changed = true;
            }
        }
    }
    changed
}

/// Adds an element to a list in which no two share type and value (RFC 7643 §2.4): one that
/// repeats another is merged into it. Returns the position of the element that came out of it, and
/// whether anything changed.
pub(crate) fn merge(values: &mut Vec<Value>, element: Value) -> (usize, bool) {
    if let Some(position) = values.iter().position(|value| is_same(value, &element)) {
        return (position, merge_members(&mut values[position], element));
    }
    values.push(element);
    (values.len() - 1, true)
}

/// How many elements are compared with one another; of more it is remembered what they are.
const FEW: usize = 32;

/// The elements of a list, those that repeat another merged into it; see [`merge`].
fn distinct(elements: Vec<Value>) -> Vec<Value> {
    let mut merged = Vec::with_capacity(elements.len());
    if elements.len() <= FEW {
        for element in elements {
            merge(&mut merged, element);
        }
        return merged;
    }
    let mut places: HashMap<String, usize> = HashMap::with_capacity(elements.len());
    for element in elements {
        match places.entry(identity(&element)) {
            Entry::Occupied(place) => {
                merge_members(&mut merged[*place.get()], element);
            }
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(element);
            }
        }
    }
    merged
}

/// What makes an element the same as another: its value with its type, or all of it where it has no
/// value.
pub(crate) fn identity(element: &Value) -> String {
    match element {
        Value::Object(members) => match members.get("value") {
            Some(value) => serde_json::json!([value, members.get("type")]).to_string(),
            None => {
                let sorted: std::collections::BTreeMap<&String, &Value> = members.iter().collect();
                serde_json::json!(sorted).to_string()
            }
        },
        plain => plain.to_string(),
    }
}

/// Whether two elements share value and type; of those without a value, whether they are equal.
pub(crate) fn is_same(left: &Value, right: &Value) -> bool {
    match (left.get("value"), right.get("value")) {
        (Some(left_value), Some(right_value)) => {
            left_value == right_value && left.get("type") == right.get("type")
        }
        (None, None) => left == right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FEW, distinct, merge};

    #[test]
    fn of_many_elements_those_that_repeat_others_are_merged_as_of_few() {
        let element = |number: usize| match number % 5 {
            0 => json!({"value": number % 7, "type": "work", "display": number}),
            1 => json!({"value": number % 7, "primary": number == 1}),
            2 => json!({"display": number % 3, "type": "x"}),
            3 => json!(format!("plain {}", number % 4)),
            _ => json!(number % 6),
        };
        for count in [FEW - 1, FEW, FEW + 1, 10 * FEW] {
            let elements: Vec<Value> = (0..count).map(element).collect();
            let mut expected = Vec::new();
            for element in elements.clone() {
                merge(&mut expected, element);
            }
            assert!(expected.len() < count);
            assert_eq!(distinct(elements), expected, "{count}");
        }
    }
}
