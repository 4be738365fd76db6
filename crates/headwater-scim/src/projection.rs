//! Which attributes an answer has: `attributes`, `excludedAttributes` (RFC 7644 §3.9) and the
//! characteristic `returned`.

use serde_json::Value;

use crate::{
    Object,
    error::ScimError,
    path::{AttributePath, Name, is_urn},
    resource_type::{COMMON, ResourceType},
    schema::{Attribute, Mutability, Returned},
};

/// What a client wants to see of a resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Projection {
    /// What is returned by default.
    #[default]
    Default,
    /// Just these, beside what is always returned.
    Only(Vec<Name>),
    /// What is returned by default without these.
    Except(Vec<Name>),
    /// What is returned by default, and these, which are returned by request and have just been written
    /// (RFC 7643 §7).
    Written(Vec<Name>),
}

impl Projection {
    /// Reads the two query parameters: comma-separated names, blanks around them passed over.
    /// Unknown names are harmless (AMB-32); an empty parameter is the same as none.
    ///
    /// # Errors
    /// 400 invalidValue when both are given: they are mutually exclusive; or when there are too many
    /// names.
    pub fn read(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Self, ScimError> {
        let listed =
            [attributes, excluded].into_iter().flatten().map(|text| text.split(',').count()).sum::<usize>();
        if listed > MAX_NAMES {
            return Err(ScimError::invalid_value(format!(
                "{listed} attribute names are too many; at most {MAX_NAMES} may be"
            )));
        }
        let given = |text: Option<&str>| {
            text.filter(|text| !text.trim().is_empty()).map(|text| names(text, resource_type))
        };
        match (given(attributes), given(excluded)) {
            (None, None) => Ok(Self::Default),
            (Some(only), None) => Ok(Self::Only(only)),
            (None, Some(except)) => Ok(Self::Except(except)),
            (Some(_), Some(_)) => Err(ScimError::invalid_value(
                "attributes and excludedAttributes exclude each other; send one of them",
            )),
        }
    }

    /// What is answered to a POST or a PUT with this body. RFC 7643 §7: what is returned by request is
    /// in the answer to a write that had it.
    #[must_use]
    pub fn after_write(&self, body: &Object, resource_type: &ResourceType) -> Self {
        self.with_written(body.iter().map(|(name, value)| (name.as_str(), value)), resource_type)
    }

    /// What is answered to a PATCH with this body; see [`Self::after_write`].
    #[must_use]
    pub fn after_patch(&self, body: &Object, resource_type: &ResourceType) -> Self {
        let member = |object: &'_ Object, wanted: &str| {
            object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
        };
        let operations = member(body, "Operations").unwrap_or_default();
        let mut written: Vec<(String, Value)> = Vec::new();
        for operation in operations.as_array().into_iter().flatten().filter_map(Value::as_object) {
            let value = member(operation, "value").unwrap_or_default();
            match (member(operation, "path"), value) {
                (Some(Value::String(path)), value) if !path.trim().is_empty() => {
                    let name = path.split('[').next().unwrap_or(&path).trim();
                    written.push((name.to_owned(), value));
                }
                (_, Value::Object(members)) => written.extend(members),
                _ => {}
            }
        }
        self.with_written(written.iter().map(|(name, value)| (name.as_str(), value)), resource_type)
    }

