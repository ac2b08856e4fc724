//! Head, and its revisions.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{ErrorKind, KeepRevisions, RevisionId};

use super::{cut, page_limit};
use crate::call::On;
use crate::operation::{Json, MaybeJson, OfRevision, Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::wire::{
    Count, HeadDto, MessageDto, PruneDto, PrunedDto, PublishedDto, RevisionDto, RevisionPage,
};

operations! {
    /// Tells about the current files: version, tree, newest revision.
    static HEAD: Operation<(), (), HeadDto> = Operation::get("head", "/v1/head").answers("The head.");
    /// Lists revisions, newest first.
    static REVISIONS: Operation<(), Query<RevisionsQuery>, RevisionPage> =
        Operation::get("revisions", "/v1/revisions").answers("A page of them.");
    /// Tells about a revision.
    static REVISION: Operation<OfRevision, (), RevisionDto> =
        Operation::get("revision", "/v1/revisions/{revision}")
            .answers("The revision.")
            .fails(&[ErrorKind::NotFound]);
    /// Records head as it is, as a new revision.
    static SNAPSHOT: Operation<(), MaybeJson<MessageDto>, PublishedDto> =
        Operation::post("snapshot", "/v1/revisions").answers("It is recorded, or was already.");
    /// Makes a revision's files head again, as a new revision.
    static RESTORE: Operation<OfRevision, MaybeJson<MessageDto>, PublishedDto> =
        Operation::post("restore", "/v1/revisions/{revision}/restore")
            .answers("They are head, or were already.")
            .fails(&[ErrorKind::NotFound]);
    /// Deletes old revisions; the newest always stays.
    static PRUNE: Operation<(), Json<PruneDto>, PrunedDto> =
        Operation::post("prune", "/v1/revisions/prune").answers("They are deleted.");
}

pub(super) fn all(table: &mut Table) {
    table.add(&HEAD, head);
    table.add(&REVISIONS, list);
    table.add(&REVISION, read);
    table.add(&SNAPSHOT, snapshot);
    table.add(&RESTORE, restore);
    table.add(&PRUNE, prune);
}

async fn head(on: On, (): (), (): ()) -> Result<HeadDto, Problem> {
    Ok(HeadDto::from(&on.workspace.head()?))
}

/// Which revisions are listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct RevisionsQuery {
    /// The revision before which the page begins.
    pub before: Option<Count>,
    /// How many revisions it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn list(
    on: On,
    (): (),
    Query(query): Query<RevisionsQuery>,
) -> Result<RevisionPage, Problem> {
    let limit = page_limit(query.limit)?;
    let before = query.before.map(|id| RevisionId::new(id.get()));
    let mut found = on.workspace.revisions(before, limit + 1)?;
    let next = cut(&mut found, limit, |revision| revision.id.get().into());
    Ok(RevisionPage {
        revisions: found.iter().map(RevisionDto::from).collect(),
        next,
    })
}

async fn read(on: On, revision: RevisionId, (): ()) -> Result<RevisionDto, Problem> {
    Ok(RevisionDto::from(&on.workspace.revision(revision)?))
}

async fn snapshot(
    on: On,
    (): (),
    MaybeJson(message): MaybeJson<MessageDto>,
) -> Result<PublishedDto, Problem> {
    Ok(PublishedDto::from(on.workspace.snapshot(message.into())?))
}

async fn restore(
    on: On,
    revision: RevisionId,
    MaybeJson(message): MaybeJson<MessageDto>,
) -> Result<PublishedDto, Problem> {
    let restored = on.workspace.restore(revision, message.into())?;
    Ok(PublishedDto::from(restored))
}

async fn prune(
    on: On,
    (): (),
    Json(PruneDto { newest, since }): Json<PruneDto>,
) -> Result<PrunedDto, Problem> {
    let keep = KeepRevisions::default()
        .newest(newest.get())
        .since(since.map(Into::into));
    let pruned = on.workspace.prune_revisions(keep)?;
    Ok(PrunedDto {
        pruned: pruned.into(),
    })
}
