//! A disk that is soon full: a file system in memory, which a program sees and nobody else.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Mounts a file system in memory with the options `$1` at `$2`, and becomes the rest.
const MOUNT: &str = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" || exit 1; shift 2; exec \"$@\"";
/// Makes the folder `$1` read-only, and becomes the rest.
const READ_ONLY: &str =
    "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 1; shift; exec \"$@\"";
const BYTES: u64 = 64 << 20;
const BALLAST: &str = "ballast";
/// The user that PostgreSQL runs as when the tests run as root: `nobody`.
pub(crate) const UNPRIVILEGED: u32 = 65_534;

/// A place where a disk is to be mounted.
pub struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Whether this user may mount what only their own programs see.
    pub fn is_possible() -> bool {
        let Ok(folder) = tempfile::tempdir() else { return false };
        let tried = Self { place: folder.path().to_owned() }.command().arg("true").status();
        tried.is_ok_and(|status| status.success())
    }

    /// A disk at a folder, which is made where it is missing.
    ///
    /// # Panics
    /// The folder can't be made.
    pub fn new(place: &Path) -> Self {
        std::fs::create_dir_all(place).expect("a folder");
        Self { place: place.to_owned() }
    }

    /// What mounts the disk and becomes the program that the command is given further on. The disk goes
    /// with the last of the processes that see it.
    pub fn command(&self) -> Command {
        let mut command = apart();
        let size = format!("size={BYTES},mode=0777");
        if is_root() {
            // The owner is the user that PostgreSQL runs as then, who insists on it.
            let options = format!("{size},uid={UNPRIVILEGED},gid={UNPRIVILEGED}");
            command.args(["sh", "-c", MOUNT, "mount", &options]).arg(&self.place);
        } else {
            command.args(["sh", "-c", MOUNT, "mount", &size]).arg(&self.place);
            // Whoever looks like root is taken for root, which PostgreSQL refuses to run as.
            command.args(["unshare", "--user", "--map-user=1000", "--map-group=1000"]);
        }
        command
    }

    /// The folder as a process has it that sees the disk.
    ///
    /// # Panics
    /// The disk's place is no absolute path.
    pub fn seen_by(&self, process: u32) -> PathBuf {
        let inside = self.place.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(process.to_string()).join("root").join(inside)
    }
}

/// What makes a folder read-only, for itself alone, and becomes the program that the command is given
/// further on.
pub fn read_only(place: &Path) -> Command {
    let mut command = apart();
    command.args(["sh", "-c", READ_ONLY, "mount"]).arg(place);
    command
}

/// A command that mounts what nobody else sees.
fn apart() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private"]);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

/// Fills the disk of a folder but for some bytes.
///
/// # Panics
/// It is larger than a small disk.
pub fn fill(folder: &Path, spare: u64) {
    let mut file = File::create(folder.join(BALLAST)).expect("a file");
    let chunk = vec![0; 1 << 12];
    let mut written = 0;
    while file.write_all(&chunk).is_ok() {
        written += chunk.len() as u64;
        assert!(written <= BYTES, "{} is no small disk", folder.display());
    }
    let kept = file.metadata().expect("a length").len().saturating_sub(spare);
    file.set_len(kept).expect("made shorter");
}

/// Makes room again.
///
/// # Panics
/// It was not filled.
pub fn make_room(folder: &Path) {
    std::fs::remove_file(folder.join(BALLAST)).expect("removed");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
