// An open workspace: what is chosen, and the three columns that show it.

import { type Api, type Place, Refused } from "./api.js";
import { byId, choice, h, list, replace, time } from "./dom.js";
import { Files } from "./files.js";
import { type Editor, edit, overview } from "./shown.js";
import type { Copy, CopyPage, Head, Revision, RevisionPage } from "./wire.js";

/** How long events are gathered before they are shown, in milliseconds. */
const PAUSE = 150;

export class Page {
  readonly api: Api;
  place: Place = { kind: "head" };
  /** The file that is shown; none for an overview of the place. */
  path: string | undefined;
  readonly #files = new Files(this);
  readonly #closed = new AbortController();
  #editor: Editor | undefined;
  /** What the third column shows. */
  #shown = "";
  #round = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(api: Api) {
    this.api = api;
  }

  /** Shows it, and follows what happens to it. Rejects where it cannot be read. */
  async open(): Promise<void> {
    await this.refresh();
    const soon = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.attempt(() => this.refresh()), PAUSE);
    };
    this.api.follow(soon, soon, this.#closed.signal);
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#timer);
    this.#round += 1;
  }

  /** Chooses a place, or a file of one; unsaved changes stay unless given up. */
  go(place: Place, path?: string): void {
    if (this.#editor?.dirty() && !confirm("Give up what was not saved?")) return;
    this.#editor = undefined;
    this.place = place;
    this.path = path;
    this.attempt(() => this.refresh());
  }

  /** Forgets the editor: what it had is saved. */
  saved(): void {
    this.#editor = undefined;
  }

  /** Does something, and says how it went. */
  async attempt(body: () => Promise<unknown>): Promise<void> {
    try {
      const done = await body();
      if (typeof done === "string" || done instanceof Node) say(done);
    } catch (error) {
      sayError(error);
    }
  }

  /** Reads everything that is shown anew. */
  async refresh(): Promise<void> {
    this.#round += 1;
    const round = this.#round;
    try {
      await this.#render(round);
    } catch (error) {
      // What is gone meanwhile is nobody's news any more.
      if (round === this.#round) throw error;
    }
  }

  async #render(round: number): Promise<void> {
    const [head, copies, revisions] = await Promise.all([
      this.api.get<Head>("/v1/head"),
      this.api.all("/v1/copies", "after", ({ copies }: CopyPage) => copies),
      this.api.get<RevisionPage>("/v1/revisions?limit=50"),
    ]);
    // Whoever chose something else meanwhile has begun a round of their own.
    if (round !== this.#round) return;
    const { place } = this;
    if (place.kind === "copy" && !copies.some(({ id }) => id === place.id)) {
      this.place = { kind: "head" };
      this.path = undefined;
      this.#editor = undefined;
      say("The copy is closed.");
    }
    const files = await this.#files.render(this.place);
    // What somebody is typing is not touched by what others do.
    const editor = this.#editor?.dirty()
      ? this.#editor
      : await this.#show(head, revisions.revisions);
    if (round !== this.#round) return;
    this.#editor = editor.dirty ? (editor as Editor) : undefined;
    const shown = JSON.stringify([this.place, this.path]);
    replace(byId("places"), this.#places(head, copies, revisions.revisions), true);
    replace(byId("files"), files, true);
    if (!editor.element.isConnected) {
      replace(byId("shown"), [editor.element], shown === this.#shown);
    }
    this.#shown = shown;
  }

  async #show(head: Head, revisions: Revision[]): Promise<Partial<Editor> & { element: Element }> {
    if (this.path !== undefined) return edit(this, this.place, this.path);
    return { element: await overview(this, this.place, head, revisions) };
  }

  #places(head: Head, copies: Copy[], revisions: Revision[]): Node[] {
    const is = (kind: Place["kind"], id?: string | number) =>
      this.place.kind === kind && (this.place.kind === "head" || this.place.id === id);
    const name = h("input", { placeholder: "name", ariaLabel: "Name of the copy", maxLength: 100 });
    const fork = h("form", {}, name, h("button", {}, "Fork"));
    fork.onsubmit = (event) => {
      event.preventDefault();
      this.attempt(async () => {
        const { id } = await this.api.post<Copy>("/v1/copies", { name: name.value || null });
        name.value = "";
        this.go({ kind: "copy", id });
      });
    };
    return [
      list([head], () => [
        choice("Head", is("head"), () => this.go({ kind: "head" })),
        h("small", {}, head.recorded === head.tree ? "" : "not recorded"),
      ]),
      h("h3", {}, "Copies"),
      list(asTree(copies), ({ copy: { id, name, generation }, depth }) => {
        const label = `${"↳ ".repeat(depth)}${name ?? id.slice(0, 12)}`;
        return [
          choice(label, is("copy", id), () => this.go({ kind: "copy", id })),
          h("small", {}, `generation ${generation}`),
        ];
      }),
      fork,
      h("h3", {}, "Revisions"),
      list(revisions, ({ id, message, at }) => [
        choice(`${id}`, is("revision", id), () => this.go({ kind: "revision", id })),
        h("small", { title: time(at) }, message),
      ]),
    ];
  }
}

/** Puts each copy below the one that it is a copy of. */
function asTree(copies: Copy[]): { copy: Copy; depth: number }[] {
  const listed = new Set(copies.map(({ id }) => id));
  const below = new Map<string, Copy[]>();
  for (const copy of copies) {
    const parent = copy.parent && listed.has(copy.parent) ? copy.parent : "";
    below.set(parent, [...(below.get(parent) ?? []), copy]);
  }
  const from = (parent: string, depth: number): { copy: Copy; depth: number }[] =>
    (below.get(parent) ?? []).flatMap((copy) => [{ copy, depth }, ...from(copy.id, depth + 1)]);
  return from("", 0);
}

export function say(what: string | Node): void {
  const said = byId("said");
  said.className = "";
  said.replaceChildren(what);
}

/** Says what went wrong, with the paths of a conflict. */
export function sayError(error: unknown): void {
  const said = byId("said");
  said.className = "error";
  said.replaceChildren(error instanceof Error ? error.message : String(error));
  if (!(error instanceof Refused) || !error.conflict) return;
  const { both, copy, parent } = error.conflict;
  for (const [where, { paths, count }] of Object.entries({ both, copy, parent })) {
    if (count > 0) said.append(h("div", {}, `${where}: ${paths.slice(0, 20).join(", ")}`));
  }
}
