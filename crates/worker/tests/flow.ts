// The loop: import, fork, edit, review, apply or discard, restore.

import type { EntryPage } from "workspace-worker";
import { check, equal, fails, text, value } from "./check.js";
import type { Case } from "./rpc.js";
import { tar } from "./tar.js";

export const flow: Record<string, Case> = {
  "a draft is edited, reviewed and applied": async (workspace) => {
    const imported = await value(
      workspace.importTar(tar({ "index.html": "<h1>Hello</h1>", "about/us.txt": "two people" }), {
        actor: "uploader",
        note: "first files",
      }),
    );
    equal([imported.files, imported.revision], [2, 1], "the import");

    const draft = await value(workspace.fork({ name: "draft" }));
    equal([draft.name, draft.state, draft.generation], ["draft", "open", 0], "the draft");
    const once = { name: "once", idempotencyKey: "fork-1" };
    const first = await value(workspace.fork(once));
    equal(await value(workspace.fork(once)), first, "the same fork again");
    await fails("invalid", workspace.fork({ ...once, name: "another" }));
    const change = { copy: "once", idempotencyKey: "change-1" };
    const write = { op: "write" as const, path: "/once", content: { text: "once" } };
    const changed = await value(workspace.change([write], change));
    await value(workspace.discard("once"));
    equal(await value(workspace.change([write], change)), changed, "the same change again");
    const at = { copy: "draft" };
    await value(workspace.writeFile("/index.html", "<h1>Good morning</h1>", at));
    await value(workspace.mkdir("/news/2026", { ...at, parents: true }));
    await value(
      workspace.change(
        [
          { op: "write", path: "/news/2026/one.md", content: { text: "# One" } },
          { op: "symlink", path: "/news/latest", target: "2026/one.md" },
        ],
        { ...at, actor: "agent", note: "news" },
      ),
    );
    await value(workspace.move("/about/us.txt", "/about/them.txt", at));
    await value(workspace.copyTo("/about", "/more", at));
    await value(workspace.remove("/more", { ...at, recursive: true }));

    equal(
      text(await value(workspace.readFile("/index.html"))),
      "<h1>Hello</h1>",
      "head is as before",
    );
    equal(await value(workspace.readText("/index.html", at)), "<h1>Good morning</h1>", "the draft");

    const status = await value(workspace.status("draft"));
    equal(status.parentMoved, false, "head has not moved");
    const page = await value(workspace.diff("head", "copy:draft", { renames: true }));
    const seen = page.differences.map(({ path, old, new: now }) => [path, !!old, !!now]);
    equal(
      seen,
      [
        ["/about/them.txt", true, true],
        ["/index.html", true, true],
        ["/news", false, true],
        ["/news/2026", false, true],
        ["/news/2026/one.md", false, true],
        ["/news/latest", false, true],
      ],
      "the differences",
    );
    equal(page.differences[0]?.renamedFrom, "/about/us.txt", "what was moved");

    const reviewed = status.copy.tree;
    const apply = {
      message: "news",
      actor: "editor",
      expectTree: reviewed,
      rebase: true,
      idempotencyKey: "apply-1",
    };
    const published = await value(workspace.apply("draft", apply));
    equal(published, { outcome: "published", revision: 2 }, "the revision");
    equal(await value(workspace.apply("draft", apply)), published, "the same apply again");
    const again = await value(workspace.apply(draft.id));
    equal(again, { outcome: "already", revision: 2 }, "a repeated apply");
    const head = await value(workspace.head());
    equal([head.tree, head.revision], [reviewed, 2], "head");
    equal((await value(workspace.copy(draft.id))).state, "applied", "the draft");
  },

  "a revision is restored": async (workspace) => {
    await value(workspace.writeFile("/a", "one"));
    await value(workspace.snapshot({ message: "one" }));
    await value(workspace.writeFile("/a", "two"));
    await value(workspace.snapshot({ message: "two", metadata: { ticket: "7" } }));
    equal(await value(workspace.readText("/a", { revision: 1 })), "one", "the first revision");
    const restored = await value(workspace.restore(1, { message: "back" }));
    equal(restored, { outcome: "published", revision: 3 }, "the restore");
    equal(await value(workspace.readText("/a")), "one", "head");
    const page = await value(workspace.revisions({ limit: 2 }));
    equal(
      page.revisions.map(({ id, message, cause }) => [id, message, cause.kind]),
      [
        [3, "back", "restore"],
        [2, "two", "snapshot"],
      ],
      "the revisions",
    );
    equal((await value(workspace.revision(2))).metadata, { ticket: "7" }, "what was kept with it");
    equal(await value(workspace.prune({ newest: 1 })), { pruned: 2 }, "the prune");
  },

  "a draft is discarded": async (workspace) => {
    await value(workspace.writeFile("/a", "one"));
    const draft = await value(workspace.fork());
    await value(workspace.remove("/a", { copy: draft.id }));
    await value(workspace.renameCopy(draft.id, "doomed"));
    equal((await value(workspace.discard("doomed"))).state, "discarded", "the draft");
    equal((await value(workspace.discard(draft.id))).state, "discarded", "a repeated discard");
    equal((await value(workspace.copies())).copies.length, 0, "open copies");
    equal((await value(workspace.copies({ closed: true }))).copies.length, 1, "all copies");
    equal(await value(workspace.readText("/a")), "one", "head");
  },

  "an operation is undone, and a draft follows head": async (workspace) => {
    await value(workspace.fork({ name: "draft" }));
    const at = { copy: "draft" };
    const first = await value(workspace.writeFile("/a", "1", { ...at, actor: "agent" }));
    await value(workspace.writeFile("/b", "2", at));
    const { operations } = await value(workspace.operations("draft"));
    equal(
      operations.map(({ actor }) => actor),
      ["agent", ""],
      "the log",
    );
    const told = await value(workspace.operation("draft", first.changed.operation ?? -1));
    equal([told.operation.actor, told.changes.differences[0]?.path], ["agent", "/a"], "the first");
    await value(workspace.undo("draft", first.changed.operation ?? -1, { actor: "reviewer" }));
    equal(names(await value(workspace.list("/", at))), ["b"], "what is left");
    await value(workspace.writeFile("/c", "3"));
    check((await value(workspace.status("draft"))).parentMoved, "head has moved");
    await value(workspace.rebase("draft"));
    equal(names(await value(workspace.list("/", at))), ["b", "c"], "the draft on top of head");
  },

  "a draft of a draft ends there, and every conflict has a way out": async (workspace) => {
    await value(workspace.writeFile("/text", "one\ntwo\nthree\n"));
    await value(workspace.writeFile("/own", "base"));
    const draft = await value(workspace.fork({ name: "draft" }));
    const child = await value(workspace.fork({ name: "try", copy: "draft" }));
    equal([child.parent, child.baseVersion], [draft.id, 0], "where it is");
    await value(workspace.writeFile("/text", "ONE\ntwo\nthree\n", { copy: "try" }));
    await value(workspace.writeFile("/own", "try", { copy: "try" }));
    await value(workspace.writeFile("/text", "one\ntwo\nTHREE\n", { copy: "draft" }));
    await value(workspace.writeFile("/own", "draft", { copy: "draft" }));
    const found = await value(workspace.conflicts("try"));
    equal(
      found.conflicts.map(({ path, base, copy, parent }) => [path, !!base, !!copy, !!parent]),
      [
        ["/own", true, true, true],
        ["/text", true, true, true],
      ],
      "the conflicts",
    );
    const meet = await value(workspace.overlap(["try", "draft"]));
    equal(meet.overlaps[0]?.paths.paths, ["/own", "/text"], "where they meet");
    await fails(
      "conflict",
      workspace.rebase("try", { resolutions: [{ path: "/own", take: "copy" }] }),
    );
    const rebased = await value(
      workspace.rebase("try", {
        resolutions: [
          { path: "/own", take: { content: { text: "both" } } },
          { path: "/text", take: "merge" },
        ],
        expectGeneration: found.copy.generation,
        expectParentVersion: found.parentVersion,
      }),
    );
    equal(rebased.merged, ["/text"], "what was merged");
    equal(
      await value(workspace.readText("/text", { copy: "try" })),
      "ONE\ntwo\nTHREE\n",
      "the text",
    );
    const part = await value(workspace.apply("try", { only: ["/text"] }));
    equal([part.outcome, part.operation], ["applied", 3], "a part");
    const rest = await value(workspace.applyAll(["try"], { actor: "reviewer" }));
    equal(
      rest.applied.map(({ outcome }) => outcome),
      ["applied"],
      "the rest",
    );
    equal(await value(workspace.readText("/own", { copy: "draft" })), "both", "the draft");
    equal(await value(workspace.readText("/own")), "base", "head");
  },

  "a part of a draft is handed out": async (workspace) => {
    await value(workspace.importTar(tar({ "site/index.html": "<p>", "secret.txt": "no" })));
    const draft = await value(workspace.fork());
    const scope = { root: "/site", read: ["**"], write: ["*.html"], delete: false };
    const issued = await value(
      workspace.issueGrant({ copy: draft.id, scope, actor: "agent", label: "edit" }),
    );
    const page = await value(workspace.grants({ copy: draft.id }));
    equal(
      page.grants.map(({ id, actor, label }) => [id, actor, label]),
      [[issued.grant.id, "agent", "edit"]],
      "the grants",
    );
    const ask = (path: string, init: RequestInit = {}) => {
      const headers = { authorization: `Bearer ${issued.token}` };
      return workspace.fetch(`http://object/v1/view/files/${path}`, { ...init, headers });
    };
    equal(await (await ask("index.html")).text(), "<p>", "what the holder reads");
    const written = await ask("index.html", { method: "PUT", body: "<h1>" });
    equal(written.status, 200, "what the holder writes");
    const refused = [
      await ask("../secret.txt"),
      await ask("style.css", { method: "PUT", body: "" }),
      await ask("index.html", { method: "DELETE" }),
      await workspace.fetch("http://object/v1/head", {
        headers: { authorization: `Bearer ${issued.token}` },
      }),
    ];
    for (const response of refused) check(response.status >= 400, "what the holder may not do");
    await value(workspace.revokeGrant(issued.grant.id));
    equal((await ask("index.html")).status, 401, "the holder of a revoked grant");
    const { operations } = await value(workspace.operations(draft.id));
    equal(
      operations.map(({ actor }) => actor),
      ["agent"],
      "the log",
    );
  },

  "a holder adds no more than it may": async (workspace) => {
    const draft = await value(workspace.fork());
    const scope = { read: ["**"], write: ["**"], delete: true };
    const issued = await value(
      workspace.issueGrant({ copy: draft.id, scope, maxBytes: 12, maxEntries: 2 }),
    );
    const put = (path: string, body: string) =>
      workspace.fetch(`http://object/v1/view/files/${path}`, {
        method: "PUT",
        body,
        // The media type that a text is sent with counts as well.
        headers: {
          authorization: `Bearer ${issued.token}`,
          "content-type": "application/octet-stream",
        },
      });
    equal((await put("a", "12345")).status, 201, "within the budget");
    equal((await put("b", "123456")).status, 413, "too many bytes");
    equal((await put("b", "12345")).status, 201, "all of the budget");
    equal((await put("c", "")).status, 413, "too many entries");
    const [grant] = (await value(workspace.grants({ copy: draft.id }))).grants;
    equal([grant?.usedBytes, grant?.usedEntries], [12, 2], "what was used");
  },

  "head and a revision are read by a token": async (workspace) => {
    await value(workspace.importTar(tar({ "a.txt": "text" })));
    const { revision } = await value(workspace.head());
    const scope = { read: ["**"] };
    const at = [{}, { revision: revision ?? 0 }];
    for (const files of at) {
      const { token, grant } = await value(workspace.issueGrant({ ...files, scope }));
      const ask = (method: string, body: string | null = null) =>
        workspace.fetch("http://object/v1/view/files/a.txt", {
          method,
          body,
          headers: { authorization: `Bearer ${token}` },
        });
      equal(await (await ask("GET")).text(), "text", "what it reads");
      equal((await ask("PUT", "other")).status, 403, "what it may not do");
      const writing = await workspace.issueGrant({ ...files, scope: { write: ["**"] } });
      equal(writing.status === "error" && writing.error.code, "read_only", "a grant to write");
      const listed = (await value(workspace.grants(files))).grants;
      equal(
        listed.map(({ id }) => id),
        [grant.id],
        "the grants",
      );
    }
  },

  "a directory is shown as a site": async (workspace) => {
    const files = { "dist/index.html": "built", "dist/.env": "set", "src/a.js": "source" };
    await value(workspace.importTar(tar(files)));
    const shown = await value(workspace.issuePreview({ root: "/dist" }));
    const hidden = await value(workspace.issuePreview({ root: "/dist", hidden: true }));
    const ask = async ({ path }: { path: string }, rest: string) =>
      (await workspace.fetch(`http://object${path}${rest}`)).status;
    equal([await ask(shown, ""), await ask(shown, ".env")], [200, 404], "what is shown");
    equal(await ask(hidden, ".env"), 200, "what was asked for");
    equal(await ask(shown, "../src/a.js"), 404, "what is above");
    const listed = (await value(workspace.previews())).previews;
    equal(
      listed.map(({ root, hidden }) => [root, hidden]),
      [
        ["/dist", false],
        ["/dist", true],
      ],
      "the previews",
    );
  },

  "a draft is shown as a site": async (workspace) => {
    await value(workspace.importTar(tar({ "index.html": "<h1>Hello</h1>", "app.js": "go()" })));
    const draft = await value(workspace.fork());
    const at = `copy:${draft.id}`;
    const shown = await value(workspace.issuePreview({ at, fallback: "/index.html" }));
    await value(workspace.writeFile("/index.html", "<h1>Bye</h1>", { copy: draft.id }));
    const ask = (path: string, init?: RequestInit) =>
      workspace.fetch(`http://object${shown.path}${path}`, init);
    const page = await ask("");
    equal(await page.text(), "<h1>Bye</h1>", "the page");
    equal(page.headers.get("content-type"), "text/html;charset=utf-8", "its type");
    equal(
      (await ask("app.js")).headers.get("content-type")?.split(";")[0],
      "text/javascript",
      "a script",
    );
    equal(
      await (await ask("some/route", { headers: { accept: "text/html" } })).text(),
      "<h1>Bye</h1>",
      "a route of the application",
    );
    equal((await ask("index.html", { method: "PUT", body: "" })).ok, false, "a write");
    await fails("stale", workspace.apply(draft.id, { expectTree: shown.tree }));
    const tree = page.headers.get("workspace-tree") ?? "";
    const [one] = (await value(workspace.previews())).previews;
    equal([one?.id, one?.at], [shown.id, at], "the preview");
    await value(workspace.revokePreview(shown.id));
    equal((await ask("")).status, 404, "a revoked preview");
    await value(workspace.apply(draft.id, { expectTree: tree }));
  },

  // > A site shows head, a copy or a revision below its root, and nothing above it, and nobody writes to it.
  "head, a draft or a revision is served as a site": async (workspace) => {
    const files = { "/dist/index.html": "<h1>one", "/dist/a/x.css": "a{}", "/secret.html": "no" };
    await value(workspace.writeFiles(files));
    await value(workspace.snapshot());
    const draft = await value(workspace.fork());
    await value(workspace.writeFile("/dist/index.html", "<h1>two", { copy: draft.id }));
    const root = "/dist";
    const ask = (path: string, options: object = {}, init: RequestInit = {}) =>
      workspace.site(new Request(`https://host${path}`, init), { root, ...options });
    const shown = async (path: string, options: object = {}) => {
      const response = await ask(path, options);
      equal(response.status, 200, path);
      return response.text();
    };
    equal(await shown("/"), "<h1>one", "head");
    equal(await shown("/", { copy: draft.id }), "<h1>two", "the draft");
    equal(await shown("/", { revision: 1 }), "<h1>one", "the revision");
    equal(await shown("/live/a/x.css", { path: "/a/x.css" }), "a{}", "a path of its own");
    equal(await shown("/a/x.css?v=1"), "a{}", "with a query");
    const ever = { cacheControl: "immutable" };
    const page = await ask("/", { cacheControl: "public, max-age=60" });
    equal(page.headers.get("cache-control"), "public, max-age=60", "for how long");
    equal(page.headers.get("content-type"), "text/html;charset=utf-8", "what it is");
    equal(page.headers.get("content-security-policy"), null, "what a preview may not");
    await page.body?.cancel();
    const etag = page.headers.get("etag") ?? "";
    equal((await ask("/", {}, { headers: { "if-none-match": etag } })).status, 304, "again");
    for (const [path, options, status] of [
      ["/../secret.html", {}, 404],
      ["/none", {}, 404],
      ["/", { copy: "nobody" }, 404],
      ["/", { revision: 9 }, 404],
      ["/", { rot: "/" }, 400],
      ["/", { revision: Number.NaN }, 400],
      ["/", { copy: "x", revision: 1 }, 400],
      ["/", { cacheControl: "a\nb" }, 400],
    ] as const) {
      const response = await ask(path, { ...ever, ...options });
      equal(response.status, status, `${path} ${JSON.stringify(options)}`);
      equal(response.headers.get("cache-control"), "no-store", "what is not there yet");
      await response.body?.cancel();
    }
    equal((await ask("/", {}, { method: "POST", body: "x" })).status, 405, "a write");
    const html = { headers: { accept: "text/html" } };
    const route = await ask("/some/route", { fallback: "/index.html" }, html);
    equal(await route.text(), "<h1>one", "a page of the application");
  },

  "what happened can be read again": async (workspace) => {
    await value(workspace.writeFile("/a", "1"));
    const { id } = await value(workspace.fork());
    await value(workspace.writeFile("/a", "2", { copy: id }));
    await value(workspace.apply(id));
    const page = await value(workspace.events({ after: 0 }));
    equal(
      page.events.map(({ sequence, kind }) => [sequence, kind]),
      [
        [1, "head_moved"],
        [2, "forked"],
        [3, "changed"],
        // Head as it was; no revision had it.
        [4, "recorded"],
        [5, "applied"],
      ],
      "the events",
    );
    const rest = await value(workspace.events({ after: 2, limit: 1 }));
    equal([rest.events[0]?.sequence, rest.next], [3, 3], "a page of them");
  },

  "a workspace is looked after": async (workspace) => {
    await value(workspace.writeFile("/big", "x".repeat(200_000)));
    await value(workspace.remove("/big"));
    const before = await value(workspace.usage());
    equal([before.objectContents, before.objectBytes], [1, 200_000], "what is in R2");
    for (let step = await value(workspace.collect()); !step.done; ) {
      step = await value(workspace.collect({ rows: 1000 }));
    }
    equal((await value(workspace.usage())).objectContents, 0, "what is in R2 then");
    const report = await value(workspace.fsck({ contents: true }));
    equal(report.problems, [], "what is not whole");
    const repaired = await value(workspace.repair());
    equal([repaired.problemCount, repaired.repaired], [0, 0], "what was repaired");
  },
};

function names(page: EntryPage): string[] {
  return page.entries.map(({ name }) => name);
}
