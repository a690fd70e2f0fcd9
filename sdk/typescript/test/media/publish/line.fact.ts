// A publisher whose line becomes slow: frames are let go before the encoder, the delay comes back, and keyframes do not
// make it worse.
import { expect, test } from "vitest";
import { atEnd } from "../../client/relay/members.ts";
import { Line } from "../../client/relay/proxy.ts";
import { newRoom, sharedApp } from "../../client/relay/relay.ts";
import type { Lab } from "../lab.ts";
import { type Kept, member, publishes, sees, staged } from "./pages.ts";

declare const lab: Lab;
declare const kept: Kept;

staged();

const median = (values: number[]) =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

test("a line that drops to a quarter has its delay back within five seconds, without a keyframe storm", async () => {
  const [room, cable] = [newRoom(), await Line.to(sharedApp().url)];
  atEnd(() => cable.close());
  const [ann, ben] = await Promise.all([member(room, "ann", { url: cable.url }), member(room, "ben")]);
  cable.slow(2000);
  const layers = [{ lines: 360, bitrate: 1_200_000 }];
  await publishes(ann, { width: 640, height: 360, noise: true }, { layers });
  await sees(ben, "cam", 90);
  const before = await ann.evaluate(() => kept.publisher.stats);
  cable.slow(500);
  const { behind, keyframes } = await ben.evaluate(async () => {
    const [fromMs, keyframes] = [lab.nowMs(), kept.viewer.keyframes];
    await kept.viewer.until(({ behind }) => (behind.at(-1)?.[0] ?? 0) > fromMs + 12_000);
    return {
      behind: kept.viewer.behind
        .filter(([atMs]) => atMs >= fromMs)
        .map(([atMs, ms]): [number, number] => [atMs - fromMs, ms]),
      keyframes: kept.viewer.keyframes - keyframes,
    };
  });
  const after = await ann.evaluate(() => kept.publisher.stats);
  const later = behind.filter(([atMs]) => atMs >= 5000).map(([, ms]) => ms);
  const said = {
    before,
    after,
    worst: Math.max(...behind.map(([, ms]) => ms)),
    later: median([...later]),
    keyframes,
  };
  expect(median(later), JSON.stringify(said)).toBeLessThan(500);
  // The line is used all the same: some frames in each second of seven.
  expect(later.length, JSON.stringify(said)).toBeGreaterThan(40);
  expect(after.limitedBy).toBe("uplink");
  expect(after.skipped).toBeGreaterThan(0);
  // One in two seconds, and as many again for a reader that lost frames.
  expect(keyframes, JSON.stringify(said)).toBeLessThanOrEqual(12);
});
