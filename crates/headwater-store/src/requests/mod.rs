//! The request log: what clients of the sources sent, and what became of it.
//!
//! It is a log, not a part of the directory: recording never waits and never fails, and the last
//! moment of it may be lost when the machine loses power. What goes in is a [`NewRequest`], which
//! nothing comes out of but its masked form: no password or token reaches a file.

mod headers;
pub(crate) mod keeping;
mod masking;
mod new_request;
mod none;
pub(crate) mod queue;
pub(crate) mod read;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use headers::Headers;
pub use new_request::{Body, Masked, NewRequest, RawRequest, Sender};
pub use none::NoRequestLog;

use crate::{Millis, ResourceId, SourceId, StoreError};

/// Where requests are kept whose slug is no source's.
pub const UNMATCHED: SourceId = SourceId(0);
/// What is shown in place of a secret.
pub const MASK: &str = "•••";
/// The longest body that is kept, in bytes; of a longer one its length is.
pub const MAX_BODY: usize = 16 * 1024;
/// The longest answer to a successful read that is kept, in bytes.
pub const MAX_READ_BODY: usize = 4 * 1024;
/// The most resources by which one request can be found.
pub const MAX_RESOURCES: usize = 200;
/// The most outcomes that are kept of one request.
pub const MAX_OUTCOMES: usize = 200;
/// How many requests are looked at for one page, whatever the filters say.
pub const MAX_LOOKED_AT: usize = 50_000;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// POST on an endpoint.
    Create,
    /// PUT.
    Replace,
    /// PATCH.
    Update,
    /// DELETE.
    Delete,
    /// GET by id.
    Read,
    /// GET on an endpoint, or POST to `.search`.
    Search,
    /// What the server says of itself.
    Discovery,
    /// Anything else.
    Other,
    /// POST to `/Bulk`: many operations in one request.
    Bulk,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Replace,
        Self::Update,
        Self::Delete,
        Self::Read,
        Self::Search,
        Self::Discovery,
        Self::Other,
        Self::Bulk,
    ];

    /// The operation as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Search => "search",
            Self::Bulk => "bulk",
            Self::Discovery => "discovery",
            Self::Other => "other",
        }
    }

    /// The operation of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == text)
    }

    /// Whether it asks for a change.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Replace | Self::Update | Self::Delete | Self::Bulk)
    }

    /// Whether it asks to see something.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::Search | Self::Discovery)
    }
}

/// What became of one thing that a request asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The position of the operation in a PATCH or in a bulk request, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u32>,
    /// What was asked for: `add`, `remove`, `replace`, `create`, `delete`, …
    pub action: String,
    /// The path of the attribute that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What became of it.
    pub result: OutcomeResult,
    /// Why, or how; names of attributes, never values of secret ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeResult {
    /// It was done.
    Applied,
    /// All was already as it should be.
    NothingToDo,
    /// It was refused.
    Refused,
    /// It was left out.
    Ignored,
    /// It was taken for what its client means.
    Mended,
}

/// The resource that a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name of its type.
    pub resource_type: String,
    /// Its id.
    pub id: ResourceId,
    /// What people called it then, where that was at hand.
    pub display: Option<String>,
}

/// A thing that happens once in the life of a source, while it is being set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// A request with a valid token.
    TokenSeen,
    /// A request with a valid token, answered with success.
    FirstProbe,
    /// A user was created.
    FirstUser,
    /// A group got its first member.
    FirstGroupWithMembers,
    /// A user was deactivated.
    FirstDeactivation,
}

impl Milestone {
    /// All of them, in the order in which they are usually reached.
    pub const ALL: [Self; 5] = [
        Self::TokenSeen,
        Self::FirstProbe,
        Self::FirstUser,
        Self::FirstGroupWithMembers,
        Self::FirstDeactivation,
    ];

    /// The milestone as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenSeen => "token_seen",
            Self::FirstProbe => "first_probe",
            Self::FirstUser => "first_user",
            Self::FirstGroupWithMembers => "first_group_with_members",
            Self::FirstDeactivation => "first_deactivation",
        }
    }
}

