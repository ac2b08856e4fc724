//! Answers, back in the types of the core. What a server says is not trusted.

use workspace_core::store::{
    AppliedAs, CopyRecord, CopyState, HeadRecord, OperationCause, OperationRecord, RevisionCause,
    RevisionRecord, StoreUsage,
};
use workspace_core::{
    Applied, Changed, Collected, Conflict, Conflicting, Conflicts, Difference, Directory, Entry,
    Error, ErrorKind, File, FsckReport, Garbage, Imported, Name, OperationId, Overlap, PathList,
    Problem, Reason, Rebased, Receipt, Recorded, Result, RevisionId, Sought, Summary, Symlink,
    Text, TreePath, Undone,
};
use workspace_merge::Merged;

use crate::problem::{ConflictDto, PathListDto, ProblemDto};
use crate::wire::{
    ChangedDto, CollectedDto, ConflictsDto, CopyDto, CopyStateDto, Count, DifferenceDto, EntryDto,
    FsckDto, HeadDto, ImportedDto, ListedDto, OperationCauseDto, OperationDto, OutcomeDto,
    OverlapDto, PlacedDto, PublishedDto, RebasedDto, ReceiptDto, RevisionCauseDto, RevisionDto,
    UndoneDto, UsageDto,
};

/// Says that an answer cannot be what it should be.
pub(super) fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unavailable, "read answer").because(why)
}

