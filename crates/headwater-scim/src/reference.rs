//! References to resources that a client gives by their URI alone (RFC 7643 §2.3.7, §2.4).

use fluent_uri::{Iri, IriRef};
use serde_json::Value;

use crate::{
    Object, comparison,
    error::ScimError,
    filter::{Comparison, Filter, Literal, Operator},
    path::{AttributePath, Name},
    resource_type::ResourceType,
    schema::Attribute,
};

/// Whether each reference to a resource that has no `value` names one of this source by its `$ref`: by
/// a URI below the base URL, with or without the version of the protocol, or relative to it. Any other
/// would be taken for a resource that it doesn't name, only because the ends are alike.
///
/// # Errors
/// 400 invalidValue naming the attribute.
pub fn check_resource(body: &Object, resource_type: &ResourceType, base_url: &str) -> Result<(), ScimError> {
    body.iter().try_for_each(|(name, value)| check_member(name, value, resource_type, base_url))
}

/// Like [`check_resource`], for a PATCH request.
///
/// # Errors
/// 400 invalidValue naming the attribute.
pub fn check_patch(body: &Object, resource_type: &ResourceType, base_url: &str) -> Result<(), ScimError> {
    let member = |object: &'_ Object, wanted: &str| {
        object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
    };
    let Some(Value::Array(operations)) = member(body, "Operations") else { return Ok(()) };
    for operation in operations.iter().filter_map(Value::as_object) {
        let Some(value) = member(operation, "value") else { continue };
        match member(operation, "path") {
            Some(Value::String(path)) => check_member(path.trim(), &value, resource_type, base_url)?,
            _ => {
                if let Value::Object(value) = value {
                    check_resource(&value, resource_type, base_url)?;
                }
            }
        }
    }
    Ok(())
}

