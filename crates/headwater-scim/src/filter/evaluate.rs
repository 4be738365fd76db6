//! Whether a resource meets a filter: the meaning of the grammar, in memory.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Comparison, Filter, Literal, Operator, is_default};
use crate::{Object, comparison, date_time, index, path::AttributePath, schema::Attribute};

impl Filter {
    /// Whether `resource` meets the filter. It has to hold all attributes that the filter names,
    /// those of `meta` included.
    pub fn matches(&self, resource: &Object) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.matches(resource)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(resource)),
            Self::Not(inner) => !inner.matches(resource),
            Self::Compare(comparison) => {
                let path = &comparison.path;
                let values = path.elements(resource).flat_map(|element| at(element, path));
                comparison.holds_for(values)
            }
            Self::Present(path) => path.values(resource).any(is_present),
            Self::Element { path, filter } => {
                path.elements(resource).any(|element| filter.matches_element(element))
            }
        }
    }

    /// Whether one element of an attribute meets the filter that stood in its brackets.
    pub fn matches_element(&self, element: &Value) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.matches_element(element)),
            Self::Or(terms) => terms.iter().any(|term| term.matches_element(element)),
            Self::Not(inner) => !inner.matches_element(element),
            Self::Compare(comparison) => comparison.holds_for(at(element, &comparison.path)),
            Self::Present(path) => at(element, path).any(|value| value.is_some_and(is_present)),
            Self::Element { .. } => false,
        }
    }
}

impl Comparison {
    /// `values` has `None` where an element lacks the sub-attribute.
    fn holds_for<'a>(&self, mut values: impl Iterator<Item = Option<&'a Value>>) -> bool {
        let attribute = self.path.leaf();
        match (self.operator, &self.literal) {
            (Operator::Eq, Literal::Null) => !values.any(|value| value.is_some_and(is_present)),
            (Operator::Ne, Literal::Null) => values.any(|value| value.is_some_and(is_present)),
            (Operator::Ne, literal) => !values.any(|value| equal(attribute, value, literal)),
            (Operator::Eq, literal) => values.any(|value| equal(attribute, value, literal)),
            (operator, literal) => {
                values.any(|value| value.is_some_and(|value| compares(attribute, value, operator, literal)))
            }
        }
    }
}

/// The values of an element at a path: one, each of a list, or `None` where there is none.
fn at<'a>(element: &'a Value, path: &AttributePath) -> impl Iterator<Item = Option<&'a Value>> + use<'a> {
    let value = match &path.sub_attribute {
        None => Some(element),
        Some(sub) => element.get(&sub.name),
    };
    let (list, single) = match value {
        Some(Value::Array(values)) => (values.as_slice(), None),
        value => (&[][..], Some(value)),
    };
    list.iter().map(Some).chain(single)
}

/// `pr`: a non-empty value, or a non-empty node for a complex attribute (RFC 7644 table 3).
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn equal(attribute: &Attribute, value: Option<&Value>, literal: &Literal) -> bool {
    let Some(value) = value else { return is_default(attribute, literal) };
    match (literal, value) {
        (Literal::Boolean(literal), Value::Bool(value)) => literal == value,
        _ => ordering(attribute, value, literal) == Some(Ordering::Equal),
    }
}

fn compares(attribute: &Attribute, value: &Value, operator: Operator, literal: &Literal) -> bool {
    if let (Operator::Co | Operator::Sw | Operator::Ew, Literal::Text { key, .. }, Value::String(text)) =
        (operator, literal, value)
    {
        let text = comparison::key(text, attribute.compares_exactly());
        return match operator {
            Operator::Co => text.contains(key.as_str()),
            Operator::Sw => text.starts_with(key.as_str()),
            _ => text.ends_with(key.as_str()),
        };
    }
    let Some(ordering) = ordering(attribute, value, literal) else { return false };
    match operator {
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        _ => false,
    }
}

fn ordering(attribute: &Attribute, value: &Value, literal: &Literal) -> Option<Ordering> {
    match (literal, value) {
        (Literal::Text { key, .. }, Value::String(text)) => {
            Some(comparison::key(text, attribute.compares_exactly()).as_ref().cmp(key.as_str()))
        }
        (Literal::Instant { nanoseconds, .. }, Value::String(text)) => {
            date_time::parse(text).map(|instant| instant.cmp(nanoseconds))
        }
        (Literal::Number(literal), Value::Number(value)) => number_ordering(value, literal),
        _ => None,
    }
}

fn number_ordering(left: &Number, right: &Number) -> Option<Ordering> {
    index::exact(left)?.partial_cmp(&index::exact(right)?)
}
