// What is done with files, for whoever can call operations: all of them, or a part of a copy.

import {
  ArgumentError,
  type Arguments,
  type At,
  bytes,
  type Caller,
  called,
  contents,
  ended,
  guarded,
  plain,
  small,
  thrown,
} from "./call.js";
import type { Changed, Entry, Imported, WalkPage, Written } from "./generated.js";
import { failed, ok, type Result } from "./result.js";
import type {
  Bytes,
  Change,
  ChangeOptions,
  ImportOptions,
  LineOptions,
  Lines,
  MkdirOptions,
  MoveOptions,
  Opened,
  OpenOptions,
  RemoveOptions,
  WalkOptions,
  WriteFilesOptions,
  WriteOptions,
} from "./types.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The most bytes that `readFile` hands over at once: RPC takes 32 MiB. */
const MAX_VALUE = 16 << 20;
/** The most bytes of contents that go into one batch. */
const MAX_BATCH = 4 << 20;
/** How many files are written at a time. */
const AT_A_TIME = 8;

export async function readFile(on: Caller, path: string, at: At): Promise<Result<Uint8Array>> {
  try {
    const found = plain(path, at) && on[small](path, at);
    if (found) return ok(found);
  } catch (error) {
    return thrown(error);
  }
  return readLarge(on, path, at);
}

function readLarge(on: Caller, path: string, at: At): Promise<Result<Uint8Array>> {
  return guarded(async () => {
    const opened = await openFile(on, path, at);
    if (opened.status === "error") return opened;
    const { size, body } = opened.value;
    if (size > MAX_VALUE) {
      await body.cancel();
      const message = `${path}: ${size} bytes, more than ${MAX_VALUE}: open it as a stream`;
      return failed({ code: "limit_exceeded", message, path, operation: "read" });
    }
    return ok(new Uint8Array(await new Response(body).arrayBuffer()));
  });
}

export async function readText(on: Caller, path: string, at: At): Promise<Result<string>> {
  const read = await readFile(on, path, at);
  if (read.status === "error") return read;
  try {
    return ok(utf8.decode(read.value));
  } catch {
    const message = `${path}: not UTF-8`;
    return failed({ code: "invalid", reason: "not_utf8", message, path, operation: "read" });
  }
}

export async function readLines(
  on: Caller,
  path: string,
  options: LineOptions,
): Promise<Result<Lines>> {
  const { first = 1, last = Number.MAX_SAFE_INTEGER, ...at } = options;
  const whole = [first, last].every((line) => Number.isSafeInteger(line) && line >= 1);
  if (!whole || last < first) {
    const message = `${path}: lines ${first} to ${last}, which are counted from 1`;
    return failed({ code: "invalid", reason: "malformed_range", message, path, operation: "read" });
  }
  const text = await readText(on, path, at as At);
  if (text.status === "error") return text;
  const lines = text.value.split(/\r?\n/);
  // What ends with a line end has no line after it.
  if (lines.at(-1) === "") lines.pop();
  return ok({ lines: lines.slice(first - 1, last), first, total: lines.length });
}

export async function openFile(
  on: Caller,
  path: string,
  options: OpenOptions,
): Promise<Result<Opened>> {
  const opened = await on[contents]("open_file", { ...options, path });
  if (opened.status === "error") return opened;
  const told = opened.value.value as Omit<Opened, "body">;
  return ok({ body: opened.value.contents ?? empty(), ...told });
}

export function writeFile(
  on: Caller,
  path: string,
  content: Bytes,
  options: WriteOptions,
): Promise<Result<Written>> {
  return giving(on, "write_file", { ...options, path }, content);
}

export function importTar(
  on: Caller,
  archive: Bytes,
  options: ImportOptions,
): Promise<Result<Imported>> {
  return giving(on, "import_tar", { ...options }, archive);
}

export async function exportTar(
  on: Caller,
  path: string,
  at: At,
): Promise<Result<ReadableStream<Uint8Array>>> {
  const exported = await on[contents]("export_tar", { ...at, path });
  return exported.status === "error" ? exported : ok(exported.value.contents ?? empty());
}

export function walk(on: Caller, path: string, options: WalkOptions): Promise<Result<WalkPage>> {
  return on[called]("walk", { ...options, path });
}

export async function readTree(
  on: Caller,
  path: string,
  at: At,
): Promise<Result<Record<string, Entry>>> {
  const tree: Record<string, Entry> = {};
  let after: string | undefined;
  let [count, size] = [0, 0];
  do {
    const page: Result<WalkPage> = await walk(on, path, { ...at, after, limit: MAX_PAGE });
    if (page.status === "error") return page;
    for (const { path, entry } of page.value.entries) {
      tree[path] = entry;
      count += 1;
      // A character takes up to three bytes, and an entry has a hash and its numbers.
      size += 3 * path.length + 400 + (entry.kind === "file" ? (entry.provenance?.length ?? 0) : 0);
    }
    after = page.value.next;
    if (count > MAX_TREE || size > MAX_VALUE) {
      const message = `${path}: more entries than can be handed over at once: walk them in pages`;
      return failed({ code: "limit_exceeded", message, path, operation: "read" });
    }
  } while (after !== undefined);
  return ok(tree);
}

