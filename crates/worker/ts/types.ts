// What operations take and give, where it is not generated.

import type { At, ToChange } from "./call.js";
import type { Scope } from "./generated.js";

export type { At, Once, ToChange } from "./call.js";
export type * from "./generated.js";

/** Which page of a list is wanted. */
export interface Page<K = string> {
  /** What the page begins after: `next` of the page before. */
  after?: K;
  /** How many entries it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
}

/** Who makes a change, and what has to hold for it. */
export interface ChangeOptions extends ToChange {
  /** The copy's generation, or head's version, that the caller has seen. */
  expectGeneration?: number;
  /** Who, in up to 200 bytes. */
  actor?: string;
  /** What for, in up to 8 KiB. */
  note?: string;
}

export interface WriteOptions extends ChangeOptions {
  /** Makes the directories that are missing above. */
  createParents?: boolean;
  executable?: boolean;
  /** Milliseconds since 1970. */
  modified?: number;
  mediaType?: string;
  /** Where it came from, in up to 1,024 bytes. */
  provenance?: string;
  /** The content id that the file must have now. */
  ifContent?: string;
  /** Whether nothing may be there yet. */
  ifAbsent?: boolean;
}

export type WriteFilesOptions = ChangeOptions;

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

export interface ImportOptions extends ToChange {
  /** The directory to import into; the root unless said. */
  into?: string;
  /** Removes what the archive does not have. */
  deleteMissing?: boolean;
  /**
   * Takes what git takes for its own as well, such as `.git/config` or a repository of
   * another name.
   */
  allowGit?: boolean;
  /** The most entries to take, bytes of all files, and bytes of one. */
  maxEntries?: number;
  maxBytes?: number;
  maxFileBytes?: number;
  actor?: string;
  note?: string;
}

/** Which part of a file is wanted, in bytes. */
export type OpenOptions = At & {
  offset?: number;
  length?: number;
};

/** Which lines of a file are wanted: from the first, counted from 1, to the last, with it. */
export type LineOptions = At & {
  first?: number;
  last?: number;
};

/** Lines of a file, without their ends. */
export interface Lines {
  lines: string[];
  /** The number of the first of them. */
  first: number;
  /** How many lines the file has. */
  total: number;
}

/** Which page of a walk is wanted: `after` is a path. */
export type WalkOptions = At & Page;

/** Which files are shown as a site, and how. */
export type SiteOptions = At & {
  /** The path that is asked for, in place of that of the request's URL. */
  path?: string;
  /** The directory that is the site; all unless said. */
  root?: string;
  /** The file that stands for its directory: `index.html`, unless said. */
  index?: string;
  /** The file that stands for pages that do not exist, such as `/index.html`. */
  fallback?: string;
  /** Whether names that begin with a dot are shown. */
  hidden?: boolean;
  /** The `Cache-Control` of answers: `no-cache`, unless said. */
  cacheControl?: string;
};

/** What whoever has the files of a copy may do, and who that is. */
export interface ViewOptions {
  /** All of them, unless said. */
  scope?: Scope;
  /** The name under which changes are logged. */
  actor?: string;
}

/** Options but for what names the files, and who makes a change. */
export type BoundOptions<O> = Omit<O, "copy" | "revision" | "tree" | "actor">;

/** A file that was opened. */
export interface Opened {
  /** Its bytes, as they come. */
  body: ReadableStream<Uint8Array>;
  /** Size of the body in bytes. */
  size: number;
  /** The content id of the whole file. */
  content: string;
  mediaType: string;
}

/**
 * What contents can be given as. A stream may be of any length. RPC carries no Blob and no
 * iterable: `blob.stream()` and `ReadableStream.from(iterable)` are streams of them.
 */
export type Bytes =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>;
