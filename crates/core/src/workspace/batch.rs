//! Batches of changes to head or to a copy.

use crate::change::{
    AllowedChange, Author, Change, ChangeOptions, Changed, Content, Precondition, WriteOptions,
};
use crate::entry::{Entry, EntryKind, File, Symlink, Text, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::id::BlobKey;
use crate::path::{MAX_PATH, TreePath};
use crate::store::OperationCause;
use crate::tree::{Editor, Found};
use crate::workspace::contents::Stored;
use crate::workspace::tx::{Tx, next_operation, wrong_kind};
use crate::workspace::{At, Workspace};

/// The longest actor, in bytes.
const MAX_ACTOR: usize = 200;
/// The longest note or message, in bytes.
const MAX_NOTE: usize = 8 << 10;

/// A change whose content is stored.
enum Ready {
    Write {
        path: TreePath,
        content: Stored,
        options: WriteOptions,
    },
    Other(Change),
}

/// A change with what a grant demands of it.
struct Guarded {
    ready: Ready,
    rests_on: Option<TreePath>,
}

impl Workspace {
    /// Makes a batch of changes: objects first, then one transaction.
    pub(crate) async fn change(
        &self,
        at: At,
        changes: Vec<AllowedChange>,
        options: ChangeOptions,
    ) -> Result<Changed> {
        check_text("change", &options.author.actor, &options.author.note)?;
        let mut ready = Vec::with_capacity(changes.len());
        for AllowedChange { change, rests_on } in changes {
            let change = match change {
                Change::Write {
                    path,
                    content,
                    options,
                } => {
                    let content = match content {
                        Content::Bytes(bytes) => self.store_bytes(bytes).await?,
                        Content::Stored(stored) => stored,
                    };
                    Ready::Write {
                        path,
                        content,
                        options,
                    }
                }
                other => Ready::Other(other),
            };
            ready.push(Guarded {
                ready: change,
                rests_on,
            });
        }
        let (changed, unneeded) =
            self.write("change", |tx| self.change_in(tx, at, &ready, &options))?;
        self.drop_objects(unneeded).await;
        Ok(changed)
    }

    fn change_in(
        &self,
        tx: &Tx<'_>,
        at: At,
        changes: &[Guarded],
        options: &ChangeOptions,
    ) -> Result<(Changed, Vec<BlobKey>)> {
        let now = self.now();
        let target = Target::load(tx, "change", at, now)?;
        target.expect(options.expect_generation)?;
        let mut editor = Editor::new(tx, &target.tree())?;
        let mut unneeded = Vec::new();
        for change in changes {
            let rests_on = change.rests_on.as_ref();
            rest(&editor, "change", rests_on)?;
            match &change.ready {
                Ready::Write {
                    path,
                    content,
                    options,
                } => {
                    unneeded.extend(write(tx, &mut editor, path, content, options, now)?);
                }
                Ready::Other(change) => make(&mut editor, change, now)?,
            }
        }
        let written = editor.finish()?;
        self.check_entries(tx, "change", &target.tree(), &written)?;
        let author = &options.author;
        let changed = target.commit(tx, written.tree, OperationCause::Edit, author, now)?;
        Ok((changed, unneeded))
    }
}

/// What a batch is made to: head, or an open copy.
pub(crate) enum Target {
    Head(crate::store::HeadRecord),
    Copy(crate::store::CopyRecord),
}

impl Target {
    pub(crate) fn load(
        tx: &Tx<'_>,
        operation: &'static str,
        at: At,
        now: Timestamp,
    ) -> Result<Self> {
        match at {
            At::Head => tx.head().map(Self::Head),
            At::Copy(id) => tx.open_copy(operation, id, now).map(Self::Copy),
            At::Revision(_) | At::Tree(_) => Err(Error::new(ErrorKind::ReadOnly, operation).at(at)),
        }
    }

    fn tree(&self) -> crate::TreeId {
        match self {
            Self::Head(head) => head.tree,
            Self::Copy(copy) => copy.tree,
        }
    }

    fn generation(&self) -> u64 {
        match self {
            Self::Head(head) => head.version,
            Self::Copy(copy) => copy.generation,
        }
    }

    fn expect(&self, expected: Option<u64>) -> Result<()> {
        match expected {
            Some(expected) if expected != self.generation() => {
                let at = match self {
                    Self::Head(_) => At::Head,
                    Self::Copy(copy) => At::Copy(copy.id),
                };
                Err(Error::new(ErrorKind::Stale, "change")
                    .at(at)
                    .because(format!(
                        "at generation {}, not {expected}",
                        self.generation()
                    )))
            }
            _ => Ok(()),
        }
    }

    /// Moves the target to `tree`, if that is another one.
    fn commit(
        self,
        tx: &Tx<'_>,
        tree: crate::TreeId,
        cause: OperationCause,
        author: &Author,
        now: Timestamp,
    ) -> Result<Changed> {
        let same = tree == self.tree();
        let unchanged = Changed {
            generation: self.generation(),
            tree,
            operation: None,
        };
        match self {
            _ if same => Ok(unchanged),
            Self::Head(mut head) => {
                head.version += 1;
                head.tree = tree;
                head.modified = now;
                tx.set_head(&head)?;
                tx.tell(&Event::head_moved(&head, &author.actor))?;
                Ok(Changed {
                    generation: head.version,
                    ..unchanged
                })
            }
            Self::Copy(mut copy) => {
                let operation = next_operation(&copy, cause, author, now, tree);
                tx.move_copy(&mut copy, &operation, now)?;
                Ok(Changed {
                    generation: copy.generation,
                    tree,
                    operation: Some(operation.id),
                })
            }
        }
    }
}

/// Refuses what would need a directory that its grant does not let it make, in the
/// same words whether something else is there or nothing.
pub(crate) fn rest(
    editor: &Editor<'_>,
    operation: &'static str,
    rests_on: Option<&TreePath>,
) -> Result<()> {
    let Some(directory) = rests_on else {
        return Ok(());
    };
    match editor.find(directory)? {
        Some(found) if found.kind() == EntryKind::Directory => Ok(()),
        _ => Err(Error::new(ErrorKind::Denied, operation).at(directory)),
    }
}

/// Refuses an actor or note that is too long for a row.
pub(crate) fn check_text(operation: &'static str, actor: &str, note: &str) -> Result<()> {
    for (what, text, limit) in [
        ("actor", actor, MAX_ACTOR),
        ("note or message", note, MAX_NOTE),
    ] {
        if text.len() > limit || text.contains('\0') {
            return Err(Error::new(ErrorKind::Invalid, operation)
                .at(what)
                .because(format!("a NUL byte, or more than {limit} bytes")));
        }
    }
    Ok(())
}

/// Puts a file unless it is there already. Returns an object that was not needed.
pub(crate) fn write(
    tx: &Tx<'_>,
    editor: &mut Editor<'_>,
    path: &TreePath,
    content: &Stored,
    options: &WriteOptions,
    now: Timestamp,
) -> Result<Option<BlobKey>> {
    let found = editor.find(path)?;
    let old = match &found {
        Some(Found::Entry(Entry::File(file))) => Some(file),
        Some(found) if found.kind() == EntryKind::Directory => {
            return Err(wrong_kind("write", path, EntryKind::Directory));
        }
        _ => None,
    };
    match options.precondition {
        Precondition::Absent if found.is_some() => {
            return Err(Error::new(ErrorKind::AlreadyExists, "write").at(path));
        }
        Precondition::Content(expected) if old.map(|file| file.content) != Some(expected) => {
            let now = old.map_or("no file".into(), |file| file.content.to_string());
            return Err(Error::new(ErrorKind::Stale, "write")
                .at(path)
                .because(format!("expected content {expected}, found {now}")));
        }
        _ => {}
    }
    let same_content = old.filter(|file| file.content == content.id());
    let new = Entry::File(File {
        content: content.id(),
        size: content.size(),
        executable: options
            .executable
            .unwrap_or(old.is_some_and(|file| file.executable)),
        modified: options.modified.unwrap_or(now),
        media_type: options
            .media_type
            .clone()
            .or_else(|| old?.media_type.clone()),
        provenance: options
            .provenance
            .clone()
            .or_else(|| same_content?.provenance.clone()),
    });
    let unneeded = content.commit(tx)?;
    put(editor, path, found.as_ref(), new, options.create_parents)?;
    Ok(unneeded)
}

/// Puts `new` unless what is there differs from it in time at most.
fn put(
    editor: &mut Editor<'_>,
    path: &TreePath,
    found: Option<&Found>,
    new: Entry,
    create_parents: bool,
) -> Result<()> {
    match found {
        Some(Found::Entry(old)) if old.same_but_time(&new) => Ok(()),
        _ => editor.put(path, new, create_parents),
    }
}

pub(crate) fn symlink(
    editor: &mut Editor<'_>,
    path: &TreePath,
    target: &Text<{ crate::MAX_TARGET }>,
    create_parents: bool,
    modified: Timestamp,
) -> Result<()> {
    let found = editor.find(path)?;
    if found
        .as_ref()
        .is_some_and(|found| found.kind() == EntryKind::Directory)
    {
        return Err(wrong_kind("symlink", path, EntryKind::Directory));
    }
    let new = Entry::Symlink(Symlink {
        target: target.clone(),
        modified,
    });
    put(editor, path, found.as_ref(), new, create_parents)
}

fn make(editor: &mut Editor<'_>, change: &Change, now: Timestamp) -> Result<()> {
    match change {
        Change::Write { .. } => Ok(()),
        Change::Mkdir { path, parents } => mkdir(editor, path, *parents),
        Change::Symlink {
            path,
            target,
            create_parents,
        } => symlink(editor, path, target, *create_parents, now),
        Change::Remove { path, recursive } => remove(editor, path, *recursive),
        Change::Rename { from, to, .. } if from == to => found(editor, "rename", from).map(|_| ()),
        Change::Rename { from, to, replace } => {
            let entry = transfer(editor, "rename", from, to, *replace)?;
            editor.remove(from)?;
            editor.put(to, entry, false)
        }
        Change::Copy { from, to, replace } => {
            let entry = transfer(editor, "copy", from, to, *replace)?;
            editor.put(to, entry, false)
        }
        Change::SetExecutable { path, executable } => {
            match found(editor, "set executable", path)? {
                Found::Entry(Entry::File(file)) if file.executable == *executable => Ok(()),
                Found::Entry(Entry::File(file)) => {
                    let file = File {
                        executable: *executable,
                        modified: now,
                        ..file
                    };
                    editor.put(path, Entry::File(file), false)
                }
                other => Err(Error::new(ErrorKind::Invalid, "set executable")
                    .at(path)
                    .because(format!("it is a {}", other.kind()))),
            }
        }
    }
}

fn found(editor: &Editor<'_>, operation: &'static str, path: &TreePath) -> Result<Found> {
    editor
        .find(path)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, operation).at(path))
}

