// Pictures in Chromium, from a bare encoder in one page over a relay to a player in another.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "../../client/browser/chromium.ts";
import { atEnd } from "../../client/relay/members.ts";
import { mint, newRoom, sharedApp } from "../../client/relay/relay.ts";
import type { NumbersOptions } from "./page.ts";
import { Pages } from "./pages.ts";

const app = sharedApp();
let pages: Pages;

beforeAll(async () => {
  pages = await Pages.start();
});

afterAll(() => pages?.close());

/** A page whose user sits in the room. Nothing may stand in its console at the end. */
async function seat(
  room: string,
  user: string,
  url = app.connect,
  path = "/",
  context?: string,
): Promise<Page> {
  const page = await pages.page(path, context);
  await page.run(
    async (url, token) => {
      kept.room = await tools.connect({ url, token });
    },
    url,
    mint(app, { room, user }),
  );
  atEnd(async () => {
    await page.close();
    expect(page.console).toEqual([]);
  });
  return page;
}

async function publish(page: Page, name: string, options: NumbersOptions = {}): Promise<void> {
  await page.run(
    async (name, options) => {
      kept.numbers[name] = await tools.numbers(kept.room, name, options);
    },
    name,
    options,
  );
}

const CODECS = { h264: "avc1.42e01f", vp8: "vp8", vp9: "vp09.00.31.08" };
const SIZES = [
  [640, 360],
  [1280, 720],
] as const;

for (const [title, codec] of Object.entries(CODECS)) {
  for (const [width, height] of SIZES) {
    test(`${height} lines of ${title} are shown in order, size and colour`, async () => {
      const name = newRoom();
      const [ann, ben] = [await seat(name, "ann"), await seat(name, "ben")];
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
