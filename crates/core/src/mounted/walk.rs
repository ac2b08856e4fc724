//! Walks through a mounted view.

use std::collections::VecDeque;

use crate::error::Result;
use crate::mounted::{Found, Mounted, Shown};
use crate::path::{Name, TreePath};

/// How many entries of a directory are read at once.
const AHEAD: usize = 256;

/// A walk through a mounted view. See [`Mounted::walk`].
#[derive(Debug)]
pub struct MountedWalk {
    state: Mounted,
    open: Vec<Open>,
    /// The directory that was returned last, which is entered next.
    entering: Option<TreePath>,
}

/// A directory that the walk is in.
#[derive(Debug)]
struct Open {
    path: TreePath,
    ahead: VecDeque<(Name, Found)>,
    after: Option<Name>,
    ended: bool,
}

impl Open {
    fn new(state: &Mounted, path: TreePath) -> Result<Self> {
        let mut open = Self {
            path,
            ahead: VecDeque::new(),
            after: None,
            ended: false,
        };
        open.fill(state)?;
        Ok(open)
    }

    fn fill(&mut self, state: &Mounted) -> Result<()> {
        let page = state.workspace.read("walk", |tx| {
            state.list_in(tx, "walk", &self.path, self.after.as_ref(), AHEAD)
        })?;
        self.ended = page.len() < AHEAD;
        self.after = page.last().map(|(name, _)| name.clone());
        self.ahead = page.into();
        Ok(())
    }
}

impl MountedWalk {
    pub(super) fn new(state: Mounted, path: &TreePath) -> Result<Self> {
        Ok(Self {
            open: vec![Open::new(&state, path.clone())?],
            state,
            entering: None,
        })
    }

    /// Leaves out what is below the directory that was returned last.
    pub fn skip_directory(&mut self) {
        self.entering = None;
    }

    fn step(&mut self) -> Result<Option<(TreePath, Found)>> {
        if let Some(path) = self.entering.take() {
            self.open.push(Open::new(&self.state, path)?);
        }
        while let Some(open) = self.open.last_mut() {
            if open.ahead.is_empty() && !open.ended {
                open.fill(&self.state)?;
            }
            let Some((name, found)) = open.ahead.pop_front() else {
                self.open.pop();
                continue;
            };
            let path = open.path.join(&name)?;
            if matches!(found.shown, Shown::Directory(_)) {
                self.entering = Some(path.clone());
            }
            return Ok(Some((path, found)));
        }
        Ok(None)
    }
}

impl Iterator for MountedWalk {
    type Item = Result<(TreePath, Found)>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.open.clear();
        }
        step.transpose()
    }
}
