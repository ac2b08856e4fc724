// A small publishing desk. A site is a workspace: its head is what visitors see;
// a draft is a working copy that an agent edits and an editor publishes.
//
//   PUT  /sites/SITE                         a tar archive becomes the site
//   GET  /sites/SITE/live/PATH               what visitors see; needs no token
//   POST /sites/SITE/drafts                  forks a draft: { name }
//   GET  /sites/SITE/drafts/DRAFT            how it stands, and what it changed
//   POST /sites/SITE/drafts/DRAFT/preview    a URL that shows it as a site
//   POST /sites/SITE/drafts/DRAFT/agent      lets the agent edit it: { replace, by }
//   POST /sites/SITE/drafts/DRAFT/undo       takes back one edit: { operation }
//   POST /sites/SITE/drafts/DRAFT/rebase     brings in what was published since
//   POST /sites/SITE/drafts/DRAFT/publish    what was reviewed goes live: { reviewed }
//   POST /sites/SITE/drafts/DRAFT/discard    throws it away
//   GET  /sites/SITE/revisions               what was live, newest first
//   POST /sites/SITE/revisions/N/restore     makes it live again
//
//   /workspaces/SITE/…                       previews; and for editors, everything

import { WorkspaceError, type WorkspaceObject, workspaces } from "workspace-worker";
import { edit, open } from "./agent.js";
import { allowed } from "./editors.js";
import { answer, problem, refuse } from "./respond.js";

// The object runs in this Worker: exported here, bound in wrangler.jsonc.
export { WorkspaceObject } from "workspace-worker";

interface Env {
  WORKSPACES: DurableObjectNamespace<WorkspaceObject>;
  WORKSPACE_BUCKET: R2Bucket;
  WORKSPACE_TOKEN?: string;
}

type Site = DurableObjectStub<WorkspaceObject>;

const SITE = /^[a-z0-9-]{1,40}$/;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return await route(request, env);
    } catch (error) {
      if (error instanceof WorkspaceError) return problem(error.failure);
      if (error instanceof SyntaxError || error instanceof URIError) {
        return refuse(400, error.message);
      }
      throw error;
    }
  },
};

async function route(request: Request, env: Env): Promise<Response> {
  // Previews are for whoever has their URL, and everything else is for the token.
  if (new URL(request.url).pathname.startsWith("/workspaces/")) {
    return workspaces.fetch(request, env);
  }
  const [, sites, name = "", what = "", ...rest] = new URL(request.url).pathname.split("/");
  if (sites !== "sites" || !SITE.test(name)) return refuse(404, "there is no such page");
  const site = env.WORKSPACES.getByName(name);
  const call = `${request.method} ${what}`;
  if (call === "GET live") return page(site, rest);
  if (!(await allowed(request, env.WORKSPACE_TOKEN))) return refuse(401, "editors have a token");
  switch (call) {
    case "PUT ":
      return answer(site.importTar(request.body ?? "", { deleteMissing: true, actor: "editor" }));
    case "POST drafts":
      return rest.length === 0 ? fork(site, request) : draft(site, name, request, rest);
    case "GET drafts":
      return draft(site, name, request, rest);
    case "GET revisions":
      return answer(site.revisions({ limit: 20 }));
    case "POST revisions":
      if (rest[1] === "restore") return answer(site.restore(Number(rest[0]), { actor: "editor" }));
  }
  return refuse(404, "there is no such page");
}

async function fork(site: Site, request: Request): Promise<Response> {
  const { name } = await texts(request, "name");
  return answer(site.fork({ name, expires: Date.now() + 7 * 24 * 3600 * 1000 }));
}

async function draft(site: Site, of: string, request: Request, rest: string[]): Promise<Response> {
  const [name = "", what = ""] = rest.map(decodeURIComponent);
  switch (`${request.method} ${what}`) {
    case "GET ":
      return answer(site.status(name));
    case "POST preview": {
      const shown = await site.issuePreview({ at: `copy:${name}` });
      if (shown.status === "error") return problem(shown.error);
      const { path, tree, expires } = shown.value;
      return Response.json({ url: `/workspaces/${of}${path}`, tree, expires });
    }
    case "POST agent": {
      const task = await texts(request, "replace", "by");
      return Response.json(await edit(open(site, name), task));
    }
    case "POST undo": {
      const { operation } = await texts(request, "operation");
      return answer(site.undo(name, Number(operation), { actor: "editor" }));
    }
    case "POST rebase":
      return answer(site.rebase(name, { actor: "editor" }));
    case "POST publish": {
      // Published is the tree that the editor looked at, or nothing.
      const { reviewed } = await texts(request, "reviewed");
      return answer(site.apply(name, { expectTree: reviewed, actor: "editor", message: name }));
    }
    case "POST discard":
      return answer(site.discard(name));
  }
  return refuse(404, "there is no such page");
}

/** The fields of a JSON body, none of which may be missing. */
async function texts<K extends string>(
  request: Request,
  ...names: K[]
): Promise<Record<K, string>> {
  const body = await request.json<Partial<Record<K, unknown>> | null>();
  const fields = names.map((name) => {
    const field = body?.[name];
    if (typeof field === "string" || typeof field === "number") return [name, `${field}`];
    throw new SyntaxError(`"${name}" is missing`);
  });
  return Object.fromEntries(fields);
}

/** Sends a file as a browser wants it. */
async function page(site: Site, segments: string[]): Promise<Response> {
  const path = `/${segments.map(decodeURIComponent).join("/")}`;
  const opened = await site.openFile(path.endsWith("/") ? `${path}index.html` : path);
  if (opened.status === "error") return problem(opened.error);
  const { body, size, content, mediaType } = opened.value;
  return new Response(body, {
    headers: {
      "content-type": /(\/|\.html)$/.test(path) ? "text/html; charset=utf-8" : mediaType,
      "content-length": `${size}`,
      etag: `"${content}"`,
      "x-content-type-options": "nosniff",
    },
  });
}
