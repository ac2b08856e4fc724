//! Working copies: `fork`, `copies`, `copy`, `discard`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use serde::Serialize;
use workspace_core::store::{CopyRecord, CopyState};
use workspace_core::{At, CopyId, Error, ErrorKind, ForkOptions, Reason, RevisionId};

use crate::commands::publish::OneCopy;
use crate::exit::{Failure, Hinted, Outcome, Result};
use crate::output::{Output, YELLOW};
use crate::run::Run;
use crate::session::Session;
use crate::shapes::{CopyShape, copy_state};
use crate::time::{local_text, now, parse_duration};

/// How many copies are read at once.
const PAGE: usize = 500;

/// The `copy` commands, with what was one before it got a word of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Copy {
    /// Show a working copy
    Show(Named),
    /// Give a working copy another name
    Rename(Rename),
    /// Fork head, a copy or a revision into a new working copy: `workspace fork`
    #[command(hide = true)]
    New(Fork),
    /// List working copies: `workspace copies`
    #[command(hide = true)]
    List(List),
    /// Throw working copies away: `workspace discard`
    #[command(hide = true)]
    Discard(Discard),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fork {
    /// Its name, unique among open copies
    name: Option<String>,
    /// After which time it is discarded by itself, such as 2h or 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires: Option<i64>,
    /// The open copy to fork instead of head, by name, id, or the start of its id: the
    /// new one is applied to it
    #[arg(long, value_name = "COPY")]
    of: Option<String>,
    /// The revision to fork instead of head
    #[arg(long, value_name = "REVISION", conflicts_with = "of")]
    revision: Option<RevisionId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Also list those that were applied, discarded or have expired
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    #[command(flatten)]
    copy: OneCopy,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// The copy's name, id, or the start of its id
    name: String,
    /// Its new name
    to: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Discard {
    /// The copies' names, ids, or the starts of their ids
    #[arg(value_name = "COPY", required_unless_present = "copy")]
    names: Vec<String>,
    /// The same, as other commands name one
    #[arg(short, long, value_name = "NAME")]
    copy: Vec<String>,
}

/// Runs a `copy` command.
pub(crate) async fn copy(run: &Run, args: &Copy) -> Result<Outcome> {
    match args {
        Copy::New(args) => fork(run, args).await,
        Copy::List(args) => list(run, args).await,
        Copy::Show(args) => show(run, args).await,
        Copy::Rename(args) => rename(run, args).await,
        Copy::Discard(args) => discard(run, args).await,
    }
}

/// Finds a copy by name, id or start of id. Where no open copy has the name, the
/// closed one does that had it, if there was one only: so a repeated `apply` or
/// `discard` is told what became of it.
///
/// # Errors
/// `NotFound`, with similar names as the hint; `Invalid` for an ambiguous start.
pub(crate) async fn find(session: &Session, name: &str) -> Result<CopyRecord> {
    let error = match session.find_copy(name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => error,
        found => return Ok(found?),
    };
    if let Some(copy) = starting(session, name).await? {
        return Ok(copy);
    }
    let copies = all(session, false).await?;
    let mut closed: Vec<&CopyRecord> = copies
        .iter()
        .filter(|copy| copy.name.as_deref() == Some(name))
        .collect();
    match closed.pop() {
        Some(copy) if closed.is_empty() => Ok(copy.clone()),
        Some(_) => Err(Failure::Error {
            error,
            hint: Some("`workspace copies --all` shows the closed ones of that name".into()),
        }),
        None => Err(Failure::Error {
            error,
            hint: similar(&copies, name),
        }),
    }
}

/// Finds the only open copy whose id starts so.
///
/// # Errors
/// `Invalid` where there are several.
async fn starting(session: &Session, start: &str) -> Result<Option<CopyRecord>> {
    let Some(ids) = CopyId::starting(start) else {
        return Ok(None);
    };
    let before = ids.start().before();
    let mut found = session.copies(true, before.as_ref(), 2).await?;
    found.retain(|copy| ids.contains(&copy.id));
    match (found.pop(), found.pop()) {
        (Some(_), Some(_)) => Err(Error::invalid(Reason::Contradiction, "find copy")
            .at(start)
            .because("several copies' ids start so")
            .into()),
        (found, _) => Ok(found),
    }
}

/// Returns a hint that lists the names of open copies that are like `name`.
fn similar(copies: &[CopyRecord], name: &str) -> Option<String> {
    let now = now();
    let mut close: Vec<(f64, &str)> = copies
        .iter()
        .filter(|copy| copy_state(copy, now) == "open")
        .filter_map(|copy| copy.name.as_deref())
        .map(|other| (likeness(name, other), other))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    let close: Vec<&str> = close.into_iter().take(3).map(|(_, name)| name).collect();
    (!close.is_empty()).then(|| format!("did you mean {}?", close.join(", ")))
}

/// From this likeness on a name is worth suggesting.
pub(crate) const SIMILAR: f64 = 0.6;

/// Tells how much two names are alike, from 0 to 1 (Damerau–Levenshtein).
pub(crate) fn likeness(a: &str, b: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(a, b)
}

/// Returns what to call a copy: its name, or the start of its id.
pub(crate) fn label(copy: &CopyRecord) -> String {
    let short = || copy.id.to_string();
    copy.name.clone().unwrap_or_else(short)
}

async fn all(session: &Session, open_only: bool) -> workspace_core::Result<Vec<CopyRecord>> {
    /// The most copies that are held.
    const MOST: usize = 1_000_000;
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|copy: &CopyRecord| copy.id);
        let page = session.copies(open_only, after.as_ref(), PAGE).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
        if found.len() > MOST {
            let error = Error::new(ErrorKind::LimitExceeded, "list copies");
            return Err(error.because(format_args!("more than {MOST} copies")));
        }
    }
}

