// A page that nobody has touched: the browser runs no sound of it, and it is said.
import { expect, test } from "vitest";
import { newRoom } from "../../client/relay/relay.ts";
import type { Lab } from "../lab.ts";
import { type Kept, member, says, staged } from "./pages.ts";

declare const lab: Lab;
declare const kept: Kept;

staged("--autoplay-policy=user-gesture-required");

test("sound that the browser holds back is said to be blocked, until the page is touched", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann"), member(room, "ben")]);
  await ann.evaluate(async () => {
    // A sound of the page's own: with a microphone the browser would let it run.
    const { MediaStreamTrackGenerator } = globalThis as unknown as {
      MediaStreamTrackGenerator: new (kind: { kind: string }) => MediaStreamTrack;
    };
    kept.keep(await lab.media.publishTrack(kept.room, new MediaStreamTrackGenerator({ kind: "audio" })));
  });
  expect(await says(ann, "blocked")).toBe(true);
  await ann.mouse.click(5, 5);
  expect(await says(ann, "blocked", 2)).toBe(false);
  await ben.evaluate(async () => {
    kept.viewer = await lab.Viewer.of(kept.room, "mic");
    await kept.viewer.until(({ sounds }) => sounds.length >= 10);
  });
});
