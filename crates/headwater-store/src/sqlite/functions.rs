//! SQL functions that evaluate what no index answers, on the row in hand.

use std::sync::{Arc, Mutex};

use headwater_scim::{Object, filter::Filter, path::AttributePath, resource_type::ResourceType, sort};
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
};

use super::{lock, read};
use crate::{
    Named, ResourceId,
    evaluation::{self, About, Basis},
    related,
};

/// The filters of the query that a connection is running, by number.
pub(super) type Slots = Arc<Mutex<Vec<Slot>>>;

/// A filter that a function evaluates.
pub(super) struct Slot {
    /// None for what is sorted by.
    filter: Option<Filter>,
    kind: Kind,
    basis: Basis,
}

enum Kind {
    /// On a resource of an endpoint; `meta` is only put together when the filter names it.
    Resource { endpoint: String, resource_type: String, names_meta: bool },
    /// On a resource with one of its references completed, as answers have it.
    Reference { path: AttributePath },
    /// On the other side of a membership.
    Related { inverse: bool },
    /// Not a filter: the value that a resource is sorted by.
    Sort { path: AttributePath },
}

impl Slot {
    pub(super) fn resource(filter: Filter, resource_type: &ResourceType, basis: &Basis) -> Self {
        let names_meta = evaluation::names_meta(&filter);
        let (endpoint, resource_type) = evaluation::names_of(resource_type);
        let kind = Kind::Resource { endpoint, resource_type, names_meta };
        Self::new(Some(filter), kind, basis)
    }

    pub(super) fn related(filter: Filter, inverse: bool, basis: &Basis) -> Self {
        Self::new(Some(filter), Kind::Related { inverse }, basis)
    }

    /// `filter` is about the reference at `path`.
    pub(super) fn reference(filter: Filter, path: AttributePath, basis: &Basis) -> Self {
        Self::new(Some(filter), Kind::Reference { path }, basis)
    }

    pub(super) fn sort(path: AttributePath, basis: &Basis) -> Self {
        Self::new(None, Kind::Sort { path }, basis)
    }

    fn new(filter: Option<Filter>, kind: Kind, basis: &Basis) -> Self {
        Self { filter, kind, basis: basis.clone() }
    }

    fn filter(&self) -> rusqlite::Result<&Filter> {
        self.filter.as_ref().ok_or_else(|| failed("there is no filter of this number"))
    }
}

pub(super) fn register(connection: &Connection, slots: &Slots) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let of_resources = Arc::clone(slots);
    connection.create_scalar_function("scim_matches", 6, flags, move |row| {
        with_slot(&of_resources, row, matches_resource)
    })?;
    let of_related = Arc::clone(slots);
    connection.create_scalar_function("scim_related_matches", 5, flags, move |row| {
        with_slot(&of_related, row, matches_related)
    })?;
    let of_references = Arc::clone(slots);
    connection.create_scalar_function("scim_reference_matches", 5, flags, move |row| {
        with_slot(&of_references, row, matches_reference)
    })?;
    connection.create_scalar_function("scim_resource_id", 1, flags, |row| {
        let id = row.get_raw(0).as_str().ok().and_then(ResourceId::parse);
        Ok(id.map(|id| id.as_bytes().to_vec()))
    })?;
    connection.create_scalar_function("scim_row_number", 1, flags, |row| {
        let id = row.get_raw(0).as_blob().ok().and_then(ResourceId::from_slice);
        Ok(id.map(read::row_number))
    })?;
    let of_sorting = Arc::clone(slots);
    connection
        .create_scalar_function("scim_sort_key", 2, flags, move |row| with_slot(&of_sorting, row, sort_key))
}

fn with_slot<T>(
    slots: &Slots,
    row: &Context<'_>,
    matches: fn(&Slot, &Context<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let number: usize = row.get(0)?;
    let slots = lock(slots);
    let slot = slots.get(number).ok_or_else(|| failed("there is no filter of this number"))?;
    matches(slot, row)
}

fn matches_resource(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<bool> {
    let Kind::Resource { endpoint, resource_type, names_meta } = &slot.kind else {
        return Err(failed("the filter is for memberships"));
    };
    let mut resource = document(row)?;
    if *names_meta {
        let id =
            ResourceId::from_slice(row.get_raw(2).as_blob()?).ok_or_else(|| failed("an id has 16 bytes"))?;
        let about = About { id, version: row.get(3)?, created: row.get(4)?, last_modified: row.get(5)? };
        slot.basis.add_meta(&mut resource, resource_type, endpoint, &about);
    }
    Ok(slot.filter()?.matches(&resource))
}

/// The document in the second argument.
fn document(row: &Context<'_>) -> rusqlite::Result<Object> {
    let document = row.get_raw(1).as_str()?;
    serde_json::from_str(document).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))
}

/// The arguments are the slot, a document, and id, type and name of what its reference names.
fn matches_reference(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<bool> {
    let Kind::Reference { path } = &slot.kind else { return Err(failed("the filter is for others")) };
    let mut resource = document(row)?;
    let named: Option<Vec<u8>> = row.get(2)?;
    if let Some(id) = named.as_deref().and_then(ResourceId::from_slice) {
        slot.basis.complete(
            &mut resource,
            path,
            &Named { id, resource_type: row.get(3)?, display: row.get(4)? },
        );
    }
    Ok(slot.filter()?.matches(&resource))
}

fn sort_key(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let Kind::Sort { path } = &slot.kind else { return Err(failed("nothing is sorted by this")) };
    Ok(sort::key(path, &document(row)?))
}

fn matches_related(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<bool> {
    let Kind::Related { inverse } = slot.kind else { return Err(failed("the filter is for resources")) };
    let related = related::of(row.get_raw(1).as_blob()?, row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(slot.basis.matches_related(slot.filter()?, &related, inverse))
}

fn failed(reason: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(reason.into())
}
