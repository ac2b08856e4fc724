// What a Worker Loader loads beside a program: it runs it, over the files that it is handed.

import { WorkerEntrypoint } from "cloudflare:workers";
import { environment, run, settle } from "./prelude.js";

// Taken before the program can change it.
const settled = Promise.allSettled.bind(Promise);

/** Nothing is served: there is no request that it is for. */
export default {};

export class Run extends WorkerEntrypoint {
  /**
   * Runs the module `main`. `files` answers calls, and takes lines of the console; more than
   * `lines` are only counted.
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
    return { ended, leftOut: said > lines ? said - lines : 0 };
  }
}
