// What a Worker Loader loads beside a program: it runs it, over the files that it is handed.

import { WorkerEntrypoint } from "cloudflare:workers";
import { environment, run, settle } from "./prelude.js";

// Taken before the program can change it.
const settled = Promise.allSettled.bind(Promise);
const freeze = Object.freeze;
const { stringify, parse } = JSON;

/** Nothing is served: there is no request that it is for. */
export default {};

export class Run extends WorkerEntrypoint {
  /**
   * Runs the module `main`. `files` answers calls, and takes lines of the console; more than
   * `lines` are only counted; `bindings` are names with those of methods, which `files` calls
   * too. Resolves to how many those are, a space, and how it ended: text,
   * as the program can change what resolving to an object does.
   */
  async run(files, main, input, lines, bindings) {
    const told = [];
    let said = 0;
    settle((level, text) => {
      said += 1;
      if (said <= lines) told.push(files.line(level, text));
    });
    const call = (method, given, contents) => files.call(method, given, contents);
    const env = environment(call);
    for (const [name, methods] of bindings) {
      env[name] = {};
      for (const method of methods) {
        env[name][method] = async (...given) => {
          let text;
          try {
            text = stringify(given);
          } catch (error) {
            const message = `arguments are what JSON can say: ${error}`;
            return { status: "error", error: { code: "invalid", reason: "malformed_argument", message } };
          }
          return parse(await files.bound(name, method, text));
        };
      }
    }
    const ended = await run(() => import(`../${main}`), env, input);
    await settled(told);
    return `${said > lines ? said - lines : 0} ${ended}`;
  }
}

// A program can import this module, and is to change nothing for the next run.
freeze(Run.prototype);
freeze(Run);
