//! PATCH (RFC 7644 §3.5.2): a request read, and applied to a resource in memory.
//!
//! What it does to the relation (`members`) comes out as [`RelationChange`]s, which the store
//! carries out row by row, so that a group is never loaded for a change to one member.

mod apply;
mod elements;
mod foreign;
mod target;

use serde_json::Value;

pub use apply::{Patched, apply};
pub use target::Target;

use crate::{
    Object, deviation::Notes, error::ScimError, filter::Filter, message, path::AttributePath,
    resource_type::ResourceType,
};

/// The most operations that one request may have.
pub const MAX_OPERATIONS: usize = 1_000;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// RFC 7644 §3.5.2.1.
    Add,
    /// RFC 7644 §3.5.2.2.
    Remove,
    /// RFC 7644 §3.5.2.3.
    Replace,
}

impl Op {
    /// The operation as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// One operation of a PATCH request.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// Where; `None` is the resource itself.
    pub path: Option<(String, Target)>,
    /// With what.
    pub value: Option<Value>,
}

/// A PATCH request that has the right structure and whose paths exist.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// Whether it is carried out as the interoperability profile has it ([`crate::interop`]): replace
    /// of a complex attribute replaces it whole, and a filter in a path selects one element.
    pub interop: bool,
}

/// What became of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The resource changed.
    Applied,
    /// The resource was already as the operation wants it.
    NothingToDo,
    /// It concerns the relation: the store knows, when it has carried out the changes.
    Pending,
}

/// A change to the relation of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationChange {
    /// The position of the operation that asks for it.
    pub operation: usize,
    /// What is to be done.
    pub edit: RelationEdit,
}

/// What is to be done to a relation.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationEdit {
    /// Add these ids; those that are there already stay.
    Add(Vec<String>),
    /// Remove these ids; those that are not there are passed over.
    Remove(Vec<String>),
    /// Remove every element that meets the filter.
    RemoveMatching(Filter),
    /// Remove all.
    Clear,
    /// Have these ids and no others.
    Replace(Vec<String>),
}

impl RelationEdit {
    /// What makes these ids all that there are.
    pub fn to_become(ids: Vec<String>) -> Self {
        if ids.is_empty() { Self::Clear } else { Self::Replace(ids) }
    }
}

impl PatchRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// 400 invalidSyntax for a wrong structure, invalidPath and invalidFilter for a path, noTarget
    /// for a remove without path, invalidValue for an add or replace without value (AMB-37).
    pub fn read(body: Object, resource_type: &ResourceType, notes: &mut Notes) -> Result<Self, ScimError> {
        let mut operations = None;
        for (name, value) in body {
            if name.eq_ignore_ascii_case("schemas") {
                check_schemas(&value)?;
            } else if name.eq_ignore_ascii_case("Operations") {
                if name != "Operations" {
                    notes.push(format!("{name} stands for Operations"));
                }
                operations = Some(value);
            }
        }
        let operations = match operations {
            Some(Value::Array(operations)) if !operations.is_empty() => operations,
            _ => {
                return Err(ScimError::invalid_syntax(
                    "Operations: expected a list of one or more operations",
                ));
            }
        };
        if operations.len() > MAX_OPERATIONS {
            return Err(ScimError::with_status(
                413,
                format!("Operations: a request may have at most {MAX_OPERATIONS}"),
            ));
        }
        let operations = operations
            .into_iter()
            .enumerate()
            .map(|(position, operation)| {
                Operation::read(operation, resource_type, notes).map_err(|error| {
                    error.of_operation(position).in_context(format_args!("operation {}", position + 1))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { operations, interop: false })
    }
}

/// `schemas` may be missing (AMB-01), but not be something else.
fn check_schemas(value: &Value) -> Result<(), ScimError> {
    let named = match value {
        Value::Null => true,
        Value::Array(urns) => {
            urns.is_empty()
                || urns
                    .iter()
                    .any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(message::PATCH_OP)))
        }
        _ => false,
    };
    if named {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!("schemas: a PATCH request has the schema {}", message::PATCH_OP)))
}

impl Operation {
    fn read(operation: Value, resource_type: &ResourceType, notes: &mut Notes) -> Result<Self, ScimError> {
        let Value::Object(members) = operation else {
            return Err(ScimError::invalid_syntax("expected an object"));
        };
        let (mut op, mut path, mut value) = (None, None, None);
        for (name, member) in members {
            match name.to_ascii_lowercase().as_str() {
                "op" => op = Some(member),
                "path" => path = Some(member),
                "value" => value = Some(member),
                _ => {}
            }
        }
        let op = read_op(op.as_ref(), notes)?;
        let path = match path {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(Value::String(text)) => {
                let text = text.trim().to_owned();
                let target = Target::parse(&text, resource_type)?;
                Some((text, target))
            }
            Some(_) => return Err(ScimError::invalid_syntax("path: expected text")),
        };
        if op == Op::Remove && path.is_none() {
            return Err(ScimError::no_target("a remove needs a path")); // RFC 7644 §3.5.2.2
        }
        if op != Op::Remove && value.is_none() {
            return Err(ScimError::invalid_value(format!("{} needs a value", op.as_str())));
        }
        Ok(Self { op, path, value })
    }

    /// The operation as an error message names it.
    fn describe(&self) -> String {
        match &self.path {
            Some((path, _)) => format!("{} {path}", self.op.as_str()),
            None => self.op.as_str().to_owned(),
        }
    }
}

/// AMB-35: Entra ID sends `Add`, `Replace`, `Remove`.
fn read_op(op: Option<&Value>, notes: &mut Notes) -> Result<Op, ScimError> {
    let text = op
        .and_then(Value::as_str)
        .ok_or_else(|| ScimError::invalid_syntax("op: expected add, remove or replace"))?;
    let known =
        [Op::Add, Op::Remove, Op::Replace].into_iter().find(|op| text.eq_ignore_ascii_case(op.as_str()));
    let op = known
        .ok_or_else(|| ScimError::invalid_syntax(format!("op: {text:?} is not add, remove or replace")))?;
    if text != op.as_str() {
        notes.push(format!("op {text} stands for {}", op.as_str()));
    }
    Ok(op)
}

/// Whether the path leads to the relation of the type.
fn is_relation(path: &AttributePath, resource_type: &ResourceType) -> bool {
    resource_type.relation().is_some_and(|relation| std::sync::Arc::ptr_eq(relation, &path.attribute))
}
