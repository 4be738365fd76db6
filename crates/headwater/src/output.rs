//! What commands print: JSON for scripts, tables for people.

use std::{
    io::{ErrorKind, Write},
    sync::OnceLock,
};

use headwater_store::Millis;
use serde_json::Value;

/// Prints a line on standard output.
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}
pub(crate) use say;

/// Why something could not be printed, the first time.
static UNPRINTED: OnceLock<String> = OnceLock::new();

/// Prints a line on standard output. What was done is done, also if that can't be said: see [`unprinted`].
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        UNPRINTED.get_or_init(|| error.to_string());
    }
}

/// Why not all could be printed that was to be, unless whoever reads has had enough.
pub(crate) fn unprinted() -> Option<&'static str> {
    UNPRINTED.get().map(String::as_str)
}

/// Prints a line on standard error, where there is somebody to read it.
pub(crate) fn complain(text: std::fmt::Arguments<'_>) {
    let _nobody_reads = writeln!(std::io::stderr(), "{text}");
}

/// Prints one JSON value on a line.
pub(crate) fn json(value: &Value) {
    say!("{value}");
}

/// Prints rows under headings, in columns as wide as they need to be.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let print = |cells: Vec<&str>| {
        let line: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say!("{}", line.join("  ").trim_end());
    };
    print(headings.to_vec());
    for row in rows {
        print(row.iter().map(String::as_str).collect());
    }
}

/// A moment as it is written everywhere: RFC 3339 in UTC.
pub(crate) fn moment(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|moment| format!("{moment:.0}")).unwrap_or_default()
}

/// A moment that may be missing, for a table.
pub(crate) fn moment_or(millis: Option<Millis>, missing: &str) -> String {
    millis.map_or_else(|| missing.to_owned(), moment)
}
