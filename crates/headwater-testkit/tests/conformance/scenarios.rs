//! The steps of scenarios: that each asserts something, and that nothing in it goes unread.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{files, read};

/// Where a step shows a requirement.
const CONFORMANCE: &str = "crates/headwater/tests/conformance";

/// The folders with scenarios.
pub(crate) const FOLDERS: [&str; 2] = [CONFORMANCE, "crates/headwater/tests/scenarios"];

/// The members that the tests read (`crates/headwater/tests/it/scenarios.rs`): a misspelt one would
/// assert nothing.
const STEP: [&str; 9] =
    ["name", "shows", "source", "request", "expect", "save", "repeat", "command", "input"];
const REQUEST: [&str; 8] = ["method", "path", "query", "headers", "body", "raw", "token", "authorization"];
const EXPECT: [&str; 6] = ["status", "headers", "body", "text", "maxMillis", "code"];

pub(crate) fn read_steps(file: &str) -> Vec<Value> {
    let scenario: Value = serde_json::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    scenario["steps"].as_array().unwrap_or_else(|| panic!("{file}: no steps")).clone()
}

/// What is wrong with the steps of all scenarios.
pub(crate) fn mistakes() -> Vec<String> {
    let mut mistakes = Vec::new();
    for folder in FOLDERS {
        for file in files(folder, ".json", false) {
            let mut names = BTreeSet::new();
            for step in read_steps(&file) {
                let name = step["name"].as_str().unwrap_or_default();
                mistakes.extend(mistakes_of(&step).into_iter().map(|says| format!("{file}: {name}: {says}")));
                if folder == CONFORMANCE && !names.insert(name.to_owned()) {
                    mistakes.push(format!("{file}: {name}: another step has this name"));
                }
            }
        }
    }
    mistakes
}

fn mistakes_of(step: &Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (members, known, of) in [
        (step, &STEP[..], "a step"),
        (&step["request"], &REQUEST, "a request"),
        (&step["expect"], &EXPECT, "what is expected"),
    ] {
        for unknown in members.as_object().into_iter().flatten().map(|(name, _)| name) {
            if !known.contains(&unknown.as_str()) {
                mistakes.push(format!("{unknown} is nothing that {of} has"));
            }
        }
    }
    if step["name"].as_str().is_none_or(str::is_empty) {
        mistakes.push("a step without a name".to_owned());
    }
    if step.get("shows").is_some_and(|shows| shows.as_array().is_none_or(Vec::is_empty)) {
        mistakes.push("it shows nothing".to_owned());
    }
    let expect = &step["expect"];
    let asserts = match step.get("command") {
        // The code is 0 unless another is expected.
        Some(_) => step.get("shows").is_none() || expect["code"].is_u64(),
        None => match &expect["status"] {
            Value::Array(several) => !several.is_empty() && several.iter().all(Value::is_u64),
            one => one.is_u64(),
        },
    };
    if !asserts {
        mistakes.push("it asserts nothing".to_owned());
    }
    for (pointer, _) in expect["body"].as_object().into_iter().flatten() {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            mistakes.push(format!("{pointer} is no JSON Pointer"));
        }
    }
    mistakes
}

#[test]
fn a_step_that_asserts_nothing_is_a_mistake() {
    let request = serde_json::json!({"method": "GET", "path": "/Users"});
    for (step, says) in [
        (serde_json::json!({"name": "s", "request": request}), "asserts nothing"),
        (serde_json::json!({"name": "s", "request": request, "expect": {"status": []}}), "asserts nothing"),
        (
            serde_json::json!({"name": "s", "request": request, "expect": {"status": 200, "bodys": {}}}),
            "bodys",
        ),
        (
            serde_json::json!({"name": "s", "request": request, "expect": {"status": 200, "body": {"id": 1}}}),
            "JSON Pointer",
        ),
        (serde_json::json!({"name": "s", "shows": ["END-001"], "command": ["x"]}), "asserts nothing"),
        (
            serde_json::json!({"name": "s", "shows": [], "request": request, "expect": {"status": 200}}),
            "shows nothing",
        ),
    ] {
        let mistakes = mistakes_of(&step);
        assert!(mistakes.len() == 1 && mistakes[0].contains(says), "{step}: {mistakes:?}");
    }
    let right =
        serde_json::json!({"name": "s", "request": request, "expect": {"status": 200, "body": {"/id": 1}}});
    assert!(mistakes_of(&right).is_empty());
}
