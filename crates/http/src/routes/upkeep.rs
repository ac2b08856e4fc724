//! The server itself, and upkeep: usage, collection, the integrity check.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{CollectBudget, FsckOptions, Upkeep};

use super::OK;
use crate::call::{Answer, Call, On, json};
use crate::openapi::OPENAPI;
use crate::operation::{Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::route::Route;
use crate::wire::{CollectedDto, Count, FsckDto, HealthDto, UsageDto};

operations! {
    /// Counts what is stored; reads every row.
    static USAGE: Operation<(), (), UsageDto> =
        Operation::get("usage", "/v1/usage").answers("The counts.");
    /// Discards expired copies, forgets closed ones, and takes a step of a collection;
    /// repeat until done.
    static COLLECT: Operation<(), Query<CollectQuery>, CollectedDto> =
        Operation::post("collect", "/v1/gc").answers("What the collection has done so far.");
    /// Checks that everything stored is whole; reads all of it.
    static FSCK: Operation<(), Query<FsckQuery>, FsckDto> =
        Operation::get("fsck", "/v1/fsck").answers("What was looked at, and what is wrong.");
    /// Checks that everything stored is whole, and repairs what can be: drops what was
    /// altered, so that the same bytes written again heal it, and corrects sizes.
    static REPAIR: Operation<(), Query<FsckQuery>, FsckDto> = Operation::post("repair", "/v1/fsck")
        .answers("What was looked at, what is wrong, and what was done about it.");
}

pub(super) fn all(table: &mut Table) {
    let about = "Tells that the server answers";
    let route = Route::new(Method::GET, "/v1/health", "health", about, health)
        .open(|_| answers())
        .answers::<HealthDto>(OK, "It does.");
    table.routes.push(route);
    let about = "Returns this document";
    let route = Route::new(Method::GET, "/v1/openapi.json", "openapi", about, openapi)
        .open(|_| document())
        .answers_bytes(OK, "This document.", "application/json");
    table.routes.push(route);
    table.add(&USAGE, usage);
    table.add(&COLLECT, collect);
    table.add(&FSCK, fsck);
    table.add(&REPAIR, repair);
}

async fn health(_: Call) -> Answer {
    answers()
}

async fn openapi(_: Call) -> Answer {
    document()
}

/// Tells that the server answers, which it also does without the workspace.
fn answers() -> Answer {
    let health = HealthDto {
        status: "ok".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    };
    json(OK, &health)
}

/// Returns the document.
fn document() -> Answer {
    let mut response = Response::new(Body::from(OPENAPI));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // The same for everybody, until the server is another one.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

async fn usage(on: On, (): (), (): ()) -> Result<UsageDto, Problem> {
    Ok(UsageDto::from(on.workspace.usage()?))
}

/// How large a step of a collection is.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct CollectQuery {
    /// How many rows, nodes or objects the step looks at; 1,000 unless said,
    /// at most 100,000.
    pub rows: Option<Count>,
}

async fn collect(
    on: On,
    (): (),
    Query(query): Query<CollectQuery>,
) -> Result<CollectedDto, Problem> {
    /// The most that one request should be kept busy with.
    const MAX_ROWS: u64 = 100_000;
    let budget = match query.rows {
        Some(rows) => CollectBudget::default().rows(rows.get().min(MAX_ROWS) as usize),
        None => CollectBudget::default(),
    };
    let policy = Upkeep::default().budget(budget).idle(None);
    Ok(CollectedDto::from(on.workspace.upkeep(&policy).await?))
}

/// How much is checked.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FsckQuery {
    /// Whether to read every content as well, and compare it with its id.
    #[serde(default)]
    #[param(required = false)]
    pub contents: bool,
}

async fn fsck(on: On, (): (), Query(query): Query<FsckQuery>) -> Result<FsckDto, Problem> {
    let options = FsckOptions::default().contents(query.contents);
    Ok(FsckDto::from(&on.workspace.fsck(options).await?))
}

async fn repair(on: On, (): (), Query(query): Query<FsckQuery>) -> Result<FsckDto, Problem> {
    let options = FsckOptions::default().contents(query.contents).repair(true);
    Ok(FsckDto::from(&on.workspace.fsck(options).await?))
}
