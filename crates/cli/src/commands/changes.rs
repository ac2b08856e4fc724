//! What became of head and of copies: `status`, `operations`, `operation`, `undo`.

use serde::Serialize;
use workspace_core::store::CopyRecord;
use workspace_core::{
    At, DiffOptions, Entry, Error, ErrorKind, OperationId, Sought, Summary, Timestamp, TreePath,
};

use crate::args::CopyOption;
use crate::commands::copies::{self, label};
use crate::commands::diff::{counts, differences, print_names, print_patches, recorded};
use crate::exit::{Failure, Hinted, Outcome, Result};
use crate::output::{Output, YELLOW, bytes_text, count_text};
use crate::run::Run;
use crate::session::Session;
use crate::shapes::{
    ChangeCounts, CopyShape, DifferenceShape, HeadShape, OperationShape, copy_state,
};
use crate::time::{local_text, now};

/// How many operations are read at once.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    copy: CopyOption,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Operations {
    #[command(flatten)]
    copy: CopyOption,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Operation {
    /// The operation's number [default: the newest]
    operation: Option<OperationId>,
    #[command(flatten)]
    copy: CopyOption,
    /// Show what it changed line by line, and not only where
    #[arg(short, long)]
    patch: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Undo {
    /// The operation's number [default: the newest]
    operation: Option<OperationId>,
    #[command(flatten)]
    copy: CopyOption,
    /// What it is for, for the log of operations
    #[arg(short = 'm', long = "message", alias = "note", value_name = "TEXT")]
    note: Option<String>,
}

/// Tells how head, or a copy, stands.
pub(crate) async fn status(run: &Run, args: &Status) -> Result<Outcome> {
    let session = run.session()?;
    match args.copy.chosen() {
        Some(name) => status_of_copy(run, session, &copies::find(session, &name).await?).await,
        None => status_of_head(run, session).await,
    }
}

async fn root_summary(session: &Session, at: At) -> Result<Summary> {
    let root = session.files(at).stat(&TreePath::root()).await?;
    let directory = root.as_ref().and_then(Entry::as_directory);
    Ok(directory.map(|root| root.summary).unwrap_or_default())
}

async fn status_of_head(run: &Run, session: &Session) -> Result<Outcome> {
    let head = session.head().await?;
    let root = root_summary(session, At::Tree(head.tree)).await?;
    let (from, to) = (recorded(&head), At::Tree(head.tree));
    let unrecorded = counts(session, from, to).await?;
    let open = copies::open(session).await?;
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
    copies::print_tree(out, &open)?;
    Ok(Outcome::Done)
}

async fn status_of_copy(run: &Run, session: &Session, copy: &CopyRecord) -> Result<Outcome> {
    let (base, tree) = (At::Tree(copy.base), At::Tree(copy.tree));
    let (parent, version, parent_tree) = match copy.parent {
        None => {
            let head = session.head().await?;
            ("head".into(), head.version, head.tree)
        }
        Some(id) => {
            let parent = session.find_copy(&id.to_string()).await?;
            let name = format!("copy {}", label(&parent));
            (name, parent.generation, parent.tree)
        }
    };
    let changes = counts(session, base, tree).await?;
    let behind = counts(session, base, At::Tree(parent_tree)).await?;
    let parent_moved = behind != ChangeCounts::default();
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            copy: CopyShape,
            changes: ChangeCounts,
            parent_version: u64,
            parent_moved: bool,
            parent_changes: ChangeCounts,
        }
        run.out.json(&Shape {
            copy: CopyShape::new(copy),
            changes,
            parent_version: version,
            parent_moved,
            parent_changes: behind,
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
    let parent = out.safe(&parent);
    if !parent_moved {
        out.line(format!("{parent} is what it is based on"))?;
    } else {
        out.line(format!(
            "{parent} moved from version {} to {version}: {behind}",
            copy.base_version
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
pub(crate) async fn operations(run: &Run, args: &Operations) -> Result<Outcome> {
    let session = run.session()?;
    let copy = copies::find(session, &args.copy.required("list operations")?).await?;
    let out = &run.out;
    let mut list = match out.is_json() {
        true => Some(out.begin_list("operations")?),
        false => None,
    };
    let mut after = None;
    loop {
        let page = session.operations(copy.id, after, PAGE).await?;
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

/// Shows one operation of a copy, and what it changed.
pub(crate) async fn operation(run: &Run, args: &Operation) -> Result<Outcome> {
    let session = run.session()?;
    let name = args.copy.required("show operation")?;
    let copy = copies::find(session, &name).await?;
    let missing = || Failure::Error {
        error: Error::not_found(Sought::Operation, "show operation").at(label(&copy)),
        hint: Some(format!(
            "`workspace operations --copy {}` lists them",
            label(&copy)
        )),
    };
    let id = args.operation.or(copy.operation).ok_or_else(missing)?;
    let before = id.get().checked_sub(1).filter(|before| *before > 0);
    let mut page = session
        .operations(copy.id, before.map(OperationId::new), 1)
        .await?;
    let found = page.pop().filter(|found| found.id == id);
    let found = found.ok_or_else(missing)?;
    let sides = (At::Tree(found.before), At::Tree(found.after));
    let options = DiffOptions::default();
    let differences = differences(session, sides.0, sides.1, &options).await?;
    let shape = OperationShape::new(&found);
    let out = &run.out;
    if out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            operation: OperationShape,
            differences: Vec<DifferenceShape>,
        }
        out.json(&Shape {
            operation: shape,
            differences: differences.iter().map(DifferenceShape::new).collect(),
        })?;
        return Ok(Outcome::Done);
    }
    for (what, text) in [
        ("operation", id.to_string()),
        ("copy", label(&copy)),
        ("cause", shape.cause_text()),
        ("actor", found.actor.clone()),
        ("at", local_text(found.at)),
    ] {
        out.line(format!("{what:9} {}", out.safe(&text)).trim_end())?;
    }
    out.line("")?;
    if !found.note.is_empty() {
        for line in found.note.lines() {
            out.line(format!("    {}", out.safe(line)).trim_end())?;
        }
        out.line("")?;
    }
    match args.patch {
        true => print_patches(run, sides, &differences).await?,
        false => print_names(run, &differences)?,
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
pub(crate) async fn undo(run: &Run, args: &Undo) -> Result<Outcome> {
    let session = run.session()?;
    let copy = copies::find(session, &args.copy.required("undo")?).await?;
    let Some(operation) = args.operation.or(copy.operation) else {
        let error = Error::not_found(Sought::Operation, "undo")
            .at(label(&copy))
            .because("the copy has no operation");
        return Err(error.into());
    };
    let name = label(&copy);
    let undone = session
        .undo(copy.id, operation, &run.author(&args.note))
        .await
        .hinted(|error| match error.kind() {
            ErrorKind::Conflict => Some(format!(
                "later operations changed the same paths: undo those first \
                 (`workspace operations --copy {name}` lists them)"
            )),
            ErrorKind::NotFound => Some(format!("`workspace operations --copy {name}` lists them")),
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
