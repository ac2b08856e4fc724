//! The server itself, and upkeep: usage, collection, the integrity check.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::{CollectBudget, FsckOptions, Upkeep};

use super::OK;
use crate::call::{Answer, Call, json};
use crate::openapi::OPENAPI;
use crate::route::Route;
use crate::wire::{CollectedDto, Count, FsckDto, HealthDto, UsageDto};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/health",
            "health",
            "Tells that the server answers",
            health,
        )
        .open(|_| answers())
        .answers::<HealthDto>(OK, "It does."),
        Route::new(
            Method::GET,
            "/v1/openapi.json",
            "openapi",
            "Returns this document",
            openapi,
        )
        .open(|_| document())
        .answers_bytes(OK, "This document.", "application/json"),
        Route::new(
            Method::GET,
            "/v1/usage",
            "usage",
            "Counts what the stores hold; reads every row",
            usage,
        )
        .answers::<UsageDto>(OK, "The counts."),
        Route::new(
            Method::POST,
            "/v1/gc",
            "collect",
            "Discards expired copies, forgets closed ones, and takes a step of a collection; repeat until done",
            collect,
        )
        .query::<CollectQuery>()
        .answers::<CollectedDto>(OK, "What the collection has done so far."),
        Route::new(
            Method::GET,
            "/v1/fsck",
            "fsck",
            "Checks that everything stored is whole; reads all of it",
            fsck,
        )
        .query::<FsckQuery>()
        .answers::<FsckDto>(OK, "What was looked at, and what is wrong."),
        Route::new(
            Method::POST,
            "/v1/fsck",
            "repair",
            "Checks that everything stored is whole, and repairs what can be: drops what was altered, so that the same bytes written again heal it, and corrects sizes",
            repair,
        )
        .query::<FsckQuery>()
        .answers::<FsckDto>(OK, "What was looked at, what is wrong, and what was done about it."),
    ]
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

async fn usage(call: Call) -> Answer {
    json(OK, &UsageDto::from(call.workspace.usage()?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct CollectQuery {
    /// How many rows, nodes or objects the step looks at; 1,000 unless said,
    /// at most 100,000.
    rows: Option<Count>,
}

async fn collect(call: Call) -> Answer {
    /// The most that one request should be kept busy with.
    const MAX_ROWS: u64 = 100_000;
    let query: CollectQuery = call.query()?;
    let budget = match query.rows {
        Some(rows) => CollectBudget::default().rows(rows.get().min(MAX_ROWS) as usize),
        None => CollectBudget::default(),
    };
    let policy = Upkeep::default().budget(budget).idle(None);
    json(
        OK,
        &CollectedDto::from(call.workspace.upkeep(&policy).await?),
    )
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct FsckQuery {
    /// Whether to read every content as well, and compare it with its id.
    #[serde(default)]
    #[param(required = false)]
    contents: bool,
}

async fn fsck(call: Call) -> Answer {
    let FsckQuery { contents } = call.query()?;
    let options = FsckOptions::default().contents(contents);
    json(OK, &FsckDto::from(&call.workspace.fsck(options).await?))
}

async fn repair(call: Call) -> Answer {
    let FsckQuery { contents } = call.query()?;
    let options = FsckOptions::default().contents(contents).repair(true);
    json(OK, &FsckDto::from(&call.workspace.fsck(options).await?))
}
