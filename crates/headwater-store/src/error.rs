//! What can go wrong in a store.

use headwater_scim::definition::DefinitionError;

use crate::ResourceId;

/// The store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// PostgreSQL answered with an error.
    #[error("the database failed: {message} (SQLSTATE {code})")]
    Sql {
        /// What kind of error it is: five characters of the SQL standard.
        code: String,
        /// What the database says, without the values in question.
        message: String,
    },
    /// The database can't be reached, or has no connection to spare.
    #[error("the database can't be reached: {0}")]
    Unavailable(String),
    /// What is said about where the database is can't be understood or used.
    #[error("the address of the database can't be used: {0}")]
    Address(String),
    /// The database is there, and doesn't let us in: who we are, or the name of the database, is wrong.
    #[error("the database refuses connections: {0}")]
    NotLetIn(String),
    /// There is no TLS with the database as the address asks for it: it has none, or one of the two ends
    /// doesn't trust the other's certificate.
    #[error("no secure connection to the database: {0}")]
    Insecure(String),
    /// The database can't hold every text.
    #[error(
        "the database has the encoding {0}, and can't hold every text; make it with the encoding UTF8 (createdb --encoding=UTF8 --template=template0)"
    )]
    Encoding(String),
    /// A value is longer than an index of the database can hold.
    #[error("{0} is too long to be stored")]
    TooLong(&'static str),
    /// The schema of the database could not be brought up to date.
    #[error("the database could not be migrated: {}", cause(.0))]
    Migration(#[source] Box<refinery::Error>),
    /// A newer version of the program wrote the data.
    #[error(
        "the data was written by a newer version of headwater (its schema is version {found}, this program knows up to {known}); run that version, or restore a backup"
    )]
    TooNew {
        /// The version of the data's schema.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The keys of the index are in another form than this program makes.
    #[error(
        "the index of the database is in form {found} and this version of headwater makes form {known}; run the newest version that was started on it"
    )]
    OtherForm {
        /// The form that keys are to have.
        found: i64,
        /// The form that this program makes.
        known: i64,
    },
    /// The data is being moved, and not all of it is here yet.
    #[error(
        "the directory is not wholly moved yet from {0}; run `headwater migrate-store` once more, which goes on where it ended"
    )]
    Incomplete(String),
    /// The data folder could not be used.
    #[error("the data folder {path} can't be used: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file of the database is damaged.
    #[error(
        "the database {path} is damaged ({reason}); stop headwater and restore a backup, or save what can still be read with sqlite3's .recover"
    )]
    DamagedFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was written may not be on the disk, though SQLite's log has all of it.
    #[error(
        "the operating system has failed to put {path} or its log on the disk ({reason}); nothing is written until headwater is started again, which makes it good from the log"
    )]
    NotOnDisk {
        /// The file of the database.
        path: String,
        /// What the operating system said.
        reason: String,
    },
    /// A read that was to be quick has been given up: it is done where it may take long.
    #[error("it takes longer than it was to take")]
    NotQuick,
    /// The file of the database is not where it was any more, or another one is there.
    #[error(
        "the database {path} was removed or replaced while it was in use; nothing is read or written until headwater is started again"
    )]
    Replaced {
        /// Where the file was.
        path: String,
    },
    /// The folder has been used, and its database is gone.
    #[error(
        "the database {path} is missing or empty, though its folder has been used; restore a backup, or move {left} elsewhere to begin anew"
    )]
    Lost {
        /// Where the file was.
        path: String,
        /// By what it is seen that there was one.
        left: String,
    },
    /// The transaction that the change was part of came to nothing.
    #[error("the change could not be made durable: {0}")]
    NotCommitted(String),
    /// The change was on its way when the database was lost, and is there or not.
    #[error("it is not known whether the change was committed: {0}")]
    InDoubt(String),
    /// A schema or a resource type that a source has, or is to have, doesn't fit the others.
    #[error("{0}")]
    Definition(#[from] DefinitionError),
    /// There is no such schema or resource type.
    #[error("the source has no schema or resource type {0:?} of its own")]
    NoDefinition(String),
    /// A schema is one of a resource type's.
    #[error("the schema {schema} is used by the resource type {resource_type}; take it out there first")]
    Referred {
        /// The URN of the schema.
        schema: String,
        /// The name of the resource type.
        resource_type: String,
    },
    /// No client has sent such an attribute, or it is known by now.
    #[error("there is no attribute {path:?} of {resource_type:?} that clients have sent and no schema knows")]
    NoUnknownAttribute {
        /// The name of the resource type.
        resource_type: String,
        /// The path of the attribute.
        path: String,
    },
    /// A resource type still has resources.
    #[error("there are resources of the type {0:?}; delete them first")]
    InUse(String),
    /// A search took longer than any may.
    #[error("the search took too long")]
    TookTooLong,
    /// The store has shut down.
    #[error("the store has shut down")]
    Closed,
    /// There is no data in the folder.
    #[error("there is no data in {0}; `headwater serve` and `headwater source create` begin there")]
    NoData(String),
    /// There is no such source.
    #[error("no source has the slug {0:?}")]
    NoSource(String),
    /// There is no such token.
    #[error("the source has no token {0:?}")]
    NoToken(String),
    /// There is no such administrator.
    #[error("there is no administrator {0:?}")]
    NoAdministrator(String),
    /// There is no such API token.
    #[error("there is no API token {0:?}")]
    NoApiToken(String),
    /// Somebody has the e-mail address.
    #[error("there is an administrator with the e-mail address {0:?} already")]
    EmailTaken(String),
    /// Nobody would be left who may change anything.
    #[error("this is the last administrator who may change anything")]
    LastAdministrator,
    /// The link was used, has expired, or never was.
    #[error("the link is not valid any more")]
    LinkInvalid,
    /// Another source has the slug.
    #[error("the slug {0:?} is taken")]
    SlugTaken(String),
    /// A switch can't be turned on because of what is there.
    #[error("{path} can't be made unique: {value:?} is used more than once")]
    NotUnique {
        /// The path of the attribute.
        path: String,
        /// A value that several resources have, or its beginning.
        value: String,
    },
    /// A definition is contradicted by what is there.
    #[error("there is a resource whose {path} doesn't fit: {message}")]
    Misfit {
        /// The path of the attribute.
        path: String,
        /// What is wrong with the value, without the value.
        message: String,
    },
    /// A row says what no version of the program writes.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// Too much is under way for more to begin.
    #[error("too much is under way")]
    Busy,
    /// The program asks for what it should not, or does not what it should; nothing is done.
    #[error("this should not happen: {0}; please report it")]
    Internal(&'static str),
}

impl StoreError {
    /// Whether the same request may succeed if it is sent again.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Closed | Self::NotCommitted(_) | Self::InDoubt(_) | Self::Unavailable(_) | Self::Busy => {
                true
            }
            // By a server of the newer version, or one that has been started again; when less is going on.
            Self::OtherForm { .. } | Self::NotOnDisk { .. } | Self::Replaced { .. } | Self::TookTooLong => {
                true
            }
            // Contention, a lack of room or memory, an operator who steps in, errors of the disk, a lock
            // that was not to be had; and a server that takes no writes.
            Self::Sql { code, .. } => {
                ["40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                    || code == "55P03"
                    || code == "25006"
            }
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    rusqlite::ErrorCode::DatabaseBusy
                        | rusqlite::ErrorCode::DatabaseLocked
                        | rusqlite::ErrorCode::DiskFull
                        | rusqlite::ErrorCode::SystemIoFailure
                        | rusqlite::ErrorCode::ReadOnly
                        | rusqlite::ErrorCode::CannotOpen
                        | rusqlite::ErrorCode::OutOfMemory
                )
            ),
            _ => false,
        }
    }
}

/// What is behind an error, and behind that.
fn cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

impl From<refinery::Error> for StoreError {
    fn from(error: refinery::Error) -> Self {
        Self::Migration(Box::new(error))
    }
}

/// Why a change set was not applied. Nothing of it has been done.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The resource is gone.
    #[error("the resource doesn't exist")]
    NotFound,
    /// The resource has changed since the change set was computed.
    #[error("the resource has changed in the meantime")]
    Conflict,
    /// A resource that has to be there is not.
    #[error("a resource that it refers to doesn't exist")]
    Unmet,
    /// The source is gone, or its switches are no longer those that the change set was computed with.
    #[error("the source has changed in the meantime")]
    SourceChanged,
    /// A unique value is taken.
    #[error("the value of {path} is taken")]
    Taken {
        /// The path of the attribute.
        path: String,
        /// The resource that was to have it.
        id: ResourceId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
