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
   * nothing is run. Without one nothing is kept of it.
   */
  id?: string;
  /** What its function is called with besides its files: what JSON can say. */
  input?: unknown;
  /** What it may do with the files: nothing, unless said. */
  scope?: Scope;
  /** The name under which its changes are logged. */
  actor?: string;
  /**
   * What it has besides its files: functions by their names, in objects by names such as `MAIL`.
   * It calls `env.MAIL.send(…)`, which resolves to a result as the files' methods do. Arguments
   * and values are what JSON can say. What they do is not undone with a run, and is done again
   * where one is run again.
   */
  bindings?: Bindings;
  /** What for, in up to 8 KiB. */
  note?: string;
  limits?: RunLimits;
}

/** Functions that code can call, by the names in its environment and their own. */
export type Bindings = Record<string, Record<string, (...given: never[]) => unknown>>;

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
  /** Bytes of its value, as JSON: 1 MiB, which is the most. */
  value?: number;
  /** Lines of its console that are kept: 1,000, and 100,000 at most. */
  lines?: number;
  /** Bytes of them: 64 KiB, and 256 KiB at most. */
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
  /** Its id, where it has one. */
  id?: string;
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
    /** The copy cannot take it, such as for its size: nothing was kept. */
    | { status: "refused"; code: string }
    /** It did not return, or the copy was closed meanwhile: nothing was kept. */
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
  hasRoom(key: string): Promise<boolean>;
  execute(load: Load, files: RunTarget): Promise<Ran>;
  serve(app: App, source: Source, assets: Assets, request: Request): Promise<Response>;
}

/** A run of the Rust half. */
interface Running {
  readonly limited: boolean;
  load(): string;
  call(method: string, given: string, contents: unknown): Promise<unknown[]>;
}

/** What a run did, for the Rust half. */
interface Execution {
  /** How it ended, as the program's prelude says. */
  said?: string;
  /** Or the limit that it came to, or what failed. */
  limit?: "time" | "memory" | "value" | "calls" | "bytes";
  cause?: string;
  /** Whether another program may have been the cause. */
  guessed?: boolean;
  console: { level: string; text: string }[];
  leftOut: number;
}

/** Why a run is stopped: its time is up, or it came to a limit, which is known elsewhere or here. */
type Stopped = "late" | "limited" | "calls" | "bytes";

/** The isolate of a run, and when it has left that. */
interface Isolate {
  left: Promise<void>;
}

const encoder = new TextEncoder();
const LEVELS = ["debug", "log", "info", "warn", "error"];

/** As many are executed at a time: the platform lets an object have ten in flight. */
const IN_FLIGHT = 10;
/** As many wait for their turn. */
const WAITING = 1_000;
/** As many calls of one run are answered at a time; the others wait. */
const CALLS = 8;
/** As many calls of bindings has a run, and as many characters each way has one. */
const BOUND = 1_000;
const GIVEN = 1 << 20;
/** As often the sandbox is made again for want of room. */
const ATTEMPTS = 3;
/** So many milliseconds an application may take until it begins to answer. */
const PATIENCE = 30_000;
/** So many milliseconds are left to what kills and makes again. */
const RESTART = 30_000;

/** What loaded code is handed. */
class Files extends RpcTarget implements RunTarget {
  readonly #call: (method: string, given: string, contents: unknown) => Promise<unknown[]>;
  readonly #line: (level: string, text: string) => void;
  readonly #bound: (name: string, method: string, given: string) => Promise<string>;

  constructor(
    call: (method: string, given: string, contents: unknown) => Promise<unknown[]>,
    line: (level: string, text: string) => void,
    bound: (name: string, method: string, given: string) => Promise<string>,
  ) {
    super();
    this.#call = call;
    this.#line = line;
    this.#bound = bound;
  }

