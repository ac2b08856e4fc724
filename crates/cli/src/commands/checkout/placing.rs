//! Puts things in their places in the directory, as far as they can be.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, chmodat, fsync, mkdirat, unlinkat};
use rustix::io::Errno;
use workspace_core::TreePath;
use workspace_native::beneath::{self, State};

use super::aside::{Aside, CHANGED, Stays, no_replace};
use super::look::{Found, is_unchanged, relative};
use super::plan::{Leaf, ancestors};
use super::pull::{Pull, Pulled, Staged};

/// Why a directory stays that is not empty.
const HOLDS: &str = "it holds what is not of the checkout";
/// Why something is not written below what stays.
const BELOW: &str = "something above it stays";

/// Puts things in their places.
pub(super) struct Placing<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) staging: OwnedFd,
    pub(super) found: &'a Found,
    pub(super) aside: Aside<'a>,
}

impl Placing<'_> {
    /// Does all of it that can be done.
    pub(super) fn place(&self, pull: &Pull, staged: &BTreeMap<TreePath, Staged>) -> Pulled {
        let mut pulled = Pulled::default();
        let mut touched: BTreeSet<TreePath> = BTreeSet::new();
        for path in &pull.removed {
            match self.remove(path) {
                Ok(Ok(())) => {
                    pulled.now.insert(path.clone(), None);
                    touched.insert(above(path));
                }
                Ok(Err(why)) => drop(pulled.kept.insert(path.clone(), why.into())),
                Err(error) => drop(pulled.kept.insert(path.clone(), error.to_string())),
            }
        }
        for (path, leaf) in &pull.written {
            if pulled.kept.contains_key(path) {
                continue;
            }
            let is_below = ancestors(path).any(|above| pulled.kept.contains_key(&above));
            let placed: io::Result<Result<Option<State>, Stays>> = match leaf {
                _ if is_below => Ok(Err(BELOW.into())),
                Leaf::Directory => self.make_directory(path).map(|made| match made {
                    true => Ok(None),
                    false => Err(CHANGED.into()),
                }),
                Leaf::File { .. } | Leaf::Symlink(_) | Leaf::Special => match staged.get(path) {
                    Some(staged) => self.put(path, staged).map(|put| put.map(Some)),
                    // It is gone from the tree, which does not change.
                    None => Ok(Err("it cannot be read".into())),
                },
            };
            match placed {
                Ok(Ok(state)) => {
                    if let (Some(state), Leaf::File { .. }) = (state, leaf) {
                        pulled.states.insert(path.clone(), state);
                    }
                    pulled.now.insert(path.clone(), Some(leaf.clone()));
                    touched.insert(above(path));
                }
                Ok(Err(why)) => drop(pulled.kept.insert(path.clone(), why.into())),
                Err(error) => drop(pulled.kept.insert(path.clone(), error.to_string())),
            }
        }
        for path in touched {
            if let Ok(directory) = beneath::open_path(self.directory, relative(&path)) {
                // Not every file system can.
                let _unflushed = fsync(directory);
            }
        }
        pulled
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

    /// Tells whether something is what was found at a path, where nobody has taken it aside.
    fn is_untouched(&self, path: &TreePath, state: &State) -> bool {
        let found = self.found.on_disk.get(path);
        // Not every change changes size and time.
        found.is_some_and(|found| is_unchanged(found, state) && found.changed == state.changed)
    }

    /// The same, where it has had another name meanwhile, which counts as a change.
    fn is_as_found(&self, path: &TreePath, state: &State) -> bool {
        let found = self.found.on_disk.get(path);
        found.is_some_and(|found| is_unchanged(found, state))
    }

    /// Removes what was found; says why where it stays.
    fn remove(&self, path: &TreePath) -> io::Result<Result<(), Stays>> {
        let Some(state) = State::at(self.directory, relative(path))? else {
            return Ok(Ok(()));
        };
        let above = beneath::open_path(self.directory, relative(&above(path)))?;
        if state.kind == FileType::Directory {
            if self.found.leaves.get(path) != Some(&Leaf::Directory) {
                return Ok(Err(CHANGED.into()));
            }
            return match unlinkat(&above, name(path), AtFlags::REMOVEDIR) {
                Ok(()) => Ok(Ok(())),
                // What is in it is nobody's but the person's who put it there.
                Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(Err(HOLDS.into())),
                Err(cause) => Err(cause.into()),
            };
        }
        if !self.is_untouched(path, &state) {
            return Ok(Err(CHANGED.into()));
        }
        let is_found = |taken: &State| self.is_as_found(path, taken);
        self.aside.remove(&above, name(path), is_found)
    }

    /// Puts what is staged at a path, where nothing is that was not found; returns its
    /// state there, or says why what is there stays.
    fn put(&self, path: &TreePath, staged: &Staged) -> io::Result<Result<State, Stays>> {
        let Some(above) = self.above(path)? else {
            return Ok(Err(CHANGED.into()));
        };
        let put = match State::at(self.directory, relative(path))? {
            None => match no_replace(&self.staging, &staged.name, &above, name(path))? {
                true => Ok(()),
                false => Err(CHANGED.into()),
            },
            Some(there) if !self.is_untouched(path, &there) => Err(CHANGED.into()),
            Some(there) => self.replace(&above, path, staged, &there)?,
        };
        if let Err(stays) = put {
            return Ok(Err(stays));
        }
        let state = State::at(self.directory, relative(path))?;
        let state = state.filter(|state| is_unchanged(state, &staged.state));
        Ok(state.ok_or_else(|| CHANGED.into()))
    }

    fn replace(
        &self,
        above: &OwnedFd,
        path: &TreePath,
        staged: &Staged,
        there: &State,
    ) -> io::Result<Result<(), Stays>> {
        let is_file = |state: &State| state.kind == FileType::RegularFile;
        if is_file(there) && is_file(&staged.state) {
            let mode = kept_mode(there.mode, staged.state.mode);
            chmodat(&self.staging, &staged.name, mode, AtFlags::empty())?;
        }
        let staged = (&self.staging, &*staged.name);
        let is_found = |taken: &State| self.is_as_found(path, taken);
        self.aside.replace(staged, above, name(path), is_found)
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
