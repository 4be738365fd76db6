//! The same filter in other letters: blanks, letter case, escapes, parentheses, URNs.

use std::cell::Cell;

use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use crate::{ENTERPRISE, USER};

/// Choices between spellings that mean the same.
#[derive(Debug, Clone)]
pub struct Spelling {
    /// One is taken for each choice, again from the start when all have been; 0 is the plain one.
    choices: Vec<u8>,
    next: Cell<usize>,
    /// Whether only what figure 1 of RFC 7644 allows is chosen.
    strict: bool,
}

impl Spelling {
    /// The plain one.
    pub fn plain() -> Self {
        Self::of(Vec::new(), true)
    }

    /// Any that the ABNF of RFC 7644 figure 1 allows.
    pub fn strict() -> impl Strategy<Value = Self> {
        vec(any::<u8>(), 1..60).prop_map(|choices| Self::of(choices, true))
    }

    /// Any that clients are known to use, too.
    pub fn any() -> impl Strategy<Value = Self> {
        vec(any::<u8>(), 1..60).prop_map(|choices| Self::of(choices, false))
    }

    fn of(choices: Vec<u8>, strict: bool) -> Self {
        Self { choices, next: Cell::new(0), strict }
    }

    /// A number below `among`; 0, which is the plain spelling, in half of the cases.
    fn choose(&self, among: usize) -> usize {
        let position = self.next.get();
        self.next.set(position + 1);
        match self.choices.get(position % self.choices.len().max(1)) {
            Some(choice) if choice % 2 == 1 => usize::from(choice / 2) % among,
            _ => 0,
        }
    }

    /// One out of what the grammar has and, unless this is strict, of what clients send.
    fn one_of(&self, grammar: &'static [&'static str], clients: &'static [&'static str]) -> &'static str {
        let clients = if self.strict { &[] } else { clients };
        let position = self.choose(grammar.len() + clients.len());
        grammar.get(position).or_else(|| clients.get(position - grammar.len())).copied().unwrap_or(" ")
    }

    pub(crate) fn blank(&self) -> &'static str {
        self.one_of(&[" "], &["  ", "\t", " \n "])
    }

    pub(crate) fn maybe_blank(&self) -> &'static str {
        self.one_of(&[""], &[" ", "  "])
    }

    /// The grammar has no blank here, the examples of RFC 7644 §3.4.2.2 have one.
    pub(crate) fn blank_after_not(&self) -> &'static str {
        self.one_of(&[" ", ""], &["  "])
    }

    pub(crate) fn blank_before_value(&self, literal: &Value) -> &'static str {
        if literal.is_string() { self.one_of(&[" "], &["", "  "]) } else { self.blank() }
    }

    pub(crate) fn parenthesizes(&self) -> bool {
        self.choose(4) == 1
    }

    pub(crate) fn grouped(&self, text: &str) -> String {
        let (before, after) = (self.maybe_blank(), self.maybe_blank());
        let grouped = format!("({before}{text}{after})");
        if self.choose(8) == 1 { format!("({grouped})") } else { grouped }
    }

    pub(crate) fn omits_value(&self) -> bool {
        !self.strict && self.choose(4) == 1
    }

    pub(crate) fn keyword(&self, word: &str) -> String {
        self.name(word)
    }

    /// Names have no letter case (RFC 7643 §2.1).
    pub(crate) fn name(&self, name: &str) -> String {
        match self.choose(4) {
            1 => name.to_uppercase(),
            2 => name.to_lowercase(),
            3 => name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect(),
            _ => name.to_owned(),
        }
    }

    /// The path of an attribute, with or without its URN.
    pub(crate) fn path(&self, attribute: &str, extension: bool) -> String {
        let name = self.name(attribute);
        match (extension, self.choose(4)) {
            // AMB-26
            (true, 1) if !self.strict => name,
            (true, _) => format!("{}:{name}", self.name(ENTERPRISE)),
            (false, 1) => format!("{}:{name}", self.name(USER)),
            (false, _) => name,
        }
    }

    /// A value as JSON, with more escapes than it needs.
    pub(crate) fn literal(&self, value: &Value) -> String {
        match value {
            // AMB-21
            Value::Bool(value) => match (self.strict, self.choose(4)) {
                (false, 1) => format!("\"{value}\""),
                (false, 2) => self.name(&value.to_string()),
                _ => value.to_string(),
            },
            Value::String(text) => {
                let written: String = text.chars().map(|char| self.escaped(char)).collect();
                format!("\"{written}\"")
            }
            other => other.to_string(),
        }
    }

    fn escaped(&self, char: char) -> String {
        let units = |written: fn(u16) -> String| {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().map(|unit| written(*unit)).collect::<Vec<_>>().concat()
        };
        match (char, self.choose(6)) {
            ('/', 1) => "\\/".to_owned(),
            (_, 2) => units(|unit| format!("\\u{unit:04x}")),
            (_, 3) => units(|unit| format!("\\u{unit:04X}")),
            _ => {
                let quoted = Value::from(char.to_string()).to_string();
                quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
            }
        }
    }
}
