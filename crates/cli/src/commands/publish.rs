//! Applying a copy to its parent: `apply`, `rebase`.

use serde::Serialize;
use workspace_core::store::CopyRecord;
use workspace_core::{
    Applied, ApplyOptions, Conflicts, Error, ErrorKind, Glob, Reason, RebaseOptions, Resolution,
    Take, Together, TreeId, TreePath,
};
use workspace_merge::Merged;

use crate::args::{CopyOption, tree_path};
use crate::commands::copies::{self, label};
use crate::commands::merging::{self, Asked};
use crate::exit::{Hinted, Outcome, Result};
use crate::follow;
use crate::run::Run;
use crate::session::Session;
use crate::shapes::CopyShape;
use crate::signals::unless_ended;

/// A copy, as an argument or as an option.
#[derive(Debug, clap::Args)]
pub(crate) struct OneCopy {
    /// The copy's name, id, or the start of its id
    #[arg(value_name = "COPY", conflicts_with = "copy")]
    name: Option<String>,
    #[command(flatten)]
    option: CopyOption,
}

impl OneCopy {
    pub(crate) async fn find(
        &self,
        session: &Session,
        operation: &'static str,
    ) -> Result<CopyRecord> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.option.required(operation)?,
        };
        copies::find(session, &name).await
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// The copies' names, ids, or the starts of their ids: several are applied in this
    /// order, all of them or none
    #[arg(value_name = "COPY", conflicts_with = "copy")]
    names: Vec<String>,
    #[command(flatten)]
    option: CopyOption,
    /// Only what it changed at and below this path, or at paths that this glob matches;
    /// can be repeated. The rest stays in the copy
    #[arg(long, value_name = "PATH|GLOB", value_parser = parse_only)]
    only: Vec<Glob>,
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
    pub(crate) copy: OneCopy,
    /// What it is for, for the log of operations
    #[arg(short = 'm', long = "message", alias = "note", value_name = "TEXT")]
    note: Option<String>,
    /// What to take at conflicting paths: `copy` or `parent` for all of them, `copy:PATH`
    /// or `parent:PATH` for those at and below a path; can be repeated
    #[arg(long, value_name = "SIDE[:PATH]", value_parser = parse_side)]
    take: Vec<(Side, Option<TreePath>)>,
    /// Merge the lines of conflicting files, all of them or those at and below a path; can
    /// be repeated
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "/", value_parser = tree_path)]
    merge: Vec<TreePath>,
    /// Edit conflicting texts one by one, all of them or those at and below a path; can be
    /// repeated. With --merge only those that do not merge by themselves
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "/", value_parser = tree_path)]
    edit: Vec<TreePath>,
    /// The command that merges, instead of the editor of VISUAL or EDITOR: as git's mergetool it
    /// finds the files of $BASE, $LOCAL (the copy's), $REMOTE (the parent's), and writes $MERGED
    /// [env: WORKSPACE_MERGETOOL]
    #[arg(long, value_name = "COMMAND", requires = "edit")]
    tool: Option<String>,
}

/// Reads a path, or a glob where there is a wildcard in it.
fn parse_only(text: &str) -> workspace_core::Result<Glob> {
    match text.contains(['*', '?', '[']) {
        true => Glob::new(text),
        false => Glob::of_path(&tree_path(text)?),
    }
}

/// Whose side is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Copy,
    Parent,
}

fn parse_side(text: &str) -> std::result::Result<(Side, Option<TreePath>), String> {
    let (side, path) = match text.split_once(':') {
        Some((side, path)) => (side, Some(path)),
        None => (text, None),
    };
    let side = match side {
        "copy" => Side::Copy,
        "parent" => Side::Parent,
        _ => return Err("it is `copy` or `parent`, or one of them with `:` and a path".into()),
    };
    let path = path.map(tree_path).transpose();
    path.map(|path| (side, path))
        .map_err(|error| error.to_string())
}

impl Rebase {
    /// Tells whether a person is to be asked about a path.
    pub(crate) fn asks(&self, path: &TreePath) -> bool {
        let longest = |paths: &mut dyn Iterator<Item = &TreePath>| {
            let above = paths.filter(|it| path.starts_with(it));
            above.map(|it| it.as_str().len()).max()
        };
        let root = TreePath::root();
        let sides = self.take.iter().map(|(_, it)| it.as_ref().unwrap_or(&root));
        // What is said of a path itself, or nearer above it, is what counts.
        let edited = longest(&mut self.edit.iter());
        edited.is_some() && edited >= longest(&mut sides.into_iter())
    }

    /// Tells whether a path is to be merged by its lines.
    pub(crate) fn merges(&self, path: &TreePath) -> bool {
        self.merge.iter().any(|above| path.starts_with(above))
    }

    /// Tells whether a side is to be taken at a path.
    pub(crate) fn takes(&self, path: &TreePath) -> bool {
        let mut takes = self.take.iter();
        takes.any(|(_, above)| above.as_ref().is_none_or(|above| path.starts_with(above)))
    }