    fn with_written<'a>(
        &self,
        written: impl Iterator<Item = (&'a str, &'a Value)>,
        resource_type: &ResourceType,
    ) -> Self {
        // Whoever asks for something gets that.
        if *self != Self::Default {
            return self.clone();
        }
        let mut names = Vec::new();
        let mut note = |path: AttributePath| {
            let leaf = path.leaf();
            let by_request = |one: &Attribute| one.returned == Returned::Request;
            if by_request(leaf) || leaf.sub_attributes.iter().any(|sub| by_request(sub)) {
                names.push(Name::Attribute(path));
            }
        };
        for (name, value) in written {
            match Name::resolve(name, resource_type) {
                Ok(Name::Attribute(path)) => note(path),
                Ok(Name::Extension(schema)) => {
                    for attribute in
                        value.as_object().into_iter().flatten().filter_map(|(name, _)| schema.attribute(name))
                    {
                        note(AttributePath {
                            extension: Some(schema.clone()),
                            ..AttributePath::core(attribute.clone())
                        });
                    }
                }
                _ => {}
            }
        }
        if names.is_empty() { Self::Default } else { Self::Written(names) }
    }

    /// Whether a core attribute, or a part of it, is in the answer.
    pub fn includes(&self, attribute: &Attribute) -> bool {
        match (attribute.returned, self) {
            (Returned::Always, _) => true,
            (Returned::Never, _) => false,
            (_, Self::Only(names)) | (Returned::Request, Self::Written(names)) => {
                names.iter().any(|name| is_about(name, None, attribute))
            }
            (Returned::Request, _) => false,
            (Returned::Default, Self::Default | Self::Written(_)) => true,
            (Returned::Default, Self::Except(names)) => {
                !names.iter().any(|name| is_whole(name, None, attribute))
            }
        }
    }

    /// Whether a sub-attribute of a core attribute that is in the answer is in it too.
    pub fn includes_sub_attribute(&self, attribute: &Attribute, name: &str) -> bool {
        let Some(sub) = attribute.sub_attribute(name) else { return false };
        match (sub.returned, self) {
            (Returned::Always, _) => true,
            (Returned::Never, _) => false,
            (_, Self::Only(names)) | (Returned::Request, Self::Written(names)) => names.iter().any(|name| {
                is_whole(name, None, attribute)
                    || matches!(name, Name::Attribute(path) if is_at(path, None, attribute) && path.leaf().name == sub.name)
            }),
            (Returned::Request, _) => false,
            (Returned::Default, Self::Default | Self::Written(_)) => true,
            (Returned::Default, Self::Except(names)) => !subs_of(names, None, attribute).any(|name| name == sub.name),
        }
    }

    /// Whether a stored document can be answered as it is: the projection is about nothing but
    /// the attributes that the server adds, and the type has none that are left out by default.
    pub fn keeps_document(&self, resource_type: &ResourceType) -> bool {
        let all_by_default = |attributes: &[std::sync::Arc<Attribute>]| {
            attributes.iter().all(|attribute| {
                // What is only written is not in the document.
                attribute.mutability == Mutability::WriteOnly
                    || attribute.returned == Returned::Default
                        && attribute.sub_attributes.iter().all(|sub| sub.returned == Returned::Default)
            })
        };
        let by_default = all_by_default(&resource_type.schema.attributes)
            && resource_type.extensions.iter().all(|extension| all_by_default(&extension.schema.attributes));
        by_default
            && match self {
                Self::Default | Self::Written(_) => true,
                Self::Only(_) => false,
                Self::Except(names) => names.iter().all(|name| match name {
                    Name::Attribute(path) => {
                        path.sub_attribute.is_none()
                            && [resource_type.relation(), resource_type.inverse()]
                                .into_iter()
                                .flatten()
                                .any(|added| *added == path.attribute)
                    }
                    _ => false,
                }),
            }
    }

    /// Takes everything out of `resource` that is not to be in the answer.
    pub fn apply(&self, resource: &mut Object, resource_type: &ResourceType) {
        resource.retain(|name, value| {
            if let Some(attribute) = COMMON.attribute(name).or_else(|| resource_type.schema.attribute(name)) {
                return self.shape(None, attribute, value);
            }
            if let Some(schema) = resource_type.extension(name) {
                let Value::Object(members) = value else { return false };
                members.retain(|name, value| {
                    schema
                        .attribute(name)
                        .is_some_and(|attribute| self.shape(Some(&schema.id), attribute, value))
                });
                return !members.is_empty();
            }
            self.shape_foreign(name, value)
        });
    }

    /// Shapes the value of one attribute; false when it is left out.
    fn shape(&self, extension: Option<&str>, attribute: &Attribute, value: &mut Value) -> bool {
        match (attribute.returned, self) {
            (Returned::Always, _) => true,
            (Returned::Never, _) => false,
            (Returned::Request, Self::Default | Self::Except(_)) => false,
            (Returned::Default, Self::Default) => retain_members(
                value,
                |sub| matches!(sub.returned, Returned::Always | Returned::Default),
                attribute,
            ),
            (Returned::Default, Self::Written(names)) => {
                let is_written = |sub: &Attribute| {
                    names.iter().any(|name| is_whole(name, extension, attribute))
                        || subs_of(names, extension, attribute).any(|name| name == sub.name)
                };
                let keep = |sub: &Attribute| match sub.returned {
                    Returned::Always | Returned::Default => true,
                    Returned::Request => is_written(sub),
                    Returned::Never => false,
                };
                retain_members(value, keep, attribute)
            }
            (_, Self::Only(names)) | (Returned::Request, Self::Written(names)) => {
                if names.iter().any(|name| is_whole(name, extension, attribute)) {
                    return retain_members(value, |sub| sub.returned != Returned::Never, attribute);
                }
                let subs: Vec<&str> = subs_of(names, extension, attribute).collect();
                !subs.is_empty()
                    && retain_members(
                        value,
                        |sub| match sub.returned {
                            Returned::Always => true,
                            Returned::Never => false,
                            _ => subs.contains(&sub.name.as_str()),
                        },
                        attribute,
                    )
            }
            (Returned::Default, Self::Except(names)) => {
                if names.iter().any(|name| is_whole(name, extension, attribute)) {
                    return false;
                }
                let subs: Vec<&str> = subs_of(names, extension, attribute).collect();
                retain_members(
                    value,
                    |sub| {
                        sub.returned == Returned::Always
                            || sub.returned == Returned::Default && !subs.contains(&sub.name.as_str())
                    },
                    attribute,
                )
            }
        }
    }

    /// An extension that no schema describes is returned by default, and by its URN or its
    /// attributes' full names.
    fn shape_foreign(&self, urn: &str, value: &mut Value) -> bool {
        let rest = |name: &Name| match name {
            Name::Foreign(text)
                if text.get(..urn.len()).is_some_and(|start| start.eq_ignore_ascii_case(urn)) =>
            {
                Some(text[urn.len()..].trim_start_matches(':').to_owned())
            }
            _ => None,
        };
        let (names, only) = match self {
            Self::Default | Self::Written(_) => return true,
            Self::Only(names) => (names, true),
            Self::Except(names) => (names, false),
        };
        let named: Vec<String> = names.iter().filter_map(rest).collect();
        if named.iter().any(String::is_empty) {
            return only;
        }
        let Value::Object(members) = value else { return !only };
        members.retain(|name, _| named.iter().any(|named| named.eq_ignore_ascii_case(name)) == only);
        !members.is_empty()
    }
}

