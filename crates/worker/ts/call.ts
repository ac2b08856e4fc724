// A call of an operation: a request of the HTTP contract, and what its answer
// means as a result.

import { failed, ok, problem, type Reason, type Result } from "./result.js";
import type { At, Bytes, Change, ChangeOptions } from "./types.js";

/** A request of the contract. */
export interface Call {
  method: string;
  /** Path and query. */
  target: string;
  /** Names and values, alternating. */
  headers: string[];
  body: Uint8Array | ReadableStream<Uint8Array> | (() => Promise<ArrayBuffer>) | null;
  /** The token of the preview whose own host it came to: the target is within it. */
  preview?: string;
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

/** Reads small files without a request; a symbol for the same reason. */
export const small = Symbol("small");

export interface Answering {
  [answer](call: Call): Promise<Reply>;
}

/** What a caller passed cannot be: of the wrong type, or nothing that a request can say. */
class ArgumentError extends TypeError {
  readonly reason: Reason;
  readonly path: string | undefined;

  constructor(reason: Reason, message: string, path?: string) {
    super(message);
    this.reason = reason;
    this.path = path;
  }
}

/** Reads the headers of an answer: lines of which names and values alternate. */
export function headersOf(flat: string): Headers {
  const lines = flat.split("\n");
  const headers = new Headers();
  for (let at = 0; at + 1 < lines.length; at += 2) {
    headers.append(lines[at] as string, lines[at + 1] as string);
  }
  return headers;
}

type Fields = Record<string, string | number | boolean | null | undefined>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function get(target: string, fields: Fields = {}, headers: string[] = []): Call {
  return { method: "GET", target: target + query(fields), headers, body: null };
}

/** Sends `value` as JSON, where there is one. */
export function send(method: string, target: string, value?: object): Call {
  if (value === undefined) return { method, target, headers: [], body: null };
  const body = encoder.encode(JSON.stringify(value));
  return { method, target, headers: ["content-type", "application/json"], body };
}

/** Sends contents as they are. */
export function sendBytes(
  method: string,
  target: string,
  content: Bytes,
  fields: Fields,
  headers: string[],
): Call {
  for (let at = 0; at < headers.length; at += 2) {
    const [name = "", value = ""] = headers.slice(at, at + 2);
    try {
      new Headers({ [name]: value });
    } catch {
      throw new ArgumentError("malformed_header", `${name}: a header cannot carry its value`);
    }
  }
  return { method, target: target + query(fields), headers, body: bytes(content) };
}

/** Sends a batch of changes. */
export function batch(changes: Change[], options: ChangeOptions): Call {
  const { copy, revision, ...rest } = options;
  return send("POST", `${root({ copy, revision })}/changes`, { changes, ...rest });
}

/** The header that asks for a part of a file; none for all of it. */
export function part(offset = 0, length?: number): string[] {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new ArgumentError("malformed_range", `${offset}: an offset is a number of bytes`);
  }
  if (length === undefined) return offset === 0 ? [] : ["range", `bytes=${offset}-`];
  if (!Number.isSafeInteger(length) || length < 1) {
    const message = `${length}: a length is a number of bytes, at least one`;
    throw new ArgumentError("malformed_range", message);
  }
  return ["range", `bytes=${offset}-${offset + length - 1}`];
}

/** Calls, and reads the answer as JSON. */
export function json<T>(over: Answering, call: () => Call): Promise<Result<T>> {
  return guarded(async () => {
    const reply = await over[answer](call());
    if (reply.status >= 300) return refused(reply);
    return ok(JSON.parse(decoder.decode(await reply.bytes())) as T);
  });
}

/** Turns what is thrown into a result: no exception passes through RPC. */
export async function guarded<T>(body: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await body();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const operation = "read arguments";
    if (error instanceof ArgumentError) {
      const { reason, path } = error;
      const invalid = { code: "invalid" as const, reason, message, operation };
      return failed(path === undefined ? invalid : { ...invalid, path });
    }
    // What callers passed is of the wrong type, or text that is not Unicode.
    if (error instanceof TypeError || error instanceof URIError) {
      const reason = error instanceof URIError ? "not_utf8" : "malformed_argument";
      return failed({ code: "invalid", reason, message, operation });
    }
    return failed({ code: "unavailable", message });
  }
}

/**
 * Waits for what becomes of a stream's contents, and ends one that nobody began to read:
 * its source would wait for ever.
 */
export async function ended<T>(content: Bytes, resulting: Promise<T>): Promise<T> {
  const result = await resulting;
  if (content instanceof ReadableStream && !content.locked) {
    await content.cancel("it was refused before it was read").catch(() => {});
  }
  return result;
}

/** Reads a refusal. */
export async function refused(reply: Reply): Promise<Result<never>> {
  return failed(problem(decoder.decode(await reply.bytes())));
}

/** Where a copy is. */
export function named(copy: string): string {
  if (typeof copy !== "string" || copy === "") {
    throw new ArgumentError("malformed_name", "a copy has a name or an id");
  }
  return `/v1/copies/${encodeURIComponent(copy)}`;
}

/** Where one of the grants or previews is. */
export function identified(which: "grants" | "previews", id: string): string {
  if (typeof id !== "string" || id === "") {
    throw new ArgumentError("malformed_id", `${which} have an id`);
  }
  return `/v1/${which}/${encodeURIComponent(id)}`;
}

/** Where a revision is. */
export function numbered(revision: number): string {
  if (!Number.isSafeInteger(revision) || revision < 0) {
    throw new ArgumentError("malformed_id", `${revision}: a revision is a number`);
  }
  return `/v1/revisions/${revision}`;
}

/** Where the files are that are meant. */
export function root({ copy, revision }: At): string {
  if (copy !== undefined && revision !== undefined) {
    throw new ArgumentError(
      "contradiction",
      "a copy and a revision: only one of them can be meant",
    );
  }
  if (copy !== undefined) return named(copy);
  return revision === undefined ? "/v1/head" : numbered(revision);
}

/** Whether a path and where it is looked for can be told without a request. */
export function plain(path: string, { copy, revision }: At): boolean {
  const one = copy === undefined || revision === undefined;
  const whole = revision === undefined || (Number.isSafeInteger(revision) && revision >= 0);
  const named = copy === undefined || (typeof copy === "string" && copy.isWellFormed());
  return one && whole && named && typeof path === "string" && path.isWellFormed();
}

/** Where `what` of the files is for a path. */
export function below(at: At, what: string, path: string): string {
  if (typeof path !== "string") {
    throw new ArgumentError("malformed_argument", "a path is text");
  }
  if (!path.startsWith("/") || !path.isWellFormed()) {
    const message = `${path}: a path starts with "/", and is Unicode`;
    throw new ArgumentError("malformed_path", message, path);
  }
  const rest = path.slice(1);
  const base = `${root(at)}/${what}`;
  return rest === "" ? base : `${base}/${rest.split("/").map(encodeURIComponent).join("/")}`;
}

function query(fields: Fields): string {
  const found = Object.entries(fields).filter(([, field]) => field !== undefined && field !== null);
  const text = found.map(([name, field]) => `${name}=${encodeURIComponent(String(field))}`);
  return text.length === 0 ? "" : `?${text.join("&")}`;
}

function bytes(content: Bytes): Call["body"] {
  if (typeof content === "string") return encoder.encode(content);
  if (content instanceof ReadableStream) return content;
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (ArrayBuffer.isView(content)) {
    return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  }
  throw new ArgumentError("malformed_argument", "contents are text, bytes or a stream of bytes");
}
