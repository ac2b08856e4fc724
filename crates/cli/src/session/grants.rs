//! Grants, previews and the change feed, in the contract's own types: what a token's holder
//! must not learn is not in them.

use workspace_core::store::{Budget, Purpose, Site};
use workspace_core::{
    At, Error, ErrorKind, Grant, GrantId, GrantOptions, Result, Scope, Timestamp,
};
use workspace_http::RemoteEvents;
use workspace_http::wire::{
    AllowedDto, EventDto, GrantDto, IssuedDto, IssuedPreviewDto, PreviewDto,
};

use super::Session;

/// A narrower token, and what it allows.
pub(crate) struct Attenuated {
    pub(crate) token: String,
    pub(crate) scopes: Vec<AllowedDto>,
    pub(crate) expires: Option<Timestamp>,
}

impl Session {
    pub(crate) async fn issue_grant(
        &self,
        at: At,
        scope: Scope,
        options: GrantOptions,
    ) -> Result<IssuedDto> {
        match self {
            Self::Local(workspace) => {
                let grant = Grant::all().attenuate(scope);
                let issued = workspace.issue_grant(at, grant, options)?;
                Ok(IssuedDto {
                    grant: GrantDto::from(&issued.grant),
                    token: issued.token,
                })
            }
            Self::Remote(client) => client.issue_grant(at, &scope, options).await,
        }
    }

    pub(crate) async fn grants(
        &self,
        at: At,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantDto>> {
        match self {
            Self::Local(workspace) => {
                let found = workspace.grants(at, after, limit)?;
                Ok(found.iter().map(GrantDto::from).collect())
            }
            Self::Remote(client) => client.grants(at, after, limit).await,
        }
    }

    pub(crate) async fn revoke_grant(&self, id: &GrantId) -> Result<u64> {
        match self {
            Self::Local(workspace) => workspace.revoke_grant(id),
            Self::Remote(client) => client.revoke_grant(id).await,
        }
    }

    /// Makes a narrower token of `token`, which a remote session has shown anyway.
    pub(crate) async fn attenuate(
        &self,
        token: &str,
        scope: Scope,
        expires: Option<Timestamp>,
        budget: Budget,
    ) -> Result<Attenuated> {
        match self {
            Self::Local(workspace) => {
                let issued = workspace.attenuate_grant(token, scope, expires, budget)?;
                let issued = issued.ok_or_else(|| {
                    Error::new(ErrorKind::Denied, "attenuate grant")
                        .because("the token is that of no grant")
                })?;
                Ok(Attenuated {
                    scopes: match &issued.grant.purpose {
                        Purpose::Files(grant) => AllowedDto::list(grant)?,
                        Purpose::Site(_) => Vec::new(),
                    },
                    expires: issued.grant.expires,
                    token: issued.token,
                })
            }
            Self::Remote(client) => {
                let made = client.attenuate(&scope, expires, budget).await?;
                Ok(Attenuated {
                    token: made.token,
                    scopes: made.view.scopes,
                    expires: made.view.expires.map(Into::into),
                })
            }
        }
    }

    /// Returns the URL below which the workspace is served, if it is.
    pub(crate) fn base(&self) -> Option<&str> {
        match self {
            Self::Local(_) => None,
            Self::Remote(client) => Some(client.base()),
        }
    }

    pub(crate) async fn issue_preview(
        &self,
        at: At,
        site: Site,
        expires: Option<Timestamp>,
    ) -> Result<IssuedPreviewDto> {
        match self {
            Self::Local(workspace) => {
                let issued = workspace.issue_preview(at, site, expires)?;
                Ok(IssuedPreviewDto::new(&issued, workspace.tree(at)?))
            }
            Self::Remote(client) => client.issue_preview(at, &site, expires).await,
        }
    }

    pub(crate) async fn previews(
        &self,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<PreviewDto>> {
        match self {
            Self::Local(workspace) => {
                let found = workspace.previews(after, limit)?;
                Ok(found.iter().map(PreviewDto::from).collect())
            }
            Self::Remote(client) => client.previews(after, limit).await,
        }
    }

    pub(crate) async fn revoke_preview(&self, id: &GrantId) -> Result<()> {
        match self {
            Self::Local(workspace) => workspace.revoke_preview(id),
            Self::Remote(client) => client.revoke_preview(id).await,
        }
    }

    pub(crate) async fn last_event(&self) -> Result<u64> {
        match self {
            Self::Local(workspace) => workspace.last_event(),
            Self::Remote(client) => client.last_event().await,
        }
    }

    pub(crate) async fn events(&self, after: u64, limit: usize) -> Result<Vec<EventDto>> {
        match self {
            Self::Local(workspace) => {
                let found = workspace.events(after, limit)?;
                Ok(found.iter().map(EventDto::from).collect())
            }
            Self::Remote(client) => client.events(after, limit).await,
        }
    }

    /// Follows the feed.
    ///
    /// # Errors
    /// `Unsupported` here: nobody else can change a workspace that this process has.
    pub(crate) async fn follow(&self, after: u64) -> Result<RemoteEvents> {
        match self {
            Self::Local(_) => Err(Error::new(ErrorKind::Unsupported, "follow events").because(
                "while this command has the workspace nobody else changes it; \
                 follow one that is served, with --remote",
            )),
            Self::Remote(client) => client.follow(after).await,
        }
    }
}
