//! Credentials kept in memory, so that a request need not ask the database who sends it.
//!
//! What is kept is dropped as soon as any process changes sources or tokens: each such change
//! makes a file of the data folder one byte longer, before and after. Who uses what is kept looks at
//! the file's length first, unless somebody did so in the last [`LOOK_EVERY`]; and who made the change
//! waits as long before it says that it is done.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, RwLock},
    time::{Duration, Instant},
};

use super::{lock, open_private};
use crate::{Credential, StoreError};

pub(super) const FILE: &str = "changes-of-sources";
/// How long a credential is kept at most: a bound, should a process die between a change and its
/// second byte.
const KEPT_FOR: Duration = Duration::from_secs(5);
/// For how long the file's length is taken to be what it was.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How many credentials are kept at most.
const MOST: usize = 50_000;

type Key = (String, [u8; 8]);

pub(super) struct Credentials {
    file: File,
    /// The file's length, and when it was looked at.
    looked: Mutex<Option<(u64, Instant)>>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    generation: u64,
    entries: HashMap<Key, (Arc<Credential>, Instant)>,
}

impl Credentials {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: open_private(&folder.join(FILE))?,
            looked: Mutex::default(),
            known: RwLock::default(),
        })
    }

    /// Tells every process that sources or tokens are about to change, or have changed.
    pub(super) fn announce_change(&self) -> io::Result<()> {
        (&self.file).write_all(b".")
    }

    /// The file's length, as it was at most [`LOOK_EVERY`] ago.
    fn generation(&self, now: Instant) -> u64 {
        let mut looked = lock(&self.looked);
        if let Some((length, at)) = *looked
            && now.saturating_duration_since(at) < LOOK_EVERY
        {
            return length;
        }
        *looked = self.file.metadata().ok().map(|metadata| (metadata.len(), now));
        // A length that can't be read is one that was never seen: nothing is taken from memory.
        looked.map_or(u64::MAX, |(length, _)| length)
    }

    /// Drops what is kept: somebody has seen that it is old.
    pub(super) fn forget(&self) {
        if let Ok(mut known) = self.known.write() {
            known.entries.clear();
        }
    }

    /// The credential from memory, or else by `load`.
    pub(super) fn get(
        &self,
        slug: &str,
        lookup: [u8; 8],
        load: impl FnOnce() -> Result<Option<Credential>, StoreError>,
    ) -> Result<Option<Arc<Credential>>, StoreError> {
        let key = (slug.to_owned(), lookup);
        let now = Instant::now();
        let generation = self.generation(now);
        if let Ok(known) = self.known.read()
            && known.generation == generation
            && let Some((credential, since)) = known.entries.get(&key)
            && now.duration_since(*since) < KEPT_FOR
        {
            return Ok(Some(Arc::clone(credential)));
        }
        let Some(credential) = load()?.map(Arc::new) else { return Ok(None) };
        if let Ok(mut known) = self.known.write() {
            let full = known.entries.len() >= MOST && !known.entries.contains_key(&key);
            if known.generation != generation || full {
                known.entries.clear();
                known.generation = generation;
            }
            known.entries.insert(key, (Arc::clone(&credential), now));
        }
        Ok(Some(credential))
    }
}
