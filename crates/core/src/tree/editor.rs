//! A batch of edits over a whole tree, flushed once.

use std::collections::BTreeMap;

use crate::entry::{Directory, Entry, EntryKind, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::tree::directory::edit;
use crate::tree::{Nodes, directory_of, empty_tree, lookup};

/// Edits a tree in memory. Directories that an edit goes through are opened
/// and written back by [`finish`](Self::finish), deepest first, each once.
pub(crate) struct Editor<'a> {
    nodes: &'a dyn Nodes,
    root: Open,
}

/// A directory with edits that are not written yet.
struct Open {
    old: Directory,
    edits: BTreeMap<Name, Slot>,
}

enum Slot {
    Entry(Entry),
    Open(Open),
    Removed,
}

/// What an editor finds at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file, a symlink, or a directory without edits.
    Entry(Entry),
    /// A directory that is being edited, whose identity is not known yet.
    Edited,
}

impl Found {
    pub(crate) fn kind(&self) -> EntryKind {
        match self {
            Self::Entry(entry) => entry.kind(),
            Self::Edited => EntryKind::Directory,
        }
    }
}

impl<'a> Editor<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, root: &TreeId) -> Result<Self> {
        Ok(Self {
            nodes,
            root: Open::over(directory_of(nodes, root)?),
        })
    }

    /// Returns what is at `path` now; `None` also where an ancestor is not a
    /// directory.
    pub(crate) fn find(&self, path: &TreePath) -> Result<Option<Found>> {
        let mut open = &self.root;
        let mut names = path.segments();
        while let Some(name) = names.next() {
            let entry = match open.edits.get(name) {
                Some(Slot::Open(below)) => {
                    open = below;
                    continue;
                }
                Some(Slot::Removed) => return Ok(None),
                Some(Slot::Entry(entry)) => Some(entry.clone()),
                None => lookup(self.nodes, &open.old.tree, name)?,
            };
            return find_below(self.nodes, entry, names);
        }
        Ok(Some(Found::Edited))
    }

    /// Puts `entry` at `path`, whatever was there. The parent must be a
    /// directory; with `create_parents` what is missing of it is made.
    pub(crate) fn put(
        &mut self,
        path: &TreePath,
        entry: Entry,
        create_parents: bool,
    ) -> Result<()> {
        let Some(name) = path.name() else {
            return Err(Error::new(ErrorKind::IsADirectory, "write").at(path));
        };
        self.parent(path, create_parents)?
            .edits
            .insert(name, Slot::Entry(entry));
        Ok(())
    }

    /// Makes an empty directory at `path`, whatever was there.
    pub(crate) fn put_directory(&mut self, path: &TreePath, create_parents: bool) -> Result<()> {
        let Some(name) = path.name() else {
            return Ok(());
        };
        self.parent(path, create_parents)?
            .edits
            .insert(name, Slot::Open(Open::empty()));
        Ok(())
    }

    /// Removes what is at `path`, with everything below.
    pub(crate) fn remove(&mut self, path: &TreePath) -> Result<()> {
        match path.name() {
            Some(name) => {
                self.parent(path, false)?.edits.insert(name, Slot::Removed);
            }
            None => self.root = Open::empty(),
        }
        Ok(())
    }

    /// Returns the entry at `path`, writing the edits below it first, so that
    /// it can be put elsewhere.
    pub(crate) fn take_entry(&mut self, path: &TreePath) -> Result<Option<Entry>> {
        match self.find(path)? {
            Some(Found::Edited) => {}
            Some(Found::Entry(entry)) => return Ok(Some(entry)),
            None => return Ok(None),
        }
        let nodes = self.nodes;
        let open = self.open(path, false)?;
        let written = std::mem::replace(open, Open::empty()).write(nodes)?;
        *open = Open::over(written);
        Ok(Some(Entry::Directory(written)))
    }

    /// Writes all edits; returns the new root.
    pub(crate) fn finish(self) -> Result<Directory> {
        self.root.write(self.nodes)
    }

    fn parent(&mut self, path: &TreePath, create: bool) -> Result<&mut Open> {
        self.open(&path.parent().unwrap_or_else(TreePath::root), create)
    }

    fn open(&mut self, path: &TreePath, create: bool) -> Result<&mut Open> {
        let mut open = &mut self.root;
        for (depth, name) in path.segments().enumerate() {
            if !matches!(open.edits.get(name), Some(Slot::Open(_))) {
                let found = match open.edits.get(name) {
                    Some(Slot::Entry(entry)) => Some(entry.clone()),
                    Some(_) => None,
                    None => lookup(self.nodes, &open.old.tree, name)?,
                };
                let below = match found {
                    Some(Entry::Directory(directory)) => Open::over(directory),
                    None if create => Open::empty(),
                    other => return Err(not_a_parent(path, depth, other.as_ref())),
                };
                open.edits.insert(Name::new(name)?, Slot::Open(below));
            }
            match open.edits.get_mut(name) {
                Some(Slot::Open(below)) => open = below,
                _ => return Err(not_a_parent(path, depth, None)),
            }
        }
        Ok(open)
    }
}

fn not_a_parent(path: &TreePath, depth: usize, found: Option<&Entry>) -> Error {
    let upto: Vec<&str> = path.segments().take(depth + 1).collect();
    let at = format!("/{}", upto.join("/"));
    match found {
        None => Error::new(ErrorKind::NotFound, "open directory")
            .at(at)
            .because("no such directory"),
        Some(entry) => Error::new(ErrorKind::NotADirectory, "open directory")
            .at(at)
            .because(format!("it is a {}", entry.kind())),
    }
}

fn find_below<'n>(
    nodes: &dyn Nodes,
    mut entry: Option<Entry>,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<Found>> {
    for name in names {
        entry = match entry {
            Some(Entry::Directory(directory)) => lookup(nodes, &directory.tree, name)?,
            _ => return Ok(None),
        };
    }
    Ok(entry.map(Found::Entry))
}

impl Open {
    fn over(old: Directory) -> Self {
        Self {
            old,
            edits: BTreeMap::new(),
        }
    }

    fn empty() -> Self {
        Self::over(Directory {
            tree: empty_tree(),
            summary: Summary::default(),
        })
    }

    fn write(self, nodes: &dyn Nodes) -> Result<Directory> {
        let mut edits = BTreeMap::new();
        for (name, slot) in self.edits {
            let entry = match slot {
                Slot::Entry(entry) => Some(entry),
                Slot::Open(open) => Some(Entry::Directory(open.write(nodes)?)),
                Slot::Removed => None,
            };
            edits.insert(name, entry);
        }
        edit(nodes, &self.old, edits)
    }
}
