//! Filters compiled to SQL conditions on `resource r`.
//!
//! What an index answers becomes a search in it; memberships become searches in the relation;
//! everything else is handed, in the largest pieces possible, to the SQL function
//! `scim_matches`, which evaluates it on the row in hand: right for every filter, and in the
//! memory of one row.

use headwater_scim::{
    filter::{Comparison, Filter, Literal, Operator},
    path::AttributePath,
    resource_type::ResourceType,
};
use rusqlite::types::Value;

use super::functions::{Place, Slot};
use crate::{MemberId, ResourceId};

/// Nanoseconds in a millisecond.
const MILLI: i128 = 1_000_000;

/// The most searches in an index that are put together for one filter.
const MAX_ALTERNATIVES: usize = 100;

/// A condition with its parameters and the filters that its functions evaluate.
pub(super) struct Conditions {
    /// The parameters, in the order of their numbers.
    pub(super) parameters: Vec<Value>,
    /// The filters, by the number that the SQL functions get.
    pub(super) slots: Vec<Slot>,
    place: Place,
    /// Whether an index has narrowed the rows down: then the rest is looked at on each of them, and not
    /// searched for among all.
    narrowed: bool,
}

impl Conditions {
    /// Parameters `?1`, `?2`… that the statement has besides come first.
    pub(super) fn new(parameters: Vec<Value>, place: Place) -> Self {
        Self { parameters, slots: Vec::new(), place, narrowed: false }
    }

