//! Working copies.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workspace_core::store::CopyRecord;
use workspace_core::{
    Applied, ApplyOptions, At, Author, CopyId, Error, ErrorKind, ForkOptions, Glob, OperationId,
    Reason, Repeat, Result, RevisionMessage, Sought, Together,
};

use super::diff::first_page;
use super::{cut, page_limit};
use crate::call::On;
use crate::once::{Asked, made};
use crate::operation::{Json, MaybeJson, OfCopy, Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::wire::{
    AllAppliedDto, ApplyAllDto, ApplyDto, ConflictsDto, CopyDto, CopyPage, Count, DifferencePage,
    ForkDto, HeadDto, OperationDto, OperationPage, OverlapDto, OverlapOfDto, OverlapsDto,
    PublishedDto, RebaseDto, RebasedDto, RenameDto, StatusDto, UndoDto, UndoneDto,
};

/// How naming an open copy can fail.
const OPEN: &[ErrorKind] = &[ErrorKind::NotFound, ErrorKind::Closed];
/// How one can fail that is to be unlike the others.
const NAMED: &[ErrorKind] = &[
    ErrorKind::NotFound,
    ErrorKind::Closed,
    ErrorKind::AlreadyExists,
];
/// How bringing it together with its parent can fail.
const MEETING: &[ErrorKind] = &[
    ErrorKind::NotFound,
    ErrorKind::Closed,
    ErrorKind::Conflict,
    ErrorKind::Stale,
];

operations! {
    /// Forks head, a revision or an open copy into a working copy.
    static FORK: Operation<(), MaybeJson<ForkDto>, CopyDto> =
        Operation::post("fork", "/v1/copies").makes("The copy.").fails(&[
            ErrorKind::NotFound,
            ErrorKind::Closed,
            ErrorKind::AlreadyExists,
            ErrorKind::LimitExceeded,
        ]).once();
    /// Lists copies, in the order of forking; open ones unless said.
    static COPIES: Operation<(), Query<CopiesQuery>, CopyPage> =
        Operation::get("copies", "/v1/copies").answers("A page of them.");
    /// Tells about a copy, open or closed.
    static COPY: Operation<OfCopy, (), CopyDto> = Operation::get("copy", "/v1/copies/{copy}")
        .answers("The copy.")
        .fails(&[ErrorKind::NotFound]);
    /// Renames an open copy; takes its name away where `name` is null.
    static RENAME_COPY: Operation<OfCopy, Json<RenameDto>, CopyDto> =
        Operation::new(Method::PATCH, "rename_copy", "/v1/copies/{copy}")
            .answers("The copy.")
            .fails(NAMED)
            .leads(&["name"]);
    /// Tells what an open copy changed, and whether it can be applied.
    static STATUS: Operation<OfCopy, (), StatusDto> =
        Operation::get("status", "/v1/copies/{copy}/status")
            .answers("How it stands.")
            .fails(OPEN);
    /// Lists the operations of a copy, oldest first.
    static OPERATIONS: Operation<OfCopy, Query<OperationsQuery>, OperationPage> =
        Operation::get("operations", "/v1/copies/{copy}/operations")
            .answers("A page of them.")
            .fails(&[ErrorKind::NotFound]);
    /// Tells about one operation of a copy, with what it changed.
    static OPERATION: Operation<OfCopy, Query<OperationQuery>, ExplainedDto> =
        Operation::get("operation", "/v1/copies/{copy}/operation")
            .answers("The operation, and the first page of what it changed.")
            .fails(&[ErrorKind::NotFound])
            .leads(&["operation"]);
    /// Applies a copy to its parent: it becomes head, as a new revision, or that of a copy,
    /// as an operation of it. With `only`, what it changed at paths that these globs match.
    static APPLY: Operation<OfCopy, MaybeJson<ApplyDto>, PublishedDto> =
        Operation::post("apply", "/v1/copies/{copy}/apply")
            .answers("It was applied, or had no change.")
            .fails(MEETING)
            .once();
    /// Moves a copy onto what its parent is now, with what is decided where that conflicts.
    static REBASE: Operation<OfCopy, MaybeJson<RebaseDto>, RebasedDto> =
        Operation::post("rebase", "/v1/copies/{copy}/rebase")
            .answers("It is based on what its parent is now.")
            .fails(MEETING);
    /// Lists what stands in the way of a rebase, with what each side has there.
    static CONFLICTS: Operation<OfCopy, (), ConflictsDto> =
        Operation::get("conflicts", "/v1/copies/{copy}/conflicts")
            .answers("The conflicting paths.")
            .fails(OPEN);
    /// Lists the pairs of copies that changed the same paths in different ways, and where.
    static OVERLAP: Operation<(), Json<OverlapOfDto>, OverlapsDto> =
        Operation::post("overlap", "/v1/overlap")
            .answers("The pairs that meet, and where.")
            .fails(OPEN)
            .leads(&["copies"]);
    /// Applies copies of one parent, each as a revision or operation of its own, or none.
    static APPLY_ALL: Operation<(), Json<ApplyAllDto>, AllAppliedDto> =
        Operation::post("apply_all", "/v1/apply")
            .answers("What each of them led to.")
            .fails(MEETING)
            .leads(&["copies"]);
    /// Throws a copy away; repeating it is fine.
    static DISCARD: Operation<OfCopy, (), CopyDto> =
        Operation::post("discard", "/v1/copies/{copy}/discard")
            .answers("The closed copy.")
            .fails(OPEN);
    /// Undoes one operation of an open copy, keeping what came later.
    static UNDO: Operation<OfCopy, Json<UndoDto>, UndoneDto> =
        Operation::post("undo", "/v1/copies/{copy}/undo")
            .answers("It is undone.")
            .fails(&[ErrorKind::NotFound, ErrorKind::Closed, ErrorKind::Conflict])
            .leads(&["operation"]);
}

pub(super) fn all(table: &mut Table) {
    table.add_once(&FORK, fork, |copy| Some(format!("/v1/copies/{}", copy.id)));
    table.add(&COPIES, list);
    table.add(&COPY, read);
    table.add(&RENAME_COPY, rename);
    table.add(&STATUS, status);
    table.add(&OPERATIONS, operations);
    table.add(&OPERATION, operation);
    table.add_once(&APPLY, apply, |_| None);
    table.add(&REBASE, rebase);
    table.add(&CONFLICTS, conflicts);
    table.add(&OVERLAP, overlap);
    table.add(&APPLY_ALL, apply_all);
    table.add(&DISCARD, discard);
    table.add(&UNDO, undo);
}

async fn fork(
    on: On,
    (): (),
    MaybeJson(fork): MaybeJson<ForkDto>,
    asked: Option<Asked>,
) -> Result<Repeat<CopyDto>, Problem> {
    let of = match (fork.copy, fork.revision) {
        (None, None) => At::Head,
        (Some(copy), None) => At::Copy(on.workspace.find_copy(&copy)?.id),
        (None, Some(revision)) => At::Revision(revision.get().to_string().parse()?),
        (Some(_), Some(_)) => {
            return Err(Error::invalid(Reason::Contradiction, "fork")
                .because("copy and revision: one of them can be forked")
                .into());
        }
    };
    let options = ForkOptions::default().name(fork.name).of(of);
    let options = options.expires(fork.expires.map(Into::into));
    let told = |copy: &CopyRecord| CopyDto::from(copy);
    Ok(made(asked.as_ref(), told, |once| match once {
        Some(once) => on.workspace.fork_once(options, once),
        None => on.workspace.fork(options).map(Repeat::First),
    })?)
}

/// Which copies are listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct CopiesQuery {
    /// Whether to list closed copies too.
    #[serde(default)]
    #[param(required = false)]
    pub closed: bool,
    /// The id of the copy after which the page begins.
    pub after: Option<String>,
    /// How many copies it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn list(on: On, (): (), Query(query): Query<CopiesQuery>) -> Result<CopyPage, Problem> {
    let limit = page_limit(query.limit)?;
    let after: Option<CopyId> = query.after.map(|id| id.parse()).transpose()?;
    let mut found = on
        .workspace
        .copies(!query.closed, after.as_ref(), limit + 1)?;
    let next = cut(&mut found, limit, |copy| copy.id.to_string());
    Ok(CopyPage {
        copies: found.iter().map(CopyDto::from).collect(),
        next,
    })
}

