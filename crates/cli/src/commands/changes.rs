//! What changed: `status`, `ops`, `undo`, `diff`.

use clap::ArgAction;
use serde::Serialize;
use workspace_core::store::{CopyRecord, HeadRecord};
use workspace_core::{
    At, BinaryStyle, DiffOptions, Difference, Entry, ErrorKind, OperationId, Summary, Timestamp,
    TreeId, TreePath, Workspace,
};

use crate::args::{parse_at, tree_path};
use crate::commands::copies::{self, label};
use crate::commands::patch::{Compared, compare};
use crate::exit::{Hinted, Outcome, Result};
use crate::output::{BOLD, CYAN, GREEN, Output, RED, YELLOW, bytes_text, count_text};
use crate::run::Run;
use crate::shapes::{
    ChangeCounts, CopyShape, DifferenceShape, HeadShape, OperationShape, copy_state, status as word,
};
use crate::time::{local_text, now};

/// How many operations are read at once.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Tell about this copy instead of head
    #[arg(short, long, value_name = "NAME")]
    copy: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ops {
    /// The copy
    #[arg(short, long, value_name = "NAME")]
    copy: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Undo {
    /// The operation's number [default: the newest]
    operation: Option<OperationId>,
    /// The copy
    #[arg(short, long, value_name = "NAME")]
    copy: String,
    /// What it is for, for the log of operations
    #[arg(short = 'm', long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The old side: `head`, a revision, a tree id, or a copy
    from: Option<String>,
    /// The new side [default: head]
    to: Option<String>,
    /// What this copy changed since it was forked
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
    copy: Option<String>,
    /// Only this directory or entry
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    below: TreePath,
    /// Count changed lines instead of showing them
    #[arg(long, conflicts_with = "name_status")]
    stat: bool,
    /// Only name the paths, with a letter each: added, modified, deleted, renamed, type changed
    #[arg(long)]
    name_status: bool,
    /// Do not look for renames
    #[arg(long = "no-renames", action = ArgAction::SetFalse)]
    renames: bool,
}

/// Tells how head, or a copy, stands.
pub(crate) fn status(run: &Run, args: &Status) -> Result<Outcome> {
    let workspace = run.workspace()?;
    match &args.copy {
        Some(name) => status_of_copy(run, workspace, &copies::find(workspace, name)?),
        None => status_of_head(run, workspace),
    }
}

fn root_summary(workspace: &Workspace, at: At) -> Result<Summary> {
    let root = workspace.files(at).stat(&TreePath::root())?;
    let directory = root.as_ref().and_then(Entry::as_directory);
    Ok(directory.map(|root| root.summary).unwrap_or_default())
}

/// Returns what head's files are compared with: those that a revision recorded.
fn recorded(head: &HeadRecord) -> At {
    At::Tree(head.recorded.unwrap_or_else(TreeId::empty))
}

fn status_of_head(run: &Run, workspace: &Workspace) -> Result<Outcome> {
    let head = workspace.head()?;
    let root = root_summary(workspace, At::Head)?;
    let unrecorded = workspace.diff(recorded(&head), At::Head, &DiffOptions::default())?;
    let unrecorded = ChangeCounts::of(&unrecorded);
    let open = copies::open(workspace)?;
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            head: HeadShape,
            unrecorded: ChangeCounts,
            copies: Vec<CopyShape>,
        }
        run.out.json(&Shape {
            head: HeadShape::new(&head, &root),
            unrecorded,
            copies: open.iter().map(CopyShape::new).collect(),
        })?;
        return Ok(Outcome::Done);
    }
    let out = &run.out;
    let files = count_text(root.files, "file", "files");
    let size = bytes_text(root.bytes);
    out.line(format!("head: version {}, {files}, {size}", head.version))?;
    let revision = head.revision.map_or("none yet".into(), |id| id.to_string());
    out.line(format!("newest revision: {revision}"))?;
    if recorded(&head) == At::Tree(head.tree) {
        out.line("every change is recorded")?;
    } else {
        out.line(format!("not recorded: {unrecorded}"))?;
    }
    out.line(match open.is_empty() {
        true => "no open copies".to_string(),
        false => "open copies:".to_string(),
    })?;
    for copy in &open {
        copies::print_line(out, copy)?;
    }
    Ok(Outcome::Done)
}

fn status_of_copy(run: &Run, workspace: &Workspace, copy: &CopyRecord) -> Result<Outcome> {
    let (base, tree) = (At::Tree(copy.base), At::Tree(copy.tree));
    let head = workspace.head()?;
    let changes = workspace.diff(base, tree, &DiffOptions::default())?;
    let behind = workspace.diff(base, At::Head, &DiffOptions::default())?;
    let (changes, behind) = (ChangeCounts::of(&changes), ChangeCounts::of(&behind));
    let head_moved = head.tree != copy.base;
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            copy: CopyShape,
            changes: ChangeCounts,
            head_version: u64,
            head_moved: bool,
            head_changes: ChangeCounts,
        }
        run.out.json(&Shape {
            copy: CopyShape::new(copy),
            changes,
            head_version: head.version,
            head_moved,
            head_changes: behind,
        })?;
        return Ok(Outcome::Done);
    }
    let out = &run.out;
    let state = copy_state(copy, now());
    let name = label(copy);
    out.line(format!(
        "copy {}: {state}, generation {}",
        out.paint(YELLOW, out.safe(&name)),
        copy.generation
    ))?;
    out.line(format!("changed: {changes}"))?;
    if !head_moved {
        out.line("head is where it was forked")?;
    } else {
        out.line(format!(
            "head moved from version {} to {}: {behind}",
            copy.base_version, head.version
        ))?;
        if state == "open" {
            out.say(format!(
                "`workspace rebase {name}` brings that into the copy"
            ))?;
        }
    }
    Ok(Outcome::Done)
}

