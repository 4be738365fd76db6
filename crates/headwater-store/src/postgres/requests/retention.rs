//! Deleting what is too old, too much, or of a source that is gone: so much at a time as the lock of
//! the source may be held for, which all who write to it wait for.

use std::collections::HashMap;

use super::{
    super::statement::Typed,
    SOURCES_AT_ONCE,
    rows::Statement,
    writer::{BEGIN, Log, Writing},
};
use crate::{
    Millis, SourceId, StoreError,
    requests::{
        RetentionLimits, UNMATCHED,
        keeping::{self, DAY, HOURS_KEPT, PORTION},
    },
    sql::{Sql, values},
};

const SET_LIMITS: &str = "INSERT INTO request_source AS s (source_id, last, entries, bytes, most_bytes) \
     SELECT w.source_id, 0, 0, 0, w.most_bytes FROM unnest($1, $2) AS w (source_id, most_bytes) \
     ORDER BY w.source_id ON CONFLICT (source_id) DO UPDATE SET most_bytes = excluded.most_bytes \
     WHERE s.forgotten = 0 AND s.most_bytes IS DISTINCT FROM excluded.most_bytes";
const BEGIN_TO_FORGET: &str = "INSERT INTO request_source (source_id, last, entries, bytes, forgotten) \
     VALUES ($1, 0, 0, 0, 1) ON CONFLICT (source_id) DO UPDATE \
     SET forgotten = 1, last_request = NULL, last_success = NULL";
const LOCK: &str = "SELECT bytes FROM request_source WHERE source_id = $1 FOR UPDATE";
const OLDEST: &str = "SELECT sequence, at, bytes FROM request WHERE source_id = $1 AND sequence > \
     (SELECT deleted_to FROM request_source WHERE source_id = $1) ORDER BY sequence LIMIT $2";
const DELETE: [&str; 3] = [
    "DELETE FROM request WHERE source_id = $1 AND sequence <= $2",
    "DELETE FROM request_body WHERE source_id = $1 AND sequence <= $2",
    "DELETE FROM request_resource WHERE source_id = $1 AND sequence <= $2",
];
const COUNT_OUT: &str = "UPDATE request_source SET deleted_to = $2, entries = entries - $3, bytes = bytes - $4 \
     WHERE source_id = $1";
const DELETE_HOURS: &str = "DELETE FROM request_hour WHERE source_id = $1 AND hour < $2";
const DELETE_MILESTONES: &str = "DELETE FROM milestone WHERE source_id = $1";

/// Of each source how much is kept, and when its oldest request and its first hour were.
const KEPT: &str = "SELECT s.source_id, s.bytes, \
     (SELECT r.at FROM request r WHERE r.source_id = s.source_id AND r.sequence > s.deleted_to \
       ORDER BY r.source_id, r.sequence LIMIT 1), \
     (SELECT h.hour FROM request_hour h WHERE h.source_id = s.source_id ORDER BY h.source_id, h.hour LIMIT 1) \
     FROM request_source s WHERE s.forgotten = 0 AND s.source_id > ?1 ORDER BY s.source_id LIMIT ?2";

/// The sources of which something is too old or too much, of those that limits are said of, and of requests to
/// slugs that don't exist.
pub(super) fn due(
    sql: &dyn Sql,
    said: &HashMap<SourceId, RetentionLimits>,
    now: Millis,
) -> Result<Vec<(SourceId, Option<RetentionLimits>)>, StoreError> {
    let mut due = Vec::new();
    let mut last = i64::MIN;
    loop {
        let rows = sql.query(KEPT, &values![last, SOURCES_AT_ONCE])?;
        for row in &rows {
            let (source, bytes): (SourceId, i64) = (row.get(0)?, row.get(1)?);
            let (oldest, first_hour): (Option<Millis>, Option<Millis>) = (row.get(2)?, row.get(3)?);
            last = source.0;
            let said = said.get(&source).copied();
            if said.is_none() && source != UNMATCHED {
                continue;
            }
            let limits = Limits::of(source, said, now);
            let is_due = bytes > limits.bytes
                || oldest.is_some_and(|at| at < limits.horizon)
                || first_hour.is_some_and(|hour| hour < now - HOURS_KEPT);
            if is_due {
                due.push((source, said));
            }
        }
        if rows.len() < SOURCES_AT_ONCE {
            return Ok(due);
        }
    }
}

/// What is kept of a source.
struct Limits {
    /// How much.
    bytes: i64,
    /// From when on.
    horizon: Millis,
}

impl Limits {
    fn of(source: SourceId, said: Option<RetentionLimits>, now: Millis) -> Self {
        let RetentionLimits { days, bytes } = keeping::limits(source, said);
        Self { bytes: i64::try_from(bytes).unwrap_or(i64::MAX), horizon: now - Millis::from(days) * DAY }
    }
}

