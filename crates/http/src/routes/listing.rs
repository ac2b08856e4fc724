//! What is there: an entry, a directory in pages, and all that is below one.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response};
use bytes::Bytes;
use futures::stream;
use send_wrapper::SendWrapper;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{Entry, Error, ErrorKind, Name, Result, Sought, TreePath, View, Walk};

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

/// Returns a page of a walk. What is before it in the directories above is passed by, and
/// what is below that is not read.
fn walk_page(view: &View, path: &TreePath, query: &WalkQuery) -> Result<WalkPage> {
    let limit = page_limit(query.limit)?;
    let after = query.after.as_deref().map(TreePath::new).transpose()?;
    let mut walk = view.walk(path)?;
    let (mut entries, mut next) = (Vec::new(), None);
    while let Some((path, entry)) = walk.next().transpose()? {
        if let Some(after) = &after
            && path.segments().le(after.segments())
        {
            if !after.starts_with(&path) {
                walk.skip_directory();
            }
            continue;
        }
        if entries.len() == limit {
            next = entries.last().map(|last: &PlacedDto| last.path.clone());
            break;
        }
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
