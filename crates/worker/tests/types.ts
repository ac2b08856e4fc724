// What callers see of the object's type over RPC. It is checked, never run.

import {
  type Code,
  type EntryPage,
  type Opened,
  type Result,
  WorkspaceObject,
} from "workspace-worker";

declare const namespace: DurableObjectNamespace<WorkspaceObject>;
const stub = namespace.getByName("demo");

/** A call resolves to a result of `T`, whatever RPC adds to it. */
type Resolves<Call, T> = Call extends (...args: never[]) => PromiseLike<infer R>
  ? [R] extends [never]
    ? false
    : R extends Result<T>
      ? true
      : false
  : false;

type Stub = typeof stub;

export const resolves: [
  Resolves<Stub["readFile"], Uint8Array>,
  Resolves<Stub["readText"], string>,
  Resolves<Stub["openFile"], Opened>,
  Resolves<Stub["exportTar"], ReadableStream<Uint8Array>>,
  Resolves<Stub["list"], EntryPage>,
] = [true, true, true, true, true];

// No operation lost its result on the way through RPC.
type Lost = {
  [K in keyof Stub]-?: Stub[K] extends (...args: never[]) => infer R
    ? [R] extends [never]
      ? K
      : never
    : never;
}[keyof Stub];
export const lost: [Lost] extends [never] ? true : Lost = true;

export async function narrowing(): Promise<number> {
  const read = await stub.readFile("/a", { copy: "draft" });
  if (read.status === "error") {
    const paths: string[] | undefined = read.error.conflict?.both.paths;
    // @ts-expect-error: a failure has no value.
    read.value;
    return paths?.length ?? 0;
  }
  return read.value.byteLength;
}

/** The codes are a closed set: one that there is none of does not compile. */
export async function codes(): Promise<string> {
  const read = await stub.readFile("/a");
  if (read.status === "ok") return "";
  const { code, reason, what } = read.error;
  // @ts-expect-error: there is no such code.
  if (code === "not_fuond") return "";
  // @ts-expect-error: there is no such reason.
  if (reason === "whatever") return "";
  // @ts-expect-error: nor is such a thing looked for.
  if (what === "person") return "";
  const named: Code = code;
  return code === "invalid" && reason === "root" ? "the root" : `${named} ${what ?? ""}`;
}

export async function entries(): Promise<void> {
  const page = await stub.list("/", { limit: 10 });
  if (page.status === "error") return;
  for (const { name, entry } of page.value.entries) {
    if (entry.kind === "file") console.log(name, entry.size, entry.content);
    // @ts-expect-error: only files have content.
    if (entry.kind === "directory") console.log(entry.content);
  }
}

export function refused(): void {
  // @ts-expect-error: a path is text.
  stub.readFile(5);
  // @ts-expect-error: there is no such option.
  stub.writeFile("/a", "b", { parents: true });
  // @ts-expect-error: changes are of known kinds.
  stub.change([{ op: "explode", path: "/a" }]);
  // @ts-expect-error: what answers is not there for callers.
  stub.answer;
  // @ts-expect-error: nor is what the object holds.
  stub.env;
  // @ts-expect-error: a namespace of something else.
  export_(namespace as unknown as DurableObjectNamespace<undefined>);
}

/** What was a page's `next` is the next one's `after`. */
export async function paging(): Promise<number> {
  let found = 0;
  for (let after: string | undefined; ; ) {
    const page = await stub.copies({ after });
    if (page.status === "error" || page.value.next === undefined) return found;
    after = page.value.next;
    found += page.value.copies.length;
  }
}

/** Files are in one place, and what is fixed cannot be changed. */
export function places(): void {
  stub.readFile("/a", { copy: "draft" });
  stub.readFile("/a", { revision: 1 });
  // @ts-expect-error: a copy or a revision.
  stub.readFile("/a", { copy: "draft", revision: 1 });
  // @ts-expect-error: nobody writes to a revision.
  stub.writeFile("/a", "b", { revision: 1 });
  // @ts-expect-error: options are in camelCase.
  stub.writeFile("/a", "b", { create_parents: true });
}

/** An object of one's own has bindings of its own. */
interface Bindings {
  FILES: R2Bucket;
  GREETING: string;
}
export class Own extends WorkspaceObject<Bindings> {
  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env, { WORKSPACE_BUCKET: env.FILES });
  }
  async greet(): Promise<string> {
    return `${this.env.GREETING}: ${(await this.head()).status}`;
  }
}
declare const own: DurableObjectNamespace<Own>;
export const greeted: Promise<string> = own.getByName("x").greet();

/** What is handed to code that is to do nothing else has files only. */
export async function bound(): Promise<void> {
  using files = await stub.open("draft", { scope: { read: ["**"] } });
  await files.readText("/a");
  // @ts-expect-error: it names no copy.
  await files.readText("/a", { copy: "other" });
  // @ts-expect-error: and applies none.
  files.apply;
}

declare function export_(namespace: DurableObjectNamespace<WorkspaceObject>): void;

/** What can be made once takes a key, and nothing else does. */
export async function keys(): Promise<void> {
  await stub.fork({ idempotencyKey: "a" });
  await stub.apply("draft", { idempotencyKey: "b", rebase: true });
  await stub.change([], { copy: "draft", idempotencyKey: "c" });
  // @ts-expect-error: it may be repeated as it is.
  await stub.snapshot({ idempotencyKey: "d" });
}
