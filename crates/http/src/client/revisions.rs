//! Head, revisions, and where trees differ.

use std::cmp::Reverse;

use workspace_core::store::{HeadRecord, RevisionRecord};
use workspace_core::{
    At, DiffOptions, Difference, KeepRevisions, Recorded, Result, RevisionId, RevisionMessage,
};

use super::answer::checked;
use super::copies::page;
use super::read::{in_order, unreadable};
use super::{Client, Transport, ask, route};
use crate::routes::MAX_PAGE;
use crate::wire::{
    DifferencePage, HeadDto, MessageDto, PruneDto, PrunedDto, PublishedDto, RevisionDto,
    RevisionPage,
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
            let mut query = vec![
                ("from", ask::side(from)),
                ("to", ask::side(to)),
                ("below", options.below.to_string()),
                ("renames", options.renames.to_string()),
                ("limit", MAX_PAGE.to_string()),
            ];
            query.extend(after.map(|path| ("after", path)));
            let page: DifferencePage = self.get("/v1/diff", &query).read().await?;
            let before = found.len();
            for difference in page.differences {
                found.push(checked(difference)?);
            }
            if found.len() > MAX_DIFFERENCES {
                return Err(unreadable(format_args!(
                    "more than {MAX_DIFFERENCES} differences"
                )));
            }
            match page.next {
                Some(_) if found.len() == before => {
                    return Err(unreadable("an empty page, and more to come"));
                }
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }
}
