//! Attributes that clients send and no schema knows, counted in memory until they are written down.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use headwater_scim::unknown::{self, Unknown};
use headwater_store::{Millis, SourceId, Store, UnknownAttribute};

/// How many attributes are held at most; more wait until these are written down.
const MOST: usize = 10_000;

/// What has been seen since it was last written down.
#[derive(Debug, Default)]
pub struct UnknownAttributes {
    seen: Mutex<HashMap<(SourceId, String, String), UnknownAttribute>>,
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

    /// Writes down what has been seen, behind what others are writing just now. What can't be written is held for
    /// the next time.
    pub async fn write_down(&self, store: &dyn Store) {
        let _writing = self.writing.lock().await;
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() {
            return;
        }
        let attributes: Vec<UnknownAttribute> = seen.values().cloned().collect();
        if let Err(error) = store.note_unknown(attributes).await {
            tracing::warn!(%error, "attributes that no schema knows could not be counted; it is tried again");
            let mut again = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, attribute) in seen {
                again.entry(key).and_modify(|newer| add_earlier(newer, &attribute)).or_insert(attribute);
            }
        }
    }
}

/// Adds to what was seen of an attribute what was seen before.
fn add_earlier(attribute: &mut UnknownAttribute, earlier: &UnknownAttribute) {
    attribute.seen += earlier.seen;
    attribute.first_seen = earlier.first_seen;
    attribute.shape = unknown::widened(&earlier.shape, &attribute.shape);
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
        let mut writing = Box::pin(attributes.write_down(&store));
        // Unless it is done at once, nobody is to read before it is.
        if (&mut writing).now_or_never().is_none() {
            assert!(attributes.write_down(&store).now_or_never().is_none());
            writing.await;
            assert!(attributes.write_down(&store).now_or_never().is_some());
        }
    }
}
