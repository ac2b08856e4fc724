//! Puts what was staged in its place.
//!
//! Every step is a rename: what is replaced is there until what replaces it is.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, RenameFlags, fstat, renameat, renameat_with};
use rustix::io::Errno;
use workspace_core::{Error, ErrorKind};

use super::staging::{Staging, make_unique};
use super::{REPLACED, beneath};
use crate::exit::{Failure, Result, io_error};

/// A directory that is staged, and there as well.
struct Shared {
    path: PathBuf,
    staged: OwnedFd,
    there: OwnedFd,
}

/// Moves everything staged into the target, which is at `root`. Directories are joined;
/// files and symlinks give way to what is staged.
///
/// # Errors
/// `IsADirectory` where a directory would have to give way, and `Unsupported` where a part
/// of the target is on another file system; nothing is moved then. Those of the system:
/// what was not moved by then is as it was.
pub(super) fn settle(root: &Path, target: BorrowedFd<'_>, staging: &Staging) -> Result<()> {
    let directory = Some(FileType::Directory);
    walk(root, target, staging, |shared, name, there| {
        if there != directory {
            return Ok(());
        }
        let place = root.join(&shared.path).join(name);
        Err(Error::new(ErrorKind::IsADirectory, "export")
            .at(place.display())
            .because("it would give way to what is no directory")
            .into())
    })?;
    walk(root, target, staging, |shared, name, there| {
        let moved = match there {
            None => appear(shared, name),
            Some(_) => replace(target, shared, name),
        };
        moved.map_err(|error| {
            let place = root.join(&shared.path).join(name);
            io_error("export", &place, error).into()
        })
    })
}

/// Visits what is staged in each directory that is there as well, with what is there
/// under the same name.
fn walk(
    root: &Path,
    target: BorrowedFd<'_>,
    staging: &Staging,
    mut visit: impl FnMut(&Shared, &OsStr, Option<FileType>) -> Result<()>,
) -> Result<()> {
    let directory = Some(FileType::Directory);
    let mut left = vec![PathBuf::new()];
    while let Some(path) = left.pop() {
        let failed = |error| io_error("export", &root.join(&path), error);
        let shared = Shared {
            staged: beneath::open_path(staging.as_fd(), &path).map_err(failed)?,
            there: beneath::open_path(target, &path).map_err(failed)?,
            path: path.clone(),
        };
        let file_system = |directory: BorrowedFd<'_>| fstat(directory).map(|found| found.st_dev);
        let here = file_system(shared.there.as_fd()).map_err(|error| failed(error.into()))?;
        if here != file_system(target).map_err(|error| failed(error.into()))? {
            return Err(Failure::Error {
                error: Error::new(ErrorKind::Unsupported, "export")
                    .at(root.join(&path).display())
                    .because("it is on another file system than the rest of the target"),
                hint: Some("nothing was written; --below exports the part by itself".into()),
            });
        }
        for name in beneath::names(&shared.staged, usize::MAX).map_err(failed)? {
            let there = beneath::kind(&shared.there, &name).map_err(failed)?;
            if there == directory && beneath::kind(&shared.staged, &name).map_err(failed)? == there
            {
                left.push(path.join(name));
            } else {
                visit(&shared, &name, there)?;
            }
        }
    }
    Ok(())
}

/// Moves something to where nothing is.
fn appear(shared: &Shared, name: &OsStr) -> io::Result<()> {
    let (from, to) = (&shared.staged, &shared.there);
    match renameat_with(from, name, to, name, RenameFlags::NOREPLACE) {
        // The file system does not know how to leave what came meanwhile.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(renameat(from, name, to, name)?),
        moved => Ok(moved?),
    }
}

/// Moves something to where a file or symlink is.
fn replace(target: BorrowedFd<'_>, shared: &Shared, name: &OsStr) -> io::Result<()> {
    let (from, to) = (&shared.staged, &shared.there);
    if beneath::kind(from, name)? != Some(FileType::Directory) {
        return Ok(renameat(from, name, to, name)?);
    }
    // No rename puts a directory over a file, but they can change places.
    match renameat_with(from, name, to, name, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        exchanged => return Ok(exchanged?),
    }
    // Between these two steps it is aside, where nobody removes it.
    let (aside, directory) = make_unique(target, REPLACED)?;
    renameat(to, name, &directory, name)?;
    if let Err(cause) = renameat(from, name, to, name) {
        renameat(&directory, name, to, name)?;
        beneath::remove(target, &aside)?;
        return Err(cause.into());
    }
    beneath::remove(target, &aside)
}