/// The oldest requests of a source, which are to go.
struct Oldest {
    /// The number of the last of them.
    last: i64,
    entries: i64,
    bytes: i64,
}

impl Writing {
    /// Says how much of each source may be kept, to all replicas.
    pub(super) fn set_limits(&self, limits: &[(SourceId, RetentionLimits)]) -> Result<(), StoreError> {
        let set = Statement::new(SET_LIMITS)
            .column(limits.iter().map(|(source, _)| source.0))
            .column(limits.iter().map(|(_, limits)| i64::try_from(limits.bytes).unwrap_or(i64::MAX)));
        self.wait(async |log| log.change(&[set]).await)
    }

    /// Keeps a source to its size, with some room so that it need not be done with each request.
    pub(super) fn keep_to_size(
        &self,
        source: SourceId,
        bytes: i64,
        most_bytes: Option<i64>,
    ) -> Result<(), StoreError> {
        let said = most_bytes.map(|bytes| RetentionLimits { days: 0, bytes: bytes.unsigned_abs() });
        let most = i64::try_from(keeping::limits(source, said).bytes).unwrap_or(i64::MAX);
        if bytes <= most {
            return Ok(());
        }
        let room = most - most / 16;
        while self.wait(async |log| log.delete_portion(source, room, Millis::MIN).await)? {}
        Ok(())
    }

    /// Deletes some of what is too old or too much; false when nothing is left to do.
    pub(super) fn prune_portion(
        &self,
        source: SourceId,
        said: Option<RetentionLimits>,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let Limits { bytes, horizon } = Limits::of(source, said, now);
        let more = self.wait(async |log| log.delete_portion(source, bytes, horizon).await)?;
        if !more {
            let hours = Statement::new(DELETE_HOURS).value(source.0).value(now - HOURS_KEPT);
            self.wait(async |log| log.change(&[hours]).await)?;
        }
        Ok(more)
    }

    /// Marks a source as gone: from then on nobody writes anything of it down.
    pub(super) fn begin_to_forget(&self, source: SourceId) -> Result<(), StoreError> {
        self.wait(async |log| log.change(&[Statement::new(BEGIN_TO_FORGET).value(source.0)]).await)
    }

    /// Deletes some of a source that is gone; false when nothing is left of it.
    pub(super) fn forget_portion(&self, source: SourceId) -> Result<bool, StoreError> {
        let more = self.wait(async |log| log.delete_portion(source, -1, Millis::MAX).await)?;
        if !more {
            let rest = [
                Statement::new(DELETE_HOURS).value(source.0).value(Millis::MAX),
                Statement::new(DELETE_MILESTONES).value(source.0),
            ];
            self.wait(async |log| log.change(&rest).await)?;
        }
        Ok(more)
    }
}

impl Log {
    /// Carries out statements in a transaction.
    async fn change(&self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        let ((), connection) = self.begin(async |connection| connection.batch_execute(BEGIN).await).await?;
        self.commit(connection, statements).await
    }

    /// Deletes the oldest requests of a source while they are older than `horizon`, or the source
    /// has more than `most` bytes; at most a portion. False when it stopped before.
    async fn delete_portion(&self, source: SourceId, most: i64, horizon: Millis) -> Result<bool, StoreError> {
        let portion = i64::try_from(PORTION).unwrap_or(i64::MAX);
        let (of_source, of_oldest) = ([source.0.bound()], [source.0.bound(), portion.bound()]);
        let ((kept, oldest), connection) = self
            .begin(async |connection| {
                let (begun, kept, oldest) = tokio::join!(
                    biased;
                    connection.batch_execute(BEGIN),
                    connection.rows(LOCK, &of_source),
                    connection.rows(OLDEST, &of_oldest),
                );
                begun?;
                Ok((kept?, oldest?))
            })
            .await?;
        let mut kept: i64 = kept.first().map_or(Ok(0), |row| row.try_get(0))?;
        let mut gone = Oldest { last: 0, entries: 0, bytes: 0 };
        for row in &oldest {
            let (sequence, at, bytes): (i64, Millis, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if kept <= most && at >= horizon {
                break;
            }
            kept -= bytes;
            gone = Oldest { last: sequence, entries: gone.entries + 1, bytes: gone.bytes + bytes };
        }
        let mut statements = Vec::new();
        if gone.entries > 0 {
            statements.extend(DELETE.map(|text| Statement::new(text).value(source.0).value(gone.last)));
            let count_out = Statement::new(COUNT_OUT).value(source.0).value(gone.last);
            statements.push(count_out.value(gone.entries).value(gone.bytes));
        }
        self.commit(connection, &statements).await?;
        Ok(gone.entries == portion)
    }
}
