//! `diff`: what changed between two sides.

use clap::ArgAction;
use serde::Serialize;
use workspace_core::store::HeadRecord;
use workspace_core::{
    At, BinaryStyle, DiffOptions, Difference, Error, ErrorKind, Reason, TreeId, TreePath,
};

use crate::args::{CopyOption, parse_at, tree_path};
use crate::commands::copies;
use crate::commands::patch::{Compared, compare, unpatched};
use crate::exit::{Failure, Outcome, Result, code};
use crate::output::{BOLD, CYAN, GREEN, Output, RED, YELLOW, bytes_text, count_text};
use crate::run::Run;
use crate::session::Session;
use crate::shapes::{ChangeCounts, DifferenceShape, status as word};

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The old side: `head`, a revision, a tree id, or a copy; a copy alone shows what it changed of its base
    from: Option<String>,
    /// The new side [default: head]
    to: Option<String>,
    #[command(flatten)]
    copy: CopyOption,
    /// Only this directory or entry
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    below: TreePath,
    /// Count changed lines instead of showing them
    #[arg(long, conflicts_with_all = ["name_status", "name_only"])]
    stat: bool,
    /// Only name the paths, with a letter each: added, modified, deleted, renamed, type changed
    #[arg(long)]
    name_status: bool,
    /// Only name the paths, those of what was removed as well
    #[arg(long, conflicts_with = "name_status")]
    name_only: bool,
    /// Do not look for renames
    #[arg(long = "no-renames", action = ArgAction::SetFalse)]
    renames: bool,
}

/// Returns what head's files are compared with: those that a revision recorded.
pub(crate) fn recorded(head: &HeadRecord) -> At {
    At::Tree(head.recorded.unwrap_or_else(TreeId::empty))
}

/// Returns what to compare: two given sides, one with head, a copy alone with its base, or
/// head with what is recorded of it. Head and copies are named by their trees, so that what
/// is read later is what was compared.
pub(crate) async fn sides(
    session: &Session,
    from: Option<&str>,
    to: Option<&str>,
    copy: Option<&str>,
) -> Result<(At, At)> {
    let alone = from.filter(|from| to.is_none() && parse_at(from).is_none());
    if let Some(name) = alone.or(copy) {
        let copy = copies::find(session, name).await?;
        return Ok((At::Tree(copy.base), At::Tree(copy.tree)));
    }
    let Some(from) = from else {
        let head = session.head().await?;
        return Ok((recorded(&head), At::Tree(head.tree)));
    };
    let from = side(session, from).await?;
    Ok((from, side(session, to.unwrap_or("head")).await?))
}

/// Finds one side: head, a revision, a tree or a copy.
pub(crate) async fn side(session: &Session, text: &str) -> Result<At> {
    Ok(match parse_at(text) {
        Some(At::Head) => At::Tree(session.head().await?.tree),
        Some(at) => at,
        // Closed copies can be compared as long as their trees are there.
        None => At::Tree(copies::find(session, text).await?.tree),
    })
}

/// How many differences are counted at once; fewer, where so many cannot be held.
const PAGE: usize = 10_000;

/// Counts where two trees differ in more than times. Where those are more than can be
/// held, page by page, and what has moved as removed and added.
pub(crate) async fn counts(session: &Session, from: At, to: At) -> Result<ChangeCounts> {
    let options = DiffOptions::default();
    let failure = match differences(session, from, to, &options).await {
        Ok(found) => return Ok(ChangeCounts::of(&found)),
        Err(failure) => failure,
    };
    if failure.code() != code(ErrorKind::LimitExceeded) {
        return Err(failure);
    }
    let options = options.renames(false);
    let mut counts = ChangeCounts::default();
    let (mut after, mut limit) = (None, PAGE);
    loop {
        let page = session.diff_page(from, to, &options, after.as_ref(), limit);
        let page = match page.await {
            Err(error) if error.kind() == ErrorKind::LimitExceeded && limit > 1 => {
                limit /= 2;
                continue;
            }
            page => page?,
        };
        counts.add(&page);
        match page.into_iter().last() {
            Some(last) => after = Some(last.path),
            None => return Ok(counts),
        }
    }
}

/// Lists where two trees differ in more than times.
pub(crate) async fn differences(
    session: &Session,
    from: At,
    to: At,
    options: &DiffOptions,
) -> Result<Vec<Difference>> {
    let mut differences = session.diff(from, to, options).await?;
    differences.retain(|difference| match (&difference.old, &difference.new) {
        (Some(old), Some(new)) => difference.renamed_from.is_some() || !old.same_but_time(new),
        _ => true,
    });
    Ok(differences)
}

