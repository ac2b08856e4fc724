// Plays the page for people: node page.mjs URL TOKEN [CHROMIUM]

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chromium, dom } from "./browsers.mjs";

const [base, token, command] = process.argv.slice(2);
const browser = await (command ? chromium(command) : dom());
/** How long something may take to appear, in milliseconds. */
const PATIENCE = 20_000;
const EVIL = "<img src=x onerror=alert(1)>.txt";

const js = (expression) => browser.evaluate(expression);
const quoted = JSON.stringify;

function api(method, path, body) {
  const type = body?.[0] === "{" ? "application/json" : "text/plain";
  const headers = { authorization: `Bearer ${token}`, "content-type": type };
  return fetch(`${base}/workspaces/page/v1/${path}`, { method, body, headers });
}

/** Waits until an expression holds. */
async function until(expression, what) {
  const start = Date.now();
  while (!(await js(expression))) {
    if (Date.now() - start > PATIENCE) {
      const page = await js(
        `["#said", "main"].map((part) => document.querySelector(part)?.textContent).join()`,
      );
      throw new Error(`${what}: never seen; problems: ${browser.problems}; the page: ${page}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const without = (text, where = "body") => `!(${having(text, where)})`;
const having = (text, where = "body") =>
  `(document.querySelector(${quoted(where)})?.textContent ?? "").includes(${quoted(text)})`;
const sees = (text, where) => until(having(text, where), text);
const says = (text) => sees(text, "#said");

/** Presses a button by what is written on it. */
async function press(text) {
  const button = `[...document.querySelectorAll("button")].find((button) =>
    !button.closest("[hidden]") && button.textContent.trim() === ${quoted(text)})`;
  await until(`!!${button}`, `a button ${text}`);
  await js(`${button}.click()`);
}

/** Fills in a field by its label or id. */
async function fill(name, text) {
  const field = `[...document.querySelectorAll("input, textarea")].find((field) =>
    (field.ariaLabel ?? field.id).startsWith(${quoted(name)}))`;
  await until(`!!${field}`, `a field ${name}`);
  await js(`${field}.value = ${quoted(text)}`);
}

/** The policy allows what is in the page, and the page needs nothing else. */
async function policy() {
  const response = await fetch(`${base}/`);
  const allowed = response.headers.get("content-security-policy");
  const html = await response.text();
  const parts = [...html.matchAll(/<(style|script)[^>]*>(.*?)<\/\1>/gs)];
  assert.equal(parts.length, 2, "a style and a script");
  for (const [, element, content] of parts) {
    const hash = createHash("sha256").update(content).digest("base64");
    assert.ok(allowed.includes(`${element}-src 'sha256-${hash}'`), `the hash of the ${element}`);
  }
  assert.match(allowed, /default-src 'none'/);
  assert.doesNotMatch(html.replaceAll(/<script.*<\/script>/gs, ""), /(src|href)="(?!data:)/);
}

async function enter() {
  await browser.open(`${base}/`);
  await until(`document.getElementById("enter")?.hidden === false`, "the form");
  await fill("workspace", "page");
  await fill("token", "a-token-that-is-not-it");
  await press("Open");
  await until(`document.getElementById("said").className === "error"`, "a refusal");
  await browser.open(`${base}/#workspace=page&token=${encodeURIComponent(token)}`);
  await sees("index.html", "#files");
  assert.equal(await js("location.hash"), "", "the token is not left in the URL");
  await js("void (globalThis.confirm = () => true)");
}

async function look() {
  await sees(EVIL, "#files");
  await press("▸ src/");
  await press("▸ deep/");
  await press("a.txt");
  await sees("deep text", "#shown pre");
  await press(EVIL);
  await sees("<script>alert(1)</script>", "#shown pre");
  await press("binary");
  await sees("/binary", "#shown h2");
  assert.equal(await js(`document.querySelector("#shown pre")`), null, "bytes are not shown");
}

async function edit() {
  await press("Back");
  await fill("Name of the copy", "draft");
  await press("Fork");
  await sees("0 changes", "#shown");
  await press("index.html");
  await fill("Text of", "<h1>Hello</h1>\n<p>ONE\n<p>two\n<p>three\n");
  await api("PUT", "head/files/other.txt", "x");
  await sees("not recorded", "#places");
  await press("Save");
  await says("is saved");
  await sees("− <p>one", "#shown .removed");
  await sees("+ <p>ONE", "#shown .added");
  await press("Back");
  await sees("~ /index.html", "#shown .changed:not(p)");
  await fill("Path", "new/file.txt");
  await press("New file");
  await fill("Text of", "new");
  await press("Save");
  await says("/new/file.txt is saved");
  await press("Back");
  await sees("+ /new/file.txt", "#shown");
}

async function publish() {
  await sees("Head has moved", "#shown");
  await press("Apply");
  await says("conflict");
  await says("/other.txt");
  await press("Rebase");
  await says("based on the present head");
  await until(without("Head has moved", "#shown"), "the copy on top of head");
  await press("Preview");
  await says("Open the preview");
  const shown = await fetch(new URL(await js(`document.querySelector("#said a").href`)));
  assert.match(await shown.text(), /ONE/, "the preview");
  await fill("Message", "from the page");
  await press("Apply");
  await says("is head");
  await sees("from the page", "#places");
  await press("1");
  await sees("Revision 1", "#shown h2");
  await press("Restore");
  await says("again (published)");
  assert.match(await (await api("GET", "head/files/index.html")).text(), /one/, "head");
}

async function follow() {
  await js(`document.querySelector("#places input").focus()`);
  await fill("Name of the copy", "half a na");
  await api("POST", "copies", '{"name":"by-somebody-else"}');
  await sees("by-somebody-else", "#places");
  const field = "document.activeElement";
  await until(`${field}.value === "half a na"`, "what is typed stays");
  await press("by-somebody-else");
  await sees("0 changes", "#shown");
  await api("POST", "copies/by-somebody-else/discard", "{}");
  await says("The copy is closed.");
  await fill("Name of the copy", "doomed");
  await press("Fork");
  await sees("doomed", "#shown h2");
  await press("Discard");
  await says("is discarded");
}

async function leave() {
  await browser.reload();
  await sees("index.html", "#files");
  await press("Close");
  await until(`!document.getElementById("enter").hidden`, "the form");
  assert.equal(await js("sessionStorage.length"), 0, "the token is forgotten");
}

try {
  await api("PUT", "head/files/index.html", "<h1>Hello</h1>\n<p>one\n<p>two\n");
  await api("PUT", "head/files/src/deep/a.txt?create_parents=true", "deep text");
  await api("PUT", `head/files/${encodeURIComponent(EVIL)}`, "<script>alert(1)</script>");
  await api("PUT", "head/files/binary", new Uint8Array([0, 255, 1]));
  for (const step of [policy, enter, look, edit, publish, follow, leave]) await step();
  assert.deepEqual(browser.problems, [], "nothing went wrong unseen");
} finally {
  await browser.close();
}
process.exit(0);
