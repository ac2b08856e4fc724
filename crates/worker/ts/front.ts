// What is answered without waking a workspace: whether the server is there, its document,
// and what a browser asks before a request of a page of another origin.

import type { Front } from "./bindings.js";
import { headersOf } from "./call.js";
import { Guarded } from "./guard.mjs";
import { rust } from "./rust.mjs";

let made: { origins: string | undefined; front: Guarded<Front> } | undefined;

/** Tells whether a request of the contract is for no workspace in particular. */
export function isForNone(request: Request, target: string, origins: string | undefined): boolean {
  const path = target.replace(/\?.*$/s, "");
  if (request.method === "OPTIONS") {
    const asks = ["origin", "access-control-request-method"];
    return !!origins && path.startsWith("/v1/") && asks.every((name) => request.headers.has(name));
  }
  const reads = request.method === "GET" || request.method === "HEAD";
  return reads && (path === "/v1/health" || path === "/v1/openapi.json");
}

/** Answers such a request, as a workspace would. */
export async function answerForNone(
  request: Request,
  target: string,
  origins: string | undefined,
): Promise<Response> {
  if (made === undefined || made.origins !== origins) {
    made = { origins, front: new Guarded(() => new rust.Front(origins)) };
  }
  const sent = [...request.headers].flat().join("\n");
  const { method } = request;
  const found = await made.front.call((front) => front.fetch(method, target, sent));
  const [status, flat, body] = found as [number, string, Uint8Array | undefined];
  return new Response(body ?? null, { status, headers: headersOf(flat) });
}
