//! Pages of resources that meet a filter, in an order; see the search on SQLite, which answers the
//! same.
//!
//! What the database can tell alone is counted and cut by it. Where a test is left, rows come in
//! portions, by their ids, until the page is full.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use headwater_scim::{path::AttributePath, resource_type::ResourceType, sort};

use super::{
    direct::filled,
    keys,
    relations::Known,
    rows,
    selection::{self, ANY, Candidate, Compiler, Test, referred},
    sql::BlockingSession,
};
use crate::{
    Named, Page, Position, Query, ResourceId, Selection, SourceId, StoreError, StoredResource,
    evaluation::{About, Basis},
    pages::{Direction, Filling, MOST_TIME, OrderedByIndex, PAGE_BYTES, Rank, Ranks, ordered_code},
    records,
    selection::Searches,
    sql::{Row, RowsRead, Sql, Value, values},
    stored::{COLUMN_COUNT, COLUMNS, parsed, stored},
};

/// How many rows come at once where a test is left, unless they are very large.
const PORTION: usize = 500;
/// How many ids come at once.
const IDS_AT_ONCE: usize = 10_000;

pub(super) fn search(session: &BlockingSession, source: SourceId, query: &Query) -> Result<Page, StoreError> {
    let basis = Basis { registry: query.registry.clone(), base_url: query.base_url.clone() };
    let deadline = Instant::now() + MOST_TIME;
    let search = Search { sql: session, session, source, query, basis, deadline };
    match query.selections.as_slice() {
        [selection @ Selection { filter: None, .. }] => match ordered_code(selection) {
            Some(code) => {
                let mut filling = Filling::new(query);
                let total = SortedBy { search: &search, code }.fill(&mut filling)?;
                search.filled(filling, Some(total))
            }
            None => search.sorted(),
        },
        _ if query.sorted => search.sorted(),
        _ => search.filtered(),
    }
}

struct Search<'a> {
    sql: &'a dyn Sql,
    /// The same, for what is read asynchronously.
    session: &'a BlockingSession,
    source: SourceId,
    query: &'a Query,
    basis: Basis,
    deadline: Instant,
}

/// Which rows are meant.
struct Meant<'a> {
    /// Queries for the ids of those that may be, one a selection; none where all have to be looked at.
    searches: Option<Vec<selection::Search>>,
    /// What a `resource r` has to meet besides, its type included.
    condition: String,
    parameters: Vec<Value>,
    /// Further columns: what the database tells of each row.
    told: Vec<String>,
    /// For each type what is tested.
    tests: HashMap<&'a str, (&'a Selection, Option<Test>)>,
    /// Whether the searches, or without them the condition, say it all.
    is_exact: bool,
}

impl Meant<'_> {
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }
}

