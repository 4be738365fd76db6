//! Operations applied in order to a resource in memory, all or none.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    Op, Operation, Outcome, PatchRequest, RelationChange, RelationEdit, Target, elements::Edit, foreign,
    is_relation,
};
use crate::{
    Object,
    deviation::{self, Notes},
    error::{ScimError, ScimType},
    filter::{Filter, Literal, Operator},
    path::AttributePath,
    resource::{self, Secret},
    resource_type::ResourceType,
    schema::{Attribute, Mutability, Schema},
    value,
};

/// How often the operations of a request may look at a value, each comparison of a filter counted.
const MAX_WORK: usize = 5_000_000;
/// How many operations of a request may look at each element of the relation.
const MAX_SCANS: usize = 4;

/// A resource after a PATCH.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The attributes.
    pub attributes: Object,
    /// What is to be done to the relation, in order.
    pub relation: Vec<RelationChange>,
    /// What became of each operation.
    pub outcomes: Vec<Outcome>,
    /// Paths of attributes that were not taken.
    pub ignored: Vec<String>,
    /// Secrets that are to be kept as hashes, or no longer kept, in order.
    pub secrets: Vec<Secret>,
}

/// Applies a request to the attributes of a resource.
///
/// `server_side` holds the present values of the readOnly attributes that the request may name
/// (`id`, `meta`, `groups`): a value equal to the present one is nothing to do, any other is
/// refused (Okta sends the `id` along).
///
/// # Errors
/// The refusal of the first operation that can't be carried out; nothing is applied then.
pub fn apply(
    request: PatchRequest,
    attributes: Object,
    server_side: &Object,
    resource_type: &ResourceType,
    notes: &mut Notes,
) -> Result<Patched, ScimError> {
    let mut patcher = Patcher {
        resource_type,
        attributes,
        server_side,
        relation: Vec::new(),
        ignored: Vec::new(),
        secrets: Vec::new(),
        notes,
        interop: request.interop,
        operation: 0,
        scans: 0,
        work: 0,
    };
    let mut outcomes = Vec::with_capacity(request.operations.len());
    for (position, operation) in request.operations.into_iter().enumerate() {
        patcher.operation = position;
        let described = operation.describe();
        let outcome = patcher.operation(operation).map_err(|error| {
            error.of_operation(position).in_context(format_args!("operation {} ({described})", position + 1))
        })?;
        outcomes.push(outcome);
    }
    resource::require(resource_type, &patcher.attributes)?;
    Ok(Patched {
        attributes: patcher.attributes,
        relation: patcher.relation,
        outcomes,
        ignored: patcher.ignored,
        secrets: patcher.secrets,
    })
}

struct Patcher<'a> {
    resource_type: &'a ResourceType,
    attributes: Object,
    server_side: &'a Object,
    relation: Vec<RelationChange>,
    ignored: Vec<String>,
    secrets: Vec<Secret>,
    notes: &'a mut Notes,
    interop: bool,
    operation: usize,
    scans: usize,
    work: usize,
}

