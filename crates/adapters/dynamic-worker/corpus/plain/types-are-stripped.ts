//! {"input":{"lines":["a","b"]}}
//= {"ended":"returned","value":["a\nb",2,"é"],"files":"applied","written":["/typed.txt"]}
interface Files {
  writeFile(path: string, contents: string): Promise<unknown>;
  readText(path: string): Promise<{ status: "ok"; value: string } | { status: "error" }>;
}
type Input = { lines: string[] };

abstract class Kept<T extends { length: number }> {
  declare kept: T;
  #count?: number;
  constructor(public_: T, protected_?: never) {
    this.kept = public_;
  }
  count(this: Kept<T>): number {
    return (this.#count ??= this.kept.length as number);
  }
}
class Lines extends Kept<string[]> implements Iterable<string> {
  *[Symbol.iterator](): Generator<string> {
    yield* this.kept!;
  }
}

export default async ({ WORKSPACE }: { WORKSPACE: Files }, input: Input): Promise<unknown> => {
  const lines = new Lines(input.lines satisfies string[]);
  await WORKSPACE.writeFile("/typed.txt", [...lines].join("\n"));
  const read = await WORKSPACE.readText("/typed.txt");
  return [read.status === "ok" ? read.value : (undefined as never), lines.count(), "é" as const];
};
