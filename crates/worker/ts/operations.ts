// The operations of a workspace as methods, over whatever answers requests of
// the HTTP contract.

import { DurableObject } from "cloudflare:workers";
import {
  answer,
  batch,
  below,
  type Call,
  ended,
  get,
  guarded,
  identified,
  json,
  named,
  numbered,
  part,
  plain,
  type Reply,
  refused,
  root,
  send,
  sendBytes,
  small,
} from "./call.js";
import { failed, ok, type Result } from "./result.js";
import type {
  AllApplied,
  ApplyAllOptions,
  ApplyOptions,
  At,
  AuthorOptions,
  Bytes,
  Change,
  Changed,
  ChangeOptions,
  Collected,
  Conflicts,
  Copy,
  CopyPage,
  DifferencePage,
  DiffOptions,
  EntryPage,
  EventPage,
  ForkOptions,
  Fsck,
  GrantOptions,
  GrantPage,
  Head,
  Imported,
  ImportOptions,
  Issued,
  IssuedPreview,
  MessageOptions,
  MkdirOptions,
  MoveOptions,
  Opened,
  OpenOptions,
  OperationPage,
  Overlaps,
  Page,
  Placed,
  PreviewOptions,
  PreviewPage,
  Pruned,
  PruneOptions,
  Published,
  Rebased,
  RebaseOptions,
  RemoveOptions,
  Revision,
  RevisionPage,
  Revoked,
  Status,
  Together,
  Undone,
  Usage,
  WriteOptions,
  Written,
} from "./types.js";

/** The most bytes that `readFile` hands over at once: RPC takes 32 MiB. */
const MAX_VALUE = 16 << 20;

/**
 * The operations of a workspace, each callable over RPC. Each resolves to a plain
 * result, an error as well: no exception says what went wrong with a file.
 */
export abstract class Operations<Env = unknown> extends DurableObject<Env> {
  /** @internal */
  abstract [answer](call: Call): Promise<Reply>;

  /**
   * The bytes of a small file; nothing where that takes a request to tell.
   * @internal
   */
  abstract [small](path: string, at: At): Promise<Uint8Array | undefined>;

  /** The current files: version, tree, newest revision. */
  head(): Promise<Result<Head>> {
    return json(this, () => get("/v1/head"));
  }

  /** Reads a file of up to 16 MiB. */
  readFile(path: string, at: At = {}): Promise<Result<Uint8Array>> {
    return guarded(async () => {
      const bytes = plain(path, at) && (await this[small](path, at));
      if (bytes) return ok(bytes);
      const reply = await this[answer](get(below(at, "files", path)));
      if (reply.status !== 200) return refused(reply);
      const size = Number(reply.header("content-length"));
      if (size > MAX_VALUE) {
        await reply.stream().cancel();
        const message = `${path}: ${size} bytes, more than ${MAX_VALUE}: open it as a stream`;
        return failed({ code: "limit_exceeded", message, path, operation: "read" });
      }
      return ok(await reply.bytes());
    });
  }

