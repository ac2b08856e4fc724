// Errors are plain results, and what is not meant for callers is not there.

import { check, equal, fails, value } from "./check.js";
import type { Case, Stub } from "./rpc.js";

const BAD_PATHS = ["", "a", "//", "/a//b", "/a/", "/..", "/a/../b", "/.", "/a/./b", "/a\0b"];

export const errors: Record<string, Case> = {
  // > What went wrong with a file is a plain result, and no exception.
  "an error is a plain result": async (workspace) => {
    const error = await fails("not_found", workspace.stat("/nothing/here"));
    equal(error.path, "/nothing/here", "the path");
    check(!("value" in error) && Object.getPrototypeOf(error) === Object.prototype, "plain");
    await value(workspace.writeFile("/file", "1"));
    await value(workspace.mkdir("/directory"));
    await fails("not_found", workspace.readFile("/nothing"));
    await fails("not_found", workspace.openFile("/nothing"));
    await fails("not_found", workspace.exportTar("/nothing"));
    await fails("is_a_directory", workspace.readFile("/directory"));
    await fails("not_a_directory", workspace.list("/file"));
    await fails("not_found", workspace.writeFile("/no/parent", "1"));
    await fails("already_exists", workspace.mkdir("/directory"));
    await fails("already_exists", workspace.move("/file", "/directory"));
    await value(workspace.writeFile("/directory/full", "1"));
    await fails("not_empty", workspace.remove("/directory"));
  },

  "a path that is none is refused": async (workspace) => {
    for (const path of [...BAD_PATHS, `/${"n".repeat(256)}`, `/${"p/".repeat(2500)}p`, "/\ud800"]) {
      await fails("invalid", workspace.writeFile(path, "x", { createParents: true }));
      if (path !== "/a\0b") await fails("invalid", workspace.stat(path));
      await fails("invalid", workspace.mkdir(path, { parents: true }));
    }
    // Only what looks like an escape: names are taken as they are.
    for (const path of ["/%2e%2e", "/a%2Fb", "/...", "/?x#y", "/ ", "/\\..\\x", "/ü", "/%"]) {
      await value(workspace.writeFile(path, path));
      equal(await value(workspace.readText(path)), path, "a name");
    }
    equal((await value(workspace.list())).entries.length, 8, "files");
  },

  "copies and revisions that are unknown, closed or no ids": async (workspace) => {
    await value(workspace.writeFile("/a", "1"));
    for (const copy of ["nothing", "..", "../head", "a/b", "ffffffffffffffff", "%2e%2e"]) {
      await fails("not_found", workspace.copy(copy));
      await fails("not_found", workspace.apply(copy));
      await fails("not_found", workspace.readFile("/a", { copy }));
    }
    await fails("invalid", workspace.copy(""));
    await fails("not_found", workspace.revision(9));
    await fails("not_found", workspace.restore(9));
    await fails("not_found", workspace.readFile("/a", { revision: 9 }));
    await fails("invalid", workspace.readFile("/a", { revision: -1 }));
    await fails("invalid", workspace.readFile("/a", { revision: 1.5 }));
    const both = { revision: 1, copy: "x" } as object;
    await fails("invalid", workspace.readFile("/a", both));
    const { id } = await value(workspace.fork({ name: "taken" }));
    await fails("already_exists", workspace.fork({ name: "taken" }));
    await value(workspace.discard(id));
    await fails("closed", workspace.apply(id));
    await fails("closed", workspace.writeFile("/a", "2", { copy: id }));
    await fails("not_found", workspace.undo((await value(workspace.fork())).id, 7));
    await fails("invalid", workspace.diff("head", "somewhere"));
  },

  "the root and revisions are told for what they are": async (workspace) => {
    await value(workspace.writeFile("/a", "1"));
    await value(workspace.mkdir("/d"));
    await value(workspace.snapshot());
    const { id } = await value(workspace.fork());
    for (const at of [{}, { copy: id }]) {
      await fails("is_a_directory", workspace.readFile("/", at));
      await fails("is_a_directory", workspace.openFile("/", at));
      await fails("is_a_directory", workspace.writeFile("/", "x", at));
      await fails("already_exists", workspace.mkdir("/", at));
      for (const refused of [
        workspace.remove("/", { recursive: true, ...at }),
        workspace.move("/", "/x", at),
      ]) {
        equal((await fails("invalid", refused)).reason, "root", "the reason");
      }
      const into = await fails("invalid", workspace.copyTo("/d", "/d/x", at));
      equal([into.reason, into.path], ["into_itself", "/d/x"], "into itself");
    }
    await fails("is_a_directory", workspace.readFile("/", { revision: 1 }));
    // As JavaScript would say it.
    const at = { revision: 1 } as object;
    for (const refused of [
      workspace.writeFile("/a", "2", at),
      workspace.writeFile("/", "2", at),
      workspace.mkdir("/b", at),
      workspace.remove("/a", at),
      workspace.move("/a", "/b", at),
      workspace.copyTo("/a", "/b", at),
      workspace.change([{ op: "remove", path: "/a" }], at),
      workspace.importTar(new Uint8Array(1024), at),
    ]) {
      await fails("read_only", refused);
    }
  },

  "what is invalid and what is not found are told apart": async (workspace) => {
    const { id } = await value(workspace.fork());
    const loose = workspace as unknown as { change(changes: unknown): ReturnType<Stub["change"]> };
    for (const [reason, refused] of [
      ["malformed_path", workspace.writeFile("/a//b", "x")],
      ["malformed_path", workspace.stat("a")],
      ["path_too_long", workspace.stat(`/${"n".repeat(256)}`)],
      ["malformed_id", workspace.readFile("/a", { revision: -1 })],
      ["malformed_name", workspace.fork({ name: "" })],
      ["contradiction", workspace.readFile("/a", { revision: 1, copy: "x" } as object)],
      ["malformed_query", workspace.diff("head", "somewhere")],
      ["malformed_argument", loose.change([{ op: "explode", path: "/a" }])],
      ["malformed_media_type", workspace.writeFile("/a", "x", { mediaType: "a\r\nb: c" })],
      ["malformed_media_type", workspace.writeFile("/a", "x", { mediaType: "text" })],
      ["malformed_glob", workspace.issueGrant({ copy: id, scope: { read: ["[a"] } })],
      ["in_the_past", workspace.fork({ expires: 1 })],
      ["out_of_range", workspace.list("/", { limit: 0 })],
    ] as const) {
      equal((await fails("invalid", refused)).reason, reason, reason);
    }
    const nobody = "0".repeat(32);
    for (const [what, refused] of [
      ["path", workspace.stat("/nothing")],
      ["path", workspace.writeFile("/no/parent", "x")],
      ["copy", workspace.status("nobody")],
      ["revision", workspace.revision(7)],
      ["operation", workspace.undo(id, 7)],
      ["grant", workspace.revokeGrant(nobody)],
      ["preview", workspace.revokePreview(nobody)],
      ["tree", workspace.diff("head", `tree:${"0".repeat(64)}`)],
    ] as const) {
      equal((await fails("not_found", refused)).what, what, what);
    }
  },

  "a conflict names its paths, and the draft stays": async (workspace) => {
    await value(workspace.writeFile("/a", "1"));
    const [one, two] = [await value(workspace.fork()), await value(workspace.fork())];
    await value(workspace.writeFile("/a", "one", { copy: one.id }));
    await value(workspace.writeFile("/mine", "one", { copy: one.id }));
    await value(workspace.writeFile("/a", "two", { copy: two.id }));
    await value(workspace.writeFile("/yours", "two", { copy: two.id }));
    await value(workspace.apply(one.id));
    for (const resulting of [workspace.apply(two.id), workspace.rebase(two.id)]) {
      const { conflict } = await fails("conflict", resulting);
      equal(
        [conflict?.parent.paths, conflict?.copy.paths, conflict?.both.paths],
        [["/mine"], ["/yours"], ["/a"]],
        "the conflict",
      );
    }
    equal((await value(workspace.copy(two.id))).state, "open", "the draft");
    equal(await value(workspace.readText("/a")), "one", "head");
  },

  "what has to hold for a change is checked": async (workspace) => {
    const { entry } = await value(workspace.writeFile("/a", "1"));
    await fails("already_exists", workspace.writeFile("/a", "2", { ifAbsent: true }));
    await fails("stale", workspace.writeFile("/a", "2", { ifContent: "0".repeat(64) }));
    const content = entry?.kind === "file" ? entry.content : "";
    await value(workspace.writeFile("/a", "2", { ifContent: content }));
    await fails("stale", workspace.writeFile("/a", "3", { expectGeneration: 1 }));
    const draft = await value(workspace.fork());
    await value(workspace.writeFile("/a", "3", { copy: draft.id }));
    await fails("stale", workspace.apply(draft.id, { expectTree: draft.tree }));
    equal(await value(workspace.readText("/a")), "2", "head");
  },

  "arguments of another type are refused": async (workspace) => {
    // As JavaScript would call it.
    const loose = workspace as unknown as Record<
      "readFile" | "writeFile" | "mkdir" | "list" | "change" | "openFile" | "copy" | "revision",
      (...args: unknown[]) => ReturnType<Stub["stat"]>
    >;
    await fails("invalid", loose.readFile());
    await fails("invalid", loose.readFile(42));
    await fails("invalid", loose.readFile("/a", null));
    await fails("invalid", loose.writeFile("/a", 5));
    await fails("invalid", loose.writeFile("/a", null));
    await fails("invalid", loose.writeFile("/a", "x", { mediaType: "text/plain\r\nx: y" }));
    await fails("invalid", loose.mkdir("/a", null));
    await fails("invalid", loose.list("/", { limit: "many" }));
    await fails("invalid", loose.list("/", { limit: -1 }));
    await fails("invalid", loose.change("nothing"));
    await fails("invalid", loose.change([{ op: "explode", path: "/a" }]));
    await fails("invalid", loose.change([{ op: "remove", path: "/a", why: "not" }]));
    await fails("invalid", loose.openFile("/a", { offset: -1 }));
    await fails("invalid", loose.openFile("/a", { length: 0 }));
    await fails("invalid", loose.copy({ id: 1 }));
    await fails("invalid", loose.revision("1/files/a"));
    equal((await value(workspace.head())).version, 0, "head");
  },

  "a workspace is only its name": async (workspace, workspaces) => {
    await value(workspace.writeFile("/mine", "1"));
    const names = ["..", "../x", "a/b", "a%2Fb", "", " ", "\0", "ü", "x".repeat(1000)];
    for (const name of names) {
      const other = workspaces.getByName(name);
      await fails("not_found", other.stat("/mine"));
      await value(other.writeFile("/name", name));
    }
    for (const name of names) {
      equal(await value(workspaces.getByName(name).readText("/name")), name, "its own file");
    }
  },

  "nothing else can be called": async (workspace) => {
    const loose = workspace as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const hidden = ["answer", "Symbol(answer)", "ctx", "env", "rust", "#rust", "ask", "#ask"];
    for (const name of [...hidden, "respond", "#stream", "alarm", "webSocketMessage"]) {
      const said = await Promise.resolve()
        .then(() => loose[name]?.({ method: "GET", target: "/v1/head", headers: [], body: null }))
        .catch((error: unknown) => error);
      check(said === undefined || said instanceof Error, `${name} can be called`);
    }
    const response = await workspace.fetch("http://object/v1/head");
    equal(response.status, 401, "a request without a token");
    await response.body?.cancel();
  },

  "calls at the same time": async (workspace) => {
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const written = numbers.map((n) => workspace.writeFile(`/${n}`, `${n}`.repeat(n)));
    for (const result of await Promise.all(written)) equal(result.status, "ok", "a write");
    const read = await Promise.all(numbers.map((n) => workspace.readText(`/${n}`)));
    for (const [n, result] of read.entries()) {
      equal(result.status === "ok" && result.value, `${n}`.repeat(n), "a read");
    }
    const { id } = await value(workspace.fork());
    const applies = await Promise.all([workspace.apply(id), workspace.apply(id)]);
    equal(
      applies.map(({ status }) => status),
      ["ok", "ok"],
      "two applies at once",
    );
  },
};
