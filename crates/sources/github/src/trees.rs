//! All directories of a commit, and what is listed in them.

use std::collections::HashMap;

use serde::Serialize;
use workspace_core::{EntriesOptions, Takes, Timestamp, TreePath};

use crate::error::{Error, Kind, Result};
use crate::git::{
    Commit, EntryKind, Fetch, Filter, Mode, ObjectId, ObjectKind, TreeEntries, TreeEntry,
};
use crate::remote::{Limits, Remote};

/// The directories of commits, as they are stored.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    commits: HashMap<ObjectId, Commit>,
    trees: HashMap<ObjectId, Vec<u8>>,
}

impl Trees {
    /// Fetches the directories of commits, without their files, in one request. Where a
    /// commit is `known` to be there, and is not, it is asked for again: of several servers
    /// one may be behind.
    pub(crate) async fn fetch(remote: &Remote, commits: &[ObjectId], known: bool) -> Result<Self> {
        let fetch = Fetch {
            wants: commits,
            haves: &[],
            depth: Some(1),
            filter: Some(Filter::BlobNone),
        };
        let mut attempts = remote.session.attempts();
        loop {
            let (pack, fetched) = remote.fetch_once(&fetch, remote.limits.of_trees()).await;
            let found = fetched.and_then(|()| Self::of(pack.into_objects(), commits, remote));
            let error = match found.and_then(Self::complete) {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let behind = known && error.kind() == Kind::NotFound;
            let error = match behind {
                true => Error::new(Kind::Upstream, "fetch objects")
                    .at(&remote.name)
                    .because("a server that does not have the newest commit yet"),
                false => error,
            };
            attempts.after(error).await?;
        }
    }

    fn of(
        objects: Vec<crate::git::PackObject>,
        commits: &[ObjectId],
        remote: &Remote,
    ) -> Result<Self> {
        let mut found = Self::default();
        for object in objects {
            // It came, so no server is behind: it is another kind of object.
            if object.kind != ObjectKind::Commit && commits.contains(&object.id) {
                return Err(Error::invalid(
                    "resolve",
                    format!("it is a {}, and no commit", object.kind.name()),
                )
                .at(format!("{}@{}", remote.name, object.id)));
            }
            match object.kind {
                ObjectKind::Tree => drop(found.trees.insert(object.id, object.bytes)),
                ObjectKind::Commit if commits.contains(&object.id) => {
                    found
                        .commits
                        .insert(object.id, Commit::read(&object.bytes)?);
                }
                _ => {}
            }
        }
        match commits.iter().find(|id| !found.commits.contains_key(id)) {
            None => Ok(found),
            Some(id) => Err(Error::new(Kind::NotFound, "resolve")
                .at(format!("{}@{id}", remote.name))
                .because("it is no commit")),
        }
    }

    /// Sees to it that no directory is missing.
    fn complete(self) -> Result<Self> {
        let roots = self.commits.values().map(|commit| commit.tree);
        for root in roots {
            self.tree(&root)?;
        }
        for tree in self.trees.values() {
            for entry in TreeEntries::new(tree) {
                let entry = entry?;
                if entry.mode.is_tree() {
                    self.tree(&entry.id)?;
                }
            }
        }
        Ok(self)
    }

    /// Returns a commit that was asked for.
    pub(crate) fn commit(&self, id: &ObjectId) -> Result<&Commit> {
        let commit = self.commits.get(id);
        commit.ok_or_else(|| Error::new(Kind::NotFound, "read commit").at(id))
    }

    /// Returns when a commit was made.
    pub(crate) fn time(&self, id: &ObjectId) -> Option<Timestamp> {
        let time = self.commits.get(id)?.time?;
        Some(Timestamp::from_millis(time.saturating_mul(1000)))
    }

    /// Returns the bytes of a directory.
    pub(crate) fn tree(&self, id: &ObjectId) -> Result<&[u8]> {
        let tree = self.trees.get(id).map(Vec::as_slice);
        // Some servers leave it out, as everybody knows it.
        let tree = tree.or_else(|| (*id == EMPTY).then_some(&[]));
        tree.ok_or_else(|| {
            Error::new(Kind::Truncated, "read tree")
                .at(id)
                .because("a directory of the commit is missing")
        })
    }

    /// Finds the directory at a path.
    pub(crate) fn at(&self, root: &ObjectId, path: &TreePath) -> Result<ObjectId> {
        let mut tree = *root;
        for name in path.segments() {
            let mut entries = TreeEntries::new(self.tree(&tree)?);
            let found = entries.find_map(|entry| match entry {
                Ok(entry) if entry.name == name.as_bytes() => Some(Ok(entry)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            });
            match found.transpose()? {
                Some(entry) if entry.mode.is_tree() => tree = entry.id,
                _ => {
                    return Err(Error::new(Kind::NotFound, "resolve")
                        .at(path)
                        .because("no directory of the commit"));
                }
            }
        }
        Ok(tree)
    }

    /// Lists what is below a directory: what a tree of ours can hold, and the rest.
    pub(crate) fn list(
        &self,
        root: &ObjectId,
        options: &EntriesOptions,
        limits: &Limits,
    ) -> Result<Listing> {
        let most = limits.entries;
        let mut listing = Listing {
            left: limits.listing,
            ..Listing::default()
        };
        let mut path = Vec::new();
        let mut seen = 0;
        let mut open = vec![(TreeEntries::new(self.tree(root)?), 0)];
        while let Some((entries, above)) = open.last_mut() {
            let above = *above;
            let Some(entry) = entries.next().transpose()? else {
                open.pop();
                continue;
            };
            path.truncate(above);
            path.extend_from_slice(entry.name);
            seen += 1;
            if seen > most {
                return Err(Error::limit(
                    "list entries",
                    format!("more than {most} entries of a commit"),
                ));
            }
            if let Some(tree) = self.note(&entry, &path, options, &mut listing)? {
                path.push(b'/');
                open.push((TreeEntries::new(tree), path.len()));
            }
        }
        listing.sort()?;
        Ok(listing)
    }

    /// Takes note of an entry; returns the directory that it is, to be gone through.
    fn note<'a>(
        &'a self,
        entry: &TreeEntry<'_>,
        path: &[u8],
        options: &EntriesOptions,
        listing: &mut Listing,
    ) -> Result<Option<&'a [u8]>> {
        let TreeEntry { mode, id, .. } = *entry;
        let mut unheld = |why| {
            listing.take(path)?;
            listing.unheld.push(Unheld {
                path: path.to_vec(),
                mode,
                id,
                why,
            });
            Ok::<_, Error>(())
        };
        // What git makes of a tree has none of these names, but a tree may.
        let Some(held) = held_path(path) else {
            unheld(Why::Name)?;
            return Ok(None);
        };
        let Some(kind) = mode.kind() else {
            unheld(Why::Mode)?;
            return Ok(None);
        };
        let takes = options.takes(&held);
        if takes == Takes::Nothing || (takes == Takes::OnTheWay && kind != EntryKind::Tree) {
            unheld(Why::LeftOut)?;
            return Ok(None);
        }
        match kind {
            EntryKind::Tree => {
                let tree = self.tree(&id)?;
                if !tree.is_empty() {
                    return Ok(Some(tree));
                }
                unheld(Why::Empty)?;
                listing.push(path, mode, id, ItemKind::Directory)?;
            }
            EntryKind::Submodule => unheld(Why::Submodule)?,
            EntryKind::Symlink => {
                if mode != Mode::SYMLINK {
                    unheld(Why::Mode)?;
                }
                listing.push(path, mode, id, ItemKind::Symlink)?;
            }
            EntryKind::File { executable } => {
                if mode != Mode::FILE && mode != Mode::EXECUTABLE {
                    unheld(Why::Mode)?;
                }
                listing.push(path, mode, id, ItemKind::File { executable })?;
            }
        }
        Ok(None)
    }
}

