//! The ends of pages in a table that all replicas share: a page goes on where the one before ended,
//! whichever replica answered that.
//!
//! What is decided is decided in `crate::walks`, on ends that were read before the page. What comes of
//! it is one round trip behind the page, of statements that hold whatever others have done since. Where
//! two come in between each other, an end stays open that could be closed: somebody may then see a
//! resource twice, and none misses one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio_postgres::Row;

use super::{
    fault,
    gather::count,
    pool::{Connection, Connections},
    session::Session,
    statement::{BEGIN, Parameter, Pipeline, Typed, rows_if},
};
use crate::{
    Millis, Position, ResourceId, SourceId, StoreError,
    walks::{Boundary, End, MOST, MOST_AT_ONCE, ReadPage, WentOn, farthest, give_way, go_on, horizon, sort},
};

/// How often a note is tried that the database gives up in favour of another.
const MOST_TRIES: usize = 5;
/// Behind so many notes it is looked what is old.
const BETWEEN_LOOKS: u64 = 64;
/// How many rows go in one statement.
const PORTION: i64 = 1_000;

/// What was noted last may be lost with the database: it is not worth waiting for a disk.
const SOON: &str = "SET LOCAL synchronous_commit = off";
/// The ends of a place, and of those that their pages began at.
const KNOWN: &str = "SELECT w.place, w.position, w.noted, w.open, w.came_from \
     FROM (SELECT $4 AS place UNION SELECT came_from FROM walk \
       WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4 AND came_from IS NOT NULL) p \
     CROSS JOIN LATERAL (SELECT * FROM walk \
       WHERE source_id = $1 AND client = $2 AND list = $3 AND place = p.place AND noted > $5 OFFSET 0) w";
/// In the order in which everybody locks them.
const LOCK: &str = "SELECT place, position, noted, open, came_from FROM walk \
     WHERE source_id = $1 AND client = $2 AND list = $3 AND place = ANY($4) AND noted > $5 \
     ORDER BY place, position FOR UPDATE";
const LEAVE: &str = "WITH left_behind AS (UPDATE walk SET came_from = NULL \
       WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4 AND position = $5 AND came_from = $6 \
       RETURNING 1) \
     UPDATE walk SET open = open - 1 WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $6 \
       AND position = $7 AND open > 0 AND EXISTS (SELECT 1 FROM left_behind)";
const CLOSE: &str = "UPDATE walk SET open = open - 1 \
     WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4 AND position = $5 AND open > 0";
const NOTE: &str = "INSERT INTO walk AS w (source_id, client, list, place, position, noted, open, came_from) \
     VALUES ($1, $2, $3, $4, $5, $6, $9, $7) ON CONFLICT (source_id, client, list, place, position) DO UPDATE \
     SET noted = GREATEST(w.noted, excluded.noted), came_from = excluded.came_from, \
       open = CASE WHEN w.noted > $8 THEN w.open + excluded.open ELSE excluded.open END";
const AT_PLACE: &str =
    "SELECT 1 FROM walk WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4 AND noted > $5";
const GIVE_WAY: &str =
    "DELETE FROM walk WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4 AND position = $5";
const EMPTY: &str = "DELETE FROM walk WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4";
const INHERIT: &str = "UPDATE walk SET open = open + $6, noted = GREATEST(noted, $7) \
     WHERE source_id = $1 AND client = $2 AND list = $3 AND place = $4 AND position = $5";
/// What is old, and what is beyond the newest of a source.
const FORGET: &str = "DELETE FROM walk WHERE source_id = $1 AND (client, list, place, position) IN \
     (SELECT client, list, place, position FROM walk WHERE source_id = $1 AND noted <= GREATEST($2, \
       (SELECT noted FROM walk WHERE source_id = $1 ORDER BY noted DESC LIMIT 1 OFFSET $3)) \
      ORDER BY noted LIMIT $4)";
const SOURCES: &str = "SELECT DISTINCT source_id FROM walk WHERE noted <= $1";

/// The ends of pages, wherever they were answered.
pub(super) struct Walks {
    connections: Connections,
    notes: AtomicU64,
}

