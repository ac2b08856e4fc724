//! Whether a workspace is in the state that the model is in.

use std::collections::HashMap;
use std::rc::Rc;

use workspace_core::store::{CopyRecord, CopyState, HeadRecord, OperationRecord, RevisionRecord};
use workspace_core::{
    At, CopyId, Error, ErrorKind, OperationId, TreeId, TreePath, Walk, Workspace,
};

use super::files::Files;
use super::once;
use super::state::{Copy, Model, Revision};
use crate::random::Random;

/// What differs, in words.
pub(super) type Checked<T = ()> = Result<T, String>;

/// The trees that were met, by id and by files: each files have one id, each id
/// has one files.
#[derive(Debug, Default)]
pub(super) struct Trees {
    by_id: HashMap<TreeId, Rc<Files>>,
    by_files: HashMap<Rc<Files>, TreeId>,
    /// Their ids in the order in which they were met.
    met: Vec<TreeId>,
    /// The copies that were found right with all their operations.
    copies: HashMap<CopyId, (CopyRecord, Rc<Copy>)>,
}

pub(super) fn told(error: Error) -> String {
    format!("{error} ({:?})", error.kind())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Checked {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: found {found:?}, wanted {wanted:?}")),
    }
}

impl Trees {
    /// Compares a tree with `files`, by walking it if it was never met.
    fn check(&mut self, workspace: &Workspace, id: TreeId, files: &Rc<Files>) -> Checked {
        if let Some(known) = self.by_id.get(&id) {
            return match Rc::ptr_eq(known, files) || known == files {
                true => Ok(()),
                false => Err(format!("tree {id} is {known:?}, wanted {files:?}")),
            };
        }
        if let Some(other) = self.by_files.get(files) {
            return Err(format!("trees {id} and {other} both hold {files:?}"));
        }
        let walk = workspace.files(At::Tree(id)).walk(&TreePath::root());
        Self::compare(walk.map_err(told)?, files)?;
        self.met.push(id);
        self.by_id.insert(id, Rc::clone(files));
        self.by_files.insert(Rc::clone(files), id);
        Ok(())
    }

    /// Chooses a tree that head, a revision or an open copy keeps.
    pub(super) fn kept(
        &self,
        workspace: &Workspace,
        model: &Model,
        random: &mut Random,
    ) -> Checked<Option<TreeId>> {
        let copies: Vec<&CopyId> = model.copies.keys().collect();
        let revisions: Vec<_> = model.revisions.keys().collect();
        Ok(match random.below(3) {
            0 => Some(workspace.head().map_err(told)?.tree),
            1 => match random.choose(&revisions) {
                Some(id) => Some(workspace.revision(**id).map_err(told)?.tree),
                None => None,
            },
            _ => match random.choose(&copies) {
                Some(id) if model.copies[*id].state == CopyState::Open => {
                    let copy = workspace.copy(**id).map_err(told)?;
                    let operations = workspace.operations(**id, None, usize::MAX);
                    let mut trees = vec![copy.base, copy.tree];
                    for operation in operations.map_err(told)? {
                        trees.extend([operation.before, operation.after]);
                    }
                    random.choose(&trees).copied()
                }
                _ => None,
            },
        })
    }

    /// Chooses a tree that was ever met.
    pub(super) fn any(&self, random: &mut Random) -> Option<TreeId> {
        random.choose(&self.met).copied()
    }

