//! Room that is kept for the day when the disk is full.
//!
//! A transaction needs room even where it frees some: its pages go into the log first.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::home::Home;

/// The name of the file that takes the room.
pub(crate) const RESERVE: &str = "reserve";

/// How many bytes are kept.
const BYTES: usize = 256 << 10;

/// The least that a disk has left, in bytes, where some of it is kept.
#[cfg(unix)]
const LEFT: u64 = 3 * BYTES as u64;

/// With less room left, in bytes, the database's log is kept short.
#[cfg(unix)]
const NEARLY_FULL: u64 = 64 << 20;

/// The room that a workspace in a directory keeps for the day when the disk is full, for
/// who has it open for longer than for one command.
///
/// ```
/// # let place = tempfile::tempdir()?;
/// # let directory = place.path();
/// let reserve = workspace_native::Reserve::of(directory);
/// reserve.give();
/// // … a collection, or what else frees room …
/// reserve.keep();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reserve(PathBuf);

impl Reserve {
    /// Names the room of the workspace in `directory`.
    pub fn of(directory: impl AsRef<Path>) -> Self {
        Self(directory.as_ref().to_owned())
    }

    /// Gives the room back, where the disk is nearly full: to what frees more.
    pub fn give(&self) {
        if is_nearly_full(&self.0) {
            release(&self.0);
        }
    }

    /// Keeps room again, once there is some.
    pub fn keep(&self) {
        if let Ok(home) = Home::open(&self.0) {
            keep(&home);
        }
    }
}

/// Keeps room in a workspace's directory, unless there is some already, or little is left.
pub(crate) fn keep(home: &Home) {
    if !has_room(home.path()) {
        return;
    }
    if let Ok(file) = home.make_file(RESERVE)
        && fill(file).is_err()
    {
        // Without it, only what is full stays full.
        release(home.path());
    }
}

/// Gives the room back.
pub(crate) fn release(directory: &Path) {
    let _gone = fs::remove_file(directory.join(RESERVE));
}

/// Tells whether little is left on the disk. What the log holds needs as much room again
/// before the log gives any back.
pub(crate) fn is_nearly_full(directory: &Path) -> bool {
    #[cfg(unix)]
    return left(directory).is_some_and(|left| left < NEARLY_FULL);
    #[cfg(not(unix))]
    return false;
}

fn has_room(directory: &Path) -> bool {
    #[cfg(unix)]
    return left(directory).is_some_and(|left| left >= LEFT);
    #[cfg(not(unix))]
    return true;
}

#[cfg(unix)]
fn left(directory: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn fill(mut file: File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        // File systems that compress would keep no room for zeros.
        if fallocate(&file, FallocateFlags::empty(), 0, BYTES as u64).is_ok() {
            return Ok(());
        }
    }
    file.write_all(&[0; BYTES])
}
