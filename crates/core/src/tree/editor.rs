//! A batch of edits over a whole tree, flushed once.

use std::collections::BTreeMap;

use crate::entry::{Directory, Entry, EntryKind, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::tree::directory::edit;
use crate::tree::{Nodes, directory_of, lookup};

/// Edits a tree in memory. Directories that an edit goes through are opened
/// and written back by [`finish`](Self::finish), deepest first, each once.
pub(crate) struct Editor<'a> {
    nodes: &'a dyn Nodes,
    /// By path, the root as the empty text, so that everything below a directory
    /// is one range. Each one's parent is open too. Flat, since a path may be
    /// two thousand directories deep.
    open: BTreeMap<String, Open>,
}

/// A directory with edits that are not written yet.
struct Open {
    old: Directory,
    edits: BTreeMap<Name, Slot>,
}

enum Slot {
    Entry(Entry),
    /// A directory that is open itself.
    Open,
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
        let root = Open::over(directory_of(nodes, root)?);
        Ok(Self {
            nodes,
            open: BTreeMap::from([(String::new(), root)]),
        })
    }

    /// Returns what is at `path` now; `None` also where an ancestor is not a
    /// directory.
    pub(crate) fn find(&self, path: &TreePath) -> Result<Option<Found>> {
        let mut at = String::new();
        let mut names = path.segments();
        while let Some(name) = names.next() {
            let entry = match self.slot(&at, name)? {
                Slot::Open => {
                    at.push('/');
                    at.push_str(name);
                    continue;
                }
                Slot::Removed => return Ok(None),
                Slot::Entry(entry) => entry,
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
        if path.is_root() {
            return Err(Error::new(ErrorKind::IsADirectory, "write").at(path));
        }
        self.set(path, Slot::Entry(entry), create_parents)
    }

    /// Makes an empty directory at `path`, whatever was there.
    pub(crate) fn put_directory(&mut self, path: &TreePath, create_parents: bool) -> Result<()> {
        self.set(path, Slot::Open, create_parents)?;
        self.open.insert(key(path).into(), Open::empty());
        Ok(())
    }

    /// Removes what is at `path`, with everything below. The root is emptied.
    pub(crate) fn remove(&mut self, path: &TreePath) -> Result<()> {
        self.set(path, Slot::Removed, false)?;
        if path.is_root() {
            self.open.insert(String::new(), Open::empty());
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
        let written = Entry::Directory(self.write_below(key(path))?);
        if let Entry::Directory(root) = &written
            && path.is_root()
        {
            self.open.insert(String::new(), Open::over(*root));
        } else {
            self.set(path, Slot::Entry(written.clone()), false)?;
        }
        Ok(Some(written))
    }

    /// Writes all edits; returns the new root.
    pub(crate) fn finish(mut self) -> Result<Directory> {
        self.write_below("")
    }

    /// Writes the open directory `at` with all that are open below it, and
    /// closes them.
    fn write_below(&mut self, at: &str) -> Result<Directory> {
        let mut written = None;
        for path in self.open_below(at).into_iter().rev() {
            let Some(open) = self.open.remove(&path) else {
                continue;
            };
            let directory = open.write(self.nodes)?;
            let (parent, name) = path.rsplit_once('/').unwrap_or_default();
            match self.open.get_mut(parent).filter(|_| path != at) {
                Some(parent) => {
                    let slot = Slot::Entry(Entry::Directory(directory));
                    parent.edits.insert(Name::new(name)?, slot);
                }
                None => written = Some(directory),
            }
        }
        written.ok_or_else(|| not_a_parent(at, None))
    }

    /// Returns the paths of open directories from `at` down, each after the one
    /// that it is in.
    fn open_below(&self, at: &str) -> Vec<String> {
        let below = format!("{at}/");
        let start = self.open.contains_key(at).then(|| at.to_string());
        let rest = self.open.range(below.clone()..).map(|(path, _)| path);
        start
            .into_iter()
            .chain(rest.take_while(|path| path.starts_with(&below)).cloned())
            .collect()
    }

    /// Returns what the open directory `at` has under `name`.
    fn slot(&self, at: &str, name: &str) -> Result<Slot> {
        let Some(open) = self.open.get(at) else {
            return Ok(Slot::Removed);
        };
        Ok(match open.edits.get(name) {
            Some(Slot::Entry(entry)) => Slot::Entry(entry.clone()),
            Some(Slot::Open) => Slot::Open,
            Some(Slot::Removed) => Slot::Removed,
            None => lookup(self.nodes, &open.old.tree, name)?.map_or(Slot::Removed, Slot::Entry),
        })
    }

    /// Sets what is at `path` and forgets what was open there.
    fn set(&mut self, path: &TreePath, slot: Slot, create_parents: bool) -> Result<()> {
        let Some(name) = path.name() else {
            self.open.retain(|path, _| path.is_empty());
            return Ok(());
        };
        let parent = path.parent().unwrap_or_else(TreePath::root);
        self.open(&parent, create_parents)?;
        for path in self.open_below(key(path)) {
            self.open.remove(&path);
        }
        if let Some(open) = self.open.get_mut(key(&parent)) {
            open.edits.insert(name, slot);
        }
        Ok(())
    }

    /// Opens the directory `path` and all above it.
    fn open(&mut self, path: &TreePath, create: bool) -> Result<()> {
        if self.open.contains_key(key(path)) {
            return Ok(());
        }
        let mut at = String::new();
        for name in path.segments() {
            let below = format!("{at}/{name}");
            let open = match self.slot(&at, name)? {
                Slot::Open => {
                    at = below;
                    continue;
                }
                Slot::Entry(Entry::Directory(directory)) => Open::over(directory),
                Slot::Removed if create => Open::empty(),
                Slot::Removed => return Err(not_a_parent(&below, None)),
                Slot::Entry(entry) => return Err(not_a_parent(&below, Some(&entry))),
            };
            if let Some(parent) = self.open.get_mut(&at) {
                parent.edits.insert(Name::new(name)?, Slot::Open);
            }
            self.open.insert(below.clone(), open);
            at = below;
        }
        Ok(())
    }
}

/// Returns a path as the key of an open directory.
fn key(path: &TreePath) -> &str {
    if path.is_root() { "" } else { path.as_str() }
}

fn not_a_parent(at: &str, found: Option<&Entry>) -> Error {
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
    mut entry: Entry,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<Found>> {
    for name in names {
        let Entry::Directory(directory) = entry else {
            return Ok(None);
        };
        match lookup(nodes, &directory.tree, name)? {
            Some(below) => entry = below,
            None => return Ok(None),
        }
    }
    Ok(Some(Found::Entry(entry)))
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
            tree: TreeId::empty(),
            summary: Summary::default(),
        })
    }

    /// Writes it. What was open in it must be written already.
    fn write(self, nodes: &dyn Nodes) -> Result<Directory> {
        let edits = self
            .edits
            .into_iter()
            .filter_map(|(name, slot)| match slot {
                Slot::Entry(entry) => Some((name, Some(entry))),
                Slot::Removed => Some((name, None)),
                Slot::Open => None,
            });
        edit(nodes, &self.old, edits.collect())
    }
}
