//! Secrets kept for a while, under the server's key: XChaCha20-Poly1305, with the key's id in each
//! record so that a record under another key is told from a damaged one.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};

use crate::clock::Random;

/// The name of the key's file in the data folder.
const FILE: &str = "server.key";
/// The name of the file that says where the key is, if it is not in the data folder.
const POINTER: &str = "server.key.path";
const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Why a secret could not be kept or got back.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key's file can't be read or made.
    #[error("the server's key {path} can't be used: {reason}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The record was made under another key.
    #[error("the secret was kept under another key of the server")]
    OtherKey,
    /// The record is not what was written.
    #[error("the kept secret is damaged")]
    Damaged,
}

/// Where a data folder has the server's key.
#[derive(Debug, PartialEq, Eq)]
pub enum KeyOfFolder {
    /// In the folder.
    Inside([u8; 32]),
    /// In another file, which was named with `--key-file`.
    Elsewhere(PathBuf),
    /// It has none yet.
    None,
}

impl KeyOfFolder {
    /// Looks where the key is.
    ///
    /// # Errors
    /// The file in the folder can't be used.
    pub fn find(folder: &Path) -> Result<Self, VaultError> {
        if let Some(file) = pointed_to(folder)? {
            return Ok(Self::Elsewhere(file));
        }
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => decoded(&text).map(Self::Inside).ok_or_else(|| unusable(&path, FORM)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::None),
            Err(error) => Err(unusable(&path, error)),
        }
    }

    /// Keeps a key in a folder, in the place of any other.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(folder: &Path, key: [u8; 32]) -> Result<(), VaultError> {
        let path = folder.join(FILE);
        let write = || {
            let beside = written_beside(&path, &key)?;
            std::fs::rename(beside, &path)
        };
        write().map_err(|error| unusable(&path, error))
    }
}

/// The server's key.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    key_id: [u8; KEY_ID],
    random: Arc<dyn Random>,
}

impl Vault {
    /// Opens the vault with the key in a file, 32 bytes in Base64; without one given, with the file
    /// that was given last, or else with `server.key` of the data folder, which is made where it is
    /// missing.
    ///
    /// # Errors
    /// The file can't be used.
    pub fn open(folder: &Path, key_file: Option<&Path>, random: Arc<dyn Random>) -> Result<Self, VaultError> {
        let given = match key_file {
            Some(file) => Some(std::path::absolute(file).unwrap_or_else(|_| file.to_owned())),
            None => pointed_to(folder)?,
        };
        let path = given.clone().unwrap_or_else(|| folder.join(FILE));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && given.is_none() => {
                make(folder, &path, &*random).map_err(|error| unusable(&path, error))?
            }
            Err(error) => return Err(unusable(&path, error)),
        };
        let key = decoded(&text).ok_or_else(|| unusable(&path, FORM))?;
        if key_file.is_some() {
            // So that commands on the same folder use the same key without being told.
            point_to(folder, &path).map_err(|error| unusable(&path, error))?;
        }
        Ok(Self::with_key(key, random))
    }

    /// The vault of a key.
    pub fn with_key(key: [u8; 32], random: Arc<dyn Random>) -> Self {
        let mut key_id = [0; KEY_ID];
        key_id.copy_from_slice(&Sha256::digest(key)[..KEY_ID]);
        Self { cipher: XChaCha20Poly1305::new(&key.into()), key_id, random }
    }

    /// The vault of the key in a file, 32 bytes in Base64.
    ///
    /// # Errors
    /// The file can't be used.
    pub fn of_file(path: &Path, random: Arc<dyn Random>) -> Result<Self, VaultError> {
        let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error))?;
        Ok(Self::with_key(decoded(&text).ok_or_else(|| unusable(path, FORM))?, random))
    }

    /// Seals a secret for one purpose: it opens for the same purpose alone.
    pub fn seal(&self, secret: &[u8], purpose: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        self.random.fill(&mut nonce);
        let payload = Payload { msg: secret, aad: purpose };
        // It fails for messages of more than 256 GiB alone; what comes of it then opens for nobody.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        [&self.key_id[..], &nonce, &sealed].concat()
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// It was sealed under another key, for another purpose, or is damaged.
    pub fn open_sealed(&self, record: &[u8], purpose: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (key_id, rest) = record.split_at_checked(KEY_ID).ok_or(VaultError::Damaged)?;
        if key_id != self.key_id {
            return Err(VaultError::OtherKey);
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Damaged)?;
        let payload = Payload { msg: sealed, aad: purpose };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Damaged)
    }
}

