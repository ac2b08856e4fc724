//! All routes, a module for each group.

mod changes;
mod copies;
mod diff;
mod events;
mod files;
mod listing;
mod revisions;
mod transfer;
mod upkeep;

use axum::http::StatusCode;
use workspace_core::{Error, ErrorKind, Result};

use crate::route::Route;
use crate::wire::Count;

/// How many entries a page has, unless the request says.
const PAGE: u64 = 1000;
/// The most entries of a page.
pub(crate) const MAX_PAGE: u64 = 10_000;

/// Which files a group of routes is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Head,
    Copy,
    Revision,
    Tree,
}

impl Files {
    const ALL: [Self; 4] = [Self::Head, Self::Copy, Self::Revision, Self::Tree];
    /// Those that can be changed.
    const CURRENT: [Self; 2] = [Self::Head, Self::Copy];

    /// Returns the path of a route about these files.
    fn route(self, rest: &str) -> String {
        let root = match self {
            Self::Head => "/v1/head",
            Self::Copy => "/v1/copies/{copy}",
            Self::Revision => "/v1/revisions/{revision}",
            Self::Tree => "/v1/trees/{tree}",
        };
        format!("{root}{rest}")
    }

    /// Returns the id of a route about these files.
    fn id(self, what: &str) -> String {
        let files = match self {
            Self::Head => "head",
            Self::Copy => "copy",
            Self::Revision => "revision",
            Self::Tree => "tree",
        };
        format!("{files}_{what}")
    }

    /// Returns how naming these files can fail.
    fn fails(self) -> &'static [ErrorKind] {
        match self {
            Self::Head => &[],
            Self::Copy => &[ErrorKind::NotFound, ErrorKind::Closed],
            Self::Revision | Self::Tree => &[ErrorKind::NotFound],
        }
    }
}

/// Returns every route.
pub(crate) fn all() -> Vec<Route> {
    let mut routes = upkeep::routes();
    routes.extend(files::routes());
    routes.extend(listing::routes());
    routes.extend(changes::routes());
    routes.extend(transfer::routes());
    routes.extend(copies::routes());
    routes.extend(diff::routes());
    routes.extend(revisions::routes());
    routes.extend(events::routes());
    routes
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
        limit => Err(Error::new(ErrorKind::Invalid, "read query")
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
