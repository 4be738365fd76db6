//! PATCH as the profile has it (*Updating Resources*).

use std::sync::Arc;

use serde_json::Value;

use super::{
    check_schemas, is_not_kept, is_type, undefined, urns,
    value::{BodyPath, check_sub_attribute, check_type, check_value},
};
use crate::{
    Object,
    error::{ScimError, ScimType},
    filter::{Comparison, Filter, Literal},
    message,
    patch::{MAX_OPERATIONS, Op, Target},
    path::{AttributePath, Name, PathError, is_name, starts_like_urn},
    resource_type::ResourceType,
    schema::{Attribute, Mutability},
};

/// Checks a PATCH request as it came. What only the resource can tell is checked while the request
/// is applied, when [`crate::patch::PatchRequest::interop`] is set.
///
/// - Every operation has a `path` (*Mandatory Use of the 'path' Attribute*), and `op` as RFC 7644
///   §3.5.2 writes it.
/// - Paths, values and the message have no attributes and no schema URIs that aren't defined
///   (*Attribute and Schema Handling*).
/// - A path leads to an attribute, to a sub-attribute of a single-valued one, or by a filter of `eq`
///   and `and` to a sub-attribute of an element (*Filtering Constraints*); a remove may stop at the
///   element.
/// - add and replace give a list to a multi-valued attribute and an object to a complex one
///   (*Collection-Level Operations*, *Complex Attribute Operations*); values are checked like those
///   of [`super::check_resource`].
///
/// "Service Providers MAY return an HTTP `400 Bad Request` for any PATCH operation that violates
/// these constraints" (*Error Handling*): all of them are refused.
///
/// # Errors
/// 400 invalidSyntax for the message, a missing path, prohibited operators and what no schema
/// defines; 400 invalidPath and invalidFilter for other paths; 400 invalidValue for values.
pub fn check_patch(body: &Object, resource_type: &ResourceType) -> Result<(), ScimError> {
    let (mut schemas, mut operations) = (&Value::Null, &Value::Null);
    for (name, value) in body {
        // RFC 7643 §2.1: names of attributes are case insensitive, also those of messages.
        match name.to_ascii_lowercase().as_str() {
            "schemas" => schemas = value,
            "operations" => operations = value,
            _ => return Err(ScimError::invalid_syntax(format!("{name} is no attribute of a PATCH request"))),
        }
    }
    // RFC 7644 §3.5.2: "MUST contain the "schemas" attribute with the URI value of" PatchOp.
    let is_patch_op =
        |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(message::PATCH_OP));
    if !matches!(schemas.as_array().map(Vec::as_slice), Some([urn]) if is_patch_op(urn)) {
        return Err(ScimError::invalid_syntax(format!("schemas: expected a list of {}", message::PATCH_OP)));
    }
    let Value::Array(operations) = operations else {
        return Err(ScimError::invalid_syntax("Operations: expected a list of operations"));
    };
    // A request with more is refused when it is read.
    for (position, operation) in operations.iter().take(MAX_OPERATIONS).enumerate() {
        check_operation(operation, resource_type).map_err(|error| {
            error.of_operation(position).in_context(format_args!("operation {}", position + 1))
        })?;
    }
    Ok(())
}

/// Checks how many elements of a multi-valued attribute the filter in a path has selected.
///
/// # Errors
/// 400 invalidFilter when there are several (*Error Handling*); 400 noTarget when a replace finds
/// none (RFC 7644 §3.5.2.3: SHALL).
pub(crate) fn check_selection(op: Op, attribute: &Attribute, selected: usize) -> Result<(), ScimError> {
    match selected {
        0 if op == Op::Replace => {
            Err(ScimError::no_target(format!("no value of {} meets the filter", attribute.name)))
        }
        0 | 1 => Ok(()),
        _ => {
            let detail =
                format!("{selected} values of {} meet the filter; it may select one", attribute.name);
            Err(ScimError::bad_request(ScimType::InvalidFilter, detail))
        }
    }
}

