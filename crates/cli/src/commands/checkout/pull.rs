//! From the copy to the directory: nothing is written over what is not as it was seen.
//!
//! Everything is written beside what is there, flushed, and put in its place one by one.
//! What has to give way changes places with what takes its place, and is looked at then:
//! where it is not what was seen before, both go back.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use futures::TryStreamExt as _;
use rustix::fs::{
    AtFlags, FileType, Mode, RenameFlags, chmodat, fsync, mkdirat, renameat, renameat_with,
    unlinkat,
};
use rustix::io::Errno;
use tokio::task::yield_now;
use workspace_core::{Entry, File, Symlink, TreePath};
use workspace_native::beneath::{self, State};

use super::look::{Found, is_unchanged, relative};
use super::plan::{Leaf, Side, Step, Steps, ancestors};
use crate::commands::export::{Staging, set_modified};
use crate::exit::{Failure, Result, io_error};
use crate::session::Files;

/// What the directory gets.
#[derive(Debug, Default)]
pub(super) struct Pull {
    /// What is removed, what is in a directory before it.
    removed: Vec<TreePath>,
    /// What is written, parents first.
    written: Vec<(TreePath, Leaf)>,
}

impl Pull {
    /// Takes from a plan what goes to the directory, in which there is what was found.
    pub(super) fn of(steps: &Steps, found: &Found) -> Self {
        let mut pull = Self::default();
        for (path, step) in steps {
            let Step::To(Side::Directory, leaf) = step else {
                continue;
            };
            let there = found.leaves.get(path);
            let is_directory = |leaf: &Leaf| *leaf == Leaf::Directory;
            let gives_way = match (there, leaf) {
                (Some(_), None) => true,
                (Some(there), Some(leaf)) => is_directory(there) != is_directory(leaf),
                (None, _) => false,
            };
            if gives_way {
                pull.removed.push(path.clone());
            }
            if let Some(leaf) = leaf {
                pull.written.push((path.clone(), leaf.clone()));
            }
        }
        pull.removed.reverse();
        pull
    }

