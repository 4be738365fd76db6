//! Extensions that no schema describes: kept as sent, filled and emptied by PATCH.

use serde_json::Value;

use super::{
    Op, Outcome,
    apply::{drop_if_empty, spend},
};
use crate::{
    Object,
    error::ScimError,
    path::{is_name, starts_like_urn},
    resource,
    resource_type::ResourceType,
};

/// The most members of such an extension, and of a list in it, as far as PATCH fills them.
const MAX_FOREIGN: usize = 1_000;

/// Attributes of an extension that no schema describes are kept as sent. Where its URN ends is
/// known when the resource has it already; else the last part is the attribute.
pub(super) fn apply(
    attributes: &mut Object,
    op: Op,
    name: &str,
    value: Option<Value>,
    resource_type: &ResourceType,
    work: &mut usize,
) -> Result<Outcome, ScimError> {
    let value = value.filter(|value| op != Op::Remove && !value.is_null());
    let (urn, attribute) = match (longest_container(attributes, name), name.rsplit_once(':')) {
        (Some(urn), _) => (urn.to_owned(), name.get(urn.len() + 1..)),
        (None, Some((urn, attribute)))
            if is_attribute(attribute) && !matches!(value, Some(Value::Object(_))) =>
        {
            (urn.to_owned(), Some(attribute))
        }
        _ => (name.to_owned(), None),
    };
    if !resource::is_foreign_urn(&urn, resource_type)
        || attribute.is_some_and(|attribute| !is_attribute(attribute))
    {
        return Err(ScimError::invalid_path(format!("{name} is not an attribute path")));
    }
    let object = attributes.entry(urn.clone()).or_insert_with(|| Value::Object(Object::new()));
    let Value::Object(members) = object else {
        return Err(ScimError::invalid_path(format!("{urn} is no extension")));
    };
    let present =
        attribute.and_then(|attribute| named(members, attribute)).and_then(|name| members.get(name));
    let value = match (op, present, value) {
        // RFC 7644 §3.5.2.1: add to a list appends.
        (Op::Add, Some(Value::Array(present)), Some(Value::Array(given))) => {
            if present.len() + given.len() > MAX_FOREIGN {
                return Err(ScimError::invalid_value(format!(
                    "{name}: more than {MAX_FOREIGN} values are too many"
                )));
            }
            spend(work, present.len() * given.len())?;
            let new = given.into_iter().filter(|value| !present.contains(value));
            Some(present.iter().cloned().chain(new).collect())
        }
        (_, _, value) => value,
    };
    let changed = match (attribute, value) {
        (Some(attribute), value) => match attribute.split_once('.') {
            Some((attribute, _))
                if named(members, attribute).is_some_and(|name| !members[name].is_object()) =>
            {
                return Err(ScimError::invalid_path(format!("{urn}:{attribute} has no sub-attributes")));
            }
            Some((attribute, sub)) => set_foreign(members, attribute, Some(sub), value),
            None => set_foreign(members, attribute, None, value),
        },
        (None, Some(Value::Object(given))) => given.into_iter().fold(false, |changed, (name, value)| {
            // A length beyond the bound is refused below: what is beyond need not be set.
            let fits = members.len() <= MAX_FOREIGN;
            fits && set_foreign(members, &name, None, (!value.is_null()).then_some(value)) || changed
        }),
        (None, None) => !std::mem::take(members).is_empty(),
        (None, Some(_)) => return Err(ScimError::invalid_value(format!("{urn}: expected an object"))),
    };
    if members.len() > MAX_FOREIGN {
        return Err(ScimError::invalid_value(format!(
            "{urn}: more than {MAX_FOREIGN} attributes are too many"
        )));
    }
    drop_if_empty(attributes, &urn);
    Ok(if changed { Outcome::Applied } else { Outcome::NothingToDo })
}

/// Whether a text has the form `attribute[.subAttribute]`.
fn is_attribute(text: &str) -> bool {
    let (attribute, sub) = text.split_once('.').unwrap_or((text, "sub"));
    is_name(attribute) && is_name(sub)
}

/// The extension in the resource whose URN `name` is, or starts with.
fn longest_container<'a>(attributes: &'a Object, name: &str) -> Option<&'a str> {
    let containers = attributes.keys().filter(|key| {
        starts_like_urn(key)
            && name.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key))
            && matches!(name.as_bytes().get(key.len()), None | Some(b':'))
    });
    containers.max_by_key(|key| key.len()).map(String::as_str)
}

/// The name of an attribute as it stands in the extension.
fn named<'a>(members: &'a Object, attribute: &str) -> Option<&'a str> {
    members.keys().find(|key| key.eq_ignore_ascii_case(attribute)).map(String::as_str)
}

/// Sets or removes an attribute, or a sub-attribute of it; says whether that changed anything.
fn set_foreign(members: &mut Object, attribute: &str, sub: Option<&str>, value: Option<Value>) -> bool {
    let name = named(members, attribute).unwrap_or(attribute).to_owned();
    match (sub, value) {
        (Some(sub), value) => {
            let inner = members.entry(name.clone()).or_insert_with(|| Value::Object(Object::new()));
            let changed = match inner {
                Value::Object(inner) => set_foreign(inner, sub, None, value),
                _ => false,
            };
            drop_if_empty(members, &name);
            changed
        }
        (None, Some(value)) => {
            let changed = members.get(&name) != Some(&value);
            members.insert(name, value);
            changed
        }
        (None, None) => members.shift_remove(&name).is_some(),
    }
}
