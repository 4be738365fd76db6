//! Administrators, their sessions and API tokens, and who it is that acts.

use std::fmt;

use uuid::Uuid;

use crate::{Millis, TokenState};

/// What somebody may do on the administrator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Administrator,
    /// See all and change nothing.
    Auditor,
}

impl Role {
    /// The role of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Administrator, Self::Auditor].into_iter().find(|role| role.name() == name)
    }

    /// Its name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who does something on the administrator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody with a shell on the server.
    CommandLine,
    /// Whoever holds a one-time link.
    Link,
    /// The server of its own accord.
    Server,
    /// An account or an API token: ids are never used twice, so that one says which it is.
    Id(Uuid),
}

impl Actor {
    /// As the journal has it: the first UUIDs are kept for those who have no account.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::CommandLine => Uuid::nil(),
            Self::Link => Uuid::from_u128(1),
            Self::Server => Uuid::from_u128(2),
            Self::Id(id) => id,
        }
    }

    /// The actor that the journal names by this UUID.
    pub fn from_uuid(uuid: Uuid) -> Self {
        match uuid.as_u128() {
            0 => Self::CommandLine,
            1 => Self::Link,
            2 => Self::Server,
            _ => Self::Id(uuid),
        }
    }
}

/// Who does something, when, and by which request: what the journal says of each act.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Millis,
    /// The request; one of its own for what comes without one.
    pub request_id: Uuid,
}

impl Act {
    /// What the server does of its own accord.
    pub fn of_server(at: Millis) -> Self {
        Self { actor: Actor::Server, at, request_id: Uuid::nil() }
    }
}

/// A person who administers the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The id.
    pub id: Uuid,
    /// The e-mail address, which one signs in with.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they are kept out.
    pub disabled: bool,
    /// The Argon2id hash of the password in PHC form; none until one is set.
    pub password_hash: Option<String>,
    /// When the account was made.
    pub created: Millis,
    /// When they last signed in.
    pub last_login: Option<Millis>,
}

/// An administrator to be made.
#[derive(Debug, Clone)]
pub struct NewAdministrator {
    /// The id.
    pub id: Uuid,
    /// The e-mail address.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The hash of the password, where it is known already.
    pub password_hash: Option<String>,
}

/// A change to an administrator; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct AdministratorEdit {
    /// The name for people.
    pub name: Option<String>,
    /// What they may do.
    pub role: Option<Role>,
    /// Whether they are kept out.
    pub disabled: Option<bool>,
}

/// A link that can be used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whose password it sets; without one it makes the first administrator.
    pub administrator: Option<Administrator>,
    /// When it stops being valid.
    pub expires: Millis,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is called in lists; not the secret.
    pub id: Uuid,
    /// Who.
    pub administrator_id: Uuid,
    /// What unsafe requests have to carry beside the cookie.
    pub csrf_token: String,
    /// When it began.
    pub created: Millis,
    /// When it was last used, to about a minute.
    pub last_seen: Millis,
    /// When it ends.
    pub expires: Millis,
    /// The address it began from.
    pub address: String,
    /// The browser it began in.
    pub user_agent: Option<String>,
}

/// A token for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// The id: the actor in the journal.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: Millis,
    /// By whom.
    pub created_by: Actor,
    /// When it stops being valid.
    pub expires: Option<Millis>,
    /// When it was last used, to about a minute.
    pub last_used: Option<Millis>,
    /// When it was revoked.
    pub revoked: Option<Millis>,
}

impl ApiToken {
    /// Whether it is valid.
    pub fn state(&self, now: Millis) -> TokenState {
        TokenState::of(self.revoked, self.expires, now)
    }
}

/// Failed logins in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailedLogins {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last: Millis,
}

/// What came of the beginning of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginBegun {
    /// How long it has to wait; 0 when its password may be checked, and it is counted.
    pub wait: Millis,
    /// What had failed under each of its keys before.
    pub before: Vec<FailedLogins>,
}

/// What is known of a creation under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotentAnswer {
    /// Nothing: it is reserved for the one who asks.
    Fresh,
    /// Somebody is working on it.
    InProgress,
    /// The key was used for something else.
    OtherRequest,
    /// What was answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body, without secrets.
        body: Vec<u8>,
    },
}
