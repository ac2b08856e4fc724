// Runs of delegated code over a copy: asked for, executed, ended.

import { RpcTarget } from "cloudflare:workers";
import type { App, Assets, Source } from "./app.js";
import type { Scope } from "./generated.js";
import type { Failure } from "./result.js";
import { execute, type Load, type Ran, type RunTarget, serve } from "./sandbox.js";

/** What is run: a module, or modules by their names, of which the first is run. */
export type Code = string | Record<string, string>;

/** How code is run. */
export interface RunOptions {
  /**
   * Its id, of up to 100 visible characters of ASCII: a repeated one has the same outcome, and
   * nothing is run. One of its own unless said.
   */
  id?: string;
  /** What its function is called with besides its files: what JSON can say. */
  input?: unknown;
  /** What it may do with the files: nothing, unless said. */
  scope?: Scope;
  /** The name under which its changes are logged. */
  actor?: string;
  /** What for, in up to 8 KiB. */
  note?: string;
  limits?: RunLimits;
}

/** What a run may take. */
export interface RunLimits {
  /** Milliseconds, waits included: 10,000 unless said, and 300,000 at most. */
  millis?: number;
  /** Bytes of memory, where the platform can hold that: 64 MiB, and 128 MiB at most. */
  memory?: number;
  /** Calls of the files: 10,000, and 1,000,000 at most. */
  calls?: number;
  /** Bytes that it reads and writes: 64 MiB, and 4 GiB at most. */
  bytes?: number;
  /** Bytes of its value, as JSON: 1 MiB, and 16 MiB at most. */
  value?: number;
  /** Lines of its console that are kept: 1,000, and 100,000 at most. */
  lines?: number;
  /** Bytes of them: 64 KiB, and 4 MiB at most. */
  console?: number;
  /** Bytes of all modules: 4 MiB, and 16 MiB at most. */
  source?: number;
  /** How many modules: 500, and 5,000 at most. */
  modules?: number;
}

/** How code ended: by itself, at a limit, or not by its own doing. */
export type Ended =
  | { ended: "returned"; value: unknown }
  | {
      ended: "threw";
      name: string;
      message: string;
      /** The module in which it threw, and the line there, counted from 1. */
      module?: string;
      line?: number;
      stack: string;
    }
  | {
      ended: "limit";
      limit: "time" | "memory" | "stack" | "calls" | "bytes" | "value" | "source";
    }
  | { ended: "cancelled" }
  /** What runs it failed: nothing of it was kept, and it can be run again. */
  | { ended: "platform"; cause: string };

/** What came of a run. */
export type Outcome = Ended & {
  id: string;
  console: { level: "debug" | "log" | "info" | "warn" | "error"; text: string }[];
  /** How many lines were left out of that. */
  leftOut: number;
  /** What became of what it wrote. */
  files:
    | { status: "unchanged" }
    /** It is in the copy, as one operation. */
    | { status: "applied"; operation: number }
    /** Somebody else changed the same paths meanwhile: nothing was kept. */
    | { status: "conflict"; paths: string[] }
    | { status: "discarded" };
  /** The files that it read: up to 1,000, and how many more. */
  read: { paths: string[]; more: number };
  /** The paths that it left otherwise than it found them. */
  written: { paths: string[]; more: number };
  /** What its grant did not allow, each once. */
  denied: { method: string; path?: string }[];
  cost: { millis: number; calls: number; bytesRead: number; bytesWritten: number };
};

/** What code is run by. */
export interface RunEnv {
  /** Makes Workers of code, with no network: a `worker_loaders` binding. */
  WORKSPACE_LOADER?: WorkerLoader;
  /** A workerd of its own that does so, where the platform holds no limits; and what kills it. */
  WORKSPACE_SANDBOX?: SandboxStub;
  WORKSPACE_SUPERVISOR?: Fetcher;
}

/** The other side of `sandbox-worker.ts`. */
export interface SandboxStub {
  execute(load: Load, files: RunTarget): Promise<Ran | undefined>;
  serve(app: App, source: Source, assets: Assets, request: Request): Promise<Response | undefined>;
}

/** A run of the Rust half. */
interface Running {
  load(): string;
  call(method: string, given: string, contents: unknown): Promise<unknown[]>;
}

const encoder = new TextEncoder();

/** As many are executed at a time: the platform lets an object have ten in flight. */
const IN_FLIGHT = 10;
/** So many milliseconds an application may take until it begins to answer. */
const PATIENCE = 30_000;
/** As often one is begun that the platform did not end. */
const ATTEMPTS = 3;

/** What a run did, for the Rust half. */
interface Execution {
  /** How it ended, as the program's prelude says. */
  said?: string;
  /** Or the limit that it came to, or what failed. */
  limit?: "time" | "memory";
  cause?: string;
  console: { level: string; text: string }[];
  leftOut: number;
}

/** What loaded code is handed. */
class Files extends RpcTarget implements RunTarget {
  readonly #call: (method: string, given: string, contents: unknown) => Promise<unknown[]>;
  readonly #line: (level: string, text: string) => void;

  constructor(
    call: (method: string, given: string, contents: unknown) => Promise<unknown[]>,
    line: (level: string, text: string) => void,
  ) {
    super();
    this.#call = call;
    this.#line = line;
  }

