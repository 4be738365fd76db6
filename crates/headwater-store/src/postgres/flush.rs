//! What a batch has made of the database, written in one round trip: what is new with a statement a table, of as many
//! rows as there are.

use std::borrow::Cow;

use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{
    keys,
    overlay::{Content, Fate, Overlay, Row as Resource},
    session::Session,
    statement::{Parameter, Pipeline, Typed, rows_if},
};
use crate::{ResourceId, SourceId};

// Resources and keys that change or go have a statement each: one for several can be made by reading all of a
// source, where the statistics know nothing of it.
const REMOVE_KEY: &str =
    "DELETE FROM resource_key WHERE source_id = $1 AND path = $2 AND key = $3 AND resource_id = $4";
const ADD_KEYS: &str = "INSERT INTO resource_key (source_id, path, key, resource_id, is_unique, whole) \
     SELECT $1, w.path, w.key, w.resource_id, w.is_unique, w.whole \
     FROM unnest($2, $3, $4, $5, $6) AS w (path, key, resource_id, is_unique, whole)";
const REMOVE_RESOURCE: &str = "DELETE FROM resource WHERE source_id = $1 AND id = $2";
const FORGET_SECRETS: &str = "DELETE FROM secret WHERE source_id = $1 AND resource_id = $2";
const ADD_RESOURCES: &str = "INSERT INTO resource (source_id, id, type, version, created, last_modified, \
     member_count, document, display, has_references) \
     SELECT $1, w.id, w.type, w.version, w.created, w.last_modified, w.member_count, w.document, w.display, w.has_references \
     FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) \
     AS w (id, type, version, created, last_modified, member_count, document, display, has_references)";
const REWRITE_RESOURCE: &str = "UPDATE resource SET version = $3, last_modified = $4, member_count = $5, \
     document = $6, display = $7, has_references = $8 WHERE source_id = $1 AND id = $2";
const TOUCH_RESOURCE: &str = "UPDATE resource SET version = $3, last_modified = $4, member_count = $5 \
     WHERE source_id = $1 AND id = $2";
/// How many memberships one statement removes at most. The planner may look them up, or read what there
/// is, from the first to the last of them, and hash it: few keys in order let it read little either way.
pub(super) const MOST_REMOVED: usize = 250;
const REMOVE_MEMBERS: &str = "DELETE FROM membership m USING unnest($2, $3) AS w (group_id, member_id) \
     WHERE m.source_id = $1 AND m.group_id = w.group_id AND m.member_id = w.member_id \
     AND (m.group_id, m.member_id) >= ($2[1], $3[1]) \
     AND (m.group_id, m.member_id) <= ($2[cardinality($2)], $3[cardinality($3)])";
const ADD_MEMBERS: &str = "INSERT INTO membership (source_id, group_id, member_id) \
     SELECT $1, w.group_id, w.member_id FROM unnest($2, $3) AS w (group_id, member_id)";
const REMOVE_SECRET: &str = "DELETE FROM secret WHERE source_id = $1 AND resource_id = $2 AND attribute = $3";
const KEEP_SECRETS: &str = "INSERT INTO secret (source_id, resource_id, attribute, hash, changed) \
     SELECT $1, w.resource_id, w.attribute, w.hash, w.changed \
     FROM unnest($2, $3, $4, $5) AS w (resource_id, attribute, hash, changed) \
     ON CONFLICT (source_id, resource_id, attribute) DO UPDATE SET hash = excluded.hash, changed = excluded.changed";
const ADD_CHANGES: &str = "INSERT INTO change (source_id, sequence, at, actor, request_id, kind, resource_type, \
     resource_id, version, before, after) \
     SELECT $1, w.sequence, w.at, w.actor, w.request_id, w.kind, w.resource_type, w.resource_id, w.version, w.before, w.after \
     FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     AS w (sequence, at, actor, request_id, kind, resource_type, resource_id, version, before, after)";
const ADD_CHANGED_MEMBERS: &str = "INSERT INTO change_member (source_id, sequence, member_id, added) \
     SELECT $1, w.sequence, w.member_id, w.added FROM unnest($2, $3, $4) AS w (sequence, member_id, added)";
