//! Credentials kept in memory under a lease, so that a request need not ask the database who sends it.
//!
//! Each change of sources or tokens raises a number in the database, in its own transaction. While
//! requests come, the number is read ten times a second. What is in memory is trusted for 300 ms behind
//! the beginning of the last look that found the number unchanged; with an older look the database is
//! asked. So what one replica takes back is refused by all within 300 ms, also when the database can't
//! be reached: then nobody is let in on what is remembered.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    pool::{Connection, Connections},
    source::{self, Registries},
};
use crate::{Credential, Slug, StoreError, lock};

/// How long what is in memory is trusted.
pub(super) const LEASE: Duration = Duration::from_millis(300);
/// How long it is between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// How many credentials are kept at most.
const MOST: usize = 10_000;

const GENERATION: &str = "SELECT value FROM generation WHERE id = 1";

type Key = (String, [u8; 8]);

/// What is kept in memory.
pub(super) struct Credentials {
    connections: Connections,
    registries: Registries,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
    /// Whether a request has come since the last look.
    is_wanted: AtomicBool,
    /// Whether there is a task that looks.
    is_watched: AtomicBool,
}

#[derive(Default)]
struct Known {
    generation: i64,
    /// The beginning of the last look.
    seen: Option<Instant>,
    entries: HashMap<Key, Arc<Credential>>,
}

impl Known {
    /// Notes what a look has found that began at a moment.
    fn note(&mut self, generation: i64, began: Instant) {
        if self.generation != generation {
            self.entries.clear();
            self.generation = generation;
            self.seen = Some(began);
        }
        self.seen = self.seen.max(Some(began));
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| now.saturating_duration_since(seen) < LEASE)
    }
}

impl Credentials {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections, registries: Registries::default(), shared: Arc::default() }
    }

    /// The credential from memory, or else from the database.
    pub(super) async fn get(
        &self,
        slug: &str,
        lookup: [u8; 8],
    ) -> Result<Option<Arc<Credential>>, StoreError> {
        if Slug::parse(slug).is_err() {
            return Ok(None);
        }
        self.shared.is_wanted.store(true, Ordering::Relaxed);
        let key = (slug.to_owned(), lookup);
        {
            let known = lock(&self.shared.known);
            if known.is_fresh(Instant::now())
                && let Some(credential) = known.entries.get(&key)
            {
                return Ok(Some(Arc::clone(credential)));
            }
        }
        let began = Instant::now();
        let (generation, credential) = self.load(slug, lookup).await?;
        let Some(credential) = credential.map(Arc::new) else { return Ok(None) };
        self.watch();
        let mut known = lock(&self.shared.known);
        // One that was read before a change is not kept behind it.
        if generation >= known.generation {
            known.note(generation, began);
            if known.entries.len() >= MOST {
                known.entries.clear();
            }
            known.entries.insert(key, Arc::clone(&credential));
        }
        Ok(Some(credential))
    }

    /// Forgets everything: something is known to have changed.
    pub(super) fn forget(&self) {
        lock(&self.shared.known).entries.clear();
    }

    async fn load(&self, slug: &str, lookup: [u8; 8]) -> Result<(i64, Option<Credential>), StoreError> {
        let load = async |connection: Connection| {
            Ok((source::credential(&connection, &self.registries, slug, lookup).await?, connection))
        };
        self.connections.read(load).await
    }

    /// Sees to it that somebody looks, for as long as requests come.
    fn watch(&self) {
        if self.shared.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let watch = Watch(Arc::clone(&self.shared));
        let connections = self.connections.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                if !watch.0.is_wanted.swap(false, Ordering::Relaxed) {
                    return;
                }
                let began = Instant::now();
                // One that takes longer than the lease is of no use.
                match tokio::time::timeout(LEASE, look(&connections)).await {
                    Ok(Ok(generation)) => lock(&watch.0.known).note(generation, began),
                    Ok(Err(error)) => tracing::debug!(%error, "changes of sources could not be looked for"),
                    Err(_) => tracing::debug!("looking for changes of sources took too long"),
                }
            }
        });
    }
}

/// Ends the watch, however it ends.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.is_watched.store(false, Ordering::Relaxed);
    }
}

async fn look(connections: &Connections) -> Result<i64, StoreError> {
    let connection = connections.get().await?;
    let generation = connection.row(GENERATION, &[]).await?.try_get(0)?;
    connection.release();
    Ok(generation)
}
