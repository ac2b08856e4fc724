//! Where an export into a directory is written, before any of it is put in its place.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FlockOperation, Mode, Timespec, Timestamps, UTIME_OMIT, fchmod, flock, fstat,
    fstatvfs, futimens, mkdirat, renameat, statat, symlinkat, utimensat,
};
use rustix::process::geteuid;
use workspace_archive::STAGED;
use workspace_core::{Symlink, Timestamp, TreePath};
use workspace_native::beneath;

use crate::random;

/// The most bytes of a name in a tree.
const MAX_NAME: u64 = 255;
/// The file in a staging directory that says what it is, which is locked while an export
/// is at work, and what it is called until it is locked.
const MARKER: &str = "export";
const UNMARKED: &str = "export.new";
const MARK: &[u8] = b"What an export of `workspace` has not put in its place yet.\n";
/// Where in a staging directory the tree is.
const TREE: &str = "tree";

/// A directory in the target, on the same file system. It is removed on drop; what a
/// killed process left of one, the next export or sync removes.
pub(crate) struct Staging {
    /// The target.
    target: OwnedFd,
    name: OsString,
    directory: OwnedFd,
    /// Locked for as long.
    _marker: File,
    /// The directory that was written to last, by its path.
    current: Option<(TreePath, OwnedFd)>,
}

impl Staging {
    /// Makes it in the directory `target`.
    pub(crate) fn make(target: BorrowedFd<'_>) -> io::Result<Self> {
        let (name, holder) = make_unique(target, STAGED)?;
        // Others know by the marker that they may remove it, and by the lock that they may
        // not yet. Where a file system has no locks, nobody removes it.
        let mut marker = beneath::make_file(&holder, OsStr::new(UNMARKED), 0o600)?;
        let _unlocked = flock(&marker, FlockOperation::NonBlockingLockExclusive);
        marker.write_all(MARK)?;
        renameat(&holder, UNMARKED, &holder, MARKER)?;
        Ok(Self {
            target: target.try_clone_to_owned()?,
            name,
            directory: beneath::make(&holder, OsStr::new(TREE), 0o777)?,
            _marker: marker,
            current: None,
        })
    }

    /// Tells whether it is still there.
    pub(super) fn is_there(&self) -> bool {
        let place = Path::new(&self.name).join(TREE);
        let found = beneath::open_path(&self.target, &place);
        found.is_ok_and(|found| beneath::is_same(&found, &self.directory).unwrap_or(false))
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
    pub(crate) fn create(&mut self, path: &TreePath, executable: bool) -> io::Result<File> {
        let (above, name) = self.above(path)?;
        let mode = if executable { 0o777 } else { 0o666 };
        beneath::make_file(above, OsStr::new(name), mode)
    }

    /// Creates a file that its owner may execute, or nobody, whatever the process's mask of
    /// modes says of that.
    pub(crate) fn create_exactly(&mut self, path: &TreePath, executable: bool) -> io::Result<File> {
        let file = self.create(path, executable)?;
        if executable {
            let mode = Mode::from_raw_mode(fstat(&file)?.st_mode & 0o777);
            fchmod(&file, mode | Mode::RUSR | Mode::XUSR)?;
        }
        Ok(file)
    }

    /// Tells whether the file system keeps whether a file may be executed. Leaves files in
    /// it.
    pub(crate) fn keeps_modes(&mut self) -> io::Result<bool> {
        for executable in [true, false] {
            let path = TreePath::new(&format!("/mode-{executable}")).map_err(io::Error::other)?;
            let file = self.create_exactly(&path, executable)?;
            if (fstat(&file)?.st_mode & 0o111 != 0) != executable {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes a symlink.
    pub(crate) fn link(&mut self, path: &TreePath, link: &Symlink) -> io::Result<()> {
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

/// What processes that were killed left in a target.
pub(crate) struct Left {
    /// Staging directories, each with its marker, which is locked.
    names: Vec<(OsString, File)>,
    /// Whether there is anything else.
    pub(super) besides: bool,
}

impl Left {
    /// Looks for it, and removes nothing.
    pub(crate) fn find(target: BorrowedFd<'_>) -> io::Result<Self> {
        let mut left = Self {
            names: Vec::new(),
            besides: false,
        };
        for name in beneath::names(target, usize::MAX)? {
            match left_over(target, &name) {
                Some(marker) => left.names.push((name, marker)),
                None => left.besides = true,
            }
        }
        Ok(left)
    }

    /// Removes it. What cannot be removed stays.
    pub(crate) fn remove(self, target: BorrowedFd<'_>) {
        for (name, _marker) in self.names {
            let _stays = beneath::remove(target, &name);
        }
    }
}

/// Tells whether a name is that of a staging directory of this user's whose process has
/// ended; returns its marker, locked. A name says nothing by itself.
fn left_over(target: BorrowedFd<'_>, name: &OsStr) -> Option<File> {
    let number = name.to_str()?.strip_prefix(STAGED)?;
    let is_number = number.len() == 16 && number.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_own = |found: rustix::fs::Stat| found.st_uid == geteuid().as_raw();
    if !is_number {
        return None;
    }
    let directory = beneath::open(target, name).ok()?;
    let marker = beneath::open_file(&directory, Path::new(MARKER)).ok()?;
    let mut text = Vec::new();
    (&marker).take(1024).read_to_end(&mut text).ok()?;
    let is_ours = text == MARK && is_own(fstat(&directory).ok()?) && is_own(fstat(&marker).ok()?);
    let is_over = flock(&marker, FlockOperation::NonBlockingLockExclusive).is_ok();
    (is_ours && is_over).then_some(marker)
}

impl AsFd for Staging {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed, the next export or sync removes.
        let _left = beneath::remove(&self.target, &self.name);
    }
}

/// Returns where a path of the tree is below the root.
fn relative(path: &TreePath) -> &Path {
    Path::new(path.as_str().trim_start_matches('/'))
}

/// Makes a directory that nobody else knows, with a name that begins with `start`.
pub(crate) fn make_unique(above: BorrowedFd<'_>, start: &str) -> io::Result<(OsString, OwnedFd)> {
    let name = unique_name(start)?;
    let directory = beneath::make(above, &name, 0o700)?;
    Ok((name, directory))
}

/// Returns a name that nobody else knows.
pub(crate) fn unique_name(start: &str) -> io::Result<OsString> {
    Ok(format!("{start}{}", random::hex::<8>()?).into())
}

/// Sets when a file was modified; what the file system cannot express it rounds.
pub(crate) fn set_modified(file: &File, modified: Timestamp) -> io::Result<()> {
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
