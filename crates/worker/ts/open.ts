// The files of a copy as an object of their own.

import { RpcTarget } from "cloudflare:workers";
import {
  type Answered,
  type Arguments,
  type At,
  called,
  contents,
  type Given,
  type Part,
  small,
} from "./call.js";
import * as files from "./files.js";
import type {
  Changed,
  Copy,
  Edited,
  Entry,
  EntryPage,
  GlobOptions,
  GrepOptions,
  Imported,
  MatchPage,
  Placed,
  Replacement,
  Scope,
  WalkPage,
  Written,
} from "./generated.js";
import { failed, ok, type Result } from "./result.js";
import type {
  BoundOptions,
  Bytes,
  Change,
  ImportOptions,
  LineOptions,
  Lines,
  MkdirOptions,
  MoveOptions,
  Opened,
  OpenOptions,
  RemoveOptions,
  ViewOptions,
  WalkOptions,
  WriteFilesOptions,
  WriteOptions,
} from "./types.js";

/** Calls operations for who has a part of the files. */
export interface PartCaller {
  [called]<T>(name: string, args: Arguments, part?: Part): Promise<Result<T>>;
  [contents](name: string, args: Arguments, given?: Given, part?: Part): Promise<Result<Answered>>;
}

/** Options of which files are meant cannot be a part. */
type Bound<O> = BoundOptions<O>;

/**
 * The files of a copy, or a part of them. What it is bound to cannot be changed by who has
 * it: no option names another copy, and paths are seen from the scope's root.
 */
export class OpenFiles extends RpcTarget {
  readonly #of: PartCaller;
  /** The copy's id: a name may be another's later. */
  readonly #copy: Promise<Result<string>>;
  readonly #part: Part;

  /** @internal */
  constructor(of: PartCaller, copy: string, options: ViewOptions) {
    super();
    this.#of = of;
    const { scope = ALL, actor, ...unknown } = options ?? {};
    const wrong = bad(copy, scope, actor, unknown);
    this.#part = { scope, ...(actor === undefined ? {} : { actor }) };
    this.#copy = wrong ? Promise.resolve(wrong) : this.#resolved(copy);
  }

