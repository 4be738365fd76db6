//! The journal: written by administrators' acts here (changes of resources write theirs with the
//! resources), and read.

use std::collections::HashMap;

use headwater_scim::Object;
use serde_json::Value;
use uuid::Uuid;

use super::{PAGE, Records};
use crate::{
    Act, Change, ChangePage, ChangeQuery, ChangedMember, ChangedMembers, ChangesOfRequest,
    MEMBERS_PER_CHANGE, MemberId, Millis, NamedActor, ResourceId, SERVER, SourceId, StoreError,
    journal::{DISORDER, Line},
    pages::PAGE_BYTES,
    sql::{self, Row, RowsRead, Sql, values},
};

/// How many lines are looked at for a page at most.
const MOST_ROWS: usize = 20_000;

const COLUMNS: &str = "c.sequence, c.at, c.actor, c.request_id, c.kind, c.resource_type, c.resource_id, c.version, \
                       c.about, c.before, c.after";

/// What an administrator does, as a line of the journal.
pub(super) struct Entry {
    kind: &'static str,
    resource_type: &'static str,
    id: Uuid,
    about: Option<SourceId>,
    before: Option<Value>,
    after: Option<Value>,
}

impl Entry {
    pub(super) fn new(kind: &'static str, resource_type: &'static str, id: Uuid) -> Self {
        Self { kind, resource_type, id, about: None, before: None, after: None }
    }

    pub(super) fn about(self, source: SourceId) -> Self {
        Self { about: Some(source), ..self }
    }

    pub(super) fn before(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }

    pub(super) fn after(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }
}

/// The number of the last line in the journal of a source; 0 while there is none.
pub(super) fn last(sql: &dyn Sql, source: SourceId) -> Result<i64, StoreError> {
    let last = "SELECT COALESCE(MAX(sequence), 0) FROM change WHERE source_id = ?1";
    Ok(sql.value(last, &values![source])?.unwrap_or_default())
}

/// Adds a line to the journal of the server.
pub(super) fn append(sql: &dyn Sql, act: &Act, entry: &Entry) -> Result<(), StoreError> {
    let insert = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, \
                  version, before, after, about) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11)";
    let last = "SELECT sequence, at FROM change WHERE source_id = ?1 ORDER BY sequence DESC LIMIT 1";
    let last = match sql.first(last, &values![SERVER])? {
        Some(row) => Line { sequence: row.get(0)?, at: row.get(1)? },
        None => Line::default(),
    };
    let Line { sequence, at } = last.next(act.at);
    let line = values![
        SERVER,
        sequence,
        at,
        act.actor.uuid(),
        act.request_id,
        entry.kind,
        entry.resource_type,
        entry.id,
        entry.before.as_ref().map(Value::to_string),
        entry.after.as_ref().map(Value::to_string),
        entry.about,
    ];
    sql.execute(insert, &line).map(drop)
}

/// Adds a line with what differs between `before` and `after`; none where nothing does.
pub(super) fn append_difference(
    sql: &dyn Sql,
    act: &Act,
    entry: Entry,
    before: Value,
    after: Value,
) -> Result<(), StoreError> {
    let (Value::Object(mut before), Value::Object(mut after)) = (before, after) else { return Ok(()) };
    let name = after.get("name").cloned();
    after.retain(|key, value| before.get(key) != Some(value));
    if after.is_empty() {
        return Ok(());
    }
    before.retain(|key, _| after.contains_key(key));
    // What a thing is called is said in each line about it.
    if let Some(name) = name {
        before.entry("name").or_insert_with(|| name.clone());
        after.entry("name").or_insert(name);
    }
    append(sql, act, &entry.before(before.into()).after(after.into()))
}

impl Records {
    /// The journal of a source, or with [`SERVER`] that of the server.
    ///
    /// # Errors
    /// The database failed.
    pub async fn changes(&self, source: SourceId, query: ChangeQuery) -> Result<ChangePage, StoreError> {
        self.read_long(move |sql| changes(sql, source, &query)).await
    }

    /// What a request has changed in a source, `most` lines at most.
    ///
    /// # Errors
    /// The database failed.
    pub async fn changes_of_request(
        &self,
        source: SourceId,
        request: Uuid,
        most: usize,
    ) -> Result<ChangesOfRequest, StoreError> {
        self.read_long(move |sql| changes_of_request(sql, source, request, most)).await
    }

