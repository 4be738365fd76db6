//! The journal: written by administrators' acts here (resources write theirs in `apply`), and read.

use std::collections::HashMap;

use headwater_scim::Object;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value as Bound};
use serde_json::Value;
use uuid::Uuid;

use super::{SqliteStore, administration::uuid};
use crate::{
    Act, Change, ChangePage, ChangeQuery, ChangedMember, ChangedMembers, MEMBERS_PER_CHANGE, MemberId,
    Millis, NamedActor, ResourceId, SERVER, SourceId, StoreError,
};

/// How many lines are looked at for a page at most.
const MOST_ROWS: usize = 20_000;
/// Requests take their moment before they queue for the writer, so that moments in the journal may
/// run back by as much as a request can take.
const DISORDER: Millis = 120_000;

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

/// Adds a line to the journal of the server.
pub(super) fn append(connection: &Connection, act: &Act, entry: &Entry) -> Result<(), StoreError> {
    let last = "SELECT COALESCE(MAX(sequence), 0) FROM change WHERE source_id = ?1";
    let last: i64 = connection.query_row(last, [SERVER.0], |row| row.get(0))?;
    let insert = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, resource_id, \
                  version, before, after, about) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11)";
    connection.execute(
        insert,
        params![
            SERVER.0,
            last + 1,
            act.at,
            act.actor.uuid().as_bytes(),
            act.request_id.as_bytes(),
            entry.kind,
            entry.resource_type,
            entry.id.as_bytes(),
            entry.before.as_ref().map(Value::to_string),
            entry.after.as_ref().map(Value::to_string),
            entry.about.map(|source| source.0)
        ],
    )?;
    Ok(())
}

/// Adds a line with what differs between `before` and `after`; none where nothing does.
pub(super) fn append_difference(
    connection: &Connection,
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
    append(connection, act, &entry.before(before.into()).after(after.into()))
}

impl SqliteStore {
    /// The journal of a source, or with [`SERVER`] that of the server.
    ///
    /// # Errors
    /// The database failed.
    pub async fn changes(&self, source: SourceId, query: ChangeQuery) -> Result<ChangePage, StoreError> {
        self.read_long(move |connection, _| changes(connection, source, &query)).await
    }

    /// Those whom the journal of the server names by these UUIDs.
    ///
    /// # Errors
    /// The database failed.
    pub fn actors(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, NamedActor>, StoreError> {
        self.read(|connection, _| {
            let mut administrators =
                connection.prepare_cached("SELECT name FROM administrator WHERE id = ?1")?;
            let mut tokens = connection.prepare_cached("SELECT name FROM api_token WHERE id = ?1")?;
            let mut named = HashMap::new();
            for id in ids {
                let bytes = [id.as_bytes()];
                let administrator: Option<String> =
                    administrators.query_row(bytes, |row| row.get(0)).optional()?;
                let actor = match administrator {
                    Some(name) => NamedActor::Administrator { id: *id, name },
                    None => match tokens.query_row(bytes, |row| row.get(0)).optional()? {
                        Some(name) => NamedActor::ApiToken { id: *id, name },
                        None => NamedActor::Nameless(crate::Actor::from_uuid(*id)),
                    },
                };
                named.insert(*id, actor);
            }
            Ok(named)
        })
    }

    /// What a resource is or was called, and whether it is gone; `None` for what never was.
    ///
    /// # Errors
    /// The database failed.
    pub fn remembered(
        &self,
        source: SourceId,
        id: ResourceId,
    ) -> Result<Option<(String, Option<String>, bool)>, StoreError> {
        self.read(|connection, _| {
            let found = Names::new(connection, source).of(id)?;
            Ok(found.map(|name| (name.resource_type, name.display, name.deleted)))
        })
    }
}

fn changes(connection: &Connection, source: SourceId, query: &ChangeQuery) -> Result<ChangePage, StoreError> {
    if let Some(request) = query.request_id {
        return by_request(connection, source, request, query);
    }
    let mut before = query.before.unwrap_or(i64::MAX);
    if let Some(to) = query.to {
        before = before.min(first_after(connection, source, to.saturating_add(DISORDER))?);
    }
    let (select, mut parameters) = statement(source, query);
    parameters.push(before.into());
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params_from_iter(&parameters))?;
    let mut names = Names::new(connection, source);
    let mut page = ChangePage::default();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let sequence: i64 = row.get(0)?;
        let at: Millis = row.get(1)?;
        if query.from.is_some_and(|from| at < from.saturating_sub(DISORDER)) {
            return Ok(page);
        }
        if page.changes.len() >= query.limit || looked_at >= MOST_ROWS {
            page.next = Some(before);
            return Ok(page);
        }
        before = sequence;
        looked_at += 1;
        let in_time = query.from.is_none_or(|from| at >= from) && query.to.is_none_or(|to| at < to);
        let of_kind =
            query.kind.as_ref().is_none_or(|kind| row.get_ref(4).is_ok_and(|found| found == text(kind)));
        let of_type = query
            .resource_type
            .as_ref()
            .is_none_or(|wanted| row.get_ref(5).is_ok_and(|found| found == text(wanted)));
        if in_time && of_kind && of_type {
            page.changes.push(change(connection, source, row, query, &mut names)?);
        }
    }
    Ok(page)
}

