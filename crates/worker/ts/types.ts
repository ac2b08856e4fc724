// What operations take and give.

import type { components } from "./contract.js";

type Schemas = components["schemas"];

export type Head = Schemas["HeadDto"];
export type Copy = Schemas["CopyDto"];
export type CopyPage = Schemas["CopyPage"];
export type Status = Schemas["StatusDto"];
export type Entry = Schemas["EntryDto"];
export type EntryPage = Schemas["EntryPage"];
export type Placed = Schemas["PlacedDto"];
export type Change = Schemas["ChangeDto"];
export type Changed = Schemas["ChangedDto"];
export type Written = Schemas["WrittenDto"];
export type Imported = Schemas["ImportedDto"];
export type Difference = Schemas["DifferenceDto"];
export type DifferencePage = Schemas["DifferencePage"];
export type OperationPage = Schemas["OperationPage"];
export type Published = Schemas["PublishedDto"];
export type Rebased = Schemas["RebasedDto"];
export type Undone = Schemas["UndoneDto"];
export type Revision = Schemas["RevisionDto"];
export type RevisionPage = Schemas["RevisionPage"];
export type Pruned = Schemas["PrunedDto"];
export type Usage = Schemas["UsageDto"];
export type Collected = Schemas["CollectedDto"];
export type Fsck = Schemas["FsckDto"];
export type Event = Schemas["EventDto"];
export type EventPage = Schemas["EventPage"];
export type Grant = Schemas["GrantDto"];
export type GrantPage = Schemas["GrantPage"];
export type Issued = Schemas["IssuedDto"];
export type IssuedPreview = Schemas["IssuedPreviewDto"];
export type Preview = Schemas["PreviewDto"];
export type PreviewPage = Schemas["PreviewPage"];
export type Revoked = Schemas["RevokedDto"];
export type Scope = Schemas["ScopeDto"];
export type Conflict = Schemas["ConflictDto"];

export type ForkOptions = Schemas["ForkDto"];
export type ApplyOptions = Schemas["ApplyDto"];
export type AuthorOptions = Pick<Schemas["RebaseDto"], "actor" | "note">;
export type RebaseOptions = Schemas["RebaseDto"];
export type ApplyAllOptions = Omit<Schemas["ApplyAllDto"], "copies">;
export type Together = Schemas["TogetherDto"];
export type AllApplied = Schemas["AllAppliedDto"];
export type Conflicts = Schemas["ConflictsDto"];
export type Overlaps = Schemas["OverlapsDto"];
export type MessageOptions = Schemas["MessageDto"];
export type PreviewOptions = Schemas["PreviewOfDto"];
export type PruneOptions = Schemas["PruneDto"];

/** Which files are meant: head's, unless it says a copy or a revision. */
export interface At {
  /** A copy, by name or id. */
  copy?: string;
  /** A revision, by number. */
  revision?: number;
}

/** What the holder of a token may do, of which files: to be read only, unless of a copy. */
export type GrantOptions = At & Schemas["IssueDto"];

/** Which page of a list is wanted. */
export interface Page<K = string> {
  /** What the page begins after: `next` of the page before. */
  after?: K;
  /** How many entries it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
}

/** Who makes a change, and what has to hold for it. */
export interface ChangeOptions extends At {
  /** The copy's generation, or head's version, that the caller has seen. */
  expect_generation?: number;
  /** Who, in up to 200 bytes. */
  actor?: string;
  /** What for, in up to 8 KiB. */
  note?: string;
}

export interface WriteOptions extends ChangeOptions {
  /** Makes the directories that are missing above. */
  create_parents?: boolean;
  executable?: boolean;
  /** Milliseconds since 1970. */
  modified?: number;
  media_type?: string;
  /** The content id that the file must have now. */
  if_content?: string;
  /** Whether nothing may be there yet. */
  if_absent?: boolean;
}

export interface MkdirOptions extends ChangeOptions {
  /** Makes the directories that are missing above; a directory there is fine. */
  parents?: boolean;
}

export interface RemoveOptions extends ChangeOptions {
  /** Removes a directory with all that is in it. */
  recursive?: boolean;
}

export interface MoveOptions extends ChangeOptions {
  /** Replaces what is there. */
  replace?: boolean;
}

export interface ImportOptions extends At {
  /** The directory to import into; the root unless said. */
  into?: string;
  /** Removes what the archive does not have. */
  delete_missing?: boolean;
  /**
   * Takes what git takes for its own as well, such as `.git/config` or a repository of
   * another name.
   */
  allow_git?: boolean;
  actor?: string;
  note?: string;
}

export interface DiffOptions extends Page {
  /** A directory, outside of which nothing is compared. */
  below?: string;
  /** Tells what has moved from what is gone and new. */
  renames?: boolean;
}

/** Which part of a file is wanted, in bytes. */
export interface OpenOptions extends At {
  offset?: number;
  length?: number;
}

/** A file that was opened. */
export interface Opened {
  /** Its bytes, as they come. */
  body: ReadableStream<Uint8Array>;
  /** Size of the body in bytes. */
  size: number;
  /** The content id of the whole file. */
  content: string;
  media_type: string;
}

/** What contents can be given as. A stream may be of any length. */
export type Bytes = string | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>;
