//! Pages of resources that meet a filter, in an order.
//!
//! What an index has in order is read from it: all of a type by their ids, those with one value, and
//! those sorted by a searchable attribute. Anything else is one pass over the rows that an index
//! narrows it down to, or over all of the type.

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use headwater_scim::filter::{Comparison, Filter, Literal, Operator};
use rusqlite::{Connection, ErrorCode, Row, params, params_from_iter};

use super::{
    functions::{Place, Slots},
    lock,
    read::{self, COLUMNS},
    selection::Conditions,
    stretches,
};
use crate::{
    Page, Position, Query, ResourceId, Selection, SourceId, Start, StoreError, StoredResource,
    ancestry::Ancestry,
};

/// About how much memory a page may take; what is beyond is left to the next page (RFC 7644
/// §3.4.2.4 allows fewer results than asked for).
const PAGE_BYTES: usize = 32 * 1024 * 1024;
/// How much memory the places may take that are held to be sorted.
const SORT_BYTES: usize = 256 * 1024 * 1024;
/// How long a filter may be evaluated. Identity providers wait for a minute.
const MOST_TIME: Duration = Duration::from_secs(30);
/// After how many steps of SQLite it is looked at the time.
const STEPS_BETWEEN_LOOKS: i32 = 200;
/// About what a membership takes.
const RELATED_BYTES: usize = 160;
/// How many columns [`COLUMNS`] are.
const COLUMN_COUNT: usize = 8;

/// Whether a query is answered by a few steps in an index, so that it need not leave the thread
/// it comes on.
pub(super) fn is_quick(query: &Query) -> bool {
    let by_text = match query.selections.as_slice() {
        [selection] => plain_key(selection)
            .is_some_and(|(_, comparison)| matches!(comparison.literal, Literal::Text { .. })),
        _ => false,
    };
    by_text && !query.sorted && query.limit <= 100 && !query.include.members
}

pub(super) fn search(
    connection: &Connection,
    slots: &Slots,
    source: SourceId,
    query: &Query,
) -> Result<Page, StoreError> {
    let search = Search { connection, slots, source, query };
    match query.selections.as_slice() {
        [Selection { filter: None, .. }] if !query.sorted => search.all(),
        [selection] if !query.sorted && plain_key(selection).is_some() => match plain_key(selection) {
            Some((code, comparison)) => search.by_key(code, comparison),
            None => Ok(Page::default()),
        },
        [selection @ Selection { filter: None, .. }] => match ordered_code(selection) {
            Some(code) => search.in_time(|| search.sorted_by_index(code)),
            None => search.in_time(|| search.sorted()),
        },
        _ if query.sorted => search.in_time(|| search.sorted()),
        _ => search.in_time(|| search.filtered()),
    }
}

/// The code of the one searchable value that resources are to have, where that is all that is asked.
fn plain_key(selection: &Selection) -> Option<(i64, &Comparison)> {
    let Some(Filter::Compare(comparison)) = &selection.filter else { return None };
    let is_plain = comparison.operator == Operator::Eq
        && matches!(comparison.literal, Literal::Text { .. } | Literal::Boolean(_) | Literal::Instant { .. });
    if !is_plain {
        return None;
    }
    Some((selection.resource_type.searchable(&comparison.path)?.code, comparison))
}

/// The code of the attribute that is sorted by, where the index has it in order.
fn ordered_code(selection: &Selection) -> Option<i64> {
    let searchable = selection.resource_type.searchable(selection.sort_by.as_ref()?)?;
    searchable.is_single().then_some(searchable.code)
}

/// The direction in which rows are read.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn beyond(self) -> &'static str {
        match self {
            Self::Up => ">",
            Self::Down => "<",
        }
    }

    fn order(self) -> &'static str {
        match self {
            Self::Up => "ASC",
            Self::Down => "DESC",
        }
    }
}

struct Search<'a> {
    connection: &'a Connection,
    slots: &'a Slots,
    source: SourceId,
    query: &'a Query,
}

/// A page that is being filled, as far as it fits.
struct Filling<'a> {
    search: &'a Search<'a>,
    bytes: usize,
    resources: Vec<StoredResource>,
    keys: Vec<Option<String>>,
    ancestry: Ancestry,
    /// Whether a row has come that it has no room for.
    overfull: bool,
}

impl<'a> Filling<'a> {
    fn new(search: &'a Search<'a>) -> Self {
        let (resources, keys, ancestry) = Default::default();
        Self { search, bytes: 0, resources, keys, ancestry, overfull: false }
    }