/// Returns a page whose items come after `after`, each after the one before; refuses any
/// other: whoever asks for page after page would not come to an end.
pub(super) fn in_order<T, K: PartialOrd>(
    page: Vec<T>,
    mut after: Option<K>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>> {
    for item in &page {
        let key = key(item);
        if after.as_ref().is_some_and(|after| *after >= key) {
            return Err(unreadable("a page that does not go on from the one before"));
        }
        after = Some(key);
    }
    Ok(page)
}

fn revision(id: Count) -> RevisionId {
    RevisionId::new(id.get())
}

fn operation(id: Count) -> OperationId {
    OperationId::new(id.get())
}

impl TryFrom<EntryDto> for Entry {
    type Error = Error;

    fn try_from(entry: EntryDto) -> Result<Self> {
        Ok(match entry {
            EntryDto::File {
                content,
                size,
                executable,
                modified,
                media_type,
                provenance,
            } => Self::File(File {
                content: content.parse()?,
                size: size.get(),
                executable,
                modified: modified.into(),
                media_type: media_type.as_deref().map(Text::new).transpose()?,
                provenance: provenance.as_deref().map(Text::new).transpose()?,
            }),
            EntryDto::Directory {
                tree,
                files,
                directories,
                bytes,
                longest,
            } => Self::Directory(Directory {
                tree: tree.parse()?,
                summary: Summary {
                    files: files.get(),
                    directories: directories.get(),
                    bytes: bytes.get(),
                    longest: longest.get(),
                },
            }),
            EntryDto::Symlink { target, modified } => Self::Symlink(Symlink {
                target: Text::new(&target)?,
                modified: modified.into(),
            }),
        })
    }
}

impl TryFrom<PlacedDto> for (TreePath, Entry) {
    type Error = Error;

    fn try_from(placed: PlacedDto) -> Result<Self> {
        Ok((TreePath::new(&placed.path)?, placed.entry.try_into()?))
    }
}

impl TryFrom<ListedDto> for (Name, Entry) {
    type Error = Error;

    fn try_from(listed: ListedDto) -> Result<Self> {
        Ok((Name::new(&listed.name)?, listed.entry.try_into()?))
    }
}

impl TryFrom<DifferenceDto> for Difference {
    type Error = Error;

    fn try_from(difference: DifferenceDto) -> Result<Self> {
        let from = difference.renamed_from.as_deref().map(TreePath::new);
        Ok(Self {
            path: TreePath::new(&difference.path)?,
            old: difference.old.map(Entry::try_from).transpose()?,
            new: difference.new.map(Entry::try_from).transpose()?,
            renamed_from: from.transpose()?,
        })
    }
}

impl TryFrom<CopyDto> for CopyRecord {
    type Error = Error;

    fn try_from(copy: CopyDto) -> Result<Self> {
        Ok(Self {
            id: copy.id.parse()?,
            state: match (copy.state, copy.revision, copy.parent_operation) {
                (CopyStateDto::Open, ..) => CopyState::Open,
                (CopyStateDto::Discarded, ..) => CopyState::Discarded,
                (CopyStateDto::Applied, Some(id), None) => {
                    CopyState::Applied(AppliedAs::Revision(revision(id)))
                }
                (CopyStateDto::Applied, None, Some(id)) => {
                    CopyState::Applied(AppliedAs::Operation(operation(id)))
                }
                (CopyStateDto::Applied, ..) => {
                    return Err(unreadable("a copy that was applied as nothing, or as both"));
                }
            },
            name: copy.name,
            parent: copy.parent.as_deref().map(str::parse).transpose()?,
            top: copy.top.as_deref().map(str::parse).transpose()?,
            base_version: copy.base_version.get(),
            base: copy.base.parse()?,
            tree: copy.tree.parse()?,
            generation: copy.generation.get(),
            operation: copy.operation.map(operation),
            created: copy.created.into(),
            modified: copy.modified.into(),
            expires: copy.expires.map(Into::into),
        })
    }
}

impl TryFrom<OperationDto> for OperationRecord {
    type Error = Error;

    fn try_from(found: OperationDto) -> Result<Self> {
        Ok(Self {
            id: operation(found.id),
            cause: match found.cause {
                OperationCauseDto::Edit => OperationCause::Edit,
                OperationCauseDto::Import => OperationCause::Import,
                OperationCauseDto::Rebase { version } => OperationCause::Rebase(version.get()),
                OperationCauseDto::Undo { operation: id } => OperationCause::Undo(operation(id)),
                OperationCauseDto::Apply { copy } => OperationCause::Apply(copy.parse()?),
            },
            actor: found.actor,
            note: found.note,
            at: found.at.into(),
            before: found.before.parse()?,
            after: found.after.parse()?,
        })
    }
}

impl TryFrom<HeadDto> for HeadRecord {
    type Error = Error;

    fn try_from(head: HeadDto) -> Result<Self> {
        Ok(Self {
            version: head.version.get(),
            tree: head.tree.parse()?,
            revision: head.revision.map(revision),
            recorded: head.recorded.map(|tree| tree.parse()).transpose()?,
            modified: head.modified.into(),
        })
    }
}

impl TryFrom<RevisionDto> for RevisionRecord {
    type Error = Error;

    fn try_from(found: RevisionDto) -> Result<Self> {
        Ok(Self {
            id: revision(found.id),
            parent: found.parent.map(revision),
            tree: found.tree.parse()?,
            version: found.version.get(),
            cause: match found.cause {
                RevisionCauseDto::Apply { copy } => RevisionCause::Apply(copy.parse()?),
                RevisionCauseDto::ApplyInPart { copy } => RevisionCause::ApplyInPart(copy.parse()?),
                RevisionCauseDto::Snapshot => RevisionCause::Snapshot,
                RevisionCauseDto::Restore { revision: id } => RevisionCause::Restore(revision(id)),
            },
            actor: found.actor,
            message: found.message,
            at: found.at.into(),
            metadata: found.metadata,
        })
    }
}

impl TryFrom<PublishedDto> for Applied {
    type Error = Error;

    fn try_from(published: PublishedDto) -> Result<Self> {
        let already = match published.outcome {
            OutcomeDto::Published | OutcomeDto::Applied => false,
            OutcomeDto::Already => true,
            OutcomeDto::Unchanged => {
                let in_part = published.in_part;
                return Ok(Self::Unchanged { in_part });
            }
        };
        let in_part = published.in_part;
        match (published.revision, published.operation) {
            (Some(id), None) => Ok(Self::Published {
                revision: revision(id),
                already,
                in_part,
            }),
            (None, Some(id)) => Ok(Self::ToParent {
                operation: operation(id),
                already,
                in_part,
            }),
            _ => Err(unreadable("applied as nothing, or as both")),
        }
    }
}

impl TryFrom<PublishedDto> for Recorded {
    type Error = Error;

    fn try_from(published: PublishedDto) -> Result<Self> {
        match (published.outcome, published.revision) {
            (OutcomeDto::Unchanged, found) => Ok(Self::Unchanged(found.map(revision))),
            (OutcomeDto::Published | OutcomeDto::Already, Some(id)) => {
                Ok(Self::Published(revision(id)))
            }
            _ => Err(unreadable("recorded as no revision")),
        }
    }
}

impl TryFrom<RebasedDto> for Merged {
    type Error = Error;

    fn try_from(rebased: RebasedDto) -> Result<Self> {
        let merged = rebased.merged.iter().map(|path| TreePath::new(path));
        Ok(Self {
            merged: merged.collect::<Result<_>>()?,
            rebased: Rebased {
                copy: rebased.copy.try_into()?,
                operation: rebased.operation.map(operation),
            },
        })
    }
}

impl TryFrom<ConflictsDto> for Conflicts {
    type Error = Error;

    fn try_from(found: ConflictsDto) -> Result<Self> {
        let entry = |entry: Option<EntryDto>| entry.map(Entry::try_from).transpose();
        let paths = found.conflicts.into_iter().map(|it| {
            Ok(Conflicting {
                path: TreePath::new(&it.path)?,
                base: entry(it.base)?,
                copy: entry(it.copy)?,
                parent: entry(it.parent)?,
            })
        });
        Ok(Self {
            copy: found.copy.try_into()?,
            parent_version: found.parent_version.get(),
            paths: paths.collect::<Result<_>>()?,
            count: found.count.get(),
        })
    }
}

impl TryFrom<OverlapDto> for Overlap {
    type Error = Error;

    fn try_from(found: OverlapDto) -> Result<Self> {
        Ok(Self {
            one: found.one.parse()?,
            other: found.other.parse()?,
            paths: found.paths.try_into()?,
        })
    }
}

impl From<UndoneDto> for Undone {
    fn from(undone: UndoneDto) -> Self {
        Self {
            generation: undone.generation.get(),
            operation: undone.operation.map(operation),
        }
    }
}

impl TryFrom<ChangedDto> for Changed {
    type Error = Error;

    fn try_from(changed: ChangedDto) -> Result<Self> {
        Ok(Self {
            generation: changed.generation.get(),
            tree: changed
                .tree
                .ok_or_else(|| unreadable("a change without its tree"))?
                .parse()?,
            operation: changed.operation.map(operation),
        })
    }
}

impl From<ImportedDto> for Imported {
    fn from(imported: ImportedDto) -> Self {
        Self {
            files: imported.files.get(),
            directories: imported.directories.get(),
            symlinks: imported.symlinks.get(),
            removed: imported.removed.get(),
            bytes: imported.bytes.get(),
            operations: imported.operations.into_iter().map(operation).collect(),
            revision: imported.revision.map(revision),
        }
    }
}

impl From<UsageDto> for StoreUsage {
    fn from(usage: UsageDto) -> Self {
        Self {
            nodes: usage.nodes.get(),
            node_bytes: usage.node_bytes.get(),
            inline_contents: usage.inline_contents.get(),
            inline_bytes: usage.inline_bytes.get(),
            object_contents: usage.object_contents.get(),
            object_bytes: usage.object_bytes.get(),
            copies: usage.copies.get(),
            operations: usage.operations.get(),
            revisions: usage.revisions.get(),
        }
    }
}

impl From<CollectedDto> for Collected {
    fn from(collected: CollectedDto) -> Self {
        Self {
            done: collected.done,
            nodes: collected.nodes.get(),
            contents: collected.contents.get(),
            objects: collected.objects.get(),
        }
    }
}

impl From<FsckDto> for FsckReport {
    fn from(report: FsckDto) -> Self {
        let count = report.problems.len() as u64;
        let problems = report.problems.into_iter().map(|problem| Problem {
            subject: problem.subject,
            detail: problem.detail,
            repair: problem.repair,
        });
        Self {
            roots: report.roots.get(),
            directories: report.directories.get(),
            nodes: report.nodes.get(),
            contents: report.contents.get(),
            objects: report.objects.get(),
            verified_bytes: report.verified_bytes.get(),
            garbage: Garbage {
                nodes: report.garbage.nodes.get(),
                contents: report.garbage.contents.get(),
                objects: report.garbage.objects.get(),
            },
            problem_count: report.problem_count.get().max(count),
            problems: problems.collect(),
            repaired: report.repaired.get(),
        }
    }
}

impl From<ReceiptDto> for Receipt {
    fn from(receipt: ReceiptDto) -> Self {
        Self {
            rows_read: receipt.rows_read.get(),
            rows_written: receipt.rows_written.get(),
            nodes_read: receipt.nodes_read.get(),
            nodes_written: receipt.nodes_written.get(),
            commits: receipt.commits.get(),
            blob_calls: receipt.blob_calls.get(),
            bytes_read: receipt.bytes_read.get(),
            bytes_written: receipt.bytes_written.get(),
        }
    }
}

impl TryFrom<PathListDto> for PathList {
    type Error = Error;

    fn try_from(list: PathListDto) -> Result<Self> {
        let paths = list.paths.iter().map(|path| TreePath::new(path));
        Ok(Self {
            paths: paths.collect::<Result<_>>()?,
            count: list.count.get(),
        })
    }
}

impl TryFrom<ConflictDto> for Conflict {
    type Error = Error;

    fn try_from(conflict: ConflictDto) -> Result<Self> {
        Ok(Self {
            parent: conflict.parent.try_into()?,
            copy: conflict.copy.try_into()?,
            both: conflict.both.try_into()?,
        })
    }
}

impl From<ProblemDto> for Error {
    /// Returns the error that a problem document tells of. Of codes that are no
    /// kinds, those about the caller's authority are `Denied`, those about calls
    /// that the server does not know `Unsupported`.
    fn from(problem: ProblemDto) -> Self {
        let kind = match (&*problem.code, problem.status) {
            ("unauthorized", _) => ErrorKind::Denied,
            ("no_such_route" | "method_not_allowed" | "unsupported_media_type", _) => {
                ErrorKind::Unsupported
            }
            (code, status) => ErrorKind::from_code(code).unwrap_or_else(|| of_status(status)),
        };
        let known = ErrorKind::from_code(&problem.code).is_some();
        let unnamed = match &*problem.code {
            "unauthorized" => "authenticate",
            _ => "call",
        };
        let operation = problem.operation.unwrap_or_else(|| unnamed.into());
        let mut error = Self::new(kind, operation);
        // One that a newer server knows says nothing here.
        if let Some(reason) = problem.reason.as_deref().and_then(Reason::from_code) {
            error = error.for_reason(reason);
        }
        if let Some(sought) = problem.what.as_deref().and_then(Sought::from_code) {
            error = error.of(sought);
        }
        if let Some(path) = problem.path {
            error = error.at(path);
        }
        match problem.detail {
            Some(detail) => error = error.because(detail),
            None if !known => error = error.because(problem.title),
            None => {}
        }
        match problem.conflict.map(Conflict::try_from) {
            Some(Ok(conflict)) => error.with_conflict(conflict),
            // The lists only say more; the error stands without them.
            Some(Err(_)) | None => error,
        }
    }
}

/// Returns what to make of a status that comes without a problem document of
/// ours: from a proxy, or from a server of something else.
pub(super) fn of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 | 407 => ErrorKind::Denied,
        404 | 405 | 501 => ErrorKind::Unsupported,
        413 => ErrorKind::LimitExceeded,
        408 | 425 | 429 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use futures::executor::block_on;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use workspace_testkit::strategies;

    use super::*;
    use crate::client::answer::failure;
    use crate::problem::Problem as Told;

    fn list() -> impl Strategy<Value = PathList> {
        (vec(strategies::path(2), 0..4), 0..5u64).prop_map(|(paths, more)| PathList {
            count: paths.len() as u64 + more,
            paths,
        })
    }

    proptest! {
        #[test]
        fn errors_come_back_as_they_were_told(
            subject in option::of("\\PC{0,9}"),
            detail in option::of("\\PC{0,9}"),
            conflict in option::of((list(), list(), list())),
        ) {
            for kind in ErrorKind::ALL {
                let mut error = Error::new(kind, "try it");
                if let Some(subject) = &subject {
                    error = error.at(subject);
                }
                if let Some(detail) = &detail {
                    error = error.because(detail);
                }
                if let Some((parent, copy, both)) = conflict.clone() {
                    error = error.with_conflict(Conflict { parent, copy, both });
                }
                let expected = (error.subject().map(String::from), error.detail().map(String::from));
                let lists = error.conflict().cloned();
                let told = block_on(failure(Told::from(error).into_response()));
                prop_assert_eq!(told.kind(), kind);
                prop_assert_eq!(told.operation(), "try it");
                prop_assert_eq!(told.conflict(), lists.as_ref());
                if crate::problem::tells_detail(kind) {
                    let found = (told.subject().map(String::from), told.detail().map(String::from));
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
