//! One server a data folder, or one move of what is in it, and where the server can be reached.

use std::{
    fs::{File, TryLockError},
    io::Write,
    path::Path,
};

use headwater_store::sqlite;

use crate::failure::Failure;

const FILE: &str = "serve.lock";

/// Held while a server runs, or the data is moved; the operating system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct DataLock {
    file: File,
}

impl DataLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Another process has it, or the folder can't be written to.
    pub(crate) fn take(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let unusable = |error: std::io::Error| {
            Failure::Other(format!("the data folder {} can't be used: {error}", folder.display()))
        };
        sqlite::make_private_folder(folder).map_err(unusable)?;
        let file = sqlite::open_private(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                let used = "is in use by another server or by `headwater migrate-store`";
                Err(Failure::Other(format!("the data folder {} {used}", folder.display())))
            }
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

impl DataLock {
    /// Writes down what URLs of this server start with, so that commands on the same folder print
    /// the right ones. They do without it when it can't be written.
    pub(crate) fn announce(&mut self, origin: &str) {
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(origin.as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "the server's URL could not be written down");
        }
    }
}

/// What URLs of the server start with that runs on the folder, or last did.
pub(crate) fn announced(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(FILE)).ok()?;
    headwater_server::configuration::public_url(text.trim()).ok()
}
