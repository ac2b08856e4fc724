//! Reconciling: what a capture found, as one operation of the copy.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use futures::TryStreamExt as _;
use workspace_core::{
    Applied, ApplyOptions, At, Author, Change, ChangeOptions, Conflict, Content, ContentId, Entry,
    Error, ErrorKind, ForkOptions, OperationId, Result, RevisionMessage, TreeId, TreePath, View,
    Workspace, WriteOptions,
};

use crate::capture::above;
use crate::host::{Host, Showing};
use crate::plan::{Leaf, Plan, Step, What};

/// The most changes of one batch.
const CHANGES: usize = 1000;
/// The most bytes of contents in memory.
const BYTES: u64 = 16 << 20;
/// The largest content that is kept in memory rather than stored ahead.
const SMALL: u64 = 1 << 20;
/// After which time, in milliseconds, the child of a reconcile that was cut off is gone.
const EXPIRES: i64 = 60 * 60 * 1000;

/// What a reconcile led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciled {
    /// The operation of the copy; `None` where there was nothing to do.
    pub operation: Option<OperationId>,
    /// The copy's generation after it.
    pub generation: u64,
    /// The copy's files after it.
    pub tree: TreeId,
}

/// Brings a plan into the copy: all of it, as one operation, or nothing.
pub(crate) async fn reconcile(
    host: &dyn Host,
    workspace: &Workspace,
    showing: &Showing,
    plan: &Plan,
    author: Author,
) -> Result<Reconciled> {
    let copy = workspace.status(showing.copy)?.copy;
    let unchanged = Reconciled {
        operation: None,
        generation: copy.generation,
        tree: copy.tree,
    };
    let steps = open_steps(workspace, showing, copy.tree, plan)?;
    if steps.is_empty() {
        return Ok(unchanged);
    }
    // A crash throws the child away in any case; its apply is what is flushed.
    let unsynced = workspace.unsynced();
    let expires = workspace.now().plus_millis(EXPIRES);
    let child = unsynced.fork(ForkOptions::of_copy(copy.id).expires(expires))?;
    let made = async {
        if child.base != copy.tree {
            return Err(Error::new(ErrorKind::Stale, "reconcile")
                .at(copy.id)
                .because("the copy moved meanwhile: reconcile again"));
        }
        let files = unsynced.files(At::Copy(child.id));
        write(host, workspace, &files, &steps, &author).await?;
        let message = RevisionMessage::default()
            .actor(author.actor)
            .message(author.note);
        // Others may have changed other paths while contents were read.
        let options = ApplyOptions::default().message(message).rebase(true);
        workspace.apply(child.id, options)
    };
    let applied = made.await;
    if !matches!(applied, Ok(Applied::ToParent { .. })) {
        // Where this fails, it expires.
        let _expires = unsynced.discard(child.id);
    }
    match applied? {
        Applied::ToParent { operation, .. } => {
            let copy = workspace.copy(copy.id)?;
            Ok(Reconciled {
                operation: Some(operation),
                generation: copy.generation,
                tree: copy.tree,
            })
        }
        _ => Ok(unchanged),
    }
}

/// Returns what is left to be done where the copy has moved since its files were shown.
///
/// # Errors
/// `Conflict` where somebody else changed what was changed in the sandbox.
fn open_steps<'p>(
    workspace: &Workspace,
    showing: &Showing,
    now: TreeId,
    plan: &'p Plan,
) -> Result<Vec<&'p Step>> {
    if now == showing.tree {
        return Ok(plan.steps.iter().collect());
    }
    let (base, copy) = (
        workspace.files(At::Tree(showing.tree)),
        workspace.files(At::Tree(now)),
    );
    let is_deletion = |step: &&Step| matches!(step.what, What::Deleted { .. });
    let deletions = plan.steps.iter().filter(is_deletion);
    let replaced: BTreeSet<_> = deletions.map(|step| &step.path).collect();
    let leaves = plan.steps.iter();
    let leaves: BTreeMap<_, _> = leaves
        .filter_map(|step| Some((&step.path, step.what.leaf()?)))
        .collect();
    let (mut open, mut both) = (Vec::new(), BTreeSet::new());
    for step in &plan.steps {
        let current = stat(&copy, &step.path)?;
        // What took the place of something tells that it is gone.
        let is_done = match (leaves.get(&step.path), &current) {
            (Some(leaf), Some(entry)) => leaf.is(entry),
            (None, None) => true,
            _ => false,
        };
        if is_done {
            continue;
        }
        let mut is_same = same(&stat(&base, &step.path)?, &current);
        if let What::Renamed { from, .. } = &step.what {
            is_same &= same(&stat(&base, from)?, &stat(&copy, from)?);
        }
        // What is created below what somebody made a file of conflicts there.
        let mut is_reached = true;
        for above in above(&step.path) {
            let now = stat(&copy, &above)?;
            is_reached &=
                replaced.contains(&above) || now.is_none_or(|entry| entry.as_directory().is_some());
        }
        match is_same && is_reached {
            true => open.push(step),
            false => {
                both.insert(step.path.clone());
            }
        }
    }
    if both.is_empty() {
        return Ok(open);
    }
    let conflict = Conflict {
        both: both.into_iter().collect(),
        ..Conflict::default()
    };
    Err(Error::new(ErrorKind::Conflict, "reconcile")
        .at(showing.copy)
        .because(&conflict)
        .with_conflict(conflict))
}

