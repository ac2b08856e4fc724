//! Lists of entries: `ls`, `tree`, `find`.

use clap::ValueEnum;
use workspace_core::{Entry, EntryKind, ErrorKind, Glob, Name, TreePath, View};

use crate::args::{ReadAt, tree_path};
use crate::commands::files::{nearest, require, view};
use crate::exit::{Hinted, Outcome, Result};
use crate::output::{BLUE, CYAN, GREEN, Output, bytes_text, count_text};
use crate::run::Run;
use crate::shapes::EntryShape;
use crate::time::local_text;

/// How many entries are read at once.
pub(crate) const PAGE: usize = 1000;

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