/// The most names that a client may list; a type has fewer attributes.
const MAX_NAMES: usize = 500;

fn names(text: &str, resource_type: &ResourceType) -> Vec<Name> {
    text.split(',')
        .filter_map(|name| match Name::resolve(name.trim(), resource_type) {
            // It may be an extension's that was kept as it was sent.
            Err(_) if is_urn(name.trim()) => Some(Name::Foreign(name.trim().to_owned())),
            resolved => resolved.ok(),
        })
        .collect()
}

/// Whether a name stands for the whole attribute, or for the extension around it.
fn is_whole(name: &Name, extension: Option<&str>, attribute: &Attribute) -> bool {
    match name {
        Name::Attribute(path) => path.sub_attribute.is_none() && is_at(path, extension, attribute),
        Name::Extension(schema) => extension == Some(schema.id.as_str()),
        Name::Foreign(_) => false,
    }
}

fn is_about(name: &Name, extension: Option<&str>, attribute: &Attribute) -> bool {
    is_whole(name, extension, attribute)
        || matches!(name, Name::Attribute(path) if is_at(path, extension, attribute))
}

fn is_at(path: &AttributePath, extension: Option<&str>, attribute: &Attribute) -> bool {
    path.extension.as_ref().map(|schema| schema.id.as_str()) == extension
        && path.attribute.name == attribute.name
}

fn subs_of<'a>(
    names: &'a [Name],
    extension: Option<&str>,
    attribute: &Attribute,
) -> impl Iterator<Item = &'a str> {
    names.iter().filter_map(move |name| match name {
        Name::Attribute(path) if is_at(path, extension, attribute) => {
            path.sub_attribute.as_ref().map(|sub| sub.name.as_str())
        }
        _ => None,
    })
}

/// Keeps the sub-attributes that `keep` wants, in the one value or in each of a list. False when
/// nothing is left.
fn retain_members(
    value: &mut Value,
    keep: impl Fn(&Attribute) -> bool + Copy,
    attribute: &Attribute,
) -> bool {
    if !attribute.is_complex() {
        return true;
    }
    match value {
        Value::Object(members) => {
            members.retain(|name, _| attribute.sub_attribute(name).is_none_or(|sub| keep(sub)));
            !members.is_empty()
        }
        Value::Array(values) => {
            values.retain_mut(|value| retain_members(value, keep, attribute));
            !values.is_empty()
        }
        _ => true,
    }
}