impl Search<'_> {
    /// Takes what a statement answers, each with what it is sorted by.
    fn take(
        &self,
        filling: &mut Filling<'_>,
        select: &str,
        parameters: &[Value],
        key: impl Fn(&Row) -> Result<Option<String>, StoreError>,
    ) -> Result<(), StoreError> {
        let RowsRead { rows, is_cut } = self.sql.query_within(self.query.most_bytes, select, parameters)?;
        for row in &rows {
            filling.add(key(row)?, || stored(row))?;
        }
        if is_cut {
            filling.cut();
        }
        Ok(())
    }

    /// Takes resources whose ids are known and what they are sorted by, in this order.
    fn take_listed(
        &self,
        filling: &mut Filling<'_>,
        listed: &[(ResourceId, Option<String>)],
    ) -> Result<(), StoreError> {
        for listed in listed.chunks(PORTION) {
            let (resources, parameters) = rows::listed(self.source, listed.iter().map(|(id, _)| *id));
            let select = format!("SELECT {COLUMNS}, w.place FROM {resources} ORDER BY w.place");
            self.take(filling, &select, &parameters, |row| {
                let place = row.get::<u64>(COLUMN_COUNT)?;
                let listed = usize::try_from(place).ok().and_then(|place| listed.get(place));
                Ok(listed.and_then(|(_, key)| key.clone()))
            })?;
            if filling.overfull {
                break;
            }
        }
        Ok(())
    }

    fn meant(&self) -> Result<Meant<'_>, StoreError> {
        let mut compiler = Compiler {
            sql: self.sql,
            source: self.source,
            basis: &self.basis,
            searches: Searches::in_dialect(vec![self.source.into()], keys::DIALECT),
            told: Vec::new(),
            known: Vec::new(),
            deadline: self.deadline,
        };
        let (mut searches, mut alternatives, mut tests) = (Some(Vec::new()), Vec::new(), HashMap::new());
        let mut is_exact = true;
        let is_among_types = self.query.selections.len() > 1;
        for selection in &self.query.selections {
            let Selection { resource_type, filter, .. } = selection;
            let mut condition =
                format!("r.type = {}", compiler.searches.bind(resource_type.name.to_string()));
            let mut test = None;
            match filter.as_ref().map(|filter| compiler.compile(filter, resource_type)).transpose()? {
                None => searches = None,
                Some(compiled) => {
                    is_exact &= compiled.test.is_none();
                    if compiled.condition != ANY {
                        condition = format!("{condition} AND {}", compiled.condition);
                        is_exact &= compiled.search.is_none();
                    }
                    is_exact &= compiled.search.as_ref().is_none_or(|search| search.is_of_type);
                    match (&mut searches, compiled.search) {
                        // What it finds of another type may not be meant there.
                        (Some(searches), Some(search)) if is_among_types && !search.is_of_type => {
                            searches.push(compiler.of_type(&search.select, resource_type));
                        }
                        (Some(searches), Some(search)) => searches.push(search),
                        // An index finds a part of what is meant: then all rows are looked at, and it is a
                        // condition like any other.
                        (_, Some(search)) => {
                            condition = format!("{condition} AND r.id IN ({})", search.select);
                        }
                        (some, None) => {
                            for (earlier, search) in
                                alternatives.iter_mut().zip(some.take().into_iter().flatten())
                            {
                                let earlier: &mut String = earlier;
                                *earlier = format!("{earlier} AND r.id IN ({})", search.select);
                            }
                        }
                    }
                    test = compiled.test;
                }
            }
            alternatives.push(condition);
            tests.insert(&*resource_type.name, (selection, test));
        }
        let alternatives: Vec<String> = alternatives.iter().map(|one| format!("({one})")).collect();
        Ok(Meant {
            is_exact: is_exact || searches.is_none() && tests.values().all(|(_, test)| test.is_none()),
            searches,
            condition: alternatives.join(" OR "),
            parameters: compiler.searches.parameters,
            told: compiler.told,
            tests,
        })
    }

    /// The ids that searches find, in order, behind a place.
    fn found(
        &self,
        searches: &[selection::Search],
        parameters: &[Value],
        from: Option<ResourceId>,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let direction = self.query.direction();
        let mut parameters = parameters.to_vec();
        let mut behind = String::new();
        if let Some(from) = from {
            parameters.push(from.into());
            behind = format!(" WHERE id {} ?{}", direction.beyond(), parameters.len());
        }
        let selects: Vec<String> = searches.iter().map(|search| format!("({})", search.select)).collect();
        let select = format!(
            "WITH found (id) AS MATERIALIZED ({}) \
             SELECT string_agg(DISTINCT id, CAST('' AS BYTEA)) FROM found{behind}",
            selects.join(" UNION ")
        );
        let ids: Option<Vec<u8>> = self.sql.value(&select, &parameters)?.flatten();
        let mut ids: Vec<ResourceId> =
            ids.as_deref().unwrap_or_default().chunks_exact(16).filter_map(ResourceId::from_slice).collect();
        ids.sort_unstable();
        if direction == Direction::Down {
            ids.reverse();
        }
        Ok(ids)
    }

    /// Any filter, in the order of the ids.
    fn filtered(&self) -> Result<Page, StoreError> {
        let mut meant = self.meant()?;
        let direction = self.query.direction();
        let (position, offset) = self.query.beginning();
        if !meant.is_exact {
            return self.tested(&mut meant, position, offset);
        }
        let counted = self.query.counted;
        if let Some(searches) = &meant.searches {
            let ids = self.found(searches, &meant.parameters, None)?;
            let is_behind = |id: &ResourceId| {
                position.is_none_or(|position| match direction {
                    Direction::Up => *id > position.id,
                    Direction::Down => *id < position.id,
                })
            };
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let wanted = if self.query.limit == 0 { 0 } else { self.query.limit + 1 };
            let page = ids.iter().copied().filter(is_behind).skip(offset).take(wanted);
            let page: Vec<_> = page.map(|id| (id, None)).collect();
            let mut filling = Filling::new(self.query);
            self.take_listed(&mut filling, &page)?;
            return self.filled(filling, counted.then_some(ids.len() as u64));
        }
        let total = if counted {
            let count =
                format!("SELECT COUNT(*) FROM resource r WHERE r.source_id = ?1 AND ({})", meant.condition);
            Some(self.sql.count(&count, &meant.parameters)?)
        } else {
            None
        };
        if self.query.limit == 0 {
            return Ok(Page { total, ..Page::default() });
        }
        let mut behind = String::new();
        if let Some(position) = position {
            behind = format!(" AND r.id {} {}", direction.beyond(), meant.bind(position.id));
        }
        let limit = meant.bind(self.query.limit_and_one());
        let offset = meant.bind(offset);
        let select = format!(
            "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND ({}){behind} \
             ORDER BY r.id {} LIMIT {limit} OFFSET {offset}",
            meant.condition,
            direction.order()
        );
        let mut filling = Filling::new(self.query);
        self.take(&mut filling, &select, &meant.parameters, |_| Ok(None))?;
        self.filled(filling, total)
    }

    /// A filter that is tested on the rows: one pass, which ends with the page unless all are counted.
    fn tested(
        &self,
        meant: &mut Meant<'_>,
        position: Option<&Position>,
        offset: u64,
    ) -> Result<Page, StoreError> {
        let direction = self.query.direction();
        let counted = self.query.counted;
        let mut filling = Filling::new(self.query);
        let mut total = 0;
        // What comes before the position is of interest where all are counted.
        let from = position.filter(|_| !counted).map(|position| position.id);
        self.each(meant, from, |resource| {
            let is_beyond = position.is_none_or(|position| match direction {
                Direction::Up => resource.id > position.id,
                Direction::Down => resource.id < position.id,
            });
            if is_beyond && (position.is_some() || total >= offset) {
                filling.add(None, || Ok(resource))?;
            }
            total += 1;
            Ok(counted || !filling.overfull)
        })?;
        self.filled(filling, counted.then_some(total))
    }

    /// Any filter in any order: one pass that holds the places of those that come first.
    fn sorted(&self) -> Result<Page, StoreError> {
        let mut meant = self.meant()?;
        let (position, offset) = self.query.beginning();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let most =
            if self.query.limit == 0 { 0 } else { self.query.limit.saturating_add(1).saturating_add(offset) };
        let mut ranks = Ranks::new(most, self.query.direction(), position);
        let mut total = 0;
        let orders: HashMap<&str, (&ResourceType, Option<&AttributePath>)> = self
            .query
            .selections
            .iter()
            .map(|one| (&*one.resource_type.name, (&*one.resource_type, one.sort_by.as_ref())))
            .collect();
        self.each(&mut meant, None, |resource| {
            total += 1;
            let key = match orders.get(resource.resource_type.as_str()) {
                Some((resource_type, Some(path))) => sort_key(path, resource_type, &resource)?,
                _ => None,
            };
            ranks.add(Rank::new(key, resource.id))?;
            Ok(true)
        })?;
        let ranks = ranks.in_order().into_iter().skip(offset);
        let ranks: Vec<_> = ranks.map(|rank| (rank.id, rank.key)).collect();
        let mut filling = Filling::new(self.query);
        self.take_listed(&mut filling, &ranks)?;
        self.filled(filling, Some(total))
    }

    /// Calls `visit` with each resource that is meant, in the order of the ids, until it says that it
    /// has enough.
    fn each(
        &self,
        meant: &mut Meant<'_>,
        from: Option<ResourceId>,
        mut visit: impl FnMut(StoredResource) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let direction = self.query.direction();
        let (beyond, order) = (direction.beyond(), direction.order());
        let told = meant.told.iter().fold(String::new(), |told, condition| {
            told + ", CAST(CASE WHEN " + condition + " THEN 1 ELSE 0 END AS BIGINT)"
        });
        let condition = meant.condition.clone();
        if let Some(searches) = &meant.searches {
            let ids = self.found(searches, &meant.parameters, from)?;
            let known = meant.parameters.len();
            let (mut left, mut portion) = (ids.as_slice(), PORTION);
            while !left.is_empty() {
                let ids = &left[..left.len().min(portion)];
                meant.parameters.truncate(known);
                let places: Vec<String> = ids.iter().map(|id| meant.bind(*id)).collect();
                let select = format!(
                    "SELECT {COLUMNS}{told} FROM {} WHERE ({condition}) ORDER BY r.id {order}",
                    rows::looked_up(&places)
                );
                let RowsRead { rows, is_cut } = self.in_time(&select, &meant.parameters)?;
                if !self.visit(meant, &rows, &mut visit)? {
                    return Ok(());
                }
                portion = next_portion(portion, rows.len(), is_cut);
                let last = rows.last().filter(|_| is_cut).map(|row| row.get::<ResourceId>(1)).transpose()?;
                let read = last.and_then(|last| ids.iter().position(|id| *id == last));
                left = &left[read.map_or(ids.len(), |last| last + 1)..];
            }
            return Ok(());
        }
        let lowest = if direction == Direction::Up { Vec::new() } else { vec![u8::MAX; 17] };
        let place = meant.bind(from.map_or(lowest, |id| id.as_bytes().to_vec()));
        let mut portion = PORTION;
        let limit = meant.bind(portion);
        let select = format!(
            "SELECT {COLUMNS}{told} FROM resource r WHERE r.source_id = ?1 AND ({condition}) \
             AND r.id {beyond} {place} ORDER BY r.id {order} LIMIT {limit}"
        );
        let place = meant.parameters.len() - 2;
        loop {
            let RowsRead { rows, is_cut } = self.in_time(&select, &meant.parameters)?;
            if !self.visit(meant, &rows, &mut visit)? {
                return Ok(());
            }
            match rows.last() {
                Some(last) if is_cut || rows.len() == portion => {
                    portion = next_portion(portion, rows.len(), is_cut);
                    meant.parameters[place] = last.get::<ResourceId>(1)?.into();
                    meant.parameters[place + 1] = portion.into();
                }
                _ => return Ok(()),
            }
        }
    }

    /// The rows of a statement as far as a page has room for them, unless the time is over.
    fn in_time(&self, select: &str, parameters: &[Value]) -> Result<RowsRead, StoreError> {
        if Instant::now() > self.deadline {
            return Err(StoreError::TookTooLong);
        }
        self.sql.query_within(PAGE_BYTES, select, parameters)
    }

    /// Calls `visit` with those of some rows that are meant; false when it has enough.
    fn visit(
        &self,
        meant: &Meant<'_>,
        rows: &[Row],
        visit: &mut impl FnMut(StoredResource) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let named = self.referred(meant, rows)?;
        for row in rows {
            let resource = stored(row)?;
            let met = match meant.tests.get(resource.resource_type.as_str()) {
                Some((selection, Some(test))) => {
                    let candidate = candidate(&resource, row, meant.told.len(), &named)?;
                    test.is_met(&candidate, &selection.resource_type, &self.basis)
                }
                Some((_, None)) => true,
                None => false,
            };
            if met && !visit(resource)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The resources that references of rows name, of which a test is about what they are called.
    fn referred(&self, meant: &Meant<'_>, rows: &[Row]) -> Result<HashMap<ResourceId, Named>, StoreError> {
        let mut paths: Vec<AttributePath> = Vec::new();
        for (_, test) in meant.tests.values() {
            if let Some(test) = test {
                test.references(&mut |path| paths.push(path.clone()));
            }
        }
        if paths.is_empty() {
            return Ok(HashMap::new());
        }
        let mut ids = HashSet::new();
        for row in rows {
            let document = parsed(&stored(row)?.document)?;
            ids.extend(paths.iter().filter_map(|path| referred(path, &document)));
        }
        let ids: Vec<ResourceId> = ids.into_iter().collect();
        let names = rows::names(self.sql, self.source, &ids)?;
        Ok(names.into_iter().map(|named| (named.id, named)).collect())
    }

    /// The page that resources make when their relations are read.
    fn filled(&self, filling: Filling<'_>, total: Option<u64>) -> Result<Page, StoreError> {
        self.session
            .read(|session| filled(session, self.source, self.query, filling, Known::default(), total))
    }
}

/// A list that is sorted by the attribute of a code.
struct SortedBy<'a> {
    search: &'a Search<'a>,
    code: i64,
}