/// When each milestone was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Milestones {
    /// See [`Milestone::TokenSeen`].
    pub token_seen: Option<Millis>,
    /// See [`Milestone::FirstProbe`].
    pub first_probe: Option<Millis>,
    /// See [`Milestone::FirstUser`].
    pub first_user: Option<Millis>,
    /// See [`Milestone::FirstGroupWithMembers`].
    pub first_group_with_members: Option<Millis>,
    /// See [`Milestone::FirstDeactivation`].
    pub first_deactivation: Option<Millis>,
}

/// Which requests are asked for.
#[derive(Debug, Clone, Default)]
pub struct RequestQuery {
    /// Those that name each of these.
    pub resources: Vec<ResourceId>,
    /// Those that were answered so.
    pub status: Option<StatusFilter>,
    /// Those that ask for this.
    pub operation: Option<Operation>,
    /// Those that ask for a change.
    pub writes: bool,
    /// Those that came at or after this moment.
    pub from: Option<Millis>,
    /// Those that came before this moment.
    pub to: Option<Millis>,
    /// Those with this text in path or query, in any letter case.
    pub text: Option<String>,
    /// Those with a lower number, newest first; what [`RequestPage::next`] said.
    pub before: Option<i64>,
    /// Those with a greater number, oldest first.
    pub after: Option<i64>,
    /// How many are wanted at most.
    pub limit: usize,
}

/// How requests were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// With 400 or more.
    Error,
    /// With a status that begins with this digit.
    Class(u16),
    /// With this status.
    Exact(u16),
}

impl StatusFilter {
    /// Reads `error`, `2xx` or `404`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("error") {
            return Some(Self::Error);
        }
        if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
            return class.parse().ok().filter(|class| (1..=5).contains(class)).map(Self::Class);
        }
        text.parse().ok().filter(|status| (100..=599).contains(status)).map(Self::Exact)
    }

    /// Whether it takes a status.
    pub fn takes(self, status: u16) -> bool {
        match self {
            Self::Error => status >= 400,
            Self::Class(class) => status / 100 == class,
            Self::Exact(exact) => status == exact,
        }
    }

    pub(crate) fn is_error(self) -> bool {
        match self {
            Self::Error => true,
            Self::Class(class) => class >= 4,
            Self::Exact(status) => status >= 400,
        }
    }
}

/// A page of requests.
#[derive(Debug, Clone, Default)]
pub struct RequestPage {
    /// The requests. There may be fewer than asked for although there are more: so many are looked
    /// at for one page, and no more.
    pub requests: Vec<RequestSummary>,
    /// Where the next page begins; `None` when all have been looked at.
    pub next: Option<i64>,
}

/// A request as it stands in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSummary {
    /// Whose it is.
    pub source: SourceId,
    /// Its number: greater than all that were written down before it.
    pub sequence: i64,
    /// Its id, as it was answered in `x-request-id` and stands in the journal.
    pub id: Uuid,
    /// When it came.
    pub at: Millis,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Where it came from.
    pub address: String,
    /// What its client calls itself.
    pub user_agent: Option<String>,
    /// The token that came with it, where it is one of the source, valid or not.
    pub token: Option<Uuid>,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, masked.
    pub query: Option<String>,
    /// The status of the answer; 499 when its client went away before there was one.
    pub status: u16,
    /// What it asked for.
    pub operation: Operation,
    /// Why it was refused.
    pub error: Option<String>,
    /// The `scimType` of the refusal.
    pub scim_type: Option<String>,
    /// The resource that it is about.
    pub target: Option<Target>,
    /// What became of each thing that it asked for.
    pub outcomes: Vec<Outcome>,
    /// How many resources it changed.
    pub changes: u32,
}

