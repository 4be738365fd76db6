//! What an index answers of a filter, as SQL that every database understands.
//!
//! The statements stand beside a `resource r`; the first parameter, `?1`, is the source.

use std::borrow::Cow;

use headwater_scim::{
    filter::{Comparison, Filter, Literal, Operator},
    path::AttributePath,
    resource_type::ResourceType,
};

use crate::{MemberId, ResourceId, sql::Value};

/// Nanoseconds in a millisecond.
const MILLI: i128 = 1_000_000;

/// The most searches in an index that are put together for one filter.
const MAX_ALTERNATIVES: usize = 100;

/// Searches in the index of keys and in the memberships, and the parameters that they have.
pub(crate) struct Searches {
    /// The parameters, in the order of their numbers.
    pub(crate) parameters: Vec<Value>,
    /// Whether an index has narrowed the rows down: then the rest is looked at on each of them, and not
    /// searched for among all.
    pub(crate) narrowed: bool,
    dialect: Dialect,
}

/// A stretch of the index, of values at a path that each resource has one of at most.
pub(crate) struct ValueRange<'a> {
    /// The terms of a filter that say so.
    pub(crate) terms: [&'a Filter; 2],
    code: i64,
    /// Operators and keys.
    tests: [(&'static str, String); 2],
}

/// What differs between databases: how one holds index keys that are longer than it likes, and how it is told
/// to look up the members of groups.
#[derive(Clone, Copy)]
pub(crate) struct Dialect {
    /// A key as the index has it.
    pub(crate) stored: fn(&str) -> Cow<'_, str>,
    /// Whether stored keys compare with this one as the keys themselves do.
    pub(crate) is_comparable: fn(&str) -> bool,
    /// Joins the memberships `m` of each group `i`, by an index.
    pub(crate) members: &'static str,
}

impl Dialect {
    /// Keys as they are, and joins as they stand.
    pub(crate) const PLAIN: Self = Self {
        stored: |key| Cow::Borrowed(key),
        is_comparable: |_| true,
        members: "CROSS JOIN membership m WHERE m.source_id = ?1 AND m.group_id = i.id",
    };
}

impl Searches {
    /// Parameters `?1`, `?2`… that the statement has besides come first.
    pub(crate) fn new(parameters: Vec<Value>) -> Self {
        Self::in_dialect(parameters, Dialect::PLAIN)
    }

    /// Like [`Self::new`], for a database with ways of its own.
    pub(crate) fn in_dialect(parameters: Vec<Value>, dialect: Dialect) -> Self {
        Self { parameters, narrowed: false, dialect }
    }

    /// One more parameter; returns how the statement names it.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }

    /// A subquery of ids that hold every resource that meets the filter, found in an index.
    /// `None` when no index narrows it down.
    pub(crate) fn candidates(&mut self, filter: &Filter, resource_type: &ResourceType) -> Option<String> {
        let bound = self.parameters.len();
        let candidates = self.narrow(filter, resource_type);
        if candidates.is_none() {
            self.parameters.truncate(bound);
        }
        self.narrowed = candidates.is_some();
        candidates
    }

    fn narrow(&mut self, filter: &Filter, resource_type: &ResourceType) -> Option<String> {
        match filter {
            // What narrows most is asked first.
            Filter::And(terms) => {
                let mut terms: Vec<&Filter> = terms.iter().collect();
                terms.sort_by_key(|term| breadth(term));
                let narrow = terms.first().is_some_and(|term| breadth(term) < Breadth::Range);
                if let Some(range) = self.range(&terms, resource_type).filter(|_| !narrow) {
                    return Some(self.ids_within(&range));
                }
                terms.into_iter().find_map(|term| self.candidates(term, resource_type))
            }
            Filter::Or(_) if alternatives(filter) > MAX_ALTERNATIVES => None,
            Filter::Or(terms) => {
                let selects: Option<Vec<String>> =
                    terms.iter().map(|term| self.candidates(term, resource_type)).collect();
                selects.map(|selects| selects.join(" UNION "))
            }
            Filter::Compare(comparison) => self.ids(comparison, resource_type),
            // One element that meets all: also some element that meets each.
            Filter::Element { filter, .. } => self.candidates(filter, resource_type),
            Filter::Present(path) => self.present(path, resource_type),
            Filter::Not(_) => None,
        }
    }

    /// Two of the terms that hold the one value at a searchable path between them. Of several values each
    /// bound may be met by another one: those are no range.
    pub(crate) fn range<'a>(
        &self,
        terms: &[&'a Filter],
        resource_type: &ResourceType,
    ) -> Option<ValueRange<'a>> {
        let bounds = |wanted: [Operator; 2]| {
            terms.iter().filter_map(move |&term| match term {
                Filter::Compare(comparison) if wanted.contains(&comparison.operator) => {
                    let key = comparison.literal.key().filter(|key| (self.dialect.is_comparable)(key))?;
                    Some((term, comparison, key))
                }
                _ => None,
            })
        };
        bounds([Operator::Gt, Operator::Ge]).find_map(|(low, from, low_key)| {
            let searchable =
                resource_type.searchable(&from.path).filter(|searchable| searchable.is_single())?;
            let (high, to, high_key) =
                bounds([Operator::Lt, Operator::Le]).find(|(_, to, _)| to.path == from.path)?;
            let tests = [(range_operator(from), low_key), (range_operator(to), high_key)];
            Some(ValueRange { terms: [low, high], code: searchable.code, tests })
        })
    }

    /// The ids of exactly those whose value lies in a range.
    pub(crate) fn ids_within(&mut self, range: &ValueRange<'_>) -> String {
        let code = self.bind(range.code);
        let [low, high] =
            range.tests.clone().map(|(operator, key)| format!("key {operator} {}", self.bind(key)));
        format!(
            "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code} AND {low} AND {high}"
        )
    }

    /// The ids of those that have a value at a path, be it an empty text, where an index has every
    /// value of it.
    pub(crate) fn present(&mut self, path: &AttributePath, resource_type: &ResourceType) -> Option<String> {
        let searchable = resource_type.searchable(path)?;
        let code = self.bind(searchable.code);
        Some(format!("SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code}"))
    }

    /// The ids that a comparison selects, where an index gives them.
    pub(crate) fn ids(&mut self, comparison: &Comparison, resource_type: &ResourceType) -> Option<String> {
        let path = &comparison.path;
        if is_relation(path, resource_type) || is_inverse(path, resource_type) {
            let member = named_member(comparison)?;
            return Some(self.ids_related(&member, !is_relation(path, resource_type)));
        }
        let key = comparison.literal.key()?;
        let text = match &comparison.literal {
            Literal::Text { text, .. } => text.clone(),
            _ => key.clone(),
        };
        if path.extension.is_none() && path.attribute.name == "id" && comparison.operator == Operator::Eq {
            let id = ResourceId::parse(&text).map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            return Some(format!("SELECT {}", self.bind(id)));
        }
        let code = resource_type.searchable(path)?.code;
        if comparison.is_met_by_none() {
            return None;
        }
        if comparison.operator != Operator::Eq && !(self.dialect.is_comparable)(&key) {
            return None;
        }
        let stored = (self.dialect.stored)(&key).into_owned();
        let bound = |operator: &str, this: &mut Self| format!("key {operator} {}", this.bind(stored.clone()));
        let test = match comparison.operator {
            Operator::Eq => bound("=", self),
            Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => {
                bound(range_operator(comparison), self)
            }
            Operator::Sw => {
                let from = bound(">=", self);
                match successor(&key) {
                    Some(end) => format!("{from} AND key < {}", self.bind(end)),
                    None => from,
                }
            }
            Operator::Ne | Operator::Co | Operator::Ew => return None,
        };
        let code = self.bind(code);
        Some(format!(
            "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code} AND {test}"
        ))
    }

    /// The ids on the other side of memberships: of the groups that have a member, or (`inverse`) of
    /// what a group holds, be it by way of other groups.
    pub(crate) fn ids_related(&mut self, named: &MemberId, inverse: bool) -> String {
        let named = self.bind(named.as_bytes().to_vec());
        if !inverse {
            return format!("SELECT group_id FROM membership WHERE source_id = ?1 AND member_id = {named}");
        }
        // In a SELECT of its own, as alternatives are joined by UNION.
        format!(
            "SELECT id FROM (WITH RECURSIVE inside (id) AS (\
               SELECT member_id FROM membership WHERE source_id = ?1 AND group_id = {named} \
               UNION SELECT m.member_id FROM inside i {}\
             ) SELECT id FROM inside) AS held",
            self.dialect.members
        )
    }

    /// `meta.created` and `meta.lastModified` are columns.
    pub(crate) fn moment(&mut self, comparison: &Comparison) -> Option<String> {
        let Literal::Instant { nanoseconds, .. } = &comparison.literal else { return None };
        let path = &comparison.path;
        let sub = path
            .sub_attribute
            .as_ref()
            .filter(|_| path.extension.is_none() && path.attribute.name == "meta")?;
        let column = match sub.name.as_str() {
            "created" => "r.created",
            "lastModified" => "r.last_modified",
            _ => return None,
        };
        let floor = nanoseconds.div_euclid(MILLI);
        let whole = nanoseconds.rem_euclid(MILLI) == 0;
        // A moment between two milliseconds equals neither; it is after the one and before the other.
        let operator = match (comparison.operator, whole) {
            (Operator::Eq, true) => "=",
            (Operator::Eq, false) => return Some("FALSE".to_owned()),
            (Operator::Gt, _) | (Operator::Ge, false) => ">",
            (Operator::Ge, true) => ">=",
            (Operator::Lt, true) => "<",
            (Operator::Lt, false) | (Operator::Le, _) => "<=",
            _ => return None,
        };
        let floor = i64::try_from(floor).unwrap_or(if floor < 0 { i64::MIN } else { i64::MAX });
        Some(format!("{column} {operator} {}", self.bind(floor)))
    }
}

/// Joins conditions in pairs of pairs: a long row of them would nest deeper than SQLite allows.
pub(crate) fn balanced(conditions: &[String], with: &str) -> String {
    match conditions {
        [only] => only.clone(),
        _ => {
            let (left, right) = conditions.split_at(conditions.len() / 2);
            format!("({}{with}{})", balanced(left, with), balanced(right, with))
        }
    }
}

/// How many resources a filter is likely to leave, the fewest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Breadth {
    Equal,
    Prefix,
    Range,
    Present,
    Boolean,
}

