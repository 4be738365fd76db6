//! Cursors (RFC 9865): where a list goes on, sealed under the server's key. The client carries all of
//! it, so that any number of walks costs no memory; what it brings back is not read by others and not
//! made by anybody else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use headwater_scim::error::{ScimError, ScimType};
use headwater_store::{Millis, Position, ResourceId};
use uuid::Uuid;

use crate::administration::Administration;

/// What cursors are sealed for.
const PURPOSE: &[u8] = b"scim cursor 1";
/// The longest value in a cursor, in bytes: it travels in a URL.
const LONGEST_KEY: usize = 4_000;
/// The longest cursor that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;
/// The bytes before the value: list, moment, total, direction, id, whether there is a value.
const FIXED: usize = 16 + 8 + 8 + 1 + 16 + 1;

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Which list: source, types, filter and order.
    pub(super) list: [u8; 16],
    /// When it was given out.
    pub(super) at: Millis,
    /// How many there were in all when the walk began.
    pub(super) total: u64,
    /// Whether the page lies before the position.
    pub(super) backwards: bool,
    /// The resource that the page lies behind, or before.
    pub(super) position: Position,
}

impl Cursor {
    /// The text that a client gets: unreserved characters of URIs alone (RFC 9865 §2.1).
    ///
    /// # Errors
    /// 400 invalidValue when the value that the list is sorted by is too long to be in a URL.
    pub(super) fn seal(&self, administration: &Administration) -> Result<String, ScimError> {
        let key = self.position.key.as_deref().unwrap_or_default();
        if key.len() > LONGEST_KEY {
            let detail = "sortBy: some values are too long to go on behind them; use startIndex";
            return Err(ScimError::invalid_value(detail));
        }
        let mut content = Vec::with_capacity(FIXED + key.len());
        content.extend(self.list);
        content.extend(self.at.to_be_bytes());
        content.extend(self.total.to_be_bytes());
        content.push(u8::from(self.backwards));
        content.extend(self.position.id.as_bytes());
        content.push(u8::from(self.position.key.is_some()));
        content.extend(key.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(administration.seal(&content, PURPOSE)))
    }

    /// Reads what a client brings back.
    ///
    /// # Errors
    /// 400 invalidCursor for anything that was not given out for this list: the same for what is forged,
    /// of another source, and of another query, so that nothing can be learnt from it (RFC 9865 §6);
    /// 400 expiredCursor when it is older than `timeout`.
    pub(super) fn open(
        text: &str,
        list: &[u8; 16],
        now: Millis,
        timeout: Millis,
        administration: &Administration,
    ) -> Result<Self, ScimError> {
        let invalid = || {
            let detail = "cursor: it is not one that was given out for this query; begin without one";
            ScimError::bad_request(ScimType::InvalidCursor, detail)
        };
        let sealed = if text.len() > LONGEST { None } else { URL_SAFE_NO_PAD.decode(text).ok() };
        let content =
            sealed.and_then(|sealed| administration.open_sealed(&sealed, PURPOSE)).ok_or_else(invalid)?;
        let cursor = Self::read(&content).filter(|cursor| cursor.list == *list).ok_or_else(invalid)?;
        if now - cursor.at > timeout {
            let detail = "cursor: it has expired; begin without one";
            return Err(ScimError::bad_request(ScimType::ExpiredCursor, detail));
        }
        Ok(cursor)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (list, rest) = content.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (total, rest) = rest.split_first_chunk::<8>()?;
        let (backwards, rest) = rest.split_first()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (has_key, key) = rest.split_first()?;
        let key = (*has_key == 1).then(|| String::from_utf8(key.to_vec())).transpose().ok()?;
        Some(Self {
            list: *list,
            at: Millis::from_be_bytes(*at),
            total: u64::from_be_bytes(*total),
            backwards: *backwards == 1,
            position: Position { key, id: ResourceId(Uuid::from_bytes(*id)) },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headwater_scim::error::ScimType;
    use headwater_store::{Position, ResourceId, sqlite::SqliteStore};
    use headwater_testkit::fuzz::Target;
    use uuid::Uuid;

    use super::Cursor;
    use crate::{
        administration::{Administration, Vault},
        clock::{SystemClock, SystemRandom, Uuids},
    };

    const LIST: [u8; 16] = [3; 16];

    fn administration() -> (tempfile::TempDir, Administration) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path()).expect("a store");
        let random: Arc<SystemRandom> = Arc::default();
        let vault = Vault::open(folder.path(), None, random.clone()).expect("a key");
        let made = Administration::new(
            store.into(),
            Arc::new(SystemClock),
            random,
            Arc::new(Uuids::default()),
            vault,
        );
        (folder, made)
    }

    fn cursor(key: Option<&str>) -> Cursor {
        let position = Position { key: key.map(str::to_owned), id: ResourceId(Uuid::from_u128(7)) };
        Cursor { list: LIST, at: 1_000, total: 42, backwards: true, position }
    }

    /// Shows CUR-002, CUR-012, CUR-013, CUR-023, CUR-024.
    #[test]
    fn only_what_was_given_out_is_taken_and_only_for_a_while() {
        let (_folder, administration) = administration();
        for key in [None, Some(""), Some("ada"), Some("日本")] {
            let sealed = cursor(key).seal(&administration).expect("sealed");
            assert!(
                sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
                "{sealed}"
            );
            let open = |text: &str, list: &[u8; 16], now| Cursor::open(text, list, now, 500, &administration);
            assert_eq!(open(&sealed, &LIST, 1_500), Ok(cursor(key)));
            let expired = open(&sealed, &LIST, 1_501).expect_err("too old");
            assert_eq!((expired.status, expired.scim_type), (400, Some(ScimType::ExpiredCursor)));
            let foreign = open(&sealed, &[4; 16], 1_500).expect_err("of another list");
            assert_eq!((foreign.status, foreign.scim_type), (400, Some(ScimType::InvalidCursor)));
            for position in 0..sealed.len() {
                let mut forged = sealed.clone().into_bytes();
                forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
                let forged = String::from_utf8(forged).expect("ASCII");
                assert_eq!(open(&forged, &LIST, 1_500), Err(foreign.clone()), "{position}");
                assert_eq!(open(&sealed[..position], &LIST, 1_500), Err(foreign.clone()), "{position}");
            }
        }
        let long = cursor(Some(&"x".repeat(5_000))).seal(&administration).expect_err("too long for a URL");
        assert_eq!(long.scim_type, Some(ScimType::InvalidValue));
    }

    /// Whatever stands in a cursor that was opened: it is read or refused.
    #[test]
    fn any_content_is_read_or_refused() {
        fn run(bytes: &[u8]) {
            if let Some(read) = Cursor::read(bytes) {
                assert!(bytes.len() >= super::FIXED);
                assert_eq!(read.list[..], bytes[..16]);
            }
        }
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
        Target { name: "cursor", corpus, words: &["\0", "\u{1}", "ada"], iterations: 10_000, run }.fuzz();
    }
}
