//! Batches of changes.

use axum::http::Method;
use workspace_core::ErrorKind;

use super::{Files, OK, changed_dto};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{ChangedDto, ChangesDto};

pub(super) fn routes() -> Vec<Route> {
    let route = |files: Files| {
        let summary = "Makes a batch of changes: all or nothing, and one operation of a copy";
        Route::new(
            Method::POST,
            files.route("/changes"),
            files.id("change"),
            summary,
            change,
        )
        .json::<ChangesDto>()
        .answers::<ChangedDto>(OK, "They are made.")
        .fails(files.fails())
        .fails(&[
            ErrorKind::NotFound,
            ErrorKind::Stale,
            ErrorKind::AlreadyExists,
        ])
        .fails(&[
            ErrorKind::NotADirectory,
            ErrorKind::IsADirectory,
            ErrorKind::NotEmpty,
        ])
    };
    Files::CURRENT.map(route).into()
}

async fn change(call: Call) -> Answer {
    let (view, holder) = (call.view_to_change()?, call.holder.clone());
    let batch: ChangesDto = call.json().await?;
    let (changes, mut options) = batch.into_core()?;
    if let Some(holder) = &holder {
        options.author.actor = holder.grant.actor.clone();
    }
    let changed = view.change(changes, options).await?;
    json(OK, &changed_dto(changed, holder.is_some()))
}
