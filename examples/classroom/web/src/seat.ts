// The seat: a token from the backend, and the room that it opens.
import { connect, type Room, sessionResume, TokenDenied } from "@stagedoor/sdk/client";
import { Line } from "./line.ts";
import { log } from "./log.ts";

/** Where the page is: `/room/{room}/{user}`. */
export interface Place {
  readonly room: string;
  user: string;
}

/** The token, for as long as the page lives; it goes into no address and no storage. */
let token = "";
/** While its end is waited for, the page keeps new tokens back. */
let isLettingEnd = false;

/** Asks the backend, which has no token for a banned user. */
export async function ask(act: string, place: Place, ttlS?: number, signal?: AbortSignal): Promise<string> {
  const answer = await fetch(`/classroom/${act}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ room: place.room, user: place.user, ttl_s: ttlS }),
    ...(signal && { signal }),
  });
  const text = await answer.text();
  if (answer.status === 403) throw new TokenDenied(/"code":"(\w+)"/.exec(text)?.[1] ?? text);
  if (!answer.ok) throw new Error(`the backend answered ${answer.status}: ${text}`);
  return text;
}

/** Takes the seat. From here on the client comes back by itself, and renews the token by the same question. */
export function sit(place: Place): Promise<Room> {
  return connect({
    url: "/v1/connect",
    room: place.room,
    resume: sessionResume(`${place.room}/${place.user}`),
    WebSocket: Line,
    token: async ({ why, signal }) => {
      if (isLettingEnd && why === "expiring") throw new Error("this page lets its token end");
      isLettingEnd = why === "asked" && isLettingEnd;
      token = await ask("token", place, isLettingEnd ? 6 : undefined, signal);
      place.user = String(claims()["sub"]);
      log(`the backend gave a token, because: ${why}`);
      return token;
    },
  });
}

/** What the token says. Nothing is proven by reading it: that is done at the relay's door. */
export function claims(): Record<string, unknown> {
  const bytes = Uint8Array.from(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")), c =>
    c.charCodeAt(0),
  );
  return JSON.parse(new TextDecoder().decode(bytes) || "{}");
}

/** Goes on with a token of six seconds, and gives no other before that has ended. */
export async function letTokenEnd(room: Room): Promise<void> {
  isLettingEnd = true;
  await room.renew();
}
