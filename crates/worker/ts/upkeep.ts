// Upkeep by alarms: copies expire, revisions are pruned, garbage is collected.

import { logThrown } from "./log.js";

/** How long after a change the first step is taken, at most. */
const DELAY = 60_000;
/** As many steps one alarm takes, letting requests in between. */
const STEPS = 20;
/** The longest that is waited before what failed is tried again. */
const LONGEST = 60 * 60 * 1000;
/** How far ahead an alarm is set at most: dates end before what can expire does. */
const LATEST = 30 * 24 * 60 * 60 * 1000;

/** Takes a step; resolves to when the next one is due, if one is. */
type Step = () => Promise<number | undefined>;

export class Upkeep {
  readonly #storage: DurableObjectStorage;
  readonly #delay: number;
  readonly #step: Step;
  /** How often in a row it failed, as far as this object remembers: one that slept begins anew. */
  #failures = 0;
  /** When the alarm rings; nothing where that is not known. */
  #alarm: number | undefined;

  constructor(storage: DurableObjectStorage, idle: number | undefined, step: Step) {
    this.#storage = storage;
    this.#delay = Math.min(DELAY, idle ?? DELAY);
    this.#step = step;
  }

  /** Sees to it that the alarm rings soon: something changed. Nothing to wait for where it will. */
  schedule(): Promise<void> | undefined {
    const soon = Date.now() + this.#delay;
    return this.#alarm !== undefined && this.#alarm <= soon ? undefined : this.#ring(soon);
  }

  async #ring(soon: number): Promise<void> {
    const set = await this.#storage.getAlarm();
    if (set === null || set > soon) await this.#storage.setAlarm(soon);
    this.#alarm = Math.min(set ?? soon, soon);
  }

  /** Takes steps, and sets the alarm for the next. */
  async run(): Promise<void> {
    this.#alarm = undefined;
    let next: number | undefined;
    try {
      for (let step = 0; step < STEPS; step += 1) {
        next = await this.#step();
        if (next === undefined || next > Date.now()) break;
        await scheduler.wait(0);
      }
      this.#failures = 0;
    } catch (error) {
      // An alarm that fails is rung six times, and then never again.
      logThrown("upkeep failed", error);
      next = Date.now() + Math.min(DELAY * 2 ** this.#failures, LONGEST);
      this.#failures += 1;
    }
    if (next === undefined) return;
    // One that a commit set meanwhile stays.
    const set = (await this.#storage.getAlarm()) ?? Number.POSITIVE_INFINITY;
    const alarm = Math.min(next, Date.now() + LATEST, set);
    await this.#storage.setAlarm(alarm);
    this.#alarm = alarm;
  }
}
