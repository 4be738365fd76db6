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

use super::functions::Slot;
use crate::{
    evaluation::Basis,
    selection::{Searches, balanced, is_inverse, is_relation, named_member},
    sql::Value,
};

/// A condition with its parameters and the filters that its functions evaluate.
pub(super) struct Conditions {
    /// What indexes answer, and the parameters.
    pub(super) searches: Searches,
    /// The filters, by the number that the SQL functions get.
    pub(super) slots: Vec<Slot>,
    basis: Basis,
}

impl Conditions {
    /// Parameters `?1`, `?2`… that the statement has besides come first.
    pub(super) fn new(parameters: Vec<Value>, basis: Basis) -> Self {
        Self { searches: Searches::new(parameters), slots: Vec::new(), basis }
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
                _ => {
                    return format!(
                        "{} || '/' || hex(r.id)",
                        self.searches.bind(resource_type.endpoint.clone())
                    );
                }
            }
        }
        if path.extension.is_none() && path.attribute.name == "id" {
            return "hex(r.id)".to_owned();
        }
        let slot = self.slots.len();
        self.slots.push(Slot::sort(path.clone(), &self.basis));
        format!("scim_sort_key({slot}, r.document)")
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
            Filter::Present(path) if !self.searches.narrowed => match self
                .searches
                .present(path, resource_type)
            {
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

    /// A filter about a value that is computed from the resource which a reference names.
    fn referred(&mut self, filter: &Filter, path: &AttributePath) -> String {
        let slot = self.slots.len();
        self.slots.push(Slot::reference(filter.clone(), path.parent(), &self.basis));
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', ""));
        let mut at = "$".to_owned();
        if let Some(schema) = &path.extension {
            at = format!("{at}.{}", quoted(&schema.id));
        }
        let at = self.searches.bind(format!("{at}.{}.\"value\"", quoted(&path.attribute.name)));
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
        let searched =
            |path: &AttributePath| !self.searches.narrowed && resource_type.searchable(path).is_some();
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
                    || !self.searches.narrowed && path.attribute.name == "id"
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
        if let Some(condition) = self.searches.moment(comparison) {
            return Some(condition);
        }
        if matches!(comparison.literal, Literal::Boolean(_)) {
            return None; // half of all rows: looking at the row in hand is quicker than an index
        }
        if self.searches.narrowed {
            return None;
        }
        if let Some(ids) = self.searches.ids(comparison, resource_type) {
            return Some(format!("r.id IN ({ids})"));
        }
        let Literal::Text { key, .. } = &comparison.literal else { return None };
        let code = resource_type.searchable(path)?.code;
        let test = match comparison.operator {
            Operator::Co => format!("instr(key, {}) > 0", self.searches.bind(key.clone())),
            Operator::Ew => {
                let parameter = self.searches.bind(key.clone());
                format!("substr(key, length(key) - length({parameter}) + 1) = {parameter}")
            }
            _ => return None,
        };
        let code = self.searches.bind(code);
        Some(format!(
            "r.id IN (SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code} AND {test})"
        ))
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
                format!("r.id IN ({})", self.searches.ids_related(&member, inverse))
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
        self.slots.push(Slot::related(filter, inverse, &self.basis));
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
        self.slots.push(Slot::resource(filter, resource_type, &self.basis));
        format!("scim_matches({slot}, r.document, r.id, r.version, r.created, r.last_modified)")
    }
}

/// A column of milliseconds as text that sorts like it; moments before 1970 come first.
fn moment_key(column: &str) -> String {
    format!("printf('%020d', {column} + 1000000000000000)")
}
