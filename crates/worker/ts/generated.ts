// Made by `cargo xtask typegen` of the document of the contract: change that.

import { DurableObject } from "cloudflare:workers";
import { type Arguments, type At, called, type Once, type ToChange } from "./call.js";
import type { components } from "./contract.js";
import type { Result } from "./result.js";

type Schemas = components["schemas"];

export type AllApplied = Schemas["AllAppliedDto"];
export type Allowed = Schemas["AllowedDto"];
export type ApplyAll = Schemas["ApplyAllDto"];
export type Apply = Schemas["ApplyDto"];
export type Attenuate = Schemas["AttenuateDto"];
export type Attenuated = Schemas["AttenuatedDto"];
export type Change = Schemas["ChangeDto"];
export type Changed = Schemas["ChangedDto"];
export type Changes = Schemas["ChangesDto"];
export type Collected = Schemas["CollectedDto"];
export type Conflict = Schemas["ConflictDto"];
export type Conflicting = Schemas["ConflictingDto"];
export type Conflicts = Schemas["ConflictsDto"];
export type Copy = Schemas["CopyDto"];
export type CopyPage = Schemas["CopyPage"];
export type CopyState = Schemas["CopyStateDto"];
export type Difference = Schemas["DifferenceDto"];
export type DifferencePage = Schemas["DifferencePage"];
export type Edit = Schemas["EditDto"];
export type Edited = Schemas["EditedDto"];
export type Entry = Schemas["EntryDto"];
export type EntryPage = Schemas["EntryPage"];
export type Event = Schemas["EventDto"];
export type EventKind = Schemas["EventKindDto"];
export type EventPage = Schemas["EventPage"];
export type Explained = Schemas["ExplainedDto"];
export type Fork = Schemas["ForkDto"];
export type Fsck = Schemas["FsckDto"];
export type Garbage = Schemas["GarbageDto"];
export type Grant = Schemas["GrantDto"];
export type GrantPage = Schemas["GrantPage"];
export type Head = Schemas["HeadDto"];
export type Health = Schemas["HealthDto"];
export type Held = Schemas["HeldDto"];
export type Imported = Schemas["ImportedDto"];
export type Issue = Schemas["IssueDto"];
export type Issued = Schemas["IssuedDto"];
export type IssuedPreview = Schemas["IssuedPreviewDto"];
export type Listed = Schemas["ListedDto"];
export type Match = Schemas["MatchDto"];
export type MatchPage = Schemas["MatchPage"];
export type Message = Schemas["MessageDto"];
export type OperationCause = Schemas["OperationCauseDto"];
export type Operation = Schemas["OperationDto"];
export type OperationPage = Schemas["OperationPage"];
export type Outcome = Schemas["OutcomeDto"];
export type Overlap = Schemas["OverlapDto"];
export type OverlapOf = Schemas["OverlapOfDto"];
export type Overlaps = Schemas["OverlapsDto"];
export type PathList = Schemas["PathListDto"];
export type Placed = Schemas["PlacedDto"];
export type Preview = Schemas["PreviewDto"];
export type PreviewOf = Schemas["PreviewOfDto"];
export type PreviewPage = Schemas["PreviewPage"];
export type Problem = Schemas["ProblemDto"];
export type ProblemFound = Schemas["ProblemFoundDto"];
export type Prune = Schemas["PruneDto"];
export type Pruned = Schemas["PrunedDto"];
export type Published = Schemas["PublishedDto"];
export type Rebase = Schemas["RebaseDto"];
export type Rebased = Schemas["RebasedDto"];
export type Rename = Schemas["RenameDto"];
export type Replacement = Schemas["ReplacementDto"];
export type Resolution = Schemas["ResolutionDto"];
export type RevisionCause = Schemas["RevisionCauseDto"];
export type Revision = Schemas["RevisionDto"];
export type RevisionPage = Schemas["RevisionPage"];
export type Revoked = Schemas["RevokedDto"];
export type Scope = Schemas["ScopeDto"];
export type Status = Schemas["StatusDto"];
export type Take = Schemas["TakeDto"];
export type TextOrBase64 = Schemas["TextOrBase64"];
export type Together = Schemas["TogetherDto"];
export type Undo = Schemas["UndoDto"];
export type Undone = Schemas["UndoneDto"];
export type Usage = Schemas["UsageDto"];
export type WalkPage = Schemas["WalkPage"];
export type Written = Schemas["WrittenDto"];
export type ApplyOptions = Schemas["ApplyDto"] & Once;
export type ApplyAllOptions = Omit<Schemas["ApplyAllDto"], "copies">;
export type ChangeOptions = ToChange & Omit<Schemas["ChangesDto"], "changes"> & Once;
export type CollectOptions = {
  /** How many rows, nodes or objects the step looks at; 1,000 unless said, at most 100,000. */
  rows?: number;
};
export type CopiesOptions = {
  /** Whether to list closed copies too. */
  closed?: boolean;
  /** The id of the copy after which the page begins. */
  after?: string;
  /** How many copies it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type DiffOptions = {
  /** The directory or entry to look at; all unless said. */
  below?: string;
  /** Whether to pair removed with added files of the same content; yes unless said. Each page then costs the whole difference, otherwise what it lists. */
  renames?: boolean;
  /** The path after which the page begins. */
  after?: string;
  /** How many differences it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type EditOptions = ToChange & Omit<Schemas["EditDto"], "edits">;
export type EventsOptions = {
  /** The event after which the page begins; unless said, the newest, so that the answer only tells where the feed is. */
  after?: number;
  /** How many events a page has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type ForkOptions = Schemas["ForkDto"] & Once;
export type FsckOptions = {
  /** Whether to read every content as well, and compare it with its id. */
  contents?: boolean;
};
export type GlobOptions = At & {
  /** The path after which the page begins. */
  after?: string;
  /** How many entries it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type GrantsOptions = At & {
  /** The id of the grant after which the page begins. */
  after?: string;
  /** How many grants it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type GrepOptions = At & {
  /** Whether the pattern is plain text. */
  literal?: boolean;
  /** Whether upper and lower case are the same. */
  ignoreCase?: boolean;
  /** A glob that files have to match. */
  glob?: string;
  /** The path after which the page begins. */
  after?: string;
  /** After how many lines it ends, at the end of a file: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type IssueGrantOptions = At & Schemas["IssueDto"];
export type IssuePreviewOptions = Schemas["PreviewOfDto"];
export type ListOptions = At & {
  /** The name after which the page begins. */
  after?: string;
  /** How many entries it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type OperationsOptions = {
  /** The operation after which the page begins. */
  after?: number;
  /** How many operations it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type PreviewsOptions = {
  /** The id of the preview after which the page begins. */
  after?: string;
  /** How many previews it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type PruneOptions = Schemas["PruneDto"];
export type RebaseOptions = Schemas["RebaseDto"];
export type RepairOptions = {
  /** Whether to read every content as well, and compare it with its id. */
  contents?: boolean;
};
export type RestoreOptions = Schemas["MessageDto"];
export type RevisionsOptions = {
  /** The revision before which the page begins. */
  before?: number;
  /** How many revisions it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
};
export type SnapshotOptions = Schemas["MessageDto"];
export type UndoOptions = Omit<Schemas["UndoDto"], "operation">;

/** The operations that take and answer values. */
export abstract class Generated<Env = unknown> extends DurableObject<Env> {
  /** @internal */
  abstract [called]<T>(name: string, args: Arguments): Promise<Result<T>>;

  /** Applies a copy to its parent: it becomes head, as a new revision, or that of a copy, as an operation of it. With `only`, what it changed at paths that these globs match. */
  apply(copy: string, options: ApplyOptions = {}): Promise<Result<Published>> {
    return this[called]("apply", { ...options, copy });
  }

  /** Applies copies of one parent, each as a revision or operation of its own, or none. */
  applyAll(
    copies: Schemas["ApplyAllDto"]["copies"],
    options: ApplyAllOptions = {},
  ): Promise<Result<AllApplied>> {
    return this[called]("apply_all", { ...options, copies });
  }

  /** Makes a batch of changes: all or nothing, and one operation of a copy. */
  change(
    changes: Schemas["ChangesDto"]["changes"],
    options: ChangeOptions = {},
  ): Promise<Result<Changed>> {
    return this[called]("change", { ...options, changes });
  }

  /** Discards expired copies, forgets closed ones, and takes a step of a collection; repeat until done. */
  collect(options: CollectOptions = {}): Promise<Result<Collected>> {
    return this[called]("collect", { ...options });
  }

  /** Lists what stands in the way of a rebase, with what each side has there. */
  conflicts(copy: string): Promise<Result<Conflicts>> {
    return this[called]("conflicts", { copy });
  }

  /** Lists copies, in the order of forking; open ones unless said. */
  copies(options: CopiesOptions = {}): Promise<Result<CopyPage>> {
    return this[called]("copies", { ...options });
  }

  /** Tells about a copy, open or closed. */
  copy(copy: string): Promise<Result<Copy>> {
    return this[called]("copy", { copy });
  }

  /** Lists where two trees differ, in byte order of the paths. Each is `head`, `copy:` and a name or id, `revision:` and a number, or `tree:` and an id. */
  diff(from: string, to: string, options: DiffOptions = {}): Promise<Result<DifferencePage>> {
    return this[called]("diff", { ...options, from, to });
  }

  /** Throws a copy away; repeating it is fine. */
  discard(copy: string): Promise<Result<Copy>> {
    return this[called]("discard", { copy });
  }

  /** Replaces texts in a file, one edit after the other: each `old` is taken literally and has to be there once, unless `all` are replaced. All edits or none, as one write, and only of the file that was read; up to 8 MiB. */
  edit(
    path: string,
    edits: Schemas["EditDto"]["edits"],
    options: EditOptions = {},
  ): Promise<Result<Edited>> {
    return this[called]("edit", { ...options, path, edits });
  }

  /** Lists what has changed, oldest first; follows it where text/event-stream is accepted */
  events(options: EventsOptions = {}): Promise<Result<EventPage>> {
    return this[called]("events", { ...options });
  }

  /** Forks head, a revision or an open copy into a working copy. */
  fork(options: ForkOptions = {}): Promise<Result<Copy>> {
    return this[called]("fork", { ...options });
  }

  /** Checks that everything stored is whole; reads all of it. */
  fsck(options: FsckOptions = {}): Promise<Result<Fsck>> {
    return this[called]("fsck", { ...options });
  }

  /** Lists what is below a directory and matches a glob, a directory before its entries. A page looks at 50,000 entries at most, so one may be empty and not the last. */
  glob(path: string, pattern: string, options: GlobOptions = {}): Promise<Result<WalkPage>> {
    return this[called]("glob", { ...options, path, pattern });
  }

  /** Lists the grants to a copy, to head or to a revision, in the order of issuing. */
  grants(options: GrantsOptions = {}): Promise<Result<GrantPage>> {
    return this[called]("grants", { ...options });
  }

  /** Lists the lines that match a pattern, in files below a directory, or in one file. Files that are not text, or have more than 1 MiB, are skipped and counted. A page reads 2,000 files or 4 MiB at most, 1 MiB for a regular expression, so one may be empty and not the last. */
  grep(path: string, pattern: string, options: GrepOptions = {}): Promise<Result<MatchPage>> {
    return this[called]("grep", { ...options, path, pattern });
  }

  /** Tells about the current files: version, tree, newest revision. */
  head(): Promise<Result<Head>> {
    return this[called]("head", {});
  }

  /** Hands out a token to a part of an open copy's files, the holder's only key; or one to read a part of head, or of a revision. */
  issueGrant(options: IssueGrantOptions): Promise<Result<Issued>> {
    return this[called]("issue_grant", { ...options });
  }

  /** Shows head, a copy or a revision as a site to whoever has the token. */
  issuePreview(options: IssuePreviewOptions = {}): Promise<Result<IssuedPreview>> {
    return this[called]("issue_preview", { ...options });
  }

  /** Lists a directory, in byte order of the names. */
  list(path = "/", options: ListOptions = {}): Promise<Result<EntryPage>> {
    return this[called]("list", { ...options, path });
  }

  /** Tells about one operation of a copy, with what it changed. */
  operation(copy: string, operation: number): Promise<Result<Explained>> {
    return this[called]("operation", { copy, operation });
  }

  /** Lists the operations of a copy, oldest first. */
  operations(copy: string, options: OperationsOptions = {}): Promise<Result<OperationPage>> {
    return this[called]("operations", { ...options, copy });
  }

  /** Lists the pairs of copies that changed the same paths in different ways, and where. */
  overlap(copies: Schemas["OverlapOfDto"]["copies"]): Promise<Result<Overlaps>> {
    return this[called]("overlap", { copies });
  }

  /** Lists previews, in the order of issuing. */
  previews(options: PreviewsOptions = {}): Promise<Result<PreviewPage>> {
    return this[called]("previews", { ...options });
  }

  /** Deletes old revisions; the newest always stays. */
  prune(options: PruneOptions): Promise<Result<Pruned>> {
    return this[called]("prune", { ...options });
  }

  /** Moves a copy onto what its parent is now, with what is decided where that conflicts. */
  rebase(copy: string, options: RebaseOptions = {}): Promise<Result<Rebased>> {
    return this[called]("rebase", { ...options, copy });
  }

  /** Renames an open copy; takes its name away where `name` is null. */
  renameCopy(copy: string, name: Schemas["RenameDto"]["name"]): Promise<Result<Copy>> {
    return this[called]("rename_copy", { copy, name });
  }

  /** Checks that everything stored is whole, and repairs what can be: drops what was altered, so that the same bytes written again heal it, and corrects sizes. */
  repair(options: RepairOptions = {}): Promise<Result<Fsck>> {
    return this[called]("repair", { ...options });
  }

  /** Makes a revision's files head again, as a new revision. */
  restore(revision: number, options: RestoreOptions = {}): Promise<Result<Published>> {
    return this[called]("restore", { ...options, revision });
  }

  /** Tells about a revision. */
  revision(revision: number): Promise<Result<Revision>> {
    return this[called]("revision", { revision });
  }

  /** Lists revisions, newest first. */
  revisions(options: RevisionsOptions = {}): Promise<Result<RevisionPage>> {
    return this[called]("revisions", { ...options });
  }

  /** Revokes a grant, and all that were attenuated from it. */
  revokeGrant(grant: string): Promise<Result<Revoked>> {
    return this[called]("revoke_grant", { grant });
  }

  /** Revokes a preview. */
  revokePreview(preview: string): Promise<Result<Revoked>> {
    return this[called]("revoke_preview", { preview });
  }

  /** Records head as it is, as a new revision. */
  snapshot(options: SnapshotOptions = {}): Promise<Result<Published>> {
    return this[called]("snapshot", { ...options });
  }

  /** Tells about an entry of any kind. */
  stat(path: string, at: At = {}): Promise<Result<Placed>> {
    return this[called]("stat", { ...at, path });
  }

  /** Tells what an open copy changed, and whether it can be applied. */
  status(copy: string): Promise<Result<Status>> {
    return this[called]("status", { copy });
  }

  /** Undoes one operation of an open copy, keeping what came later. */
  undo(
    copy: string,
    operation: Schemas["UndoDto"]["operation"],
    options: UndoOptions = {},
  ): Promise<Result<Undone>> {
    return this[called]("undo", { ...options, copy, operation });
  }

  /** Counts what is stored; reads every row. */
  usage(): Promise<Result<Usage>> {
    return this[called]("usage", {});
  }
}