/// Lists the operations of a copy.
pub(crate) fn ops(run: &Run, args: &Ops) -> Result<Outcome> {
    let workspace = run.workspace()?;
    let copy = copies::find(workspace, &args.copy)?;
    let out = &run.out;
    let mut list = match out.is_json() {
        true => Some(out.begin_list("operations")?),
        false => None,
    };
    let mut after = None;
    loop {
        let page = workspace.operations(copy.id, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for operation in &page {
            let shape = OperationShape::new(operation);
            match &mut list {
                Some(list) => list.item(&shape)?,
                None => print_event(
                    out,
                    operation.id.get(),
                    operation.at,
                    &shape.cause_text(),
                    (&operation.actor, &operation.note),
                )?,
            }
        }
    }
    if let Some(list) = list {
        list.end()?;
    }
    Ok(Outcome::Done)
}

/// Prints an operation or a revision in one line: with the first line of what
/// its actor wrote.
pub(crate) fn print_event(
    out: &Output,
    id: u64,
    at: Timestamp,
    cause: &str,
    (actor, text): (&str, &str),
) -> Result<()> {
    let line = format!(
        "{}  {}  {cause:14}  {}  {}",
        out.paint(YELLOW, format!("{id:>4}")),
        local_text(at),
        out.safe(actor),
        out.safe(text.lines().next().unwrap_or_default()),
    );
    out.line(line.trim_end())
}

/// Undoes one operation of a copy.
pub(crate) fn undo(run: &Run, args: &Undo) -> Result<Outcome> {
    let workspace = run.workspace()?;
    let copy = copies::find(workspace, &args.copy)?;
    let Some(operation) = args.operation.or(copy.operation) else {
        let error = workspace_core::Error::new(ErrorKind::NotFound, "undo")
            .at(label(&copy))
            .because("the copy has no operation");
        return Err(error.into());
    };
    let name = label(&copy);
    let undone = workspace
        .undo(copy.id, operation, &run.author(&args.note))
        .hinted(|error| match error.kind() {
            ErrorKind::Conflict => Some(format!(
                "later operations changed the same paths: undo those first \
                 (`workspace ops --copy {name}` lists them)"
            )),
            ErrorKind::NotFound => Some(format!("`workspace ops --copy {name}` lists them")),
            _ => None,
        })?;
    #[derive(Serialize)]
    struct Shape {
        undone: u64,
        generation: u64,
        operation: Option<u64>,
    }
    let line = match undone.operation {
        Some(id) => format!("undid operation {operation} of {name}, as operation {id}"),
        None => format!("nothing of operation {operation} was left to undo"),
    };
    run.out.done(
        &Shape {
            undone: operation.get(),
            generation: undone.generation,
            operation: undone.operation.map(|id| id.get()),
        },
        line,
    )?;
    Ok(Outcome::Done)
}

/// Returns what to compare: two given sides, a copy with its base, or head with
/// what is recorded of it.
pub(crate) fn sides(
    workspace: &Workspace,
    from: Option<&str>,
    to: Option<&str>,
    copy: Option<&str>,
) -> Result<(At, At)> {
    if let Some(name) = copy {
        let copy = copies::find(workspace, name)?;
        return Ok((At::Tree(copy.base), At::Tree(copy.tree)));
    }
    let Some(from) = from else {
        return Ok((recorded(&workspace.head()?), At::Head));
    };
    let side = |text: &str| match parse_at(text) {
        Some(at) => Ok(at),
        // Closed copies can be compared as long as their trees are there.
        None => copies::find(workspace, text).map(|copy| At::Tree(copy.tree)),
    };
    Ok((side(from)?, to.map_or(Ok(At::Head), side)?))
}

/// Shows what changed.
pub(crate) async fn diff(run: &Run, args: &Diff) -> Result<Outcome> {
    let workspace = run.workspace()?;
    let (from, to) = (args.from.as_deref(), args.to.as_deref());
    let (from, to) = sides(workspace, from, to, args.copy.as_deref())?;
    let options = DiffOptions {
        below: args.below.clone(),
        renames: args.renames,
    };
    let differences = workspace.diff(from, to, &options)?;
    if args.stat {
        return stat(run, workspace, &differences).await;
    }
    if run.out.is_json() || args.name_status {
        print_names(run, &differences)?;
        return Ok(Outcome::Done);
    }
    for difference in &differences {
        match compare(workspace, difference, Some(BinaryStyle::Named)).await? {
            Compared::Patch { text, .. } => print_patch(&run.out, &text)?,
            Compared::Directory => {}
            Compared::TooLarge(size) => run.out.line(format!(
                "{} differs ({}, too large to compare)",
                run.out.safe(difference.path.as_str()),
                bytes_text(size)
            ))?,
        }
    }
    Ok(Outcome::Done)
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

async fn stat(run: &Run, workspace: &Workspace, differences: &[Difference]) -> Result<Outcome> {
    let mut files = Vec::new();
    for difference in differences {
        let counts = match compare(workspace, difference, None).await? {
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
        }
        run.out.json(&Shape {
            files,
            added,
            removed,
        })?;
        return Ok(Outcome::Done);
    }
    print_stat(&run.out, &files)?;
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
