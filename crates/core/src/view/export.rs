//! Exports of a view.

use crate::entry::Entry;
use crate::error::Result;
use crate::path::TreePath;
use crate::view::{Opened, View, Walk};

/// An export under way. See [`View::export`].
#[derive(Debug)]
pub struct Export {
    walk: Walk,
    root: TreePath,
}

/// An entry of an export.
#[derive(Debug)]
pub struct Exported {
    /// Where it is, below the directory that is exported.
    pub path: TreePath,
    /// What it is.
    pub entry: Entry,
    /// The bytes of a file.
    pub body: Option<Opened>,
}

impl Export {
    pub(super) fn new(view: &View, path: &TreePath) -> Result<Self> {
        Ok(Self {
            walk: view.walk(path)?,
            root: path.clone(),
        })
    }

    /// Returns the next entry, a directory before what is in it; `None` at the
    /// end.
    ///
    /// # Errors
    /// `Corrupt` where a content is missing; each body checks itself.
    pub async fn next(&mut self) -> Result<Option<Exported>> {
        let Some((path, entry)) = self.walk.next().transpose()? else {
            return Ok(None);
        };
        let body = match &entry {
            Entry::File(file) => Some(self.walk.open(file).await?),
            _ => None,
        };
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        Ok(Some(Exported { path, entry, body }))
    }
}