async fn read(_: On, copy: CopyRecord, (): ()) -> Result<CopyDto, Problem> {
    Ok(CopyDto::from(&copy))
}

async fn rename(
    on: On,
    copy: CopyRecord,
    Json(RenameDto { name }): Json<RenameDto>,
) -> Result<CopyDto, Problem> {
    Ok(CopyDto::from(&on.workspace.rename_copy(copy.id, name)?))
}

async fn status(on: On, copy: CopyRecord, (): ()) -> Result<StatusDto, Problem> {
    let status = on.workspace.status(copy.id)?;
    let (from, to) = (At::Tree(status.copy.base), At::Copy(copy.id));
    Ok(StatusDto {
        copy: CopyDto::from(&status.copy),
        parent_version: status.parent_version.into(),
        parent_moved: status.parent_moved,
        head: HeadDto::from(&status.head),
        changes: first_page(&on.workspace, from, to)?,
    })
}

/// Which operations of a copy are listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OperationsQuery {
    /// The operation after which the page begins.
    pub after: Option<Count>,
    /// How many operations it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn operations(
    on: On,
    copy: CopyRecord,
    Query(query): Query<OperationsQuery>,
) -> Result<OperationPage, Problem> {
    let limit = page_limit(query.limit)?;
    let after = query.after.map(|id| OperationId::new(id.get()));
    let mut found = on.workspace.operations(copy.id, after, limit + 1)?;
    let next = cut(&mut found, limit, |operation| operation.id.get().into());
    Ok(OperationPage {
        operations: found.iter().map(OperationDto::from).collect(),
        next,
    })
}