/// Returns the copies that can be worked on.
pub(crate) async fn open(session: &Session) -> workspace_core::Result<Vec<CopyRecord>> {
    let now = now();
    let mut copies = all(session, true).await?;
    copies.retain(|copy| copy_state(copy, now) == "open");
    Ok(copies)
}

/// Forks head, a copy or a revision into a new working copy.
pub(crate) async fn fork(run: &Run, args: &Fork) -> Result<Outcome> {
    let session = run.session()?;
    let of = match (&args.of, args.revision) {
        (Some(name), _) => At::Copy(find(session, name).await?.id),
        (None, Some(revision)) => At::Revision(revision),
        (None, None) => At::Head,
    };
    let options = ForkOptions::default()
        .of(of)
        .name(args.name.clone())
        .expires(args.expires.map(|millis| now().plus_millis(millis)));
    let copy = session.fork(options).await.hinted(|error| {
        (error.kind() == ErrorKind::AlreadyExists)
            .then(|| "choose another name; `workspace copies` lists the open ones".into())
    })?;
    if run.out.is_json() {
        run.out.json(&CopyShape::new(&copy))?;
    } else {
        run.out.line(label(&copy))?;
    }
    Ok(Outcome::Done)
}

/// Lists working copies.
pub(crate) async fn list(run: &Run, args: &List) -> Result<Outcome> {
    let session = run.session()?;
    let copies = match args.all {
        true => all(session, false).await?,
        false => open(session).await?,
    };
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            copies: Vec<CopyShape>,
        }
        run.out.json(&Shape {
            copies: copies.iter().map(CopyShape::new).collect(),
        })?;
        return Ok(Outcome::Done);
    }
    print_tree(&run.out, &copies)?;
    Ok(Outcome::Done)
}

