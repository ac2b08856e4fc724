//! What is in the directory, and in the tree.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::FileType;
use sha2::{Digest as _, Sha256};
use tokio::task::yield_now;
use workspace_core::{ContentId, Entry, EntryKind, Error, ErrorKind, Reason, TreePath};
use workspace_native::beneath::{self, State};
use workspace_native::source::{self, SourceOptions};

use super::memory::{Known, Memory, States};
use super::plan::{Leaf, Leaves, ancestors};
use crate::commands::export::{Names, Taken};
use crate::exit::{Result, io_error};
use crate::session::Files;

/// How much of a file is read at once.
pub(super) const CHUNK: usize = 256 << 10;

/// What is in the directory.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) leaves: Leaves,
    /// What the system says of each file and symlink.
    pub(super) on_disk: BTreeMap<TreePath, State>,
    /// By what its files are known again.
    pub(super) states: States,
}

/// Looks at everything in the directory that belongs to the checkout: what an import would
/// take, and of what the rules ignore that which came from the tree. Reads the files that
/// are not as the system said when their content was known.
pub(super) async fn look(directory: BorrowedFd<'_>, root: &Path, memory: &Memory) -> Result<Found> {
    let options = SourceOptions::default()
        .ignore(memory.ignore)
        .allow_git(memory.allow_git);
    let listed = source::list(root, &options)?;
    let mut paths: BTreeMap<TreePath, Option<EntryKind>> = listed
        .into_iter()
        .filter(|(path, _)| !path.is_root())
        .map(|(path, kind)| (path, Some(kind)))
        .collect();
    for path in memory.base.keys() {
        paths.entry(path.clone()).or_insert(None);
    }
    let mut found = Found::default();
    let now = now();
    for path in paths.into_keys() {
        let place = root.join(relative(&path));
        let failed = |error| io_error("sync", &place, error);
        let Some(state) = State::at(directory, relative(&path)).map_err(failed)? else {
            continue;
        };
        let leaf = match state.kind {
            FileType::Directory => Leaf::Directory,
            FileType::RegularFile => {
                let known = Known::any(&state);
                let same = memory.states.get(&path).copied();
                let (content, state) = match (memory.base.get(&path), same) {
                    (Some(Leaf::File { content, .. }), Some(_)) if same == known => {
                        (*content, state)
                    }
                    _ => match read(directory, &path).await {
                        Ok(read) => read,
                        // It went since.
                        Err(error) if is_gone(&error) => continue,
                        Err(error) => return Err(failed(error).into()),
                    },
                };
                if let Some(known) = Known::of(&state, now) {
                    found.states.insert(path.clone(), known);
                }
                Leaf::File {
                    content,
                    executable: match (memory.modes, memory.base.get(&path)) {
                        (true, _) => state.mode & 0o111 != 0,
                        (false, Some(Leaf::File { executable, .. })) => *executable,
                        (false, _) => false,
                    },
                }
            }
            FileType::Symlink => match target(directory, &path, &place)? {
                Some(target) => Leaf::Symlink(target),
                None => continue,
            },
            _ => Leaf::Special,
        };
        if leaf != Leaf::Directory {
            found.on_disk.insert(path.clone(), state);
        }
        found.leaves.insert(path, leaf);
    }
    Ok(found)
}

/// Reads a file through: returns what it has, and what the system says of it.
async fn read(directory: BorrowedFd<'_>, path: &TreePath) -> io::Result<(ContentId, State)> {
    let file = beneath::open_file(directory, relative(path))?;
    let before = State::of(&file)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut reader = &file;
    loop {
        match reader.read(&mut chunk)? {
            0 => break,
            read => hash.update(&chunk[..read]),
        }
        // A signal is heard in between.
        yield_now().await;
    }
    let after = State::of(&file)?;
    match is_unchanged(&before, &after) {
        true => Ok((ContentId::from_bytes(hash.finalize().into()), after)),
        false => Err(changed()),
    }
}

