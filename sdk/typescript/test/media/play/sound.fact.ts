// Sound in Chromium: clicks that are made at each half second are heard when they should be, together with the picture.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "../../client/browser/chromium.ts";
import { newRoom } from "../../client/relay/relay.ts";
import { FactPages } from "./facts.ts";
import type { Click, Seen } from "./page.ts";
import { publish } from "./pages.ts";

let pages: FactPages;

beforeAll(async () => {
  pages = await FactPages.start("--autoplay-policy=no-user-gesture-required");
});

afterAll(() => pages?.close());

const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

async function click(page: Page): Promise<void> {
  await page.run(async () => {
    kept.clicks = await tools.clicks(kept.room, "mic");
  });
}

/** Plays a user until so many clicks were heard. */
function hear(page: Page, count: number, withPicture: boolean) {
  return page.run(
    async (count, withPicture) => {
      kept.heard = tools.listen();
      const { heard } = kept;
      kept.viewer = tools.view(kept.room, withPicture ? { user: "ann" } : { user: "ann", audio: "*" });
      await new Promise<void>(resolve => {
        const timer = setInterval(() => {
          if (heard.length < count) return;
          clearInterval(timer);
          resolve();
        }, 50);
      });
      const { player, seen } = kept.viewer;
      return { heard, seen, stats: player.stats, state: player.state, isolated: crossOriginIsolated };
    },
    count,
    withPicture,
  ) as Promise<{
    heard: Click[];
    seen: Seen[];
    stats: { underruns: number; soundBehindMs: number; bufferMs: number };
    state: string;
    isolated: boolean;
  }>;
}

for (const path of ["/", "/isolated"]) {
  test(`a click every half second is heard when it should be, at ${path}`, async () => {
    const name = newRoom();
    const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben", { path })];
    await click(ann);
    const { heard, stats, state, isolated } = await hear(ben, 8, false);
    expect(isolated).toBe(path === "/isolated");
    expect(state).toBe("playing");
    const between = heard.slice(1).map(({ atMs }, n) => atMs - (heard[n]?.atMs ?? 0));
    expect(median(between)).toBeGreaterThan(495);
    expect(median(between)).toBeLessThan(505);
    // What is held back, and the time of the device.
    const late = median(heard.map(({ lateMs }) => lateMs));
    expect(late).toBeGreaterThan(40);
    expect(late).toBeLessThan(stats.bufferMs + 120);
  });
}

test("picture and sound stay within 80 ms", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await click(ann);
  await publish(ann, "cam", { codec: "avc1.42e01f" });
  const { heard, seen } = await hear(ben, 8, true);
  const drawn = await ann.run(() => kept.numbers["cam"]?.drawnAtMs ?? []);
  const [sound, picture] = [
    median(heard.slice(2).map(({ lateMs }) => lateMs)),
    median(seen.slice(30).map(({ n, atMs }) => atMs - (drawn[n] ?? 0))),
  ];
  expect(Math.abs(sound - picture)).toBeLessThan(80);
});

test("the volume and the device can be changed", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await click(ann);
  await hear(ben, 1, false);
  const changed = await ben.run(async () => {
    const { player } = kept.viewer;
    await player.setSink("");
    const refused = await player.setSink("no-such-device").catch(({ code }) => code);
    player.setVolume(0);
    const quiet = kept.heard.length;
    await new Promise(resolve => setTimeout(resolve, 1200));
    const after = kept.heard.length;
    player.setVolume(1);
    return { refused, more: after - quiet };
  });
  expect(changed.refused).toBe("device_missing");
  // One may have been on its way.
  expect(changed.more).toBeLessThanOrEqual(1);
  await ben.run(async () => {
    const before = kept.heard.length;
    while (kept.heard.length < before + 2) await new Promise(requestAnimationFrame);
  });
});

test("a hidden page plays sound, and no picture", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await click(ann);
  await publish(ann, "cam", { codec: "vp8" });
  await hear(ben, 1, true);
  const other = await pages.seat(name, "eve", { beside: ben });
  await other.front();
  const { heard, seen } = await ben.run(async () => {
    while (document.visibilityState !== "hidden") {
      await new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
    const [heard, seen] = [kept.heard.length, kept.viewer.seen.length];
    while (kept.heard.length < heard + 4) await new Promise(resolve => setTimeout(resolve, 100));
    return { heard: kept.heard.length - heard, seen: kept.viewer.seen.length - seen };
  });
  expect(heard).toBeGreaterThanOrEqual(4);
  expect(seen).toBeLessThanOrEqual(1);
});