    /// Those whom the journal of the server names by these UUIDs.
    ///
    /// # Errors
    /// The database failed.
    pub async fn actors(&self, ids: Vec<Uuid>) -> Result<HashMap<Uuid, NamedActor>, StoreError> {
        self.read(move |sql| ids.iter().map(|id| Ok((*id, named_actor(sql, *id)?))).collect()).await
    }

    /// What resources are called, or were when they were deleted: those that have or had a name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remembered(
        &self,
        source: SourceId,
        ids: Vec<ResourceId>,
    ) -> Result<HashMap<ResourceId, String>, StoreError> {
        let remember = move |sql: &dyn Sql| {
            let mut names = Names::new(sql, source);
            let mut called = HashMap::with_capacity(ids.len());
            for id in &ids {
                if let Some(display) = names.of(*id)?.and_then(|name| name.display) {
                    called.insert(*id, display);
                }
            }
            Ok(called)
        };
        self.read(remember).await
    }
}

fn named_actor(sql: &dyn Sql, id: Uuid) -> Result<NamedActor, StoreError> {
    let administrator = "SELECT name FROM administrator WHERE id = ?1";
    if let Some(name) = sql.value(administrator, &values![id])? {
        return Ok(NamedActor::Administrator { id, name });
    }
    let token = sql.value("SELECT name FROM api_token WHERE id = ?1", &values![id])?;
    Ok(match token {
        Some(name) => NamedActor::ApiToken { id, name },
        None => NamedActor::Nameless(crate::Actor::from_uuid(id)),
    })
}

pub(super) fn changes(
    sql: &dyn Sql,
    source: SourceId,
    query: &ChangeQuery,
) -> Result<ChangePage, StoreError> {
    let mut before = query.before.unwrap_or(i64::MAX);
    if let Some(to) = query.to {
        before = before.min(first_after(sql, source, to.saturating_add(DISORDER))?);
    }
    let (select, fixed) = statement(source, query);
    let mut names = Names::new(sql, source);
    let mut page = ChangePage::default();
    let (mut looked_at, mut bytes) = (0, 0);
    // Most pages are full with the lines that are read first.
    let mut wanted = query.limit.saturating_add(1).min(PAGE);
    loop {
        let RowsRead { rows, is_cut } =
            sql.query_within(PAGE_BYTES, &select, &[&fixed[..], &values![before, wanted]].concat())?;
        for row in &rows {
            let at: Millis = row.get(1)?;
            if query.from.is_some_and(|from| at < from.saturating_sub(DISORDER)) {
                return Ok(page);
            }
            if page.changes.len() >= query.limit || looked_at >= MOST_ROWS || bytes >= PAGE_BYTES {
                page.next = Some(before);
                return Ok(page);
            }
            before = row.get(0)?;
            looked_at += 1;
            if is_meant(row, at, query)? {
                bytes += row.size();
                page.changes.push(change(sql, source, row, query.resource, &mut names)?);
            }
        }
        if !is_cut && rows.len() < wanted {
            return Ok(page);
        }
        wanted = PAGE;
    }
}

fn is_meant(row: &Row, at: Millis, query: &ChangeQuery) -> Result<bool, StoreError> {
    let (kind, resource_type): (&str, &str) = (row.get(4)?, row.get(5)?);
    Ok(query.from.is_none_or(|from| at >= from)
        && query.to.is_none_or(|to| at < to)
        && query.kind.as_ref().is_none_or(|wanted| wanted == kind)
        && query.resource_type.as_ref().is_none_or(|wanted| wanted == resource_type))
}

