// The Durable Object: one named workspace, in Rust behind this class.

import { addressOf, domainOf } from "./address.js";
import {
  type AppOptions,
  Assets,
  layout,
  modulesOf,
  ofItself,
  type Reader,
  Source,
  withoutCredentials,
} from "./app.js";
import type { Running, WorkspaceObject as Rust, Rest as RustRest } from "./bindings.js";
import {
  type Answered,
  ArgumentError,
  type Arguments,
  type At,
  called,
  contents,
  type Given,
  headersOf,
  type Part,
  read,
  small,
  thrown,
  told,
} from "./call.js";
import { type EventPage, Feed, isUpgrade, withoutTicket } from "./feed.js";
import { readFile, readText, walk } from "./files.js";
import type { Placed } from "./generated.js";
import { Guarded, Panic } from "./guard.mjs";
import { linger } from "./linger.js";
import { log, logThrown, requests } from "./log.js";
import { Operations } from "./operations.js";
import { Platform, type WorkspaceEnv } from "./platform.js";
import { type Code, type Failure, failed, ok, problem, type Result, unwrap } from "./result.js";
import {
  type Bindings,
  Executor,
  type Outcome,
  type Code as Program,
  type RunOptions,
} from "./run.js";
import { rust } from "./rust.mjs";
import type { SiteOptions } from "./types.js";
import { Upkeep } from "./upkeep.js";

export type { WorkspaceEnv } from "./platform.js";

/** The header of an answer that names its request. */
const REQUEST = "workspace-request";

/** The body of an answer after its first bytes: made by Rust, or R2's own. */
type Rest = RustRest | ReadableStream<Uint8Array>;

/**
 * What the Rust object answers: status, headers as lines of which names and values
 * alternate, first bytes, the rest; by which route.
 */
type Answer = [number, string, Uint8Array | undefined, Rest | undefined, string | undefined];

/** What Rust answers to a call: a status, a value or a problem as JSON, contents. */
type Called = [number, string, Rest | undefined];

/** A request of the contract. */
interface Call {
  method: string;
  /** Path and query. */
  target: string;
  /** Names and values, alternating. */
  headers: string[];
  body: Uint8Array | ReadableStream<Uint8Array> | (() => Promise<ArrayBuffer>) | null;
  /** The token of the preview whose own host it came to: the target is within it. */
  preview?: string;
  /** The site that it is within, whatever it is of. */
  site?: string;
}

/** What beginning a run leads to: a status, an outcome or a problem as JSON, the run. */
type Begun = [number, string | undefined, Running | undefined];

const NO_PAGE: Failure = { code: "not_found", message: "no such page" };
const UNABLE: Failure = {
  code: "unsupported",
  message: "this Worker was built without the feature `delegated`",
  operation: "run",
};

const BUSY: Failure = {
  code: "busy",
  message: "busy: as many runs wait for their turn as may",
  operation: "run",
};

/** What a binding is called in the environment of code. */
const BINDING = /^[A-Z][A-Z0-9_]{0,63}$/;
const UNNAMED: Failure = {
  code: "invalid",
  reason: "malformed_name",
  message: "a binding has a name such as MAIL, and not that of the files",
  operation: "run",
};

/** As often a run is begun that what runs it did not end. */
const ATTEMPTS = 3;

/** A body of so many bytes comes at once, or takes less time than it may. */
const AT_ONCE = 15 << 10;

/** A named workspace: Rust answers, and its panics are kept off everything else. */
export class WorkspaceObject<Env = WorkspaceEnv> extends Operations<Env> {
  readonly #rust: Guarded<Rust>;
  readonly #feed: Feed;
  readonly #upkeep: Upkeep;
  readonly #executor: Executor;
  readonly #domain: string | undefined;
  readonly #name = requests();

