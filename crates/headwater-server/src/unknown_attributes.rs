//! Attributes that clients send and no schema knows, counted in memory until they are written down.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use headwater_scim::unknown::{self, Unknown};
use headwater_store::{Millis, SourceId, Store, UnknownAttribute};

/// How many attributes are held at most; more wait until these are written down.
const MOST: usize = 10_000;

/// By source, resource type and path.
type Seen = HashMap<(SourceId, String, String), UnknownAttribute>;

/// What has been seen since it was last written down.
#[derive(Debug, Default)]
pub struct UnknownAttributes {
    seen: Mutex<Seen>,
    /// Held by who writes.
    writing: tokio::sync::Mutex<()>,
}

impl UnknownAttributes {
    /// Notes what a request had.
    pub fn note(&self, source: SourceId, resource_type: &str, found: Vec<Unknown>, now: Millis) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for Unknown { path, shape } in found {
            // What one client sends is not to keep what others sent from being written down.
            let path = path.replace('\0', "\u{fffd}");
            let key = (source, resource_type.to_owned(), path.clone());
            if let Some(known) = seen.get_mut(&key) {
                known.seen += 1;
                known.last_seen = now;
                known.shape = unknown::widened(&known.shape, &shape.to_string());
            } else if seen.len() < MOST {
                let attribute = UnknownAttribute {
                    source,
                    resource_type: resource_type.to_owned(),
                    path,
                    shape: shape.to_string(),
                    seen: 1,
                    first_seen: now,
                    last_seen: now,
                };
                seen.insert(key, attribute);
            }
        }
    }

    /// Writes down what has been seen, behind what others are writing just now. It stays here until it is written,
    /// also when nobody waits for that any more.
    pub async fn write_down(&self, store: &dyn Store) {
        let _writing = self.writing.lock().await;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if seen.is_empty() {
            return;
        }
        match store.note_unknown(seen.values().cloned().collect()).await {
            Ok(()) => self.forget(&seen),
            Err(error) => {
                tracing::warn!(%error, "attributes that no schema knows could not be counted; it is tried again");
            }
        }
    }

    /// Forgets what is written; what has been seen since is left.
    fn forget(&self, written: &Seen) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, written) in written {
            let Some(known) = seen.get_mut(key) else { continue };
            known.seen -= written.seen.min(known.seen);
            known.first_seen = written.last_seen;
            if known.seen == 0 {
                seen.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use headwater_scim::unknown::Unknown;
    use headwater_store::{SourceId, sqlite::SqliteStore};

    use super::UnknownAttributes;

    #[tokio::test]
    async fn who_writes_nothing_waits_for_who_is_writing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path()).expect("a store");
        let attributes = UnknownAttributes::default();
        let found =
            Unknown { path: "favoriteColor".to_owned(), shape: serde_json::json!({"type": "string"}) };
        attributes.note(SourceId(1), "User", vec![found], 0);
        // The store takes nothing until it is let go.
        let other = rusqlite::Connection::open(folder.path().join("headwater.db")).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let mut writing = Box::pin(attributes.write_down(&store));
        assert!((&mut writing).now_or_never().is_none());
        assert!(
            attributes.write_down(&store).now_or_never().is_none(),
            "nobody is to read before it is written"
        );
        other.execute_batch("COMMIT").expect("let go");
        writing.await;
        assert!(attributes.write_down(&store).now_or_never().is_some(), "there is nothing left");
    }

    #[test]
    fn what_is_seen_while_others_are_written_is_not_forgotten() {
        let attributes = UnknownAttributes::default();
        let found = || Unknown { path: "hat".to_owned(), shape: serde_json::json!({"type": "string"}) };
        attributes.note(SourceId(1), "User", vec![found()], 5);
        let seen = attributes.seen.lock().expect("unharmed").clone();
        attributes.note(SourceId(1), "User", vec![found(), found()], 7);
        attributes.forget(&seen);
        let left: Vec<(u64, i64)> =
            attributes.seen.lock().expect("unharmed").values().map(|one| (one.seen, one.last_seen)).collect();
        assert_eq!(left, [(2, 7)]);
        let rest = attributes.seen.lock().expect("unharmed").clone();
        attributes.forget(&rest);
        assert!(attributes.seen.lock().expect("unharmed").is_empty());
    }
}
