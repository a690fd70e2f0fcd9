// How long what has come is held back.
import { expect, test } from "vitest";
import { Delay, Jitter, picturePace, soundPace } from "../../../src/media/play/jitter.ts";

const latency = { min: 40, max: 400 };

test("the usual jitter is the 95th percentile of the last five seconds", () => {
  const jitter = new Jitter();
  expect(jitter.usualMs).toBe(0);
  for (let n = 1; n <= 100; n += 1) jitter.add(n, n);
  expect(jitter.usualMs).toBe(95);
  jitter.add(7, 5040);
  expect(jitter.usualMs).toBe(97);
  jitter.add(7, 5101);
  expect(jitter.usualMs).toBe(7);
});

test("the delay of sound begins at 60 ms and has a margin of 20", () => {
  const delay = new Delay(soundPace(latency));
  expect(delay.ms).toBe(60);
  delay.follow(50, 0);
  expect(delay.ms).toBe(70);
});

test("the delay goes up at once and down by 1 ms a second", () => {
  const delay = new Delay(soundPace(latency));
  delay.follow(180, 0);
  expect(delay.ms).toBe(200);
  delay.follow(0, 3000);
  expect(delay.ms).toBe(197);
  delay.follow(100, 4000);
  expect(delay.ms).toBe(196);
  delay.follow(178, 5000);
  expect(delay.ms).toBe(198);
});

test("the delay stays within its bounds", () => {
  const delay = new Delay(soundPace(latency));
  delay.follow(1000, 0);
  expect(delay.ms).toBe(400);
  delay.follow(0, 1_000_000);
  expect(delay.ms).toBe(40);
  expect(new Delay(soundPace({ min: 100, max: 400 })).ms).toBe(100);
});

test("pictures alone wait for their usual jitter and no longer", () => {
  const delay = new Delay(picturePace(latency));
  expect(delay.ms).toBe(0);
  delay.follow(15, 0);
  expect(delay.ms).toBe(15);
  delay.follow(0, 1000);
  expect(delay.ms).toBe(0);
});
