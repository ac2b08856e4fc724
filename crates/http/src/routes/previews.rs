//! Previews: issued, listed, revoked. What they show is in `site.rs`.

use axum::http::Method;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::store::Site;
use workspace_core::{ErrorKind, GrantId, Name, TreePath};

use super::diff::parse_at;
use super::{CREATED, OK, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{Count, IssuedPreviewDto, PreviewDto, PreviewOfDto, PreviewPage, RevokedDto};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/v1/previews",
            "issue_preview",
            "Shows files as a site to whoever has the token",
            issue,
        )
        .optional_json::<PreviewOfDto>()
        .answers::<IssuedPreviewDto>(CREATED, "The token, which is shown this once.")
        .fails(&[ErrorKind::NotFound, ErrorKind::Closed]),
        Route::new(
            Method::GET,
            "/v1/previews",
            "list_previews",
            "Lists previews, in the order of issuing",
            list,
        )
        .query::<ListQuery>()
        .answers::<PreviewPage>(OK, "A page of them."),
        Route::new(
            Method::DELETE,
            "/v1/previews/{preview}",
            "revoke_preview",
            "Revokes a preview",
            revoke,
        )
        .answers::<RevokedDto>(OK, "It is revoked.")
        .fails(&[ErrorKind::NotFound]),
    ]
}

async fn issue(call: Call) -> Answer {
    let workspace = call.workspace.clone();
    let body: PreviewOfDto = call.json_or_default().await?;
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
    site.hidden = body.hidden;
    let issued = workspace.issue_preview(at, site, body.expires.map(Into::into))?;
    json(
        CREATED,
        &IssuedPreviewDto::new(&issued, workspace.tree(at)?),
    )
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The id of the preview after which the page begins.
    after: Option<String>,
    /// How many previews it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn list(call: Call) -> Answer {
    let query: ListQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let after: Option<GrantId> = query.after.map(|id| id.parse()).transpose()?;
    let mut found = call.workspace.previews(after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |preview| preview.id.to_string());
    json(
        OK,
        &PreviewPage {
            previews: found.iter().map(PreviewDto::from).collect(),
            next,
        },
    )
}

async fn revoke(call: Call) -> Answer {
    call.workspace.revoke_preview(&call.id("preview")?)?;
    json(OK, &RevokedDto { revoked: 1.into() })
}
