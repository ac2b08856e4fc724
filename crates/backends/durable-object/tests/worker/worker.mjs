// The Worker of the tests: `POST /<object>/<case>/<argument>…` runs a case of
// lib.rs inside the object of that name.

import { DurableObject } from "cloudflare:workers";
import { Guarded, Panic } from "./guard.mjs";
import { TestObject as Tests } from "./bindings.js";

export class TestObject extends DurableObject {
  #tests = new Guarded(
    () => new Tests(this.ctx.storage, this.env.BUCKET, this.ctx.id.toString()),
  );

  async fetch(request) {
    const [, , name, ...args] = new URL(request.url).pathname.split("/");
    try {
      return new Response(await this.#tests.call((tests) => tests.run(name, args)));
    } catch (error) {
      const status = error instanceof Panic ? 500 : 422;
      return new Response(`${error.message ?? error}`, { status });
    }
  }
}

export default {
  fetch(request, env) {
    const [, object] = new URL(request.url).pathname.split("/");
    return env.OBJECTS.getByName(object).fetch(request);
  },
};
