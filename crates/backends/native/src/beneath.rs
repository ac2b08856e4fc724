//! What is below a directory that is open, and nothing that came in its place.
//!
//! No symlink is followed on the way, by any of these, and where the open directory is
//! does not count towards the longest path that the system takes. For programs that put
//! files into directories as well as for what reads them.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, readlinkat, statat,
    unlinkat,
};
use rustix::io::Errno;

/// How many names of a directory are read before they are removed.
const REMOVED_AT_ONCE: usize = 1000;

/// Opens a directory by its name in another one.
pub fn open(above: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(above, name, flags, Mode::empty())?)
}

/// Opens the directory at `path`; `root` where it is empty.
pub fn open_path(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    open_as(root, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens what is at `path` to be read, without waiting for the other end of a FIFO. It
/// need not be a file.
pub fn open_to_read(root: impl AsFd, path: &Path) -> io::Result<File> {
    Ok(open_as(root, path, OFlags::RDONLY | OFlags::NONBLOCK)?.into())
}

/// Opens the file at `path` to be read.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is no file.
pub fn open_file(root: impl AsFd, path: &Path) -> io::Result<File> {
    let file = open_to_read(root, path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(no_file()),
    }
}

/// Opens a file by its name in a directory, to be read and written; makes it where it is
/// missing.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is no file.
pub fn open_or_make_file(above: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(above, name, flags, Mode::from_raw_mode(0o666))?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(no_file()),
    }
}

/// Makes a file, where nothing is, to be written.
pub fn make_file(above: impl AsFd, name: &OsStr, mode: u32) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(above, name, flags, Mode::from_raw_mode(mode))?.into())
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no file")
}

fn open_as(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_below) {
        return Err(Errno::XDEV.into());
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let shown = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        match openat2(root.as_fd(), shown, flags, Mode::empty(), resolve) {
            Ok(found) => return Ok(found),
            // Older than Linux 5.6, or in a sandbox.
            Err(Errno::NOSYS | Errno::PERM) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    open_by_name(root, path, flags)
}

/// The same, one name after the other.
fn open_by_name(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let mut directory = open(root, OsStr::new("."))?;
    let mut names = path.iter().peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            return Ok(openat(&directory, name, flags, Mode::empty())?);
        }
        directory = open(&directory, name)?;
    }
    Ok(directory)
}

/// Makes a directory, and opens it.
pub fn make(above: impl AsFd, name: &OsStr, mode: u32) -> io::Result<OwnedFd> {
    mkdirat(above.as_fd(), name, Mode::from_raw_mode(mode))?;
    open(above, name)
}

/// Returns what kind of thing a name stands for; `None` where nothing is.
pub fn kind(above: impl AsFd, name: &OsStr) -> io::Result<Option<FileType>> {
    match statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

/// What the system says of something, without reading what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// What it is.
    pub kind: FileType,
    /// How many bytes it has.
    pub size: u64,
    /// The bits of its mode.
    pub mode: u32,
    /// When it was modified, in nanoseconds since 1970.
    pub modified: i128,
    /// When it was changed: its contents, its mode or its name, likewise.
    pub changed: i128,
    /// The file system that it is on, and its number there.
    pub id: (u64, u64),
}

impl State {
    /// Returns that of what is open.
    pub fn of(open: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&fstat(open)?))
    }

    /// Returns that of what is at `path`; `None` where nothing is, or where what is on the
    /// way is no directory.
    pub fn at(root: impl AsFd, path: &Path) -> io::Result<Option<Self>> {
        let Some(name) = path.file_name() else {
            return Self::of(root).map(Some);
        };
        let above = match open_path(root, path.parent().unwrap_or(Path::new(""))) {
            Ok(above) => above,
            Err(error) => {
                return match Errno::from_io_error(&error) {
                    Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
                    _ => Err(error),
                };
            }
        };
        match statat(&above, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(Self::from_stat(&found))),
            Err(Errno::NOENT) => Ok(None),
            Err(cause) => Err(cause.into()),
        }
    }

    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    fn from_stat(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, rest: i128| i128::from(seconds) * 1_000_000_000 + rest;
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            size: stat.st_size as u64,
            mode: stat.st_mode as u32 & 0o7777,
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i128),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i128),
            id: (stat.st_dev as u64, stat.st_ino as u64),
        }
    }
}

