// An application that is in the files: its modules as a Worker's, its static files as that
// Worker's assets.

import { RpcTarget } from "cloudflare:workers";
import type { At } from "./call.js";
import type { Placed, WalkPage } from "./generated.js";
import { failed, ok, type Result } from "./result.js";

/** Which application is served, and how. */
export type AppOptions = At & {
  /** The directory that it is in; all of the files unless said. */
  root?: string;
  /**
   * Its main module, as seen from the root; unless said what `wrangler.json`, `wrangler.jsonc` or
   * `package.json` say, or one of the usual names. None, and the static files are all.
   */
  main?: string;
  /** The directory of its static files: what those say, or `public`. */
  assets?: string;
};

/** An application, before it is loaded. */
export interface App {
  /** The loader's name for it. */
  key: string;
  main: string;
}

/** Modules as a loader takes them. */
export type Modules = Record<string, WorkerLoaderModule>;

/** Reads files of one tree. */
export interface Reader {
  readText(path: string): Promise<Result<string>>;
  readFile(path: string): Promise<Result<Uint8Array>>;
  stat(path: string): Promise<Result<Placed>>;
  walk(path: string, after?: string): Promise<Result<WalkPage>>;
}

/** As many modules has one, and as many bytes in all. */
const MODULES = 1_000;
const BYTES = 12 << 20;
/** And as many entries are looked at. */
const LOOKED = 50_000;
/** What is looked for where nothing says it. */
const USUAL = ["src/index", "src/worker", "index", "worker", "server"].flatMap((name) => [
  `${name}.js`,
  `${name}.ts`,
]);
/** How modules end, and as what they are loaded. */
const KINDS = new Map<string, Kind>([
  ["js", "js"],
  ["mjs", "js"],
  // Without its types.
  ["ts", "js"],
  ["mts", "js"],
  ["json", "json"],
  ["txt", "text"],
  ["html", "text"],
  ["sql", "text"],
  ["wasm", "wasm"],
  ["bin", "data"],
]);

type Kind = "js" | "json" | "text" | "wasm" | "data";

/** What an application says of itself. */
export interface Layout {
  /** Its main module; nothing, where it is static. */
  main: string | undefined;
  /** The directory of its static files. */
  assets: string | undefined;
}

/** Finds out how an application is laid out. */
export async function layout(
  files: Reader,
  said: { main?: string; assets?: string },
): Promise<Result<Layout>> {
  let { main, assets } = said;
  for (const name of ["wrangler.json", "wrangler.jsonc", "package.json"]) {
    if (main !== undefined && assets !== undefined) break;
    const found = await configuration(files, `/${name}`);
    if (found.status === "error") return found;
    const { value } = found;
    if (typeof value?.main === "string") main ??= value.main;
    if (typeof value?.assets?.directory === "string") assets ??= value.assets.directory;
  }
  for (const name of USUAL) {
    if (main !== undefined) break;
    if ((await files.stat(`/${name}`)).status === "ok") main = name;
  }
  const paths = [main, assets ?? "public"].map((path) => (path === undefined ? "" : plain(path)));
  const [module, directory] = paths;
  if (module === undefined || directory === undefined) {
    const path = main !== undefined && module === undefined ? main : (assets ?? "");
    return wrong(path, "expected a path below the application's directory");
  }
  // All of it would show what is not to be shown.
  return ok({ main: module || undefined, assets: directory || undefined });
}

/** What an application says of itself. */
type Configuration = { main?: unknown; assets?: { directory?: unknown } } | null;

/** More is no configuration, in bytes. */
const CONFIGURATION = 64 << 10;

/** Reads a configuration; nothing where there is none. */
async function configuration(files: Reader, path: string): Promise<Result<Configuration>> {
  const found = await files.stat(path);
  if (found.status === "error") return found.error.code === "not_found" ? ok(null) : found;
  const { entry } = found.value;
  if (entry.kind !== "file") return wrong(path, "not a file");
  if (entry.size > CONFIGURATION) return wrong(path, `more than ${CONFIGURATION} bytes`);
  const read = await files.readText(path);
  if (read.status === "error") return read;
  try {
    return ok(JSON.parse(path.endsWith("c") ? withoutComments(read.value) : read.value));
  } catch (error) {
    return wrong(path, `not JSON: ${error instanceof Error ? error.message : ""}`);
  }
}

/** A path as seen from the root, without what says that it is; nothing for one that leads out. */
function plain(path: string): string | undefined {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return names.includes("..") ? undefined : names.join("/");
}

/** JSON with comments and commas at ends, as wrangler reads it, as JSON: in one pass. */
export function withoutComments(text: string): string {
  let out = "";
  // Where the last comma is, as long as nothing follows it.
  let comma = -1;
  for (let at = 0; at < text.length; ) {
    const letter = text[at] as string;
    const end = endOfToken(text, at);
    const token = text.slice(at, end);
    at = end;
    if (token.startsWith("//") || token.startsWith("/*")) continue;
    if (/\s/.test(letter)) {
      out += token;
      continue;
    }
    if ((letter === "}" || letter === "]") && comma >= 0) {
      out = out.slice(0, comma) + out.slice(comma + 1);
    }
    comma = letter === "," ? out.length : -1;
    out += token;
  }
  return out;
}

