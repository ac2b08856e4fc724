//! Batches of changes.

use workspace_core::{ErrorKind, View};

use super::changed_dto;
use crate::call::On;
use crate::operation::{Json, Operation, Table, ToChange, operations};
use crate::problem::Problem;
use crate::wire::{ChangedDto, ChangesDto};

operations! {
    /// Makes a batch of changes: all or nothing, and one operation of a copy.
    static CHANGE: Operation<ToChange, Json<ChangesDto>, ChangedDto> =
        Operation::post("change", "{files}/changes")
            .answers("They are made.")
            .fails(&[
                ErrorKind::NotFound,
                ErrorKind::Stale,
                ErrorKind::AlreadyExists,
                ErrorKind::NotADirectory,
                ErrorKind::IsADirectory,
                ErrorKind::NotEmpty,
            ])
            .leads(&["changes"]);
}

pub(super) fn all(table: &mut Table) {
    table.add(&CHANGE, change);
}

async fn change(on: On, view: View, Json(batch): Json<ChangesDto>) -> Result<ChangedDto, Problem> {
    let (changes, mut options) = batch.into_core()?;
    options.author = on.author(options.author.actor, options.author.note);
    let changed = view.change(changes, options).await?;
    Ok(changed_dto(changed, on.is_partial()))
}
