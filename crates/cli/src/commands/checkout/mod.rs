//! `checkout` and `sync`: a copy in a directory, and what was changed on either side on
//! the other.

mod aside;
mod look;
mod memory;
mod placing;
mod plan;
mod pull;
mod push;
mod report;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use workspace_core::{At, Entry, Error, ErrorKind, Reason, Sought, TreeId, TreePath};

use self::look::Found;
use self::memory::{Known, Memory, NAME, Of};
use self::plan::{Leaf, Leaves, Side, Sides, Step, Steps};
use self::pull::{Pull, Pulled};
use self::push::{Push, Pushed};
use self::report::Report;
use crate::args::{CopyOption, parse_at, tree_path};
use crate::commands::copies;
use crate::commands::export::{DirectoryTarget, Left};
use crate::commands::progress;
use crate::exit::{Failure, Outcome, Result, io_error};
use crate::output::{bytes_text, count_text};
use crate::run::Run;
use crate::session::Session;
use crate::shapes::copy_state;
use crate::signals::unless_ended;
use crate::time;

pub(crate) use self::memory::{Origin, from_url, origin};

/// How often a sync begins again because the copy moved meanwhile.
const TRIES: usize = 8;

#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Checkout {
    /// What is checked out: a copy, `head` or a revision [default: the copy of --copy, or head]
    #[arg(value_name = "COPY|head|REVISION", conflicts_with = "copy")]
    what: Option<String>,
    /// The directory: one that is not there, or empty; or one with a checkout, which then is of
    /// something else, and keeps what was changed in it for the next sync
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    copy: CopyOption,
    /// Leave out of every sync what git would for .gitignore files, as `import --ignore` does
    #[arg(long)]
    ignore: bool,
    /// Take what git takes for its own as well, such as .git/config
    #[arg(long)]
    allow_git: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    /// The directory, or one in it
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Sync again whenever something changes on either side, until a signal ends it
    #[arg(long, conflicts_with_all = ["dry_run", "take"])]
    watch: bool,
    /// Only list what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// What to take where both sides changed a path: `copy` or `directory` everywhere,
    /// `copy:PATH` or `directory:PATH` at and below a path; can be repeated
    #[arg(long, value_name = "SIDE[:PATH]", value_parser = parse_side)]
    take: Vec<(Side, Option<TreePath>)>,
    /// What it is for: the operation's note, or the revision's message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

fn parse_side(text: &str) -> std::result::Result<(Side, Option<TreePath>), String> {
    let (side, path) = match text.split_once(':') {
        Some((side, path)) => (side, Some(path)),
        None => (text, None),
    };
    let side = match side {
        "copy" => Side::Copy,
        "directory" => Side::Directory,
        _ => return Err("it is `copy` or `directory`, or one of them with `:` and a path".into()),
    };
    let path = path.map(tree_path).transpose();
    path.map(|path| (side, path))
        .map_err(|error| error.to_string())
}

/// Writes a copy, head or a revision into a directory, which remembers it.
pub(crate) async fn checkout(run: &Run, args: &Checkout) -> Result<Outcome> {
    let session = run.session()?;
    let at = match (&args.what, args.copy.chosen()) {
        (Some(what), _) => match parse_at(what) {
            Some(at) => at,
            None => At::Copy(copies::find(session, what).await?.id),
        },
        (None, Some(copy)) => At::Copy(copies::find(session, &copy).await?.id),
        (None, None) => At::Head,
    };
    let of = Of::new(at).ok_or_else(|| {
        Error::invalid(Reason::MalformedArgument, "check out")
            .because("a tree by itself is not checked out: name a copy, head or a revision")
    })?;
    let name = name_of(session, at, &args.directory).await?;
    let now = session.tree(at).await?;
    let view = session.files(now);
    let is_checkout = origin(&args.directory.join(NAME))?.is_some();
    if !is_checkout {
        let walked = look::walk(&view, args.allow_git).await?;
        if let Some(taken) = walked.left_out.values().next() {
            return Err(taken.refused());
        }
        let mut target = DirectoryTarget::create(&args.directory, false)
            .map_err(|failure| occupied(failure, &args.directory))?;
        target.check_names(&view, &TreePath::root()).await?;
    }
    let root = args.directory.canonicalize();
    let root = root.map_err(|error| io_error("check out", &args.directory, error))?;
    let directory = look::lock(&root)?;
    let memory = match is_checkout {
        true => {
            let memory = remembered(&directory, &root)?;
            Memory {
                from: origin_of(run)?,
                of,
                ignore: memory.ignore || args.ignore,
                allow_git: memory.allow_git || args.allow_git,
                tree: None,
                ..memory
            }
        }
        false => Memory {
            from: origin_of(run)?,
            of,
            ignore: args.ignore,
            allow_git: args.allow_git,
            modes: Memory::keeps_modes(directory.as_fd(), &root)?,
            tree: None,
            base: Leaves::new(),
            states: memory::States::new(),
        },
    };
    // From here on a sync ends what is begun.
    memory.write(directory.as_fd(), &root)?;
    drop(directory);
    let how = How {
        only_pull: true,
        ..How::default()
    };
    let report = unless_ended(round(run, session, &root, &how)).await?;
    if is_checkout || report.has_kept() {
        return report.tell(run);
    }
    #[derive(Serialize)]
    struct Shape {
        directory: String,
        #[serde(flatten)]
        of: Of,
        files: u64,
        bytes: u64,
    }
    let line = format!(
        "checked out {name} into {}: {}, {}; `workspace sync` there brings changes over, both ways",
        run.out.safe(&args.directory.to_string_lossy()),
        count_text(report.files, "file", "files"),
        bytes_text(report.bytes),
    );
    let shape = Shape {
        directory: root.to_string_lossy().into_owned(),
        of: memory.of,
        files: report.files,
        bytes: report.bytes,
    };
    run.out.done(&shape, line)?;
    Ok(Outcome::Done)
}

