//! {}
//= {"ended":"threw","name":"Error","message":"here","module":"main.ts","line":13,"files":"discarded"}
interface Long {
  a: string;
  b: {
    c: number;
  };
}

export default async function main<T extends Long>(
  env: { WORKSPACE: unknown },
  input: T | null,
): Promise<never> { throw new Error("here" as string);
}
