//! Attribute paths (RFC 7644 §3.10): `name.givenName`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`.

use std::{fmt, slice, sync::Arc};

use serde_json::Value;

use crate::{
    Object, deviation,
    resource_type::ResourceType,
    schema::{Attribute, Mutability, Schema},
};

/// An attribute of a resource type, or one of its sub-attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The extension that the attribute belongs to; `None` for common and base attributes.
    pub extension: Option<Arc<Schema>>,
    /// The attribute.
    pub attribute: Arc<Attribute>,
    /// The sub-attribute, where the path goes that deep.
    pub sub_attribute: Option<Arc<Attribute>>,
}

/// Why a text is not the path of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text doesn't have the form of a path.
    #[error("{0:?} is not an attribute path")]
    Malformed(String),
    /// No schema of the type has the attribute.
    #[error("{resource_type} has no attribute {name:?}")]
    Unknown {
        /// The name of the resource type.
        resource_type: Arc<str>,
        /// The name that was looked for.
        name: String,
    },
    /// The attribute has no such sub-attribute.
    #[error("{attribute} has no sub-attribute {name:?}")]
    UnknownSubAttribute {
        /// The attribute.
        attribute: String,
        /// The name that was looked for.
        name: String,
    },
}

/// What a dotted or URN-qualified name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// An attribute or a sub-attribute.
    Attribute(AttributePath),
    /// A whole extension, named by its URN.
    Extension(Arc<Schema>),
    /// Something qualified by a URN that no schema of the type has.
    Foreign(String),
}

impl AttributePath {
    /// The path of a whole attribute of the base or common schema.
    pub fn core(attribute: Arc<Attribute>) -> Self {
        Self { extension: None, attribute, sub_attribute: None }
    }

    /// Parses a path and resolves it in the schemas of `resource_type`. Names and URNs are
    /// case-insensitive; a name without a URN is looked for in the common and base schema, then
    /// in the extensions, where just one may have it (AMB-26).
    ///
    /// # Errors
    /// See [`PathError`]; the path of a whole extension is not an attribute's.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, PathError> {
        match Name::resolve(text, resource_type)? {
            Name::Attribute(path) => Ok(path),
            Name::Extension(_) | Name::Foreign(_) => Err(PathError::Unknown {
                resource_type: Arc::clone(&resource_type.name),
                name: text.to_owned(),
            }),
        }
    }

    /// The attribute whose characteristics the values at this path have.
    pub fn leaf(&self) -> &Arc<Attribute> {
        self.sub_attribute.as_ref().unwrap_or(&self.attribute)
    }

    /// The path of the attribute, without the sub-attribute.
    pub fn parent(&self) -> Self {
        Self { sub_attribute: None, ..self.clone() }
    }

    /// The path of a sub-attribute of this attribute.
    pub fn child(&self, sub_attribute: &Arc<Attribute>) -> Self {
        Self { sub_attribute: Some(Arc::clone(sub_attribute)), ..self.clone() }
    }

    /// Whether the server puts the value together when it answers: `$ref` and the name in a reference
    /// such as `manager`.
    pub fn is_computed(&self) -> bool {
        let sub = self.sub_attribute.as_ref();
        !self.attribute.multi_valued
            && self.attribute.refers_to_resources()
            && sub.is_some_and(|sub| sub.name == "$ref" || sub.mutability == Mutability::ReadOnly)
    }

    /// The object that holds the attribute: the resource itself or an extension in it.
    pub fn container<'a>(&self, resource: &'a Object) -> Option<&'a Object> {
        match &self.extension {
            None => Some(resource),
            Some(schema) => resource.get(&schema.id)?.as_object(),
        }
    }

    /// The elements of the attribute: each of a list, or the one value. Absent means none.
    pub fn elements<'a>(&self, resource: &'a Object) -> slice::Iter<'a, Value> {
        let value = self.container(resource).and_then(|object| object.get(&self.attribute.name));
        match value {
            None | Some(Value::Null) => [].iter(),
            Some(Value::Array(values)) => values.iter(),
            Some(value) => slice::from_ref(value).iter(),
        }
    }

    /// The values at this path, sub-attribute included.
    pub fn values<'a>(&'a self, resource: &'a Object) -> impl Iterator<Item = &'a Value> {
        self.elements(resource).filter_map(|element| match &self.sub_attribute {
            None => Some(element),
            Some(sub) => element.get(&sub.name),
        })
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.extension {
            write!(formatter, "{}:", schema.id)?;
        }
        formatter.write_str(&self.attribute.name)?;
        if let Some(sub) = &self.sub_attribute {
            write!(formatter, ".{}", sub.name)?;
        }
        Ok(())
    }
}

