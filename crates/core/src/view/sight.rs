//! What shows of a directory's entries.

use crate::entry::{Directory, Entry, EntryKind, Summary};
use crate::grant::{Grant, Reach, Rights};
use crate::id::TreeId;
use crate::path::{Name, TreePath};

/// What a grant shows of the entries of one directory. Asks each glob for one step
/// an entry, and for none where everything below the directory may be read.
pub(super) struct Sight(Option<Partial>);

struct Partial {
    directory: Reach,
    /// Of the entry that was looked at last.
    entry: Reach,
}

impl Sight {
    /// Looks at the entries of the directory `path`; `None` where it may neither
    /// be read nor passed through.
    pub(super) fn new(grant: &Grant, path: &TreePath) -> Option<Self> {
        Self::with(grant.reach(path, Rights::Read)?)
    }

    fn with(directory: Reach) -> Option<Self> {
        match (directory.covers(), directory.passes()) {
            (true, _) => Some(Self(None)),
            (false, true) => Some(Self(Some(Partial {
                entry: directory.clone(),
                directory,
            }))),
            (false, false) => None,
        }
    }

    /// Tells whether everything shows.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_none()
    }

    /// Returns what shows of the entry `name`, if anything.
    pub(super) fn of(&mut self, grant: &Grant, name: &Name, entry: Entry) -> Option<Entry> {
        let Some(Partial {
            directory,
            entry: at,
        }) = &mut self.0
        else {
            return Some(entry);
        };
        at.set(directory, grant, Rights::Read, name.as_str());
        if at.covers() {
            Some(entry)
        } else if entry.kind() == EntryKind::Directory && at.passes() {
            Some(passage())
        } else {
            None
        }
    }

    /// Returns the sight of the directory that [`of`](Self::of) was asked for last;
    /// `None` where it does not show.
    pub(super) fn entered(&self) -> Option<Self> {
        match &self.0 {
            None => Some(Self(None)),
            Some(partial) => Self::with(partial.entry.clone()),
        }
    }
}

/// What shows of a directory that is only on the way.
pub(super) fn passage() -> Entry {
    Entry::Directory(Directory {
        tree: TreeId::empty(),
        summary: Summary::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Scope;

    #[test]
    fn what_does_not_show_is_not_entered() {
        let grant = Grant::all().attenuate(Scope {
            root: TreePath::root(),
            read: vec!["/a/b".parse().unwrap()],
            write: Vec::new(),
            delete: false,
        });
        let mut sight = Sight::new(&grant, &TreePath::root()).unwrap();
        let mut entered = |name: &str| {
            let shown = sight.of(&grant, &Name::new(name).unwrap(), passage());
            assert_eq!(shown.is_some(), sight.entered().is_some(), "{name}");
            sight.entered().map(|sight| sight.is_whole())
        };
        assert_eq!(entered("a"), Some(false));
        assert_eq!(entered("hidden"), None);
    }
}