impl Patcher<'_> {
    fn operation(&mut self, operation: Operation) -> Result<Outcome, ScimError> {
        let Operation { op, path, value } = operation;
        match path {
            Some((_, target)) => self.on_target(op, &target, value),
            None => self.on_resource(op, value),
        }
    }

    /// An operation without path: each member of the value is an attribute, a dotted path or a
    /// whole URN path (Entra ID).
    fn on_resource(&mut self, op: Op, value: Option<Value>) -> Result<Outcome, ScimError> {
        let Some(Value::Object(members)) = value else {
            return Err(ScimError::invalid_value(
                "without a path, the value has to be an object of attributes",
            ));
        };
        let mut outcome = Outcome::NothingToDo;
        let mut unknown = Vec::new();
        let given = members.len();
        for (name, value) in members {
            if name.eq_ignore_ascii_case("schemas") {
                // Beside others it is no attribute that anybody means to change.
                outcome = both(outcome, on_schemas(Op::Add, Some(&value), self.resource_type)?);
                continue;
            }
            match Target::parse(&name, self.resource_type) {
                Ok(target) => {
                    let one = self.on_target(op, &target, Some(value))?;
                    outcome = both(outcome, one);
                }
                // A path that goes wrong in its brackets is no unknown attribute.
                Err(error) if name.contains('[') => return Err(error),
                Err(_) => unknown.push(name),
            }
        }
        if given > 0 && unknown.len() == given {
            // Nothing of it would be done: that is no success.
            return Err(ScimError::invalid_path(format!(
                "{} has none of the attributes {}",
                self.resource_type.name,
                unknown.join(", ")
            )));
        }
        self.ignored.append(&mut unknown);
        Ok(outcome)
    }

    fn on_target(&mut self, op: Op, target: &Target, value: Option<Value>) -> Result<Outcome, ScimError> {
        match target {
            Target::Attribute(path) => self.on_attribute(op, path, None, value),
            Target::Elements { path, filter } => self.on_attribute(op, path, Some(filter), value),
            Target::Extension(schema) => self.on_extension(op, schema, value),
            Target::Foreign(name) => {
                foreign::apply(&mut self.attributes, op, name, value, self.resource_type, &mut self.work)
            }
        }
    }

    fn on_attribute(
        &mut self,
        op: Op,
        path: &AttributePath,
        filter: Option<&Filter>,
        value: Option<Value>,
    ) -> Result<Outcome, ScimError> {
        let attribute = &path.attribute;
        if attribute.name == "schemas" && path.extension.is_none() {
            return on_schemas(op, value.as_ref(), self.resource_type);
        }
        // What is removed of a list may be said by a value; a filter says it already, null is none, and of what has
        // one value that goes, whatever the client takes it to be (RFC 7644 §3.5.2.2).
        let value = value.filter(|value| {
            op != Op::Remove || filter.is_none() && !value.is_null() && path.leaf().multi_valued
        });
        let names_nothing = value.as_ref().is_some_and(|value| match value {
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        });
        if op == Op::Remove && names_nothing {
            // Were it taken for no value, everything would go (AMB-42).
            return Err(ScimError::invalid_value(format!("{path}: the value names nothing to remove")));
        }
        let (path, value) = self.mend(path, filter, value);
        let leaf = path.leaf();
        if is_relation(&path, self.resource_type) {
            return self.on_relation(op, &path, filter, value);
        }
        if attribute.mutability == Mutability::ReadOnly || leaf.mutability == Mutability::ReadOnly {
            return self.on_read_only(op, &path, filter, value.as_ref());
        }
        if leaf.mutability == Mutability::WriteOnly {
            let value = value.filter(|_| op != Op::Remove);
            let value =
                value.map(|value| value::check(leaf, value, &mut self.ignored)).transpose()?.flatten();
            let Some(secret) = Secret::kept(leaf, value, self.resource_type) else {
                self.ignored.push(path.to_string());
                return Ok(Outcome::NothingToDo);
            };
            // The last one counts, and each takes long to be hashed.
            self.secrets.retain(|before| before.attribute != secret.attribute);
            self.secrets.push(secret);
            return Ok(Outcome::Applied);
        }
        self.edit(op, &path, filter, value)
    }

    /// Maps what clients send as value to what the path asks for.
    fn mend(
        &mut self,
        path: &AttributePath,
        filter: Option<&Filter>,
        value: Option<Value>,
    ) -> (AttributePath, Option<Value>) {
        let is_reference = path.attribute.refers_to_resources() && !path.attribute.multi_valued;
        let (path, mut value) = match (value, path.attribute.value_attribute()) {
            // A text for whole elements means their `value`, as it does in `manager`.
            (Some(Value::String(text)), Some(value_attribute))
                if filter.is_some() && path.sub_attribute.is_none() && !text.is_empty() =>
            {
                self.notes.push(format!("{path}: a text stands for its value"));
                (path.child(value_attribute), Some(Value::String(text)))
            }
            // To set `$ref` is to name another resource.
            (Some(Value::String(url)), _) if is_reference && path.leaf().name == "$ref" => {
                (path.parent(), Some(Value::Object(Object::from_iter([("$ref".to_owned(), url.into())]))))
            }
            (value, _) => (path.clone(), value),
        };
        let notes = &mut *self.notes;
        if let Some(value) = &mut value {
            match (&path.sub_attribute, filter) {
                // Entra ID removes a manager by an empty value.
                (Some(sub), None)
                    if sub.name == "value"
                        && path.attribute.refers_to_resources()
                        && value.as_str() == Some("") =>
                {
                    notes.push(format!("{path}: an empty value stands for no value"));
                    *value = Value::Null;
                }
                (Some(sub), _) => deviation::mend_value(value, sub, notes),
                (None, None) => deviation::mend_value(value, &path.attribute, notes),
                (None, Some(_)) => {
                    if let Value::Array(values) = value
                        && values.len() <= 1
                    {
                        *value = values.pop().unwrap_or_default();
                    }
                    deviation::mend_element(value, &path.attribute, notes);
                }
            }
        }
        (path, value)
    }

    fn edit(
        &mut self,
        op: Op,
        path: &AttributePath,
        filter: Option<&Filter>,
        value: Option<Value>,
    ) -> Result<Outcome, ScimError> {
        let attribute = &path.attribute;
        let container = match &path.extension {
            None => &mut self.attributes,
            Some(schema) => extension_mut(&mut self.attributes, schema)?,
        };
        let current = container.get_mut(&attribute.name).map(Value::take);
        let was_assigned = current.is_some();
        let length = |value: Option<&Value>| value.and_then(Value::as_array).map_or(1, Vec::len);
        // Each value given is compared with each that is there, unless it takes its place and keeps nothing of it.
        let is_compared = op != Op::Replace || attribute.immutable_parts().next().is_some();
        let given = if is_compared { length(value.as_ref()) } else { 1 };
        let cost = length(current.as_ref()).saturating_mul(given + filter.map_or(0, Filter::terms));
        spend(&mut self.work, cost)?;
        let edit = Edit {
            op,
            attribute,
            sub_attribute: path.sub_attribute.as_deref(),
            filter,
            interop: self.interop,
            ignored: &mut self.ignored,
        };
        let (edited, changed) = edit.carry_out(current, value)?;
        if changed && was_assigned && attribute.mutability == Mutability::Immutable {
            return Err(ScimError::mutability(format!("{} is immutable", path.parent())));
        }
        if changed
            && op == Op::Remove
            && path.sub_attribute.as_ref().is_some_and(|sub| lacks(edited.as_ref(), sub))
        {
            return Err(ScimError::mutability(format!("{path} is required and can't be removed"))); // AMB-44
        }
        let emptied = edited.as_ref().is_none_or(|value| value.as_str() == Some(""));
        if attribute.required && emptied {
            // AMB-44
            return Err(match op {
                Op::Remove => ScimError::mutability(format!("{path} is required and can't be removed")),
                _ => ScimError::invalid_value(format!("{path}: a value is required")),
            });
        }
        match edited {
            Some(value) => {
                container.insert(attribute.name.clone(), value);
            }
            None => {
                container.shift_remove(&attribute.name);
            }
        }
        if let Some(schema) = &path.extension {
            drop_if_empty(&mut self.attributes, &schema.id);
        }
        Ok(if changed { Outcome::Applied } else { Outcome::NothingToDo })
    }

    fn on_read_only(
        &mut self,
        op: Op,
        path: &AttributePath,
        filter: Option<&Filter>,
        value: Option<&Value>,
    ) -> Result<Outcome, ScimError> {
        let present = self.server_side.get(&path.attribute.name);
        let present = match &path.sub_attribute {
            None => present,
            Some(sub) => present.and_then(|present| present.get(&sub.name)),
        };
        if op != Op::Remove && filter.is_none() && is_present_value(present, value) {
            return Ok(Outcome::NothingToDo);
        }
        Err(ScimError::mutability(format!("{path} is readOnly")))
    }

    fn on_relation(
        &mut self,
        op: Op,
        path: &AttributePath,
        filter: Option<&Filter>,
        value: Option<Value>,
    ) -> Result<Outcome, ScimError> {
        let attribute = &path.attribute;
        let ids = |value: Option<Value>, ignored: &mut Vec<String>| {
            resource::related_ids(attribute, value.unwrap_or(Value::Null), ignored)
        };
        if path.sub_attribute.is_some() {
            return Err(immutable_elements(attribute));
        }
        let names_url = |path: &AttributePath| path.leaf().name == "$ref";
        if filter.is_some_and(|filter| filter.mentions(&names_url)) {
            let detail = format!("{}.$ref can't be used here; select by value", attribute.name);
            return Err(ScimError::bad_request(ScimType::InvalidFilter, detail));
        }
        let edit = match (op, filter) {
            (Op::Add, None) => RelationEdit::Add(ids(value, &mut self.ignored)?),
            (Op::Replace, None) => RelationEdit::to_become(ids(value, &mut self.ignored)?),
            (Op::Remove, None) => {
                let ids = ids(value, &mut self.ignored)?;
                if ids.is_empty() { RelationEdit::Clear } else { RelationEdit::Remove(ids) }
            }
            (Op::Remove, Some(filter)) => match named_ids(filter) {
                Some(ids) => RelationEdit::Remove(ids),
                None => {
                    self.scans += 1;
                    if self.scans > MAX_SCANS {
                        let detail = format!(
                            "at most {MAX_SCANS} operations may select {} by other than their values",
                            attribute.name
                        );
                        return Err(ScimError::with_status(413, detail));
                    }
                    RelationEdit::RemoveMatching(filter.clone())
                }
            },
            // AMB-41: the element that the filter describes is created.
            (Op::Add, Some(filter)) => match named_ids(filter) {
                Some(ids) if ids.len() == 1 => RelationEdit::Add(ids),
                _ => {
                    return Err(ScimError::no_target(format!(
                        "the filter doesn't name one value of {}",
                        attribute.name
                    )));
                }
            },
            (Op::Replace, Some(_)) => return Err(immutable_elements(attribute)),
        };
        let nothing = matches!(&edit, RelationEdit::Add(ids) if ids.is_empty());
        if nothing {
            return Ok(Outcome::NothingToDo);
        }
        self.relation.push(RelationChange { operation: self.operation, edit });
        Ok(Outcome::Pending)
    }

    fn on_extension(
        &mut self,
        op: Op,
        schema: &std::sync::Arc<Schema>,
        value: Option<Value>,
    ) -> Result<Outcome, ScimError> {
        let members = match (op, value) {
            (Op::Remove, _) | (_, None | Some(Value::Null)) => {
                let required =
                    self.resource_type.extensions.iter().any(|one| one.required && one.schema == *schema);
                if required {
                    let detail = format!("{} is required and can't be removed", schema.id);
                    return Err(ScimError::mutability(detail));
                }
                let removed = self.attributes.shift_remove(&schema.id);
                if let Some(Value::Object(members)) = &removed {
                    resource::check_immutable(schema, members)?;
                }
                return Ok(if removed.is_some() { Outcome::Applied } else { Outcome::NothingToDo });
            }
            (_, Some(Value::Object(members))) => members,
            _ => return Err(ScimError::invalid_value(format!("{}: expected an object", schema.id))),
        };
        let mut outcome = Outcome::NothingToDo;
        let known = members.keys().any(|name| schema.attribute(name).is_some());
        if !known && !members.is_empty() {
            let names: Vec<&str> = members.keys().map(String::as_str).collect();
            return Err(ScimError::invalid_path(format!(
                "{} has none of the attributes {}",
                schema.id,
                names.join(", ")
            )));
        }
        for (name, value) in members {
            let Some(attribute) = schema.attribute(&name) else {
                self.ignored.push(format!("{}:{name}", schema.id));
                continue;
            };
            let path = AttributePath {
                extension: Some(std::sync::Arc::clone(schema)),
                attribute: std::sync::Arc::clone(attribute),
                sub_attribute: None,
            };
            outcome = both(outcome, self.on_attribute(op, &path, None, Some(value))?);
        }
        Ok(outcome)
    }
}

