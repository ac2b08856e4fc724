// Waiting for no longer than it is worth.

/** Resolves to what `promise` does, or to nothing where that takes too long. */
export async function within<T>(millis: number, promise: Promise<T>): Promise<T | undefined> {
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
