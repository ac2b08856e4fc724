// What a Worker Loader loads beside a program: it runs it, over the files that it is handed.

import { WorkerEntrypoint } from "cloudflare:workers";
import { environment, run, settle } from "./prelude.js";

// Taken before the program can change it.
const { defineProperty, freeze } = Object;
const { parse, stringify } = JSON;

/** Nothing is served: there is no request that it is for. */
export default {};

export class Run extends WorkerEntrypoint {
  /**
   * Runs the module `main`. `files` answers calls, and takes lines of the console; more than
   * `lines` are only counted; `bindings` are names with those of methods, which `files` calls
   * too. Resolves to how many those are, a space, and how it ended: text, as the program can
   * change what resolving to an object does. To nothing where that cannot be told: whatever the
   * program throws, or has what it made of the globals throw, is no error of this call. Those are
   * the platform's.
   */
  run(files, main, input, lines, bindings) {
    const ended = through(files, main, input, lines, bindings);
    // Who waits for a promise asks it for its constructor, which the program can make its own.
    defineProperty(ended, "constructor", { __proto__: null, value: undefined });
    return ended;
  }
}

async function through(files, main, input, lines, bindings) {
  try {
    const told = [];
    let sent = 0;
    let said = 0;
    settle((level, text) => {
      said += 1;
      if (said > lines) return;
      told[sent] = files.line(level, text);
      sent += 1;
    });
    const call = (method, given, contents) => files.call(method, given, contents);
    const env = environment(call);
    // Not by iterators, which an earlier run of the same code may have made its own.
    for (let at = 0; at < bindings.length; at += 1) {
      env[bindings[at][0]] = bound(files, bindings[at][0], bindings[at][1]);
    }
    const ended = await run(() => import(`../${main}`), env, input);
    for (let at = 0; at < sent; at += 1) {
      try {
        await told[at];
      } catch {
        // Who takes them has ended.
      }
    }
    return `${said > lines ? said - lines : 0} ${ended}`;
  } catch {
    return "";
  }
}

/** What is handed over besides the files: functions by their names. */
function bound(files, name, methods) {
  const has = {};
  for (let at = 0; at < methods.length; at += 1) {
    const method = methods[at];
    has[method] = async (...given) => {
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
  return has;
}

// A program can import this module, and is to change nothing for the next run.
freeze(Run.prototype);
freeze(Run);
