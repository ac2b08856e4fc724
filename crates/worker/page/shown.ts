// The third column: what a place is, or one of its files.

import { type Place, type Read, Refused } from "./api.js";
import { action, choice, h, list, size, time } from "./dom.js";
import { difference } from "./lines.js";
import type { Page } from "./page.js";
import type {
  Copy,
  Difference,
  ForkOptions,
  Head,
  IssuedPreview,
  Published,
  Revision,
  Status,
} from "./wire.js";

/** A file that is shown, and may be edited. */
export interface Editor {
  element: Element;
  /** Whether there is something that is not saved. */
  dirty(): boolean;
}

/** Shows a place: how it stands, and what can be done with it. */
export async function overview(
  page: Page,
  place: Place,
  head: Head,
  revisions: Revision[],
): Promise<Element> {
  switch (place.kind) {
    case "head":
      return ofHead(page, head);
    case "copy":
      return ofCopy(page, await page.api.get<Status>(`/v1/copies/${place.id}/status`));
    case "revision": {
      const found = revisions.find(({ id }) => id === place.id);
      return ofRevision(page, found ?? (await page.api.get(`/v1/revisions/${place.id}`)));
    }
  }
}

function ofHead(page: Page, head: Head): Element {
  const record = action("Record as a revision", () =>
    page.attempt(async () => {
      const { revision } = await page.api.post<Published>("/v1/revisions", { actor: "page" });
      await page.refresh();
      return `Revision ${revision} has head as it is.`;
    }),
  );
  record.disabled = head.recorded === head.tree;
  return h(
    "div",
    {},
    h("h2", {}, "Head ", h("small", {}, `version ${head.version}, ${time(head.modified)}`)),
    h("p", {}, "What is published. To change it, fork a copy, edit that, and apply it."),
    h("div", { className: "actions" }, preview(page, "head"), record),
  );
}

function ofRevision(page: Page, revision: Revision): Element {
  const { id, message, actor, at, cause } = revision;
  const restore = action("Restore", () =>
    page.attempt(async () => {
      const published = await page.api.post<Published>(`/v1/revisions/${id}/restore`, {
        actor: "page",
        message: `Restore revision ${id}`,
      });
      page.go({ kind: "head" });
      return `Head is as in revision ${id} again (${published.outcome}).`;
    }),
  );
  return h(
    "div",
    {},
    h("h2", {}, `Revision ${id} `, h("small", {}, `${cause.kind}, ${time(at)}`)),
    h("p", {}, message || "No message."),
    actor !== "" && h("p", {}, `By ${actor}.`),
    h(
      "div",
      { className: "actions" },
      preview(page, `revision:${id}`),
      fork(page, { revision: id }),
      restore,
    ),
  );
}

/** Forks what is shown. */
function fork(page: Page, of: ForkOptions): HTMLButtonElement {
  return action("Fork this", () =>
    page.attempt(async () => {
      const { id } = await page.api.post<Copy>("/v1/copies", of);
      page.go({ kind: "copy", id });
    }),
  );
}

function ofCopy(page: Page, { copy, parent_moved, changes }: Status): Element {
  const at = `/v1/copies/${copy.id}`;
  const its = copy.parent ? "The copy that it is a copy of" : "Head";
  const message = h("input", { placeholder: "message", ariaLabel: "Message" });
  const apply = action("Apply", () =>
    page.attempt(async () => {
      // What is published is what this page shows, or nothing.
      const body = { expect_tree: copy.tree, actor: "page", message: message.value };
      const { outcome, revision, operation } = await page.api.post<Published>(`${at}/apply`, body);
      page.go(copy.parent ? { kind: "copy", id: copy.parent } : { kind: "head" });
      if (outcome === "unchanged") return "There was nothing to apply.";
      return operation == null
        ? `Revision ${revision} is head.`
        : `Operation ${operation} of its parent, which is not published.`;
    }),
  );
  const discard = action("Discard", () => {
    if (!confirm("Throw this copy away?")) return;
    page.attempt(async () => {
      await page.api.post<Copy>(`${at}/discard`);
      page.go({ kind: "head" });
      return "The copy is discarded.";
    });
  });
  const rebase = action("Rebase", () =>
    page.attempt(async () => {
      await page.api.post(`${at}/rebase`, { actor: "page" });
      await page.refresh();
      return copy.parent
        ? "The copy is based on what its parent is now."
        : "The copy is based on the present head.";
    }),
  );
  const count = changes.differences.length;
  return h(
    "div",
    {},
    h(
      "h2",
      {},
      `${copy.name ?? copy.id.slice(0, 12)} `,
      h("small", {}, `generation ${copy.generation}, ${time(copy.modified)}`),
    ),
    parent_moved && h("p", { className: "changed" }, `${its} has moved: rebase before applying.`),
    h(
      "div",
      { className: "actions" },
      preview(page, `copy:${copy.id}`),
      parent_moved && rebase,
      fork(page, { copy: copy.id }),
      message,
      apply,
      discard,
    ),
    fileForm(page, copy.id),
    h("h3", {}, `${changes.next ? "the first " : ""}${count} changes`),
    list(changes.differences, (change) => changed(page, copy.id, change)),
  );
}

