//! `--delete`: removes from a directory what an earlier state of the files left there.
//!
//! Only what the workspace still holds is removed: a file whose very bytes were at that
//! path in an earlier state, a symlink with that target, and a directory that was there
//! then and is empty now. Everything else is somebody's own, and stays.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use workspace_archive::Owner;
use workspace_core::{At, ContentId, DiffOptions, Entry, OperationId, TreeId, TreePath};
use workspace_native::beneath;

use super::directory::{FileId, below_root, file_id};
use crate::exit::{Result, io_error};
use crate::session::Session;

/// As many earlier states are looked at, the newest first.
const STATES: usize = 64;

/// What was at paths where nothing is now, in any of the earlier states.
pub(super) type Gone = BTreeMap<TreePath, Vec<Entry>>;

/// What was removed, and what was left because it is something else now.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub(super) count: u64,
    pub(super) kept: Vec<String>,
}

/// Finds what was there in earlier states of the files at `at`, which are those of `now`,
/// and is no more: below a directory, which is the root of the paths.
pub(super) async fn gone(session: &Session, at: At, now: At, below: &TreePath) -> Result<Gone> {
    let options = DiffOptions::default().below(below.clone()).renames(false);
    let mut gone = Gone::new();
    for tree in states(session, at).await? {
        // One that is forgotten meanwhile, or differs in more than can be told, tells
        // nothing: what it had stays.
        let Ok(differences) = session.diff(At::Tree(tree), now, &options).await else {
            continue;
        };
        for difference in differences {
            let (Some(old), None) = (difference.old, difference.new) else {
                continue;
            };
            let entries = gone
                .entry(below_root(&difference.path, below)?)
                .or_default();
            if !entries.contains(&old) {
                entries.push(old);
            }
        }
    }
    Ok(gone)
}

/// Returns the trees of earlier states: of a copy those between its operations and its
/// base; of all files those of the newest revisions.
async fn states(session: &Session, at: At) -> Result<Vec<TreeId>> {
    let mut trees = Vec::new();
    if let At::Copy(id) = at {
        let copy = session.find_copy(&id.to_string()).await?;
        trees.push(copy.base);
        let newest = copy.operation.map_or(0, OperationId::get);
        let after = newest.checked_sub(STATES as u64).filter(|after| *after > 0);
        let operations = session
            .operations(id, after.map(OperationId::new), STATES)
            .await?;
        let states = operations.iter().rev();
        trees.extend(states.flat_map(|operation| [operation.after, operation.before]));
    }
    let revisions = session.revisions(None, STATES).await?;
    trees.extend(revisions.iter().map(|revision| revision.tree));
    let mut seen = BTreeSet::from([TreeId::empty()]);
    trees.retain(|tree| seen.insert(*tree));
    trees.truncate(STATES);
    Ok(trees)
}

/// How to remove what is gone from a directory.
pub(super) struct Removal<'a> {
    /// Where the directory is, for messages.
    pub(super) root: &'a Path,
    pub(super) target: BorrowedFd<'a>,
    /// Whether what git takes for its own directory may go as well.
    pub(super) allow_git: bool,
    /// The files that were just written, where the file system may know one by several
    /// names: only files are removed there, and none of these.
    pub(super) written: Option<&'a HashSet<FileId>>,
}

impl Removal<'_> {
    /// Removes what is as it was in an earlier state.
    pub(super) fn run(&self, gone: &Gone) -> Result<Removed> {
        let mut removed = Removed::default();
        // What is in a directory goes before it.
        for (path, was) in gone.iter().rev() {
            let owned = match Owner::of(path) {
                Some(Owner::Workspace) => true,
                Some(Owner::Git) => !self.allow_git,
                _ => false,
            };
            if owned {
                continue;
            }
            let place = self.root.join(path.as_str().trim_start_matches('/'));
            match self.remove(path, was) {
                Ok(Some(true)) => removed.count += 1,
                Ok(Some(false)) => removed.kept.push(path.to_string()),
                Ok(None) => {}
                Err(error) => return Err(io_error("export", &place, error).into()),
            }
        }
        removed.kept.reverse();
        Ok(removed)
    }

    /// Removes one entry; tells whether it was as it had been, and `None` where nothing is
    /// to be said of it.
    fn remove(&self, path: &TreePath, was: &[Entry]) -> io::Result<Option<bool>> {
        let (Some(above), Some(name)) = (path.parent(), path.name()) else {
            return Ok(None);
        };
        let name = OsStr::new(name.as_str());
        let above = Path::new(above.as_str().trim_start_matches('/'));
        // Where something else is on the way now, nothing of it is there any more.
        let Ok(directory) = beneath::open_path(self.target, above) else {
            return Ok(None);
        };
        let flags = match beneath::kind(&directory, name)? {
            None => return Ok(None),
            Some(FileType::RegularFile) => {
                let file = open_file(&directory, name)?;
                let written = self.written.map(|written| (written, file_id(&file)));
                if let Some((written, id)) = written
                    && written.contains(&id?)
                {
                    return Ok(None);
                }
                if !is_same(file, was)? {
                    return Ok(Some(false));
                }
                AtFlags::empty()
            }
            Some(FileType::Symlink) if self.written.is_none() => {
                if !is_same_link(&directory, name, was)? {
                    return Ok(Some(false));
                }
                AtFlags::empty()
            }
            Some(FileType::Directory) if self.written.is_none() => {
                if !was.iter().any(|was| was.as_directory().is_some()) {
                    return Ok(Some(false));
                }
                AtFlags::REMOVEDIR
            }
            Some(_) => return Ok(Some(false)),
        };
        match unlinkat(&directory, name, flags) {
            // What is left in it was told, or was never of the tree.
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(None),
            removed => Ok(removed.map(|()| Some(true))?),
        }
    }
}

/// Opens a file, whatever comes in its place meanwhile.
fn open_file(above: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(openat(above, name, flags, Mode::empty())?))
}

/// Tells whether a file has the bytes of one that was there, and nobody writes it.
fn is_same(mut file: File, was: &[Entry]) -> io::Result<bool> {
    let before = fstat(&file)?;
    let files = was.iter().filter_map(Entry::as_file);
    let alike: Vec<ContentId> = files
        .filter(|file| file.size == before.st_size as u64)
        .map(|file| file.content)
        .collect();
    if alike.is_empty() {
        return Ok(false);
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    let after = fstat(&file)?;
    let state = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    let content = ContentId::from_bytes(hash.finalize().into());
    Ok(alike.contains(&content) && state(&before) == state(&after))
}

fn is_same_link(above: impl AsFd, name: &OsStr, was: &[Entry]) -> io::Result<bool> {
    let target = readlinkat(above, name, Vec::new())?;
    Ok(was.iter().any(|was| match was {
        Entry::Symlink(was) => was.target.as_str().as_bytes() == target.as_bytes(),
        _ => false,
    }))
}
