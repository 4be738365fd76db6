//! Filters (RFC 7644 §3.4.2.2): parsed, resolved against a resource type, printed, evaluated.

mod evaluate;
mod lexer;
mod parser;

use std::{fmt, sync::Arc};

pub use lexer::has_null_character;
pub use parser::FilterError;
pub(crate) use parser::parse_value_path;

use crate::{index, path::AttributePath, resource_type::ResourceType, schema::Attribute};

/// The longest filter that is looked at, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// How deep parentheses and brackets may nest.
pub const MAX_DEPTH: usize = 64;
/// How many comparisons a filter may have.
pub const MAX_TERMS: usize = 1024;

/// A filter whose attributes exist and whose operators fit their types.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold; never fewer than two.
    And(Vec<Filter>),
    /// Any of them holds; never fewer than two.
    Or(Vec<Filter>),
    /// It doesn't hold.
    Not(Box<Filter>),
    /// `path operator literal`.
    Compare(Comparison),
    /// `path pr`: there is a value that is not empty.
    Present(AttributePath),
    /// `path[filter]`: one and the same element meets the filter, whose paths all lead to
    /// sub-attributes of `path` (or, for a list of plain values, to the elements themselves).
    Element {
        /// The attribute.
        path: AttributePath,
        /// What one of its elements has to meet.
        filter: Box<Filter>,
    },
}

/// A comparison of the values at a path with a literal.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Where the values are; never a complex attribute itself.
    pub path: AttributePath,
    /// How they are compared.
    pub operator: Operator,
    /// With what.
    pub literal: Literal,
}

impl Comparison {
    /// Whether a value that isn't there equals the literal: a missing `primary` counts as false (RFC 7643 §2.4).
    /// No index tells who has none.
    pub fn is_met_by_none(&self) -> bool {
        self.operator == Operator::Eq && is_default(self.path.leaf(), &self.literal)
    }
}

/// Whether the literal is what the attribute counts as where it isn't there.
fn is_default(attribute: &Attribute, literal: &Literal) -> bool {
    attribute.name == "primary" && matches!(literal, Literal::Boolean(false))
}

/// The comparison operators of table 3, `pr` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal: the exact opposite of `Eq`, so it holds for an absent value (AMB-23).
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl Operator {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// The right-hand side of a comparison, typed like the attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`: no value (AMB-22).
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, with the key that [`crate::comparison`] gives it under the attribute's `caseExact`.
    Text {
        /// As written.
        text: String,
        /// In comparable form.
        key: String,
    },
    /// A dateTime.
    Instant {
        /// As written.
        text: String,
        /// Nanoseconds since 1970.
        nanoseconds: i128,
    },
}

impl Filter {
    /// Parses a filter and resolves it against a resource type. Attribute names, URNs and
    /// operators are case-insensitive.
    ///
    /// # Errors
    /// The position and the reason, when it is not a filter (an empty text is none: AMB-20), names
    /// an unknown attribute (AMB-27), joins an
    /// operator to a type that it doesn't fit, or exceeds [`MAX_LENGTH`], [`MAX_DEPTH`] or
    /// [`MAX_TERMS`].
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, FilterError> {
        parser::parse(text, resource_type, &[])
    }

    /// Like [`Self::parse`], for a query over several types: an attribute that only another of them
    /// has is one without a value (RFC 7644 §3.4.2.1).
    ///
    /// # Errors
    /// As [`Self::parse`]; an attribute that none of the types has.
    pub fn parse_among(
        text: &str,
        resource_type: &ResourceType,
        others: &[Arc<ResourceType>],
    ) -> Result<Self, FilterError> {
        parser::parse(text, resource_type, others)
    }

    /// The `eq` comparisons that an element has to meet, when the filter is nothing but those
    /// joined by `and`: `type eq "work" and primary eq true`.
    pub fn equalities(&self) -> Option<Vec<&Comparison>> {
        match self {
            Self::Compare(comparison) if comparison.operator == Operator::Eq => Some(vec![comparison]),
            Self::And(terms) => {
                let terms: Option<Vec<_>> = terms.iter().map(Self::equalities).collect();
                terms.map(|terms| terms.into_iter().flatten().collect())
            }
            _ => None,
        }
    }

    /// How many comparisons it has.
    pub fn terms(&self) -> usize {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::terms).sum(),
            Self::Not(inner) => inner.terms(),
            Self::Element { filter, .. } => filter.terms(),
            Self::Compare(_) | Self::Present(_) => 1,
        }
    }

    /// Whether any path in the filter satisfies `predicate`.
    pub fn mentions(&self, predicate: &dyn Fn(&AttributePath) -> bool) -> bool {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().any(|term| term.mentions(predicate)),
            Self::Not(inner) => inner.mentions(predicate),
            Self::Compare(comparison) => predicate(&comparison.path),
            Self::Present(path) | Self::Element { path, .. } => predicate(path),
        }
    }

    fn print(&self, formatter: &mut fmt::Formatter<'_>, inside: bool) -> fmt::Result {
        let name =
            |formatter: &mut fmt::Formatter<'_>, path: &AttributePath| match (&path.sub_attribute, inside) {
                (Some(sub), true) => formatter.write_str(&sub.name),
                (None, true) => formatter.write_str("value"),
                (_, false) => write!(formatter, "{path}"),
            };
        match self {
            Self::And(terms) => {
                join(formatter, terms, " and ", inside, |term| matches!(term, Self::Or(_) | Self::And(_)))
            }
            Self::Or(terms) => join(formatter, terms, " or ", inside, |term| matches!(term, Self::Or(_))),
            Self::Not(inner) => {
                formatter.write_str("not (")?;
                inner.print(formatter, inside)?;
                formatter.write_str(")")
            }
            Self::Compare(Comparison { path, operator, literal }) => {
                name(formatter, path)?;
                write!(formatter, " {} {literal}", operator.as_str())
            }
            Self::Present(path) => {
                name(formatter, path)?;
                formatter.write_str(" pr")
            }
            Self::Element { path, filter } => {
                write!(formatter, "{path}[")?;
                filter.print(formatter, true)?;
                formatter.write_str("]")
            }
        }
    }
}

fn join(
    formatter: &mut fmt::Formatter<'_>,
    terms: &[Filter],
    with: &str,
    inside: bool,
    needs_parentheses: impl Fn(&Filter) -> bool,
) -> fmt::Result {
    for (position, term) in terms.iter().enumerate() {
        if position > 0 {
            formatter.write_str(with)?;
        }
        if needs_parentheses(term) {
            formatter.write_str("(")?;
            term.print(formatter, inside)?;
            formatter.write_str(")")?;
        } else {
            term.print(formatter, inside)?;
        }
    }
    Ok(())
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(formatter, false)
    }
}

impl Literal {
    /// The literal as an index holds values; `None` for `null`.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Number(number) => index::number_key(number),
            Self::Text { key, .. } => Some(key.clone()),
            Self::Instant { nanoseconds, .. } => Some(index::instant_key(*nanoseconds)),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Boolean(value) => write!(formatter, "{value}"),
            Self::Number(value) => write!(formatter, "{value}"),
            Self::Text { text, .. } | Self::Instant { text, .. } => {
                write!(formatter, "{}", serde_json::Value::from(text.as_str()))
            }
        }
    }
}
