//! Import, entry by entry.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;
use workspace_core::store::OperationCause;
use workspace_core::{
    Applied, Author, CopyId, ErrorKind, Imported, MAX_TARGET, RevisionMessage, Text, Timestamp,
    TreePath, WriteOptions,
};

use super::action::Place;
use super::files::{Edit, Files, Thing};
use super::state::{Copy, Model, Outcome, Target};

/// How long the copy that an import into head works in outlives a crash.
const STAGING_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// An import as a value.
#[derive(Debug, Clone)]
pub struct Import {
    /// The directory that the source's `/` becomes.
    pub into: TreePath,
    /// What the source holds, in its order.
    pub entries: Vec<(TreePath, Item)>,
    /// How many entries are committed at once.
    pub batch: usize,
    /// Whether the source fails at its end.
    pub fails: bool,
    /// Whether what the source does not have is removed.
    pub delete_missing: bool,
    /// Who imports, and what for.
    pub author: Author,
}

/// An entry of a source.
#[derive(Debug, Clone)]
pub enum Item {
    /// A file, how it is written, and whether it may be executed.
    File(Bytes, WriteOptions),
    /// A directory.
    Directory,
    /// A symlink, and when it was modified.
    Symlink(Text<MAX_TARGET>, Option<Timestamp>),
}

impl Files {
    /// Puts one entry of an import.
    ///
    /// # Errors
    /// The kind that the facade should fail with.
    pub(super) fn import(
        &mut self,
        path: &TreePath,
        item: &Item,
        now: Timestamp,
    ) -> Result<(), ErrorKind> {
        let found = self.get(path).cloned();
        let directory = found == Some(Thing::Directory);
        match item {
            Item::Directory => {
                if found.is_some() && !directory {
                    self.remove(path);
                }
                return self.edit(&Edit::Mkdir(path.clone(), true), now);
            }
            _ if directory && !path.is_root() => {
                if self.below(path).next().is_some() {
                    return Err(ErrorKind::IsADirectory);
                }
                self.remove(path);
            }
            _ => {}
        }
        match item {
            Item::File(bytes, options) => {
                let edit = Edit::Write(path.clone(), bytes.clone(), options.clone());
                self.edit(&edit, now)
            }
            Item::Symlink(target, modified) => {
                let thing = Thing::Symlink(target.clone(), modified.unwrap_or(now));
                self.put_leaf(path, thing, true)
            }
            Item::Directory => Ok(()),
        }
    }

    /// Removes what is in the way of the paths that are named for the first time, as it
    /// is a directory or is none; returns how many directories with entries.
    fn make_way(
        &mut self,
        batch: &[(TreePath, Item)],
        import: &Import,
        began: &Self,
        seen: &mut BTreeSet<TreePath>,
    ) -> u64 {
        let mut removed = 0;
        for (path, item) in batch {
            let Ok(named) = path.below(&import.into) else {
                continue;
            };
            let above = std::iter::successors(Some(named.clone()), TreePath::parent);
            let below = above.take_while(|path| *path != import.into && !path.is_root());
            for path in below {
                let directory = path != named || matches!(item, Item::Directory);
                let Some(found) = self.get(&path).cloned() else {
                    seen.insert(path);
                    continue;
                };
                let stays = directory == (found == Thing::Directory);
                let inside = |files: &Self| -> Vec<_> {
                    let below = files.below(&path);
                    below.map(|(path, it)| (path.clone(), it.clone())).collect()
                };
                let same = began.get(&path) == Some(&found) && inside(self) == inside(began);
                if seen.insert(path.clone()) && !stays && same {
                    removed += u64::from(!inside(self).is_empty());
                    self.remove(&path);
                }
            }
        }
        removed
    }

    /// Removes what is below the import's directory and neither named by its
    /// source nor above what is; returns how many, a directory counting once.
    fn remove_missing(&mut self, import: &Import) -> u64 {
        let named = import.entries.iter().map(|(path, _)| path);
        let named: Vec<_> = named
            .filter_map(|path| path.below(&import.into).ok())
            .collect();
        let missing = |path: &&TreePath| !named.iter().any(|named| named.starts_with(path));
        let below = self.below(&import.into).map(|(path, _)| path);
        let missing: BTreeSet<_> = below.filter(missing).cloned().collect();
        let inside = |path: &TreePath| path.parent().is_some_and(|above| missing.contains(&above));
        let top = missing.iter().filter(|path| !inside(path)).count();
        missing.iter().for_each(|path| self.remove(path));
        top as u64
    }
}

