//! The SCIM interoperability profile (draft-zollner-scim-interop-profile) as a strict mode.
//!
//! What is checked here is refused before [`crate::deviation`] could mend it: a body that passes has
//! no deviations, and nothing of it is left out silently. Sections of the profile have no numbers;
//! they are named by their titles.
//!
//! There is no check of the filters of queries. "Clients MUST NOT use operators other than `eq` and
//! `and`" (*Filtering*) is a duty of clients; a service provider has to support those two, and
//! nothing in the profile has it refuse the others, which the RFC wants (RFC 7644 §3.4.2.2). In the
//! path of a PATCH it is otherwise: there the profile has an error for prohibited operators.

mod patch;
mod value;

use serde_json::Value;

pub use patch::check_patch;
pub(crate) use patch::check_selection;

use self::value::{BodyPath, check_value};
use crate::{
    Object,
    error::ScimError,
    resource_type::ResourceType,
    schema::{Attribute, Mutability, Schema},
};

/// Checks a resource as it came in POST or PUT.
///
/// - Attributes, sub-attributes and schema URIs that no schema of the type defines are refused
///   (*Attribute and Schema Handling*): unknown extensions, old spellings of URNs, paths as keys,
///   and a `password` that would not be kept.
/// - `schemas` is there and has the base schema, each URN once (RFC 7643 §3).
/// - Each value is of its attribute's type as RFC 7643 §2.3 and §2.4 write it; `null` is no value
///   anywhere (§2.5). The values of readOnly attributes are not looked at, but for the names in them:
///   they are ignored (RFC 7644 §3.3).
/// - `type` is one of the declared values (*Canonical Values for Typed Attributes*).
///
/// Whether something required is missing is for [`crate::resource::read`] to say.
///
/// # Errors
/// 400 invalidSyntax for what no schema defines and for `schemas`, 400 invalidValue for values.
pub fn check_resource(body: &Object, resource_type: &ResourceType) -> Result<(), ScimError> {
    let mut has_schemas = false;
    for (name, value) in body {
        if let Some(attribute) = resource_type.core_attribute(name) {
            if is_not_kept(attribute, resource_type) {
                return Err(undefined(name, resource_type));
            }
            if attribute.name == "schemas" {
                has_schemas = true;
                check_schemas(value, resource_type, true)?;
            } else {
                check_value(&BodyPath::top(&attribute.name), attribute, value)?;
            }
        } else if let Some(schema) = resource_type.extension(name) {
            check_extension(schema, value)?;
        } else {
            return Err(undefined(name, resource_type));
        }
    }
    if has_schemas {
        return Ok(());
    }
    // RFC 7643 §3: "All representations of SCIM schemas MUST include a non-empty array".
    Err(ScimError::invalid_syntax("schemas: the URIs of the resource's schemas are missing"))
}

/// Makes a schema, as `/Schemas` answers it, say what is done in the strict mode.
///
/// "Service Providers MUST declare the acceptable `type` values for each such attribute" (*Canonical
/// Values for Typed Attributes*): where a schema names none, [`check_resource`] and [`check_patch`]
/// take none, and an empty list says so; RFC 7643 §8.7.1 has it for `roles` and `x509Certificates`.
///
/// The list of attributes matches "exactly what is implemented" (*Discovery Endpoints*): secrets that
/// are not kept are not in it.
pub fn describe(schema: &mut Value, keeps_secrets: bool) {
    let Some(attributes) = schema.get_mut("attributes").and_then(Value::as_array_mut) else { return };
    attributes.retain(|attribute| keeps_secrets || attribute["mutability"] != "writeOnly");
    for attribute in attributes {
        if attribute.get("multiValued") != Some(&Value::Bool(true)) {
            continue;
        }
        let sub_attributes = attribute.get_mut("subAttributes").and_then(Value::as_array_mut);
        for sub in sub_attributes.into_iter().flatten().filter_map(Value::as_object_mut) {
            let is_type =
                sub.get("name").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("type"));
            if is_type {
                sub.entry("canonicalValues").or_insert_with(|| Value::Array(Vec::new()));
            }
        }
    }
}

/// Whether an attribute is one in name only: a secret where none is kept. To take it would be to
/// lose it, and IPSIE AL2 wants it so: "The Application MUST NOT support the "password" attribute".
fn is_not_kept(attribute: &Attribute, resource_type: &ResourceType) -> bool {
    attribute.mutability == Mutability::WriteOnly && !resource_type.keeps_secrets
}

/// Whether an attribute is the `type` among the sub-attributes of `of`, whose values are declared.
fn is_type(of: &Attribute, sub_attribute: &Attribute) -> bool {
    of.multi_valued && sub_attribute.name.eq_ignore_ascii_case("type")
}

fn check_extension(schema: &Schema, value: &Value) -> Result<(), ScimError> {
    let members = match value {
        Value::Null => return Ok(()),
        Value::Object(members) => members,
        _ => return Err(ScimError::invalid_value(format!("{}: expected an object", schema.id))),
    };
    let container = BodyPath::top(&schema.id);
    for (name, value) in members {
        let Some(attribute) = schema.attribute(name) else {
            return Err(container.attribute(name).undefined());
        };
        check_value(&container.attribute(&attribute.name), attribute, value)?;
    }
    Ok(())
}

/// RFC 7643 §3: `schemas` "MUST only contain values defined as "schema" and "schemaExtensions" for the
/// resource's defined "resourceType". Duplicate values MUST NOT be included." `whole` has the base
/// schema in it. The letter case of a URN doesn't count (RFC 7644 §3.10).
fn check_schemas(value: &Value, resource_type: &ResourceType, whole: bool) -> Result<(), ScimError> {
    let refused = |reason: String| Err(ScimError::invalid_syntax(format!("schemas: {reason}")));
    let Value::Array(urns) = value else { return refused("expected a list of URIs".to_owned()) };
    let mut seen: Vec<&str> = Vec::new();
    for urn in urns {
        let Some(urn) = urn.as_str() else { return refused("expected a list of URIs".to_owned()) };
        let Some(id) = defined_urn(urn, resource_type) else {
            return refused(format!("{urn:?} is no schema of a {}", resource_type.name));
        };
        if seen.contains(&id) {
            return refused(format!("{id} is there twice"));
        }
        seen.push(id);
    }
    let base = resource_type.schema.id.as_str();
    if whole && !seen.contains(&base) {
        return refused(format!("a {} has the schema {base}, which is not in the list", resource_type.name));
    }
    Ok(())
}

/// The schema of the type that has this URN, in this spelling.
fn defined_urn<'a>(urn: &str, resource_type: &'a ResourceType) -> Option<&'a str> {
    urns(resource_type).find(|id| id.eq_ignore_ascii_case(urn))
}

fn urns(resource_type: &ResourceType) -> impl Iterator<Item = &str> {
    let extensions = resource_type.extensions.iter().map(|extension| extension.schema.id.as_str());
    std::iter::once(resource_type.schema.id.as_str()).chain(extensions)
}

/// *Attribute and Schema Handling*: "The Service Provider MUST return an HTTP `400 Bad Request` with
/// a `scimType` error of `invalidSyntax`".
fn undefined(name: &str, resource_type: &ResourceType) -> ScimError {
    ScimError::invalid_syntax(format!("{name}: no schema of a {} defines it", resource_type.name))
}
