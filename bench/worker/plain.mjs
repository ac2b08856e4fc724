// What is left of a Worker with a bucket and an object when they do nothing else:
// PUT and GET pipe to and from R2, everything else is answered by the object.

import { DurableObject } from "cloudflare:workers";

export class EmptyObject extends DurableObject {
  fetch() {
    return new Response("{}");
  }
}

export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") {
      await env.BUCKET.put(key, request.body);
      return new Response(null, { status: 201 });
    }
    if (key === "/") return env.OBJECTS.getByName("empty").fetch(request);
    return new Response((await env.BUCKET.get(key)).body);
  },
};