/// Whether a sub-attribute is required, and what is left of a value is without it.
fn lacks(left: Option<&Value>, sub: &Attribute) -> bool {
    let is_without = |value: &Value| value.get(&sub.name).is_none();
    sub.required
        && match left {
            Some(Value::Array(values)) => values.iter().any(is_without),
            left => left.is_some_and(is_without),
        }
}

/// Takes from what a request may cost.
pub(super) fn spend(work: &mut usize, cost: usize) -> Result<(), ScimError> {
    *work = work.saturating_add(cost);
    if *work > MAX_WORK {
        return Err(ScimError::with_status(
            413,
            "the operations have too many values to look at; send fewer at once",
        ));
    }
    Ok(())
}

/// `schemas` follows from the content (AMB-14): saying it again is nothing to do.
fn on_schemas(op: Op, value: Option<&Value>, resource_type: &ResourceType) -> Result<Outcome, ScimError> {
    if op == Op::Remove {
        return Err(ScimError::mutability("schemas follows from the attributes and can't be removed"));
    }
    let urns = match value {
        Some(Value::Array(values)) => values.iter().map(Value::as_str).collect(),
        Some(other) => vec![other.as_str()],
        None => Vec::new(),
    };
    let urns: Option<Vec<&str>> = urns.into_iter().collect();
    let Some(urns) = urns.filter(|urns| !urns.is_empty()) else {
        return Err(ScimError::invalid_value("schemas: expected a list of URIs"));
    };
    if op == Op::Replace {
        resource::check_schemas(&urns, resource_type)?;
    }
    Ok(Outcome::NothingToDo)
}

