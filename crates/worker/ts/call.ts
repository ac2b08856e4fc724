// A call of an operation by its name: what it takes, and what its answer means as a result.

import { failed, ok, problem, type Reason, type Result } from "./result.js";
import type { Bytes } from "./types.js";

/** What an operation is called with, besides contents. */
export type Arguments = Record<string, unknown>;

/** Contents on their way in: bytes, or a stream of them. */
export type Given = Uint8Array | ReadableStream<Uint8Array>;

/** What an operation answers: a value, and contents that go with it. */
export interface Answered {
  value: unknown;
  contents: ReadableStream<Uint8Array> | undefined;
}

/** A part of the files, and who makes changes there. */
export interface Part {
  scope?: object;
  actor?: string;
}

/** Calls operations; a symbol, so that it cannot be called over RPC. */
export const called = Symbol("called");
/** The same with contents. */
export const contents = Symbol("contents");
/** Reads small files without a call. */
export const small = Symbol("small");

/** Calls operations by name. */
export interface Caller {
  /** Calls one that takes and answers a value. */
  [called]<T>(name: string, args: Arguments): Promise<Result<T>>;
  /** Calls one that takes contents, or answers with them. */
  [contents](name: string, args: Arguments, given?: Given): Promise<Result<Answered>>;
  /** The bytes of a small file; nothing where that takes a call to tell. */
  [small](path: string, at: At): Uint8Array | undefined;
}

/** A call that is made once, however often it is repeated. */
export interface Once {
  /**
   * A key that the caller chose for this call: 1 to 255 visible ASCII characters. Repeated
   * with the same key, the call is told what it was told first, and does nothing. Kept for 7
   * days; a call that failed keeps nothing.
   */
  idempotencyKey?: string;
}

/** Which files are meant: head's, unless it says a copy, a revision or a tree. */
export type At =
  | {
      /** An open copy, by name or id. */
      copy?: string;
      revision?: undefined;
      tree?: undefined;
    }
  | {
      copy?: undefined;
      /** A revision, by number. */
      revision?: number;
      tree?: undefined;
    }
  | {
      copy?: undefined;
      revision?: undefined;
      /** A tree, by id. */
      tree?: string;
    };

/** Files that can be changed: head's, unless it says a copy. */
export interface ToChange {
  /** An open copy, by name or id. */
  copy?: string;
}

/** What a caller passed cannot be: of the wrong type, or nothing that can be said. */
export class ArgumentError extends TypeError {
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

/** More bytes than these are not held at once. */
const LARGE = 1 << 20;

const encoder = new TextEncoder();

/**
 * Arguments as text.
 *
 * @throws for what text would say as something else: JSON has no number that is not finite,
 * no date and no map, and would say null, which means that nothing was said
 */
export function told(args: Arguments): string {
  sound(args, "");
  return JSON.stringify(args);
}

/** As deep may arguments be. */
const DEEP = 64;

function sound(value: unknown, name: string, depth = 0): void {
  const numeric = typeof value === "number" && !Number.isFinite(value);
  if (numeric || ["function", "symbol", "bigint"].includes(typeof value) || depth > DEEP) {
    throw unsound(value, name);
  }
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const one of value) sound(one, name, depth + 1);
    return;
  }
  const kind = Object.getPrototypeOf(value);
  const plain = kind === Object.prototype || kind === null;
  if (!plain || Object.hasOwn(value, "toJSON")) throw unsound(value, name);
  for (const [name, one] of Object.entries(value)) sound(one, name, depth + 1);
}

function unsound(value: unknown, name: string): ArgumentError {
  const what = typeof value === "number" ? `${value}` : `a value of type ${typeof value}`;
  return new ArgumentError("malformed_argument", `\`${name}\`: ${what}, which cannot be sent`);
}

/** Reads what a call answered: a status, and a value or a problem as text. */
export function read<T>(status: number, text: string): Result<T> {
  return status === 200 ? ok(JSON.parse(text) as T) : failed(problem(text));
}

/** Turns what is thrown into a result: no exception passes through RPC. */
export async function guarded<T>(body: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await body();
  } catch (error) {
    return thrown(error);
  }
}

/** What is thrown, as a result. */
export function thrown(error: unknown): Result<never> {
  const message = error instanceof Error ? error.message : String(error);
  const operation = "read arguments";
  if (error instanceof ArgumentError) {
    const { reason, path } = error;
    const invalid = { code: "invalid" as const, reason, message, operation };
    return failed(path === undefined ? invalid : { ...invalid, path });
  }
  // What callers passed is of the wrong type.
  if (error instanceof TypeError || error instanceof RangeError) {
    return failed({ code: "invalid", reason: "malformed_argument", message, operation });
  }
  return failed({ code: "unavailable", message });
}

/**
 * Waits for what becomes of a stream's contents, and ends one that nobody began to read:
 * its source would wait for ever.
 */
export async function ended<T>(given: unknown, resulting: Promise<T>): Promise<T> {
  const result = await resulting;
  if (given instanceof ReadableStream && !given.locked) {
    await given.cancel("it was refused before it was read").catch(() => {});
  }
  return result;
}

/** Whether a path and where it is looked for can be told without a call. */
export function plain(path: string, at: At): boolean {
  const { copy, revision, tree } = at;
  const one = tree === undefined && (copy === undefined || revision === undefined);
  const whole = revision === undefined || (Number.isSafeInteger(revision) && revision >= 0);
  const named = copy === undefined || (typeof copy === "string" && copy.isWellFormed());
  return one && whole && named && typeof path === "string" && path.isWellFormed();
}

/** Contents in the form in which they go in. */
export async function bytes(content: Bytes): Promise<Given> {
  if (typeof content === "string") return encoder.encode(content);
  if (content instanceof ReadableStream) return content;
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (ArrayBuffer.isView(content)) {
    return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  }
  if (content instanceof Blob) {
    return content.size > LARGE ? content.stream() : new Uint8Array(await content.arrayBuffer());
  }
  const many = content as AsyncIterable<Uint8Array | string> | null;
  if (typeof many === "object" && many !== null && Symbol.asyncIterator in many) {
    return streamed(many);
  }
  throw new ArgumentError("malformed_argument", "contents are text, bytes, or a stream of bytes");
}

/** What comes one after the other, as a stream. */
function streamed(chunks: AsyncIterable<Uint8Array | string>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) return controller.close();
      controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
    },
    async cancel(reason) {
      await iterator.return?.(reason);
    },
  });
}
