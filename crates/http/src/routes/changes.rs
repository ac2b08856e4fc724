//! Batches of changes.

use bytes::Bytes;
use workspace_core::{Changed, ErrorKind, Repeat, View};

use super::changed_dto;
use crate::call::{On, encoded};
use crate::once::Asked;
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
            .leads(&["changes"])
            .once();
}

pub(super) fn all(table: &mut Table) {
    table.add_once(&CHANGE, change, |_| None);
}

async fn change(
    on: On,
    view: View,
    Json(batch): Json<ChangesDto>,
    asked: Option<Asked>,
) -> Result<Repeat<ChangedDto>, Problem> {
    let (changes, mut options) = batch.into_core()?;
    options.author = on.author(options.author.actor, options.author.note);
    let told = |changed: &Changed| changed_dto(*changed, on.is_partial());
    let Some(asked) = asked else {
        let changed = view.change(changes, options).await?;
        return Ok(Repeat::First(told(&changed)));
    };
    let answer = |changed: &Changed| encoded(&told(changed)).map(Bytes::from);
    let once = asked.once(&answer);
    Ok(match view.change_once(changes, options, &once).await? {
        Repeat::First(changed) => Repeat::First(told(&changed)),
        Repeat::Again(answer) => Repeat::Again(answer),
    })
}
