//! Looking at what stands in the way: `conflicts`, `overlap`.

use serde::Serialize;
use workspace_core::{CopyId, Entry};

use crate::commands::copies::{self, label};
use crate::commands::publish::OneCopy;
use crate::exit::{Hinted, Outcome, Result};
use crate::output::{YELLOW, bytes_text};
use crate::run::Run;

/// How many of the paths at which two copies meet are printed.
const NAMED: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Conflicts {
    #[command(flatten)]
    copy: OneCopy,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Overlap {
    /// The copies' names, ids, or the starts of their ids; all open ones where none is named
    #[arg(value_name = "COPY")]
    names: Vec<String>,
}

/// An entry of one side.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SideShape {
    Nothing,
    File { size: u64, content: String },
    Symlink { target: String },
    Directory { entries: u64 },
}

impl SideShape {
    fn new(entry: Option<&Entry>) -> Self {
        match entry {
            None => Self::Nothing,
            Some(Entry::File(file)) => Self::File {
                size: file.size,
                content: file.content.to_string(),
            },
            Some(Entry::Symlink(symlink)) => Self::Symlink {
                target: symlink.target.to_string(),
            },
            Some(Entry::Directory(directory)) => Self::Directory {
                entries: directory.summary.entries(),
            },
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::File { size, .. } => bytes_text(*size),
            Self::Symlink { target } => format!("-> {target}"),
            Self::Directory { entries } => format!("a directory of {entries}"),
        }
    }
}

/// Lists what stands in the way of a rebase.
pub(crate) async fn conflicts(run: &Run, args: &Conflicts) -> Result<Outcome> {
    #[derive(Serialize)]
    struct ConflictShape {
        path: String,
        base: SideShape,
        copy: SideShape,
        parent: SideShape,
    }
    #[derive(Serialize)]
    struct Shape {
        copy: String,
        generation: u64,
        parent_version: u64,
        count: u64,
        conflicts: Vec<ConflictShape>,
    }
    let session = run.session()?;
    let copy = args.copy.find(session, "list conflicts").await?;
    let found = session.conflicts(copy.id).await?;
    let shapes = found.paths.iter().map(|it| ConflictShape {
        path: it.path.to_string(),
        base: SideShape::new(it.base.as_ref()),
        copy: SideShape::new(it.copy.as_ref()),
        parent: SideShape::new(it.parent.as_ref()),
    });
    let shape = Shape {
        copy: copy.id.to_string(),
        generation: found.copy.generation,
        parent_version: found.parent_version,
        count: found.count,
        conflicts: shapes.collect(),
    };
    let out = &run.out;
    if out.is_json() {
        out.json(&shape)?;
        return Ok(Outcome::Done);
    }
    let name = label(&copy);
    if shape.conflicts.is_empty() {
        out.say(format!("nothing stands in the way of a rebase of {name}"))?;
        return Ok(Outcome::Done);
    }
    for it in &shape.conflicts {
        out.line(format!(
            "{}  was {}, is {} in the copy, {} in its parent",
            out.paint(YELLOW, out.safe(&it.path)),
            out.safe(&it.base.text()),
            out.safe(&it.copy.text()),
            out.safe(&it.parent.text()),
        ))?;
    }
    let rest = shape.count.saturating_sub(shape.conflicts.len() as u64);
    if rest > 0 {
        out.line(format!("… and {rest} more"))?;
    }
    out.say(format!(
        "`workspace rebase {name}` takes a side with --take copy:PATH or --take parent:PATH, and \
         merges lines with --merge"
    ))?;
    Ok(Outcome::Done)
}

/// Lists which copies changed the same paths.
pub(crate) async fn overlap(run: &Run, args: &Overlap) -> Result<Outcome> {
    #[derive(Serialize)]
    struct PairShape {
        one: String,
        other: String,
        count: u64,
        paths: Vec<String>,
    }
    #[derive(Serialize)]
    struct Shape {
        copies: usize,
        overlaps: Vec<PairShape>,
    }
    let session = run.session()?;
    let mut copies = Vec::new();
    for name in &args.names {
        copies.push(copies::find(session, name).await?);
    }
    if args.names.is_empty() {
        copies = copies::open(session).await?;
    }
    let ids: Vec<CopyId> = copies.iter().map(|copy| copy.id).collect();
    let found = session.overlap(&ids).await.hinted(|_| None)?;
    let name = |id: CopyId| {
        let copy = copies.iter().find(|copy| copy.id == id);
        copy.map_or_else(|| id.to_string(), label)
    };
    let overlaps = found.iter().map(|it| PairShape {
        one: name(it.one),
        other: name(it.other),
        count: it.paths.count,
        paths: it.paths.paths.iter().map(ToString::to_string).collect(),
    });
    let shape = Shape {
        copies: copies.len(),
        overlaps: overlaps.collect(),
    };
    let out = &run.out;
    if out.is_json() {
        out.json(&shape)?;
        return Ok(Outcome::Done);
    }
    if shape.overlaps.is_empty() {
        out.say(format!("no two of {} copies meet", shape.copies))?;
    }
    for pair in &shape.overlaps {
        out.line(format!(
            "{} and {}:",
            out.safe(&pair.one),
            out.safe(&pair.other)
        ))?;
        for path in pair.paths.iter().take(NAMED) {
            out.line(format!("  {}", out.paint(YELLOW, out.safe(path))))?;
        }
        let rest = pair.count.saturating_sub(NAMED as u64);
        if rest > 0 {
            out.line(format!("  … and {rest} more"))?;
        }
    }
    Ok(Outcome::Done)
}