/// Which operation of a copy is meant.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OperationQuery {
    /// Its number within the copy.
    pub operation: Count,
}

/// An operation of a copy, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedDto {
    /// The operation.
    pub operation: OperationDto,
    /// What it changed: the first page of it.
    pub changes: DifferencePage,
}

async fn operation(
    On { workspace, .. }: On,
    copy: CopyRecord,
    Query(OperationQuery { operation }): Query<OperationQuery>,
) -> Result<ExplainedDto, Problem> {
    let number = operation.get();
    let before = number.checked_sub(1).map(OperationId::new);
    let mut found = workspace.operations(copy.id, before, 1)?;
    let found = found.pop().filter(|found| found.id.get() == number);
    let found =
        found.ok_or_else(|| Error::not_found(Sought::Operation, "read operation").at(number))?;
    let (from, to) = (At::Tree(found.before), At::Tree(found.after));
    Ok(ExplainedDto {
        operation: OperationDto::from(&found),
        changes: first_page(&workspace, from, to)?,
    })
}

async fn apply(
    on: On,
    copy: CopyRecord,
    MaybeJson(body): MaybeJson<ApplyDto>,
    asked: Option<Asked>,
) -> Result<Repeat<PublishedDto>, Problem> {
    let expect_tree = body.expect_tree.map(|tree| tree.parse()).transpose()?;
    let expect_parent = body.expect_parent.map(|parent| match &*parent {
        "head" => Ok(At::Head),
        id => id.parse().map(At::Copy),
    });
    few("apply", body.only.len())?;
    let only = body.only.iter().map(|glob| Glob::new(glob));
    let only = only.collect::<Result<_>>()?;
    let message = RevisionMessage::default()
        .actor(body.actor)
        .message(body.message)
        .metadata(body.metadata);
    let options = ApplyOptions::default()
        .message(message)
        .expect_tree(expect_tree)
        .expect_parent(expect_parent.transpose()?)
        .only(only)
        .rebase(body.rebase);
    let told = |applied: &Applied| PublishedDto::from(*applied);
    Ok(made(asked.as_ref(), told, |once| match once {
        Some(once) => on.workspace.apply_once(copy.id, options, once),
        None => on.workspace.apply(copy.id, options).map(Repeat::First),
    })?)
}

async fn rebase(
    on: On,
    copy: CopyRecord,
    MaybeJson(body): MaybeJson<RebaseDto>,
) -> Result<RebasedDto, Problem> {
    let (options, merge) = body.into_core()?;
    let merged = workspace_merge::rebase(&on.workspace, copy.id, options, &merge).await?;
    Ok(RebasedDto::from(merged))
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

async fn conflicts(on: On, copy: CopyRecord, (): ()) -> Result<ConflictsDto, Problem> {
    let found = on.workspace.conflicts(copy.id)?;
    Ok(ConflictsDto::from(&found))
}

async fn overlap(
    On { workspace, .. }: On,
    (): (),
    Json(OverlapOfDto { copies }): Json<OverlapOfDto>,
) -> Result<OverlapsDto, Problem> {
    few("compare copies", copies.len())?;
    let copies = copies.iter().map(|copy| Ok(workspace.find_copy(copy)?.id));
    let found = workspace.overlap(&copies.collect::<Result<Vec<_>>>()?)?;
    let overlaps = found.iter().map(OverlapDto::from).collect();
    Ok(OverlapsDto { overlaps })
}

async fn apply_all(
    On { workspace, .. }: On,
    (): (),
    Json(body): Json<ApplyAllDto>,
) -> Result<AllAppliedDto, Problem> {
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
    Ok(AllAppliedDto { applied })
}

async fn discard(on: On, copy: CopyRecord, (): ()) -> Result<CopyDto, Problem> {
    Ok(CopyDto::from(&on.workspace.discard(copy.id)?))
}

async fn undo(
    on: On,
    copy: CopyRecord,
    Json(UndoDto {
        operation,
        actor,
        note,
    }): Json<UndoDto>,
) -> Result<UndoneDto, Problem> {
    let operation: Result<OperationId> = operation.get().to_string().parse();
    let author = Author::new(actor, note);
    let undone = on.workspace.undo(copy.id, operation?, &author)?;
    Ok(UndoneDto::from(undone))
}
