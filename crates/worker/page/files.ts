// The files of a place, as a tree of which directories open one by one.

import { below, type Place } from "./api.js";
import { choice, h, size } from "./dom.js";
import type { Page } from "./page.js";
import type { EntryPage } from "./wire.js";

type Listed = EntryPage["entries"][number];

export class Files {
  readonly #page: Page;
  /** The directories that are open, whatever the place. */
  readonly #open = new Set<string>();

  constructor(page: Page) {
    this.#page = page;
  }

  async render(place: Place): Promise<Node[]> {
    return [h("h2", {}, "Files"), await this.#directory(place, "")];
  }

  async #directory(place: Place, path: string): Promise<HTMLUListElement> {
    const target = below(place, "list", path);
    const entries = await this.#page.api.all(target, "after", (page: EntryPage) => page.entries);
    const items = entries.map((listed) => this.#entry(place, path, listed));
    const shown = await Promise.all(items);
    return h("ul", {}, ...(shown.length > 0 ? shown : [h("li", {}, h("small", {}, "empty"))]));
  }

  async #entry(place: Place, path: string, { name, entry }: Listed): Promise<HTMLLIElement> {
    const at = `${path}/${name}`;
    switch (entry.kind) {
      case "directory": {
        const open = this.#open.has(at);
        const toggle = choice(`${open ? "▾" : "▸"} ${name}/`, false, () => {
          if (!this.#open.delete(at)) this.#open.add(at);
          this.#page.attempt(() => this.#page.refresh());
        });
        toggle.ariaExpanded = `${open}`;
        const below = open && (await this.#directory(place, at));
        return h("li", {}, toggle, h("small", {}, `${entry.files} files`), below);
      }
      case "file": {
        const current = this.#page.path === at;
        const show = choice(name, current, () => this.#page.go(place, at));
        return h("li", {}, show, h("small", {}, size(entry.size)));
      }
      default:
        return h("li", {}, `${name} → ${entry.target}`);
    }
  }
}
