// Executes delegated code: in a Worker that a loader makes of it, with no network, no
// environment, and the files that it is handed.

import type { RpcTarget } from "cloudflare:workers";
import type { App, Modules } from "./app.js";
import { app as appSource, stripper, strip as stripSource } from "./guest.js";

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
  /** How many calls it may make. */
  calls: number;
  millis: number;
  lines: number;
  console: number;
  /** What it has besides its files: names, with those of methods. */
  bindings: [name: string, methods: string[]][];
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
  /** Calls a method of a binding; takes arguments and resolves to a result, as JSON. */
  bound(name: string, method: string, given: string): Promise<string>;
}

/** What `strip.js` exports. */
interface Stripper {
  strip(modules: [name: string, text: string][], all: boolean): Promise<Stripped>;
}

/** Texts without types, with the names of their modules, and what cannot be stripped. */
interface Stripped {
  stripped: [name: string, text: string][];
  wrong: { name: string; line: string; column: string; why: string }[];
}

/** What `harness.js` exports. */
interface Harness {
  run(
    files: RunTarget,
    main: string,
    input: string,
    lines: number,
    bindings: Load["bindings"],
  ): Promise<Ran>;
}

/** Where what surrounds an application is, among its modules. */
const OURS = "_workspace/";

/** Modules of TypeScript end so. */
const TYPED = /\.m?ts$/;

/** So many milliseconds of the processor's time stripping types may take. */
const STRIP_CPU = 30_000;

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
  const stub = loader.get(load.key, async () => ({
    compatibilityDate: COMPATIBILITY,
    mainModule: load.mainModule,
    modules: await programOf(loader, load),
    env: {},
    globalOutbound: null,
    // Above the time that it may take: that one is told.
    limits: { cpuMs: load.millis + 1000 },
  }));
  const entry = stub.getEntrypoint("Run") as unknown as Harness;
  try {
    return await entry.run(files, load.main, load.input, load.lines, load.bindings);
  } catch (error) {
    const ended = ownError(error);
    if (ended !== undefined) return `0 ${ended}`;
    // It was thrown in the isolate, which code cannot take away: whatever it says, it is no word
    // of the platform's.
    if ((error as { remote?: unknown } | null)?.remote === true) return "";
    throw error;
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
    modules: {
      ...(await applicationOf(loader, await source.modules())),
      [`${OURS}app.js`]: { js: appSource },
    },
    env: {},
    globalOutbound: null,
    limits: { cpuMs: APP_CPU },
  }));
  const entry = stub.getEntrypoint("App") as unknown as Server;
  return entry.serve(request, app.main, assets);
}

/** The modules of a program, without types; or one that tells what cannot be stripped. */
async function programOf(loader: WorkerLoader, load: Load): Promise<Modules> {
  const typed = textsOf(load.modules);
  if (typed.length === 0) return load.modules;
  const {
    stripped,
    wrong: [wrong],
  } = await strip(loader, typed, false);
  if (wrong === undefined) return { ...load.modules, ...modulesOf(stripped) };
  const { name: module, line, column, why } = wrong;
  const stack = `    at ${module}:${line}:${column}`;
  const ended = JSON.stringify({ ended: "threw", name: "SyntaxError", message: why, stack });
  const js = `import { WorkerEntrypoint } from "cloudflare:workers";
export default {};
export class Run extends WorkerEntrypoint {
  run() { return ${JSON.stringify(`0 ${ended}`)}; }
}
`;
  return { [load.mainModule]: { js } };
}

/**
 * The modules of an application, without types. Of those that cannot be stripped, an import
 * throws: there may be some in its files that nothing imports.
 */
async function applicationOf(loader: WorkerLoader, modules: Modules): Promise<Modules> {
  const typed = textsOf(modules);
  if (typed.length === 0) return modules;
  const { stripped, wrong } = await strip(loader, typed, true);
  const all = { ...modules, ...modulesOf(stripped) };
  for (const { name, line, column, why } of wrong) {
    const told = JSON.stringify(`${name}:${line}:${column}: ${why}`);
    all[name] = { js: `throw new SyntaxError(${told});\nexport default undefined;\n` };
  }
  return all;
}

function textsOf(modules: Modules): [name: string, text: string][] {
  const typed = Object.entries(modules).filter(([name]) => TYPED.test(name));
  return typed.map(([name, module]) => [name, (module as { js: string }).js]);
}

function modulesOf(texts: [name: string, text: string][]): Modules {
  return Object.fromEntries(texts.map(([name, js]) => [name, { js }]));
}

/** Strips the types of modules, in a Worker that is loaded for it when it is first of use. */
async function strip(
  loader: WorkerLoader,
  modules: [name: string, text: string][],
  all: boolean,
): Promise<Stripped> {
  const stub = loader.get(`stripper-${stripper}`, async () => ({
    compatibilityDate: COMPATIBILITY,
    mainModule: "strip.js",
    modules: {
      "strip.js": { js: stripSource },
      "stripper.wasm": { wasm: (await import("./stripper.bin")).default },
    },
    env: {},
    globalOutbound: null,
    limits: { cpuMs: STRIP_CPU },
  }));
  return (stub.getEntrypoint("Strip") as unknown as Stripper).strip(modules, all);
}

/** How code ended of which the platform tells an error; nothing, where it is the platform's. */
function ownError(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : "";
  const found = /Failed to start Worker:\s*(?:Uncaught )?(\w*Error): (.*)([\s\S]*)/.exec(text);
  if (found) {
    const [, name, message, rest] = found;
    return JSON.stringify({ ended: "threw", name, message, stack: `${name}: ${message}${rest}` });
  }
  if (text.startsWith("Failed to start Worker")) {
    // Whatever it says: what did not start is the program.
    const message = "the program cannot be loaded";
    return JSON.stringify({ ended: "threw", name: "SyntaxError", message, stack: "" });
  }
  if (text.includes("would never generate a response")) {
    const message = "the program waits for what cannot happen";
    return JSON.stringify({ ended: "threw", name: "Error", message, stack: "" });
  }
  return undefined;
}
