//! Head, and its revisions.

use axum::http::Method;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::{ErrorKind, KeepRevisions, RevisionId};

use super::{OK, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{
    Count, HeadDto, MessageDto, PruneDto, PrunedDto, PublishedDto, RevisionDto, RevisionPage,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/head",
            "read_head",
            "Tells about the current files",
            head,
        )
        .answers::<HeadDto>(OK, "The head."),
        Route::new(
            Method::GET,
            "/v1/revisions",
            "list_revisions",
            "Lists revisions, newest first",
            list,
        )
        .query::<ListQuery>()
        .answers::<RevisionPage>(OK, "A page of them."),
        Route::new(
            Method::POST,
            "/v1/revisions",
            "snapshot",
            "Records head as it is, as a new revision",
            snapshot,
        )
        .optional_json::<MessageDto>()
        .answers::<PublishedDto>(OK, "It is recorded, or was already."),
        Route::new(
            Method::POST,
            "/v1/revisions/prune",
            "prune_revisions",
            "Deletes old revisions; the newest always stays",
            prune,
        )
        .json::<PruneDto>()
        .answers::<PrunedDto>(OK, "They are deleted."),
        Route::new(
            Method::GET,
            "/v1/revisions/{revision}",
            "read_revision",
            "Tells about a revision",
            read,
        )
        .answers::<RevisionDto>(OK, "The revision.")
        .fails(&[ErrorKind::NotFound]),
        Route::new(
            Method::POST,
            "/v1/revisions/{revision}/restore",
            "restore",
            "Makes a revision's files head again, as a new revision",
            restore,
        )
        .optional_json::<MessageDto>()
        .answers::<PublishedDto>(OK, "They are head, or were already.")
        .fails(&[ErrorKind::NotFound]),
    ]
}

async fn head(call: Call) -> Answer {
    json(OK, &HeadDto::from(&call.workspace.head()?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The revision before which the page begins.
    before: Option<Count>,
    /// How many revisions it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn list(call: Call) -> Answer {
    let query: ListQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let before = query.before.map(|id| RevisionId::new(id.get()));
    let mut found = call.workspace.revisions(before, limit + 1)?;
    let next = cut(&mut found, limit, |revision| revision.id.get().into());
    json(
        OK,
        &RevisionPage {
            revisions: found.iter().map(RevisionDto::from).collect(),
            next,
        },
    )
}

async fn read(call: Call) -> Answer {
    json(
        OK,
        &RevisionDto::from(&call.workspace.revision(call.id("revision")?)?),
    )
}

async fn snapshot(call: Call) -> Answer {
    let workspace = call.workspace.clone();
    let message: MessageDto = call.json_or_default().await?;
    json(OK, &PublishedDto::from(workspace.snapshot(message.into())?))
}

async fn restore(call: Call) -> Answer {
    let (workspace, revision) = (call.workspace.clone(), call.id("revision")?);
    let message: MessageDto = call.json_or_default().await?;
    json(
        OK,
        &PublishedDto::from(workspace.restore(revision, message.into())?),
    )
}

async fn prune(call: Call) -> Answer {
    let workspace = call.workspace.clone();
    let PruneDto { newest, since } = call.json().await?;
    let pruned = workspace.prune_revisions(
        KeepRevisions::default()
            .newest(newest.get())
            .since(since.map(Into::into)),
    )?;
    json(
        OK,
        &PrunedDto {
            pruned: pruned.into(),
        },
    )
}
