//! The table, in Markdown.

use std::{fmt::Write, process::Command, time::Duration};

use crate::{
    load::{Measured, Plan},
    marks::Marks,
    workloads::{Directory, Kind},
};

/// Collects what was measured.
pub(crate) struct Report {
    plan: Plan,
    bare: Measured,
    marks: Marks,
    directories: Vec<(usize, Directory)>,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            bare: Measured::default(),
            marks: Marks { single: 0.0, grouped: 0.0 },
            directories: Vec::new(),
        }
    }

    pub(crate) fn ceiling(&mut self, measured: Measured) {
        self.bare = measured;
    }

    pub(crate) fn marks(&mut self, marks: Marks) {
        self.marks = marks;
    }

    pub(crate) fn directory(&mut self, users: usize, directory: Directory) {
        self.directories.push((users, directory));
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::from("# Benchmarks\n\n");
        // Writing to a String does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Plan { connections, duration, runs, .. } = &self.plan;
        writeln!(
            text,
            "Made by `make bench`: {connections} connections over loopback on the machine that also runs the server, each workload \
             {runs} times for {} s, the median run. Every write is on disk before it is answered. What counts are the ratios, \
             to what the same machine gave in the same run:\n",
            duration.as_secs()
        )?;
        writeln!(
            text,
            "- **bare route**, the ceiling for reads: the same HTTP stack answering a fixed user of the same size"
        )?;
        writeln!(
            text,
            "- **single commits**, the mark for durable writes: the rows of one POST to SQLite with the same settings, a commit each"
        )?;
        writeln!(text, "- **group commits**: the same rows, 64 users a commit\n")?;
        writeln!(
            text,
            "A PATCH of a group answers with the whole group up to 1,000 members, and with 204 above: that is why the group of 100 \
             costs more than those of 10,000 and 100,000, for which the time of the change itself shows.\n"
        )?;
        writeln!(text, "## The machine\n")?;
        for (name, fact) in machine() {
            writeln!(text, "- {name}: {fact}")?;
        }
        writeln!(text, "\n## Ceilings and marks\n")?;
        writeln!(text, "| | a second | p50 | p99 |\n| --- | ---: | ---: | ---: |")?;
        writeln!(
            text,
            "| bare route | {} | {} | {} |",
            rate(self.bare.rate),
            time(self.bare.p50),
            time(self.bare.p99)
        )?;
        writeln!(text, "| single commits | {} | | |", rate(self.marks.single))?;
        writeln!(text, "| group commits | {} | | |", rate(self.marks.grouped))?;
        for (users, directory) in &self.directories {
            writeln!(text, "\n## At {} users\n", grouped(*users))?;
            writeln!(
                text,
                "| workload | requests/s | p50 | p99 | ratio |\n| --- | ---: | ---: | ---: | --- |"
            )?;
            for workload in &directory.workloads {
                let measured = &workload.measured;
                #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
                let done = measured.rate * workload.each as f64;
                let ratio = match workload.kind {
                    Kind::Read => format!("{:.2} of the bare route", done / self.bare.rate),
                    Kind::Write => format!(
                        "{:.2} × single commits, {:.2} of group commits",
                        done / self.marks.single,
                        done / self.marks.grouped
                    ),
                };
                let shown = match workload.each {
                    1 => rate(measured.rate),
                    _ => format!("{:.1} ({} users)", measured.rate, rate(done)),
                };
                writeln!(
                    text,
                    "| {} | {} | {} | {} | {ratio} |",
                    workload.name,
                    shown,
                    time(measured.p50),
                    time(measured.p99)
                )?;
            }
            writeln!(
                text,
                "\n### What an administrator waits for\n\nThe requests behind the pages of the web UI, each alone, 20 times.\n"
            )?;
            writeln!(text, "| page | p50 | longest |\n| --- | ---: | ---: |")?;
            for page in &directory.pages {
                writeln!(text, "| {} | {} | {} |", page.name, time(page.p50), time(page.longest))?;
            }
            if let (Some(idle), Some(after)) = directory.memory {
                writeln!(
                    text,
                    "\nMemory of the server: {idle:.0} MiB at the start, {after:.0} MiB at the end."
                )?;
            }
        }
        Ok(())
    }
}

fn machine() -> Vec<(&'static str, String)> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    let output = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let unknown = || "unknown".to_owned();
    vec![
        ("cores", std::thread::available_parallelism().map_or_else(|_| unknown(), |cores| cores.to_string())),
        ("processor", model.unwrap_or_else(unknown)),
        (
            "memory",
            memory.map_or_else(unknown, |kibibytes| format!("{:.0} GiB", kibibytes / 1024.0 / 1024.0)),
        ),
        ("kernel", output("uname", "-r").unwrap_or_else(unknown)),
        ("compiler", output("rustc", "--version").unwrap_or_else(unknown)),
        ("SQLite", rusqlite::version().to_owned()),
    ]
}

fn rate(rate: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and small"
    )]
    grouped(rate.round() as usize)
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

fn time(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
