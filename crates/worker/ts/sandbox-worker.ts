// The Worker of a workerd of its own, in which delegated code is run where the platform holds
// no limits: one that hangs, or takes too much, is killed with what it runs and made again.

import { WorkerEntrypoint } from "cloudflare:workers";
import { execute, type Load, type Ran, type RunTarget } from "./sandbox.js";

/** What it is bound to. */
interface Env {
  LOADER: WorkerLoader;
}

/** So many programs are loaded: workerd keeps each, until it is made again. */
const PROGRAMS = 100;

const loaded = new Set<string>();

export default class Sandbox extends WorkerEntrypoint<Env> {
  /** Runs a program; nothing, where it is to be made again first. */
  async execute(load: Load, files: RunTarget): Promise<Ran | undefined> {
    if (loaded.size >= PROGRAMS && !loaded.has(load.key)) return undefined;
    loaded.add(load.key);
    return execute(this.env.LOADER, load, files);
  }
}