impl Name {
    /// Resolves a name in the schemas of a resource type; see [`AttributePath::parse`].
    ///
    /// # Errors
    /// The text is malformed, or its attribute or sub-attribute is unknown.
    pub fn resolve(text: &str, resource_type: &ResourceType) -> Result<Self, PathError> {
        if !starts_like_urn(text) {
            return unqualified(text, resource_type).map(Self::Attribute);
        }
        let base = (None, &resource_type.schema);
        let extensions =
            resource_type.extensions.iter().map(|extension| (Some(&extension.schema), &extension.schema));
        let named = std::iter::once(base).chain(extensions).filter_map(|(extension, schema)| {
            let rest = strip_urn(text, schema)?;
            (rest.is_empty() || split(rest).is_some()).then_some((extension, rest))
        });
        // One URN may begin with another: the longest says which schema is meant.
        let Some((extension, rest)) = named.min_by_key(|(_, rest)| rest.len()) else {
            return Ok(Self::Foreign(text.to_owned()));
        };
        if rest.is_empty() {
            return match extension {
                Some(extension) => Ok(Self::Extension(Arc::clone(extension))),
                None => Err(PathError::Malformed(text.to_owned())),
            };
        }
        let (name, sub) = split(rest).ok_or_else(|| PathError::Malformed(text.to_owned()))?;
        let attribute = match extension {
            Some(schema) => schema.attribute(name),
            None => resource_type.core_attribute(name),
        };
        let attribute = attribute.ok_or_else(|| PathError::Unknown {
            resource_type: Arc::clone(&resource_type.name),
            name: text.to_owned(),
        })?;
        with_sub(extension.cloned(), attribute, sub).map(Self::Attribute)
    }
}

/// Whether a name is qualified by a URN rather than plain.
pub(crate) fn starts_like_urn(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// Whether a text has the form of a URN (RFC 8141 §2) that can name a schema:
/// `urn:<namespace>:<name>`, without blanks, quotes and brackets.
pub(crate) fn is_urn(text: &str) -> bool {
    let Some((namespace, name)) =
        text.get(4..).filter(|_| starts_like_urn(text)).and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    let in_name = |byte: u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'[' | b']' | b'<' | b'>' | b'{' | b'}')
    };
    (2..=32).contains(&namespace.len())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.is_empty()
        && !name.ends_with(':')
        && name.bytes().all(in_name)
}

fn unqualified(text: &str, resource_type: &ResourceType) -> Result<AttributePath, PathError> {
    let (name, sub) = split(text).ok_or_else(|| PathError::Malformed(text.to_owned()))?;
    if let Some(attribute) = resource_type.core_attribute(name) {
        return with_sub(None, attribute, sub);
    }
    let mut found = resource_type.extensions.iter().filter_map(|extension| {
        extension.schema.attribute(name).map(|attribute| (&extension.schema, attribute))
    });
    match (found.next(), found.next()) {
        (Some((schema, attribute)), None) => with_sub(Some(Arc::clone(schema)), attribute, sub),
        _ => {
            Err(PathError::Unknown { resource_type: Arc::clone(&resource_type.name), name: name.to_owned() })
        }
    }
}

fn with_sub(
    extension: Option<Arc<Schema>>,
    attribute: &Arc<Attribute>,
    sub: Option<&str>,
) -> Result<AttributePath, PathError> {
    let sub_attribute = match sub {
        None => None,
        Some(name) => {
            let found = attribute.sub_attribute(name).ok_or_else(|| PathError::UnknownSubAttribute {
                attribute: attribute.name.clone(),
                name: name.to_owned(),
            })?;
            Some(Arc::clone(found))
        }
    };
    Ok(AttributePath { extension, attribute: Arc::clone(attribute), sub_attribute })
}