  /**
   * Reads a text file of up to 16 MiB; what is not UTF-8 is an error. The text is exact: a
   * byte order mark is its first character.
   */
  async readText(path: string, at: At = {}): Promise<Result<string>> {
    const read = await this.readFile(path, at);
    if (read.status === "error") return read;
    try {
      return ok(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read.value));
    } catch {
      const message = `${path}: not UTF-8`;
      return failed({ code: "invalid", reason: "not_utf8", message, path, operation: "read" });
    }
  }

  /** Opens a file of any size, or `length` bytes of it from `offset` on. */
  openFile(path: string, options: OpenOptions = {}): Promise<Result<Opened>> {
    return guarded(async () => {
      const { offset, length, ...at } = options;
      const reply = await this[answer](get(below(at, "files", path), {}, part(offset, length)));
      if (reply.status !== 200 && reply.status !== 206) return refused(reply);
      return ok({
        body: reply.stream(),
        size: Number(reply.header("content-length")),
        content: reply.header("workspace-content") ?? "",
        media_type: reply.header("content-type") ?? "application/octet-stream",
      });
    });
  }

  /**
   * Writes a file: text, bytes, or a stream of any length. A stream that is to be refused
   * is cancelled before it is read.
   */
  writeFile(path: string, content: Bytes, options: WriteOptions = {}): Promise<Result<Written>> {
    const written = json<Written>(this, () => {
      const { media_type, if_content, if_absent, copy, revision, ...fields } = options;
      const headers: string[] = [];
      if (media_type !== undefined) headers.push("content-type", media_type);
      if (if_content !== undefined) headers.push("if-match", `"${if_content}"`);
      if (if_absent) headers.push("if-none-match", "*");
      const target = below({ copy, revision }, "files", path);
      return sendBytes("PUT", target, content, fields, headers);
    });
    return ended(content, written);
  }

  /** What is at a path; `not_found` for nothing. */
  stat(path: string, at: At = {}): Promise<Result<Placed>> {
    return json(this, () => get(below(at, "stat", path)));
  }

  /** A page of a directory, in byte order of the names. */
  list(path = "/", options: At & Page = {}): Promise<Result<EntryPage>> {
    return json(this, () => {
      const { copy, revision, ...page } = options;
      return get(below({ copy, revision }, "list", path), page);
    });
  }

  /** Makes a batch of changes: all or nothing, and one operation of a copy. */
  change(changes: Change[], options: ChangeOptions = {}): Promise<Result<Changed>> {
    return json(this, () => batch(changes, options));
  }

  /** Makes a directory. */
  mkdir(path: string, options: MkdirOptions = {}): Promise<Result<Changed>> {
    return json(this, () => {
      const { parents, ...rest } = options;
      return batch([{ op: "mkdir", path, parents }], rest);
    });
  }

  /** Removes a file, a symlink or an empty directory. */
  remove(path: string, options: RemoveOptions = {}): Promise<Result<Changed>> {
    return json(this, () => {
      const { recursive, ...rest } = options;
      return batch([{ op: "remove", path, recursive }], rest);
    });
  }

  /** Moves what is at a path. */
  move(from: string, to: string, options: MoveOptions = {}): Promise<Result<Changed>> {
    return json(this, () => {
      const { replace, ...rest } = options;
      return batch([{ op: "move", from, to, replace }], rest);
    });
  }

  /** Copies what is at a path, a directory with all that is in it. */
  copyTo(from: string, to: string, options: MoveOptions = {}): Promise<Result<Changed>> {
    return json(this, () => {
      const { replace, ...rest } = options;
      return batch([{ op: "copy", from, to, replace }], rest);
    });
  }

  /** Imports a tar archive; into head it is all or nothing. */
  importTar(archive: Bytes, options: ImportOptions = {}): Promise<Result<Imported>> {
    const imported = json<Imported>(this, () => {
      const { copy, revision, ...fields } = options;
      const target = `${root({ copy, revision })}/import`;
      return sendBytes("POST", target, archive, fields, ["content-type", "application/x-tar"]);
    });
    return ended(archive, imported);
  }

  /** Exports what is below a path as a tar archive. */
  exportTar(path = "/", at: At = {}): Promise<Result<ReadableStream<Uint8Array>>> {
    return guarded(async () => {
      const reply = await this[answer](get(below(at, "export", path)));
      return reply.status === 200 ? ok(reply.stream()) : refused(reply);
    });
  }

  /** Forks head, a revision or an open copy into a working copy. */
  fork(options: ForkOptions = {}): Promise<Result<Copy>> {
    return json(this, () => send("POST", "/v1/copies", options));
  }

  /** A page of the copies, in the order of forking; open ones unless said. */
  copies(options: Page & { closed?: boolean } = {}): Promise<Result<CopyPage>> {
    return json(this, () => get("/v1/copies", { ...options }));
  }

  /** A copy, open or closed. */
  copy(copy: string): Promise<Result<Copy>> {
    return json(this, () => get(named(copy)));
  }

  /** Renames an open copy; takes its name away where `name` is absent. */
  renameCopy(copy: string, name?: string): Promise<Result<Copy>> {
    return json(this, () => send("PATCH", named(copy), { name: name ?? null }));
  }

  /** What an open copy changed, and whether it can be applied. */
  status(copy: string): Promise<Result<Status>> {
    return json(this, () => get(`${named(copy)}/status`));
  }

  /** Where two trees differ: each is `head`, `copy:NAME`, `revision:N` or `tree:ID`. */
  diff(from: string, to: string, options: DiffOptions = {}): Promise<Result<DifferencePage>> {
    return json(this, () => get("/v1/diff", { from, to, ...options }));
  }

  /**
   * Applies a copy to its parent: it becomes head, as a new revision, or that of a copy, as
   * an operation of it. With `only`, what it changed at paths that these globs match.
   */
  apply(copy: string, options: ApplyOptions = {}): Promise<Result<Published>> {
    return json(this, () => send("POST", `${named(copy)}/apply`, options));
  }

  /** Applies copies of one parent, each as a revision or operation of its own, or none. */
  applyAll(
    copies: (string | Together)[],
    options: ApplyAllOptions = {},
  ): Promise<Result<AllApplied>> {
    return json(this, () => {
      const together = copies.map((copy) => (typeof copy === "string" ? { copy } : copy));
      return send("POST", "/v1/apply", { ...options, copies: together });
    });
  }

  /** Moves a copy onto what its parent is now, with what is decided where that conflicts. */
  rebase(copy: string, options: RebaseOptions = {}): Promise<Result<Rebased>> {
    return json(this, () => send("POST", `${named(copy)}/rebase`, options));
  }

  /** What stands in the way of a rebase, with what each side has there. */
  conflicts(copy: string): Promise<Result<Conflicts>> {
    return json(this, () => get(`${named(copy)}/conflicts`));
  }

  /** Which of these copies changed the same paths in different ways, and where. */
  overlap(copies: string[]): Promise<Result<Overlaps>> {
    return json(this, () => send("POST", "/v1/overlap", { copies }));
  }

  /** Throws a copy away; repeating it is fine. */
  discard(copy: string): Promise<Result<Copy>> {
    return json(this, () => send("POST", `${named(copy)}/discard`));
  }

  /** The operations of a copy, oldest first. */
  operations(copy: string, page: Page<number> = {}): Promise<Result<OperationPage>> {
    return json(this, () => get(`${named(copy)}/operations`, { ...page }));
  }

  /** Undoes one operation of an open copy, keeping what came later. */
  undo(copy: string, operation: number, options: AuthorOptions = {}): Promise<Result<Undone>> {
    return json(this, () => send("POST", `${named(copy)}/undo`, { operation, ...options }));
  }

  /** A page of the revisions, newest first. */
  revisions(options: { before?: number; limit?: number } = {}): Promise<Result<RevisionPage>> {
    return json(this, () => get("/v1/revisions", { ...options }));
  }

  /** A revision. */
  revision(revision: number): Promise<Result<Revision>> {
    return json(this, () => get(numbered(revision)));
  }

  /** Records head as a revision. */
  snapshot(message: MessageOptions = {}): Promise<Result<Published>> {
    return json(this, () => send("POST", "/v1/revisions", message));
  }

  /** Makes a revision's files head again, as a new revision. */
  restore(revision: number, message: MessageOptions = {}): Promise<Result<Published>> {
    return json(this, () => send("POST", `${numbered(revision)}/restore`, message));
  }

  /** Deletes revisions but the newest ones. */
  prune(keep: PruneOptions): Promise<Result<Pruned>> {
    return json(this, () => send("POST", "/v1/revisions/prune", keep));
  }

  /**
   * Hands out a token to a part of an open copy's files, the holder's only key; or one to
   * read a part of head, or of a revision.
   */
  grant(options: GrantOptions): Promise<Result<Issued>> {
    return json(this, () => {
      const { copy, revision, ...rest } = options;
      return send("POST", `${root({ copy, revision })}/grants`, rest);
    });
  }

  /** A page of the grants to a copy, to head or to a revision, in the order of issuing. */
  grants(options: At & Page = {}): Promise<Result<GrantPage>> {
    return json(this, () => {
      const { copy, revision, ...page } = options;
      return get(`${root({ copy, revision })}/grants`, page);
    });
  }

  /** Revokes a grant, and all that were attenuated from it. */
  revoke(grant: string): Promise<Result<Revoked>> {
    return json(this, () => send("DELETE", identified("grants", grant)));
  }

  /** Shows head, a copy or a revision as a site to whoever has the token. */
  preview(options: PreviewOptions = {}): Promise<Result<IssuedPreview>> {
    return json(this, () => send("POST", "/v1/previews", options));
  }

  /** A page of the previews, in the order of issuing. */
  previews(page: Page = {}): Promise<Result<PreviewPage>> {
    return json(this, () => get("/v1/previews", { ...page }));
  }

  /** Revokes a preview. */
  revokePreview(preview: string): Promise<Result<Revoked>> {
    return json(this, () => send("DELETE", identified("previews", preview)));
  }

  /** A page of what has changed since event `after`, oldest first. */
  events(options: Page<number> = {}): Promise<Result<EventPage>> {
    return json(this, () => get("/v1/events", { ...options }));
  }

  /** Counts what is stored; reads every row. */
  usage(): Promise<Result<Usage>> {
    return json(this, () => get("/v1/usage"));
  }

  /** Takes a step of a collection; repeat until done. Alarms do it by themselves. */
  collect(options: { rows?: number } = {}): Promise<Result<Collected>> {
    return json(this, () => ({ ...get("/v1/gc", { ...options }), method: "POST" }));
  }

  /** Checks that everything stored is whole. */
  fsck(options: { contents?: boolean } = {}): Promise<Result<Fsck>> {
    return json(this, () => get("/v1/fsck", { ...options }));
  }

  /**
   * Checks that everything stored is whole, and repairs what can be: drops what is
   * lost, so that the same bytes written again heal it, and corrects sizes.
   */
  repair(options: { contents?: boolean } = {}): Promise<Result<Fsck>> {
    return json(this, () => ({ ...get("/v1/fsck", { ...options }), method: "POST" }));
  }
}
