//! The rows of a batch, a statement a table.

use std::{borrow::Cow, collections::HashMap};

use tokio_postgres::types::{ToSql, Type};

use super::{
    super::statement::{Parameter, Typed},
    batch::{Batch, Entry, Share},
};
use crate::SourceId;

const ADD_REQUESTS: &str = "INSERT INTO request (source_id, sequence, id, at, duration_us, status, operation, \
     is_write, changes, bytes, method, path, query, address, user_agent, token_id, scim_type, error, \
     resource_type, resource_id, display, outcomes) \
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21, $22)";
const ADD_BODIES: &str = "INSERT INTO request_body (source_id, sequence, request_headers, request_body, \
     request_note, response_headers, response_body, response_note) \
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";
const ADD_RESOURCES: &str = "INSERT INTO request_resource (source_id, resource_id, sequence) \
     SELECT * FROM unnest($1, $2, $3) ON CONFLICT (source_id, resource_id, sequence) DO NOTHING";
const ADD_TO_HOURS: &str = "INSERT INTO request_hour AS h (source_id, hour, requests, errors, changes) \
     SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT (source_id, hour) DO UPDATE \
     SET requests = h.requests + excluded.requests, errors = h.errors + excluded.errors, \
     changes = h.changes + excluded.changes";
const REACH: &str = "INSERT INTO milestone (source_id, name, at) SELECT * FROM unnest($1, $2, $3) \
     ON CONFLICT (source_id, name) DO NOTHING";

/// A statement, and what is bound to it: for one of many rows a list of values for each column.
pub(super) struct Statement<'a> {
    pub(super) text: &'static str,
    columns: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, columns: Vec::new() }
    }

    /// Adds the values of the next column.
    pub(super) fn column<T>(self, values: impl Iterator<Item = T>) -> Self
    where
        Vec<T>: Typed + Send + 'a,
    {
        self.value(values.collect::<Vec<T>>())
    }

    /// Adds a single value.
    pub(super) fn value<T: Typed + Send + 'a>(mut self, value: T) -> Self {
        self.columns.push((Box::new(value), T::TYPE));
        self
    }

    pub(super) fn bound(&self) -> Vec<Parameter<'_>> {
        self.columns
            .iter()
            .map(|(values, column_type)| {
                let values: &(dyn ToSql + Sync) = &**values;
                (values, column_type.clone())
            })
            .collect()
    }
}

/// What is to be written of a batch, where `last` has the last number of each of its sources.
pub(super) fn statements<'a>(batch: &'a Batch, last: &HashMap<SourceId, i64>) -> Vec<Statement<'a>> {
    let mut statements = Vec::new();
    if !batch.entries.is_empty() {
        let entries = numbered(batch, last);
        statements.push(requests(&entries));
        let whole: Vec<_> = entries.iter().filter(|(_, entry)| !entry.masked.hurried).copied().collect();
        statements.push(bodies(&whole));
        statements.push(resources(&entries));
    }
    let hours = &batch.hours;
    statements.push(
        Statement::new(ADD_TO_HOURS)
            .column(hours.keys().map(|(source, _)| source.0))
            .column(hours.keys().map(|(_, hour)| *hour))
            .column(hours.values().map(|counted| counted.requests))
            .column(hours.values().map(|counted| counted.errors))
            .column(hours.values().map(|counted| counted.changes)),
    );
    let milestones = &batch.milestones;
    statements.push(
        Statement::new(REACH)
            .column(milestones.keys().map(|(source, _)| source.0))
            .column(milestones.keys().map(|(_, name)| *name))
            .column(milestones.values().copied()),
    );
    statements
}