pub(crate) fn mkdir(editor: &mut Editor<'_>, path: &TreePath, parents: bool) -> Result<()> {
    match editor.find(path)? {
        Some(found) if found.kind() == EntryKind::Directory && parents => Ok(()),
        Some(found) => Err(Error::new(ErrorKind::AlreadyExists, "mkdir")
            .at(path)
            .because(format!("it is a {}", found.kind()))),
        None => editor.put_directory(path, parents),
    }
}

fn remove(editor: &mut Editor<'_>, path: &TreePath, recursive: bool) -> Result<()> {
    if path.is_root() {
        return Err(Error::new(ErrorKind::Invalid, "remove")
            .at(path)
            .because("the root stays"));
    }
    found(editor, "remove", path)?;
    if !recursive {
        refuse_full(editor, "remove", path)?;
    }
    editor.remove(path)
}

/// Fails where `path` is a directory with entries.
pub(crate) fn refuse_full(
    editor: &mut Editor<'_>,
    operation: &'static str,
    path: &TreePath,
) -> Result<()> {
    match editor.take_entry(path)? {
        Some(Entry::Directory(directory)) if directory.summary.entries() > 0 => {
            Err(Error::new(ErrorKind::NotEmpty, operation)
                .at(path)
                .because(format!("{} entries below", directory.summary.entries())))
        }
        _ => Ok(()),
    }
}

