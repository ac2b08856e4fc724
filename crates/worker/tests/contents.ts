// Contents in every form, in both directions.

import { check, equal, fails, noise, sha256, streamed, text, value } from "./check.js";
import type { Case } from "./rpc.js";
import { names, tar } from "./tar.js";

const LARGE = 20_000_000;

/** A stream without an end, which notes how often it is asked for more. */
function counted() {
  let pulled = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        pulled += 1;
        await scheduler.wait(5);
        controller.enqueue(new Uint8Array(64 << 10));
      },
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    /**
     * Checks that nothing more is asked of it. What RPC itself holds on the way may have
     * been; that it was cancelled, workerd does not tell it.
     */
    async left(what: string): Promise<void> {
      await scheduler.wait(30);
      const before = pulled;
      check(before <= 4, `${what}: ${before} chunks were read`);
      await scheduler.wait(60);
      check(pulled === before, `${what}: the stream is read on`);
    },
  };
}

export const contents: Record<string, Case> = {
  "contents can be text, bytes or a stream": async (workspace) => {
    const bytes = noise(3000);
    const plain = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.slice(0, 1000));
        controller.enqueue(bytes.slice(1000));
        controller.close();
      },
    });
    const { readable, writable } = new IdentityTransformStream();
    const written = new Response(bytes).body?.pipeTo(writable);
    const forms = {
      bytes,
      buffer: bytes.slice().buffer,
      part: noise(5000).subarray(0, 3000),
      stream: streamed(bytes, 700),
      plain,
      identity: readable,
    };
    for (const [name, form] of Object.entries(forms)) {
      const { entry } = await value(workspace.writeFile(`/${name}`, form));
      equal(entry?.kind === "file" && entry.content, await sha256(bytes), name);
      equal(await sha256(await value(workspace.readFile(`/${name}`))), await sha256(bytes), name);
    }
    await written;

    for (const empty of ["", new Uint8Array(), new ArrayBuffer(0), streamed(new Uint8Array())]) {
      await value(workspace.writeFile("/empty", empty));
      equal((await value(workspace.readFile("/empty"))).byteLength, 0, "an empty file");
    }
    await value(workspace.writeFile("/text", "γλῶσσα 🌊\r\n\0"));
    equal(await value(workspace.readText("/text")), "γλῶσσα 🌊\r\n\0", "text");
    await fails("invalid", workspace.readText("/bytes"));
    // A byte order mark is a part of the file, and writing back what was read changes nothing.
    const content = async (text: string) => {
      const { entry } = await value(workspace.writeFile("/marked", text));
      return entry?.kind === "file" && entry.content;
    };
    const marked = await content("\ufeffa");
    equal(await value(workspace.readText("/marked")), "\ufeffa", "a byte order mark");
    const back = await value(workspace.readText("/marked"));
    equal(await content(back), marked, "the content");
  },

  "a file of 20 MB goes in and out as a stream": async (workspace) => {
    const bytes = noise(LARGE);
    const hash = await sha256(bytes);
    const options = { mediaType: "application/wasm", createParents: true };
    const { entry } = await value(workspace.writeFile("/a/large", streamed(bytes), options));
    equal(entry?.kind === "file" && [entry.size, entry.content], [LARGE, hash], "the entry");
    const opened = await value(workspace.openFile("/a/large"));
    equal([opened.size, opened.content, opened.mediaType], [LARGE, hash, "application/wasm"], "it");
    equal(await sha256(opened.body), hash, "the bytes");
    const part = await value(workspace.openFile("/a/large", { offset: 12_345_678, length: 4321 }));
    equal(part.size, 4321, "the size of a part");
    equal(
      await sha256(part.body),
      await sha256(bytes.subarray(12_345_678, 12_345_678 + 4321)),
      "a part",
    );
    const end = await value(workspace.openFile("/a/large", { offset: LARGE - 10 }));
    equal(await sha256(end.body), await sha256(bytes.subarray(LARGE - 10)), "the end");
    await fails("limit_exceeded", workspace.readFile("/a/large"));
    await fails("range_not_satisfiable", workspace.openFile("/a/large", { offset: LARGE }));
  },

  "an archive of 20 MB goes in and out as a stream": async (workspace) => {
    const bytes = noise(LARGE, 2);
    const archive = tar({ "one/large": bytes, "two.txt": "two" });
    const imported = await value(workspace.importTar(streamed(archive), { into: "/site" }));
    equal([imported.files, imported.bytes], [2, LARGE + 3], "the import");
    const opened = await value(workspace.openFile("/site/one/large"));
    equal(await sha256(opened.body), await sha256(bytes), "the bytes");
    const exported = await value(workspace.exportTar("/site"));
    const out = new Uint8Array(await new Response(exported).arrayBuffer());
    const found = names(out);
    equal([found["one/large"], found["two.txt"]], [LARGE, 3], "the archive");
    const at = await value(workspace.fork());
    const second = tar({ "two.txt": "three" });
    await value(workspace.importTar(second, { copy: at.id, into: "/site", deleteMissing: true }));
    equal(await value(workspace.readText("/site/two.txt", { copy: at.id })), "three", "the copy");
    await fails("not_found", workspace.stat("/site/one", { copy: at.id }));
  },

  "a stream that breaks off leaves nothing": async (workspace) => {
    for (const before of [0, 10, 3_000_000]) {
      const broken = new ReadableStream<Uint8Array>({
        start(controller) {
          if (before > 0) controller.enqueue(noise(before));
        },
        async pull(controller) {
          // One that fails before the call is made never fails on the other side.
          await scheduler.wait(20);
          controller.error(new Error("the disk caught fire"));
        },
      });
      const result = await workspace.writeFile("/broken", broken);
      equal(result.status, "error", `a stream that breaks off after ${before} bytes`);
      await fails("not_found", workspace.stat("/broken"));
    }
    const cut = tar({ a: noise(100_000) }).slice(0, 50_000);
    check((await workspace.importTar(streamed(cut))).status === "error", "a cut archive");
    equal((await value(workspace.list())).entries, [], "head");
  },

  // > A stream that cannot be written is refused before it is read, and cancelled.
  "a stream that cannot be written is not read": async (workspace) => {
    await value(workspace.writeFile("/file", "1"));
    await value(workspace.mkdir("/directory"));
    await value(workspace.snapshot());
    const { id } = await value(workspace.fork());
    await value(workspace.discard(id));
    for (const [code, path, options] of [
      ["not_found", "/no/parent", {}],
      ["not_a_directory", "/file/below", {}],
      ["is_a_directory", "/directory", {}],
      ["is_a_directory", "/", {}],
      ["invalid", "/a//b", {}],
      ["invalid", "relative", {}],
      ["already_exists", "/file", { ifAbsent: true }],
      ["stale", "/file", { ifContent: "0".repeat(64) }],
      ["stale", "/file", { expectGeneration: 99 }],
      ["read_only", "/file", { revision: 1 }],
      ["not_found", "/file", { copy: "nobody" }],
      ["closed", "/file", { copy: id }],
    ] as const) {
      const source = counted();
      await fails(code, workspace.writeFile(path, source.stream, options as object));
      await source.left(`${code} at ${path}`);
    }
    const source = counted();
    await fails("read_only", workspace.importTar(source.stream, { revision: 1 } as object));
    await source.left("an archive into a revision");
  },

  "a stream of something else than bytes is refused": async (workspace) => {
    const words = new ReadableStream({
      async pull(controller) {
        await scheduler.wait(20);
        controller.enqueue("words");
        controller.close();
      },
    });
    const result = await workspace.writeFile("/words", words);
    equal(result.status, "error", "a stream of words");
    await fails("not_found", workspace.stat("/words"));
  },

  "a reader may leave early": async (workspace) => {
    await value(workspace.writeFile("/large", streamed(noise(3_000_000))));
    for (let round = 0; round < 5; round += 1) {
      const { body } = await value(workspace.openFile("/large"));
      const reader = body.getReader();
      check((await reader.read()).value?.length, "the first bytes");
      await reader.cancel();
      await (await value(workspace.openFile("/large"))).body.cancel();
      await (await value(workspace.exportTar())).cancel();
    }
    equal(text(await value(workspace.readFile("/large"))).length > 0, true, "a read after that");
  },

  "large lists come at once or in pages": async (workspace) => {
    const name = (n: number) => `file-${String(n).padStart(4, "0")}.txt`;
    const all = Array.from({ length: 3000 }, (_, n) => name(n));
    const changes = all.map((name) => ({
      op: "write" as const,
      path: `/many/${name}`,
      content: { text: name },
      createParents: true,
    }));
    await value(workspace.change(changes));
    const once = await value(workspace.list("/many", { limit: 10_000 }));
    equal(
      once.entries.map(({ name }) => name),
      all,
      "all at once",
    );
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await value(workspace.list("/many", { limit: 700, after }));
      found.push(...page.entries.map(({ name }) => name));
      after = page.next ?? undefined;
    } while (after !== undefined);
    equal(found, all, "in pages");
    const directory = await value(workspace.stat("/many"));
    equal(directory.entry.kind === "directory" && directory.entry.files, 3000, "what it has");
  },
};
