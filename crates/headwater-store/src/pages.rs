//! What searches have in common, whatever database they are made in: which of them an index answers
//! in order, bounds, and the places of resources in an order.

use std::{cmp::Ordering, collections::BinaryHeap, time::Duration};

use headwater_scim::filter::{Comparison, Filter, Literal, Operator};

use crate::{
    MEMBERS_PER_PAGE, Page, Position, Query, ResourceId, Selection, Start, StoreError, StoredResource,
};

/// About how much memory the rows may take that are read at once.
pub(crate) const PAGE_BYTES: usize = 32 * 1024 * 1024;
/// How much memory the places may take that are held to be sorted.
pub(crate) const SORT_BYTES: usize = 256 * 1024 * 1024;
/// How long a filter may be evaluated. Identity providers wait for a minute.
pub(crate) const MOST_TIME: Duration = Duration::from_secs(30);
/// About what a membership takes.
pub(crate) const RELATED_BYTES: usize = 160;
/// Whether a query is answered by a few steps in an index, so that it need not leave the thread
/// it comes on.
pub(crate) fn is_quick(query: &Query) -> bool {
    let by_text = match query.selections.as_slice() {
        [selection] => plain_key(selection)
            .is_some_and(|(_, comparison)| matches!(comparison.literal, Literal::Text { .. })),
        _ => false,
    };
    by_text && !query.sorted && query.limit <= 100 && !query.include.members
}

/// The code of the one searchable value that resources are to have, where that is all that is asked.
pub(crate) fn plain_key(selection: &Selection) -> Option<(i64, &Comparison)> {
    let Some(Filter::Compare(comparison)) = &selection.filter else { return None };
    let is_plain = comparison.operator == Operator::Eq
        && !comparison.is_met_by_none()
        && matches!(comparison.literal, Literal::Text { .. } | Literal::Boolean(_) | Literal::Instant { .. });
    if !is_plain {
        return None;
    }
    Some((selection.resource_type.searchable(&comparison.path)?.code, comparison))
}

/// The code of the attribute that is sorted by, where the index has it in order.
pub(crate) fn ordered_code(selection: &Selection) -> Option<i64> {
    let searchable = selection.resource_type.searchable(selection.sort_by.as_ref()?)?;
    searchable.is_single().then_some(searchable.code)
}

/// The direction in which rows are read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    pub(crate) fn beyond(self) -> &'static str {
        match self {
            Self::Up => ">",
            Self::Down => "<",
        }
    }

    pub(crate) fn order(self) -> &'static str {
        match self {
            Self::Up => "ASC",
            Self::Down => "DESC",
        }
    }
}

/// The place of a row in the ascending order: those without a value are last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    valueless: bool,
    pub(crate) key: Option<String>,
    pub(crate) id: ResourceId,
}

impl Rank {
    pub(crate) fn new(key: Option<String>, id: ResourceId) -> Self {
        Self { valueless: key.is_none(), key, id }
    }
}

