// What is written down: a line of JSON for each request that failed, that was refused for
// a limit, or that took long.
//
// A line says by which route a request was answered, and not its path: that may be the
// token of a preview, and names of files are nobody's business outside a grant.

/** Whoever waits for so many milliseconds is worth a line. */
const SLOW = 1000;
/** Refused for a limit of time or size; one of bodies at a time is a 503 to try again. */
const LIMITS = [408, 413];

/** A request and its answer. */
export interface Line {
  /** What names the request, here and in its answer; nothing for a call over RPC. */
  request: string | undefined;
  method: string;
  /**
   * A template, such as `/v1/head/files/{*path}`, or the name of an operation that is called
   * over RPC; nothing where no route answered.
   */
  route: string | undefined;
  status: number;
  /** Whether the answer says when to try again. */
  again: boolean;
  /** In milliseconds; the platform's clock stands still while nothing is waited for. */
  ms: number;
}

/** Writes a line, where there is a reason to. */
export function log({ request, method, route, status, again, ms }: Line): void {
  const limited = LIMITS.includes(status) || (status === 503 && again);
  // What was asked of it that it cannot do is no failure of the server.
  const failed = status >= 500 && status !== 501 && !limited;
  if (!failed && !limited && ms < SLOW) return;
  const level = failed ? "error" : "warn";
  const message = failed ? "failed" : limited ? "refused for a limit" : "slow";
  const known = METHODS.has(method) ? method : "other";
  const line = { level, message, request, method: known, route: route ?? "none", status, ms };
  write(level, line);
}

/** Writes down what was thrown: what it is, and not what it says. */
export function logThrown(message: string, error: unknown, request?: string): void {
  const name = error instanceof Error ? error.name : typeof error;
  write("error", { level: "error", message, error: name, request });
}

/** Returns what names requests, one after the other: where they were, and which it was. */
export function requests(): () => string {
  let place: string | undefined;
  let last = 0;
  return () => {
    // Random numbers are there within a request only.
    place ??= crypto.randomUUID().slice(0, 8);
    last += 1;
    return `${place}-${last.toString(36)}`;
  };
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "RPC"]);

function write(level: "error" | "warn", line: object): void {
  const text = JSON.stringify(line);
  if (level === "error") console.error(text);
  else console.warn(text);
}
