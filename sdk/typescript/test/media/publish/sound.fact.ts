// Sound that goes out: the browser's own test microphone, a short beep each second.
import { expect, test } from "vitest";
import { newRoom } from "../../client/relay/relay.ts";
import type { Lab } from "../lab.ts";
import { type Kept, member, says, staged } from "./pages.ts";

declare const lab: Lab;
declare const kept: Kept;

staged();

/** Two members; the first publishes its microphone, the second hears so many frames. */
async function heard(count: number, audio = {}) {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await ann.evaluate(async audio => {
    kept.keep(await lab.media.publishTrack(kept.room, await lab.media.devices.microphone(), { audio }));
  }, audio);
  const times = await ben.evaluate(async count => {
    kept.viewer = await lab.Viewer.of(kept.room, "mic");
    await kept.viewer.until(({ sounds }) => sounds.length >= count);
    return kept.viewer.sounds;
  }, count);
  return { ann, ben, times };
}

test("sound goes out in even frames of the codec, each with its time", async () => {
  const { ann, ben, times } = await heard(100);
  const steps = times.slice(1).map(({ timestampUs }, at) => timestampUs - (times[at]?.timestampUs ?? 0));
  // What the device gave late it gave late; the samples follow each other all the same.
  const even = steps.filter(step => Math.abs(step - 20_000) < 2500);
  expect(even.length / steps.length).toBeGreaterThan(0.9);
  for (const { timestampUs, heardMs, keyframe } of times) {
    expect(keyframe).toBe(true);
    expect(heardMs - timestampUs / 1000).toBeGreaterThan(0);
    expect(heardMs - timestampUs / 1000).toBeLessThan(3000);
  }
  const meta = await ben.evaluate(() => lab.media.readMeta(kept.viewer.stream?.meta));
  expect(meta).toEqual({
    codec: "opus",
    sampleRate: 48_000,
    numberOfChannels: 1,
    bitrate: 32_000,
    sync: "main",
  });
  // The beep is in it.
  const loudest = await ben.evaluate(() => kept.viewer.loudest());
  expect(loudest).toBeGreaterThan(0.05);
  expect(await ann.evaluate(() => kept.publisher.stats)).toMatchObject({ fps: expect.any(Number) });
});

test("frames are as long as was asked for", async () => {
  const { times } = await heard(40, { frameMs: 40, channels: 2 });
  const steps = times.slice(1).map(({ timestampUs }, at) => timestampUs - (times[at]?.timestampUs ?? 0));
  expect(steps.filter(step => Math.abs(step - 40_000) < 2500).length / steps.length).toBeGreaterThan(0.9);
});

test("a microphone that is switched off sends nothing, and goes on", async () => {
  const { ann, ben } = await heard(10);
  await ann.waitForFunction(() => kept.publisher.stats.fps > 0);
  await ann.evaluate(() => Object.assign(kept.publisher.track, { enabled: false }) && undefined);
  await ann.waitForFunction(() => kept.publisher.stats.fps === 0);
  const sent = await ann.evaluate(async () => {
    const before = kept.sent["mic"];
    await kept.room.ping();
    return [before, kept.sent["mic"]];
  });
  expect(sent[1]).toBe(sent[0]);
  await ann.evaluate(() => Object.assign(kept.publisher.track, { enabled: true }) && undefined);
  await ben.evaluate(() => {
    const from = kept.viewer.sounds.length;
    return kept.viewer.until(({ sounds }) => sounds.length >= from + 25);
  });
});

test("another microphone goes out as the same stream", async () => {
  const { ann, ben } = await heard(10);
  await ann.evaluate(async () => kept.publisher.replaceTrack(await lab.media.devices.microphone()));
  await ben.evaluate(() => {
    const from = kept.viewer.sounds.length;
    return kept.viewer.until(({ sounds }) => sounds.length >= from + 50);
  });
  const times = await ben.evaluate(() => kept.viewer.sounds.map(({ timestampUs }) => timestampUs));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(await ben.evaluate(() => kept.viewer.errors)).toEqual([]);
});

test("a microphone that is unplugged is taken again", async () => {
  const { ann, ben } = await heard(10);
  await ann.evaluate(() => {
    kept.publisher.track.stop();
    kept.publisher.track.dispatchEvent(new Event("ended"));
  });
  await says(ann, "trackFound");
  await ben.evaluate(() => {
    const from = kept.viewer.sounds.length;
    return kept.viewer.until(({ sounds }) => sounds.length >= from + 25);
  });
});

test("sound that the browser holds back is said to be blocked, until the page is touched", async () => {
  const ann = await member(newRoom(), "ann");
  await ann.evaluate(async () => {
    // The driver's own calls count as a touch: so the context behaves here as in a page that nobody has touched.
    let isTouched = false;
    document.addEventListener("pointerdown", () => {
      isTouched = true;
    });
    globalThis.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options);
        this.suspend();
      }
      override resume(): Promise<void> {
        return isTouched ? super.resume() : new Promise(() => {});
      }
    };
    kept.keep(await lab.media.publishTrack(kept.room, await lab.media.devices.microphone()));
  });
  expect(await says(ann, "blocked")).toBe(true);
  await ann.mouse.click(5, 5);
  expect(await says(ann, "blocked", 2)).toBe(false);
});
