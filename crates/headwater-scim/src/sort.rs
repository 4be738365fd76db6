//! What resources are sorted by (RFC 7644 §3.4.2.3).

use serde_json::Value;

use crate::{
    Object, error::ScimError, index, path::AttributePath, resource_type::ResourceType, value::is_primary,
};

/// Reads `sortBy`: the path of an attribute whose values have an order. A list of complex values is
/// sorted by its `value`.
///
/// # Errors
/// 400 invalidValue for a path that no attribute has, a complex attribute without a sub-attribute
/// (AMB-29), and what has no order: binary data, members and groups, names that are computed for each
/// answer, and what is never returned.
pub fn parse(text: &str, resource_type: &ResourceType) -> Result<AttributePath, ScimError> {
    let refused = |why: String| ScimError::invalid_value(format!("sortBy: {why}"));
    let path =
        AttributePath::parse(text.trim(), resource_type).map_err(|error| refused(error.to_string()))?;
    let path = match path.attribute.value_attribute() {
        Some(value) if path.sub_attribute.is_none() && path.attribute.multi_valued => {
            path.child(&value.clone())
        }
        _ => path,
    };
    if path.leaf().is_complex() {
        return Err(refused(format!("{path} is complex; sort by one of its sub-attributes")));
    }
    let is_relation = [resource_type.relation(), resource_type.inverse()].contains(&Some(&path.attribute));
    if is_relation || path.is_computed() || path.leaf().is_never_returned() || !index::has_keys(path.leaf()) {
        return Err(refused(format!("{path} has no order")));
    }
    Ok(path)
}

/// The value that a resource is sorted by, as a key: keys in the order of their bytes are values in
/// order, text by the rule of [`crate::comparison`], numbers and dates by value. Of a list it is the
/// primary value, or else the first. `None` without a value: such resources come last in ascending
/// order and first in descending.
pub fn key(path: &AttributePath, resource: &Object) -> Option<String> {
    let mut elements = path.elements(resource);
    let element = elements.clone().find(|element| is_primary(element)).or_else(|| elements.next())?;
    let value = match &path.sub_attribute {
        None => element,
        Some(sub) => element.get(&sub.name)?,
    };
    let value = match value {
        Value::Array(values) => values.first()?,
        value => value,
    };
    index::key(path.leaf(), value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{key, parse};
    use crate::{error::ScimType, registry::Registry};

    /// Shows SRT-003, SRT-007.
    #[test]
    fn lists_are_sorted_by_their_primary_value_or_else_the_first() {
        let registry = Registry::built_in();
        let user = registry.resource_type("User").expect("built in");
        let table = [
            ("userName", json!({"userName": "Bob"}), Some("bob")),
            ("externalId", json!({"externalId": "Bob"}), Some("Bob")),
            ("emails", json!({"emails": [{"value": "B"}, {"value": "a", "primary": true}]}), Some("a")),
            ("emails.value", json!({"emails": [{"value": "B"}, {"value": "a"}]}), Some("b")),
            ("emails.type", json!({"emails": [{"value": "B"}, {"value": "a", "type": "work"}]}), None),
            ("active", json!({"active": false}), Some("false")),
            ("name.familyName", json!({"name": {"givenName": "x"}}), None),
            ("title", json!({}), None),
        ];
        for (text, resource, expected) in table {
            let path = parse(text, user).expect(text);
            let found = key(&path, resource.as_object().expect("an object"));
            assert_eq!(found.as_deref(), expected, "{text} {resource}");
        }
    }

    /// Shows SRT-004.
    #[test]
    fn what_has_no_order_is_refused() {
        let registry = Registry::built_in();
        let user = registry.resource_type("User").expect("built in");
        for text in [
            "name",
            "nope",
            "",
            "groups",
            "groups.value",
            "x509Certificates",
            "manager.displayName",
            "password",
            "meta",
        ] {
            let error = parse(text, user).expect_err(text);
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue), "{text}");
        }
    }
}
