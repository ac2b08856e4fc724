//! Changes put into an editor: what each needs to be there, and what it leaves.

use crate::change::{Change, Precondition, WriteOptions};
use crate::entry::{Entry, EntryKind, File, MAX_TARGET, Summary, Symlink, Text, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, ContentId};
use crate::path::TreePath;
use crate::reason::{Reason, Sought};
use crate::tree::{Editor, Found};
use crate::workspace::contents::Stored;
use crate::workspace::tx::{Tx, wrong_kind};

/// A change that a transaction can make.
pub(crate) struct Prepared {
    pub(crate) what: What,
    /// The directory that a grant demands to be there; where it is not, the change
    /// is denied.
    pub(crate) rests_on: Option<TreePath>,
    /// The longest path that it may lead to.
    pub(crate) longest: usize,
}

/// A change, the content of a write stored.
pub(crate) enum What {
    Write {
        path: TreePath,
        content: Stored,
        options: WriteOptions,
    },
    /// Any other change.
    Other(Change),
    /// Removes what is there, if anything is, with all below it.
    Gone(TreePath),
}

/// What happens where an entry of another kind is in the way of a file, a
/// directory or a symlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherKind {
    /// What the change says by itself.
    PerChange,
    /// The change fails: `NotADirectory` or `IsADirectory`.
    Stays,
    /// It is removed, unless it is a directory with entries.
    GivesWay,
}

/// What changes led to, beside what is in the editor.
#[derive(Default)]
pub(crate) struct Edited {
    /// The objects that were not needed, since their contents were there.
    pub(crate) unneeded: Vec<BlobKey>,
    /// The bytes of the files that were written and copied, and those of the names, targets,
    /// media types and provenance of all entries that were put.
    pub(crate) bytes: u64,
    /// How many entries were removed since their source has them no longer.
    pub(crate) gone: u64,
}

/// Puts changes into the editor, in order.
pub(crate) fn edit(
    tx: &Tx<'_>,
    editor: &mut Editor<'_>,
    changes: &[Prepared],
    other_kind: OtherKind,
    now: Timestamp,
) -> Result<Edited> {
    let mut edited = Edited::default();
    for Prepared {
        what,
        rests_on,
        longest,
    } in changes
    {
        if let Some(directory) = rests_on {
            rest(editor, directory, other_kind)?;
        }
        if other_kind != OtherKind::PerChange {
            make_room(editor, what, other_kind)?;
        }
        match what {
            What::Write {
                path,
                content,
                options,
            } => {
                let written = write(tx, editor, path, content, options, now)?;
                edited.unneeded.extend(written.unneeded);
                edited.bytes = edited.bytes.saturating_add(written.bytes);
            }
            What::Gone(path) => {
                if !path.is_root() && editor.find(path)?.is_some() {
                    editor.remove(path)?;
                    edited.gone += 1;
                }
            }
            What::Other(change) => {
                let copied = make(editor, change, *longest, now)?;
                edited.bytes = edited.bytes.saturating_add(copied);
            }
        }
    }
    edited.bytes = edited.bytes.saturating_add(editor.texts());
    Ok(edited)
}

/// Refuses what would need a directory that its grant does not let it make, in the
/// same words whether something else is there or nothing.
fn rest(editor: &Editor<'_>, directory: &TreePath, other_kind: OtherKind) -> Result<()> {
    let operation = match other_kind {
        OtherKind::PerChange => "change",
        OtherKind::Stays | OtherKind::GivesWay => "import",
    };
    match editor.find(directory)? {
        Some(found) if found.kind() == EntryKind::Directory => Ok(()),
        _ => Err(Error::new(ErrorKind::Denied, operation).at(directory)),
    }
}

/// Removes an entry of another kind than the change makes, or refuses to.
fn make_room(editor: &mut Editor<'_>, what: &What, other_kind: OtherKind) -> Result<()> {
    let (path, directory) = match what {
        What::Write { path, .. } | What::Other(Change::Symlink { path, .. }) => (path, false),
        What::Other(Change::Mkdir { path, .. }) => (path, true),
        What::Other(_) | What::Gone(_) => return Ok(()),
    };
    let Some(found) = editor.find(path)?.map(|found| found.kind()) else {
        return Ok(());
    };
    if directory == (found == EntryKind::Directory) {
        return Ok(());
    }
    if other_kind == OtherKind::Stays || path.is_root() {
        return Err(wrong_kind("import", path, found));
    }
    match entries_below(editor, path)? {
        0 => editor.remove(path),
        entries => Err(Error::new(ErrorKind::IsADirectory, "import")
            .at(path)
            .because(format!(
                "a directory with {entries} entries is there, and a file would take its place"
            ))),
    }
}

/// Fails as a write of whatever content to `path` would, in an editor that is to be
/// thrown away; returns what is there now.
pub(crate) fn rehearse(
    editor: &mut Editor<'_>,
    path: &TreePath,
    rests_on: Option<&TreePath>,
    options: &WriteOptions,
) -> Result<Option<Found>> {
    if let Some(directory) = rests_on {
        rest(editor, directory, OtherKind::PerChange)?;
    }
    let found = check_write(editor, path, options)?;
    let file = Entry::File(File {
        content: ContentId::of(b""),
        size: 0,
        executable: false,
        modified: Timestamp::default(),
        media_type: None,
        provenance: None,
    });
    editor.put(path, file, options.create_parents)?;
    Ok(found)
}

