// A body on its way into R2, hashed as it passes: in JavaScript and below it,
// where bytes are moved without being copied into Rust and out of it again.

/** The body is not as long as it said. */
class LengthError extends Error {
  override name = "LengthError";
}

/** The body broke off. */
class SourceError extends Error {
  override name = "SourceError";
}

/** How much is read at a time, into the same buffer. */
const CHUNK = 256 << 10;

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
  // Awaited below, after what may fail before it does.
  put.catch(() => {});
  try {
    await copy(body, size, async (chunk) => {
      await Promise.all([object.write(chunk), hash.write(chunk)]);
    });
    await Promise.all([object.close(), hash.close()]);
  } catch (error) {
    // Whoever fails first tells why: a put that was refused ends the copying.
    await object.abort(error).catch(() => {});
    await hash.abort(error).catch(() => {});
    digest.digest.catch(() => {});
    await put.catch((refused) => {
      if (!(error instanceof LengthError || error instanceof SourceError)) throw refused;
    });
    throw error;
  }
  await put;
  return new Uint8Array(await digest.digest);
}

async function copy(
  body: ReadableStream<Uint8Array>,
  size: number,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(CHUNK);
  let seen = 0;
  for (;;) {
    let next: ReadableStreamReadResult<Uint8Array>;
    try {
      next = await reader.readAtLeast(CHUNK, new Uint8Array(buffer));
    } catch (error) {
      throw new SourceError(`the body broke off after ${seen} bytes`, { cause: error });
    }
    const chunk = next.value;
    if (chunk && chunk.byteLength > 0) {
      seen += chunk.byteLength;
      if (seen > size) throw wrong(`${seen} bytes or more`, size);
      await write(chunk);
      buffer = chunk.buffer as ArrayBuffer;
    }
    if (next.done) break;
  }
  if (seen !== size) throw wrong(`${seen} bytes`, size);
}

function wrong(found: string, size: number): LengthError {
  return new LengthError(`${found} came, and Content-Length says ${size}`);
}
