// What delegated code finds: `export default async (env: Environment, input) => …`.
// Every method resolves to a plain result; none rejects for what is wrong with a file.

/** What came of a call. */
export type Result<T> = { status: "ok"; value: T } | { status: "error"; error: Failure };

/** Why a call failed. Nothing of it was done. */
export interface Failure {
  /** What the caller can decide by, such as `not_found`, `denied`, `invalid`. */
  code: string;
  /** What went wrong, in words. */
  message: string;
  /** The path that it is about. */
  path?: string;
  /** Why the input is wrong, for the code `invalid`. */
  reason?: string;
}

/** Times are milliseconds since 1970; contents and trees are SHA-256, in hex. */
export type Entry =
  | {
      kind: "file";
      content: string;
      size: number;
      executable: boolean;
      modified: number;
      mediaType?: string;
    }
  | {
      kind: "directory";
      tree: string;
      files: number;
      directories: number;
      bytes: number;
      longest: number;
    }
  | { kind: "symlink"; target: string; modified: number };

/** Which page of a list: what comes after `after`, and how many, 1,000 unless said. */
export interface Paging {
  after?: string;
  limit?: number;
}

/** Text, or bytes. */
export type Contents = string | ArrayBuffer | ArrayBufferView;

/** A text to replace: it is there once, unless `all` are meant. */
export interface Replacement {
  old: string;
  new: string;
  all?: boolean;
}

/** A path that differs from what the run began with. */
export interface Difference {
  path: string;
  old?: Entry;
  new?: Entry;
}

/**
 * The files of a run. Paths begin at the root of what is granted. What is written is there for
 * others when the code has returned, or never.
 */
export interface Files {
  /** Reads a file. */
  readFile(path: string): Promise<Result<Uint8Array>>;
  /** Reads a text file; what is not UTF-8 is an error. */
  readText(path: string): Promise<Result<string>>;
  /** Writes a file, with the directories that are missing above. */
  writeFile(
    path: string,
    contents: Contents,
    options?: { executable?: boolean; mediaType?: string; createParents?: boolean },
  ): Promise<Result<null>>;
  /** Replaces texts in a file: all edits or none. */
  edit(path: string, edits: Replacement[]): Promise<Result<null>>;
  /** A page of a directory, in byte order of the names. */
  list(
    path?: string,
    options?: Paging,
  ): Promise<Result<{ entries: { name: string; entry: Entry }[]; next?: string }>>;
  /** What is at a path; `not_found` for nothing. */
  stat(path: string): Promise<Result<{ path: string; entry: Entry }>>;
  /** Whether there is something. */
  exists(path: string): Promise<Result<boolean>>;
  /** What matches a glob. */
  glob(
    pattern: string,
    options?: Paging & { path?: string },
  ): Promise<Result<{ entries: { path: string; entry: Entry }[]; next?: string }>>;
  /** The lines that match a pattern. */
  grep(
    pattern: string,
    options?: Paging & { path?: string; glob?: string; literal?: boolean; ignoreCase?: boolean },
  ): Promise<
    Result<{
      matches: { path: string; line: number; text: string }[];
      skipped: number;
      leftOut: number;
      next?: string;
    }>
  >;
  /** Makes a directory, with those that are missing above. */
  mkdir(path: string): Promise<Result<null>>;
  /** Removes what is there, a directory with all that is in it. */
  delete(path: string): Promise<Result<null>>;
  /** Moves what is at a path; what is there already gives way with `replace`. */
  move(from: string, to: string, options?: { replace?: boolean }): Promise<Result<null>>;
  /** Copies what is at a path. */
  copy(from: string, to: string, options?: { replace?: boolean }): Promise<Result<null>>;
  /** What the run has changed so far. */
  diff(options?: Paging): Promise<Result<{ differences: Difference[]; next?: string }>>;
}

/** What the code's function is called with. */
export interface Environment {
  WORKSPACE: Files;
}
