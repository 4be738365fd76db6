//! A directory moved from one database to another, of the same kind or not.
//!
//! Tables are copied one after the other, in pages by key. The target keeps how far it has come, in
//! the transaction of the rows: so a move goes on where it ended, however it ended. Then both sides
//! are read anew and compared. Three checksums are held against each other for each table: that of
//! the source, that of what was copied, and that of the target. Where the first two differ, the source
//! has changed in the meantime, and the table is copied anew; where the last two do, something is
//! wrong with the target.
//!
//! What is compared is a form of the rows that all databases can hold (`tables`).

mod checksum;
mod error;
pub(crate) mod progress;
pub(crate) mod tables;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use error::TransferError;

use self::{
    checksum::Checksum,
    progress::Progress,
    tables::{Page, TABLES, Table},
};
use crate::{Records, StoreError, records, sql::Sql};

/// How many rows are read at first, and at most; in between as many as make a page.
const FIRST_ROWS: usize = 250;
const MOST_ROWS: usize = 5_000;
/// About how many bytes a page has.
const PAGE_BYTES: usize = 1 << 20;
/// How often what has changed in the meantime is copied anew.
const MOST_ROUNDS: usize = 3;

/// A directory on its way.
pub struct Transfer {
    from: Records,
    to: Records,
    report: Report,
    /// It has been moved before, to the end.
    is_done: bool,
}

/// Where a move is told how far it is.
type Report = Arc<dyn Fn(Step) + Send + Sync>;

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub stage: Stage,
    /// The table that it is done with.
    pub table: &'static str,
    /// How many of its rows are done.
    pub rows: u64,
    /// Whether these are all.
    pub complete: bool,
}

/// What is done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its rows are copied.
    Copying,
    /// The rows of the target are compared with those of the source.
    Comparing,
}

/// A table that is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedTable {
    /// Its name.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// The sum of the SHA-256 hashes of its rows, modulo 2^256, in hexadecimal digits.
    pub checksum: String,
}

impl Transfer {
    /// Begins to move a directory, or goes on with it.
    ///
    /// # Errors
    /// The target is in use, or has a part of something else.
    pub async fn begin(
        from: Records,
        to: Records,
        report: impl Fn(Step) + Send + Sync + 'static,
    ) -> Result<Self, TransferError> {
        let (origin, target) = (from.place(), to.place());
        if origin == target {
            return Err(TransferError::Same(target));
        }
        let begun = origin.clone();
        let state = to.write(move |sql| begin(sql, &begun)).await?;
        let is_done = match state {
            State::Begun => false,
            // Whoever was stopped just behind the end is told what is so, and not that it can't be done.
            State::Used if is_moved(&from, &to).await? => true,
            State::Used => return Err(TransferError::Used(target)),
            State::From(other) if other == origin => false,
            State::From(origin) => return Err(TransferError::OtherOrigin { target, origin }),
        };
        Ok(Self { from, to, report: Arc::new(report), is_done })
    }

    /// Where from and where to, for people; without user and password.
    pub fn places(&self) -> (String, String) {
        (self.from.place(), self.to.place())
    }

    /// Copies what is still to be copied, and compares all.
    ///
    /// # Errors
    /// Source and target are not the same; nothing is lost then, and it can be gone on with.
    pub async fn run(&self) -> Result<Vec<MovedTable>, TransferError> {
        if self.is_done {
            let report = Arc::clone(&self.report);
            return Ok(moved(&self.to.read_long(move |sql| all(sql, &told(&report))).await?));
        }
        let mut changed: Vec<&'static Table> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            for table in &TABLES {
                let again = changed.iter().any(|one| one.name == table.name);
                self.copy(table, again).await.map_err(|error| in_table(table, error))?;
            }
            self.index_anew().await?;
            let (source, copied, found) = self.checksums().await?;
            if let Some(table) = TABLES.iter().find(|table| copied[table.name] != found[table.name]) {
                let (written, found) = (copied[table.name].rows, found[table.name].rows);
                return Err(TransferError::Differs { table: table.name, written, found });
            }
            changed = TABLES.iter().filter(|table| source[table.name] != copied[table.name]).collect();
            if changed.is_empty() {
                return Ok(moved(&found));
            }
        }
        let names: Vec<&str> = changed.iter().map(|table| table.name).collect();
        Err(TransferError::Changing(names.join(", ")))
    }

    /// Ends: from now on the target is a directory like any other.
    ///
    /// # Errors
    /// A database failed.
    pub async fn finish(self) -> Result<(), TransferError> {
        if self.is_done {
            return Ok(());
        }
        let last_source = self.from.read_long(|sql| sql.last_source()).await?;
        let finish = move |sql: &dyn Sql| {
            sql.continue_numbers(last_source)?;
            progress::drop_table(sql)
        };
        Ok(self.to.administer(finish).await?)
    }

    /// Copies the rows of a table that are not there yet, or all of them `again`.
    async fn copy(&self, table: &'static Table, again: bool) -> Result<(), TransferError> {
        let mut now = self.to.read_long(move |sql| progress::of(sql, table.name)).await?;
        if again {
            now = self.advance(table, now, Progress::default(), Arc::default()).await?;
        }
        if now == Progress::default() {
            // What is there was copied before, and is begun anew.
            let clear = move |sql: &dyn Sql| {
                Ok(progress::of(sql, table.name)? == Progress::default() && table.clear_some(sql)?)
            };
            while self.to.write(clear).await? {}
        }
        let mut limit = FIRST_ROWS;
        while !now.complete {
            let position = now.position.clone();
            let page = self.from.read_long(move |sql| table.page(sql, &position, limit)).await?;
            let mut next = Progress { complete: page.is_last, ..now.clone() };
            page.rows.iter().for_each(|row| next.copied.add(row));
            if !page.end.is_empty() {
                next.position.clone_from(&page.end);
            }
            limit = next_limit(limit, page.bytes);
            now = self.advance(table, now, next, Arc::new(page)).await?;
            self.tell(Stage::Copying, table, now.copied.rows, now.complete);
        }
        Ok(())
    }

    /// Adds rows to the target, and notes that they are there.
    async fn advance(
        &self,
        table: &'static Table,
        before: Progress,
        next: Progress,
        page: Arc<Page>,
    ) -> Result<Progress, TransferError> {
        let noted = next.clone();
        let write = move |sql: &dyn Sql| {
            let is_mine = progress::advance(sql, table.name, &before, &noted)?;
            if is_mine {
                table.add(sql, &page.rows)?;
            }
            Ok(is_mine)
        };
        if self.to.write(write).await? { Ok(next) } else { Err(TransferError::Raced) }
    }

    /// Makes the index of the target anew where its keys can't be had from the source: PostgreSQL keeps
    /// no key with the character NUL.
    async fn index_anew(&self) -> Result<(), TransferError> {
        let make = |sql: &dyn Sql| {
            let mended = "SELECT 1 FROM resource_key WHERE key LIKE ?1 LIMIT 1";
            if sql.has_whole_keys() && sql.first(mended, &["%\u{fffd}%".into()])?.is_some() {
                records::make_anew(sql)?;
            }
            Ok(())
        };
        Ok(self.to.write(make).await?)
    }

    /// What the source has, what was copied, and what the target has.
    async fn checksums(&self) -> Result<(Checksums, Checksums, Checksums), TransferError> {
        let report = Arc::clone(&self.report);
        let source = self.from.read_long(|sql| all(sql, &|_, _, _| ()));
        let target = self.to.read_long(move |sql| {
            let copied = |table: &Table| Ok((table.name, progress::of(sql, table.name)?.copied));
            let copied = TABLES.iter().map(copied).collect::<Result<_, StoreError>>()?;
            Ok((copied, all(sql, &told(&report))?))
        });
        let (source, target) = futures_util::future::join(source, target).await;
        let (copied, found) = target?;
        Ok((source?, copied, found))
    }

    fn tell(&self, stage: Stage, table: &Table, rows: u64, complete: bool) {
        (self.report)(Step { stage, table: table.name, rows, complete });
    }
}

