// The operations of a workspace as methods, over whatever answers requests of
// the HTTP contract.

import type { components } from "./contract.js";
import { failed, ok, problem, type Result } from "./result.js";

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
export type Usage = Schemas["UsageDto"];
export type Collected = Schemas["CollectedDto"];
export type Fsck = Schemas["FsckDto"];

/** Which files are meant: head's, unless it says a copy or a revision. */
export interface At {
  /** A copy, by name or id. */
  copy?: string;
  /** A revision, by number. */
  revision?: number;
}

/** Which page of a list is wanted. */
export interface Page<K = string> {
  /** What the page begins after: `next` of the page before. */
  after?: K;
  /** How many entries it has: 1 to 10,000, and 1,000 unless said. */
  limit?: number;
}

/** Who makes a change, and what has to hold for it. */
export interface ChangeOptions {
  /** The copy's generation, or head's version, that the caller has seen. */
  expect_generation?: number;
  /** Who, in up to 200 bytes. */
  actor?: string;
  /** What for, in up to 8 KiB. */
  note?: string;
}

export interface WriteOptions extends At, ChangeOptions {
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

export type Bytes = string | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>;

/** A request of the contract. */
export interface Call {
  method: string;
  /** Path and query. */
  target: string;
  /** Names and values, alternating. */
  headers: string[];
  body: Uint8Array | ReadableStream<Uint8Array> | null;
}

/** Its answer. */
export interface Reply {
  status: number;
  header(name: string): string | null;
  bytes(): Promise<Uint8Array>;
  stream(): ReadableStream<Uint8Array>;
}

/** Answers calls; a symbol, so that it cannot be called over RPC. */
export const answer = Symbol("answer");

// A mixin's constructor takes anything.
type Constructor<T> = abstract new (...args: any[]) => T;

interface Answering {
  [answer](call: Call): Promise<Reply>;
}

/** The most bytes that `readFile` hands over at once: RPC takes 32 MiB. */
const MAX_VALUE = 16 << 20;

const encoder = new TextEncoder();

/** Adds the operations to a class that answers calls. */
export function operations<T extends Constructor<Answering>>(Base: T) {
  abstract class WithOperations extends Base {
    /** The current files: version, tree, newest revision. */
    head(): Promise<Result<Head>> {
      return json(this, "GET", "/v1/head");
    }

    /** Reads a file of up to 16 MiB. */
    async readFile(path: string, at: At = {}): Promise<Result<Uint8Array>> {
      return guarded(async () => {
        const reply = await this[answer](request("GET", below(at, "files", path)));
        if (reply.status !== 200) return refused(reply);
        const size = Number(reply.header("content-length"));
        if (size > MAX_VALUE) {
          await reply.stream().cancel();
          const message = `${size} bytes, more than ${MAX_VALUE}: open it as a stream`;
          return failed({ code: "limit_exceeded", message, path });
        }
        return ok(await reply.bytes());
      });
    }

    /** Reads a text file of up to 16 MiB; what is not UTF-8 is an error. */
    async readText(path: string, at: At = {}): Promise<Result<string>> {
      const read = await this.readFile(path, at);
      if (read.status === "error") return read;
      try {
        return ok(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(read.value));
      } catch {
        return failed({ code: "invalid", message: `${path}: not UTF-8`, path });
      }
    }

    /** Opens a file of any size, or `length` bytes of it from `offset` on. */
    async openFile(
      path: string,
      options: At & { offset?: number; length?: number } = {},
    ): Promise<Result<Opened>> {
      return guarded(async () => {
        const { offset = 0, length } = options;
        const last = length === undefined ? "" : offset + length - 1;
        const part = offset > 0 || length !== undefined;
        const headers = part ? ["range", `bytes=${offset}-${last}`] : [];
        const reply = await this[answer](request("GET", below(options, "files", path), null, headers));
        if (reply.status !== 200 && reply.status !== 206) return refused(reply);
        return ok({
          body: reply.stream(),
          size: Number(reply.header("content-length")),
          content: (reply.header("etag") ?? "").replaceAll('"', ""),
          media_type: reply.header("content-type") ?? "application/octet-stream",
        });
      });
    }

    /** Writes a file: text, bytes, or a stream of any length. */
    writeFile(path: string, content: Bytes, options: WriteOptions = {}): Promise<Result<Written>> {
      const { media_type, if_content, if_absent, copy, revision, ...rest } = options;
      const headers: string[] = [];
      if (media_type !== undefined) headers.push("content-type", media_type);
      if (if_content !== undefined) headers.push("if-match", `"${if_content}"`);
      if (if_absent) headers.push("if-none-match", "*");
      const target = below({ copy, revision }, "files", path) + query(rest);
      return guarded(() => value(this[answer](request("PUT", target, bytes(content), headers))));
    }

    /** What is at a path; `not_found` for nothing. */
    stat(path: string, at: At = {}): Promise<Result<Placed>> {
      return json(this, "GET", below(at, "stat", path));
    }

    /** A page of a directory, in byte order of the names. */
    list(path = "/", options: At & Page = {}): Promise<Result<EntryPage>> {
      const { copy, revision, ...page } = options;
      return json(this, "GET", below({ copy, revision }, "list", path) + query(page));
    }

    /** Makes a batch of changes: all or nothing, and one operation of a copy. */
    change(changes: Change[], options: At & ChangeOptions = {}): Promise<Result<Changed>> {
      const { copy, revision, ...rest } = options;
      return json(this, "POST", `${root({ copy, revision })}/changes`, { changes, ...rest });
    }

    /** Makes a directory, with those above it where `parents`. */
    mkdir(
      path: string,
      options: At & ChangeOptions & { parents?: boolean } = {},
    ): Promise<Result<Changed>> {
      const { parents, ...rest } = options;
      return this.change([{ op: "mkdir", path, parents }], rest);
    }

    /** Removes what is at a path, a directory only where `recursive` or empty. */
    remove(
      path: string,
      options: At & ChangeOptions & { recursive?: boolean } = {},
    ): Promise<Result<Changed>> {
      const { recursive, ...rest } = options;
      return this.change([{ op: "remove", path, recursive }], rest);
    }

    /** Moves what is at a path. */
    move(
      from: string,
      to: string,
      options: At & ChangeOptions & { replace?: boolean } = {},
    ): Promise<Result<Changed>> {
      const { replace, ...rest } = options;
      return this.change([{ op: "move", from, to, replace }], rest);
    }

    /** Copies what is at a path, a directory with all that is in it. */
    copyTo(
      from: string,
      to: string,
      options: At & ChangeOptions & { replace?: boolean } = {},
    ): Promise<Result<Changed>> {
      const { replace, ...rest } = options;
      return this.change([{ op: "copy", from, to, replace }], rest);
    }

    /** Imports a tar archive; into head it is all or nothing. */
    importTar(
      archive: Bytes,
      options: At & { into?: string; delete_missing?: boolean; actor?: string; note?: string } = {},
    ): Promise<Result<Imported>> {
      const { copy, revision, ...rest } = options;
      const target = `${root({ copy, revision })}/import${query(rest)}`;
      const headers = ["content-type", "application/x-tar"];
      return guarded(() => value(this[answer](request("POST", target, bytes(archive), headers))));
    }

    /** Exports what is below a path as a tar archive. */
    exportTar(path = "/", at: At = {}): Promise<Result<ReadableStream<Uint8Array>>> {
      return guarded(async () => {
        const reply = await this[answer](request("GET", below(at, "export", path)));
        return reply.status === 200 ? ok(reply.stream()) : refused(reply);
      });
    }

    /** Forks head into a working copy. */
    fork(options: Schemas["ForkDto"] = {}): Promise<Result<Copy>> {
      return json(this, "POST", "/v1/copies", options);
    }

    /** A page of the copies, in the order of forking; open ones unless said. */
    copies(options: Page & { closed?: boolean } = {}): Promise<Result<CopyPage>> {
      return json(this, "GET", `/v1/copies${query({ ...options })}`);
    }

    /** A copy, open or closed. */
    copy(copy: string): Promise<Result<Copy>> {
      return json(this, "GET", named(copy));
    }

    /** Renames an open copy; takes its name away where `name` is absent. */
    renameCopy(copy: string, name?: string): Promise<Result<Copy>> {
      return json(this, "PATCH", named(copy), { name: name ?? null });
    }

    /** What an open copy changed, and whether it can be applied. */
    status(copy: string): Promise<Result<Status>> {
      return json(this, "GET", `${named(copy)}/status`);
    }

    /** Where two trees differ: each is `head`, `copy:NAME`, `revision:N` or `tree:ID`. */
    diff(
      from: string,
      to: string,
      options: Page & { below?: string; renames?: boolean } = {},
    ): Promise<Result<DifferencePage>> {
      return json(this, "GET", `/v1/diff${query({ from, to, ...options })}`);
    }

    /** Publishes a copy: it becomes head, as a new revision. */
    apply(copy: string, options: Schemas["ApplyDto"] = {}): Promise<Result<Published>> {
      return json(this, "POST", `${named(copy)}/apply`, options);
    }

    /** Moves a copy onto the present head. */
    rebase(copy: string, options: Schemas["AuthorDto"] = {}): Promise<Result<Rebased>> {
      return json(this, "POST", `${named(copy)}/rebase`, options);
    }

    /** Throws a copy away; repeating it is fine. */
    discard(copy: string): Promise<Result<Copy>> {
      return json(this, "POST", `${named(copy)}/discard`);
    }

    /** The operations of a copy, oldest first. */
    operations(copy: string, page: Page<number> = {}): Promise<Result<OperationPage>> {
      return json(this, "GET", `${named(copy)}/operations${query({ ...page })}`);
    }

    /** Undoes one operation of an open copy, keeping what came later. */
    undo(copy: string, operation: number, options: Schemas["AuthorDto"] = {}): Promise<Result<Undone>> {
      return json(this, "POST", `${named(copy)}/undo`, { operation, ...options });
    }

    /** A page of the revisions, newest first. */
    revisions(options: { before?: number; limit?: number } = {}): Promise<Result<RevisionPage>> {
      return json(this, "GET", `/v1/revisions${query({ ...options })}`);
    }

    /** A revision. */
    revision(revision: number): Promise<Result<Revision>> {
      return json(this, "GET", `/v1/revisions/${revision}`);
    }

    /** Records head as a revision. */
    snapshot(message: Schemas["MessageDto"] = {}): Promise<Result<Published>> {
      return json(this, "POST", "/v1/revisions", message);
    }

    /** Makes a revision's files head again, as a new revision. */
    restore(revision: number, message: Schemas["MessageDto"] = {}): Promise<Result<Published>> {
      return json(this, "POST", `/v1/revisions/${revision}/restore`, message);
    }

    /** Deletes revisions but the newest ones. */
    prune(keep: Schemas["PruneDto"]): Promise<Result<Schemas["PrunedDto"]>> {
      return json(this, "POST", "/v1/revisions/prune", keep);
    }

    /** Counts what is stored; reads every row. */
    usage(): Promise<Result<Usage>> {
      return json(this, "GET", "/v1/usage");
    }

    /** Takes a step of a collection; repeat until done. Alarms do it by themselves. */
    collect(options: { rows?: number } = {}): Promise<Result<Collected>> {
      return json(this, "POST", `/v1/gc${query({ ...options })}`);
    }

    /** Checks that everything stored is whole. */
    fsck(options: { contents?: boolean } = {}): Promise<Result<Fsck>> {
      return json(this, "GET", `/v1/fsck${query({ ...options })}`);
    }
  }
  return WithOperations;
}

/** Calls, and reads the answer as JSON. */
function json<T>(over: Answering, method: string, target: string, body?: object): Promise<Result<T>> {
  const headers = body ? ["content-type", "application/json"] : [];
  const content = body ? encoder.encode(JSON.stringify(body)) : null;
  return guarded(() => value<T>(over[answer](request(method, target, content, headers))));
}

/** Turns what is thrown into a result: no exception passes through RPC. */
async function guarded<T>(body: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await body();
  } catch (error) {
    const code = error instanceof TypeError ? "invalid" : "unavailable";
    return failed({ code, message: error instanceof Error ? error.message : String(error) });
  }
}

