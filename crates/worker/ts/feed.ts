// The change feed over WebSockets, which the object may sleep beside.

import type { components } from "./contract.js";

export type Event = components["schemas"]["EventDto"];
export type EventPage = components["schemas"]["EventPage"];

/** Where a socket is: kept with it while the object sleeps. */
interface Attachment {
  /** The number of the last event that was sent. */
  after: number;
}

/** Returns the events after a number, oldest first; nothing where they are gone. */
type Read = (after: number) => Promise<Event[] | undefined>;

/** A token cannot be put into a header by a browser, only into a subprotocol. */
const BEARER = "bearer.";
/** Tells a client to read the workspace anew: the events it wants are gone. */
const GONE = 4410;

export class Feed {
  readonly #ctx: DurableObjectState;
  readonly #read: Read;
  #publishing: Promise<void> = Promise.resolve();

  constructor(ctx: DurableObjectState, read: Read) {
    this.#ctx = ctx;
    this.#read = read;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Takes in a client, and sends what it has missed since event `after`. */
  accept(request: Request, after: number): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment({ after } satisfies Attachment);
    this.publish();
    const chosen = protocols(request)[0];
    const headers = new Headers(chosen ? { "sec-websocket-protocol": chosen } : {});
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  /** Sends what is new to whoever listens. */
  publish(): void {
    if (this.#ctx.getWebSockets().length === 0) return;
    // One after the other, so that no socket gets an event twice or out of order.
    this.#publishing = this.#publishing.then(() => this.#send()).catch(console.error);
    this.#ctx.waitUntil(this.#publishing);
  }

  async #send(): Promise<void> {
    for (const socket of this.#ctx.getWebSockets()) {
      let { after } = socket.deserializeAttachment() as Attachment;
      for (let more = true; more && socket.readyState === WebSocket.OPEN; ) {
        const events = await this.#read(after);
        if (!events) {
          socket.close(GONE, "the events after this one are gone");
          break;
        }
        for (const event of events) {
          socket.send(JSON.stringify(event));
          after = event.sequence;
        }
        socket.serializeAttachment({ after } satisfies Attachment);
        more = events.length > 0;
      }
    }
  }
}

/** Tells whether a request wants a WebSocket. */
export function isUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** The authorization of an upgrade, with a token out of its subprotocols. */
export function upgradeHeaders(request: Request): string[] {
  const sent = request.headers.get("authorization");
  const token = protocols(request).find((name) => name.startsWith(BEARER));
  const told = token ? `Bearer ${token.slice(BEARER.length)}` : sent;
  return told === null ? [] : ["authorization", told];
}

function protocols(request: Request): string[] {
  const names = request.headers.get("sec-websocket-protocol") ?? "";
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
