// A body on its way into R2, hashed as it passes: in JavaScript and below it,
// where bytes are moved without being copied into Rust and out of it again.

import { within } from "./within.js";

/** The body is not as long as it said. */
class LengthError extends Error {
  override name = "LengthError";
}

/** The body broke off. */
class SourceError extends Error {
  override name = "SourceError";
}

/** The body kept it waiting. */
class TimeoutError extends Error {
  override name = "TimeoutError";
}

/** How much is read at a time, at most, into the same buffer. */
const CHUNK = 256 << 10;
/** As much of a body, or what is left of it, has to come in so many milliseconds. */
const LEAST = 16 << 10;
const PATIENCE = 30_000;

/**
 * Stores a body of `size` bytes under `name`, and resolves to its SHA-256. Where
 * it rejects, nothing is there.
 */
export async function upload(
  bucket: R2Bucket,
  name: string,
  body: ReadableStream<Uint8Array>,
  size: number,
): Promise<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(size);
  const digest = new crypto.DigestStream("SHA-256");
  const [object, hash] = [writable.getWriter(), digest.getWriter()];
  const put = bucket.put(name, readable);
  try {
    // A put that fails reads no more: what is written then would wait for ever.
    const refused = put.then(() => new Promise<never>(() => {}));
    await Promise.race([copy(body, size, [object, hash]), refused]);
    await put;
    return new Uint8Array(await digest.digest);
  } catch (error) {
    digest.digest.catch(() => {});
    // Neither is waited for: what nobody reads any more may never end.
    for (const writer of [object, hash]) writer.abort(error).catch(() => {});
    await put.catch(() => {});
    throw error;
  }
}

/** Copies a body to all of `writers`, and closes them. */
async function copy(
  body: ReadableStream<Uint8Array>,
  size: number,
  writers: WritableStreamDefaultWriter<Uint8Array>[],
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  // Small until it is filled: a body that does not come holds little.
  let buffer = new ArrayBuffer(LEAST);
  let seen = 0;
  for (;;) {
    const next = await timely(reader.readAtLeast(LEAST, new Uint8Array(buffer)), seen);
    const chunk = next.value;
    if (chunk && chunk.byteLength > 0) {
      seen += chunk.byteLength;
      if (seen > size) throw wrong(`${seen} bytes or more`, size);
      await Promise.all(writers.map((writer) => writer.write(chunk)));
      const filled = chunk.byteLength === LEAST && chunk.buffer.byteLength === LEAST;
      buffer = filled ? new ArrayBuffer(CHUNK) : (chunk.buffer as ArrayBuffer);
    }
    if (next.done) break;
  }
  if (seen !== size) throw wrong(`${seen} bytes`, size);
  await Promise.all(writers.map((writer) => writer.close()));
}

/** Waits for a part of the body, after `seen` bytes, for as long as it may take. */
async function timely<T extends object>(part: Promise<T>, seen: number): Promise<T> {
  const broken = part.catch((error) => {
    throw new SourceError(`the body broke off after ${seen} bytes`, { cause: error });
  });
  const found = await within(PATIENCE, broken);
  if (found === undefined) throw new TimeoutError("the body took too long");
  return found;
}

function wrong(found: string, size: number): LengthError {
  return new LengthError(`${found} came, and Content-Length says ${size}`);
}
