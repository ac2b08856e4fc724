//! Grants as tokens: handed out and revoked by the holder of the root token,
//! looked at and narrowed by their own.

use axum::http::Method;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::store::{Budget, GrantRecord, Purpose};
use workspace_core::{At, ErrorKind, Grant, GrantId, GrantOptions, Result, Workspace};

use super::{CREATED, Files, OK, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::problem::Problem;
use crate::route::Route;
use crate::wire::{
    AllowedDto, AttenuateDto, AttenuatedDto, Count, GrantDto, GrantPage, HeldDto, IssueDto,
    IssuedDto, RevokedDto,
};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::new(
            Method::DELETE,
            "/v1/grants/{grant}",
            "revoke_grant",
            "Revokes a grant, and all that were attenuated from it",
            revoke,
        )
        .answers::<RevokedDto>(OK, "They are revoked.")
        .fails(&[ErrorKind::NotFound]),
        Route::new(
            Method::GET,
            "/v1/view",
            "read_view",
            "Tells the holder of a grant what it allows",
            held,
        )
        .answers::<HeldDto>(OK, "What it allows."),
        Route::new(
            Method::POST,
            "/v1/view/grants",
            "attenuate_grant",
            "Makes a narrower token of a grant",
            attenuate,
        )
        .json::<AttenuateDto>()
        .answers::<AttenuatedDto>(CREATED, "The token, which is shown this once."),
    ];
    // Where files can be bound to a token, and what it is good for there.
    for (files, summary) in [
        (
            Files::Copy,
            "Hands out a token to a part of an open copy's files",
        ),
        (Files::Head, "Hands out a token to read a part of head"),
        (
            Files::Revision,
            "Hands out a token to read a part of a revision",
        ),
    ] {
        let path = files.route("/grants");
        let route = Route::new(
            Method::POST,
            path.clone(),
            files.id("issue_grant"),
            summary,
            issue,
        );
        let read_only: &[ErrorKind] = match files {
            Files::Copy => &[],
            _ => &[ErrorKind::ReadOnly],
        };
        // Those of a closed copy are listed as well.
        let absent: &[ErrorKind] = match files {
            Files::Head => &[],
            _ => &[ErrorKind::NotFound],
        };
        routes.push(
            route
                .json::<IssueDto>()
                .answers::<IssuedDto>(CREATED, "The token, which is shown this once.")
                .fails(files.fails())
                .fails(read_only),
        );
        let summary = "Lists the grants to these files, in the order of issuing";
        let route = Route::new(Method::GET, path, files.id("list_grants"), summary, list);
        routes.push(
            route
                .query::<ListQuery>()
                .answers::<GrantPage>(OK, "A page of them.")
                .fails(absent),
        );
    }
    routes
}

async fn issue(call: Call) -> Answer {
    let (workspace, at) = (call.workspace.clone(), call.at()?);
    let body: IssueDto = call.json().await?;
    let grant = Grant::all().attenuate(body.scope.into_core()?);
    let options = GrantOptions::default()
        .label(body.label)
        .actor(body.actor)
        .expires(body.expires.map(Into::into))
        .budget(budget(body.max_bytes, body.max_entries));
    let issued = workspace.issue_grant(at, grant, options)?;
    json(
        CREATED,
        &IssuedDto {
            token: issued.token,
            grant: GrantDto::from(&issued.grant),
        },
    )
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The id of the grant after which the page begins.
    after: Option<String>,
    /// How many grants it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn list(call: Call) -> Answer {
    let query: ListQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let after: Option<GrantId> = query.after.map(|id| id.parse()).transpose()?;
    let mut found = call
        .workspace
        .grants(call.at()?, after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |grant| grant.id.to_string());
    json(
        OK,
        &GrantPage {
            grants: found.iter().map(GrantDto::from).collect(),
            next,
        },
    )
}

async fn revoke(call: Call) -> Answer {
    let revoked = call.workspace.revoke_grant(&call.id("grant")?)?;
    json(
        OK,
        &RevokedDto {
            revoked: revoked.into(),
        },
    )
}

async fn held(call: Call) -> Answer {
    let holder = call.holder.as_ref().ok_or_else(Problem::denied)?;
    json(OK, &held_dto(&call.workspace, &holder.grant)?)
}

async fn attenuate(call: Call) -> Answer {
    let (workspace, holder) = (call.workspace.clone(), call.holder.clone());
    let holder = holder.ok_or_else(Problem::denied)?;
    let body: AttenuateDto = call.json().await?;
    let scope = body.scope.into_core()?;
    let expires = body.expires.map(Into::into);
    let budget = budget(body.max_bytes, body.max_entries);
    let issued = workspace.attenuate_grant(&holder.token, scope, expires, budget)?;
    let issued = issued.ok_or_else(Problem::unauthorized)?;
    json(
        CREATED,
        &AttenuatedDto {
            token: issued.token,
            view: held_dto(&workspace, &issued.grant)?,
        },
    )
}

fn budget(max_bytes: Option<Count>, max_entries: Option<Count>) -> Budget {
    Budget {
        max_bytes: max_bytes.map(Count::get),
        max_entries: max_entries.map(Count::get),
    }
}

/// Tells a holder about a grant, and nothing about where it leads.
fn held_dto(workspace: &Workspace, record: &GrantRecord) -> Result<HeldDto> {
    let generation = match record.at {
        At::Copy(copy) => workspace.copy(copy)?.generation,
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