/// The lines that may be meant, newest first, and the first parameters; behind them come the number
/// that the lines lie below, and how many are read.
fn statement(source: SourceId, query: &ChangeQuery) -> (String, Vec<sql::Value>) {
    match (query.resource, query.about) {
        (Some(resource), _) => {
            let of = |table: &str, id: &str| {
                format!(
                    "SELECT sequence FROM (SELECT sequence FROM {table} WHERE source_id = ?1 AND {id} = ?2 \
                     AND sequence < ?3 ORDER BY sequence DESC LIMIT ?4) of_{table}"
                )
            };
            let select = format!(
                "SELECT {COLUMNS} FROM change c WHERE c.source_id = ?1 AND c.sequence IN ({} UNION {}) \
                 ORDER BY c.sequence DESC LIMIT ?4",
                of("change", "resource_id"),
                of("change_member", "member_id"),
            );
            (select, values![source, resource].to_vec())
        }
        (None, Some(about)) => {
            let select = format!(
                "SELECT {COLUMNS} FROM change c WHERE c.source_id = ?1 AND c.about = ?2 AND c.sequence < ?3 \
                 ORDER BY c.sequence DESC LIMIT ?4"
            );
            (select, values![source, about].to_vec())
        }
        (None, None) => {
            let select = format!(
                "SELECT {COLUMNS} FROM change c WHERE c.source_id = ?1 AND c.sequence < ?2 \
                 ORDER BY c.sequence DESC LIMIT ?3"
            );
            (select, values![source].to_vec())
        }
    }
}

/// What a request changed. Its id tells when it began; its lines stand close behind that, but where other
/// servers on the same database write, whose clocks go otherwise.
pub(super) fn changes_of_request(
    sql: &dyn Sql,
    source: SourceId,
    request: Uuid,
    most: usize,
) -> Result<ChangesOfRequest, StoreError> {
    let began = request.as_u128() >> 80;
    let began = Millis::try_from(began).unwrap_or(Millis::MAX);
    let select = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM change WHERE source_id = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT {MOST_ROWS}) c \
         WHERE c.request_id = ?3 ORDER BY c.sequence LIMIT ?4"
    );
    let begin = |disorder| first_after(sql, source, began.saturating_sub(disorder));
    let lines = |from: i64| {
        let parameters = values![source, from, request, most.saturating_add(1)];
        sql.query_within(PAGE_BYTES, &select, &parameters)
    };
    let (near, far) = (begin(1_000)?, begin(DISORDER)?);
    let mut found = lines(near)?;
    if far < near {
        // Where very much is written, the lines may be too far behind the earlier beginning.
        let others = lines(far)?;
        found = if others.rows.len() > found.rows.len() { others } else { found };
    }
    let mut names = Names::new(sql, source);
    let rows = found.rows.iter().take(most);
    let changes = rows.map(|row| change(sql, source, row, None, &mut names)).collect::<Result<_, _>>()?;
    Ok(ChangesOfRequest { changes, more: found.is_cut || found.rows.len() > most })
}

