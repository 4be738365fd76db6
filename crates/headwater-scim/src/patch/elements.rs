//! The new value of one attribute under one operation: add, remove, replace × single-valued,
//! complex, multi-valued × whole, sub-attribute, filtered elements.

use std::collections::HashMap;

use serde_json::Value;

use super::Op;
use crate::{
    Object, comparison, deviation,
    error::ScimError,
    filter::{Comparison, Filter, Literal},
    interop,
    schema::{Attribute, Mutability},
    value::{self, Extent},
};

/// An attribute's value after an operation, and whether it differs from before.
pub(super) type Edited = Result<(Option<Value>, bool), ScimError>;

/// One operation on one attribute.
pub(super) struct Edit<'a> {
    pub(super) op: Op,
    pub(super) attribute: &'a Attribute,
    pub(super) sub_attribute: Option<&'a Attribute>,
    pub(super) filter: Option<&'a Filter>,
    pub(super) interop: bool,
    pub(super) ignored: &'a mut Vec<String>,
}

impl Edit<'_> {
    /// Carries the operation out on `current`. What is immutable of it stays, or the operation is refused.
    pub(super) fn carry_out(mut self, current: Option<Value>, value: Option<Value>) -> Edited {
        let has_immutable_parts = self.attribute.immutable_parts().next().is_some();
        let before = current.clone().filter(|_| has_immutable_parts && !self.attribute.multi_valued);
        let (edited, changed) = self.carried_out(current, value)?;
        if let Some(before) = before {
            value::check_immutable(self.attribute, &before, edited.as_ref())?;
        }
        Ok((edited, changed))
    }

    fn carried_out(&mut self, current: Option<Value>, value: Option<Value>) -> Edited {
        if self.attribute.multi_valued || self.filter.is_some() {
            let multi_valued = self.attribute.multi_valued;
            let elements = match current {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(values)) => values,
                Some(single) => vec![single],
            };
            let (mut elements, changed) = self.edit_elements(elements, value)?;
            value::check_length(self.attribute, elements.len())?;
            let edited =
                if multi_valued { Value::Array(elements) } else { elements.pop().unwrap_or(Value::Null) };
            let empty = edited.is_null() || edited.as_array().is_some_and(Vec::is_empty);
            return Ok(((!empty).then_some(edited), changed));
        }
        let edited = match (self.op, self.sub_attribute) {
            (Op::Remove, None) => None,
            // Interop profile, *Complex Attribute Operations*: replace replaces the entire attribute.
            (op, None) if !self.attribute.is_complex() || self.interop && op == Op::Replace => {
                value::check(self.attribute, given(value), self.ignored)?
            }
            (_, None) => return self.merge_complex(current, given(value)),
            (op, Some(sub)) => {
                let members = object(current.clone());
                let checked =
                    if op == Op::Remove { None } else { value::check(sub, given(value), self.ignored)? };
                self.set_member(members, sub, checked)
            }
        };
        let changed = edited != current;
        Ok((edited, changed))
    }

    /// RFC 7644 §3.5.2.1 and .3: the given sub-attributes are set, the others left unchanged. A
    /// reference that comes to name something else keeps nothing of what it said before.
    fn merge_complex(&mut self, current: Option<Value>, value: Value) -> Edited {
        let given = match value {
            Value::Object(members) => members,
            Value::Null => return Ok((None, current.is_some())),
            other => {
                value::check_one(self.attribute, other, self.ignored)?;
                return Ok((current, false));
            }
        };
        if !given.is_empty() && !given.keys().any(|name| self.attribute.sub_attribute(name).is_some()) {
            return Err(self.nothing_known(given.keys()));
        }
        let mut members = object(current.clone());
        // The value comes first: it decides whether what is said beside it is about another one.
        let (first, rest): (Vec<_>, Vec<_>) =
            given.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case("value"));
        for (name, value) in first.into_iter().chain(rest) {
            let Some(sub) = self.attribute.sub_attribute(&name) else {
                self.ignored.push(format!("{}.{name}", self.attribute.name));
                continue;
            };
            if sub.mutability == Mutability::ReadOnly {
                continue;
            }
            let checked = value::check(sub, value, self.ignored)
                .map_err(|error| ScimError::from(error).in_context(&self.attribute.name))?;
            if sub.name == "value" {
                members = object(self.set_member(members, sub, checked));
            } else {
                put(&mut members, &sub.name, checked);
            }
        }
        let edited = (!members.is_empty()).then_some(Value::Object(members));
        let changed = edited != current;
        Ok((edited, changed))
    }

    fn set_member(&self, mut members: Object, sub: &Attribute, value: Option<Value>) -> Option<Value> {
        let renamed = sub.name == "value" && members.get("value") != value.as_ref();
        if renamed && self.attribute.refers_to_resources() {
            members.clear();
        }
        put(&mut members, &sub.name, value);
        (!members.is_empty()).then_some(Value::Object(members))
    }

    fn edit_elements(
        &mut self,
        mut elements: Vec<Value>,
        value: Option<Value>,
    ) -> Result<(Vec<Value>, bool), ScimError> {
        let selected: Vec<usize> = match self.filter {
            Some(filter) => positions(&elements, |element| filter.matches_element(element)),
            None => (0..elements.len()).collect(),
        };
        if self.interop && self.filter.is_some() {
            interop::check_selection(self.op, self.attribute, selected.len())?;
        }
        if !self.attribute.multi_valued
            && self.op != Op::Remove
            && selected.is_empty()
            && !elements.is_empty()
        {
            return Err(self.nothing_selected());
        }
        match (self.op, self.sub_attribute, self.filter) {
            (Op::Remove, None, None) => self.remove_given(elements, value),
            // AMB-43: where nothing meets the filter there is nothing to do.
            (Op::Remove, None, Some(filter)) => {
                let before = elements.len();
                elements.retain(|element| !filter.matches_element(element));
                let changed = elements.len() != before;
                Ok((elements, changed))
            }
            (_, None, None) => self.edit_list(elements, given(value)),
            (_, None, Some(_)) => self.edit_selected(elements, &selected, given(value)),
            (op, Some(sub), filter) => {
                // AMB-40: `emails.value` means the one element there is, or a new one.
                if filter.is_none() && selected.len() > 1 {
                    let name = &self.attribute.name;
                    return Err(ScimError::no_target(format!(
                        "{name}.{} doesn't say which of the {} values of {name} is meant; select one with a filter",
                        sub.name,
                        selected.len()
                    )));
                }
                let checked =
                    if op == Op::Remove { None } else { value::check(sub, given(value), self.ignored)? };
                self.edit_sub_attribute(elements, &selected, sub, checked)
            }
        }
    }

    /// add and replace of the whole list.
    fn edit_list(&mut self, mut elements: Vec<Value>, value: Value) -> Result<(Vec<Value>, bool), ScimError> {
        let names: Vec<String> = names_in(&value);
        // What is added may be a part of an element that is there; in the end each has to be whole.
        let extent = if self.op == Op::Add { Extent::Part } else { Extent::Whole };
        let mut given = match value::checked(self.attribute, value, self.ignored, extent)? {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        // Nothing of it was understood: to take it for an empty list would be to remove all.
        if given.is_empty()
            && !names.is_empty()
            && !names.iter().any(|name| self.attribute.sub_attribute(name).is_some())
        {
            return Err(self.nothing_known(names.iter()));
        }
        if self.op == Op::Replace {
            let kept = Value::Array(elements);
            let mut replaced = Value::Array(given);
            value::keep_immutable(self.attribute, &kept, &mut replaced)?;
            let changed = replaced != kept;
            given = if let Value::Array(replaced) = replaced { replaced } else { Vec::new() };
            return Ok((given, changed));
        }
        let before = self.with_immutable_parts(&elements);
        let mut touched = Vec::new();
        let mut changed = false;
        for element in given {
            let primary = value::is_primary(&element);
            let (position, different) = value::merge(&mut elements, element);
            changed |= different;
            if primary {
                touched.push(position);
            }
        }
        self.check_in_place(&before, &elements)?;
        changed |= self.settle_primary(&mut elements, &touched)?;
        Ok((elements, changed))
    }

    /// Elements as they are before an operation, where it matters.
    fn with_immutable_parts(&self, elements: &[Value]) -> Vec<Value> {
        if self.attribute.immutable_parts().next().is_some() { elements.to_owned() } else { Vec::new() }
    }

    /// Whether the elements that were there, still in their places, have all that is immutable of them.
    fn check_in_place(&self, before: &[Value], after: &[Value]) -> Result<(), ScimError> {
        let mut both = before.iter().zip(after);
        both.try_for_each(|(before, after)| value::check_immutable(self.attribute, before, Some(after)))
    }

    /// add and replace of the elements that a filter selects.
    fn edit_selected(
        &mut self,
        mut elements: Vec<Value>,
        selected: &[usize],
        value: Value,
    ) -> Result<(Vec<Value>, bool), ScimError> {
        let before = self.with_immutable_parts(&elements);
        let is_part = self.op == Op::Add && !selected.is_empty();
        let unassigned = if is_part { self.unassigned_in(&value) } else { Vec::new() };
        let extent = if is_part { Extent::Part } else { Extent::Whole };
        let given = value::checked_one(self.attribute, value, self.ignored, extent)?;
        if selected.is_empty() {
            let created = if self.op == Op::Add { self.created_by_filter()? } else { None };
            let Some(created) = created else { return Err(self.nothing_selected()) };
            let mut created = Value::Object(created);
            value::merge_members(&mut created, given.unwrap_or(Value::Null));
            if !self.selects(&created) {
                return Err(self.nothing_selected());
            }
            let (position, mut changed) = value::merge(&mut elements, created);
            self.check_in_place(&before, &elements)?;
            changed |= self.settle_primary(&mut elements, &[position])?;
            return Ok((elements, changed));
        }
        let given = given.or_else(|| (!unassigned.is_empty()).then(|| Value::Object(Object::new())));
        let Some(given) = given else {
            if self.op == Op::Add {
                return Ok((elements, false));
            }
            let kept = elements.into_iter().enumerate().filter(|(position, _)| !selected.contains(position));
            return Ok((kept.map(|(_, element)| element).collect(), true));
        };
        let mut changed = false;
        let primary = value::is_primary(&given);
        for &position in selected {
            if self.op == Op::Add {
                changed |= value::merge_members(&mut elements[position], given.clone());
                if let Value::Object(members) = &mut elements[position] {
                    for name in &unassigned {
                        changed |= members.shift_remove(name).is_some();
                    }
                }
            } else if elements[position] != given {
                // AMB-46: "all matching record values SHALL be replaced"
                elements[position] = given.clone();
                changed = true;
            }
        }
        self.check_in_place(&before, &elements)?;
        changed |= self.settle_primary(&mut elements, if primary { selected } else { &[] })?;
        let mut elements = distinct(elements, selected, &given);
        elements.retain(is_something);
        Ok((elements, changed))
    }

    /// The sub-attributes that a value unassigns by null (RFC 7643 §2.5).
    fn unassigned_in(&self, value: &Value) -> Vec<String> {
        let members = value.as_object().into_iter().flatten();
        let nulls = members.filter(|(_, value)| value.is_null());
        let subs = nulls.filter_map(|(name, _)| self.attribute.sub_attribute(name));
        subs.filter(|sub| sub.mutability != Mutability::ReadOnly).map(|sub| sub.name.clone()).collect()
    }

    /// Any operation on a sub-attribute of the selected elements.
    fn edit_sub_attribute(
        &mut self,
        mut elements: Vec<Value>,
        selected: &[usize],
        sub: &Attribute,
        value: Option<Value>,
    ) -> Result<(Vec<Value>, bool), ScimError> {
        let before = self.with_immutable_parts(&elements);
        if selected.is_empty() {
            if self.op == Op::Remove {
                return Ok((elements, false)); // AMB-43
            }
            // AMB-41: Entra ID expects add and replace to create what the filter describes.
            let Some(mut created) = self.created_by_filter()? else { return Err(self.nothing_selected()) };
            let Some(value) = value else { return Ok((elements, false)) };
            created.insert(sub.name.clone(), value);
            let created = Value::Object(created);
            if !self.selects(&created) {
                return Err(self.nothing_selected());
            }
            let (position, mut changed) = value::merge(&mut elements, created);
            self.check_in_place(&before, &elements)?;
            changed |= self.settle_primary(&mut elements, &[position])?;
            return Ok((elements, changed));
        }
        let mut changed = false;
        for &position in selected {
            if let Value::Object(members) = &mut elements[position]
                && members.get(&sub.name) != value.as_ref()
            {
                put(members, &sub.name, value.clone());
                changed = true;
            }
        }
        self.check_in_place(&before, &elements)?;
        let primary = sub.name == "primary" && value == Some(Value::Bool(true));
        changed |= self.settle_primary(&mut elements, if primary { selected } else { &[] })?;
        if changed {
            let given =
                value.map_or_else(Object::new, |value| Object::from_iter([(sub.name.clone(), value)]));
            elements = distinct(elements, selected, &Value::Object(given));
        }
        elements.retain(is_something);
        Ok((elements, changed))
    }

    /// Whether the filter would have selected an element. One that is created for it has to be such
    /// a one: `emails[value eq "a"].value` set to `b` is to change what is there, not to add to it
    /// (RFC 7644 §3.5.2.3).
    fn selects(&self, element: &Value) -> bool {
        self.filter.is_none_or(|filter| filter.matches_element(element))
    }

    /// The element that the filter's equalities describe, if they do; a text that is compared need
    /// not be one that the attribute may have.
    fn created_by_filter(&mut self) -> Result<Option<Object>, ScimError> {
        let Some(filter) = self.filter else { return Ok(Some(Object::new())) };
        let Some(equalities) = filter.equalities() else { return Ok(None) };
        let mut created = Object::new();
        for Comparison { path, literal, .. } in equalities {
            // A plain value has no parts that could be made.
            let Some(sub) = &path.sub_attribute else { return Ok(None) };
            let mut value = match literal {
                Literal::Null => continue,
                Literal::Boolean(value) => Value::Bool(*value),
                Literal::Number(value) => Value::Number(value.clone()),
                Literal::Text { text, .. } | Literal::Instant { text, .. } => Value::from(text.as_str()),
            };
            let contradicts = created.get(&sub.name).is_some_and(|known| *known != value);
            if contradicts || sub.mutability == Mutability::ReadOnly {
                return Ok(None);
            }
            deviation::mend_value(&mut value, sub, &mut Vec::new());
            let checked = value::check(sub, value, self.ignored)
                .map_err(|error| ScimError::from(error).in_context(&self.attribute.name))?;
            put(&mut created, &sub.name, checked);
        }
        Ok(Some(created))
    }

    /// remove of a list. With values beside it, just those go (AMB-42: Entra ID and authentik mean
    /// it so; emptying the group instead has done real damage elsewhere).
    fn remove_given(
        &mut self,
        mut elements: Vec<Value>,
        value: Option<Value>,
    ) -> Result<(Vec<Value>, bool), ScimError> {
        let before = elements.len();
        match value {
            None => elements.clear(),
            Some(Value::Array(values)) => {
                for value in values {
                    let meant = self.meant(self.attribute, value)?;
                    elements.retain(|element| !is_meant(self.attribute, element, &meant));
                }
            }
            Some(value) => {
                let meant = self.meant(self.attribute, value)?;
                elements.retain(|element| !is_meant(self.attribute, element, &meant));
            }
        }
        let changed = elements.len() != before;
        Ok((elements, changed))
    }

    /// What a client wants to have removed, checked like a value of the attribute.
    fn meant(&mut self, attribute: &Attribute, value: Value) -> Result<Value, ScimError> {
        value::check_one(attribute, value, self.ignored)?.ok_or_else(|| {
            ScimError::invalid_value(format!("{}: a value names nothing to remove", attribute.name))
        })
    }

    fn nothing_known<'n>(&self, names: impl Iterator<Item = &'n String>) -> ScimError {
        let names: Vec<&str> = names.map(String::as_str).collect();
        ScimError::invalid_path(format!(
            "{} has none of the sub-attributes {}",
            self.attribute.name,
            names.join(", ")
        ))
    }

    fn nothing_selected(&self) -> ScimError {
        ScimError::no_target(format!("no value of {} meets the filter", self.attribute.name))
    }

    /// RFC 7644 §3.5.2: setting `primary` on one value resets it on all others. `set` are those on
    /// which the operation sets it, or may have.
    fn settle_primary(&self, elements: &mut [Value], set: &[usize]) -> Result<bool, ScimError> {
        let mut primaries = set.iter().filter(|&&position| value::is_primary(&elements[position]));
        let Some(&primary) = primaries.next() else { return Ok(false) };
        if primaries.any(|&other| other != primary) {
            return Err(ScimError::invalid_value(format!(
                "{}: at most one value may have primary true",
                self.attribute.name
            )));
        }
        let mut changed = false;
        for (position, element) in elements.iter_mut().enumerate() {
            if position != primary && value::is_primary(element) {
                element["primary"] = Value::Bool(false);
                changed = true;
            }
        }
        Ok(changed)
    }
}