impl OrderedByIndex for SortedBy<'_> {
    fn count(&self) -> Result<u64, StoreError> {
        let Search { sql, source, query, .. } = self.search;
        records::count(*sql, *source, &query.selections[0].resource_type.name)
    }

    fn count_valued(&self) -> Result<u64, StoreError> {
        let count = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2";
        self.search.sql.count(count, &values![self.search.source, self.code])
    }

    fn take_valued(
        &self,
        filling: &mut Filling<'_>,
        from: Option<&Position>,
        offset: u64,
    ) -> Result<(), StoreError> {
        let Self { search, code } = self;
        let direction = search.query.direction();
        let (beyond, order) = (direction.beyond(), direction.order());
        let from = from.and_then(|position| Some((position.key.as_ref()?, position.id)));
        let mut parameters = values![search.source, *code, filling.left_and_one(), offset].to_vec();
        let mut condition = String::new();
        if let Some((key, id)) = from {
            condition = format!("AND (k.key, k.resource_id) {beyond} (?5, ?6)");
            parameters.extend([key.into(), id.into()]);
        }
        let select = format!(
            "SELECT {COLUMNS}, k.key FROM (SELECT k.key, k.resource_id FROM resource_key k \
               WHERE k.source_id = ?1 AND k.path = ?2 {condition} \
               ORDER BY k.key {order}, k.resource_id {order} LIMIT ?3 OFFSET ?4) k \
             CROSS JOIN LATERAL (SELECT * FROM resource WHERE source_id = ?1 AND id = k.resource_id LIMIT 1) r \
             ORDER BY k.key {order}, k.resource_id {order}"
        );
        search.take(filling, &select, &parameters, |row| row.get(COLUMN_COUNT).map(Some))
    }

    /// What the index of ids has and the index of values doesn't. No index joins the two, so that the ids of those
    /// with a value are taken here, all at once.
    fn take_valueless(
        &self,
        filling: &mut Filling<'_>,
        from: Option<&Position>,
        mut offset: u64,
    ) -> Result<(), StoreError> {
        let Self { search, code } = self;
        let all = "SELECT string_agg(resource_id, CAST('' AS BYTEA)) FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let valued: Option<Vec<u8>> = search.sql.value(all, &values![search.source, *code])?.flatten();
        let valued: HashSet<&[u8]> = valued.as_deref().unwrap_or_default().chunks_exact(16).collect();
        let direction = search.query.direction();
        let name = &*search.query.selections[0].resource_type.name;
        let mut from = from.map_or_else(
            || if direction == Direction::Up { Vec::new() } else { vec![u8::MAX; 17] },
            |position| position.id.as_bytes().to_vec(),
        );
        let select = format!(
            "SELECT id FROM resource WHERE source_id = ?1 AND type = ?2 AND id {} ?3 ORDER BY id {} LIMIT ?4",
            direction.beyond(),
            direction.order()
        );
        let most = filling.left_and_one();
        let mut found: Vec<ResourceId> = Vec::new();
        while found.len() < most {
            if Instant::now() > search.deadline {
                return Err(StoreError::TookTooLong);
            }
            let parameters = values![search.source, name, from.as_slice(), IDS_AT_ONCE];
            let ids: Vec<ResourceId> = search.sql.all(&select, &parameters, |row| row.get(0))?;
            let Some(last) = ids.last() else { break };
            from = last.as_bytes().to_vec();
            let without: Vec<&ResourceId> =
                ids.iter().filter(|id| !valued.contains(&id.as_bytes()[..])).collect();
            let passed_over = without.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
            offset -= passed_over as u64;
            found.extend(without.into_iter().skip(passed_over));
        }
        found.truncate(most);
        let found: Vec<_> = found.into_iter().map(|id| (id, None)).collect();
        search.take_listed(filling, &found)
    }
}

