//! SQL functions that evaluate what no index answers, on the row in hand.

use std::sync::{Arc, Mutex};

use headwater_scim::{
    Object, date_time, filter::Filter, path::AttributePath, registry::Registry, resource::complete_reference,
    resource_type::ResourceType, sort,
};
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
};
use serde_json::json;

use super::{lock, read};
use crate::ResourceId;

/// The filters of the query that a connection is running, by number.
pub(super) type Slots = Arc<Mutex<Vec<Slot>>>;

/// What values that are computed for an answer are made from.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) registry: Arc<Registry>,
    pub(super) base_url: String,
}

/// A filter that a function evaluates.
pub(super) struct Slot {
    /// None for what is sorted by.
    filter: Option<Filter>,
    kind: Kind,
    registry: Arc<Registry>,
    base_url: String,
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
    pub(super) fn resource(filter: Filter, resource_type: &ResourceType, place: &Place) -> Self {
        let names_meta = filter.mentions(&|path| path.extension.is_none() && path.attribute.name == "meta");
        let kind = Kind::Resource {
            endpoint: resource_type.endpoint.clone(),
            resource_type: resource_type.name.to_string(),
            names_meta,
        };
        Self::new(Some(filter), kind, place)
    }

    pub(super) fn related(filter: Filter, inverse: bool, place: &Place) -> Self {
        Self::new(Some(filter), Kind::Related { inverse }, place)
    }

    /// `filter` is about the reference at `path`.
    pub(super) fn reference(filter: Filter, path: AttributePath, place: &Place) -> Self {
        Self::new(Some(filter), Kind::Reference { path }, place)
    }

    pub(super) fn sort(path: AttributePath, place: &Place) -> Self {
        Self::new(None, Kind::Sort { path }, place)
    }

    fn new(filter: Option<Filter>, kind: Kind, place: &Place) -> Self {
        let Place { registry, base_url } = place;
        Self { filter, kind, registry: Arc::clone(registry), base_url: base_url.clone() }
    }

    fn filter(&self) -> rusqlite::Result<&Filter> {
        self.filter.as_ref().ok_or_else(|| failed("there is no filter of this number"))
    }

    /// The URI of a resource of a type.
    fn location(&self, resource_type: &str, id: &str) -> Option<String> {
        let resource_type = self.registry.resource_type(resource_type)?;
        Some(format!("{}{}/{id}", self.base_url, resource_type.endpoint))
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
        let version: i64 = row.get(3)?;
        let meta = json!({
            "resourceType": resource_type,
            "created": date_time::format_millis(row.get(4)?),
            "lastModified": date_time::format_millis(row.get(5)?),
            "location": format!("{}{endpoint}/{id}", slot.base_url),
            "version": format!("W/\"{version}\""),
        });
        resource.insert("meta".to_owned(), meta);
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
        let (resource_type, display): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let url = slot.location(&resource_type, &id.to_string());
        complete_reference(&mut resource, path, url, display.as_deref());
    }
    Ok(slot.filter()?.matches(&resource))
}

fn sort_key(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let Kind::Sort { path } = &slot.kind else { return Err(failed("nothing is sorted by this")) };
    Ok(sort::key(path, &document(row)?))
}

fn matches_related(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<bool> {
    let Kind::Related { inverse } = slot.kind else { return Err(failed("the filter is for resources")) };
    let related = read::related_of(row.get_raw(1).as_blob()?, row.get(2)?, row.get(3)?, row.get(4)?);
    let mut element = read::element(&related, inverse);
    let named = related.named.as_ref();
    if let Some(url) = named.and_then(|named| slot.location(&named.resource_type, &related.id.to_text())) {
        element.insert("$ref".to_owned(), url.into());
    }
    Ok(slot.filter()?.matches_element(&element.into()))
}

fn failed(reason: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(reason.into())
}
