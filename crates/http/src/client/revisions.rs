//! Head, revisions, and where trees differ.

use std::cmp::Reverse;

use workspace_core::store::{HeadRecord, RevisionRecord};
use workspace_core::{
    At, DiffOptions, Difference, KeepRevisions, Recorded, Result, RevisionId, RevisionMessage,
    TreePath,
};

use super::answer::checked;
use super::copies::page;
use super::read::{in_order, unreadable};
use super::{Client, Transport};
use crate::operation::{Json, MaybeJson, OfRevision, Query};
use crate::operations::{self, DiffQuery, RevisionsQuery};
use crate::routes::MAX_PAGE;
use crate::wire::{MessageDto, PruneDto, at_text};

/// The most differences that are taken from a server.
const MAX_DIFFERENCES: usize = 10_000_000;

impl<T: Transport> Client<T> {
    /// Returns the head.
    pub async fn head(&self) -> Result<HeadRecord> {
        checked(self.call(&operations::HEAD, (), ()).await?)
    }

    /// Returns a revision.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revision(&self, id: RevisionId) -> Result<RevisionRecord> {
        checked(self.call(&operations::REVISION, OfRevision(id), ()).await?)
    }

    /// Returns up to `limit` revisions, and at most 10,000, before `before`,
    /// newest first.
    pub async fn revisions(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<RevisionRecord>> {
        let query = Query(RevisionsQuery {
            before: before.map(|id| id.get().into()),
            limit: page(limit),
        });
        let page = self.call(&operations::REVISIONS, (), query).await?;
        let page = page.revisions.into_iter().take(limit).map(checked);
        let page = page.collect::<Result<Vec<RevisionRecord>>>()?;
        in_order(page, before.map(Reverse), |revision| Reverse(revision.id))
    }

    /// Records head as it is, as a new revision.
    pub async fn snapshot(&self, message: RevisionMessage) -> Result<Recorded> {
        let body = MaybeJson(MessageDto::from(message));
        checked(self.call(&operations::SNAPSHOT, (), body).await?)
    }

    /// Makes a revision's files head again, as a new revision.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn restore(&self, id: RevisionId, message: RevisionMessage) -> Result<Recorded> {
        let body = MaybeJson(MessageDto::from(message));
        let restored = self.call(&operations::RESTORE, OfRevision(id), body);
        checked(restored.await?)
    }

    /// Deletes old revisions; returns how many.
    pub async fn prune_revisions(&self, keep: KeepRevisions) -> Result<u64> {
        let body = Json(PruneDto::from(keep));
        let pruned = self.call(&operations::PRUNE, (), body).await?;
        Ok(pruned.pruned.get())
    }

    /// Lists where two trees differ, in byte order of the paths.
    ///
    /// Up to 10,000 differences are of one state. Where there may be more, and
    /// the files may change meanwhile, name them by tree.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Closed`.
    pub async fn diff(&self, from: At, to: At, options: &DiffOptions) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let (page, next) = self
                .differences(from, to, options, after, MAX_PAGE as usize)
                .await?;
            let came = page.len();
            found.extend(page);
            if found.len() > MAX_DIFFERENCES {
                return Err(unreadable(format_args!(
                    "more than {MAX_DIFFERENCES} differences"
                )));
            }
            match next {
                Some(_) if came == 0 => {
                    return Err(unreadable("an empty page, and more to come"));
                }
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Lists up to `limit` of the differences, and at most 10,000, after the path `after`.
    /// See [`Workspace::diff_page`](workspace_core::Workspace::diff_page).
    ///
    /// # Errors
    /// As for [`diff`](Self::diff); `LimitExceeded`.
    pub async fn diff_page(
        &self,
        from: At,
        to: At,
        options: &DiffOptions,
        after: Option<&TreePath>,
        limit: usize,
    ) -> Result<Vec<Difference>> {
        let after = after.map(ToString::to_string);
        let limit = limit.min(MAX_PAGE as usize);
        Ok(self.differences(from, to, options, after, limit).await?.0)
    }

    /// Reads a page of differences, and what the next one comes after.
    async fn differences(
        &self,
        from: At,
        to: At,
        options: &DiffOptions,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Difference>, Option<String>)> {
        let query = Query(DiffQuery {
            from: at_text(from),
            to: at_text(to),
            below: Some(options.below.to_string()),
            renames: Some(options.renames),
            after,
            limit: page(limit),
        });
        let page = self.call(&operations::DIFF, (), query).await?;
        let found = page.differences.into_iter().map(checked);
        Ok((found.collect::<Result<_>>()?, page.next))
    }
}
