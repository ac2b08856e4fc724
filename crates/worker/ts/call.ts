// A call of an operation: a request of the HTTP contract, and what its answer
// means as a result.

import { failed, ok, problem, type Result } from "./result.js";
import type { At, Bytes, Change, ChangeOptions } from "./types.js";

/** A request of the contract. */
export interface Call {
  method: string;
  /** Path and query. */
  target: string;
  /** Names and values, alternating. */
  headers: string[];
  body: Uint8Array | ReadableStream<Uint8Array> | null;
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
  // Throws where a value cannot be in a header.
  for (let at = 0; at < headers.length; at += 2) {
    new Headers({ [headers[at] as string]: headers[at + 1] as string });
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
    throw new TypeError(`${offset}: an offset is a number of bytes`);
  }
  if (length === undefined) return offset === 0 ? [] : ["range", `bytes=${offset}-`];
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new TypeError(`${length}: a length is a number of bytes, at least one`);
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
    // What callers passed is of the wrong type, or text that is not Unicode.
    const theirs = error instanceof TypeError || error instanceof URIError;
    const message = error instanceof Error ? error.message : String(error);
    return failed({ code: theirs ? "invalid" : "unavailable", message });
  }
}

/** Reads a refusal. */
export async function refused(reply: Reply): Promise<Result<never>> {
  return failed(problem(decoder.decode(await reply.bytes())));
}

/** Where a copy is. */
export function named(copy: string): string {
  if (typeof copy !== "string" || copy === "") throw new TypeError("a copy has a name or an id");
  return `/v1/copies/${encodeURIComponent(copy)}`;
}

/** Where one of the grants or previews is. */
export function identified(which: "grants" | "previews", id: string): string {
  if (typeof id !== "string" || id === "") throw new TypeError(`${which} have an id`);
  return `/v1/${which}/${encodeURIComponent(id)}`;
}

/** Where a revision is. */
export function numbered(revision: number): string {
  if (!Number.isSafeInteger(revision) || revision < 0) {
    throw new TypeError(`${revision}: a revision is a number`);
  }
  return `/v1/revisions/${revision}`;
}

/** Where the files are that are meant. */
export function root({ copy, revision }: At): string {
  if (copy !== undefined && revision !== undefined) {
    throw new TypeError("a copy and a revision: only one of them can be meant");
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
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw new TypeError(`${path}: a path starts with "/"`);
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
  throw new TypeError("contents are text, bytes or a stream of bytes");
}