    fn has_room(&self) -> bool {
        self.resources.len() < self.search.query.limit && self.bytes <= PAGE_BYTES
    }

    /// Takes a row, or notes that there is one more.
    fn add(&mut self, row: &Row<'_>, key: Option<String>) -> Result<(), StoreError> {
        if !self.has_room() {
            self.overfull = true;
            return Ok(());
        }
        let mut resource = read::stored(row)?;
        let Search { connection, source, query, .. } = self.search;
        read::relate(connection, *source, &mut resource, query.include, &mut self.ancestry)?;
        let members = resource.members.as_ref().map_or(0, |page| page.members.len());
        let groups = resource.groups.as_ref().map_or(0, Vec::len);
        self.bytes += resource.document.len() + (members + groups) * RELATED_BYTES;
        self.resources.push(resource);
        self.keys.push(key);
        Ok(())
    }

    /// Takes rows until the page is full; true when it is, and there are more.
    fn take(
        &mut self,
        rows: &mut rusqlite::Rows<'_>,
        key: impl Fn(&Row<'_>) -> rusqlite::Result<Option<String>>,
    ) -> Result<bool, StoreError> {
        while let Some(row) = rows.next()? {
            self.add(row, key(row)?)?;
            if self.overfull {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The page, in the order that was asked for: one that ends before a resource was read backwards.
    fn page(mut self, total: Option<u64>) -> Page {
        let backwards = matches!(self.search.query.start, Start::Before(_));
        if backwards {
            self.resources.reverse();
            self.keys.reverse();
        }
        let position = |resource: Option<&StoredResource>, key: Option<&Option<String>>| {
            Some(Position { key: key?.clone(), id: resource?.id })
        };
        let first = position(self.resources.first(), self.keys.first());
        let last = position(self.resources.last(), self.keys.last());
        let at_cursor = !matches!(self.search.query.start, Start::Offset(0));
        Page {
            total,
            ends: first.zip(last),
            more_before: if backwards { self.overfull } else { at_cursor },
            more_after: if backwards { true } else { self.overfull },
            resources: self.resources,
        }
    }
}

impl Search<'_> {
    /// The way in which rows are read, in the ascending order.
    fn direction(&self) -> Direction {
        let descending = self.query.sorted && self.query.descending;
        if descending == matches!(self.query.start, Start::Before(_)) {
            Direction::Up
        } else {
            Direction::Down
        }
    }

    fn place(&self) -> Place {
        Place { registry: self.query.registry.clone(), base_url: self.query.base_url.clone() }
    }

    /// The place that rows are read from, and how many are passed over.
    fn beginning(&self) -> (Option<&Position>, u64) {
        match &self.query.start {
            Start::Offset(offset) => (None, *offset),
            Start::After(position) | Start::Before(position) => (Some(position), 0),
        }
    }

    /// One more than is wanted, so that it is known whether there are more.
    fn limit(&self) -> i64 {
        i64::try_from(self.query.limit.saturating_add(1)).unwrap_or(i64::MAX)
    }

    /// Every resource of a type, in the order of their ids.
    fn all(&self) -> Result<Page, StoreError> {
        let name = self.query.selections[0].resource_type.name.to_string();
        let total = stretches::count(self.connection, self.source, &name)?;
        let (position, offset) = self.beginning();
        if self.query.limit == 0 || offset >= total && position.is_none() {
            return Ok(Page { total: Some(total), ..Page::default() });
        }
        let (condition, from, rest) = match position {
            Some(position) => (self.direction().beyond(), position.id.as_bytes().to_vec(), 0),
            None => {
                let (first, rest) = stretches::find(self.connection, self.source, &name, offset)?;
                (">=", first, rest)
            }
        };
        let mut statement = self.connection.prepare_cached(&all_statement(condition, self.direction()))?;
        let mut rows = statement.query(params![self.source.0, name, from, self.limit(), rest])?;
        let mut filling = Filling::new(self);
        filling.take(&mut rows, |_| Ok(None))?;
        Ok(filling.page(Some(total)))
    }

    /// The resources that have a value, in the order in which the index holds them: that of their ids.
    fn by_key(&self, code: i64, comparison: &Comparison) -> Result<Page, StoreError> {
        let Some(key) = comparison.literal.key() else { return Ok(Page::default()) };
        let (position, offset) = self.beginning();
        let mut filling = Filling::new(self);
        if self.query.limit > 0 {
            let (condition, from) = match position {
                Some(position) => (self.direction().beyond(), position.id.as_bytes().to_vec()),
                None => (">=", Vec::new()),
            };
            let statement = by_key_statement(condition, self.direction());
            let mut statement = self.connection.prepare_cached(&statement)?;
            let mut rows = statement.query(params![self.source.0, code, key, from, self.limit(), offset])?;
            filling.take(&mut rows, |_| Ok(None))?;
        }
        // Most often all of them are on the page, and need not be counted once more.
        let is_all = self.query.limit > 0 && position.is_none() && offset == 0 && !filling.overfull;
        let total = if is_all {
            filling.resources.len() as u64
        } else {
            let mut count = self.connection.prepare_cached(COUNT_BY_KEY)?;
            count.query_row(params![self.source.0, code, key], |row| row.get(0))?
        };
        let is_beyond = position.is_none() && offset >= total;
        if self.query.limit == 0 || is_beyond {
            return Ok(Page { total: Some(total), ..Page::default() });
        }
        Ok(filling.page(Some(total)))
    }

    /// Every resource of a type, sorted by an attribute of which the index has the values in order.
    /// Those without a value are behind all others, in the order of their ids.
    fn sorted_by_index(&self, code: i64) -> Result<Page, StoreError> {
        let name = self.query.selections[0].resource_type.name.to_string();
        let total = stretches::count(self.connection, self.source, &name)?;
        let mut filling = Filling::new(self);
        let (position, mut offset) = self.beginning();
        if self.query.limit == 0 || offset >= total && position.is_none() {
            return Ok(Page { total: Some(total), ..Page::default() });
        }
        let count = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let with_value = || -> Result<u64, StoreError> {
            let mut count = self.connection.prepare_cached(count)?;
            Ok(count.query_row(params![self.source.0, code], |row| row.get(0))?)
        };
        let among_valueless = position.is_some_and(|position| position.key.is_none());
        match self.direction() {
            Direction::Up => {
                let full = !among_valueless && self.take_values(&mut filling, code, position, offset)?;
                if !full && !filling.overfull {
                    let valued = with_value()?;
                    if valued < total {
                        offset = if filling.resources.is_empty() { offset.saturating_sub(valued) } else { 0 };
                        let from = position.filter(|_| among_valueless);
                        self.take_valueless(&mut filling, code, from, offset)?;
                    }
                }
            }
            Direction::Down => {
                let valueless = total.saturating_sub(with_value()?);
                let from_values = position.is_some_and(|position| position.key.is_some());
                if valueless > 0 && !from_values && offset < valueless {
                    self.take_valueless(&mut filling, code, position, offset)?;
                }
                if !filling.overfull {
                    let from = position.filter(|_| from_values);
                    let offset =
                        if filling.resources.is_empty() { offset.saturating_sub(valueless) } else { 0 };
                    self.take_values(&mut filling, code, from, offset)?;
                }
            }
        }
        Ok(filling.page(Some(total)))
    }

    /// Takes those that have a value, in the order of the index; true when there are more.
    fn take_values(
        &self,
        filling: &mut Filling<'_>,
        code: i64,
        position: Option<&Position>,
        offset: u64,
    ) -> Result<bool, StoreError> {
        let key = |row: &Row<'_>| row.get(COLUMN_COUNT).map(Some);
        let direction = self.direction();
        let from = position.and_then(|position| Some((position.key.as_ref()?, position.id)));
        let mut statement = self.connection.prepare_cached(&in_order_statement(from.is_some(), direction))?;
        let limit = self.limit();
        match from {
            Some((value, id)) => {
                let mut rows =
                    statement.query(params![self.source.0, code, limit, offset, value, id.as_bytes()])?;
                filling.take(&mut rows, key)
            }
            None => filling.take(&mut statement.query(params![self.source.0, code, limit, offset])?, key),
        }
    }

    /// Takes those without a value: what the index of ids has and the index of values doesn't.
    fn take_valueless(
        &self,
        filling: &mut Filling<'_>,
        code: i64,
        position: Option<&Position>,
        mut offset: u64,
    ) -> Result<(), StoreError> {
        let direction = self.direction();
        let valued = "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let mut valued = self.connection.prepare_cached(valued)?;
        let ids = valued.query_map(params![self.source.0, code], |row| row.get::<_, [u8; 16]>(0))?;
        let mut valued: Vec<[u8; 16]> = ids.collect::<rusqlite::Result<_>>()?;
        valued.sort_unstable();
        let name = &*self.query.selections[0].resource_type.name;
        let from = position.map_or_else(
            || if direction == Direction::Up { Vec::new() } else { vec![u8::MAX; 17] },
            |position| position.id.as_bytes().to_vec(),
        );
        let (beyond, order) = (direction.beyond(), direction.order());
        let ids = format!(
            "SELECT id FROM resource WHERE source_id = ?1 AND type = ?2 AND id {beyond} ?3 ORDER BY id {order}"
        );
        let mut ids = self.connection.prepare_cached(&ids)?;
        let mut ids = ids.query(params![self.source.0, name, from])?;
        let one =
            format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id = ?3");
        let mut one = self.connection.prepare_cached(&one)?;
        while let Some(row) = ids.next()? {
            let id: [u8; 16] = row.get(0)?;
            if valued.binary_search(&id).is_ok() {
                continue;
            }
            if offset > 0 {
                offset -= 1;
                continue;
            }
            if filling.take(&mut one.query(params![self.source.0, name, id])?, |_| Ok(None))? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The rows that may be meant, and what they have to meet: `FROM resource r WHERE …`.
    fn conditions(&self) -> (String, Conditions) {
        let mut conditions = Conditions::new(vec![self.source.0.into()], self.place());
        let mut alternatives = Vec::new();
        for Selection { resource_type, filter, .. } in &self.query.selections {
            let mut condition = format!("r.type = {}", conditions.bind(resource_type.name.to_string()));
            if let Some(filter) = filter {
                if let Some(ids) = conditions.candidates(filter, resource_type) {
                    condition = format!("{condition} AND r.id IN ({ids})");
                }
                condition = format!("{condition} AND {}", conditions.of(filter, resource_type));
            }
            alternatives.push(format!("({condition})"));
        }
        (format!("FROM resource r WHERE r.source_id = ?1 AND ({})", alternatives.join(" OR ")), conditions)
    }

    /// Any filter, in the order of the ids: one pass, which ends with the page unless all are counted.
    fn filtered(&self) -> Result<Page, StoreError> {
        let (from, mut conditions) = self.conditions();
        let direction = self.direction();
        let counted = self.query.counted;
        let (position, offset) = self.beginning();
        let mut place = String::new();
        if let (Some(position), false) = (position, counted) {
            place = format!(
                " AND r.id {} {}",
                direction.beyond(),
                conditions.bind(position.id.as_bytes().to_vec())
            );
        }
        let select = format!("SELECT {COLUMNS} {from}{place} ORDER BY r.id {}", direction.order());
        *lock(self.slots) = conditions.slots;
        // Filters differ without end: a statement of theirs is not worth keeping.
        let mut statement = self.connection.prepare(&select)?;
        let mut rows = statement.query(params_from_iter(&conditions.parameters))?;
        let mut filling = Filling::new(self);
        let mut total = 0;
        while let Some(row) = rows.next()? {
            let is_beyond = position.is_none_or(|position| {
                let id = row.get_ref(1).ok().and_then(|id| id.as_blob().ok()).unwrap_or_default();
                let ordering = id.cmp(&position.id.as_bytes()[..]);
                if direction == Direction::Up { ordering.is_gt() } else { ordering.is_lt() }
            });
            if is_beyond && (position.is_some() || total >= offset) {
                filling.add(row, None)?;
            }
            total += 1;
            if filling.overfull && !counted {
                break;
            }
        }
        Ok(filling.page(counted.then_some(total)))
    }

    /// Any filter in any order: one pass that holds the places of those that come first.
    fn sorted(&self) -> Result<Page, StoreError> {
        let (from, mut conditions) = self.conditions();
        let mut keys: Vec<String> = Vec::new();
        for Selection { resource_type, sort_by, .. } in &self.query.selections {
            let name = conditions.bind(resource_type.name.to_string());
            let key = sort_by
                .as_ref()
                .map_or_else(|| "NULL".to_owned(), |path| conditions.sort_key(path, resource_type));
            keys.push(format!("WHEN {name} THEN {key}"));
        }
        let select = format!("SELECT r.rowid, r.id, CASE r.type {} END {from}", keys.join(" "));
        *lock(self.slots) = conditions.slots;
        let (position, offset) = self.beginning();
        let position = position.map(|position| Rank::new(position.key.clone(), position.id, 0));
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let most =
            if self.query.limit == 0 { 0 } else { self.query.limit.saturating_add(1).saturating_add(offset) };
        let mut ranks = Ranks { heap: BinaryHeap::new(), most, bytes: 0, direction: self.direction() };
        let mut total = 0;
        let mut statement = self.connection.prepare(&select)?;
        let mut rows = statement.query(params_from_iter(&conditions.parameters))?;
        while let Some(row) = rows.next()? {
            total += 1;
            let id = ResourceId(super::sql::uuid(row, 1)?);
            let rank = Rank::new(row.get(2)?, id, row.get(0)?);
            if position.as_ref().is_none_or(|position| ranks.is_beyond(&rank, position)) {
                ranks.add(rank)?;
            }
        }
        let mut filling = Filling::new(self);
        let one = format!("SELECT {COLUMNS} FROM resource r WHERE r.rowid = ?1");
        let mut one = self.connection.prepare_cached(&one)?;
        for rank in ranks.in_order().into_iter().skip(offset) {
            if filling.take(&mut one.query([rank.rowid])?, |_| Ok(rank.key.clone()))? {
                break;
            }
        }
        Ok(filling.page(Some(total)))
    }

    /// Searches for no longer than [`MOST_TIME`].
    fn in_time(&self, search: impl FnOnce() -> Result<Page, StoreError>) -> Result<Page, StoreError> {
        let deadline = Instant::now() + MOST_TIME;
        self.connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() > deadline))?;
        let page = search();
        self.connection.progress_handler(0, None::<fn() -> bool>)?;
        match page {
            Err(StoreError::Database(error))
                if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                Err(StoreError::TookTooLong)
            }
            page => page,
        }
    }
}

/// The place of a row in the ascending order: those without a value are last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    valueless: bool,
    key: Option<String>,
    id: ResourceId,
    rowid: i64,
}

impl Rank {
    fn new(key: Option<String>, id: ResourceId, rowid: i64) -> Self {
        Self { valueless: key.is_none(), key, id, rowid }
    }