/// Prints copies in a line each, those of a copy below it.
pub(crate) fn print_tree(out: &Output, copies: &[CopyRecord]) -> Result<()> {
    let listed: BTreeSet<CopyId> = copies.iter().map(|copy| copy.id).collect();
    let mut below: BTreeMap<Option<CopyId>, Vec<&CopyRecord>> = BTreeMap::new();
    for copy in copies {
        // Where the parent is not listed, it stands for itself.
        let parent = copy.parent.filter(|parent| listed.contains(parent));
        below.entry(parent).or_default().push(copy);
    }
    // From the last to the first, so that the first is taken first.
    let next = |parent| below.get(&parent).into_iter().flatten().rev();
    let mut open: Vec<(usize, &CopyRecord)> = next(None).map(|copy| (0, *copy)).collect();
    while let Some((depth, copy)) = open.pop() {
        print_line(out, copy, depth)?;
        open.extend(next(Some(copy.id)).map(|copy| (depth + 1, *copy)));
    }
    Ok(())
}

/// Prints a copy in one line, its name so deep below that of its parent.
fn print_line(out: &Output, copy: &CopyRecord, depth: usize) -> Result<()> {
    let id = copy.id.to_string();
    let name = copy.name.as_deref().unwrap_or("-");
    let changed = match copy.tree == copy.base {
        true => "unchanged",
        false => "changed",
    };
    out.line(format!(
        "{}  {:9}  {:9}  from version {}  {}  {}",
        out.paint(YELLOW, id),
        copy_state(copy, now()),
        changed,
        copy.base_version,
        local_text(copy.modified),
        format_args!("{:1$}{2}", "", 2 * depth, out.safe(name)),
    ))
}

async fn show(run: &Run, args: &Named) -> Result<Outcome> {
    let copy = args.copy.find(run.session()?, "find copy").await?;
    if run.out.is_json() {
        run.out.json(&CopyShape::new(&copy))?;
        return Ok(Outcome::Done);
    }
    let state = match copy.state {
        CopyState::Applied(applied) => format!("applied as {applied}"),
        _ => copy_state(&copy, now()).to_string(),
    };
    let expires = copy.expires.map_or("never".into(), local_text);
    for (what, text) in [
        ("copy", copy.id.to_string()),
        ("name", copy.name.clone().unwrap_or_else(|| "-".into())),
        ("state", state),
        (
            "parent",
            copy.parent.map_or("head".into(), |id| id.to_string()),
        ),
        ("from version", copy.base_version.to_string()),
        ("base tree", copy.base.to_string()),
        ("tree", copy.tree.to_string()),
        ("generation", copy.generation.to_string()),
        ("created", local_text(copy.created)),
        ("modified", local_text(copy.modified)),
        ("expires", expires),
    ] {
        run.out.line(format!("{what:13} {}", run.out.safe(&text)))?;
    }
    Ok(Outcome::Done)
}

async fn rename(run: &Run, args: &Rename) -> Result<Outcome> {
    let session = run.session()?;
    let copy = find(session, &args.name).await?;
    let copy = session.rename_copy(copy.id, Some(args.to.clone())).await?;
    run.out.done(
        &CopyShape::new(&copy),
        format!("{} is now {}", copy.id, label(&copy)),
    )?;
    Ok(Outcome::Done)
}

/// Throws working copies away.
pub(crate) async fn discard(run: &Run, args: &Discard) -> Result<Outcome> {
    let session = run.session()?;
    // All are found before any is thrown away.
    let mut copies = Vec::new();
    for name in args.names.iter().chain(&args.copy) {
        copies.push(find(session, name).await?);
    }
    let mut discarded = Vec::new();
    for copy in copies {
        discarded.push(session.discard(copy.id).await?);
    }
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape {
            discarded: Vec<CopyShape>,
        }
        run.out.json(&Shape {
            discarded: discarded.iter().map(CopyShape::new).collect(),
        })?;
        return Ok(Outcome::Done);
    }
    for copy in &discarded {
        run.out.say(format!("discarded {}", label(copy)))?;
    }
    Ok(Outcome::Done)
}