  async #resolved(copy: string): Promise<Result<string>> {
    const found = await this.#of[called]<Copy>("copy", { copy });
    return found.status === "error" ? found : ok(found.value.id);
  }

  /** @internal */
  async [called]<T>(name: string, args: Arguments): Promise<Result<T>> {
    const wrong = elsewhere(args);
    if (wrong) return wrong;
    const copy = await this.#copy;
    if (copy.status === "error") return copy;
    return this.#of[called]<T>(name, { ...args, copy: copy.value }, this.#part);
  }

  /** @internal */
  async [contents](name: string, args: Arguments, given?: Given): Promise<Result<Answered>> {
    const wrong = elsewhere(args);
    if (wrong) return wrong;
    const copy = await this.#copy;
    if (copy.status === "error") return copy;
    return this.#of[contents](name, { ...args, copy: copy.value }, given, this.#part);
  }

  /** @internal */
  [small](_path: string, _at: At): undefined {
    return undefined;
  }

  /** Reads a file of up to 16 MiB. */
  readFile(path: string): Promise<Result<Uint8Array>> {
    return files.readFile(this, path, {});
  }

  /** Reads a text file of up to 16 MiB; what is not UTF-8 is an error. */
  readText(path: string): Promise<Result<string>> {
    return files.readText(this, path, {});
  }

  /** Reads some lines of a text file of up to 16 MiB, without their ends. */
  readLines(path: string, options: Bound<LineOptions> = {}): Promise<Result<Lines>> {
    return files.readLines(this, path, options as LineOptions);
  }

  /** Opens a file of any size, or `length` bytes of it from `offset` on. */
  openFile(path: string, options: Bound<OpenOptions> = {}): Promise<Result<Opened>> {
    return files.openFile(this, path, options as OpenOptions);
  }

  /** Writes a file: text, bytes, or a stream of any length. */
  writeFile(
    path: string,
    content: Bytes,
    options: Bound<WriteOptions> = {},
  ): Promise<Result<Written>> {
    return files.writeFile(this, path, content, options as WriteOptions);
  }

  /** Writes files of up to 4 MiB in all, with the directories above: all or nothing. */
  writeFiles(
    written: Record<string, Bytes>,
    options: Bound<WriteFilesOptions> = {},
  ): Promise<Result<{ files: number }>> {
    return files.writeFiles(this, written, options as WriteFilesOptions, undefined);
  }

  /** What is at a path; `not_found` for nothing. */
  stat(path: string): Promise<Result<Placed>> {
    return this[called]("stat", { path });
  }

  /** A page of a directory, in byte order of the names. */
  list(path = "/", options: { after?: string; limit?: number } = {}): Promise<Result<EntryPage>> {
    return this[called]("list", { ...options, path });
  }

  /** A page of what is below a directory, a directory before its entries. */
  walk(path = "/", options: Bound<WalkOptions> = {}): Promise<Result<WalkPage>> {
    return files.walk(this, path, options as WalkOptions);
  }

  /** All that is below a directory, by its path: up to 50,000 entries. */
  readTree(path = "/"): Promise<Result<Record<string, Entry>>> {
    return files.readTree(this, path, {});
  }

  /** What is below a directory and matches a glob, in pages that may be empty. */
  glob(path: string, pattern: string, options: Bound<GlobOptions> = {}): Promise<Result<WalkPage>> {
    return this[called]("glob", { ...options, path, pattern });
  }

  /** The lines that match a pattern, in files below a directory, in pages that may be empty. */
  grep(
    path: string,
    pattern: string,
    options: Bound<GrepOptions> = {},
  ): Promise<Result<MatchPage>> {
    return this[called]("grep", { ...options, path, pattern });
  }

  /** Replaces texts in a file: each is there once, unless `all` are meant. All edits or none. */
  edit(
    path: string,
    edits: Replacement[],
    options: { ifContent?: string; note?: string } = {},
  ): Promise<Result<Edited>> {
    return this[called]("edit", { ...options, path, edits });
  }

  /** Makes a batch of changes: all or nothing, and one operation of the copy. */
  change(
    changes: Change[],
    options: { expectGeneration?: number; note?: string; idempotencyKey?: string } = {},
  ): Promise<Result<Changed>> {
    return files.change(this, changes, options);
  }

  /** Makes a directory. */
  mkdir(path: string, options: Bound<MkdirOptions> = {}): Promise<Result<Changed>> {
    return files.mkdir(this, path, options as MkdirOptions);
  }

  /** Removes a file, a symlink or an empty directory. */
  remove(path: string, options: Bound<RemoveOptions> = {}): Promise<Result<Changed>> {
    return files.remove(this, path, options as RemoveOptions);
  }

  /** Moves what is at a path. */
  move(from: string, to: string, options: Bound<MoveOptions> = {}): Promise<Result<Changed>> {
    return files.move(this, from, to, options as MoveOptions);
  }

  /** Copies what is at a path, a directory with all that is in it. */
  copyTo(from: string, to: string, options: Bound<MoveOptions> = {}): Promise<Result<Changed>> {
    return files.copyTo(this, from, to, options as MoveOptions);
  }

  /** Imports a tar archive, in batches: what came before a failure stays. */
  importTar(archive: Bytes, options: Bound<ImportOptions> = {}): Promise<Result<Imported>> {
    return files.importTar(this, archive, options as ImportOptions);
  }

  /** Exports what is below a path as a tar archive. */
  exportTar(path = "/"): Promise<Result<ReadableStream<Uint8Array>>> {
    return files.exportTar(this, path, {});
  }
}

/** All of the files. */
const ALL: Scope = { read: ["**"], write: ["**"], delete: true };

/** Refuses what cannot be meant: less than all would become all. */
function bad(
  copy: unknown,
  scope: unknown,
  actor: unknown,
  unknown: object,
): Result<never> | undefined {
  const named = typeof copy === "string" && copy !== "";
  const misspelt = Object.keys(unknown)[0];
  const message = !named
    ? "a copy has a name or an id"
    : misspelt !== undefined
      ? `unknown field \`${misspelt}\`, expected \`scope\` or \`actor\``
      : typeof scope !== "object" || scope === null
        ? "`scope` is an object"
        : actor !== undefined && typeof actor !== "string"
          ? "`actor` is text"
          : undefined;
  if (message === undefined) return undefined;
  const operation = "read arguments";
  return failed({ code: "invalid", reason: "malformed_argument", message, operation });
}

/** Refuses what would be about other files, where a caller says so all the same. */
function elsewhere(args: Arguments): Result<never> | undefined {
  const named = ["copy", "revision", "tree"].find((name) => args[name] !== undefined);
  if (named === undefined) return undefined;
  const message = `\`${named}\`: these are the files of one copy`;
  return failed({
    code: "invalid",
    reason: "malformed_argument",
    message,
    operation: "read arguments",
  });
}
