//! What is there: an entry, a directory in pages, and all that is below one.

use std::collections::VecDeque;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response};
use bytes::Bytes;
use futures::stream;
use send_wrapper::SendWrapper;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{Entry, Error, ErrorKind, Name, Reason, Result, Sought, TreePath, View, Walk};

use super::{OK, cut, page_limit};
use crate::call::{Answer, Call, On};
use crate::operation::{Find, OfPath, Operation, Query, Table, Told, operations};
use crate::problem::Problem;
use crate::route::Route;
use crate::wire::{Count, EntryDto, EntryPage, ListedDto, PlacedDto, WalkPage};

/// The media type of one JSON document a line.
const JSON_LINES: &str = "application/x-ndjson";
/// How looking can fail.
const LOOKING: &[ErrorKind] = &[ErrorKind::NotFound, ErrorKind::NotADirectory];

operations! {
    /// Lists a directory, in byte order of the names.
    static LIST: Operation<OfPath, Query<ListQuery>, EntryPage> =
        Operation::get("list", "{files}/list/{*path}")
            .answers("A page of it.")
            .fails(LOOKING);
    /// Tells about an entry of any kind.
    static STAT: Operation<OfPath, (), PlacedDto> = Operation::get("stat", "{files}/stat/{*path}")
        .answers("The entry.")
        .fails(LOOKING);
}

pub(super) fn all(table: &mut Table) {
    table.add(&LIST, list);
    table.add(&STAT, stat);
    for place in OfPath::places("{files}/walk/{*path}", "walk") {
        let about = "Walks everything below a directory, a directory before its entries";
        table.routes.push(
            Route::new(Method::GET, place.path, place.id, about, walk)
                .answers_bytes(OK, "A placed entry a line, of one state.", JSON_LINES)
                .fails(place.fails)
                .fails(LOOKING),
        );
    }
    table.call("walk", false, async |on, mut arguments| {
        let (view, path) = arguments.subject::<OfPath>(&on)?;
        Told::json(&walk_page(&view, &path, &arguments.read()?)?)
    });
}

/// Which part of a directory is listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// The name after which the page begins.
    pub after: Option<String>,
    /// How many entries it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn list(
    _: On,
    (view, path): (View, TreePath),
    Query(query): Query<ListQuery>,
) -> Result<EntryPage, Problem> {
    let limit = page_limit(query.limit)?;
    let after = query.after.as_deref().map(Name::new).transpose()?;
    let mut found = view.list(&path, after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |(name, _)| name.to_string());
    let entries = found.iter().map(|(name, entry)| ListedDto {
        name: name.to_string(),
        entry: EntryDto::from(entry),
    });
    Ok(EntryPage {
        entries: entries.collect(),
        next,
    })
}

async fn stat(_: On, (view, path): (View, TreePath), (): ()) -> Result<PlacedDto, Problem> {
    let found = view.stat(&path)?;
    let entry = found.ok_or_else(|| Error::not_found(Sought::Path, "stat").at(&path))?;
    Ok(placed(&path, &entry))
}

pub(super) fn placed(path: &TreePath, entry: &Entry) -> PlacedDto {
    PlacedDto {
        path: path.to_string(),
        entry: EntryDto::from(entry),
    }
}

/// Which part of a walk is wanted.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WalkQuery {
    /// The path after which the page begins.
    after: Option<String>,
    /// How many entries it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

/// The most bytes of paths and texts in a page.
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// Everything below a directory, a directory before its entries, from some path on: what is
/// before it is not looked at.
pub(super) struct Paged<'a> {
    view: &'a View,
    /// Directories that go on after a name, the deepest last.
    todo: Vec<(TreePath, Option<Name>)>,
    /// The next entries of the deepest.
    ahead: VecDeque<(TreePath, Entry)>,
    /// What is below the one that was returned last.
    below: Option<Walk>,
}

