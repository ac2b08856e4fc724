// Elements, made of text: nothing here reads HTML.

type Child = Node | string | false | undefined;

/** Makes an element with properties and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== false && child !== undefined));
  return element;
}

/** The element of that id, which the page has. */
export function byId<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

/** A list with as many entries as there are items. */
export function list<T>(items: T[], entry: (item: T) => Child[]): HTMLUListElement {
  return h("ul", {}, ...items.map((item) => h("li", {}, ...entry(item))));
}

/** A button that looks like text; `current` is what is shown just now. */
export function choice(text: string, current: boolean, onclick: () => void): HTMLButtonElement {
  const type = "button";
  return h("button", { type, className: "plain", ariaCurrent: `${current}`, onclick }, text);
}

export function action(text: string, onclick: () => void): HTMLButtonElement {
  return h("button", { type: "button", onclick }, text);
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20
    ? `${(bytes / 1024).toFixed(1)} KiB`
    : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

export function time(millis: number): string {
  return new Date(millis).toLocaleString();
}

/**
 * Puts other children into an element. Where they show the same thing anew, what
 * somebody is typing stays, and so does the focus.
 */
export function replace(element: Element, children: Node[], same: boolean): void {
  const typed = new Map(inputs(element).map((input) => [input.ariaLabel, input.value]));
  const focused = element.contains(document.activeElement) && document.activeElement;
  element.replaceChildren(...children);
  if (!same) return;
  for (const input of inputs(element)) input.value = typed.get(input.ariaLabel) ?? input.value;
  if (!focused) return;
  for (const found of element.querySelectorAll<HTMLElement>("button, input")) {
    if (label(found) === label(focused)) found.focus();
  }
}

function inputs(element: Element): HTMLInputElement[] {
  return [...element.querySelectorAll("input")];
}

function label(element: Element): string {
  return element.ariaLabel ?? element.textContent ?? "";
}
