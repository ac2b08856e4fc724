//! Reads what is below a directory, and nothing that came in its place.
//!
//! Paths are relative to the directory, which is opened once: where it is in the file
//! system does not count towards the longest path that the system takes.

use std::ffi::OsString;
use std::fs::File;
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

    /// Returns where the directory is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where something is, for messages.
    pub(super) fn place(&self, relative: &Path) -> PathBuf {
        match relative.as_os_str().is_empty() {
            true => self.root.clone(),
            false => self.root.join(relative),
        }
    }
}

#[cfg(unix)]
impl Beneath {
    /// Opens what is at `relative`, without following a symlink and without waiting
    /// for the other end of a FIFO. It need not be a file.
    pub(super) fn open(&self, relative: &Path) -> io::Result<File> {
        crate::beneath::open_to_read(&self.directory, relative)
    }

    /// Opens the file at `relative`.
    pub(super) fn open_file(&self, relative: &Path) -> io::Result<File> {
        crate::beneath::open_file(&self.directory, relative)
    }

    /// Lists a directory, in no order.
    ///
    /// # Errors
    /// Those of the system, also where a symlink came in its place.
    pub(super) fn list(&self, relative: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        use rustix::fs::FileType;
        let found = crate::beneath::list(&self.directory, relative)?;
        let kind = |kind| match kind {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => Kind::File,
            FileType::Symlink => Kind::Symlink,
            _ => Kind::Special,
        };
        let found = found.into_iter().map(|(name, found)| (name, kind(found)));
        Ok(found.collect())
    }

    /// Reads a symlink: where it points, and when it was modified.
    pub(super) fn read_link(&self, relative: &Path) -> io::Result<(OsString, Option<SystemTime>)> {
        crate::beneath::read_link(&self.directory, relative)
    }
}

#[cfg(not(unix))]
impl Beneath {
    pub(super) fn open(&self, relative: &Path) -> io::Result<File> {
        File::open(self.place(relative))
    }

    pub(super) fn open_file(&self, relative: &Path) -> io::Result<File> {
        let file = self.open(relative)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(super) fn list(&self, relative: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        let entries = std::fs::read_dir(self.place(relative))?;
        let kind = |kind: std::fs::FileType| match kind {
            _ if kind.is_dir() => Kind::Directory,
            _ if kind.is_file() => Kind::File,
            _ if kind.is_symlink() => Kind::Symlink,
            _ => Kind::Special,
        };
        let entries = entries.map(|entry| {
            let entry = entry?;
            Ok((entry.file_name(), kind(entry.file_type()?)))
        });
        entries.collect()
    }

    pub(super) fn read_link(&self, relative: &Path) -> io::Result<(OsString, Option<SystemTime>)> {
        let place = self.place(relative);
        let modified = place.symlink_metadata()?.modified().ok();
        Ok((place.read_link()?.into_os_string(), modified))
    }
}