    /// Tells whether nothing but a person decides.
    pub(crate) fn is_only_edit(&self) -> bool {
        self.take.is_empty() && self.merge.is_empty()
    }

    /// Returns the command that merges, where one is named.
    pub(crate) fn tool(&self) -> Option<String> {
        let variable = || std::env::var("WORKSPACE_MERGETOOL").ok();
        let tool = self.tool.clone().or_else(variable);
        tool.filter(|tool| !tool.is_empty())
    }

    /// Says what to take where, of what conflicts and nobody was asked about.
    fn resolve(
        &self,
        found: &Conflicts,
        asked: Option<&Asked>,
    ) -> (Vec<Resolution>, Vec<TreePath>) {
        let mut resolutions: Vec<(TreePath, Side)> = Vec::new();
        let mut merge = self.merge.clone();
        for (side, path) in &self.take {
            let path = path.clone().unwrap_or_else(TreePath::root);
            let below = found.paths.iter().filter(|it| it.path.starts_with(&path));
            let before = resolutions.len();
            for it in below {
                // The longest path says it.
                let nearer = |other: &TreePath| {
                    it.path.starts_with(other) && other.starts_with(&path) && *other != path
                };
                let other = self
                    .take
                    .iter()
                    .any(|(_, other)| other.as_ref().is_some_and(nearer));
                let merged =
                    |other: &TreePath| it.path.starts_with(other) && other.starts_with(&path);
                let is_asked = asked.is_some_and(|asked| asked.has(&it.path));
                if !other && !is_asked && !self.merge.iter().any(merged) {
                    resolutions.push((it.path.clone(), *side));
                }
            }
            let has_asked = asked.is_some_and(|asked| asked.has(&path));
            if resolutions.len() == before && !path.is_root() && !has_asked {
                // The workspace says what is wrong with it.
                resolutions.push((path, *side));
            }
        }
        if found.paths.is_empty() {
            merge.clear();
        }
        if let Some(asked) = asked {
            merge.retain(|path| !asked.has(path));
        }
        // What is at a path is taken with all that is below it.
        let mut taken: Vec<(TreePath, Side)> = Vec::new();
        for (path, side) in resolutions {
            let covered =
                |(above, other): &(TreePath, Side)| path.starts_with(above) && side == *other;
            if !taken.iter().any(covered) {
                taken.push((path, side));
            }
        }
        let take = |side| match side {
            Side::Copy => Take::Copy,
            Side::Parent => Take::Parent,
        };
        let resolutions = taken.into_iter().map(|(path, side)| Resolution {
            path,
            take: take(side),
        });
        (resolutions.collect(), merge)
    }
}

/// What came of applying a copy.
#[derive(Debug, Serialize)]
struct AppliedShape {
    copy: String,
    published: bool,
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_operation: Option<u64>,
    already: bool,
    /// Whether the rest of what it changed is still in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_part: bool,
}

impl AppliedShape {
    fn new(copy: &CopyRecord, applied: Applied) -> Self {
        let (revision, parent_operation, already, in_part) = match applied {
            Applied::Published {
                revision,
                already,
                in_part,
            } => (Some(revision.get()), None, already, in_part),
            Applied::ToParent {
                operation,
                already,
                in_part,
            } => (None, Some(operation.get()), already, in_part),
            Applied::Unchanged { in_part } => (None, None, false, in_part),
        };
        Self {
            copy: copy.id.to_string(),
            published: revision.is_some(),
            revision,
            parent_operation,
            already,
            in_part,
        }
    }

    fn text(&self, copy: &CopyRecord) -> String {
        let name = label(copy);
        let what = match (self.revision, self.parent_operation) {
            (Some(revision), _) => format!("revision {revision}"),
            (_, Some(operation)) => {
                let parent = copy.parent.map_or("head".into(), |id| id.to_string());
                format!("operation {operation} of copy {parent}, which is not published")
            }
            _ if self.in_part => {
                return format!(
                    "nothing of {name} is left to apply there: what it changed elsewhere stays \
                     in it"
                );
            }
            _ => return format!("{name} has no change: nothing was applied"),
        };
        match (self.already, self.in_part) {
            (true, _) => format!("{name} was applied before, as {what}"),
            (false, true) => format!("applied a part of {name} as {what}; the rest stays in it"),
            (false, false) => format!("applied {name} as {what}"),
        }
    }
}

/// Applies copies to their parent.
pub(crate) async fn apply(run: &Run, args: &Apply) -> Result<Outcome> {
    let session = run.session()?;
    if args.names.len() > 1 {
        return apply_all(run, args).await;
    }
    let name = match args.names.first() {
        Some(name) => name.clone(),
        None => args.option.required("apply")?,
    };
    let copy = copies::find(session, &name).await?;
    let options = ApplyOptions::default()
        .message(run.revision_message(&args.message))
        .expect_tree(args.expect_tree)
        .only(args.only.clone());
    let applied = session
        .apply(copy.id, options)
        .await
        .hinted(|error| apply_hint(error, &copy))?;
    let shape = AppliedShape::new(&copy, applied);
    run.out.done(&shape, shape.text(&copy))?;
    Ok(Outcome::Done)
}

