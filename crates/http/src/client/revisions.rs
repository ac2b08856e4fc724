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
use super::{Client, Transport, route};
use crate::routes::MAX_PAGE;
use crate::wire::{
    DifferencePage, HeadDto, MessageDto, PruneDto, PrunedDto, PublishedDto, RevisionDto,
    RevisionPage, at_text,
};

/// The most differences that are taken from a server.
const MAX_DIFFERENCES: usize = 10_000_000;

impl<T: Transport> Client<T> {
    /// Returns the head.
    pub async fn head(&self) -> Result<HeadRecord> {
        checked(self.get("/v1/head", &[]).read::<HeadDto>().await?)
    }

    /// Returns a revision.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revision(&self, id: RevisionId) -> Result<RevisionRecord> {
        let request = self.get(&route(At::Revision(id), ""), &[]);
        checked(request.read::<RevisionDto>().await?)
    }

    /// Returns up to `limit` revisions, and at most 10,000, before `before`,
    /// newest first.
    pub async fn revisions(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<RevisionRecord>> {
        let mut query = page(limit);
        query.extend(before.map(|id| ("before", id.to_string())));
        let page: RevisionPage = self.get("/v1/revisions", &query).read().await?;
        let page = page.revisions.into_iter().take(limit).map(checked);
        let page = page.collect::<Result<Vec<RevisionRecord>>>()?;
        in_order(page, before.map(Reverse), |revision| Reverse(revision.id))
    }

    /// Records head as it is, as a new revision.
    pub async fn snapshot(&self, message: RevisionMessage) -> Result<Recorded> {
        let request = self.post("/v1/revisions", &[]);
        checked(
            request
                .read_with::<PublishedDto>(&MessageDto::from(message))
                .await?,
        )
    }

    /// Makes a revision's files head again, as a new revision.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn restore(&self, id: RevisionId, message: RevisionMessage) -> Result<Recorded> {
        let request = self.post(&route(At::Revision(id), "/restore"), &[]);
        checked(
            request
                .read_with::<PublishedDto>(&MessageDto::from(message))
                .await?,
        )
    }

    /// Deletes old revisions; returns how many.
    pub async fn prune_revisions(&self, keep: KeepRevisions) -> Result<u64> {
        let request = self.post("/v1/revisions/prune", &[]);
        let pruned: PrunedDto = request.read_with(&PruneDto::from(keep)).await?;
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
        let mut query = vec![
            ("from", at_text(from)),
            ("to", at_text(to)),
            ("below", options.below.to_string()),
            ("renames", options.renames.to_string()),
            ("limit", limit.max(1).to_string()),
        ];
        query.extend(after.map(|path| ("after", path)));
        let page: DifferencePage = self.get("/v1/diff", &query).read().await?;
        let found = page.differences.into_iter().map(checked);
        Ok((found.collect::<Result<_>>()?, page.next))
    }
}
