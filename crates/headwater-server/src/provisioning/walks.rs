//! Where walks by index go on.
//!
//! A position counted from the beginning shifts when a resource before it goes: the next page would
//! skip one. So the server remembers for a while where each page ended, and the page that begins
//! there begins behind that resource, whatever has come or gone before it.

use std::{
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
    ends: HashMap<Place, Ends>,
    /// The places in the order in which they were noted.
    order: VecDeque<Place>,
}

/// The pages that ended at a place.
#[derive(Debug, Default)]
struct Ends {
    positions: Vec<(Position, Millis)>,
    /// How many pages ended here, and how many have been gone on from.
    noted: usize,
    asked: usize,
}

impl Ends {
    /// Whether every walk has gone on. They may ask again: an answer may have been lost.
    fn are_used(&self) -> bool {
        self.asked >= self.noted
    }
}

impl Walks {
    /// Remembers that a page ended so.
    pub fn note(&self, place: Place, position: Position, now: Millis) {
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
        ends.positions.retain(|(_, at)| now - at < REMEMBERED);
        if ends.are_used() || ends.positions.is_empty() {
            *ends = Ends::default();
        }
        ends.noted += 1;
        if let Some((_, at)) = ends.positions.iter_mut().find(|(known, _)| *known == position) {
            *at = now;
        } else if ends.positions.len() < MOST_AT_ONCE {
            ends.positions.push((position, now));
        }
    }

    /// Where the page before ended, as far as that is remembered. While several walks are at the same
    /// place, each goes on from the one that is least far: it may then see a resource twice, but none
    /// misses one.
    pub fn go_on(&self, place: &Place, descending: bool, now: Millis) -> Option<Position> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = known.ends.get_mut(place)?;
        ends.positions.retain(|(_, at)| now - at < REMEMBERED);
        ends.asked += 1;
        let rank = |position: &Position| (position.key.is_none(), position.key.clone(), position.id);
        let positions = ends.positions.iter().map(|(position, _)| position);
        let least = if descending {
            positions.max_by_key(|position| rank(position))
        } else {
            positions.min_by_key(|position| rank(position))
        };
        least.cloned()
    }
}

#[cfg(test)]
mod tests {
    use headwater_store::{Position, ResourceId};
    use uuid::Uuid;

    use super::{MOST, Place, REMEMBERED, Walks};

    fn place(offset: u64) -> Place {
        Place { client: Uuid::nil(), list: [0; 16], offset }
    }

    fn position(number: u128) -> Position {
        Position { key: None, id: ResourceId(Uuid::from_u128(number)) }
    }

    #[test]
    fn a_walk_goes_on_where_its_page_ended() {
        let walks = Walks::default();
        walks.note(place(100), position(7), 0);
        assert_eq!(walks.go_on(&place(200), false, 1), None);
        assert_eq!(walks.go_on(&place(100), false, 1), Some(position(7)));
        assert_eq!(walks.go_on(&place(100), false, 2), Some(position(7)), "the answer was lost");
        assert_eq!(walks.go_on(&place(100), false, REMEMBERED + 1), None, "that was long ago");
    }

    #[test]
    fn of_two_walks_neither_misses_anything() {
        let walks = Walks::default();
        walks.note(place(100), position(9), 0);
        walks.note(place(100), position(7), 0);
        assert_eq!(walks.go_on(&place(100), false, 1), Some(position(7)));
        assert_eq!(
            walks.go_on(&place(100), false, 1),
            Some(position(7)),
            "it may be the one that ended at 7"
        );
        let walks = Walks::default();
        walks.note(place(100), position(9), 0);
        walks.note(place(100), position(7), 0);
        assert_eq!(walks.go_on(&place(100), true, 1), Some(position(9)), "backwards");
    }

    #[test]
    fn a_later_walk_begins_anew() {
        let walks = Walks::default();
        walks.note(place(100), position(7), 0);
        walks.go_on(&place(100), false, 1);
        walks.note(place(100), position(9), 2);
        assert_eq!(walks.go_on(&place(100), false, 3), Some(position(9)));
    }

    #[test]
    fn only_so_much_is_remembered() {
        let walks = Walks::default();
        for offset in 0..3 * MOST as u64 {
            walks.note(place(offset), position(1), 0);
        }
        let known = walks.0.lock().expect("not poisoned");
        assert!(known.ends.len() <= MOST && known.order.len() <= MOST);
    }
}
