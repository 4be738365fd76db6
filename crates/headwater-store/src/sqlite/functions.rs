//! SQL functions that evaluate what no index answers, on the row in hand.

use std::sync::{Arc, Mutex};

use headwater_scim::{
    Object, date_time,
    filter::Filter,
    resource_type::{Registry, ResourceType},
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

/// A filter that a function evaluates.
pub(super) struct Slot {
    filter: Filter,
    kind: Kind,
    base_url: String,
}

enum Kind {
    /// On a resource of an endpoint; `meta` is only put together when the filter names it.
    Resource { endpoint: String, resource_type: String, names_meta: bool },
    /// On the other side of a membership.
    Related { inverse: bool },
}

impl Slot {
    pub(super) fn resource(filter: Filter, resource_type: &ResourceType, base_url: &str) -> Self {
        let names_meta = filter.mentions(&|path| path.extension.is_none() && path.attribute.name == "meta");
        let kind = Kind::Resource {
            endpoint: resource_type.endpoint.clone(),
            resource_type: resource_type.name.to_string(),
            names_meta,
        };
        Self { filter, kind, base_url: base_url.to_owned() }
    }

    pub(super) fn related(filter: Filter, inverse: bool, base_url: &str) -> Self {
        Self { filter, kind: Kind::Related { inverse }, base_url: base_url.to_owned() }
    }
}

pub(super) fn register(connection: &Connection, slots: &Slots) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let of_resources = Arc::clone(slots);
    connection.create_scalar_function("scim_matches", 6, flags, move |row| {
        with_slot(&of_resources, row, matches_resource)
    })?;
    let of_related = Arc::clone(slots);
    connection.create_scalar_function("scim_related_matches", 4, flags, move |row| {
        with_slot(&of_related, row, matches_related)
    })
}

fn with_slot(
    slots: &Slots,
    row: &Context<'_>,
    matches: fn(&Slot, &Context<'_>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let number: usize = row.get(0)?;
    let slots = lock(slots);
    let slot = slots.get(number).ok_or_else(|| failed("there is no filter of this number"))?;
    matches(slot, row)
}

fn matches_resource(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<bool> {
    let Kind::Resource { endpoint, resource_type, names_meta } = &slot.kind else {
        return Err(failed("the filter is for memberships"));
    };
    let document = row.get_raw(1).as_str()?;
    let mut resource: Object =
        serde_json::from_str(document).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
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
    Ok(slot.filter.matches(&resource))
}

fn matches_related(slot: &Slot, row: &Context<'_>) -> rusqlite::Result<bool> {
    let Kind::Related { inverse } = slot.kind else { return Err(failed("the filter is for resources")) };
    let related = read::related_of(row.get_raw(1).as_blob()?, row.get(2)?, row.get(3)?);
    let mut element = read::element(&related, inverse);
    let registry = Registry::built_in();
    let named = related.named.and_then(|named| registry.resource_type(&named.resource_type).cloned());
    if let Some(resource_type) = named {
        let url = format!("{}{}/{}", slot.base_url, resource_type.endpoint, related.id.to_text());
        element.insert("$ref".to_owned(), url.into());
    }
    Ok(slot.filter.matches_element(&element.into()))
}

fn failed(reason: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(reason.into())
}
