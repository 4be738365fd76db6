//! Filters on PostgreSQL: a condition that the database answers, and a test for what is left, which
//! is made on the rows that come.
//!
//! What an index answers is SQL, and so is what is said of memberships: which of them meet a filter
//! of their own is found out beforehand. What can only be told from a document is left to the test.

use std::{collections::HashMap, time::Instant};

use headwater_scim::{
    Object,
    filter::{Comparison, Filter, Literal, Operator},
    path::AttributePath,
    resource_type::ResourceType,
    schema::AttributeType,
};
use serde_json::Value as Json;

use super::keys;
use crate::{
    MemberId, Named, ResourceId, SourceId, StoreError,
    evaluation::{self, About, Basis},
    related,
    selection::{Searches, balanced, is_inverse, is_relation, named_member},
    sql::{Sql, values},
};

/// How many memberships are looked at at once.
const PORTION: usize = 1_000;

/// The condition that every row meets.
pub(super) const ANY: &str = "TRUE";

/// What a filter has become: rows are meant that are found, meet the condition, and pass the test.
pub(super) struct Compiled {
    /// A query for ids that an index finds; none where all rows have to be looked at.
    pub(super) search: Option<Search>,
    /// What the database answers besides, about a `resource r`.
    pub(super) condition: String,
    /// What is to be tested on each row.
    pub(super) test: Option<Test>,
}

/// What a text is to have in it, or to end with, where the index has all texts at the path whole.
struct Part<'a> {
    code: i64,
    key: &'a str,
    is_end: bool,
}

impl<'a> Part<'a> {
    fn of(filter: &'a Filter, resource_type: &ResourceType) -> Option<Self> {
        match filter {
            Filter::Compare(comparison) => Self::of_comparison(comparison, resource_type),
            _ => None,
        }
    }

    fn of_comparison(comparison: &'a Comparison, resource_type: &ResourceType) -> Option<Self> {
        let Literal::Text { key, .. } = &comparison.literal else { return None };
        if comparison.path.is_computed() {
            return None;
        }
        let is_end = match comparison.operator {
            Operator::Co => false,
            Operator::Ew => true,
            _ => return None,
        };
        let code = resource_type.searchable(&comparison.path)?.code;
        // The whole keys in the index differ otherwise.
        (keys::storable(key) == *key).then_some(Self { code, key, is_end })
    }
}

/// A query for the ids of resources.
pub(super) struct Search {
    pub(super) select: String,
    /// Whether it finds resources of the type alone.
    pub(super) is_of_type: bool,
}

/// What is tested on a row.
pub(super) enum Test {
    /// All of these.
    All(Vec<Test>),
    /// One of these.
    Any(Vec<Test>),
    /// Not this.
    Not(Box<Test>),
    /// A truth that the database tells, by its number among [`Compiler::told`].
    Told(usize),
    /// A filter on the resource.
    Resource(Filter),
    /// A filter on the resource with one of its references completed.
    Reference(AttributePath, Filter),
}

/// A row as tests see it.
pub(super) struct Candidate<'a> {
    pub(super) document: Object,
    pub(super) about: About,
    pub(super) told: Vec<bool>,
    /// The resources that references name, where they are there.
    pub(super) named: &'a HashMap<ResourceId, Named>,
}

impl Test {
    /// Whether a row meets it.
    pub(super) fn is_met(&self, row: &Candidate<'_>, resource_type: &ResourceType, basis: &Basis) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.is_met(row, resource_type, basis)),
            Self::Any(tests) => tests.iter().any(|test| test.is_met(row, resource_type, basis)),
            Self::Not(test) => !test.is_met(row, resource_type, basis),
            Self::Told(number) => row.told.get(*number).copied().unwrap_or_default(),
            Self::Resource(filter) if evaluation::names_meta(filter) => {
                let mut resource = row.document.clone();
                let (endpoint, name) = evaluation::names_of(resource_type);
                basis.add_meta(&mut resource, &name, &endpoint, &row.about);
                filter.matches(&resource)
            }
            Self::Resource(filter) => filter.matches(&row.document),
            Self::Reference(path, filter) => {
                let mut resource = row.document.clone();
                if let Some(named) = referred(path, &resource).and_then(|id| row.named.get(&id)) {
                    basis.complete(&mut resource, path, named);
                }
                filter.matches(&resource)
            }
        }
    }

    /// Calls `visit` with each reference that it completes.
    pub(super) fn references(&self, visit: &mut impl FnMut(&AttributePath)) {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|test| test.references(visit)),
            Self::Not(test) => test.references(visit),
            Self::Reference(path, _) => visit(path),
            Self::Told(_) | Self::Resource(_) => {}
        }
    }
}

