//! `/api/v1/sources/{slug}/stream`: requests as they come, as Server-Sent Events.
//!
//! A stream reads the log from where it was whenever something has been written: it has no state
//! but its place, so that it goes on after a pause, and at any server on the same data.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use headwater_store::{Actor, Source, TokenState, requests::RequestQuery};
use hyper::{HeaderMap, StatusCode};

use super::{App, Problem, caller::Caller, extract::Segments, requests};

/// How many requests are sent at once.
const AT_ONCE: usize = 200;
const QUIET_FOR: Duration = Duration::from_secs(15);
/// How often it is looked whether one may still see the stream.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// Requests as they come. Each event is named `request`, and its data is a RequestSummary; its id is
/// the number in the log, which `Last-Event-ID` goes on from.
#[utoipa::path(
    get, path = "/sources/{slug}/stream", tag = "Requests", params(("slug" = String, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
pub(super) async fn stream(
    State(context): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Segments(slug): Segments<String>,
) -> Result<Response, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let place_taken = context.streams.take(caller.actor).ok_or_else(|| {
        let detail = "Too many streams are open; close one, or try again.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    })?;
    let last_seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<i64>().ok());
    let newest = RequestQuery { limit: 1, ..RequestQuery::default() };
    let newest = context.requests.list(source.id, newest).await?.requests;
    let newest = newest.first().map_or(0, |request| request.sequence);
    let place = match last_seen {
        Some(place) if place <= newest => place,
        // A log that was begun anew: nothing of it has been seen.
        Some(_) => 0,
        None => newest,
    };
    // Said at once, so that the browser knows that the stream is open.
    let open = stream::once(std::future::ready(Ok(Event::default().comment("open"))));
    let events = open.chain(events(Arc::clone(&context), source, caller, place, place_taken));
    let keep_alive = KeepAlive::new().interval(QUIET_FOR);
    // A proxy that gathers answers would hold the events back.
    let at_once = [("x-accel-buffering", "no")];
    Ok((at_once, Sse::new(events).keep_alive(keep_alive)).into_response())
}

/// How many streams there may be, and how many one may follow.
const MOST_STREAMS: usize = 200;
const MOST_OF_ONE: usize = 16;

/// Who follows a stream of requests.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<Vec<Actor>>>);

/// A place among those who follow one; it is free again when this is dropped.
struct Following {
    streams: Streams,
    actor: Actor,
}

impl Streams {
    fn take(&self, actor: Actor) -> Option<Following> {
        let mut followers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = followers.iter().filter(|follower| **follower == actor).count();
        if followers.len() >= MOST_STREAMS || own >= MOST_OF_ONE {
            return None;
        }
        followers.push(actor);
        Some(Following { streams: self.clone(), actor })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followers = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = followers.iter().position(|follower| *follower == self.actor) {
            followers.swap_remove(position);
        }
    }
}

struct Reading {
    _following: Following,
    context: App,
    source: Source,
    caller: Caller,
    place: i64,
    written: tokio::sync::watch::Receiver<u64>,
    stopping: tokio::sync::watch::Receiver<bool>,
}

fn events(
    context: App,
    source: Source,
    caller: Caller,
    place: i64,
    following: Following,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (written, stopping) = (context.requests.watch(), context.stopping.subscribe());
    let reading = Reading { _following: following, context, source, caller, place, written, stopping };
    stream::unfold(reading, |mut reading| async move {
        loop {
            if !reading.may_go_on().await {
                return None;
            }
            reading.written.borrow_and_update();
            match reading.next().await {
                Some(events) if events.is_empty() => {}
                Some(events) => return Some((stream::iter(events), reading)),
                None => return None,
            }
            // Whoever has been signed out meanwhile sees nothing more.
            let is_over = tokio::select! {
                changed = tokio::time::timeout(CHECK_EVERY, reading.written.changed()) => matches!(changed, Ok(Err(_))),
                // A server that stops waits for its answers to end.
                _ = reading.stopping.wait_for(|stopping| *stopping) => true,
            };
            if is_over {
                return None;
            }
        }
    })
    .flatten()
}

impl Reading {
    /// What has been written since; `None` ends the stream.
    async fn next(&mut self) -> Option<Vec<Result<Event, Infallible>>> {
        let query = RequestQuery { after: Some(self.place), limit: AT_ONCE, ..RequestQuery::default() };
        let page = self.context.requests.list(self.source.id, query).await.ok()?;
        let names = requests::names(&self.context, Some(&self.source), &page.requests).await;
        let mut events = Vec::with_capacity(page.requests.len());
        for request in page.requests {
            self.place = request.sequence;
            let summary = requests::summary(request, &names);
            let event = Event::default().event("request").id(summary.sequence.to_string());
            events.push(Ok(event.json_data(&summary).ok()?));
        }
        Some(events)
    }

    async fn may_go_on(&self) -> bool {
        let administration = &self.context.administration;
        let source_is_there =
            administration.store().has_source(self.source.id).await.is_ok_and(|there| there);
        if self.context.is_stopping() || !source_is_there {
            return false;
        }
        match &self.caller.session {
            Some((session, administrator)) => administration
                .store()
                .sessions(administrator.id, administration.now())
                .await
                .is_ok_and(|sessions| sessions.iter().any(|one| one.id == session.id)),
            None => administration.store().api_tokens().await.is_ok_and(|tokens| {
                tokens.iter().any(|token| {
                    Actor::Id(token.id) == self.caller.actor
                        && token.state(administration.now()) == TokenState::Active
                })
            }),
        }
    }
}
