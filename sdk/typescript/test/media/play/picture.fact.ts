// Pictures in Chromium, from a bare encoder in one page over a relay to a player in another.
import { afterAll, beforeAll, expect, test } from "vitest";
import { newRoom } from "../../client/relay/relay.ts";
import { FactPages } from "./facts.ts";
import { publish } from "./pages.ts";

let pages: FactPages;

beforeAll(async () => {
  pages = await FactPages.start();
});

afterAll(() => pages?.close());

const CODECS = { h264: "avc1.42e01f", vp8: "vp8", vp9: "vp09.00.31.08" };
const SIZES = [
  [640, 360],
  [1280, 720],
] as const;

for (const [title, codec] of Object.entries(CODECS)) {
  for (const [width, height] of SIZES) {
    test(`${height} lines of ${title} are shown in order, size and colour`, async () => {
      const name = newRoom();
      const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
      await publish(ann, "cam", { codec, width, height });
      const { seen, colors, stats, state } = await ben.run(async () => {
        kept.viewer = tools.view(kept.room, { user: "ann" });
        await kept.viewer.saw(30);
        const context = kept.viewer.canvas.getContext("2d") as CanvasRenderingContext2D;
        const { colors } = tools.readNumber(context);
        const { seen, player } = kept.viewer;
        return { seen, colors, stats: player.stats, state: player.state };
      });
      const shown = seen.map(({ n }) => n);
      expect(shown).toEqual([...shown].sort((a, b) => a - b));
      expect(new Set(shown).size).toBe(shown.length);
      expect(seen.at(-1)).toMatchObject({ width, height });
      colors.forEach((color, at) => {
        color.forEach((value, channel) => {
          if (channel === at) expect(value, `${colors}`).toBeGreaterThan(200);
          else expect(value, `${colors}`).toBeLessThan(60);
        });
      });
      expect(stats).toMatchObject({ width, height, layer: 0, invalid: 0, lost: 0 });
      expect(state).toBe("playing");
    });
  }
}

test("a picture is mirrored, and then turned, as its stream says", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8", meta: { rotation: 90, flip: true } });
  const { size, colors } = await ben.run(async () => {
    kept.viewer = tools.view(kept.room, { user: "ann" });
    await kept.viewer.saw(1);
    const { canvas } = kept.viewer;
    const { width, height } = canvas;
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const at = (part: number) => [...context.getImageData(width / 4, height * part, 1, 1).data.slice(0, 3)];
    return { size: [width, height], colors: [at(1 / 6), at(3 / 6), at(5 / 6)] };
  });
  expect(size).toEqual([360, 640]);
  // Below the number it was red, green, blue from left to right.
  expect(colors.map(color => color.indexOf(Math.max(...color)))).toEqual([2, 1, 0]);
});

test("what our own publisher sends is shown, in the layer that was chosen", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await ann.run(async () => {
    kept.drawnAtMs = await tools.canvasNumbers(kept.room, "cam", 640, 360, [360, 90]);
  });
  for (const [layer, height] of [360, 90].entries()) {
    const { seen, stats } = await ben.run(async layer => {
      const { player, seen, saw } = tools.view(kept.room, { user: "ann", layer });
      await saw(20);
      const { stats } = player;
      player.end();
      return { seen, stats };
    }, layer);
    const shown = seen.map(({ n }) => n);
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({ width: (height * 16) / 9, height });
    expect(stats).toMatchObject({ layer, layerWhy: "chosen", invalid: 0 });
  }
});
