//! Grants as tokens.

use workspace_core::store::Budget;
use workspace_core::{At, GrantId, GrantOptions, Result, Scope, Timestamp};

use super::copies::page;
use super::read::in_order;
use super::{Client, Transport};
use crate::operation::{Json, OfFiles, OfGrant, Query};
use crate::operations::{self, GrantsQuery};
use crate::wire::{AttenuateDto, AttenuatedDto, GrantDto, HeldDto, IssueDto, IssuedDto, ScopeDto};

impl<T: Transport> Client<T> {
    /// Issues a grant of `scope` to the files of an open copy, or to read those of head
    /// or of a revision. See
    /// [`Workspace::issue_grant`](workspace_core::Workspace::issue_grant). The
    /// token's hash does not go over, so the answer is in the contract's own types.
    ///
    /// # Errors
    /// `NotFound`; `Closed`; `ReadOnly`; `Invalid`; `LimitExceeded`.
    pub async fn issue_grant(
        &self,
        at: At,
        scope: &Scope,
        options: GrantOptions,
    ) -> Result<IssuedDto> {
        let body = IssueDto {
            scope: ScopeDto::from(scope),
            label: options.label,
            actor: options.actor,
            expires: options.expires.map(Into::into),
            max_bytes: options.budget.max_bytes.map(Into::into),
            max_entries: options.budget.max_entries.map(Into::into),
        };
        self.call(&operations::ISSUE_GRANT, OfFiles(at), Json(body))
            .await
    }

    /// Returns up to `limit` grants to these files, and at most 10,000, after `after`,
    /// in the order of issuing.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn grants(
        &self,
        at: At,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantDto>> {
        let query = Query(GrantsQuery {
            after: after.map(ToString::to_string),
            limit: page(limit),
        });
        let mut page = self.call(&operations::GRANTS, OfFiles(at), query).await?;
        page.grants.truncate(limit);
        in_order(page.grants, after.map(ToString::to_string), |grant| {
            grant.id.clone()
        })
    }

    /// Revokes a grant, and all that were attenuated from it; returns how many.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_grant(&self, id: &GrantId) -> Result<u64> {
        let revoked = self
            .call(&operations::REVOKE_GRANT, OfGrant(*id), ())
            .await?;
        Ok(revoked.revoked.get())
    }

    /// Tells what this client's token allows, which is that of a grant.
    ///
    /// # Errors
    /// `Denied` for any other token.
    pub async fn held(&self) -> Result<HeldDto> {
        self.call(&operations::HELD, (), ()).await
    }

    /// Makes a narrower token of this client's, which is that of a grant.
    ///
    /// # Errors
    /// `Denied` for any other token; `Invalid`; `LimitExceeded`.
    pub async fn attenuate(
        &self,
        scope: &Scope,
        expires: Option<Timestamp>,
        budget: Budget,
    ) -> Result<AttenuatedDto> {
        let body = AttenuateDto {
            scope: ScopeDto::from(scope),
            expires: expires.map(Into::into),
            max_bytes: budget.max_bytes.map(Into::into),
            max_entries: budget.max_entries.map(Into::into),
        };
        self.call(&operations::ATTENUATE, (), Json(body)).await
    }
}