/// Whether an element is left: one without any part is not.
fn is_something(element: &Value) -> bool {
    element.as_object().is_none_or(|members| !members.is_empty())
}

/// The names of the members of an object, or of those in a list.
fn names_in(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(values) => {
            values.iter().filter_map(Value::as_object).flat_map(|members| members.keys().cloned()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a value is the one that a client describes: by its `value` and, where given, its type;
/// by all that is given where it has no `value`. Letter case counts as it does in filters.
fn is_meant(attribute: &Attribute, present: &Value, meant: &Value) -> bool {
    let Value::Object(given) = meant else { return is_equal(attribute, present, meant) };
    let agrees = |name: &str| {
        let sub = attribute.sub_attribute(name);
        given.get(name).is_none_or(|meant| match (sub, present.get(name)) {
            (Some(sub), Some(present)) => is_equal(sub, present, meant),
            _ => false,
        })
    };
    if given.contains_key("value") {
        return agrees("value") && agrees("type");
    }
    given.keys().all(|name| agrees(name))
}

fn is_equal(attribute: &Attribute, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            let exact = attribute.compares_exactly();
            comparison::key(left, exact) == comparison::key(right, exact)
        }
        _ => left == right,
    }
}

/// Elements that have come to share value and type are one (RFC 7643 §2.4), with what each of them
/// says; it is primary when one of them is. What was `given` to those that were `selected` counts
/// before what another one said (RFC 7644 §3.5.2.3).
fn distinct(elements: Vec<Value>, selected: &[usize], given: &Value) -> Vec<Value> {
    let mut positions: HashMap<String, usize> = HashMap::with_capacity(elements.len());
    let mut distinct: Vec<Value> = Vec::with_capacity(elements.len());
    for (number, element) in elements.into_iter().enumerate() {
        let position = *positions.entry(value::identity(&element)).or_insert(distinct.len());
        let Some(same) = distinct.get_mut(position) else {
            distinct.push(element);
            continue;
        };
        if selected.binary_search(&number).is_ok() {
            value::merge_members(same, given.clone());
        }
        let (Value::Object(known), Value::Object(members)) = (same, &element) else { continue };
        for (name, value) in members {
            let present = known.entry(name.clone()).or_insert_with(|| value.clone());
            if name == "primary" && *value == Value::Bool(true) && given.get("primary").is_none() {
                *present = Value::Bool(true);
            }
        }
    }
    distinct
}

fn positions(elements: &[Value], mut meets: impl FnMut(&Value) -> bool) -> Vec<usize> {
    elements.iter().enumerate().filter(|(_, element)| meets(element)).map(|(position, _)| position).collect()
}

fn given(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

fn object(value: Option<Value>) -> Object {
    match value {
        Some(Value::Object(members)) => members,
        _ => Object::new(),
    }
}

fn put(members: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            members.insert(name.to_owned(), value);
        }
        None => {
            members.shift_remove(name);
        }
    }
}
