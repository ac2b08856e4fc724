//! From the directory to the copy: one operation, or none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::BorrowedFd;
use std::path::Path;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use workspace_core::{
    Applied, At, Change, ChangeOptions, ContentId, Entry, EntrySource, Error, ErrorKind,
    ImportLimits, ImportOptions, MAX_PROVENANCE, Name, SourceEntry, SourceKind, Text, Timestamp,
    TreeId, TreePath,
};
use workspace_native::beneath::{self, State};

use super::look::{CHUNK, Found, changed, is_unchanged, relative};
use super::plan::{Leaf, Side, Step, Steps, ancestors};
use crate::commands::child::Child;
use crate::exit::{Result, io_error};
use crate::run::Run;
use crate::session::Session;

/// How many changes go in one call.
const BATCH: usize = 1000;

/// What the copy gets.
#[derive(Debug, Default)]
pub(super) struct Push {
    /// What is moved: where to, and from where.
    pub(super) moved: BTreeMap<TreePath, TreePath>,
    /// What is removed, with all that is below it.
    removed: Vec<TreePath>,
    /// What is written, parents first.
    written: Vec<(TreePath, Leaf)>,
}

impl Push {
    /// Takes from a plan what goes to the copy, which has `tree`.
    pub(super) fn of(steps: &Steps, tree: &BTreeMap<TreePath, Entry>) -> Self {
        let mut push = Self::default();
        let mut gone: BTreeMap<(ContentId, bool), Same> = BTreeMap::new();
        for (path, step) in steps {
            if let (Step::To(Side::Copy, None), Some(Entry::File(file))) = (step, tree.get(path)) {
                let same = gone.entry((file.content, file.executable)).or_default();
                same.put(path.clone());
            }
        }
        for (path, step) in steps {
            let Step::To(Side::Copy, leaf) = step else {
                continue;
            };
            let there = tree.get(path);
            match (leaf, there) {
                (None, Some(_)) => push.removed.push(path.clone()),
                (None, None) => {}
                (Some(leaf), there) => {
                    let from = match (leaf, there) {
                        (
                            Leaf::File {
                                content,
                                executable,
                            },
                            None,
                        ) if is_in(path, tree, steps) => gone
                            .get_mut(&(*content, *executable))
                            .and_then(|same| same.take(path)),
                        _ => None,
                    };
                    if let Some(from) = from {
                        push.moved.insert(path.clone(), from);
                        continue;
                    }
                    // A file and a directory do not take each other's place by themselves.
                    let is_directory = |leaf: &Leaf| *leaf == Leaf::Directory;
                    if there.is_some_and(|it| is_directory(&Leaf::of(it)) != is_directory(leaf)) {
                        push.removed.push(path.clone());
                    }
                    push.written.push((path.clone(), leaf.clone()));
                }
            }
        }
        let moved: BTreeSet<&TreePath> = push.moved.values().collect();
        let mut removed: Vec<TreePath> = Vec::new();
        for path in std::mem::take(&mut push.removed) {
            // What is in a directory goes with it.
            let with = removed.last().is_some_and(|above| path.starts_with(above));
            if !with && !moved.contains(&path) {
                removed.push(path);
            }
        }
        push.removed = removed;
        push
    }

    /// Tells whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.removed.is_empty() && self.written.is_empty()
    }
}

/// Paths of files that are the same, and gone.
#[derive(Debug, Default)]
struct Same {
    /// By their names: each is found at once, however many there are.
    by_name: BTreeMap<Option<Name>, Vec<TreePath>>,
}

impl Same {
    fn put(&mut self, path: TreePath) {
        self.by_name.entry(path.name()).or_default().push(path);
    }

    /// Takes one of them, of the same name where there is one.
    fn take(&mut self, path: &TreePath) -> Option<TreePath> {
        let name = path.name();
        let name = match self.by_name.contains_key(&name) {
            true => name,
            false => self.by_name.keys().next_back()?.clone(),
        };
        let paths = self.by_name.get_mut(&name)?;
        let taken = paths.pop();
        if paths.is_empty() {
            self.by_name.remove(&name);
        }
        taken
    }
}

