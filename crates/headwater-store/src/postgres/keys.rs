//! Index keys as PostgreSQL can hold them: its indexes take no more than some 2,700 bytes a row.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::selection::Dialect;

/// The most bytes of a key that are kept as they are.
const MOST: usize = 1_000;
/// The most bytes of a member that is no resource's id, with what stands before its text.
const MOST_OF_MEMBER: usize = 2_017;
/// Stands between the beginning of a long key and its hash; so a long key is behind what it begins
/// with, as it should be.
const SEPARATOR: char = '\u{1}';

/// How searches have to do with that.
pub(super) const DIALECT: Dialect = Dialect { stored, is_comparable, members: MEMBERS };
/// The planner is left no choice, as in `relations`.
pub(super) const MEMBERS: &str = "CROSS JOIN LATERAL (SELECT member_id FROM membership WHERE source_id = ?1 AND group_id = i.id OFFSET 0) m";

/// A key as the index has it: one that is too long is its beginning and a hash of the whole. Equal keys
/// stay equal, and different ones different; only among long keys that begin alike the order is lost.
pub(crate) fn stored(key: &str) -> Cow<'_, str> {
    if is_short(key) {
        return Cow::Borrowed(key);
    }
    let mut end = key.find('\0').unwrap_or(key.len()).min(MOST);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    let hash = Sha256::digest(key.as_bytes());
    let mut stored = String::with_capacity(end + 1 + 2 * hash.len());
    stored.push_str(&key[..end]);
    stored.push(SEPARATOR);
    for byte in hash {
        stored.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
    }
    Cow::Owned(stored)
}

/// The whole key, where [`stored`] leaves something out.
pub(crate) fn whole(key: &str) -> Option<Cow<'_, str>> {
    (!is_short(key)).then(|| storable(key))
}

/// Whether the index can have a key as it is: no text in PostgreSQL has the character NUL.
fn is_short(key: &str) -> bool {
    key.len() <= MOST && !key.contains('\0')
}

/// A text without the one character that no text in PostgreSQL can have.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Whether the indexes can have a member.
pub(crate) fn is_storable_member(member: &[u8]) -> bool {
    member.len() <= MOST_OF_MEMBER
}

/// Whether stored keys compare with this one as the keys themselves do.
pub(crate) fn is_comparable(key: &str) -> bool {
    // What is cut off a long key begins at most three bytes before the limit.
    key.len() <= MOST - 4 && !key.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::{MOST, is_comparable, stored, whole};

    #[test]
    fn long_keys_keep_their_place_among_short_ones() {
        let long = |end: &str| "ü".repeat(MOST / 2) + end;
        for key in [
            "",
            "a",
            "ü",
            &"b".repeat(MOST),
            &"c".repeat(MOST + 1),
            &long("a"),
            &long("b"),
            &("x".to_owned() + &long("b")),
        ] {
            assert!(stored(key).len() <= MOST + 65);
            assert_eq!(whole(key).is_some(), key.len() > MOST);
            for other in ["", "a", "ü", "z", &"b".repeat(MOST - 4), &"ü".repeat(400), &"c".repeat(MOST - 5)]
            {
                assert!(is_comparable(other));
                assert_eq!(stored(key).as_ref().cmp(other), key.cmp(other), "{key} {other}");
                assert_eq!(stored(key).starts_with(other), key.starts_with(other));
            }
        }
        assert_ne!(stored(&long("a")), stored(&long("b")));
        assert!(stored("a\0b").starts_with('a') && !stored("a\0b").contains('\0'));
        assert_ne!(stored("a\0b"), stored("a\0c"));
        assert!(!is_comparable("\0") && whole("\0").is_some_and(|whole| !whole.contains('\0')));
    }
}
