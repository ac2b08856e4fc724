// Applications that are in the files, served before they are published.

import { check, equal, value } from "./check.js";
import type { Case, Stub } from "./rpc.js";

const FILES = {
  "/app/wrangler.jsonc": `{
    // What is run.
    "main": "./src/index.js", /* and shown: */
    "assets": { "directory": "./public" },
  }`,
  "/app/src/index.js": `import { page } from "./page.js";
    import words from "./words.json";
    import template from "../page.html";
    export default {
      async fetch(request, env) {
        const url = new URL(request.url);
        if (url.pathname === "/asset") return env.ASSETS.fetch(new URL("/style.css", url));
        if (url.pathname === "/told") return Response.json([...request.headers], { headers: { "set-cookie": "a=b", "x-own": "1" } });
        if (url.pathname === "/out") return fetch("http://example.com/");
        if (url.pathname === "/env") return Response.json(Object.keys(env));
        if (url.pathname === "/cf") return Response.json(request.cf ?? {});
        if (url.pathname === "/echo") return new Response(request.body, { status: 201 });
        if (url.pathname === "/throw") throw new Error("on purpose");
        return new Response(page(template, words), { headers: { "content-type": "text/html" } });
      },
    };`,
  "/app/src/page.js":
    "export const page = (template, words) => template.replace('WORDS', words.join(' '));",
  "/app/src/words.json": '["hello", "there"]',
  "/app/page.html": "<h1>WORDS</h1>",
  "/app/public/style.css": "h1 { color: teal }",
  "/app/public/about.html": "about it",
  "/static/public/index.html": "no code",
};

/** What says who a visitor is. */
const VISITOR = {
  authorization: "Bearer secret",
  cookie: "a=b",
  "x-api-key": "secret",
  referer: "http://elsewhere.example/secret",
  forwarded: "for=192.0.2.1",
  "x-forwarded-for": "192.0.2.1",
  "x-real-ip": "192.0.2.1",
  "cf-connecting-ip": "192.0.2.1",
};

async function ask(stub: Stub, path: string, options: object, init?: RequestInit) {
  const response = await stub.app(new Request(`http://app.example${path}`, init), options);
  return {
    status: response.status,
    text: await response.text(),
    type: response.headers.get("content-type"),
  };
}

