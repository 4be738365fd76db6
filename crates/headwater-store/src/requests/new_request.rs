//! A request on its way into the log.

use std::{borrow::Cow, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    Headers, MAX_BODY, MAX_OUTCOMES, MAX_READ_BODY, MAX_RESOURCES, Milestone, Operation, Outcome,
    OutcomeResult, Target, masking,
};
use crate::{Millis, ResourceId, Slug, SourceId};

/// How much of a path is kept, in characters.
const MAX_PATH: usize = 2_000;
/// How much of a query is kept.
const MAX_QUERY: usize = 4_000;
/// How much of a sentence is kept.
const MAX_SENTENCE: usize = 1_000;

/// Everything that is known of a request and its answer, as it came in and went out.
pub struct RawRequest {
    /// Who sent it.
    pub sender: Sender,
    /// Its id.
    pub id: Uuid,
    /// When it came.
    pub at: Millis,
    /// How long it took.
    pub duration: Duration,
    /// Where it came from.
    pub address: IpAddr,
    /// Whether its token was valid.
    pub authenticated: bool,
    /// The token that came with it, where it is one of the source.
    pub token: Option<Uuid>,
    /// The method.
    pub method: Cow<'static, str>,
    /// Path and query.
    pub uri: String,
    /// The status of the answer.
    pub status: u16,
    /// What it asked for.
    pub operation: Operation,
    /// Why it was refused.
    pub error: Option<String>,
    /// The `scimType` of the refusal.
    pub scim_type: Option<&'static str>,
    /// The resource that it is about.
    pub target: Option<Target>,
    /// Other resources that it names; what is beyond [`MAX_RESOURCES`] is left out.
    pub resources: Vec<ResourceId>,
    /// What became of each thing that it asked for; what is beyond [`MAX_OUTCOMES`] is counted.
    pub outcomes: Vec<Outcome>,
    /// How many resources it changed.
    pub changes: u32,
    /// The milestones that it reached, but those which any request reaches.
    pub milestones: Vec<Milestone>,
    /// Its headers.
    pub request_headers: Headers,
    /// Its body.
    pub request_body: Body,
    /// The headers of the answer.
    pub response_headers: Headers,
    /// The body of the answer.
    pub response_body: Body,
    /// The names of attributes that nobody is to see, in lower case; see
    /// [`Registry::secret_names`](headwater_scim::registry::Registry::secret_names).
    pub secret_names: Arc<[String]>,
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A client of this source.
    Source(SourceId),
    /// Somebody who wrote this where a slug belongs.
    Slug(String),
}

/// A body.
#[derive(Clone, Default)]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// As it came, or went.
    Bytes(Bytes),
    /// It isn't there, and why.
    Note(String),
}

impl Body {
    /// A body to be kept, unless it is longer than `most`: of that the length is kept.
    pub fn limited(bytes: &Bytes, most: usize) -> Self {
        match bytes.len() {
            0 => Self::None,
            length if length > most => Self::Note(format!("{length} bytes; up to {most} are kept")),
            _ => Self::Bytes(bytes.clone()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Note(note) => note.len(),
        }
    }
}

/// A request to be recorded. What was put in comes out masked, and in no other way.
pub struct NewRequest {
    raw: RawRequest,
    /// Whether the bodies were left out to save time.
    hurried: bool,
}

/// A request with everything secret masked: what may be written down.
pub struct Masked {
    pub(crate) raw: RawRequest,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request: MaskedMessage,
    pub(crate) response: MaskedMessage,
    pub(crate) hurried: bool,
}

/// What of a message may be written down.
#[derive(Default)]
pub(crate) struct MaskedMessage {
    pub(crate) headers: String,
    pub(crate) body: Option<String>,
    pub(crate) note: Option<String>,
}

impl NewRequest {
    /// A request to be recorded.
    pub fn new(mut raw: RawRequest) -> Self {
        let most = if is_successful_read(&raw) { MAX_READ_BODY } else { MAX_BODY };
        for (body, most) in [(&mut raw.request_body, MAX_BODY), (&mut raw.response_body, most)] {
            if let Body::Bytes(bytes) = body {
                *body = Body::limited(bytes, most);
            }
        }
        raw.resources.truncate(MAX_RESOURCES);
        if raw.outcomes.len() > MAX_OUTCOMES {
            let more = raw.outcomes.len() - MAX_OUTCOMES;
            raw.outcomes.truncate(MAX_OUTCOMES);
            raw.outcomes.push(Outcome {
                operation: None,
                action: "more".to_owned(),
                path: None,
                result: OutcomeResult::Ignored,
                detail: Some(format!("{more} more are not listed")),
            });
        }
        Self { raw, hurried: false }
    }

    /// Whether nothing is lost with it but that somebody looked at something.
    pub(crate) fn is_successful_read(&self) -> bool {
        is_successful_read(&self.raw)
    }

    /// Whether anybody may have sent it: it came without a token of the source.
    pub(crate) fn is_strange(&self) -> bool {
        self.raw.token.is_none()
    }

