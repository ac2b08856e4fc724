//! Working copies.

use axum::http::Method;
use workspace_core::store::{CopyRecord, OperationRecord};
use workspace_core::{
    Applied, ApplyOptions, At, Author, Conflicts, CopyId, ForkOptions, OperationId, Overlap,
    RebaseOptions, Rebased, Result, RevisionMessage, Together, TreePath, Undone,
};
use workspace_merge::Merged;

use super::answer::checked;
use super::read::in_order;
use super::{Client, Transport, encoded, route};
use crate::routes::MAX_PAGE;
use crate::wire::{
    AllAppliedDto, ApplyAllDto, ApplyDto, ConflictsDto, CopyDto, CopyPage, ForkDto, OperationPage,
    OverlapOfDto, OverlapsDto, PublishedDto, RebaseDto, RebasedDto, RenameDto, TogetherDto,
    UndoDto, UndoneDto,
};

impl<T: Transport> Client<T> {
    /// Forks head, a revision or a copy into a working copy. See
    /// [`Workspace::fork`](workspace_core::Workspace::fork).
    ///
    /// # Errors
    /// `AlreadyExists`; `Invalid`; `LimitExceeded`; `NotFound` and `Closed` of what is forked.
    pub async fn fork(&self, options: ForkOptions) -> Result<CopyRecord> {
        let request = self.post("/v1/copies", &[]);
        let body = ForkDto::try_from(options)?;
        checked(request.read_with::<CopyDto>(&body).await?)
    }

