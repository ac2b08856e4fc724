// Runs of delegated code, as who holds the object asks for them.

import type { Outcome, RunOptions } from "workspace-worker";
import { check, equal, fails, value } from "./check.js";
import type { Case, Stub } from "./rpc.js";

const ALL = { read: ["**"], write: ["**"], delete: true };

/** A draft with a file in it. */
async function draft(workspace: Stub): Promise<string> {
  await value(workspace.writeFile("/notes.md", "one\n"));
  return (await value(workspace.fork({ name: "draft" }))).id;
}

/** Adds a line to the notes; returns how many there are. */
const ADD = `export default async ({ WORKSPACE }, { line }) => {
  const { value } = await WORKSPACE.readText("/notes.md");
  await WORKSPACE.writeFile("/notes.md", value + line + "\\n");
  console.log("added", { line });
  return value.split("\\n").length;
};`;

export const runs: Record<string, Case> = {
  "code that returns leaves one operation of the copy": async (workspace) => {
    await draft(workspace);
    const options = { id: "add-two", scope: ALL, input: { line: "two" }, note: "asked for" };
    const outcome: Outcome = await value(workspace.runCode("draft", ADD, options));
    check(outcome.ended === "returned", JSON.stringify(outcome));
    equal(outcome.value, 2, "the value");
    equal(outcome.console, [{ level: "log", text: 'added {"line":"two"}' }], "the console");
    equal(outcome.files, { status: "applied", operation: 1 }, "the files");
    equal([outcome.read.paths, outcome.written.paths], [["/notes.md"], ["/notes.md"]], "paths");
    equal(await value(workspace.readText("/notes.md", { copy: "draft" })), "one\ntwo\n", "it");
    equal(await value(workspace.readText("/notes.md")), "one\n", "head");
    const [operation] = (await value(workspace.operations("draft"))).operations;
    equal([operation?.actor, operation?.note], ["run add-two", "asked for"], "the log");
    // Asked for again, it is told again and not done again.
    equal(await value(workspace.runCode("draft", ADD, options)), outcome, "a repeat");
    const other = { ...options, input: { line: "three" } };
    const error = await fails("invalid", workspace.runCode("draft", ADD, other));
    equal(error.reason, "key_reused", "another order of this id");
  },

  "code has the functions that it is given, and only while it runs": async (workspace) => {
    await draft(workspace);
    const sent: string[] = [];
    let late: unknown;
    const MAIL = {
      send: (to: string, { text }: { text: string }) => sent.push(`${to}: ${text}`),
      fails: () => {
        throw new Error("on purpose");
      },
      nothing: () => undefined,
      later: async () => {
        await scheduler.wait(200);
        late = "done";
      },
    };
    const code = `export default async (env) => {
      const of = [Object.keys(env), Object.keys(env.MAIL)];
      const sent = await env.MAIL.send("ada", { text: "hello" });
      const rest = [await env.MAIL.fails(), await env.MAIL.nothing(), await env.MAIL.send(1n)];
      const proto = typeof env.MAIL.toString === "function" && env.MAIL.constructor === Object;
      env.MAIL.later();
      return { of, sent, rest, proto };
    };`;
    const options = { scope: ALL, bindings: { MAIL } };
    const outcome: Outcome = await value(workspace.runCode("draft", code, options));
    check(outcome.ended === "returned", JSON.stringify(outcome));
    const { of, sent: answer, rest, proto } = outcome.value as Record<string, unknown>;
    equal(
      of,
      [
        ["WORKSPACE", "MAIL"],
        ["send", "fails", "nothing", "later"],
      ],
      "what there is",
    );
    equal((answer as { value: unknown }).value, 1, "what it answers");
    equal(sent, ["ada: hello"], "what it was called with");
    equal(proto, true, "plain objects");
    const [threw, nothing, bigint] = rest as {
      status: string;
      value?: unknown;
      error?: { code: string; message: string };
    }[];
    equal([threw?.error?.code, threw?.error?.message], ["source", "on purpose"], "threw");
    equal([nothing?.status, nothing?.value], ["ok", null], "nothing");
    equal(bigint?.error?.code, "invalid", "no JSON");
    check(late === undefined || late === "done", "nobody waits for it");
    for (const name of ["WORKSPACE", "mail", "", "__proto__"]) {
      const bindings = Object.fromEntries([[name, { send: () => 1 }]]);
      await fails("invalid", workspace.runCode("draft", code, { bindings }));
    }
  },

  "code that does not return leaves nothing": async (workspace) => {
    await draft(workspace);
    const ran = async (body: string, options: RunOptions = {}): Promise<Outcome> => {
      const code = `export default async ({ WORKSPACE }) => { await WORKSPACE.delete("/notes.md");
        ${body} };`;
      return value(workspace.runCode("draft", code, { scope: ALL, ...options }));
    };
    const threw = await ran('throw new RangeError("no")');
    check(threw.ended === "threw", JSON.stringify(threw));
    equal(
      [threw.name, threw.message, threw.module, threw.line],
      ["RangeError", "no", "main.js", 2],
      "thrown",
    );
    const stuck = await ran("await new Promise(() => {});");
    check(stuck.ended === "threw", JSON.stringify(stuck));
    equal(stuck.message, "the program waits for what cannot happen", "nothing to wait for");
    const late = await ran("for (;;);", { limits: { millis: 100 } });
    check(late.ended === "limit" && late.limit === "time", JSON.stringify(late));
    const busy = await ran("for (;;) await WORKSPACE.stat('/');", { limits: { calls: 20 } });
    check(busy.ended === "limit" && busy.limit === "calls", JSON.stringify(busy));
    const flood = await ran(
      `for (let n = 0; n < 40; n += 1) WORKSPACE.writeFile("/" + n, "x".repeat(2 ** 20));
      await new Promise((done) => setTimeout(done, 8000));`,
      { limits: { bytes: 2 ** 23 } },
    );
    check(flood.ended === "limit" && flood.limit === "bytes", JSON.stringify(flood));
    const crowd = await ran(
      "await Promise.all(Array.from({ length: 2000 }, () => WORKSPACE.stat('/')));",
      { limits: { calls: 100 } },
    );
    check(crowd.ended === "limit" && crowd.limit === "calls", JSON.stringify(crowd));
    equal(
      [threw, stuck, late, busy].map(({ files }) => files.status),
      Array(4).fill("discarded"),
      "files",
    );
    equal(await value(workspace.readText("/notes.md", { copy: "draft" })), "one\n", "it is there");
    equal((await value(workspace.copies())).copies.length, 1, "what they worked in is gone");
  },

  "code has what it was granted, while it runs": async (workspace) => {
    await draft(workspace);
    const code = `export default async ({ WORKSPACE }, keep) => {
      globalThis.kept ??= [];
      const before = await Promise.all(globalThis.kept.map((files) => files.readText("/notes.md").then(
        (found) => found.status === "error" ? found.error.code : "read", () => "rejected")));
      globalThis.kept.push(WORKSPACE);
      return { before, own: (await WORKSPACE.readText("/notes.md")).status,
        write: (await WORKSPACE.writeFile("/x", "x")).error?.code };
    };`;
    const scope = { read: ["/notes.md"] };
    const first = await value(workspace.runCode("draft", code, { scope, input: 1 }));
    check(first.ended === "returned", JSON.stringify(first));
    equal(first.value, { before: [], own: "ok", write: "denied" }, "the first");
    equal(first.denied, [{ method: "writeFile", path: "/x" }], "denied");
    const second = await value(workspace.runCode("draft", code, { scope, input: 2 }));
    check(second.ended === "returned", JSON.stringify(second));
    const { before } = second.value as { before: string[] };
    // An isolate may be the same, or another: what it kept is of no use.
    check(
      before.every((found) => found !== "read"),
      JSON.stringify(before),
    );
    const nothing = await value(
      workspace.runCode("draft", "export default ({ WORKSPACE }) => WORKSPACE.list('/');"),
    );
    check(nothing.ended === "returned", JSON.stringify(nothing));
    equal((nothing.value as { status: string }).status, "error", "nothing is granted unless said");
  },

  "what cannot be run is refused": async (workspace) => {
    await draft(workspace);
    const refused = async (code: unknown, options: unknown) => {
      const asked = workspace.runCode("draft", code as string, options as RunOptions);
      return (await fails("invalid", asked)).reason;
    };
    equal(await refused("", { scopes: ALL }), "malformed_argument", "an unknown option");
    equal(await refused("", { id: "two words" }), "malformed_argument", "an id");
    equal(await refused("", { input: () => 1 }), "malformed_argument", "an input");
    equal(await refused({}, {}), "malformed_argument", "no module");
    equal(await refused({ "main.wasm": "" }, {}), "malformed_argument", "a module of no kind");
    equal(await refused("", { limits: { millis: 1e9 } }), "out_of_range", "a limit");
    equal(await refused("", { scope: { read: ["["] } }), "malformed_glob", "a glob");
    await fails("not_found", workspace.runCode("nobody", "", {}));
  },

  "two hundred runs at once are all answered": async (workspace) => {
    await draft(workspace);
    const code = `export default async ({ WORKSPACE }, n) => {
      await WORKSPACE.writeFile("/runs/" + n, "" + n);
      return n;
    };`;
    const all = Array.from({ length: 200 }, (_, input) =>
      value(workspace.runCode("draft", code, { scope: ALL, input })),
    );
    const values = (await Promise.all(all)).map((ran) => ran.ended === "returned" && ran.value);
    equal(
      values,
      Array.from({ length: 200 }, (_, n) => n),
      "each its own",
    );
    const listed = await value(workspace.list("/runs", { copy: "draft" }));
    equal(listed.entries.length, 200, "all are there");
  },
};