fn breadth(filter: &Filter) -> Breadth {
    match filter {
        Filter::Compare(Comparison { literal: Literal::Boolean(_), .. }) => Breadth::Boolean,
        Filter::Compare(Comparison { operator, .. }) => match operator {
            Operator::Eq => Breadth::Equal,
            Operator::Sw => Breadth::Prefix,
            _ => Breadth::Range,
        },
        Filter::And(terms) => terms.iter().map(breadth).min().unwrap_or(Breadth::Boolean),
        Filter::Or(terms) => terms.iter().map(breadth).max().unwrap_or(Breadth::Boolean),
        Filter::Element { filter, .. } => breadth(filter),
        Filter::Present(_) => Breadth::Present,
        Filter::Not(_) => Breadth::Boolean,
    }
}

/// The operator for keys.
fn range_operator(comparison: &Comparison) -> &'static str {
    match comparison.operator {
        Operator::Gt => ">",
        Operator::Lt => "<",
        Operator::Ge => ">=",
        _ => "<=",
    }
}

/// How many searches in an index a filter takes at most.
fn alternatives(filter: &Filter) -> usize {
    match filter {
        // One of them is asked.
        Filter::And(terms) => terms.iter().map(alternatives).max().unwrap_or(1),
        Filter::Or(terms) => terms.iter().map(alternatives).sum(),
        Filter::Element { filter, .. } => alternatives(filter),
        Filter::Compare(_) | Filter::Present(_) | Filter::Not(_) => 1,
    }
}

pub(crate) fn is_relation(path: &AttributePath, resource_type: &ResourceType) -> bool {
    path.extension.is_none() && resource_type.relation() == Some(&path.attribute)
}

pub(crate) fn is_inverse(path: &AttributePath, resource_type: &ResourceType) -> bool {
    path.extension.is_none() && resource_type.inverse() == Some(&path.attribute)
}

/// The member that `value eq "…"` names.
pub(crate) fn named_member(comparison: &Comparison) -> Option<MemberId> {
    let sub = comparison.path.sub_attribute.as_ref()?;
    match (&comparison.literal, comparison.operator) {
        (Literal::Text { text, .. }, Operator::Eq) if sub.name == "value" => Some(MemberId::from_text(text)),
        _ => None,
    }
}

/// The least text that is greater than every text with this prefix.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            char::MAX => None,
            other => char::from_u32(other as u32 + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn the_successor_bounds_a_prefix() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(successor(""), None);
    }
}
