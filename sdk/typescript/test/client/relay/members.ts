// Members of rooms for the facts; all leave when a fact is over.
import { afterEach } from "vitest";
import { type ConnectOptions, connect, type Room } from "../../../src/client/index.ts";
import { type App, type Claims, mint, sharedApp } from "./relay.ts";

const rooms: Room[] = [];
const ends: (() => unknown)[] = [];

/** Runs when the fact is over. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}

/** A member of a room. */
export async function member(
  claims: Claims,
  options: Partial<ConnectOptions> = {},
  app: App = sharedApp(),
): Promise<Room> {
  const room = await connect({ url: app.connect, token: mint(app, claims), ...options });
  rooms.push(room);
  return room;
}

afterEach(async () => {
  await Promise.all(rooms.splice(0).map(room => room.leave()));
  for (const end of ends.splice(0).reverse()) await end();
});