/// A rank in the direction in which rows are read.
#[derive(PartialEq, Eq)]
struct Directed(Rank, bool);

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> Ordering {
        let ordering = self.0.cmp(&other.0);
        if self.1 { ordering.reverse() } else { ordering }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The first so many ranks.
pub(crate) struct Ranks {
    heap: BinaryHeap<Directed>,
    most: usize,
    bytes: usize,
    direction: Direction,
    /// What they come behind.
    behind: Option<Rank>,
}

impl Ranks {
    /// The first `most` behind a position.
    pub(crate) fn new(most: usize, direction: Direction, behind: Option<&Position>) -> Self {
        let behind = behind.map(|position| Rank::new(position.key.clone(), position.id));
        Self { heap: BinaryHeap::new(), most, bytes: 0, direction, behind }
    }

    fn is_beyond(&self, rank: &Rank) -> bool {
        self.behind.as_ref().is_none_or(|behind| {
            let ordering = rank.cmp(behind);
            if self.direction == Direction::Up { ordering.is_gt() } else { ordering.is_lt() }
        })
    }

    /// Takes a rank, unless it isn't behind the position, or enough come before it.
    ///
    /// # Errors
    /// [`StoreError::TookTooLong`] when they are more than there is memory for.
    pub(crate) fn add(&mut self, rank: Rank) -> Result<(), StoreError> {
        if !self.is_beyond(&rank) {
            return Ok(());
        }
        let rank = Directed(rank, self.direction == Direction::Down);
        let is_full = self.heap.len() >= self.most;
        if is_full && self.heap.peek().is_none_or(|last| rank >= *last) {
            return Ok(());
        }
        self.bytes += Self::size(&rank);
        self.heap.push(rank);
        if is_full && let Some(last) = self.heap.pop() {
            self.bytes -= Self::size(&last);
        }
        if self.bytes > SORT_BYTES { Err(StoreError::TookTooLong) } else { Ok(()) }
    }

    fn size(rank: &Directed) -> usize {
        size_of::<Directed>() + rank.0.key.as_ref().map_or(0, String::len)
    }

    pub(crate) fn in_order(self) -> Vec<Rank> {
        self.heap.into_sorted_vec().into_iter().map(|Directed(rank, _)| rank).collect()
    }
}

impl Query {
    /// Whether an index has all that it asks for in its order, so that no more is read than the page has, or
    /// passed over. Who may lack the value that is sorted by are told by all who have it.
    pub(crate) fn is_by_index(&self) -> bool {
        let has_all = |selection: &Selection| {
            let path = selection.sort_by.as_ref();
            path.is_some_and(|path| path.sub_attribute.is_none() && path.attribute.required)
        };
        match self.selections.as_slice() {
            [selection] if self.sorted => {
                selection.filter.is_none() && ordered_code(selection).is_some() && has_all(selection)
            }
            [selection] => selection.filter.is_none() || plain_key(selection).is_some(),
            _ => false,
        }
    }

    /// The way in which rows are read, in the ascending order.
    pub(crate) fn direction(&self) -> Direction {
        let descending = self.sorted && self.descending;
        if descending == matches!(self.start, Start::Before(_)) { Direction::Up } else { Direction::Down }
    }

    /// The place that rows are read from, and how many are passed over.
    pub(crate) fn beginning(&self) -> (Option<&Position>, u64) {
        match &self.start {
            Start::Offset(offset) => (None, *offset),
            Start::After(position) | Start::Before(position) => (Some(position), 0),
        }
    }

    /// One more than is wanted, so that it is known whether there are more.
    pub(crate) fn limit_and_one(&self) -> i64 {
        i64::try_from(self.limit.saturating_add(1)).unwrap_or(i64::MAX)
    }
}

/// The resources of a type, in the order of an attribute of which the index has the values. Those without a value
/// are behind all others, in the order of their ids.
pub(crate) trait OrderedByIndex {
    /// How many there are.
    fn count(&self) -> Result<u64, StoreError>;

    /// How many of them have a value.
    fn count_valued(&self) -> Result<u64, StoreError>;

    /// Takes those that have a value, from a position or an offset among them.
    fn take_valued(
        &self,
        filling: &mut Filling<'_>,
        from: Option<&Position>,
        offset: u64,
    ) -> Result<(), StoreError>;

    /// Takes those that have none, from a position or an offset among them.
    fn take_valueless(
        &self,
        filling: &mut Filling<'_>,
        from: Option<&Position>,
        offset: u64,
    ) -> Result<(), StoreError>;

    /// Fills a page with those that a query asks for, and counts all.
    fn fill(&self, filling: &mut Filling<'_>) -> Result<u64, StoreError> {
        let query = filling.query;
        let total = self.count()?;
        let (position, offset) = query.beginning();
        if query.limit == 0 || offset >= total && position.is_none() {
            return Ok(total);
        }
        let (among_valued, among_valueless) = match position {
            Some(position) => (position.key.is_some(), position.key.is_none()),
            None => (false, false),
        };
        match query.direction() {
            Direction::Up => {
                if !among_valueless {
                    self.take_valued(filling, position, offset)?;
                }
                if filling.overfull {
                    return Ok(total);
                }
                let valued = self.count_valued()?;
                if valued < total {
                    let offset = if filling.is_empty() { offset.saturating_sub(valued) } else { 0 };
                    self.take_valueless(filling, position.filter(|_| among_valueless), offset)?;
                }
            }
            Direction::Down => {
                let valueless = total.saturating_sub(self.count_valued()?);
                if !among_valued && offset < valueless {
                    self.take_valueless(filling, position, offset)?;
                }
                if !filling.overfull {
                    let offset = if filling.is_empty() { offset.saturating_sub(valueless) } else { 0 };
                    self.take_valued(filling, position.filter(|_| among_valued), offset)?;
                }
            }
        }
        Ok(total)
    }
}

/// A page that is being filled, as far as it fits.
pub(crate) struct Filling<'a> {
    query: &'a Query,
    bytes: usize,
    pub(crate) resources: Vec<StoredResource>,
    keys: Vec<Option<String>>,
    /// Whether a row has come that it has no room for.
    pub(crate) overfull: bool,
    /// Whether it had room for its number.
    is_cut: bool,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(query: &'a Query) -> Self {
        Self { query, bytes: 0, resources: Vec::new(), keys: Vec::new(), overfull: false, is_cut: false }
    }

    /// Takes what `read` gives, with what it is sorted by, or notes that there is one more.
    pub(crate) fn add(
        &mut self,
        key: Option<String>,
        read: impl FnOnce() -> Result<StoredResource, StoreError>,
    ) -> Result<(), StoreError> {
        let is_full = self.resources.len() >= self.query.limit;
        if is_full || self.bytes > self.query.most_bytes {
            self.overfull = true;
            self.is_cut |= !is_full;
            return Ok(());
        }
        let resource = read()?;
        self.bytes += self.size(&resource);
        self.resources.push(resource);
        self.keys.push(key);
        Ok(())
    }

    /// About how much memory a resource takes with its members, be they still to be read, and with its groups,
    /// where they have been read.
    fn size(&self, resource: &StoredResource) -> usize {
        let members = match &resource.members {
            Some(page) => page.members.len(),
            None if self.query.include.members => usize::try_from(resource.member_count)
                .map_or(MEMBERS_PER_PAGE, |count| count.min(MEMBERS_PER_PAGE)),
            None => 0,
        };
        let groups = resource.groups.as_ref().map_or(0, Vec::len);
        resource.document.len() + (members + groups) * RELATED_BYTES
    }

    /// Notes that there are more rows, which would have taken too much memory.
    pub(crate) fn cut(&mut self) {
        self.overfull = true;
        self.is_cut = true;
    }

    /// Leaves out what there is no room for now that relations have been read into its resources.
    pub(crate) fn shorten(&mut self) {
        let mut bytes = 0;
        let fits = self.resources.iter().take_while(|resource| {
            let has_room = bytes <= self.query.most_bytes;
            bytes += self.size(resource);
            has_room
        });
        let fits = fits.count();
        if fits < self.resources.len() {
            self.cut();
        }
        self.resources.truncate(fits);
        self.keys.truncate(fits);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// How many more it takes before it is full, and one, so that it is known whether there are more.
    pub(crate) fn left_and_one(&self) -> usize {
        (self.query.limit + 1).saturating_sub(self.resources.len())
    }

    /// The page, in the order that was asked for: one that ends before a resource was read backwards.
    pub(crate) fn page(mut self, total: Option<u64>) -> Page {
        let backwards = matches!(self.query.start, Start::Before(_));
        if backwards {
            self.resources.reverse();
            self.keys.reverse();
        }
        let position = |resource: Option<&StoredResource>, key: Option<&Option<String>>| {
            Some(Position { key: key?.clone(), id: resource?.id })
        };
        let first = position(self.resources.first(), self.keys.first());
        let last = position(self.resources.last(), self.keys.last());
        let at_cursor = !matches!(self.query.start, Start::Offset(0));
        Page {
            total,
            ends: first.zip(last),
            more_before: if backwards { self.overfull } else { at_cursor },
            more_after: if backwards { true } else { self.overfull },
            is_cut: self.is_cut,
            resources: self.resources,
        }
    }
}
