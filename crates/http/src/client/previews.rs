//! Previews.

use workspace_core::store::Site;
use workspace_core::{At, GrantId, Result, Timestamp};

use super::copies::page;
use super::read::in_order;
use super::{Client, Transport};
use crate::operation::{MaybeJson, OfPreview, Query};
use crate::operations::{self, PreviewsQuery};
use crate::wire::{IssuedPreviewDto, PreviewDto, PreviewOfDto, at_text};

impl<T: Transport> Client<T> {
    /// Shows files as a site to whoever has the token. See
    /// [`Workspace::issue_preview`](workspace_core::Workspace::issue_preview).
    ///
    /// # Errors
    /// `NotFound`; `Closed`; `Invalid` for an expiry in the past.
    pub async fn issue_preview(
        &self,
        at: At,
        site: &Site,
        expires: Option<Timestamp>,
    ) -> Result<IssuedPreviewDto> {
        let body = PreviewOfDto {
            at: Some(at_text(at)),
            root: Some(site.root.to_string()),
            index: Some(site.index.to_string()),
            hidden: site.hidden,
            app: site.app,
            fallback: site.fallback.as_ref().map(ToString::to_string),
            expires: expires.map(Into::into),
        };
        self.call(&operations::ISSUE_PREVIEW, (), MaybeJson(body))
            .await
    }

    /// Returns up to `limit` previews, and at most 10,000, after `after`, in the
    /// order of issuing.
    pub async fn previews(&self, after: Option<&GrantId>, limit: usize) -> Result<Vec<PreviewDto>> {
        let query = Query(PreviewsQuery {
            after: after.map(ToString::to_string),
            limit: page(limit),
        });
        let mut page = self.call(&operations::PREVIEWS, (), query).await?;
        page.previews.truncate(limit);
        in_order(page.previews, after.map(ToString::to_string), |preview| {
            preview.id.clone()
        })
    }

    /// Revokes a preview.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_preview(&self, id: &GrantId) -> Result<()> {
        let revoked = self.call(&operations::REVOKE_PREVIEW, OfPreview(*id), ());
        revoked.await.map(drop)
    }
}