  bound(name: string, method: string, given: string): Promise<string> {
    return this.#bound(`${name}`, `${method}`, `${given}`);
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

/** Lets so many in at a time, the others in their order. */
class Turns {
  readonly #most: number;
  #going = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async take(): Promise<void> {
    if (this.#going < this.#most) this.#going += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#going -= 1;
  }
}

/**
 * Executes runs, a few at a time, the others in their order.
 *
 * @internal
 */
export class Executor {
  readonly #env: RunEnv;
  readonly #turns: Turns;
  /** The programs that run: no two runs share an isolate. */
  readonly #keys = new Set<string>();

  constructor(env: RunEnv) {
    this.#env = env;
    // In one process those that run at a time would end with each other.
    this.#turns = new Turns(env.WORKSPACE_SANDBOX ? 1 : IN_FLIGHT);
  }

  /** Why nothing can be run; nothing, where it can. */
  get missing(): Failure | undefined {
    const { WORKSPACE_LOADER, WORKSPACE_SANDBOX } = this.#env;
    if (WORKSPACE_LOADER ?? WORKSPACE_SANDBOX) return undefined;
    const message = "WORKSPACE_LOADER is not bound: bind a Worker loader, or pass it as a setting";
    return { code: "unsupported", message, operation: "run" };
  }

  /** Does something when it is its turn; nothing, where too many wait. */
  async inTurn<T>(body: () => Promise<T>): Promise<T | undefined> {
    if (this.#turns.waiting >= WAITING) return undefined;
    await this.#turns.take();
    try {
      return await body();
    } finally {
      this.#turns.give();
    }
  }

  /** Executes a run. Whatever happens is in what it resolves to. */
  async execute(running: Running, bindings: Bindings = {}): Promise<Execution> {
    const load = JSON.parse(running.load()) as Load;
    load.bindings = Object.entries(bindings).map(([name, has]) => [name, Object.keys(has)]);
    const key = load.key;
    for (let n = 1; this.#keys.has(load.key); n += 1) load.key = `${key}-${n}`;
    this.#keys.add(load.key);
    const isolate: Isolate = { left: Promise.resolve() };
    try {
      return await this.#execute(load, running, bindings, isolate);
    } finally {
      // Where nothing ends it, it may go on for long in its isolate, which is no other run's.
      const left = () => this.#keys.delete(load.key);
      isolate.left.then(left, left);
    }
  }

  async #execute(
    load: Load,
    running: Running,
    bindings: Bindings,
    isolate: Isolate,
  ): Promise<Execution> {
    const console: Execution["console"] = [];
    let [said, bytes, full, open] = [0, 0, false, true];
    const line = (level: string, text: string) => {
      if (!open) return;
      said += 1;
      // The first for which there is no room is left out, and so are all that follow it.
      full ||= console.length >= load.lines || text.length > load.console;
      full ||= !LEVELS.includes(level);
      if (full) return;
      bytes += encoder.encode(text).length;
      full = bytes > load.console;
      if (!full) console.push({ level, text });
    };
    const ended = (how: Partial<Execution>, leftOut = 0): Execution => {
      return { ...how, console, leftOut: leftOut + said - console.length };
    };
    let stop: (why: Stopped) => void = () => {};
    const stopped = new Promise<Stopped>((resolve) => {
      stop = resolve;
    });
    const turns = new Turns(CALLS);
    // What calls without an answer bring, which is held here.
    const held = { calls: 0, bytes: 0 };
    const call = async (method: string, given: string, contents: unknown) => {
      if (!open) return CLOSED;
      const size = given.length + sizeOf(contents);
      if (size > load.bytes) return TOO_LARGE;
      held.calls += 1;
      held.bytes += size;
      // That is more than it may in all, whenever it is counted.
      if (held.calls > load.calls) stop("calls");
      if (held.bytes > load.bytes) stop("bytes");
      await turns.take();
      try {
        if (!open) return CLOSED;
        const reply = await running.call(method, given, contents);
        // The code need not go on.
        if (running.limited) stop("limited");
        return reply;
      } finally {
        held.calls -= 1;
        held.bytes -= size;
        turns.give();
      }
    };
    let asked = 0;
    const bound = async (name: string, method: string, given: string) => {
      if (!open) return CLOSED[0] as string;
      asked += 1;
      const has = Object.hasOwn(bindings, name) ? bindings[name] : undefined;
      if (!has || !Object.hasOwn(has, method)) return refusal("invalid", "there is no such method");
      if (asked > BOUND || given.length > GIVEN) {
        return refusal("limit_exceeded", `${BOUND} calls of bindings, of ${GIVEN} characters each`);
      }
      // Beside what calls of the files bring, which is held as well.
      held.bytes += given.length;
      if (held.bytes > load.bytes) stop("bytes");
      await turns.take();
      try {
        if (!open) return CLOSED[0] as string;
        const call = has[method] as (...given: unknown[]) => unknown;
        const value = JSON.stringify((await call(...JSON.parse(given))) ?? null) ?? "null";
        if (value.length > GIVEN) return refusal("limit_exceeded", `more than ${GIVEN} characters`);
        return `{"status":"ok","value":${value}}`;
      } catch (error) {
        return refusal("source", error instanceof Error ? error.message : `${error}`);
      } finally {
        held.bytes -= given.length;
        turns.give();
      }
    };
    const late = setTimeout(() => stop("late"), load.millis);
    try {
      const ran = this.#run(load, new Files(call, line, bound));
      // What comes of it later is of no use.
      isolate.left = ran.then(
        () => {},
        () => {},
      );
      const found = await Promise.race([ran, stopped]);
      if (found === "limited") {
        // Which one, is known where it is counted.
        await this.#restart();
        return ended({ cause: "a limit" });
      }
      if (found === "calls" || found === "bytes") {
        open = false;
        await this.#restart();
        return ended({ limit: found });
      }
      if (found === "late") {
        await this.#restart();
        return ended({ limit: "time", guessed: this.#guesses });
      }
      return ended(...read(found, load));
    } catch (error) {
      return ended(await this.#failed(error));
    } finally {
      open = false;
      clearTimeout(late);
    }
  }

  /** Whether what runs in one process can end what is beside it. */
  get #guesses(): boolean {
    return this.#env.WORKSPACE_SANDBOX !== undefined;
  }

  async #run(load: Load, files: Files): Promise<Ran> {
    const { WORKSPACE_LOADER, WORKSPACE_SANDBOX } = this.#env;
    if (!WORKSPACE_SANDBOX) return execute(WORKSPACE_LOADER as WorkerLoader, load, files);
    await this.#room(WORKSPACE_SANDBOX, load.key);
    return WORKSPACE_SANDBOX.execute(load, files);
  }

  /**
   * Answers a request by an application.
   *
   * @throws what the application throws, and where the platform fails
   */
  async serve(app: App, source: Source, assets: Assets, request: Request): Promise<Response> {
    const { WORKSPACE_LOADER, WORKSPACE_SANDBOX } = this.#env;
    let late: ReturnType<typeof setTimeout> | null = null;
    const time = new Promise<"late">((resolve) => {
      late = setTimeout(() => resolve("late"), PATIENCE);
    });
    try {
      if (WORKSPACE_SANDBOX) await this.#room(WORKSPACE_SANDBOX, app.key);
      const answer = WORKSPACE_SANDBOX
        ? WORKSPACE_SANDBOX.serve(app, source, assets, request)
        : serve(WORKSPACE_LOADER as WorkerLoader, app, source, assets, request);
      answer.catch(() => {});
      const found = await Promise.race([answer, time]);
      if (found !== "late") return found;
      await this.#restart();
      throw new Error(`the application did not answer within ${PATIENCE} milliseconds`);
    } finally {
      clearTimeout(late);
    }
  }

  /** Makes sure that a program can be loaded. */
  async #room(sandbox: SandboxStub, key: string): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await sandbox.hasRoom(key)) return;
      await this.#restart();
    }
    throw new Error("the sandbox takes no more programs");
  }

  /** Has the process killed that runs code, where there is one, and waits for the next. */
  async #restart(): Promise<void> {
    await this.#supervisor("restart", "POST");
  }

  async #supervisor(path: string, method: string): Promise<string> {
    const { WORKSPACE_SUPERVISOR } = this.#env;
    try {
      const signal = AbortSignal.timeout(RESTART);
      const asked = WORKSPACE_SUPERVISOR?.fetch(`http://supervisor/${path}`, { method, signal });
      return (await (await asked)?.text()) ?? "";
    } catch {
      // Whoever comes next finds out.
      return "";
    }
  }

