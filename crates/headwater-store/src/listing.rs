//! Lists of resources for people: searched, sorted, and read page by page from where one was.

use crate::{Millis, ResourceId, StoredResource};

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A searchable attribute, such as `userName`; resources without a value come last.
    Attribute(&'static str),
    /// The moment of creation.
    Created,
    /// The moment of the last change.
    LastModified,
}

/// Which resources of one source a list has.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The name of their type.
    pub resource_type: &'static str,
    /// What a value of one of the searched attributes has to begin with.
    pub search: Option<String>,
    /// The searchable attributes that are searched, the most telling first.
    pub searched: &'static [&'static str],
    /// Only those that are active, or are not.
    pub active: Option<bool>,
    /// The order.
    pub sort: Sort,
    /// Whether it is turned round.
    pub descending: bool,
    /// Where the last page ended.
    pub after: Option<ListPosition>,
    /// How many at most.
    pub limit: usize,
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPosition {
    /// Behind the resource with this value and id.
    Key(String, ResourceId),
    /// Behind the resource that was changed at this moment and has this id.
    Moment(Millis, ResourceId),
    /// In a search that many meet: behind this resource, among those that one of the searched
    /// attributes finds.
    Match {
        /// The number of the attribute among those that are searched.
        attribute: usize,
        /// The value.
        key: String,
        /// The resource.
        id: ResourceId,
    },
    /// Behind this resource, among those in the order of their ids.
    Id(ResourceId),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListPage {
    /// The resources.
    pub resources: Vec<StoredResource>,
    /// Where to go on, unless that was all. A page may be short, and even empty, and still have
    /// one: only so many rows are looked at at once.
    pub next: Option<ListPosition>,
}