/// The id in a reference of a resource.
pub(super) fn referred(path: &AttributePath, resource: &Object) -> Option<ResourceId> {
    let container = match &path.extension {
        None => resource,
        Some(schema) => resource.get(&schema.id)?.as_object()?,
    };
    container.get(&path.attribute.name)?.get("value").and_then(Json::as_str).and_then(ResourceId::parse)
}

/// Makes SQL of filters; the parameters are those of one statement.
pub(super) struct Compiler<'a> {
    pub(super) sql: &'a dyn Sql,
    pub(super) source: SourceId,
    pub(super) basis: &'a Basis,
    pub(super) searches: Searches,
    /// Conditions of which a row tells whether it meets them.
    pub(super) told: Vec<String>,
    /// The groups that filters have been found to mean, those on groups and (false) those on members.
    pub(super) known: Vec<(bool, Filter, MeantGroups)>,
    /// When whoever asks has waited long enough.
    pub(super) deadline: Instant,
}

/// The groups that a filter means: for members that are in them themselves, and for those that are by way of
/// others. Of a filter on members, the first are the groups that hold one.
#[derive(Clone, Default)]
pub(super) struct MeantGroups {
    direct: Vec<ResourceId>,
    indirect: Vec<ResourceId>,
}

impl Compiler<'_> {
    /// What a filter on resources of a type becomes.
    pub(super) fn compile(
        &mut self,
        filter: &Filter,
        resource_type: &ResourceType,
    ) -> Result<Compiled, StoreError> {
        let (mut searches, mut conditions, mut left) = (Vec::new(), Vec::new(), Vec::new());
        let mut terms: Vec<&Filter> = terms(filter).iter().collect();
        let mut parts = Vec::new();
        while let Some(range) = self.searches.range(&terms, resource_type) {
            searches.push(Search { select: self.searches.ids_within(&range), is_of_type: true });
            terms.retain(|term| !range.terms.iter().any(|bound| std::ptr::eq(*term, *bound)));
        }
        for term in terms {
            if let Some(part) = Part::of(term, resource_type) {
                parts.push(part);
                continue;
            }
            match self.found(term, resource_type)? {
                Some(search) => searches.push(search),
                None => match self.condition(term, resource_type)? {
                    Some(condition) => conditions.push(condition),
                    None => left.push(term),
                },
            }
        }
        // All keys of a path are read for a part of a text: once if there is nothing better, and on rows that
        // have been found anyway as a condition.
        for part in &parts {
            let select = self.part(part);
            if searches.is_empty() {
                searches.push(Search { select, is_of_type: true });
            } else {
                conditions.push(format!("r.id IN ({select})"));
            }
        }
        if searches.is_empty() {
            // What is tested on the rows may be found in an index in part.
            let candidates = left.iter().find_map(|term| self.searches.candidates(term, resource_type));
            searches.extend(candidates.map(|ids| Search { select: resources(&ids), is_of_type: false }));
        }
        let tests: Vec<Test> =
            left.into_iter().map(|term| self.test(term, resource_type)).collect::<Result<_, _>>()?;
        let condition = if conditions.is_empty() { ANY.to_owned() } else { balanced(&conditions, " AND ") };
        let test = (!tests.is_empty()).then_some(Test::All(tests));
        Ok(Compiled { search: together(searches, " INTERSECT "), condition, test })
    }

    /// The condition that a row meets exactly when its resource meets the filter; `None` where the
    /// database can't tell.
    fn condition(
        &mut self,
        filter: &Filter,
        resource_type: &ResourceType,
    ) -> Result<Option<String>, StoreError> {
        let bound = self.searches.parameters.len();
        let condition = self.exactly(filter, resource_type)?;
        if condition.is_none() {
            self.searches.parameters.truncate(bound);
        }
        Ok(condition)
    }

    fn exactly(
        &mut self,
        filter: &Filter,
        resource_type: &ResourceType,
    ) -> Result<Option<String>, StoreError> {
        match filter {
            Filter::And(terms) => self.joined(terms, " AND ", resource_type),
            Filter::Or(terms) => self.joined(terms, " OR ", resource_type),
            Filter::Not(inner) => {
                Ok(self.condition(inner, resource_type)?.map(|condition| negated(&condition)))
            }
            Filter::Compare(comparison) => self.compared(comparison, resource_type),
            Filter::Present(path) | Filter::Element { path, .. } if is_relation(path, resource_type) => {
                self.related(filter, path, false).map(Some)
            }
            Filter::Present(path) | Filter::Element { path, .. } if is_inverse(path, resource_type) => {
                self.related(filter, path, true).map(Some)
            }
            // Of a text the index can't tell whether it is empty, or has nothing in it that counts.
            Filter::Present(path)
                if !matches!(
                    path.leaf().attribute_type,
                    AttributeType::String | AttributeType::Reference
                ) =>
            {
                Ok(self.searches.present(path, resource_type).map(|ids| format!("r.id IN ({ids})")))
            }
            Filter::Present(_) | Filter::Element { .. } => Ok(None),
        }
    }

    fn joined(
        &mut self,
        terms: &[Filter],
        with: &str,
        resource_type: &ResourceType,
    ) -> Result<Option<String>, StoreError> {
        let mut conditions = Vec::with_capacity(terms.len());
        for term in terms {
            match self.condition(term, resource_type)? {
                Some(condition) => conditions.push(condition),
                None => return Ok(None),
            }
        }
        Ok(Some(balanced(&conditions, with)))
    }

    /// A query for exactly those that meet a filter, where indexes have them. It is carried out by
    /// itself, before any row is read: the planner can't be wrong about how often.
    fn found(&mut self, filter: &Filter, resource_type: &ResourceType) -> Result<Option<Search>, StoreError> {
        let bound = self.searches.parameters.len();
        let search = match filter {
            Filter::Or(terms) => {
                let mut searches = Vec::with_capacity(terms.len());
                for term in terms {
                    let Some(search) = self.found(term, resource_type)? else { break };
                    searches.push(search);
                }
                if searches.len() == terms.len() { together(searches, " UNION ") } else { None }
            }
            Filter::Compare(comparison)
                if comparison.operator != Operator::Ne
                    && !comparison.path.is_computed()
                    && !matches!(comparison.literal, Literal::Boolean(_)) =>
            {
                let path = &comparison.path;
                let is_of_type = resource_type.searchable(path).is_some();
                let ids = self.searches.ids(comparison, resource_type);
                match (ids, on_groups(filter, resource_type)) {
                    (Some(select), _) if is_of_type => Some(Search { select, is_of_type }),
                    (Some(ids), _) if is_inverse(path, resource_type) => {
                        Some(self.of_type(&ids, resource_type))
                    }
                    (Some(ids), _) => Some(Search { select: resources(&ids), is_of_type }),
                    (None, Some(on_group)) => Some(self.in_groups_found(&on_group, resource_type)?),
                    (None, None) => None,
                }
            }
            filter => match on_groups(filter, resource_type) {
                Some(on_group) => Some(self.in_groups_found(&on_group, resource_type)?),
                None => None,
            },
        };
        if search.is_none() {
            self.searches.parameters.truncate(bound);
        }
        Ok(search)
    }

    /// A query for those of whom a text at a path has another in it, or ends with it.
    fn part(&mut self, part: &Part<'_>) -> String {
        let key = self.searches.bind(part.key.to_owned());
        let test = if part.is_end {
            format!("right(COALESCE(whole, key), length({key})) = {key}")
        } else {
            format!("strpos(COALESCE(whole, key), {key}) > 0")
        };
        let code = self.searches.bind(part.code);
        format!("SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = {code} AND {test}")
    }

    fn compared(
        &mut self,
        comparison: &Comparison,
        resource_type: &ResourceType,
    ) -> Result<Option<String>, StoreError> {
        let path = &comparison.path;
        if path.is_computed() {
            return Ok(None);
        }
        let relation = is_relation(path, resource_type);
        if relation || is_inverse(path, resource_type) {
            return self.related_compared(comparison, !relation).map(Some);
        }
        if comparison.operator == Operator::Ne {
            let equal = Comparison { operator: Operator::Eq, ..comparison.clone() };
            return Ok(self.compared(&equal, resource_type)?.map(|condition| negated(&condition)));
        }
        if let Some(condition) = self.searches.moment(comparison) {
            return Ok(Some(condition));
        }
        if matches!(comparison.literal, Literal::Boolean(_)) {
            return Ok(None); // half of all rows: looking at the row in hand is quicker than an index
        }
        if let Some(ids) = self.searches.ids(comparison, resource_type) {
            return Ok(Some(format!("r.id IN ({ids})")));
        }
        let part = Part::of_comparison(comparison, resource_type);
        Ok(part.map(|part| format!("r.id IN ({})", self.part(&part))))
    }

    fn related_compared(&mut self, comparison: &Comparison, inverse: bool) -> Result<String, StoreError> {
        let present = Filter::Present(comparison.path.clone());
        match (comparison.operator, &comparison.literal) {
            (Operator::Ne, Literal::Null) => return self.related(&present, &comparison.path, inverse),
            (Operator::Eq, Literal::Null) => {
                return self
                    .related(&present, &comparison.path, inverse)
                    .map(|condition| negated(&condition));
            }
            (Operator::Ne, _) => {
                let equal = Comparison { operator: Operator::Eq, ..comparison.clone() };
                return self.related_compared(&equal, inverse).map(|condition| negated(&condition));
            }
            _ => {}
        }
        match named_member(comparison) {
            Some(member) => Ok(format!("r.id IN ({})", self.searches.ids_related(&member, inverse))),
            None => self.related(&Filter::Compare(comparison.clone()), &comparison.path, inverse),
        }
    }

    /// There is a membership whose other side meets the filter.
    fn related(
        &mut self,
        filter: &Filter,
        path: &AttributePath,
        inverse: bool,
    ) -> Result<String, StoreError> {
        let own = if inverse { "member_id" } else { "group_id" };
        let filter = match filter {
            Filter::Present(_) if path.sub_attribute.is_none() => {
                // Looked up for each row, whatever the statistics say: an EXISTS may become a join.
                return Ok(format!(
                    "(SELECT TRUE FROM membership m WHERE m.source_id = ?1 AND m.{own} = r.id LIMIT 1) IS NOT NULL"
                ));
            }
            Filter::Element { filter, .. } => filter,
            other => other,
        };
        if inverse { self.in_groups(filter) } else { self.with_members(filter) }
    }

    /// Those that hold a member which meets a filter: found by looking at the members of each group
    /// until one does.
    fn with_members(&mut self, filter: &Filter) -> Result<String, StoreError> {
        let select = "SELECT m.group_id, m.member_id, o.type, o.display \
                      FROM (SELECT group_id, member_id FROM membership \
                        WHERE source_id = ?1 AND (group_id, member_id) > (?2, ?3) \
                        ORDER BY group_id, member_id LIMIT ?4) m \
                      LEFT JOIN LATERAL (SELECT type, display FROM resource \
                        WHERE source_id = ?1 AND id = m.member_id LIMIT 1) o ON TRUE \
                      ORDER BY m.group_id, m.member_id";
        if let Some(known) = self.known(filter, false) {
            return Ok(format!("r.id IN ({})", self.listed(&known.direct)));
        }
        let mut found: Vec<ResourceId> = Vec::new();
        let mut from = (Vec::new(), Vec::new());
        loop {
            self.check_time()?;
            let parameters = values![self.source, from.0.as_slice(), from.1.as_slice(), PORTION];
            let rows = self.sql.query(select, &parameters)?;
            let is_last = rows.len() < PORTION;
            for row in rows {
                let (group, member): (ResourceId, MemberId) = (row.get(0)?, row.get(1)?);
                from = (group.as_bytes().to_vec(), member.as_bytes().to_vec());
                if found.last() == Some(&group) {
                    continue;
                }
                let related = related::of(member.as_bytes(), row.get(2)?, row.get(3)?, true);
                if self.basis.matches_related(filter, &related, false) {
                    found.push(group);
                }
            }
            if is_last {
                break;
            }
            if found.last().is_some_and(|group| group.as_bytes()[..] == from.0) {
                // The rest of its members need not be looked at; nothing that is a member comes behind this.
                from.1 = vec![u8::MAX; 64];
            }
        }
        let condition = format!("r.id IN ({})", self.listed(&found));
        self.known.push((false, filter.clone(), MeantGroups { direct: found, ..MeantGroups::default() }));
        Ok(condition)
    }

    /// What a filter on groups, or on members, has been found to mean before.
    fn known(&self, filter: &Filter, of_groups: bool) -> Option<MeantGroups> {
        let mut all = self.known.iter();
        all.find(|(kind, known, _)| *kind == of_groups && known == filter).map(|(_, _, meant)| meant.clone())
    }

    /// Those that are in a group which meets a filter, be it by way of other groups.
    fn in_groups(&mut self, filter: &Filter) -> Result<String, StoreError> {
        let MeantGroups { direct, indirect } = self.meant_groups(filter)?;
        let mut ways = Vec::new();
        if !direct.is_empty() {
            ways.push(format!(
                "(SELECT TRUE FROM membership m WHERE m.source_id = ?1 AND m.member_id = r.id \
                 AND m.group_id = ANY (ARRAY({})) LIMIT 1) IS NOT NULL",
                self.listed(&direct)
            ));
        }
        if !indirect.is_empty() {
            ways.push(format!("r.id IN ({})", self.indirectly_in(&indirect)));
        }
        Ok(if ways.is_empty() { "FALSE".to_owned() } else { format!("({})", ways.join(" OR ")) })
    }

    /// A query for the same.
    fn in_groups_found(
        &mut self,
        filter: &Filter,
        resource_type: &ResourceType,
    ) -> Result<Search, StoreError> {
        let MeantGroups { direct, indirect } = self.meant_groups(filter)?;
        let members = keys::MEMBERS;
        let groups = self.listed(&direct);
        let mut ids = format!("SELECT m.member_id FROM ({groups}) AS i (id) {members}");
        if !indirect.is_empty() {
            ids = format!("({ids}) UNION ({})", self.indirectly_in(&indirect));
        }
        Ok(self.of_type(&ids, resource_type))
    }

    /// Of ids of members, those that are of resources of a type.
    pub(super) fn of_type(&mut self, ids: &str, resource_type: &ResourceType) -> Search {
        let name = self.searches.bind(resource_type.name.to_string());
        let select = format!(
            "SELECT r.id FROM ({ids}) AS found (id) CROSS JOIN LATERAL (\
               SELECT id, type FROM resource WHERE source_id = ?1 AND id = found.id LIMIT 1) r WHERE r.type = {name}"
        );
        Search { select, is_of_type: true }
    }

    /// A query for those that are in one of these groups by way of others, and not themselves.
    fn indirectly_in(&mut self, groups: &[ResourceId]) -> String {
        let (groups, members) = (self.listed(groups), keys::MEMBERS);
        format!(
            "SELECT held.id FROM (WITH RECURSIVE inside (root, id) AS (\
               SELECT i.id, m.member_id FROM ({groups}) AS i (id) {members} \
               UNION SELECT i.root, m.member_id FROM inside i {members}\
             ) SELECT i.id FROM inside i WHERE (SELECT TRUE FROM membership d \
               WHERE d.source_id = ?1 AND d.group_id = i.root AND d.member_id = i.id LIMIT 1) IS NULL) AS held"
        )
    }

    /// The groups that meet a filter. How somebody is in one may matter to it: it is asked both ways.
    fn meant_groups(&mut self, filter: &Filter) -> Result<MeantGroups, StoreError> {
        if let Some(known) = self.known(filter, true) {
            return Ok(known);
        }
        let mut meant = MeantGroups::default();
        // Resources of other types have no members: there may be very many of these.
        for groups in self.basis.registry.resource_types.iter().filter(|one| one.relation().is_some()) {
            self.add_meant(filter, &groups.name, &mut meant)?;
        }
        self.known.push((true, filter.clone(), meant.clone()));
        Ok(meant)
    }

    /// Adds the groups of a type that meet a filter.
    fn add_meant(
        &self,
        filter: &Filter,
        resource_type: &str,
        meant: &mut MeantGroups,
    ) -> Result<(), StoreError> {
        let select = "SELECT r.id, r.type, r.display FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 \
                      AND r.id > ?3 AND r.member_count > 0 ORDER BY r.id LIMIT ?4";
        let mut from = Vec::new();
        loop {
            self.check_time()?;
            let rows =
                self.sql.query(select, &values![self.source, resource_type, from.as_slice(), PORTION])?;
            let is_last = rows.len() < PORTION;
            for row in rows {
                let id: ResourceId = row.get(0)?;
                from = id.as_bytes().to_vec();
                for (direct, found) in [(true, &mut meant.direct), (false, &mut meant.indirect)] {
                    let related = related::of(id.as_bytes(), row.get(1)?, row.get(2)?, direct);
                    if self.basis.matches_related(filter, &related, true) {
                        found.push(id);
                    }
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn check_time(&self) -> Result<(), StoreError> {
        if Instant::now() > self.deadline { Err(StoreError::TookTooLong) } else { Ok(()) }
    }

    /// A subquery of ids that are known: one parameter, however many they are.
    fn listed(&mut self, ids: &[ResourceId]) -> String {
        let hex = |id: &ResourceId| Json::from(id.0.simple().to_string());
        let list = Json::Array(ids.iter().map(hex).collect()).to_string();
        let list = self.searches.bind(list);
        format!("SELECT decode(hex, 'hex') FROM jsonb_array_elements_text(CAST({list} AS jsonb)) AS hex")
    }

    /// The test for what is no condition: as much as possible of it is told by the database.
    fn test(&mut self, filter: &Filter, resource_type: &ResourceType) -> Result<Test, StoreError> {
        if !needs_more(filter, resource_type) {
            return Ok(Test::Resource(filter.clone()));
        }
        if let Some(condition) = self.condition(filter, resource_type)? {
            self.told.push(condition);
            return Ok(Test::Told(self.told.len() - 1));
        }
        let mut tests = |terms: &[Filter]| -> Result<Vec<Test>, StoreError> {
            terms.iter().map(|term| self.test(term, resource_type)).collect()
        };
        Ok(match filter {
            Filter::And(terms) => Test::All(tests(terms)?),
            Filter::Or(terms) => Test::Any(tests(terms)?),
            Filter::Not(inner) => Test::Not(Box::new(self.test(inner, resource_type)?)),
            Filter::Compare(Comparison { path, .. }) | Filter::Present(path) => {
                Test::Reference(path.parent(), filter.clone())
            }
            Filter::Element { path, .. } => Test::Reference(path.parent(), filter.clone()),
        })
    }
}

/// What a filter says of a group that somebody is in, where it says that there is one.
fn on_groups(filter: &Filter, resource_type: &ResourceType) -> Option<Filter> {
    match filter {
        Filter::Element { path, filter } if is_inverse(path, resource_type) => Some((**filter).clone()),
        Filter::Present(path) if path.sub_attribute.is_some() && is_inverse(path, resource_type) => {
            Some(filter.clone())
        }
        Filter::Compare(Comparison { path, operator, literal, .. })
            if is_inverse(path, resource_type)
                && *operator != Operator::Ne
                && !matches!(literal, Literal::Null) =>
        {
            Some(filter.clone())
        }
        _ => None,
    }
}

/// Whether a filter is about more than what stands in the document, and `meta`.
fn needs_more(filter: &Filter, resource_type: &ResourceType) -> bool {
    filter.mentions(&|path| {
        path.is_computed() || is_relation(path, resource_type) || is_inverse(path, resource_type)
    })
}

/// The terms that all have to be met.
fn terms(filter: &Filter) -> &[Filter] {
    match filter {
        Filter::And(terms) => terms,
        other => std::slice::from_ref(other),
    }
}

/// Searches put together. Each stands in brackets: it may have alternatives in it.
fn together(mut searches: Vec<Search>, with: &str) -> Option<Search> {
    if searches.len() < 2 {
        return searches.pop();
    }
    let is_of_type = match with {
        " INTERSECT " => searches.iter().any(|search| search.is_of_type),
        _ => searches.iter().all(|search| search.is_of_type),
    };
    let selects: Vec<String> = searches.iter().map(|search| format!("({})", search.select)).collect();
    Some(Search { select: selects.join(with), is_of_type })
}

/// Of ids, which may be of members that are no resources, those that are a resource's.
fn resources(ids: &str) -> String {
    format!("SELECT found.id FROM ({ids}) AS found (id) WHERE octet_length(found.id) = 16")
}

fn negated(condition: &str) -> String {
    format!("NOT ({condition})")
}
