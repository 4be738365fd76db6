//! Pages of resources that meet a filter, in an order.
//!
//! What an index has in order is read from it: all of a type by their ids, those with one value, and
//! those sorted by a searchable attribute. Anything else is one pass over the rows that an index
//! narrows it down to, or over all of the type.

use std::time::Instant;

use headwater_scim::filter::Comparison;
use rusqlite::{ErrorCode, OptionalExtension, Row, params, params_from_iter, types::ValueRef};

use super::{lock, read, readers::Snapshot, selection::Conditions, stretches};
use crate::{
    Page, Position, Query, ResourceId, Selection, SourceId, StoreError, StoredResource,
    blocking::Wanted,
    evaluation::Basis,
    pages::{Direction, Filling, MOST_TIME, OrderedByIndex, Rank, Ranks, ordered_code, plain_key},
    stored::{COLUMN_COUNT, COLUMNS},
};

/// After how many steps of SQLite it is looked whether a search is to end.
const STEPS_BETWEEN_LOOKS: i32 = 200;
/// How many times as many steps a search takes that is to be quick: some milliseconds.
const QUICK_LOOKS: usize = 100;

/// The page that a query asks for. Without somebody who waits for it (`wanted`) it is to be quick.
///
/// # Errors
/// [`StoreError::NotQuick`] of one that was to be quick; [`StoreError::TookTooLong`] of any other, or nobody
/// waits for it any more.
pub(super) fn search(
    snapshot: &Snapshot<'_>,
    source: SourceId,
    query: &Query,
    wanted: Option<&Wanted>,
) -> Result<Page, StoreError> {
    let search = Search { snapshot, source, query };
    let too_long = if let Some(wanted) = wanted {
        let (deadline, wanted) = (Instant::now() + MOST_TIME, wanted.clone());
        let is_over = move || Instant::now() > deadline || !wanted.by_somebody();
        snapshot.connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))?;
        StoreError::TookTooLong
    } else {
        // SQLite counts the steps of a statement that is kept on and on, and not those of each run.
        let mut looks = 0;
        let is_over = move || {
            looks += 1;
            looks > QUICK_LOOKS
        };
        snapshot.connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))?;
        StoreError::NotQuick
    };
    let page = search.page();
    snapshot.connection.progress_handler(0, None::<fn() -> bool>)?;
    match page {
        Err(StoreError::Database(error))
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
        {
            Err(too_long)
        }
        page => page,
    }
}

struct Search<'a> {
    snapshot: &'a Snapshot<'a>,
    source: SourceId,
    query: &'a Query,
}