/// What follows the URN of `schema` in `text`, in any spelling of the URN that clients use; empty
/// when nothing follows.
fn strip_urn<'a>(text: &'a str, schema: &Schema) -> Option<&'a str> {
    let behind = |urn: &str| {
        let (start, rest) = text.split_at_checked(urn.len())?;
        let rest = if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') };
        rest.filter(|_| start.eq_ignore_ascii_case(urn))
    };
    behind(&schema.id).or_else(|| deviation::old_spellings(&schema.id).find_map(behind))
}

/// Splits `attribute[.subAttribute]`, each of them a name of RFC 7643 §2.1.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let (name, sub) = match text.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (text, None),
    };
    (is_name(name) && sub.is_none_or(is_name)).then_some((name, sub))
}

/// `attrName = ALPHA *(nameChar)` (RFC 7644 figure 1), and the dollar of `$ref`, which the grammar
/// leaves out and the schemas use.
pub(crate) fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::{AttributePath, Name, PathError};
    use crate::{registry::Registry, resource_type::COMMON};

    /// Shows PAT-007, AMB-26.
    #[test]
    fn paths_resolve_in_any_case_and_spelling() {
        let registry = Registry::built_in();
        let user = registry.resource_type("User").expect("built in");
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let table = [
            ("USERNAME", "userName".to_owned()),
            ("name.GivenName", "name.givenName".to_owned()),
            ("emails.$ref", String::new()),
            ("meta.lastmodified", "meta.lastModified".to_owned()),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName", "name.familyName".to_owned()),
            ("URN:ietf:params:scim:schemas:core:2.0:user:userName", "userName".to_owned()),
            (&format!("{enterprise}:manager.value"), format!("{enterprise}:manager.value")),
            ("urn:scim:schemas:extension:enterprise:2.0:User:department", format!("{enterprise}:department")),
            ("urn:scim:schemas:extension:enterprise:2.0:department", format!("{enterprise}:department")),
            ("department", format!("{enterprise}:department")),
            ("1x", String::new()),
            ("a..b", String::new()),
            ("name.givenName.x", String::new()),
            ("emails[0]", String::new()),
            ("", String::new()),
            ("nope", String::new()),
        ];
        for (text, printed) in table {
            let parsed = AttributePath::parse(text, user).map(|path| path.to_string()).unwrap_or_default();
            assert_eq!(parsed, printed, "{text}");
        }
    }

    #[test]
    fn every_path_is_read_as_it_is_printed() {
        let registry = Registry::built_in();
        for resource_type in &registry.resource_types {
            let extensions =
                resource_type.extensions.iter().map(|extension| (Some(&extension.schema), &extension.schema));
            for (extension, schema) in
                [(None, &*COMMON), (None, &resource_type.schema)].into_iter().chain(extensions)
            {
                for attribute in &schema.attributes {
                    let path = AttributePath {
                        extension: extension.cloned(),
                        ..AttributePath::core(attribute.clone())
                    };
                    for path in
                        attribute.sub_attributes.iter().map(|sub| path.child(sub)).chain([path.clone()])
                    {
                        assert_eq!(
                            AttributePath::parse(&path.to_string(), resource_type).as_ref(),
                            Ok(&path)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn errors_say_what_is_unknown() {
        let registry = Registry::built_in();
        let user = registry.resource_type("User").expect("built in");
        let error = AttributePath::parse("userName.x", user).expect_err("no sub-attributes");
        assert_eq!(error.to_string(), "userName has no sub-attribute \"x\"");
        assert!(matches!(AttributePath::parse("emails/0", user), Err(PathError::Malformed(_))));
        let extension = Name::resolve("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", user);
        assert!(matches!(extension, Ok(Name::Extension(_))));
        assert!(matches!(Name::resolve("urn:example:x:1.0:thing", user), Ok(Name::Foreign(_))));
    }
}
