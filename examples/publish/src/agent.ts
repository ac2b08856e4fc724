// The agent: it is given one draft, and edits it. Here it replaces a phrase on
// every page; yours would ask a model.

import { type Change, unwrap, type WorkspaceObject } from "workspace-worker";

/** A draft, and the few things that an agent does with it. */
export interface Draft {
  /** The paths of all files. */
  files(): Promise<string[]>;
  read(path: string): Promise<string>;
  /** Changes files, as one operation that an editor can undo alone. */
  change(changes: Change[], note: string): Promise<number | undefined>;
}

/** The draft of that name. */
export function open(site: DurableObjectStub<WorkspaceObject>, copy: string): Draft {
  const files = async (directory = ""): Promise<string[]> => {
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = unwrap(await site.list(directory || "/", { copy, after }));
      for (const { name, entry } of page.entries) {
        const path = `${directory}/${name}`;
        if (entry.kind === "directory") found.push(...(await files(path)));
        if (entry.kind === "file") found.push(path);
      }
      after = page.next ?? undefined;
    } while (after !== undefined);
    return found;
  };
  return {
    files: () => files(),
    read: async (path) => unwrap(await site.readText(path, { copy })),
    change: async (changes, note) => {
      const changed = unwrap(await site.change(changes, { copy, actor: "agent", note }));
      return changed.operation ?? undefined;
    },
  };
}

/** Replaces a phrase on every page; returns what it changed. */
export async function edit(
  draft: Draft,
  { replace, by }: { replace: string; by: string },
): Promise<{ changed: string[]; operation: number | undefined }> {
  const changes: Change[] = [];
  const changed: string[] = [];
  for (const path of await draft.files()) {
    if (!path.endsWith(".html")) continue;
    const before = await draft.read(path);
    const after = before.replaceAll(replace, by);
    if (after === before) continue;
    changes.push({ op: "write", path, content: { text: after } });
    changed.push(path);
  }
  const operation = await draft.change(changes, `"${replace}" is now "${by}"`);
  return { changed, operation };
}
