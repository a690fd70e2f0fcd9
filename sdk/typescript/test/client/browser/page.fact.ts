// The client in Chromium: frozen, hidden, reloaded and closed pages, and what a page keeps. Against a real relay.
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as Sdk from "../../../src/client/index.ts";
import { atEnd, member } from "../relay/members.ts";
import { Line } from "../relay/proxy.ts";
import { type Claims, newRoom, sharedApp } from "../relay/relay.ts";
import { until } from "../until.ts";
import { Chromium, type Page } from "./chromium.ts";
import { Site } from "./site.ts";

/** What the page has. */
declare const sdk: typeof Sdk;
interface Kept {
  room: Sdk.Room;
  seen: [string, unknown][];
  states: string[];
  connect(url: string, claims: Claims, options?: Partial<Sdk.ConnectOptions>, resume?: string): Promise<void>;
}
declare const kept: Kept;

/** To see on a quiet machine that a page is back within half a second after a longer time: 60000. */
const FROZEN_MS = Number(process.env["STAGEDOOR_TEST_FROZEN_MS"] ?? 0);

let chromium: Chromium;
let site: Site;

beforeAll(async () => {
  [chromium, site] = await Promise.all([Chromium.launch(), Site.start()]);
});

afterAll(async () => {
  await Promise.all([chromium?.close(), site?.close()]);
});

/** A page that can connect, and remembers what it heard. */
async function page(context?: string): Promise<Page> {
  const page = await (context ? chromium.tab(site.url, context) : chromium.page(site.url));
  await prepare(page);
  atEnd(async () => {
    await page.close();
    expect(page.console).toEqual([]);
  });
  return page;
}

async function prepare(page: Page): Promise<void> {
  await page.run(() => {
    const kept = { seen: [], states: [] } as unknown as Kept;
    Object.assign(globalThis, { kept });
    for (const type of ["freeze", "resume", "visibilitychange"]) {
      document.addEventListener(type, () => kept.states.push(`${type} ${document.visibilityState}`));
    }
    kept.connect = async (url, claims, options = {}, resume) => {
      const room = await sdk.connect({
        url,
        token: async ({ why, signal }) => {
          const asked = encodeURIComponent(JSON.stringify({ ...claims, why }));
          return (await fetch(`/token?claims=${asked}`, { signal })).text();
        },
        ...(resume && { resume: sdk.sessionResume(resume) }),
        ...options,
      });
      kept.room = room;
      for (const type of ["status", "message", "reconnecting", "reconnected", "closed"] as const) {
        room.on(type, event => kept.seen.push([type, type === "reconnecting" ? 0 : event]));
      }
    };
  });
}

async function line(): Promise<Line> {
  const line = await Line.to(sharedApp().url);
  atEnd(() => line.close());
  return line;
}

/** Waits in the page for an event that it has heard, or will. */
function heard(page: Page, type: string): Promise<unknown> {
  return page.run(async type => {
    for (;;) {
      const found = kept.seen.find(([seen]) => seen === type);
      if (found) return found[1];
      await new Promise(resolve => kept.room.once(type as "message", resolve));
    }
  }, type);
}

test("a frozen page comes back by itself and says what it missed", async () => {
  const [name, cable] = [newRoom(), await line()];
  const ann = await member({ room: name, user: "ann" });
  const tab = await page();
  const asked = site.asked.length;
  await tab.run((url, room) => kept.connect(url, { room, user: "ben" }), cable.url, name);
  await tab.freeze(true);
  // The browser takes a frozen page its connections; here the line does.
  cable.cut();
  await ann.send("room", "missed");
  await new Promise(resolve => setTimeout(resolve, FROZEN_MS));
  const before = performance.now();
  await tab.freeze(false);
  const said = (await heard(tab, "reconnected")) as Sdk.RoomEvents["reconnected"];
  const tookMs = performance.now() - before;
  expect(tookMs).toBeLessThan(FROZEN_MS ? 500 : 1500);
  // After a long time what was missed is gone, and the page is told so.
  if (!FROZEN_MS) expect(said).toEqual({ eventsResumed: true, streamsBegunAnew: [] });
  if (said.eventsResumed) expect(await heard(tab, "message")).toMatchObject({ data: "missed" });
  expect((await tab.run(() => kept.states)).join()).toMatch(/freeze.*resume/);
  expect(site.asked.length - asked).toBe(1);
  expect(cable.count).toBe(2);
});

test("a page that sleeps with its line dead finds out by a ping", async () => {
  const [name, cable] = [newRoom(), await line()];
  await member({ room: name, user: "ann" });
  const tab = await page();
  await tab.run(
    (url, room) => kept.connect(url, { room, user: "ben" }, { answerMaxMs: 400 }),
    cable.url,
    name,
  );
  await tab.freeze(true);
  cable.hold();
  await tab.freeze(false);
  await tab.run(() => kept.room.status !== "reconnecting" && kept.room.once("reconnecting").then(() => true));
  cable.pass();
  expect(await heard(tab, "reconnected")).toMatchObject({ streamsBegunAnew: [] });
});

