//! The workspace itself: `init`, `prune`, `collect`, `fsck`, `usage`, `completions`.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;
use serde::Serialize;
use workspace_core::{
    At, Entry, Error, ErrorKind, FsckOptions, Garbage, KeepRevisions, Timestamp, TreePath,
};
use workspace_native::Objects;

use crate::args::{Args, ReadAt, tree_path};
use crate::commands::files::require;
use crate::commands::listing::Listing;
use crate::commands::progress;
use crate::exit::{Hinted, Outcome, Result};
use crate::output::{RED, bytes_text, count_text};
use crate::run::{DIRECTORY, Run};
use crate::session::Files;
use crate::shapes::{EntryShape, UsageShape};
use crate::time::parse_past;

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Where `.workspace` is created, unless --workspace names it [default: here]
    directory: Option<PathBuf>,
    /// Keep large contents in a bucket, s3://BUCKET/PREFIX; credentials come from AWS_* variables
    #[arg(long, value_name = "URL")]
    objects: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("kept").required(true).multiple(true))]
pub(crate) struct Prune {
    /// Keep this many newest revisions [default: 1]
    #[arg(long, value_name = "NUMBER", group = "kept")]
    newest: Option<u64>,
    /// Keep those since this as well: a time such as 30d (ago) or a date
    #[arg(long, value_name = "TIME", value_parser = parse_past, group = "kept")]
    since: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Collect {
    /// First forget all revisions but this many newest
    #[arg(long, value_name = "NUMBER")]
    keep_revisions: Option<u64>,
    /// First forget revisions from before this: a time such as 30d (ago) or a date
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    keep_since: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fsck {
    /// Also read every content and compare it with its id
    #[arg(long)]
    contents: bool,
    /// Repair what can be: drop what was altered, so that writing the same bytes again heals it, and correct sizes
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Usage {
    /// The directory
    #[arg(default_value = "/", value_parser = tree_path)]
    path: TreePath,
    /// How many levels are told apart
    #[arg(short, long, value_name = "LEVELS", default_value_t = 1)]
    depth: usize,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Creates a workspace.
pub(crate) async fn init(run: &Run, args: &Init) -> Result<Outcome> {
    if let Some(url) = &run.global.remote {
        // A server makes its workspaces by itself: one that answers is there.
        run.session()?.head().await?;
        let error = Error::new(ErrorKind::AlreadyExists, "create");
        return Err(error.at(url.escape_debug())).hinted(init_hint);
    }
    let directory = match (&run.global.workspace, &args.directory) {
        (_, Some(directory)) => directory.join(DIRECTORY),
        (Some(directory), None) => directory.clone(),
        (None, None) => PathBuf::from(DIRECTORY),
    };
    let objects = match &args.objects {
        Some(url) => Objects::S3(url.clone()),
        None => Objects::Local,
    };
    workspace_native::create(&directory, &objects, workspace_native::options())
        .hinted(init_hint)?;
    #[derive(Serialize)]
    struct Shape {
        workspace: String,
    }
    let path = std::path::absolute(&directory).unwrap_or(directory);
    let path = path.to_string_lossy().into_owned();
    let line = format!("created a workspace in {}", run.out.safe(&path));
    run.out.done(&Shape { workspace: path }, line)?;
    Ok(Outcome::Done)
}

fn init_hint(error: &Error) -> Option<String> {
    (error.kind() == ErrorKind::AlreadyExists)
        .then(|| "`workspace status` tells how it stands".into())
}

/// Forgets revisions.
pub(crate) async fn prune(run: &Run, args: &Prune) -> Result<Outcome> {
    let revisions = forget(run, args.newest, args.since).await?;
    #[derive(Serialize)]
    struct Shape {
        revisions: u64,
    }
    let line = match revisions {
        0 => "no revision was forgotten".into(),
        n => format!(
            "forgot {}; `workspace collect` reclaims the room",
            count_text(n, "revision", "revisions")
        ),
    };
    run.out.done(&Shape { revisions }, line)?;
    Ok(Outcome::Done)
}

/// Forgets the revisions that are not kept; returns how many.
async fn forget(run: &Run, newest: Option<u64>, since: Option<Timestamp>) -> Result<u64> {
    let keep = KeepRevisions::default().newest(newest.unwrap_or(1));
    Ok(run.session()?.prune_revisions(keep.since(since)).await?)
}

/// Reclaims what nothing refers to any more.
pub(crate) async fn collect(run: &Run, args: &Collect) -> Result<Outcome> {
    let session = run.session()?;
    let pruned = match (args.keep_revisions, args.keep_since) {
        (None, None) => 0,
        (newest, since) => forget(run, newest, since).await?,
    };
    let bar = progress::start(run, "collecting", None);
    let collected = session.gc(|collected| {
        bar.set_message(format!(
            "{} nodes, {} contents, {} objects",
            collected.nodes, collected.contents, collected.objects
        ));
    });
    let collected = collected.await?;
    bar.finish_and_clear();
    #[derive(Serialize)]
    struct Shape {
        revisions: u64,
        nodes: u64,
        contents: u64,
        objects: u64,
    }
    let line = format!(
        "removed {}, {}, {}, {}",
        count_text(pruned, "revision", "revisions"),
        count_text(collected.nodes, "node", "nodes"),
        count_text(collected.contents, "content", "contents"),
        count_text(collected.objects, "object", "objects"),
    );
    run.out.done(
        &Shape {
            revisions: pruned,
            nodes: collected.nodes,
            contents: collected.contents,
            objects: collected.objects,
        },
        line,
    )?;
    Ok(Outcome::Done)
}

/// Checks that everything stored is whole.
pub(crate) async fn fsck(run: &Run, args: &Fsck) -> Result<Outcome> {
    let session = run.session()?;
    let bar = progress::start(run, "checking", None);
    let options = FsckOptions::default()
        .contents(args.contents)
        .repair(args.repair);
    let report = session.fsck(options).await?;
    bar.finish_and_clear();
    if run.out.is_json() {
        #[derive(Serialize)]
        struct ProblemShape {
            subject: String,
            detail: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            repair: Option<String>,
        }
        #[derive(Serialize)]
        struct GarbageShape {
            nodes: u64,
            contents: u64,
            objects: u64,
        }
        #[derive(Serialize)]
        struct Shape {
            roots: u64,
            directories: u64,
            nodes: u64,
            contents: u64,
            objects: u64,
            verified_bytes: u64,
            garbage: GarbageShape,
            problems: Vec<ProblemShape>,
            problem_count: u64,
            repaired: u64,
        }
        let problems = report.problems.iter().map(|problem| ProblemShape {
            subject: problem.subject.clone(),
            detail: problem.detail.clone(),
            repair: problem.repair.clone(),
        });
        run.out.json(&Shape {
            roots: report.roots,
            directories: report.directories,
            nodes: report.nodes,
            contents: report.contents,
            objects: report.objects,
            verified_bytes: report.verified_bytes,
            garbage: GarbageShape {
                nodes: report.garbage.nodes,
                contents: report.garbage.contents,
                objects: report.garbage.objects,
            },
            problems: problems.collect(),
            problem_count: report.problem_count,
            repaired: report.repaired,
        })?;
    } else {
        for problem in &report.problems {
            let text = problem.to_string();
            run.out.line(run.out.paint(RED, run.out.safe(&text)))?;
        }
        let named = report.problems.len() as u64;
        let more = report.problem_count.saturating_sub(named);
        if more > 0 {
            run.out
                .line(run.out.paint(RED, format!("and {more} more")))?;
        }
        let checked = format!(
            "checked {}, {}, {}, {}",
            count_text(report.roots, "tree", "trees"),
            count_text(report.nodes, "node", "nodes"),
            count_text(report.contents, "content", "contents"),
            count_text(report.objects, "object", "objects"),
        );
        let read = match args.contents {
            true => format!(" ({} read)", bytes_text(report.verified_bytes)),
            false => String::new(),
        };
        let found = count_text(report.problem_count, "problem", "problems");
        let done = match args.repair {
            true => format!(", {} repaired", report.repaired),
            false => String::new(),
        };
        run.out.say(format!("{checked}{read}: {found}{done}"))?;
        let Garbage {
            nodes,
            contents,
            objects,
        } = report.garbage;
        if nodes + contents + objects > 0 {
            run.out.say(format!(
                "nothing refers to {}, {}, {}: `workspace collect` deletes them",
                count_text(nodes, "node", "nodes"),
                count_text(contents, "content", "contents"),
                count_text(objects, "object", "objects"),
            ))?;
        }
    }
    Ok(match report.problem_count {
        0 => Outcome::Done,
        _ => Outcome::Negative,
    })
}

/// Tells how much room things take: in the tree, and in the stores.
pub(crate) async fn usage(run: &Run, args: &Usage) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.at.find(session).await?;
    let view = session.files(at);
    let root = require(view, "measure", &args.path).await?;
    let measured = measure(view, &args.path, &root, args.depth).await?;
    let usage = session.usage().await?;
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            entries: Vec<EntryShape>,
            stored: UsageShape,
        }
        let shapes = measured
            .iter()
            .map(|(path, entry)| EntryShape::new(path, entry));
        run.out.json(&Shape {
            entries: shapes.collect(),
            stored: UsageShape::new(&usage),
        })?;
        return Ok(Outcome::Done);
    }
    let out = &run.out;
    for (path, entry) in &measured {
        let size = bytes_text(entry.size());
        out.line(format!("{size:>10}  {}", out.safe(path.as_str())))?;
    }
    if at == At::Head && args.path.is_root() {
        out.say(format!(
            "stored: {} in {}, {} in {}, {} of directories",
            bytes_text(usage.inline_bytes),
            count_text(usage.inline_contents, "row", "rows"),
            bytes_text(usage.object_bytes),
            count_text(usage.object_contents, "object", "objects"),
            bytes_text(usage.node_bytes),
        ))?;
    }
    Ok(Outcome::Done)
}

/// Collects an entry and what is in it, `depth` levels down, entries before the
/// directory that holds them.
async fn measure(
    files: Files<'_>,
    path: &TreePath,
    entry: &Entry,
    depth: usize,
) -> Result<Vec<(TreePath, Entry)>> {
    let mut measured = Vec::new();
    // Directories under way, each with what is left of it.
    let mut levels = vec![(
        (TreePath::root(), entry.clone()),
        vec![(path.clone(), entry.clone())].into_iter(),
    )];
    while let Some((_, rest)) = levels.last_mut() {
        let Some((path, entry)) = rest.next() else {
            let Some((directory, _)) = levels.pop() else {
                break;
            };
            // What began it all is no directory of its own.
            if !levels.is_empty() {
                measured.push(directory);
            }
            continue;
        };
        if levels.len() > depth || entry.as_directory().is_none() {
            measured.push((path, entry));
            continue;
        }
        let found = Listing::new(files, &path).all().await?.into_iter();
        let found = found.map(|(name, entry)| Ok((path.join(&name)?, entry)));
        let found = found.collect::<workspace_core::Result<Vec<_>>>()?;
        levels.push(((path, entry), found.into_iter()));
    }
    Ok(measured)
}

/// Prints a completion script.
pub(crate) fn completions(run: &Run, args: &Completions) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "workspace", &mut script);
    run.out.bytes(&script)?;
    Ok(Outcome::Done)
}
