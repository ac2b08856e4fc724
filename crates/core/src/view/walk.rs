//! Walks through a view.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::entry::{Entry, File};
use crate::error::Result;
use crate::path::TreePath;
use crate::tree::Walker;
use crate::view::sight::Sight;
use crate::view::{Opened, View};
use crate::workspace::Pin;

/// How many entries a walk reads at once.
const AHEAD: usize = 256;

/// A walk through a view. See [`View::walk`].
pub struct Walk {
    walker: Walker,
    view: View,
    /// What shows of each directory that the walk is in.
    sights: Vec<(TreePath, Sight)>,
    last: Option<TreePath>,
    ahead: VecDeque<(TreePath, Entry)>,
    ended: bool,
    _pin: Rc<Pin>,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl Walk {
    pub(super) fn new(view: &View, path: &TreePath) -> Result<Self> {
        view.within("walk", |tx| {
            let (tree, sight) = view.directory(tx, "walk", path)?;
            Ok(Self {
                walker: Walker::new(tx, path.clone(), &tree)?,
                _pin: view.workspace.pin(tree),
                view: view.clone(),
                sights: vec![(path.clone(), sight)],
                last: None,
                ahead: VecDeque::new(),
                ended: false,
            })
        })
    }

    /// Opens a file that the walk returned.
    pub(super) async fn open(&self, file: &File) -> Result<Opened> {
        self.view.opened(file.clone(), 0..file.size).await
    }

    /// Leaves out what is below the directory that was returned last.
    pub fn skip_directory(&mut self) {
        if let Some(directory) = self.last.take() {
            self.ahead.retain(|(path, _)| !path.starts_with(&directory));
            self.walker.leave(&directory);
        }
    }

    /// Reads some entries ahead, in one state of the store.
    fn fill(&mut self) -> Result<()> {
        let (view, walker, ahead) = (&self.view, &mut self.walker, &mut self.ahead);
        let sights = &mut self.sights;
        self.ended = view.within("walk", |tx| {
            while ahead.len() < AHEAD {
                let Some((path, entry)) = walker.next(tx)? else {
                    return Ok(true);
                };
                sights.truncate(depth(sights, &path));
                let Some((name, (_, sight))) = path.name().zip(sights.last_mut()) else {
                    continue;
                };
                let tree = entry.as_directory().map(|directory| directory.tree);
                if let Some(entry) = sight.of(&view.grant, &name, entry) {
                    if let Some(tree) = tree
                        && let Some(entered) = sight.entered()
                    {
                        sights.push((path.clone(), entered));
                        walker.enter(tx, path.clone(), &tree)?;
                    }
                    ahead.push_back((path, entry));
                }
            }
            Ok(false)
        })?;
        Ok(())
    }
}

/// Returns how many of the directories that the walk was in it still is in.
fn depth(sights: &[(TreePath, Sight)], path: &TreePath) -> usize {
    let parent = path
        .as_str()
        .rsplit_once('/')
        .map_or("", |(parent, _)| parent);
    let parent = if parent.is_empty() { "/" } else { parent };
    let found = sights.iter().rposition(|(open, _)| open.as_str() == parent);
    found.map_or(0, |at| at + 1)
}

impl Iterator for Walk {
    type Item = Result<(TreePath, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.is_empty()
            && !self.ended
            && let Err(error) = self.fill()
        {
            self.ended = true;
            self.ahead.clear();
            return Some(Err(error));
        }
        let found = self.ahead.pop_front()?;
        self.last = Some(found.0.clone());
        Some(Ok(found))
    }
}