/// Shows what changed.
pub(crate) async fn diff(run: &Run, args: &Diff) -> Result<Outcome> {
    let session = run.session()?;
    let (from, to) = (args.from.as_deref(), args.to.as_deref());
    if from.is_some() && args.copy.is_given() {
        return Err(Error::invalid(Reason::Contradiction, "diff")
            .because("--copy shows one copy's changes: it takes no sides")
            .into());
    }
    let copy = args.copy.chosen().filter(|_| from.is_none());
    let found = sides(session, from, to, copy.as_deref()).await;
    let (from, to) = match found {
        // What is no copy may be a file.
        Err(Failure::Error { error, .. })
            if error.kind() == ErrorKind::NotFound && is_path(session, from).await =>
        {
            let path = from.unwrap_or_default();
            return Err(Failure::Error {
                error,
                hint: Some(format!(
                    "`workspace diff --below {path}` compares what is there"
                )),
            });
        }
        found => found?,
    };
    let options = DiffOptions::default()
        .below(args.below.clone())
        .renames(args.renames);
    let differences = differences(session, from, to, &options).await?;
    if args.stat {
        return stat(run, (from, to), &differences).await;
    }
    if args.name_only && !run.out.is_json() {
        for difference in &differences {
            run.out.line(shown_path(&run.out, difference))?;
        }
        return Ok(Outcome::Done);
    }
    if run.out.is_json() || args.name_status {
        print_names(run, &differences)?;
        return Ok(Outcome::Done);
    }
    print_patches(run, (from, to), &differences).await?;
    Ok(Outcome::Done)
}

/// Tells whether a text is the path of something in head.
async fn is_path(session: &Session, text: Option<&str>) -> bool {
    let Some(Ok(path)) = text.map(tree_path) else {
        return false;
    };
    let found = session.files(At::Head).stat(&path).await;
    matches!(found, Ok(Some(_)))
}

/// Prints what changed, line by line.
pub(crate) async fn print_patches(
    run: &Run,
    sides: (At, At),
    differences: &[Difference],
) -> Result<()> {
    let session = run.session()?;
    for difference in differences {
        print_unpatched(&run.out, difference)?;
        match compare(session, sides, difference, Some(BinaryStyle::Named)).await? {
            Compared::Patch { text, .. } => print_patch(&run.out, &text)?,
            Compared::Directory => {}
            Compared::TooLarge(size) => run.out.line(format!(
                "{} differs ({}, too large to compare)",
                run.out.safe(difference.path.as_str()),
                bytes_text(size)
            ))?,
        }
    }
    Ok(())
}

/// Names the paths that differ.
pub(crate) fn print_names(run: &Run, differences: &[Difference]) -> Result<()> {
    let out = &run.out;
    if out.is_json() {
        let mut list = out.begin_list("differences")?;
        for difference in differences {
            list.item(&DifferenceShape::new(difference))?;
        }
        return list.end();
    }
    for difference in differences {
        let (_, letter) = word(difference);
        let style = match letter {
            'A' => GREEN,
            'D' => RED,
            _ => YELLOW,
        };
        let letter = out.paint(style, letter);
        let path = shown_path(out, difference);
        match &difference.renamed_from {
            Some(from) => out.line(format!("{letter}\t{}\t{path}", out.safe(from.as_str())))?,
            None => out.line(format!("{letter}\t{path}"))?,
        }
    }
    Ok(())
}

fn shown_path(out: &Output, difference: &Difference) -> String {
    let entry = difference.new.as_ref().or(difference.old.as_ref());
    let directory = entry.is_some_and(|entry| entry.as_directory().is_some());
    let slash = if directory { "/" } else { "" };
    format!("{}{slash}", out.safe(difference.path.as_str()))
}

/// Prints what does not show in a patch, so that every difference shows.
fn print_unpatched(out: &Output, difference: &Difference) -> Result<()> {
    for line in unpatched(difference) {
        out.line(out.paint(BOLD, out.safe(&line)))?;
    }
    Ok(())
}

