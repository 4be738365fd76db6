//! Where walks by index go on.
//!
//! A position counted from the beginning shifts when a resource before it goes: the next page would
//! skip one. So the store remembers for a while where each page ended, and the page that begins
//! there begins behind that resource, whatever has come or gone before it.
//!
//! What is decided stands here, once for all stores. Where the ends of pages are kept is theirs: in
//! memory (`memory`) where there is one process, in a table where there may be many.

mod memory;

use std::cmp::Ordering;

use uuid::Uuid;

use crate::{Millis, Position, SourceId};

pub(crate) use memory::Walks;

/// For how long the end of a page is remembered.
const REMEMBERED: Millis = 10 * 60 * 1_000;
/// How many boundaries are remembered, in all or of a source; the oldest goes first.
pub(crate) const MOST: usize = 20_000;
/// How many walks of one client through one list are told apart at the same boundary.
pub(crate) const MOST_AT_ONCE: usize = 8;
/// The longest value that is remembered, in bytes.
const LONGEST: usize = 2_000;

/// A boundary between two pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Boundary {
    /// The source.
    pub source: SourceId,
    /// Whose walk it is: the service account.
    pub client: Uuid,
    /// What of: types, filter and order.
    pub list: [u8; 16],
    /// Whether the list is read backwards.
    pub descending: bool,
    /// How many resources come before it.
    pub offset: u64,
}

/// What a page goes on from, and what is to be remembered once it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WentOn {
    /// Where the page before ended.
    pub position: Position,
    /// The boundary that the page before began at, and which end there was its, unless somebody else has
    /// been here: it is not asked for again.
    pub(crate) before: Option<(u64, Option<Position>)>,
    /// The end that is done with should this be the last page.
    pub(crate) here: Option<Position>,
}

/// A page by index that has been read.
#[derive(Debug, Clone)]
pub struct ReadPage {
    /// Where it began.
    pub began: Boundary,
    /// What it went on from, unless it was counted from the beginning.
    pub went_on: Option<WentOn>,
    /// The boundary behind it, and its last resource; none when it is empty.
    pub end: Option<(u64, Position)>,
    /// Whether nothing comes behind it.
    pub is_last: bool,
}

impl ReadPage {
    /// The end that is remembered, with its boundary.
    pub(crate) fn remembered(&self) -> Option<(Boundary, &Position)> {
        self.end_if(|position| !is_long(position))
    }

    /// The boundary behind it, where its end is too long to be remembered: what others have left there is not its,
    /// so that whoever comes there is counted from the beginning.
    pub(crate) fn forgotten(&self) -> Option<Boundary> {
        self.end_if(is_long).map(|(boundary, _)| boundary)
    }

    fn end_if(&self, is_meant: impl FnOnce(&Position) -> bool) -> Option<(Boundary, &Position)> {
        let (offset, position) = self.end.as_ref()?;
        is_meant(position).then_some((Boundary { offset: *offset, ..self.began }, position))
    }

    /// How many walks are at its end: none where it was the last. Whoever asks for more all the same goes on
    /// from there, unless another walk is at that boundary. What that has passed came later than all of this one.
    pub(crate) fn walks_on(&self) -> u64 {
        u64::from(!self.is_last)
    }

    /// The offset of the boundary that it began at, if it was remembered.
    pub(crate) fn came_from(&self) -> Option<u64> {
        self.went_on.as_ref().map(|_| self.began.offset)
    }
}

fn is_long(position: &Position) -> bool {
    position.key.as_ref().is_some_and(|key| key.len() > LONGEST)
}

/// Where pages ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) position: Position,
    pub(crate) noted: Millis,
    /// How many walks are here, or have gone on and may ask again because the answer was lost.
    pub(crate) open: u64,
    /// The offset of the place that the page began at, until somebody goes on from here.
    pub(crate) from: Option<u64>,
}

/// The moment at which what was noted then or before is forgotten.
pub(crate) fn horizon(now: Millis) -> Millis {
    now - REMEMBERED
}

/// Puts the ends at a boundary in the order of their list.
pub(crate) fn sort(ends: &mut [End], descending: bool) {
    ends.sort_by(|left, right| order(&left.position, &right.position, descending));
}

/// Which of two positions comes first in a list. Those without a value are last in ascending order.
fn order(left: &Position, right: &Position, descending: bool) -> Ordering {
    let rank = |position: &Position| (position.key.is_none(), position.key.clone(), position.id);
    let ordering = rank(left).cmp(&rank(right));
    if descending { ordering.reverse() } else { ordering }
}

/// What a page goes on from that begins where these pages ended, which are in order, and none of them
/// forgotten; `farthest_at` is [`farthest`] of another boundary.
///
/// While several walks are at the same boundary, each goes on from the end that is least far: it may then
/// see a resource twice, but none misses one. Where every walk has gone on for good, the end counts that was
/// noted last: that of the walk which is asked for again, or for more than there was.
pub(crate) fn go_on(here: &[End], farthest_at: impl FnOnce(u64) -> Option<Position>) -> Option<WentOn> {
    let latest = || here.iter().rev().max_by_key(|end| end.noted);
    let end = here.iter().find(|end| end.open > 0).or_else(latest)?;
    let before = end.from.map(|offset| (offset, farthest_at(offset)));
    Some(WentOn { position: end.position.clone(), before, here: farthest(here) })
}

/// The end that is closed when a walk has gone on for good. Which of those that were there is not known:
/// so the one that is farthest is taken to have been its.
pub(crate) fn farthest(ends: &[End]) -> Option<Position> {
    ends.iter().rfind(|end| end.open > 0).map(|end| end.position.clone())
}

/// Takes out an end where there are too many, the farthest that nobody needs or else the farthest, and
/// says who is to stand for it: whoever was there goes on from that, for as long.
pub(crate) fn give_way(ends: &mut Vec<End>) -> Option<(End, Option<Position>)> {
    if ends.len() <= MOST_AT_ONCE {
        return None;
    }
    let gone = ends.remove(ends.iter().rposition(|end| end.open == 0).unwrap_or(ends.len() - 1));
    let mut heir = None;
    if gone.open > 0
        && let Some(last) = ends.last_mut()
    {
        (last.noted, last.open) = (gone.noted.max(last.noted), last.open + gone.open);
        heir = Some(last.position.clone());
    }
    Some((gone, heir))
}