  async call(
    method: string,
    given: string,
    contents?: string | Uint8Array,
  ): Promise<[string, unknown]> {
    return (await this.#call(`${method}`, `${given}`, contents)) as [string, unknown];
  }

  line(level: string, text: string): void {
    this.#line(`${level}`, `${text}`);
  }
}

/**
 * Executes runs, a few at a time, the others in their order.
 *
 * @internal
 */
export class Executor {
  readonly #env: RunEnv;
  #going = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(env: RunEnv) {
    this.#env = env;
  }

  /** Why nothing can be run; nothing, where it can. */
  get missing(): Failure | undefined {
    const { WORKSPACE_LOADER, WORKSPACE_SANDBOX } = this.#env;
    if (WORKSPACE_LOADER ?? WORKSPACE_SANDBOX) return undefined;
    const message = "WORKSPACE_LOADER is not bound: bind a Worker loader, or pass it as a setting";
    return { code: "unsupported", message, operation: "run" };
  }

  /** Executes a run when it is its turn. */
  async execute(running: Running): Promise<Execution> {
    if (this.#going >= IN_FLIGHT) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#going += 1;
    }
    try {
      return await this.#execute(running);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#going -= 1;
    }
  }

  async #execute(running: Running): Promise<Execution> {
    const load = JSON.parse(running.load()) as Load;
    const console: Execution["console"] = [];
    let said = 0;
    let bytes = 0;
    const line = (level: string, text: string) => {
      said += 1;
      bytes += encoder.encode(text).length;
      const known = ["debug", "log", "info", "warn", "error"].includes(level);
      if (known && console.length < load.lines && bytes <= load.console) {
        console.push({ level, text });
      }
    };
    let open = true;
    const call = async (method: string, given: string, contents: unknown) => {
      if (!open) throw new Error("the run has ended");
      return running.call(method, given, contents);
    };
    const files = new Files(call, (level, text) => open && line(level, text));
    const ended = (how: Partial<Execution>, leftOut = 0): Execution => {
      return { ...how, console, leftOut: leftOut + said - console.length };
    };
    let late: ReturnType<typeof setTimeout> | null = null;
    const time = new Promise<"late">((resolve) => {
      late = setTimeout(() => resolve("late"), load.millis);
    });
    try {
      const ran = this.#run(load, files);
      // What comes of it later is of no use.
      ran.catch(() => {});
      const found = await Promise.race([ran, time]);
      if (found === "late") {
        await this.#restart();
        return ended({ limit: "time" });
      }
      return ended({ said: found.ended }, found.leftOut);
    } catch (error) {
      return ended(await this.#failed(error));
    } finally {
      open = false;
      clearTimeout(late);
    }
  }

  /**
   * Answers a request by an application.
   *
   * @throws what the application throws, and where the platform fails
   */
  async serve(app: App, source: Source, assets: Assets, request: Request): Promise<Response> {
    const { WORKSPACE_LOADER, WORKSPACE_SANDBOX } = this.#env;
    if (!WORKSPACE_SANDBOX) {
      return serve(WORKSPACE_LOADER as WorkerLoader, app, source, assets, request);
    }
    let late: ReturnType<typeof setTimeout> | null = null;
    const time = new Promise<"late">((resolve) => {
      late = setTimeout(() => resolve("late"), PATIENCE);
    });
    try {
      for (let attempt = 1; ; attempt += 1) {
        const answer = WORKSPACE_SANDBOX.serve(app, source, assets, request);
        answer.catch(() => {});
        const found = await Promise.race([answer, time]);
        if (found === "late") {
          await this.#restart();
          throw new Error(`the application did not answer within ${PATIENCE} milliseconds`);
        }
        if (found) return found;
        if (attempt === ATTEMPTS) throw new Error("the sandbox takes no more programs");
        await this.#restart();
      }
    } finally {
      clearTimeout(late);
    }
  }

  async #run(load: Load, files: Files): Promise<Ran> {
    const { WORKSPACE_LOADER, WORKSPACE_SANDBOX } = this.#env;
    if (!WORKSPACE_SANDBOX) return execute(WORKSPACE_LOADER as WorkerLoader, load, files);
    for (let attempt = 1; ; attempt += 1) {
      const ran = await WORKSPACE_SANDBOX.execute(load, files);
      if (ran) return ran;
      if (attempt === ATTEMPTS) throw new Error("the sandbox takes no more programs");
      await this.#restart();
    }
  }

  /** Has the process killed that runs code, where there is one, and waits for the next. */
  async #restart(): Promise<void> {
    await this.#env.WORKSPACE_SUPERVISOR?.fetch("http://supervisor/restart", { method: "POST" });
  }

  /** Says how code ended with which what runs it ended. */
  async #failed(error: unknown): Promise<Partial<Execution>> {
    const text = error instanceof Error ? error.message : `${error}`;
    const response = await this.#env.WORKSPACE_SUPERVISOR?.fetch("http://supervisor/cause");
    const cause = response?.ok ? await response.text() : "";
    if (cause === "memory" || /exceeded.*memory|out of memory/i.test(text)) {
      return { limit: "memory" };
    }
    if (/exceeded.*(CPU|time)/i.test(text)) return { limit: "time" };
    return { cause: text };
  }
}
