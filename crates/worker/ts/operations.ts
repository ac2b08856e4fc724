// The operations of a workspace as methods: those that are generated, and those that take
// contents or answer with them.

import {
  type Answered,
  type Arguments,
  type At,
  called,
  contents,
  type Given,
  guarded,
  type Part,
  small,
} from "./call.js";
import * as files from "./files.js";
import {
  type AllApplied,
  type ApplyAllOptions,
  type Changed,
  type Copy,
  type Entry,
  Generated,
  type Imported,
  type Together,
  type WalkPage,
  type Written,
} from "./generated.js";
import { OpenFiles } from "./open.js";
import { failed, type Result } from "./result.js";
import type {
  Bytes,
  ChangeOptions,
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

/** For so many milliseconds files may be written aside. */
const ASIDE = 24 * 60 * 60 * 1000;

function staleAt(version: number): Result<never> {
  const message = `stale: the files were at ${version}, and have changed since they were seen`;
  return failed({ code: "stale", message, operation: "write" });
}

/**
 * The operations of a workspace, each callable over RPC. Each resolves to a plain
 * result, an error as well: no exception says what went wrong with a file.
 */
export abstract class Operations<Env = unknown> extends Generated<Env> {
  /** @internal */
  abstract [contents](
    name: string,
    args: Arguments,
    given?: Given,
    part?: Part,
  ): Promise<Result<Answered>>;

  /** @internal */
  abstract override [called]<T>(name: string, args: Arguments, part?: Part): Promise<Result<T>>;

  /** @internal */
  abstract [small](path: string, at: At): Uint8Array | undefined;

  /** Reads a file of up to 16 MiB. */
  readFile(path: string, at: At = {}): Promise<Result<Uint8Array>> {
    return files.readFile(this, path, at);
  }

  /**
   * Reads a text file of up to 16 MiB; what is not UTF-8 is an error. The text is exact: a
   * byte order mark is its first character.
   */
  readText(path: string, at: At = {}): Promise<Result<string>> {
    return files.readText(this, path, at);
  }

  /** Reads some lines of a text file of up to 16 MiB, without their ends. */
  readLines(path: string, options: LineOptions = {}): Promise<Result<Lines>> {
    return files.readLines(this, path, options);
  }

  /** Opens a file of any size, or `length` bytes of it from `offset` on. */
  openFile(path: string, options: OpenOptions = {}): Promise<Result<Opened>> {
    return files.openFile(this, path, options);
  }

  /**
   * Writes a file: text, bytes, or a stream of any length. A stream that is to be refused
   * is cancelled before it is read.
   */
  writeFile(path: string, content: Bytes, options: WriteOptions = {}): Promise<Result<Written>> {
    return files.writeFile(this, path, content, options);
  }

  /**
   * Writes files, with the directories that are missing above: all or nothing, whatever their
   * sizes. Up to 4 MiB are one batch, as `change` makes it; more, and streams, are written
   * into a copy of the files that is then applied, which into head records a revision.
   */
  writeFiles(
    written: Record<string, Bytes>,
    options: WriteFilesOptions = {},
  ): Promise<Result<{ files: number }>> {
    return files.writeFiles(this, written, options, (options, body) => this.#aside(options, body));
  }

  /** A page of what is below a directory, a directory before its entries. */
  walk(path = "/", options: WalkOptions = {}): Promise<Result<WalkPage>> {
    return files.walk(this, path, options);
  }

  /** All that is below a directory, by its path: up to 50,000 entries. */
  readTree(path = "/", at: At = {}): Promise<Result<Record<string, Entry>>> {
    return files.readTree(this, path, at);
  }

  /** Makes a directory. */
  mkdir(path: string, options: MkdirOptions = {}): Promise<Result<Changed>> {
    return files.mkdir(this, path, options);
  }

  /** Removes a file, a symlink or an empty directory. */
  remove(path: string, options: RemoveOptions = {}): Promise<Result<Changed>> {
    return files.remove(this, path, options);
  }

  /** Moves what is at a path. */
  move(from: string, to: string, options: MoveOptions = {}): Promise<Result<Changed>> {
    return files.move(this, from, to, options);
  }

  /** Copies what is at a path, a directory with all that is in it. */
  copyTo(from: string, to: string, options: MoveOptions = {}): Promise<Result<Changed>> {
    return files.copyTo(this, from, to, options);
  }

  /** Imports a tar archive; into head it is all or nothing. */
  importTar(archive: Bytes, options: ImportOptions = {}): Promise<Result<Imported>> {
    return files.importTar(this, archive, options);
  }

  /** Exports what is below a path as a tar archive. */
  exportTar(path = "/", at: At = {}): Promise<Result<ReadableStream<Uint8Array>>> {
    return files.exportTar(this, path, at);
  }

  /** Applies copies of one parent, each as a revision or operation of its own, or none. */
  override applyAll(
    copies: (string | Together)[],
    options: ApplyAllOptions = {},
  ): Promise<Result<AllApplied>> {
    return guarded(async () => {
      const named = copies.map((copy) => (typeof copy === "string" ? { copy } : copy));
      return super.applyAll(named, options);
    });
  }

  /**
   * The files of a copy, or a part of them, as an object of their own: what is handed to code
   * that is to do nothing else. It names no copy, and sees nothing outside its `scope`.
   */
  open(copy: string, options: ViewOptions = {}): OpenFiles {
    return new OpenFiles(this, copy, options);
  }

  /** Does something in a copy of what is meant, and applies it. */
  async #aside<T>(
    { copy, actor = "", note = "", expectGeneration }: ChangeOptions,
    body: (copy: string) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    // What ends in between, as an object can, leaves a copy that expires.
    const expires = Date.now() + ASIDE;
    const forked = await this[called]<Copy>("fork", { expires, ...(copy && { copy }) });
    if (forked.status === "error") return forked;
    const { id, baseVersion } = forked.value;
    const stale = expectGeneration !== undefined && baseVersion !== expectGeneration;
    const done = stale ? staleAt(baseVersion) : await body(id);
    const ends = done.status === "ok" ? { copy: id, actor, message: note } : undefined;
    let applied = ends && (await this[called]("apply", ends));
    const met = applied?.status === "error" && applied.error.code === "conflict";
    if (met && expectGeneration === undefined) {
      // Somebody was there in between, elsewhere in the files.
      const rebased = await this[called]("rebase", { copy: id });
      if (rebased.status === "ok") applied = await this[called]("apply", ends as Arguments);
    }
    if (applied?.status === "ok") return done;
    await this[called]("discard", { copy: id });
    if (met && expectGeneration !== undefined) return staleAt(baseVersion);
    return applied?.status === "error" ? failed(applied.error) : done;
  }
}