/// Checks a rename or copy, and returns the entry that goes to `to`.
fn transfer(
    editor: &mut Editor<'_>,
    operation: &'static str,
    from: &TreePath,
    to: &TreePath,
    replace: bool,
) -> Result<Entry> {
    let source = found(editor, operation, from)?;
    if to.starts_with(from) {
        return Err(Error::new(ErrorKind::Invalid, operation)
            .at(to)
            .because("a directory cannot go into itself"));
    }
    if let Some(target) = editor.find(to)? {
        let directory = EntryKind::Directory;
        if !replace {
            return Err(Error::new(ErrorKind::AlreadyExists, operation).at(to));
        }
        if (source.kind() == directory) != (target.kind() == directory) {
            return Err(wrong_kind(operation, to, target.kind()));
        }
        refuse_full(editor, operation, to)?;
    }
    let entry = editor.take_entry(from)?;
    let entry = entry.ok_or_else(|| Error::new(ErrorKind::NotFound, operation).at(from))?;
    let longest = entry
        .as_directory()
        .map_or(0, |directory| directory.summary.longest);
    if longest.saturating_add(to.as_str().len() as u64) > MAX_PATH as u64 {
        return Err(Error::new(ErrorKind::Invalid, operation)
            .at(to)
            .because(format!(
                "paths below it would be longer than {MAX_PATH} bytes"
            )));
    }
    Ok(entry)
}
