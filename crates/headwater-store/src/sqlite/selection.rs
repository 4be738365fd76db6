//! Filters compiled to SQL conditions on `resource r`.
//!
//! What an index answers becomes a search in it; memberships become searches in the relation;
//! everything else is handed, in the largest pieces possible, to the SQL function
//! `scim_matches`, which evaluates it on the row in hand: right for every filter, and in the
//! memory of one row.

use headwater_scim::{
    filter::{Comparison, Filter, Literal, Operator},
    index,
    path::AttributePath,
    resource_type::ResourceType,
};
use rusqlite::types::Value;

use super::{functions::Slot, read::key_path};
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
    base_url: String,
}

impl Conditions {
    /// Parameters `?1`, `?2`… that the statement has besides come first.
    pub(super) fn new(parameters: Vec<Value>, base_url: &str) -> Self {
        Self { parameters, slots: Vec::new(), base_url: base_url.to_owned() }
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
            Filter::Not(inner) if is_for_sql(inner, resource_type) => {
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
            other => self.evaluated(other.clone(), resource_type),
        }
    }

    /// A subquery of ids that hold every resource that meets the filter, found in an index.
    /// `None` when no index narrows it down.
    pub(super) fn candidates(&mut self, filter: &Filter, resource_type: &ResourceType) -> Option<String> {
        let bound = self.parameters.len();
        let candidates = self.narrowed(filter, resource_type);
        if candidates.is_none() {
            self.parameters.truncate(bound);
        }
        candidates
    }

    fn narrowed(&mut self, filter: &Filter, resource_type: &ResourceType) -> Option<String> {
        match filter {
            // A boolean narrows least: it comes last.
            Filter::And(terms) => {
                let (booleans, others): (Vec<_>, Vec<_>) = terms.iter().partition(|term| is_boolean(term));
                others.into_iter().chain(booleans).find_map(|term| self.candidates(term, resource_type))
            }
            Filter::Or(terms) if terms.len() > MAX_ALTERNATIVES => None,
            Filter::Or(terms) => {
                let selects: Option<Vec<String>> =
                    terms.iter().map(|term| self.candidates(term, resource_type)).collect();
                selects.map(|selects| selects.join(" UNION "))
            }
            Filter::Compare(comparison) => self.ids(comparison, resource_type),
            // One element that meets all: also some element that meets each.
            Filter::Element { filter, .. } => self.candidates(filter, resource_type),
            Filter::Not(_) | Filter::Present(_) => None,
        }
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
            terms.iter().cloned().partition(|term| is_for_sql(term, resource_type));
        let mut conditions: Vec<String> = for_sql.iter().map(|term| self.of(term, resource_type)).collect();
        let rest = if others.len() > 1 { Some(join(others)) } else { others.pop() };
        conditions.extend(rest.map(|rest| self.evaluated(rest, resource_type)));
        balanced(&conditions, with)
    }

    fn compared(&mut self, comparison: &Comparison, resource_type: &ResourceType) -> Option<String> {
        let path = &comparison.path;
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
        if let Some(ids) = self.ids(comparison, resource_type) {
            return Some(format!("r.id IN ({ids})"));
        }
        let Literal::Text { key, .. } = &comparison.literal else { return None };
        if !index::is_indexed(resource_type, path) {
            return None;
        }
        let test = match comparison.operator {
            Operator::Co => format!("instr(key, {}) > 0", self.bind(key.clone())),
            Operator::Ew => {
                let parameter = self.bind(key.clone());
                format!("substr(key, length(key) - length({parameter}) + 1) = {parameter}")
            }
            _ => return None,
        };
        let path = self.bind(key_path(&resource_type.name, &path.to_string()));
        Some(format!(
            "r.id IN (SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {path} AND {test})"
        ))
    }

