// When a frame was captured, from sources that have clocks of their own.
import { expect, test } from "vitest";
import { nowUs, Stamps } from "../../src/media/clock.ts";

const SECOND = 1_000_000;

test("the clock is Unix time", () => {
  expect(Math.abs(nowUs() / 1000 - Date.now())).toBeLessThan(1000);
});

test("a frame that came late was captured when its source says", () => {
  const stamps = new Stamps();
  const captured = [5, 80, 5, 200, 6].map((lateMs, at) =>
    stamps.at(at * 33_000, 10 * SECOND + at * 33_000 + lateMs * 1000),
  );
  expect(captured.map(us => us - 10 * SECOND - 5000)).toEqual([0, 33_000, 66_000, 99_000, 132_000]);
});

test("a source that drifts is followed", () => {
  const stamps = new Stamps();
  let captured = 0;
  // A source that loses a thousandth: two seconds in 2,000.
  for (let ms = 0; ms <= 2_000_000; ms += 20) captured = stamps.at(ms * 999, 10 * SECOND + ms * 1000);
  expect(Math.abs(captured - (10 + 2000) * SECOND)).toBeLessThan(11_000);
});

test("a source that begins again goes on at the time of the clock", () => {
  const stamps = new Stamps();
  stamps.at(3_600 * SECOND, 10 * SECOND);
  expect(stamps.at(0, 11 * SECOND)).toBe(11 * SECOND);
  expect(stamps.at(7_200 * SECOND, 12 * SECOND)).toBe(12 * SECOND);
});

test("no time is given twice, and none is earlier than the one before", () => {
  const stamps = new Stamps();
  const times = [0, 0, 50, 40, 60].map(ms => stamps.at(ms * 1000, 10 * SECOND + 60_000));
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
});