impl<'a> Paged<'a> {
    /// Begins a walk below `path`, after the path `after`.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`; `Invalid` for a path to go on after that is elsewhere.
    pub(super) fn new(view: &'a View, path: &TreePath, after: Option<&TreePath>) -> Result<Self> {
        view.list(path, None, 1)?;
        let mut todo = vec![(path.clone(), None)];
        if let Some(after) = after {
            let within = after.strip_prefix(path).ok_or_else(|| {
                Error::invalid(Reason::MalformedPath, "walk")
                    .at(after)
                    .because("it is not below the directory")
            })?;
            for segment in within.segments() {
                let name = Name::new(segment)?;
                if let Some((directory, next)) = todo.last_mut() {
                    let below = directory.join(&name)?;
                    *next = Some(name);
                    todo.push((below, None));
                }
            }
        }
        Ok(Self {
            view,
            todo,
            ahead: VecDeque::new(),
            below: None,
        })
    }

    /// Has one entry, unless the page begins after it.
    pub(super) fn one(view: &'a View, entry: (TreePath, Entry), after: Option<&TreePath>) -> Self {
        let is_over = after.is_some_and(|after| *after >= entry.0);
        Self {
            view,
            todo: Vec::new(),
            ahead: Some(entry).filter(|_| !is_over).into_iter().collect(),
            below: None,
        }
    }

    /// Returns the next entry.
    pub(super) fn next(&mut self) -> Result<Option<(TreePath, Entry)>> {
        /// As many entries of a directory are read ahead.
        const AHEAD: usize = 256;
        loop {
            if let Some(walk) = &mut self.below {
                if let Some(next) = walk.next().transpose()? {
                    return Ok(Some(next));
                }
                self.below = None;
            }
            if let Some((path, entry)) = self.ahead.pop_front() {
                if entry.as_directory().is_some() {
                    self.below = gone(self.view.walk(&path))?;
                }
                return Ok(Some((path, entry)));
            }
            let Some((directory, after)) = self.todo.last_mut() else {
                return Ok(None);
            };
            // What was a directory when the page before ended may be none now.
            let found = gone(self.view.list(directory, after.as_ref(), AHEAD))?;
            let found = found.unwrap_or_default();
            let Some((last, _)) = found.last() else {
                self.todo.pop();
                continue;
            };
            *after = Some(last.clone());
            for (name, entry) in found {
                self.ahead.push_back((directory.join(&name)?, entry));
            }
        }
    }

    /// Leaves out what is below the directory that was returned last.
    pub(super) fn skip_directory(&mut self, returned: &TreePath) {
        let deepest = self.todo.last();
        let is_own =
            deepest.is_some_and(|(directory, _)| returned.parent().as_ref() == Some(directory));
        match &mut self.below {
            // It was returned by this itself, and nothing of it is read.
            Some(_) if is_own => self.below = None,
            Some(walk) => walk.skip_directory(),
            None => {}
        }
    }
}

/// Returns nothing of what is not there any more.
fn gone<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Returns a page of a walk.
fn walk_page(view: &View, path: &TreePath, query: &WalkQuery) -> Result<WalkPage> {
    let limit = page_limit(query.limit)?;
    let after = query.after.as_deref().map(TreePath::new).transpose()?;
    let mut paged = Paged::new(view, path, after.as_ref())?;
    let (mut entries, mut next, mut bytes) = (Vec::<PlacedDto>::new(), None, 0);
    while let Some((path, entry)) = paged.next()? {
        if entries.len() == limit || bytes > PAGE_BYTES {
            next = entries.last().map(|last| last.path.clone());
            break;
        }
        bytes += path.as_str().len() + 256;
        entries.push(placed(&path, &entry));
    }
    Ok(WalkPage { entries, next })
}

async fn walk(call: Call) -> Answer {
    let walk = call.view()?.walk(&call.path()?)?;
    let lines = stream::try_unfold(walk, |mut walk| async move {
        let lines = next_lines(&mut walk)?;
        Ok::<_, Error>((!lines.is_empty()).then_some((lines, walk)))
    });
    let mut response = Response::new(Body::from_stream(SendWrapper::new(lines)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON_LINES));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Returns the next few entries of a walk, each as a line; nothing at its end.
fn next_lines(walk: &mut Walk) -> Result<Bytes> {
    /// About as many bytes go over at once.
    const CHUNK: usize = 32 << 10;
    let mut lines = Vec::new();
    while lines.len() < CHUNK
        && let Some((path, entry)) = walk.next().transpose()?
    {
        serde_json::to_writer(&mut lines, &placed(&path, &entry)).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "write answer").with_source(error)
        })?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}
