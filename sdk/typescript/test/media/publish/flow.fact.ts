// What a publisher does when something happens to it: a mute, another track, a lost device or connection, its end.
import { expect, test } from "vitest";
import { atEnd } from "../../client/relay/members.ts";
import { Line } from "../../client/relay/proxy.ts";
import { mint, newRoom, sharedApp } from "../../client/relay/relay.ts";
import type { Lab } from "../lab.ts";
import { firstSince, type Kept, member, publishes, says, seenBy, sees, staged, timeOf } from "./pages.ts";

declare const lab: Lab;
declare const kept: Kept;

const browser = staged();
const SMALL = { width: 320, height: 180 };

/** Two members, one of which publishes and the other one reads. */
async function pair(annOptions: Parameters<typeof member>[2] = {}) {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann", annOptions), member(room, "ben")]);
  await publishes(ann, SMALL);
  await sees(ben, "cam", 5);
  return { ann, ben };
}

test("a mute stops it, and when it is taken back the picture goes on with a keyframe", async () => {
  const { ann, ben } = await pair({ role: "speaker" });
  await ben.evaluate(() => kept.room.mute("ann"));
  await ann.waitForFunction(() => kept.publisher.publishers.every(({ state }) => state === "denied"));
  expect(await ann.evaluate(() => kept.publisher.stats.limitedBy)).toBe("nobody");
  const since = await timeOf(ben);
  await ben.evaluate(() => kept.room.unmute("ann"));
  expect((await firstSince(ben, since))?.isKeyframe).toBe(true);
  expect(await ann.evaluate(() => kept.said.filter(([name]) => name === "ended"))).toEqual([]);
});

test("a pause and a track that is switched off send nothing, and are no error", async () => {
  const { ann, ben } = await pair();
  for (const [stop, go] of [
    [() => kept.publisher.pause(), () => kept.publisher.resume()],
    [
      () => Object.assign(kept.publisher.track, { enabled: false }) && undefined,
      () => Object.assign(kept.publisher.track, { enabled: true }) && undefined,
    ],
  ] as const) {
    await ann.waitForFunction(() => (kept.publisher.stats.layers[0]?.fps ?? 0) > 0);
    await ann.evaluate(stop);
    await ann.waitForFunction(() => kept.publisher.stats.layers[0]?.fps === 0);
    const sent = await ann.evaluate(() => kept.sent["cam"]);
    await ann.evaluate(() => kept.room.ping());
    expect(await ann.evaluate(() => kept.sent["cam"])).toBe(sent);
    const since = await timeOf(ann);
    await ann.evaluate(go);
    expect((await firstSince(ben, since))?.isKeyframe).toBe(true);
  }
  expect(await ann.evaluate(() => kept.said.filter(([name]) => name === "ended"))).toEqual([]);
  expect(await ben.evaluate(() => kept.viewer.errors)).toEqual([]);
});

test("another track goes out as the same stream, in its own size", async () => {
  const { ann, ben } = await pair();
  await ann.evaluate(async () => {
    kept.drawing.stop();
    const { canvas } = new lab.Drawing(1280, 720);
    const [track] = canvas.captureStream(30).getVideoTracks();
    if (track) await kept.publisher.replaceTrack(track);
  });
  await ben.evaluate(() => kept.viewer.until(({ seen }) => seen.at(-1)?.width === 1280));
  const [first] = await sees(ben, "cam", 5);
  expect(first).toMatchObject({ width: 1280, height: 720 });
  expect(await ben.evaluate(() => kept.viewer.errors)).toEqual([]);
  await expect(
    ann.evaluate(async () => kept.publisher.replaceTrack(await lab.media.devices.microphone())),
  ).rejects.toThrow("not of video");
});

test("a camera that is unplugged is taken again from the default one", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await ann.evaluate(async () => {
    const track = await lab.media.devices.camera();
    kept.keep(await lab.media.publishTrack(kept.room, track));
  });
  await sees(ben, "cam", 5);
  const since = await seenBy(ben);
  // What the browser does when a device is gone.
  await ann.evaluate(() => {
    kept.publisher.track.stop();
    kept.publisher.track.dispatchEvent(new Event("ended"));
  });
  await says(ann, "trackLost");
  await says(ann, "trackFound");
  await ben.evaluate(
    since => kept.viewer.until(({ seen }) => seen.slice(since).some(({ isKeyframe }) => isKeyframe)),
    since,
  );
  await sees(ben, "cam", 5);
  expect(await ben.evaluate(() => kept.viewer.errors)).toEqual([]);
  expect(await ann.evaluate(() => kept.publisher.track.readyState)).toBe("live");
});

test("what is of no device ends with its track", async () => {
  const { ann, ben } = await pair();
  await ann.evaluate(() => void kept.publisher.track.dispatchEvent(new Event("ended")));
  expect(await says(ann, "ended")).toEqual({});
  await ben.evaluate(() => kept.viewer.until(({ errors }) => errors.length > 0));
  expect(await ben.evaluate(() => kept.viewer.errors)).toEqual(["ended: unpublished"]);
});

test("a lost connection is gone over, and the picture goes on with a keyframe", async () => {
  const cable = await Line.to(sharedApp().url);
  atEnd(() => cable.close());
  const { ann, ben } = await pair({ url: cable.url });
  await ann.evaluate(() => {
    kept.room.once("reconnected", () => kept.said.push(["reconnected", 0]));
  });
  const since = await seenBy(ben);
  cable.cut();
  await says(ann, "reconnected");
  await sees(ben, "cam", 5);
  const seen = await sees(ben, "cam", 1, since);
  expect(seen.some(({ isKeyframe }) => isKeyframe)).toBe(true);
});

test("at the end nothing is left: no stream, no worker, no track of its own", async () => {
  const { ann, ben } = await pair();
  expect(ann.workers()).toHaveLength(1);
  const gone = ann.workers()[0]?.waitForEvent("close");
  const state = await ann.evaluate(() => {
    kept.publisher.end();
    kept.publisher.end();
    const { publisher } = kept;
    return [publisher.track.readyState, publisher.publishers.map(({ state }) => state)];
  });
  expect(state).toEqual(["ended", ["ended"]]);
  await gone;
  expect(await ann.evaluate(() => kept.said.filter(([name]) => name === "ended"))).toHaveLength(1);
  await ben.evaluate(() => kept.viewer.until(({ errors }) => errors.length > 0));
});

test("a room that closes ends it", async () => {
  const { ann } = await pair();
  await ann.evaluate(() => kept.room.leave());
  expect(await says(ann, "ended")).toEqual({});
  await ann.waitForFunction(() => kept.publisher.track.readyState === "ended");
});

test("frames larger than the room takes are made smaller, and if that is not enough it ends", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await ann.evaluate(
    async ([url, token]) => {
      kept.room = await lab.client.connect({ url, token, frameBytesMax: 100 });
    },
    [sharedApp().connect, mint(sharedApp(), { room, user: "carl" })] as const,
  );
  await publishes(ann, { ...SMALL, noise: true });
  await ben.evaluate(() => kept.room.subscribe("cam"));
  expect(await says(ann, "ended")).toMatchObject({
    error: { message: expect.stringMatching(/^encode_failed: .*too large/) },
  });
});

test("a worker that is not there is said to be none", async () => {
  const ann = await browser.stage.page([], undefined, { expects: ["404"] });
  const refused = await ann.evaluate(async () => {
    const answer = await lab.media.support({ worker: "/nowhere.js" });
    return [answer.publish.video, answer.why?.code];
  });
  expect(refused).toEqual([false, "unsupported"]);
});
