// An R2 bucket that does what it is told: `PUT /fault/<mode>` at the other socket
// sets what happens to calls from then on.

let mode = "sound";

const MODES = {
  sound: (request, env) => env.SOUND.fetch(request),
  async failing(request) {
    await request.body?.pipeTo(new WritableStream());
    return new Response("the bucket is broken", { status: 500 });
  },
  async slow(request, env) {
    await scheduler.wait(3000);
    return env.SOUND.fetch(request);
  },
  /** Has lost what it is asked for. */
  forgetful(request, env) {
    const asked = JSON.parse(request.headers.get("cf-r2-request") ?? "{}");
    const headers = new Headers(request.headers);
    headers.set("cf-r2-request", JSON.stringify({ ...asked, object: `${asked.object}-lost` }));
    return env.SOUND.fetch(new Request(request, { headers }));
  },
  /** Breaks off after the first bytes. */
  async breaking(request) {
    await request.body?.getReader().read();
    throw new Error("the bucket broke");
  },
};

export default {
  fetch(request, env) {
    const told = /^\/fault\/([a-z]+)$/.exec(new URL(request.url).pathname)?.[1];
    if (told === undefined) return MODES[mode](request, env);
    if (!(told in MODES)) return new Response("no such mode", { status: 404 });
    mode = told;
    return new Response(mode);
  },
};
