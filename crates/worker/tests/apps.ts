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
};