impl Walks {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, notes: AtomicU64::default() }
    }

    /// Where the page before ended, as far as that is remembered.
    pub(super) async fn go_on(&self, boundary: &Boundary, now: Millis) -> Result<Option<WentOn>, StoreError> {
        let (at, horizon) = (At::new(boundary), horizon(now));
        let read = async |connection: Connection| {
            let rows = connection.rows(KNOWN, &at.with([horizon.bound()])).await?;
            Ok((rows, connection))
        };
        let rows = self.connections.read(read).await?;
        let ends: Vec<(u64, End)> = rows.iter().map(end).collect::<Result<_, StoreError>>()?;
        let at = |offset| {
            let mut here: Vec<End> =
                ends.iter().filter(|(other, _)| *other == offset).map(|(_, end)| end.clone()).collect();
            sort(&mut here, boundary.descending);
            here
        };
        Ok(go_on(&at(boundary.offset), |offset| farthest(&at(offset))))
    }

    /// Remembers a page that has been read.
    pub(super) async fn note(&self, page: &ReadPage, now: Millis) -> Result<(), StoreError> {
        let is_first = AtomicBool::new(true);
        let noted = async |connection: Connection| {
            // The first may have been done when its connection is lost: what would close too much is not
            // done once more.
            let is_first = is_first.swap(false, Ordering::Relaxed);
            Ok((note_again(&connection, page, is_first, now).await?, connection))
        };
        let ends = match self.connections.read(noted).await {
            // Reading goes on where nothing can be written, deletions as little as this.
            Err(error) if fault::is_without_room(&error) => {
                tracing::warn!(%error, "where a page ended can't be remembered");
                return Ok(());
            }
            noted => noted?,
        };
        if ends > MOST_AT_ONCE as u64
            && let Some((boundary, _)) = page.remembered()
            && let Err(error) = self.make_room(&boundary, now).await
        {
            tracing::debug!(%error, "there are many ends at one place; the next note makes room");
        }
        if self.notes.fetch_add(1, Ordering::Relaxed) % BETWEEN_LOOKS == BETWEEN_LOOKS - 1 {
            let (connections, source) = (self.connections.clone(), page.began.source);
            // Nobody waits for it.
            tokio::spawn(async move {
                if let Err(error) = forget_some(&connections, source, now).await {
                    tracing::debug!(%error, "the ends of old pages could not be removed");
                }
            });
        }
        Ok(())
    }

    /// Forgets what is old, of all sources.
    pub(super) async fn forget(&self, now: Millis) -> Result<(), StoreError> {
        let horizon = horizon(now);
        let read = async |connection: Connection| {
            Ok((connection.rows(SOURCES, &[horizon.bound()]).await?, connection))
        };
        for row in self.connections.read(read).await? {
            let source = SourceId(row.try_get(0)?);
            while forget_some(&self.connections, source, now).await? {}
        }
        Ok(())
    }

    /// Takes out ends of a place where there are too many.
    async fn make_room(&self, boundary: &Boundary, now: Millis) -> Result<(), StoreError> {
        let (at, horizon) = (At::new(boundary), horizon(now));
        let places = vec![at.place];
        let made = async |connection: Connection| {
            let of_lock = at.of_list([places.bound(), horizon.bound()]);
            let (begun, rows) = tokio::join!(
                biased;
                connection.batch_execute(BEGIN),
                rows_if(true, &connection, LOCK, &of_lock),
            );
            begun?;
            let rows = rows?;
            let ends = rows.iter().map(|row| Ok(end(row)?.1));
            let mut ends: Vec<End> = ends.collect::<Result<_, StoreError>>()?;
            sort(&mut ends, boundary.descending);
            while let Some((gone, heir)) = give_way(&mut ends) {
                let position = written(&gone.position);
                connection.execute(GIVE_WAY, &at.with([position.bound()])).await?;
                if let Some(heir) = heir {
                    let (heir, open) = (written(&heir), signed(gone.open));
                    let parameters = at.with([heir.bound(), open.bound(), gone.noted.bound()]);
                    connection.execute(INHERIT, &parameters).await?;
                }
            }
            connection.batch_execute("COMMIT").await?;
            Ok(((), connection))
        };
        self.connections.read(made).await
    }
}

/// Notes a page, again when the database gives it up in favour of another; answers how many ends there
/// are at the place behind it.
async fn note_again(
    session: &Session,
    page: &ReadPage,
    is_first: bool,
    now: Millis,
) -> Result<u64, StoreError> {
    let mut tries = 1;
    loop {
        match note(session, page, is_first, now).await {
            Err(StoreError::Sql { code, .. }) if fault::is_contention(&code) && tries < MOST_TRIES => {
                tries += 1;
            }
            noted => return noted,
        }
    }
}

