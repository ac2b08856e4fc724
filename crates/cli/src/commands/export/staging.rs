//! Where an export into a directory is written, before any of it is put in its place.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, flock, fstatvfs,
    futimens, mkdirat, openat, statat, symlinkat, utimensat,
};
use workspace_core::{Symlink, Timestamp, TreePath};

use super::{STAGED, beneath};

/// The most bytes of a name in a tree.
const MAX_NAME: u64 = 255;

/// A directory in the target, on the same file system. It is removed on drop; what a
/// killed process left of one, the next export removes.
pub(super) struct Staging {
    /// The target.
    target: OwnedFd,
    name: OsString,
    directory: OwnedFd,
    /// The directory that was written to last, by its path.
    current: Option<(TreePath, OwnedFd)>,
}

impl Staging {
    /// Makes it in the directory `target`.
    pub(super) fn make(target: BorrowedFd<'_>) -> io::Result<Self> {
        let (name, directory) = make_unique(target, STAGED)?;
        // Tells others that it is in use; where a file system has no locks, nobody
        // removes it.
        let _unlocked = flock(&directory, FlockOperation::NonBlockingLockExclusive);
        Ok(Self {
            target: target.try_clone_to_owned()?,
            name,
            directory,
            current: None,
        })
    }

    /// Removes what processes that were killed left in `target`.
    pub(super) fn remove_left(target: BorrowedFd<'_>) -> io::Result<()> {
        for name in beneath::names(target, usize::MAX)? {
            let number = name.to_str().and_then(|name| name.strip_prefix(STAGED));
            let is_ours = |number: &str| {
                number.len() == 16 && number.bytes().all(|digit| digit.is_ascii_hexdigit())
            };
            if !number.is_some_and(is_ours) {
                continue;
            }
            // A file of that name is an archive's, which has no lock.
            let Ok(directory) = beneath::open(target, &name) else {
                continue;
            };
            if flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok() {
                beneath::remove(target, &name)?;
            }
        }
        Ok(())
    }

    /// Tells whether the file system takes every name of a tree, each for itself. Leaves
    /// files in it.
    pub(super) fn takes_every_name(&mut self) -> io::Result<bool> {
        if fstatvfs(&self.directory)?.f_namemax < MAX_NAME {
            return Ok(false);
        }
        // What Windows reserves, and what others fold or cut off.
        for (name, same) in [
            ("con", None),
            ("?", None),
            ("a:b", None),
            ("a\\b", None),
            ("b", Some("B")),
            ("\u{e9}", Some("e\u{301}")),
            ("c.", Some("c")),
            ("d ", Some("d")),
        ] {
            let path = TreePath::root().join_relative(name);
            let path = path.map_err(io::Error::other)?;
            if self.create(&path, false).is_err() {
                return Ok(false);
            }
            if let Some(same) = same
                && beneath::kind(&self.directory, OsStr::new(same))?.is_some()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes a directory.
    pub(super) fn make_directory(&mut self, path: &TreePath) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        Ok(mkdirat(above, name, Mode::from_raw_mode(0o777))?)
    }

    /// Creates a file.
    pub(super) fn create(&mut self, path: &TreePath, executable: bool) -> io::Result<File> {
        let (above, name) = self.above(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o777 } else { 0o666 });
        Ok(openat(above, name, flags, mode)?.into())
    }

    /// Makes a symlink.
    pub(super) fn link(&mut self, path: &TreePath, link: &Symlink) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        symlinkat(link.target.as_str(), above, name)?;
        let times = times(link.modified);
        Ok(utimensat(above, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Returns the name under which the file system has what it finds at a path.
    pub(super) fn stored_name(&self, path: &TreePath) -> Option<OsString> {
        let name = path.name()?;
        let above = path.parent()?;
        let directory = beneath::open_path(self, relative(&above)).ok()?;
        let names = beneath::names(&directory, usize::MAX).ok()?;
        let identity = |name: &OsStr| {
            let found = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some((found.st_dev, found.st_ino))
        };
        let wanted = identity(OsStr::new(name.as_str()))?;
        names
            .into_iter()
            .find(|name| identity(name) == Some(wanted))
    }

    /// Returns the directory that a path is in, and its name there.
    fn above<'p>(&mut self, path: &'p TreePath) -> io::Result<(BorrowedFd<'_>, &'p str)> {
        let name = path.segments().next_back().unwrap_or_default();
        let above = path.parent().unwrap_or_else(TreePath::root);
        let found = self.current.take().filter(|(at, _)| *at == above);
        let (_, directory) = match found {
            Some(found) => self.current.insert(found),
            None => {
                let directory = beneath::open_path(&self.directory, relative(&above))?;
                self.current.insert((above, directory))
            }
        };
        Ok((OwnedFd::as_fd(directory), name))
    }
}

impl AsFd for Staging {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed, the next export removes.
        let _left = beneath::remove(&self.target, &self.name);
    }
}

/// Returns where a path of the tree is below the root.
fn relative(path: &TreePath) -> &Path {
    Path::new(path.as_str().trim_start_matches('/'))
}

/// Makes a directory that nobody else knows, with a name that begins with `start`.
pub(super) fn make_unique(above: BorrowedFd<'_>, start: &str) -> io::Result<(OsString, OwnedFd)> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = OsString::from(format!("{start}{:016x}", u64::from_le_bytes(random)));
    let directory = beneath::make(above, &name, 0o700)?;
    Ok((name, directory))
}

/// Sets when a file was modified; what the file system cannot express it rounds.
pub(super) fn set_modified(file: &File, modified: Timestamp) -> io::Result<()> {
    Ok(futimens(file, &times(modified))?)
}

fn times(modified: Timestamp) -> Timestamps {
    let millis = modified.as_millis();
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: millis.div_euclid(1000),
            tv_nsec: millis.rem_euclid(1000) * 1_000_000,
        },
    }
}
