// A thousand clients whose relay restarts: how often their token source is asked, and when they come back.
import { expect, test } from "vitest";
import { connect, type Room } from "../../../src/client/index.ts";
import { until } from "../until.ts";
import { atEnd } from "./members.ts";
import { mint, newRoom, Relay } from "./relay.ts";

const CLIENTS = 1000;
/** So that the first logins do not come all at once. */
const AT_ONCE = 50;

test("a thousand clients ask for no more than a thousand tokens when their relay restarts", async () => {
  const relay = await Relay.start();
  const { app } = relay;
  const room = newRoom();
  const rooms: Room[] = [];
  let asked: number[] = [];
  // A token that logs in once is of no use after the restart, which also forgets the tickets.
  const join = async (user: string) => {
    const token = () => {
      asked.push(performance.now());
      return mint(app, { room, user, role: "audience", once: true });
    };
    rooms.push(await connect({ url: app.connect, token }));
  };
  for (let first = 0; first < CLIENTS; first += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => join(`u${first + at}`)));
  expect(asked.length).toBe(CLIENTS);
  asked = [];
  const back = rooms.map(room =>
    until<{ reconnected: unknown }, "reconnected">(room as never, "reconnected"),
  );
  const folder = await relay.stop({ keep: true, signal: "SIGTERM" });
  const restarted = await Relay.start({}, new URL(app.url).host, folder);
  atEnd(() => restarted.stop());
  await Promise.all(back);
  expect(asked.length).toBeLessThanOrEqual(CLIENTS);
  asked.sort((one, other) => one - other);
  const [early, late] = [asked[asked.length / 20], asked[(asked.length * 19) / 20]];
  expect((late ?? 0) - (early ?? 0)).toBeGreaterThan(200);
  await Promise.all(rooms.map(room => room.leave()));
}, 120_000);
