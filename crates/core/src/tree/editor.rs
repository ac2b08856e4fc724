//! A batch of edits over a whole tree, flushed once.

use crate::entry::{Directory, Entry, EntryKind, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::reason::Sought;
use crate::tree::directory::edit;
use crate::tree::edits::Edits;
use crate::tree::{Nodes, directory_of, lookup};

/// How many directories a batch may open: those that its paths go through, each counted
/// once, and again where it is opened after it was written. Each takes some 100 bytes
/// until it is written, and a node to be hashed and stored then: a short path is through
/// many, so that this is what bounds the work for a small batch.
pub(crate) const MAX_OPENED: usize = 1 << 16;

/// Edits a tree in memory. Directories that an edit goes through are opened
/// and written back by [`finish`](Self::finish), deepest first, each once.
///
/// Takes memory in proportion to the names in the paths of the edits.
pub(crate) struct Editor<'a> {
    nodes: &'a dyn Nodes,
    /// The open directories, the root first; each is found through the slots of
    /// the one that it is in. Flat, since a path may be two thousand directories
    /// deep.
    open: Vec<Open>,
    /// Places in `open` that are free again.
    free: Vec<Index>,
    /// How many directories were opened since all were written, the root included.
    opened: usize,
    limit: usize,
    /// How many more may be: those above all paths.
    above: usize,
    /// How many edits were made since all were written.
    edits: usize,
    /// What entries that were put say beside their contents, in bytes.
    texts: u64,
}

/// A place among the open directories.
type Index = u32;

const ROOT: Index = 0;

/// A directory with edits that are not written yet.
#[derive(Default)]
struct Open {
    /// What it was; `None` where it is new. Boxed, as that is most of its size.
    old: Option<Box<Directory>>,
    edits: Edits<Slot>,
}

