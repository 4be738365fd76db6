//! What the tests say that they show.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{files, read, scenarios};

/// A test, or a step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    /// From the repository.
    pub(crate) file: String,
    pub(crate) name: String,
}

/// The tests of each id.
pub(crate) type Shown = BTreeMap<String, Vec<Test>>;

#[derive(Debug, Default)]
pub(crate) struct Annotations {
    pub(crate) shown: Shown,
    /// What stands where it says nothing.
    pub(crate) mistakes: Vec<String>,
}

/// How a language writes a comment above a test, and a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
    TypeScript,
}

impl Annotations {
    /// Those of all tests in the repository.
    pub(crate) fn read() -> Self {
        let mut annotations = Self::default();
        for folder in scenarios::FOLDERS {
            for file in files(folder, ".json", false) {
                annotations.scenario(&file, &scenarios::read_steps(&file));
            }
        }
        for (folder, ending, language) in [
            ("crates", ".rs", Language::Rust),
            ("tests/suites", ".py", Language::Python),
            ("ui/tests/browser", ".spec.ts", Language::TypeScript),
            ("ui/src", ".test.ts", Language::TypeScript),
            ("ui/src", ".test.tsx", Language::TypeScript),
        ] {
            for file in files(folder, ending, true) {
                annotations.source(&file, &read(&file), language);
            }
        }
        annotations
    }

    fn scenario(&mut self, file: &str, steps: &[Value]) {
        for step in steps {
            let name = step["name"].as_str().unwrap_or_default();
            for id in step["shows"].as_array().into_iter().flatten() {
                match id.as_str().filter(|id| is_id(id)) {
                    Some(id) => self.add(id, file, name),
                    None => self.mistakes.push(format!("{file}: {name}: {id} is no id")),
                }
            }
        }
    }

    fn source(&mut self, file: &str, text: &str, language: Language) {
        let (mut above, mut lines) = (Above::default(), text.lines().enumerate().peekable());
        while let Some((number, line)) = lines.next() {
            let line = line.trim();
            let next = lines.peek().map(|(_, line)| line.trim()).unwrap_or_default();
            if above.takes(line, language) {
                continue;
            }
            if let Some(shows) = above.shows.take() {
                let place = format!("{file}:{}", number + 1);
                match (ids(&shows), language.test(line, next)) {
                    (None, _) => self.mistakes.push(format!("{place}: \"{shows}\" is no list of ids")),
                    (_, None) => self.mistakes.push(format!("{place}: no test is below \"{shows}\"")),
                    _ if language == Language::Rust && !above.is_run => {
                        self.mistakes
                            .push(format!("{place}: what is below \"{shows}\" is no test that is run"));
                    }
                    (Some(ids), Some(name)) => ids.into_iter().for_each(|id| self.add(id, file, &name)),
                }
            }
            above = Above::default();
        }
    }

    fn add(&mut self, id: &str, file: &str, name: &str) {
        let test = Test { file: file.to_owned(), name: name.to_owned() };
        let tests = self.shown.entry(id.to_owned()).or_default();
        if !tests.contains(&test) {
            tests.push(test);
        }
    }
}

/// What the comments and attributes say that stand directly above a line.
#[derive(Default)]
struct Above {
    shows: Option<String>,
    is_run: bool,
    in_attribute: bool,
}

impl Above {
    /// Whether a line is one of them.
    fn takes(&mut self, line: &str, language: Language) -> bool {
        if let Some(text) = line.strip_prefix(language.comment()) {
            let text = text.trim();
            match &mut self.shows {
                // A list that is too long for one line.
                Some(shows) if !shows.ends_with('.') => {
                    shows.push(' ');
                    shows.push_str(text);
                }
                _ if is_annotation(text) => self.shows = Some(text.to_owned()),
                _ => {}
            }
            return true;
        }
        if language == Language::Rust && (self.in_attribute || line.starts_with("#[")) {
            self.is_run |= line == "#[test]" || line.starts_with("#[tokio::test");
            self.is_run &= !line.starts_with("#[ignore");
            self.in_attribute = !line.ends_with(']');
            return true;
        }
        false
    }
}

