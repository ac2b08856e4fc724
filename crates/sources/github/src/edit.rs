//! Changes to the tree of a commit: only the directories that they go through are written.

use std::collections::BTreeMap;

use bytes::Bytes;
use workspace_archive::Owner;

use crate::error::{Error, Kind, Result};
use crate::git::{
    EntryKind, Mode, ObjectId, ObjectKind, PackWriter, TreeEntries, TreeEntry, object_id,
    tree_order, write_entry,
};
use crate::trees::{EMPTY, Trees};

/// GitHub takes no larger file.
const MAX_FILE: usize = 100 << 20;
/// The most changes of one push.
const MAX_CHANGES: usize = 1_000_000;
/// The longest path, in bytes.
const MAX_PATH: usize = 4096;

/// What an entry becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symlink; its bytes are where it points.
    Symlink,
}

/// A change of one entry, by its path in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There is this file, whatever was there; a directory must be emptied by other changes.
    Put {
        /// Its path, without a slash before it.
        path: Vec<u8>,
        /// What it is.
        mode: FileMode,
        /// Its bytes.
        bytes: Bytes,
    },
    /// There is a file or symlink whose bytes the repository has already, as after a rename.
    PutId {
        /// Its path.
        path: Vec<u8>,
        /// What it is.
        mode: FileMode,
        /// The id of its bytes.
        id: ObjectId,
    },
    /// There is no file or symlink any more. Directories that have no entries then are gone
    /// as well.
    Delete {
        /// Its path.
        path: Vec<u8>,
    },
}

impl Change {
    fn path(&self) -> &[u8] {
        match self {
            Self::Put { path, .. } | Self::PutId { path, .. } | Self::Delete { path } => path,
        }
    }
}

/// What changes have made.
#[derive(Debug)]
pub(crate) struct Edited {
    pub(crate) tree: ObjectId,
}

/// A directory that changes are made in.
struct Open {
    name: Vec<u8>,
    entries: BTreeMap<Vec<u8>, (Mode, ObjectId)>,
    /// What it was; `None` where it is new.
    was: Option<ObjectId>,
    /// What is put there, once all that is below it is done.
    puts: Vec<(Vec<u8>, FileMode, ObjectId)>,
}

/// Makes changes to a tree; what is new goes into `pack`.
pub(crate) fn edit(
    trees: &Trees,
    root: Option<ObjectId>,
    changes: &[Change],
    pack: &mut PackWriter,
) -> Result<Edited> {
    if changes.len() > MAX_CHANGES {
        return Err(Error::limit(
            "push",
            format!("more than {MAX_CHANGES} changes"),
        ));
    }
    // What is below a directory comes together, in the order of bytes.
    let mut order: Vec<&Change> = changes.iter().collect();
    order.sort_by(|one, other| one.path().cmp(other.path()));
    let twice = order
        .windows(2)
        .find(|pair| pair[0].path() == pair[1].path());
    if let Some(pair) = twice {
        return Err(wrong(pair[0].path(), "it is changed twice"));
    }
    let mut editor = Editor {
        trees,
        pack,
        open: Vec::new(),
    };
    editor.enter(Vec::new(), root)?;
    for change in order {
        editor.change(change)?;
    }
    loop {
        let depth = editor.open.len();
        let (tree, _) = editor.leave()?;
        if depth == 1 {
            return Ok(Edited { tree });
        }
    }
}

struct Editor<'a> {
    trees: &'a Trees,
    pack: &'a mut PackWriter,
    /// The directories that lead to where changes are made, the root first. Never empty
    /// until the root is left.
    open: Vec<Open>,
}