/// What a name in an open directory stands for now.
#[derive(Debug)]
enum Slot {
    Entry(Box<Entry>),
    /// A directory that is open itself.
    Open(Index),
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

/// What a step from an open directory to a name in it leads to.
enum Step {
    Open(Index),
    Entry(Entry),
    Nothing,
}

impl<'a> Editor<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, root: &TreeId) -> Result<Self> {
        Ok(Self {
            nodes,
            open: vec![Open::over(directory_of(nodes, root)?)],
            free: Vec::new(),
            opened: 1,
            limit: MAX_OPENED,
            above: 0,
            edits: 0,
            texts: 0,
        })
    }

    /// Lets as many more directories be opened as are above `root`, and that itself: where
    /// all paths are below it, the limit tells nothing about where it is.
    pub(crate) fn below(mut self, root: &TreePath) -> Self {
        self.above = root.segments().count();
        self
    }

    /// Lets fewer directories be opened.
    #[cfg(test)]
    pub(crate) fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Returns how many edits of the root are not written yet.
    #[cfg(test)]
    pub(crate) fn unwritten(&self) -> usize {
        self.at(ROOT).edits.iter().count()
    }

    /// Returns what is at `path` now; `None` also where an ancestor is not a
    /// directory.
    pub(crate) fn find(&self, path: &TreePath) -> Result<Option<Found>> {
        let mut at = ROOT;
        let mut names = path.segments();
        while let Some(name) = names.next() {
            match self.step(at, name)? {
                Step::Open(below) => at = below,
                Step::Entry(entry) => return find_below(self.nodes, entry, names),
                Step::Nothing => return Ok(None),
            }
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
        let parent = self.open_parent(path, create_parents)?;
        self.texts += name.as_str().len() as u64 + entry.texts();
        self.set(parent, name, Slot::Entry(Box::new(entry)));
        Ok(())
    }

    /// Makes an empty directory at `path`, whatever was there.
    pub(crate) fn put_directory(&mut self, path: &TreePath, create_parents: bool) -> Result<()> {
        let Some(name) = path.name() else {
            self.replace_root(Open::default());
            return Ok(());
        };
        let parent = self.open_parent(path, create_parents)?;
        self.set(parent, name.clone(), Slot::Removed);
        let made = self.make_room(Open::default(), path)?;
        self.texts += name.as_str().len() as u64;
        self.set(parent, name, Slot::Open(made));
        Ok(())
    }

    /// Removes what is at `path`, with everything below. The root is emptied.
    pub(crate) fn remove(&mut self, path: &TreePath) -> Result<()> {
        let Some(name) = path.name() else {
            self.replace_root(Open::default());
            return Ok(());
        };
        let parent = self.open_parent(path, false)?;
        self.set(parent, name, Slot::Removed);
        Ok(())
    }

    /// Returns the entry at `path`, writing the edits below it first, so that
    /// it can be put elsewhere.
    pub(crate) fn take_entry(&mut self, path: &TreePath) -> Result<Option<Entry>> {
        let mut above = None;
        let mut at = ROOT;
        for name in path.segments() {
            match self.step(at, name)? {
                Step::Open(below) => above = Some(std::mem::replace(&mut at, below)),
                _ => {
                    return Ok(match self.find(path)? {
                        Some(Found::Entry(entry)) => Some(entry),
                        _ => None,
                    });
                }
            }
        }
        let written = self.write_below(at)?;
        match (above, path.name()) {
            (Some(parent), Some(name)) => {
                let slot = Slot::Entry(Box::new(Entry::Directory(written)));
                self.set(parent, name, slot);
            }
            _ => *self.at_mut(ROOT) = Open::over(written),
        }
        Ok(Some(Entry::Directory(written)))
    }

    /// Writes what is open if that is much, and goes on over what was written.
    /// For who makes more edits than a batch may.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.opened.max(self.edits) > self.limit / 2 {
            let root = self.write_below(ROOT)?;
            *self.at_mut(ROOT) = Open::over(root);
            (self.opened, self.edits) = (1, 0);
        }
        Ok(())
    }

    /// Returns what the entries that were put say beside their contents, in bytes: names,
    /// those of directories that were made on the way included, targets, media types and
    /// provenance. What was put over, or removed again, counts.
    pub(crate) fn texts(&self) -> u64 {
        self.texts
    }

    /// Returns how many entries the tree has with all edits. Writes nothing: looks up what
    /// each edit takes the place of.
    pub(crate) fn entries(&self) -> Result<u64> {
        let was = |at: Index| (self.at(at).old.as_ref()).map_or(0, |old| old.summary.entries());
        let of = |entry: &Entry| Summary::of("", entry).entries();
        let (mut more, mut less) = (was(ROOT), 0_u64);
        let mut left = vec![ROOT];
        while let Some(at) = left.pop() {
            let open = self.at(at);
            for (name, slot) in open.edits.iter() {
                more = more.saturating_add(match slot {
                    Slot::Entry(entry) => of(entry),
                    Slot::Open(below) => {
                        left.push(*below);
                        was(*below).saturating_add(1)
                    }
                    Slot::Removed => 0,
                });
                let old = match &open.old {
                    Some(old) => lookup(self.nodes, &old.tree, name.as_str())?,
                    None => None,
                };
                less = less.saturating_add(old.as_ref().map_or(0, of));
            }
        }
        Ok(more.saturating_sub(less))
    }

    /// Returns what is at `path`, or at the first above it that is no directory, with how
    /// many names lead there; `None` where there is neither. One step for each name.
    pub(crate) fn way(&self, path: &TreePath) -> Result<Option<(usize, EntryKind)>> {
        let mut at = Found::Edited;
        let mut open = Some(ROOT);
        for (depth, name) in path.segments().enumerate() {
            let step = match (open, at) {
                (Some(open), _) => self.step(open, name)?,
                (None, Found::Entry(Entry::Directory(directory))) => {
                    lookup(self.nodes, &directory.tree, name)?.map_or(Step::Nothing, Step::Entry)
                }
                (None, found) => return Ok(Some((depth, found.kind()))),
            };
            (open, at) = match step {
                Step::Open(below) => (Some(below), Found::Edited),
                Step::Entry(entry) => (None, Found::Entry(entry)),
                Step::Nothing => return Ok(None),
            };
        }
        Ok(Some((path.segments().count(), at.kind())))
    }

    /// Writes all edits; returns the new root.
    pub(crate) fn finish(mut self) -> Result<Directory> {
        self.write_below(ROOT)
    }

    /// Writes the open directory `top` with all that are open below it, each
    /// after those in it, and closes those below.
    fn write_below(&mut self, top: Index) -> Result<Directory> {
        let mut way = vec![Writing::over(top, None, self.open_in(top))];
        loop {
            let Some(last) = way.last_mut() else {
                return Ok(Directory::empty());
            };
            if let Some((name, below)) = last.below.pop() {
                let next = Writing::over(below, Some(name), self.open_in(below));
                way.push(next);
                continue;
            }
            let (at, name) = (last.at, last.name.take());
            way.pop();
            let written = std::mem::take(self.at_mut(at)).write(self.nodes)?;
            let (Some(above), Some(name)) = (way.last(), name) else {
                return Ok(written);
            };
            self.free.push(at);
            let slot = Slot::Entry(Box::new(Entry::Directory(written)));
            self.at_mut(above.at).edits.insert(name, slot);
        }
    }

    /// Returns the directories that are open in `at`.
    fn open_in(&self, at: Index) -> Vec<(Name, Index)> {
        let slots = self.at(at).edits.iter();
        let open = slots.filter_map(|(name, slot)| match slot {
            Slot::Open(below) => Some((name.clone(), *below)),
            _ => None,
        });
        open.collect()
    }

    /// Goes from the open directory `at` to `name` in it.
    fn step(&self, at: Index, name: &str) -> Result<Step> {
        let open = self.at(at);
        Ok(match open.edits.get(name) {
            Some(Slot::Entry(entry)) => Step::Entry(Entry::clone(entry)),
            Some(Slot::Open(below)) => Step::Open(*below),
            Some(Slot::Removed) => Step::Nothing,
            None => match &open.old {
                None => Step::Nothing,
                Some(old) => {
                    lookup(self.nodes, &old.tree, name)?.map_or(Step::Nothing, Step::Entry)
                }
            },
        })
    }

    /// Sets what is under `name`, and closes what was open there.
    fn set(&mut self, at: Index, name: Name, slot: Slot) {
        self.edits += 1;
        if let Some(Slot::Open(gone)) = self.at_mut(at).edits.insert(name, slot) {
            self.close(gone);
        }
    }

    fn replace_root(&mut self, root: Open) {
        self.open = vec![root];
        self.free = Vec::new();
    }

    /// Forgets an open directory and all below it.
    fn close(&mut self, top: Index) {
        let mut gone = vec![top];
        while let Some(at) = gone.pop() {
            let open = std::mem::take(self.at_mut(at));
            gone.extend(open.edits.iter().filter_map(|(_, slot)| match slot {
                Slot::Open(below) => Some(*below),
                _ => None,
            }));
            self.free.push(at);
        }
    }

    /// Opens the directory that `path` is in, and all above it.
    fn open_parent(&mut self, path: &TreePath, create: bool) -> Result<Index> {
        let mut at = ROOT;
        let mut names = path.segments().enumerate().peekable();
        while let Some((depth, name)) = names.next() {
            if names.peek().is_none() {
                break;
            }
            let mut made = 0;
            let below = match self.step(at, name)? {
                Step::Open(below) => {
                    at = below;
                    continue;
                }
                Step::Entry(Entry::Directory(directory)) => Open::over(directory),
                Step::Nothing if create => {
                    made = name.len() as u64;
                    Open::default()
                }
                Step::Nothing => return Err(not_a_parent(path, depth, None)),
                Step::Entry(entry) => return Err(not_a_parent(path, depth, Some(&entry))),
            };
            let below = self.make_room(below, path)?;
            let name = Name::new(name)?;
            self.texts += made;
            self.at_mut(at).edits.insert(name, Slot::Open(below));
            at = below;
        }
        Ok(at)
    }

    /// Finds a place for one more open directory, on the way to `path`.
    fn make_room(&mut self, open: Open, path: &TreePath) -> Result<Index> {
        if self.opened >= self.limit + self.above {
            return Err(Error::new(ErrorKind::LimitExceeded, "open directory")
                .at(path)
                .because(format!(
                    "the paths of one batch go through more than {} directories",
                    self.limit
                )));
        }
        self.opened += 1;
        if let Some(at) = self.free.pop() {
            *self.at_mut(at) = open;
            return Ok(at);
        }
        self.open.push(open);
        Ok((self.open.len() - 1) as Index)
    }

    /// Returns an open directory. Indices are those of `open`, which never
    /// shrinks but with the root, when no index is kept.
    fn at(&self, at: Index) -> &Open {
        &self.open[at as usize]
    }

    fn at_mut(&mut self, at: Index) -> &mut Open {
        &mut self.open[at as usize]
    }
}

