//! A directory on disk as the target of an export.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind as IoKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use rustix::fs::fstat;
use rustix::io::Errno;
use tokio::task::yield_now;
use workspace_core::{Entry, Error, ErrorKind, Exported, Reason, TreePath};

use super::place::{refuse_within_workspace, refuse_workspace};
use super::settle::settle;
use super::staging::{Left, Staging, set_modified};
use crate::exit::{Failure, Result, io_error};
use crate::session::Files;

/// Writes entries below a directory and never outside of it.
///
/// Everything is written beside what is there, in a directory of its own, and moved when
/// it is whole: an export that fails, for want of room or of a content, changes nothing.
/// Nothing is written through a symlink, as directories are reached without following any
/// and files are made where nothing is, and nothing into the directory of a workspace.
pub(crate) struct DirectoryTarget {
    root: PathBuf,
    directory: File,
    staging: Staging,
    /// The files that were written, where the file system may know one by several names.
    written: Option<HashSet<FileId>>,
}

/// What the system knows a file by: the file system and a number.
pub(super) type FileId = (u64, u64);

/// Returns what the system knows a file by.
pub(super) fn file_id(file: impl AsFd) -> io::Result<FileId> {
    let found = fstat(file)?;
    Ok((found.st_dev as u64, found.st_ino as u64))
}

impl DirectoryTarget {
    /// Makes the directory; one that holds something is taken with `force` only.
    pub(crate) fn create(root: &Path, force: bool) -> Result<Self> {
        let failed = |error| Failure::from(io_error("export", root, error));
        refuse_within_workspace(root)?;
        fs::create_dir_all(root).map_err(failed)?;
        let directory = File::open(root).map_err(failed)?;
        refuse_workspace(&directory, root)?;
        let left = Left::find(directory.as_fd()).map_err(failed)?;
        if left.besides && !force {
            return Err(Failure::Error {
                error: Error::new(ErrorKind::NotEmpty, "export").at(root.display()),
                hint: Some("--force writes into it, over files of the same name".into()),
            });
        }
        left.remove(directory.as_fd());
        Ok(Self {
            root: root.into(),
            staging: Staging::make(directory.as_fd()).map_err(failed)?,
            directory,
            written: None,
        })
    }

    /// Refuses names that the file system does not take, or takes for one, before any
    /// content is read.
    pub(crate) async fn check_names(&mut self, files: &Files<'_>, below: &TreePath) -> Result<()> {
        let failed = |error| Failure::from(io_error("export", &self.root, error));
        let staging = || Staging::make(self.directory.as_fd()).map_err(failed);
        if staging()?.takes_every_name().map_err(failed)? {
            return Ok(());
        }
        self.written = Some(HashSet::new());
        // The file system is asked: it knows its rules best.
        let mut names = staging()?;
        let mut walk = files.walk(below).await?;
        while let Some((path, entry)) = walk.next().await? {
            let path = below_root(&path, below)?;
            let made = match entry {
                Entry::Directory(_) => names.make_directory(&path),
                Entry::File(_) | Entry::Symlink(_) => names.create(&path, false).map(drop),
            };
            made.map_err(|error| refused(&path, &names, error))?;
        }
        Ok(())
    }

    /// Writes an entry. A directory comes before its entries.
    pub(super) async fn write(&mut self, exported: Exported) -> Result<()> {
        let path = exported.path;
        match exported.entry {
            Entry::Directory(_) => {
                let made = self.staging.make_directory(&path);
                made.map_err(|error| refused(&path, &self.staging, error))?;
            }
            Entry::Symlink(symlink) => {
                let made = self.staging.link(&path, &symlink);
                made.map_err(|error| refused(&path, &self.staging, error))?;
            }
            Entry::File(entry) => {
                let made = self.staging.create(&path, entry.executable);
                let mut file = made.map_err(|error| refused(&path, &self.staging, error))?;
                let place = self.place(&path);
                let failed = |error| io_error("export", &place, error);
                if let Some(mut opened) = exported.body {
                    while let Some(chunk) = opened.body.try_next().await? {
                        file.write_all(&chunk).map_err(failed)?;
                        yield_now().await;
                    }
                }
                set_modified(&file, entry.modified).map_err(failed)?;
                if let Some(written) = &mut self.written {
                    written.insert(file_id(&file).map_err(failed)?);
                }
                // Elsewhere all of them are flushed at once.
                #[cfg(not(target_os = "linux"))]
                file.sync_all().map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Moves everything to its place, once it is on disk; returns the directory, and the
    /// files that were written where the file system may know one by several names.
    pub(super) fn finish(self) -> Result<(File, Option<HashSet<FileId>>)> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.directory)
            .map_err(|cause| io_error("export", &self.root, cause.into()))?;
        settle(&self.root, self.directory.as_fd(), &self.staging)?;
        Ok((self.directory, self.written))
    }

    /// Returns where a path of the tree goes, for messages.
    fn place(&self, path: &TreePath) -> PathBuf {
        let mut place = self.root.clone();
        place.extend(path.segments());
        place
    }
}

/// Returns a path of the tree as it is below the directory that is exported.
pub(super) fn below_root(path: &TreePath, below: &TreePath) -> workspace_core::Result<TreePath> {
    path.strip_prefix(below).ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "export")
            .at(path)
            .because(format_args!("it is not below {below}"))
    })
}

/// Tells why a name is not taken where nothing but the tree's own names are.
fn refused(path: &TreePath, staging: &Staging, error: io::Error) -> Failure {
    let why = match (error.kind(), Errno::from_io_error(&error)) {
        (IoKind::AlreadyExists, _) => match staging.stored_name(path) {
            Some(other) => {
                format!("the file system takes it for {other:?}, which the tree has too")
            }
            None => "the file system takes it for another name of the tree".into(),
        },
        (IoKind::InvalidFilename, _) => "the name is too long for the file system".into(),
        // What it says of such a name differs.
        (_, Some(Errno::INVAL | Errno::ILSEQ)) => "the file system does not take this name".into(),
        (_, Some(Errno::NOENT)) if staging.is_there() => {
            "the file system does not take this name".into()
        }
        _ => return io_error("export", Path::new(path.as_str()), error).into(),
    };
    Failure::Error {
        error: Error::invalid(Reason::UnfitEntry, "export")
            .at(path)
            .because(why),
        hint: Some("no file was written; an archive holds every name".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_for_another_is_told() {
        let place = tempfile::tempdir().unwrap();
        let root = File::open(place.path()).unwrap();
        let mut staging = Staging::make(root.as_fd()).unwrap();
        let [a, upper] = ["/d/a", "/d/A"].map(|path| TreePath::new(path).unwrap());
        staging.make_directory(&a.parent().unwrap()).unwrap();
        staging.create(&upper, false).unwrap();
        // As a file system that folds case has it: another name, and the same file.
        let directory = fs::read_dir(place.path()).unwrap().next().unwrap();
        let directory = directory.unwrap().path().join("tree/d");
        fs::rename(directory.join("A"), directory.join("a")).unwrap();
        let error = staging.create(&a, false).unwrap_err();
        let Failure::Error { error, .. } = refused(&a, &staging, error) else {
            panic!("this is told");
        };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("takes it for \"a\""), "{error}");
        for (number, why) in [
            (Errno::INVAL, "does not take this name"),
            (Errno::NAMETOOLONG, "too long"),
        ] {
            let Failure::Error { error, hint } = refused(&a, &staging, number.into()) else {
                panic!("this is told");
            };
            assert!(error.to_string().contains(why), "{error}");
            assert!(hint.is_some());
        }
    }
}
