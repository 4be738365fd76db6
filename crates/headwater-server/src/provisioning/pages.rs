//! Lists of resources: filtered, sorted, page by page (RFC 7644 §3.4.2, RFC 9865).

use std::{collections::HashMap, sync::Arc};

use headwater_scim::{
    discovery::{DEFAULT_PAGE, MAX_RESULTS},
    error::{ScimError, ScimType},
    filter::Filter,
    path::AttributePath,
    projection::Projection,
    reference,
    resource_type::ResourceType,
    sort,
};
use headwater_store::{
    Boundary, Include, Page, Position, Query, ReadPage, Selection, Start, StoreError, StoredResource, places,
};
use sha2::{Digest, Sha256};

use super::{
    Answer, Provisioning, Refusal, Shape,
    cursor::Cursor,
    include_in_list,
    representation::{self, ListHead},
};

/// About how much memory a page may take at most.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// About how much it may take without a place of its own.
const FEW_BYTES: usize = 1024 * 1024;

/// What of a list is wanted.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// The filter, as text.
    pub filter: Option<String>,
    /// The attribute that it is sorted by, as text.
    pub sort_by: Option<String>,
    /// The direction.
    pub sort_order: SortOrder,
    /// The position of the first resource, from 1; less counts as 1.
    pub start_index: Option<i64>,
    /// How many; less than 0 counts as 0, more than the maximum as the maximum.
    pub count: Option<i64>,
    /// The cursor, empty for the first page (RFC 9865 §2.1); without one it is paged by index.
    pub cursor: Option<String>,
}

/// The direction of a sorted list (RFC 7644 §3.4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// The least first; what has no value last.
    #[default]
    Ascending,
    /// The opposite.
    Descending,
}

/// A page that was read.
struct Found {
    page: Page,
    /// Its place, where it may be large.
    place: Option<places::Place>,
}

