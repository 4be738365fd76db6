//! Folders that take long to fill, kept between runs.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::Failure;

/// What is in the folder, as the filling told.
const FILLED: &str = "filled.json";

/// A server's data folder, for this run alone.
pub(crate) struct Folder {
    folder: TempDir,
    /// What the filling told of it.
    pub(crate) filled: Value,
}

impl Folder {
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Fills a folder, or copies the one that is kept under this name, which is filled if it is missing.
pub(crate) async fn folder(
    keep: Option<&Path>,
    name: &str,
    fill: impl AsyncFnOnce(&Path) -> Result<Value, Failure>,
) -> Result<Folder, Failure> {
    let Some(keep) = keep else {
        let folder = tempfile::tempdir()?;
        let filled = fill(&folder.path().join("data")).await?;
        return Ok(Folder { folder, filled });
    };
    fs::create_dir_all(keep)?;
    let kept = keep.join(name);
    if !kept.exists() {
        let unfinished = tempfile::tempdir_in(keep)?;
        let filled = fill(&unfinished.path().join("data")).await?;
        fs::write(unfinished.path().join(FILLED), filled.to_string())?;
        fs::rename(unfinished.keep(), &kept)?;
    }
    eprintln!("copying {}", kept.display());
    let filled = serde_json::from_slice(&fs::read(kept.join(FILLED))?)?;
    let folder = Folder { folder: tempfile::tempdir_in(keep)?, filled };
    fs::create_dir(folder.data())?;
    for file in fs::read_dir(kept.join("data"))? {
        let file = file?;
        copy(&file.path(), &folder.data().join(file.file_name()))?;
    }
    Ok(folder)
}

/// Leaves the copy on disk, so that nothing is still to be written while others are measured, and in the
/// page cache.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to)?;
    let mut copy = File::open(to)?;
    copy.sync_all()?;
    io::copy(&mut copy, &mut io::sink())?;
    Ok(())
}
