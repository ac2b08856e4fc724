// Bodies that nobody reads to their end.
//
// A request can be refused while its body is still coming. Answered then, it would take
// the connection with it: the next request on it fails, and its sender cannot know
// whether it was made. So the rest is read for a while, and forgotten.

/** For so many milliseconds the rest is waited for, in all and at a time. */
const LONGEST = 5000;
const IDLE = 1000;
/** And as many bytes of it. */
const MOST = 64 << 20;

/** Reads what is left of a request's body, or as much as is worth it. */
export async function linger(request: Request): Promise<void> {
  const { body } = request;
  // One that waits to be asked for sends nothing before.
  if (!body || body.locked || request.headers.has("expect")) return;
  const reader = body.getReader();
  const end = Date.now() + LONGEST;
  try {
    for (let seen = 0; seen < MOST && Date.now() < end; ) {
      const next = await within(IDLE, reader.read());
      if (!next || next.done) break;
      seen += next.value.byteLength;
    }
  } catch {
    // Whoever broke it off waits for no answer.
  }
}

/** Resolves to what `promise` does, or to nothing where that takes too long. */
async function within<T>(millis: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), millis);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    // An object with a timer cannot sleep.
    clearTimeout(timer);
  }
}