type Checksums = BTreeMap<&'static str, Checksum>;

/// What a target is before anything is written to it.
enum State {
    /// It was empty, and has the beginning now.
    Begun,
    /// It has, or has had, a directory.
    Used,
    /// It has a part of what is there.
    From(String),
}

fn begin(sql: &dyn Sql, origin: &str) -> Result<State, StoreError> {
    if let Some(origin) = progress::origin(sql)? {
        return Ok(State::From(origin));
    }
    if sql.last_source()? > 0 {
        return Ok(State::Used);
    }
    for table in &TABLES {
        if !table.is_empty(sql)? {
            return Ok(State::Used);
        }
    }
    progress::make(sql, origin)?;
    Ok(State::Begun)
}

/// Whether all of a directory is elsewhere as well. It ends with the first table that differs.
async fn is_moved(from: &Records, to: &Records) -> Result<bool, TransferError> {
    let last = |records: &Records| {
        let records = records.clone();
        async move { records.read_long(|sql| sql.last_source()).await }
    };
    let (here, there) = (last(from).await?, last(to).await?);
    if here == 0 || there < here {
        return Ok(false);
    }
    for table in &TABLES {
        let sum = |records: &Records| {
            let records = records.clone();
            async move { records.read_long(move |sql| checksum(sql, table, &|_, _, _| ())).await }
        };
        let (one, other) = futures_util::future::join(sum(from), sum(to)).await;
        if one? != other? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells of tables that are compared.
fn told(report: &Report) -> impl Fn(&'static Table, u64, bool) + '_ {
    |table, rows, complete| report(Step { stage: Stage::Comparing, table: table.name, rows, complete })
}

fn moved(found: &Checksums) -> Vec<MovedTable> {
    let moved = |table: &Table| {
        let sum = &found[table.name];
        MovedTable { name: table.name, rows: sum.rows, checksum: sum.digits() }
    };
    TABLES.iter().map(moved).collect()
}

/// The checksums of all tables.
fn all(sql: &dyn Sql, told: &dyn Fn(&'static Table, u64, bool)) -> Result<Checksums, StoreError> {
    TABLES.iter().map(|table| Ok((table.name, checksum(sql, table, told)?))).collect()
}

/// The checksum of a table.
fn checksum(
    sql: &dyn Sql,
    table: &'static Table,
    told: &dyn Fn(&'static Table, u64, bool),
) -> Result<Checksum, StoreError> {
    let (mut sum, mut position, mut limit) = (Checksum::default(), Vec::new(), FIRST_ROWS);
    loop {
        let page = table.page(sql, &position, limit)?;
        page.rows.iter().for_each(|row| sum.add(row));
        told(table, sum.rows, page.is_last);
        if page.is_last {
            return Ok(sum);
        }
        limit = next_limit(limit, page.bytes);
        position = page.end;
    }
}

/// How many rows are read next, when so many took so many bytes.
fn next_limit(limit: usize, bytes: usize) -> usize {
    let wanted = limit.saturating_mul(PAGE_BYTES) / bytes.max(1);
    wanted.clamp(1, MOST_ROWS).min(limit * 2)
}

fn in_table(table: &Table, error: TransferError) -> TransferError {
    match error {
        TransferError::Store(error) => TransferError::Table { table: table.name, error },
        error => error,
    }
}
