//! `grant`: tokens that open a part of a copy.

use clap::Subcommand;
use serde::Serialize;
use workspace_core::store::Budget;
use workspace_core::{At, Glob, GrantId, GrantOptions, RevisionId, Scope, Timestamp, TreePath};
use workspace_http::wire::{AllowedDto, Count, GrantDto, ScopeDto};

use crate::args::{CopyOption, tree_path};
use crate::commands::copies;
use crate::commands::import::parse_size;
use crate::exit::{Outcome, Result};
use crate::output::{YELLOW, count_text};
use crate::run::Run;
use crate::session::Session;
use crate::time::{local_text, machine_text, now, parse_duration};

/// How many grants are read at once.
const PAGE: usize = 500;

/// The `grant` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Grant {
    /// Hand out a token to a part of a copy's files, or to read of head or a revision
    Issue(Issue),
    /// List the grants to a copy, to head or to a revision: `workspace grants`
    #[command(hide = true)]
    List(List),
    /// Revoke grants, and all that were made from them
    Revoke(Revoke),
    /// Make a narrower token of a grant's token, that of --token-file or WORKSPACE_TOKEN
    Attenuate(Attenuate),
}

/// Which files somebody has, and what they may do with them.
#[derive(Debug, clap::Args)]
pub(crate) struct FilesArgs {
    /// The directory that the holder sees as /
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    root: TreePath,
    /// What may be read, such as '**' or 'posts/**', as seen from the root; a name without a slash, such as '*.md', at any depth; more than once for more
    #[arg(long, value_name = "GLOB")]
    read: Vec<Glob>,
    /// What may be written, such as 'posts/**', as seen from the root
    #[arg(long, value_name = "GLOB")]
    write: Vec<Glob>,
    /// Let what may be written be removed and moved away as well
    #[arg(long)]
    delete: bool,
}

/// What the holder may do.
#[derive(Debug, clap::Args)]
struct ScopeArgs {
    #[command(flatten)]
    files: FilesArgs,
    /// After which time it ends by itself, such as 2h or 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires: Option<i64>,
    /// How many bytes it may write and copy in all, such as 100M; any number unless said
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// By how many entries it may make the tree grow; any number unless said
    #[arg(long, value_name = "NUMBER")]
    max_entries: Option<u64>,
}

/// Which files a grant is to.
#[derive(Debug, clap::Args)]
struct To {
    /// The copy's name, id, or the start of its id
    #[arg(value_name = "COPY", conflicts_with_all = ["copy", "head", "at"])]
    name: Option<String>,
    #[command(flatten)]
    option: CopyOption,
    /// Head, for reading only
    #[arg(long, conflicts_with_all = ["copy", "at"])]
    head: bool,
    /// This revision, for reading only
    #[arg(long, value_name = "REVISION", conflicts_with = "copy")]
    at: Option<RevisionId>,
}

impl To {
    async fn find(&self, session: &Session) -> Result<At> {
        let name = match (&self.name, self.at) {
            _ if self.head => return Ok(At::Head),
            (_, Some(revision)) => return Ok(At::Revision(revision)),
            (Some(name), None) => name.clone(),
            (None, None) => self.option.required("find files")?,
        };
        Ok(At::Copy(copies::find(session, &name).await?.id))
    }
}

impl FilesArgs {
    /// Returns them as a scope.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            root: self.root.clone(),
            read: self.read.clone(),
            write: self.write.clone(),
            delete: self.delete,
        }
    }
}

impl ScopeArgs {
    fn budget(&self) -> Budget {
        Budget {
            max_bytes: self.max_bytes,
            max_entries: self.max_entries,
        }
    }

