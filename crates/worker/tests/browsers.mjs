// What the page is played in: Chromium, or a DOM without a browser around it.
// Both evaluate an expression in the page, and tell of what went wrong there.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Opens URLs in a document of happy-dom. */
export async function dom() {
  const { Window } = await import("happy-dom");
  const problems = [];
  const settings = {
    enableJavaScriptEvaluation: true,
    suppressInsecureJavaScriptEnvironmentWarning: true,
  };
  let window;
  let session = {};
  return {
    problems,
    async open(url) {
      await window?.happyDOM.abort();
      window = new Window({ url, settings });
      for (const [name, value] of Object.entries(session))
        window.sessionStorage.setItem(name, value);
      window.addEventListener("error", ({ message }) => problems.push(message));
      window.document.write(await (await fetch(url)).text());
    },
    async reload() {
      session = { ...window.sessionStorage };
      await this.open(window.location.href);
    },
    async evaluate(expression) {
      return window.eval(expression);
    },
    async close() {
      await window?.happyDOM.abort();
    },
  };
}

/** Opens URLs in a Chromium. */
export async function chromium(command) {
  const { WebSocket } = await import("ws");
  const profile = await mkdtemp(join(tmpdir(), "workspace-page-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"];
  const process = spawn(command, [...flags, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const address = await new Promise((resolve, reject) => {
    process.on("error", reject);
    process.on("exit", () => reject(new Error(`${command} ended`)));
    createInterface(process.stderr).on("line", (line) => {
      const found = /ws:\/\/([^/]+)\//.exec(line);
      if (found) resolve(found[1]);
    });
  });
  const targets = await (await fetch(`http://${address}/json`)).json();
  const socket = new WebSocket(targets.find(({ type }) => type === "page").webSocketDebuggerUrl);
  await new Promise((resolve) => socket.on("open", resolve));

  const problems = [];
  const waiting = new Map();
  let last = 0;
  const send = (method, params = {}) => {
    last += 1;
    socket.send(JSON.stringify({ id: last, method, params }));
    return new Promise((resolve) => waiting.set(last, resolve));
  };
  socket.on("message", (data) => {
    const { id, result, method, params } = JSON.parse(data);
    waiting.get(id)?.(result);
    if (method === "Runtime.exceptionThrown") problems.push(params.exceptionDetails.text);
    // Chromium logs each answer of 400 and above; the page shows them.
    if (method === "Log.entryAdded" && params.entry.source !== "network") {
      problems.push(params.entry.text);
    }
  });
  for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);
  return {
    problems,
    async open(url) {
      // A URL that differs in its fragment only would load nothing.
      await send("Page.navigate", { url: "about:blank" });
      await send("Page.navigate", { url });
    },
    async reload() {
      await send("Page.reload");
    },
    async evaluate(expression) {
      const options = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await send("Runtime.evaluate", options);
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description);
      return result.value;
    },
    async close() {
      const ended = new Promise((resolve) => process.on("exit", resolve));
      process.kill();
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
