// Pictures that go out: what is drawn in one page is read in another, through a relay.
import { expect, test } from "vitest";
import { newRoom } from "../../client/relay/relay.ts";
import type { Lab } from "../lab.ts";
import { firstSince, type Kept, member, publishes, says, sees, staged, timeOf } from "./pages.ts";

declare const lab: Lab;
declare const kept: Kept;

staged();

const DRAWN = [
  [200, 30, 30],
  [30, 160, 30],
  [30, 30, 200],
];

/** How far the colours are from those that were drawn. */
const apart = (colours: number[][]) =>
  Math.max(
    ...colours.flatMap((colour, at) => colour.map((part, rgb) => Math.abs(part - (DRAWN[at]?.[rgb] ?? 0)))),
  );

test.for([
  ["h264", 640, 360],
  ["vp8", 640, 360],
  ["vp9", 640, 360],
  ["av1", 320, 180],
  ["h264", 1280, 720],
] as const)(
  "what is drawn is seen with %s, %i by %i: in order, right in size and colour",
  async ([codec, width, height]) => {
    const room = newRoom();
    const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
    await publishes(ann, { width, height }, { codecs: [codec] });
    const seen = await sees(ben, "cam", 30);
    const drawnMs = await ann.evaluate(() => kept.drawing.drawnMs);
    expect(seen[0]?.isKeyframe).toBe(true);
    // A busy browser may give a canvas' picture twice, and a keyframe that somebody waits for may be the last picture.
    const once = seen.filter(({ number }, at) => number !== seen[at - 1]?.number);
    expect(once.length).toBeGreaterThan(15);
    const numbers = once.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    for (const { number, colours, capturedMs, ...size } of once) {
      expect(size).toMatchObject({ width, height });
      expect(apart(colours)).toBeLessThan(40);
      // The timestamp says when it was drawn, on the clock of all pages.
      expect(Math.abs(capturedMs - (drawnMs[number] ?? 0)), `number ${number}`).toBeLessThan(500);
    }
    expect(await ben.evaluate(() => kept.viewer.errors)).toEqual([]);
  },
);

test("the small layer is a stream of its own, and only what is read is encoded", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await publishes(ann, { width: 640, height: 360 });
  expect(await ann.evaluate(() => kept.publisher.stats.limitedBy)).toBe("nobody");
  const [small] = await sees(ben, "cam.low", 10);
  expect(small).toMatchObject({ width: 320, height: 180, isKeyframe: true });
  const meta = await ben.evaluate(() => lab.media.readMeta(kept.viewer.stream?.meta));
  expect(meta).toMatchObject({ of: "cam", layer: 1, sync: "main", codedWidth: 320, codedHeight: 180 });
  expect(await says(ann, "limited")).toBe(undefined);
  expect(await ann.evaluate(() => kept.sent)).toMatchObject({ cam: 0, "cam.low": expect.any(Number) });
  // The reader goes: so does the encoder, and with it the frames.
  await ben.evaluate(() => kept.viewer.subscription.end());
  await ann.waitForFunction(() => kept.publisher.publishers.every(({ watched }) => !watched));
  const sent = await ann.evaluate(async () => {
    const before = { ...kept.sent };
    // A report of a whole second in which nothing was encoded.
    while (kept.publisher.stats.layers.some(({ fps }) => fps > 0)) await new Promise(requestAnimationFrame);
    return [before, kept.sent, kept.publisher.stats.limitedBy];
  });
  expect(sent).toEqual([sent[0], sent[0], "nobody"]);
  expect((await sees(ben, "cam", 5))[0]).toMatchObject({ width: 640, isKeyframe: true });
});

test("a wish for a keyframe is the next frame, and no other frame is one", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await publishes(ann, { width: 640, height: 360 }, { gopMs: 600_000 });
  const before = await sees(ben, "cam", 40);
  // Another if the first was old when Ben came: the relay wishes for it then.
  const begun = before.filter(({ isKeyframe }) => isKeyframe).length;
  expect(begun).toBeGreaterThan(0);
  expect(begun).toBeLessThan(3);
  const keyframes = await ben.evaluate(async () => {
    await kept.room.keyframe(kept.viewer.stream ?? 0);
    const from = kept.viewer.seen.length;
    await kept.viewer.until(({ seen }) => seen.slice(from).some(({ isKeyframe }) => isKeyframe));
    await kept.viewer.until(({ seen }) => seen.length >= from + 40);
    return kept.viewer.seen.slice(from).filter(({ isKeyframe }) => isKeyframe).length;
  });
  expect(keyframes).toBe(1);
});

test("without a wish a keyframe comes when its time has come", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await publishes(ann, { width: 320, height: 180 }, { gopMs: 500 });
  const seen = (await sees(ben, "cam", 75)).filter(({ isKeyframe }) => isKeyframe);
  const gaps = seen.slice(1).map(({ capturedMs }, at) => capturedMs - (seen[at]?.capturedMs ?? 0));
  // Some may be wished for: a reader that is behind on a busy machine gets one between.
  const timely = gaps.filter(gap => gap > 400);
  expect(timely.length).toBeGreaterThan(2);
  expect(timely.length).toBeGreaterThan(gaps.length / 2);
  for (const gap of gaps) expect(gap).toBeLessThan(3000);
});

test("a late reader sees a picture that stands still", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await publishes(ann, { width: 640, height: 360 });
  await sees(ben, "cam", 5);
  await ann.waitForFunction(() => kept.publisher.stats.fps > 0);
  const number = await ann.evaluate(() => {
    kept.drawing.stop();
    return kept.drawing.drawnMs.length - 1;
  });
  await ben.evaluate(number => kept.viewer.until(({ seen }) => seen.at(-1)?.number === number), number);
  // After a whole second without a frame the relay's last keyframe is old.
  await ann.waitForFunction(() => kept.publisher.stats.fps === 0);
  const carl = await member(room, "carl");
  const since = await timeOf(carl);
  await sees(carl, "cam", 1);
  expect(await firstSince(carl, since)).toMatchObject({ number, isKeyframe: true });
});

test("a canvas that was drawn on before, and never again, is seen", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  const number = await ann.evaluate(async () => {
    kept.drawing = new lab.Drawing(640, 360);
    kept.drawing.stop();
    // Two frames of the screen later nothing of it is new.
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    kept.keep(await lab.media.publishCanvas(kept.room, kept.drawing.canvas));
    return kept.drawing.drawnMs.length - 1;
  });
  expect((await sees(ben, "cam", 1))[0]).toMatchObject({ number, isKeyframe: true, width: 640 });
});
