// When a keyframe is asked for, and when a decoder has failed too often.
import { expect, test } from "vitest";
import { Failures } from "../../../src/media/coding.ts";
import { Asks } from "../../../src/media/play/asks.ts";

test("a keyframe is asked for once in half a second while it is wanted", () => {
  const asks = new Asks();
  expect(asks.ask(0)).toBe(false);
  asks.want();
  expect([0, 100, 499, 500, 600, 1000].map(ms => asks.ask(ms))).toEqual([
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  asks.came();
  expect(asks.ask(2000)).toBe(false);
});

test("a wish that follows a keyframe at once waits for its half second", () => {
  const asks = new Asks();
  asks.want();
  asks.ask(0);
  asks.came();
  asks.want();
  expect([100, 500].map(ms => asks.ask(ms))).toEqual([false, true]);
});

test("a keyframe that comes by itself is waited for half a second", () => {
  const asks = new Asks();
  asks.want(0);
  expect([100, 500].map(ms => asks.ask(ms))).toEqual([false, true]);
});

test("three failures in ten seconds are too many", () => {
  const failures = new Failures();
  expect([0, 5000, 9999].map(ms => failures.add(ms))).toEqual([false, false, true]);
});

test("failures that are far apart are not", () => {
  const failures = new Failures();
  expect([0, 5000, 10_000, 20_000].map(ms => failures.add(ms))).toEqual([false, false, false, false]);
});
