// An application that is in the files: its modules as a Worker's, its static files as that
// Worker's assets.

import { RpcTarget } from "cloudflare:workers";
import type { At } from "./call.js";
import type { WalkPage } from "./generated.js";
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
  walk(path: string, after?: string): Promise<Result<WalkPage>>;
}

/** As many modules has one, and as many bytes in all. */
const MODULES = 1_000;
const BYTES = 16 << 20;
/** What is looked for where nothing says it. */
const USUAL = ["src/index.js", "src/worker.js", "index.js", "worker.js", "server.js"];
/** How modules end, and as what they are loaded. */
const KINDS: Record<string, "js" | "json" | "text" | "wasm" | "data"> = {
  js: "js",
  mjs: "js",
  json: "json",
  txt: "text",
  html: "text",
  sql: "text",
  wasm: "wasm",
  bin: "data",
};

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
  root: string,
  said: { main?: string; assets?: string },
): Promise<Result<Layout>> {
  let { main, assets } = said;
  for (const name of ["wrangler.json", "wrangler.jsonc", "package.json"]) {
    if (main !== undefined && assets !== undefined) break;
    const read = await files.readText(`${root}/${name}`);
    if (read.status === "error") {
      if (read.error.code === "not_found") continue;
      return read;
    }
    let found: { main?: unknown; assets?: { directory?: unknown } };
    try {
      found = JSON.parse(name.endsWith("c") ? withoutComments(read.value) : read.value);
    } catch (error) {
      return wrong(`${root}/${name}`, `not JSON: ${error instanceof Error ? error.message : ""}`);
    }
    if (typeof found?.main === "string") main ??= found.main;
    if (typeof found?.assets?.directory === "string") assets ??= found.assets.directory;
  }
  for (const name of USUAL) {
    if (main !== undefined) break;
    if ((await files.readText(`${root}/${name}`)).status === "ok") main = name;
  }
  return ok({ main: main && plain(main), assets: plain(assets ?? "public") });
}

/** A path as seen from the root, without what says that it is. */
function plain(path: string): string {
  return path.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
}

/** JSON with comments and commas at ends, as wrangler reads it, as JSON. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=\s*(?:(?:\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)\s*)*[}\]])/g,
    (_, quoted: string | undefined) => quoted ?? "",
  );
}

/** Reads the modules of an application: all that can be one, but for its static files. */
export async function modulesOf(
  files: Reader,
  root: string,
  { main, assets }: Layout,
): Promise<Result<Modules>> {
  const modules: Modules = {};
  let [count, bytes] = [0, 0];
  let after: string | undefined;
  do {
    const page = await files.walk(root || "/", after);
    if (page.status === "error") return page;
    for (const { path, entry } of page.value.entries) {
      const name = path.slice(root.length + 1);
      const kind = KINDS[name.slice(name.lastIndexOf(".") + 1)];
      const apart = (assets && `${name}/`.startsWith(`${assets}/`)) || /(^|\/)\./.test(name);
      if (entry.kind !== "file" || kind === undefined || apart) continue;
      count += 1;
      bytes += entry.size;
      if (count > MODULES || bytes > BYTES) {
        const message = `${path}: more than ${MODULES} modules, or ${BYTES} bytes of them`;
        return failed({ code: "limit_exceeded", message, path, operation: "load" });
      }
      const module = await moduleOf(files, path, kind);
      if (module.status === "error") return module;
      modules[name] = module.value;
    }
    after = page.value.next;
  } while (after !== undefined);
  if (main !== undefined && !modules[main]) {
    return wrong(`${root}/${main}`, "the main module is not there, or no module");
  }
  return ok(modules);
}

async function moduleOf(
  files: Reader,
  path: string,
  kind: "js" | "json" | "text" | "wasm" | "data",
): Promise<Result<WorkerLoaderModule>> {
  if (kind === "wasm" || kind === "data") {
    const read = await files.readFile(path);
    if (read.status === "error") return read;
    const { buffer, byteOffset, byteLength } = read.value;
    const data = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    return ok(kind === "wasm" ? { wasm: data } : { data });
  }
  const read = await files.readText(path);
  if (read.status === "error") return read;
  if (kind !== "json") return ok(kind === "js" ? { js: read.value } : { text: read.value });
  try {
    return ok({ json: JSON.parse(read.value) });
  } catch (error) {
    return wrong(path, `not JSON: ${error instanceof Error ? error.message : ""}`);
  }
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