/// Returns what is at a path; nothing where what is above is no directory.
fn stat(files: &View, path: &TreePath) -> Result<Option<Entry>> {
    match files.stat(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
        found => found,
    }
}

fn same(a: &Option<Entry>, b: &Option<Entry>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.same_but_time(b),
        _ => false,
    }
}

/// Writes the steps into the child, in batches that are bounded.
async fn write(
    host: &dyn Host,
    workspace: &Workspace,
    files: &View,
    steps: &[&Step],
    author: &Author,
) -> Result<()> {
    let mut batch = Batch {
        files,
        author,
        changes: Vec::new(),
        bytes: 0,
    };
    let deleted: BTreeSet<&TreePath> = steps
        .iter()
        .filter(|step| matches!(step.what, What::Deleted { .. }))
        .map(|step| &step.path)
        .collect();
    // What moves is where it goes before anything is removed: nothing is there, and no
    // directory above it is yet to be made of something else.
    let mut moved = Vec::new();
    for step in steps {
        if let What::Renamed { from, .. } = &step.what {
            if let Some(parent) = step.path.parent().filter(|parent| !parent.is_root()) {
                batch.add(Change::mkdir(parent)?.with_parents(), 0).await?;
            }
            batch.add(Change::copy(from, &step.path)?, 0).await?;
            let is_removed =
                deleted.contains(from) || above(from).any(|above| deleted.contains(&above));
            if !is_removed {
                moved.push(from);
            }
        }
    }
    for from in moved {
        batch.add(Change::remove(from)?, 0).await?;
    }
    for path in deleted {
        batch.add(Change::remove(path)?.recursively(), 0).await?;
    }
    // Paths are in order: a directory is made before what is in it.
    for step in steps {
        let (What::Created(leaf) | What::Modified(leaf)) = &step.what else {
            continue;
        };
        match leaf {
            Leaf::Directory => {
                batch
                    .add(Change::mkdir(&step.path)?.with_parents(), 0)
                    .await?;
            }
            Leaf::Symlink { target, modified } => {
                let change = Change::Symlink {
                    path: step.path.clone(),
                    target: target.clone(),
                    create_parents: true,
                    modified: Some(*modified),
                };
                batch.add(change, target.as_str().len() as u64).await?;
            }
            Leaf::File {
                content,
                size,
                executable,
                modified,
            } => {
                let (bytes, size) = content_of(host, workspace, step, content, *size).await?;
                let change = Change::Write {
                    path: step.path.clone(),
                    content: bytes,
                    options: WriteOptions::default()
                        .create_parents(true)
                        .executable(*executable)
                        .modified(*modified),
                };
                batch.add(change, size).await?;
            }
        }
    }
    batch.send().await
}

struct Batch<'a> {
    files: &'a View,
    author: &'a Author,
    changes: Vec<Change>,
    bytes: u64,
}

impl Batch<'_> {
    async fn add(&mut self, change: Change, bytes: u64) -> Result<()> {
        self.changes.push(change);
        self.bytes = self.bytes.saturating_add(bytes);
        match self.changes.len() >= CHANGES || self.bytes >= BYTES {
            true => self.send().await,
            false => Ok(()),
        }
    }

    async fn send(&mut self) -> Result<()> {
        self.bytes = 0;
        let changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return Ok(());
        }
        let options = ChangeOptions::default().author(self.author.clone());
        self.files.change(changes, options).await.map(drop)
    }
}

/// Reads a file once more: into memory where it is small, into the store otherwise. Returns
/// how many bytes that takes in memory.
///
/// # Errors
/// `Stale` where it is no longer what the plan has.
async fn content_of(
    host: &dyn Host,
    workspace: &Workspace,
    step: &Step,
    planned: &ContentId,
    size: u64,
) -> Result<(Content, u64)> {
    let changed = || {
        Error::new(ErrorKind::Stale, "reconcile")
            .at(&step.path)
            .because("it changed since it was captured: capture again")
    };
    let mut file = host.open(&step.path).await?;
    if Some(file.stamp) != step.stamp {
        return Err(changed());
    }
    if size > SMALL {
        let stored = workspace.store(file.body).await?;
        return match stored.id() == *planned {
            true => Ok((stored.into(), 0)),
            false => Err(changed()),
        };
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = file.body.try_next().await? {
        if bytes.len() as u64 + chunk.len() as u64 > size {
            return Err(changed());
        }
        bytes.extend_from_slice(&chunk);
    }
    let bytes = bytes.freeze();
    match ContentId::of(&bytes) == *planned {
        true => Ok((bytes.into(), size)),
        false => Err(changed()),
    }
}
