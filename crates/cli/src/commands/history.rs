//! Revisions: `log`, `show`, `snapshot`, `restore`.

use serde::Serialize;
use workspace_core::store::{RevisionCause, RevisionRecord};
use workspace_core::{
    At, DiffOptions, Difference, Error, ErrorKind, Recorded, RevisionId, Sought, TreeId,
};

use crate::commands::changes::print_event;
use crate::commands::diff::{differences, print_names, print_patches};
use crate::exit::{Failure, Hinted as _, Outcome, Result};
use crate::run::Run;
use crate::session::Session;
use crate::shapes::{DifferenceShape, RevisionShape};
use crate::time::local_text;

/// How many revisions are read at once.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// At most this many
    #[arg(short = 'n', long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Only those before this one
    #[arg(long, value_name = "REVISION")]
    before: Option<RevisionId>,
    /// Also show what each changed
    #[arg(short, long)]
    patch: bool,
    /// Tell each in a line, which is always so
    #[arg(long, hide = true)]
    oneline: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The revision's number; `head` is the newest [default: head]
    revision: Option<String>,
    /// Show what it changed line by line, and not only where
    #[arg(short, long)]
    patch: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Snapshot {
    /// What the revision is for
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The revision's number
    revision: RevisionId,
    /// What the new revision is for
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

/// Lists revisions, newest first.
pub(crate) async fn log(run: &Run, args: &Log) -> Result<Outcome> {
    let session = run.session()?;
    let out = &run.out;
    let mut list = match out.is_json() {
        true => Some(out.begin_list("revisions")?),
        false => None,
    };
    let mut left = args.limit.unwrap_or(usize::MAX);
    let mut before = args.before;
    while left > 0 {
        let page = session.revisions(before, left.min(PAGE)).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        left = left.saturating_sub(page.len());
        for revision in &page {
            let shape = RevisionShape::new(revision);
            match &mut list {
                Some(list) => list.item(&shape)?,
                None => print_event(
                    out,
                    revision.id.get(),
                    revision.at,
                    &shape.cause_text(),
                    (&revision.actor, text_of(revision)),
                )?,
            }
            if args.patch && !out.is_json() {
                match change(session, revision).await? {
                    Some((sides, differences)) => {
                        out.line("")?;
                        print_patches(run, sides, &differences).await?;
                        out.line("")?;
                    }
                    None => out.line("the revision before was pruned")?,
                }
            }
        }
    }
    if let Some(list) = list {
        list.end()?;
    }
    Ok(Outcome::Done)
}

/// Returns a revision's message, or what it is where nobody made it by itself.
fn text_of(revision: &RevisionRecord) -> &str {
    let by_itself = revision.cause == RevisionCause::Snapshot
        && revision.actor.is_empty()
        && revision.message.is_empty();
    match by_itself {
        true => "changes of head itself, recorded before the next revision",
        false => &revision.message,
    }
}

/// Shows a revision and what it changed.
pub(crate) async fn show(run: &Run, args: &Show) -> Result<Outcome> {
    let session = run.session()?;
    let revision = match args.revision.as_deref() {
        None | Some("head" | "HEAD") => newest(session).await?,
        Some(id) => {
            let id = id.parse().hinted(|_| {
                Some(
                    "`workspace log` lists the revisions; `workspace diff COPY` shows a copy"
                        .into(),
                )
            })?;
            session.revision(id).await?
        }
    };
    let change = change(session, &revision).await?;
    if run.out.is_json() {
        let differences = change.map(|(_, differences)| differences);
        #[derive(Serialize)]
        struct Shape {
            revision: RevisionShape,
            /// None where the revision before was pruned.
            differences: Option<Vec<DifferenceShape>>,
        }
        let shapes = |found: Vec<_>| found.iter().map(DifferenceShape::new).collect();
        run.out.json(&Shape {
            revision: RevisionShape::new(&revision),
            differences: differences.map(shapes),
        })?;
        return Ok(Outcome::Done);
    }
    let out = &run.out;
    for (what, text) in [
        ("revision", revision.id.to_string()),
        ("tree", revision.tree.to_string()),
        ("version", revision.version.to_string()),
        ("cause", RevisionShape::new(&revision).cause_text()),
        ("actor", revision.actor.clone()),
        ("at", local_text(revision.at)),
    ] {
        out.line(format!("{what:9} {}", out.safe(&text)).trim_end())?;
    }
    for (key, value) in &revision.metadata {
        out.line(format!("{}: {}", out.safe(key), out.safe(value)))?;
    }
    out.line("")?;
    if !revision.message.is_empty() {
        for line in revision.message.lines() {
            out.line(format!("    {}", out.safe(line)).trim_end())?;
        }
        out.line("")?;
    }
    match change {
        Some((sides, differences)) if args.patch => print_patches(run, sides, &differences).await?,
        Some((_, differences)) => print_names(run, &differences)?,
        None => out.line("the revision before was pruned: nothing to compare with")?,
    }
    Ok(Outcome::Done)
}

/// Returns the newest revision.
async fn newest(session: &Session) -> Result<RevisionRecord> {
    let mut newest = session.revisions(None, 1).await?;
    newest.pop().ok_or_else(|| Failure::Error {
        error: Error::not_found(Sought::Revision, "show")
            .at("head")
            .because("no revision records it"),
        hint: Some(
            "`workspace diff` shows what is in head; `workspace snapshot` records it".into(),
        ),
    })
}

/// Returns what a revision changed, and between which sides; `None` where the one before
/// was pruned.
async fn change(
    session: &Session,
    revision: &RevisionRecord,
) -> Result<Option<((At, At), Vec<Difference>)>> {
    let Some(parent) = parent(session, revision).await? else {
        return Ok(None);
    };
    let sides = (parent, At::Revision(revision.id));
    let differences = differences(session, sides.0, sides.1, &DiffOptions::default()).await?;
    Ok(Some((sides, differences)))
}

/// Returns what a revision is to be compared with: the one before, or nothing.
async fn parent(session: &Session, revision: &RevisionRecord) -> Result<Option<At>> {
    let Some(parent) = revision.parent else {
        return Ok(Some(At::Tree(TreeId::empty())));
    };
    match session.revision(parent).await {
        Ok(_) => Ok(Some(At::Revision(parent))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Records head as it is.
pub(crate) async fn snapshot(run: &Run, args: &Snapshot) -> Result<Outcome> {
    let message = run.revision_message(&args.message);
    let recorded = run.session()?.snapshot(message).await?;
    tell(run, recorded, "recorded head", "head is recorded already")
}

/// Makes a revision's files head again.
pub(crate) async fn restore(run: &Run, args: &Restore) -> Result<Outcome> {
    let message = run.revision_message(&args.message);
    let recorded = run.session()?.restore(args.revision, message).await?;
    let done = format!("restored revision {}", args.revision);
    tell(run, recorded, &done, "head has those files already")
}

fn tell(run: &Run, recorded: Recorded, done: &str, unchanged: &str) -> Result<Outcome> {
    #[derive(Serialize)]
    struct Shape {
        published: bool,
        revision: Option<u64>,
    }
    let (published, revision, line) = match recorded {
        Recorded::Published(id) => (true, Some(id), format!("{done} as revision {id}")),
        Recorded::Unchanged(Some(id)) => (
            false,
            Some(id),
            format!("{unchanged}: revision {id} is the newest"),
        ),
        Recorded::Unchanged(None) => (false, None, unchanged.to_string()),
    };
    run.out.done(
        &Shape {
            published,
            revision: revision.map(|id| id.get()),
        },
        line,
    )?;
    Ok(Outcome::Done)
}