/// Says what to do with a directory that is not empty.
fn occupied(failure: Failure, directory: &Path) -> Failure {
    match failure {
        Failure::Error { error, .. } if error.kind() == ErrorKind::NotEmpty => Failure::Error {
            error: Error::new(ErrorKind::NotEmpty, "check out").at(directory.display()),
            hint: Some("name one that is empty, or not there yet: what is in it stays".into()),
        },
        failure => failure,
    }
}

/// Returns what to call what is checked out.
///
/// # Errors
/// `Closed` for a copy that is.
async fn name_of(session: &Session, at: At, root: &Path) -> Result<String> {
    Ok(match at {
        At::Copy(id) => {
            let copy = session.find_copy(&id.to_string()).await?;
            let state = copy_state(&copy, time::now());
            if state != "open" {
                return Err(closed(&copies::label(&copy), state, root));
            }
            format!("copy {}", copies::label(&copy))
        }
        At::Revision(id) => format!("revision {id}"),
        At::Head | At::Tree(_) => "head".into(),
    })
}

/// Returns where the workspace of this run is.
fn origin_of(run: &Run) -> Result<Origin> {
    if let Some(url) = &run.global.remote {
        return Ok(Origin::Remote(url.trim_end_matches('/').into()));
    }
    let directory = run.directory()?;
    let real = directory.canonicalize();
    let real = real.map_err(|error| io_error("check out", &directory, error))?;
    Ok(Origin::Workspace(real))
}

/// Brings what was changed in the directory into the copy, and what was changed in the
/// copy into the directory.
pub(crate) async fn sync(run: &Run, args: &Sync) -> Result<Outcome> {
    let root = look::nearest(&args.directory)?.ok_or_else(|| Failure::Error {
        error: Error::not_found(Sought::Source, "sync")
            .at(args.directory.display())
            .because("nothing is checked out into it"),
        hint: Some("`workspace checkout COPY DIR` does that".into()),
    })?;
    adopt(run, &root)?;
    let how = How {
        dry_run: args.dry_run,
        take: args.take.clone(),
        message: args.message.clone(),
        only_pull: false,
    };
    if args.watch {
        return watch::watch(run, &root, &how).await;
    }
    let report = unless_ended(round(run, run.session()?, &root, &how)).await?;
    report.tell(run)
}

/// Has the run work on the workspace that the directory came from, where no other is named.
fn adopt(run: &Run, root: &Path) -> Result<()> {
    if run.global.remote.is_some() || run.global.workspace.is_some() {
        return Ok(());
    }
    let memory = remembered(&look::lock(root)?, root)?;
    match memory.from {
        Origin::Workspace(directory) => run.adopt(&root.join(NAME), directory),
        Origin::Remote(url) => Err(from_url("sync", root, &url)),
    }
}

fn remembered(directory: &std::fs::File, root: &Path) -> Result<Memory> {
    Memory::read(directory.as_fd(), root)?.ok_or_else(|| {
        Error::not_found(Sought::Source, "sync")
            .at(root.display())
            .because("nothing is checked out into it")
            .into()
    })
}

