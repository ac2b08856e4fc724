//! Working copies.

use workspace_core::store::{CopyRecord, OperationRecord};
use workspace_core::{
    Applied, ApplyOptions, Author, Conflicts, CopyId, ForkOptions, MemoKey, OperationId, Overlap,
    RebaseOptions, Rebased, Result, RevisionMessage, Together, TreePath, Undone,
};
use workspace_merge::Merged;

use super::answer::checked;
use super::read::in_order;
use super::{Client, Transport};
use crate::operation::{Json, MaybeJson, OfCopy, Query};
use crate::operations::{self, CopiesQuery, OperationsQuery};
use crate::routes::MAX_PAGE;
use crate::wire::{
    ApplyAllDto, ApplyDto, Count, ForkDto, OverlapOfDto, RebaseDto, RenameDto, TogetherDto, UndoDto,
};

impl<T: Transport> Client<T> {
    /// Forks head, a revision or a copy into a working copy. See
    /// [`Workspace::fork`](workspace_core::Workspace::fork).
    ///
    /// # Errors
    /// `AlreadyExists`; `Invalid`; `LimitExceeded`; `NotFound` and `Closed` of what is forked.
    pub async fn fork(&self, options: ForkOptions) -> Result<CopyRecord> {
        let body = ForkDto::try_from(options)?;
        checked(self.call(&operations::FORK, (), MaybeJson(body)).await?)
    }

    /// Forks once for a key. See [`Workspace::fork_once`](workspace_core::Workspace::fork_once).
    ///
    /// # Errors
    /// As for [`fork`](Self::fork); `Invalid` where the key was used for another call.
    pub async fn fork_once(&self, options: ForkOptions, key: &MemoKey) -> Result<CopyRecord> {
        let body = MaybeJson(ForkDto::try_from(options)?);
        checked(self.call_once(&operations::FORK, (), body, key).await?)
    }

    /// Returns a copy, open or closed.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn copy(&self, id: CopyId) -> Result<CopyRecord> {
        checked(self.call(&operations::COPY, id.into(), ()).await?)
    }

    /// Finds a copy by its id, or by the name of an open one.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_copy(&self, name_or_id: &str) -> Result<CopyRecord> {
        let named = OfCopy(name_or_id.into());
        checked(self.call(&operations::COPY, named, ()).await?)
    }

    /// Returns up to `limit` copies, and at most 10,000, after `after`, in the
    /// order of forking.
    pub async fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        let query = CopiesQuery {
            closed: !open_only,
            after: after.map(ToString::to_string),
            limit: page(limit),
        };
        let page = self.call(&operations::COPIES, (), Query(query)).await?;
        let page = page.copies.into_iter().take(limit).map(checked);
        let page = page.collect::<Result<Vec<CopyRecord>>>()?;
        in_order(page, after.copied(), |copy| copy.id)
    }

    /// Gives an open copy another name, or none.
    ///
    /// # Errors
    /// `AlreadyExists`; `Invalid`; `Closed`; `NotFound`.
    pub async fn rename_copy(&self, id: CopyId, name: Option<String>) -> Result<CopyRecord> {
        let body = Json(RenameDto { name });
        checked(self.call(&operations::RENAME_COPY, id.into(), body).await?)
    }

    /// Throws a copy away; repeating it is fine.
    ///
    /// # Errors
    /// `Closed` for one that was applied; `NotFound`.
    pub async fn discard(&self, id: CopyId) -> Result<CopyRecord> {
        checked(self.call(&operations::DISCARD, id.into(), ()).await?)
    }

    /// Applies a copy to its parent. See [`Workspace::apply`](workspace_core::Workspace::apply).
    ///
    /// # Errors
    /// `Conflict`; `Stale`; `Closed`; `NotFound`.
    pub async fn apply(&self, id: CopyId, options: ApplyOptions) -> Result<Applied> {
        let body = MaybeJson(ApplyDto::from(options));
        checked(self.call(&operations::APPLY, id.into(), body).await?)
    }

    /// Applies a copy once for a key. See
    /// [`Workspace::apply_once`](workspace_core::Workspace::apply_once).
    ///
    /// # Errors
    /// As for [`apply`](Self::apply); `Invalid` where the key was used for another call.
    pub async fn apply_once(
        &self,
        id: CopyId,
        options: ApplyOptions,
        key: &MemoKey,
    ) -> Result<Applied> {
        let body = MaybeJson(ApplyDto::from(options));
        checked(
            self.call_once(&operations::APPLY, id.into(), body, key)
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
        let body = MaybeJson(RebaseDto::new(options, merge)?);
        checked(self.call(&operations::REBASE, id.into(), body).await?)
    }

    /// Lists what stands in the way of a rebase of a copy.
    ///
    /// # Errors
    /// `LimitExceeded`; `Closed`; `NotFound`.
    pub async fn conflicts(&self, id: CopyId) -> Result<Conflicts> {
        checked(self.call(&operations::CONFLICTS, id.into(), ()).await?)
    }

    /// Lists the pairs of copies that meet, and where.
    ///
    /// # Errors
    /// `LimitExceeded`; `Invalid`; `Closed`; `NotFound`.
    pub async fn overlap(&self, copies: &[CopyId]) -> Result<Vec<Overlap>> {
        let copies = copies.iter().map(ToString::to_string).collect();
        let body = Json(OverlapOfDto { copies });
        let found = self.call(&operations::OVERLAP, (), body).await?;
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
        let found = self.call(&operations::APPLY_ALL, (), Json(body)).await?;
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
        let query = Query(OperationsQuery {
            after: after.map(|id| id.get().into()),
            limit: page(limit),
        });
        let page = self
            .call(&operations::OPERATIONS, copy.into(), query)
            .await?;
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
        let undone = self
            .call(&operations::UNDO, copy.into(), Json(body))
            .await?;
        Ok(undone.into())
    }
}

/// Asks for a page of so many, as far as one page goes. Nobody is asked for
/// less than one: what came too much is cut off.
pub(super) fn page(limit: usize) -> Option<Count> {
    let limit = u64::try_from(limit).unwrap_or(MAX_PAGE);
    Some(limit.clamp(1, MAX_PAGE).into())
}
