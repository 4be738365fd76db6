//! Where walks by index go on.
//!
//! A position counted from the beginning shifts when a resource before it goes: the next page would
//! skip one. So the server remembers for a while where each page ended, and the page that begins
//! there begins behind that resource, whatever has come or gone before it.

use std::{
    cmp::Ordering,
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use headwater_store::{Millis, Position};
use uuid::Uuid;

/// For how long the end of a page is remembered.
const REMEMBERED: Millis = 10 * 60 * 1_000;
/// How many ends are remembered; the oldest goes first.
const MOST: usize = 20_000;
/// How many walks of one client through one list are told apart at the same place.
const MOST_AT_ONCE: usize = 8;
/// The longest value that is remembered, in bytes.
const LONGEST: usize = 1_000;

/// A place between two pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose walk it is: the service account.
    pub client: Uuid,
    /// What of: source, types, filter and order.
    pub list: [u8; 16],
    /// How many resources come before it.
    pub offset: u64,
}

/// The ends of pages, by what comes next.
#[derive(Debug, Default)]
pub struct Walks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ends: HashMap<Place, Vec<End>>,
    /// The places in the order in which they were noted.
    order: VecDeque<Place>,
}

/// Where pages ended.
#[derive(Debug)]
struct End {
    position: Position,
    noted: Millis,
    /// How many walks are here, or have gone on and may ask again because the answer was lost.
    open: usize,
    /// The offset of the place that the page began at, until somebody goes on from here.
    from: Option<u64>,
}

impl Walks {
    /// Remembers that a page ended so, which began behind an end at the offset `from`.
    pub fn note(&self, place: Place, position: Position, descending: bool, from: Option<u64>, now: Millis) {
        if position.key.as_ref().is_some_and(|key| key.len() > LONGEST) {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.ends.contains_key(&place) {
            while known.order.len() >= MOST {
                if let Some(oldest) = known.order.pop_front() {
                    known.ends.remove(&oldest);
                }
            }
            known.order.push_back(place);
        }
        let ends = known.ends.entry(place).or_default();
        ends.retain(|end| now - end.noted < REMEMBERED);
        if let Some(end) = ends.iter_mut().find(|end| end.position == position) {
            (end.noted, end.open, end.from) = (now, end.open + 1, from);
            return;
        }
        ends.push(End { position, noted: now, open: 1, from });
        ends.sort_by(|left, right| order(&left.position, &right.position, descending));
        if ends.len() > MOST_AT_ONCE {
            let left = ends.iter().rposition(|end| end.open == 0).unwrap_or(ends.len() - 1);
            let gone = ends.remove(left);
            if gone.open > 0
                && let Some(last) = ends.last_mut()
            {
                // Whoever was there goes on from here, for as long.
                (last.noted, last.open) = (gone.noted.max(last.noted), last.open + gone.open);
            }
        }
    }

    /// Where the page before ended, as far as that is remembered. While several walks are at the same
    /// place, each goes on from the one that is least far: it may then see a resource twice, but none
    /// misses one. Ends that every walk has gone on from for good count when there are no others.
    pub fn go_on(&self, place: &Place, now: Millis) -> Option<Position> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = known.ends.get_mut(place)?;
        ends.retain(|end| now - end.noted < REMEMBERED);
        let chosen = ends.iter().position(|end| end.open > 0).unwrap_or_default();
        let end = ends.get_mut(chosen)?;
        let position = end.position.clone();
        // Its page has arrived: the one before is not asked for again.
        if let Some(offset) = end.from.take() {
            known.close(&Place { offset, ..*place });
        }
        Some(position)
    }

    /// A walk has gone on from a place to the last page.
    pub fn finish(&self, place: &Place) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).close(place);
    }
}

impl Known {
    /// A walk has gone on from a place for good. Which of those that were there is not known: so the
    /// end that is farthest is taken to have been its.
    fn close(&mut self, place: &Place) {
        let ends = self.ends.get_mut(place).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(end) = ends.iter_mut().rev().find(|end| end.open > 0) {
            end.open -= 1;
        }
    }
}

