//! The files of a workspace's directory, of which none is reached through a symlink.
//!
//! Such a directory can come with a checkout that somebody else made: a link in it would
//! let him choose a file elsewhere that is written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use workspace_core::{Error, ErrorKind, Result};

use crate::fault::io_error;

/// What a name in the directory is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    File,
    Directory,
}

/// Where a workspace is.
#[derive(Debug)]
pub(crate) struct Home {
    /// Without symlinks, so that SQLite can refuse them.
    path: PathBuf,
    #[cfg(unix)]
    directory: File,
}

impl Home {
    /// Opens the directory.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let failed = io_error("open workspace", directory);
        let path = directory.canonicalize().map_err(&failed)?;
        Ok(Self {
            #[cfg(unix)]
            directory: File::open(&path).map_err(&failed)?,
            path,
        })
    }

    /// Returns where something of it is.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses whatever is no file among `files`, and no directory among `directories`.
    ///
    /// # Errors
    /// `Denied`, naming it.
    pub(crate) fn refuse_links(&self, files: &[&str], directories: &[&str]) -> Result<()> {
        let files = files.iter().map(|name| (name, Expected::File));
        let directories = directories.iter().map(|name| (name, Expected::Directory));
        for (name, expected) in files.chain(directories) {
            let place = self.join(name);
            let found = match fs::symlink_metadata(&place) {
                Ok(found) => found,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => return Err(io_error("open workspace", &place)(cause)),
            };
            let (is_expected, wanted) = match expected {
                Expected::File => (found.is_file(), "file"),
                Expected::Directory => (found.is_dir(), "directory"),
            };
            if !is_expected {
                let what = match found.is_symlink() {
                    true => "it is a symlink",
                    false => "it is something else",
                };
                return Err(Error::new(ErrorKind::Denied, "open workspace")
                    .at(place.display())
                    .because(format_args!("a {wanted} is expected there, and {what}")));
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
impl Home {
    /// Opens a file to be read.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        crate::beneath::open_file(&self.directory, Path::new(name))
    }

    /// Opens a file to be read and written, and makes it where it is missing.
    pub(crate) fn open_or_make_file(&self, name: &str) -> io::Result<File> {
        crate::beneath::open_or_make_file(&self.directory, name.as_ref())
    }

    /// Makes a file where nothing is, to be written.
    pub(crate) fn make_file(&self, name: &str) -> io::Result<File> {
        crate::beneath::make_file(&self.directory, name.as_ref(), 0o666)
    }
}

#[cfg(not(unix))]
impl Home {
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        File::open(self.join(name))
    }

    pub(crate) fn open_or_make_file(&self, name: &str) -> io::Result<File> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(self.join(name))
    }

    pub(crate) fn make_file(&self, name: &str) -> io::Result<File> {
        File::create_new(self.join(name))
    }
}
