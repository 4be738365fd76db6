//! What can go wrong in a store.

/// The store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The schema of the database could not be brought up to date.
    #[error("the database could not be migrated: {0}")]
    Migration(Box<refinery::Error>),
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
    /// The data folder could not be used.
    #[error("the data folder {path} can't be used: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The transaction that the change was part of came to nothing.
    #[error("the change could not be made durable: {0}")]
    NotCommitted(String),
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
    #[error("group display names can't be made unique: {0:?} is used more than once")]
    NotUnique(String),
    /// A row says what no version of the program writes.
    #[error("the database is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the same request may succeed if it is sent again.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Closed | Self::NotCommitted(_) => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    rusqlite::ErrorCode::DatabaseBusy
                        | rusqlite::ErrorCode::DatabaseLocked
                        | rusqlite::ErrorCode::DiskFull
                        | rusqlite::ErrorCode::SystemIoFailure
                        | rusqlite::ErrorCode::ReadOnly
                )
            ),
            _ => false,
        }
    }
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
    /// The source is gone, or its switches are no longer those that the change set was computed with.
    #[error("the source has changed in the meantime")]
    SourceChanged,
    /// A unique value is taken.
    #[error("the value of {path} is taken")]
    Taken {
        /// The path of the attribute.
        path: String,
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
