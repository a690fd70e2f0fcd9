// A viewer on a slow line in Chromium: down to the small layer, up again when the line is better.
import { afterAll, beforeAll, expect, test } from "vitest";
import { atEnd } from "../../client/relay/members.ts";
import { newRoom, sharedApp } from "../../client/relay/relay.ts";
import { FactPages } from "./facts.ts";
import { publish } from "./pages.ts";
import { SlowLine } from "./slow.ts";

let pages: FactPages;

beforeAll(async () => {
  pages = await FactPages.start();
});

afterAll(() => pages?.close());

const LARGE = { codec: "avc1.42e01f", width: 640, height: 360, bitrate: 1_200_000 };
const SMALL = { codec: "avc1.42e01f", width: 320, height: 180, bitrate: 150_000 };

test("a slow line goes down to the small layer, and a better one up again", async () => {
  const name = newRoom();
  const line = await SlowLine.to(sharedApp().url, 1000);
  atEnd(() => line.close());
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben", { url: line.url })];
  await publish(ann, "cam", LARGE);
  await publish(ann, "cam.low", { ...SMALL, meta: { of: "cam", layer: 1 } });
  const down = await ben.run(async () => {
    kept.viewer = tools.view(kept.room, { user: "ann" });
    await kept.viewer.player.once("layer");
    const { layers, startedAtMs } = kept.viewer;
    return { layers, startedAtMs };
  });
  expect(down.layers[0]).toMatchObject({ layer: 1 });
  expect(["lagged", "behind"]).toContain(down.layers[0]?.why);
  // What the line holds already, and the second that it must last: `bench.ts` measures it on a machine of its own.
  expect((down.layers[0]?.atMs ?? Infinity) - down.startedAtMs).toBeLessThan(10_000);
  const small = await ben.run(async () => {
    while (kept.viewer.canvas.width !== 320) await kept.viewer.player.once("size");
    await kept.viewer.saw(kept.viewer.seen.length + 30);
    return kept.viewer.player.stats;
  });
  expect(small).toMatchObject({ width: 320, layer: 1 });
  expect(small.pictureBehindMs).toBeLessThan(1000);
  line.kbitPerS = Number.POSITIVE_INFINITY;
  const up = await ben.run(async () => {
    while (kept.viewer.canvas.width !== 640) await kept.viewer.player.once("size");
    const { layers, seen } = kept.viewer;
    return { layers, seen };
  });
  expect(up.layers.at(-1)).toMatchObject({ layer: 0, why: "quiet" });
  // No picture is older than the one before, whatever layer it is of.
  const drawn = await ann.run(() => [kept.numbers["cam"]?.drawnAtMs, kept.numbers["cam.low"]?.drawnAtMs]);
  const at = up.seen.map(({ n, width }) => drawn[width === 640 ? 0 : 1]?.[n] ?? Number.NaN);
  expect(at).toEqual([...at].sort((a, b) => a - b));
  // The small layer is read no more.
  await ann.run(async () => {
    const { publisher } = kept.numbers["cam.low"] ?? {};
    while (publisher?.watched) await publisher.once("watched");
  });
}, 120_000);

test("a chosen layer is the one that is read", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", LARGE);
  await publish(ann, "cam.low", { ...SMALL, meta: { of: "cam", layer: 1 } });
  const widths = await ben.run(async () => {
    kept.viewer = tools.view(kept.room, { user: "ann", layer: 1 });
    await kept.viewer.saw(5);
    return kept.viewer.seen.map(({ width }) => width);
  });
  expect(new Set(widths)).toEqual(new Set([320]));
  expect(await ann.run(() => kept.numbers["cam"]?.publisher.watched)).toBe(false);
});
