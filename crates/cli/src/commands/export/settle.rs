//! Puts what was staged in its place.
//!
//! Every step is a rename: what is replaced is there until what replaces it is.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, FileType, Mode, RenameFlags, accessat, chmodat, fstat, fsync, linkat,
    renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use workspace_archive::REPLACED;
use workspace_core::{Error, ErrorKind};
use workspace_native::beneath;

use super::place::refuse_workspace;
use super::staging::{Staging, make_unique};
use crate::exit::{Failure, Result, io_error};

/// A directory that is staged, and there as well.
struct Shared {
    path: PathBuf,
    staged: OwnedFd,
    there: OwnedFd,
}

/// Moves everything staged into the target, which is at `root`, and flushes the
/// directories. Directories are joined; files and symlinks give way to what is staged.
///
/// # Errors
/// `IsADirectory` where a directory would have to give way, `Unsupported` where a part
/// of the target is on another file system or mounted by itself, `Denied` for a directory
/// of a workspace, and `Unavailable` where a directory may not be written; nothing is moved
/// then. Those of the system: what was not moved by then is as it was.
pub(super) fn settle(root: &Path, target: BorrowedFd<'_>, staging: &Staging) -> Result<()> {
    let directory = Some(FileType::Directory);
    let mut looked_at = None;
    walk(root, target, staging, |shared, name, there| {
        if looked_at.as_ref() != Some(&shared.path) {
            refuse_unwritable(root, shared)?;
            looked_at = Some(shared.path.clone());
        }
        let place = root.join(&shared.path).join(name);
        if there == directory {
            return Err(Error::new(ErrorKind::IsADirectory, "export")
                .at(place.display())
                .because("it would give way to what is no directory")
                .into());
        }
        match there.is_some() && is_kept(shared, name) {
            false => Ok(()),
            true => Err(denied(&place)),
        }
    })?;
    let mut changed: Vec<Shared> = Vec::new();
    walk(root, target, staging, |shared, name, there| {
        let moved = match there {
            None => appear(shared, name),
            Some(_) => replace(target, shared, name),
        };
        moved.map_err(|error| {
            let place = root.join(&shared.path).join(name);
            Failure::from(io_error("export", &place, error))
        })?;
        flush_before(root, &mut changed, shared)
    })?;
    flush(root, &changed)
}

/// Flushes the directory that was changed before this one, and remembers this one.
fn flush_before(root: &Path, changed: &mut Vec<Shared>, shared: &Shared) -> Result<()> {
    if changed.last().is_some_and(|last| last.path == shared.path) {
        return Ok(());
    }
    flush(root, changed)?;
    changed.clear();
    let failed = |error| io_error("export", &root.join(&shared.path), error);
    changed.push(Shared {
        path: shared.path.clone(),
        staged: shared.staged.try_clone().map_err(failed)?,
        there: shared.there.try_clone().map_err(failed)?,
    });
    Ok(())
}

/// Flushes directories, so that what took a name there has it after a power cut too.
fn flush(root: &Path, changed: &[Shared]) -> Result<()> {
    for shared in changed {
        match fsync(&shared.there) {
            // Not every file system can.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => {}
            Err(cause) => {
                return Err(io_error("export", &root.join(&shared.path), cause.into()).into());
            }
        }
    }
    Ok(())
}

/// Refuses a directory in which nothing can be renamed.
fn refuse_unwritable(root: &Path, shared: &Shared) -> Result<()> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    match accessat(&shared.there, ".", access, AtFlags::EACCESS) {
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Err(denied(&root.join(&shared.path))),
        // Where that cannot be asked, it is seen when it fails.
        _ => Ok(()),
    }
}

/// Tells whether something is another user's in a directory where those keep their own.
fn is_kept(shared: &Shared, name: &OsStr) -> bool {
    let own = geteuid();
    let found = statat(&shared.there, name, AtFlags::SYMLINK_NOFOLLOW);
    let (Ok(directory), Ok(found), false) = (fstat(&shared.there), found, own.is_root()) else {
        return false;
    };
    let mode = Mode::from_raw_mode(directory.st_mode);
    let others = [directory.st_uid, found.st_uid]
        .iter()
        .all(|uid| *uid != own.as_raw());
    mode.contains(Mode::SVTX) && others
}

