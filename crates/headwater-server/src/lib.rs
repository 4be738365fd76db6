//! Headwater over HTTP.
//!
//! [`serve`] listens and answers. A SCIM request walks like this: [`scim`] authenticates it and
//! turns it into a call of [`provisioning`], which plans a change with the protocol core, has the
//! store apply it, and shapes the answer.

pub mod clock;
pub mod configuration;
mod listener;
mod origin;
pub mod provisioning;
pub mod scim;
pub mod tokens;
mod write_timeout;

pub use listener::{ServeError, serve};

use std::sync::Arc;

use clock::{Clock, Random, Uuids};
use configuration::Configuration;
use headwater_store::Store;
use uuid::Uuid;

/// What every request handler shares.
pub struct Context {
    /// Where resources are.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub random: Arc<dyn Random>,
    /// The ids that have been given out.
    pub uuids: Uuids,
    /// How the server was told to behave.
    pub configuration: Configuration,
    /// When tokens were last used, not yet written down.
    pub token_uses: tokens::TokenUses,
}

impl Context {
    /// A new id, greater than all before.
    pub fn new_uuid(&self) -> Uuid {
        self.uuids.next(&*self.clock, &*self.random)
    }
}