fn text(text: &str) -> rusqlite::types::ValueRef<'_> {
    rusqlite::types::ValueRef::Text(text.as_bytes())
}

/// The lines that may be meant, newest first; the last parameter is the number they lie below.
fn statement(source: SourceId, query: &ChangeQuery) -> (String, Vec<Bound>) {
    let mut parameters: Vec<Bound> = vec![source.0.into()];
    let select = match (query.resource, query.about) {
        (Some(resource), _) => {
            parameters.push(resource.as_bytes().to_vec().into());
            format!(
                "SELECT {COLUMNS} FROM (\
                   SELECT sequence FROM change WHERE source_id = ?1 AND resource_id = ?2 AND sequence < ?3 \
                   UNION SELECT sequence FROM change_member WHERE source_id = ?1 AND member_id = ?2 AND sequence < ?3 \
                 ) s CROSS JOIN change c ON c.source_id = ?1 AND c.sequence = s.sequence ORDER BY s.sequence DESC"
            )
        }
        (None, Some(about)) => {
            parameters.push(about.0.into());
            format!(
                "SELECT {COLUMNS} FROM change c WHERE c.source_id = ?1 AND c.about = ?2 AND c.sequence < ?3 \
                 ORDER BY c.sequence DESC"
            )
        }
        (None, None) => format!(
            "SELECT {COLUMNS} FROM change c WHERE c.source_id = ?1 AND c.sequence < ?2 ORDER BY c.sequence DESC"
        ),
    };
    (select, parameters)
}

/// What a request changed. Its id tells when it began; its lines stand close behind that.
fn by_request(
    connection: &Connection,
    source: SourceId,
    request: Uuid,
    query: &ChangeQuery,
) -> Result<ChangePage, StoreError> {
    let began = request.as_u128() >> 80;
    let began = Millis::try_from(began).unwrap_or(Millis::MAX);
    let from = first_after(connection, source, began.saturating_sub(1_000))?;
    let select = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM change WHERE source_id = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT {MOST_ROWS}) c \
         WHERE c.request_id = ?3 ORDER BY c.sequence LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params![source.0, from, request.as_bytes(), query.limit])?;
    let mut names = Names::new(connection, source);
    let mut page = ChangePage::default();
    while let Some(row) = rows.next()? {
        page.changes.push(change(connection, source, row, query, &mut names)?);
    }
    Ok(page)
}

