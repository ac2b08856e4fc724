//! From the copy to the directory: nothing is written over what is not as it was seen.
//!
//! Everything is written beside what is there, flushed, and put in its place one by one.
//! What has to give way changes places with what takes its place, and is looked at then:
//! where it is not what was seen before, both go back.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use futures::TryStreamExt as _;
use tokio::task::yield_now;
use workspace_core::{Entry, File, Symlink, TreePath};
use workspace_native::beneath::State;

use super::aside::Aside;
use super::look::{Found, relative};
use super::placing::Placing;
use super::plan::{Leaf, Side, Step, Steps};
use crate::commands::export::{Staging, set_modified};
use crate::exit::{Failure, Result, io_error};
use crate::session::Files;

/// What the directory gets.
#[derive(Debug, Default)]
pub(super) struct Pull {
    /// What is removed, what is in a directory before it.
    pub(super) removed: Vec<TreePath>,
    /// What is written, parents first.
    pub(super) written: Vec<(TreePath, Leaf)>,
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
    /// What is at each path that was written or removed.
    pub(super) now: BTreeMap<TreePath, Option<Leaf>>,
    /// What the system says of each file that was written.
    pub(super) states: BTreeMap<TreePath, State>,
    /// What stayed, and why.
    pub(super) kept: BTreeMap<TreePath, String>,
}

/// What waits to be put in its place.
pub(super) struct Staged {
    pub(super) name: OsString,
    pub(super) state: State,
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
        let mut written = staging
            .create_exactly(&at, file.executable)
            .map_err(failed)?;
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
        aside: Aside::new(directory),
    };
    Ok(placing.place(pull, &staged))
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
