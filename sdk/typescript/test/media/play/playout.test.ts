// The one clock of picture and sound, and which picture is drawn when.
import { expect, test } from "vitest";
import { Pictures, Playout } from "../../../src/media/play/playout.ts";

const latency = { min: 40, max: 400 };
/** The publisher's clock is this far from ours. */
const T = 1_800_000_000_000;

/** Pictures at their pace: 30 a second, the way takes `wayMs`. */
function live(
  playout: Playout,
  fromMs: number,
  count: number,
  wayMs: number | ((n: number) => number) = 10,
): number {
  for (let n = 0; n < count; n += 1) {
    const ms = fromMs + n * 33;
    playout.came("picture", T + ms, ms + (typeof wayMs === "number" ? wayMs : wayMs(n)));
  }
  return fromMs + count * 33;
}

test("pictures without sound are played as soon as their jitter allows", () => {
  const playout = new Playout(latency);
  live(playout, 0, 60);
  expect(playout.delayMs(2000)).toBeLessThan(1);
  expect(playout.mediaMs(2000)).toBeCloseTo(T + 1990, 0);
  const shaky = new Playout(latency);
  live(shaky, 0, 60, n => (n % 4 === 3 ? 40 : 10));
  expect(shaky.delayMs(2000)).toBeGreaterThan(28);
  expect(shaky.mediaMs(2000)).toBeCloseTo(T + 1990 - shaky.delayMs(2000), 0);
});

test("sound makes the clock wait 60 ms, for pictures as well", () => {
  const playout = new Playout(latency);
  for (let ms = 0; ms < 300; ms += 20) playout.came("sound", T + ms, ms + 5);
  live(playout, 300, 2, 5);
  expect(playout.delayMs(400)).toBeCloseTo(60, 0);
  expect(playout.mediaMs(400)).toBeCloseTo(T + 400 - 5 - 60, 0);
});

test("the slower of picture and sound rules the delay of both", () => {
  const playout = new Playout(latency);
  for (let ms = 0; ms < 990; ms += 33) {
    playout.came("sound", T + ms, ms + 5);
    playout.came("picture", T + ms, ms + 105);
  }
  expect(playout.delayMs(1000)).toBeCloseTo(120, 0);
});

test("what comes while a part begins is no jitter", () => {
  const playout = new Playout(latency);
  live(playout, 0, 15, n => (n > 3 && n < 11 ? 60 : 10));
  live(playout, 495, 25);
  expect(playout.delayMs(1320)).toBeLessThan(1);
});

test("pictures follow the sound that is heard, and their own clock when none is", () => {
  const playout = new Playout(latency);
  live(playout, 0, 30);
  playout.heard(T + 700, 1000);
  expect(playout.mediaMs(1050)).toBe(T + 750);
  expect(playout.mediaMs(1600)).toBeCloseTo(T + 1590, 0);
  playout.heard(T + 700, 1000);
  playout.silent();
  expect(playout.mediaMs(1050)).toBeCloseTo(T + 1040, 0);
});

test("what was missed comes in a burst and is no jitter", () => {
  const playout = new Playout(latency);
  // Two seconds of pictures come within 60 ms, then the pictures of now.
  for (let n = 0; n < 60; n += 1) playout.came("picture", T + n * 33, 2000 + n);
  expect(playout.isCatchingUp("picture", 2060)).toBe(true);
  live(playout, 60 * 33 + 66, 30, 10);
  expect(playout.isCatchingUp("picture", 3100)).toBe(false);
  expect(playout.delayMs(3100)).toBeLessThan(5);
});

test("after a gap pictures wait for no jitter of the time before it", () => {
  const playout = new Playout(latency);
  const ms = live(playout, 0, 90, n => 10 + (n % 10) * 20);
  expect(playout.delayMs(ms)).toBeGreaterThan(150);
  playout.begin("picture");
  expect(playout.delayMs(ms)).toBe(0);
  expect(playout.delayMs(live(playout, ms, 60))).toBeLessThan(1);
});

test("a burst is over when nothing follows", () => {
  const playout = new Playout(latency);
  playout.came("picture", T, 100);
  expect(playout.isCatchingUp("picture", 120)).toBe(true);
  expect(playout.isCatchingUp("picture", 160)).toBe(false);
});

