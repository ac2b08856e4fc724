//! A directory on disk as the target of an export.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind as IoKind, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use filetime::FileTime;
use futures::TryStreamExt;
use workspace_core::{Entry, Error, ErrorKind, Exported, Symlink, Timestamp, TreePath};

use super::exists;
use crate::exit::{Failure, Result, io_error};

/// Writes entries below a directory and never outside of it.
///
/// Nothing is written through a symlink: files are created anew, never opened
/// where they are; each directory on the way is made, or checked to be one; and
/// the tree's own symlinks are made last of all, when no file is written any
/// more (which matters where a file system takes two names for one).
pub(super) struct DirectoryTarget {
    root: PathBuf,
    force: bool,
    symlinks: Vec<(PathBuf, Symlink)>,
}

impl DirectoryTarget {
    /// Makes the directory; one that holds something is taken with `force` only.
    pub(super) fn create(root: &Path, force: bool) -> Result<Self> {
        let failed = |error| io_error("export", root, error);
        fs::create_dir_all(root).map_err(|error| exists(root, error))?;
        let holds_something = fs::read_dir(root).map_err(failed)?.next().is_some();
        if holds_something && !force {
            return Err(Failure::Error {
                error: Error::new(ErrorKind::NotEmpty, "export").at(root.display()),
                hint: Some("--force writes into it, over files of the same name".into()),
            });
        }
        Ok(Self {
            root: root.into(),
            force,
            symlinks: Vec::new(),
        })
    }

    /// Writes an entry. A directory comes before its entries.
    pub(super) async fn write(&mut self, exported: Exported) -> Result<()> {
        let path = self.place(&exported.path);
        match exported.entry {
            Entry::Directory(_) => self.directory(&path)?,
            Entry::Symlink(symlink) => self.symlinks.push((path, symlink)),
            Entry::File(entry) => {
                let failed = |error| io_error("export", &path, error);
                let mode = if entry.executable { 0o777 } else { 0o666 };
                let mut file = self.fresh(&path, |path| {
                    OpenOptions::new()
                        .write(true)
                        .create_new(true)
                        .mode(mode)
                        .open(path)
                })?;
                if let Some(mut opened) = exported.body {
                    while let Some(chunk) = opened.body.try_next().await? {
                        file.write_all(&chunk).map_err(failed)?;
                    }
                }
                set_modified(&file, entry.modified).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Makes the symlinks.
    pub(super) fn finish(self) -> Result<()> {
        for (path, link) in &self.symlinks {
            let failed = |error| io_error("export", path, error);
            self.fresh(path, |path| symlink(link.target.as_str(), path))?;
            let millis = link.modified.as_millis();
            let nanos = (millis.rem_euclid(1000) * 1_000_000) as u32;
            let time = FileTime::from_unix_time(millis.div_euclid(1000), nanos);
            filetime::set_symlink_file_times(path, time, time).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns where a path of the tree goes. Names in a tree are never `..`,
    /// nor do they hold a separator.
    fn place(&self, path: &TreePath) -> PathBuf {
        let mut place = self.root.clone();
        place.extend(path.segments());
        place
    }

    fn directory(&self, path: &Path) -> Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == IoKind::AlreadyExists => {
                let there = fs::symlink_metadata(path);
                if there.is_ok_and(|there| there.is_dir()) {
                    return Ok(());
                }
                self.fresh(path, |path| fs::create_dir(path))
            }
            done => Ok(done.map_err(|error| io_error("export", path, error))?),
        }
    }

    /// Makes something where nothing is; with force, a file or symlink that is
    /// there is removed first.
    fn fresh<T>(&self, path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> Result<T> {
        match make(path) {
            Err(error) if error.kind() == IoKind::AlreadyExists && self.force => {
                fs::remove_file(path).map_err(|error| io_error("export", path, error))?;
                Ok(make(path).map_err(|error| io_error("export", path, error))?)
            }
            done => Ok(done.map_err(|error| io_error("export", path, error))?),
        }
    }
}

fn set_modified(file: &File, modified: Timestamp) -> io::Result<()> {
    let millis = modified.as_millis();
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = match millis < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(distance),
        false => SystemTime::UNIX_EPOCH.checked_add(distance),
    };
    // A time that this system cannot express is left as it is.
    match time {
        Some(time) => file.set_modified(time),
        None => Ok(()),
    }
}