const NUMBER: &str = "UPDATE source_sequence SET last = $2 WHERE source_id = $1";
/// A type has a stretch that begins below every id.
const FIRST_STRETCHES: &str = "INSERT INTO stretch (source_id, type, first_id, resources) \
     SELECT DISTINCT $1::BIGINT, w.type, ''::BYTEA, 0 FROM unnest($2) AS w (type) \
     ON CONFLICT (source_id, type, first_id) DO NOTHING";
const COUNT: &str = "UPDATE stretch s SET resources = s.resources + d.by FROM (\
       SELECT f.type, f.first_id, SUM(f.by)::BIGINT AS by FROM (\
         SELECT w.type, w.by, (SELECT t.first_id FROM stretch t \
           WHERE t.source_id = $1 AND t.type = w.type AND t.first_id <= w.id ORDER BY t.first_id DESC LIMIT 1) AS first_id \
         FROM unnest($2, $3, $4) AS w (type, id, by)) f GROUP BY f.type, f.first_id) d \
     WHERE s.source_id = $1 AND s.type = d.type AND s.first_id = d.first_id \
     RETURNING s.type, s.first_id, s.resources";

/// A stretch whose count has changed.
pub(super) struct Counted {
    pub(super) resource_type: String,
    pub(super) first: Vec<u8>,
    pub(super) resources: i64,
}

/// Writes what differs, and commits with `commit`. On an error the transaction is to be given up; it
/// may have been committed only when `commit` was asked for and the connection was lost.
pub(super) async fn flush(
    session: &Session,
    source: SourceId,
    overlay: &Overlay,
    commit: bool,
) -> Result<Vec<Counted>, tokio_postgres::Error> {
    let mut batch = Statements(Vec::new());
    batch.resources(overlay);
    batch.keys(overlay);
    batch.members(overlay);
    batch.secrets(overlay);
    batch.journal(overlay);
    let counts = &overlay.writes.counts;
    let types: Vec<&str> = counts.iter().map(|(name, ..)| name.as_str()).collect();
    let ids: Vec<&[u8]> = counts.iter().map(|(_, id, _)| &id.as_bytes()[..]).collect();
    let by: Vec<i64> = counts.iter().map(|(.., by)| *by).collect();
    let of_first = [source.0.bound(), types.bound()];
    let of_count = [source.0.bound(), types.bound(), ids.bound(), by.bound()];
    let bound: Vec<Vec<Parameter<'_>>> = batch.0.iter().map(|statement| statement.bound(&source.0)).collect();
    let mut before = Pipeline::new(session);
    for (statement, parameters) in batch.0.iter().zip(&bound) {
        before.add(statement.text, parameters);
    }
    if !counts.is_empty() {
        before.add(FIRST_STRETCHES, &of_first);
    }
    let mut after = Pipeline::new(session);
    if commit {
        after.add_once("COMMIT", &[]);
    }
    let (before, counted, committed) = tokio::join!(
        biased;
        before.run(),
        rows_if(!counts.is_empty(), session, COUNT, &of_count),
        after.run(),
    );
    // A COMMIT behind a statement that failed is a ROLLBACK, and no error: so each one is looked at.
    before?;
    let counted = counted?.iter().map(counted_of).collect();
    committed?;
    counted
}

fn counted_of(row: &Row) -> Result<Counted, tokio_postgres::Error> {
    Ok(Counted { resource_type: row.try_get(0)?, first: row.try_get(1)?, resources: row.try_get(2)? })
}

/// Statements in order: what goes before what comes.
struct Statements(Vec<Statement>);

