//! The values that a store keeps in an index, so that it finds resources by them.

use std::sync::Arc;

use serde_json::{Number, Value};

use crate::{
    Object, comparison, date_time,
    resource_type::ResourceType,
    schema::{Attribute, AttributeType},
};

/// A value in comparable form, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    /// What stores call the path by; see [`code`].
    pub code: i64,
    /// The value in comparable form; see [`key`].
    pub key: String,
    /// The path of the attribute, as [`crate::path::AttributePath`] prints it.
    pub path: Arc<str>,
    /// Whether no other resource of the source may have it.
    pub unique: bool,
}

/// A number for the path of a resource type, the same wherever it is computed (FNV-1a over both, 63
/// bits): an index holds it in place of the text. A registry refuses types whose paths share one.
pub fn code(resource_type: &str, path: &str) -> i64 {
    let bytes = resource_type.bytes().chain([0xff]).chain(path.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 1).cast_signed()
}

/// The index keys of a resource, sorted and each once. Several resources may have the same key
/// where it is not unique, as `externalId` is not (AMB-16).
pub fn keys(resource_type: &ResourceType, attributes: &Object) -> Vec<IndexKey> {
    let mut keys: Vec<IndexKey> = Vec::new();
    for searchable in &resource_type.searchable {
        let leaf = searchable.path.leaf();
        let mut add = |value: &Value| {
            if let Some(key) = key(leaf, value) {
                keys.push(IndexKey {
                    code: searchable.code,
                    key,
                    path: Arc::clone(&searchable.name),
                    unique: searchable.is_unique(),
                });
            }
        };
        for value in searchable.path.values(attributes) {
            match value {
                // A list of plain values inside one complex value.
                Value::Array(values) => values.iter().for_each(&mut add),
                value => add(value),
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether values of an attribute have a place in an index: all but objects and binary data, which
/// has no order (RFC 7643 §2.3.6).
pub fn has_keys(attribute: &Attribute) -> bool {
    !matches!(attribute.attribute_type, AttributeType::Complex | AttributeType::Binary)
}

/// A value in the form in which indexes hold it: keys in the order of their bytes are values in
/// order. `None` for what has no place in an index.
pub fn key(attribute: &Attribute, value: &Value) -> Option<String> {
    match (attribute.attribute_type, value) {
        (AttributeType::Boolean, Value::Bool(value)) => Some(value.to_string()),
        (AttributeType::String | AttributeType::Reference, Value::String(text)) => {
            Some(comparison::key(text, attribute.compares_exactly()).into_owned())
        }
        (AttributeType::Integer | AttributeType::Decimal, Value::Number(number)) => number_key(number),
        (AttributeType::DateTime, Value::String(text)) => date_time::parse(text).map(instant_key),
        _ => None,
    }
}

/// A number as a key: the greatest floating point number that is not above it, then what is left,
/// which is nothing but for whole numbers beyond 2^53.
pub fn number_key(number: &Number) -> Option<String> {
    let (floor, rest) = exact(number)?;
    let bits = floor.to_bits();
    let ordered = if floor.is_sign_negative() { !bits } else { bits | 1 << 63 };
    Some(if rest == 0 { format!("{ordered:016x}") } else { format!("{ordered:016x}{rest:03x}") })
}

/// A number as the greatest floating point number that is not above it, and what is left: less than
/// 2^12, as whole numbers have at most 64 bits. In the order of these pairs, numbers are in order.
pub(crate) fn exact(number: &Number) -> Option<(f64, u16)> {
    let Some(whole) = number.as_i128() else {
        return Some((number.as_f64()? + 0.0, 0)); // there is one zero
    };
    #[expect(clippy::cast_precision_loss, reason = "what is lost is the rest")]
    let nearest = whole as f64;
    #[expect(clippy::cast_possible_truncation, reason = "it is a whole number of at most 65 bits")]
    let as_whole = |floor: f64| floor as i128;
    let floor = if as_whole(nearest) > whole { nearest.next_down() } else { nearest };
    Some((floor + 0.0, u16::try_from(whole - as_whole(floor)).ok()?))
}

/// An instant as a key, from nanoseconds since 1970.
pub fn instant_key(nanoseconds: i128) -> String {
    // The years that can be written are less than 2^70 nanoseconds away.
    format!("{:019x}", nanoseconds + (1 << 72))
}

/// Whether the resource refers to another one, such as a manager.
pub fn has_references(resource_type: &ResourceType, attributes: &Object) -> bool {
    resource_type.references().any(|path| path.values(attributes).next().is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Number, Value, json};

    use super::{code, instant_key, number_key};
    use crate::date_time;

    #[test]
    fn keys_are_in_the_order_of_their_values() {
        let numbers = [json!(-1e300), json!(-2), json!(-1.5), json!(0), json!(0.25), json!(9), json!(10)];
        let keys: Vec<String> = numbers
            .iter()
            .filter_map(Value::as_number)
            .map(|number| number_key(number).expect("a number"))
            .collect();
        assert!(keys.is_sorted() && keys.len() == numbers.len(), "{keys:?}");
        let key = |text: &str| number_key(&text.parse::<Number>().expect("a number"));
        assert_eq!(key("-0.0"), key("0"));
        assert_eq!(key("1.50"), key("1.5"));
        assert_eq!(key("3.0"), key("3"));
        let numbers = [
            "-1e19",
            "-9223372036854775808",
            "-9223372036854775807",
            "-9007199254740993",
            "-9007199254740992",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551613",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
        ];
        let keys: Vec<String> = numbers.iter().map(|text| key(text).expect("a key")).collect();
        assert!(keys.is_sorted_by(|left, right| left < right), "{keys:?}");
        let instants = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.9Z",
            "1970-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ];
        let keys: Vec<String> =
            instants.iter().map(|text| instant_key(date_time::parse(text).expect("an instant"))).collect();
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() == 19), "{keys:?}");
    }

    #[test]
    fn a_path_has_the_same_code_in_every_build() {
        assert_eq!(code("User", "userName"), code("User", "userName"));
        assert_ne!(code("User", "displayName"), code("Group", "displayName"));
        assert_eq!(code("User", "userName"), 1_056_195_827_180_955_775);
    }
}
