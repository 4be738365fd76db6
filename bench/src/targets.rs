//! What is to be reached, and whether it was.

use crate::{
    ceilings::Marks,
    directory::Results,
    groups, lists,
    report::{grouped, time},
    singles, sources,
    workload::Workload,
};

/// The smallest group, which larger ones are compared with.
const SMALL_GROUP: usize = 10;
/// The most memory in MB that the reading of a large group may take, to be called flat.
const FLAT: f64 = 16.0;
/// What is no slower, as far as can be told from measurements that differ from run to run.
const NO_SLOWER: f64 = 0.95;

/// A workload, what was measured, what was to be reached.
pub(crate) struct Target {
    pub(crate) workload: String,
    pub(crate) measured: String,
    pub(crate) to_reach: String,
    pub(crate) is_met: bool,
}

impl Target {
    fn new(workload: impl Into<String>, measured: String, target: &str, is_met: bool) -> Self {
        Self { workload: workload.into(), measured, to_reach: target.to_owned(), is_met }
    }
}

/// The targets of what was measured in a directory.
pub(crate) fn of_directory(results: &Results) -> Vec<Target> {
    let mut targets: Vec<Target> = [
        (singles::GET_BY_ID, 0.5),
        (singles::BY_USER_NAME, 0.4),
        (lists::BY_EXTERNAL_ID, 0.4),
        (lists::BY_EMAIL, 0.4),
    ]
    .into_iter()
    .filter_map(|(name, least)| read(results, name, least))
    .collect();
    targets
        .extend([singles::POST, singles::PATCH_ACTIVE].into_iter().filter_map(|name| write(results, name)));
    targets.extend(one_member(results));
    targets.extend(last_page(results));
    targets.extend(large_group(results));
    targets.extend(excluded(results));
    targets.extend(bulk(results));
    targets.extend(memory(results));
    targets
}

fn read(results: &Results, name: &str, least: f64) -> Option<Target> {
    let ratio = results.workload(name)?.rate() / results.ceilings.bare.rate;
    let target = format!("≥ {least} of the bare route");
    Some(Target::new(name, format!("{ratio:.2}"), &target, ratio >= least))
}

fn write(results: &Results, name: &str) -> Option<Target> {
    let rate = results.workload(name)?.rate();
    let Marks::Sqlite(commits) = &results.ceilings.marks else { return None };
    let (single, grouped) = (rate / commits.single, rate / commits.grouped);
    let target = "≥ 3 × single commits and ≥ 0.25 of group commits";
    let measured = format!("{single:.2} × and {grouped:.2}");
    Some(Target::new(name, measured, target, single >= 3.0 && grouped >= 0.25))
}

/// How many times longer requests of the one take than of the other, under load.
fn times_longer(one: &Workload, other: &Workload) -> f64 {
    other.measured.rate / one.measured.rate
}

fn one_member(results: &Results) -> Option<Target> {
    let small = results.workload(&groups::patch_name(SMALL_GROUP))?;
    let large = results.workload(&groups::patch_name(results.largest_group?))?;
    let (ratio, p50) = (times_longer(large, small), large.measured.p50);
    let measured = format!("{ratio:.2} ×, p50 {}", time(p50));
    let is_met = ratio <= 1.2 && p50.as_micros() < 2_000;
    let target = "≤ 1.2 × the time for a group of 10, p50 < 2 ms";
    Some(Target::new(&large.name, measured, target, is_met))
}

fn last_page(results: &Results) -> Option<Target> {
    let (first, last) = (results.workload(lists::FIRST_PAGE)?, results.workload(lists::LAST_PAGE)?);
    let ratio = times_longer(last, first);
    let target = "≤ 1.5 × the time of the first page";
    Some(Target::new(&last.name, format!("{ratio:.2} ×"), target, ratio <= 1.5))
}

fn large_group(results: &Results) -> Vec<Target> {
    let Some(group) = &results.large_group else { return Vec::new() };
    let name = groups::whole_name(group.members);
    let first_byte = Target::new(
        format!("{name}, first byte"),
        time(group.first_byte),
        "≤ 50 ms",
        group.first_byte.as_millis() < 50,
    );
    let mut targets = vec![first_byte];
    if let (Some(before), Some(highest)) = (group.before, group.highest) {
        let more = highest - before;
        let measured = format!("{more:.0} MB more than before");
        let target = format!("flat: ≤ {FLAT:.0} MB more");
        targets.push(Target::new(format!("{name}, memory"), measured, &target, more <= FLAT));
    }
    targets
}

fn excluded(results: &Results) -> Option<Target> {
    let small = results.workload(&groups::excluded_name(SMALL_GROUP))?;
    let large = results.workload(&groups::excluded_name(results.largest_group?))?;
    let ratio = times_longer(large, small);
    let target = "as for a group of 10: ≤ 1.2 × the time";
    Some(Target::new(&large.name, format!("{ratio:.2} ×"), target, ratio <= 1.2))
}

fn bulk(results: &Results) -> Option<Target> {
    let (bulk, single) = (results.workload(&singles::bulk_name())?, results.workload(singles::POST)?);
    let ratio = bulk.rate() / single.rate();
    let target = "≥ 3 × the users a second of single POSTs";
    Some(Target::new(&bulk.name, format!("{ratio:.2} ×"), target, ratio >= 3.0))
}

fn memory(results: &Results) -> Vec<Target> {
    let start_up = results.start_up;
    let mut targets =
        vec![Target::new("start-up to first answer", time(start_up), "< 200 ms", start_up.as_millis() < 200)];
    let memory = [("idle", results.memory.idle, 30.0), ("under load", results.memory.under_load, 300.0)];
    for (name, measured, most) in memory {
        if let Some(measured) = measured {
            let target = format!("< {most:.0} MB");
            let name = format!("memory {name}");
            targets.push(Target::new(name, format!("{measured:.0} MB"), &target, measured < most));
        }
    }
    targets
}

/// The targets of many sources.
pub(crate) fn of_sources(results: &sources::Results) -> Vec<Target> {
    let target = |comparison: &sources::Comparison| {
        let ratio = comparison.many.rate / comparison.one.rate;
        let name = format!("{} sources: {}", grouped(results.sources), comparison.name);
        let target = format!("no slower than one: ≥ {NO_SLOWER} of its rate");
        Target::new(name, format!("{ratio:.2}"), &target, ratio >= NO_SLOWER)
    };
    results.comparisons.iter().map(target).collect()
}