test("a hidden tab is not taken for dead", async () => {
  const [name, cable] = [newRoom(), await line()];
  const ann = await member({ room: name, user: "ann" });
  const tab = await page();
  const options = { silenceMaxMs: 1000, answerMaxMs: 2000 };
  await tab.run(
    (url, room, options) => kept.connect(url, { room, user: "ben" }, options),
    cable.url,
    name,
    options,
  );
  const other = await page(tab.context);
  await other.front();
  const state = await tab.run(async () => {
    if (document.visibilityState !== "hidden") {
      await new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
    // Timers of a hidden page run once a second: several silences go by.
    for (let time = 0; time < 5; time += 1) await new Promise(resolve => setTimeout(resolve, 100));
    return document.visibilityState;
  });
  expect(state).toBe("hidden");
  await ann.send("room", "to a hidden tab");
  expect(await heard(tab, "message")).toMatchObject({ data: "to a hidden tab" });
  expect([await tab.run(() => kept.room.status), cable.count]).toEqual(["seated", 1]);
  await tab.front();
  await tab.run(() => kept.room.ping());
  expect(cable.count).toBe(1);
});

test("a page that is closed or left leaves its room at once, and comes back with its page", async () => {
  const name = newRoom();
  const ann = await member({ room: name, user: "ann" });
  const isBen = ({ user }: { user: string }) => user === "ben";
  const joined = () => until<Sdk.RoomEvents, "joined">(ann, "joined", ({ members }) => members.some(isBen));
  const left = () => until<Sdk.RoomEvents, "left">(ann, "left", ({ users }) => users.includes("ben"));
  const tab = await chromium.page(site.url);
  await prepare(tab);
  let came = joined();
  await tab.run((url, room) => kept.connect(url, { room, user: "ben" }), sharedApp().connect, name);
  await came;
  let went = left();
  await tab.open("about:blank");
  await went;
  came = joined();
  await tab.run(() => history.back());
  await came;
  expect(await heard(tab, "reconnected")).toMatchObject({ eventsResumed: true });
  went = left();
  await tab.close();
  await went;
});

test("a page that is loaded again goes on with its ticket and misses nothing", async () => {
  const name = newRoom();
  const ann = await member({ room: name, user: "ann" });
  const pos = await ann.publish("pos", "data", { delivery: "reliable" });
  const tab = await page();
  const asked = site.asked.length;
  const claims = { room: name, user: "ben", once: true };
  const connect = (url: string, claims: Claims) => kept.connect(url, claims, {}, "seat");
  await tab.run(connect, sharedApp().connect, claims);
  await tab.run(async () => {
    const frames = await kept.room.subscribe("pos");
    Object.assign(kept, { first: frames.once("frame").then(({ seq }) => seq) });
  });
  pos.send(new Uint8Array([0]));
  expect(await tab.run(() => (kept as unknown as { first: Promise<number> }).first)).toBe(0);
  const stored = await tab.run(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  await tab.open();
  pos.send(new Uint8Array([1]));
  await ann.send("room", "while it loaded");
  await prepare(tab);
  await tab.run(connect, sharedApp().connect, claims);
  const next = await tab.run(async () => {
    const frames = await kept.room.subscribe("pos");
    const { seq } = await frames.once("frame");
    return [seq, frames.streams[0]?.resumed];
  });
  expect(next).toEqual([1, true]);
  expect(await heard(tab, "reconnected")).toMatchObject({ eventsResumed: true });
  expect(await heard(tab, "message")).toMatchObject({ data: "while it loaded" });
  expect(site.asked.length - asked).toBe(1);
  const after = await tab.run(() =>
    JSON.stringify({ ...sessionStorage, ...localStorage, cookie: document.cookie }),
  );
  for (const token of site.tokens)
    for (const part of token.split(".")) expect(stored + after).not.toContain(part);
  await tab.run(() => kept.room.leave());
  expect(await tab.run(() => sessionStorage.length)).toBe(0);
});

test("a key is kept in the browser and cannot be taken out", async () => {
  const tab = await page();
  const read = async () => {
    const key = await sdk.ProofKey.load("seat");
    return [key.thumbprint, JSON.stringify(key)] as const;
  };
  const [thumbprint, shown] = await tab.run(read);
  expect(shown).toBe(JSON.stringify({ thumbprint }));
  await tab.open();
  await prepare(tab);
  expect((await tab.run(read))[0]).toBe(thumbprint);
  const both = await tab.run(async () => {
    const keys = await Promise.all([sdk.ProofKey.load("both"), sdk.ProofKey.load("both")]);
    return keys.map(({ thumbprint }) => thumbprint);
  });
  expect(new Set(both).size).toBe(1);
  const claims = { room: newRoom(), user: "ben", cnf: { jkt: thumbprint } };
  await tab.run(
    async (url, claims) => kept.connect(url, claims, { proofKey: await sdk.ProofKey.load("seat") }),
    sharedApp().connect,
    claims,
  );
  expect(await tab.run(() => kept.room.status)).toBe("seated");
});

test("a path of the page's origin is an address", async () => {
  const tab = await page();
  const error = await tab.run(() =>
    sdk.connect({ url: "/v1/connect", token: "t" }).catch(error => [error.name, error.code]),
  );
  // The site has no relay: the address was good.
  expect(error).toEqual(["ConnectError", "socket_failed"]);
  tab.console.splice(0);
});

test("a worker joins a room", async () => {
  const tab = await page();
  const claims = { room: newRoom(), user: "ben" };
  const status = await tab.run(
    async (url, claims) => {
      const script = `importScripts("${location.origin}/sdk.js");
        sdk.connect({ url: "${url}", token: async () => (await fetch("${location.origin}/token?claims=${encodeURIComponent(JSON.stringify(claims))}")).text() })
          .then(room => postMessage(room.status), error => postMessage(String(error)));`;
      const worker = new Worker(URL.createObjectURL(new Blob([script])));
      return new Promise<string>(resolve => {
        worker.onmessage = ({ data }) => resolve(data);
      });
    },
    sharedApp().connect,
    claims,
  );
  expect(status).toBe("seated");
});
