// Which layer is read.
import { expect, test } from "vitest";
import { canChangeOver, Layers } from "../../../src/media/play/layer.ts";

/** Time goes by with the picture so far behind; frames come every 100 ms. */
function run(layers: Layers, fromMs: number, forMs: number, behindMs: number): number {
  for (let ms = fromMs; ms < fromMs + forMs; ms += 100) layers.behind(behindMs, ms);
  return fromMs + forMs;
}

test("the largest layer is first, unless one is chosen", () => {
  expect(new Layers(2, 0)).toMatchObject({ wanted: 0, why: "first" });
  expect(new Layers(2, 0, 1)).toMatchObject({ wanted: 1, why: "chosen" });
  expect(new Layers(1, 0, 3)).toMatchObject({ wanted: 0, why: "chosen" });
});

test("a picture that is behind for a second goes down", () => {
  const layers = new Layers(2, 0);
  run(layers, 0, 1000, 500);
  expect(layers.wanted).toBe(0);
  layers.behind(401, 1000);
  expect(layers).toMatchObject({ wanted: 1, why: "behind" });
});

test("a moment in time begins the second again", () => {
  const layers = new Layers(2, 0);
  run(layers, 0, 900, 500);
  layers.behind(300, 900);
  run(layers, 1000, 1000, 500);
  expect(layers.wanted).toBe(0);
});

test("lost frames go down at once, and no lower than there is", () => {
  const layers = new Layers(2, 0);
  layers.lagged(1);
  expect(layers).toMatchObject({ wanted: 1, why: "lagged" });
  layers.changed(2);
  layers.lagged(3);
  expect(layers.wanted).toBe(1);
});

test("nothing more is decided before a change is over", () => {
  const layers = new Layers(3, 0);
  layers.lagged(0);
  layers.lagged(1);
  run(layers, 1, 5000, 900);
  expect(layers.wanted).toBe(1);
  layers.changed(5001);
  layers.lagged(5002);
  expect(layers.wanted).toBe(2);
});

test("ten quiet seconds go up, and being wrong doubles them", () => {
  const layers = new Layers(2, 0);
  layers.lagged(0);
  layers.changed(0);
  let ms = run(layers, 0, 10_000, 50);
  expect(layers.wanted).toBe(1);
  layers.behind(50, ms);
  expect(layers).toMatchObject({ wanted: 0, why: "quiet" });
  layers.changed(ms);
  layers.lagged(ms + 3000);
  layers.changed(ms + 3000);
  ms = run(layers, ms + 3000, 20_000, 50);
  expect(layers.wanted).toBe(1);
  layers.behind(50, ms);
  expect(layers.wanted).toBe(0);
});

test("a layer from which nothing comes is given up after ten seconds", () => {
  const layers = new Layers(2, 0);
  layers.lagged(0);
  run(layers, 0, 10_000, 0);
  expect(layers).toMatchObject({ wanted: 1, why: "lagged" });
  layers.behind(0, 10_000);
  expect(layers).toMatchObject({ wanted: 0, why: "gone" });
  layers.lagged(10_001);
  expect(layers).toMatchObject({ wanted: 1, why: "lagged" });
});

test("a larger layer that gives nothing is tried again after twice the time", () => {
  const layers = new Layers(2, 0);
  layers.lagged(0);
  layers.changed(0);
  let ms = run(layers, 0, 10_100, 0);
  expect(layers.wanted).toBe(0);
  ms = run(layers, ms, 10_000, 0);
  expect(layers.wanted).toBe(1);
  ms = run(layers, ms, 19_900, 0);
  expect(layers.wanted).toBe(1);
  run(layers, ms, 300, 0);
  expect(layers.wanted).toBe(0);
});

test("a layer that held makes the next wait ten seconds again", () => {
  const layers = new Layers(2, 0);
  let ms = 0;
  for (const upFor of [3000, 30_000]) {
    layers.lagged(ms);
    layers.changed(ms);
    while (layers.wanted === 1) ms = run(layers, ms, 100, 0);
    layers.changed(ms);
    ms = run(layers, ms, upFor, 0);
  }
  layers.lagged(ms);
  layers.changed(ms);
  ms = run(layers, ms, 10_000, 0);
  layers.behind(0, ms);
  expect(layers.wanted).toBe(0);
});

test("a moment behind begins the quiet seconds again", () => {
  const layers = new Layers(2, 0);
  layers.lagged(0);
  layers.changed(0);
  run(layers, 0, 9000, 300);
  layers.behind(401, 9000);
  run(layers, 9100, 9900, 300);
  expect(layers.wanted).toBe(1);
  layers.behind(300, 19_000);
  expect(layers.wanted).toBe(0);
});

test("a chosen layer stays, also when frames are lost", () => {
  const layers = new Layers(2, 0, 0);
  layers.lagged(0);
  run(layers, 0, 5000, 900);
  expect(layers.wanted).toBe(0);
});

test("a layer that is gone gives way to the smallest there is", () => {
  const layers = new Layers(2, 0);
  layers.lagged(0);
  layers.setCount(1, 10);
  expect(layers).toMatchObject({ wanted: 0, why: "gone" });
});

test("the change is at a keyframe not older than what is shown", () => {
  expect(canChangeOver(true, 10, 10)).toBe(true);
  expect(canChangeOver(true, 9, 10)).toBe(false);
  expect(canChangeOver(false, 11, 10)).toBe(false);
  expect(canChangeOver(true, 9, undefined)).toBe(true);
});