/// A directory that is being written, after those in it.
struct Writing {
    at: Index,
    /// Its name in the one above it, if that is written too.
    name: Option<Name>,
    below: Vec<(Name, Index)>,
}

impl Writing {
    fn over(at: Index, name: Option<Name>, below: Vec<(Name, Index)>) -> Self {
        Self { at, name, below }
    }
}

/// Says why the directory `depth` names below the root cannot hold `path`.
fn not_a_parent(path: &TreePath, depth: usize, found: Option<&Entry>) -> Error {
    let at: String = path
        .segments()
        .take(depth + 1)
        .flat_map(|name| ["/", name])
        .collect();
    match found {
        None => Error::not_found(Sought::Path, "open directory")
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
            old: (old.tree != TreeId::empty()).then(|| Box::new(old)),
            edits: Edits::default(),
        }
    }

    /// Writes it. What was open in it must be written already.
    fn write(self, nodes: &dyn Nodes) -> Result<Directory> {
        let edits = self
            .edits
            .into_sorted()
            .filter_map(|(name, slot)| match slot {
                Slot::Entry(entry) => Some((name, Some(*entry))),
                Slot::Removed => Some((name, None)),
                Slot::Open(_) => None,
            });
        let old = self.old.map_or_else(Directory::empty, |old| *old);
        edit(nodes, &old, edits.collect())
    }
}