/// The number of the first change after a moment, by halving: moments grow with the numbers.
fn first_after(sql: &dyn Sql, source: SourceId, moment: Millis) -> Result<i64, StoreError> {
    let mut high = last(sql, source)? + 1;
    let mut low = 1;
    let at = "SELECT at FROM change WHERE source_id = ?1 AND sequence = ?2";
    while low < high {
        let middle = low + (high - low) / 2;
        let moment_there: Option<Millis> = sql.value(at, &values![source, middle])?;
        if moment_there.is_some_and(|there| there > moment) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

fn change(
    sql: &dyn Sql,
    source: SourceId,
    row: &Row,
    asked_about: Option<ResourceId>,
    names: &mut Names<'_>,
) -> Result<Change, StoreError> {
    let mut change = Change {
        sequence: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        request_id: row.get(3)?,
        kind: row.get(4)?,
        resource_type: row.get(5)?,
        resource_id: row.get(6)?,
        display: None,
        deleted: false,
        version: row.get(7)?,
        about: row.get(8)?,
        before: row.get(9)?,
        after: row.get(10)?,
        added: ChangedMembers::default(),
        removed: ChangedMembers::default(),
    };
    if source == SERVER {
        change.display = [&change.after, &change.before].into_iter().find_map(|described| {
            let described: Object = serde_json::from_str(described.as_deref()?).ok()?;
            Some(described.get("name")?.as_str()?.to_owned())
        });
        return Ok(change);
    }
    if let Some(name) = names.of(change.resource_id)? {
        change.display = name.display;
        change.deleted = name.deleted;
    }
    let counts = "SELECT COUNT(*), COALESCE(CAST(SUM(added) AS BIGINT), 0) FROM change_member \
                  WHERE source_id = ?1 AND sequence = ?2";
    if let Some(counts) = sql.first(counts, &values![source, change.sequence])? {
        let (all, added): (u64, u64) = (counts.get(0)?, counts.get(1)?);
        change.added.count = added;
        change.removed.count = all.saturating_sub(added);
    }
    for (is_added, changed) in [(true, &mut change.added), (false, &mut change.removed)] {
        if changed.count > 0 {
            changed.members = members(sql, source, change.sequence, is_added, asked_about, names)?;
        }
    }
    Ok(change)
}

/// The first members that a change added or removed, before all the one who is asked about.
fn members(
    sql: &dyn Sql,
    source: SourceId,
    sequence: i64,
    added: bool,
    first: Option<ResourceId>,
    names: &mut Names<'_>,
) -> Result<Vec<ChangedMember>, StoreError> {
    let changed = "SELECT member_id FROM change_member WHERE source_id = ?1 AND sequence = ?2 AND added = ?3";
    let mut ids: Vec<MemberId> = match first {
        Some(first) => {
            let this = format!("{changed} AND member_id = ?4");
            sql.all(&this, &values![source, sequence, added, first], |row| row.get(0))?
        }
        None => Vec::new(),
    };
    let others = format!("{changed} AND member_id IS DISTINCT FROM ?4 ORDER BY member_id LIMIT ?5");
    let parameters = values![source, sequence, added, first, MEMBERS_PER_CHANGE - ids.len()];
    ids.extend(sql.all(&others, &parameters, |row| row.get::<MemberId>(0))?);
    let mut members = Vec::with_capacity(ids.len());
    for id in ids {
        let name = id.resource_id().map(|id| names.of(id)).transpose()?.flatten();
        let (resource_type, display) =
            name.map_or((None, None), |name| (Some(name.resource_type), name.display));
        members.push(ChangedMember { id, resource_type, display });
    }
    Ok(members)
}

/// What resources are called, or were when they were deleted.
struct Names<'a> {
    sql: &'a dyn Sql,
    source: SourceId,
    known: HashMap<ResourceId, Option<Name>>,
}

#[derive(Clone)]
struct Name {
    resource_type: String,
    display: Option<String>,
    deleted: bool,
}

impl<'a> Names<'a> {
    fn new(sql: &'a dyn Sql, source: SourceId) -> Self {
        Self { sql, source, known: HashMap::new() }
    }

    fn of(&mut self, id: ResourceId) -> Result<Option<Name>, StoreError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        let found = match self.living(id)? {
            Some(name) => Some(name),
            None => self.deleted(id)?,
        };
        self.known.insert(id, found.clone());
        Ok(found)
    }

    fn living(&self, id: ResourceId) -> Result<Option<Name>, StoreError> {
        let select = "SELECT type, display, CASE WHEN display IS NULL THEN document END FROM resource \
                      WHERE source_id = ?1 AND id = ?2";
        let Some(row) = self.sql.first(select, &values![self.source, id])? else { return Ok(None) };
        let (display, document): (Option<String>, Option<&str>) = (row.get(1)?, row.get(2)?);
        let display = display.or_else(|| called(document?));
        Ok(Some(Name { resource_type: row.get(0)?, display, deleted: false }))
    }

    fn deleted(&self, id: ResourceId) -> Result<Option<Name>, StoreError> {
        let select = "SELECT resource_type, before FROM change WHERE source_id = ?1 AND resource_id = ?2 AND kind = 'delete' \
                      ORDER BY sequence DESC LIMIT 1";
        let Some(row) = self.sql.first(select, &values![self.source, id])? else { return Ok(None) };
        let display = row.get::<Option<&str>>(1)?.and_then(called);
        Ok(Some(Name { resource_type: row.get(0)?, display, deleted: true }))
    }
}

