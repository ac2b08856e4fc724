//! Reads what is below a directory, and nothing that came in its place.
//!
//! Paths are relative to the directory, which is opened once: where it is in the file
//! system does not count towards the longest path that the system takes.

use std::ffi::OsString;
use std::fs::{File, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Symlink,
    /// A device, FIFO or socket.
    Special,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            _ if kind.is_dir() => Self::Directory,
            _ if kind.is_file() => Self::File,
            _ if kind.is_symlink() => Self::Symlink,
            _ => Self::Special,
        }
    }
}

/// What is below a directory.
pub(super) struct Beneath {
    root: PathBuf,
    #[cfg(unix)]
    directory: File,
}

impl Beneath {
    /// Takes a directory whose path has no symlinks.
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            #[cfg(unix)]
            directory: File::open(root)?,
        })
    }

    /// Returns where something is, for messages.
    pub(super) fn place(&self, relative: &Path) -> PathBuf {
        match relative.as_os_str().is_empty() {
            true => self.root.clone(),
            false => self.root.join(relative),
        }
    }

    /// Opens what is at `relative`, without following a symlink and without waiting
    /// for the other end of a FIFO. It need not be a file.
    ///
    /// On Linux no part of the path may be a symlink (`openat2`, Linux 5.6); elsewhere,
    /// and where a sandbox refuses that call, the last one may not.
    #[cfg(unix)]
    pub(super) fn open(&self, relative: &Path) -> io::Result<File> {
        use rustix::fs::OFlags;
        self.open_as(relative, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    #[cfg(unix)]
    fn open_as(&self, relative: &Path, flags: rustix::fs::OFlags) -> io::Result<File> {
        use rustix::fs::OFlags;
        let relative = match relative.as_os_str().is_empty() {
            true => Path::new("."),
            false => relative,
        };
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Mode, ResolveFlags, openat2};
            use rustix::io::Errno;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match openat2(&self.directory, relative, flags, Mode::empty(), resolve) {
                Ok(file) => return Ok(file.into()),
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        open_last(&self.directory, relative, flags)
    }

    /// Lists a directory, in no order.
    ///
    /// # Errors
    /// Those of the system, also where a symlink came in its place.
    #[cfg(unix)]
    pub(super) fn list(&self, relative: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};
        use std::os::unix::ffi::OsStringExt as _;
        let directory = self.open_as(relative, OFlags::RDONLY | OFlags::DIRECTORY)?;
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
            let kind = match kind {
                FileType::Directory => Kind::Directory,
                FileType::RegularFile => Kind::File,
                FileType::Symlink => Kind::Symlink,
                _ => Kind::Special,
            };
            found.push((OsString::from_vec(name.to_bytes().to_vec()), kind));
        }
        Ok(found)
    }

    /// Reads a symlink: where it points, and when it was modified.
    #[cfg(unix)]
    pub(super) fn read_link(&self, relative: &Path) -> io::Result<(OsString, Option<SystemTime>)> {
        use std::os::unix::ffi::OsStringExt as _;
        #[cfg(target_os = "linux")]
        {
            let link = self.open_as(relative, rustix::fs::OFlags::PATH)?;
            let target = rustix::fs::readlinkat(&link, c"", Vec::new())?;
            let modified = link.metadata()?.modified().ok();
            Ok((OsString::from_vec(target.into_bytes()), modified))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let target = rustix::fs::readlinkat(&self.directory, relative, Vec::new())?;
            let modified = self.place(relative).symlink_metadata()?.modified().ok();
            Ok((OsString::from_vec(target.into_bytes()), modified))
        }
    }

    #[cfg(not(unix))]
    pub(super) fn open(&self, relative: &Path) -> io::Result<File> {
        File::open(self.place(relative))
    }

    #[cfg(not(unix))]
    pub(super) fn list(&self, relative: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        let entries = std::fs::read_dir(self.place(relative))?;
        let entries = entries.map(|entry| {
            let entry = entry?;
            Ok((entry.file_name(), entry.file_type()?.into()))
        });
        entries.collect()
    }

    #[cfg(not(unix))]
    pub(super) fn read_link(&self, relative: &Path) -> io::Result<(OsString, Option<SystemTime>)> {
        let place = self.place(relative);
        let modified = place.symlink_metadata()?.modified().ok();
        Ok((place.read_link()?.into_os_string(), modified))
    }
}

#[cfg(unix)]
fn open_last(directory: &File, relative: &Path, flags: rustix::fs::OFlags) -> io::Result<File> {
    let mode = rustix::fs::Mode::empty();
    Ok(rustix::fs::openat(directory, relative, flags, mode)?.into())
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::fs::OFlags;

    use super::*;

    #[test]
    fn no_symlink_is_followed_by_either_way() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        std::fs::write(root.join("d/file"), "").unwrap();
        std::os::unix::fs::symlink("d", root.join("way")).unwrap();
        std::os::unix::fs::symlink("d/file", root.join("link")).unwrap();
        let beneath = Beneath::new(&root).unwrap();
        let last = |relative: &str| {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
            open_last(&beneath.directory, Path::new(relative), flags)
        };
        assert!(beneath.open(Path::new("d/file")).is_ok());
        assert!(beneath.open(Path::new("link")).is_err());
        assert!(last("d/file").is_ok());
        assert!(last("link").is_err());
        assert!(beneath.list(Path::new("way")).is_err());
        assert_eq!(
            beneath.list(Path::new("d")).unwrap(),
            [("file".into(), Kind::File)]
        );
        let (target, modified) = beneath.read_link(Path::new("link")).unwrap();
        assert_eq!((target, modified.is_some()), ("d/file".into(), true));
        #[cfg(target_os = "linux")]
        assert!(beneath.open(Path::new("way/file")).is_err());
        assert!(beneath.open(Path::new("missing")).is_err());
    }
}
