//! What a batch of requests adds to the log, computed before the database is asked for anything.

use std::collections::{BTreeMap, HashMap};

use crate::{
    Millis, SourceId,
    requests::{
        Masked, Milestone, Sender, UNMATCHED,
        keeping::{self, Counted, HOUR, Strangers},
        queue::CountedReads,
    },
};

/// A batch, in the order of its sources: in this order they are locked.
#[derive(Default)]
pub(super) struct Batch {
    /// What is added to each source.
    pub(super) sources: BTreeMap<SourceId, Share>,
    /// What is added to the numbers of each hour.
    pub(super) hours: BTreeMap<(SourceId, Millis), Counted>,
    /// When each milestone was reached, should it be the first time.
    pub(super) milestones: BTreeMap<(SourceId, &'static str), Millis>,
    /// What is written down, in the order in which it came.
    pub(super) entries: Vec<Entry>,
    /// How many requests are in the numbers alone.
    pub(super) only_counted: u64,
}

/// A request that is written down.
pub(super) struct Entry {
    pub(super) source: SourceId,
    pub(super) masked: Masked,
    pub(super) outcomes: Option<String>,
    pub(super) bytes: i64,
}

/// What a batch adds to a source.
#[derive(Default)]
pub(super) struct Share {
    pub(super) entries: i64,
    pub(super) bytes: i64,
    pub(super) last_request: Millis,
    pub(super) last_success: Option<Millis>,
}

impl Batch {
    /// A batch of requests, where `slugs` knows the sources of those who wrote a slug, and of reads that
    /// were counted.
    pub(super) fn new(
        requests: Vec<Masked>,
        reads: &CountedReads,
        slugs: &HashMap<String, SourceId>,
        strangers: &mut Strangers,
    ) -> Self {
        let mut batch = Self::default();
        for masked in requests {
            let source = match &masked.raw.sender {
                Sender::Source(source) => *source,
                Sender::Slug(slug) => slugs.get(slug).copied().unwrap_or(UNMATCHED),
            };
            batch.add(source, masked, strangers);
        }
        for ((source, hour), (count, last)) in reads {
            batch.hours.entry((*source, *hour)).or_default().requests += count;
            batch.sources.entry(*source).or_default().heard_of(*last, 200);
            batch.reach(*source, *last, [Milestone::TokenSeen, Milestone::FirstProbe]);
        }
        batch
    }

    fn add(&mut self, source: SourceId, masked: Masked, strangers: &mut Strangers) {
        let raw = &masked.raw;
        self.hours.entry((source, raw.at.div_euclid(HOUR) * HOUR)).or_default().count(raw);
        let share = self.sources.entry(source).or_default();
        share.heard_of(raw.at, raw.status);
        if raw.token.is_none() && !strangers.may_be_kept(source, raw.at) {
            self.only_counted += 1;
            return;
        }
        let outcomes = masked.outcomes();
        let bytes = masked.size(outcomes.as_ref());
        share.entries += 1;
        share.bytes += bytes;
        self.reach(source, raw.at, keeping::milestones(raw));
        self.entries.push(Entry { source, masked, outcomes, bytes });
    }

    fn reach(&mut self, source: SourceId, at: Millis, reached: impl IntoIterator<Item = Milestone>) {
        for milestone in reached {
            self.milestones.entry((source, milestone.as_str())).or_insert(at);
        }
    }

    /// Leaves out everything of sources that are gone.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(SourceId) -> bool) {
        self.sources.retain(|source, _| is_there(*source));
        self.hours.retain(|(source, _), _| is_there(*source));
        self.milestones.retain(|(source, _), _| is_there(*source));
        self.entries.retain(|entry| is_there(entry.source));
    }
}

impl Share {
    fn heard_of(&mut self, at: Millis, status: u16) {
        self.last_request = self.last_request.max(at);
        if status < 400 {
            self.last_success = self.last_success.max(Some(at));
        }
    }
}