impl Model {
    /// Imports into head or a copy. `staging` is the id of the copy that an
    /// import into head works in. Each state that is committed on the way goes
    /// to `steps`.
    ///
    /// # Errors
    /// As the facade.
    pub fn import(
        &mut self,
        target: Target,
        import: &Import,
        staging: CopyId,
        now: Timestamp,
        steps: &mut Vec<Self>,
    ) -> Outcome<Imported> {
        let copy = match target {
            Target::Copy(id) => return self.import_into_copy(id, import, now, steps),
            Target::Head => staging,
        };
        let expires = Some(now.plus_millis(STAGING_MILLIS));
        self.fork(copy, Place::Head, None, expires, now)?;
        steps.push(self.clone());
        let imported = self.import_into_copy(copy, import, now, steps);
        let message = RevisionMessage::default()
            .actor(import.author.actor.clone())
            .message(import.author.note.clone());
        let applied = match imported {
            Ok(imported) => self
                .apply(copy, true, message, &[], false, now)
                .map(|applied| (imported, applied)),
            Err(failure) => Err(failure),
        };
        let revision = match &applied {
            Ok((_, Applied::Published { revision, .. })) => Some(*revision),
            _ => None,
        };
        // Wherever it stops, the copy may or may not be discarded.
        for step in 0..steps.len() {
            let mut given_up = steps[step].clone();
            if given_up.discard(copy, now).is_ok() {
                steps.push(given_up);
            }
        }
        if revision.is_none() {
            self.discard(copy, now)?;
        }
        let (imported, _) = applied?;
        Ok(Imported {
            operations: Vec::new(),
            revision,
            ..imported
        })
    }

    fn import_into_copy(
        &mut self,
        id: CopyId,
        import: &Import,
        now: Timestamp,
        steps: &mut Vec<Self>,
    ) -> Outcome<Imported> {
        let began = self.copy_files(id, now)?;
        let mut seen = BTreeSet::new();
        let mut imported = Imported::default();
        for batch in import.entries.chunks(import.batch) {
            if import.fails && batch.len() < import.batch {
                break;
            }
            let copy = self.any_copy(id)?;
            let mut files = Files::clone(&copy.files);
            if import.delete_missing {
                imported.removed += files.make_way(batch, import, &began, &mut seen);
            }
            for (path, item) in batch {
                let path = path.below(&import.into).map_err(|error| error.kind())?;
                files.import(&path, item, now)?;
                match item {
                    Item::File(bytes, _) => {
                        imported.files += 1;
                        imported.bytes += bytes.len() as u64;
                    }
                    Item::Directory => imported.directories += 1,
                    Item::Symlink(..) => imported.symlinks += 1,
                }
            }
            if extend(copy, files, &mut imported, &import.author, now) {
                steps.push(self.clone());
            }
        }
        if import.fails {
            return Err(ErrorKind::Source.into());
        }
        if import.delete_missing {
            let copy = self.any_copy(id)?;
            let mut files = Files::clone(&copy.files);
            imported.removed += files.remove_missing(import);
            if extend(copy, files, &mut imported, &import.author, now) {
                steps.push(self.clone());
            }
        }
        Ok(imported)
    }
}

/// Moves a copy on as part of the import's operation; tells whether it moved.
fn extend(
    copy: &mut Copy,
    files: Files,
    imported: &mut Imported,
    author: &Author,
    now: Timestamp,
) -> bool {
    if files == *copy.files {
        return false;
    }
    match (imported.operations.last(), copy.operations.last_mut()) {
        (Some(_), Some(ours)) => {
            let after = Rc::new(files);
            ours.after = Rc::clone(&after);
            copy.files = after;
            copy.generation += 1;
            copy.modified = now;
        }
        _ => {
            let operation = copy.advance(files, OperationCause::Import, author, now);
            imported.operations.push(operation);
        }
    }
    true
}