impl Search<'_> {
    fn page(&self) -> Result<Page, StoreError> {
        match self.query.selections.as_slice() {
            _ if self.query.sorted => self.sorted_page(),
            [Selection { filter: None, .. }] => self.all(),
            [selection] => match plain_key(selection) {
                Some((code, comparison)) => self.by_key(code, comparison),
                None => self.filtered(),
            },
            _ => self.filtered(),
        }
    }

    fn sorted_page(&self) -> Result<Page, StoreError> {
        match self.query.selections.as_slice() {
            [selection @ Selection { filter: None, .. }] => match ordered_code(selection) {
                Some(code) => {
                    let mut filling = Filling::new(self.query);
                    let total = SortedBy { search: self, code }.fill(&mut filling)?;
                    Ok(filling.page(Some(total)))
                }
                None => self.sorted(),
            },
            _ => self.sorted(),
        }
    }

    /// Takes a row, or notes that there is one more.
    fn add(&self, filling: &mut Filling<'_>, row: &Row<'_>, key: Option<String>) -> Result<(), StoreError> {
        filling.add(key, || self.related(read::stored(row)?))
    }

    /// A resource with the relations that are asked for.
    fn related(&self, mut resource: StoredResource) -> Result<StoredResource, StoreError> {
        read::relate(self.snapshot, self.source, &mut resource, self.query.include)?;
        Ok(resource)
    }

    /// Takes rows until the page is full; true when it is, and there are more.
    fn take(
        &self,
        filling: &mut Filling<'_>,
        rows: &mut rusqlite::Rows<'_>,
        key: impl Fn(&Row<'_>) -> rusqlite::Result<Option<String>>,
    ) -> Result<bool, StoreError> {
        while let Some(row) = rows.next()? {
            self.add(filling, row, key(row)?)?;
            if filling.overfull {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn basis(&self) -> Basis {
        Basis { registry: self.query.registry.clone(), base_url: self.query.base_url.clone() }
    }

    /// Every resource of a type, in the order of their ids.
    fn all(&self) -> Result<Page, StoreError> {
        let name = self.query.selections[0].resource_type.name.to_string();
        let total = stretches::count(self.snapshot.connection, self.source, &name)?;
        let (position, offset) = self.query.beginning();
        if self.query.limit == 0 || offset >= total && position.is_none() {
            return Ok(Page { total: Some(total), ..Page::default() });
        }
        let (condition, from, rest) = match position {
            Some(position) => (self.query.direction().beyond(), position.id.as_bytes().to_vec(), 0),
            None => {
                let (first, rest) =
                    stretches::find(self.snapshot.connection, self.source, &name, offset, total)?;
                (">=", first, rest)
            }
        };
        let mut statement =
            self.snapshot.connection.prepare_cached(&all_statement(condition, self.query.direction()))?;
        let mut rows =
            statement.query(params![self.source.0, name, from, self.query.limit_and_one(), rest])?;
        let mut filling = Filling::new(self.query);
        self.take(&mut filling, &mut rows, |_| Ok(None))?;
        Ok(filling.page(Some(total)))
    }

    /// The resources that have a value, in the order in which the index holds them: that of their ids.
    fn by_key(&self, code: i64, comparison: &Comparison) -> Result<Page, StoreError> {
        let Some(key) = comparison.literal.key() else { return Ok(Page::default()) };
        let (position, offset) = self.query.beginning();
        let mut filling = Filling::new(self.query);
        if self.query.limit > 0 {
            let (condition, from) = match position {
                Some(position) => (self.query.direction().beyond(), position.id.as_bytes().to_vec()),
                None => (">=", Vec::new()),
            };
            let statement = by_key_statement(condition, self.query.direction());
            let mut statement = self.snapshot.connection.prepare_cached(&statement)?;
            let mut rows = statement.query(params![
                self.source.0,
                code,
                key,
                from,
                self.query.limit_and_one(),
                offset
            ])?;
            while let Some(row) = rows.next()?.filter(|_| !filling.overfull) {
                filling.add(None, || self.related(self.keyed(row)?))?;
            }
        }
        // Most often all of them are on the page, and need not be counted once more.
        let is_all = self.query.limit > 0 && position.is_none() && offset == 0 && !filling.overfull;
        let total = if is_all {
            filling.resources.len() as u64
        } else {
            let mut count = self.snapshot.connection.prepare_cached(COUNT_BY_KEY)?;
            count.query_row(params![self.source.0, code, key], |row| row.get(0))?
        };
        let is_beyond = position.is_none() && offset >= total;
        if self.query.limit == 0 || is_beyond {
            return Ok(Page { total: Some(total), ..Page::default() });
        }
        Ok(filling.page(Some(total)))
    }

    /// The resource of a row of [`by_key_statement`], by its id where its row has another number.
    fn keyed(&self, row: &Row<'_>) -> Result<StoredResource, StoreError> {
        if row.get_ref(0)? != ValueRef::Null {
            return Ok(read::stored(row)?);
        }
        let id: Vec<u8> = row.get(COLUMN_COUNT)?;
        let select = format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.id = ?2");
        let found = self
            .snapshot
            .connection
            .prepare_cached(&select)?
            .query_row(params![self.source.0, id], read::stored);
        found.optional()?.ok_or_else(|| StoreError::Damaged("a key has no resource".to_owned()))
    }

    /// The rows that may be meant, and what they have to meet: `FROM resource r WHERE …`.
    fn conditions(&self) -> (String, Conditions) {
        let mut conditions = Conditions::new(vec![self.source.0.into()], self.basis());
        let mut alternatives = Vec::new();
        for Selection { resource_type, filter, .. } in &self.query.selections {
            let mut condition =
                format!("r.type = {}", conditions.searches.bind(resource_type.name.to_string()));
            if let Some(filter) = filter {
                if let Some(ids) = conditions.searches.candidates(filter, resource_type) {
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
        let direction = self.query.direction();
        let counted = self.query.counted;
        let (position, offset) = self.query.beginning();
        let mut place = String::new();
        if let (Some(position), false) = (position, counted) {
            place = format!(
                " AND r.id {} {}",
                direction.beyond(),
                conditions.searches.bind(position.id.as_bytes().to_vec())
            );
        }
        let select = format!("SELECT {COLUMNS} {from}{place} ORDER BY r.id {}", direction.order());
        *lock(self.snapshot.slots) = conditions.slots;
        // Filters differ without end: a statement of theirs is not worth keeping.
        let mut statement = self.snapshot.connection.prepare(&select)?;
        let mut rows = statement.query(params_from_iter(&conditions.searches.parameters))?;
        let mut filling = Filling::new(self.query);
        let mut total = 0;
        while let Some(row) = rows.next()? {
            let is_beyond = position.is_none_or(|position| {
                let id = row.get_ref(1).ok().and_then(|id| id.as_blob().ok()).unwrap_or_default();
                let ordering = id.cmp(&position.id.as_bytes()[..]);
                if direction == Direction::Up { ordering.is_gt() } else { ordering.is_lt() }
            });
            if is_beyond && (position.is_some() || total >= offset) {
                self.add(&mut filling, row, None)?;
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
            let name = conditions.searches.bind(resource_type.name.to_string());
            let key = sort_by
                .as_ref()
                .map_or_else(|| "NULL".to_owned(), |path| conditions.sort_key(path, resource_type));
            keys.push(format!("WHEN {name} THEN {key}"));
        }
        let select = format!("SELECT r.id, CASE r.type {} END {from}", keys.join(" "));
        *lock(self.snapshot.slots) = conditions.slots;
        let (position, offset) = self.query.beginning();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let most =
            if self.query.limit == 0 { 0 } else { self.query.limit.saturating_add(1).saturating_add(offset) };
        let mut ranks = Ranks::new(most, self.query.direction(), position);
        let mut total = 0;
        let mut statement = self.snapshot.connection.prepare(&select)?;
        let mut rows = statement.query(params_from_iter(&conditions.searches.parameters))?;
        while let Some(row) = rows.next()? {
            total += 1;
            let id = ResourceId(super::sql::uuid(row, 0)?);
            ranks.add(Rank::new(row.get(1)?, id))?;
        }
        let mut filling = Filling::new(self.query);
        let one = format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.id = ?2");
        let mut one = self.snapshot.connection.prepare_cached(&one)?;
        for rank in ranks.in_order().into_iter().skip(offset) {
            if self.take(&mut filling, &mut one.query(params![self.source.0, rank.id.as_bytes()])?, |_| {
                Ok(rank.key.clone())
            })? {
                break;
            }
        }
        Ok(filling.page(Some(total)))
    }
}

/// A list that is sorted by the attribute of a code.
struct SortedBy<'a> {
    search: &'a Search<'a>,
    code: i64,
}

impl OrderedByIndex for SortedBy<'_> {
    fn count(&self) -> Result<u64, StoreError> {
        let Search { snapshot, source, query } = self.search;
        stretches::count(snapshot.connection, *source, &query.selections[0].resource_type.name)
    }

    fn count_valued(&self) -> Result<u64, StoreError> {
        let count = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let mut count = self.search.snapshot.connection.prepare_cached(count)?;
        Ok(count.query_row(params![self.search.source.0, self.code], |row| row.get(0))?)
    }

    fn take_valued(
        &self,
        filling: &mut Filling<'_>,
        from: Option<&Position>,
        offset: u64,
    ) -> Result<(), StoreError> {
        let Self { search, code } = self;
        let key = |row: &Row<'_>| row.get(COLUMN_COUNT).map(Some);
        let direction = search.query.direction();
        let from = from.and_then(|position| Some((position.key.as_ref()?, position.id)));
        let mut statement =
            search.snapshot.connection.prepare_cached(&in_order_statement(from.is_some(), direction))?;
        let limit = search.query.limit_and_one();
        match from {
            Some((value, id)) => {
                let mut rows =
                    statement.query(params![search.source.0, code, limit, offset, value, id.as_bytes()])?;
                search.take(filling, &mut rows, key)?;
            }
            None => {
                let mut rows = statement.query(params![search.source.0, code, limit, offset])?;
                search.take(filling, &mut rows, key)?;
            }
        }
        Ok(())
    }

    /// What the index of ids has and the index of values doesn't.
    fn take_valueless(
        &self,
        filling: &mut Filling<'_>,
        from: Option<&Position>,
        mut offset: u64,
    ) -> Result<(), StoreError> {
        let Self { search, code } = self;
        let direction = search.query.direction();
        let valued = "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let mut valued = search.snapshot.connection.prepare_cached(valued)?;
        let ids = valued.query_map(params![search.source.0, code], |row| row.get::<_, [u8; 16]>(0))?;
        let mut valued: Vec<[u8; 16]> = ids.collect::<rusqlite::Result<_>>()?;
        valued.sort_unstable();
        let name = &*search.query.selections[0].resource_type.name;
        let from = from.map_or_else(
            || if direction == Direction::Up { Vec::new() } else { vec![u8::MAX; 17] },
            |position| position.id.as_bytes().to_vec(),
        );
        let (beyond, order) = (direction.beyond(), direction.order());
        let ids = format!(
            "SELECT id FROM resource WHERE source_id = ?1 AND type = ?2 AND id {beyond} ?3 ORDER BY id {order}"
        );
        let mut ids = search.snapshot.connection.prepare_cached(&ids)?;
        let mut ids = ids.query(params![search.source.0, name, from])?;
        let one =
            format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id = ?3");
        let mut one = search.snapshot.connection.prepare_cached(&one)?;
        while let Some(row) = ids.next()? {
            let id: [u8; 16] = row.get(0)?;
            if valued.binary_search(&id).is_ok() {
                continue;
            }
            if offset > 0 {
                offset -= 1;
                continue;
            }
            if search.take(filling, &mut one.query(params![search.source.0, name, id])?, |_| Ok(None))? {
                return Ok(());
            }
        }
        Ok(())
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

/// Every key has its resource, which is looked for by the number that its row should have.
fn by_key_statement(condition: &str, direction: Direction) -> String {
    format!(
        "SELECT {COLUMNS}, k.resource_id FROM resource_key k \
         LEFT JOIN resource r ON r.rowid = scim_row_number(k.resource_id) AND +r.source_id = k.source_id \
         AND +r.id = k.resource_id \
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

    use headwater_scim::{filter::Filter, index, registry::Registry};
    use rusqlite::Connection;

    use super::{
        COUNT_BY_KEY, Direction, QUICK_LOOKS, STEPS_BETWEEN_LOOKS, Search, all_statement, by_key_statement,
        in_order_statement, search,
    };
    use crate::{
        Include, Query, Selection, SourceId, Start, StoreError,
        sqlite::{Snapshot, SqliteStore},
    };

    /// What SQLite says it will do, a line each.
    fn plan(connection: &Connection, select: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {select}")).expect(select);
        let rows = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
        rows.expect("a plan")
    }

    fn with_store(test: impl FnOnce(&Snapshot<'_>)) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path()).expect("a store");
        let tested = store.shared.readers.read(|snapshot| {
            test(snapshot);
            Ok(())
        });
        tested.expect("a reader");
    }

    /// A query for how many users have a title.
    fn with_title(title: &str) -> Query {
        let registry = Registry::built_in();
        let resource_type = Arc::clone(registry.resource_type("User").expect("built in"));
        let filter = Filter::parse(&format!("title eq \"{title}\""), &resource_type).expect("a filter");
        Query {
            registry,
            selections: vec![Selection { resource_type, filter: Some(filter), sort_by: None }],
            sorted: false,
            descending: false,
            start: Start::Offset(0),
            limit: 0,
            most_bytes: 32 << 20,
            counted: true,
            include: Include::default(),
            base_url: String::new(),
        }
    }

    #[test]
    fn what_is_quick_is_so_however_often_it_is_asked() {
        with_store(|snapshot| {
            let code = index::code("User", "title");
            let insert = "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique) VALUES (1, ?1, 'many', ?2, 0)";
            snapshot.connection.pragma_update(None, "query_only", false).expect("set");
            let ask = |title: &str| search(snapshot, SourceId(1), &with_title(title), None);
            for _ in 0..2_000 {
                assert_eq!(ask("nobody's").expect("quick").total, Some(0));
            }
            let steps = QUICK_LOOKS * usize::try_from(STEPS_BETWEEN_LOOKS).expect("a number");
            for number in 0..u128::try_from(steps).expect("a number") {
                snapshot
                    .connection
                    .prepare_cached(insert)
                    .expect(insert)
                    .execute((code, number.to_be_bytes()))
                    .expect("a row");
            }
            assert!(matches!(ask("many"), Err(StoreError::NotQuick)));
            assert_eq!(ask("nobody's").expect("quick").total, Some(0));
        });
    }

    #[test]
    fn pages_come_from_an_index_in_its_order() {
        with_store(|snapshot| {
            let mut statements = vec![COUNT_BY_KEY.to_owned(), in_order_statement(false, Direction::Up)];
            for direction in [Direction::Up, Direction::Down] {
                let beyond = direction.beyond();
                statements.extend([all_statement(beyond, direction), by_key_statement(beyond, direction)]);
                statements.push(in_order_statement(true, direction));
            }
            for statement in statements {
                let plan = plan(snapshot.connection, &statement);
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
        with_store(|snapshot| {
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
                    most_bytes: 32 << 20,
                    counted: true,
                    include: Include::default(),
                    base_url: String::new(),
                };
                let search = Search { snapshot, source: SourceId(1), query: &query };
                let select = format!("SELECT r.id {} ORDER BY r.id", search.conditions().0);
                let plan = plan(snapshot.connection, &select);
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
