//! The grammar of filters and paths against an independent implementation, `scim_v2`. Where the two
//! disagree, `tests/differences.json` says who is right, and why; a disagreement of which it says
//! nothing is a failure.

use std::sync::Arc;

use headwater_scim::{
    filter::{Filter, Operator},
    patch::Target,
    path::AttributePath,
    registry::Registry,
    resource_type::ResourceType,
    schema::AttributeType,
};
use headwater_testkit::{Spelling, filter, path};
use proptest::{collection::vec, prelude::*, sample::select};
use scim_v2::filter::{self as other, CompValue};
use serde::Deserialize;
use serde_json::Value;

/// A class of disagreements.
#[derive(Deserialize)]
struct Difference {
    id: String,
    /// `filter` or `path`.
    about: String,
    other: String,
    /// A text; for PATCH, a user and operations.
    example: Value,
    headwater: String,
    /// For what Headwater refuses: what its reason says.
    message: Option<String>,
    right: String,
    section: String,
    reason: String,
}

fn differences() -> Vec<Difference> {
    let all: Vec<Difference> =
        serde_json::from_str(include_str!("../../../tests/differences.json")).expect("the table");
    all.into_iter().filter(|difference| difference.other.starts_with("scim_v2 ")).collect()
}

fn user() -> Arc<ResourceType> {
    Arc::clone(Registry::built_in().resource_type("User").expect("built in"))
}

/// What both make of a text: the same tree, or a known difference, or neither.
fn compare(text: &str, is_path: bool) -> Result<Option<String>, String> {
    let ours = if is_path { our_path(text) } else { our_filter(text) };
    let theirs = |text: &str| if is_path { their_path(text) } else { their_filter(text) };
    let read = if ours.is_ok() { theirs(text) } else { their_grammar(text, is_path) };
    match (ours, read) {
        (Err(_), Err(_)) => Ok(None),
        (Ok(ours), Ok(theirs)) if ours == theirs => Ok(None),
        (Err(reason), Ok(_)) => {
            let known = differences().into_iter().find(|difference| {
                difference.message.as_ref().is_some_and(|message| reason.contains(message))
            });
            known.map(|known| Some(known.id)).ok_or(format!("{text}: only Headwater refuses: {reason}"))
        }
        (Ok(_), Err(_)) if !is_path && has_sub_attribute_after_brackets(text) => {
            Ok(Some("sub-attribute-after-brackets".to_owned()))
        }
        (Ok(_), Err(_)) if is_path && is_foreign(text) => Ok(Some("path-of-unknown-extension".to_owned())),
        (Ok(ours), Err(reason)) => {
            // Written without what only Headwater knows, it has to be the same for both.
            let mut repaired = text.to_owned();
            let mut first = None;
            for (id, repair) in REPAIRS {
                let better = repair(&words(&repaired));
                if better != repaired {
                    first = first.or(Some(id));
                    repaired = better;
                }
            }
            match (first, theirs(&repaired)) {
                (Some(id), Ok(theirs)) if theirs == ours => Ok(Some((*id).to_owned())),
                (_, theirs) => Err(format!(
                    "{text}: only scim_v2 refuses: {reason}; of {repaired} it makes {theirs:?}, Headwater {ours}"
                )),
            }
        }
        (Ok(ours), Ok(theirs)) => Err(format!("{text}: Headwater reads {ours}, scim_v2 {theirs}")),
    }
}

/// `emails[…].value`, with or without blanks.
fn has_sub_attribute_after_brackets(text: &str) -> bool {
    let words: Vec<&str> = words(text).into_iter().filter(|word| !word.trim().is_empty()).collect();
    words.windows(2).any(|pair| pair[0] == "]" && pair[1].starts_with('.'))
}

/// Writes the words of a text anew.
type Repair = fn(&[&str]) -> String;

/// What makes a text that only Headwater takes one that both do.
const REPAIRS: &[(&str, Repair)] = &[
    ("not-without-blank", |words| {
        join(words, |left, right| if left.eq_ignore_ascii_case("not") && right == "(" { " " } else { "" })
    }),
    ("blank-around-value", |words| {
        let is_word = |word: &str| word.starts_with(|c: char| c.is_ascii_alphanumeric());
        join(words, |left, right| {
            let before = right.starts_with('"') && is_word(left);
            let logical = ["and", "or"].iter().any(|word| left.eq_ignore_ascii_case(word));
            let before = before || logical && right == "(";
            let after = (left.starts_with('"') || matches!(left, ")" | "]")) && is_word(right);
            if before || after { " " } else { "" }
        })
    }),
    ("blank-in-parentheses", |words| {
        let opens = |word: &str| matches!(word, "(" | "[");
        let closes = |word: &str| matches!(word, ")" | "]");
        let kept = words.iter().enumerate().filter(|(position, word)| {
            let before = position.checked_sub(1).and_then(|before| words.get(before));
            let after = words.get(position + 1);
            !word.trim().is_empty()
                || !before.is_some_and(|word| opens(word)) && !after.is_some_and(|word| closes(word))
        });
        kept.map(|(_, word)| *word).collect()
    }),
    ("boolean-letter-case", |words| {
        let lower = words.iter().map(|word| match word.to_ascii_lowercase().as_str() {
            "true" => "true".to_owned(),
            "false" => "false".to_owned(),
            _ => (*word).to_owned(),
        });
        lower.collect()
    }),
    ("dollar-ref", |words| {
        words
            .iter()
            .map(|word| if word.starts_with('"') { (*word).to_owned() } else { word.replace('$', "dollar-") })
            .collect()
    }),
];

