// Which workspace a request is for, and what of it.

/** 1 to 64 characters that mean nothing in a URL, a host name or a path. */
const NAME = /^[0-9a-zA-Z_-]{1,64}$/;
/** The host of a preview below its domain: its token, and the workspace. */
const PREVIEW = /^[a-z2-7]{26}-([0-9a-z-]{1,36})$/;

/** What a request is for: a workspace, a name that none can have, or neither. */
export type Address =
  | { kind: "workspace"; name: string; target: string }
  | { kind: "misnamed"; name: string }
  | { kind: "none"; target: string };

/**
 * Reads a request: `/workspaces/NAME/…`, or the host of a preview, if those are
 * below `domain`. The target is path and query as they were sent: nothing is
 * decoded, and no `..` resolved.
 */
export function addressOf(request: Request, domain: string | undefined): Address {
  const sent = request.url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  const shown = previewed(request.headers.get("host"), domain);
  if (shown !== undefined) return { kind: "workspace", name: shown, target: rooted(sent) };
  const found = /^\/workspaces\/([^/?]*)(.*)$/s.exec(sent);
  if (!found) return { kind: "none", target: rooted(sent) };
  const [, name = "", rest = ""] = found;
  if (!NAME.test(name)) return { kind: "misnamed", name };
  return { kind: "workspace", name, target: rooted(rest) };
}

function rooted(target: string): string {
  return target.startsWith("/") ? target : `/${target}`;
}

function previewed(host: string | null, domain: string | undefined): string | undefined {
  const label = host?.toLowerCase().replace(/:\d+$/, "");
  if (!domain || !label?.endsWith(`.${domain}`)) return undefined;
  return PREVIEW.exec(label.slice(0, -domain.length - 1))?.[1];
}
