// Executes delegated code: in a Worker that a loader makes of it, with no network, no
// environment, and the files that it is handed.

import type { RpcTarget } from "cloudflare:workers";
import type { App, Modules } from "./app.js";
import { app as appSource } from "./guest.js";

/** A program as the Rust half hands it over. */
export interface Load {
  /** The loader's name for this code with this authority. */
  key: string;
  mainModule: string;
  modules: Record<string, WorkerLoaderModule>;
  /** The module that is run. */
  main: string;
  /** What it is called with, as JSON. */
  input: string;
  /** Bytes of its value, and bytes that it may read and write. */
  value: number;
  bytes: number;
  millis: number;
  lines: number;
  console: number;
}

/**
 * What loaded code says of its end: how many lines of its console are left out, a space, and how
 * it ended, as JSON. It can say what it likes.
 */
export type Ran = string;

/** The files of a run, and its console. */
export interface RunTarget extends RpcTarget {
  call(method: string, given: string, contents?: string | Uint8Array): Promise<[string, unknown]>;
  line(level: string, text: string): void;
}

/** What `harness.js` exports. */
interface Harness {
  run(files: RunTarget, main: string, input: string, lines: number): Promise<Ran>;
}

/** Where what surrounds an application is, among its modules. */
const OURS = "_workspace/";

/** So many milliseconds of the processor's time an application has for a request. */
const APP_CPU = 30_000;

/** What the platform is for loaded code; what it can do changes with neither. */
const COMPATIBILITY = "2026-04-01";

/**
 * Loads a program and runs it. An error of its syntax, which the platform tells as a failure of
 * its own, is told as what it is.
 *
 * @throws where the platform fails
 */
export async function execute(loader: WorkerLoader, load: Load, files: RunTarget): Promise<Ran> {
  const stub = loader.get(load.key, () => ({
    compatibilityDate: COMPATIBILITY,
    mainModule: load.mainModule,
    modules: load.modules,
    env: {},
    globalOutbound: null,
    // Above the time that it may take: that one is told.
    limits: { cpuMs: load.millis + 1000 },
  }));
  const entry = stub.getEntrypoint("Run") as unknown as Harness;
  try {
    return await entry.run(files, load.main, load.input, load.lines);
  } catch (error) {
    const ended = ownError(error);
    if (ended === undefined) throw error;
    return `0 ${ended}`;
  }
}

/** An application that is loaded. */
interface Server {
  serve(request: Request, main: string, assets: RpcTarget): Promise<Response>;
}

/**
 * Answers a request by an application, which is loaded where it is not.
 *
 * @throws what the application throws, and where the platform fails
 */
export async function serve(
  loader: WorkerLoader,
  app: App,
  source: { modules(): Promise<Modules> },
  assets: RpcTarget,
  request: Request,
): Promise<Response> {
  const stub = loader.get(app.key, async () => ({
    compatibilityDate: COMPATIBILITY,
    compatibilityFlags: ["nodejs_compat"],
    mainModule: `${OURS}app.js`,
    modules: { ...(await source.modules()), [`${OURS}app.js`]: { js: appSource } },
    env: {},
    globalOutbound: null,
    limits: { cpuMs: APP_CPU },
  }));
  const entry = stub.getEntrypoint("App") as unknown as Server;
  return entry.serve(request, app.main, assets);
}

/** How code ended of which the platform tells an error; nothing, where it is the platform's. */
function ownError(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : "";
  const found = /Failed to start Worker:\s*(?:Uncaught )?(\w*Error): (.*)([\s\S]*)/.exec(text);
  if (found) {
    const [, name, message, rest] = found;
    return JSON.stringify({ ended: "threw", name, message, stack: `${name}: ${message}${rest}` });
  }
  if (text.includes("would never generate a response")) {
    const message = "the program waits for what cannot happen";
    return JSON.stringify({ ended: "threw", name: "Error", message, stack: "" });
  }
  return undefined;
}