/// A request with all that is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRecord {
    /// What stands in a list.
    pub summary: RequestSummary,
    /// The headers that are kept.
    pub request_headers: Vec<(String, String)>,
    /// The body.
    pub request_body: KeptBody,
    /// The headers that are kept.
    pub response_headers: Vec<(String, String)>,
    /// The body.
    pub response_body: KeptBody,
}

/// What is kept of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptBody {
    /// The JSON text, masked.
    pub text: Option<String>,
    /// Why there is no text.
    pub note: Option<String>,
}

/// The requests of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hour {
    /// When it began.
    pub start: Millis,
    /// How many there were.
    pub requests: u64,
    /// How many of them were answered with 400 or more.
    pub errors: u64,
    /// How many resources they changed.
    pub changes: u64,
}

/// What is going on at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// When the last request came.
    pub last_request: Option<Millis>,
    /// When the last one came that was answered with success.
    pub last_success: Option<Millis>,
    /// How many came, in whole hours.
    pub requests: u64,
    /// How many of them were answered with 400 or more.
    pub errors: u64,
}

/// How much is kept of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionLimits {
    /// For how many days.
    pub days: u32,
    /// How many bytes, about.
    pub bytes: u64,
}

/// How the log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogState {
    /// How much of its file is in use.
    pub bytes: u64,
    /// How many requests are kept.
    pub entries: u64,
    /// How many were not written down since the server started, because too many came at once or
    /// the file could not be written to.
    pub dropped: u64,
    /// How many successful reads were counted alone since the server started; see
    /// [`RequestLog::count_read`].
    pub counted: u64,
}

/// The log of requests.
#[async_trait]
pub trait RequestLog: Send + Sync + 'static {
    /// Takes a request to be written down soon. Never waits: when very many come, their bodies are
    /// left out of those without a token of the source; when more come than can be written, these are
    /// dropped and successful reads, then anything.
    fn record(&self, entry: NewRequest);

    /// Whether so much is going on that successful reads need only be counted: from some 5,000
    /// requests a second on.
    fn is_busy(&self) -> bool;

    /// Counts a successful read of a source instead of writing it down.
    fn count_read(&self, source: SourceId, at: Millis);

    /// Requests of a source, newest first (or oldest first, see [`RequestQuery::after`]).
    async fn list(&self, source: SourceId, query: RequestQuery) -> Result<RequestPage, StoreError>;

    /// A request by its number.
    async fn request(&self, source: SourceId, sequence: i64) -> Result<Option<RequestRecord>, StoreError>;

    /// A request by its id.
    async fn by_request_id(&self, source: SourceId, id: Uuid) -> Result<Option<RequestRecord>, StoreError>;

    /// Every hour that begins in a span of time, oldest first, quiet ones too; at most 10,000.
    async fn hours(&self, source: SourceId, from: Millis, to: Millis) -> Result<Vec<Hour>, StoreError>;

    /// What is going on at a source since a moment, which is taken back to the beginning of its
    /// hour. A few index steps.
    async fn traffic(&self, source: SourceId, since: Millis) -> Result<Traffic, StoreError>;

    /// When a source reached its milestones.
    async fn milestones(&self, source: SourceId) -> Result<Milestones, StoreError>;

    /// Holds the number that was written last, and changes with every batch.
    fn watch(&self) -> tokio::sync::watch::Receiver<u64>;

    /// Waits until all that was recorded before is written down.
    async fn flush(&self) -> Result<(), StoreError>;

    /// The sources that something is kept of.
    async fn sources(&self) -> Result<Vec<SourceId>, StoreError>;

    /// Deletes everything of a source that is gone; its number is never used again.
    async fn forget(&self, source: SourceId) -> Result<(), StoreError>;

    /// Deletes what is older or more than it may be, and keeps to the sizes from then on. Of
    /// [`UNMATCHED`] the log itself knows the limits.
    async fn prune(&self, limits: &[(SourceId, RetentionLimits)], now: Millis) -> Result<(), StoreError>;

    /// How the log does.
    async fn state(&self) -> Result<LogState, StoreError>;
}
