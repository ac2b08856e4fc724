// What the tests assert with.

import type { Code, Failure, Result } from "workspace-worker";

export function check(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

export function equal(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  check(a === b, `${what}: ${a?.slice(0, 300)}, not ${b?.slice(0, 300)}`);
}

/** The value of a result that has to be one. */
export async function value<T>(resulting: PromiseLike<Result<T>>): Promise<T> {
  const result = await resulting;
  if (result.status === "ok") return result.value;
  throw new Error(`${result.error.code}: ${result.error.message}`);
}

/** The failure of a result that has to be one, of this code. */
export async function fails(code: Code, resulting: PromiseLike<Result<unknown>>): Promise<Failure> {
  const result = await resulting;
  check(result.status === "error", `succeeded, instead of ${code}`);
  const { error } = result;
  check(error.code === code, `${error.code}, not ${code}: ${error.message}`);
  check(error.message.length > 0, `${code} says nothing`);
  equal(structuredClone(result), result, "a clone");
  // What a program tells them apart by.
  check(code !== "invalid" || (error.reason && error.operation), `invalid: ${error.message}`);
  check(code !== "not_found" || error.what, `not found, and not what: ${error.message}`);
  check(code === "invalid" || !error.reason, `${code} has a reason`);
  return error;
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}

export async function sha256(content: ReadableStream | BufferSource): Promise<string> {
  const hash = new crypto.DigestStream("SHA-256");
  const stream = content instanceof ReadableStream ? content : new Response(content).body;
  await stream?.pipeTo(hash);
  const bytes = new Uint8Array(await hash.digest);
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes that do not repeat every so often. */
export function noise(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Bytes as a stream, in chunks. */
export function streamed(content: Uint8Array, chunk = 64 << 10): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (content.length === 0) controller.close();
    },
    pull(controller) {
      controller.enqueue(content.slice(at, at + chunk));
      at += chunk;
      if (at >= content.length) controller.close();
    },
  });
}