/// How many rows come next where so many were asked for and read: what is cut has been sent in vain.
fn next_portion(portion: usize, read: usize, is_cut: bool) -> usize {
    if is_cut { read.max(1) } else { (2 * portion).min(PORTION) }
}

fn candidate<'a>(
    resource: &StoredResource,
    row: &Row,
    told: usize,
    named: &'a HashMap<ResourceId, Named>,
) -> Result<Candidate<'a>, StoreError> {
    Ok(Candidate {
        document: parsed(&resource.document)?,
        about: About {
            id: resource.id,
            version: i64::try_from(resource.version).unwrap_or(i64::MAX),
            created: resource.created,
            last_modified: resource.last_modified,
        },
        told: (0..told).map(|number| row.get(COLUMN_COUNT + number)).collect::<Result<_, _>>()?,
        named,
    })
}

/// The value that a resource is sorted by.
fn sort_key(
    path: &AttributePath,
    resource_type: &ResourceType,
    resource: &StoredResource,
) -> Result<Option<String>, StoreError> {
    let hex = || resource.id.0.simple().to_string().to_uppercase();
    if path.extension.is_none() && path.attribute.name == "meta" {
        return Ok(Some(match path.leaf().name.as_str() {
            "created" => moment(resource.created),
            "lastModified" => moment(resource.last_modified),
            "resourceType" => resource.resource_type.clone(),
            "version" => resource.version.to_string(),
            // The location: a base URL that all share, the endpoint, the id.
            _ => format!("{}/{}", resource_type.endpoint, hex()),
        }));
    }
    if path.extension.is_none() && path.attribute.name == "id" {
        return Ok(Some(hex()));
    }
    Ok(sort::key(path, &parsed(&resource.document)?))
}

/// A moment as text that sorts like it; those before 1970 come first.
fn moment(millis: i64) -> String {
    format!("{:020}", millis.saturating_add(1_000_000_000_000_000))
}