impl Provisioning<'_> {
    /// GET on an endpoint, or on several at once (RFC 7644 §3.4.2).
    ///
    /// # Errors
    /// 400 invalidFilter; invalidValue for a `sortBy` without order; invalidCursor, expiredCursor.
    pub async fn list(
        &self,
        resource_types: &[Arc<ResourceType>],
        request: &ListRequest,
        projections: &[Projection],
    ) -> Result<Answer, Refusal> {
        let selections = selections(resource_types, request, &self.caller.base_url)?;
        // More than can be had is not refused but cut (AMB-19, AMB-30, AMB-31).
        let limit =
            request.count.map_or(DEFAULT_PAGE, |count| usize::try_from(count).unwrap_or(0)).min(MAX_RESULTS);
        let sorted = request.sort_by.is_some();
        let descending = sorted && request.sort_order == SortOrder::Descending;
        let includes =
            resource_types.iter().zip(projections).map(|(one, projection)| include_in_list(one, projection));
        let query = Query {
            registry: Arc::clone(&self.caller.registry),
            selections,
            sorted,
            descending,
            start: Start::Offset(0),
            limit,
            most_bytes: MOST_BYTES,
            counted: true,
            include: includes.fold(Include::default(), |all, one| Include {
                members: all.members || one.members,
                groups: all.groups || one.groups,
            }),
            base_url: self.caller.base_url.clone(),
        };
        let list = self.fingerprint(resource_types, request);
        let (Found { page, place }, head) = match &request.cursor {
            Some(cursor) => self.by_cursor(query, list, cursor).await?,
            None => self.by_index(query, list, request.start_index).await?,
        };
        let by_name: HashMap<&str, (&Arc<ResourceType>, &Projection)> = resource_types
            .iter()
            .zip(projections)
            .map(|(resource_type, projection)| (&*resource_type.name, (resource_type, projection)))
            .collect();
        let of = |stored: &StoredResource| by_name.get(stored.resource_type.as_str()).copied();
        let typed = page.resources.iter().filter_map(|stored| Some((&**of(stored)?.0, stored)));
        let names = self.referenced(typed.collect::<Vec<_>>()).await?;
        let (registry, base_url) = (&self.caller.registry, &*self.caller.base_url);
        let shaped = page.resources.into_iter().filter_map(|mut stored| {
            let (resource_type, projection) = of(&stored)?;
            // They have been read for another type.
            stored.groups = stored.groups.filter(|_| resource_type.inverse().is_some());
            Some(Shape { resource_type, stored, projection, names: &names, registry, base_url })
        });
        let answer = representation::list(&head, &shaped.collect::<Vec<_>>())?;
        Ok(Answer { place: place.filter(|_| answer.length() > FEW_BYTES), ..answer })
    }

    /// A page counted from the beginning, or behind the one before where that is remembered.
    async fn by_index(
        &self,
        mut query: Query,
        list: [u8; 16],
        start_index: Option<i64>,
    ) -> Result<(Found, ListHead), Refusal> {
        let start_index = u64::try_from(start_index.unwrap_or(1)).unwrap_or(1).max(1);
        let (now, store) = (self.context.clock.now(), self.store());
        let began = Boundary {
            source: self.caller.source.id,
            client: self.caller.service_account,
            list,
            descending: query.descending,
            offset: start_index - 1,
        };
        let is_inside = began.offset > 0 && query.limit > 0;
        let went_on = if is_inside { store.go_on(&began, now).await? } else { None };
        let position = went_on.as_ref().map(|went_on| went_on.position.clone());
        query.start = position.map_or(Start::Offset(began.offset), Start::After);
        let Found { mut page, place } = self.search(query).await?;
        let read = began.offset + page.resources.len() as u64;
        let mut total = page.total.unwrap_or_default();
        if went_on.is_some() {
            // More may have gone than are there: whoever walks up to the total is not to miss the rest.
            total = total.max(read + u64::from(page.more_after));
        }
        let end = page.ends.take().map(|(_, last)| (read, last));
        // Nobody goes on from a list that is on one page, as most of those with a filter are.
        if went_on.is_some() || page.more_after && end.is_some() {
            let page = ReadPage { began, went_on, end, is_last: !page.more_after };
            store.note_page(page, now).await?;
        }
        let found = Found { page, place };
        Ok((found, ListHead { total, start_index: Some(start_index), next: None, previous: None }))
    }

    /// A page behind a cursor, or before it.
    async fn by_cursor(
        &self,
        mut query: Query,
        list: [u8; 16],
        cursor: &str,
    ) -> Result<(Found, ListHead), Refusal> {
        let administration = &self.context.administration;
        let now = self.context.clock.now();
        let timeout =
            i64::try_from(self.context.configuration.cursor_timeout_seconds).unwrap_or(i64::MAX / 1_000);
        let given = match cursor {
            "" => None,
            text => Some(Cursor::open(text, &list, now, timeout.saturating_mul(1_000), administration)?),
        };
        if let Some(Cursor { backwards, position, .. }) = &given {
            let start = if *backwards { Start::Before } else { Start::After };
            query.start = start(position.clone());
            query.counted = query.limit == 0;
        }
        let asks_for_none = query.limit == 0;
        let Found { page, place } = self.search(query).await?;
        let total = page.total.or(given.as_ref().map(|cursor| cursor.total)).unwrap_or_default();
        let to = |backwards: bool, position: &Position| {
            Cursor { list, at: now, total, backwards, position: position.clone() }.seal(administration)
        };
        let next = match &page.ends {
            Some((_, last)) if page.more_after => Some(to(false, last)?),
            // Nothing was read: the walk is where it was.
            _ if asks_for_none => given.as_ref().map(|_| cursor.to_owned()),
            _ => None,
        };
        let previous = match (&page.ends, &given) {
            (Some((first, _)), Some(_)) if page.more_before => Some(to(true, first)?),
            // Everything from here on has gone: there is a way back all the same.
            (None, Some(given)) if !given.backwards && !asks_for_none => Some(to(true, &given.position)?),
            _ => None,
        };
        let found = Found { page, place };
        Ok((found, ListHead { total, start_index: None, next, previous }))
    }

    /// Reads a page: with little memory first, and again, when there is a place for it, where that doesn't do.
    async fn search(&self, query: Query) -> Result<Found, Refusal> {
        let small = Query { most_bytes: FEW_BYTES, ..query.clone() };
        let page = self.page(small).await?;
        if !page.is_cut {
            return Ok(Found { page, place: None });
        }
        let place = self.context.room.answers.take(self.caller.source.id).await?;
        Ok(Found { page: self.page(query).await?, place: Some(place) })
    }

    async fn page(&self, query: Query) -> Result<Page, Refusal> {
        match self.store().search(self.caller.source.id, query).await {
            Err(StoreError::TookTooLong) => {
                let detail = "filter: it takes too long to evaluate over this directory; narrow it down";
                Err(ScimError::bad_request(ScimType::TooMany, detail).into())
            }
            page => Ok(page?),
        }
    }

    /// What a list is told from others by: the source, the types, the filter and the order.
    fn fingerprint(&self, resource_types: &[Arc<ResourceType>], request: &ListRequest) -> [u8; 16] {
        let mut hash = Sha256::new();
        let mut feed = |part: &str| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        feed(&self.caller.source.id.0.to_string());
        for resource_type in resource_types {
            feed(&resource_type.name);
        }
        feed(if request.filter.is_some() { "filter" } else { "" });
        feed(request.filter.as_deref().unwrap_or_default());
        feed(request.sort_by.as_deref().unwrap_or_default());
        feed(if request.sort_order == SortOrder::Descending { "descending" } else { "" });
        let mut list = [0; 16];
        list.copy_from_slice(&hash.finalize()[..16]);
        list
    }
}

