// The change feed over WebSockets, which the object may sleep beside.

import { logThrown } from "./log.js";
import type { components } from "./wire.js";

export type Event = components["schemas"]["EventDto"];
export type EventPage = components["schemas"]["EventPage"];

/** Where a socket is: kept with it while the object sleeps. */
interface Attachment {
  /** The number of the last event that was sent. */
  after: number;
}

/** Returns the events after a number, oldest first; nothing where they are gone. */
type Read = (after: number) => Promise<Event[] | undefined>;

/** A browser can put no token into the header of an upgrade, but this into its URL. */
const TICKET = "ticket";
/** For so many milliseconds a ticket lets somebody in, once. */
const VALID = 30_000;
/** As many are out at a time; the oldest goes first. */
const TICKETS = 1000;
/** Tells a client to read the workspace anew: the events it wants are gone. */
const GONE = 4410;

export class Feed {
  readonly #ctx: DurableObjectState;
  readonly #read: Read;
  /** Until when each ticket is valid. An object that is started anew knows none. */
  readonly #tickets = new Map<string, number>();
  #publishing: Promise<void> = Promise.resolve();

  constructor(ctx: DurableObjectState, read: Read) {
    this.#ctx = ctx;
    this.#read = read;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Makes what lets its bearer in instead of a token: once, and soon. */
  ticket(): string {
    const oldest = this.#tickets.keys().next().value;
    if (oldest !== undefined && this.#tickets.size >= TICKETS) this.#tickets.delete(oldest);
    const ticket = crypto.randomUUID();
    this.#tickets.set(ticket, Date.now() + VALID);
    return ticket;
  }

  /** Tells whether a request has a ticket that is valid, which then is none any more. */
  admits(target: string): boolean {
    const ticket = query(target).get(TICKET);
    const until = ticket === null ? undefined : this.#tickets.get(ticket);
    if (ticket === null || until === undefined) return false;
    this.#tickets.delete(ticket);
    return Date.now() < until;
  }

  /** Takes in a client, and sends what it has missed since event `after`. */
  accept(after: number): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment({ after } satisfies Attachment);
    this.publish();
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Sends what is new to whoever listens. */
  publish(): void {
    if (this.#ctx.getWebSockets().length === 0) return;
    // One after the other, so that no socket gets an event twice or out of order.
    this.#publishing = this.#publishing
      .then(() => this.#send())
      .catch((error) => logThrown("the feed failed", error));
    this.#ctx.waitUntil(this.#publishing);
  }

  async #send(): Promise<void> {
    for (const socket of this.#ctx.getWebSockets()) {
      try {
        await this.#sendTo(socket);
      } catch (error) {
        // One that closed meanwhile keeps nothing from those after it.
        logThrown("a socket failed", error);
      }
    }
  }

  async #sendTo(socket: WebSocket): Promise<void> {
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

/** Tells whether a request wants a WebSocket. */
export function isUpgrade(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Returns a target without its ticket, which is nobody else's business. */
export function withoutTicket(target: string): string {
  const [path = "", ...rest] = target.split("?");
  const kept = query(target);
  kept.delete(TICKET);
  return rest.length === 0 ? path : `${path}?${kept}`;
}

function query(target: string): URLSearchParams {
  return new URLSearchParams(target.split("?").slice(1).join("?"));
}
