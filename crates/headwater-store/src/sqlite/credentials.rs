//! Credentials kept in memory, so that a request need not ask the database who sends it.
//!
//! What is kept is dropped as soon as any process changes sources or tokens: each such change
//! makes a file of the data folder one byte longer, before and after, and every look at the memory
//! looks at the file's length first.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use super::open_private;
use crate::{Credential, StoreError};

const FILE: &str = "changes-of-sources";
/// How long a credential is kept at most: a bound, should a process die between a change and its
/// second byte.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// How many credentials are kept at most.
const MOST: usize = 10_000;

type Key = (String, [u8; 8]);

pub(super) struct Credentials {
    file: File,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    generation: u64,
    entries: HashMap<Key, (Arc<Credential>, Instant)>,
}

impl Credentials {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: open_private(&folder.join(FILE))?, known: RwLock::default() })
    }

    /// Tells every process that sources or tokens are about to change, or have changed.
    pub(super) fn announce_change(&self) -> io::Result<()> {
        (&self.file).write_all(b".")
    }

    /// The credential from memory, or else by `load`.
    pub(super) fn get(
        &self,
        slug: &str,
        lookup: [u8; 8],
        load: impl FnOnce() -> Result<Option<Credential>, StoreError>,
    ) -> Result<Option<Arc<Credential>>, StoreError> {
        // A length that can't be read is one that was never seen: nothing is taken from memory.
        let generation = self.file.metadata().map_or(u64::MAX, |metadata| metadata.len());
        let key = (slug.to_owned(), lookup);
        let now = Instant::now();
        if let Ok(known) = self.known.read()
            && known.generation == generation
            && let Some((credential, since)) = known.entries.get(&key)
            && now.duration_since(*since) < KEPT_FOR
        {
            return Ok(Some(Arc::clone(credential)));
        }
        let Some(credential) = load()?.map(Arc::new) else { return Ok(None) };
        if let Ok(mut known) = self.known.write() {
            if known.generation != generation || known.entries.len() >= MOST {
                known.entries.clear();
                known.generation = generation;
            }
            known.entries.insert(key, (Arc::clone(&credential), now));
        }
        Ok(Some(credential))
    }
}