fn check_operation(operation: &Value, resource_type: &ResourceType) -> Result<(), ScimError> {
    let Value::Object(members) = operation else {
        return Err(ScimError::invalid_syntax("expected an object"));
    };
    let (mut op, mut path, mut value) = (None, None, None);
    for (name, member) in members {
        match name.to_ascii_lowercase().as_str() {
            "op" => op = member.as_str(),
            "path" => path = member.as_str(),
            "value" => value = Some(member),
            _ => return Err(ScimError::invalid_syntax(format!("{name} is no attribute of an operation"))),
        }
    }
    let op = [Op::Add, Op::Remove, Op::Replace].into_iter().find(|known| op == Some(known.as_str()));
    let op = op.ok_or_else(|| ScimError::invalid_syntax("op: expected add, remove or replace"))?;
    // Also for remove, where RFC 7644 §3.5.2.2 has noTarget: the profile is the stricter.
    let path = path
        .filter(|path| !path.trim().is_empty())
        .ok_or_else(|| ScimError::invalid_syntax("path: every operation has one"))?;
    let target = check_path(path, resource_type)?;
    match &target {
        // RFC 7644 figure 7: a path leads to an attribute.
        Target::Foreign(_) | Target::Extension(_) => {
            return Err(invalid_path(path, "it is no attribute's"));
        }
        // The profile knows the whole list and, through a filter, an element's sub-attribute; which
        // element this means nobody can tell.
        Target::Attribute(AttributePath { attribute, sub_attribute: Some(_), .. })
            if attribute.multi_valued =>
        {
            return Err(invalid_path(path, "a filter has to say which value is meant"));
        }
        Target::Attribute(_) => {}
        Target::Elements { path: at, filter } => check_elements(op, path, at, filter, resource_type)?,
    }
    let (Target::Attribute(at) | Target::Elements { path: at, .. }) = &target else { return Ok(()) };
    match (op, value) {
        // A value beside it is not in the RFC: by §3.5.2.2 all would be removed, some clients mean
        // that value alone. IPSIE AL1: "The value attribute MUST be unspecified".
        (Op::Remove, Some(value)) if !value.is_null() => {
            Err(ScimError::invalid_syntax("value: a remove has none; a filter says what is to go"))
        }
        (Op::Remove, _) | (_, None) => Ok(()), // an add or replace without value is refused when it is read
        (_, Some(value)) => check_given(op, at, value, resource_type),
    }
}

