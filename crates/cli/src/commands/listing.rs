//! Lists of entries: `ls`, `tree`, `find`.

use clap::ValueEnum;
use workspace_core::{Entry, EntryKind, Glob, Name, TreePath};

use crate::args::{ReadAt, tree_path};
use crate::commands::files::{require, told_nearest, view};
use crate::exit::{Outcome, Result};
use crate::output::{BLUE, CYAN, GREEN, Output, bytes_text, count_text};
use crate::run::Run;
use crate::session::Files;
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
    /// List names that begin with a dot as well, which is always so
    #[arg(short, long, hide = true)]
    all: bool,
    /// List one name a line, which is always so
    #[arg(short = '1', hide = true)]
    lines: bool,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Tree {
    /// The directory
    #[arg(default_value = "/", value_parser = tree_path)]
    path: TreePath,
    /// How many levels are shown
    #[arg(short, long, short_alias = 'L', value_name = "LEVELS")]
    depth: Option<usize>,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Find {
    /// Patterns such as '*.rs', a name at any depth, or 'src/**/test_*', from the root; an entry matches one of them
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

/// A directory that is read page by page, in byte order of the names.
pub(crate) struct Listing<'a> {
    files: Files<'a>,
    path: TreePath,
    page: std::vec::IntoIter<(Name, Entry)>,
    after: Option<Name>,
    ended: bool,
}

impl<'a> Listing<'a> {
    /// Begins to read the directory `path`.
    pub(crate) fn new(files: Files<'a>, path: &TreePath) -> Self {
        Self {
            files,
            path: path.clone(),
            page: Vec::new().into_iter(),
            after: None,
            ended: false,
        }
    }

    /// Returns the next entry; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<(Name, Entry)>> {
        if self.page.len() == 0 && !self.ended {
            let page = self.files.list(&self.path, self.after.as_ref(), PAGE);
            let page = told_nearest(page.await, self.files, &self.path).await?;
            self.ended = page.len() < PAGE;
            self.after = page.last().map(|(name, _)| name.clone());
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }

    /// Returns all entries.
    pub(crate) async fn all(mut self) -> Result<Vec<(Name, Entry)>> {
        let mut all = Vec::new();
        while let Some(entry) = self.next().await? {
            all.push(entry);
        }
        Ok(all)
    }
}

/// Lists a directory.
pub(crate) async fn ls(run: &Run, args: &Ls) -> Result<Outcome> {
    let view = view(run.session()?, &args.at).await?;
    let out = &run.out;
    let entry = require(view, "list", &args.path).await?;
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
    let mut list = match out.is_json() {
        true => Some(out.begin_list("entries")?),
        false => None,
    };
    let mut listing = Listing::new(view, &args.path);
    while let Some((name, entry)) = listing.next().await? {
        match &mut list {
            Some(list) => list.item(&EntryShape::new(&args.path.join(&name)?, &entry))?,
            None => print_entry(out, name.as_str(), &entry, args.long)?,
        }
    }
    if let Some(list) = list {
        list.end()?;
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
pub(crate) async fn tree(run: &Run, args: &Tree) -> Result<Outcome> {
    let view = view(run.session()?, &args.at).await?;
    let out = &run.out;
    let root = require(view, "list", &args.path).await?;
    let depth = args.depth.unwrap_or(usize::MAX);
    if out.is_json() {
        let levels = args.path.segments().count();
        let mut walk = view.walk(&args.path).await?;
        let mut list = out.begin_list("entries")?;
        while let Some((path, entry)) = walk.next().await? {
            let level = path.segments().count().saturating_sub(levels);
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
    draw(out, view, &args.path, depth).await?;
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

/// Draws what is in a directory, `depth` levels down.
async fn draw(out: &Output, files: Files<'_>, path: &TreePath, depth: usize) -> Result<()> {
    let mut levels = Vec::new();
    if depth > 0 {
        levels.push(Level::read(files, path, String::new()).await?);
    }
    while let Some(level) = levels.last_mut() {
        let Some((name, entry)) = level.entries.next() else {
            levels.pop();
            continue;
        };
        let (branch, below) = match level.entries.len() {
            0 => ("└── ", "    "),
            _ => ("├── ", "│   "),
        };
        let shown = coloured(out, name.as_str(), &entry);
        out.line(format!("{}{branch}{shown}", level.prefix))?;
        let (path, prefix) = (level.path.join(&name)?, format!("{}{below}", level.prefix));
        if let Entry::Directory(_) = entry
            && levels.len() < depth
        {
            levels.push(Level::read(files, &path, prefix).await?);
        }
    }
    Ok(())
}

/// What is left to draw of a directory, each line led by `prefix`.
struct Level {
    path: TreePath,
    prefix: String,
    entries: std::vec::IntoIter<(Name, Entry)>,
}

impl Level {
    async fn read(files: Files<'_>, path: &TreePath, prefix: String) -> Result<Self> {
        Ok(Self {
            entries: Listing::new(files, path).all().await?.into_iter(),
            path: path.clone(),
            prefix,
        })
    }
}

/// Finds entries by name and kind.
pub(crate) async fn find(run: &Run, args: &Find) -> Result<Outcome> {
    let view = view(run.session()?, &args.at).await?;
    let out = &run.out;
    require(view, "find", &args.below).await?;
    let wanted = |path: &TreePath, entry: &Entry| {
        let named = args.globs.is_empty() || args.globs.iter().any(|glob| glob.matches(path));
        named && args.kind.is_none_or(|kind| kind.is(entry))
    };
    let mut list = match out.is_json() {
        true => Some(out.begin_list("entries")?),
        false => None,
    };
    let mut walk = view.walk(&args.below).await?;
    while let Some((path, entry)) = walk.next().await? {
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