    fn place(&self) -> (bool, &Option<String>, ResourceId) {
        (self.valueless, &self.key, self.id)
    }
}

/// A rank in the direction in which rows are read.
#[derive(PartialEq, Eq)]
struct Directed(Rank, bool);

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> Ordering {
        let ordering = self.0.cmp(&other.0);
        if self.1 { ordering.reverse() } else { ordering }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The first so many ranks.
struct Ranks {
    heap: BinaryHeap<Directed>,
    most: usize,
    bytes: usize,
    direction: Direction,
}

impl Ranks {
    fn is_beyond(&self, rank: &Rank, position: &Rank) -> bool {
        let ordering = rank.place().cmp(&position.place());
        if self.direction == Direction::Up { ordering.is_gt() } else { ordering.is_lt() }
    }

    fn add(&mut self, rank: Rank) -> Result<(), StoreError> {
        let rank = Directed(rank, self.direction == Direction::Down);
        let is_full = self.heap.len() >= self.most;
        if is_full && self.heap.peek().is_none_or(|last| rank >= *last) {
            return Ok(());
        }
        self.bytes += Self::size(&rank);
        self.heap.push(rank);
        if is_full && let Some(last) = self.heap.pop() {
            self.bytes -= Self::size(&last);
        }
        if self.bytes > SORT_BYTES { Err(StoreError::TookTooLong) } else { Ok(()) }
    }

    fn size(rank: &Directed) -> usize {
        size_of::<Directed>() + rank.0.key.as_ref().map_or(0, String::len)
    }

    fn in_order(self) -> Vec<Rank> {
        self.heap.into_sorted_vec().into_iter().map(|Directed(rank, _)| rank).collect()
    }
}

const COUNT_BY_KEY: &str =
    "SELECT COUNT(*) FROM resource_key k WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3";

fn all_statement(condition: &str, direction: Direction) -> String {
    format!(
        "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id {condition} ?3 \
         ORDER BY r.id {} LIMIT ?4 OFFSET ?5",
        direction.order()
    )
}

/// Every key has its resource. CROSS JOIN is SQLite's way to say that the index comes first.
fn by_key_statement(condition: &str, direction: Direction) -> String {
    format!(
        "SELECT {COLUMNS} FROM resource_key k \
         CROSS JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
         WHERE k.source_id = ?1 AND k.path = ?2 AND k.key = ?3 AND k.resource_id {condition} ?4 \
         ORDER BY k.resource_id {} LIMIT ?5 OFFSET ?6",
        direction.order()
    )
}

fn in_order_statement(behind: bool, direction: Direction) -> String {
    let (beyond, order) = (direction.beyond(), direction.order());
    let condition =
        if behind { format!("AND (k.key, k.resource_id) {beyond} (?5, ?6)") } else { String::new() };
    format!(
        "SELECT {COLUMNS}, k.key FROM (SELECT k.key, k.resource_id FROM resource_key k \
           WHERE k.source_id = ?1 AND k.path = ?2 {condition} \
           ORDER BY k.key {order}, k.resource_id {order} LIMIT ?3 OFFSET ?4) k \
         CROSS JOIN resource r ON r.source_id = ?1 AND r.id = k.resource_id \
         ORDER BY k.key {order}, k.resource_id {order}"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headwater_scim::{filter::Filter, registry::Registry};
    use rusqlite::Connection;

    use super::{COUNT_BY_KEY, Direction, Search, all_statement, by_key_statement, in_order_statement};
    use crate::{
        Include, Query, Selection, SourceId, Start,
        sqlite::{Slots, SqliteStore, open_reading},
    };

    /// What SQLite says it will do, a line each.
    fn plan(connection: &Connection, select: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {select}")).expect(select);
        let rows = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
        rows.expect("a plan")
    }

    fn with_store(test: impl FnOnce(&Connection)) {
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let reader = open_reading(&folder.path().join("headwater.db")).expect("a reader");
        test(&reader.connection);
    }

    #[test]
    fn pages_come_from_an_index_in_its_order() {
        with_store(|connection| {
            let mut statements = vec![COUNT_BY_KEY.to_owned(), in_order_statement(false, Direction::Up)];
            for direction in [Direction::Up, Direction::Down] {
                let beyond = direction.beyond();
                statements.extend([all_statement(beyond, direction), by_key_statement(beyond, direction)]);
                statements.push(in_order_statement(true, direction));
            }
            for statement in statements {
                let plan = plan(connection, &statement);
                let expected = |step: &str| {
                    step.starts_with("SEARCH") || step.contains("CO-ROUTINE") || step == "SCAN k"
                };
                assert!(plan.iter().all(|step| expected(step)), "{statement}: {plan:?}");
                assert!(!plan[0].contains("last_modified"), "{statement}: {plan:?}");
            }
        });
    }

    #[test]
    fn searchable_attributes_are_answered_from_an_index() {
        let registry = Registry::built_in();
        let table = [
            ("User", "userName eq \"x\" and title pr"),
            ("User", "externalId eq \"x\" and active eq true"),
            ("User", "id eq \"x\" and manager eq \"y\""),
            ("User", "displayName sw \"x\""),
            ("User", "emails[type eq \"work\"].value eq \"x\""),
            ("User", "emails.value eq \"x\" or userName eq \"x\""),
            ("User", "groups.value eq \"x\""),
            ("Group", "members.value eq \"x\""),
            ("Group", "id eq \"x\" and members eq \"y\""),
            ("Group", "displayName eq \"x\" and externalId eq \"y\""),
            ("User", "title pr and active eq false"),
            ("User", "meta.lastModified gt \"2026-01-01T00:00:00Z\""),
        ];
        with_store(|connection| {
            for (name, text) in table {
                let resource_type = Arc::clone(registry.resource_type(name).expect("built in"));
                let filter = Filter::parse(text, &resource_type).expect(text);
                let query = Query {
                    registry: Arc::clone(&registry),
                    selections: vec![Selection { resource_type, filter: Some(filter), sort_by: None }],
                    sorted: false,
                    descending: false,
                    start: Start::Offset(0),
                    limit: 1,
                    counted: true,
                    include: Include::default(),
                    base_url: String::new(),
                };
                let slots = Slots::default();
                let search = Search { connection, slots: &slots, source: SourceId(1), query: &query };
                let select = format!("SELECT r.id {} ORDER BY r.id", search.conditions().0);
                let plan = plan(connection, &select);
                let of_resources = plan.iter().find(|step| step.starts_with("SEARCH r ")).expect(text);
                let narrowed = of_resources.contains("id=?") && of_resources.contains(" AND id=?")
                    || of_resources.contains("last_modified>?");
                assert!(narrowed, "{text}: {plan:?}");
                assert!(
                    !plan.iter().any(|step| step.starts_with("SCAN")
                        && !step.contains("CONSTANT ROW")
                        && !matches!(step.as_str(), "SCAN i" | "SCAN inside")),
                    "{text}: {plan:?}"
                );
            }
        });
    }
}
