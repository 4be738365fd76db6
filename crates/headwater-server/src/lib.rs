//! Headwater over HTTP.
//!
//! [`serve`] listens and answers. A SCIM request walks like this: [`scim`] authenticates it and
//! turns it into a call of [`provisioning`], which plans a change with the protocol core, has the
//! store apply it, and shapes the answer. What administrators do comes in by [`api`] and is carried
//! out by [`administration`]; the web UI is a client of the same API.

pub mod administration;
pub mod api;
pub mod clock;
pub mod configuration;
mod connections;
mod listener;
mod maintenance;
mod origin;
pub mod provisioning;
pub mod request_log;
pub mod scim;
pub mod tokens;
mod ui;
pub mod unknown_attributes;
mod unread;
mod write_timeout;

pub use listener::{ServeError, serve};

use std::sync::Arc;

use administration::Administration;
use clock::{Clock, Random, Uuids};
use configuration::Configuration;
use headwater_store::{Millis, SourceId, Store, requests::RequestLog};
use tokio::sync::watch;
use unknown_attributes::UnknownAttributes;
use uuid::Uuid;

/// What every request handler shares.
pub struct Context {
    /// Where resources are.
    pub store: Arc<dyn Store>,
    /// What clients of the sources sent, and what became of it.
    pub requests: Arc<dyn RequestLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub random: Arc<dyn Random>,
    /// The ids that have been given out.
    pub uuids: Arc<Uuids>,
    /// What administrators do.
    pub administration: Administration,
    /// How the server was told to behave.
    pub configuration: Configuration,
    /// When tokens were last used, not yet written down.
    pub token_uses: tokens::TokenUses,
    /// Attributes that clients sent and no schema knows, not yet written down.
    pub unknown_attributes: UnknownAttributes,
    /// Room for what takes much memory.
    pub room: provisioning::Room,
    /// Who follows a stream of requests.
    pub streams: api::Streams,
    /// When the server was started.
    pub started: Millis,
    /// Set to true when the server has been told to stop.
    pub stopping: watch::Sender<bool>,
}

impl Context {
    /// A new id, greater than all before.
    pub fn new_uuid(&self) -> Uuid {
        self.uuids.next(&*self.clock, &*self.random)
    }

    /// Whether the server has been told to stop: answers without an end have to end.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Removes what is left of a source that has been deleted.
    pub async fn forget(&self, source: SourceId) {
        if let Err(error) = self.administration.purge_deleted().await {
            tracing::warn!(%error, "the rest of a deleted source could not be removed; it is tried again later");
        }
        if let Err(error) = self.requests.forget(source).await {
            tracing::warn!(%error, "the requests of a deleted source could not be removed from the log");
        }
    }
}