/// Returns the names in a directory, up to `limit` of them.
pub fn names(directory: impl AsFd, limit: usize) -> io::Result<Vec<OsString>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if name != c"." && name != c".." {
            found.push(OsString::from_vec(name.to_bytes().to_vec()));
        }
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// Lists a directory at `path`, in no order: each name, and what it stands for.
pub fn list(root: impl AsFd, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
    let directory = open_path(root, path)?;
    let mut found = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        let kind = match entry.file_type() {
            // Not every file system says it in its directories.
            FileType::Unknown => {
                let stat = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        found.push((OsString::from_vec(name.to_bytes().to_vec()), kind));
    }
    Ok(found)
}

/// Reads the symlink at `path`: where it points, and when it was modified.
pub fn read_link(root: impl AsFd, path: &Path) -> io::Result<(OsString, Option<SystemTime>)> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    let above = open_path(root, path.parent().unwrap_or(Path::new("")))?;
    let target = readlinkat(&above, name, Vec::new())?;
    let found = statat(&above, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let target = OsString::from_vec(target.into_bytes());
    Ok((target, time(found.st_mtime, found.st_mtime_nsec)))
}

/// Returns a time that the system tells in seconds and nanoseconds.
fn time(seconds: i64, nanoseconds: impl TryInto<u64>) -> Option<SystemTime> {
    let nanoseconds = Duration::from_nanos(nanoseconds.try_into().ok()?);
    let whole = Duration::from_secs(seconds.unsigned_abs());
    match seconds < 0 {
        true => UNIX_EPOCH.checked_sub(whole)?.checked_add(nanoseconds),
        false => UNIX_EPOCH.checked_add(whole)?.checked_add(nanoseconds),
    }
}

/// Tells whether two open directories are one.
pub fn is_same(one: impl AsFd, other: impl AsFd) -> io::Result<bool> {
    let (one, other) = (fstat(one)?, fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Removes a directory with all that is in it, however deep.
pub fn remove(above: impl AsFd, name: &OsStr) -> io::Result<()> {
    let root = open(above.as_fd(), name)?;
    let mut path = PathBuf::new();
    loop {
        let directory = open_path(&root, &path)?;
        let names = names(&directory, REMOVED_AT_ONCE)?;
        let mut below = None;
        for name in &names {
            match kind(&directory, name)? {
                Some(FileType::Directory) => below = Some(name),
                Some(_) => unlinkat(&directory, name, AtFlags::empty())?,
                None => {}
            }
        }
        match (below, path.file_name()) {
            (Some(name), _) => path.push(name),
            (None, _) if !names.is_empty() => {}
            (None, Some(last)) => {
                let holder = open_path(&root, path.parent().unwrap_or(Path::new("")))?;
                unlinkat(holder, last, AtFlags::REMOVEDIR)?;
                path.pop();
            }
            (None, None) => return Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_symlink_is_followed_by_either_way() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/file"), "").unwrap();
        symlink("a", place.path().join("link")).unwrap();
        symlink("b", place.path().join("a/last")).unwrap();
        let root = File::open(place.path()).unwrap();
        for (path, is_reached) in [
            ("", true),
            ("a/b", true),
            ("link", false),
            ("link/b", false),
            ("a/last", false),
            ("missing", false),
            ("a/../a", false),
            ("..", false),
        ] {
            let path = Path::new(path);
            assert_eq!(open_path(&root, path).is_ok(), is_reached, "{path:?}");
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let by_name = open_by_name(&root, path, flags);
            let is_below = !path.starts_with("..") && path != Path::new("a/../a");
            assert_eq!(by_name.is_ok() && is_below, is_reached, "{path:?}");
        }
        for (path, is_reached) in [("a/file", true), ("link/file", false), ("link", false)] {
            let path = Path::new(path);
            assert_eq!(open_to_read(&root, path).is_ok(), is_reached, "{path:?}");
            let by_name = open_by_name(&root, path, OFlags::RDONLY | OFlags::NOFOLLOW);
            assert_eq!(by_name.is_ok(), is_reached, "{path:?}");
        }
        assert!(list(&root, Path::new("link")).is_err());
        let (target, modified) = read_link(&root, Path::new("a/last")).unwrap();
        assert_eq!((target, modified.is_some()), ("b".into(), true));
        assert!(read_link(&root, Path::new("link/last")).is_err());
        assert!(open_file(&root, Path::new("a/b")).is_err());
        assert!(open_or_make_file(&root, OsStr::new("link")).is_err());
        assert!(open_or_make_file(&root, OsStr::new("a")).is_err());
    }

    #[test]
    fn a_state_is_that_of_a_link_itself_and_of_nothing_behind_one() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("a")).unwrap();
        fs::write(place.path().join("a/file"), "four").unwrap();
        symlink("a", place.path().join("link")).unwrap();
        let root = File::open(place.path()).unwrap();
        let state = |path: &str| State::at(&root, Path::new(path)).unwrap();
        let file = state("a/file").unwrap();
        assert_eq!((file.kind, file.size), (FileType::RegularFile, 4));
        let open = open_file(&root, Path::new("a/file")).unwrap();
        assert_eq!(State::of(open).unwrap(), file);
        assert_eq!(state("link").unwrap().kind, FileType::Symlink);
        assert_eq!(state("").unwrap().kind, FileType::Directory);
        for nothing in ["link/file", "a/file/below", "none", "none/none"] {
            assert_eq!(state(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let root = File::open(place.path()).unwrap();
        let mut mkfifo = std::process::Command::new("mkfifo");
        let made = mkfifo.arg(place.path().join("fifo")).status().unwrap();
        assert!(made.success());
        assert!(open_file(&root, Path::new("fifo")).is_err());
        assert!(open_or_make_file(&root, OsStr::new("fifo")).is_err());
    }

    #[test]
    fn all_of_a_directory_is_removed_and_nothing_that_it_points_to() {
        let place = tempfile::tempdir().unwrap();
        let root = File::open(place.path()).unwrap();
        fs::create_dir(place.path().join("kept")).unwrap();
        fs::write(place.path().join("kept/file"), "kept").unwrap();
        let gone = place.path().join("gone");
        for directory in ["a/b/c", "d", "e/f"] {
            fs::create_dir_all(gone.join(directory)).unwrap();
        }
        for n in 0..REMOVED_AT_ONCE + 5 {
            fs::write(gone.join(format!("a/b/{n}")), "").unwrap();
        }
        symlink("../../kept", gone.join("d/link")).unwrap();
        remove(&root, OsStr::new("gone")).unwrap();
        assert_eq!(names(&root, 9).unwrap(), ["kept"]);
        assert!(place.path().join("kept/file").exists());
    }
}