/// A statement, and what it has behind the source: of many rows a list for each column, of one a value.
struct Statement {
    text: &'static str,
    columns: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Statement {
    fn new(text: &'static str) -> Self {
        Self { text, columns: Vec::new() }
    }

    fn numbers(self, values: impl Iterator<Item = i64>) -> Self {
        self.column(values.collect::<Vec<i64>>())
    }

    fn texts(self, values: impl Iterator<Item = String>) -> Self {
        self.column(values.collect::<Vec<String>>())
    }

    fn perhaps_texts(self, values: impl Iterator<Item = Option<String>>) -> Self {
        self.column(values.collect::<Vec<Option<String>>>())
    }

    fn bytes<'b>(self, values: impl Iterator<Item = &'b [u8]>) -> Self {
        self.column(values.map(<[u8]>::to_vec).collect::<Vec<Vec<u8>>>())
    }

    fn column<T: Typed + Send + 'static>(mut self, values: T) -> Self {
        self.columns.push((Box::new(values), T::TYPE));
        self
    }

    fn bound<'a>(&'a self, source: &'a i64) -> Vec<Parameter<'a>> {
        let columns = self.columns.iter().map(|(values, column_type)| {
            let values: &(dyn ToSql + Sync) = &**values;
            (values, column_type.clone())
        });
        std::iter::once(source.bound()).chain(columns).collect()
    }
}

impl Statements {
    fn add(&mut self, statement: Statement) {
        self.0.push(statement);
    }

    fn resources(&mut self, overlay: &Overlay) {
        let of = |wanted: fn(&Resource) -> bool| -> Vec<(&ResourceId, &Resource)> {
            overlay.rows.iter().filter(|(_, row)| wanted(row)).collect()
        };
        for text in [REMOVE_RESOURCE, FORGET_SECRETS] {
            for (id, _) in of(|row| row.stored && row.fate == Fate::Goes) {
                self.add(Statement::new(text).column(id.as_bytes().to_vec()));
            }
        }
        let new = of(|row| !row.stored && row.fate != Fate::Goes);
        if !new.is_empty() {
            let statement = Statement::new(ADD_RESOURCES)
                .bytes(new.iter().map(|(id, _)| &id.as_bytes()[..]))
                .texts(new.iter().map(|(_, row)| row.resource_type.clone()))
                .numbers(new.iter().map(|(_, row)| signed(row.version)))
                .numbers(new.iter().map(|(_, row)| row.created))
                .numbers(new.iter().map(|(_, row)| row.last_modified))
                .numbers(new.iter().map(|(_, row)| signed(row.member_count)));
            self.add(with_content(statement, &new));
        }
        for (id, row) in overlay.rows.iter().filter(|(_, row)| row.stored) {
            let of_row = |text| {
                Statement::new(text)
                    .column(id.as_bytes().to_vec())
                    .column(signed(row.version))
                    .column(row.last_modified)
                    .column(signed(row.member_count))
            };
            match row.fate {
                Fate::Touched => self.add(of_row(TOUCH_RESOURCE)),
                Fate::Rewritten => {
                    let content = row.content.as_ref();
                    self.add(
                        of_row(REWRITE_RESOURCE)
                            .column(document_of(content))
                            .column(display_of(content))
                            .column(has_references(content)),
                    );
                }
                _ => {}
            }
        }
    }

    fn keys(&mut self, overlay: &Overlay) {
        let keys = &overlay.writes.keys;
        for ((path, key, id), _) in keys.iter().filter(|(_, comes)| comes.is_none()) {
            let statement = Statement::new(REMOVE_KEY).column(*path).column(keys::stored(key).into_owned());
            self.add(statement.column(id.as_bytes().to_vec()));
        }
        let new: Vec<_> = keys.iter().filter_map(|(key, comes)| Some((key, (*comes)?))).collect();
        if !new.is_empty() {
            self.add(
                Statement::new(ADD_KEYS)
                    .numbers(new.iter().map(|((path, ..), _)| *path))
                    .texts(new.iter().map(|((_, key, _), _)| keys::stored(key).into_owned()))
                    .bytes(new.iter().map(|((.., id), _)| &id.as_bytes()[..]))
                    .numbers(new.iter().map(|(_, is_unique)| i64::from(*is_unique)))
                    .perhaps_texts(new.iter().map(|((_, key, _), _)| keys::whole(key).map(Cow::into_owned))),
            );
        }
    }

