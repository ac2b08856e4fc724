// Who may edit: whoever has the token. Visitors have none.

/** Tells whether a request brings the token; never where there is none. */
export async function allowed(request: Request, token: string | undefined): Promise<boolean> {
  const [scheme, given] = (request.headers.get("authorization") ?? "").split(" ");
  if (!token || !given || scheme !== "Bearer") return false;
  const [a, b] = await Promise.all([digest(given), digest(token)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
