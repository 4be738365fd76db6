//! The page that people read.

use std::fmt::Write;

use crate::{
    annotations::{Shown, Test},
    matrix::{Matrix, Requirement},
};

/// Where the page is; its links are relative to there.
pub(crate) const PATH: &str = "docs/conformance.md";

/// So many tests of an id are named.
const NAMED: usize = 3;

const INTRODUCTION: &str = "\
Every requirement of RFC 7643, RFC 7644 and RFC 9865, with the tests that fail when Headwater breaks it, or the \
reason why no test shows it. The wording is ours, and the RFCs with their errata decide. The page is made from \
annotations on the tests by `make conformance`, and CI fails when a requirement has neither a test nor a reason.";

const LEVELS: &str = "\
Level: the word of the text; `TXT` is a plain statement without such a word. E1234 in a section is an erratum, with \
its status at the RFC Editor; an *own rule* is not from an RFC.";

const AMBIGUITIES: &str = "\
Where the RFCs are silent or at odds with themselves: what Headwater does. The code names the numbers where it \
carries a decision out.";

pub(crate) fn write(matrix: &Matrix, shown: &Shown) -> String {
    let mut page = format!("# Conformance\n\n{INTRODUCTION}\n\n");
    page += "| group | requirements | shown by tests | no test, with a reason | open |\n| --- | ---: | ---: | ---: | ---: |\n";
    let groups = groups(matrix);
    for group in &groups {
        let title = title(group[0]);
        row(
            &mut page,
            &format!("[{title}](#{})", anchor(&title)),
            group.iter().map(|one| &*one.id),
            matrix,
            shown,
        );
    }
    let all = || matrix.requirements.iter().map(|one| &*one.id);
    row(&mut page, "**all**", all(), matrix, shown);
    let open_points = || matrix.ambiguities.iter().map(|one| &*one.id);
    row(
        &mut page,
        "[Points that the RFCs leave open](#points-that-the-rfcs-leave-open)",
        open_points(),
        matrix,
        shown,
    );
    let _ = write!(page, "\n{LEVELS}\n");
    for group in groups {
        let _ = write!(page, "\n## {}\n\n", title(group[0]));
        page += "| id | level | section | requirement | shown by |\n| --- | --- | --- | --- | --- |\n";
        for one in group {
            let shown_by = shown_by(&one.id, matrix, shown);
            let (section, text) = (linked(&one.section), cell(&one.text));
            let _ = writeln!(page, "| {} | {} | {section} | {text} | {shown_by} |", one.id, one.level);
        }
    }
    let _ = write!(page, "\n## Points that the RFCs leave open\n\n{AMBIGUITIES}\n\n");
    page += "| id | section | point | what Headwater does | shown by |\n| --- | --- | --- | --- | --- |\n";
    for one in &matrix.ambiguities {
        let shown_by = shown_by(&one.id, matrix, shown);
        let (section, point, decision) = (linked(&one.section), cell(&one.point), cell(&one.decision));
        let _ = writeln!(page, "| {} | {section} | {point} | {decision} | {shown_by} |", one.id);
    }
    page
}

