//! All routes, a module for each group.

pub(crate) mod changes;
pub(crate) mod copies;
pub(crate) mod diff;
pub(crate) mod edit;
pub(crate) mod events;
mod files;
pub(crate) mod grants;
pub(crate) mod listing;
pub(crate) mod previews;
pub(crate) mod revisions;
pub(crate) mod search;
pub(crate) mod site;
mod transfer;
pub(crate) mod upkeep;

use axum::http::{Method, StatusCode};
use workspace_core::{Changed, Error, ErrorKind, Reason, Result};

use crate::operation::Table;
use crate::wire::{ChangedDto, Count};

/// How many entries a page has, unless the request says.
const PAGE: u64 = 1000;
/// The most entries of a page.
pub(crate) const MAX_PAGE: u64 = 10_000;

/// Which files a group of routes is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    Head,
    Copy,
    Revision,
    Tree,
    /// Those of a copy, as the holder of a grant sees them.
    View,
}

impl Files {
    pub(crate) const ALL: [Self; 5] = [
        Self::Head,
        Self::Copy,
        Self::Revision,
        Self::Tree,
        Self::View,
    ];
    /// Those that a token can be bound to.
    pub(crate) const LASTING: [Self; 3] = [Self::Head, Self::Copy, Self::Revision];
    /// Those that can be changed.
    pub(crate) const CURRENT: [Self; 3] = [Self::Head, Self::Copy, Self::View];

    /// Returns the path of a route about these files.
    fn route(self, rest: &str) -> String {
        self.placed(&format!("{{files}}{rest}"))
    }

    /// Returns a path in which these stand for `{files}`.
    pub(crate) fn placed(self, path: &str) -> String {
        let root = match self {
            Self::Head => "/v1/head",
            Self::Copy => "/v1/copies/{copy}",
            Self::Revision => "/v1/revisions/{revision}",
            Self::Tree => "/v1/trees/{tree}",
            Self::View => "/v1/view",
        };
        path.replace("{files}", root)
    }

    /// Returns the id of a route about these files.
    pub(crate) fn id(self, what: &str) -> String {
        let files = match self {
            Self::Head => "head",
            Self::Copy => "copy",
            Self::Revision => "revision",
            Self::Tree => "tree",
            Self::View => "view",
        };
        format!("{files}_{what}")
    }

    /// Returns how naming these files can fail.
    pub(crate) fn fails(self) -> &'static [ErrorKind] {
        match self {
            // A grant to a copy that is closed is no grant.
            Self::Head | Self::View => &[],
            Self::Copy => &[ErrorKind::NotFound, ErrorKind::Closed],
            Self::Revision | Self::Tree => &[ErrorKind::NotFound],
        }
    }
}

/// Tells whether a request would change files that nothing can change: those of a revision
/// or of a tree. There are no such routes, and who asks for one is told why.
pub(crate) fn changes_fixed_files(method: &Method, path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let fixed = parts.next() == Some("v1")
        && matches!(parts.next(), Some("revisions" | "trees"))
        && parts.next().is_some();
    match parts.next() {
        Some("files") => fixed && (method == Method::PUT || method == Method::DELETE),
        Some("edit") => fixed && method == Method::POST,
        Some("changes" | "import") => fixed && method == Method::POST && parts.next().is_none(),
        _ => false,
    }
}

/// Returns every operation.
pub(crate) fn all() -> Table {
    let mut table = Table::default();
    upkeep::all(&mut table);
    files::all(&mut table);
    listing::all(&mut table);
    search::all(&mut table);
    changes::all(&mut table);
    edit::all(&mut table);
    transfer::all(&mut table);
    copies::all(&mut table);
    diff::all(&mut table);
    grants::all(&mut table);
    previews::all(&mut table);
    site::all(&mut table);
    revisions::all(&mut table);
    events::all(&mut table);
    table
}

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;

/// Returns how many entries the page that is asked for has.
///
/// # Errors
/// `Invalid` for none, and for more than 10,000.
fn page_limit(limit: Option<Count>) -> Result<usize> {
    match limit.map_or(PAGE, Count::get) {
        limit @ 1..=MAX_PAGE => Ok(limit as usize),
        limit => Err(Error::invalid(Reason::OutOfRange, "read query")
            .at("limit")
            .because(format!("{limit}, expected 1 to {MAX_PAGE}"))),
    }
}

/// Cuts what was read with one more than the page has to the page; returns what
/// the next one comes after, if there is one.
fn cut<T, K>(found: &mut Vec<T>, limit: usize, key: impl Fn(&T) -> K) -> Option<K> {
    let more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| more).map(key)
}

/// Says what a change led to. The id of the whole tree is not for the holder of a
/// grant, who sees a part of it.
fn changed_dto(changed: Changed, is_holder: bool) -> ChangedDto {
    ChangedDto {
        generation: changed.generation.into(),
        tree: (!is_holder).then(|| changed.tree.to_string()),
        operation: changed.operation.map(|id| id.get().into()),
    }
}
