//! Working copies.

use axum::http::Method;
use axum::http::header::{HeaderValue, LOCATION};
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::{
    ApplyOptions, At, Author, CopyId, Error, ErrorKind, ForkOptions, Glob, OperationId, Reason,
    Result, RevisionMessage, Together,
};

use super::diff::first_page;
use super::{CREATED, OK, cut, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{
    AllAppliedDto, ApplyAllDto, ApplyDto, ConflictsDto, CopyDto, CopyPage, Count, ForkDto, HeadDto,
    OperationDto, OperationPage, OverlapDto, OverlapOfDto, OverlapsDto, PublishedDto, RebaseDto,
    RebasedDto, RenameDto, StatusDto, UndoDto, UndoneDto,
};

/// How naming an open copy can fail.
const OPEN: [ErrorKind; 2] = [ErrorKind::NotFound, ErrorKind::Closed];

pub(super) fn routes() -> Vec<Route> {
    let post = Method::POST;
    vec![
        Route::new(
            post.clone(),
            "/v1/copies",
            "fork",
            "Forks head, a revision or a copy into a working copy",
            fork,
        )
        .optional_json::<ForkDto>()
        .answers::<CopyDto>(CREATED, "The copy.")
        .fails(&OPEN)
        .fails(&[ErrorKind::AlreadyExists, ErrorKind::LimitExceeded]),
        Route::new(
            Method::GET,
            "/v1/copies",
            "list_copies",
            "Lists copies, in the order of forking",
            list,
        )
        .query::<ListQuery>()
        .answers::<CopyPage>(OK, "A page of them."),
        Route::new(
            Method::GET,
            "/v1/copies/{copy}",
            "read_copy",
            "Tells about a copy, open or closed",
            read,
        )
        .answers::<CopyDto>(OK, "The copy.")
        .fails(&[ErrorKind::NotFound]),
        Route::new(
            Method::PATCH,
            "/v1/copies/{copy}",
            "rename_copy",
            "Renames an open copy",
            rename,
        )
        .json::<RenameDto>()
        .answers::<CopyDto>(OK, "The copy.")
        .fails(&OPEN)
        .fails(&[ErrorKind::AlreadyExists]),
        Route::new(
            Method::GET,
            "/v1/copies/{copy}/status",
            "copy_status",
            "Tells what an open copy changed, and whether it can be applied",
            status,
        )
        .answers::<StatusDto>(OK, "How it stands.")
        .fails(&OPEN),
        Route::new(
            Method::GET,
            "/v1/copies/{copy}/operations",
            "list_operations",
            "Lists the operations of a copy, oldest first",
            operations,
        )
        .query::<OperationsQuery>()
        .answers::<OperationPage>(OK, "A page of them.")
        .fails(&[ErrorKind::NotFound]),
        Route::new(
            post.clone(),
            "/v1/copies/{copy}/apply",
            "apply",
            "Applies a copy to its parent: it becomes head, as a new revision, or that of a copy, as an operation",
            apply,
        )
        .optional_json::<ApplyDto>()
        .answers::<PublishedDto>(OK, "It was applied, or had no change.")
        .fails(&OPEN)
        .fails(&[ErrorKind::Conflict, ErrorKind::Stale]),
        Route::new(
            post.clone(),
            "/v1/copies/{copy}/rebase",
            "rebase",
            "Moves a copy onto what its parent is now",
            rebase,
        )
        .optional_json::<RebaseDto>()
        .answers::<RebasedDto>(OK, "It is based on what its parent is now.")
        .fails(&OPEN)
        .fails(&[ErrorKind::Conflict, ErrorKind::Stale]),
        Route::new(
            Method::GET,
            "/v1/copies/{copy}/conflicts",
            "list_conflicts",
            "Lists what stands in the way of a rebase, with what each side has there",
            conflicts,
        )
        .answers::<ConflictsDto>(OK, "The conflicting paths.")
        .fails(&OPEN),
        Route::new(
            post.clone(),
            "/v1/overlap",
            "overlap",
            "Lists the pairs of copies that changed the same paths in different ways",
            overlap,
        )
        .json::<OverlapOfDto>()
        .answers::<OverlapsDto>(OK, "The pairs that meet, and where.")
        .fails(&OPEN),
        Route::new(
            post.clone(),
            "/v1/apply",
            "apply_all",
            "Applies copies of one parent, each as a revision or operation of its own, or none",
            apply_all,
        )
        .json::<ApplyAllDto>()
        .answers::<AllAppliedDto>(OK, "What each of them led to.")
        .fails(&OPEN)
        .fails(&[ErrorKind::Conflict, ErrorKind::Stale]),
        Route::new(
            post.clone(),
            "/v1/copies/{copy}/discard",
            "discard",
            "Throws a copy away; repeating it is fine",
            discard,
        )
        .answers::<CopyDto>(OK, "The closed copy.")
        .fails(&OPEN),
        Route::new(
            post,
            "/v1/copies/{copy}/undo",
            "undo",
            "Undoes one operation of an open copy, keeping what came later",
            undo,
        )
        .json::<UndoDto>()
        .answers::<UndoneDto>(OK, "It is undone.")
        .fails(&OPEN)
        .fails(&[ErrorKind::Conflict]),
    ]
}

async fn fork(call: Call) -> Answer {
    let workspace = call.workspace.clone();
    let fork: ForkDto = call.json_or_default().await?;
    let of = match (fork.copy, fork.revision) {
        (None, None) => At::Head,
        (Some(copy), None) => At::Copy(workspace.find_copy(&copy)?.id),
        (None, Some(revision)) => At::Revision(revision.get().to_string().parse()?),
        (Some(_), Some(_)) => {
            return Err(Error::invalid(Reason::Contradiction, "fork")
                .because("copy and revision: one of them can be forked")
                .into());
        }
    };
    let options = ForkOptions::default().name(fork.name).of(of);
    let copy = workspace.fork(options.expires(fork.expires.map(Into::into)))?;
    let mut response = json(CREATED, &CopyDto::from(&copy))?;
    let location = HeaderValue::try_from(format!("/v1/copies/{}", copy.id));
    let location = location.map(|location| (LOCATION, location));
    response.headers_mut().extend(location);
    Ok(response)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Whether to list closed copies too.
    #[serde(default)]
    #[param(required = false)]
    closed: bool,
    /// The id of the copy after which the page begins.
    after: Option<String>,
    /// How many copies it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn list(call: Call) -> Answer {
    let query: ListQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let after: Option<CopyId> = query.after.map(|id| id.parse()).transpose()?;
    let mut found = call
        .workspace
        .copies(!query.closed, after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |copy| copy.id.to_string());
    json(
        OK,
        &CopyPage {
            copies: found.iter().map(CopyDto::from).collect(),
            next,
        },
    )
}

async fn read(call: Call) -> Answer {
    json(OK, &CopyDto::from(&call.copy()?))
}

async fn rename(call: Call) -> Answer {
    let (workspace, copy) = (call.workspace.clone(), call.copy()?.id);
    let RenameDto { name } = call.json().await?;
    json(OK, &CopyDto::from(&workspace.rename_copy(copy, name)?))
}

async fn status(call: Call) -> Answer {
    let copy = call.copy()?;
    let head = call.workspace.head()?;
    let (parent_version, parent) = match copy.parent {
        None => (head.version, head.tree),
        Some(parent) => {
            let parent = call.workspace.copy(parent)?;
            (parent.generation, parent.tree)
        }
    };
    let (from, to) = (At::Tree(copy.base), At::Copy(copy.id));
    json(
        OK,
        &StatusDto {
            copy: CopyDto::from(&copy),
            parent_version: parent_version.into(),
            parent_moved: parent != copy.base,
            head: HeadDto::from(&head),
            changes: first_page(&call.workspace, from, to)?,
        },
    )
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct OperationsQuery {
    /// The operation after which the page begins.
    after: Option<Count>,
    /// How many operations it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn operations(call: Call) -> Answer {
    let query: OperationsQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let after = query.after.map(|id| OperationId::new(id.get()));
    let copy = call.copy()?.id;
    let mut found = call.workspace.operations(copy, after, limit + 1)?;
    let next = cut(&mut found, limit, |operation| operation.id.get().into());
    json(
        OK,
        &OperationPage {
            operations: found.iter().map(OperationDto::from).collect(),
            next,
        },
    )
}

async fn apply(call: Call) -> Answer {
    let (workspace, copy) = (call.workspace.clone(), call.copy()?.id);
    let body: ApplyDto = call.json_or_default().await?;
    let expect_tree = body.expect_tree.map(|tree| tree.parse()).transpose()?;
    few("apply", body.only.len())?;
    let only = body.only.iter().map(|glob| Glob::new(glob));
    let only = only.collect::<Result<_>>()?;
    let applied = workspace.apply(
        copy,
        ApplyOptions::default()
            .message(
                RevisionMessage::default()
                    .actor(body.actor)
                    .message(body.message)
                    .metadata(body.metadata),
            )
            .expect_tree(expect_tree)
            .only(only),
    )?;
    json(OK, &PublishedDto::from(applied))
}

async fn rebase(call: Call) -> Answer {
    let (workspace, copy) = (call.workspace.clone(), call.copy()?.id);
    let body: RebaseDto = call.json_or_default().await?;
    let (options, merge) = body.into_core()?;
    let merged = workspace_merge::rebase(&workspace, copy, options, &merge).await?;
    json(OK, &RebasedDto::from(merged))
}

/// Refuses a list that is longer than any that is taken, before what it names is looked up.
fn few(operation: &'static str, count: usize) -> Result<()> {
    const MOST: usize = 100;
    match count > MOST {
        false => Ok(()),
        true => Err(Error::new(ErrorKind::LimitExceeded, operation)
            .because(format!("a list of {count}, which may have up to {MOST}"))),
    }
}

async fn conflicts(call: Call) -> Answer {
    let found = call.workspace.conflicts(call.copy()?.id)?;
    json(OK, &ConflictsDto::from(&found))
}

async fn overlap(call: Call) -> Answer {
    let workspace = call.workspace.clone();
    let OverlapOfDto { copies } = call.json().await?;
    few("compare copies", copies.len())?;
    let copies = copies.iter().map(|copy| Ok(workspace.find_copy(copy)?.id));
    let found = workspace.overlap(&copies.collect::<Result<Vec<_>>>()?)?;
    let overlaps = found.iter().map(OverlapDto::from).collect();
    json(OK, &OverlapsDto { overlaps })
}

async fn apply_all(call: Call) -> Answer {
    let workspace = call.workspace.clone();
    let body: ApplyAllDto = call.json().await?;
    few("apply", body.copies.len())?;
    let copies = body.copies.into_iter().map(|one| {
        Ok(Together {
            copy: workspace.find_copy(&one.copy)?.id,
            expect_tree: one.expect_tree.map(|tree| tree.parse()).transpose()?,
        })
    });
    let message = RevisionMessage::default()
        .actor(body.actor)
        .message(body.message)
        .metadata(body.metadata);
    let applied = workspace.apply_all(&copies.collect::<Result<Vec<_>>>()?, &message)?;
    let applied = applied.into_iter().map(PublishedDto::from).collect();
    json(OK, &AllAppliedDto { applied })
}

async fn discard(call: Call) -> Answer {
    let copy = call.copy()?.id;
    json(OK, &CopyDto::from(&call.workspace.discard(copy)?))
}

async fn undo(call: Call) -> Answer {
    let (workspace, copy) = (call.workspace.clone(), call.copy()?.id);
    let UndoDto {
        operation,
        actor,
        note,
    } = call.json().await?;
    let operation: Result<OperationId> = operation.get().to_string().parse();
    let undone = workspace.undo(copy, operation?, &Author::new(actor, note))?;
    json(OK, &UndoneDto::from(undone))
}