/// How a sync is made.
#[derive(Debug, Clone, Default)]
struct How {
    dry_run: bool,
    take: Vec<(Side, Option<TreePath>)>,
    message: Option<String>,
    /// What was changed in the directory waits for another sync.
    only_pull: bool,
}

impl How {
    /// Tells whose side wins at a path: what the longest path says.
    fn taken(&self, path: &TreePath) -> Option<Side> {
        let above = |it: &TreePath| path.starts_with(it);
        let length = |it: &Option<TreePath>| it.as_ref().map_or(0, |it| it.as_str().len());
        let said = self
            .take
            .iter()
            .filter(|(_, it)| it.as_ref().is_none_or(above));
        said.max_by_key(|(_, it)| length(it)).map(|(side, _)| *side)
    }

    /// Refuses to decide where there is no conflict.
    fn check(&self, conflicts: &BTreeSet<TreePath>) -> Result<()> {
        for (_, path) in &self.take {
            let Some(path) = path else { continue };
            if !conflicts.iter().any(|it| it.starts_with(path)) {
                return Err(Error::invalid(Reason::NoConflict, "sync")
                    .at(path)
                    .because("there is no conflict at or below it")
                    .into());
            }
        }
        Ok(())
    }
}

fn conflicts(steps: &Steps) -> BTreeSet<TreePath> {
    steps
        .iter()
        .filter(|(_, step)| **step == Step::Conflict)
        .map(|(path, _)| path.clone())
        .collect()
}

/// Syncs once.
async fn round(run: &Run, session: &Session, root: &Path, how: &How) -> Result<Report> {
    let directory = look::lock(root)?;
    let mut memory = remembered(&directory, root)?;
    check_origin(run, &memory, root)?;
    let at = memory.of.at()?;
    let place = root.to_string_lossy().into_owned();
    let mut report = Report::new(place, name_of(session, at, root).await?, how.dry_run);
    if !how.dry_run {
        // What cannot be looked through stays, and is no part of this.
        let left = Left::find(directory.as_fd());
        left.into_iter()
            .for_each(|left| left.remove(directory.as_fd()));
        report.aside = aside::left(directory.as_fd()).unwrap_or_default();
    }
    let found = look::look(directory.as_fd(), root, &memory).await?;
    for _ in 0..TRIES {
        let now = session.tree(at).await?;
        let is_same = matches!(now, At::Tree(tree) if memory.tree == Some(tree));
        if is_same && found.leaves == memory.base {
            remember(&mut memory, &directory, root, found.states)?;
            return Ok(report);
        }
        let walked = look::walk(&session.files(now), memory.allow_git).await?;
        let tree = &walked.entries;
        let copy = leaves(tree);
        let sides = Sides {
            base: &memory.base,
            directory: &found.leaves,
            copy: &copy,
            besides: walked.left_out.keys().cloned().collect(),
        };
        report.left_out(&walked.left_out);
        if !how.take.is_empty() {
            how.check(&conflicts(&sides.plan(|_| None)))?;
        }
        let steps = sides.plan(|path| how.taken(path));
        let push = match how.only_pull {
            true => Push::default(),
            false => Push::of(&steps, tree),
        };
        let pull = Pull::of(&steps, &found);
        report.plan(&steps, &sides, &push, how);
        if how.dry_run {
            return Ok(report);
        }
        let mut made = match now {
            At::Tree(tree) => Some(tree),
            _ => revision_tree(session, now).await?,
        };
        if !push.is_empty() {
            if let At::Revision(id) = at {
                return Err(Failure::Error {
                    error: Error::new(ErrorKind::ReadOnly, "sync")
                        .at(root.display())
                        .because(format!(
                            "revision {id} does not change, and the directory did"
                        )),
                    hint: Some(format!(
                        "`workspace fork NAME --revision {id}` forks a copy to check out; `workspace sync \
                         --dry-run` lists what was changed"
                    )),
                });
            }
            let there = (directory.as_fd(), root, &found);
            let sides = (at, now);
            let pushed = push::push(run, session, sides, &push, tree, there, &how.message);
            match pushed.await? {
                Pushed::Moved => continue,
                Pushed::Applied(applied, tree) => {
                    report.applied(applied);
                    made = Some(tree);
                    if !pull.is_empty() {
                        // The copy has it, whatever becomes of the rest.
                        let (base, states) =
                            agreed(&memory, &found, &steps, &Pulled::default(), how);
                        (memory.base, memory.tree) = (base, None);
                        remember(&mut memory, &directory, root, states)?;
                    }
                }
            }
        }
        let mut pulled = Pulled::default();
        if !pull.is_empty() {
            let bar = progress::start(run, "writing", None);
            let (mut files, mut bytes) = (0, 0);
            let count = |file: &workspace_core::File| {
                files += 1;
                bytes += file.size;
                bar.inc(1);
            };
            let there = (directory.as_fd(), root, &found);
            pulled = pull::pull(session.files(now), tree, &pull, there, count).await?;
            (report.files, report.bytes) = (files, bytes);
            bar.finish_and_clear();
        }
        report.kept(&pulled.kept);
        let (base, states) = agreed(&memory, &found, &steps, &pulled, how);
        memory.base = base;
        memory.tree = made.filter(|_| report.is_clean(&steps, how));
        remember(&mut memory, &directory, root, states)?;
        return Ok(report);
    }
    Err(Error::new(ErrorKind::Conflict, "sync")
        .at(root.display())
        .because("others changed the copy again and again meanwhile")
        .into())
}