    fn members(&mut self, overlay: &Overlay) {
        for (comes, text) in [(false, REMOVE_MEMBERS), (true, ADD_MEMBERS)] {
            let members = &overlay.writes.members;
            let chosen: Vec<_> =
                members.iter().filter(|(_, wanted)| **wanted == comes).map(|(place, _)| place).collect();
            let portion = if comes { chosen.len().max(1) } else { MOST_REMOVED };
            for portion in chosen.chunks(portion) {
                self.add(
                    Statement::new(text)
                        .bytes(portion.iter().map(|(group, _)| &group.as_bytes()[..]))
                        .bytes(portion.iter().map(|(_, member)| member.as_bytes())),
                );
            }
        }
    }

    fn secrets(&mut self, overlay: &Overlay) {
        let secrets = &overlay.writes.secrets;
        for ((id, attribute), _) in secrets.iter().filter(|(_, kept)| kept.is_none()) {
            let statement = Statement::new(REMOVE_SECRET).column(id.as_bytes().to_vec());
            self.add(statement.column(attribute.clone()));
        }
        let kept: Vec<_> = secrets.iter().filter_map(|(place, kept)| Some((place, kept.as_ref()?))).collect();
        if !kept.is_empty() {
            self.add(
                Statement::new(KEEP_SECRETS)
                    .bytes(kept.iter().map(|((id, _), _)| &id.as_bytes()[..]))
                    .texts(kept.iter().map(|((_, attribute), _)| attribute.clone()))
                    .texts(kept.iter().map(|(_, (hash, _))| hash.clone()))
                    .numbers(kept.iter().map(|(_, (_, at))| *at)),
            );
        }
    }

    fn journal(&mut self, overlay: &Overlay) {
        let changes = &overlay.writes.changes;
        if !changes.is_empty() {
            self.add(
                Statement::new(ADD_CHANGES)
                    .numbers(changes.iter().map(|entry| entry.sequence))
                    .numbers(changes.iter().map(|entry| entry.at))
                    .bytes(changes.iter().map(|entry| &entry.actor.as_bytes()[..]))
                    .bytes(changes.iter().map(|entry| &entry.request_id.as_bytes()[..]))
                    .texts(changes.iter().map(|entry| entry.kind.to_owned()))
                    .texts(changes.iter().map(|entry| entry.resource_type.clone()))
                    .bytes(changes.iter().map(|entry| &entry.id.as_bytes()[..]))
                    .numbers(changes.iter().map(|entry| signed(entry.version)))
                    .perhaps_texts(changes.iter().map(|entry| entry.before.as_deref().map(str::to_owned)))
                    .perhaps_texts(changes.iter().map(|entry| entry.after.as_deref().map(str::to_owned))),
            );
            self.add(Statement::new(NUMBER).column(overlay.last.sequence));
        }
        let members = &overlay.writes.changed_members;
        if !members.is_empty() {
            self.add(
                Statement::new(ADD_CHANGED_MEMBERS)
                    .numbers(members.iter().map(|(sequence, ..)| *sequence))
                    .bytes(members.iter().map(|(_, member, _)| member.as_bytes()))
                    .numbers(members.iter().map(|(.., added)| i64::from(*added))),
            );
        }
    }
}

/// Adds document, display name and whether there are references.
fn with_content(statement: Statement, rows: &[(&ResourceId, &Resource)]) -> Statement {
    let contents = || rows.iter().map(|(_, row)| row.content.as_ref());
    statement
        .texts(contents().map(document_of))
        .perhaps_texts(contents().map(display_of))
        .numbers(contents().map(has_references))
}

fn document_of(content: Option<&Content>) -> String {
    content.map(|content| content.document.to_string()).unwrap_or_default()
}

fn display_of(content: Option<&Content>) -> Option<String> {
    content?.display.as_deref().map(|name| keys::storable(name).into_owned())
}

fn has_references(content: Option<&Content>) -> i64 {
    i64::from(content.is_some_and(|content| content.has_references))
}

/// A count as the database has it; none comes near the end of its numbers.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
