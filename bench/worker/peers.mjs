// File trees in Durable Objects, each with the same six methods over RPC: our own
// and those of two npm packages, called in the same way by the same Worker.
//
//   POST /KIND/OBJECT/OPERATION/TIMES/FROM          one RPC call each time
//   POST /KIND/OBJECT/inside/OPERATION/TIMES/FROM   all of them in one RPC call

import { Workspace as Computer } from "@cloudflare/computer";
import { Workspace as Shell } from "@cloudflare/shell";
import { DurableObject } from "cloudflare:workers";
import { unwrap, WorkspaceObject as Files } from "workspace-worker";

/** The files of an import: 100 in each of ten directories. */
const FILES = 1000;
const DIRECTORIES = 10;
const BYTES = 200;

const directory = (n) => `/src/d${n % DIRECTORIES}`;
const path = (n) => `${directory(n)}/f${n}.txt`;
const text = (n) => `file ${n}, unlike the others`.padEnd(BYTES, ` ${n}`);

const operations = {
  write: (files, n, seed) => files.writeOne(path(n), text(FILES + seed)),
  read: (files, n) => files.readOne(path(n)),
  list: (files, n) => files.listOne(directory(n)),
  stat: (files, n) => files.statOne(path(n)),
  nothing: (files) => files.nothing(),
  import: (files) => files.importAll(Array.from({ length: FILES }, (_, n) => [path(n), text(n)])),
};

/** Runs an operation several times on an object, or on the stub of one. */
async function repeat(files, operation, times, from) {
  let last;
  for (let n = from; n < from + times; n += 1) {
    last = await operations[operation](files, n % FILES, n);
  }
  return last;
}

/** What came of the last call, in the same words for all of them. */
function described(last) {
  return Array.isArray(last) ? last.length : (last?.length ?? last?.size ?? last ?? null);
}

const measured = (Base) =>
  class extends Base {
    async inside(operation, times, from) {
      return described(await repeat(this, operation, times, from));
    }
    nothing() {
      return BYTES;
    }
  };

export class OurObject extends measured(Files) {
  async writeOne(path, content) {
    return unwrap(await this.writeFile(path, content)).entry?.size;
  }
  async readOne(path) {
    return unwrap(await this.readText(path));
  }
  async listOne(path) {
    return unwrap(await this.list(path)).entries;
  }
  async statOne(path) {
    return unwrap(await this.stat(path)).entry;
  }
  async importAll(files) {
    const write = ([path, text]) => ({
      op: "write",
      path,
      content: { text },
      createParents: true,
    });
    unwrap(await this.change(files.map(write)));
    return files.length;
  }
}

export class ShellObject extends measured(DurableObject) {
  #files = new Shell({ sql: this.ctx.storage.sql });

  async writeOne(path, content) {
    await this.#files.writeFile(path, content);
    return content.length;
  }
  readOne(path) {
    return this.#files.readFile(path);
  }
  listOne(path) {
    return this.#files.readDir(path);
  }
  statOne(path) {
    return this.#files.stat(path);
  }
  async importAll(files) {
    for (let n = 0; n < DIRECTORIES; n += 1) {
      await this.#files.mkdir(directory(n), { recursive: true });
    }
    for (const [path, text] of files) await this.#files.writeFile(path, text);
    return files.length;
  }
}

export class ComputerObject extends measured(DurableObject) {
  #files = new Computer({ storage: this.ctx.storage }).fs;

  async writeOne(path, content) {
    await this.#files.writeFile(path, content);
    return content.length;
  }
  readOne(path) {
    return this.#files.readFile(path, "utf8");
  }
  listOne(path) {
    return this.#files.readdir(path);
  }
  statOne(path) {
    return this.#files.stat(path);
  }
  async importAll(files) {
    for (let n = 0; n < DIRECTORIES; n += 1) {
      await this.#files.mkdir(directory(n), { recursive: true });
    }
    for (const [path, text] of files) await this.#files.writeFile(path, text);
    return files.length;
  }
}

export default {
  async fetch(request, env) {
    const [, kind, object, ...rest] = new URL(request.url).pathname.split("/");
    const inside = rest[0] === "inside";
    const [operation, times, from] = inside ? rest.slice(1) : rest;
    const stub = env[kind].getByName(object);
    try {
      const last = inside
        ? await stub.inside(operation, Number(times), Number(from))
        : described(await repeat(stub, operation, Number(times), Number(from)));
      return Response.json(last);
    } catch (error) {
      return new Response(`${error.stack ?? error}`, { status: 500 });
    }
  },
};