async fn note(session: &Session, page: &ReadPage, is_first: bool, now: Millis) -> Result<u64, StoreError> {
    let (began, horizon) = (At::new(&page.began), horizon(now));
    let (came_from, none) = (page.came_from().map(signed), Vec::new());
    let went_on = page.went_on.as_ref().filter(|_| is_first);
    let left = went_on.and_then(|went_on| {
        let (offset, closed) = went_on.before.as_ref()?;
        Some((written(&went_on.position), signed(*offset), closed.as_ref().map_or(none, written)))
    });
    let finished = went_on.filter(|_| page.is_last).and_then(|went_on| went_on.here.as_ref()).map(written);
    let noted = page.remembered().map(|(boundary, position)| (At::new(&boundary), written(position)));

    let emptied = page.forgotten().map(|boundary| At::new(&boundary));

    let places = left.iter().map(|(_, place, _)| *place).chain(noted.iter().map(|(at, _)| at.place));
    let places = places.chain(emptied.iter().map(|at| at.place));
    let places: Vec<i64> = places.chain([began.place]).collect();
    let of_lock = began.of_list([places.bound(), horizon.bound()]);
    let of_left = left
        .as_ref()
        .map(|(position, place, closed)| began.with([position.bound(), place.bound(), closed.bound()]));
    let of_finished = finished.as_ref().map(|position| began.with([position.bound()]));
    let walks = signed(page.walks_on());
    let of_note = noted.as_ref().map(|(at, position)| {
        at.with([position.bound(), now.bound(), came_from.bound(), horizon.bound(), walks.bound()])
    });
    let of_emptied = emptied.as_ref().map(|at| at.with([]));
    let of_place = noted.as_ref().map(|(at, _)| at.with([horizon.bound()]));

    let mut pipeline = Pipeline::new(session);
    pipeline.add(LOCK, &of_lock);
    let statements = [
        (LEAVE, &of_left),
        (CLOSE, &of_finished),
        (EMPTY, &of_emptied),
        (NOTE, &of_note),
        (AT_PLACE, &of_place),
    ];
    for (statement, parameters) in statements {
        if let Some(parameters) = parameters {
            pipeline.add(statement, parameters);
        }
    }
    pipeline.add_once("COMMIT", &[]);
    let begin = format!("{BEGIN}; {SOON}");
    let (begun, counts) = tokio::join!(biased; session.batch_execute(&begin), pipeline.run());
    begun?;
    let counts = counts?;
    // The last but COMMIT looks how many there are.
    Ok(if of_place.is_some() { counts[counts.len() - 2] } else { 0 })
}

/// Removes some of what is old of a source; false when nothing is left to do.
async fn forget_some(connections: &Connections, source: SourceId, now: Millis) -> Result<bool, StoreError> {
    let (horizon, most) = (horizon(now), signed(MOST as u64));
    let forget = async |connection: Connection| {
        let parameters = [source.0.bound(), horizon.bound(), most.bound(), PORTION.bound()];
        Ok((connection.execute(FORGET, &parameters).await?, connection))
    };
    Ok(connections.read(forget).await? >= PORTION.unsigned_abs())
}

/// A place as the database has it.
struct At {
    source: i64,
    client: Vec<u8>,
    list: Vec<u8>,
    place: i64,
}

impl At {
    fn new(boundary: &Boundary) -> Self {
        Self {
            source: boundary.source.0,
            client: boundary.client.as_bytes().to_vec(),
            list: boundary.list.to_vec(),
            place: signed(boundary.offset),
        }
    }

    /// The parameters of a statement about the list, with others behind them.
    fn of_list<'a, const N: usize>(&'a self, others: [Parameter<'a>; N]) -> Vec<Parameter<'a>> {
        let list = [self.source.bound(), self.client.bound(), self.list.bound()];
        list.into_iter().chain(others).collect()
    }

    /// The parameters of a statement about the place, with others behind them.
    fn with<'a, const N: usize>(&'a self, others: [Parameter<'a>; N]) -> Vec<Parameter<'a>> {
        let mut all = self.of_list([self.place.bound()]);
        all.extend(others);
        all
    }
}

/// A position as bytes: whether there is a value, the value, the id.
fn written(position: &Position) -> Vec<u8> {
    let key = position.key.as_deref();
    [&[u8::from(key.is_some())], key.unwrap_or_default().as_bytes(), position.id.as_bytes()].concat()
}

fn read(bytes: &[u8]) -> Option<Position> {
    let (has_key, rest) = bytes.split_first()?;
    let (key, id) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
    let key = if *has_key == 1 { Some(str::from_utf8(key).ok()?.to_owned()) } else { None };
    Some(Position { key, id: ResourceId::from_slice(id)? })
}

/// An end, and the offset of its place.
fn end(row: &Row) -> Result<(u64, End), StoreError> {
    let position = read(row.try_get(1)?);
    let from: Option<i64> = row.try_get(4)?;
    let end = End {
        position: position.ok_or_else(|| StoreError::Damaged("walk.position is none".to_owned()))?,
        noted: row.try_get(2)?,
        open: count(row, 3)?,
        from: from.map(i64::unsigned_abs),
    };
    Ok((count(row, 0)?, end))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
