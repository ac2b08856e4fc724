// What a Worker Loader loads beside an application: it answers requests by it, with its static
// files.

import { WorkerEntrypoint } from "cloudflare:workers";

/** Nothing is served but through the class below. */
export default {};

export class App extends WorkerEntrypoint {
  /** Answers a request by the module `main`; `assets` has the static files. */
  async serve(request, main, assets) {
    const { default: program } = await import(`../${main}`);
    const env = { ASSETS: { fetch: (input, init) => assets.fetch(new Request(input, init)) } };
    const server = typeof program === "function" ? new program(this.ctx, env) : program;
    if (typeof server?.fetch !== "function") {
      throw new TypeError(`${main}: its default export has no function \`fetch\``);
    }
    return server.fetch(request, env, this.ctx);
  }
}