/// Prints a patch, coloured where there is colour, byte by byte otherwise.
fn print_patch(out: &Output, patch: &[u8]) -> Result<()> {
    for line in patch.split_inclusive(|&byte| byte == b'\n') {
        let style = match line.first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            Some(b'@') => CYAN,
            Some(b' ' | b'\\') | None => anstyle::Style::new(),
            Some(_) => BOLD,
        };
        out.styled(style, line)?;
    }
    Ok(())
}

/// The changed lines of a file.
#[derive(Debug, Serialize)]
struct StatShape {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<String>,
    /// None where lines are not counted: binary and very large files.
    added: Option<u64>,
    removed: Option<u64>,
}

async fn stat(run: &Run, sides: (At, At), differences: &[Difference]) -> Result<Outcome> {
    let session = run.session()?;
    let mut files = Vec::new();
    let mut besides = Vec::new();
    for difference in differences {
        besides.extend(unpatched(difference));
        let counts = match compare(session, sides, difference, None).await? {
            Compared::Directory => continue,
            Compared::Patch {
                binary: false,
                added,
                removed,
                ..
            } => Some((added, removed)),
            Compared::Patch { .. } | Compared::TooLarge(_) => None,
        };
        files.push(StatShape {
            path: difference.path.to_string(),
            renamed_from: difference.renamed_from.as_ref().map(ToString::to_string),
            added: counts.map(|(added, _)| added),
            removed: counts.map(|(_, removed)| removed),
        });
    }
    let total = |count: fn(&StatShape) -> Option<u64>| files.iter().filter_map(count).sum();
    let added: u64 = total(|file| file.added);
    let removed: u64 = total(|file| file.removed);
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            files: Vec<StatShape>,
            added: u64,
            removed: u64,
            /// What does not show in files and lines.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            besides: Vec<String>,
        }
        run.out.json(&Shape {
            files,
            added,
            removed,
            besides,
        })?;
        return Ok(Outcome::Done);
    }
    print_stat(&run.out, &files)?;
    for line in &besides {
        run.out.line(run.out.safe(line))?;
    }
    run.out.line(format!(
        "{} changed, {} added (+), {} removed (-)",
        count_text(files.len() as u64, "file", "files"),
        count_text(added, "line", "lines"),
        count_text(removed, "line", "lines"),
    ))?;
    Ok(Outcome::Done)
}

fn print_stat(out: &Output, files: &[StatShape]) -> Result<()> {
    /// The longest bar, in characters.
    const BAR: u64 = 40;
    let name = |file: &StatShape| match &file.renamed_from {
        Some(from) => format!("{} => {}", out.safe(from), out.safe(&file.path)),
        None => out.safe(&file.path).into_owned(),
    };
    let names: Vec<String> = files.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let changed = |file: &StatShape| file.added.unwrap_or(0) + file.removed.unwrap_or(0);
    let most = files.iter().map(changed).max().unwrap_or_default().max(BAR);
    // What is there shows, be it ever so little.
    let scaled = |count: u64| (count * BAR).div_ceil(most) as usize;
    for (file, name) in files.iter().zip(names) {
        match (file.added, file.removed) {
            (Some(added), Some(removed)) => out.line(
                format!(
                    "{name:width$} | {:>5} {}{}",
                    added + removed,
                    out.paint(GREEN, "+".repeat(scaled(added))),
                    out.paint(RED, "-".repeat(scaled(removed))),
                )
                .trim_end(),
            )?,
            _ => out.line(format!("{name:width$} | binary"))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use workspace_core::{Change, ChangeOptions, ForkOptions};
    use workspace_native::Objects;

    use super::*;

    /// A copy in which very much has changed has a status as any other.
    #[tokio::test]
    async fn more_differences_than_can_be_held_are_counted() {
        let place = tempfile::tempdir().unwrap();
        let options = workspace_native::options().max_diff(512 << 10);
        let directory = place.path().join("workspace");
        let workspace = workspace_native::create(&directory, &Objects::Local, options).unwrap();
        let copy = At::Copy(workspace.fork(ForkOptions::default()).unwrap().id);
        let write = |n| Change::write(&*format!("/{n:04}"), "x").unwrap();
        let changes = (0..3_000).map(write).collect();
        let files = workspace.files(copy);
        files
            .change_now(changes, &ChangeOptions::default())
            .unwrap();
        let session = Session::Local(workspace);
        let held = differences(&session, At::Head, copy, &DiffOptions::default()).await;
        assert!(held.is_err());
        let counts = counts(&session, At::Head, copy).await.unwrap();
        assert_eq!((counts.added, counts.removed), (3_000, 0));
    }
}