async function value<T>(replying: Promise<Reply>): Promise<Result<T>> {
  const reply = await replying;
  if (reply.status >= 300) return refused(reply);
  return ok(JSON.parse(new TextDecoder().decode(await reply.bytes())) as T);
}

async function refused(reply: Reply): Promise<Result<never>> {
  return failed(problem(new TextDecoder().decode(await reply.bytes())));
}

function request(
  method: string,
  target: string,
  body: Call["body"] = null,
  headers: string[] = [],
): Call {
  return { method, target, headers, body };
}

function bytes(content: Bytes): Call["body"] {
  if (typeof content === "string") return encoder.encode(content);
  return content instanceof ArrayBuffer ? new Uint8Array(content) : content;
}

function named(copy: string): string {
  return `/v1/copies/${encodeURIComponent(copy)}`;
}

function root({ copy, revision }: At): string {
  if (copy !== undefined && revision !== undefined) {
    throw new TypeError("a copy and a revision: only one of them can be meant");
  }
  if (copy !== undefined) return named(copy);
  return revision === undefined ? "/v1/head" : `/v1/revisions/${revision}`;
}

function below(at: At, what: string, path: string): string {
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw new TypeError(`${path}: a path starts with "/"`);
  }
  const rest = path.slice(1);
  const base = `${root(at)}/${what}`;
  return rest === "" ? base : `${base}/${rest.split("/").map(encodeURIComponent).join("/")}`;
}

function query(fields: Record<string, string | number | boolean | undefined>): string {
  const found = Object.entries(fields).filter(([, field]) => field !== undefined);
  const text = found.map(([name, field]) => `${name}=${encodeURIComponent(String(field))}`);
  return text.length === 0 ? "" : `?${text.join("&")}`;
}
