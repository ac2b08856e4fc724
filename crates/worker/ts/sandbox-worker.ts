// The Worker of a workerd of its own, in which delegated code is run where the platform holds
// no limits: one that hangs, or takes too much, is killed with what it runs and made again.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { App, Assets, Source } from "./app.js";
import { execute, type Load, type Ran, type RunTarget, serve } from "./sandbox.js";

/** What it is bound to. */
interface Env {
  LOADER: WorkerLoader;
}

/** So many programs are loaded: workerd keeps each, until it is made again. */
const PROGRAMS = 100;

const loaded = new Set<string>();

export default class Sandbox extends WorkerEntrypoint<Env> {
  /** Tells whether there is room for a program: otherwise it is to be made again first. */
  async hasRoom(key: string): Promise<boolean> {
    return loaded.size < PROGRAMS || loaded.has(key);
  }

  /** Answers a request by an application. */
  async serve(app: App, source: Source, assets: Assets, request: Request): Promise<Response> {
    loaded.add(app.key);
    return serve(this.env.LOADER, app, source, assets, request);
  }

  /** Runs a program. */
  async execute(load: Load, files: RunTarget): Promise<Ran> {
    loaded.add(load.key);
    return execute(this.env.LOADER, load, files);
  }
}