  /**
   * Opens the workspace of an object; `settings` are in its bindings, unless a class of your
   * own passes others.
   */
  constructor(
    ctx: DurableObjectState,
    env: Env,
    settings: WorkspaceEnv = env as unknown as WorkspaceEnv,
  ) {
    super(ctx, env);
    const bucket = settings.WORKSPACE_BUCKET;
    if (!bucket) {
      throw new Error("WORKSPACE_BUCKET is not bound: bind a bucket, or pass it as a setting");
    }
    const platform = new Platform(settings, () => this.#changed());
    this.#domain = domainOf(settings.WORKSPACE_PREVIEWS);
    this.#executor = new Executor(settings);
    this.#rust = new Guarded(() => new rust.WorkspaceObject(ctx, bucket, platform));
    const step = () => this.#rust.call((rust) => rust.upkeep());
    this.#upkeep = new Upkeep(ctx.storage, platform.idle, step);
    this.#feed = new Feed(ctx, (after) => this.#events(after));
  }

  /** @internal */
  async [called]<T>(name: string, args: Arguments, part?: Part): Promise<Result<T>> {
    try {
      const [status, text] = await this.#call(name, args, part);
      return read<T>(status, text);
    } catch (error) {
      return thrown(error);
    }
  }

  /** @internal */
  async [contents](
    name: string,
    args: Arguments,
    given?: Given,
    part?: Part,
  ): Promise<Result<Answered>> {
    try {
      const [status, text, rest] = await this.#call(name, args, part, given);
      const value = read<{ size?: number } | null>(status, text);
      if (value.status === "error") return value;
      const length = value.value?.size;
      const stream =
        rest && this.#stream(undefined, rest, length === undefined ? null : `${length}`);
      return ok({ value: value.value, contents: stream });
    } catch (error) {
      return thrown(error);
    }
  }

  /** @internal */
  [small](path: string, { copy, revision }: At): Uint8Array | undefined {
    return this.#rust.now((rust) => rust.small(path, copy, revision));
  }

  /** Calls an operation by its name; writes a line of what went wrong, or took long. */
  async #call(name: string, args: Arguments, part?: Part, given?: Given): Promise<Called> {
    const began = Date.now();
    const line = (status: number, again: boolean) => {
      const ms = Date.now() - began;
      log({ request: undefined, method: "RPC", route: name, status, again, ms });
    };
    // What cannot be said is the caller's, and no failure.
    const text = told(args);
    const whole = part && told({ ...part });
    try {
      // Most are there at once.
      const answer: Called | Promise<Called> = this.#rust.now((rust) =>
        rust.call(name, text, whole, given),
      );
      const found = answer instanceof Promise ? await this.#rust.call(() => answer) : answer;
      line(found[0], found[0] === 503 && found[1].includes('"busy"'));
      return found;
    } catch (error) {
      line(500, false);
      // Nobody knows what was committed before it.
      await this.#changed();
      throw error;
    }
  }

  /** Answers a request from outside, which brings a token. */
  override async fetch(request: Request): Promise<Response> {
    const { method, body } = request;
    const address = addressOf(request, this.#domain);
    // A caller who holds the object need not say which it is.
    const target = "target" in address ? address.target : "/";
    const preview = address.kind === "preview" ? address.token : undefined;
    const id = this.#name();
    try {
      const shown = preview && this.#rust.now((rust) => rust.application(preview));
      if (shown) return await this.#application(request, JSON.parse(shown) as AppOptions);
      if (!preview && isUpgrade(request) && /^\/v1\/events($|\?)/.test(target)) {
        return await this.#listen(request, target, id);
      }
      if (!preview && method === "POST" && target === "/v1/events/tickets") {
        const response = await this.#ticket(request, id);
        await linger(request, response.status);
        return response;
      }
      const headers: string[] = [];
      request.headers.forEach((value, name) => {
        headers.push(name, value);
      });
      const length = Number(request.headers.get("content-length") ?? Number.NaN);
      const small = body && length <= AT_ONCE ? () => request.arrayBuffer() : body;
      const found = await this.#ask({ method, target, headers, body: small, preview }, false, id);
      await linger(request, found[0]);
      const response = this.#respond(found);
      response.headers.set(REQUEST, id);
      return response;
    } catch (error) {
      return panicked(error, id);
    }
  }

  /**
   * Answers a request with the site that head is, or a copy, a revision or a tree, as a
   * preview shows it but for its restrictions: the caller decides who may see it.
   */
  async site(request: Request, options: SiteOptions = {}): Promise<Response> {
    const id = this.#name();
    try {
      const { path, ...site } = options;
      const url = new URL(request.url);
      const target = `${path ?? url.pathname}${url.search}`;
      const headers = [...request.headers].flat();
      const { method } = request;
      const call = { method, target, headers, body: null, site: told({ ...site }) };
      const response = this.#respond(await this.#ask(call, true, id));
      response.headers.set(REQUEST, id);
      return response;
    } catch (error) {
      if (error instanceof ArgumentError) {
        return new Response(`${error.message}\n`, {
          status: 400,
          headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" },
        });
      }
      return panicked(error, id);
    }
  }

  /**
   * Runs code that nobody reviewed over a copy: it has the part of the files that `scope`
   * says, and nothing else. What it writes is one operation of the copy when it has returned,
   * and nothing otherwise.
   */
  async runCode(copy: string, code: Program, options: RunOptions = {}): Promise<Result<Outcome>> {
    const { scope = {}, input = null, bindings = {}, ...rest } = options;
    const unnamed = Object.keys(bindings).find(
      (name) => !BINDING.test(name) || name === "WORKSPACE",
    );
    if (unnamed !== undefined) return failed({ ...UNNAMED, path: unnamed });
    const modules = Object.entries(typeof code === "string" ? { "main.js": code } : code);
    const program = { modules: modules.map(([name, source]) => ({ name, source })) };
    try {
      const order = told({ ...rest, scope, input, copy, program });
      // A Worker in Rust may have been built without it.
      const able = this.#rust.now((rust) => "run" in rust);
      const missing = able ? this.#executor.missing : UNABLE;
      if (missing) return failed(missing);
      for (let attempt = 1; ; attempt += 1) {
        // Begun when it is its turn: it reads what is there then.
        const outcome = await this.#executor.inTurn(() => this.#run(order, bindings));
        if (!outcome) return failed(BUSY);
        const again = outcome.status === "ok" && outcome.value.ended === "platform";
        if (!again || attempt === ATTEMPTS) return outcome;
      }
    } catch (error) {
      return thrown(error);
    }
  }

  /**
   * Answers a request by an application that is in the files: first by its static files, then
   * by its main module, with those as `env.ASSETS`. It has no network, nothing else of this
   * Worker, and is told no credentials of who asks; of its answer cookies, and what else would
   * be about more than itself, are left out. Who may ask is for the caller to decide.
   */
  async app(request: Request, options: AppOptions = {}): Promise<Response> {
    const id = this.#name();
    const { root = "/", main, assets, ...at } = options;
    try {
      const missing = this.#executor.missing;
      if (missing) return refused(501, missing);
      const found = await this[called]<Placed>("stat", { ...at, path: root });
      if (found.status === "error") return refused(404, found.error);
      const { entry } = found.value;
      if (entry.kind !== "directory") {
        return refused(404, { code: "not_a_directory", message: `${root}: not a directory` });
      }
      // From here on it is of this tree, whatever the copy becomes.
      const { tree } = entry;
      const files: Reader = {
        readText: (path) => readText(this, path, { tree }),
        readFile: (path) => readFile(this, path, { tree }),
        stat: (path) => this[called]("stat", { path, tree }),
        walk: (path, after) => walk(this, path, { tree, ...(after !== undefined && { after }) }),
      };
      const said = { ...(main !== undefined && { main }), ...(assets !== undefined && { assets }) };
      const known = await layout(files, said);
      if (known.status === "error") return refused(422, known.error);
      const has = known.value;
      const site = (asked: Request) => {
        if (has.assets === undefined) return Promise.resolve(refused(404, NO_PAGE));
        return this.site(asked, { tree, root: `/${has.assets}` });
      };
      const { url, method } = request;
      const headers = withoutCredentials(request.headers);
      if (method === "GET" || method === "HEAD") {
        const shown = await site(new Request(url, { method, headers }));
        if (shown.status !== 404) return shown;
        await shown.body?.cancel();
      }
      if (has.main === undefined) return refused(404, NO_PAGE);
      const app = { key: await keyOf([`${this.ctx.id}`, tree, has]), main: has.main };
      const source = new Source(async () => unwrap(await modulesOf(files, has)));
      const asked = new Request(request, { headers, cf: {} });
      return ofItself(await this.#executor.serve(app, source, new Assets(site), asked));
    } catch (error) {
      if (error instanceof ArgumentError) {
        return refused(400, { code: "invalid", message: error.message });
      }
      logThrown("threw", error, id);
      const message = error instanceof Error ? error.message : `${error}`;
      return refused(502, { code: "source", message });
    }
  }

  /** Answers a request to the host of a preview that is an application. */
  async #application(request: Request, options: AppOptions): Promise<Response> {
    const response = await this.app(request, options);
    const headers = new Headers(response.headers);
    // As every answer of a preview: whoever has it asks again, and it is in no index.
    headers.set("cache-control", "private, no-cache");
    headers.set("referrer-policy", "no-referrer");
    headers.set("x-robots-tag", "noindex");
    const { status, body } = response;
    return new Response(body, { status, headers });
  }

  /** Runs code once. */
  async #run(order: string, bindings: Bindings): Promise<Result<Outcome>> {
    const begun = (await this.#rust.call((rust) => rust.run(order))) as Begun;
    const [status, text, running] = begun;
    if (status !== 200) return failed(problem(text as string));
    if (!running) return ok(JSON.parse(text as string) as Outcome);
    // Nobody else ends it, whatever happens.
    let execution = JSON.stringify({ cause: "it was not executed" });
    try {
      // Its copy expires: where the object is gone before its end, that is what wakes it.
      await this.#changed();
      execution = JSON.stringify(await this.#executor.execute(running, bindings));
    } catch (error) {
      logThrown("threw", error, undefined);
    }
    try {
      const outcome = this.#rust.now(() => running.end(execution));
      return ok(JSON.parse(outcome) as Outcome);
    } finally {
      await this.#changed();
    }
  }

  /** Asks Rust; writes a line of what went wrong, or took long. */
  async #ask(call: Call, trusted: boolean, request?: string): Promise<Answer> {
    const { method, target, headers, body, preview, site } = call;
    const began = Date.now();
    const line = (status: number, sent: string, route?: string) => {
      const again = status === 503 && sent.includes("retry-after\n");
      log({ request, method, route, status, again, ms: Date.now() - began });
    };
    try {
      const found = (await this.#rust.call((rust) =>
        rust.fetch(
          `${method} ${target}`,
          headers.join("\n"),
          body,
          trusted,
          preview,
          site,
          request,
        ),
      )) as Answer;
      line(found[0], found[1], found[4]);
      return found;
    } catch (error) {
      line(500, "");
      // Nobody knows what was committed before it.
      await this.#changed();
      throw error;
    }
  }

  /** Something may have been committed, or stored and left. */
  #changed(): Promise<void> | undefined {
    this.#feed.publish();
    return this.#upkeep.schedule();
  }

  /** Keeps house. */
  override async alarm(): Promise<void> {
    await this.#upkeep.run();
    this.#feed.publish();
  }

  /** Takes a client into the feed, who may read it: by its token, or by a ticket. */
  async #listen(request: Request, sent: string, id: string): Promise<Response> {
    const target = withoutTicket(sent);
    const call = { method: "GET", target, headers: authorization(request), body: null };
    const found = await this.#ask(call, this.#feed.admits(sent), id);
    const response = this.#respond(found);
    if (response.status !== 200) return response;
    const { events, next } = await response.json<EventPage>();
    return this.#feed.accept(next - events.length);
  }

  /** Gives a ticket to who may read the feed. */
  async #ticket(request: Request, id: string): Promise<Response> {
    const [method, target] = ["GET", "/v1/events?limit=1"];
    const origin = request.headers.get("origin");
    const sent = [...authorization(request), ...(origin === null ? [] : ["origin", origin])];
    const response = this.#respond(
      await this.#ask({ method, target, headers: sent, body: null }, false, id),
    );
    if (response.status !== 200) return response;
    // What lets a page of another origin read it.
    const headers = new Headers({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    for (const [name, value] of response.headers) {
      if (name === "vary" || name.startsWith("access-control-")) headers.append(name, value);
    }
    return Response.json({ ticket: this.#feed.ticket() }, { status: 201, headers });
  }

  /** Answers a client that leaves the feed: it waits for that. */
  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    // What stands for a close without a code cannot be sent.
    const sendable = code >= 3000 || code === 1000;
    socket.close(sendable ? code : 1000, reason);
  }

  async #events(after: number): Promise<EventPage["events"] | undefined> {
    const target = `/v1/events?after=${after}`;
    const response = this.#respond(
      await this.#ask({ method: "GET", target, headers: [], body: null }, true),
    );
    return response.status === 200 ? (await response.json<EventPage>()).events : undefined;
  }

  #respond([status, flat, first, rest]: Answer): Response {
    const headers = headersOf(flat);
    const body = rest ? this.#stream(first, rest, headers.get("content-length")) : first;
    return new Response(body ?? null, { status, headers });
  }

  /** Streams a body; of `length` bytes, where that is known. */
  #stream(
    first: Uint8Array | undefined,
    rest: Rest | undefined,
    length: string | null,
  ): ReadableStream<Uint8Array> {
    if (rest instanceof ReadableStream) return rest;
    const { readable, writable } =
      length === null ? new IdentityTransformStream() : new FixedLengthStream(BigInt(length));
    this.ctx.waitUntil(this.#pump(first, rest, writable.getWriter()));
    return readable;
  }

  async #pump(
    first: Uint8Array | undefined,
    rest: RustRest | undefined,
    writer: WritableStreamDefaultWriter<Uint8Array>,
  ): Promise<void> {
    // A reader that goes away ends a body that has nothing to say just now.
    writer.closed.catch(() => close(rest));
    try {
      if (first) await writer.write(first);
      while (rest) {
        const chunk = await this.#rust.call(() => rest.next());
        if (!chunk) break;
        await writer.write(chunk);
      }
      await writer.close();
    } catch (error) {
      close(rest);
      await writer.abort(error).catch(() => {});
    }
  }
}

/** Answers for an application that cannot: it says why, to who serves it. */
function refused(status: number, failure: Failure): Response {
  const type = `urn:workspace:problem:${failure.code}`;
  const body = { type, title: failure.code.replaceAll("_", " "), status, ...failure };
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  };
  return new Response(JSON.stringify(body), { status, headers });
}

/** A name for what is the same. */
async function keyOf(what: unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(what));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `app-${[...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What a request shows who it is by, and nothing else of it. */
function authorization(request: Request): string[] {
  const sent = request.headers.get("authorization");
  return sent === null ? [] : ["authorization", sent];
}

function close(rest: RustRest | undefined): void {
  try {
    rest?.close();
  } catch {
    // Of an instance that panicked: there is nothing left to let go of.
  }
}

function panicked(error: unknown, request: string): Response {
  logThrown("threw", error, request);
  const code: Code = error instanceof Panic ? "panic" : "unavailable";
  const title = "the server failed";
  const type = `urn:workspace:problem:${code}`;
  const problem = { type, title, status: 500, code, request };
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    [REQUEST]: request,
  };
  return new Response(JSON.stringify(problem), { status: 500, headers });
}
