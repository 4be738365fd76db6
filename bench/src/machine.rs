//! Facts about the machine.

use std::{ffi::OsStr, process::Command};

pub(crate) fn facts() -> Vec<(&'static str, String)> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
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

/// What a program prints, such as its version.
pub(crate) fn output(program: impl AsRef<OsStr>, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
