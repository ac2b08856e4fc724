//! Applying a copy to its parent: `apply`, `rebase`.

use serde::Serialize;
use workspace_core::store::CopyRecord;
use workspace_core::{Applied, ApplyOptions, Error, ErrorKind, TreeId};

use crate::args::CopyOption;
use crate::commands::copies::{self, label};
use crate::exit::{Hinted, Outcome, Result};
use crate::run::Run;
use crate::session::Session;
use crate::shapes::CopyShape;

/// A copy, as an argument or as an option.
#[derive(Debug, clap::Args)]
struct OneCopy {
    /// The copy's name, id, or the start of its id
    #[arg(value_name = "COPY", conflicts_with = "copy")]
    name: Option<String>,
    #[command(flatten)]
    option: CopyOption,
}

impl OneCopy {
    async fn find(&self, session: &Session, operation: &'static str) -> Result<CopyRecord> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.option.required(operation)?,
        };
        copies::find(session, &name).await
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    copy: OneCopy,
    /// What the revision, or the operation of the copy that is its parent, is for
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Only while the copy has this tree: the one that was reviewed
    #[arg(long, value_name = "TREE")]
    expect_tree: Option<TreeId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rebase {
    #[command(flatten)]
    copy: OneCopy,
    /// What it is for, for the log of operations
    #[arg(short = 'm', long, value_name = "TEXT")]
    note: Option<String>,
}

/// Applies a copy to its parent.
pub(crate) async fn apply(run: &Run, args: &Apply) -> Result<Outcome> {
    let session = run.session()?;
    let copy = args.copy.find(session, "apply").await?;
    let name = label(&copy);
    let options = ApplyOptions::default()
        .message(run.revision_message(&args.message))
        .expect_tree(args.expect_tree);
    let applied = session
        .apply(copy.id, options)
        .await
        .hinted(|error| apply_hint(error, &copy))?;

    #[derive(Serialize)]
    struct Shape {
        copy: String,
        published: bool,
        revision: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        parent_operation: Option<u64>,
        already: bool,
    }
    let (revision, parent_operation, already) = match applied {
        Applied::Published { revision, already } => (Some(revision), None, already),
        Applied::ToParent { operation, already } => (None, Some(operation), already),
        Applied::Unchanged => (None, None, false),
    };
    let what = match applied {
        Applied::Published { revision, .. } => format!("revision {revision}"),
        Applied::ToParent { operation, .. } => {
            let parent = copy.parent.map_or("head".into(), |id| id.to_string());
            format!("operation {operation} of copy {parent}, which is not published")
        }
        Applied::Unchanged => String::new(),
    };
    let line = match (applied, already) {
        (Applied::Unchanged, _) => format!("{name} has no change: nothing was applied"),
        (_, false) => format!("applied {name} as {what}"),
        (_, true) => format!("{name} was applied before, as {what}"),
    };
    run.out.done(
        &Shape {
            copy: copy.id.to_string(),
            published: revision.is_some(),
            revision: revision.map(|id| id.get()),
            parent_operation: parent_operation.map(|id| id.get()),
            already,
        },
        line,
    )?;
    Ok(Outcome::Done)
}

fn apply_hint(error: &Error, copy: &CopyRecord) -> Option<String> {
    let (name, parent) = (label(copy), parent(copy));
    match error.kind() {
        ErrorKind::Conflict => Some(format!(
            "{parent} moved since the copy was forked: `workspace rebase {name}` brings that in \
             where the paths differ; then apply again"
        )),
        ErrorKind::Stale => Some(format!(
            "the copy was changed since it was reviewed: `workspace diff --copy {name}` shows it"
        )),
        _ => None,
    }
}

/// Returns what to call that which a copy is applied to.
fn parent(copy: &CopyRecord) -> &'static str {
    copy.parent.map_or("head", |_| "its parent")
}

/// Brings a copy up to what its parent is now.
pub(crate) async fn rebase(run: &Run, args: &Rebase) -> Result<Outcome> {
    let session = run.session()?;
    let copy = args.copy.find(session, "rebase").await?;
    let name = label(&copy);
    let rebased = session
        .rebase(copy.id, &run.author(&args.note))
        .await
        .hinted(|error| match error.kind() {
            ErrorKind::Conflict => Some(format!(
                "nothing was changed: fork a new copy, carry over what \
                 `workspace diff --copy {name}` shows, and discard this one"
            )),
            _ => None,
        })?;
    #[derive(Serialize)]
    struct Shape {
        moved: bool,
        operation: Option<u64>,
        copy: CopyShape,
    }
    let moved = rebased.copy.base_version != copy.base_version || rebased.copy.base != copy.base;
    let line = match moved {
        true => format!(
            "{name} is now based on version {} of {}",
            rebased.copy.base_version,
            parent(&copy)
        ),
        false => format!("{name} is based on what {} is already", parent(&copy)),
    };
    run.out.done(
        &Shape {
            moved,
            operation: rebased.operation.map(|id| id.get()),
            copy: CopyShape::new(&rebased.copy),
        },
        line,
    )?;
    Ok(Outcome::Done)
}