test("a line that gets slow does not make slow the measure", () => {
  const playout = new Playout(latency);
  let ms = live(playout, 0, 30, 10);
  for (let n = 0; n < 900; n += 1, ms += 33) playout.came("picture", T + ms, ms + 910);
  expect(playout.came("picture", T + ms, ms + 910)).toBeGreaterThan(890);
  expect(playout.delayMs(ms)).toBe(400);
});

test("two clocks may drift", () => {
  const playout = new Playout(latency);
  // The publisher's clock loses 50 ppm for an hour.
  for (let ms = 0; ms < 3_600_000; ms += 330) playout.came("picture", T + ms, ms * 1.00005 + 10);
  expect(playout.came("picture", T + 3_600_000, 3_600_180 + 10)).toBeLessThan(5);
});

test("a publisher that slept is measured anew", () => {
  const playout = new Playout(latency);
  live(playout, 0, 30, 10);
  expect(playout.came("picture", T + 1000, 61_010)).toBe(0);
});

const at = (...list: number[]) => list.map(ms => ({ mediaMs: T + ms }));
const filled = (...list: number[]) => {
  const pictures = new Pictures<{ mediaMs: number }>(400);
  for (const picture of at(...list)) pictures.add(picture, 0);
  return pictures;
};

test("a picture is drawn when its time has come, and not before", () => {
  const pictures = filled(0, 33);
  expect(pictures.take(T - 2, T + 33, false, 0)).toEqual({ drop: [], nextMs: T });
  expect(pictures.take(T, T + 33, false, 0)).toEqual({ draw: at(0)[0], drop: [], nextMs: T + 33 });
  expect(pictures.take(T + 33, T + 33, false, 0)).toEqual({ draw: at(33)[0], drop: [] });
  expect(pictures.take(T + 99, T + 33, false, 0)).toEqual({ drop: [] });
});

test("of pictures that are due the newest is drawn", () => {
  const pictures = filled(0, 33, 66);
  expect(pictures.take(T + 40, T + 66, false, 0)).toEqual({ draw: at(33)[0], drop: at(0), nextMs: T + 66 });
});

test("a picture late by more than a frame is not drawn while a newer is there", () => {
  const pictures = filled(0, 33, 99);
  pictures.take(T + 33, T + 99, false, 0);
  for (const picture of at(132, 165)) pictures.add(picture, 0);
  expect(filled(0, 33).take(T + 30, T + 33, false, 0).draw).toEqual(at(0)[0]);
  const late = filled(0, 20, 100);
  expect(late.take(T + 20 + 81, T + 100, false, 0).draw).toEqual(at(100)[0]);
  const skipped = filled(0, 20, 200);
  skipped.add({ mediaMs: T + 220 }, 0);
  expect(skipped.take(T + 60, T + 220, false, 0)).toEqual({ drop: at(0, 20), nextMs: T + 200 });
});

test("a late picture is drawn when no newer is there", () => {
  expect(filled(0).take(T + 300, T, false, 0).draw).toEqual(at(0)[0]);
  expect(filled(0).take(T + 3000, T, false, 0).draw).toEqual(at(0)[0]);
});

test("pictures older than the largest delay are not drawn while newer ones come", () => {
  expect(filled(0).take(T + 401, T + 500, false, 0)).toEqual({ drop: at(0) });
  expect(filled(0).take(T + 399, T + 500, false, 0).draw).toEqual(at(0)[0]);
});

test("while what was missed comes, nothing is drawn, and the newest stays", () => {
  const pictures = filled(0, 33);
  expect(pictures.take(T + 33, T + 66, true, 0)).toEqual({ drop: at(0) });
  expect(pictures.take(T + 33, T + 66, false, 0)).toEqual({ draw: at(33)[0], drop: [] });
  expect(filled(0).take(T, T + 66, true, 501).draw).toEqual(at(0)[0]);
});

test("a decoder that cannot keep up does not freeze the picture", () => {
  const pictures = filled(0);
  expect(pictures.take(T + 900, T + 900, false, 400).drop).toEqual(at(0));
  pictures.add({ mediaMs: T + 33 }, 501);
  expect(pictures.take(T + 1000, T + 1000, false, 501).draw).toEqual(at(33)[0]);
});

test("pictures of two layers are put in order", () => {
  expect(filled(66, 33, 0).take(T + 33, T + 66, false, 0)).toEqual({
    draw: at(33)[0],
    drop: at(0),
    nextMs: T + 66,
  });
});
