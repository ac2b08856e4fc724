// Lists that come in pages, one after the other.

import { type Result, unwrap } from "./result.js";

/**
 * All that a list has, page after page: what fails is thrown, as `unwrap` does.
 *
 *     for await (const copy of all((after?: string) => site.copies({ after }), "copies")) …
 *
 * `page` asks for the page after what the one before had as `next`; `name` is the field of a
 * page that has its items.
 */
export async function* all<K, N extends string, P extends { [name in N]: unknown[] }>(
  page: (after?: K) => PromiseLike<Result<P & { next?: K }>>,
  name: N,
): AsyncGenerator<P[N][number], void, void> {
  let after: K | undefined;
  do {
    const found: P & { next?: K } = unwrap(await page(after));
    yield* found[name] as P[N][number][];
    after = found.next;
  } while (after !== undefined);
}