/// The id of the tree without entries.
pub(crate) const EMPTY: ObjectId = ObjectId::from_bytes([
    0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88,
    0xfb, 0xee, 0x49, 0x04,
]);

/// Returns a path of a commit as one of ours; `None` where ours has no such name.
pub(crate) fn held_path(path: &[u8]) -> Option<TreePath> {
    let text = str::from_utf8(path).ok()?;
    TreePath::new(&format!("/{text}")).ok()
}

/// What is listed in the directories of a commit, by path.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// All paths, one after the other: a commit may have a million.
    paths: Vec<u8>,
    items: Vec<Item>,
    pub(crate) unheld: Vec<Unheld>,
    /// How many bytes more it may have.
    left: usize,
}

/// About as many bytes are held of an entry beside its path.
const BESIDE: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Item {
    start: u32,
    length: u32,
    mode: Mode,
    kind: ItemKind,
    id: ObjectId,
}

/// An entry that a tree of ours can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) mode: Mode,
    pub(crate) kind: ItemKind,
    pub(crate) id: ObjectId,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemKind {
    File {
        executable: bool,
    },
    Symlink,
    /// A directory without entries.
    Directory,
}

impl Listing {
    fn push(&mut self, path: &[u8], mode: Mode, id: ObjectId, kind: ItemKind) -> Result<()> {
        self.take(path)?;
        let start = u32::try_from(self.paths.len());
        let start = start.map_err(|_| Error::limit("list entries", "more than 4 GiB of paths"))?;
        self.paths.extend_from_slice(path);
        self.items.push(Item {
            start,
            // Shorter than a path of ours may be.
            length: path.len() as u32,
            mode,
            kind,
            id,
        });
        Ok(())
    }