    /// The value that a row is sorted by, as an expression.
    pub(super) fn sort_key(&mut self, path: &AttributePath, resource_type: &ResourceType) -> String {
        if path.extension.is_none() && path.attribute.name == "meta" {
            match path.leaf().name.as_str() {
                "created" => return moment_key("r.created"),
                "lastModified" => return moment_key("r.last_modified"),
                "resourceType" => return "r.type".to_owned(),
                "version" => return "CAST(r.version AS TEXT)".to_owned(),
                // The location: a base URL that all share, the endpoint, the id.
                _ => return format!("{} || '/' || hex(r.id)", self.bind(resource_type.endpoint.clone())),
            }
        }
        if path.extension.is_none() && path.attribute.name == "id" {
            return "hex(r.id)".to_owned();
        }
        let slot = self.slots.len();
        self.slots.push(Slot::sort(path.clone(), &self.place));
        format!("scim_sort_key({slot}, r.document)")
    }

    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }

    /// The condition that a row of the type meets exactly when its resource meets the filter.
    pub(super) fn of(&mut self, filter: &Filter, resource_type: &ResourceType) -> String {
        match filter {
            Filter::And(terms) => self.joined(terms, " AND ", Filter::And, resource_type),
            Filter::Or(terms) => self.joined(terms, " OR ", Filter::Or, resource_type),
            Filter::Not(inner) if self.is_for_sql(inner, resource_type) => {
                format!("NOT ({})", self.of(inner, resource_type))
            }
            Filter::Compare(comparison) => self
                .compared(comparison, resource_type)
                .unwrap_or_else(|| self.evaluated(filter.clone(), resource_type)),
            Filter::Present(path) | Filter::Element { path, .. } if is_relation(path, resource_type) => {
                self.related(filter, path, false)
            }
            Filter::Present(path) | Filter::Element { path, .. } if is_inverse(path, resource_type) => {
                self.related(filter, path, true)
            }
            Filter::Present(path) if path.is_computed() => self.referred(filter, path),
            Filter::Element { path, filter: inner } if inner.mentions(&AttributePath::is_computed) => {
                self.referred(filter, path)
            }
            Filter::Present(path) if !self.narrowed => match self.present(path, resource_type) {
                // A key is empty when a text is, or has nothing in it that counts.
                Some(ids) => {
                    let exactly = self.evaluated(filter.clone(), resource_type);
                    format!("(r.id IN ({ids} AND key > '') OR r.id IN ({ids} AND key = '') AND {exactly})")
                }
                None => self.evaluated(filter.clone(), resource_type),
            },
            other => self.evaluated(other.clone(), resource_type),
        }
    }

    /// A subquery of ids that hold every resource that meets the filter, found in an index.
    /// `None` when no index narrows it down.
    pub(super) fn candidates(&mut self, filter: &Filter, resource_type: &ResourceType) -> Option<String> {
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
                let between = between(&terms, resource_type);
                let narrow = terms.first().is_some_and(|term| breadth(term) < Breadth::Range);
                if let Some((code, low, high)) = between.filter(|_| !narrow) {
                    return Some(self.ids_between(code, low, high));
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

    /// The ids of those whose value at a path lies between two others.
    fn ids_between(&mut self, code: i64, low: &Comparison, high: &Comparison) -> String {
        let code = self.bind(code);
        let mut bound = |comparison: &Comparison| {
            let key = self.bind(comparison.literal.key().unwrap_or_default());
            format!("key {} {key}", range_operator(comparison))
        };
        let (low, high) = (bound(low), bound(high));
        format!(
            "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code} AND {low} AND {high}"
        )
    }

    /// The ids of those that have a value at a path, be it an empty text, where an index has every
    /// value of it.
    fn present(&mut self, path: &AttributePath, resource_type: &ResourceType) -> Option<String> {
        let searchable = resource_type.searchable(path)?;
        let code = self.bind(searchable.code);
        Some(format!("SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code}"))
    }

    /// A filter about a value that is computed from the resource which a reference names.
    fn referred(&mut self, filter: &Filter, path: &AttributePath) -> String {
        let slot = self.slots.len();
        self.slots.push(Slot::reference(filter.clone(), path.parent(), &self.place));
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', ""));
        let mut at = "$".to_owned();
        if let Some(schema) = &path.extension {
            at = format!("{at}.{}", quoted(&schema.id));
        }
        let at = self.bind(format!("{at}.{}.\"value\"", quoted(&path.attribute.name)));
        format!(
            "(SELECT scim_reference_matches({slot}, r.document, o.id, o.type, o.display) FROM (SELECT 1) \
             LEFT JOIN resource o ON o.source_id = ?1 AND o.id = scim_resource_id(json_extract(r.document, {at})))"
        )
    }

    /// Terms for SQL each become a condition; all others together are evaluated at once, last.
    fn joined(
        &mut self,
        terms: &[Filter],
        with: &str,
        join: fn(Vec<Filter>) -> Filter,
        resource_type: &ResourceType,
    ) -> String {
        let (for_sql, mut others): (Vec<_>, Vec<_>) =
            terms.iter().cloned().partition(|term| self.is_for_sql(term, resource_type));
        let mut conditions: Vec<String> = for_sql.iter().map(|term| self.of(term, resource_type)).collect();
        let rest = if others.len() > 1 { Some(join(others)) } else { others.pop() };
        conditions.extend(rest.map(|rest| self.evaluated(rest, resource_type)));
        balanced(&conditions, with)
    }

    /// Whether some part of the filter is better answered by SQL than by looking at the document; the
    /// relations can't be seen in the document at all.
    fn is_for_sql(&self, filter: &Filter, resource_type: &ResourceType) -> bool {
        let searched = |path: &AttributePath| !self.narrowed && resource_type.searchable(path).is_some();
        match filter {
            Filter::And(terms) | Filter::Or(terms) => {
                terms.iter().any(|term| self.is_for_sql(term, resource_type))
            }
            Filter::Not(inner) => self.is_for_sql(inner, resource_type),
            Filter::Compare(Comparison { path, literal, .. }) => {
                let of_index = !matches!(literal, Literal::Null | Literal::Boolean(_));
                is_relation(path, resource_type)
                    || is_inverse(path, resource_type)
                    || path.is_computed()
                    || of_index && searched(path)
                    || !self.narrowed && path.attribute.name == "id"
                    || matches!(literal, Literal::Instant { .. }) && path.attribute.name == "meta"
            }
            Filter::Present(path) => {
                is_relation(path, resource_type)
                    || is_inverse(path, resource_type)
                    || path.is_computed()
                    || searched(path)
            }
            Filter::Element { path, filter } => {
                is_relation(path, resource_type)
                    || is_inverse(path, resource_type)
                    || filter.mentions(&AttributePath::is_computed)
            }
        }
    }

    fn compared(&mut self, comparison: &Comparison, resource_type: &ResourceType) -> Option<String> {
        let path = &comparison.path;
        if path.is_computed() {
            return Some(self.referred(&Filter::Compare(comparison.clone()), path));
        }
        let relation = is_relation(path, resource_type);
        if relation || is_inverse(path, resource_type) {
            return Some(self.related_compared(comparison, !relation));
        }
        if comparison.operator == Operator::Ne {
            let equal = Comparison { operator: Operator::Eq, ..comparison.clone() };
            return self.compared(&equal, resource_type).map(|condition| format!("NOT ({condition})"));
        }
        if let Some(condition) = self.moment(comparison) {
            return Some(condition);
        }
        if matches!(comparison.literal, Literal::Boolean(_)) {
            return None; // half of all rows: looking at the row in hand is quicker than an index
        }
        if self.narrowed {
            return None;
        }
        if let Some(ids) = self.ids(comparison, resource_type) {
            return Some(format!("r.id IN ({ids})"));
        }
        let Literal::Text { key, .. } = &comparison.literal else { return None };
        let code = resource_type.searchable(path)?.code;
        let test = match comparison.operator {
            Operator::Co => format!("instr(key, {}) > 0", self.bind(key.clone())),
            Operator::Ew => {
                let parameter = self.bind(key.clone());
                format!("substr(key, length(key) - length({parameter}) + 1) = {parameter}")
            }
            _ => return None,
        };
        let code = self.bind(code);
        Some(format!(
            "r.id IN (SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code} AND {test})"
        ))
    }

    /// The ids that a comparison selects, where an index gives them.
    fn ids(&mut self, comparison: &Comparison, resource_type: &ResourceType) -> Option<String> {
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
        let bound = |operator: &str, this: &mut Self| format!("key {operator} {}", this.bind(key.clone()));
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
    fn ids_related(&mut self, named: &MemberId, inverse: bool) -> String {
        let named = self.bind(named.as_bytes().to_vec());
        if !inverse {
            return format!("SELECT group_id FROM membership WHERE source_id = ?1 AND member_id = {named}");
        }
        // In a SELECT of its own, as alternatives are joined by UNION.
        format!(
            "SELECT id FROM (WITH RECURSIVE inside (id) AS (\
               SELECT member_id FROM membership WHERE source_id = ?1 AND group_id = {named} \
               UNION SELECT m.member_id FROM inside i CROSS JOIN membership m ON m.source_id = ?1 AND m.group_id = i.id\
             ) SELECT id FROM inside)"
        )
    }

    /// `meta.created` and `meta.lastModified` are columns.
    fn moment(&mut self, comparison: &Comparison) -> Option<String> {
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

    fn related_compared(&mut self, comparison: &Comparison, inverse: bool) -> String {
        let negated = match (comparison.operator, &comparison.literal) {
            (Operator::Ne, Literal::Null) => {
                return self.related(&Filter::Present(comparison.path.clone()), &comparison.path, inverse);
            }
            (Operator::Eq, Literal::Null) => {
                let present = Filter::Present(comparison.path.clone());
                return format!("NOT ({})", self.related(&present, &comparison.path, inverse));
            }
            (Operator::Ne, _) => true,
            _ => false,
        };
        let positive = if negated {
            Comparison { operator: Operator::Eq, ..comparison.clone() }
        } else {
            comparison.clone()
        };
        let condition = match named_member(&positive) {
            Some(member) => {
                format!("r.id IN ({})", self.ids_related(&member, inverse))
            }
            None => self.related(&Filter::Compare(positive.clone()), &positive.path, inverse),
        };
        if negated { format!("NOT ({condition})") } else { condition }
    }

    /// There is a membership whose other side meets the filter.
    fn related(&mut self, filter: &Filter, path: &AttributePath, inverse: bool) -> String {
        let own = if inverse { "member_id" } else { "group_id" };
        let filter = match filter {
            Filter::Present(_) if path.sub_attribute.is_none() => {
                return format!(
                    "EXISTS (SELECT 1 FROM membership m WHERE m.source_id = ?1 AND m.{own} = r.id)"
                );
            }
            Filter::Element { filter, .. } => (**filter).clone(),
            other => other.clone(),
        };
        let slot = self.slots.len();
        self.slots.push(Slot::related(filter, inverse, &self.place));
        if !inverse {
            return format!(
                "EXISTS (SELECT 1 FROM membership m \
                 LEFT JOIN resource o ON o.source_id = m.source_id AND o.id = m.member_id \
                 WHERE m.source_id = ?1 AND m.group_id = r.id \
                 AND scim_related_matches({slot}, m.member_id, o.type, o.display, 1))"
            );
        }
        format!(
            "EXISTS (WITH RECURSIVE above (id) AS (\
               SELECT group_id FROM membership WHERE source_id = ?1 AND member_id = r.id \
               UNION SELECT m.group_id FROM above a CROSS JOIN membership m ON m.source_id = ?1 AND m.member_id = a.id\
             ) SELECT 1 FROM above a CROSS JOIN resource o ON o.source_id = ?1 AND o.id = a.id \
             WHERE scim_related_matches({slot}, a.id, o.type, o.display, \
             EXISTS (SELECT 1 FROM membership d WHERE d.source_id = ?1 AND d.group_id = a.id AND d.member_id = r.id)))"
        )
    }

    fn evaluated(&mut self, filter: Filter, resource_type: &ResourceType) -> String {
        let slot = self.slots.len();
        self.slots.push(Slot::resource(filter, resource_type, &self.place));
        format!("scim_matches({slot}, r.document, r.id, r.version, r.created, r.last_modified)")
    }
}

/// A column of milliseconds as text that sorts like it; moments before 1970 come first.
fn moment_key(column: &str) -> String {
    format!("printf('%020d', {column} + 1000000000000000)")
}

/// Joins conditions in pairs of pairs: a long row of them would nest deeper than SQLite allows.
fn balanced(conditions: &[String], with: &str) -> String {
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

/// Two of the terms that hold the one value at a searchable path between them.
fn between<'a>(
    terms: &[&'a Filter],
    resource_type: &ResourceType,
) -> Option<(i64, &'a Comparison, &'a Comparison)> {
    let ranges = |wanted: [Operator; 2]| {
        terms.iter().filter_map(move |term| match term {
            Filter::Compare(comparison) if wanted.contains(&comparison.operator) => Some(comparison),
            _ => None,
        })
    };
    ranges([Operator::Gt, Operator::Ge]).find_map(|low| {
        let searchable = resource_type.searchable(&low.path).filter(|searchable| searchable.is_single())?;
        let high = ranges([Operator::Lt, Operator::Le]).find(|high| high.path == low.path)?;
        Some((searchable.code, low, high))
    })
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

fn is_relation(path: &AttributePath, resource_type: &ResourceType) -> bool {
    path.extension.is_none() && resource_type.relation() == Some(&path.attribute)
}

fn is_inverse(path: &AttributePath, resource_type: &ResourceType) -> bool {
    path.extension.is_none() && resource_type.inverse() == Some(&path.attribute)
}

/// The member that `value eq "…"` names.
fn named_member(comparison: &Comparison) -> Option<MemberId> {
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