    /// Walks a tree that was met, and reads its totals on the way; one that is not
    /// `kept` may be gone, but as a whole.
    pub(super) fn walk(&self, workspace: &Workspace, id: TreeId, kept: bool) -> Checked {
        let Some(files) = self.by_id.get(&id) else {
            return Ok(());
        };
        match workspace.files(At::Tree(id)).walk(&TreePath::root()) {
            Ok(walk) => Self::compare(walk, files).map_err(|why| format!("tree {id}: {why}")),
            Err(error) if error.kind() == ErrorKind::NotFound && !kept => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    fn compare(walk: Walk, files: &Files) -> Checked {
        let root = TreePath::root();
        let mut wanted = files.depth_first(&root).into_iter();
        for step in walk {
            let (path, entry) = step.map_err(told)?;
            same("path", Some(&path), wanted.next())?;
            same("entry", Some(entry.into()), files.show(&path))
                .map_err(|why| format!("{path}: {why}"))?;
        }
        same("path", None, wanted.next())
    }

    /// Lets the next comparison look at every operation of every copy again.
    pub(super) fn doubt(&mut self) {
        self.copies.clear();
    }

    /// Compares everything, but for the operations of copies that are as they
    /// were the last time.
    pub(super) fn state(&mut self, workspace: &Workspace, model: &Model) -> Checked {
        self.head(workspace, model)?;
        let copies = workspace.copies(false, None, usize::MAX).map_err(told)?;
        let ids: Vec<&CopyId> = copies.iter().map(|copy| &copy.id).collect();
        same("copies", ids, model.copies.keys().collect())?;
        for (found, copy) in copies.iter().zip(model.copies.values()) {
            let known = self.copies.get(&found.id);
            if known.is_some_and(|(known, was)| known == found && Rc::ptr_eq(was, copy)) {
                continue;
            }
            if copy.state == CopyState::Open {
                same("top", found.top, model.top(found.id))?;
            }
            self.copy(workspace, found, copy)
                .map_err(|why| format!("copy {}: {why}", found.id))?;
            let right = (found.clone(), Rc::clone(copy));
            self.copies.insert(found.id, right);
        }
        self.grants(workspace, model)?;
        once::check(workspace, model)?;
        let mut revisions = workspace.revisions(None, usize::MAX).map_err(told)?;
        revisions.reverse();
        let ids = revisions.iter().map(|found| found.id).collect::<Vec<_>>();
        same("revisions", ids, model.revisions.keys().copied().collect())?;
        for (found, revision) in revisions.iter().zip(model.revisions.values()) {
            self.revision(workspace, found, revision)
                .map_err(|why| format!("revision {}: {why}", found.id))?;
        }
        Ok(())
    }

    /// Compares what grants are worth, and what their holders have added.
    fn grants(&self, workspace: &Workspace, model: &Model) -> Checked {
        let now = workspace.now();
        for (id, wanted) in &model.grants {
            let found = workspace.grant(id).map_err(told)?;
            same("grant", found.is_some(), model.is_alive(*id, now))
                .map_err(|why| format!("{id}: {why}"))?;
            let Some(found) = found else { continue };
            let told = (found.parent, found.expires, found.budget, found.used);
            let wanted = (wanted.parent, wanted.expires, wanted.budget, wanted.used);
            same("grant", told, wanted).map_err(|why| format!("{id}: {why}"))?;
        }
        for id in &model.revoked {
            let found = workspace.grant(id).map_err(told)?;
            same("revoked grant", found.map(|found| found.id), None)?;
        }
        Ok(())
    }

    /// Compares head.
    pub(super) fn head(&mut self, workspace: &Workspace, model: &Model) -> Checked {
        let found = workspace.head().map_err(told)?;
        let head = &model.head;
        let wanted = HeadRecord {
            version: head.version,
            tree: found.tree,
            revision: head.revision,
            recorded: found.recorded,
            modified: head.modified,
        };
        same("head", &found, &wanted)?;
        self.check(workspace, found.tree, &head.files)?;
        match (found.recorded, &head.recorded) {
            (Some(tree), Some(files)) => self.check(workspace, tree, files),
            (None, None) => Ok(()),
            (found, wanted) => Err(format!("recorded: found {found:?}, wanted {wanted:?}")),
        }
    }

    fn copy(&mut self, workspace: &Workspace, found: &CopyRecord, copy: &Copy) -> Checked {
        let wanted = CopyRecord {
            id: found.id,
            name: copy.name.clone(),
            state: copy.state,
            parent: copy.parent,
            top: found.top,
            base_version: copy.base_version,
            base: found.base,
            tree: found.tree,
            generation: copy.generation,
            operation: copy.operation(),
            created: copy.created,
            modified: copy.modified,
            expires: copy.expires,
        };
        same("record", found, &wanted)?;
        self.check(workspace, found.base, &copy.base)?;
        self.check(workspace, found.tree, &copy.files)?;
        let operations = workspace.operations(found.id, None, usize::MAX);
        let operations = operations.map_err(told)?;
        // Those of a copy that is being forgotten go one after the other.
        let gone = match copy.state {
            CopyState::Open => 0,
            _ => copy.operations.len().saturating_sub(operations.len()),
        };
        let wanted = &copy.operations[gone..];
        same("operations", operations.len(), wanted.len())?;
        for ((n, found), operation) in (1 + gone as u64..).zip(&operations).zip(wanted) {
            let wanted = OperationRecord {
                id: OperationId::new(n),
                cause: operation.cause,
                actor: operation.author.actor.clone(),
                note: operation.author.note.clone(),
                at: operation.at,
                before: found.before,
                after: found.after,
            };
            same("operation", found, &wanted)?;
            self.check(workspace, found.before, &operation.before)?;
            self.check(workspace, found.after, &operation.after)?;
        }
        Ok(())
    }

    fn revision(
        &mut self,
        workspace: &Workspace,
        found: &RevisionRecord,
        revision: &Revision,
    ) -> Checked {
        let wanted = RevisionRecord {
            id: found.id,
            parent: revision.parent,
            tree: found.tree,
            version: revision.version,
            cause: revision.cause,
            actor: revision.message.actor.clone(),
            message: revision.message.message.clone(),
            at: revision.at,
            metadata: revision.message.metadata.clone(),
        };
        same("record", found, &wanted)?;
        self.check(workspace, found.tree, &revision.files)
    }
}
