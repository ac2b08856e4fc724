// What the Rust half is given: settings, and what JavaScript does better.

import type { RunEnv } from "./run.js";
import { upload } from "./upload.js";

/** What the object is bound to, and its settings. */
export interface WorkspaceEnv extends RunEnv {
  /** Large contents. */
  WORKSPACE_BUCKET: R2Bucket;
  /**
   * The root token, a secret, or several with white space between them, so that a new one
   * is known before the old one goes; without it only grants let anybody in from outside.
   */
  WORKSPACE_TOKEN?: string;
  /** Origins whose pages may ask from a browser, with white space between them; none. */
  WORKSPACE_ORIGINS?: string;
  /** The domain below which each preview has a host of its own. */
  WORKSPACE_PREVIEWS?: string;
  /** As many of the newest revisions are kept; all, unless it is said. */
  WORKSPACE_KEEP_REVISIONS?: string;
  /** And those of as many days. */
  WORKSPACE_KEEP_DAYS?: string;
  /** For how many seconds nothing must have changed before a collection; an hour. */
  WORKSPACE_IDLE?: string;
}

/** Seen by the Rust half, which names its fields in `platform.rs`. */
export class Platform {
  readonly #bucket: R2Bucket;
  readonly #changed: () => Promise<void> | undefined;
  readonly token: string | undefined;
  readonly origins: string | undefined;
  readonly keepRevisions: number | undefined;
  readonly keepDays: number | undefined;
  /** In milliseconds. */
  readonly idle: number | undefined;

  constructor(env: WorkspaceEnv, changed: () => Promise<void> | undefined) {
    this.#bucket = env.WORKSPACE_BUCKET;
    this.#changed = changed;
    this.token = env.WORKSPACE_TOKEN || undefined;
    this.origins = env.WORKSPACE_ORIGINS || undefined;
    this.keepRevisions = number("WORKSPACE_KEEP_REVISIONS", env.WORKSPACE_KEEP_REVISIONS);
    this.keepDays = number("WORKSPACE_KEEP_DAYS", env.WORKSPACE_KEEP_DAYS);
    const idle = number("WORKSPACE_IDLE", env.WORKSPACE_IDLE);
    this.idle = idle === undefined ? undefined : idle * 1000;
  }

  upload(name: string, body: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
    return upload(this.#bucket, name, body, size);
  }

  /** Is told after each request that was let in and may have changed something. */
  changed(): Promise<void> | undefined {
    return this.#changed();
  }
}

function number(name: string, text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text === "") return undefined;
  const found = Number(text);
  if (!(found >= 0)) throw new Error(`${name} is "${text}", and should be a number`);
  return found;
}
