//! Lists, page by page: a page says where the next one begins, by a cursor that means nothing to
//! its holder.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::Problem;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
const MAX_CURSOR: usize = 4_096;
/// How many items of a page are looked at side by side where each takes round trips to the database.
pub(super) const AHEAD: usize = 4;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// What is on the page.
    pub(super) items: Vec<T>,
    /// Where the next page begins; none when this was the last. A page may be short, and even
    /// empty, and still have a next one.
    pub(super) next: Option<String>,
    /// How many there are in all, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
}

impl<T> Page<T> {
    pub(super) fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next, total: None }
    }
}

/// Which page is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    pub(super) limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    pub(super) cursor: Option<String>,
}

/// How many at most a page has.
pub(super) fn limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::invalid("limit", format!("A page has from 1 to {MAX_LIMIT} items."))),
    }
}

/// A cursor for a place in a list.
pub(super) fn cursor(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// The place that a cursor is for.
pub(super) fn place<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = if cursor.len() <= MAX_CURSOR { URL_SAFE_NO_PAD.decode(cursor).ok() } else { None };
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match place {
        Some(place) => Ok(Some(place)),
        None => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_cursor",
            "The cursor is not one of this list; begin again without one.",
        )),
    }
}

/// A page of what is all in memory, in the order of its keys. The cursor holds the key of the last
/// item, so that what comes and goes between two pages makes no other item come twice or not at all.
pub(super) fn of_all<T, K: Serialize + DeserializeOwned + PartialOrd>(
    all: Vec<T>,
    paging: &Paging,
    order: ByKey,
    key: impl Fn(&T) -> K,
) -> Result<Page<T>, Problem> {
    let limit = limit(paging.limit)?;
    let after: Option<K> = place(paging.cursor.as_deref())?;
    let total = all.len() as u64;
    debug_assert!(
        all.is_sorted_by(|left, right| match order {
            ByKey::Ascending => key(left) <= key(right),
            ByKey::Descending => key(left) >= key(right),
        }),
        "it is in the order of its keys"
    );
    let is_behind = |item: &T| {
        after.as_ref().is_none_or(|after| match order {
            ByKey::Ascending => key(item) > *after,
            ByKey::Descending => key(item) < *after,
        })
    };
    let mut items: Vec<T> = all.into_iter().filter(is_behind).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| cursor(&key(last)));
    Ok(Page { items, next, total: Some(total) })
}

/// Which way round a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByKey {
    Ascending,
    Descending,
}
