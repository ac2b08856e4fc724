// Bodies that nobody began to read.
//
// A request can be refused while its body is still coming. Answered then, it would take
// the connection with it: the next request on it fails, and its sender cannot know
// whether it was made. So the rest is read for a while, and forgotten.

import { within } from "./within.js";

/** How much of a body is read: in so many milliseconds, and bytes. */
interface Worth {
  millis: number;
  bytes: number;
}

/** For so many milliseconds the next bytes are waited for. */
const IDLE = 500;
/** Of a stranger's body, and of that of somebody who was let in. */
const LITTLE: Worth = { millis: 1000, bytes: 2 << 20 };
const MUCH: Worth = { millis: 5000, bytes: 64 << 20 };

/** Reads a request's body, or as much as is worth it, before an answer of `status`. */
export async function linger(request: Request, status: number): Promise<void> {
  const { body } = request;
  // One that waits to be asked for sends nothing before.
  if (!body || body.locked || request.headers.has("expect")) return;
  const reader = body.getReader();
  const worth = status === 401 || status === 404 ? LITTLE : MUCH;
  const end = Date.now() + worth.millis;
  try {
    for (let seen = 0; seen < worth.bytes && Date.now() < end; ) {
      const next = await within(IDLE, reader.read());
      if (!next || next.done) break;
      seen += next.value.byteLength;
    }
  } catch {
    // Whoever broke it off waits for no answer.
  }
}
