//! What is read: resources with what others say of them, and pages of them.

use std::sync::Arc;

use headwater_scim::{filter::Filter, path::AttributePath, registry::Registry, resource_type::ResourceType};

use crate::{MemberId, Millis, ResourceId};

/// Which relations are read with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// Its members: the first [`crate::MEMBERS_PER_PAGE`].
    pub members: bool,
    /// The groups that it is a member of.
    pub groups: bool,
}

/// A resource as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResource {
    /// The name of its type.
    pub resource_type: String,
    /// Its id.
    pub id: ResourceId,
    /// Its version, counted from 1.
    pub version: u64,
    /// When it was created.
    pub created: Millis,
    /// When it last changed.
    pub last_modified: Millis,
    /// The JSON object that [`headwater_scim::resource::document`] made.
    pub document: String,
    /// Whether the document refers to other resources.
    pub has_references: bool,
    /// How many members it has.
    pub member_count: u64,
    /// Its first members, where asked for.
    pub members: Option<RelatedPage>,
    /// Its groups, where asked for.
    pub groups: Option<Vec<Related>>,
}

/// Some of the members of a resource, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RelatedPage {
    /// The members.
    pub members: Vec<Related>,
    /// Whether there are more.
    pub more: bool,
}

/// The other side of a membership.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// What the membership names.
    pub id: MemberId,
    /// Whether it is a membership of its own, and not one by way of another group.
    pub direct: bool,
    /// The resource of that id, where there is one.
    pub named: Option<Named>,
}

/// What a resource is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its id.
    pub id: ResourceId,
    /// The name of its type.
    pub resource_type: String,
    /// What people call it.
    pub display: Option<String>,
}

/// Which resources are asked for.
#[derive(Debug, Clone)]
pub struct Query {
    /// The types and schemas of the source.
    pub registry: Arc<Registry>,
    /// Of which types, each with what its resources have to meet; never empty.
    pub selections: Vec<Selection>,
    /// Whether resources are sorted by the values that the selections name; otherwise they come in the
    /// order of their ids, which is that of their creation.
    pub sorted: bool,
    /// Whether the order is turned round; resources without a value come first then.
    pub descending: bool,
    /// Where the page begins.
    pub start: Start,
    /// How many are wanted at most.
    pub limit: usize,
    /// About how much memory the page may take; what is beyond is left to the next page (RFC 7644
    /// §3.4.2.4 allows fewer results than asked for).
    pub most_bytes: usize,
    /// Whether it has to be known how many there are in all; otherwise only where that costs nothing.
    pub counted: bool,
    /// What is read with each.
    pub include: Include,
    /// The base URL of the source, which references in the filter may start with.
    pub base_url: String,
}

/// The resources of a type that meet a filter.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The type.
    pub resource_type: Arc<ResourceType>,
    /// What they have to meet.
    pub filter: Option<Filter>,
    /// What they are sorted by; none where the type doesn't have it.
    pub sort_by: Option<AttributePath>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Behind so many.
    Offset(u64),
    /// Behind a resource, whether or not it is still there.
    After(Position),
    /// So that it ends before a resource, whether or not it is still there.
    Before(Position),
}

/// The place of a resource in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The value that it is sorted by, in comparable form; `None` without a value or an order.
    pub key: Option<String>,
    /// Its id.
    pub id: ResourceId,
}

/// A page of resources.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// How many there are in all, where that was asked for or costs nothing.
    pub total: Option<u64>,
    /// Those of this page, in order.
    pub resources: Vec<StoredResource>,
    /// The places of the first and the last of them.
    pub ends: Option<(Position, Position)>,
    /// Whether there are some before the first; not looked at behind an offset.
    pub more_before: bool,
    /// Whether there are more behind the last.
    pub more_after: bool,
    /// Whether it has fewer than were asked for because they would take too much memory.
    pub is_cut: bool,
}
