// What is left of a Worker with a bucket and an object when they do nothing else:
// PUT and GET pipe to and from R2, everything else is answered by the object. Below
// `/table/` an object keeps files in one table.

import { DurableObject } from "cloudflare:workers";

export class EmptyObject extends DurableObject {
  fetch() {
    return new Response("{}");
  }
}

export class TableObject extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec(`CREATE TABLE IF NOT EXISTS files (
      path TEXT PRIMARY KEY, bytes BLOB NOT NULL, type TEXT, modified INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`);
  }

  async fetch(request) {
    const { sql } = this.ctx.storage;
    if (request.headers.get("authorization") !== "Bearer a-token-of-the-table") {
      return new Response(null, { status: 401 });
    }
    const path = new URL(request.url).pathname;
    if (request.method === "PUT") {
      const bytes = await request.arrayBuffer();
      const type = request.headers.get("content-type");
      sql.exec(
        `INSERT INTO files VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET
         bytes = excluded.bytes, type = excluded.type, modified = excluded.modified`,
        path,
        bytes,
        type,
        Date.now(),
      );
      return Response.json({ path, size: bytes.byteLength });
    }
    const [found] = sql.exec("SELECT bytes, type FROM files WHERE path = ?", path);
    if (!found) return new Response(null, { status: 404 });
    return new Response(found.bytes, { headers: { "content-type": found.type } });
  }
}

export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname;
    if (key.startsWith("/table/")) return env.TABLES.getByName("table").fetch(request);
    if (request.method === "PUT") {
      await env.BUCKET.put(key, request.body);
      return new Response(null, { status: 201 });
    }
    if (key === "/") return env.OBJECTS.getByName("empty").fetch(request);
    return new Response((await env.BUCKET.get(key)).body);
  },
};
