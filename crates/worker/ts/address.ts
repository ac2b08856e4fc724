// Which workspace a request is for, and what of it: the only place that decides.

/** 1 to 64 characters that mean nothing in a URL, a host name or a path. */
const NAME = /^[0-9a-zA-Z_-]{1,64}$/;
/** The host of a preview below its domain: its token, and the workspace. */
const PREVIEW = /^([a-z2-7]{26})-([0-9a-z-]{1,36})$/;
/** A domain in lower case, without a port or a final dot. */
const DOMAIN = /^[0-9a-z]([0-9a-z-]*[0-9a-z])?(\.[0-9a-z]([0-9a-z-]*[0-9a-z])?)*$/;

/** What a request is for. A target is path and query as they were sent. */
export type Address =
  /** A workspace; the target is below it. */
  | { kind: "workspace"; name: string; target: string }
  /** A preview at a host of its own; the target is within the site. */
  | { kind: "preview"; name: string; token: string; target: string }
  /** A host below the previews' domain that is not that of a preview. */
  | { kind: "unknown_host" }
  /** A workspace by a name that none can have. */
  | { kind: "misnamed"; name: string }
  /** Anything else. */
  | { kind: "none"; target: string };

/**
 * Reads a request: the host of a preview, if those are below `domain`, or
 * `/workspaces/NAME/…` at any host that is not below it. Nothing is decoded, and no
 * `..` resolved.
 */
export function addressOf(request: Request, domain: string | undefined): Address {
  const sent = request.url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  const label = labelBelow(domain, request.headers.get("host"));
  if (label !== undefined) {
    const [, token, name] = PREVIEW.exec(label) ?? [];
    if (!token || !name) return { kind: "unknown_host" };
    return { kind: "preview", name, token, target: rooted(sent) };
  }
  const found = /^\/workspaces\/([^/?]*)(.*)$/s.exec(sent);
  if (!found) return { kind: "none", target: rooted(sent) };
  const [, name = "", rest = ""] = found;
  if (!NAME.test(name)) return { kind: "misnamed", name };
  return { kind: "workspace", name, target: rooted(rest) };
}

/**
 * Reads the domain of previews as it is set, in upper or lower case.
 *
 * @throws where it is none, so that a mistake is seen before it opens a host
 */
export function domainOf(set: string | undefined): string | undefined {
  const domain = set?.toLowerCase().replace(/\.$/, "");
  if (!domain) return undefined;
  if (DOMAIN.test(domain)) return domain;
  throw new Error(`WORKSPACE_PREVIEWS is "${set}", and should be a domain like previews.example`);
}

/**
 * Returns the URL of a preview that was issued: below `base`, where the Worker serves the
 * workspace, such as `https://host/workspaces/NAME`; or, where previews have a domain, at a
 * host of its own.
 */
export function previewUrl(
  preview: { token: string; path: string },
  base: string | { workspace: string; domain: string },
): string {
  if (typeof base === "string") return `${base.replace(/\/$/, "")}${preview.path}`;
  const { workspace, domain } = base;
  const label = `${preview.token}-${workspace}`;
  if (!PREVIEW.test(label)) {
    throw new TypeError(`"${workspace}": a host has up to 36 of 0-9, a-z and - for a workspace`);
  }
  return `https://${label}.${domain}/`;
}

function rooted(target: string): string {
  return target.startsWith("/") ? target : `/${target}`;
}

/** Returns what comes before the domain in a host, where it is below it. */
function labelBelow(domain: string | undefined, host: string | null): string | undefined {
  const name = host?.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  if (!domain || !name?.endsWith(`.${domain}`)) return undefined;
  return name.slice(0, -domain.length - 1);
}
