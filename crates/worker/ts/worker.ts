// The Worker as it is deployed: workspaces by name, over HTTP.
//
//   /workspaces/NAME/v1/…   the contract of the workspace of that name

import type { WorkspaceEnv, WorkspaceObject } from "./object.js";

export { WorkspaceObject } from "./object.js";

/** What the Worker needs to be bound to. */
export interface Env extends WorkspaceEnv {
  WORKSPACES: DurableObjectNamespace<WorkspaceObject>;
}

/** 1 to 64 characters that mean nothing in a URL, a host name or a path. */
const NAME = /^[0-9a-zA-Z_-]{1,64}$/;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, root, name = ""] = pathOf(request.url).split("/");
    if (root !== "workspaces") return problem(404, "no_such_route", "no such route");
    if (!NAME.test(name)) {
      return problem(400, "invalid", "expected 1 to 64 of 0-9, A-Z, a-z, - and _", name);
    }
    return env.WORKSPACES.getByName(name).fetch(request);
  },
};

/** The path as it was sent: nothing decoded, no `..` resolved. */
function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
}

function problem(status: number, code: string, detail: string, path?: string): Response {
  const type = `urn:workspace:problem:${code}`;
  const title = code.replaceAll("_", " ");
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  const body = JSON.stringify({ type, title, status, code, detail, path });
  return new Response(body, { status, headers });
}