/// Says where a directory may go on whose copy is closed.
fn closed(name: &str, state: &str, root: &Path) -> Failure {
    Failure::Error {
        error: Error::new(ErrorKind::Closed, "sync")
            .at(name)
            .because(format!("the copy is {state}")),
        hint: Some(format!(
            "`workspace checkout head {0}`, or another copy instead of head, has the directory \
             follow that, with what was changed in it",
            root.display()
        )),
    }
}

/// Refuses a workspace that the directory did not come from. A copy is told by its id.
fn check_origin(run: &Run, memory: &Memory, root: &Path) -> Result<()> {
    let here = origin_of(run)?;
    if matches!(memory.of, Of::Copy(_)) || memory.from == here {
        return Ok(());
    }
    let from = match &memory.from {
        Origin::Workspace(directory) => directory.display().to_string(),
        Origin::Remote(url) => url.clone(),
    };
    Err(Error::invalid(Reason::Contradiction, "sync")
        .at(root.display())
        .because(format!(
            "it was checked out from {from}, which is another workspace"
        ))
        .into())
}

async fn revision_tree(session: &Session, at: At) -> Result<Option<TreeId>> {
    match at {
        At::Revision(id) => Ok(Some(session.revision(id).await?.tree)),
        _ => Ok(None),
    }
}

fn leaves(tree: &BTreeMap<TreePath, Entry>) -> Leaves {
    let leaves = tree.iter();
    leaves
        .map(|(path, entry)| (path.clone(), Leaf::of(entry)))
        .collect()
}

/// Returns what both sides have now, and by what its files are known again.
fn agreed(
    memory: &Memory,
    found: &Found,
    steps: &Steps,
    pulled: &Pulled,
    how: &How,
) -> (Leaves, memory::States) {
    let now = look::now();
    let mut base = Leaves::new();
    let mut states = memory::States::new();
    for (path, step) in steps {
        let (leaf, state) = match step {
            Step::Same => (found.leaves.get(path), found.states.get(path).copied()),
            Step::To(Side::Copy, leaf) if !how.only_pull => {
                (leaf.as_ref(), found.states.get(path).copied())
            }
            Step::To(Side::Directory, _) => match pulled.now.get(path) {
                Some(leaf) => {
                    let state = pulled.states.get(path);
                    let state = state.and_then(|state| Known::of(state, now));
                    (leaf.as_ref(), state)
                }
                // It stayed.
                None => (memory.base.get(path), None),
            },
            // What it was stays what it was.
            _ => (memory.base.get(path), None),
        };
        if let Some(leaf) = leaf {
            base.insert(path.clone(), leaf.clone());
        }
        if let Some(state) = state {
            states.insert(path.clone(), state);
        }
    }
    (base, states)
}

/// Writes down what is remembered, where that is not what is written.
fn remember(
    memory: &mut Memory,
    directory: &std::fs::File,
    root: &Path,
    states: memory::States,
) -> Result<()> {
    let before = Memory::read(directory.as_fd(), root)?;
    memory.states = states;
    let is_same = before.is_some_and(|before| {
        before.tree == memory.tree && before.base == memory.base && before.states == memory.states
    });
    match is_same {
        true => Ok(()),
        false => memory.write(directory.as_fd(), root),
    }
}