/** Where what begins at `at` ends: a string, a comment, or a letter. */
function endOfToken(text: string, at: number): number {
  const after = (mark: string, from: number) => {
    const found = text.indexOf(mark, from);
    return found < 0 ? text.length : found + mark.length;
  };
  if (text.startsWith("//", at)) return after("\n", at);
  if (text.startsWith("/*", at)) return after("*/", at + 2);
  if (text[at] !== '"') return at + 1;
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return Math.min(end + 1, text.length);
}

/**
 * What says who a client is, where it is and where it comes from, which is nothing of code's that
 * nobody reviewed.
 */
const CREDENTIALS =
  /^(authorization|proxy-authorization|cookie|x-api-key|referer|forwarded|x-forwarded-.*|x-real-ip|true-client-ip|cf-.*|sec-websocket-.*)$/;
/** What an answer says about more than itself. */
const BEYOND =
  /^(set-cookie|service-worker-allowed|clear-site-data|access-control-.*|strict-transport-security|alt-svc|report-to|nel)$/;

/** The headers of a request that an application is told. */
export function withoutCredentials(headers: Headers): Headers {
  return without(headers, CREDENTIALS);
}

/** An answer of an application, about itself only. */
export function ofItself(response: Response): Response {
  const headers = without(response.headers, BEYOND);
  headers.set("x-content-type-options", "nosniff");
  return new Response(response.body, { status: response.status, headers });
}

function without(headers: Headers, left: RegExp): Headers {
  const kept = new Headers();
  for (const [name, value] of headers) if (!left.test(name)) kept.append(name, value);
  return kept;
}

/** Reads the modules of an application: all that can be one, but for its static files. */
export async function modulesOf(files: Reader, { main, assets }: Layout): Promise<Result<Modules>> {
  const modules: Modules = {};
  let [count, bytes, looked] = [0, 0, 0];
  let after: string | undefined;
  do {
    const page = await files.walk("/", after);
    if (page.status === "error") return page;
    for (const { path, entry } of page.value.entries) {
      const name = path.slice(1);
      looked += 1;
      const kind = KINDS.get(/\.([^./]+)$/.exec(name)?.[1] ?? "");
      const apart = (assets && `${name}/`.startsWith(`${assets}/`)) || /(^|\/)\./.test(name);
      if (looked <= LOOKED && (entry.kind !== "file" || kind === undefined || apart)) continue;
      if (entry.kind !== "file" || kind === undefined) {
        return tooMany(path);
      }
      count += 1;
      bytes += entry.size;
      if (count > MODULES || bytes > BYTES || looked > LOOKED) {
        return tooMany(path);
      }
      const module = await moduleOf(files, path, kind);
      if (module.status === "error") return module;
      modules[name] = module.value;
    }
    after = page.value.next;
  } while (after !== undefined);
  if (main !== undefined && !Object.hasOwn(modules, main)) {
    return wrong(main, "the main module is not there, or no module");
  }
  return ok(modules);
}

async function moduleOf(
  files: Reader,
  path: string,
  kind: Kind,
): Promise<Result<WorkerLoaderModule>> {
  if (kind === "wasm" || kind === "data") {
    const read = await files.readFile(path);
    if (read.status === "error") return read;
    const { buffer, byteOffset, byteLength } = read.value;
    const data = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    return ok(kind === "wasm" ? { wasm: data } : { data });
  }
  const read = await files.readText(path);
  if (read.status === "error") {
    // Of what is no text, or no JSON, an import throws: there may be some that nothing imports.
    return read.error.reason === "not_utf8" ? ok(throws(`${path}: not UTF-8`)) : read;
  }
  if (kind !== "json") return ok(kind === "js" ? { js: read.value } : { text: read.value });
  try {
    return ok({ json: JSON.parse(read.value) });
  } catch (error) {
    return ok(throws(`${path}: not JSON: ${error instanceof Error ? error.message : ""}`));
  }
}

/** A module that throws where it is imported. */
export function throws(why: string): WorkerLoaderModule {
  return { js: `throw new SyntaxError(${JSON.stringify(why)});\nexport default undefined;\n` };
}

function tooMany(path: string): Result<never> {
  const message = `${path}: more than ${MODULES} modules, ${BYTES} bytes of them, or ${LOOKED} entries`;
  return failed({ code: "limit_exceeded", message, path, operation: "load" });
}

function wrong(path: string, message: string): Result<never> {
  const reason = "malformed_argument";
  return failed({
    code: "invalid",
    reason,
    message: `${path}: ${message}`,
    path,
    operation: "load",
  });
}

/** The modules of an application, for who loads them. */
export class Source extends RpcTarget {
  readonly #read: () => Promise<Modules>;

  constructor(read: () => Promise<Modules>) {
    super();
    this.#read = read;
  }

  modules(): Promise<Modules> {
    return this.#read();
  }
}

/** The static files of an application. */
export class Assets extends RpcTarget {
  readonly #fetch: (request: Request) => Promise<Response>;

  constructor(fetch: (request: Request) => Promise<Response>) {
    super();
    this.#fetch = fetch;
  }

  fetch(request: Request): Promise<Response> {
    return this.#fetch(request);
  }
}