fn both(left: Outcome, right: Outcome) -> Outcome {
    match (left, right) {
        (Outcome::Applied, _) | (_, Outcome::Applied) => Outcome::Applied,
        (Outcome::Pending, _) | (_, Outcome::Pending) => Outcome::Pending,
        _ => Outcome::NothingToDo,
    }
}

fn immutable_elements(attribute: &Attribute) -> ScimError {
    ScimError::mutability(format!(
        "the sub-attributes of {0} are immutable; add and remove {0} instead",
        attribute.name
    ))
}

/// The ids that a filter names, when it is `value eq "x"`, or several of those joined by `or`.
fn named_ids(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare(comparison) if comparison.operator == Operator::Eq => {
            match (&comparison.literal, &comparison.path.sub_attribute) {
                (Literal::Text { text, .. }, Some(sub)) if sub.name == "value" => Some(vec![text.clone()]),
                _ => None,
            }
        }
        Filter::Or(terms) => {
            let terms: Option<Vec<_>> = terms.iter().map(named_ids).collect();
            terms.map(|terms| terms.into_iter().flatten().collect())
        }
        _ => None,
    }
}

/// Whether `given` says nothing but what is there. An object may say a part of it, a list of
/// references is compared by the ids.
fn is_present_value(present: Option<&Value>, given: Option<&Value>) -> bool {
    match (present, given) {
        (None, None | Some(Value::Null)) => true,
        (None, Some(Value::Array(values))) => values.is_empty(),
        (Some(Value::Object(present)), Some(Value::Object(given))) => {
            given.iter().all(|(name, value)| is_present_value(present.get(name), Some(value)))
        }
        (Some(Value::Array(present)), Some(Value::Array(given))) => ids_in(present) == ids_in(given),
        (Some(present), Some(given)) => present == given,
        _ => false,
    }
}

fn ids_in(values: &[Value]) -> HashSet<String> {
    values.iter().map(|value| value.get("value").unwrap_or(value).to_string()).collect()
}

fn extension_mut<'a>(attributes: &'a mut Object, schema: &Schema) -> Result<&'a mut Object, ScimError> {
    let value = attributes.entry(schema.id.clone()).or_insert_with(|| Value::Object(Object::new()));
    value
        .as_object_mut()
        .ok_or_else(|| ScimError::invalid_value(format!("{}: expected an object", schema.id)))
}

pub(super) fn drop_if_empty(attributes: &mut Object, urn: &str) {
    if attributes.get(urn).and_then(Value::as_object).is_some_and(Object::is_empty) {
        attributes.shift_remove(urn);
    }
}
