//! Differences as patches: reads the contents that changed.

use bytes::Bytes;
use workspace_core::{
    At, BinaryStyle, Difference, Entry, File, Patch, PatchMode, PatchSide, Text, TreePath,
};

use crate::exit::Result;
use crate::session::Session;

/// Files above this many bytes are not compared line by line.
pub(crate) const MAX_COMPARED: u64 = 64 << 20;

/// What became of a difference.
pub(crate) enum Compared {
    /// It was compared.
    Patch {
        /// Added lines.
        added: u64,
        /// Removed lines.
        removed: u64,
        /// Whether it is binary.
        binary: bool,
        /// The patch, where it was asked for.
        text: Vec<u8>,
    },
    /// Directories do not show in patches.
    Directory,
    /// It has this many bytes, too many.
    TooLarge(u64),
}

/// Compares the two sides of a difference between `from` and `to`; renders it
/// where a style is given.
///
/// # Errors
/// Those of reading the contents.
pub(crate) async fn compare(
    session: &Session,
    (from, to): (At, At),
    difference: &Difference,
    style: Option<BinaryStyle>,
) -> Result<Compared> {
    let (old, new) = (leaf(&difference.old), leaf(&difference.new));
    if old.is_none() && new.is_none() {
        return Ok(Compared::Directory);
    }
    let same = match (old, new) {
        (Some(Entry::File(old)), Some(Entry::File(new))) => old.content == new.content,
        _ => false,
    };
    let largest = old.into_iter().chain(new).map(Entry::size).max();
    if !same && let Some(size) = largest.filter(|size| *size > MAX_COMPARED) {
        return Ok(Compared::TooLarge(size));
    }
    let old_path = difference.renamed_from.as_ref().unwrap_or(&difference.path);
    // Equal contents need not be read: they do not appear in a patch.
    let (old, new) = match same {
        true => (side(old, Bytes::new()), side(new, Bytes::new())),
        false => (
            side(old, read(session, from, old_path, old).await?),
            side(new, read(session, to, &difference.path, new).await?),
        ),
    };
    fn borrowed(side: &Option<(PatchMode, Bytes)>) -> Option<PatchSide<'_>> {
        side.as_ref()
            .map(|(mode, bytes)| PatchSide { mode: *mode, bytes })
    }
    let patch = Patch::new(
        &difference.path,
        difference.renamed_from.as_ref(),
        borrowed(&old),
        borrowed(&new),
    );
    Ok(Compared::Patch {
        added: patch.added(),
        removed: patch.removed(),
        binary: patch.is_binary(),
        text: style.map_or_else(Vec::new, |style| patch.render(style)),
    })
}

/// Returns what a patch does not hold of a difference, a line each: directories without
/// files, media types and provenance.
pub(crate) fn unpatched(difference: &Difference) -> Vec<String> {
    let path = &difference.path;
    // What has files shows by them.
    let is_bare = |entry: &Option<Entry>| {
        let directory = entry.as_ref().and_then(Entry::as_directory);
        directory.is_some_and(|directory| directory.summary.files == 0)
    };
    let is_directory = |entry: &Option<Entry>| {
        let entry = entry.as_ref();
        entry.is_some_and(|entry| entry.as_directory().is_some())
    };
    let mut lines = Vec::new();
    if is_bare(&difference.old) && !is_directory(&difference.new) {
        lines.push(format!("removed directory {path}/"));
    }
    if is_bare(&difference.new) && !is_directory(&difference.old) {
        lines.push(format!("new directory {path}/"));
    }
    if let (Some(Entry::File(old)), Some(Entry::File(new))) = (&difference.old, &difference.new) {
        let texts = [
            ("media type", text(&old.media_type), text(&new.media_type)),
            ("provenance", text(&old.provenance), text(&new.provenance)),
        ];
        for (what, old, new) in texts {
            if old != new {
                let shown = |text: Option<&str>| text.unwrap_or("none").to_owned();
                lines.push(format!(
                    "{what} of {path}: {} -> {}",
                    shown(old),
                    shown(new)
                ));
            }
        }
    }
    lines
}

fn text<const MAX: usize>(text: &Option<Text<MAX>>) -> Option<&str> {
    text.as_ref().map(Text::as_str)
}

/// Returns what git knows of: files and symlinks.
fn leaf(entry: &Option<Entry>) -> Option<&Entry> {
    entry
        .as_ref()
        .filter(|entry| entry.as_directory().is_none())
}

async fn read(session: &Session, at: At, path: &TreePath, entry: Option<&Entry>) -> Result<Bytes> {
    match entry {
        Some(Entry::File(file)) => Ok(session.files(at).read_found(path, file).await?),
        Some(Entry::Symlink(symlink)) => {
            Ok(Bytes::copy_from_slice(symlink.target.as_str().as_bytes()))
        }
        Some(Entry::Directory(_)) | None => Ok(Bytes::new()),
    }
}

fn side(entry: Option<&Entry>, bytes: Bytes) -> Option<(PatchMode, Bytes)> {
    let mode = match entry? {
        Entry::File(File {
            executable: true, ..
        }) => PatchMode::Executable,
        Entry::File(_) => PatchMode::Regular,
        Entry::Symlink(_) | Entry::Directory(_) => PatchMode::Symlink,
    };
    Some((mode, bytes))
}
