// A page for people: who enters a workspace's name and token sees its files.
//
// Both can come in the fragment of the URL, which browsers send to nobody:
// `#workspace=demo&token=…`. They are kept until the tab is closed.

import { Api } from "./api.js";
import { byId } from "./dom.js";
import { Page, say, sayError } from "./page.js";

const KEPT = ["workspace", "token"] as const;

let page: Page | undefined;

async function enter(workspace: string, token: string): Promise<void> {
  leave();
  const opening = new Page(new Api(workspace, token));
  page = opening;
  try {
    await opening.open();
  } catch (error) {
    leave();
    sayError(error);
    return;
  }
  sessionStorage.setItem("workspace", workspace);
  sessionStorage.setItem("token", token);
  document.title = `${workspace} – Workspace`;
  show(true);
  say(`Workspace ${workspace}.`);
}

function leave(): void {
  page?.close();
  page = undefined;
  for (const name of KEPT) sessionStorage.removeItem(name);
  document.title = "Workspace";
  show(false);
}

function show(open: boolean): void {
  byId("enter").hidden = open;
  byId("leave").hidden = !open;
  byId("workspace-open").hidden = !open;
}

byId<HTMLFormElement>("enter").onsubmit = (event) => {
  event.preventDefault();
  const [workspace, token] = KEPT.map((name) => byId<HTMLInputElement>(name).value);
  if (workspace && token) enter(workspace, token);
};
byId("leave").onclick = () => {
  leave();
  say("Closed.");
};

const given = new URLSearchParams(location.hash.slice(1));
// Neither the history nor who looks over a shoulder needs the token.
history.replaceState(null, "", location.pathname);
const [workspace, token] = KEPT.map(
  (name) => given.get(name) ?? sessionStorage.getItem(name) ?? "",
);
for (const name of KEPT) {
  byId<HTMLInputElement>(name).value = given.get(name) ?? sessionStorage.getItem(name) ?? "";
}
if (workspace && token) enter(workspace, token);