  /** Says how code ended with which what runs it ended. */
  async #failed(error: unknown): Promise<Partial<Execution>> {
    const text = error instanceof Error ? error.message : `${error}`;
    if (this.#guesses) {
      const cause = await this.#supervisor("cause", "GET");
      return cause === "memory" ? { limit: "memory", guessed: true } : { cause: text };
    }
    // Nothing that the code throws comes here: see `execute`.
    if (/exceeded.*memory/i.test(text)) return { limit: "memory" };
    if (/exceeded.*(CPU|time)/i.test(text)) return { limit: "time" };
    return { cause: text };
  }
}

/** What is answered to a call that is too large to be taken, and to one that comes too late. */
const TOO_LARGE = [refusal("limit_exceeded", "more than the run may write")];
const CLOSED = [refusal("closed", "the run has ended")];

function refusal(code: string, message: string): string {
  return JSON.stringify({ status: "error", error: { code, message } });
}

function sizeOf(contents: unknown): number {
  if (typeof contents === "string") return contents.length;
  return contents instanceof Uint8Array ? contents.byteLength : 0;
}

/** Reads what code says of its end, which may be anything. */
function read(ran: unknown, load: Load): [Partial<Execution>, number] {
  const [, count = "", said] = (typeof ran === "string" && /^(\d{1,15}) ([\s\S]*)$/.exec(ran)) || [
    "",
    "0",
    "",
  ];
  const leftOut = Number(count);
  // Before anything is made of it.
  if (said !== undefined && said.length > load.value + MESSAGES)
    return [{ limit: "value" }, leftOut];
  return [{ said: said ?? "" }, leftOut];
}

/** What an end has at most beside a value: name, message and stack, escaped. */
const MESSAGES = 512 << 10;