/// The number of the first change after a moment, by halving: moments grow with the numbers.
fn first_after(connection: &Connection, source: SourceId, moment: Millis) -> Result<i64, StoreError> {
    let last = "SELECT COALESCE(MAX(sequence), 0) FROM change WHERE source_id = ?1";
    let mut high: i64 = connection.query_row(last, [source.0], |row| row.get::<_, i64>(0))? + 1;
    let mut low = 1;
    let at = "SELECT at FROM change WHERE source_id = ?1 AND sequence = ?2";
    let mut at = connection.prepare_cached(at)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let moment_there: Option<Millis> =
            at.query_row(params![source.0, middle], |row| row.get(0)).optional()?;
        if moment_there.is_some_and(|there| there > moment) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

fn change(
    connection: &Connection,
    source: SourceId,
    row: &Row<'_>,
    query: &ChangeQuery,
    names: &mut Names<'_>,
) -> Result<Change, StoreError> {
    let sequence = row.get(0)?;
    let about: Option<i64> = row.get(8)?;
    let mut change = Change {
        sequence,
        at: row.get(1)?,
        actor: uuid(row, 2)?,
        request_id: uuid(row, 3)?,
        kind: row.get(4)?,
        resource_type: row.get(5)?,
        resource_id: ResourceId(uuid(row, 6)?),
        display: None,
        deleted: false,
        version: row.get(7)?,
        about: about.map(SourceId),
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
    let first = query.resource.map(|resource| *resource.as_bytes());
    change.added = members(connection, source, sequence, true, first, names)?;
    change.removed = members(connection, source, sequence, false, first, names)?;
    Ok(change)
}

/// The members that a change added or removed, with the one who is asked about first.
fn members(
    connection: &Connection,
    source: SourceId,
    sequence: i64,
    added: bool,
    first: Option<[u8; 16]>,
    names: &mut Names<'_>,
) -> Result<ChangedMembers, StoreError> {
    let count = "SELECT COUNT(*) FROM change_member WHERE source_id = ?1 AND sequence = ?2 AND added = ?3";
    let count: u64 =
        connection.prepare_cached(count)?.query_row(params![source.0, sequence, added], |row| row.get(0))?;
    if count == 0 {
        return Ok(ChangedMembers::default());
    }
    let select = "SELECT member_id FROM change_member WHERE source_id = ?1 AND sequence = ?2 AND added = ?3 \
                  ORDER BY member_id = ?4 DESC, member_id LIMIT ?5";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement
        .query_map(params![source.0, sequence, added, first, MEMBERS_PER_CHANGE], |row| row.get(0))?;
    let ids: Vec<Vec<u8>> = rows.collect::<Result<_, _>>()?;
    let mut members = Vec::with_capacity(ids.len());
    for id in ids {
        let id = MemberId::from_bytes(&id);
        let name = id.resource_id().map(|id| names.of(id)).transpose()?.flatten();
        let (resource_type, display) =
            name.map_or((None, None), |name| (Some(name.resource_type), name.display));
        members.push(ChangedMember { id, resource_type, display });
    }
    Ok(ChangedMembers { members, count })
}

/// What resources are called, or were when they were deleted.
struct Names<'a> {
    connection: &'a Connection,
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
    fn new(connection: &'a Connection, source: SourceId) -> Self {
        Self { connection, source, known: HashMap::new() }
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
        let found =
            self.connection.prepare_cached(select)?.query_row(params![self.source.0, id.as_bytes()], |row| {
                let (resource_type, display): (String, Option<String>) = (row.get(0)?, row.get(1)?);
                let document: Option<String> = row.get(2)?;
                let display = display.or_else(|| called(&document?));
                Ok(Name { resource_type, display, deleted: false })
            });
        Ok(found.optional()?)
    }

    fn deleted(&self, id: ResourceId) -> Result<Option<Name>, StoreError> {
        let select = "SELECT resource_type, before FROM change WHERE source_id = ?1 AND resource_id = ?2 AND kind = 'delete' \
                      ORDER BY sequence DESC LIMIT 1";
        let found =
            self.connection.prepare_cached(select)?.query_row(params![self.source.0, id.as_bytes()], |row| {
                let resource_type: String = row.get(0)?;
                let before: Option<String> = row.get(1)?;
                Ok(Name { display: before.and_then(|before| called(&before)), resource_type, deleted: true })
            });
        Ok(found.optional()?)
    }
}

/// What people call the resource of a document.
fn called(document: &str) -> Option<String> {
    let document: Object = serde_json::from_str(document).ok()?;
    let text = |name: &str| document.get(name)?.as_str().filter(|text| !text.is_empty());
    ["displayName", "userName", "name"].into_iter().find_map(text).map(str::to_owned)
}