/// Checks what is there already before a write; returns it.
fn check_write(
    editor: &Editor<'_>,
    path: &TreePath,
    options: &WriteOptions,
) -> Result<Option<Found>> {
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
    Ok(found)
}

/// Writes a file unless it is there already.
fn write(
    tx: &Tx<'_>,
    editor: &mut Editor<'_>,
    path: &TreePath,
    content: &Stored,
    options: &WriteOptions,
    now: Timestamp,
) -> Result<Edited> {
    let found = check_write(editor, path, options)?;
    let old = match &found {
        Some(Found::Entry(Entry::File(file))) => Some(file),
        _ => None,
    };
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
    let bytes = match same_content {
        Some(_) => 0,
        None => content.size(),
    };
    let unneeded = content.commit(tx)?.into_iter().collect();
    put_if_other(editor, path, found.as_ref(), new, options.create_parents)?;
    Ok(Edited {
        unneeded,
        bytes,
        gone: 0,
    })
}

/// Puts `new` unless what is there differs from it in time at most.
fn put_if_other(
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

fn symlink(
    editor: &mut Editor<'_>,
    path: &TreePath,
    target: &Text<MAX_TARGET>,
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
    put_if_other(editor, path, found.as_ref(), new, create_parents)
}

/// Makes a change that is not a write; returns the bytes of the files that it copied.
fn make(editor: &mut Editor<'_>, change: &Change, longest: usize, now: Timestamp) -> Result<u64> {
    let made = match change {
        Change::Copy { from, to, replace } => {
            let entry = transfer(editor, "copy", (from, to), *replace, longest)?;
            let bytes = Summary::of("", &entry).bytes;
            editor.put(to, entry, false)?;
            return Ok(bytes);
        }
        // `What::Write` is what becomes of it.
        Change::Write { path, .. } => Err(Error::invalid(Reason::UnknownContent, "write")
            .at(path)
            .because("its content is not stored")),
        Change::Mkdir { path, parents } => mkdir(editor, path, *parents),
        Change::Symlink {
            path,
            target,
            create_parents,
            modified,
        } => {
            let modified = modified.unwrap_or(now);
            symlink(editor, path, target, *create_parents, modified)
        }
        Change::Remove { path, recursive } => remove(editor, path, *recursive),
        Change::Rename { from, to, .. } if from == to => found(editor, "rename", from).map(|_| ()),
        Change::Rename { from, to, replace } => {
            let entry = transfer(editor, "rename", (from, to), *replace, longest)?;
            editor.remove(from)?;
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
                other => Err(Error::invalid(Reason::NotAFile, "set executable")
                    .at(path)
                    .because(format!("it is a {}", other.kind()))),
            }
        }
    };
    made.map(|()| 0)
}

fn found(editor: &Editor<'_>, operation: &'static str, path: &TreePath) -> Result<Found> {
    editor
        .find(path)?
        .ok_or_else(|| Error::not_found(Sought::Path, operation).at(path))
}

fn mkdir(editor: &mut Editor<'_>, path: &TreePath, parents: bool) -> Result<()> {
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
        return Err(Error::invalid(Reason::Root, "remove")
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
fn refuse_full(editor: &mut Editor<'_>, operation: &'static str, path: &TreePath) -> Result<()> {
    match entries_below(editor, path)? {
        0 => Ok(()),
        entries => Err(Error::new(ErrorKind::NotEmpty, operation)
            .at(path)
            .because(format!("{entries} entries below"))),
    }
}

/// Returns how many entries are below `path`: none unless it is a directory.
fn entries_below(editor: &mut Editor<'_>, path: &TreePath) -> Result<u64> {
    Ok(match editor.take_entry(path)? {
        Some(Entry::Directory(directory)) => directory.summary.entries(),
        _ => 0,
    })
}

/// Checks a rename or copy, and returns the entry that goes to the second path: none
/// below it may be longer than `most` bytes.
fn transfer(
    editor: &mut Editor<'_>,
    operation: &'static str,
    (from, to): (&TreePath, &TreePath),
    replace: bool,
    most: usize,
) -> Result<Entry> {
    let source = found(editor, operation, from)?;
    if to.starts_with(from) {
        let (reason, why) = match from.is_root() {
            true => (Reason::Root, "the root stays where it is"),
            false => (Reason::IntoItself, "a directory cannot go into itself"),
        };
        return Err(Error::invalid(reason, operation).at(to).because(why));
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
    let entry = entry.ok_or_else(|| Error::not_found(Sought::Path, operation).at(from))?;
    let longest = entry
        .as_directory()
        .map_or(0, |directory| directory.summary.longest);
    if longest.saturating_add(to.as_str().len() as u64) > most as u64 {
        return Err(Error::invalid(Reason::PathTooLong, operation)
            .at(to)
            .because("paths below it would be longer than a path may be"));
    }
    Ok(entry)
}
