// How much is sent, by a given clock: frames that are let go, and what follows from it.
import { expect, test } from "vitest";
import { Control, Keyframes, type Load, limitOf, Pace } from "../../../src/media/publish/control.ts";

const IDLE: Load = { queued: 0, bufferedBytes: 0, delayMs: 0 };
const SLOW: Load = { ...IDLE, delayMs: 251 };

/** Thirty frames a second from one time to another. */
function frames(control: Control, load: Load, fromMs: number, toMs: number): boolean[] {
  const admitted: boolean[] = [];
  for (let ms = fromMs; ms < toMs; ms += 1000 / 30) admitted.push(control.admits(load, ms));
  return admitted;
}

test.for([
  [IDLE, undefined],
  [{ ...IDLE, queued: 1 }, undefined],
  [{ ...IDLE, queued: 2 }, "cpu"],
  [{ ...IDLE, bufferedBytes: 1 }, "uplink"],
  [{ ...IDLE, delayMs: 250 }, undefined],
  [SLOW, "uplink"],
  [{ ...SLOW, queued: 2 }, "uplink"],
] as const)("with %o a frame is limited by %s", ([load, limit]) => {
  expect(limitOf(load)).toBe(limit);
  const control = new Control(2, 30);
  expect(control.admits(load, 0)).toBe(!limit);
  expect(control.limit).toBe(limit);
});

test("the bitrate goes down by a fifth, at most once a second, to a tenth", () => {
  const control = new Control(2, 30);
  control.admits(SLOW, 0);
  expect(control.part).toBe(0.8);
  frames(control, SLOW, 1, 999);
  expect(control.part).toBe(0.8);
  control.admits(SLOW, 1000);
  expect(control.part).toBeCloseTo(0.64);
  for (let second = 2; second < 11; second += 1) control.admits(SLOW, second * 1000);
  expect([control.part, control.framerate, control.firstLayer]).toEqual([0.1, 30, 0]);
});

test("then the frame rate goes to 15, then the largest layer is paused", () => {
  const control = new Control(2, 30);
  for (let second = 0; second < 12; second += 1) control.admits(SLOW, second * 1000);
  expect([control.part, control.framerate, control.firstLayer]).toEqual([0.1, 15, 0]);
  control.admits(SLOW, 12_000);
  expect([control.framerate, control.firstLayer]).toEqual([15, 1]);
});

test("a layer that is the only one is not paused, and a slow frame rate is not raised", () => {
  const control = new Control(1, 10);
  for (let second = 0; second < 60; second += 1) control.admits(SLOW, second * 1000);
  expect([control.part, control.framerate, control.firstLayer]).toEqual([0.1, 10, 0]);
});

test("after five quiet seconds it comes back in the opposite order, a twentieth a second", () => {
  const control = new Control(2, 30);
  for (let second = 0; second < 13; second += 1) control.admits(SLOW, second * 1000);
  frames(control, IDLE, 12_001, 16_999);
  expect(control.firstLayer).toBe(1);
  const seen: unknown[] = [];
  for (let second = 17; second < 21; second += 1) {
    frames(control, IDLE, second * 1000, second * 1000 + 990);
    seen.push([control.firstLayer, control.framerate, Math.round(control.part * 100)]);
  }
  expect(seen).toEqual([
    [0, 15, 10],
    [0, 30, 10],
    [0, 30, 15],
    [0, 30, 20],
  ]);
  expect(control.limit).toBe("uplink");
  frames(control, IDLE, 21_000, 40_000);
  expect([control.part, control.limit]).toEqual([1, undefined]);
});

test("one frame that is let go keeps it down for five seconds more", () => {
  const control = new Control(2, 30);
  control.admits({ ...IDLE, queued: 2 }, 0);
  control.admits({ ...IDLE, queued: 2 }, 900);
  control.admits(IDLE, 5899);
  expect(control.part).toBe(0.8);
  control.admits(IDLE, 5900);
  expect(control.part).toBeCloseTo(0.85);
});

test.for([
  [30, 30, 30],
  [60, 30, 30],
  [25, 30, 25],
  [30, 15, 15],
  [30, 20, 20],
] as const)("of %i frames a second, with %i wanted, %i are taken", ([source, wanted, taken]) => {
  const pace = new Pace();
  let count = 0;
  for (let frame = 0; frame < source * 10; frame += 1) {
    // A camera's frames come a few milliseconds early or late.
    const jitterMs = ((frame * 7 + 4) % 5) - 2;
    if (pace.admits(1e12 + (frame * 1000) / source + jitterMs, wanted)) count += 1;
  }
  expect(Math.abs(count / 10 - taken)).toBeLessThan(0.6);
  // One that is not faster than wanted loses none.
  if (source <= wanted) expect(count).toBe(source * 10);
});

test("a source whose time is set back is not waited for", () => {
  const pace = new Pace();
  pace.admits(10_000, 30);
  expect(pace.admits(1000, 30)).toBe(true);
});

test("a keyframe comes first, on a wish, and at the latest after its time", () => {
  const keyframes = new Keyframes(2000);
  const must = [0, 33, 1999, 2000, 2033].map(ms => keyframes.take(ms));
  expect(must).toEqual([true, false, false, true, false]);
  keyframes.want();
  keyframes.want();
  expect([keyframes.isWanted, keyframes.take(2066), keyframes.take(2100)]).toEqual([true, true, false]);
  // One that the encoder made by itself counts.
  keyframes.made(4000);
  expect([keyframes.take(4066), keyframes.take(5999), keyframes.take(6000)]).toEqual([false, false, true]);
});
