//! Grants as tokens: handed out and revoked by the holder of the root token,
//! looked at and narrowed by their own.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::store::{Budget, GrantRecord, Purpose};
use workspace_core::{At, Error, ErrorKind, Grant, GrantId, GrantOptions, Result, Workspace};

use super::{cut, page_limit};
use crate::call::On;
use crate::operation::{Json, OfFiles, OfGrant, Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::wire::{
    AllowedDto, AttenuateDto, AttenuatedDto, Count, GrantDto, GrantPage, HeldDto, IssueDto,
    IssuedDto, RevokedDto,
};

operations! {
    /// Hands out a token to a part of an open copy's files, the holder's only key; or one to
    /// read a part of head, or of a revision.
    static ISSUE_GRANT: Operation<OfFiles, Json<IssueDto>, IssuedDto> =
        Operation::post("issue_grant", "{files}/grants")
            .makes("The token, which is shown this once.")
            .fails(&[ErrorKind::ReadOnly]);
    /// Lists the grants to a copy, to head or to a revision, in the order of issuing.
    static GRANTS: Operation<OfFiles, Query<GrantsQuery>, GrantPage> =
        Operation::get("grants", "{files}/grants").answers("A page of them.");
    /// Revokes a grant, and all that were attenuated from it.
    static REVOKE_GRANT: Operation<OfGrant, (), RevokedDto> =
        Operation::new(Method::DELETE, "revoke_grant", "/v1/grants/{grant}")
            .answers("They are revoked.")
            .fails(&[ErrorKind::NotFound]);
    /// Tells the holder of a grant what it allows.
    static HELD: Operation<(), (), HeldDto> =
        Operation::get("held", "/v1/view").answers("What it allows.");
    /// Makes a narrower token of a grant.
    static ATTENUATE: Operation<(), Json<AttenuateDto>, AttenuatedDto> =
        Operation::post("attenuate", "/v1/view/grants")
            .makes("The token, which is shown this once.");
}

pub(super) fn all(table: &mut Table) {
    table.add(&ISSUE_GRANT, issue);
    table.add(&GRANTS, list);
    table.add(&REVOKE_GRANT, revoke);
    table.add(&HELD, held);
    table.add(&ATTENUATE, attenuate);
}

async fn issue(on: On, at: At, Json(body): Json<IssueDto>) -> Result<IssuedDto, Problem> {
    let grant = Grant::all().attenuate(body.scope.into_core()?);
    let options = GrantOptions::default()
        .label(body.label)
        .actor(body.actor)
        .expires(body.expires.map(Into::into))
        .budget(budget(body.max_bytes, body.max_entries));
    let issued = on.workspace.issue_grant(at, grant, options)?;
    Ok(IssuedDto {
        token: issued.token,
        grant: GrantDto::from(&issued.grant),
    })
}

/// Which grants are listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct GrantsQuery {
    /// The id of the grant after which the page begins.
    pub after: Option<String>,
    /// How many grants it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn list(on: On, at: At, Query(query): Query<GrantsQuery>) -> Result<GrantPage, Problem> {
    let limit = page_limit(query.limit)?;
    let after: Option<GrantId> = query.after.map(|id| id.parse()).transpose()?;
    let mut found = on.workspace.grants(at, after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |grant| grant.id.to_string());
    Ok(GrantPage {
        grants: found.iter().map(GrantDto::from).collect(),
        next,
    })
}

async fn revoke(on: On, grant: GrantId, (): ()) -> Result<RevokedDto, Problem> {
    let revoked = on.workspace.revoke_grant(&grant)?;
    Ok(RevokedDto {
        revoked: revoked.into(),
    })
}

async fn held(on: On, (): (), (): ()) -> Result<HeldDto, Problem> {
    let holder = on.holder.as_ref().ok_or_else(Problem::denied)?;
    Ok(held_dto(&on.workspace, &holder.grant)?)
}

async fn attenuate(
    on: On,
    (): (),
    Json(body): Json<AttenuateDto>,
) -> Result<AttenuatedDto, Problem> {
    let holder = on.holder.ok_or_else(Problem::denied)?;
    let scope = body.scope.into_core()?;
    let expires = body.expires.map(Into::into);
    let budget = budget(body.max_bytes, body.max_entries);
    let issued = on
        .workspace
        .attenuate_grant(&holder.token, scope, expires, budget)?;
    let issued = issued.ok_or_else(Problem::unauthorized)?;
    Ok(AttenuatedDto {
        token: issued.token,
        view: held_dto(&on.workspace, &issued.grant)?,
    })
}

fn budget(max_bytes: Option<Count>, max_entries: Option<Count>) -> Budget {
    Budget {
        max_bytes: max_bytes.map(Count::get),
        max_entries: max_entries.map(Count::get),
    }
}

/// Says no more of an error than its kind.
fn unnamed(error: Error) -> Error {
    Error::new(error.kind(), "view")
}

/// Tells a holder about a grant, and nothing about where it leads.
fn held_dto(workspace: &Workspace, record: &GrantRecord) -> Result<HeldDto> {
    let generation = match record.at {
        At::Copy(copy) => {
            let found = workspace.copy(copy);
            // Which copy it is not told, whatever is wrong with it.
            found.map_err(unnamed)?.generation
        }
        At::Head => workspace.head()?.version,
        At::Revision(_) | At::Tree(_) => 0,
    };
    let left = workspace.left(record)?;
    Ok(HeldDto {
        scopes: match &record.purpose {
            Purpose::Files(grant) => AllowedDto::list(grant)?,
            Purpose::Site(_) => Vec::new(),
        },
        actor: record.actor.clone(),
        expires: record.expires.map(Into::into),
        generation: generation.into(),
        bytes_left: left.max_bytes.map(Into::into),
        entries_left: left.max_entries.map(Into::into),
    })
}