impl Language {
    fn comment(self) -> &'static str {
        match self {
            Self::Rust => "///",
            Self::Python => "#",
            Self::TypeScript => "//",
        }
    }

    /// The name of the test that begins in a line.
    fn test(self, line: &str, next: &str) -> Option<String> {
        let between = |text: &str, before: &str| {
            let (_, behind) = text.split_once(before)?;
            Some(behind.split(['(', '<']).next()?.trim().to_owned())
        };
        match self {
            Self::Rust => between(line, "fn "),
            Self::Python => line.starts_with("def ").then(|| between(line, "def "))?,
            Self::TypeScript => {
                let behind = line.strip_prefix("test(").or_else(|| line.strip_prefix("it("))?;
                let text = if behind.is_empty() { next } else { behind };
                let quote = text.chars().next().filter(|quote| ['"', '\'', '`'].contains(quote))?;
                Some(text[1..].split(quote).next()?.to_owned())
            }
        }
    }
}

/// Whether a comment is meant as an annotation, be it a right one.
fn is_annotation(text: &str) -> bool {
    let first = text.strip_prefix("Shows ").and_then(|text| text.split([',', '.', ' ']).next());
    first.is_some_and(|word| {
        word.split_once('-').is_some_and(|(group, number)| {
            group.chars().all(|c| c.is_ascii_uppercase()) && number.chars().all(|c| c.is_ascii_digit())
        })
    })
}

/// The ids of an annotation, if it is a right one.
fn ids(text: &str) -> Option<Vec<&str>> {
    let ids: Vec<&str> = text.strip_prefix("Shows ")?.strip_suffix('.')?.split(", ").collect();
    ids.iter().all(|id| is_id(id)).then_some(ids)
}

/// Whether a text has the form of an id, such as `FLT-001` or `AMB-42`.
pub(crate) fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(group, number)| {
        (2..=3).contains(&group.len())
            && (2..=3).contains(&number.len())
            && group.bytes().all(|byte| byte.is_ascii_uppercase())
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[test]
fn annotations_are_read_in_each_language() {
    let mut read = Annotations::default();
    let rust = "/// About it.\n///\n/// Shows FLT-001,\n/// AMB-02.\n#[expect(\n  x\n)]\n#[test]\nfn finds() {}\nfn other() {}";
    read.source("a/filter.rs", rust, Language::Rust);
    read.source("b.rs", "#[tokio::test(flavor)]\n/// Shows FLT-001.\nasync fn waits() {}", Language::Rust);
    read.source("c.py", "# Shows FLT-001.\ndef walk(self) -> None:", Language::Python);
    read.source("d.spec.ts", "// Shows FLT-001.\ntest(\n  `a \"name\"`,\n", Language::TypeScript);
    read.source("e.test.ts", "// Shows FLT-001.\nit('other', () => {", Language::TypeScript);
    let step = serde_json::json!({"name": "One step", "shows": ["FLT-001"]});
    read.scenario("f.json", &[step]);
    assert_eq!(read.mistakes, [""; 0]);
    let names: Vec<&str> = read.shown["FLT-001"].iter().map(|test| &*test.name).collect();
    assert_eq!(names, ["finds", "waits", "walk", "a \"name\"", "other", "One step"]);
    assert_eq!(read.shown["AMB-02"], [Test { file: "a/filter.rs".to_owned(), name: "finds".to_owned() }]);
}

#[test]
fn an_annotation_that_says_nothing_is_a_mistake() {
    for (text, says) in [
        ("/// Shows FLT-001.\nfn helper() {}", "no test that is run"),
        ("/// Shows FLT-001.\n#[test]\n#[ignore = \"slow\"]\nfn later() {}", "no test that is run"),
        ("/// Shows FLT-001.\n\n#[test]\nfn apart() {}", "no test is below"),
        ("/// Shows FLT-001 and FLT-002.\n#[test]\nfn worded() {}", "no list of ids"),
        ("/// Shows FLT-001, 002.\n#[test]\nfn shortened() {}", "no list of ids"),
        ("/// Shows FLT-001\n#[test]\nfn unfinished() {}", "no list of ids"),
    ] {
        let mut read = Annotations::default();
        read.source("x.rs", text, Language::Rust);
        assert!(read.mistakes.len() == 1 && read.mistakes[0].contains(says), "{text}: {:?}", read.mistakes);
        assert!(read.shown.is_empty(), "{text}");
    }
    let mut read = Annotations::default();
    read.source("x.rs", "/// Shows the way.\nfn helper() {}", Language::Rust);
    assert!(read.mistakes.is_empty(), "a sentence like any other");
    read.source("x.spec.ts", "// Shows FLT-001.\ntest.skip(\"later\", () => {})", Language::TypeScript);
    read.scenario("x.json", &[serde_json::json!({"name": "s", "shows": ["FLT-1"]})]);
    assert_eq!(read.mistakes.len(), 2);
}
