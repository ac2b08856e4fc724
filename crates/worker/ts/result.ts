// What operations resolve to: plain values, which survive a structured clone.

import type { components } from "./contract.js";

type Problem = components["schemas"]["ProblemDto"];

/** What the caller can decide by. */
export type Code = Problem["code"];
/** Why the input is wrong, for the code `invalid`. */
export type Reason = NonNullable<Problem["reason"]>;
/** What is not there, for the code `not_found`. */
export type Sought = NonNullable<Problem["what"]>;

/** What came of an operation. */
export type Result<T> = { status: "ok"; value: T } | { status: "error"; error: Failure };

/**
 * Why an operation failed. Nothing of it was done, but for an import into a copy, whose
 * batches before the failure stay, and for the code `unavailable`, where it is not known.
 */
export interface Failure {
  /** What the caller can decide by; stable. */
  code: Code;
  /** Why the input is wrong, for the code `invalid`. */
  reason?: Reason;
  /** What is not there, for the code `not_found`. */
  what?: Sought;
  /** What went wrong, in words. */
  message: string;
  /** The path or id that it is about. */
  path?: string;
  /** The operation that failed. */
  operation?: string;
  /** The changed paths, for the code `conflict`. */
  conflict?: components["schemas"]["ConflictDto"];
}

export function ok<T>(value: T): Result<T> {
  return { status: "ok", value };
}

export function failed(error: Failure): Result<never> {
  return { status: "error", error };
}

/** Reads a problem document. */
export function problem(text: string): Failure {
  const found = JSON.parse(text) as Problem;
  const failure: Failure = {
    code: found.code,
    message: [found.title, found.path, found.detail].filter(Boolean).join(": "),
  };
  if (found.reason) failure.reason = found.reason;
  if (found.what) failure.what = found.what;
  if (found.path) failure.path = found.path;
  if (found.operation) failure.operation = found.operation;
  if (found.conflict) failure.conflict = found.conflict;
  return failure;
}

/** A value, or the error as an exception: for callers who rather catch. */
export function unwrap<T>(result: Result<T>): T {
  if (result.status === "ok") return result.value;
  throw new WorkspaceError(result.error);
}

/** An error of an operation, as an exception. */
export class WorkspaceError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "WorkspaceError";
    this.failure = failure;
  }
}
