// Gives a signed-in user a token for a room: a handler of the web's own Request and Response, which Node, Deno and
// edge workers serve alike. The secret never leaves it.

import { type Key, mint, TokenFault } from "@stagedoor/sdk/token";

/** Whom your application has signed in, and what it may be in the room. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly role: string;
}

/** A handler of `POST /room-token?room=lobby` that answers with the token as text. */
export function roomToken(
  key: Key,
  userOf: (request: Request) => User | undefined,
): (request: Request) => Promise<Response> {
  return async request => {
    const url = new URL(request.url);
    if (url.pathname !== "/room-token") return new Response("not found", { status: 404 });
    if (request.method !== "POST")
      return new Response("use POST", { status: 405, headers: { allow: "POST" } });
    const user = userOf(request);
    if (!user) return new Response("sign in first", { status: 401 });
    try {
      const room = url.searchParams.get("room") ?? "";
      const token = await mint(key, { room, sub: user.id, role: user.role, name: user.name }, { ttlS: 600 });
      return new Response(token, { headers: { "content-type": "text/plain", "cache-control": "no-store" } });
    } catch (fault) {
      if (fault instanceof TokenFault) return new Response(fault.message, { status: 422 });
      throw fault;
    }
  };
}

// Stands for the sessions of your application.
const SESSIONS = new Map([["demo", { id: "ann", name: "Ann", role: "host" }]]);

/** The user whose session the request's cookie names. */
export function userOfCookie(request: Request): User | undefined {
  const cookie = request.headers.get("cookie") ?? "";
  return SESSIONS.get(/(?:^|; )session=(\w+)/.exec(cookie)?.[1] ?? "");
}
