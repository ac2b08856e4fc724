//! Where two trees differ.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{
    At, DiffOptions, Difference, Error, ErrorKind, Reason, Result, TreePath, Workspace,
};

use super::{PAGE, cut, page_limit};
use crate::call::On;
use crate::operation::{Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::wire::{Count, DifferenceDto, DifferencePage};

operations! {
    /// Lists where two trees differ, in byte order of the paths. Each is `head`, `copy:` and a
    /// name or id, `revision:` and a number, or `tree:` and an id.
    static DIFF: Operation<(), Query<DiffQuery>, DifferencePage> =
        Operation::get("diff", "/v1/diff")
            .answers("A page of the differences.")
            .fails(&[
                ErrorKind::NotFound,
                ErrorKind::NotADirectory,
                ErrorKind::Closed,
                ErrorKind::LimitExceeded,
            ])
            .leads(&["from", "to"]);
}

pub(super) fn all(table: &mut Table) {
    table.add(&DIFF, diff);
}

/// Which trees are compared, and how.
#[derive(Debug, Clone, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    /// The one tree: `head`, `copy:` and a name or id, `revision:` and a number,
    /// or `tree:` and an id.
    pub from: String,
    /// The other one.
    pub to: String,
    /// The directory or entry to look at; all unless said.
    pub below: Option<String>,
    /// Whether to pair removed with added files of the same content; yes unless
    /// said. Each page then costs the whole difference, otherwise what it lists.
    pub renames: Option<bool>,
    /// The path after which the page begins.
    pub after: Option<String>,
    /// How many differences it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn diff(
    On { workspace, .. }: On,
    (): (),
    Query(query): Query<DiffQuery>,
) -> Result<DifferencePage, Problem> {
    let limit = page_limit(query.limit)?;
    let path = |text: Option<String>| text.as_deref().map(TreePath::new).transpose();
    let (below, after) = (path(query.below)?, path(query.after)?);
    let options = DiffOptions::default()
        .below(below.unwrap_or_else(TreePath::root))
        .renames(query.renames.unwrap_or(true));
    let from = parse_at(&workspace, &query.from)?;
    let to = parse_at(&workspace, &query.to)?;
    if options.renames {
        let found = workspace.diff(from, to, &options)?;
        return Ok(counted_page(found, after.as_ref(), limit));
    }
    let found = workspace.diff_page(from, to, &options, after.as_ref(), limit + 1)?;
    Ok(page(found, limit))
}

/// Returns the first page of what differs; where that is more than one answer may
/// hold, without renames and without a count.
pub(super) fn first_page(workspace: &Workspace, from: At, to: At) -> Result<DifferencePage> {
    let (limit, options) = (PAGE as usize, DiffOptions::default());
    match workspace.diff(from, to, &options) {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => {
            let options = options.renames(false);
            let found = workspace.diff_page(from, to, &options, None, limit + 1)?;
            Ok(page(found, limit))
        }
        found => Ok(counted_page(found?, None, limit)),
    }
}

/// Cuts a page out of all differences.
fn counted_page(
    mut found: Vec<Difference>,
    after: Option<&TreePath>,
    limit: usize,
) -> DifferencePage {
    let count = found.len() as u64;
    if let Some(after) = after {
        found.retain(|difference| difference.path > *after);
    }
    DifferencePage {
        count: Some(count.into()),
        ..page(found, limit)
    }
}

fn page(mut found: Vec<Difference>, limit: usize) -> DifferencePage {
    let next = cut(&mut found, limit, |difference| difference.path.to_string());
    DifferencePage {
        differences: found.iter().map(DifferenceDto::from).collect(),
        count: None,
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
            Err(Error::invalid(Reason::MalformedQuery, "read query")
                .at(start.escape_debug())
                .because("expected head, copy:NAME, revision:NUMBER or tree:ID"))
        }
    }
}
