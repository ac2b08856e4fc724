// Results as responses.

import type { Code, Failure, Result } from "workspace-worker";

const STATUS: Partial<Record<Code, number>> = {
  invalid: 400,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  closed: 410,
  stale: 412,
  limit_exceeded: 413,
  source: 400,
};

/** Answers with a value, or with what went wrong. */
export async function answer(resulting: PromiseLike<Result<unknown>>): Promise<Response> {
  const result = await resulting;
  return result.status === "ok" ? Response.json(result.value) : problem(result.error);
}

/** What went wrong, with the paths of a conflict. */
export function problem(failure: Failure): Response {
  return Response.json(failure, { status: STATUS[failure.code] ?? 500 });
}

export function refuse(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