export const apps: Record<string, Case> = {
  "an application is served out of a copy, and then out of head": async (workspace) => {
    await value(workspace.writeFiles(FILES));
    const draft = (await value(workspace.fork({}))).id;
    const at = { copy: draft, root: "/app" };
    equal(
      await ask(workspace, "/", at),
      { status: 200, text: "<h1>hello there</h1>", type: "text/html" },
      "its page",
    );
    equal((await ask(workspace, "/style.css", at)).text, "h1 { color: teal }", "a static file");
    equal((await ask(workspace, "/asset", at)).text, "h1 { color: teal }", "one by the code");
    equal((await ask(workspace, "/env", at)).text, '["ASSETS"]', "what it has");
    const sent = await ask(workspace, "/echo", at, { method: "POST", body: "sent" });
    equal([sent.status, sent.text], [201, "sent"], "a body");
    // What a visitor is known by is nothing of the code's, nor what is about more than its answer.
    const headers = { ...VISITOR, "x-mine": "1" };
    const asked = new Request("http://app.example/told", { headers, cf: { colo: "AMS" } });
    const told = await workspace.app(asked, at);
    check(!told.headers.has("set-cookie") && told.headers.get("x-own") === "1", "its headers");
    const names = ((await told.json()) as string[][]).map(([name]) => name);
    check(names.includes("x-mine"), `${names}`);
    for (const name of Object.keys(VISITOR)) check(!names.includes(name), `${name}: ${names}`);
    const from = new Request("http://app.example/cf", { cf: { colo: "AMS" } });
    equal(await (await workspace.app(from, at)).text(), "{}", "where it is");
    for (const path of ["/out", "/throw"]) {
      equal((await ask(workspace, path, at)).status, 502, path);
    }
    // The next request shows what is changed.
    await value(workspace.writeFile("/app/src/words.json", '["good", "day"]', { copy: draft }));
    equal((await ask(workspace, "/", at)).text, "<h1>good day</h1>", "what is changed");
    equal((await ask(workspace, "/", { root: "/app" })).text, "<h1>hello there</h1>", "head");
    await value(workspace.apply(draft));
    equal((await ask(workspace, "/", { root: "/app" })).text, "<h1>good day</h1>", "head, applied");
  },

  "what is no module fails where it is imported, and nowhere else": async (workspace) => {
    const latin = new Uint8Array([0x63, 0x61, 0x66, 0xe9]);
    await value(
      workspace.writeFiles({
        "/mixed/index.js": `export default {
          async fetch(request) {
            const name = new URL(request.url).pathname;
            try {
              return new Response(name === "/" ? "served" : (await import("." + name)).default);
            } catch (error) {
              return new Response(error.name + ": " + error.message);
            }
          },
        };`,
        "/mixed/tsconfig.json": "{ // as tsc makes it\n}",
        "/mixed/latin.txt": latin,
        "/mixed/json": "no module, whatever it is called",
      }),
    );
    const text = async (path: string) => (await ask(workspace, path, { root: "/mixed" })).text;
    equal(await text("/"), "served", "with files that are no modules");
    const json = await text("/tsconfig.json");
    check(json.startsWith("SyntaxError: /tsconfig.json: not JSON"), json);
    equal(await text("/latin.txt"), "SyntaxError: /latin.txt: not UTF-8", "Latin-1");
    check((await text("/json")).startsWith("Error: No such module"), "no ending");
  },

  "what is no application says so": async (workspace) => {
    await value(
      workspace.writeFiles({
        ...FILES,
        "/bad/package.json": "{",
        "/gone/package.json": '{"main":"x.js"}',
        "/wrong/index.js": "export default 1;",
        "/out/package.json": '{"main":"../app/src/index.js"}',
        "/slow/wrangler.jsonc": `{} ,${"/**/".repeat(10_000)}x`,
        "/whole/wrangler.jsonc": '{"assets":{"directory":"./"}}',
        "/whole/secret.txt": "not shown",
      }),
    );
    const status = async (root: string) => (await ask(workspace, "/", { root })).status;
    equal((await ask(workspace, "/", { root: "/static" })).text, "no code", "static");
    equal(await status("/nowhere"), 404, "nothing");
    equal(await status("/app/page.html"), 404, "a file");
    for (const root of ["/bad", "/out", "/slow"]) equal(await status(root), 422, root);
    equal((await ask(workspace, "/secret.txt", { root: "/whole" })).status, 404, "all of it");
    for (const root of ["/gone", "/wrong"]) {
      const found = await ask(workspace, "/", { root });
      equal(found.status, 502, root);
      check(found.text.includes("index.js") || found.text.includes("x.js"), found.text);
    }
    equal((await ask(workspace, "/", { root: "/app", copy: "nobody" })).status, 404, "no copy");
  },

  "an application may be of TypeScript": async (workspace) => {
    await value(
      workspace.writeFiles({
        "/index.ts": `import { type Words, told } from "./lib/words.ts";
          type Env = { ASSETS: { fetch(url: URL): Promise<Response> } };
          export default {
            async fetch(request: Request, env: Env): Promise<Response> {
              const words: Words = ["hello", "types"];
              return new Response(told(words) as string);
            },
          };`,
        "/lib/words.ts":
          "export type Words = string[];\nexport const told = (words: Words): string => words.join(' ');",
        "/lib/unused.ts": "export enum Never { Imported }",
        "/bad/index.ts": "const a: number = 1;\nenum B { C }\nexport default {};",
      }),
    );
    equal((await ask(workspace, "/", {})).text, "hello types", "its answer");
    const bad = await ask(workspace, "/", { root: "/bad" });
    equal(bad.status, 502, "what cannot be stripped");
    const why = "index.ts:2:1: TypeScript enum is not supported in strip-only mode";
    check(bad.text.includes(why), bad.text);
  },

  "a preview that is an application runs it at a host of its own": async (workspace) => {
    await value(workspace.writeFiles(FILES));
    const draft = (await value(workspace.fork({}))).id;
    const at = `copy:${draft}`;
    const issued = await value(workspace.issuePreview({ at, root: "/app", app: true }));
    const [listed] = (await value(workspace.previews())).previews;
    equal(listed?.app, true, "it says that it is one");
    const host = `${issued.token}-apps.localhost`;
    const look = async (path: string, headers: Record<string, string> = {}) => {
      const response = await workspace.fetch(`http://${host}${path}`, {
        headers: { host, ...headers },
      });
      return { response, text: await response.text() };
    };
    const first = await look("/", { cookie: "a=b" });
    equal(first.text, "<h1>hello there</h1>", "its page");
    equal(first.response.headers.get("cache-control"), "private, no-cache", "asked again");
    equal(first.response.headers.get("x-robots-tag"), "noindex", "in no index");
    equal((await look("/style.css")).text, "h1 { color: teal }", "a static file");
    const told = JSON.parse((await look("/told", { cookie: "a=b" })).text) as string[][];
    check(!told.some(([name]) => name === "cookie"), "no cookies");
    // Nothing of its code, and nothing that is above it.
    for (const path of ["/src/page.js", "/wrangler.jsonc", "/static/public/index.html"]) {
      equal((await look(path)).text, "<h1>hello there</h1>", path);
    }
    // The next request shows what is changed.
    await value(workspace.writeFile("/app/src/words.json", '["good", "day"]', { copy: draft }));
    equal((await look("/")).text, "<h1>good day</h1>", "what is changed");
    // Applied, head serves the same.
    const head = await value(workspace.issuePreview({ root: "/app", app: true }));
    const [preview, other] = [host, `${head.token}-apps.localhost`];
    const ofHead = async () => {
      const response = await workspace.fetch(`http://${other}/`, { headers: { host: other } });
      return response.text();
    };
    equal(await ofHead(), "<h1>hello there</h1>", "head");
    await value(workspace.apply(draft));
    equal(await ofHead(), "<h1>good day</h1>", "head, applied");
    // Its copy is closed, and so is the preview.
    equal((await look("/")).response.status, 404, preview);
    // At the host of the API nothing of it is run, and nothing shown.
    const below = await workspace.fetch(`http://api.example/preview/${head.token}/src/page.js`);
    equal(below.status, 501, "below its path");
    check(!(await below.text()).includes("export"), "no code");
    await value(workspace.revokePreview((await value(workspace.previews())).previews[0]?.id ?? ""));
  },
};