impl Editor<'_> {
    fn change(&mut self, change: &Change) -> Result<()> {
        let path = change.path();
        let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        if path.len() > MAX_PATH {
            return Err(wrong(path, "a path of more than 4,096 bytes"));
        }
        if !names.iter().all(|name| is_name(name)) {
            return Err(wrong(path, "git has no such path"));
        }
        let Some(name) = names.pop() else {
            return Ok(());
        };
        let open = self.open.iter().skip(1).zip(&names);
        let same = open.take_while(|(open, name)| open.name == **name).count();
        while self.open.len() > same + 1 {
            self.leave()?;
        }
        let deletes = matches!(change, Change::Delete { .. });
        for directory in &names[same..] {
            self.descend(directory, path, deletes)?;
        }
        let top = self.open.last_mut().ok_or_else(closed)?;
        match change {
            Change::Delete { .. } => {
                match top.entries.get(name).and_then(|(mode, _)| mode.kind()) {
                    Some(EntryKind::File { .. } | EntryKind::Symlink) => {
                        top.entries.remove(name);
                    }
                    Some(EntryKind::Tree) => return Err(wrong(path, "it is a directory")),
                    Some(EntryKind::Submodule) => return Err(wrong(path, "it is a submodule")),
                    None => return Err(wrong(path, "it is not there")),
                }
            }
            Change::PutId { mode, id, .. } => top.puts.push((name.to_vec(), *mode, *id)),
            Change::Put { mode, bytes, .. } => {
                if bytes.len() > MAX_FILE {
                    return Err(Error::limit("push", "more than 100 MiB in a file").at(shown(path)));
                }
                let id = object_id(ObjectKind::Blob, bytes)?;
                // What is there already is not sent.
                if top.entries.get(name).is_none_or(|(_, was)| *was != id) {
                    self.pack.add(ObjectKind::Blob, bytes)?;
                }
                top.puts.push((name.to_vec(), *mode, id));
            }
        }
        Ok(())
    }

    /// Goes into a directory of the one that is open, which is made where it is missing.
    fn descend(&mut self, name: &[u8], path: &[u8], deletes: bool) -> Result<()> {
        let top = self.open.last().ok_or_else(closed)?;
        if top.puts.iter().any(|(put, ..)| put == name) && !deletes {
            return Err(wrong(path, "a file is put where a directory of it is"));
        }
        let found = top.entries.get(name).copied();
        let was = match found.map(|(mode, id)| (mode.kind(), id)) {
            Some((Some(EntryKind::Tree), id)) => Some(id),
            Some((Some(EntryKind::Submodule), _)) => {
                return Err(wrong(path, "it is in a submodule"));
            }
            Some(_) => return Err(wrong(path, "a file is where a directory of it would be")),
            None if deletes => return Err(wrong(path, "it is not there")),
            None => None,
        };
        self.enter(name.to_vec(), was)
    }

    fn enter(&mut self, name: Vec<u8>, was: Option<ObjectId>) -> Result<()> {
        let mut entries = BTreeMap::new();
        if let Some(id) = &was {
            for entry in TreeEntries::new(self.trees.tree(id)?) {
                let TreeEntry { mode, name, id } = entry?;
                if entries.insert(name.to_vec(), (mode, id)).is_some() {
                    return Err(wrong(name, "a name that is there twice"));
                }
            }
        }
        self.open.push(Open {
            name,
            entries,
            was,
            puts: Vec::new(),
        });
        Ok(())
    }

    /// Ends a directory: it is written into the one above it, or gone from there.
    fn leave(&mut self) -> Result<(ObjectId, bool)> {
        let mut done = self.open.pop().ok_or_else(closed)?;
        for (name, mode, id) in std::mem::take(&mut done.puts) {
            let was = done.entries.get(&name).map(|(mode, _)| *mode);
            let mode = match was.map(|was| (was, was.kind())) {
                Some((_, Some(EntryKind::Tree))) => {
                    return Err(wrong(&name, "a directory is where a file is put"));
                }
                Some((_, Some(EntryKind::Submodule))) => {
                    return Err(wrong(&name, "a submodule is where a file is put"));
                }
                // 100664 stays what it is.
                Some((was, Some(kind))) if kind == kind_of(mode) => was,
                _ => mode_of(mode),
            };
            done.entries.insert(name, (mode, id));
        }
        let mut entries: Vec<TreeEntry<'_>> = done
            .entries
            .iter()
            .map(|(name, (mode, id))| TreeEntry {
                mode: *mode,
                name,
                id: *id,
            })
            .collect();
        entries.sort_by(|one, other| tree_order((one.name, one.mode), (other.name, other.mode)));
        let mut bytes = Vec::new();
        for entry in &entries {
            write_entry(&mut bytes, entry);
        }
        let id = object_id(ObjectKind::Tree, &bytes)?;
        let empty = id == EMPTY;
        if done.was != Some(id) && (!empty || self.open.is_empty()) {
            self.pack.add(ObjectKind::Tree, &bytes)?;
        }
        if let Some(above) = self.open.last_mut() {
            // One that had no entries before keeps having none.
            match empty && done.was != Some(id) {
                true => above.entries.remove(&done.name),
                false => above.entries.insert(done.name, (Mode::TREE, id)),
            };
        }
        Ok((id, empty))
    }
}

fn mode_of(mode: FileMode) -> Mode {
    match mode {
        FileMode::File => Mode::FILE,
        FileMode::Executable => Mode::EXECUTABLE,
        FileMode::Symlink => Mode::SYMLINK,
    }
}

fn kind_of(mode: FileMode) -> EntryKind {
    match mode {
        FileMode::File => EntryKind::File { executable: false },
        FileMode::Executable => EntryKind::File { executable: true },
        FileMode::Symlink => EntryKind::Symlink,
    }
}

/// Tells whether a name is one that git has in a tree: not one of its own.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && !name.contains(&0)
        && Owner::of_name(name) != Some(Owner::Git)
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().to_string()
}

fn wrong(path: &[u8], why: &'static str) -> Error {
    Error::invalid("push", why).at(shown(path))
}

/// Cannot be: the root stays open until the end.
fn closed() -> Error {
    Error::new(Kind::Invalid, "push").because("no directory is open")
}
