//! `preview`: files as a site, for whoever has its URL.

use clap::Subcommand;
use serde::Serialize;
use workspace_core::store::Site;
use workspace_core::{GrantId, Name, TreePath};
use workspace_http::wire::PreviewDto;

use crate::args::{ReadAt, tree_path};
use crate::exit::{Outcome, Result};
use crate::output::{YELLOW, count_text};
use crate::run::Run;
use crate::time::{local_text, machine_text, now, parse_duration};

/// How many previews are read at once.
const PAGE: usize = 500;

/// The `preview` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Preview {
    /// Show head, a copy or a revision as a site, as it changes
    Issue(Issue),
    /// List previews: `workspace previews`
    #[command(hide = true)]
    List,
    /// Revoke previews
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Issue {
    #[command(flatten)]
    at: ReadAt,
    /// The directory that is the site
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    root: TreePath,
    /// The file that stands for its directory
    #[arg(long, value_name = "NAME", default_value = "index.html", value_parser = Name::new)]
    index: Name,
    /// The file that stands for pages that do not exist
    #[arg(long, value_name = "PATH", value_parser = tree_path)]
    fallback: Option<TreePath>,
    /// Show names that begin with a dot as well, such as .env
    #[arg(long)]
    hidden: bool,
    /// Run it, as an application: by its main module, with its static files. A Worker does so
    /// at a host of its own; `serve` shows nothing of it
    #[arg(long, conflicts_with_all = ["index", "fallback", "hidden"])]
    app: bool,
    /// After which time it ends by itself, such as 2h or 7d [default: a week]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires: Option<i64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The previews' ids
    #[arg(required = true)]
    ids: Vec<GrantId>,
}

/// Runs a `preview` command.
pub(crate) async fn preview(run: &Run, args: &Preview) -> Result<Outcome> {
    match args {
        Preview::Issue(args) => issue(run, args).await,
        Preview::List => list(run).await,
        Preview::Revoke(args) => revoke(run, args).await,
    }
}

async fn issue(run: &Run, args: &Issue) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.at.find(session).await?;
    let site = Site {
        root: args.root.clone(),
        index: args.index.clone(),
        fallback: args.fallback.clone(),
        hidden: args.hidden,
        app: args.app,
    };
    let expires = args.expires.map(|millis| now().plus_millis(millis));
    let issued = session.issue_preview(at, site, expires).await?;
    let url = session.base().map(|base| format!("{base}{}", issued.path));
    if run.out.is_json() {
        #[derive(Serialize)]
        struct Shape<'a> {
            id: &'a str,
            token: &'a str,
            path: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            url: Option<&'a str>,
            tree: &'a str,
            expires: Option<String>,
        }
        run.out.json(&Shape {
            id: &issued.id,
            token: &issued.token,
            path: &issued.path,
            url: url.as_deref(),
            tree: &issued.tree,
            expires: issued.expires.map(|time| machine_text(time.into())),
        })?;
        return Ok(Outcome::Done);
    }
    // Here nobody serves it yet: this is where it will be.
    run.out.line(url.as_deref().unwrap_or(&issued.path))?;
    Ok(Outcome::Done)
}

/// A preview as `--json` shows it.
#[derive(Serialize)]
struct PreviewShape<'a> {
    id: &'a str,
    at: &'a str,
    root: &'a str,
    index: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a str>,
    hidden: bool,
    app: bool,
    created: String,
    expires: Option<String>,
}

impl<'a> PreviewShape<'a> {
    fn new(preview: &'a PreviewDto) -> Self {
        Self {
            id: &preview.id,
            at: &preview.at,
            root: &preview.root,
            hidden: preview.hidden,
            app: preview.app,
            index: &preview.index,
            fallback: preview.fallback.as_deref(),
            created: machine_text(preview.created.into()),
            expires: preview.expires.map(|time| machine_text(time.into())),
        }
    }
}

/// Lists previews.
pub(crate) async fn list(run: &Run) -> Result<Outcome> {
    let session = run.session()?;
    let out = &run.out;
    let mut shown = match out.is_json() {
        true => Some(out.begin_list("previews")?),
        false => None,
    };
    let mut after: Option<GrantId> = None;
    loop {
        let page = session.previews(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.parse()?);
        for preview in &page {
            match &mut shown {
                Some(shown) => shown.item(&PreviewShape::new(preview))?,
                None => {
                    let expires = preview.expires.map(|time| local_text(time.into()));
                    let fallback = preview.fallback.as_deref().unwrap_or_default();
                    let line = format!(
                        "{}  {}  {}  {}{}  {}  {}",
                        out.paint(YELLOW, &preview.id),
                        expires.as_deref().unwrap_or("never"),
                        preview.at,
                        out.safe(&preview.root),
                        match (preview.app, preview.hidden) {
                            (true, _) => " (an application)",
                            (_, true) => " (hidden too)",
                            _ => "",
                        },
                        out.safe(&preview.index),
                        out.safe(fallback),
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

async fn revoke(run: &Run, args: &Revoke) -> Result<Outcome> {
    let session = run.session()?;
    for id in &args.ids {
        session.revoke_preview(id).await?;
    }
    #[derive(Serialize)]
    struct Shape {
        revoked: u64,
    }
    let revoked = args.ids.len() as u64;
    let line = format!("revoked {}", count_text(revoked, "preview", "previews"));
    run.out.done(&Shape { revoked }, line)?;
    Ok(Outcome::Done)
}