    fn expires(&self) -> Option<Timestamp> {
        self.expires.map(|millis| now().plus_millis(millis))
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Issue {
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    scope: ScopeArgs,
    /// What it is for
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    label: String,
    /// The name under which the holder's changes are logged
    #[arg(
        long = "as",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    holder: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    to: To,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The grants' ids
    #[arg(required = true)]
    ids: Vec<GrantId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Attenuate {
    #[command(flatten)]
    scope: ScopeArgs,
}

/// Runs a `grant` command.
pub(crate) async fn grant(run: &Run, args: &Grant) -> Result<Outcome> {
    match args {
        Grant::Issue(args) => issue(run, args).await,
        Grant::List(args) => list(run, args).await,
        Grant::Revoke(args) => revoke(run, args).await,
        Grant::Attenuate(args) => attenuate(run, args).await,
    }
}

/// A grant as `--json` shows it.
#[derive(Serialize)]
struct GrantShape<'a> {
    id: &'a str,
    at: &'a str,
    scopes: &'a [ScopeDto],
    label: &'a str,
    actor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_entries: Option<u64>,
}

impl<'a> GrantShape<'a> {
    fn new(grant: &'a GrantDto) -> Self {
        Self {
            id: &grant.id,
            at: &grant.at,
            scopes: &grant.scopes,
            label: &grant.label,
            actor: &grant.actor,
            parent: grant.parent.as_deref(),
            created: machine_text(grant.created.into()),
            expires: grant.expires.map(|time| machine_text(time.into())),
            max_bytes: grant.max_bytes.map(Count::get),
            max_entries: grant.max_entries.map(Count::get),
            used_bytes: grant.used_bytes.map(Count::get),
            used_entries: grant.used_entries.map(Count::get),
        }
    }
}

async fn issue(run: &Run, args: &Issue) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.to.find(session).await?;
    let options = GrantOptions::default()
        .label(args.label.clone())
        .actor(args.holder.clone())
        .expires(args.scope.expires())
        .budget(args.scope.budget());
    let issued = session.issue_grant(at, args.scope.files.scope(), options);
    let issued = issued.await?;
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape<'a> {
            token: &'a str,
            grant: GrantShape<'a>,
        }
        run.out.json(&Shape {
            token: &issued.token,
            grant: GrantShape::new(&issued.grant),
        })?;
        return Ok(Outcome::Done);
    }
    // The token alone, so that a shell can keep it.
    run.out.line(&issued.token)?;
    Ok(Outcome::Done)
}

/// Lists grants.
pub(crate) async fn list(run: &Run, args: &List) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.to.find(session).await?;
    let out = &run.out;
    let mut shown = match out.is_json() {
        true => Some(out.begin_list("grants")?),
        false => None,
    };
    let mut after: Option<GrantId> = None;
    loop {
        let page = session.grants(at, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.parse()?);
        for grant in &page {
            match &mut shown {
                Some(shown) => shown.item(&GrantShape::new(grant))?,
                None => {
                    let expires = grant.expires.map(|time| local_text(time.into()));
                    let line = format!(
                        "{}  {}  {}{}  {}",
                        out.paint(YELLOW, &grant.id),
                        expires.as_deref().unwrap_or(match at {
                            At::Copy(_) => "while the copy is open",
                            At::Head => "never",
                            At::Revision(_) | At::Tree(_) => "while the revision is kept",
                        }),
                        allowed(&grant.scopes),
                        budget(grant),
                        out.safe(&grant.label),
                    );
                    out.line(line.trim_end())?;
                }
            }
        }
    }
    if let Some(shown) = shown {
        shown.end()?;
    }
    Ok(Outcome::Done)
}

/// Says in a word or two what the last of the scopes allows.
fn allowed(scopes: &[ScopeDto]) -> String {
    let Some(scope) = scopes.last() else {
        return "everything".into();
    };
    let globs = |what: &str, globs: &[String]| match globs {
        [] => String::new(),
        globs => format!(" {what} {}", globs.join(" ")),
    };
    let delete = if scope.delete { " delete" } else { "" };
    format!(
        "{}{}{}{delete}",
        scope.root,
        globs("read", &scope.read),
        globs("write", &scope.write)
    )
}

/// Says what is used of a budget, if there is one.
fn budget(grant: &GrantDto) -> String {
    let part = |used: Option<Count>, max: Option<Count>, what: &str| match (used, max) {
        (Some(used), Some(max)) => format!("  {}/{} {what}", used.get(), max.get()),
        _ => String::new(),
    };
    part(grant.used_bytes, grant.max_bytes, "bytes")
        + &part(grant.used_entries, grant.max_entries, "entries")
}

async fn revoke(run: &Run, args: &Revoke) -> Result<Outcome> {
    let session = run.session()?;
    let mut revoked = 0;
    for id in &args.ids {
        revoked += session.revoke_grant(id).await?;
    }
    #[derive(Serialize)]
    struct Shape {
        revoked: u64,
    }
    let line = format!("revoked {}", count_text(revoked, "grant", "grants"));
    run.out.done(&Shape { revoked }, line)?;
    Ok(Outcome::Done)
}

async fn attenuate(run: &Run, args: &Attenuate) -> Result<Outcome> {
    let (scope, expires) = (args.scope.files.scope(), args.scope.expires());
    let token = run.token()?;
    let made = run
        .session()?
        .attenuate(&token, scope, expires, args.scope.budget())
        .await?;
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape<'a> {
            token: &'a str,
            scopes: &'a [AllowedDto],
            #[serde(skip_serializing_if = "Option::is_none")]
            expires: Option<String>,
        }
        run.out.json(&Shape {
            token: &made.token,
            scopes: &made.scopes,
            expires: made.expires.map(machine_text),
        })?;
        return Ok(Outcome::Done);
    }
    run.out.line(&made.token)?;
    Ok(Outcome::Done)
}
