// The Worker of the tests: `POST /<object>/<case>/<argument>…` runs a case of
// lib.rs inside the object of that name.

import { DurableObject } from "cloudflare:workers";
import * as bindings from "./bindings.js";
import { Guarded, Panic } from "./guard.mjs";
import { adopt } from "./rust.mjs";

adopt(bindings);

export class TestObject extends DurableObject {
  #tests = new Guarded(() => new bindings.TestObject(this.ctx, this.env));

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
