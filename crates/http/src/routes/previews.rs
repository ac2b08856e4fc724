//! Previews: issued, listed, revoked. What they show is in `site.rs`.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::store::Site;
use workspace_core::{ErrorKind, GrantId, Name, TreePath};

use super::diff::parse_at;
use super::{cut, page_limit};
use crate::call::On;
use crate::operation::{MaybeJson, OfPreview, Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::wire::{Count, IssuedPreviewDto, PreviewDto, PreviewOfDto, PreviewPage, RevokedDto};

operations! {
    /// Shows head, a copy or a revision as a site to whoever has the token.
    static ISSUE_PREVIEW: Operation<(), MaybeJson<PreviewOfDto>, IssuedPreviewDto> =
        Operation::post("issue_preview", "/v1/previews")
            .makes("The token, which is shown this once.")
            .fails(&[ErrorKind::NotFound, ErrorKind::Closed]);
    /// Lists previews, in the order of issuing.
    static PREVIEWS: Operation<(), Query<PreviewsQuery>, PreviewPage> =
        Operation::get("previews", "/v1/previews").answers("A page of them.");
    /// Revokes a preview.
    static REVOKE_PREVIEW: Operation<OfPreview, (), RevokedDto> =
        Operation::new(Method::DELETE, "revoke_preview", "/v1/previews/{preview}")
            .answers("It is revoked.")
            .fails(&[ErrorKind::NotFound]);
}

pub(super) fn all(table: &mut Table) {
    table.add(&ISSUE_PREVIEW, issue);
    table.add(&PREVIEWS, list);
    table.add(&REVOKE_PREVIEW, revoke);
}

async fn issue(
    On { workspace, .. }: On,
    (): (),
    MaybeJson(body): MaybeJson<PreviewOfDto>,
) -> Result<IssuedPreviewDto, Problem> {
    let at = parse_at(&workspace, body.at.as_deref().unwrap_or("head"))?;
    let mut site = Site::default();
    if let Some(index) = &body.index {
        site.index = Name::new(index)?;
    }
    if let Some(root) = &body.root {
        site.root = TreePath::new(root)?;
    }
    let fallback = body.fallback.as_deref().map(TreePath::new);
    site.fallback = fallback.transpose()?;
    (site.hidden, site.app) = (body.hidden, body.app);
    let issued = workspace.issue_preview(at, site, body.expires.map(Into::into))?;
    Ok(IssuedPreviewDto::new(&issued, workspace.tree(at)?))
}

/// Which previews are listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PreviewsQuery {
    /// The id of the preview after which the page begins.
    pub after: Option<String>,
    /// How many previews it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn list(on: On, (): (), Query(query): Query<PreviewsQuery>) -> Result<PreviewPage, Problem> {
    let limit = page_limit(query.limit)?;
    let after: Option<GrantId> = query.after.map(|id| id.parse()).transpose()?;
    let mut found = on.workspace.previews(after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |preview| preview.id.to_string());
    Ok(PreviewPage {
        previews: found.iter().map(PreviewDto::from).collect(),
        next,
    })
}

async fn revoke(on: On, preview: GrantId, (): ()) -> Result<RevokedDto, Problem> {
    on.workspace.revoke_preview(&preview)?;
    Ok(RevokedDto { revoked: 1.into() })
}