fn join(words: &[&str], between: impl Fn(&str, &str) -> &'static str) -> String {
    let mut joined = String::new();
    for (position, word) in words.iter().enumerate() {
        if let Some(left) = position.checked_sub(1).and_then(|left| words.get(left)) {
            joined.push_str(between(left, word));
        }
        joined.push_str(word);
    }
    joined
}

/// The words of a text, blanks among them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => {
                let mut escaped = false;
                let close = rest[1..].find(|c| {
                    let closes = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    closes
                });
                close.map_or(rest.len(), |close| close + 2)
            }
            '(' | ')' | '[' | ']' => 1,
            blank if blank.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '(' | ')' | '[' | ']'))
                .unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

fn our_filter(text: &str) -> Result<String, String> {
    Filter::parse(text, &user()).map(|filter| tree(&filter)).map_err(|error| error.message)
}

fn is_foreign(path: &str) -> bool {
    matches!(Target::parse(path.trim(), &user()), Ok(Target::Foreign(_)))
}

fn our_path(text: &str) -> Result<String, String> {
    match Target::parse(text.trim(), &user()).map_err(|error| error.detail)? {
        Target::Attribute(path) => Ok(path.to_string()),
        Target::Elements { path, filter } => {
            let sub = path.sub_attribute.as_ref().map(|sub| format!(".{}", sub.name)).unwrap_or_default();
            Ok(format!("{}[{}]{sub}", path.parent(), tree(&filter)))
        }
        Target::Extension(schema) => Ok(schema.id.clone()),
        Target::Foreign(text) => Ok(text),
    }
}

/// A filter with names as the schemas have them, without anything that blanks and groups say.
fn tree(filter: &Filter) -> String {
    match filter {
        Filter::And(_) => joined(
            "and",
            &flat(filter, &|filter| match filter {
                Filter::And(terms) => Some(terms),
                _ => None,
            }),
        ),
        Filter::Or(_) => joined(
            "or",
            &flat(filter, &|filter| match filter {
                Filter::Or(terms) => Some(terms),
                _ => None,
            }),
        ),
        Filter::Not(inner) => format!("not({})", tree(inner)),
        Filter::Compare(comparison) => {
            format!("{} {} {}", comparison.path, comparison.operator.as_str(), comparison.literal)
        }
        Filter::Present(path) => format!("{path} pr"),
        Filter::Element { path, filter } => format!("{path}[{}]", tree(filter)),
    }
}

fn flat(filter: &Filter, terms: &dyn Fn(&Filter) -> Option<&Vec<Filter>>) -> Vec<String> {
    match terms(filter) {
        Some(inner) => inner.iter().flat_map(|term| flat(term, terms)).collect(),
        None => vec![tree(filter)],
    }
}

fn joined(operator: &str, terms: &[String]) -> String {
    format!("{operator}({})", terms.join(", "))
}

/// Whether they take it, whatever its names mean.
fn their_grammar(text: &str, is_path: bool) -> Result<String, String> {
    if is_path {
        text.parse::<other::PatchPath>().map(|path| path.to_string()).map_err(|error| error.to_string())
    } else {
        text.parse::<other::Filter>().map(|filter| filter.to_string()).map_err(|error| error.to_string())
    }
}

fn their_filter(text: &str) -> Result<String, String> {
    let filter: other::Filter = text.parse().map_err(|error| format!("{error}"))?;
    their_tree(&filter)
}

fn their_path(text: &str) -> Result<String, String> {
    let path: other::PatchPath = text.parse().map_err(|error| format!("{error}"))?;
    match path {
        other::PatchPath::Attr(path) => our_path(&path.to_string().replace("dollar-", "$")),
        other::PatchPath::Value(path) => {
            let attribute = resolved(&path.attr)?;
            let sub = path.sub_attr.and_then(|name| attribute.attribute.sub_attribute(&name).cloned());
            let sub = sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
            Ok(format!("{attribute}[{}]{sub}", their_inner_tree(&path.filter, &attribute)?))
        }
    }
}

fn resolved(path: &other::AttrPath) -> Result<AttributePath, String> {
    let text = path.to_string().replace("dollar-", "$");
    AttributePath::parse(&text, &user()).map_err(|error| error.to_string())
}

fn their_tree(filter: &other::Filter) -> Result<String, String> {
    Ok(match filter {
        other::Filter::Attr(expression) => their_expression(expression, &resolved)?,
        other::Filter::ValuePath(path) => {
            let attribute = resolved(&path.attr)?;
            format!("{attribute}[{}]", their_inner_tree(&path.filter, &attribute)?)
        }
        other::Filter::Not(inner) => format!("not({})", their_tree(inner)?),
        other::Filter::And(terms) => {
            joined("and", &terms.iter().map(their_tree).collect::<Result<Vec<_>, _>>()?)
        }
        other::Filter::Or(terms) => {
            joined("or", &terms.iter().map(their_tree).collect::<Result<Vec<_>, _>>()?)
        }
    })
}