fn denied(place: &Path) -> Failure {
    Failure::Error {
        error: Error::new(ErrorKind::Unavailable, "export")
            .at(place.display())
            .because("permission denied"),
        hint: Some("nothing was moved".into()),
    }
}

/// Returns what tells apart what is mounted: the file system, and the mount, where the
/// system tells it.
fn mount(directory: BorrowedFd<'_>) -> io::Result<(u64, Option<u64>)> {
    #[cfg(target_os = "linux")]
    let mount = {
        use rustix::fs::{StatxFlags, statx};
        let found = statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok();
        let asked = StatxFlags::MNT_ID.bits();
        found.and_then(|found| (found.stx_mask & asked != 0).then_some(found.stx_mnt_id))
    };
    #[cfg(not(target_os = "linux"))]
    let mount = None;
    let device = fstat(directory)?.st_dev;
    Ok((device as u64, mount))
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
        refuse_workspace(&shared.there, &root.join(&path))?;
        let here = mount(shared.there.as_fd()).map_err(failed)?;
        if here != mount(target).map_err(failed)? {
            return Err(Failure::Error {
                error: Error::new(ErrorKind::Unsupported, "export")
                    .at(root.join(&path).display())
                    .because("it is mounted by itself: on another file system, or in another way, than the rest of the target"),
                hint: Some("nothing was moved; --below exports the part by itself".into()),
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
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        moved => return Ok(moved?),
    }
    // The file system does not know how to leave what came meanwhile. A directory takes
    // the place of an empty one only.
    if beneath::kind(from, name)? == Some(FileType::Directory) {
        return Ok(renameat(from, name, to, name)?);
    }
    match linkat(from, name, to, name, AtFlags::empty()) {
        Ok(()) => Ok(unlinkat(from, name, AtFlags::empty())?),
        // Nor has it hard links.
        Err(Errno::PERM | Errno::NOSYS | Errno::NOTSUP) => match beneath::kind(to, name)? {
            None => Ok(renameat(from, name, to, name)?),
            Some(_) => Err(Errno::EXIST.into()),
        },
        Err(cause) => Err(cause.into()),
    }
}

/// Moves something to where a file or symlink is.
fn replace(target: BorrowedFd<'_>, shared: &Shared, name: &OsStr) -> io::Result<()> {
    let (from, to) = (&shared.staged, &shared.there);
    if beneath::kind(from, name)? != Some(FileType::Directory) {
        keep_mode(shared, name)?;
        return Ok(renameat(from, name, to, name)?);
    }
    // No rename puts a directory over a file, but they can change places.
    let exchange = || renameat_with(from, name, to, name, RenameFlags::EXCHANGE);
    match exchange() {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        Err(cause) => return Err(cause.into()),
        // What came out would be removed with what was staged: a directory goes back.
        Ok(()) => match beneath::kind(from, name)? {
            Some(FileType::Directory) => {
                if exchange().is_err() {
                    give_back(target, from, name, to)?;
                }
                return Err(came_meanwhile());
            }
            _ => return Ok(()),
        },
    }
    // Between these two steps it is aside, where nobody removes it.
    let (aside, directory) = make_unique(target, REPLACED)?;
    renameat(to, name, &directory, name)?;
    let moved = match beneath::kind(&directory, name)? {
        Some(FileType::Directory) => Err(came_meanwhile()),
        _ => renameat(from, name, to, name).map_err(Into::into),
    };
    if let Err(cause) = moved {
        renameat(&directory, name, to, name)?;
        beneath::remove(target, &aside)?;
        return Err(cause);
    }
    beneath::remove(target, &aside)
}

/// Gives back what came out from where it would be removed: to its name, where that is
/// free, or else to where nobody removes anything.
fn give_back(target: BorrowedFd<'_>, from: &OwnedFd, name: &OsStr, to: &OwnedFd) -> io::Result<()> {
    if renameat_with(from, name, to, name, RenameFlags::NOREPLACE).is_ok() {
        return Ok(());
    }
    let (aside, directory) = make_unique(target, REPLACED)?;
    renameat(from, name, &directory, name)?;
    Err(io::Error::other(format!(
        "a directory took the place of a file meanwhile, and is in {} now",
        aside.display()
    )))
}

/// A directory took the place of the file that was to give way.
fn came_meanwhile() -> io::Error {
    let why = "a directory took the place of a file meanwhile";
    io::Error::new(io::ErrorKind::IsADirectory, why)
}

/// Gives what is staged the permissions of the file that gives way to it, but who may
/// execute it: that is the tree's to say.
fn keep_mode(shared: &Shared, name: &OsStr) -> io::Result<()> {
    let look = |directory: &OwnedFd| statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    let (new, old) = (look(&shared.staged)?, look(&shared.there)?);
    let is_file = |mode| FileType::from_raw_mode(mode) == FileType::RegularFile;
    if !is_file(new.st_mode) || !is_file(old.st_mode) {
        return Ok(());
    }
    let all = Mode::RUSR | Mode::RGRP | Mode::ROTH;
    let (old, new) = [old, new].map(|it| Mode::from_raw_mode(it.st_mode)).into();
    let mut mode = old & (all | Mode::WUSR | Mode::WGRP | Mode::WOTH);
    if new.intersects(Mode::XUSR | Mode::XGRP | Mode::XOTH) {
        for (read, execute) in [
            (Mode::RUSR, Mode::XUSR),
            (Mode::RGRP, Mode::XGRP),
            (Mode::ROTH, Mode::XOTH),
        ] {
            mode.set(execute, old.contains(read));
        }
    }
    Ok(chmodat(&shared.staged, name, mode, AtFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    /// A directory took a file's place between the look at it and the exchange.
    #[test]
    fn a_directory_that_came_meanwhile_stays() {
        let place = tempfile::tempdir().unwrap();
        for path in ["staged/d", "there/d"] {
            fs::create_dir_all(place.path().join(path)).unwrap();
        }
        fs::write(place.path().join("staged/d/new"), "new").unwrap();
        fs::write(place.path().join("there/d/precious"), "precious").unwrap();
        let open = |name: &str| OwnedFd::from(File::open(place.path().join(name)).unwrap());
        let shared = Shared {
            path: PathBuf::new(),
            staged: open("staged"),
            there: open("there"),
        };
        let target = open(".");
        let error = replace(target.as_fd(), &shared, OsStr::new("d")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        assert!(place.path().join("there/d/precious").exists());
        assert!(place.path().join("staged/d/new").exists());
        // Nor does a file take its place, nor anything that of what came where nothing was.
        fs::write(place.path().join("staged/f"), "new").unwrap();
        fs::create_dir(place.path().join("there/f")).unwrap();
        assert!(replace(target.as_fd(), &shared, OsStr::new("f")).is_err());
        assert!(appear(&shared, OsStr::new("f")).is_err());
        assert!(place.path().join("there/f").is_dir());
    }

    /// What could not go back to its name was removed with what was staged.
    #[test]
    fn a_directory_whose_name_was_taken_again_was_removed() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("staged/d")).unwrap();
        fs::create_dir_all(place.path().join("there")).unwrap();
        fs::write(place.path().join("staged/d/precious"), "precious").unwrap();
        let open = |name: &str| OwnedFd::from(File::open(place.path().join(name)).unwrap());
        let (target, staged, there) = (open("."), open("staged"), open("there"));
        let d = OsStr::new("d");
        give_back(target.as_fd(), &staged, d, &there).unwrap();
        assert!(place.path().join("there/d/precious").exists());
        fs::rename(place.path().join("there/d"), place.path().join("staged/d")).unwrap();
        fs::write(place.path().join("there/d"), "newer").unwrap();
        let error = give_back(target.as_fd(), &staged, d, &there).unwrap_err();
        let error = error.to_string();
        let (_, aside) = error.split_once(" is in ").unwrap();
        let aside = aside.trim_end_matches(" now");
        assert!(place.path().join(aside).join("d/precious").exists());
        assert!(place.path().join("there/d").is_file());
    }
}
