// Pictures that go out: what is drawn in one page is read in another, through a relay.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Room } from "../../../src/client/index.ts";
import type { MediaPublisher, PublishTrackOptions } from "../../../src/media/index.ts";
import { mint, newRoom, sharedApp } from "../../client/relay/relay.ts";
import type { Drawing, Lab, Seen, Viewer } from "../lab.ts";
import { Stage } from "../stage.ts";

/** What the pages have. */
declare const lab: Lab;
declare const kept: {
  room: Room;
  drawing: Drawing;
  publisher: MediaPublisher;
  viewer: Viewer;
};

const app = sharedApp();
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
});

afterAll(() => stage?.close());

/** A page that is a member of a room. */
async function member(room: string, user: string, url: string = app.connect): Promise<Page> {
  const page = await stage.page();
  const token = mint(app, { room, user });
  await page.evaluate(
    async ([url, token]) => {
      const room = await lab.client.connect({ url, token });
      Object.assign(globalThis, { kept: { room } });
    },
    [url, token] as const,
  );
  return page;
}

/** Draws and publishes. */
function publishes(
  page: Page,
  size: { width: number; height: number },
  options: PublishTrackOptions = {},
): Promise<void> {
  return page.evaluate(
    async ([{ width, height }, options]) => {
      kept.drawing = new lab.Drawing(width, height);
      kept.publisher = await lab.media.publishCanvas(kept.room, kept.drawing.canvas, options);
    },
    [size, options] as const,
  );
}

/** Reads a stream until so many pictures were seen. */
function sees(page: Page, name: string, count: number): Promise<Seen[]> {
  return page.evaluate(
    async ([name, count]) => {
      kept.viewer ??= await lab.Viewer.of(kept.room, name);
      const from = kept.viewer.seen.length;
      await kept.viewer.until(({ seen }) => seen.length >= from + count);
      return kept.viewer.seen.slice(from);
    },
    [name, count] as const,
  );
}

const near = (seen: number[][], drawn: number[][]) =>
  Math.max(
    ...seen.flatMap((colour, at) => colour.map((part, rgb) => Math.abs(part - (drawn[at]?.[rgb] ?? 0)))),
  );

test.for([
  ["h264", 640, 360],
  ["vp8", 640, 360],
  ["vp9", 640, 360],
  ["h264", 1280, 720],
] as const)(
  "what is drawn is seen with %s, %s by %s: in order, right in size and colour",
  async ([codec, width, height]) => {
    const room = newRoom();
    const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
    await publishes(ann, { width, height }, { codecs: [codec] });
    const seen = await sees(ben, "cam", 30);
    const drawn = await ann.evaluate(() => kept.drawing.drawnMs);
    const numbers = seen.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(seen[0]?.isKeyframe).toBe(true);
    for (const { number, width: seenWidth, height: seenHeight, colours, capturedMs } of seen) {
      expect([seenWidth, seenHeight]).toEqual([width, height]);
      expect(
        near(colours, [
          [200, 30, 30],
          [30, 160, 30],
          [30, 30, 200],
        ]),
      ).toBeLessThan(40);
      // The timestamp says when it was drawn, on the clock of all pages.
      expect(Math.abs(capturedMs - (drawn[number] ?? 0)), `number ${number}`).toBeLessThan(100);
    }
    expect(await ben.evaluate(() => kept.viewer.errors)).toEqual([]);
  },
);