/// Tells whether a file was not written between two looks at it.
pub(super) fn is_unchanged(before: &State, after: &State) -> bool {
    let of = |state: &State| (state.id, state.kind, state.size, state.modified);
    of(before) == of(after)
}

pub(super) fn changed() -> io::Error {
    io::Error::other("it changed while it was read")
}

/// Tells whether something is not there any more, nor what it was in.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Returns where a link leads; `None` where it went meanwhile.
fn target(directory: BorrowedFd<'_>, path: &TreePath, place: &Path) -> Result<Option<String>> {
    let target = match beneath::read_link(directory, relative(path)) {
        Ok((target, _)) => target,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(io_error("sync", place, error).into()),
    };
    let target = utf8(target).ok_or_else(|| {
        Error::invalid(Reason::UnfitEntry, "sync")
            .at(place.display())
            .because("the link's target is not UTF-8")
    })?;
    Ok(Some(target))
}

fn utf8(text: OsString) -> Option<String> {
    text.into_string().ok()
}

/// What is in a tree, as far as a directory on disk takes it.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) entries: BTreeMap<TreePath, Entry>,
    /// What it does not take, since it gives such names a meaning of its own; nothing at or
    /// below these paths is among the entries.
    pub(super) left_out: BTreeMap<TreePath, Taken>,
}

impl Walked {
    /// Tells whether a path is left out, with what it is in or by itself.
    pub(super) fn leaves_out(&self, path: &TreePath) -> bool {
        !self.left_out.is_empty()
            && (self.left_out.contains_key(path)
                || ancestors(path).any(|above| self.left_out.contains_key(&above))
                || self.left_out.contains_key(&TreePath::root()))
    }
}

/// Walks a whole tree.
pub(super) async fn walk(files: &Files<'_>, allow_git: bool) -> Result<Walked> {
    let mut names = Names::new(allow_git);
    let mut walked = Walked::default();
    let mut walk = files.walk(&TreePath::root()).await?;
    while let Some((path, entry)) = walk.next().await? {
        if path.is_root() || walked.leaves_out(&path) {
            continue;
        }
        if let Some(taken) = names.look(&path)? {
            let below = |it: &TreePath| it.starts_with(&taken.path);
            walked.entries.retain(|it, _| !below(it));
            walked.left_out.insert(taken.path.clone(), taken);
            continue;
        }
        walked.entries.insert(path, entry);
    }
    Ok(walked)
}

/// Returns where a path of the tree is below the directory.
pub(super) fn relative(path: &TreePath) -> &Path {
    Path::new(path.as_str().trim_start_matches('/'))
}

/// Opens the directory, and sees to it that nobody else syncs it meanwhile.
///
/// # Errors
/// `Locked` while somebody does.
pub(super) fn lock(root: &Path) -> Result<File> {
    let failed = |error| io_error("sync", root, error);
    let directory = File::open(root).map_err(failed)?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::new(ErrorKind::Locked, "sync")
            .at(root.display())
            .because("another sync is at work there")
            .into()),
        // Not every file system has locks.
        Err(std::fs::TryLockError::Error(_)) => Ok(directory),
    }
}

/// Finds the directory with a checkout: this one, or the nearest above.
pub(super) fn nearest(start: &Path) -> Result<Option<PathBuf>> {
    let start = start
        .canonicalize()
        .map_err(|error| io_error("sync", start, error))?;
    for directory in start.ancestors() {
        let open = File::open(directory).map_err(|error| io_error("sync", directory, error))?;
        let is_file = beneath::kind(open.as_fd(), super::memory::NAME.as_ref());
        if is_file.is_ok_and(|kind| kind == Some(FileType::RegularFile)) {
            return Ok(Some(directory.to_owned()));
        }
    }
    Ok(None)
}

/// Returns the time in nanoseconds since 1970.
pub(super) fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i128)
}
