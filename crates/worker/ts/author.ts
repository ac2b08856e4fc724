// What a Worker in Rust is put together with, whose wasm links `workspace-worker`: see
// `examples/guestbook`.

import { DurableObject } from "cloudflare:workers";
import { Guarded, Panic } from "./guard.mjs";
import { logThrown } from "./log.js";
import { adopt as adoptRust, type Rust } from "./rust.mjs";

export { type WorkspaceEnv, WorkspaceObject } from "./object.js";

/** What wasm-bindgen exports for a module that links `workspace-worker`. */
export interface Bindings {
  __wbg_reset_state(): void;
  Front: unknown;
  WorkspaceObject: unknown;
}

/** The class of a `#[durable_object]`, as wasm-bindgen exports it. */
type RustClass = new (ctx: DurableObjectState, env: unknown) => RustObject;

/** The handlers of one, of which it has those that its attribute asks for. */
interface RustObject {
  fetch(request: Request): Promise<Response>;
  alarm?(): Promise<unknown>;
  webSocketMessage?(socket: WebSocket, message: string | ArrayBuffer): Promise<unknown>;
  webSocketClose?(
    socket: WebSocket,
    code: number,
    reason: string,
    clean: boolean,
  ): Promise<unknown>;
  webSocketError?(socket: WebSocket, error: unknown): Promise<unknown>;
}

/** What `#[event(fetch)]` exports. */
interface RustEntry {
  fetch?(request: Request, env: unknown, ctx: ExecutionContext): Promise<Response>;
}

let adopted: Bindings | undefined;

/** Takes the module, before anything is asked of it. */
export function adopt(bindings: Bindings): void {
  adopted = bindings;
  adoptRust(bindings as unknown as Rust);
}

function module<T>(): T {
  if (adopted === undefined) throw new Error("no wasm module was adopted");
  return adopted as T;
}

/**
 * Makes the class of a `#[durable_object]` of that name, whose panics are kept off
 * everything else.
 */
export function objectOf(
  name: string,
): new (
  ctx: DurableObjectState,
  env: unknown,
) => DurableObject {
  return class extends DurableObject {
    readonly #rust: Guarded<RustObject>;

    constructor(ctx: DurableObjectState, env: unknown) {
      super(ctx, env as never);
      this.#rust = new Guarded(() => {
        const Rust = module<Record<string, RustClass>>()[name];
        if (Rust === undefined) throw new Error(`the wasm module has no object ${name}`);
        return new Rust(ctx, env);
      });
    }

    override fetch(request: Request): Promise<Response> {
      return answered(this.#rust.call((rust) => rust.fetch(request)));
    }

    override async alarm(): Promise<void> {
      await this.#rust.call((rust) => rust.alarm?.());
    }

    override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer) {
      await this.#rust.call((rust) => rust.webSocketMessage?.(socket, message));
    }

    override async webSocketClose(socket: WebSocket, code: number, reason: string, clean: boolean) {
      await this.#rust.call((rust) => rust.webSocketClose?.(socket, code, reason, clean));
    }

    override async webSocketError(socket: WebSocket, error: unknown) {
      await this.#rust.call((rust) => rust.webSocketError?.(socket, error));
    }
  };
}

const events = new Guarded(() => module<RustEntry>());

/** The `#[event(fetch)]` of the module, as the default export of a Worker. */
export const entry = {
  fetch(request: Request, env: unknown, ctx: ExecutionContext): Promise<Response> {
    return answered(
      events.call((rust) => {
        if (rust.fetch === undefined) throw new Error("the wasm module has no #[event(fetch)]");
        return rust.fetch(request, env, ctx);
      }),
    );
  },
};

/** Answers 500 where Rust panicked: the runtime would say less, or nothing. */
async function answered(answer: Promise<Response>): Promise<Response> {
  try {
    return guarded(await answer);
  } catch (error) {
    if (!(error instanceof Panic)) throw error;
    logThrown("threw", error);
    return new Response("the Worker panicked\n", { status: 500 });
  }
}

/**
 * Breaks a body off where Rust panics while it makes it: nothing would end it. Bodies of the
 * platform's pass as they are.
 */
function guarded(response: Response): Response {
  const { body } = response;
  if (body === null || response.webSocket) return response;
  try {
    // Streams that are made in Rust have none of these readers.
    body.getReader({ mode: "byob" }).releaseLock();
    return response;
  } catch {
    const reader = body.getReader();
    const chunks = new Guarded(() => reader);
    const passed = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await chunks.call((reader) => reader.read());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(passed, response);
  }
}
