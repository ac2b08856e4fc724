// Keeps a panic of Rust to the requests that it hit.
//
// A panic is a trap: its call never returns, its promise never settles, and the
// memory of the instance cannot be trusted any more. The guard makes a new
// instance at once and rejects what was in flight in the old one. What was
// committed is in storage; what was not is rolled back by the platform.

import { rust } from "./rust.mjs";

/** @type {Set<(error: Error) => void>} */
const inFlight = new Set();
let generation = 0;

// A trap in a task that Rust spawned, or in one that it went on with after an
// await, is nobody's exception: it arrives here.
addEventListener("error", (event) => noticed(event.error));

/** @param {unknown} error */
function noticed(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  generation += 1;
  rust.__wbg_reset_state();
  const panic = new Panic(error);
  for (const reject of inFlight) reject(panic);
  inFlight.clear();
}

/** What a call is rejected with when Rust panicked; `cause` is the trap. */
export class Panic extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("the Worker panicked", { cause });
    this.name = "Panic";
  }
}

/**
 * Holds a Rust value, made by `make`, and made again after a panic.
 *
 * @template T
 */
export class Guarded {
  /** @type {() => T} */
  #make;
  /** @type {T | undefined} */
  #value;
  #generation = -1;

  /** @param {() => T} make */
  constructor(make) {
    this.#make = make;
  }

  /**
   * Returns what `body` returns for the value, at once.
   *
   * @template R
   * @param {(value: T) => R} body
   * @returns {R}
   */
  now(body) {
    try {
      return body(this.#made());
    } catch (error) {
      noticed(error);
      throw error instanceof WebAssembly.RuntimeError ? new Panic(error) : error;
    }
  }

  #made() {
    if (this.#generation !== generation) {
      this.#generation = generation;
      this.#value = this.#make();
    }
    return /** @type {T} */ (this.#value);
  }

  /**
   * Resolves to what `body` returns for the value. Rejects with a `Panic` where
   * Rust panics before that, whoever's request was to blame.
   *
   * @template R
   * @param {(value: T) => R | PromiseLike<R>} body
   * @returns {Promise<Awaited<R>>}
   */
  call(body) {
    return new Promise((resolve, reject) => {
      inFlight.add(reject);
      /** @param {unknown} error */
      const failed = (error) => {
        noticed(error);
        inFlight.delete(reject);
        reject(error);
      };
      try {
        const made = Promise.resolve(body(this.#made()));
        made.then((found) => {
          inFlight.delete(reject);
          resolve(found);
        }, failed);
      } catch (error) {
        failed(error);
      }
    });
  }
}
