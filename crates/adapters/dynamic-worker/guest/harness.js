// What a Worker Loader loads beside a program: it runs it, over the files that it is handed.

import { WorkerEntrypoint } from "cloudflare:workers";
import { environment, run, settle } from "./prelude.js";

// Taken before the program can change it.
const settled = Promise.allSettled.bind(Promise);
const freeze = Object.freeze;

/** Nothing is served: there is no request that it is for. */
export default {};

export class Run extends WorkerEntrypoint {
  /**
   * Runs the module `main`. `files` answers calls, and takes lines of the console; more than
   * `lines` are only counted. Resolves to how many those are, a space, and how it ended: text,
   * as the program can change what resolving to an object does.
   */
  async run(files, main, input, lines) {
    const told = [];
    let said = 0;
    settle((level, text) => {
      said += 1;
      if (said <= lines) told.push(files.line(level, text));
    });
    const call = (method, given, contents) => files.call(method, given, contents);
    const ended = await run(() => import(`../${main}`), environment(call), input);
    await settled(told);
    return `${said > lines ? said - lines : 0} ${ended}`;
  }
}

// A program can import this module, and is to change nothing for the next run.
freeze(Run.prototype);
freeze(Run);