/// What a key's file has to hold.
const FORM: &str = "it has to hold 32 bytes in Base64";

fn unusable(path: &Path, reason: impl std::fmt::Display) -> VaultError {
    VaultError::Key { path: path.display().to_string(), reason: reason.to_string() }
}

/// The file that was named for the key of a folder.
fn pointed_to(folder: &Path) -> Result<Option<PathBuf>, VaultError> {
    let pointer = folder.join(POINTER);
    match std::fs::read_to_string(&pointer) {
        Ok(path) if path.trim().is_empty() => {
            Err(unusable(&pointer, "it is empty; it has to say where the key is"))
        }
        Ok(path) => Ok(Some(path.trim().into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&pointer, error)),
    }
}

fn decoded(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

/// Makes the key's file, readable by nobody else. Of two processes that make it at once, both use
/// the one that was there first.
fn make(folder: &Path, path: &Path, random: &dyn Random) -> std::io::Result<String> {
    headwater_store::sqlite::make_private_folder(folder)?;
    let mut key = [0; 32];
    random.fill(&mut key);
    let fresh = written_beside(path, &key)?;
    // A link is refused where the name is taken, and never shows half a file.
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    std::fs::read_to_string(path)
}

fn point_to(folder: &Path, path: &Path) -> std::io::Result<()> {
    let pointer = folder.join(POINTER);
    let text = path.display().to_string();
    if std::fs::read_to_string(&pointer).is_ok_and(|written| written == text) {
        return Ok(());
    }
    headwater_store::sqlite::make_private_folder(folder)?;
    let beside = pointer.with_extension(format!("path.{}", std::process::id()));
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, pointer)
}

/// A file with a key beside another, safe on the disk. No other process writes one of this name: in containers,
/// several that share a folder can have the same number.
fn written_beside(path: &Path, key: &[u8; 32]) -> std::io::Result<PathBuf> {
    let name = URL_SAFE_NO_PAD.encode(&Sha256::digest(key)[..8]);
    let beside = path.with_extension(format!("key.{name}"));
    let mut file = headwater_store::sqlite::open_private(&beside)?;
    file.set_len(0)?;
    file.write_all(format!("{}\n", STANDARD.encode(key)).as_bytes())?;
    file.sync_all()?;
    Ok(beside)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Vault, VaultError};
    use crate::clock::SystemRandom;

    #[test]
    fn a_secret_opens_under_its_key_and_for_its_purpose_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let other = tempfile::tempdir().expect("a folder");
        let open =
            |folder: &std::path::Path| Vault::open(folder, None, Arc::new(SystemRandom)).expect("a vault");
        let sealed = open(folder.path()).seal(b"secret", b"token 1");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let vault = open(folder.path());
        assert_eq!(vault.open_sealed(&sealed, b"token 1").expect("opens"), b"secret");
        assert!(matches!(vault.open_sealed(&sealed, b"token 2"), Err(VaultError::Damaged)));
        assert!(matches!(vault.open_sealed(&sealed[..9], b"token 1"), Err(VaultError::Damaged)));
        assert!(matches!(open(other.path()).open_sealed(&sealed, b"token 1"), Err(VaultError::OtherKey)));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let open = || Vault::open(folder.path(), Some(&file), Arc::new(SystemRandom));
        assert!(matches!(open(), Err(VaultError::Key { .. })), "a file that is named is not made");
        std::fs::write(&file, "c2hvcnQ=").expect("written");
        assert!(matches!(open(), Err(VaultError::Key { .. })));
        std::fs::write(&file, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("written");
        let sealed = open().expect("a vault").seal(b"secret", b"x");
        let told_nothing = Vault::open(folder.path(), None, Arc::new(SystemRandom)).expect("the same vault");
        assert_eq!(told_nothing.open_sealed(&sealed, b"x").expect("opens"), b"secret");
    }
}
