//! Reading files: `ls`, `tree`, `cat`, `stat`, `find`.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use futures::TryStreamExt;
use serde::Serialize;
use workspace_core::{
    Entry, EntryKind, Error, ErrorKind, Glob, Name, Opened, TreePath, View, Workspace,
};

use crate::args::{ReadAt, tree_path};
use crate::commands::copies::{SIMILAR, likeness};
use crate::exit::{Failure, Hinted, Outcome, Result};
use crate::output::{BLUE, CYAN, GREEN, Output, bytes_text, count_text};
use crate::run::Run;
use crate::shapes::EntryShape;
use crate::time::local_text;

/// How many entries are read at once.
const PAGE: usize = 1000;

#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// The directory
    #[arg(default_value = "/", value_parser = tree_path)]
    path: TreePath,
    /// Also tell sizes and times
    #[arg(short, long)]
    long: bool,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Tree {
    /// The directory
    #[arg(default_value = "/", value_parser = tree_path)]
    path: TreePath,
    /// How many levels are shown
    #[arg(short, long, value_name = "LEVELS")]
    depth: Option<usize>,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Cat {
    /// The files
    #[arg(required = true, value_parser = tree_path)]
    paths: Vec<TreePath>,
    /// Only these bytes: FROM..TO, FROM.. or ..TO, counted from 0, TO not included
    #[arg(long, value_name = "RANGE", value_parser = parse_range)]
    range: Option<Range<u64>>,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Stat {
    /// The entry
    #[arg(value_parser = tree_path)]
    path: TreePath,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Find {
    /// Patterns such as '*.rs' or '/src/**/test_*'; an entry matches one of them
    globs: Vec<Glob>,
    /// Only below this directory
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    below: TreePath,
    /// Only entries of this kind
    #[arg(short, long)]
    kind: Option<Kind>,
    /// Also tell sizes and times
    #[arg(short, long)]
    long: bool,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    File,
    Directory,
    Symlink,
}

impl Kind {
    fn is(self, entry: &Entry) -> bool {
        let kind = match self {
            Self::File => EntryKind::File,
            Self::Directory => EntryKind::Directory,
            Self::Symlink => EntryKind::Symlink,
        };
        entry.kind() == kind
    }
}

fn parse_range(text: &str) -> workspace_core::Result<Range<u64>> {
    let invalid = || {
        Error::new(ErrorKind::Invalid, "parse range")
            .at(text.escape_debug())
            .because("expected FROM..TO, FROM.. or ..TO")
    };
    let (from, to) = text.split_once("..").ok_or_else(invalid)?;
    let number = |text: &str, open: u64| match text {
        "" => Ok(open),
        _ => text.parse().map_err(|_| invalid()),
    };
    Ok(number(from, 0)?..number(to, u64::MAX)?)
}

/// Returns the entry at a path.
///
/// # Errors
/// `NotFound`, with the directory to look in as the hint.
pub(crate) fn require(view: &View, operation: &'static str, path: &TreePath) -> Result<Entry> {
    match view.stat(path)? {
        Some(entry) => Ok(entry),
        None => Err(Failure::Error {
            error: Error::new(ErrorKind::NotFound, operation).at(path),
            hint: nearest(view, path),
        }),
    }
}

/// Returns a hint for a path that is not there: the deepest directory that is,
/// and a name in it that is like the missing one.
pub(crate) fn nearest(view: &View, path: &TreePath) -> Option<String> {
    let mut missing = path.clone();
    let directory = loop {
        let parent = missing.parent()?;
        if let Ok(Some(Entry::Directory(_))) = view.stat(&parent) {
            break parent;
        }
        missing = parent;
    };
    let name = missing.name()?;
    let names = view.list(&directory, None, PAGE).ok()?;
    let close = names
        .iter()
        .map(|(other, _)| (likeness(name.as_str(), other.as_str()), other))
        // The very name was there, and is not any more within a batch.
        .filter(|(likeness, other)| *likeness >= SIMILAR && **other != name)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Some(match close {
        Some((_, close)) => format!("did you mean {}?", directory.join(close).ok()?),
        None => format!("`workspace ls {directory}` lists what is there"),
    })
}

fn view(workspace: &Workspace, at: &ReadAt) -> Result<View> {
    Ok(workspace.files(at.find(workspace)?))
}

/// Calls `each` with the entries of a directory, in byte order.
pub(crate) fn each_entry(
    view: &View,
    path: &TreePath,
    mut each: impl FnMut(&Name, &Entry) -> Result<()>,
) -> Result<()> {
    let mut after = None;
    loop {
        let page = view
            .list(path, after.as_ref(), PAGE)
            .hinted(|error| match error.kind() {
                ErrorKind::NotFound => nearest(view, path),
                _ => None,
            })?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        for (name, entry) in &page {
            each(name, entry)?;
        }
    }
}

/// Lists a directory.
pub(crate) fn ls(run: &Run, args: &Ls) -> Result<Outcome> {
    let view = view(run.workspace()?, &args.at)?;
    let out = &run.out;
    let entry = require(&view, "list", &args.path)?;
    if entry.kind() != EntryKind::Directory {
        if out.is_json() {
            let mut list = out.begin_list("entries")?;
            list.item(&EntryShape::new(&args.path, &entry))?;
            list.end()?;
        } else {
            print_entry(out, args.path.as_str(), &entry, args.long)?;
        }
        return Ok(Outcome::Done);
    }
    if out.is_json() {
        let mut list = out.begin_list("entries")?;
        each_entry(&view, &args.path, |name, entry| {
            list.item(&EntryShape::new(&args.path.join(name)?, entry))
        })?;
        list.end()?;
    } else {
        each_entry(&view, &args.path, |name, entry| {
            print_entry(out, name.as_str(), entry, args.long)
        })?;
    }
    Ok(Outcome::Done)
}

/// Prints an entry in one line.
fn print_entry(out: &Output, name: &str, entry: &Entry, long: bool) -> Result<()> {
    let name = coloured(out, name, entry);
    if !long {
        return out.line(name);
    }
    let mark = match entry {
        Entry::File(file) if file.executable => 'x',
        Entry::File(_) => '-',
        Entry::Directory(_) => 'd',
        Entry::Symlink(_) => 'l',
    };
    let time = entry.modified().map_or_else(String::new, local_text);
    let target = match entry {
        Entry::Symlink(symlink) => format!(" -> {}", out.safe(symlink.target.as_str())),
        _ => String::new(),
    };
    out.line(format!(
        "{mark} {:>12} {time:19} {name}{target}",
        entry.size()
    ))
}

/// Returns a name in the colour of its kind; a directory's ends in a slash.
fn coloured(out: &Output, name: &str, entry: &Entry) -> String {
    let name = out.safe(name);
    match entry {
        Entry::Directory(_) if name == "/" => out.paint(BLUE, name),
        Entry::Directory(_) => format!("{}/", out.paint(BLUE, name)),
        Entry::Symlink(_) => out.paint(CYAN, name),
        Entry::File(file) if file.executable => out.paint(GREEN, name),
        Entry::File(_) => name.into_owned(),
    }
}

/// Shows a directory as a tree.
pub(crate) fn tree(run: &Run, args: &Tree) -> Result<Outcome> {
    let view = view(run.workspace()?, &args.at)?;
    let out = &run.out;
    let root = require(&view, "list", &args.path)?;
    let depth = args.depth.unwrap_or(usize::MAX);
    if out.is_json() {
        let levels = args.path.segments().count();
        let mut walk = view.walk(&args.path)?;
        let mut list = out.begin_list("entries")?;
        while let Some((path, entry)) = walk.next().transpose()? {
            let level = path.segments().count() - levels;
            if level >= depth {
                walk.skip_directory();
            }
            if level <= depth {
                list.item(&EntryShape::new(&path, &entry))?;
            }
        }
        list.end()?;
        return Ok(Outcome::Done);
    }
    out.line(coloured(out, args.path.as_str(), &root))?;
    draw(out, &view, &args.path, "", depth)?;
    if let Entry::Directory(directory) = root {
        let summary = directory.summary;
        out.say(format!(
            "{}, {}, {}",
            count_text(summary.directories, "directory", "directories"),
            count_text(summary.files, "file", "files"),
            bytes_text(summary.bytes)
        ))?;
    }
    Ok(Outcome::Done)
}

/// Draws what is in a directory, each line led by `prefix`. Goes as deep as
/// paths can be long: 2,048 levels.
fn draw(out: &Output, view: &View, path: &TreePath, prefix: &str, depth: usize) -> Result<()> {
    if depth == 0 {
        return Ok(());
    }
    let mut entries = Vec::new();
    each_entry(view, path, |name, entry| {
        entries.push((name.clone(), entry.clone()));
        Ok(())
    })?;
    let count = entries.len();
    for (index, (name, entry)) in entries.into_iter().enumerate() {
        let (branch, below) = match index + 1 == count {
            true => ("└── ", "    "),
            false => ("├── ", "│   "),
        };
        let shown = coloured(out, name.as_str(), &entry);
        out.line(format!("{prefix}{branch}{shown}"))?;
        if let Entry::Directory(_) = entry {
            draw(
                out,
                view,
                &path.join(&name)?,
                &format!("{prefix}{below}"),
                depth - 1,
            )?;
        }
    }
    Ok(())
}

/// Prints files.
pub(crate) async fn cat(run: &Run, args: &Cat) -> Result<Outcome> {
    let view = view(run.workspace()?, &args.at)?;
    let mut files = match run.out.is_json() {
        true => Some(run.out.begin_list("files")?),
        false => None,
    };
    for path in &args.paths {
        let opened = view.open(path, args.range.clone()).await;
        let opened = opened.hinted(|error| match error.kind() {
            ErrorKind::NotFound => nearest(&view, path),
            _ => None,
        })?;
        match &mut files {
            Some(files) => files.item(&content_shape(path, opened).await?)?,
            None => {
                let mut body = opened.body;
                while let Some(chunk) = body.try_next().await? {
                    run.out.bytes(&chunk)?;
                }
            }
        }
    }
    if let Some(files) = files {
        files.end()?;
    }
    Ok(Outcome::Done)
}

/// A file's bytes, as text where they are UTF-8.
#[derive(Debug, Serialize)]
struct ContentShape {
    path: String,
    size: u64,
    from: u64,
    to: u64,
    encoding: &'static str,
    content: String,
}

async fn content_shape(path: &TreePath, mut opened: Opened) -> Result<ContentShape> {
    let mut bytes = Vec::new();
    while let Some(chunk) = opened.body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    let (encoding, content) = match String::from_utf8(bytes) {
        Ok(text) => ("utf-8", text),
        Err(error) => ("base64", BASE64.encode(error.as_bytes())),
    };
    Ok(ContentShape {
        path: path.to_string(),
        size: opened.file.size,
        from: opened.range.start,
        to: opened.range.end,
        encoding,
        content,
    })
}

/// Tells all about an entry.
pub(crate) fn stat(run: &Run, args: &Stat) -> Result<Outcome> {
    let view = view(run.workspace()?, &args.at)?;
    let out = &run.out;
    let entry = require(&view, "stat", &args.path)?;
    if out.is_json() {
        out.json(&EntryShape::new(&args.path, &entry))?;
        return Ok(Outcome::Done);
    }
    let field = |what: &str, text: &dyn std::fmt::Display| {
        out.line(format!("{what:12} {}", out.safe(&text.to_string())))
    };
    field("path", &args.path)?;
    field("kind", &entry.kind())?;
    match &entry {
        Entry::File(file) => {
            field("size", &file.size)?;
            field("content", &file.content)?;
            field("executable", &if file.executable { "yes" } else { "no" })?;
            field("modified", &local_text(file.modified))?;
            if let Some(media_type) = &file.media_type {
                field("media type", media_type)?;
            }
            if let Some(provenance) = &file.provenance {
                field("provenance", provenance)?;
            }
        }
        Entry::Directory(directory) => {
            field("tree", &directory.tree)?;
            field("files", &directory.summary.files)?;
            field("directories", &directory.summary.directories)?;
            field("bytes", &directory.summary.bytes)?;
        }
        Entry::Symlink(symlink) => {
            field("target", &symlink.target)?;
            field("modified", &local_text(symlink.modified))?;
        }
    }
    Ok(Outcome::Done)
}

/// Finds entries by name and kind.
pub(crate) fn find(run: &Run, args: &Find) -> Result<Outcome> {
    let view = view(run.workspace()?, &args.at)?;
    let out = &run.out;
    require(&view, "find", &args.below)?;
    let wanted = |path: &TreePath, entry: &Entry| {
        let named = args.globs.is_empty() || args.globs.iter().any(|glob| glob.matches(path));
        named && args.kind.is_none_or(|kind| kind.is(entry))
    };
    let mut list = match out.is_json() {
        true => Some(out.begin_list("entries")?),
        false => None,
    };
    let mut walk = view.walk(&args.below)?;
    while let Some((path, entry)) = walk.next().transpose()? {
        if wanted(&path, &entry) {
            match &mut list {
                Some(list) => list.item(&EntryShape::new(&path, &entry))?,
                None => print_entry(out, path.as_str(), &entry, args.long)?,
            }
        }
        let possible = |glob: &Glob| glob.may_match_below(&path);
        if !args.globs.is_empty() && !args.globs.iter().any(possible) {
            walk.skip_directory();
        }
    }
    if let Some(list) = list {
        list.end()?;
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_be_open() {
        for (text, range) in [
            ("0..10", 0..10),
            ("5..", 5..u64::MAX),
            ("..5", 0..5),
            ("..", 0..u64::MAX),
        ] {
            assert_eq!(parse_range(text).unwrap(), range);
        }
        for bad in ["", "5", "a..b", "-1..2", "1...2"] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }
}