    /// The ids that a comparison selects, where an index gives them.
    fn ids(&mut self, comparison: &Comparison, resource_type: &ResourceType) -> Option<String> {
        let path = &comparison.path;
        if is_relation(path, resource_type) || is_inverse(path, resource_type) {
            let member = named_member(comparison)?;
            let member = self.bind(member.as_bytes().to_vec());
            let (wanted, given) = if is_relation(path, resource_type) {
                ("group_id", "member_id")
            } else {
                ("member_id", "group_id")
            };
            return Some(format!(
                "SELECT {wanted} FROM membership WHERE source_id = ?1 AND {given} = {member}"
            ));
        }
        let (text, key) = match &comparison.literal {
            Literal::Text { text, key } => (text.clone(), key.clone()),
            Literal::Boolean(value) => (value.to_string(), value.to_string()),
            _ => return None,
        };
        if path.extension.is_none() && path.attribute.name == "id" && comparison.operator == Operator::Eq {
            let id = ResourceId::parse(&text).map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            return Some(format!("SELECT {}", self.bind(id)));
        }
        if !index::is_indexed(resource_type, path) {
            return None;
        }
        let bound = |operator: &str, this: &mut Self| format!("key {operator} {}", this.bind(key.clone()));
        let test = match comparison.operator {
            Operator::Eq => bound("=", self),
            Operator::Gt => bound(">", self),
            Operator::Ge => bound(">=", self),
            Operator::Lt => bound("<", self),
            Operator::Le => bound("<=", self),
            Operator::Sw => {
                let from = bound(">=", self);
                match successor(&key) {
                    Some(end) => format!("{from} AND key < {}", self.bind(end)),
                    None => from,
                }
            }
            Operator::Ne | Operator::Co | Operator::Ew => return None,
        };
        let path = self.bind(key_path(&resource_type.name, &path.to_string()));
        Some(format!(
            "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {path} AND {test}"
        ))
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
        let own = if inverse { "member_id" } else { "group_id" };
        let other = if inverse { "group_id" } else { "member_id" };
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
                let member = self.bind(member.as_bytes().to_vec());
                format!("r.id IN (SELECT {own} FROM membership WHERE source_id = ?1 AND {other} = {member})")
            }
            None => self.related(&Filter::Compare(positive.clone()), &positive.path, inverse),
        };
        if negated { format!("NOT ({condition})") } else { condition }
    }

    /// There is a membership whose other side meets the filter.
    fn related(&mut self, filter: &Filter, path: &AttributePath, inverse: bool) -> String {
        let own = if inverse { "member_id" } else { "group_id" };
        let other = if inverse { "group_id" } else { "member_id" };
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
        self.slots.push(Slot::related(filter, inverse, &self.base_url));
        format!(
            "EXISTS (SELECT 1 FROM membership m \
             LEFT JOIN resource o ON o.source_id = m.source_id AND o.id = m.{other} \
             WHERE m.source_id = ?1 AND m.{own} = r.id AND scim_related_matches({slot}, m.{other}, o.type, o.display))"
        )
    }

    fn evaluated(&mut self, filter: Filter, resource_type: &ResourceType) -> String {
        let slot = self.slots.len();
        self.slots.push(Slot::resource(filter, resource_type, &self.base_url));
        format!("scim_matches({slot}, r.document, r.id, r.version, r.created, r.last_modified)")
    }
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

/// Whether some part of the filter is better answered by SQL than by looking at the document; the
/// relations can't be seen in the document at all.
fn is_for_sql(filter: &Filter, resource_type: &ResourceType) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|term| is_for_sql(term, resource_type)),
        Filter::Not(inner) => is_for_sql(inner, resource_type),
        Filter::Compare(Comparison { path, literal, .. }) => {
            is_relation(path, resource_type)
                || is_inverse(path, resource_type)
                || matches!(literal, Literal::Text { .. })
                    && (index::is_indexed(resource_type, path) || path.attribute.name == "id")
                || matches!(literal, Literal::Instant { .. }) && path.attribute.name == "meta"
        }
        Filter::Present(path) | Filter::Element { path, .. } => {
            is_relation(path, resource_type) || is_inverse(path, resource_type)
        }
    }
}

fn is_boolean(filter: &Filter) -> bool {
    matches!(filter, Filter::Compare(Comparison { literal: Literal::Boolean(_), .. }))
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
