//! Where two trees differ.

use axum::http::Method;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::{At, DiffOptions, Difference, Error, ErrorKind, Result, TreePath, Workspace};

use super::{OK, PAGE, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{Count, DifferenceDto, DifferencePage};

pub(super) fn routes() -> Vec<Route> {
    let summary = "Lists where two trees differ, in byte order of the paths";
    vec![
        Route::new(Method::GET, "/v1/diff", "diff", summary, diff)
            .query::<DiffQuery>()
            .answers::<DifferencePage>(OK, "A page of the differences.")
            .fails(&[
                ErrorKind::NotFound,
                ErrorKind::NotADirectory,
                ErrorKind::Closed,
            ]),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct DiffQuery {
    /// The one tree: `head`, `copy:` and a name or id, `revision:` and a number,
    /// or `tree:` and an id.
    from: String,
    /// The other one.
    to: String,
    /// The directory or entry to look at; all unless said.
    below: Option<String>,
    /// Whether to pair removed with added files of the same content; yes unless
    /// said.
    renames: Option<bool>,
    /// The path after which the page begins.
    after: Option<String>,
    /// How many differences it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn diff(call: Call) -> Answer {
    let query: DiffQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let path = |text: Option<String>| text.as_deref().map(TreePath::new).transpose();
    let (below, after) = (path(query.below)?, path(query.after)?);
    let options = DiffOptions {
        below: below.unwrap_or_else(TreePath::root),
        renames: query.renames.unwrap_or(true),
    };
    let from = parse_at(&call.workspace, &query.from)?;
    let to = parse_at(&call.workspace, &query.to)?;
    let found = call.workspace.diff(from, to, &options)?;
    json(OK, &page(found, after.as_ref(), limit))
}

/// Returns the first page of what a copy changed.
pub(super) fn first_page(found: Vec<Difference>) -> DifferencePage {
    page(found, None, PAGE as usize)
}

fn page(mut found: Vec<Difference>, after: Option<&TreePath>, limit: usize) -> DifferencePage {
    let count = found.len() as u64;
    if let Some(after) = after {
        found.retain(|difference| difference.path > *after);
    }
    let next = cut(&mut found, limit, |difference| difference.path.to_string());
    DifferencePage {
        differences: found.iter().map(DifferenceDto::from).collect(),
        count: count.into(),
        next,
    }
}

/// Reads which tree is meant.
pub(super) fn parse_at(workspace: &Workspace, text: &str) -> Result<At> {
    match text.split_once(':') {
        None if text == "head" => Ok(At::Head),
        Some(("copy", copy)) => Ok(At::Copy(workspace.find_copy(copy)?.id)),
        Some(("revision", revision)) => revision.parse().map(At::Revision),
        Some(("tree", tree)) => tree.parse().map(At::Tree),
        _ => {
            let start: String = text.chars().take(120).collect();
            Err(Error::new(ErrorKind::Invalid, "read query")
                .at(start.escape_debug())
                .because("expected head, copy:NAME, revision:NUMBER or tree:ID"))
        }
    }
}
