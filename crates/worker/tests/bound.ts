// What takes and gives many files at once, and the files of a copy as an object of their own.

import { all, type Bytes, WorkspaceError } from "workspace-worker";
import { check, equal, fails, noise, streamed, value } from "./check.js";
import type { Case, Stub } from "./rpc.js";

export const bound: Record<string, Case> = {
  // > Files that are written together are there all or not at all, whatever their sizes; in a copy they are one operation, and once the call has ended no other copy is left of it.
  "files are written together, whatever their sizes": async (workspace) => {
    const small = { "/a/b.txt": "b", "/c": noise(3000), "/d": noise(70_000) };
    equal(await value(workspace.writeFiles(small, { note: "small" })), { files: 3 }, "small ones");
    equal(await value(workspace.readText("/a/b.txt")), "b", "a text");
    const draft = await value(workspace.fork());
    const at = { copy: draft.id };
    const large = {
      "/big": noise(5_000_000),
      "/stream": streamed(noise(2_000_000, 2)),
      "/a/b.txt": "other",
    };
    equal(await value(workspace.writeFiles(large, { ...at, actor: "agent" })), { files: 3 }, "all");
    const { operations } = await value(workspace.operations(draft.id));
    equal(
      operations.map(({ actor }) => actor),
      ["agent"],
      "one operation",
    );
    const { entry } = await value(workspace.stat("/stream", at));
    equal(entry.kind === "file" && entry.size, 2_000_000, "what was streamed");
    // One that cannot be: nothing of it is there.
    const wrong: Record<string, Bytes>[] = [
      { "/new": "1", "/a//b": "2" },
      { "/new": noise(5_000_000), "/a//b": "2" },
      { "/new": noise(5_000_000), "/c/below": "2" },
    ];
    for (const files of wrong) {
      const refused = await workspace.writeFiles(files, at);
      check(refused.status === "error", "what cannot be written");
      await fails("not_found", workspace.stat("/new", at));
    }
    equal((await value(workspace.copies())).copies.length, 1, "copies that are left");
    const loose = workspace as unknown as { writeFiles(files: unknown): ReturnType<Stub["stat"]> };
    for (const files of [null, 5, { "/a": 5 }, { "/a": { size: 3 } }]) {
      await fails("invalid", loose.writeFiles(files));
    }
  },

  // > A walk in pages has each entry once, in the order of a walk, whatever the size of the pages.
  "a tree is walked in pages": async (workspace) => {
    const paths = ["/a", "/a-b", "/a/b", "/a/c/d", "/ab", "/b"];
    const files = Object.fromEntries(
      paths.filter((path) => path !== "/a").map((path) => [path, path]),
    );
    await value(workspace.writeFiles(files));
    const order = ["/a", "/a/b", "/a/c", "/a/c/d", "/a-b", "/ab", "/b"];
    for (const limit of [1, 2, 3, 7, 100]) {
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await value(workspace.walk("/", { after, limit }));
        check(page.entries.length <= limit, "a page is too long");
        seen.push(...page.entries.map(({ path }) => path));
        after = page.next;
      } while (after !== undefined);
      equal(seen, order, `in pages of ${limit}`);
    }
    equal(Object.keys(await value(workspace.readTree("/a"))), ["/a/b", "/a/c", "/a/c/d"], "below");
    await fails("not_a_directory", workspace.walk("/b"));
    await fails("invalid", workspace.walk("/", { limit: 0 }));
  },

  "lists are read to their end, and files by their lines": async (workspace) => {
    const files = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`/d/f${n}`, `${n}`]));
    await value(workspace.writeFiles(files));
    const names: string[] = [];
    const page = (after?: string) => workspace.list("/d", { after, limit: 10 });
    for await (const { name } of all(page, "entries")) names.push(name);
    equal(names.length, 25, "all of them");
    await value(workspace.fork({ name: "a" }));
    await value(workspace.fork({ name: "b" }));
    const copies: (string | undefined)[] = [];
    const some = (after?: string) => workspace.copies({ after, limit: 1 });
    for await (const { name } of all(some, "copies")) copies.push(name);
    equal(copies, ["a", "b"], "copies");
    let thrown: unknown;
    try {
      for await (const _ of all(() => workspace.list("/none"), "entries")) check(false, "one");
    } catch (error) {
      thrown = error;
    }
    check(thrown instanceof WorkspaceError && thrown.failure.code === "not_found", "what fails");
    await value(workspace.writeFile("/text", "one\r\ntwo\nthree\n"));
    const { lines, first, total } = await value(
      workspace.readLines("/text", { first: 2, last: 9 }),
    );
    equal([lines, first, total], [["two", "three"], 2, 3], "lines");
    equal((await value(workspace.readLines("/text"))).lines.length, 3, "all lines");
    for (const range of [{ first: 0 }, { first: 3, last: 2 }, { last: 1.5 }]) {
      await fails("invalid", workspace.readLines("/text", range));
    }
  },

  // > Who was handed the files of a copy, or a part of them, reaches no others, however it asks.
  // > What it changes is logged under the name that it was handed over for, whatever it says.
  "the files of a copy are handed over": async (workspace) => {
    await value(workspace.writeFiles({ "/site/a.txt": "a", "/site/b.js": "b", "/secret": "s" }));
    const draft = await value(workspace.fork({ name: "draft" }));
    const scope = { root: "/site", read: ["**"], write: ["*.txt"], delete: false };
    using site = await workspace.open("draft", { scope, actor: "agent" });
    equal(await value(site.readText("/a.txt")), "a", "what it reads");
    equal(Object.keys(await value(site.readTree())), ["/a.txt", "/b.js"], "what it sees");
    const { changed } = await value(site.writeFile("/c.txt", "c", { note: "new" }));
    check(changed.tree === undefined, "the whole tree is told");
    await fails("denied", site.writeFile("/b.js", "x"));
    await fails("denied", site.remove("/a.txt"));
    for (const path of ["/../secret", "/secret"]) {
      check((await site.readFile(path)).status === "error", "what is outside");
    }
    // However it is said, it is this copy, and who it was made for.
    const loose = site as unknown as Record<
      "readFile" | "writeFile" | "list" | "change" | "mkdir",
      (...args: unknown[]) => ReturnType<Stub["stat"]>
    >;
    for (const at of [{ copy: "draft" }, { revision: 1 }, { tree: draft.tree }]) {
      await fails("invalid", loose.writeFile("/d.txt", "d", at));
      await fails("invalid", loose.list("/", at));
      await fails("invalid", loose.mkdir("/d", at));
    }
    await value(loose.writeFile("/e.txt", "e", { actor: "root" }));
    const { operations } = await value(workspace.operations("draft"));
    equal(
      operations.map(({ actor }) => actor),
      ["agent", "agent"],
      "whose changes they are",
    );
    equal((await value(workspace.list("/site"))).entries.length, 2, "head");
    using whole = await workspace.open("draft");
    equal(await value(whole.readText("/secret")), "s", "all of it");
    await value(whole.mkdir("/x"));
    await value(whole.move("/x", "/y"));
    await value(whole.copyTo("/y", "/z"));
    await value(whole.remove("/z"));
    await value(whole.change([{ op: "write", path: "/f", content: { text: "f" } }]));
    await value(whole.writeFiles({ "/g/h": "h" }));
    equal((await value(whole.stat("/g/h"))).path, "/g/h", "what was written");
    equal((await value(whole.openFile("/f"))).size, 1, "a stream");
    equal((await value(whole.readLines("/f"))).lines, ["f"], "its lines");
    const exported = await value(whole.exportTar("/g"));
    await value(whole.importTar(exported, { into: "/back" }));
    equal((await value(whole.list("/back"))).entries.length, 1, "there and back");
    equal((await value(whole.walk("/site"))).entries.length, 4, "a walk");
    await value(workspace.discard("draft"));
    // A copy of the same name is another one.
    await value(workspace.fork({ name: "draft" }));
    check((await whole.readFile("/f")).status === "error", "a closed copy");
    check((await whole.writeFile("/f", "x")).status === "error", "a closed copy");
    const open = workspace as unknown as {
      open(...args: unknown[]): ReturnType<Stub["open"]>;
    };
    for (const args of [
      [],
      [null],
      [""],
      ["draft", { read: ["**"] }],
      ["draft", { scope: null }],
      ["draft", { scopes: {} }],
      ["draft", { actor: 5 }],
    ]) {
      using wrong = await open.open(...args);
      await fails("invalid", wrong.list());
      await fails("invalid", wrong.writeFile("/x", "x"));
    }
    using nobody = await workspace.open("nobody");
    await fails("not_found", nobody.list());
  },

  "files are found and edited by what is in them": async (workspace) => {
    const files = { "/src/a.ts": "let a = 1;\nlet b = 2;\n", "/src/b.ts": "a", "/readme.md": "a" };
    await value(workspace.writeFiles(files));
    const { entries } = await value(workspace.glob("/", "src/*.ts"));
    equal(
      entries.map(({ path }) => path),
      ["/src/a.ts", "/src/b.ts"],
      "by name",
    );
    const { matches } = await value(workspace.grep("/", "let (a|b)", { glob: "*.ts" }));
    equal(
      matches.map(({ path, line, text }) => `${path}:${line}:${text}`),
      ["/src/a.ts:1:let a = 1;", "/src/a.ts:2:let b = 2;"],
      "by content",
    );
    const draft = await value(workspace.fork());
    const edits = [
      { old: "a = 1", new: "a = 3" },
      { old: "let", new: "const", all: true },
    ];
    const at = { copy: draft.id };
    const edited = await value(workspace.edit("/src/a.ts", edits, { ...at, note: "const" }));
    equal([edited.replaced, edited.changed.operation], [3, 1], "the edit");
    equal(
      await value(workspace.readText("/src/a.ts", at)),
      "const a = 3;\nconst b = 2;\n",
      "the text",
    );
    const twice = await fails(
      "invalid",
      workspace.edit("/src/a.ts", [{ old: "const", new: "" }], at),
    );
    equal(twice.reason, "text_not_unique", "the reason");
    check(twice.message.includes("lines 1, 2"), twice.message);
    using bound = await workspace.open(draft.id, { scope: { root: "/src", read: ["**"] } });
    await fails("denied", bound.edit("/a.ts", [{ old: "a", new: "b" }]));
    equal((await value(bound.grep("/", "const"))).matches[0]?.path, "/a.ts", "in its part");
    equal((await value(bound.glob("/", "*.ts"))).entries.length, 2, "by name in its part");
  },

  // > An argument that JSON cannot tell, such as a number that is none, is `Invalid`, and not left out.
  "numbers that are none are not left out": async (workspace) => {
    await value(workspace.writeFile("/a", "1"));
    await fails("invalid", workspace.readFile("/a", { revision: Number.NaN }));
    await fails("invalid", workspace.list("/", { revision: Number.NaN }));
    await fails("invalid", workspace.fork({ expires: Date.parse("some day") }));
    await fails("invalid", workspace.openFile("/a", { length: Number.NaN }));
    await fails("invalid", workspace.prune({ newest: 1, since: Number.POSITIVE_INFINITY }));
    const loose = workspace as unknown as Record<
      "fork" | "readFile" | "snapshot" | "list",
      (...args: unknown[]) => ReturnType<Stub["stat"]>
    >;
    await fails("invalid", loose.fork({ expires: new Date() }));
    await fails("invalid", loose.readFile("/a", { copy: null }));
    await fails("invalid", loose.snapshot({ metadata: new Map([["a", "b"]]) }));
    await fails("invalid", loose.list("/", { after: { toJSON: () => "x" } }));
    let deep: unknown = "x";
    for (let n = 0; n < 500; n += 1) deep = [deep];
    await fails("invalid", loose.snapshot({ message: deep }));
    equal((await value(workspace.head())).version, 1, "head");
  },

  // > What is expected of files that are written together holds whatever their sizes.
  "what is expected of large files holds as of small ones": async (workspace) => {
    await value(workspace.writeFile("/a", "1"));
    const { version } = await value(workspace.head());
    const large = { "/b": noise(5_000_000) };
    await fails("stale", workspace.writeFiles(large, { expectGeneration: version + 1 }));
    await fails("stale", workspace.writeFiles({ "/b": "b" }, { expectGeneration: version + 1 }));
    await value(workspace.writeFiles(large, { expectGeneration: version }));
    const loose = workspace as unknown as {
      writeFiles(files: unknown, options: object): ReturnType<Stub["stat"]>;
    };
    for (const files of [large, { "/b": "b" }]) {
      await fails("invalid", loose.writeFiles(files, { createParents: true }));
    }
    equal((await value(workspace.copies())).copies.length, 0, "copies that are left");
  },

  // > Arguments are in camelCase; one that an operation does not have is `Invalid`, and the refusal names the one that is meant.
  "names of HTTP are told in camelCase": async (workspace) => {
    const loose = workspace as unknown as Record<
      "writeFile" | "fork" | "list",
      (...args: unknown[]) => ReturnType<Stub["stat"]>
    >;
    const old = await fails("invalid", loose.writeFile("/a", "x", { create_parents: true }));
    check(old.message.includes("`createParents`"), old.message);
    const unknown = await fails("invalid", loose.writeFile("/a", "x", { createParent: true }));
    check(unknown.message.includes("`createParents`"), unknown.message);
    await fails("invalid", loose.fork({ nmae: "x" }));
    await fails("invalid", loose.list("/", { limit: {} }));
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, n]));
    await fails("invalid", loose.list("/", many));
    const metadata = { "a_b c": "x", ticket_id: "7" };
    await value(workspace.snapshot({ message: "one", metadata }));
    equal((await value(workspace.revision(1))).metadata, metadata, "keys of a map");
  },
};
