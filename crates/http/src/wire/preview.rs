//! Previews.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::{GrantRecord, Purpose};
use workspace_core::{Issued, TreeId};

use super::{Millis, at_text};

/// What to show as a site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewOfDto {
    /// The files: `copy:` and a name or id, `revision:` and a number, `tree:` and
    /// an id, or `head`, which it is unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The directory that is the site; all files unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The file that stands for its directory; `index.html` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The file that stands for pages that do not exist, as an application of one
    /// page needs it, as seen from the root; none unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Whether it has the names below the root that begin with a dot, which are those of
    /// settings and secrets. `.well-known` is there in any case.
    #[serde(default)]
    pub hidden: bool,
    /// Whether it is an application: what is there is run by its main module, with its static
    /// files, and none of its code is shown. By a Worker that has a loader, at a host of its
    /// own; elsewhere nothing is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub app: bool,
    /// When it expires; in a week unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

/// A preview that was just issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedPreviewDto {
    /// Its identity, in hex.
    pub id: String,
    /// Who has it may look. It is shown this once.
    pub token: String,
    /// Where the site is, beside `/v1`.
    pub path: String,
    /// The files at this moment; apply can be told to publish exactly them. Each
    /// answer of a site that is all of the files names those that it is of, as
    /// `Workspace-Tree`.
    pub tree: String,
    /// When it expires; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

impl IssuedPreviewDto {
    /// Describes a preview that was issued of what is `tree` now.
    pub fn new(issued: &Issued, tree: TreeId) -> Self {
        Self {
            id: issued.grant.id.to_string(),
            path: format!("/preview/{}/", issued.token),
            token: issued.token.clone(),
            tree: tree.to_string(),
            expires: issued.grant.expires.map(Into::into),
        }
    }
}

/// A preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewDto {
    /// Its identity, in hex.
    pub id: String,
    /// The files: `head`, or `copy:`, `revision:` or `tree:` and an id.
    pub at: String,
    /// The directory that is the site.
    pub root: String,
    /// The file that stands for its directory.
    pub index: String,
    /// The file that stands for pages that do not exist, as seen from the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Whether it has the names that begin with a dot.
    pub hidden: bool,
    /// Whether it is an application.
    #[serde(default)]
    pub app: bool,
    /// When it was issued.
    pub created: Millis,
    /// When it expires; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

impl From<&GrantRecord> for PreviewDto {
    fn from(record: &GrantRecord) -> Self {
        let site = match &record.purpose {
            Purpose::Site(site) => Some(site),
            Purpose::Files(_) => None,
        };
        Self {
            id: record.id.to_string(),
            at: at_text(record.at),
            root: site.map(|site| site.root.to_string()).unwrap_or_default(),
            hidden: site.is_some_and(|site| site.hidden),
            app: site.is_some_and(|site| site.app),
            index: site.map(|site| site.index.to_string()).unwrap_or_default(),
            fallback: site
                .and_then(|site| site.fallback.as_ref())
                .map(ToString::to_string),
            created: record.created.into(),
            expires: record.expires.map(Into::into),
        }
    }
}

/// A page of previews, in the order of issuing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewPage {
    /// The previews; those that have expired stay until a collection.
    pub previews: Vec<PreviewDto>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