/// Which of two positions comes first in a list. Those without a value are last in ascending order.
fn order(left: &Position, right: &Position, descending: bool) -> Ordering {
    let rank = |position: &Position| (position.key.is_none(), position.key.clone(), position.id);
    let ordering = rank(left).cmp(&rank(right));
    if descending { ordering.reverse() } else { ordering }
}

#[cfg(test)]
mod tests {
    use headwater_store::{Position, ResourceId};
    use uuid::Uuid;

    use super::{MOST, MOST_AT_ONCE, Place, REMEMBERED, Walks};

    fn place(offset: u64) -> Place {
        Place { client: Uuid::nil(), list: [0; 16], offset }
    }

    fn position(number: u128) -> Position {
        Position { key: None, id: ResourceId(Uuid::from_u128(number)) }
    }

    #[test]
    fn a_walk_goes_on_where_its_page_ended() {
        let walks = Walks::default();
        walks.note(place(100), position(7), false, None, 0);
        assert_eq!(walks.go_on(&place(200), 1), None);
        assert_eq!(walks.go_on(&place(100), 1), Some(position(7)));
        assert_eq!(walks.go_on(&place(100), 2), Some(position(7)), "the answer was lost");
        assert_eq!(walks.go_on(&place(100), REMEMBERED + 1), None, "that was long ago");
    }

    #[test]
    fn of_two_walks_neither_misses_anything() {
        let walks = Walks::default();
        walks.note(place(100), position(9), false, None, 0);
        walks.note(place(100), position(7), false, None, 0);
        assert_eq!(walks.go_on(&place(100), 1), Some(position(7)));
        assert_eq!(walks.go_on(&place(100), 1), Some(position(7)), "it may be the one that ended at 7");
        let walks = Walks::default();
        walks.note(place(100), position(9), true, None, 0);
        walks.note(place(100), position(7), true, None, 0);
        assert_eq!(walks.go_on(&place(100), 1), Some(position(9)), "backwards");
    }

    #[test]
    fn a_later_walk_begins_anew() {
        let walks = Walks::default();
        walks.note(place(100), position(7), false, None, 0);
        walks.go_on(&place(100), 1);
        walks.finish(&place(100));
        assert_eq!(walks.go_on(&place(100), 2), Some(position(7)), "the last answer was lost");
        walks.note(place(100), position(9), false, None, 3);
        assert_eq!(walks.go_on(&place(100), 4), Some(position(9)));
    }

    #[test]
    fn a_page_is_asked_for_again_while_another_walk_has_begun() {
        let walks = Walks::default();
        walks.note(place(100), position(7), false, None, 0);
        walks.go_on(&place(100), 1);
        walks.note(place(200), position(17), false, Some(100), 1);
        walks.note(place(100), position(9), false, None, 2);
        assert_eq!(walks.go_on(&place(100), 3), Some(position(7)), "the answer was lost");
        assert_eq!(walks.go_on(&place(200), 4), Some(position(17)), "now it has come");
        assert_eq!(walks.go_on(&place(100), 5), Some(position(7)), "which of the two it was is not known");
        walks.note(place(200), position(17), false, Some(100), 5);
        walks.go_on(&place(200), 6);
        walks.note(place(100), position(11), false, None, 7);
        assert_eq!(walks.go_on(&place(100), 8), Some(position(11)), "both have gone");
    }

    #[test]
    fn the_farthest_of_too_many_gives_way() {
        let walks = Walks::default();
        for number in (1..=20).rev() {
            walks.note(place(100), position(number), false, None, 0);
        }
        assert_eq!(walks.go_on(&place(100), 1), Some(position(1)));
        assert!(walks.0.lock().expect("not poisoned").ends[&place(100)].len() <= MOST_AT_ONCE);
    }

    #[test]
    fn only_so_much_is_remembered() {
        let walks = Walks::default();
        for offset in 0..3 * MOST as u64 {
            walks.note(place(offset), position(1), false, None, 0);
        }
        let known = walks.0.lock().expect("not poisoned");
        assert!(known.ends.len() <= MOST && known.order.len() <= MOST);
    }
}
