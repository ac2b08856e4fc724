// What differs between two texts, line by line.

export interface Line {
  kind: "added" | "removed" | "same" | "skipped";
  text: string;
}

/** How many lines around a change are shown. */
const AROUND = 3;
/** The most pairs of lines that are compared; beyond, all lines count as changed. */
const MOST = 4_000_000;

/** The lines that differ, by the longest common subsequence, and those around. */
export function difference(before: string, after: string): Line[] {
  const [a, b] = [split(before), split(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) {
    end += 1;
  }
  const same = (lines: string[]): Line[] => lines.map((text) => ({ kind: "same", text }));
  return shorten([
    ...same(a.slice(0, start)),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(a.slice(a.length - end)),
  ]);
}

function split(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function middle(a: string[], b: string[]): Line[] {
  const removed = (text: string): Line => ({ kind: "removed", text });
  const added = (text: string): Line => ({ kind: "added", text });
  if (a.length * b.length > MOST) return [...a.map(removed), ...b.map(added)];
  // longest[i][j]: of a from i on, and b from j on.
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] as number;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const found: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ kind: "same", text: a[i] as string });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      found.push(removed(a[i] as string));
      i += 1;
    } else {
      found.push(added(b[j] as string));
      j += 1;
    }
  }
  return found;
}

/** Leaves out what is far from any change. */
function shorten(lines: Line[]): Line[] {
  const near = new Set<number>();
  for (const [at, { kind }] of lines.entries()) {
    if (kind === "same") continue;
    for (let around = at - AROUND; around <= at + AROUND; around += 1) near.add(around);
  }
  const found: Line[] = [];
  for (const [at, line] of lines.entries()) {
    if (near.has(at)) found.push(line);
    else if (found.at(-1)?.kind !== "skipped") found.push({ kind: "skipped", text: "⋯" });
  }
  return found;
}
