//! The index made anew when a program comes that makes its keys in another form.
//!
//! The new form is announced first, with the number that all replicas look at ten times a second: when
//! the lease of what they remember is over, none that makes keys in another form reads or writes any
//! more, for as long as it runs. Then the keys are made, source by source, in transactions that each
//! note how far they have come. Any number of processes may do so at once, and end at any moment: each
//! transaction goes on where the last one that was committed ended.

use std::time::{Duration, Instant};

use super::{PostgresStore, credentials::LEASE, session::Session, statement::Typed};
use crate::{
    ResourceId, SourceId, StoreError,
    form::FORM,
    records,
    sql::{Row, Sql, values},
};

/// How long requests may be under way that were let in before.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// How many keys go in one transaction.
const MOST_CLEARED: u64 = 5_000;

const CLEAR: &str = "DELETE FROM resource_key WHERE source_id = ?1 AND (path, key, resource_id) IN \
     (SELECT path, key, resource_id FROM resource_key WHERE source_id = ?1 LIMIT ?2)";

/// Which form keys are to have, and which all of them have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Forms {
    wanted: i64,
    made: i64,
}

impl Forms {
    fn of(sql: &dyn Sql) -> Result<Self, StoreError> {
        let select = "SELECT wanted, made FROM index_form WHERE id = 1";
        let row = sql.first(select, &[])?;
        let row = row.ok_or_else(|| StoreError::Damaged("the row of index_form is missing".to_owned()))?;
        Ok(Self { wanted: row.get(0)?, made: row.get(1)? })
    }
}

/// Asks for the form that keys are to have.
pub(super) async fn wanted(session: &Session) -> Result<i64, StoreError> {
    let select = "SELECT wanted FROM index_form WHERE id = $1";
    Ok(session.row(select, &[1_i64.bound()]).await?.try_get(0)?)
}

/// Whether this program makes keys as they are to be.
pub(super) fn check(wanted: i64) -> Result<(), StoreError> {
    if wanted == FORM { Ok(()) } else { Err(StoreError::OtherForm { found: wanted, known: FORM }) }
}

impl PostgresStore {
    /// Sees to it that all keys have the form that this program makes.
    pub(super) async fn bring_to_form(&self) -> Result<(), StoreError> {
        let found = self.read_without_snapshot(|sql| Forms::of(sql)).await?;
        if found == (Forms { wanted: FORM, made: FORM }) {
            return Ok(());
        }
        self.write_in_any_form(announce).await?;
        if self.write_in_any_form(finish_empty).await? {
            return Ok(());
        }
        tokio::time::sleep(LEASE + UNDER_WAY).await;
        tracing::info!(from = found.made, to = FORM, "making the index of users and groups anew");
        let began = Instant::now();
        while self.write_in_any_form(make_portion).await? {}
        tracing::info!(seconds = began.elapsed().as_secs(), "the index is made");
        Ok(())
    }

    /// Takes the form of this program for that of keys which will have been copied from where they have
    /// it: for the target of a move.
    pub(super) async fn adopt_form(&self) -> Result<(), StoreError> {
        self.write_in_any_form(|sql| {
            announce(sql)?;
            sql.execute("DELETE FROM index_to_make", &[])?;
            finish(sql)
        })
        .await
    }
}

/// From here on keys are to have the form of this program.
fn announce(sql: &dyn Sql) -> Result<(), StoreError> {
    let Forms { wanted, .. } = Forms::of(sql)?;
    if wanted >= FORM {
        return check(wanted);
    }
    sql.execute("UPDATE index_form SET wanted = ?1 WHERE id = 1", &values![FORM])?;
    sql.execute("DELETE FROM index_to_make", &[])?;
    // What is left of those that are being deleted nobody finds.
    let all = "INSERT INTO index_to_make (source_id, cleared, made_to) SELECT id, 0, ?1 FROM source WHERE deleted = 0";
    sql.execute(all, &values![Vec::new()])?;
    sql.execute("UPDATE generation SET value = value + 1 WHERE id = 1", &[]).map(drop)
}

/// Without a source there is no key to be made; false where there is one. To be asked in a transaction behind
/// the announcement: whoever makes a source from then on finds that its first resource has to have the new form.
fn finish_empty(sql: &dyn Sql) -> Result<bool, StoreError> {
    let is_empty = sql.first("SELECT id FROM source WHERE deleted = 0 LIMIT 1", &[])?.is_none();
    if is_empty {
        finish(sql)?;
    }
    Ok(is_empty)
}

/// Makes some keys; false when all are there.
fn make_portion(sql: &dyn Sql) -> Result<bool, StoreError> {
    let Forms { wanted, made } = Forms::of(sql)?;
    check(wanted)?;
    if made == FORM {
        return Ok(false);
    }
    let next = "SELECT source_id, cleared, made_to FROM index_to_make ORDER BY source_id LIMIT 1";
    let Some(row) = sql.first(next, &[])? else {
        return finish(sql).map(|()| false);
    };
    let read = |row: &Row| Ok::<_, StoreError>((row.get(0)?, row.get(1)?, row.get::<Vec<u8>>(2)?));
    let (source, cleared, made_to): (SourceId, bool, _) = read(&row)?;
    // Who wrote before the form was announced has come to an end.
    sql.lock(source)?;
    if !cleared {
        if sql.execute(CLEAR, &values![source, MOST_CLEARED])? < MOST_CLEARED {
            sql.execute("UPDATE index_to_make SET cleared = 1 WHERE source_id = ?1", &values![source])?;
        }
        return Ok(true);
    }
    match records::make_some_anew(sql, source, &made_to)? {
        Some(ResourceId(last)) => {
            let update = "UPDATE index_to_make SET made_to = ?2 WHERE source_id = ?1";
            sql.execute(update, &values![source, last])?;
        }
        None => {
            sql.execute("DELETE FROM index_to_make WHERE source_id = ?1", &values![source])?;
        }
    }
    Ok(true)
}

fn finish(sql: &dyn Sql) -> Result<(), StoreError> {
    sql.execute("UPDATE index_form SET made = wanted WHERE id = 1", &[]).map(drop)
}
