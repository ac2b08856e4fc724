// Runs programs of the corpus, for whoever compares what comes of them.
//
//   POST /         { workspace, tree, copy, program, options }   a run over a copy of that tree
//   POST /waiting  { waiting }   so many runs at once: their numbers, as they ended

import { type Change, type Entry, type RunOptions, WorkspaceObject } from "workspace-worker";

export { WorkspaceObject };

/** A program, and what it is run over. */
interface Asked {
  /** A name for the workspace that has this tree. */
  workspace: string;
  tree: Change[];
  /** The name of the copy, which is forked where it is not there. */
  copy: string;
  /** Modules, in their order. */
  program: [name: string, source: string][];
  options: RunOptions;
}

interface Env {
  WORKSPACES: DurableObjectNamespace<WorkspaceObject>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname === "/waiting") {
      const { waiting } = (await request.json()) as { waiting: number };
      return Response.json(await wait(env.WORKSPACES.getByName("waiting"), waiting));
    }
    const { workspace, tree, copy, program, options } = (await request.json()) as Asked;
    const stub = env.WORKSPACES.getByName(workspace);
    const head = await stub.head();
    if (head.status === "ok" && head.value.version === 0 && tree.length > 0) {
      const made = await stub.change(tree);
      if (made.status === "error") return Response.json(made, { status: 500 });
    }
    const forked = await stub.fork({ name: copy });
    if (forked.status === "error" && forked.error.code !== "already_exists") {
      return Response.json(forked, { status: 500 });
    }
    const outcome = await stub.runCode(copy, Object.fromEntries(program), options);
    const log = await stub.operations(copy);
    const files = await stub.readTree("/", { copy });
    return Response.json({
      outcome,
      operations: log.status === "ok" ? log.value.operations.length : log,
      files: files.status === "ok" ? withoutTimes(files.value) : files,
    });
  },
} satisfies ExportedHandler<Env>;

/** Asks for so many runs at once; returns their numbers in the order of their ends. */
async function wait(stub: DurableObjectStub<WorkspaceObject>, count: number): Promise<unknown[]> {
  const forked = await stub.fork({ name: "waiting" });
  if (forked.status === "error" && forked.error.code !== "already_exists") return [forked];
  const code = `const padding = ${JSON.stringify("x".repeat(10_000))};
    export default async (env, input) => {
      await env.WORKSPACE.exists("/");
      return input;
    };`;
  const ended: unknown[] = [];
  const runs = Array.from({ length: count }, async (_, input) => {
    const ran = await stub.runCode("waiting", code, { input });
    ended.push(ran.status === "ok" && ran.value.ended === "returned" ? ran.value.value : ran);
  });
  await Promise.all(runs);
  return ended;
}

/** What two runs of one program at two times have in common. */
function withoutTimes(files: Record<string, Entry>): [string, unknown][] {
  const told = (entry: Entry) =>
    entry.kind === "file"
      ? [entry.content, entry.executable, entry.mediaType]
      : entry.kind === "symlink"
        ? entry.target
        : entry.kind;
  return Object.entries(files).map(([path, entry]) => [path, told(entry)]);
}