fn their_inner_tree(filter: &other::ValFilter, parent: &AttributePath) -> Result<String, String> {
    let inner = |terms: &[other::ValFilter]| {
        terms.iter().map(|term| their_inner_tree(term, parent)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match filter {
        other::ValFilter::Attr(expression) => their_expression(expression, &|path| {
            let name = path.to_string().replace("dollar-", "$");
            match parent.attribute.sub_attribute(&name) {
                Some(sub) => Ok(parent.child(sub)),
                None if name.eq_ignore_ascii_case("value") => Ok(parent.clone()),
                None => Err(format!("{parent} has no sub-attribute {name}")),
            }
        })?,
        other::ValFilter::Not(term) => format!("not({})", their_inner_tree(term, parent)?),
        other::ValFilter::And(terms) => joined("and", &inner(terms)?),
        other::ValFilter::Or(terms) => joined("or", &inner(terms)?),
    })
}

fn their_expression(
    expression: &other::AttrExp,
    resolve: &dyn Fn(&other::AttrPath) -> Result<AttributePath, String>,
) -> Result<String, String> {
    let (path, operator, value) = match expression {
        other::AttrExp::Present(path) => return Ok(format!("{} pr", resolve(path)?)),
        other::AttrExp::Comparison(path, operator, value) => (resolve(path)?, operator.to_string(), value),
    };
    if path.leaf().is_complex() && *value == CompValue::Null {
        // AMB-22
        let present = format!("{path} pr");
        return Ok(if operator == Operator::Ne.as_str() { present } else { format!("not({present})") });
    }
    // AMB-25
    let path = match path.attribute.value_attribute() {
        Some(value) if path.leaf().is_complex() => path.child(value),
        _ => path,
    };
    let value = match value {
        // AMB-21: `"True"` is read as a boolean, where the attribute is one.
        CompValue::Str(text) if path.leaf().attribute_type == AttributeType::Boolean => {
            text.to_ascii_lowercase()
        }
        value => value.to_string(),
    };
    Ok(format!("{path} {operator} {value}"))
}

/// A change to a text that may or may not leave it a filter.
fn damage() -> impl Strategy<Value = (usize, usize, &'static str)> {
    let word = select(vec![
        "and",
        "or",
        "not",
        "eq",
        "gt",
        "co",
        "pr",
        "(",
        ")",
        "[",
        "]",
        " ",
        ".",
        ".value",
        "\"x\"",
        "5",
        "null",
        "True",
        "nope",
        "name",
        "active",
        "password",
        "$ref",
        "groups.$ref",
        "schemas",
        "meta.created",
        "\"2026-01-31T12:00:00Z\"",
        "urn:x:1:a",
        "-1e5",
        "\"",
    ]);
    (0usize..4, any::<usize>(), word)
}

fn damaged(text: &str, changes: &[(usize, usize, &str)]) -> String {
    let mut words: Vec<String> = words(text).into_iter().map(str::to_owned).collect();
    for (kind, position, word) in changes {
        let position = position % words.len().max(1);
        match kind {
            0 if !words.is_empty() => drop(words.remove(position)),
            1 if !words.is_empty() => words.insert(position, words[position].clone()),
            2 if !words.is_empty() => (*word).clone_into(&mut words[position]),
            _ => words.insert(position, (*word).to_owned()),
        }
    }
    words.concat()
}

proptest! {
    #[test]
    fn filters_of_the_grammar_are_the_same_to_both(model in filter(), spelling in Spelling::any()) {
        compare(&model.spelled(&spelling), false).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn what_is_nearly_a_filter_is_the_same_to_both(
        model in filter(), spelling in Spelling::any(), changes in vec(damage(), 1..4),
    ) {
        compare(&damaged(&model.spelled(&spelling), &changes), false).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn paths_are_the_same_to_both(path in path(), changes in vec(damage(), 0..3)) {
        compare(&damaged(&path, &changes), true).map_err(TestCaseError::fail)?;
    }
}

/// Before brackets it is an attribute by the grammar, though nobody has one.
#[test]
fn before_brackets_not_is_an_attribute() {
    for filter in ["not[value eq \"x\"]", "not (NOT[not (value eq \"\")])"] {
        assert_eq!(compare(filter, false), Ok(Some("unknown-attribute".to_owned())), "{filter}");
    }
}

#[test]
fn each_known_difference_shows_itself_and_says_why() {
    for difference in differences() {
        let Difference { id, about, example, headwater, message, .. } = &difference;
        let example = example.as_str().expect("a text");
        assert_eq!(compare(example, about == "path"), Ok(Some(id.clone())), "{example}");
        assert_eq!(message.is_some(), headwater == "refuses", "{id}");
        let said = [&difference.right, &difference.section, &difference.reason];
        assert!(said.iter().all(|text| !text.is_empty()), "{id}");
    }
}
