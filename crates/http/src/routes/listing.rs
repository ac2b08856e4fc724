//! What is there: an entry, and a directory in pages.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response};
use bytes::Bytes;
use futures::stream;
use send_wrapper::SendWrapper;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::{Error, ErrorKind, Name, Result, Sought, Walk};

use super::{Files, OK, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{Count, EntryDto, EntryPage, ListedDto, PlacedDto};

/// The media type of one JSON document a line.
const JSON_LINES: &str = "application/x-ndjson";

pub(super) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for files in Files::ALL {
        for (rest, root) in [("", "_root"), ("/{*path}", "")] {
            let (path, id) = (
                files.route(&format!("/list{rest}")),
                files.id(&format!("list{root}")),
            );
            routes.push(
                Route::new(
                    Method::GET,
                    path,
                    id,
                    "Lists a directory, in byte order of the names",
                    list,
                )
                .query::<ListQuery>()
                .answers::<EntryPage>(OK, "A page of it.")
                .fails(files.fails())
                .fails(&[ErrorKind::NotFound, ErrorKind::NotADirectory]),
            );
            let (path, id) = (
                files.route(&format!("/stat{rest}")),
                files.id(&format!("stat{root}")),
            );
            routes.push(
                Route::new(
                    Method::GET,
                    path,
                    id,
                    "Tells about an entry of any kind",
                    stat,
                )
                .answers::<PlacedDto>(OK, "The entry.")
                .fails(files.fails())
                .fails(&[ErrorKind::NotFound, ErrorKind::NotADirectory]),
            );
            let (path, id) = (
                files.route(&format!("/walk{rest}")),
                files.id(&format!("walk{root}")),
            );
            routes.push(
                Route::new(
                    Method::GET,
                    path,
                    id,
                    "Walks everything below a directory, a directory before its entries",
                    walk,
                )
                .answers_bytes(OK, "A placed entry a line, of one state.", JSON_LINES)
                .fails(files.fails())
                .fails(&[ErrorKind::NotFound, ErrorKind::NotADirectory]),
            );
        }
    }
    routes
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The name after which the page begins.
    after: Option<String>,
    /// How many entries it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn list(call: Call) -> Answer {
    let path = call.path()?;
    let query: ListQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let after = query.after.as_deref().map(Name::new).transpose()?;
    let mut found = call.view()?.list(&path, after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |(name, _)| name.to_string());
    let entries = found.iter().map(|(name, entry)| ListedDto {
        name: name.to_string(),
        entry: EntryDto::from(entry),
    });
    json(
        OK,
        &EntryPage {
            entries: entries.collect(),
            next,
        },
    )
}

async fn stat(call: Call) -> Answer {
    let path = call.path()?;
    let found = call.view()?.stat(&path)?;
    let entry = found.ok_or_else(|| Error::not_found(Sought::Path, "stat").at(&path))?;
    json(
        OK,
        &PlacedDto {
            path: path.to_string(),
            entry: EntryDto::from(&entry),
        },
    )
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
        let placed = PlacedDto {
            path: path.to_string(),
            entry: EntryDto::from(&entry),
        };
        serde_json::to_writer(&mut lines, &placed).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "write answer").with_source(error)
        })?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}
