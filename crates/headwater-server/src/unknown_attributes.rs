//! Attributes that clients send and no schema knows, counted in memory until they are written down.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
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
    seen: Arc<Mutex<Seen>>,
    /// Held by who writes.
    writing: Arc<tokio::sync::Mutex<()>>,
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

    /// Writes down what has been seen, behind what others are writing just now. It is brought to its end also when
    /// nobody waits for that any more: counts are neither lost nor written twice. What can't be written stays.
    pub async fn write_down(&self, store: &Arc<dyn Store>) {
        let (seen, writing, store) = (Arc::clone(&self.seen), Arc::clone(&self.writing), Arc::clone(store));
        let written = tokio::spawn(async move {
            let _writing = writing.lock().await;
            let noted = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if noted.is_empty() {
                return;
            }
            match store.note_unknown(noted.values().cloned().collect()).await {
                Ok(()) => forget(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), &noted),
                Err(error) => {
                    tracing::warn!(%error, "attributes that no schema knows could not be counted; it is tried again");
                }
            }
        });
        // A panic has been reported where it happened.
        drop(written.await);
    }
}

/// Forgets what is written; what has been seen since is left.
fn forget(seen: &mut Seen, written: &Seen) {
    for (key, written) in written {
        let Some(known) = seen.get_mut(key) else { continue };
        known.seen -= written.seen.min(known.seen);
        known.first_seen = written.last_seen;
        if known.seen == 0 {
            seen.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use headwater_scim::unknown::Unknown;
    use headwater_store::{Act, NewSource, NewToken, Records, Slug, SourceId, Store, sqlite::SqliteStore};
    use uuid::Uuid;

    use super::{UnknownAttributes, forget};

    fn found() -> Vec<Unknown> {
        vec![Unknown { path: "hat".to_owned(), shape: serde_json::json!({"type": "string"}) }]
    }

    #[tokio::test]
    async fn what_is_being_written_is_written_once_whoever_waits_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path()).expect("a store");
        let token = NewToken::new(Uuid::nil(), [0; 32]);
        let new = NewSource::new(Slug::parse("s").expect("a slug"), "S".to_owned(), Uuid::nil(), token);
        let source =
            Records::from(store.clone()).create_source(new, Act::of_server(0)).await.expect("a source");
        let store: Arc<dyn Store> = Arc::new(store);
        let attributes = UnknownAttributes::default();
        attributes.note(source.id, "User", found(), 0);
        // The store takes nothing until it is let go.
        let other = rusqlite::Connection::open(folder.path().join("headwater.db")).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let mut writing = Box::pin(attributes.write_down(&store));
        assert!((&mut writing).now_or_never().is_none());
        tokio::task::yield_now().await;
        drop(writing);
        // Nobody is to read before it is written.
        let mut behind = Box::pin(attributes.write_down(&store));
        assert!((&mut behind).now_or_never().is_none());
        other.execute_batch("COMMIT").expect("let go");
        behind.await;
        assert!(attributes.seen.lock().expect("unharmed").is_empty());
        let seen = other.query_row("SELECT SUM(seen) FROM unknown_attribute", [], |row| row.get(0));
        assert_eq!(seen, Ok(1_i64));
    }

    #[test]
    fn what_is_seen_while_others_are_written_is_not_forgotten() {
        let attributes = UnknownAttributes::default();
        let now = || attributes.seen.lock().expect("unharmed").clone();
        attributes.note(SourceId(1), "User", found(), 5);
        let written = now();
        attributes.note(SourceId(1), "User", [found(), found()].concat(), 7);
        let mut seen = now();
        forget(&mut seen, &written);
        let left: Vec<(u64, i64)> = seen.values().map(|one| (one.seen, one.last_seen)).collect();
        assert_eq!(left, [(2, 7)]);
        let rest = seen.clone();
        forget(&mut seen, &rest);
        assert!(seen.is_empty());
    }
}
