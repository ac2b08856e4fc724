// What a Worker Loader loads to strip the types of modules of TypeScript, before it loads those:
// a Worker of its own, since what strips them may be given anything.

import { WorkerEntrypoint } from "cloudflare:workers";
import stripper from "./stripper.wasm";

/** What is more than the stack or the memory of the stripper can take. */
const TOO_MUCH = "1 1 the module is too large, or nested too deep, to strip its types";

/** Nothing is served but through the class below. */
export default {};

export class Strip extends WorkerEntrypoint {
  /**
   * Strips modules, given as names and texts. Resolves to the same of which the types are blank,
   * and to what is wrong with the others: the name, the line, the column, and why. With `all`,
   * to what is wrong with each, and otherwise with the first.
   */
  strip(modules, all) {
    let instance = new WebAssembly.Instance(stripper);
    const [stripped, wrong] = [[], []];
    for (const [name, text] of modules) {
      const answer = stripOne(instance.exports, new TextEncoder().encode(text));
      if (answer[0] === "+") {
        stripped.push([name, answer.slice(1)]);
        continue;
      }
      const [line, column, ...why] = answer.slice(1).split(" ");
      wrong.push({ name, line, column, why: why.join(" ") });
      if (!all) break;
      // What came to an end of its own is in no state to go on.
      instance = new WebAssembly.Instance(stripper);
    }
    return { stripped, wrong };
  }
}

function stripOne({ take, strip, memory }, bytes) {
  try {
    const room = take(bytes.length) >>> 0;
    if (room === 0) return `-${TOO_MUCH}`;
    new Uint8Array(memory.buffer, room, bytes.length).set(bytes);
    const answer = BigInt.asUintN(64, strip(room, bytes.length));
    const [at, size] = [Number(answer >> 32n), Number(answer & 0xffffffffn)];
    return new TextDecoder().decode(new Uint8Array(memory.buffer, at, size));
  } catch {
    // There is no more stack, or no more memory.
    return `-${TOO_MUCH}`;
  }
}
