//! How a command fails: one line, and an exit code that scripts can tell apart.

use std::process::ExitCode;

use headwater_server::{
    ServeError,
    administration::{AdministrationError, VaultError},
};
use headwater_store::{StoreError, transfer::TransferError};

/// Why a command did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What it was told makes no sense. Exit code 2, as for arguments that can't be read.
    #[error("{0}")]
    Usage(String),
    /// The store could not do it.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The server's key can't be used.
    #[error("{0}")]
    Vault(#[from] VaultError),
    /// The server could not serve.
    #[error("{0}")]
    Serve(#[from] ServeError),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// What a failure means that comes behind a change which has been made.
    pub(crate) fn behind_change(self) -> Self {
        match self {
            Self::Store(error) => AdministrationError::DoneInPart(error).into(),
            other => other,
        }
    }

    /// 2 for wrong usage, 3 for what isn't there, 4 for what is taken, 1 for everything else.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Store(
                StoreError::NoSource(_)
                | StoreError::NoToken(_)
                | StoreError::NoAdministrator(_)
                | StoreError::NoDefinition(_)
                | StoreError::NoUnknownAttribute { .. },
            ) => 3,
            Self::Store(StoreError::Definition(_) | StoreError::Address(_)) => 2,
            Self::Store(
                StoreError::SlugTaken(_)
                | StoreError::NotUnique { .. }
                | StoreError::Misfit { .. }
                | StoreError::EmailTaken(_)
                | StoreError::InUse(_)
                | StoreError::Referred { .. },
            ) => 4,
            Self::Store(_) | Self::Vault(_) | Self::Serve(_) | Self::Other(_) => 1,
        })
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Same(_) => Self::Usage(error.to_string()),
            TransferError::Store(error) => Self::Store(error),
            error => Self::Other(error.to_string()),
        }
    }
}

impl From<AdministrationError> for Failure {
    fn from(error: AdministrationError) -> Self {
        match error {
            AdministrationError::Invalid { detail, .. } => Self::Usage(detail),
            AdministrationError::Store(error) => Self::Store(error),
            error => Self::Other(error.to_string()),
        }
    }
}
