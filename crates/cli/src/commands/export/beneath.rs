//! Directories below one that is open.
//!
//! They are never reached through a symlink, and from the one that is open: where that is
//! does not count towards the longest path that the system takes.

use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

/// How many names of a directory are read before they are removed.
const REMOVED_AT_ONCE: usize = 1000;

/// Opens a directory, which is no symlink, by its name in another one.
pub(super) fn open(above: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(above, name, flags, Mode::empty())?)
}

/// Opens the directory at `path`, none of whose parts is a symlink; `root` where it is
/// empty.
pub(super) fn open_path(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let shown = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        match openat2(root.as_fd(), shown, flags, Mode::empty(), resolve) {
            Ok(found) => return Ok(found),
            // Older than Linux 5.6, or in a sandbox.
            Err(Errno::NOSYS | Errno::PERM) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    open_by_name(root, path)
}

/// The same, one name after the other.
fn open_by_name(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let mut directory = open(root, OsStr::new("."))?;
    for name in path.iter() {
        directory = open(&directory, name)?;
    }
    Ok(directory)
}

/// Makes a directory, and opens it.
pub(super) fn make(above: impl AsFd, name: &OsStr, mode: u32) -> io::Result<OwnedFd> {
    mkdirat(above.as_fd(), name, Mode::from_raw_mode(mode))?;
    open(above, name)
}

/// Returns what kind of thing a name stands for; `None` where nothing is.
pub(super) fn kind(above: impl AsFd, name: &OsStr) -> io::Result<Option<FileType>> {
    match statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

/// Returns the names in a directory, up to `limit` of them.
pub(super) fn names(directory: impl AsFd, limit: usize) -> io::Result<Vec<OsString>> {
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

/// Removes a directory with all that is in it, however deep.
pub(super) fn remove(above: impl AsFd, name: &OsStr) -> io::Result<()> {
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
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_symlink_leads_to_a_directory() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
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
        ] {
            let path = Path::new(path);
            assert_eq!(open_path(&root, path).is_ok(), is_reached, "{path:?}");
            assert_eq!(open_by_name(&root, path).is_ok(), is_reached, "{path:?}");
        }
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