/// Tells whether the directory that a path is in is in the tree, or can be made in it before
/// anything else is done.
fn is_in(path: &TreePath, tree: &BTreeMap<TreePath, Entry>, steps: &Steps) -> bool {
    ancestors(path).all(|above| match tree.get(&above) {
        Some(Entry::Directory(_)) => true,
        Some(_) => false,
        None => steps.get(&above) == Some(&Step::To(Side::Copy, Some(Leaf::Directory))),
    })
}

/// What came of it.
pub(super) enum Pushed {
    /// The copy has it, and this tree.
    Applied(Applied, TreeId),
    /// The copy changed meanwhile: nothing was done.
    Moved,
}

/// Brings what was changed in the directory into the files at `at`, which have the tree
/// `expected`.
pub(super) async fn push(
    run: &Run,
    session: &Session,
    (at, expected): (At, At),
    push: &Push,
    tree: &BTreeMap<TreePath, Entry>,
    (directory, root, found): (BorrowedFd<'_>, &Path, &Found),
    message: &Option<String>,
) -> Result<Pushed> {
    let (child, base) = Child::fork(session, at, None).await?;
    if base != expected {
        child.discard().await;
        return Ok(Pushed::Moved);
    }
    let filled = fill(
        run,
        session,
        child.at(),
        push,
        tree,
        (directory, root, found),
    )
    .await;
    let made = match filled {
        Ok(()) => session.tree(child.at()).await,
        Err(failure) => {
            child.discard().await;
            return Err(failure);
        }
    };
    let made = match made {
        Ok(At::Tree(made)) => made,
        Ok(_) => TreeId::empty(),
        Err(error) => {
            child.discard().await;
            return Err(error.into());
        }
    };
    match child.apply(run.revision_message(message)).await {
        Ok(applied) => Ok(Pushed::Applied(applied, made)),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(Pushed::Moved),
        Err(error) => Err(error.into()),
    }
}

async fn fill(
    run: &Run,
    session: &Session,
    at: At,
    push: &Push,
    tree: &BTreeMap<TreePath, Entry>,
    (directory, root, found): (BorrowedFd<'_>, &Path, &Found),
) -> Result<()> {
    let files = session.files(at);
    // What moves into new directories finds them.
    let above: BTreeSet<TreePath> = push.moved.keys().flat_map(ancestors).collect();
    let made = above.iter().filter(|path| !tree.contains_key(path));
    let made = made.map(|path| Change::Mkdir {
        path: path.clone(),
        parents: false,
    });
    let moves = push.moved.iter().map(|(to, from)| Change::Rename {
        from: from.clone(),
        to: to.clone(),
        replace: false,
    });
    let removals = push.removed.iter().map(|path| Change::Remove {
        path: path.clone(),
        recursive: true,
    });
    let mut changes = made.chain(moves).chain(removals).peekable();
    let author = run.author(&None);
    while changes.peek().is_some() {
        let batch = changes.by_ref().take(BATCH).collect();
        let options = ChangeOptions::default().author(author.clone());
        files.change(batch, options).await?;
    }
    if push.written.is_empty() {
        return Ok(());
    }
    let written = push.written.iter().map(|(path, leaf)| {
        let file = tree.get(path).and_then(Entry::as_file);
        // As of any other write, it is kept with the content only.
        let same = file
            .filter(|file| matches!(leaf, Leaf::File { content, .. } if *content == file.content));
        Writing {
            path: path.clone(),
            leaf: leaf.clone(),
            state: found.on_disk.get(path).copied(),
            media_type: file.and_then(|file| file.media_type.clone()),
            provenance: same.and_then(|file| file.provenance.clone()),
        }
    });
    let source = Box::new(Written {
        directory: File::from(
            beneath::open_path(directory, Path::new(""))
                .map_err(|error| io_error("sync", root, error))?,
        ),
        root: root.to_owned(),
        left: written.collect(),
        open: None,
    });
    let limits = ImportLimits::default();
    let options = ImportOptions::default().author(author).limits(limits);
    // What the tree takes was looked at when the directory was.
    session.import(at, source, options, true).await?;
    Ok(())
}

/// Something to be written into the copy.
struct Writing {
    path: TreePath,
    leaf: Leaf,
    state: Option<State>,
    media_type: Option<Text<255>>,
    provenance: Option<Text<MAX_PROVENANCE>>,
}

/// What was changed in the directory, as an import takes it.
struct Written {
    directory: File,
    root: std::path::PathBuf,
    left: VecDeque<Writing>,
    open: Option<Open>,
}

/// A file that is being read.
struct Open {
    file: File,
    place: std::path::PathBuf,
    before: State,
    expected: ContentId,
    hash: Sha256,
}

impl Written {
    fn next_entry(&mut self) -> workspace_core::Result<Option<SourceEntry>> {
        // What was not read is not known to be what it should be.
        while self.read()?.is_some() {}
        let Some(writing) = self.left.pop_front() else {
            return Ok(None);
        };
        let Writing {
            path,
            leaf,
            state,
            media_type,
            provenance,
        } = writing;
        let modified =
            state.map(|state| Timestamp::from_millis((state.modified / 1_000_000) as i64));
        let kind = match leaf {
            Leaf::Directory | Leaf::Special => SourceKind::Directory,
            Leaf::Symlink(target) => SourceKind::Symlink {
                target: Text::new(&target)?,
                modified,
            },
            Leaf::File {
                content,
                executable,
            } => {
                let place = self.root.join(relative(&path));
                let failed = |error| source_error(&place, error);
                let file = beneath::open_file(&self.directory, relative(&path)).map_err(failed)?;
                let before = State::of(&file).map_err(failed)?;
                self.open = Some(Open {
                    file,
                    place,
                    before,
                    expected: content,
                    hash: Sha256::new(),
                });
                SourceKind::File {
                    size: Some(before.size),
                    executable,
                    modified,
                    media_type,
                    provenance,
                }
            }
        };
        Ok(Some(SourceEntry { path, kind }))
    }

    fn read(&mut self) -> workspace_core::Result<Option<Bytes>> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        let mut chunk = vec![0; CHUNK];
        let read = open.file.read(&mut chunk);
        let read = read.map_err(|error| source_error(&open.place, error))?;
        if read > 0 {
            chunk.truncate(read);
            open.hash.update(&chunk);
            return Ok(Some(chunk.into()));
        }
        let after = State::of(&open.file).map_err(|error| source_error(&open.place, error))?;
        let content = ContentId::from_bytes(open.hash.clone().finalize().into());
        if content != open.expected || !is_unchanged(&open.before, &after) {
            return Err(source_error(&open.place, changed()));
        }
        self.open = None;
        Ok(None)
    }
}

fn source_error(place: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Source, "sync")
        .at(place.display())
        .because(&error)
        .with_source(error)
}

impl EntrySource for Written {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<SourceEntry>>> {
        async { self.next_entry() }.boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        async { self.read() }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of all of them were made for each that was looked for.
    #[test]
    fn a_file_that_moved_is_looked_for_by_its_name() {
        let path = |text: &str| TreePath::new(text).unwrap();
        let mut same = Same::default();
        for n in 0..20_000 {
            same.put(path(&format!("/d/{n}")));
        }
        for n in (0..10_000).rev() {
            let taken = same.take(&path(&format!("/e/{n}")));
            assert_eq!(taken, Some(path(&format!("/d/{n}"))));
        }
        // Any other, where none has that name.
        let others = (0..10_000).map(|_| same.take(&path("/e/other")));
        let others: BTreeSet<_> = others.flatten().collect();
        assert_eq!(others.len(), 10_000);
        assert_eq!(same.take(&path("/e/19999")), None);
    }
}
