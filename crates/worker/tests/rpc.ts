// Calls the object over RPC, as another Worker does, and checks what comes back.
//
//   GET  /         the names of the cases
//   POST /NAME     runs one: 200, or 500 and why

import { WorkspaceObject } from "workspace-worker";
import { apps } from "./apps.js";
import { bound } from "./bound.js";
import { check } from "./check.js";
import { contents } from "./contents.js";
import { errors } from "./errors.js";
import { flow } from "./flow.js";
import { runs } from "./runs.js";

export { WorkspaceObject };

type Namespace = DurableObjectNamespace<WorkspaceObject>;
export type Stub = DurableObjectStub<WorkspaceObject>;
/** Gets the name of a workspace that no other case uses. */
export type Case = (workspace: Stub, workspaces: Namespace) => Promise<void>;

const CASES: Record<string, Case> = {
  ...flow,
  ...contents,
  ...errors,
  ...bound,
  ...runs,
  ...apps,
  // The last one: it looks back at the others.
  "every operation was called": async () => {
    const operations = Object.getPrototypeOf(WorkspaceObject.prototype);
    const generated = Object.getPrototypeOf(operations);
    const own = ["site", "runCode", "app"];
    const names = [operations, generated].flatMap(Object.getOwnPropertyNames).concat(own);
    const missed = names.filter((name) => name !== "constructor" && !called.has(name));
    check(missed.length === 0, `never called: ${missed.join(", ")}`);
  },
};

const called = new Set<string>();

export default {
  async fetch(request: Request, env: { WORKSPACES: Namespace }): Promise<Response> {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const run = CASES[name];
    if (!run) return Response.json(Object.keys(CASES));
    try {
      await run(noting(env.WORKSPACES.getByName(name)), env.WORKSPACES);
      return new Response("passed");
    } catch (error) {
      return new Response(error instanceof Error ? error.stack : String(error), { status: 500 });
    }
  },
};

/** A stub that notes what is called. */
function noting(stub: Stub): Stub {
  return new Proxy(stub, {
    get(target, name) {
      if (typeof name === "string") called.add(name);
      const found = Reflect.get(target, name, target);
      // Not bound: on a stub, `bind` would be a method of the object as well.
      return typeof found === "function"
        ? (...args: unknown[]) => Reflect.apply(found, target, args)
        : found;
    },
  });
}
