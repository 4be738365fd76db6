//! What is kept, and how much of it, in whichever database.

use std::collections::HashMap;

use super::{Masked, Milestone, RawRequest, RetentionLimits, UNMATCHED};
use crate::{Millis, SourceId};

/// The length of an hour.
pub(crate) const HOUR: Millis = 3_600_000;
pub(crate) const DAY: Millis = 24 * HOUR;
/// How much of a source is kept until somebody says how much.
const DEFAULT_LIMITS: RetentionLimits = RetentionLimits { days: 90, bytes: 256 * 1024 * 1024 };
/// What is kept of requests to slugs that don't exist.
const UNMATCHED_LIMITS: RetentionLimits = RetentionLimits { days: 7, bytes: 4 * 1024 * 1024 };
/// How many rows go at once.
pub(crate) const PORTION: usize = 500;
/// For how long the numbers of each hour are kept.
pub(crate) const HOURS_KEPT: Millis = 400 * DAY;
/// What a request takes beside its texts, about.
const ROW_BYTES: usize = 250;
/// What it takes that one more resource is named.
const RESOURCE_BYTES: usize = 40;
/// How many requests a minute are written down of a source whose tokens nobody has sent; the rest
/// is counted. Who has no token shall not push out what those did who have.
const STRANGE_A_MINUTE: u32 = 300;

/// How much of a source is kept, by what was said of it.
pub(crate) fn limits(source: SourceId, said: Option<RetentionLimits>) -> RetentionLimits {
    if source == UNMATCHED { UNMATCHED_LIMITS } else { said.unwrap_or(DEFAULT_LIMITS) }
}

/// The requests of a source and an hour.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) requests: i64,
    pub(crate) errors: i64,
    pub(crate) changes: i64,
}

impl Counted {
    pub(crate) fn count(&mut self, raw: &RawRequest) {
        self.requests += 1;
        self.errors += i64::from(raw.status >= 400);
        self.changes += i64::from(raw.changes);
    }
}

/// How many requests without a token have come to each source in its present minute.
#[derive(Clone, Default)]
pub(crate) struct Strangers(HashMap<SourceId, (Millis, u32)>);

impl Strangers {
    /// Whether one more request that came without a token is written down, of those of its minute.
    pub(crate) fn may_be_kept(&mut self, source: SourceId, at: Millis) -> bool {
        let minute = at.div_euclid(60_000);
        let (counted, count) = self.0.entry(source).or_insert((minute, 0));
        if *counted != minute {
            (*counted, *count) = (minute, 0);
        }
        *count += 1;
        *count <= STRANGE_A_MINUTE
    }
}

/// The milestones that a request reaches, for the first time or again.
pub(crate) fn milestones(raw: &RawRequest) -> impl Iterator<Item = Milestone> {
    let any = [
        raw.authenticated.then_some(Milestone::TokenSeen),
        (raw.authenticated && raw.status < 400).then_some(Milestone::FirstProbe),
    ];
    any.into_iter().flatten().chain(raw.milestones.iter().copied())
}

impl Masked {
    /// What became of what it asked for, as JSON; `None` for nothing.
    pub(crate) fn outcomes(&self) -> Option<String> {
        match self.raw.outcomes.as_slice() {
            [] => None,
            outcomes => serde_json::to_string(outcomes).ok(),
        }
    }

    /// About how many bytes it takes, with its outcomes as they are written.
    pub(crate) fn size(&self, outcomes: Option<&String>) -> i64 {
        let Self { raw, path, query, user_agent, request, response, .. } = self;
        let texts = [
            query.as_ref(),
            user_agent.as_ref(),
            raw.error.as_ref(),
            outcomes,
            request.body.as_ref(),
            response.body.as_ref(),
        ];
        let bytes = ROW_BYTES
            + path.len()
            + request.headers.len()
            + response.headers.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + raw.resources.len() * RESOURCE_BYTES;
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }
}
