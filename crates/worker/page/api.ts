// Calls of the HTTP contract, by somebody with a token.

import type { Code } from "../ts/result.js";
import type { Conflict, Event } from "./wire.js";

/** Which files are meant. */
export type Place =
  | { kind: "head" }
  | { kind: "copy"; id: string }
  | { kind: "revision"; id: number };

/** What the server refused, in its words. */
export class Refused extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly conflict?: Conflict,
  ) {
    super(message);
  }
}

/** A file as it was read. */
export interface Read {
  /** Its text; absent for what is not text, or large. */
  text?: string;
  size: number;
  /** Its content id. */
  content: string;
}

/** The most bytes that are shown. */
const SHOWN = 1 << 20;
/** What the server closes the feed with when the events that are wanted are gone. */
const GONE = 4410;
/** How long before a connection that was lost is made again. */
const RETRY = 2000;

export class Api {
  readonly #token: string;
  readonly #root: string;

  constructor(workspace: string, token: string) {
    this.#token = token;
    this.#root = `/workspaces/${encodeURIComponent(workspace)}`;
  }

  /** Where something is on this server. */
  url(path: string): string {
    return this.#root + path;
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#send("GET", path)).json();
  }

  async post<T>(path: string, body: object = {}): Promise<T> {
    const headers = { "content-type": "application/json" };
    return (await this.#send("POST", path, JSON.stringify(body), headers)).json();
  }

  /** All entries of a list that comes in pages. */
  async all<P extends { next?: string | number | null }, T>(
    path: string,
    after: string,
    items: (page: P) => T[],
  ): Promise<T[]> {
    const found: T[] = [];
    let next: string | number | undefined;
    do {
      const begin = next === undefined ? "" : `&${after}=${encodeURIComponent(next)}`;
      const page = await this.get<P>(`${path}${path.includes("?") ? "" : "?"}${begin}`);
      found.push(...items(page));
      next = page.next ?? undefined;
    } while (next !== undefined);
    return found;
  }

  async read(place: Place, path: string): Promise<Read> {
    const response = await this.#send("GET", below(place, "files", path));
    const size = Number(response.headers.get("content-length"));
    const content = response.headers.get("etag") ?? "";
    if (size > SHOWN) {
      await response.body?.cancel();
      return { size, content };
    }
    const bytes = await response.arrayBuffer();
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return text.includes("\0") ? { size, content } : { text, size, content };
    } catch {
      return { size, content };
    }
  }

  async download(place: Place, path: string): Promise<Blob> {
    return (await this.#send("GET", below(place, "files", path))).blob();
  }

  /** Writes a file where it is still the one that was read, or still not there. */
  async write(place: Place, path: string, text: string, before?: Read): Promise<void> {
    const headers: Record<string, string> = before
      ? { "if-match": before.content }
      : { "if-none-match": "*" };
    const target = `${below(place, "files", path)}?create_parents=true&actor=page`;
    await this.#send("PUT", target, new Blob([text]), headers);
  }

  async remove(place: Place, path: string): Promise<void> {
    await this.#send("DELETE", `${below(place, "files", path)}?actor=page`);
  }

  /** Calls back for each event from now on, until `stop` is. */
  follow(seen: (event: Event) => void, missed: () => void, stop: AbortSignal): void {
    let after: number | undefined;
    const connect = async () => {
      if (stop.aborted) return;
      const ticket = await this.#ticket().catch(() => undefined);
      if (stop.aborted) return;
      if (ticket === undefined) {
        // What happens until then cannot be told either.
        if (after === undefined) missed();
        setTimeout(connect, RETRY);
        return;
      }
      const from = after === undefined ? "" : `&after=${after}`;
      const origin = location.origin.replace(/^http/, "ws");
      const socket = new WebSocket(`${origin}${this.url(`/v1/events?ticket=${ticket}${from}`)}`);
      const close = () => socket.close();
      stop.addEventListener("abort", close);
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data) as Event;
        after = event.sequence;
        seen(event);
      };
      socket.onclose = ({ code }) => {
        stop.removeEventListener("abort", close);
        if (stop.aborted) return;
        // What was missed cannot be told where no event was seen yet.
        if (code === GONE) after = undefined;
        if (after === undefined) missed();
        setTimeout(connect, RETRY);
      };
    };
    connect();
  }

  /** Gets what stands for the token in the URL of a WebSocket, once. */
  async #ticket(): Promise<string> {
    const response = await this.#send("POST", "/v1/events/tickets");
    const { ticket } = (await response.json()) as { ticket: string };
    return ticket;
  }

  async #send(
    method: string,
    path: string,
    body?: BodyInit,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const authorization = `Bearer ${this.#token}`;
    const init: RequestInit = { method, headers: { ...headers, authorization }, cache: "no-store" };
    if (body !== undefined) init.body = body;
    const response = await fetch(this.url(path), init);
    if (response.ok) return response;
    const { code, title, path: about, detail, conflict } = await response.json();
    throw new Refused(code, [title, about, detail].filter(Boolean).join(": "), conflict);
  }
}

/** Where `what` of a place is for a path. */
export function below(place: Place, what: string, path = "/"): string {
  const rest = path.split("/").filter(Boolean).map(encodeURIComponent).join("/");
  return `${where(place)}/${what}${rest && `/${rest}`}`;
}

function where(place: Place): string {
  switch (place.kind) {
    case "head":
      return "/v1/head";
    case "copy":
      return `/v1/copies/${encodeURIComponent(place.id)}`;
    case "revision":
      return `/v1/revisions/${place.id}`;
  }
}