/// Resolves a path; nothing in it may be unknown, or known by another spelling.
fn check_path(path: &str, resource_type: &ResourceType) -> Result<Target, ScimError> {
    let head = path.split('[').next().unwrap_or(path);
    let is_defined = |id: &str| {
        let rest =
            head.get(..id.len()).filter(|start| start.eq_ignore_ascii_case(id)).map(|_| &head[id.len()..]);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    if starts_like_urn(head) && !urns(resource_type).any(is_defined) {
        return Err(undefined(head, resource_type));
    }
    let resolved = match Name::resolve(head, resource_type) {
        Ok(name) => name,
        // Not invalidPath, as it is without the profile: "a SCIM request (e.g., `POST`, `PATCH`)"
        // that contains attributes that are not defined is one of invalidSyntax.
        Err(PathError::Unknown { .. } | PathError::UnknownSubAttribute { .. }) => {
            return Err(undefined(head, resource_type));
        }
        Err(error @ PathError::Malformed(_)) => return Err(invalid_path(path, &error.to_string())),
    };
    if let Name::Attribute(found) = &resolved
        && is_not_kept(&found.attribute, resource_type)
    {
        return Err(undefined(head, resource_type));
    }
    if let (Name::Attribute(found), Some((_, rest))) = (&resolved, path.rsplit_once(']'))
        && let Some(sub) = rest.strip_prefix('.').filter(|sub| is_name(sub))
        && found.attribute.sub_attribute(sub).is_none()
    {
        return Err(undefined(&format!("{found}.{sub}"), resource_type));
    }
    if path != path.trim() {
        return Err(invalid_path(path, "there are blanks around it"));
    }
    // What is unknown inside the brackets is invalidFilter, as it is in a query (*Filtering*).
    Target::parse(path, resource_type)
}

/// *Filtering Constraints*.
fn check_elements(
    op: Op,
    text: &str,
    path: &AttributePath,
    filter: &Filter,
    resource_type: &ResourceType,
) -> Result<(), ScimError> {
    let attribute = &path.attribute;
    // RFC 7644 §3.5.2: a valuePath selects values of a multi-valued attribute.
    if !attribute.multi_valued {
        return Err(invalid_path(text, &format!("{attribute} has one value", attribute = attribute.name)));
    }
    // "Targeting the element object itself […] is PROHIBITED", and of the refusal *Error Handling*
    // says MAY. A remove is let through: to take one value out of a list, such as a member, there is
    // no other operation than that of RFC 7644 §3.5.2.2 (the sub-attributes of members are
    // immutable), IPSIE AL1 demands just that path of it, and IPSIE AL2, which builds upon this
    // profile, that 50 of them go into one request.
    if path.sub_attribute.is_none() && op != Op::Remove {
        return Err(invalid_path(text, "it has to go on to a sub-attribute"));
    }
    let Some(equalities) = filter.equalities() else {
        return Err(ScimError::invalid_syntax(format!(
            "path {text:?}: only eq and and may be used in a path"
        )));
    };
    let invalid_filter = |reason: &str| {
        Err(ScimError::bad_request(ScimType::InvalidFilter, format!("path {text:?}: {reason}")))
    };
    let is_text = |comparison: &&&Comparison| {
        matches!(comparison.literal, Literal::Text { .. } | Literal::Instant { .. })
    };
    if quoted(text) != equalities.iter().filter(is_text).count() {
        return invalid_filter("a boolean stands without quotes");
    }
    let is_named = |name: &str, comparison: &Comparison| {
        comparison.path.sub_attribute.as_ref().is_some_and(|sub| sub.name.eq_ignore_ascii_case(name))
    };
    // A relation is not looked through to see how many meet a filter: one that gives the value
    // selects no more than one.
    let is_relation = resource_type.relation().is_some_and(|relation| Arc::ptr_eq(relation, attribute));
    if is_relation && !equalities.iter().any(|comparison| is_named("value", comparison)) {
        return invalid_filter("it has to give the value, or it may select more than one");
    }
    // An add without a match creates what the filter describes. To others a value that isn't declared
    // is harmless; it may be there since before the switch was on.
    for comparison in equalities.iter().filter(|_| op == Op::Add) {
        let Some(sub) = &comparison.path.sub_attribute else { continue };
        if let Literal::Text { text: value, .. } = &comparison.literal
            && is_type(attribute, sub)
        {
            check_type(&BodyPath::top(text), sub, value)?;
        }
    }
    Ok(())
}

/// Checks the value of an add or a replace.
fn check_given(
    op: Op,
    path: &AttributePath,
    value: &Value,
    resource_type: &ResourceType,
) -> Result<(), ScimError> {
    let attribute = &path.attribute;
    let name = path.to_string();
    let at = BodyPath::top(&name);
    let Some(sub) = &path.sub_attribute else {
        return match value {
            _ if attribute.name == "schemas" && path.extension.is_none() => {
                check_schemas(value, resource_type, op == Op::Replace)
            }
            _ if attribute.mutability == Mutability::ReadOnly => check_value(&at, attribute, value),
            // "the `value` MUST be an array of objects/values", "MUST be a JSON object": `null` is
            // neither, to unassign is a remove.
            Value::Null if attribute.multi_valued => Err(at.refused("expected a list")),
            Value::Null if attribute.is_complex() => Err(at.refused("expected an object")),
            _ => check_value(&at, attribute, value),
        };
    };
    if attribute.refers_to_resources() && !attribute.multi_valued {
        if sub.name == "$ref" {
            return Err(at.refused("a reference is given by its value"));
        }
        if sub.name == "value" && value.as_str() == Some("") {
            return Err(at.refused("the text is empty"));
        }
    }
    check_sub_attribute(&at, attribute, sub, value)
}

fn invalid_path(path: &str, reason: &str) -> ScimError {
    ScimError::invalid_path(format!("path {path:?}: {reason}"))
}

/// How many quoted texts there are in a path.
fn quoted(path: &str) -> usize {
    let (mut quotes, mut escaped) = (0, false);
    for byte in path.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quotes += 1,
            _ => {}
        }
    }
    quotes / 2
}
