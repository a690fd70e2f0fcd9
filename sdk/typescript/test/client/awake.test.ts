// Awake time, by a clock that sleeps when it is told to.
import { expect, test } from "vitest";
import { Awake } from "../../src/client/awake.ts";
import { TestClock } from "./clock.ts";

test("a sleep does not count, and is noticed", () => {
  const clock = new TestClock();
  let jumps = 0;
  let ran = false;
  new Awake(clock, () => jumps++).after(10_000, () => {
    ran = true;
  });
  clock.run(4000);
  clock.sleep(3_600_000);
  expect([jumps, ran]).toEqual([1, false]);
  clock.run(4999);
  expect(ran).toBe(false);
  clock.run(1);
  expect([jumps, ran]).toEqual([1, true]);
});

test("a sleep in the last step gives one second more, once", () => {
  const clock = new TestClock();
  let ran = false;
  new Awake(clock, () => {}).after(5000, () => {
    ran = true;
  });
  clock.sleep(3_600_000);
  expect(ran).toBe(false);
  clock.run(999);
  expect(ran).toBe(false);
  clock.sleep(3_600_000);
  expect(ran).toBe(true);
});

test("timers held to one a minute still come to an end", () => {
  const clock = new TestClock();
  let ran = false;
  new Awake(clock, () => {}).after(10_000, () => {
    ran = true;
  });
  for (let minute = 0; minute < 3; minute += 1) {
    expect(ran).toBe(false);
    clock.sleep(60_000);
  }
  expect(ran).toBe(true);
});

test("what is taken back does not run, also by its own jump", () => {
  const clock = new TestClock();
  let ran = false;
  const awake = new Awake(clock, () => stop());
  const stop = awake.after(8000, () => {
    ran = true;
  });
  clock.sleep(60_000);
  clock.run(60_000);
  expect(ran).toBe(false);
  awake.after(10, () => {
    ran = true;
  });
  awake.stop();
  clock.run(60_000);
  expect(ran).toBe(false);
});