    pub(crate) fn leave_bodies_out(&mut self) {
        self.raw.request_body = Body::None;
        self.raw.response_body = Body::None;
        self.hurried = true;
    }

    /// About how much memory it holds.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + self.raw.uri.len()
            + self.raw.request_headers.len()
            + self.raw.response_headers.len()
            + self.raw.request_body.len()
            + self.raw.response_body.len()
            + self.raw.outcomes.len() * (size_of::<Outcome>() + 64)
            + self.raw.resources.len() * size_of::<ResourceId>()
    }

    /// The request as it may be written down.
    pub fn masked(self) -> Masked {
        let Self { mut raw, hurried } = self;
        let mut secrets = masking::Secrets::marked(&raw.secret_names);
        let uri = std::mem::take(&mut raw.uri);
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri.as_str(), None),
        };
        let query = query.filter(|query| !query.is_empty()).map(|query| masking::query(query, &mut secrets));
        let mut request = MaskedMessage::default();
        // What was looked through: where that is nothing, what the server says of it may quote it.
        let mut looked_through = true;
        match std::mem::take(&mut raw.request_body) {
            Body::None => {}
            Body::Note(note) => {
                looked_through = false;
                request.note = Some(note);
            }
            Body::Bytes(bytes) => match masking::json(&bytes, false, &mut secrets) {
                Some(text) => request.body = Some(text),
                None => {
                    looked_through = false;
                    request.note = Some(format!("{} bytes that are no JSON", bytes.len()));
                }
            },
        }
        let mut response = MaskedMessage::default();
        match std::mem::take(&mut raw.response_body) {
            Body::None => {}
            Body::Note(note) => response.note = Some(note),
            Body::Bytes(bytes) => {
                response.body = masking::json(&bytes, true, &mut secrets);
                if response.body.is_none() {
                    response.note = Some(format!("{} bytes that are no text", bytes.len()));
                }
            }
        }
        looked_through &= !hurried && !secrets.unclear;
        let clean = |text: &str| {
            let cleaned = secrets.cleaned(text);
            if looked_through { cleaned } else { masking::sentence(&cleaned, &secrets) }
        };
        if raw.status >= 400 {
            let error = raw.error.take();
            raw.error = match &error {
                // Of what can't be told apart nothing is kept.
                Some(_) if secrets.unclear => Some(super::MASK.to_owned()),
                error => error.as_deref().map(|error| shortened(clean(error), MAX_SENTENCE)),
            };
            let repeats = !looked_through
                && (secrets.unclear || error.as_deref().is_some_and(|error| secrets.are_named_by(error)));
            if repeats && response.body.take().is_some() {
                response.note = Some("left out: it may repeat what is secret in the request".to_owned());
            }
        }
        for outcome in &mut raw.outcomes {
            outcome.path = outcome.path.as_deref().map(|path| {
                let path = clean(path);
                let mut own = masking::Secrets::default();
                if secrets.are_named_by(&path) { masking::filter(&path, &mut own) } else { path }
            });
            outcome.detail = match outcome.detail.as_deref() {
                Some(_) if secrets.unclear => None,
                detail => detail.map(|detail| shortened(clean(detail), MAX_SENTENCE)),
            };
        }
        if let Some(target) = &mut raw.target {
            target.display = target.display.as_deref().map(|display| shortened(clean(display), MAX_SENTENCE));
        }
        let path = shortened(secrets.cleaned(&masking::path(&shortened_slug(path, &raw.sender))), MAX_PATH);
        let query = query.map(|query| shortened(secrets.cleaned(&query), MAX_QUERY));
        request.body =
            request.body.map(|body| if secrets.is_empty() { body } else { secrets.cleaned(&body) });
        response.body =
            response.body.map(|body| if secrets.is_empty() { body } else { secrets.cleaned(&body) });
        let request_headers = std::mem::take(&mut raw.request_headers);
        let user_agent = request_headers.get("user-agent").map(|agent| secrets.cleaned(agent));
        request.headers = secrets.cleaned(&request_headers.into_lines());
        response.headers = secrets.cleaned(&std::mem::take(&mut raw.response_headers).into_lines());
        Masked { raw, path, query, user_agent, request, response, hurried }
    }
}

fn is_successful_read(raw: &RawRequest) -> bool {
    raw.operation.is_read() && raw.status < 400
}

fn shortened(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What stands where a slug belongs, and is longer than any, is more likely a token of somebody.
fn shortened_slug<'a>(path: &'a str, sender: &Sender) -> Cow<'a, str> {
    match sender {
        Sender::Slug(slug) if slug.len() > Slug::LONGEST => {
            let mut segments: Vec<Cow<'_, str>> = path.split('/').map(Cow::Borrowed).collect();
            for segment in segments.iter_mut().filter(|segment| segment.len() > Slug::LONGEST) {
                *segment = Cow::Owned(format!("{}…", segment.chars().take(8).collect::<String>()));
            }
            Cow::Owned(segments.join("/"))
        }
        _ => Cow::Borrowed(path),
    }
}
