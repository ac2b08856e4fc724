//! What calls return, in the terms that the model and the facade share.

use bytes::Bytes;
use workspace_core::{
    Applied, ContentId, CopyId, Entry, File, GrantId, Imported, OperationId, Recorded, Summary,
    Symlink, TreePath, Undone,
};

use super::files::{Files, Thing};
use super::state::Moved;

/// An entry without identities of trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A file.
    File(File),
    /// A symlink.
    Symlink(Symlink),
    /// A directory and its totals.
    Directory(Summary),
}

impl From<Entry> for Shown {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::File(file) => Self::File(file),
            Entry::Symlink(symlink) => Self::Symlink(symlink),
            Entry::Directory(directory) => Self::Directory(directory.summary),
        }
    }
}

/// A path at which two trees differ: where, what was, what is, and where it
/// came from.
pub type Differs = (TreePath, Option<Shown>, Option<Shown>, Option<TreePath>);

/// What a call returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Nothing to tell.
    Done,
    /// Of a batch of changes.
    Moved(Moved),
    /// Of an import.
    Imported(Imported),
    /// Of an apply.
    Applied(Applied),
    /// Of several copies applied together.
    AllApplied(Vec<Applied>),
    /// Of a look at conflicts: the path, and what base, copy and parent have there.
    Conflicts(Vec<(TreePath, [Option<Shown>; 3])>),
    /// Of a look at what copies share: pairs, and paths.
    Overlaps(Vec<(CopyId, CopyId, Vec<TreePath>)>),
    /// Of a rebase.
    Rebased(Option<OperationId>),
    /// Of an undo.
    Undone(Undone),
    /// Of a snapshot or restore.
    Recorded(Recorded),
    /// Of upkeep: copies discarded and forgotten, revisions pruned.
    Kept([u64; 3]),
    /// How many.
    Count(u64),
    /// An entry.
    Entry(Option<Shown>),
    /// Entries by path or name.
    Entries(Vec<(String, Shown)>),
    /// Bytes of a file.
    Bytes(Bytes),
    /// Differences.
    Differences(Vec<Differs>),
    /// Ids of copies.
    Copies(Vec<CopyId>),
    /// Numbers of revisions or operations.
    Numbers(Vec<u64>),
    /// A grant that was handed out.
    Granted(GrantId),
}

impl Files {
    /// Returns what is at `path` as the facade shows it.
    pub(super) fn show(&self, path: &TreePath) -> Option<Shown> {
        Some(match self.get(path)? {
            Thing::File(file) => Shown::File(File {
                content: ContentId::of(&file.bytes),
                size: file.bytes.len() as u64,
                executable: file.executable,
                modified: file.modified,
                media_type: file.media_type.clone(),
                provenance: file.provenance.clone(),
            }),
            Thing::Symlink(target, modified) => Shown::Symlink(Symlink {
                target: target.clone(),
                modified: *modified,
            }),
            Thing::Directory => Shown::Directory(self.summary(path)),
        })
    }

    fn summary(&self, directory: &TreePath) -> Summary {
        let mut summary = Summary::default();
        let above = match directory.is_root() {
            true => 0,
            false => directory.as_str().len(),
        };
        for (path, thing) in self.below(directory) {
            match thing {
                Thing::Directory => summary.directories += 1,
                Thing::Symlink(..) => summary.files += 1,
                Thing::File(file) => {
                    summary.files += 1;
                    summary.bytes += file.bytes.len() as u64;
                }
            }
            let length = (path.as_str().len() - above) as u64;
            summary.longest = summary.longest.max(length);
        }
        summary
    }

    /// Returns the paths below `directory`, each directory before its entries,
    /// names in byte order.
    pub(super) fn depth_first(&self, directory: &TreePath) -> Vec<&TreePath> {
        let mut paths: Vec<_> = self.below(directory).map(|(path, _)| path).collect();
        paths.sort_by(|a, b| a.segments().cmp(b.segments()));
        paths
    }

    /// Lists where `new` differs from this at and below `directory`, in byte
    /// order of the paths.
    pub(super) fn differences(
        &self,
        new: &Self,
        directory: &TreePath,
        renames: bool,
    ) -> Vec<Differs> {
        let changes = super::merge::changes(self, new);
        let paths = changes
            .into_keys()
            .filter(|path| path.starts_with(directory));
        let mut found: Vec<Differs> = paths
            .map(|path| {
                let (old, new) = (self.show(&path), new.show(&path));
                (path, old, new, None)
            })
            .collect();
        if renames {
            for same_name in [true, false] {
                while pair(&mut found, same_name) {}
            }
        }
        found
    }
}

/// Turns the first added file that has a removed one of the same content into a
/// rename; tells whether there was one.
fn pair(found: &mut Vec<Differs>, same_name: bool) -> bool {
    for at in 0..found.len() {
        let (path, None, Some(Shown::File(new)), None) = &found[at] else {
            continue;
        };
        let from = found.iter().position(|(gone, old, still, _)| {
            let same = matches!(old, Some(Shown::File(old)) if old.content == new.content);
            let named = !same_name || gone.name() == path.name();
            same && named && still.is_none() && new.size > 0
        });
        if let Some(from) = from {
            let (gone, old, ..) = found[from].clone();
            found[at].1 = old;
            found[at].3 = Some(gone);
            found.remove(from);
            return true;
        }
    }
    false
}
