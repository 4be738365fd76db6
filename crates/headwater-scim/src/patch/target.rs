//! Where an operation works: the `path` of RFC 7644 figure 7.

use std::sync::Arc;

use crate::{
    error::{ScimError, ScimType},
    filter::{self, Filter},
    path::{AttributePath, Name},
    resource_type::ResourceType,
    schema::Schema,
};

/// A resolved path.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `attribute` or `attribute.subAttribute`.
    Attribute(AttributePath),
    /// `attribute[filter]` or `attribute[filter].subAttribute`.
    Elements {
        /// The attribute, with the sub-attribute where the path has one.
        path: AttributePath,
        /// Which of its elements.
        filter: Filter,
    },
    /// A whole extension.
    Extension(Arc<Schema>),
    /// Something under a URN that no schema describes; kept as sent.
    Foreign(String),
}

impl Target {
    /// Parses a path.
    ///
    /// # Errors
    /// 400 invalidPath; invalidFilter when only the filter in brackets is wrong.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        let invalid_path =
            |reason: &dyn std::fmt::Display| ScimError::invalid_path(format!("path {text:?}: {reason}"));
        if filter::has_null_character(text) {
            return Err(invalid_path(&"a text in it has the character U+0000, which is not taken"));
        }
        if let Some((head, rest)) = text.split_once('[') {
            AttributePath::parse(head, resource_type).map_err(|error| invalid_path(&error))?;
            return match filter::parse_value_path(text, resource_type) {
                Ok((path, filter)) => Ok(Self::Elements { path, filter }),
                // `emails[0]` and `emails[` are not paths at all; `emails[type zz "a"]` is one
                // whose filter is wrong.
                Err(error) => match rest.rsplit_once(']') {
                    Some((inside, _))
                        if inside.trim().contains(' ')
                            // The position counts from 1; the closing bracket itself is where a filter breaks off.
                            && error.position <= text.len() - (rest.len() - inside.len()) + 1 =>
                    {
                        Err(ScimError::bad_request(
                            ScimType::InvalidFilter,
                            format!("path {text:?}: {error}"),
                        ))
                    }
                    _ => Err(invalid_path(&error)),
                },
            };
        }
        match Name::resolve(text, resource_type).map_err(|error| invalid_path(&error))? {
            Name::Attribute(path) => Ok(Self::Attribute(path)),
            Name::Extension(schema) => Ok(Self::Extension(schema)),
            Name::Foreign(text) => Ok(Self::Foreign(text)),
        }
    }
}
