//! What is there: an entry, and a directory in pages.

use axum::http::Method;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::{Error, ErrorKind, Name};

use super::{Files, OK, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{Count, EntryDto, EntryPage, ListedDto, PlacedDto};

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
    let view = call.workspace.files(call.at()?);
    let mut found = view.list(&path, after.as_ref(), limit + 1)?;
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
    let found = call.workspace.files(call.at()?).stat(&path)?;
    let entry = found.ok_or_else(|| Error::new(ErrorKind::NotFound, "stat").at(&path))?;
    json(
        OK,
        &PlacedDto {
            path: path.to_string(),
            entry: EntryDto::from(&entry),
        },
    )
}
