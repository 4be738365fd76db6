//! Reading JSON strictly: what RFC 8259 leaves open is refused where it would be ambiguous.

use std::{cell::Cell, collections::HashSet};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::{Object, error::ScimError};

/// Parses a request body, which has to be one JSON object.
///
/// Nesting is bounded (128 levels), and so are the values ([`MAX_VALUES`]); member names that occur twice, in any letter case, are
/// refused: SCIM attribute names are case-insensitive (RFC 7643 §2.1), so one of the two values
/// would be dropped silently.
///
/// # Errors
/// 400 invalidSyntax with the position of the fault.
pub fn parse(bytes: &[u8]) -> Result<Object, ScimError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ScimError::invalid_syntax("the request has no body; a JSON object is expected"));
    }
    match read(bytes, false) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ScimError::invalid_syntax("the body has to be a JSON object")),
        Err(error) if error.is_data() => Err(ScimError::invalid_syntax(format!("the body: {error}"))),
        Err(error) => Err(ScimError::invalid_syntax(format!("the body is not valid JSON: {error}"))),
    }
}

/// Refuses JSON in which a member of an object occurs twice, as [`parse`] does; texts may have any character.
///
/// # Errors
/// 400 invalidSyntax with the position of the fault.
pub fn check_members(bytes: &[u8]) -> Result<(), ScimError> {
    read(bytes, true).map(drop).map_err(|error| ScimError::invalid_syntax(error.to_string()))
}

fn read(bytes: &[u8], takes_null: bool) -> Result<Value, serde_json::Error> {
    let left = Cell::new(MAX_VALUES);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Unambiguous { left: &left, takes_null }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// How many values a body may have, nested ones counted: in memory each takes many times what it takes
/// in the text.
pub const MAX_VALUES: usize = 500_000;

/// Reads a value in which no object has two members of one name.
#[derive(Clone, Copy)]
struct Unambiguous<'a> {
    /// How many more values may come.
    left: &'a Cell<usize>,
    /// Whether texts may have the character U+0000.
    takes_null: bool,
}

impl Unambiguous<'_> {
    /// Refuses the character that databases and C programs take for the end of the text.
    fn check_characters<E: de::Error>(self, text: &str) -> Result<(), E> {
        if !self.takes_null && text.as_bytes().contains(&0) {
            return Err(E::custom("a text has the character U+0000, which is not taken"));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Unambiguous<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get();
        if left == 0 {
            return Err(de::Error::custom(format_args!("it has more than {MAX_VALUES} values")));
        }
        self.left.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        self.check_characters(&value)?;
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        let mut names = Names::default();
        while let Some(name) = members.next_key::<String>()? {
            self.check_characters(&name)?;
            if !names.is_new(&name, &object) {
                return Err(de::Error::custom(format_args!("the member {name:?} occurs twice")));
            }
            object.insert(name, members.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

/// How many members of an object are looked through for a name; beyond that they are kept in a set.
const FEW: usize = 32;

/// The names of an object's members in lower case, once there are many.
#[derive(Default)]
struct Names {
    many: HashSet<String>,
}

impl Names {
    /// Whether no member has the name, in any ASCII letter case.
    fn is_new(&mut self, name: &str, object: &Object) -> bool {
        if object.len() < FEW {
            return !object.keys().any(|known| known.eq_ignore_ascii_case(name));
        }
        if self.many.is_empty() {
            self.many.extend(object.keys().map(|known| known.to_ascii_lowercase()));
        }
        self.many.insert(name.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// Shows CRE-010, ERR-004, FMT-001, FMT-010.
    #[test]
    fn anything_but_one_unambiguous_object_is_refused() {
        let many: Vec<String> = (0..40).map(|n| format!("\"a{n}\":0")).collect();
        let many = format!("{{{},\"A1\":0}}", many.join(","));
        let deep = "[".repeat(1000);
        let empty = format!("{{\"a\":[{}{{}}]}}", "{},".repeat(super::MAX_VALUES));
        for bad in [
            "",
            "  ",
            "[]",
            "null",
            "{",
            "{} {}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"A\":2}",
            "{\"x\":{\"b\":1,\"B\":1}}",
            "\u{feff}{}",
            "{\"a\":1e999}",
            "{\"a\":\"\\u0000\"}",
            "{\"a\\u0000\":1}",
            "{\"x\":{\"a\\u0000\":1}}",
            &many,
            &deep,
            &empty,
        ] {
            let error = parse(bad.as_bytes()).expect_err(bad);
            assert_eq!(error.scim_type, Some(crate::error::ScimType::InvalidSyntax));
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }

    /// Shows FMT-001.
    #[test]
    fn order_and_values_are_kept() {
        let text = r#"{"b":[1,-2,3.5,1.8446744073709553e+291,true,null,"é"],"a":{"c":{}}}"#;
        assert_eq!(serde_json::to_string(&parse(text.as_bytes()).expect("valid")).expect("writes"), text);
    }
}