async fn apply_all(run: &Run, args: &Apply) -> Result<Outcome> {
    let session = run.session()?;
    if args.expect_tree.is_some() || !args.only.is_empty() {
        let error = Error::invalid(Reason::Contradiction, "apply");
        return Err(error
            .because("--only and --expect-tree are for one copy")
            .into());
    }
    let mut found = Vec::new();
    for name in &args.names {
        found.push(copies::find(session, name).await?);
    }
    let together: Vec<Together> = found.iter().map(|copy| copy.id.into()).collect();
    let message = run.revision_message(&args.message);
    let applied = session
        .apply_all(&together, &message)
        .await
        .hinted(|error| {
            (error.kind() == ErrorKind::Conflict).then(|| {
                "none was applied; `workspace overlap` shows which copies meet, and where".into()
            })
        })?;
    #[derive(Serialize)]
    struct Shape {
        applied: Vec<AppliedShape>,
    }
    let shapes = found.iter().zip(applied);
    let shapes = shapes.map(|(copy, applied)| AppliedShape::new(copy, applied));
    let shape = Shape {
        applied: shapes.collect(),
    };
    let lines = found.iter().zip(&shape.applied);
    let lines: Vec<String> = lines.map(|(copy, shape)| shape.text(copy)).collect();
    run.out.done(&shape, lines.join("\n"))?;
    Ok(Outcome::Done)
}

fn apply_hint(error: &Error, copy: &CopyRecord) -> Option<String> {
    let (name, parent) = (label(copy), parent(copy));
    match error.kind() {
        ErrorKind::Conflict => Some(format!(
            "{parent} is no longer what the copy is based on: `workspace rebase {name}` brings that in \
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
    let asked = match args.edit.is_empty() {
        true => None,
        false => Some(merging::ask(run, args).await?),
    };
    let rebased = match &asked {
        None => bring(run, args, None).await,
        // Since an editor ran, a signal does not end this by itself.
        Some(asked) => {
            let brought = async {
                follow::session(run).await?;
                bring(run, args, Some(asked)).await
            };
            unless_ended(brought).await
        }
    };
    rebased.map_err(|failure| match asked {
        Some(asked) => asked.keep(failure),
        None => failure,
    })
}

/// Refuses to resolve what is not listed.
pub(crate) fn check_listed(copy: &CopyRecord, found: &Conflicts) -> Result<()> {
    if found.count == found.paths.len() as u64 {
        return Ok(());
    }
    let why = format!(
        "{} paths conflict, of which {} are listed: what is not listed cannot be resolved here",
        found.count,
        found.paths.len()
    );
    Err(Error::new(ErrorKind::LimitExceeded, "rebase")
        .at(copy.id)
        .because(why)
        .into())
}

async fn bring(run: &Run, args: &Rebase, asked: Option<&Asked>) -> Result<Outcome> {
    let session = run.session()?;
    let copy = args.copy.find(session, "rebase").await?;
    let name = label(&copy);
    let mut options = RebaseOptions::default().author(run.author(&args.note));
    let mut merge = Vec::new();
    if !args.take.is_empty() || !args.merge.is_empty() || asked.is_some() {
        let found = session.conflicts(copy.id).await?;
        check_listed(&copy, &found)?;
        let (mut resolutions, merged) = args.resolve(&found, asked);
        resolutions.extend(asked.into_iter().flat_map(Asked::resolutions));
        merge = merged;
        let (generation, version) = match asked {
            Some(asked) => (asked.generation, asked.parent_version),
            None => (found.copy.generation, found.parent_version),
        };
        options = options
            .resolutions(resolutions)
            .expect_generation(generation)
            .expect_parent_version(version);
    }
    let rebased = session.rebase(copy.id, options, &merge).await;
    let Merged { rebased, merged } = rebased.hinted(|error| match error.kind() {
        ErrorKind::Conflict => Some(format!(
            "nothing was changed: `workspace conflicts {name}` shows what each side has; rebase \
             with --merge, --edit, or --take copy:PATH or parent:PATH for each of them"
        )),
        ErrorKind::Stale => Some("it was changed meanwhile: look again".into()),
        _ => None,
    })?;
    #[derive(Serialize)]
    struct Shape {
        moved: bool,
        operation: Option<u64>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        merged: Vec<String>,
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
    for path in &merged {
        run.out
            .say(format!("merged {}", run.out.safe(path.as_str())))?;
    }
    run.out.done(
        &Shape {
            moved,
            operation: rebased.operation.map(|id| id.get()),
            merged: merged.iter().map(ToString::to_string).collect(),
            copy: CopyShape::new(&rebased.copy),
        },
        line,
    )?;
    Ok(Outcome::Done)
}
