//! The ends of pages in the memory of one process.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use super::{Boundary, End, MOST, ReadPage, WentOn, farthest, give_way, go_on, horizon, sort};
use crate::{Millis, Position, lock};

/// The ends of pages, by what comes next.
#[derive(Debug, Default)]
pub(crate) struct Walks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ends: HashMap<Boundary, Vec<End>>,
    /// The boundaries in the order in which they were noted.
    order: VecDeque<Boundary>,
}

impl Walks {
    /// Where the page before ended, as far as that is remembered.
    pub(crate) fn go_on(&self, boundary: &Boundary, now: Millis) -> Option<WentOn> {
        let mut known = lock(&self.0);
        let here = known.ends.get_mut(boundary)?;
        here.retain(|end| end.noted > horizon(now));
        let farthest_at = |offset| farthest(known.ends.get(&Boundary { offset, ..*boundary })?);
        go_on(known.ends.get(boundary)?, farthest_at)
    }

    /// Remembers a page that has been read.
    pub(crate) fn note(&self, page: &ReadPage, now: Millis) {
        let mut known = lock(&self.0);
        if let Some(went_on) = &page.went_on {
            known.leave(page, went_on);
        }
        if let Some((boundary, position)) = page.remembered() {
            known.note(boundary, position, page, now);
        }
        if let Some(boundary) = page.forgotten()
            && known.ends.remove(&boundary).is_some()
        {
            known.order.retain(|other| *other != boundary);
        }
    }

    /// Forgets what is old.
    pub(crate) fn forget(&self, now: Millis) {
        let mut known = lock(&self.0);
        let Known { ends, order } = &mut *known;
        ends.retain(|_, ends| ends.iter().any(|end| end.noted > horizon(now)));
        order.retain(|boundary| ends.contains_key(boundary));
    }
}

impl Known {
    /// A walk has gone on: the page before has arrived, and is not asked for again.
    fn leave(&mut self, page: &ReadPage, went_on: &WentOn) {
        if let Some((offset, closed)) = &went_on.before
            && let Some(end) = self.end(page.began, &went_on.position)
            && end.from == Some(*offset)
        {
            end.from = None;
            self.close(Boundary { offset: *offset, ..page.began }, closed.as_ref());
        }
        if page.is_last {
            self.close(page.began, went_on.here.as_ref());
        }
    }

    fn end(&mut self, boundary: Boundary, position: &Position) -> Option<&mut End> {
        self.ends.get_mut(&boundary)?.iter_mut().find(|end| end.position == *position)
    }

    fn close(&mut self, boundary: Boundary, position: Option<&Position>) {
        if let Some(end) = position.and_then(|position| self.end(boundary, position)) {
            end.open = end.open.saturating_sub(1);
        }
    }

    fn note(&mut self, boundary: Boundary, position: &Position, page: &ReadPage, now: Millis) {
        let (from, walks) = (page.came_from(), page.walks_on());
        if !self.ends.contains_key(&boundary) {
            while self.order.len() >= MOST {
                if let Some(oldest) = self.order.pop_front() {
                    self.ends.remove(&oldest);
                }
            }
            self.order.push_back(boundary);
        }
        let ends = self.ends.entry(boundary).or_default();
        ends.retain(|end| end.noted > horizon(now));
        if let Some(end) = ends.iter_mut().find(|end| end.position == *position) {
            (end.noted, end.open, end.from) = (now, end.open + walks, from);
            return;
        }
        ends.push(End { position: position.clone(), noted: now, open: walks, from });
        sort(ends, boundary.descending);
        give_way(ends);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Boundary, ReadPage, Walks};
    use crate::{
        Position, ResourceId, SourceId, lock,
        walks::{MOST, REMEMBERED},
    };

    fn note(walks: &Walks, offset: u64, now: i64) {
        let began = Boundary {
            source: SourceId(1),
            client: Uuid::nil(),
            list: [0; 16],
            descending: false,
            offset: 0,
        };
        let position = Position { key: None, id: ResourceId(Uuid::nil()) };
        walks.note(&ReadPage { began, went_on: None, end: Some((offset, position)), is_last: false }, now);
    }

    #[test]
    fn only_so_much_is_remembered() {
        let walks = Walks::default();
        for offset in 0..3 * MOST as u64 {
            note(&walks, offset, 0);
        }
        let known = lock(&walks.0);
        assert!(known.ends.len() <= MOST && known.order.len() <= MOST);
    }

    #[test]
    fn what_is_old_is_let_go() {
        let walks = Walks::default();
        note(&walks, 100, 0);
        note(&walks, 200, 1);
        walks.forget(REMEMBERED);
        let known = lock(&walks.0);
        assert_eq!((known.ends.len(), known.order.len()), (1, 1));
    }
}
