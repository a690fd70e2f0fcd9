// Where a player is.
import { expect, test } from "vitest";
import { shownSize } from "../../../src/media/play/screen.ts";
import { type Facts, stateOf } from "../../../src/media/play/state.ts";

const state = (facts: Partial<Facts>) =>
  stateOf({ isOver: false, hasStreams: true, isBlocked: false, playedAtMs: 5000, ...facts }, 6000);

test("a player plays while something was seen or heard in the last second", () => {
  expect(state({})).toBe("playing");
  expect(state({ playedAtMs: 4999 })).toBe("stalled");
});

test("a player waits for streams, and for the first of them to begin", () => {
  expect(state({ hasStreams: false })).toBe("waiting");
  expect(state({ playedAtMs: -Infinity })).toBe("waiting");
});

test("a player whose sound is held back says so, also while its picture runs", () => {
  expect(state({ isBlocked: true })).toBe("blocked");
  expect(state({ isBlocked: true, hasStreams: false })).toBe("waiting");
});

test("a player that has ended stays so", () => {
  expect(state({ isOver: true, isBlocked: true })).toBe("ended");
});

test("a picture has its display size, turned as its stream says", () => {
  const frame = { displayWidth: 1280, displayHeight: 720 };
  expect(shownSize(frame, {})).toEqual({ width: 1280, height: 720 });
  expect(shownSize(frame, { rotation: 180, flip: true })).toEqual({ width: 1280, height: 720 });
  expect(shownSize(frame, { rotation: 90 })).toEqual({ width: 720, height: 1280 });
});