    /// Counts what is held of one entry.
    fn take(&mut self, path: &[u8]) -> Result<()> {
        let left = self.left.checked_sub(path.len() + BESIDE);
        self.left = left.ok_or_else(|| {
            Error::limit(
                "list entries",
                "more bytes of paths than the list of a commit may have",
            )
        })?;
        Ok(())
    }

    fn sort(&mut self) -> Result<()> {
        let paths = &self.paths;
        let path = |item: &Item| &paths[item.start as usize..][..item.length as usize];
        self.items.sort_by(|one, other| path(one).cmp(path(other)));
        let twice = self
            .items
            .windows(2)
            .find(|pair| path(&pair[0]) == path(&pair[1]));
        match twice {
            None => Ok(()),
            Some(pair) => Err(
                Error::malformed("list entries", "a name that is there twice")
                    .at(String::from_utf8_lossy(path(&pair[0])).escape_debug()),
            ),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn get(&self, at: usize) -> Listed<'_> {
        let item = &self.items[at];
        Listed {
            path: &self.paths[item.start as usize..][..item.length as usize],
            mode: item.mode,
            kind: item.kind,
            id: item.id,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Listed<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Finds an entry by its path.
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        let key = |item: &Item| &self.paths[item.start as usize..][..item.length as usize];
        self.items.binary_search_by(|item| key(item).cmp(path)).ok()
    }

    /// Keeps only the entries for which `keep` holds.
    pub(crate) fn retain(&mut self, keep: impl Fn(Listed<'_>) -> bool) {
        let paths = &self.paths;
        self.items.retain(|item| {
            keep(Listed {
                path: &paths[item.start as usize..][..item.length as usize],
                mode: item.mode,
                kind: item.kind,
                id: item.id,
            })
        });
    }
}

/// Why something of a commit is not, or not exactly, in a tree of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is a submodule: a commit of another repository.
    Submodule,
    /// It is a directory without entries, and git has none of those in a tree that it makes.
    /// It is imported as a directory.
    Empty,
    /// Its mode is one that git does not write any more. It is imported as what it is.
    Mode,
    /// Its name is not UTF-8, longer than 255 bytes, `.` or `..`, or its path is longer than
    /// 4,096 bytes. All below it is not there either.
    Name,
    /// It is a symlink whose target is empty, longer than 4,096 bytes, or not UTF-8.
    Target,
    /// It was not asked for, and neither was what is below it.
    LeftOut,
    /// It stands for a large file, which was brought in its place.
    Lfs,
}

/// Something of a commit that is not, or not exactly, in a tree of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheld {
    /// Its path, below the directory that was asked for.
    pub path: Vec<u8>,
    /// Its mode.
    pub mode: Mode,
    /// Its id.
    pub id: ObjectId,
    /// Why.
    pub why: Why,
}

/// Writes a list of them as lines of JSON.
pub(crate) fn unheld_lines(list: &[Unheld], limit: usize) -> Result<Vec<u8>> {
    use base64::Engine as _;
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        path_base64: Option<String>,
        mode: String,
        id: String,
        why: Why,
    }
    let mut lines = Vec::new();
    for unheld in list {
        let path = str::from_utf8(&unheld.path).ok();
        let line = Line {
            path,
            path_base64: path
                .is_none()
                .then(|| base64::prelude::BASE64_STANDARD.encode(&unheld.path)),
            mode: format!("{:06o}", unheld.mode.bits()),
            id: unheld.id.to_string(),
            why: unheld.why,
        };
        serde_json::to_writer(&mut lines, &line)
            .map_err(|error| Error::invalid("list entries", error.to_string()))?;
        lines.push(b'\n');
        if lines.len() > limit {
            return Err(Error::limit(
                "list entries",
                format!("more than {limit} bytes of what a tree cannot hold"),
            ));
        }
    }
    Ok(lines)
}
