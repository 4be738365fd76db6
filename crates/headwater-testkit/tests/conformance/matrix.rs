//! The requirements, the points that the RFCs leave open, and what has no test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::{Value, json};

use crate::{annotations::Shown, read, repository};

const REQUIREMENTS: &str = "docs/conformance/requirements.json";
const AMBIGUITIES: &str = "docs/conformance/ambiguities.json";
const WITHOUT_TEST: &str = "docs/conformance/without_test.json";
/// What is not shown yet. There is no such file when there is nothing.
const OPEN: &str = "docs/conformance/open.json";

/// What a standard asks for, in our words.
#[derive(Debug)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) level: String,
    pub(crate) section: String,
    pub(crate) text: String,
}

/// What the standards leave open, and what Headwater does.
#[derive(Debug)]
pub(crate) struct Ambiguity {
    pub(crate) id: String,
    pub(crate) point: String,
    pub(crate) section: String,
    pub(crate) decision: String,
}

#[derive(Debug, Default)]
pub(crate) struct Matrix {
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) ambiguities: Vec<Ambiguity>,
    /// Why no test shows an id.
    pub(crate) reasons: BTreeMap<String, String>,
    pub(crate) open: BTreeSet<String>,
}

impl Matrix {
    pub(crate) fn read() -> Self {
        let text = |value: &Value, name: &str| {
            value[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {value}")).to_owned()
        };
        let requirements = list(REQUIREMENTS).into_iter().map(|one| Requirement {
            id: text(&one, "id"),
            group: text(&one, "group"),
            level: text(&one, "level"),
            section: text(&one, "section"),
            text: text(&one, "requirement"),
        });
        let ambiguities = list(AMBIGUITIES).into_iter().map(|one| Ambiguity {
            id: text(&one, "id"),
            point: text(&one, "point"),
            section: text(&one, "section"),
            decision: text(&one, "decision"),
        });
        let reasons = json_of(&read(WITHOUT_TEST), WITHOUT_TEST);
        let reasons = reasons.as_object().expect("an object of reasons").iter();
        let open = fs::read_to_string(repository().join(OPEN)).unwrap_or_else(|_| "[]".to_owned());
        let open = json_of(&open, OPEN);
        Self {
            requirements: requirements.collect(),
            ambiguities: ambiguities.collect(),
            reasons: reasons
                .map(|(id, reason)| (id.clone(), reason.as_str().unwrap_or_default().to_owned()))
                .collect(),
            open: open
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Takes out of what is open whatever has a test by now, in the file too; with the last of it the
    /// file goes.
    pub(crate) fn strike_what_is_shown(&mut self, shown: &Shown) {
        let before = self.open.len();
        self.open.retain(|id| !shown.contains_key(id));
        if self.open.is_empty() {
            drop(fs::remove_file(repository().join(OPEN)));
        } else if self.open.len() < before {
            let ids: Vec<&String> = self.open.iter().collect();
            fs::write(repository().join(OPEN), format!("{:#}\n", json!(ids))).expect("written");
        }
    }

    fn ids(&self) -> impl Iterator<Item = &String> {
        let requirements = self.requirements.iter().map(|one| &one.id);
        requirements.chain(self.ambiguities.iter().map(|one| &one.id))
    }

    /// What doesn't add up.
    pub(crate) fn mistakes(&self, shown: &Shown) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut known = BTreeSet::new();
        for id in self.ids() {
            if !known.insert(id) {
                mistakes.push(format!("{id} is there twice"));
            }
            let (test, reason) = (shown.get(id).and_then(|tests| tests.first()), self.reasons.get(id));
            match (test, reason, self.open.contains(id)) {
                (None, None, false) => mistakes.push(format!("{id} has neither a test nor a reason")),
                (Some(test), Some(_), _) => mistakes.push(format!(
                    "{id} has a reason in {WITHOUT_TEST}, and a test: \"{}\" in {}",
                    test.name, test.file
                )),
                (Some(test), None, true) => mistakes.push(format!(
                    "{id} is in {OPEN}, and has a test by now: \"{}\" in {}",
                    test.name, test.file
                )),
                (None, Some(_), true) => mistakes.push(format!("{id} is in {OPEN}, and has a reason")),
                _ => {}
            }
        }
        for (id, tests) in shown.iter().filter(|(id, _)| !known.contains(id)) {
            for test in tests {
                mistakes.push(format!("\"{}\" in {} shows {id}, which doesn't exist", test.name, test.file));
            }
        }
        for (id, reason) in &self.reasons {
            if !known.contains(id) {
                mistakes.push(format!("{id} in {WITHOUT_TEST} doesn't exist"));
            }
            if reason.is_empty() {
                mistakes.push(format!("{id} in {WITHOUT_TEST} has no reason"));
            }
        }
        let unknown = self.open.iter().filter(|id| !known.contains(id));
        mistakes.extend(unknown.map(|id| format!("{id} in {OPEN} doesn't exist")));
        mistakes
    }
}

fn list(path: &str) -> Vec<Value> {
    json_of(&read(path), path).as_array().unwrap_or_else(|| panic!("{path} is no list")).clone()
}

fn json_of(text: &str, path: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[cfg(test)]
impl Matrix {
    /// One of requirements with these ids, as little as there can be.
    pub(crate) fn of(ids: &[&str]) -> Self {
        let requirements = ids.iter().map(|id| Requirement {
            id: (*id).to_owned(),
            group: "Filtering".to_owned(),
            level: "MUST".to_owned(),
            section: "7644 3.4.2.2".to_owned(),
            text: "It matches.".to_owned(),
        });
        Self { requirements: requirements.collect(), ..Self::default() }
    }
}

#[test]
fn what_does_not_add_up_is_a_mistake() {
    let test = crate::annotations::Test { file: "a.rs".to_owned(), name: "finds".to_owned() };
    let shown =
        |ids: &[&str]| -> Shown { ids.iter().map(|id| ((*id).to_owned(), vec![test.clone()])).collect() };
    let matrix = |reasons: &[&str], open: &[&str]| Matrix {
        reasons: reasons.iter().map(|id| ((*id).to_owned(), "why".to_owned())).collect(),
        open: open.iter().map(|id| (*id).to_owned()).collect(),
        ..Matrix::of(&["FLT-001"])
    };
    for (matrix, shown, says) in [
        (matrix(&[], &[]), shown(&[]), "neither a test nor a reason"),
        (matrix(&["FLT-001"], &[]), shown(&["FLT-001"]), "has a reason in"),
        (matrix(&[], &["FLT-001"]), shown(&["FLT-001"]), "has a test by now"),
        (matrix(&["FLT-001"], &["FLT-001"]), shown(&[]), "and has a reason"),
        (matrix(&[], &[]), shown(&["FLT-001", "FLT-002"]), "shows FLT-002, which doesn't exist"),
        (matrix(&["FLT-002"], &[]), shown(&["FLT-001"]), "FLT-002 in"),
        (matrix(&[], &["FLT-002"]), shown(&["FLT-001"]), "FLT-002 in"),
        (Matrix::of(&["FLT-001", "FLT-001"]), shown(&["FLT-001"]), "there twice"),
    ] {
        let mistakes = matrix.mistakes(&shown);
        assert!(mistakes.len() == 1 && mistakes[0].contains(says), "{says}: {mistakes:?}");
    }
    for (matrix, shown) in [
        (matrix(&[], &[]), shown(&["FLT-001"])),
        (matrix(&["FLT-001"], &[]), shown(&[])),
        (matrix(&[], &["FLT-001"]), shown(&[])),
    ] {
        assert_eq!(matrix.mistakes(&shown), [""; 0]);
    }
}