/// What people call the resource of a document.
fn called(document: &str) -> Option<String> {
    let document: Object = serde_json::from_str(document).ok()?;
    let text = |name: &str| document.get(name)?.as_str().filter(|text| !text.is_empty());
    ["displayName", "userName", "name"].into_iter().find_map(text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use uuid::Uuid;

    use super::{PAGE, changes, changes_of_request};
    use crate::{ChangeQuery, ResourceId, SourceId, sqlite::SqliteStore};

    const SOURCE: SourceId = SourceId(1);
    /// More than are read at once.
    const LINES: i64 = 1_500;

    fn id(number: i64) -> ResourceId {
        ResourceId(Uuid::from_u128(u128::try_from(number).expect("a number")))
    }

    /// A journal in which every 7th line is of one user, every 11th is a deletion, and each line that
    /// is neither adds that user to a group.
    fn journal() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let connection = Connection::open(folder.path().join("headwater.db")).expect("a connection");
        let line = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, version) \
                    VALUES (1, ?1, ?1, ?2, ?2, ?3, 'User', ?4, 1)";
        let member =
            "INSERT INTO change_member (source_id, sequence, member_id, added) VALUES (1, ?1, ?2, 1)";
        connection.execute_batch("BEGIN").expect("a transaction");
        for number in 1..=LINES {
            let kind = if is_deletion(number) { "delete" } else { "update" };
            let resource = if is_of_user(number) { id(1) } else { id(1_000 + number) };
            connection
                .execute(line, (number, Uuid::nil().as_bytes(), kind, resource.as_bytes()))
                .expect("a line");
            if !is_deletion(number) && !is_of_user(number) {
                connection.execute(member, (number, id(1).as_bytes())).expect("a member");
            }
        }
        connection.execute_batch("COMMIT").expect("written");
        (folder, connection)
    }

    #[test]
    fn a_request_is_found_among_those_of_a_server_whose_clock_is_slow() {
        let (_folder, connection) = journal();
        let line = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, version) \
                    VALUES (2, ?1, ?2, ?3, ?3, 'update', 'User', ?3, 1)";
        let request = |at: i64| Uuid::from_u128(u128::try_from(at).expect("a moment") << 80);
        // Two servers write in turns, and one's clock is some seconds slow.
        let at = |number: i64| 1_000_000 + 10 * number - if number % 2 == 0 { 5_000 } else { 0 };
        for number in 1..=999 {
            let line = connection.execute(line, (number, at(number), request(at(number)).as_bytes()));
            line.expect("a line");
        }
        for number in 1..=999 {
            let found =
                changes_of_request(&connection, SourceId(2), request(at(number)), 40).expect("changes");
            assert!(found.changes.iter().any(|change| change.sequence == number), "{number}: {found:?}");
            assert!(!found.more);
        }
    }

    fn is_deletion(number: i64) -> bool {
        number % 11 == 0
    }

    fn is_of_user(number: i64) -> bool {
        number % 7 == 0
    }

    /// All pages of a query.
    fn walk(connection: &Connection, query: &ChangeQuery) -> Vec<i64> {
        let mut query = query.clone();
        let mut found = Vec::new();
        loop {
            let page = changes(connection, SOURCE, &query).expect("a page");
            assert!(page.changes.len() <= query.limit);
            found.extend(page.changes.into_iter().map(|change| change.sequence));
            match page.next {
                Some(next) => query.before = Some(next),
                None => return found,
            }
        }
    }

    #[test]
    fn every_line_is_found_once_however_few_are_meant() {
        let (_folder, connection) = journal();
        let newest_first = |is_meant: &dyn Fn(i64) -> bool| -> Vec<i64> {
            (1..=LINES).rev().filter(|number| is_meant(*number)).collect()
        };
        for limit in [1, 40, PAGE, 2 * PAGE] {
            let all = ChangeQuery { limit, ..ChangeQuery::default() };
            assert_eq!(walk(&connection, &all), newest_first(&|_| true), "{limit}");
            let deletions = ChangeQuery { kind: Some("delete".to_owned()), ..all.clone() };
            assert_eq!(walk(&connection, &deletions), newest_first(&is_deletion), "{limit}");
            let of_user = ChangeQuery { resource: Some(id(1)), ..all.clone() };
            let concerns = |number| is_of_user(number) || !is_deletion(number);
            assert_eq!(walk(&connection, &of_user), newest_first(&concerns), "{limit}");
            let between = ChangeQuery { from: Some(100), to: Some(900), ..all };
            assert_eq!(walk(&connection, &between), newest_first(&|number| (100..900).contains(&number)));
        }
    }
}