const MAX_PAGE = 10_000;
/** The most entries that are handed over at once. */
const MAX_TREE = 50_000;

export function change(
  on: Caller,
  changes: Change[],
  options: ChangeOptions,
): Promise<Result<Changed>> {
  return on[called]("change", { ...options, changes });
}

export function mkdir(on: Caller, path: string, options: MkdirOptions): Promise<Result<Changed>> {
  return one(on, options, ({ parents, ...rest }) => [{ op: "mkdir", path, parents }, rest]);
}

export function remove(on: Caller, path: string, options: RemoveOptions): Promise<Result<Changed>> {
  return one(on, options, ({ recursive, ...rest }) => [{ op: "remove", path, recursive }, rest]);
}

export function move(
  on: Caller,
  from: string,
  to: string,
  options: MoveOptions,
): Promise<Result<Changed>> {
  return one(on, options, ({ replace, ...rest }) => [{ op: "move", from, to, replace }, rest]);
}

export function copyTo(
  on: Caller,
  from: string,
  to: string,
  options: MoveOptions,
): Promise<Result<Changed>> {
  return one(on, options, ({ replace, ...rest }) => [{ op: "copy", from, to, replace }, rest]);
}

/** Makes one change. */
function one<O extends ChangeOptions>(
  on: Caller,
  options: O,
  of: (options: O) => [Change, ChangeOptions],
): Promise<Result<Changed>> {
  return guarded(async () => {
    const [made, rest] = of(options);
    return change(on, [made], rest);
  });
}

/**
 * Writes files. What is small and known is one batch; else they are written into a copy of
 * the files, which is then applied: all or nothing as well, whatever their sizes.
 */
export function writeFiles(
  on: Caller,
  files: Record<string, Bytes>,
  options: WriteFilesOptions,
  spare: Spare | undefined,
): Promise<Result<{ files: number }>> {
  const streams: ReadableStream[] = [];
  const written = guarded(async () => {
    if (typeof files !== "object" || files === null) {
      throw new ArgumentError("malformed_argument", "files are a record of paths and contents");
    }
    const unknown = Object.keys(options).find((name) => !WRITING.includes(name));
    if (unknown !== undefined) {
      throw new ArgumentError("malformed_argument", `unknown field \`${unknown}\``);
    }
    const entries = Object.entries(files);
    streams.push(...Object.values(files).filter((one) => one instanceof ReadableStream));
    const given = await Promise.all(
      entries.map(async ([path, content]) => [path, await bytes(content)] as const),
    );
    const held = given.filter(([, content]) => content instanceof Uint8Array);
    const size = held.reduce((sum, [, content]) => sum + (content as Uint8Array).byteLength, 0);
    if (held.length === given.length && size <= MAX_BATCH) {
      const changes = held.map(([path, content]): Change => {
        const base64 = toBase64(content as Uint8Array);
        return { op: "write", path, content: { base64 }, createParents: true };
      });
      const changed = await change(on, changes, options);
      return changed.status === "error" ? changed : ok({ files: given.length });
    }
    if (!spare) {
      const message = `contents of more than ${MAX_BATCH} bytes, or streams: write them one by one`;
      return failed({ code: "limit_exceeded", message, operation: "write" });
    }
    return spare(options, async (copy) => {
      const { actor, note } = options;
      const left = [...given];
      const write = async (): Promise<Result<unknown>> => {
        for (let next = left.shift(); next; next = left.shift()) {
          const [path, content] = next;
          const how = { copy, actor, note, createParents: true };
          const written = await writeFile(on, path, content, how);
          if (written.status === "error") {
            // It is all or nothing: nobody begins another.
            left.length = 0;
            return written;
          }
        }
        return ok(undefined);
      };
      const all = await Promise.all(Array.from({ length: AT_A_TIME }, write));
      const wrong = all.find((result) => result.status === "error");
      return wrong?.status === "error" ? wrong : ok({ files: given.length });
    });
  });
  return written.finally(async () => {
    // What nobody began to read: its source would wait for ever.
    const unread = streams.filter((stream) => !stream.locked);
    const why = "it was refused before it was read";
    await Promise.all(unread.map((stream) => stream.cancel(why).catch(() => {})));
  });
}

/** What writing files may be told besides. */
const WRITING = ["copy", "expectGeneration", "actor", "note"];

/** Does something in a copy of the files that are meant, and applies it; all or nothing. */
export type Spare = <T>(
  options: ChangeOptions,
  body: (copy: string) => Promise<Result<T>>,
) => Promise<Result<T>>;

/** Calls what takes contents. */
async function giving<T>(
  on: Caller,
  name: string,
  args: Arguments,
  content: Bytes,
): Promise<Result<T>> {
  try {
    const given = await bytes(content);
    const answered = on[contents](name, args, given);
    const result = await ended(given, answered);
    return result.status === "error" ? result : ok(result.value.value as T);
  } catch (error) {
    return thrown(error);
  }
}

function empty(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start: (controller) => controller.close(),
  });
}

function toBase64(content: Uint8Array): string {
  let text = "";
  for (let at = 0; at < content.length; at += 0x8000) {
    text += String.fromCharCode(...content.subarray(at, at + 0x8000));
  }
  return btoa(text);
}
