// Runs programs of the corpus, for whoever compares what comes of them.
//
//   POST /  { tree, program, options }   a run over a copy of that tree: its outcome, and the
//                                        tree of the copy after it

import { type Change, type RunOptions, WorkspaceObject } from "workspace-worker";

export { WorkspaceObject };

/** A program, and what it is run over. */
interface Asked {
  /** A name for the workspace that has this tree. */
  workspace: string;
  tree: Change[];
  /** Modules, in their order. */
  program: [name: string, source: string][];
  options: RunOptions;
}

interface Env {
  WORKSPACES: DurableObjectNamespace<WorkspaceObject>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { workspace, tree, program, options } = (await request.json()) as Asked;
    const stub = env.WORKSPACES.getByName(workspace);
    const head = await stub.head();
    if (head.status === "ok" && head.value.version === 0 && tree.length > 0) {
      const made = await stub.change(tree);
      if (made.status === "error") return Response.json(made, { status: 500 });
    }
    const forked = await stub.fork({});
    if (forked.status === "error") return Response.json(forked, { status: 500 });
    const copy = forked.value.id;
    const outcome = await stub.runCode(copy, Object.fromEntries(program), options);
    const after = await stub.copy(copy);
    await stub.discard(copy);
    const found = after.status === "ok" ? after.value.tree : undefined;
    return Response.json({ outcome, tree: found });
  },
} satisfies ExportedHandler<Env>;