/// The requirements by their groups, in the order in which they stand.
fn groups(matrix: &Matrix) -> Vec<Vec<&Requirement>> {
    let mut groups: Vec<Vec<&Requirement>> = Vec::new();
    for one in &matrix.requirements {
        match groups.iter_mut().find(|group| group[0].group == one.group) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

fn title(first: &Requirement) -> String {
    let code = first.id.split('-').next().unwrap_or_default();
    format!("{code}: {}", first.group)
}

/// What a heading is called in a link.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn row<'a>(
    page: &mut String,
    title: &str,
    ids: impl Iterator<Item = &'a str>,
    matrix: &Matrix,
    shown: &Shown,
) {
    let (mut all, mut tests, mut reasons, mut open) = (0, 0, 0, 0);
    for id in ids {
        all += 1;
        tests += usize::from(shown.contains_key(id));
        reasons += usize::from(matrix.reasons.contains_key(id));
        open += usize::from(matrix.open.contains(id));
    }
    let _ = writeln!(page, "| {title} | {all} | {tests} | {reasons} | {open} |");
}

fn shown_by(id: &str, matrix: &Matrix, shown: &Shown) -> String {
    if let Some(tests) = shown.get(id) {
        let mut named: Vec<String> = tests.iter().take(NAMED).map(link).collect();
        if tests.len() > NAMED {
            named.push(format!("and {} more", tests.len() - NAMED));
        }
        return named.join("<br>");
    }
    match matrix.reasons.get(id) {
        Some(reason) => format!("*No test:* {}", cell(reason)),
        None => "**open**".to_owned(),
    }
}

fn link(test: &Test) -> String {
    let mut parts = test.file.rsplit('/');
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let stem = match parts.next().map(stem) {
        Some(stem) if stem == "mod" => parts.next().unwrap_or_default().to_owned(),
        stem => stem.unwrap_or_default(),
    };
    let name = cell(&test.name).replace('[', "\\[").replace(']', "\\]");
    format!("[{stem}: {name}](../{})", test.file)
}

/// Text in a cell of a table: nothing in it is markup but code between back-ticks.
fn cell(text: &str) -> String {
    let mut written = String::new();
    for (position, part) in text.split('`').enumerate() {
        let is_code = position % 2 == 1;
        if position > 0 {
            written.push('`');
        }
        for c in part.chars() {
            match c {
                '|' => written += "\\|",
                '<' if !is_code => written += "&lt;",
                '*' if !is_code => written += "\\*",
                _ => written.push(c),
            }
        }
    }
    written
}

/// A section such as `7643 2.1; 7644 Table 3, 9; E1234 Held` with links to the RFC Editor.
fn linked(section: &str) -> String {
    let sources = section.split("; ").map(|source| {
        let (first, places) = source.strip_prefix("RFC ").unwrap_or(source).split_once(' ').unzip();
        let first = first.unwrap_or_else(|| source.strip_prefix("RFC ").unwrap_or(source));
        if first.len() == 4 && first.bytes().all(|byte| byte.is_ascii_digit()) {
            return places_of(first, places.unwrap_or_default());
        }
        source.split(", ").map(erratum).collect::<Vec<_>>().join(", ")
    });
    sources.collect::<Vec<_>>().join("; ")
}

/// The places of an RFC, such as `3.14, Table 8`.
fn places_of(rfc: &str, places: &str) -> String {
    let mut table = None;
    let links = places.split(", ").enumerate().map(|(position, place)| {
        let first = place.split(' ').next().unwrap_or_default();
        if ["Table", "Figure"].contains(&first) {
            table = Some(first);
        }
        let (label, anchor) = match table {
            _ if place.is_empty() => (String::new(), String::new()),
            Some(kind) if first == kind => (place.to_owned(), String::new()),
            Some(kind) if !place.contains('.') => (format!("{kind} {place}"), String::new()),
            _ => (format!("§{place}"), format!("#section-{first}")),
        };
        let name = if position == 0 { format!("RFC {rfc} {label}") } else { label };
        format!("[{}](https://www.rfc-editor.org/rfc/rfc{rfc}{anchor})", name.trim_end())
    });
    links.collect::<Vec<_>>().join(", ")
}

/// An erratum such as `E1234 Held`, or what else is no RFC.
fn erratum(text: &str) -> String {
    let (id, status) = text.split_once(' ').unwrap_or((text, ""));
    match id.strip_prefix('E').filter(|number| number.parse::<u32>().is_ok()) {
        Some(number) => {
            let link = format!("[{id}](https://www.rfc-editor.org/errata/eid{number}) {status}");
            link.trim_end().to_owned()
        }
        None => cell(text),
    }
}

#[test]
fn sections_become_links() {
    let rfc = "https://www.rfc-editor.org/rfc/rfc";
    for (section, link) in [
        ("7643 2.1", format!("[RFC 7643 §2.1]({rfc}7643#section-2.1)")),
        (
            "7643 2.3.1, 7; 9110 13",
            format!(
                "[RFC 7643 §2.3.1]({rfc}7643#section-2.3.1), [§7]({rfc}7643#section-7); [RFC 9110 §13]({rfc}9110#section-13)"
            ),
        ),
        ("7644 Table 3, 9", format!("[RFC 7644 Table 3]({rfc}7644), [Table 9]({rfc}7644)")),
        ("7644 Figure 1, 3.10", format!("[RFC 7644 Figure 1]({rfc}7644), [§3.10]({rfc}7644#section-3.10)")),
        (
            "7643 4.2; E5368 Verified",
            format!(
                "[RFC 7643 §4.2]({rfc}7643#section-4.2); [E5368](https://www.rfc-editor.org/errata/eid5368) Verified"
            ),
        ),
        (
            "E1234, E5678 Held",
            "[E1234](https://www.rfc-editor.org/errata/eid1234), [E5678](https://www.rfc-editor.org/errata/eid5678) Held"
                .to_owned(),
        ),
        ("RFC 8259", format!("[RFC 8259]({rfc}8259)")),
        ("own rule; IPSIE AL2", "own rule; IPSIE AL2".to_owned()),
    ] {
        assert_eq!(linked(section), link);
    }
}

#[test]
fn a_page_has_tests_reasons_and_what_is_open() {
    let mut matrix = Matrix::of(&["FLT-001", "FLT-002", "FLT-003"]);
    matrix.reasons.insert("FLT-002".to_owned(), "A duty of `<clients>`.".to_owned());
    matrix.open.insert("FLT-003".to_owned());
    let tests = ["a", "b|c", "d[0]", "e", "f"]
        .map(|name| Test { file: "crates/x/mod.rs".to_owned(), name: name.to_owned() });
    let shown = Shown::from([("FLT-001".to_owned(), tests.to_vec())]);
    let page = write(&matrix, &shown);
    for row in [
        "| [FLT: Filtering](#flt-filtering) | 3 | 1 | 1 | 1 |\n",
        "It matches. | [x: a](../crates/x/mod.rs)<br>[x: b\\|c](../crates/x/mod.rs)<br>[x: d\\[0\\]](../crates/x/mod.rs)<br>and 2 more |\n",
        "| *No test:* A duty of `<clients>`. |\n",
        "It matches. | **open** |\n",
    ] {
        assert!(page.contains(row), "{row}{page}");
    }
}