fn check_member(
    name: &str,
    value: &Value,
    resource_type: &ResourceType,
    base_url: &str,
) -> Result<(), ScimError> {
    match Name::resolve(name, resource_type) {
        Ok(Name::Attribute(AttributePath { attribute, sub_attribute: None, .. })) => {
            check_value(&attribute, value, base_url)
        }
        Ok(Name::Attribute(AttributePath { attribute, sub_attribute: Some(sub), .. }))
            if sub.name == "$ref" =>
        {
            let element = Object::from_iter([(sub.name.clone(), value.clone())]);
            check_value(&attribute, &Value::Object(element), base_url)
        }
        Ok(Name::Extension(schema)) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                if let Some(attribute) = schema.attribute(name) {
                    check_value(attribute, value, base_url)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_value(attribute: &Attribute, value: &Value, base_url: &str) -> Result<(), ScimError> {
    if !attribute.refers_to_resources() {
        return Ok(());
    }
    let elements = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    for element in elements.iter().filter_map(Value::as_object) {
        let text = |wanted: &str| {
            element
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .and_then(|(_, value)| value.as_str())
                .filter(|text| !text.is_empty())
        };
        if let (None, Some(url)) = (text("value"), text("$ref"))
            && !is_own(url, base_url)
        {
            let detail = format!("{}.$ref: it is not the URI of a resource of this source", attribute.name);
            return Err(ScimError::invalid_value(detail));
        }
    }
    Ok(())
}

/// Whether a URI names something below the base URL, in any form that RFC 3986 holds to be equivalent
/// (§6.2.2), relative ones included.
fn is_own(url: &str, base_url: &str) -> bool {
    let own = own(url, base_url);
    let path = own.as_deref().and_then(|url| url.get(base_url.len() + 1..)).unwrap_or_default();
    path.split_once('/')
        .is_some_and(|(endpoint, id)| !endpoint.is_empty() && !id.is_empty() && !id.contains('/'))
}

/// The filter with each URI of a reference, which it compares for equality, in the form that answers
/// have: absolute, below the base URL, with the version of the protocol (RFC 7643 §2.4).
pub fn canonical(filter: Filter, base_url: &str) -> Filter {
    let all = |terms: Vec<Filter>| terms.into_iter().map(|term| canonical(term, base_url)).collect();
    match filter {
        Filter::And(terms) => Filter::And(all(terms)),
        Filter::Or(terms) => Filter::Or(all(terms)),
        Filter::Not(inner) => Filter::Not(Box::new(canonical(*inner, base_url))),
        Filter::Element { path, filter } => {
            Filter::Element { path, filter: Box::new(canonical(*filter, base_url)) }
        }
        Filter::Compare(Comparison { path, operator, literal }) => {
            let is_reference = path.attribute.refers_to_resources()
                && path.sub_attribute.as_ref().is_some_and(|sub| sub.name == "$ref");
            let literal = match (operator, literal) {
                (Operator::Eq | Operator::Ne, Literal::Text { text, .. }) if is_reference => {
                    let text = own(&text, base_url).unwrap_or(text);
                    Literal::Text { key: comparison::key(&text, true).into_owned(), text }
                }
                (_, literal) => literal,
            };
            Filter::Compare(Comparison { path, operator, literal })
        }
        present @ Filter::Present(_) => present,
    }
}

/// The form that answers have of a URI below the base URL; `None` for any other.
fn own(url: &str, base_url: &str) -> Option<String> {
    let resolved = resolved(url, base_url)?;
    let normal = |base: &str| Some(Iri::parse(base).ok()?.normalize().into_string());
    let behind =
        |base: &str| resolved.strip_prefix(normal(base)?.as_str())?.strip_prefix('/').map(str::to_owned);
    let path = behind(base_url).or_else(|| behind(base_url.strip_suffix("/v2")?))?;
    Some(format!("{base_url}/{path}"))
}

/// The absolute form of a URI, relative to the base URL (RFC 7643 §2.3.7).
fn resolved(url: &str, base_url: &str) -> Option<String> {
    let base = format!("{base_url}/");
    let resolved = IriRef::parse(url).ok()?.resolve_against(&Iri::parse(base.as_str()).ok()?).ok()?;
    Some(resolved.normalize().into_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check_patch, check_resource};
    use crate::registry::Registry;

    /// Shows SCH-014, SCH-025.
    #[test]
    fn only_a_uri_of_the_source_names_a_resource() {
        let registry = Registry::built_in();
        let group = registry.resource_type("Group").expect("built in");
        let base = "https://id.example.com/source/scim/one/v2";
        let table = [
            ("https://id.example.com/source/scim/one/v2/Users/1", true),
            ("HTTPS://ID.example.com/source/scim/one/v2/Users/1", true),
            ("https://id.example.com/source/scim/one/Users/1", true),
            ("Users/1", true),
            ("../Users/1", true),
            ("./Users/1", true),
            ("https://id.example.com:443/source/scim/x/../one/v2/./Users/1", true),
            ("https://id.example.com/source/scim/other/v2/Users/1", false),
            ("https://elsewhere.example/Users/1", false),
            ("/Users/1", false),
            ("urn:x:1", false),
            ("1", false),
        ];
        for (url, fine) in table {
            let body = json!({"displayName": "G", "Members": [{"$REF": url}]});
            let body = body.as_object().expect("an object");
            assert_eq!(check_resource(body, group, base).is_ok(), fine, "{url}");
            let with_value = json!({"members": [{"value": "1", "$ref": url}]});
            assert!(check_resource(with_value.as_object().expect("an object"), group, base).is_ok(), "{url}");
            for operation in [
                json!({"op": "add", "path": "members", "value": [{"$ref": url}]}),
                json!({"op": "add", "value": {"members": [{"$ref": url}]}}),
            ] {
                let patch = json!({"Operations": [operation]});
                assert_eq!(
                    check_patch(patch.as_object().expect("an object"), group, base).is_ok(),
                    fine,
                    "{url}"
                );
            }
        }
    }
}