/// The entries with their numbers: the last of a source gets the last number.
fn numbered<'a>(batch: &'a Batch, last: &HashMap<SourceId, i64>) -> Vec<(i64, &'a Entry)> {
    let before = |(source, share): (&SourceId, &Share)| {
        (*source, last.get(source).copied().unwrap_or_default() - share.entries)
    };
    let mut numbers: HashMap<SourceId, i64> = batch.sources.iter().map(before).collect();
    let number = |entry: &'a Entry| {
        let number = numbers.entry(entry.source).or_default();
        *number += 1;
        (*number, entry)
    };
    batch.entries.iter().map(number).collect()
}

fn requests<'a>(entries: &[(i64, &'a Entry)]) -> Statement<'a> {
    let each = || entries.iter().map(|(_, entry)| *entry);
    let raw = || each().map(|entry| &entry.masked.raw);
    let target = || raw().map(|raw| raw.target.as_ref());
    Statement::new(ADD_REQUESTS)
        .column(each().map(|entry| entry.source.0))
        .column(entries.iter().map(|(number, _)| *number))
        .column(raw().map(|raw| &raw.id.as_bytes()[..]))
        .column(raw().map(|raw| raw.at))
        .column(raw().map(|raw| i64::try_from(raw.duration.as_micros()).unwrap_or(i64::MAX)))
        .column(raw().map(|raw| i64::from(raw.status)))
        .column(raw().map(|raw| raw.operation as i64))
        .column(raw().map(|raw| i64::from(raw.operation.is_write())))
        .column(raw().map(|raw| i64::from(raw.changes)))
        .column(each().map(|entry| entry.bytes))
        .column(raw().map(|raw| text(&raw.method)))
        .column(each().map(|entry| text(&entry.masked.path)))
        .column(each().map(|entry| perhaps(entry.masked.query.as_deref())))
        .column(raw().map(|raw| raw.address.to_string()))
        .column(each().map(|entry| perhaps(entry.masked.user_agent.as_deref())))
        .column(raw().map(|raw| raw.token.as_ref().map(|token| &token.as_bytes()[..])))
        .column(raw().map(|raw| perhaps(raw.scim_type)))
        .column(raw().map(|raw| perhaps(raw.error.as_deref())))
        .column(target().map(|target| perhaps(target.map(|target| target.resource_type.as_str()))))
        .column(target().map(|target| target.map(|target| &target.id.as_bytes()[..])))
        .column(target().map(|target| perhaps(target.and_then(|target| target.display.as_deref()))))
        .column(each().map(|entry| perhaps(entry.outcomes.as_deref())))
}

fn bodies<'a>(entries: &[(i64, &'a Entry)]) -> Statement<'a> {
    let masked = || entries.iter().map(|(_, entry)| &entry.masked);
    Statement::new(ADD_BODIES)
        .column(entries.iter().map(|(_, entry)| entry.source.0))
        .column(entries.iter().map(|(number, _)| *number))
        .column(masked().map(|masked| text(&masked.request.headers)))
        .column(masked().map(|masked| perhaps(masked.request.body.as_deref())))
        .column(masked().map(|masked| perhaps(masked.request.note.as_deref())))
        .column(masked().map(|masked| text(&masked.response.headers)))
        .column(masked().map(|masked| perhaps(masked.response.body.as_deref())))
        .column(masked().map(|masked| perhaps(masked.response.note.as_deref())))
}

fn resources<'a>(entries: &[(i64, &'a Entry)]) -> Statement<'a> {
    let mut named = Vec::new();
    for (number, entry) in entries {
        let raw = &entry.masked.raw;
        let target = raw.target.as_ref().map(|target| &target.id);
        named.extend(raw.resources.iter().chain(target).map(|resource| (entry.source.0, resource, *number)));
    }
    Statement::new(ADD_RESOURCES)
        .column(named.iter().map(|(source, ..)| *source))
        .column(named.iter().map(|(_, resource, _)| &resource.as_bytes()[..]))
        .column(named.iter().map(|(.., number)| *number))
}

/// A text as PostgreSQL takes it: with a picture of the null character in its place.
fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{2400}")) } else { Cow::Borrowed(text) }
}

fn perhaps(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.map(text)
}
