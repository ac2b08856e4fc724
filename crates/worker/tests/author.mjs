// A Worker as `ts/author.ts` puts one together, of a module that traps as Rust does when it
// panics: at once, later in a task of nobody's, or while a body is made.

import { adopt, entry, objectOf } from "workspace-worker/rust";

const trap = () => {
  throw new WebAssembly.RuntimeError("unreachable");
};

/** Traps in a task of nobody's, as those are that Rust spawns, and never settles. */
async function later() {
  await scheduler.wait(10);
  queueMicrotask(trap);
  await new Promise(() => {});
}

class Rust {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/object/now":
        return trap();
      case "/object/later":
        return later();
      case "/object/waiting":
        await scheduler.wait(60_000);
        return new Response("waited");
      case "/object/body":
        return new Response(body());
      case "/object/passed":
        return new Response(new Blob(["passed as it is"]).stream());
      default:
        return new Response("calm");
    }
  }
}

/** Says one word, and traps while it makes the next. */
function body() {
  let said = false;
  return new ReadableStream({
    pull(controller) {
      if (!said) {
        said = true;
        controller.enqueue(new TextEncoder().encode("one "));
        return undefined;
      }
      return later();
    },
  });
}

adopt({
  __wbg_reset_state() {},
  Front: undefined,
  WorkspaceObject: undefined,
  Rust,
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/entry/now") trap();
    return env.OBJECTS.getByName("one").fetch(request);
  },
});

export const Trapping = objectOf("Rust");
export default entry;