function changed(page: Page, copy: string, change: Difference): Node[] {
  const { path, old, new: now, renamed_from } = change;
  const kind = old ? (now ? "changed" : "removed") : "added";
  const sign = { added: "+", removed: "−", changed: "~" }[kind];
  const text = renamed_from ? `${sign} ${renamed_from} → ${path}` : `${sign} ${path}`;
  const show = choice(text, false, () => page.go({ kind: "copy", id: copy }, path));
  show.classList.add(kind);
  show.disabled = now?.kind !== "file" && old?.kind !== "file";
  return [show];
}

/** Asks for the path of a new file. */
function fileForm(page: Page, copy: string): Element {
  const path = h("input", { placeholder: "/path/of/a/file", ariaLabel: "Path", required: true });
  const form = h("form", {}, path, h("button", {}, "New file"));
  form.onsubmit = (event) => {
    event.preventDefault();
    page.go({ kind: "copy", id: copy }, `/${path.value.replace(/^\/+/, "")}`);
  };
  return form;
}

/** Makes a preview, and shows a link to it. */
function preview(page: Page, at: string): HTMLButtonElement {
  return action("Preview", () =>
    page.attempt(async () => {
      const { path } = await page.api.post<IssuedPreview>("/v1/previews", { at });
      const href = page.api.url(path);
      return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, "Open the preview");
    }),
  );
}

/** Shows a file: as text to edit in a copy, and what it has changed. */
export async function edit(page: Page, place: Place, path: string): Promise<Editor> {
  const now = await found(page, place, path);
  const before = place.kind === "copy" ? await found(page, { kind: "head" }, path) : undefined;
  const back = action("Back", () => page.go(place));
  const actions = h("div", { className: "actions" }, back);
  const about = now ? size(now.size) : place.kind === "copy" ? "not there yet" : "not there";
  const element = h("div", {}, h("h2", {}, `${path} `, h("small", {}, about)), actions);
  if (now) actions.append(download(page, place, path));
  const text = now ? now.text : "";
  if (place.kind !== "copy") {
    if (text !== undefined && now) element.append(h("pre", { tabIndex: 0 }, text));
    return { element, dirty: () => false };
  }
  if (now) actions.append(remove(page, place, path));
  if (text === undefined) return { element, dirty: () => false };
  const area = h("textarea", { value: text, ariaLabel: `Text of ${path}`, spellcheck: false });
  // A textarea has its own idea of line ends: what it makes of a text is not a change.
  const initial = area.value;
  const save = action("Save", () =>
    page.attempt(async () => {
      await page.api.write(place, path, area.value, now);
      page.saved();
      await page.refresh();
      return `${path} is saved.`;
    }),
  );
  actions.append(save);
  element.append(area);
  if ((before?.text ?? "") !== text && (before === undefined || before.text !== undefined)) {
    element.append(h("h3", {}, "Against head"), lines(before?.text ?? "", text));
  }
  return { element, dirty: () => area.value !== initial };
}

/** Reads a file; nothing where there is none. */
async function found(page: Page, place: Place, path: string): Promise<Read | undefined> {
  try {
    return await page.api.read(place, path);
  } catch (error) {
    if (error instanceof Refused && error.code === "not_found") return undefined;
    throw error;
  }
}

function lines(before: string, after: string): Element {
  const signs = { added: "+ ", removed: "− ", same: "  ", skipped: "" };
  const found = difference(before, after);
  const spans = found.map(({ kind, text }) => h("span", { className: kind }, signs[kind] + text));
  return h("pre", { tabIndex: 0, ariaLabel: "Lines that differ" }, ...spans);
}

function remove(page: Page, place: Place, path: string): HTMLButtonElement {
  return action("Remove", () =>
    page.attempt(async () => {
      await page.api.remove(place, path);
      page.saved();
      page.go(place);
      return `${path} is removed.`;
    }),
  );
}

function download(page: Page, place: Place, path: string): HTMLButtonElement {
  return action("Download", () =>
    page.attempt(async () => {
      const href = URL.createObjectURL(await page.api.download(place, path));
      h("a", { href, download: path.slice(path.lastIndexOf("/") + 1) }).click();
      URL.revokeObjectURL(href);
    }),
  );
}
