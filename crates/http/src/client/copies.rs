//! Working copies.

use axum::http::Method;
use workspace_core::store::{CopyRecord, OperationRecord};
use workspace_core::{
    Applied, ApplyOptions, At, Author, CopyId, ForkOptions, OperationId, Rebased, Result, Undone,
};

use super::answer::checked;
use super::read::in_order;
use super::{Client, Transport, encoded, route};
use crate::routes::MAX_PAGE;
use crate::wire::{
    ApplyDto, AuthorDto, CopyDto, CopyPage, ForkDto, OperationPage, PublishedDto, RebasedDto,
    RenameDto, UndoDto, UndoneDto,
};

impl<T: Transport> Client<T> {
    /// Forks head into a working copy. See
    /// [`Workspace::fork`](workspace_core::Workspace::fork).
    ///
    /// # Errors
    /// `AlreadyExists`; `Invalid`.
    pub async fn fork(&self, options: ForkOptions) -> Result<CopyRecord> {
        let request = self.post("/v1/copies", &[]);
        checked(
            request
                .read_with::<CopyDto>(&ForkDto::from(options))
                .await?,
        )
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

    /// Publishes a copy. See [`Workspace::apply`](workspace_core::Workspace::apply).
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

    /// Moves a copy onto the present head. See
    /// [`Workspace::rebase`](workspace_core::Workspace::rebase).
    ///
    /// # Errors
    /// `Conflict`; `Closed`; `NotFound`.
    pub async fn rebase(&self, id: CopyId, author: &Author) -> Result<Rebased> {
        let request = self.post(&route(At::Copy(id), "/rebase"), &[]);
        let author = AuthorDto::from(author.clone());
        checked(request.read_with::<RebasedDto>(&author).await?)
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
