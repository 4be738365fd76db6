//! The report, in Markdown.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use crate::{
    ceilings::Marks,
    directory::Results,
    load::{Measured, Plan},
    machine, postgres, sources,
    targets::{self, Target},
};

/// Collects what was measured.
pub(crate) struct Report {
    plan: Plan,
    directories: Vec<Results>,
    on_postgres: Option<OnPostgres>,
    sources: Option<sources::Results>,
}

/// What was measured on PostgreSQL.
struct OnPostgres {
    version: String,
    directories: Vec<Results>,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), directories: Vec::new(), on_postgres: None, sources: None }
    }

    pub(crate) fn directory(&mut self, results: Results) {
        self.directories.push(results);
    }

    pub(crate) fn on_postgres(&mut self, version: String, directories: Vec<Results>) {
        self.on_postgres = Some(OnPostgres { version, directories });
    }

    pub(crate) fn sources(&mut self, results: sources::Results) {
        self.sources = Some(results);
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::from("# Benchmarks\n\n");
        // Writing to a String does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        self.summary(text)?;
        self.method(text)?;
        for results in &self.directories {
            writeln!(text, "\n## At {} users\n", grouped(results.users))?;
            directory(results, text)?;
        }
        if let Some(results) = &self.sources {
            many_sources(results, text)?;
        }
        if let Some(OnPostgres { version, directories }) = &self.on_postgres {
            writeln!(
                text,
                "\n## On PostgreSQL\n\n{version}, on the same machine over a socket of its own, with {}. Beside the workloads stands what \
                 its own pgbench does on copies of the same tables, with as many clients and prepared statements: a row of a user \
                 by its primary key, and the rows of a POST (the resource, its keys, its line in the journal) in a transaction \
                 that is one round trip. Memory is that of the server without the database.",
                postgres::SETTINGS.map(|setting| format!("`{setting}`")).join(", ")
            )?;
            for results in directories {
                writeln!(text, "\n### At {} users, on PostgreSQL\n", grouped(results.users))?;
                directory(results, text)?;
            }
        }
        Ok(())
    }

    /// What was to be reached, in the largest directory.
    fn summary(&self, text: &mut String) -> fmt::Result {
        let largest = self.directories.iter().max_by_key(|results| results.users);
        let mut targets = largest.map(targets::of_directory).unwrap_or_default();
        targets.extend(self.sources.iter().flat_map(targets::of_sources));
        if let Some(largest) = largest {
            writeln!(text, "## What was to be reached\n\nWith {} users.\n", grouped(largest.users))?;
        }
        writeln!(text, "| workload | measured | target | met |\n| --- | --- | --- | --- |")?;
        for Target { workload, measured, to_reach, is_met } in targets {
            let met = if is_met { "met" } else { "**not met**" };
            writeln!(text, "| {workload} | {measured} | {to_reach} | {met} |")?;
        }
        Ok(())
    }

    fn method(&self, text: &mut String) -> fmt::Result {
        let Plan { connections, duration, runs, .. } = &self.plan;
        writeln!(
            text,
            "\n## How it was measured\n\n\
             Made by `make bench`: {connections} connections over loopback on the machine that also runs the server, each workload \
             {runs} times for {} s, the median run; workloads that are compared with each other run in turns. Every write is on disk \
             before it is answered. What counts are the ratios, to what the same machine gave in the same run:\n\n\
             - **bare route**, the ceiling for reads: the same HTTP stack answering a fixed user of the same size\n\
             - **single commits**, the mark for durable writes: the rows of one POST to SQLite with the same settings, a commit each\n\
             - **group commits**: the same rows, 64 users a commit\n\n\
             A PATCH of a group answers with the whole group up to 1,000 members, and with 204 above.\n\n\
             Memory is what the process holds resident, in MB of 10⁶ bytes. Idle is right after the start; under load is the most \
             while the workloads ran. Start-up is from the start of a server that was killed to its first answer to a GET, with the \
             files in the page cache.\n",
            duration.as_secs()
        )?;
        writeln!(text, "## The machine\n")?;
        for (name, fact) in machine::facts() {
            writeln!(text, "- {name}: {fact}")?;
        }
        Ok(())
    }
}

fn directory(results: &Results, text: &mut String) -> fmt::Result {
    let Results { ceilings, workloads, large_group, pages, memory, start_up, .. } = results;
    writeln!(text, "| | a second | p50 | p99 | ratio |\n| --- | ---: | ---: | ---: | --- |")?;
    row(text, "bare route", &rate(ceilings.bare.rate), &ceilings.bare, "")?;
    let marks = match &ceilings.marks {
        Marks::Sqlite(commits) => [("single commits", commits.single), ("group commits", commits.grouped)],
        Marks::Postgres(pgbench) => {
            [("pgbench: SELECT by primary key", pgbench.select), ("pgbench: rows of a POST", pgbench.insert)]
        }
    };
    for (name, mark) in marks {
        writeln!(text, "| {name} | {} | | | |", rate(mark))?;
    }
    for workload in workloads {
        let shown = match workload.each {
            1 => rate(workload.measured.rate),
            _ => format!("{:.1} ({} users)", workload.measured.rate, rate(workload.rate())),
        };
        row(text, &workload.name, &shown, &workload.measured, &ceilings.ratio(workload))?;
    }
    if let Some(group) = large_group {
        let members = grouped(group.members);
        let (first_byte, whole) = (time(group.first_byte), time(group.whole));
        writeln!(
            text,
            "\nGET of a group of {members}, alone: first byte after {first_byte}, all after {whole}; memory {} before, {} at most.",
            megabytes(group.before),
            megabytes(group.highest)
        )?;
    }
    writeln!(
        text,
        "\nMemory: {} idle, {} at most under load. Start-up to first answer: {}.",
        megabytes(memory.idle),
        megabytes(memory.under_load),
        time(*start_up)
    )?;
    if !pages.is_empty() {
        writeln!(
            text,
            "\n#### What an administrator waits for\n\nThe requests behind the pages of the web UI, each alone, 20 times.\n"
        )?;
        writeln!(text, "| page | p50 | longest |\n| --- | ---: | ---: |")?;
        for page in pages {
            writeln!(text, "| {} | {} | {} |", page.name, time(page.p50), time(page.longest))?;
        }
    }
    Ok(())
}

fn many_sources(results: &sources::Results, text: &mut String) -> fmt::Result {
    writeln!(
        text,
        "\n## {} sources\n\nSpread over as many sources with ten users and a token each, beside one source with as many users \
         on a server of its own.\n",
        grouped(results.sources)
    )?;
    writeln!(text, "| | a second | p50 | p99 | ratio |\n| --- | ---: | ---: | ---: | --- |")?;
    for sources::Comparison { name, one, many } in &results.comparisons {
        row(text, &format!("{name}, one source"), &rate(one.rate), one, "")?;
        let ratio = format!("{:.2} of one source", many.rate / one.rate);
        row(text, &format!("{name}, all sources"), &rate(many.rate), many, &ratio)?;
    }
    Ok(())
}

fn row(text: &mut String, name: &str, rate: &str, measured: &Measured, ratio: &str) -> fmt::Result {
    writeln!(text, "| {name} | {rate} | {} | {} | {ratio} |", time(measured.p50), time(measured.p99))
}

pub(crate) fn rate(rate: f64) -> String {
    if rate < 10.0 {
        return format!("{rate:.1}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and small"
    )]
    grouped(rate.round() as usize)
}

pub(crate) fn megabytes(memory: Option<f64>) -> String {
    memory.map_or_else(|| "unknown".to_owned(), |memory| format!("{memory:.0} MB"))
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn time(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