/// What is asked of each type. An attribute that only another of the types has is one without a value
/// (RFC 7644 §3.4.2.1).
fn selections(
    resource_types: &[Arc<ResourceType>],
    request: &ListRequest,
    base_url: &str,
) -> Result<Vec<Selection>, ScimError> {
    let mut selections = Vec::with_capacity(resource_types.len());
    let canonical = |filter| reference::canonical(filter, base_url);
    let mut order_unknown = None;
    for resource_type in resource_types {
        let filter = request.filter.as_deref();
        let filter =
            filter.map(|text| Filter::parse_among(text, resource_type, resource_types)).transpose()?;
        let filter = filter.map(canonical);
        let of_version = |filter: &Filter| resource_type.inverse().is_some() && filter.mentions(&is_version);
        if filter.as_ref().is_some_and(of_version) {
            let detail = format!(
                "filter: meta.version of a {} follows its groups and can't be used",
                resource_type.name
            );
            return Err(ScimError::bad_request(ScimType::InvalidFilter, detail));
        }
        let by_version = |path: &AttributePath| resource_type.inverse().is_some() && is_version(path);
        let sort_by = match request.sort_by.as_deref().map(|text| sort::parse(text, resource_type)) {
            None => None,
            Some(Ok(path)) if by_version(&path) => {
                let detail = format!("sortBy: meta.version of a {} has no order", resource_type.name);
                order_unknown = Some(ScimError::invalid_value(detail));
                None
            }
            Some(Ok(path)) => Some(path),
            Some(Err(error)) => {
                order_unknown = Some(error);
                None
            }
        };
        selections.push(Selection { resource_type: Arc::clone(resource_type), filter, sort_by });
    }
    match order_unknown {
        Some(error) if selections.iter().all(|selection| selection.sort_by.is_none()) => Err(error),
        _ => Ok(selections),
    }
}

fn is_version(path: &AttributePath) -> bool {
    path.extension.is_none() && path.attribute.name == "meta" && path.leaf().name == "version"
}
