// Patterns as facts (spec/roles.md §Patterns).

import { expect, test } from "vitest";
import { isPattern, matches, PATTERN_BYTES_MAX } from "../../src/grants/pattern.ts";

test("a name and a prefix are patterns, and nothing else is", () => {
  const long = "a".repeat(PATTERN_BYTES_MAX);
  for (const good of ["a", "*", "a*", "A-z_0.9:", long, `${long.slice(1)}*`]) {
    expect(isPattern(good), good).toBe(true);
  }
  for (const bad of ["", "**", "*a", "a*b", "a b", "a?", "é", "a/b", "a\n", "a*\n", `${long}a`, `${long}*`]) {
    expect(isPattern(bad), bad).toBe(false);
  }
});

test("a prefix matches itself and what begins with it", () => {
  expect(["cam-", "cam-1"].map(name => matches(["cam-*"], name))).toEqual([true, true]);
  expect(["cam", "xcam-"].map(name => matches(["cam-*", "mic"], name))).toEqual([false, false]);
  expect([matches([], "a"), matches(["*"], "a"), matches(["a"], "a*")]).toEqual([false, true, false]);
});

test("a pattern is within what matches all that it matches", () => {
  for (const [inner, outer] of [
    ["a", "a"],
    ["a", "a*"],
    ["a*", "a*"],
    ["ab*", "a*"],
    ["*", "*"],
  ] as const) {
    expect(matches(["x", outer], inner), `${inner} in ${outer}`).toBe(true);
  }
  for (const [inner, outer] of [
    ["a*", "a"],
    ["a*", "ab*"],
    ["*", "a*"],
    ["b", "a*"],
  ] as const) {
    expect(matches([outer], inner), `${inner} in ${outer}`).toBe(false);
  }
});
