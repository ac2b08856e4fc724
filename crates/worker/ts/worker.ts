// The Worker as it is deployed: workspaces by name, over HTTP.
//
//   /                              a page for people
//   /workspaces/NAME/v1/…          the contract of the workspace of that name
//   /workspaces/NAME/preview/…/    previews
//   PREVIEW-NAME.DOMAIN            previews, each at a host of its own

import "./adopted.js";
import { addressOf, domainOf } from "./address.js";
import { answerForNone, isForNone } from "./front.js";
import { linger } from "./linger.js";
import type { WorkspaceEnv, WorkspaceObject } from "./object.js";
import { html, policy } from "./page.js";
import type { Code, Reason } from "./result.js";

export { WorkspaceObject } from "./object.js";

/** What the Worker needs to be bound to. */
export interface Env extends WorkspaceEnv {
  WORKSPACES: DurableObjectNamespace<WorkspaceObject>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const address = addressOf(request, domainOf(env.WORKSPACE_PREVIEWS));
    switch (address.kind) {
      case "workspace":
        if (isForNone(request, address.target, env.WORKSPACE_ORIGINS)) {
          return await answerForNone(request, address.target, env.WORKSPACE_ORIGINS);
        }
        return env.WORKSPACES.getByName(address.name).fetch(request);
      case "preview":
        return env.WORKSPACES.getByName(address.name).fetch(request);
      case "unknown_host":
        await linger(request, 404);
        return problem(404, "no_such_route", "expected the host of a preview");
      case "misnamed":
        await linger(request, 404);
        return problem(400, "invalid", "expected 1 to 64 of 0-9, A-Z, a-z, - and _", {
          operation: "name workspace",
          path: address.name,
          reason: "malformed_name",
        });
      case "none":
        await linger(request, 404);
        if (/^\/($|\?)/.test(address.target)) return page(request.method);
        return problem(404, "no_such_route", "expected /workspaces/NAME/v1/…");
    }
  },
};

/** The page for people; it has no secret, and runs nothing that is not its own. */
function page(method: string): Response {
  if (method !== "GET" && method !== "HEAD") {
    return problem(405, "method_not_allowed", "this page can only be read");
  }
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  };
  return new Response(method === "GET" ? html : null, { headers });
}

/** What a problem says besides. */
type Besides = { operation: string; path: string; reason: Reason };

function problem(status: number, code: Code, detail: string, besides?: Besides): Response {
  const type = `urn:workspace:problem:${code}`;
  const title = code.replaceAll("_", " ");
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  };
  const body = JSON.stringify({ type, title, status, code, detail, ...besides });
  return new Response(body, { status, headers });
}