    /// Returns a copy, open or closed.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn copy(&self, id: CopyId) -> Result<CopyRecord> {
        checked(
            self.get(&route(At::Copy(id), ""), &[])
                .read::<CopyDto>()
                .await?,
        )
    }

    /// Finds a copy by its id, or by the name of an open one.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_copy(&self, name_or_id: &str) -> Result<CopyRecord> {
        let path = format!("/v1/copies/{}", encoded(name_or_id, false));
        checked(self.get(&path, &[]).read::<CopyDto>().await?)
    }

    /// Returns up to `limit` copies, and at most 10,000, after `after`, in the
    /// order of forking.
    pub async fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        let mut query = page(limit);
        query.push(("closed", (!open_only).to_string()));
        query.extend(after.map(|id| ("after", id.to_string())));
        let page: CopyPage = self.get("/v1/copies", &query).read().await?;
        let page = page.copies.into_iter().take(limit).map(checked);
        let page = page.collect::<Result<Vec<CopyRecord>>>()?;
        in_order(page, after.copied(), |copy| copy.id)
    }

    /// Gives an open copy another name, or none.
    ///
    /// # Errors
    /// `AlreadyExists`; `Invalid`; `Closed`; `NotFound`.
    pub async fn rename_copy(&self, id: CopyId, name: Option<String>) -> Result<CopyRecord> {
        let request = self.request(Method::PATCH, &route(At::Copy(id), ""), &[]);
        checked(request.read_with::<CopyDto>(&RenameDto { name }).await?)
    }

    /// Throws a copy away; repeating it is fine.
    ///
    /// # Errors
    /// `Closed` for one that was applied; `NotFound`.
    pub async fn discard(&self, id: CopyId) -> Result<CopyRecord> {
        let request = self.post(&route(At::Copy(id), "/discard"), &[]);
        checked(request.read::<CopyDto>().await?)
    }

    /// Applies a copy to its parent. See [`Workspace::apply`](workspace_core::Workspace::apply).
    ///
    /// # Errors
    /// `Conflict`; `Stale`; `Closed`; `NotFound`.
    pub async fn apply(&self, id: CopyId, options: ApplyOptions) -> Result<Applied> {
        let request = self.post(&route(At::Copy(id), "/apply"), &[]);
        checked(
            request
                .read_with::<PublishedDto>(&ApplyDto::from(options))
                .await?,
        )
    }

    /// Moves a copy onto what its parent is now. See
    /// [`Workspace::rebase`](workspace_core::Workspace::rebase).
    ///
    /// # Errors
    /// `Conflict`; `Closed`; `NotFound`.
    pub async fn rebase(&self, id: CopyId, author: &Author) -> Result<Rebased> {
        let options = RebaseOptions::default().author(author.clone());
        Ok(self.rebase_with(id, options, &[]).await?.rebased)
    }

    /// Moves a copy onto what its parent is now, with what was decided where that
    /// conflicts, and merges conflicting files at and below the paths `merge`. See
    /// [`workspace_merge::rebase`].
    ///
    /// # Errors
    /// `Conflict`; `Invalid`; `Stale`; `Closed`; `NotFound`; `Unsupported` for a content
    /// that was stored ahead.
    pub async fn rebase_with(
        &self,
        id: CopyId,
        options: RebaseOptions,
        merge: &[TreePath],
    ) -> Result<Merged> {
        let request = self.post(&route(At::Copy(id), "/rebase"), &[]);
        let body = RebaseDto::new(options, merge)?;
        checked(request.read_with::<RebasedDto>(&body).await?)
    }

    /// Lists what stands in the way of a rebase of a copy.
    ///
    /// # Errors
    /// `LimitExceeded`; `Closed`; `NotFound`.
    pub async fn conflicts(&self, id: CopyId) -> Result<Conflicts> {
        let request = self.get(&route(At::Copy(id), "/conflicts"), &[]);
        checked(request.read::<ConflictsDto>().await?)
    }

    /// Lists the pairs of copies that meet, and where.
    ///
    /// # Errors
    /// `LimitExceeded`; `Invalid`; `Closed`; `NotFound`.
    pub async fn overlap(&self, copies: &[CopyId]) -> Result<Vec<Overlap>> {
        let copies = copies.iter().map(ToString::to_string).collect();
        let request = self.post("/v1/overlap", &[]);
        let found: OverlapsDto = request.read_with(&OverlapOfDto { copies }).await?;
        found.overlaps.into_iter().map(checked).collect()
    }

    /// Applies copies of one parent, each as a revision or operation of its own, or none.
    ///
    /// # Errors
    /// `Conflict`; `Stale`; `Invalid`; `LimitExceeded`; `Closed`; `NotFound`.
    pub async fn apply_all(
        &self,
        copies: &[Together],
        message: &RevisionMessage,
    ) -> Result<Vec<Applied>> {
        let copies = copies.iter().map(|one| TogetherDto {
            copy: one.copy.to_string(),
            expect_tree: one.expect_tree.map(|tree| tree.to_string()),
        });
        let body = ApplyAllDto {
            copies: copies.collect(),
            actor: message.actor.clone(),
            message: message.message.clone(),
            metadata: message.metadata.clone(),
        };
        let request = self.post("/v1/apply", &[]);
        let found: AllAppliedDto = request.read_with(&body).await?;
        found.applied.into_iter().map(checked).collect()
    }

    /// Returns up to `limit` operations of a copy, and at most 10,000, after
    /// `after`, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn operations(
        &self,
        copy: CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>> {
        let mut query = page(limit);
        query.extend(after.map(|id| ("after", id.to_string())));
        let path = route(At::Copy(copy), "/operations");
        let page: OperationPage = self.get(&path, &query).read().await?;
        let page = page.operations.into_iter().take(limit).map(checked);
        let page = page.collect::<Result<Vec<OperationRecord>>>()?;
        in_order(page, after, |operation| operation.id)
    }

    /// Undoes one operation of an open copy. See
    /// [`Workspace::undo`](workspace_core::Workspace::undo).
    ///
    /// # Errors
    /// `Conflict`; `Closed`; `NotFound`.
    pub async fn undo(
        &self,
        copy: CopyId,
        operation: OperationId,
        author: &Author,
    ) -> Result<Undone> {
        let author = author.clone();
        let body = UndoDto {
            operation: operation.get().into(),
            actor: author.actor,
            note: author.note,
        };
        let request = self.post(&route(At::Copy(copy), "/undo"), &[]);
        Ok(request.read_with::<UndoneDto>(&body).await?.into())
    }
}

/// Asks for a page of so many, as far as one page goes. Nobody is asked for
/// less than one: what came too much is cut off.
pub(super) fn page(limit: usize) -> Vec<(&'static str, String)> {
    let limit = u64::try_from(limit).unwrap_or(MAX_PAGE);
    vec![("limit", limit.clamp(1, MAX_PAGE).to_string())]
}