    /// Tells whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.written.is_empty()
    }

    /// Tells how many files are to be read.
    fn files(&self) -> usize {
        let is_file = |(_, leaf): &&(TreePath, Leaf)| matches!(leaf, Leaf::File { .. });
        self.written.iter().filter(is_file).count()
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Pulled {
    /// What the system says of each file that was written.
    pub(super) states: BTreeMap<TreePath, State>,
    /// What was not as it was seen, and stayed.
    pub(super) kept: BTreeSet<TreePath>,
}

/// What waits to be put in its place.
struct Staged {
    name: OsString,
    state: State,
}

/// Brings what was changed in the copy into the directory.
pub(super) async fn pull(
    files: Files<'_>,
    tree: &BTreeMap<TreePath, Entry>,
    pull: &Pull,
    (directory, root, found): (BorrowedFd<'_>, &Path, &Found),
    mut progress: impl FnMut(&File),
) -> Result<Pulled> {
    let failed = |error: io::Error| Failure::from(io_error("sync", root, error));
    let mut staging = Staging::make(directory).map_err(failed)?;
    let mut staged: BTreeMap<TreePath, Staged> = BTreeMap::new();
    let wanted: BTreeSet<&TreePath> = pull.written.iter().map(|(path, _)| path).collect();
    let is_wanted = |path: &TreePath, _: &File| wanted.contains(path);
    let all = pull.files() * 2 > tree.len();
    let top = TreePath::root();
    let mut bodies = files.bodies(&top, all, &is_wanted).await?;
    while let Some((path, file, mut body)) = bodies.try_next().await? {
        let place = root.join(relative(&path));
        let failed = |error| io_error("sync", &place, error);
        let at = numbered(staged.len())?;
        let mut written = staging.create(&at, file.executable).map_err(failed)?;
        while let Some(chunk) = body.try_next().await? {
            written.write_all(&chunk).map_err(failed)?;
            yield_now().await;
        }
        set_modified(&written, file.modified).map_err(failed)?;
        #[cfg(not(target_os = "linux"))]
        written.sync_all().map_err(failed)?;
        let state = State::of(&written).map_err(failed)?;
        let name = at.as_str()[1..].into();
        staged.insert(path, Staged { name, state });
        progress(&file);
    }
    for (path, _) in &pull.written {
        if let Some(Entry::Symlink(symlink)) = tree.get(path) {
            let link = link(&mut staging, staged.len(), symlink);
            let link = link.map_err(|error| io_error("sync", &root.join(relative(path)), error))?;
            staged.insert(path.clone(), link);
        }
    }
    #[cfg(target_os = "linux")]
    if !staged.is_empty() {
        rustix::fs::syncfs(directory).map_err(|cause| failed(cause.into()))?;
    }
    // From here on nothing waits: a signal is heard before it, or after.
    let placing = Placing {
        directory,
        staging: staging.as_fd().try_clone_to_owned().map_err(failed)?,
        found,
    };
    placing.place(pull, &staged, root)
}

fn link(staging: &mut Staging, number: usize, symlink: &Symlink) -> io::Result<Staged> {
    let at = numbered(number).map_err(io::Error::other)?;
    staging.link(&at, symlink)?;
    let name: OsString = at.as_str()[1..].into();
    let state = State::at(staging.as_fd(), Path::new(&name))?;
    let state = state.ok_or(io::ErrorKind::NotFound)?;
    Ok(Staged { name, state })
}

fn numbered(number: usize) -> workspace_core::Result<TreePath> {
    TreePath::new(&format!("/{number}"))
}

/// Puts things in their places.
struct Placing<'a> {
    directory: BorrowedFd<'a>,
    staging: OwnedFd,
    found: &'a Found,
}

impl Placing<'_> {
    fn place(
        &self,
        pull: &Pull,
        staged: &BTreeMap<TreePath, Staged>,
        root: &Path,
    ) -> Result<Pulled> {
        let mut pulled = Pulled::default();
        let mut touched: BTreeSet<TreePath> = BTreeSet::new();
        for path in &pull.removed {
            let place = root.join(relative(path));
            let removed = self.remove(path);
            match removed.map_err(|error| io_error("sync", &place, error))? {
                true => drop(touched.insert(above(path))),
                false => drop(pulled.kept.insert(path.clone())),
            }
        }
        for (path, leaf) in &pull.written {
            let place = root.join(relative(path));
            let failed = |error| io_error("sync", &place, error);
            let is_kept = pulled.kept.contains(path)
                || ancestors(path).any(|above| pulled.kept.contains(&above));
            let placed = match leaf {
                _ if is_kept => false,
                Leaf::Directory => self.make_directory(path).map_err(failed)?,
                Leaf::File { .. } | Leaf::Symlink(_) | Leaf::Special => match staged.get(path) {
                    Some(staged) => {
                        let state = self.put(path, staged).map_err(failed)?;
                        if let (Some(state), Leaf::File { .. }) = (state, leaf) {
                            pulled.states.insert(path.clone(), state);
                        }
                        state.is_some()
                    }
                    // It is gone from the tree, which does not change.
                    None => false,
                },
            };
            match placed {
                true => drop(touched.insert(above(path))),
                false => drop(pulled.kept.insert(path.clone())),
            }
        }
        for path in touched {
            if let Ok(directory) = beneath::open_path(self.directory, relative(&path)) {
                // Not every file system can.
                let _unflushed = fsync(directory);
            }
        }
        Ok(pulled)
    }

    /// Opens the directory that a path is in; makes those that are missing. `None` where
    /// something else is on the way.
    fn above(&self, path: &TreePath) -> io::Result<Option<OwnedFd>> {
        let mut missing: Vec<TreePath> = ancestors(path).collect();
        missing.reverse();
        for above in missing {
            if !self.make_directory(&above)? {
                return Ok(None);
            }
        }
        let above = above(path);
        beneath::open_path(self.directory, relative(&above)).map(Some)
    }

    /// Makes a directory, in one that is there; tells whether one is there then.
    fn make_directory(&self, path: &TreePath) -> io::Result<bool> {
        match State::at(self.directory, relative(path))? {
            Some(state) => return Ok(state.kind == FileType::Directory),
            None if self.above(path)?.is_none() => return Ok(false),
            None => {}
        }
        let above = beneath::open_path(self.directory, relative(&above(path)))?;
        match mkdirat(&above, name(path), Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(true),
            // Somebody else made something there.
            Err(Errno::EXIST) => {
                let there = beneath::kind(&above, name(path))?;
                Ok(there == Some(FileType::Directory))
            }
            Err(cause) => Err(cause.into()),
        }
    }

    /// Tells whether something is what was found at a path.
    fn is_as_found(&self, path: &TreePath, state: &State) -> bool {
        let found = self.found.on_disk.get(path);
        found.is_some_and(|found| is_unchanged(found, state))
    }

    /// Removes what was found; `false` where something else is there.
    fn remove(&self, path: &TreePath) -> io::Result<bool> {
        let Some(state) = State::at(self.directory, relative(path))? else {
            return Ok(true);
        };
        let above = beneath::open_path(self.directory, relative(&above(path)))?;
        if state.kind == FileType::Directory {
            if self.found.leaves.get(path) != Some(&Leaf::Directory) {
                return Ok(false);
            }
            return match unlinkat(&above, name(path), AtFlags::REMOVEDIR) {
                Ok(()) => Ok(true),
                // What is in it is nobody's but the person's who put it there.
                Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
                Err(cause) => Err(cause.into()),
            };
        }
        if !self.is_as_found(path, &state) {
            return Ok(false);
        }
        // It is looked at again where nobody reaches it by its name.
        let aside = OsStr::new("removed");
        renameat(&above, name(path), &self.staging, aside)?;
        let taken = State::at(&self.staging, Path::new(aside))?;
        if taken.is_some_and(|taken| !self.is_as_found(path, &taken)) {
            renameat_with(
                &self.staging,
                aside,
                &above,
                name(path),
                RenameFlags::NOREPLACE,
            )?;
            return Ok(false);
        }
        unlinkat(&self.staging, aside, AtFlags::empty())?;
        Ok(true)
    }

    /// Puts what is staged at a path; returns its state there, or `None` where something
    /// is there that was not found.
    fn put(&self, path: &TreePath, staged: &Staged) -> io::Result<Option<State>> {
        let Some(above) = self.above(path)? else {
            return Ok(None);
        };
        let there = State::at(self.directory, relative(path))?;
        let moved = match there {
            None => self.appear(&above, path, staged)?,
            Some(there) => {
                self.is_as_found(path, &there) && self.replace(&above, path, staged, &there)?
            }
        };
        let state = State::at(self.directory, relative(path))?;
        Ok(state.filter(|state| moved && is_unchanged(state, &staged.state)))
    }

    fn appear(&self, above: &OwnedFd, path: &TreePath, staged: &Staged) -> io::Result<bool> {
        let (from, to) = (&self.staging, above);
        match renameat_with(from, &staged.name, to, name(path), RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            // The file system does not know how to leave what came meanwhile.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                match beneath::kind(to, name(path))? {
                    None => Ok(renameat(from, &staged.name, to, name(path)).map(|()| true)?),
                    Some(_) => Ok(false),
                }
            }
            Err(cause) => Err(cause.into()),
        }
    }

    fn replace(
        &self,
        above: &OwnedFd,
        path: &TreePath,
        staged: &Staged,
        there: &State,
    ) -> io::Result<bool> {
        let is_file = |state: &State| state.kind == FileType::RegularFile;
        if is_file(there) && is_file(&staged.state) {
            let mode = kept_mode(there.mode, staged.state.mode);
            chmodat(&self.staging, &staged.name, mode, AtFlags::empty())?;
        }
        let (from, to) = (&self.staging, above);
        let exchange = || renameat_with(from, &staged.name, to, name(path), RenameFlags::EXCHANGE);
        match exchange() {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                renameat(from, &staged.name, to, name(path))?;
                return Ok(true);
            }
            // It went meanwhile: somebody removed it.
            Err(Errno::NOENT) => return Ok(false),
            Err(cause) => return Err(cause.into()),
        }
        let gave_way = State::at(from, Path::new(&staged.name))?;
        match gave_way.is_some_and(|state| self.is_as_found(path, &state)) {
            true => Ok(true),
            false => exchange().map(|()| false).map_err(Into::into),
        }
    }
}

/// Returns the permissions of a file that takes another's place: those of that one, but
/// who may execute it, which is the tree's to say.
fn kept_mode(old: u32, new: u32) -> Mode {
    let readers = old & 0o444;
    let executable = if new & 0o111 != 0 { readers >> 2 } else { 0 };
    Mode::from_raw_mode((old & 0o666 | executable) as rustix::fs::RawMode)
}

fn above(path: &TreePath) -> TreePath {
    path.parent().unwrap_or_else(TreePath::root)
}

fn name(path: &TreePath) -> &OsStr {
    OsStr::new(path.segments().next_back().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_permissions_but_for_who_executes_it() {
        for (old, new, kept) in [
            (0o644, 0o755, 0o755),
            (0o600, 0o755, 0o700),
            (0o755, 0o644, 0o644),
            (0o440, 0o644, 0o440),
        ] {
            assert_eq!(kept_mode(old, new), Mode::from_raw_mode(kept), "{old:o}");
        }
    }
}
